"""Checks a fleet: the file alone, or also, live, what it names."""

from __future__ import annotations

import contextlib
import functools
import pathlib
from collections.abc import Callable, Iterator

from include.proven import connections
from include.proven.errors import ConfigError, ProvenError
from include.proven.fleet import load, model
from include.proven.fleet.faults import Fault, Path, dotted, in_order
from include.proven.installation import Installation
from include.proven.pages import delivery
from include.proven.proof.user_checks import loading
from include.proven.watch import heartbeats

Trial = tuple[Path, Callable[[], object]]
"""A place in the fleet file, and what must not raise ProvenError."""


def check(path: pathlib.Path | None = None, *, live: bool = False) -> list[Fault]:
    """Return every fault of a fleet file (default: that of this installation) and of its databases' own checks, by line.

    With `live`, a file without faults is also tried: connections resolve, databases' hosts start an agent, keys encrypt,
    decrypt and sign, stores are written and read, routes of pages and heartbeats have a key that can be one. Nobody is paged.
    """
    path = path or load.default_path()
    reading = load.read(path)
    if reading.fleet is None or reading.document is None:
        return reading.faults
    faults = list(_find_bad_checks(reading.fleet))
    if faults or not live:
        return in_order(faults)
    for place, attempt in _trials(reading.fleet):
        try:
            attempt()
        except ProvenError as error:
            reason = f" ({error.detail.strip().splitlines()[0]})" if error.detail.strip() else ""
            faults.append(Fault(str(path), reading.document.line(place), dotted(place), error.what + reason, error.hint))
    return in_order(faults)


def _find_bad_checks(fleet: model.Fleet) -> Iterator[Fault]:
    """Yield what is wrong with the files of checks; a folder may serve several databases."""
    for folder in dict.fromkeys(filter(None, map(fleet.checks_folder, fleet.databases))):
        yield from loading.find_faults(folder)


def _trials(fleet: model.Fleet) -> Iterator[Trial]:
    installation = Installation(fleet)
    yield ("gnupg", "recipients"), lambda: installation.keyring.check_recipients()
    yield ("gnupg", "signer"), lambda: installation.keyring.check_signer()
    yield ("gnupg", "home"), lambda: installation.keyring.check_decryption()
    for position, directory in enumerate(fleet.tools):
        yield ("tools", position), functools.partial(_require_directory, directory)
    for name in fleet.stores:
        yield ("stores", name), functools.partial(_try_store, installation, name)
    for name, route in fleet.pages.routes.items():
        yield ("pages", "routes", name), functools.partial(delivery.check_route, name, route)
    for name in fleet.pages.heartbeats:
        yield ("pages", "heartbeats", name), functools.partial(heartbeats.check, installation, name)
    for name, database in fleet.databases.items():
        yield ("databases", name, "connection"), functools.partial(connections.resolve, database.connection)
        if database.host:
            yield ("databases", name, "host"), functools.partial(_try_host, installation, name)


def _try_store(installation: Installation, name: str) -> None:
    installation.store(name).check()


def _try_host(installation: Installation, database: str) -> None:
    with contextlib.closing(installation.host_of(database)) as host:
        host.start().end()


def _require_directory(path: pathlib.Path) -> None:
    if not path.is_dir():
        raise ConfigError(f"{path} is no directory", hint="Install the programs there, or remove the line.")
