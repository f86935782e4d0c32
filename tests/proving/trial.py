"""The trial: mutations are made on a restored copy, one at a time, and the checks that drills ask must see every one.

What judges is what judges a drill: `proof/built_in.py`, over what `agent/fingerprint.py` and `agent/inventory.py` take of the
copy for `agent/inspect.py`. Only the schema that was changed is looked at; each table of rows is alone in its own: nothing but
speed comes of that. A change that a client can't read (the same value, a space at the end of a CHAR) is none: another is drawn.
"""

from __future__ import annotations

import collections
import dataclasses
import datetime
import math
import time
from collections.abc import Callable, Iterable
from random import Random
from typing import Any, NoReturn

from include.proven.agent import accounts, fingerprint, inventory, server
from include.proven.agent.client import Row, Session
from include.proven.fleet.databases import Database
from include.proven.manifest import Manifest
from include.proven.proof.built_in import BUILT_IN, Subject
from include.proven.proof.verdict import Check
from tests.proof.copies import Pair, open_session
from tests.proving import definitions, rows, specimen
from tests.proving.rows import Mutation
from tests.proving.specimen import Table

PRISTINE = "proving_pristine"
OF_ROWS = 0.75
"""Share of the mutations that change rows; the others change definitions."""
LOOK_AGAIN = 250
"""After so many mutations, the whole copy must be clean."""


@dataclasses.dataclass(frozen=True)
class Result:
    """One mutation and whether it was seen."""

    flavour: str
    number: int
    kind: str
    statements: list[str]
    found: bool
    said: list[str]
    """What the checks said is different."""

    def __str__(self) -> str:
        said = "; ".join(self.said) or "nothing"
        return f"{self.flavour} {self.number}: {self.kind}\n  {'; '.join(self.statements)}\n  the checks said: {said}"


class UncleanError(AssertionError):
    """The copy is not as the source although every mutation was undone: the trial, or a check, is wrong."""


class Trial:
    """One flavour's specimen on the source, its restored copy on the twin, and a session that changes and looks at the copy."""

    def __init__(self, pair: Pair, seed: int) -> None:
        self.flavour = pair.source.flavour
        self.seed = seed
        self.tables = specimen.make_tables(self.flavour, seed)
        self.by_name = {table.name: table for table in self.tables}
        self.schemas = [*(table.schema for table in self.tables), specimen.TABLES, specimen.CODE]
        self._make(pair)
        self._baselines = self._take_baselines(pair)
        self.session = _open(pair.twin, None, self.flavour)
        self._run(["SET SESSION foreign_key_checks = 0, sql_log_bin = 0", *self._pristine()])
        self._accounts = self._account_statements()
        self._contents = {table.name: self._content(table) for table in self.tables}
        self._definitions = {kind: self._defined(kind) for kind in (specimen.TABLES, specimen.CODE, "accounts")}
        self.check_clean()

    def run(self, count: int, *, seconds: float = math.inf, on_result: Callable[[Result], None] | None = None) -> list[Result]:
        """Make `count` mutations, or as many as take `seconds`, and return what came of each. Raise UncleanError."""
        results: list[Result] = []
        until = time.monotonic() + seconds
        for number in range(count):
            if time.monotonic() > until:
                break
            results.append(self.try_one(number))
            if on_result:
                on_result(results[-1])
            if number % LOOK_AGAIN == LOOK_AGAIN - 1:
                self.check_clean()
        self.check_clean()
        return results

    def try_one(self, number: int) -> Result:
        """Make the mutation of that number, have it judged, and undo it. It is the same for every run of one seed."""
        rng = Random(f"{self.seed} {self.flavour} {number}")
        while True:
            mutation = rows.mutate(rng, self.tables) if rng.random() < OF_ROWS else definitions.mutate(rng, self.flavour)
            self._run(mutation.statements)
            real = self._is_real(mutation)
            failed = self._judge(mutation) if real else []
            self._undo(mutation)
            if real:
                said = [line for check in failed for line in check.differences]
                found = any(mutation.target in line for line in said)
                return Result(self.flavour, number, mutation.kind, mutation.statements, found, said)

    def check_clean(self) -> None:
        """Raise UncleanError unless every check passes on every schema: with nothing changed there must be no alarm."""
        for schema in self.schemas:
            for check in (self._ask("fingerprint", schema), self._ask("objects", schema)):
                if check.outcome != "pass":
                    raise UncleanError(f"{schema}: {check.name} {check.outcome}: {check.differences or check.figure}")

    def close(self) -> None:
        """End the session."""
        self.session.close()

    def _make(self, pair: Pair) -> None:
        with _open(pair.source, None, self.flavour) as session:
            for statement in (
                *specimen.drop(self.schemas),
                *(statement for table in self.tables for statement in table.create()),
                *specimen.make_objects(self.flavour),
            ):
                session.execute(statement)
        pair.copy(self.schemas)

    def _take_baselines(self, pair: Pair) -> dict[str, Manifest]:
        """Return what a backup would have written of each schema: taken of the source by the account that takes backups."""
        with _open(pair.source, pair.source.endpoint, self.flavour) as session:
            described = server.describe(session)
            return {
                schema: _manifest(
                    described,
                    schema,
                    fingerprint.compute(session, self.flavour, [schema]),
                    inventory.take(session, self.flavour, [schema]),
                )
                for schema in self.schemas
            }

    def _pristine(self) -> Iterable[str]:
        """Yield the statements that put a second copy of the rows aside, from which changed tables are made good."""
        yield f"DROP DATABASE IF EXISTS {PRISTINE}"
        yield f"CREATE DATABASE {PRISTINE}"
        for table in self.tables:
            yield f"CREATE TABLE {PRISTINE}.{table.name} LIKE {table.path}"
            yield self._copy_rows(table, table.path, f"{PRISTINE}.{table.name}")

    @staticmethod
    def _copy_rows(table: Table, source: str, target: str) -> str:
        columns = ", ".join(f"`{name}`" for name in table.given)
        return f"INSERT INTO {target} ({columns}) SELECT {columns} FROM {source}"

    def _account_statements(self) -> list[str]:
        taken = accounts.take(self.session, self.flavour, [specimen.CODE])
        return [one for one in (*taken.before_dump, *taken.after_dump) if "prove_" in one]

    def _judge(self, mutation: Mutation) -> list[Check]:
        """Return the checks that failed: that of the rows first where rows were changed, of the objects where not."""
        order = ("fingerprint", "objects") if mutation.restores in self.by_name else ("objects", "fingerprint")
        for name in order:
            check = self._ask(name, mutation.schema)
            if check.outcome == "fail":
                return [check]
        return []

    def _ask(self, name: str, schema: str) -> Check:
        """Ask a built-in check of one schema of the copy, as a drill does."""
        baseline = self._baselines[schema]
        look: Callable[[], Any] = {
            "fingerprint": lambda: fingerprint.compute(self.session, self.flavour, [schema], like=baseline.fingerprint),
            "objects": lambda: inventory.take(self.session, self.flavour, [schema]),
        }[name]
        seen = {"fingerprint" if name == "fingerprint" else "inventory": look()}
        check = BUILT_IN[name].judge(Subject(baseline, CONFIG, _asks_no_history), seen)
        return check.model_copy(update={"name": name})

    def _undo(self, mutation: Mutation) -> None:
        if table := self.by_name.get(mutation.restores):
            self._run([f"DELETE FROM {table.path}", self._copy_rows(table, f"{PRISTINE}.{table.name}", table.path)])
        else:
            self._run(definitions.restore(mutation.restores, self._accounts))

    def _is_real(self, mutation: Mutation) -> bool:
        """Say whether a client reads anything else than before."""
        if table := self.by_name.get(mutation.restores):
            return self._content(table) != self._contents[table.name]
        kind = "accounts" if mutation.restores == "accounts" else mutation.schema
        return self._defined(kind) != self._definitions[kind]

    def _content(self, table: Table) -> collections.Counter[Row]:
        """Return the rows of a table as a client reads them, in any order."""
        columns = ", ".join(f"`{name}`" for name in table.visible)
        return collections.Counter(self.session.query(f"SELECT {columns} FROM {table.path}"))

    def _defined(self, kind: str) -> list[Row]:
        """Return what the server itself says of the objects of a schema, or of the accounts."""
        asked = self._of_accounts() if kind == "accounts" else self._of_schema(kind)
        return sorted((row for one in asked for row in self.session.query(one)), key=str)

    def _of_schema(self, schema: str) -> list[str]:
        asked = [f"SELECT * FROM information_schema.SCHEMATA WHERE SCHEMA_NAME = '{schema}'"]
        listed = (
            ("TABLE", "TABLE_NAME", "TABLES", "TABLE"),
            ("ROUTINE", "CONCAT(ROUTINE_TYPE, ' ', ROUTINE_NAME)", "ROUTINES", ""),
            ("TRIGGER", "TRIGGER_NAME", "TRIGGERS", "TRIGGER"),
            ("EVENT", "EVENT_NAME", "EVENTS", "EVENT"),
        )
        for prefix, name, view, noun in listed:
            for (found,) in self.session.query(
                f"SELECT {name} FROM information_schema.{view} WHERE {prefix}_SCHEMA = '{schema}'"
            ):
                what, _, bare = f"{noun} {found}".strip().partition(" ")
                asked.append(f"SHOW CREATE {what} {schema}.{bare}")
        order = "SELECT TRIGGER_NAME, ACTION_ORDER FROM information_schema.TRIGGERS WHERE TRIGGER_SCHEMA"
        return [*asked, f"{order} = '{schema}'"]

    def _of_accounts(self) -> list[str]:
        asked = []
        for user, host in self.session.query("SELECT User, Host FROM mysql.user WHERE User LIKE 'prove\\_%'"):
            name = f"`{user}`@`{host}`" if host else f"`{user}`"
            asked += [f"SHOW GRANTS FOR {name}", *([f"SHOW CREATE USER {name}"] if host else [])]
        return asked

    def _run(self, statements: Iterable[str]) -> None:
        for statement in statements:
            self.session.execute(statement)


CONFIG = Database.model_validate({
    "connection": "source", "engine": "mariadb", "schedule": None, "objectives": {"rpo": "26h", "rto": "1h"},
    "stores": ["disk"], "sandbox": "local", "owner": "tests", "contacts": ["oncall"],
})  # fmt: skip


def _asks_no_history(wanted: int) -> NoReturn:
    raise AssertionError("rows and definitions are compared with this recovery point's own")


def _open(of: Any, endpoint: Any, flavour: str) -> Session:
    session = open_session(of, endpoint)
    server.steady(session, flavour)
    return session


def _manifest(described: dict[str, Any], schema: str, taken: dict[str, Any], objects: dict[str, Any]) -> Manifest:
    now = datetime.datetime.now(datetime.UTC)
    return Manifest.model_validate({
        "recovery_point": "20261121T103000Z-full-7f3a9c01", "database": "proving", "engine": described["flavour"],
        "proven_version": "0", "started_at": now, "snapshot_at": now, "finished_at": now, "server": described,
        "schemas": [schema], "recipients": [], "artifacts": [], "fingerprint": taken, "inventory": objects, "canary": None,
        "stages": [], "commands": [],
    })  # fmt: skip
