"""MySQL: `mysqldump`, `mysql`, `mysqld`."""

from __future__ import annotations

import pathlib
from collections.abc import Sequence

from include.proven.engines import datadirs
from include.proven.engines import options as shared
from include.proven.engines.contract import DumpTools, OpeningTools
from include.proven.manifest import Server


class MySQL:
    """Dumps and loads with MySQL's own tools. `engines/contract.py` says what each method does."""

    flavour = "mysql"

    def tools(self) -> DumpTools:
        """Return the tools that dump and load.

        `--defaults-file`, not `-extra-file`: the machine's own my.cnf could add any option. GTID_PURGED stays out: a dump that
        sets it is refused by every server that has a history of its own.
        """
        return DumpTools(
            dump=["mysqldump", "--defaults-file={defaults}", *shared.DUMP, "--set-gtid-purged=OFF"],
            client=["mysql", "--defaults-file={defaults}", *shared.CLIENT],
            version=["mysqldump", "--no-defaults", "--version"],
            binlog=["mysqlbinlog", "--defaults-file={defaults}", *shared.BINLOG, "--connection-server-id={server_id}"],
            snapshot_marker="-- Current Database:",
            end_marker="-- Dump completed",
        )

    def physical(self) -> DumpTools | None:
        """Return None: the server clones itself."""
        return None

    def opening(self, artifact: str) -> OpeningTools:
        """Return what opens a `tar`."""
        return datadirs.choose({"tar": datadirs.TAR}, artifact)

    def server_programs(self) -> list[str]:
        """Return the programs that a scratch server needs."""
        return ["mysqld"]

    def initialise(self, datadir: pathlib.Path, settings: dict[str, str]) -> list[str]:
        """Return the argv that fills an empty data directory (account `root` without a password)."""
        return [
            "mysqld",
            "--no-defaults",
            "--initialize-insecure",
            f"--datadir={datadir}",
            "--skip-log-bin",
            "--mysqlx=OFF",
            "--secure-file-priv=NULL",
            "--innodb-flush-method=nosync",
            "--skip-innodb-doublewrite",
            "--innodb-redo-log-capacity=256M",
            "--auto-generate-certs=OFF",
            "--caching-sha2-password-auto-generate-rsa-keys=OFF",
            *shared.take_over(settings, shared.AT_BIRTH),
        ]

    def serve(self, datadir: pathlib.Path, socket: pathlib.Path, settings: dict[str, str], options: Sequence[str]) -> list[str]:
        """Return the argv of a server in the foreground with our isolation options first and `options` last."""
        return [
            "mysqld",
            "--no-defaults",
            f"--datadir={datadir}",
            f"--socket={socket}",
            f"--pid-file={socket.with_name('pid')}",
            *shared.SERVE,
            # Not OFF: a restored dump could switch it on.
            "--event-scheduler=DISABLED",
            "--skip-replica-start",
            # On another's data directory: what was persisted there would go before all of these.
            "--persisted-globals-load=OFF",
            "--loose-group-replication-start-on-boot=OFF",
            "--mysqlx=OFF",
            "--innodb-redo-log-capacity=256M",
            "--auto-generate-certs=OFF",
            "--caching-sha2-password-auto-generate-rsa-keys=OFF",
            *shared.take_over(settings, (*shared.SETTINGS, "partial_revokes")),
            *shared.take_over_time_zone(settings),
            *options,
        ]

    def first_statements(self) -> str:
        """Return what switches the redo log off: a load costs an eighth less, and nothing here survives a crash anyway.

        `--initialize-insecure` makes no account but `root` by socket.
        """
        return "ALTER INSTANCE DISABLE INNODB REDO_LOG;\n"

    def same_series(self, server: Server, version: str) -> bool:
        """Say whether a server program of that version may judge dumps of `server`: MySQL of the same series."""
        return server.flavour == self.flavour and "MariaDB" not in version and shared.is_same_series(server.version, version)

    def access_statements(self) -> str:
        """Return the SQL that makes `root` by socket one without a password, whatever it was before.

        A hash, though an empty one, is no password that a policy of the source's could refuse.
        """
        root = "root@localhost"
        return (
            f"CREATE USER IF NOT EXISTS {root};\n"
            f"ALTER USER {root} IDENTIFIED WITH caching_sha2_password AS '' REQUIRE NONE WITH MAX_QUERIES_PER_HOUR 0"
            " MAX_UPDATES_PER_HOUR 0 MAX_CONNECTIONS_PER_HOUR 0 MAX_USER_CONNECTIONS 0 PASSWORD EXPIRE NEVER ACCOUNT UNLOCK;\n"
            f"GRANT ALL ON *.* TO {root} WITH GRANT OPTION;\n"
        )

    def datadir_options(self, datadir: pathlib.Path) -> list[str]:
        """Return what the directory says of itself: a clone says nothing, for it keeps to the defaults."""
        return datadirs.options(datadir)
