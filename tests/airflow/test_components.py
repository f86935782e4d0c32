"""A dead component of Airflow is a finding of the watch; that nothing answers is none, but the watch's own failure."""

from __future__ import annotations

import contextlib
import datetime
import http.server
import json
import threading
from collections.abc import Iterator
from typing import Any, cast

import pytest

from include.proven.errors import ToolError
from include.proven.installation import Installation
from proven_airflow import components

NOBODY = cast(Installation, None)
NOW = datetime.datetime(2026, 11, 21, 12, tzinfo=datetime.UTC)


class Health:
    """Airflow's health check, which answers 200 whatever it says. `answers`: what is dead, look after look."""

    def __init__(self, *answers: set[str]) -> None:
        self.answers = list(answers)
        self.asked = 0

    def say(self) -> dict[str, Any]:
        dead = self.answers[min(self.asked, len(self.answers) - 1)]
        self.asked += 1
        said: dict[str, Any] = {"metadatabase": {"status": "healthy"}}
        for name in components.HARM:
            status = "unhealthy" if name in dead else "healthy"
            said[name] = {"status": status, f"latest_{name}_heartbeat": "2026-11-21T11:58:03+00:00"}
        return said


@contextlib.contextmanager
def serving(health: Health) -> Iterator[str]:
    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            known = self.path == "/airflow/api/v2/monitor/health"
            self.send_response(200 if known else 404)
            self.end_headers()
            self.wfile.write(json.dumps(health.say()).encode() if known else b"")

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # the base class names it so
            """Say nothing."""

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/airflow/execution/"
        server.shutdown()


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(components, "PATIENCE", 0.2)
    monkeypatch.setattr(components, "PAUSE", 0.01)


def look(monkeypatch: pytest.MonkeyPatch, health: Health) -> list[Any]:
    with serving(health) as url:
        monkeypatch.setenv("AIRFLOW__CORE__EXECUTION_API_SERVER_URL", url)
        return list(components.CONCERN.look(NOBODY, NOW))


def test_while_all_are_alive_there_is_nothing_to_say(monkeypatch: pytest.MonkeyPatch) -> None:
    health = Health(set())
    assert look(monkeypatch, health) == []
    assert health.asked == 1


def test_each_that_is_dead_is_a_finding_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    found = look(monkeypatch, Health({"dag_processor", "triggerer"}))
    assert [finding.key for finding in found] == ["airflow-unhealthy/dag-processor", "airflow-unhealthy/triggerer"]
    assert found[0].summary == "dag_processor: no sign of life since 2026-11-21T11:58:03+00:00"
    assert {finding.kind for finding in found} <= set(components.CONCERN.kinds)


def test_what_is_being_restarted_pages_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(components, "PATIENCE", 30.0)
    assert look(monkeypatch, Health({"dag_processor"}, {"dag_processor"}, set())) == []


def test_an_api_that_does_not_answer_is_not_taken_for_health(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW__CORE__EXECUTION_API_SERVER_URL", "http://127.0.0.1:9/execution/")
    with pytest.raises(ToolError, match="airflow: its health can't be asked"):
        list(components.CONCERN.look(NOBODY, NOW))
