"""What every store promises of damage: the commit refuses it before an object is visible, a reader after that."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Sequence

import pytest

from include.proven import errors
from include.proven.agent.errors import AgentError
from include.proven.stores.contract import locate
from tests.stores import agent_side
from tests.stores.beds import StoreBed, require
from tests.stores.uploading import ARTIFACT, PART_BYTES, describe_all, make_pieces, send_pieces, store_artifact, upload

OLDER = os.urandom(PART_BYTES)
"""What an earlier upload had as its second part."""

Damage = Callable[[Sequence[bytes]], list[bytes]]


def flip_bit(piece: bytes) -> bytes:
    """Return the piece with one bit in its middle flipped."""
    middle = len(piece) // 2
    return piece[:middle] + bytes([piece[middle] ^ 1]) + piece[middle + 1 :]


SAME_COUNT: dict[str, Damage] = {
    "a flipped bit": lambda pieces: [pieces[0], flip_bit(pieces[1]), *pieces[2:]],
    "two swapped segments": lambda pieces: [pieces[1], pieces[0], *pieces[2:]],
    "an older segment under the same name": lambda pieces: [pieces[0], OLDER, *pieces[2:]],
    "a truncated object": lambda pieces: [*pieces[:-1], pieces[-1][:-1]],
}
ALL: dict[str, Damage] = {**SAME_COUNT, "a missing segment": lambda pieces: [pieces[0], *pieces[2:]]}


class DamagePromises:
    """Three parts are sent; something else writes into the store."""

    @pytest.mark.failure("B1", "B2")
    @pytest.mark.parametrize("damage", SAME_COUNT)
    def test_damage_before_the_commit_is_refused_by_the_parts_number(self, bed: StoreBed, damage: str) -> None:
        pieces = make_pieces()
        damaged = SAME_COUNT[damage](pieces)
        opened, parts = upload(bed.store, ARTIFACT, pieces)
        wrong = [part for part in locate(parts) if damaged[part.number - 1] != pieces[part.number - 1]]
        for part in wrong:
            bed.overwrite_part(opened, part, damaged[part.number - 1])
        with pytest.raises(errors.IntegrityError, match=f"{ARTIFACT}: part {wrong[0].number} is not what was sent"):
            bed.store.commit_upload(opened, parts)
        assert list(bed.store.list_objects("")) == []

    @pytest.mark.failure("B1")
    def test_part_of_another_size_is_refused_by_its_number(self, bed: StoreBed) -> None:
        opened, parts = upload(bed.store, ARTIFACT, make_pieces())
        bed.overwrite_part(opened, locate(parts)[1], os.urandom(PART_BYTES + 1))
        with pytest.raises(errors.IntegrityError, match=f"{ARTIFACT}: part 2 is not what was sent"):
            bed.store.commit_upload(opened, parts)

    @pytest.mark.failure("B1")
    @pytest.mark.parametrize("missing", [1, 2, 3])
    def test_missing_part_is_refused_by_its_number(self, bed: StoreBed, missing: int) -> None:
        opened = bed.store.begin_upload(ARTIFACT)
        parts = send_pieces(bed.store, opened, make_pieces(), only=[number for number in (1, 2, 3) if number != missing])
        with pytest.raises(errors.IntegrityError, match=f"{ARTIFACT}: part {missing} is not in the store"):
            bed.store.commit_upload(opened, parts)
        assert list(bed.store.list_objects("")) == []

    @pytest.mark.failure("B1", "B6")
    def test_upload_of_which_nothing_came_is_refused(self, bed: StoreBed) -> None:
        opened = bed.store.begin_upload(ARTIFACT)
        with pytest.raises(errors.IntegrityError, match=f"{ARTIFACT}: part 1 is not in the store"):
            bed.store.commit_upload(opened, describe_all([b"never sent"]))

    def test_part_that_nobody_reported_is_refused(self, bed: StoreBed) -> None:
        opened, parts = upload(bed.store, ARTIFACT, make_pieces())
        with pytest.raises(errors.IntegrityError, match=f"{ARTIFACT}: .*nobody sent"):
            bed.store.commit_upload(opened, parts[:2])
        assert list(bed.store.list_objects("")) == []

    def test_parts_that_are_not_numbered_from_one_are_refused(self, bed: StoreBed) -> None:
        opened, parts = upload(bed.store, ARTIFACT, make_pieces())
        for wrong in (parts[1:], parts[::-1], [parts[0], parts[2]]):
            with pytest.raises(errors.IntegrityError, match="not numbered"):
                bed.store.commit_upload(opened, wrong)

    @pytest.mark.failure("B1", "B2")
    @pytest.mark.parametrize("damage", ALL)
    def test_damage_after_the_commit_is_refused_by_a_reader(self, bed: StoreBed, damage: str) -> None:
        pieces = make_pieces()
        opened, parts = upload(bed.store, ARTIFACT, pieces)
        bed.store.commit_upload(opened, parts)
        whole = hashlib.sha256(b"".join(pieces)).hexdigest()
        assert agent_side.download(bed.store, ARTIFACT, parts, whole) == whole
        bed.replace_object(ARTIFACT, ALL[damage](pieces))
        with pytest.raises(AgentError, match=r"part \d") as caught:
            agent_side.download(bed.store, ARTIFACT, parts, whole)
        assert caught.value.kind == "integrity"

    @pytest.mark.failure("B1")
    def test_part_lost_after_the_commit_is_noticed(self, bed: StoreBed) -> None:
        require(bed, "pieces")
        store_artifact(bed.store, ARTIFACT, b"x" * (2 * PART_BYTES))
        bed.lose_part(ARTIFACT, 1)
        with pytest.raises(errors.IntegrityError, match="lost a part"):
            bed.store.read_start(ARTIFACT, 100)
