# SPDX-License-Identifier: Apache-2.0
"""What the published methods share: the study's facts, and a row with its bounds."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import polars as pl

from oreserve.exposure._rows import join_rows
from oreserve.study import base_prices

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from oreserve.exposure._cells import World
    from oreserve.indicators import Estimate
    from oreserve.study import Study

__all__ = ["Facts", "base_prices_of", "ends_of", "is_partial", "score_row", "text_of"]

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Facts:
    """What the methods share: supply, trade, governance and stated numbers."""

    study: Study
    world: World
    seen: dict[str, tuple[float, str, str]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        table = self.study.table("observations").filter(
            pl.col("date") <= self.study.settings.as_of_date
        )
        for row in table.drop_nulls("value").sort("date").iter_rows(named=True):
            key = f"{row['series']}/{row['date']}"
            self.seen[row["series"]] = (row["value"], key, row["source_id"])

    @cached_property
    def trade(self) -> tuple[Floats, Floats]:
        """Imports by exporter and exports by importer, *(I, C)* each."""
        return self.world.figures.trade(self.world.home)

    @cached_property
    def made(self) -> Floats:
        """*(I,)* output at home, t a year."""
        made: Floats = self.world.figures.output[:, self.world.at_home].sum(axis=1)
        return made

    @cached_property
    def imports(self) -> Floats:
        """*(I,)* t a year."""
        bought: Floats = self.trade[0].sum(axis=1)
        return bought

    @cached_property
    def exports(self) -> Floats:
        """*(I,)* t a year."""
        sold: Floats = self.trade[1].sum(axis=1)
        return sold

    @cached_property
    def scaled(self) -> Floats:
        """*(L,)* governance of the listed countries, 0 good to 10 bad."""
        scores = self.world.governance[self.world.listed]
        return np.clip(2.0 * (2.5 - scores), 0.0, 10.0)

    def score_of(self, column: str) -> Floats | None:
        """Return a score of `countries` as *(C,)*; None where the study has none."""
        table = self.study.table("countries")
        if column not in table.columns or not table[column].count():
            return None
        known = dict(table.select("country", column).iter_rows())
        countries = self.world.figures.countries
        return np.array([known.get(c) for c in countries], dtype=np.float64)

    def stated(self, series: str, n: int) -> tuple[float | None, str]:
        """Return a number stated for an item, else for its mineral, and its row."""
        figures = self.world.figures
        for name in (figures.items[n], figures.minerals[n]):
            found = self.seen.get(f"{series}/{name}")
            if found is not None:
                return found[0], found[1]
        return None, ""

    def published(self, row: Mapping[str, Any]) -> tuple[float | None, str | None]:
        """Return what the study says was published for an item or its mineral."""
        name = str(row["indicator"]).removesuffix("_bottleneck")
        whole = name != row["indicator"]
        for of in (row["mineral"],) if whole else (row["item"], row["mineral"]):
            found = self.seen.get(f"published/{name}/{of}")
            if found is not None:
                return found[0], found[2]
        return None, None


def score_row(
    facts: Facts,
    n: int,
    indicator: str,
    found: tuple[float, float, float],
    *,
    partial: bool,
    inputs: Mapping[str, float | str | None],
    rows: Mapping[str, Sequence[str]],
    reason: str = "",
    unit: str = "1",
) -> dict[str, Any]:
    """Return one row; a value that is NaN with bounds is partial, without: no data."""
    value, low, high = (None if np.isnan(v) else float(v) for v in found)
    bounded = low is not None and high is not None
    known = "partial" if partial or value is None else "ok"
    figures = facts.world.figures
    texts = (f"{k}={text_of(v)}" for k, v in sorted(inputs.items()))
    return {
        "mineral": figures.minerals[n],
        "item": figures.items[n],
        "stage": figures.stages[n],
        "indicator": indicator,
        "year": facts.world.year,
        "value": value,
        "low": low if bounded else None,
        "high": high if bounded else None,
        "status": known if bounded else "no_data",
        "unit": unit,
        "inputs": "; ".join(texts),
        "rows": join_rows(rows),
        "reason": reason or None,
    }


def text_of(value: float | str | None) -> str:
    if value is None or (isinstance(value, float) and np.isnan(value)):
        return "missing"
    return value if isinstance(value, str) else f"{float(value):.6g}"


def ends_of(found: Estimate, n: int) -> tuple[float, float, float]:
    parts = (np.atleast_1d(p)[n] for p in (found.value, found.low, found.high))
    value, low, high = (float(p) for p in parts)
    return value, low, high


def is_partial(found: Estimate, n: int) -> bool:
    return str(np.atleast_1d(found.status)[n]) == "partial"


def base_prices_of(facts: Facts) -> tuple[Floats, list[str]]:
    """Return USD per kg of each item in home's first country that has one, and rows."""
    found: dict[str, tuple[float, str]] = {}
    frame = base_prices(facts.study).filter(
        pl.col("country").is_in(list(facts.world.home))
    )
    for row in frame.sort("item", "country").iter_rows(named=True):
        key = "/".join((row["item"], row["market"], row["period"], row["kind"]))
        found.setdefault(row["item"], (row["usd_per_t"] / 1000.0, key))
    pairs = [found.get(i, (np.nan, "")) for i in facts.world.figures.items]
    return np.array([p for p, _ in pairs], dtype=np.float64), [k for _, k in pairs]
