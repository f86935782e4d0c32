"""A signature counts only if it is one, good, and by exactly the fleet's signer."""

from __future__ import annotations

import time

import pytest

from include.proven import errors
from include.proven.demo.keys import DemoKeys
from include.proven.encryption.keyring import Keyring
from tests.servers.gnupg import Home, NewHome

MANIFEST = b'{"recovery_point": "20261121T043512Z-full-7f3a9c01"}\n'


def test_what_was_signed_verifies(keyring: Keyring, gpg_home: DemoKeys) -> None:
    assert keyring.check_signer().fingerprint == gpg_home.backup
    signature = keyring.sign(MANIFEST)
    assert signature.startswith(b"-----BEGIN PGP SIGNATURE-----")
    assert keyring.verify(MANIFEST, signature) == gpg_home.backup


def test_one_flipped_bit_is_refused(keyring: Keyring) -> None:
    signature = keyring.sign(MANIFEST)
    with pytest.raises(errors.IntegrityError, match="the signature is not good"):
        keyring.verify(MANIFEST.replace(b"2", b"3", 1), signature)


@pytest.mark.parametrize("signature", [b"", b"nothing of the kind", b"-----BEGIN PGP SIGNATURE-----\n\nAAAA\n-----END"])
def test_what_is_no_signature_is_refused(keyring: Keyring, signature: bytes) -> None:
    with pytest.raises(errors.IntegrityError):
        keyring.verify(MANIFEST, signature)


def test_two_signatures_are_refused(keyring: Keyring, gpg_home: DemoKeys) -> None:
    binary = Home(gpg_home.home).gpg("--local-user", gpg_home.backup, "--detach-sign", content=MANIFEST)
    assert keyring.verify(MANIFEST, binary)
    with pytest.raises(errors.IntegrityError, match="exactly one signature"):
        keyring.verify(MANIFEST, binary + binary)


def test_other_signer_is_refused_even_if_trusted(new_home: NewHome) -> None:
    home = new_home()
    home.new_key("Signer <signer@proven.invalid>")
    home.new_key("Other <other@proven.invalid>")
    signature = home.keyring(signer="other@proven.invalid").sign(MANIFEST)
    with pytest.raises(errors.IntegrityError, match="not by the fleet's signer"):
        home.keyring(signer="signer@proven.invalid").verify(MANIFEST, signature)


def test_unknown_signer_is_refused(keyring: Keyring, new_home: NewHome) -> None:
    stranger = new_home()
    stranger.new_key("Proven backup <backup@proven.invalid>")
    signature = stranger.keyring(signer="backup@proven.invalid").sign(MANIFEST)
    with pytest.raises(errors.IntegrityError, match="the signature is not good"):
        keyring.verify(MANIFEST, signature)


def test_without_the_signers_public_key_nothing_is_said_about_the_signature(keyring: Keyring, new_home: NewHome) -> None:
    signature = keyring.sign(MANIFEST)
    with pytest.raises(errors.EncryptionError, match=r"signer backup@proven\.invalid: no public key"):
        new_home().keyring(signer="backup@proven.invalid").verify(MANIFEST, signature)


def test_imported_key_of_the_signers_address_is_not_believed(keyring: Keyring, gpg_home: DemoKeys, new_home: NewHome) -> None:
    signature = keyring.sign(MANIFEST)
    elsewhere = new_home()
    elsewhere.gpg("--import", content=keyring.export_public_keys()[0].encode())
    with pytest.raises(errors.EncryptionError, match="not trusted"):
        elsewhere.keyring(signer="backup@proven.invalid").verify(MANIFEST, signature)
    assert elsewhere.keyring(signer=gpg_home.backup).verify(MANIFEST, signature) == gpg_home.backup


def test_signature_outlives_its_key(new_home: NewHome) -> None:
    home = new_home()
    home.new_key("Signer <signer@proven.invalid>", expires="seconds=2")
    keyring = home.keyring(signer="signer@proven.invalid")
    signature = keyring.sign(MANIFEST)
    time.sleep(3)
    with pytest.raises(errors.EncryptionError, match="the key has expired"):
        keyring.check_signer()
    assert keyring.verify(MANIFEST, signature)


def test_revoked_signer_is_refused(new_home: NewHome) -> None:
    home = new_home()
    fingerprint = home.new_key("Signer <signer@proven.invalid>")
    keyring = home.keyring(signer=fingerprint)
    signature = keyring.sign(MANIFEST)
    home.revoke(fingerprint)
    with pytest.raises(errors.IntegrityError, match="the signature is not good"):
        keyring.verify(MANIFEST, signature)
    with pytest.raises(errors.EncryptionError, match="the key is revoked"):
        keyring.check_signer()


def test_signer_without_private_half_is_named(gpg_home: DemoKeys) -> None:
    keyring = Home(gpg_home.home).keyring(signer="escrow@proven.invalid")
    with pytest.raises(errors.EncryptionError, match=r"can't sign as escrow@proven\.invalid: there is no private key"):
        keyring.check_signer()
