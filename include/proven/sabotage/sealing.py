"""Opens an artifact, alters what is in it and seals it again, in one pass and in bounded memory; nothing plain touches a disk.

    file → gpg → zstd → what alters it → zstd → gpg → file

The tools and their watching are the agent's own. The session key comes from the controller's private key, as for a restore.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import os
import pathlib
import shutil
import subprocess
from collections.abc import Callable, Iterator
from typing import IO, Any, cast

from include.proven import errors
from include.proven.agent import loading, parts, pipeline, processes, protocol, sealing
from include.proven.agent.errors import AgentError
from include.proven.encryption import keyring
from include.proven.installation import Installation
from include.proven.manifest import Artifact, Part

BUFFER = 1 << 20
Alter = Callable[[IO[bytes]], Iterator[bytes]]
"""Given the stream, yield what takes its place."""


def reseal(
    installation: Installation,
    artifact: Artifact,
    source: pathlib.Path,
    target: pathlib.Path,
    alter: Alter,
    *,
    recipients: list[str],
    home: pathlib.Path,
    compressed: bool = False,
) -> Artifact:
    """Write the altered artifact of file `source` to the new file `target`, and return it as a manifest would describe it.

    `recipients` are armoured public keys; `home` is a new folder for them. With `compressed`, what is altered is the compressed
    stream, and checksum and size of the plain one are left as they were. Raise ProvenError if a tool fails.
    """
    with source.open("rb") as file:
        session_key = installation.keyring.session_key(file.read(keyring.START_BYTES))
    installation.hide(session_key)
    path = [str(folder) for folder in installation.fleet.tools]
    home.mkdir(mode=0o700)
    with _translated(), contextlib.ExitStack() as stack:
        stack.callback(shutil.rmtree, home)
        line = _Line(stack, path, home)
        tap = line.run(artifact, session_key, recipients, source, target, alter, compressed=compressed)
    plain = {} if compressed else {"plain_bytes": tap.bytes, "plain_sha256": tap.sha256()}
    return artifact.model_copy(update={**describe(target), **plain})


def describe(file: pathlib.Path) -> dict[str, Any]:
    """Return size, checksum and parts of a file, as they are in a manifest's artifact."""
    whole = hashlib.sha256()
    found: list[Part] = []
    with file.open("rb") as stream:
        while content := stream.read(parts.size_of_part(len(found) + 1, protocol.PART_BYTES)):
            whole.update(content)
            md5 = hashlib.md5(content, usedforsecurity=False).hexdigest()
            sha256 = hashlib.sha256(content).hexdigest()
            found.append(Part(number=len(found) + 1, bytes=len(content), sha256=sha256, md5=md5))
    return {"bytes": file.stat().st_size, "sha256": whole.hexdigest(), "parts": found}


class _Line:
    """The tools of one resealing. Whatever happens, none of them outlives `stack`."""

    def __init__(self, stack: contextlib.ExitStack, path: list[str], folder: pathlib.Path) -> None:
        self._stack = stack
        self._path = path
        self._folder = folder
        self._log = processes.CommandLog()

    def run(
        self,
        artifact: Artifact,
        session_key: str,
        recipients: list[str],
        source: pathlib.Path,
        target: pathlib.Path,
        alter: Alter,
        *,
        compressed: bool,
    ) -> pipeline.Tap:
        """Run from file to file, and return what was seen of the altered stream. Raise AgentError."""
        line, tap = pipeline.Pipeline(), pipeline.Tap()
        opening = sealing.Decryption(artifact.name, session_key, self._folder, self._log, self._path)
        self._stack.callback(opening.process.close)
        line.pump(f"file of {artifact.name}", lambda: _read_file(source, opening.process.stdin))
        opening.attach(line)
        reading = opening.process.stdout
        if compressed:
            packed, writing = _open_pipe()
        else:
            unpacking = self._start_zstd("-d", reading)
            line.add(unpacking, lambda process, status: loading.explain_unpack(process, status, artifact.name))
            packing = self._start_zstd("-3", subprocess.PIPE)
            reading, packed, writing = unpacking.stdout, packing.stdout, packing.stdin
        line.pump("change", lambda: _change(reading, writing, alter, tap))
        if not compressed:
            line.add(packing, pipeline.explain_death)
        closing = sealing.start_encrypt(sealing.write_keys(self._folder, recipients), packed, self._log, self._path)
        self._stack.callback(closing.close)
        # only gpg may hold this end, or nobody would notice that it is gone
        packed.close()
        line.add(closing, sealing.explain_encrypt)
        line.pump(f"new {artifact.name}", lambda: _write_file(closing.stdout, target))
        line.run()
        opening.check()
        return tap

    def _start_zstd(self, option: str, stdin: processes.Stream) -> processes.Process:
        argv = ["zstd", "-q", option, "-c"]
        process = processes.start(argv, self._log, path=self._path, stdin=stdin, stdout=subprocess.PIPE)
        self._stack.callback(process.close)
        if not isinstance(stdin, int) and stdin is not None:
            stdin.close()
        return process


def _read_file(source: pathlib.Path, sink: IO[bytes]) -> None:
    with source.open("rb", buffering=0) as file:
        pipeline.copy(cast(IO[bytes], file), lambda data: pipeline.write_all(sink.write, data))
    sink.close()


def _write_file(stream: IO[bytes], target: pathlib.Path) -> None:
    with target.open("xb") as file:
        pipeline.copy(stream, file.write)


def _change(reading: IO[bytes], writing: IO[bytes], alter: Alter, tap: pipeline.Tap) -> None:
    stream = io.BufferedReader(cast(io.RawIOBase, reading), BUFFER)
    with io.BufferedWriter(cast(io.RawIOBase, writing), BUFFER) as sink:
        for data in alter(stream):
            tap.see(memoryview(data))
            sink.write(data)
        while stream.read(BUFFER):
            continue  # what was cut off: the tools before come to their end


def _open_pipe() -> tuple[IO[bytes], IO[bytes]]:
    reading, writing = os.pipe()
    return cast(IO[bytes], os.fdopen(reading, "rb", buffering=0)), cast(IO[bytes], os.fdopen(writing, "wb", buffering=0))


@contextlib.contextmanager
def _translated() -> Iterator[None]:
    """Raise the tools' errors as ours."""
    try:
        yield
    except AgentError as error:
        raise errors.BY_KIND[error.kind](error.what, detail=error.detail, hint=error.hint) from error
