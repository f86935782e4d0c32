"""Somebody says that he is at it, and what he says is kept, signed."""

from __future__ import annotations

import getpass
import json

import pytest

from include.proven.cli import main
from include.proven.errors import ConfigError
from include.proven.fleet.pages import FLEET
from include.proven.pages import acknowledging
from tests.pages.ledgers import Desk, backup_failed


def test_the_first_who_acknowledges_stays_the_owner(desk: Desk) -> None:
    desk.send(backup_failed())
    for name in ("alice", "bob"):
        acknowledging.acknowledge(desk.open(), "shop", "backup-failed", name)
    (record,) = desk.records("acknowledged")
    assert json.loads(record.read_bytes())["by"] == "alice"


@pytest.mark.parametrize(
    ("database", "key", "hint"),
    [
        ("shop", "backup-faild", "Did you mean 'backup-failed'?"),
        ("crm", "backup-failed", "There are no open pages of crm yet."),
        ("shp", "backup-failed", "Did you mean 'shop'?"),
    ],
)
def test_what_is_not_open_cannot_be_acknowledged(desk: Desk, database: str, key: str, hint: str) -> None:
    desk.send(backup_failed())
    with pytest.raises(ConfigError) as caught:
        acknowledging.acknowledge(desk.open(), database, key, "alice")
    assert caught.value.hint == hint


def test_a_page_about_one_thing_or_about_no_database(desk: Desk) -> None:
    desk.send(backup_failed(kind="sandbox-leaked", thing="local"))
    desk.send(backup_failed(kind="page-test", database=FLEET))
    acknowledging.acknowledge(desk.open(), "shop", "sandbox-leaked/local", "alice")
    acknowledging.acknowledge(desk.open(), FLEET, "page-test", "alice")
    assert len(desk.records("acknowledged")) == 2


@pytest.mark.parametrize("page", ["shop/backup-failed", "proven/shop/backup-failed"])
def test_the_command_takes_the_name_that_people_see(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], page: str
) -> None:
    monkeypatch.setattr("include.proven.installation.open_installation", desk.open)
    desk.send(backup_failed())
    assert main.main(["acknowledge", page]) == 0
    assert "shop/backup-failed is acknowledged" in capsys.readouterr().out
    incident = desk.open_page()
    assert incident is not None
    assert incident.acknowledged_by == getpass.getuser()
    assert main.main(["acknowledge", "shop"]) == 2
