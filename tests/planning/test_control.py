# SPDX-License-Identifier: Apache-2.0
"""Verified benefit with home's promise as control variate."""

from __future__ import annotations

import numpy as np
import pytest

from oreserve.planning import plan
from oreserve.planning._control import control_estimate
from oreserve.planning._verify import student_halfwidth, weak_interval
from oreserve.study import load_study

BUDGET = 20e6
REPEATS = 600


def draw(rng, count, noise):
    """Return verified benefits and promises with a known mean benefit of 4."""
    promise = rng.exponential(5.0, count)
    return 0.8 * promise + noise * rng.standard_normal(count), promise


@pytest.mark.parametrize("noise", [0.1, 2.0, 20.0])
@pytest.mark.parametrize("count", [30, 200])
def test_interval_covers(noise, count):
    rng = np.random.default_rng(11)
    hits = paired = 0
    for _ in range(REPEATS):
        verified, promise = draw(rng, count, noise)
        found = control_estimate(verified, promise, draw(rng, 3 * count, 0.0)[1])
        hits += abs(found.benefit - 4.0) <= found.halfwidth
        paired += abs(verified.mean() - 4.0) <= student_halfwidth(verified)
    # Where the paired interval misses its level, so may this one.
    level = min(0.95, paired / REPEATS)
    assert hits / REPEATS >= level - 3.0 * np.sqrt(0.05 * 0.95 / REPEATS)


def test_promises_that_go_along_narrow_the_interval():
    rng = np.random.default_rng(1)
    verified, promise = draw(rng, 200, 0.3)
    more = draw(rng, 1800, 0.0)[1]
    found = control_estimate(verified, promise, more)
    assert found.correlation > 0.95
    # A tenth of the scenarios were verified: at best sqrt(0.1).
    assert found.halfwidth < 0.4 * student_halfwidth(verified)
    assert found.weight == pytest.approx(0.8, abs=0.02)
    assert found.scenarios == 2000


def test_paired_interval_stands_if_it_is_narrower():
    rng = np.random.default_rng(2)
    verified, promise = rng.normal(4.0, 1.0, 50), rng.normal(0.0, 1.0, 50)
    found = control_estimate(verified, promise, rng.normal(5.0, 1.0, 50))
    assert found.benefit == verified.mean()
    assert found.halfwidth == student_halfwidth(verified)
    assert found.weight == 0.0


@pytest.mark.parametrize("constant", ["verified", "promise"])
def test_nothing_that_varies(constant):
    rng = np.random.default_rng(3)
    values = {"verified": rng.normal(4, 1, 20), "promise": rng.normal(4, 1, 20)}
    values[constant] = np.full(20, 2.0)
    found = control_estimate(**values, more=rng.normal(4, 1, 20))
    assert found.correlation is None
    assert found.benefit == values["verified"].mean()


def test_plan_prints_both_intervals():
    found = plan(
        load_study("tiny"),
        budget_usd=BUDGET,
        scenarios=16,
        verify=60,
        workers=1,
        frontier=False,
        sensitivity=False,
        programmes=False,
    )
    f = found.figures
    half = f["verified_benefit_halfwidth_usd"]
    assert 0.0 < f["verified_benefit_control_halfwidth_usd"] < 0.8 * half
    assert f["control_correlation"] > 0.7
    assert f["control_scenarios"] == 240
    away = f["verified_benefit_control_usd"] - f["verified_benefit_usd"]
    assert 0.0 < abs(away) < half
    table = found.frames["verification"]
    kept = table.drop_nulls("control_usd")
    assert kept["control_usd"].to_list() == [f["verified_benefit_control_usd"]]
    assert kept["verified_usd"].to_list() == [f["verified_benefit_usd"]]


def test_plan_of_nothing_has_nothing_to_narrow():
    found = plan(
        load_study("tiny"),
        budget_usd=0.0,
        scenarios=4,
        verify=4,
        workers=1,
        frontier=False,
        sensitivity=False,
        programmes=False,
        instruments=("reserve",),
    )
    assert found.figures["verified_benefit_control_usd"] == 0.0
    assert found.figures["control_correlation"] is None


def test_few_scenarios_or_few_that_pay_are_warned_of() -> None:
    gains = np.zeros(300)
    gains[:19] = 5.0
    gains[19:40] = 0.01  # a trifle beside the others
    assert "only 19 of 300 verified scenarios pay" in (weak_interval(gains) or "")
    gains[19] = 5.0
    assert weak_interval(gains) is None
    assert "only 99 scenarios" in (weak_interval(np.ones(99)) or "")
    assert weak_interval(np.ones(100)) is None
    assert weak_interval(np.zeros(100)) is None


def test_where_nothing_is_warned_of_the_interval_covers() -> None:
    draw = np.random.default_rng(3)
    covered = {False: [], True: []}
    for share, count in ((0.05, 20), (0.05, 50), (0.5, 100), (0.3, 300)):
        for _ in range(300):
            pays = draw.random(count) < share
            gains = np.where(pays, 1.0 + draw.exponential(size=count), 0.0)
            hit = abs(gains.mean() - 2.0 * share) <= student_halfwidth(gains)
            covered[weak_interval(gains) is not None].append(hit)
    assert min(len(some) for some in covered.values()) > 100
    assert np.mean(covered[False]) > 0.92
    assert np.mean(covered[True]) < 0.85
