# SPDX-License-Identifier: Apache-2.0
"""World Bank Commodity Price Data (Pink Sheet), monthly workbook."""

from __future__ import annotations

import math
import re
import statistics
from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from oreserve.importers._commodities import Good, item_of
from oreserve.importers._files import open_sheet, refuse, sheet_names
from oreserve.importers._fit import base_year, table_frame
from oreserve.importers._gather import Gathered
from oreserve.importers._model import Imported
from oreserve.importers._sources import Source, source_frame
from oreserve.importers._units import nearest_unit, published_unit
from oreserve.importers._values import figure

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from oreserve.importers._model import Options

__all__ = ["IMPORTER"]

SHEET = "Monthly Prices"
GOODS = {
    "Aluminum": Good("aluminum", "metal", "metal"),
    "Copper": Good("copper", "metal", "metal"),
    "Lead": Good("lead", "metal", "metal"),
    "Tin": Good("tin", "metal", "metal"),
    "Nickel": Good("nickel", "metal", "metal"),
    "Zinc": Good("zinc", "metal", "metal"),
    "Gold": Good("gold", "metal", "metal"),
    "Platinum": Good("platinum", "metal", "metal"),
    "Silver": Good("silver", "metal", "metal"),
    "Phosphate rock": Good("phosphate", "mine", "gross"),
    "Potassium chloride": Good("potash", "mine", "KCl"),
    "Iron ore, cfr spot": Good("iron", "mine", "Fe"),
}
FAR = 50.0  # prices move tenfold in earnest, a unit is a step of a thousand
_MONTH = re.compile(r"(\d{4})M(\d{2})")


@dataclass(frozen=True)
class PinkSheet:
    """Monthly world prices and full-year means, from the base year on."""

    name: str = "pink-sheet"
    title: str = "World Bank Pink Sheet, monthly xlsx"

    def sniff(self, path: Path) -> bool:
        """Tell by the sheet."""
        return SHEET in sheet_names(path)

    def read(self, paths: Sequence[Path], options: Options) -> Imported:
        """Read one workbook."""
        if len(paths) > 1:
            refuse("several workbooks", file=paths[1], allowed="one edition at a time")
        path = paths[0]
        cells = open_sheet(path, SHEET)
        head = next((i for i, c in enumerate(cells) if "Copper" in c), None)
        if head is None or len(cells) < head + 3:
            refuse(
                "no row of names with Copper", file=f"{path}:{SHEET}", row=5,
                column="names", allowed="names in row 5, units in row 6",
            )  # fmt: skip
        updated = next(
            (str(c[0]) for c in cells[:head] if c and "Updated" in str(c[0])), ""
        )
        vintage = options.vintage or updated.removeprefix("Updated on ") or "unstated"
        gathered = Gathered(self.name, f"Pink Sheet {vintage}", "WB-PINK-SHEET")
        prices = _series(f"{path}:{SHEET}", cells, head, gathered)
        rows = _rows(prices, gathered, options, f"{path}:{SHEET}")
        source = Source(
            "WB-PINK-SHEET",
            f"Commodity Price Data, monthly, updated on {vintage}",
            "World Bank",
            "CC BY 4.0",
            "https://www.worldbank.org/en/research/commodity-markets",
        )
        return Imported(
            {"prices": table_frame("prices", rows)} if rows else {},
            gathered.flag_frame(),
            gathered.unmapped_frame(),
            source_frame(source),
            gathered.rows_read,
        )


def _series(
    file: str, cells: list[list[str | None]], head: int, gathered: Gathered
) -> dict[str, dict[str, float]]:
    """Return prices in USD per tonne by name and month."""
    factors: dict[int, tuple[str, float]] = {}
    for i, (name, unit) in enumerate(zip(cells[head], cells[head + 1], strict=True)):
        if not name:
            continue
        plain = name.replace("*", "").strip()
        known = published_unit(unit or "")
        if plain not in GOODS:
            gathered.leave_out(
                "commodity", plain, "no mineral of a study", file=file, row=head + 1,
                column=plain, rows=len(cells) - head - 2,
            )  # fmt: skip
        elif known is None or known[0] != "USD/t":
            refuse(
                f"{unit!r} is no price per tonne", file=file, row=head + 2,
                column=plain, allowed="($/mt), ($/kg), ($/troy oz), ($/dmtu)",
                close=nearest_unit(unit or ""),
            )  # fmt: skip
        else:
            factors[i] = (plain, known[1])
    found: dict[str, dict[str, float]] = defaultdict(dict)
    for number, row in enumerate(cells[head + 2 :], start=head + 3):
        month = _MONTH.fullmatch(row[0] or "")
        if month is None:
            if any(row):
                refuse(
                    f"{row[0]!r} is no month", file=file, row=number, column="date",
                    allowed="1960M01",
                )  # fmt: skip
            continue
        gathered.rows_read += 1
        for i, (name, factor) in factors.items():
            read = figure(row[i])
            if read.flag in {"unreadable", "words"}:
                refuse(
                    f"{row[i]!r} is no price", file=file, row=number, column=name,
                    allowed="a number or ..",
                )  # fmt: skip
            if read.value is not None:
                found[name][f"{month[1]}-{month[2]}"] = read.value * factor
    return found


def _rows(
    prices: dict[str, dict[str, float]],
    gathered: Gathered,
    options: Options,
    file: str,
) -> list[dict[str, Any]]:
    first = base_year(options)
    every = sorted({m[:4] for months in prices.values() for m in months})
    if options.year is not None and str(options.year) not in every:
        refuse(f"the file has no figures of {options.year}", file=file, row=7,
               column="date", allowed=f"--year {every[0]} to {every[-1]}")  # fmt: skip
    _check_units(prices, options, file)
    rows: list[dict[str, Any]] = []
    for name, months in sorted(prices.items()):
        match = item_of(options.study, GOODS[name])
        if match.item is None:
            gathered.leave_out(
                "commodity", name, match.reason, file=file, row=5, column=name,
                close=match.nearest, rows=len(months),
            )  # fmt: skip
            continue
        old = [m for m in months if first is not None and int(m[:4]) < first]
        if old:
            gathered.leave_out(
                "period", f"{min(old)} to {max(old)}", f"before {first}: use --year",
                file=file, row=7, column="date", rows=len(old),
            )  # fmt: skip
        kept = {m: p for m, p in sorted(months.items()) if m not in set(old)}
        rows += [
            _price(match.item, m, p, gathered, "monthly mean") for m, p in kept.items()
        ]
        for year in sorted({m[:4] for m in kept}):
            twelve = [p for m, p in kept.items() if m[:4] == year]
            if len(twelve) == 12:  # a mean of fewer months would be another figure
                mean = math.fsum(twelve) / 12
                rows.append(
                    _price(match.item, year, mean, gathered, "mean of monthly prices")
                )
    return rows


def _check_units(
    prices: dict[str, dict[str, float]], options: Options, file: str
) -> None:
    """Refuse prices that are far from those of the study: another unit."""
    if options.study is None:
        return
    ours: dict[str, list[float]] = defaultdict(list)
    for row in options.study.table("prices").iter_rows(named=True):
        if row["usd_per_t"]:
            ours[row["item"]].append(row["usd_per_t"])
    ratios = {}
    for name, months in sorted(prices.items()):
        item = item_of(options.study, GOODS[name]).item
        if item in ours and months:
            ratios[name] = months[max(months)] / statistics.median(ours[item])
    if not ratios:
        return
    middle = statistics.median(ratios.values())
    if 1 / FAR < middle < FAR:
        return
    worst = max(ratios, key=lambda n: abs(math.log(ratios[n])))
    refuse(
        f"prices are {middle:.3g} times those of the study (median of {len(ratios)}): "
        "another unit under this label?",
        file=file, row=6, column=worst, allowed="the publisher's own file",
    )  # fmt: skip


def _price(
    item: str, period: str, usd_per_t: float, gathered: Gathered, what: str
) -> dict[str, Any]:
    return {
        "item": item,
        "market": "world",
        "period": period,
        "kind": "outside",
        "usd_per_t": usd_per_t,
        "source_id": gathered.source_id,
        "evidence": "computed" if len(period) == 4 else "read",
        "note": f"{what}; nominal USD; vintage {gathered.vintage}",
    }


IMPORTER = PinkSheet()
