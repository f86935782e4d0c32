"""Keeps Airflow's pools as the fleet wants them: a listener, called in the scheduler before a run's first task is scheduled.

A task whose pool is not there is never run, and never fails: the scheduler says so in its log alone (3.3.2). So no drill may
depend on somebody having imported a pool.
"""

from __future__ import annotations

from typing import Any

from airflow.listeners import hookimpl

DRILLS = ("drill__", "point_in_time__")


@hookimpl
def on_dag_run_running(dag_run: Any, msg: str) -> None:
    """Make the pools of the fleet, and give them the size that it says, before a drill begins."""
    if dag_run.dag_id.startswith(DRILLS):
        keep_pools()


def keep_pools() -> None:
    """Make each pool of the fleet that is missing, and put right what has another size.

    A session of its own: the scheduler's must not be committed by anybody else.
    """
    # every task's process loads the plugin, too: nothing heavy is imported for it
    from airflow.models.pool import Pool
    from airflow.utils.session import create_session
    from sqlalchemy import select

    from include.proven import pools
    from include.proven.fleet import load

    wanted = pools.wanted(load.load())
    with create_session(scoped=False) as session:
        there = {pool.pool: pool.slots for pool in session.scalars(select(Pool).where(Pool.pool.in_(wanted)))}
        for name, pool in wanted.items():
            if there.get(name) != pool["slots"]:
                Pool.create_or_update_pool(name, pool["slots"], pool["description"], pool["include_deferred"], session=session)
