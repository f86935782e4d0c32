"""The exercise: break a copy in one way after the other, drill each as any recovery point is drilled, and see who notices.

All is real: the sandbox, the restore, the checks, the verdict and the page. A refusal counts only if it names the right cause:
who refuses everything notices nothing.
"""

from __future__ import annotations

import contextlib
import dataclasses
import pathlib
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Literal, Protocol

from include.proven import copies, drill, ids, progress
from include.proven.errors import CheckError, ConfigError, PageError, ProvenError
from include.proven.installation import Installation
from include.proven.manifest import Manifest
from include.proven.proof.verdict import Verdict
from include.proven.sabotage import scratch
from include.proven.sabotage.broken_copy import Copy
from include.proven.sabotage.ways import Way
from include.proven.sabotage.workshop import STORE, NotApplicableError, Workshop

State = Literal["noticed", "unnoticed", "untried", "not applicable"]


class UnnoticedError(CheckError):
    """A copy that was broken on purpose was not refused, not for the right reason, or nobody could be told."""


@dataclasses.dataclass(frozen=True)
class Order:
    """What is broken, and on whose word."""

    database: str
    recovery_point: str
    store: str
    """That the recovery point is copied from."""
    sandbox: str
    """A local one: `scratch.choose_sandbox`."""
    ways: Sequence[Way]
    triggered_by: str
    enough: int = 0
    """Stop when so many ways were applied; 0: try them all."""


@dataclasses.dataclass(frozen=True)
class Finding:
    """What came of one sabotage."""

    way: str
    failure: str
    """Row of the public failures."""
    what: str
    """What the way does."""
    expected: str
    state: State
    thing: str = ""
    """What was broken."""
    outcome: str = ""
    """The verdict's; empty where there was no drill."""
    cause: str = ""
    """What the drill said, or why there was none."""
    drill: str = ""
    seconds: float = 0.0
    """Of breaking and drilling."""
    paged: Sequence[str] = ()
    """Routes that took the page."""
    page_fault: str = ""
    """Why a route did not take it."""

    @property
    def alarming(self) -> bool:
        """Whether the alarm has failed: nobody noticed, or nobody could be told."""
        return self.state == "unnoticed" or bool(self.page_fault)


class Teller(Protocol):
    """Tells people. Both return the names of the routes that took the page, and raise PageError if one did not."""

    def tell_noticed(self, database: str, finding: Finding, /) -> Sequence[str]:
        """Send the exercise's page, and resolve it."""

    def tell_unnoticed(self, database: str, finding: Finding, /) -> Sequence[str]:
        """Send the loudest page of all."""


Sabotage = Callable[[Way], Finding]
"""Breaks a fresh copy in one way and drills it."""


@contextlib.contextmanager
def prepare(installation: Installation, order: Order, on_progress: progress.OnProgress | None = None) -> Iterator[Sabotage]:
    """Bring the recovery point here, and give what breaks a copy of it and drills that; in the end nothing of it is left.

    Raise CheckError if the recovery point is not good itself, another ProvenError if it can't be brought here.
    """
    with scratch.make(installation, order.sandbox) as folder:
        workshop = Workshop(installation, order.database, order.recovery_point, order.store, folder)
        manifest = workshop.bring(on_progress)
        if manifest.of_files:
            what = f"{order.recovery_point} is physical: there are no ways to break such a copy yet"
            raise ConfigError(what, hint="Sabotage a recovery point of the method logical.")
        _require_good(workshop, order, on_progress)
        yield lambda way: _try(workshop, manifest, order, way, on_progress)


def run(
    installation: Installation,
    order: Order,
    teller: Teller | None,
    *,
    on_finding: Callable[[Finding], None] = lambda finding: None,
    on_progress: progress.OnProgress | None = None,
) -> list[Finding]:
    """Do an exercise and return what came of each way; without a teller nobody is told. `on_finding` hears of each at once.

    Raise ProvenError as `prepare` does, and if an instance can't be destroyed.
    """
    findings: list[Finding] = []
    with prepare(installation, order, on_progress) as sabotage:
        for way in order.ways:
            finding = _tell(order.database, sabotage(way), teller)
            findings.append(finding)
            on_finding(finding)
            if order.enough and sum(one.state != "not applicable" for one in findings) >= order.enough:
                break
    return findings


def require_noticed(findings: Sequence[Finding]) -> None:
    """Raise UnnoticedError, naming each, if the alarm has failed in any way."""
    if failed := [finding for finding in findings if finding.alarming]:
        raise UnnoticedError(
            describe(failed[0]) + (f" (and {len(failed) - 1} more)" if len(failed) > 1 else ""),
            detail="\n".join(describe(finding) for finding in failed),
            hint="Trust no verdict of *proven* until you know why: a copy that was broken on purpose raised no proper alarm.",
        )


def require_tried(findings: Sequence[Finding]) -> None:
    """Raise ProvenError if something could not be tried, or nothing fitted the recovery point."""
    tried = [finding for finding in findings if finding.state != "not applicable"]
    if failed := [finding for finding in tried or findings if finding.state != "noticed"]:
        raise ProvenError(
            f"sabotage could not be tried: {describe(failed[0])}", hint="It says nothing about the alarm: try again."
        )


def describe(finding: Finding) -> str:
    """Return what came of a sabotage, in a line."""
    said = f"{finding.way} ({finding.thing or finding.what})"
    if finding.page_fault:
        return f"{said}: {finding.outcome}, but the page was not delivered: {finding.page_fault}"
    if finding.outcome == "proven":
        return f"{said}: the drill calls the broken copy PROVEN; expected: {finding.expected}"
    if finding.state == "unnoticed":
        return f"{said}: {finding.outcome} for another reason: {finding.cause}; expected: {finding.expected}"
    return f"{said}: {finding.outcome or finding.state}: {finding.cause}"


def _require_good(workshop: Workshop, order: Order, on_progress: progress.OnProgress | None) -> None:
    """Raise CheckError unless the newest verdict on the recovery point is *proven*; if there is none, drill it untouched."""
    database, point = order.database, order.recovery_point
    answers = copies.ask(workshop.installation, database, lambda one: one.verdicts(database, point)).require()
    verdicts = [verdict for found in answers.given.values() for verdict in found]
    newest = max(verdicts, key=lambda verdict: verdict.drill, default=None)
    if newest is None:
        installation, _ = workshop.lay_out()
        newest = _drill(workshop.folder, installation, order, "untouched", on_progress)
    if newest.outcome != "proven":
        raise CheckError(
            f"recovery point {point} is not good itself: {newest.outcome}: {newest.reason}",
            hint="Only a good one can show that a broken one is noticed: choose one that is proven (`./proven list`).",
        )


def _try(workshop: Workshop, manifest: Manifest, order: Order, way: Way, on_progress: progress.OnProgress | None) -> Finding:
    """Break a fresh copy and drill it."""
    begun = time.monotonic()
    finding = Finding(way.name, way.failure, way.what, way.expected, "not applicable")
    installation, place = workshop.lay_out()
    try:
        thing = way.act(Copy(workshop, manifest, place))
    except NotApplicableError as error:
        return dataclasses.replace(finding, cause=error.what)
    verdict = _drill(workshop.folder, installation, order, way.name, on_progress)
    state, cause = _judge(way, verdict, thing)
    return dataclasses.replace(
        finding,
        state=state,
        thing=thing,
        outcome=verdict.outcome,
        cause=cause,
        drill=verdict.drill,
        seconds=time.monotonic() - begun,
    )


def _judge(way: Way, verdict: Verdict, thing: str) -> tuple[State, str]:
    """Return whether a verdict shows that the sabotage was noticed, and in which words."""
    if cause := way.find_cause(verdict, thing):
        return "noticed", cause
    # what could not be tried has shown nothing, neither good nor bad
    return "untried" if verdict.outcome == "unproven" else "unnoticed", verdict.reason


def _drill(
    folder: pathlib.Path, installation: Installation, order: Order, name: str, on_progress: progress.OnProgress | None
) -> Verdict:
    asked = drill.Drill(
        ids.new_drill(), order.database, order.recovery_point, STORE, order.sandbox, f"{order.triggered_by} sabotage {name}"
    )
    scratch.note_instance(folder, asked.instance)
    return drill.run(installation, asked, on_progress=on_progress)


def _tell(database: str, finding: Finding, teller: Teller | None) -> Finding:
    if teller is None or finding.state not in ("noticed", "unnoticed"):
        return finding
    tell = teller.tell_noticed if finding.state == "noticed" else teller.tell_unnoticed
    try:
        return dataclasses.replace(finding, paged=tell(database, finding))
    except PageError as error:
        return dataclasses.replace(finding, page_fault=error.what)
