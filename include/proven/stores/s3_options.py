"""What the fleet file says of how objects are kept, in S3's words."""

from __future__ import annotations

import datetime
from typing import Any

from include.proven.fleet import model


def of_artifact(config: model.S3Store) -> dict[str, Any]:
    """Return the arguments with which an artifact is written: storage class, encryption, and a lock from now on."""
    storage = {"StorageClass": config.storage_class} if config.storage_class else {}
    return storage | _encryption(config) | _lock(config)


def of_record(config: model.S3Store, *, keep: bool) -> dict[str, Any]:
    """Return the arguments with which a record is written: encryption, and with `keep` a lock from now on."""
    return _encryption(config) | (_lock(config) if keep else {})


def of_retention(config: model.S3Store) -> dict[str, Any]:
    """Return the same lock as what is said of an object that exists; nothing if there is none."""
    lock = _lock(config)
    return {"Mode": lock["ObjectLockMode"], "RetainUntilDate": lock["ObjectLockRetainUntilDate"]} if lock else {}


def _encryption(config: model.S3Store) -> dict[str, Any]:
    kind = {"ServerSideEncryption": config.encryption} if config.encryption else {}
    return kind | ({"SSEKMSKeyId": config.kms_key} if config.kms_key else {})


def _lock(config: model.S3Store) -> dict[str, Any]:
    if not config.object_lock:
        return {}
    until = datetime.datetime.now(datetime.UTC) + config.object_lock.retain
    return {"ObjectLockMode": config.object_lock.mode.upper(), "ObjectLockRetainUntilDate": until}
