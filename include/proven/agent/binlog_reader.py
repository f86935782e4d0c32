"""The tool that fetches binary logs into a directory of this host, and how much of the disk it may take."""

from __future__ import annotations

import pathlib
import re
import secrets
import shutil
import threading

from . import client, explain
from .errors import AgentError
from .pipeline import describe_status
from .processes import CommandLog, Process
from .protocol import Endpoint, Tools

SERVER_ID = "{server_id}"
LOG_NAME = re.compile(r".+\.(\d+)")
LOOK = 0.1
"""Seconds between two looks at the disk."""
LEAST_FREE = 256 * 1024 * 1024
"""Bytes of the disk that are left to others."""
PURGED = "Could not find first log file"
TOO_SHORT = re.compile(r"position > file size|impossible position|bogus data")


class BinlogReader:
    """Runs the tool; ends it when `most` bytes lie in the directory, so that what it reads never fills the disk."""

    def __init__(self, tools: Tools, endpoint: Endpoint, commands: CommandLog, folder: pathlib.Path, most: int) -> None:
        self.folder = folder
        self.most = most
        self.full = False
        """It was ended because there was no room."""
        self._tools = tools
        self._endpoint = endpoint
        self._commands = commands
        self._process: Process | None = None

    def start(self, file: str, offset: int) -> None:
        """Fetch the logs, from that offset of that file on, into the empty directory. To be called in the main thread."""
        # each reader needs a number of its own: a server ends the older of two that have the same
        number = str(secrets.randbelow(1 << 30) + (1 << 30))
        argv = [word.replace(SERVER_ID, number) for word in self._tools["binlog"]]
        place = [f"--start-position={offset}"] if offset else []
        argv += [f"--result-file={self.folder}/", *place, file]
        self.full = False
        self._process = client.start_with_defaults(argv, self._tools, self._endpoint, self._commands)
        threading.Thread(target=self._guard, args=[self._process], name="room for logs", daemon=True).start()

    def files(self) -> list[pathlib.Path]:
        """Return the logs that are here, in the order in which the server wrote them."""
        return sorted(self.folder.iterdir(), key=lambda path: number_of(path.name))

    def runs(self) -> bool:
        """Say whether the tool still runs."""
        return self._process is not None and self._process.runs()

    def check(self) -> None:
        """Raise AgentError if the tool has ended by itself: it never should, whatever its exit status."""
        if self._process is not None and not self._process.killed:
            raise self._explain(self._process, self._process.wait())

    def stop(self) -> None:
        """End the tool."""
        if self._process is not None:
            self._process.close()

    def _guard(self, process: Process) -> None:
        """End the tool when its logs take up too much room."""
        gone = threading.Event()
        while process.runs():
            if self._used() > self.most or shutil.disk_usage(self.folder).free < LEAST_FREE:
                process.kill()
                process.wait()
                self.full = True
                return
            gone.wait(LOOK)

    def _used(self) -> int:
        total = 0
        for path in self.folder.iterdir():
            try:
                total += path.stat().st_size
            except FileNotFoundError:
                continue  # it was shipped and removed just now
        return total

    def _explain(self, process: Process, status: int) -> AgentError:
        words, server = process.last_words(), explain.address(self._endpoint)
        detail = explain.last_line(words)
        if PURGED in words:
            return purged(detail)
        if TOO_SHORT.search(words):
            return AgentError(
                "source",
                "the binary log is shorter than what was shipped of it",
                detail=detail,
                hint="The server crashed before it was on its disk (sync_binlog), was reset (RESET MASTER) or restored: take a"
                " backup; any second after it can be reached again.",
            )
        if explain.error_code(words) or explain.PRIVILEGE.search(words):
            found = explain.source_error("reading the binary log", words, self._endpoint)
            hint = found.hint or explain.grant_hint(words, self._endpoint["user"])
            return AgentError("source", found.what, detail=detail, hint=hint)
        return AgentError(
            "source",
            f"{server}: the binary log's stream ended: {process.name} {describe_status(status)}",
            detail=detail or "it said nothing",
            hint="The server was stopped, restarted, or can't be reached. The next run goes on where this one ended.",
        )


def number_of(name: str) -> int:
    """Return the number that the name of a log ends with; 0 if it has none."""
    found = LOG_NAME.fullmatch(name)
    return int(found[1]) if found else 0


def purged(detail: str) -> AgentError:
    """Return the AgentError for logs that are gone before they were shipped."""
    return AgentError(
        "source",
        "a binary log was purged from the server before it was shipped: there is a gap",
        detail=detail,
        hint="Take a backup: any second after it can be reached, none in the gap. Then let the server keep its logs longer"
        " (binlog_expire_logs_seconds, expire_logs_days).",
    )
