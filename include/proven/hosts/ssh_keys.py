"""Keys of SSH: private ones to log in with, and the public ones by which a host is known."""

from __future__ import annotations

import base64
import binascii
import io
import pathlib
from collections.abc import Sequence

import paramiko
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

from include.proven.errors import ConfigError

CLASSES = (
    (ed25519.Ed25519PrivateKey, paramiko.Ed25519Key),
    (ec.EllipticCurvePrivateKey, paramiko.ECDSAKey),
    (rsa.RSAPrivateKey, paramiko.RSAKey),
)
SYSTEM_FILE = pathlib.Path("/etc/ssh/ssh_known_hosts")


def read_private_key(text: str, passphrase: str, place: str) -> paramiko.PKey:
    """Given the text of a private key (OpenSSH's format, PKCS#1, PKCS#8), return it. Raise ConfigError, naming `place`."""
    # Guessing by paramiko's own classes can load a key as one of another type, which fails when it is used.
    secret = passphrase.encode() or None
    # Of a key that was pasted into a form the last line break is often missing.
    data = text.strip().encode() + b"\n"
    load = serialization.load_ssh_private_key if b"OPENSSH" in data[:64] else serialization.load_pem_private_key
    try:
        loaded = load(data, password=secret)
        for kind, chosen in CLASSES:
            if isinstance(loaded, kind):
                openssh = loaded.private_bytes(
                    serialization.Encoding.PEM, serialization.PrivateFormat.OpenSSH, serialization.NoEncryption()
                )
                return chosen.from_private_key(io.StringIO(openssh.decode()))
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        hint = "It must be OpenSSH's or PEM's text, line breaks included; a passphrase goes into `private_key_passphrase`."
        # The library's words are about the format, never about the key.
        raise ConfigError(f"{place}: no private key that can be read", detail=str(error), hint=hint) from None
    raise ConfigError(f"{place}: no private key of a type that SSH has", hint="Make one: ssh-keygen -t ed25519.")


def read_host_key(text: str, place: str) -> paramiko.PKey:
    """Given `ssh-ed25519 AAAA…` or only `AAAA…`, return the public key. Raise ConfigError, naming `place`."""
    *types, encoded = text.split()[:2] or [""]
    try:
        blob = base64.b64decode(encoded, validate=True)
        named = paramiko.Message(blob).get_text()
        if types and types != [named]:
            raise ConfigError(f"{place}: the host key is of type {named}, and not {types[0]}")
        return paramiko.PKey.from_type_string(named, blob)
    except (binascii.Error, UnicodeError, ValueError, paramiko.SSHException, paramiko.pkey.UnknownKeyType) as error:
        hint = "Write it as in the host's /etc/ssh/ssh_host_ed25519_key.pub: ssh-ed25519 AAAA…"
        raise ConfigError(f"{place}: no public key of an SSH host", hint=hint) from error


def find_known(name: str) -> list[paramiko.PKey]:
    """Return the keys that this user's or this machine's known_hosts has for `host` or `[host]:port`."""
    found = []
    for path in (pathlib.Path("~/.ssh/known_hosts").expanduser(), SYSTEM_FILE):
        if path.is_file():
            found += list((paramiko.HostKeys(str(path)).lookup(name) or {}).values())
    return found


def fingerprints(keys: Sequence[paramiko.PKey]) -> str:
    """Return keys as `ssh-keygen -l` names them, for people to compare."""
    return ", ".join(f"{key.get_name()} {key.fingerprint}" for key in keys)
