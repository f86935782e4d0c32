"""What a restore can die of, told apart: the recovery point, the target, or a program."""

from __future__ import annotations

from . import explain
from .errors import AgentError
from .jobs import RestoreArtifact
from .pipeline import Tap, describe_status
from .processes import Process
from .protocol import Endpoint

DISK_FULL = ("disk is full", "disk full", "No space left", "errno: 28", "Errcode: 28", "is full")


def explain_load(process: Process, status: int, artifact: str, target: Endpoint) -> AgentError:
    """Return the AgentError for a client that would not load an artifact: load, sandbox, source or tool."""
    words = process.last_words()
    code, detail = explain.error_code(words), explain.last_line(words)
    if code in explain.NO_SPACE or any(text in words for text in DISK_FULL):
        hint = "Give the sandbox more disk or memory: the recovery point itself has not been judged."
        return AgentError("sandbox", f"load of {artifact}: the target has no space left", detail=detail, hint=hint)
    if code in explain.LOST or (code in explain.UNREACHABLE and "at line" in words):
        hint = "Look at the target's error log: it died or ran out of memory during the load."
        return AgentError("sandbox", f"load of {artifact}: the target went away", detail=detail, hint=hint)
    if code in explain.UNREACHABLE or code in explain.DENIED:
        return explain.source_error(f"load of {artifact}", words, target)
    if code:
        hint = "The target refuses a statement of this recovery point. Compare its version and sql_mode with the source's."
        return AgentError("load", f"load of {artifact}: the server refused a statement", detail=detail, hint=hint)
    return AgentError("tool", f"{process.name} {describe_status(status)} during the load of {artifact}", detail=detail)


def explain_unpack(process: Process, status: int, artifact: str) -> AgentError:
    """Return the AgentError for a zstd that would not decompress: integrity, unless it was killed."""
    if status < 0:
        return AgentError("tool", f"{process.name} {describe_status(status)}")
    hint = "The compressed stream is damaged, or it was cut before it was encrypted: take a new backup."
    return AgentError("integrity", f"zstd: {artifact}: can't decompress", detail=process.last_words()[-500:], hint=hint)


def check_plain(artifact: RestoreArtifact, tap: Tap) -> None:
    """Raise AgentError (integrity) unless the plain stream is what the manifest describes, to its end marker."""
    name = artifact["name"]
    if not tap.ends_with(artifact["end_marker"]):
        hint = "The dump was cut before its end: take a new backup."
        raise AgentError("integrity", f"{name}: the plain stream does not end with {artifact['end_marker']!r}", hint=hint)
    if tap.bytes != artifact["plain_bytes"]:
        what = f"{name}: the plain stream has {tap.bytes} bytes, the manifest says {artifact['plain_bytes']}"
        raise AgentError("integrity", what, hint="Artifact and manifest are not of the same backup.")
    if tap.sha256() != artifact["plain_sha256"]:
        what = f"{name}: the plain stream is not the one that was dumped (checksum mismatch)"
        raise AgentError("integrity", what, hint="Artifact and manifest are not of the same backup.")
