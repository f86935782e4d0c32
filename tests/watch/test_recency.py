"""Late backups and old proofs are named, by the stores alone; what cannot be trusted counts as if it were not there."""

from __future__ import annotations

import dataclasses
import datetime
import pathlib
import secrets
from collections.abc import Callable
from typing import Any

import pytest

from include.proven import connections, ids
from include.proven.bench import history
from include.proven.catalog import newest
from include.proven.catalog.newest import NewestProofs
from include.proven.demo.keys import DemoKeys
from include.proven.errors import IntegrityError, ProvenError
from include.proven.fleet import model
from include.proven.installation import Installation
from include.proven.watch import newcomers, overview, recency
from include.proven.watch.concern import Finding
from tests.servers.gnupg import NewHome
from tests.servers.swift import Swift
from tests.watch.installations import DAY, NOW

HOUR = datetime.timedelta(hours=1)


@dataclasses.dataclass
class Yard:
    """Databases with four recovery points each in a directory store; changes are made in its files."""

    folder: pathlib.Path
    home: pathlib.Path
    database: dict[str, Any] = dataclasses.field(default_factory=dict)
    """Changes of every database of the fleet file."""
    stores: tuple[str, ...] = ("store",)

    def open(self, *names: str) -> Installation:
        for store in self.stores:
            (self.folder / store).mkdir(exist_ok=True)
        document = history.document(self.home, names or ("shop",), {"kind": "directory", "path": str(self.folder / "store")})
        document["stores"] |= {store: {"kind": "directory", "path": str(self.folder / store)} for store in self.stores}
        for database in document["databases"].values():
            database |= {"stores": list(self.stores), "schedule": "0 9 * * *", "backup_time_limit": "1h"} | self.database
        return Installation(model.Fleet.model_validate({**document, "spread": None}))

    def write(self, *names: str, late: tuple[str, ...] = (), points: int = 4, store: str = "store") -> None:
        """Write the history of these databases: a recovery point each day at 9, the newest of today."""
        keyring = self.open().keyring
        for stored in history.objects(keyring, names or ("shop",), points, NOW, frozenset(late)):
            path = self.folder / store / stored.key
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(stored.content)

    def verdicts(self, name: str = "shop") -> list[pathlib.Path]:
        """Return the files of the verdicts, the newest first."""
        return sorted((self.folder / "store" / name).glob("*/drills/*.json"), reverse=True)

    def points(self, name: str = "shop") -> list[pathlib.Path]:
        """Return the folders of the recovery points, the newest first."""
        return sorted((self.folder / "store" / name).glob("2*"), reverse=True)

    def sign(self, verdict: pathlib.Path) -> None:
        """Sign a verdict as it is now."""
        signature = self.open().keyring.sign(verdict.read_bytes())
        verdict.with_name(f"{verdict.name}.asc").write_bytes(signature)

    def find(self, *names: str, at: datetime.datetime = NOW) -> list[Finding]:
        return list(recency.look(self.open(*names), at))

    def kinds(self, *names: str, at: datetime.datetime = NOW) -> list[str]:
        return [finding.kind for finding in self.find(*names, at=at)]


@pytest.fixture
def yard(tmp_path: pathlib.Path, gpg_home: DemoKeys) -> Yard:
    return Yard(tmp_path, gpg_home.home)


def test_what_is_in_order_is_not_told(yard: Yard) -> None:
    yard.write("crm", "shop")
    assert yard.find("crm", "shop") == []


@pytest.mark.failure("D6")
def test_each_database_beyond_its_rpo_is_named_with_the_age_of_its_proof(yard: Yard) -> None:
    yard.write("crm", "shop", "web", late=("crm", "web"))
    found = yard.find("crm", "shop", "web")
    assert [(finding.kind, finding.database) for finding in found] == [("proof-old", "crm"), ("proof-old", "web")]
    proven = yard.points("crm")[history.UNPROVEN].name
    assert found[0].summary == f"the newest proven data is 2 d 3 h old ({proven}); promised: 26h"


@pytest.mark.failure("D6")
def test_a_backup_is_late_when_its_time_is_over_and_not_before(yard: Yard) -> None:
    yard.write()
    tomorrow = NOW.replace(hour=9) + DAY
    assert yard.kinds(at=tomorrow + 0.9 * HOUR) == []
    (late,) = yard.find(at=tomorrow + HOUR)
    assert late.kind == "backup-late"
    assert late.summary == f"a backup was due at 2026-11-22 09:00 UTC, and the newest recovery point is {yard.points()[0].name}"
    assert yard.kinds(at=tomorrow + 4 * HOUR) == ["backup-late", "proof-old"]


def test_a_backup_by_hand_counts_for_the_schedule(yard: Yard) -> None:
    yard.write()
    by_hand = yard.folder / "store/shop" / ids.new_recovery_point(now=NOW + DAY - 2.5 * HOUR) / "manifest.json"
    by_hand.parent.mkdir()
    by_hand.write_bytes(history.LISTED)
    assert yard.kinds(at=NOW + DAY - 1.5 * HOUR) == []


def test_what_has_no_manifest_is_no_backup(yard: Yard) -> None:
    yard.write(late=("shop",))
    (yard.points()[0] / "manifest.json").unlink()
    assert yard.kinds() == ["backup-late", "proof-old"]


def test_without_a_schedule_no_backup_is_late(yard: Yard) -> None:
    yard.database["schedule"] = None
    yard.write()
    assert yard.kinds(at=NOW + 2 * DAY) == ["proof-old"]


def test_the_time_of_modification_means_nothing(yard: Yard) -> None:
    yard.write(late=("shop",))
    for path in (yard.folder / "store").rglob("*.json"):
        path.touch()
    assert yard.kinds() == ["proof-old"]


def test_a_verdict_that_was_deleted_proves_nothing(yard: Yard) -> None:
    yard.write(points=1)
    yard.verdicts()[0].unlink()
    assert yard.find() == [], "the RPO is the time that there is for a first proof"
    (old,) = [finding for finding in yard.find(at=NOW + DAY) if finding.kind == "proof-old"]
    assert old.summary == "no recovery point is known to be proven, and the oldest is 27 h 00 min old; promised: 26h"


def alter(yard: Yard) -> None:
    newest_verdict = yard.verdicts()[0]
    newest_verdict.write_bytes(newest_verdict.read_bytes().replace(b"as on the source", b"as on the market"))


def alter_an_unproven_one(yard: Yard) -> None:
    yard.verdicts()[1].unlink()
    newest_verdict = yard.verdicts()[0]
    newest_verdict.write_bytes(newest_verdict.read_bytes().replace(b'"unproven"', b'"proven"'))


def take_the_signature_away(yard: Yard) -> None:
    newest_verdict = yard.verdicts()[0]
    newest_verdict.with_name(f"{newest_verdict.name}.asc").unlink()


def copy_from_another_database(yard: Yard) -> None:
    yard.write("crm")
    for own, others in ((yard.verdicts()[0], yard.verdicts("crm")[0]),):
        own.write_bytes(others.read_bytes())
        own.with_name(f"{own.name}.asc").write_bytes(others.with_name(f"{others.name}.asc").read_bytes())


def copy_from_an_older_recovery_point(yard: Yard) -> None:
    own, older = yard.verdicts()[0], yard.verdicts()[history.UNPROVEN]
    own.write_bytes(older.read_bytes())
    own.with_name(f"{own.name}.asc").write_bytes(older.with_name(f"{older.name}.asc").read_bytes())


def put_something_else(yard: Yard) -> None:
    yard.verdicts()[0].write_bytes(b'{"format": 1}\n')
    yard.sign(yard.verdicts()[0])


def write_by_a_newer_version(yard: Yard) -> None:
    yard.verdicts()[0].write_bytes(yard.verdicts()[0].read_bytes().replace(b'"format": 1', b'"format": 2'))
    yard.sign(yard.verdicts()[0])


@pytest.mark.failure("C1")
@pytest.mark.parametrize(
    ("damage", "why"),
    [
        (alter, "can't be trusted: the signature is not good"),
        (alter_an_unproven_one, "can't be trusted: the signature is not good"),
        (take_the_signature_away, "is not signed"),
        (copy_from_another_database, "is about crm, not shop"),
        (copy_from_an_older_recovery_point, "is about 2026"),
        (put_something_else, "makes no sense"),
        (write_by_a_newer_version, "has format 2"),
    ],
)
def test_a_verdict_that_is_not_what_was_signed_counts_as_none_and_is_named(
    yard: Yard, damage: Callable[[Yard], None], why: str
) -> None:
    yard.write(late=("shop",))
    damage(yard)
    untrusted, old = yard.find()
    assert (untrusted.kind, untrusted.database) == ("record-untrusted", "shop")
    assert untrusted.summary.startswith("store store: record shop/")
    assert why in untrusted.summary
    assert old.kind == "proof-old"


@pytest.mark.failure("D4")
def test_a_verdict_by_another_key_counts_as_none_and_is_named(yard: Yard, new_home: NewHome) -> None:
    yard.write(late=("shop",))
    stranger = new_home()
    stranger.new_key("Proven backup <backup@proven.invalid>")
    forged = yard.verdicts()[0]
    forged.write_bytes(forged.read_bytes().replace(b'"unproven"', b'"proven"'))
    forged.with_name(f"{forged.name}.asc").write_bytes(stranger.gpg("--armor", "--detach-sign", content=forged.read_bytes()))
    untrusted, old = yard.find()
    assert "can't be trusted: the signature is not good" in untrusted.summary
    assert old.kind == "proof-old"


@pytest.mark.failure("C1")
@pytest.mark.parametrize(
    ("point", "why"),
    [
        (ids.new_recovery_point(now=NOW + HOUR, run="x"), "is of the future"),
        ("20269999T999999Z-full-00000000", "is of no date that there is"),
    ],
)
def test_a_recovery_point_of_the_future_counts_as_none_and_is_named(yard: Yard, point: str, why: str) -> None:
    yard.write(late=("shop",))
    genuine = yard.points()[history.UNPROVEN]
    (yard.points()[0]).rename(genuine.with_name(point))
    (finding, *rest) = yard.find()
    assert finding.summary == f"store store: {point} {why}"
    assert [one.kind for one in rest] == ["backup-late", "proof-old"]


def test_data_is_never_younger_than_its_recovery_point_whatever_the_source_said(yard: Yard) -> None:
    yard.write(points=1)
    verdict = yard.verdicts()[0]
    age = b'"data_age_seconds": 1800.0'
    assert age in verdict.read_bytes()
    verdict.write_bytes(verdict.read_bytes().replace(age, b'"data_age_seconds": -864000.0'))
    yard.sign(verdict)
    assert yard.kinds() == []
    assert "proof-old" in yard.kinds(at=NOW + DAY)


def test_the_proof_is_found_behind_many_verdicts_that_prove_nothing(yard: Yard, monkeypatch: pytest.MonkeyPatch) -> None:
    yard.write(points=3, late=("shop",))
    source, drills = yard.verdicts()[0], yard.verdicts()[0].parent
    for number in range(7):
        drill = ids.new_drill(now=NOW + datetime.timedelta(minutes=number), run="again")
        copy = drills / f"{drill}.json"
        copy.write_bytes(source.read_bytes().replace(source.stem.encode(), drill.encode()))
        yard.sign(copy)
    (old,) = yard.find()
    assert yard.points()[history.UNPROVEN].name in old.summary
    monkeypatch.setattr(newest, "MOST", 8)
    (old,) = yard.find()
    assert old.summary.startswith("no recovery point is known to be proven")


@pytest.mark.failure("A12")
def test_a_new_database_has_until_its_first_backup_is_due(yard: Yard) -> None:
    assert yard.find() == []
    assert yard.find(at=NOW + 10 * HOUR) == []
    (late,) = yard.find(at=NOW + 22 * HOUR)
    assert late.summary == "a backup was due at 2026-11-22 09:00 UTC, and there is no recovery point"
    (_, old) = yard.find(at=NOW + 27 * HOUR)
    assert old.summary == "there is no recovery point, and the database has been known for 27 h 00 min; promised: 26h"


def test_since_when_a_new_database_is_known_is_signed(yard: Yard) -> None:
    yard.find("crm", "shop")
    note = yard.folder / "store" / newcomers.KEY
    note.write_bytes(note.read_bytes().replace(b"2026-11-21", b"2036-11-21"))
    yard.write("crm", late=("crm",))
    findings: list[Finding] = []
    with pytest.raises(IntegrityError, match="can't be trusted"):
        findings.extend(recency.look(yard.open("crm", "shop"), NOW))
    looked = recency.look(yard.open("crm", "shop"), NOW)
    assert next(looked).database == "crm", "what can be known is told before"


def test_a_store_that_gives_no_answer_is_named_and_the_other_is_believed(yard: Yard) -> None:
    yard.stores = ("store", "far")
    yard.write(late=("shop",))
    yard.write(store="far")
    assert yard.find() == [], "one of the two has a young proof"
    (yard.folder / "far").rename(yard.folder / "gone")
    opened = yard.open()
    (yard.folder / "far").rmdir()
    found = recency.look(opened, NOW)
    old = next(found)
    assert old.kind == "proof-old"
    assert "store far gives no answer" in old.detail
    with pytest.raises(ProvenError, match="far is not there"):
        next(found)


def test_a_store_without_its_container_holds_nothing(yard: Yard) -> None:
    assert overview.read(yard.open(), NOW).states[0].recovery_point == ""
    store = yard.open().store("store")
    assert NewestProofs(store, yard.open().keyring).oldest("shop") == ""


def test_a_real_swift_is_read_by_many_threads(yard: Yard, swift: Swift) -> None:
    container, names = f"t{secrets.token_hex(4)}", ("shop", "web")
    store = swift.store(container)
    for stored in history.objects(yard.open().keyring, names, 3, NOW, frozenset({"web"})):
        store.put_record(stored.key, stored.content)
    store.put_record("shop/pages/backup-failed/x.json", b"{}")
    document = history.document(yard.home, names, {"kind": "swift", "connection": "swift", "container": container})
    document["stores"]["store"]["prefix"] = "backups"
    connections.use_resolver({"swift": swift.connection()}.__getitem__)
    try:
        found = list(recency.look(Installation(model.Fleet.model_validate(document)), NOW))
    finally:
        connections.use_resolver(None)
    assert [(finding.kind, finding.database) for finding in found] == [("proof-old", "web")]
