"""Four drills at once under a real scheduler, where two may stand: they wait without workers, and all are proven."""

from __future__ import annotations

import contextlib
import pathlib
import tempfile
from collections.abc import Iterator

import pytest

from include.proven import backup
from include.proven.demo.keys import DemoKeys
from include.proven.installation import open_installation
from include.proven.local_airflow.home import LocalAirflow
from tests.airflow.conftest import ASLEEP, SETTINGS, make_house_fleet
from tests.airflow.live import House, Watchman, wait_for
from tests.herd.watching import watching
from tests.servers.databases import DatabaseServer
from tests.servers.pager import running_pager
from tests.servers.swift import Swift

pytestmark = pytest.mark.scheduler
DATABASES = [f"shop_{number}" for number in range(4)]
AT_ONCE = 2


@pytest.fixture(scope="module")
def house(
    tmp_path_factory: pytest.TempPathFactory, mariadb_source: DatabaseServer, swift: Swift, gpg_home: DemoKeys
) -> Iterator[House]:
    """Airflow with four small databases whose sandbox has room for two."""
    with contextlib.ExitStack() as stack:
        pager = stack.enter_context(running_pager())
        sandboxes = stack.enter_context(tempfile.TemporaryDirectory(prefix="proven-sandboxes-", dir="/var/tmp"))
        state = pathlib.Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="proven-airflow-", dir="/var/tmp")))
        state.chmod(0o711)
        folder = tmp_path_factory.mktemp("herd")
        files = make_house_fleet(folder, mariadb_source, swift, gpg_home, pager, pathlib.Path(sandboxes))
        shop = files.document["databases"]["shop"] | {"drill_time_limit": "15m"}
        files.document["databases"] = dict.fromkeys(DATABASES, shop)
        files.document["sandboxes"]["local"]["at_once"] = AT_ONCE
        files.write()
        stack.enter_context(pytest.MonkeyPatch.context()).setenv("PROVEN_CONNECTIONS", files.variables["PROVEN_CONNECTIONS"])
        opened = open_installation(folder / "fleet.yaml")
        for name in DATABASES:
            backup.take_backup(opened, name, backup.new_id())
        airflow = LocalAirflow(state, environment=files.variables | SETTINGS | ASLEEP)
        stack.callback(airflow.stop)
        airflow.start()
        watchman = Watchman(airflow)
        stack.callback(watchman.stop)
        house = House(airflow, files, mariadb_source, swift, pager, watchman)
        wait_for(lambda: len(house.dags()) >= 2 * len(DATABASES) + 6, "the DAGs")
        house.wake(but={"watch"})
        yield house


def test_four_drills_where_two_may_stand_are_all_green(house: House) -> None:
    assert "proven_local" not in {pool["name"] for pool in house.call("GET", "/api/v2/pools")["pools"]}
    directory = house.files.document["sandboxes"]["local"]["directory"]
    with watching(directory, f"TMPDIR={house.files.scratch}") as seen:
        runs = {name: house.trigger(f"drill__{name}") for name in DATABASES}
        ended = {name: house.finish(f"drill__{name}", run, seconds=400) for name, run in runs.items()}
    assert ended == dict.fromkeys(DATABASES, "success")
    assert (seen.servers, seen.places) == (AT_ONCE, AT_ONCE)
    assert [house.newest_verdict(name).outcome for name in DATABASES] == ["proven"] * len(DATABASES)
    house.nothing_runs()


def test_the_pool_was_made_and_is_kept_as_the_fleet_says(house: House) -> None:
    def slots() -> int:
        return int(house.call("GET", "/api/v2/pools/proven_local")["slots"])

    assert slots() == AT_ONCE
    house.call("DELETE", "/api/v2/pools/proven_local")
    name = DATABASES[0]
    assert house.finish(f"drill__{name}", house.trigger(f"drill__{name}")) == "success", "no pool is missed"
    assert slots() == AT_ONCE


def test_the_reaper_runs_here_too(house: House) -> None:
    assert house.finish("reaper", house.trigger("reaper")) == "success"
