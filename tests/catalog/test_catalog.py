"""The catalog says what the store holds, and believes nothing that the fleet's signer has not signed."""

from __future__ import annotations

import dataclasses
import json
import secrets
from typing import Any

import pytest

from include.proven import errors
from include.proven.catalog import Catalog, listing
from include.proven.catalog.at_once import open_pool
from include.proven.catalog.pages import PageEvent
from include.proven.encryption.keyring import Keyring
from include.proven.pages import incident
from include.proven.pages.page import Page
from include.proven.proof.verdict import Check, Step
from tests.catalog.records import DRILL, POINTS, manifest, verdict
from tests.servers.gnupg import NewHome
from tests.servers.swift import Swift


@dataclasses.dataclass
class Bench:
    """A catalog, and a hand in the store behind its back."""

    catalog: Catalog
    swift: Swift
    container: str

    def names(self) -> list[str]:
        return self.swift.names(self.container)

    def read(self, name: str) -> bytes:
        return bytes(self.swift.raw().get_object(self.container, name)[1])

    def write(self, name: str, content: bytes) -> None:
        self.swift.raw().put_object(self.container, name, content)

    def delete(self, name: str) -> None:
        self.swift.raw().delete_object(self.container, name)


@pytest.fixture
def bench(swift: Swift, keyring: Keyring) -> Bench:
    container = f"c{secrets.token_hex(4)}"
    store = swift.store(container, prefix="")
    store.check()
    return Bench(Catalog(store, keyring), swift, container)


def publish(bench: Bench, *points: str, database: str = "shop") -> None:
    for point in points:
        bench.catalog.publish(manifest(database, point))


def test_recovery_points_sort_by_time_and_not_by_when_they_were_written(bench: Bench) -> None:
    publish(bench, *reversed(POINTS))
    assert bench.catalog.recovery_points("shop") == POINTS
    assert bench.catalog.choose("shop", "latest") == POINTS[-1]


def test_published_manifest_comes_back(bench: Bench) -> None:
    publish(bench, POINTS[0])
    assert bench.names() == [f"shop/{POINTS[0]}/manifest.json", f"shop/{POINTS[0]}/manifest.json.asc"]
    assert bench.catalog.manifest("shop", POINTS[0]) == manifest("shop", POINTS[0])


def test_manifest_is_published_once(bench: Bench) -> None:
    publish(bench, POINTS[0])
    with pytest.raises(errors.StoreError, match="exists"):
        publish(bench, POINTS[0])
    assert bench.catalog.manifest("shop", POINTS[0])


def test_signature_alone_is_no_recovery_point_and_does_not_stop_the_next_try(bench: Bench) -> None:
    bench.write(f"shop/{POINTS[0]}/manifest.json.asc", b"of a try that was killed")
    assert bench.catalog.recovery_points("shop") == []
    assert bench.catalog.incomplete("shop") == [POINTS[0]]
    publish(bench, POINTS[0])
    assert bench.catalog.manifest("shop", POINTS[0])


def test_database_names_are_exact(bench: Bench) -> None:
    publish(bench, POINTS[0], database="ods_easy")
    publish(bench, POINTS[1], database="ods")
    assert bench.catalog.recovery_points("ods") == [POINTS[1]]
    assert bench.catalog.recovery_points("od") == []
    bench.catalog.store.put_record(f"ods/{POINTS[2]}/dump", b"x")
    bench.catalog.discard("ods", POINTS[2])
    assert bench.catalog.recovery_points("ods_easy") == [POINTS[0]]


@pytest.mark.failure("B2")
@pytest.mark.parametrize("position", [0, 20, -3])
def test_flipped_byte_in_the_manifest_is_refused(bench: Bench, position: int) -> None:
    publish(bench, POINTS[0])
    name = f"shop/{POINTS[0]}/manifest.json"
    content = bytearray(bench.read(name))
    content[position] ^= 1
    bench.write(name, bytes(content))
    with pytest.raises(errors.IntegrityError, match=f"record {name} can't be trusted: the signature is not good"):
        bench.catalog.manifest("shop", POINTS[0])


def test_missing_signature_is_refused(bench: Bench) -> None:
    publish(bench, POINTS[0])
    bench.delete(f"shop/{POINTS[0]}/manifest.json.asc")
    with pytest.raises(errors.IntegrityError, match="is not signed"):
        bench.catalog.manifest("shop", POINTS[0])


def test_missing_manifest_is_refused(bench: Bench) -> None:
    with pytest.raises(errors.IntegrityError, match=r"manifest\.json is missing from store swift"):
        bench.catalog.manifest("shop", POINTS[0])


def test_manifest_of_another_signer_is_refused(bench: Bench, new_home: NewHome) -> None:
    stranger = new_home()
    stranger.new_key("Mallory <mallory@proven.invalid>")
    Catalog(bench.catalog.store, stranger.keyring(signer="mallory@proven.invalid")).publish(manifest("shop", POINTS[0]))
    with pytest.raises(errors.IntegrityError, match="can't be trusted"):
        bench.catalog.manifest("shop", POINTS[0])


@pytest.mark.failure("A14", "C1")
@pytest.mark.parametrize("target", [f"shop/{POINTS[1]}", f"other/{POINTS[0]}"])
def test_genuine_manifest_in_another_place_is_refused(bench: Bench, target: str) -> None:
    publish(bench, POINTS[0])
    for name in ("manifest.json", "manifest.json.asc"):
        bench.write(f"{target}/{name}", bench.read(f"shop/{POINTS[0]}/{name}"))
    database, point = target.split("/")
    with pytest.raises(errors.IntegrityError, match="is about"):
        bench.catalog.manifest(database, point)


def sign_as_is(bench: Bench, keyring: Keyring, content: bytes) -> None:
    bench.write(f"shop/{POINTS[0]}/manifest.json", content)
    bench.write(f"shop/{POINTS[0]}/manifest.json.asc", keyring.sign(content))


@pytest.mark.parametrize("content", [b"", b"[]", b"{", b'{"format": 1}'])
def test_signed_nonsense_is_refused(bench: Bench, keyring: Keyring, content: bytes) -> None:
    sign_as_is(bench, keyring, content)
    with pytest.raises(errors.ProvenError, match=r"record shop/.*/manifest\.json"):
        bench.catalog.manifest("shop", POINTS[0])


def test_newer_format_is_no_fault_of_the_recovery_point(bench: Bench, keyring: Keyring) -> None:
    sign_as_is(bench, keyring, json.dumps(manifest("shop", POINTS[0]).model_dump(mode="json") | {"format": 2}).encode())
    with pytest.raises(errors.ConfigError, match="has format 2; this Proven reads 1"):
        bench.catalog.manifest("shop", POINTS[0])


def test_unknown_members_are_ignored(bench: Bench, keyring: Keyring) -> None:
    sign_as_is(bench, keyring, json.dumps(manifest("shop", POINTS[0]).model_dump(mode="json") | {"new": 1}).encode())
    assert bench.catalog.manifest("shop", POINTS[0]) == manifest("shop", POINTS[0])


def test_choose_takes_latest_random_and_exact_ids(bench: Bench) -> None:
    publish(bench, *POINTS)
    assert bench.catalog.choose("shop", POINTS[1]) == POINTS[1]
    assert {bench.catalog.choose("shop", "random") for _ in range(30)} <= set(POINTS)


@pytest.mark.parametrize("which", ["20261121T043512Z-full", "20261121", "Latest", ""])
def test_unknown_choice_names_the_newest(bench: Bench, which: str) -> None:
    publish(bench, *POINTS)
    with pytest.raises(errors.ConfigError, match="has no recovery point") as caught:
        bench.catalog.choose("shop", which)
    assert POINTS[-1] in caught.value.hint


def test_choice_from_nothing_says_so(bench: Bench) -> None:
    with pytest.raises(errors.ConfigError, match="database shop has no recovery point in store swift"):
        bench.catalog.choose("shop", "latest")


def test_uncommitted_upload_is_incomplete_and_can_be_discarded(bench: Bench) -> None:
    key = f"shop/{POINTS[0]}/dump.sql.zst.gpg"
    bench.swift.raw().put_object(f"{bench.container}_segments", f"{key}/00000001", b"x")
    assert bench.catalog.incomplete("shop") == [POINTS[0]]
    assert bench.catalog.recovery_points("shop") == []
    assert bench.catalog.discard("shop", POINTS[0]) == 1
    assert bench.catalog.incomplete("shop") == []
    assert bench.catalog.discard("shop", POINTS[0]) == 0


def test_complete_recovery_point_is_not_discarded(bench: Bench) -> None:
    publish(bench, POINTS[0])
    with pytest.raises(errors.ConfigError, match="is complete"):
        bench.catalog.discard("shop", POINTS[0])
    assert bench.catalog.manifest("shop", POINTS[0])


@pytest.mark.parametrize("point", ["", "..", "*", "20261121T043512Z-full-7f3a9c01/drills"])
def test_discard_takes_ids_only(bench: Bench, point: str) -> None:
    publish(bench, POINTS[0])
    with pytest.raises(errors.ConfigError, match="is no id of a recovery point"):
        bench.catalog.discard("shop", point)
    assert bench.catalog.recovery_points("shop") == [POINTS[0]]


def test_verdicts_are_signed_and_sorted(bench: Bench) -> None:
    older = "20251121T043600Z-drill-ffffffff"
    for drill in (DRILL, older):
        bench.catalog.record_verdict(verdict(POINTS[0], drill))
    assert [found.drill for found in bench.catalog.verdicts("shop", POINTS[0])] == [older, DRILL]
    assert bench.catalog.verdict("shop", POINTS[0], DRILL) == verdict(POINTS[0])
    assert bench.catalog.verdicts("shop", POINTS[1]) == []
    with pytest.raises(errors.StoreError, match="exists"):
        bench.catalog.record_verdict(verdict(POINTS[0]))


def test_verdict_that_was_turned_green_is_refused(bench: Bench) -> None:
    bench.catalog.record_verdict(verdict(POINTS[0]))
    name = f"shop/{POINTS[0]}/drills/{DRILL}.json"
    bench.write(name, bench.read(name).replace(b"unproven", b"proven"))
    with pytest.raises(errors.IntegrityError, match="can't be trusted"):
        bench.catalog.verdicts("shop", POINTS[0])


def step(name: str, outcome: Any = "done") -> Step:
    return Step(name=name, outcome=outcome)


def test_evidence_of_the_last_try_counts(bench: Bench) -> None:
    record = bench.catalog.record_evidence
    record("shop", POINTS[0], DRILL, step("build", "unproven"))
    for _ in range(10):
        record("shop", POINTS[0], DRILL, step("build"))
    record("shop", POINTS[0], DRILL, step("restore"))
    record("shop", POINTS[0], DRILL, Check(name="totals / per day", outcome="pass", proves_data=True))
    steps, checks = bench.catalog.evidence("shop", POINTS[0], DRILL)
    assert steps == [step("build"), step("restore")]
    assert checks == [Check(name="totals / per day", outcome="pass", proves_data=True)]


def test_evidence_is_no_verdict_and_goes_without_the_verdict(bench: Bench) -> None:
    bench.catalog.record_evidence("shop", POINTS[0], DRILL, step("build"))
    assert bench.catalog.verdicts("shop", POINTS[0]) == []
    bench.catalog.record_verdict(verdict(POINTS[0]))
    bench.catalog.drop_evidence("shop", POINTS[0], DRILL)
    assert bench.catalog.evidence("shop", POINTS[0], DRILL) == ([], [])
    assert bench.catalog.verdicts("shop", POINTS[0]) == [verdict(POINTS[0])]


def test_forged_evidence_is_refused(bench: Bench) -> None:
    bench.catalog.record_evidence("shop", POINTS[0], DRILL, step("build", "refuted"))
    name = next(name for name in bench.names() if name.endswith("steps/build/1.json"))
    bench.write(name, bench.read(name).replace(b"refuted", b"done"))
    with pytest.raises(errors.IntegrityError, match="can't be trusted"):
        bench.catalog.evidence("shop", POINTS[0], DRILL)


def test_drill_is_found_by_its_evidence_and_by_its_verdict(bench: Bench) -> None:
    assert bench.catalog.find_drill("shop", DRILL) is None
    bench.catalog.record_evidence("shop", POINTS[1], DRILL, step("build"))
    assert bench.catalog.find_drill("shop", DRILL) == POINTS[1]
    bench.catalog.record_verdict(verdict(POINTS[1]))
    bench.catalog.drop_evidence("shop", POINTS[1], DRILL)
    assert bench.catalog.find_drill("shop", DRILL) == POINTS[1]
    assert bench.catalog.find_drill("shop", DRILL[:-1]) is None


def opened(key: str, run: str = "run 1") -> PageEvent:
    return incident.opening(Page("backup-failed", "shop", "no space", run, thing=key), ["oncall"])


@pytest.mark.parametrize("thing", ["proven/shop: drill?", "Große Tabelle", "Ω" * 64, "."])
def test_events_of_pages_are_found_by_their_exact_key(bench: Bench, thing: str) -> None:
    first, second = opened(thing), opened(f"{thing}x")
    for event in (first, second):
        bench.catalog.record_event(event)
    assert bench.catalog.page_events("shop", first.key) == [first.name]
    assert set(bench.catalog.page_events("shop")) == {first.name, second.name}
    assert bench.catalog.page_events("sho") == []
    assert bench.catalog.read_events([first.name]) == {first.name: first}
    with pytest.raises(errors.StoreError, match="written once"):
        bench.catalog.record_event(first)


def test_pages_of_many_databases_are_found_by_few_listings(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    events = [incident.opening(Page("backup-failed", name, "no space", "run"), []) for name in ("shop", "shop_2", "_fleet")]
    publish(bench, POINTS[0])
    for event in events:
        bench.catalog.record_event(event)
    asked = ["shop", "crm", *(f"db_{number}" for number in range(listing.FEW)), "_fleet"]
    monkeypatch.setattr(bench.catalog, "page_events", lambda *_: pytest.fail("each is listed by itself"))
    with open_pool(bench.catalog.store, len(asked)) as pool:
        found = bench.catalog.page_events_of(asked, pool)
    assert set(found) == {events[0].name, events[2].name}


def test_of_the_log_of_pages_only_claims_are_removed(bench: Bench) -> None:
    event = opened("")
    claim = event.follow("trying", "1")
    bench.catalog.record_event(event)
    bench.catalog.record_event(claim)
    bench.catalog.withdraw_claim(claim)
    with pytest.raises(ValueError, match="only claims"):
        bench.catalog.withdraw_claim(event)
    assert bench.catalog.page_events("shop") == [event.name]


def test_forged_page_is_refused(bench: Bench) -> None:
    event = opened("")
    bench.catalog.record_event(event)
    bench.write(event.name.path, bench.read(event.name.path).replace(b"run 1", b"run 2"))
    read = bench.catalog.read_events([event.name])[event.name]
    assert isinstance(read, errors.IntegrityError)
    assert "can't be trusted" in read.what


def test_a_container_that_is_not_there_yet_holds_no_pages(bench: Bench, swift: Swift, keyring: Keyring) -> None:
    assert Catalog(swift.store("nowhere", prefix=""), keyring).page_events("shop") == []
