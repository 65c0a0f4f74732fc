# SPDX-License-Identifier: Apache-2.0
"""USGS Mineral Commodity Summaries, yearly world CSV (columns named by year)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from oreserve.importers._files import head_cells, open_csv, refuse, require_columns
from oreserve.importers._fit import imported
from oreserve.importers._gather import Gathered
from oreserve.importers._sources import Source

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from oreserve.importers._model import Imported, Options

__all__ = ["IMPORTER"]

COLUMNS = ("SOURCE", "COMMODITY", "COUNTRY", "TYPE", "UNIT_MEAS")
# PROD_EST_2023 in one edition, "PROD_EST_ 2024" with a blank in the next.
_FIGURE = re.compile(r"(PROD|CAP|RESERVES)_(EST_)?\s*(\d{4})")
_STATISTIC = {"PROD": "production", "CAP": "capacity", "RESERVES": "reserves"}


@dataclass(frozen=True)
class UsgsWorld:
    """World production, capacity and reserves of one edition."""

    name: str = "usgs-world"
    title: str = "USGS Mineral Commodity Summaries, yearly world CSV (2022-2025)"

    def sniff(self, path: Path) -> bool:
        """Tell by the header."""
        head = head_cells(path, lines=1)
        return bool(head) and {"COMMODITY", "COUNTRY", "UNIT_MEAS"} <= set(head[0])

    def read(self, paths: Sequence[Path], options: Options) -> Imported:
        """Read files of one edition."""
        tables = [t for path in paths for t in open_csv(path)]
        editions: dict[str, str] = {}
        for table in tables:
            require_columns(table, COLUMNS, importer=self.name)
            if not any(_FIGURE.fullmatch(c) for c in table.header):
                refuse(
                    "no column of production",
                    file=table.file,
                    row=table.header_row,
                    column="PROD_<year>",
                    allowed="PROD_2023, PROD_EST_2024, CAP_..., RESERVES_...",
                    close=next((c for c in table.header if "PROD" in c.upper()), None),
                )
            for row, cells in table.named():
                editions.setdefault(cells["SOURCE"], f"{table.file}, row {row}")
        if len(editions) > 1:
            refuse(
                f"editions {', '.join(sorted(editions))} in one import: revised "
                "figures of one year are never mixed",
                file=paths[0],
                column="SOURCE",
                allowed="one edition at a time",
            )
        edition = re.sub(r"\D", "", next(iter(editions))) or "unknown"
        source_id = f"USGS-MCS-{edition}"
        gathered = Gathered(self.name, f"MCS {edition}", source_id)
        for table in tables:
            for row, cells in table.named():
                gathered.rows_read += 1
                _row(gathered, table.file, row, cells)
        source = Source(
            source_id,
            f"Mineral Commodity Summaries {edition}, world data",
            "U.S. Geological Survey",
            "US public domain",
            "https://www.usgs.gov/centers/national-minerals-information-center",
        )
        return imported(gathered, options, [source], years_column="PROD_<year>")


def _row(gathered: Gathered, file: str, row: int, cells: dict[str, str]) -> None:
    kind = cells["TYPE"]
    for column, text in cells.items():
        match = _FIGURE.fullmatch(column)
        if match is None:
            continue
        prefix, estimated, year = match.groups()
        notes = cells.get(f"{prefix}_NOTES", cells.get("RESERVE_NOTES", "")).lower()
        # "W for 23-24" beside an empty cell: withheld, which is not absent.
        figure = text or ("W" if re.match(r"\s*w\b", notes) else "")
        if not figure:
            continue
        gathered.add(
            statistic=_STATISTIC[prefix],
            commodity=cells["COMMODITY"],
            detail=re.sub(r"(?i),?\s*estimated$", "", kind),
            where=cells["COUNTRY"],
            date=year,
            text=figure,
            unit=cells["UNIT_MEAS"],
            file=file,
            row=row,
            column=column,
            estimated=bool(estimated)
            or "estimated" in kind.lower()
            or f"estimated for {year}" in notes,
            note=notes.strip(),
        )


IMPORTER = UsgsWorld()
