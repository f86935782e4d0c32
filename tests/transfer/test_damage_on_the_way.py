"""A byte that is flipped between agent and store, and an answer that breaks off: made good by sending or fetching again."""

from __future__ import annotations

import pathlib
import random
from collections.abc import Iterator

import pytest

from include.proven import errors
from include.proven.agent import patience
from include.proven.agent.errors import AgentError
from tests.servers.fault_proxy import FaultProxy
from tests.transfer import carrier
from tests.transfer.places import Place

KEY = "shop/x/dump"
PART = 256 << 10
SIZE = 5 * PART + 17


@pytest.fixture
def source(tmp_path: pathlib.Path) -> pathlib.Path:
    file = tmp_path / "source"
    file.write_bytes(random.Random(1).randbytes(SIZE))
    return file


@pytest.fixture
def proxy(place: Place) -> Iterator[FaultProxy]:
    with FaultProxy(place.server_url, seed=1, share=0) as running:
        yield running


@pytest.fixture(autouse=True)
def impatience(monkeypatch: pytest.MonkeyPatch) -> None:
    """Try again at once."""
    monkeypatch.setattr(patience, "BACKOFF", 0.01)


def part_of(place: Place, number: int) -> str:
    """Return what is in the path or query of a part's PUT."""
    return f"dump/{number:08d}" if place.shares_parts else f"partNumber={number}&"


@pytest.mark.failure("B2")
@pytest.mark.parametrize("way", [carrier.send, carrier.copy])
def test_a_byte_flipped_on_the_way_up_is_refused_by_the_store_and_sent_again(
    place: Place, proxy: FaultProxy, source: pathlib.Path, way: carrier.Sender
) -> None:
    proxy.damage("request", method="PUT", path=part_of(place, 2))
    described = way(place.through(proxy.url), KEY, source, PART)
    assert [fault.kind for fault in proxy.log] == ["damage_request"]
    assert SIZE + PART <= sum(proxy.bytes_up.values()) < SIZE + 2 * PART
    assert carrier.read_back(place.direct, KEY) == described.sha256 == carrier.sha256(source.read_bytes())


@pytest.mark.failure("B2")
def test_a_way_up_that_damages_a_part_each_time_is_an_error_that_names_it(
    place: Place, proxy: FaultProxy, source: pathlib.Path
) -> None:
    proxy.damage("request", method="PUT", path=part_of(place, 2), times=100)
    with pytest.raises(AgentError, match=r"store: put dump part 2 to store: (422|400)") as caught:
        carrier.send(place.through(proxy.url), KEY, source, PART)
    assert caught.value.kind == "store"
    assert len(proxy.log) == patience.TRIES
    assert list(place.direct.list_objects("")) == []
    place.direct.delete_folder("shop/x")
    assert place.everything() == []


@pytest.mark.parametrize("way", [carrier.receive, carrier.fetch])
@pytest.mark.parametrize("fault", ["damage", "cut_answer", "truncate", "507"])
def test_what_comes_down_wrong_or_not_at_all_is_fetched_anew(
    place: Place, proxy: FaultProxy, source: pathlib.Path, way: carrier.Receiver, fault: str
) -> None:
    described = carrier.send(place.through(place.server_url), KEY, source, PART)
    if fault == "damage":
        proxy.damage("answer", method="GET", path=KEY)
    else:
        proxy.fail(fault, method="GET", path=KEY, times=3)
    target = source.with_suffix(".back")
    way(place.through(proxy.url), KEY, described, target)
    assert len(proxy.log) == (1 if fault == "damage" else 3)
    assert target.read_bytes() == source.read_bytes()


@pytest.mark.failure("B1", "B2")
def test_what_comes_down_wrong_each_time_is_an_error_that_names_the_part(
    place: Place, proxy: FaultProxy, source: pathlib.Path
) -> None:
    described = carrier.send(place.through(place.server_url), KEY, source, PART)
    proxy.damage("answer", method="GET", path=KEY, times=100)
    with pytest.raises(errors.IntegrityError, match=r"store: get dump part \d from store: checksum mismatch"):
        carrier.apart(carrier.receive, place.through(proxy.url), KEY, described, source.with_suffix(".back"))
    written = source.with_suffix(".back").read_bytes()
    assert written == source.read_bytes()[: len(written)]
    with pytest.raises(errors.IntegrityError, match=r"store: get dump part \d from store: checksum mismatch"):
        carrier.fetch(place.through(proxy.url), KEY, described, source.with_suffix(".fetched"))
    assert not source.with_suffix(".fetched").is_file()
