"""The tasks of a drill, and how they hang together: the drill of a new recovery point and the fire drill are the same."""

from __future__ import annotations

import dataclasses
import datetime
import logging
from typing import Any

from airflow.sdk import TriggerRule, get_current_context, task
from airflow.sdk.exceptions import AirflowSkipException

from include.proven import copies, drill, drill_replay, progress
from include.proven.binlogs import lottery
from include.proven.drill import Drill
from include.proven.errors import CheckError, ConfigError, ProvenError, StoppedError
from include.proven.installation import Installation
from include.proven.pages import delivery
from include.proven.pages.ledger import StoreLedger
from include.proven.proof.built_in import TOGETHER
from include.proven.reports import gathering
from include.proven.room import NoRoomYetError
from proven_airflow import aftermath, callbacks, identity, reporting, stopping, turns, watching
from proven_airflow.opening import open_installation
from proven_airflow.operators.user_check import UserCheck

DEFAULT_POOL = "default_pool"
"""Airflow's own."""
log = logging.getLogger(__name__)


def wire_drill(time_limit: datetime.timedelta, pool: str = DEFAULT_POOL) -> None:
    """Put the steps of a drill into the DAG that is being built. `time_limit` goes for each whose work grows with the data.

    `pool` is that of the sandbox where it is known before the run; a fire drill's is not, and one at a time needs none.

    The run fails unless `resolve_pages` is done: Airflow takes a run's colour from its leaves, and a verdict with a teardown
    behind it is none.
    """
    chosen = choose()
    built = build.override(execution_timeout=time_limit, pool=pool)()
    restored = restore.override(execution_timeout=time_limit)()
    checked = check.override(execution_timeout=time_limit).expand(name=list(TOGETHER))
    listed = list_user_checks()
    asked = UserCheck.partial(task_id="user_check").expand(check=listed)
    concluded = verdict()
    destroyed = destroy().as_teardown(on_failure_fail_dagrun=True)
    reported = report()
    for operator, _ in (*concluded.iter_references(), *reported.iter_references()):
        operator.operator_extra_links = (reporting.ReportLink(),)
    chosen >> [built, listed]
    built >> restored >> [checked, asked] >> concluded >> [resolve_pages(), reported, destroyed]


@task(on_failure_callback=callbacks.DRILL_FAILED)
def choose(params: Any = None, triggering_asset_events: Any = None) -> dict[str, str]:
    """Choose the recovery point and the store: what triggered the run, or what the form asks for. Return their names.

    What the run has begun before, it goes on with.
    """
    context = get_current_context()
    installation = open_installation()
    turns.wait_for_turn(installation.fleet, context)
    database = identity.database_of(context)
    fields = context["dag"].params  # `params` has taken over whatever the run's conf holds
    if strange := set(context["dag_run"].conf or {}) - set(fields):
        raise ConfigError(f"the form has no field {', '.join(sorted(strange))}", hint=f"It has: {', '.join(fields) or 'none'}.")
    begun = aftermath.find_begun(installation, identity.drill_of(installation.fleet, context))
    if aftermath.stored_verdict(installation, begun):
        raise ConfigError("this run has had its verdict", hint="Trigger a new run: a drill has one verdict, and keeps it.")
    if begun.recovery_point:
        return _told(begun)
    if goal := identity.moment_of(context):
        asked = dataclasses.replace(begun, store=_store_of(params))
        return _told(lottery.choose(installation, asked, params["recovery_point"], goal))
    events = triggering_asset_events.get(identity.asset(installation.fleet, database), [])
    wish = max((event.extra["recovery_point"] for event in events), default=params.get("recovery_point", "latest"))
    found = copies.survey(installation, database, _store_of(params))
    for silent, error in found.silent.items():
        log.warning("store %s gives no answer: %s", silent, error.what)
    recovery_point = found.pick(wish)
    return {"recovery_point": recovery_point, "store": found.next_to_drill(recovery_point)}


@task
def build() -> None:
    """Build the sandbox. While there is no room for it the task comes back later, and holds neither worker nor slot."""
    installation, this = _this_drill()
    try:
        with stopping.stop_on_sigterm():
            drill.build(installation, this, asked_at=turns.asked_at(get_current_context()))
    except NoRoomYetError as full:
        log.info("%s", full)
        raise turns.come_back(full.seconds) from None


@task
def restore() -> None:
    """Restore the recovery point in the sandbox; or an older one, and replay the binary log there."""
    installation, this = _this_drill()
    with stopping.stop_on_sigterm():
        drill.load(installation, this, on_progress=watching.watch("restore"))
        if this.via:
            drill_replay.replay(installation, this, on_progress=watching.watch("replay"))


@task
def list_user_checks() -> list[str]:
    """Return the names of the database's own checks (`include/checks/<database>/*.sql`)."""
    installation, this = _this_drill()
    return drill.own_check_names(installation, this)


@task(map_index_template="{{ task.op_kwargs['name'] }}")
def check(name: str) -> None:
    """Ask the built-in checks that go together under this name."""
    installation, this = _this_drill()
    with stopping.stop_on_sigterm():
        answers = drill.check_together(installation, this, TOGETHER[name])
    for answer in answers:
        log.info("%s: %s", answer.name, answer.figure)


@task(trigger_rule=TriggerRule.ALL_DONE, on_failure_callback=callbacks.DRILL_FAILED)
def verdict() -> None:
    """Draw the verdict from the evidence, whatever has failed before, and store it. Fail unless it is *proven*."""
    installation, this = _this_drill()
    if not this.recovery_point:
        raise StoppedError("no recovery point was chosen", hint="The log of the task choose says why.")
    keep = bool(get_current_context()["params"].get("keep_on_failure"))
    found = drill.conclude(installation, this, keep_on_failure=keep)
    if found.outcome != "proven":
        error = CheckError if found.outcome == "refuted" else ProvenError
        raise error(f"{this.recovery_point} is {found.outcome}: {found.reason}", hint=found.hint)
    measured = progress.format_seconds(found.measured_rto_seconds or 0)
    log.info("%s is proven; build and restore took %s", this.recovery_point, measured)


@task
def resolve_pages() -> None:
    """Resolve the pages that this proof has answered."""
    installation, this = _this_drill()
    kinds = aftermath.answered_pages(installation, this)
    sent = delivery.resolve(installation.fleet, this.database, kinds, StoreLedger(installation))
    log.info("resolved on %s", ", ".join(sent.routes) or "no route: nothing is open that could be resolved now")
    for key in sent.held:
        log.info("%s has come and gone before: the watch resolves it when it stays away", key)


@task(trigger_rule=TriggerRule.ALL_DONE)
def report() -> None:
    """Leave the drill's report for the web server, which has neither key nor credential. Without a verdict there is none."""
    installation, this = _this_drill()
    if aftermath.stored_verdict(installation, this) is None:
        raise AirflowSkipException(f"the drill {this.id} has no verdict")
    document = gathering.draw(installation, this.database, this.recovery_point, this.id, this.store, this.folder)
    get_current_context()["ti"].xcom_push(reporting.KEY, document.model_dump_json())


@task(on_failure_callback=callbacks.SANDBOX_LEFT)
def destroy() -> None:
    """Destroy the sandbox, unless the form asked to keep that of a failed drill. Fail if the drill ended without a verdict.

    A run that a person marks failed would turn green again without that: its teardown is all that still runs.
    """
    installation, this = _this_drill()
    found = aftermath.stored_verdict(installation, this)
    if found and found.kept:
        log.warning("the sandbox stays, as the form asked; afterwards: ./proven sandboxes --destroy %s", this.instance)
        return
    drill.destroy(installation, this)
    if found is None:
        raise StoppedError(f"the drill {this.id} ended without a verdict; its sandbox is destroyed")


def _store_of(params: Any) -> str:
    store = params.get("store", identity.ANY_STORE)
    return copies.ANY if store == identity.ANY_STORE else str(store)


def _told(chosen: Drill) -> dict[str, str]:
    """Return what the other tasks must know of a choice (`identity.chosen_drill`)."""
    way = {"via": chosen.via, "moment": chosen.moment.isoformat() if chosen.moment else ""}
    return {"recovery_point": chosen.recovery_point, "store": chosen.store} | (way if chosen.via else {})


def _this_drill() -> tuple[Installation, Drill]:
    installation = open_installation()
    return installation, identity.chosen_drill(installation.fleet, get_current_context())
