# SPDX-License-Identifier: Apache-2.0
"""Indicators of each item, their noise, and which of them crossed a line."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

import polars as pl

from oreserve.indicators import hhi, hhi_bounds, net_import_reliance, top_share
from oreserve.watch._alert import Alert, Evidence
from oreserve.watch._home import ERROR, outputs
from oreserve.watch._names import title

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from datetime import date

    from oreserve.study import Study
    from oreserve.watch._home import Home

__all__ = ["Reading", "indicator_alerts", "readings", "readings_frame"]

SIGMAS = 2.0
NAMES = {
    "hhi": "HHI of world supply",
    "top_share": "top share",
    "import_reliance": "import reliance",
}


@dataclass(frozen=True)
class Reading:
    """One indicator of one item with the bounds that its inputs leave, all 0-1."""

    item: str
    indicator: str
    value: float
    low: float
    high: float
    top_country: str | None
    evidence: tuple[Evidence, ...]


def readings(study: Study, home: Home) -> tuple[Reading, ...]:
    """Return HHI, top share and import reliance of every item with data, sorted.

    World supply is what the plants make in the base year, by country. Noise is two
    standard errors, first order, inputs independent, by evidence of the rows; a
    stated world output larger than the sum widens the bounds by what is unlisted.
    """
    made = outputs(study).filter(pl.col("t_per_year") > 0)
    world = _stated_world(study)
    found: list[Reading] = []
    for (item,), rows in made.group_by("item", maintain_order=True):
        found.extend(_of_item(str(item), rows, home, world.get(str(item))))
    return tuple(sorted(found, key=lambda r: (r.item, r.indicator)))


def _of_item(
    item: str, rows: pl.DataFrame, home: Home, stated: float | None
) -> Iterator[Reading]:
    tonnes: dict[str, float] = {}
    squares: dict[str, float] = {}
    for row in rows.iter_rows(named=True):
        country, t = row["country"], row["t_per_year"]
        tonnes[country] = tonnes.get(country, 0.0) + t
        error = t * ERROR[row["evidence"]]
        squares[country] = squares.get(country, 0.0) + error**2
    total = max(math.fsum(tonnes.values()), stated or 0.0)
    if total <= 0:
        return
    evidence = _evidence(rows)
    names = sorted(tonnes)
    shares = [tonnes[c] / total for c in names]
    errors = [math.sqrt(squares[c]) / total for c in names]
    index = float(hhi(shares))
    bounds = hhi_bounds(shares)
    slope = [2 * share - 2 * index for share in shares]
    noise = _noise(slope, errors)
    low, high = float(bounds.low) - noise, float(bounds.high) + noise
    largest = names[shares.index(max(shares))]
    yield _reading(item, "hhi", index, low, high, largest, evidence)
    top = float(top_share(shares, n=1))
    slope = [(1.0 if c == largest else 0.0) - top for c in names]
    noise = _noise(slope, errors)
    yield _reading(item, "top_share", top, top - noise, top + noise, largest, evidence)
    lanes = home.imports_t.get(item)
    if lanes is None:
        return
    at_home = [c for c in names if c in home.countries]
    production = math.fsum(tonnes[c] for c in at_home)
    imports, exports = math.fsum(lanes.values()), home.exports_t.get(item, 0.0)
    value = float(
        net_import_reliance(production=production, imports=imports, exports=exports)
    )
    if math.isnan(value):
        return
    used = production + imports - exports
    sizes = [
        math.sqrt(math.fsum(squares[c] for c in at_home)),
        *home.trade_error_t.get(item, (0.0, 0.0)),
    ]
    noise = _noise(
        [-(imports - exports) / used**2, production / used**2, -production / used**2],
        sizes,
    )
    yield _reading(
        item, "import_reliance", value, value - noise, value + noise, None, evidence
    )


def _noise(slopes: list[float], errors: list[float]) -> float:
    pairs = zip(slopes, errors, strict=True)
    return SIGMAS * math.sqrt(math.fsum((a * b) ** 2 for a, b in pairs))


def _reading(
    item: str,
    indicator: str,
    value: float,
    low: float,
    high: float,
    top: str | None,
    evidence: tuple[Evidence, ...],
) -> Reading:
    low, high = max(0.0, min(low, value)), min(1.0, max(high, value))
    return Reading(item, indicator, value, low, high, top, evidence)


def _evidence(rows: pl.DataFrame, most: int = 3) -> tuple[Evidence, ...]:
    """Return the rows that weigh most, so that a reader checks those first."""
    largest = rows.sort(["t_per_year", "plant"], descending=[True, False]).head(most)
    return tuple(
        Evidence("plants", row["plant"], row["source_id"], row["evidence"])
        for row in largest.iter_rows(named=True)
    )


def _stated_world(study: Study) -> dict[str, float]:
    """World totals that the study states, the newest of each item."""
    prefix = "world_output_t/"
    rows = (
        study.table("observations")
        .filter(
            pl.col("series").str.starts_with(prefix) & pl.col("value").is_not_null()
        )
        .sort("series", "date")
    )
    return {
        str(series).removeprefix(prefix): float(value)
        for series, value in rows.select("series", "value").iter_rows()
    }


def readings_frame(now: tuple[Reading, ...]) -> pl.DataFrame:
    """Return readings as item, indicator, value, low, high, top_country."""
    return pl.DataFrame(
        [(r.item, r.indicator, r.value, r.low, r.high, r.top_country) for r in now],
        schema={
            "item": pl.String,
            "indicator": pl.String,
            "value": pl.Float64,
            "low": pl.Float64,
            "high": pl.Float64,
            "top_country": pl.String,
        },
        orient="row",
    )


def indicator_alerts(
    now: tuple[Reading, ...],
    before: tuple[Reading, ...],
    home: Home,
    *,
    thresholds: Mapping[str, float],
    on: date,
    within_days: int,
) -> Iterator[Alert]:
    """Yield one alert per item that is over a line, and one per change over noise."""
    earlier = {(r.item, r.indicator): r for r in before}
    valid = on + timedelta(days=within_days)
    by_item: dict[str, list[Reading]] = {}
    for reading in now:
        by_item.setdefault(reading.item, []).append(reading)
    for item, found in sorted(by_item.items()):
        over = [r for r in found if r.value > thresholds[r.indicator]]
        stakes = home.stakes([item], exporters=_others(found, home))
        if over and _uses(home, item):
            sure = {r.indicator for r in over if r.low > thresholds[r.indicator]}
            abroad = all(r.top_country not in home.countries for r in over)
            serious = abroad and {"top_share", "import_reliance"} <= sure
            yield Alert(
                kind="indicator",
                subject=item,
                event="over",
                level="notice" if serious else "info",
                what=f"{title(item)}: over the line in "
                + ", ".join(NAMES[r.indicator] for r in over),
                why=tuple(_over_text(r, thresholds[r.indicator]) for r in over),
                evidence=over[0].evidence,
                day=None,
                valid_until=valid,
                first_seen=on,
                items=(item,),
                **stakes,
            )
        for reading in found:
            old = earlier.get((item, reading.indicator))
            change = None if old is None else _change(old, reading)
            if old is None or change is None:
                continue
            line = thresholds[reading.indicator]
            crossed = (old.value > line) != (reading.value > line)
            grew = reading.value > old.value
            yield Alert(
                kind="indicator",
                subject=item,
                event=f"changed {reading.indicator}",
                level="warning" if crossed and grew and _uses(home, item) else "notice",
                what=f"{title(item)}: {NAMES[reading.indicator]} "
                f"{'rose' if grew else 'fell'} from {old.value:.2f} to "
                f"{reading.value:.2f}",
                why=(change, *([f"crossed the line of {line:g}"] if crossed else [])),
                evidence=reading.evidence,
                day=None,
                valid_until=valid,
                first_seen=on,
                items=(item,),
                **stakes,
            )


def _change(old: Reading, new: Reading) -> str | None:
    """Return why a change is more than noise, or None."""
    moved = abs(new.value - old.value)
    noise = math.hypot(
        max(old.high - old.value, old.value - old.low),
        max(new.high - new.value, new.value - new.low),
    )
    if moved <= noise or moved <= 1e-9:
        return None
    return f"moved by {moved:.3f}; the noise of both readings is {noise:.3f}"


def _over_text(reading: Reading, line: float) -> str:
    sure = "" if reading.low > line else "; the low bound is below the line"
    who = f", {reading.top_country}" if reading.indicator == "top_share" else ""
    return (
        f"{NAMES[reading.indicator]}{who}: {reading.value:.2f} "
        f"({reading.low:.2f} to {reading.high:.2f}), line {line:g}{sure}"
    )


def _others(found: list[Reading], home: Home) -> frozenset[str] | None:
    """Return the largest producer, whose part of home's imports is at stake."""
    top = next((r.top_country for r in found if r.top_country), None)
    return frozenset({top}) if top and top not in home.countries else None


def _uses(home: Home, item: str) -> bool:
    """Return whether home uses or imports the item; unknown counts as yes."""
    lanes = home.imports_t.get(item)
    return home.use_t.get(item) != 0 or lanes is None or bool(lanes)
