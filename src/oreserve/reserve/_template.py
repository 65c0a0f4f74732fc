# SPDX-License-Identifier: Apache-2.0
"""Write the workbook that people fill in."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import select

from oreserve.reserve._database import connect
from oreserve.reserve._sheets import Sheet, SheetColumn, sheets
from oreserve.reserve._views import source_of

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from sqlalchemy import Engine

__all__ = ["known_names", "template_bytes"]

ROWS: Final = 1000  # rows of a sheet that offer lists
_FORMATS: Final = {"date": "yyyy-mm-dd", "exact": "#,##0.######", "text": "@"}

_INSTRUCTIONS: Final = (
    "Fill one row per lot, contract or delivery; leave what is not known empty.",
    "Columns with a bold name are needed. Point at a name to see what goes there.",
    "Masses are tonnes and money is USD, exact to the gram and the cent, not rounded.",
    "Dates are cells with a date, or texts such as 2026-03-31.",
    "Do not rename sheets or columns; sheets that are not needed may stay empty.",
    "`oreserve reserve import` shows what would be written; with --write it writes.",
    "All rows are written, or none if one of them has a problem.",
    "The same file again adds nothing: a row that was taken in stays as it is.",
)


def known_names(
    engine: Engine,
    *,
    for_lists: bool = False,
    readable: Collection[str] | None = None,
) -> dict[str, tuple[str, ...]]:
    """Return the names that rows may refer to, by table, sorted.

    Parameters
    ----------
    engine
        Database of the reserve.
    for_lists
        Of deliveries only those that are due, to be offered.
    readable
        Tables whose names may be told; None: all.
    """
    found: dict[str, tuple[str, ...]] = {}
    tables = {c.table for sheet in sheets().values() for c in sheet.columns if c.table}
    told = tables if readable is None else tables.intersection(readable)
    with connect(engine) as connection:
        for table in sorted(told):
            source = source_of(table, "")
            query = select(next(iter(source.primary_key)))
            if for_lists and table == "deliveries":
                query = query.where(source.c.status == "due")
            names = connection.execute(query).scalars()
            found[table] = tuple(sorted(str(name) for name in names))
    return found


def template_bytes(known: Mapping[str, tuple[str, ...]] | None = None) -> bytes:
    """Return an empty workbook to fill in.

    Parameters
    ----------
    known
        Names by table, as `known_names` gives them: they are offered in lists.

    Returns
    -------
    bytes
        A file of Excel with one sheet of instructions and one per command.
    """
    import xlsxwriter

    out = io.BytesIO()
    options = {
        "in_memory": True,
        "strings_to_formulas": False,
        "strings_to_urls": False,
        "strings_to_numbers": False,
    }
    with xlsxwriter.Workbook(out, options) as book:
        styles = {
            "title": book.add_format({"bold": True, "font_size": 14}),
            "needed": book.add_format({"bold": True, "bottom": 1}),
            "other": book.add_format({"italic": True, "bottom": 1}),
        }
        styles |= {k: book.add_format({"num_format": v}) for k, v in _FORMATS.items()}
        _write_instructions(book, styles)
        lists = _Lists(known or {})
        for sheet in sheets().values():
            _write_sheet(book, styles, sheet, lists)
        lists.write(book)
    return out.getvalue()


class _Lists:
    """Lists of names, each a column of a hidden sheet."""

    def __init__(self, known: Mapping[str, tuple[str, ...]]) -> None:
        self._columns: dict[str, tuple[str, ...]] = {
            table: known[table] for table in sorted(known) if known[table]
        }

    def source(self, column: SheetColumn) -> str | list[str] | None:
        """Return what Excel offers in a column's cells; None: no list."""
        if column.allowed:
            return list(column.allowed)
        if column.kind == "boolean":
            return ["true", "false"]
        if column.table not in self._columns:
            return None
        place = list(self._columns).index(column.table)
        letter = chr(ord("A") + place)
        return f"=lists!${letter}$2:${letter}${len(self._columns[column.table]) + 1}"

    def write(self, book: Any) -> None:
        """Write the hidden sheet."""
        sheet = book.add_worksheet("lists")
        for place, (table, names) in enumerate(self._columns.items()):
            sheet.write_string(0, place, table)
            for row, name in enumerate(names, start=1):
                sheet.write_string(row, place, name)
        sheet.hide()


def _write_instructions(book: Any, styles: dict[str, Any]) -> None:
    page = book.add_worksheet("instructions")
    page.set_column(0, 0, 14)
    page.set_column(1, 1, 26)
    page.set_column(2, 4, 14)
    page.set_column(5, 5, 90)
    page.write_string(0, 0, "Lots, contracts and deliveries", styles["title"])
    row = 2
    for line in _INSTRUCTIONS:
        page.write_string(row, 0, line)
        row += 1
    row += 1
    heads = ("sheet", "column", "needed", "unit", "kind", "meaning and allowed values")
    for place, head in enumerate(heads):
        page.write_string(row, place, head, styles["needed"])
    for sheet in sheets().values():
        for column in sheet.columns:
            row += 1
            cells = (
                sheet.name,
                column.name,
                "yes" if column.required else "",
                column.unit,
                column.kind,
                _told(column),
            )
            for place, cell in enumerate(cells):
                page.write_string(row, place, cell)


def _told(column: SheetColumn) -> str:
    """Return what a column means and what it allows, in one line."""
    parts = [column.meaning]
    if column.allowed:
        parts.append(f"one of {', '.join(column.allowed)}")
    if column.table:
        parts.append(f"one of the reserve's {column.table.replace('_', ' ')}")
    return "; ".join(part for part in parts if part)


def _write_sheet(
    book: Any, styles: dict[str, Any], sheet: Sheet, lists: _Lists
) -> None:
    page = book.add_worksheet(sheet.name)
    for place, column in enumerate(sheet.columns):
        style = styles["needed" if column.required else "other"]
        page.write_string(0, place, column.name, style)
        note = _told(column) + (f" ({column.unit})" if column.unit else "")
        page.write_comment(0, place, note[:1000], {"x_scale": 2})
        width = max(12, len(column.name) + 2)
        page.set_column(place, place, width, styles.get(column.kind))
        source = lists.source(column)
        # A list of words may have 255 signs; a longer one would break the workbook.
        if source is None or (isinstance(source, list) and len(",".join(source)) > 255):
            continue
        rule = {"validate": "list", "source": source, "error_type": "warning"}
        page.data_validation(1, place, ROWS, place, rule)
    page.freeze_panes(1, 0)
