"""A mail server on the loopback, with STARTTLS and a login: fixture `mail`."""

from __future__ import annotations

import asyncio
import collections
import dataclasses
import email
import email.policy
import pathlib
import socket
from collections.abc import Iterator
from email.message import EmailMessage
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

from tests.servers.tls import context_of

LOGIN, PASSWORD = "proven@mail.example", "mail-pass-word"


@dataclasses.dataclass(frozen=True)
class Received:
    """One letter."""

    sender: str | None
    recipients: list[str]
    message: EmailMessage
    over_tls: bool

    @property
    def text(self) -> str:
        """Its plain text."""
        body = self.message.get_body(("plain",))
        assert body
        return str(body.get_content())


@dataclasses.dataclass
class MailServer:
    """What has arrived, and how the server shall misbehave."""

    port: int = 0
    letters: list[Received] = dataclasses.field(default_factory=list)
    refused: dict[str, str] = dataclasses.field(default_factory=dict)
    """Recipient → what the server answers to it."""
    greylist: set[str] = dataclasses.field(default_factory=set)
    """Recipients that it refuses once, for now."""
    answers: collections.deque[str] = dataclasses.field(default_factory=collections.deque)
    """What it answers to the next letters in the place of taking them."""
    silence: float = 0.0
    """Seconds that it lets pass before it answers to a sender."""
    deliveries: int = 0
    """Letters that were offered."""

    async def handle_MAIL(  # noqa: N802  # aiosmtpd looks for this name
        self, _server: SMTP, _session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        await asyncio.sleep(self.silence)
        envelope.mail_from = address
        envelope.mail_options.extend(options)
        return "250 OK"

    async def handle_RCPT(  # noqa: N802
        self, _server: SMTP, _session: Session, envelope: Envelope, address: str, _options: list[str]
    ) -> str:
        if address in self.refused:
            return self.refused[address]
        if address in self.greylist:
            self.greylist.remove(address)
            return "450 4.2.0 greylisted, try again later"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, _server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802
        self.deliveries += 1
        if self.answers:
            return self.answers.popleft()
        assert isinstance(envelope.content, bytes)
        message = email.message_from_bytes(envelope.content, policy=email.policy.default)
        assert isinstance(message, EmailMessage)
        self.letters.append(Received(envelope.mail_from, list(envelope.rcpt_tos), message, session.ssl is not None))
        return "250 OK"

    def authenticate(self, _server: SMTP, _session: Session, _envelope: Envelope, _mechanism: str, said: Any) -> AuthResult:
        """Know one login."""
        known = isinstance(said, LoginPassword) and said == (LOGIN.encode(), PASSWORD.encode())
        return AuthResult(success=known, handled=False)


def _free_port() -> int:
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        return int(server.getsockname()[1])


def serving(server: MailServer, **options: Any) -> Controller:
    """Return a controller for `server`, which the caller starts and stops; aiosmtpd's own way needs a port that is known."""
    server.port = _free_port()
    return Controller(server, hostname="127.0.0.1", port=server.port, **options)


@pytest.fixture
def mail(certificate: pathlib.Path) -> Iterator[MailServer]:
    """A mail server that takes letters from `LOGIN` alone, and after STARTTLS alone."""
    server = MailServer()
    controller = serving(
        server,
        tls_context=context_of(certificate),
        require_starttls=True,
        authenticator=server.authenticate,
        auth_required=True,
    )
    controller.start()
    yield server
    controller.stop()
