# SPDX-License-Identifier: Apache-2.0
"""IEA Critical Minerals workbooks, given by the user: demand by scenario and year."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from oreserve.importers._files import open_sheet, refuse, sheet_names
from oreserve.importers._fit import table_frame
from oreserve.importers._gather import Gathered, slug
from oreserve.importers._model import Imported
from oreserve.importers._sources import Source, source_frame
from oreserve.importers._units import published_unit
from oreserve.importers._values import figure
from oreserve.tables import nearest

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from oreserve.importers._model import Options

__all__ = ["IMPORTER"]

_SHEET = re.compile(r"(?i)^\d(\.\d+)? .*(demand|supply)")
_YEAR = re.compile(r"20\d{2}(\.0)?")
_NOTE = re.compile(r"(?i)(note|source)s?\b")
_SHARE = re.compile(r"(?i)\bshare\b")
_UNIT = re.compile(r"(?i)\b(kt|mt|thousand tonnes|million tonnes)\b")


@dataclass(frozen=True)
class Iea:
    """Total demand sheets into observations; a scenario is part of the series."""

    name: str = "iea"
    title: str = "IEA Critical Minerals Data Explorer xlsx (user supplied)"

    def sniff(self, path: Path) -> bool:
        """Tell by numbered sheets of demand or supply."""
        return any(_SHEET.search(n) for n in sheet_names(path))

    def read(self, paths: Sequence[Path], options: Options) -> Imported:
        """Read every numbered sheet; scenarios are never mixed with statistics."""
        vintage = options.vintage or "unstated edition"
        gathered = Gathered(self.name, f"IEA {vintage}", "IEA-CM")
        rows: dict[tuple[str, str], dict[str, Any]] = {}
        for path in paths:
            for name in sheet_names(path):
                if _SHEET.search(name):
                    _sheet(path, name, gathered, rows)
                else:
                    gathered.leave_out(
                        "sheet", name, "no numbered sheet of demand or supply",
                        file=str(path),
                    )  # fmt: skip
        if not rows:
            names = sheet_names(paths[0])
            usual = ("1 Total demand for key minerals",
                     "2 Total supply for key minerals")  # fmt: skip
            refuse(
                "no numbered sheet of demand or supply", file=paths[0], row=1,
                column="scenario", allowed=", ".join(usual),
                close=next(filter(None, (nearest(u, names) for u in usual)), None),
            )  # fmt: skip
        source = Source(
            "IEA-CM",
            f"Critical Minerals Data Explorer, {vintage}",
            "International Energy Agency",
            "terms of the edition that the user holds",
            "https://www.iea.org/data-and-statistics/data-tools",
        )
        return Imported(
            {"observations": table_frame("observations", rows.values())},
            gathered.flag_frame(),
            gathered.unmapped_frame(),
            source_frame(source),
            gathered.rows_read,
        )


def _sheet(
    path: Path, name: str, gathered: Gathered, rows: dict[tuple[str, str], Any]
) -> None:
    cells = open_sheet(path, name)
    file = f"{path}:{name}"
    top = next(
        (
            i
            for i, row in enumerate(cells[:12])
            if sum(1 for c in row if c and _YEAR.fullmatch(c)) >= 2
        ),
        None,
    )
    if top is None or top == 0:
        refuse("no row of years under a row of scenarios", file=file, row=5,
               column="year", allowed="scenarios in row 4, years in row 5")  # fmt: skip
    stated = _UNIT.search(" ".join(c for row in cells[:top] for c in row if c))
    unit = published_unit(
        (stated[1] if stated else "kt").replace("million tonnes", "Mt")
        .replace("thousand tonnes", "kt")
    )  # fmt: skip
    if stated is None or unit is None:
        refuse("no unit is stated above the years", file=file, row=1, column="unit",
               allowed="kt or Mt")  # fmt: skip
    # Mt is a million tonnes here; mt of other publishers is a metric ton.
    factor = 1e6 if stated[1].lower() in {"mt", "million tonnes"} else 1e3
    table = _Table(
        file, name, stated[1], factor, _scenarios(cells[top - 1], cells[top])
    )
    blocks = _blocks(cells, top)
    if not blocks:
        refuse("no column of names left of the years", file=file, row=top + 1,
               column="name", allowed="minerals and uses, or countries")  # fmt: skip
    for label_at, years in blocks:
        _block(table, cells, top, label_at, years, gathered, rows)


@dataclass(frozen=True)
class _Table:
    """What all blocks of one sheet share."""

    file: str
    sheet: str
    unit: str
    factor: float
    scenarios: list[str]


def _scenarios(above: list[str | None], years: list[str | None]) -> list[str]:
    """Return the scenario of each column: its name stands over its first year."""
    found, scenario = [], ""
    for name, year in zip(above, years, strict=True):
        if name and year and _YEAR.fullmatch(year):
            scenario = name
        found.append(scenario)
    return found


def _blocks(cells: list[list[str | None]], top: int) -> list[tuple[int, list[int]]]:
    """Return the column of labels and the columns of years of each table.

    Supply has mining and refining side by side, each with labels of its own and the
    years from the first again. Demand has one column of labels; its scenarios repeat
    later years behind an empty column, the base year comes once.
    """
    row = cells[top]
    years = [i for i, c in enumerate(row) if c and _YEAR.fullmatch(c)]
    first = str(row[years[0]])[:4]
    starts = [
        i
        for i in years
        if i > 0 and str(row[i])[:4] == first
        and any(figure(r[i - 1]).flag == "words" for r in cells[top + 1 :])
    ]  # fmt: skip
    ends = [*starts[1:], len(row)]
    return [
        (start - 1, [i for i in years if start <= i < end])
        for start, end in zip(starts, ends, strict=True)
    ]


def _block(
    table: _Table,
    cells: list[list[str | None]],
    top: int,
    label_at: int,
    years: list[int],
    gathered: Gathered,
    rows: dict[tuple[str, str], Any],
) -> None:
    group = ""
    for number, row in enumerate(cells[top + 1 :], start=top + 2):
        label = row[label_at]
        if not label:
            continue
        if _NOTE.match(label):
            break
        if not any(row[i] for i in years):
            group = label
            continue
        gathered.rows_read += 1
        if _SHARE.search(label):
            gathered.leave_out(
                "row", label, "a share of the rows above, no tonnes",
                file=table.file, row=number, column="share",
            )  # fmt: skip
            continue
        for i in years:
            if row[i]:
                year = str(cells[top][i])[:4]
                # The first year is what was; later ones without a scenario are the
                # one projection of the sheet.
                case = table.scenarios[i] or ("" if i == years[0] else "base case")
                _cell(table, f"{slug(group) or 'all'}/{slug(label)}", number, year,
                      str(row[i]), case, gathered, rows)  # fmt: skip


def _cell(
    table: _Table,
    what: str,
    number: int,
    year: str,
    text: str,
    scenario: str,
    gathered: Gathered,
    rows: dict[tuple[str, str], Any],
) -> None:
    read = figure(text)
    if read.flag == "unreadable":
        refuse(f"{text!r} is no number", file=table.file, row=number, column=year,
               allowed="a number")  # fmt: skip
    case = slug(scenario) or "history"
    series = f"iea/{slug(table.sheet)}/{what}/{case}"
    date = f"{year}-01-01"
    value = None if read.value is None else read.value * table.factor
    before = rows.get((series, date))
    if before is not None and before["value"] != value:
        gathered.leave_out(
            "figure", series, "a second figure for one series and date",
            file=table.file, row=number, column=year, tonnes=value,
        )  # fmt: skip
        return
    rows[series, date] = {
        "series": series,
        "date": date,
        "value": value,
        "source_id": gathered.source_id,
        "evidence": "secondary" if case == "history" else "estimated",
        "note": f"t; published {text!r} {table.unit}; {read.flag}; scenario "
        f"{scenario or 'none'}; vintage {gathered.vintage}",
    }


IMPORTER = Iea()
