"""A stream brings every committed change to the stores: the pieces are the server's own log, byte for byte."""

from __future__ import annotations

import datetime

from include.proven import backup
from include.proven.binlogs import streaming
from include.proven.catalog.binlogs import Segment
from include.proven.installation import Installation
from tests.binlogs import streams
from tests.servers.databases import DatabaseServer
from tests.servers.fleets import FleetFiles


def test_the_pieces_are_the_servers_own_files(shop: Installation, logging: DatabaseServer) -> None:
    streaming.stream(shop, "shop", seconds=0.1)
    first = streams.logs(logging)[-1]
    for number in range(12):
        logging.sql(f"INSERT INTO shop.orders (note) VALUES (REPEAT('{number:02}', 15000))")
    logging.sql("FLUSH BINARY LOGS; INSERT INTO shop.orders (note) VALUES ('in the next file')")
    seen: list[Segment] = []
    done = streaming.stream(shop, "shop", seconds=2.0, on_piece=seen.append)
    assert not done.failed
    found = streams.put_together(shop, logging)
    assert found[first] == streams.log_bytes(logging, first)
    assert b"in the next file" in found[streams.logs(logging)[-1]]
    assert len([piece for piece in seen if piece.file == first]) > 3, "100 KB make a piece"
    assert [(piece.rotated, piece.next_file) for piece in seen if piece.file == first][-1] == (True, streams.logs(logging)[-1])


def test_an_idle_server_is_known_to_be_idle(shop: Installation, logging: DatabaseServer) -> None:
    seen: list[Segment] = []
    streaming.stream(shop, "shop", seconds=2.5, on_piece=seen.append)
    (now,) = logging.sql("SELECT UTC_TIMESTAMP(6)")[0]
    assert len(seen) >= 2, "each interval has something to ship"
    assert [piece.complete_to for piece in seen] == sorted(piece.complete_to for piece in seen)
    behind = datetime.datetime.fromisoformat(now).replace(tzinfo=datetime.UTC) - seen[-1].complete_to
    assert datetime.timedelta() <= behind < datetime.timedelta(minutes=1), "the last of it was marked as the stream ended"
    assert logging.sql("SELECT COUNT(*) > 1 FROM proven_canary.ticks") == [["1"]]


def test_a_stream_begins_at_the_newest_recovery_points_file(shop: Installation, logging: DatabaseServer) -> None:
    manifest = backup.take_backup(shop, "shop", backup.new_id()).manifest
    logging.sql("INSERT INTO shop.orders (note) VALUES ('after the backup'); FLUSH BINARY LOGS")
    streaming.stream(shop, "shop", seconds=0.1)
    assert manifest.position
    names = streams.names(shop.catalog("shop"), logging)
    assert (names[0].file, names[0].start) == (manifest.position.file, 0)
    assert b"after the backup" in streams.put_together(shop, logging)[manifest.position.file]


def test_what_was_logged_before_a_file_stands_in_its_first_piece(shop: Installation, logging: DatabaseServer) -> None:
    mysql = logging.flavour == "mysql"
    tag = "SET gtid_next = 'AUTOMATIC:tagged';" if mysql else ""
    logging.sql(f"INSERT INTO shop.orders VALUES (); {tag} INSERT INTO shop.orders (note) VALUES ('one more')")
    said = logging.sql("SELECT HEX(@@GLOBAL.gtid_executed)" if mysql else "SELECT HEX(@@GLOBAL.gtid_binlog_pos)")[0][0]
    before = "".join(bytes.fromhex(said).decode().split())
    logging.sql("FLUSH BINARY LOGS")
    streaming.stream(shop, "shop", seconds=0.1)
    first, second = [piece.gtid_before for piece in streams.segments(shop.catalog("shop"), logging)[:2]]
    assert not second
    if mysql:
        assert "tagged" in first
        assert logging.sql(f"SELECT GTID_SUBSET('{first}', '{before}'), GTID_SUBSET('{before}', '{first}')") == [["1", "1"]]
    else:
        assert first == before


def test_the_command_shows_each_piece(files: FleetFiles, shop: Installation, logging: DatabaseServer) -> None:
    done = files.run("stream", "shop", "--for", "1s")
    assert done.returncode == 0, done.stderr
    assert [line.split()[0] for line in done.stdout.splitlines()] == [
        name.file for name in streams.names(shop.catalog("shop"), logging)
    ]
    assert "complete to" in done.stdout
