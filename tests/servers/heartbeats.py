"""What waits for heartbeats: Healthchecks.io's pinging API and Opsgenie's, on a real HTTP server of the loopback.

They stand outside of Proven, so they may be imitated. They answer as the real ones do: Healthchecks.io with 200 and `OK` (by
UUID also with 200 and `OK (not found)` or `OK (rate limited)`, for what it does not count), by ping key and slug with 404, 409
and 429; Opsgenie with 202 to every name, one that it does not know included, for it looks later.
https://healthchecks.io/docs/http_api/, https://docs.opsgenie.com/docs/heartbeat-api
"""

from __future__ import annotations

import collections
import dataclasses
import http.server
import json
import re
import threading
import uuid
from collections.abc import Iterator

import pytest

KEY = "eb243592-faa2-4ba2-a551-1afdf565c889"
"""API key of Opsgenie's that is somebody's."""
BY_UUID = re.compile(r"/([0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12})(/fail)?")
BY_SLUG = re.compile(r"/([\w-]{22})/([a-z0-9_-]+)(/fail)?")
OPSGENIE = re.compile(r"/v2/heartbeats/([^/]+)/ping")


@dataclasses.dataclass
class Waiting:
    """The services' state, and how they shall misbehave."""

    url: str = ""
    check: str = dataclasses.field(default_factory=lambda: str(uuid.uuid4()))
    """UUID of the one check there is."""
    ping_key: str = "fqOOd6-F4MMNuCEnzTU01w"
    slug: str = "proven"
    heard: list[str] = dataclasses.field(default_factory=list)
    """What was counted: `success` and `fail` of the check, `opsgenie:<name>`."""
    requests: list[tuple[str, str]] = dataclasses.field(default_factory=list)
    """Method and path of all."""
    limited: bool = False
    """More than five pings a minute have come."""
    _next: collections.deque[int] = dataclasses.field(default_factory=collections.deque)

    def answer_next(self, *statuses: int) -> None:
        """Answer the next requests with these statuses, whatever is in them."""
        self._next.extend(statuses)

    def take(self, method: str, path: str, authorization: str) -> tuple[int, str]:
        """Take one request; return status and body of the answer."""
        self.requests.append((method, path))
        if self._next:
            return self._next.popleft(), "told to fail"
        if found := OPSGENIE.fullmatch(path):
            return self._opsgenie(found[1], authorization)
        if found := BY_UUID.fullmatch(path):
            if found[1] != self.check:
                return 200, "OK (not found)"
            return (200, "OK (rate limited)") if self.limited else self._count(found[2])
        if found := BY_SLUG.fullmatch(path):
            if (found[1], found[2]) != (self.ping_key, self.slug):
                return 404, "not found"
            return (429, "rate limited") if self.limited else self._count(found[3])
        return 404, "not found"

    def _count(self, suffix: str | None) -> tuple[int, str]:
        self.heard.append("fail" if suffix else "success")
        return 200, "OK"

    def _opsgenie(self, name: str, authorization: str) -> tuple[int, str]:
        if authorization != f"GenieKey {KEY}":
            return 401, json.dumps({"message": "Could not authenticate", "took": 0.001, "requestId": str(uuid.uuid4())})
        self.heard.append(f"opsgenie:{name}")
        return 202, json.dumps({"result": "PONG - Heartbeat received", "took": 0.004, "requestId": str(uuid.uuid4())})


@pytest.fixture
def waiting() -> Iterator[Waiting]:
    """Services that wait for heartbeats."""
    state = Waiting()

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length", 0)))
            status, text = state.take(self.command, self.path, self.headers.get("Authorization", ""))
            self.send_response(status)
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text.encode())

        def do_POST(self) -> None:
            self.do_GET()

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # the base class names it so
            """Say nothing: the requests are `Waiting.requests`."""

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    state.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    yield state
    server.shutdown()
    server.server_close()
    thread.join()
