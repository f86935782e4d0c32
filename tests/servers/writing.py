"""Somebody who commits as fast as a server takes it, while something else is tried there."""

from __future__ import annotations

import contextlib
import subprocess
import threading
import time
from collections.abc import Iterator

from include.proven import servers
from tests.servers.databases import DatabaseServer


@contextlib.contextmanager
def keep_writing(server: DatabaseServer, schema: str, statements: str) -> Iterator[None]:
    """Run statements, in which `{n}` is 1, 2, 3 …, over and over as root. Fail the test if one was refused."""
    program = servers.find_program(server.flavour, server.path)
    argv = [program, "--no-defaults", "-uroot", f"-S{server.admin['socket']}", "--batch", schema]
    client = subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL)
    assert client.stdin is not None
    pipe, enough = client.stdin, threading.Event()

    def feed() -> None:
        number = 0
        while not enough.is_set():
            number += 1
            pipe.write(statements.format(n=number).encode())
            pipe.flush()

    feeder = threading.Thread(target=feed)
    feeder.start()
    try:
        yield
        assert client.poll() is None, "the writer has died"
    finally:
        enough.set()
        feeder.join()
        pipe.close()
        assert client.wait(60) == 0


def write_pages(server: DatabaseServer) -> None:
    """Wait until the server has written all changed pages to its files: pages count as changed from its last checkpoint on."""
    server.sql("SET GLOBAL innodb_max_dirty_pages_pct_lwm = 0; SET GLOBAL innodb_max_dirty_pages_pct = 0")
    deadline = time.monotonic() + 120
    while int(server.sql("SHOW GLOBAL STATUS LIKE 'Innodb_checkpoint_age'")[0][1]) > 100_000:
        assert time.monotonic() < deadline
        time.sleep(0.1)
