# SPDX-License-Identifier: Apache-2.0
"""Verified figures with home's own promise as control variate.

What home's programme promises in a scenario costs a run without the plan and no
solve; what the market gives costs a run with the plan. The two go together, so
more promises narrow the interval of what is given (double sampling; Cochran,
Sampling Techniques, 1977, ch. 12).
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from oreserve.planning._lshaped import evaluate
from oreserve.planning._offers import project_offers
from oreserve.planning._passes import run_losses, transfer
from oreserve.planning._problem import Problem, make_problem, with_reference
from oreserve.planning._verify import student_halfwidth
from oreserve.threats import sample_scenarios

if TYPE_CHECKING:
    from collections.abc import Sequence

    import polars as pl

    from oreserve.planning._passes import Pass
    from oreserve.planning._runs import Runs
    from oreserve.planning._work import Work
    from oreserve.study.scenario import Scenario

__all__ = ["Control", "control_estimate", "control_figures", "promised_gains"]

Floats = npt.NDArray[np.float64]

MORE = 3
"""Further scenarios without the plan, per verified one."""

MOST = 300
"""Of them at most: they cost about half as much time as the verification."""

AT_ONCE = 200
"""Scenarios that are simulated and kept at a time."""


@dataclass(frozen=True)
class Control:
    """Verified benefit by control variate, million USD.

    Parameters
    ----------
    benefit, halfwidth
        Mean, and half of its 95 % interval.
    correlation
        Of promise and verified benefit over the verified scenarios; None where one
        of them never varies.
    weight
        What a unit of the promise counts; 0: the paired interval is narrower and
        stands.
    scenarios
        All scenarios with a promise, the verified ones included.
    """

    benefit: float
    halfwidth: float
    correlation: float | None
    weight: float
    scenarios: int

    def figures(self) -> dict[str, float | int | None]:
        """Return the keys of plan.json."""
        return {
            "verified_benefit_control_usd": self.benefit * 1e6,
            "verified_benefit_control_halfwidth_usd": self.halfwidth * 1e6,
            "control_correlation": self.correlation,
            "control_weight": self.weight,
            "control_scenarios": self.scenarios,
        }

    def beside(self, table: pl.DataFrame, number: int) -> pl.DataFrame:
        """Add columns to verification.csv, filled for the pass of this number."""
        import polars as pl

        mine = pl.col("pass") == number
        return table.with_columns(
            pl.when(mine).then(value).cast(pl.Float64).alias(name)
            for name, value in (
                ("control_usd", self.benefit * 1e6),
                ("control_halfwidth_usd", self.halfwidth * 1e6),
                ("correlation", self.correlation),
            )
        )


def control_estimate(verified: Floats, promise: Floats, more: Floats) -> Control:
    """Combine verified benefits with promises on more scenarios.

    Parameters
    ----------
    verified, promise
        (n,) of the same scenarios.
    more
        (M,) promises on other scenarios.

    Returns
    -------
    Control
        The paired mean and interval where that interval is not wider.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> promise, more = rng.normal(5, 1, 50), rng.normal(5, 1, 5000)
    >>> verified = 0.9 * promise + 0.1 * rng.normal(0, 1, 50)
    >>> found = control_estimate(verified, promise, more)
    >>> found.halfwidth < 0.3 * student_halfwidth(promise)
    True
    """
    count, mean = len(verified), float(verified.mean())
    paired = Control(mean, student_halfwidth(verified), None, 0.0, count)
    away = promise - promise.mean()
    power, spread = float(away @ away), float(np.var(verified) * count)
    if count < 4 or power <= 0.0 or spread <= 0.0:
        return paired
    both = float(away @ (verified - mean))
    paired = replace(paired, correlation=both / math.sqrt(power * spread))
    if not len(more):
        return paired
    from scipy.stats import t

    weight = both / power
    every = np.concatenate([promise, more])
    shift = float(every.mean() - promise.mean())
    rest = verified - mean - weight * away
    # The slope is estimated: one degree of freedom, and it is multiplied by how far
    # the means of the two samples lie apart.
    noise = float(rest @ rest) / (count - 2)
    variance = noise * (1.0 / count + shift**2 / power)
    variance += weight**2 * float(np.var(every, ddof=1)) / len(every)
    half = float(t.ppf(0.975, count - 2)) * math.sqrt(variance)
    if half >= paired.halfwidth:
        return replace(paired, scenarios=len(every))
    return Control(mean + weight * shift, half, paired.correlation, weight, len(every))


def promised_gains(
    problem: Problem, x: Floats, work: Work, scenarios: Sequence[Scenario], base: Runs
) -> Floats:
    """Compute what the programme promises in scenarios that it has not seen.

    Parameters
    ----------
    problem, x
        The plan's problem and point.
    scenarios, base
        S scenarios and their runs without the plan.

    Returns
    -------
    ndarray
        (S,) million USD.
    """
    market, first = work.market, problem.programme.first
    probe = None
    options = np.isin(first.kind, ("option",))
    if market.projects and x[options].any():
        probe = market.run(scenarios, market.probe(), without=base)
    world = replace(
        market.world(scenarios, base, probe), pass_through=problem.world.pass_through
    )
    fresh = make_problem(
        work.home,
        world,
        agreement_offers=market.agreement_offers,
        project_offers=project_offers(work.home),
        budget_usd=first.budget * 1e6,
        instruments=problem.instruments,
        convert=False,
    )
    fresh = with_reference(fresh, problem.bought(x))
    _, loss = evaluate(fresh.programme, transfer(problem, x, fresh))
    return fresh.programme.base_loss - loss


def control_figures(
    work: Work, best: Pass, fresh_base: Runs, *, seed: int, more: int | None = None
) -> Control:
    """Narrow a plan's verified interval with more runs without the plan.

    Parameters
    ----------
    more
        How many; None: three per verified scenario, `MOST` at most.
    """
    problem, x = best.problem, best.solution.x
    verified = run_losses(work.home, fresh_base) - run_losses(work.home, best.having)
    if not x.any():
        return control_estimate(verified, np.zeros(len(verified)), np.zeros(0))
    promise = promised_gains(problem, x, work, work.fresh, fresh_base)
    count = min(MOST, MORE * len(verified)) if more is None else more
    # Numbers go on from the verified ones: none that the plan has seen.
    begin = work.fresh[-1].number + 1
    parts = []
    for start in range(0, count, AT_ONCE):
        some = sample_scenarios(
            work.study,
            count=min(AT_ONCE, count - start),
            seed=seed,
            start=begin + start,
        )
        held = work.runs(f"more-{start}", partial(work.market.run, some))
        parts.append(promised_gains(problem, x, work, some, held))
        work.say("Narrow the interval", min(count, start + AT_ONCE), count)
    return control_estimate(
        verified, promise, np.concatenate(parts) if parts else np.zeros(0)
    )
