"""The task that ships a binary log."""

from __future__ import annotations

import logging
import time

from airflow.sdk import get_current_context, task

from include.proven.binlogs import streaming
from include.proven.catalog.binlogs import Segment
from include.proven.errors import PageError, StoreError
from include.proven.installation import Installation
from include.proven.pages import delivery
from include.proven.pages.ledger import StoreLedger
from proven_airflow import house_rules, identity, stopping
from proven_airflow.opening import open_installation

SHORTEST = 30.0
"""Seconds. A run that begins right before the next one is due takes over its time, too."""
log = logging.getLogger(__name__)


@task
def stream() -> None:
    """Ship the binary log until the next run is due. Fail if nothing could be shipped for a while, or if a store lacks pieces.

    When it goes on, the page that it had stopped is answered.
    """
    database = identity.database_of(get_current_context())
    installation = open_installation()
    with stopping.stop_on_sigterm():
        streamed = streaming.persist(
            installation,
            database,
            seconds=_until_the_next(time.time()),
            on_piece=_log_piece,
            on_error=lambda error: log.warning("the stream ended, and begins again: %s", error),
        )
    if streamed.skipped:
        log.warning("purged before it was shipped: %s; there is a gap", ", ".join(streamed.skipped))
    for store, error in streamed.failed.items():
        raise StoreError(f"store {store} lacks pieces of the binary log: {error.what}", detail=error.detail, hint=error.hint)
    _resolve(installation, database)


def _until_the_next(now: float) -> float:
    """Return the seconds until the next run is due."""
    every = house_rules.STREAM_EVERY.total_seconds()
    left = every - now % every
    return left if left >= SHORTEST else left + every


def _log_piece(piece: Segment) -> None:
    log.info("%s from offset %d to %d, complete to %s", piece.file, piece.start, piece.end, piece.complete_to)


def _resolve(installation: Installation, database: str) -> None:
    try:
        delivery.resolve(installation.fleet, database, ["binlogs-stopped"], StoreLedger(installation))
    except PageError as error:
        # the log is in the stores; the page stays open in the ledger, and the next run answers it again
        log.warning("the page that the stream had stopped could not be resolved: %s", error)
