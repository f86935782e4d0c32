"""The locks hold what is wanted, exactly, with hashes, and name no index."""

from __future__ import annotations

import pathlib
import re

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = pathlib.Path(__file__).parents[2]
PARTS = [
    "requirements",
    *(f"requirements-{part}" for part in ("dev", "swift", "keystone", "openstack", "openstack-libvirt", "uv")),
]


def wanted(part: str) -> list[Requirement]:
    lines = (line.partition(" #")[0].strip() for line in (ROOT / f"{part}.in").read_text().splitlines())
    return [Requirement(line) for line in lines if line and not line.startswith(("#", "-"))]


def locked(part: str) -> dict[str, set[str]]:
    """Name → exact versions: more than one where Python versions or platforms differ."""
    versions: dict[str, set[str]] = {}
    for name, version in re.findall(
        r"^([A-Za-z0-9._-]+)(?:\[[^]]*\])?==([^\s;\\]+)", (ROOT / f"{part}.txt").read_text(), re.MULTILINE
    ):
        versions.setdefault(canonicalize_name(name), set()).add(version)
    return versions


@pytest.mark.parametrize("part", PARTS)
def test_what_is_wanted_is_locked(part: str) -> None:
    versions = locked(part)
    assert wanted(part)
    for requirement in wanted(part):
        found = versions.get(canonicalize_name(requirement.name))
        assert found, f"{requirement.name} is not in {part}.txt: run scripts/lock"
        assert all(requirement.specifier.contains(version, prereleases=True) for version in found)


@pytest.mark.parametrize("part", PARTS)
def test_every_package_is_exact_and_has_hashes_and_no_index_is_named(part: str) -> None:
    text = (ROOT / f"{part}.txt").read_text()
    entries = re.split(r"^(?=[A-Za-z0-9])", text, flags=re.MULTILINE)[1:]
    assert len(entries) == sum(len(versions) for versions in locked(part).values())
    assert all("--hash=sha256:" in entry for entry in entries)
    assert not re.search(r"^--|https?://", text, re.MULTILINE)


def test_the_dev_environment_is_the_same_and_more() -> None:
    runtime, dev = locked("requirements"), locked("requirements-dev")
    assert {name: dev.get(name) for name in runtime} == runtime
    assert set(dev) > set(runtime)


def test_the_swift_that_trusts_keystone_is_the_demos() -> None:
    demo, tests = locked("requirements-swift"), locked("requirements-keystone")
    assert {name: tests.get(name) for name in demo} == demo
