"""Clocks that disagree: a store's as its answers have it, a server's as its sessions have it, and our own."""

from __future__ import annotations

import dataclasses
import datetime
import pathlib
import secrets
from collections.abc import Callable, Iterator

import pytest

from include.proven import connections, errors
from include.proven.demo.keys import DemoKeys
from include.proven.watch import clocks
from include.proven.watch.concern import Finding
from tests.servers.databases import DatabaseServer
from tests.servers.fault_proxy import FaultProxy
from tests.servers.fleets import MakeFleet
from tests.servers.swift import Swift
from tests.watch import installations

NOW = datetime.datetime(2000, 1, 1, tzinfo=datetime.UTC)
"""No concern of this one: each clock is asked anew."""


def told(found: Iterator[Finding]) -> list[tuple[str, str, str | None]]:
    """Return whose contacts hear of what, and how urgently."""
    return [(one.database, one.key, one.severity) for one in found]


@pytest.fixture
def set_clock(source: DatabaseServer) -> Iterator[Callable[[int], None]]:
    """Give a function that sets the clock of the source's sessions so many seconds ahead."""

    def set_ahead(seconds: int) -> None:
        source.sql(f"SET GLOBAL init_connect = 'SET timestamp = UNIX_TIMESTAMP() + {seconds}'")

    yield set_ahead
    source.sql("SET GLOBAL init_connect = ''")


def test_the_clock_of_a_source(
    source: DatabaseServer,
    make_fleet: MakeFleet,
    tmp_path: pathlib.Path,
    monkeypatch: pytest.MonkeyPatch,
    set_clock: Callable[[int], None],
) -> None:
    files = make_fleet(source, stores=["disk"])
    files.document["stores"] = {"disk": installations.directory(tmp_path / "disk")}
    files.write()
    opened = files.open(monkeypatch)
    set_clock(45)
    assert told(clocks.look(opened, NOW)) == []
    set_clock(-90)
    assert told(clocks.look(opened, NOW)) == [("shop", "clock-skewed/shop", "warning")]
    set_clock(4000)
    (found,) = clocks.look(opened, NOW)
    assert (found.severity, found.summary) == ("error", "the source's clock is 1 h 06 min ahead of the controller's")
    assert "NTP" in found.hint


def test_the_clock_of_swift(gpg_home: DemoKeys, swift: Swift) -> None:
    with FaultProxy(swift.server.url, seed=1, share=0) as proxy:
        connection = dataclasses.replace(swift.connection(), host=f"{proxy.url}/auth/v1.0")
        connections.use_resolver({"swift": connection}.__getitem__)
        try:
            config = {"kind": "swift", "connection": "swift", "container": f"t{secrets.token_hex(4)}"}
            store = installations.install(gpg_home.home, {"swift": config}).store("swift")
            assert clocks.measure(store.clock) == datetime.timedelta(0)
            proxy.clock_ahead = datetime.timedelta(minutes=-5)
            behind = clocks.measure(store.clock)
            proxy.clock_ahead = datetime.timedelta(minutes=15)
            ahead = clocks.measure(store.clock)
        finally:
            connections.use_resolver(None)
    assert -datetime.timedelta(minutes=5, seconds=2) < behind < -datetime.timedelta(minutes=4, seconds=50)
    assert datetime.timedelta(minutes=14, seconds=50) < ahead <= datetime.timedelta(minutes=15)


def test_a_source_that_does_not_answer_hides_no_store(
    make_fleet: MakeFleet,
    mariadb_source: DatabaseServer,
    closed_port: int,
    swift: Swift,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    files = make_fleet(mariadb_source)
    files.connections["source"]["port"] = closed_port
    with FaultProxy(swift.server.url, seed=1, share=0) as proxy:
        proxy.clock_ahead = datetime.timedelta(hours=1)
        files.connections["swift"]["host"] = f"{proxy.url}/auth/v1.0"
        files.write()
        found = []
        with pytest.raises(errors.SourceError, match=str(closed_port)):
            for one in clocks.look(files.open(monkeypatch), NOW):
                found.append(one.key)  # noqa: PERF401  # what came before the error is what is asked
    assert found == ["clock-skewed/swift"]
