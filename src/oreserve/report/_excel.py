# SPDX-License-Identifier: Apache-2.0
"""All tables of a result in one workbook that cannot run anything."""

from __future__ import annotations

import math
import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from oreserve.report._folder import read_result

if TYPE_CHECKING:
    from collections.abc import Sequence

    import polars as pl

__all__ = ["write_excel"]

MAX_ROWS = 50_000  # beyond this a workbook is slow to open; the CSV has all rows
FIRST = ("ranking", "reserve", "agreements", "projects", "coverage")
FORMATS = {
    "year": "0", "whole": "#,##0", "number": "#,##0.0##", "small": "0.0###",
    "share": "0 %",
}  # fmt: skip
YEARS = {"year", "from", "until", "period"}


def number_kind(column: str, values: Sequence[Any]) -> str:
    """Return which of `FORMATS` the numbers of a column take.

    The name decides about years and shares, so that 2,500 tonnes a year are no
    year; else a column of whole numbers has no decimals. `0.###` would leave a
    point behind a whole number, so the formats with decimals always show one.
    """
    numbers = [
        v
        for v in values
        if isinstance(v, int | float) and not isinstance(v, bool) and math.isfinite(v)
    ]
    if column in YEARS or (
        column.endswith("_year") and not column.endswith("per_year")
    ):
        return "year"
    if column.endswith("_share") or column in {"share", "success", "success_alone"}:
        return "share"
    largest = max((abs(v) for v in numbers), default=0)
    if largest >= 1e6 or all(float(v).is_integer() for v in numbers):
        return "whole"
    return "number" if largest >= 10 else "small"


def write_excel(folder: Path | str, path: Path | str) -> None:
    """Write every table of a result folder as a sheet of one workbook.

    Texts are written as texts, never as formulas or links: a name such as
    `=HYPERLINK(...)` in a private table stays a name. The first sheet lists the
    figures; a table of more than 50 000 rows is cut, and its sheet says so.

    Parameters
    ----------
    folder
        A folder that `plan` or `simulate` wrote.
    path
        Workbook to write; appears whole or not at all.

    Raises
    ------
    InputError
        If the folder is no result or not whole.
    """
    import xlsxwriter

    result = read_result(Path(folder))
    target = Path(path)
    handle, scratch = tempfile.mkstemp(suffix=".xlsx", dir=target.parent)
    os.close(handle)
    options = {
        "strings_to_formulas": False,
        "strings_to_urls": False,
        "strings_to_numbers": False,
        "nan_inf_to_errors": False,
    }
    try:
        with xlsxwriter.Workbook(scratch, options) as book:
            styles = {
                kind: book.add_format({"num_format": form})
                for kind, form in FORMATS.items()
            } | {"head": book.add_format({"bold": True, "bottom": 1})}
            _figures_sheet(book, styles, dict(result.figures))
            first = [n for n in FIRST if n in result.tables]
            for name in first + sorted(set(result.tables) - set(first)):
                _table_sheet(book, styles, name, result.tables[name])
        Path(scratch).chmod(0o644)
        Path(scratch).replace(target)
    except BaseException:
        Path(scratch).unlink(missing_ok=True)
        raise


def _figures_sheet(book: Any, styles: dict[str, Any], figures: dict[str, Any]) -> None:
    sheet = book.add_worksheet("figures")
    sheet.write_row(0, 0, ["figure", "value"], styles["head"])
    flat: list[tuple[str, Any]] = []
    for name, value in figures.items():
        if isinstance(value, list) and value and isinstance(value[0], dict):
            continue  # a table, which has its own sheet
        if isinstance(value, dict):
            flat += [(f"{name}.{key}", inner) for key, inner in value.items()]
        else:
            flat.append((name, value))
    for row, (name, value) in enumerate(flat, start=1):
        sheet.write_string(row, 0, name)
        _write_cell(sheet, row, 1, value, styles[number_kind(name, [value])])
    sheet.set_column(0, 0, 36)
    sheet.set_column(1, 1, 24)


def _table_sheet(
    book: Any, styles: dict[str, Any], name: str, frame: pl.DataFrame
) -> None:
    sheet = book.add_worksheet(name[:31])
    for column, title in enumerate(frame.columns):
        sheet.write_string(0, column, title, styles["head"])
        cells = frame.get_column(title).head(MAX_ROWS).to_list()
        style = styles[number_kind(title, cells)]
        for row, value in enumerate(cells, start=1):
            _write_cell(sheet, row, column, value, style)
        longest = max((len(str(v)) for v in cells[:200]), default=0)
        sheet.set_column(column, column, min(48, max(len(title), longest) + 2))
    if frame.height > MAX_ROWS:
        sheet.write_string(
            MAX_ROWS + 1, 0, f"cut at {MAX_ROWS} of {frame.height} rows: see {name}.csv"
        )
    sheet.freeze_panes(1, 0)
    if frame.width:
        sheet.autofilter(0, 0, min(frame.height, MAX_ROWS), frame.width - 1)


def _write_cell(sheet: Any, row: int, column: int, value: Any, style: Any) -> None:
    """Write one value by its kind; null stays an empty cell."""
    if value is None:
        return
    if isinstance(value, bool):
        sheet.write_boolean(row, column, value)
    elif isinstance(value, int | float) and math.isfinite(value) and abs(value) < 1e300:
        sheet.write_number(row, column, value, style)
    else:
        sheet.write_string(row, column, str(value)[:32_000])
