# SPDX-License-Identifier: Apache-2.0
"""The uncalibrated market is the linear programme of the design, to the digit."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
import scipy.optimize
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

# ruff: noqa: PERF401  # draws in the order of the loops
from market.small_studies import write_study
from oreserve.market import simulate

COUNTRIES = ("AUS", "CHN", "USA")
RECIPES = {"mining": {"ore": 1.0}, "smelting": {"metal": 1.0, "ore": -1.2}}
number = st.floats(0.0, 100.0).map(lambda x: round(x, 2))
cost = st.floats(1.0, 60.0).map(lambda x: round(x, 2))


@st.composite
def worlds(draw):
    """Draw plants, demands and lanes of a two-item, three-country study."""
    plants, demands, lanes = [], [], []
    for c in COUNTRIES:
        for process in RECIPES:
            if draw(st.booleans()):
                plants.append(
                    {
                        "plant": f"{process}_{c}",
                        "process": process,
                        "country": c,
                        "capacity_t_per_year": draw(number),
                        "cost_usd_per_t": draw(cost),
                    }
                )
        for item in ("ore", "metal"):
            if draw(st.booleans()):
                demands.append(
                    {
                        "demand": f"use_{item}_{c}",
                        "item": item,
                        "country": c,
                        "quantity_t_per_year": draw(number) + 1.0,
                        "price_elasticity": 0,
                        "max_price_usd_per_t": draw(st.floats(101.0, 900.0)),
                        "loss_usd_per_t": 50,
                    }
                )
    for item in ("ore", "metal"):
        for a in COUNTRIES:
            for b in COUNTRIES:
                if a != b and draw(st.booleans()):
                    lanes.append(
                        {
                            "item": item,
                            "exporter": a,
                            "importer": b,
                            "cost_usd_per_t": draw(cost),
                            "capacity_t_per_year": draw(number),
                        }
                    )
    demands.append(
        {
            "demand": "use_always",
            "item": "metal",
            "country": "USA",
            "quantity_t_per_year": 10.0,
            "price_elasticity": 0,
            "max_price_usd_per_t": 500.0,
            "loss_usd_per_t": 50,
        }
    )
    plants.append(
        {
            "plant": "always_mine",
            "process": "mining",
            "country": "AUS",
            "capacity_t_per_year": 20.0,
            "cost_usd_per_t": 10.0,
        }
    )
    return plants, demands, lanes


def reference(plants, demands, lanes, *, method="highs-ipm", shift=None):
    """Solve section 4 of the design with scipy; return welfare and served."""
    nodes = sorted({(i, c) for i in ("ore", "metal") for c in COUNTRIES})
    at = {n: k for k, n in enumerate(nodes)}
    columns, price, upper = [], [], []
    for p in plants:
        column = np.zeros(len(nodes))
        for item, a in RECIPES[p["process"]].items():
            column[at[item, p["country"]]] += a
        columns.append(column)
        price.append(p["cost_usd_per_t"])
        upper.append(p["capacity_t_per_year"])
    for k in lanes:
        column = np.zeros(len(nodes))
        column[at[k["item"], k["exporter"]]] -= 1.0
        column[at[k["item"], k["importer"]]] += 1.0
        columns.append(column)
        price.append(k["cost_usd_per_t"])
        upper.append(k["capacity_t_per_year"])
    for d in demands:
        column = np.zeros(len(nodes))
        column[at[d["item"], d["country"]]] -= 1.0
        columns.append(column)
        price.append(-d["max_price_usd_per_t"])
        upper.append(d["quantity_t_per_year"])
    for n in nodes:
        column = np.zeros(len(nodes))
        column[at[n]] -= 1.0
        columns.append(column)
        price.append(0.0)
        upper.append(None)
    right = np.zeros(len(nodes))
    if shift is not None:
        right[at[shift[0]]] = shift[1]
    result = scipy.optimize.linprog(
        price,
        A_eq=np.array(columns).T,
        b_eq=right,
        bounds=[(0.0, u) for u in upper],
        method=method,
    )
    if result.status != 0:
        return None, None
    first = len(plants) + len(lanes)
    return -result.fun, result.x[first : first + len(demands)]


@settings(
    max_examples=25,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(world=worlds())
def test_welfare_agrees_with_an_independent_solver(world, tmp_path_factory):
    plants, demands, lanes = world
    study = write_study(
        tmp_path_factory.mktemp("study"),
        plants=plants,
        demands=demands,
        lanes=lanes,
        recipes=RECIPES,
        prices={"ore": 20.0, "metal": 100.0},
    )
    outcome = simulate(study)
    expected, _ = reference(plants, demands, lanes)
    assert outcome.welfare_usd == pytest.approx(expected, rel=1e-6, abs=1e-6)


def test_prices_lie_between_one_tonne_more_and_one_tonne_less(tmp_path):
    plants = [
        {
            "plant": "m",
            "process": "mining",
            "country": "AUS",
            "capacity_t_per_year": 100.0,
            "cost_usd_per_t": 10.0,
        },
        {
            "plant": "s",
            "process": "smelting",
            "country": "CHN",
            "capacity_t_per_year": 50.0,
            "cost_usd_per_t": 30.0,
        },
    ]
    demands = [
        {
            "demand": "u",
            "item": "metal",
            "country": "USA",
            "price_elasticity": 0,
            "quantity_t_per_year": 40.0,
            "max_price_usd_per_t": 900.0,
        },
        {
            "demand": "v",
            "item": "metal",
            "country": "CHN",
            "price_elasticity": 0,
            "quantity_t_per_year": 30.0,
            "max_price_usd_per_t": 700.0,
        },
    ]
    lanes = [
        {"item": "ore", "exporter": "AUS", "importer": "CHN", "cost_usd_per_t": 5.0},
        {"item": "metal", "exporter": "CHN", "importer": "USA", "cost_usd_per_t": 2.0},
    ]  # fmt: skip
    study = write_study(
        tmp_path, plants=plants, demands=demands, lanes=lanes, recipes=RECIPES,
        prices={"ore": 20.0, "metal": 100.0},
    )  # fmt: skip
    # 50 t of metal: 40 to the USA at 900, 10 of 30 to China, so 700 there and
    # 702 in the USA; ore costs 10 in Australia and 15 in China.
    outcome = simulate(study)
    price = {
        (i, c): (p, low, high)
        for _, i, c, p, low, high in outcome.prices.iter_rows()
        if p is not None
    }
    assert price["metal", "CHN"] == pytest.approx((700.0, 700.0, 700.0))
    assert price["metal", "USA"] == pytest.approx((702.0, 702.0, 702.0))
    assert price["ore", "CHN"] == pytest.approx((15.0, 15.0, 15.0))
    assert price["ore", "AUS"] == pytest.approx((10.0, 10.0, 10.0))
    base = [{**k, "capacity_t_per_year": 1e6} for k in lanes]
    here, _ = reference(plants, demands, base)
    for node, (_, low, high) in price.items():
        less, _ = reference(plants, demands, base, shift=(node, 1e-3))
        more, _ = reference(plants, demands, base, shift=(node, -1e-3))
        assert low <= (more - here) / 1e-3 * (1 + 1e-6) + 1e-6
        assert high >= (here - less) / 1e-3 * (1 - 1e-6) - 1e-6


def test_nothing_to_supply_is_priced_at_the_highest_unmet_step(tmp_path):
    study = write_study(
        tmp_path,
        plants=[{"plant": "m", "process": "mining", "country": "AUS",
                 "capacity_t_per_year": 10.0, "cost_usd_per_t": 10.0}],
        demands=[{"demand": "u", "item": "ore", "country": "USA",
                  "price_elasticity": 0, "quantity_t_per_year": 40.0,
                  "max_price_usd_per_t": 900.0}],
        recipes=RECIPES,
        prices={"ore": 20.0, "metal": 100.0},
    )  # fmt: skip
    outcome = simulate(study)
    usa = outcome.prices.filter(pl.col("country") == "USA").row(0)
    assert usa[3:] == (900.0, 900.0, 900.0)
    assert outcome.shortfall["served_t"].to_list() == [0.0]
    assert outcome.welfare_usd == 0.0


def test_lane_without_row_does_not_exist_and_lane_without_base_has_no_limit(tmp_path):
    study = write_study(
        tmp_path,
        plants=[{"plant": "m", "process": "mining", "country": "AUS",
                 "capacity_t_per_year": 100.0, "cost_usd_per_t": 10.0}],
        demands=[
            {"demand": f"u{c}", "item": "ore", "country": c, "price_elasticity": 0,
             "quantity_t_per_year": 40.0, "max_price_usd_per_t": 900.0}
            for c in ("USA", "CHN")
        ],
        lanes=[{"item": "ore", "exporter": "AUS", "importer": "USA"}],
        recipes=RECIPES,
        prices={"ore": 20.0, "metal": 100.0},
    )  # fmt: skip
    served = dict(simulate(study).shortfall.select("demand", "served_t").iter_rows())
    assert served == {"uUSA": pytest.approx(40.0), "uCHN": 0.0}


def test_missing_cost_names_the_plant(tmp_path):
    study = write_study(
        tmp_path,
        plants=[{"plant": "no_cost", "process": "mining", "country": "AUS",
                 "capacity_t_per_year": 100.0}],
        demands=[{"demand": "u", "item": "ore", "country": "USA",
                  "price_elasticity": 0, "quantity_t_per_year": 40.0,
                  "max_price_usd_per_t": 900.0}],
        recipes=RECIPES,
        prices={"ore": 20.0, "metal": 100.0},
    )  # fmt: skip
    with pytest.raises(ValueError, match="no_cost: cost_usd_per_t is missing"):
        simulate(study)
