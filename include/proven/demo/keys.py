"""The demo's two keys: one that this machine reads and signs with, and an escrow key whose private half is kept apart."""

from __future__ import annotations

import dataclasses
import shutil
import subprocess
import tempfile
from pathlib import Path

from include.proven import errors
from include.proven.encryption import gpg

BACKUP = "Proven backup <backup@proven.invalid>"
ESCROW = "Proven escrow <escrow@proven.invalid>"


@dataclasses.dataclass(frozen=True)
class DemoKeys:
    """What was made. No key has a passphrase: they are for the demo's own data."""

    home: Path
    backup: str
    """Fingerprint of the key whose private half is in `home`: it decrypts for drills, and signs."""
    escrow: str
    """Fingerprint of the key of which `home` has the public half only."""
    escrow_private_key: Path
    """The other half, armoured: in real life it lies in a safe."""


def create_demo_keys(home: Path) -> DemoKeys:
    """Given a new directory, make it a GnuPG home with both keys, ultimately trusted; no agent is left running.

    The escrow's private half is written beside it (`<home>.escrow-private.asc`, 0600). Raise EncryptionError if gpg fails.
    """
    home.mkdir(mode=0o700, parents=True)
    gpg.require_agent_socket(home)
    private_key = home.with_name(f"{home.name}.escrow-private.asc")
    # The escrow key is made elsewhere, so that its private half is never in the home, not even for a moment.
    elsewhere = Path(tempfile.mkdtemp(prefix="proven-escrow-"))
    try:
        escrow = _create_key(elsewhere, ESCROW)
        private_key.touch(mode=0o600)
        private_key.write_bytes(_run(elsewhere, "--armor", "--export-secret-keys", escrow))
        _run(home, "--import", content=_run(elsewhere, "--export", escrow))
        _run(home, "--import-ownertrust", content=f"{escrow}:6:\n".encode())
        backup = _create_key(home, BACKUP)
    finally:
        for directory in (elsewhere, home):
            gpg.stop_agents(directory)
        shutil.rmtree(elsewhere)
    return DemoKeys(home=home, backup=backup, escrow=escrow, escrow_private_key=private_key)


def _create_key(home: Path, user_id: str) -> str:
    # `future-default` is ed25519 with a cv25519 subkey: made in milliseconds.
    status = _run(
        home, "--status-fd", "1", "--passphrase", "", "--quick-generate-key", user_id, "future-default", "default", "never"
    )
    return status.decode().rpartition("KEY_CREATED B ")[2].split()[0]


def _run(home: Path, *arguments: str, content: bytes = b"") -> bytes:
    argv = ["gpg", "--homedir", str(home), "--batch", "--no-tty", "--quiet", "--pinentry-mode", "loopback", *arguments]
    done = subprocess.run(argv, input=content, capture_output=True, check=False, timeout=gpg.TIMEOUT_SECONDS)
    if done.returncode != 0:
        raise errors.EncryptionError("gnupg: can't make the demo's keys", detail=done.stderr.decode(errors="replace"))
    return done.stdout
