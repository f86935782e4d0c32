"""Credentials by name: Airflow connections, readable with and without Airflow.

The fleet file names connections and never holds a secret. `resolve` looks a name up, in this order:

1. the resolver that the Airflow edge installed with `use_resolver` (BaseHook.get_connection);
2. the environment: `AIRFLOW_CONN_<NAME>` (JSON or URI, as Airflow reads it);
3. the JSON file named by `PROVEN_CONNECTIONS` (`{"name": {"conn_type": …, "host": …}}` or `{"name": "uri"}`: the
   format of Airflow's LocalFilesystemBackend, so that one file serves Airflow and the command line).
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any


@dataclasses.dataclass(frozen=True)
class Connection:
    """One set of credentials. `repr` shows no secret."""

    name: str
    conn_type: str = ""
    host: str = ""
    port: int | None = None
    login: str = ""
    password: str = dataclasses.field(default="", repr=False)
    schema: str = ""
    extra: dict[str, Any] = dataclasses.field(default_factory=dict, repr=False)


Resolver = Callable[[str], Connection]
