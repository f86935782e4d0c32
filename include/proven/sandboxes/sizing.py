"""Which size of machine a recovery point needs, and which image."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from include.proven.engines.contract import Engine
from include.proven.errors import SandboxError
from include.proven.manifest import Server
from include.proven.sandboxes.cloud import Size

GIBIBYTE = 1024**3
LEAST_MEMORY = GIBIBYTE
MEMORY_SHARE = 8
"""The database gets an eighth of its data as memory: a load writes in the order of the primary keys and reads little back."""
SYSTEM_BYTES = 8 * 10**9
"""The image, its packages, and an empty server's redo log and system tables."""
FLAVOURS = {"mariadb": "MariaDB", "mysql": "MySQL"}


def choose(sizes: Sequence[Size], data_bytes: int, space_factor: float, *, sandbox: str) -> tuple[Size, int]:
    """Given the sizes in the fleet's order and the plain size of the dump, return a size and the bytes of the volume that
    it boots from.

    It is the first whose memory and disk suffice (volume 0: its own disk); where no disk does, the first whose memory does,
    with a volume as large as needed, in whole GiB. Raise SandboxError if none has the memory.
    """
    memory, disk = max(LEAST_MEMORY, data_bytes // MEMORY_SHARE), int(data_bytes * space_factor) + SYSTEM_BYTES
    enough = [size for size in sizes if size.memory_bytes >= memory]
    for size in enough:
        if size.disk_bytes >= disk:
            return size, 0
    if enough:
        return enough[0], -(-disk // GIBIBYTE) * GIBIBYTE
    largest = max(size.memory_bytes for size in sizes)
    raise SandboxError(
        f"no space for the sandbox in {sandbox}: needs {memory / 1e9:,.1f} GB of memory, has {largest / 1e9:,.1f} GB",
        detail=", ".join(f"{size.name}: {size.memory_bytes / 1e9:,.1f} GB" for size in sizes),
        hint=f"The dump is {data_bytes / 1e9:,.1f} GB: add a size with an eighth of that as memory to the sandbox's `sizes`.",
    )


def choose_image(images: Mapping[str, str], engine: Engine, server: Server, *, sandbox: str) -> tuple[str, str]:
    """Given the fleet's images by flavour and series (`mariadb-10.11`), return that series and its image for a source.

    Raise SandboxError, naming what there is, if none is of the source's flavour and series.
    """
    for series, image in images.items():
        flavour, _, number = series.partition("-")
        version = f"{number}.0-MariaDB" if flavour == "mariadb" else f"{number}.0"
        if flavour == engine.flavour and engine.same_series(server, version):
            return series, image
    raise SandboxError(
        f"sandbox {sandbox} has no image of its series: the source was {FLAVOURS[server.flavour]} {server.version}",
        detail=f"images: {', '.join(images)}",
        hint="A dump is judged by a server of its own flavour and series only: add an image with it to the sandbox's `images`.",
    )
