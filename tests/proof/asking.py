"""Asks a user's check of a real server, as a drill does, without store and sandbox between."""

from __future__ import annotations

from include.proven import agent_client
from include.proven.agent.processes import CommandLog
from include.proven.agent.questions import Questions
from include.proven.manifest import Answer
from include.proven.proof.user_checks.check import UserCheck
from include.proven.proof.user_checks.judging import Reply, judge
from include.proven.proof.verdict import Check
from tests.servers.databases import DatabaseServer


def ask(server: DatabaseServer, check: UserCheck, source: Answer | None = None) -> Check:
    """Ask a copy, and judge what it says. The account that is made for it goes with the server."""
    job = {"protocol": 1, "job": "user_check", "source": server.admin, "tools": server.tools, "sql": check.sql}
    result = agent_client.run({**job, "time_limit": 60.0})
    return judge(check, Reply(result["columns"], result["rows"], result["count"], result["reads_table"]), source)


def ask_source(server: DatabaseServer, *checks: UserCheck) -> dict[str, Answer]:
    """Ask a source as its backup account, in one snapshot."""
    questions = Questions([check.question for check in checks], server.tools, server.endpoint, CommandLog())
    questions.open_snapshot()
    return {name: Answer.model_validate(answer) for name, answer in questions.ask().items()}
