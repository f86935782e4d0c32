"""E-mail by SMTP: a page is a letter, and its resolution another one in the same thread.

The connection has the form of Airflow's SMTP provider: host, port, login, password; extra: `from_email`, `disable_ssl` (do not
start with TLS, as port 465 does), `disable_tls` (nor change to it by STARTTLS, as port 587 does).
"""

from __future__ import annotations

import base64
import contextlib
import dataclasses
import email.headerregistry
import email.message
import email.policy
import email.utils
import functools
import hashlib
import pathlib
import smtplib
import ssl
from collections.abc import Iterator

from include.proven import connections
from include.proven.errors import ConfigError, PageError
from include.proven.fleet.pages import EmailRoute
from include.proven.pages.messages import News
from include.proven.pages.page import Page
from include.proven.pages.transport import RetryableError, hide, persist, trust
from include.proven.pages.wording import as_text, resolved_headline, resolved_text

TIMEOUT = 7.0
"""Seconds that a server may be silent."""
MOST_SUBJECT = 200
"""Characters."""
_HEADERS = email.headerregistry.HeaderRegistry()
for _name in ("In-Reply-To", "References"):
    # as texts they would be encoded where they are too long for a line, and no mail program would find the thread
    _HEADERS.map_to_type(_name, email.headerregistry.MessageIDHeader)  # type: ignore[arg-type]  # wants a mixin, says BaseHeader
POLICY = email.policy.SMTP.clone(header_factory=_HEADERS)
FLAGS = {"true": True, "1": True, "yes": True, "false": False, "0": False, "no": False, "": False}


@dataclasses.dataclass(frozen=True)
class Server:
    """A mail server, and how to speak to it."""

    host: str
    port: int
    """0: 465 with TLS from the start, otherwise 25."""
    login: str
    password: str = dataclasses.field(repr=False)
    tls: bool
    """From the start."""
    starttls: bool
    sender: str
    """Address, or name and address, that letters come from."""
    ca_file: pathlib.Path | None

    @property
    def secrets(self) -> tuple[str, ...]:
        """The password, and what SMTP makes of it."""
        forms = (self.password, f"\0{self.login}\0{self.password}")
        return tuple(form for text in forms if self.password for form in (text, base64.b64encode(text.encode()).decode()))


@dataclasses.dataclass(frozen=True)
class Letter:
    """One e-mail on its way: a `messages.Message`."""

    name: str
    server: Server
    to: list[str]
    """Addresses alone; the letter's own `To` may have names, which a mail server need not understand."""
    message: email.message.EmailMessage

    def send(self) -> None:
        """Hand the letter to the mail server, for every recipient. Raise PageError, naming who has not got it."""
        persist(self.name, functools.partial(self._hand_over, list(self.to)), self.server.secrets)

    def _hand_over(self, missing: list[str]) -> None:
        """Send to who is missing, and strike out who has it now: nobody gets it twice because another one was refused."""
        try:
            with self._connected() as smtp:
                refused = smtp.send_message(self.message, email.utils.parseaddr(self.server.sender)[1], missing)
        except smtplib.SMTPRecipientsRefused as error:
            refused = error.recipients
        except (smtplib.SMTPException, OSError) as error:
            raise self._fault(error) from None
        missing[:] = refused
        if refused:
            kind = RetryableError if all(400 <= code < 500 for code, _ in refused.values()) else PageError
            said = "; ".join(f"{address}: {code} {_words(text)}" for address, (code, text) in refused.items())
            others = " Who is not named has got it." if set(self.to) - set(refused) else ""
            what = f"{self.name}: {self.server.host} refuses {', '.join(refused)}"
            raise kind(what, detail=hide(said, self.server.secrets), hint="Check the addresses in the route's `to`." + others)

    @contextlib.contextmanager
    def _connected(self) -> Iterator[smtplib.SMTP]:
        server = self.server
        context = trust(self.name, server.ca_file)
        if server.tls:
            smtp: smtplib.SMTP = smtplib.SMTP_SSL(server.host, server.port, timeout=TIMEOUT, context=context)
        else:
            smtp = smtplib.SMTP(server.host, server.port, timeout=TIMEOUT)
        with contextlib.closing(smtp):
            if server.starttls:
                smtp.starttls(context=context)
            if server.login:
                smtp.login(server.login, server.password)
            yield smtp
            # the letter has been taken: how the server says goodbye changes nothing
            with contextlib.suppress(smtplib.SMTPException, OSError):
                smtp.quit()

    def _fault(self, error: smtplib.SMTPException | OSError) -> PageError:
        """Return what went wrong, in our words and the server's."""
        said = _words(error.smtp_error) if isinstance(error, smtplib.SMTPResponseException) else str(error)
        kind, what, hint = _judge(error, self.server)
        return kind(f"{self.name}: {what}", detail=hide(f"{type(error).__name__}: {said}", self.server.secrets), hint=hint)


def trigger(name: str, route: EmailRoute, page: Page) -> Letter:
    """Return the letter that tells `page`. Raise ConfigError if the route's connection is no mail server's."""
    letter = _write(name, route, "trigger", page.dedup_key, page.headline, as_text(page))
    if page.urgency in {"critical", "error"}:
        letter.message["Importance"] = "high"
    return letter


def resolution(name: str, route: EmailRoute, key: str) -> Letter:
    """Return the letter that says that the page of that dedup key is resolved. Raise as `trigger` does."""
    return _write(name, route, "resolve", key, resolved_headline(key), resolved_text(key))


def news(name: str, route: EmailRoute, news: News) -> Letter:
    """Return the letter that tells `news`; each title has a thread. Raise as `trigger` does."""
    letter = _write(name, route, "news", news.title, news.title, news.text)
    if news.html:
        letter.message.add_alternative(news.html, subtype="html", cte="quoted-printable")
    return letter


def _write(name: str, route: EmailRoute, action: str, key: str, subject: str, text: str) -> Letter:
    server = _read_server(name, route)
    domain = email.utils.parseaddr(server.sender)[1].rpartition("@")[2]
    # Letters of one page hang on an id that no letter has, as an answer hangs on its question. Were it the page's own id, then
    # the next page of that kind would bear it again, and mail servers throw away what they have seen.
    thread = f"<{hashlib.sha256(key.encode()).hexdigest()[:32]}@{domain}>"
    message = email.message.EmailMessage(POLICY)
    headers = {
        "From": server.sender,
        "To": ", ".join(route.to),
        "Subject": " ".join(subject.split())[:MOST_SUBJECT],
        "Date": email.utils.localtime(),
        "Message-ID": email.utils.make_msgid(domain=domain),
        "In-Reply-To": thread,
        "References": thread,
        "Auto-Submitted": "auto-generated",
        "X-Auto-Response-Suppress": "All",
    }
    try:
        for header, value in headers.items():
            message[header] = value
    except ValueError as error:
        raise ConfigError(f"{name}: the letter can't be addressed", detail=str(error)) from None
    message.set_content(text, cte="quoted-printable")
    to = [address for _, address in email.utils.getaddresses(route.to)]
    if not all(to):
        raise ConfigError(f"{name}: the letter can't be addressed", detail=message["To"], hint="Check the route's `to`.")
    return Letter(f"{name}: {action} {key}", server, list(dict.fromkeys(to)), message)


def _read_server(name: str, route: EmailRoute) -> Server:
    """Return the mail server that a route's connection names."""
    connection = connections.resolve(route.connection)
    place = f"{name}: connection {route.connection!r}"
    tls = not _flag(place, connection, "disable_ssl")
    starttls = not tls and not _flag(place, connection, "disable_tls")
    sender = str(connection.extra.get("from_email") or (connection.login if "@" in connection.login else ""))
    if not connection.host:
        raise ConfigError(f"{place} names no host", hint="It is the mail server that takes letters from you.")
    if "@" not in sender:
        raise ConfigError(f"{place} names no sender", hint='Its extra has "from_email": the address that letters come from.')
    if connection.extra.get("auth_type", "basic") != "basic":
        raise ConfigError(f"{place} asks for OAuth", hint="Letters are sent with a login and a password, or without.")
    if connection.login and not tls and not starttls:
        hint = "Take disable_ssl or disable_tls out of its extra; or login and password, where the server asks for none."
        raise ConfigError(f"{place} would show its password on the line", hint=hint)
    if not (connection.login + connection.password).isascii():
        raise ConfigError(f"{place} has a login or password beyond ASCII", hint="SMTP knows no such.")
    trust(name, route.ca_file)
    login, password = connection.login, connection.password
    return Server(connection.host, connection.port or 0, login, password, tls, starttls, sender, route.ca_file)


def _flag(place: str, connection: connections.Connection, key: str) -> bool:
    """Return a yes or no of a connection's extra, which is a text where the connection was written as a URI."""
    value = str(connection.extra.get(key) or "").lower()
    if value not in FLAGS:
        raise ConfigError(f"{place}: {key} in its extra is neither true nor false")
    return FLAGS[value]


def _judge(error: smtplib.SMTPException | OSError, server: Server) -> tuple[type[PageError], str, str]:
    """Return whether it may help to try again, what has happened, and a hint."""
    if isinstance(error, smtplib.SMTPResponseException):
        kind = RetryableError if 400 <= error.smtp_code < 500 else PageError
        refusal = isinstance(error, smtplib.SMTPAuthenticationError)
        hint = "Check login and password of the route's connection." if refusal else ""
        return kind, f"{server.host} answers {error.smtp_code}", hint
    if isinstance(error, ssl.SSLCertVerificationError):
        hint = "The route's ca_file must hold the authority that has signed the server's certificate."
        return PageError, f"can't trust {server.host}", hint
    if isinstance(error, ssl.SSLError) and server.tls:
        hint = 'Where TLS begins with STARTTLS, as on port 587, the connection\'s extra has "disable_ssl": true.'
        return PageError, f"{server.host} does not speak TLS from the start", hint
    if isinstance(error, ssl.SSLError):
        return PageError, f"{server.host} does not speak TLS after STARTTLS", ""
    if isinstance(error, smtplib.SMTPServerDisconnected) or not isinstance(error, smtplib.SMTPException):
        return RetryableError, f"can't reach {server.host}", "Check host and port of the route's connection."
    hint = (
        'Where the server has no STARTTLS, the connection\'s extra has "disable_tls": true.' if "STARTTLS" in str(error) else ""
    )
    return PageError, f"{server.host} can't do what is asked for", hint


def _words(said: bytes | str) -> str:
    return " ".join((said.decode(errors="replace") if isinstance(said, bytes) else said).split())[:500]
