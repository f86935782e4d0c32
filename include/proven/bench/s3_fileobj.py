"""What `aws s3 cp -` does: boto3's `upload_fileobj` from standard input, `download_fileobj` to standard output.

`python -m include.proven.bench.s3_fileobj up|down BUCKET KEY`, with the endpoint and keys in AWS's own variables.
"""

from __future__ import annotations

import sys

import boto3
import botocore.config


def main() -> None:
    """Carry one stream."""
    direction, bucket, key = sys.argv[1:]
    client = boto3.client("s3", config=botocore.config.Config(s3={"addressing_style": "path"}))
    if direction == "up":
        client.upload_fileobj(sys.stdin.buffer, bucket, key)
    else:
        client.download_fileobj(bucket, key, sys.stdout.buffer)


if __name__ == "__main__":
    main()
