# SPDX-License-Identifier: Apache-2.0
"""Tables of the page: rows in, cells for people out, with a CSV beside them."""

from __future__ import annotations

import base64
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from markupsafe import Markup, escape

from oreserve.report import _format as fmt

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import polars as pl

__all__ = [
    "Column",
    "Table",
    "csv_link",
    "evidence_mark",
    "fold_small",
    "make_table",
    "number_column",
    "source_link",
]

LARGEST_LINK = 200_000  # bytes of CSV carried inside the page
EVIDENCE = {
    "read": "R", "secondary": "S", "computed": "C", "estimated": "E", "assumed": "A",
}  # fmt: skip


@dataclass(frozen=True)
class Column:
    """A column of a page's table: which key, its heading, how to write it."""

    key: str
    heading: str
    write: Callable[[Any], str] = str
    is_number: bool = False
    missing: str | None = None  # what null is written as
    css: str = ""

    @property
    def classes(self) -> str:
        """Return the classes of the column's cells in the page."""
        return " ".join(filter(None, ("n" if self.is_number else "", self.css)))

    def cell(self, value: Any) -> str:
        """Write a value; null as `missing`, else "no data" in numbers, else empty."""
        if value is not None:
            return self.write(value)
        if self.missing is not None:
            return self.missing
        return fmt.NO_DATA if self.is_number else ""


def number_column(
    key: str,
    heading: str,
    write: Callable[[Any], str],
    *,
    missing: str | None = None,
    css: str = "",
) -> Column:
    """Return a column of numbers, set flush right."""
    return Column(key, heading, write, is_number=True, missing=missing, css=css)


@dataclass(frozen=True)
class Table:
    """Headings and cells, ready to be laid out."""

    caption: str
    columns: tuple[Column, ...]
    cells: tuple[tuple[str, ...], ...]
    more: int = 0  # rows left out; the CSV has them


def make_table(
    caption: str,
    rows: Sequence[dict[str, Any]],
    columns: Sequence[Column],
    *,
    most: int | None = None,
) -> Table:
    """Write the cells of a table; null is an empty text, or "no data" in numbers.

    A column that is null in every row is left out.
    """
    kept = tuple(c for c in columns if any(row.get(c.key) is not None for row in rows))
    shown = rows if most is None else rows[:most]
    cells = tuple(tuple(c.cell(row.get(c.key)) for c in kept) for row in shown)
    return Table(caption, kept, cells, len(rows) - len(shown))


def fold_small(
    table: Table, rows: Sequence[dict[str, Any]], key: str, *, kept: int
) -> Table:
    """Sum what follows the first `kept` rows in a last row.

    Parameters
    ----------
    table
        All rows, largest first.
    rows
        The rows that the table was made of.
    key
        Column whose sum stands in the last row.
    kept
        How many rows stay. A single row is not folded.
    """
    rest = rows[kept:]
    if len(rest) < 2 or not table.columns:
        return table
    total = sum(row.get(key) or 0.0 for row in rest)
    last = [c.write(total) if c.key == key else "" for c in table.columns]
    last[0] = f"{len(rest)} smaller ones, together"
    return replace(table, cells=(*table.cells[:kept], tuple(last)))


def csv_link(frame: pl.DataFrame, name: str) -> Markup:
    """Return a link that saves a table as CSV, carried in the page when small."""
    text = frame.write_csv()
    file = f"{name}.csv"
    if len(text) > LARGEST_LINK:
        return Markup('<a class="csv" href="{0}">{0}</a> (beside this page)').format(
            file
        )
    data = base64.b64encode(text.encode()).decode("ascii")
    return Markup(
        '<a class="csv" download="{0}" href="data:text/csv;base64,{1}">{0}</a>'
    ).format(file, data)


def evidence_mark(kind: str | None) -> Markup:
    """Return the letter that says how a figure is known."""
    letter = EVIDENCE.get(kind or "")
    if letter is None:
        return Markup("")
    return Markup('<abbr class="mark mark-{0}" title="{0}">{1}</abbr>').format(
        kind, letter
    )


def source_link(source: str | None) -> Markup:
    """Return links to the list of sources; several are separated by `;` or `|`."""
    names = [s.strip() for s in (source or "").replace("|", ";").split(";")]
    links = [
        Markup('<a class="source" href="#source-{0}">{0}</a>').format(escape(name))
        for name in names
        if name
    ]
    return Markup(", ").join(links)
