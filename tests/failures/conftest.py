"""Fixtures of other folders: `pair` of the tests of proof, `keys` and `objects` of the agent's."""

from __future__ import annotations

from tests.agent.conftest import keys
from tests.agent.object_server import objects
from tests.proof.conftest import pair

__all__ = ["keys", "objects", "pair"]
