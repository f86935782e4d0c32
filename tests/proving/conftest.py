"""The fixture `pair` is that of the tests of proof."""

from __future__ import annotations

from tests.proof.conftest import pair

__all__ = ["pair"]
