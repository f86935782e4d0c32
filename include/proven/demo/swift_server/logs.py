"""Where the embedded Swift logs: one file, no syslog."""

from __future__ import annotations

import logging
import logging.handlers
import pathlib
from typing import Any

_handlers: list[logging.Handler] = []


def open_log(path: pathlib.Path) -> None:
    """Open the file that every server of this process logs to."""
    handler = logging.FileHandler(path)
    handler.setFormatter(logging.Formatter("%(asctime)s %(name)s: %(message)s"))
    _handlers.append(handler)


def log_to_file(conf: Any, name: str, log_to_console: bool, log_route: str, fmt: str, logger: Any, adapted: Any) -> None:
    """Swift's `log_custom_handlers` hook: replace the logger's syslog handler by our file."""
    base: logging.Logger = getattr(adapted, "logger", adapted)
    for handler in list(base.handlers):
        if isinstance(handler, logging.handlers.SysLogHandler):
            base.removeHandler(handler)
    for handler in _handlers:
        if handler not in base.handlers:
            base.addHandler(handler)
