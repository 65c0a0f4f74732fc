# SPDX-License-Identifier: Apache-2.0
"""SQL texts of the few statements that commands need, each built once.

A command must stay near one millisecond. Building a statement costs more than
running it, so texts are kept per database, table and columns, and rows travel
through the driver's own cursor. Names come from the schema, values are always
parameters.
"""

from __future__ import annotations

from contextlib import nullcontext
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import Boolean, Double

from oreserve.reserve._schema import metadata

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from contextlib import AbstractContextManager

    from sqlalchemy import Connection, Table
    from sqlalchemy.engine.interfaces import Dialect

__all__ = ["Shape", "Statements", "shape_of"]


class Shape:
    """What the code needs to know of a table: its columns, key and kinds.

    Parameters
    ----------
    table
        The table.
    """

    def __init__(self, table: Table) -> None:
        self.name = table.name
        self.columns: tuple[str, ...] = tuple(c.name for c in table.columns)
        self.key: tuple[str, ...] = tuple(c.name for c in table.primary_key)
        self.known = frozenset(self.columns)
        self.flags = tuple(c.name for c in table.columns if isinstance(c.type, Boolean))
        self.shares = frozenset(
            c.name for c in table.columns if isinstance(c.type, Double)
        )
        self.has_version = "version" in self.known

    def row(self, values: Sequence[Any]) -> dict[str, Any]:
        """Return one row as a dict, flags as bool on every database."""
        row = dict(zip(self.columns, values, strict=True))
        for name in self.flags:
            row[name] = bool(row[name])
        return row

    def stored(self, name: str, value: Any) -> Any:
        """Return a value as the column keeps it, alike on every database."""
        if value is None:
            return None
        if name in self.shares:
            return float(value)
        if name in self.flags:
            return bool(value)
        return value


_SHAPES: Final[dict[str, Shape]] = {
    name: Shape(table) for name, table in metadata.tables.items()
}


def shape_of(table: str) -> Shape:
    """Return the shape of a table by name."""
    return _SHAPES[table]


class Statements:
    """SQL of one kind of database.

    Parameters
    ----------
    dialect
        SQLAlchemy's description of the database: how it quotes and marks values.
    """

    def __init__(self, dialect: Dialect) -> None:
        assert dialect.dbapi is not None, "an engine has loaded its driver"
        self.is_sqlite = dialect.name == "sqlite"
        self.mark = "?" if self.is_sqlite else "%s"
        self.broken_rule: type[Exception] = dialect.dbapi.IntegrityError
        self._driver = dialect.dbapi
        self._quote = dialect.identifier_preparer.quote
        self._kept: dict[tuple[Any, ...], str] = {}

    def together(self, connection: Connection) -> AbstractContextManager[Any]:
        """Send the writes of a block in one go, where a server is far away.

        What one of them breaks is raised at the end of the block at the latest; nothing
        may be read inside.
        """
        if self.is_sqlite:
            return nullcontext()
        driver: Any = connection.connection.driver_connection
        pipeline: AbstractContextManager[Any] = driver.pipeline()
        return pipeline

    def is_from_driver(self, error: Exception) -> bool:
        """Whether a statement failed, for whatever reason."""
        return isinstance(_cause(error), self._driver.Error)

    def is_broken_rule(self, error: Exception) -> bool:
        """Whether the database refused a row: a check, a reference or a trigger."""
        error = _cause(error)
        rules = (self._driver.IntegrityError, self._driver.DataError)
        # P0001: a trigger of ours raised it.
        return isinstance(error, rules) or getattr(error, "sqlstate", "") == "P0001"

    def is_trouble(self, error: Exception) -> bool:
        """Whether the database itself failed: full, locked, lost, damaged."""
        error = _cause(error)
        if self.is_broken_rule(error) or not isinstance(error, self._driver.Error):
            return False
        return not isinstance(error, self._driver.ProgrammingError)

    def names(self, columns: Sequence[str]) -> str:
        """Return quoted names with commas."""
        return ", ".join(self._quote(name) for name in columns)

    def where(self, where: Mapping[str, Any]) -> tuple[tuple[Any, ...], list[Any]]:
        """Return the form of a condition (kept texts hang on it) and its values."""
        form: list[Any] = []
        values: list[Any] = []
        for name in sorted(where):
            value = where[name]
            if value is None:
                form.append((name, "null"))
            elif isinstance(value, list | tuple | set | frozenset):
                members = sorted(value)
                form.append((name, len(members)))
                values.extend(members)
            else:
                form.append((name, "="))
                values.append(value)
        return tuple(form), values

    def _condition(self, form: tuple[Any, ...]) -> str:
        parts = []
        for name, kind in form:
            column = self._quote(name)
            if kind == "null":
                parts.append(f"{column} IS NULL")
            elif kind == "=":
                parts.append(f"{column} = {self.mark}")
            elif kind == 0:
                parts.append("1 = 0")
            else:
                parts.append(f"{column} IN ({', '.join([self.mark] * kind)})")
        return " AND ".join(parts) or "1 = 1"

    def select(self, table: str, form: tuple[Any, ...]) -> str:
        """Return the text that reads whole rows, in the order of the key."""
        kept = ("select", table, form)
        if kept not in self._kept:
            shape = _SHAPES[table]
            self._kept[kept] = (
                f"SELECT {self.names(shape.columns)} FROM {self._quote(table)} "  # noqa: S608 - names come from the schema
                f"WHERE {self._condition(form)} ORDER BY {self.names(shape.key)}"
            )
        return self._kept[kept]

    def keys(self, table: str) -> str:
        """Return the text that reads the first keys of a table, one value each."""
        kept = ("keys", table)
        if kept not in self._kept:
            column = self._quote(_SHAPES[table].key[0])
            self._kept[kept] = (
                f"SELECT {column} FROM {self._quote(table)} "  # noqa: S608 - names come from the schema
                f"ORDER BY {column} LIMIT {self.mark}"
            )
        return self._kept[kept]

    def total(self, table: str, column: str, form: tuple[Any, ...]) -> str:
        """Return the text that adds up one whole-number column."""
        kept = ("total", table, column, form)
        if kept not in self._kept:
            self._kept[kept] = (
                f"SELECT COALESCE(SUM({self._quote(column)}), 0) "  # noqa: S608 - names come from the schema
                f"FROM {self._quote(table)} WHERE {self._condition(form)}"
            )
        return self._kept[kept]

    def insert(self, table: str, columns: tuple[str, ...], rows: int = 1) -> str:
        """Return the text that writes rows in one go."""
        kept = ("insert", table, columns, rows)
        if kept not in self._kept:
            one = ", ".join([self.mark] * len(columns))
            marks = "), (".join([one] * rows)
            self._kept[kept] = (
                f"INSERT INTO {self._quote(table)} ({self.names(columns)}) "  # noqa: S608 - names come from the schema
                f"VALUES ({marks})"
            )
        return self._kept[kept]

    def update(
        self, table: str, columns: tuple[str, ...], form: tuple[Any, ...]
    ) -> str:
        """Return the text that changes rows and raises their version."""
        kept = ("update", table, columns, form)
        if kept not in self._kept:
            sets = [f"{self._quote(name)} = {self.mark}" for name in columns]
            if _SHAPES[table].has_version:
                sets.append("version = version + 1")
            self._kept[kept] = (
                f"UPDATE {self._quote(table)} SET {', '.join(sets)} "  # noqa: S608 - names come from the schema
                f"WHERE {self._condition(form)}"
            )
        return self._kept[kept]

    def delete(self, table: str, form: tuple[Any, ...]) -> str:
        """Return the text that takes rows away."""
        kept = ("delete", table, form)
        if kept not in self._kept:
            self._kept[kept] = (
                f"DELETE FROM {self._quote(table)} WHERE {self._condition(form)}"  # noqa: S608 - names come from the schema
            )
        return self._kept[kept]

    def prune(self, table: str, column: str) -> str:
        """Return the text that takes away rows up to a time."""
        kept = ("prune", table, column)
        if kept not in self._kept:
            self._kept[kept] = (
                f"DELETE FROM {self._quote(table)} "  # noqa: S608 - names come from the schema
                f"WHERE {self._quote(column)} <= {self.mark}"
            )
        return self._kept[kept]

    def text(self, name: str, sql: str) -> str:
        """Return a hand-written text with ``?`` turned into this driver's mark."""
        kept = ("text", name)
        if kept not in self._kept:
            self._kept[kept] = sql.replace("?", self.mark)
        return self._kept[kept]


def _cause(error: Exception) -> Exception:
    """Return the driver's own error where SQLAlchemy has wrapped it."""
    inner = getattr(error, "orig", None)
    return inner if isinstance(inner, Exception) else error
