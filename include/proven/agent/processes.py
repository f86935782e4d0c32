"""Starts the real tools, keeps the tail of what they say, and loses no exit status.

A tool must never outlive the agent. `setpriv --pdeathsig KILL` makes the kernel see to that, even if the agent is
killed itself; the signal is bound to the *thread* that forked, so tools are started from the main thread only.
"""

from __future__ import annotations

import datetime
import fcntl
import os
import pathlib
import re
import shutil
import subprocess
import threading
import time
from collections.abc import Iterable, Sequence
from typing import IO, Any, Callable, Optional, Union

from .errors import AgentError

TAIL_BYTES = 4096
PACKAGES = {
    "mariadb": "mariadb-client",
    "mariadb-backup": "mariadb-backup",
    "mbstream": "mariadb-backup",
    "mariadb-dump": "mariadb-client",
    "mysql": "mysql-client",
    "mysqldump": "mysql-client",
    "mariadb-binlog": "mariadb-client",
    "mysqlbinlog": "mysql-client",
    "gpg": "gnupg",
    "zstd": "zstd",
    "setpriv": "util-linux",
    "btrfs": "btrfs-progs",
    "tar": "tar",
}
"""Debian packages of the tools, for the hint of an error."""

SESSION_KEY = re.compile(r"\b\d{1,3}:[0-9A-Fa-f]{32,}\b")
PASSWORD_HASH = re.compile(r"\*[0-9A-F]{40}\b|\$A\$\d{3}\$\S+|\b0x2441[0-9A-Fa-f]+")

SET_PIPE_SIZE = 1031  # F_SETPIPE_SZ: not every Python that we promise has it in fcntl

Stream = Union[int, IO[bytes], None]
Hear = Optional[Callable[[bytes], None]]
"""Is told what a tool says on its standard error when it says it, in a thread of its own; then, nothing. It never raises."""


class CommandLog:
    """What was run, when, with which exit status, for how long: the audit trail of the job."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._commands: list[dict[str, Any]] = []

    def add(self, argv: Sequence[str], status: int, started_at: datetime.datetime, seconds: float) -> None:
        """Add one command that has ended (a negative status: the signal)."""
        ended = {"argv": list(argv), "status": status, "started_at": started_at.isoformat(), "seconds": round(seconds, 3)}
        with self._lock:
            self._commands.append(ended)

    def as_list(self) -> list[dict[str, Any]]:
        """Return the commands in the order in which they ended, as `manifest.Command` takes them."""
        with self._lock:
            return list(self._commands)


class Process:
    """One running tool. `stdin` and `stdout` are its raw pipes, where they were asked for."""

    def __init__(
        self,
        popen: subprocess.Popen[bytes],
        argv: list[str],
        log: CommandLog,
        secrets: Iterable[str],
        said: IO[bytes] | None,
        hear: Hear = None,
    ) -> None:
        self.argv = argv
        self.name = pathlib.PurePath(argv[0]).name
        self.pid = popen.pid
        self.killed = False
        """True once the agent itself has killed it: its status says nothing then."""
        self._popen = popen
        self._log = log
        self._secrets = [secret for secret in secrets if secret]
        self._started_at = datetime.datetime.now(datetime.timezone.utc)
        self._started = time.monotonic()
        self._tail = bytearray()
        self._said = said
        self._hear = hear
        self._ended = threading.Lock()
        self._logged = False
        self._reader = threading.Thread(target=self._read_stderr, name=f"stderr of {self.name}", daemon=True)
        self._reader.start()

    @property
    def stdin(self) -> IO[bytes]:
        """The pipe to the tool's standard input."""
        if self._popen.stdin is None:
            raise ValueError(f"{self.name} was started without a pipe to its standard input")
        return self._popen.stdin

    @property
    def stdout(self) -> IO[bytes]:
        """The pipe from the tool's standard output."""
        if self._popen.stdout is None:
            raise ValueError(f"{self.name} was started without a pipe from its standard output")
        return self._popen.stdout

    def wait(self, timeout: float | None = None) -> int:
        """Wait for the end and return the exit status (negative: the signal). Raise subprocess.TimeoutExpired."""
        status = self._popen.wait(timeout)
        with self._ended:
            if not self._logged:
                self._logged = True
                # No argv holds a secret. Not to be searched for passwords: what is missing would tell a short one.
                said = [strip_secrets(word) for word in self.argv]
                self._log.add(said, status, self._started_at, time.monotonic() - self._started)
                _running.discard(self)
        return status

    def runs(self) -> bool:
        """Say whether it has not ended yet."""
        return self._popen.poll() is None

    def kill(self) -> None:
        """Kill it at once, if it still runs."""
        if self._popen.poll() is None:
            self.killed = True
            self._popen.kill()

    def close(self) -> None:
        """Kill it if it still runs, wait for it and close its pipes."""
        self.kill()
        self.wait()
        for pipe in (self._popen.stdin, self._popen.stdout):
            if pipe is not None:
                close_quietly(pipe)

    def last_words(self) -> str:
        """Return the last 4 KiB of its standard error, without secrets."""
        self._reader.join(timeout=2.0)
        return strip_secrets(self._tail.decode("utf-8", "replace"), self._secrets).strip()

    def wait_for_word(self, word: str, seconds: float) -> str:
        """Wait until it has said `word` on its standard error, or has had that long, and return the last 4 KiB of what it said.

        Unlike `last_words`, for a tool that goes on.
        """
        until = time.monotonic() + seconds
        while word.encode() not in self._tail and time.monotonic() < until:
            time.sleep(0.005)
        return strip_secrets(self._tail.decode("utf-8", "replace"), self._secrets)

    def _read_stderr(self) -> None:
        if self._said is None:
            return
        with self._said as stream:
            while chunk := os.read(stream.fileno(), 65536):
                self._tail += chunk
                del self._tail[:-TAIL_BYTES]
                if self._hear:
                    self._hear(chunk)
        if self._hear:
            self._hear(b"")


_running: set[Process] = set()
_starting = threading.Lock()
_stopped = False


def start(
    argv: Sequence[str],
    log: CommandLog,
    *,
    path: Sequence[str] = (),
    stdin: Stream = subprocess.DEVNULL,
    stdout: Stream = subprocess.DEVNULL,
    pass_fds: Sequence[int] = (),
    secrets: Iterable[str] = (),
    by_lines: bool = False,
    hear: Hear = None,
) -> Process:
    """Given an argv without any secret, start the tool and return it.

    The program is looked up in the directories of `path`, then on PATH. `secrets` are stripped from its last words. With
    `by_lines` it writes each line when it has it, where `stdbuf` is installed. With `hear` it waits, whenever it has said
    something, until that has been heard: whoever hears can hold it. Raise AgentError (tool) if it is missing.
    """
    if threading.current_thread() is not threading.main_thread():
        raise RuntimeError("tools are started from the main thread only")
    whole = [find_program(argv[0], path), *argv[1:]]
    stdbuf = shutil.which("stdbuf") if by_lines else None
    prefix = [stdbuf, "-oL"] if stdbuf else []
    guarded = [find_program("setpriv", ()), "--pdeathsig", "KILL", "--", *prefix, *whole]
    with _starting:
        if _stopped:
            raise AgentError("stopped", f"{argv[0]}: not started, the agent is being stopped")
        said, stderr = _narrow_pipe() if hear else (None, subprocess.PIPE)
        try:
            popen = subprocess.Popen(
                guarded, stdin=stdin, stdout=stdout, stderr=stderr, bufsize=0, pass_fds=pass_fds, env=environment(path)
            )
        finally:
            if hear:
                os.close(stderr)
        process = Process(popen, whole, log, secrets, said or popen.stderr, hear)
        _running.add(process)
    return process


def _narrow_pipe() -> tuple[IO[bytes], int]:
    """Return both ends of a pipe that takes one write at a time: the next one waits until that has been read."""
    reading, writing = os.pipe2(os.O_CLOEXEC | os.O_DIRECT)
    fcntl.fcntl(writing, SET_PIPE_SIZE, 1)  # the kernel makes it one page, and a page holds one packet
    return os.fdopen(reading, "rb", buffering=0), writing


def stop_all() -> None:
    """Kill every tool that runs, wait for them, and let no other start."""
    global _stopped
    with _starting:
        _stopped = True
    for process in list(_running):
        process.kill()
    for process in list(_running):
        process.wait()


def find_program(name: str, path: Sequence[str]) -> str:
    """Return the program's file, from the directories of `path`, then PATH. Raise AgentError (tool) if there is none."""
    found = shutil.which(name, path=os.pathsep.join([*path, os.environ.get("PATH", os.defpath)]))
    if found is None:
        package = PACKAGES.get(pathlib.PurePath(name).name)
        hint = f"Install the package {package}" if package else "Install it"
        raise AgentError(
            "tool", f"{name}: no such program", hint=f"{hint} on this host, or name its directory in `tools` of the fleet file."
        )
    return found


def environment(path: Sequence[str]) -> dict[str, str]:
    """Return the tools' environment: nothing of the caller's but PATH.

    Without HOME, no ~/.my.cnf or ~/.mylogin.cnf overrides the endpoint; without LANG, messages are the English ones that
    we know.
    """
    search = os.pathsep.join([*path, os.environ.get("PATH", os.defpath)])
    return {"PATH": search, "HOME": "/nonexistent", "LC_ALL": "C.UTF-8", "TZ": "UTC"}


def strip_secrets(text: str, secrets: Iterable[str] = ()) -> str:
    """Return the text without the given secrets, session keys and password hashes."""
    for secret in secrets:
        text = text.replace(secret, "***")
    return PASSWORD_HASH.sub("***", SESSION_KEY.sub("***", text))


def close_quietly(pipe: IO[bytes]) -> None:
    """Close our end of a pipe whose reader may be gone: what was lost shows in the reader's exit status."""
    try:
        pipe.close()
    except BrokenPipeError:
        return
