# SPDX-License-Identifier: Apache-2.0
"""World Mining Data workbooks (Austria), given by the user: one sheet per mineral."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from oreserve.importers._files import open_sheet, refuse, sheet_names
from oreserve.importers._fit import imported
from oreserve.importers._gather import Gathered
from oreserve.importers._sources import Source

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from oreserve.importers._model import Imported, Options

__all__ = ["IMPORTER"]

_YEAR = re.compile(r"(19|20)\d{2}(\.0)?")
SEARCH = 12  # rows in which the header must stand


@dataclass(frozen=True)
class WorldMiningData:
    """Production by country; the unit is read from each sheet, never assumed."""

    name: str = "wmd"
    title: str = "World Mining Data xlsx (user supplied)"

    def sniff(self, path: Path) -> bool:
        """Tell by a header of Country, unit and years on the first sheets."""
        for name in sheet_names(path)[:3]:
            if _header(open_sheet(path, name)) is not None:
                return True
        return False

    def read(self, paths: Sequence[Path], options: Options) -> Imported:
        """Read every sheet that has the layout; others are listed."""
        vintage = options.vintage or "unstated edition"
        gathered = Gathered(self.name, f"WMD {vintage}", "WMD")
        for path in paths:
            read = 0
            for name in sheet_names(path):
                read += _sheet(path, name, gathered)
            if not read:
                refuse(
                    "no sheet has the layout", file=path, row=1, column="Country",
                    allowed="a row with Country, unit and years, one sheet a mineral",
                )  # fmt: skip
        source = Source(
            "WMD",
            f"World Mining Data, {vintage}",
            "Austrian Federal Ministry of Finance",
            "free with attribution, as stated by the publisher",
            "https://www.world-mining-data.info",
        )
        return imported(gathered, options, [source])


def _header(cells: list[list[str | None]]) -> int | None:
    for i, row in enumerate(cells[:SEARCH]):
        words = {(c or "").strip().lower() for c in row}
        years = [c for c in row if c and _YEAR.fullmatch(c.strip())]
        if "country" in words and "unit" in words and years:
            return i
    return None


def _sheet(path: Path, name: str, gathered: Gathered) -> int:
    cells = open_sheet(path, name)
    file = f"{path}:{name}"
    top = _header(cells)
    if top is None:
        gathered.leave_out(
            "sheet", name, "no header of Country, unit and years", file=file, row=1
        )
        return 0
    header = [(c or "").strip() for c in cells[top]]
    lower = [c.lower() for c in header]
    country, unit = lower.index("country"), lower.index("unit")
    years = [i for i, c in enumerate(header) if _YEAR.fullmatch(c)]
    status = next((i for i, c in enumerate(lower) if "source" in c), None)
    used: set[str] = set()
    for number, row in enumerate(cells[top + 1 :], start=top + 2):
        if not row[country]:
            continue
        gathered.rows_read += 1
        unit_text = row[unit] or (used.copy().pop() if len(used) == 1 else "")
        used.add(unit_text)
        if len(used) > 1:
            refuse(
                f"units {sorted(used)} on one sheet", file=file, row=number,
                column="unit", allowed="one unit a sheet",
            )  # fmt: skip
        mark = (row[status] or "").lower() if status is not None else ""
        for i in years:
            if not row[i]:
                continue
            gathered.add(
                statistic="production",
                commodity=name,
                detail="",
                where=str(row[country]),
                date=header[i][:4],
                text=row[i],
                unit=unit_text,
                file=file,
                row=number,
                column=header[i],
                estimated=mark.startswith("e"),
            )
    return 1


IMPORTER = WorldMiningData()
