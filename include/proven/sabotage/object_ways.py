"""Ways that damage what lies in the store: no key is needed for them. Whoever can write to the store can do it."""

from __future__ import annotations

import gzip

from include.proven.sabotage.broken_copy import MANIFEST, SIGNATURE, Act, Copy
from include.proven.sabotage.ways import Told, Way
from include.proven.sabotage.workshop import NotApplicableError

NOT_OPENPGP = Told("restore", "does not begin as an OpenPGP message")
CHECKSUM = Told("restore", "checksum mismatch")
SIZE = Told("restore", r"has \d+ bytes, the manifest says \d+")
ERROR_TEXT = b"ERROR 1045 (28000): Access denied for user 'backup'@'10.0.0.7' (using password: YES)\n"
HOLE_BYTES = 4096


def flip_bit(copy: Copy) -> str:
    """Flip one bit of the encrypted dump."""
    copy.flip_bit(copy.artifact().name)
    return copy.artifact().name


def truncate(copy: Copy) -> str:
    """Cut the last quarter off the encrypted dump."""
    file = copy.own(copy.artifact().name)
    with file.open("r+b") as stream:
        stream.truncate(file.stat().st_size * 3 // 4)
    return file.name


def make_hole(copy: Copy) -> str:
    """Fill a stretch of the encrypted dump with zeros, as a segment that was lost reads."""
    file = copy.own(copy.artifact().name)
    size = file.stat().st_size
    with file.open("r+b") as stream:
        stream.seek(size // 2)
        stream.write(bytes(min(HOLE_BYTES, size // 4)))
    return file.name


def swap_pieces(copy: Copy) -> str:
    """Swap two stretches of the encrypted dump, as segments in the wrong order read."""
    file = copy.own(copy.artifact().name)
    half = file.stat().st_size // 2
    length = min(half // 4, HOLE_BYTES)
    with file.open("r+b") as stream:
        stream.seek(half)
        first, second = stream.read(length), stream.read(length)
        stream.seek(half)
        stream.write(second + first)
    return file.name


def remove_artifact(copy: Copy) -> str:
    """Delete the dump."""
    copy.remove(copy.artifact().name)
    return copy.artifact().name


def take_older_artifact(copy: Copy) -> str:
    """Put the dump of the recovery point before in the place of this one's."""
    artifact = copy.artifact()
    others = [older.sha256 for older in copy.workshop.older_manifest.artifacts if older.name == artifact.name]
    if others in ([], [artifact.sha256]):
        raise NotApplicableError(f"the recovery point before has no other {artifact.name}")
    copy.replace_file(artifact.name, copy.workshop.older_files / artifact.name)
    return artifact.name


def put(content: bytes) -> Act:
    """Return what puts another object in the place of the dump."""

    def act(copy: Copy) -> str:
        copy.replace(copy.artifact().name, content)
        return copy.artifact().name

    return act


def flip_bit_of_manifest(copy: Copy) -> str:
    """Flip one bit of the manifest."""
    copy.flip_bit(MANIFEST)
    return MANIFEST


def edit_manifest(copy: Copy) -> str:
    """Let the manifest say that the source had no rows, and keep the old signature."""
    changed = copy.manifest.model_copy(update={"fingerprint": {**copy.manifest.fingerprint, "tables": {}, "rows": 0}})
    copy.replace(MANIFEST, changed.model_dump_json(indent=2).encode() + b"\n")
    return MANIFEST


def remove_signature(copy: Copy) -> str:
    """Delete the manifest's signature."""
    copy.remove(SIGNATURE)
    return MANIFEST


def sign_as_stranger(copy: Copy) -> str:
    """Sign the manifest with a key that is not the fleet's signer's."""
    copy.replace(SIGNATURE, copy.workshop.stranger.sign((copy.folder / MANIFEST).read_bytes()))
    return MANIFEST


def take_older_manifest(copy: Copy) -> str:
    """Put the genuine manifest of the recovery point before, and its signature, in the place of this one's."""
    signed = copy.workshop.catalog.signed_manifest(copy.workshop.database, copy.workshop.older)
    copy.replace(MANIFEST, signed.content)
    copy.replace(SIGNATURE, signed.signature)
    return copy.workshop.older


NOT_TRUSTED = Told("build", "can't be trusted")

WAYS = (
    Way("flipped-bit", "B2", "One bit of the encrypted dump is flipped.", flip_bit, (CHECKSUM,)),
    Way("truncated", "B1", "The last quarter of the encrypted dump is missing.", truncate, (SIZE, CHECKSUM)),
    Way("lost-segment", "B1", "A stretch of the encrypted dump reads as zeros.", make_hole, (CHECKSUM,)),
    Way("swapped-segments", "B1", "Two stretches of the encrypted dump have changed places.", swap_pieces, (CHECKSUM,)),
    Way("missing-object", "B1", "The dump was deleted.", remove_artifact, (Told("restore", "{thing} is missing"),)),
    Way(
        "older-object",
        "C1",
        "The dump is that of the recovery point before.",
        take_older_artifact,
        (SIZE, CHECKSUM),
    ),
    Way("empty-object", "A1", "The dump is an object of 0 bytes.", put(b""), (NOT_OPENPGP,)),
    Way(
        "twenty-bytes",
        "A1",
        "The dump is an object of 20 bytes: nothing, compressed.",
        put(gzip.compress(b"", mtime=0)),
        (NOT_OPENPGP,),
    ),
    Way("error-text", "A15", "The dump is the error that the dump tool has printed.", put(ERROR_TEXT), (NOT_OPENPGP,)),
    Way("flipped-bit-in-manifest", "B2", "One bit of the manifest is flipped.", flip_bit_of_manifest, (NOT_TRUSTED,)),
    Way("edited-manifest", "B2", "The manifest says that the source had no rows.", edit_manifest, (NOT_TRUSTED,)),
    Way(
        "unsigned-manifest",
        "B2",
        "The manifest's signature was deleted.",
        remove_signature,
        (Told("build", "is not signed"),),
    ),
    Way(
        "strangers-manifest",
        "B2",
        "The manifest is signed by somebody whom the fleet does not know.",
        sign_as_stranger,
        (NOT_TRUSTED,),
    ),
    Way(
        "older-manifest",
        "C1",
        "The manifest is that of the recovery point before, genuine and signed.",
        take_older_manifest,
        (Told("build", "is about {thing}, not"),),
    ),
)
