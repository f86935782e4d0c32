"""Tests that need a whole OpenStack: scripts/test-openstack starts one and runs them; without it they are not collected at all.

Files named `test_libvirt*.py` want machines that are real, all others Nova's fake driver.
"""

from __future__ import annotations

import json
import os
import pathlib
from collections.abc import Iterator

import pytest

from tests.openstack.tenant import Bed

BED = json.loads(pathlib.Path(os.environ["PROVEN_OPENSTACK_BED"]).read_text()) if "PROVEN_OPENSTACK_BED" in os.environ else None

match BED:
    case None:
        collect_ignore_glob = ["test_*.py"]
    case {"kind": "libvirt"}:
        collect_ignore = [file for file in pathlib.Path(__file__).parent.glob("test_*.py") if "libvirt" not in file.name]
    case _:
        collect_ignore_glob = ["test_libvirt*.py"]


@pytest.fixture(scope="session")
def bed() -> Bed:
    """The OpenStack that scripts/test-openstack has started."""
    assert BED is not None, "run scripts/test-openstack: it starts one"
    return Bed(BED)


@pytest.fixture
def left(bed: Bed) -> Iterator[None]:
    """Check that the test leaves nothing of the project: no server, port or security group."""
    yield
    assert bed.everything() == {"servers": [], "ports": [], "groups": ["default"]}
