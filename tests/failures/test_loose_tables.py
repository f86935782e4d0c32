"""Tables that are in no snapshot stay as they are while they are dumped, however many wait to write them."""

from __future__ import annotations

import threading

import pytest

from include.proven.agent.loose_tables import TableLock
from tests.proof.copies import open_session
from tests.servers.databases import DatabaseServer


@pytest.mark.failure("A5")
def test_a_writer_that_waits_keeps_no_reader_waiting(source: DatabaseServer) -> None:
    """MariaDB lets a writer go before readers that come later, so that dump and writer waited for each other for ever."""
    schema = source.fresh_schema("loose")
    source.sql("CREATE TABLE t (i INT) ENGINE=MyISAM; INSERT INTO t VALUES (1)", schema)
    lock = TableLock(open_session(source), [(schema, "t")])
    writer = threading.Thread(target=source.sql, args=["UPDATE t SET i = i + 1", schema])
    with open_session(source) as reader:
        reader.execute("SET SESSION lock_wait_timeout = 10")
        end = threading.Timer(10, lock.cut)  # so that one who waits for ever fails and does not hang
        end.start()
        lock.take(5)
        writer.start()
        waiting = f"SELECT COUNT(*) FROM information_schema.PROCESSLIST WHERE DB = '{schema}' AND STATE LIKE 'Waiting%'"
        while reader.query(waiting) == [("0",)]:
            assert writer.is_alive(), "the lock let a writer through"
        assert reader.query(f"SELECT i FROM {schema}.t") == [("1",)]
        assert end.is_alive(), "the reader waited until the lock was cut"
        lock.release()
        end.cancel()
        writer.join()
        assert reader.query(f"SELECT i FROM {schema}.t") == [("2",)]
