"""What a store answers when it refuses: which refusals pass, and how each is told to a person."""

from __future__ import annotations

import datetime
import email.utils
import http.client
import re

from .errors import AgentError

SUCCESS = frozenset({200, 201, 204, 206})
REFUSED = frozenset({401, 403})
"""The URL may have expired: another may be let in."""
FULL = 507
PASSING = frozenset({408, 409, 422, 425, 429, *range(500, 600)} - {501, 505, FULL})
PASSING_CODES = frozenset({"RequestTimeout", "BadDigest", "XAmzContentSHA256Mismatch", "IncompleteBody"})
"""S3 answers 400 for bytes that were lost or damaged on the way."""
REQUEST_IDS = ("X-Trans-Id", "X-Openstack-Request-Id", "x-amz-request-id")
CODE = re.compile(rb"<Code>(\w{1,60})</Code>")
EXPLANATION_BYTES = 64 * 1024
HINTS = {
    401: "The URL was refused: it expired, or the clocks of store and controller differ. Compare `date` on both.",
    403: "The URL was refused: it expired, the clocks differ, or the account may not write there.",
    404: "The container is gone, the upload was aborted meanwhile, or the URL is for another account.",
    412: "Something of that name is there already, and what is written is written once.",
    413: "The store's limit for one object is below `part_bytes`.",
    FULL: "The store is full: free space or raise the quota.",
}
LOOK_IT_UP = "Look the request id up in the store's log."
READING = " get "
"""What the words for a read have in them."""


class Answer(Exception):  # noqa: N818 - it is not always an error: `AgentError` is made of it where it is one
    """The store answered with a status that is not success. It holds no word of the URL."""

    def __init__(self, response: http.client.HTTPResponse) -> None:
        self.status = response.status
        code = CODE.search(response.read(EXPLANATION_BYTES))
        self.code = code[1].decode() if code else ""
        ids = (f"{name}: {response.getheader(name)}" for name in REQUEST_IDS if response.getheader(name))
        self.request_id = next(ids, "")
        self.retry_after = _seconds_until(response.getheader("Retry-After") or "")
        super().__init__(f"{response.status} {response.reason}{f' ({self.code})' if self.code else ''}")

    def may_pass(self, doing: str) -> bool:
        """Say whether the same request, `doing` as for `explain`, may succeed later."""
        if self.status == FULL:
            return READING in doing  # that takes no room: Swift says so of a disk that has failed, and has others
        return self.status in PASSING or (self.status == 400 and self.code in PASSING_CODES)

    def explain(self, doing: str) -> AgentError:
        """Return the error to raise; `doing` is `store: put NAME` or `store: get NAME`."""
        if self.status in (404, 410) and READING in doing:
            return missing(doing, "missing from the store", self.request_id)
        if self.status == 416:
            return missing(doing, "the object ends before this part", self.request_id)
        hint = HINTS.get(self.status, LOOK_IT_UP)
        if self.status == FULL and READING in doing:
            hint = LOOK_IT_UP
        return AgentError("store", f"{doing}: {self}", detail=self.request_id, hint=hint)


def missing(doing: str, what: str, detail: str = "") -> AgentError:
    """Return the error (integrity) for an object that is not there as it was written."""
    hint = "Somebody deleted or replaced it: take a new backup, and look who may write to the container."
    return AgentError("integrity", f"{doing}: {what}", detail=detail, hint=hint)


def wrong_size(doing: str, size: int, total: int) -> AgentError:
    """Return the error (integrity) for an object of `size` bytes that should have `total`."""
    what = f"{doing}: the object has {size} bytes, the manifest says {total}"
    return AgentError("integrity", what, hint="Somebody replaced or truncated it: take a new backup.")


def _seconds_until(retry_after: str) -> float:
    """Return how long a `Retry-After` (seconds, or a date) asks to wait; 0 if it says nothing that one can read."""
    if retry_after.isdigit():
        return float(retry_after)
    try:
        until = email.utils.parsedate_to_datetime(retry_after)
        return max(0.0, (until - datetime.datetime.now(datetime.timezone.utc)).total_seconds())
    except (TypeError, ValueError):
        return 0.0
