"""Job `granular`: a restore that reads and verifies whole artifacts, and loads what is wanted of them."""

from __future__ import annotations

import functools
from typing import Any

from . import bringing, processes
from .bringing import Close, Found, Watch, Write
from .context import Context
from .jobs import GranularJob, RestoreArtifact
from .opening import Opener
from .pipeline import write_all
from .sections import Sections


def run(job: GranularJob, context: Context) -> dict[str, Any]:
    """Restore what is wanted and return the result as `jobs.BringingJob` describes it. Raise AgentError."""
    for program in ("gpg", "zstd"):
        processes.find_program(program, job["tools"]["path"])
    granular = Granular(job, context)
    pours = [(artifact["name"], functools.partial(granular.pour, artifact)) for artifact in job["artifacts"]]
    return bringing.bring(job, context, pours, granular.found)


class Granular:
    """One restore of tables or schemas that runs."""

    def __init__(self, job: GranularJob, context: Context) -> None:
        self._wanted = job["wanted"]
        self._context = context
        self._opener = Opener(job["tools"], job["store"], context)
        self.found: Found = set()

    def pour(self, artifact: RestoreArtifact, write: Write, close: Close, watch: Watch) -> int:
        """Pour what is wanted of an artifact, and return the artifact's plain size in bytes: it is verified as a whole."""
        sections = Sections(self._wanted, lambda text: write_all(write, memoryview(text)))

        def end() -> None:
            sections.close()
            close()

        prefix = "" if artifact["role"] == "dump" else f"{artifact['role']} "
        stage = self._context.progress.stage
        with (
            stage(f"{prefix}download", artifact["bytes"]) as fetched,
            stage(f"{prefix}read", artifact["plain_bytes"]) as loaded,
        ):
            size = self._opener.open(artifact, fetched, loaded, sections.feed, end, watch)
        self.found |= sections.found
        return size
