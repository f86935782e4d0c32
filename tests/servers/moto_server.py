"""moto's S3 server behind a gate that refuses what S3 refuses and moto does not.

moto 5.2.5 takes any signature, any URL however old, any credentials, and any Content-MD5 or checksum, however wrong. (It can be
told to check signatures of headers, and then answers 500 to every pre-signed URL.) A store could be wrong in all of this and
pass. So a request comes to moto only if its Signature Version 4 is right and has not expired, every x-amz-* header is signed,
and its body is what Content-MD5, x-amz-checksum-{crc32,sha1,sha256} and x-amz-content-sha256 say. Whose key signed decides the
account, so that a stranger is one.

    python -m tests.servers.moto_server     reads {"<access key>": {"secret": …, "account": "<12 digits>"}} as one line, prints
                                            {"url": …} and serves until its standard input ends
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
import sys
import tempfile
import threading
import zlib
from collections.abc import Callable, Iterable
from http import HTTPStatus
from typing import IO, Any, Protocol

from werkzeug import serving, wsgi

from tests.servers import signature

WsgiApp = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]

SETTINGS = {
    "S3_UPLOAD_PART_MIN_SIZE": "1",  # AWS: 5 MiB
    "MOTO_S3_DEFAULT_KEY_BUFFER_SIZE": "65536",  # what is larger lies in a file
    "MOTO_S3_ALLOW_CROSSACCOUNT_ACCESS": "false",
}
BLOCK = 1 << 16
ERROR = '<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>{code}</Code><Message>{message}</Message></Error>'


class Digest(Protocol):
    """What is computed of a body."""

    def update(self, data: bytes, /) -> None:
        """Take more of it."""

    def digest(self) -> bytes:
        """Return the digest of all of it."""


class Crc32:
    """zlib's CRC in the manner of hashlib."""

    def __init__(self) -> None:
        self._value = 0

    def update(self, data: bytes, /) -> None:
        """Take more of the body."""
        self._value = zlib.crc32(data, self._value)

    def digest(self) -> bytes:
        """Return its CRC, big end first."""
        return self._value.to_bytes(4, "big")


DIGESTS: dict[str, Callable[[], Digest]] = {
    "content-md5": lambda: hashlib.md5(usedforsecurity=False),
    "x-amz-checksum-crc32": Crc32,
    "x-amz-checksum-sha1": lambda: hashlib.sha1(usedforsecurity=False),
    "x-amz-checksum-sha256": hashlib.sha256,
    "x-amz-content-sha256": hashlib.sha256,
}
"""Header → how its value is computed. moto's own word for the rest (CRC32C, CRC64NVME) is not checked."""


class Gate:
    """WSGI middleware: refuses, or hands on to `app` with the account of the key."""

    def __init__(self, app: WsgiApp, keys: dict[str, dict[str, str]]) -> None:
        self._app, self._keys = app, keys

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        headers = read_headers(environ)
        with tempfile.SpooledTemporaryFile(max_size=1 << 20) as body:
            try:
                # Before anything is refused: what is left unread would be taken for the next request of the connection.
                digests = copy_body(wsgi.get_input_stream(environ), body, headers)
                self._authenticate(environ, headers)
                compare_digests(headers, digests)
            except signature.RefusedError as error:
                content = ERROR.format(code=error.code, message=str(error)).encode()
                status = f"{error.status} {HTTPStatus(error.status).phrase}"
                start_response(status, [("Content-Type", "application/xml"), ("Content-Length", str(len(content)))])
                yield content
            else:
                body.seek(0)
                yield from self._app({**environ, "wsgi.input": body}, start_response)

    def _authenticate(self, environ: dict[str, Any], headers: dict[str, str]) -> None:
        path, _, query = environ["REQUEST_URI"].partition("?")
        signed = signature.read(query, headers)
        if signed.key not in self._keys:
            raise signature.RefusedError(403, "InvalidAccessKeyId", "the access key id does not exist in our records")
        signature.verify(environ["REQUEST_METHOD"], path, query, headers, signed, self._keys[signed.key]["secret"])
        environ["HTTP_X_MOTO_ACCOUNT_ID"] = self._keys[signed.key]["account"]


def read_headers(environ: dict[str, Any]) -> dict[str, str]:
    """Return the headers of a request, names in lower case."""
    headers = {name[5:].replace("_", "-").lower(): value for name, value in environ.items() if name.startswith("HTTP_")}
    for name in ("CONTENT_TYPE", "CONTENT_LENGTH"):
        if name in environ:
            headers[name.replace("_", "-").lower()] = environ[name]
    return headers


def copy_body(source: IO[bytes], target: IO[bytes], headers: dict[str, str]) -> dict[str, bytes]:
    """Copy a body; return what each header that tells its digest should have told."""
    digests = {name: new() for name, new in DIGESTS.items() if name in headers}
    while block := source.read(BLOCK):
        target.write(block)
        for digest in digests.values():
            digest.update(block)
    return {name: digest.digest() for name, digest in digests.items()}


def compare_digests(headers: dict[str, str], digests: dict[str, bytes]) -> None:
    """Raise RefusedError for the first header that tells another digest than its body has."""
    for name, digest in digests.items():
        if name == "x-amz-content-sha256":
            if len(headers[name]) == 64 and headers[name] != digest.hex():  # else UNSIGNED-PAYLOAD
                raise signature.RefusedError(400, "XAmzContentSHA256Mismatch", f"the {name} does not match what was computed")
        elif headers[name] != base64.b64encode(digest).decode():
            raise signature.RefusedError(400, "BadDigest", f"the {name} you specified did not match what we received")


def end_with_input() -> None:
    """End when whoever started this server has ended, or has closed its end of the pipe."""
    sys.stdin.read()
    os._exit(0)


def main() -> None:
    """Serve until standard input ends."""
    os.environ.update(SETTINGS)
    # They read the settings when they are imported.
    from moto.moto_server.werkzeug_app import DomainDispatcherApplication, MotoRequestHandler, create_backend_app

    keys = json.loads(sys.stdin.readline())
    app = Gate(DomainDispatcherApplication(create_backend_app), keys)
    server = serving.make_server("127.0.0.1", 0, app, threaded=True, request_handler=MotoRequestHandler)
    threading.Thread(target=end_with_input, daemon=True).start()
    sys.stdout.write(json.dumps({"url": f"http://127.0.0.1:{server.server_port}"}) + "\n")
    sys.stdout.flush()
    server.serve_forever()


if __name__ == "__main__":
    main()
