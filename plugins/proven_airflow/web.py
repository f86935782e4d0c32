"""The pages that the plugin adds to Airflow's web server.

The runbooks, for whoever is logged in; the report of each drill and the list of pages, for those who may read what the tasks of
its DAG leave; and, for the watch's task, which DAG files can't be loaded.
"""

from __future__ import annotations

import functools
import json
import pathlib
import urllib.parse

import jinja2
import pydantic
from airflow.api_fastapi.auth.managers.models.resource_details import DagAccessEntity
from airflow.api_fastapi.common.db.common import SessionDep
from airflow.api_fastapi.core_api.security import GetUserDep, requires_access_dag
from airflow.models.asset import AssetModel
from airflow.models.asset_state_store import AssetStateStoreModel
from airflow.models.errors import ParseImportError
from airflow.models.xcom import XComModel
from fastapi import Depends, FastAPI, HTTPException, Request
from fastapi.responses import HTMLResponse, JSONResponse, RedirectResponse, Response
from sqlalchemy import select

from include.proven.pages.kinds import KINDS
from include.proven.reports import html
from include.proven.reports.documents import DrillDocument
from include.proven.reports.page_list import PageList
from proven_airflow import addresses, identity, overview, reporting, runbooks, tickets, turns

HEADERS = {"Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'self'"}

app = FastAPI(title="Proven", docs_url=None, redoc_url=None, openapi_url=None)


@app.get("/runbooks/", response_class=HTMLResponse)
def list_runbooks(_user: GetUserDep) -> HTMLResponse:
    """Show the index of runbooks."""
    return _render("index.html", kinds=list(KINDS.values()))


@app.get("/runbooks/{kind}", response_class=HTMLResponse)
def show_runbook(kind: str, _user: GetUserDep) -> HTMLResponse:
    """Show the runbook of one kind of page."""
    if kind not in KINDS:
        raise HTTPException(404, f"No runbook {kind!r}.")
    form = f"{addresses.base_path()}/dags/{identity.ACKNOWLEDGE}"
    return _render("runbook.html", kind=KINDS[kind], body=runbooks.render(kind), acknowledge=form)


async def require_ticket(request: Request) -> None:
    """Let nobody pass but a task of ours."""
    if not await tickets.is_genuine(request.headers.get("authorization", "").removeprefix("Bearer ")):
        raise HTTPException(403, "Only the DAG watch may ask this.")


@app.get("/import-errors", dependencies=[Depends(require_ticket)])
def list_import_errors(session: SessionDep) -> list[str]:
    """Return the DAG files that can't be loaded: their names only, for the watch's task, which has no login."""
    return sorted(filter(None, session.scalars(select(ParseImportError.filename).distinct())))


@app.get(
    "/reports/{dag_id}/{run_id}",
    response_class=HTMLResponse,
    dependencies=[Depends(requires_access_dag("GET", DagAccessEntity.XCOM))],
)
def show_report(dag_id: str, run_id: str, session: SessionDep) -> HTMLResponse:
    """Show the report of the drill that a run of a DAG stands for, as its task `report` has left it."""
    left = XComModel.get_many(run_id=run_id, dag_ids=dag_id, task_ids=reporting.TASK, key=reporting.KEY)
    text = session.scalar(left.with_only_columns(XComModel.value))
    if text is None:
        raise HTTPException(404, f"Run {run_id!r} of {dag_id!r} has left no report: its drill has no verdict, or not yet.")
    try:
        document = DrillDocument.model_validate_json(text)
    except (pydantic.ValidationError, TypeError) as error:
        raise HTTPException(409, "This version of Proven can't read that report: draw it with ./proven report.") from error
    return HTMLResponse(html.render_drill(document), headers=HEADERS)


@app.get(
    "/pages/",
    response_class=HTMLResponse,
    dependencies=[Depends(requires_access_dag("GET", DagAccessEntity.XCOM, identity.WATCH))],
)
def list_pages(session: SessionDep) -> HTMLResponse:
    """Show the list of pages, as the last watch has left it."""
    left = select(AssetStateStoreModel.value).join(AssetModel, AssetModel.id == AssetStateStoreModel.asset_id)
    value = session.scalar(left.where(AssetModel.name == overview.MEMORY.name, AssetStateStoreModel.key == overview.KEY))
    try:
        pages = PageList.model_validate_json(json.loads(value)) if value else None
    except (pydantic.ValidationError, TypeError) as error:
        raise HTTPException(409, "This version of Proven can't read that list: the next watch draws it anew.") from error
    form = f"{addresses.base_path()}/dags/{identity.ACKNOWLEDGE}"
    return HTMLResponse(html.render_pages(pages, turns.now(), acknowledge=form), headers=HEADERS)


@app.exception_handler(HTTPException)
def answer_error(request: Request, error: HTTPException) -> Response:
    """Send a person who is not logged in to the login and back; tell programs what is wrong."""
    if error.status_code == 401 and "text/html" in request.headers.get("accept", ""):
        back = urllib.parse.urlencode({"next": str(request.url)})
        return RedirectResponse(f"{addresses.base_path()}/api/v2/auth/login?{back}")
    return JSONResponse({"detail": error.detail}, error.status_code)


@functools.cache
def _templates() -> jinja2.Environment:
    loader = jinja2.FileSystemLoader(pathlib.Path(__file__).parent / "templates")
    return jinja2.Environment(loader=loader, autoescape=True, undefined=jinja2.StrictUndefined)


def _render(template: str, **values: object) -> HTMLResponse:
    return HTMLResponse(_templates().get_template(template).render(**values), headers=HEADERS)
