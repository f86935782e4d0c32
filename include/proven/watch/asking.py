"""Asks many servers at once, and for as long as they answer: one that hangs must not keep the others' findings from anyone."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterable
from typing import Any, TypeVar

from include.proven.copies import Answers
from include.proven.errors import ProvenError

AT_ONCE = 8
"""Agents take 20 MB each."""
PATIENCE = 120.0
"""Seconds in which one more of them must have answered."""
T = TypeVar("T")
Prepare = Callable[[str], Callable[[], T]]


def ask_each(names: Iterable[str], prepare: Prepare[T], *, patience: float = PATIENCE) -> Answers[T]:
    """Given names and what makes a question of each, ask all of them and return what each has said.

    Questions are made one after the other in this thread (for Airflow's connections), and asked in others. A ProvenError is an
    answer, and so is silence for longer than `patience` seconds; any other exception is raised.
    """
    given: dict[str, T] = {}
    silent: dict[str, ProvenError] = {}
    questions: queue.SimpleQueue[tuple[str, Callable[[], T]]] = queue.SimpleQueue()
    waiting = dict.fromkeys(names)
    for name in waiting:
        try:
            questions.put((name, prepare(name)))
        except ProvenError as error:
            silent[name] = error
    waiting = {name: None for name in waiting if name not in silent}
    order = list(waiting)
    answers = _start(questions, len(waiting))
    while waiting:
        try:
            name, answer = answers.get(timeout=patience)
        except queue.Empty:
            silent |= {name: ProvenError(f"{name}: no answer within {patience:g} s") for name in waiting}
            break
        del waiting[name]
        if isinstance(answer, ProvenError):
            silent[name] = answer
        elif isinstance(answer, Exception):
            raise answer
        else:
            given[name] = answer
    return Answers({name: given[name] for name in order if name in given}, silent)


def require(asked: str, *answers: Answers[Any]) -> None:
    """Raise one ProvenError that names what could not be asked. To be called when all findings are told."""
    silent = {name: error for one in answers for name, error in one.silent.items()}
    if not silent:
        return
    error = next(iter(silent.values()))
    if len(silent) == 1:
        raise type(error)(error.what, detail=error.detail, hint=error.hint)
    details = "\n".join(f"{name}: {error.what}" for name, error in silent.items())
    raise ProvenError(f"{asked}: {len(silent)} gave no answer", detail=details, hint=error.hint)


def _start(
    questions: queue.SimpleQueue[tuple[str, Callable[[], T]]], count: int
) -> queue.SimpleQueue[tuple[str, T | Exception]]:
    """Ask the questions, so many at once, and return where the answers come in."""
    answers: queue.SimpleQueue[tuple[str, T | Exception]] = queue.SimpleQueue()

    def work() -> None:
        while True:
            try:
                name, question = questions.get_nowait()
            except queue.Empty:
                return
            try:
                answers.put((name, question()))
            except Exception as error:
                answers.put((name, error))

    # daemons: what hangs can't be interrupted, and must not keep the process either
    for _ in range(min(count, AT_ONCE)):
        threading.Thread(target=work, daemon=True).start()
    return answers
