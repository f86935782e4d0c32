"""Job `restore`: parts → verify → decrypt → decompress → load, or a plain file; nothing is half-accepted."""

from __future__ import annotations

import os
import pathlib
import secrets
from collections.abc import Callable
from typing import Any

from . import client, processes
from .context import Context, peak_rss_bytes
from .errors import AgentError
from .jobs import RestoreArtifact, RestoreJob
from .load import Load, prefix_of
from .opening import Opener


def run(job: RestoreJob, context: Context) -> dict[str, Any]:
    """Restore every artifact in order and return the result as `jobs.RestoreJob` describes it. Raise AgentError."""
    for program in ("gpg", "zstd", *([job["tools"]["client"][0]] if job["target"] else [])):
        processes.find_program(program, job["tools"]["path"])
    if job["target"] is None:
        plain_bytes = Restore(job, context).write_file()
    else:
        client.Session(job["tools"], job["target"], context.commands).close()
        plain_bytes = Load(job, job["target"], context).run()
    return {
        "plain_bytes": plain_bytes,
        "stages": context.progress.stages(),
        "commands": context.commands.as_list(),
        "peak_rss_bytes": peak_rss_bytes(),
    }


class Restore:
    """One restore to a file that runs."""

    def __init__(self, job: RestoreJob, context: Context) -> None:
        self._job = job
        self._context = context
        self._opener = Opener(job["tools"], job["store"], context)

    def write_file(self) -> int:
        """Write all artifacts to `output`, which stands only when everything held, and return its size in bytes."""
        output = pathlib.Path(self._job["output"])
        if output.exists():
            raise AgentError("sandbox", f"{output}: exists", hint="Name a new file: nothing is overwritten.")
        partial = output.with_name(f".{output.name}.{secrets.token_hex(4)}.partial")
        self._context.remove_at_end(partial)
        try:
            with open(partial, "xb", buffering=0) as file:  # noqa: PTH123 - Path.open knows no unbuffered "x" in its types
                size = sum(self._open(artifact, file.write) for artifact in self._job["artifacts"])
                os.fsync(file.fileno())
            partial.rename(output)
        except OSError as error:
            hint = "Choose a directory that exists, may be written and has room for the plain SQL."
            raise AgentError("sandbox", f"{output}: can't be written", detail=str(error), hint=hint) from None
        return size

    def _open(self, artifact: RestoreArtifact, write: Callable[[memoryview], object]) -> int:
        """Open one artifact into `write`, as stages of its own."""
        prefix, stage = prefix_of(artifact), self._context.progress.stage
        with (
            stage(f"{prefix}download", artifact["bytes"]) as fetched,
            stage(f"{prefix}load", artifact["plain_bytes"]) as loaded,
        ):
            return self._opener.open(artifact, fetched, loaded, write)
