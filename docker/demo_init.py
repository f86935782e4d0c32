"""What the profile `demo` needs once: OpenPGP keys, the account that takes backups, and a shop full of data."""

from __future__ import annotations

import os
import pathlib
import subprocess

from include.proven.demo import keys
from include.proven.demo.shop import writer
from include.proven.engines.grants import backup_grants

GNUPG_HOME = pathlib.Path("/run/proven/gnupg")
SOURCE = pathlib.Path("/var/lib/source")
ACCOUNT = "proven@'%'"


def main() -> None:
    """Make what is missing."""
    if not GNUPG_HOME.exists():
        keys.create_demo_keys(GNUPG_HOME)
    password = pathlib.Path("/run/secrets/demo_source_password").read_text().strip()  # letters and digits only
    # mariadb-install-db also lets root in from 127.0.0.1, ::1 and the host's name, without a password.
    run_sql(b"DELETE FROM mysql.global_priv WHERE User = 'root' AND Host <> 'localhost'; FLUSH PRIVILEGES;")
    account = f"CREATE USER IF NOT EXISTS {ACCOUNT};\nALTER USER {ACCOUNT} IDENTIFIED BY '{password}';\n"
    run_sql((account + backup_grants(ACCOUNT, "mariadb")).encode())
    if not (SOURCE / "loaded").exists():
        load_shop(int(os.environ["PROVEN_DEMO_MEGABYTES"]))
        (SOURCE / "loaded").touch()


def load_shop(megabytes: int) -> None:
    """Write the shop into the source. Raise CalledProcessError if it refuses a statement."""
    with subprocess.Popen(CLIENT, stdin=subprocess.PIPE) as client:
        assert client.stdin is not None  # noqa: S101 - it was asked for
        writer.write_shop(client.stdin, flavour="mariadb", megabytes=megabytes, seed=1)
    if client.returncode:
        raise subprocess.CalledProcessError(client.returncode, CLIENT)


def run_sql(sql: bytes) -> None:
    """Run statements as root. Raise CalledProcessError if one is refused."""
    subprocess.run(CLIENT, input=sql, check=True)


CLIENT = [
    "mariadb",
    "--no-defaults",
    "--user=root",
    "--binary-mode",
    "--comments",
    "--max-allowed-packet=1G",
    "--default-character-set=utf8mb4",
    f"--socket={SOURCE}/socket",
]

if __name__ == "__main__":
    main()
