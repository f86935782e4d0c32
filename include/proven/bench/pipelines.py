"""Time our way to the store and back beside the pipelines that people type, on the demo's shop, in one run on one machine.

Every way is run to its end and its result is looked at: what was stored must be there, and what was restored must hold the
shop's rows. CPU seconds are those of all processes of a way but the servers'.
"""

from __future__ import annotations

import functools
import os
import pathlib
import shlex
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping

from include.proven import backup, drill, ids, installation, servers
from include.proven.bench.measure import Timing, time_work
from include.proven.demo import environment
from include.proven.errors import ToolError
from include.proven.manifest import Manifest

# with LOCK TABLES in it the shop's dump could not be loaded: a column's default draws from a sequence
DUMP = "mariadb-dump --no-defaults --user=root --socket={socket} --single-transaction --skip-add-locks --routines --events"
SCHEMAS = "--databases shop shop-archive"
SEAL = "gpg --homedir {home} --batch --yes --trust-model always -z 0 --encrypt --recipient backup@proven.invalid"
OPEN = "gpg --homedir {home} --batch --quiet --decrypt"
LOAD = "mariadb --no-defaults --user=root --socket={socket}"
DEFINER = '"CREATE USER IF NOT EXISTS shop_app; GRANT ALL ON *.* TO shop_app"'
"""A plain dump brings no accounts, and without this one the load of the shop ends at a view of it."""
LOOK = "'SELECT * FROM shop.orders LIMIT 1' | grep --quiet ."
"""Fails unless the shop is there and has an order."""


def run(megabytes: int) -> list[Timing]:
    """Start what does not run, time every way, and stop what was started."""
    demo = environment.open_demo()
    was_running = demo.running()
    try:
        demo.start(megabytes=megabytes, report=lambda line: print(f"· {line}", file=sys.stderr))
        os.environ.update(demo.variables())
        return list(_run_all(demo, installation.open_installation()))
    finally:
        if not was_running:
            list(demo.stop())


def _run_all(demo: environment.Demo, opened: installation.Installation) -> Iterator[Timing]:
    files = demo.state / "bench"
    files.mkdir(exist_ok=True)
    packed = {"gzip": "gunzip", "zstd -q -T0": "zstd -q -d"}
    for packer in packed:
        yield _dump(demo, packer, files / f"{packer.split()[0]}.gpg")
    taken: list[Manifest] = []
    yield time_work(
        "proven backup, fingerprint included",
        lambda: taken.append(backup.take_backup(opened, "shop", backup.new_id()).manifest),
        lambda: sum(artifact.bytes for artifact in taken[0].artifacts),
    )
    for packer, unpacker in packed.items():
        load = functools.partial(_load, demo, files / f"{packer.split()[0]}.gpg", unpacker)
        yield _into_sandbox(opened, taken[0], f"gpg, {unpacker.split()[0]}, load", load)
    yield _into_sandbox(opened, taken[0], "proven restore", None)
    opened.catalog("shop").store.delete_folder(f"shop/{taken[0].recovery_point}")
    shutil.rmtree(files)


def _dump(demo: environment.Demo, packer: str, file: pathlib.Path) -> Timing:
    places = {"socket": shlex.quote(str(demo.source.socket)), "home": shlex.quote(str(demo.gnupg_home))}
    pipeline = f"{DUMP} {SCHEMAS} | {packer} | {SEAL}".format(**places)
    return time_work(f"dump, {packer.split()[0]}, gpg", lambda: run_shell(pipeline, out=file), lambda: file.stat().st_size)


def _into_sandbox(
    opened: installation.Installation, manifest: Manifest, way: str, load: Callable[[str], None] | None
) -> Timing:
    """Time one way into a sandbox of its own; its building is not counted."""
    this = drill.Drill(ids.new_drill(), "shop", manifest.recovery_point, opened.database("shop").stores[0], "local")
    drill.build(opened, this)
    try:
        with drill.reach(opened, this) as endpoint:
            socket = endpoint["socket"]
        if load:
            run_shell(f"{LOAD} --execute {DEFINER}".format(socket=shlex.quote(socket)))
        work = (lambda: load(socket)) if load else (lambda: drill.load(opened, this))
        timing = time_work(way, work, lambda: sum(artifact.plain_bytes for artifact in manifest.artifacts))
        run_shell(f"{LOAD} --execute {LOOK}".format(socket=shlex.quote(socket)))
    finally:
        drill.destroy(opened, this)
    return timing


def _load(demo: environment.Demo, file: pathlib.Path, unpacker: str, socket: str) -> None:
    places = {"home": shlex.quote(str(demo.gnupg_home)), "socket": shlex.quote(socket)}
    run_shell(f"{OPEN} {shlex.quote(str(file))} | {unpacker} | {LOAD}".format(**places))


def run_shell(pipeline: str, *, out: pathlib.Path | None = None, environment: Mapping[str, str] | None = None) -> None:
    """Run what a person would type. Raise ToolError, with its words, if any part of it fails; none of it outlives us."""
    argv = [servers.find_program("bash", []), "-o", "pipefail", "-c", pipeline]
    with (out or pathlib.Path(os.devnull)).open("wb") as sink:
        process = subprocess.Popen(argv, stdout=sink, stderr=subprocess.PIPE, env=environment, start_new_session=True)
        try:
            words = process.communicate()[1]
        except BaseException:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            raise
    if process.returncode:
        raise ToolError(f"the pipeline failed: {pipeline}", detail=words.decode(errors="replace")[-1000:])
