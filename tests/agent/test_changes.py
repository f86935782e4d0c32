"""Definitions that change while they are dumped: the real dump has ended well, and is refused or kept by what has changed."""

from __future__ import annotations

import pathlib
import threading
import time
from collections.abc import Iterator

import pytest

from include.proven import agent_client, errors
from include.proven.agent import changes
from tests.agent import jobs
from tests.agent.jobs import Keys
from tests.agent.object_server import ObjectServer
from tests.agent.test_bad_source import with_dump
from tests.proof.copies import open_session
from tests.servers.databases import DatabaseServer

OBJECTS = """
CREATE TABLE base (id INT PRIMARY KEY, x INT);
CREATE TABLE other (id INT PRIMARY KEY);
CREATE VIEW seen AS SELECT id FROM base;
CREATE TRIGGER tr BEFORE INSERT ON other FOR EACH ROW SET NEW.id = NEW.id + 1;
CREATE PROCEDURE p() SELECT 1;
"""
TORN = {
    "DROP VIEW seen": "view {}.seen",
    "CREATE OR REPLACE VIEW seen AS SELECT id, x FROM base": "view {}.seen",
    "CREATE TABLE new (id INT); CREATE VIEW made AS SELECT id FROM new": "table {}.new, view {}.made",
    "DROP TABLE base": "table {}.base",
    "DROP TRIGGER tr": "trigger {}.tr",
    "DROP PROCEDURE p": "routine {}.p",
    "CREATE EVENT e ON SCHEDULE EVERY 1 DAY DO SELECT 1": "event {}.e",
}


@pytest.fixture
def schema(source: DatabaseServer) -> Iterator[str]:
    source.drop_schemas()
    name = source.fresh_schema()
    source.sql(OBJECTS, name)
    yield name
    source.drop_schemas()


@pytest.mark.failure("C3")
@pytest.mark.parametrize("statements", TORN)
def test_what_a_dump_may_have_torn_apart_is_named(source: DatabaseServer, schema: str, statements: str) -> None:
    with open_session(source) as session:
        before = changes.look(session, [schema])
        source.sql(statements, schema)
        with pytest.raises(changes.AgentError, match="altered while they were dumped") as caught:
            changes.require_none(before, changes.look(session, [schema]))
    assert TORN[statements].replace("{}", schema) in caught.value.detail


def test_tables_that_no_view_is_made_of_come_and_go(source: DatabaseServer, schema: str) -> None:
    with open_session(source) as session:
        before = changes.look(session, [schema])
        changes.require_none(before, changes.look(session, [schema]))
        source.sql("CREATE TABLE staging (id INT); CREATE TABLE passing (id INT); DROP TABLE passing", schema)
        changes.require_none(before, changes.look(session, [schema]))


INVALID = "dump: Couldn't execute 'SHOW FIELDS FROM `seen`': View 'x.seen' references invalid table(s) (1356)"
ENDS = {"the dump ends well": "", "a view was not there when it was dumped": f'; echo "{INVALID}" >&2; exit 2'}


@pytest.mark.failure("C3")
@pytest.mark.parametrize("end", ENDS.values(), ids=ENDS)
def test_a_backup_in_which_a_view_was_made_is_none(
    source: DatabaseServer, schema: str, objects: ObjectServer, keys: Keys, tmp_path: pathlib.Path, end: str
) -> None:
    wait = f"touch {tmp_path}/dumped; until [ -e {tmp_path}/go ]; do sleep 0.05; done"
    tools = with_dump(source, tmp_path, f'real "$@"; {wait}{end}')

    def define() -> None:
        while not (tmp_path / "dumped").exists():
            time.sleep(0.05)
        # what the snapshot has read can't be altered before it ends
        source.sql("CREATE TABLE new (id INT); CREATE VIEW made AS SELECT id FROM new", schema)
        (tmp_path / "go").touch()

    hand = threading.Thread(target=define)
    hand.start()
    job = jobs.backup_job(source.endpoint, tools, keys)
    with pytest.raises(errors.SourceError, match="altered while they were dumped"):
        agent_client.run(job, signer=objects.signer)
    hand.join()
