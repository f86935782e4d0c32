"""What `include/fleet.yaml` may say. `load.py` reads it; `schema.py` writes the JSON Schema for editors from it.

The docstrings below the attributes are what an editor shows: they speak to the person who writes a fleet.
"""

from __future__ import annotations

import datetime
import pathlib
from typing import Annotated, Any, Literal

import pydantic

from include.proven.errors import ConfigError
from include.proven.fleet import hints
from include.proven.fleet.databases import Database
from include.proven.fleet.fields import Duration, FilePath, Model, Name, Rate, Size, Text
from include.proven.fleet.pages import Pages
from include.proven.fleet.sandboxes import Sandbox


class GnuPG(Model):
    """Who can read the backups, and who vouches for them."""

    home: FilePath
    """GNUPGHOME with the recipients' public keys; on the controller also the private keys for drills and signatures."""
    recipients: Annotated[list[Text], pydantic.Field(min_length=1)]
    """Fingerprints (or exact e-mail addresses) of the keys that can decrypt. Two or more: one of them kept offline."""
    signer: Text
    """Fingerprint (or exact e-mail address) of the key that signs manifests and verdicts."""
    passphrase_file: FilePath | None = None
    """File with the passphrase of the private keys, if they have one."""


class StoreModel(Model):
    """What every store has."""

    prefix: Annotated[str, pydantic.StringConstraints(pattern=r"^([^/\s]+(/[^/\s]+)*)?$")] = ""
    """Put before every key, without a slash at either end. Empty: the container, bucket or directory is all ours."""
    parallel: int = pydantic.Field(default=4, ge=1, le=64)
    """Parts under way at once. Each takes a buffer of 16 MiB (more in artifacts beyond 10 GB) of the agent's memory."""
    bandwidth_limit: Rate | None = None
    """The most that one backup or restore may send to or read from this store; unset: as fast as it goes."""
    capacity: Size | None = None
    """How much it may hold, before `store-filling` is paged; unset: its quota (Swift) or its disk (directory), S3: no limit."""


class SwiftStore(StoreModel):
    """A container of OpenStack Swift, written by TempURL."""

    kind: Literal["swift"]
    """OpenStack Swift."""
    connection: Text
    """Airflow connection id: of type `openstack` (Keystone), or of any other with extra `auth_version` 1 (tempauth)."""
    container: Text
    """Name of the container. A first backup creates it, and `<container>_segments` for the parts."""
    url_lifetime: Duration = datetime.timedelta(hours=1)
    """How long a pre-signed URL lives."""
    expire_after: Duration | None = None
    """Swift deletes what is older (`X-Delete-At`), by the clock, *whether newer backups exist or not*; unset: never."""


class ObjectLock(Model):
    """S3 refuses to delete or overwrite what is younger than this."""

    mode: Literal["governance", "compliance"]
    """`compliance`: nobody can lift it, the account's owner included; `governance`: those with a special right can."""
    retain: Duration
    """How long each recovery point and verdict is locked."""


class S3Store(StoreModel):
    """A bucket of Amazon S3 or of another cloud that speaks S3, written by pre-signed multipart uploads."""

    kind: Literal["s3"]
    """S3 and what speaks its API."""
    connection: Text
    """Airflow connection id of type `aws`; extra: `region_name`, `endpoint_url` (another cloud's), `role_arn`."""
    bucket: Text
    """Name of the bucket. It must exist."""
    url_lifetime: Duration = datetime.timedelta(hours=1)
    """How long a pre-signed URL lives. One signed with a role's temporary credentials ends with them if that is sooner."""
    storage_class: Text | None = None
    """Of the artifacts, such as STANDARD_IA. A class that must be thawed first can't be drilled. Unset: the bucket's."""
    encryption: Literal["AES256", "aws:kms"] | None = None
    """Server-side encryption, besides ours; unset: the bucket's default."""
    kms_key: Text | None = None
    """Id or ARN of the KMS key for `aws:kms`; unset: the account's own."""
    object_lock: ObjectLock | None = None
    """Immutability; the bucket must have been made with Object Lock."""


class DirectoryStore(StoreModel):
    """A directory: a mounted disk or share. The agent writes it itself, so it must be mounted where the agent runs."""

    kind: Literal["directory"]
    """A mounted disk or share."""
    path: FilePath
    """The directory. It must exist: a path that is not mounted must not be filled."""


Store = Annotated[SwiftStore | S3Store | DirectoryStore, pydantic.Field(discriminator="kind")]


class Fleet(Model):
    """One installation."""

    version: Literal[1]
    """Of this format."""
    gnupg: GnuPG
    stores: Annotated[dict[Name, Store], pydantic.Field(min_length=1)]
    """Where recovery points are kept."""
    sandboxes: Annotated[dict[Name, Sandbox], pydantic.Field(min_length=1)]
    """Where recovery points are restored."""
    pages: Pages
    databases: Annotated[dict[Name, Database], pydantic.Field(min_length=1)]
    """What is protected."""
    spread: Duration | None = datetime.timedelta(minutes=1)
    """Scheduled backups and drills begin within this time after their moment, each database at a point of its own, so that they
    don't reach the cloud, the stores and the sources all at once; null: at once."""
    tools: list[FilePath] = []
    """Directories searched for database and GnuPG programs before PATH, where several versions are installed."""

    _folder: pathlib.Path = pydantic.PrivateAttr(default=pathlib.Path())

    def model_post_init(self, context: Any) -> None:
        """Remember the folder of the fleet file: `checks/` lies beside it."""
        self._folder = (context or {}).get("folder", pathlib.Path())

    def database(self, name: str) -> Database:
        """Return the database of that exact name. Raise ConfigError, with a suggestion, if there is none."""
        if name not in self.databases:
            hint = hints.suggest(name, self.databases, noun="databases of this fleet")
            raise ConfigError(f"fleet: no database is named {name!r}", hint=hint)
        return self.databases[name]

    def store(self, name: str) -> Store:
        """Return the store of that exact name. Raise ConfigError, with a suggestion, if there is none."""
        if name not in self.stores:
            hint = hints.suggest(name, self.stores, noun="stores of this fleet")
            raise ConfigError(f"fleet: no store is named {name!r}", hint=hint)
        return self.stores[name]

    def checks_folder(self, name: str) -> pathlib.Path | None:
        """Return the folder with a database's SQL checks, or None if it has none. Raise ConfigError if it is named and gone."""
        named = self.database(name).checks
        folder = self._folder / "checks" / (named or name)
        if folder.is_dir():
            return folder
        if named:
            raise ConfigError(f"databases.{name}.checks: {folder} is no folder", hint="Create it, or remove the line.")
        return None
