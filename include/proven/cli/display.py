"""What the terminal shows: progress and errors on standard error, results on standard output."""

from __future__ import annotations

import contextlib
import json
import sys
from collections.abc import Iterator
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, Progress, SpinnerColumn, TaskID, TextColumn, TimeElapsedColumn

from include.proven import progress
from include.proven.errors import ProvenError

results = Console(soft_wrap=True)
errors = Console(stderr=True, soft_wrap=True)


def print_json(document: Any) -> None:
    """Print one JSON document on standard output."""
    json.dump(document, sys.stdout, indent=2, default=str)
    sys.stdout.write("\n")


def print_error(error: ProvenError) -> None:
    """Print what happened, the machine's detail and the hint."""
    errors.print(f"[bold red]error:[/] {escape(error.what)}", highlight=False)
    if error.detail:
        errors.print(f"  [dim]{escape(error.detail)}[/]", highlight=False)
    if error.hint:
        errors.print(f"  [bold]HINT:[/] {escape(error.hint)}", highlight=False)


class Stages:
    """A bar for each stage, made when the stage is first heard of."""

    def __init__(self, bars: Progress) -> None:
        self._bars = bars
        self._tasks: dict[str, TaskID] = {}

    def show(self, event: progress.Progress) -> None:
        """Move a stage's bar."""
        if event.stage not in self._tasks:
            self._tasks[event.stage] = self._bars.add_task(event.stage, total=event.total, moved="", rate="")
        done = progress.format_bytes(event.bytes)
        moved = f"{done} of {progress.format_bytes(event.total)}" if event.total else done
        rate = f"{progress.format_bytes(event.rate)}/s" if event.rate else ""
        self._bars.update(self._tasks[event.stage], completed=event.bytes, total=event.total, moved=moved, rate=rate)

    def finish(self) -> None:
        """Let every bar stand full: its stage is over."""
        for task in self._tasks.values():
            known = self._bars.tasks[self._bars.task_ids.index(task)]
            self._bars.update(task, total=known.completed or 1, completed=known.completed or 1)


@contextlib.contextmanager
def stages() -> Iterator[Stages]:
    """Show bars while the block runs."""
    columns = (
        SpinnerColumn(finished_text="[green]✓[/]"),
        TextColumn("{task.description:<10}"),
        BarColumn(bar_width=28),
        TextColumn("{task.fields[moved]:>22}"),
        TextColumn("[dim]{task.fields[rate]:>12}[/]"),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=errors, disable=not errors.is_terminal) as bars:
        shown = Stages(bars)
        yield shown
        shown.finish()
