"""Open stores in S3 as a process of its own, check each, and print what its requests are made of.

python -m tests.stores.say_s3 library|airflow <connection>=<bucket> …
"""

from __future__ import annotations

import json
import sys
import urllib.parse
from typing import Any

from include.proven import connections
from include.proven.fleet import model
from include.proven.stores import s3_client
from include.proven.stores.s3 import S3Store


def describe(name: str, bucket: str) -> dict[str, Any]:
    """Use a store; return its client's settings and the fields of a signed URL."""
    settings = connections.resolve(name)
    store = S3Store(name, model.S3Store(kind="s3", connection=name, bucket=bucket), settings)
    store.check()
    store.put_record("a", b"x")
    signed = urllib.parse.urlsplit(store.presign_get("a").url)
    store.delete_record("a")
    meta = s3_client.connect(settings, bucket, retries=4).meta
    return {
        "endpoint": meta.endpoint_url,
        "region": meta.region_name,
        "attempts": meta.config.retries["total_max_attempts"],
        "user_agent": meta.config.user_agent_extra,
        "url": f"{signed.scheme}://{signed.netloc}{signed.path}",
        "signed": {name: values[0] for name, values in urllib.parse.parse_qs(signed.query).items()},
    }


def main(where: str, *wanted: str) -> None:
    """Print a JSON object: connection → what is said of it."""
    if where == "airflow":
        from proven_airflow import connections as edge

        edge.install()
    said = {name: describe(name, bucket) for name, _, bucket in (pair.partition("=") for pair in wanted)}
    sys.stdout.write("\n" + json.dumps(said) + "\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
