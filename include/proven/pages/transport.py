"""Brings a message to its receiver: again where that may help, and for 30 s at most; and what goes by HTTP."""

from __future__ import annotations

import contextlib
import contextvars
import dataclasses
import datetime
import email.utils
import functools
import logging
import pathlib
import ssl
import threading
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import tenacity

from include.proven import connections
from include.proven.errors import ConfigError, PageError

PATIENCE = 30.0
"""Seconds after which a receiver is given up, whatever it does. Airflow's dag-processor, which runs DAG-level callbacks, kills
itself after 50 (`[dag_processor] dag_file_processor_timeout`)."""
LATEST_START = 22.0
"""Seconds after which no other attempt begins: it might not end in time."""
ATTEMPTS = 4
TIMEOUT = httpx.Timeout(5.0)
"""Seconds that a receiver may be silent in one attempt."""
WAIT = tenacity.wait_exponential_jitter(multiplier=0.5, max=4, jitter=0.5)

HINTS = {
    400: "The receiver refuses this message: check the key in the route's connection.",
    401: "Check the password of the route's connection.",
    403: "Check the password of the route's connection.",
    404: "Check the address: the route's endpoint, or what its connection holds.",
    410: "What the address led to is gone: check it there.",
    422: "The receiver refuses this message: check the key in the route's connection.",
}

TALKATIVE = ("httpx", "urllib3.connectionpool", "apprise")
"""Loggers of libraries that tell the addresses of requests. An address may be its receiver's secret."""

_untold: contextvars.ContextVar[tuple[str, ...] | None] = contextvars.ContextVar("untold", default=None)
"""What is not to be logged; None: nobody minds."""


class RetryableError(PageError):
    """The receiver is not to be had right now."""

    after: float = 0.0
    """Seconds that the receiver asks to be left alone for."""


@dataclasses.dataclass(frozen=True)
class Delivery:
    """One request on its way: a `messages.Message`. Raise ConfigError if its `ca_file` can't be used."""

    name: str
    """What error messages begin with: `oncall: trigger proven/shop/backup-failed`."""
    url: str = dataclasses.field(repr=False)
    body: dict[str, Any] | None = dataclasses.field(repr=False)
    headers: dict[str, str] = dataclasses.field(default_factory=dict, repr=False)
    ca_file: pathlib.Path | None = None
    """PEM file of the authorities that the receiver's certificate must come from; None: the usual ones."""
    secrets: tuple[str, ...] = dataclasses.field(default=(), repr=False)
    """What no error may show, even if the receiver repeats it."""
    method: str = "POST"
    refusal: str = ""
    """An answer that begins so is a refusal whatever its status is; empty: the status says all."""

    def __post_init__(self) -> None:
        if self.ca_file:
            trust(self.name, self.ca_file)

    def send(self) -> None:
        """Post until the receiver takes it (2xx). Raise PageError, with its answer, if it refuses or fails every time."""
        persist(self.name, functools.partial(_post_once, self), self.secrets)


def persist(name: str, attempt: Callable[[], None], secrets: tuple[str, ...]) -> None:
    """Call `attempt` until it returns, again and again while it raises RetryableError. `name` begins the error's message.

    Meanwhile no library logs the secrets. Raise what it has raised last, or PageError after PATIENCE seconds: the attempts run
    in a thread, which is left behind then. A name server that hangs, or a receiver that drips, heeds no timeout.
    """
    attempts = tenacity.Retrying(
        stop=tenacity.stop_after_attempt(ATTEMPTS) | tenacity.stop_before_delay(LATEST_START),
        wait=_wait,
        retry=tenacity.retry_if_exception_type(RetryableError),
        reraise=True,
    )
    ends: list[BaseException | None] = []

    def run() -> None:
        try:
            with discretion(secrets):
                attempts(attempt)
        except BaseException as error:
            ends.append(error)
        else:
            ends.append(None)

    # a daemon, because what hangs must not keep the process either
    thread = threading.Thread(target=run, name=name, daemon=True)
    thread.start()
    thread.join(PATIENCE)
    if not ends:
        hint = "The receiver, or a name server, answers too slowly. The message may still have arrived."
        raise PageError(f"{name}: given up after {PATIENCE:g} s", hint=hint)
    if ends[0]:
        raise ends[0]


def trust(name: str, ca_file: pathlib.Path | None) -> ssl.SSLContext:
    """Return a context that trusts the authorities in a PEM file; None: the usual ones. Raise ConfigError if it holds none."""
    try:
        return ssl.create_default_context(cafile=ca_file)
    except OSError as error:
        what = f"{name}: can't use the certificate authorities in {ca_file}"
        hint = "The route's ca_file is a PEM file of certificate authorities."
        raise ConfigError(what, detail=f"{type(error).__name__}: {error.strerror or error}", hint=hint) from None


def read_token(name: str, connection: str, noun: str, hint: str = "") -> str:
    """Return a connection's password, which is a token. Raise ConfigError, calling it `noun`, if it can be none."""
    token = connections.resolve(connection).password
    if not token or not token.isascii() or not token.isprintable() or " " in token:
        raise ConfigError(f"{name}: the password of connection {connection!r} is no {noun}", hint=hint)
    return token


def hide(text: str, secrets: tuple[str, ...]) -> str:
    """Return `text` with an ellipsis in the place of each secret."""
    for secret in sorted(filter(None, secrets), key=len, reverse=True):
        text = text.replace(secret, "…")
    return text


@contextlib.contextmanager
def discretion(secrets: tuple[str, ...]) -> Iterator[None]:
    """While the block runs, keep libraries from logging its requests' addresses, and secrets in what they warn of."""
    for logger in map(logging.getLogger, TALKATIVE):
        logger.addFilter(_hush)  # which does nothing the second time
    token = _untold.set(secrets)
    try:
        yield
    finally:
        _untold.reset(token)


def _hush(record: logging.LogRecord) -> bool:
    secrets = _untold.get()
    if secrets is None:
        return True
    record.msg, record.args = hide(record.getMessage(), secrets), ()
    return record.levelno >= logging.WARNING


def _wait(state: tenacity.RetryCallState) -> float:
    """Return how long to wait before the next attempt: what the receiver asks for, or a little longer each time."""
    error = state.outcome.exception() if state.outcome else None
    return max(WAIT(state), error.after if isinstance(error, RetryableError) else 0.0)


def _post_once(delivery: Delivery) -> None:
    verify = trust(delivery.name, delivery.ca_file) if delivery.ca_file else True
    try:
        # no redirects: they would carry the key to another host
        answer = httpx.request(
            delivery.method, delivery.url, json=delivery.body, headers=delivery.headers, timeout=TIMEOUT, verify=verify
        )
    except (httpx.InvalidURL, httpx.UnsupportedProtocol) as error:
        detail = hide(str(error), delivery.secrets)
        raise PageError(f"{delivery.name}: the endpoint is no URL", detail=detail) from None
    except httpx.RequestError as error:
        raise _unreachable(delivery, error) from None
    if not answer.is_success or (delivery.refusal and answer.text.startswith(delivery.refusal)):
        raise _refusal(delivery, answer)


def _unreachable(delivery: Delivery, error: httpx.RequestError) -> PageError:
    what = f"{delivery.name}: can't reach {_host(delivery.url)}"
    detail = hide(f"{type(error).__name__}: {error}", delivery.secrets)
    if "CERTIFICATE_VERIFY_FAILED" in detail:
        hint = "The route's ca_file must hold the authority that has signed the receiver's certificate."
        return PageError(what, detail=detail, hint=hint)
    return RetryableError(what, detail=detail, hint="Check the route's endpoint.")


def _refusal(delivery: Delivery, answer: httpx.Response) -> PageError:
    kind = RetryableError if answer.status_code == httpx.codes.TOO_MANY_REQUESTS or answer.is_server_error else PageError
    what = f"{delivery.name}: {_host(delivery.url)} answers {answer.status_code} {answer.reason_phrase.lower()}"
    error = kind(what, detail=hide(answer.text, delivery.secrets)[:500], hint=HINTS.get(answer.status_code, ""))
    if isinstance(error, RetryableError) and (after := _retry_after(answer)):
        error.after = after
        error.hint = f"It asks to be left alone for {after:.0f} s."
    return error


def _retry_after(answer: httpx.Response) -> float:
    """Return the seconds of `Retry-After`, which may be a number or a date; 0 without it, or if it is neither."""
    said = answer.headers.get("Retry-After", "").strip()
    if said.isdecimal():
        return float(said)
    try:
        at = email.utils.parsedate_to_datetime(said)
    except ValueError:
        return 0.0
    return max(0.0, (at.replace(tzinfo=at.tzinfo or datetime.UTC) - datetime.datetime.now(datetime.UTC)).total_seconds())


def _host(url: str) -> str:
    """Return host and port only: a webhook's path may be its secret."""
    return httpx.URL(url).netloc.decode()
