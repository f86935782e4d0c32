"""One part to or from a file of this host: what `web` does, for a store that is a directory."""

from __future__ import annotations

import errno
import os
import re
import urllib.parse

from . import answers
from .errors import AgentError
from .exchange import Request
from .throttle import Throttle

CONTENT_RANGE = re.compile(r"bytes (\d+)-\d+/(?:\d+|\*)")
FULL = "The disk is full: free space or raise the quota."
REFUSED = "The user that the agent runs as must be allowed to read and write below the store's directory."
HINTS = {
    errno.ENOSPC: FULL,
    errno.EDQUOT: FULL,
    errno.EFBIG: "The file system does not hold files as large as this one.",
    errno.EROFS: "The file system is mounted read-only.",
    errno.EACCES: REFUSED,
    errno.EPERM: REFUSED,
    errno.ENOENT: "The directory is not there: is the disk mounted on this host?",
}
BROKEN = "Look at the disk and at this host's kernel log."


def is_file(request: Request) -> bool:
    """Say whether a request is for a file of this host."""
    return str(request["url"]).startswith("file:")


def put(request: Request, body: memoryview, label: str, throttle: Throttle) -> None:
    """Write one part into its file, where Content-Range says, and to the disk. Raise AgentError (store)."""
    doing, offset = f"store: put {label}", _offset(request)
    try:
        file = os.open(_path_of(request), os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        try:
            written = 0
            while written < len(body):
                piece = body[written : written + throttle.piece]
                throttle.pass_through(len(piece))
                written += os.pwrite(file, piece, offset + written)
            os.fdatasync(file)
        finally:
            os.close(file)  # on a network file system it may be the first to hear that the disk is full
    except OSError as error:
        raise _explain(error, doing, request) from None


def get_range(request: Request, first: int, into: memoryview, total: int, label: str, throttle: Throttle) -> None:
    """Fill `into` with the bytes of a file from `first` on; it must have `total` bytes.

    Raise AgentError: integrity if the file is missing or of another size, store if it can't be read.
    """
    doing = f"store: get {label}"
    try:
        file = os.open(_path_of(request), os.O_RDONLY | os.O_CLOEXEC)
        try:
            if (size := os.fstat(file).st_size) != total:
                raise answers.wrong_size(doing, size, total)
            _fill(file, first, into, doing, throttle)
        finally:
            os.close(file)
    except FileNotFoundError as error:
        if os.path.isdir(os.path.dirname(_path_of(request))):  # noqa: PTH112, PTH120 - bytes: a path need not be text
            raise answers.missing(doing, "missing from the store") from None
        raise _explain(error, doing, request) from None
    except OSError as error:
        raise _explain(error, doing, request) from None


def _fill(file: int, first: int, into: memoryview, doing: str, throttle: Throttle) -> None:
    filled = 0
    while filled < len(into):
        piece = into[filled : filled + throttle.piece]
        throttle.pass_through(len(piece))
        count = os.preadv(file, [piece], first + filled)
        if not count:
            raise answers.missing(doing, "the object ends before this part")
        filled += count


def _path_of(request: Request) -> bytes:
    return urllib.parse.unquote_to_bytes(urllib.parse.urlsplit(request["url"]).path)


def _offset(request: Request) -> int:
    """Return where a part begins in its file: at the start, if nothing is said."""
    span = CONTENT_RANGE.fullmatch(request["headers"].get("Content-Range", "bytes 0-0/*"))
    if not span:
        raise AgentError("internal", f"store: can't read Content-Range {request['headers']['Content-Range']!r}")
    return int(span[1])


def _explain(error: OSError, doing: str, request: Request) -> AgentError:
    number = error.errno or 0
    detail = f"{errno.errorcode.get(number, number)}: {os.fsdecode(_path_of(request))}"
    return AgentError("store", f"{doing}: {os.strerror(number)}", detail=detail, hint=HINTS.get(number, BROKEN))
