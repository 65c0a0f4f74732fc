# SPDX-License-Identifier: Apache-2.0
"""USGS Mineral Commodity Summaries, salient United States statistics by commodity."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from oreserve.importers._files import head_cells, open_csv, refuse, require_columns
from oreserve.importers._fit import imported
from oreserve.importers._gather import Gathered
from oreserve.importers._prices import price_terms
from oreserve.importers._sources import Source

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from oreserve.importers._files import Rows
    from oreserve.importers._model import Imported, Options

__all__ = ["IMPORTER"]

_COLUMN = re.compile(r"([A-Za-z]+)_?(.*?)_([a-z]*)")
_STATISTIC = {
    "usprod": "us_production", "imports": "us_import", "exports": "us_export",
    "consump": "us_consumption", "price": "us_price", "stocks": "us_stock",
    "nir": "us_net_import_reliance", "shipments": "us_shipment",
    "employment": "us_employment",
}  # fmt: skip


@dataclass(frozen=True)
class UsgsSalient:
    """One CSV per commodity, or the zip of all; every column names its unit."""

    name: str = "usgs-salient"
    title: str = "USGS Mineral Commodity Summaries, salient statistics (CSV or zip)"

    def sniff(self, path: Path) -> bool:
        """Tell by the first three columns."""
        head = head_cells(path, lines=1)
        return (
            bool(head)
            and head[0][:1] in (["DataSource"], ["Source"])
            and head[0][1:3] == ["Commodity", "Year"]
            and any("_" in c for c in head[0][3:4])
        )

    def read(self, paths: Sequence[Path], options: Options) -> Imported:
        """Read files of one edition; several forms of imports are never summed."""
        tables = [t for path in paths for t in open_csv(path)]
        editions: set[str] = set()
        for table in tables:
            require_columns(table, ("Commodity", "Year"), importer=self.name)
            editions.add(_edition(table))
        if len(editions) > 1:
            refuse(
                f"editions {', '.join(sorted(editions))} in one import: revised "
                "figures of one year are never mixed",
                file=paths[0],
                column="DataSource",
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
            f"Mineral Commodity Summaries {edition}, salient statistics",
            "U.S. Geological Survey",
            "US public domain",
            "https://www.usgs.gov/centers/national-minerals-information-center",
        )
        return imported(gathered, options, [source], years_column="Year")


def _edition(table: Rows) -> str:
    first = table.records[0][1][0]
    found = re.search(r"(\d{4})", first) or re.search(r"(?i)mcs(\d{4})", table.file)
    return found[1] if found else "unknown"


def _row(gathered: Gathered, file: str, row: int, cells: dict[str, str]) -> None:
    year = cells["Year"]
    if not re.fullmatch(r"\d{4}", year):
        refuse(
            f"{year!r} is no year", file=file, row=row, column="Year",
            allowed="four digits",
        )  # fmt: skip
    commodity = cells["Commodity"]
    for column, text in cells.items():
        if column in {"DataSource", "Source", "Commodity", "Year"} or not text:
            continue
        match = _COLUMN.fullmatch(column)
        if match is None:
            gathered.leave_out(
                "column", column, "no unit in the name", file=file, row=1, column=column
            )
            continue
        word, detail, suffix = match.groups()
        unit = suffix
        if word.upper() == "NIR":
            unit = "percent"  # the rare-earth file says t, tungsten ct
        gathered.add(
            statistic=_STATISTIC.get(word.lower(), f"us_{word.lower()}"),
            commodity=commodity,
            detail=detail,
            where="USA",
            date=year,
            text=text,
            unit=unit,
            file=file,
            row=row,
            column=column,
            needs_good=False,
            terms=price_terms(commodity, column) if word.lower() == "price" else None,
        )


IMPORTER = UsgsSalient()
