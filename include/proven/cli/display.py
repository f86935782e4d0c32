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

results = Console()
errors = Console(stderr=True, soft_wrap=True)


def print_json(document: Any) -> None:
    """Print one JSON document on standard output."""
    json.dump(document, sys.stdout, indent=2, default=str)
    sys.stdout.write("\n")


def print_error(error: ProvenError) -> None:
    """Print what happened, the machine's detail, the hint, and what was noted besides."""
    errors.print(f"[bold red]error:[/] {escape(error.what)}", highlight=False)
    if error.detail:
        errors.print(f"  [dim]{escape(error.detail)}[/]", highlight=False)
    if error.hint:
        errors.print(f"  [bold]HINT:[/] {escape(error.hint)}", highlight=False)
    for note in getattr(error, "__notes__", []):
        errors.print(f"  {escape(note)}", highlight=False)


def print_warning(text: str) -> None:
    """Print what a person should know that is no error."""
    errors.print(f"[bold yellow]warning:[/] {escape(text)}", highlight=False)


class Stages:
    """A line for each task, and a bar for each stage, made when it is first heard of."""

    def __init__(self, bars: Progress) -> None:
        self._bars = bars
        self._lines: dict[str, TaskID] = {}

    def show(self, event: progress.Progress) -> None:
        """Move a stage's bar."""
        done = progress.format_bytes(event.bytes) if event.bytes else ""
        moved = f"{done} of {progress.format_bytes(event.total)}" if event.total else done
        rate = f"{progress.format_bytes(event.rate)}/s" if event.rate else ""
        self._bars.update(self._line(event.stage), completed=event.bytes, total=event.total, moved=moved, rate=rate)

    def begin(self, task: str) -> None:
        """Show that a task runs."""
        self._line(task)

    def end(self, task: str, *, failed: bool) -> None:
        """Show that a task, and every stage of it, has ended."""
        for name, line in self._lines.items():
            if name == task or name.startswith(f"{task} "):
                self._fill(line)
        if failed:
            self._bars.update(self._line(task), rate="[bold red]failed[/]")

    def finish(self) -> None:
        """Let every bar stand full: all is over."""
        for line in self._lines.values():
            self._fill(line)

    def _line(self, name: str) -> TaskID:
        if name not in self._lines:
            self._lines[name] = self._bars.add_task(name, total=None, moved="", rate="")
        return self._lines[name]

    def _fill(self, line: TaskID) -> None:
        known = self._bars.tasks[self._bars.task_ids.index(line)]
        self._bars.update(line, total=known.completed or 1, completed=known.completed or 1)


@contextlib.contextmanager
def stages() -> Iterator[Stages]:
    """Show bars while the block runs."""
    columns = (
        SpinnerColumn(finished_text="[green]✓[/]"),
        TextColumn("{task.description:<20}"),
        BarColumn(bar_width=28),
        TextColumn("{task.fields[moved]:>22}"),
        TextColumn("[dim]{task.fields[rate]:>12}[/]"),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=errors, disable=not errors.is_terminal) as bars:
        shown = Stages(bars)
        yield shown
        shown.finish()
