"""Incremental and differential backups: what they cost, that the whole chain is proven, and which chains are refused."""

from __future__ import annotations

import pytest

from include.proven import backup, chains, drill, ids
from include.proven.catalog import Catalog
from include.proven.errors import IntegrityError, SourceError
from include.proven.installation import Installation
from include.proven.manifest import Manifest
from include.proven.proof.verdict import Verdict
from tests.physical.conftest import Writing
from tests.servers.databases import DatabaseServer
from tests.servers.writing import write_pages


def take(installation: Installation, kind: str) -> Manifest:
    """Take a backup of that kind."""
    return backup.take_backup(installation, "shop", backup.new_id(kind=kind)).manifest


def run_drill(installation: Installation, point: str) -> Verdict:
    """Drill one recovery point."""
    return drill.run(installation, drill.Drill(ids.new_drill(), "shop", point, "swift", "local"))


def stored(manifest: Manifest) -> int:
    """Return how many bytes a recovery point takes up."""
    return sum(artifact.bytes for artifact in manifest.artifacts)


def test_a_full_one_and_three_links_under_writes_are_proven(
    installation: Installation, shop: DatabaseServer, writing: Writing
) -> None:
    full = take(installation, "full")
    links = [full]
    with writing():
        for number in range(3):
            shop.sql(f"CREATE TABLE made_{number} (id INT PRIMARY KEY); INSERT INTO made_{number} VALUES ({number})", "shop")
            links.append(take(installation, "incremental"))
    assert [link.base for link in links] == ["", *(link.recovery_point for link in links[:-1])]
    assert [link.recovery_point for link in chains.chain_of(installation.catalog("shop"), links[-1])] == [
        link.recovery_point for link in links
    ]
    verdict = run_drill(installation, links[-1].recovery_point)
    assert verdict.outcome == "proven", (verdict.reason, verdict)
    differential = take(installation, "differential")
    assert (differential.kind, differential.base) == ("differential", full.recovery_point)
    verdict = run_drill(installation, differential.recovery_point)
    assert verdict.outcome == "proven", (verdict.reason, verdict)


def test_an_incremental_after_one_percent_of_the_rows_is_small(installation: Installation, shop: DatabaseServer) -> None:
    shop.sql("CREATE TABLE much (id INT PRIMARY KEY, text VARCHAR(255))", "shop")
    shop.sql("INSERT INTO much SELECT seq, CONCAT(SHA2(seq, 512), MD5(seq)) FROM seq_1_to_500000", "shop")
    write_pages(shop)
    full = take(installation, "full")
    shop.sql("UPDATE much SET text = REVERSE(text) WHERE id <= 5000", "shop")
    link = take(installation, "incremental")
    assert stored(link) <= stored(full) * 0.05, (stored(link), stored(full))
    shop.sql("DROP TABLE much", "shop")


def test_a_broken_chain_is_refused_and_names_the_link(installation: Installation) -> None:
    full, first, second = take(installation, "full"), take(installation, "incremental"), take(installation, "incremental")
    catalog = installation.catalog("shop")
    catalog.store.delete_folder(f"shop/{first.recovery_point}")
    with pytest.raises(
        IntegrityError, match=f"broken at {second.recovery_point}: its base {first.recovery_point} is not"
    ) as met:
        chains.chain_of(catalog, second)
    assert full.recovery_point in met.value.hint
    verdict = run_drill(installation, second.recovery_point)
    assert (verdict.outcome, first.recovery_point in verdict.reason) == ("refuted", True)


@pytest.mark.parametrize(
    ("changes", "words"),
    [({"from_lsn": 5}, "begins at log sequence number 5"), ({"identity": "another"}, "is of server")],
)
def test_a_link_of_another_base_is_refused(
    installation: Installation, monkeypatch: pytest.MonkeyPatch, changes: dict[str, object], words: str
) -> None:
    take(installation, "full")
    link = take(installation, "incremental")
    assert link.pages is not None
    pages = link.pages.model_copy(update={name: value for name, value in changes.items() if name == "from_lsn"})
    server = link.server.model_copy(update={name: value for name, value in changes.items() if name == "identity"})
    with pytest.raises(IntegrityError, match=words):
        chains.chain_of(installation.catalog("shop"), link.model_copy(update={"pages": pages, "server": server}))


def test_a_link_is_not_taken_of_a_server_that_was_made_anew(
    installation: Installation, shop: DatabaseServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its pages would not be those of the base, and no tool could tell."""
    full = take(installation, "full")
    assert full.pages is not None
    read = Catalog.manifest
    later = full.pages.model_copy(update={"to_lsn": full.pages.to_lsn + 10**12})
    with monkeypatch.context() as patched, pytest.raises(SourceError, match="has written up to log sequence number"):
        patched.setattr(Catalog, "manifest", lambda self, *about: read(self, *about).model_copy(update={"pages": later}))
        take(installation, "incremental")
    shop.sql(f"DELETE FROM proven_canary.canary WHERE recovery_point = '{full.recovery_point}'")
    with pytest.raises(SourceError, match=f"does not know of the base {full.recovery_point}"):
        take(installation, "incremental")
