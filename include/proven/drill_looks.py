"""How a drill looks at its sandbox, and how it asks the built-in checks: those that belong together by one agent.

An agent costs a process, a login, and in a cloud a line to the machine; so it takes all the looks of several checks at once.
"""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from include.proven import agent_client, audit, drill_evidence, engines
from include.proven.agent import looks, protocol
from include.proven.errors import IntegrityError, ProvenError
from include.proven.installation import Installation, as_job_endpoint
from include.proven.manifest import Manifest
from include.proven.proof.built_in import BUILT_IN, Subject
from include.proven.proof.verdict import Check
from include.proven.sandboxes.contract import Instance

if TYPE_CHECKING:
    from include.proven.drill import Drill


def manifest_of(installation: Installation, drill: Drill) -> Manifest:
    """Return the manifest of the recovery point that is drilled. Raise ProvenError if it can't be had or trusted."""
    return installation.catalog(drill.database, drill.store).manifest(drill.database, drill.recovery_point)


def restored_manifest_of(installation: Installation, drill: Drill) -> Manifest:
    """Return likewise the manifest of what is restored: another recovery point's where the log leads on from there."""
    return installation.catalog(drill.database, drill.store).manifest(drill.database, drill.via or drill.recovery_point)


@contextlib.contextmanager
def open_instance(installation: Installation, drill: Drill) -> Iterator[Instance]:
    """Open the sandbox, to have agents run in it. Where it has died under them, its own words on why are raised.

    The agents have only seen a lost connection. What they say of the recovery point stands, whatever became of the sandbox.
    """
    sandbox = installation.sandbox(drill.sandbox)
    instance = sandbox.instance(drill.instance)
    try:
        yield instance
    except IntegrityError:
        raise
    except ProvenError:
        sandbox.instance(drill.instance).host.close()
        raise
    finally:
        instance.host.close()


def ask(installation: Installation, drill: Drill, names: Sequence[str]) -> list[Check]:
    """Ask built-in checks by one look at the sandbox; record and return their answers.

    Where that look fails, each is asked by itself, so that one that can't be had costs the others nothing. Raise the first
    error after all were asked: CheckError for a critical `fail`, else what kept a check from being asked.
    """
    with audit.listen() as heard:
        seen = _look_for_all(installation, drill, names) if len(names) > 1 else None
    answers, met = [], []
    for number, name in enumerate(names):
        try:
            judge = functools.partial(_judge, installation, drill, name, seen)
            answers.append(drill_evidence.answer(installation, drill, name, judge, heard=[] if number else heard))
        except ProvenError as error:
            met.append(error)
    if met:
        raise met[0]
    return answers


def _look_for_all(installation: Installation, drill: Drill, names: Sequence[str]) -> dict[str, Any] | None:
    """Return what one agent has seen for all the checks, None if it could not see all of it."""
    with contextlib.suppress(ProvenError):
        return _inspect(installation, drill, _subject(installation, drill), names)
    return None


def _judge(installation: Installation, drill: Drill, name: str, seen: dict[str, Any] | None) -> Check:
    about = _subject(installation, drill)
    if seen is None:
        return BUILT_IN[name].judge(about, _inspect(installation, drill, about, [name]))
    took = {stage["name"]: stage["seconds"] for stage in seen.get("stages", [])}
    answer = BUILT_IN[name].judge(about, seen)
    return answer.model_copy(update={"seconds": sum(took.get(look, 0.0) for look in BUILT_IN[name].looks)})


def _subject(installation: Installation, drill: Drill) -> Subject:
    catalog = installation.catalog(drill.database, drill.store)
    return Subject(
        manifest_of(installation, drill),
        installation.database(drill.database),
        lambda most: catalog.proven_before(drill.database, drill.recovery_point, most),
    )


def _inspect(installation: Installation, drill: Drill, about: Subject, names: Sequence[str]) -> dict[str, Any]:
    """Return what an agent sees for checks of these names, and the `stages` of its looks."""
    take = sorted({look for name in names for look in BUILT_IN[name].looks})
    if not take:
        return {}
    with open_instance(installation, drill) as instance:
        job = looks.InspectJob(
            protocol=protocol.VERSION,
            job="inspect",
            source=as_job_endpoint(instance.endpoint),
            tools=installation.tools(engines.engine(about.manifest.engine)),
            schemas=about.manifest.schemas,
            take=take,
            like=about.manifest.fingerprint if "fingerprint" in take else {},
            time_limit=about.config.proof.table_check_time_limit.total_seconds(),
            log=instance.log,
        )
        return agent_client.run(job, host=instance.host)
