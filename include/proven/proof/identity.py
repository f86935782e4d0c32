"""Is the recovery point of the server that it should be of? A faithful copy of the wrong database passes every comparison.

A server's own identity comes first. Where the fleet names none, the newest recovery point that was proven is the measure, so
the first one ever is taken on trust. MariaDB's `server_uid` is a hash of network address and port, which a container gets
anew and two hosts may share; so we also look whether the data descends from what was proven: its canary must still be there.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from include.proven.agent.canary import KEEP
from include.proven.agent.server import CANARY_SCHEMA
from include.proven.fleet.databases import Database
from include.proven.manifest import Manifest, Server
from include.proven.proof.history import History
from include.proven.proof.verdict import Check

NAME = "identity"
HINTS = {
    "server": "A failover, or a server that has moved (MariaDB's identity follows network address and port: a new container has"
    " another): name both under `servers` of this database. Otherwise the connection leads to a wrong server.",
    "schemas": "Dropped on purpose: name those that are left under `schemas`, until a drill has proven them. Otherwise the"
    " backup account has lost its grants there: restore them and take a new backup.",
    "canary": "The manifest was put together from two backups: take a new one, and find out who did that.",
    "descent": "Set back to an earlier state, by a restore? Then all is well. Otherwise it is another database under this"
    " identity: compare both.",
}
Canary = dict[str, Any] | None


def judge(manifest: Manifest, config: Database, before: History, canary: Canary) -> Check:
    """Given a recovery point, its history and what `agent/canary.py` read from the copy, say whether it is of this database.

    It refutes where server, schemas or canary are not those that they must be, and warns where the data does not descend from
    what was proven before.
    """
    earlier = next(iter(before.manifests), None)
    wrong = [*_server(manifest, config, earlier, canary), *_canary(manifest), *_schemas(manifest, config, earlier)]
    unsure = [*before.not_covered, *([] if config.servers or earlier else [_on_trust(manifest.server)])]
    figure = _figure(manifest, config, earlier)
    if wrong:
        differences = [difference for _, difference in wrong]
        hint = HINTS[wrong[0][0]]
        return Check(name=NAME, outcome="fail", figure=figure, differences=differences, hint=hint, not_covered=unsure)
    if earlier and _descends(earlier, canary) is False:
        lost = [f"the canary of {earlier.recovery_point}, which was proven, is not in this data"]
        return Check(
            name=NAME,
            outcome="fail",
            severity="warning",
            figure=figure,
            differences=lost,
            hint=HINTS["descent"],
            not_covered=unsure,
        )
    return Check(name=NAME, outcome="pass", figure=figure, not_covered=unsure)


def _server(manifest: Manifest, config: Database, earlier: Manifest | None, canary: Canary) -> Iterator[tuple[str, str]]:
    """Yield the topic of its hint and a line where the server is not the one that it should be."""
    found = manifest.server
    if config.servers is not None:
        if found.identity not in config.servers:
            yield "server", f"server {_describe(found)} is none of `servers`: {', '.join(config.servers)}"
    elif earlier and found.identity != earlier.server.identity:
        yield (
            "server",
            f"server {_describe(found)}, but {earlier.recovery_point}, which was proven, is of {_describe(earlier.server)}",
        )
        if (descends := _descends(earlier, canary)) is not None:
            holds = "holds" if descends else "does not hold"
            yield "server", f"its data {holds} the canary of {earlier.recovery_point}"


def _canary(manifest: Manifest) -> Iterator[tuple[str, str]]:
    """Yield a line where the manifest's canary was written for another recovery point."""
    if manifest.canary and manifest.canary["recovery_point"] != manifest.recovery_point:
        yield "canary", f"canary: the manifest holds that of {manifest.canary['recovery_point']}"


def _schemas(manifest: Manifest, config: Database, earlier: Manifest | None) -> Iterator[tuple[str, str]]:
    """Yield a line for each schema that was proven before, should be there still, and is not."""
    if earlier is None:
        return
    for name in _missing(earlier.schemas, manifest.schemas):
        if config.schemas is None or name in config.schemas:
            yield "schemas", f"schema {name}: in {earlier.recovery_point}, which was proven, and not in this one"


def _descends(earlier: Manifest, canary: Canary) -> bool | None:
    """Say whether the data holds the canary of an earlier recovery point. None: nobody can say.

    So it is where a canary is switched off, and where so many were written since that the earlier one was forgotten.
    """
    if earlier.canary is None or canary is None:
        return None
    rows = [list(row) for row in canary.get("rows", [])]
    if [earlier.canary["recovery_point"], earlier.canary["written_at"]] in rows:
        return True
    return None if len(rows) >= KEEP else False


def _figure(manifest: Manifest, config: Database, earlier: Manifest | None) -> str:
    if config.servers is not None:
        measure = "of `servers`"
    else:
        measure = f"compared with {earlier.recovery_point}" if earlier else "the first that is proven"
    new = _missing(manifest.schemas, earlier.schemas) if earlier else []
    return f"{_describe(manifest.server)}, {measure}" + (f"; new schemas: {', '.join(new)}" if new else "")


def _missing(wanted: Sequence[str], there: Sequence[str]) -> list[str]:
    """Return the schemas of the first that the second lacks. The canary's may be switched on and off."""
    return sorted({*wanted} - {*there} - {CANARY_SCHEMA})


def _describe(server: Server) -> str:
    return f"{server.identity} ({server.hostname})"


def _on_trust(server: Server) -> str:
    return f"Whose server it is: the first recovery point that is proven was taken on trust, of {_describe(server)}."
