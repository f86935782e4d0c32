"""The catalog: what recovery points, verdicts, pages and restores there are, from the store alone.

Every record in it is signed (`records.py`): it believes nothing that the fleet's signer has not signed.
"""

from __future__ import annotations

from include.proven.catalog.binlogs import Binlogs
from include.proven.catalog.drills import Drills
from include.proven.catalog.pages import PageLog
from include.proven.catalog.restores import Restores


class Catalog(Drills, PageLog, Restores, Binlogs):
    """All records of one store."""
