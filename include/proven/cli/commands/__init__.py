"""One module a command: its docstring is its help, `add_arguments` its arguments, `run` returns the exit status."""

from include.proven.cli.commands import (
    backup,
    check,
    copy,
    demo,
    down,
    drill,
    fetch,
    listing,
    pools,
    reap,
    report,
    restore,
    rotate,
    sandboxes,
    show,
    sweep,
    up,
)

ALL = (demo, up, down, check, listing, show, report, backup, drill, restore, copy, fetch, sandboxes, reap, sweep, rotate, pools)
