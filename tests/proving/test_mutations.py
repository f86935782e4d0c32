"""A seeded sample of the random mutations: every one is seen. `scripts/prove-the-proof` tries 10,000 of them."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.proof.copies import Pair
from tests.proving import specimen
from tests.proving.trial import Result, Trial

SEED, COUNT = 20261121, 100


@pytest.fixture(scope="module")
def trial(pair: Pair) -> Iterator[Trial]:
    made = Trial(pair, SEED)
    yield made
    made.close()
    for server in (pair.source, pair.twin):
        server.sql("; ".join(specimen.drop(made.schemas)))


@pytest.mark.failure("A8", "A9", "A11", "C3")
def test_every_random_mutation_is_seen(trial: Trial) -> None:
    missed = [result for result in trial.run(COUNT) if not result.found]
    assert not missed, "\n".join(map(str, missed))


def test_a_change_that_no_client_reads_is_no_mutation(trial: Trial) -> None:
    seen: list[Result] = [trial.try_one(number) for number in (3, 3)]
    assert seen[0] == seen[1], "one number is one mutation, whenever it is made"
    assert seen[0].statements


def test_a_check_that_sees_nothing_is_found_out(trial: Trial, monkeypatch: pytest.MonkeyPatch) -> None:
    """The trial itself must be able to fail: with eyes shut it misses."""
    monkeypatch.setattr(trial, "_judge", lambda mutation: [])
    assert not any(trial.try_one(number).found for number in range(5))
