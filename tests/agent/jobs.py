"""Jobs for the agent, as the controller makes them, with real OpenPGP keys."""

from __future__ import annotations

import dataclasses
import hashlib
import pathlib
import re
import subprocess
from typing import Any

from include.proven.agent import jobs, protocol
from include.proven.agent.protocol import Endpoint, Tools
from tests.agent.object_server import ObjectServer

STORE = protocol.JobStore(name="store", parallel=4, bandwidth=0.0)
SESSION_KEY = re.compile(r"session key: '(\d+:[0-9A-F]+)'")


@dataclasses.dataclass(frozen=True)
class Keys:
    """A GnuPG home with one key pair that signs and decrypts."""

    home: pathlib.Path

    def gpg(self, *arguments: str, data: bytes = b"") -> subprocess.CompletedProcess[bytes]:
        """Run gpg in this home. Fail the test if gpg fails."""
        argv = ["gpg", "--batch", "--homedir", str(self.home), "--pinentry-mode", "loopback", "--passphrase", "", *arguments]
        return subprocess.run(argv, input=data, capture_output=True, check=True)

    def create(self, name: str = "backup@example.org", expires: str = "0") -> Keys:
        """Make the key pair."""
        self.gpg("--quick-gen-key", name, "default", "default", expires)
        return self

    def public(self) -> str:
        """Return the public key, armoured."""
        return self.gpg("--armor", "--export").stdout.decode()

    def session_key(self, artifact: bytes) -> str:
        """Return the session key of an artifact."""
        argv = ["gpg", "--batch", "--homedir", str(self.home), "--show-session-key", "--decrypt"]
        done = subprocess.run(argv, input=artifact, capture_output=True, check=False)
        found = SESSION_KEY.search(done.stderr.decode())
        assert found, done.stderr.decode()
        return found[1]


def backup_job(source: Endpoint, tools: Tools, keys: Keys, **changes: Any) -> dict[str, Any]:
    """Return a backup job of all schemas."""
    job = jobs.BackupJob(
        protocol=protocol.VERSION,
        job="backup",
        recovery_point="20261121T043512Z-full-7f3a9c01",
        source=source,
        tools=tools,
        schemas=None,
        canary=True,
        lock_seconds=10.0,
        lock="required",
        non_transactional="lock",
        max_lag=300.0,
        servers=[],
        sample_above=0,
        questions=[],
        recipients=[keys.public()],
        compression_level=3,
        stores=[STORE],
        part_bytes=256 * 1024,
        parallel=1,
        known={},
    )
    return {**job, **changes}


def restore_job(
    result: dict[str, Any], objects: ObjectServer, keys: Keys, tools: Tools, target: Endpoint | None, output: str = ""
) -> dict[str, Any]:
    """Return the job that restores what a backup's result describes."""
    artifacts = []
    for artifact in result["artifacts"]:
        request = dataclasses.asdict(objects.signer.sign_get("store", artifact["name"]))
        artifacts.append({**artifact, "request": request, "session_key": keys.session_key(objects.whole(artifact["name"]))})
    job = {"protocol": protocol.VERSION, "job": "restore", "target": target, "output": output, "tools": tools}
    return {**job, "store": STORE, "artifacts": artifacts}


def seal(plain: bytes, objects: ObjectServer, keys: Keys, *, part_bytes: int = 256 * 1024) -> dict[str, Any]:
    """Store any text as a dump artifact, compressed and encrypted by the real tools, and return a result that describes it."""
    squeezed = subprocess.run(["zstd", "-q", "-c"], input=plain, capture_output=True, check=True).stdout
    return seal_raw(squeezed, plain, objects, keys, part_bytes=part_bytes)


def seal_raw(
    squeezed: bytes, plain: bytes, objects: ObjectServer, keys: Keys, *, part_bytes: int = 256 * 1024
) -> dict[str, Any]:
    """Do `seal` with any bytes in place of the compressed stream."""
    options = ["--trust-model", "always", "-z", "0", "--recipient", "backup@example.org", "--encrypt"]
    return store(keys.gpg(*options, data=squeezed).stdout, plain, objects, part_bytes=part_bytes)


def store(sealed: bytes, plain: bytes, objects: ObjectServer, *, part_bytes: int = 256 * 1024) -> dict[str, Any]:
    """Store bytes as an artifact in parts and return a result whose checksums are theirs."""
    pieces = [sealed[start : start + part_bytes] for start in range(0, len(sealed), part_bytes)]
    name = "dump.sql.zst.gpg"
    objects.parts[name] = dict(enumerate(pieces, 1))
    parts = [
        {"number": number, "bytes": len(piece), "sha256": hashlib.sha256(piece).hexdigest(), "md5": ""}
        for number, piece in enumerate(pieces, 1)
    ]
    artifact = {
        "name": name,
        "role": "dump",
        "bytes": len(sealed),
        "sha256": hashlib.sha256(sealed).hexdigest(),
        "parts": parts,
    }
    plainly = {"plain_bytes": len(plain), "plain_sha256": hashlib.sha256(plain).hexdigest(), "end_marker": "-- Dump completed"}
    return {"artifacts": [{**artifact, **plainly}]}
