"""The part of memcached that Swift's middleware uses, in the memory of this one process."""

from __future__ import annotations

import time as clock
from collections.abc import Callable, Iterable, Mapping
from typing import Any

WsgiApp = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]


class LocalCache:
    """`swift.common.memcached.MemcacheRing`, as far as it is called. Its argument names are Swift's."""

    def __init__(self) -> None:
        self._entries: dict[str, tuple[Any, float]] = {}

    def get(self, key: str, raise_on_error: bool = False) -> Any:
        """Return the value of a key that has not expired, or None."""
        value, expires = self._entries.get(key, (None, 0.0))
        if expires and expires < clock.time():
            self._entries.pop(key, None)
            return None
        return value

    def set(
        self,
        key: str,
        value: Any,
        serialize: bool = True,
        time: float = 0,
        min_compress_len: int = 0,
        raise_on_error: bool = False,
    ) -> None:
        """Keep a value for `time` seconds; 0: for good."""
        self._entries[key] = (value, clock.time() + time if time else 0.0)

    def incr(self, key: str, delta: int = 1, time: float = 0) -> int:
        """Add `delta` to a counter that never falls below 0, and return it."""
        count = max(0, int(self.get(key) or 0) + int(delta))
        self.set(key, count, time=time)
        return count

    def decr(self, key: str, delta: int = 1, time: float = 0) -> int:
        """Take `delta` from a counter, and return it."""
        return self.incr(key, -delta, time)

    def delete(self, key: str, server_key: str | None = None) -> None:
        """Forget a key."""
        self._entries.pop(key, None)

    def set_multi(self, mapping: Mapping[str, Any], server_key: str, serialize: bool = True, time: float = 0) -> None:
        """Keep several values."""
        for key, value in mapping.items():
            self.set(key, value, serialize, time)

    def get_multi(self, keys: Iterable[str], server_key: str) -> list[Any]:
        """Return several values, None for each that is not there."""
        return [self.get(key) for key in keys]


CACHE = LocalCache()


def filter_factory(global_conf: Mapping[str, str], **local_conf: str) -> Callable[[WsgiApp], WsgiApp]:
    """Paste's factory of the filter that hands `CACHE` to the middleware behind it."""

    def with_cache(app: WsgiApp) -> WsgiApp:
        def call(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
            environ["swift.cache"] = CACHE
            return app(environ, start_response)

        return call

    return with_cache
