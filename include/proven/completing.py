"""Bring the recovery points of a database to each of its stores that lacks one: the promise is a copy in every store."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from include.proven import copies, copying, progress
from include.proven.errors import ProvenError, StoreError
from include.proven.installation import Installation


def complete(
    installation: Installation, database: str, *, on_progress: progress.OnProgress | None = None
) -> list[copying.Copied]:
    """Copy each recovery point to the stores that lack it (`Copies.lacking`), newest first, and return what was copied.

    Every store is tried. Raise StoreError, naming each store that lacks one in the end, or gives no answer, and why.
    """
    found = copies.survey(installation, database)
    if found.silent:
        # a store that was never written to has no container yet: its check makes one
        copies.ask(installation, database, lambda one: one.store.check())
        found = copies.survey(installation, database)
    failed, lacking = dict(found.silent), found.lacking()
    copied: list[copying.Copied] = []
    for target, points in lacking.items():
        try:
            while points:
                copied.append(_copy(installation, found, points[-1], target, on_progress))
                points.pop()
        except ProvenError as error:
            failed[target] = error
    if failed:
        raise incomplete(found, lacking, failed)
    return copied


def incomplete(found: copies.Copies, lacking: Mapping[str, Sequence[str]], reasons: Mapping[str, ProvenError]) -> StoreError:
    """Return the error that says which stores lack which recovery points (oldest first), and why as far as that is known."""
    said, details, hints = [], [], []
    for store in sorted({*reasons, *(name for name, points in lacking.items() if points)}):
        points, why = lacking.get(store), reasons.get(store)
        older = f" and {len(points) - 1} older" if points and len(points) > 1 else ""
        what = f"lacks {points[-1]}{older}" if points else f"can't say whether it holds {max(found.held, default='anything')}"
        said.append(f"store {store} {what}{f': {why.what}' if why else ''}")
        details += [f"store {store}: {why.detail}"] if why and why.detail else []
        hints += [why.hint] if why and why.hint else []
    hint = " ".join([*hints[:1], f"`./proven copy {found.database}` brings what is missing."])
    return StoreError("; ".join(said), detail="\n".join(details), hint=hint)


def _copy(
    installation: Installation, found: copies.Copies, point: str, target: str, on_progress: progress.OnProgress | None
) -> copying.Copied:
    """Copy a recovery point from the first store that can give it. Raise what the last one met."""
    failures: list[ProvenError] = []
    for source in found.held[point]:
        try:
            return copying.copy_recovery_point(
                installation, found.database, point, source=source, target=target, on_progress=on_progress
            )
        except ProvenError as error:
            failures.append(error)
    raise failures[-1]
