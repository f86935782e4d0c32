"""One connection through the real client: what comes back is what the server has, and errors name what to do."""

from __future__ import annotations

import pathlib
import threading

import pytest

from include.proven.agent.client import Session
from include.proven.agent.errors import AgentError
from include.proven.agent.processes import CommandLog
from include.proven.agent.protocol import Endpoint
from tests.servers.databases import DatabaseServer

ODD_PASSWORDS = ['"', "\\", "a#b", " spaces around ", "'quote'", "ünï💥", "tab\there", "\\n is no newline", "a=b;c", "[client]"]


def connect(server: DatabaseServer, **changes: object) -> Session:
    endpoint: Endpoint = {**server.admin, **changes}  # type: ignore[typeddict-item] # members by name
    return Session(server.tools, endpoint, CommandLog())


def fails(server: DatabaseServer, sql: str = "SELECT 1", **changes: object) -> AgentError:
    with pytest.raises(AgentError) as caught, connect(server, **changes) as session:
        session.query(sql)
    assert caught.value.kind == "source"
    return caught.value


def test_values_come_back_as_the_server_has_them(source: DatabaseServer) -> None:
    with connect(source) as session:
        assert session.query(r"SELECT NULL, 'a\tb\nc\\d', '', 'ü💥', '\r', x'00ff'") == [
            (None, "a\tb\nc\\d", "", "ü💥", "\r", "\0\udcff")
        ]


def test_a_result_larger_than_a_pipe_does_not_block(source: DatabaseServer) -> None:
    rows = "WITH RECURSIVE n AS (SELECT 1 AS i UNION ALL SELECT i + 1 FROM n WHERE i < 1000) SELECT REPEAT('x', 2000) FROM n"
    statement = f"SELECT LENGTH('{'y' * 500_000}')"
    with connect(source) as session:
        assert [len(row[0] or "") for row in session.query(rows)] == [2000] * 1000
        assert session.query(statement) == [("500000",)]


def test_a_session_holds_its_state_across_statements(source: DatabaseServer) -> None:
    with connect(source) as session:
        session.execute("SET @kept = 42 -- a comment at the end ends only itself")
        assert session.query("SELECT @kept;") == [("42",)]


@pytest.mark.parametrize("password", ODD_PASSWORDS)
def test_odd_passwords_arrive_as_they_are(source: DatabaseServer, password: str) -> None:
    literal = password.replace("\\", "\\\\").replace("'", "\\'")
    source.sql(f"DROP USER IF EXISTS odd@localhost; CREATE USER odd@localhost IDENTIFIED BY '{literal}'")
    with connect(source, user="odd", password=password) as session:
        assert session.query("SELECT CURRENT_USER()") == [("odd@localhost",)]


def test_the_password_is_in_no_argument_and_no_environment(source: DatabaseServer) -> None:
    with Session(source.tools, source.endpoint, log := CommandLog()) as session:
        for pid in pathlib.Path("/proc").glob("[0-9]*"):
            try:
                seen = pid.joinpath("cmdline").read_bytes() + pid.joinpath("environ").read_bytes()
            except OSError:
                continue
            assert source.endpoint["password"].encode() not in seen
        session.query("SELECT 1")
    assert source.endpoint["password"] not in str(log.as_list())


def test_a_wrong_password_names_the_account_and_not_the_password(source: DatabaseServer) -> None:
    error = fails(source, user="proven", password="not the right one")
    assert error.what.startswith("proven@")
    assert error.what.endswith("access denied")
    assert "Check the password of proven" in error.hint
    assert "not the right one" not in f"{error.what}{error.detail}{error.hint}"


def test_a_server_that_is_not_there(source: DatabaseServer) -> None:
    for place in ({"socket": "/nowhere/at.all"}, {"socket": "", "host": "127.0.0.1", "port": 1}):
        assert "can't be reached" in fails(source, **place).what


def test_an_unknown_schema(source: DatabaseServer) -> None:
    assert "unknown schema" in fails(source, "USE nowhere").what


def test_a_missing_privilege_says_which_grant(source: DatabaseServer) -> None:
    source.sql("DROP USER IF EXISTS poor@localhost; CREATE USER poor@localhost IDENTIFIED BY 'x'")
    poor = {"user": "poor", "password": "x"}
    assert "GRANT RELOAD ON *.*" in fails(source, "FLUSH TABLES WITH READ LOCK", **poor).hint
    assert "GRANT SELECT ON " in fails(source, "SELECT * FROM mysql.user", **poor).hint
    assert "`mysql`.*" in fails(source, "USE mysql", **poor).hint


def test_a_lock_that_is_held_by_another(source: DatabaseServer) -> None:
    schema = source.fresh_schema()
    source.sql("CREATE TABLE t (id INT)", schema)
    impatient = {
        "mariadb": f"SET STATEMENT lock_wait_timeout=1 FOR ALTER TABLE `{schema}`.t ADD x INT",
        "mysql": f"SELECT /*+ SET_VAR(lock_wait_timeout=1) */ * FROM `{schema}`.t",
    }
    with connect(source) as holder:
        holder.execute(f"LOCK TABLES `{schema}`.t WRITE")
        error = fails(source, impatient[source.flavour])
        assert "waited too long for a lock" in error.what
        assert "SHOW PROCESSLIST" in error.hint


def test_a_killed_session_wakes_whoever_waits_for_it(source: DatabaseServer) -> None:
    session = connect(source)
    timer = threading.Timer(0.3, session.kill)
    timer.start()
    with pytest.raises(AgentError):
        session.query("SELECT SLEEP(30)")
    session.close()
