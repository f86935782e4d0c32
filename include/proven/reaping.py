"""The reaper: destroys the sandboxes that nobody needs any more, and removes what crashes have left in the stores.

A drill destroys its own sandbox. What it could not (its worker died, the cloud was down) is found here by the tags of the thing
itself, so that neither Airflow nor its database need know of it. What a drill may still need is never touched, nor is anything
that is not ours: `Sandbox.find` knows nothing else.
"""

from __future__ import annotations

import dataclasses
import datetime
from collections.abc import Sequence
from typing import Literal, Protocol

from include.proven import copies, reaper_memory, sweeping
from include.proven.catalog.drills import CHAINS
from include.proven.errors import NothingStoredError, PageError, ProvenError
from include.proven.installation import Installation
from include.proven.proof.verdict import Verdict
from include.proven.reaper_memory import Memory
from include.proven.sabotage import scratch
from include.proven.sandboxes.contract import Found
from include.proven.sweeping import Leftover

GRACE = datetime.timedelta(minutes=15)
"""A drill that has had its verdict gets this long to destroy its sandbox itself."""
HALF_BUILT = datetime.timedelta(hours=1)
"""What no drill is known of is being built just now, or was left by a builder that died."""
Outcome = Literal["stands", "destroyed", "would be destroyed", "not destroyed"]


@dataclasses.dataclass(frozen=True)
class Fate:
    """A sandbox that was found, and what became of it."""

    sandbox: str
    """Name in the fleet."""
    found: Found
    outcome: Outcome
    reason: str
    """Why it is not needed, or why it stands."""
    age_seconds: float
    saved: float | None
    """What it would have cost from now until it expires, in the fleet's currency; 0 if it has expired, None without a price."""
    error: ProvenError | None = None
    """Why it could not be destroyed."""
    destroyed_before: datetime.datetime | None = None
    """When the reaper destroyed it already: it has come back."""

    @property
    def leaks(self) -> bool:
        """Whether somebody must look: it comes back, or can't be destroyed."""
        return self.outcome != "stands" and (self.error is not None or self.destroyed_before is not None)


class Teller(Protocol):
    """Tells people about sandboxes that keep coming back. Both raise PageError."""

    def page(self, installation: Installation, database: str, sandbox: str, leaks: Sequence[Fate], /) -> None:
        """Page the contacts of a database about those that leak in one sandbox."""

    def resolve(self, installation: Installation, database: str, sandbox: str, /) -> None:
        """Resolve that page: nothing leaks there any more."""


@dataclasses.dataclass
class Reaped:
    """What one run of the reaper has seen and done."""

    fates: list[Fate] = dataclasses.field(default_factory=list)
    leftovers: list[tuple[Leftover, int]] = dataclasses.field(default_factory=list)
    """Each with the number of objects, parts and uploads that were removed."""
    faults: list[ProvenError] = dataclasses.field(default_factory=list)
    """What could not be looked at, and pages that could not be sent. What could not be destroyed stands in `fates`."""

    @property
    def saved(self) -> float:
        """What was saved, of what has a price."""
        return sum(fate.saved or 0.0 for fate in self.fates if fate.outcome == "destroyed")

    def require(self) -> None:
        """Raise one ProvenError that names everything that could not be looked at, if anything could not."""
        if self.faults:
            raise ProvenError(
                f"reaper: {'; '.join(fault.what for fault in self.faults)}",
                detail="\n".join(str(fault) for fault in self.faults),
                hint="All else was looked at. What could not be is looked at again by the next run.",
            )


def reap(installation: Installation, teller: Teller, *, dry_run: bool = False) -> Reaped:
    """Look at every sandbox and store of the fleet, and remove what nobody needs; with `dry_run` only say what that would be.

    One that gives no answer stops none of the others: it is named in `faults`.
    """
    reaped = Reaped()
    for sandbox in sorted(installation.fleet.sandboxes):
        try:
            _reap_sandbox(installation, sandbox, reaped, None if dry_run else teller)
        except ProvenError as error:
            reaped.faults.append(_named(f"sandbox {sandbox}", error))
    for store in sorted(installation.fleet.stores):
        try:
            for leftover in sweeping.find(installation, store):
                removes = leftover.state == "left" and not dry_run
                reaped.leftovers.append((leftover, sweeping.remove(installation, leftover) if removes else 0))
        except NothingStoredError:
            continue  # an installation before its first backup: nobody is to be paged for that
        except ProvenError as error:
            reaped.faults.append(_named(f"store {store}", error))
    if not dry_run:
        try:
            scratch.clear(installation)
        except ProvenError as error:
            reaped.faults.append(_named("what a sabotage has left", error))
    return reaped


def _reap_sandbox(installation: Installation, sandbox: str, reaped: Reaped, teller: Teller | None) -> None:
    """Destroy what is not needed, tell people what leaks, and remember both. Without a teller: only look."""
    standing = list(installation.sandbox(sandbox).find())
    memory, faults = reaper_memory.recall(installation, sandbox)
    reaped.faults += [_named("the reaper's memory", fault) for fault in faults]
    fates = [_decide(installation, sandbox, found, memory, reaped.faults, dry_run=not teller) for found in standing]
    reaped.fates += fates
    if teller:
        after = _tell(installation, teller, memory, fates, reaped.faults)
        if after != memory:
            try:
                reaper_memory.remember(installation, after)
            except ProvenError as error:
                reaped.faults.append(_named("the reaper's memory", error))


def _decide(
    installation: Installation, sandbox: str, found: Found, memory: Memory, faults: list[ProvenError], *, dry_run: bool
) -> Fate:
    """Destroy a sandbox if nobody needs it, and say what became of it."""
    now = datetime.datetime.now(datetime.UTC)
    needed, reason = True, "it may be needed"
    try:
        needed, reason = judge(installation, found, now)
    except ProvenError as error:
        faults.append(_named(f"whether {found.name} is needed", error))
    price = installation.fleet.sandboxes[sandbox].prices.get(found.size)
    left = max(0.0, (found.expires_at - now).total_seconds())
    fate = Fate(
        sandbox,
        found,
        "stands" if needed else "would be destroyed",
        reason,
        (now - found.created_at).total_seconds(),
        None if price is None else price * left / 3600,
        destroyed_before=None if needed else memory.destroyed.get(found.name),
    )
    if needed or dry_run:
        return fate
    try:
        installation.sandbox(sandbox).destroy(found.name)
    except ProvenError as error:
        return dataclasses.replace(fate, outcome="not destroyed", saved=None, error=error)
    return dataclasses.replace(fate, outcome="destroyed")


def judge(installation: Installation, found: Found, now: datetime.datetime) -> tuple[bool, str]:
    """Return whether a sandbox may still be needed, and why. Raise ProvenError if a store that would know gives no answer."""
    if now >= found.expires_at:
        return False, "expired"
    if not found.drill:
        young = now - found.created_at < HALF_BUILT
        return (True, "being built") if young else (False, "half built, of no drill that is known")
    verdict = _find_verdict(installation, found)
    if verdict is None:
        return True, "its drill has had no verdict yet"
    if verdict.kept:
        return True, "kept on purpose, until it expires"
    if now - verdict.finished_at < GRACE:
        return True, "its drill is just ending"
    return False, f"its drill ended {verdict.outcome}"


def _find_verdict(installation: Installation, found: Found) -> Verdict | None:
    if found.database not in installation.fleet.databases:
        return None
    about = found.database, found.recovery_point
    answers = copies.ask(installation, found.database, lambda one: [*one.verdicts(*about), *one.verdicts(*about, CHAINS)])
    for verdicts in answers.given.values():
        for verdict in verdicts:
            if verdict.drill == found.drill:
                return verdict
    if answers.silent:
        raise next(iter(answers.silent.values()))
    return None


def _tell(installation: Installation, teller: Teller, memory: Memory, fates: list[Fate], faults: list[ProvenError]) -> Memory:
    """Tell what leaks, and what has stopped leaking, and return what is to be remembered.

    What could not be told is told by the next run: a page that could not be resolved is remembered as open.
    """
    now = datetime.datetime.now(datetime.UTC)
    leaks: dict[str, list[Fate]] = {}
    for fate in fates:
        if fate.leaks:
            leaks.setdefault(owner(installation, fate), []).append(fate)
    standing = {fate.found.name for fate in fates}
    leaked = {name: database for name, database in memory.leaked.items() if name in standing}
    leaked |= {fate.found.name: database for database, some in leaks.items() for fate in some}
    for database, some in leaks.items():
        try:
            teller.page(installation, database, memory.sandbox, some)
        except PageError as error:
            faults.append(error)
    for database in sorted(set(memory.leaked.values()) - set(leaked.values())):
        try:
            teller.resolve(installation, database, memory.sandbox)
        except PageError as error:
            faults.append(error)
            leaked |= {name: owned for name, owned in memory.leaked.items() if owned == database}
    destroyed = memory.destroyed | {fate.found.name: now for fate in fates if fate.outcome == "destroyed"}
    return memory.model_copy(update={"destroyed": destroyed, "leaked": leaked})


def owner(installation: Installation, fate: Fate) -> str:
    """Return the database whose contacts hear of a sandbox: its own, or else the first that is restored there."""
    databases = installation.fleet.databases
    if fate.found.database in databases:
        return fate.found.database
    return min((name for name in databases if databases[name].sandbox == fate.sandbox), default=min(databases))


def _named(place: str, error: ProvenError) -> ProvenError:
    """Return an error that says where it was met."""
    named = type(error)(f"{place}: {error.what}", detail=error.detail, hint=error.hint)
    named.__cause__ = error
    return named
