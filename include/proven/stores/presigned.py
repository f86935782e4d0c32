"""Makes a pre-signed request from here, as the agent makes it where it runs: for the probe of a store's check."""

from __future__ import annotations

import time

import requests

from include.proven.stores.contract import SignedRequest

TIMEOUT_SECONDS = 30
FIRST_BACKOFF_SECONDS = 0.5
PASSING = (408, 429, 500, 502, 503, 504)
"""Statuses after which the same request may succeed."""


def ask(request: SignedRequest, content: bytes, *, retries: int, verify: bool | str = True) -> requests.Response:
    """Make a pre-signed request, once or, where its failure may pass, so many times more, and return the answer.

    `verify` is the file of the authorities that vouch for certificates; False: nobody does, True: those of Python's requests.
    Raise requests.RequestException, whose text holds the URL and its signature, if there is no answer.
    """
    for number in range(retries):
        try:
            answer = _ask(request, content, verify)
        except (requests.ConnectionError, requests.Timeout, requests.exceptions.ChunkedEncodingError):
            pass  # the last try raises it
        else:
            if answer.status_code not in PASSING:
                return answer
        time.sleep(FIRST_BACKOFF_SECONDS * 2**number)
    return _ask(request, content, verify)


def _ask(request: SignedRequest, content: bytes, verify: bool | str) -> requests.Response:
    return requests.request(
        request.method,
        request.url,
        data=content,
        headers=request.headers,
        timeout=TIMEOUT_SECONDS,
        allow_redirects=False,
        verify=verify,
    )
