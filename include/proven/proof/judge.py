"""Draws the verdict from what steps and checks have shown. What is missing or could not be asked was not proven."""

from __future__ import annotations

import datetime
import re
from collections.abc import Iterator, Sequence

from include.proven.agent.loose_tables import ENGINES as NOT_TRANSACTIONAL
from include.proven.fleet.databases import Objectives
from include.proven.manifest import Manifest
from include.proven.proof import moments, recovery
from include.proven.proof.built_in import BUILT_IN
from include.proven.proof.verdict import Check, Outcome, Step, Verdict

FLOAT_COLUMN = re.compile(r"^\s+`(?:[^`]|``)+` float\b", re.MULTILINE)


def conclude(
    *,
    drill: str,
    database: str,
    recovery_point: str,
    store: str,
    sandbox: str,
    triggered_by: str,
    manifest: Manifest | None,
    steps: Sequence[Step],
    checks: Sequence[Check],
    expected_steps: Sequence[str],
    expected_checks: Sequence[str],
    objectives: Objectives,
    newest: bool,
    started_at: datetime.datetime,
    finished_at: datetime.datetime,
) -> Verdict:
    """Given a drill's evidence, return its verdict.

    Refuted if any step or check showed that the recovery point is wrong; else unproven if anything that was expected is missing
    or could not run; else proven if at least one check that compares data has passed; otherwise unproven. `manifest` None: it
    could not be trusted. `newest`: there is no later recovery point. Times are UTC.
    """
    outcome, reason, hint = _decide(manifest, steps, checks, expected_steps, expected_checks)
    # a drill's id counts whole seconds: one that follows at once would seem to come before its snapshot
    age = max(0.0, (started_at - manifest.data_as_of).total_seconds()) if manifest else None
    rto = recovery.measure_rto(steps, expected_steps)
    return Verdict(
        drill=drill,
        database=database,
        recovery_point=recovery_point,
        store=store,
        sandbox=sandbox,
        outcome=outcome,
        reason=reason,
        hint=hint,
        steps=list(steps),
        checks=list(checks),
        started_at=started_at,
        finished_at=finished_at,
        snapshot_at=manifest.snapshot_at if manifest else None,
        data_age_seconds=age,
        measured_rto_seconds=rto,
        rpo_seconds=objectives.rpo.total_seconds(),
        rto_seconds=objectives.rto.total_seconds(),
        recovery=recovery.measure_parts(steps, checks),
        warnings=[*recovery.missed(objectives, age, rto, newest=newest), *_warnings(checks)],
        # once each: several checks may have looked away from the same thing
        not_covered=list(
            dict.fromkeys(
                [
                    *(_not_covered(manifest, expected_checks) if manifest else []),
                    *(sentence for check in checks for sentence in check.not_covered),
                    *_not_confined(steps),
                ]
            )
        ),
        triggered_by=triggered_by,
    )


def _decide(
    manifest: Manifest | None,
    steps: Sequence[Step],
    checks: Sequence[Check],
    expected_steps: Sequence[str],
    expected_checks: Sequence[str],
) -> tuple[Outcome, str, str]:
    """Return outcome, reason and hint. The first cause in the order of the drill is told; the others stand beside it."""
    for step in steps:
        if step.outcome == "refuted":
            return "refuted", f"{step.name}: {step.what}", step.hint
    for check in checks:
        if check.outcome == "fail" and check.severity == "critical":
            return "refuted", f"check {check.name} failed: {_first_words(check)}", check.hint
    doubt = next(_doubts(manifest, steps, checks, expected_steps, expected_checks), None)
    if doubt:
        return "unproven", *doubt
    if not any(check.outcome == "pass" and check.proves_data for check in checks):
        return "unproven", "no check has compared data", "Zero tables compared proves nothing: see what the fingerprint holds."
    return "proven", "", ""


def _doubts(
    manifest: Manifest | None,
    steps: Sequence[Step],
    checks: Sequence[Check],
    expected_steps: Sequence[str],
    expected_checks: Sequence[str],
) -> Iterator[tuple[str, str]]:
    """Yield reason and hint of everything that keeps the drill from proving."""
    for step in steps:
        if step.outcome == "unproven":
            yield f"{step.name}: {step.what}", step.hint
    lost = "It was stopped or killed before it could say anything: see the log of the run, then drill again."
    answered_steps = {step.name for step in steps}
    for name in expected_steps:
        if name not in answered_steps:
            yield f"{name}: no answer", lost
    if manifest is None:
        yield "the manifest could not be read", "See the evidence of the first step."
    # a canary that was never written is named under `not_covered`: it is a choice, not a failure
    excused = {"canary"} if manifest and manifest.canary is None else set()
    for check in checks:
        # what would refute nothing if it failed keeps nothing from being proven
        if check.outcome == "could-not-run" and check.severity == "critical" and check.name not in excused:
            yield f"check {check.name} could not run: {check.figure}", check.hint
    answered_checks = {check.name for check in checks} | excused
    for name in expected_checks:
        if name not in answered_checks:
            yield f"check {name}: no answer", lost


def _first_words(check: Check) -> str:
    more = f" (and {len(check.differences) - 1} more)" if len(check.differences) > 1 else ""
    return f"{check.differences[0]}{more}" if check.differences else check.figure


def _warnings(checks: Sequence[Check]) -> Iterator[str]:
    """Yield what the checks say that only warn, and have failed or could not run."""
    for check in checks:
        if check.outcome != "pass" and check.severity == "warning":
            could_not = "could not run: " if check.outcome == "could-not-run" else ""
            yield f"Check {check.name}: {could_not}{_first_words(check)}."


def _not_covered(manifest: Manifest, expected_checks: Sequence[str]) -> Iterator[str]:
    """Yield, a sentence each, what this drill did not look at."""
    tables = manifest.fingerprint.get("tables", {})
    inventory = manifest.inventory
    yield from manifest.not_covered
    if manifest.canary is None:
        yield "Identity and age of the data: the canary is switched off for this database."
    if not set(expected_checks) - {*BUILT_IN, moments.NAME}:
        yield "The application's own rules: this database has no SQL checks."
    if unread := sorted(set(inventory.get("tables", {})) - set(tables)):
        yield f"Rows of tables that have none of their own (MERGE, FEDERATED): {_list(unread)}."
    unlocked = {name: str(table.get("engine", "")) for name, table in tables.items() if not table.get("locked")}
    if loose := sorted(name for name, engine in unlocked.items() if engine.lower() in NOT_TRANSACTIONAL):
        yield f"One moment for all: tables outside of the snapshot (MyISAM, Aria …): {_list(loose)}."
    if floats := sorted(name for name, text in inventory.get("tables", {}).items() if FLOAT_COLUMN.search(text)):
        yield f"FLOAT beyond 6 digits, which no dump carries: {_list(floats)}."
    if versioned := sorted(name for name, text in inventory.get("tables", {}).items() if "WITH SYSTEM VERSIONING" in text):
        yield f"Past rows of system-versioned tables: {_list(versioned)}."
    if manifest.of_files:
        yield "How far AUTO_INCREMENT had gone beyond the numbers in use: files don't hold it."
    if uncounted := sorted(set(inventory.get("sequences", {})) - set(inventory.get("counters", {}))):
        yield f"How far sequences have counted: {_list(uncounted)}."
    if inventory.get("passing_events"):
        yield f"Status of events that end by themselves: {_list(sorted(inventory['passing_events']))}."


def _not_confined(steps: Sequence[Step]) -> Iterator[str]:
    """Yield a sentence if the sandbox's server saw the network of its host: then nothing but the source was tried."""
    if any(finding["name"] == "network" for step in steps for finding in step.figures.get("isolation", [])):
        yield "Connections of restored code to others than the source: the server saw the network of its host."


def _list(names: list[str], most: int = 5) -> str:
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more
