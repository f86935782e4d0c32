"""Run a real Keystone: `python -m tests.servers.keystone_server ROOT`, in the environment of `scripts/fetch-keystone`.

One process on SQLite, on a port of the loopback that the kernel chose. It reads ROOT/settings.json ({"admin_password": …,
"parent": pid}) and, when it serves, writes ROOT/ready.json: {"url": "http://127.0.0.1:…/v3"}.
"""

from __future__ import annotations

import ctypes
import json
import os
import pathlib
import signal
import socket
import sys
from collections.abc import Sequence

import waitress
from keystone.cmd import cli
from keystone.server.wsgi import initialize_public_application

PR_SET_PDEATHSIG = 1
THREADS = 4

# Four rounds of bcrypt: a log-in takes 20 ms instead of 400. The cache saves some hundred queries of every answer.
CONFIGURATION = """\
[DEFAULT]
log_file = {root}/keystone.log
[database]
connection = sqlite:///{root}/keystone.db
[token]
provider = fernet
[fernet_tokens]
key_repository = {root}/fernet
[credential]
key_repository = {root}/credential
[identity]
password_hash_rounds = 4
[cache]
enabled = true
backend = oslo_cache.dict
"""


def main() -> None:
    """Set Keystone up from nothing and serve until SIGTERM."""
    root = pathlib.Path(sys.argv.pop()).resolve()  # Keystone reads the arguments as well, and knows no such one
    os.umask(0o077)
    settings = json.loads((root / "settings.json").read_text())
    die_with(settings["parent"])
    listener = socket.create_server(("127.0.0.1", 0), backlog=128)
    url = f"http://127.0.0.1:{listener.getsockname()[1]}/v3"
    set_up(root, url, settings["admin_password"])
    os.environ["OS_KEYSTONE_CONFIG_DIR"] = str(root)
    server = waitress.create_server(initialize_public_application(), sockets=[listener], threads=THREADS)
    (root / "ready.json.new").write_text(json.dumps({"url": url}))
    (root / "ready.json.new").rename(root / "ready.json")
    server.run()


def die_with(parent: int) -> None:
    """Ask the kernel to end this process when its parent ends, or end now if that one is gone already."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
    if os.getppid() != parent:
        sys.exit("the process that started this Keystone is gone")


def set_up(root: pathlib.Path, url: str, admin_password: str) -> None:
    """Make the database, the keys, and the user `admin`."""
    (root / "keystone.conf").write_text(CONFIGURATION.format(root=root))
    for folder in ("fernet", "credential"):
        (root / folder).mkdir(mode=0o700)
    owner = ("--keystone-user", str(os.getuid()), "--keystone-group", str(os.getgid()))
    manage(root, "db_sync")
    manage(root, "fernet_setup", *owner)
    manage(root, "credential_setup", *owner)
    # Not as an argument, and not in the environment that this process was started with: others can read both.
    os.environ["OS_BOOTSTRAP_PASSWORD"] = admin_password
    urls = ("--bootstrap-public-url", url, "--bootstrap-internal-url", url)  # keystonemiddleware looks for the internal one
    manage(root, "bootstrap", *urls, "--bootstrap-region-id", "RegionOne")
    del os.environ["OS_BOOTSTRAP_PASSWORD"]


def manage(root: pathlib.Path, *arguments: str) -> None:
    """Do what `keystone-manage` does, in a fork: each start of its own would import Keystone again, for three seconds."""
    child = os.fork()
    if child == 0:
        os._exit(run_command(["keystone-manage", "--config-file", f"{root}/keystone.conf", *arguments]))
    _, status = os.waitpid(child, 0)
    if status:
        sys.exit(f"keystone-manage {arguments[0]} ended with status {os.waitstatus_to_exitcode(status)}")


def run_command(argv: Sequence[str]) -> int:
    """Return the exit status; what went wrong is on stderr."""
    try:
        cli.main(argv=argv)
    except BaseException:
        sys.excepthook(*sys.exc_info())
        return 1
    return 0


if __name__ == "__main__":
    main()
