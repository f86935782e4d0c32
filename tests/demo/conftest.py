"""The shop's tests restore it on a twin of its server."""

from __future__ import annotations

from tests.proof.conftest import pair

__all__ = ["pair"]
