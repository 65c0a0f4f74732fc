# SPDX-License-Identifier: Apache-2.0
"""Rows of the reserve as a table of a page: headings, units, links."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from oreserve.web._words import NO_DATA, heading, shown, unit_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

__all__ = ["Cell", "Grid", "Head", "decision_grid", "grid", "link_to"]

HASH_SHOWN = 16  # digits in a table; the entry has all

# Numbers that name a row and are no amount.
_NAMES = frozenset({"year", "sequence", "line", "rank", "row"})
# Where the thing that a column names has a page of its own.
_PAGES = {
    "lot": "/lots/{}",
    "contract": "/contracts/{}",
    "release_id": "/releases/{}",
    "order_id": "/orders/{}",
    "delivery": "/deliveries/{}",
    "member": "/members/{}",
    "item": "/stock/{}",
    "year": "/plans/{}",
    "sequence": "/audit/{}",
}


@dataclass(frozen=True)
class Head:
    """A column's heading: its words, its unit and its class."""

    text: str
    unit: str
    klass: str


@dataclass(frozen=True)
class Cell:
    """One cell: its words, where it leads, its class."""

    text: str
    href: str = ""
    klass: str = ""


@dataclass(frozen=True)
class Grid:
    """A table that a template draws as it is."""

    caption: str
    heads: tuple[Head, ...]
    rows: tuple[tuple[Cell, ...], ...]
    empty: str
    csv: str = ""
    query: str = ""
    more: str = ""
    further: str = "Further rows"


def link_to(column: str, value: object) -> str:
    """Return the address of the page about a value; empty if it has none."""
    pattern = _PAGES.get(column)
    if pattern is None or value is None:
        return ""
    return pattern.format(quote(str(value), safe=""))


def grid(
    caption: str,
    rows: Sequence[Mapping[str, object]],
    columns: Sequence[str],
    *,
    headings: Mapping[str, str] | None = None,
    links: Mapping[str, Callable[[Mapping[str, object]], str]] | None = None,
    empty: str = "Nothing yet.",
    csv: str = "",
    query: str = "",
    more: str = "",
    further: str = "Further rows",
    hide: frozenset[str] = frozenset(),
    absent: Callable[[Mapping[str, object], str], str] | None = None,
) -> Grid:
    """Lay rows out under the named columns.

    Columns that no row has (an analyst sees no prices) are left out, not filled.

    Parameters
    ----------
    caption
        What the table shows, for those who hear it.
    columns
        Names in order; the first names the row.
    headings
        Words for a column instead of its name.
    links
        Addresses for a column instead of the page of its thing.
    csv, query, more, further
        Address of the same rows as a file, its query, and that of further rows with
        its words.
    hide
        Columns whose values do not lead anywhere.
    absent
        Words for a column of a row that has no value; by default, that there is none.
    """
    names = [n for n in columns if not rows or any(n in row for row in rows)]
    heads = tuple(
        Head((headings or {}).get(n) or heading(n), unit_of(n), _class(n, rows))
        for n in names
    )
    lines = tuple(
        tuple(
            _cell(name, row, head, (links or {}).get(name), plain=name in hide)
            if row.get(name) is not None or absent is None
            else Cell(absent(row, name), "", f"{head.klass} none".strip())
            for name, head in zip(names, heads, strict=True)
        )
        for row in rows
    )
    return Grid(caption, heads, lines, empty, csv, query, more, further)


def _class(name: str, rows: Sequence[Mapping[str, object]]) -> str:
    if unit_of(name):
        return "n"
    values = [row.get(name) for row in rows if row.get(name) is not None]
    numbers = [
        value
        for value in values
        if isinstance(value, int | float) and not isinstance(value, bool)
    ]
    if values and len(numbers) == len(values) and name not in _NAMES:
        return "n"
    if name.endswith(("_on", "_at")) or name == "at":
        return "d"
    return "mono" if name in {"hash", "previous", "key"} else ""


def _cell(
    name: str,
    row: Mapping[str, object],
    head: Head,
    link: Callable[[Mapping[str, object]], str] | None,
    *,
    plain: bool,
) -> Cell:
    value = row.get(name)
    text = shown(name, value)
    klass = head.klass
    if value is None:
        return Cell(NO_DATA, "", f"{klass} none".strip())
    if head.unit:
        # The heading says the unit; the cell is the bare figure.
        text = text.removesuffix("/year").removesuffix("/t")
        text = text.removesuffix("USD").removesuffix("t").rstrip("\u00a0")
    href = "" if plain else (link(row) if link is not None else link_to(name, value))
    if name == "hash":
        text = f"{text[:HASH_SHOWN]}…"
    return Cell(text, href, klass)


def decision_grid(rows: Sequence[Mapping[str, Any]]) -> Grid:
    """Lay out who decided what, and when."""
    return grid(
        "Decisions", rows, ("person", "decision", "at"), empty="Nobody has decided yet."
    )
