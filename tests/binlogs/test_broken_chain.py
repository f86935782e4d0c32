"""A log with a gap, or with something in it twice: refused, and the link is named, before anything of it is applied."""

from __future__ import annotations

import pathlib
import shutil
from collections.abc import Callable, Iterator

import pytest

from include.proven.binlogs import recovery
from include.proven.catalog.binlogs import Segment, SegmentName
from include.proven.errors import IntegrityError
from tests.binlogs.kept import Kept
from tests.binlogs.test_lottery import try_way
from tests.servers.databases import DatabaseServer


class Links:
    """The pieces that a drill from the older to the younger recovery point needs, as files of the store."""

    def __init__(self, kept: Kept) -> None:
        catalog = kept.logged.opened.catalog("shop")
        way = recovery.plan(kept.logged.opened, kept.older, "disk", position_of(kept))
        self.kept = kept
        self.segments = way.segments
        self.root = next(path for path in kept.logged.store.rglob("shop/binlogs")).parent.parent
        self.catalog = catalog

    def record(self, name: SegmentName) -> pathlib.Path:
        return self.root / name.path

    def artifact(self, segment: Segment) -> pathlib.Path:
        return self.root / segment.name.folder / segment.artifact.name

    def middle(self) -> Segment:
        """Return a piece of the first file that is neither its first nor its last."""
        return next(one for one in self.segments if one.start and not one.rotated)

    def second_file(self) -> list[Segment]:
        names = sorted({one.file for one in self.segments})
        return [one for one in self.segments if one.file == names[1]]


def position_of(kept: Kept) -> recovery.jobs.ReplayUntil:
    assert kept.younger.position is not None
    return recovery.to_position(kept.younger.position)


@pytest.fixture
def links(kept: Kept, tmp_path: pathlib.Path) -> Iterator[Links]:
    """Give them to a test that breaks one, and put everything back behind it."""
    found = Links(kept)
    folder = found.root / "shop" / "binlogs"
    shutil.copytree(folder, tmp_path / "binlogs")
    yield found
    shutil.rmtree(folder)
    shutil.copytree(tmp_path / "binlogs", folder)


def remove(links: Links, *segments: Segment) -> None:
    for segment in segments:
        links.record(segment.name).unlink()


def rename_record(links: Links, segment: Segment, name: SegmentName) -> None:
    """Copy a genuine record to another name."""
    for suffix in (".json", ".json.asc"):
        there = links.record(name).with_suffix("").with_name(f"{name.start:012}-{name.end:012}{suffix}")
        there.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(links.record(segment.name).with_name(f"{segment.start:012}-{segment.end:012}{suffix}"), there)


def lose_a_piece(links: Links) -> str:
    segment = links.middle()
    remove(links, segment)
    return rf"{segment.file} from offset {segment.start} to {segment.end} is missing"


def lose_a_file(links: Links) -> str:
    lost = links.second_file()
    remove(links, *lost)
    return rf"{lost[0].file} is missing"


def lose_the_end(links: Links) -> str:
    last = links.segments[-1]
    every = links.catalog.segment_names("shop", last.server)
    remove(links, *(links.catalog.segment(name) for name in every if (name.file, name.start) >= (last.file, last.start)))
    return rf"{last.file} up to offset \d+ is missing"


def repeat_a_piece(links: Links) -> str:
    segment = links.middle()
    links.kept.logged.publish(segment, start=segment.start, end=segment.end - 1)
    return rf"{segment.file} from offset {segment.start} to {segment.end} overlaps"


def swap_two_records(links: Links) -> str:
    segment, other = links.middle(), links.second_file()[0]
    rename_record(links, segment, other.name)
    return rf"record .*{other.file}.* is about .*{segment.file}"


def bring_another_servers(links: Links) -> str:
    segment = links.middle()
    rename_record(links, segment, segment.name._replace(file="mysql-bin.000099"))
    return r"record .*000099.* is about"


RECORDS = [lose_a_piece, lose_a_file, lose_the_end, repeat_a_piece, swap_two_records, bring_another_servers]


@pytest.mark.failure("C8")
@pytest.mark.parametrize("harm", RECORDS, ids=lambda harm: harm.__name__)
def test_a_wrong_link_is_named(links: Links, harm: Callable[[Links], str]) -> None:
    words = harm(links)
    with pytest.raises(IntegrityError, match=words):
        recovery.plan(links.kept.logged.opened, links.kept.older, "disk", position_of(links.kept))


def cut_a_piece(links: Links) -> None:
    path = links.artifact(links.middle())
    path.write_bytes(path.read_bytes()[:-40])


def flip_a_bit(links: Links) -> None:
    path = links.artifact(links.middle())
    content = bytearray(path.read_bytes())
    content[len(content) * 3 // 4] ^= 4
    path.write_bytes(content)


def swap_two_pieces(links: Links) -> None:
    one, other = links.artifact(links.middle()), links.artifact(links.second_file()[0])
    content = one.read_bytes()
    one.write_bytes(other.read_bytes())
    other.write_bytes(content)


def delete_a_piece(links: Links) -> None:
    links.artifact(links.middle()).unlink()


@pytest.mark.failure("C8")
@pytest.mark.parametrize("harm", [cut_a_piece, flip_a_bit, swap_two_pieces, delete_a_piece], ids=lambda harm: harm.__name__)
def test_a_wrong_piece_is_named_and_nothing_is_applied(
    links: Links, twin: DatabaseServer, harm: Callable[[Links], None]
) -> None:
    twin.drop_schemas()
    segment = links.middle()
    harm(links)
    way = recovery.plan(links.kept.logged.opened, links.kept.older, "disk", position_of(links.kept))
    with pytest.raises(IntegrityError) as caught:
        recovery.replay(links.kept.logged.opened, way, twin.admin)
    assert segment.artifact.name in caught.value.what
    assert not twin.sql("SHOW DATABASES LIKE 'shop'")


@pytest.mark.failure("C8")
def test_a_drill_of_a_broken_chain_is_refuted(links: Links) -> None:
    words = lose_a_piece(links)
    verdict = try_way(links.kept)
    assert verdict.outcome == "refuted"
    assert words.replace("\\", "") in verdict.reason
    assert f"can be reached from {links.kept.older.recovery_point}" in verdict.hint
