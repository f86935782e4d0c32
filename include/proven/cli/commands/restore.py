"""Restore a recovery point into a server, or into plain SQL files.

--to names the target: `connection:NAME` is a server (an Airflow connection, or AIRFLOW_CONN_<NAME> in the environment);
`folder:PATH` is a folder that gets the plain SQL. A restore never overwrites: a server that already has one of the
schemas, or a folder that already has the files, is refused. Who restored what, when and where to is recorded, signed, in the
store (`./proven show DATABASE --restores`); status 3 means that it is restored and could not be recorded.
"""

from __future__ import annotations

import argparse
import pathlib
import socket

from include.proven import installation, restore, restore_record
from include.proven.cli import display, picking
from include.proven.errors import ConfigError
from include.proven.manifest import Manifest

NAME = "restore"
NOT_RECORDED = 3


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    parser.add_argument("database")
    parser.add_argument("recovery_point", nargs="?", default="latest", help="an id, or latest (default)")
    picking.add_store(parser, "the first that holds it")
    parser.add_argument("--to", required=True, metavar="TARGET", help="connection:NAME or folder:PATH")


def run(arguments: argparse.Namespace) -> int:
    """Restore and say where to."""
    kind, _, target = arguments.to.partition(":")
    if kind not in ("connection", "folder") or not target:
        raise ConfigError(f"--to {arguments.to}: no such target", hint="Write --to connection:NAME or --to folder:PATH.")
    opened = installation.open_installation()
    opened.database(arguments.database)
    found = picking.survey(opened, arguments.database, arguments.store)
    point = found.pick(arguments.recovery_point)
    store = found.held[point][0]
    manifest = opened.catalog(arguments.database, store).manifest(arguments.database, point)
    restore_to = _into_server if kind == "connection" else _into_folder
    place = _place_of(opened, target, manifest.server.flavour) if kind == "connection" else _place_of_folder(target)
    with restore_record.recorded(opened, manifest, store, f"{kind} {place}") as faults, display.stages() as shown:
        where = restore_to(opened, manifest, store, target, shown)
    if arguments.json:
        display.print_json({"recovery_point": point, "store": store, "restored_to": where})
    else:
        display.results.print(f"restored {point} from store {store} to {', '.join(where)}", highlight=False)
    if faults:
        display.print_warning("it is restored, and the record of who did so could not be kept")
        display.print_error(faults[0])
    return NOT_RECORDED if faults else 0


def _place_of(opened: installation.Installation, name: str, flavour: str) -> str:
    """Return a connection and where it leads, without its account."""
    there = opened.server_of(name, flavour)
    address = there["socket"] or f"{there['host'] or 'localhost'}:{there['port']}"
    return f"{name} ({address})"


def _place_of_folder(folder: str) -> str:
    return f"{pathlib.Path(folder).resolve()} on {socket.gethostname()}"


def _into_server(
    opened: installation.Installation, manifest: Manifest, store: str, name: str, shown: display.Stages
) -> list[str]:
    target = opened.server_of(name, manifest.server.flavour)
    restore.load_into_empty(opened, manifest, target, store=store, on_progress=shown.show)
    return [f"connection {name}"]


def _into_folder(
    opened: installation.Installation, manifest: Manifest, store: str, folder: str, shown: display.Stages
) -> list[str]:
    files = restore.write_sql(opened, manifest, pathlib.Path(folder), store=store, on_progress=shown.show)
    return [str(file) for file in files]
