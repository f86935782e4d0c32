"""GnuPG: encrypts to public keys that the job brings, decrypts with one artifact's session key. No keyring, no agent."""

from __future__ import annotations

import os
import pathlib
import subprocess
from typing import IO

from . import processes
from .errors import AgentError
from .pipeline import Pipeline, describe_status
from .processes import CommandLog, Process

GPG = ["gpg", "--batch", "--no-tty", "--no-options", "--no-autostart", "--trust-model", "always"]


def write_keys(directory: pathlib.Path, recipients: list[str]) -> list[str]:
    """Given a private directory and armoured public keys, return the gpg arguments that encrypt to exactly these."""
    arguments = ["--homedir", str(directory)]
    for number, key in enumerate(recipients, 1):
        file = directory / f"recipient-{number}.asc"
        file.write_text(key, encoding="ascii")
        arguments += ["--recipient-file", str(file)]
    if not recipients:
        raise AgentError("encryption", "gpg: no recipient", hint="Name the recipients' keys in `gnupg` of the fleet file.")
    return arguments


def start_encrypt(keys: list[str], source: IO[bytes], log: CommandLog, path: list[str]) -> Process:
    """Start gpg on a compressed stream: `-z 0`, for compressing it again only costs time."""
    argv = [*GPG, *keys, "-z", "0", "--cipher-algo", "AES256", "--output", "-", "--encrypt"]
    return processes.start(argv, log, path=path, stdin=source, stdout=subprocess.PIPE)


def explain_encrypt(process: Process, status: int) -> AgentError:
    """Return the AgentError for a gpg that would not encrypt."""
    if status < 0:
        return AgentError("tool", f"gpg {describe_status(status)}")
    hint = "Check the recipients' public keys: `gpg --list-keys` shows expired, revoked and sign-only ones."
    return AgentError("encryption", "gpg: can't encrypt to the recipients", detail=process.last_words()[-500:], hint=hint)


class Decryption:
    """One gpg that opens one artifact. `check` must be called when it has ended: gpg writes data before it knows their seal."""

    def __init__(self, artifact: str, session_key: str, directory: pathlib.Path, log: CommandLog, path: list[str]) -> None:
        self._artifact = artifact
        self._status = b""
        key_reading, key_writing = os.pipe()
        self._status_reading, status_writing = os.pipe()
        try:
            with os.fdopen(key_writing, "wb") as pipe:
                pipe.write(session_key.encode() + b"\n")
            argv = [*GPG, "--homedir", str(directory), "--status-fd", str(status_writing)]
            argv += ["--override-session-key-fd", str(key_reading), "--output", "-", "--decrypt"]
            self.process = processes.start(
                argv,
                log,
                path=path,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                pass_fds=[key_reading, status_writing],
                secrets=[session_key, session_key.partition(":")[2]],
            )
        finally:
            os.close(key_reading)
            os.close(status_writing)

    def attach(self, pipeline: Pipeline) -> None:
        """Add gpg and the pump that reads its status lines."""
        pipeline.add(self.process, self._explain)
        pipeline.pump(f"status of gpg for {self._artifact}", self._read_status)

    def check(self) -> None:
        """Raise AgentError (integrity) unless gpg has said that the data are whole and untouched."""
        words = {line.split()[1] for line in self._status.splitlines() if line.startswith(b"[GNUPG:] ")}
        if not {b"DECRYPTION_OKAY", b"GOODMDC"} <= words:
            raise AgentError("integrity", f"gpg: {self._artifact}: no seal of integrity on the data")

    def _read_status(self) -> None:
        with os.fdopen(self._status_reading, "rb") as stream:
            self._status = stream.read()

    def _explain(self, process: Process, status: int) -> AgentError:
        if status < 0:
            return AgentError("tool", f"gpg {describe_status(status)}")
        hint = "The object was damaged or replaced, or the session key is another artifact's."
        return AgentError("integrity", f"gpg: {self._artifact}: can't decrypt", detail=process.last_words()[-500:], hint=hint)
