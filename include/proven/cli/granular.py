"""A restore of tables or schemas: the part of `./proven restore` that says what of a recovery point is wanted."""

from __future__ import annotations

import argparse
import dataclasses
import pathlib
from typing import Any

from include.proven import granular, restore_record
from include.proven.cli import display
from include.proven.errors import ProvenError
from include.proven.installation import Installation
from include.proven.manifest import Manifest
from include.proven.proof import granular as proof


@dataclasses.dataclass(frozen=True)
class Done:
    """What was restored, where to, how it compares, and what kept it from being recorded."""

    document: dict[str, Any]
    said: str
    warnings: list[str]
    faults: list[ProvenError]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments that say what is wanted."""
    parser.add_argument(
        "--table",
        action="append",
        default=[],
        metavar="SCHEMA.TABLE",
        help="restore this table with its triggers, and nothing else; as often as you like",
    )
    parser.add_argument("--schema", action="append", default=[], metavar="SCHEMA", help="restore all of this schema")
    parser.add_argument("--as", dest="into", default="", metavar="SCHEMA", help="name of the schema that gets it")


def is_asked(arguments: argparse.Namespace) -> bool:
    """Say whether a part of a recovery point is asked for."""
    return bool(arguments.table or arguments.schema or arguments.into)


def run(
    opened: Installation, arguments: argparse.Namespace, manifest: Manifest, store: str, target: tuple[str, str, str]
) -> Done:
    """Restore what is asked for to a target: its kind, its name, and how the record names it."""
    kind, name, where = target
    wanted = granular.select(manifest, arguments.table, arguments.schema, arguments.into)
    parts = ", ".join(proof.display_names(wanted)) + (f" as {arguments.into}" if arguments.into else "")
    with restore_record.recorded(opened, manifest, store, f"{where}: {parts}") as faults, display.stages() as shown:
        if kind == "connection":
            server = opened.server_of(name, manifest.server.flavour)
            done = granular.into_server(opened, manifest, wanted, server, store=store, on_progress=shown.show)
            place, told = f"connection {name}", done.said
        else:
            done, folder = granular.Restored([], []), pathlib.Path(name)
            place = str(granular.into_folder(opened, manifest, wanted, folder, store=store, on_progress=shown.show))
            told = "the dump is whole; rows and definitions were not compared, for a file has no server"
    document = {
        "recovery_point": manifest.recovery_point,
        "store": store,
        "restored": proof.display_names(wanted),
        "restored_to": [place],
        "matches": done.matches,
        "checks": [check.model_dump(mode="json", exclude={"commands", "commands_left_out"}) for check in done.checks],
        "warnings": done.warnings,
    }
    said = f"restored {parts} of {manifest.recovery_point} from store {store} to {place}: {told}"
    return Done(document, said, done.warnings, faults)
