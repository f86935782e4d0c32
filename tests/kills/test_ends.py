"""The next proof of each database resolves its page, once. All are proven at the same time, for it takes minutes."""

from __future__ import annotations

import pytest

from tests.kills.stage import Stage

pytestmark = pytest.mark.scheduler
PROOF = "the next backup was drilled and proven"


def test_the_next_proof_resolves_each_page(stage: Stage) -> None:
    stage.prove(*sorted({cause.database for cause in stage.unanswered}))
    wrong = []
    for cause in stage.unanswered:
        try:
            cause.is_resolved_by(PROOF)
        except AssertionError as error:
            wrong.append(f"{cause.row.cause}: {error}")
    assert wrong == []
