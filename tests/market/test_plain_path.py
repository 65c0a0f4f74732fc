# SPDX-License-Identifier: Apache-2.0
"""What makes many scenarios fast must not change what the market says.

The plain path clears a period on its own, from nothing. A degenerate programme has
several optima; welfare is the same in all of them, and the prices of one lie in the
interval of another.
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

CHAINS = ("antimony", "germanium", "magnesium")
KEYS = 12  # of each chain


def solved(study, chains=None, scenarios=4, periods=None):
    base = prepare(study)
    if chains is not None:
        some = tuple(chain for chain in base.chains if chain.name in chains)
        base = replace(base, chains=some)
    simulator = Simulator(base, workers=1, periods=periods)
    drawn = sample_scenarios(study, count=scenarios, seed=5, periods=periods)
    simulator.run(drawn)
    for market in simulator.markets:
        keys = sorted(market.cache, key=repr)
        # Those with projects and effects start far from the base.
        keys.sort(key=lambda key: -(len(key.projects) + (key.effects > 0)))
        for key in keys[:KEYS]:
            yield market, key


def compare(market, key):
    found, terms = market.cache[key], market.terms(key)
    plain = clear(market.problem, terms)
    assert found.welfare == pytest.approx(plain.welfare, rel=1e-9)
    low, high = price_interval(market.problem, plain, terms)
    seen = np.isfinite(found.price) & np.isfinite(plain.price)
    scale = 1e-6 * np.nanmax(np.abs(plain.price))
    assert (found.price >= low - 1e-6 * abs(low) - scale)[seen].all()
    assert (found.price <= high + 1e-6 * abs(high) + scale)[seen].all()
    sure = seen & (high - low <= 1e-9 * np.abs(high))
    np.testing.assert_allclose(found.price[sure], plain.price[sure], rtol=1e-6)


def test_fast_path_on_tiny():
    pairs = list(solved(load_study("tiny"), scenarios=8))
    assert len(pairs) > 10
    for market, key in pairs:
        compare(market, key)


def test_fast_path_on_three_chains():
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
    assert number == again  # the same step of 10 %
    grows = np.isfinite(lanes.base) & ~np.isfinite(lanes.capacity) & (lanes.base > 0.0)
    assert grows.any()
    ratio = (
        market.lane_limit(number)[grows] / market.lane_limit(market.base_lanes)[grows]
    )
    np.testing.assert_allclose(ratio, 1.1**3, rtol=1e-12)


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
