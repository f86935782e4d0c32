"""Posts JSON to a receiver of pages: tries again when that may help, and says what the receiver answered."""

from __future__ import annotations

import dataclasses
import pathlib
import ssl
from typing import Any

import httpx
import tenacity

from include.proven.errors import PageError

ATTEMPTS = 4
TIMEOUT = httpx.Timeout(5.0)
"""Seconds for each attempt: with the waits between, a dead receiver is given up after 30 s. Airflow's dag-processor, which
runs DAG-level callbacks, kills itself after 50 (`[dag_processor] dag_file_processor_timeout`)."""
WAIT = tenacity.wait_exponential_jitter(multiplier=0.5, max=4, jitter=0.5)

HINTS = {
    400: "The receiver refuses this message: check the key in the route's connection.",
    401: "Check the password of the route's connection.",
    403: "Check the password of the route's connection.",
    404: "Check the route's endpoint.",
}


class RetryableError(PageError):
    """The receiver is not to be had right now."""


@dataclasses.dataclass(frozen=True)
class Delivery:
    """One POST on its way: a `messages.Message`."""

    name: str
    """What error messages begin with: `oncall: trigger proven/shop/backup-failed`."""
    url: str = dataclasses.field(repr=False)
    body: dict[str, Any] | None
    headers: dict[str, str] = dataclasses.field(default_factory=dict, repr=False)
    ca_file: pathlib.Path | None = None
    """PEM file of the authorities that the receiver's certificate must come from; None: the usual ones."""
    method: str = "POST"

    def send(self) -> None:
        """Post until the receiver takes it (2xx). Raise PageError, with its answer, if it refuses or fails every time."""
        self.exchange()

    def exchange(self) -> httpx.Response:
        """Do as `send`, and return the answer."""
        attempts = tenacity.Retrying(
            stop=tenacity.stop_after_attempt(ATTEMPTS),
            wait=WAIT,
            retry=tenacity.retry_if_exception_type(RetryableError),
            reraise=True,
        )
        return attempts(_post_once, self)


def _post_once(delivery: Delivery) -> httpx.Response:
    verify = ssl.create_default_context(cafile=delivery.ca_file) if delivery.ca_file else True
    try:
        # no redirects: they would carry the key to another host
        answer = httpx.request(
            delivery.method, delivery.url, json=delivery.body, headers=delivery.headers, timeout=TIMEOUT, verify=verify
        )
    except httpx.TransportError as error:
        what = f"{delivery.name}: can't reach {_host(delivery.url)}"
        raise RetryableError(what, detail=f"{type(error).__name__}: {error}", hint="Check the route's endpoint.") from None
    except (httpx.InvalidURL, httpx.UnsupportedProtocol) as error:
        raise PageError(f"{delivery.name}: the endpoint is no URL", detail=str(error)) from None
    if answer.is_success:
        return answer
    kind = RetryableError if answer.status_code == httpx.codes.TOO_MANY_REQUESTS or answer.is_server_error else PageError
    what = f"{delivery.name}: {_host(delivery.url)} answers {answer.status_code} {answer.reason_phrase.lower()}"
    raise kind(what, detail=answer.text[:500], hint=HINTS.get(answer.status_code, ""))


def _host(url: str) -> str:
    """Return host and port only: a webhook's path may be its secret."""
    return httpx.URL(url).netloc.decode()
