"""The verdict: proven, refuted or unproven. Never collapsed: unproven is not green."""

from __future__ import annotations

import datetime
from typing import Any, Literal

from include.proven.manifest import Command, LeftOut, Record, Stage

Outcome = Literal["proven", "refuted", "unproven"]
CheckOutcome = Literal["pass", "fail", "could-not-run"]
Severity = Literal["critical", "warning"]

EXIT_STATUS: dict[Outcome, int] = {"proven": 0, "refuted": 1, "unproven": 2}


class Check(Record):
    """One named question and its answer."""

    name: str
    """`fingerprint`, `objects`, `canary`, or the user check's name."""
    outcome: CheckOutcome
    proves_data: bool = False
    """True for a check that compares data (rows): a verdict of proven needs at least one that passed."""
    figure: str = ""
    """What was seen, in a few words: `22 tables, 1,204,331 rows`."""
    hint: str = ""
    differences: list[str] = []
    """One line a difference, as a DBA would read it; at most 100."""
    severity: Severity = "critical"
    """A `warning` that fails is told, and refutes nothing."""
    not_covered: list[str] = []
    """What it did not look at, each as a sentence: the verdict repeats them."""
    seconds: float = 0.0
    commands: list[Command] = []
    """What the agents ran that were asked for it (`audit.py`). Of checks that were asked together, the first has them all."""
    commands_left_out: LeftOut | None = None


class Step(Record):
    """Evidence of one step of a drill (`build`, `restore`), or of why it could not be done."""

    name: str
    outcome: Literal["done", "refuted", "unproven"]
    what: str = ""
    detail: str = ""
    hint: str = ""
    seconds: float = 0.0
    stages: list[Stage] = []
    figures: dict[str, Any] = {}
    commands: list[Command] = []
    """What the agents ran in this step (`audit.py`), however it ended."""
    commands_left_out: LeftOut | None = None


class Usage(Record):
    """What a drill has used (`usage.measure`)."""

    size: str = ""
    """Of the instance: `local`, `m1.large`; empty where it was never ready."""
    instance_seconds: float
    """From the moment that the instance was asked for to the verdict."""
    price_per_hour: float | None = None
    """As the fleet has it (`prices:`), in its currency; None if it does not."""
    cost: float | None = None
    """Of the instance for that time."""
    fetched_bytes: int | None = None
    """Read from the store; None if the restore did not get to its end."""


class Verdict(Record):
    """What a drill has shown. Stored, signed, beside the recovery point."""

    format: Literal[1] = 1
    drill: str
    database: str
    recovery_point: str
    store: str
    sandbox: str
    outcome: Outcome
    reason: str
    """One line: why it is not proven; empty when it is."""
    hint: str = ""
    steps: list[Step]
    checks: list[Check]
    started_at: datetime.datetime
    finished_at: datetime.datetime
    snapshot_at: datetime.datetime | None
    data_age_seconds: float | None
    """`started_at` minus `Manifest.data_as_of`: how much would have been lost, had the source died when the drill began."""
    measured_rto_seconds: float | None
    """Build and restore, without the scheduler's gaps between them; None if the restore was not reached."""
    not_covered: list[str] = []
    """What this drill did not look at, each as a sentence."""
    warnings: list[str] = []
    """What should be looked at although it refutes nothing, each as a sentence: missed objectives, checks that only warn."""
    recovery: list[Stage] = []
    """What the time went to (`recovery.measure_parts`): build, restore with its download and load, checks."""
    triggered_by: str = ""
    """Who or what asked: `cli:alice@bastion`, `airflow:<DAG>/<run>`."""
    usage: Usage | None = None
    """What it has used; None if no instance came to be, and in verdicts from before this was measured."""
    rpo_seconds: float | None = None
    """What was promised when it was drilled, as the fleet file had it; None in verdicts from before this was recorded."""
    rto_seconds: float | None = None
    """Likewise: the objective that `measured_rto_seconds` is held against."""
    via: str = ""
    """The older recovery point that was restored in its place, and brought to its position by the binary log: the verdict is on
    that way, and says nothing of this copy. Empty: the copy itself was restored."""
    moment: datetime.datetime | None = None
    """The second at whose end the sandbox was looked at on that way (check `moment`)."""
    kept: bool = False
    """The sandbox was kept on purpose, for a look inside: it stands until it expires or is destroyed by hand."""
