"""Every way to break a copy."""

from __future__ import annotations

from include.proven.sabotage import definition_ways, dump_ways, object_ways, ways

WAYS = ways.registry(object_ways.WAYS, dump_ways.WAYS, definition_ways.WAYS)
"""By name: first those that damage what lies in the store, then those of backups that went wrong."""
