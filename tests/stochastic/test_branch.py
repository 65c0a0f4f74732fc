# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import itertools
from dataclasses import replace

import numpy as np
import pytest
import scipy.optimize
from benchmarks.supply_chain import make_problem

from oreserve.errors import InfeasibleError
from oreserve.network import BlockBuilder
from oreserve.stochastic import _whole, executor, newsvendor, solve_two_stage
from oreserve.stochastic._branch import Held, branch

# The tree alone, over a relaxation that learns.


class Learner:
    """Minimise hidden affine pieces over whole points; visits reveal pieces."""

    def __init__(self, rng, columns, most):
        self.columns, self.most = columns, most
        self.slope = rng.normal(size=(12, columns))
        self.constant = rng.normal(size=12)
        # One row that many points break.
        self.row = rng.uniform(0.5, 2.0, columns)
        self.limit = 0.4 * most * self.row.sum()
        self.known = [0]
        self.objective, self.best, self.visits = np.inf, None, 0

    def true(self, x):
        return float((self.constant + self.slope @ x).max())

    def _programme(self, lower, upper):
        if (lower > upper).any():
            return None
        pieces = np.hstack([self.slope[self.known], -np.ones((len(self.known), 1))])
        rows = np.vstack([pieces, np.append(self.row, 0.0)])
        found = scipy.optimize.linprog(
            np.append(np.zeros(self.columns), 1.0),
            A_ub=rows,
            b_ub=np.append(-self.constant[self.known], self.limit),
            bounds=[*zip(lower, upper, strict=True), (-1e3, None)],
        )
        return found if found.success else None

    def solve(self, lower, upper, cutoff):  # noqa: ARG002
        found = self._programme(lower, upper)
        if found is None:
            return None
        self.at = found.x[:-1]
        reduced = found.lower.marginals[:-1] + found.upper.marginals[:-1]
        return Held(float(found.fun), self.at, reduced)

    def try_out(self, lower, upper):
        found = self._programme(lower, upper)
        return np.inf if found is None else float(found.fun)

    def visit(self):
        self.visits += 1
        x = np.round(self.at)
        self.known.append(int(np.argmax(self.constant + self.slope @ x)))
        if self.true(x) < self.objective:
            self.objective, self.best = self.true(x), x
        return True

    def enumerate(self):
        points = itertools.product(range(self.most + 1), repeat=self.columns)
        return min(
            self.true(np.array(x)) for x in points if self.row @ x <= self.limit + 1e-9
        )


@pytest.mark.parametrize("most, columns", [(1, 7), (3, 4)])
@pytest.mark.parametrize("seed", range(6))
def test_the_tree_finds_what_trying_all_finds(seed, most, columns):
    problem = Learner(np.random.default_rng(seed), columns, most)
    low, high = np.zeros(columns), np.full(columns, float(most))
    bound = branch(problem, low, high, bound=-np.inf, gap=1e-8, nodes=10_000)
    best = problem.enumerate()
    assert problem.objective == pytest.approx(best, abs=1e-7)
    assert bound <= best + 1e-7
    assert bound == pytest.approx(best, abs=1e-6)
    assert problem.visits < 40


@pytest.mark.parametrize("nodes", [0, 1, 3])
def test_a_bound_holds_however_early_the_search_stops(nodes):
    for seed in range(8):
        problem = Learner(np.random.default_rng(seed), 7, 1)
        low, high = np.zeros(7), np.ones(7)
        bound = branch(problem, low, high, bound=-1e6, gap=1e-8, nodes=nodes)
        assert bound <= problem.enumerate() + 1e-9


def test_a_wide_gap_leaves_bound_and_objective_within_it():
    for seed in range(8):
        problem = Learner(np.random.default_rng(seed), 7, 1)
        low, high = np.zeros(7), np.ones(7)
        bound = branch(problem, low, high, bound=-np.inf, gap=0.2, nodes=10_000)
        best = problem.enumerate()
        assert bound <= best + 1e-9
        assert best - 1e-9 <= problem.objective
        assert problem.objective - bound <= 0.2 * abs(problem.objective) + 1e-9


# With scenarios behind it.


def lots(*, risk_weight=0.0):
    """Buy stock in whole lots of 2.5, behind a gate that costs once."""
    first = BlockBuilder()
    x = first.add_columns(["stock"], cost=3.0, upper=1e3)
    lot = first.add_columns(["lots"], cost=1.3, upper=6.0, integer=True)
    gate = first.add_columns(["gate"], cost=7.0, upper=1.0, integer=True)
    rows = first.add_rows(["lots hold it", "gate is open"], upper=0.0)
    first.add_entries(rows[0], [x[0], lot[0]], [1.0, -2.5])
    first.add_entries(rows[1], [lot[0], gate[0]], [1.0, -6.0])
    demand = np.linspace(0.3, 13.7, 17)
    plain = newsvendor(demand, risk_weight=risk_weight, alpha=0.8)
    return replace(plain, first=first.build()), demand


@pytest.mark.parametrize("risk", [0.0, 0.7])
def test_lots_and_a_gate_as_by_trying_all(risk):
    problem, demand = lots(risk_weight=risk)

    def cost(stock, number):
        short = 10.0 * np.maximum(demand - stock, 0.0)
        # The worst fifth of 17 scenarios: 3 whole ones and 0.4 of the fourth.
        worst = np.sort(short)[::-1][:4] @ np.array([1.0, 1.0, 1.0, 0.4]) / 3.4
        total = 3.0 * stock + 1.3 * number + 7.0 * (number > 0) + short.mean()
        return total + risk * worst

    best = min(
        cost(stock, number)
        for number in range(7)
        for stock in [*demand[demand <= 2.5 * number], 2.5 * number]
    )
    found = solve_two_stage(problem, count=17, gap=1e-7)
    assert found.objective == pytest.approx(best, rel=1e-6)
    assert best * (1 - 2e-7) <= found.bound * (1 + 1e-7) <= best * (1 + 3e-7)
    assert found.x[1:].tolist() == np.round(found.x[1:]).tolist()


def toy(seed=0, **options):
    return make_problem(scale=0.15, years=4, binaries=True, seed=seed, **options)


@pytest.mark.parametrize("seed", range(3))
def test_all_options_of_a_toy(seed):
    problem = make_problem(scale=0.05, years=2, binaries=True, seed=seed)
    whole = np.flatnonzero(problem.first.integer)
    assert len(whole) == 3
    found = solve_two_stage(problem, count=6, gap=1e-7)
    seen = []
    for built in itertools.product([0.0, 1.0], repeat=3):
        lower, upper = problem.first.lower.copy(), problem.first.upper.copy()
        lower[whole] = upper[whole] = built
        held = replace(problem, first=replace(problem.first, lower=lower, upper=upper))
        try:
            one = solve_two_stage(held, count=6, gap=1e-7, relaxed=True)
        except InfeasibleError:  # the budget does not hold them all
            continue
        seen.append(one.objective)
    assert len(seen) > 3
    assert found.objective == pytest.approx(min(seen), rel=1e-6)
    assert found.bound <= min(seen) * (1 + 1e-9)


@pytest.mark.parametrize("name", ["serial", "processes"])
def test_executors_do_not_change_a_bit(name):
    problem = toy(risk_weight=0.5)
    one = solve_two_stage(problem, count=24, gap=1e-4, workers=2)
    other = solve_two_stage(problem, count=24, gap=1e-4, executor=executor(name))
    assert one.x.tobytes() == other.x.tobytes()
    assert (one.objective, one.bound, one.cuts) == (
        other.objective, other.bound, other.cuts,
    )  # fmt: skip
    assert [step.objective for step in one.history] == [
        step.objective for step in other.history
    ]


def test_smaller_samples_lend_a_whole_start():
    problem = toy()
    found = solve_two_stage(problem, count=220, gap=1e-5)
    assert {step.scenarios for step in found.history} == {50, 220}
    plain = solve_two_stage(problem, count=220, gap=1e-5, start=np.zeros(len(found.x)))
    assert found.objective == pytest.approx(plain.objective, rel=2e-5)
    assert found.bound <= plain.objective * (1 + 1e-9)


def test_no_whole_point_is_said():
    first = BlockBuilder()
    x = first.add_columns(["stock", "gate"], cost=4.0, upper=1.0, integer=True)
    row = first.add_rows(["half"], lower=[0.5], upper=[0.5])
    first.add_entries(row[0], x[1], 1.0)
    problem = replace(newsvendor(), first=first.build())
    with pytest.raises(InfeasibleError, match="whole numbers"):
        solve_two_stage(problem, count=3)


# A run that is killed while it branches.


class KilledError(Exception):
    pass


def test_a_search_that_is_killed_goes_on(tmp_path, monkeypatch):
    problem, file = toy(risk_weight=0.5), tmp_path / "run.npz"
    plain = solve_two_stage(problem, count=30, gap=1e-6)
    real, visits = _whole.WholeSearch.visit, []

    def visit(search):
        if len(visits) == 3:
            raise KilledError
        new = real(search)
        visits.append(search.objective)
        return new

    monkeypatch.setattr(_whole.WholeSearch, "visit", visit)
    with pytest.raises(KilledError):
        solve_two_stage(problem, count=30, gap=1e-6, checkpoint=file)
    assert len(visits) == 3
    best = visits[-1]
    monkeypatch.setattr(_whole.WholeSearch, "visit", real)
    again = solve_two_stage(problem, count=30, gap=1e-6, checkpoint=file)
    # No pass of the relaxation is made again, and the best whole point is kept.
    assert again.iterations < plain.iterations
    assert again.history[0].objective == pytest.approx(best, rel=1e-9)
    assert again.objective == pytest.approx(plain.objective, rel=2e-6)
    assert again.bound <= plain.objective * (1 + 1e-9)
    # A finished run only proves once more what it knows.
    last = solve_two_stage(problem, count=30, gap=1e-6, checkpoint=file)
    assert last.iterations <= again.iterations
    assert last.objective == pytest.approx(again.objective, rel=2e-6)
