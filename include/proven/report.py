"""The report that a person reads: what was backed up, what was restored, what was seen."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rich import box
from rich.console import Console, Group
from rich.markup import escape
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from include.proven.manifest import Manifest, Stage
from include.proven.progress import format_bytes, format_seconds
from include.proven.proof.verdict import Check, Step, Usage, Verdict

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


def print_recovery_point(console: Console, manifest: Manifest, stores: Sequence[str] = ()) -> None:
    """Print what a recovery point holds, how it was taken, and the names of the stores that have it, where they are given."""
    title = f"[bold]{escape(manifest.database)}[/]  {manifest.recovery_point}"
    body = Group(_facts(_recovery_point_facts(manifest, stores)), Text(), _stages(manifest.stages))
    console.print(Panel(body, title=title, title_align="left", box=box.ROUNDED, padding=(1, 2)))


def print_verdict(console: Console, verdict: Verdict) -> None:
    """Print a drill's verdict: the answer first, then every check, the times, and what was not covered."""
    style = OUTCOME_STYLE[verdict.outcome]
    head = Text.assemble((verdict.outcome.upper(), style), f"  {verdict.reason}" if verdict.reason else "")
    parts = [head]
    if verdict.hint:
        parts.append(Text(f"HINT: {verdict.hint}"))
    body = Group(
        *parts, Text(), _facts(_verdict_facts(verdict)), Text(), _checks(verdict.checks), *_failed_steps(verdict.steps)
    )
    stages = [stage for step in verdict.steps for stage in step.stages]
    if stages:
        body = Group(body, Text(), _stages(stages))
    if verdict.not_covered:
        body = Group(body, Text(), Text("not covered: " + " ".join(verdict.not_covered), style="dim"))
    title = f"[bold]drill[/] {verdict.drill}"
    border = style.removeprefix("bold ")
    console.print(Panel(body, title=title, title_align="left", box=box.ROUNDED, border_style=border, padding=(1, 2)))


def _recovery_point_facts(manifest: Manifest, stores: Sequence[str]) -> Iterator[tuple[str, str]]:
    plain = sum(artifact.plain_bytes for artifact in manifest.artifacts)
    stored = sum(artifact.bytes for artifact in manifest.artifacts)
    seconds = (manifest.finished_at - manifest.started_at).total_seconds()
    tables = manifest.fingerprint["tables"]
    yield "source", f"{manifest.server.hostname}, {manifest.server.flavour} {manifest.server.version}"
    yield "data as of", manifest.snapshot_at.strftime("%Y-%m-%d %H:%M:%S UTC")
    yield "schemas", ", ".join(manifest.schemas)
    yield "tables", f"{len(tables)} tables, {manifest.fingerprint['rows']:,} rows, fingerprinted inside the dump's snapshot"
    yield "dumped", f"{format_bytes(plain)} of SQL in {format_seconds(seconds)} ({format_bytes(plain / seconds)}/s)"
    yield "stored", f"{format_bytes(stored)}, compressed {plain / stored:.1f}x and encrypted, in {_count_parts(manifest)} parts"
    if stores:
        yield "held by", f"store{'s' if len(stores) > 1 else ''} {', '.join(stores)}"
    yield "readable by", ", ".join(manifest.recipients)


def _count_parts(manifest: Manifest) -> int:
    return sum(len(artifact.parts) for artifact in manifest.artifacts)


def _verdict_facts(verdict: Verdict) -> Iterator[tuple[str, str]]:
    yield "recovery point", verdict.recovery_point
    yield "restored in", f"sandbox {verdict.sandbox}, from store {verdict.store}"
    if isolation := [finding for step in verdict.steps for finding in step.figures.get("isolation", [])]:
        broken = [finding["said"] for finding in isolation if not finding["ok"]]
        yield ("not isolated" if broken else "isolated"), ", ".join(broken or [finding["said"] for finding in isolation])
    if verdict.data_age_seconds is not None:
        yield "data age", f"{format_seconds(verdict.data_age_seconds)} when the drill began"
    if verdict.measured_rto_seconds is not None:
        yield "measured RTO", f"{format_seconds(verdict.measured_rto_seconds)} to build and restore"
    if verdict.usage:
        yield "used", _usage(verdict.usage)
    if verdict.kept:
        yield "kept", "the sandbox stands until it expires: see `./proven sandboxes`"
    if verdict.triggered_by:
        yield "asked by", verdict.triggered_by


def _usage(usage: Usage) -> str:
    """Return what a drill has used: `m1.large for 12 min 05 s, 0.0242 at 0.12 an hour; 1.3 GB from the store`."""
    said = f"{usage.size or 'an instance'} for {format_seconds(usage.instance_seconds)}"
    if usage.cost is not None:
        said += f", {usage.cost:.4f} at {usage.price_per_hour:g} an hour"
    return said + (f"; {format_bytes(usage.fetched_bytes)} from the store" if usage.fetched_bytes is not None else "")


def _facts(facts: Iterator[tuple[str, str]]) -> Table:
    table = Table.grid(padding=(0, 2))
    table.add_column(style="dim", no_wrap=True)
    table.add_column(overflow="fold")
    for name, value in facts:
        table.add_row(name, Text(value))
    return table


def _checks(checks: Sequence[Check]) -> Table:
    table = Table("", "check", "seen", "time", box=box.SIMPLE_HEAD, pad_edge=False)
    table.columns[1].max_width, table.columns[2].overflow, table.columns[3].no_wrap = 24, "fold", True
    for check in checks:
        mark = Text(MARK[check.outcome], style=OUTCOME_STYLE[check.outcome])
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
