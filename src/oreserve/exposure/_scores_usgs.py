# SPDX-License-Identifier: Apache-2.0
"""The three parts of the supply risk of the U.S. Geological Survey (2020)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from oreserve import indicators as ind
from oreserve.exposure._cells import PARTIAL_FROM
from oreserve.exposure._score_rows import Facts, base_prices_of, score_row

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["disruption", "trade_exposure", "vulnerability"]

POLICY = "policy_perception_score"  # 0-100, as the Fraser Institute prints it
WILLING = "willingness_score"  # 0-1, higher is less willing
STOCKLESS = "no change of stocks in the study: use less output in the bounds"


def disruption(facts: Facts) -> Iterator[dict[str, Any]]:
    """USGS disruption potential; willingness not in the study may be 0 to 1."""
    world, figures = facts.world, facts.world.figures
    policy, willing = facts.score_of(POLICY), facts.score_of(WILLING)
    ruled = np.asarray(ind.governance_unit(world.governance))
    able = ruled if policy is None else np.where(
        np.isnan(policy), ruled, (100.0 - policy) / 100.0)  # fmt: skip
    given = np.full(len(able), np.nan) if willing is None else willing
    shares = world.shares
    own = np.zeros(len(figures.countries), dtype=bool)
    own[world.at_home] = True
    middle, low, high = (
        np.asarray(
            ind.usgs_disruption_potential(
                shares=shares, home=own,
                ability=able if fill is None else np.where(np.isnan(able), fill, able),
                willingness=given if fill is None
                else np.where(np.isnan(given), fill, given),
            )
        )
        for fill in (None, 0.0, 1.0)
    )  # fmt: skip
    notes = "; ".join(
        text
        for text in (
            f"{WILLING} (trade ties, shared values) not in the study: 0 to 1 in the "
            "bounds" if willing is None else "",
            f"{POLICY} not in the study: scaled governance instead"
            if policy is None else "",
        )
        if text
    )  # fmt: skip
    foreign = np.where(own, 0.0, shares)
    for n, item in enumerate(figures.items):
        keys = world.rows.governance(item)
        blank = np.isnan(high[n])
        yield score_row(
            facts, n, "usgs_disruption_potential", (middle[n], low[n], high[n]),
            partial=policy is None or willing is None,
            inputs={"foreign_share": float(foreign[n].sum()),
                    "ability": "policy index" if policy is not None
                    else "scaled governance",
                    "willingness": None if willing is None else WILLING},
            rows=keys, reason="nothing is made" if blank else notes,
        )  # fmt: skip


def trade_exposure(facts: Facts) -> Iterator[dict[str, Any]]:
    """USGS trade exposure; a change of stocks not in the study shows in the bounds."""
    world, figures = facts.world, facts.world.figures
    use = figures.use[:, world.at_home].sum(axis=1)
    for n, item in enumerate(figures.items):
        drawn, key = facts.stated("stock_change_t", n)
        known = {"primary_production": facts.made[n], "secondary_production": 0.0,
                 "imports": facts.imports[n], "exports": facts.exports[n]}  # fmt: skip
        value = float(
            np.asarray(ind.usgs_trade_exposure(**known, stock_change=drawn or 0.0))
        )
        by_use = max(0.0, use[n] - facts.made[n]) / use[n] if use[n] > 0 else np.nan
        ends = (value, value) if drawn is not None else (
            float(np.fmin(value, by_use)), float(np.fmax(value, by_use)))  # fmt: skip
        wide = ends[1] - ends[0] > PARTIAL_FROM
        note = "" if drawn is not None else STOCKLESS
        yield score_row(
            facts, n, "usgs_trade_exposure",
            (value, *ends) if not np.isnan(value) else (np.nan,) * 3,
            partial=drawn is None or wide,
            inputs={"production_t": facts.made[n], "imports_t": facts.imports[n],
                    "exports_t": facts.exports[n], "use_t": use[n],
                    "stock_change_t": drawn},
            rows={**world.rows.supply(item), **world.rows.trade(item, world.home),
                  **world.rows.use(item, world.home),
                  "observations": [key] if key else []},
            reason="home neither makes it nor is a net importer"
            if np.isnan(value) else note,
        )  # fmt: skip


def vulnerability(facts: Facts) -> Iterator[dict[str, Any]]:
    """USGS economic vulnerability, not divided by the largest of a set."""
    world = facts.world
    prices, price_rows = base_prices_of(facts)
    gdps = {c: facts.seen.get(f"gdp_usd/{c}") for c in world.home}
    added = {
        (row["industry"], row["country"]): row["value_added_usd"]
        for row in facts.study.table("industries").iter_rows(named=True)
    }
    uses = facts.study.table("uses").filter(
        pl.col("country").is_in(list(world.home)), pl.col("use_t") > 0
    )
    for n, item in enumerate(world.figures.items):
        rows = uses.filter(item=item).sort("country", "industry").to_dicts()
        pairs = [(r["industry"], r["country"]) for r in rows]
        profits = [facts.seen.get(f"operating_profit_usd/{i}/{c}") for i, c in pairs]
        worth = [added.get(p) for p in pairs]
        lacking = [
            text
            for text, absent in (
                ("uses of it by home's industries", not rows),
                ("a price of the base year", np.isnan(prices[n])),
                ("value added of a using industry", None in worth),
                ("operating_profit_usd of a using industry", None in profits),
                ("gdp_usd of home", None in gdps.values()),
            )
            if absent
        ]
        value = np.nan
        gdp = sum(g[0] for g in gdps.values() if g)
        spent = [r["use_t"] * prices[n] * 1000.0 for r in rows]
        if not lacking:
            value = float(
                np.asarray(
                    ind.usgs_economic_vulnerability(
                        value_added=np.array(worth, dtype=np.float64), gdp=gdp,
                        expenditure=spent,
                        operating_profit=[p[0] for p in profits if p],
                    )
                )
            )  # fmt: skip
        stated = [p[1] for p in (*profits, *gdps.values()) if p]
        yield score_row(
            facts, n, "usgs_economic_vulnerability", (value,) * 3, partial=False,
            inputs={"industries": float(len(rows)),
                    "expenditure_usd": sum(spent) if rows else None,
                    "value_added_usd": None if None in worth or not worth
                    else sum(w for w in worth if w is not None),
                    "gdp_usd": gdp or None},
            rows={"uses": [f"{item}/{c}/{i}" for i, c in pairs],
                  "industries": [f"{i}/{c}" for i, c in pairs if (i, c) in added],
                  "prices": [price_rows[n]] if price_rows[n] else [],
                  "observations": stated},
            reason="not in the study: " + "; ".join(lacking) if lacking
            else "" if not np.isnan(value) else "an operating profit is not positive",
        )  # fmt: skip
