"""Jobs for the agent, as the controller makes them, with real OpenPGP keys."""

from __future__ import annotations

import dataclasses
import pathlib
import re
import subprocess
from typing import Any

from include.proven.agent import protocol
from include.proven.agent.protocol import Endpoint, Tools
from tests.agent.object_server import ObjectServer

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
    job = protocol.BackupJob(
        protocol=protocol.VERSION,
        job="backup",
        recovery_point="20261121T043512Z-full-7f3a9c01",
        source=source,
        tools=tools,
        schemas=None,
        canary=True,
        lock_seconds=10.0,
        recipients=[keys.public()],
        compression_level=3,
        part_bytes=256 * 1024,
        parallel=4,
    )
    return {**job, **changes}


def restore_job(
    result: dict[str, Any], objects: ObjectServer, keys: Keys, tools: Tools, target: Endpoint | None, output: str = ""
) -> dict[str, Any]:
    """Return the job that restores what a backup's result describes."""
    artifacts = []
    for artifact in result["artifacts"]:
        request = objects.sign(artifact["name"])
        signed = {"method": request.method, "url": request.url, "headers": request.headers}
        key = keys.session_key(objects.whole(artifact["name"]))
        artifacts.append({**artifact, "request": signed, "session_key": key})
    return {
        "protocol": protocol.VERSION,
        "job": "restore",
        "target": target,
        "output": output,
        "tools": tools,
        "artifacts": artifacts,
        "parallel": 4,
    }
