"""Credentials by name: Airflow connections, readable with and without Airflow.

The fleet file names connections and never holds a secret. `resolve` looks a name up, in this order:

1. the resolver that the Airflow edge installed with `use_resolver` (BaseHook.get_connection);
2. the environment: `AIRFLOW_CONN_<NAME>` (JSON or URI, as Airflow reads it);
3. the JSON file named by `PROVEN_CONNECTIONS` (`{"name": {"conn_type": …, "host": …}}` or `{"name": "uri"}`: the
   format of Airflow's LocalFilesystemBackend, so that one file serves Airflow and the command line).
"""

from __future__ import annotations

import dataclasses
import json
import os
import pathlib
import stat
import urllib.parse
from collections.abc import Callable
from typing import Any

from include.proven.errors import ConfigError
from include.proven.fleet import hints

FILE = "PROVEN_CONNECTIONS"
ENVIRONMENT = "AIRFLOW_CONN_"
FIELDS = {"conn_id", "conn_type", "description", "host", "login", "password", "schema", "port", "extra", "extra_dejson"}
EXTRA = "__extra__"
"""Airflow's name for extras that do not fit into a query: `?__extra__=<JSON>`."""


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


class MalformedError(ValueError):
    """A text is no connection. The message shows nothing of it."""


Resolver = Callable[[str], Connection]
"""Given a name, returns its connection. Raises KeyError if it knows none of that name: the next place is asked."""

_resolvers: list[Resolver] = []


def use_resolver(resolver: Resolver | None) -> None:
    """Ask `resolver` before the environment and the file; None: ask these two only."""
    _resolvers[:] = [resolver] if resolver else []


def resolve(name: str) -> Connection:
    """Given a connection's name, return it. Raise ConfigError, naming the places that were asked, if none knows it."""
    for resolver in _resolvers:
        try:
            return resolver(name)
        except KeyError:
            continue
    variable = ENVIRONMENT + name.upper()
    if text := os.environ.get(variable):
        return _parse(name, text, f"the environment variable {variable}")
    in_file = _read_file()
    if name in in_file:
        return _parse(name, in_file[name], f"{os.environ[FILE]}: {name}")
    raise ConfigError(f"connection {name!r} is not defined", detail=f"asked: {_places(variable)}", hint=_suggest(name, in_file))


def parse_json(name: str, fields: dict[str, Any]) -> Connection:
    """Given a connection as Airflow writes it in JSON, return it. Raise ValueError if it is none."""
    if unknown := sorted(set(fields) - FIELDS):
        raise MalformedError(f"unknown key {unknown[0]!r}")
    extra = fields.get("extra_dejson") or fields.get("extra") or {}
    if isinstance(extra, str):
        extra = json.loads(extra)
    if not isinstance(extra, dict):
        raise MalformedError("extra is no JSON object")
    text = {key: str(fields.get(key) or "") for key in ("host", "login", "password", "schema")}
    port = int(fields["port"]) if fields.get("port") else None
    return Connection(name, _conn_type(str(fields.get("conn_type") or "")), port=port, extra=extra, **text)


def parse_uri(name: str, uri: str) -> Connection:
    """Given a connection as Airflow writes it in a URI (percent-encoded, extras in the query), return it.

    The host may carry a protocol of its own (`swift://http://host`). Raise ValueError if it is no such URI.
    """
    scheme, mark, rest = uri.partition("://")
    protocol, inner, after = rest.partition("://")
    if not mark or "://" in after or (inner and set(protocol) & set("@:/?")):
        raise MalformedError("no connection URI: write type://login:password@host:port/schema?extra=value")
    parts = urllib.parse.urlsplit("//" + (after if inner else rest))
    host = _host(parts)
    query = dict(urllib.parse.parse_qsl(parts.query, keep_blank_values=True))
    extra = json.loads(query[EXTRA]) if EXTRA in query else query
    if not isinstance(extra, dict):
        raise MalformedError("extra is no JSON object")
    return Connection(
        name=name,
        conn_type=_conn_type(scheme.lower()),
        host=f"{protocol}://{host}" if inner and host else host,
        port=parts.port,
        login=urllib.parse.unquote(parts.username or ""),
        password=urllib.parse.unquote(parts.password or ""),
        schema=urllib.parse.unquote(parts.path[1:]),
        extra=extra,
    )


def _parse(name: str, content: object, place: str) -> Connection:
    """Parse either form. What is wrong is told without a word of the content: it holds the password."""
    try:
        if isinstance(content, list) and len(content) == 1:
            content = content[0]
        if isinstance(content, str):
            if not content.lstrip().startswith("{"):
                return parse_uri(name, content)
            content = json.loads(content)
        if isinstance(content, dict):
            return parse_json(name, content)
    except json.JSONDecodeError as error:
        raise ConfigError(f"{place} is no valid JSON (line {error.lineno}, column {error.colno})") from None
    except MalformedError as error:
        hint = "Percent-encode '@', ':' and '/' in a password." if isinstance(content, str) else ""
        raise ConfigError(f"{place} is no connection: {error}", hint=hint) from None
    except ValueError:
        raise ConfigError(f"{place} is no connection: the port is no number") from None
    raise ConfigError(f"{place} is no connection: it must be a JSON object or a URI")


def _read_file() -> dict[str, Any]:
    """Return the content of the file of connections, or nothing if none is named. Raise ConfigError if it can't be used."""
    if not os.environ.get(FILE):
        return {}
    path = pathlib.Path(os.environ[FILE])
    try:
        if path.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO):
            hint = f"It holds passwords: chmod 600 {path}."
            raise ConfigError(f"{path}: others than its owner may read or write this file of connections", hint=hint)
        content = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        hint = f"{FILE} names the file of connections."
        raise ConfigError(f"{path}: can't read connections: {(error.strerror or '').lower()}", hint=hint) from error
    except ValueError as error:
        line = getattr(error, "lineno", 1)
        raise ConfigError(f"{path}:{line}: no valid JSON in the file of connections") from None
    if not isinstance(content, dict):
        raise ConfigError(f'{path}: must be a JSON object: {{"name": {{…}}}}')
    return content


def _places(variable: str) -> str:
    places = ["Airflow"] if _resolvers else []
    places.append(f"the environment variable {variable}")
    places.append(f"the file {os.environ[FILE]}" if os.environ.get(FILE) else f"no file ({FILE} is not set)")
    return ", ".join(places)


def _suggest(name: str, in_file: dict[str, Any]) -> str:
    in_environment = [key.removeprefix(ENVIRONMENT).lower() for key in os.environ if key.startswith(ENVIRONMENT)]
    return hints.suggest(name, {*in_file, *in_environment}, noun="connections here")


def _conn_type(conn_type: str) -> str:
    return "postgres" if conn_type == "postgresql" else conn_type.replace("-", "_")


def _host(parts: urllib.parse.SplitResult) -> str:
    """Return the host, decoded. An encoded path (a socket) keeps its case, as with Airflow."""
    host = urllib.parse.unquote(parts.hostname or "")
    if "/" not in host:
        return host
    return urllib.parse.unquote(parts.netloc.rpartition("@")[2].partition(":")[0])
