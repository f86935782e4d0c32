"""A chain of pieces holds exactly as far as every link of it is there, once, and in its place."""

from __future__ import annotations

import datetime
import itertools
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from include.proven.binlogs import continuity
from include.proven.catalog.binlogs import Segment
from include.proven.errors import ConfigError, IntegrityError
from include.proven.manifest import Artifact, Lock, Manifest, Position
from tests.proof import histories

NOON = histories.NOON
ARTIFACT = Artifact(name="a", role="binlog", bytes=1, sha256="", plain_bytes=1, plain_sha256="", end_marker="", parts=[])


def piece(file: int, start: int, end: int, minute: int, *, last: bool = False, **changes: Any) -> Segment:
    known: dict[str, Any] = {
        "database": "shop",
        "server": "uid-1",
        "file": f"mysql-bin.{file:06}",
        "start": start,
        "end": end,
        "rotated": last,
        "next_file": f"mysql-bin.{file + 1:06}" if last else "",
        "first_event_at": None,
        "last_event_at": None,
        "complete_to": NOON + datetime.timedelta(minutes=minute),
        "artifact": ARTIFACT,
    }
    return Segment.model_validate(known | changes)


def taken(file: str = "mysql-bin.000007", offset: int = 150, **changes: Any) -> Manifest:
    return histories.taken(0, position=Position(file=file, offset=offset, gtid=""), **changes)


LOG = [
    piece(7, 0, 100, 1),
    piece(7, 100, 300, 2),
    piece(7, 300, 400, 3, last=True),
    piece(8, 0, 250, 4, last=True, next_file=""),
    piece(9, 0, 100, 5),
    piece(9, 100, 200, 6),
]


def minute(number: int) -> datetime.datetime:
    return NOON + datetime.timedelta(minutes=number)


def test_a_moment_needs_the_pieces_that_are_complete_up_to_it() -> None:
    chain = continuity.follow(taken(), reversed(LOG))
    assert (chain.segments, chain.broken, chain.complete_to) == (LOG, None, minute(6))
    # all of that second was committed for certain only when a later one is known to be complete
    assert continuity.until_moment(chain, minute(3) - datetime.timedelta(seconds=1)) == LOG[:3]
    assert continuity.until_moment(chain, minute(3)) == LOG[:4]
    with pytest.raises(ConfigError, match=r"end at 2026-.* UTC"):
        continuity.until_moment(chain, minute(6))


def test_a_position_needs_what_lies_before_it() -> None:
    chain = continuity.follow(taken(), LOG)
    assert continuity.until_position(chain, Position(file="mysql-bin.000009", offset=100)) == LOG[:5]
    with pytest.raises(
        IntegrityError, match=r"000009 up to offset 201 is missing: after mysql-bin\.000009 offset 200 there is"
    ):
        continuity.until_position(chain, Position(file="mysql-bin.000009", offset=201))


def test_what_lies_before_the_recovery_point_is_not_asked_for() -> None:
    older = [piece(3, 50, 90, -9), piece(5, 0, 90, -5)]
    assert continuity.follow(taken(), [*older, *LOG]).segments == LOG


BROKEN = {
    "a piece in the middle": ([LOG[0], *LOG[2:]], "mysql-bin.000007 from offset 100 to 300 is missing"),
    "the end of a file": ([*LOG[:2], *LOG[3:]], "the end of mysql-bin.000007, from offset 300 on, is missing"),
    "a file that was named": ([*LOG[:3], *LOG[4:]], "mysql-bin.000008 is missing: mysql-bin.000007 is followed by"),
    "a file that was not named": ([*LOG[:4], piece(10, 0, 9, 5)], "between mysql-bin.000008 and mysql-bin.000010 a file"),
    "the beginning of a file": ([*LOG[:4], LOG[5]], "mysql-bin.000009 from offset 0 to 100 is missing"),
    "two that overlap": ([*LOG[:2], piece(7, 200, 300, 2), *LOG[2:]], "from offset 200 to 300 overlaps"),
    "one behind the end": ([*LOG[:3], piece(7, 400, 500, 3), *LOG[3:]], "from offset 400 to 500 lies behind the end"),
}  # fmt: skip


@pytest.mark.parametrize("case", BROKEN)
def test_a_broken_link_is_named_with_the_newest_moment_before_it(case: str) -> None:
    segments, words = BROKEN[case]
    manifest = taken(offset=50)
    chain = continuity.follow(manifest, segments)
    assert chain.broken is not None
    assert words in chain.broken.what
    assert f"{chain.complete_to:%Y-%m-%d %H:%M:%S} UTC" in chain.broken.hint
    before = chain.complete_to - continuity.RESOLUTION
    assert continuity.until_moment(chain, before)  # what lies before the link can still be reached
    for ask in (lambda: continuity.until_moment(chain, chain.complete_to), lambda: continuity.whole(chain)):
        with pytest.raises(IntegrityError) as caught:
            ask()
        assert caught.value is chain.broken


@pytest.mark.parametrize("segments", [[], LOG[1:], LOG[3:], LOG[:1]])
def test_a_log_that_does_not_reach_the_recovery_point_is_no_chain(segments: list[Segment]) -> None:
    with pytest.raises(IntegrityError, match=r"mysql-bin\.000007"):
        continuity.follow(taken(), segments)


def test_positions_of_another_server_mean_nothing() -> None:
    with pytest.raises(IntegrityError, match="from offset 0 to 250 is of server uid-2"):
        continuity.follow(taken(), [*LOG[:3], LOG[3].model_copy(update={"server": "uid-2"})])


def test_without_an_exact_position_nothing_can_be_replayed() -> None:
    unlocked = Lock(kind="none", waited_seconds=0, held_seconds=0)
    mysql = histories.SERVER.model_copy(update={"flavour": "mysql"})
    for manifest in (histories.taken(0), taken(file=""), taken(lock=unlocked, server=mysql)):
        with pytest.raises(ConfigError) as caught:
            continuity.follow(manifest, LOG)
        assert caught.value.hint


@given(st.data())
def test_whatever_is_lost_or_put_between_the_chain_is_a_true_prefix(data: st.DataObject) -> None:
    kept = [one for one in LOG if data.draw(st.booleans())]
    strange = st.builds(
        lambda file, start, length: piece(file, start, start + length, 5),
        st.integers(6, 10), st.integers(0, 400), st.integers(1, 400),
    )  # fmt: skip
    found = data.draw(st.permutations([*kept, *data.draw(st.lists(strange, max_size=2))]))
    try:
        chain = continuity.follow(taken(offset=50), found)
    except IntegrityError:
        return
    held = chain.segments
    for one, other in itertools.pairwise(held):  # every byte once, from the first of its file to the last
        same_file = one.file == other.file and one.end == other.start and not one.rotated
        assert same_file or (one.rotated and other.start == 0 and other.name.number == one.name.number + 1)
    assert (held[0].file, held[0].start) == ("mysql-bin.000007", 0)
    if len(held) < sum(segment.name.number >= 7 for segment in found):
        assert chain.broken is not None
