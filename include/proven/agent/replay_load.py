"""Applies a binary log to a server: the flavour's own tool tells it, one session of the client listens, up to an exact end.

It may be told in legs, between which somebody looks at what is there by then. The session is the same one all the way: what
lives in it (temporary tables) goes on living.
"""

from __future__ import annotations

import os
import pathlib
import queue
import re
import secrets
import subprocess
from collections.abc import Callable, Sequence
from typing import IO, NamedTuple

from . import client, loading, processes
from .context import Context
from .errors import AgentError
from .pipeline import Pipeline, copy, describe_status, widen, write_all
from .processes import Process
from .protocol import Endpoint, Tools
from .replay_events import Transaction

TOOLS = {
    # a source may count its GTIDs as it likes: what is missing or twice has been looked for already
    "mariadb": ["mariadb-binlog", "--no-defaults", "--loose-skip-gtid-strict-mode", "--skip-annotate-row-events"],
    # without the source's GTIDs, which only a server with the same gtid_mode and no history of its own would take
    "mysql": ["mysqlbinlog", "--no-defaults", "--skip-gtids"],
}
COMMON = ["--verify-binlog-checksum"]
END = re.compile(rb"^#\d{6} +\d+:\d\d:\d\d server id \d+ +end_log_pos (\d+)", re.MULTILINE)
LONGEST_END = 120
WRAP = 1 << 32
"""Events count their offset in 32 bits, and a transaction may be longer."""


class Leg(NamedTuple):
    """A part of a log that is told in one go."""

    files: Sequence[pathlib.Path]
    """In order."""
    start: int
    """Offset in the first of them."""
    last: Transaction
    """It ends behind this one."""


def load(
    tools: Tools, target: Endpoint, context: Context, legs: Sequence[Leg], between: Callable[[], None] = lambda: None
) -> None:
    """Apply legs, and call `between` when the server has all of one and nothing of the next.

    Raise AgentError unless tool and client went to their ends, and to those that were asked for.
    """
    if not legs:
        return
    argvs = [_argv(TOOLS[target["flavour"]], leg) for leg in legs]
    tellers = [processes.start(argv, context.commands, path=tools["path"], stdout=subprocess.PIPE) for argv in argvs]
    pipe = subprocess.PIPE
    loader = client.start_with_defaults(tools["client"], tools, target, context.commands, stdin=pipe, stdout=pipe)
    for stream in (*(teller.stdout for teller in tellers), loader.stdin):
        widen(stream)
    pipeline, answers = Pipeline(), _Answers(loader)
    with context.progress.stage("binlog load") as loaded:

        def tell() -> None:
            for number, (teller, leg) in enumerate(zip(tellers, legs)):
                if number:
                    answers.wait()
                    between()
                _tell(teller, leg, loader.stdin, loaded.add)
            loader.stdin.close()

        for teller in tellers:
            pipeline.add(teller, _explain_tool)
        pipeline.pump("binary log", tell)
        pipeline.add(loader, lambda process, status: loading.explain_load(process, status, "the binary log", target))
        pipeline.pump("answers", answers.listen)
        pipeline.run()


def _argv(tool: list[str], leg: Leg) -> list[str]:
    names = [path.name for path in leg.files]
    chosen = [str(path) for path in leg.files[: names.index(leg.last.file) + 1]]
    return [*tool, *COMMON, f"--start-position={leg.start}", f"--stop-position={leg.last.end}", *chosen]


def _tell(teller: Process, leg: Leg, listener: IO[bytes], count: Callable[[int], None]) -> None:
    """Feed what the tool makes of a leg to the client. Raise AgentError unless its last event was the leg's."""
    seen = _LastEvent()

    def pour(data: memoryview) -> None:
        seen.see(bytes(data))
        write_all(listener.write, data)
        count(len(data))

    copy(teller.stdout, pour)
    if teller.wait():
        raise BrokenPipeError  # why, whoever watches it says
    if seen.end != leg.last.end % WRAP:
        what = f"{teller.name} ended at offset {seen.end} of {leg.last.file}, not at {leg.last.end}"
        raise AgentError("integrity", f"binary log: {what}", detail=teller.last_words()[-500:])


class _Answers:
    """What the client prints: it has done all that it was told before, when the answer to a question comes."""

    def __init__(self, loader: Process) -> None:
        self._loader = loader
        self._nonce = secrets.token_hex(16)
        self._heard: queue.SimpleQueue[bool] = queue.SimpleQueue()

    def listen(self) -> None:
        """Read all that the client prints, to its end: some statements in a log (ANALYZE TABLE) have results."""
        with os.fdopen(os.dup(self._loader.stdout.fileno()), "rb") as lines:
            for line in lines:
                if line.strip() == self._nonce.encode():
                    self._heard.put(True)
        self._heard.put(False)

    def wait(self) -> None:
        """Wait until the client has done all that it was told. Raise BrokenPipeError if it has ended."""
        write_all(self._loader.stdin.write, memoryview(f"SELECT '{self._nonce}';\n".encode()))
        if not self._heard.get():
            raise BrokenPipeError


class _LastEvent:
    """Remembers where the last event ended that flowed by."""

    def __init__(self) -> None:
        self.end = -1
        self._rest = b""

    def see(self, data: bytes) -> None:
        text = self._rest + data
        for found in END.finditer(text):
            self.end = int(found[1])
        # a line that goes on in the next piece is looked at again with it
        self._rest = text[max(text.rfind(b"\n", 0), len(text) - LONGEST_END) :]


def _explain_tool(process: Process, status: int) -> AgentError:
    if status < 0:
        return AgentError("tool", f"{process.name} {describe_status(status)}")
    hint = "The log is damaged, or of a newer series than the tool: every piece was what its record says."
    detail = process.last_words()[-500:]
    return AgentError("integrity", f"binary log: {process.name} can't read it", detail=detail, hint=hint)
