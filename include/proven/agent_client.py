"""The controller's end of the agent: builds the zipapp, starts it, feeds it a job, answers it and returns its result.

The agent lives exactly as long as its standard input is open, so whatever happens to us ends it: an exception closes that
pipe, and so does a `kill -9`.
"""

from __future__ import annotations

import hashlib
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import zipapp
from collections.abc import Callable, Mapping, Sequence
from typing import IO, Any

from include.proven import errors, progress
from include.proven.stores.contract import SignedRequest

PACKAGE = pathlib.Path(__file__).with_name("agent")
ENVIRONMENT = ("PATH", "TMPDIR", "SSL_CERT_FILE", "SSL_CERT_DIR")
"""All that the agent inherits: a worker's environment may hold secrets."""
PATIENCE = 10.0
"""Seconds that an agent has for cleaning up after its input was closed."""

Presign = Callable[[str, Sequence[int]], Sequence[SignedRequest]]


def run(
    job: Mapping[str, Any],
    *,
    presign: Presign | None = None,
    on_progress: progress.OnProgress | None = None,
) -> dict[str, Any]:
    """Run one job (`agent/protocol.py`) in an agent of its own and return the members of its result.

    `presign(artifact, part numbers)` returns one PUT for each number; in a restore it is asked for a fresh GET (number 0) when
    a URL has expired. Raise the ProvenError of the agent's kind of error, ToolError if the agent crashed, and whatever the
    callbacks raise; no agent runs any more then.
    """
    with tempfile.TemporaryFile() as stderr:
        agent = subprocess.Popen(
            [sys.executable, "-I", str(build_agent())],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=stderr,
            env={name: os.environ[name] for name in ENVIRONMENT if name in os.environ},
            start_new_session=True,  # a terminal's ^C is for us; we end the agent
        )
        try:
            return _converse(agent, job, presign, on_progress, stderr)
        finally:
            _end(agent)


def build_agent(directory: pathlib.Path | None = None) -> pathlib.Path:
    """Return the agent as one zipapp in `directory` (default: the user's cache), built unless one of this content is there."""
    folder = directory or _cache()
    sources = sorted(PACKAGE.glob("*.py"))
    digest = hashlib.sha256(b"\0".join(part for file in sources for part in (file.name.encode(), file.read_bytes())))
    archive = folder / f"agent-{digest.hexdigest()[:16]}.pyz"
    if archive.exists():
        return archive
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder) as scratch:
        staged = pathlib.Path(scratch, "source")
        (staged / "proven_agent").mkdir(parents=True)
        for file in sources:
            shutil.copy(file, staged / "proven_agent")
        built = pathlib.Path(scratch, "agent.pyz")
        zipapp.create_archive(staged, built, main="proven_agent.main:main", compressed=True)
        built.replace(archive)  # at once: several backups may start together
    return archive


def _cache() -> pathlib.Path:
    return pathlib.Path(os.environ.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache") / "proven"


def _converse(
    agent: subprocess.Popen[bytes],
    job: Mapping[str, Any],
    presign: Presign | None,
    on_progress: progress.OnProgress | None,
    stderr: IO[bytes],
) -> dict[str, Any]:
    if agent.stdin is None or agent.stdout is None:
        raise AssertionError("the agent was started with pipes")
    _say(agent.stdin, job)
    for line in agent.stdout:
        event = json.loads(line)
        kind = event.pop("event")
        if kind == "progress" and on_progress:
            on_progress(progress.Progress(**event))
        elif kind == "urls":
            _say(agent.stdin, _sign(event["artifact"], event["numbers"], presign))
        elif kind == "result":
            agent.wait()
            return dict(event)
        elif kind == "error":
            agent.wait()
            raise errors.BY_KIND[event["kind"]](event["what"], detail=event["detail"], hint=event["hint"])
    raise _crash(agent.wait(), stderr)


def _sign(artifact: str, numbers: list[int], presign: Presign | None) -> dict[str, Any]:
    signed = zip(numbers, presign(artifact, numbers), strict=True) if presign else ()
    requests = [{"number": number, "method": one.method, "url": one.url, "headers": one.headers} for number, one in signed]
    return {"answer": "urls", "artifact": artifact, "numbers": numbers, "requests": requests}


def _say(pipe: IO[bytes], message: Mapping[str, Any]) -> None:
    """Write one line. An agent that is gone is not told: its last event, or its crash, says more than a broken pipe."""
    try:
        pipe.write(json.dumps(message).encode() + b"\n")
        pipe.flush()
    except BrokenPipeError:
        return


def _crash(status: int, stderr: IO[bytes]) -> errors.ProvenError:
    stderr.seek(0, os.SEEK_END)
    stderr.seek(max(0, stderr.tell() - 2000))
    words = stderr.read().decode("utf-8", "replace").strip()
    hint = "If this is not a machine without memory, it is a fault of ours: report it with the detail above."
    return errors.ToolError(f"the agent ended without a result (exit status {status})", detail=words, hint=hint)


def _end(agent: subprocess.Popen[bytes]) -> None:
    """Close the agent's input, which stops it if it still runs, and wait for it."""
    for pipe in (agent.stdin, agent.stdout):
        if pipe is not None:
            _close(pipe)
    try:
        agent.wait(PATIENCE)
    except subprocess.TimeoutExpired:
        agent.kill()
        agent.wait()


def _close(pipe: IO[bytes]) -> None:
    try:
        pipe.close()
    except BrokenPipeError:
        return
