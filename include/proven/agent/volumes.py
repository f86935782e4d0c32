"""The contract of a volume: what lies below a data directory, and can keep a moment of it. One module a kind."""

from __future__ import annotations

import pathlib
from collections.abc import Sequence
from typing import Protocol

from .context import Context
from .errors import AgentError
from .volume_btrfs import Btrfs


class Volume(Protocol):
    """The snapshot of one folder: none yet, there, or removed again."""

    folder: pathlib.Path
    """The folder, as it is in the snapshot."""

    def require(self) -> None:
        """Remove what killed agents have left, and try that a snapshot can be made and removed: before anything is locked.

        What is in memory only is on the disk then, so that `wait` has little left to write. Raise AgentError (config, source).
        """

    def wait(self, seconds: float | None) -> bool:
        """Make the snapshot, which nobody can write to. Return False if it does not stand after `seconds`.

        It holds all that was written to the folder's files before, synced or not. Raise AgentError (source).
        """

    def remove(self) -> None:
        """Remove it. When the agent ends it is removed, too, whatever happens. Raise AgentError (source)."""


def open_volume(kind: str, folder: pathlib.Path, *, beside: str, name: str, context: Context, path: Sequence[str]) -> Volume:
    """Return what can keep a moment of `folder`, in a snapshot of that name.

    `beside` is where the snapshot is made, by default beside the folder; `path` are directories of tools.
    """
    if kind != "btrfs":
        raise AgentError("internal", f"agent: unknown kind of volume {kind!r}")
    return Btrfs(folder, pathlib.Path(beside or folder.parent) / name, context, path)
