"""Follows the tool from log to log, hands out what makes a piece, and lets it begin anew where its room was used up."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable

from .binlog_file import BinlogFile, format_time
from .binlog_reader import BinlogReader, number_of
from .context import Context
from .errors import AgentError
from .jobs import BinlogJob, LogPlace


class Follower:
    """What has come of the logs and was not shipped yet."""

    def __init__(self, job: BinlogJob, context: Context, place: LogPlace, ship: Callable[[BinlogFile], None]) -> None:
        """`ship` sends what waits of a file, and returns when it exists in a store."""
        self.seen = (0, 0)
        """Number of the file and offset in it up to which whole events have come."""
        self.moved = time.monotonic()
        """When anything came, or was shipped."""
        self._foreign = False
        """It is the log of another that has come: nothing of it is shipped."""
        self._ship = ship
        self._place = place
        self._most = job["piece_bytes"]
        self._scratch = job["scratch_bytes"]
        folder = context.private_directory()
        self._reader = BinlogReader(job["tools"], job["source"], context.commands, folder, self._scratch)
        self._file: BinlogFile | None = None

    def start(self) -> None:
        """Have the tool begin at the place."""
        self._reader.start(self._place["file"], self._place["offset"])

    def stop(self) -> None:
        """End the tool."""
        self._reader.stop()

    def follow(self) -> None:
        """Take in what has come; ship what is enough for a piece, and the rest of each file that has ended."""
        alive = self._reader.runs()
        while self._take_in():
            self.ship_rest()
        if self._reader.full:
            self._make_room()
        elif not alive:
            self._reader.check()

    def ship_all(self) -> None:
        """Ship what is whole of what has come, after an error of the source's."""
        with contextlib.suppress(AgentError):  # it is the error that is known
            while self._take_in():
                self.ship_rest()
        self.ship_rest()

    def ship_rest(self) -> None:
        """Ship what waits, if anything does."""
        file = self._file
        if file is None or self._foreign or (file.end == file.start and not file.ended):
            return
        self._ship(file)
        file.shipped()
        self.moved = time.monotonic()
        if file.ended:
            file.remove()
            self._file, self._place = None, LogPlace(file=file.next_file, offset=0, created_at="")

    def _take_in(self) -> bool:
        """Look at what has come; say whether there is a piece to ship."""
        # in this order: when there is a second log, nothing of the first is still to come
        logs = self._reader.files()
        if self._file is None:
            if not logs:
                return False
            self._file = BinlogFile(logs[0], self._place["offset"])
        file = self._file
        file.scan(self._most)
        self._require_same(file)
        place = number_of(file.name), file.end
        if place > self.seen:
            self.seen, self.moved = place, time.monotonic()
        if file.end - file.start < self._most and len(logs) > 1:
            file.end_here()
        return file.ended or file.end - file.start >= self._most

    def _require_same(self, file: BinlogFile) -> None:
        wanted = self._place["created_at"]
        if wanted and file.created_at and format_time(file.created_at) != wanted:
            self._foreign = True
            raise AgentError(
                "source",
                f"binary log {file.name} is not the one that was shipped under that name",
                detail=f"this one was begun {format_time(file.created_at)}, that one {wanted}",
                hint="The server counts its logs anew (RESET MASTER, or it was restored). Give them another name (log_bin), and"
                " take a backup: any second after it can be reached.",
            )

    def _make_room(self) -> None:
        """Begin anew behind what was shipped, with an empty directory."""
        self.ship_rest()
        file, waiting = self._file, 0
        place = self._place
        if file is not None:
            place = LogPlace(file=file.name, offset=file.end, created_at=format_time(file.created_at) or "")
            waiting = file.waiting_event()
            file.remove()
            self._file = None
        room = self._scratch + waiting
        if place == self._place and room <= self._reader.most:
            raise AgentError(
                "tool",
                f"there is no room for the binary log in {self._reader.folder.parent}",
                hint="Free space there, or let TMPDIR name another disk.",
            )
        self._reader.most, self._place = room, place
        self.start()
