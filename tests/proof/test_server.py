"""What is backed up is what was asked for, by its exact name, and never nothing."""

from __future__ import annotations

import pytest

from include.proven.agent import names, server
from include.proven.agent.errors import AgentError
from include.proven.manifest import Server
from tests.proof.copies import open_session
from tests.servers.databases import DatabaseServer


def choose(source: DatabaseServer, wanted: list[str] | None, *, canary: bool = False) -> list[str]:
    with open_session(source) as session:
        return server.choose_schemas(session, wanted, canary)


def test_server_is_described_as_a_manifest_takes_it(source: DatabaseServer) -> None:
    with open_session(source) as session:
        described = Server.model_validate(server.describe(session))
    assert (described.flavour, described.version) == (source.flavour, source.version)
    assert described.identity
    assert {"sql_mode", "character_set_server", "collation_server", "time_zone", "lower_case_table_names"} <= set(
        described.settings
    )


@pytest.mark.failure("A12")
def test_all_schemas_but_the_servers_own_odd_names_included(source: DatabaseServer) -> None:
    source.drop_schemas()
    odd = ["a b", "back`tick", "dot.ted", "größe", "select", "NULL"]
    quoted = [names.quote(name) for name in odd]
    source.sql("".join(f"CREATE DATABASE {name};" for name in quoted))
    try:
        assert choose(source, None) == sorted(odd)
        assert choose(source, None, canary=True) == sorted([*odd, "proven_canary"])
        assert choose(source, ["a b", "NULL"]) == ["NULL", "a b"]
    finally:
        source.sql("".join(f"DROP DATABASE {name};" for name in quoted))


def test_the_canary_alone_is_nothing_to_back_up(source: DatabaseServer) -> None:
    source.drop_schemas()
    source.sql("CREATE DATABASE proven_canary")
    with pytest.raises(AgentError, match="no schema to back up") as caught:
        choose(source, None, canary=True)
    assert caught.value.kind == "source"
    assert caught.value.hint
    source.drop_schemas()


@pytest.mark.parametrize("wanted", ["ods_eas", "ODS_easy", "ods_easy "])
def test_names_are_matched_exactly(source: DatabaseServer, wanted: str) -> None:
    source.sql("CREATE DATABASE IF NOT EXISTS ods_easy")
    with pytest.raises(AgentError, match="unknown schema") as caught:
        choose(source, ["ods_easy", wanted])
    assert wanted in caught.value.what
    assert "ods_easy" in caught.value.detail
    source.sql("DROP DATABASE ods_easy")
