# SPDX-License-Identifier: Apache-2.0
"""Read and write rows of business tables inside one transaction."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NoReturn

from oreserve.reserve._audit import canonical, digest
from oreserve.reserve._errors import NotFound, Refused
from oreserve.reserve._statements import Shape, Statements, shape_of
from oreserve.tables import nearest

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["Known", "Rows"]

Known = dict[tuple[Any, ...], dict[str, Any]]

# Tables that change rarely and are asked all the time: a transaction holds the write
# lock, so what it has read of them stays true until it writes them itself.
_STEADY = frozenset(
    {"items", "owners", "depots", "producers", "members", "industrial_terms"}
)
_NAMED = 10  # names that a refusal lists
_LOOKED_AT = 2000  # names among which the nearest is sought


class Rows:
    """Business tables as a command sees them; everything written is noted.

    Parameters
    ----------
    cursor
        A cursor of the database's driver, inside an open transaction.
    sql
        Statement texts of that database.
    known
        Rows of tables that change rarely, as read in this transaction before.

    Attributes
    ----------
    touched
        Whether a statement that writes was begun, even if it failed.
    names_told
        Whether a refusal may name what is there; not to one member about another.
    """

    def __init__(
        self, cursor: Any, sql: Statements, known: Known | None = None
    ) -> None:
        self._cursor = cursor
        self._sql = sql
        self._known: Known = {} if known is None else known
        self._written: list[tuple[str, str, list[Any], dict[str, Any]]] = []
        self.touched = False
        self.names_told = True

    def find(self, table: str, **key: Any) -> dict[str, Any] | None:
        """Return the row with this key, or None."""
        form, values = self._sql.where(key)
        kept = (table, form, tuple(values)) if table in _STEADY else None
        if kept is not None and kept in self._known:
            return dict(self._known[kept])
        shape = _checked(table, key)
        self._cursor.execute(self._sql.select(table, form), values)
        row = self._cursor.fetchone()
        if row is None:
            return None
        found = shape.row(row)
        if kept is not None:
            self._known[kept] = dict(found)
        return found

    def need(self, table: str, **key: Any) -> dict[str, Any]:
        """Return the row with this key.

        Raises
        ------
        NotFound
            If there is none; the message names the nearest.
        """
        row = self.find(table, **key)
        if row is None:
            raise self._not_found(table, key)
        return row

    def rows(self, table: str, **where: Any) -> list[dict[str, Any]]:
        """Return rows sorted by key; None asks for nulls, a list for any of it."""
        shape = _checked(table, where)
        form, values = self._sql.where(where)
        self._cursor.execute(self._sql.select(table, form), values)
        return [shape.row(row) for row in self._cursor.fetchall()]

    def total(self, table: str, column: str, **where: Any) -> int:
        """Return the sum of a whole-number column over rows; 0 without rows."""
        _checked(table, {**where, column: None})
        form, values = self._sql.where(where)
        self._cursor.execute(self._sql.total(table, column, form), values)
        return int(self._cursor.fetchone()[0])

    def insert(self, table: str, **values: Any) -> None:
        """Write a new row; its version starts at 1.

        Raises
        ------
        Refused
            Rule ``exists`` if a row with this key is there.
        """
        shape = _checked(table, values)
        row = {name: shape.stored(name, values[name]) for name in sorted(values)}
        if shape.has_version:
            row["version"] = 1
        key = [row[name] for name in shape.key]
        text = self._sql.insert(table, tuple(row))
        self._touch(table)
        try:
            self._cursor.execute(text, list(row.values()))
        except self._sql.broken_rule as error:
            raise self._broken(table, key, error) from error
        self._note("insert", table, key, row)

    def change(self, table: str, key: Mapping[str, Any], **values: Any) -> None:
        """Change one row; its version rises by 1.

        Raises
        ------
        NotFound
            If there is no such row.
        """
        shape = _checked(table, {**key, **values})
        row = {name: shape.stored(name, values[name]) for name in sorted(values)}
        form, where = self._sql.where(key)
        text = self._sql.update(table, tuple(row), form)
        self._touch(table)
        try:
            self._cursor.execute(text, [*row.values(), *where])
        except self._sql.broken_rule as error:
            raise self._broken(table, list(key.values()), error) from error
        if self._cursor.rowcount != 1:
            raise self._not_found(table, key)
        self._note("change", table, [key[name] for name in shape.key], row)

    def remove(self, table: str, **key: Any) -> None:
        """Take one row away (a role of a user, a decision that no longer counts)."""
        shape = _checked(table, key)
        form, values = self._sql.where(key)
        self._touch(table)
        self._cursor.execute(self._sql.delete(table, form), values)
        if self._cursor.rowcount != 1:
            raise self._not_found(table, key)
        self._note("remove", table, [key[name] for name in shape.key], {})

    def prune(self, table: str, column: str, before: str) -> None:
        """Take away rows of a table of sign-in whose time has passed."""
        _checked(table, {column: before})
        self.touched = True
        self._cursor.execute(self._sql.prune(table, column), (before,))

    def refuse(self, rule: str, message: str, allowed: object = None) -> NoReturn:
        """Stop the command: nothing of it is written.

        Raises
        ------
        Refused
            Always.
        """
        raise Refused(rule, message, allowed)

    def effects(self) -> str:
        """Return what was written: the rows, and one digest over their values."""
        rows = [[kind, table, *key] for kind, table, key, _ in self._written]
        return canonical({"digest": digest(self._written), "rows": rows})

    def _touch(self, table: str) -> None:
        """Note that a statement will write a table, before it does."""
        self.touched = True
        if table in _STEADY:
            self._known.clear()

    def _note(self, kind: str, table: str, key: list[Any], row: dict[str, Any]) -> None:
        self._written.append((kind, table, key, row))

    def _broken(self, table: str, key: list[Any], error: Exception) -> Refused:
        """Turn the database's own refusal of a row into one that says why."""
        told = ", ".join(str(part) for part in key)
        name = f"{_singular(table)} {told!r}"
        # SQLite says "UNIQUE constraint failed", PostgreSQL "... unique constraint".
        text = str(error).splitlines()[0]
        if "unique constraint" in text.lower():
            return Refused(rule="exists", message=f"{name} is there already ({text})")
        return Refused(
            rule="constraint", message=f"{name} breaks a rule of the tables: {text}"
        )

    def _not_found(self, table: str, key: Mapping[str, Any]) -> NotFound:
        """Say what is missing, and what is there that looks like it."""
        told = ", ".join(str(key[name]) for name in sorted(key))
        shape = shape_of(table)
        message = f"there is no {_singular(table)} {told!r}"
        if len(shape.key) > 1 or not self.names_told:
            return NotFound(message)
        self._cursor.execute(self._sql.keys(table), [_LOOKED_AT])
        names = [str(row[0]) for row in self._cursor.fetchall()]
        near = nearest(told, names)
        if near is not None:
            return NotFound(f"{message}; nearest: {near!r}", [near])
        some = names[:_NAMED]
        if not names:
            return NotFound(f"{message}; there are none yet", [])
        more = f" and {len(names) - len(some)} more" if len(names) > len(some) else ""
        return NotFound(f"{message}; there are: {', '.join(some)}{more}", some)


def _checked(table: str, columns: Mapping[str, Any]) -> Shape:
    """Return the shape of a table that has all these columns."""
    shape = shape_of(table)
    unknown = sorted(set(columns) - shape.known)
    if unknown:
        message = f"table {table} has no column {', '.join(unknown)}"
        raise KeyError(message)
    return shape


def _singular(table: str) -> str:
    """Return the name of one thing of a table, for messages."""
    plural = table.replace("_", " ")
    if plural.endswith("ies"):
        return plural[:-3] + "y"
    if plural.endswith("ches"):
        return plural[:-2]
    return plural.removesuffix("s")
