# SPDX-License-Identifier: Apache-2.0
"""Averaged cuts at sizes: the same plan as every future in full, few rows."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from oreserve.planning import _baseline, _plan
from oreserve.planning._checkpoint import Checkpoint
from oreserve.planning._frontier import frontier_budgets
from oreserve.planning._gains import gains
from oreserve.planning._lshaped import CutPool, solve_lshaped
from oreserve.planning._pool import LazyPool
from oreserve.planning._programme import solve_extensive
from oreserve.planning._search import Evaluator
from oreserve.study import load_study
from planning._instances import random_programme


@pytest.fixture(scope="module")
def medium():
    """A hundred scenarios in the extensive form, options whole and relaxed."""
    programme = random_programme(
        11, scenarios=100, items=8, periods=5, options=10, linked=False, budget=90.0
    )
    whole = solve_extensive(programme, gap=1e-9)[1]
    return programme, whole, solve_extensive(programme, relaxed=True)[1]


@pytest.mark.parametrize("clusters", [1, 4, 1000])
def test_clusters_change_no_result(medium, clusters: int) -> None:
    programme, whole, relaxed = medium
    found = solve_lshaped(programme, gap=2e-7, clusters=clusters)
    assert found.objective == pytest.approx(whole, rel=1e-6)
    assert found.bound == pytest.approx(whole, rel=1e-6)
    loose = solve_lshaped(programme, gap=2e-7, clusters=clusters, relaxed=True)
    assert loose.objective == pytest.approx(relaxed, rel=1e-6)
    assert loose.bound <= relaxed * (1 + 1e-9)


def test_rows_hardly_grow_with_scenarios() -> None:
    sizes = {"items": 6, "periods": 4, "options": 6, "linked": False}
    few = solve_lshaped(random_programme(3, scenarios=50, **sizes), gap=1e-3)
    many = solve_lshaped(random_programme(3, scenarios=2000, **sizes), gap=1e-3)
    assert many.gap <= 1e-3
    assert many.cuts <= 4 * few.cuts


def test_average_of_cuts_is_the_cut_of_the_average() -> None:
    programme = random_programme(4)
    rng = np.random.default_rng(4)
    x = rng.random(len(programme.first.name))
    for group in programme.groups:
        cut = gains(group, x)
        weight = rng.random((3, len(group.size)))
        constant, slope = cut.averaged(weight)
        assert constant == pytest.approx(weight @ cut.constant)
        assert slope == pytest.approx(weight @ cut.slope)
        assert cut.gain == pytest.approx(cut.constant + cut.slope @ x[group.columns])


def test_without_risk_there_is_no_view_of_the_tail() -> None:
    programme = replace(random_programme(6), risk_weight=0.0)
    expected = solve_extensive(programme, gap=1e-9)[1]
    assert solve_lshaped(programme, gap=1e-7).objective == pytest.approx(
        expected, rel=1e-6
    )


def test_budgets_on_one_master_are_those_of_masters_of_their_own() -> None:
    programme = random_programme(7, items=6, options=6)
    pool = CutPool()
    for budget in (10.0, 60.0, 25.0, 120.0):
        other = programme.with_budget(budget)
        warm = solve_lshaped(other, gap=1e-7, pool=pool)
        assert warm.objective == pytest.approx(
            solve_extensive(other, gap=1e-9)[1], rel=1e-6
        )
        assert other.first.outlay(warm.x) <= budget * (1 + 1e-6)


def test_seeds_save_rounds_and_change_no_result() -> None:
    programme = random_programme(8, items=6, options=6)
    pool = CutPool()
    first = solve_lshaped(programme, gap=1e-7, pool=pool, relaxed=True)
    dearer = replace(
        programme,
        first=replace(
            programme.first,
            cost=programme.first.cost * 1.05,
            cash=programme.first.cash * 1.05,
        ),
    )
    cold = solve_lshaped(dearer, gap=1e-7, relaxed=True)
    seeds = [*pool.trail, first.x]
    warm = solve_lshaped(dearer, gap=1e-7, relaxed=True, seeds=seeds)
    assert warm.objective == pytest.approx(cold.objective, rel=1e-6)
    assert warm.iterations < cold.iterations
    # A seed that costs more than the budget gives cuts, not a plan.
    tight = dearer.with_budget(5.0)
    found = solve_lshaped(tight, gap=1e-7, relaxed=True, seeds=seeds)
    assert tight.first.outlay(found.x) <= 5.0 * (1 + 1e-6)


def test_few_nodes_leave_an_honest_bound() -> None:
    programme = random_programme(9, items=6, options=12, budget=80.0)
    best = solve_extensive(programme, gap=1e-9)[1]
    for nodes in (1, 2, 5):
        pool = CutPool()
        nothing = np.zeros(len(programme.first.name))
        found = solve_lshaped(
            programme, gap=1e-7, pool=pool, nodes=nodes, start=nothing
        )
        assert found.bound <= best * (1 + 1e-7)
        assert found.objective >= best * (1 - 1e-7)


def test_threads_give_the_same_bits() -> None:
    programme = random_programme(10, scenarios=3000, items=8, linked=False)
    x = np.full(len(programme.first.name), 0.3)
    one, two = Evaluator(programme, 1)(x), Evaluator(programme, 2)(x)
    assert sum(len(group.size) for group in programme.groups) >= 20_000
    for a, b in zip(one, two, strict=True):
        assert (a.gain == b.gain).all()
        assert (a.beta == b.beta).all()


def test_as_many_budgets_as_asked_for() -> None:
    budgets = frontier_budgets(12e9, 4e9, 20)
    assert len(budgets) == 20
    assert budgets == sorted(budgets)
    assert {0.0, 12e9, 24e9} < set(budgets)


def test_blocks_of_scenarios_give_the_same_programme(monkeypatch) -> None:
    study = load_study("tiny")

    def made():
        nowhere = Checkpoint(None, study_hash=study.hash, options={})
        work = _plan._begin(study, 12, 2, 0, LazyPool(1), nowhere, None)
        runs, _, problem = _plan._without(work, 20e6, _plan.INSTRUMENTS)
        return runs, problem

    runs, whole = made()
    monkeypatch.setattr(_baseline, "BLOCK", 5)
    parts, blocks = made()
    assert blocks.world.scenarios == whole.world.scenarios
    assert blocks.world.short.dtype == np.float32
    for name in _baseline.TABLES:
        one, two = getattr(whole.world, name), getattr(blocks.world, name)
        assert two == pytest.approx(one, rel=1e-6, abs=1e-9), name
    assert parts.served == pytest.approx(runs.served, rel=1e-6)
    assert blocks.programme.base_loss == pytest.approx(
        whole.programme.base_loss, rel=1e-5
    )
    one = solve_lshaped(whole.programme, gap=1e-6)
    two = solve_lshaped(blocks.programme, gap=1e-6)
    assert two.objective == pytest.approx(one.objective, rel=1e-5)
