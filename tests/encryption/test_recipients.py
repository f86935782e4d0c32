"""A backup is encrypted only to keys that are there, unambiguous, alive, trusted and able to."""

from __future__ import annotations

import datetime

import pytest

from include.proven import errors
from include.proven.demo.keys import DemoKeys
from include.proven.encryption.keyring import Keyring
from tests.servers.gnupg import Home, NewHome

ALICE = "Alice <alice@proven.invalid>"
LONG_AGO = "20200101T000000"


def refusal(keyring: Keyring) -> errors.EncryptionError:
    with pytest.raises(errors.EncryptionError) as caught:
        keyring.check_recipients()
    assert "\n" not in caught.value.what
    assert caught.value.hint
    return caught.value


def import_public(home: Home, other: Home, fingerprint: str) -> None:
    home.gpg("--import", content=other.gpg("--export", fingerprint))


def test_demo_keys_are_usable_by_address_and_by_fingerprint(keyring: Keyring, gpg_home: DemoKeys) -> None:
    by_address = keyring.check_recipients()
    assert [key.fingerprint for key in by_address] == [gpg_home.backup, gpg_home.escrow]
    home = Home(gpg_home.home)
    for spelling in (gpg_home.escrow, gpg_home.escrow.lower(), f"0x{gpg_home.escrow}"):
        assert home.keyring(spelling).check_recipients() == by_address[1:]


def test_exported_keys_are_public_halves_that_encrypt(keyring: Keyring, gpg_home: DemoKeys, new_home: NewHome) -> None:
    exported = keyring.export_public_keys()
    elsewhere = new_home()
    for armoured in exported:
        assert armoured.startswith("-----BEGIN PGP PUBLIC KEY BLOCK-----")
        elsewhere.gpg("--import", content=armoured.encode())
    listed = elsewhere.gpg("--with-colons", "--list-keys").decode()
    assert all(fingerprint in listed for fingerprint in (gpg_home.backup, gpg_home.escrow))
    assert elsewhere.gpg("--with-colons", "--list-secret-keys") == b""
    assert elsewhere.encrypt(b"x", gpg_home.backup, gpg_home.escrow)


@pytest.mark.failure("B3")
@pytest.mark.parametrize(
    "wanted", ["ackup@proven.invalid", "backup@proven.invali", "Proven backup", "proven.invalid", "0" * 40]
)
def test_missing_key_is_named_and_names_are_exact(gpg_home: DemoKeys, wanted: str) -> None:
    error = refusal(Home(gpg_home.home).keyring("escrow@proven.invalid", wanted))
    assert error.what == f"gnupg: recipient {wanted}: no public key in {gpg_home.home}"


def test_half_a_fingerprint_is_no_name(gpg_home: DemoKeys) -> None:
    assert "no public key" in refusal(Home(gpg_home.home).keyring(gpg_home.backup[-16:])).what


def test_address_of_two_keys_is_ambiguous(new_home: NewHome) -> None:
    home = new_home()
    made = [home.new_key(ALICE), home.new_key("Another Alice <alice@proven.invalid>", kind="ed25519", usage="sign")]
    error = refusal(home.keyring("alice@proven.invalid"))
    assert error.what.endswith("2 keys have this address")
    assert all(fingerprint in error.detail for fingerprint in made)
    assert home.keyring(made[0]).check_recipients()


@pytest.mark.failure("B3")
def test_expired_key_is_refused(new_home: NewHome) -> None:
    home = new_home()
    home.new_key(ALICE, expires="1d", at=LONG_AGO)
    error = refusal(home.keyring("alice@proven.invalid"))
    assert error.what == "gnupg: recipient alice@proven.invalid: the key has expired"
    assert "2020-01-02 00:00 UTC" in error.detail


@pytest.mark.failure("B3")
def test_revoked_key_is_refused(new_home: NewHome) -> None:
    home = new_home()
    home.revoke(home.new_key(ALICE))
    assert refusal(home.keyring("alice@proven.invalid")).what.endswith("the key is revoked")


def test_disabled_key_is_refused(new_home: NewHome) -> None:
    home = new_home()
    fingerprint = home.new_key(ALICE)
    home.gpg("--command-fd", "0", "--edit-key", fingerprint, content=b"disable\nsave\n")
    assert refusal(home.keyring(fingerprint)).what.endswith("the key is disabled or invalid")


@pytest.mark.failure("B3")
def test_untrusted_key_is_refused_until_it_is_certified(new_home: NewHome) -> None:
    home, other = new_home(), new_home()
    home.new_key("Me <me@proven.invalid>")
    fingerprint = other.new_key(ALICE)
    import_public(home, other, fingerprint)
    for wanted in ("alice@proven.invalid", fingerprint):
        error = refusal(home.keyring(wanted))
        assert error.what == f"gnupg: recipient {wanted}: the key is not trusted"
        assert f"--quick-lsign-key {fingerprint}" in error.hint
    home.gpg("--quick-lsign-key", fingerprint)
    assert home.keyring("alice@proven.invalid", fingerprint).check_recipients()


@pytest.mark.failure("B3")
def test_address_that_a_trusted_key_gave_itself_is_not_trusted(new_home: NewHome) -> None:
    home, other = new_home(), new_home()
    home.new_key("Me <me@proven.invalid>")
    fingerprint = other.new_key("Mallory <mallory@proven.invalid>")
    import_public(home, other, fingerprint)
    home.gpg("--quick-lsign-key", fingerprint)
    other.gpg("--passphrase", "", "--quick-add-uid", fingerprint, ALICE)
    import_public(home, other, fingerprint)
    assert home.keyring("mallory@proven.invalid").check_recipients()
    assert refusal(home.keyring("alice@proven.invalid")).what.endswith("the key is not trusted")


def test_key_that_only_signs_is_refused(new_home: NewHome) -> None:
    home = new_home()
    home.new_key(ALICE, kind="ed25519", usage="sign")
    assert refusal(home.keyring("alice@proven.invalid")).what.endswith("it has no key to encrypt with")


@pytest.mark.failure("B3")
def test_expired_subkey_is_refused(new_home: NewHome) -> None:
    home = new_home()
    fingerprint = home.new_key(ALICE, kind="ed25519", usage="sign", at=LONG_AGO)
    home.gpg("--faked-system-time", LONG_AGO, "--passphrase", "", "--quick-add-key", fingerprint, "cv25519", "encr", "1d")
    assert refusal(home.keyring("alice@proven.invalid")).what.endswith("its subkey to encrypt has expired")


def test_home_that_does_not_exist_is_named(gpg_home: DemoKeys) -> None:
    error = refusal(Home(gpg_home.home / "nowhere").keyring("alice@proven.invalid"))
    assert error.what == f"gnupg: the home directory {gpg_home.home}/nowhere does not exist"


def test_keys_that_expire_are_told_soonest_first(new_home: NewHome, keyring: Keyring) -> None:
    assert keyring.ends() == []
    home = new_home()
    me = home.new_key("Me <me@proven.invalid>", expires="2y")
    soon = home.new_key(ALICE, expires="10d")
    found = home.keyring("alice@proven.invalid", signer="me@proven.invalid").ends()
    assert [key.fingerprint for _, key in found] == [soon, me]
    assert abs(found[0][0] - datetime.datetime.now(datetime.UTC) - datetime.timedelta(days=10)) < datetime.timedelta(days=1)


def test_expiry_of_the_only_encryption_subkey_counts(new_home: NewHome) -> None:
    home = new_home()
    fingerprint = home.new_key(ALICE, kind="ed25519", usage="sign")
    home.gpg("--passphrase", "", "--quick-add-key", fingerprint, "cv25519", "encr", "5d")
    (found,) = home.keyring("alice@proven.invalid").ends()
    assert found[0] < datetime.datetime.now(datetime.UTC) + datetime.timedelta(days=6)
