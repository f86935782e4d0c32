"""The border to paramiko: connections to hosts whose key is always checked, and its errors translated.

A connection of type `ssh` has host, port, login, password and, in its extra, as Airflow's SSH provider names them:

    private_key, private_key_passphrase   the key to log in with, as text
    key_file                              its file on this machine, in its place
    host_key                              the host's public key: `ssh-ed25519 AAAA…`, or only `AAAA…`
    conn_timeout (or timeout)             seconds for each step of the log-in; 30 if unset
    compress, ciphers                     as `ssh -C` and `ssh -c`

The host must show `host_key` or, if none is given, a key that known_hosts has for it. There is no trust on first use:
`no_host_key_check` and `allow_host_key_change`, with which Airflow's connections can turn the check off, change nothing here.
Where no key, file or password is given, the SSH agent and the user's own keys are tried, as `ssh` does.
"""

from __future__ import annotations

import contextlib
import dataclasses
import logging
import pathlib
import socket
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import paramiko

from include.proven import connections, errors
from include.proven.hosts import ssh_keys, ssh_opening

PORT = 22
TIMEOUT_SECONDS = 30.0
KEEPALIVE_SECONDS = 15
SILENCE_SECONDS = 60
"""A connection over which nothing came through for so long is dead. The kernel alone would wait for a quarter of an hour."""

# What goes wrong is told by our error; its own log is a traceback besides.
logging.getLogger("paramiko").setLevel(logging.CRITICAL)


class UnknownHostKeyError(Exception):
    """There is no key on record for the host."""

    def __init__(self, seen: paramiko.PKey) -> None:
        super().__init__()
        self.seen = seen


@dataclasses.dataclass(frozen=True)
class Login:
    """Where to log in, and as whom. `repr` shows no secret."""

    host: str
    port: int
    user: str
    timeout: float
    unreachable: type[errors.ProvenError]
    """What is raised if it fails."""
    connection: str = ""
    """Its name, for hints."""
    password: str | None = dataclasses.field(default=None, repr=False)
    key: paramiko.PKey | None = dataclasses.field(default=None, repr=False)
    compress: bool = False
    ciphers: tuple[str, ...] = ()

    @property
    def place(self) -> str:
        """For people."""
        return f"ssh: {self.host} port {self.port}"

    @property
    def known_as(self) -> str:
        """How known_hosts names it."""
        return self.host if self.port == PORT else f"[{self.host}]:{self.port}"


def open_client(
    connection: connections.Connection, *, unreachable: type[errors.ProvenError] = errors.SourceError
) -> paramiko.SSHClient:
    """Given a connection of type `ssh`, log in, by Airflow's hook inside it, and return the client: the caller closes it.

    Raise ConfigError if the connection makes no sense, else `unreachable`, naming host and port: nobody listens, no answer in
    time, another host key than the one on record or none on record, log-in refused.
    """
    login = _login(connection, unreachable)
    pinned = connection.extra.get("host_key")
    place = f"connection {connection.name}: host_key"
    trusted = [ssh_keys.read_host_key(pinned, place)] if pinned else ssh_keys.find_known(login.known_as)
    with _explaining(login, trusted):
        if trusted and (client := ssh_opening.open_client(connection, trusted, login.timeout)):
            return _settled(client, trusted)
        return _connect(login, trusted, own_keys=not (login.key or login.password))


def pinned_client(
    address: str,
    port: int,
    user: str,
    private_key_pem: str,
    host_key_line: str,
    *,
    timeout: float,
    unreachable: type[errors.ProvenError] = errors.SandboxError,
) -> paramiko.SSHClient:
    """Log in with this key and no other to the host that shows that key and no other; the caller closes the client.

    `host_key_line` is `ssh-ed25519 AAAA…`; `timeout` (seconds) goes for each step of the log-in. Raise `unreachable`.
    """
    key = ssh_keys.read_private_key(private_key_pem, "", "the one-time key")
    trusted = [ssh_keys.read_host_key(host_key_line, "the one-time host key")]
    login = Login(address, port, user, timeout, unreachable, key=key)
    with _explaining(login, trusted):
        return _connect(login, trusted, own_keys=False)


def _login(connection: connections.Connection, unreachable: type[errors.ProvenError]) -> Login:
    name, extra = connection.name, connection.extra
    if connection.conn_type != "ssh":
        raise errors.ConfigError(f"connection {name}: type {connection.conn_type or '(none)'!r} is not ssh")
    if not connection.host or not connection.login:
        raise errors.ConfigError(f"connection {name}: no {'login' if connection.host else 'host'}")
    ciphers = extra.get("ciphers") or ()
    return Login(
        host=connection.host,
        port=connection.port or PORT,
        user=connection.login,
        timeout=_seconds(connection),
        unreachable=unreachable,
        connection=name,
        password=connection.password or None,
        key=_private_key(connection),
        compress=str(extra.get("compress", "")).lower() == "true",
        ciphers=tuple(ciphers.replace(",", " ").split() if isinstance(ciphers, str) else ciphers),
    )


def _seconds(connection: connections.Connection) -> float:
    given = connection.extra.get("conn_timeout") or connection.extra.get("timeout") or TIMEOUT_SECONDS
    try:
        return float(given)
    except (TypeError, ValueError):
        raise errors.ConfigError(f"connection {connection.name}: conn_timeout is no number of seconds: {given!r}") from None


def _private_key(connection: connections.Connection) -> paramiko.PKey | None:
    extra, place = connection.extra, f"connection {connection.name}"
    passphrase = str(extra.get("private_key_passphrase") or "")
    if text := extra.get("private_key"):
        return ssh_keys.read_private_key(text, passphrase, f"{place}: private_key")
    if not extra.get("key_file"):
        return None
    path = pathlib.Path(extra["key_file"]).expanduser()
    try:
        return ssh_keys.read_private_key(path.read_text(encoding="utf-8"), passphrase, str(path))
    except OSError as error:
        reason = (error.strerror or "").lower()
        raise errors.ConfigError(f"{path}: can't read the private key: {reason}", hint=f"It is key_file of {place}.") from error


def _connect(login: Login, trusted: Sequence[paramiko.PKey], *, own_keys: bool) -> paramiko.SSHClient:
    client = paramiko.SSHClient()
    for key in trusted:
        client.get_host_keys().add(login.known_as, key.get_name(), key)
    client.set_missing_host_key_policy(_Refusing())
    try:
        client.connect(
            login.host,
            login.port,
            login.user,
            login.password,
            login.key,
            timeout=login.timeout,
            banner_timeout=login.timeout,
            auth_timeout=login.timeout,
            allow_agent=own_keys,
            look_for_keys=own_keys,
            compress=login.compress,
            transport_factory=_transport_factory(login),
        )
        return _settled(client, trusted)
    except BaseException:
        client.close()
        raise


class _Refusing:
    """Paramiko's policy for hosts without a known key: none."""

    def missing_host_key(self, client: paramiko.SSHClient, hostname: str, key: paramiko.PKey) -> None:
        raise UnknownHostKeyError(key)


def _transport_factory(login: Login) -> Callable[..., paramiko.Transport]:
    def make(*arguments: Any, **named: Any) -> paramiko.Transport:
        transport = paramiko.Transport(*arguments, **named)
        if login.ciphers:
            try:
                transport.get_security_options().ciphers = login.ciphers
            except ValueError as error:
                raise errors.ConfigError(f"connection {login.connection}: ciphers: {error}") from None
        return transport

    return make


def _settled(client: paramiko.SSHClient, trusted: Sequence[paramiko.PKey]) -> paramiko.SSHClient:
    """Return a connected client, having looked once more to whom, and made it notice a dead network."""
    transport = client.get_transport()
    seen = transport.get_remote_server_key()
    if seen not in trusted:
        client.close()
        raise paramiko.BadHostKeyException("", seen, trusted[0])
    transport.set_keepalive(KEEPALIVE_SECONDS)
    if isinstance(transport.sock, socket.socket):  # and no proxy command
        transport.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, SILENCE_SECONDS * 1000)
    return client


@contextlib.contextmanager
def _explaining(login: Login, trusted: Sequence[paramiko.PKey]) -> Iterator[None]:
    """Translate what paramiko and the socket raise."""
    began = time.monotonic()
    try:
        yield
    except UnknownHostKeyError as error:
        raise _error(
            login, "no host key is on record for it", f"seen: {ssh_keys.fingerprints([error.seen])}", _pin(login)
        ) from None
    except paramiko.BadHostKeyException as error:
        detail = f"seen: {ssh_keys.fingerprints([error.key])}; on record: {ssh_keys.fingerprints(trusted)}"
        what = "its host key is not the one on record: another machine, or somebody in between"
        raise _error(login, what, detail, _pin(login)) from None
    except (TimeoutError, paramiko.SSHException, EOFError) as error:
        if isinstance(error, TimeoutError) or time.monotonic() - began >= login.timeout:
            raise _error(login, f"no answer within {login.timeout:g} s", str(error), _reach(login)) from error
        if isinstance(error, paramiko.AuthenticationException) or "No authentication methods" in str(error):
            raise _error(login, f"log-in as {login.user} refused", str(error), _allow(login)) from error
        raise _error(login, "the ssh session could not be opened", str(error), _reach(login)) from error
    except OSError as error:
        raise _error(login, "can't be reached", str(error), _reach(login)) from error


def _error(login: Login, what: str, detail: str, hint: str) -> errors.ProvenError:
    return login.unreachable(f"{login.place}: {what}", detail=detail, hint=hint)


def _of(login: Login) -> str:
    return f"the connection {login.connection}" if login.connection else "the sandbox"


def _reach(login: Login) -> str:
    return f"Check host and port of {_of(login)}, the firewall between, and that sshd runs there."


def _allow(login: Login) -> str:
    return f"Check login and key (or password) of {_of(login)}, and ~/.ssh/authorized_keys of {login.user} there."


def _pin(login: Login) -> str:
    if not login.connection:
        return "The key was made for this sandbox alone: do not trust what answers there."
    port = "" if login.port == PORT else f"-p {login.port} "
    return (
        f"Run `ssh-keyscan {port}{login.host}`, compare its fingerprint (`ssh-keygen -lf -`) with the one that the host itself "
        "shows (`ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub`), and only if they are the same write the key into "
        f"`host_key` in the extra of {_of(login)}, or into known_hosts."
    )
