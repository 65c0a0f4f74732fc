# SPDX-License-Identifier: Apache-2.0
"""BEA input-output tables of the United States, summary and detail level."""

from __future__ import annotations

import re
from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from oreserve.importers._files import head_cells, open_csv, refuse, require_columns
from oreserve.importers._fit import country_rows, table_frame
from oreserve.importers._gather import Gathered
from oreserve.importers._model import Imported
from oreserve.importers._sources import Source, source_frame
from oreserve.importers._values import figure
from oreserve.tables import units

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from oreserve.importers._files import Rows
    from oreserve.importers._model import Options

__all__ = ["IMPORTER"]

_VALUE_ADDED = re.compile(r"V00[123](00)?")
_OUTPUT = ("Total Industry Output", "T008", "T018")
_ENDS = ("Total Intermediate", "T001", "T019")  # industries stand left of these
_YEAR_NAME = re.compile(r"_(19|20)(\d{2})_")
_YEARS = re.compile(r"(19|20)\d{2}")
PLAUSIBLE_USD = (1e12, 1e14)  # value added of the United States, any year since 1980


@dataclass(frozen=True)
class Bea:
    """Value added and gross output by industry, from Use or the yearly series."""

    name: str = "bea"
    title: str = "BEA input-output CSV: Use, value added, gross output"

    def sniff(self, path: Path) -> bool:
        """Tell by the column of codes and the codes or years beside it."""
        head = head_cells(path, lines=2)
        return (
            len(head) > 1
            and head[0][:1] == ["code"]
            and (head[0][1:2] in (["111CA"], ["1111A0"]) or head[0][1:2] == ["1997"])
        )

    def read(self, paths: Sequence[Path], options: Options) -> Imported:
        """Read tables of one level and one year."""
        gathered = Gathered(self.name, "", "")
        cells: dict[str, dict[str, float]] = defaultdict(dict)
        years: set[str] = set()
        levels: set[str] = set()
        factor = units()["MUSD"][1]
        for path in paths:
            for table in open_csv(path):
                require_columns(table, ("code",), importer=self.name)
                levels.add(_level(table))
                year = _read(table, cells, options, gathered, factor)
                if year:
                    years.add(year)
        if len(levels) > 1 or len(years) > 1:
            refuse(
                f"levels {sorted(levels)} and years {sorted(years)} in one import",
                file=paths[0],
                allowed="one level and one year",
            )
        year = years.pop() if years else "unstated"
        level = levels.pop()
        source_id = f"BEA-IO-{level}-{year}"
        gathered.vintage, gathered.source_id = f"BEA {level} {year}", source_id
        rows = [
            {
                "industry": code,
                "country": "USA",
                **values,
                "source_id": source_id,
                "evidence": "computed" if "value_added_usd" in values else "read",
                "note": f"{level} level, {year}, producer prices",
            }
            for code, values in sorted(cells.items())
        ]
        _check_total(rows, paths[0])
        tables = {"industries": table_frame("industries", rows)} if rows else {}
        if rows:
            new = country_rows(["USA"], options.study, source_id)
            tables |= {"countries": table_frame("countries", new)} if new else {}
        source = Source(
            source_id,
            f"Input-output accounts, {level} level, {year}",
            "U.S. Bureau of Economic Analysis",
            "US public domain",
            "https://www.bea.gov/industry/input-output-accounts-data",
        )
        return Imported(
            tables,
            gathered.flag_frame(),
            gathered.unmapped_frame(),
            source_frame(source),
            gathered.rows_read,
        )


def _level(table: Rows) -> str:
    first = next(c[0] for _, c in table.records)
    return "summary" if first == "111CA" else "detail"


def _read(
    table: Rows,
    cells: dict[str, dict[str, float]],
    options: Options,
    gathered: Gathered,
    factor: float,
) -> str | None:
    name = table.file.rsplit("/", 1)[-1]
    gathered.rows_read += len(table.records)
    yearly = [c for c in table.header if _YEARS.fullmatch(c)]
    if yearly:
        return _read_years(table, yearly, cells, options, gathered, factor, name)
    codes = {c[0].strip() for _, c in table.records}
    if not any(_VALUE_ADDED.fullmatch(c) for c in codes):
        gathered.leave_out(
            "table", name, "no table of a study holds commodity by industry",
            file=table.file, column="code", rows=len(table.records),
        )  # fmt: skip
        return None
    stated = _YEAR_NAME.search(name)
    year = f"{stated[1]}{stated[2]}" if stated else str(options.year or "unstated")
    if options.year is not None and stated and int(year) != options.year:
        refuse(f"a table of {year}, not of {options.year}", file=table.file, row=1,
               column="file name", allowed=f"--year {year}")  # fmt: skip
    end = next((i for i, c in enumerate(table.header) if c in _ENDS), None)
    if end is None:
        refuse("no column of total intermediate use", file=table.file, row=1,
               column=_ENDS[0], allowed=" or ".join(_ENDS))  # fmt: skip
    for row, record in table.records:
        code = record[0].strip()
        if not (_VALUE_ADDED.fullmatch(code) or code in _OUTPUT):
            continue
        column = "output_usd" if code in _OUTPUT else "value_added_usd"
        for i in range(1, end):
            value = _number(record[i], table, row, i)
            industry = cells[table.header[i]]
            industry[column] = industry.get(column, 0.0) + value * factor
    return year


def _read_years(
    table: Rows,
    yearly: list[str],
    cells: dict[str, dict[str, float]],
    options: Options,
    gathered: Gathered,
    factor: float,
    name: str,
) -> str | None:
    column = {"ValueAdded": "value_added_usd", "GrossOutput": "output_usd"}
    target = next((v for k, v in column.items() if k in name), None)
    if target is None:
        gathered.leave_out(
            "table", name, "no table of a study holds it", file=table.file,
            column="code", rows=len(table.records),
        )  # fmt: skip
        return None
    year = str(options.year) if options.year is not None else yearly[-1]
    if year not in yearly:
        refuse(f"the file has no figures of {year}", file=table.file, row=1,
               column=year, allowed=f"--year {yearly[0]} to {yearly[-1]}")  # fmt: skip
    at = table.header.index(year)
    for row, record in table.records:
        value = _number(record[at], table, row, at)
        cells[record[0].strip()][target] = value * factor
    return year


def _number(text: str, table: Rows, row: int, at: int) -> float:
    read = figure(text)
    if read.value is None and text.strip():
        refuse(f"{text!r} is no number", file=table.file, row=row,
               column=table.header[at], allowed="million USD")  # fmt: skip
    return read.value or 0.0


def _check_total(rows: list[dict[str, Any]], path: Path) -> None:
    total = sum(r.get("value_added_usd", 0.0) for r in rows)
    low, high = PLAUSIBLE_USD
    if total and not low <= total <= high:
        refuse(
            f"value added adds up to {total:,.0f} USD: the file is not in million USD",
            file=path,
            row=1,
            column="V001 to V003",
            allowed=f"{low:g} to {high:g} USD",
        )
    for row in rows:
        # Output may be negative for the statistical adjustments only.
        for column in ("value_added_usd", "output_usd"):
            if row.get(column, 0.0) < 0:
                row["note"] += f"; {column} negative as published: left empty"
                row[column] = None


IMPORTER = Bea()
