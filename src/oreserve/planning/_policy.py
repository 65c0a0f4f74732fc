# SPDX-License-Identifier: Apache-2.0
"""`operating_policy`: when to buy, keep and release, knowing only the past."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np
import numpy.typing as npt

from oreserve import __version__
from oreserve.errors import InputError
from oreserve.market import prepare
from oreserve.planning._checkpoint import Checkpoint, resume_folder, study_parts
from oreserve.planning._home import read_home
from oreserve.planning._market import HomeMarket
from oreserve.planning._policy_data import (
    Given,
    choose_items,
    futures_of,
    item_loss,
    operation_of,
    read_plan,
)
from oreserve.planning._policy_result import OperatingPolicy, make_result
from oreserve.planning._policy_stage import markov_problem
from oreserve.planning._policy_states import choose_states
from oreserve.planning._pool import LazyPool
from oreserve.planning._runs import run_chains
from oreserve.stochastic import solve_sddp
from oreserve.threats import read_drivers, sample_scenarios

if TYPE_CHECKING:
    from collections.abc import Sequence

    from oreserve.market import Base, Standing
    from oreserve.planning._home import Home
    from oreserve.planning._runs import Runs
    from oreserve.planning.result import Plan
    from oreserve.study import Study
    from oreserve.study.scenario import Scenario

__all__ = ["POLICY_FROM", "operating_policy"]

Floats = npt.NDArray[np.float64]
Progress = Callable[[str, float, float | None], None]

POLICY_FROM = 2_000_000
"""Number of the first scenario that a policy is made of; a plan has others."""

LOOK = 30
"""Scenarios from which items are chosen where no plan says them."""

DEFAULT_BUDGET_USD = 12e9

SWEEP = np.linspace(0.0, 1.0, 9) ** 2
"""Stock levels, as shares of the largest, at which values are found for certain."""


def operating_policy(
    study: Study,
    *,
    plan: Plan | str | Path | None = None,
    items: int = 12,
    purchases: Literal["policy", "plan"] | None = None,
    budget_usd: float | None = None,
    scenarios: int = 200,
    openings: int = 20,
    states: int = 8,
    risk_weight: float = 0.0,
    gap: float = 0.002,
    iterations: int = 100,
    seed: int = 0,
    workers: int = 2,
    executor: str | None = None,
    out: str | Path | None = None,
    base: Base | None = None,
    progress: Progress | None = None,
) -> OperatingPolicy:
    """Find the operating policy of a study's reserve by SDDP.

    Parameters
    ----------
    plan
        A plan or its folder: its items, and its agreements and projects stand.
    items
        How many, those with the largest outlay of the plan first, then those with
        the largest expected loss.
    purchases
        `policy`: it buys as it likes, out of the budget. `plan`: what the plan buys
        arrives in its years, and the policy keeps and releases. Default: `plan`
        where there is one.
    budget_usd
        Money for purchases of the policy; default: what the plan spends on the
        reserve of these items, 12e9 without a plan.
    scenarios
        Market simulations from which openings are taken.
    openings
        Futures of each period and state.
    states
        Markov states at most.
    risk_weight
        0: risk-neutral, with a bound and a gap. w > 0: the nested measure
        E + w CVaR_alpha, scaled to (E + w CVaR) / (1 + w) per period; no gap.
    gap, iterations
        When to stop.
    seed, workers
        The seed settles every draw; the number of workers changes nothing.
    executor
        Where markets are simulated: `serial`, `threads`, `processes`, `ray`; None:
        processes once there is enough to do. It changes nothing. The policy itself
        is solved in threads, with `serial` in one.
    out
        Output folder; simulations and cuts of an interrupted run are kept beside it
        and used again by the next run with the same study, plan, seed and options.
        None: nothing is kept.
    base
        From `oreserve.market.prepare`.
    progress
        Called with (stage, done, total).

    Raises
    ------
    InputError
        If a count is not allowed, no item can be operated, or an interrupted run on
        another version of the study lies beside `out`.
    InfeasibleError
        If a period has no solution; the rows that contradict each other are named.
    """
    _check(items, scenarios, openings, states, risk_weight, purchases)
    # What cannot be is refused before the market is prepared, which takes longer.
    pool = LazyPool(workers, executor)
    read_drivers(study)
    home = read_home(study)
    market = HomeMarket(
        home,
        base or prepare(study),
        agreement_offers=(),
        project_offers=(),
        pool=pool,
    )
    try:
        given = None if plan is None else read_plan(plan, home, market)
        mode = purchases or ("policy" if given is None else "plan")
        if mode == "plan" and given is None:
            message = "purchases='plan' needs a plan"
            raise InputError(message)
        kept = _checkpoint(
            study, out, given,
            mode=mode, items=items, budget=budget_usd, scenarios=scenarios,
            openings=openings, states=states, risk_weight=risk_weight, gap=gap,
            iterations=iterations, seed=seed,
        )  # fmt: skip
        drawn = sample_scenarios(study, count=scenarios, seed=seed, start=POLICY_FROM)
        chosen, runs = _simulate(
            home, market, given, drawn, items, kept, progress, buys=mode == "policy"
        )
    finally:
        pool.close()
    loss = item_loss(home, runs, chosen)
    found = choose_states(
        study, drawn, loss, _chain_items(home, market, chosen), most=states
    )
    budget = _budget(home, given, chosen, budget_usd)
    operation, where = operation_of(
        home,
        chosen,
        given=given,
        budget_usd=budget,
        buys=mode == "policy",
        runs=runs,
    )
    with np.errstate(invalid="ignore"):
        dear = runs.price > market.bid[None, None, :]
    futures = futures_of(
        home,
        runs,
        drawn,
        items=chosen,
        where=where,
        steps=len(operation.step_value),
        state=found.along(drawn, len(home.starts)),
        fillable=((runs.fillable > 0.0) & ~dear).astype(float),
        count=openings,
        loss=loss.sum(axis=2),
    )
    problem, columns = markov_problem(
        operation,
        futures,
        start=found.start,
        transition=found.transition,
        states=found.names,
    )
    policy = solve_sddp(
        problem,
        seed=seed,
        gap=gap,
        iterations=iterations,
        alpha=study.settings.alpha,
        weight=risk_weight / (1.0 + risk_weight),
        # Without money there is one level of the purse, which is 0.
        sweep=[SWEEP] * len(chosen) + [SWEEP if mode == "policy" else SWEEP[:1]],
        workers=pool.threads,
        checkpoint=kept.file("cuts.npz"),
        progress=progress,
    )
    result = make_result(
        study,
        home,
        policy,
        operation=operation,
        columns=columns,
        states=found,
        futures=futures,
        purchases=mode,
        scenarios=scenarios,
        openings=openings,
        workers=pool.threads,
    )
    kept.clear()
    return result


def _checkpoint(
    study: Study, out: str | Path | None, given: Given | None, **options: object
) -> Checkpoint:
    """Return where the stages of this very policy are kept."""
    folder = None if out is None else resume_folder(Path(out).absolute())
    plan = ""
    if given is not None:
        plan = f"{given.reserve.write_csv()} {given.standing!r}"
    return Checkpoint(
        folder,
        study_hash=study.hash,
        options={
            **options,
            "kind": "policy",
            "plan": hashlib.sha256(plan.encode()).hexdigest(),
            "version": __version__,
        },
        parts=None if folder is None else study_parts(study),
    )


def _check(
    items: int,
    scenarios: int,
    openings: int,
    states: int,
    risk_weight: float,
    purchases: str | None,
) -> None:
    problems = [
        f"{name} is {value}; at least 1 is needed"
        for name, value in (
            ("items", items),
            ("scenarios", scenarios),
            ("openings", openings),
            ("states", states),
        )
        if value < 1
    ]
    if not risk_weight >= 0.0:
        problems.append(f"risk_weight is {risk_weight}; it must be 0 or more")
    if purchases not in {None, "policy", "plan"}:
        problems.append(f"purchases is {purchases!r}; allowed are policy, plan")
    if problems:
        raise InputError("\n".join(problems))


def _simulate(
    home: Home,
    market: HomeMarket,
    given: Given | None,
    drawn: Sequence[Scenario],
    items: int,
    kept: Checkpoint,
    progress: Progress | None,
    *,
    buys: bool,
) -> tuple[list[int], Runs]:
    """Choose the items, and simulate their chains without releases or purchases."""
    contracts = None if given is None else given.contracts
    bought = 0 if given is None else given.reserve["item"].n_unique()
    if bought >= items:
        expected = np.ones(len(home.item))  # the plan's outlays decide alone
    else:
        stage = "Look at all items"
        look = kept.runs(
            "look",
            lambda: _run(market, drawn[:LOOK], contracts, None, stage, progress),
        )
        loss = item_loss(home, look, range(len(home.item)))
        expected = loss.sum(axis=1).mean(axis=0)
    chosen = choose_items(home, given, expected, items, buys=buys)
    if not chosen:
        message = (
            f"{home.study.name}: no item of {home.study.settings.home} is ever short "
            f"and can be kept (storable, in stock, planned or within reach to buy): "
            f"there is nothing to operate"
        )
        raise InputError(message)
    names = {home.item[i] for i in chosen}
    stage = "Simulate the openings"
    runs = kept.runs(
        "openings",
        lambda: _run(market, drawn, contracts, names, stage, progress),
    )
    return chosen, runs


def _run(
    market: HomeMarket,
    scenarios: Sequence[Scenario],
    standing: Standing | None,
    names: set[str] | None,
    stage: str,
    progress: Progress | None,
) -> Runs:
    """Simulate the chains of some items; the others stay empty."""
    places = [
        n
        for n, chain in enumerate(market.chains)
        if names is None or names & set(chain.spec.items)
    ]
    parts = run_chains(
        [market.chains[n] for n in places],
        scenarios,
        standing,
        release=False,
        pool=market.pool,
        progress=None
        if progress is None
        else lambda done, total: progress(stage, done, total),
    )
    return market.collect(places, parts, len(scenarios), None)


def _chain_items(
    home: Home, market: HomeMarket, chosen: Sequence[int]
) -> list[tuple[str, str, str]]:
    """List item, mineral and stage of everything in the chains of the items."""
    names = {home.item[i] for i in chosen}
    inside: set[str] = set()
    for chain in market.chains:
        if names & set(chain.spec.items):
            inside |= set(chain.spec.items)
    return [
        (home.item[i], home.mineral[i], home.stage[i])
        for i in range(len(home.item))
        if home.item[i] in inside
    ]


def _budget(
    home: Home, given: Given | None, chosen: Sequence[int], budget_usd: float | None
) -> float:
    if budget_usd is not None:
        return budget_usd
    if given is None:
        return DEFAULT_BUDGET_USD
    names = {home.item[i] for i in chosen}
    rows = given.reserve.iter_rows(named=True)
    return float(sum(row["outlay_usd"] for row in rows if row["item"] in names))
