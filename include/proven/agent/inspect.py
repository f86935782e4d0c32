"""Job `inspect`: looks at a (restored) database with the same eyes as a backup looks at its source."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from . import canary, client, fingerprint, inventory, references, server, server_log, snapshot, table_check
from .context import Context, peak_rss_bytes
from .looks import InspectJob


def run(job: InspectJob, context: Context) -> dict[str, Any]:
    """Return what `take` names, as `looks.InspectJob` describes it. Raise AgentError."""

    def connect() -> client.Session:
        return client.Session(job["tools"], job["source"], context.commands)

    with connect() as reader:
        described = server.describe(reader)
        flavour = described["flavour"]
        server.steady(reader, flavour)
        schemas = job["schemas"] or server.choose_schemas(reader, None, canary=False)
        looks: dict[str, Callable[[], Any]] = {
            "server": lambda: described,
            "schemas": lambda: schemas,
            "canary": lambda: canary.read(reader),
            "fingerprint": lambda: fingerprint.compute(reader, flavour, schemas, like=job["like"]),
            "inventory": lambda: inventory.take(reader, flavour, schemas),
            "references": lambda: references.look(connect, schemas),
            "tables": lambda: table_check.check(connect, schemas, job["time_limit"]),
            "server_log": lambda: server_log.read(job["log"]),
        }
        snapshot.open_snapshot(reader)
        taken = {name: _look(name, looks[name], context) for name in job["take"]}
    return {
        **taken,
        "stages": context.progress.stages(),
        "commands": context.commands.as_list(),
        "peak_rss_bytes": peak_rss_bytes(),
    }


def _look(name: str, look: Callable[[], Any], context: Context) -> Any:
    with context.progress.stage(name):
        return look()
