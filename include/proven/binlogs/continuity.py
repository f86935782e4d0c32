"""From a recovery point on, piece after piece of the binary log: how far the chain holds, and which link it breaks at.

Nothing here reads a store or a piece: it is the signed records that must fit together. What the pieces hold is held against
their records when they are replayed (`agent/replay.py`).
"""

from __future__ import annotations

import dataclasses
import datetime
import itertools
from collections.abc import Iterable, Iterator, Sequence

from include.proven.catalog.binlogs import FILE, Segment
from include.proven.errors import ConfigError, IntegrityError
from include.proven.manifest import Manifest, Position

RESOLUTION = datetime.timedelta(seconds=1)
"""Of the moments that can be asked for: a binary log counts whole seconds."""


@dataclasses.dataclass(frozen=True)
class Chain:
    """The pieces that follow a recovery point without a gap, and what ends them."""

    recovery_point: str
    start: Position
    """Of the recovery point's snapshot: what is behind it is to be replayed."""
    segments: list[Segment]
    """Never empty. The first begins with the first byte of the position's file."""
    broken: IntegrityError | None
    """What names the link that is missing or wrong, if anything lies behind it."""

    @property
    def complete_to(self) -> datetime.datetime:
        """The newest moment that can be reached, by the source's clock."""
        return self.segments[-1].complete_to


def follow(manifest: Manifest, segments: Iterable[Segment]) -> Chain:
    """Given a recovery point and the pieces of its server's log, in any order, return the chain from its position on.

    Raise ConfigError if the source kept no binary log; IntegrityError if not even the position itself is reached.
    """
    start = position_of(manifest)
    known = sorted(segments, key=lambda one: (one.name.number, one.file, one.start, one.end))
    for segment in known:
        _require_same_server(segment, manifest)
    first = FILE.fullmatch(start.file)
    number = int(first[1]) if first else 0
    held, broken = _follow(start, [segment for segment in known if segment.name.number >= number])
    if not held or not _reaches(held, start.file, start.offset):
        fault = broken or _missing(manifest, start, held)
        own = f"is its own, of {_say(manifest.snapshot_at)}"
        fault.hint = f"The newest state that can be reached from {manifest.recovery_point} {own}."
        raise fault
    if broken:
        broken.hint = (
            _newest(manifest.recovery_point, held[-1].complete_to) + " A later one: from a recovery point behind the gap."
        )
    return Chain(manifest.recovery_point, start, held, broken)


def until_moment(chain: Chain, moment: datetime.datetime) -> list[Segment]:
    """Return the pieces that hold everything that was committed up to and in that second.

    Raise IntegrityError with the broken link if it lies before that, ConfigError if the log is not there yet.
    """
    wanted = moment.replace(microsecond=0) + RESOLUTION
    for count, segment in enumerate(chain.segments, 1):
        if segment.complete_to >= wanted and _reaches(chain.segments[:count], chain.start.file, chain.start.offset):
            return chain.segments[:count]
    raise chain.broken or ConfigError(
        f"{_say(moment)} can't be reached: the pieces of the binary log end at {_say(chain.complete_to)}",
        hint=_newest(chain.recovery_point, chain.complete_to),
    )


def until_position(chain: Chain, position: Position) -> list[Segment]:
    """Return the pieces that hold the log up to a position. Raise IntegrityError, naming the link that keeps it from there."""
    for count in range(1, len(chain.segments) + 1):
        if _reaches(chain.segments[:count], position.file, position.offset):
            return chain.segments[:count]
    raise chain.broken or IntegrityError(
        f"binary log: {position.file} up to offset {position.offset} is missing: {_after(chain.segments[-1])} there is nothing",
        hint=_newest(chain.recovery_point, chain.complete_to),
    )


def whole(chain: Chain) -> list[Segment]:
    """Return all pieces, for what has to be looked for in them. Raise IntegrityError if there is more behind a broken link."""
    if chain.broken:
        raise chain.broken
    return chain.segments


def position_of(manifest: Manifest) -> Position:
    """Return where the snapshot stood. Raise ConfigError if that is not known, or not known exactly."""
    if manifest.position is None or not manifest.position.file:
        raise ConfigError(
            f"{manifest.recovery_point} has no position in a binary log: no later moment can be reached from it",
            hint="The source keeps no binary log (log_bin), or the backup account may not ask: grant it REPLICATION CLIENT"
            " (MariaDB: BINLOG MONITOR), and take a new backup.",
        )
    if manifest.lock is not None and manifest.lock.kind == "none" and manifest.server.flavour == "mysql":
        raise ConfigError(
            f"{manifest.recovery_point} was taken without a lock: its position in the binary log is not known exactly",
            hint="Let the backup account lock (RELOAD or BACKUP_ADMIN), and take a new backup.",
        )
    return manifest.position


def _require_same_server(segment: Segment, manifest: Manifest) -> None:
    if segment.server != manifest.server.identity:
        raise IntegrityError(
            f"binary log: {_name(segment)} is of server {segment.server}, not of {manifest.server.identity}",
            hint="Positions of one server mean nothing on another: take a new backup of the server that writes now.",
        )


def _follow(start: Position, known: Sequence[Segment]) -> tuple[list[Segment], IntegrityError | None]:
    """Return the pieces that follow each other, and the first link that does not."""
    if known and (known[0].file, known[0].start) != (start.file, 0):
        return [], IntegrityError(f"binary log: the beginning of {start.file} is missing: the first piece is {_name(known[0])}")
    for count, (one, other) in enumerate(itertools.pairwise(known), 1):
        if fault := next(_faults(one, other), ""):
            return list(known[:count]), IntegrityError(f"binary log: {fault}")
    return list(known), None


def _faults(one: Segment, other: Segment) -> Iterator[str]:
    """Yield what is wrong where one piece is followed by the other."""
    if not _is_next(one, other):
        yield f"{_name(other)} is of another log of that name, from before or after a RESET"
    if one.file == other.file:
        if other.start < one.end:
            yield f"{_name(other)} overlaps {_name(one)}"
        elif one.rotated:
            yield f"{_name(other)} lies behind the end of its file, {_name(one)}"
        elif other.start > one.end:
            yield f"{one.file} from offset {one.end} to {other.start} is missing"
        return
    if not one.rotated:
        yield f"the end of {one.file}, from offset {one.end} on, is missing"
    elif one.next_file and (one.next_file != other.file):
        yield f"{one.next_file} is missing: {one.file} is followed by {other.file}"
    elif _stem(one.file) != _stem(other.file) or other.name.number != one.name.number + 1:
        yield f"between {one.file} and {other.file} a file is missing"
    elif other.start:
        yield f"{other.file} from offset 0 to {other.start} is missing"


def _is_next(one: Segment, other: Segment) -> bool:
    """Say whether the moments at which their files were begun allow that one follows the other."""
    begun, later = one.file_created_at, other.file_created_at
    if begun is None or later is None:
        return True
    return begun == later if one.file == other.file else begun <= later


def _reaches(held: Sequence[Segment], file: str, offset: int) -> bool:
    return any(segment.file == file and segment.end >= offset for segment in held)


def _missing(manifest: Manifest, start: Position, held: Sequence[Segment]) -> IntegrityError:
    there = f"{_after(held[-1])} there is nothing" if held else "no piece of it is there"
    place = f"{start.file} up to offset {start.offset}"
    return IntegrityError(f"binary log: {place}, where {manifest.recovery_point} stood, is missing: {there}")


def _name(segment: Segment) -> str:
    return f"{segment.file} from offset {segment.start} to {segment.end}"


def _after(segment: Segment) -> str:
    return f"after {segment.file} offset {segment.end}"


def _stem(file: str) -> str:
    return file.rpartition(".")[0]


def _newest(recovery_point: str, moment: datetime.datetime) -> str:
    return f"The newest moment that can be reached from {recovery_point} is {_say(moment)}."


def _say(moment: datetime.datetime) -> str:
    return f"{moment.astimezone(datetime.UTC):%Y-%m-%d %H:%M:%S} UTC"
