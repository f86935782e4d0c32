"""Reads one job from stdin, runs it, writes its events to stdout (`protocol.py`)."""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
import traceback
from collections.abc import Callable
from typing import Any

from . import (
    binlog,
    by_table,
    clone_backup,
    copy,
    datadir,
    extract,
    fetch,
    granular,
    inspect,
    isolation,
    physical,
    protocol,
    query,
    relay,
    replay,
    restore,
    user_check,
    volume_backup,
)
from .context import Context
from .errors import AgentError

JOBS: dict[str, Callable[[Any, Context], dict[str, Any]]] = {
    "backup": by_table.run,
    "binlog": binlog.run,
    "physical": physical.run,
    "clone": clone_backup.run,
    "snapshot": volume_backup.run,
    "restore": restore.run,
    "granular": granular.run,
    "extract": extract.run,
    "datadir": datadir.run,
    "replay": replay.run,
    "copy": copy.run,
    "fetch": fetch.run,
    "inspect": inspect.run,
    "query": query.run,
    "user_check": user_check.run,
    "isolation": isolation.run,
}


def main() -> None:
    """Run the job that stdin names and end the process: 0 done, 1 error, 3 stopped. With arguments: see `relay.py`."""
    if sys.argv[1:]:
        relay.main(sys.argv[1:])
    os.umask(0o077)
    context = Context()
    # A terminal's ^C reaches the whole group: the controller decides, and its end closes our stdin.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    for number in (signal.SIGTERM, signal.SIGHUP):
        # In a thread of its own: the main thread may hold the lock that stopping needs.
        signal.signal(number, lambda *_: threading.Thread(target=context.stop, args=[protocol.EXIT_STOPPED]).start())
    line = sys.stdin.buffer.readline()
    if not line:
        context.stop(protocol.EXIT_STOPPED)
    threading.Thread(target=_listen, args=[context], name="stdin", daemon=True).start()
    try:
        result = _run(json.loads(line), context)
    except AgentError as error:
        context.finish(protocol.EXIT_ERROR, _error_event(error, context))
    except Exception:
        traceback.print_exc()
        context.stop(protocol.EXIT_ERROR)
    else:
        context.finish(protocol.EXIT_DONE, {"event": "result", **result})


def _run(job: dict[str, Any], context: Context) -> dict[str, Any]:
    if job.get("protocol") != protocol.VERSION:
        raise AgentError(
            "internal", f"agent: protocol {job.get('protocol')} is not {protocol.VERSION}", hint="Build the agent anew."
        )
    if job.get("job") not in JOBS:
        raise AgentError("internal", f"agent: unknown job {job.get('job')!r}")
    return JOBS[job["job"]](job, context)


def _error_event(error: AgentError, context: Context) -> dict[str, Any]:
    return {
        "event": "error",
        "kind": error.kind,
        "what": error.what,
        "detail": error.detail,
        "hint": error.hint,
        "commands": context.commands.as_list(),
    }


def _listen(context: Context) -> None:
    """Take the controller's answers; its silence for good (end of file) stops everything."""
    try:
        for line in sys.stdin.buffer:
            message = json.loads(line)
            if message.get("answer") == "urls":
                context.urls.answer(message)
            elif message.get("answer") == "segment":
                context.receipts.put(message)
    finally:
        context.stop(protocol.EXIT_STOPPED)
