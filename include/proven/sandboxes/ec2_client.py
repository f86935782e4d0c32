"""The border to boto3: one client for all threads, listings of what is ours, and errors translated into SandboxError."""

from __future__ import annotations

import contextlib
import logging
import threading
from collections.abc import Collection, Iterator, Mapping
from typing import Any

import botocore.config
import botocore.exceptions

from include.proven import amazon_credentials, amazon_session, connections, errors
from include.proven.sandboxes import ec2_errors

TIMEOUT_SECONDS = 60
ATTEMPTS = 5
PAGE_SIZE = 500

# At DEBUG botocore logs what it signs, tokens and user data included; at INFO where it found credentials.
logging.getLogger("botocore").setLevel(logging.WARNING)


class EC2Client:
    """Requests to EC2 in one region."""

    def __init__(self, connection: connections.Connection, *, page_size: int = PAGE_SIZE) -> None:
        self._settings = connection
        self._page_size = page_size
        self._lock = threading.Lock()
        self._client: Any = None

    @contextlib.contextmanager
    def request(self, what: str, *, ignore: Collection[str] = ()) -> Iterator[Any]:
        """Given what is to be done ("run instance proven-…"), yield boto3's client to do it with.

        Raise RefusedError for an answer that is an error, SandboxError if there is none. An answer with a code of `ignore` ends
        the block and is no error.
        """
        try:
            yield self._connect()
        except botocore.exceptions.ClientError as error:
            if error.response.get("Error", {}).get("Code") not in ignore:
                raise ec2_errors.refused(what, error, self._settings) from error
        except botocore.exceptions.BotoCoreError as error:
            raise ec2_errors.untold(what, error, self._settings) from error

    def listed(self, operation: str, key: str, **arguments: Any) -> Iterator[dict[str, Any]]:
        """Yield the entries of a listing (`describe_volumes`, `Volumes`), page by page."""
        with self.request(operation.replace("_", " ")) as ec2:
            pages = ec2.get_paginator(operation).paginate(**arguments, PaginationConfig={"PageSize": self._page_size})
            for page in pages:
                yield from page.get(key, [])

    def tagged(self, operation: str, key: str, tags: Mapping[str, str], *, tags_key: str = "Tags") -> list[dict[str, Any]]:
        """Return the entries of a listing that have all of these tags, letter by letter."""
        # EC2 takes `*` and `?` in a filter for wildcards, so that it is only asked for fewer.
        filters = [{"Name": f"tag:{name}", "Values": [value]} for name, value in tags.items()]
        entries = self.listed(operation, key, Filters=filters)
        return [entry for entry in entries if tags.items() <= read_tags(entry, tags_key).items()]

    def _connect(self) -> Any:
        with self._lock:  # boto3's clients are made for threads, but not the making of them
            if self._client is None:
                self._client = _connect(self._settings)
        return self._client


def read_tags(entry: Mapping[str, Any], key: str = "Tags") -> dict[str, str]:
    """Return the tags of an instance, volume or group; those of a network interface are below `TagSet`."""
    return {tag["Key"]: tag["Value"] for tag in entry.get(key, [])}


def _connect(settings: connections.Connection) -> Any:
    """Return boto3's client. Raise ConfigError if `settings` make no sense."""
    extra = settings.extra
    config = botocore.config.Config(
        retries={"mode": "standard", "total_max_attempts": ATTEMPTS},
        connect_timeout=TIMEOUT_SECONDS,
        read_timeout=TIMEOUT_SECONDS,
    )
    try:
        return amazon_session.open_session(settings).client(
            "ec2",
            endpoint_url=amazon_credentials.find_endpoint(settings, "ec2"),
            verify=extra.get("verify"),
            config=config.merge(botocore.config.Config(**extra.get("config_kwargs", {}))),
        )
    except (AttributeError, TypeError, ValueError) as error:
        raise errors.ConfigError(
            f"connection {settings.name}: boto3 makes no client of it",
            detail=str(error),
            hint="Its extra holds a region as `region_name`, and boto3's settings in `config_kwargs`.",
        ) from error
