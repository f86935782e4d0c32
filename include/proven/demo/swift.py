"""Start and stop the embedded Swift (`swift_server/`): the real servers, in one process with an environment of its own."""

from __future__ import annotations

import dataclasses
import json
import os
import time
from pathlib import Path

from include.proven import daemons, errors
from include.proven.demo.swift_server import config

CHECKOUT = Path(__file__).parents[3]
START_SECONDS = 60
METADATA_BYTES = 2048


@dataclasses.dataclass(frozen=True)
class SwiftServer:
    """An embedded Swift that answers."""

    root: Path
    process: daemons.Daemon
    port: int
    url: str
    auth_url: str
    """For `auth_version` 1, with user `<account>:<user>`; with Keystone that one's, for `auth_version` 3."""


def start_swift(root: Path, python: Path, settings: config.Settings) -> SwiftServer:
    """Given a directory (new, or one that a Swift ran on before: its data is kept), start Swift and return it when it answers.

    `python` is the interpreter of Swift's own environment. A Swift that already runs on `root` is stopped first: its settings
    may differ. Raise ToolError if it does not start, or if the file system can't hold what Swift must store.
    """
    root.mkdir(parents=True, exist_ok=True, mode=0o700)
    require_attributes(root)
    if earlier := running(root):
        stop(earlier)
    (root / "ready.json").unlink(missing_ok=True)
    settings.write(root)
    argv = [str(python), "-m", config.PACKAGE, str(root)]
    environment = {"PATH": os.environ.get("PATH", os.defpath), "HOME": str(root), "LANG": "C.UTF-8"}
    process = daemons.start_daemon("swift", argv, environment=environment, log=root / "log/out", directory=CHECKOUT)
    (root / "process.json").write_text(json.dumps(dataclasses.asdict(process)))
    return _wait_until_ready(root, process)


def running(root: Path) -> SwiftServer | None:
    """Return the Swift that runs on `root`, or None. It is known by its pid and the moment it started."""
    try:
        process = daemons.Daemon(**json.loads((root / "process.json").read_text()))
    except FileNotFoundError:
        return None
    if not daemons.is_alive(process) or not (root / "ready.json").exists():
        return None
    return _read_ready(root, process)


def stop(server: SwiftServer) -> None:
    """Stop Swift. Its data stays. No error if it has ended already."""
    daemons.stop_daemons([server.process], grace_seconds=10)


def require_attributes(directory: Path) -> None:
    """Raise ToolError unless files below `directory` can have the extended attributes that Swift keeps metadata in."""
    probe = directory / ".attributes"
    probe.touch()
    try:
        os.setxattr(probe, "user.swift.metadata", b"x" * METADATA_BYTES)
    except OSError as error:
        raise errors.ToolError(
            f"swift: the file system of {directory} has no user extended attributes",
            detail=str(error),
            hint="Choose a directory on ext4, xfs or btrfs (on tmpfs they need Linux 6.6).",
        ) from error
    finally:
        probe.unlink()


def _wait_until_ready(root: Path, process: daemons.Daemon) -> SwiftServer:
    deadline = time.monotonic() + START_SECONDS
    while not (root / "ready.json").exists():
        if not daemons.is_alive(process) or time.monotonic() > deadline:
            daemons.stop_daemons([process], grace_seconds=0)
            raise errors.ToolError("swift: did not start", detail=_tail(root / "log/out"), hint=f"Its log is {root}/log.")
        time.sleep(0.02)
    return _read_ready(root, process)


def _read_ready(root: Path, process: daemons.Daemon) -> SwiftServer:
    ready = json.loads((root / "ready.json").read_text())
    return SwiftServer(root=root, process=process, port=ready["port"], url=ready["url"], auth_url=ready["auth_url"])


def _tail(log: Path) -> str:
    return log.read_text(errors="replace")[-2000:].strip()
