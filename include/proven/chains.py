"""The chain of a recovery point: the full one that it stands on, and each link from there to it.

A link holds the pages that were changed since its base, so that it is worth nothing without exactly that base. What is wrong
with a chain is said before anything is fetched, and named by its link.
"""

from __future__ import annotations

from collections.abc import Sequence

from include.proven import ids
from include.proven.catalog import Catalog
from include.proven.errors import ConfigError, IntegrityError, ProvenError
from include.proven.manifest import Manifest


def chain_of(catalog: Catalog, manifest: Manifest) -> list[Manifest]:
    """Return the manifests from the full recovery point to this one. Raise IntegrityError, naming the link, if one is missing,
    can't be trusted, or is not what the next one was taken from."""
    chain = [manifest]
    while base := chain[0].base:
        if base in {link.recovery_point for link in chain}:
            raise _broken(chain, f"{base} stands on itself")
        chain.insert(0, _read(catalog, base, chain))
        if reason := _mismatch(chain[0], chain[1]):
            raise _broken(chain[1:], reason)
    if chain[0].kind not in ("full", "snapshot"):
        raise _broken(chain, f"{chain[0].recovery_point} is {chain[0].kind} and names no base")
    return chain


def find_base(catalogs: Sequence[Catalog], database: str, kind: str) -> Manifest | None:
    """Return the recovery point that a new one of that kind is to stand on: the newest of which every one of the stores has the
    whole chain, for a differential one the newest full. None for a full one.

    Raise ConfigError if there is none.
    """
    if kind == "full":
        return None
    points = set.intersection(*[set(catalog.recovery_points(database)) for catalog in catalogs])
    for point in sorted(points, reverse=True):
        if kind == "differential" and ids.kind_of(point) != "full":
            continue
        manifest = catalogs[0].manifest(database, point)
        if manifest.method != "physical" or manifest.pages is None:
            continue
        if points >= {link.recovery_point for link in chain_of(catalogs[0], manifest)}:
            return manifest
    raise ConfigError(
        f"there is no recovery point of {database} that a backup of kind {kind} could stand on",
        hint="Take a full one first (--kind full): it must stand in every store that the new one goes to.",
    )


def reachable(catalog: Catalog, database: str, broken: str) -> str:
    """Return the newest recovery point before `broken` whose own chain is whole, or nothing."""
    for point in sorted(catalog.recovery_points(database), reverse=True):
        if point < broken:
            try:
                chain_of(catalog, catalog.manifest(database, point))
            except ProvenError:
                continue
            return point
    return ""


def _read(catalog: Catalog, base: str, chain: list[Manifest]) -> Manifest:
    database = chain[0].database
    if base not in catalog.recovery_points(database):
        error = _broken(chain, f"its base {base} is not in store {catalog.store.name}")
        newest = reachable(catalog, database, chain[0].recovery_point)
        error.hint = (
            f"The newest state that can still be reached before it: {newest or 'none'}. Another store may hold the base."
        )
        raise error
    return catalog.manifest(database, base)


def _mismatch(base: Manifest, link: Manifest) -> str:
    """Return why `link` can't have been taken from `base`, or nothing."""
    if base.method != "physical" or link.method != "physical" or base.pages is None or link.pages is None:
        return f"{base.recovery_point} and {link.recovery_point} are not both physical"
    if base.server.identity != link.server.identity:
        return f"its base {base.recovery_point} is of server {base.server.identity}, it is of {link.server.identity}"
    if base.pages.to_lsn != link.pages.from_lsn:
        return (
            f"it begins at log sequence number {link.pages.from_lsn}, and its base {base.recovery_point} ends at "
            f"{base.pages.to_lsn}"
        )
    return ""


def _broken(chain: list[Manifest], reason: str) -> IntegrityError:
    link, asked = chain[0].recovery_point, chain[-1].recovery_point
    of = f" of {asked}" if link != asked else ""
    return IntegrityError(f"the chain{of} is broken at {link}: {reason}", hint="Take a new full backup.")
