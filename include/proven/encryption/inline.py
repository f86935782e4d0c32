"""Detached signatures of many contents, checked by few runs of gpg.

gpg checks one detached signature a run, which takes 20 ms: a thousand would take 20 s. It checks many *messages* a run, and a
signature packet followed by its content as a literal data packet is a signed message (RFC 4880, 11.3). It does so on a keyring
of the old format that has one key: there it remembers that it has checked the key's own signatures; of a key in a keybox it
checks them again, several times over, for each message.
"""

from __future__ import annotations

import base64
import binascii
import contextlib
import pathlib
import re
import tempfile
from collections.abc import Iterator, Sequence

from include.proven.encryption import gpg

AT_ONCE = 200
"""Messages a run: each takes a file descriptor, of which a process may have 1024."""
ARMOUR = re.compile(
    rb"-----BEGIN PGP SIGNATURE-----\n(?:[\x20-\x7e]+\n)*\n((?:[A-Za-z0-9+/=]+\n)+)-----END PGP SIGNATURE-----\n*"
)
CHECKSUM = re.compile(rb"\n=[A-Za-z0-9+/]{4}\n$")
SIGNATURE, LITERAL = 2, 11
"""Packet tags."""
VERSION_4_OF_BINARY = b"\x04\x00"


def as_message(content: bytes, signature: bytes) -> bytes | None:
    """Given content and its armoured detached signature, return both as one message.

    None if the signature is not exactly one packet of the usual sort: whatever else stands in it must not become a message of
    its own that gpg would find good.
    """
    armour = ARMOUR.fullmatch(signature)
    if not armour:
        return None
    try:
        packet = base64.b64decode(CHECKSUM.sub(b"\n", armour[1]).replace(b"\n", b""), validate=True)
    except binascii.Error:
        return None
    body = _body(packet)
    if body is None or not body.startswith(VERSION_4_OF_BINARY):
        return None
    literal = b"b" + bytes(5) + content  # binary, without name and date
    return packet + bytes([0xC0 | LITERAL, 0xFF]) + len(literal).to_bytes(4, "big") + literal


def verify(messages: Sequence[bytes], public_key: bytes) -> list[gpg.Outcome | None]:
    """Given messages and the one key that may have signed them, return what gpg says of each that it finds good.

    None stands for every other: whoever wants to know why must ask for that one alone, by another way.
    """
    said: list[gpg.Outcome | None] = []
    with _home_of(public_key) as program:
        while len(said) < len(messages):
            # gpg ends at the first message that is not good; those after it are asked in another run
            found = _split(
                program.run("--no-autostart", "--verify-files", "--", files=messages[len(said) : len(said) + AT_ONCE])
            )
            said += found or [None]
    return said


@contextlib.contextmanager
def _home_of(public_key: bytes) -> Iterator[gpg.Gpg]:
    """Give gpg a home directory with nothing in it but one public key, for as long as the block runs."""
    with tempfile.TemporaryDirectory(prefix="proven-gpg-") as folder:
        home = pathlib.Path(folder)
        (home / "pubring.gpg").touch(mode=0o600)  # where it stands no keybox is made
        program = gpg.Gpg(home)
        program.run("--no-autostart", "--import", content=public_key)
        yield program


def _split(done: gpg.Outcome) -> list[gpg.Outcome | None]:
    """Return what was said of each message, the last one None if gpg did not come to its end."""
    said: list[gpg.Outcome | None] = []
    lines: list[tuple[str, ...]] = []
    for line in done.status:
        if line[0] == "FILE_START":
            lines = []
            said.append(None)
        elif line[0] == "FILE_DONE" and said:
            said[-1] = gpg.Outcome(0, b"", tuple(lines), done.stderr)
        else:
            lines.append(line)
    return said


def _body(packet: bytes) -> bytes | None:
    """Return the body of a signature packet that fills all of `packet`, or None if it is something else."""
    if len(packet) < 2:
        return None
    tag, first = packet[0], packet[1]
    if tag & 0xC0 == 0x80 and tag >> 2 & 0x0F == SIGNATURE and tag & 3 < 2:  # the old format, a length of one or two bytes
        head = 2 + (tag & 3)
        length = int.from_bytes(packet[1:head], "big")
    elif tag == 0xC0 | SIGNATURE and first < 192:
        head, length = 2, first
    elif tag == 0xC0 | SIGNATURE and first < 224 and len(packet) > 2:
        head, length = 3, (first - 192 << 8) + packet[2] + 192
    else:
        return None
    return packet[head:] if len(packet) == head + length else None
