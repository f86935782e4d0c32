"""How a database is dumped and loaded: one module an engine, one short contract (`contract.py`)."""

from __future__ import annotations

from include.proven.engines import mariadb, mysql
from include.proven.engines.contract import Engine
from include.proven.errors import ConfigError

ENGINES: dict[str, Engine] = {"mariadb": mariadb.MariaDB(), "mysql": mysql.MySQL()}


def engine(name: str) -> Engine:
    """Return the engine of that name. Raise ConfigError if there is none."""
    if name not in ENGINES:
        raise ConfigError(f"no engine {name!r}", hint=f"Engines are: {', '.join(ENGINES)}.")
    return ENGINES[name]
