"""Proven's own ways: whole backups, fingerprint, signatures and all, and the restores that its drills begin with."""

from __future__ import annotations

import functools
import pathlib
from typing import Any

from include.proven import backup, drill, ids
from include.proven.bench import measure, sysbench
from include.proven.bench.engines import fleets, scratch
from include.proven.bench.engines.bed import Bed, settle
from include.proven.bench.engines.meter import Span
from include.proven.bench.engines.outcome import Outcomes
from include.proven.installation import Installation
from include.proven.manifest import Manifest

ONE, TABLES, FILES = "proven logical", "proven logical by table (2)", "proven physical"
UNCHANGED, CHANGED, INCREMENTAL = ", nothing changed", ", 1 % changed", " incremental, 1 % changed"
METHODS: dict[str, dict[str, Any]] = {ONE: {}, TABLES: {"parallel": 2}, FILES: {"method": "physical"}}
DATABASES = {ONE: "one", TABLES: "tables", FILES: "files"}


class Ours:
    """One bed's databases, each with a fleet of its own, and the newest recovery point of each."""

    def __init__(self, bed: Bed, outcomes: Outcomes) -> None:
        self._bed = bed
        self._outcomes = outcomes
        self._taken: dict[str, Manifest] = {}

    def back_up(self) -> None:
        """Take a full backup with each method."""
        for way in METHODS:
            self._outcomes.go("backup", way, functools.partial(self._take, way), ours=True)

    def restore(self) -> None:
        """Restore what was taken, each in a sandbox that is built already."""
        for way in (way for way in METHODS if way in self._taken):
            self._outcomes.go("restore", way, functools.partial(self._restore, way), ours=True)

    def back_up_changed(self, rows: int) -> None:
        """Back up again when nothing has changed, and when one row in a hundred has. Each can be done but once."""
        again = [way for way in (ONE, TABLES) if way in self._taken]
        for way in again:
            self._outcomes.go("backup", f"{way}{UNCHANGED}", functools.partial(self._take, way), ours=True, rounds=1)
        with self._bed.connect(self._bed.as_root(self._bed.source)) as session:
            sysbench.change(session, rows)
        settle(self._bed)
        for way in again:
            self._outcomes.go("backup", f"{way}{CHANGED}", functools.partial(self._take, way), ours=True, rounds=1)
        if FILES in self._taken and self._bed.flavour == "mariadb":
            way = f"{FILES}{INCREMENTAL}"
            self._outcomes.go("backup", way, functools.partial(self._take, FILES, "incremental"), ours=True, rounds=1)

    def _open(self, way: str) -> Installation:
        return open_way(self._bed, way)

    def _take(self, way: str, kind: str = "full") -> tuple[Span, int]:
        opened, point = self._open(way), backup.new_id(kind=kind)
        with self._bed.meter() as meter:
            taken = backup.take_backup(opened, DATABASES[way], point).manifest
        if kind == "full":
            self._taken[way] = taken
        stages = ", ".join(f"{stage.name} {stage.seconds:.1f}" for stage in taken.stages)
        measure.say(f"  {stages}; agent {meter.span.agent / 2**20:.0f} MiB")
        return meter.span, sum(artifact.bytes for artifact in taken.artifacts if artifact.at in ("", taken.recovery_point))

    def _restore(self, way: str) -> tuple[Span, int]:
        opened, database = self._open(way), DATABASES[way]
        point = self._taken[way].recovery_point
        this = drill.Drill(ids.new_drill(), database, point, fleets.STORE, fleets.SANDBOX)
        try:
            drill.build(opened, this)
            with drill.reach(opened, this) as endpoint:
                socket = pathlib.Path(endpoint["socket"])
            # a server's folder: data/ beside run/s
            with self._bed.meter([socket.parents[1] / "data"]) as meter:
                drill.load(opened, this)
            with drill.reach(opened, this) as endpoint:
                scratch.require_whole(self._bed, pathlib.Path(endpoint["socket"]))
        finally:
            drill.destroy(opened, this)
        return meter.span, 0


def open_way(bed: Bed, way: str) -> Installation:
    """Return the installation whose database is backed up that way."""
    cloned = {"clone_folder": str(bed.clones)} if way == FILES and bed.flavour == "mysql" else {}
    return bed.open(DATABASES[way], **METHODS[way], **cloned)
