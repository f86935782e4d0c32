"""What the tests of the S3 store stand on."""

from __future__ import annotations

import dataclasses
import datetime
import urllib.parse
from collections.abc import Mapping, Sequence
from typing import Any

from include.proven import connections
from include.proven.fleet import model
from include.proven.stores.contract import OutgoingPart, Upload
from include.proven.stores.s3 import S3Store
from tests.servers.s3 import S3
from tests.stores.beds import Ability
from tests.stores.uploading import ARTIFACT


@dataclasses.dataclass
class S3Bed:
    """A bucket of its own."""

    server: S3
    bucket: str
    lacks: Mapping[Ability, str]

    def __post_init__(self) -> None:
        connection = self.server.connection()
        self.store = self.open(connection)
        self.short_lived = self.open(connection, url_lifetime=datetime.timedelta(seconds=1))
        self.wrong_credentials = self.open(self.server.wrong())
        self.fail_to_connect = self.open(self.server.connection(endpoint_url="http://127.0.0.1:9"))

    def open(
        self, connection: connections.Connection | None = None, *, retries: int = 0, page_size: int = 1000, **settings: Any
    ) -> S3Store:
        """Open the store as a fleet file with these settings would."""
        config = model.S3Store(kind="s3", connection="proven_s3", bucket=self.bucket, prefix="backups", **settings)
        return S3Store("s3", config, connection or self.server.connection(), retries=retries, page_size=page_size)

    def everything(self) -> list[str]:
        found = self.server.everything(self.bucket)
        return [*found.objects, *map(str, found.versions), *map(str, found.uploads.items()), *found.segments]

    def overwrite_part(self, upload: Upload, part: OutgoingPart, content: bytes) -> None:
        self.put_part(f"backups/{upload.key}", upload.token, part.number, content)

    def put_part(self, name: str, token: str, number: int, content: bytes) -> dict[str, Any]:
        """Send a part as anybody with the credentials can; return what completing the upload needs."""
        client = self.server.client()
        answer = client.upload_part(Bucket=self.bucket, Key=name, UploadId=token, PartNumber=number, Body=content)
        return {"PartNumber": number, "ETag": answer["ETag"]}

    def replace_object(self, key: str, pieces: Sequence[bytes]) -> None:
        client, where = self.server.client(), {"Bucket": self.bucket, "Key": f"backups/{key}"}
        token = client.create_multipart_upload(**where)["UploadId"]
        parts = [self.put_part(where["Key"], token, number, piece) for number, piece in enumerate(pieces, 1)]
        client.complete_multipart_upload(**where, UploadId=token, MultipartUpload={"Parts": parts})

    def lose_part(self, key: str, number: int) -> None:
        assert self.server.swift is not None
        container = f"{self.bucket}+segments"
        (name,) = [name for name in self.server.swift.names(container) if name.endswith(f"/{number}")]
        self.server.swift.raw().delete_object(container, name)

    def for_other_part(self, url: str) -> str:
        return url.replace("partNumber=1", "partNumber=2")

    def for_stranger(self, url: str) -> str:
        if self.server.swift:  # elsewhere nobody else can have a bucket of that name
            stranger = self.server.client(self.server.stranger())
            stranger.create_bucket(Bucket=self.bucket)
            stranger.put_object(Bucket=self.bucket, Key=f"backups/{ARTIFACT}", Body=b"secret of another")
        ours, theirs = (urllib.parse.quote(keys.access, safe="") for keys in self.server.keys)
        return url.replace(ours, theirs)

    def head(self, key: str) -> dict[str, Any]:
        """Return what the server says of an object."""
        return dict(self.server.client().head_object(Bucket=self.bucket, Key=f"backups/{key}"))
