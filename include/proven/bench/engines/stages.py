"""Each stage of a backup alone, and what follows from that: no way of these stages can be faster on this machine."""

from __future__ import annotations

import contextlib
import functools
import pathlib
from collections.abc import Callable, Iterator, Sequence

import swiftclient

from include.proven.agent import fingerprint, snapshot
from include.proven.bench.engines import meter, ours, scratch
from include.proven.bench.engines.bed import CONTAINER, Bed
from include.proven.bench.engines.by_hand import ByHand
from include.proven.bench.engines.meter import Span
from include.proven.bench.engines.outcome import Outcomes
from include.proven.fleet import databases

LEVEL = int(databases.Database.model_fields["compression_level"].default)
"""zstd's level in a fleet that names none."""
DUMP, COPY, FINGERPRINT, LOAD = "dump", "copy of the files", "fingerprint", "load, one stream, tuned server"
FIRST = {ours.ONE: DUMP, ours.TABLES: DUMP, ours.FILES: COPY}
"""What each of our ways begins with."""


class Stages:
    """The stages of one bed."""

    def __init__(self, bed: Bed, outcomes: Outcomes, by_hand: ByHand) -> None:
        self._bed = bed
        self._outcomes = outcomes
        self._by_hand = by_hand

    def run(self) -> None:
        """Time every stage alone, of SQL and of files."""
        self._run_chain(DUMP, self._by_hand.dump(), self._load_alone)
        self._run_chain(COPY, self._by_hand.copy(), None)
        self._go(FINGERPRINT, self._take_fingerprint)

    def _run_chain(self, first: str, command: str, last: Callable[[pathlib.Path], tuple[Span, int]] | None) -> None:
        with self._files() as (plain, packed, sealed):
            seal = self._by_hand.seal(squeezed=True)
            self._go(first, functools.partial(self._shell, command, None))
            self._by_hand.shell(command, out=plain)
            self._go(f"zstd of {first}", functools.partial(self._shell, f"zstd -q -{LEVEL} -c < {plain}", packed))
            self._go(f"gpg of {first}", functools.partial(self._shell, f"{seal} < {packed}", sealed))
            self._go(f"upload of {first}", functools.partial(self._send, sealed))
            if last:
                self._go(LOAD, functools.partial(last, plain))

    def _go(self, name: str, once: Callable[[], tuple[Span, int]]) -> None:
        self._outcomes.go("stage", name, once)

    def _shell(self, command: str, out: pathlib.Path | None) -> tuple[Span, int]:
        with self._bed.meter() as measured:
            self._by_hand.shell(command, out=out)
        return measured.span, 0

    def _send(self, file: pathlib.Path) -> tuple[Span, int]:
        """Send a file by one PUT, which costs less than any client with segments."""
        account = self._bed.account
        url, token = swiftclient.get_auth(
            self._bed.swift.auth_url, f"{account.account}:{account.user}", account.password, auth_version="1"
        )
        config = self._bed.folder / "curl"
        config.touch(mode=0o600)
        config.write_text(f'header = "X-Auth-Token: {token}"\n')
        curl = f"{self._bed.program('curl')} -q --silent --show-error --fail -K {config}"
        self._by_hand.shell(f"{curl} -X PUT {url}/{CONTAINER}")
        span, _ = self._shell(f"{curl} -T {file} {url}/{CONTAINER}/alone", None)
        self._by_hand.shell(f"{curl} -X DELETE {url}/{CONTAINER}/alone")
        return span, file.stat().st_size

    def _take_fingerprint(self) -> tuple[Span, int]:
        with self._bed.meter() as measured, self._bed.connect(self._bed.endpoint) as session:
            snapshot.open_snapshot(session)
            fingerprint.compute(session, self._bed.flavour, list(self._bed.schemas))
        return measured.span, 0

    def _load_alone(self, plain: pathlib.Path) -> tuple[Span, int]:
        with scratch.server(self._bed, tuned=True) as server:
            self._by_hand.make_definer(server)
            with self._bed.meter([server.datadir]) as measured:
                self._by_hand.shell(f"{self._by_hand.load(server)} < {plain}")
        return measured.span, 0

    @contextlib.contextmanager
    def _files(self) -> Iterator[Sequence[pathlib.Path]]:
        found = [self._bed.folder / name for name in ("plain", "packed", "sealed")]
        try:
            yield found
        finally:
            for file in found:
                file.unlink(missing_ok=True)


def bound(outcomes: Outcomes, way: str, *, proof: bool) -> float | None:
    """Return the seconds below which a way of ours can't be: its slowest stage alone, or the CPU of all on all cores.

    With `proof` the fingerprint is one of the stages. None where one of them has no figure.
    """
    first = FIRST[way]
    names = [first, *(f"{stage} of {first}" for stage in ("zstd", "gpg", "upload")), *([FINGERPRINT] if proof else [])]
    found = [outcomes.find("stage", name) for name in names]
    spans = [one.span for one in found if one and one.span]
    if len(spans) < len(names):
        return None
    lanes = 2 if way == ours.TABLES else 1
    # a dump by table has all but the fingerprint's session twice
    slowest = max(span.wall / (1 if name == FINGERPRINT else lanes) for name, span in zip(names, spans, strict=True))
    return max(slowest, sum(span.cpu for span in spans) / meter.cores())
