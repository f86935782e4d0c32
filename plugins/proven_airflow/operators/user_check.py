"""Asks one of the database's own checks on the sandbox."""

from __future__ import annotations

import contextlib
import itertools
import json
import threading
from collections.abc import Iterator
from typing import Any, cast

import MySQLdb  # type: ignore[import-untyped] # it has no type hints
from airflow.providers.common.sql.operators.sql import SQLCheckOperator
from airflow.providers.mysql.hooks.mysql import MySqlHook
from airflow.sdk import Connection

from include.proven import drill, drill_questions, errors
from include.proven.agent import query, reading_account, user_check
from include.proven.agent.protocol import Endpoint
from include.proven.drill import Drill
from include.proven.installation import Installation
from include.proven.proof.user_checks import check as user_checks
from include.proven.proof.user_checks import judging
from include.proven.proof.verdict import Check
from proven_airflow import identity
from proven_airflow.opening import open_installation

Row = tuple[str | None, ...]


class UserCheck(SQLCheckOperator):
    """Ask the check of that name of the run's database, on its sandbox, and record the answer as evidence.

    `check` is templated. Raise CheckError if the answer is a critical `fail`. It is asked as an agent would (`agent/query.py`):
    the plan first, then the question, in a transaction that may only read, by an account that may only read.
    """

    template_fields = ("check",)
    template_ext = ()

    def __init__(self, *, check: str, **kwargs: Any) -> None:
        kwargs.setdefault("map_index_template", "{{ task.check }}")
        super().__init__(sql="", **kwargs)
        self.check = check
        self.account: Endpoint | None = None

    def execute(self, context: Any) -> None:
        """Ask, judge and record."""
        installation = open_installation()
        this = identity.chosen_drill(installation.fleet, context)
        answer = drill_questions.answer(installation, this, self.check, lambda check: self.ask(installation, this, check))
        self.log.info("%s: %s", self.check, answer.figure)

    def get_db_hook(self) -> MySqlHook:
        """Return a hook on the sandbox: there is no connection of that name anywhere, it lives for this drill only."""
        if self.account is None:
            raise RuntimeError("the sandbox is known from `execute` on")
        sandbox = Connection(
            conn_id="sandbox",
            conn_type="mysql",
            host=self.account["host"] or "localhost",
            port=self.account["port"] or None,
            login=self.account["user"],
            password=self.account["password"],
            # the cursor that does not hold all rows in memory
            extra=json.dumps({"charset": "utf8mb4", "unix_socket": self.account["socket"], "cursor": "sscursor"}),
        )
        return MySqlHook(connection=sandbox)

    def ask(self, installation: Installation, this: Drill, check: user_checks.UserCheck) -> Check:
        """Ask the sandbox of a drill, and judge the answer. Raise ProvenError if it could not be asked."""
        self.sql = check.sql
        source = drill.source_answer(installation, this, check)
        self.log.info("asking the sandbox:\n%s", check.sql)
        with drill.reach(installation, this) as endpoint, self._connect(endpoint) as root:
            account = reading_account.invent(endpoint)
            installation.hide(account["password"])
            _execute(root, *reading_account.statements(account))
            with self._connect(account) as reader, _kill_late(root, reader, check.time_limit) as overran:
                try:
                    reply = _ask(reader, account, check)
                except MySQLdb.Error as error:
                    raise _explain(error, account, check, late=overran.is_set()) from None
        return judging.judge(check, reply, source)

    @contextlib.contextmanager
    def _connect(self, account: Endpoint) -> Iterator[Any]:
        """Connect. Values come as the server prints them: a float or a date must read as it did on the source."""
        self.account = account
        with contextlib.closing(self.get_db_hook().get_conn()) as connection:
            cast(Any, connection).converter.clear()
            yield connection


def _ask(connection: Any, account: Endpoint, check: user_checks.UserCheck) -> judging.Reply:
    _execute(connection, user_check.settings(account["flavour"], check.time_limit), user_check.READ_ONLY)
    with contextlib.closing(connection.cursor()) as cursor:
        cursor.execute(f"{user_check.PLAN}{check.sql}")
        reads_table = user_check.reads_table(_columns(cursor), *_rows(cursor))
        cursor.execute(check.sql)
        columns = [name or "" for name in _columns(cursor)]
        rows = list(itertools.islice(_rows(cursor), query.ROWS))
        return judging.Reply(columns, rows, len(rows) + sum(1 for _ in _rows(cursor)), reads_table)


@contextlib.contextmanager
def _kill_late(root: Any, reader: Any, time_limit: float) -> Iterator[threading.Event]:
    """Have the server end a connection that does not keep its time limit; the event says so."""
    overran, victim = threading.Event(), reader.thread_id()

    def end() -> None:
        overran.set()
        _execute(root, f"KILL {victim}")

    timer = threading.Timer(time_limit + query.GRACE, end)
    timer.daemon = True
    timer.start()
    try:
        yield overran
    finally:
        timer.cancel()
        timer.join()


def _explain(error: MySQLdb.Error, account: Endpoint, check: user_checks.UserCheck, *, late: bool) -> errors.ProvenError:
    words = f"ERROR {error.args[0]}: {error.args[-1]}"
    said = query.too_long(check.time_limit, words) if late else query.refusal(words, check.time_limit, account)
    said = user_check.explain_refusal(said)
    return errors.BY_KIND[said.kind](said.what, detail=said.detail, hint=said.hint)


def _execute(connection: Any, *statements: str) -> None:
    with contextlib.closing(connection.cursor()) as cursor:
        for statement in statements:
            cursor.execute(statement)


def _columns(cursor: Any) -> Row:
    return tuple(column[0] for column in cursor.description or ())


def _rows(cursor: Any) -> Iterator[Row]:
    """Yield the rows that are left."""
    while row := cursor.fetchone():
        yield tuple(_as_text(value) for value in row)


def _as_text(value: object) -> str | None:
    """Return a value as the command-line client prints it, so that both ways to ask give one answer."""
    text = value.decode("utf-8", "surrogateescape") if isinstance(value, bytes) else value
    return None if text in (None, "NULL") else str(text)
