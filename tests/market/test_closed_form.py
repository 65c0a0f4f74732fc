# SPDX-License-Identifier: Apache-2.0
"""Markets with a closed form: isoelastic to 1e-6, three regions to 1e-5."""

from __future__ import annotations

import numpy as np
import pytest

from market.small_studies import write_study
from oreserve.market import simulate
from oreserve.network import BlockBuilder, solve

# Demand 100 p^-0.5, rest of the world min(30, 20 p^0.3), exports 80 (1 - r) at no
# cost: restriction, price, rest of world, used. At r = 0.75 both sides give 4; at
# r = 1 the capacity of 30 binds and p = (100 / 30)^2 = 100 / 9.
ISOELASTIC = [
    (0.0, 1.0, 20.0, 100.0),
    (0.1, 1.158614936, 20.903149783, 92.903149783),
    (0.25, 1.470862977, 22.454410637, 82.454410637),
    (0.5, 2.314812541, 25.726739181, 65.726739181),
    (0.7, 3.532596365, 29.205066601, 53.205066601),
    (0.75, 4.0, 30.0, 50.0),
    (0.9, 6.925207756, 30.0, 38.0),
    (1.0, 100.0 / 9.0, 30.0, 30.0),
]


@pytest.mark.parametrize("restriction, price, rest, used", ISOELASTIC)
def test_isoelastic_market_meets_its_closed_form(
    tmp_path, restriction, price, rest, used
):
    study = write_study(
        tmp_path,
        plants=[
            {"plant": "rest", "process": "mining", "country": "USA",
             "capacity_t_per_year": 30.0, "base_activity_t_per_year": 20.0,
             "cost_usd_per_t": 1.0, "supply_elasticity": 0.3},
            {"plant": "restricted", "process": "mining", "country": "CHN",
             "capacity_t_per_year": 80.0, "cost_usd_per_t": 0.0},
        ],
        demands=[{"demand": "u", "item": "ore", "country": "USA",
                  "price_elasticity": -0.5, "quantity_t_per_year": 100.0,
                  "max_price_usd_per_t": 30.0}],
        lanes=[{"item": "ore", "exporter": "CHN", "importer": "USA",
                "cost_usd_per_t": 0.0}],
        recipes={"mining": {"ore": 1.0}},
        prices={"ore": 1.0},
    )  # fmt: skip
    effect = {"kind": "outage", "country": "CHN", "factor": 1.0 - restriction}
    outcome = simulate(study, shock={"name": "cut", "effects": [effect]}, periods=1)
    found = {c: p for _, _, c, p, _, _ in outcome.prices.iter_rows()}
    activity = dict(outcome.activity.select("plant", "activity_t").iter_rows())
    assert found["USA"] == pytest.approx(price, rel=1e-6)
    assert activity["rest"] == pytest.approx(rest, rel=1e-6)
    assert outcome.shortfall["served_t"][0] == pytest.approx(used, rel=1e-6)


# Inverse demand 42 - 3q, 54 - 2q, 51 - q; inverse supply 9 + q, 3 + 2q, 18 + q;
# transport (0, 3, 9; 3, 0, 3; 6, 3, 0) (Miranda and Fackler, 2002).
DEMAND = ((42.0, 3.0), (54.0, 2.0), (51.0, 1.0))
SUPPLY = ((9.0, 1.0), (3.0, 2.0), (18.0, 1.0))
TRANSPORT = np.array([[0.0, 3.0, 9.0], [3.0, 0.0, 3.0], [6.0, 3.0, 0.0]])
REGIONS = {
    None: ((24.346154, 27.346154, 30.346154), 784.990385),
    0: ((17.25, 30.5, 33.5), 736.5),
    1: ((22.961538, 25.961538, 31.961538), 764.913462),
}


def solve_regions(banned: int | None, centre: np.ndarray, half: float):
    """Return prices and surplus with steps of linear curves around a centre."""
    builder = BlockBuilder()
    rows = builder.add_rows(3, lower=0.0, upper=0.0)
    for curves, sign in ((DEMAND, -1.0), (SUPPLY, 1.0)):
        for region, (intercept, slope) in enumerate(curves):
            # Edges in price, from where nothing is traded to where it is far away.
            near = np.linspace(centre[region] - half, centre[region] + half, 41)
            far = np.linspace(0.0, 60.0, 61)
            edges = np.unique(np.concatenate([near, far, [intercept]]))
            quantity = sign * (edges - intercept) / slope
            order = np.argsort(quantity)
            quantity, edges = quantity[order], edges[order]
            kept = quantity >= 0.0
            quantity, edges = quantity[kept], edges[kept]
            worth = 0.5 * (edges[1:] + edges[:-1])
            columns = builder.add_columns(
                len(worth), cost=sign * worth, upper=np.diff(quantity)
            )
            builder.add_entries(rows[region], columns, sign)
    for a in range(3):
        for b in range(3):
            if a not in {b, banned}:
                lane = builder.add_columns(1, cost=TRANSPORT[a, b])
                builder.add_entries(rows[a], lane, -1.0)
                builder.add_entries(rows[b], lane, 1.0)
    solution = solve(builder.build())
    return solution.row_dual, -solution.objective


@pytest.mark.parametrize("banned", [None, 0, 1])
def test_three_regions_meet_the_textbook(banned):
    centre, half = np.full(3, 28.0), 12.0
    surplus = 0.0
    for _ in range(8):
        centre, surplus = solve_regions(banned, centre, half)
        half /= 8.0
    prices, expected = REGIONS[banned]
    assert centre == pytest.approx(prices, rel=1e-5)
    assert surplus == pytest.approx(expected, rel=1e-5)
