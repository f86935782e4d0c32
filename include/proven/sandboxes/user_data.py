"""What a machine is told at its first boot, by cloud-init: its one-time keys, its database, and nothing else.

<include>/cloud_init/machine.yaml.j2         the cloud-config
                     start-database.sh.j2    the program that it runs: the same on every cloud and image
"""

from __future__ import annotations

import dataclasses
import pathlib
import re
import shlex
from collections.abc import Sequence

import jinja2
import yaml

from include.proven.engines.contract import Engine
from include.proven.errors import SandboxError
from include.proven.manifest import Server
from include.proven.sandboxes.one_time_keys import KeyPair

TEMPLATES = pathlib.Path(__file__).parents[2] / "cloud_init"
OPTION = re.compile(r"--([a-z0-9-]+(?:=[A-Za-z0-9_,+:/.-]*)?)")
MEBIBYTE = 1024**2
LEAST_POOL = 128 * MEBIBYTE
USUAL_POOL = 256 * MEBIBYTE


@dataclasses.dataclass(frozen=True)
class Place:
    """Where things lie on every machine: below where distributions, and what confines servers there, expect them."""

    home: str = "/var/lib/mysql"
    data: str = "/var/lib/mysql/proven-data"
    files: str = "/var/lib/mysql/proven-files"
    """All that LOAD DATA may see."""
    temporary: str = "/var/lib/mysql/proven-tmp"
    socket_folder: str = "/run/mysqld/proven"
    socket: str = "/run/mysqld/proven/s"
    log: str = "/var/lib/mysql/proven.log"
    options: str = "/etc/mysql/proven.cnf"
    first: str = "/etc/mysql/proven.sql"
    """What the server runs before it answers."""
    start: str = "/etc/mysql/proven-start.sh"
    run: str = "/run/mysqld"
    network: str = "/run/mysqld/proven.network"
    """The server's network namespace."""
    ready: str = "/run/proven-ready"
    failed: str = "/run/proven-failed"


PLACE = Place()
PROGRAMS = ("python3", "gpg", "zstd", "setpriv", "nsenter", "unshare")
"""What the agent and the start of the server need besides: it is missed at once, and not in the middle of a drill."""
INSIDE = ("nsenter", f"--net={PLACE.network}", "--")
"""Runs a program, on the machine and as root, in the network that the server sees."""


@dataclasses.dataclass(frozen=True)
class Recipe:
    """What the machine is to become."""

    engine: Engine
    server: Server
    """The source."""
    data_bytes: int
    memory_bytes: int
    user: str
    packages: Sequence[str]


def render(recipe: Recipe, host_key: KeyPair, user_key: str) -> str:
    """Return the user data. `user_key` is the public key that may log in. Raise SandboxError for a setting that none has."""
    engine, settings = recipe.engine, recipe.server.settings
    initialise = engine.initialise(pathlib.Path(PLACE.data), settings)
    files = [
        {"path": PLACE.options, "permissions": "0644", "content": write_options(_serve(recipe))},
        {"path": PLACE.first, "permissions": "0644", "content": engine.first_statements()},
    ]
    script = _environment().get_template("start-database.sh.j2").render(
        place=PLACE,
        programs=[*engine.server_programs(), engine.tools().client[0], *PROGRAMS],
        initialise=initialise,
        serve=[engine.server_programs()[0], f"--defaults-file={PLACE.options}"],
        client=engine.tools().client[0],
    )  # fmt: skip
    files.append({"path": PLACE.start, "permissions": "0755", "content": script})
    return (
        _environment()
        .get_template("machine.yaml.j2")
        .render(
            host_key=host_key,
            user=recipe.user,
            user_key=user_key,
            packages=list(recipe.packages),
            files=files,
            start=PLACE.start,
        )
    )


def write_options(argv: Sequence[str]) -> str:
    """Given a server's argv, return its option file. Raise SandboxError for one that is more than a line."""
    lines = ["[mysqld]"]
    for option in argv:
        match = OPTION.fullmatch(option)
        if not match:
            raise SandboxError(f"option {option[:80]!r} can't be written into a server's option file")
        lines.append(match[1])
    return "\n".join([*lines, ""])


def _serve(recipe: Recipe) -> list[str]:
    """Return the options of the server: the engine's own list, as for a scratch server on the worker."""
    pool = min(recipe.memory_bytes // 2, max(recipe.data_bytes, USUAL_POOL))
    options = [
        f"--tmpdir={PLACE.temporary}",
        f"--secure-file-priv={PLACE.files}",
        f"--innodb-buffer-pool-size={max(pool, LEAST_POOL) // MEBIBYTE}M",
        f"--init-file={PLACE.first}",
    ]
    argv = recipe.engine.serve(pathlib.Path(PLACE.data), pathlib.Path(PLACE.socket), recipe.server.settings, options)
    return [option for option in argv[1:] if option != "--no-defaults"]


def _environment() -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        autoescape=False,  # noqa: S701  # it is no HTML: each value goes through the filter of its language
    )
    environment.filters["yaml"] = quote_yaml
    environment.filters["sh"] = lambda value: shlex.quote(str(value))
    return environment


def quote_yaml(value: object) -> str:
    """Return a value as YAML on one line, whatever it holds."""
    style = None if isinstance(value, bool) else '"'
    text = yaml.safe_dump(value, default_flow_style=True, default_style=style, width=float("inf"), allow_unicode=False)
    return text.removesuffix("\n").removesuffix("\n...")
