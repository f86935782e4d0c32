"""The border to python-swiftclient: one connection a thread, and its errors translated into StoreError."""

from __future__ import annotations

import contextlib
import datetime
import logging
import threading
from collections.abc import Iterator
from typing import Any, TypedDict

import keystoneauth1.exceptions
import requests
import swiftclient

from include.proven import connections, errors, openstack_session
from include.proven.stores import swift_connection

RETRIES = 4
FIRST_BACKOFF_SECONDS, LAST_BACKOFF_SECONDS = 0.5, 8
FEW = 24
"""Objects of the first page of a listing backwards: those of the newest two or three recovery points."""
MANY = 1000
"""Objects of each further page."""

HINTS = {
    401: "The store does not accept these credentials: check host, login, password and project of connection {connection}.",
    403: "The credentials are right but may not do this: the account of the connection {connection} must own the containers.",
    404: "The container is not there: check `container` in the fleet file; a first backup creates it.",
    412: "Objects are written once: two runs share one id, or something else writes into this store.",
    413: "The store takes no object of this size, or a quota of its account or container is reached.",
    422: "What arrived is not what was sent: try again, and suspect the network if it stays.",
    429: "The store limits how often it may be asked: try again later.",
    503: "The store is overloaded, or full: Swift says 503 as well when no disk of its own has room.",
    507: "The store is full: give it space, or remove what is not needed.",
}

# At its default swiftclient logs the first 16 characters of passwords, tokens and TempURL keys of refused requests.
swiftclient.client.logger_settings["reveal_sensitive_prefix"] = 0
# And at INFO it logs every request that was not 2xx: to look for an object that is not there is no news.
logging.getLogger("swiftclient").setLevel(logging.WARNING)


class Listed(TypedDict, total=False):
    """One line of a container listing: an object, or a folder (`subdir`)."""

    name: str
    subdir: str
    bytes: int
    hash: str
    last_modified: str
    """ISO 8601, UTC without saying so"""


class SwiftClient:
    """Requests to one Swift account. Given a failure, they raise StoreError with status, request id and a hint."""

    def __init__(self, connection: connections.Connection, *, retries: int = RETRIES) -> None:
        self._settings = connection
        self._retries = retries
        self._thread = threading.local()

    @contextlib.contextmanager
    def request(self, what: str) -> Iterator[Any]:
        """Given what is to be done ("put object shop/…"), yield the `swiftclient.Connection` of this thread to do it with."""
        try:
            yield self._connection()
        except swiftclient.ClientException as error:
            raise self._refused(what, error) from error
        except keystoneauth1.exceptions.HttpError as error:
            raise self._not_authenticated(what, error) from error
        except (OSError, requests.RequestException, keystoneauth1.exceptions.ConnectFailure) as error:
            raise self._unreachable(what, error) from error
        except keystoneauth1.exceptions.ClientException as error:
            raise errors.StoreError(
                f"swift: {what}: keystone: {error}",
                hint=f"Check project_name and region_name in the extra of the connection {self._settings.name}.",
            ) from error

    def list(
        self, container: str, prefix: str, delimiter: str | None = None, *, marker: str = "", end_marker: str | None = None
    ) -> Iterator[Listed]:
        """Yield what a container has under a prefix, and between these markers, page by page, as Swift sorts it."""
        asked = {"prefix": prefix, "delimiter": delimiter, "end_marker": end_marker}
        while True:
            with self.request(f"list container {container}") as swift:
                _, page = swift.get_container(container, marker=marker, **asked)
            if not page:
                return
            yield from page
            marker = page[-1].get("name") or page[-1]["subdir"]

    def list_backwards(self, container: str, prefix: str, before: str) -> Iterator[Listed]:
        """Yield the objects that a container has under a prefix, from the last one before a name to the first."""
        marker, limit = before, FEW
        while True:
            with self.request(f"list container {container}") as swift:
                _, page = swift.get_container(container, marker=marker, limit=limit, prefix=prefix, query_string="reverse=true")
            if not page:
                return
            yield from page
            marker, limit = page[-1]["name"], MANY

    def delete(self, container: str, name: str) -> None:
        """Delete an object. No error if there is none."""
        with self.request(f"delete object {name}") as swift, none_if_missing():
            swift.delete_object(container, name)

    def _connection(self) -> Any:
        # swiftclient.Connection keeps its token, its counter and its socket in itself: it is not made for two threads.
        if not hasattr(self._thread, "connection"):
            self._thread.connection = connect(self._settings, retries=self._retries)
        return self._thread.connection

    def _refused(self, what: str, error: swiftclient.ClientException) -> errors.StoreError:
        # swiftclient raises without a status where the answer to the log-in makes no sense.
        status = f"{error.http_status} {error.http_reason}" if error.http_status else "the answer makes no sense"
        kind = errors.NothingStoredError if error.http_status == requests.codes.not_found else errors.StoreError
        return kind(f"swift: {what}: {status}", detail=describe(error), hint=self._hint(error.http_status))

    def _not_authenticated(self, what: str, error: keystoneauth1.exceptions.HttpError) -> errors.StoreError:
        # Of an application credential that was deleted Keystone says 404: no container is meant.
        missing = error.http_status == requests.codes.not_found
        return errors.StoreError(
            f"swift: {what}: keystone: {error.http_status} {type(error).__name__}",
            detail=str(error),
            hint=self._hint(requests.codes.unauthorized if missing else error.http_status),
        )

    def _unreachable(self, what: str, error: Exception) -> errors.StoreError:
        return errors.StoreError(
            f"swift: {what}: {self._settings.host} can't be reached",
            detail=str(error),
            hint=f"Check the host of the connection {self._settings.name}, and the network between here and there.",
        )

    def _hint(self, status: int | None) -> str:
        hint = HINTS.get(status or 0, "Check the host of the connection {connection}: is it the URL of the authentication?")
        return hint.format(connection=self._settings.name)


def describe(error: swiftclient.ClientException) -> str:
    """Return the server's own words in one line, with its transaction id."""
    content = error.http_response_content or b""
    text = content.decode(errors="replace") if isinstance(content, bytes) else str(content)
    words = " ".join(text.split())[:500] or str(error.msg)
    return f"{words} (X-Trans-Id {error.transaction_id})" if error.transaction_id else words


def connect(settings: connections.Connection, *, retries: int) -> Any:
    """Return a connection. It logs in with its first request. Raise ConfigError if `settings` make no sense."""
    openstack_session.require_url(settings)
    common = {
        "retries": retries,
        "starting_backoff": FIRST_BACKOFF_SECONDS,
        "max_backoff": LAST_BACKOFF_SECONDS,
        "timeout": openstack_session.TIMEOUT_SECONDS,
        "cacert": settings.extra.get("cacert"),
    }
    match str(settings.extra.get("auth_version", "3" if settings.conn_type == "openstack" else "1")):
        case "1" | "1.0":
            return swift_connection.Connection(authurl=settings.host, user=settings.login, key=settings.password, **common)
        case "3":
            region = openstack_session.region(settings)
            return swift_connection.Connection(
                session=openstack_session.open_session(settings), os_options={"region_name": region} if region else {}, **common
            )
        case version:
            raise errors.ConfigError(
                f"connection {settings.name}: auth_version {version!r} is not known", hint="It is 1 (tempauth) or 3 (Keystone)."
            )


def below(folder: str) -> str:
    """Return what the keys below a folder begin with: the folder and a slash; nothing for the whole store."""
    return f"{folder.strip('/')}/" if folder.strip("/") else ""


def modified_at(listed: Listed) -> datetime.datetime:
    """Return when an object of a listing was written."""
    return datetime.datetime.fromisoformat(listed["last_modified"]).replace(tzinfo=datetime.UTC)


@contextlib.contextmanager
def none_if_missing() -> Iterator[None]:
    """Let a 404 pass: the block ends there."""
    try:
        yield
    except swiftclient.ClientException as error:
        if error.http_status != requests.codes.not_found:
            raise
