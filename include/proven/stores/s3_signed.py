"""Pre-signed requests to one object or one part of an upload, by Signature Version 4.

See https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-query-string-auth.html. The checksums of a part are signed headers:
who holds the URL can send that content and no other.
"""

from __future__ import annotations

import base64

import requests

from include.proven import errors
from include.proven.stores import presigned, s3_client
from include.proven.stores.contract import OutgoingPart, SignedRequest

LONGEST_SECONDS = 7 * 24 * 3600
"""S3 takes no signature that should live longer."""


def sign_part(client: s3_client.S3Client, name: str, upload: str, part: OutgoingPart, *, seconds: float) -> SignedRequest:
    """Return the PUT of one part of an upload of the object `name`."""
    md5, sha256 = to_base64(part.md5), to_base64(part.sha256)
    url = client.sign(
        "upload_part",
        min(seconds, LONGEST_SECONDS),
        Key=name,
        UploadId=upload,
        PartNumber=part.number,
        ContentMD5=md5,
        ChecksumSHA256=sha256,
    )
    # Every server knows the first; the second is the one to trust. boto3 signs both and puts neither into the URL.
    return SignedRequest("PUT", url, {"Content-MD5": md5, "x-amz-checksum-sha256": sha256})


def sign_get(client: s3_client.S3Client, name: str, *, seconds: float) -> SignedRequest:
    """Return the GET of the object `name`, whole or in ranges."""
    return SignedRequest("GET", client.sign("get_object", min(seconds, LONGEST_SECONDS), Key=name))


def send(request: SignedRequest, content: bytes = b"", *, retries: int, verify: bool | str = True) -> bytes:
    """Make a pre-signed request as the agent would, and return the answer's body. Raise StoreError if it is refused.

    `retries` and `verify` are those of `presigned.ask`.
    """
    what = f"s3: {request.method} by pre-signed URL"
    try:
        answer = presigned.ask(request, content, retries=retries, verify=verify)
    except requests.RequestException as error:
        # The exception's own text holds the URL, and with it the signature.
        raise errors.StoreError(f"{what}: no answer", detail=type(error).__name__) from None
    if answer.status_code not in {requests.codes.ok, requests.codes.created}:
        raise errors.StoreError(
            f"{what}: {answer.status_code} {answer.reason}",
            detail=f"request {answer.headers.get('x-amz-request-id', '')}",
            hint="Set `region_name` in the connection's extra to the bucket's region; and this machine's clock must be right.",
        )
    return answer.content


def to_base64(digest: str) -> str:
    """Given a digest in hex, return it as S3 writes it."""
    return base64.b64encode(bytes.fromhex(digest)).decode()
