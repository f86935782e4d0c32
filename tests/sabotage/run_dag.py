"""Runs the DAG `sabotage` in this process: `python -m tests.sabotage.run_dag WAY`. Exits with 0 if it ends green.

The way `nothing` changes nothing: what a verifier that has gone blind would make of any other.
"""

from __future__ import annotations

import pathlib
import sys

from airflow.dag_processing.dagbag import DagBag

from include.proven.sabotage.all_ways import WAYS
from include.proven.sabotage.ways import Told, Way

WAYS["nothing"] = Way("nothing", "D4", "Nothing is changed.", lambda copy: "nothing", (Told("fingerprint", "{thing}"),))
DAGS = pathlib.Path(__file__).parents[2] / "dags"


def main() -> None:
    """Run the DAG once."""
    bag = DagBag(str(DAGS / "sabotage.py"))
    if bag.import_errors:
        sys.exit(str(bag.import_errors))
    dag = bag.dags["sabotage"]
    dag.deadline = None  # `test()` can't do with one
    run = dag.test(run_conf={"way": sys.argv[1]})
    sys.exit(0 if run.state == "success" else 1)


if __name__ == "__main__":
    main()
