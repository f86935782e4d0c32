"""The agent's one kind of error: it becomes the `error` event (`protocol.py`) and, in the controller, a ProvenError."""

from __future__ import annotations


class AgentError(Exception):
    """Something that a person must know: kind (see `protocol.py`), what happened, the machine's detail, a hint."""

    def __init__(self, kind: str, what: str, *, detail: str = "", hint: str = "") -> None:
        super().__init__(what)
        self.kind = kind
        self.what = what
        self.detail = detail
        self.hint = hint
