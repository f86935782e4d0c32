"""A small client of Airflow's REST API, for the Airflow that `home.py` starts on this machine."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from typing import Any, Literal

from include.proven import errors

Method = Literal["GET", "POST", "PATCH", "DELETE"]
TIMEOUT_SECONDS = 60


class AirflowApiError(errors.ToolError):
    """Airflow's REST API refused. `status` is the HTTP status, 0 if it could not be reached."""

    def __init__(self, what: str, *, status: int, detail: str = "") -> None:
        super().__init__(what, detail=detail, hint="`./proven up` starts Airflow; its logs are in airflow/logs.")
        self.status = status


class Client:
    """The API of one Airflow, logged in by its simple auth manager's user and password."""

    def __init__(self, url: str, user: str, password: str) -> None:
        """Given the base URL (`http://127.0.0.1:8080`) and a login, describe a client. Nothing is asked yet."""
        self.url = url
        self._credentials = {"username": user, "password": password}
        self._token = ""

    def call(self, method: Method, path: str, body: Any = None) -> Any:
        """Given a method, a path (`/api/v2/dags`) and a JSON body, return the answer's JSON. Raise AirflowApiError if not."""
        if not self._token:
            self._log_in()
        try:
            return self._call(method, path, body)
        except AirflowApiError as error:
            if error.status != 401:
                raise
        self._log_in()  # the token has expired, or the server has a new secret
        return self._call(method, path, body)

    def _call(self, method: Method, path: str, body: Any) -> Any:
        return request(method, self.url + path, body, {"Authorization": f"Bearer {self._token}"})

    def _log_in(self) -> None:
        self._token = str(request("POST", f"{self.url}/auth/token", self._credentials)["access_token"])


def request(method: Method, url: str, body: Any = None, headers: dict[str, str] | None = None) -> Any:
    """Make one request without a login and return its JSON (None: an empty answer). Raise AirflowApiError if it is refused."""
    data = None if body is None else json.dumps(body).encode()
    message = urllib.request.Request(  # noqa: S310 - the URL is the loopback address that we started Airflow on
        url, data, {"Content-Type": "application/json", **(headers or {})}, method=method
    )
    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))  # a proxy in the environment can't reach our loopback
    try:
        with direct.open(message, timeout=TIMEOUT_SECONDS) as response:
            content = response.read()
    except urllib.error.HTTPError as error:
        detail = error.read(2000).decode(errors="replace")
        raise AirflowApiError(f"airflow: {method} {url}: {error.code}", status=error.code, detail=detail) from error
    except OSError as error:
        raise AirflowApiError(f"airflow: {method} {url}: no answer", status=0, detail=str(error)) from error
    return json.loads(content) if content else None
