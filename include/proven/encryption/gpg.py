"""Run gpg: argv lists, its status lines read from a descriptor of their own, secrets through pipes and memory only.

Not through python-gnupg: it logs gpg's stderr, where session keys appear, reads status lines from that same stderr (the
door of CVE-2018-12020), and does not tell the validity of one user id from that of the key.
"""

from __future__ import annotations

import dataclasses
import os
import subprocess
import time
import urllib.parse
from collections.abc import Sequence
from pathlib import Path

from include.proven import errors

TIMEOUT_SECONDS = 60
SETTLE_SECONDS = 2.0
"""How long an agent that was told to end may take to clean up."""
SOCKET_PATH_BYTES = 107
"""What fits into `sockaddr_un`: a longer path stops gpg from starting its agent."""
SECRET_WORDS = ("session key",)


@dataclasses.dataclass(frozen=True)
class Outcome:
    """What one run of gpg has said."""

    exit_status: int
    output: bytes = dataclasses.field(repr=False)
    status: tuple[tuple[str, ...], ...] = dataclasses.field(repr=False)
    """The lines of `--status-fd`, split: `("GOODSIG", "F823…", …)`; see gpg's doc/DETAILS."""
    stderr: str = ""
    """Without any line that holds a secret."""

    def lines(self, keyword: str) -> list[tuple[str, ...]]:
        """Return what follows the keyword in each status line of that keyword."""
        return [line[1:] for line in self.status if line[0] == keyword]


@dataclasses.dataclass(frozen=True)
class Gpg:
    """gpg on one home directory."""

    home: Path
    passphrase_file: Path | None = None
    program: str = "gpg"

    def run(
        self,
        *arguments: str,
        content: bytes = b"",
        private: bool = False,
        extra: bytes | None = None,
        files: Sequence[bytes] = (),
    ) -> Outcome:
        """Given arguments and what gpg reads on stdin, run it and return what it said, whatever its exit status.

        `private` gives it the passphrase; `extra` is a second input, written `{extra}` among the arguments; `files` are inputs
        that are named after the arguments. Raise EncryptionError if gpg or its agent can't run at all.
        """
        self._require_home()
        descriptors: list[int] = []
        try:
            status = _in_memory(b"", descriptors)
            argv = [self.program, "--homedir", str(self.home), "--batch", "--no-tty", "--disable-dirmngr"]
            argv += ["--enable-special-filenames", "--status-fd", str(status)]
            if private:
                argv += self._passphrase_options(descriptors)
            if extra is not None:
                name = f"-&{_in_memory(extra, descriptors)}"
                arguments = tuple(argument.replace("{extra}", name) for argument in arguments)
            named = [f"-&{_in_memory(file, descriptors)}" for file in files]
            done = _start([*argv, *arguments, *named], content, descriptors)
            os.lseek(status, 0, os.SEEK_SET)
            with os.fdopen(os.dup(status), "rb") as lines:
                return Outcome(done.returncode, done.stdout, _parse_status(lines.read()), _public(done.stderr))
        finally:
            for descriptor in descriptors:
                os.close(descriptor)

    def _passphrase_options(self, descriptors: list[int]) -> list[str]:
        require_agent_socket(self.home)
        options = ["--pinentry-mode", "loopback"]
        if self.passphrase_file is None:
            return options
        try:
            passphrase = self.passphrase_file.read_bytes().split(b"\n")[0]
        except OSError as error:
            raise errors.EncryptionError(
                f"gnupg: can't read the passphrase file {self.passphrase_file}",
                detail=str(error.strerror),
                hint="`passphrase_file` in the fleet file names a file of one line that this account can read.",
            ) from error
        return [*options, "--passphrase-fd", str(_in_memory(passphrase + b"\n", descriptors))]

    def _require_home(self) -> None:
        if not self.home.is_dir():
            raise errors.EncryptionError(
                f"gnupg: the home directory {self.home} does not exist",
                hint="`gnupg.home` in the fleet file is a directory with the public keys, mode 0700.",
            )


def require_agent_socket(home: Path) -> None:
    """Raise EncryptionError if the agent of this home can't open its socket because the path is too long."""
    argv = ["gpgconf", "--homedir", str(home), "--list-dirs", "agent-socket"]
    listed = subprocess.run(argv, capture_output=True, check=False, timeout=TIMEOUT_SECONDS).stdout
    path = urllib.parse.unquote_to_bytes(listed.strip())
    if len(path) > SOCKET_PATH_BYTES:
        raise errors.EncryptionError(
            f"gnupg: the path of the home directory {home} is too long for its agent's socket",
            detail=f"{len(path)} bytes, at most {SOCKET_PATH_BYTES}",
            hint="Move the home directory to a shorter path.",
        )


def stop_agents(home: Path) -> None:
    """Stop gpg-agent and its like of this home, so that none is left behind."""
    subprocess.run(
        ["gpgconf", "--homedir", str(home), "--kill", "all"], capture_output=True, check=False, timeout=TIMEOUT_SECONDS
    )
    # It has only been told: who removes the home meanwhile would meet sockets that the agent is removing too.
    deadline = time.monotonic() + SETTLE_SECONDS
    while any(home.glob("S.*")) and time.monotonic() < deadline:
        time.sleep(0.01)


def _start(argv: Sequence[str], content: bytes, descriptors: Sequence[int]) -> subprocess.CompletedProcess[bytes]:
    environment = {"PATH": os.environ.get("PATH", os.defpath), "HOME": os.environ.get("HOME", "/"), "LC_ALL": "C.UTF-8"}
    try:
        return subprocess.run(
            argv,
            input=content,
            capture_output=True,
            check=False,
            env=environment,
            pass_fds=descriptors,
            timeout=TIMEOUT_SECONDS,
        )
    except FileNotFoundError as error:
        raise errors.ToolError("gpg is not installed", detail=str(error), hint="Install GnuPG 2.2 or later.") from error
    except subprocess.TimeoutExpired as error:
        raise errors.EncryptionError(f"gnupg: gpg has said nothing for {TIMEOUT_SECONDS} seconds") from error


def _in_memory(content: bytes, descriptors: list[int]) -> int:
    descriptor = os.memfd_create("proven")
    descriptors.append(descriptor)
    os.write(descriptor, content)
    os.lseek(descriptor, 0, os.SEEK_SET)
    return descriptor


def _parse_status(lines: bytes) -> tuple[tuple[str, ...], ...]:
    text = lines.decode(errors="replace")
    return tuple(tuple(line.split(" ")[1:]) for line in text.splitlines() if line.startswith("[GNUPG:] "))


def _public(stderr: bytes) -> str:
    lines = stderr.decode(errors="replace").splitlines()
    return "\n".join(line for line in lines if not any(word in line for word in SECRET_WORDS))[-2000:]
