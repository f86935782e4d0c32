"""What the entries of a fleet file are made of: names, durations, rates, paths, texts, and the base of all models."""

from __future__ import annotations

import datetime
import pathlib
import re
from typing import Annotated

import pydantic

Name = Annotated[str, pydantic.StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,39}$")]
"""A name of ours: lower case, digits and underscores, so that it fits DAG ids, object keys and file names alike."""

DURATION = re.compile(r"(?:(\d+)d)?\s*(?:(\d+)h)?\s*(?:(\d+)m)?\s*(?:(\d+)s)?")

RATE = re.compile(r"(\d+(?:\.\d+)?)\s*([KMG]B)/s")
RATE_UNITS = {"KB": 1e3, "MB": 1e6, "GB": 1e9}

SIZE = re.compile(r"(\d+(?:\.\d+)?)\s*([KMGT]B)")
SIZE_UNITS = {**RATE_UNITS, "TB": 1e12}


def parse_duration(value: object) -> object:
    """Given `1d 2h`, `90m` or `45s`, return the timedelta. Raise ValueError with the accepted form."""
    if isinstance(value, datetime.timedelta):
        return value
    match = DURATION.fullmatch(value.strip()) if isinstance(value, str) else None
    days, hours, minutes, seconds = (int(part or 0) for part in match.groups()) if match else (0, 0, 0, 0)
    duration = datetime.timedelta(days=days, hours=hours, minutes=minutes, seconds=seconds)
    if not duration:
        raise ValueError("is no duration: write it as 26h, 90m, 45s or 1d 2h")
    return duration


def parse_rate(value: object) -> object:
    """Given `50 MB/s`, `800 KB/s` or `1.5 GB/s`, return bytes a second. Raise ValueError with the accepted form."""
    match = RATE.fullmatch(value.strip()) if isinstance(value, str) else None
    rate = float(match[1]) * RATE_UNITS[match[2]] if match else 0.0
    if not rate:
        raise ValueError("is no rate: write it as 50 MB/s, 800 KB/s or 1 GB/s")
    return rate


def parse_size(value: object) -> object:
    """Given `800 MB`, `20 GB` or `1.5 TB`, return bytes. Raise ValueError with the accepted form."""
    match = SIZE.fullmatch(value.strip()) if isinstance(value, str) else None
    size = int(float(match[1]) * SIZE_UNITS[match[2]]) if match else 0
    if not size:
        raise ValueError("is no size: write it as 800 MB, 20 GB or 1.5 TB")
    return size


def require_different(names: list[str]) -> list[str]:
    """Return the names as they are. Raise ValueError if one stands there twice."""
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise ValueError(f"names {twice[0]!r} twice")
    return names


def place_path(value: pathlib.Path, info: pydantic.ValidationInfo) -> pathlib.Path:
    """Given a path as written, return it with `~` expanded; a relative one counts from the fleet file's folder."""
    if str(value) in {"", "."}:
        raise ValueError("is empty: write a path")
    try:
        expanded = value.expanduser()
    except RuntimeError as error:
        raise ValueError("names a home directory that is not known here") from error
    folder = (info.context or {}).get("folder")
    return folder / expanded if folder else expanded


Duration = Annotated[
    datetime.timedelta,
    pydantic.BeforeValidator(
        parse_duration, json_schema_input_type=Annotated[str, pydantic.Field(pattern=rf"^\s*(?=\d){DURATION.pattern}\s*$")]
    ),
]
Rate = Annotated[
    float,
    pydantic.BeforeValidator(
        parse_rate, json_schema_input_type=Annotated[str, pydantic.Field(pattern=rf"^\s*{RATE.pattern}\s*$")]
    ),
]
"""Bytes a second."""
Size = Annotated[
    int,
    pydantic.BeforeValidator(
        parse_size, json_schema_input_type=Annotated[str, pydantic.Field(pattern=rf"^\s*{SIZE.pattern}\s*$")]
    ),
]
"""Bytes."""
FilePath = Annotated[pathlib.Path, pydantic.AfterValidator(place_path)]
Text = Annotated[str, pydantic.StringConstraints(strip_whitespace=True, min_length=1)]
"""Text that says something: an empty name or address is a mistake."""
Endpoint = Annotated[str, pydantic.StringConstraints(pattern=r"^https?://[^\s/]+")]
"""An address to send to. It must hold no secret: it shows in logs."""


class Model(pydantic.BaseModel):
    """Base: a misspelt key is a fault, never ignored."""

    model_config = pydantic.ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)
