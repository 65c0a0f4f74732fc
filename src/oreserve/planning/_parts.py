# SPDX-License-Identifier: Apache-2.0
"""Parts of a finished plan: passes, frontier, programmes, other assumptions."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import polars as pl

from oreserve.errors import InfeasibleError
from oreserve.planning._draws import Draw, home_draws
from oreserve.planning._frontier import (
    PROGRAMMES,
    frontier_budgets,
    restricted,
    sweep,
)
from oreserve.planning._passes import (
    Pass,
    gap_reasons,
    run_losses,
    transfer,
    verified_pass,
)
from oreserve.planning._problem import Problem, make_problem, solve_problem
from oreserve.planning._variants import market_variants
from oreserve.planning._verify import spread_over, verify_losses
from oreserve.planning._work import GAP, Work
from oreserve.planning._world import period_loss

if TYPE_CHECKING:
    from oreserve.planning._home import Home
    from oreserve.planning._runs import Runs


__all__ = [
    "frontier_table",
    "programmes_table",
    "sensitivity_draws",
    "states_table",
    "verification_table",
]

Floats = npt.NDArray[np.float64]

SENSITIVITY_SCENARIOS = 24
JUDGED_SCENARIOS = 200
"""Most scenarios on which the projects of a plan are judged in each draw."""

VARIANT_SCENARIOS = 4
"""Of other markets: each costs 4 s of processor time on us-2026; 16 would take the
default plan over three minutes."""
PROGRAMME_SCENARIOS = 60
PROGRAMME_GAP = 5e-3


def verification_table(
    work: Work, best: Pass, passes: list[Pass], base_runs: Runs
) -> pl.DataFrame:
    """List the passes, then the reasons of what is not verified."""
    rows: list[dict[str, Any]] = []
    for number, one in enumerate(passes, start=1):
        rows.append(
            {
                "pass": number,
                "rule": None,
                "planned_usd": one.planned * 1e6,
                "verified_usd": one.verification.benefit * 1e6,
                "halfwidth_usd": one.verification.halfwidth * 1e6,
                "note": "first plan"
                if number == 1
                else "pass-through and delivery renewed from the market",
            }
        )
    if best.solution.x.any():
        work.say("Find why", 0, 4)
        rows += [
            {"pass": None, "halfwidth_usd": None, **row}
            for row in gap_reasons(
                best,
                work.market,
                work.scenarios,
                base_runs,
                progress=lambda done, total: work.say("Find why", done, total),
            )
        ]
    schema = {
        "pass": pl.Int64,
        "rule": pl.String,
        "planned_usd": pl.Float64,
        "verified_usd": pl.Float64,
        "halfwidth_usd": pl.Float64,
        "note": pl.String,
    }
    return pl.DataFrame(rows, schema=schema)


def frontier_table(
    work: Work,
    best: Pass,
    budget_usd: float,
    *,
    count: int | None = None,
    wanted: bool = True,
) -> pl.DataFrame:
    """Solve for other budgets on the same cuts; nothing if it is not wanted."""
    if not wanted:
        return pl.DataFrame()
    used = best.problem.programme.first.outlay(best.solution.x) * 1e6
    budgets = frontier_budgets(budget_usd, used, count)
    points = sweep(
        best.problem,
        budgets,
        pool=best.pool,
        known=best.solution,
        workers=work.workers,
    )
    rows = [
        {
            "budget_usd": point.budget,
            "outlays_usd": point.outlay,
            "expected_loss_usd": point.expected_loss,
            "cvar_loss_usd": point.cvar_loss,
            "objective_usd": point.objective,
            "lower_bound_usd": point.bound,
        }
        for point in points
    ]
    return pl.DataFrame(rows)


def programmes_table(work: Work, best: Pass, fresh_base: Runs) -> pl.DataFrame:
    """Compare three programmes at equal money, each verified."""
    count = min(PROGRAMME_SCENARIOS, len(work.fresh))
    fresh, base = work.fresh[:count], fresh_base.first(count)
    rows = []
    for number, (name, kinds) in enumerate(PROGRAMMES.items(), start=1):
        if name == "all":
            one = best
            # On the same scenarios as the others, or they could not be compared.
            verification = verify_losses(
                run_losses(work.home, base),
                run_losses(work.home, best.having.first(count)),
                work.study.settings.alpha,
            )
        else:
            problem = restricted(best.problem, kinds)
            try:
                solution = solve_problem(
                    problem, gap=PROGRAMME_GAP, pool=best.pool, workers=work.workers
                )
            except InfeasibleError:
                # Limits ask for at least some of what this programme leaves out.
                continue
            one = verified_pass(
                problem,
                work.market,
                fresh,
                base,
                gap=GAP,
                workers=work.workers,
                solved=(problem, best.pool, solution),
            )
            verification = one.verification
        rows.append(
            {
                "programme": name,
                "outlays_usd": one.problem.programme.first.outlay(one.solution.x) * 1e6,
                "expected_loss_usd": verification.loss_with * 1e6,
                "planned_benefit_usd": one.planned * 1e6,
                "verified_benefit_usd": verification.benefit * 1e6,
                "verified_benefit_halfwidth_usd": verification.halfwidth * 1e6,
                "scenarios": verification.scenarios,
            }
        )
        work.say("Compare programmes", number, len(PROGRAMMES))
    return pl.DataFrame(rows)


def _benefit_by_item(home: Home, without: Runs, having: Runs) -> Floats:
    """Compute the loss that the plan removes by item, (I,) million USD."""
    before = period_loss(home, without.short, without.wanted)
    after = period_loss(home, having.short, having.wanted)
    mean = np.einsum("std,t->d", before - after, home.discount) / len(before)
    total = np.bincount(home.demand_item, weights=mean, minlength=len(home.item))
    return np.asarray(total, dtype=float)


def sensitivity_draws(
    work: Work, best: Pass, fresh_base: Runs, *, count: int, seed: int
) -> list[Draw]:
    """Perturb home's side and the market; see which purchases stay.

    Parameters
    ----------
    count
        Random combinations of assumptions about home.
    """
    problem, x = best.problem, best.solution.x
    if not x.any():
        return []
    chosen = np.asarray(spread_over(problem.programme.base_loss, SENSITIVITY_SCENARIOS))
    small = _on_fewer(problem, chosen)
    shock_share = np.array(
        [np.mean([bool(effects) for effects in one.effects]) for one in work.scenarios]
    )
    places = np.arange(len(shock_share))
    judged = problem
    if len(places) > JUDGED_SCENARIOS:
        places = np.asarray(spread_over(problem.programme.base_loss, JUDGED_SCENARIOS))
        judged = _on_fewer(problem, places)
    work.say("Other assumptions and markets", 0, None)
    # Home's side only solves, while processes simulate other markets.
    with ThreadPoolExecutor(1) as beside:
        own = beside.submit(
            home_draws,
            small,
            transfer(problem, x, small),
            shock_share=shock_share[chosen],
            whole=(judged, transfer(problem, x, judged), shock_share[places]),
            count=count,
            seed=seed,
            workers=work.workers,
        )
        markets = market_variants(
            problem,
            x,
            work.base,
            benefit_by_item=_benefit_by_item(work.home, fresh_base, best.having),
            count=VARIANT_SCENARIOS,
            workers=work.workers,
            pool=work.pool,
        )
        return own.result() + markets


def _on_fewer(problem: Problem, chosen: npt.NDArray[np.int64]) -> Problem:
    """Return the problem on some of its scenarios."""
    return make_problem(
        problem.home,
        problem.world.pick(chosen.tolist()),
        agreement_offers=problem.columns.agreement_offers,
        project_offers=problem.columns.project_offers,
        budget_usd=problem.programme.first.budget * 1e6,
        instruments=problem.instruments,
        convert=False,
    )


def states_table(work: Work, names: tuple[str, ...]) -> pl.DataFrame:
    """List how often each driver state occurs, by period."""
    rows = []
    count = len(work.fresh)
    for number, driver in enumerate(names):
        for t, start in enumerate(work.home.starts):
            seen: dict[str, int] = {}
            for scenario in work.fresh:
                state = scenario.states[t][number]
                seen[state] = seen.get(state, 0) + 1
            rows += [
                {
                    "driver": driver,
                    "state": state,
                    "period": f"{start:%Y-%m}",
                    "probability": times / count,
                }
                for state, times in sorted(seen.items())
            ]
    schema = {
        "driver": pl.String,
        "state": pl.String,
        "period": pl.String,
        "probability": pl.Float64,
    }
    return pl.DataFrame(rows, schema=schema)
