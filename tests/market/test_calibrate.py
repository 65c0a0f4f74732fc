# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from market.base_chains import base_chain
from oreserve.errors import InputError
from oreserve.market._calibrate import calibrate
from oreserve.market._reconcile import reconcile

if TYPE_CHECKING:
    from oreserve.network.chain import Chain

WEDGE = 0.002


def cobalt(**changes: Any) -> Chain:
    parts: dict[str, Any] = {
        "processes": {"mine": {"ore": 1.0}, "refine": {"metal": 1.0, "ore": -1.1}},
        "plants": [
            ("mine", "COD", 170.0, "read"),
            ("mine", "AUS", 10.0, "read"),
            ("refine", "CHN", 150.0, "computed"),
            ("refine", "FIN", 12.0, "read"),
            ("refine", "USA", 0.0, "read", {"capacity": 20.0}),
        ],
        "demands": [
            ("metal", "CHN", 90.0, "assumed"),
            ("metal", "USA", 30.0, "read"),
            ("metal", "DEU", 35.0, "assumed"),
        ],
        "lanes": [
            ("ore", "COD", "CHN", 165.0, "estimated"),
            ("ore", "COD", "FIN", 13.0, "estimated"),
            ("ore", "AUS", "CHN", 10.0, "estimated"),
            ("metal", "CHN", "USA", 25.0, "estimated"),
            ("metal", "USA", "CHN", 3.0, "estimated"),
            ("metal", "CHN", "DEU", 25.0, "estimated"),
            ("metal", "FIN", "DEU", 10.0, "estimated"),
        ],
        "prices": {"ore": 20_000.0, "metal": (30_000.0, "read")},
    }
    return reconcile(base_chain(**{**parts, **changes}))[0]


def gallium() -> Chain:
    chain = base_chain(
        processes={
            "alumina": {"alumina": 1.0, "liquor": 1e-4},
            "gallium": {"gallium": 1.0, "liquor": -1.0},
        },
        plants=[
            ("alumina", "CHN", 80e6, "read"),
            ("alumina", "AUS", 17e6, "read"),
            ("gallium", "CHN", 750.0, "read"),
        ],
        demands=[
            ("alumina", "CHN", 82e6, "assumed"),
            ("alumina", "AUS", 15e6, "assumed"),
            ("gallium", "CHN", 600.0, "assumed"),
            ("gallium", "USA", 160.0, "computed"),
        ],
        lanes=[
            ("gallium", "CHN", "USA", 170.0, "read"),
            ("alumina", "AUS", "CHN", 2e6, "read"),
        ],
        prices={
            "alumina": (450.0, "read"),
            ("gallium", "CHN"): (245_000.0, "read"),
            ("gallium", "USA"): (439_000.0, "read"),
        },
        disposal={"liquor": 2.0},
    )
    return reconcile(chain)[0]


def net_revenue(chain: Chain) -> np.ndarray:
    plants = chain.plants
    value = plants.recipe_t_per_t * chain.nodes.price[plants.recipe_node]
    return np.bincount(plants.recipe_plant, value, minlength=plants.base.size)


def assert_equilibrium(chain: Chain) -> None:
    """Check complementary slackness of the base year, row by row."""
    plants, lanes, price = chain.plants, chain.lanes, chain.nodes.price
    scale = np.abs(price).max()
    room = plants.capacity - plants.idle
    profit = net_revenue(chain) - plants.cost
    runs = plants.base > 0.0
    inner = runs & (plants.base < 0.9999 * room)
    np.testing.assert_allclose(profit[inner], 0.0, atol=1e-9 * scale)
    assert np.all(profit[runs & ~inner] >= -1e-9 * scale)
    assert np.all(profit[~runs & (room > 0.0)] < 0.0)
    spread = price[lanes.to_node] - price[lanes.from_node]
    used = np.nan_to_num(lanes.base) > 0.0
    np.testing.assert_allclose(spread[used], lanes.cost[used], atol=1e-9 * scale)
    assert np.all(spread[~used] < lanes.cost[~used])
    assert chain.unsold_base is not None
    unsold = chain.unsold_base > 0.0
    thrown = -chain.disposal[chain.nodes.item]
    np.testing.assert_array_equal(price[unsold], thrown[unsold])
    assert np.all(price >= thrown - 1e-9 * scale)
    assert chain.entry_cost is not None
    assert chain.entry_cost_out is not None
    same = chain.nodes.item[:, None] == chain.nodes.item[None, :]
    entry = chain.entry_cost_out[:, None] + chain.entry_cost[None, :]
    gain = price[None, :] - price[:, None] - entry
    assert np.all(gain[same & (np.maximum(price, 0)[None, :] > 0)] < 0.0)


def frame_row(frame: pl.DataFrame, key: str) -> dict[str, Any]:
    return frame.row(by_predicate=pl.col("key") == key, named=True)


@pytest.mark.parametrize("build", [cobalt, gallium])
def test_base_year_is_an_equilibrium(build: Any) -> None:
    calibrated, _ = calibrate(build(), wedge=WEDGE)
    assert calibrated.calibrated
    assert_equilibrium(calibrated)


def test_inputs_are_left_alone() -> None:
    chain = cobalt()
    price, cost = chain.nodes.price.copy(), chain.plants.cost.copy()
    calibrate(chain, wedge=WEDGE)
    np.testing.assert_array_equal(chain.nodes.price, price)
    np.testing.assert_array_equal(chain.plants.cost, cost)
    assert not chain.calibrated


def test_used_lanes_cost_something_in_spite_of_two_way_trade() -> None:
    # A sells to B and B to A: costs that support both flows add up to nothing. The
    # circulation is gone, so each used lane costs at least 0.3 % of the price.
    calibrated, _ = calibrate(cobalt(), wedge=WEDGE)
    lanes = calibrated.lanes
    used = lanes.base > 0.0
    item = calibrated.nodes.item[lanes.from_node[used]]
    reference = np.array([30_000.0, 20_000.0])[item]
    assert np.all(lanes.cost[used] >= 0.003 * reference - 1e-6)


def test_read_prices_hardly_move() -> None:
    _, frame = calibrate(cobalt(), wedge=WEDGE)
    metal = frame.filter((pl.col("table") == "prices") & (pl.col("item") == "metal"))
    assert metal["moved_share"].abs().max() < 0.01  # type: ignore[operator]
    assert not frame["reason"].str.contains("over 5 %").any()


def test_thin_margins_do_not_pull_a_read_price() -> None:
    # Indium from a residue that is thrown away: nearly all its price is cost, and
    # ten plants with an assumed cost must not cut a read price to that cost.
    countries = [f"C{k}" for k in range(10)]
    chain = base_chain(
        processes={
            "zinc": {"zinc": 1.0, "residue": 0.01},
            "indium": {"indium": 1.0, "residue": -1.0},
        },
        plants=[("zinc", c, 1e4, "read") for c in countries]
        + [("indium", c, 10.0, "read", {"cost": 60_000.0}) for c in countries],
        demands=[("zinc", c, 1e4, "assumed") for c in countries]
        + [("indium", c, 10.0, "assumed") for c in countries],
        prices={"zinc": (2_800.0, "read"), "indium": (311_000.0, "read")},
    )
    _, frame = calibrate(reconcile(chain)[0], wedge=WEDGE)
    assert frame_row(frame, "indium:C1")["used"] == pytest.approx(311_000.0)


def test_price_follows_where_lane_costs_force_it() -> None:
    # CHN 245,000 inside, USA 439,000 outside: the lane carries the difference.
    calibrated, frame = calibrate(gallium(), wedge=WEDGE)
    assert frame_row(frame, "gallium:USA")["used"] == pytest.approx(439_000.0)
    assert frame_row(frame, "gallium:CHN>USA")["used"] == pytest.approx(194_000.0)
    assert_equilibrium(calibrated)


def test_liquor_of_a_host_is_worth_minus_its_disposal() -> None:
    calibrated, frame = calibrate(gallium(), wedge=WEDGE)
    for country in ("AUS", "CHN"):
        assert frame_row(frame, f"liquor:{country}")["used"] == -2.0
    f = calibrated.plants.name.index("gallium_CHN")
    # 245,000 for the gallium, and 2 for taking a tonne of liquor off the host.
    assert calibrated.plants.cost[f] == pytest.approx(245_002.0)


def test_item_without_a_price_gets_one_from_its_recipe() -> None:
    # Ore is worth what the refiner has left after 20 % of its revenue:
    # 0.8 * 30,000 / 1.1.
    chain = cobalt(prices={"metal": (30_000.0, "read")})
    _, frame = calibrate(chain, wedge=WEDGE)
    ore = frame_row(frame, "ore:CHN")
    assert ore["raw"] == pytest.approx(0.8 * 30_000.0 / 1.1)
    assert "derived from the recipe" in ore["reason"]


def test_item_without_any_price_is_named() -> None:
    with pytest.raises(InputError, match="no price for metal, ore"):
        calibrate(cobalt(prices={}), wedge=WEDGE)


def test_recipe_that_cannot_earn_is_named() -> None:
    # Oxide becomes metal and metal oxide again, a tonne for a tonne.
    chain = base_chain(
        processes={
            "reduce": {"metal": 1.0, "oxide": -1.0},
            "burn": {"oxide": 1.0, "metal": -1.0},
        },
        plants=[("reduce", "AUS", 10.0, "read"), ("burn", "AUS", 10.0, "read")],
        prices={"metal": 100.0, "oxide": 100.0},
    )
    with pytest.raises(InputError, match="loses money"):
        calibrate(replace(chain, unsold_base=np.zeros(2)), wedge=WEDGE)


def test_plant_that_stood_still_would_lose_money() -> None:
    calibrated, frame = calibrate(cobalt(), wedge=WEDGE)
    f = calibrated.plants.name.index("refine_USA")
    net = net_revenue(calibrated)[f]
    assert calibrated.plants.cost[f] == pytest.approx(1.25 * net)
    assert frame_row(frame, "refine_USA")["reason"] == "stood still"


def test_plant_to_come_keeps_its_cost() -> None:
    chain = cobalt()
    plants = chain.plants
    f = plants.name.index("refine_USA")
    cost, first = plants.cost.copy(), plants.first_year.copy()
    cost[f], first[f] = 1_234.0, 2028.0
    later = replace(chain, plants=replace(plants, cost=cost, first_year=first))
    calibrated, _ = calibrate(later, wedge=WEDGE, base_year=2024)
    assert calibrated.plants.cost[f] == 1_234.0
    idle, _ = calibrate(later, wedge=WEDGE, base_year=2030)
    assert idle.plants.cost[f] > 1_234.0


def test_full_plant_with_a_known_cost_earns_a_rent() -> None:
    options = {"cost": 5_000.0, "capacity": 170.0}
    chain = cobalt(
        plants=[
            ("mine", "COD", 170.0, "read", options),
            ("mine", "AUS", 10.0, "read"),
            ("refine", "CHN", 150.0, "computed"),
            ("refine", "FIN", 12.0, "read"),
        ]
    )
    calibrated, frame = calibrate(chain, wedge=WEDGE)
    f = calibrated.plants.name.index("mine_COD")
    assert calibrated.plants.cost[f] == pytest.approx(5_000.0)
    # It would grow into any room that is left: there is none.
    assert calibrated.plants.capacity[f] == calibrated.plants.base[f]
    assert "full" in frame_row(frame, "mine_COD")["reason"]
    assert_equilibrium(calibrated)


def test_ceilings_stay_equal_within_an_item_and_above_prices() -> None:
    demands = [
        ("metal", "CHN", 90.0, "assumed", {"max_price": 31_000.0}),
        ("metal", "USA", 30.0, "read", {"max_price": 31_000.0}),
        ("metal", "DEU", 35.0, "assumed", {"max_price": 31_000.0}),
    ]
    calibrated, _ = calibrate(cobalt(demands=demands), wedge=WEDGE)
    ceiling = calibrated.demands.max_price
    highest = calibrated.nodes.price[calibrated.demands.node].max()
    np.testing.assert_allclose(ceiling, 1.5 * highest)


def test_chain_without_a_base_year_keeps_its_prices() -> None:
    chain = base_chain(
        processes={"mine": {"ore": 1.0}},
        plants=[("mine", "AUS", 0.0, "read", {"capacity": 10.0})],
        prices={"ore": 10.0},
    )
    calibrated, _ = calibrate(reconcile(chain)[0], wedge=WEDGE)
    np.testing.assert_array_equal(calibrated.nodes.price, [10.0])


def test_thousandfold_quantities_change_no_price() -> None:
    one, _ = calibrate(cobalt(), wedge=WEDGE)
    thousand, _ = calibrate(cobalt(scale=1000.0), wedge=WEDGE)
    np.testing.assert_allclose(thousand.nodes.price, one.nodes.price, rtol=1e-9)
    np.testing.assert_allclose(thousand.plants.cost, one.plants.cost, rtol=1e-6)


def test_doubled_money_doubles_prices_and_costs() -> None:
    prices = {"ore": 40_000.0, "metal": (60_000.0, "read")}
    one, _ = calibrate(cobalt(), wedge=WEDGE)
    two, _ = calibrate(cobalt(prices=prices), wedge=WEDGE)
    np.testing.assert_allclose(two.nodes.price, 2.0 * one.nodes.price, rtol=1e-9)
    np.testing.assert_allclose(two.plants.cost, 2.0 * one.plants.cost, rtol=1e-6)


@st.composite
def disturbed_chains(draw: st.DrawFn) -> Chain:
    """Draw a balanced three-stage chain and disturb every number by up to 40 %."""
    seed = draw(st.integers(0, 2**31))
    rng = np.random.default_rng(seed)
    countries = ["AAA", "BBB", "CCC", "DDD", "EEE"]
    made = dict(zip(countries, rng.uniform(10.0, 1e4, 5), strict=True))

    def about(value: float) -> float:
        return value * float(rng.uniform(0.6, 1.4))

    evidence = ["read", "computed", "assumed"]
    plants, demands, lanes = [], [], []
    for k, home in enumerate(countries):
        away = countries[(k + 1 + int(rng.integers(4))) % 5]
        kind = evidence[int(rng.integers(3))]
        ore = made[home]
        plants += [
            ("mine", home, about(ore), kind),
            ("refine", home, about(ore / 1.2), kind),
        ]
        demands += [
            ("metal", home, about(ore / 2.4), "assumed"),
            ("side", home, about(0.003 * ore), "assumed"),
        ]
        if away != home:
            lanes += [
                ("metal", home, away, about(ore / 2.4), kind),
                ("metal", away, home, about(ore / 8.0), "assumed"),
                ("ore", away, home, about(ore / 20.0), "assumed"),
            ]
            demands.append(
                ("metal", away, about(ore / 2.4), "assumed", {"name": f"from_{home}"})
            )
    return base_chain(
        processes={
            "mine": {"ore": 1.0, "side": 0.003},
            "refine": {"metal": 1.0, "ore": -1.2, "liquor": 0.01},
        },
        plants=plants,
        demands=demands,
        lanes=lanes,
        prices={"ore": 10.0, "metal": (30.0, "read"), "side": 900.0, "liquor": 0.0},
    )


@given(chain=disturbed_chains())
@settings(max_examples=40, deadline=None)
def test_any_reconciled_chain_becomes_an_equilibrium(chain: Chain) -> None:
    calibrated, frame = calibrate(reconcile(chain)[0], wedge=WEDGE)
    assert_equilibrium(calibrated)
    assert frame["used"].is_finite().all()
