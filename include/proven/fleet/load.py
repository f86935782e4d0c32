"""Reads the fleet file: everything that is wrong with it, at once, or the fleet."""

from __future__ import annotations

import dataclasses
import os
import pathlib

import pydantic

from include.proven.errors import ConfigError
from include.proven.fleet import friendly, model, references, secrets, source
from include.proven.fleet.faults import Fault, Path, dotted, in_order

DEFAULT = pathlib.Path(__file__).parents[2] / "fleet.yaml"


@dataclasses.dataclass(frozen=True)
class Reading:
    """What reading a fleet file gave: a fleet or faults."""

    fleet: model.Fleet | None
    document: source.Document | None
    faults: list[Fault]


def load(path: pathlib.Path | None = None) -> model.Fleet:
    """Return the fleet of `path` (default: `$PROVEN_FLEET`, else include/fleet.yaml).

    Raise one ConfigError that lists all faults.
    """
    path = path or default_path()
    reading = read(path)
    if reading.fleet is None:
        raise as_error(path, reading.faults)
    return reading.fleet


def find_faults(path: pathlib.Path | None = None) -> list[Fault]:
    """Return everything that is wrong in a fleet file, by line. An empty list: it can be loaded."""
    return read(path or default_path()).faults


def default_path() -> pathlib.Path:
    """Return the fleet file of this installation."""
    return pathlib.Path(os.environ.get("PROVEN_FLEET") or DEFAULT)


def as_error(path: pathlib.Path, faults: list[Fault]) -> ConfigError:
    """Return the one error that tells of all `faults` (one or more)."""
    if len(faults) == 1:
        return ConfigError(str(dataclasses.replace(faults[0], hint="")), hint=faults[0].hint)
    detail = "\n".join(f"  {fault}" for fault in faults)
    return ConfigError(f"{path}: {len(faults)} faults", detail="\n" + detail, hint="`./proven check` shows them again.")


def read(path: pathlib.Path) -> Reading:
    """Return the fleet in `path` and how it is written, or all its faults."""
    document, faults = source.read_document(path, os.environ)
    if document is None:
        return Reading(None, None, in_order(faults))
    folder = path.absolute().parent
    secret = list(secrets.find_secrets(document.value))
    faults += [_fault(path, document, place, secrets.WHAT, secrets.HINT) for place in secret]
    fleet, found = _validate(path, document, folder)
    if isinstance(document.value, dict):
        for place, what, hint in references.find_faults(document.value, folder):
            found.append(_fault(path, document, place, f"{document.written[place]!r} {what}", hint))
    known = {dotted(place) for place in (*secret, *document.broken)}
    faults += [fault for fault in found if fault.where not in known]
    return Reading(None if faults else fleet, document, in_order(faults))


def _validate(path: pathlib.Path, document: source.Document, folder: pathlib.Path) -> tuple[model.Fleet | None, list[Fault]]:
    try:
        return model.Fleet.model_validate(document.value, context={"folder": folder}), []
    except pydantic.ValidationError as error:
        return None, [friendly.explain(each, document, str(path)) for each in error.errors(include_url=False)]


def _fault(path: pathlib.Path, document: source.Document, place: Path, what: str, hint: str) -> Fault:
    return Fault(str(path), document.line(place), dotted(place), what, hint)
