"""What the watch remembers of verdicts saves it requests, and changes no answer: on a real Swift, a real S3 and a directory."""

from __future__ import annotations

import collections
import dataclasses
import functools
import secrets
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from include.proven import connections
from include.proven.bench import history
from include.proven.catalog import listing, verified
from include.proven.catalog.at_once import open_pool
from include.proven.catalog.newest import Newest, NewestProofs
from include.proven.demo.keys import DemoKeys
from include.proven.encryption.keyring import Keyring
from include.proven.errors import StoreError
from include.proven.fleet import model
from include.proven.installation import Installation
from include.proven.stores.contract import Store
from include.proven.stores.directory import DirectoryStore
from include.proven.stores.s3 import S3Store
from include.proven.watch import recency
from tests.servers.gnupg import NewHome
from tests.servers.s3 import S3
from tests.servers.swift import Swift
from tests.watch.installations import NOW

NAMES = ("shop", "shop_2", "web")
LATE = "shop"
ASKS = ("get_record", "list_range", "list_backwards", "list_objects")


@dataclasses.dataclass
class Shelf:
    """A store with two recovery points of each database, and how often it was asked for what."""

    store: Any
    keyring: Keyring
    asked: collections.Counter[str] = dataclasses.field(default_factory=collections.Counter)

    def look(self, **others: Any) -> dict[str, Newest]:
        """Look as the watch does that has just been started; count its requests."""
        self.asked.clear()
        return self.proofs(**others)[0]

    def proofs(self, *, keyring: Keyring | None = None) -> tuple[dict[str, Newest], NewestProofs]:
        catalog = NewestProofs(self.store, keyring or self.keyring)
        with open_pool(self.store, 100) as pool:
            return catalog.newest(NAMES, NOW, pool), catalog

    def notes(self) -> list[str]:
        found = [stored.key for stored in self.store.list_objects(verified.FOLDER)]
        return [key for key in found if key.endswith(".json")]

    def verdicts(self, name: str) -> list[str]:
        """Return the keys of the verdicts on a database, the newest first."""
        found = [stored.key for stored in self.store.list_objects(name)]
        return sorted((key for key in found if "/drills/" in key and key.endswith(".json")), reverse=True)

    def change(self, key: str, change: Callable[[bytes], bytes]) -> None:
        """Write something else in the place of an object."""
        content = self.store.get_record(key)
        self.store.delete_record(key)
        self.store.put_record(key, change(content))

    def sign(self, key: str) -> None:
        signature = self.keyring.sign(self.store.get_record(key))
        self.change(f"{key}.asc", lambda _: signature)


@pytest.fixture(scope="module")
def records(keyring: Keyring) -> list[history.Stored]:
    """Give manifests and verdicts of two recovery points of each database, four of the late one, signed once for all tests."""
    others = [name for name in NAMES if name != LATE]
    found = [
        *history.objects(keyring, others, 2, NOW, frozenset()),
        *history.objects(keyring, [LATE], 4, NOW, frozenset({LATE})),
    ]
    return [stored for stored in found if not stored.key.endswith((".gpg", "manifest.json.asc"))]


@pytest.fixture
def shelf(
    request: pytest.FixtureRequest, keyring: Keyring, records: list[history.Stored], monkeypatch: pytest.MonkeyPatch
) -> Iterator[Shelf]:
    """Give a store that is filled, where three databases are many."""
    monkeypatch.setattr(listing, "FEW", 1)
    monkeypatch.setattr(verified, "FEW", 1)
    store = request.getfixturevalue(f"{request.param}_shelf")
    fill(store, records)
    found = Shelf(store, keyring)
    for name in ASKS:
        monkeypatch.setattr(store, name, functools.partial(count, found.asked, name, getattr(store, name)))
    yield found


def fill(store: Store, records: list[history.Stored]) -> None:
    for stored in records:
        store.put_record(stored.key, stored.content)


def count(asked: collections.Counter[str], name: str, ask: Callable[..., Any], *arguments: Any) -> Any:
    asked[name] += 1
    return ask(*arguments)


@pytest.fixture
def directory_shelf(tmp_path: Any) -> DirectoryStore:
    return DirectoryStore("store", model.DirectoryStore(kind="directory", path=tmp_path))


@pytest.fixture
def swift_shelf(swift: Swift) -> Store:
    return swift.store(f"t{secrets.token_hex(4)}")


@pytest.fixture
def s3_shelf(moto: S3) -> S3Store:
    config = model.S3Store(kind="s3", connection="s3", bucket=moto.bucket(), prefix="backups")
    return S3Store("store", config, moto.connection(), retries=0)


@pytest.fixture
def by_swift_shelf(s3_swift: S3) -> S3Store:
    config = model.S3Store(kind="s3", connection="s3", bucket=s3_swift.bucket())
    return S3Store("store", config, s3_swift.connection(), retries=0)


on_s3 = pytest.mark.parametrize("shelf", ["s3", "by_swift"], indirect=True)
on_all = pytest.mark.parametrize("shelf", ["directory", "swift", "s3", "by_swift"], indirect=True)
on_swift = pytest.mark.parametrize("shelf", ["swift"], indirect=True)


@on_all
def test_what_was_verified_is_not_read_again_and_the_answer_is_the_same(shelf: Shelf) -> None:
    first = shelf.look()
    proof = first[LATE].proof
    assert proof
    assert proof.drill in shelf.verdicts(LATE)[history.UNPROVEN]
    assert not any(newest.untrusted for newest in first.values())
    read = shelf.asked["get_record"]
    assert shelf.look() == first
    if isinstance(shelf.store, DirectoryStore):
        assert (shelf.notes(), shelf.asked["get_record"]) == ([], read), "files are read sooner than remembered"
    else:
        assert (len(shelf.notes()), shelf.asked["get_record"]) == (1, 2), "one note, and its signature"
        assert shelf.asked["list_backwards"] == 0
        assert shelf.asked["list_range"] <= listing.RANGES


@on_swift
def test_a_store_that_holds_much_of_each_database_is_asked_for_the_newest_only(
    shelf: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = shelf.look()
    monkeypatch.setattr(listing, "LINES", 1)
    assert shelf.look() == whole
    assert (shelf.asked["list_range"], shelf.asked["list_backwards"]) == (0, len(NAMES))


def alter(shelf: Shelf, verdict: str) -> None:
    shelf.change(verdict, lambda content: content.replace(b"as on the source", b"as on the market"))


def replace_signature(shelf: Shelf, verdict: str) -> None:
    other = shelf.keyring.sign(b"something else")
    shelf.change(f"{verdict}.asc", lambda _: other)


def delete_signature(shelf: Shelf, verdict: str) -> None:
    shelf.store.delete_record(f"{verdict}.asc")


def delete(shelf: Shelf, verdict: str) -> None:
    shelf.store.delete_record(verdict)


def delete_manifest(shelf: Shelf, verdict: str) -> None:
    shelf.store.delete_record(f"{verdict.partition('/drills/')[0]}/manifest.json")


@on_swift
@pytest.mark.parametrize(
    ("damage", "why"),
    [
        (alter, "the signature is not good"),
        (replace_signature, "the signature is not good"),
        (delete_signature, "is not signed"),
        (delete, None),
        (delete_manifest, None),
    ],
)
def test_what_has_changed_since_it_was_verified_is_no_proof(
    shelf: Shelf, damage: Callable[[Shelf, str], None], why: str | None
) -> None:
    before = shelf.look()
    (older,) = shelf.verdicts("web")[1:]
    shelf.store.delete_record(older)
    damage(shelf, shelf.verdicts("web")[0])
    after = shelf.look()
    assert after["web"].proof is None
    assert [why is not None and why in line for line in after["web"].untrusted.values()] == ([True] if why else [])
    assert {name: newest for name, newest in after.items() if name != "web"} == {
        name: newest for name, newest in before.items() if name != "web"
    }


def forge(shelf: Shelf, note: str) -> None:
    shelf.change(note, lambda content: content.replace(b'"unproven"', b'"proven"'))


def take_signature_away(shelf: Shelf, note: str) -> None:
    shelf.store.delete_record(f"{note}.asc")


@on_s3
def test_s3_lists_what_has_changed_too(shelf: Shelf) -> None:
    assert shelf.look()["web"].proof
    verdict = shelf.verdicts("web")[0]
    alter(shelf, verdict)
    assert "the signature is not good" in shelf.look()["web"].untrusted[verdict]


@on_swift
@pytest.mark.parametrize(("damage", "why"), [(forge, "the signature is not good"), (take_signature_away, "is not signed")])
def test_a_note_that_is_not_what_was_signed_is_named_and_not_believed(
    shelf: Shelf, damage: Callable[[Shelf, str], None], why: str
) -> None:
    first = shelf.look()
    (note,) = shelf.notes()
    damage(shelf, note)
    found, catalog = shelf.proofs()
    assert found == first
    assert list(catalog.verified.untrusted) == [note]
    assert why in catalog.verified.untrusted[note]
    assert len(shelf.notes()) == 2, "whoever looks into it finds what was forged"
    found, catalog = shelf.proofs()
    assert (found, list(catalog.verified.untrusted)) == (first, [note])
    assert len(shelf.notes()) == 2, "the genuine one is used"


@on_swift
def test_a_note_by_another_key_is_named_and_not_believed(shelf: Shelf, new_home: NewHome) -> None:
    first = shelf.look()
    (note,) = shelf.notes()
    stranger = new_home()
    stranger.new_key("Proven backup <backup@proven.invalid>")
    forge(shelf, note)
    signature = stranger.gpg("--armor", "--detach-sign", content=shelf.store.get_record(note))
    shelf.change(f"{note}.asc", lambda _: signature)
    found, catalog = shelf.proofs()
    assert found == first
    assert "the signature is not good" in catalog.verified.untrusted[note]


@on_swift
@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b'"store": "swift"', b'"store": "elsewhere"'),
        (b'"proven_version": "', b'"proven_version": "0.0.'),
        (b'"format": 1', b'"format": 2'),
    ],
    ids=["of another store", "by another version", "of another format"],
)
def test_a_genuine_note_that_is_about_something_else_is_replaced(shelf: Shelf, old: bytes, new: bytes) -> None:
    first = shelf.look()
    (note,) = shelf.notes()
    shelf.change(note, lambda content: content.replace(b'"unproven"', b'"proven"').replace(old, new))
    shelf.sign(note)
    found, catalog = shelf.proofs()
    assert (found, catalog.verified.untrusted) == (first, {})
    assert note not in shelf.notes()
    assert len(shelf.notes()) == 1


@on_swift
def test_a_watch_that_may_only_read_finds_the_same(shelf: Shelf, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any, **__: Any) -> None:
        raise StoreError("swift: put object: 403 Forbidden")

    with monkeypatch.context() as patch:
        patch.setattr(shelf.store, "put_record", refuse)
        found = shelf.look()
    assert shelf.notes() == []
    assert shelf.look() == found


@on_swift
def test_what_was_replaced_while_it_was_read_is_not_remembered(shelf: Shelf, monkeypatch: pytest.MonkeyPatch) -> None:
    verdict = shelf.verdicts("web")[0]
    genuine, read = shelf.store.get_record(verdict), shelf.store.get_record
    alter(shelf, verdict)
    with monkeypatch.context() as patch:
        patch.setattr(shelf.store, "get_record", lambda key: genuine if key == verdict else read(key))
        assert shelf.look()["web"].proof
    assert verdict in shelf.look()["web"].untrusted


@on_swift
def test_few_that_are_new_are_not_worth_a_new_note(shelf: Shelf, monkeypatch: pytest.MonkeyPatch) -> None:
    shelf.look()
    notes = shelf.notes()
    verdict = shelf.verdicts("web")[0]
    shelf.change(verdict, lambda content: content.replace(b'"pass"', b'"fail"', 1))
    shelf.sign(verdict)
    assert shelf.look()["web"].proof
    assert shelf.notes() == notes
    monkeypatch.setattr(verified, "FEW", 0)
    assert shelf.look()["web"].proof
    assert len(shelf.notes()) == 1
    assert shelf.notes() != notes


def test_a_forged_note_is_a_page_about_its_store(
    swift: Swift, keyring: Keyring, gpg_home: DemoKeys, records: list[history.Stored], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(verified, "FEW", 1)
    container = f"t{secrets.token_hex(4)}"
    store = swift.store(container, prefix="")
    fill(store, records)
    document = history.document(gpg_home.home, NAMES, {"kind": "swift", "connection": "swift", "container": container})
    connections.use_resolver({"swift": swift.connection()}.__getitem__)
    try:
        opened = Installation(model.Fleet.model_validate(document))
        before = [finding.kind for finding in recency.look(opened, NOW)]
        shelf = Shelf(store, keyring)
        forge(shelf, shelf.notes()[0])
        told, *rest = recency.look(opened, NOW)
    finally:
        connections.use_resolver(None)
    assert (told.kind, told.database, told.thing) == ("record-untrusted", "_fleet", "store")
    assert told.summary.startswith(f"store store: record {verified.FOLDER}/")
    assert "can't be trusted: the signature is not good" in told.summary
    assert [finding.kind for finding in rest] == before
