# SPDX-License-Identifier: Apache-2.0
"""ICMM Global Mining Dataset: sites without capacity, so counts only."""

from __future__ import annotations

import calendar
import re
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from oreserve.importers._countries import place
from oreserve.importers._files import open_sheet, refuse, sheet_names
from oreserve.importers._fit import table_frame
from oreserve.importers._gather import Gathered, slug
from oreserve.importers._model import Imported
from oreserve.importers._sources import Source, source_frame
from oreserve.tables import nearest

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from oreserve.importers._model import Options

__all__ = ["IMPORTER"]

SHEET = "External"
COLUMNS = ("ICMMID", "Asset Type", "Country", "Primary Commodity", "Latitude")


@dataclass(frozen=True)
class Icmm:
    """Number of sites by commodity, kind and country, as observations."""

    name: str = "icmm"
    title: str = "ICMM Global Mining Dataset xlsx"

    def sniff(self, path: Path) -> bool:
        """Tell by the sheet and its first cell."""
        if SHEET not in sheet_names(path):
            return False
        cells = open_sheet(path, SHEET)
        return bool(cells) and cells[0][0] == "ICMMID"

    def read(self, paths: Sequence[Path], options: Options) -> Imported:
        """Count sites; a plant of a study needs a capacity, which is not published."""
        path = paths[0]
        if len(paths) > 1:
            refuse("several workbooks", file=paths[1], allowed="one edition")
        cells = open_sheet(path, SHEET)
        file = f"{path}:{SHEET}"
        header = [c or "" for c in cells[0]] if cells else []
        for column in COLUMNS:
            if column not in header:
                refuse(
                    f"column {column!r} is missing", file=file, row=1, column=column,
                    allowed=", ".join(COLUMNS), close=nearest(column, header),
                )  # fmt: skip
        date, vintage = _date(path, options)
        gathered = Gathered(self.name, f"ICMM {vintage}", "ICMM-SITES")
        counts = _counts(cells, header, gathered, file)
        rows = [
            {
                "series": f"icmm/sites/{slug(commodity)}/{slug(kind)}/{code}",
                "date": date,
                "value": float(count),
                "source_id": "ICMM-SITES",
                "evidence": "computed",
                "note": f"number of sites, no capacity published; vintage {vintage}",
            }
            for (commodity, kind, code), count in sorted(counts.items())
        ]
        source = Source(
            "ICMM-SITES",
            f"Global Mining Dataset, {vintage}",
            "International Council on Mining and Metals",
            "CC BY 4.0",
            "https://www.icmm.com",
        )
        return Imported(
            {"observations": table_frame("observations", rows)} if rows else {},
            gathered.flag_frame(),
            gathered.unmapped_frame(),
            source_frame(source),
            gathered.rows_read,
        )


def _date(path: Path, options: Options) -> tuple[str, str]:
    months = [m.lower() for m in calendar.month_name[1:]]
    if "About" in sheet_names(path):
        text = " ".join(c for row in open_sheet(path, "About") for c in row if c)
        found = re.search(rf"(?i)\b({'|'.join(months)}),? (20\d{{2}})", text)
        if found:
            month = months.index(found[1].lower()) + 1
            return f"{found[2]}-{month:02d}-01", f"{found[1]} {found[2]}"
    if options.year is None:
        refuse("the edition is not stated", file=path, column="About",
               allowed="--year YYYY")  # fmt: skip
    return f"{options.year}-01-01", options.vintage or str(options.year)


def _counts(
    cells: list[list[str | None]], header: list[str], gathered: Gathered, file: str
) -> Counter[tuple[str, str, str]]:
    at = {name: header.index(name) for name in COLUMNS}
    counts: Counter[tuple[str, str, str]] = Counter()
    seen: set[str] = set()
    for number, row in enumerate(cells[1:], start=2):
        site, where = row[at["ICMMID"]], row[at["Country"]] or ""
        if not site:
            continue
        gathered.rows_read += 1
        if site in seen:
            refuse(f"site {site} twice", file=file, row=number, column="ICMMID",
                   allowed="each site once")  # fmt: skip
        seen.add(site)
        target = place(where)
        commodity = row[at["Primary Commodity"]]
        if target.code is None or not commodity:
            gathered.leave_out(
                "country" if commodity else "commodity", where or "(none)",
                "unknown name" if commodity else "no primary commodity",
                file=file, row=number, column="Country", close=target.nearest,
            )  # fmt: skip
            continue
        kind = (row[at["Asset Type"]] or "unstated").lower()
        counts[commodity.lower(), kind, target.code] += 1
    return counts


IMPORTER = Icmm()
