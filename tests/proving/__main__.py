"""`scripts/prove-the-proof`: run mutations and honest drills of both flavours beside each other, and write the figures."""

from __future__ import annotations

import argparse
import collections
import contextlib
import json
import math
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator

from include.proven.demo.keys import create_demo_keys
from include.proven.encryption import gpg
from tests.proof.copies import Pair
from tests.proving import figures, honest, load
from tests.proving.figures import Figures
from tests.proving.trial import Result, Trial
from tests.servers.databases import FETCH_MYSQL, DatabaseServer, run_source

FLAVOURS = ("mariadb", "mysql")
running = contextlib.contextmanager(run_source)


def main() -> int:
    """Do what the arguments say. Return 1 if a mutation was missed or an honest drill has alarmed."""
    arguments = parse()
    if arguments.flavour:
        shown = [run_flavour(arguments)]
    else:
        shown = run_both(arguments)
        figures.write(shown, arguments.seed)
    for one in shown:
        for line in (*one.missed, *one.alarms):
            print(line)
        say(
            one.flavour,
            f"{one.mutations:,} mutations, {len(one.missed)} missed; {one.drills} drills, {len(one.alarms)} false alarms",
        )
    return int(any(one.missed or one.alarms for one in shown))


def parse() -> argparse.Namespace:
    """Return the arguments."""
    parser = argparse.ArgumentParser(prog="scripts/prove-the-proof", description=__doc__)
    parser.add_argument("--mutations", type=int, default=10_000, help="of both flavours together (default: %(default)s)")
    parser.add_argument("--drills", type=int, default=300, help="of both flavours together (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=1, help="of data, mutations and load (default: %(default)s)")
    parser.add_argument("--minutes", type=float, default=math.inf, help="that mutations, and drills, may take at the most")
    parser.add_argument("--flavour", choices=FLAVOURS, help="this one alone, and nothing is written to docs/failures.md")
    parser.add_argument("--only", type=int, help="this number of the mutations alone: with the seed and flavour that missed it")
    parser.add_argument("--json", type=pathlib.Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.only is not None and not arguments.flavour:
        parser.error("--only needs --flavour: each has mutations of its own")
    return arguments


def run_both(arguments: argparse.Namespace) -> list[Figures]:
    """Run each flavour's half in a process of its own, and return what both have shown. Raise if one has ended badly."""
    with tempfile.TemporaryDirectory() as folder:
        files = {flavour: pathlib.Path(folder) / flavour for flavour in FLAVOURS}
        processes = []
        for number, (flavour, file) in enumerate(files.items()):
            share = [(count + 1 - number) // 2 for count in (arguments.mutations, arguments.drills)]
            told = ["--mutations", str(share[0]), "--drills", str(share[1]), "--seed", str(arguments.seed)]
            told += ["--minutes", str(arguments.minutes), "--json", str(file)]
            processes.append(subprocess.Popen([sys.executable, "-m", "tests.proving", "--flavour", flavour, *told]))
        try:
            statuses = [process.wait() for process in processes]
        except BaseException:
            for process in processes:
                process.send_signal(signal.SIGINT)  # unlike SIGTERM it lets them stop their servers
                process.wait()
            raise
        if any(status not in (0, 1) for status in statuses) or not all(file.exists() for file in files.values()):
            raise SystemExit(f"a flavour has ended badly, nothing was written: exit statuses {statuses}")
        return [Figures(**json.loads(file.read_text())) for file in files.values()]


def run_flavour(arguments: argparse.Namespace) -> Figures:
    """Run one flavour in this process."""
    flavour = arguments.flavour
    path = [pathlib.Path(_said([str(FETCH_MYSQL)]))] if flavour == "mysql" else []
    with running(flavour, path) as source:
        shown = Figures(flavour, f"{flavour} {source.version}")
        if arguments.mutations or arguments.only is not None:
            with running(flavour, path) as twin:
                try_mutations(Pair(source, twin), arguments, shown)
        if arguments.drills and arguments.only is None:
            try_drills(source, arguments, shown)
    if arguments.json:
        arguments.json.write_text(json.dumps(shown.as_json()))
    return shown


def try_mutations(pair: Pair, arguments: argparse.Namespace, shown: Figures) -> None:
    """Make the mutations and add to the figures."""
    trial = Trial(pair, arguments.seed)
    kinds: dict[str, list[int]] = collections.defaultdict(lambda: [0, 0])

    def note(result: Result) -> None:
        kinds[result.kind][0] += 1
        kinds[result.kind][1] += result.found
        if not result.found:
            shown.missed.append(f"seed {arguments.seed}: {result}")
        if result.number % 250 == 249 or not result.found:
            say(shown.flavour, f"{result.number + 1:,} of {arguments.mutations:,} mutations, {len(shown.missed)} missed")

    try:
        if arguments.only is None:
            begun = time.monotonic()
            shown.mutations = len(trial.run(arguments.mutations, seconds=arguments.minutes * 60, on_result=note))
            shown.mutation_seconds = time.monotonic() - begun
        else:
            note(result := trial.try_one(arguments.only))
            print(result)
    finally:
        trial.close()
    shown.kinds = dict(kinds)


def try_drills(source: DatabaseServer, arguments: argparse.Namespace, shown: Figures) -> None:
    """Take and drill backups under load, and add to the figures."""
    load.make(source)

    def note(outcome: honest.Outcome) -> None:
        if outcome.verdict is None:
            shown.failed_backups.append(outcome.backup_error)
        else:
            shown.drills += 1
        if outcome.is_false_alarm:
            shown.alarms.append(f"{shown.flavour}: {outcome}")
        shown.drill_seconds += outcome.seconds
        if shown.drills % 5 == 0 or not outcome.proven:
            say(shown.flavour, f"{shown.drills} of {arguments.drills} drills, {len(shown.alarms)} alarms; {outcome}")

    with (
        workplace() as folder,
        tempfile.TemporaryDirectory(prefix="proven-gpg-") as home,
    ):
        keys = create_demo_keys(pathlib.Path(home) / "home")
        try:
            with (
                honest.open_fleet(folder / "fleet", source, keys, folder / "sandboxes") as installation,
                load.Load(source, arguments.seed) as writers,
            ):
                honest.run(installation, arguments.drills, arguments.minutes * 60, note)
        finally:
            gpg.stop_agents(keys.home)
    shown.load = {**writers.done, "rate": writers.rate}


@contextlib.contextmanager
def workplace() -> Iterator[pathlib.Path]:
    """Give a directory that a sandbox's unprivileged user can enter, with a path short enough for a socket."""
    folder = pathlib.Path(tempfile.mkdtemp(prefix="proven-prove-", dir="/var/tmp"))
    folder.chmod(0o711)
    try:
        yield folder
    finally:
        shutil.rmtree(folder)


def say(flavour: str, words: str) -> None:
    """Print one line of progress at once."""
    print(f"{flavour:8}{words}", flush=True)


def _said(argv: list[str]) -> str:
    return subprocess.run(argv, stdout=subprocess.PIPE, text=True, check=True).stdout.strip()


if __name__ == "__main__":
    sys.exit(main())
