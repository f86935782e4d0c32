"""Fetches, verifies, decrypts and decompresses an artifact: what every job does that reads one."""

from __future__ import annotations

import subprocess
from collections.abc import Callable

from . import loading, processes, sealing
from .context import Context
from .download import PartDownloader, Share
from .jobs import RestoreArtifact
from .pipeline import Pipeline, Tap, copy, widen, write_all
from .progress import Meter
from .protocol import JobStore, Tools


class Opening:
    """One artifact that is being opened."""

    def __init__(self, artifact: RestoreArtifact, gpg: sealing.Decryption, pipeline: Pipeline, tap: Tap) -> None:
        self._artifact = artifact
        self._gpg = gpg
        self._pipeline = pipeline
        self._tap = tap

    def finish(self) -> int:
        """Do what `Opener.open` does, in any thread."""
        self._pipeline.run()
        self._gpg.check()
        loading.check_plain(self._artifact, self._tap)
        return self._tap.bytes


class Opener:
    """Opens the artifacts of one job, one after the other or some beside each other."""

    def __init__(self, tools: Tools, store: JobStore, context: Context) -> None:
        self._path = tools["path"]
        self._store = store
        self._context = context
        self._home = context.private_directory()
        self._share = Share(store)

    def share(self, beside: int) -> None:
        """From now on open so many beside each other, with the requests and the memory that one alone would have."""
        self._share = Share(self._store, beside)

    def open(
        self,
        artifact: RestoreArtifact,
        fetched: Meter,
        loaded: Meter,
        write: Callable[[memoryview], object],
        close: Callable[[], object] = lambda: None,
        watch: Callable[[Pipeline], None] = lambda pipeline: None,
    ) -> int:
        """Pour the plain bytes of one artifact into `write`, then `close`, and return how many they were.

        `watch` adds whatever reads them. Raise AgentError (integrity) unless gpg's seal, both checksums and the end marker
        held: until it has returned nothing that was written may be believed.
        """
        return self.begin(artifact, fetched, loaded, write, close, watch).finish()

    def begin(
        self,
        artifact: RestoreArtifact,
        fetched: Meter,
        loaded: Meter,
        write: Callable[[memoryview], object],
        close: Callable[[], object] = lambda: None,
        watch: Callable[[Pipeline], None] = lambda pipeline: None,
    ) -> Opening:
        """Do what `open` does as far as it takes the main thread (see `processes`)."""
        path, log, pipeline, tap = self._path, self._context.commands, Pipeline(), Tap()
        gpg = sealing.Decryption(artifact["name"], artifact["session_key"], self._home, log, path)
        zstd = processes.start(["zstd", "-q", "-d", "-c"], log, path=path, stdin=gpg.process.stdout, stdout=subprocess.PIPE)
        gpg.process.stdout.close()
        for pipe in (gpg.process.stdin, zstd.stdout):
            widen(pipe)
        downloader = PartDownloader(artifact, self._store, self._context.urls, fetched, self._share)

        def pour(data: memoryview) -> None:
            tap.see(data)
            write_all(write, data)
            loaded.add(len(data))

        def drain() -> None:
            copy(zstd.stdout, pour)
            close()

        downloader.attach(pipeline, gpg.process.stdin.write, gpg.process.stdin.close)
        gpg.attach(pipeline)
        pipeline.add(zstd, lambda process, status: loading.explain_unpack(process, status, artifact["name"]))
        pipeline.pump("load", drain)
        watch(pipeline)
        return Opening(artifact, gpg, pipeline, tap)
