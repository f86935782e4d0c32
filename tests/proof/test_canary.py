"""The canary proves whose data was restored, and how old it is."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from include.proven.agent import canary
from include.proven.agent.errors import AgentError
from include.proven.agent.protocol import Endpoint
from include.proven.proof.compare import compare_canary
from tests.proof.copies import open_session
from tests.servers.databases import DatabaseServer

ID = "20261121T043512Z-full-7f3a9c01"


@pytest.fixture(autouse=True)
def no_canary(source: DatabaseServer) -> Iterator[None]:
    source.sql("DROP DATABASE IF EXISTS proven_canary")
    yield
    source.sql("DROP DATABASE IF EXISTS proven_canary")


def test_what_is_written_is_read_again(source: DatabaseServer) -> None:
    with open_session(source, source.endpoint) as session:
        assert canary.read(session) is None
        written = canary.write(session, ID)
        read = canary.read(session)
    assert written["recovery_point"] == ID
    seconds = "SELECT ABS(TIMESTAMPDIFF(SECOND, UTC_TIMESTAMP(), '{}'))"
    assert int(source.sql(seconds.format(written["written_at"].removesuffix("+00:00")))[0][0]) < 60
    check = compare_canary(written, read)
    assert (check.outcome, check.proves_data) == ("pass", False)
    assert ID in check.figure


def test_another_backup_of_the_same_server_takes_nothing_away(source: DatabaseServer) -> None:
    with open_session(source) as session:
        written = canary.write(session, ID)
        canary.write(session, "20261121T043513Z-full-00000000")
        assert compare_canary(written, canary.read(session)).outcome == "pass"


@pytest.mark.failure("C1")
def test_yesterdays_copy_is_refused(source: DatabaseServer) -> None:
    with open_session(source) as session:
        yesterday = canary.write(session, "20261120T043512Z-full-00000000")
        restored = canary.read(session)
        today = canary.write(session, ID)
    check = compare_canary(today, restored)
    assert check.outcome == "fail"
    assert check.differences == [
        f"canary: {ID}, written {today['written_at']}, was not restored;"
        f" the newest restored is {yesterday['recovery_point']}, written {yesterday['written_at']}"
    ]
    assert compare_canary(today, None).differences == ["canary: missing from the restored copy"]
    assert compare_canary({**today, "written_at": yesterday["written_at"]}, restored).outcome == "fail"


def test_a_canary_that_is_switched_off_is_no_answer() -> None:
    assert compare_canary(None, None).outcome == "could-not-run"


def test_the_newest_hundred_are_kept(source: DatabaseServer) -> None:
    with open_session(source) as session:
        for number in range(canary.KEEP + 5):
            canary.write(session, f"20261121T043512Z-full-{number:08x}")
        read = canary.read(session)
    assert read is not None
    assert len(read["rows"]) == canary.KEEP
    assert read["recovery_point"].endswith(f"{canary.KEEP + 4:08x}")
    assert source.sql("SELECT COUNT(*) FROM proven_canary.canary") == [[str(canary.KEEP)]]


def test_a_missing_privilege_is_an_error_with_the_grant_to_type(source: DatabaseServer) -> None:
    source.sql("CREATE USER mute@'127.0.0.1' IDENTIFIED BY 'x'; GRANT SELECT ON *.* TO mute@'127.0.0.1'")
    try:
        with (
            open_session(source, Endpoint(**{**source.endpoint, "user": "mute", "password": "x"})) as session,
            pytest.raises(AgentError) as caught,
        ):
            canary.write(session, ID)
    finally:
        source.sql("DROP USER mute@'127.0.0.1'")
    assert caught.value.kind == "source"
    assert "GRANT CREATE, SELECT, INSERT, DELETE ON `proven_canary`.* TO that account (mute)" in caught.value.hint
    assert "canary: false" in caught.value.hint
