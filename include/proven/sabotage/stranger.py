"""Somebody else's key: it can sign and be encrypted to, and the fleet does not know it."""

from __future__ import annotations

import pathlib

from include.proven.encryption import gpg
from include.proven.encryption.gpg import Gpg, Outcome
from include.proven.errors import EncryptionError

USER_ID = "Stranger <stranger@proven.invalid>"


class Stranger:
    """One key in a GnuPG home of its own, made when it is first used."""

    def __init__(self, home: pathlib.Path) -> None:
        self._home = home

    def sign(self, content: bytes) -> bytes:
        """Return the stranger's armoured detached signature. Raise EncryptionError if gpg fails."""
        return self._run("--armor", "--local-user", USER_ID, "--detach-sign", content=content).output

    def public_key(self) -> str:
        """Return the stranger's public key, armoured. Raise EncryptionError if gpg fails."""
        return self._run("--armor", "--export", USER_ID).output.decode()

    def _run(self, *arguments: str, content: bytes = b"") -> Outcome:
        if not self._home.exists():
            self._home.mkdir(mode=0o700)
            gpg.require_agent_socket(self._home)
            self._run("--passphrase", "", "--quick-generate-key", USER_ID, "future-default", "default", "never")
        done = Gpg(self._home).run(*arguments, content=content, private=True)
        if done.exit_status:
            raise EncryptionError("gnupg: can't make or use a stranger's key", detail=done.stderr)
        return done
