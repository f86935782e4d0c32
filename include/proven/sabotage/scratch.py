"""Where sabotaged copies lie: a folder of their own in a local sandbox's directory, mode 0700, and never in a store.

<sandbox directory>/sabotage-<random>/lock        held by whoever works in it: the kernel lets go of it when that one dies
                                      sandbox     name of the throwaway instance, from before it is built
                                      good/ older/ store/ stranger/

It is removed whatever happens. What a killed run has left is removed, with its instance, by the next run and by the reaper.
"""

from __future__ import annotations

import contextlib
import fcntl
import pathlib
import shutil
import tempfile
from collections.abc import Iterator

from include.proven.encryption import gpg
from include.proven.errors import ConfigError, SandboxError
from include.proven.fleet import model
from include.proven.fleet.sandboxes import LocalSandbox
from include.proven.installation import Installation
from include.proven.sandboxes.local_place import Places

PREFIX = "sabotage-"
LOCK, INSTANCE, STRANGER = "lock", "sandbox", "stranger"


def choose_sandbox(fleet: model.Fleet, database: str, wanted: str = "") -> str:
    """Return the local sandbox that the copies of a database are drilled in: that which is named, its own, or the first.

    Raise ConfigError if there is none: what lies on this machine can't be fetched by a machine of a cloud.
    """
    local = [name for name in sorted(fleet.sandboxes) if isinstance(fleet.sandboxes[name], LocalSandbox)]
    own = fleet.database(database).sandbox
    if wanted and wanted not in local:
        raise ConfigError(
            f"sandbox {wanted!r} can't be used for sabotage",
            hint=f"A sabotaged copy never leaves this machine. Sandboxes of kind local here: {', '.join(local) or 'none'}.",
        )
    if not local:
        raise ConfigError(
            "sabotage needs a sandbox of kind local, and the fleet has none",
            hint="A sabotaged copy never leaves this machine, so no cloud's machine can fetch it. Add one to `sandboxes:`; "
            "no database need use it.",
        )
    return wanted or (own if own in local else local[0])


def is_possible(fleet: model.Fleet) -> bool:
    """Say whether copies can be drilled at all: the fleet has a local sandbox."""
    return any(isinstance(sandbox, LocalSandbox) for sandbox in fleet.sandboxes.values())


@contextlib.contextmanager
def make(installation: Installation, sandbox: str) -> Iterator[pathlib.Path]:
    """Give a new folder beside the instances of a local sandbox, and remove it, after those that killed runs have left."""
    clear(installation)
    directory = _directory(installation, sandbox)
    Places(sandbox, directory).make_directory()
    # it gets its name when it is locked: nobody takes it for a dead one's before
    born = pathlib.Path(tempfile.mkdtemp(prefix=f".{PREFIX}", dir=directory))
    folder = born.with_name(born.name.removeprefix("."))
    with (born / LOCK).open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX)
            born.rename(folder)
            yield folder
        finally:
            remove(folder if folder.exists() else born)


def note_instance(folder: pathlib.Path, name: str) -> None:
    """Note the throwaway instance that is about to be built for what lies here."""
    (folder / INSTANCE).write_text(name)


def clear(installation: Installation) -> int:
    """Remove what killed runs have left on this machine, and their instances; return how many there were."""
    removed = 0
    for sandbox, config in installation.fleet.sandboxes.items():
        if not isinstance(config, LocalSandbox):
            continue
        for folder in sorted(_directory(installation, sandbox).glob(f"{PREFIX}*")):
            with _if_dead(folder) as dead:
                if dead:
                    _clear_one(installation, sandbox, folder)
                    removed += 1
    return removed


def require_room(folder: pathlib.Path, needed: int) -> None:
    """Raise SandboxError unless the disk has that many bytes free."""
    if (free := shutil.disk_usage(folder).free) < needed:
        raise SandboxError(
            f"no space for the copy: {folder.parent} has {free} bytes free, it needs {needed}",
            hint="It holds the recovery point as it is stored, and once more what is altered.",
        )


def remove(folder: pathlib.Path) -> None:
    """Remove a folder, and the agent of the keys in it. Its lock goes last: until then the next run would remove the rest."""
    if (folder / STRANGER).exists():
        gpg.stop_agents(folder / STRANGER)
    for entry in folder.iterdir():
        if entry.is_dir():
            shutil.rmtree(entry)
        elif entry.name != LOCK:
            entry.unlink()
    (folder / LOCK).unlink(missing_ok=True)
    folder.rmdir()


def _clear_one(installation: Installation, sandbox: str, folder: pathlib.Path) -> None:
    with contextlib.suppress(FileNotFoundError):
        installation.sandbox(sandbox).destroy((folder / INSTANCE).read_text())
    remove(folder)


@contextlib.contextmanager
def _if_dead(folder: pathlib.Path) -> Iterator[bool]:
    """Say whether nobody works in a folder, and let nobody else clear it meanwhile."""
    try:
        lock = (folder / LOCK).open()
    except FileNotFoundError:
        yield False  # somebody is just removing it
        return
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
        else:
            yield True


def _directory(installation: Installation, sandbox: str) -> pathlib.Path:
    config = installation.fleet.sandboxes[sandbox]
    if not isinstance(config, LocalSandbox):
        raise TypeError(f"sandbox {sandbox} is of kind {config.kind}")
    return config.directory.expanduser().absolute()
