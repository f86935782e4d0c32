"""A real OpenSSH server to log in to, on an address of its own, with keys of its own.

with Sshd(directory) as sshd:                                             # 127.0.0.1, a free port
    client = sshd.client()                                                # paramiko, its host key pinned
with Sshd(directory, prefix=["ip", "netns", "exec", name], address="10.0.0.2", port=22) as sshd: …
"""

from __future__ import annotations

import contextlib
import dataclasses
import io
import os
import pathlib
import pwd
import signal
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from types import TracebackType

import paramiko
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from include.proven import servers
from tests.servers.missing import give_up

PROGRAM = "/usr/sbin/sshd"
"""sshd starts itself anew for each connection, and so wants to be called by its whole path."""
PRIVILEGE_SEPARATION = pathlib.Path("/run/sshd")
SECONDS = 20.0


@dataclasses.dataclass(frozen=True)
class KeyPair:
    """An Ed25519 key as OpenSSH writes it."""

    private: str
    public: str
    """One line, without a comment."""

    def load(self) -> paramiko.Ed25519Key:
        """Return it as paramiko takes it."""
        return paramiko.Ed25519Key(file_obj=io.StringIO(self.private))


def new_key() -> KeyPair:
    """Make a key pair."""
    key = Ed25519PrivateKey.generate()
    openssh = serialization.PrivateFormat.OpenSSH
    private = key.private_bytes(serialization.Encoding.PEM, openssh, serialization.NoEncryption())
    public = key.public_key().public_bytes(serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH)
    return KeyPair(private.decode(), public.decode())


@dataclasses.dataclass
class Sshd:
    """An sshd in the foreground. Everything of it lies in `directory`; the account is `user`, by key only."""

    directory: pathlib.Path
    prefix: Sequence[str] = ()
    """Command that starts sshd elsewhere, such as `ip netns exec NAME`."""
    address: str = "127.0.0.1"
    """Where it listens, as `prefix` has it, and where `client` reaches it."""
    port: int = 0
    """0: one that is free here."""
    user: str = dataclasses.field(default_factory=lambda: pwd.getpwuid(os.getuid()).pw_name)
    environment: Mapping[str, str] = dataclasses.field(default_factory=dict)
    """What the sessions have besides, `HOME` for one; it wins over what sshd sets."""
    options: Sequence[str] = ()
    """Lines of sshd_config that come first, and so win."""
    host_key: KeyPair = dataclasses.field(default_factory=new_key)
    user_key: KeyPair = dataclasses.field(default_factory=new_key)
    _process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Sshd:
        self.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.stop()

    @property
    def pid(self) -> int:
        """Process that listens; each connection has one of its own below it."""
        assert self._process, "sshd was not started"
        return self._process.pid

    @property
    def log(self) -> str:
        """What sshd has said since it was started."""
        return (self.directory / "sshd.log").read_text(errors="replace")

    def start(self) -> None:
        """Start it and wait until it listens. Skip the test if this machine has no sshd, or we may not start one."""
        if not pathlib.Path(PROGRAM).exists() or os.getuid():
            give_up("sshd", f"{PROGRAM} is not installed, or we are not root")
        PRIVILEGE_SEPARATION.mkdir(mode=0o755, exist_ok=True)
        self.port = self.port or servers.choose_port()
        with (self.directory / "sshd.log").open("wb") as log:
            argv = [*self.prefix, PROGRAM, "-D", "-e", "-f", str(self._configure())]
            self._process = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True)
        until = time.monotonic() + SECONDS
        while f"listening on {self.address} port {self.port}" not in self.log.lower():
            assert self._process.poll() is None, self.log
            assert time.monotonic() < until, f"sshd does not listen: {self.log}"
            time.sleep(0.02)

    def stop(self) -> None:
        """Kill it and every session of it; what a session has detached from itself goes on."""
        if self._process is None:
            return
        self.cut()
        self._process.kill()
        self._process.wait()
        self._process = None

    def sessions(self) -> list[int]:
        """Return the processes of sshd that serve a connection now (not the programs that these have started)."""
        found = {self.pid}
        while more := {pid for pid, parent, name in _processes() if parent in found and name.startswith("sshd")} - found:
            found |= more
        return sorted(found - {self.pid})

    def cut(self) -> None:
        """Kill all its sessions hard: the line is cut, and neither end had a chance to say anything."""
        for pid in self.sessions():
            _kill(pid)

    def client(self) -> paramiko.SSHClient:
        """Return a connected client that trusts this server's host key and no other."""
        client = paramiko.SSHClient()
        name = self.address if self.port == 22 else f"[{self.address}]:{self.port}"
        client.get_host_keys().add(name, "ssh-ed25519", self.host_key.load())
        client.set_missing_host_key_policy(paramiko.RejectPolicy())
        client.connect(
            self.address,
            self.port,
            self.user,
            pkey=self.user_key.load(),
            timeout=SECONDS,
            allow_agent=False,
            look_for_keys=False,
        )
        return client

    def _configure(self) -> pathlib.Path:
        """Write the files that it starts from; return the one that names the others."""
        key, authorized, config = (self.directory / name for name in ("host_key", "authorized_keys", "sshd_config"))
        key.write_text(self.host_key.private)
        key.chmod(0o600)
        authorized.write_text(self.user_key.public + "\n")
        authorized.chmod(0o644)  # read as the one who logs in
        environment = [f"SetEnv {' '.join(f'{name}={value}' for name, value in self.environment.items())}"]
        lines = [
            *self.options,
            f"ListenAddress {self.address}",
            f"Port {self.port}",
            f"HostKey {key}",
            f"AuthorizedKeysFile {authorized}",
            f"PidFile {self.directory / 'sshd.pid'}",
            "UsePAM no",
            "StrictModes no",  # it would look at every folder above ours
            "PasswordAuthentication no",
            "KbdInteractiveAuthentication no",
            "PermitRootLogin prohibit-password",
            f"AllowUsers {self.user}",
            "Subsystem sftp internal-sftp",
            "MaxStartups 100",
            *(environment if self.environment else []),
        ]
        config.write_text("\n".join([*lines, ""]))
        return config


@pytest.fixture
def sshd(tmp_path: pathlib.Path) -> Iterator[Sshd]:
    """A server on the loopback, with a home of its own (`directory / "home"`) that is empty."""
    home = tmp_path / "sshd" / "home"
    home.mkdir(parents=True)
    with Sshd(tmp_path / "sshd", environment={"HOME": str(home)}) as server:
        yield server


def _processes() -> Iterator[tuple[int, int, str]]:
    """Yield pid, parent and name of every process."""
    for directory in pathlib.Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):  # it has ended meanwhile
            head, _, tail = (directory / "stat").read_text().rpartition(")")
            yield int(directory.name), int(tail.split()[1]), head.partition("(")[2]


def _kill(pid: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)
