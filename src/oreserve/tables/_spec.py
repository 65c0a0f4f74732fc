# SPDX-License-Identifier: Apache-2.0
"""Column specifications, settings, units and countries, read from the CSV beside."""

from __future__ import annotations

import csv
import difflib
import unicodedata
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Iterable

    import polars as pl

ColumnType = Literal["text", "number", "integer", "boolean", "date", "list"]
_FEW = 10  # names that a message can list
_LIKE = 0.6  # share of letters in common from which a name may be meant
_VERY_LIKE = 0.72  # likewise where the names begin with different letters
_TYPES = ("text", "number", "integer", "boolean", "date", "list")


@dataclass(frozen=True)
class ColumnSpec:
    """What one column may hold.

    Parameters
    ----------
    name
        Name in files; ``*_score`` stands for any column that ends so.
    type
        text, number, integer, boolean, date or list (text separated by ``;``).
    unit
        Canonical unit; empty for text and pure numbers.
    required
        Whether the column must be there and hold no null.
    key
        Whether it belongs to the key of the table.
    allowed
        Closed set of values; empty: open.
    minimum, maximum
        Inclusive range of a number.
    default
        What `Study.table` fills where a file has null; None: stays null.
    references
        Where a value must occur: ``table.column``, or a literal such as ``*``.
    """

    name: str
    type: ColumnType
    unit: str = ""
    required: bool = False
    key: bool = False
    allowed: tuple[str, ...] = ()
    minimum: float | None = None
    maximum: float | None = None
    default: str | None = None
    references: tuple[str, ...] = ()
    description: str = ""

    @property
    def is_pattern(self) -> bool:
        """Whether the name stands for a family of columns."""
        return self.name.startswith("*")


@dataclass(frozen=True)
class TableSpec:
    """One table of a study: its columns in order and whether a study needs it."""

    name: str
    required: bool
    description: str
    columns: tuple[ColumnSpec, ...]

    @property
    def key(self) -> tuple[str, ...]:
        """Names of the key columns, in order."""
        return tuple(column.name for column in self.columns if column.key)

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the fixed columns, in order."""
        return tuple(c.name for c in self.columns if not c.is_pattern)

    def column(self, name: str) -> ColumnSpec | None:
        """Return the spec of a column, by name or by family; None if unknown."""
        for column in self.columns:
            if column.name == name:
                return column
        for column in self.columns:
            suffix = column.name[1:]
            if column.is_pattern and name.endswith(suffix) and len(name) > len(suffix):
                return column
        return None


def _rows(name: str) -> list[dict[str, str]]:
    text = (resources.files(__package__) / name).read_text(encoding="utf-8")
    return list(csv.DictReader(text.splitlines()))


def _number(text: str) -> float | None:
    return float(text) if text else None


def _column(row: dict[str, str]) -> ColumnSpec:
    kind = row["type"]
    if kind not in _TYPES:
        message = f"columns.csv: type {kind!r} of {row['table']}.{row['column']}"
        raise ValueError(message)
    return ColumnSpec(
        name=row["column"],
        type=kind,  # type: ignore[arg-type]  # checked against _TYPES above
        unit=row["unit"],
        required=row["required"] == "true",
        key=row["key"] == "true",
        allowed=tuple(filter(None, row["allowed"].split("|"))),
        minimum=_number(row["min"]),
        maximum=_number(row["max"]),
        default=row["default"] or None,
        references=tuple(filter(None, row["references"].split("|"))),
        description=row["description"],
    )


@cache
def _specs() -> dict[str, TableSpec]:
    columns: dict[str, list[ColumnSpec]] = {}
    for row in _rows("columns.csv"):
        columns.setdefault(row["table"], []).append(_column(row))
    return {
        row["table"]: TableSpec(
            name=row["table"],
            required=row["required"] == "true",
            description=row["description"],
            columns=tuple(columns[row["table"]]),
        )
        for row in _rows("tables.csv")
    }


TABLES: tuple[str, ...] = tuple(row["table"] for row in _rows("tables.csv"))


def spec(table: str) -> TableSpec:
    """Return the specification of a table.

    Raises
    ------
    KeyError
        If there is no such table; the message names the nearest.

    Examples
    --------
    >>> spec("recipes").key
    ('process', 'item')
    """
    try:
        return _specs()[table]
    except KeyError:
        close = nearest(table, TABLES)
        hint = f"; did you mean {close!r}?" if close else ""
        message = f"there is no table {table!r}{hint}"
        raise KeyError(message) from None


def nearest(name: str, allowed: Iterable[str]) -> str | None:
    """Return the allowed name that is most like `name`, or None if none is near.

    Case, blanks, accents, hyphens and underscores do not count; ties go to the
    first in sorted order. A name that shares little with it is not near: zirconium
    is no answer to iron, although it holds its letters.

    Examples
    --------
    >>> nearest("Galium", ["gallium", "germanium"])
    'gallium'
    >>> nearest("xyz", ["gallium"]) is None
    True
    """
    found = _alike(name, allowed)
    return found[0] if found else None


def choices(name: str, allowed: Iterable[str]) -> str:
    """Return what may stand instead of `name`, short enough for a message.

    All allowed names if there are at most ten, else the three nearest of them and
    how many there are.

    Examples
    --------
    >>> choices("iron", ["zirconium", "gallium"])
    'allowed: gallium, zirconium'
    """
    names = sorted(set(allowed))
    if not names:
        return "allowed: none"
    if len(names) <= _FEW:
        return f"allowed: {', '.join(names)}"
    close = _alike(name, names)[:3]
    if close:
        return f"nearest of {len(names)}: {', '.join(close)}"
    return f"none of {len(names)} names is near, such as {', '.join(names[:3])}"


def _alike(name: str, allowed: Iterable[str]) -> list[str]:
    """Return the allowed names that are near, the nearest first."""
    wanted = _plain(name)
    plain: dict[str, str] = {}
    for one in sorted(allowed):
        plain.setdefault(_plain(one), one)
    found = difflib.get_close_matches(wanted, sorted(plain), n=10, cutoff=_LIKE)
    return [
        plain[one]
        for one in found
        if one[:1] == wanted[:1]
        or difflib.SequenceMatcher(None, one, wanted).ratio() >= _VERY_LIKE
    ]


def _plain(name: str) -> str:
    folded = unicodedata.normalize("NFKD", name.strip().lower())
    letters = "".join(c for c in folded if not unicodedata.combining(c))
    return letters.replace("-", "_").replace(" ", "_")


@dataclass(frozen=True)
class SettingSpec:
    """One setting: its type, unit, default, range and allowed values."""

    name: str
    type: ColumnType
    unit: str
    default: str
    minimum: float | None
    maximum: float | None
    allowed: tuple[str, ...]
    description: str


@cache
def setting_specs() -> dict[str, SettingSpec]:
    """Return the settings by name, in the order of settings.csv."""
    return {
        row["name"]: SettingSpec(
            name=row["name"],
            type=row["type"],  # type: ignore[arg-type]  # a file of this package
            unit=row["unit"],
            default=row["default"],
            minimum=_number(row["min"]),
            maximum=_number(row["max"]),
            allowed=tuple(filter(None, row["allowed"].split("|"))),
            description=row["description"],
        )
        for row in _rows("settings.csv")
    }


@cache
def units() -> dict[str, tuple[str, float]]:
    """Return for each known unit the canonical unit and the factor to it.

    Examples
    --------
    >>> units()["kg"]
    ('t', 0.001)
    """
    return {
        row["unit"]: (row["canonical"], float(row["factor"]))
        for row in _rows("units.csv")
    }


@cache
def elements() -> dict[str, str]:
    """Return the English name of each chemical symbol, hydrogen to uranium."""
    return {row["symbol"]: row["name"] for row in _rows("elements.csv")}


@cache
def country_names() -> dict[str, str]:
    """Return the English name of each ISO 3166-1 alpha-3 code, and of ROW."""
    return {row["iso3"]: row["name"] for row in _rows("countries.csv")}


@cache
def _country_codes() -> dict[str, str]:
    codes: dict[str, str] = {}
    for row in _rows("countries.csv"):
        names = [row["iso3"], row["name"], *row["aliases"].split(";")]
        for name in filter(None, names):
            codes.setdefault(_plain(name), row["iso3"])
    return codes


def country_code(name: str) -> str | None:
    """Return the code of a country by its code, name or alias; None if unknown.

    Examples
    --------
    >>> country_code("Germany"), country_code("DR Congo"), country_code("Atlantis")
    ('DEU', 'COD', None)
    """
    return _country_codes().get(_plain(name))


@cache
def _short_codes() -> dict[str, str]:
    """Return the code of each ISO alpha-2 code and number of trade statistics."""
    codes: dict[str, str] = {}
    for row in _rows("countries.csv"):
        numbers = [text.lstrip("0") for text in row["numbers"].split(";")]
        for short in filter(None, [row["iso2"].lower(), *numbers]):
            codes.setdefault(short, row["iso3"])
    return codes


def any_country_code(text: str) -> str | None:
    """Return the code that a name, alias, alpha-2 or alpha-3 code or number means.

    For what a person types: in files, `NA` or a number may mean something else.

    Examples
    --------
    >>> [any_country_code(t) for t in ("Japan", "jp", "392", "jpn", "England")]
    ['JPN', 'JPN', 'JPN', 'JPN', None]
    """
    short = text.strip().lower()
    known = _short_codes().get(short.lstrip("0") if short.isdigit() else short)
    return known or country_code(text)


@cache
def _near_names() -> dict[str, str]:
    """Return names that mean a part of a country, or too much: only a hint."""
    return {
        _plain(name): row["iso3"]
        for row in _rows("countries.csv")
        for name in filter(None, row["near"].split(";"))
    }


def nearest_country(name: str) -> str | None:
    """Return the code that a misspelt country name or code most likely means.

    Examples
    --------
    >>> nearest_country("England"), nearest_country("Germny")
    ('GBR', 'DEU')
    """
    exact = country_code(name) or _near_names().get(_plain(name))
    if exact:
        return exact
    words = {**_near_names(), **_country_codes()}
    close = nearest(name, words)
    return words[close] if close else None


def dtype_of(column: ColumnSpec) -> pl.DataType:
    """Return the polars type in which a loaded column is held."""
    import polars as pl

    kinds: dict[str, pl.DataType] = {
        "text": pl.String(),
        "list": pl.String(),
        "number": pl.Float64(),
        "integer": pl.Int64(),
        "boolean": pl.Boolean(),
        "date": pl.Date(),
    }
    return kinds[column.type]


def empty(table: str) -> pl.DataFrame:
    """Return the table without rows, with all fixed columns in their types.

    Examples
    --------
    >>> empty("contents").columns
    ['item', 'element', 'mass_share', 'source_id', 'evidence', 'note']
    """
    import polars as pl

    columns = spec(table).columns
    return pl.DataFrame(
        schema={c.name: dtype_of(c) for c in columns if not c.is_pattern}
    )
