"""Many signatures at once are judged as each would be by itself."""

from __future__ import annotations

import base64

import pytest

from include.proven.encryption import inline
from include.proven.encryption.keyring import Keyring
from include.proven.errors import IntegrityError
from tests.servers.gnupg import NewHome

CONTENTS = [b"", b"{}\n", b"a\r\nb\n", b"x" * 70_000, b"one", b"two", b"three"]


def fault_of(keyring: Keyring, content: bytes, signature: bytes) -> str:
    try:
        keyring.verify(content, signature)
    except IntegrityError as error:
        return error.what
    return ""


def packets(armoured: bytes) -> bytes:
    body = armoured.partition(b"\n\n")[2].partition(b"\n=")[0]
    return base64.b64decode(body)


def armour(content: bytes) -> bytes:
    return b"-----BEGIN PGP SIGNATURE-----\n\n" + base64.encodebytes(content) + b"-----END PGP SIGNATURE-----\n"


def test_good_signatures_are_good_whatever_is_signed(keyring: Keyring) -> None:
    signed = [(content, keyring.sign(content)) for content in CONTENTS]
    assert all(inline.as_message(*pair) for pair in signed), "all of them went the fast way"
    assert keyring.verify_all(signed) == [None] * len(signed)
    assert keyring.verify_all([]) == []


def test_more_than_one_run_of_gpg_can_take(keyring: Keyring, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inline, "AT_ONCE", 3)
    signed = [(content, keyring.sign(content)) for content in CONTENTS]
    bad = [0, 2, 3, 6]
    for number in bad:
        signed[number] = (b"another", signed[number][1])
    assert [number for number, fault in enumerate(keyring.verify_all(signed)) if fault] == bad


def test_each_is_refused_for_the_reason_that_it_has_by_itself(keyring: Keyring, new_home: NewHome) -> None:
    content, home = b"content", new_home()
    good, other = keyring.sign(content), keyring.sign(b"other")
    home.new_key("Stranger <stranger@proven.invalid>")
    stranger = home.gpg("--armor", "--detach-sign", content=content)
    signatures = {
        "good": good,
        "of another content": other,
        "by a stranger": stranger,
        "none": b"",
        "junk": b"junk",
        "no base64": good.replace(b"\n\n", b"\n\n!", 1),
        "two files": good + good,
        "two packets": armour(packets(good) + packets(good)),
        "a packet of another sort": armour(b"\xcb" + packets(good)[1:]),
        "cut short": armour(packets(good)[:-1]),
        "longer": armour(packets(good) + b"\0"),
    }
    faults = keyring.verify_all([(content, signature) for signature in signatures.values()])
    for (name, signature), fault in zip(signatures.items(), faults, strict=True):
        assert (fault.what if fault else "") == fault_of(keyring, content, signature), name
    # gpg passes over a stray letter in the armour, and a byte behind a signature that is whole
    good_ones = {name for name, fault in zip(signatures, faults, strict=True) if fault is None}
    assert good_ones == {"good", "no base64", "longer"}


def test_a_message_that_is_hidden_in_a_signature_is_not_taken_for_the_content(keyring: Keyring) -> None:
    genuine = inline.as_message(b"genuine", keyring.sign(b"genuine"))
    assert genuine
    assert inline.as_message(b"forged", armour(genuine)) is None
    (fault,) = keyring.verify_all([(b"forged", armour(genuine))])
    assert fault
