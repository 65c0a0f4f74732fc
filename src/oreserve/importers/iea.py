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

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from oreserve.importers._model import Options

__all__ = ["IMPORTER"]

_SHEET = re.compile(r"(?i)^\d(\.\d+)? .*(demand|supply)")
_YEAR = re.compile(r"20\d{2}(\.0)?")
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
            refuse("no sheet of demand or supply", file=paths[0], row=4,
                   column="scenario", allowed="1 Total demand for ...")  # fmt: skip
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
    scenario, group = "", ""
    scenarios: list[str] = []
    for cell in cells[top - 1]:
        scenario = cell or scenario
        scenarios.append(scenario)
    for number, row in enumerate(cells[top + 1 :], start=top + 2):
        if not row[0]:
            continue
        if not any(row[1:]):
            group = str(row[0])
            continue
        gathered.rows_read += 1
        for i, year in enumerate(cells[top]):
            if i == 0 or not year or not _YEAR.fullmatch(year) or not row[i]:
                continue
            read = figure(row[i])
            if read.flag == "unreadable":
                refuse(f"{row[i]!r} is no number", file=file, row=number,
                       column=year[:4], allowed="a number")  # fmt: skip
            case = slug(scenarios[i]) or "history"
            series = f"iea/{slug(name)}/{slug(group) or 'all'}/{slug(row[0])}/{case}"
            date = f"{year[:4]}-01-01"
            value = None if read.value is None else read.value * factor
            before = rows.get((series, date))
            if before is not None and before["value"] != value:
                gathered.leave_out(
                    "figure", series, "a second figure for one series and date",
                    file=file, row=number, column=year[:4], tonnes=value,
                )  # fmt: skip
                continue
            rows[series, date] = {
                "series": series,
                "date": date,
                "value": value,
                "source_id": gathered.source_id,
                "evidence": "secondary" if case == "history" else "estimated",
                "note": f"t; published {row[i]!r} {stated[1]}; {read.flag}; scenario "
                f"{scenarios[i] or 'none'}; vintage {gathered.vintage}",
            }


IMPORTER = Iea()
