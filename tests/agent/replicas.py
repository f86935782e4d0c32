"""A real primary and its real replica, on the loopback."""

from __future__ import annotations

import contextlib
import dataclasses
import pathlib
import time
from collections.abc import Callable, Iterator, Sequence

from tests.servers.databases import LOOPBACK, DatabaseServer, run_source

OPTIONS = ("--log-bin=binlog", "--relay-log=relay")
FOLLOW = {
    "mariadb": "CHANGE MASTER {channel} TO MASTER_HOST='{host}', MASTER_PORT={port}, MASTER_USER='follower',"
    " MASTER_PASSWORD='follower', MASTER_LOG_FILE='{file}', MASTER_LOG_POS={offset}, MASTER_CONNECT_RETRY=1",
    "mysql": "CHANGE REPLICATION SOURCE TO SOURCE_HOST='{host}', SOURCE_PORT={port}, SOURCE_USER='follower',"
    " SOURCE_PASSWORD='follower', SOURCE_LOG_FILE='{file}', SOURCE_LOG_POS={offset}, SOURCE_SSL=1,"
    " SOURCE_CONNECT_RETRY=1 {channel}",
}
WHERE = {"mariadb": "SHOW MASTER STATUS", "mysql": "SHOW BINARY LOG STATUS"}
STATEMENTS = {
    ("mariadb", "start"): "START SLAVE {thread} {channel}",
    ("mariadb", "stop"): "STOP SLAVE {thread} {channel}",
    ("mariadb", "forget"): "RESET SLAVE {channel} ALL",
    ("mysql", "start"): "START REPLICA {thread} {channel}",
    ("mysql", "stop"): "STOP REPLICA {thread} {channel}",
    ("mysql", "forget"): "RESET REPLICA ALL {channel}",
}


@dataclasses.dataclass(frozen=True)
class Replicas:
    """A primary and a replica of one flavour."""

    primary: DatabaseServer
    replica: DatabaseServer

    def follow(self, *, channel: str = "", port: int = 0) -> None:
        """Let the replica follow the primary from now on, or whoever listens on another port."""
        flavour = self.replica.flavour
        file, offset = self.primary.sql(WHERE[flavour])[0][:2]
        place = {"host": LOOPBACK, "port": port or self.primary.endpoint["port"], "file": file, "offset": offset}
        self.replica.sql(FOLLOW[flavour].format(**place, channel=self._name(channel)))
        self.tell("start", channel=channel)

    def tell(self, verb: str, thread: str = "", channel: str = "") -> None:
        """Start, stop or forget the replication, or one thread of it: `SQL_THREAD`, `IO_THREAD`."""
        self.replica.sql(STATEMENTS[self.replica.flavour, verb].format(thread=thread, channel=self._name(channel)))

    def wait_until_equal(self, table: str) -> None:
        """Wait until the replica has as many rows of a table as the primary."""
        count = f"SELECT COUNT(*) FROM {table}"
        wait_until(lambda: self.primary.sql(count) == self.replica.sql(count))

    def _name(self, channel: str) -> str:
        if not channel:
            return ""
        return f"'{channel}'" if self.replica.flavour == "mariadb" else f"FOR CHANNEL '{channel}'"


@contextlib.contextmanager
def run_replicas(flavour: str, path: Sequence[pathlib.Path]) -> Iterator[Replicas]:
    """Give a primary and a replica that follows it."""
    with contextlib.ExitStack() as stack:
        primary, replica = (
            stack.enter_context(
                contextlib.contextmanager(run_source)(flavour, path, LOOPBACK, [*OPTIONS, f"--server-id={number}"])
            )
            for number in (1, 2)
        )
        account = f"follower@'{LOOPBACK}'"
        primary.sql(f"CREATE USER {account} IDENTIFIED BY 'follower'; GRANT REPLICATION SLAVE ON *.* TO {account}")
        pair = Replicas(primary, replica)
        pair.follow()
        yield pair


def wait_until(reached: Callable[[], bool], seconds: float = 20.0) -> None:
    """Wait, and fail the test if it takes longer."""
    until = time.monotonic() + seconds
    while not reached():
        assert time.monotonic() < until
        time.sleep(0.05)
