"""The drills of recovery points: evidence while one runs, and the verdict in the end."""

from __future__ import annotations

import datetime
import itertools
import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from include.proven import errors, ids
from include.proven.catalog.points import folder_of
from include.proven.catalog.records import parse, quote, require_same
from include.proven.catalog.references import References
from include.proven.manifest import Manifest
from include.proven.proof import history
from include.proven.proof.history import History
from include.proven.proof.verdict import Check, Step, Verdict

DRILLS, CHAINS = "drills", "chains"
"""Folders of drills beside their recovery point: of the copy itself, and of its state, reached from an older one by the log."""
VERDICT = re.compile(rf"drills/{ids.DRILL.pattern}\.json")


class DrillEntry(NamedTuple):
    """A drill that has left something."""

    drill: str
    recovery_point: str
    concluded: bool
    """It has a verdict; otherwise evidence only: it runs, or was killed."""
    folder: str = DRILLS


class SignedVerdict(NamedTuple):
    """A verdict as it lies in a store, verified."""

    verdict: Verdict
    content: bytes
    signature: bytes


class Drills(References):
    """What drills have said of the recovery points."""

    def record_verdict(self, verdict: Verdict) -> None:
        """Sign and write a verdict beside its recovery point. Raise StoreError if the drill has one already."""
        folder = _drill_folder(verdict.database, verdict.recovery_point, verdict.drill, CHAINS if verdict.via else DRILLS)
        self._put(f"{folder}.json", verdict, keep=True)

    def verdict(self, database: str, recovery_point: str, drill: str, folder: str = DRILLS) -> Verdict:
        """Return the verdict of one drill. Raise IntegrityError as `manifest` does."""
        return self.signed_verdict(database, recovery_point, drill, folder).verdict

    def signed_verdict(self, database: str, recovery_point: str, drill: str, folder: str = DRILLS) -> SignedVerdict:
        """Return a verdict with its exact bytes and their signature. Raise IntegrityError as `manifest` does."""
        key = f"{_drill_folder(database, recovery_point, drill, folder)}.json"
        content, signature = self._read(key)
        return SignedVerdict(self._as_verdict(key, content, database, recovery_point, drill), content, signature)

    def _as_verdict(self, key: str, content: bytes, database: str, recovery_point: str, drill: str) -> Verdict:
        verdict = parse(key, content, Verdict)
        for seen, wanted in ((verdict.database, database), (verdict.recovery_point, recovery_point), (verdict.drill, drill)):
            require_same(key, seen, wanted)
        require_same(key, CHAINS if verdict.via else DRILLS, key.split("/")[-2])
        return verdict

    def verdicts(self, database: str, recovery_point: str, folder: str = DRILLS) -> list[Verdict]:
        """Return the verdicts on a recovery point, oldest drill first. Raise IntegrityError as `manifest` does."""
        place = f"{folder_of(database, recovery_point)}/{folder}"
        names = [stored.key.removeprefix(f"{place}/") for stored in self.store.list_objects(place)]
        drills = sorted(name.removesuffix(".json") for name in names if name.endswith(".json") and "/" not in name)
        return [self.verdict(database, recovery_point, drill, folder) for drill in drills]

    def proven_before(self, database: str, recovery_point: str, most: int = history.MOST) -> History:
        """Return the last `most` recovery points before one that a drill has proven.

        The store is listed once, and records are read from the newest on until there are enough. Those that can't be trusted
        are named: that somebody has touched them is no fault of the recovery point that is compared.
        """
        manifests: list[Manifest] = []
        untrusted: list[str] = []
        for point, drills in itertools.islice(self._drilled_before(database, recovery_point), history.MOST_LOOKED_AT):
            try:
                if any(self.verdict(database, point, drill).outcome == "proven" for drill in drills):
                    manifests.append(self.manifest(database, point))
            except (errors.IntegrityError, errors.ConfigError):
                untrusted.append(point)
            if len(manifests) == most:
                break
        return History(manifests, untrusted)

    def drills(self, database: str, folders: Sequence[str] = (DRILLS,)) -> list[DrillEntry]:
        """Return the drills of a database that have left anything here, oldest first. No signature is looked at."""
        concluded: dict[tuple[str, str, str], bool] = {}
        for point, rest in self._objects(database):
            folder, _, path = rest.partition("/")
            drill, _, _ = path.partition("/")[0].partition(".")
            if folder in folders and ids.DRILL.fullmatch(drill):
                key = drill, point, folder
                concluded[key] = concluded.get(key, False) or path == f"{drill}.json"
        return [DrillEntry(drill, point, done, folder) for (drill, point, folder), done in sorted(concluded.items())]

    def find_drill(self, database: str, drill: str) -> str | None:
        """Return the recovery point on which a drill has left a verdict or evidence; None if it has left nothing."""
        places = [f"{folder}/{drill}" for folder in (DRILLS, CHAINS)]
        for point, rest in self._objects(database):
            if any(rest == f"{place}.json" or rest.startswith(f"{place}/") for place in places):
                return point
        return None

    def way_of(self, database: str, recovery_point: str, drill: str) -> tuple[str, datetime.datetime | None]:
        """Return from which older recovery point a drill has come by the log, and the second that it was to look at on its way.

        An empty string and None if the copy itself was restored, or that is not known yet. Raise IntegrityError as `manifest`.
        """
        known = (one for one in self.verdicts(database, recovery_point, CHAINS) if one.drill == drill)
        if verdict := next(known, None):
            return verdict.via, verdict.moment
        steps, _ = self.evidence(database, recovery_point, drill, CHAINS)
        for way in (step.figures["way"] for step in steps if "way" in step.figures):
            return way["via"], datetime.datetime.fromisoformat(way["moment"]) if way["moment"] else None
        return "", None

    def newest_drill(self, database: str) -> str:
        """Return the id of the newest drill that has left anything here, or an empty string. No signature is looked at."""
        paths = [rest.split("/") for _, rest in self._objects(database) if rest.startswith("drills/")]
        return max((path[1].partition(".")[0] for path in paths), default="")

    def record_evidence(
        self, database: str, recovery_point: str, drill: str, record: Step | Check, folder: str = DRILLS
    ) -> None:
        """Sign and write the evidence of a step or check of a running drill. A task that is tried again adds another."""
        place = f"{_drill_folder(database, recovery_point, drill, folder)}/{_sort(record)}/{quote(record.name)}"
        tries = [int(stored.key.removeprefix(f"{place}/").partition(".")[0]) for stored in self.store.list_objects(place)]
        self._put(f"{place}/{max(tries, default=0) + 1}.json", record)

    def evidence(self, database: str, recovery_point: str, drill: str, folder: str = DRILLS) -> tuple[list[Step], list[Check]]:
        """Return the evidence of a drill: of each step and check the last try's. Raise IntegrityError as `manifest` does."""
        place = _drill_folder(database, recovery_point, drill, folder)
        last: dict[tuple[str, str], int] = {}
        for stored in self.store.list_objects(place):
            sort, name, file = stored.key.removeprefix(f"{place}/").split("/")
            if file.endswith(".json"):
                last[sort, name] = max(int(file.removesuffix(".json")), last.get((sort, name), 0))
        keys = [(sort, f"{place}/{sort}/{name}/{number}.json") for (sort, name), number in last.items()]
        steps = [self._get(key, Step) for sort, key in keys if sort == "steps"]
        return steps, [self._get(key, Check) for sort, key in keys if sort == "checks"]

    def drop_evidence(self, database: str, recovery_point: str, drill: str, folder: str = DRILLS) -> None:
        """Delete the evidence of a drill: its verdict holds it."""
        self.store.delete_folder(_drill_folder(database, recovery_point, drill, folder))

    def _drilled_before(self, database: str, recovery_point: str) -> Iterator[tuple[str, list[str]]]:
        """Yield the recovery points before one that have verdicts, newest first, with the ids of their drills, newest first."""
        complete: set[str] = set()
        drills: dict[str, list[str]] = {}
        for point, rest in self._objects(database):
            if rest == "manifest.json":
                complete.add(point)
            elif VERDICT.fullmatch(rest):
                drills.setdefault(point, []).append(rest.removeprefix("drills/").removesuffix(".json"))
        for point in sorted(complete & drills.keys(), reverse=True):
            if point < recovery_point:
                yield point, sorted(drills[point], reverse=True)


def _drill_folder(database: str, recovery_point: str, drill: str, folder: str) -> str:
    if not ids.DRILL.fullmatch(drill):
        raise errors.ConfigError(f"{drill!r} is no id of a drill", hint="`./proven show` shows them.")
    return f"{folder_of(database, recovery_point)}/{folder}/{drill}"


def _sort(record: Step | Check) -> str:
    return "steps" if isinstance(record, Step) else "checks"
