"""What every store promises of its pre-signed requests: each opens one thing, one way, for a while."""

from __future__ import annotations

import time

import pytest
import requests

from include.proven import errors
from include.proven.stores.contract import SignedRequest, locate
from tests.stores.beds import StoreBed, require
from tests.stores.uploading import ARTIFACT, TIMEOUT, describe, fetch, send, sign_one, store_artifact

REFUSED = frozenset({401, 403})
SUCCESS = frozenset({200, 201})


class SignaturePromises:
    """For stores with the ability `signatures`."""

    def test_signed_put_opens_one_part_to_one_method(self, bed: StoreBed) -> None:
        require(bed, "signatures")
        request = sign_one(bed.store, b"x")
        other = SignedRequest("PUT", bed.for_other_part(request.url), request.headers)
        assert other.url != request.url
        for refused in (send(other, b"x"), send(request, b"", method="GET"), send(request, b"", method="DELETE")):
            assert refused.status_code in REFUSED
        assert send(request, b"x").status_code in SUCCESS

    def test_signed_put_opens_no_other_object(self, bed: StoreBed) -> None:
        require(bed, "signatures")
        request = sign_one(bed.store, b"x")
        other = SignedRequest("PUT", request.url.replace("dump.sql.zst.gpg", "grants.sql.zst.gpg"), request.headers)
        assert other.url != request.url
        assert send(other, b"x").status_code in REFUSED

    @pytest.mark.parametrize("body", [b"damaged", b"whole!! and more", b""], ids=["same size", "longer", "empty"])
    def test_signed_put_takes_no_other_content(self, bed: StoreBed, body: bytes) -> None:
        require(bed, "signatures")
        opened = bed.store.begin_upload(ARTIFACT)
        parts = locate([describe(1, b"whole!!")])
        request = bed.store.presign_parts(opened, parts)[0]
        assert send(request, body).status_code in {400, 422} | REFUSED
        assert bed.store.find_parts(opened, parts) == set()

    def test_other_content_that_comes_without_the_headers_is_never_committed(self, bed: StoreBed) -> None:
        require(bed, "signatures")
        opened = bed.store.begin_upload(ARTIFACT)
        part = describe(1, b"whole!!")
        request = bed.store.presign_parts(opened, locate([part]))[0]
        send(SignedRequest("PUT", request.url), b"damaged")
        with pytest.raises(errors.IntegrityError, match=f"{ARTIFACT}: part 1 is not"):
            bed.store.commit_upload(opened, [part])
        assert list(bed.store.list_objects("")) == []

    def test_signed_get_opens_one_object_to_reading(self, bed: StoreBed) -> None:
        require(bed, "signatures")
        store_artifact(bed.store, ARTIFACT, b"x")
        bed.store.put_record("shop/other", b"y")
        request = bed.store.presign_get(ARTIFACT)
        other = SignedRequest("GET", request.url.replace(ARTIFACT, "shop/other"), request.headers)
        assert other.url != request.url
        for refused in (send(other, b""), send(request, b"z", method="PUT"), send(request, b"", method="DELETE")):
            assert refused.status_code in REFUSED
        assert fetch(request) == b"x"

    def test_signed_request_opens_no_other_account(self, bed: StoreBed) -> None:
        require(bed, "signatures")
        require(bed, "accounts")
        store_artifact(bed.store, ARTIFACT, b"x")
        url = bed.for_stranger(bed.store.presign_get(ARTIFACT).url)
        assert requests.get(url, timeout=TIMEOUT).status_code in REFUSED

    def test_signed_requests_expire(self, bed: StoreBed) -> None:
        require(bed, "signatures")
        bed.store.put_record("shop/other", b"y")
        put, get = sign_one(bed.short_lived, b"x"), bed.short_lived.presign_get("shop/other")
        time.sleep(2.1)
        assert send(put, b"x").status_code in REFUSED
        assert send(get, b"").status_code in REFUSED

    def test_signed_request_does_not_show_itself(self, bed: StoreBed) -> None:
        request = sign_one(bed.store, b"x")
        assert request.url not in repr(request)
        assert request.url[-20:] not in repr(request)
