"""Fixtures `moto_bed`, `swift_bed` and `s3_bed` (both): a bucket of its own on a real S3 server."""

from __future__ import annotations

import pytest

from tests.servers.s3 import S3
from tests.stores.s3_bed import S3Bed


@pytest.fixture
def moto_bed(moto: S3) -> S3Bed:
    """Give a bucket on moto's server."""
    return S3Bed(moto, moto.bucket(), {"pieces": "S3 makes one object of the parts"})


@pytest.fixture
def locking_bed(moto: S3) -> S3Bed:
    """Give a bucket with Object Lock."""
    return S3Bed(moto, moto.bucket(lock=True), {})


@pytest.fixture
def swift_bed(s3_swift: S3) -> S3Bed:
    """Give a bucket on Swift's S3."""
    return S3Bed(s3_swift, s3_swift.bucket(), {})


@pytest.fixture(params=["moto_bed", "swift_bed"])
def s3_bed(request: pytest.FixtureRequest) -> S3Bed:
    """Give each of the two."""
    found: S3Bed = request.getfixturevalue(request.param)
    return found
