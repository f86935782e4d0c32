"""Places to carry to: a container or bucket of its own, behind a proxy or not, and a look behind the store's back."""

from __future__ import annotations

import contextlib
import dataclasses
import secrets
import time
from collections.abc import Callable

import botocore.exceptions

from include.proven import connections
from include.proven.fleet import model
from include.proven.stores import open_store
from include.proven.stores.contract import Store
from tests.servers.s3 import S3, Contents
from tests.servers.swift import Swift


@dataclasses.dataclass(frozen=True)
class Address:
    """All that a process needs to open a store as the fleet file would: with the retries of production."""

    config: model.SwiftStore | model.S3Store
    connection: connections.Connection

    def open(self) -> Store:
        """Open it; nothing is asked of its server yet."""
        return open_store("store", self.config, lambda _: self.connection)


@dataclasses.dataclass(frozen=True)
class Place:
    """Where objects go."""

    server_url: str
    through: Callable[[str], Address]
    """Given the URL of a proxy (or of the server), returns the store as it is behind it."""
    everything: Callable[[], list[str]]
    """Lists all that the server holds: objects, parts, open uploads."""
    secrets: tuple[str, ...]
    """What no message may show."""
    shares_parts: bool = False
    """Whether the parts of two uploads of one key have the same names."""

    @property
    def direct(self) -> Store:
        """The store without a proxy between."""
        return self.through(self.server_url).open()


def make(server: Swift | S3) -> Place:
    """Make a place in a server."""
    return in_s3(server) if isinstance(server, S3) else in_swift(server)


def in_swift(swift: Swift) -> Place:
    """Make a place in Swift."""
    container, raw = f"t{secrets.token_hex(4)}", swift.raw()
    config = model.SwiftStore(kind="swift", connection="proven_swift", container=container, prefix="backups")
    containers = (container, f"{container}_segments")
    for name in containers:
        raw.put_container(name)

    def through(url: str) -> Address:
        return Address(config, dataclasses.replace(swift.connection(), host=f"{url}/auth/v1.0"))

    def everything() -> list[str]:
        return [f"{name}/{entry}" for name in containers for entry in swift.names(name)]

    hidden = (swift.connection().password, "AUTH_tk", "temp_url_sig")
    return Place(swift.server.url, through, everything, hidden, shares_parts=True)


def in_s3(s3: S3) -> Place:
    """Make a place in an S3."""
    bucket = s3.bucket()
    config = model.S3Store(kind="s3", connection="proven_s3", bucket=bucket, prefix="backups")

    def through(url: str) -> Address:
        return Address(config, s3.connection(endpoint_url=url))

    def everything() -> list[str]:
        found = look(s3, bucket)
        return [*found.objects, *map(str, found.versions), *map(str, found.uploads.items()), *found.segments]

    return Place(s3.endpoint_url, through, everything, (s3.keys[0].secret, "X-Amz-Signature"))


def look(s3: S3, bucket: str) -> Contents:
    """Return all that a bucket holds."""
    for _ in range(20):
        # moto answers 500 to who lists its objects while somebody else writes one.
        with contextlib.suppress(botocore.exceptions.ClientError):
            return s3.everything(bucket)
        time.sleep(0.05)
    return s3.everything(bucket)
