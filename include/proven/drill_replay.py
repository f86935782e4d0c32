"""The step of a drill that replays the binary log: from an older recovery point to the position of the one that is drilled.

What the checks then compare is the younger recovery point's own fingerprint, so that every row proves the chain that led to it.
On its way it halts at the end of one second, which is looked at as whoever restores to it would find it (check `moment`).
"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from include.proven import drill_evidence, drill_looks, progress
from include.proven.agent import jobs
from include.proven.binlogs import continuity, recovery
from include.proven.errors import CheckError
from include.proven.installation import Installation, as_job_endpoint
from include.proven.manifest import Stage
from include.proven.proof import answers, moments

if TYPE_CHECKING:
    from include.proven.drill import Drill

NOT_COMPARED = "fingerprint"
"""The check that says why nothing was compared, where no recovery point is younger than the moment."""


def replay(installation: Installation, drill: Drill, *, on_progress: progress.OnProgress | None = None) -> None:
    """Replay the log in the sandbox, which holds `drill.via`, and say what was seen on the way.

    Raise ProvenError, with the evidence recorded, if it can't be replayed.
    """
    with drill_evidence.record_step(installation, drill, "replay") as note:
        way = recovery.plan(
            installation, drill_looks.restored_manifest_of(installation, drill), drill.store, _goal(installation, drill)
        )
        with drill_looks.open_instance(installation, drill) as instance:
            result = recovery.replay(
                installation,
                way,
                as_job_endpoint(instance.endpoint),
                host=instance.host,
                name=f"replay-{drill.id}",
                sandbox=drill.sandbox,
                look_at=drill.moment,
                on_progress=on_progress,
            )
        note.stages.extend(Stage.model_validate(stage) for stage in result["stages"])
        told = ("transactions", "file", "offset", "gtid", "committed_at", "plain_bytes", "moment")
        more = {"pieces": len(way.segments), "complete_to": way.complete_to.isoformat()}
        note.figures["replayed"] = {name: result[name] for name in told} | more
    if moment := drill.moment:
        # a wrong moment is evidence, and keeps nothing else from being asked
        with contextlib.suppress(CheckError):
            drill_evidence.answer(installation, drill, moments.NAME, lambda: moments.judge(moment, result["moment"]))
    if drill.open_ended:
        what = "no recovery point is younger than that moment: nothing says what must be there"
        hint = "Take a new backup, have the log shipped up to it, and drill to the same moment again."
        drill_evidence.answer(installation, drill, NOT_COMPARED, lambda: answers.could_not_run(NOT_COMPARED, what, hint))


def _goal(installation: Installation, drill: Drill) -> jobs.ReplayUntil:
    if drill.open_ended and drill.moment:
        return recovery.to_moment(drill.moment)
    return recovery.to_position(continuity.position_of(drill_looks.manifest_of(installation, drill)))
