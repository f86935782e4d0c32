"""Many are asked at once: who hangs or fails is named, and keeps nobody else's answer."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

import pytest

from include.proven import errors
from include.proven.watch import asking


def prepare(name: str) -> Callable[[], str]:
    """Return the question that this name stands for."""
    questions: dict[str, Callable[[], str]] = {"hangs": hang, "refuses": refuse, "crashes": crash}
    if name == "unknown":
        raise errors.ConfigError("connection 'unknown' is not defined")
    return questions.get(name, lambda: f"{name} answers")


def hang() -> str:
    threading.Event().wait(60)
    return "too late"


def refuse() -> str:
    raise errors.StoreError("swift: 401", detail="no", hint="Check the password.")


def crash() -> str:
    raise ZeroDivisionError


def test_who_hangs_or_refuses_is_named_and_the_others_are_heard() -> None:
    begun = time.monotonic()
    found = asking.ask_each(["hangs", "one", "refuses", "unknown", "two"], prepare, patience=0.3)
    assert time.monotonic() - begun < 5
    assert found.given == {"one": "one answers", "two": "two answers"}
    assert {name: error.what for name, error in found.silent.items()} == {
        "hangs": "hangs: no answer within 0.3 s",
        "refuses": "swift: 401",
        "unknown": "connection 'unknown' is not defined",
    }
    with pytest.raises(errors.ProvenError, match="stores: 3 gave no answer") as caught:
        asking.require("stores", found)
    assert "refuses: swift: 401" in caught.value.detail


def test_one_that_refuses_is_raised_as_it_is() -> None:
    with pytest.raises(errors.StoreError, match="swift: 401") as caught:
        asking.require("stores", asking.ask_each(["refuses", "one"], prepare))
    assert caught.value.hint == "Check the password."


def test_more_than_are_asked_at_once_all_answer() -> None:
    names = [f"store{number}" for number in range(5 * asking.AT_ONCE)]
    found = asking.ask_each(names, prepare)
    assert list(found.given) == names
    asking.require("stores", found)


def test_a_fault_of_ours_is_no_answer() -> None:
    with pytest.raises(ZeroDivisionError):
        asking.ask_each(["one", "crashes"], prepare)
