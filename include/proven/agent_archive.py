"""The agent as one file that any Python 3 runs: built from its sources, kept in the user's cache.

Beside each source lies what this Python has compiled it to: an archive can't be written to, so every agent would compile all of
itself again, half of the time that it takes to begin. Another Python sees that it is not its own, and takes the source.
"""

from __future__ import annotations

import hashlib
import os
import pathlib
import py_compile
import shutil
import sys
import tempfile
import zipapp

PACKAGE = pathlib.Path(__file__).with_name("agent")


def build_agent(directory: pathlib.Path | None = None) -> pathlib.Path:
    """Return the agent as one zipapp in `directory` (default: the user's cache), built unless one of this content is there."""
    folder = directory or _cache()
    sources = sorted(PACKAGE.glob("*.py"))
    parts = [part for file in sources for part in (file.name.encode(), file.read_bytes())]
    digest = hashlib.sha256(b"\0".join([str(sys.implementation.cache_tag).encode(), *parts]))
    archive = folder / f"agent-{digest.hexdigest()[:16]}.pyz"
    if archive.exists():
        return archive
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder) as scratch:
        staged = pathlib.Path(scratch, "source")
        (staged / "proven_agent").mkdir(parents=True)
        for file in sources:
            copied = str(shutil.copy(file, staged / "proven_agent"))
            # unchecked: a date may not survive, and the two come as one file
            mode = py_compile.PycInvalidationMode.UNCHECKED_HASH
            py_compile.compile(copied, f"{copied}c", f"proven_agent/{file.name}", doraise=True, invalidation_mode=mode)
        built = pathlib.Path(scratch, "agent.pyz")
        zipapp.create_archive(staged, built, main="proven_agent.main:main", compressed=True)
        built.replace(archive)  # at once: several backups may start together
    return archive


def _cache() -> pathlib.Path:
    return pathlib.Path(os.environ.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache") / "proven"
