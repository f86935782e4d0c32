"""The list of pages: what is open, what is over and what nobody has got, whatever it quotes; and how old it is."""

from __future__ import annotations

import datetime

import pytest

from include.proven.errors import PageError
from include.proven.pages import acknowledging
from include.proven.reports import html, paging
from include.proven.reports.page_list import PageList
from tests.pages.conftest import desk, known_connections
from tests.pages.ledgers import Desk, backup_failed
from tests.reports.conftest import HOSTILE
from tests.reports.strict import StrictReader

__all__ = ["desk", "known_connections"]

WEEK = datetime.timedelta(days=7)
FORM = "/dags/acknowledge"


def now() -> datetime.datetime:
    return datetime.datetime.now(datetime.UTC)


def draw(desk: Desk, since: datetime.datetime | None = None) -> PageList:
    """Return the list, as it comes out at the other end of Airflow."""
    drawn = paging.draw_list(desk.open(), now(), since or now() - WEEK)
    return PageList.model_validate_json(drawn.model_dump_json())


def read(pages: PageList | None, *, later: datetime.timedelta = datetime.timedelta()) -> str:
    """Return what a person reads of the page, word by word. It may lead to runbooks, runs, and to where one answers."""
    document = html.render_pages(pages, now() + later, acknowledge=FORM)
    seen = StrictReader(document.replace("<", " <"))
    links = [fault for fault in seen.faults if "leads out of the document" in fault or fault.startswith("nothing has the id")]
    assert seen.faults == links
    return " ".join(seen.text.split())


def test_it_says_what_is_open_what_is_over_and_what_nobody_has_got(desk: Desk) -> None:
    with pytest.raises(PageError):
        desk.send(backup_failed(kind="drill-refuted", summary=HOSTILE, run_url="https://airflow.example/dags/x"), "hook")
    acknowledging.acknowledge(desk.open(), "shop", "drill-refuted", "alice\u202e@bastion")
    desk.send(backup_failed())
    desk.resolve()
    pages = draw(desk)
    (row,), (ended,) = pages.open, pages.over
    assert (row.page, row.severity, row.next) == ("shop/drill-refuted", "critical", "./proven show shop")
    assert (ended.page, ended.told) == ("shop/backup-failed", ["oncall", "hook"])
    text = read(pages)
    for words in (
        "1 page open",
        f"critical shop/drill-refuted shop: recovery point refuted: {HOSTILE}",
        "oncall acknowledged by alice\ufffd@bastion ./proven show shop",
        "error shop/backup-failed shop: backup failed: no space",
        "Not delivered page who has not got it why shop/drill-refuted hook",
    ):
        assert words in text
    document = html.render_pages(pages, now(), acknowledge=FORM)
    for link in ("../runbooks/drill-refuted", "https://airflow.example/dags/x", FORM):
        assert f'href="{link}"' in document


def test_what_ended_long_ago_is_not_read(desk: Desk) -> None:
    desk.send(backup_failed())
    desk.resolve()
    assert len(draw(desk).over) == 1
    for record in desk.records("opened", "told"):
        record.unlink()  # nobody asks for them: the end stands in a name
    assert (draw(desk, since=now()).pages, draw(desk, since=now()).faults) == ([], [])


def test_a_long_list_keeps_what_is_open(desk: Desk) -> None:
    desk.send(backup_failed(kind="drill-refuted"))
    for _ in range(3):
        desk.send(backup_failed())
        desk.resolve()
        desk.catch_up(later=40)  # what comes and goes is not held back
    pages = draw(desk)
    short = pages.shorten(1)
    assert (len(pages.over), len(short.over), short.left_out) == (3, 1, 2)
    assert short.over[0] == pages.over[0], "the newest"
    assert short.open == pages.open
    assert "2 older ones: ./proven pages --all" in read(short)


def test_one_that_is_old_or_in_doubt_says_so(desk: Desk) -> None:
    desk.send(backup_failed())
    pages = draw(desk)
    assert "old: the watch has not ended since" not in read(pages)
    assert "16 min 00 s old: the watch has not ended since" in read(pages, later=datetime.timedelta(minutes=16))
    (opened,) = desk.records("opened")
    opened.write_bytes(b"{}")
    text = read(draw(desk))
    assert "No open page is known" in text
    assert "Something may be missing: record shop/pages/backup-failed" in text
    alone = desk.open()
    desk.folder.rename(desk.folder.with_name("gone"))
    text = read(paging.draw_list(alone, now(), now() - WEEK))
    assert "Something may be missing: what was paged can't be read: " in text


def test_before_the_first_watch_nothing_is_claimed() -> None:
    text = read(None)
    assert "Nothing is known yet" in text
    assert "No page is open" not in text
