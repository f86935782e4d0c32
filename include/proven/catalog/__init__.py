"""The catalog: what recovery points, verdicts, pages, restores and removals there are, from the store alone.

Every record in it is signed (`records.py`): it believes nothing that the fleet's signer has not signed.
"""

from __future__ import annotations

from include.proven.catalog.binlogs import Binlogs
from include.proven.catalog.pages import PageLog
from include.proven.catalog.removals import Removals
from include.proven.catalog.restores import Restores
from include.proven.catalog.standing import StandingPoints


class Catalog(StandingPoints, PageLog, Restores, Removals, Binlogs):
    """All records of one store."""
