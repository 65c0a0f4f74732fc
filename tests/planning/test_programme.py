# SPDX-License-Identifier: Apache-2.0
"""The programme against an independent one, and what must hold of any solution."""

from __future__ import annotations

from dataclasses import replace
from itertools import product

import numpy as np
import pytest
from scipy import optimize, sparse

from oreserve.errors import InfeasibleError
from oreserve.planning._gains import Group, gains, single_item_gains, split_groups
from oreserve.planning._limits import require_feasible
from oreserve.planning._lshaped import CutPool, evaluate, solve_lshaped
from oreserve.planning._programme import (
    Programme,
    solve_extensive,
    tail_weight,
)
from planning._instances import random_programme

SEEDS = (0, 1, 2, 3)


def independent(programme: Programme, *, whole: bool = True) -> float:
    """Solve with scipy, written out scenario by scenario from the definition.

    No group is shared between scenarios here, no column is scaled, and CVaR is the
    textbook form; nothing of the package's assembly is used.
    """
    first = programme.first
    n, count = len(first.name), len(programme.base_loss)
    cost = list(first.cost)
    lower, upper = list(first.lower), list(first.upper)
    rows: list[tuple[dict[int, float], float, float]] = []
    rows.append((dict(enumerate(first.cash)), -np.inf, first.budget))
    dense = first.matrix.toarray()
    for number in range(len(dense)):
        entries = {j: v for j, v in enumerate(dense[number]) if v}
        rows.append((entries, first.row_lower[number], first.row_upper[number]))

    def column(c: float, low: float, high: float) -> int:
        cost.append(c)
        lower.append(low)
        upper.append(high)
        return len(cost) - 1

    level = column(programme.risk_weight, -np.inf, np.inf)
    for s in range(count):
        p = float(programme.probability[s])
        over = column(programme.risk_weight * p / (1 - programme.alpha), 0.0, np.inf)
        loss = column(p, -np.inf, np.inf)
        rows.append(({over: 1.0, level: 1.0, loss: -1.0}, 0.0, np.inf))
        balance_of_loss: dict[int, float] = {loss: 1.0}
        for g in programme.groups:
            u = int(g.future[s])
            shape = (*g.size.shape[:2], len(g.items), len(g.columns))
            release = g.release.toarray().reshape(shape)
            supply = g.supply.toarray().reshape(shape)
            bought = g.bought.toarray().reshape(shape[0], *shape[2:])
            released: dict[int, dict[int, float]] = {}
            for t in range(g.size.shape[1]):
                room = [column(0.0, 0.0, g.room[u, t, f]) for f in range(len(g.recipe))]
                for i in range(len(g.items)):
                    use: dict[int, float] = {}
                    for v in np.nonzero(g.step_item == i)[0]:
                        y = column(0.0, 0.0, g.size[u, t, v])
                        use[y] = 1.0
                        balance_of_loss[y] = g.discount[t] * g.step_value[v]
                    r = column(0.0, 0.0, np.inf)
                    z = column(0.0, 0.0, np.inf)
                    balance_of_loss[r] = -g.release_cost[t, i]
                    released.setdefault(i, {})[r] = 1.0
                    use |= {r: -1.0, z: -1.0}
                    for f, x in enumerate(room):
                        use[x] = -g.recipe[f, i]
                    rows.append((use, -np.inf, 0.0))
                    for target, table in ((r, release), (z, supply)):
                        limit = {
                            int(c): -table[u, t, i, k] for k, c in enumerate(g.columns)
                        }
                        rows.append(({target: 1.0, **limit}, -np.inf, 0.0))
            for i, entries in released.items():
                limit = {int(c): -bought[u, i, k] for k, c in enumerate(g.columns)}
                rows.append(({**entries, **limit}, -np.inf, 0.0))
        base = float(programme.base_loss[s])
        rows.append((balance_of_loss, base, base))
    matrix = sparse.lil_array((len(rows), len(cost)))
    for number, (entries, _, _) in enumerate(rows):
        for place, value in entries.items():
            matrix[number, place] += value
    integrality = np.zeros(len(cost))
    integrality[:n] = first.integer if whole else 0
    answer = optimize.milp(
        np.array(cost),
        integrality=integrality,
        bounds=optimize.Bounds(np.array(lower), np.array(upper)),
        constraints=optimize.LinearConstraint(
            sparse.csr_array(matrix),
            np.array([r[1] for r in rows]),
            np.array([r[2] for r in rows]),
        ),
        options={"mip_rel_gap": 1e-9},
    )
    assert answer.status == 0
    return float(answer.fun)


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("linked", [True, False])
def test_extensive_form_is_the_independent_programme(seed: int, linked: bool) -> None:
    programme = random_programme(seed, scenarios=5, periods=3, linked=linked)
    expected = independent(programme)
    _, objective, bound = solve_extensive(programme, gap=1e-9)
    assert objective == pytest.approx(expected, rel=1e-6)
    assert bound == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize("seed", SEEDS)
def test_cuts_reach_the_extensive_form(seed: int) -> None:
    programme = random_programme(seed)
    _, expected, _ = solve_extensive(programme, relaxed=True)
    solution = solve_lshaped(programme, gap=1e-8, relaxed=True)
    assert solution.objective == pytest.approx(expected, rel=1e-6)
    assert solution.bound == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize("seed", SEEDS)
def test_whole_options_are_the_best_of_all_choices(seed: int) -> None:
    programme = random_programme(seed, scenarios=6, periods=3)
    first = programme.first
    columns = np.nonzero(first.integer)[0]
    best = np.inf
    for choice in product((0.0, 1.0), repeat=len(columns)):
        held = first.lower.copy()
        top = first.upper.copy()
        held[columns] = top[columns] = choice
        if first.cash[columns] @ np.array(choice) > first.budget:
            continue
        if (first.matrix @ held > first.row_upper + 1e-9)[first.row_lower < 0].any():
            continue
        _, value, _ = solve_extensive(programme.with_bounds(held, top), relaxed=True)
        best = min(best, value)
    solution = solve_lshaped(programme, gap=1e-7)
    assert solution.objective == pytest.approx(best, rel=1e-6)
    whole = solution.x[first.integer]
    assert np.abs(whole - np.round(whole)).max() < 1e-9
    assert solution.bound <= best + 1e-6 * abs(best)


@pytest.mark.parametrize("seed", SEEDS)
def test_filling_the_best_steps_first_is_optimal(seed: int) -> None:
    programme = random_programme(seed, linked=False)
    x = np.random.default_rng(seed).random(len(programme.first.name))
    for group in programme.groups:
        cut = gains(group, x)
        assert cut.gain == pytest.approx(single_item_gains(group, x), abs=1e-8)


@pytest.mark.parametrize("seed", SEEDS)
def test_a_cut_is_never_below_the_gain_anywhere(seed: int) -> None:
    programme = random_programme(seed)
    rng = np.random.default_rng(seed)
    width = len(programme.first.name)
    for group in programme.groups:
        cut = gains(group, rng.random(width))
        for _ in range(5):
            other = rng.random(width)
            above = cut.constant + cut.slope @ other[group.columns]
            assert (above >= gains(group, other).gain - 1e-7).all()


def test_nothing_bought_gains_exactly_nothing() -> None:
    programme = random_programme(1).with_budget(0.0)
    free = programme.first.cash * 0.0 + 1.0
    programme = replace(programme, first=replace(programme.first, cash=free))
    solution = solve_lshaped(programme)
    assert not solution.x.any()
    assert (solution.scenario_loss == programme.base_loss).all()


def test_neither_scenario_order_nor_threads_matter() -> None:
    programme = random_programme(2)
    order = np.random.default_rng(0).permutation(len(programme.base_loss))
    mixed = replace(
        programme,
        base_loss=programme.base_loss[order],
        groups=tuple(replace(g, future=g.future[order]) for g in programme.groups),
    )
    one = solve_lshaped(programme, gap=1e-7)
    two = solve_lshaped(mixed, gap=1e-7, workers=2)
    assert two.objective == pytest.approx(one.objective, rel=1e-6)
    assert solve_lshaped(programme, gap=1e-7, workers=2).x.tolist() == one.x.tolist()


def test_kept_cuts_serve_another_budget() -> None:
    programme = random_programme(3)
    pool = CutPool()
    solve_lshaped(programme, gap=1e-7, pool=pool, relaxed=True)
    smaller = programme.with_budget(20.0)
    _, expected, _ = solve_extensive(smaller, relaxed=True)
    again = solve_lshaped(smaller, gap=1e-7, pool=pool, relaxed=True)
    assert again.objective == pytest.approx(expected, rel=1e-6)


def test_more_money_never_costs_more() -> None:
    programme = random_programme(0)
    values = [
        solve_lshaped(programme.with_budget(b), gap=1e-7).objective
        for b in (0.0, 20.0, 60.0, 120.0)
    ]
    assert values == sorted(values, reverse=True)


def test_limits_that_contradict_each_other_are_named() -> None:
    programme = random_programme(0)
    first = programme.first
    lower = np.where(first.integer, 1.0, 0.0)  # all options at once
    with pytest.raises(InfeasibleError, match="one option of project"):
        require_feasible_with(first, lower)


def require_feasible_with(first, lower) -> None:
    require_feasible(replace(first, lower=lower))


def test_value_of_a_tonne_falls_to_zero_once_the_shock_is_covered() -> None:
    # One item, one period short by 4 t worth 10 each; up to 10 t may be released.
    group = Group(
        name="ore",
        items=("ore",),
        future=np.array([0]),
        step_item=np.array([0]),
        step_value=np.array([10.0]),
        discount=np.ones(1),
        size=np.array([[[4.0]]]),
        release_cost=np.zeros((1, 1)),
        columns=np.array([0]),
        release=np.array([[[[10.0]]]]),
        supply=np.zeros((1, 1, 1, 1)),
        bought=np.array([[[10.0]]]),
        room=np.zeros((1, 1, 0)),
        recipe=np.zeros((0, 1)),
    )
    slopes = [gains(group, np.array([x])).slope[0, 0] for x in (0.1, 0.3, 0.5, 1.0)]
    assert slopes == [100.0, 100.0, 0.0, 0.0]  # per 10 t
    assert gains(group, np.array([1.0])).gain[0] == 40.0


def test_the_tail_is_weighted_as_defined() -> None:
    # Four equal scenarios, alpha 0.6: the worst 0.4 is 0.25 of one, 0.15 of next.
    weight = tail_weight(np.array([1.0, 4.0, 3.0, 2.0]), np.full(4, 0.25), 0.6)
    assert weight == pytest.approx([0.0, 0.625, 0.375, 0.0])


def test_items_are_joined_through_plants_that_share_one() -> None:
    assert split_groups(6, [(0, 3), (3, 5)]) == [[0, 3, 5], [1], [2], [4]]


def test_the_objective_of_a_point_counts_loss_tail_and_cost() -> None:
    programme = random_programme(1)
    x = np.zeros(len(programme.first.name))
    objective, loss = evaluate(programme, x)
    worst = np.sort(loss)[::-1][:3]  # a quarter of twelve
    assert objective == pytest.approx(loss.mean() + 0.5 * worst.mean())
