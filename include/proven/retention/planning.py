"""Plans what retention removes of a database: nothing here changes anything."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence

from include.proven.catalog.standing import Brief, Point
from include.proven.errors import ConfigError, ProvenError
from include.proven.fleet.retention import Retention
from include.proven.installation import Installation
from include.proven.retention import logs, policy, situation
from include.proven.retention.logs import Log

FEW = 3
"""So many may go at once, however few there are."""


@dataclasses.dataclass(frozen=True)
class Fate:
    """A recovery point, and what becomes of it."""

    recovery_point: str
    held: dict[str, Point]
    """By store."""
    reasons: list[str]
    """Why it stays; none: it goes."""

    @property
    def goes(self) -> bool:
        """Whether it is removed, from every store."""
        return not self.reasons

    @property
    def bytes(self) -> int:
        """Of the artifacts that it has sent, in all stores together."""
        return sum(point.brief.bytes for point in self.held.values() if point.brief)

    @property
    def proof(self) -> str:
        """What drills have shown, of each store where they differ: `proven in swift, untried in far`."""
        proofs = {store: situation.proof_of(point) for store, point in self.held.items()}
        if len(set(proofs.values())) == 1:
            return next(iter(proofs.values()))
        return ", ".join(f"{proof} in {store}" for store, proof in proofs.items())


@dataclasses.dataclass(frozen=True)
class Plan:
    """What is to become of everything that the stores hold of a database."""

    database: str
    policy: Retention
    fates: list[Fate]
    """Oldest first."""
    order: list[str]
    """Those that go, each before its base."""
    logs: dict[str, list[Log]]
    """Binary logs that go with them, by store."""
    faults: list[ProvenError]
    """What could not be looked at, or trusted; what that touches stays."""

    @property
    def going(self) -> list[Fate]:
        """Those that are removed, oldest first."""
        return [fate for fate in self.fates if fate.goes]

    @property
    def freed(self) -> int:
        """Bytes that all stores together get back."""
        stores = {store for fate in self.going for store in fate.held}
        return sum(map(self._freed_in, stores)) + sum(log.bytes for some in self.logs.values() for log in some)

    def _freed_in(self, store: str) -> int:
        """Return how many bytes of artifacts go from a store: what one that stays refers to does not."""
        artifacts: dict[bool, dict[str, int]] = {True: {}, False: {}}
        for fate in self.fates:
            if store in fate.held and (brief := fate.held[store].brief):
                artifacts[fate.goes] |= {**brief.sent, **brief.reused}
        return sum(size for key, size in artifacts[True].items() if key not in artifacts[False])

    def refuse_most(self) -> None:
        """Raise ConfigError if most of all recovery points would go at once: a slip in a policy must not empty a store."""
        if len(self.going) > max(FEW, len(self.fates) // 2):
            raise ConfigError(
                f"retention: {len(self.going)} of {len(self.fates)} recovery points of {self.database} would go at once",
                hint=f"If that is meant: `./proven prune {self.database} --apply --even-most`; if not, mend `retention`.",
            )

    def require(self) -> None:
        """Raise one ProvenError that names all that could not be looked at or trusted, if there is any."""
        if self.faults:
            raise ProvenError(
                f"retention: {'; '.join(fault.what for fault in self.faults)}",
                detail="\n".join(str(fault) for fault in self.faults),
                hint="What that touches was kept; `./proven prune` says why each stays.",
            )


def make_plan(installation: Installation, database: str) -> Plan:
    """Look at all stores of a database, and decide. Nothing is changed.

    Raise ConfigError if the fleet gives it no `retention`, ProvenError if no store answers.
    """
    wanted = require_policy(installation, database)
    answers = situation.look(installation, database).require()
    seen, faults = answers.given, [*answers.silent.values()]
    untouchable = [f"{store} gives no answer" for store in answers.silent]
    found, reasons = _decide(installation, wanted, database, seen, {})
    faults += [error for standing, _ in seen.values() for point in standing.points.values() for error in point.untrusted]
    going = [point for point, kept in reasons.items() if not kept]
    if going:
        holds = situation.find_locks(installation, database, going, seen)
        try:
            _merge(holds, situation.find_standing_sandboxes(installation, database))
        except ProvenError as error:
            faults.append(error)
            untouchable.append("a sandbox that may need it gives no answer")
        _merge(holds, {point: list(untouchable) for point in going if untouchable})
        found, reasons = _decide(installation, wanted, database, seen, holds)
    fates = [Fate(point, _holders(point, seen), why) for point, why in reasons.items()]
    order = policy.removal_order([fate.recovery_point for fate in fates if fate.goes], found)
    unneeded = {} if faults else _find_logs(installation, database, fates, seen, faults)
    return Plan(database, wanted, fates, order, unneeded, faults)


def require_policy(installation: Installation, database: str) -> Retention:
    """Return the retention of a database. Raise ConfigError if it has none."""
    wanted = installation.database(database).retention
    if wanted is None:
        raise ConfigError(
            f"database {database} has no `retention`: nothing of it is ever deleted",
            hint="Say in the fleet file what is to be kept (docs/retention.md).",
        )
    return wanted


def _decide(
    installation: Installation, wanted: Retention, database: str, seen: Mapping[str, situation.Seen], holds: situation.Holds
) -> tuple[policy.Situation, policy.Reasons]:
    found = situation.describe(installation, database, seen, holds)
    return found, policy.decide(wanted, found)


def _merge(holds: situation.Holds, others: situation.Holds) -> None:
    for point, reasons in others.items():
        holds.setdefault(point, []).extend(reasons)


def _holders(point: str, seen: Mapping[str, situation.Seen]) -> dict[str, Point]:
    return {store: standing.points[point] for store, (standing, _) in seen.items() if point in standing.points}


def _find_logs(
    installation: Installation,
    database: str,
    fates: Sequence[Fate],
    seen: Mapping[str, situation.Seen],
    faults: list[ProvenError],
) -> dict[str, list[Log]]:
    """Return the binary logs that go, by store. One of a store whose records can't be trusted, or that is locked, stays."""
    staying: list[Brief] = [point.brief for fate in fates if not fate.goes for point in fate.held.values() if point.brief]
    found: dict[str, list[Log]] = {}
    for store in seen:
        catalog = installation.catalog(database, store)
        try:
            unneeded = logs.find_unneeded(catalog, database, staying)
        except ProvenError as error:
            faults.append(error)
            continue
        found[store] = [log for log in unneeded if not catalog.store.find_lock(log.folder)]
    return {store: some for store, some in found.items() if some}
