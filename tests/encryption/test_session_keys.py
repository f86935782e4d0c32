"""A session key opens one artifact; the private key and its passphrase stay where they are."""

from __future__ import annotations

import os
import secrets
import subprocess
import tempfile
from pathlib import Path

import pytest

from include.proven import errors
from include.proven.demo.keys import DemoKeys, create_demo_keys
from include.proven.encryption import gpg
from include.proven.encryption.keyring import START_BYTES, Keyring
from include.proven.fleet import model
from tests.agent.processes import wait_until
from tests.servers.gnupg import Home, NewHome

ALICE = "Alice <alice@proven.invalid>"


@pytest.mark.parametrize("size", [1, 100, 10_000, 3_000_000])
def test_session_key_of_the_first_bytes_opens_the_whole(
    keyring: Keyring, gpg_home: DemoKeys, new_home: NewHome, size: int
) -> None:
    content = os.urandom(size)
    artifact = Home(gpg_home.home).encrypt(content, gpg_home.backup, gpg_home.escrow)
    session_key = keyring.session_key(artifact[:START_BYTES])
    assert session_key.startswith("9:")
    assert new_home().gpg("--override-session-key", session_key, "--decrypt", content=artifact) == content


@pytest.mark.failure("B3", "B4")
def test_artifact_of_others_is_named_by_their_key_ids(keyring: Keyring, gpg_home: DemoKeys) -> None:
    artifact = Home(gpg_home.home).encrypt(b"x" * 1000, gpg_home.escrow)
    subkey = (
        Home(gpg_home.home).gpg("--with-colons", "--list-keys", gpg_home.escrow).decode().partition("\nsub:")[2].split(":")[3]
    )
    with pytest.raises(errors.EncryptionError, match=f"no private key .* encrypted to {subkey}"):
        keyring.session_key(artifact)


@pytest.mark.failure("B3")
def test_escrow_key_opens_what_the_lost_key_opened(gpg_home: DemoKeys, new_home: NewHome) -> None:
    artifact = Home(gpg_home.home).encrypt(b"x" * 1000, gpg_home.backup, gpg_home.escrow)
    safe = new_home()
    safe.gpg("--import", content=gpg_home.escrow_private_key.read_bytes())
    assert safe.keyring(gpg_home.escrow).session_key(artifact).startswith("9:")


@pytest.mark.failure("B4")
@pytest.mark.parametrize("damage", [b"", b"not OpenPGP at all", b"\x00" * 5000])
def test_what_is_no_openpgp_message_is_refused(keyring: Keyring, damage: bytes) -> None:
    with pytest.raises(errors.IntegrityError, match="does not begin as an OpenPGP message"):
        keyring.session_key(damage)


def locked_home(new_home: NewHome, passphrase: str) -> tuple[Home, bytes]:
    home = new_home()
    home.new_key(ALICE, passphrase=passphrase)
    artifact = home.encrypt(b"x" * 1000, "alice@proven.invalid")
    gpg.stop_agents(home.path)  # it remembers the passphrase
    return home, artifact


def test_passphrase_comes_from_its_file(new_home: NewHome, tmp_path: Path) -> None:
    home, artifact = locked_home(new_home, "correct horse")
    (tmp_path / "passphrase").write_text("correct horse\n")
    keyring = home.keyring("alice@proven.invalid", passphrase_file=tmp_path / "passphrase")
    assert keyring.session_key(artifact).startswith("9:")
    assert keyring.check_signer()


@pytest.mark.parametrize("content", ["wrong\n", "", None], ids=["wrong", "empty", "no file"])
def test_wrong_passphrase_is_named_and_not_repeated(new_home: NewHome, tmp_path: Path, content: str | None) -> None:
    home, artifact = locked_home(new_home, "correct horse")
    file = tmp_path / "passphrase"
    if content is not None:
        file.write_text(content)
    keyring = home.keyring("alice@proven.invalid", passphrase_file=None if content is None else file)
    for action in (lambda: keyring.session_key(artifact), lambda: keyring.sign(b"x")):
        with pytest.raises(errors.EncryptionError, match="the passphrase is wrong or missing") as caught:
            action()
        assert "wrong\n" not in caught.value.detail


def test_unreadable_passphrase_file_is_named(new_home: NewHome, tmp_path: Path) -> None:
    home, artifact = locked_home(new_home, "correct horse")
    with pytest.raises(errors.EncryptionError, match="can't read the passphrase file"):
        home.keyring("alice@proven.invalid", passphrase_file=tmp_path / "nowhere").session_key(artifact)


def test_secrets_are_in_no_argument_and_no_environment(new_home: NewHome, tmp_path: Path) -> None:
    passphrase = secrets.token_hex(12)
    home, artifact = locked_home(new_home, passphrase)
    (tmp_path / "passphrase").write_text(passphrase)
    spy = tmp_path / "gpg"
    spy.write_text(f'#!/bin/sh\n{{ printf "%s\\n" "$@"; env; }} >> {tmp_path}/seen\nexec gpg "$@"\n')
    spy.chmod(0o700)
    runner = gpg.Gpg(home.path, tmp_path / "passphrase", program=str(spy))
    done = runner.run("--show-session-key", "--output", "/dev/null", "--decrypt", content=artifact, private=True)
    session_key = done.lines("SESSION_KEY")[0][0]
    seen = (tmp_path / "seen").read_text()
    assert "--passphrase-fd" in seen
    for place in (seen, done.stderr, repr(done)):
        assert passphrase not in place
        assert session_key not in place


def test_home_with_too_long_a_path_is_named(tmp_path: Path) -> None:
    with tempfile.TemporaryDirectory(prefix="p" * 100) as directory:
        home = Path(directory)
        config = model.GnuPG(home=home, recipients=["a@proven.invalid"], signer="a@proven.invalid")
        socket = subprocess.run(
            ["gpgconf", "--homedir", directory, "--list-dirs", "agent-socket"], capture_output=True, check=True
        )
        if directory.encode() not in socket.stdout:
            pytest.skip("gpg keeps the sockets of this account below /run")
        with pytest.raises(errors.EncryptionError, match="too long for its agent's socket"):
            Keyring(config).session_key(b"x")
        with pytest.raises(errors.EncryptionError, match="too long"):
            create_demo_keys(home / "home")


def test_demo_home_has_one_private_key_only(gpg_home: DemoKeys) -> None:
    secret = Home(gpg_home.home).gpg("--with-colons", "--list-secret-keys").decode()
    assert gpg_home.backup in secret
    assert gpg_home.escrow not in secret
    assert gpg_home.escrow_private_key.stat().st_mode & 0o777 == 0o600


def test_no_agent_is_left_behind(tmp_path: Path) -> None:
    with tempfile.TemporaryDirectory(prefix="proven-gpg-") as directory:
        keys = create_demo_keys(Path(directory) / "home")
        wait_until(lambda: agents_of(keys.home) == [])  # sockets gone, an agent still ends
        Home(keys.home).keyring(signer=keys.backup).sign(b"x")
        assert agents_of(keys.home)
        gpg.stop_agents(keys.home)
        wait_until(lambda: agents_of(keys.home) == [])


def agents_of(home: Path) -> list[int]:
    found = []
    for entry in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            arguments = entry.read_bytes().split(b"\0")
        except OSError:
            continue  # it has ended
        if b"gpg-agent" in arguments[0] and str(home).encode() in arguments:
            found.append(int(entry.parent.name))
    return found
