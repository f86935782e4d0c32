"""A source that keeps a binary log, a fleet on a directory store, and in it pieces of that log."""

from __future__ import annotations

import contextlib
import dataclasses
import datetime
import hashlib
import io
import itertools
import pathlib
import secrets
import struct
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from typing import Any

import pytest

from include.proven import backup
from include.proven.catalog.binlogs import Segment, SegmentName
from include.proven.demo.keys import DemoKeys
from include.proven.installation import Installation
from include.proven.manifest import Artifact, Manifest
from tests.sabotage.yard import write_fleet
from tests.servers.databases import DatabaseServer, run_source
from tests.servers.fleets import RECIPIENTS, FleetFiles
from tests.servers.pager import Pager, running_pager
from tests.stores import agent_side

OPTIONS = {
    "mariadb": ["--log-bin=mysql-bin", "--binlog-format=ROW", "--server-id=7"],
    "mysql": ["--log-bin=mysql-bin", "--gtid-mode=ON", "--enforce-gtid-consistency=ON", "--server-id=7"],
}


@dataclasses.dataclass
class Logged:
    """A database whose log is shipped."""

    source: DatabaseServer
    files: FleetFiles
    opened: Installation
    store: pathlib.Path
    """The directory that is the store."""
    pager: Pager

    def back_up(self, kind: str = "full") -> Manifest:
        """Take a recovery point of all schemas."""
        return backup.take_backup(self.opened, "shop", backup.new_id(kind=kind)).manifest

    def sql(self, text: str) -> list[list[str]]:
        """Run SQL as root."""
        return self.source.sql(text)

    def now(self) -> datetime.datetime:
        """Return the source's clock."""
        seconds = float(self.sql("SELECT UNIX_TIMESTAMP(NOW(6))")[0][0])
        return datetime.datetime.fromtimestamp(seconds, datetime.UTC)

    def next_second(self) -> datetime.datetime:
        """Wait on the source until another second has begun, and return it."""
        before = self.now()
        while (now := self.now()).replace(microsecond=0) == before.replace(microsecond=0):
            self.sql("DO SLEEP(0.05)")
        return now.replace(microsecond=0)

    def log_files(self) -> list[str]:
        """Return the names of the server's log files, oldest first."""
        return [row[0] for row in self.sql("SHOW BINARY LOGS")]

    def ship(self) -> list[SegmentName]:
        """Put what is written of the log into the store, each file in three pieces, and return their names in order."""
        shipped_at = self.now()
        names, last = [], self.log_files()[-1]
        server = self.opened.catalog("shop").manifest("shop", self.opened.catalog("shop").recovery_points("shop")[-1]).server
        for file in self.log_files():
            starts = {int(row[4]): int(row[1]) for row in self.sql(f"SHOW BINLOG EVENTS IN '{file}'")}
            ends = sorted(starts)
            content = (self.source.process.directory / "data" / file).read_bytes()[: ends[-1]]
            cuts = sorted({0, ends[len(ends) // 3], ends[2 * len(ends) // 3], ends[-1]})
            for start, end in itertools.pairwise(cuts):
                rotated = end == ends[-1] and file != last
                (seconds,) = struct.unpack_from("<I", content, starts[end])  # of the piece's last event
                complete_to = datetime.datetime.fromtimestamp(seconds, datetime.UTC)
                if (file, end) == (last, ends[-1]):
                    complete_to = shipped_at
                name = SegmentName("shop", server.identity, file, start, end)
                self._publish(name, content[start:end], rotated=rotated, complete_to=complete_to)
                names.append(name)
        return names

    def publish(self, segment: Segment, *, start: int, end: int) -> None:
        """Put another piece of a segment's file into the store, signed as any: what a stream would do that is wrong."""
        content = (self.source.process.directory / "data" / segment.file).read_bytes()[start:end]
        self._publish(segment.name._replace(start=start, end=end), content, rotated=False, complete_to=segment.complete_to)

    def _publish(self, name: SegmentName, plain: bytes, *, rotated: bool, complete_to: datetime.datetime) -> None:
        squeezed = subprocess.run(["zstd", "-q", "-c"], input=plain, capture_output=True, check=True).stdout
        recipients = [argument for one in RECIPIENTS for argument in ("--recipient", one)]
        argv = ["gpg", "--batch", "--homedir", str(self.files.gpg_home), "--trust-model", "always", "-z", "0", *recipients]
        sealed = subprocess.run([*argv, "--encrypt"], input=squeezed, capture_output=True, check=True).stdout
        store, file = self.opened.store("disk"), f"{name.start:012}-{secrets.token_hex(4)}.binlog.zst.gpg"
        upload = store.begin_upload(f"{name.folder}/{file}")
        parts = agent_side.send_stream(store, upload, io.BytesIO(sealed), part_bytes=1 << 20)  # type: ignore[arg-type]
        store.commit_upload(upload, parts)
        artifact = Artifact(
            name=file,
            role="binlog",
            bytes=len(sealed),
            sha256=hashlib.sha256(sealed).hexdigest(),
            plain_bytes=len(plain),
            plain_sha256=hashlib.sha256(plain).hexdigest(),
            end_marker="",
            parts=parts,
        )
        stem, _, number = name.file.rpartition(".")
        segment = Segment(
            database="shop",
            server=name.server,
            file=name.file,
            start=name.start,
            end=name.end,
            rotated=rotated,
            next_file=f"{stem}.{int(number) + 1:06}" if rotated else "",
            first_event_at=None,
            last_event_at=None,
            complete_to=complete_to,
            artifact=artifact,
        )
        self.opened.catalog("shop").publish_segment(segment)


@contextlib.contextmanager
def running(
    flavour: str, path: list[pathlib.Path], keys: DemoKeys, *, options: Sequence[str] = (), **database: Any
) -> Iterator[Logged]:
    """Run a source that keeps a log, with more `options`, and a fleet of its own. `database`: more of its settings there."""
    with contextlib.ExitStack() as stack:
        source = stack.enter_context(
            contextlib.contextmanager(run_source)(flavour, path, options=[*OPTIONS[flavour], *options])
        )
        pager = stack.enter_context(running_pager())
        folder = pathlib.Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="proven-logged-")))
        sandboxes = pathlib.Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="proven-sandboxes-", dir="/var/tmp")))
        sandboxes.chmod(0o711)
        files = write_fleet(folder, source, "", keys.home, sandboxes, pager)
        files.document["databases"]["shop"] |= {"schemas": None, **database}
        files.write()
        opened = files.open(stack.enter_context(pytest.MonkeyPatch.context()))
        yield Logged(source, files, opened, folder / "disk", pager)
