"""The pipelines that people type, from the source to Swift and from there into a server."""

from __future__ import annotations

import contextlib
import functools
import pathlib
import shlex
import shutil
import sys
from collections.abc import Callable, Iterator

import swiftclient

from include.proven import servers
from include.proven.bench import pipelines, sysbench
from include.proven.bench.engines import scratch
from include.proven.bench.engines.bed import CONTAINER, Bed
from include.proven.bench.engines.meter import Span

DUMPERS = {
    "mariadb": "mariadb-dump --no-defaults --user=root --socket={socket} --single-transaction --skip-add-locks",
    "mysql": "mysqldump --no-defaults --user=root --socket={socket} --single-transaction --set-gtid-purged=OFF",
}
# with LOCK TABLES in it the shop's dump could not be loaded: a column's default draws from a sequence
SEGMENT = 16 << 20
DEFINER = "CREATE USER IF NOT EXISTS shop_app; GRANT ALL ON *.* TO shop_app"
"""A plain dump brings no accounts, and without this one the load of the shop ends at a view of it."""
COPIERS = {"mariadb": "mariadb-backup", "mysql": "CLONE LOCAL, tar"}
COPYING = "mariadb-backup --no-defaults --backup --stream=xbstream --user=root --socket={socket} --target-dir={folder}"
MYLOADER = "gpg, zstd -d, tar, myloader -t 2"
GZIP, PLAIN, ZSTD, MYDUMPER, FILES = "gzip", "plain", "zstd", "mydumper", "files"
"""Names of what was stored."""


class ByHand:
    """The commands, for one bed."""

    def __init__(self, bed: Bed) -> None:
        self.bed = bed
        self._home = shlex.quote(str(bed.home))
        self._client = shlex.quote(str(pathlib.Path(sys.executable).with_name("swift")))

    def shell(self, pipeline: str, *, out: pathlib.Path | None = None) -> None:
        """Run a pipeline; the store's login is in its environment."""
        pipelines.run_shell(pipeline, out=out, environment=self.bed.variables)

    def dump(self) -> str:
        """Return the command that dumps all schemas."""
        words = DUMPERS[self.bed.flavour].format(socket=shlex.quote(str(self.bed.source.socket))).split(" ", 1)
        return f"{self.bed.program(words[0])} {words[1]} --routines --events --databases {' '.join(self.bed.schemas)}"

    def copy(self) -> str:
        """Return the command that streams the source's files."""
        if self.bed.flavour == "mysql":
            clone = shlex.quote(str(self.bed.clones / "by-hand"))
            statement = shlex.quote(f"CLONE LOCAL DATA DIRECTORY = '{self.bed.clones / 'by-hand'}'")
            fill = f"{self.load(self.bed.source)} --execute {statement} && tar -c -C {clone} ."
            return f"{{ rm -rf {clone} && {fill} && rm -rf {clone}; }}"
        program, words = COPYING.split(" ", 1)
        folder = self.bed.folder / "by-hand"
        folder.mkdir(exist_ok=True)
        return f"{self.bed.program(program)} {words.format(socket=self.bed.source.socket, folder=folder)}"

    def seal(self, *, squeezed: bool) -> str:
        """Return the command that encrypts; what is not squeezed yet gpg squeezes itself, as it does by default."""
        squeeze = "-z 0 " if squeezed else ""
        return f"gpg --homedir {self._home} --batch --yes --trust-model always {squeeze}--encrypt -r backup@proven.invalid"

    def upload(self, name: str) -> str:
        """Return the command that stores its standard input."""
        return f"{self._client} --quiet upload -S {SEGMENT} --object-name {name} {CONTAINER} -"

    def fetch(self, name: str) -> str:
        """Return the commands that give what was stored, decrypted."""
        opened = f"gpg --homedir {self._home} --batch --quiet --decrypt"
        return f"{self._client} --quiet download {CONTAINER} {name} -o - | {opened}"

    def load(self, server: servers.ServerProcess) -> str:
        """Return the command that loads SQL."""
        client = self.bed.program(self.bed.tools["client"][0])
        return f"{client} --no-defaults --user=root --socket={shlex.quote(str(server.socket))}"

    def stored(self, name: str) -> int:
        """Return how many bytes of it are in the store."""
        account = self.bed.account
        store = swiftclient.Connection(
            authurl=self.bed.swift.auth_url, user=f"{account.account}:{account.user}", key=account.password, retries=1
        )
        return int(store.head_object(CONTAINER, name)["content-length"])

    def backups(self) -> Iterator[tuple[str, Callable[[], tuple[Span, int]]]]:
        """Yield each way to the store."""
        dump, whole, squeezed = self.dump(), self.seal(squeezed=False), self.seal(squeezed=True)
        pipes = {
            ("dump, gzip, gpg", GZIP): f"{dump} | gzip | {squeezed}",
            ("dump, gpg", PLAIN): f"{dump} | {whole}",
            ("dump, zstd -1, gpg", ZSTD): f"{dump} | zstd -q -1 -c | {squeezed}",
        }
        for (way, name), pipe in pipes.items():
            yield way, functools.partial(self._back_up, name, f"{pipe} | {self.upload(name)}")
        yield "mydumper -t 2, tar, zstd -1, gpg; without the shop", self._run_mydumper
        yield f"{COPIERS[self.bed.flavour]}, zstd -1, gpg", self._copy_files

    def _back_up(self, name: str, pipeline: str) -> tuple[Span, int]:
        with self.bed.meter() as meter:
            self.shell(pipeline)
        return meter.span, self.stored(name)

    def _run_mydumper(self) -> tuple[Span, int]:
        folder = self.bed.folder / "mydumper"
        argv = ["-u", "root", "-S", str(self.bed.source.socket), "-t", "2", "-v", "1", "-o", str(folder)]
        # the shop it can't dump: a table's name has a backtick
        argv += ["--regex", rf"^{sysbench.SCHEMA}\.", "--triggers", "--events", "--routines"]
        dump = f"{self.bed.program('mydumper')} {shlex.join(argv)}"
        pack = f"tar -c -C {folder} . | zstd -q -1 -c | {self.seal(squeezed=True)} | {self.upload(MYDUMPER)}"
        with _removed(folder):
            return self._back_up(MYDUMPER, f"{dump} && {pack}")

    def _copy_files(self) -> tuple[Span, int]:
        return self._back_up(FILES, f"{self.copy()} | zstd -q -1 -c | {self.seal(squeezed=True)} | {self.upload(FILES)}")

    def restores(self) -> Iterator[tuple[str, Callable[[], tuple[Span, int]]]]:
        """Yield each way back, into an empty server that runs already; of files, onto a disk and into a server that begins."""
        unpack = {GZIP: "gunzip", ZSTD: "zstd -q -d -c"}
        for tuned, server in ((False, ""), (True, ", tuned server")):
            for name, unpacker in unpack.items():
                way = f"gpg, {unpacker.split()[0]}{' -d' if name == ZSTD else ''}, {self.bed.tools['client'][0]}{server}"
                yield way, functools.partial(self._load, name, unpacker, tuned=tuned)
        yield f"{MYLOADER}; without the shop", functools.partial(self._run_myloader, tuned=False)
        yield f"{MYLOADER}, tuned server; without the shop", functools.partial(self._run_myloader, tuned=True)
        unpacked = "mbstream, prepare" if self.bed.flavour == "mariadb" else "tar"
        yield f"gpg, zstd -d, {unpacked}, start", self._serve_files

    def _load(self, name: str, unpacker: str, *, tuned: bool) -> tuple[Span, int]:
        with scratch.server(self.bed, tuned=tuned) as server:
            self.make_definer(server)
            with self.bed.meter([server.datadir]) as meter:
                self.shell(f"{self.fetch(name)} | {unpacker} | {self.load(server)}")
            scratch.require_whole(self.bed, server.socket)
        return meter.span, 0

    def _run_myloader(self, *, tuned: bool) -> tuple[Span, int]:
        folder = self.bed.folder / "myloader"
        unpack = f"mkdir {folder} && {self.fetch(MYDUMPER)} | zstd -q -d -c | tar -x -C {folder}"
        with scratch.server(self.bed, tuned=tuned) as server, _removed(folder):
            argv = ["-u", "root", "-S", str(server.socket), "-t", "2", "-v", "1", "-d", str(folder)]
            with self.bed.meter([server.datadir]) as meter:
                self.shell(f"{unpack} && {self.bed.program('myloader')} {shlex.join(argv)}")
            scratch.require_whole(self.bed, server.socket, [sysbench.SCHEMA])
        return meter.span, 0

    def _serve_files(self) -> tuple[Span, int]:
        with scratch.place(self.bed, tuned=False) as server:
            shutil.rmtree(server.datadir)
            datadir, clone = shlex.quote(str(server.datadir)), self.bed.flavour == "mysql"
            extract = "tar" if clone else self.bed.program("mbstream")
            unpack = f"mkdir {datadir} && {self.fetch(FILES)} | zstd -q -d -c | {extract} -x -C {datadir}"
            backup = "mariadb-backup --no-defaults --prepare --use-memory=256M"
            prepare = "true" if clone else f"{backup} --target-dir={datadir}"
            give = f"chown -R {server.uid}:{server.uid} {datadir}" if server.uid is not None else "true"
            with self.bed.meter([server.datadir]) as meter:
                self.shell(f"{unpack} && {prepare} && {give}")
                server.start()
            scratch.require_whole(self.bed, server.socket)
        return meter.span, 0

    def make_definer(self, server: servers.ServerProcess) -> None:
        """Make the account that the shop's views ask for, if there is a shop."""
        if len(self.bed.schemas) > 1:
            self.shell(f"{self.load(server)} --execute {shlex.quote(DEFINER)}")


@contextlib.contextmanager
def _removed(folder: pathlib.Path) -> Iterator[None]:
    """Remove a folder of one round, whatever happens in it."""
    try:
        yield
    finally:
        shutil.rmtree(folder, ignore_errors=True)
