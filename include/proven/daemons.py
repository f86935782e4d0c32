"""Long-running child processes that can be found again, and stopped without leaving anything behind.

A daemon leads a session of its own. Whatever it forks stays in that session (Airflow's supervisors move their tasks to
groups of their own, but not out of the session), so the session is what is stopped. A pid alone proves nothing after a
crash or a reboot: a daemon is known by its pid *and* the moment it started. Linux only (`/proc`).
"""

from __future__ import annotations

import dataclasses
import os
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from include.proven import errors

POLL_SECONDS = 0.1
ORPHAN_SECONDS = 1.0
"""How long what a daemon has forked may outlive it: nobody is left to ask it to end."""


@dataclasses.dataclass(frozen=True)
class Daemon:
    """One process that leads a session. `started` is in clock ticks since boot, as the kernel tells it."""

    name: str
    pid: int
    started: int


def start_daemon(name: str, argv: Sequence[str], *, environment: Mapping[str, str], log: Path, directory: Path) -> Daemon:
    """Start `argv` in a new session with its output appended to `log`, and return it. Raise ToolError if it can't start."""
    log.parent.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    try:
        process = subprocess.Popen(
            list(argv),
            env=dict(environment),
            cwd=directory,
            stdin=subprocess.DEVNULL,
            stdout=descriptor,
            stderr=descriptor,
            start_new_session=True,
        )
    except OSError as error:
        raise errors.ToolError(f"{name}: can't start {argv[0]}", detail=str(error)) from error
    finally:
        os.close(descriptor)
    seen = _read_stat(process.pid)
    process.returncode = 0  # from here on `is_alive` reaps it: without this, Popen would warn that it still runs
    return Daemon(name=name, pid=process.pid, started=seen.started if seen else 0)


def identify(name: str, pid: int) -> Daemon | None:
    """Given a process id, return that process under a name of ours, or None if there is none."""
    seen = _read_stat(pid)
    return None if seen is None or seen.state in "ZX" else Daemon(name=name, pid=pid, started=seen.started)


def is_alive(daemon: Daemon) -> bool:
    """Say whether this very process still runs (a zombie does not, nor does another process that got its pid)."""
    _reap(daemon.pid)
    seen = _read_stat(daemon.pid)
    return seen is not None and seen.state not in "ZX" and seen.started == daemon.started


def stop_daemons(daemons: Sequence[Daemon], *, grace_seconds: float, request: signal.Signals = signal.SIGTERM) -> None:
    """Ask every daemon to end, wait `grace_seconds` for all of them together, then kill what is left of their sessions.

    `request` is the signal that asks. Raise ToolError, naming the pids, if something survives that.
    """
    for daemon in daemons:
        if is_alive(daemon):
            _signal(daemon.pid, request)
    grace_ends = time.monotonic() + grace_seconds
    while any(is_alive(daemon) for daemon in daemons) and time.monotonic() < grace_ends:
        time.sleep(POLL_SECONDS)
    _wait_until_empty(daemons, ORPHAN_SECONDS)
    deadline = time.monotonic() + 10
    while left := _members(daemons):
        if time.monotonic() > deadline:
            raise errors.ToolError(f"processes survive being killed: {', '.join(map(str, left))}")
        for pid in left:
            _signal(pid, signal.SIGKILL)
        _wait_until_empty(daemons, 1)


@dataclasses.dataclass(frozen=True)
class _Stat:
    state: str
    session: int
    started: int


def _read_stat(pid: int) -> _Stat | None:
    try:
        content = Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return None
    fields = content.rpartition(")")[2].split()  # the name before it may hold blanks and brackets
    return _Stat(state=fields[0], session=int(fields[3]), started=int(fields[19]))


def _members(daemons: Sequence[Daemon]) -> list[int]:
    """Return every live process of the daemons' sessions. A session outlives its leader, and then holds on to its number."""
    sessions = set()
    for daemon in daemons:
        _reap(daemon.pid)
        leader = _read_stat(daemon.pid)
        if leader is None or leader.started == daemon.started:
            sessions.add(daemon.pid)
    seen = ((pid, _read_stat(pid)) for pid in (int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit()))
    return sorted(pid for pid, stat in seen if stat and stat.session in sessions and stat.state not in "ZX")


def _wait_until_empty(daemons: Sequence[Daemon], seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while _members(daemons) and time.monotonic() < deadline:
        time.sleep(POLL_SECONDS)


def _signal(pid: int, number: signal.Signals) -> None:
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        return  # it ended by itself


def _reap(pid: int) -> None:
    try:
        os.waitpid(pid, os.WNOHANG)
    except ChildProcessError:
        return  # started by an earlier run of ours: init reaps it
