"""Asks one of the database's own checks, an SQL file, on the sandbox."""

from __future__ import annotations

import contextlib
import json
from typing import Any

from airflow.providers.common.sql.operators.sql import SQLCheckOperator
from airflow.providers.mysql.hooks.mysql import MySqlHook
from airflow.sdk import Connection

from include.proven import drill, drill_evidence
from include.proven.agent import protocol
from include.proven.drill import Drill
from include.proven.installation import Installation
from include.proven.proof import checks
from include.proven.proof.verdict import Check
from proven_airflow import identity
from proven_airflow.opening import open_installation

MOST_ROWS = 100
TIME_LIMIT = {
    "mariadb": "SET SESSION max_statement_time = {seconds:g}",
    "mysql": "SET SESSION max_execution_time = {milliseconds:.0f}",
}


class UserCheck(SQLCheckOperator):
    """Ask the check of that name of the run's database, on its sandbox, and record the answer as evidence.

    `check` is templated. Raise CheckError if the answer is `fail`.
    """

    template_fields = ("check",)
    template_ext = ()

    def __init__(self, *, check: str, **kwargs: Any) -> None:
        kwargs.setdefault("map_index_template", "{{ task.check }}")
        super().__init__(sql="", **kwargs)
        self.check = check
        self.time_limit = 0.0
        self.endpoint: protocol.Endpoint | None = None

    def execute(self, context: Any) -> None:
        """Ask, judge and record."""
        installation = open_installation()
        this = identity.chosen_drill(installation.fleet, context)
        known = {check.name: check for check in installation.user_checks(this.database)}
        self.sql, self.time_limit = known[self.check].sql, known[self.check].time_limit
        answer = drill_evidence.answer(
            installation, this, self.check, lambda: self._reach_and_ask(installation, this, known[self.check])
        )
        self.log.info("%s: %s", self.check, answer.figure)

    def get_db_hook(self) -> MySqlHook:
        """Return a hook on the sandbox: there is no connection of that name anywhere, it lives for this drill only."""
        if self.endpoint is None:
            raise RuntimeError("the sandbox is known from `execute` on")
        sandbox = Connection(
            conn_id="sandbox",
            conn_type="mysql",
            host=self.endpoint["host"] or "localhost",
            port=self.endpoint["port"] or None,
            login=self.endpoint["user"],
            password=self.endpoint["password"],
            extra=json.dumps({"charset": "utf8mb4", "unix_socket": self.endpoint["socket"]}),
        )
        limit = TIME_LIMIT[self.endpoint["flavour"]].format(seconds=self.time_limit, milliseconds=self.time_limit * 1000)
        return MySqlHook(connection=sandbox, init_command=limit)

    def _reach_and_ask(self, installation: Installation, this: Drill, check: checks.UserCheck) -> Check:
        with drill.reach(installation, this) as self.endpoint:
            return self._ask(check)

    def _ask(self, check: checks.UserCheck) -> Check:
        self.log.info("asking the sandbox:\n%s", self.sql)
        with contextlib.closing(self.get_db_hook().get_conn()) as connection, contextlib.closing(connection.cursor()) as cursor:
            cursor.execute(self.sql)
            columns = [column[0] for column in cursor.description or ()]
            return checks.judge(check, columns, [[_as_text(value) for value in row] for row in cursor.fetchmany(MOST_ROWS)])


def _as_text(value: object) -> str | None:
    """Return a value as the command-line client prints it, so that both ways to ask give one answer."""
    if isinstance(value, bytes):
        return value.decode("utf-8", "surrogateescape")
    return None if value is None else str(value)
