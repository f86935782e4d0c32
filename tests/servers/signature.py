"""Whether S3 would take a request: AWS's Signature Version 4, of headers and of pre-signed URLs, read off the request itself.

Written after AWS's description of the algorithm and not with botocore: what botocore signs, botocore would find right.
"""

from __future__ import annotations

import dataclasses
import datetime
import hashlib
import hmac
import urllib.parse
from collections.abc import Mapping

ALGORITHM = "AWS4-HMAC-SHA256"
STAMP = "%Y%m%dT%H%M%SZ"


class RefusedError(Exception):
    """The request is refused, with S3's own status and code."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status, self.code = status, code


@dataclasses.dataclass(frozen=True)
class Signed:
    """What a request says of its signature."""

    key: str
    scope: str
    """`<date>/<region>/s3/aws4_request`"""
    stamp: str
    names: list[str]
    """Headers that are signed, sorted."""
    signature: str
    payload: str
    """SHA-256 of the body in hex, or a word that stands for it."""
    seconds: int | None = None
    """How long a pre-signed URL lives."""


def read(query: str, headers: Mapping[str, str]) -> Signed:
    """Given the raw query and the headers (names in lower case), return the signature. Raise RefusedError if there is none."""
    fields = dict(urllib.parse.parse_qsl(query, keep_blank_values=True))
    try:
        if "X-Amz-Signature" in fields:
            key, _, scope = fields["X-Amz-Credential"].partition("/")
            names = fields["X-Amz-SignedHeaders"].split(";")
            payload = headers.get("x-amz-content-sha256", "UNSIGNED-PAYLOAD")
            seconds = int(fields["X-Amz-Expires"])
            return Signed(key, scope, fields["X-Amz-Date"], names, fields["X-Amz-Signature"], payload, seconds)
        method, _, rest = headers.get("authorization", "").partition(" ")
        if method == ALGORITHM:
            parts = dict(part.strip().split("=", 1) for part in rest.split(","))
            key, _, scope = parts["Credential"].partition("/")
            names, payload = parts["SignedHeaders"].split(";"), headers["x-amz-content-sha256"]
            return Signed(key, scope, headers["x-amz-date"], names, parts["Signature"], payload)
    except (KeyError, ValueError) as error:
        raise RefusedError(400, "AuthorizationQueryParametersError", f"the signature makes no sense: {error}") from error
    if method or "Signature" in fields:
        raise RefusedError(400, "InvalidRequest", f"the authorization mechanism is not supported: use {ALGORITHM}")
    raise RefusedError(403, "AccessDenied", "Access Denied: the request is not signed")


def verify(method: str, path: str, query: str, headers: Mapping[str, str], signed: Signed, secret: str) -> None:
    """Given the raw path and query, raise RefusedError unless `secret` signed exactly this request, and it has not expired."""
    expected = sign(method, path, query, headers, signed, secret)
    if not hmac.compare_digest(expected, signed.signature):
        raise RefusedError(403, "SignatureDoesNotMatch", "the request signature we calculated does not match")
    if unsigned := sorted(name for name in headers if name.startswith("x-amz-") and name not in signed.names):
        raise RefusedError(403, "AccessDenied", f"there were headers present which were not signed: {', '.join(unsigned)}")
    began = datetime.datetime.strptime(signed.stamp, STAMP).replace(tzinfo=datetime.UTC)
    if datetime.datetime.now(datetime.UTC) > began + datetime.timedelta(seconds=signed.seconds or 900):
        raise RefusedError(403, "AccessDenied", "Request has expired")


def sign(method: str, path: str, query: str, headers: Mapping[str, str], signed: Signed, secret: str) -> str:
    """Return the signature of a request in hex."""
    fields = sorted(field if "=" in field else f"{field}=" for field in query.split("&") if field)
    request = [method, path, "&".join(field for field in fields if not field.startswith("X-Amz-Signature="))]
    request += [f"{name}:{' '.join(headers.get(name, '').split())}" for name in signed.names]
    request += ["", ";".join(signed.names), signed.payload]
    text = "\n".join([ALGORITHM, signed.stamp, signed.scope, hashlib.sha256("\n".join(request).encode()).hexdigest()])
    key = f"AWS4{secret}".encode()
    for word in signed.scope.split("/"):
        key = hmac.digest(key, word.encode(), "sha256")
    return hmac.digest(key, text.encode(), "sha256").hex()
