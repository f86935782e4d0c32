"""Who is who: the names of DAGs, assets and drills, so that DAGs, tasks and callbacks agree without telling each other."""

from __future__ import annotations

import datetime
from collections.abc import Iterator
from typing import Any

from airflow.sdk import Asset, get_parsing_context

from include.proven import ids
from include.proven.drill import Drill
from include.proven.fleet import model
from include.proven.fleet.databases import Database

ACKNOWLEDGE = "acknowledge"
DIGEST = "digest"
FIRE_DRILL = "fire_drill"
PAGE_TEST = "page_test"
REAPER = "reaper"
SABOTAGE = "sabotage"
WATCH = "watch"
RECOVERY_POINT = ids.RECOVERY_POINT.pattern
"""What the id of a recovery point looks like."""
OWN_SANDBOX = "the database's own"
"""Choice of the fire drill's form. No sandbox can have that name: `fleet.model.Name` allows neither blank nor apostrophe."""
ANY_STORE = "any that holds it"
"""Choice of the fire drill's form, likewise: of those that hold the recovery point, the one that was drilled longest ago."""


POINT_IN_TIME = "point-in-time"
"""What pages of drills by the binary log are told apart by: they are on no copy."""
NO_MOMENT = "no"
"""Choice of the fire drill's form: the copy itself is restored."""


def backup_dag(database: str) -> str:
    """Return the id of the DAG that backs up a database."""
    return f"backup__{database}"


def binlogs_dag(database: str) -> str:
    """Return the id of the DAG that ships a database's binary log."""
    return f"binlogs__{database}"


def drill_dag(database: str) -> str:
    """Return the id of the DAG that drills each new recovery point of a database."""
    return f"drill__{database}"


def point_in_time_dag(database: str) -> str:
    """Return the id of the DAG that drills a random second of a database."""
    return f"point_in_time__{database}"


def retention_dag(database: str) -> str:
    """Return the id of the DAG that removes what retention does not keep of a database."""
    return f"retention__{database}"


def wanted(fleet: model.Fleet, process: str) -> Iterator[tuple[str, Database]]:
    """Yield, sorted by name, the databases whose `<process>__<database>` must be built now.

    A worker that runs one task parses the file too: it gets the one DAG that it needs.
    """
    only = get_parsing_context().dag_id
    for name in sorted(fleet.databases):
        if only is None or only == f"{process}__{name}":
            yield name, fleet.databases[name]


def asset(fleet: model.Fleet, database: str) -> Asset:
    """Return the asset that stands for a database's newest recovery point."""
    return Asset(
        name=f"recovery points of {database}", uri=f"proven://{fleet.database(database).stores[0]}/{database}", group="proven"
    )


def run_name(context: Any) -> str:
    """Given a task's or a callback's context, return `<DAG id>/<run id>`."""
    return f"{context['dag'].dag_id}/{context['run_id']}"


def asked_by(context: Any) -> str:
    """Given a task's or a callback's context, return who asked, for the audit: `airflow:<DAG id>/<run id> (alice)`."""
    person = getattr(context["dag_run"], "triggering_user_name", None)
    return f"airflow:{run_name(context)}" + (f" ({person})" if person else "")


def database_of(context: Any) -> str:
    """Given a task's or a callback's context, return the name of the database that the run is about."""
    _, named, database = context["dag"].dag_id.partition("__")
    return str(database if named else context["params"]["database"])


def moment_of(context: Any) -> str:
    """Given a task's or a callback's context, return to which moment the run is to come by the binary log: `random`, or a time.

    Empty: to none, it restores a copy.
    """
    wish = str(context["params"].get("point_in_time", NO_MOMENT))
    return "" if wish == NO_MOMENT else wish


def drill_of(
    fleet: model.Fleet, context: Any, recovery_point: str = "", store: str = "", via: str = "", moment: str = ""
) -> Drill:
    """Return the drill that a run stands for: each task and callback of the run gets the same one.

    Without the others, which the task `choose` returns, it is the drill of a run that has not chosen, or whose choice can't be
    known.
    """
    database = database_of(context)
    sandbox = context["params"].get("sandbox", OWN_SANDBOX)
    run = run_name(context)
    return Drill(
        id=ids.new_drill(now=context["dag_run"].run_after, run=run),
        database=database,
        recovery_point=recovery_point,
        store=store,
        sandbox=fleet.database(database).sandbox if sandbox == OWN_SANDBOX else sandbox,
        triggered_by=asked_by(context),
        via=via,
        moment=datetime.datetime.fromisoformat(moment) if moment else None,
    )


def chosen_drill(fleet: model.Fleet, context: Any) -> Drill:
    """Return the drill of a task's run, as the task `choose` has chosen it; on nothing, if that failed."""
    return drill_of(fleet, context, **(context["ti"].xcom_pull(task_ids="choose") or {}))
