# SPDX-License-Identifier: Apache-2.0
"""SDDP against the whole tree, a dynamic programme and answers on paper."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import pytest
from benchmarks.reserve_operation import loss_without, make_operation

from oreserve.errors import InfeasibleError, InputError
from oreserve.network import BlockBuilder, solve
from oreserve.stochastic import (
    MarkovProblem,
    Openings,
    Stage,
    load_policy,
    solve_sddp,
    tree_block,
)

if TYPE_CHECKING:
    from pathlib import Path

Floats = npt.NDArray[np.float64]

# --- the reserve of Teisberg (1981) as in the GAMS library, model MARKOV --------------

LEVELS = np.arange(0.0, 22.0, 3.0)
CHAIN = np.array([[0.8, 0.2], [0.5, 0.5]])  # normal, disrupted
LOST = (0.0, 11.0)
DISCOUNT, SHARE, HOLD = 0.95, 0.25, 0.32
K, Q, D, E = 342.0, 110.0, -130.0, 0.1


def oil_price(state: int, fill: Floats) -> Floats:
    """World price when the reserve takes `fill` of what is left."""
    return np.asarray((K / (Q - LOST[state] - D - fill)) ** (1.0 / E))


def oil_cost(state: int, fill: Floats) -> Floats:
    """Outlay on the fill and the loss of consumers against a calm year.

    World demand at a price is D + K p^-E, so a higher price costs its consumers
    the integral of it; the reserve counts its country's share.
    """

    def surplus(price: Floats) -> Floats:
        return np.asarray(D * price + K * price ** (1.0 - E) / (1.0 - E))

    price = oil_price(state, fill)
    lost = surplus(price) - surplus(oil_price(0, np.zeros(1)))
    return np.asarray(price * fill + SHARE * lost)


def iterate(stages: int) -> tuple[Floats, npt.NDArray[np.int64]]:
    """Value and best next level by level and state, `stages` stages before the end."""
    fill = LEVELS[None, :] - LEVELS[:, None]
    value = np.zeros((len(LEVELS), 2))
    best = np.zeros((len(LEVELS), 2), dtype=np.int64)
    for _ in range(stages):
        following = DISCOUNT * value @ CHAIN.T
        total = np.stack(
            [
                oil_cost(i, fill) + HOLD * LEVELS[:, None] + following[None, :, i]
                for i in range(2)
            ],
            axis=1,
        )
        value, best = total.min(axis=2), total.argmin(axis=2)
    return value, best


def teisberg(stages: int) -> MarkovProblem:
    """Write the same problem with any level between the grid points."""
    knots = np.arange(-21.0, 22.0, 3.0)

    def stage(state: int) -> Stage:
        block = BlockBuilder()
        level = block.add_columns(["in", "out"], cost=[HOLD, 0.0], upper=21.0)
        cost = oil_cost(state, knots)
        slope = np.diff(cost) / 3.0
        assert (np.diff(slope) > 0.0).all()  # else the steps would be out of order
        fill = block.add_columns(14, cost=slope, upper=3.0)
        # The steps count from a fill of -21: in - 21 + steps = out.
        row = block.add_rows(["balance"], lower=21.0, upper=21.0)
        block.add_entries(row[0], level, [1.0, -1.0])
        block.add_entries(row[0], fill, 1.0)
        # The cost at -21 is a constant.
        block.add_columns(["at the left end"], cost=cost[0], lower=1.0, upper=1.0)
        return Stage(block.build(), level[:1], level[1:])

    both = [stage(0), stage(1)]
    one = Openings(np.ones(1))
    return MarkovProblem(
        stages=[both] * stages,
        openings=[[one, one]] * stages,
        start=np.array([1.0, 0.0]),
        transition=[CHAIN] * (stages - 1),
        initial=np.zeros(1),
        discount=DISCOUNT,
        floor=-1e5,
        states=("normal", "disrupted"),
    )


def test_teisberg_prices_and_policy_by_value_iteration() -> None:
    assert oil_price(0, np.zeros(1))[0] == pytest.approx(34.526, abs=5e-4)
    assert oil_price(1, np.zeros(1))[0] == pytest.approx(55.196, abs=5e-4)
    _, best = iterate(600)
    assert LEVELS[best[:, 0]].tolist() == [3, 3, 6, 6, 9, 12, 15, 18]


def test_teisberg_by_sddp_is_the_dynamic_programme() -> None:
    stages = 30
    value, best = iterate(stages)
    policy = solve_sddp(teisberg(stages), gap=1e-8, paths=6, iterations=150, simulate=0)
    assert policy.figures.bound == pytest.approx(value[0, 0], rel=1e-7)
    first = policy.decide(0, 0, np.zeros(1))
    assert LEVELS[best[0, 0]] == 3.0
    assert first.level[0] == pytest.approx(3.0, abs=1e-6)
    later = iterate(stages - 1)[0] @ CHAIN.T
    for place, level in enumerate(LEVELS):
        below, _ = policy.value(0, 0, np.array([level]))
        assert below <= later[place, 0] + 1e-6  # cuts never rise above the truth


# --- made-up problems --------------------------------------------------------------


def reserve(
    stages: int = 3, states: int = 2, openings: int = 3, seed: int = 0
) -> MarkovProblem:
    """Write two goods and one purse: buy, keep, give to two steps of need."""
    rng = np.random.default_rng(seed)
    block = BlockBuilder()
    stock = block.add_columns(["a", "b", "purse"])
    buy = block.add_columns(["buy a", "buy b"], cost=[1.0, 1.5], upper=4.0)
    give = block.add_columns(4, cost=[-9.0, -4.0, -12.0, -3.0], upper=0.0)
    on = block.add_columns(
        ["a on", "b on", "purse on"], cost=[0.05, 0.02, 0.0], upper=[9.0, 9.0, 50.0]
    )
    rows = block.add_rows(3, lower=0.0, upper=0.0)
    for good in range(2):
        block.add_entries(rows[good], [stock[good], buy[good]], 1.0)
        block.add_entries(rows[good], give[2 * good : 2 * good + 2], -1.0)
        block.add_entries(rows[good], on[good], -(0.97**-1))
    block.add_entries(rows[2], [stock[2], on[2]], [1.0, -1.0])
    block.add_entries(rows[2], buy, [-1.0, -1.5])
    stage = Stage(block.build(), stock, on, vary_column=give)
    draws = [
        [
            Openings(
                probability=np.full(openings, 1.0 / openings),
                row_lower=np.zeros((openings, 0)),
                row_upper=np.zeros((openings, 0)),
                lower=np.zeros((openings, 4)),
                upper=rng.uniform(0.0, 3.0, (openings, 4)) * m,
            )
            for m in range(1, states + 1)
        ]
        for _ in range(stages)
    ]
    chain = rng.dirichlet(np.ones(states), size=states)
    return MarkovProblem(
        stages=[stage] * stages,
        openings=draws,
        start=np.eye(states)[0],
        transition=[chain] * (stages - 1),
        initial=np.array([0.5, 0.0, 8.0]),
        discount=0.9,
        floor=-1e3,
    )


@pytest.mark.parametrize("stages, openings", [(2, 4), (3, 3), (4, 2)])
def test_bound_is_the_whole_tree(stages: int, openings: int) -> None:
    problem = reserve(stages, openings=openings)
    tree = solve(tree_block(problem)).objective
    # A rare path may be missing where few are checked: see that all are met.
    policy = solve_sddp(
        problem, gap=1e-9, paths=16, iterations=60, check_paths=400, simulate=200
    )
    figures = policy.figures
    assert figures.bound == pytest.approx(tree, rel=1e-6)
    assert figures.upper == pytest.approx(tree, rel=1e-6)
    assert abs(figures.mean - tree) <= 2.0 * figures.halfwidth


def test_bound_rises_and_never_passes_the_truth() -> None:
    problem = reserve(4, openings=2, seed=3)
    tree = solve(tree_block(problem)).objective
    history = solve_sddp(problem, gap=0.0, iterations=15, simulate=0).figures.history
    assert (np.diff(history) >= -1e-9).all()
    assert max(history) <= tree + 1e-7


def test_one_path_is_a_plain_linear_programme() -> None:
    problem = reserve(5, states=1, openings=1)
    plain = solve(tree_block(problem)).objective
    policy = solve_sddp(problem, gap=1e-9, iterations=60, simulate=3)
    assert policy.figures.bound == pytest.approx(plain, rel=1e-7)
    assert policy.figures.mean == pytest.approx(plain, rel=1e-7)


def newspapers(demand: Floats) -> MarkovProblem:
    """Buy now at 4; a unit short later costs 10."""
    first = BlockBuilder()
    x = first.add_columns(["in", "stock"], cost=[0.0, 4.0], upper=[0.0, 1e3])
    second = BlockBuilder()
    y = second.add_columns(["in", "short", "out"], cost=[0.0, 10.0, 0.0])
    row = second.add_rows(["demand"], lower=0.0)
    second.add_entries(row[0], y[:2], 1.0)
    count = len(demand)
    wide = np.zeros((count, 0))
    later = Openings(
        np.full(count, 1.0 / count), demand[:, None], np.full((count, 1), np.inf),
        wide, wide,
    )  # fmt: skip
    return MarkovProblem(
        stages=[
            Stage(first.build(), x[:1], x[1:]),
            Stage(second.build(), y[:1], y[2:], vary_row=row),
        ],
        openings=[[Openings(np.ones(1))], [later]],
        start=np.ones(1),
        transition=[np.ones((1, 1))],
        initial=np.zeros(1),
    )


def test_two_stages_have_the_answer_on_paper() -> None:
    policy = solve_sddp(newspapers(np.array([1.0, 2.0, 3.0])), gap=1e-9)
    assert policy.decide(0, 0, np.zeros(1)).level[0] == pytest.approx(2.0)
    assert policy.figures.bound == pytest.approx(8.0 + 10.0 / 3.0, rel=1e-7)


def test_nested_cvar_of_two_stages_is_the_risk_averse_programme() -> None:
    demand = np.array([1.0, 2.0, 3.0, 6.0, 7.0])
    alpha, weight = 0.5, 0.4
    block = BlockBuilder()
    stock = block.add_columns(["stock"], cost=4.0)
    short = block.add_columns(5, cost=(1.0 - weight) * 10.0 / 5)
    level = block.add_columns(["level"], cost=weight, lower=-np.inf)
    tail = block.add_columns(5, cost=weight / 5 / (1.0 - alpha))
    need = block.add_rows(5, lower=demand)
    block.add_entries(need, short, 1.0)
    block.add_entries(need, stock[0], 1.0)
    over = block.add_rows(5, lower=0.0)
    block.add_entries(over, tail, 1.0)
    block.add_entries(over, level[0], 1.0)
    block.add_entries(over, short, -10.0)
    answer = solve(block.build())
    policy = solve_sddp(
        newspapers(demand), alpha=alpha, weight=weight, iterations=30, simulate=50
    )
    assert policy.figures.bound == pytest.approx(answer.objective, rel=1e-7)
    assert policy.figures.gap is None
    assert np.isnan(policy.figures.upper)


def test_weight_zero_is_risk_neutral() -> None:
    problem = reserve()
    plain = solve_sddp(problem, iterations=10, gap=0.0, simulate=20).figures
    zero = solve_sddp(
        problem, iterations=10, gap=0.0, simulate=20, weight=0.0, alpha=0.5
    ).figures
    assert (plain.bound, plain.mean, plain.gap) == (zero.bound, zero.mean, zero.gap)


def test_a_risk_weight_never_lowers_the_measure() -> None:
    bounds = [
        solve_sddp(
            reserve(), iterations=25, gap=1e-9, simulate=0, weight=weight, alpha=0.6
        ).figures.bound
        for weight in (0.0, 0.3, 1.0)
    ]
    assert bounds[0] < bounds[1] < bounds[2]


def test_workers_change_nothing() -> None:
    found = [
        solve_sddp(reserve(4, 3, 4), iterations=12, gap=0.0, simulate=30, workers=n)
        for n in (1, 3)
    ]
    assert found[0].figures == found[1].figures
    for one, two in zip(*(p.nodes for p in found), strict=True):
        for a, b in zip(one, two, strict=True):
            assert np.array_equal(a.cuts.slope, b.cuts.slope)
            assert np.array_equal(a.cuts.constant, b.cuts.constant)
    paths = [p.simulate(10, seed=5) for p in found]
    assert np.array_equal(paths[0].level, paths[1].level)


def test_paths_are_keyed_by_their_number() -> None:
    policy = solve_sddp(reserve(), iterations=3, simulate=0)
    whole, part = policy.simulate(12), policy.simulate(4, first=8)
    assert np.array_equal(whole.state[8:], part.state)
    assert np.array_equal(whole.opening[8:], part.opening)
    assert whole.cost[8:] == pytest.approx(part.cost)


def test_selected_cuts_keep_the_value_at_all_points() -> None:
    policy = solve_sddp(reserve(4, openings=4), iterations=20, gap=0.0, simulate=0)
    dropped = 0
    for row in policy.nodes[:-1]:
        for node in row:
            cuts = node.cuts
            if not len(cuts.points):
                continue  # a state that is never reached
            heights = cuts.points @ cuts.slope.T + cuts.constant
            kept = heights[:, cuts.active].max(axis=1)
            assert kept == pytest.approx(heights.max(axis=1))
            dropped += int((~cuts.active).sum())
    assert dropped > 0


def test_the_value_of_a_unit_falls_with_the_level() -> None:
    policy = solve_sddp(newspapers(np.array([1.0, 2.0, 3.0])), gap=1e-9, simulate=0)
    slopes = [
        float(policy.value(0, 0, np.array([level]))[1][0])
        for level in (0.0, 0.5, 1.5, 2.5, 4.0)
    ]
    assert slopes[0] == pytest.approx(-10.0)  # every unit is short in each future
    assert slopes == sorted(slopes)
    assert slopes[-1] > slopes[0]


def test_saved_policy_says_the_same(tmp_path: Path) -> None:
    policy = solve_sddp(reserve(), iterations=15, gap=0.0, simulate=20)
    again = load_policy(policy.save(tmp_path / "policy"))
    assert again.figures == policy.figures
    level = np.array([1.0, 0.3, 4.0])
    one, two = policy.value(1, 1, level), again.value(1, 1, level)
    assert one[0] == two[0]
    assert np.array_equal(one[1], two[1])
    assert again.decide(1, 0, level, 2).total == pytest.approx(
        policy.decide(1, 0, level, 2).total
    )


def test_files_that_do_not_belong_together_are_refused(tmp_path: Path) -> None:
    policy = solve_sddp(reserve(), iterations=2, simulate=0)
    folder = policy.save(tmp_path / "policy")
    with pytest.raises(InputError, match="holds no policy"):
        load_policy(tmp_path)
    document = json.loads((folder / "sddp.json").read_text())
    document["discount"] = 0.5
    (folder / "sddp.json").write_text(json.dumps(document))
    with pytest.raises(InputError, match="do not belong together"):
        load_policy(folder)


def test_a_stage_without_a_solution_is_named() -> None:
    problem = reserve()
    block = problem.stage(1, 0).block
    block.row_lower[0] = block.row_upper[0] = 1e6
    said = rf"stage 0 in state .* contradict each other: .*{block.row_name(0)}.*1e\+06"
    with pytest.raises(InfeasibleError, match=said):
        solve_sddp(problem, iterations=2)


def test_wrong_chances_are_refused() -> None:
    problem = reserve()
    with pytest.raises(InputError, match="sum to 1"):
        MarkovProblem(
            stages=problem.stages,
            openings=problem.openings,
            start=np.array([0.5, 0.2]),
            transition=problem.transition,
            initial=problem.initial,
        )
    with pytest.raises(InputError, match="weight"):
        solve_sddp(problem, weight=1.5)


def test_the_benchmark_is_its_whole_tree() -> None:
    problem = make_operation(items=2, periods=3, openings=2)
    tree = solve(tree_block(problem)).objective
    figures = solve_sddp(
        problem, gap=1e-9, paths=16, iterations=40, check_paths=300, simulate=0
    ).figures
    assert figures.bound == pytest.approx(tree, rel=1e-6)
    assert figures.bound < loss_without(problem)


class KilledError(Exception):
    """Stands for a signal."""


def killed_after(iterations: int):
    def progress(stage: str, done: float, total: float | None) -> None:
        del stage, total
        if done == iterations:
            raise KilledError

    return progress


@pytest.mark.parametrize("weight", [0.0, 0.5])
def test_a_killed_run_goes_on_to_the_same_bits(tmp_path: Path, weight: float) -> None:
    problem = make_operation(items=2, periods=4, openings=3)
    given = {"weight": weight, "iterations": 25, "gap": -1.0, "simulate": 20}
    whole = solve_sddp(problem, **given)
    kept = tmp_path / "cuts.npz"
    with pytest.raises(KilledError):
        solve_sddp(problem, **given, checkpoint=kept, progress=killed_after(23))
    seen: list[float] = []
    again = solve_sddp(
        problem,
        **given,
        checkpoint=kept,
        progress=lambda _, done, __: seen.append(done),
    )
    assert seen[0] == 21
    assert again.figures == whole.figures
    for ours, theirs in zip(again.nodes, whole.nodes, strict=True):
        for one, other in zip(ours, theirs, strict=True):
            np.testing.assert_array_equal(one.cuts.slope, other.cuts.slope)
            np.testing.assert_array_equal(one.order, other.order)


def test_cuts_of_another_problem_or_seed_are_refused(tmp_path: Path) -> None:
    kept = tmp_path / "cuts.npz"
    problem = make_operation(items=2, periods=3, openings=2)
    solve_sddp(problem, iterations=10, gap=-1.0, simulate=0, checkpoint=kept)
    other = make_operation(items=2, periods=3, openings=2, seed=1)
    with pytest.raises(InputError, match="of another run: problem is"):
        solve_sddp(other, iterations=10, gap=-1.0, checkpoint=kept)
    with pytest.raises(InputError, match="seed is 0 there and 1 here"):
        solve_sddp(problem, seed=1, iterations=10, gap=-1.0, checkpoint=kept)
    kept.write_bytes(kept.read_bytes()[:300])
    with pytest.raises(InputError, match="damaged"):
        solve_sddp(problem, iterations=10, gap=-1.0, checkpoint=kept)
