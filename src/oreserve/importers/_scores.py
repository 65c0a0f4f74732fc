# SPDX-License-Identifier: Apache-2.0
"""Scores of countries: one year of one vintage into the table of countries."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from oreserve.importers._countries import place
from oreserve.importers._files import refuse
from oreserve.importers._fit import country_rows, table_frame
from oreserve.importers._model import Imported
from oreserve.importers._sources import source_frame

if TYPE_CHECKING:
    from oreserve.importers._gather import Gathered
    from oreserve.importers._model import Options
    from oreserve.importers._sources import Source

__all__ = ["Score", "scores_imported"]


@dataclass(frozen=True)
class Score:
    """One published score; `key` is preferred to `name` for the country."""

    column: str
    name: str
    key: str
    year: int
    value: float
    file: str
    row: int


def scores_imported(
    scores: list[Score],
    gathered: Gathered,
    options: Options,
    source: Source,
    *,
    year_column: str = "year",
) -> Imported:
    """Return rows of `countries` for one year; errors become observations."""
    years = sorted({s.year for s in scores})
    if not years:
        refuse("no score can be read", file=gathered.format, allowed="numbers")
    year = options.year if options.year is not None else years[-1]
    if year not in years:
        refuse(
            f"the file has no figures of {year}",
            file=scores[0].file,
            row=scores[0].row,
            column=year_column,
            allowed=f"--year {', '.join(map(str, years[-8:]))}",
        )
    cells: dict[str, dict[str, Any]] = defaultdict(dict)
    errors: list[dict[str, Any]] = []
    seen: set[tuple[str, str, str, float]] = set()
    twice: dict[tuple[str, str], Score] = {}
    for score in scores:
        if score.year != year:
            continue
        same = (score.column, score.key, score.name, score.value)
        if same in seen:
            gathered.leave_out(
                "row", score.name or score.key, "the same figure again",
                file=score.file, row=score.row, column=score.column,
            )  # fmt: skip
            continue
        seen.add(same)
        target = place(score.key) if score.key else place(score.name)
        if target.kind == "unknown":
            target = place(score.name)
        if not target.fits_study or target.code is None:
            gathered.leave_out(
                "country", score.name or score.key,
                {"unlisted": "ISO lists no such country",
                 "historic": "historic state: never given to a successor",
                 "group": "a group of countries", "world": "the world",
                 }.get(target.kind, "unknown name"),
                file=score.file, row=score.row, column=score.column,
                close=target.nearest,
            )  # fmt: skip
            continue
        if score.column.endswith("_error"):
            series = f"{gathered.format}/{score.column}/{target.code}"
            errors.append(
                {
                    "series": series,
                    "date": f"{year}-01-01",
                    "value": score.value,
                    "source_id": source.source_id,
                    "evidence": "read",
                    "note": f"score; vintage {gathered.vintage}",
                }
            )
            continue
        before = cells[target.code].get(score.column)
        if before is not None and before != score.value:
            twice.setdefault((target.code, score.column), score)
            continue
        cells[target.code][score.column] = score.value
    _drop_twice(twice, cells, year, gathered)
    rows = _rows(cells, year, gathered, options, source)
    tables = {"countries": table_frame("countries", rows)}
    if errors:
        tables["observations"] = table_frame("observations", errors)
    return Imported(
        tables,
        gathered.flag_frame(),
        gathered.unmapped_frame(),
        source_frame(source),
        gathered.rows_read,
    )


def _drop_twice(
    twice: dict[tuple[str, str], Score],
    cells: dict[str, dict[str, Any]],
    year: int,
    gathered: Gathered,
) -> None:
    """Take neither of two figures of one country; many such mean two vintages."""
    codes = sorted({code for code, _ in twice})
    if len(codes) > max(1, len(cells) // 20):
        first = twice[min(twice)]
        refuse(
            f"a second {first.column} of {codes[0]} in {year} and of "
            f"{len(codes) - 1} more: two vintages in one import?",
            file=first.file,
            row=first.row,
            column=first.column,
            allowed="one vintage",
        )
    for (code, column), score in sorted(twice.items()):
        for name in (column, "governance"):
            cells[code].pop(name, None)
        gathered.leave_out(
            "country",
            score.name or code,
            f"two different figures of {column} in {year}: neither is taken",
            file=score.file,
            row=score.row,
            column=column,
        )
        if not cells[code]:
            del cells[code]


def _rows(
    cells: dict[str, dict[str, Any]],
    year: int,
    gathered: Gathered,
    options: Options,
    source: Source,
) -> list[dict[str, Any]]:
    names = {
        r["country"]: r["name"] for r in country_rows(cells, None, source.source_id)
    }
    rows = [
        {
            "country": code,
            "name": names[code],
            **values,
            "source_id": source.source_id,
            "evidence": "computed" if "governance" in values else "read",
            "note": f"{year}, vintage {gathered.vintage}; other cells as they stood",
        }
        for code, values in sorted(cells.items())
    ]
    written = {c for v in cells.values() for c in v}
    return rows + _older(cells, written, gathered, options)


def _older(
    cells: dict[str, dict[str, Any]],
    written: set[str],
    gathered: Gathered,
    options: Options,
) -> list[dict[str, Any]]:
    """Empty scores of another vintage that the new file does not replace."""
    if options.study is None:
        return []
    emptied = []
    for row in options.study.table("countries").iter_rows(named=True):
        stale = [c for c in sorted(written) if row.get(c) is not None]
        if row["country"] in cells or row["country"] == "ROW" or not stale:
            continue
        emptied.append(row | dict.fromkeys(stale))
        gathered.leave_out(
            "score", row["country"],
            f"{', '.join(stale)} of another vintage ({row['source_id']}) emptied: "
            "vintages are never mixed",
            file="countries", column=stale[0],
        )  # fmt: skip
    return emptied
