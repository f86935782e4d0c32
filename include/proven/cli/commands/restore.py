"""Restore a recovery point, or any later moment, into a server, or a recovery point into plain SQL files.

--to names the target: `connection:NAME` is a server (an Airflow connection, or AIRFLOW_CONN_<NAME> in the environment);
`folder:PATH` is a folder that gets the plain SQL. A restore never overwrites: a server that already has one of the
schemas, or a folder that already has the files, is refused.

A second --to "2026-11-21 13:37:00" (UTC, unless it names an offset) asks for all that was committed up to and in that second,
by the source's clock: the newest recovery point from before it is restored, and the binary log replayed. So do --to-gtid and
--before-table-drop. That the whole way is there is known before anything is restored.

--table and --schema restore these alone, beside what lives on the server: nothing that is there is touched, and no account.
--as puts them into a schema of another name. What came of it is compared with the recovery point, every row of it.

Who restored what, when and where to is recorded, signed, in the store (`./proven show DATABASE --restores`); status 3 means
that it is restored and could not be recorded.
"""

from __future__ import annotations

import argparse
import datetime
import pathlib
import socket
from typing import Any

from include.proven import chains, installation, restore, restore_datadir, restore_record
from include.proven.agent import jobs
from include.proven.binlogs import recovery
from include.proven.cli import display, granular, picking
from include.proven.errors import ConfigError, ProvenError
from include.proven.manifest import Manifest

NAME = "restore"
KINDS = ("connection:", "folder:")
NOT_RECORDED = 3


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    parser.add_argument("database")
    parser.add_argument("recovery_point", nargs="?", default="latest", help="an id, or latest (default)")
    picking.add_store(parser, "the first that holds it")
    parser.add_argument(
        "--to",
        required=True,
        action="append",
        metavar="TARGET|MOMENT",
        help="connection:NAME or folder:PATH; and besides, a moment to recover to",
    )
    parser.add_argument("--to-gtid", metavar="GTID", help="recover to this transaction, with it and all before it")
    parser.add_argument(
        "--before-table-drop", metavar="SCHEMA.TABLE", help="recover to just before that table was dropped last"
    )
    granular.add_arguments(parser)


def run(arguments: argparse.Namespace) -> int:
    """Restore and say where to."""
    kind, target, until = _read_goal(arguments)
    opened = installation.open_installation()
    opened.database(arguments.database)
    if until:
        return _recover(opened, arguments, target, until)
    found = picking.survey(opened, arguments.database, arguments.store)
    point = found.pick(arguments.recovery_point)
    store = found.held[point][0]
    manifest = opened.catalog(arguments.database, store).manifest(arguments.database, point)
    place = _place_of(opened, target, manifest.server.flavour) if kind == "connection" else _place_of_folder(target)
    if granular.is_asked(arguments):
        done = granular.run(opened, arguments, manifest, store, (kind, target, f"{kind} {place}"))
        for warning in done.warnings:
            display.print_warning(warning)
        return _report(arguments, done.document, done.said, done.faults)
    restore_to = _into_server if kind == "connection" else _into_folder
    with restore_record.recorded(opened, manifest, store, f"{kind} {place}") as faults, display.stages() as shown:
        where = restore_to(opened, manifest, store, target, shown)
    said = f"restored {point} from store {store} to {', '.join(where)}"
    return _report(arguments, {"recovery_point": point, "store": store, "restored_to": where}, said, faults)


def _read_goal(arguments: argparse.Namespace) -> tuple[str, str, jobs.ReplayUntil | None]:
    """Return the kind and name of the target, and what is to be recovered to, if anything."""
    targets = [text for text in arguments.to if text.startswith(KINDS)]
    goals = [recovery.to_moment(_read_moment(text)) for text in arguments.to if text not in targets]
    goals += [recovery.to_gtid(arguments.to_gtid)] if arguments.to_gtid else []
    goals += [recovery.before_drop(arguments.before_table_drop)] if arguments.before_table_drop else []
    if len(targets) != 1 or len(goals) > 1:
        what = f"{len(targets)} targets and {len(goals)} moments to restore to"
        raise ConfigError(what, hint="Write one --to connection:NAME or --to folder:PATH, and at most one moment.")
    kind, _, target = targets[0].partition(":")
    if not target:
        raise ConfigError(f"--to {targets[0]}: no such target", hint="Write --to connection:NAME or --to folder:PATH.")
    if goals and granular.is_asked(arguments):
        raise ConfigError(
            "a binary log is replayed on a whole server: a part of one can't be recovered to a moment",
            hint="Recover to an empty server with --to connection:NAME, and dump from there what you need.",
        )
    if goals and kind == "folder":
        raise ConfigError(
            "a binary log is replayed on a server: a folder has none",
            hint="Restore to an empty server with --to connection:NAME.",
        )
    return kind, target, goals[0] if goals else None


def _read_moment(text: str) -> datetime.datetime:
    try:
        return recovery.parse_moment(text)
    except ValueError:
        hint = 'Write --to connection:NAME, --to folder:PATH, or a moment: --to "2026-11-21 13:37:00" (UTC).'
        raise ConfigError(f"--to {text}: no such target, and no moment", hint=hint) from None


def _recover(opened: installation.Installation, arguments: argparse.Namespace, target: str, until: jobs.ReplayUntil) -> int:
    """Restore, replay and say up to where."""
    named = arguments.recovery_point if arguments.recovery_point != "latest" else ""
    way = recovery.find_way(opened, arguments.database, until, named, arguments.store)
    place = f"connection {_place_of(opened, target, way.manifest.server.flavour)}, {recovery.describe(until)}"
    with restore_record.recorded(opened, way.manifest, way.store, place) as faults, display.stages() as shown:
        server = opened.server_of(target, way.manifest.server.flavour)
        result = recovery.recover_into_empty(opened, way, server, on_progress=shown.show)
    told = {name: result[name] for name in ("transactions", "file", "offset", "gtid", "committed_at")}
    point = way.manifest.recovery_point
    last = f" (the last: {result['committed_at']})" if result["committed_at"] else ""
    behind = f"and {result['transactions']} transactions behind it{last}"
    said = f"restored {point} from store {way.store} to connection {target}, {behind}"
    document = {"recovery_point": point, "store": way.store, "restored_to": [f"connection {target}"], "replayed": told}
    return _report(arguments, document, said, faults)


def _report(arguments: argparse.Namespace, document: dict[str, Any], said: str, faults: list[ProvenError]) -> int:
    if arguments.json:
        display.print_json(document)
    else:
        display.results.print(said, highlight=False)
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
    if manifest.of_files:
        chain = chains.chain_of(opened.catalog(manifest.database, store), manifest)
        files = restore_datadir.into_folder(opened, chain, pathlib.Path(folder), store=store, on_progress=shown.show)
    else:
        files = restore.write_sql(opened, manifest, pathlib.Path(folder), store=store, on_progress=shown.show)
    return [str(file) for file in files]
