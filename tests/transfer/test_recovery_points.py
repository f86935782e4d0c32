"""A backup that meets a fault at any of its steps leaves a whole recovery point or none, and never half of one."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterator

import pytest

from include.proven import backup, errors
from include.proven.catalog import Catalog
from include.proven.installation import Installation
from include.proven.stores import swift_client
from tests.servers.databases import DatabaseServer
from tests.servers.fleets import FleetFiles, MakeFleet
from tests.servers.s3 import S3
from tests.servers.swift import Swift
from tests.transfer import carrier, places
from tests.transfer.aiming import AimedProxy, Step
from tests.transfer.places import Place

DUMP = r"/dump\.sql\.zst\.gpg"
PUBLISH = Step("PUT", r"/manifest\.json$")
RECORDS = {"sign the manifest": Step("PUT", r"/manifest\.json\.asc$"), "publish": PUBLISH}
SWIFT = {
    "log in": Step("GET", r"^/auth/"),
    "make containers": Step("PUT", r"^/v1/[^/]+/[^/?]+$"),
    "begin": Step("HEAD", rf"{DUMP}$"),
    "read the key": Step("HEAD", r"^/v1/[^/]+$"),
    "list parts": Step("GET", r"_segments\?.*dump"),
    "commit": Step("PUT", rf"{DUMP}\?multipart-manifest=put"),
    "read back": Step("GET", rf"{DUMP}\?multipart-manifest=get"),
    **RECORDS,
}
S3_STEPS = {
    "look for an object": Step("HEAD", rf"{DUMP}$"),
    "look for uploads": Step("GET", r"\?.*dump.*uploads|uploads.*dump"),
    "begin": Step("POST", rf"{DUMP}\?uploads"),
    "list parts": Step("GET", rf"{DUMP}\?.*uploadId"),
    "commit": Step("POST", rf"{DUMP}\?uploadId"),
    **RECORDS,
}
CASES = [("swift", name) for name in SWIFT] + [("s3_swift", name) for name in S3_STEPS]
PARTS = {"swift": Step("PUT", rf"_segments/.*{DUMP}/0"), "s3_swift": Step("PUT", rf"{DUMP}\?.*partNumber=1")}
FOREVER = 1000


@dataclasses.dataclass
class Bench:
    """A fleet of one database with one store, which is behind a proxy."""

    opened: Installation
    proxy: AimedProxy
    place: Place
    steps: dict[str, Step]

    def take(self, identifier: str) -> None:
        """Take a backup."""
        assert not backup.take_backup(self.opened, "shop", identifier).failed

    def require_whole(self, identifier: str) -> None:
        """Fail unless the recovery point exists, is signed, and every artifact is what its manifest says."""
        direct = self.place.direct
        manifest = Catalog(direct, self.opened.keyring).manifest("shop", identifier)
        for artifact in manifest.artifacts:
            assert carrier.read_back(direct, f"shop/{identifier}/{artifact.name}") == artifact.sha256
        names = {"manifest.json", "manifest.json.asc", *(artifact.name for artifact in manifest.artifacts)}
        assert {stored.key.rpartition("/")[2] for stored in direct.list_objects("")} == names
        assert direct.list_uploads("") == []

    def require_nothing(self) -> None:
        """Fail if anything is left."""
        assert self.place.everything() == []


@pytest.fixture
def files(mariadb_source: DatabaseServer, make_fleet: MakeFleet) -> FleetFiles:
    schema = mariadb_source.fresh_schema("shop")
    mariadb_source.sql("CREATE TABLE orders (id INT PRIMARY KEY); INSERT INTO orders VALUES (1)", schema)
    return make_fleet(mariadb_source, schemas=[schema])


@pytest.fixture
def kind(request: pytest.FixtureRequest) -> str:
    """Give the name of a fixture: the server."""
    name: str = request.param
    return name


@pytest.fixture
def bench(kind: str, request: pytest.FixtureRequest, files: FleetFiles, monkeypatch: pytest.MonkeyPatch) -> Iterator[Bench]:
    server: S3 | Swift = request.getfixturevalue(kind)
    place = places.make(server)
    monkeypatch.setattr(swift_client, "FIRST_BACKOFF_SECONDS", 0.05)  # a step that fails for good is not worth 8 seconds
    with AimedProxy(place.server_url) as proxy:
        address = place.through(proxy.url)
        files.document["stores"] = {"store": json.loads(address.config.model_dump_json(exclude_unset=True))}
        files.document["databases"]["shop"]["stores"] = ["store"]
        connection = dataclasses.asdict(address.connection)
        quick = {"config_kwargs": {"retries": {"mode": "standard", "total_max_attempts": 2}}}
        wanted = {name: connection[name] for name in ("conn_type", "host", "login", "password")}
        files.connections[address.config.connection] = {**wanted, "extra": connection["extra"] | quick}
        files.write()
        yield Bench(files.open(monkeypatch), proxy, place, SWIFT if kind == "swift" else S3_STEPS)


@pytest.mark.parametrize(("kind", "step"), CASES, indirect=["kind"])
def test_one_lost_answer_is_made_good(bench: Bench, step: str) -> None:
    identifier = backup.new_id()
    bench.proxy.aim(bench.steps[step], "lose_answer", times=1)
    bench.take(identifier)
    assert [fault.kind for fault in bench.proxy.log] == ["lose_answer"]
    bench.require_whole(identifier)


@pytest.mark.parametrize(("kind", "step"), CASES, indirect=["kind"])
def test_a_step_whose_answers_are_lost_for_good_ends_the_backup(bench: Bench, step: str) -> None:
    """All that was asked for was done, and nobody was told. What was not published is removed; what was, is whole."""
    identifier = backup.new_id()
    bench.proxy.aim(bench.steps[step], "lose_answer", times=FOREVER)
    with pytest.raises(errors.StoreError) as caught:
        bench.take(identifier)
    assert caught.value.hint
    assert bench.place.secrets[0] not in str(caught.value)
    bench.proxy.rest()
    if bench.steps[step] is PUBLISH:
        bench.require_whole(identifier)
        assert backup.discard(bench.opened, "shop", identifier) == 0
        bench.require_whole(identifier)
        return
    if hasattr(caught.value, "__notes__"):  # the same step is one of the removal's: a teardown comes later, or the sweep
        assert "could not be removed" in caught.value.__notes__[0]
        backup.discard(bench.opened, "shop", identifier)
    bench.require_nothing()
    bench.take(identifier)
    bench.require_whole(identifier)


@pytest.mark.parametrize(
    ("kind", "step"), [case for case in CASES if case[1] in {"begin", "commit", "publish"}], indirect=["kind"]
)
def test_a_step_that_is_refused_for_good_ends_the_backup_with_nothing_left(bench: Bench, step: str) -> None:
    identifier = backup.new_id()
    bench.proxy.aim(bench.steps[step], "503", times=FOREVER)
    with pytest.raises(errors.StoreError, match="503"):
        bench.take(identifier)
    bench.proxy.rest()
    backup.discard(bench.opened, "shop", identifier)
    bench.require_nothing()


@pytest.mark.parametrize("kind", PARTS, indirect=True)
def test_a_part_that_the_store_has_no_room_for_ends_the_backup_with_nothing_left(bench: Bench, kind: str) -> None:
    bench.proxy.aim(PARTS[kind], "507", times=FOREVER)
    with pytest.raises(errors.StoreError, match=r"put dump\.sql\.zst\.gpg part 1 to store: 507") as caught:
        bench.take(backup.new_id())
    assert not hasattr(caught.value, "__notes__")
    bench.require_nothing()


@pytest.mark.parametrize("kind", PARTS, indirect=True)
def test_a_store_that_is_gone_after_the_upload_keeps_leftovers_that_a_teardown_removes(bench: Bench) -> None:
    """Nothing from the commit on comes through, so what was sent can't be removed at once: the error says so."""
    identifier = backup.new_id()
    bench.proxy.die_at(bench.steps["commit"])
    with pytest.raises(errors.StoreError, match="can't be reached") as caught:
        bench.take(identifier)
    bench.proxy.rest()
    assert "could not be removed" in caught.value.__notes__[0]
    assert bench.place.everything() != []
    backup.discard(bench.opened, "shop", identifier)
    bench.require_nothing()
