"""The ledger over several real stores: while one is down no page is sent twice, and none is kept from a person."""

from __future__ import annotations

import dataclasses

import pytest

from include.proven.errors import ProvenError
from include.proven.installation import Installation
from include.proven.pages import delivery
from include.proven.pages.ledger import StoreLedger
from include.proven.pages.page import Page
from tests.servers.databases import DatabaseServer
from tests.servers.fleets import FleetFiles, MakeFleet, swift_connection
from tests.servers.pager import ROUTING_KEY, Pager
from tests.servers.swift import Swift

KIND = "backup-failed"


@dataclasses.dataclass
class Stores:
    """A database with the stores `swift` and `far`, of which some are down."""

    files: FleetFiles
    swift: Swift
    monkeypatch: pytest.MonkeyPatch

    def open(self, *down: str) -> Installation:
        """Open the fleet while these stores refuse."""
        for name in ("swift", "far"):
            self.files.connections[name] = swift_connection(self.swift) | ({"password": "wrong"} if name in down else {})
        self.files.write()
        return self.files.open(self.monkeypatch)

    def send(self, run: str, *down: str) -> delivery.Sent:
        opened = self.open(*down)
        return delivery.send(opened.fleet, Page(KIND, "shop", "no space", run), StoreLedger(opened))

    def resolve(self, *down: str) -> delivery.Sent:
        opened = self.open(*down)
        return delivery.resolve(opened.fleet, "shop", [KIND], StoreLedger(opened))

    def holding(self) -> list[str]:
        """Return the stores that hold any event of an incident that is not closed."""
        opened = self.open()
        alive = {incident.id for incident in StoreLedger(opened).open_pages("shop")}
        return [
            name
            for name in ("swift", "far")
            if any(event.incident in alive for event in opened.catalog("shop", name).page_events("shop"))
        ]


@pytest.fixture
def stores(
    mariadb_source: DatabaseServer, make_fleet: MakeFleet, swift: Swift, pager: Pager, monkeypatch: pytest.MonkeyPatch
) -> Stores:
    files = make_fleet(mariadb_source, endpoint=pager.url)
    files.connections["pager"]["password"] = ROUTING_KEY
    files.add_swift("far", swift)
    stores = Stores(files, swift, monkeypatch)
    for name in ("swift", "far"):
        stores.open().store(name).check()
    return stores


def test_a_page_is_recorded_in_the_first_store(stores: Stores, pager: Pager) -> None:
    assert stores.send("run 1").routes == ["oncall"]
    assert stores.holding() == ["swift"]
    assert stores.send("run 1").routes == []
    assert stores.resolve().routes == ["oncall"]
    assert stores.holding() == []
    assert pager.open == []


def test_while_the_first_store_is_down_the_second_remembers(stores: Stores, pager: Pager) -> None:
    assert stores.send("run 1", "swift").routes == ["oncall"]
    assert stores.send("run 1", "swift").routes == [], "the run's own callback is the second to tell"
    assert stores.holding() == ["far"]
    assert stores.send("run 1").routes == [], "the first store is back, and knows nothing"
    assert len(pager.incidents[0].events) == 1


def test_what_happened_while_a_store_was_down_belongs_to_the_same_incident(stores: Stores, pager: Pager) -> None:
    stores.send("run 1")
    assert stores.resolve("swift").routes == [], "far knows of nothing"
    assert stores.send("run 2").routes == ["oncall"]
    assert stores.resolve().routes == ["oncall"]
    assert len(pager.incidents) == 1


def test_a_second_store_that_is_down_changes_nothing(stores: Stores, pager: Pager) -> None:
    assert stores.send("run 1", "far").routes == ["oncall"]
    assert stores.send("run 1", "far").routes == []
    assert stores.resolve("far").ledger_fault, "nobody knows whether far has it too"
    assert pager.open == []


def test_what_a_store_remembers_from_before_it_was_down_counts_again(stores: Stores, pager: Pager) -> None:
    stores.send("run 1")
    assert stores.send("run 2", "swift").routes == ["oncall"]
    assert stores.holding() == ["swift", "far"]
    assert stores.send("run 2").routes == []
    assert stores.resolve().routes == ["oncall"]
    assert stores.holding() == [], "both incidents are over"
    assert len(pager.incidents) == 1, "the receiver has seen one"
    assert stores.resolve().routes == []


def test_when_no_store_answers_the_page_goes_out_all_the_same(stores: Stores, pager: Pager) -> None:
    for _ in range(2):
        sent = stores.send("run 1", "swift", "far")
        assert sent.routes == ["oncall"]
        assert "401" in sent.ledger_fault
    assert len(pager.incidents) == 1, "one incident, told twice"
    with pytest.raises(ProvenError, match="401"):
        StoreLedger(stores.open("swift", "far")).open_page("shop", KIND)
