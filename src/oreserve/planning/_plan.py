# SPDX-License-Identifier: Apache-2.0
"""The verb `plan`: from a study and a budget to a verified plan."""

from __future__ import annotations

import math
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from oreserve import __version__
from oreserve.errors import InputError
from oreserve.market import prepare
from oreserve.planning._baseline import simulate_baseline
from oreserve.planning._checkpoint import Checkpoint, resume_folder, study_parts
from oreserve.planning._control import control_figures
from oreserve.planning._coverage import (
    build_up_table,
    coverage_table,
    requirements_table,
    worst_places,
    worst_scenarios,
)
from oreserve.planning._home import read_home
from oreserve.planning._keep import Keep
from oreserve.planning._market import HomeMarket
from oreserve.planning._offers import agreement_offers, project_offers
from oreserve.planning._passes import (
    Pass,
    renewed,
    verified_pass,
)
from oreserve.planning._pool import LazyPool
from oreserve.planning._problem import Problem, make_problem
from oreserve.planning._rule_check import check_rule, given_policy
from oreserve.planning._tables import (
    agreements_table,
    comparison_table,
    covered_states,
    marginal_values,
    projects_table,
    reserve_table,
)
from oreserve.planning.result import Plan
from oreserve.threats import read_drivers, sample_scenarios, touching_drivers

if TYPE_CHECKING:
    from collections.abc import Callable

    import polars as pl

    from oreserve.planning._draws import Draw
    from oreserve.planning._policy_result import OperatingPolicy
    from oreserve.planning._runs import Runs
    from oreserve.study import Study

from oreserve.planning._figures import plan_figures
from oreserve.planning._parts import (
    frontier_table,
    programmes_table,
    sensitivity_draws,
    states_table,
    verification_table,
)
from oreserve.planning._robust import draws_table, robust_decisions, tornado_table
from oreserve.planning._work import GAP, Work

__all__ = ["INSTRUMENTS", "plan"]

Floats = npt.NDArray[np.float64]

INSTRUMENTS = ("reserve", "agreements", "projects")
FRESH_FROM = 1_000_000
"""Number of the first verification scenario: never one that a plan has seen."""

MOST_PASSES = 3
LEAST_BUDGETS = 4


def plan(
    study: Study,
    *,
    budget_usd: float,
    scenarios: int = 100,
    verify: int = 300,
    seed: int = 0,
    workers: int = 2,
    executor: str | None = None,
    out: str | Path | None = None,
    progress: Callable[[str, float, float | None], None] | None = None,
    frontier: bool = True,
    sensitivity: bool = True,
    programmes: bool = True,
    instruments: tuple[str, ...] = INSTRUMENTS,
    draws: int = 12,
    budgets: int | None = None,
    policy: OperatingPolicy | str | Path | None = None,
) -> Plan:
    """Find what a budget should buy, sign and build, and verify its worth.

    The plan is home's best answer to what the market would send; it never assumes
    that foreigners give way. It minimises E[loss] + risk_weight CVaR[loss] + net
    cost over simulated scenarios; every printed benefit is verified by simulating
    fresh scenarios with the plan in the market.

    Parameters
    ----------
    study
        The study; its settings hold home, horizon, discount rate and risk.
    budget_usd
        USD, 0 or more. Purchases and capital count in cash, price guarantees with
        the 90 % CVaR of their payments.
    scenarios, verify
        Scenarios to plan for (1 or more), and fresh ones to verify on (2 or more).
    seed
        With a scenario's number it settles every draw.
    workers
        How many simulations and cuts are made side by side; it changes nothing but
        the time.
    executor
        Where markets are simulated: `serial`, `threads`, `processes`, `ray`; None:
        processes once there is enough to do. It changes nothing but the time. Cuts
        are made in threads, with `serial` in one.
    out
        Output folder; stages of an interrupted run are kept beside it and used
        again by the next run with the same study, seed and options.
    progress
        Called with (stage, done, total).
    frontier, sensitivity, programmes
        Whether to make these parts.
    instruments
        Of reserve, agreements, projects.
    draws
        Random combinations of assumptions about home in the sensitivity.
    budgets
        Points of the frontier, 4 or more; None: nine.
    policy
        An operating policy or its folder: the plan is verified once more with it as
        release rule, on the same scenarios as with the linear one.

    Returns
    -------
    Plan
        Tables, figures, and the plan as the market sees it.

    Raises
    ------
    InputError
        If the budget, a count or an instrument is not allowed, or the policy is of
        another version of the study.
    InfeasibleError
        If limits contradict each other.
    """
    _check(budget_usd, scenarios, verify, instruments, draws, budgets)
    # What cannot be is refused before the market is prepared, which takes longer.
    read_drivers(study)
    rule = given_policy(policy, study)
    pool = LazyPool(workers, executor)
    options = {
        "budget": float(budget_usd),
        "scenarios": scenarios,
        "verify": verify,
        "seed": seed,
        "instruments": sorted(instruments),
        "version": __version__,
    }
    folder = None if out is None else resume_folder(Path(out).absolute())
    checkpoint = Checkpoint(
        folder,
        study_hash=study.hash,
        options=options,
        parts=None if folder is None else study_parts(study),
    )
    work = _begin(study, scenarios, verify, seed, pool, checkpoint, progress)
    try:
        base_runs, fresh_base, problem = _without(work, budget_usd, instruments)
        passes = _passes(work, problem, base_runs, fresh_base)
        best = max(passes, key=lambda one: one.verification.benefit)
        result = _finish(
            work,
            best,
            passes,
            base_runs=base_runs,
            fresh_base=fresh_base,
            budget_usd=budget_usd,
            seed=seed,
            parts=(frontier, sensitivity, programmes),
            draws=draws,
            budgets=budgets,
            policy=rule,
        )
    finally:
        work.pool.close()
    checkpoint.clear()
    return result


def _check(
    budget_usd: float,
    scenarios: int,
    verify: int,
    instruments: tuple[str, ...],
    draws: int,
    budgets: int | None,
) -> None:
    """Refuse what cannot be meant."""
    problems = []
    given: object = budget_usd
    number = isinstance(given, int | float) and not isinstance(given, bool)
    if not number or not math.isfinite(budget_usd) or budget_usd < 0.0:
        problems.append(
            f"budget_usd is {budget_usd!r}; it must be a number of USD, 0 or more, "
            f"such as 12e9"
        )
    if scenarios < 1:
        problems.append(f"scenarios is {scenarios}; at least 1 is needed")
    if verify < 2:
        problems.append(f"verify is {verify}; an interval needs at least 2")
    if draws < 0:
        problems.append(f"draws is {draws}; it must be 0 or more")
    if budgets is not None and budgets < LEAST_BUDGETS:
        problems.append(
            f"budgets is {budgets}; a frontier needs at least {LEAST_BUDGETS}"
        )
    unknown = sorted(set(instruments) - set(INSTRUMENTS))
    if unknown or not instruments:
        problems.append(
            f"instruments {', '.join(unknown) or 'are empty'}; allowed: "
            f"{', '.join(INSTRUMENTS)}"
        )
    if problems:
        raise InputError("\n".join(problems))


def _begin(
    study: Study,
    scenarios: int,
    verify: int,
    seed: int,
    pool: LazyPool,
    checkpoint: Checkpoint,
    progress: Callable[[str, float, float | None], None] | None,
) -> Work:
    """Prepare the market and draw the scenarios."""
    if progress is not None:
        progress("Prepare the market", 0, None)
    home = read_home(study)
    base = prepare(study)
    used = {int(i) for i, loss in zip(home.demand_item, home.loss, strict=True) if loss}
    market = HomeMarket(
        home,
        base,
        agreement_offers=agreement_offers(home, used),
        project_offers=project_offers(home),
        pool=pool,
    )
    return Work(
        study=study,
        home=home,
        base=base,
        market=market,
        scenarios=sample_scenarios(study, count=scenarios, seed=seed),
        fresh=sample_scenarios(study, count=verify, seed=seed, start=FRESH_FROM),
        checkpoint=checkpoint,
        workers=pool.threads,
        pool=pool,
        progress=progress,
    )


def _without(
    work: Work, budget_usd: float, instruments: tuple[str, ...]
) -> tuple[Runs, Runs, Problem]:
    """Simulate without the plan and build the programme."""
    market = work.market
    base_runs, world = simulate_baseline(work, projects="projects" in instruments)
    fresh_base = work.runs(
        "fresh",
        lambda: market.run(
            work.fresh, progress=work.progress, stage="Simulate fresh scenarios"
        ),
    )
    problem = make_problem(
        work.home,
        world,
        agreement_offers=market.agreement_offers,
        project_offers=project_offers(work.home),
        budget_usd=budget_usd,
        instruments=instruments,
        # Directed release gives to uses, not to plants: what it does not do in
        # the market must not be promised by the plan.
        convert=False,
    )
    return base_runs, fresh_base, problem


def _passes(
    work: Work, problem: Problem, base_runs: Runs, fresh_base: Runs
) -> list[Pass]:
    """Solve and verify; up to three passes while less than 80 % is verified."""
    passes: list[Pass] = []
    for number in range(1, MOST_PASSES + 1):
        work.say(f"Solve the programme, pass {number}", 0, None)
        one = verified_pass(
            problem,
            work.market,
            work.fresh,
            fresh_base,
            gap=GAP,
            workers=work.workers,
            progress=work.progress,
            keep=Keep(work.checkpoint, f"cuts-{number}"),
        )
        passes.append(one)
        if one.good or number == MOST_PASSES:
            break
        inside = work.market.run(work.scenarios, one.standing, without=base_runs)
        again = renewed(one.problem, one.solution.x, base_runs, inside)
        first = problem.programme.first
        problem = make_problem(
            again.home,
            again.world,
            agreement_offers=problem.columns.agreement_offers,
            project_offers=problem.columns.project_offers,
            budget_usd=first.budget * 1e6,
            instruments=problem.instruments,
            convert=False,
        )
    return passes


def _finish(
    work: Work,
    best: Pass,
    passes: list[Pass],
    *,
    base_runs: Runs,
    fresh_base: Runs,
    budget_usd: float,
    seed: int,
    parts: tuple[bool, bool, bool],
    draws: int,
    budgets: int | None,
    policy: OperatingPolicy | None,
) -> Plan:
    """Make the tables and figures of the plan."""
    problem, x = best.problem, best.solution.x
    home = work.home
    frames: dict[str, pl.DataFrame] = {}
    drivers = read_drivers(work.study)
    names = tuple(driver.name for driver in drivers)
    shocks = frozenset(
        (driver.name, state)
        for driver in drivers
        for place, state in enumerate(driver.states)
        if driver.is_shock(place)
    )
    states = covered_states(
        home,
        work.fresh,
        names,
        shocks,
        touching_drivers(work.study),
        fresh_base,
        best.having,
    )
    # The frontier only solves, while processes simulate what explains the gap.
    with ThreadPoolExecutor(1) as beside:
        frontier = beside.submit(
            frontier_table, work, best, budget_usd, count=budgets, wanted=parts[0]
        )
        table = verification_table(work, best, passes, base_runs)
        control = control_figures(work, best, fresh_base, seed=seed)
        place = next(k for k, one in enumerate(passes, start=1) if one is best)
        frames["verification"] = control.beside(table, place)
        ruled = None
        if policy is not None:
            ruled = check_rule(work, best, fresh_base, policy)
            frames["verification"] = ruled.below(frames["verification"])
        work.say("Frontier", 0, None)
        if parts[0]:
            frames["frontier"] = frontier.result()
    if parts[2]:
        frames["programmes"] = programmes_table(work, best, fresh_base)
    drawn: list[Draw] = []
    if parts[1]:
        drawn = sensitivity_draws(work, best, fresh_base, count=draws, seed=seed)
        frames["sensitivity"] = tornado_table(drawn)
        frames["draws"] = draws_table(drawn)
    robust = robust_decisions(problem, x, drawn)
    frames["reserve"] = reserve_table(problem, x, robust=robust, why=states)
    frames["agreements"] = agreements_table(problem, x, robust=robust, why=states)
    frames["comparison"] = comparison_table(problem, x)
    frames["projects"] = projects_table(problem, x, robust=robust, why=states)
    frames["coverage"] = coverage_table(problem, x, fresh_base, best.having, states)
    frames["marginal_value"] = marginal_values(problem, x)
    alpha = work.study.settings.alpha
    worst = worst_places(home, fresh_base, alpha)
    at_base = work.market.served_at_base([work.fresh[s] for s in worst])
    frames["requirements"] = requirements_table(
        home, fresh_base.pick(worst), at_base, alpha
    )
    frames["build_up"] = build_up_table(home, best.having, problem.bought(x))
    frames["worst_scenarios"] = worst_scenarios(
        home,
        work.fresh,
        fresh_base,
        best.having,
        work.market.bid / 1.3,
        drivers=names,
        shock_states=shocks,
    )
    frames["states"] = states_table(work, names)
    frames["reconciliation"] = work.base.reconciliation
    work.warnings += work.checkpoint.troubles
    figures = plan_figures(
        work, best, passes, fresh_base, budget_usd=budget_usd, seed=seed, frames=frames
    )
    figures |= control.figures()
    if ruled is not None:
        figures |= ruled.figures()
    return Plan(figures=figures, frames=frames, standing=best.standing)
