"""Errors that a person can act on: what happened, the machine's detail, and a hint.

`what` is one line, lower case, without a full stop, and names the operation and the thing
("swift: put object proven/shop/…: 507 insufficient storage"). `detail` is the tail of what the tool or
server said. `hint` is a sentence. `verdict` says what a drill that ends with this error has shown: an error
about the *recovery point* refutes it; an error about *everything else* leaves it unproven.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, Literal

Outcome = Literal["refuted", "unproven"]


class ProvenError(Exception):
    """Base of every error that Proven raises on purpose."""

    kind: ClassVar[str] = "internal"
    verdict: ClassVar[Outcome] = "unproven"

    def __init__(self, what: str, *, detail: str = "", hint: str = "") -> None:
        super().__init__(what)
        self.what = what
        self.detail = detail
        self.hint = hint

    def __str__(self) -> str:
        lines = [self.what]
        if self.detail:
            lines.append(f"detail: {self.detail}")
        if self.hint:
            lines.append(f"HINT: {self.hint}")
        return "\n".join(lines)


class ConfigError(ProvenError):
    """The fleet file, a connection or a command's arguments are wrong."""

    kind = "config"


class SourceError(ProvenError):
    """The source database can't be reached, refuses, or lacks what was asked for."""

    kind = "source"


class ToolError(ProvenError):
    """A program is missing, too old, or died."""

    kind = "tool"


class EncryptionError(ProvenError):
    """A key is missing, expired, revoked, untrusted or has no private half here."""

    kind = "encryption"


class StoreError(ProvenError):
    """The store can't be reached or refuses."""

    kind = "store"


class NothingStoredError(StoreError):
    """The store's container is not there: a first backup creates it."""


class SandboxError(ProvenError):
    """The throwaway instance can't be built or fails for a reason of its own (no space, no memory)."""

    kind = "sandbox"


class StoppedError(ProvenError):
    """The agent was stopped: its controller went away, or a time limit passed."""

    kind = "stopped"


class PageError(ProvenError):
    """A page could not be delivered on any route."""

    kind = "page"


class IntegrityError(ProvenError):
    """A recovery point is not what its manifest says: missing part, checksum, signature, end marker."""

    kind = "integrity"
    verdict = "refuted"


class LoadError(ProvenError):
    """The database refused the restored SQL: the recovery point can't be restored as it is."""

    kind = "load"
    verdict = "refuted"


class CheckError(ProvenError):
    """A check looked at the restored data and found it wrong."""

    kind = "check"
    verdict = "refuted"


BY_KIND: dict[str, type[ProvenError]] = {
    cls.kind: cls
    for cls in (
        ProvenError, ConfigError, SourceError, ToolError, EncryptionError, StoreError, SandboxError,
        StoppedError, PageError, IntegrityError, LoadError, CheckError,
    )
}  # fmt: skip
"""The agent reports errors by kind (`agent/protocol.py`); this turns them back into classes."""


def from_agent(said: Mapping[str, str], place: str = "") -> ProvenError:
    """Return the error that an agent has told: kind, what, detail, hint; `place` is its host, if it is not this machine."""
    what = f"{said['what']} (on {place})" if place else said["what"]
    return BY_KIND[said["kind"]](what, detail=said["detail"], hint=said["hint"])


def to_agent(error: ProvenError) -> dict[str, str]:
    """Return an error as an agent is told it, and tells it itself."""
    return {"kind": error.kind, "what": error.what, "detail": error.detail, "hint": error.hint}
