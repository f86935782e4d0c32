"""A controller in a process of its own, to be killed; it prints each event of its progress as one line of JSON.

    python -m tests.copying.controller copy RECOVERY_POINT SOURCE TARGET
    python -m tests.copying.controller fetch RECOVERY_POINT STORE FOLDER

The last line is what was done, or the error.
"""

from __future__ import annotations

import dataclasses
import json
import pathlib
import sys
from typing import Any

from include.proven import copying, installation
from include.proven.errors import ProvenError, to_agent
from include.proven.progress import Progress


def say(message: Any) -> None:
    """Print one line."""
    sys.stdout.write(json.dumps(message, default=str) + "\n")
    sys.stdout.flush()


def show(event: Progress) -> None:
    """Print one event."""
    say(dataclasses.asdict(event))


def main(verb: str, point: str, source: str, target: str) -> None:
    """Do what was asked for."""
    opened = installation.open_installation()
    done: copying.Copied | copying.Fetched
    try:
        if verb == "copy":
            done = copying.copy_recovery_point(opened, "shop", point, source=source, target=target, on_progress=show)
        else:
            done = copying.fetch_recovery_point(opened, "shop", point, pathlib.Path(target), store=source, on_progress=show)
    except ProvenError as error:
        say({"error": to_agent(error)})
    else:
        say(dataclasses.asdict(done))


if __name__ == "__main__":
    main(*sys.argv[1:])
