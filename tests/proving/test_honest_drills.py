"""A sample of the honest drills: what is written while it is backed up is proven. `scripts/prove-the-proof` takes 300."""

from __future__ import annotations

import pathlib

import pytest

from include.proven.demo.keys import DemoKeys
from tests.proving import honest, load
from tests.servers.databases import DatabaseServer

DRILLS = 2


@pytest.mark.failure("A5")
@pytest.mark.parametrize("parallel", [1, 3])
def test_a_source_under_load_raises_no_false_alarm(
    source: DatabaseServer, gpg_home: DemoKeys, tmp_path: pathlib.Path, sandbox_directory: pathlib.Path, parallel: int
) -> None:
    load.make(source)
    try:
        with (
            honest.open_fleet(tmp_path / "fleet", source, gpg_home, sandbox_directory, parallel) as installation,
            load.Load(source, seed=1) as writers,
        ):
            outcomes = honest.run(installation, DRILLS)
    finally:
        load.remove(source)
    alarms = [str(one) for one in outcomes if one.is_false_alarm]
    assert alarms == []
    assert sum(one.proven for one in outcomes) == DRILLS
    assert writers.done["committed"] > 50, "the source was written all the while"
    assert writers.done["rolled back"] > 0
