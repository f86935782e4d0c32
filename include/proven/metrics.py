"""Metrics for Prometheus, read from the stores: what is proven, how old it is, how large, how long it takes.

Times are told as moments (`…_timestamp_seconds`) and not as ages: an age in a file that nobody writes any more stays young.
"""

from __future__ import annotations

import datetime
import pathlib
from collections.abc import Sequence
from typing import Any, get_args

import prometheus_client
from prometheus_client import parser

import include.proven
from include.proven.errors import PageError
from include.proven.fleet.pages import FLEET, Severity
from include.proven.installation import Installation
from include.proven.reports import paging, period_gathering
from include.proven.reports.digests import PageLine
from include.proven.reports.periods import DatabaseLine

IN_ORDER = "proven_in_order_seconds"


class Gauges:
    """The metrics of one moment, in a registry of their own."""

    def __init__(self) -> None:
        self.registry = prometheus_client.CollectorRegistry()
        self._known: dict[str, prometheus_client.Gauge] = {}

    def set(self, name: str, explained: str, value: float | None, **labels: str) -> None:
        """Set one sample. None sets nothing: what is not known has no number, not even 0."""
        if value is None:
            return
        if name not in self._known:
            self._known[name] = prometheus_client.Gauge(name, explained, list(labels), registry=self.registry)
        (self._known[name].labels(**labels) if labels else self._known[name]).set(value)

    @property
    def samples(self) -> list[dict[str, Any]]:
        """Name, labels and value of each."""
        found = (sample for family in self.registry.collect() for sample in family.samples)
        return [{"name": one.name, "labels": one.labels, "value": one.value} for one in found]

    @property
    def text(self) -> str:
        """All of them, as Prometheus reads them."""
        return prometheus_client.generate_latest(self.registry).decode()


def gather(installation: Installation, *, now: datetime.datetime) -> Gauges:
    """Return the metrics of every database. A store that gives no answer, and a record that can't be trusted, are counted."""
    gauges = Gauges()
    gauges.set("proven_info", "What has written this.", 1, version=include.proven.__version__)
    for line in period_gathering.draw_between(installation, now, now).databases:
        _set_newest(gauges, line)
        _set_proof(gauges, line)
        for store in line.stores:
            labels = {"database": line.name, "store": store}
            held = line.points_held.get(store)
            gauges.set("proven_store_up", "1: this store has answered for this database.", held is not None, **labels)
            gauges.set("proven_recovery_points", "How many this store holds.", held, **labels)
    paged = paging.read(installation)
    for database in (*sorted(installation.fleet.databases), FLEET):
        _set_pages(gauges, database, paged.pages.get(database, []))
    return gauges


def write(installation: Installation, file: pathlib.Path, *, in_order: bool, now: datetime.datetime) -> None:
    """Write all metrics for the textfile collector of Prometheus' node exporter, in one piece.

    `proven_in_order_seconds` is `now` if all is in order; otherwise what the file that is there says, and left out where it
    says nothing. Raise PageError if the file can't be written.
    """
    gauges = gather(installation, now=now)
    gauges.set("proven_watch_timestamp_seconds", "When the watch has written this.", now.timestamp())
    last = now.timestamp() if in_order else read_in_order(file)
    gauges.set(IN_ORDER, "When the watch last found all in order (Unix time).", last)
    try:
        prometheus_client.write_to_textfile(str(file), gauges.registry)
        file.chmod(0o644)
    except OSError as error:
        hint = "Its directory must exist, and the watch may write there."
        raise PageError(f"metrics: can't write {file}", detail=str(error), hint=hint) from error


def read_in_order(file: pathlib.Path) -> float | None:
    """Return when all was in order last, as a file of metrics says; None where there is none that says it."""
    try:
        families = list(parser.text_string_to_metric_families(file.read_text(encoding="utf-8")))
    except (OSError, ValueError):
        return None
    return next((sample.value for family in families for sample in family.samples if sample.name == IN_ORDER), None)


def _set_newest(gauges: Gauges, line: DatabaseLine) -> None:
    on = {"database": line.name}
    taken = line.newest_snapshot_at.timestamp() if line.newest_snapshot_at else None
    gauges.set("proven_rpo_seconds", "What is promised: how much may be lost.", line.rpo_seconds, **on)
    gauges.set("proven_rto_seconds", "What is promised: how long a restore may take.", line.rto_seconds, **on)
    gauges.set("proven_recovery_point_timestamp_seconds", "Of when the data of the newest recovery point is.", taken, **on)
    gauges.set("proven_backup_stored_bytes", "Of the newest recovery point, as stored.", line.newest_stored_bytes, **on)
    gauges.set("proven_backup_reused_bytes", "Of that, what was not sent again.", line.newest_reused_bytes, **on)
    gauges.set("proven_backup_plain_bytes", "Of the newest recovery point, before compression.", line.newest_plain_bytes, **on)
    gauges.set("proven_backup_seconds", "What the newest backup took.", line.newest_backup_seconds, **on)
    gauges.set("proven_problems", "Records that can't be read or trusted, and silent stores.", len(line.problems), **on)


def _set_proof(gauges: Gauges, line: DatabaseLine) -> None:
    on = {"database": line.name}
    drilled = line.newest.started_at.timestamp() if line.newest else None
    gauges.set("proven_drill_timestamp_seconds", "When the newest drill began.", drilled, **on)
    for outcome in line.outcomes:
        is_it = line.newest is not None and line.newest.outcome == outcome
        gauges.set("proven_verdict", "1: the newest drill has ended so.", is_it, **on, outcome=outcome)
    proof = line.newest_proven
    age = proof.data_age_seconds if proof else None
    proven = proof.started_at.timestamp() - age if proof and age is not None else None
    gauges.set("proven_proof_timestamp_seconds", "Of when the newest proven data is.", proven, **on)
    way = line.newest_way.started_at.timestamp() if line.newest_way else None
    gauges.set("proven_point_in_time_timestamp_seconds", "When the newest drill began that has proven the log.", way, **on)
    measured = proof.measured_rto_seconds if proof else None
    gauges.set("proven_restore_seconds", "What the newest proven drill took to build and restore.", measured, **on)


def _set_pages(gauges: Gauges, database: str, pages: Sequence[PageLine]) -> None:
    """Count the open pages. Where a store is silent there may be more than that."""
    for severity in get_args(Severity):
        number = sum(page.urgency == severity for page in pages)
        gauges.set("proven_pages_open", "Pages that nothing has resolved yet.", number, database=database, severity=severity)
