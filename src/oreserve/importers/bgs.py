# SPDX-License-Identifier: Apache-2.0
"""BGS World Mineral Statistics, CSV of the public interface."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from oreserve.importers._countries import place
from oreserve.importers._files import head_cells, open_csv, refuse, require_columns
from oreserve.importers._fit import imported
from oreserve.importers._gather import Gathered
from oreserve.importers._sources import Source
from oreserve.importers._values import Figure, figure

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from oreserve.importers._model import Imported, Options

__all__ = ["IMPORTER"]

COLUMNS = (
    "country_trans", "country_iso3_code", "bgs_commodity_trans",
    "bgs_sub_commodity_trans", "units", "year", "quantity",
    "bgs_statistic_type_trans",
)  # fmt: skip


@dataclass(frozen=True)
class Bgs:
    """Production by country since 1971; historic states keep their own codes."""

    name: str = "bgs"
    title: str = "BGS World Mineral Statistics CSV"

    def sniff(self, path: Path) -> bool:
        """Tell by the header."""
        head = head_cells(path, lines=1)
        return bool(head) and {"bgs_commodity_trans", "quantity"} <= set(head[0])

    def read(self, paths: Sequence[Path], options: Options) -> Imported:
        """Read files of any commodities; stages and sub-commodities stay apart."""
        vintage = options.vintage or "unstated edition"
        gathered = Gathered(self.name, f"BGS {vintage}", "BGS-WMS")
        for path in paths:
            for table in open_csv(path):
                require_columns(table, COLUMNS, importer=self.name)
                for row, cells in table.named():
                    gathered.rows_read += 1
                    _row(gathered, table.file, row, cells)
        source = Source(
            "BGS-WMS",
            "World Mineral Statistics: contains British Geological Survey materials "
            "(c) UKRI",
            "British Geological Survey",
            "OGL v3",
            "https://www.bgs.ac.uk/mineralsuk/statistics/world-mineral-statistics/",
        )
        return imported(gathered, options, [source])


def _row(gathered: Gathered, file: str, row: int, cells: dict[str, str]) -> None:
    year = cells["year"][:4]
    if not (year.isdigit() and len(year) == 4):
        refuse(
            f"{cells['year']!r} is no year", file=file, row=row, column="year",
            allowed="2023-01-01 00:00:00",
        )  # fmt: skip
    commodity, _, stage = cells["bgs_commodity_trans"].partition(", ")
    statistic = cells["bgs_statistic_type_trans"].lower()
    name = cells["country_trans"]
    # The name wins: the file codes both Congos COD and Kosovo 1A0.
    where = cells["country_iso3_code"] if place(name).code is None else name
    notes = cells.get("concat_figure_notes_text", "")
    gathered.add(
        statistic=statistic,
        commodity=commodity,
        detail=f"{stage} {cells['bgs_sub_commodity_trans']}".strip(),
        where=where or name,
        date=year,
        text=cells["quantity"],
        unit=cells["units"],
        file=file,
        row=row,
        column="quantity",
        estimated="estimate" in notes.lower(),
        note=notes,
        given=_given(cells),
    )


def _given(cells: dict[str, str]) -> Figure | None:
    """Return the figure that the status column overrides."""
    code = cells.get("sdmx_code", "A")
    if code == "O":
        return Figure(None, "not_available")
    if code == "N":  # not significant: less than half of the printed unit
        return Figure(None, "under_half_unit", 0.0, 0.5)
    return figure(cells["quantity"])


IMPORTER = Bgs()
