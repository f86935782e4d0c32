"""OpenPGP keys as gpg lists them, and whether one may be used for a backup."""

from __future__ import annotations

import dataclasses
import datetime
import re
from collections.abc import Sequence

from include.proven import errors

FINGERPRINT = re.compile(r"(?:0x)?([0-9A-F]{40}|[0-9A-F]{64})", re.IGNORECASE)
TRUSTED = frozenset("fu")
"""Validity `full` and `ultimate`; see gpg's doc/DETAILS."""
PURPOSES = {"E": "encrypt", "S": "sign"}


@dataclasses.dataclass(frozen=True)
class UserId:
    """One name of a key."""

    text: str
    """`Proven backup <backup@proven.invalid>`"""
    validity: str

    @property
    def email(self) -> str:
        """The address in it, in lower case; or all of it, if it is nothing but an address."""
        address = re.search(r"<([^<>]*)>$", self.text)
        return (address[1] if address else self.text).lower()


@dataclasses.dataclass(frozen=True)
class Subkey:
    """One subkey."""

    validity: str
    capabilities: str
    expires_at: datetime.datetime | None


@dataclasses.dataclass(frozen=True)
class PublicKey:
    """One key of the home directory, with everything that decides whether it may be used."""

    fingerprint: str
    """Of the primary key."""
    validity: str
    capabilities: str
    """Upper case: what the key as a whole can do now (`E`ncrypt, `S`ign), `D` if it is disabled."""
    expires_at: datetime.datetime | None
    owner_trust: str
    """`u`: a key of our own."""
    user_ids: tuple[UserId, ...]
    subkeys: tuple[Subkey, ...]

    def __str__(self) -> str:
        name = self.user_ids[0].text if self.user_ids else "no user id"
        return f"{self.fingerprint} ({name})"

    def works_until(self, purpose: str) -> datetime.datetime | None:
        """Return when the key stops working for `E` or `S`: its own expiry or its last fit subkey's. None: never."""
        fit = [
            subkey.expires_at
            for subkey in self.subkeys
            if purpose.lower() in subkey.capabilities and subkey.validity in TRUSTED
        ]
        ends = [self.expires_at]
        if fit and None not in fit and purpose.lower() not in self.capabilities:
            ends.append(max(end for end in fit if end is not None))
        return min((end for end in ends if end is not None), default=None)


def parse_listing(listing: str) -> list[PublicKey]:
    """Given the output of `gpg --with-colons --list-keys`, return its keys."""
    keys: list[PublicKey] = []
    for line in listing.splitlines():
        fields = line.split(":")
        match fields[0]:
            case "pub":
                keys.append(PublicKey("", fields[1], fields[11], _moment(fields[6]), fields[8], (), ()))
            case "fpr" if keys and not keys[-1].fingerprint:
                keys[-1] = dataclasses.replace(keys[-1], fingerprint=fields[9])
            case "uid":
                user_id = UserId(_unescape(fields[9]), fields[1])
                keys[-1] = dataclasses.replace(keys[-1], user_ids=(*keys[-1].user_ids, user_id))
            case "sub":
                subkey = Subkey(fields[1], fields[11], _moment(fields[6]))
                keys[-1] = dataclasses.replace(keys[-1], subkeys=(*keys[-1].subkeys, subkey))
    return keys


def is_fingerprint(wanted: str) -> bool:
    """Say whether a name in the fleet file is a whole fingerprint: then it means that key and no other, whoever trusts it."""
    return FINGERPRINT.fullmatch(wanted.replace(" ", "")) is not None


def find_key(keys: Sequence[PublicKey], wanted: str, role: str, home: str) -> PublicKey:
    """Return the key of that fingerprint or exact e-mail address. Raise EncryptionError if there is none, or several."""
    fingerprint = FINGERPRINT.fullmatch(wanted.replace(" ", ""))
    if fingerprint:
        found = [key for key in keys if key.fingerprint == fingerprint[1].upper()]
    else:
        found = [key for key in keys if any(user_id.email == wanted.lower() for user_id in key.user_ids)]
    if not found:
        raise errors.EncryptionError(
            f"gnupg: {role} {wanted}: no public key in {home}",
            hint=f"Import it: gpg --homedir {home} --import FILE. It is named by its whole fingerprint or exact address.",
        )
    if len(found) > 1:
        raise errors.EncryptionError(
            f"gnupg: {role} {wanted}: {len(found)} keys have this address",
            detail=", ".join(key.fingerprint for key in found),
            hint="Name the key by its fingerprint in the fleet file.",
        )
    return found[0]


def require_usable(key: PublicKey, wanted: str, role: str, purpose: str) -> None:
    """Raise EncryptionError, each with its own sentence, if the key must not be used for `E` or `S` now."""
    name = f"gnupg: {role} {wanted}"
    if key.validity == "r":
        raise errors.EncryptionError(
            f"{name}: the key is revoked", detail=str(key), hint="Name its successor in the fleet file."
        )
    if key.validity == "e":
        raise errors.EncryptionError(
            f"{name}: the key has expired",
            detail=f"{key}, at {key.expires_at:%Y-%m-%d %H:%M} UTC",
            hint="Its owner can prolong it (gpg --quick-set-expire); import the result here.",
        )
    if "D" in key.capabilities or key.validity in "di":
        raise errors.EncryptionError(f"{name}: the key is disabled or invalid", detail=str(key), hint="Enable or replace it.")
    if purpose not in key.capabilities:
        raise _unfit(key, name, purpose)
    require_trusted(key, wanted, role)


def require_trusted(key: PublicKey, wanted: str, role: str) -> None:
    """Raise EncryptionError unless the home vouches for the key or, if it is named by address, for that very user id."""
    if is_fingerprint(wanted):
        trusted = key.validity in TRUSTED
    else:
        trusted = any(user_id.email == wanted.lower() and user_id.validity in TRUSTED for user_id in key.user_ids)
    if not trusted:
        raise errors.EncryptionError(
            f"gnupg: {role} {wanted}: the key is not trusted",
            detail=str(key),
            hint=f"Compare the fingerprint with its owner, then certify it: gpg --quick-lsign-key {key.fingerprint}.",
        )


def _unfit(key: PublicKey, name: str, purpose: str) -> errors.EncryptionError:
    subkeys = [subkey for subkey in key.subkeys if purpose.lower() in subkey.capabilities]
    states = {"e": "has expired", "r": "is revoked"}
    state = next((states[subkey.validity] for subkey in subkeys if subkey.validity in states), "")
    what = f"its subkey to {PURPOSES[purpose]} {state}" if state else f"it has no key to {PURPOSES[purpose]} with"
    return errors.EncryptionError(f"{name}: {what}", detail=str(key), hint="Its owner adds a subkey (gpg --quick-add-key).")


def _moment(seconds: str) -> datetime.datetime | None:
    return datetime.datetime.fromtimestamp(int(seconds), datetime.UTC) if seconds else None


def _unescape(text: str) -> str:
    return re.sub(r"\\x([0-9a-fA-F]{2})", lambda match: chr(int(match[1], 16)), text)
