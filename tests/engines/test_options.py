"""Settings and versions from a manifest become options only where that is safe."""

from __future__ import annotations

import pathlib
from typing import Literal

import pytest

from include.proven.engines import engine
from include.proven.errors import ConfigError, SandboxError
from include.proven.manifest import Server

SOCKET = pathlib.Path("/x/run/s")
DATADIR = pathlib.Path("/x/data")


def serve(flavour: str, **settings: str) -> list[str]:
    return engine(flavour).serve(DATADIR, SOCKET, settings, ["--last"])


def server(flavour: Literal["mariadb", "mysql"], version: str) -> Server:
    return Server(flavour=flavour, version=version, identity="", hostname="", settings={})


@pytest.mark.parametrize("flavour", ["mariadb", "mysql"])
@pytest.mark.parametrize("value", ["a b", "x;y", "$(id)", "../..\n", "'", "é"])
def test_value_that_no_setting_can_have_is_refused(flavour: str, value: str) -> None:
    with pytest.raises(SandboxError, match="setting sql_mode"):
        serve(flavour, sql_mode=value)


@pytest.mark.parametrize("flavour", ["mariadb", "mysql"])
def test_settings_are_taken_over_and_ours_come_last(flavour: str) -> None:
    argv = serve(flavour, sql_mode="ANSI_QUOTES,STRICT_ALL_TABLES", time_zone="+02:00", hostname="never an option")
    assert "--sql-mode=ANSI_QUOTES,STRICT_ALL_TABLES" in argv
    assert "--default-time-zone=+02:00" in argv
    assert not [argument for argument in argv if "never" in argument]
    assert argv[-1] == "--last"


@pytest.mark.parametrize("flavour", ["mariadb", "mysql"])
@pytest.mark.parametrize("zone", ["SYSTEM", "Europe/Berlin", ""])
def test_zone_by_name_is_left_out(flavour: str, zone: str) -> None:
    assert not [argument for argument in serve(flavour, time_zone=zone) if "time-zone" in argument]


@pytest.mark.parametrize(
    ("flavour", "dumped", "program", "same"),
    [
        ("mariadb", "10.11.19-MariaDB-0+deb12u1", "10.11.6-MariaDB", True),
        ("mariadb", "10.6.20-MariaDB-log", "10.11.19-MariaDB", False),
        ("mariadb", "11.4.2-MariaDB", "11.8.1-MariaDB", False),
        ("mariadb", "10.11.19-MariaDB", "10.11.19", False),
        ("mysql", "9.7.1", "9.7.4-2", True),
        ("mysql", "8.0.40", "8.4.3", False),
        ("mysql", "8.0.40-31", "8.0.36-0ubuntu0.22.04.1", True),
        ("mysql", "10.11.19", "10.11.19-MariaDB", False),
        ("mysql", "nonsense", "nonsense", False),
    ],
)
def test_series_is_flavour_and_first_two_numbers(
    flavour: Literal["mariadb", "mysql"], dumped: str, program: str, same: bool
) -> None:
    assert engine(flavour).same_series(server(flavour, dumped), program) is same


def test_dump_of_one_flavour_is_not_judged_by_the_other() -> None:
    assert not engine("mysql").same_series(server("mariadb", "9.7.4-MariaDB"), "9.7.4")


def test_unknown_engine_is_named() -> None:
    with pytest.raises(ConfigError, match="no engine 'oracle'"):
        engine("oracle")


@pytest.mark.parametrize("flavour", ["mariadb", "mysql"])
def test_no_tool_reads_the_machines_own_option_files(flavour: str) -> None:
    tools = engine(flavour).tools()
    assert tools.dump[1] == tools.client[1] == "--defaults-file={defaults}"
    assert {engine(flavour).initialise(DATADIR, {})[1], serve(flavour)[1], tools.version[1]} == {"--no-defaults"}
