"""Finds secrets that were written into a fleet file, where everyone who reads the repository sees them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from include.proven.fleet.faults import Path

KEYS = re.compile(
    r"(?:^|[_-])(?:pass|password|passwd|passphrase|pwd|token|secret|credentials?|api_?key|access_?key|private_?key|routing_?key)$",
    re.IGNORECASE,
)
VALUES = (
    re.compile(r"[a-z][a-z0-9+.-]*://[^/\s:@]*:[^/\s@]+@", re.IGNORECASE),
    re.compile(r"[?&][^=&\s]*(?:password|token|secret|signature|key)=[^&\s]", re.IGNORECASE),
    re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY"),
)
WHAT = "a secret does not belong into this file"
HINT = "Name an Airflow connection that holds it; then change the secret: whoever can read this file has seen it."


def find_secrets(value: Any, path: Path = ()) -> Iterator[Path]:
    """Yield the path of every value that is a secret by its key or by its looks, at or below `path`."""
    if isinstance(value, dict):
        for key, member in value.items():
            below = (*path, key)
            if KEYS.search(key) and isinstance(member, str | int | float):
                yield below
            else:
                yield from find_secrets(member, below)
    elif isinstance(value, list):
        for position, item in enumerate(value):
            yield from find_secrets(item, (*path, position))
    elif isinstance(value, str) and any(pattern.search(value) for pattern in VALUES):
        yield path
