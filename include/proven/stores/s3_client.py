"""The border to boto3: one client for all threads, pages of listings, and errors translated into StoreError."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import logging
import threading
from collections.abc import Collection, Iterator
from typing import Any

import botocore.config
import botocore.exceptions

from include.proven import amazon_credentials, amazon_session, connections, errors
from include.proven.stores import s3_answers, s3_errors

TIMEOUT_SECONDS = 60
RETRIES = 4
PAGE_SIZE = 1000
"""How many objects S3 lists in one answer, and deletes by one request."""

# At DEBUG botocore logs what it signs, tokens and pre-signed URLs included; at INFO where it found credentials.
logging.getLogger("botocore").setLevel(logging.WARNING)


class S3Client:
    """Requests to one bucket. Given a failure, they raise StoreError with status, code, request id and a hint."""

    def __init__(
        self, connection: connections.Connection, bucket: str, *, retries: int = RETRIES, page_size: int = PAGE_SIZE
    ) -> None:
        self.bucket = bucket
        self._settings = connection
        self._retries = retries
        self.page_size = page_size
        self._lock = threading.Lock()
        self._client: Any = None

    @contextlib.contextmanager
    def request(self, what: str, *, ignore: Collection[str] = ()) -> Iterator[Any]:
        """Given what is to be done ("put object shop/…"), yield boto3's client to do it with.

        An answer with a code of `ignore` ends the block and is no error.
        """
        try:
            yield self._connect()
        except botocore.exceptions.ClientError as error:
            if s3_errors.code_of(error) not in ignore:
                raise s3_errors.refused(what, error, self._settings, self.bucket) from error
        except botocore.exceptions.BotoCoreError as error:
            # Not `from error`: its text may hold the URL.
            raise s3_errors.untold(what, error, self._settings) from None

    def pages(self, what: str, operation: str, *, ignore: Collection[str] = (), **arguments: Any) -> Iterator[dict[str, Any]]:
        """Yield the answers of a listing, page by page."""
        with self.request(what, ignore=ignore) as s3:
            pages = s3.get_paginator(operation).paginate(
                **{"Bucket": self.bucket, **arguments}, PaginationConfig={"PageSize": self.page_size}
            )
            yield from pages

    def read(self, what: str, name: str, *, ignore: Collection[str], **arguments: Any) -> bytes | None:
        """Return a small object, or a range of one, or None where the answer has a code of `ignore`."""
        tries = self._retries
        while True:
            with self.request(what, ignore=ignore) as s3:
                answer = s3.get_object(Bucket=self.bucket, Key=name, **arguments)
                try:
                    return s3_answers.read_whole(answer)
                except s3_errors.UNREACHABLE:  # boto3 tries again until the body begins, and no further
                    if not tries:
                        raise
                tries -= 1
                continue
            return None

    def sign(self, operation: str, seconds: float, **arguments: Any) -> str:
        """Return the URL of a request that anyone may make for so long. Nothing is sent."""
        with self.request(f"sign {operation.replace('_', ' ')}") as s3:
            url = s3.generate_presigned_url(
                operation, Params={"Bucket": self.bucket, **arguments}, ExpiresIn=max(1, int(seconds))
            )
        return str(url)

    def _connect(self) -> Any:
        with self._lock:  # boto3's clients are made for threads, but not the making of them
            if self._client is None:
                self._client = connect(self._settings, self.bucket, retries=self._retries)
        return self._client


def connect(settings: connections.Connection, bucket: str, *, retries: int) -> Any:
    """Return boto3's client for a bucket. Raise ConfigError if `settings` make no sense."""
    extra = settings.extra
    try:
        endpoint = amazon_credentials.find_endpoint(settings, "s3")
        wanted = botocore.config.Config(**extra.get("config_kwargs", {}))
        client = amazon_session.open_session(settings).client(
            "s3", endpoint_url=endpoint, verify=extra.get("verify"), config=_config(endpoint, bucket, retries).merge(wanted)
        )
    except (AttributeError, TypeError, ValueError) as error:
        raise errors.ConfigError(
            f"connection {settings.name}: boto3 makes no client of it",
            detail=str(error),
            hint="Its extra holds a URL as `endpoint_url`, https://s3.example.com, and boto3's settings in `config_kwargs`.",
        ) from error
    for operation in ("DeleteObjects", "PutObjectRetention"):
        client.meta.events.register(f"before-sign.s3.{operation}", _add_md5)
    s3_answers.watch(client)
    return client


def _config(endpoint: str | None, bucket: str, retries: int) -> botocore.config.Config:
    # By the bucket's own host at Amazon (a signed URL of the old common host is redirected for a new bucket); elsewhere that
    # host may not be in the DNS, and the certificate covers no bucket with a dot in its name.
    style = "path" if endpoint or "." in bucket else "virtual"
    return botocore.config.Config(
        signature_version="s3v4",
        s3={"addressing_style": style, "us_east_1_regional_endpoint": "regional"},
        retries={"mode": "standard", "total_max_attempts": retries + 1},
        connect_timeout=TIMEOUT_SECONDS,
        read_timeout=TIMEOUT_SECONDS,
        # Every write of ours carries its SHA-256; what boto3 would add to the rest, not every server knows.
        request_checksum_calculation="when_required",
    )


def _add_md5(request: Any, **_: Any) -> None:
    """Give a request whose checksum boto3 itself chooses the one that every server knows."""
    digest = hashlib.md5(request.body, usedforsecurity=False).digest()
    request.headers["Content-MD5"] = base64.b64encode(digest).decode()
