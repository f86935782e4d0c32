"""A fresh sandbox of every kind is found isolated by the job that looks, and one that holds data is not."""

from __future__ import annotations

import contextlib
from typing import cast

from include.proven import agent_client, engines
from include.proven.agent import looks, protocol
from include.proven.installation import as_job_endpoint
from tests.sandboxes.kinds import Case

NAME = "proven-20261121t043600z-drill-1c9e22ab"


def look(case: Case) -> dict[str, tuple[bool, str]]:
    """Return what an agent on the sandbox's host finds, by name."""
    instance = case.sandbox.ready(NAME)
    tools = vars(engines.engine(case.flavour).tools()) | {"path": [str(folder) for folder in case.path]}
    job = looks.IsolationJob(
        protocol=protocol.VERSION,
        job="isolation",
        source=as_job_endpoint(instance.endpoint),
        tools=cast(protocol.Tools, tools),
        inside=list(instance.inside),
        unreachable=[],
    )
    with contextlib.closing(instance.host):
        findings = agent_client.run(job, host=instance.host)["findings"]
    return {finding["name"]: (finding["ok"], finding["said"]) for finding in findings}


def test_a_fresh_sandbox_is_isolated(case: Case) -> None:
    case.create(NAME)
    found = look(case)
    assert [said for ok, said in found.values() if not ok] == []
    assert {"binary log", "events", "replication", "data", "accounts", "local files", "route"} <= found.keys()
    case.ask(NAME, "CREATE DATABASE shop; CREATE USER mallory@'%' IDENTIFIED BY 'Some-Secret-1'")
    found = look(case)
    assert found["data"] == (False, "there are schemas already: shop")
    assert found["accounts"] == (False, "there are accounts besides root: mallory@%")
