# SPDX-License-Identifier: Apache-2.0
"""Workbooks: the template to fill in, a preview, and then all of it or nothing.

What was previewed is what is written: the bytes wait here for a quarter of an hour.
The name of a file is never used, so it cannot lead anywhere.
"""

from __future__ import annotations

import secrets
import threading
import time
from collections import OrderedDict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from starlette.concurrency import run_in_threadpool
from starlette.datastructures import UploadFile
from starlette.responses import RedirectResponse, Response

from oreserve.errors import InputError
from oreserve.reserve import Refused, allows, roles_for
from oreserve.reserve._excel import Imported, WorkbookError, import_workbook
from oreserve.reserve._template import known_names, template_bytes
from oreserve.reserve._views import no_prices
from oreserve.web._doorman import check_csrf, check_origin
from oreserve.web._formats import MEDIA_TYPES, write_json
from oreserve.web._grids import grid
from oreserve.web._problems import Problem
from oreserve.web._state import state_of
from oreserve.web._visit import Block, Visit

if TYPE_CHECKING:
    from fastapi import FastAPI
    from starlette.requests import Request

    from oreserve.reserve import Actor
    from oreserve.web._state import State

__all__ = ["UPLOAD_PATHS", "add_uploads"]

UPLOAD_PATHS: Final = ("/upload", "/api/v1/workbooks")
KEPT_S = 900.0
MOST_KEPT = 20  # of all users together
MOST_OWN = 3  # of one user: nobody pushes the others' away
_ACTION = "import_excel"


@dataclass
class _Shelf:
    """Workbooks that were previewed and wait to be taken in."""

    _kept: OrderedDict[str, tuple[float, str, bytes]] = field(
        default_factory=OrderedDict
    )
    _turn: threading.Lock = field(default_factory=threading.Lock)

    def put(self, user: str, content: bytes) -> str:
        """Keep a workbook for its user and return its mark."""
        mark = secrets.token_urlsafe(18)
        with self._turn:
            self._clear()
            own = [one for one, kept in self._kept.items() if kept[1] == user]
            for one in own[: len(own) + 1 - MOST_OWN]:
                del self._kept[one]
            if len(self._kept) >= MOST_KEPT:
                message = "too many previews are kept now; try again in a few minutes"
                raise InputError(message)
            self._kept[mark] = (time.monotonic(), user, content)
        return mark

    def get(self, mark: str, user: str) -> bytes | None:
        """Return a user's own workbook while it is kept."""
        with self._turn:
            kept = self._kept.get(mark)
        if kept is None or kept[1] != user or time.monotonic() - kept[0] > KEPT_S:
            return None
        return kept[2]

    def _clear(self) -> None:
        """Let go of what nobody may take in any more."""
        now = time.monotonic()
        over = [one for one, kept in self._kept.items() if now - kept[0] > KEPT_S]
        for one in over:
            del self._kept[one]

    def drop(self, mark: str) -> None:
        """Let go of a workbook."""
        with self._turn:
            self._kept.pop(mark, None)


_SHELF: Final = _Shelf()


def add_uploads(app: FastAPI) -> None:
    """Add the template, the form, the preview and the API of workbooks."""
    for path, endpoint, method in (
        ("/upload", _form, "GET"),
        ("/upload", _preview, "POST"),
        ("/upload/write", _write, "POST"),
        ("/upload/template.xlsx", _template, "GET"),
        ("/api/v1/workbooks", _api, "POST"),
        ("/api/v1/workbooks/template.xlsx", _template_api, "GET"),
    ):
        app.add_route(path, endpoint, methods=[method])


def _visit(request: Request) -> Visit:
    state = state_of(request)
    visit = Visit(request, state, state.doorman.person(request))
    if not allows(visit.who.roles, _ACTION):
        raise _not_allowed(visit.who.user)
    return visit


def _not_allowed(user: str) -> Refused:
    may = list(roles_for(_ACTION))
    message = f"{user} may not take in workbooks: that is for {' or '.join(may)}"
    return Refused("role", message, may)


def _workbook(content: bytes, name: str) -> Response:
    headers = {"content-disposition": f'attachment; filename="{name}"'}
    return Response(content, media_type=MEDIA_TYPES["xlsx"], headers=headers)


def _template(request: Request) -> Response:
    visit = _visit(request)
    known = _names_for(visit.state, visit.who)
    return _workbook(template_bytes(known), "oreserve-template.xlsx")


def _names_for(state: State, who: Actor) -> dict[str, tuple[str, ...]]:
    """Return the names that the template offers: of what the person may read."""
    readable = {view.name for view in state.reserve.query.views(who)}
    return known_names(state.reserve.engine, for_lists=True, readable=readable)


def _template_api(request: Request) -> Response:
    state = state_of(request)
    who = state.doorman.reader(request)
    if not allows(who.roles, _ACTION):
        raise _not_allowed(who.user)
    return _workbook(template_bytes(_names_for(state, who)), "template.xlsx")


def _form(request: Request) -> Response:
    return _draw(_visit(request))


def _draw(visit: Visit, *, refused: Refused | InputError | None = None) -> Response:
    refusal = None
    blocks: list[Block] = []
    status = 200
    if isinstance(refused, WorkbookError):
        count = len(refused.problems)
        refusal = {
            "title": "Nothing was written",
            "message": f"The workbook has {count} problem{'s' * (count > 1)}.",
        }
        rows = [vars(one) for one in refused.problems]
        columns = ("sheet", "row", "column", "value", "problem", "allowed", "nearest")
        blocks = [
            Block("Problems", grid=grid("Problems of the workbook", rows, columns))
        ]
        status = 422
    elif refused is not None:
        refusal = {"title": "Nothing was written", "message": str(refused)}
        status = getattr(refused, "status", 422)
    return visit.page(
        "Take in a workbook",
        blocks,
        template="upload.html.j2",
        refusal=refusal,
        status=status,
    )


async def _preview(request: Request) -> Response:
    state = state_of(request)
    visit = await run_in_threadpool(_visit, request)
    content, typed = await _uploaded(request)
    check_csrf(visit.caller.csrf, typed.get("_csrf", ""))
    check_origin(request)
    reason = typed.get("_reason", "").strip()
    if not reason:
        return _draw(visit, refused=InputError("Say why, for the audit trail."))
    try:
        found = await run_in_threadpool(
            _take_in, state, content, visit.who.user, reason
        )
        mark = _SHELF.put(visit.who.user, content)
    except (Refused, InputError) as error:
        return _draw(visit, refused=error)
    rows = [
        {
            "row": line.row,
            "sheet": line.sheet,
            "command": line.command,
            "does": ", ".join(f"{n} {v}" for n, v in line.arguments.items()),
            "is_known": line.is_known,
        }
        for line in found.lines
    ]
    table = grid(
        "What would be written",
        rows,
        ("row", "sheet", "command", "does", "is_known"),
        headings={"is_known": "Known already", "does": "What the row says"},
        empty="No sheet has a filled row.",
    )
    lead = f"{found.new} of {len(found.lines)} rows are new. Nothing is written yet."
    return visit.page(
        "Preview of the workbook",
        [Block(grid=table)],
        template="preview.html.j2",
        lead=lead,
        mark=mark,
        reason=reason,
        new=found.new,
        trail=[("Take in a workbook", "/upload")],
    )


async def _write(request: Request) -> Response:
    state = state_of(request)
    caller, typed = await state.doorman.form(request)
    visit = Visit(request, state, caller)
    mark = typed.get("_mark", "")
    content = _SHELF.get(mark, visit.who.user)
    if content is None:
        message = "The preview is no longer kept; upload the workbook again."
        return _draw(visit, refused=InputError(message))
    reason = typed.get("_reason", "").strip() or "workbook"
    try:
        await run_in_threadpool(
            _take_in, state, content, visit.who.user, reason, keep=True
        )
    except (Refused, InputError) as error:
        return _draw(visit, refused=error)
    _SHELF.drop(mark)
    return RedirectResponse(f"/?done={state.reserve.head().sequence}", 303)


def _take_in(
    state: State, content: bytes, user: str, reason: str, *, keep: bool = False
) -> Imported:
    return import_workbook(
        state.reserve, content, actor=user, reason=reason, write=keep
    )


async def _uploaded(request: Request) -> tuple[bytes, dict[str, str]]:
    """Read one file and the texts of a form; the file's name is not looked at."""
    media = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media != "multipart/form-data":
        raise Problem(415, "media_type", "This address takes a form with a file.")
    try:
        async with request.form(max_files=1, max_fields=20) as form:
            texts = {n: v for n, v in form.items() if isinstance(v, str)}
            files = [v for v in form.values() if isinstance(v, UploadFile)]
            content = await files[0].read() if files else b""
    except Problem:
        raise
    except Exception as error:
        raise Problem(400, "form", "The form cannot be read.") from error
    return content, texts


async def _api(request: Request) -> Response:
    state = state_of(request)
    caller = await state.doorman.caller(request)
    caller.allow_command(request, _ACTION)
    media = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media != MEDIA_TYPES["xlsx"]:
        allowed = [MEDIA_TYPES["xlsx"]]
        raise Problem(
            415, "media_type", "The body must be a workbook.", allowed=allowed
        )
    keep = request.query_params.get("write", "false")
    reason = request.query_params.get("reason", "").strip()
    errors = []
    if keep not in {"true", "false"}:
        errors.append({"field": "write", "message": "must be true or false"})
    if not reason:
        errors.append({"field": "reason", "message": "must say why, in words"})
    if errors:
        raise Problem(422, "query", "The query does not hold.", errors=errors)
    content = await request.body()
    found = await run_in_threadpool(
        _take_in, state, content, caller.actor.user, reason, keep=keep == "true"
    )
    lines = [
        {
            "sheet": line.sheet,
            "row": line.row,
            "command": line.command,
            "result": no_prices(line.result, caller.actor.roles),
            "is_known": line.is_known,
        }
        for line in found.lines
    ]
    answer = {"is_written": found.is_written, "new": found.new, "lines": lines}
    return Response(write_json(answer), media_type=MEDIA_TYPES["json"])
