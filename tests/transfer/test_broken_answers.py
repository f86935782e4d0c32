"""Whatever is asked of a store's server, the first answer is spoilt and only the second is good: nobody is taken in."""

from __future__ import annotations

import os
from collections.abc import Callable

import pytest

from include.proven.stores import presigned, swift_client
from include.proven.stores.contract import StoredObject, locate
from tests.servers.fault_proxy import FaultProxy
from tests.servers.faults import Order, Request
from tests.stores.uploading import make_pieces, send_pieces
from tests.transfer.places import Place

KEY = "shop/x/dump"


def nothing(length: int) -> int:
    return 0


def almost_all(length: int) -> int:
    return max(0, length - 1)


class StutteringProxy(FaultProxy):
    """Spoils the first answer to each request in one way; of what is cut short, `keep` says how much is left."""

    def __init__(self, upstream_url: str, kind: str, keep: Callable[[int], int]) -> None:
        super().__init__(upstream_url, seed=1, share=0)
        self._kind, self._keep = kind, keep
        self._seen: set[tuple[str, str]] = set()

    def choose(self, request: Request) -> Order | None:
        """Return the fault, if nobody has asked for that before."""
        asked = request.method, request.path.partition("/.check-")[0] + request.target.partition("?")[2].partition("_sig")[0]
        if asked in self._seen or not request.can_meet(self._kind):
            return super().choose(request)
        self._seen.add(asked)
        return Order(self._kind, request.method, request.path, 0)

    def below(self, length: int) -> int:
        """Return where to cut."""
        return self._keep(length)


@pytest.mark.parametrize(
    ("kind", "keep"),
    [
        ("truncate", nothing),
        ("truncate", almost_all),
        ("cut_answer", almost_all),
        ("lose_answer", nothing),
        ("408", nothing),
        ("429", nothing),
        ("503", nothing),
    ],
)
@pytest.mark.parametrize("place", ["swift", "s3_swift"], indirect=True)
def test_a_whole_life_of_an_artifact(
    place: Place, kind: str, keep: Callable[[int], int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(swift_client, "FIRST_BACKOFF_SECONDS", 0.01)
    pieces, record = make_pieces(), os.urandom(5000)
    size = sum(map(len, pieces))
    with StutteringProxy(place.server_url, kind, keep) as proxy:
        store = place.through(proxy.url).open()
        upload = store.begin_upload(KEY)
        parts = send_pieces(store, upload, pieces)
        assert store.find_parts(upload, locate(parts)) == {1, 2, 3}
        assert [found.key for found in store.list_uploads("shop")] == [KEY]
        store.commit_upload(upload, parts)
        store.put_record("shop/x/manifest.json", record)
        assert store.get_record("shop/x/manifest.json") == record
        assert store.read_start(KEY, 4096) == pieces[0][:4096]
        assert list(store.list_objects("shop")) == [StoredObject(KEY, size), StoredObject("shop/x/manifest.json", 5000)]
        assert store.list_folders("shop") == ["x"]
        assert store.list_uploads("shop") == []
        assert store.delete_folder("shop/x") >= 2
        assert place.everything() == []
        assert len(proxy.log) >= 6


@pytest.mark.parametrize("kind", ["drop", "lose_answer", "503"])
@pytest.mark.parametrize("place", ["swift", "s3_swift"], indirect=True)
def test_a_check_does_not_give_up_at_once(place: Place, kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A backup begins with one: what its transfer bears its check must bear."""
    monkeypatch.setattr(swift_client, "FIRST_BACKOFF_SECONDS", 0.01)
    monkeypatch.setattr(presigned, "FIRST_BACKOFF_SECONDS", 0.01)
    with StutteringProxy(place.server_url, kind, nothing) as proxy:
        place.through(proxy.url).open().check()
        assert {"GET", "PUT"} <= {fault.method for fault in proxy.log if "/.check-" in fault.path}
    assert place.everything() == []
