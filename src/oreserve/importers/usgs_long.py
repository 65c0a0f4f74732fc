# SPDX-License-Identifier: Apache-2.0
"""USGS Mineral Commodity Summaries, long CSV (edition 2026 on)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from oreserve.importers._files import head_cells, open_csv, refuse, require_columns
from oreserve.importers._fit import imported
from oreserve.importers._gather import Gathered
from oreserve.importers._prices import price_terms
from oreserve.importers._sources import Source
from oreserve.importers._values import figure

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from oreserve.importers._model import Imported, Options

__all__ = ["IMPORTER"]

COLUMNS = (
    "MCS chapter", "Section", "Commodity", "Country", "Statistics",
    "Statistics_detail", "Unit", "Year", "Value", "Notes",
)  # fmt: skip
_YEAR = re.compile(r"(\d{4})")
_EDITION = re.compile(r"(?i)mcs(\d{4})")


@dataclass(frozen=True)
class UsgsLong:
    """World production, capacity and reserves; United States salient; import shares."""

    name: str = "usgs-mcs"
    title: str = "USGS Mineral Commodity Summaries, long CSV (2026)"

    def sniff(self, path: Path) -> bool:
        """Tell by the header."""
        head = head_cells(path, lines=1)
        return bool(head) and {"MCS chapter", "Statistics_detail"} <= set(head[0])

    def read(self, paths: Sequence[Path], options: Options) -> Imported:
        """Read files; every row becomes a plant, an observation or a listed rest."""
        tables = [t for path in paths for t in open_csv(path)]
        editions = set()
        for table in tables:
            require_columns(table, COLUMNS, importer=self.name)
            editions.add(_edition(table.file, options))
        if len(editions) > 1:
            refuse(
                f"editions {', '.join(sorted(editions))} in one import: revised "
                "figures of one year are never mixed",
                file=paths[0],
                allowed="one edition at a time",
            )
        edition = editions.pop()
        source_id = f"USGS-MCS-{edition}"
        gathered = Gathered(self.name, f"MCS {edition}", source_id)
        for table in tables:
            for row, cells in table.named():
                gathered.rows_read += 1
                _row(gathered, table.file, row, cells)
        source = Source(
            source_id,
            f"Mineral Commodity Summaries {edition}, data release",
            "U.S. Geological Survey",
            "US public domain",
            "https://www.usgs.gov/centers/national-minerals-information-center",
        )
        return imported(gathered, options, [source], years_column="Year")


def _edition(file: str, options: Options) -> str:
    found = _EDITION.search(file.rsplit("/", 1)[-1])
    return options.vintage or (found[1] if found else "2026")


def _row(gathered: Gathered, file: str, row: int, cells: dict[str, str]) -> None:
    statistic = cells["Statistics"].strip().lower()
    detail = cells["Statistics_detail"]
    commodity = cells["Commodity"]
    notes = cells["Notes"].lower()
    year = _YEAR.match(cells["Year"])
    world = cells["Section"].startswith("World")
    if statistic.startswith("import sources"):
        period = re.search(r"(\d{4})[\u2013-](\d{2,4})", statistic)
        statistic, date = "import_share", (period[1] if period else "2021")
    elif year is None:
        refuse(
            f"{cells['Year']!r} is no year", file=file, row=row, column="Year",
            allowed="four digits, with or without _estimated",
        )  # fmt: skip
    else:
        date = year[1]
    if world and statistic in {"production", "capacity", "reserves"}:
        kind, unit = statistic, cells["Unit"]
    elif statistic == "import_share":
        kind, unit = "us_import_share", "percent"
    else:
        kind, unit = f"us_{statistic.replace(' ', '_')}", cells["Unit"]
    if not world and statistic == "price":
        unit = _price_unit(unit, detail, commodity)
    if not figure(cells["Value"]).value and not unit:
        unit = "index"
    gathered.add(
        statistic=kind,
        commodity=commodity,
        detail=_detail(detail),
        where=cells["Country"],
        date=date,
        text=cells["Value"],
        unit=unit,
        file=file,
        row=row,
        column="Value",
        estimated="estimated" in notes,
        note=cells["Notes"],
        needs_good=world,
        terms=price_terms(commodity, detail) if kind == "us_price" else None,
    )


def _detail(detail: str) -> str:
    """Drop the word that only totals carry, so that they join their countries."""
    return re.sub(r"(?i)(: |, )?rounded$", "", detail.strip()).strip()


def _price_unit(unit: str, detail: str, commodity: str) -> str:
    """Correct units that the detail contradicts: manganese is per metric ton unit.

    The Unit column says "dollars per metric ton" although the figure (4 to 6) is
    per metric ton unit, 10 kg of contained manganese; likewise tungsten.
    """
    text = detail.lower()
    per_unit = "metric ton unit" in text or "per mtu" in text or "dmtu" in text
    if unit == "dollars per metric ton" and per_unit:
        return "dollars per dry metric ton unit"
    if unit == "dollars per metric ton" and commodity == "Manganese" and "ore" in text:
        return "dollars per dry metric ton unit"
    return unit


IMPORTER = UsgsLong()
