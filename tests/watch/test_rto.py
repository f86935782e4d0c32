"""A restore that took longer than promised is told until a newer proven one keeps the promise."""

from __future__ import annotations

import pathlib

import pytest

from include.proven.demo.keys import DemoKeys
from include.proven.installation import Installation
from include.proven.watch import recency
from include.proven.watch.concern import Finding
from tests.watch import installations


def look(installation: Installation) -> list[Finding]:
    """Return what is wrong with recovery times; that these proofs are old, too, is no matter here."""
    return [found for found in recency.look(installation, installations.NOW) if found.kind == "rto-missed"]


@pytest.mark.failure("C11")
def test_the_newest_proven_drill_counts(gpg_home: DemoKeys, tmp_path: pathlib.Path) -> None:
    """Promised is one hour. A drill that proved nothing measured nothing that counts."""
    stores = {name: installations.directory(tmp_path / name) for name in ("one", "two")}
    installation = installations.install(gpg_home.home, stores)
    one, two = (installation.catalog("shop", name) for name in stores)
    point = installations.point_of(5)

    assert look(installation) == []
    for catalog, name in ((one, "one"), (two, "two")):
        installations.put(catalog, tmp_path / name, point, 1000)
    installations.prove(one, point, 4, rto=3000.0)
    assert look(installation) == []
    late = installations.prove(two, point, 3, rto=4000.0)
    installations.prove(one, point, 2, rto=100.0, outcome="refuted")
    (found,) = look(installation)
    assert (found.key, found.database) == ("rto-missed", "shop")
    assert found.summary == "build and restore took 1 h 06 min; promised: 1 h 00 min"
    assert late in found.detail
    assert "restore 1 h 06 min" in found.detail
    assert "./proven report shop" in found.hint
    installations.prove(one, point, 1, rto=3600.0)
    assert look(installation) == []


def test_a_verdict_that_nobody_of_ours_has_signed_does_not_count(gpg_home: DemoKeys, tmp_path: pathlib.Path) -> None:
    installation = installations.install(gpg_home.home, {"one": installations.directory(tmp_path / "one")})
    catalog, point = installation.catalog("shop"), installations.point_of(5)
    installations.put(catalog, tmp_path / "one", point, 1000)
    installations.prove(catalog, point, 4, rto=4000.0)
    drill = installations.prove(catalog, point, 3, rto=4500.0)
    path = tmp_path / "one/shop" / point / f"drills/{drill}.json"
    path.write_bytes(path.read_bytes().replace(b"4500.0", b"1500.0"))
    (found,) = look(installation)
    assert "1 h 06 min" in found.summary
