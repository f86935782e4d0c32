"""Job `binlog`: the server's binary log, as it is written, goes to the stores in pieces: whole events, encrypted, in order.

The bytes of a piece are kept here until the controller has said that it exists. Whoever dies before that loses nothing: the
next stream begins behind the last piece that exists, and what the server has it sends again.
"""

from __future__ import annotations

import secrets
import time
import urllib.parse
from typing import Any, NamedTuple

from . import binlog_place, client, position, processes, sealing, server, ticks
from .asking import Asker
from .binlog_file import BinlogFile, format_time
from .binlog_follower import Follower
from .binlog_reader import number_of
from .context import Context, peak_rss_bytes
from .destinations import Destinations
from .errors import AgentError
from .jobs import BinlogJob
from .outgoing import Outgoing
from .pipeline import Pipeline

POLL = 0.1
PATIENCE = 60.0
"""Seconds in which something of what the server has written must arrive."""
LOCK_SECONDS = 10.0
"""Within these the session of a stream that was killed just now is gone."""
NOW = "SELECT DATE_FORMAT(UTC_TIMESTAMP(6), '%Y-%m-%dT%H:%i:%s.%f+00:00')"


class Mark(NamedTuple):
    """All that was committed before `at`, by the source's clock, lies before this place in its logs."""

    at: str
    place: tuple[int, int]
    """Number of the file, and offset in it."""


def run(job: BinlogJob, context: Context) -> dict[str, Any]:
    """Follow the log and ship it; return the result as `jobs.BinlogJob` describes it. Raise AgentError."""
    for program in (job["tools"]["binlog"][0], job["tools"]["client"][0], "zstd", "gpg"):
        processes.find_program(program, job["tools"]["path"])
    with client.Session(job["tools"], job["source"], context.commands) as session:
        Stream(job, context, session).run()
    return {
        "stages": context.progress.stages(),
        "commands": context.commands.as_list(),
        "peak_rss_bytes": peak_rss_bytes(),
    }


class Stream:
    """One stream that runs: marks how far the server is, follows it there, ships."""

    def __init__(self, job: BinlogJob, context: Context, session: client.Session) -> None:
        self._job = job
        self._context = context
        self._session = session
        self._destinations = Destinations(job["stores"])
        asker = Asker(job["tools"], job["source"], context.commands)
        self._server = server.describe(session)
        binlog_place.require_server(self._server, job["server"])
        binlog_place.be_the_only_one(session, job["lock"], min(job["lag"], LOCK_SECONDS))
        server.steady(session, self._server["flavour"])
        self._positions = position.Reader(asker, self._server)
        place, self._skipped = binlog_place.choose(asker, session, job["places"])
        self._keys = sealing.write_keys(context.private_directory(), job["recipients"])
        self._follower = Follower(job, context, place, self._ship)
        self._mark: Mark | None = None
        self._complete_to = job["complete_to"]
        stage = context.progress.stage
        self._plain, self._sent = stage("binlog"), stage("upload")

    def run(self) -> None:
        """Ship until the time is up."""
        if self._job["canary"]:
            ticks.prepare(self._session)
        with self._plain, self._sent:
            try:
                self._follower.start()
                self._keep_up(time.monotonic())
            except AgentError as error:
                if error.kind == "source":
                    # the server may be gone for good: what has come of its log is all that there is
                    self._follower.ship_all()
                raise
            finally:
                self._follower.stop()

    def _keep_up(self, began: float) -> None:
        due, last = began, False
        while not (last and self._mark is None):
            now = time.monotonic()
            if self._mark is None and (now >= due or self._is_over(began, now)):
                due, last = now + self._job["lag"], self._is_over(began, now)
                self._set_mark()
            self._follower.follow()
            if self._mark is not None and self._follower.seen >= self._mark.place:
                self._follower.ship_rest()
                self._mark = None
            self._require_motion()
            time.sleep(POLL)

    def _is_over(self, began: float, now: float) -> bool:
        return self._job["duration"] > 0 and now >= began + self._job["duration"]

    def _set_mark(self) -> None:
        """Ask the server for the time, and only then how far its log is."""
        if self._job["canary"]:
            ticks.write(self._session)
        at = self._session.query(NOW)[0][0] or ""
        found = self._positions.read(self._session)
        if not found["file"]:
            raise binlog_place.may_not_ask(self._server["flavour"], self._job["source"]["user"])
        self._mark = Mark(at, (number_of(found["file"]), found["offset"]))
        self._marked = time.monotonic()

    def _require_motion(self) -> None:
        """Raise AgentError (source) if what the server has written does not come."""
        if self._mark is None or time.monotonic() < max(self._marked, self._follower.moved) + PATIENCE:
            return
        raise AgentError(
            "source",
            f"the binary log does not come: nothing for {PATIENCE:.0f} s, though the server has written it",
            hint="The connection to the server was cut without a word, or its network is saturated. The next run goes on.",
        )

    def _ship(self, file: BinlogFile) -> None:
        """Send what waits of a file as one piece, and wait until it exists."""
        if self._mark is not None and self._follower.seen >= self._mark.place:
            self._complete_to = self._mark.at
        # what was committed before the server began this file lies in the ones before it
        self._complete_to = max(self._complete_to, format_time(file.created_at) or "")
        folder = f"{urllib.parse.quote(self._server['identity'], safe='')}/{file.name}"
        name = f"{folder}/{file.start:012}-{secrets.token_hex(4)}.binlog.zst.gpg"
        outgoing, pipeline = Outgoing(name, "binlog", self._job, self._keys, self._destinations, self._context), Pipeline()
        outgoing.attach(pipeline, file.copy, self._plain, self._sent)
        pipeline.run()
        piece = {"server": self._server["identity"], **file.describe(), "complete_to": self._complete_to}
        artifact, failed = outgoing.describe(""), self._destinations.failures()
        self._context.emit({"event": "segment", **piece, "artifact": artifact, "failed": failed, "skipped": self._skipped})
        for store, error in self._context.receipts.get()["failed"].items():
            self._destinations.drop(store, AgentError(error["kind"], error["what"], detail=error["detail"], hint=error["hint"]))
