"""One module a command: its docstring is its help, `add_arguments` its arguments, `run` returns the exit status."""

from include.proven.cli.commands import backup, check, demo, down, drill, listing, restore, rotate, sandboxes, show, sweep, up

ALL = (demo, up, down, check, listing, show, backup, drill, restore, sandboxes, sweep, rotate)
