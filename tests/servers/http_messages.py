"""HTTP/1.1 as it lies on the wire: heads kept byte for byte, bodies as blocks. For a proxy that must change nothing unasked."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from typing import Literal, Protocol

BLOCK = 1 << 16
NO_BODY = {204, 304}

Length = int | Literal["chunked", "until close"]


class Reader(Protocol):
    """A buffered reader of a socket."""

    def read1(self, size: int = ..., /) -> bytes:
        """Return what is there, at least one byte; none at the end."""

    def readline(self, size: int = ..., /) -> bytes:
        """Return a line with its end."""


@dataclasses.dataclass
class Head:
    """A request's or an answer's first line and headers, as they came."""

    lines: list[bytes]

    def __bytes__(self) -> bytes:
        return b"".join([*self.lines, b"\r\n"])

    @property
    def words(self) -> list[str]:
        """The first line's three words (two, if an answer gives no reason)."""
        return self.lines[0].decode("latin-1").split(None, 2)

    @property
    def status(self) -> int:
        """Status of an answer."""
        return int(self.words[1])

    def get(self, name: str) -> str:
        """Return a header's value, or nothing."""
        return next((text.decode("latin-1").strip() for _, text in self._find(name)), "")

    def replace(self, name: str, value: str) -> None:
        """Give a header that is there another value."""
        for number, _ in list(self._find(name)):
            self.lines[number] = self.lines[number].partition(b":")[0] + f": {value}\r\n".encode("latin-1")

    def _find(self, name: str) -> Iterator[tuple[int, bytes]]:
        for number, line in enumerate(self.lines[1:], 1):
            before, _, after = line.partition(b":")
            if before.strip().lower() == name.lower().encode():
                yield number, after

    @property
    def stays(self) -> bool:
        """Whether the connection may be used again."""
        return "close" not in self.get("Connection").lower() and b"HTTP/1.1" in self.lines[0]


def read_head(source: Reader) -> Head | None:
    """Return the next head, or None if the other side has closed. Raise EOFError if it closes in the midst."""
    lines: list[bytes] = []
    while (line := source.readline(BLOCK)) not in {b"\r\n", b"\n"}:
        if not line.endswith(b"\n"):
            if lines or line:
                raise EOFError
            return None
        lines.append(line)
    return Head(lines)


def request_length(head: Head) -> Length:
    """Return how long a request's body is."""
    if "chunked" in head.get("Transfer-Encoding").lower():
        return "chunked"
    return int(head.get("Content-Length") or 0)


def answer_length(method: str, head: Head) -> Length:
    """Return how long the body of the answer to a request is."""
    if method == "HEAD" or head.status in NO_BODY or head.status < 200:
        return 0
    if "chunked" in head.get("Transfer-Encoding").lower():
        return "chunked"
    return int(head.get("Content-Length")) if head.get("Content-Length") else "until close"


def read_body(source: Reader, length: Length) -> Iterator[bytes]:
    """Yield a body in blocks, without its framing. Raise EOFError if the other side closes before its end."""
    if length == "until close":
        while block := source.read1(BLOCK):
            yield block
    elif length == "chunked":
        while size := int(_read_line(source).split(b";")[0], 16):
            yield from read_body(source, size)
            _read_line(source)
        while _read_line(source).strip():
            pass  # trailers: nobody here sends any
    else:
        while length:
            block = source.read1(min(length, BLOCK))
            if not block:
                raise EOFError
            length -= len(block)
            yield block


def _read_line(source: Reader) -> bytes:
    line = source.readline(BLOCK)
    if not line:
        raise EOFError
    return line


def frame_block(length: Length, block: bytes) -> bytes:
    """Return a block of a body in its framing."""
    return b"%x\r\n%b\r\n" % (len(block), block) if length == "chunked" else block


def frame_end(length: Length) -> bytes:
    """Return what marks the end of a body."""
    return b"0\r\n\r\n" if length == "chunked" else b""
