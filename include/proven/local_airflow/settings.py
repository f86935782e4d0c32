"""The variables that make `airflow` run this checkout in a state directory, and the secrets that they point to."""

from __future__ import annotations

import base64
import json
import os
import secrets
import shlex
from collections.abc import Callable
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parents[3]
USER = "admin"


def airflow_environment(state: Path, *, port: int, database: str, connections: Path | None = None) -> dict[str, str]:
    """Given a state directory, the API's port and the database's URL, return the variables that `airflow` needs there.

    `connections` is the file of credentials that Airflow and the command line share ($PROVEN_CONNECTIONS; default
    `<state>/connections.json`). Secrets are not among the variables: Airflow reads them from files of mode 0600 that the
    first call makes.
    """
    home = state.resolve() / "airflow"
    _make_secrets(home)
    url = f"http://127.0.0.1:{port}"
    if connections is None:
        connections = Path(os.environ.get("PROVEN_CONNECTIONS") or home.parent / "connections.json")
    settings = {
        "AIRFLOW_HOME": str(home),
        "PYTHONPATH": str(CHECKOUT),
        "PROVEN_CONNECTIONS": str(connections),
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": database,
        "AIRFLOW__SECRETS__BACKEND": "airflow.secrets.local_filesystem.LocalFilesystemBackend",
        "AIRFLOW__SECRETS__BACKEND_KWARGS": json.dumps({"connections_file_path": str(connections)}),
        "AIRFLOW__API__PORT": str(port),
        "AIRFLOW__API__BASE_URL": url,
        "AIRFLOW__CORE__EXECUTION_API_SERVER_URL": f"{url}/execution/",
        "AIRFLOW__CORE__DAGS_FOLDER": str(CHECKOUT / "dags"),
        "AIRFLOW__CORE__PLUGINS_FOLDER": str(CHECKOUT / "plugins"),
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_USERS": f"{USER}:admin",
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE": str(home / "passwords.json"),
    }
    for option, name in SECRET_OPTIONS.items():
        settings[f"{option}_CMD"] = shlex.join(["cat", str(home / "secrets" / name)])
    return settings | FIXED_SETTINGS


FIXED_SETTINGS = {
    "AIRFLOW__API__HOST": "127.0.0.1",
    "AIRFLOW__API__WORKERS": "1",
    "AIRFLOW__CORE__EXECUTOR": "LocalExecutor",
    "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
    # The scheduler forks this many workers at once; the default of 32 costs 2 GB.
    "AIRFLOW__CORE__PARALLELISM": "6",
    # What runs is written in the fleet file, not switched on by hand for each database.
    "AIRFLOW__CORE__DAGS_ARE_PAUSED_AT_CREATION": "False",
    # The default asks the resolver for the machine's full name, which can take seconds where there is none.
    "AIRFLOW__CORE__HOSTNAME_CALLABLE": "socket.gethostname",
    # A person who edits the fleet file waits for this long instead of five minutes.
    "AIRFLOW__DAG_PROCESSOR__REFRESH_INTERVAL": "15",
    "AIRFLOW__DAG_PROCESSOR__MIN_FILE_PROCESS_INTERVAL": "15",
    "AIRFLOW__DAG_PROCESSOR__PARSING_PROCESSES": "1",
    "AIRFLOW__LOGGING__COLORED_CONSOLE_LOG": "False",
    "AIRFLOW__LOGGING__FILE_TASK_HANDLER_NEW_FOLDER_PERMISSIONS": "0o700",
    "AIRFLOW__LOGGING__FILE_TASK_HANDLER_NEW_FILE_PERMISSIONS": "0o600",
    "AIRFLOW__USAGE_DATA_COLLECTION__ENABLED": "False",
    # With the default of 5 s tasks fail on a busy machine before they have begun.
    "AIRFLOW__WORKERS__EXECUTION_API_TIMEOUT": "60",
}
SECRET_OPTIONS = {
    "AIRFLOW__API_AUTH__JWT_SECRET": "jwt_secret",
    "AIRFLOW__API__SECRET_KEY": "api_secret_key",
    "AIRFLOW__CORE__FERNET_KEY": "fernet_key",
}
"""Options that are secret, and the files under `<home>/secrets` that hold them."""


def _make_secrets(home: Path) -> None:
    """Make what is missing of Airflow's secrets and the login, once: a new Fernet key would orphan what the old one wrote."""
    folder = home / "secrets"
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    makers: dict[Path, Callable[[], str]] = {
        folder / "jwt_secret": lambda: secrets.token_urlsafe(96),
        folder / "api_secret_key": lambda: secrets.token_urlsafe(48),
        folder / "fernet_key": lambda: base64.urlsafe_b64encode(secrets.token_bytes(32)).decode(),
        home.parent / "connections.json": lambda: "{}",  # without the file every look-up of a connection would fail
        home / "passwords.json": lambda: json.dumps({USER: secrets.token_urlsafe(12)}),
    }
    for path, make in makers.items():
        if not path.exists():
            write_private(path, make())


def write_private(path: Path, content: str) -> None:
    """Write a file of mode 0600, whole or not at all."""
    scratch = path.with_suffix(f".{os.getpid()}.new")
    descriptor = os.open(scratch, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(content)
    scratch.rename(path)
