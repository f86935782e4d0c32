"""What both engines share of a data directory that another server has made: how it comes, and how its files are found."""

from __future__ import annotations

import pathlib
import re

from include.proven.engines.contract import OpeningTools
from include.proven.errors import ConfigError, SandboxError

ABOUT = "backup-my.cnf"
"""The file in which whoever copied a data directory says what of its layout differs from a server's defaults."""
LAYOUT = re.compile(r"^(innodb_data_file_path|innodb_undo_tablespaces|innodb_doublewrite)=(.*)$", re.MULTILINE)
LAYOUT_VALUE = re.compile(r"[A-Za-z0-9_.:;-]+")
"""No slash: nothing outside of the data directory is opened."""

TAR = OpeningTools(
    extract=[
        *("tar", "--extract", "--file=-", "--ignore-zeros", "--no-same-owner", "--no-same-permissions"),
        "--directory={folder}",
    ],
    prepare=[],
    link=[],
    end_marker="",
)
"""Files of one moment. Names that lead out of the folder tar changes or refuses by itself; links the agent refuses. It reads
on to the stream's end: behind that of the archive there is padding, whose writer must not lose his reader."""


def choose(openings: dict[str, OpeningTools], artifact: str) -> OpeningTools:
    """Return what opens an artifact such as `datadir.tar.zst.gpg`, by the kind of stream in its name. Raise ConfigError."""
    kind = artifact.split(".")[1]
    if kind not in openings:
        raise ConfigError(f"{artifact}: nothing here opens a stream of kind {kind}", hint="Use a newer Proven.")
    return openings[kind]


def options(datadir: pathlib.Path) -> list[str]:
    """Return the options that a data directory's own word of its layout asks for: none without one. Raise SandboxError."""
    about = datadir / ABOUT
    found = LAYOUT.findall(about.read_text(encoding="utf-8", errors="replace")) if about.is_file() else []
    if wrong := [name for name, value in found if not LAYOUT_VALUE.fullmatch(value)]:
        raise SandboxError(f"the data directory asks for another {wrong[0]} than one of its own can have")
    return [f"--{name.replace('_', '-')}={value}" for name, value in found]
