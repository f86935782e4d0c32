"""Connections to a real sshd: the host's key decides before anything else, and each refusal is an error of its own."""

from __future__ import annotations

import contextlib
import pathlib
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from typing import Any

import paramiko
import pytest

from include.proven import connections, errors
from include.proven.hosts import ssh_client, ssh_keys
from tests.servers.sshd import KeyPair, Sshd, new_key


@pytest.fixture(autouse=True)
def nobodys_home(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> pathlib.Path:
    """A home without known hosts and keys, and no agent."""
    home = tmp_path / "nobody"
    (home / ".ssh").mkdir(parents=True)
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.delenv("SSH_AUTH_SOCK", raising=False)
    monkeypatch.setattr(ssh_keys, "SYSTEM_FILE", home / "ssh_known_hosts")
    return home


def connection(sshd: Sshd, *, password: str = "", port: int = 0, **extra: Any) -> connections.Connection:
    """Return a connection to a server, with its keys unless `extra` says otherwise (None: without)."""
    keys = {"private_key": sshd.user_key.private, "host_key": sshd.host_key.public} | extra
    given = {name: value for name, value in keys.items() if value is not None}
    return connections.Connection("db1_ssh", "ssh", sshd.address, port or sshd.port, sshd.user, password, extra=given)


def says_hello(client: paramiko.SSHClient) -> None:
    with contextlib.closing(client):
        assert client.exec_command("echo hello")[1].read() == b"hello\n"


def fingerprint(key: KeyPair) -> str:
    """Return what `ssh-keygen -l` calls a key."""
    done = subprocess.run(["ssh-keygen", "-lf", "-"], input=key.public, capture_output=True, text=True, check=True)
    return done.stdout.split()[1]


def refused(found: connections.Connection) -> errors.SourceError:
    with pytest.raises(errors.SourceError) as caught:
        ssh_client.open_client(found)
    told = str(caught.value)
    assert f"{found.host} port {found.port}" in caught.value.what
    assert caught.value.hint
    assert "PRIVATE KEY" not in told
    assert not found.password or found.password not in told
    return caught.value


def test_the_right_key_opens_a_session(sshd: Sshd) -> None:
    says_hello(ssh_client.open_client(connection(sshd)))


def test_a_host_key_may_be_its_base64_alone(sshd: Sshd) -> None:
    says_hello(ssh_client.open_client(connection(sshd, host_key=sshd.host_key.public.split()[1])))


def test_compression_and_ciphers_are_asked_for(sshd: Sshd) -> None:
    client = ssh_client.open_client(connection(sshd, compress=True, ciphers="aes256-ctr"))
    transport = client.get_transport()
    assert (transport.remote_cipher, transport.remote_compression) == ("aes256-ctr", "zlib@openssh.com")
    says_hello(client)


@pytest.mark.parametrize("line", ["[{address}]:{port} {key}", "other.example,[{address}]:{port} {key} a comment"])
@pytest.mark.parametrize("file", [".ssh/known_hosts", "ssh_known_hosts"])
def test_a_key_in_known_hosts_is_on_record(sshd: Sshd, nobodys_home: pathlib.Path, file: str, line: str) -> None:
    known = line.format(address=sshd.address, port=sshd.port, key=sshd.host_key.public)
    (nobodys_home / file).write_text(f"# ours\n{known}\n")
    says_hello(ssh_client.open_client(connection(sshd, host_key=None)))


def test_hashed_known_hosts_are_read(sshd: Sshd, nobodys_home: pathlib.Path) -> None:
    known = nobodys_home / ".ssh/known_hosts"
    known.write_text(f"[{sshd.address}]:{sshd.port} {sshd.host_key.public}\n")
    subprocess.run(["ssh-keygen", "-q", "-H", "-f", str(known)], capture_output=True, check=True)
    assert sshd.address not in known.read_text()
    says_hello(ssh_client.open_client(connection(sshd, host_key=None)))


@pytest.mark.parametrize(
    "lax", [{}, {"no_host_key_check": True}, {"no_host_key_check": "true", "allow_host_key_change": "true"}]
)
def test_an_unknown_host_is_refused_before_the_log_in_with_a_word_on_how_to_pin_it(sshd: Sshd, lax: dict[str, Any]) -> None:
    error = refused(connection(sshd, host_key=None, **lax))
    assert "no host key is on record" in error.what
    assert fingerprint(sshd.host_key) in error.detail
    assert f"ssh-keyscan -p {sshd.port} {sshd.address}" in error.hint
    assert "db1_ssh" in error.hint
    assert "Accepted" not in sshd.log


@pytest.mark.parametrize("lax", [{}, {"no_host_key_check": True}])
def test_another_key_than_the_pinned_one_is_refused_even_if_known_hosts_has_it(
    sshd: Sshd, nobodys_home: pathlib.Path, lax: dict[str, Any]
) -> None:
    (nobodys_home / ".ssh/known_hosts").write_text(f"[{sshd.address}]:{sshd.port} {sshd.host_key.public}\n")
    other = new_key()
    error = refused(connection(sshd, host_key=other.public, **lax))
    assert "not the one on record" in error.what
    assert f"seen: ssh-ed25519 {fingerprint(sshd.host_key)}" in error.detail
    assert fingerprint(other) in error.detail.partition("on record")[2]
    assert "Accepted" not in sshd.log


def test_a_key_that_the_host_does_not_know_is_refused(sshd: Sshd) -> None:
    error = refused(connection(sshd, private_key=new_key().private))
    assert f"log-in as {sshd.user} refused" in error.what
    assert "authorized_keys" in error.hint


def test_a_wrong_password_is_refused(tmp_path: pathlib.Path) -> None:
    (tmp_path / "s").mkdir()
    with Sshd(tmp_path / "s", options=["PasswordAuthentication yes", "PermitRootLogin yes"]) as sshd:
        error = refused(connection(sshd, private_key=None, password="not-the-password"))
        assert f"log-in as {sshd.user} refused" in error.what
        assert "Failed password" in sshd.log


def test_without_any_key_or_password_the_log_in_is_refused(sshd: Sshd) -> None:
    assert "refused" in refused(connection(sshd, private_key=None)).what


def test_the_users_own_key_is_tried_where_none_is_given(sshd: Sshd, nobodys_home: pathlib.Path) -> None:
    (nobodys_home / ".ssh/id_ed25519").write_text(sshd.user_key.private)
    says_hello(ssh_client.open_client(connection(sshd, private_key=None)))
    assert "refused" in refused(connection(sshd, private_key=new_key().private)).what


def test_nobody_listens(sshd: Sshd, closed_port: int) -> None:
    error = refused(connection(sshd, port=closed_port))
    assert "can't be reached" in error.what


def test_a_name_that_does_not_exist(sshd: Sshd) -> None:
    found = connections.Connection("db1_ssh", "ssh", "no-such-host.invalid", sshd.port, "x", extra=connection(sshd).extra)
    assert "can't be reached" in refused(found).what


@pytest.fixture
def black_hole() -> Iterator[int]:
    """A port that takes connections and never says a word."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        taken: list[socket.socket] = []

        def take() -> None:
            with contextlib.suppress(OSError):
                while True:
                    taken.append(server.accept()[0])

        threading.Thread(target=take, daemon=True).start()
        yield server.getsockname()[1]
        server.shutdown(socket.SHUT_RDWR)
        for one in taken:
            one.close()


@pytest.fixture
def full_queue() -> Iterator[int]:
    """A port whose queue is full: what is sent to it is dropped, as a firewall does."""
    with socket.socket() as server, contextlib.ExitStack() as waiting:
        server.bind(("127.0.0.1", 0))
        server.listen(0)
        for _ in range(3):
            one = waiting.enter_context(socket.socket())
            one.setblocking(False)
            one.connect_ex(server.getsockname())
        yield server.getsockname()[1]


@pytest.mark.parametrize("kind", ["black_hole", "full_queue"])
def test_silence_ends_with_the_time_limit(kind: str, sshd: Sshd, request: pytest.FixtureRequest) -> None:
    began = time.monotonic()
    error = refused(connection(sshd, port=request.getfixturevalue(kind), conn_timeout=1))
    assert "no answer within 1 s" in error.what
    assert time.monotonic() - began < 5


@pytest.mark.parametrize(
    "sort", [("ed25519",), ("rsa", "-b", "2048"), ("ecdsa", "-b", "384"), ("rsa", "-m", "PEM")], ids=" ".join
)
@pytest.mark.parametrize("passphrase", ["", "open sesame"], ids=["plain", "passphrase"])
def test_keys_as_ssh_keygen_writes_them(sort: tuple[str, ...], passphrase: str, tmp_path: pathlib.Path) -> None:
    path = tmp_path / "key"
    subprocess.run(["ssh-keygen", "-q", "-N", passphrase, "-f", str(path), "-t", *sort], check=True)
    read = ssh_keys.read_private_key(path.read_text().strip(), passphrase, "here")
    assert read.get_base64() == path.with_suffix(".pub").read_text().split()[1]
    if passphrase:
        with pytest.raises(errors.ConfigError, match="no private key that can be read") as caught:
            ssh_keys.read_private_key(path.read_text(), "", "here")
        assert "private_key_passphrase" in caught.value.hint


def test_a_key_file_is_read(sshd: Sshd, tmp_path: pathlib.Path) -> None:
    (tmp_path / "key").write_text(sshd.user_key.private)
    says_hello(ssh_client.open_client(connection(sshd, private_key=None, key_file=str(tmp_path / "key"))))
    with pytest.raises(errors.ConfigError, match="can't read the private key: no such file"):
        ssh_client.open_client(connection(sshd, private_key=None, key_file=str(tmp_path / "gone")))


@pytest.mark.parametrize(
    ("extra", "what"),
    [
        ({"host_key": "ssh-ed25519"}, "no public key"),
        ({"host_key": "ssh-rsa {ed25519}"}, "is of type ssh-ed25519, and not ssh-rsa"),
        ({"private_key": "-----BEGIN OPENSSH PRIVATE KEY-----\nAAAA\n-----END OPENSSH PRIVATE KEY-----"}, "can be read"),
        ({"conn_timeout": "soon"}, "no number of seconds"),
        ({"ciphers": "rot13"}, "ciphers"),
    ],
)
def test_nonsense_in_a_connection_is_named(sshd: Sshd, extra: dict[str, str], what: str) -> None:
    filled: dict[str, Any] = {name: value.format(ed25519=sshd.host_key.public.split()[1]) for name, value in extra.items()}
    with pytest.raises(errors.ConfigError, match=what) as caught:
        ssh_client.open_client(connection(sshd, **filled))
    assert "connection db1_ssh" in caught.value.what


def test_a_connection_of_another_type_is_named(sshd: Sshd) -> None:
    with pytest.raises(errors.ConfigError, match="type 'mysql' is not ssh"):
        ssh_client.open_client(connections.Connection("db1", "mysql", sshd.address))


def test_a_pinned_client_knows_one_key_and_one_host(sshd: Sshd, nobodys_home: pathlib.Path) -> None:
    def login(user_key: KeyPair, host_key: KeyPair) -> paramiko.SSHClient:
        return ssh_client.pinned_client(
            sshd.address, sshd.port, sshd.user, user_key.private, host_key.public, timeout=10, unreachable=errors.SandboxError
        )

    # neither the user's keys nor the hosts that he knows are asked
    (nobodys_home / ".ssh/id_ed25519").write_text(sshd.user_key.private)
    (nobodys_home / ".ssh/known_hosts").write_text(f"[{sshd.address}]:{sshd.port} {sshd.host_key.public}\n")
    says_hello(login(sshd.user_key, sshd.host_key))
    with pytest.raises(errors.SandboxError, match="refused"):
        login(new_key(), sshd.host_key)
    with pytest.raises(errors.SandboxError, match="not the one on record"):
        login(sshd.user_key, new_key())
