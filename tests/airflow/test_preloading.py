"""What forks tasks and readings of DAG files has imported all that these need; no other process of Airflow has."""

from __future__ import annotations

import json
import os
import pathlib
import subprocess
import sys

CHECKOUT = pathlib.Path(__file__).parents[2]
PROGRAM = """
import json, pathlib, sys
from airflow.dag_processing.dagbag import DagBag
from proven_airflow import preloading

def ours():
    return {name for name in sys.modules if name.split(".")[0] in ("include", "proven_airflow")}

few = ours()
_, dags, answer = sys.argv
sys.argv[1:] = ["triggerer"]
preloading.on_starting(None)
assert ours() == few, "a component that forks nothing of ours"
sys.argv[1:] = ["scheduler", "--skip-serve-logs"]
preloading.on_starting(None)
loaded = ours()
bag = DagBag(dags)
assert not bag.import_errors, bag.import_errors
pathlib.Path(answer).write_text(json.dumps([len(bag.dags), sorted(ours() - loaded)]))
"""


def test_a_dag_file_finds_everything_imported(tmp_path: pathlib.Path) -> None:
    answer = tmp_path / "answer.json"
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(CHECKOUT / "dags"), str(answer)],
        env={**os.environ, "PYTHONPATH": f"{CHECKOUT}:{CHECKOUT / 'plugins'}"},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    count, imported_late = json.loads(answer.read_text())
    assert count > 5
    assert imported_late == []
