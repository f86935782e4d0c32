"""Concern `keys`: that they will stop working soon, and that they work now: all that is asked of them is tried."""

from __future__ import annotations

import datetime
from collections.abc import Iterator

from include.proven.encryption.public_keys import PublicKey
from include.proven.fleet.pages import Severity
from include.proven.installation import Installation
from include.proven.progress import format_seconds
from include.proven.watch.concern import Concern, Finding

EXPIRING, UNUSABLE = "key-expiring", "key-unusable"
STEPS: tuple[tuple[datetime.timedelta, Severity], ...] = (
    (datetime.timedelta(days=1), "critical"),
    (datetime.timedelta(days=7), "error"),
    (datetime.timedelta(days=30), "warning"),
)
"""How long before its end a key is told of, and how urgently."""
HINT = (
    "Its owner prolongs it with its subkeys (gpg --quick-set-expire {key} 2y, then the same with '*' behind it), and the result"
    " is imported here (gpg --homedir {home} --import FILE). Or name a successor in `gnupg` of the fleet file: never remove a"
    " private key that old recovery points need."
)


def look(installation: Installation, now: datetime.datetime) -> Iterator[Finding]:
    """Yield what can't be done with the fleet's keys, and which of them stop working soon. Raise EncryptionError."""
    for thing, error in installation.keyring.faults().items():
        yield Finding(UNUSABLE, error.what, thing=thing, detail=error.detail, hint=error.hint)
    home = str(installation.fleet.gnupg.home)
    for end, key in installation.keyring.ends():
        if severity := _severity(end - now):
            yield _expiring(key, end, now, severity, home)


def _severity(left: datetime.timedelta) -> Severity | None:
    """Say how urgent it is; of what has ended already the other kind of page tells."""
    if left <= datetime.timedelta(0):
        return None
    return next((severity for most, severity in STEPS if left <= most), None)


def _expiring(key: PublicKey, end: datetime.datetime, now: datetime.datetime, severity: Severity, home: str) -> Finding:
    left = format_seconds((end - now).total_seconds())
    return Finding(
        EXPIRING,
        f"{key} stops working in {left}, at {end:%Y-%m-%d %H:%M} UTC",
        thing=key.fingerprint,
        severity=severity,
        hint=HINT.format(key=key.fingerprint, home=home),
    )


CONCERN = Concern("keys", (EXPIRING, UNUSABLE), look, every=datetime.timedelta(hours=1))
