"""Servers that a backup is restored into by hand: one as it comes, one with the settings of Proven's own scratch servers."""

from __future__ import annotations

import contextlib
import pathlib
import secrets
import shutil
from collections.abc import Iterator, Sequence

from include.proven import engines, servers
from include.proven.bench.engines.bed import Bed, root
from include.proven.engines.contract import Engine
from include.proven.engines.mariadb import MariaDB
from include.proven.engines.mysql import MySQL
from include.proven.errors import IntegrityError


class PlainMariaDB(MariaDB):
    """Serves with its makers' defaults: safe from a power cut, and with 128 MiB of buffer pool."""

    def serve(self, datadir: pathlib.Path, socket: pathlib.Path, settings: dict[str, str], options: Sequence[str]) -> list[str]:
        """Return an argv that sets nothing but the place."""
        return _as_it_comes("mariadbd", datadir, socket, options)


class PlainMySQL(MySQL):
    """Likewise."""

    def serve(self, datadir: pathlib.Path, socket: pathlib.Path, settings: dict[str, str], options: Sequence[str]) -> list[str]:
        """Return an argv that sets nothing but the place."""
        return _as_it_comes("mysqld", datadir, socket, options)


PLAIN: dict[str, Engine] = {"mariadb": PlainMariaDB(), "mysql": PlainMySQL()}


def _as_it_comes(program: str, datadir: pathlib.Path, socket: pathlib.Path, options: Sequence[str]) -> list[str]:
    places = [f"--datadir={datadir}", f"--socket={socket}", f"--pid-file={socket.with_name('pid')}"]
    return [program, "--no-defaults", *places, "--skip-networking", "--skip-log-bin", *options]


@contextlib.contextmanager
def server(bed: Bed, *, tuned: bool) -> Iterator[servers.ServerProcess]:
    """Start an empty server, and remove it afterwards."""
    with place(bed, tuned=tuned) as made:
        made.start()
        yield made


@contextlib.contextmanager
def place(bed: Bed, *, tuned: bool) -> Iterator[servers.ServerProcess]:
    """Prepare a server that does not run yet, and remove it afterwards."""
    engine = engines.engine(bed.flavour) if tuned else PLAIN[bed.flavour]
    made = servers.ServerProcess(engine, bed.folder / f"scratch-{secrets.token_hex(3)}", tools=bed.path)
    try:
        made.prepare()
        yield made
    finally:
        made.stop(gently=0)
        shutil.rmtree(made.directory, ignore_errors=True)


def require_whole(bed: Bed, socket: pathlib.Path, schemas: Sequence[str] = ()) -> None:
    """Raise IntegrityError unless a server has every table of the source, or of some schemas, with as many rows and indexes."""
    found = bed.count(root(bed.flavour, socket))
    for (schema, table), wanted in bed.counts.items():
        has = found.get((schema, table), (0, 0))
        if has != wanted and schema in (schemas or bed.schemas):
            detail = f"{schema}.{table} has {has[0]} of {wanted[0]} rows, {has[1]} of {wanted[1]} indexed columns"
            raise IntegrityError(f"its copy is not whole: {detail}")
