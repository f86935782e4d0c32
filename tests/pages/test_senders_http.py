"""What goes by HTTP: whom it trusts, how long it waits, and that it ends."""

from __future__ import annotations

import contextlib
import datetime
import email.utils
import pathlib
import socket
import threading
import time
from collections.abc import Iterator

import httpx
import pytest

from include.proven import connections
from include.proven.errors import ConfigError, PageError
from include.proven.fleet.pages import Route, WebhookRoute
from include.proven.pages import messages, transport
from tests.pages import ways
from tests.pages.ways import PAGE, Way
from tests.servers.pager import Pager, serve
from tests.servers.tls import context_of

Known = dict[str, connections.Connection]


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transport, "WAIT", transport.tenacity.wait_none())


def send(route: Route) -> None:
    messages.trigger("hook", route, PAGE).send()


@pytest.fixture
def secured(certificate: pathlib.Path) -> Iterator[Pager]:
    """A receiver of pages behind TLS."""
    pager = Pager()
    server = serve(pager)
    server.socket = context_of(certificate).wrap_socket(server.socket, server_side=True)
    for receiver in (pager, pager.opsgenie, pager.slack):
        receiver.url = receiver.url.replace("http:", "https:")
    pager.webhook = pager.webhook.replace("http:", "https:")
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    yield pager
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture(params=["pagerduty", "opsgenie", "slack", "webhook"])
def way(request: pytest.FixtureRequest, secured: Pager, known_connections: Known) -> Way:
    way: Way = getattr(ways, f"of_{request.param}")(secured)
    known_connections["way"] = way.connection
    return way


def test_a_companys_own_authority_is_trusted_where_it_is_named(way: Way, certificate: pathlib.Path) -> None:
    send(way.route.model_copy(update={"ca_file": certificate}))
    assert len(way.shown()) == 1


def test_another_authority_is_not(way: Way, other_certificate: pathlib.Path) -> None:
    for ca_file in (other_certificate, None):
        begun = time.monotonic()
        with pytest.raises(PageError, match=r"can't reach 127\.0\.0\.1") as caught:
            send(way.route.model_copy(update={"ca_file": ca_file}))
        assert "ca_file" in caught.value.hint
        assert time.monotonic() - begun < 2
    assert way.shown() == []


def test_a_file_without_authorities_is_told_before_anything_is_sent(way: Way, tmp_path: pathlib.Path) -> None:
    (tmp_path / "empty.pem").touch()
    for name in ("empty.pem", "missing.pem"):
        with pytest.raises(ConfigError, match=rf"can't use the certificate authorities in .*{name}"):
            messages.resolution("hook", way.route.model_copy(update={"ca_file": tmp_path / name}), PAGE.dedup_key)


def test_a_receiver_is_left_alone_for_as_long_as_it_asks(pager: Pager) -> None:
    pager.answer_next(429)
    pager.retry_after = "1"
    begun = time.monotonic()
    send(WebhookRoute(kind="webhook", endpoint=pager.webhook))
    assert 1 <= time.monotonic() - begun < 5
    assert len(pager.posts) == 1


@pytest.mark.parametrize("form", ["seconds", "date"])
def test_one_that_asks_for_longer_than_a_page_may_take_is_given_up_at_once(pager: Pager, form: str) -> None:
    at = datetime.datetime.now(datetime.UTC) + datetime.timedelta(seconds=120)
    pager.retry_after = "120" if form == "seconds" else email.utils.format_datetime(at, usegmt=True)
    pager.answer_next(429)
    begun = time.monotonic()
    with pytest.raises(PageError, match="429 too many requests") as caught:
        send(WebhookRoute(kind="webhook", endpoint=pager.webhook))
    assert time.monotonic() - begun < 5
    assert "left alone for 1" in caught.value.hint
    assert pager.refused == [429]


@pytest.mark.parametrize("said", ["soon", "-5", "Mon, 99 Foo 2026"])
def test_a_wait_that_makes_no_sense_is_passed_over(pager: Pager, said: str) -> None:
    pager.retry_after = said
    pager.answer_next(429)
    send(WebhookRoute(kind="webhook", endpoint=pager.webhook))
    assert len(pager.posts) == 1


def test_one_that_says_a_byte_now_and_then_is_given_up_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transport, "PATIENCE", 1.0)
    with dripping() as address:
        begun = time.monotonic()
        with pytest.raises(PageError, match="hook: trigger proven/shop/backup-failed: given up after 1 s"):
            send(WebhookRoute(kind="webhook", endpoint=address))
        assert time.monotonic() - begun < 2


@contextlib.contextmanager
def dripping() -> Iterator[str]:
    """Serve somebody who never quite stops answering."""
    done = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as server:

        def answer() -> None:
            with contextlib.suppress(OSError):
                client, _ = server.accept()
                with client:
                    client.sendall(b"HTTP/1.1 200 OK\r\nX-Slow: ")
                    while not done.wait(0.1):
                        client.sendall(b"x")

        thread = threading.Thread(target=answer, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.getsockname()[1]}/"
        done.set()
        thread.join(5)


def test_the_patience_has_room_for_every_attempt() -> None:
    read = transport.TIMEOUT.read
    assert read
    assert transport.LATEST_START + read < transport.PATIENCE < 50, "the dag-processor kills itself after 50 s"


@pytest.mark.parametrize("status", [301, 302, 307])
def test_a_redirect_is_no_delivery_and_carries_no_key_away(pager: Pager, status: int) -> None:
    pager.answer_next(status)
    with pytest.raises(PageError, match=str(status)):
        send(WebhookRoute(kind="webhook", connection="proven_webhook", endpoint=pager.webhook))
    assert pager.posts == []


def test_an_answer_that_can_not_be_read_is_no_delivery(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transport, "TIMEOUT", httpx.Timeout(0.3))
    with socket.create_server(("127.0.0.1", 0)) as server:
        garbage = threading.Thread(target=lambda: server.accept()[0].sendall(b"220 I speak SMTP\r\n"), daemon=True)
        garbage.start()
        with pytest.raises(PageError, match="can't reach"):
            send(WebhookRoute(kind="webhook", endpoint=f"http://127.0.0.1:{server.getsockname()[1]}/"))
