# SPDX-License-Identifier: Apache-2.0
"""Solve, put the plan in the market, compare, and solve again if it fell short."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from oreserve.planning._lshaped import CutPool, Evaluator, Solution, evaluate
from oreserve.planning._problem import Problem, solve_problem, with_reference
from oreserve.planning._standing import standing_of
from oreserve.planning._verify import (
    Verification,
    discounted_loss,
    spread_over,
    verify_losses,
)
from oreserve.planning._world import period_loss

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from oreserve.market import Standing
    from oreserve.planning._home import Home
    from oreserve.planning._keep import Keep
    from oreserve.planning._market import HomeMarket
    from oreserve.planning._runs import Runs
    from oreserve.study.scenario import Scenario

__all__ = ["Pass", "gap_reasons", "renewed", "run_losses", "solve_twice", "transfer"]

Floats = npt.NDArray[np.float64]

ENOUGH = 0.8
"""Verified over planned benefit from which no further pass is made."""

LEAST_PASS_THROUGH = 0.1

REASON_SCENARIOS = 24
"""Scenarios on which the reasons of a gap are looked for, one kind at a time."""


@dataclass(frozen=True)
class Pass:
    """One solution with its verification, million USD."""

    problem: Problem
    pool: CutPool
    solution: Solution
    standing: Standing
    planned: float
    having: Runs
    verification: Verification

    @property
    def ratio(self) -> float | None:
        """Verified over planned benefit; None where nothing is planned."""
        return self.verification.ratio(self.planned)

    @property
    def good(self) -> bool:
        """Whether no further pass is needed."""
        return self.ratio is None or self.ratio >= ENOUGH


def run_losses(home: Home, runs: Runs) -> Floats:
    """Compute the discounted loss of each scenario, (S,) million USD."""
    loss = period_loss(home, runs.short, runs.wanted)
    return discounted_loss(home, loss.sum(axis=2))


def solve_twice(
    problem: Problem, *, gap: float, workers: int, keep: Keep | None = None
) -> tuple[Problem, CutPool, Solution]:
    """Solve, and once more with release coefficients for the tonnes bought.

    The first solution supposes that each release is as large as the rule allows;
    the second one knows how large the stock is against the shortages.
    """
    rough = solve_problem(problem, gap=10.0 * gap, relaxed=True, workers=workers)
    problem = with_reference(problem, problem.bought(rough.x))
    pool = CutPool()
    solution = solve_problem(
        problem,
        gap=gap,
        pool=pool,
        workers=workers,
        seeds=[rough.x],
        keep=keep,
    )
    return problem, pool, solution


def transfer(source: Problem, x: Floats, target: Problem) -> Floats:
    """Carry a point over to a problem with other columns, by name."""
    value = dict(zip(source.programme.first.name, x, strict=True))
    return np.array([value.get(name, 0.0) for name in target.programme.first.name])


def renewed(problem: Problem, x: Floats, base: Runs, having: Runs) -> Problem:
    """Renew pass-through and delivery from a simulation of the plan.

    The first baseline is kept, raw inflows never change: a new baseline would count
    purchases twice and swing. Per item, pass-through is the loss that the plan
    removed over the loss that it was to remove in the same scenarios.
    """
    home, world = problem.home, problem.world
    before = period_loss(home, base.short, base.wanted)
    after = period_loss(home, having.short, having.wanted)
    saved = np.einsum("std,t->d", before - after, home.discount) / len(before)
    reached = np.bincount(home.demand_item, weights=saved, minlength=len(home.item))
    planned = np.zeros(len(home.item))
    evaluator = Evaluator(problem.programme)
    for group, cut in zip(problem.programme.groups, evaluator(x), strict=True):
        mean = float(cut.gain[group.future].mean())
        for name in group.items:
            planned[home.item_index(name)] += mean / len(group.items)
    ratio = np.where(planned > 1e-9, reached / np.maximum(planned, 1e-9), 1.0)
    old = np.ones(len(home.item)) if world.pass_through is None else world.pass_through
    through = np.clip(old * np.clip(ratio, 0.0, 1.0), LEAST_PASS_THROUGH, 1.0)
    fillable = world.fillable & (having.fillable > 0.0)
    return replace(
        problem, world=replace(world, pass_through=through, fillable=fillable)
    )


def gap_reasons(
    item: Pass,
    market: HomeMarket,
    scenarios: Sequence[Scenario],
    base: Runs,
    progress: Callable[[float, float], None] | None = None,
) -> list[dict[str, object]]:
    """Say where planned and verified differ, one kind of decision at a time.

    On some scenarios of the plan, spread over their losses, each kind alone: what
    the programme promises and what the market gives. The last row is what fresh
    scenarios change: what the market would give on the plan's own (the promise
    times the part kept on the sample) beside what was verified.
    """
    problem, x = item.problem, item.solution.x
    home, first = problem.home, problem.programme.first
    programme = problem.programme
    chosen = spread_over(programme.base_loss, REASON_SCENARIOS)
    note = f"reason, on {len(chosen)} of the plan's {len(scenarios)} scenarios"
    picked = [scenarios[s] for s in chosen]
    base = base.pick(chosen)
    before = run_losses(home, base)

    def promise(point: Floats) -> float:
        _, loss = evaluate(programme, point)
        return float((programme.base_loss - loss)[chosen].mean())

    def given(point: Floats) -> float:
        standing = standing_of(home, market, problem.columns, point)
        after = market.run(picked, standing, without=base)
        return float((before - run_losses(home, after)).mean())

    kinds = (
        ("purchases alone: orders, release rule", ("buy", "step")),
        ("agreements alone: what sellers deliver", ("agreement",)),
        ("projects alone: feed, run and share that reaches home", ("option",)),
    )
    rows: list[dict[str, object]] = []
    for place, (name, kept) in enumerate(kinds):
        only = np.where(np.isin(first.kind, kept), x, 0.0)
        if not only.any():
            continue
        rows.append(
            {
                "rule": name,
                "planned_usd": promise(only) * 1e6,
                "verified_usd": given(only) * 1e6,
                "note": note,
            }
        )
        if progress is not None:
            progress(place + 1, len(kinds) + 1)
    promised, inside = promise(x), given(x)
    rows.append(
        {
            "rule": "everything together on the plan's own scenarios",
            "planned_usd": promised * 1e6,
            "verified_usd": inside * 1e6,
            "note": note,
        }
    )
    rows.append(
        {
            "rule": "fresh scenarios instead of the plan's own",
            "planned_usd": item.planned * inside / max(promised, 1e-9) * 1e6,
            "verified_usd": item.verification.benefit * 1e6,
            "note": f"reason, {item.verification.scenarios} fresh scenarios",
        }
    )
    return rows


def verified_pass(
    problem: Problem,
    market: HomeMarket,
    fresh: Sequence[Scenario],
    fresh_base: Runs,
    *,
    gap: float,
    workers: int,
    progress: Callable[[str, float, float | None], None] | None = None,
    solved: tuple[Problem, CutPool, Solution] | None = None,
    keep: Keep | None = None,
) -> Pass:
    """Solve a problem and simulate its plan on fresh scenarios."""
    home = problem.home
    problem, pool, solution = solved or solve_twice(
        problem, gap=gap, workers=workers, keep=keep
    )
    weight = problem.programme.probability
    planned = float(weight @ (problem.programme.base_loss - solution.scenario_loss))
    standing = standing_of(home, market, problem.columns, solution.x)
    having = (
        market.run(
            fresh,
            standing,
            progress=progress,
            stage="Verify the plan",
            without=fresh_base,
        )
        if solution.x.any()
        else fresh_base
    )
    alpha = home.study.settings.alpha
    verification = verify_losses(
        run_losses(home, fresh_base), run_losses(home, having), alpha
    )
    return Pass(problem, pool, solution, standing, planned, having, verification)
