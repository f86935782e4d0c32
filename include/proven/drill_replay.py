"""The step of a drill that replays the binary log: from an older recovery point to the position of the one that is drilled.

What the checks then compare is the younger recovery point's own fingerprint, so that every row proves the chain that led to it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from include.proven import drill_evidence, drill_looks, progress
from include.proven.binlogs import continuity, recovery
from include.proven.installation import Installation, as_job_endpoint
from include.proven.manifest import Stage

if TYPE_CHECKING:
    from include.proven.drill import Drill


def replay(installation: Installation, drill: Drill, *, on_progress: progress.OnProgress | None = None) -> None:
    """Replay the log in the sandbox, which holds `drill.via`. Raise ProvenError, with the evidence recorded, if it fails."""
    with drill_evidence.record_step(installation, drill, "replay") as note:
        until = recovery.to_position(continuity.position_of(drill_looks.manifest_of(installation, drill)))
        way = recovery.plan(installation, drill_looks.restored_manifest_of(installation, drill), drill.store, until)
        with drill_looks.open_instance(installation, drill) as instance:
            result = recovery.replay(
                installation,
                way,
                as_job_endpoint(instance.endpoint),
                host=instance.host,
                name=f"replay-{drill.id}",
                sandbox=drill.sandbox,
                on_progress=on_progress,
            )
        note.stages.extend(Stage.model_validate(stage) for stage in result["stages"])
        told = ("transactions", "file", "offset", "gtid", "committed_at", "plain_bytes")
        more = {"pieces": len(way.segments), "complete_to": way.complete_to.isoformat()}
        note.figures["replayed"] = {name: result[name] for name in told} | more
