"""The SSH keys of one machine, derived and never stored: `docs/decisions/0014-one-time-ssh-keys.md`.

Every task that knows the seed has the same keys of a machine, no two machines share one, and nobody gets from one to another.
"""

from __future__ import annotations

import dataclasses
import functools
from typing import Literal

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ed25519
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

SALT = b"proven: one-time ssh keys"
COST = 2**15
"""Scrypt's, of 32 MiB and 0.1 s: whoever reads a machine's user data could try passwords on the host key that it holds."""

Purpose = Literal["host", "user"]


@dataclasses.dataclass(frozen=True)
class KeyPair:
    """An Ed25519 key."""

    private: str = dataclasses.field(repr=False)
    """OpenSSH's format, PEM."""
    public: str
    """`ssh-ed25519 AAAA…`."""


class OneTimeKeys:
    """The keys of the machines of one sandbox, given the seed and its name in the fleet."""

    def __init__(self, seed: str, sandbox: str) -> None:
        self._seed = seed
        self._sandbox = sandbox

    def derive(self, purpose: Purpose, instance: str) -> KeyPair:
        """Return the key by which the machine of that name is known (`host`), or with which we log in to it (`user`)."""
        # Names hold no NUL, so that no two triples run into the same bytes.
        info = b"\0".join(part.encode() for part in (purpose, self._sandbox, instance))
        material = HKDF(algorithm=hashes.SHA256(), length=32, salt=SALT, info=info).derive(self._stretched)
        key = ed25519.Ed25519PrivateKey.from_private_bytes(material)
        private = key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.OpenSSH, serialization.NoEncryption()
        )
        public = key.public_key().public_bytes(serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH)
        return KeyPair(private.decode(), public.decode())

    @functools.cached_property
    def _stretched(self) -> bytes:
        return Scrypt(salt=SALT, length=32, n=COST, r=8, p=1).derive(self._seed.encode())
