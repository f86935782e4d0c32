"""Connections are read as Airflow reads them, and a faulty one is refused without showing its content."""

from __future__ import annotations

import json
import os
import pathlib
from collections.abc import Iterator

import hypothesis
import pytest
from airflow.sdk import Connection as AirflowConnection
from hypothesis import strategies

from include.proven import connections
from include.proven.errors import ConfigError

PASSWORD = "p@ss:w/rd%?#ü"

URIS = [
    "mysql://root:secret@db.example:3307/shop",
    "mysql://root:p%40ss%3Aw%2Frd%25@db.example/shop?charset=utf8mb4&unix_socket=%2Frun%2Fdb.sock",
    "swift://tester:testing@http%3A%2F%2Fswift.example%3A8080%2Fauth%2Fv1.0/",
    "swift://http://tester:testing@swift.example:8080/v1",
    "my-sql://user@/",
    "postgresql://@host:5432",
    "mysql://:only-password@host",
    "mysql://u:p@host/?__extra__=%7B%22ssl%22%3A+%7B%22ca%22%3A+%22%2Fca.pem%22%7D%7D",
    "mysql://u:p@%2Fvar%2Frun%2FMySQL.sock/",
    "mysql://u:p@[::1]:3306/shop",
    "mysql://u:p@HOST.Example/a%2Fb?x=&y=1%2B1",
]


@pytest.fixture(autouse=True)
def nothing_else_known(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    for name in [name for name in os.environ if name.startswith(connections.ENVIRONMENT)]:
        monkeypatch.delenv(name)
    monkeypatch.delenv(connections.FILE, raising=False)
    connections.use_resolver(None)
    yield
    connections.use_resolver(None)


def as_ours(theirs: AirflowConnection) -> connections.Connection:
    return connections.Connection(
        name=theirs.conn_id,
        conn_type=theirs.conn_type or "",
        host=theirs.host or "",
        port=theirs.port,
        login=theirs.login or "",
        password=theirs.password or "",
        schema=theirs.schema or "",
        extra=theirs.extra_dejson,
    )


@pytest.mark.parametrize("uri", URIS)
def test_a_uri_says_what_airflow_reads_in_it(uri: str) -> None:
    assert connections.parse_uri("c", uri) == as_ours(AirflowConnection.from_uri(uri, conn_id="c"))


texts = strategies.text(strategies.characters(min_codepoint=32, exclude_categories=["Cs"]), min_size=1, max_size=20)


airflow_connections = strategies.builds(
    AirflowConnection,
    conn_id=strategies.just("c"),
    conn_type=strategies.just("mysql"),
    host=strategies.just("db.example"),
    login=texts,
    password=texts,
    schema=texts,
    port=strategies.integers(1, 65535),
    extra=strategies.dictionaries(texts, texts).map(json.dumps),
)


@hypothesis.given(theirs=airflow_connections)
def test_whatever_airflow_writes_is_read_back(theirs: AirflowConnection) -> None:
    assert connections.parse_uri("c", theirs.get_uri()) == as_ours(theirs)
    assert connections.parse_json("c", json.loads(theirs.as_json())) == as_ours(theirs)


@pytest.mark.parametrize("extra", [{"a": {"b": 1}}, json.dumps({"a": {"b": 1}}), None])
def test_json_says_what_airflow_reads_in_it(extra: object) -> None:
    fields = {"conn_type": "my-sql", "host": "h", "login": "u", "password": PASSWORD, "port": "3306", "extra": extra}
    theirs = as_ours(AirflowConnection.from_json(json.dumps(fields), conn_id="c"))
    assert connections.parse_json("c", fields) == theirs


def test_the_environment_comes_before_the_file(monkeypatch: pytest.MonkeyPatch, tmp_path: pathlib.Path) -> None:
    write(monkeypatch, tmp_path, {"shop": "mysql://u:p@from-file", "other": {"conn_type": "mysql", "host": "other-host"}})
    monkeypatch.setenv("AIRFLOW_CONN_SHOP", '{"conn_type": "mysql", "host": "from-environment"}')
    assert connections.resolve("shop").host == "from-environment"
    assert connections.resolve("other").host == "other-host"


def test_airflow_comes_first_and_is_passed_over_for_a_name_that_it_does_not_know(monkeypatch: pytest.MonkeyPatch) -> None:
    known = {"shop": connections.Connection("shop", host="from-airflow")}
    connections.use_resolver(known.__getitem__)
    monkeypatch.setenv("AIRFLOW_CONN_SHOP", "mysql://from-environment")
    monkeypatch.setenv("AIRFLOW_CONN_STORE", "swift://from-environment")
    assert connections.resolve("shop").host == "from-airflow"
    assert connections.resolve("store").host == "from-environment"


def test_one_file_serves_airflow_and_us(monkeypatch: pytest.MonkeyPatch, tmp_path: pathlib.Path) -> None:
    from airflow.secrets.local_filesystem import load_connections_dict

    content = {
        "uri": URIS[1],
        "fields": {"conn_type": "swift", "host": "https://swift.example", "password": PASSWORD, "extra": {"auth_version": 3}},
        "listed": [URIS[0]],
        "dejson": {"conn_type": "mysql", "host": "h", "extra_dejson": {"unix_socket": "/s"}},
    }
    path = write(monkeypatch, tmp_path, content)
    for name, theirs in load_connections_dict(str(path)).items():
        assert connections.resolve(name) == as_ours(theirs), name


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o622])
def test_a_file_that_others_can_read_is_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: pathlib.Path, mode: int) -> None:
    path = write(monkeypatch, tmp_path, {"shop": "mysql://h"})
    path.chmod(mode)
    with pytest.raises(ConfigError) as caught:
        connections.resolve("shop")
    assert "chmod 600" in caught.value.hint


def test_an_unknown_name_names_the_places_that_were_asked(monkeypatch: pytest.MonkeyPatch, tmp_path: pathlib.Path) -> None:
    path = write(monkeypatch, tmp_path, {"proven_shop": "mysql://h"})
    with pytest.raises(ConfigError) as caught:
        connections.resolve("proven_shpo")
    assert "AIRFLOW_CONN_PROVEN_SHPO" in caught.value.detail
    assert str(path) in caught.value.detail
    assert caught.value.hint == "Did you mean 'proven_shop'?"


@pytest.mark.parametrize(
    "content",
    [
        f"mysql://u:{PASSWORD}@host:x/",
        f"no uri but {PASSWORD}",
        f'{{"password": "{PASSWORD}", }}',
        {"password": PASSWORD, "hots": "h"},
        {"password": PASSWORD, "port": PASSWORD},
        {"password": PASSWORD, "extra": PASSWORD},
        ["a", PASSWORD],
        7,
    ],
)
def test_a_faulty_connection_is_refused_without_showing_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: pathlib.Path, content: object
) -> None:
    write(monkeypatch, tmp_path, {"shop": content})
    with pytest.raises(ConfigError) as caught:
        connections.resolve("shop")
    assert "p@ss" not in str(caught.value)
    assert "w/rd" not in str(caught.value)


@pytest.mark.parametrize("content", ["", "[]", "{", "\xff"])
def test_a_faulty_file_is_one_clear_error(monkeypatch: pytest.MonkeyPatch, tmp_path: pathlib.Path, content: str) -> None:
    path = write(monkeypatch, tmp_path, {})
    path.write_text(content, encoding="latin-1")
    with pytest.raises(ConfigError, match=r"connections\.json"):
        connections.resolve("shop")


def test_a_missing_file_is_one_clear_error(monkeypatch: pytest.MonkeyPatch, tmp_path: pathlib.Path) -> None:
    monkeypatch.setenv(connections.FILE, str(tmp_path / "gone.json"))
    with pytest.raises(ConfigError, match=r"gone\.json: can't read connections: no such file"):
        connections.resolve("shop")


def test_a_connection_shows_no_secret() -> None:
    shown = repr(connections.parse_uri("c", "mysql://u:hunter2@h/?ssl_key=hunter3"))
    assert "hunter" not in shown


def write(monkeypatch: pytest.MonkeyPatch, tmp_path: pathlib.Path, content: object) -> pathlib.Path:
    path = tmp_path / "connections.json"
    path.write_text(json.dumps(content))
    path.chmod(0o600)
    monkeypatch.setenv(connections.FILE, str(path))
    return path
