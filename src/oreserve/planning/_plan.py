# SPDX-License-Identifier: Apache-2.0
"""The verb `plan`: from a study and a budget to a verified plan."""

from __future__ import annotations

import math
import platform
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import polars as pl

from oreserve.errors import InputError
from oreserve.market import prepare
from oreserve.planning._checkpoint import Checkpoint, resume_folder
from oreserve.planning._coverage import (
    build_up_table,
    coverage_table,
    requirements_table,
    worst_scenarios,
)
from oreserve.planning._frontier import (
    PROGRAMMES,
    frontier_budgets,
    restricted,
    sweep,
)
from oreserve.planning._home import Home, read_home
from oreserve.planning._market import HomeMarket, Runs
from oreserve.planning._offers import agreement_offers, project_offers
from oreserve.planning._passes import (
    Pass,
    gap_reasons,
    renewed,
    run_losses,
    transfer,
    verified_pass,
)
from oreserve.planning._problem import Problem, make_problem, solve_problem
from oreserve.planning._sensitivity import (
    Draw,
    home_draws,
    market_variants,
    robust_shares,
    tornado_table,
)
from oreserve.planning._tables import (
    agreements_table,
    comparison_table,
    covered_states,
    marginal_values,
    projects_table,
    reserve_table,
)
from oreserve.planning._verify import (
    conditional_value_at_risk,
    student_halfwidth,
)
from oreserve.planning._world import period_loss
from oreserve.planning.result import Plan
from oreserve.threats import read_drivers, sample_scenarios, touching_drivers

if TYPE_CHECKING:
    from collections.abc import Callable

    from oreserve.market import Base
    from oreserve.study import Study
    from oreserve.study.scenario import Scenario

__all__ = ["INSTRUMENTS", "plan"]

Floats = npt.NDArray[np.float64]

INSTRUMENTS = ("reserve", "agreements", "projects")
FRESH_FROM = 1_000_000
"""Number of the first verification scenario: never one that a plan has seen."""

GAP = 1e-3
MOST_PASSES = 3
SENSITIVITY_SCENARIOS = 40
SENSITIVITY_DRAWS = 12
VARIANT_SCENARIOS = 5
PROGRAMME_SCENARIOS = 100
BATCHES = 10
ROBUST = 0.8


@dataclass
class _Work:
    """What the stages of one plan share."""

    study: Study
    home: Home
    base: Base
    market: HomeMarket
    scenarios: tuple[Scenario, ...]
    fresh: tuple[Scenario, ...]
    checkpoint: Checkpoint
    workers: int
    progress: Callable[[str, float, float | None], None] | None
    warnings: list[str] = field(default_factory=list)

    def say(self, stage: str, done: float, total: float | None = None) -> None:
        """Report progress if anybody listens."""
        if self.progress is not None:
            self.progress(stage, done, total)

    def runs(self, name: str, make: Callable[[], Runs]) -> Runs:
        """Return runs from the checkpoint, or make and keep them."""
        held = self.checkpoint.get(name)
        if held is not None:
            return Runs.from_arrays(held)
        runs = make()
        self.checkpoint.put(name, runs.to_arrays())
        return runs


def plan(
    study: Study,
    *,
    budget_usd: float,
    scenarios: int = 100,
    verify: int = 300,
    seed: int = 0,
    workers: int = 2,
    out: str | Path | None = None,
    progress: Callable[[str, float, float | None], None] | None = None,
    frontier: bool = True,
    sensitivity: bool = True,
    programmes: bool = True,
    instruments: tuple[str, ...] = INSTRUMENTS,
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
        Threads; they change nothing but the time.
    out
        Output folder; stages of an interrupted run are kept beside it and used
        again by the next run with the same study, seed and options.
    progress
        Called with (stage, done, total).
    frontier, sensitivity, programmes
        Whether to make these parts.
    instruments
        Of reserve, agreements, projects.

    Returns
    -------
    Plan
        Tables, figures, and the plan as the market sees it.

    Raises
    ------
    InputError
        If the budget, a count or an instrument is not allowed.
    InfeasibleError
        If limits contradict each other.
    """
    _check(budget_usd, scenarios, verify, instruments)
    options = {
        "budget": float(budget_usd),
        "scenarios": scenarios,
        "verify": verify,
        "seed": seed,
        "instruments": sorted(instruments),
    }
    folder = None if out is None else resume_folder(Path(out).absolute())
    checkpoint = Checkpoint(folder, study_hash=study.hash, options=options)
    work = _begin(study, scenarios, verify, seed, workers, checkpoint, progress)
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
    )
    checkpoint.clear()
    return result


def _check(
    budget_usd: float, scenarios: int, verify: int, instruments: tuple[str, ...]
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
    workers: int,
    checkpoint: Checkpoint,
    progress: Callable[[str, float, float | None], None] | None,
) -> _Work:
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
        workers=workers,
    )
    return _Work(
        study=study,
        home=home,
        base=base,
        market=market,
        scenarios=sample_scenarios(study, count=scenarios, seed=seed),
        fresh=sample_scenarios(study, count=verify, seed=seed, start=FRESH_FROM),
        checkpoint=checkpoint,
        workers=workers,
        progress=progress,
    )


def _without(
    work: _Work, budget_usd: float, instruments: tuple[str, ...]
) -> tuple[Runs, Runs, Problem]:
    """Simulate without the plan and build the programme."""
    market = work.market
    base_runs = work.runs(
        "base",
        lambda: market.run(
            work.scenarios, progress=work.progress, stage="Simulate without a plan"
        ),
    )
    probe = None
    if market.projects and "projects" in instruments:
        probe = work.runs(
            "probe",
            lambda: market.run(
                work.scenarios,
                market.probe(),
                progress=work.progress,
                stage="Simulate with all projects",
            ),
        )
    fresh_base = work.runs(
        "fresh",
        lambda: market.run(
            work.fresh, progress=work.progress, stage="Simulate fresh scenarios"
        ),
    )
    problem = make_problem(
        work.home,
        market.world(work.scenarios, base_runs, probe),
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
    work: _Work, problem: Problem, base_runs: Runs, fresh_base: Runs
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
        )
        passes.append(one)
        if one.good or number == MOST_PASSES:
            break
        inside = work.market.run(work.scenarios, one.standing)
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
    work: _Work,
    best: Pass,
    passes: list[Pass],
    *,
    base_runs: Runs,
    fresh_base: Runs,
    budget_usd: float,
    seed: int,
    parts: tuple[bool, bool, bool],
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
    frames["verification"] = _verification_table(work, best, passes, base_runs)
    if parts[0]:
        frames["frontier"] = _frontier_table(work, best, budget_usd)
    if parts[2]:
        frames["programmes"] = _programmes_table(work, best, fresh_base)
    draws: list[Draw] = []
    if parts[1]:
        draws = _sensitivity(work, best, fresh_base, seed)
        frames["sensitivity"] = tornado_table(draws, best.planned)
        frames["draws"] = _draws_table(draws)
    robust = _robust(problem, x, draws)
    frames["reserve"] = reserve_table(problem, x, robust=robust, why=states)
    frames["agreements"] = agreements_table(problem, x, robust=robust, why=states)
    frames["comparison"] = comparison_table(problem, x)
    frames["projects"] = projects_table(problem, x, robust=robust, why=states)
    frames["coverage"] = coverage_table(problem, x, fresh_base, best.having, states)
    frames["marginal_value"] = marginal_values(problem, x)
    alpha = work.study.settings.alpha
    frames["requirements"] = requirements_table(home, fresh_base, alpha)
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
    frames["states"] = _states_table(work, names)
    frames["reconciliation"] = work.base.reconciliation
    figures = _figures(
        work, best, passes, fresh_base, budget_usd=budget_usd, seed=seed, frames=frames
    )
    return Plan(figures=figures, frames=frames, standing=best.standing)


def _verification_table(
    work: _Work, best: Pass, passes: list[Pass], base_runs: Runs
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
        inside = work.market.run(work.scenarios, best.standing)
        rows += [
            {"pass": None, "halfwidth_usd": None, "note": "reason", **row}
            for row in gap_reasons(best, work.market, work.scenarios, base_runs, inside)
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


def _frontier_table(work: _Work, best: Pass, budget_usd: float) -> pl.DataFrame:
    """Solve for other budgets on the same cuts."""
    used = best.problem.programme.first.outlay(best.solution.x) * 1e6
    budgets = frontier_budgets(budget_usd, used)
    rows = []
    points = sweep(
        best.problem,
        budgets,
        pool=best.pool,
        known=best.solution,
        workers=work.workers,
    )
    for number, point in enumerate(points, start=1):
        rows.append(
            {
                "budget_usd": point.budget,
                "outlays_usd": point.outlay,
                "expected_loss_usd": point.expected_loss,
                "cvar_loss_usd": point.cvar_loss,
                "objective_usd": point.objective,
                "lower_bound_usd": point.bound,
            }
        )
        work.say("Frontier", number, len(budgets))
    return pl.DataFrame(rows)


def _programmes_table(work: _Work, best: Pass, fresh_base: Runs) -> pl.DataFrame:
    """Compare three programmes at equal money, each verified."""
    count = min(PROGRAMME_SCENARIOS, len(work.fresh))
    fresh, base = work.fresh[:count], _first(fresh_base, count)
    rows = []
    for number, (name, kinds) in enumerate(PROGRAMMES.items(), start=1):
        if name == "all":
            one = best
            verification = best.verification
        else:
            problem = restricted(best.problem, kinds)
            solution = solve_problem(
                problem, gap=2.0 * GAP, pool=best.pool, workers=work.workers
            )
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


def _first(runs: Runs, count: int) -> Runs:
    """Return the first scenarios of some runs."""
    return Runs.from_arrays({k: v[:count] for k, v in runs.to_arrays().items()})


def _benefit_by_item(home: Home, without: Runs, having: Runs) -> Floats:
    """Compute the loss that the plan removes by item, (I,) million USD."""
    before = period_loss(home, without.short, without.wanted)
    after = period_loss(home, having.short, having.wanted)
    mean = np.einsum("std,t->d", before - after, home.discount) / len(before)
    total = np.bincount(home.demand_item, weights=mean, minlength=len(home.item))
    return np.asarray(total, dtype=float)


def _sensitivity(work: _Work, best: Pass, fresh_base: Runs, seed: int) -> list[Draw]:
    """Perturb home's side and the market; see which purchases stay."""
    problem, x = best.problem, best.solution.x
    if not x.any():
        return []
    count = min(SENSITIVITY_SCENARIOS, len(work.scenarios))
    small = make_problem(
        work.home,
        problem.world.pick(range(count)),
        agreement_offers=problem.columns.agreement_offers,
        project_offers=problem.columns.project_offers,
        budget_usd=problem.programme.first.budget * 1e6,
        instruments=problem.instruments,
        convert=False,
    )
    shock_share = np.array(
        [
            np.mean([bool(effects) for effects in scenario.effects])
            for scenario in work.scenarios[:count]
        ]
    )
    draws = home_draws(
        small,
        transfer(problem, x, small),
        shock_share=shock_share,
        count=SENSITIVITY_DRAWS,
        seed=seed,
        workers=work.workers,
        progress=lambda done, total: work.say("Other assumptions", done, total),
    )
    draws += market_variants(
        problem,
        x,
        work.base,
        benefit_by_item=_benefit_by_item(work.home, fresh_base, best.having),
        count=min(VARIANT_SCENARIOS, len(work.scenarios)),
        workers=work.workers,
        progress=lambda done, total: work.say("Other markets", done, total),
    )
    return draws


def _draws_table(draws: list[Draw]) -> pl.DataFrame:
    """List what each perturbed solution buys."""
    rows = [
        {
            "parameter": draw.parameter,
            "level": draw.level,
            "value": draw.value,
            "item": name,
            "tonnes": tonnes,
        }
        for draw in draws
        for name, tonnes in sorted(draw.bought.items())
        if tonnes > 0.0
    ]
    schema = {
        "parameter": pl.String,
        "level": pl.String,
        "value": pl.Float64,
        "item": pl.String,
        "tonnes": pl.Float64,
    }
    return pl.DataFrame(rows, schema=schema)


def _robust(problem: Problem, x: Floats, draws: list[Draw]) -> dict[str, float]:
    """Compute how often each purchase, agreement and project survives."""
    tonnes = problem.bought(x).sum(axis=1)
    planned = {n: float(t) for n, t in zip(problem.home.item, tonnes, strict=True)}
    items: dict[str, tuple[str, ...]] = {}
    for column, place in problem.columns.agreements:
        offer = problem.columns.agreement_offers[place]
        key = f"agreement {offer.name}"
        planned[key] = float(x[column] * offer.most_t)
        items[key] = (offer.item,)
    for column, place in problem.columns.options:
        project = problem.columns.project_offers[place]
        key = f"project {project.project}"
        planned[key] = planned.get(key, 0.0) + float(x[column] > 0.5)
        items[key] = tuple(project.output)
    return robust_shares(planned, draws, items)


def _states_table(work: _Work, names: tuple[str, ...]) -> pl.DataFrame:
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


def _out_of_sample(best: Pass) -> tuple[float, float]:
    """Estimate the objective on fresh scenarios, in batches for the tail.

    Returns
    -------
    tuple
        Mean over batches and half of its 95 % Student interval, million USD.
    """
    programme = best.problem.programme
    loss = run_losses(best.problem.home, best.having)
    batches = max(2, min(BATCHES, len(loss) // 10))
    values = np.array(
        [
            part.mean()
            + programme.risk_weight * conditional_value_at_risk(part, programme.alpha)
            for part in np.array_split(loss, batches)
        ]
    )
    cost = float(programme.first.cost @ best.solution.x)
    return float(values.mean()) + cost, student_halfwidth(values)


def _figures(
    work: _Work,
    best: Pass,
    passes: list[Pass],
    fresh_base: Runs,
    *,
    budget_usd: float,
    seed: int,
    frames: dict[str, pl.DataFrame],
) -> dict[str, Any]:
    """Make the contents of plan.json."""
    home, settings = work.home, work.study.settings
    first, x = best.problem.programme.first, best.solution.x
    by_kind = {
        kind: float(first.cash @ np.where(np.isin(first.kind, kinds), x, 0.0)) * 1e6
        for kind, kinds in (
            ("purchases_usd", ("buy", "step")),
            ("agreements_usd", ("agreement",)),
            ("projects_usd", ("option",)),
        )
    }
    outlays = sum(by_kind.values())
    gross = by_kind["purchases_usd"] + by_kind["projects_usd"]
    for row in frames["agreements"].iter_rows(named=True):
        price = home.price[home.item_index(row["item"])]
        years = row["until"] - row["from"] + 1
        gross += row["tonnes_per_year"] * years * float(price)
    use = np.where(np.isfinite(home.price), home.price * home.use[:, 0], 0.0)
    annual = float(use.sum())
    upper, upper_half = _out_of_sample(best)
    check = best.verification
    return {
        "study": work.study.name,
        "study_title": work.study.title,
        "study_hash": work.study.hash,
        "home": settings.home,
        "budget_usd": float(budget_usd),
        "outlays_usd": outlays,
        "gross_commitment_usd": gross,
        **by_kind,
        "expected_cost_usd": float(first.cost @ x) * 1e6,
        "expected_loss_without_usd": check.loss_without * 1e6,
        "verified_loss_with_usd": check.loss_with * 1e6,
        "verified_benefit_usd": check.benefit * 1e6,
        "verified_benefit_halfwidth_usd": check.halfwidth * 1e6,
        "planned_benefit_usd": best.planned * 1e6,
        "verified_over_planned": best.ratio,
        "benefit_by_pass": [one.verification.benefit * 1e6 for one in passes],
        "planned_by_pass": [one.planned * 1e6 for one in passes],
        "cvar_loss_without_usd": check.cvar_without * 1e6,
        "cvar_loss_with_usd": check.cvar_with * 1e6,
        "premium_without_usd": _premium(home, fresh_base),
        "premium_with_usd": _premium(home, best.having),
        "lower_bound_usd": best.solution.bound * 1e6,
        "objective_usd": best.solution.objective * 1e6,
        "upper_bound_mean_usd": upper * 1e6,
        "upper_bound_halfwidth_usd": upper_half * 1e6,
        "gap": best.solution.gap,
        "iterations": best.solution.iterations,
        "cuts": best.solution.cuts,
        "passes": len(passes),
        "scenarios": len(work.scenarios),
        "verify": len(work.fresh),
        "base_year": settings.base_year,
        "as_of": str(settings.as_of),
        "discount_rate": settings.discount_rate,
        "alpha": settings.alpha,
        "risk_weight": settings.risk_weight,
        "seed": seed,
        "annual_use_usd": annual,
        "budget_days": 365.0 * budget_usd / annual if annual > 0.0 else None,
        "robust_buys": sorted(
            set(
                frames["reserve"]
                .filter(pl.col("robust_share") >= ROBUST)["item"]
                .to_list()
            )
        ),
        "versions": _versions(),
        "warnings": _warnings(work, best, frames),
    }


def _premium(home: Home, runs: Runs) -> float:
    """Compute the discounted mean import premium, USD."""
    return float((runs.premium @ home.discount).mean()) * 1e6


def _warnings(work: _Work, best: Pass, frames: dict[str, pl.DataFrame]) -> list[str]:
    """Say what a reader must know before believing a number."""
    found = list(work.warnings)
    home = work.home
    unknown = sum(1 for known in home.loss_known if not known)
    if unknown:
        found.append(
            f"{unknown} of {len(home.loss_known)} uses at home have no loss per tonne: "
            f"their shortage counts nothing"
        )
    if best.ratio is not None and not best.good:
        found.append(
            f"only {100 * best.ratio:.0f} % of the planned benefit was verified; "
            f"see verification.csv"
        )
    if best.solution.gap > GAP:
        found.append(f"the gap to the bound is {best.solution.gap:.1e}, above {GAP:g}")
    values = frames["marginal_value"]
    rich = values.filter(pl.col("value_per_usd") > 100.0)["item"].to_list()
    if rich:
        found.append(
            "a tonne more is worth over 100 times its price for "
            f"{', '.join(rich[:5])}: the loss per tonne is an average over a full "
            "year's loss, the form in use may differ, and the use may be assumed"
        )
    return found


def _versions() -> dict[str, str]:
    """Name the software that made the plan."""
    from importlib.metadata import PackageNotFoundError, version

    found = {"python": platform.python_version()}
    for name in ("oreserve", "highspy", "numpy", "polars", "scipy"):
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = "unknown"
    return found
