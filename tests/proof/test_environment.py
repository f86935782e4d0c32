"""A sandbox whose server is not as the source was can't judge: its drill is unproven, and the setting is named."""

from __future__ import annotations

from typing import Any, Literal

import pytest

from include.proven.agent import server
from include.proven.manifest import Server
from include.proven.proof.environment import compare_servers
from tests.proof.copies import open_session
from tests.servers.databases import DatabaseServer

SETTINGS = {
    "sql_mode": "STRICT_TRANS_TABLES,ONLY_FULL_GROUP_BY",
    "lower_case_table_names": "0",
    "collation_server": "utf8mb4_general_ci",
    "time_zone": "SYSTEM",
    "system_time_zone": "UTC",
    "max_allowed_packet": "16777216",
}


def a_source(version: str = "10.11.6-MariaDB", flavour: Literal["mariadb", "mysql"] = "mariadb", **settings: str) -> Server:
    return Server(flavour=flavour, version=version, identity="x", hostname="db", settings={**SETTINGS, **settings})


def a_sandbox(version: str = "10.11.6-MariaDB", **settings: str) -> dict[str, Any]:
    return {"version": version, "settings": {**SETTINGS, **settings}}


def test_a_server_is_like_itself(source: DatabaseServer) -> None:
    with open_session(source) as session:
        described = server.describe(session)
    check = compare_servers(Server.model_validate(described), described)
    assert (check.outcome, check.not_covered, check.proves_data) == ("pass", [], False)
    assert check.figure.startswith(f"{source.flavour} {described['version']}; ")
    assert int(check.figure.split("; ")[1].split()[0]) >= 9


@pytest.mark.failure("C4")
@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("sql_mode", "'ANSI_QUOTES'"),
        ("collation_server", "'latin2_bin'"),
        ("character_set_server", "'latin2'"),
        ("default_storage_engine", "'MyISAM'"),
    ],
)
def test_a_setting_that_differs_is_named_and_proves_nothing(source: DatabaseServer, name: str, value: str) -> None:
    (before,) = source.sql(f"SELECT @@GLOBAL.{name}")
    with open_session(source) as session:
        described = server.describe(session)
        session.execute(f"SET GLOBAL {name} = {value}")
        try:
            found = server.describe(session)
        finally:
            collation = described["settings"]["collation_server"]
            source.sql(f"SET GLOBAL {name} = '{before[0]}'; SET GLOBAL collation_server = '{collation}'")
    check = compare_servers(Server.model_validate(described), found)
    assert check.outcome == "could-not-run"
    assert f"{name}: {before[0]} on the source, {value.strip(chr(39))} here" in check.differences
    assert name in check.figure
    assert check.hint


@pytest.mark.parametrize(
    ("source", "sandbox", "line"),
    [
        (a_source(), a_sandbox(lower_case_table_names="1"), "lower_case_table_names: 0 on the source, 1 here"),
        (a_source(old_mode="UTF8_IS_UTF8MB3"), a_sandbox(), "old_mode: UTF8_IS_UTF8MB3 on the source, unknown here"),
        (a_source(time_zone="+02:00"), a_sandbox(), "time_zone: +02:00 on the source, UTC here"),
        (a_source("10.6.18-MariaDB"), a_sandbox(), "version: 10.6.18-MariaDB on the source, 10.11.6-MariaDB here"),
        (a_source("9.7.4", "mysql"), a_sandbox(), "version: 9.7.4 on the source, 10.11.6-MariaDB here"),
    ],
)
def test_what_decides_how_sql_is_understood_must_be_alike(source: Server, sandbox: dict[str, Any], line: str) -> None:
    check = compare_servers(source, sandbox)
    assert (check.outcome, check.differences) == ("could-not-run", [line])


@pytest.mark.parametrize(
    "sandbox",
    [
        a_sandbox(sql_mode="ONLY_FULL_GROUP_BY,STRICT_TRANS_TABLES"),
        a_sandbox(max_allowed_packet="1073741824"),
        a_sandbox(time_zone="+00:00", system_time_zone="CET"),
        a_sandbox(innodb_strict_mode="ON"),
    ],
)
def test_what_means_the_same_is_no_difference(sandbox: dict[str, Any]) -> None:
    check = compare_servers(a_source(), sandbox)
    assert (check.outcome, check.not_covered) == ("pass", [])


def test_another_patch_level_passes_and_is_told() -> None:
    check = compare_servers(a_source(), a_sandbox("10.11.19-MariaDB-0+deb12u1"))
    assert check.outcome == "pass"
    assert check.figure == "mariadb 10.11.6-MariaDB on the source, 10.11.19-MariaDB-0+deb12u1 here; 3 settings alike"


@pytest.mark.parametrize("zone", [{"time_zone": "Europe/Berlin"}, {"system_time_zone": "CET"}])
def test_a_time_zone_by_name_is_told_and_keeps_nobody_from_proving(zone: dict[str, str]) -> None:
    check = compare_servers(a_source(**zone), a_sandbox())
    assert check.outcome == "pass"
    (sentence,) = check.not_covered
    assert next(iter(zone.values())) in sentence
