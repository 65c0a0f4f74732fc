# SPDX-License-Identifier: Apache-2.0
"""Loss against budget, and programmes of equal money beside each other."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from oreserve.errors import InfeasibleError
from oreserve.planning._problem import Problem, solve_problem
from oreserve.planning._verify import conditional_value_at_risk

if TYPE_CHECKING:
    from collections.abc import Iterator

    from oreserve.planning._lshaped import CutPool, Solution

__all__ = ["PROGRAMMES", "FrontierPoint", "frontier_budgets", "restricted", "sweep"]

Floats = npt.NDArray[np.float64]

PROGRAMMES = {
    "reserve": ("buy", "step"),
    "contracts": ("agreement", "option"),
    "all": ("buy", "step", "agreement", "option"),
}
"""Programmes that are compared at equal money: kinds of columns that each may use."""

FRONTIER_SHARES = (0.02, 0.05, 0.1, 0.2, 0.35, 0.6)
FRONTIER_GAP = 1e-2
"""A frontier needs no proof at each point; its bound is printed beside it."""


@dataclass(frozen=True)
class FrontierPoint:
    """The best that a budget can do, million USD."""

    budget: float
    outlay: float
    expected_loss: float
    cvar_loss: float
    objective: float
    bound: float


def frontier_budgets(
    budget_usd: float, used_usd: float, count: int | None = None
) -> list[float]:
    """Choose budgets in USD: 0, shares of what the plan uses, all, and twice all.

    Parameters
    ----------
    count
        How many, 4 or more; None: nine.

    Examples
    --------
    >>> len(frontier_budgets(12e9, 4e9))
    9
    >>> len(frontier_budgets(12e9, 4e9, 20))
    20
    """
    useful = used_usd if used_usd > 0.0 else budget_usd
    shares = (
        FRONTIER_SHARES
        if count is None
        else np.geomspace(FRONTIER_SHARES[0], FRONTIER_SHARES[-1], count - 3).tolist()
    )
    inner = [share * useful for share in shares]
    return sorted({0.0, *inner, budget_usd, 2.0 * budget_usd})


def restricted(problem: Problem, kinds: tuple[str, ...]) -> Problem:
    """Return the problem with only some kinds of decisions."""
    first = problem.programme.first
    allowed = np.isin(first.kind, kinds)
    upper = np.where(allowed, first.upper, 0.0)
    return replace(problem, programme=problem.programme.with_bounds(first.lower, upper))


def sweep(
    problem: Problem,
    budgets_usd: list[float],
    *,
    pool: CutPool,
    known: Solution,
    workers: int,
) -> Iterator[FrontierPoint]:
    """Solve for one budget after the other on the same cuts.

    Project options are held whole at every budget; the known solution serves the
    problem's own budget.
    """
    alpha = problem.programme.alpha
    before: Solution | None = None
    for budget in sorted(budgets_usd):
        other = problem.with_budget(budget)
        if abs(budget / 1e6 - problem.programme.first.budget) < 1e-9:
            solution = known
        else:
            try:
                solution = solve_problem(
                    other, gap=FRONTIER_GAP, pool=pool, workers=workers
                )
            except InfeasibleError:
                # Too little money for the least amounts of limits.csv.
                continue
        if before is not None and before.objective < solution.objective:
            # What less money buys is allowed; within the gap it may be better.
            solution = replace(before, bound=min(solution.bound, before.objective))
        before = solution
        loss = solution.scenario_loss
        weight = problem.programme.probability
        yield FrontierPoint(
            budget=budget,
            outlay=other.programme.first.outlay(solution.x) * 1e6,
            expected_loss=float(weight @ loss) * 1e6,
            cvar_loss=conditional_value_at_risk(loss, alpha) * 1e6,
            objective=solution.objective * 1e6,
            bound=solution.bound * 1e6,
        )
