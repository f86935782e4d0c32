"""Room in a sandbox: `at_once` instances of it exist at a time, and a drill that finds it full waits for its turn."""

from __future__ import annotations

import datetime
import random
import time

from include.proven import progress
from include.proven.errors import ProvenError, SandboxError
from include.proven.fleet.sandboxes import SandboxModel
from include.proven.sandboxes.contract import Order, Sandbox, SandboxFullError

FIRST_PAUSES = (1.0, 2.0, 4.0)
PAUSE_SECONDS = (5.0, 15.0)
"""Between two looks: a drill takes minutes or hours, and those that wait must not ask in step."""
STAGE = "wait for room"
MOST_NAMED = 5


class NoRoomYetError(Exception):
    """The sandbox is full: come back in `seconds`. It is no failure, and leaves no evidence."""

    def __init__(self, sandbox: str, seconds: float) -> None:
        super().__init__(f"sandbox {sandbox} is full: the next look is in {seconds:.0f} s")
        self.seconds = seconds


def create(
    sandbox: Sandbox,
    order: Order,
    config: SandboxModel,
    *,
    asked_at: datetime.datetime | None = None,
    on_progress: progress.OnProgress | None = None,
) -> float:
    """Have an instance built as soon as there is room, and return the seconds that were waited for it here.

    Given `asked_at`, when room was asked for first, nothing is waited: NoRoomYetError says when to come back.
    Raise SandboxError if there was no room for `wait_for_room`.
    """
    waited, looks = 0.0, 0
    deadline = (asked_at or _now()) + config.wait_for_room
    while True:
        try:
            sandbox.create(order)
        except SandboxFullError as full:
            left = (deadline - _now()).total_seconds()
            if left <= 0:
                raise _give_up(sandbox, config) from full
        else:
            return waited
        if asked_at is not None:
            raise NoRoomYetError(sandbox.name, _pause())
        if on_progress:
            on_progress(progress.Progress(STAGE, 0, 0.0))
        pause = min(FIRST_PAUSES[looks] if looks < len(FIRST_PAUSES) else _pause(), left)
        time.sleep(pause)
        waited, looks = waited + pause, looks + 1


def _give_up(sandbox: Sandbox, config: SandboxModel) -> SandboxError:
    """Return the error that names who is in the way."""
    try:
        found = list(sandbox.find())
    except ProvenError as error:
        return SandboxError(f"no room in sandbox {sandbox.name} for {_limit(config)}", detail=str(error))
    named = [f"{one.name} ({one.database})" if one.database else one.name for one in found[:MOST_NAMED]]
    more = [f"{len(found) - MOST_NAMED} more"] if len(found) > MOST_NAMED else []
    return SandboxError(
        f"no room in sandbox {sandbox.name} for {_limit(config)}: "
        f"{len(found)} of {config.at_once} are in use by {', '.join(named + more) or 'nobody now'}",
        hint="`./proven reap` destroys those that nobody needs; `at_once:` in the fleet says how many there may be.",
    )


def _limit(config: SandboxModel) -> str:
    return progress.format_seconds(config.wait_for_room.total_seconds())


def _pause() -> float:
    return random.uniform(*PAUSE_SECONDS)  # noqa: S311 - it spreads the looks, and keeps no secret


def _now() -> datetime.datetime:
    return datetime.datetime.now(datetime.UTC)
