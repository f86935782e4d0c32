"""Two uploads at the same moment: of two keys they know nothing of each other, of one key their contents never mix."""

from __future__ import annotations

import concurrent.futures
import pathlib
import random

from include.proven import errors
from tests.transfer import carrier
from tests.transfer.carrier import Described
from tests.transfer.places import Address, Place

PART = 64 << 10
SIZE = 12 * PART
ROUNDS = 4


def make_files(folder: pathlib.Path, count: int) -> list[pathlib.Path]:
    """Write files of which no two share a part."""
    files = [folder / f"{number}.source" for number in range(count)]
    for number, file in enumerate(files):
        file.write_bytes(random.Random(number).randbytes(SIZE))
    return files


def send_all(address: Address, work: list[tuple[str, pathlib.Path]]) -> list[Described | errors.ProvenError]:
    """Send each file to its key, all at once, each from a process of its own."""

    def send(key: str, file: pathlib.Path) -> Described | errors.ProvenError:
        try:
            return carrier.apart(carrier.send, address, key, file, PART)
        except errors.ProvenError as error:
            return error

    with concurrent.futures.ThreadPoolExecutor(len(work)) as pool:
        return list(pool.map(lambda pair: send(*pair), work))


def test_different_keys(place: Place, tmp_path: pathlib.Path) -> None:
    files = make_files(tmp_path, 6)
    keys = [f"shop/{number}/dump" for number in range(len(files))]
    sent = send_all(place.through(place.server_url), list(zip(keys, files, strict=True)))
    for key, file, described in zip(keys, files, sent, strict=True):
        assert isinstance(described, Described), described
        assert carrier.read_back(place.direct, key) == described.sha256 == carrier.sha256(file.read_bytes())


def test_one_key(place: Place, tmp_path: pathlib.Path) -> None:
    """Ids never repeat, so that nobody means to. If it happens at most one wins, and nobody takes a mixture for whole."""
    files, direct = make_files(tmp_path, 2), place.direct
    for number in range(ROUNDS):
        key = f"shop/{number}/dump"
        sent = send_all(place.through(place.server_url), [(key, file) for file in files])
        for outcome in sent:
            if isinstance(outcome, errors.ProvenError):
                assert isinstance(outcome, errors.StoreError | errors.IntegrityError)
                assert key in outcome.what or "dump part" in outcome.what
        won = [described for described in sent if isinstance(described, Described)]
        assert len(won) <= 1, sent
        if won:
            require_its_own(place, key, won[0], tmp_path / f"{number}.back")
        else:
            assert list(direct.list_objects(f"shop/{number}")) == []
        direct.delete_folder(f"shop/{number}")
    assert place.everything() == []


def require_its_own(place: Place, key: str, described: Described, target: pathlib.Path) -> None:
    """Fail unless a reader gets what was sent, or, where parts lie under names that both have written to, an error."""
    try:
        carrier.apart(carrier.receive, place.through(place.server_url), key, described, target)
    except errors.ProvenError:
        assert place.shares_parts
    else:
        assert carrier.sha256(target.read_bytes()) == described.sha256
