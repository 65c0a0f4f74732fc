# SPDX-License-Identifier: Apache-2.0
"""What home's use of a mineral is worth in a year, beside the score."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

import polars as pl

from oreserve.exposure._trace import ALL_USES

if TYPE_CHECKING:
    from oreserve.exposure._cells import World
    from oreserve.study import Study

__all__ = ["value_frame"]


@dataclass
class _Sums:
    """Home's final uses of one mineral."""

    usd: float = 0.0
    loss: float = 0.0
    priced: int = 0
    losing: int = 0
    rows: int = 0


def value_frame(study: Study, world: World, minerals: tuple[str, ...]) -> pl.DataFrame:
    """Return home's yearly use of each mineral, its price, and the loss without it.

    use_t: tonnes of the mineral in home's final uses. use_usd = sum of q p0, with q
    the tonnes of each item that home's demands take and p0 its base price at home.
    loss_usd = sum of q l, with l the stated loss a tonne (`loss_usd_per_t`): what home
    loses in a year in which nothing at all is served. Demands without a price or a
    loss add nothing and make the status `partial`; without any the value is null.

    Returns
    -------
    DataFrame
        mineral, use_t (t a year), use_usd, loss_usd (USD a year, price year of the
        study), value_status and loss_status (ok, partial, no_data).
    """
    from oreserve.study.prices import base_prices

    prices = {
        (row[0], row[1]): float(row[2])
        for row in base_prices(study).select("item", "country", "usd_per_t").iter_rows()
    }
    base = world.figures.base
    raw: dict[tuple[str, str], float] = defaultdict(float)
    table = study.table("demands").filter(pl.col("country").is_in(list(world.home)))
    for row in table.iter_rows(named=True):
        raw[row["item"], row["country"]] += row["quantity_t_per_year"] or 0.0
    sums: dict[str, _Sums] = defaultdict(_Sums)
    for row in table.iter_rows(named=True):
        place = (row["item"], row["country"])
        if not row["quantity_t_per_year"] or raw[place] <= 0:
            continue
        # What reconciliation moved is shared by the demands of an item and country.
        t = row["quantity_t_per_year"] * base.demand.get(place, 0.0) / raw[place]
        one = sums[base.mineral[row["item"]]]
        one.rows += 1
        if place in prices:
            one.usd += t * prices[place]
            one.priced += 1
        if row["loss_usd_per_t"] is not None:
            one.loss += t * row["loss_usd_per_t"]
            one.losing += 1
    made = []
    for mineral in minerals:
        one = sums.get(mineral, _Sums())
        made.append(
            (
                mineral, _use_t(world, mineral),
                one.usd if one.priced else None, one.loss if one.losing else None,
                _status(one.priced, one.rows), _status(one.losing, one.rows),
            )
        )  # fmt: skip
    schema = {
        "mineral": pl.String,
        **dict.fromkeys(("use_t", "use_usd", "loss_usd"), pl.Float64),
        **dict.fromkeys(("value_status", "loss_status"), pl.String),
    }
    return pl.DataFrame(made, schema=schema, orient="row")


def _use_t(world: World, mineral: str) -> float | None:
    found = world.traces.get(mineral)
    if found is None or ALL_USES not in found.uses:
        return None
    return float(found.use_t[found.uses.index(ALL_USES)])


def _status(known: int, rows: int) -> str:
    if not known:
        return "no_data"
    return "ok" if known == rows else "partial"
