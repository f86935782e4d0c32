"""The drills of recovery points: evidence while one runs, and the verdict in the end."""

from __future__ import annotations

import itertools

from include.proven import errors, ids
from include.proven.catalog.points import RecoveryPoints, folder_of
from include.proven.catalog.records import quote, require_same
from include.proven.manifest import Manifest
from include.proven.proof.verdict import Check, Step, Verdict

HISTORY = 30
"""Recovery points that a new one is compared with."""


class Drills(RecoveryPoints):
    """What drills have said of the recovery points."""

    def record_verdict(self, verdict: Verdict) -> None:
        """Sign and write a verdict beside its recovery point. Raise StoreError if the drill has one already."""
        self._put(f"{_drill_folder(verdict.database, verdict.recovery_point, verdict.drill)}.json", verdict, keep=True)

    def verdict(self, database: str, recovery_point: str, drill: str) -> Verdict:
        """Return the verdict of one drill. Raise IntegrityError as `manifest` does."""
        key = f"{_drill_folder(database, recovery_point, drill)}.json"
        verdict = self._get(key, Verdict)
        for seen, wanted in ((verdict.database, database), (verdict.recovery_point, recovery_point), (verdict.drill, drill)):
            require_same(key, seen, wanted)
        return verdict

    def verdicts(self, database: str, recovery_point: str) -> list[Verdict]:
        """Return the verdicts on a recovery point, oldest drill first. Raise IntegrityError as `manifest` does."""
        folder = f"{folder_of(database, recovery_point)}/drills"
        names = [stored.key.removeprefix(f"{folder}/") for stored in self.store.list_objects(folder)]
        drills = sorted(name.removesuffix(".json") for name in names if name.endswith(".json") and "/" not in name)
        return [self.verdict(database, recovery_point, drill) for drill in drills]

    def proven_before(self, database: str, recovery_point: str) -> list[Manifest]:
        """Return the manifests of the earlier recovery points that a drill has proven, newest first, the last 30.

        Raise IntegrityError as `manifest` does.
        """
        earlier = (point for point in reversed(self.recovery_points(database)) if point < recovery_point)
        proven = (point for point in earlier if any(one.outcome == "proven" for one in self.verdicts(database, point)))
        return [self.manifest(database, point) for point in itertools.islice(proven, HISTORY)]

    def find_drill(self, database: str, drill: str) -> str | None:
        """Return the recovery point on which a drill has left a verdict or evidence; None if it has left nothing."""
        for point, rest in self._objects(database):
            if rest == f"drills/{drill}.json" or rest.startswith(f"drills/{drill}/"):
                return point
        return None

    def newest_drill(self, database: str) -> str:
        """Return the id of the newest drill that has left anything here, or an empty string. No signature is looked at."""
        paths = [rest.split("/") for _, rest in self._objects(database) if rest.startswith("drills/")]
        return max((path[1].partition(".")[0] for path in paths), default="")

    def record_evidence(self, database: str, recovery_point: str, drill: str, record: Step | Check) -> None:
        """Sign and write the evidence of a step or check of a running drill. A task that is tried again adds another."""
        folder = f"{_drill_folder(database, recovery_point, drill)}/{_sort(record)}/{quote(record.name)}"
        tries = [int(stored.key.removeprefix(f"{folder}/").partition(".")[0]) for stored in self.store.list_objects(folder)]
        self._put(f"{folder}/{max(tries, default=0) + 1}.json", record)

    def evidence(self, database: str, recovery_point: str, drill: str) -> tuple[list[Step], list[Check]]:
        """Return the evidence of a drill: of each step and check the last try's. Raise IntegrityError as `manifest` does."""
        folder = _drill_folder(database, recovery_point, drill)
        last: dict[tuple[str, str], int] = {}
        for stored in self.store.list_objects(folder):
            sort, name, file = stored.key.removeprefix(f"{folder}/").split("/")
            if file.endswith(".json"):
                last[sort, name] = max(int(file.removesuffix(".json")), last.get((sort, name), 0))
        keys = [(sort, f"{folder}/{sort}/{name}/{number}.json") for (sort, name), number in last.items()]
        steps = [self._get(key, Step) for sort, key in keys if sort == "steps"]
        return steps, [self._get(key, Check) for sort, key in keys if sort == "checks"]

    def drop_evidence(self, database: str, recovery_point: str, drill: str) -> None:
        """Delete the evidence of a drill: its verdict holds it."""
        self.store.delete_folder(_drill_folder(database, recovery_point, drill))


def _drill_folder(database: str, recovery_point: str, drill: str) -> str:
    if not ids.DRILL.fullmatch(drill):
        raise errors.ConfigError(f"{drill!r} is no id of a drill", hint="`./proven show` shows them.")
    return f"{folder_of(database, recovery_point)}/drills/{drill}"


def _sort(record: Step | Check) -> str:
    return "steps" if isinstance(record, Step) else "checks"
