"""How the tests bring artifacts into a store, as the agent and the controller do together."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence

import requests

from include.proven.manifest import Part
from include.proven.stores.contract import SignedRequest, Store, Upload, locate
from tests.stores import agent_side

PART_BYTES = 64 * 1024
ARTIFACT = "shop/20261121T043512Z-full-7f3a9c01/dump.sql.zst.gpg"
TIMEOUT = 30


def describe(number: int, content: bytes) -> Part:
    """Return the part as the agent reports it."""
    md5 = hashlib.md5(content, usedforsecurity=False).hexdigest()
    return Part(number=number, bytes=len(content), sha256=hashlib.sha256(content).hexdigest(), md5=md5)


def describe_all(pieces: Sequence[bytes]) -> list[Part]:
    """Return the parts of an artifact."""
    return [describe(number, piece) for number, piece in enumerate(pieces, 1)]


def cut(content: bytes) -> list[bytes]:
    """Cut content into parts, at least one."""
    return [content[start : start + PART_BYTES] for start in range(0, len(content), PART_BYTES)] or [b""]


def make_pieces(count: int = 3) -> list[bytes]:
    """Return random parts; the last is a short one."""
    return [os.urandom(PART_BYTES) for _ in range(count - 1)] + [os.urandom(1000)]


def send_pieces(store: Store, upload: Upload, pieces: Sequence[bytes], *, only: Sequence[int] = ()) -> list[Part]:
    """Send an artifact's parts (or `only` those of these numbers) and return all of them as the agent would report them."""
    parts = describe_all(pieces)
    chosen = [part for part in locate(parts) if not only or part.number in only]
    for part, request in zip(chosen, store.presign_parts(upload, chosen), strict=True):
        agent_side.send_part(request, pieces[part.number - 1], f"part {part.number}")
    return parts


def upload(store: Store, key: str, pieces: Sequence[bytes]) -> tuple[Upload, list[Part]]:
    """Upload without committing; return the upload and what the agent would report."""
    opened = store.begin_upload(key)
    return opened, send_pieces(store, opened, pieces)


def store_pieces(store: Store, key: str, pieces: Sequence[bytes]) -> list[Part]:
    """Upload and commit; return the parts."""
    opened, parts = upload(store, key, pieces)
    store.commit_upload(opened, parts)
    return parts


def store_artifact(store: Store, key: str, content: bytes) -> list[Part]:
    """Cut, upload and commit; return the parts."""
    return store_pieces(store, key, cut(content))


def send(request: SignedRequest, content: bytes, *, method: str = "") -> requests.Response:
    """Make a pre-signed request as anybody can who has got hold of it."""
    return requests.request(method or request.method, request.url, data=content, headers=request.headers, timeout=TIMEOUT)


def fetch(request: SignedRequest) -> bytes:
    """Read a pre-signed GET as anybody can who has got hold of it."""
    answer = requests.get(request.url, headers=request.headers, timeout=TIMEOUT)
    assert answer.status_code == 200, answer.text
    return answer.content


def sign_one(store: Store, content: bytes) -> SignedRequest:
    """Open an upload and return the PUT of its first part."""
    return store.presign_parts(store.begin_upload(ARTIFACT), locate([describe(1, content)]))[0]
