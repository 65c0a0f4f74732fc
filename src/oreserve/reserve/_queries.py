# SPDX-License-Identifier: Apache-2.0
"""What may be read of a reserve, by whom, page by page.

A *view* is a table of the reserve or a table computed from it. The file
``tables/reserve_views.csv`` names each view with its key and with the action of
``reserve_roles.csv`` that it takes to read it; a table that the file does not name is
shown to nobody. Money and prices are left out for roles without ``read_prices``, and
a member reads the rows that are its own: a viewer's rights are checked here and
nowhere else, so that pages, the HTTP interface and the command line agree.

Rows come in the order of the key. A page ends with a cursor, which is the key of
its last row: rows that are added meanwhile neither repeat nor hide others.
"""

from __future__ import annotations

import base64
import json
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, NoReturn, Protocol

from sqlalchemy import and_, exists, literal, or_, select

from oreserve.reserve._database import connect
from oreserve.reserve._errors import NotFound, Refused
from oreserve.reserve._roles import allows, roles_for
from oreserve.reserve._schema import metadata
from oreserve.reserve._views import (
    Column,
    View,
    described,
    is_price,
    kind_of,
    ordered,
    source_of,
    views,
)
from oreserve.tables import choices, nearest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from datetime import datetime

    import polars as pl
    from sqlalchemy import ColumnElement, Engine, FromClause, Select

__all__ = ["Column", "Page", "Queries", "View", "Viewer", "views", "write_cursor"]

MOST_ROWS: Final = 1000  # of a page
LARGEST: Final = 2**63  # integers of the databases have eight bytes


class Viewer(Protocol):
    """Who looks: an `Actor` is one."""

    @property
    def roles(self) -> frozenset[str]:
        """Roles that the user has."""
        ...

    @property
    def member(self) -> str | None:
        """Member of the industrial reserve that the user acts for."""
        ...


@dataclass(frozen=True)
class Page:
    """Some rows of a view.

    Parameters
    ----------
    view
        Name of the view.
    columns
        What this viewer sees, in order; every row has exactly these.
    rows
        Rows in the order of the key.
    next
        Cursor of the page after this one; None: there is none.
    """

    view: str
    columns: tuple[Column, ...]
    rows: list[dict[str, Any]]
    next: str | None


class Queries:
    """Reads a reserve for a viewer.

    Parameters
    ----------
    engine
        The reserve's database.
    clock
        Returns the present time, UTC: what is late depends on the day.
    """

    def __init__(self, engine: Engine, *, clock: Callable[[], datetime]) -> None:
        self._engine = engine
        self._clock = clock

    def _today(self) -> str:
        return self._clock().date().isoformat()

    def views(self, viewer: Viewer) -> tuple[View, ...]:
        """Return the views that a viewer may read, sorted by name."""
        return tuple(v for v in views().values() if _rights(v, viewer).reads)

    def columns(self, view: str, viewer: Viewer) -> tuple[Column, ...]:
        """Return the columns of a view that a viewer sees.

        Raises
        ------
        Refused
            If there is no such view (404), or none of the viewer's roles reads it
            (403).
        """
        found = _readable(view, viewer)
        return _columns(found, source_of(view, self._today()), viewer)

    def page(
        self,
        view: str,
        viewer: Viewer,
        *,
        where: Mapping[str, object] | None = None,
        after: str | None = None,
        limit: int = 100,
    ) -> Page:
        """Return a page of a view.

        Parameters
        ----------
        view
            Name of a view.
        viewer
            Who looks; rows and columns are theirs.
        where
            Values that columns must have; texts are read as the column's type,
            None asks for rows without a value.
        after
            Cursor of the page before; None: the first page.
        limit
            Most rows, 1 to 1000.

        Raises
        ------
        Refused
            If there is no such view (404), the viewer may not read it (403), or a
            column, a value, the cursor or the limit is wrong (422).
        """
        found = _readable(view, viewer)
        if not 1 <= limit <= MOST_ROWS:
            _wrong(f"limit is {limit}", f"1 to {MOST_ROWS}")
        source = source_of(found.name, self._today())
        shown = _columns(found, source, viewer)
        query = self._selected(found, source, shown, viewer, where or {})
        keys = [ordered(source.c[name]) for name in found.key]
        if after is not None:
            query = query.where(_beyond(keys, _read_cursor(after, source, found)))
        query = query.order_by(*keys).limit(limit + 1)
        with connect(self._engine) as connection:
            raw = [dict(row) for row in connection.execute(query).mappings()]
        more = len(raw) > limit
        rows = raw[:limit]
        last = write_cursor(rows[-1], found) if more else None
        names = [column.name for column in shown]
        return Page(
            view=view,
            columns=shown,
            rows=[{name: row[name] for name in names} for row in rows],
            next=last,
        )

    def rows(
        self,
        view: str,
        viewer: Viewer,
        *,
        where: Mapping[str, object] | None = None,
    ) -> Iterator[dict[str, Any]]:
        """Yield all rows of a view, page by page."""
        after: str | None = None
        while True:
            page = self.page(view, viewer, where=where, after=after, limit=MOST_ROWS)
            yield from page.rows
            after = page.next
            if after is None:
                return

    def one(self, view: str, viewer: Viewer, **key: object) -> dict[str, Any]:
        """Return the row with a key.

        Raises
        ------
        Refused
            If there is none that the viewer may see (404): a row of another member
            is not found, whether it exists or not.
        """
        found = _readable(view, viewer)
        page = self.page(view, viewer, where=key, limit=2)
        if len(page.rows) != 1 or set(key) != set(found.key):
            named = ", ".join(f"{name} {value}" for name, value in sorted(key.items()))
            message = f"{view}: there is no row with {named}"
            raise NotFound(message)
        return page.rows[0]

    def frame(
        self,
        view: str,
        viewer: Viewer,
        *,
        where: Mapping[str, object] | None = None,
    ) -> pl.DataFrame:
        """Return a view as a polars frame, typed also where it has no rows."""
        import polars as pl

        kinds: dict[str, Any] = {
            "integer": pl.Int64,
            "number": pl.Float64,
            "boolean": pl.Boolean,
            "text": pl.String,
        }
        shown = self.columns(view, viewer)
        return pl.DataFrame(
            list(self.rows(view, viewer, where=where)),
            schema={column.name: kinds[column.type] for column in shown},
            orient="row",
        )

    def _selected(
        self,
        view: View,
        source: FromClause,
        shown: tuple[Column, ...],
        viewer: Viewer,
        where: Mapping[str, object],
    ) -> Select[Any]:
        names = dict.fromkeys([*(column.name for column in shown), *view.key])
        query = select(*(source.c[name] for name in names))
        own = _own_rows(view, source, viewer)
        if own is not None:
            query = query.where(own)
        allowed = [column.name for column in shown]
        for name, value in sorted(where.items()):
            if name not in allowed:
                hint = nearest(name, allowed)
                guess = f"; did you mean {hint!r}?" if hint else ""
                _wrong(f"{view.name} has no column {name!r}{guess}", ", ".join(allowed))
            column = source.c[name]
            typed = _typed(column, value)
            query = query.where(column.is_(None) if typed is None else column == typed)
        return query


# --- Who sees what ----------------------------------------------------------------


def _readable(name: str, viewer: Viewer) -> View:
    view = views().get(name)
    if view is None:
        hint = nearest(name, views())
        guess = f"; did you mean {hint!r}?" if hint else ""
        message = f"there is no view {name!r}; {choices(name, views())}{guess}"
        raise NotFound(message, sorted(views()))
    if not _rights(view, viewer).reads:
        roles = ", ".join(sorted(viewer.roles)) or "no role"
        readers = list(roles_for(view.action))
        if view.own_rows:
            readers += roles_for("read_own_member")
        message = f"{name} is not shown to {roles}; it is to {', '.join(readers)}"
        raise Refused(rule="role", message=message, allowed=readers)
    return view


@dataclass(frozen=True)
class _Rights:
    """What a viewer may see of a view: all rows or its own, and prices."""

    all_rows: bool
    own_rows: bool
    prices: bool

    @property
    def reads(self) -> bool:
        return self.all_rows or self.own_rows


def _rights(view: View, viewer: Viewer) -> _Rights:
    """Return a viewer's rights: the union of what its roles allow.

    A member sees the prices of its own rows.
    """
    everything = allows(viewer.roles, view.action)
    own = bool(view.own_rows) and allows(viewer.roles, "read_own_member")
    prices = allows(viewer.roles, "read_prices") or (own and not everything)
    return _Rights(everything, own, prices)


def _columns(view: View, source: FromClause, viewer: Viewer) -> tuple[Column, ...]:
    priced = _rights(view, viewer).prices
    return tuple(
        described(column) for column in source.c if priced or not is_price(column.name)
    )


def _own_rows(
    view: View, source: FromClause, viewer: Viewer
) -> ColumnElement[bool] | None:
    """Return the condition that leaves a member its own rows; None: all rows.

    A user who is a member and, say, an auditor reads all: the other role does.
    """
    if _rights(view, viewer).all_rows or view.own_rows == "*":
        return None
    if viewer.member is None:
        return literal(value=False)
    if view.own_rows == "claims":
        claims = metadata.tables["claims"]
        return exists().where(
            and_(
                claims.c.release_id == source.c.release_id,
                claims.c.claim == source.c.claim,
                claims.c.claimant == viewer.member,
            )
        )
    columns = view.own_rows.split("|")
    return or_(*(source.c[name] == viewer.member for name in columns))


# --- Order and cursors ------------------------------------------------------------


def _beyond(
    keys: Sequence[ColumnElement[Any]], values: Sequence[object]
) -> ColumnElement[bool]:
    """Return the condition that a row comes after the one with these keys."""
    ways = []
    for place, (key, value) in enumerate(zip(keys, values, strict=True)):
        same = [k == v for k, v in zip(keys[:place], values[:place], strict=True)]
        ways.append(and_(*same, key > value))
    return or_(*ways)


def write_cursor(row: Mapping[str, Any], view: View) -> str:
    """Return the cursor of the page that begins after a row."""
    text = json.dumps([row[name] for name in view.key], separators=(",", ":"))
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def _read_cursor(cursor: str, source: FromClause, view: View) -> list[object]:
    """Read a cursor back; anything that this program did not write is refused."""
    try:
        padded = cursor + "=" * (-len(cursor) % 4)
        values = json.loads(base64.b64decode(padded, altchars=b"-_", validate=True))
    except ValueError:
        values = None
    kinds = [source.c[name].type.python_type for name in view.key]
    if (
        not isinstance(values, list)
        or len(values) != len(kinds)
        or any(type(v) is not k for v, k in zip(values, kinds, strict=True))
        or any(isinstance(v, int) and abs(v) >= LARGEST for v in values)
    ):
        _wrong(
            f"cursor {cursor[:40]!r} is not one of {view.name}",
            "the `next` of the page before, or none for the first page",
        )
    return [_typed(source.c[n], v) for n, v in zip(view.key, values, strict=True)]


def _typed(column: Any, value: object) -> object:
    """Return a value in the type of a column; texts come from addresses."""
    kind = kind_of(column)
    typed = None if value is None else _READ[kind](value)
    if typed is None and value is not None:
        _wrong(
            f"{column.name} cannot be {str(value)[:40]!r}", f"a value of type {kind}"
        )
    return typed


def _as_text(value: object) -> str | None:
    return value if isinstance(value, str) and "\x00" not in value else None


def _as_boolean(value: object) -> bool | None:
    words = {"true": True, "false": False}
    return value if isinstance(value, bool) else words.get(str(value).lower())


def _as_integer(value: object) -> int | None:
    if isinstance(value, bool | float):
        return None
    try:
        number = int(str(value))
    except ValueError:
        return None
    return number if abs(number) < LARGEST else None


def _as_number(value: object) -> float | None:
    if isinstance(value, bool):
        return None
    try:
        number = float(str(value))
    except ValueError:
        return None
    return number if math.isfinite(number) else None


_READ: Final[dict[str, Callable[[object], object]]] = {
    "text": _as_text,
    "boolean": _as_boolean,
    "integer": _as_integer,
    "number": _as_number,
}
"""Readers of values by type; None: the value is not of the type."""


def _wrong(what: str, allowed: str) -> NoReturn:
    message = f"{what}; allowed: {allowed}"
    raise Refused(rule="query", message=message, allowed=allowed)
