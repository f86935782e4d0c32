"""A part to or from a file of this host, on real files."""

from __future__ import annotations

import pathlib
from typing import Any

import pytest

from include.proven.agent import web
from include.proven.agent.errors import AgentError
from include.proven.agent.throttle import Throttle

NAME = "Sicherung für ‚Laden‘ %20.gpg"


def request(path: pathlib.Path, first: int | None = None, count: int = 0) -> dict[str, Any]:
    span = {} if first is None else {"Content-Range": f"bytes {first}-{first + count - 1}/*"}
    return {"method": "PUT" if span else "GET", "url": path.as_uri(), "headers": span}


def put(path: pathlib.Path, first: int, body: bytes) -> None:
    web.put(lambda: request(path, first, len(body)), memoryview(body), "a part 1", Throttle(0))


def get(path: pathlib.Path, first: int, count: int, total: int) -> bytes:
    into = bytearray(count)
    web.get_range(request(path), first, memoryview(into), total, "a part 1", lambda: request(path), Throttle(0))
    return bytes(into)


def test_parts_come_in_any_order_and_go_where_they_belong(tmp_path: pathlib.Path) -> None:
    path, content = tmp_path / NAME, bytes(range(256)) * 4096
    half = len(content) // 2 + 17
    put(path, half, content[half:])
    put(path, 0, content[:half])
    assert path.read_bytes() == content
    assert path.stat().st_mode & 0o777 == 0o600
    assert get(path, 100_000, 500_000, len(content)) == content[100_000:600_000]


def test_a_part_that_is_sent_again_replaces_itself_only(tmp_path: pathlib.Path) -> None:
    path = tmp_path / NAME
    put(path, 0, b"aaaabbbbcccc")
    put(path, 4, b"BBBB")
    assert path.read_bytes() == b"aaaaBBBBcccc"


def test_a_disk_that_is_full() -> None:
    with pytest.raises(AgentError, match="store: put a part 1: No space left on device") as caught:
        put(pathlib.Path("/dev/full"), 0, b"x")
    assert (caught.value.kind, caught.value.detail) == ("store", "ENOSPC: /dev/full")
    assert "free space" in caught.value.hint


def test_a_disk_that_is_not_mounted(tmp_path: pathlib.Path) -> None:
    path = tmp_path / "disk" / "object"
    for act in (lambda: put(path, 0, b"x"), lambda: get(path, 0, 1, 1)):
        with pytest.raises(AgentError, match="No such file or directory") as caught:
            act()
        assert caught.value.kind == "store"
        assert "mounted" in caught.value.hint
    assert not path.parent.exists()


def test_nothing_is_written_through_a_link(tmp_path: pathlib.Path) -> None:
    path, target = tmp_path / "object", tmp_path / "elsewhere"
    path.symlink_to(target)
    with pytest.raises(AgentError, match="store: put a part 1"):
        put(path, 0, b"x")
    assert not target.exists()


def test_an_object_that_is_missing(tmp_path: pathlib.Path) -> None:
    with pytest.raises(AgentError, match="missing from the store") as caught:
        get(tmp_path / "object", 0, 1, 1)
    assert caught.value.kind == "integrity"


@pytest.mark.parametrize("size", [99, 101])
def test_an_object_of_another_size(size: int, tmp_path: pathlib.Path) -> None:
    (tmp_path / "object").write_bytes(b"x" * size)
    with pytest.raises(AgentError, match=f"the object has {size} bytes, the manifest says 100") as caught:
        get(tmp_path / "object", 0, 10, 100)
    assert caught.value.kind == "integrity"
