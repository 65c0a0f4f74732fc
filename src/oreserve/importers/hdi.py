# SPDX-License-Identifier: Apache-2.0
"""UNDP Human Development Index: the wide file of the publisher and a long one."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from oreserve.importers._files import head_cells, open_csv, refuse, require_columns
from oreserve.importers._gather import Gathered
from oreserve.importers._scores import Score, scores_imported
from oreserve.importers._sources import Source
from oreserve.importers._values import figure

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from oreserve.importers._model import Imported, Options

__all__ = ["IMPORTER"]

_WIDE = re.compile(r"hdi_(\d{4})")


@dataclass(frozen=True)
class Hdi:
    """The index itself, 0-1, into `hdi_score`."""

    name: str = "hdi"
    title: str = "UNDP Human Development Index CSV"

    def sniff(self, path: Path) -> bool:
        """Tell by the header."""
        head = head_cells(path, lines=1)
        return bool(head) and "country" in head[0] and any(
            c == "hdi" or _WIDE.fullmatch(c) for c in head[0]
        )  # fmt: skip

    def read(self, paths: Sequence[Path], options: Options) -> Imported:
        """Read one year; groups of countries are listed, not imported."""
        scores: list[Score] = []
        gathered = Gathered(self.name, "", "UNDP-HDI")
        for path in paths:
            for table in open_csv(path):
                wide = [c for c in table.header if _WIDE.fullmatch(c)]
                require_columns(
                    table, ("country",) if wide else ("country", "year", "hdi"),
                    importer=self.name,
                )  # fmt: skip
                for row, cells in table.named():
                    gathered.rows_read += 1
                    pairs = (
                        [(c[4:], cells[c], c) for c in wide]
                        if wide
                        else [(cells["year"], cells["hdi"], "hdi")]
                    )
                    for year, text, column in pairs:
                        _keep(scores, cells, year, text, table.file, row, column)
        latest = max((s.year for s in scores), default=0)
        gathered.vintage = options.vintage or f"HDR with data to {latest}"
        source = Source(
            "UNDP-HDI",
            "Human Development Index, composite time series",
            "United Nations Development Programme",
            "CC BY 3.0 IGO",
            "https://hdr.undp.org/data-center/documentation-and-downloads",
        )
        return scores_imported(scores, gathered, options, source)


def _keep(
    scores: list[Score],
    cells: dict[str, str],
    year: str,
    text: str,
    file: str,
    row: int,
    column: str,
) -> None:
    value = figure(text).value
    if value is None:
        return
    if not year.isdigit():
        refuse(f"{year!r} is no year", file=file, row=row, column="year",
               allowed="four digits")  # fmt: skip
    if not 0 <= value <= 1:
        refuse(f"{value:g} is no index", file=file, row=row, column=column,
               allowed="0 to 1")  # fmt: skip
    key = cells.get("iso3", "")
    # Codes such as ZZA.VHHD stand for groups; their names say so.
    key = "" if "." in key else key
    scores.append(
        Score("hdi_score", cells["country"], key, int(year), value, file, row)
    )


IMPORTER = Hdi()
