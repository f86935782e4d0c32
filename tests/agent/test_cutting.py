"""The stream of a dump is cut at its headings, however it comes in pieces."""

from __future__ import annotations

import io

import pytest

from include.proven.agent import cutting

HEADER = b"-- A dump tool\n--\n-- Host: here    Database: a\n-- ----\n-- Server version\n\nSET NAMES utf8mb4;\n"
ROWS = b"\n\nINSERT INTO `x` VALUES ('\\n--\\n-- Dumping data for table `y`\\n--\\n'),(0x0A2D2D0A);\n"
FOOTER = b"SET SQL_NOTES=@OLD_SQL_NOTES;\n\n-- Dump completed\n"


def heading(kind: bytes, name: str) -> bytes:
    return b"\n--\n-- " + cutting.words_of(kind, name) + b"\n--\n"


class InPieces(io.RawIOBase):
    """A raw stream that never gives more than so many bytes at once."""

    def __init__(self, data: bytes, size: int) -> None:
        self._rest = data
        self._size = size

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override] # of what a raw stream may be asked for
        taken = self._rest[: min(self._size, len(buffer))]
        buffer[: len(taken)] = taken
        self._rest = self._rest[len(taken) :]
        return len(taken)


@pytest.mark.parametrize("size", [1, 2, 3, 7, 64, 1000, 1 << 20])
def test_each_piece_goes_to_the_heading_before_it(size: int) -> None:
    expected = [
        (b"", HEADER),
        (cutting.words_of(cutting.SCHEMA, "a"), heading(cutting.SCHEMA, "a") + b"\nUSE `a`;\n"),
        (cutting.words_of(cutting.TABLE, "x`y"), heading(cutting.TABLE, "x`y") + ROWS * 40),
        (cutting.words_of(cutting.TABLE, "empty"), heading(cutting.TABLE, "empty")),
        (cutting.words_of(cutting.TABLE, "a\nline"), heading(cutting.TABLE, "a\nline") + ROWS + FOOTER),
    ]
    whole = b"".join(text for _, text in expected)
    found: list[tuple[bytes, bytearray]] = [(b"", bytearray())]
    seen = bytearray()

    def begin(words: bytes) -> None:
        if words.startswith((cutting.SCHEMA, cutting.TABLE)):
            found.append((words, bytearray()))

    cutting.cut(InPieces(whole, size), seen.extend, begin, lambda data: found[-1][1].extend(data))
    assert seen == whole
    assert [(words, bytes(text)) for words, text in found] == expected


def test_what_looks_like_a_heading_and_never_ends_is_given_in_time() -> None:
    given: list[int] = []
    endless = b"\n--\n-- " + b"x" * (4 << 20)
    cutting.cut(InPieces(endless, 1 << 20), lambda data: None, lambda words: None, lambda data: given.append(len(data)))
    assert sum(given) == len(endless)
    assert max(given) <= (1 << 20) + cutting.LONGEST
