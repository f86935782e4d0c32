"""Carries many objects to a store and back while a share of all requests fails, and looks closely at what came of each."""

from __future__ import annotations

import collections
import concurrent.futures
import contextlib
import dataclasses
import pathlib
import random
import re
import time

from include.proven import errors
from include.proven.stores.contract import Store
from tests.servers.fault_proxy import FaultProxy
from tests.transfer import carrier
from tests.transfer.carrier import Described
from tests.transfer.places import Place

AT_ONCE = 3
OPERATION = re.compile(r"(swift|s3|store): \w+ .*(dump|container|account|objects|uploads|URL|folder)")
"""What an error begins with: who says it, what was to be done, and to what."""


@dataclasses.dataclass(frozen=True)
class Plan:
    """How bad the weather is and how much goes through it."""

    seed: int
    count: int
    bytes: int
    part_bytes: int
    share: float = 0.05
    first: int = 0
    """Number of the first object."""

    @property
    def numbers(self) -> range:
        """The objects' numbers."""
        return range(self.first, self.first + self.count)


@dataclasses.dataclass
class Outcome:
    """What was seen. Whatever is wrong fails at once: these are the figures of what may be."""

    uploaded: int = 0
    downloaded: int = 0
    upload_errors: list[errors.ProvenError] = dataclasses.field(default_factory=list)
    download_errors: list[errors.ProvenError] = dataclasses.field(default_factory=list)
    swept: int = 0
    """Objects and parts that were left by uploads that failed, and that could not be removed at once."""
    seconds: float = 0.0


class Storm:
    """One run. Even objects go as a backup's and a restore's streams do, odd ones with a real agent's copy and fetch."""

    def __init__(self, place: Place, proxy: FaultProxy, plan: Plan, folder: pathlib.Path) -> None:
        self._place, self._proxy, self._plan, self._folder = place, proxy, plan, folder
        self._behind = place.through(proxy.url)
        self._noise = random.Random(plan.seed).randbytes(plan.bytes)
        self.outcome = Outcome()

    def run(self) -> Outcome:
        """Carry everything up and down. Raise AssertionError for anything that is neither right nor an error that helps."""
        before, begun = self._place.everything(), time.monotonic()
        self._proxy.share = self._plan.share
        with concurrent.futures.ThreadPoolExecutor(AT_ONCE) as pool:
            for done in [pool.submit(self._carry, number) for number in self._plan.numbers]:
                done.result()
        self._proxy.share = 0
        self._sweep(self._place.direct)
        assert self._place.everything() == before
        self.outcome.seconds = time.monotonic() - begun
        return self.outcome

    def _carry(self, number: int) -> None:
        folder, direct = f"shop/{number:08d}", self._place.direct
        key, source = f"{folder}/{carrier.NAME}", self._folder / f"{number}.source"
        source.write_bytes(self._content(number))
        described = self._upload(number, key, source)
        if described is None:
            direct.delete_folder(folder)
            described = carrier.copy(self._place.through(self._place.server_url), key, source, self._plan.part_bytes)
        assert [stored.key for stored in direct.list_objects(folder)] == [key]
        assert direct.list_uploads(folder) == []
        assert described.sha256 == carrier.read_back(direct, key) == carrier.sha256(source.read_bytes())
        source.unlink()
        self._download(number, key, described)
        self._delete(folder)

    def _content(self, number: int) -> bytes:
        """Return the content of one object: no part of it is like another, nor like any of another object."""
        shift = number * 7919 % self._plan.part_bytes + 1
        return self._noise[shift:] + self._noise[:shift]

    def _upload(self, number: int, key: str, source: pathlib.Path) -> Described | None:
        """Return what was sent, or None where that failed with an error that helps."""
        way = carrier.copy if number % 2 else carrier.send
        try:
            described = carrier.apart(way, self._behind, key, source, self._plan.part_bytes)
        except errors.ProvenError as error:
            self._require_clear(error)
            self.outcome.upload_errors.append(error)
            with contextlib.suppress(errors.ProvenError):  # as after a backup that failed; what stays is for the sweep
                self._behind.open().delete_folder(key.rpartition("/")[0])
            return None
        self.outcome.uploaded += 1
        return described

    def _download(self, number: int, key: str, described: Described) -> None:
        way = carrier.fetch if number % 2 else carrier.receive
        target = self._folder / f"{number}.target"
        try:
            carrier.apart(way, self._behind, key, described, target)
        except errors.ProvenError as error:
            self._require_clear(error)
            self.outcome.download_errors.append(error)
        else:
            assert carrier.sha256(target.read_bytes()) == described.sha256
            self.outcome.downloaded += 1
        target.unlink(missing_ok=True)

    def _delete(self, folder: str) -> None:
        """Delete an object through the storm: where that claims to have succeeded nothing is left."""
        try:
            self._behind.open().delete_folder(folder)
        except errors.ProvenError as error:
            self._require_clear(error)
        else:
            assert [name for name in self._place.everything() if folder in name] == []

    def _sweep(self, direct: Store) -> None:
        """Remove what is there, found as `./proven sweep` finds it."""
        found = {stored.key.rpartition("/")[0] for stored in direct.list_objects("")}
        found |= {upload.key.rpartition("/")[0] for upload in direct.list_uploads("")}
        self.outcome.swept = sum(direct.delete_folder(folder) for folder in found)

    def _require_clear(self, error: errors.ProvenError) -> None:
        """Fail unless a person can act on an error, and it shows no secret."""
        assert isinstance(error, errors.StoreError), repr(error)
        assert OPERATION.match(error.what), error.what
        assert error.hint, error.what
        for secret in self._place.secrets:
            assert secret not in str(error), error.what


def print_report(name: str, plan: Plan, proxy: FaultProxy, outcome: Outcome) -> None:
    """Print what a run has seen."""
    kinds = collections.Counter(fault.kind for fault in proxy.log)
    listed = ", ".join(f"{kind} {count}" for kind, count in sorted(kinds.items()))
    print(f"\n{name}: {plan.count} up, {plan.count} down, {plan.bytes >> 20} MiB each, seed {plan.seed}")
    print(f"  {sum(proxy.requests.values())} requests, {sum(kinds.values())} faults: {listed}")
    for way, right, failed, moved in (
        ("up", outcome.uploaded, outcome.upload_errors, proxy.bytes_up),
        ("down", outcome.downloaded, outcome.download_errors, proxy.bytes_down),
    ):
        share = sum(moved.values()) / (plan.count * plan.bytes)
        print(f"  {way}: {right} right, {len(failed)} ended with an error; {share:.2f} × the bytes went over the wire")
        for error in failed:
            print(f"    {error.what}")
    print(f"  left for the sweep by uploads that failed: {outcome.swept}; {outcome.seconds:.0f} s")
