"""The catalog: what recovery points, verdicts and open pages there are, from the store alone.

Every record is two objects: `<name>.json` and its detached signature `<name>.json.asc`. The signature is written first: where
the JSON stands, the record is whole, so that a crash between the two leaves something that does not exist yet, never something
that exists and can't be trusted. `docs/store-format.md` is the format's description for people.
"""

from __future__ import annotations

import datetime
import itertools
import json
import secrets
import urllib.parse
from collections.abc import Iterator, Sequence
from typing import NamedTuple, TypeVar

import pydantic

from include.proven import errors, ids
from include.proven.encryption.keyring import Keyring
from include.proven.manifest import FORMAT, Manifest, Record
from include.proven.proof.verdict import Check, Step, Verdict
from include.proven.stores.contract import Store

NEWEST_SHOWN = 5
HISTORY = 30
"""Recovery points that a new one is compared with."""
R = TypeVar("R", bound=Record)


class OpenPage(Record):
    """A page that was sent and is not resolved."""

    format: int = FORMAT
    database: str
    key: str
    run_id: str
    opened_at: datetime.datetime


class SignedManifest(NamedTuple):
    """A manifest as it lies in a store, verified."""

    manifest: Manifest
    content: bytes
    signature: bytes


class Catalog:
    """The records of one store, verified with the fleet's signer."""

    def __init__(self, store: Store, keyring: Keyring) -> None:
        self.store = store
        self._keyring = keyring

    def recovery_points(self, database: str) -> list[str]:
        """Return the ids of the recovery points that exist (have a manifest), oldest first. No signature is looked at."""
        return sorted(point for point, rest in self._objects(database) if rest == "manifest.json")

    def incomplete(self, database: str) -> list[str]:
        """Return the ids of what was begun and has no manifest, oldest first: under way just now, or left behind."""
        seen = {point for point, _ in self._objects(database)}
        seen |= {upload.key.split("/")[1] for upload in self.store.list_uploads(database)}
        return sorted(point for point in seen - set(self.recovery_points(database)) if ids.RECOVERY_POINT.fullmatch(point))

    def choose(self, database: str, which: str) -> str:
        """Given `latest`, `random` or an exact id, return an id. Raise ConfigError if there is no such recovery point."""
        return pick(self.recovery_points(database), which, database=database, place=f"store {self.store.name}")

    def publish(self, manifest: Manifest) -> None:
        """Sign and write a manifest: from then on the recovery point exists. Raise StoreError if it exists already."""
        self._put(f"{_folder(manifest.database, manifest.recovery_point)}/manifest.json", manifest, keep=True)

    def manifest(self, database: str, recovery_point: str) -> Manifest:
        """Return a manifest. Raise IntegrityError if it is missing, not signed by the fleet's signer, broken, or another's."""
        return self.signed_manifest(database, recovery_point).manifest

    def signed_manifest(self, database: str, recovery_point: str) -> SignedManifest:
        """Return a manifest with its exact bytes and their signature. Raise IntegrityError as `manifest` does."""
        key = f"{_folder(database, recovery_point)}/manifest.json"
        content, signature = self._read(key)
        manifest = _parse(key, content, Manifest)
        _require_same(key, manifest.database, database)
        _require_same(key, manifest.recovery_point, recovery_point)
        return SignedManifest(manifest, content, signature)

    def copy_manifest(self, signed: SignedManifest) -> None:
        """Write another store's manifest, byte for byte: from then on the recovery point exists here too.

        If it exists already nothing is done. Raise IntegrityError if its manifest is another one.
        """
        key = f"{_folder(signed.manifest.database, signed.manifest.recovery_point)}/manifest.json"
        try:
            there = self.store.get_record(key)
        except KeyError:
            self._write(key, signed.content, signed.signature, keep=True)
            return
        if there != signed.content:
            raise errors.IntegrityError(
                f"record {key} in store {self.store.name} is not the one that was to be copied there",
                hint="Ids never repeat: one of the two was changed. `./proven show` says which can be trusted.",
            )

    def discard(self, database: str, recovery_point: str) -> int:
        """Delete what an unfinished backup has left, and return how many objects and parts went.

        Raise ConfigError if the recovery point exists: only retention deletes those.
        """
        folder = _folder(database, recovery_point)
        if any(stored.key == f"{folder}/manifest.json" for stored in self.store.list_objects(folder)):
            raise errors.ConfigError(f"recovery point {recovery_point} of {database} is complete: it is not discarded")
        return self.store.delete_folder(folder)

    def record_verdict(self, verdict: Verdict) -> None:
        """Sign and write a verdict beside its recovery point. Raise StoreError if the drill has one already."""
        self._put(f"{_drill_folder(verdict.database, verdict.recovery_point, verdict.drill)}.json", verdict, keep=True)

    def verdict(self, database: str, recovery_point: str, drill: str) -> Verdict:
        """Return the verdict of one drill. Raise IntegrityError as `manifest` does."""
        key = f"{_drill_folder(database, recovery_point, drill)}.json"
        verdict = self._get(key, Verdict)
        for seen, wanted in ((verdict.database, database), (verdict.recovery_point, recovery_point), (verdict.drill, drill)):
            _require_same(key, seen, wanted)
        return verdict

    def verdicts(self, database: str, recovery_point: str) -> list[Verdict]:
        """Return the verdicts on a recovery point, oldest drill first. Raise IntegrityError as `manifest` does."""
        folder = f"{_folder(database, recovery_point)}/drills"
        names = [stored.key.removeprefix(f"{folder}/") for stored in self.store.list_objects(folder)]
        drills = sorted(name.removesuffix(".json") for name in names if name.endswith(".json") and "/" not in name)
        return [self.verdict(database, recovery_point, drill) for drill in drills]

    def proven_before(self, database: str, recovery_point: str) -> list[Manifest]:
        """Return the manifests of the earlier recovery points that a drill has proven, newest first, the last 30.

        Raise IntegrityError as `manifest` does.
        """
        earlier = (point for point in reversed(self.recovery_points(database)) if point < recovery_point)
        proven = (point for point in earlier if any(one.outcome == "proven" for one in self.verdicts(database, point)))
        return [self.manifest(database, point) for point in itertools.islice(proven, HISTORY)]

    def find_drill(self, database: str, drill: str) -> str | None:
        """Return the recovery point on which a drill has left a verdict or evidence; None if it has left nothing."""
        for point, rest in self._objects(database):
            if rest == f"drills/{drill}.json" or rest.startswith(f"drills/{drill}/"):
                return point
        return None

    def newest_drill(self, database: str) -> str:
        """Return the id of the newest drill that has left anything here, or an empty string. No signature is looked at."""
        paths = [rest.split("/") for _, rest in self._objects(database) if rest.startswith("drills/")]
        return max((path[1].partition(".")[0] for path in paths), default="")

    def record_evidence(self, database: str, recovery_point: str, drill: str, record: Step | Check) -> None:
        """Sign and write the evidence of a step or check of a running drill. A task that is tried again adds another."""
        folder = f"{_drill_folder(database, recovery_point, drill)}/{_sort(record)}/{_quote(record.name)}"
        tries = [int(stored.key.removeprefix(f"{folder}/").partition(".")[0]) for stored in self.store.list_objects(folder)]
        self._put(f"{folder}/{max(tries, default=0) + 1}.json", record)

    def evidence(self, database: str, recovery_point: str, drill: str) -> tuple[list[Step], list[Check]]:
        """Return the evidence of a drill: of each step and check the last try's. Raise IntegrityError as `manifest` does."""
        folder = _drill_folder(database, recovery_point, drill)
        last: dict[tuple[str, str], int] = {}
        for stored in self.store.list_objects(folder):
            sort, name, file = stored.key.removeprefix(f"{folder}/").split("/")
            if file.endswith(".json"):
                last[sort, name] = max(int(file.removesuffix(".json")), last.get((sort, name), 0))
        keys = [(sort, f"{folder}/{sort}/{name}/{number}.json") for (sort, name), number in last.items()]
        steps = [self._get(key, Step) for sort, key in keys if sort == "steps"]
        return steps, [self._get(key, Check) for sort, key in keys if sort == "checks"]

    def drop_evidence(self, database: str, recovery_point: str, drill: str) -> None:
        """Delete the evidence of a drill: its verdict holds it."""
        self.store.delete_folder(_drill_folder(database, recovery_point, drill))

    def page_record(self, database: str, key: str) -> str | None:
        """Return the id of the run that the open page of this key was sent for, or None if none is open."""
        page = self.open_page(database, key)
        return page.run_id if page else None

    def open_page(self, database: str, key: str) -> OpenPage | None:
        """Return the open page of this key, or None if none is open."""
        path = _page(database, key)
        try:
            self.store.get_record(path)
        except KeyError:
            return None
        page = self._get(path, OpenPage)
        _require_same(path, page.database, database)
        _require_same(path, page.key, key)
        return page

    def record_page(self, database: str, key: str, run_id: str) -> None:
        """Remember that a page was sent, in the place of an older one of this key."""
        self.clear_page(database, key)
        opened = OpenPage(database=database, key=key, run_id=run_id, opened_at=datetime.datetime.now(datetime.UTC))
        self._put(_page(database, key), opened)

    def clear_page(self, database: str, key: str) -> None:
        """Forget a page, if there is one: it is resolved."""
        self._delete(_page(database, key))

    def note(self, key: str, model: type[R]) -> R | None:
        """Return a record that is about no database, or None if there is none. Raise IntegrityError as `manifest` does."""
        return self._get(key, model) if self._exists(key) else None

    def replace_note(self, key: str, record: Record) -> None:
        """Sign and write such a record, in the place of an older one."""
        self._delete(key)
        self._put(key, record)

    def _delete(self, key: str) -> None:
        self.store.delete_record(key)
        self.store.delete_record(f"{key}.asc")

    def _objects(self, database: str) -> Iterator[tuple[str, str]]:
        """Yield the recovery point and the rest of the key of every object below a recovery point of `database`."""
        for stored in self.store.list_objects(database):
            _, point, rest = (*stored.key.split("/", 2), "")[:3]
            if ids.RECOVERY_POINT.fullmatch(point):
                yield point, rest

    def _put(self, key: str, record: Record, *, keep: bool = False) -> None:
        """Sign and write a record; with `keep` it is what retention is about."""
        content = record.model_dump_json(indent=2).encode() + b"\n"
        signature = self._keyring.sign(content)
        if self._exists(key):
            raise errors.StoreError(f"record {key} exists: records are written once")
        self._write(key, content, signature, keep=keep)

    def _write(self, key: str, content: bytes, signature: bytes, *, keep: bool) -> None:
        # A try that was killed between the two has left a signature of what was never said.
        self.store.delete_record(f"{key}.asc")
        self.store.put_record(f"{key}.asc", signature, keep=keep)
        self.store.put_record(key, content, keep=keep)

    def _exists(self, key: str) -> bool:
        try:
            self.store.get_record(key)
        except KeyError:
            return False
        return True

    def _get(self, key: str, model: type[R]) -> R:
        content, _ = self._read(key)
        return _parse(key, content, model)

    def _read(self, key: str) -> tuple[bytes, bytes]:
        """Return a record's bytes and their signature, which is good."""
        try:
            content = self.store.get_record(key)
        except KeyError as error:
            raise errors.IntegrityError(f"record {key} is missing from store {self.store.name}") from error
        return content, self._verify(key, content)

    def _verify(self, key: str, content: bytes) -> bytes:
        try:
            signature = self.store.get_record(f"{key}.asc")
            self._keyring.verify(content, signature)
        except KeyError as error:
            raise errors.IntegrityError(
                f"record {key} is not signed", hint="Its signature was deleted, or somebody else wrote it: do not trust it."
            ) from error
        except errors.IntegrityError as error:
            raise errors.IntegrityError(
                f"record {key} can't be trusted: {error.what}",
                detail=error.detail,
                hint="It was changed after it was signed, or signed by somebody else: do not trust it.",
            ) from error
        return signature


def pick(points: Sequence[str], which: str, *, database: str, place: str) -> str:
    """Given the ids that there are, oldest first, and `latest`, `random` or an exact id, return an id.

    Raise ConfigError if there is none, or none of that id; `place` says where that is so ("store swift").
    """
    if not points:
        raise errors.ConfigError(f"database {database} has no recovery point in {place}", hint="Take a backup first.")
    if which == "latest":
        return points[-1]
    if which == "random":
        return secrets.choice(points)
    if which not in points:
        raise errors.ConfigError(
            f"database {database} has no recovery point {which} in {place}",
            hint=f"The newest are {', '.join(reversed(points[-NEWEST_SHOWN:]))}; `latest` and `random` are names too.",
        )
    return which


def _folder(database: str, recovery_point: str) -> str:
    if not ids.RECOVERY_POINT.fullmatch(recovery_point):
        raise errors.ConfigError(f"{recovery_point!r} is no id of a recovery point", hint="`./proven list` shows them.")
    return f"{database}/{recovery_point}"


def _drill_folder(database: str, recovery_point: str, drill: str) -> str:
    if not ids.DRILL.fullmatch(drill):
        raise errors.ConfigError(f"{drill!r} is no id of a drill", hint="`./proven show` shows them.")
    return f"{_folder(database, recovery_point)}/drills/{drill}"


def _page(database: str, key: str) -> str:
    return f"{database}/pages/{_quote(key)}.json"


def _quote(name: str) -> str:
    return urllib.parse.quote(name, safe="")


def _sort(record: Step | Check) -> str:
    return "steps" if isinstance(record, Step) else "checks"


def _require_same(key: str, seen: str, wanted: str) -> None:
    if seen != wanted:
        raise errors.IntegrityError(
            f"record {key} is about {seen}, not {wanted}", hint="A genuine record was copied to where it does not belong."
        )


def _parse(key: str, content: bytes, model: type[R]) -> R:
    _require_format(key, content)
    try:
        return model.model_validate_json(content)
    except pydantic.ValidationError as error:
        raise errors.IntegrityError(f"record {key} makes no sense", detail=str(error)) from error


def _require_format(key: str, content: bytes) -> None:
    try:
        said = json.loads(content)
    except ValueError as error:
        raise errors.IntegrityError(f"record {key} is no JSON", detail=str(error)) from error
    number = said.get("format", FORMAT) if isinstance(said, dict) else None
    if number != FORMAT:
        raise errors.ConfigError(
            f"record {key} has format {number}; this Proven reads {FORMAT}", hint="Read it with the version that wrote it."
        )
