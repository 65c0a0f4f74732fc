# SPDX-License-Identifier: Apache-2.0
"""Value a price floor before signing it: what it may cost, on a named index.

Run: python examples/value_a_floor.py
"""

# %%
from __future__ import annotations

from oreserve.contracts import PriceRule, price_paths, settle_quarters, value_floor

floor = PriceRule("floor", floor_usd_per_t=110_000, index="NdPr oxide, quarterly")

# %% Settle a year of it
rows = settle_quarters(
    floor,
    index_usd_per_t={"2026-Q1": 90_000, "2026-Q2": 120_000},
    quantity_t={"2026-Q1": {"third party": 500}, "2026-Q2": {"third party": 900}},
)
for row in rows:
    print(row.quarter, f"{row.paid_usd:,.0f} USD")

# %% What it may cost over ten years, and what the producer gains
paths = price_paths(start_usd_per_t=90_000, long_run_usd_per_t=95_000, years=10)
value = value_floor(floor, paths_usd_per_t=paths, quantity_t_per_year=2_000)
print(f"expected cost {value.cost_usd / 1e6:,.0f} million USD")
print(f"worst tenth   {value.exposure_usd / 1e6:,.0f} million USD")
print(f"revenue       {value.revenue_usd / 1e6:,.0f} million USD")
