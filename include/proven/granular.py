"""One table or one schema out of a recovery point: into a server beside what lives there, or into an SQL file.

All that is read is verified to its end; only what is wanted is loaded, never over anything that is there. What came of it on a
server is compared with the manifest, as a drill does.
"""

from __future__ import annotations

import dataclasses
import difflib
import pathlib
import re
from collections.abc import Iterable, Sequence
from typing import Any

from include.proven import agent_client, engines, granular_files, progress, restore
from include.proven.agent import fingerprint, jobs, looks, names, protocol, sections, server
from include.proven.errors import ConfigError, IntegrityError
from include.proven.installation import Installation
from include.proven.manifest import Artifact, Manifest
from include.proven.proof import granular as proof
from include.proven.proof.verdict import Check

PATH = re.compile(r"(`(?:[^`]|``)*`|\w+)\.(`(?:[^`]|``)*`|\w+)")
STRING = re.compile(r"'(?:[^'\\]|\\.|'')*'", re.DOTALL)
NO_FILE_NAME = re.compile(r"[^\w.-]+")
LOADED = ("dump", "definitions", "rows", "triggers")
"""Roles of artifacts that hold tables and schemas, and not the server's accounts."""


@dataclasses.dataclass(frozen=True)
class Restored:
    """What came of it: the answers to whether it is what the recovery point says, and what a person should know."""

    checks: list[Check]
    warnings: list[str]

    @property
    def matches(self) -> bool:
        """Whether rows were compared, and are those of the recovery point."""
        return any(check.outcome == "pass" and check.proves_data for check in self.checks)

    @property
    def said(self) -> str:
        """How it compares, in a few words."""
        figures = ", ".join(check.figure for check in self.checks if check.outcome == "pass")
        return f"matches the recovery point ({figures})" if self.matches else "its rows could not be compared"


def select(manifest: Manifest, tables: Sequence[str], schemas: Sequence[str], into: str = "") -> list[jobs.Wanted]:
    """Given tables (`shop.orders`) and schemas, return what is wanted, with the sequences that these tables count by.

    Raise ConfigError for what the recovery point does not hold, or can't give by itself under that name.
    """
    if missing := sorted(set(schemas) - set(manifest.schemas)):
        raise _unknown("schema", missing[0], manifest.schemas, manifest)
    chosen: dict[str, list[str]] = {schema: [] for schema in schemas}
    for text in tables:
        for schema, name in _with_sequences(manifest, _find(manifest, text)):
            if schema not in schemas and name not in chosen.setdefault(schema, []):
                chosen[schema].append(name)
    if not chosen:
        raise ConfigError(
            f"nothing is named that could be restored as {into}", hint="Write --table SCHEMA.TABLE or --schema SCHEMA."
        )
    if into.lower() in server.OWN_SCHEMAS:
        raise ConfigError(f"{into} is the server's own schema", hint="Choose another name for --as.")
    if into and len(chosen) > 1:
        raise ConfigError(f"{len(chosen)} schemas can't all be restored as {into}", hint="Restore one schema at a time.")
    wanted = [jobs.Wanted(schema=schema, tables=found, into=into or schema) for schema, found in chosen.items()]
    _require_no_name(manifest, wanted)
    return wanted


def into_server(
    installation: Installation,
    manifest: Manifest,
    wanted: Sequence[jobs.Wanted],
    target: protocol.Endpoint,
    *,
    store: str,
    on_progress: progress.OnProgress | None = None,
) -> Restored:
    """Load what is wanted into a server that has nothing of it, and return how it compares.

    Raise ConfigError if the server has some of it, IntegrityError if what came of it is not what the recovery point says.
    """
    for one in wanted:
        if present := _present(installation, target, one):
            raise ConfigError(
                f"the target already has {', '.join(names.display(one['into'], name) for name in present[:5])}",
                hint="Restore it under another schema with --as, or rename it there: a restore never overwrites data.",
            )
    try:
        seen = _bring(installation, manifest, wanted, store=store, target=target, on_progress=on_progress)
        return _judge(manifest, wanted, seen | {"algorithm": fingerprint.ALGORITHM})
    except BaseException as error:
        # ^C too
        error.add_note("what was loaded until then is on the target: drop it there before you try again")
        raise


def into_folder(
    installation: Installation,
    manifest: Manifest,
    wanted: Sequence[jobs.Wanted],
    folder: pathlib.Path,
    *,
    store: str,
    on_progress: progress.OnProgress | None = None,
) -> pathlib.Path:
    """Write the SQL of what is wanted to a new file in a folder and return it. Raise ConfigError if the file exists.

    It stands only if every check of every artifact held.
    """
    first, *more = proof.display_names(wanted)
    file = folder / f"{NO_FILE_NAME.sub('_', first)[:100]}{f'_and_{len(more)}_more' if more else ''}.sql"
    if file.exists():
        raise ConfigError(f"{file} exists", hint="Choose another folder, or move the file away: nothing is overwritten.")
    folder.mkdir(parents=True, exist_ok=True)
    _bring(installation, manifest, wanted, store=store, output=str(file.resolve()), on_progress=on_progress)
    return file


def _find(manifest: Manifest, text: str) -> tuple[str, str]:
    """Return schema and name of a table that a person has named, with or without backticks."""
    inventory = manifest.inventory
    known = [path for kind in ("tables", "sequences") for path in map(_split, inventory.get(kind, {}))]
    for path in known:
        if text in (names.display(*path), ".".join(path)):
            return path
    if text in inventory.get("views", {}):
        raise ConfigError(f"{text} is a view", hint="It has no rows. Restore all of its schema with --schema.")
    raise _unknown("table", text, [names.display(*path) for path in known], manifest)


def _unknown(noun: str, text: str, known: Iterable[str], manifest: Manifest) -> ConfigError:
    near = difflib.get_close_matches(text, list(known), n=3)
    hint = f"Did you mean {' or '.join(near)}?" if near else "`./proven show` and `./proven list` say what there is."
    return ConfigError(f"{manifest.recovery_point} holds no {noun} {text}", hint=hint)


def _split(name: str) -> tuple[str, str]:
    """Given `shop.orders` as the inventory names it, return both names."""
    found = PATH.fullmatch(name)
    if found is None:
        raise IntegrityError(f"the manifest names an object {name[:80]!r}, which is no schema and name")
    schema, table = (part[1:-1].replace("``", "`") if part.startswith("`") else part for part in found.groups())
    return schema, table


def _with_sequences(manifest: Manifest, path: tuple[str, str]) -> list[tuple[str, str]]:
    """Return a table and the sequences of its schema from which its defaults come: it can't be made without them."""
    definition = manifest.inventory["tables"].get(names.display(*path), "")
    sequences = map(_split, manifest.inventory.get("sequences", {}))
    return [path, *(one for one in sequences if f"nextval({'.'.join(map(names.quote, one))})" in definition)]


def _require_no_name(manifest: Manifest, wanted: Sequence[jobs.Wanted]) -> None:
    """Raise ConfigError for a table that is to get into another schema, and names its own. Of programs the agent knows."""
    for one in wanted:
        if one["into"] != one["schema"] and "\n" in one["schema"]:
            raise ConfigError(f"{one['schema']!r} has a line break in it: it can't be restored under another name")
        for name, definition in manifest.inventory["tables"].items():
            schema, table = _split(name)
            if one["into"] == schema or schema != one["schema"] or (one["tables"] and table not in one["tables"]):
                continue
            if sections.names_schema(STRING.sub("", definition).encode("utf-8", "surrogateescape"), schema):
                raise ConfigError(
                    f"{name} names its schema: it can't be restored as {one['into']}",
                    hint="Restore it under its own name, on a server that has none of that name.",
                )


def _present(installation: Installation, target: protocol.Endpoint, one: jobs.Wanted) -> list[str]:
    """Return what is on a server already of what is wanted of a schema; of a whole one, all that it holds."""
    schema = names.literal(one["into"])
    kinds = [("TABLE", "TABLES")] if one["tables"] else [("TABLE", "TABLES"), ("ROUTINE", "ROUTINES"), ("EVENT", "EVENTS")]
    # information_schema compares without case: better one too many is refused than one replaced
    only = f" AND TABLE_NAME IN ({names.literals(one['tables'])})" if one["tables"] else ""
    asked = [
        f"SELECT {kind}_NAME FROM information_schema.{view} WHERE {kind}_SCHEMA = {schema}{only}"  # noqa: S608 - literals in hex
        for kind, view in kinds
    ]
    job = looks.QueryJob(
        protocol=protocol.VERSION,
        job="query",
        source=target,
        tools=installation.tools(engines.engine(target["flavour"])),
        sql=" UNION ALL ".join(asked),
        schema="",
        time_limit=30.0,
    )
    return [row[0] for row in agent_client.run(job)["rows"]]


def _judge(manifest: Manifest, wanted: Sequence[jobs.Wanted], seen: dict[str, Any]) -> Restored:
    """Raise IntegrityError if rows or, on a server of the source's series, definitions are not those of the recovery point."""
    checks, told = proof.compare(manifest, wanted, seen), []
    series = engines.engine(manifest.engine).same_series(manifest.server, seen["server"]["version"])
    wrong = [check for check in checks if check.outcome == "fail" and (check.proves_data or series)]
    if wrong:
        raise IntegrityError(
            f"{', '.join(proof.display_names(wanted))}: restored, and not what {manifest.recovery_point} says",
            detail="\n".join(line for check in wrong for line in check.differences),
            hint="If somebody writes to it already, that is why: restore it beside with --as. If nobody does, don't use it.",
        )
    for check in checks:
        told += [f"{check.name} was not compared: {check.figure}"] if check.outcome == "could-not-run" else []
        told += [*check.not_covered, *check.differences]
    told += proof.new_faults(manifest, wanted, seen)
    keyed = [name for name, text in seen["inventory"].get("tables", {}).items() if " FOREIGN KEY " in text]
    if keyed and any(one["tables"] for one in wanted):
        told.append(f"foreign keys were not checked: rows of {', '.join(keyed)} may refer to rows that are not there")
    return Restored(checks, told)


def _bring(
    installation: Installation,
    manifest: Manifest,
    wanted: Sequence[jobs.Wanted],
    *,
    store: str,
    target: protocol.Endpoint | None = None,
    output: str = "",
    on_progress: progress.OnProgress | None = None,
) -> dict[str, Any]:
    """Bring what is wanted to a server or a file and return the agent's result (`jobs.BringingJob`)."""
    bringing = jobs.BringingJob(
        target=target,
        output=output,
        tools=installation.tools(engines.engine(manifest.engine)),
        wanted=list(wanted),
        like=manifest.fingerprint,
    )
    if manifest.of_files:
        schemas = {one["schema"]: manifest.inventory["schemas"][names.display(one["schema"])] for one in wanted}
        with granular_files.served(installation, manifest, store=store, on_progress=on_progress) as source:
            extract = jobs.ExtractJob(**bringing, protocol=protocol.VERSION, job="extract", source=source, schemas=schemas)
            return agent_client.run(extract, on_progress=on_progress)
    reads = restore.Reads.of(installation.store(store), manifest)
    artifacts = [artifact for artifact in manifest.artifacts if _holds(artifact, wanted)]
    job = jobs.GranularJob(
        **bringing,
        protocol=protocol.VERSION,
        job="granular",
        store=installation.job_store(store),
        artifacts=[restore.open_artifact(installation, reads, artifact) for artifact in artifacts],
    )
    return agent_client.run(job, signer=reads, on_progress=on_progress)


def _holds(artifact: Artifact, wanted: Sequence[jobs.Wanted]) -> bool:
    """Say whether an artifact has to be read. Of `rows` it is known whose they are."""
    if artifact.role != "rows":
        return artifact.role in LOADED
    paths = [_split(name) for name in artifact.tables]
    return any(path[0] == one["schema"] and (not one["tables"] or path[1] in one["tables"]) for one in wanted for path in paths)
