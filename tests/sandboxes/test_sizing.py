"""Which size and image a recovery point gets."""

from __future__ import annotations

import pytest

from include.proven import engines
from include.proven.errors import SandboxError
from include.proven.sandboxes import sizing
from include.proven.sandboxes.cloud import Size
from tests.sandboxes.kinds import Flavour, a_server

GB, GIBIBYTE = 10**9, 1024**3
TINY = Size("tiny", GIBIBYTE // 2, 500 * GB)
SMALL = Size("small", 2 * GIBIBYTE, 20 * GB)
LARGE = Size("large", 32 * GIBIBYTE, 200 * GB)
BARE = Size("bare", 16 * GIBIBYTE, 0)
IMAGES = {"mariadb-10.11": "bookworm", "mariadb-10.6": "jammy", "mysql-8.4": "noble", "mysql-9.7": "sid"}


@pytest.mark.parametrize(
    ("sizes", "data", "chosen", "volume"),
    [
        ([TINY, SMALL, LARGE], 0, SMALL, 0),
        ([SMALL, LARGE], 4 * GB, SMALL, 0),  # 2.5 × 4 + 8 = 18
        ([SMALL, LARGE], 5 * GB, LARGE, 0),  # 20.5
        ([LARGE, SMALL], 0, LARGE, 0),  # the fleet's order
        ([SMALL, BARE], 5 * GB, SMALL, 20 * GIBIBYTE),  # 20.5 GB in whole GiB
        ([SMALL, BARE], 20 * GB, BARE, 55 * GIBIBYTE),  # 2.5 GB of memory
        ([BARE], 0, BARE, 8 * GIBIBYTE),
        ([SMALL, BARE, LARGE], 60 * GB, LARGE, 0),  # a disk before a volume
    ],
)
def test_first_whose_memory_and_disk_suffice_else_a_volume(sizes: list[Size], data: int, chosen: Size, volume: int) -> None:
    assert sizing.choose(sizes, data, 2.5, sandbox="nova") == (chosen, volume)


def test_no_memory_is_told_with_all_sizes() -> None:
    with pytest.raises(SandboxError, match=r"needs 125\.0 GB of memory, has 34\.4 GB") as caught:
        sizing.choose([SMALL, LARGE], 1000 * GB, 2.5, sandbox="nova")
    assert caught.value.detail == "small: 2.1 GB, large: 34.4 GB"


@pytest.mark.parametrize(
    ("flavour", "version", "image"),
    [
        ("mariadb", "10.11.19-MariaDB-0+deb12u1", "bookworm"),
        ("mariadb", "10.6.3-MariaDB", "jammy"),
        ("mysql", "8.4.0", "noble"),
        ("mysql", "9.7.1-2", "sid"),
    ],
)
def test_image_is_of_the_sources_flavour_and_series(flavour: Flavour, version: str, image: str) -> None:
    found = sizing.choose_image(IMAGES, engines.engine(flavour), a_server(flavour, version), sandbox="nova")
    assert found[1] == image
    assert found[0].startswith(flavour)


@pytest.mark.parametrize(("flavour", "version"), [("mariadb", "10.1.1-MariaDB"), ("mysql", "10.11.1"), ("mysql", "8.0.40")])
def test_missing_image_names_those_that_are_there(flavour: Flavour, version: str) -> None:
    with pytest.raises(SandboxError, match=rf"the source was (MariaDB|MySQL) {version}") as caught:
        sizing.choose_image(IMAGES, engines.engine(flavour), a_server(flavour, version), sandbox="nova")
    assert caught.value.detail == "images: mariadb-10.11, mariadb-10.6, mysql-8.4, mysql-9.7"
    assert "`images`" in caught.value.hint
