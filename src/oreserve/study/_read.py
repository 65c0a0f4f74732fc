# SPDX-License-Identifier: Apache-2.0
"""Read one table file into typed columns and report every cell that is wrong."""

from __future__ import annotations

import codecs
import csv
import io
import re
from typing import TYPE_CHECKING, cast

import polars as pl

from oreserve.study._dates import DATE_FORMS
from oreserve.tables import (
    ColumnSpec,
    TableSpec,
    dtype_of,
    nearest,
    spec,
    units,
)

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from oreserve.study._problems import Problems

ROW = "_row"
FILE = "_file"
LARGEST = 1e15
_COMMA = re.compile(r"[-+]?\d[\d.' ]*(,\d+)+(\.\d*)?$")  # 1,5 or 1,500
_TRUTH = {"true": True, "1": True, "false": False, "0": False}


def read_table(
    table: str, path: Path, file_units: Mapping[str, str], problems: Problems
) -> pl.DataFrame | None:
    """Return a table file with typed columns, `_row` and `_file`; None if unreadable.

    Rows are numbered as in a spreadsheet: the header is row 1.
    """
    raw = _raw_frame(table, path, problems)
    if raw is None:
        return None
    return typed_frame(
        table, raw, file=str(path), file_units=file_units, problems=problems
    )


def typed_frame(
    table: str,
    raw: pl.DataFrame,
    *,
    file: str,
    file_units: Mapping[str, str],
    problems: Problems,
) -> pl.DataFrame:
    """Return `raw` with the columns of the spec in their types, and report problems.

    `raw` may carry `_row`; without it rows are numbered from 2.
    """
    table_spec = spec(table)
    reader = _Cells(table_spec, file, problems)
    if ROW not in raw.columns:
        raw = raw.with_row_index(ROW, offset=2).with_columns(pl.col(ROW).cast(pl.Int64))
    # One pass for all columns: a cell of blanks is an empty cell.
    raw = raw.with_columns(pl.col(pl.String).str.strip_chars().replace("", None))
    columns = [raw.get_column(ROW)]
    for name in raw.columns:
        if name in {ROW, FILE}:
            continue
        column = table_spec.column(name)
        if column is None or (column.is_pattern and name == column.name):
            reader.unknown_column(name)
            continue
        columns.append(
            reader.column(raw.get_column(name), column, raw[ROW], file_units.get(name))
        )
    present = {series.name for series in columns}
    for column in table_spec.columns:
        if column.is_pattern or column.name in present:
            continue
        if column.required:
            reader.missing_column(column)
        columns.append(pl.Series(column.name, [None] * raw.height, dtype_of(column)))
    frame = pl.DataFrame(columns).with_columns(pl.lit(file).alias(FILE))
    extra = sorted(set(frame.columns) - set(table_spec.names) - {ROW, FILE})
    frame = frame.select(*table_spec.names, *extra, ROW, FILE)
    _check_duplicates(table_spec, frame, problems)
    return frame


def _raw_frame(table: str, path: Path, problems: Problems) -> pl.DataFrame | None:
    place = {"file": str(path)}
    if path.suffix == ".parquet":
        try:
            return pl.read_parquet(path)
        except (OSError, pl.exceptions.PolarsError) as error:
            problems.error(
                table, f"the file cannot be read: {_first_line(error)}", **place
            )
            return None
    try:
        content = path.read_bytes()
        text = content.decode("utf-8-sig")
    except OSError as error:
        problems.error(table, f"the file cannot be read: {_first_line(error)}", **place)
        return None
    except UnicodeDecodeError as error:
        wide = content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
        kind = "is UTF-16" if wide else f"is not UTF-8 ({_first_line(error)})"
        problems.error(
            table,
            f"the file cannot be read: it {kind}",
            allowed="UTF-8; a spreadsheet saves it as 'CSV UTF-8 (comma delimited)'",
            **place,
        )
        return None
    if "\0" in text:
        problems.error(table, "the file is corrupt: it holds zero bytes", **place)
        return None
    try:
        records = list(csv.reader(io.StringIO(text, newline=""), strict=True))
    except csv.Error as error:
        problems.error(table, f"the file is corrupt or cut short: {error}", **place)
        return None
    return _frame_of_records(table, records, place, problems)


def _frame_of_records(
    table: str, records: list[list[str]], place: dict[str, str], problems: Problems
) -> pl.DataFrame | None:
    if not records or not any(cell.strip() for cell in records[0]):
        problems.error(
            table, "the file is empty: it needs a row of column names", **place
        )
        return None
    header = [cell.strip() for cell in records[0]]
    if len(header) == 1 and ";" in header[0]:
        problems.error(
            table,
            "columns are separated by semicolons",
            row=1,
            allowed="commas",
            **place,
        )
        return None
    if len(set(header)) < len(header):
        twice = sorted({name for name in header if header.count(name) > 1})
        problems.error(
            table, "columns named twice", row=1, value=", ".join(twice), **place
        )
        return None
    rows: list[list[str]] = []
    numbers: list[int] = []
    for number, record in enumerate(records[1:], start=2):
        if not any(record):
            continue
        if len(record) != len(header):
            problems.error(
                table,
                f"{len(record)} cells where the header has {len(header)}: "
                "the file may be cut short",
                row=number,
                **place,
            )
            continue
        rows.append(record)
        numbers.append(number)
    columns = zip(*rows, strict=True) if rows else [()] * len(header)
    series = [
        pl.Series(name, list(cells), dtype=pl.String)
        for name, cells in zip(header, columns, strict=True)
    ]
    return pl.DataFrame([*series, pl.Series(ROW, numbers, dtype=pl.Int64)])


def _first_line(error: Exception) -> str:
    return str(error).splitlines()[0] if str(error) else type(error).__name__


class _Cells:
    """Parser of the columns of one file that notes each bad cell."""

    def __init__(self, table: TableSpec, file: str, problems: Problems) -> None:
        self._table = table
        self._file = file
        self._problems = problems

    def unknown_column(self, name: str) -> None:
        """Report a column that the table does not have."""
        self._problems.error(
            self._table.name,
            "there is no such column",
            row=1,
            column=name,
            allowed=", ".join(c.name for c in self._table.columns),
            nearest=nearest(name, self._table.names),
            file=self._file,
        )

    def missing_column(self, column: ColumnSpec) -> None:
        """Report a needed column that is not there."""
        self._problems.error(
            self._table.name,
            "a needed column is missing",
            row=1,
            column=column.name,
            allowed=column.description,
            file=self._file,
        )

    def column(
        self, cells: pl.Series, column: ColumnSpec, rows: pl.Series, unit: str | None
    ) -> pl.Series:
        """Return one typed column; a bad cell becomes null and is reported."""
        name = cells.name
        text = self._text(cells)
        if column.required and text.null_count():
            for row in rows.filter(text.is_null()):
                self._cell(row, name, "", "the value is missing", column.description)
        if text.null_count() == text.len():
            return pl.Series(name, [None] * text.len(), dtype_of(column))
        if column.type in {"text", "list"}:
            typed = _normalised(text, column)
        elif column.type == "boolean":
            typed = text.str.to_lowercase().replace_strict(
                _TRUTH, default=None, return_dtype=pl.Boolean
            )
            self._bad(text, typed, rows, column, name, "true or false")
        elif column.type == "date":
            typed = _dates(text)
            self._bad(text, typed, rows, column, name, DATE_FORMS)
        else:
            typed = self._numbers(text, rows, column, name)
            typed = self._converted(typed, column, name, unit)
            typed = self._whole(typed, text, rows, column, name)
            self._range(typed, rows, column, name)
        self._allowed(typed, rows, column, name)
        return typed.alias(name)

    def _cell(
        self,
        row: int,
        name: str,
        value: object,
        problem: str,
        allowed: str,
        hint: str | None = None,
    ) -> None:
        self._problems.error(
            self._table.name,
            problem,
            row=row,
            column=name,
            value=value,
            allowed=allowed,
            nearest=hint,
            file=self._file,
        )

    def _text(self, cells: pl.Series) -> pl.Series:
        """Return the cells of any type as text; CSV cells are text already."""
        if cells.dtype == pl.String:
            return cells
        if cells.dtype.is_float():
            # repr is the shortest text that reads back as the same number
            values = [None if v is None else repr(v) for v in cells.to_list()]
            return pl.Series(cells.name, values, dtype=pl.String)
        kind = cells.dtype
        if isinstance(kind, pl.List) and kind.inner == pl.String:
            return cells.list.join(";")
        if isinstance(kind, pl.Datetime):
            return cells.dt.date().cast(pl.String)
        if not kind.is_nested() and kind != pl.Binary:
            return cells.cast(pl.String)
        self._problems.error(
            self._table.name,
            f"a column of type {kind}",
            column=cells.name,
            allowed="text, numbers, truth values, dates or lists of text",
            file=self._file,
        )
        return pl.Series(cells.name, [None] * cells.len(), dtype=pl.String)

    def _bad(
        self,
        text: pl.Series,
        typed: pl.Series,
        rows: pl.Series,
        column: ColumnSpec,
        name: str,
        allowed: str,
    ) -> None:
        if typed.null_count() == text.null_count():
            return
        bad = typed.is_null() & text.is_not_null()
        for row, value in zip(rows.filter(bad), text.filter(bad), strict=True):
            problem = f"not a {column.type}"
            if column.type in {"number", "integer"} and _COMMA.match(value):
                problem += ": it holds a comma"
                allowed = "a decimal point (1.5) and no separator of thousands"
            self._cell(row, name, value, problem, allowed)

    def _numbers(
        self, text: pl.Series, rows: pl.Series, column: ColumnSpec, name: str
    ) -> pl.Series:
        typed = text.cast(pl.Float64, strict=False)
        allowed = "a number such as 1250.5"
        self._bad(text, typed, rows, column, name, allowed)
        _, most = _ends(typed.abs())
        if typed.is_finite().all() and (most is None or most <= LARGEST):
            return typed
        wild = (~typed.is_finite() | (typed.abs() > LARGEST)).fill_null(value=False)
        for row, value in zip(rows.filter(wild), text.filter(wild), strict=True):
            self._cell(row, name, value, "not a finite number below 1e15", allowed)
        return typed.set(wild, None)

    def _whole(
        self,
        typed: pl.Series,
        text: pl.Series,
        rows: pl.Series,
        column: ColumnSpec,
        name: str,
    ) -> pl.Series:
        if column.type != "integer":
            return typed
        broken = (typed != typed.round()).fill_null(value=False)
        for row, value in zip(rows.filter(broken), text.filter(broken), strict=True):
            self._cell(row, name, value, "not a whole number", "a whole number")
        return typed.set(broken, None).cast(pl.Int64)

    def _converted(
        self, typed: pl.Series, column: ColumnSpec, name: str, unit: str | None
    ) -> pl.Series:
        if unit is None or unit == column.unit:
            return typed
        canonical, factor = units().get(unit, ("", 0.0))
        if canonical != column.unit:
            same = [one for one, (to, _) in units().items() if to == column.unit]
            self._problems.error(
                self._table.name,
                "datapackage.json gives a unit that this column cannot have",
                column=name,
                value=unit,
                allowed=", ".join(same),
                nearest=nearest(unit, same),
                file=self._file,
            )
            return typed
        return typed * factor

    def _range(
        self, typed: pl.Series, rows: pl.Series, column: ColumnSpec, name: str
    ) -> None:
        low, high = column.minimum, column.maximum
        least, most = _ends(typed)
        if (
            least is None
            or most is None
            or ((low is None or least >= low) and (high is None or most <= high))
        ):
            return
        outside = pl.Series([False]).new_from_index(0, typed.len())
        if low is not None:
            outside = outside | (typed < low).fill_null(value=False)
        if high is not None:
            outside = outside | (typed > high).fill_null(value=False)
        if low is not None and high is not None:
            allowed = f"{low:g} to {high:g}"
        else:
            allowed = f"at least {low:g}" if low is not None else f"at most {high:g}"
        allowed += f" {column.unit}" if column.unit else ""
        for row, value in zip(rows.filter(outside), typed.filter(outside), strict=True):
            self._cell(row, name, f"{value:g}", "out of range", allowed)

    def _allowed(
        self, typed: pl.Series, rows: pl.Series, column: ColumnSpec, name: str
    ) -> None:
        if not column.allowed or set(typed.drop_nulls()) <= {*column.allowed}:
            return
        bad = (typed.is_not_null() & ~typed.is_in(list(column.allowed))).fill_null(
            value=False
        )
        if column.name == "basis":
            bad = bad & (typed != "input")  # its own message says how to convert
        for row, value in zip(rows.filter(bad), typed.filter(bad), strict=True):
            self._cell(
                row,
                name,
                value,
                "not an allowed value",
                ", ".join(column.allowed),
                nearest(value, column.allowed),
            )


def _ends(numbers: pl.Series) -> tuple[float | None, float | None]:
    """Return the least and the greatest number; None if there is none."""
    return cast("float | None", numbers.min()), cast("float | None", numbers.max())


def _normalised(text: pl.Series, column: ColumnSpec) -> pl.Series:
    if column.type == "list":
        joined = text.str.replace_all(r"\s*[;|]\s*", ";").str.strip_chars(";")
        return joined.set(joined == "", None)
    if any("_" in value for value in column.allowed):
        return text.str.replace_all(" ", "_")  # "letter of intent"
    return text


def _dates(text: pl.Series) -> pl.Series:
    padded = (
        pl.when(pl.col("d").str.contains(r"^\d{4}-\d{2}$"))
        .then(pl.col("d") + "-01")
        .when(pl.col("d").str.contains(r"^\d{4}-\d{2}-\d{2}$"))
        .then(pl.col("d"))
    )
    day = padded.str.to_date("%Y-%m-%d", strict=False)
    return pl.DataFrame({"d": text}).select(day.alias("d")).to_series()


def _check_duplicates(
    table_spec: TableSpec, frame: pl.DataFrame, problems: Problems
) -> None:
    key = list(table_spec.key)
    whole = frame.drop_nulls(key)
    again = whole.filter(~pl.struct(key).is_first_distinct())
    if not again.height:
        return
    first = whole.unique(key, keep="first", maintain_order=True)
    joined = again.join(
        first.select(*key, pl.col(ROW).alias("_first")), on=key, how="left"
    )
    for row in joined.iter_rows(named=True):
        problems.error(
            table_spec.name,
            f"the key is already used in row {row['_first']}",
            row=row[ROW],
            column=", ".join(key),
            value=", ".join(str(row[name]) for name in key),
            allowed="each key once",
            file=row[FILE],
        )
