"""Stores: one conformance suite for every kind, on real servers."""

import pytest

pytest.register_assert_rewrite(
    "tests.stores.conformance", "tests.stores.damage", "tests.stores.signatures", "tests.stores.uploading"
)
