"""What a machine is told: whatever settings, names and packages hold, it stays the document that it is, and holds no secret."""

from __future__ import annotations

import dataclasses
import pathlib
import subprocess
from typing import Any

import hypothesis
import pytest
import yaml
from hypothesis import strategies

from include.proven import engines
from include.proven.errors import SandboxError
from include.proven.manifest import Server
from include.proven.sandboxes import user_data
from include.proven.sandboxes.one_time_keys import OneTimeKeys
from tests.sandboxes.kinds import a_server

KEYS = OneTimeKeys("the-seed-of-the-keys", "yard")
HOST, USER = KEYS.derive("host", "proven-x"), KEYS.derive("user", "proven-x")
GIBIBYTE = 1024**3
NAMES = ["sql_mode", "lower_case_table_names", "character_set_server", "collation_server", "time_zone", "innodb_page_size"]
EC2_LIMIT = 16384


def a_recipe(server: Server, **changes: Any) -> user_data.Recipe:
    recipe = user_data.Recipe(engines.engine(server.flavour), server, 1000, 2 * GIBIBYTE, "debian", ["mariadb-server"])
    return dataclasses.replace(recipe, **changes)


def parsed(recipe: user_data.Recipe) -> tuple[dict[str, Any], dict[str, str]]:
    """Return the document and its files."""
    document = yaml.safe_load(user_data.render(recipe, HOST, USER.public))
    return document, {file["path"]: file["content"] for file in document["write_files"]}


@pytest.mark.parametrize("flavour", ["mariadb", "mysql"])
def test_document_sets_keys_login_and_database_and_nothing_else(flavour: Any) -> None:
    document, files = parsed(a_recipe(a_server(flavour, sql_mode="ANSI_QUOTES")))
    assert document["ssh_deletekeys"] is True
    assert document["ssh_pwauth"] is False
    assert document["ssh_keys"] == {"ed25519_private": HOST.private, "ed25519_public": HOST.public}
    (user,) = document["users"]
    assert user == {
        "name": "debian",
        "ssh_authorized_keys": [USER.public],
        "lock_passwd": True,
        "sudo": "ALL=(ALL) NOPASSWD:ALL",
    }
    assert document["runcmd"] == [["sh", user_data.PLACE.start]]
    options = files[user_data.PLACE.options].splitlines()
    scheduler = {"mariadb": "event-scheduler=OFF", "mysql": "event-scheduler=DISABLED"}[flavour]
    replication = {"mariadb": "skip-slave-start", "mysql": "skip-replica-start"}[flavour]
    assert {"skip-networking", "skip-log-bin", "local-infile=0", "sql-mode=ANSI_QUOTES", scheduler, replication} <= {*options}
    assert document["packages"] == ["mariadb-server"]
    assert files["/usr/sbin/policy-rc.d"].endswith("exit 101\n"), "a package's own server is not started"


def test_root_may_be_the_login_and_packages_may_be_none() -> None:
    document, files = parsed(a_recipe(a_server("mariadb"), user="root", packages=[]))
    assert document["users"] == [{"name": "root", "ssh_authorized_keys": [USER.public], "lock_passwd": False}]
    assert document["disable_root"] is False
    assert not {"packages", "package_update"} & set(document)
    assert "/usr/sbin/policy-rc.d" not in files


@pytest.mark.parametrize(
    ("memory", "data", "pool"),
    [(2 * GIBIBYTE, 1000, 256), (GIBIBYTE, 10**12, 512), (64 * GIBIBYTE, 10 * GIBIBYTE, 10240), (0, 0, 128)],
)
def test_buffer_pool_is_as_large_as_the_data_and_at_most_half_of_the_memory(memory: int, data: int, pool: int) -> None:
    _, files = parsed(a_recipe(a_server("mariadb"), memory_bytes=memory, data_bytes=data))
    last = [line for line in files[user_data.PLACE.options].splitlines() if line.startswith("innodb-buffer-pool-size")][-1]
    assert last == f"innodb-buffer-pool-size={pool}M"


@hypothesis.given(
    flavour=strategies.sampled_from(["mariadb", "mysql"]),
    settings=strategies.dictionaries(strategies.sampled_from(NAMES), strategies.text()),
    user=strategies.text(min_size=1).filter(lambda text: text != "root"),
    packages=strategies.lists(strategies.text(), min_size=1),
)
@hypothesis.example("mysql", {"sql_mode": "ANSI\nskip-grant-tables"}, "x", ["y"])
@hypothesis.example("mariadb", {}, 'x"\nruncmd: [evil]', ["]\nruncmd: [evil]", "\x85\u2028\U0001f600\x7f\x00 #"])
@hypothesis.settings(deadline=None)
def test_hostile_words_stay_what_they_are(flavour: Any, settings: dict[str, str], user: str, packages: list[str]) -> None:
    """A setting is refused or is one line of the options; a name or a package is one text of the document."""
    plain, plain_files = parsed(a_recipe(a_server(flavour), packages=["p"]))
    try:
        document, files = parsed(a_recipe(a_server(flavour, **settings), user=user, packages=packages))
    except SandboxError:
        return
    assert document.keys() == plain.keys()
    assert document["runcmd"] == plain["runcmd"]
    assert document["users"] == [{**plain["users"][0], "name": user}]
    assert document["packages"] == packages
    assert files.keys() == plain_files.keys()
    more = set(files[user_data.PLACE.options].splitlines()) - set(plain_files[user_data.PLACE.options].splitlines())
    allowed = {f"{name.replace('_', '-')}={value}" for name, value in settings.items()}
    assert more <= allowed | {f"default-time-zone={settings.get('time_zone')}"}


@pytest.mark.parametrize("option", ["--a=b\nc", "a", "--a=b c", "--A=b", "--a='b'"])
def test_option_that_is_more_than_one_is_refused(option: str) -> None:
    with pytest.raises(SandboxError, match="can't be written"):
        user_data.write_options([option])


@pytest.mark.parametrize("flavour", ["mariadb", "mysql"])
def test_program_is_one_that_a_plain_shell_takes(flavour: Any, tmp_path: pathlib.Path) -> None:
    _, files = parsed(a_recipe(a_server(flavour)))
    done = subprocess.run(["sh", "-n"], input=files[user_data.PLACE.start], text=True, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("flavour", ["mariadb", "mysql"])
def test_it_fits_into_what_every_cloud_takes(flavour: Any) -> None:
    whole = dict.fromkeys(NAMES, "x" * 64) | {"time_zone": "+02:00"}
    assert len(user_data.render(a_recipe(a_server(flavour, **whole)), HOST, USER.public)) < EC2_LIMIT


def test_no_secret_is_in_it_but_the_host_key_that_dies_with_the_machine() -> None:
    text = user_data.render(a_recipe(a_server("mariadb")), HOST, USER.public)
    assert text.count("PRIVATE KEY") == 2, "the beginning and the end of one"
    assert HOST.private.splitlines()[4] in text
    assert USER.private.splitlines()[4] not in text
    assert "the-seed-of-the-keys" not in text
