"""TempURLs: requests to one Swift object that are signed with a key of its account.

See https://docs.openstack.org/swift/latest/api/temporary_url_middleware.html. The key is the *account's*: a URL that is
signed with a container's key opens that container only, so it could not read a manifest whose segments lie in another.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
import time
import urllib.parse
from typing import Any

import requests

from include.proven import errors
from include.proven.stores import presigned, swift_client
from include.proven.stores.contract import SignedRequest

FULL = (413, 503, 507)
HINT = "The proxy's pipeline must hold tempurl and slo, and its clock must be right."

KEY_HEADERS = ("x-account-meta-temp-url-key", "x-account-meta-temp-url-key-2")
"""The first one signs; Swift accepts what either has signed."""


def signing_key(swift: Any) -> str:
    """Return the account's TempURL key, and give the account one if it has none."""
    if key := _read_key(swift):
        return key
    swift.post_account({"X-Account-Meta-Temp-URL-Key": secrets.token_urlsafe(32)})
    # Read it back: where two do this at once, the later one's key is the one that counts.
    return _read_key(swift)


def rotate_key(swift: Any) -> None:
    """Give the account a new signing key; the present one becomes its second, which Swift still accepts."""
    present = _read_key(swift)
    fresh = {"X-Account-Meta-Temp-URL-Key": secrets.token_urlsafe(32)}
    swift.post_account(fresh | ({"X-Account-Meta-Temp-URL-Key-2": present} if present else {}))


def sign(storage_url: str, key: str, method: str, container: str, name: str, *, seconds: float) -> SignedRequest:
    """Return a request that opens that one object to that one method (a GET opens HEAD as well) for so long."""
    base = urllib.parse.urlsplit(storage_url)
    path = f"{urllib.parse.unquote(base.path)}/{container}/{name}"
    expires = int(time.time() + seconds)
    signature = hmac.new(key.encode(), f"{method}\n{expires}\n{path}".encode(), hashlib.sha256).hexdigest()
    query = f"temp_url_sig={signature}&temp_url_expires={expires}"
    return SignedRequest(method, f"{base.scheme}://{base.netloc}{urllib.parse.quote(path)}?{query}")


def send(request: SignedRequest, content: bytes = b"", *, retries: int) -> bytes:
    """Make a pre-signed request as the agent would, and return the answer's body. Raise StoreError if it is refused.

    `retries` is that of `presigned.ask`.
    """
    try:
        answer = presigned.ask(request, content, retries=retries)
    except requests.RequestException as error:
        # The exception's own text holds the URL, and with it the signature.
        raise errors.StoreError(f"swift: {request.method} by TempURL: no answer", detail=type(error).__name__) from None
    if answer.status_code not in {requests.codes.ok, requests.codes.created}:
        raise errors.StoreError(
            f"swift: {request.method} by TempURL: {answer.status_code} {answer.reason}",
            detail=f"X-Trans-Id {answer.headers.get('X-Trans-Id', '')}",
            hint=swift_client.HINTS[answer.status_code] if answer.status_code in FULL else HINT,
        )
    return answer.content


def _read_key(swift: Any) -> str:
    account = swift.head_account()
    return next((str(account[header]) for header in KEY_HEADERS if account.get(header)), "")
