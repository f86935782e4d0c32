"""`${NAME}` and `${NAME:-default}` in the text of a fleet file. `$${` stands for a plain `${`."""

from __future__ import annotations

import re
from collections.abc import Mapping

REFERENCE = re.compile(r"\$\$\{|\$\{(?P<name>[A-Za-z_][A-Za-z0-9_]*)(?P<default>:-[^${}]*)?\}|\$\{")


class InterpolationError(Exception):
    """A reference can't be filled in."""

    def __init__(self, what: str, hint: str) -> None:
        super().__init__(what)
        self.hint = hint


def fill_in(text: str, environment: Mapping[str, str]) -> str:
    """Return `text` with every reference replaced. Raise InterpolationError if one is unset, empty or malformed.

    As in a shell, `:-default` also stands for a variable that is set to nothing; without a default that is an error
    too, because an empty path or address is never what was meant.
    """

    def replace(match: re.Match[str]) -> str:
        if match.group() == "$${":
            return "${"
        name, default = match["name"], match["default"]
        if name is None:
            raise InterpolationError("a '${' without a name or an end", "Write ${NAME} or ${NAME:-default}, not nested.")
        if value := environment.get(name):
            return value
        if default is not None:
            return default.removeprefix(":-")
        state = "is empty" if name in environment else "is not set"
        raise InterpolationError(f"the environment variable {name} {state}", f"Export it, or write ${{{name}:-default}}.")

    return REFERENCE.sub(replace, text)
