"""What was over long ago is removed from the ledger, in every store or in none; what is not over stays, however old."""

from __future__ import annotations

import contextlib
import datetime
import pathlib
import secrets
from collections.abc import Iterator

import pydantic
import pytest

from include.proven import connections, ids
from include.proven.catalog.pages import EventType, PageEvent
from include.proven.cli import main
from include.proven.demo.keys import DemoKeys
from include.proven.errors import StoreError
from include.proven.fleet import pages
from include.proven.installation import Installation
from include.proven.pages import pruning
from include.proven.pages.ledger import EVER, StoreLedger
from include.proven.stores.directory import DirectoryStore
from include.proven.watch import watching
from tests.pages.ledgers import Desk, backup_failed
from tests.servers.s3 import S3
from tests.servers.swift import Swift
from tests.watch import installations

NOW = datetime.datetime.now(datetime.UTC)
DAY = datetime.timedelta(days=1)
ENDED: list[EventType] = ["opened", "told", "resolved", "closed"]


def record(
    installation: Installation, days_ago: float, types: list[EventType], *stores: str, key: str = "backup-failed", **said: str
) -> str:
    """Write the events of an incident of that day, each into the next of the stores; return the incident's id."""
    begun = NOW - days_ago * DAY
    page = backup_failed(**said)
    incident = ids.new_incident(begun)
    for number, type_ in enumerate(types):
        event = PageEvent(
            database=page.database, key=key, incident=incident, type=type_, at=begun + number * DAY / 1000, tag="resolution",
            page=page if type_ == "opened" else None,
        )  # fmt: skip
        installation.catalog(page.database, stores[number % len(stores)]).record_event(event)
    return incident


def held(installation: Installation, *stores: str, database: str = "shop") -> set[str]:
    """Return the ids of all incidents of which a store holds anything, be it a signature only."""
    found = set()
    for store in stores:
        for stored in installation.store(store).list_objects(f"{database}/pages"):
            found.add(stored.key.split("/")[3])
    return found


@contextlib.contextmanager
def stuck(incident: str) -> Iterator[None]:
    """Let a disk refuse to remove what was told of an incident, while the block runs."""
    delete = DirectoryStore.delete_record

    def refuse(store: DirectoryStore, key: str) -> None:
        if f"/{incident}/" in key and "-told-" in key:
            raise StoreError("directory: delete object: Input/output error")
        delete(store, key)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(DirectoryStore, "delete_record", refuse)
        yield


@pytest.fixture
def everywhere(
    gpg_home: DemoKeys, tmp_path: pathlib.Path, swift: Swift, moto: S3, known_connections: dict[str, connections.Connection]
) -> Installation:
    """A database in a directory, in Swift and in S3."""
    known_connections |= {"swift": swift.connection(), "s3": moto.connection()}
    container = f"t{secrets.token_hex(4)}"
    swift.raw().put_container(container)
    stores = {
        "disk": installations.directory(tmp_path / "disk"),
        "swift": {"kind": "swift", "connection": "swift", "container": container},
        "s3": {"kind": "s3", "connection": "s3", "bucket": moto.bucket()},
    }
    return installations.install(gpg_home.home, stores)


@pytest.fixture
def two(gpg_home: DemoKeys, tmp_path: pathlib.Path) -> Installation:
    """Databases `shop`, in two directories, and `crm`, in the first of them."""
    places = {name: installations.directory(tmp_path / name) for name in ("near", "far")}
    installation = installations.install(gpg_home.home, places)
    fleet = installation.fleet
    crm = fleet.databases["shop"].model_copy(update={"stores": ["near"]})
    return Installation(fleet.model_copy(update={"databases": {**fleet.databases, "crm": crm}}))


def test_what_ended_long_ago_goes_from_every_store_and_nothing_else_does(everywhere: Installation) -> None:
    stores = ("disk", "swift", "s3")
    record(everywhere, 401, [*ENDED, "trying"], *stores)
    record(everywhere, 402, ENDED, "s3", key="store-filling/swift of 2025")
    kept = {
        record(everywhere, 900, ["opened", "told"], *stores),
        record(everywhere, 900, ["opened", "told", "resolved"], *stores),
        record(everywhere, 399, ENDED, *stores),
    }
    pruned = pruning.prune(everywhere, NOW)
    assert (pruned.removed, pruned.answers.silent) == ({"shop": 2}, {})
    assert pruned.lines == [f"shop: removed 2 that ended before {NOW - 400 * DAY:%Y-%m-%d}"]
    assert held(everywhere, *stores) == kept
    found = StoreLedger(everywhere).survey(closed_since=EVER)
    assert ({incident.id for incident in found.incidents}, found.doubt) == (kept, "")
    assert pruning.prune(everywhere, NOW).lines == []


def test_while_a_store_is_silent_its_databases_keep_all(two: Installation, tmp_path: pathlib.Path) -> None:
    """What lies there alone would come to life again."""
    shop = record(two, 500, ENDED, "far", "near")
    record(two, 500, ENDED, "near", database="crm")
    far = tmp_path / "far"
    aside = far.rename(tmp_path / "aside")
    pruned = pruning.prune(two, NOW)
    assert (pruned.removed, list(pruned.answers.silent)) == ({"crm": 1}, ["far"])
    aside.rename(far)
    assert held(two, "far", "near") == {shop}
    assert held(two, "near", database="crm") == set()
    assert pruning.prune(two, NOW).removed == {"shop": 1}
    assert held(two, "far", "near") == set()


def test_what_could_not_be_removed_is_over_all_the_same(two: Installation) -> None:
    with stuck(record(two, 500, ENDED, "near", "far")):
        assert pruning.prune(two, NOW).removed == {}
    assert StoreLedger(two).survey().incidents == []
    assert len(held(two, "near", "far")) == 1
    assert pruning.prune(two, NOW).removed == {"shop": 1}


def test_the_watch_says_what_it_has_removed_and_pages_if_it_could_not(desk: Desk) -> None:
    opened = desk.open()
    with stuck(record(opened, 500, ENDED, "disk")):
        watched = watching.run(opened, now=NOW, run_id="watch 1", concerns=[], prune=True)
    assert list(watched.failed) == [watching.PRUNING]
    (incident,) = StoreLedger(opened).survey().open
    assert incident.key == "watch-failed/old pages"
    assert incident.page.summary == "old pages: directory: delete object: Input/output error"
    watching.run(opened, now=NOW, run_id="watch 2", concerns=[])
    assert StoreLedger(opened).survey().open, "who did not try can't say that it is over"
    watched = watching.run(opened, now=NOW, run_id="watch 3", concerns=[], prune=True)
    assert watched.pruned == [f"shop: removed 1 that ended before {NOW - 400 * DAY:%Y-%m-%d}"]
    assert StoreLedger(opened).survey().open == []


@pytest.mark.parametrize(("arguments", "gone"), [(["--all"], True), ([], False), (["--all", "--no-page"], False)])
def test_the_command_does_it_where_it_may_take_longer(
    desk: Desk,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
    gone: bool,
) -> None:
    def open_installation() -> Installation:
        return desk.open()

    monkeypatch.setattr("include.proven.installation.open_installation", open_installation)
    monkeypatch.setattr("include.proven.cli.commands.watch.CONCERNS", ())
    record(desk.open(), 500, ENDED, "disk")
    assert main.main(["watch", *arguments]) == 0
    assert ("old pages:\n  shop: removed 1" in capsys.readouterr().out) == gone
    assert len(held(desk.open(), "disk")) == (not gone)


def test_what_digests_still_read_is_kept() -> None:
    routes = {"hook": {"kind": "webhook", "endpoint": "https://hook.example"}}
    assert pages.Pages.model_validate({"routes": routes}).keep == 400 * DAY
    with pytest.raises(pydantic.ValidationError, match="write 31d or more"):
        pages.Pages.model_validate({"routes": routes, "keep": "30d"})
