"""Letters: what a person reads at three in the morning, who gets them, and over which line."""

from __future__ import annotations

import dataclasses
import pathlib
import re
from typing import Any

import pytest

from include.proven import connections
from include.proven.errors import ConfigError, PageError
from include.proven.fleet.pages import EmailRoute
from include.proven.pages import email_message, messages, transport
from tests.pages.ways import PAGE
from tests.servers.mail import LOGIN, PASSWORD, MailServer, serving
from tests.servers.tls import context_of

Known = dict[str, connections.Connection]
DBA, LEAD, GONE = "dba@shop.example", "lead@shop.example", "gone@shop.example"


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transport, "WAIT", transport.tenacity.wait_none())
    monkeypatch.setattr(email_message, "TIMEOUT", 2)


def server_of(known: Known, port: int, *, login: str = LOGIN, **extra: Any) -> None:
    """Make `smtp` the connection to a server of the loopback."""
    known["smtp"] = connections.Connection(
        "smtp", "smtp", "127.0.0.1", port, login, PASSWORD if login else "", extra={"from_email": f"Proven <{LOGIN}>"} | extra
    )


@pytest.fixture
def post(mail: MailServer, known_connections: Known) -> MailServer:
    server_of(known_connections, mail.port, disable_ssl=True)
    return mail


@pytest.fixture
def route(certificate: pathlib.Path) -> EmailRoute:
    return EmailRoute(kind="email", connection="smtp", to=[DBA, LEAD], ca_file=certificate)


def send(route: EmailRoute) -> None:
    messages.trigger("mail", route, PAGE).send()


def test_a_letter_says_all_that_a_person_needs(post: MailServer, route: EmailRoute) -> None:
    send(route)
    (letter,) = post.letters
    assert letter.over_tls
    assert letter.recipients == [DBA, LEAD]
    assert letter.sender == LOGIN
    assert letter.message["Subject"] == PAGE.headline
    assert letter.message["From"] == f"Proven <{LOGIN}>"
    assert letter.message["Auto-Submitted"] == "auto-generated"
    assert letter.message["Importance"] == "high"
    assert letter.message["Date"].datetime.tzinfo
    assert letter.text.replace("\r\n", "\n") == (
        "What:    source: shop: access denied for 'backup'@'%'\n"
        "Risk:    What changed since the last recovery point is lost if the source is lost now, and it grows by the hour.\n"
        "Next:    ./proven backup shop\n"
        "Hint:    Check the password of the connection.\n"
        "Runbook: https://airflow.example/proven/runbooks/backup-failed\n"
        "Run:     https://airflow.example/dags/backup__shop/runs/scheduled__1\n"
        "\n"
        "What the machine says:\n"
        "    ERROR 1045 (28000): Access denied <backup> & gone\n"
        "\n"
        "You are on it? Say so, and nobody else is called:\n"
        "    ./proven acknowledge shop/backup-failed\n"
        "\n"
        "error · shop of shop-team · noticed by worker-1 · proven/shop/backup-failed\n"
    )


def test_a_page_its_end_and_the_next_one_hang_on_one_thread_and_none_is_taken_for_another(
    post: MailServer, route: EmailRoute
) -> None:
    send(route)
    messages.resolution("mail", route, PAGE.dedup_key).send()
    send(route)
    messages.trigger("mail", route, dataclasses.replace(PAGE, database="a_shop_" + "x" * 33)).send()
    threads = [letter.message["In-Reply-To"] for letter in post.letters]
    assert threads[0] == threads[1] == threads[2] != threads[3]
    assert [letter.message["References"] for letter in post.letters] == threads
    assert len({letter.message["Message-ID"] for letter in post.letters}) == 4, "mail servers throw away what they have seen"
    assert post.letters[1].message["Importance"] is None


def test_a_long_name_of_a_host_breaks_no_thread(route: EmailRoute, known_connections: Known) -> None:
    server_of(known_connections, 9, from_email="proven@" + "backup." * 12 + "example")
    letter = messages.trigger("mail", route, PAGE)
    assert isinstance(letter, email_message.Letter)
    (thread,) = re.findall(rb"^In-Reply-To: (<[0-9a-f]+@(?:backup\.){12}example>)\r$", bytes(letter.message), re.MULTILINE)
    assert b"References: " + thread in bytes(letter.message)


def test_names_beside_addresses_may_be_of_any_script(post: MailServer, route: EmailRoute) -> None:
    send(route.model_copy(update={"to": [f"Jörg 表 <{DBA}>", f"{LEAD}, {DBA}"]}))
    (letter,) = post.letters
    assert letter.recipients == [DBA, LEAD]
    assert "Jörg 表" in letter.message["To"]


def test_a_summary_of_several_lines_and_scripts_stays_one_subject(post: MailServer, route: EmailRoute) -> None:
    page = dataclasses.replace(PAGE, summary="größe: 表 orders\r\nBcc: all@shop.example\n" + "x" * 400)
    messages.trigger("mail", route, page).send()
    (letter,) = post.letters
    assert letter.message["Subject"].startswith("shop: backup failed: größe: 表 orders Bcc: all@shop.example xxx")
    assert letter.message["Bcc"] is None
    assert "größe: 表 orders" in letter.text


@pytest.mark.failure("D5")
def test_one_who_is_refused_is_named_and_the_others_have_it_once(post: MailServer, route: EmailRoute) -> None:
    post.refused[GONE] = "550 5.1.1 no such user here"
    with pytest.raises(PageError, match=f"refuses {GONE}") as caught:
        send(route.model_copy(update={"to": [DBA, GONE, LEAD]}))
    assert "no such user here" in caught.value.detail
    assert "Who is not named has got it" in caught.value.hint
    assert [letter.recipients for letter in post.letters] == [[DBA, LEAD]]


@pytest.mark.failure("D5")
def test_when_all_are_refused_each_is_named(post: MailServer, route: EmailRoute) -> None:
    post.refused = dict.fromkeys((DBA, LEAD), "554 5.7.1 relay access denied")
    with pytest.raises(PageError, match=f"refuses {DBA}, {LEAD}") as caught:
        send(route)
    assert caught.value.detail.count("relay access denied") == 2
    assert "has got it" not in caught.value.hint
    assert post.letters == []


def test_one_who_is_refused_for_now_is_tried_again_alone(post: MailServer, route: EmailRoute) -> None:
    post.greylist = {LEAD}
    send(route)
    assert [letter.recipients for letter in post.letters] == [[DBA], [LEAD]]


def test_the_server_must_be_who_it_says(post: MailServer, route: EmailRoute, other_certificate: pathlib.Path) -> None:
    for ca_file in (other_certificate, None):
        with pytest.raises(PageError, match=r"can't trust 127\.0\.0\.1") as caught:
            send(route.model_copy(update={"ca_file": ca_file}))
        assert "ca_file" in caught.value.hint
    assert post.letters == []


def test_a_server_with_tls_from_the_start(route: EmailRoute, certificate: pathlib.Path, known_connections: Known) -> None:
    server = MailServer()
    controller = serving(server, ssl_context=context_of(certificate))
    server_of(known_connections, server.port, login="")
    controller.start()
    try:
        send(route)
    finally:
        controller.stop()
    assert len(server.letters) == 1


def test_a_server_without_tls_gets_a_letter_where_that_is_said_and_never_a_password(
    route: EmailRoute, known_connections: Known
) -> None:
    server = MailServer()
    controller = serving(server)
    controller.start()
    try:
        server_of(known_connections, server.port, login="")
        with pytest.raises(PageError, match="does not speak TLS from the start") as caught:
            send(route)
        assert "disable_ssl" in caught.value.hint
        server_of(known_connections, server.port, login="", disable_ssl="true")
        with pytest.raises(PageError, match="can't do what is asked for") as caught:
            send(route)
        assert "disable_tls" in caught.value.hint
        server_of(known_connections, server.port, login="", disable_ssl="true", disable_tls="true")
        send(route)
        assert [letter.over_tls for letter in server.letters] == [False]
        server_of(known_connections, server.port, disable_ssl=True, disable_tls=True)
        with pytest.raises(ConfigError, match="would show its password on the line"):
            send(route)
    finally:
        controller.stop()


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        ({"host": ""}, "names no host"),
        ({"login": "proven", "extra": {}}, "names no sender"),
        ({"extra": {"from_email": LOGIN, "disable_ssl": "perhaps"}}, "disable_ssl in its extra is neither true nor false"),
        ({"extra": {"from_email": LOGIN, "auth_type": "oauth2"}}, "asks for OAuth"),
        ({"password": "größer"}, "beyond ASCII"),
        ({"extra": {"from_email": f"{LOGIN}\nBcc: all@shop.example"}}, "can't be addressed"),
    ],
)
def test_what_is_wrong_with_the_connection_is_told_before_anything_is_sent(
    route: EmailRoute, known_connections: Known, change: dict[str, Any], fault: str
) -> None:
    server_of(known_connections, 9)
    known_connections["smtp"] = dataclasses.replace(known_connections["smtp"], **change)
    with pytest.raises(ConfigError, match=fault):
        messages.resolution("mail", route, PAGE.dedup_key)


def test_an_address_of_two_lines_is_none(route: EmailRoute, known_connections: Known) -> None:
    server_of(known_connections, 9)
    with pytest.raises(ConfigError, match="can't be addressed"):
        messages.resolution("mail", route.model_copy(update={"to": ["a@b.example\nBcc: c@d.example"]}), PAGE.dedup_key)
