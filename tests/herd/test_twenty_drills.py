"""Twenty drills at once where four may stand, each a process of its own, as a scheduler or a cron would start them."""

from __future__ import annotations

import concurrent.futures
import json
import subprocess
import time

from include.proven.progress import format_bytes, format_seconds
from tests.herd.watching import watching
from tests.servers.databases import DatabaseServer
from tests.servers.fleets import MakeFleet
from tests.servers.traces import nothing_runs

DRILLS, AT_ONCE = 20, 4


def test_twenty_drills_at_once_are_proven_and_never_more_than_four_stand(
    mariadb_source: DatabaseServer, make_fleet: MakeFleet
) -> None:
    schema = mariadb_source.fresh_schema("shop")
    mariadb_source.sql("CREATE TABLE orders (id INT PRIMARY KEY); INSERT INTO orders SELECT seq FROM seq_1_to_1000", schema)
    files = make_fleet(mariadb_source, schemas=[schema])
    sandbox = files.document["sandboxes"]["local"]
    sandbox["at_once"] = AT_ONCE
    files.write()
    assert files.run("backup", "shop").returncode == 0

    def drill(_: int) -> subprocess.CompletedProcess[str]:
        return files.run("drill", "shop", "--json", timeout=500)

    begun = time.monotonic()
    with (
        watching(sandbox["directory"], f"TMPDIR={files.scratch}") as seen,
        concurrent.futures.ThreadPoolExecutor(DRILLS) as herd,
    ):
        done = list(herd.map(drill, range(DRILLS)))
    took = time.monotonic() - begun

    outcomes = [json.loads(one.stdout)["outcome"] if one.stdout else one.stderr for one in done]
    assert outcomes == ["proven"] * DRILLS, "\n".join(one.stderr[-3000:] for one in done if one.returncode)
    assert (seen.servers, seen.places) == (AT_ONCE, AT_ONCE), "all the room was used, and no more"
    assert seen.looks > took, "it was looked often enough to know"
    assert len({json.loads(one.stdout)["drill"] for one in done}) == DRILLS
    nothing_runs(files)
    print(
        f"{DRILLS} drills, {AT_ONCE} at once: {format_seconds(took)}, {seen.looks} looks; at most {format_bytes(seen.memory)} "
        f"resident in {seen.processes} processes together"
    )
