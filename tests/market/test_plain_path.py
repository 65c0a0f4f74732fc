# SPDX-License-Identifier: Apache-2.0
"""What makes many scenarios fast must not change what the market says.

The plain path clears a period on its own, from nothing. A degenerate programme has
several optima; welfare is the same in all of them, and the prices of one lie in the
interval of another. Who is served is the same too, except between uses that pay the
same at one place: the base blocks of a use and of the residual demand for a joint
product are both worth the base price.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from oreserve.market import Simulator, prepare
from oreserve.market._clear import clear
from oreserve.market._intervals import price_interval
from oreserve.study import load_study
from oreserve.threats import sample_scenarios

CHAINS = ("alumina", "antimony", "germanium", "magnesium")
RARE_EARTHS = "bayan_obo_concentrate"
KEYS = 12  # of each chain


def solved(study, chains=None, scenarios=4, periods=None, keys=KEYS):
    base = prepare(study)
    if chains is not None:
        some = tuple(chain for chain in base.chains if chain.name in chains)
        base = replace(base, chains=some)
    simulator = Simulator(base, workers=1, periods=periods)
    drawn = sample_scenarios(study, count=scenarios, seed=5, periods=periods)
    simulator.run(drawn)
    for market in simulator.markets:
        held = sorted(market.cache, key=repr)
        # Those with projects and effects start far from the base.
        held.sort(key=lambda key: -(len(key.projects) + (key.effects > 0)))
        for key in held[:keys]:
            yield market, key


def compare(market, key):
    terms, found = market.solve(key)
    plain = clear(market.problem, terms)
    np.testing.assert_array_equal(found.served, market.cache[key].served)
    assert found.welfare == pytest.approx(plain.welfare, rel=1e-9)
    compare_served(market, terms, found, plain)
    low, high = price_interval(market.problem, plain, terms)
    own_low, _ = price_interval(market.problem, found, terms)
    # As it is reported: where nothing arrives, at least what a tonne is worth.
    ours, theirs = np.maximum(found.price, own_low), np.maximum(plain.price, low)
    seen = np.isfinite(ours) & np.isfinite(theirs)
    scale = 1e-6 * np.nanmax(np.abs(theirs))
    assert (ours >= low - 1e-6 * abs(low) - scale)[seen].all()
    assert (ours <= high + 1e-6 * abs(high) + scale)[seen].all()
    sure = seen & (high - low <= 1e-9 * np.abs(high))
    np.testing.assert_allclose(ours[sure], theirs[sure], rtol=1e-6)


def compare_served(market, terms, found, plain):
    """Compare tonnes to 1e-9 of world use: by place, and by use where none ties."""
    chain = market.chain
    node = chain.demands.node
    item = chain.nodes.item[node]
    world = np.bincount(item, chain.demands.quantity, len(chain.items))
    places = len(chain.nodes.item)
    ours, theirs = (np.bincount(node, x.served, places) for x in (found, plain))
    assert (np.abs(ours - theirs) <= 1e-9 * world[chain.nodes.item]).all()
    joint = np.array([name.startswith("joint:") for name in chain.demands.name])
    shared = np.bincount(node, joint * terms.demand, places)[node]
    apart = np.abs(found.served - plain.served)
    # The base block is 0.2 % to either side.
    assert (apart <= 1e-9 * world[item] + 0.00401 * shared).all()


def test_fast_path_on_tiny():
    pairs = list(solved(load_study("tiny"), scenarios=8))
    assert len(pairs) > 10
    for market, key in pairs:
        compare(market, key)


def test_fast_path_on_rare_earths():
    pairs = list(solved(load_study("us-2026"), {RARE_EARTHS}, periods=4))
    (chain,) = {market.chain.name: market.chain for market, _ in pairs}.values()
    assert {"dysprosium_oxide", "ndpr_oxide"} <= set(chain.items)
    assert any(key.projects for _, key in pairs)
    assert any(key.effects for _, key in pairs)
    for market, key in pairs:
        compare(market, key)


def test_balances_hold_wherever_the_simplex_starts():
    # By the solver's own tolerance 1e-7 of the trade in aluminum came out of nothing.
    pairs = list(solved(load_study("us-2026"), {"alumina"}, scenarios=40, keys=None))
    assert len(pairs) > 200
    for market, key in pairs:
        found = market.solve(key)[1]
        problem = market.problem
        columns = np.repeat(np.arange(problem.columns), np.diff(problem.starts))
        balance = np.bincount(
            problem.indices, problem.values * found.value[columns], problem.rows
        )
        assert np.abs(balance[: problem.node_rows]).max() < 2e-9


def test_fast_path_on_four_chains():
    pairs = list(solved(load_study("us-2026"), CHAINS, periods=4))
    assert {market.chain.name for market, _ in pairs} == set(CHAINS)
    assert any(key.projects for _, key in pairs)
    assert any(market.terms(key).caps for market, key in pairs)
    for market, key in pairs:
        compare(market, key)


def test_a_key_that_was_dropped_comes_back_the_same():
    base = prepare(load_study("tiny"))
    drawn = sample_scenarios(base.study, count=6, seed=2)
    kept = Simulator(base, workers=1)
    dropped = Simulator(base, workers=1)
    dropped._most_bytes = 0
    first, second = kept.run(drawn), dropped.run(drawn)
    again = dropped.run(drawn[::-1])[::-1]
    most = sum(len(market.cache) for market in kept.markets)
    assert sum(len(market.cache) for market in dropped.markets) < most
    for one, two, three in zip(first, second, again, strict=True):
        for name in ("served", "loss_usd", "price", "stock", "output"):
            expected = getattr(one, name)
            np.testing.assert_array_equal(getattr(two, name), expected)
            np.testing.assert_array_equal(getattr(three, name), expected)


def test_lane_states_are_kept_exactly():
    base = prepare(load_study("tiny"))
    market = Simulator(base, periods=1).markets[0]
    lanes = market.chain.lanes
    flow = np.where(np.isfinite(lanes.base), 1.25 * lanes.base, 0.0)
    number = market._intern_lanes(flow)
    again = market._intern_lanes(np.where(flow > 0.0, 0.999 * flow, flow))
    assert number == again  # the same step of about 10 %
    grows = np.isfinite(lanes.base) & ~np.isfinite(lanes.capacity) & (lanes.base > 0.0)
    assert grows.any()
    ratio = (
        market.lane_limit(number)[grows] / market.lane_limit(market.base_lanes)[grows]
    )
    # A year's growth is four steps; 1.25 lies in the third.
    growth = market.chain.lane_growth[market.chain.nodes.item[lanes.from_node]][grows]
    np.testing.assert_allclose(ratio, (1.0 + growth) ** 0.75, rtol=1e-12)


@pytest.mark.parametrize("part", [1, 4, 12])
def test_a_lane_at_its_limit_grows_by_the_rule_whatever_the_period(part):
    study = load_study("tiny").with_settings(period_years=1.0 / part)
    market = Simulator(prepare(study), periods=1).markets[0]
    lanes = market.chain.lanes
    grows = np.isfinite(lanes.base) & ~np.isfinite(lanes.capacity) & (lanes.base > 0.0)
    assert grows.any()
    number = market.base_lanes
    for _ in range(2 * part):
        limit = market.lane_limit(number)
        # The solver meets a limit within its tolerance only.
        number = market._intern_lanes(np.where(grows, limit * (1.0 - 1e-7), 0.0))
    growth = market.chain.lane_growth[market.chain.nodes.item[lanes.from_node]]
    expected = lanes.base * (1.0 + growth) ** (2.0 + 1.0 / part)
    np.testing.assert_allclose(
        market.lane_limit(number)[grows], expected[grows], rtol=1e-12
    )


def test_an_item_that_only_projects_make_has_a_unit_of_their_size():
    # In units of a millionth of a tonne a plant ran at a loss within tolerance.
    base = prepare(load_study("us-2026"))
    simulator = Simulator(base, periods=1)
    sizes = [
        one.capacity / market.problem.plant.scale[one.plant]
        for market in simulator.markets
        for one in market.projects
    ]
    assert len(sizes) > 30
    assert max(sizes) <= 100.0
