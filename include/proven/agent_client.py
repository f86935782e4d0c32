"""The controller's end of the agent: has it started on a host, feeds it a job, answers it and returns its result.

The agent lives as long as its standard input is open, so whatever happens to us ends it: an exception closes that pipe, and so
does a `kill -9`. (On a host that can be cut off, a named run has a grace: `hosts/contract.py`.)
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping, Sequence
from typing import IO, Any, Protocol

from include.proven import audit, errors, progress
from include.proven.hosts.contract import GRACE, Host, LostError, Running
from include.proven.hosts.local import LocalHost
from include.proven.stores.contract import OutgoingPart, SignedRequest

HERE = LocalHost()
PAUSE = 2.0
"""Seconds before a host is tried once more."""


OnSegment = Callable[[Mapping[str, Any]], Mapping[str, errors.ProvenError]]


class Signer(Protocol):
    """Signs what an agent asks for. What it raises as a ProvenError is told to the agent, which may know another way."""

    def sign_parts(self, store: str, artifact: str, parts: Sequence[OutgoingPart]) -> Sequence[SignedRequest]:
        """Return a PUT for each part of an artifact that goes to a store."""

    def sign_get(self, store: str, artifact: str) -> SignedRequest:
        """Return a GET of an artifact from a store."""


def run(
    job: Mapping[str, Any] | Callable[[], Mapping[str, Any]],
    *,
    host: Host = HERE,
    name: str = "",
    grace: float = GRACE,
    reconnect: bool = False,
    signer: Signer | None = None,
    on_progress: progress.OnProgress | None = None,
    on_segment: OnSegment | None = None,
) -> dict[str, Any]:
    """Run one job (`agent/protocol.py`) in an agent of its own on a host and return the members of its result.

    A function as `job` returns it, and is called only if the job is given to an agent that has none yet.
    `name` and `grace`: see `hosts/contract.py`; where an agent of that name runs already, its end is waited for in its place.
    With `reconnect`, so does this call itself when the connection is cut, instead of raising LostError.
    `signer` is asked for a URL for each part that is ready to be sent, and for a new GET when one was refused; `on_segment` is
    given each piece of a binary log that was sent, and returns the stores that don't have it. Raise the
    ProvenError of the agent's kind of error, ToolError if the agent crashed, and whatever `on_…` raises; no agent runs
    any more then. Whatever happens, who listens (`audit.py`) is told what was run.
    """
    audited = audit.AgentRun(str(job.get("job", "")) if isinstance(job, Mapping) else name.partition("-")[0], place(host))
    agent = host.start(name, grace=grace)
    try:
        if not agent.attached:
            _say(agent.stdin, job() if callable(job) else job)
        while True:
            try:
                return _converse(agent, audited, place(host), signer, on_progress, on_segment)
            except LostError as lost:
                if not reconnect:
                    raise
                agent = _come_back(host, name, grace, lost)
    finally:
        agent.end()
        audited.end()


def _come_back(host: Host, name: str, grace: float, lost: LostError) -> Running:
    """Connect again to the agent of that name, for as long as it waits. Raise `lost` if it has not, or can't be reached."""
    until = time.monotonic() + grace
    while time.monotonic() < until:
        try:
            agent = host.start(name, grace=grace)
        except errors.ProvenError as error:
            lost.detail = str(error)
            time.sleep(PAUSE)
            continue
        if agent.attached:
            return agent
        agent.end()
        break
    raise lost


def place(host: Host) -> str:
    """Return a host's name for errors; of this machine nothing: there they speak of no other."""
    return "" if isinstance(host, LocalHost) else host.name


def _converse(
    agent: Running,
    audited: audit.AgentRun,
    on_host: str,
    signer: Signer | None,
    on_progress: progress.OnProgress | None,
    on_segment: OnSegment | None,
) -> dict[str, Any]:
    for line in agent.stdout:
        event = json.loads(line)
        kind = event.pop("event")
        if kind == "progress" and on_progress:
            on_progress(progress.Progress(**event))
        elif kind == "urls":
            _say(agent.stdin, _answer(event, signer))
        elif kind == "segment" and on_segment:
            failed = {store: errors.to_agent(error) for store, error in on_segment(event).items()}
            _say(agent.stdin, {"answer": "segment", "failed": failed})
        elif kind == "result":
            audited.end(agent.wait(), event.get("commands", []))
            return dict(event)
        elif kind == "error":
            audited.end(agent.wait(), event.get("commands", []))
            raise errors.from_agent(event, on_host)
    status = agent.wait()
    audited.end(status)
    raise _crash(status, agent.last_words(), on_host)


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


def _crash(status: int, words: str, on_host: str) -> errors.ProvenError:
    hint = "If this is not a machine without memory, it is a fault of ours: report it with the detail above."
    agent = f"the agent on {on_host}" if on_host else "the agent"
    return errors.ToolError(f"{agent} ended without a result (exit status {status})", detail=words, hint=hint)
