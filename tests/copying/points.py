"""Recovery points of noise: nothing to dump, everything to carry."""

from __future__ import annotations

import hashlib

from include.proven import backup
from include.proven.installation import Installation
from include.proven.manifest import Artifact, Manifest
from tests.catalog import records
from tests.stores import agent_side

NAME = "dump.sql.zst.gpg"


def put_noise(opened: Installation, store: str, size: int, part_bytes: int) -> Manifest:
    """Put a recovery point of the database `shop` into a store, with one artifact of noise, and return its manifest."""
    point, target = backup.new_id(), opened.store(store)
    target.check()
    noise = agent_side.Noise(size)
    upload = target.begin_upload(f"shop/{point}/{NAME}")
    parts = agent_side.send_stream(target, upload, noise, part_bytes=part_bytes)
    target.commit_upload(upload, parts)
    artifact = Artifact(
        name=NAME,
        role="dump",
        bytes=size,
        sha256=noise.sha256(),
        plain_bytes=size,
        plain_sha256=hashlib.sha256(b"").hexdigest(),
        end_marker="",
        parts=parts,
    )
    manifest = records.manifest("shop", point, artifacts=[artifact])
    opened.catalog("shop", store).publish(manifest)
    return manifest
