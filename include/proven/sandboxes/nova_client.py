"""The border to OpenStack: python-novaclient and openstacksdk on one Keystone session, their errors made SandboxErrors."""

from __future__ import annotations

import contextlib
import functools
import logging
from collections.abc import Iterator
from typing import Any

import keystoneauth1.exceptions
import novaclient.client
import novaclient.exceptions
import openstack.connection
import openstack.exceptions

from include.proven import connections, errors, openstack_session

MICROVERSION = "2.67"
"""Of the compute API; Stein (2019) and later have it. It is the first that takes the type of the volume to boot from."""
CONNECT_RETRIES = 3

QUOTA_HINT = "Raise the project's quota, remove what it does not need, or lower `at_once` of the sandbox."
HINTS = {
    400: "The cloud does not take what the fleet asks for: check the image, network, security groups and zone of the sandbox.",
    401: "Keystone does not accept these credentials: check host, login, password and project of connection {connection}.",
    403: "The credentials of connection {connection} may not do this: they need the role `member` of their project.",
    404: "It is not there, or not in the project of connection {connection}.",
    406: f"This cloud is too old: its Nova must know microversion {MICROVERSION} (Stein, 2019).",
    413: QUOTA_HINT,
    429: "The cloud limits how often it may be asked: try again later.",
}
BROKEN_HINT = "The cloud itself is at fault: its operators find the request by its id."
FIRST_OF_THE_SERVER = 500
DEFAULT_HINT = "Check host and region_name of the connection {connection}, and the network between here and there."


# At DEBUG it logs whole requests, and so the user data, in which the machine's host key is.
logging.getLogger("novaclient").setLevel(logging.INFO)


class RefusedError(errors.SandboxError):
    """The cloud has answered, and refused. `status` is HTTP's."""

    def __init__(self, what: str, *, detail: str, hint: str, status: int) -> None:
        super().__init__(what, detail=detail, hint=hint)
        self.status = status


class NovaClient:
    """The clients of one project of one region. Whoever asks them asks within `request`."""

    def __init__(self, settings: connections.Connection) -> None:
        openstack_session.require_url(settings)
        self.settings = settings
        self._session = openstack_session.open_session(settings)
        self._region = openstack_session.region(settings)

    @functools.cached_property
    def nova(self) -> Any:
        """Servers and flavours."""
        return novaclient.client.Client(
            MICROVERSION, session=self._session, region_name=self._region, connect_retries=CONNECT_RETRIES
        )

    @functools.cached_property
    def sdk(self) -> openstack.connection.Connection:
        """Images, networks, security groups, ports, volumes."""
        return openstack.connection.Connection(session=self._session, region_name=self._region)

    @functools.cached_property
    def project(self) -> str:
        """Id of the project: an administrator sees other projects' things as well."""
        return str(self._session.get_project_id())

    @contextlib.contextmanager
    def request(self, what: str) -> Iterator[None]:
        """Given what is to be done ("start proven-…"), translate what the clients raise: RefusedError if the cloud refused."""
        try:
            yield
        except novaclient.exceptions.ClientException as error:
            raise self._refused(what, error, error.code) from error
        except openstack.exceptions.HttpException as error:
            raise self._refused(what, error, error.status_code or 0) from error
        except keystoneauth1.exceptions.HttpError as error:
            raise self._refused(f"{what}: keystone", error, error.http_status) from error
        except (openstack.exceptions.SDKException, keystoneauth1.exceptions.ClientException, OSError) as error:
            raise self._unreachable(what, error) from error

    def _refused(self, what: str, error: Exception, status: int) -> RefusedError:
        words = describe(error)
        if "quota" in words.lower() and status in {403, 409, 413}:
            hint = QUOTA_HINT
        else:
            hint = BROKEN_HINT if status >= FIRST_OF_THE_SERVER else HINTS.get(status, DEFAULT_HINT)
        hint = hint.format(connection=self.settings.name)
        return RefusedError(f"nova: {what}: {status}", detail=words, hint=hint, status=status)

    def _unreachable(self, what: str, error: Exception) -> errors.SandboxError:
        return errors.SandboxError(
            f"nova: {what}: {type(error).__name__}",
            detail=describe(error),
            hint=DEFAULT_HINT.format(connection=self.settings.name),
        )


def describe(error: Exception) -> str:
    """Return the cloud's own words in one line, with its request id."""
    parts = [getattr(error, "message", None) or str(error), getattr(error, "details", None)]
    words = " ".join(dict.fromkeys(" ".join(str(part).split()) for part in parts if part))[:1000]
    request_id = getattr(error, "request_id", None)
    return f"{words} (request {request_id})" if request_id and request_id not in words else words
