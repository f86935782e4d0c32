"""Whose folder is it? Whoever has made one for a job keeps it locked (flock), until he lets go or dies."""

from __future__ import annotations

import fcntl
import os
import pathlib

from .errors import AgentError


def lock(folder: pathlib.Path, hint: str) -> int | None:
    """Lock a folder until the file is closed that is returned. None: somebody else has it locked.

    Raise AgentError (source), with the hint, if it can't be opened.
    """
    try:
        opened = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    except OSError as error:
        raise AgentError("source", f"{folder}: can't be opened", detail=str(error), hint=hint) from None
    try:
        fcntl.flock(opened, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(opened)
        return None
    return opened
