# SPDX-License-Identifier: Apache-2.0
"""Rows as JSON, CSV or Excel; a cell never becomes a formula.

A spreadsheet runs a text that begins with = + - @, a tab or a return. Such a text
gets an apostrophe in front in CSV and Excel. JSON keeps it as it is.
"""

from __future__ import annotations

import io
import json
from typing import TYPE_CHECKING, Final

from oreserve.reserve._cells import csv_text, safe_text

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

__all__ = ["MEDIA_TYPES", "write_csv", "write_json", "write_xlsx"]

MEDIA_TYPES: Final = {
    "json": "application/json",
    "csv": "text/csv; charset=utf-8",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
}


def write_json(value: object) -> bytes:
    """Write compact JSON."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"), default=str)
    return text.encode("utf-8", "replace")


def write_csv(columns: Sequence[str], rows: Sequence[Mapping[str, object]]) -> bytes:
    """Write a header and rows; null is an empty cell."""
    return csv_text(columns, rows).encode("utf-8", "replace")


def write_xlsx(
    title: str, columns: Sequence[str], rows: Sequence[Mapping[str, object]]
) -> bytes:
    """Write one sheet with a header; texts are written as texts."""
    import xlsxwriter

    out = io.BytesIO()
    settings = {
        "in_memory": True,
        "strings_to_formulas": False,
        "strings_to_urls": False,
        "strings_to_numbers": False,
    }
    with xlsxwriter.Workbook(out, settings) as book:
        bold = book.add_format({"bold": True})
        sheet = book.add_worksheet(title[:31])
        sheet.write_row(0, 0, columns, bold)
        sheet.freeze_panes(1, 0)
        for line, row in enumerate(rows, start=1):
            for place, name in enumerate(columns):
                value = row.get(name)
                if isinstance(value, bool):
                    sheet.write_boolean(line, place, value)
                elif isinstance(value, int | float):
                    sheet.write_number(line, place, value)
                elif value is not None:
                    sheet.write_string(line, place, safe_text(str(value))[:32_767])
    return out.getvalue()
