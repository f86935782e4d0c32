"""What every kind of sandbox promises (`include/proven/sandboxes/contract.py`), on real MariaDB and real MySQL."""

from __future__ import annotations

import concurrent.futures
import datetime
import pathlib
import subprocess
import sys
import time

import pytest

from include.proven.errors import SandboxError
from include.proven.manifest import Server
from include.proven.sandboxes.contract import Order, SandboxFullError
from tests.sandboxes.kinds import Case, a_server, ask

NAME = "proven-20261121t043600z-drill-1c9e22ab"
OTHER = NAME[:-1]
"""Not another drill's name by chance: a name of which ours is a continuation must be left alone."""
ROOT = pathlib.Path(__file__).parents[2]
CREATE = """
import pathlib, sys, time
from include.proven.sandboxes.contract import Order
from tests.sandboxes.kinds import KINDS, a_server
kind, directory, flavour, name, *path = sys.argv[1:]
KINDS[kind](pathlib.Path(directory), [pathlib.Path(one) for one in path]).create(Order(name, a_server(flavour), 1000))
print("created", flush=True)
time.sleep(600)
"""


def test_create_returns_a_server_of_the_flavour_that_answers_and_whose_log_agents_can_read(case: Case) -> None:
    case.create(NAME)
    version = case.ask(NAME, "SELECT VERSION()")[0][0]
    assert ("MariaDB" in version) == (case.flavour == "mariadb")
    log = case.read_log(NAME)
    assert log["lines"] > 3
    assert (log["corruption"], log["crashes"]) == ([], [])


def test_creating_a_name_again_returns_the_one_that_is_there(case: Case) -> None:
    first = case.create(NAME)
    case.ask(NAME, "CREATE DATABASE seen")
    instance = case.sandbox.instance(NAME)
    instance.host.close()
    assert case.create(NAME) == first == instance.endpoint
    assert ["seen"] in case.ask(NAME, "SHOW DATABASES")
    assert [found.name for found in case.sandbox.find()] == [NAME]


def test_destroy_leaves_nothing_and_a_second_finds_nothing(case: Case) -> None:
    case.create(NAME)
    assert case.sandbox.destroy(NAME) is True
    assert case.sandbox.destroy(NAME) is False
    assert list(case.sandbox.find()) == []
    with pytest.raises(SandboxError, match="there is no"):
        case.sandbox.instance(NAME)


def test_what_was_ordered_and_never_waited_for_is_found_and_destroyed(case: Case) -> None:
    case.sandbox.create(case.order(NAME))
    assert [found.name for found in case.sandbox.find()] == [NAME]
    assert case.sandbox.destroy(NAME) is True
    assert list(case.sandbox.find()) == []


def test_builder_that_is_killed_between_create_and_ready_leaves_what_find_and_destroy_know(case: Case) -> None:
    argv = [sys.executable, "-c", CREATE, case.kind, str(case.directory), case.flavour, NAME, *map(str, case.path)]
    child = subprocess.Popen(argv, cwd=ROOT, stdout=subprocess.PIPE)
    assert child.stdout is not None
    assert child.stdout.readline() == b"created\n"
    child.kill()
    child.wait()
    child.stdout.close()
    assert [found.name for found in case.sandbox.find()] == [NAME]
    assert case.sandbox.destroy(NAME) is True
    assert list(case.sandbox.find()) == []


def test_of_many_that_ask_at_once_as_many_are_built_as_may_be(case: Case) -> None:
    def create(number: int) -> str:
        try:
            case.reopen(at_once=2).create(case.order(f"{NAME[:-1]}{number}"))
        except SandboxFullError:
            return "full"
        return "built"

    with concurrent.futures.ThreadPoolExecutor() as pool:
        assert sorted(pool.map(create, range(4))) == ["built", "built", "full", "full"]
    assert len(list(case.sandbox.find())) == 2
    with pytest.raises(SandboxFullError):
        case.reopen(at_once=2).create(case.order(NAME))


def test_way_from_here_leads_to_the_database_and_ends_with_its_context(case: Case) -> None:
    case.create(NAME)
    case.ask(NAME, "CREATE DATABASE s; CREATE TABLE s.t (b LONGBLOB)")
    with case.sandbox.reach(NAME) as endpoint:
        ask(case.flavour, endpoint, case.path, f"INSERT s.t VALUES (REPEAT('x', 5000000)), ('{'y' * 5_000_000}')")
        with concurrent.futures.ThreadPoolExecutor() as pool:
            answers = pool.map(
                lambda letter: ask(case.flavour, endpoint, case.path, f"SELECT REPEAT('{letter}', 5000000)"), "abc"
            )
            assert list(answers) == [[[letter * 5_000_000]] for letter in "abc"]
    if case.kind != "local":
        assert not pathlib.Path(endpoint.socket).exists()
    assert case.ask(NAME, "SELECT SUM(LENGTH(b)) FROM s.t") == [["10000000"]]


def test_destroy_matches_names_exactly(case: Case) -> None:
    case.create(NAME)
    assert case.sandbox.destroy(OTHER) is False
    case.sandbox.instance(NAME).host.close()


def test_find_lists_whole_sandboxes_with_their_lifetime(case: Case) -> None:
    before = datetime.datetime.now(datetime.UTC)
    case.create(NAME)
    (found,) = case.sandbox.find()
    assert found.name == NAME
    assert before <= found.created_at <= datetime.datetime.now(datetime.UTC)
    assert found.expires_at - found.created_at == datetime.timedelta(hours=12)


@pytest.mark.failure("C9")
def test_nothing_runs_by_itself_and_nothing_is_logged_for_replicas(case: Case) -> None:
    case.create(NAME)
    scheduler = {"mariadb": "OFF", "mysql": "DISABLED"}[case.flavour]
    assert case.ask(NAME, "SELECT @@log_bin, @@event_scheduler, @@local_infile") == [["0", scheduler, "0"]]
    replication = "SHOW ALL SLAVES STATUS" if case.flavour == "mariadb" else "SHOW REPLICA STATUS"
    assert case.ask(NAME, replication) == []


@pytest.mark.failure("C9")
def test_events_of_the_source_are_kept_and_do_not_fire(case: Case) -> None:
    case.create(NAME)
    case.ask(NAME, "CREATE DATABASE s; CREATE TABLE s.t (i INT)")
    case.ask(NAME, "CREATE EVENT s.e ON SCHEDULE EVERY 1 SECOND DO INSERT s.t VALUES (1)")
    time.sleep(2.5)
    assert case.ask(NAME, "SELECT event_name FROM information_schema.events; SELECT COUNT(*) FROM s.t") == [["e"], ["0"]]


def test_no_account_but_root_by_socket_is_there_at_first(case: Case) -> None:
    case.create(NAME)
    accounts = case.ask(NAME, "SELECT user, host FROM mysql.user WHERE user NOT LIKE 'm%.%'")
    assert accounts == [["root", "localhost"]]


@pytest.mark.failure("C4")
def test_settings_of_the_source_hold_in_the_sandbox(case: Case) -> None:
    case.create(
        NAME,
        sql_mode="ANSI_QUOTES,NO_ENGINE_SUBSTITUTION",
        lower_case_table_names="1",
        character_set_server="latin1",
        collation_server="latin1_german2_ci",
        time_zone="+02:00",
        explicit_defaults_for_timestamp="0",
    )
    names = "sql_mode lower_case_table_names character_set_server collation_server time_zone explicit_defaults_for_timestamp"
    (row,) = case.ask(NAME, "SELECT " + ", ".join(f"@@GLOBAL.{name}" for name in names.split()))
    assert row == ["ANSI_QUOTES,NO_ENGINE_SUBSTITUTION", "1", "latin1", "latin1_german2_ci", "+02:00", "0"]


@pytest.mark.parametrize(
    "wrong",
    [a_server("mariadb", "10.6.20-MariaDB"), a_server("mysql", "8.0.40"), a_server("mariadb", "9.7.4-MariaDB")],
    ids=lambda server: server.version,
)
def test_other_series_leaves_the_drill_unproven_and_says_so(case: Case, wrong: Server) -> None:
    with pytest.raises(SandboxError, match=rf"the source was (MariaDB|MySQL) {wrong.version}") as caught:
        case.sandbox.create(Order(NAME, wrong, 1000))
    assert caught.value.verdict == "unproven"
    assert caught.value.hint
    assert list(case.sandbox.find()) == []


@pytest.mark.failure("C5")
def test_no_space_is_found_out_before_anything_is_built(case: Case) -> None:
    with pytest.raises(SandboxError, match=r"no space for the sandbox in .*: needs [0-9,.]{7,} GB.*, has ") as caught:
        case.create(NAME, data_bytes=10**15)
    assert caught.value.verdict == "unproven"
    assert list(case.sandbox.find()) == []


def test_setting_that_a_manifest_cannot_hold_builds_nothing(case: Case) -> None:
    with pytest.raises(SandboxError, match="setting sql_mode"):
        case.create(NAME, sql_mode="x --skip-grant-tables")
    assert list(case.sandbox.find()) == []


@pytest.mark.parametrize("name", ["", "..", "proven-../x", "shop", "proven-X", "proven-a/b"])
def test_name_that_is_none_of_ours_is_refused(case: Case, name: str) -> None:
    with pytest.raises(SandboxError, match="is no name of a sandbox"):
        case.sandbox.destroy(name)
