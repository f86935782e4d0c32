"""One SELECT, and nothing else: what a check may ask."""

from __future__ import annotations

import re

from include.proven.proof.user_checks import header
from include.proven.proof.user_checks.check import CheckFileError

TOKEN = re.compile(
    r"""
      (?P<comment> --(?:[ \t][^\n]*|(?=\n|$)) | \#[^\n]* | /\*(?!!).*?\*/ )
    | (?P<quoted>  '(?:[^'\\]|\\.|'')*' | "(?:[^"\\]|\\.|"")*" | `(?:[^`]|``)*` )
    | (?P<open>    ['"`] | /\*(?!!) )
    | (?P<end>     ; )
    | (?P<other>   \s+ | [A-Za-z_0-9]+ | . )
    """,
    re.VERBOSE | re.DOTALL,
)
WRITES_FILES = ("outfile", "dumpfile")
READS_ONLY = "A check reads only: write one SELECT."
SELECTS = ("select", "with", "(", "values", "table")


def one_select(text: str) -> str:
    """Return the statement without the comments before it and the semicolon behind it.

    Raise CheckFileError unless it is one SELECT, or if a line of the header stands below it, where nobody reads it.
    """
    first, end = -1, len(text)
    for token in TOKEN.finditer(text):
        line = text.count("\n", 0, token.start()) + 1
        if token.lastgroup == "open":
            raise CheckFileError(f"{token[0]} is opened and never closed", "Close the quote or the comment.", line)
        if token.lastgroup == "comment":
            if first >= 0 and header.is_key_line(token[0]):
                raise CheckFileError("a line of the header stands below it", "Move it to the file's first lines.", line)
            continue
        if token[0].isspace():
            continue
        if end < len(text):
            raise CheckFileError("a second statement begins", "Write one SELECT a file.", line)
        if token.lastgroup == "end":
            end = token.start()
        elif first < 0:
            first = token.start()
            _require_select(token[0], line)
        elif token[0].lower() in WRITES_FILES:
            raise CheckFileError(f"writes a file (INTO {token[0].upper()})", READS_ONLY, line)
    if first < 0:
        raise CheckFileError("there is no SELECT in it", "Write one SELECT whose values are true when all is well.")
    return text[first:end].rstrip()


def _require_select(word: str, line: int) -> None:
    if word.lower() not in SELECTS:
        raise CheckFileError(f"begins with {word[:40]!r}", READS_ONLY, line)
