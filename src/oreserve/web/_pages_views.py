# SPDX-License-Identifier: Apache-2.0
"""Pages for every view and every command: nothing is reached by the API alone."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlencode

from oreserve.reserve._queries import views
from oreserve.web._grids import Cell, Grid, Head, grid
from oreserve.web._pages_stock import facts_of
from oreserve.web._registry import open_commands
from oreserve.web._visit import Block, Visit
from oreserve.web._words import heading

if TYPE_CHECKING:
    from collections.abc import Mapping

    from starlette.responses import Response

__all__ = ["api_page", "row_page", "view_page", "views_page"]

PAGE_ROWS = 100


def views_page(visit: Visit) -> Response:
    """List every view that this person reads and every command that they may give."""
    seen = visit.state.reserve.query.views(visit.who)
    tables = Grid(
        "What you may read",
        (Head("View", "", ""), Head("What it holds", "", "")),
        tuple(
            (Cell(heading(view.name), f"/view/{view.name}"), Cell(view.description))
            for view in seen
        ),
        "Nothing is shown to you.",
    )
    may = [what for name, what in open_commands().items() if visit.may(name)]
    actions = Grid(
        "What you may do",
        (Head("Command", "", ""), Head("What it does", "", "")),
        tuple(
            (
                Cell(heading(what.name), f"/do/{what.name}?_next=/views"),
                Cell(what.summary),
            )
            for what in may
        ),
        "Your roles change nothing.",
    )
    blocks = [
        Block("What you may read", grid=tables),
        Block("What you may do", grid=actions),
    ]
    return visit.page("All else", blocks)


def view_page(visit: Visit, name: str) -> Response:
    """Show a page of any view; the address holds conditions and the cursor."""
    asked = {n: v for n, v in visit.request.query_params.items() if n != "done" and v}
    after = asked.pop("after", None)
    query = visit.state.reserve.query
    page = query.page(name, visit.who, where=asked, after=after, limit=PAGE_ROWS)
    view = views()[name]
    more = ""
    if page.next is not None:
        more = f"/view/{name}?{urlencode({**asked, 'after': page.next})}"
    names = [column.name for column in page.columns if column.name != "version"]

    def address(row: Mapping[str, Any]) -> str:
        return f"/view/{name}/" + "/".join(
            quote(str(row[part]), safe="") for part in view.key
        )

    table = grid(
        view.description,
        page.rows,
        names,
        links={view.key[0]: address} if set(view.key) <= set(names) else {},
        csv=f"/api/v1/{name}",
        query=f"?{urlencode(asked)}" if asked else "",
        more=more,
    )
    fresh = [
        offer
        for command, what in open_commands().items()
        if what.table == name
        for offer in visit.offer(command, heading(command))
        if not what.names or len(what.names) == len(view.key)
    ]
    return visit.page(
        heading(name),
        [Block(grid=table, offers=fresh)],
        lead=view.description + ".",
        trail=[("All else", "/views")],
    )


def row_page(visit: Visit, name: str, parts: list[str]) -> Response:
    """Show one row of any view with what can be done about it."""
    view = views().get(name)
    key = dict(zip(view.key, parts, strict=False)) if view is not None else {}
    row = visit.one(name, **key)
    kinds = {what.kind for what in open_commands().values() if what.table == name}
    offers = [offer for kind in sorted(kinds) for offer in visit.offers(kind, row)]
    title = f"{heading(name)}: {', '.join(str(part) for part in parts)}"
    return visit.page(
        title,
        [Block(facts=facts_of(row, skip={"version"}), offers=offers)],
        trail=[("All else", "/views"), (heading(name), f"/view/{name}")],
    )


def api_page(visit: Visit, document: Mapping[str, Any]) -> Response:
    """List every endpoint from the description of the API."""
    groups: dict[str, list[tuple[Cell, ...]]] = {}
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            tag = operation["tags"][0]
            line = (
                Cell(method.upper()),
                Cell(path, "", "mono"),
                Cell(operation["summary"]),
            )
            groups.setdefault(tag, []).append(line)
    heads = (Head("Method", "", ""), Head("Path", "", ""), Head("What", "", ""))
    blocks = [
        Block(
            lead="Masses are grams, money US cents. Commands need an Idempotency-Key; "
            "give a token as Authorization: Bearer, or the cookie of these pages with "
            "X-CSRF-Token. The whole description is at /api/v1/openapi.json.",
        )
    ]
    blocks += [
        Block(tag.capitalize(), grid=Grid(tag.capitalize(), heads, tuple(lines), ""))
        for tag, lines in sorted(groups.items())
    ]
    return visit.page("API", blocks)
