"""A drill: restore one recovery point in a sandbox, check it, say what was seen, destroy the sandbox.

Each step is a function of its own, so that Airflow can run it as a task and the command line one after the other. A
step leaves its *evidence* in the store, signed, and the verdict is drawn from the evidence: whatever was killed before it
could answer is missing there, and what is missing was not proven.
"""

from __future__ import annotations

import contextlib
import dataclasses
import datetime
from collections.abc import Iterator, Sequence
from typing import Any

from include.proven import (
    agent_client,
    chains,
    drill_evidence,
    drill_isolation,
    drill_looks,
    drill_questions,
    drill_replay,
    engines,
    ids,
    progress,
    restore,
    restore_datadir,
    room,
)
from include.proven.agent import looks, protocol
from include.proven.catalog import Catalog
from include.proven.catalog.drills import CHAINS, DRILLS
from include.proven.errors import ProvenError
from include.proven.installation import Installation, as_job_endpoint
from include.proven.manifest import Answer, Manifest, Stage
from include.proven.proof import judge, moments
from include.proven.proof.built_in import BUILT_IN, OF_ANY_MOMENT, TOGETHER
from include.proven.proof.usage import measure
from include.proven.proof.user_checks import judging
from include.proven.proof.user_checks.check import UserCheck
from include.proven.proof.user_checks.judging import Reply
from include.proven.proof.verdict import Check, Verdict
from include.proven.sandboxes.contract import Order


@dataclasses.dataclass(frozen=True)
class Drill:
    """What is drilled, where, and on whose word."""

    id: str
    database: str
    recovery_point: str
    store: str
    """Name of the store in the fleet that it is restored from, and that keeps its evidence and verdict."""
    sandbox: str
    """Name of the sandbox in the fleet."""
    triggered_by: str = ""
    via: str = ""
    """An older recovery point that is restored in its place and brought to its position by the log (`drill_replay.py`)."""
    moment: datetime.datetime | None = None
    """A second on that way, at whose end the sandbox is looked at. Where `via` is the recovery point itself, the way ends
    there: no younger one says what must be there then."""

    @property
    def folder(self) -> str:
        """Where the catalog keeps its evidence and verdict: what is reached by another way says nothing of the copy itself."""
        return CHAINS if self.via else DRILLS

    @property
    def open_ended(self) -> bool:
        """Whether it leads to a moment of which there is no recovery point."""
        return self.via == self.recovery_point != ""

    @property
    def instance(self) -> str:
        """Name of the throwaway instance."""
        return ids.sandbox_name(self.id)


def build(
    installation: Installation,
    drill: Drill,
    *,
    asked_at: datetime.datetime | None = None,
    on_progress: progress.OnProgress | None = None,
) -> None:
    """Build the sandbox for a recovery point, once there is room. Raise ProvenError, with evidence, if it can't be.

    Given `asked_at`, when this drill asked first, it does not wait for room itself: it raises NoRoomYetError.
    """
    with drill_evidence.record_step(installation, drill, "build") as note:
        if drill.via:
            note.figures["way"] = {"via": drill.via, "moment": drill.moment.isoformat() if drill.moment else ""}
        manifest = drill_looks.manifest_of(installation, drill)
        order = Order(
            name=drill.instance,
            server=manifest.server,
            data_bytes=_data_bytes(installation, drill),
            database=drill.database,
            recovery_point=drill.recovery_point,
            drill=drill.id,
            tables=len(manifest.fingerprint["tables"]),
        )
        sandbox = installation.sandbox(drill.sandbox)
        config = installation.fleet.sandboxes[drill.sandbox]
        begun = datetime.datetime.now(datetime.UTC)
        note.waited_seconds = room.create(sandbox, order, config, asked_at=asked_at, on_progress=on_progress)
        note.figures["begun_at"] = (begun + datetime.timedelta(seconds=note.waited_seconds)).isoformat()
        instance = sandbox.ready(drill.instance)
        with contextlib.closing(instance.host):
            note.figures["size"] = instance.size
            found = drill_isolation.look(installation, drill.database, manifest.engine, instance)
        note.figures["isolation"] = found
        drill_isolation.require(found)


def load(installation: Installation, drill: Drill, *, on_progress: progress.OnProgress | None = None) -> None:
    """Restore the recovery point in its sandbox. Raise ProvenError, with the evidence recorded, if it fails."""
    with drill_evidence.record_step(installation, drill, "restore") as note:
        manifest = drill_looks.restored_manifest_of(installation, drill)
        into_sandbox = _serve if manifest.of_files else _load
        result = into_sandbox(installation, drill, manifest, on_progress)
        note.stages.extend(Stage.model_validate(stage) for stage in result["stages"])
        note.figures["plain_bytes"] = result["plain_bytes"]


def _data_bytes(installation: Installation, drill: Drill) -> int:
    """Return the plain size of all that is restored. Raise IntegrityError if a link of its chain is missing."""
    manifest = drill_looks.restored_manifest_of(installation, drill)
    chain = chains.chain_of(installation.catalog(drill.database, drill.store), manifest) if manifest.base else [manifest]
    return sum(artifact.plain_bytes for link in chain for artifact in link.artifacts)


def _load(
    installation: Installation, drill: Drill, manifest: Manifest, on_progress: progress.OnProgress | None
) -> dict[str, Any]:
    with drill_looks.open_instance(installation, drill) as instance:
        return restore.load_into(
            installation,
            manifest,
            as_job_endpoint(instance.endpoint),
            store=drill.store,
            host=instance.host,
            name=f"restore-{drill.id}",
            sandbox=drill.sandbox,
            on_progress=on_progress,
        )


def _serve(
    installation: Installation, drill: Drill, manifest: Manifest, on_progress: progress.OnProgress | None
) -> dict[str, Any]:
    return restore_datadir.into_sandbox(
        installation,
        chains.chain_of(installation.catalog(drill.database, drill.store), manifest),
        installation.sandbox(drill.sandbox),
        drill.instance,
        store=drill.store,
        name=f"restore-{drill.id}",
        on_progress=on_progress,
    )


def check(installation: Installation, drill: Drill, name: str) -> Check:
    """Ask one built-in or user check; record and return its answer. Raise CheckError if it failed and does not only warn."""
    if name in BUILT_IN:
        return check_together(installation, drill, [name])[0]
    return drill_questions.answer(installation, drill, name, lambda check: _ask_user_check(installation, drill, check))


def check_together(installation: Installation, drill: Drill, names: Sequence[str]) -> list[Check]:
    """Ask several built-in checks by one look at the sandbox; record and return their answers.

    Those that this drill can't ask are left out. Raise the first error, after all were asked, as `check` does.
    """
    return drill_looks.ask(installation, drill, [name for name in names if not drill.open_ended or name in OF_ANY_MOMENT])


def check_names(installation: Installation, drill: Drill) -> list[str]:
    """Return the names of every check that this drill must answer."""
    on_the_way = [moments.NAME] if drill.moment else []
    if drill.open_ended:
        return [drill_replay.NOT_COMPARED, *OF_ANY_MOMENT, *on_the_way]
    return [*BUILT_IN, *on_the_way, *drill_questions.names(installation, drill.database)]


def own_check_names(installation: Installation, drill: Drill) -> list[str]:
    """Return the names of those of the database's own checks that this drill must answer."""
    return [name for name in check_names(installation, drill) if name not in BUILT_IN and name != moments.NAME]


def conclude(installation: Installation, drill: Drill, *, keep_on_failure: bool = False) -> Verdict:
    """Draw the verdict from the evidence, store it signed, and return it. A drill has one verdict: asking again returns it.

    With `keep_on_failure` one that is not proven says that its sandbox is kept, so that the reaper lets it stand.
    """
    catalog = installation.catalog(drill.database, drill.store)
    known = {verdict.drill: verdict for verdict in catalog.verdicts(drill.database, drill.recovery_point, drill.folder)}
    if drill.id in known:
        return known[drill.id]
    steps, answers = catalog.evidence(drill.database, drill.recovery_point, drill.id, drill.folder)
    verdict = judge.conclude(
        drill=drill.id,
        database=drill.database,
        recovery_point=drill.recovery_point,
        store=catalog.store.name,
        sandbox=drill.sandbox,
        triggered_by=drill.triggered_by,
        manifest=_manifest_if_sound(catalog, drill),
        steps=steps,
        checks=answers,
        expected_steps=["build", "restore", *(["replay"] if drill.via else [])],
        expected_checks=check_names(installation, drill),
        objectives=installation.database(drill.database).objectives,
        newest=drill.recovery_point == max(catalog.recovery_points(drill.database), default=""),
        started_at=ids.started_at(drill.id),
        finished_at=datetime.datetime.now(datetime.UTC),
    )
    usage = measure(steps, installation.fleet.sandboxes[drill.sandbox].prices, verdict.finished_at)
    kept = keep_on_failure and verdict.outcome != "proven"
    verdict = verdict.model_copy(update={"usage": usage, "kept": kept, "via": drill.via, "moment": drill.moment})
    catalog.record_verdict(verdict)
    catalog.drop_evidence(drill.database, drill.recovery_point, drill.id, drill.folder)
    return verdict


def destroy(installation: Installation, drill: Drill) -> bool:
    """Destroy the sandbox, whole or half built; return False if there was none."""
    return installation.sandbox(drill.sandbox).destroy(drill.instance)


def run(
    installation: Installation,
    drill: Drill,
    *,
    keep_on_failure: bool = False,
    on_progress: progress.OnProgress | None = None,
) -> Verdict:
    """Do the whole drill here and now, and return its verdict. The sandbox is destroyed whatever happens, unless
    `keep_on_failure` and the verdict is not proven."""
    keep = False
    try:
        # a step that fails has left its evidence: the verdict says what happened
        with contextlib.suppress(ProvenError):
            build(installation, drill, on_progress=on_progress)
            load(installation, drill, on_progress=on_progress)
            if drill.via:
                drill_replay.replay(installation, drill, on_progress=on_progress)
            for names in TOGETHER.values():
                with contextlib.suppress(ProvenError):
                    check_together(installation, drill, names)
            for name in own_check_names(installation, drill):
                with contextlib.suppress(ProvenError):
                    check(installation, drill, name)
        verdict = conclude(installation, drill, keep_on_failure=keep_on_failure)
        keep = verdict.kept
    finally:
        if not keep:
            destroy(installation, drill)
    return verdict


@contextlib.contextmanager
def reach(installation: Installation, drill: Drill) -> Iterator[protocol.Endpoint]:
    """Open a way from here to the restored database."""
    with installation.sandbox(drill.sandbox).reach(drill.instance) as endpoint:
        yield as_job_endpoint(endpoint)


def source_answer(installation: Installation, drill: Drill, check: UserCheck) -> Answer | None:
    """Return what the source answered to a check in the dump's snapshot, None if it was not asked."""
    return drill_looks.manifest_of(installation, drill).answers.get(check.name)


def _ask_user_check(installation: Installation, drill: Drill, check: UserCheck) -> Check:
    manifest = drill_looks.manifest_of(installation, drill)
    with drill_looks.open_instance(installation, drill) as instance:
        job = looks.UserCheckJob(
            protocol=protocol.VERSION,
            job="user_check",
            source=as_job_endpoint(instance.endpoint),
            tools=installation.tools(engines.engine(manifest.engine)),
            sql=check.sql,
            time_limit=check.time_limit,
        )
        result = agent_client.run(job, host=instance.host)
    reply = Reply(result["columns"], result["rows"], result["count"], result["reads_table"])
    return judging.judge(check, reply, manifest.answers.get(check.name))


def _manifest_if_sound(catalog: Catalog, drill: Drill) -> Manifest | None:
    """Return the manifest, or None where it can't be trusted: the evidence of the build says why."""
    try:
        return catalog.manifest(drill.database, drill.recovery_point)
    except ProvenError:
        return None
