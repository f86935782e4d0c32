"""Airflow reads its environment when it is first imported: this file sees to that before any test module does."""

from __future__ import annotations

import atexit
import os
import pathlib
import shutil
import tempfile

CHECKOUT = pathlib.Path(__file__).parents[2]

home = tempfile.mkdtemp(prefix="proven-airflow-home-")
atexit.register(shutil.rmtree, home, ignore_errors=True)
os.environ |= {
    "AIRFLOW_HOME": home,
    "AIRFLOW__CORE__DAGS_FOLDER": str(CHECKOUT / "dags"),
    "AIRFLOW__CORE__PLUGINS_FOLDER": str(CHECKOUT / "plugins"),
    "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
}
