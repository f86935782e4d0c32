"""Whatever ends a stream, the next one goes on: nothing is missing, nothing is there twice, and what is lost is said."""

from __future__ import annotations

import os
import pathlib
import signal
import subprocess
import sys
import threading

import pytest

from include.proven import audit, backup, errors
from include.proven.binlogs import streaming
from include.proven.catalog.binlogs import Segment
from include.proven.installation import Installation
from tests.agent import processes
from tests.binlogs import streams
from tests.servers.databases import DatabaseServer
from tests.servers.fleets import CHECKOUT, FleetFiles, MakeFleet

PATIENCE = 120.0


def insert(source: DatabaseServer, *, rows: int, size: int = 20_000) -> None:
    """Write rows of that size, each a transaction."""
    source.sql("".join(f"INSERT INTO shop.orders (note) VALUES (REPEAT('{row % 10}', {size}));" for row in range(rows)))


def start_command(files: FleetFiles) -> subprocess.Popen[bytes]:
    argv = [sys.executable, "-m", "include.proven.cli", "stream", "shop"]
    return subprocess.Popen(argv, cwd=CHECKOUT, env={**os.environ, **files.variables})


def agent_of(controller: subprocess.Popen[bytes]) -> int:
    """Return the process of its agent: the one that runs the tool."""
    (agent,) = {pid for pid in processes.children(controller.pid) if processes.program(pid).startswith("python")} - {
        controller.pid
    }
    return agent


def test_whoever_is_killed_the_next_stream_goes_on(files: FleetFiles, shop: Installation, logging: DatabaseServer) -> None:
    catalog = shop.catalog("shop")
    first = streams.logs(logging)[-1]
    for whom, status in (("agent", 1), ("controller", -signal.SIGKILL)):
        before = len(streams.names(catalog, logging))
        with start_command(files) as controller:
            try:
                processes.wait_until(lambda before=before: len(streams.names(catalog, logging)) > before, PATIENCE)  # type: ignore[misc]
                insert(logging, rows=20)
                agent = agent_of(controller)
                tools = processes.children(agent)
                os.kill(agent if whom == "agent" else controller.pid, signal.SIGKILL)
                assert controller.wait(PATIENCE) == status
            finally:
                controller.kill()
        processes.wait_until(lambda tools=tools: not any(map(processes.program, tools)), PATIENCE)  # type: ignore[misc]
    insert(logging, rows=1)
    logging.sql("FLUSH BINARY LOGS")
    streaming.stream(shop, "shop", seconds=0.1)
    assert streams.put_together(shop, logging)[first] == streams.log_bytes(logging, first)


@pytest.mark.parametrize("gently", [30, 0], ids=["stopped", "crashed"])
def test_a_server_that_ends_and_comes_back(shop: Installation, logging: DatabaseServer, gently: float) -> None:
    streaming.stream(shop, "shop", seconds=0.1)
    first = streams.logs(logging)[-1]
    insert(logging, rows=2)
    logging.process.stop(gently=gently)
    try:
        with pytest.raises(errors.SourceError, match="can't be reached"):
            streaming.stream(shop, "shop", seconds=0.1)
    finally:
        logging.process.start()
    streaming.stream(shop, "shop", seconds=0.1)
    assert streams.put_together(shop, logging)[first] == streams.log_bytes(logging, first)
    last = [piece for piece in streams.segments(shop.catalog("shop"), logging) if piece.file == first][-1]
    assert (last.rotated, last.next_file) == (True, "")


def test_what_has_come_of_the_log_outlives_a_server_that_is_lost(
    files: FleetFiles, logging: DatabaseServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    files.document["databases"]["shop"]["binlogs"] |= {"lag": "10m", "piece": "16 MB"}
    files.write()
    shop = files.open(monkeypatch)
    file, met, begun = streams.logs(logging)[-1], [], threading.Event()

    def follow() -> None:
        try:
            streaming.stream(shop, "shop", on_piece=lambda piece: begun.set())
        except errors.ProvenError as error:
            met.append(error)

    stream = threading.Thread(target=follow)
    stream.start()
    try:
        assert begun.wait(PATIENCE)
        insert(logging, rows=2)
        written = int(logging.sql("SHOW BINARY LOGS")[-1][1])
        here = f"proven-agent-*/{file}"
        processes.wait_until(lambda: any(path.stat().st_size >= written for path in files.scratch.glob(here)), PATIENCE)
    finally:
        logging.process.stop(gently=0)
        stream.join()
        logging.process.start()
    assert [type(error) for error in met] == [errors.SourceError]
    assert streams.names(shop.catalog("shop"), logging)[-1].end == written


def test_a_store_that_was_left_behind_is_brought_level(
    files: FleetFiles, logging: DatabaseServer, tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    disk, away = tmp_path / "disk", tmp_path / "away"
    disk.mkdir()
    files.add_store("disk", kind="directory", path=str(disk))
    shop = files.open(monkeypatch)
    streaming.stream(shop, "shop", seconds=0.1)
    first = streams.logs(logging)[-1]
    disk.rename(away)
    insert(logging, rows=8)
    done = streaming.stream(shop, "shop", seconds=0.1)
    assert list(done.failed) == ["disk"], "the other store goes on"
    away.rename(disk)
    logging.sql("FLUSH BINARY LOGS")
    assert not streaming.stream(shop, "shop", seconds=0.1).failed
    for store in ("swift", "disk"):
        assert streams.put_together(shop, logging, store)[first] == streams.log_bytes(logging, first), store


def test_a_purged_log_is_a_gap_that_a_new_recovery_point_ends(shop: Installation, logging: DatabaseServer) -> None:
    streaming.stream(shop, "shop", seconds=0.1)
    lost = streams.logs(logging)[-1]
    logging.sql("INSERT INTO shop.orders (note) VALUES ('lost'); FLUSH BINARY LOGS")
    streams.purge(logging, lost)
    with pytest.raises(errors.SourceError, match="purged") as refused:
        streaming.stream(shop, "shop", seconds=0.1)
    assert lost in refused.value.detail
    assert "backup" in refused.value.hint
    backup.take_backup(shop, "shop", backup.new_id())
    assert streaming.stream(shop, "shop", seconds=0.1).skipped == [lost]
    assert streaming.stream(shop, "shop", seconds=0.1).skipped == []


def test_another_server_is_not_taken_for_the_one_that_was_followed(
    files: FleetFiles, shop: Installation, logging: DatabaseServer, request: pytest.FixtureRequest
) -> None:
    streaming.stream(shop, "shop", seconds=0.1)
    other: DatabaseServer = request.getfixturevalue(f"{logging.flavour}_source")
    files.connections["source"] |= {"port": other.endpoint["port"], "password": other.endpoint["password"]}
    files.write()
    with pytest.raises(errors.SourceError, match="is on another server now") as refused:
        streaming.stream(shop, "shop", seconds=0.1)
    assert streams.identity(logging) in refused.value.detail


def test_logs_that_are_counted_anew_are_not_mixed_with_the_old_ones(shop: Installation, logging: DatabaseServer) -> None:
    streaming.stream(shop, "shop", seconds=0.1)
    before = streams.names(shop.catalog("shop"), logging)
    logging.sql("RESET MASTER" if logging.flavour == "mariadb" else "RESET BINARY LOGS AND GTIDS")
    while streams.logs(logging)[-1] != before[-1].file:
        logging.sql("FLUSH BINARY LOGS")
    insert(logging, rows=1)
    with pytest.raises(errors.SourceError, match=r"is not the one that was shipped|is shorter than"):
        streaming.stream(shop, "shop", seconds=0.1)
    assert streams.names(shop.catalog("shop"), logging) == before


def test_the_log_never_fills_the_disk(files: FleetFiles, logging: DatabaseServer, monkeypatch: pytest.MonkeyPatch) -> None:
    files.document["databases"]["shop"]["binlogs"] |= {"piece": "500 KB", "scratch": "1 MB"}
    files.write()
    shop = files.open(monkeypatch)
    streaming.stream(shop, "shop", seconds=0.1)
    first = streams.logs(logging)[-1]
    insert(logging, rows=4, size=1_000_000)
    insert(logging, rows=1, size=3_000_000)
    logging.sql("FLUSH BINARY LOGS")
    with audit.listen() as heard:
        streaming.stream(shop, "shop", seconds=0.1)
    tool = "mariadb-binlog" if logging.flavour == "mariadb" else "mysqlbinlog"
    started = [command for command in audit.keep(heard)["commands"] if pathlib.Path(command.argv[0]).name == tool]
    assert len(started) > 1, "it was ended when there was no room, and began anew behind what was shipped"
    assert streams.put_together(shop, logging)[first] == streams.log_bytes(logging, first)
    assert not streams.files_below(files.scratch), "nothing of the log is left on this host"


def test_of_two_streams_the_second_is_refused(files: FleetFiles, shop: Installation, logging: DatabaseServer) -> None:
    begun, seen = threading.Event(), []

    def note(piece: Segment) -> None:
        seen.append(piece)
        begun.set()

    first = threading.Thread(target=streaming.stream, args=[shop, "shop"], kwargs={"seconds": 15.0, "on_piece": note})
    first.start()
    try:
        assert begun.wait(PATIENCE)
        with pytest.raises(errors.SourceError, match="another stream of this database runs"):
            streaming.stream(shop, "shop", seconds=0.1)
    finally:
        first.join()
    assert streams.put_together(shop, logging)


def test_without_a_binary_log_there_is_nothing_to_ship(
    mariadb_source: DatabaseServer, make_fleet: MakeFleet, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop = make_fleet(mariadb_source, binlogs={}).open(monkeypatch)
    with pytest.raises(errors.SourceError, match="keeps no binary log") as refused:
        streaming.stream(shop, "shop", seconds=0.1)
    assert "log_bin" in refused.value.hint
