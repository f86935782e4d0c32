"""Fixtures `gpg_home` (the demo's two keys), `keyring` (on them) and `new_home` (for keys that are not what they should be)."""

from __future__ import annotations

import dataclasses
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from include.proven.demo.keys import DemoKeys, create_demo_keys
from include.proven.encryption import gpg
from include.proven.encryption.keyring import Keyring
from include.proven.fleet import model


@dataclasses.dataclass(frozen=True)
class Home:
    """A GnuPG home directory that a test fills."""

    path: Path

    def gpg(self, *arguments: str, content: bytes = b"") -> bytes:
        """Run gpg in it and return what it wrote. Fail the test if gpg fails."""
        argv = ["gpg", "--homedir", str(self.path), "--batch", "--yes", "--no-tty", "--quiet", "--pinentry-mode", "loopback"]
        done = subprocess.run([*argv, *arguments], input=content, capture_output=True, check=False, timeout=60)
        assert done.returncode == 0, done.stderr.decode()
        return done.stdout

    def new_key(
        self,
        user_id: str,
        *,
        kind: str = "future-default",
        usage: str = "default",
        expires: str = "never",
        passphrase: str = "",
        at: str = "",
    ) -> str:
        """Make a key, ultimately trusted, and return its fingerprint. `at` (`20200101T000000`) makes it in the past."""
        clock = ["--faked-system-time", at] if at else []
        options = ["--status-fd", "1", "--passphrase", passphrase]
        made = self.gpg(*clock, *options, "--quick-generate-key", user_id, kind, usage, expires).decode()
        return made.rpartition("KEY_CREATED ")[2].split()[1]

    def revoke(self, fingerprint: str) -> None:
        """Revoke a key with the certificate that gpg made beside it."""
        certificate = (self.path / f"openpgp-revocs.d/{fingerprint}.rev").read_text()
        self.gpg("--import", content=certificate.replace(":-----BEGIN", "-----BEGIN").encode())

    def encrypt(self, content: bytes, *recipients: str) -> bytes:
        """Encrypt as the agent does."""
        options = [option for recipient in recipients for option in ("--recipient", recipient)]
        return self.gpg("-z", "0", "--trust-model", "always", *options, "--encrypt", content=content)

    def keyring(self, *recipients: str, signer: str = "", passphrase_file: Path | None = None) -> Keyring:
        """Open a keyring on it."""
        named = list(recipients) or ["nobody@proven.invalid"]
        return Keyring(
            model.GnuPG(home=self.path, recipients=named, signer=signer or named[0], passphrase_file=passphrase_file)
        )


NewHome = Callable[[], Home]


@pytest.fixture
def new_home() -> Iterator[NewHome]:
    """Give a function that makes an empty home directory. The path is short: the agent's socket lies in it."""
    homes: list[Path] = []

    def make() -> Home:
        homes.append(Path(tempfile.mkdtemp(prefix="proven-gpg-")))
        # Left alone, the agent measures for seconds how hard it can make a passphrase.
        (homes[-1] / "gpg-agent.conf").write_text("s2k-count 65536\n")
        return Home(homes[-1])

    yield make
    for home in homes:
        gpg.stop_agents(home)
        shutil.rmtree(home)


@pytest.fixture(scope="session")
def gpg_home() -> Iterator[DemoKeys]:
    """Make the demo's keys once for all tests. Nobody changes them."""
    directory = Path(tempfile.mkdtemp(prefix="proven-gpg-"))
    keys = create_demo_keys(directory / "home")
    yield keys
    gpg.stop_agents(keys.home)
    shutil.rmtree(directory)


@pytest.fixture(scope="session")
def keyring(gpg_home: DemoKeys) -> Keyring:
    """Open the demo's keys as the demo's fleet does."""
    recipients = ["backup@proven.invalid", "escrow@proven.invalid"]
    return Keyring(model.GnuPG(home=gpg_home.home, recipients=recipients, signer="backup@proven.invalid"))
