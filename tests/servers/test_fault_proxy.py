"""The fault proxy before a real Swift: what it should not touch it does not, and each fault is what it says."""

from __future__ import annotations

import contextlib
import http.client
import os
import pathlib
import secrets
import threading
import time
import urllib.parse
from collections.abc import Iterator

import pytest

from tests.servers.fault_proxy import FaultProxy
from tests.servers.faults import ANSWERS, KINDS, Fault
from tests.servers.s3 import S3
from tests.servers.swift import Swift

GONE = (ConnectionError, http.client.HTTPException)
MEGABYTE = 1 << 20


class Client:
    """One connection with http.client: no library that would try again behind our back."""

    def __init__(self, swift: Swift, proxy: FaultProxy) -> None:
        raw = swift.raw()
        storage_url, self._token = raw.get_auth()
        self.folder = f"{urllib.parse.urlsplit(storage_url).path}/t{secrets.token_hex(4)}"
        raw.put_container(self.folder.rpartition("/")[2])
        self.connection = http.client.HTTPConnection(urllib.parse.urlsplit(proxy.url).netloc, timeout=30)

    def ask(self, method: str, name: str, body: bytes | Iterator[bytes] | None = None) -> tuple[int, bytes]:
        """Make one request; return status and body. A connection that was closed is opened again."""
        try:
            answer = self.begin(method, name, body)
            return answer.status, answer.read()
        except GONE:
            self.connection.close()
            raise

    def begin(self, method: str, name: str, body: bytes | Iterator[bytes] | None = None) -> http.client.HTTPResponse:
        """Make one request; return its answer unread."""
        self.connection.request(method, f"{self.folder}/{urllib.parse.quote(name)}", body, {"X-Auth-Token": self._token})
        return self.connection.getresponse()


@pytest.fixture
def proxy(swift: Swift) -> Iterator[FaultProxy]:
    with FaultProxy(swift.server.url, seed=1, share=0, delay_seconds=0.3) as running:
        yield running


@pytest.fixture
def client(swift: Swift, proxy: FaultProxy) -> Client:
    return Client(swift, proxy)


def test_what_passes_is_unchanged_on_one_connection_and_counted(client: Client, proxy: FaultProxy) -> None:
    content = os.urandom(3 * MEGABYTE + 1)
    assert client.ask("PUT", "a b/ü%", content)[0] == 201
    assert client.ask("GET", "a b/ü%") == (200, content)
    socket = client.connection.sock
    assert client.ask("PUT", "chunked", iter([content[:5], content[5:]]))[0] == 201
    assert client.ask("GET", "chunked") == (200, content)
    assert client.ask("HEAD", "chunked") == (200, b"")
    assert client.ask("GET", "nothing")[0] == 404
    assert client.ask("DELETE", "chunked") == (204, b"")
    assert client.connection.sock is socket
    assert proxy.bytes_up[f"{client.folder}/chunked"] == proxy.bytes_down[f"{client.folder}/chunked"] == len(content)
    assert proxy.requests[f"GET {client.folder}/chunked"] == 1
    assert proxy.log == []


def test_bodies_are_not_gathered_in_memory(client: Client) -> None:
    """While 100 MB go up and come down, this process (the proxy is in it) grows by less than a tenth of that."""
    size, block = 100 * MEGABYTE, bytes(MEGABYTE)
    pathlib.Path("/proc/self/clear_refs").write_text("5")  # forgets the peak so far
    before = peak_memory()
    assert client.ask("PUT", "large", (block for _ in range(size // MEGABYTE)))[0] == 201
    answer = client.begin("GET", "large")
    assert sum(len(part) for part in iter(lambda: answer.read(MEGABYTE), b"")) == size
    assert peak_memory() - before < size / 10


def test_storage_url_leads_back_to_the_proxy(swift: Swift, proxy: FaultProxy) -> None:
    address = urllib.parse.urlsplit(swift.server.url).netloc
    connection = http.client.HTTPConnection(urllib.parse.urlsplit(proxy.url).netloc)
    account = swift.settings.accounts[0]
    login = {"X-Auth-User": f"{account.account}:{account.user}", "X-Auth-Key": account.password, "Host": address}
    connection.request("GET", "/auth/v1.0", headers=login)  # Swift builds the URL from the Host
    assert connection.getresponse().headers["X-Storage-Url"].startswith(f"{proxy.url}/v1/AUTH_")
    connection.close()


def test_dropped_request_never_comes_to_the_server(client: Client, proxy: FaultProxy) -> None:
    proxy.fail("drop", method="PUT")
    with pytest.raises(GONE):
        client.ask("PUT", "x", b"hello")
    assert client.ask("GET", "x")[0] == 404
    assert proxy.log == [Fault("PUT", f"{client.folder}/x", "drop")]


def test_cut_request_leaves_no_object(client: Client, proxy: FaultProxy) -> None:
    proxy.fail("cut_request")
    with pytest.raises(GONE):
        client.ask("PUT", "x", bytes(8 * MEGABYTE))
    assert client.ask("GET", "x")[0] == 404
    assert 0 < proxy.bytes_up[f"{client.folder}/x"] <= 8 * MEGABYTE


def test_lost_answer_is_of_a_request_that_was_done(client: Client, proxy: FaultProxy) -> None:
    proxy.fail("lose_answer")
    with pytest.raises(GONE):
        client.ask("PUT", "x", b"hello")
    assert client.ask("GET", "x") == (200, b"hello")


def test_cut_answer_is_noticed_by_the_client(client: Client, proxy: FaultProxy) -> None:
    client.ask("PUT", "x", bytes(MEGABYTE))
    proxy.fail("cut_answer")
    with pytest.raises(GONE):
        client.ask("GET", "x")
    assert proxy.bytes_down[f"{client.folder}/x"] < MEGABYTE


def test_truncated_answer_looks_whole(client: Client, proxy: FaultProxy) -> None:
    client.ask("PUT", "x", bytes(MEGABYTE))
    proxy.fail("truncate", times=2)
    for _ in range(2):
        status, content = client.ask("GET", "x")
        assert (status, len(content) < MEGABYTE) == (200, True)
    assert client.ask("GET", "x") == (200, bytes(MEGABYTE))


def test_delay_is_only_that(client: Client, proxy: FaultProxy) -> None:
    client.ask("PUT", "x", b"hello")
    proxy.fail("delay")
    before = time.monotonic()
    assert client.ask("GET", "x") == (200, b"hello")
    assert time.monotonic() - before >= 0.3


@pytest.mark.parametrize("status", ANSWERS)
def test_answer_of_the_proxy_keeps_the_request_from_the_server(client: Client, proxy: FaultProxy, status: str) -> None:
    proxy.fail(status)
    answer = client.begin("PUT", "x", bytes(MEGABYTE))
    answer.read()
    assert answer.status == int(status)
    assert (answer.headers["Retry-After"] is not None) == (status == "429")
    assert client.ask("GET", "x")[0] == 404


@pytest.mark.parametrize("offset", [0, MEGABYTE - 1, None])
def test_one_bit_is_damaged_on_either_way(client: Client, proxy: FaultProxy, offset: int | None) -> None:
    content = os.urandom(MEGABYTE)
    proxy.damage("request", method="PUT", path="up", offset=offset)
    assert client.ask("PUT", "up", content)[0] == 201
    client.ask("PUT", "down", content)
    proxy.damage("answer", path="down", offset=offset)
    for name in ("up", "down"):
        received = client.ask("GET", name)[1]
        differing = [number for number, (one, other) in enumerate(zip(received, content, strict=True)) if one != other]
        assert len(differing) == 1
        assert offset in {None, differing[0]}
        assert (received[differing[0]] ^ content[differing[0]]).bit_count() == 1
    assert [fault.kind for fault in proxy.log] == ["damage_request", "damage_answer"]
    assert client.ask("GET", "down") == (200, content)


def test_share_and_seed_decide_what_fails(swift: Swift) -> None:
    logs = []
    for seed in (3, 3, 4):
        with FaultProxy(swift.server.url, seed=seed, share=0.2, delay_seconds=0) as proxy:
            client = Client(swift, proxy)
            for number in range(200):
                with contextlib.suppress(*GONE):
                    client.ask("GET" if number % 2 else "PUT", "x", None if number % 2 else b"hello")
            client.connection.close()
            logs.append([(fault.method, fault.kind) for fault in proxy.log])
    assert logs[0] == logs[1] != logs[2]
    assert 20 < len(logs[0]) < 60
    assert {kind for log in logs for _, kind in log} == set(KINDS)


def test_a_client_library_behind_it_sees_its_objects_whole(s3: S3) -> None:
    """boto3 asks before it sends (Expect: 100-continue) and signs the Host: both must survive."""
    bucket = s3.bucket()
    with FaultProxy(s3.endpoint_url, seed=1, share=0) as proxy:
        client = s3.client(s3.connection(endpoint_url=proxy.url))
        content = os.urandom(MEGABYTE)
        client.put_object(Bucket=bucket, Key="a", Body=content)
        assert client.get_object(Bucket=bucket, Key="a")["Body"].read() == content
        assert proxy.bytes_up[f"/{bucket}/a"] == len(content)
    assert s3.everything(bucket).objects == {"a": MEGABYTE}


def test_nothing_runs_after_it(swift: Swift) -> None:
    threads = threading.active_count()
    with FaultProxy(swift.server.url, seed=1, share=1, kinds=["delay"], delay_seconds=60) as proxy:
        client = Client(swift, proxy)
        asking = threading.Thread(target=pytest.raises, args=(GONE, client.ask, "GET", "x"))
        asking.start()
        while not proxy.log:
            time.sleep(0.01)
    asking.join(timeout=10)
    assert threading.active_count() == threads


def peak_memory() -> int:
    """Return the most bytes of memory that this process has had."""
    return int(pathlib.Path("/proc/self/status").read_text().split("VmHWM:")[1].split()[0]) * 1024
