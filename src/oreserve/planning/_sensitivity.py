# SPDX-License-Identifier: Apache-2.0
"""Which purchases survive other assumptions, and what the benefit hangs on.

Two kinds of perturbation: of home's side (losses, prices, class shares, how likely
shocks are), which reuse the simulations; and of the market (elasticities, leakage,
lane growth, traders' stocks), which are simulated again on few scenarios.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import polars as pl

from oreserve.planning._gains import gains
from oreserve.planning._market import HomeMarket
from oreserve.planning._passes import transfer
from oreserve.planning._problem import Problem, make_problem, solve_problem
from oreserve.planning._runs import run_chains
from oreserve.planning._standing import standing_of
from oreserve.planning._verify import spread_over
from oreserve.planning._world import period_loss
from oreserve.threats import uniform_draw

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from oreserve.market import Base, Standing
    from oreserve.planning._gains import Group
    from oreserve.planning._home import Home
    from oreserve.planning._processes import LazyPool
    from oreserve.planning._runs import Runs
    from oreserve.planning._world import World

__all__ = ["Draw", "home_draws", "market_variants", "robust_shares", "tornado_table"]

Floats = npt.NDArray[np.float64]

RELAXED_GAP = 1e-2
ROBUST_PART = 0.5
"""Part of a purchase's tonnes that must be bought again for it to survive."""

TILT = 3.0
"""How much likelier, or rarer, scenarios with much of their time in shock are."""


@dataclass(frozen=True)
class Change:
    """Factors on home's side; 1 and 0 leave things as they are."""

    loss: float = 1.0
    price: float = 1.0
    defence: float = 1.0
    shocks: float = 0.0


@dataclass(frozen=True)
class Draw:
    """One perturbed solution: what it buys and what the plan is worth under it.

    `benefit` is the expected loss that the plan in hand removes under the changed
    assumptions, million USD; `bought` the tonnes of the best plan under them.
    `scope` are the items that it says something about; None: all.
    """

    parameter: str
    level: str
    value: float
    benefit: float
    bought: dict[str, float]
    scope: frozenset[str] | None = None


ONE_BY_ONE: tuple[tuple[str, str, float, float, float], ...] = (
    ("loss per tonne short", "loss", 0.3, 3.0, 1.0),
    ("purchase prices", "price", 0.7, 1.5, 1.0),
    ("defence share of use", "defence", 0.5, 2.0, 1.0),
    ("shocks rarer or more frequent", "shocks", -1.0, 1.0, 0.0),
)


def home_draws(
    problem: Problem,
    x: Floats,
    *,
    shock_share: Floats,
    whole: tuple[Problem, Floats, Floats] | None = None,
    count: int,
    seed: int,
    workers: int,
    progress: Callable[[float, float], None] | None = None,
) -> list[Draw]:
    """Solve under one change at a time, then under `count` random combinations.

    Parameters
    ----------
    problem
        On the scenarios that are to be used.
    x
        The plan in hand.
    shock_share
        (S,) part of each scenario's time in shock, for the tilt of probabilities.
    whole
        The plan's own problem, plan and `shock_share` on all its scenarios: there
        each project is judged, because few scenarios hardly show a project whose
        success is a matter of chance. None: projects are not judged.
    """
    changes: list[tuple[str, str, float, Change]] = []
    for name, field, low, high, _ in ONE_BY_ONE:
        for level, value in (("low", low), ("high", high)):
            changes.append((name, level, value, replace(Change(), **{field: value})))
    for number in range(count):
        u = uniform_draw(seed, number, "sensitivity", 4)
        changes.append(
            (
                "combination",
                str(number),
                float(number),
                Change(
                    loss=float(0.3 * 10.0 ** u[0]),
                    price=float(0.7 * (1.5 / 0.7) ** u[1]),
                    defence=float(0.5 * 4.0 ** u[2]),
                    shocks=float(2.0 * u[3] - 1.0),
                ),
            )
        )
    # Beside it the others are read: the plan in hand on the same scenarios.
    changes.insert(0, ("home as it is", "base", 1.0, Change()))
    draws = []
    for place, (name, level, value, change) in enumerate(changes):
        changed = _changed(problem, change, shock_share)
        draw = _draw(changed, x, name, level, value, workers)
        if whole is not None:
            source, plan, tilt = whole
            full = _changed(source, change, tilt, source.bought(plan))
            draw.bought.update(kept_projects(full, transfer(source, plan, full)))
        draws.append(draw)
        if progress is not None:
            progress(place + 1, len(changes))
    return draws


def kept_projects(problem: Problem, x: Floats) -> dict[str, float]:
    """Find the plan's projects without which the plan would be worse.

    One project is dropped at a time, everything else held and its money left
    unspent, and the objective is computed exactly: a project is often worth less
    than the gap at which draws are solved, so that a solution cannot judge it.

    Returns
    -------
    dict
        ``project NAME`` -> 1.0 if it stays, 0.0 if not.
    """
    programme = problem.programme
    first = programme.first

    def part(group: Group, point: Floats) -> Floats:
        found: Floats = gains(group, point).gain[group.future]
        return found

    held = [part(group, x) for group in programme.groups]
    loss = programme.base_loss - sum(held, np.zeros(len(programme.base_loss)))
    with_it = programme.objective(x, loss)
    kept: dict[str, float] = {}
    for column, place in problem.columns.options:
        if x[column] < 0.5:
            continue
        dropped = x.copy()
        dropped[column] = 0.0
        after = loss.copy()
        for group, gain in zip(programme.groups, held, strict=True):
            if column in group.columns:
                after += gain - part(group, dropped)
        name = f"project {problem.columns.project_offers[place].project}"
        worse = programme.objective(dropped, after) > with_it
        kept[name] = float(worse or first.lower[column] > 0.5)
    return kept


def _changed(
    problem: Problem,
    change: Change,
    shock_share: Floats,
    reference: Floats | None = None,
) -> Problem:
    """Build the problem under changed assumptions, options held as they are."""
    home, world = problem.home, problem.world
    defence = np.array([klass == "defence" for klass in home.demand_class])
    factor = _class_factors(world, home, defence, change.defence)
    home = replace(home, loss=home.loss * change.loss, price=home.price * change.price)
    world = replace(world, short=world.short * factor, wanted=world.wanted * factor)
    weights = None
    if change.shocks != 0.0:
        centred = shock_share - shock_share.mean()
        weights = np.exp(
            np.log(TILT) * change.shocks * centred / (centred.std() + 1e-12)
        )
        weights /= weights.sum()
    return make_problem(
        home,
        world,
        agreement_offers=problem.columns.agreement_offers,
        project_offers=problem.columns.project_offers,
        budget_usd=problem.programme.first.budget * 1e6,
        instruments=problem.instruments,
        convert=problem.conversions is not None,
        weights=weights,
        reference=reference,
    )


def _class_factors(
    world: World, home: Home, defence: npt.NDArray[np.bool_], factor: float
) -> Floats:
    """Move use between defence and the other classes, the sum of an item held."""
    mean = world.wanted.mean(axis=(0, 1))
    size = len(home.item)
    armed = np.bincount(home.demand_item, weights=mean * defence, minlength=size)
    total = np.bincount(home.demand_item, weights=mean, minlength=size)
    rest = total - armed
    grown = np.minimum(armed * factor, 0.9 * total)
    up = np.divide(grown, armed, out=np.ones(size), where=armed > 0.0)
    down = np.divide(total - grown, rest, out=np.ones(size), where=rest > 0.0)
    only = (rest <= 0.0) | (armed <= 0.0)
    up[only], down[only] = 1.0, 1.0
    factors: Floats = np.where(defence, up[home.demand_item], down[home.demand_item])
    return factors


def _draw(
    changed: Problem, x: Floats, name: str, level: str, value: float, workers: int
) -> Draw:
    """Value the plan in hand under a change and solve for the best one."""
    from oreserve.planning._lshaped import evaluate

    first = changed.programme.first
    if len(first.name) == len(x):
        held = np.where(first.integer, np.round(x), first.lower)
        top = np.where(first.integer, np.round(x), first.upper)
        relaxed = replace(changed, programme=changed.programme.with_bounds(held, top))
        _, loss = evaluate(changed.programme, x)
        weight = changed.programme.probability
        benefit = float(weight @ (changed.programme.base_loss - loss))
    else:
        relaxed, benefit = changed, float("nan")
    cash = float(
        first.cash[first.integer] @ relaxed.programme.first.lower[first.integer]
    )
    if cash > first.budget:
        relaxed = changed
    solution = solve_problem(relaxed, gap=RELAXED_GAP, relaxed=True, workers=workers)
    tonnes = changed.bought(solution.x).sum(axis=1)
    bought = {n: float(t) for n, t in zip(changed.home.item, tonnes, strict=True)}
    for column, place in changed.columns.agreements:
        offer = changed.columns.agreement_offers[place]
        bought[f"agreement {offer.name}"] = float(solution.x[column] * offer.most_t)
    return Draw(name, level, value, benefit, bought)


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


def robust_shares(
    planned: dict[str, float],
    draws: list[Draw],
    items: Mapping[str, Iterable[str]] | None = None,
) -> dict[str, float]:
    """Compute the share of draws in which half of a purchase is bought again.

    A draw counts for a decision if its scope has one of the decision's `items`;
    without an entry there the decision is named like its item.

    Examples
    --------
    >>> one = Draw("a", "low", 1.0, 0.0, {"gallium": 6.0})
    >>> two = Draw("a", "high", 1.0, 0.0, {"gallium": 4.0})
    >>> robust_shares({"gallium": 10.0}, [one, two])
    {'gallium': 0.5}
    """
    found: dict[str, float] = {}
    for name, tonnes in planned.items():
        among = draws
        if name.startswith("project "):
            # Only draws that judged it count: "not tested" must not read as 0.
            among = [d for d in draws if name in d.bought]
        own = frozenset((items or {}).get(name, (name,)))
        among = [d for d in among if d.scope is None or own & d.scope]
        if tonnes > 0.0 and among:
            kept = [d.bought.get(name, 0.0) >= ROBUST_PART * tonnes for d in among]
            found[name] = sum(kept) / len(kept)
    return found


def tornado_table(draws: list[Draw]) -> pl.DataFrame:
    """List each assumption with the plan's benefit at its low and high value."""
    base = {d.parameter: d.benefit for d in draws if d.level == "base"}
    rows = []
    names = [d.parameter for d in draws if d.level == "low"]
    nominal = {name: value for name, _, _, _, value in ONE_BY_ONE}
    for name in dict.fromkeys(names):
        low = next(d for d in draws if d.parameter == name and d.level == "low")
        high = next(d for d in draws if d.parameter == name and d.level == "high")
        simulated = any(name == variant[0] for variant in VARIANTS)
        rows.append(
            {
                "parameter": name,
                "low": low.value,
                "high": high.value,
                "base": nominal.get(name, 1.0),
                "benefit_low_usd": low.benefit * 1e6,
                "benefit_high_usd": high.benefit * 1e6,
                "benefit_base_usd": base[
                    "market as it is" if simulated else "home as it is"
                ]
                * 1e6,
                "kind": "market simulated again" if simulated else "home's side",
            }
        )
    schema = {
        "parameter": pl.String,
        "low": pl.Float64,
        "high": pl.Float64,
        "base": pl.Float64,
        "benefit_low_usd": pl.Float64,
        "benefit_high_usd": pl.Float64,
        "benefit_base_usd": pl.Float64,
        "kind": pl.String,
    }
    frame = pl.DataFrame(rows, schema=schema)
    width = (pl.col("benefit_high_usd") - pl.col("benefit_low_usd")).abs()
    return frame.sort(width, descending=True)
