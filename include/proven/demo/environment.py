"""The demo's state on this machine: source, Swift, keys and credentials, made once and reused.

It lies in `$PROVEN_HOME`, or else in a short directory of its own under /var/tmp: gpg-agent and database sockets have paths
of at most 107 bytes, and the source's unprivileged user must be able to enter it, which a home directory may forbid.
"""

from __future__ import annotations

import getpass
import hashlib
import json
import os
import pathlib
import secrets
import shutil
from collections.abc import Callable, Iterator

from include.proven.demo import keys, source, swift
from include.proven.demo.shop import writer
from include.proven.demo.swift_server.config import Account, Settings
from include.proven.encryption import gpg

CHECKOUT = pathlib.Path(__file__).resolve().parents[3]
SWIFT_PYTHON = CHECKOUT / ".venv-swift/bin/python"
MEGABYTES = 200
SHOP_SEED = 1
NOWHERE = "http://127.0.0.1:9/"
"""The demo has no pager: a page that it should send can't be delivered, and says so."""

Report = Callable[[str], None]


class Demo:
    """The demo's parts, found again by any later process."""

    def __init__(self, state: pathlib.Path) -> None:
        self.state = state
        self.swift_root = state / "swift"
        self.gnupg_home = state / "gnupg"
        self.connections = state / "connections.json"
        self.source = source.DemoSource(state / "source")

    def exists(self) -> bool:
        """Say whether the demo was ever started here."""
        return self.connections.exists()

    def running(self) -> bool:
        """Say whether source and Swift run."""
        return self.source.running() and swift.running(self.swift_root) is not None

    def variables(self) -> dict[str, str]:
        """Return the environment that makes the command line and Airflow use the demo with the shipped fleet file."""
        return {
            "PROVEN_HOME": str(self.state),
            "PROVEN_CONNECTIONS": str(self.connections),
            "PROVEN_GNUPG_HOME": str(self.gnupg_home),
            "PROVEN_SANDBOX_DIRECTORY": str(self.state / "sandboxes"),
            "PROVEN_PAGERDUTY_ENDPOINT": NOWHERE,
        }

    def start(self, *, megabytes: int, report: Report) -> None:
        """Make what is missing, start what does not run, and load the shop once. Raise ProvenError if a part can't start."""
        self.state.mkdir(parents=True, exist_ok=True)
        self.state.chmod(0o711)
        if not self.gnupg_home.exists():
            report("making two OpenPGP keys: one for this machine, one for the safe")
            keys.create_demo_keys(self.gnupg_home)
        passwords = self._passwords()
        report("starting Swift and the source database on 127.0.0.1")
        account = Account("proven", "backup", passwords["swift"])
        server = swift.running(self.swift_root) or swift.start_swift(self.swift_root, SWIFT_PYTHON, Settings((account,)))
        self.source.start(backup_password=passwords["source"])
        self._write_connections(server.auth_url, passwords)
        self._load_shop(megabytes, report)

    def stop(self) -> Iterator[tuple[str, bool]]:
        """Stop what runs; yield each part's name and whether it ran."""
        server = swift.running(self.swift_root)
        if server:
            swift.stop(server)
        yield "Swift", server is not None
        yield "the source database", self.source.stop()
        # gpg leaves an agent behind that holds the private key
        gpg.stop_agents(self.gnupg_home)

    def remove(self) -> None:
        """Remove everything that the demo has made."""
        shutil.rmtree(self.state, ignore_errors=False)

    def _passwords(self) -> dict[str, str]:
        """Return the demo's passwords, made at random once."""
        path = self.state / "passwords.json"
        if not path.exists():
            path.touch(mode=0o600)
            path.write_text(json.dumps({name: secrets.token_hex(16) for name in ("swift", "source", "pagerduty")}))
        passwords: dict[str, str] = json.loads(path.read_text())
        return passwords

    def _write_connections(self, auth_url: str, passwords: dict[str, str]) -> None:
        shop = {"host": "127.0.0.1", "port": self.source.port, "login": source.BACKUP_USER, "password": passwords["source"]}
        documents = {
            "proven_shop": {"conn_type": "mysql", **shop},
            "proven_swift": {"conn_type": "swift", "host": auth_url, "login": "proven:backup", "password": passwords["swift"]},
            "proven_pagerduty": {"conn_type": "http", "password": passwords["pagerduty"]},
        }
        scratch = self.connections.with_suffix(".new")
        scratch.touch(mode=0o600)
        scratch.write_text(json.dumps(documents, indent=2))
        scratch.rename(self.connections)

    def _load_shop(self, megabytes: int, report: Report) -> None:
        """Load the shop, unless this very one is there."""
        wanted = json.dumps({"megabytes": megabytes, "seed": SHOP_SEED})
        loaded = self.state / "shop.json"
        if loaded.exists() and loaded.read_text() == wanted:
            return
        report(f"filling the source with a shop of about {megabytes} MB")
        loaded.unlink(missing_ok=True)
        self.source.load(lambda out: writer.write_shop(out, flavour="mariadb", megabytes=megabytes, seed=SHOP_SEED))
        loaded.write_text(wanted)


def open_demo() -> Demo:
    """Return the demo of this checkout and user. Nothing is started."""
    chosen = os.environ.get("PROVEN_HOME")
    digest = hashlib.sha256(str(CHECKOUT).encode()).hexdigest()[:8]
    default = pathlib.Path("/var/tmp") / f"proven-{getpass.getuser()}-{digest}"  # noqa: S108 - see the module's docstring
    return Demo(pathlib.Path(chosen).resolve() if chosen else default)


def adopt() -> None:
    """Let a command that follows the demo find it: fill in the variables that the operator has not set."""
    demo = open_demo()
    if demo.exists():
        for name, value in demo.variables().items():
            os.environ.setdefault(name, value)
