"""The open pages of a database, so that nobody is told twice and each is resolved."""

from __future__ import annotations

import datetime

from include.proven.catalog.records import SignedRecords, quote, require_same
from include.proven.manifest import FORMAT, Record


class OpenPage(Record):
    """A page that was sent and is not resolved."""

    format: int = FORMAT
    database: str
    key: str
    run_id: str
    opened_at: datetime.datetime


class OpenPages(SignedRecords):
    """Which pages were sent and are not resolved."""

    def page_record(self, database: str, key: str) -> str | None:
        """Return the id of the run that the open page of this key was sent for, or None if none is open."""
        page = self.open_page(database, key)
        return page.run_id if page else None

    def open_page(self, database: str, key: str) -> OpenPage | None:
        """Return the open page of this key, or None if none is open."""
        path = _page(database, key)
        try:
            self.store.get_record(path)
        except KeyError:
            return None
        page = self._get(path, OpenPage)
        require_same(path, page.database, database)
        require_same(path, page.key, key)
        return page

    def record_page(self, database: str, key: str, run_id: str) -> None:
        """Remember that a page was sent, in the place of an older one of this key."""
        self.clear_page(database, key)
        opened = OpenPage(database=database, key=key, run_id=run_id, opened_at=datetime.datetime.now(datetime.UTC))
        self._put(_page(database, key), opened)

    def clear_page(self, database: str, key: str) -> None:
        """Forget a page, if there is one: it is resolved."""
        self._delete(_page(database, key))


def _page(database: str, key: str) -> str:
    return f"{database}/pages/{quote(key)}.json"
