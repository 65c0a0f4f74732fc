# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import pickle

import numpy as np
import pytest
from benchmarks.supply_chain import make_problem

from oreserve.errors import InputError
from oreserve.stochastic import DualCache, Recourse, newsvendor

TRAINED = np.arange(1000, 1030)


@pytest.fixture(scope="module")
def problem():
    return make_problem(scale=0.15, years=2)


@pytest.fixture(scope="module")
def x(problem):
    return np.minimum(0.3, problem.first.upper)


@pytest.fixture(scope="module")
def cache(problem, x):
    found = Recourse(problem).solve(
        problem.source.draw(TRAINED), x, want=("dual", "native")
    )
    cache = DualCache(problem)
    cache.add(found.dual, found.basis)
    return cache


def test_no_exact_value_is_below_its_bound(problem, cache, x):
    for point in (x, np.zeros_like(x), np.minimum(2.0, problem.first.upper)):
        batch = problem.source.draw(np.arange(120))
        value = Recourse(problem).solve(batch, point).value
        bound = cache.bounds(batch, point).bound
        assert (bound <= value * (1 + 1e-9)).all()
        assert bound.mean() > 0.7 * value.mean()


def test_bound_is_met_where_the_dual_comes_from(problem, cache, x):
    batch = problem.source.draw(TRAINED)
    value = Recourse(problem).solve(batch, x).value
    assert cache.bounds(batch, x).bound == pytest.approx(value, rel=1e-8)


def test_kept_duals_are_feasible_to_the_last_digit(problem, cache):
    block = problem.recourse
    d = cache.reduced()
    vary = np.zeros(block.columns, dtype=bool)
    vary[problem.vary_column] = True
    wide = np.isposinf(block.upper) & ~vary
    assert wide.any()
    assert (d[:, wide] >= 0.0).all()


def test_a_spoiled_dual_is_mended_or_refused(problem, cache, x):
    wrong = cache.pi[0] * 1.05 + 1e-4
    other = DualCache(problem)
    kept = other.add(wrong[None])
    if kept:
        batch = problem.source.draw(np.arange(60))
        value = Recourse(problem).solve(batch, x).value
        assert (other.bounds(batch, x).bound <= value * (1 + 1e-9)).all()
    assert DualCache(problem).add(cache.pi[0][None] + 1e3) == 0


def test_bounds_do_not_depend_on_the_batch(problem, cache, x):
    whole = cache.bounds(problem.source.draw(np.arange(300)), x)
    part = cache.bounds(problem.source.draw(np.arange(170, 300)), x)
    assert whole.bound[170:].tobytes() == part.bound.tobytes()
    assert whole.point[170:].tolist() == part.point.tolist()


def test_the_certificate_recomputes_a_bound(problem, cache, x):
    batch = problem.source.draw(np.array([7]))
    found = cache.bounds(batch, x)
    table = cache.certificate().to_dict(as_series=False)
    block = problem.recourse
    low, high = block.row_lower.copy(), block.row_upper.copy()
    low[problem.vary_row] = batch.row_lower[0]
    high[problem.vary_row] = batch.row_upper[0]
    left, right = block.lower.copy(), block.upper.copy()
    left[problem.vary_column] = batch.lower[0]
    right[problem.vary_column] = batch.upper[0]
    shift = problem.technology(batch.technology[0]) @ x
    sides = {
        ("row", "lower"): low - shift, ("row", "upper"): high - shift,
        ("column", "lower"): left, ("column", "upper"): right,
    }  # fmt: skip
    total = sum(
        price * sides[kind, side][at]
        for point, kind, at, price, side in zip(
            table["point"], table["kind"], table["position"], table["price"],
            table["side"], strict=True,
        )
        if point == found.point[0]
    )  # fmt: skip
    assert total == pytest.approx(found.bound[0], rel=1e-10)


def test_a_cache_travels(problem, cache, x):
    copy = pickle.loads(pickle.dumps(cache))  # noqa: S301
    batch = problem.source.draw(np.arange(40))
    assert copy.bounds(batch, x).bound.tobytes() == (
        cache.bounds(batch, x).bound.tobytes()
    )
    chosen = copy.bounds(batch, x).point
    recourse = Recourse(problem)
    here = recourse.solve(batch, x, start=[cache.basis[k] for k in chosen])
    there = recourse.solve(batch, x, start=[copy.basis[k] for k in chosen])
    assert here.value.tobytes() == there.value.tobytes()
    assert here.iterations == there.iterations
    cold = recourse.solve(batch, x)
    assert here.iterations < cold.iterations


def test_the_most_is_kept_to(problem, cache):
    small = DualCache(problem, most=5)
    assert small.add(cache.pi) == 5
    assert small.add(cache.pi[10:]) == 0
    assert len(small) == 5


def test_an_empty_cache_says_so(problem, x):
    with pytest.raises(InputError, match="no dual point"):
        DualCache(problem).bounds(problem.source.draw(np.arange(2)), x)
    assert len(DualCache(newsvendor())) == 0
