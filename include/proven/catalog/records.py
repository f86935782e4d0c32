"""Signed records: the small JSON objects of one store that only the fleet's signer can write.

Every record is two objects: `<name>.json` and its detached signature `<name>.json.asc`. The signature is written first: where
the JSON stands, the record is whole, so that a crash between the two leaves something that does not exist yet, never something
that exists and can't be trusted. `docs/store-format.md` is the format's description for people.
"""

from __future__ import annotations

import json
import urllib.parse
from collections.abc import Sequence
from typing import NamedTuple, TypeVar

import pydantic

from include.proven import errors
from include.proven.catalog.at_once import Pool, map_at_once
from include.proven.encryption.keyring import Keyring
from include.proven.manifest import FORMAT, Record
from include.proven.stores.contract import Store

R = TypeVar("R", bound=Record)


class Signed(NamedTuple):
    """A record as it lies in a store."""

    content: bytes
    signature: bytes


class SignedRecords:
    """The records of one store, verified with the fleet's signer."""

    def __init__(self, store: Store, keyring: Keyring) -> None:
        self.store = store
        self._keyring = keyring

    def note(self, key: str, model: type[R]) -> R | None:
        """Return a record that is about no database, or None if there is none. Raise IntegrityError if it can't be trusted."""
        return self._get(key, model) if self._exists(key) else None

    def replace_note(self, key: str, record: Record) -> None:
        """Sign and write such a record, in the place of an older one."""
        self._delete(key)
        self._put(key, record)

    def _get(self, key: str, model: type[R]) -> R:
        content, _ = self._read(key)
        return parse(key, content, model)

    def _read(self, key: str) -> tuple[bytes, bytes]:
        """Return a record's bytes and their signature, which is good."""
        try:
            content = self.store.get_record(key)
        except KeyError as error:
            raise errors.IntegrityError(f"record {key} is missing from store {self.store.name}") from error
        return content, self._verify(key, content)

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

    def _delete(self, key: str) -> None:
        self.store.delete_record(key)
        self.store.delete_record(f"{key}.asc")

    def _exists(self, key: str) -> bool:
        try:
            self.store.get_record(key)
        except KeyError:
            return False
        return True

    def _read_all(self, keys: Sequence[str], pool: Pool) -> dict[str, bytes | errors.IntegrityError | None]:
        """Return each record's bytes, whose signature is good, or why they can't be trusted; None for one that is gone.

        It comes to what `_read` says of each, by far fewer runs of gpg.
        """
        read = self._read_signed(keys, pool)
        return {key: found.content if isinstance(found, Signed) else found for key, found in read.items()}

    def _read_signed(self, keys: Sequence[str], pool: Pool) -> dict[str, Signed | errors.IntegrityError | None]:
        """Return likewise each record with its signature."""
        fetched = dict(zip(keys, map_at_once(pool, self._fetch, keys), strict=True))
        signed = {key: found for key, found in fetched.items() if isinstance(found, Signed)}
        faults = dict(zip(signed, self._keyring.verify_all(list(signed.values())) if signed else [], strict=True))
        untrusted = {key: _untrusted(key, fault) for key, fault in faults.items() if fault}
        return fetched | untrusted

    def _fetch(self, key: str) -> Signed | errors.IntegrityError | None:
        """Return a record's bytes and its signature, as they are; why there is none; or None if the record is gone."""
        try:
            content = self.store.get_record(key)
        except KeyError:
            return None
        try:
            return Signed(content, self.store.get_record(f"{key}.asc"))
        except KeyError:
            # whoever removes a record begins with what it says, and may have done so just now
            return _unsigned(key) if self._exists(key) else None

    def _verify(self, key: str, content: bytes) -> bytes:
        try:
            signature = self.store.get_record(f"{key}.asc")
            self._keyring.verify(content, signature)
        except KeyError as error:
            raise _unsigned(key) from error
        except errors.IntegrityError as error:
            raise _untrusted(key, error) from error
        return signature


def _unsigned(key: str) -> errors.IntegrityError:
    hint = "Its signature was deleted, or somebody else wrote it: do not trust it."
    return errors.IntegrityError(f"record {key} is not signed", hint=hint)


def _untrusted(key: str, why: errors.IntegrityError) -> errors.IntegrityError:
    return errors.IntegrityError(
        f"record {key} can't be trusted: {why.what}",
        detail=why.detail,
        hint="It was changed after it was signed, or signed by somebody else: do not trust it.",
    )


def quote(name: str) -> str:
    """Return any text as one component of a key."""
    return urllib.parse.quote(name, safe="")


def require_same(key: str, seen: str, wanted: str) -> None:
    """Raise IntegrityError if a record is about something else than its key."""
    if seen != wanted:
        raise errors.IntegrityError(
            f"record {key} is about {seen}, not {wanted}", hint="A genuine record was copied to where it does not belong."
        )


def parse(key: str, content: bytes, model: type[R]) -> R:
    """Return what a record says. Raise IntegrityError if that makes no sense, ConfigError if it is of another format."""
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
