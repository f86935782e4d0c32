"""What receives pages: PagerDuty's Events API v2, Opsgenie's alerts, Slack's webhooks and any other, on a real HTTP server.

They stand outside of Proven, so they may be imitated; they answer as PagerDuty's reference says (202, 400 with `errors`,
429); Opsgenie and Slack in modules of their own. Apprise is a library, and the real one: it posts to an address of this server.
Fixture `pager`; as a program for tests that start a whole Airflow:

    python -m tests.servers.pager --events events.jsonl     prints {"url": …, "webhook": …} and serves until it is stopped
"""

from __future__ import annotations

import argparse
import collections
import contextlib
import dataclasses
import http.server
import json
import pathlib
import secrets
import sys
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest

from tests.servers.opsgenie import ALERTS, Opsgenie
from tests.servers.slack import SERVICES, Channel

ROUTING_KEY = "0123456789abcdef0123456789abcdef"
UNKNOWN_KEY = "ffffffffffffffffffffffffffffffff"
"""A key that PagerDuty does not know; every other one of 32 characters is somebody's."""
TOKEN = "webhook-token"
ENQUEUE, WEBHOOK, APPRISE = "/v2/enqueue", "/webhook", "/apprise/"
APPRISE_SECRET = "apprise-path-secret"
"""What follows in the only address that takes Apprise's notifications."""
SEVERITIES = {"critical", "error", "warning", "info"}
THROTTLED = {
    "status": "throttle exceeded",
    "message": "Requests for this service are arriving too quickly. Please retry later.",
}


@dataclasses.dataclass
class Incident:
    """What a person sees: one incident, however many events it took."""

    dedup_key: str
    events: list[dict[str, Any]] = dataclasses.field(default_factory=list)
    resolved: bool = False

    @property
    def payload(self) -> dict[str, Any]:
        """Payload of the event that opened it."""
        found: dict[str, Any] = self.events[0]["payload"]
        return found


@dataclasses.dataclass
class Pager:
    """The receiver's state, and how it shall misbehave."""

    url: str = ""
    webhook: str = ""
    incidents: list[Incident] = dataclasses.field(default_factory=list)
    """In the order in which they were opened."""
    posts: list[dict[str, Any]] = dataclasses.field(default_factory=list)
    """Bodies that the webhook took."""
    opsgenie: Opsgenie = dataclasses.field(default_factory=Opsgenie)
    slack: Channel = dataclasses.field(default_factory=Channel)
    apprise: str = ""
    """Address for Apprise's `json://`, without its protocol."""
    notified: list[dict[str, Any]] = dataclasses.field(default_factory=list)
    """What Apprise has posted."""
    retry_after: str = ""
    """What an answer 429 says in `Retry-After`."""
    silence: float = 0.0
    """Seconds before an answer."""
    repeats: bool = False
    """Whether it answers with what it was sent, when it was told to fail."""
    refused: list[int] = dataclasses.field(default_factory=list)
    """Status of every request that was not taken."""
    log: pathlib.Path | None = None
    _next: collections.deque[int] = dataclasses.field(default_factory=collections.deque)
    _lock: threading.Lock = dataclasses.field(default_factory=threading.Lock)

    @property
    def open(self) -> list[Incident]:
        """Incidents that nobody has resolved."""
        return [incident for incident in self.incidents if not incident.resolved]

    def answer_next(self, *statuses: int) -> None:
        """Answer the next requests with these statuses, whatever is in them."""
        self._next.extend(statuses)

    def take(self, path: str, authorization: str, content: bytes) -> tuple[int, dict[str, Any] | str]:
        """Take one request; return status and body of the answer."""
        with self._lock:
            status, answer = self._judge(path, authorization, content)
            if status >= 300:
                self.refused.append(status)
            if self.log:
                event = {key: value for key, value in _parse(content).items() if key != "routing_key"}
                with self.log.open("a") as file:
                    file.write(json.dumps({"at": time.time(), "path": path, "status": status, "event": event}) + "\n")
            return status, answer

    def _judge(self, path: str, authorization: str, content: bytes) -> tuple[int, dict[str, Any] | str]:
        if self._next:
            status = self._next.popleft()
            if self.repeats:
                return status, f"{path} {authorization} {content.decode()}"
            return status, THROTTLED if status == 429 else {"status": "error", "message": "told to fail"}
        event = _parse(content)
        if path.startswith(ALERTS):
            return self.opsgenie.take(path, authorization, event)
        if path.startswith(SERVICES):
            return self.slack.take(path, event)
        if path.startswith(APPRISE):
            if path != APPRISE + APPRISE_SECRET:
                return 403, {"message": f"unknown address {path}"}
            self.notified.append(event)
            return 200, {}
        if path == WEBHOOK:
            if authorization not in {"", f"Bearer {TOKEN}"}:
                return 401, {"message": "wrong token"}
            self.posts.append(event)
            return 200, {}
        if path != ENQUEUE:
            return 404, {"message": "not found"}
        if faults := find_faults(event):
            return 400, {"status": "invalid event", "message": "Event object is invalid", "errors": faults}
        return 202, {"status": "success", "message": "Event processed", "dedup_key": self._process(event)}

    def _process(self, event: dict[str, Any]) -> str:
        key = str(event.get("dedup_key") or secrets.token_hex(16))
        incident = next((incident for incident in self.open if incident.dedup_key == key), None)
        if event["event_action"] == "trigger":
            if incident is None:
                incident = Incident(key)
                self.incidents.append(incident)
            incident.events.append(event)
        elif event["event_action"] == "resolve" and incident:
            incident.resolved = True
        return key


def find_faults(event: dict[str, Any]) -> list[str]:
    """Return what PagerDuty finds wrong in an event."""
    faults = []
    key = event.get("routing_key")
    if not key:
        faults.append("'routing_key' is missing or blank")
    elif len(str(key)) != 32:
        faults.append("Length of 'routing_key' is incorrect (should be 32 characters)")
    elif key == UNKNOWN_KEY:
        faults.append("Invalid routing key")
    if event.get("event_action") not in {"trigger", "acknowledge", "resolve"}:
        faults.append("'event_action' must be one of: trigger, acknowledge, resolve")
    if event.get("event_action") != "trigger":
        return faults if event.get("dedup_key") else [*faults, "'dedup_key' is missing or blank"]
    payload = event.get("payload") or {}
    faults += [f"'payload.{name}' is missing or blank" for name in ("summary", "source", "severity") if not payload.get(name)]
    if payload.get("severity") and payload["severity"] not in SEVERITIES:
        faults.append("'payload.severity' is invalid (must be one of the following: 'critical', 'warning', 'error' or 'info')")
    if len(payload.get("summary", "")) > 1024:
        faults.append("'payload.summary' is too long (maximum is 1024 characters)")
    if len(str(event.get("dedup_key", ""))) > 255:
        faults.append("'dedup_key' is too long (maximum is 255 characters)")
    return faults


def serve(pager: Pager, port: int = 0) -> http.server.ThreadingHTTPServer:
    """Bind a server of the loopback for `pager` and fill in its addresses; the caller runs and closes it."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            content = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            time.sleep(pager.silence)
            status, answer = pager.take(self.path, self.headers.get("Authorization", ""), content)
            body = (answer if isinstance(answer, str) else json.dumps(answer)).encode()
            self.send_response(status)
            self.send_header("Content-Type", "text/html" if isinstance(answer, str) else "application/json")
            if status == 429 and pager.retry_after:
                self.send_header("Retry-After", pager.retry_after)
            self.send_header("Content-Length", str(len(body)))
            with contextlib.suppress(ConnectionError):  # whoever asked has given up
                self.end_headers()
                self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # the base class names it so
            """Say nothing: the log is `pager.log`."""

    server = http.server.ThreadingHTTPServer(("127.0.0.1", port), Handler)
    base = f"http://127.0.0.1:{server.server_port}"
    pager.url, pager.webhook = base + ENQUEUE, base + WEBHOOK
    pager.opsgenie.url, pager.slack.url = base, base + SERVICES.rstrip("/")
    pager.apprise = f"127.0.0.1:{server.server_port}{APPRISE}{APPRISE_SECRET}"
    return server


@contextlib.contextmanager
def running_pager() -> Iterator[Pager]:
    """Serve a receiver of pages on the loopback while the block runs."""
    pager = Pager()
    server = serve(pager)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    yield pager
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def pager() -> Iterator[Pager]:
    """A receiver of pages. It knows the key `ROUTING_KEY` and the bearer token `TOKEN`."""
    with running_pager() as running:
        yield running


def _parse(content: bytes) -> dict[str, Any]:
    try:
        event = json.loads(content)
    except ValueError:
        return {}
    return event if isinstance(event, dict) else {}


def main() -> None:
    """Serve until SIGINT or SIGTERM."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--port", type=int, default=0, help="0: one that is free")
    parser.add_argument("--events", type=pathlib.Path, help="file that gets a JSON line for every request")
    arguments = parser.parse_args()
    pager = Pager(log=arguments.events)
    server = serve(pager, arguments.port)
    sys.stdout.write(json.dumps({"url": pager.url, "webhook": pager.webhook}) + "\n")
    sys.stdout.flush()
    server.serve_forever()


if __name__ == "__main__":
    main()
