"""A manifest that was written with an empty checksum, as a retry once left it: nothing is restored by it."""

from __future__ import annotations

from typing import Any

import pytest

from include.proven import agent_client, errors
from tests.agent.jobs import Keys, restore_job, seal
from tests.agent.object_server import ObjectServer
from tests.servers.databases import DatabaseServer

PLAIN = b"SELECT 1;\n-- Dump completed on a day\n"


def without_part(artifact: dict[str, Any]) -> None:
    artifact["parts"] = [{**part, "sha256": ""} for part in artifact["parts"]]


def without_whole(artifact: dict[str, Any]) -> None:
    artifact["sha256"] = ""


def without_plain(artifact: dict[str, Any]) -> None:
    artifact["plain_sha256"] = ""


@pytest.mark.failure("B6")
@pytest.mark.parametrize("spoil", [without_part, without_whole, without_plain])
def test_an_empty_checksum_fits_nothing(mariadb_source: DatabaseServer, objects: ObjectServer, keys: Keys, spoil: Any) -> None:
    job = restore_job(seal(PLAIN, objects, keys), objects, keys, mariadb_source.tools, mariadb_source.admin)
    spoil(job["artifacts"][0])
    with pytest.raises(errors.IntegrityError, match=r"checksum mismatch|do not make up the whole"):
        agent_client.run(job)
