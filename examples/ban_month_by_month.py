# SPDX-License-Identifier: Apache-2.0
"""A gallium ban on one buyer, month by month: who goes short, at which price.

Run: python examples/ban_month_by_month.py
"""

# %%
from __future__ import annotations

import polars as pl

import oreserve as ors

study = ors.load_study("tiny").with_settings(period_years=1 / 12, horizon_years=1)
ban = ors.load_shock(
    {
        "name": "gallium ban",
        "effects": [
            {
                "kind": "ban",
                "actor": "CHN",
                "target": "USA",
                "mineral": "gallium",
                "from": "2027-04",
                "until": "2027-10",
            }
        ],
    },
    study,
)
outcome = ors.simulate(study, shock=ban)

# %% Who goes short
short = outcome.shortfall.filter(
    pl.col("item") == "gallium", pl.col("country") == "USA"
)
print(short.select("period", "class", "wanted_t", "served_t", "loss_usd"))

# %% Two prices of a split market
prices = outcome.prices.filter(
    pl.col("item") == "gallium", pl.col("country").is_in(["USA", "CHN"])
)
print(prices.pivot("country", index="period", values="price_usd_per_t"))
