"""Where artifacts live: one module a store, one short contract (`contract.py`)."""

from __future__ import annotations

from include.proven import connections
from include.proven.fleet import model
from include.proven.stores.contract import Store
from include.proven.stores.swift import SwiftStore


def open_store(name: str, config: model.Store, connection: connections.Connection) -> Store:
    """Given a store of the fleet file and its credentials, return it. Nothing is asked of the server yet."""
    return SwiftStore(name, config, connection)
