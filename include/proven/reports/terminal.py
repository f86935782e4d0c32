"""The report in a terminal: what was backed up, what was restored, what was seen."""

from __future__ import annotations

import datetime
from collections.abc import Iterator, Sequence

from rich import box
from rich.console import Console, Group
from rich.markup import escape
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from include.proven.catalog.removals import Removal
from include.proven.catalog.restores import Restore
from include.proven.manifest import Manifest, Stage
from include.proven.progress import format_bytes, format_seconds
from include.proven.proof.verdict import Check, Step, Verdict
from include.proven.reports import commands, documents, facts
from include.proven.reports.commands import Trail
from include.proven.reports.documents import DrillDocument
from include.proven.reports.measures import Measure
from include.proven.reports.periods import PeriodDocument

OUTCOME_STYLE = {
    "proven": "bold green",
    "refuted": "bold red",
    "unproven": "bold yellow",
    "untrusted": "bold red",
    "pass": "green",
    "fail": "bold red",
    "could-not-run": "bold yellow",
}
MARK = {"pass": "✓", "fail": "✗", "could-not-run": "?"}
DIFFERENCES_SHOWN = 10
PERIOD_COLUMNS = ("proven", "refuted", "unproven")


def print_recovery_point(console: Console, manifest: Manifest, stores: Sequence[str] = ()) -> None:
    """Print what a recovery point holds, how it was taken, and the names of the stores that have it, where they are given."""
    title = f"[bold]{escape(manifest.database)}[/]  {manifest.recovery_point}"
    body = Group(_facts(facts.recovery_point(documents.summarise(manifest), stores)), Text(), _stages(manifest.stages))
    console.print(Panel(body, title=title, title_align="left", box=box.ROUNDED, padding=(1, 2)))


def print_verdict(console: Console, verdict: Verdict) -> None:
    """Print a drill's verdict: the answer first, then every check, the times, and what was not covered."""
    style = OUTCOME_STYLE[verdict.outcome]
    head = Text.assemble((verdict.outcome.upper(), style), f"  {verdict.reason}" if verdict.reason else "")
    parts = [head]
    if verdict.hint:
        parts.append(Text(f"HINT: {verdict.hint}"))
    parts += [Text(f"WARNING: {warning}", style="yellow") for warning in verdict.warnings]
    body = Group(*parts, Text(), _facts(facts.drill(verdict)), Text(), _checks(verdict.checks), *_failed_steps(verdict.steps))
    stages = [stage for step in verdict.steps for stage in step.stages]
    if stages:
        body = Group(body, Text(), _stages(stages))
    if verdict.not_covered:
        body = Group(body, Text(), Text("not covered: " + " ".join(verdict.not_covered), style="dim"))
    title = f"[bold]drill[/] {verdict.drill}"
    border = style.removeprefix("bold ")
    console.print(Panel(body, title=title, title_align="left", box=box.ROUNDED, border_style=border, padding=(1, 2)))


def print_trail(console: Console, trail: Trail) -> None:
    """Print what was run: when (UTC), for how long, how it ended, the command itself, and on which host."""
    hosts = sorted({command.host for command in trail.commands})
    console.print(Text(f"{trail.title}, on {', '.join(hosts)}", style="bold"))
    table = Table("at", "time", "status", "command", box=box.SIMPLE_HEAD, pad_edge=False)
    for column in table.columns[:3]:
        column.no_wrap = True
    table.columns[3].overflow = "fold"
    for command in trail.commands:
        ended = commands.status(command)
        started = f"{command.started_at.astimezone(datetime.UTC):%H:%M:%S}" if command.started_at else ""
        typed = commands.line(command) if len(hosts) == 1 else f"{command.host}: {commands.line(command)}"
        status = Text(ended, "" if ended == "0" else "bold yellow")
        table.add_row(started, format_seconds(command.seconds), status, Text(typed))
    console.print(table)
    if gap := commands.left_out(trail):
        console.print(Text(gap, style="dim"))


def print_restores(console: Console, restores: Sequence[Restore]) -> None:
    """Print who has restored which recovery point, when, where to, and what came of it."""
    table = Table("began", "recovery point", "to", "by", "ended", box=box.SIMPLE_HEAD, pad_edge=False)
    for column in table.columns:
        column.overflow = "fold"
    for one in restores:
        ended = one.outcome if one.outcome != "begun" else "not known: it runs, or was killed"
        said = f"{ended}: {one.reason}" if one.reason else ended
        table.add_row(facts.moment(one.started_at), one.recovery_point, Text(one.target), Text(one.triggered_by), Text(said))
    console.print(table)


def print_removals(console: Console, removals: Sequence[Removal]) -> None:
    """Print what retention has removed from which store, when, on whose word."""
    table = Table("began", "store", "removed", "freed", "by", "ended", box=box.SIMPLE_HEAD, pad_edge=False)
    for column in table.columns:
        column.overflow = "fold"
    for one in removals:
        what = "\n".join([*(f"{point.recovery_point}, {point.proof}" for point in one.points), *(log.file for log in one.logs)])
        ended = one.outcome if one.outcome != "begun" else "not known: this was to go when it began"
        said = f"{ended}: {one.reason}" if one.reason else ended
        freed = format_bytes(one.freed)
        table.add_row(facts.moment(one.started_at), one.store, Text(what), freed, Text(one.triggered_by), Text(said))
    console.print(table)


def print_document(console: Console, document: DrillDocument) -> None:
    """Print the report of a drill: its verdict, and what it was read from."""
    print_verdict(console, document.verdict)
    records = (
        (record.about, f"{record.key}  sha256 {record.sha256}, signed by {record.signer}") for record in document.records
    )
    console.print(_facts(records))


def print_period(console: Console, document: PeriodDocument) -> None:
    """Print the report of a period: a line for each database, and what could not be read or trusted."""
    since, until = facts.moment(document.since), facts.moment(document.drawn_at)
    console.print(f"drills from {since} to {until}", style="dim", highlight=False)
    table = Table("database", "newest drill", "proven data", "recovery", *PERIOD_COLUMNS, box=box.SIMPLE_HEAD, pad_edge=False)
    for column in table.columns[2:]:
        column.justify = "right"
    for line in document.databases:
        newest = line.newest.outcome if line.newest else "never drilled"
        measured = (_measure(measure) for measure in document.measures(line))
        counted = (f"{number:,}" for number in line.outcomes.values())
        table.add_row(line.name, Text(newest, OUTCOME_STYLE.get(newest, "bold red")), *measured, *counted)
    console.print(table)
    for line in document.databases:
        for problem in line.problems:
            console.print(Text(f"{line.name}: {problem}", style="red"))


def _measure(measure: Measure) -> Text:
    """Return what was measured of an objective, and the objective: `6.1 s of 26 h 00 min`."""
    style = {"met": "green", "not met": "bold red", "not shown": "bold yellow"}[measure.status]
    measured = format_seconds(measure.measured) if measure.measured is not None else measure.status
    return Text.assemble((measured, style), (f" of {format_seconds(measure.objective)}", "dim"))


def _facts(said: facts.Facts) -> Table:
    table = Table.grid(padding=(0, 2))
    table.add_column(style="dim", no_wrap=True)
    table.add_column(overflow="fold")
    for name, value in said:
        table.add_row(name, Text(value))
    return table


def _checks(checks: Sequence[Check]) -> Table:
    table = Table("", "check", "seen", "time", box=box.SIMPLE_HEAD, pad_edge=False)
    table.columns[1].max_width, table.columns[2].overflow, table.columns[3].no_wrap = 24, "fold", True
    for check in checks:
        warns = check.outcome == "fail" and check.severity == "warning"
        mark = Text("!", "bold yellow") if warns else Text(MARK[check.outcome], OUTCOME_STYLE[check.outcome])
        shown = check.differences[:DIFFERENCES_SHOWN]
        left = len(check.differences) - len(shown)
        seen = "\n".join([check.figure, *shown, *([f"… and {left} more"] if left else [])])
        table.add_row(mark, check.name, Text(seen), format_seconds(check.seconds))
    return table


def _failed_steps(steps: Sequence[Step]) -> Iterator[Text]:
    for step in steps:
        if step.outcome != "done":
            yield Text.assemble((f"{step.name}: ", OUTCOME_STYLE[step.outcome]), step.what)
            if step.detail:
                yield Text(step.detail, style="dim")


def _stages(stages: Sequence[Stage]) -> Table:
    table = Table("stage", "time", "moved", "rate", box=box.SIMPLE_HEAD, pad_edge=False)
    for column in table.columns[1:]:
        column.justify = "right"
    for stage in stages:
        moved = format_bytes(stage.bytes) if stage.bytes else ""
        rate = f"{format_bytes(stage.bytes / stage.seconds)}/s" if stage.bytes and stage.seconds else ""
        table.add_row(stage.name, format_seconds(stage.seconds), moved, rate)
    return table
