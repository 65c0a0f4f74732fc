# SPDX-License-Identifier: Apache-2.0
"""Other markets: few scenarios of the chains that matter are simulated again."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import polars as pl

from oreserve.planning._draws import RELAXED_GAP, Draw
from oreserve.planning._market import HomeMarket
from oreserve.planning._problem import Problem, make_problem, solve_problem
from oreserve.planning._runs import run_chains
from oreserve.planning._standing import standing_of
from oreserve.planning._verify import spread_over
from oreserve.planning._world import period_loss

if TYPE_CHECKING:
    from collections.abc import Callable

    from oreserve.market import Base, Standing
    from oreserve.planning._home import Home
    from oreserve.planning._pool import LazyPool
    from oreserve.planning._runs import Runs
    from oreserve.planning._world import World

__all__ = ["VARIANTS", "market_variants"]

Floats = npt.NDArray[np.float64]

SCOPE_SHARE = 0.9
"""Part of the plan's benefit whose chains are simulated again."""

VARIANTS: tuple[tuple[str, str, float, float], ...] = (
    ("demand elasticity", "elasticity", 0.5, 2.0),
    ("leakage through third countries", "leakage", 0.0, 2.0),
    ("growth of lanes", "lanes", 0.0, 2.0),
    ("traders' stocks", "stocks", 0.5, 2.0),
    ("years until idle plants run", "restart", 0.5, 2.0),
)


def market_variants(
    problem: Problem,
    x: Floats,
    base: Base,
    *,
    benefit_by_item: Floats,
    count: int,
    workers: int,
    pool: LazyPool | None = None,
    progress: Callable[[float, float], None] | None = None,
) -> list[Draw]:
    """Simulate other markets on few scenarios and the chains that matter.

    The plan in hand is simulated as it stands; the best plan of the variant says
    which purchases survive. Chains are taken by the benefit that they hold until
    `SCOPE_SHARE` of it is in; scenarios are spread over the losses, so that few
    stand for many.

    Parameters
    ----------
    benefit_by_item
        (I,) loss that the plan removes, million USD.
    count
        Scenarios.
    """
    world = problem.world
    world = world.pick(spread_over(problem.programme.base_loss, count))
    base = replace(base, chains=_chains_that_matter(problem, base, benefit_by_item))
    scope = frozenset(item for chain in base.chains for item in chain.items)
    work = [
        (name, level, value, kind)
        for name, kind, low, high in VARIANTS
        for level, value in (("low", low), ("high", high))
    ]
    work.insert(0, ("market as it is", "base", 1.0, "none"))
    markets = [
        HomeMarket(
            problem.home,
            vary_base(base, kind, value),
            agreement_offers=problem.columns.agreement_offers,
            project_offers=problem.columns.project_offers,
            pool=pool,
        )
        for _, _, value, kind in work
    ]
    without = _run_all(markets, world, None, pool, None)
    # Bids hang on base prices, which no variant changes.
    standing = standing_of(problem.home, markets[0], problem.columns, x)
    having = _run_all(markets, world, standing, pool, without)
    draws: list[Draw] = []
    for place, (name, level, value, _) in enumerate(work):
        market = markets[place]
        bought = _best_plan(problem, world, market, without[place], workers)
        benefit = _benefit(problem.home, without[place], having[place])
        draws.append(Draw(name, level, value, benefit, bought, scope))
        market.close()
        if progress is not None:
            progress(place + 1, len(work))
    return draws


def _run_all(
    markets: list[HomeMarket],
    world: World,
    standing: Standing | None,
    pool: LazyPool | None,
    without: list[Runs] | None,
) -> list[Runs]:
    """Simulate several markets at once, so that no process waits for another."""
    chosen = [
        list(range(len(market.chains)))
        if standing is None
        else market.touched(standing)
        for market in markets
    ]
    chains = [
        market.chains[number]
        for market, numbers in zip(markets, chosen, strict=True)
        for number in numbers
    ]
    parts = iter(run_chains(chains, world.scenarios, standing, pool=pool))
    return [
        market.collect(
            chosen[place],
            [next(parts) for _ in chosen[place]],
            len(world.scenarios),
            None if without is None else without[place],
        )
        for place, market in enumerate(markets)
    ]


def _chains_that_matter(
    problem: Problem, base: Base, benefit_by_item: Floats
) -> tuple[Any, ...]:
    """Pick chains by the benefit that they hold, at least one."""
    held = dict(zip(problem.home.item, np.maximum(benefit_by_item, 0.0), strict=True))
    worth = [sum(held.get(item, 0.0) for item in chain.items) for chain in base.chains]
    total = sum(worth)
    kept: list[int] = []
    got = 0.0
    for number in sorted(range(len(worth)), key=lambda n: (-worth[n], n)):
        if kept and got >= SCOPE_SHARE * total:
            break
        kept.append(number)
        got += worth[number]
    return tuple(base.chains[number] for number in sorted(kept))


def _best_plan(
    problem: Problem, world: World, market: HomeMarket, without: Runs, workers: int
) -> dict[str, float]:
    """Solve for the best plan in a market and list what it does."""
    home = problem.home
    seen = replace(
        market.world(world.scenarios, without, None), project_share=world.project_share
    )
    changed = make_problem(
        home,
        seen,
        agreement_offers=problem.columns.agreement_offers,
        project_offers=problem.columns.project_offers,
        budget_usd=problem.programme.first.budget * 1e6,
        instruments=problem.instruments,
        convert=problem.conversions is not None,
    )
    solution = solve_problem(
        changed, gap=RELAXED_GAP, relaxed=True, workers=workers, extensive_below=0
    )
    tonnes = changed.bought(solution.x).sum(axis=1)
    bought = {n: float(t) for n, t in zip(home.item, tonnes, strict=True)}
    for column, number in changed.columns.agreements:
        offer = changed.columns.agreement_offers[number]
        bought[f"agreement {offer.name}"] = float(solution.x[column] * offer.most_t)
    # Nothing on projects: these few scenarios cannot judge them.
    return bought


def _benefit(home: Home, without: Any, having: Any) -> float:
    """Compute the mean discounted loss that the plan removes, million USD."""
    before = period_loss(home, without.short, without.wanted).sum(axis=2)
    after = period_loss(home, having.short, having.wanted).sum(axis=2)
    return float(((before - after) @ home.discount).mean())


def vary_base(base: Base, kind: str, factor: float) -> Base:
    """Return a prepared market with one assumption changed by a factor."""
    if kind == "none":
        return base
    if kind == "stocks":
        stocks = base.study.table("stocks").with_columns(
            (pl.col(name) * factor).alias(name)
            for name in ("target_days", "threat_days")
        )
        days = stocks.with_columns(
            target_days=pl.col("target_days").fill_null(45.0 * factor),
            threat_days=pl.col("threat_days").fill_null(90.0 * factor),
        )
        traders = pl.col("kind") == "commercial"
        study = replace(
            base.study,
            tables={
                **base.study.tables,
                "stocks": stocks.with_columns(
                    pl.when(traders)
                    .then(days[name])
                    .otherwise(base.study.table("stocks")[name])
                    .alias(name)
                    for name in ("target_days", "threat_days")
                ),
            },
            _filled={},
        )
        return replace(base, study=study)
    chains = []
    for chain in base.chains:
        if kind == "elasticity":
            demands = replace(
                chain.demands,
                elasticity=chain.demands.elasticity * factor,
                elasticity_short=chain.demands.elasticity_short * factor,
            )
            chains.append(replace(chain, demands=demands))
        elif kind == "leakage":
            share = np.minimum(1.0, chain.leakage_share * factor)
            chains.append(replace(chain, leakage_share=share))
        elif kind == "restart":
            years = chain.plants.restart_years * factor
            plants = replace(chain.plants, restart_years=years)
            chains.append(replace(chain, plants=plants))
        else:
            chains.append(replace(chain, lane_growth=chain.lane_growth * factor))
    return replace(base, chains=tuple(chains))
