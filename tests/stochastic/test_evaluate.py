# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from oreserve.errors import InputError
from oreserve.stochastic import (
    BoundError,
    DualCache,
    Recourse,
    evaluate,
    newsvendor,
    recompute,
)
from oreserve.stochastic import _evaluate as module
from oreserve.stochastic import _evaluate_run as running
from oreserve.stochastic._estimate import (
    Strata,
    estimate_mean,
    estimate_share,
    estimate_tail,
)

sys.path.insert(0, str(Path(__file__).parents[2] / "benchmarks"))

from supply_chain import make_problem

COUNT = 3000
SEEDS = 200


@pytest.fixture(scope="module")
def toy():
    return make_problem(scale=0.15, years=2)


@pytest.fixture(scope="module")
def point(toy):
    return 0.05 * np.minimum(toy.first.upper, 50.0)


def demand_columns(problem):
    """Return by item the columns of what is not served."""
    chain, years = problem.source.chain, problem.source.years
    before = len(chain.capacity) + len(chain.lane_from)
    year = problem.recourse.columns // years
    found = {}
    for k, node in enumerate(chain.demand_node.tolist()):
        at = [t * year + before + k for t in range(years)]
        found.setdefault(f"item {chain.node_item[node]}", []).extend(at)
    return {name: np.array(at) for name, at in found.items()}


@pytest.fixture(scope="module")
def solved(toy, point):
    """Everything exact, with so few duals that bounds miss something."""
    return evaluate(toy, point, count=COUNT, exact=COUNT, train=4, workers=1)


def in_tail(values, alpha):
    kept = round((1.0 - alpha) * len(values))
    return float(np.sort(values)[-kept:].mean())


def enough(hits, level=0.95):
    """Whether so many hits are no surprise at the level: 3 deviations."""
    return hits >= SEEDS * level - 3.0 * np.sqrt(SEEDS * level * (1.0 - level))


def test_exact_never_below_bound(solved):
    assert (solved.value >= solved.bound * (1.0 - 1e-9)).all()
    assert solved.below < 1e-9
    assert solved.gap > 0.0


def test_everything_exact_leaves_no_doubt(solved):
    assert solved.mean.value == pytest.approx(solved.value.mean(), rel=1e-12)
    assert solved.cvar.value == pytest.approx(in_tail(solved.value, 0.95), rel=1e-12)
    assert solved.mean.high - solved.mean.low < 3e-6 * solved.mean.value
    # Other scenarios could have been drawn.
    assert solved.mean.all_high > solved.mean.high


@pytest.mark.parametrize("exact", [150, 400])
def test_intervals_cover_the_exact_figures(solved, exact):
    bound, value = solved.bound, solved.value
    mean, tail = value.mean(), in_tail(value, 0.95)
    hits = np.zeros(2)
    for seed in range(SEEDS):
        strata = Strata.make(bound, 0.05, exact, seed)
        one = estimate_mean(strata, bound, value[strata.chosen], 0.95)
        two = estimate_tail(strata, bound, value[strata.chosen], 0.95, 0.95)
        hits += [one.low <= mean <= one.high, two.low <= tail <= two.high]
    assert all(enough(h) for h in hits), hits


@pytest.mark.parametrize("miss", [0.0, 0.05, 0.3])
def test_intervals_cover_whatever_the_bounds_are_worth(miss):
    rng = np.random.default_rng(7)
    value = 100.0 * np.exp(0.1 * rng.standard_normal(2000))
    value += 40.0 * (rng.random(2000) < 0.05)
    bound = value * (1.0 - miss * rng.random(2000) ** 2)
    short = (value > np.quantile(value, 0.96)) & (rng.random(2000) < 0.6)
    guess = (bound > np.quantile(bound, 0.96)).astype(float)
    hits = np.zeros(3)
    for seed in range(SEEDS):
        strata = Strata.make(bound, 0.1, 300, seed)
        at = strata.chosen
        one = estimate_mean(strata, bound, value[at], 0.95)
        two = estimate_tail(strata, bound, value[at], 0.9, 0.95)
        three = estimate_share(
            strata, guess[at], short[at].astype(float), strata.whole(guess), 0.95
        )
        hits += [
            one.low <= value.mean() <= one.high,
            two.low <= in_tail(value, 0.9) <= two.high,
            three.low <= short.mean() <= three.high,
        ]
    assert all(enough(h) for h in hits), hits


def test_probabilities_of_shortage(toy):
    # Generous purchases, so that some items are short now and then.
    x = np.minimum(toy.first.upper, 60.0)
    columns = demand_columns(toy)
    whole = evaluate(
        toy, x, count=600, exact=600, train=20, workers=1, shortage=columns
    )
    part = evaluate(toy, x, count=600, exact=150, train=20, workers=1, shortage=columns)
    upper = toy.recourse.upper
    for name, at in columns.items():
        model = Recourse(toy)
        batch = toy.source.draw(1_000_000 + np.arange(600))
        value = model.solve(batch, x, columns=at).primal
        seen = (value > 1e-6 * np.maximum(upper[at], 1.0)).any(axis=1).mean()
        # Another start may end in another optimum of the same cost.
        assert whole.shortage[name].value == pytest.approx(seen, abs=0.02)
        one = part.shortage[name]
        assert 0.0 <= one.low <= whole.shortage[name].value <= one.high <= 1.0
        break


def test_newsvendor_by_hand():
    # Demand 0, 1, ..., 999; 900 in stock; a unit short costs 10.
    problem = newsvendor(np.arange(1000.0), alpha=0.95)
    at = np.array([1])
    found = evaluate(
        problem, np.array([900.0]), count=1000, first=0, exact=200, shortage={"x": at}
    )
    mean = 10.0 * sum(range(100)) / 1000
    tail = 10.0 * sum(range(50, 100)) / 50
    assert found.mean.low <= mean <= found.mean.high
    assert found.mean.value == pytest.approx(mean, rel=1e-6)
    assert found.cvar.value == pytest.approx(tail, rel=1e-6)
    assert found.shortage["x"].low <= 0.099 <= found.shortage["x"].high
    assert found.shortage["x"].value == pytest.approx(0.099, abs=0.003)


def test_workers_change_nothing(toy, point):
    columns = demand_columns(toy)
    one, two = (
        evaluate(
            toy, point, count=1000, exact=100, train=60, workers=w, shortage=columns
        )
        for w in (1, 3)
    )
    assert one.table.equals(two.table)
    assert one.strata.equals(two.strata)
    assert one.bound.tolist() == two.bound.tolist()


def test_bound_can_be_recomputed_from_the_table(toy, point):
    found = evaluate(toy, point, count=300, exact=40, train=10, workers=1)
    assert found.points["breach"].max() == 0.0
    assert found.points["scenarios"].sum() == 300
    table = found.certificate()
    assert table["breach"].max() == 0.0
    batch = toy.source.draw(1_000_000 + np.arange(300))
    for k in np.unique(found.point):
        mine = np.flatnonzero(found.point == k)
        again = recompute(table, toy, batch, point, int(k))
        assert again[mine] == pytest.approx(found.bound[mine], rel=1e-12)
        # No point gives a better bound than the one that was chosen.
        assert (again <= found.bound * (1.0 + 1e-12)).all()


def test_breach_shows_in_the_table(toy, point):
    found = evaluate(toy, point, count=50, exact=50, train=3, workers=1)
    row = int(np.flatnonzero(np.isposinf(toy.recourse.row_upper))[0])
    found.cache.pi[1, row] = -1.0
    table = found.certificate([1])
    assert table.filter(pl.col("breach") > 0.0)["position"].to_list() == [row]


def test_value_below_its_bound_is_an_error(toy, point, monkeypatch):
    class Wrong(module.Sweep):
        def bounds(self, batch):
            bound, point = super().bounds(batch)
            return 1.01 * bound, point

    monkeypatch.setattr(module, "Sweep", Wrong)
    with pytest.raises(BoundError, match="below its bound"):
        evaluate(toy, point, count=60, exact=30, train=3)


def test_costs_that_vary_are_refused(toy, point):
    problem = replace(toy)
    moving = replace(problem.recourse, fixed_cost=False)
    object.__setattr__(problem, "recourse", moving)
    with pytest.raises(InputError, match="vary"):
        evaluate(problem, point, count=50)


@pytest.mark.parametrize(
    "change, message",
    [
        ({"count": 0}, "at least 1"),
        ({"exact": 5}, "at least 30"),
        ({"confidence": 1.0}, "between 0 and 1"),
        ({"shortage": {"a": np.array([10**6])}}, "names column"),
    ],
)
def test_what_cannot_be_meant_is_refused(toy, point, change, message):
    with pytest.raises(InputError, match=message):
        evaluate(toy, point, **{"count": 100, "exact": 40, **change})


def test_cache_of_another_problem_is_refused(toy, point):
    with pytest.raises(InputError, match="another problem"):
        evaluate(toy, point, count=50, cache=DualCache(newsvendor()))


def test_killed_run_resumes(toy, point, tmp_path, monkeypatch):
    class StopError(Exception):
        pass

    def stop(stage, done, total):
        if stage == "Solve scenarios" and done >= 100:
            raise StopError

    monkeypatch.setattr(running, "SAVE_EVERY", 1)
    path = tmp_path / "run.npz"
    options = {"count": 500, "exact": 200, "train": 20, "workers": 1}
    with pytest.raises(StopError):
        evaluate(toy, point, **options, checkpoint=path, progress=stop)
    seen = {}

    def note(stage, done, total):
        seen.setdefault(stage, total)

    found = evaluate(toy, point, **options, checkpoint=path, progress=note)
    assert seen["Bound scenarios"] == 0
    assert 0 < seen["Solve scenarios"] < 200
    assert found.table.equals(evaluate(toy, point, **options).table)
    with pytest.raises(InputError, match="another run"):
        evaluate(toy, 2.0 * point, **options, checkpoint=path)


def test_drawing_alone_or_together_is_the_same(toy):
    numbers = np.array([5, 1_000_003, 12])
    whole = toy.source.draw(numbers)
    for k, number in enumerate(numbers):
        one = toy.source.draw(np.array([number]))
        assert one.upper[0].tolist() == whole.upper[k].tolist()
        assert one.row_lower[0].tolist() == whole.row_lower[k].tolist()
        assert one.technology[0].tolist() == whole.technology[k].tolist()
