# SPDX-License-Identifier: Apache-2.0
"""The server as one ASGI application."""

from __future__ import annotations

import hashlib
import logging
from contextlib import asynccontextmanager
from importlib import resources
from typing import TYPE_CHECKING, Any

from fastapi import FastAPI
from jinja2 import Environment, PackageLoader, Undefined, select_autoescape
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from starlette.exceptions import HTTPException
from starlette.responses import HTMLResponse, Response

from oreserve import __version__
from oreserve.errors import InputError, OreserveError
from oreserve.reserve import CommandError, Refused, StoreError
from oreserve.reserve._excel import WorkbookError
from oreserve.web._about import add_about
from oreserve.web._doorman import Doorman
from oreserve.web._headers import Surroundings
from oreserve.web._oidc import SignInElsewhere
from oreserve.web._problems import Problem, as_response
from oreserve.web._reads import add_reads
from oreserve.web._routes import add_pages
from oreserve.web._settings import Settings
from oreserve.web._sign_in import add_sign_in
from oreserve.web._state import State
from oreserve.web._uploads import UPLOAD_PATHS, add_uploads
from oreserve.web._writer import Writer
from oreserve.web._writes import add_writes

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from starlette.requests import Request
    from starlette.types import ASGIApp

    from oreserve.reserve import Reserve

__all__ = ["create_app"]

_LOG = logging.getLogger(__name__)
_YEAR = "public, max-age=31536000, immutable"


def create_app(reserve: Reserve, settings: Settings | None = None) -> ASGIApp:
    """Return the server of a reserve: pages and the API.

    Parameters
    ----------
    reserve
        An open reserve; the caller closes it.
    settings
        How the server is set up; by default for one machine over http.

    Raises
    ------
    InputError
        If there is an identity provider, but not the address to come back to.
    """
    chosen = settings or Settings()
    if chosen.provider is not None and not chosen.base_url:
        message = (
            "an identity provider sends people back to an address: say how people "
            "reach this server (--url)"
        )
        raise InputError(message)
    sheet = _file("web.css")
    css = f"/static/{hashlib.sha256(sheet).hexdigest()[:12]}.css"
    writer = Writer(reserve.execute_many)
    state = State(
        reserve=reserve,
        settings=chosen,
        doorman=Doorman(reserve, chosen),
        writer=writer,
        templates=_templates(),
        elsewhere=SignInElsewhere(chosen.provider) if chosen.provider else None,
        css=css,
        name=_name_of(reserve),
        version=__version__,
    )

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        writer.start()
        try:
            yield
        finally:
            writer.close()

    app = FastAPI(
        title="Oreserve",
        version=__version__,
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
        lifespan=lifespan,
        # A path is one thing: no redirects that drop bodies or leave the host.
        redirect_slashes=False,
        # Nothing about who does what leaves this process.
        telemetry={"tracing": False, "metrics": False, "logs": False},
    )
    app.state.oreserve = state
    _add_static(app, css, sheet)
    add_sign_in(app)
    add_reads(app)
    add_writes(app)
    add_about(app)
    add_uploads(app)
    add_pages(app)
    for kind in (
        Problem,
        HTTPException,
        Refused,
        StoreError,
        CommandError,
        OreserveError,
    ):
        app.add_exception_handler(kind, _answer_error)
    app.add_exception_handler(Exception, _answer_error)
    return Surroundings(
        app,
        body_limit=chosen.body_limit,
        upload_limit=chosen.upload_limit,
        upload_paths=UPLOAD_PATHS,
        secure=chosen.secure,
    )


def _name_of(reserve: Reserve) -> str:
    from oreserve.reserve import ROLES, Actor

    everybody = Actor("", frozenset(ROLES), None)
    rows = reserve.query.rows("meta", everybody, where={"name": "name"})
    return next((str(row["value"]) for row in rows), "Reserve")


def _file(name: str) -> bytes:
    return (resources.files("oreserve.web") / name).read_bytes()


def _templates() -> Environment:
    return Environment(
        loader=PackageLoader("oreserve.web", "templates"),
        autoescape=select_autoescape(default=True, default_for_string=True),
        undefined=_Absent,
        trim_blocks=True,
        lstrip_blocks=True,
    )


class _Absent(Undefined):
    """A name that a page does not give is absent; to show it is an error."""

    def __str__(self) -> str:
        return str(self._fail_with_undefined_error())


def _add_static(app: FastAPI, css: str, sheet: bytes) -> None:
    icon = _file("templates/icon.svg")

    async def style(_request: Request) -> Response:
        headers = {"cache-control": _YEAR}
        return Response(sheet, media_type="text/css", headers=headers)

    async def picture(_request: Request) -> Response:
        headers = {"cache-control": "public, max-age=86400"}
        return Response(icon, media_type="image/svg+xml", headers=headers)

    async def healthy(_request: Request) -> Response:
        return Response("ok\n", media_type="text/plain")

    app.add_route(css, style)
    app.add_route("/static/icon.svg", picture)
    app.add_route("/healthy", healthy)


def _as_problem(error: Exception) -> Problem:
    """Turn whatever went wrong into an answer that says what and what is allowed."""
    if isinstance(error, Problem):
        return error
    if isinstance(error, Refused):
        return Problem(
            error.status,
            error.rule,
            error.message,
            allowed=error.allowed,
            errors=_fields(error),
        )
    if isinstance(error, InputError):
        return Problem(422, "input", str(error))
    if isinstance(error, StoreError | PoolTimeoutError):
        _LOG.warning("the database did not serve: %s", error)
        return Problem(
            503,
            "unavailable",
            "The database does not serve at the moment. Repeat with the same key.",
            headers={"retry-after": "1"},
        )
    if isinstance(error, HTTPException):
        rule = {404: "not_found", 405: "method"}.get(error.status_code, "http")
        detail = {
            404: "There is nothing at this address.",
            405: "This address does not take this method.",
        }.get(error.status_code, str(error.detail))
        return Problem(error.status_code, rule, detail, headers=error.headers)
    _LOG.error("an error of our own", exc_info=error)
    return Problem(
        500,
        "fault",
        "The server met an error of its own; nothing was written. It is in its log.",
    )


def _fields(error: Refused) -> list[dict[str, str]]:
    """Return every wrong argument of a refusal as a field."""
    if isinstance(error, WorkbookError):
        return [
            {"field": f"{one.sheet}.{one.row}.{one.column}", "message": str(one)}
            for one in error.problems
        ]
    if error.rule != "arguments" or not isinstance(error.allowed, list):
        return []
    return [
        {"field": str(one["argument"]), "message": str(one["problem"])}
        for one in error.allowed
        if isinstance(one, dict) and {"argument", "problem"} <= set(one)
    ]


async def _answer_error(request: Request, error: Exception) -> Response:
    problem = _as_problem(error)
    path = request.url.path
    if path.startswith("/api/"):
        return as_response(problem, path)
    return _error_page(request, problem)


def _error_page(request: Request, problem: Problem) -> Response:
    state: Any = request.app.state.oreserve
    headers = dict(problem.headers or {})
    if problem.status_code == 401 and request.method == "GET":
        from urllib.parse import quote

        target = request.url.path
        if request.url.query:
            target = f"{target}?{request.url.query}"
        headers["location"] = f"/sign-in?next={quote(target, safe='')}"
        headers.pop("www-authenticate", None)
        return Response(status_code=303, headers=headers)
    title = {
        403: "Not for you",
        404: "Not found",
        429: "Too many attempts",
    }.get(problem.status_code, "Not possible")
    text = state.templates.get_template("problem.html.j2").render(
        title=title,
        message=problem.detail,
        site=state,
        invented=state.settings.invented,
        person=None,
        status=problem.status_code,
    )
    return HTMLResponse(text, status_code=problem.status_code, headers=headers)
