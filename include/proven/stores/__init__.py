"""Where artifacts live: one module a store, one short contract (`contract.py`)."""

from __future__ import annotations

from collections.abc import Callable

from include.proven import connections
from include.proven.fleet import model
from include.proven.stores.contract import Store
from include.proven.stores.directory import DirectoryStore


def open_store(name: str, config: model.Store, connect: Callable[[str], connections.Connection]) -> Store:
    """Given a store of the fleet file and what finds a connection by its name, return it. Nothing is asked of a server yet.

    The clients of Swift and S3 are imported here: each takes up to half a second that whoever uses the other need not wait.
    """
    match config:
        case model.SwiftStore():
            from include.proven.stores.swift import SwiftStore

            return SwiftStore(name, config, connect(config.connection))
        case model.S3Store():
            from include.proven.stores.s3 import S3Store

            return S3Store(name, config, connect(config.connection))
        case model.DirectoryStore():
            return DirectoryStore(name, config)
