"""Times a piece of work, or a program with its peak memory, and prints a Markdown table of the timings."""

from __future__ import annotations

import dataclasses
import pathlib
import resource
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence

from include.proven import progress
from include.proven.errors import ToolError

LOOK_SECONDS = 0.02


@dataclasses.dataclass(frozen=True)
class Timing:
    """One way, once: wall and CPU seconds, bytes moved, and, of a program, the most memory that it held (bytes)."""

    way: str
    wall: float
    cpu: float
    bytes: int
    peak: int | None = None


def time_work(way: str, work: Callable[[], object], count: Callable[[], int]) -> Timing:
    """Run `work`; CPU seconds are this process's and its children's. `count` says how many bytes went, when it is done."""
    before, begun = cpu_seconds(), time.monotonic()
    work()
    wall = time.monotonic() - begun
    return Timing(way, wall, cpu_seconds() - before, count())


def time_program(
    way: str, argv: Sequence[str], count: int, *, environment: Mapping[str, str], source: pathlib.Path, sink: pathlib.Path
) -> Timing:
    """Run a program that reads a pipe from `source` and writes to `sink`. Raise ToolError, with its last words, if it fails."""
    before, begun = cpu_seconds(), time.monotonic()
    with subprocess.Popen(["cat", str(source)], stdout=subprocess.PIPE) as feeder, sink.open("wb") as out:
        program = subprocess.Popen(argv, stdin=feeder.stdout, stdout=out, stderr=subprocess.PIPE, env=dict(environment))
        if feeder.stdout:
            feeder.stdout.close()
        peak = _watch(program)
        words = program.stderr.read() if program.stderr else b""
        program.wait()
    wall = time.monotonic() - begun
    if program.returncode:
        raise ToolError(f"{way}: exit status {program.returncode}", detail=words.decode(errors="replace")[-1000:])
    return Timing(way, wall, cpu_seconds() - before, count, peak)


def print_table(timings: Sequence[Timing]) -> None:
    """Print one line a way."""
    with_memory = any(timing.peak for timing in timings)
    print("| way | wall s | CPU s | bytes | MB/s |" + (" peak memory |" if with_memory else ""))
    print("|---|---:|---:|---:|---:|" + ("---:|" if with_memory else ""))
    for timing in timings:
        rate, size = timing.bytes / timing.wall / 1e6, progress.format_bytes(timing.bytes)
        peak = f" {progress.format_bytes(timing.peak)} |" if timing.peak else ""
        print(f"| {timing.way} | {timing.wall:.1f} | {timing.cpu:.1f} | {size} | {rate:.0f} |{peak}")


def _watch(program: subprocess.Popen[bytes]) -> int:
    """Wait for a program's end and return the most memory that it has held."""
    peak, status = 0, pathlib.Path(f"/proc/{program.pid}/status")
    while program.poll() is None:
        # from /proc: the figure of getrusage begins with what *we* held when we forked
        held = [int(line.split()[1]) for line in status.read_text().splitlines() if line.startswith("VmHWM:")]
        peak = max([peak, *held])
        time.sleep(LOOK_SECONDS)
    return peak * 1024


def cpu_seconds() -> float:
    """Return what this process and its children that have ended have used."""
    seen = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(usage.ru_utime + usage.ru_stime for usage in seen)


def say(line: str) -> None:
    """Tell whoever waits what is done now."""
    print(f"· {line}", file=sys.stderr, flush=True)
