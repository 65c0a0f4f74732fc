# SPDX-License-Identifier: Apache-2.0
"""The reading half of the API: every view as JSON, CSV or Excel, page by page."""

from __future__ import annotations

import hashlib
import itertools
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from starlette.responses import Response

from oreserve.reserve._queries import views
from oreserve.web._formats import MEDIA_TYPES, write_csv, write_json, write_xlsx
from oreserve.web._problems import Problem
from oreserve.web._state import state_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from fastapi import FastAPI
    from starlette.requests import Request

    from oreserve.reserve import Actor
    from oreserve.reserve._queries import Column, Queries

__all__ = ["LARGEST_PAGE", "MOST_ROWS", "USUAL_PAGE", "add_reads"]

API = "/api/v1"
USUAL_PAGE = 100
LARGEST_PAGE = 500
MOST_ROWS = 50_000  # of a whole view in a file; Excel's own limit is higher
_LIMIT = re.compile(r"[0-9]{1,9}")
_OWN_PARAMETERS = frozenset({"limit", "after"})


def add_reads(app: FastAPI) -> None:
    """Add one route per view and extension, and one per thing."""
    for view in views().values():
        for extension in ("", ".json", ".csv", ".xlsx"):
            app.add_route(
                f"{API}/{view.name}{extension}",
                _list_endpoint(view.name, extension.removeprefix(".")),
                methods=["GET"],
            )
        key = "/".join(f"{{{name}}}" for name in view.key)
        app.add_route(
            f"{API}/{view.name}/{key}",
            _one_endpoint(view.name),
            methods=["GET"],
        )


def _list_endpoint(view: str, extension: str) -> Any:
    def read_view(request: Request) -> Response:
        state = state_of(request)
        viewer = state.doorman.reader(request)
        wanted = extension or _negotiated(request.headers.get("accept", ""))
        query = _Query.of(request)
        if wanted == "json":
            return _json_page(state.reserve.query, view, viewer, query)
        return _file(state.reserve.query, view, viewer, query, wanted)

    return read_view


def _one_endpoint(view: str) -> Any:
    def read_one(request: Request) -> Response:
        state = state_of(request)
        viewer = state.doorman.reader(request)
        row = state.reserve.query.one(view, viewer, **request.path_params)
        body = write_json(row)
        tag = _tag(row, body)
        if tag in _tags(request.headers.get("if-none-match", "")):
            return Response(status_code=304, headers={"etag": tag})
        return Response(body, media_type=MEDIA_TYPES["json"], headers={"etag": tag})

    return read_one


@dataclass(frozen=True)
class _Query:
    """Which rows: conditions on columns, how many, after which."""

    where: Mapping[str, str]
    limit: int | None
    after: str | None

    @classmethod
    def of(cls, request: Request) -> _Query:
        seen: dict[str, str] = {}
        errors = []
        for name, value in request.query_params.multi_items():
            if name in seen:
                errors.append({"field": name, "message": "is given more than once"})
            seen[name] = value
        limit: int | None = None
        if "limit" in seen:
            text = seen["limit"]
            if _LIMIT.fullmatch(text) and 1 <= int(text) <= LARGEST_PAGE:
                limit = int(text)
            else:
                message = f"must be a whole number from 1 to {LARGEST_PAGE}"
                errors.append({"field": "limit", "message": message})
        if errors:
            raise Problem(422, "query", "The query does not hold.", errors=errors)
        where = {n: v for n, v in seen.items() if n not in _OWN_PARAMETERS}
        return cls(where, limit, seen.get("after"))


def _json_page(queries: Queries, view: str, viewer: Actor, query: _Query) -> Response:
    page = queries.page(
        view,
        viewer,
        where=query.where,
        after=query.after,
        limit=query.limit or USUAL_PAGE,
    )
    content = {
        "view": page.view,
        "columns": [
            {"name": c.name, "type": c.type, "unit": c.unit} for c in page.columns
        ],
        "rows": page.rows,
        "next": page.next,
    }
    return Response(
        write_json(content),
        media_type=MEDIA_TYPES["json"],
        headers=_link(view, query, page.next, ""),
    )


def _file(
    queries: Queries, view: str, viewer: Actor, query: _Query, wanted: str
) -> Response:
    """Write a page, or without a limit the whole view, as a file."""
    columns: tuple[Column, ...] = queries.columns(view, viewer)
    following: str | None = None
    if query.limit is None and query.after is None:
        found = queries.rows(view, viewer, where=query.where)
        rows = list(itertools.islice(found, MOST_ROWS + 1))
        if len(rows) > MOST_ROWS:
            raise Problem(
                413,
                "too_many_rows",
                f"{view} has more than {MOST_ROWS} rows: ask for pages.",
                allowed=f"limit from 1 to {LARGEST_PAGE}, and after",
            )
    else:
        page = queries.page(
            view,
            viewer,
            where=query.where,
            after=query.after,
            limit=query.limit or USUAL_PAGE,
        )
        rows, following = page.rows, page.next
    names = [column.name for column in columns]
    body = write_csv(names, rows) if wanted == "csv" else write_xlsx(view, names, rows)
    headers = _link(view, query, following, f".{wanted}")
    headers["content-disposition"] = f'attachment; filename="{view}.{wanted}"'
    return Response(body, media_type=MEDIA_TYPES[wanted], headers=headers)


def _link(
    view: str, query: _Query, following: str | None, extension: str
) -> dict[str, str]:
    if following is None:
        return {}
    parameters = {**query.where, "after": following}
    if query.limit is not None:
        parameters["limit"] = str(query.limit)
    return {"link": f'<{API}/{view}{extension}?{urlencode(parameters)}>; rel="next"'}


def _negotiated(accept: str) -> str:
    """Return the first format of an Accept header that there is."""
    if not accept.strip():
        return "json"
    for part in accept.split(","):
        media = part.partition(";")[0].strip().lower()
        if media in {"application/json", "application/*", "*/*"}:
            return "json"
        if media in {"text/csv", "text/*"}:
            return "csv"
        if media == MEDIA_TYPES["xlsx"]:
            return "xlsx"
    raise Problem(
        406,
        "not_acceptable",
        "This is written as JSON, CSV or Excel only.",
        allowed=["application/json", "text/csv", MEDIA_TYPES["xlsx"]],
    )


def _tag(row: Mapping[str, object], body: bytes) -> str:
    """Return the entity tag: the version where there is one, to be sent back."""
    version = row.get("version")
    if isinstance(version, int):
        return f'"{version}"'
    return f'"{hashlib.sha256(body).hexdigest()[:32]}"'


def _tags(text: str) -> set[str]:
    return {part.strip().removeprefix("W/") for part in text.split(",")}
