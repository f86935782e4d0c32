"""Sources that keep a binary log, the fleet of one, and what its stores hold of that log."""

from __future__ import annotations

import pathlib
import subprocess
import time

from include.proven.catalog import Catalog
from include.proven.catalog.binlogs import Segment, SegmentName
from include.proven.engines.grants import binlog_grants
from include.proven.installation import Installation
from tests.servers.databases import LOOPBACK, DatabaseServer

OPTIONS = {
    "mariadb": ["--log-bin=binlog", "--server-id=7", "--binlog-format=ROW", "--binlog-checksum=CRC32"],
    "mysql": ["--log-bin=binlog", "--server-id=7", "--gtid-mode=ON", "--enforce-gtid-consistency=ON"],
}
"""What makes a server keep a binary log."""


IN_USE_AT = 21
"""Where the flags of the event begin that describes a log; the first one says that the server has it open. It is never sent."""


def let_stream(source: DatabaseServer) -> None:
    """Give the backup account what a stream needs besides."""
    source.sql(binlog_grants(f"proven@'{LOOPBACK}'", source.flavour))


def identity(source: DatabaseServer) -> str:
    """Return the server's identity, as manifests have it."""
    return source.sql(f"SELECT @@GLOBAL.{'server_uid' if source.flavour == 'mariadb' else 'server_uuid'}")[0][0]


def logs(source: DatabaseServer) -> list[str]:
    """Return the names of the server's logs, oldest first."""
    return [row[0] for row in source.sql("SHOW BINARY LOGS")]


def log_bytes(source: DatabaseServer, name: str) -> bytes:
    """Return a log as it lies on the server's disk, without the mark of one that is open: a crash leaves it there."""
    content = bytearray((source.process.datadir / name).read_bytes())
    content[IN_USE_AT] &= ~1
    return bytes(content)


def segments(catalog: Catalog, source: DatabaseServer) -> list[Segment]:
    """Return the records of all pieces, in order."""
    return [catalog.segment(name) for name in catalog.segment_names("shop", identity(source))]


def plain(installation: Installation, catalog: Catalog, segment: Segment) -> bytes:
    """Return the bytes of a piece, decrypted and decompressed by the real tools."""
    home = installation.fleet.gnupg.home
    sealed = catalog.store.read_start(f"{segment.name.folder}/{segment.artifact.name}", segment.artifact.bytes)
    argv = ["gpg", "--batch", "--homedir", str(home), "--quiet", "--decrypt"]
    squeezed = subprocess.run(argv, input=sealed, capture_output=True, check=True).stdout
    return subprocess.run(["zstd", "-q", "-d", "-c"], input=squeezed, capture_output=True, check=True).stdout


def put_together(installation: Installation, source: DatabaseServer, store: str = "swift") -> dict[str, bytes]:
    """Return each log as the pieces in a store make it. Fail the test where one is missing or there twice."""
    catalog = installation.catalog("shop", store)
    found: dict[str, bytes] = {}
    for segment in segments(catalog, source):
        name = segment.name
        assert len(found.get(name.file, b"")) == name.start, f"{name} does not follow the piece before it"
        found[name.file] = found.get(name.file, b"") + plain(installation, catalog, segment)
        assert len(found[name.file]) == name.end
    return found


def purge(source: DatabaseServer, file: str) -> None:
    """Have the server forget a log and those before it. It keeps one that is read, or needed after a crash, without a word."""
    while file in logs(source):
        for number in [row[0] for row in source.sql("SHOW PROCESSLIST") if row[4].startswith("Binlog Dump")]:
            source.run(source.tools["client"], source.admin, f"KILL {number}".encode())  # it may be gone by now
        source.sql(f"PURGE BINARY LOGS TO '{logs(source)[-1]}'")
        time.sleep(0.1)


def names(catalog: Catalog, source: DatabaseServer) -> list[SegmentName]:
    """Return the names of all pieces, in order."""
    return catalog.segment_names("shop", identity(source))


def files_below(folder: pathlib.Path) -> list[pathlib.Path]:
    """Return the files in a folder and all folders below."""
    return [path for path in folder.rglob("*") if path.is_file()]
