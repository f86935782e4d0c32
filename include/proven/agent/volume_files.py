"""What of a data directory goes into its stream, and which data directories are not whole by themselves.

A snapshot is what a crash would leave: a server recovers it by its redo log and its doublewrite buffer. So both must be there,
and all that they speak of.
"""

from __future__ import annotations

import os
import pathlib
import re

from . import explain, names
from .client import Session
from .errors import AgentError

Variables = dict[str, str]
"""Names, in lower case, of the server's variables → values; those that it has not are missing."""

ABOUT = "backup-my.cnf"
"""Says what of the layout differs from a server's defaults, as mariadb-backup has it."""
LAYOUT = ("innodb_data_file_path", "innodb_undo_tablespaces")
FOLDERS = (
    "innodb_data_home_dir",
    "innodb_undo_directory",
    "innodb_log_group_home_dir",
    "innodb_doublewrite_dir",
    "aria_log_dir_path",
)
UNSAFE = {
    "innodb_flush_log_at_trx_commit": (("0",), "what was committed within the last second is in no file"),
    "innodb_doublewrite": (("OFF", "DETECT_ONLY", "0"), "a page that is just being written can't be recovered"),
    "innodb_flush_method": (("nosync", "littlesync"), "pages may be written before the log that tells of them"),
}
"""Variable → values with which files are not worth more than after a crash, and why."""
OTHERS = ("pid_file", "log_error", "general_log_file", "slow_query_log_file", "innodb_buffer_pool_filename")
LOGS = ("log_bin_basename", "relay_log_basename")
INDEXES = ("log_bin_index", "relay_log_index")
ALWAYS = (
    *(f"./{ABOUT}", "./auto.cnf", "./mysqld-auto.cnf"),
    *("./*.pem", "./*.pid", "./*.err", "./*.sock", "./*.sock.lock"),
    *("./ibtmp1", "./#innodb_temp/*"),
    *("./master*.info", "./relay-log*.info", "./multi-master.info"),
    *("./*-relay-bin.[0-9]*", "./*-relay-bin.index", "./*-relay-bin-*.[0-9]*", "./*-relay-bin-*.index"),
    *("./grastate.dat", "./gvwstate.dat", "./galera.cache"),
)
"""Whose server this is and whom it follows, its private keys, and what a server makes anew: none of it is data."""
WILD = re.compile(r"([*?\[\]\\])")
NESTED = 2
"""The inode number that a subvolume below another has in a snapshot: nothing is in it there."""
HINT = "Use the method `logical` for this database (or `physical`, where the fleet offers it)."
REDO_LOG = "SHOW GLOBAL STATUS LIKE 'Innodb_redo_log_enabled'"
"""Of MySQL: MariaDB has always one."""
TABLESPACES = "SELECT FILE_NAME FROM information_schema.FILES WHERE FILE_TYPE IN ('TABLESPACE', 'UNDO LOG')"


def read_variables(session: Session) -> Variables:
    """Return what the server says of its files."""
    asked = ["datadir", *LAYOUT, *FOLDERS, *UNSAFE, *OTHERS, *LOGS, *INDEXES]
    rows = session.query(f"SHOW GLOBAL VARIABLES WHERE Variable_name IN ({names.literals(asked)})")
    return {(name or "").lower(): value or "" for name, value in rows}


def require_whole(session: Session, variables: Variables, datadir: pathlib.Path) -> None:
    """Raise AgentError (source) unless a snapshot of the data directory holds all that a server needs to recover it."""
    for name, (values, reason) in UNSAFE.items():
        if variables.get(name, "") in values:
            what = f"a snapshot of this server is not to be trusted: {name} is {variables[name]}, so {reason}"
            raise AgentError("source", what, hint=f"Change that setting of the server. {HINT}")
    if session.query(REDO_LOG) == [("Innodb_redo_log_enabled", "OFF")]:
        what = "a snapshot of this server is not to be trusted: its redo log is switched off"
        raise AgentError("source", what, hint=f"Run ALTER INSTANCE ENABLE INNODB REDO_LOG. {HINT}")
    for name in FOLDERS:
        if (datadir / variables.get(name, "")).resolve() != datadir:
            _refuse(f"{name} is {variables[name]}", datadir)
    if "/" in variables.get("innodb_data_file_path", ""):
        _refuse(f"innodb_data_file_path is {variables['innodb_data_file_path']}", datadir)
    if session.endpoint["flavour"] == "mysql":
        _require_tablespaces(session, datadir)
    _require_no_memory_tables(session)
    require_plain(datadir)


def require_plain(datadir: pathlib.Path) -> None:
    """Raise AgentError (source) if a data directory, or a snapshot of one, leads to files elsewhere."""
    device = datadir.stat().st_dev
    for place, folders, files in os.walk(datadir):
        for name in (*folders, *files):
            path = os.path.join(place, name)  # noqa: PTH118 - there may be a million of them
            if name.endswith(".isl") or os.path.islink(path):  # noqa: PTH114 - likewise
                _refuse(f"{os.path.relpath(path, datadir)} is a link", datadir)
        for folder in (pathlib.Path(place, name) for name in folders):
            if folder.exists() and (folder.stat().st_dev != device or folder.stat().st_ino == NESTED):
                _refuse(f"{folder.relative_to(datadir)} is a volume of its own", datadir)


def exclusions(variables: Variables, datadir: pathlib.Path) -> list[str]:
    """Return the patterns of what is left out, as tar takes them: logs, above all, which may be larger than the data."""
    found = list(ALWAYS)
    found += filter(None, (_below(variables.get(name, ""), datadir) for name in (*OTHERS, *INDEXES)))
    for name in LOGS:
        if base := _below(variables.get(name, ""), datadir):
            found += [f"{base}.[0-9]*", f"{base}.state", f"{base}.~rec~", f"{base}-*.[0-9]*", f"{base}-*.index"]
    return found


def about(variables: Variables) -> str:
    """Return the text of `backup-my.cnf`. Its doublewrite buffer is what pages that were being written are recovered from."""
    lines = [f"{name}={variables[name]}" for name in LAYOUT if name in variables]
    return "\n".join(["[mysqld]", *lines, "innodb_doublewrite=ON", ""])


def archive(datadir: pathlib.Path, described: pathlib.Path, excluded: list[str]) -> list[str]:
    """Return the argv that writes the data directory to standard output, `backup-my.cnf` of the folder `described` first."""
    return [
        *("tar", "--create", "--file=-", "--sparse", "--numeric-owner", "--blocking-factor=512"),
        *("--anchored", "--wildcards", "--no-wildcards-match-slash"),
        *(f"--exclude={pattern}" for pattern in excluded),
        f"--directory={described}",
        ABOUT,
        f"--directory={datadir}",
        ".",
    ]


def _require_tablespaces(session: Session, datadir: pathlib.Path) -> None:
    try:
        rows = session.query(TABLESPACES)
    except AgentError as error:
        if explain.error_code(error.detail) in explain.MISSING_PRIVILEGE:
            error.hint = f"Run GRANT PROCESS ON *.* TO that account ({session.endpoint['user']})."
        raise
    for (name,) in rows:
        place = os.path.normpath(datadir / names.spell(name))
        if datadir not in pathlib.Path(place).parents:
            _refuse(f"the tablespace {names.spell(name)} is there", datadir)


def _require_no_memory_tables(session: Session) -> None:
    rows = session.query(
        "SELECT TABLE_SCHEMA, TABLE_NAME FROM information_schema.TABLES WHERE ENGINE = 'MEMORY' AND TABLE_ROWS > 0"
        " AND TABLE_SCHEMA NOT IN ('information_schema', 'performance_schema', 'mysql', 'sys')"
    )
    if found := sorted(names.display(names.spell(schema), names.spell(name)) for schema, name in rows):
        what = f"rows of {', '.join(found[:5])} are in no file: the engine MEMORY has none"
        raise AgentError("source", what, hint=f"Give these tables another engine, or empty them. {HINT}")


def _refuse(what: str, datadir: pathlib.Path) -> None:
    raise AgentError("source", f"files of the server lie outside of its data directory {datadir}: {what}", hint=HINT)


def _below(value: str, datadir: pathlib.Path) -> str:
    """Return the pattern of a file that a variable names, or nothing if it names none in the data directory."""
    path = pathlib.Path(os.path.normpath(datadir / value))
    if not value or datadir not in path.parents:
        return ""
    return "./" + WILD.sub(r"\\\1", str(path.relative_to(datadir)))
