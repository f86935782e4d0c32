"""What the sandbox's server says of itself is read: CHECK TABLE, its log, views and definers. Files are damaged for real."""

from __future__ import annotations

import pathlib
from collections.abc import Iterator

import pytest

from include.proven.agent import server_log, table_check
from include.proven.agent.errors import AgentError
from include.proven.proof import engine_checks
from include.proven.proof.verdict import Check
from tests.proof.copies import open_session
from tests.servers.databases import DatabaseServer, run_source

HOUR = 3600.0
FILL = """
INSERT INTO {table} (id, note) VALUES (1, REPEAT('a', 200));
INSERT INTO {table} SELECT id + 1, note FROM {table};
INSERT INTO {table} SELECT id + 2, note FROM {table};
INSERT INTO {table} SELECT id + 4, note FROM {table};
INSERT INTO {table} SELECT id + 8, note FROM {table};
INSERT INTO {table} SELECT id + 16, note FROM {table};
INSERT INTO {table} SELECT id + 32, note FROM {table};
INSERT INTO {table} SELECT id + 64, note FROM {table};
INSERT INTO {table} SELECT id + 128, note FROM {table};
INSERT INTO {table} SELECT id + 256, note FROM {table};
"""
FILES = {
    "mariadb": {"MyISAM": "MYI", "Aria": "MAI", "InnoDB": "ibd"},
    "mysql": {"MyISAM": "MYI", "InnoDB": "ibd"},
}


def check_tables(server: DatabaseServer, *schemas: str, seconds: float = HOUR) -> Check:
    seen = table_check.check(lambda: open_session(server), list(schemas), seconds)
    return engine_checks.judge_tables(seen, server_log.read(str(server.process.log)), seconds)


def read_log(server: DatabaseServer) -> Check:
    return engine_checks.judge_server_log(server_log.read(str(server.process.log)))


@pytest.fixture(scope="module")
def whole(request: pytest.FixtureRequest, source: DatabaseServer) -> Iterator[tuple[DatabaseServer, str]]:
    """A server of its own, with one table of each storage engine."""
    for server in run_source(source.flavour, source.path):
        schema = server.fresh_schema("engines")
        for engine in FILES[server.flavour]:
            table = engine.lower()
            server.sql(f"CREATE TABLE {table} (id INT PRIMARY KEY, note VARCHAR(200), KEY (note)) ENGINE={engine}", schema)
            server.sql(FILL.format(table=table), schema)
        server.sql(
            "CREATE TABLE hole (id INT) ENGINE=BLACKHOLE"
            if server.flavour == "mysql"
            else "CREATE TABLE hole (id INT) ENGINE=MEMORY",
            schema,
        )
        yield server, schema


def damage(path: pathlib.Path) -> None:
    """Overwrite some bytes in the middle of each page in the second half of a file."""
    size, page = path.stat().st_size, 16 * 1024 if path.suffix == ".ibd" else 1024
    with path.open("r+b") as file:
        for begin in range(size // 2 // page * page, size, page):
            file.seek(begin + page // 2)
            file.write(b"\xa5" * 64)


def test_whole_tables_pass_and_what_can_not_be_checked_is_told(whole: tuple[DatabaseServer, str]) -> None:
    server, schema = whole
    check = check_tables(server, schema)
    assert (check.outcome, check.differences) == ("pass", [])
    assert check.figure == f"{len(FILES[server.flavour]) + 1} tables checked"
    assert check.not_covered == [f"CHECK TABLE of tables whose storage engine has none: {schema}.hole."]


def test_a_server_that_is_well_has_a_log_that_worries_nobody(whole: tuple[DatabaseServer, str]) -> None:
    server, _ = whole
    check = read_log(server)
    assert (check.outcome, check.differences) == ("pass", [])
    assert int(check.figure.split()[0]) > 10


def test_a_table_that_takes_too_long_is_stopped_and_the_others_are_checked(whole: tuple[DatabaseServer, str]) -> None:
    server, schema = whole
    check = check_tables(server, schema, seconds=0.0)
    assert check.outcome == "could-not-run"
    assert f"{schema}.innodb" in check.figure
    assert "table_check_time_limit" in check.hint
    assert server.sql("SELECT COUNT(*) FROM information_schema.PROCESSLIST WHERE INFO LIKE 'CHECK TABLE%'") == [["0"]]


def test_damaged_files_are_found_by_the_engines_and_in_the_log(whole: tuple[DatabaseServer, str]) -> None:
    """Runs last: the server is not used again."""
    server, schema = whole
    for engine, suffix in FILES[server.flavour].items():
        server.process.stop()
        damage(server.process.datadir / schema / f"{engine.lower()}.{suffix}")
        # otherwise a server reads at once what it had in its memory before
        (server.process.datadir / "ib_buffer_pool").unlink(missing_ok=True)
        server.process.start()
        check = check_tables(server, schema)
        assert check.outcome == "fail"
        (line,) = [line for line in check.differences if line.startswith(f"table {schema}.{engine.lower()}: ")]
        assert "orrupt" in line
        assert check.hint
        # MySQL's own end, at a broken page
        assert ("the server died of it" in line) == (server.flavour == "mysql" and engine == "InnoDB")
        if engine == "InnoDB":  # it alone logs what CHECK TABLE finds
            assert read_log(server).outcome == "fail"


@pytest.mark.parametrize(
    "line",
    [
        "2026-11-21 17:10:01 5 [ERROR] mariadbd: Table './shop/orders' is marked as crashed and should be repaired",
        "2026-11-21 17:10:01 5 [ERROR] mariadbd: Incorrect information in file: './shop/orders.frm'",
        "2026-11-21 17:10:01 5 [ERROR] mariadbd: Incorrect key file for table 'orders'; try to repair it",
        "2026-11-21 17:10:01 5 [ERROR] mariadbd: Can't find file: './shop/orders.MYI' (errno: 2 \"No such file or directory\")",
        "2026-11-21 17:10:01 5 [ERROR] Got error '127 \"Record file is crashed\"' for './shop/orders'",
        "2026-11-21 17:10:01 0 [ERROR] InnoDB: Database page corruption on disk or a failed read of file './shop/orders.ibd'",
        "2026-11-21 17:10:01 0 [ERROR] InnoDB: Operating system error number 5 in a file operation.",
        "2026-11-21T17:44:48.6Z 0 [ERROR] [MY-011904] [InnoDB] Space id and page number stored in the page read in are …",
        "2026-11-21T17:10:01.5Z 8 [ERROR] [MY-012869] [InnoDB] Page log sequence number 1 is in the future!",
        "2026-11-21T17:10:01.5Z 8 [ERROR] [MY-010894] [Server] Error in reading table: checksum mismatch",
    ],
)
def test_words_of_broken_data_are_known(line: str) -> None:
    assert server_log.classify(line) == "corruption"


@pytest.mark.parametrize(
    "line",
    [
        "2026-11-21 17:10:01 0 [ERROR] mysqld got signal 11 ;",
        "2026-11-21 17:10:01 0 [Note] InnoDB: Starting crash recovery from checkpoint LSN=46590",
        "2026-11-21T17:10:01.5Z 0 [System] [MY-010229] [Server] Starting XA crash recovery...",
        "2026-11-21 17:10:01 0x7f InnoDB: Assertion failure in file btr0cur.cc line 312",
    ],
)
def test_words_of_a_crash_are_known(line: str) -> None:
    assert server_log.classify(line) == "crashes"


@pytest.mark.parametrize(
    "line",
    [
        "",
        "2026-11-21 17:10:01 7 [Warning] Aborted connection 7 to db: 'corrupt' user: 'crashed' host: 'localhost' (signal 15)",
        "2026-11-21 17:10:01 7 [Warning] Access denied for user 'corruption'@'localhost' (using password: YES)",
        "2026-11-21 17:10:01 0 [Note] InnoDB: Completed initialization of buffer pool",
        "2026-11-21T17:10:01.5Z 0 [Warning] [MY-010068] [Server] CA certificate ca.pem is self signed.",
        "2026-11-21 17:10:01 7 [ERROR] Event Scheduler: [root@localhost][`corrupt`.`e`] Unknown table `corrupt`.`t`",
        "2026-11-21 17:10:01 7 [Warning] 'proxies_priv' entry '@% root@vm' ignored in --skip-name-resolve mode.",
    ],
)
def test_everyday_lines_worry_nobody(line: str) -> None:
    assert server_log.classify(line) == ""


def log_of(directory: pathlib.Path, *lines: str) -> Check:
    path = directory / "error.log"
    path.write_text("".join(f"{line}\n" for line in lines))
    return engine_checks.judge_server_log(server_log.read(str(path)))


def test_the_lines_are_shown_with_their_numbers(tmp_path: pathlib.Path) -> None:
    check = log_of(tmp_path, "ready", "[ERROR] Table 'x' is marked as crashed", *["[ERROR] got signal 11"] * 3)
    assert (check.outcome, check.figure) == ("fail", "1 line on broken data, 5 lines read")
    assert check.differences == ["line 2: [ERROR] Table 'x' is marked as crashed"]


def test_a_crash_keeps_the_server_from_proving(tmp_path: pathlib.Path) -> None:
    check = log_of(tmp_path, "ready", "[ERROR] mariadbd got signal 11 ;")
    assert check.outcome == "could-not-run"
    assert check.figure == "the sandbox's server has crashed: line 2: [ERROR] mariadbd got signal 11 ;"
    assert check.hint


def test_a_server_on_a_snapshot_of_files_may_recover_them_and_not_crash(tmp_path: pathlib.Path) -> None:
    path = tmp_path / "error.log"
    path.write_text("[Note] InnoDB: Starting crash recovery from checkpoint LSN=1\n")
    seen = server_log.read(str(path))
    assert engine_checks.judge_server_log(seen, recovers=True).outcome == "pass"
    assert engine_checks.judge_server_log(seen).outcome == "could-not-run"
    path.write_text(path.read_text() + "[ERROR] mariadbd got signal 11 ;\n")
    check = engine_checks.judge_server_log(server_log.read(str(path)), recovers=True)
    assert (check.outcome, check.differences) == ("could-not-run", ["line 2: [ERROR] mariadbd got signal 11 ;"])


def test_a_log_that_grows_without_end_is_told_in_part(tmp_path: pathlib.Path) -> None:
    check = log_of(tmp_path, *["[ERROR] Index is corrupted " + "x" * 100_000] * 150)
    assert len(check.differences) == 100
    assert check.differences[-1] == "… and 51 more lines"


def test_a_log_that_says_nothing_or_can_not_be_read_is_no_pass(tmp_path: pathlib.Path) -> None:
    assert log_of(tmp_path).outcome == "could-not-run"
    with pytest.raises(AgentError, match="can't be read") as caught:
        server_log.read(str(tmp_path / "another.log"))
    assert caught.value.kind == "sandbox"


def seen_tables(**messages: list[list[str]]) -> dict[str, object]:
    return {"checked": 3, "messages": messages, "late": [], "died": "", "seconds": 1.0}


def judged(seen: dict[str, object], *corruption: str) -> Check:
    return engine_checks.judge_tables(seen, {"corruption": [{"line": 1, "text": text} for text in corruption]}, HOUR)


def test_why_a_server_died_is_for_its_log_to_say() -> None:
    died = {**seen_tables(), "died": "shop.a"}
    assert judged(died).outcome == "could-not-run"
    assert "shop.a" in judged(died).figure
    check = judged(died, "Database page corruption on disk")
    assert check.differences == ["table shop.a: the server died of it: Database page corruption on disk"]


def test_a_server_that_could_not_look_says_nothing_of_the_table() -> None:
    check = judged(seen_tables(a=[["error", "Lock wait timeout exceeded"], ["status", "Operation failed"]]))
    assert (check.outcome, check.figure) == ("could-not-run", "tables could not be checked: a: Lock wait timeout exceeded")


def test_a_broken_table_is_told_before_a_slow_one() -> None:
    seen = {**seen_tables(a=[["warning", "1 record lost"], ["error", "Corrupt"]]), "late": ["b"]}
    check = judged(seen)
    assert (check.outcome, check.differences) == ("fail", ["table a: warning: 1 record lost; error: Corrupt"])


def test_a_remark_is_told_and_no_tables_are_no_pass() -> None:
    check = judged(seen_tables(a=[["warning", "1 client is using the table"], ["status", "OK"]]))
    assert check.outcome == "pass"
    assert "1 client is using the table" in check.not_covered[0]
    assert judged({**seen_tables(), "checked": 0}).outcome == "could-not-run"
