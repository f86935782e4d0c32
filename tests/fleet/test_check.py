"""`check` tells what is wrong with the file; live, also what is wrong with what it names, against the real things."""

from __future__ import annotations

import json
import pathlib
from collections.abc import Callable

import pytest

from include.proven.demo.keys import DemoKeys
from include.proven.fleet.check import check
from tests.servers.pager import ROUTING_KEY
from tests.servers.swift import Swift

FLEET = """\
version: 1
gnupg:
  home: {home}
  recipients: [backup@proven.invalid, escrow@proven.invalid]
  signer: backup@proven.invalid
stores:
  swift: {{kind: swift, connection: swift, container: {container}}}
sandboxes:
  local: {{kind: local}}
pages:
  routes:
    oncall: {{kind: pagerduty, connection: pagerduty}}
databases:
  shop:
    connection: shop
    engine: mariadb
    schedule: null
    objectives: {{rpo: 1d, rto: 1h}}
    stores: [swift]
    sandbox: local
    owner: shop-team
    contacts: [oncall]
"""

Write = Callable[..., pathlib.Path]


@pytest.fixture
def write(tmp_path: pathlib.Path, gpg_home: DemoKeys, swift: Swift, monkeypatch: pytest.MonkeyPatch) -> Write:
    """Write a fleet that is well, and its connections; `old=new` texts make it ill."""
    stored = swift.connection()
    names = {
        "swift": {"host": stored.host, "login": stored.login, "password": stored.password},
        "pagerduty": {"password": ROUTING_KEY},
        "shop": {"host": "db.example"},
    }

    def write(*changes: tuple[str, str], container: str = "check", **connections: object) -> pathlib.Path:
        text = FLEET.format(home=gpg_home.home, container=container)
        for old, new in changes:
            assert old in text
            text = text.replace(old, new)
        (tmp_path / "fleet.yaml").write_text(text)
        known = {name: content for name, content in (names | connections).items() if content is not None}
        (tmp_path / "connections.json").write_text(json.dumps(known))
        (tmp_path / "connections.json").chmod(0o600)
        monkeypatch.setenv("PROVEN_CONNECTIONS", str(tmp_path / "connections.json"))
        return tmp_path / "fleet.yaml"

    return write


def test_a_fleet_that_is_well_has_no_faults(write: Write) -> None:
    assert check(write(), live=True) == []


def test_without_live_nothing_is_asked(write: Write) -> None:
    assert check(write(swift=None, pagerduty=None, shop=None)) == []


def test_a_faulty_file_is_not_tried(write: Write) -> None:
    (fault,) = check(write(("engine: mariadb", "engine: maria")), live=True)
    assert fault.where == "databases.shop.engine"


def test_everything_that_does_not_work_is_told_at_once_with_its_line(write: Write, swift: Swift) -> None:
    wrong = {"host": swift.connection().host, "login": swift.connection().login, "password": "wrong"}
    path = write(
        ("escrow@proven.invalid", "nobody@proven.invalid"),
        ("signer: backup@", "signer: stranger@"),
        ("version: 1", "version: 1\ntools: [no-such-directory]"),
        swift=wrong,
        pagerduty={"password": "short"},
        shop=None,
    )
    faults = check(path, live=True)
    assert [(fault.line, fault.where) for fault in faults] == [
        (2, "tools[0]"),
        (5, "gnupg.recipients"),
        (6, "gnupg.signer"),
        (8, "stores.swift"),
        (13, "pages.routes.oncall"),
        (16, "databases.shop.connection"),
    ]
    assert "wrong" not in "".join(map(str, faults))
    assert all(fault.hint for fault in faults)


def test_backups_that_nobody_here_can_read_are_told(write: Write) -> None:
    """The escrow's private half lies in a safe."""
    (fault,) = check(write(("[backup@proven.invalid, escrow@", "[escrow@")), live=True)
    assert fault.where == "gnupg.home"
    assert "no private key" in fault.what


def test_a_store_that_does_not_answer_is_told(write: Write) -> None:
    unreachable = {"host": "http://127.0.0.1:9/auth/v1.0", "login": "u", "password": "p"}
    (fault,) = check(write(swift=unreachable), live=True)
    assert fault.where == "stores.swift"


def test_faults_of_the_databases_own_checks_are_told_with_file_and_line(write: Write) -> None:
    path = write()
    folder = path.parent / "checks" / "shop"
    folder.mkdir(parents=True)
    (fault,) = check(path)
    assert (fault.file, fault.line) == (str(folder), 0)
    assert "no check in this folder" in fault.what

    (folder / "a.sql").write_text("-- name: fine\nSELECT 1 FROM shop.orders")
    assert check(path, live=True) == []

    (folder / "b.sql").write_text("-- name: typo\n-- expect: rows is 0\nSELECT id FROM shop.orders")
    (folder / "c.yaml").write_text("checks:\n  - {kind: value_check, name: n, sql: SELECT 1 FROM t, pas_value: 1}")
    faults = check(path, live=True)
    assert [(pathlib.PurePath(fault.file).name, fault.line) for fault in faults] == [("b.sql", 2), ("c.yaml", 2), ("c.yaml", 2)]
    assert faults[1].hint == "Did you mean 'pass_value'?"
