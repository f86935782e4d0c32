"""A whole drill on an instance of EC2: real Swift, real backup, EC2's API (moto's), and by SSH a real machine behind it."""

from __future__ import annotations

import base64
import pathlib

import pytest

from include.proven import drill, ids
from include.proven.drill import Drill
from tests.sandboxes.moto_machines import Region
from tests.servers import machine
from tests.servers.databases import DatabaseServer
from tests.servers.fleets import FleetFiles, MakeFleet
from tests.servers.swift import Swift, SwiftFactory


@pytest.fixture
def swift(start_swift: SwiftFactory, gateway: str) -> Swift:
    """A Swift that machines reach."""
    return start_swift(address=gateway)


@pytest.fixture
def region(ec2_region: Region, directory: pathlib.Path, source: DatabaseServer) -> Region:
    """EC2, empty, whose images have the source's programs."""
    ec2_region.lend(directory / "sandboxes", source.path)
    return ec2_region


@pytest.fixture
def files(region: Region, source: DatabaseServer, make_fleet: MakeFleet) -> FleetFiles:
    """A fleet with one database and that EC2; the machines' keys come from the secret of its connection."""
    schema = source.fresh_schema("shop")
    source.sql("CREATE TABLE orders (id INT PRIMARY KEY, note TEXT); INSERT INTO orders VALUES (1, 'one'), (2, 'two');", schema)
    files = make_fleet(source, schemas=[schema], sandbox="cloud")
    files.document["sandboxes"]["cloud"] = region.describe_sandbox(prices={"t3.small": 0.02})
    files.connections["amazon"] = region.describe_connection()
    files.write()
    return files


def test_drill_on_ec2_is_proven_and_leaves_nothing(
    files: FleetFiles, region: Region, directory: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    taken = files.run("backup", "shop")
    assert taken.returncode == 0, taken.stderr
    installation = files.open(monkeypatch)
    (point,) = installation.catalog("shop").recovery_points("shop")
    this = Drill(ids.new_drill(), "shop", point, "swift", "cloud")
    verdict = drill.run(installation, this)
    assert verdict.outcome == "proven", verdict.reason
    checks = {check.name: check.outcome for check in verdict.checks}
    assert {"fingerprint", "canary"} <= checks.keys()
    assert set(checks.values()) == {"pass"}
    (asked,) = region.ec2.requests("RunInstances")
    assert asked["InstanceType"] == "t3.small"
    told = base64.b64decode(asked["UserData"]).decode() + str({**asked, "UserData": ""})
    for connection in files.connections.values():
        assert connection["password"] not in told
    assert region.ec2.left() == []
    assert machine.find(directory / "sandboxes" / "machines") == []


@pytest.mark.failure("C10")
def test_drill_that_ec2_has_no_room_for_is_unproven_in_its_words_and_leaves_nothing(
    files: FleetFiles, region: Region, monkeypatch: pytest.MonkeyPatch
) -> None:
    taken = files.run("backup", "shop")
    assert taken.returncode == 0, taken.stderr
    installation = files.open(monkeypatch)
    (point,) = installation.catalog("shop").recovery_points("shop")
    region.ec2.refuse("RunInstances", "InsufficientInstanceCapacity", "We currently do not have sufficient capacity")
    verdict = drill.run(installation, Drill(ids.new_drill(), "shop", point, "swift", "cloud"))
    assert verdict.outcome == "unproven"
    assert "InsufficientInstanceCapacity" in verdict.reason
    assert region.ec2.left() == []
