"""One artifact on its way out: plain stream → zstd → gpg → parts → store."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from typing import Any

from . import processes, sealing
from .context import Context
from .destinations import Destinations
from .jobs import SendingJob
from .parts import MEMORY
from .pipeline import Pipeline, Tap, explain_death, widen, write_all
from .progress import Meter
from .upload import PartUploader

Write = Callable[[memoryview], None]


class Outgoing:
    """Compresses, encrypts and uploads what a pump writes into it, and counts both what goes in and what goes out."""

    def __init__(
        self,
        name: str,
        role: str,
        job: SendingJob,
        keys: list[str],
        destinations: Destinations,
        context: Context,
        *,
        memory: int = MEMORY,
    ) -> None:
        """Start zstd and gpg, which then wait for data. `memory`: as `PartUploader` has it."""
        self._memory = memory
        self._name = name
        self._role = role
        self._part_bytes = job["part_bytes"]
        self._destinations = destinations
        self._context = context
        self._tap = Tap()
        path, log = job["tools"]["path"], context.commands
        squeeze = ["zstd", "-q", f"-{job['compression_level']}", "-c"]
        self._zstd = processes.start(squeeze, log, path=path, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self._gpg = sealing.start_encrypt(keys, self._zstd.stdout, log, path)
        # Only gpg may hold this end, or zstd would never notice that gpg is gone.
        self._zstd.stdout.close()
        for pipe in (self._zstd.stdin, self._gpg.stdout):
            widen(pipe)

    def attach(self, pipeline: Pipeline, produce: Callable[[Write], None], plain: Meter, sent: Meter) -> None:
        """Add everything from `produce`, which writes the plain stream with the function that it is given, to the store."""

        def fill() -> None:
            def write(data: memoryview) -> None:
                self.write(data)
                plain.add(len(data))

            produce(write)
            self.close()

        pipeline.pump(f"plain stream of {self._name}", fill)
        self.attach_sending(pipeline, sent)

    def attach_sending(self, pipeline: Pipeline, sent: Meter) -> None:
        """Add everything from what is written by `write`, until `close`, to the store."""
        pipeline.add(self._zstd, explain_death)
        pipeline.add(self._gpg, sealing.explain_encrypt)
        self._uploader = PartUploader(
            self._name, self._context.urls, sent, self._destinations, part_bytes=self._part_bytes, memory=self._memory
        )
        self._uploader.attach(pipeline, self._gpg.stdout)

    def write(self, data: memoryview) -> None:
        """Take in the next piece of the plain stream."""
        self._tap.see(data)
        write_all(self._zstd.stdin.write, data)

    def close(self) -> None:
        """End the plain stream."""
        self._zstd.stdin.close()

    def wait(self) -> None:
        """Wait until every store has all of it, or was left behind."""
        self._uploader.wait()

    def ends_with(self, marker: str) -> bool:
        """Say whether the last line of the plain stream begins with `marker`."""
        return self._tap.ends_with(marker)

    def describe(self, end_marker: str) -> dict[str, Any]:
        """Return the artifact that was sent, as `manifest.Artifact` takes it."""
        return {
            "name": self._name,
            "role": self._role,
            "plain_bytes": self._tap.bytes,
            "plain_sha256": self._tap.sha256(),
            "end_marker": end_marker,
            **self._uploader.summary(),
        }
