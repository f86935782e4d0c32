"""MariaDB: `mariadb-dump`, `mariadb`, `mariadbd`."""

from __future__ import annotations

import dataclasses
import pathlib
from collections.abc import Sequence

from include.proven.engines import datadirs
from include.proven.engines import options as shared
from include.proven.engines.contract import DumpTools, OpeningTools
from include.proven.manifest import Server

SAYS_LAST = "completed OK!"
XBSTREAM = OpeningTools(
    extract=["mbstream", "-x", "-C", "{folder}"],
    prepare=["mariadb-backup", "--no-defaults", "--prepare", "--use-memory=256M", "--target-dir={folder}"],
    link=["--incremental-dir={link}"],
    end_marker=SAYS_LAST,
)


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

    def physical(self) -> DumpTools | None:
        """Return the tools of the method `physical`.

        The redo log is read ten times a second, not once: so long does the tool hold commits back until it has read its end.
        """
        return dataclasses.replace(
            self.tools(),
            dump=[
                "mariadb-backup",
                "--defaults-file={defaults}",
                "--backup",
                "--stream=xbstream",
                "--target-dir={folder}",
                "--extra-lsndir={folder}",
                "--log-copy-interval=100",
            ],
            version=["mariadb-backup", "--no-defaults", "--version"],
            snapshot_marker="Acquired locks for BACKUP STAGE BLOCK_COMMIT",
            end_marker=SAYS_LAST,
        )

    def opening(self, artifact: str) -> OpeningTools:
        """Return the flavour's own for `xbstream`, besides what opens a `tar`."""
        return datadirs.choose({"xbstream": XBSTREAM, "tar": datadirs.TAR}, artifact)

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

    def access_statements(self) -> str:
        """Return the SQL that puts `root` by socket, without a password, in the place of the source's."""
        return (
            "REPLACE INTO mysql.global_priv VALUES ('localhost', 'root', "
            '\'{"access":18446744073709551615,"plugin":"mysql_native_password","authentication_string":""}\');\n'
            "FLUSH PRIVILEGES;\n"
        )

    def datadir_options(self, datadir: pathlib.Path) -> list[str]:
        """Return what the directory says of itself."""
        return datadirs.options(datadir)
