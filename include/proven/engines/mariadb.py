"""MariaDB: `mariadb-dump`, `mariadb`, `mariadbd`."""

from __future__ import annotations

import pathlib
from collections.abc import Sequence

from include.proven.engines import options as shared
from include.proven.engines.contract import DumpTools
from include.proven.manifest import Server


class MariaDB:
    """Dumps and loads with MariaDB's own tools. `engines/contract.py` says what each method does."""

    flavour = "mariadb"

    def tools(self) -> DumpTools:
        """Return the tools that dump and load.

        `--defaults-file`, not `-extra-file`: the machine's own my.cnf could add any option. The loose options are
        younger than some 10.x tools: one keeps the past of system-versioned tables in the dump (and refuses the few whose
        history counts transactions, which the tool can't dump); the other keeps statements, and what they hold, out of errors.
        """
        return DumpTools(
            dump=["mariadb-dump", "--defaults-file={defaults}", *shared.DUMP, "--loose-dump-history"],
            client=["mariadb", "--defaults-file={defaults}", *shared.CLIENT, "--loose-skip-print-query-on-error"],
            version=["mariadb-dump", "--no-defaults", "--version"],
            binlog=[
                "mariadb-binlog",
                "--defaults-file={defaults}",
                *shared.BINLOG,
                "--stop-never-slave-server-id={server_id}",
            ],
            snapshot_marker="-- Current Database:",
            end_marker="-- Dump completed",
        )

    def server_programs(self) -> list[str]:
        """Return the programs that a scratch server needs."""
        return ["mariadbd", "mariadb-install-db"]

    def initialise(self, datadir: pathlib.Path, settings: dict[str, str]) -> list[str]:
        """Return the argv that fills an empty data directory (account `root` without a password)."""
        return [
            "mariadb-install-db",
            "--no-defaults",
            f"--datadir={datadir}",
            "--auth-root-authentication-method=normal",
            "--skip-test-db",
            "--skip-name-resolve",
            "--innodb-flush-method=nosync",
            *shared.take_over(settings, shared.AT_BIRTH),
        ]

    def serve(self, datadir: pathlib.Path, socket: pathlib.Path, settings: dict[str, str], options: Sequence[str]) -> list[str]:
        """Return the argv of a server in the foreground with our isolation options first and `options` last."""
        return [
            "mariadbd",
            "--no-defaults",
            f"--datadir={datadir}",
            f"--socket={socket}",
            f"--pid-file={socket.with_name('pid')}",
            *shared.SERVE,
            # Not DISABLED: MariaDB would then neither restore nor list events.
            "--event-scheduler=OFF",
            "--skip-slave-start",
            "--skip-symbolic-links",
            "--innodb-log-file-size=256M",
            *shared.take_over(settings, (*shared.SETTINGS, "old_mode")),
            *shared.take_over_time_zone(settings),
            *options,
        ]

    def first_statements(self) -> str:
        """Return the SQL that removes the accounts which mariadb-install-db makes besides `root` by socket."""
        return (
            "DELETE FROM mysql.global_priv WHERE Host <> 'localhost' OR User NOT IN ('root', 'mariadb.sys');\n"
            "DELETE FROM mysql.proxies_priv WHERE Host <> 'localhost' OR User <> 'root';\n"
            "FLUSH PRIVILEGES;\n"
        )

    def same_series(self, server: Server, version: str) -> bool:
        """Say whether a server program of that version may judge dumps of `server`: MariaDB of the same series."""
        return server.flavour == self.flavour and "MariaDB" in version and shared.is_same_series(server.version, version)
