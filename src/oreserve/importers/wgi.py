# SPDX-License-Identifier: Apache-2.0
"""World Bank Worldwide Governance Indicators: workbook of 2023 and the long layout."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from oreserve.importers._files import (
    head_cells,
    open_csv,
    open_sheet,
    refuse,
    require_columns,
    sheet_names,
)
from oreserve.importers._gather import Gathered
from oreserve.importers._scores import Score, scores_imported
from oreserve.importers._sources import Source
from oreserve.importers._values import figure
from oreserve.tables import nearest

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from oreserve.importers._model import Imported, Options

__all__ = ["IMPORTER"]

# Sheet of the workbook or `indicator` of the long layout, without blanks.
DIMENSIONS = {
    "voiceandaccountability": "voice_accountability_score",
    "va": "voice_accountability_score",
    "politicalstabilitynoviolence": "political_stability_score",
    "pv": "political_stability_score",
    "governmenteffectiveness": "government_effectiveness_score",
    "ge": "government_effectiveness_score",
    "regulatoryquality": "regulatory_quality_score",
    "rq": "regulatory_quality_score",
    "ruleoflaw": "rule_of_law_score",
    "rl": "rule_of_law_score",
    "controlofcorruption": "corruption_control_score",
    "cc": "corruption_control_score",
}
BREAK = 2023  # the update of 2025 rescaled all estimates; 2023 is first in it


@dataclass(frozen=True)
class Wgi:
    """Six estimates, their standard errors and their mean `governance`."""

    name: str = "wgi"
    title: str = "World Bank Worldwide Governance Indicators (xlsx or long CSV)"

    def sniff(self, path: Path) -> bool:
        """Tell by the sheets or the header."""
        head = head_cells(path, lines=1)
        if head and {"code", "year", "estimate"} <= {c.lower() for c in head[0]}:
            return True
        return bool(_sheets(path))

    def read(self, paths: Sequence[Path], options: Options) -> Imported:
        """Read one year of one vintage."""
        scores: list[Score] = []
        vintages: set[str] = set()
        gathered = Gathered(self.name, "", "")
        for path in paths:
            if _sheets(path):
                vintages.add(_from_workbook(path, scores, gathered))
            else:
                vintages.add(_from_long(path, scores, gathered, options))
        if len(vintages) > 1:
            refuse(
                f"vintages {', '.join(sorted(vintages))} in one import: estimates of "
                "different updates are on different scales",
                file=paths[0],
                allowed="one vintage",
            )
        vintage = options.vintage or vintages.pop()
        gathered.vintage = f"WGI {vintage}"
        gathered.source_id = f"WGI-{vintage.replace(' ', '-')}"
        source = Source(
            gathered.source_id,
            f"Worldwide Governance Indicators, {vintage}",
            "World Bank",
            "CC BY 4.0",
            "https://www.worldbank.org/en/publication/worldwide-governance-indicators",
        )
        _add_means(scores)
        return scores_imported(scores, gathered, options, source)


def _sheets(path: Path) -> list[str]:
    return [n for n in sheet_names(path) if _dimension(n)]


def _dimension(text: str) -> str | None:
    return DIMENSIONS.get(re.sub(r"[^a-z]", "", text.lower()))


def _from_workbook(path: Path, scores: list[Score], gathered: Gathered) -> str:
    first = open_sheet(path, sheet_names(path)[0])
    texts = " ".join(str(c) for cells in first for c in cells if c)
    update = re.search(r"(\d{4}) Update", texts)
    for name in _sheets(path):
        cells = open_sheet(path, name)
        top = _header(cells)
        if top is None:
            refuse(
                "column 'Estimate' is missing under a row of years",
                file=f"{path}:{name}", row=15, column="Estimate",
                allowed="a row of years over Country, Code, Estimate, StdErr ...",
                close=nearest("Estimate", {c for r in cells[:20] for c in r if c}),
            )  # fmt: skip
        column = str(_dimension(name))
        code_at = cells[top].index("Code")
        for number, row in enumerate(cells[top + 1 :], start=top + 2):
            if not row[code_at]:
                continue
            gathered.rows_read += 1
            for i, field in enumerate(cells[top]):
                if field not in {"Estimate", "StdErr"}:
                    continue
                year = str(cells[top - 1][i])[:4]
                if not year.isdigit():
                    refuse(
                        f"{cells[top - 1][i]!r} is no year", file=f"{path}:{name}",
                        row=top, column=str(i + 1), allowed="four digits",
                    )  # fmt: skip
                end = "" if field == "Estimate" else "_error"
                _keep(
                    scores, column + end, str(row[0]), str(row[code_at]), int(year),
                    row[i], f"{path}:{name}", number,
                )  # fmt: skip
    return f"{update[1]} update" if update else "unstated update"


def _header(cells: list[list[str | None]]) -> int | None:
    """Return the row of field names under a row of years; one sheet repeats it."""
    for i, row in enumerate(cells[1:], start=1):
        if {"Code", "Estimate"} <= set(row):
            above = cells[i - 1][row.index("Estimate")] or ""
            if above[:4].isdigit():
                return i
    return None


def _keep(
    scores: list[Score],
    column: str,
    name: str,
    code: str,
    year: int,
    text: str | None,
    file: str,
    row: int,
) -> None:
    read = figure(text)
    if read.flag in {"unreadable", "words"}:
        refuse(
            f"{text!r} is no number", file=file, row=row, column=column,
            allowed="a number or #N/A",
        )  # fmt: skip
    if read.value is None:
        return
    low, high = (-5.0, 5.0) if not column.endswith("_error") else (0.0, 3.0)
    if not low <= read.value <= high:
        refuse(
            f"{read.value:g} is no estimate: the 0-100 rank or another unit?",
            file=file,
            row=row,
            column=column,
            allowed=f"{low:g} to {high:g}",
        )
    scores.append(Score(column, name, code, year, read.value, file, row))


def _from_long(
    path: Path, scores: list[Score], gathered: Gathered, options: Options
) -> str:
    vintages: set[str] = set()
    for table in open_csv(path):
        lower = {c.lower(): c for c in table.header}
        wanted = [lower.get(c, c) for c in ("code", "year", "estimate")]
        require_columns(table, wanted, importer="wgi")
        code, year, estimate = wanted
        error = lower.get("stderr") or lower.get("standard error") or ""
        kind = lower.get("indicator", "")
        name = lower.get("country") or lower.get("countryname") or code
        for row, cells in table.named():
            gathered.rows_read += 1
            column = _dimension(cells[kind]) if kind else _by_name(path)
            if column is None:
                refuse(
                    "no column says which of the six dimensions this is",
                    file=table.file, row=row, column=kind or "indicator",
                    allowed=", ".join(sorted(k for k in DIMENSIONS if len(k) == 2)),
                )  # fmt: skip
            if not cells[year].isdigit():
                refuse(
                    f"{cells[year]!r} is no year", file=table.file, row=row,
                    column=year, allowed="four digits",
                )  # fmt: skip
            number = int(cells[year])
            for end, field in (("", estimate), ("_error", error)):
                if field:
                    _keep(
                        scores, column + end, cells[name], cells[code], number,
                        cells[field], table.file, row,
                    )  # fmt: skip
        vintages |= {cells[lower["vintage"]] for _, cells in table.named()} if (
            "vintage" in lower
        ) else set()  # fmt: skip
    if vintages:
        return " ".join(sorted(vintages))
    years = {s.year for s in scores}
    chosen = options.year if options.year is not None else max(years, default=0)
    if min(years, default=BREAK) < BREAK <= max(years, default=0):
        # One file, two vintages: the year that is taken says which.
        return "2025 update" if chosen >= BREAK else "2023 update"
    return "2025 update" if chosen >= BREAK else "unstated update"


def _by_name(path: Path) -> str | None:
    plain = re.sub(r"[^a-z]", "", path.name.lower())
    if "politicalstability" in plain:
        return "political_stability_score"
    found = [c for k, c in DIMENSIONS.items() if len(k) > 2 and k in plain]
    return found[0] if len(found) == 1 else None


def _add_means(scores: list[Score]) -> None:
    """Add `governance`, the mean of the six, where all six are published."""
    cells: dict[tuple[str, int], list[Score]] = {}
    for score in sorted(set(scores), key=lambda s: (s.column, s.key, s.year, s.row)):
        if not score.column.endswith("_error"):
            cells.setdefault((score.key, score.year), []).append(score)
    for (key, year), six in sorted(cells.items()):
        if len({s.column for s in six}) == 6:
            mean = sum(s.value for s in six) / len(six)
            first = six[0]
            scores.append(
                Score("governance", first.name, key, year, mean, first.file, first.row)
            )


IMPORTER = Wgi()
