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
from collections.abc import Mapping, Sequence
from typing import IO, Any, Protocol

from include.proven import errors, progress
from include.proven.stores.contract import OutgoingPart, SignedRequest

PACKAGE = pathlib.Path(__file__).with_name("agent")
ENVIRONMENT = ("PATH", "TMPDIR", "SSL_CERT_FILE", "SSL_CERT_DIR")
"""All that the agent inherits: a worker's environment may hold secrets."""
PATIENCE = 10.0
"""Seconds that an agent has for cleaning up after its input was closed."""


class Signer(Protocol):
    """Signs what an agent asks for. What it raises as a ProvenError is told to the agent, which may know another way."""

    def sign_parts(self, store: str, artifact: str, parts: Sequence[OutgoingPart]) -> Sequence[SignedRequest]:
        """Return a PUT for each part of an artifact that goes to a store."""

    def sign_get(self, store: str, artifact: str) -> SignedRequest:
        """Return a GET of an artifact from a store."""


def run(
    job: Mapping[str, Any],
    *,
    signer: Signer | None = None,
    on_progress: progress.OnProgress | None = None,
) -> dict[str, Any]:
    """Run one job (`agent/protocol.py`) in an agent of its own and return the members of its result.

    `signer` is asked for a URL for each part that is ready to be sent, and for a new GET when one was refused. Raise the
    ProvenError of the agent's kind of error, ToolError if the agent crashed, and whatever `on_progress` raises; no agent runs
    any more then.
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
            return _converse(agent, job, signer, on_progress, stderr)
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
    signer: Signer | None,
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
            _say(agent.stdin, _answer(event, signer))
        elif kind == "result":
            agent.wait()
            return dict(event)
        elif kind == "error":
            agent.wait()
            raise errors.from_agent(event)
    raise _crash(agent.wait(), stderr)


def _answer(event: Mapping[str, Any], signer: Signer | None) -> dict[str, Any]:
    """Return the line that brings the requests asked for, or says why there are none."""
    place = {name: event[name] for name in ("store", "artifact", "method")}
    numbers = [part["number"] for part in event["parts"]]
    try:
        signed = _sign(event, signer)
    except errors.ProvenError as error:
        told = errors.to_agent(error)
        return {"answer": "urls", **place, "requests": [{"number": number, "error": told} for number in numbers]}
    requests = [
        {"number": number, "method": one.method, "url": one.url, "headers": one.headers}
        for number, one in zip(numbers, signed, strict=True)
    ]
    return {"answer": "urls", **place, "requests": requests}


def _sign(event: Mapping[str, Any], signer: Signer | None) -> Sequence[SignedRequest]:
    if signer is None:
        raise errors.StoreError(f"no URL for {event['artifact']}: nobody signs for this job")
    if event["method"] == "GET":
        return [signer.sign_get(event["store"], event["artifact"])]
    return signer.sign_parts(event["store"], event["artifact"], [OutgoingPart(**part) for part in event["parts"]])


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
