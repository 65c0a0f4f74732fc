# SPDX-License-Identifier: Apache-2.0
"""One planning problem: home, its world, what may be done, and the programme."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from oreserve.planning._columns import ColumnMap, build_columns
from oreserve.planning._gains import split_groups
from oreserve.planning._groups import (
    NEGLIGIBLE,
    Conversions,
    build_groups,
    renew_releases,
)
from oreserve.planning._limits import require_feasible
from oreserve.planning._lshaped import (
    NODES,
    CutPool,
    Solution,
    evaluate,
    solve_lshaped,
)
from oreserve.planning._programme import Programme, solve_extensive
from oreserve.planning._world import period_loss

if TYPE_CHECKING:
    from collections.abc import Sequence

    from oreserve.planning._home import Home
    from oreserve.planning._keep import Keep
    from oreserve.planning._offers import AgreementOffer, ProjectOffer
    from oreserve.planning._world import World

__all__ = [
    "EXTENSIVE_BELOW",
    "Problem",
    "make_problem",
    "may_be_missing",
    "solve_problem",
    "with_reference",
]

Floats = npt.NDArray[np.float64]

EXTENSIVE_BELOW = 10
"""Scenarios below which the extensive form is solved instead of cuts."""

SCENARIOS_AT_ONCE = 500
"""Scenarios whose losses are computed together, to bound the memory."""

BINDING = 0.99
"""Share of the budget from which it counts as used up, as gaps leave some."""


@dataclass(frozen=True)
class Problem:
    """A programme with what its columns mean."""

    home: Home
    world: World
    columns: ColumnMap
    programme: Programme
    conversions: Conversions | None
    instruments: tuple[str, ...]
    weights: Floats | None = None

    def bought(self, x: Floats) -> Floats:
        """(I, Y) tonnes bought at a point."""
        tonnes = np.zeros((len(self.home.item), len(self.home.years)))
        for buy in self.columns.buys:
            tonnes[buy.item, buy.year] += x[buy.column] * buy.most_t
        return tonnes

    def budget_binds(self, x: Floats) -> bool:
        """Return whether a point uses the budget up."""
        first = self.programme.first
        return first.outlay(x) >= BINDING * first.budget

    def with_budget(self, budget_usd: float) -> Problem:
        """Return the same problem with another budget."""
        return replace(self, programme=self.programme.with_budget(budget_usd / 1e6))


def may_be_missing(home: Home, world: World) -> set[int]:
    """List items with a known loss that home is short of in some scenario."""
    worth = home.loss > 0.0
    worst = world.short.max(axis=(0, 1), initial=0.0)
    return {
        int(item)
        for item, most, counts in zip(home.demand_item, worst, worth, strict=True)
        if counts and most > NEGLIGIBLE
    }


def find_conversions(home: Home, world: World) -> Conversions | None:
    """Find home plants with spare room that could make what is missing.

    A plant counts if all its inputs can be stored or are made by another such
    plant, and its output is missing somewhere or feeds one that is.
    """
    recipes: dict[str, dict[str, float]] = {}
    for line in home.study.table("recipes").iter_rows(named=True):
        recipes.setdefault(line["process"], {})[line["item"]] = line["coefficient"]
    process = dict(home.study.table("plants").select("plant", "process").iter_rows())
    place = {name: number for number, name in enumerate(home.item)}
    roomy = world.room.max(axis=(0, 1), initial=0.0) > NEGLIGIBLE
    wanted = may_be_missing(home, world)
    candidates: list[tuple[int, Floats]] = []
    for number, plant in enumerate(world.room_plant):
        recipe = recipes.get(process.get(plant, ""), {})
        row = np.zeros(len(home.item))
        for item, coefficient in recipe.items():
            row[place[item]] = coefficient
        if roomy[number] and (row < 0.0).any() and (row > 0.0).any():
            candidates.append((number, row))
    chosen: dict[int, Floats] = {}
    changed = True
    while changed:
        changed = False
        made = {int(i) for row in chosen.values() for i in np.nonzero(row < 0.0)[0]}
        for number, row in candidates:
            if number not in chosen and set(np.nonzero(row > 0.0)[0]) & (wanted | made):
                chosen[number] = row
                changed = True
    storable = home.storable & np.isfinite(home.price)
    changed = True
    while changed:
        makes = {int(i) for row in chosen.values() for i in np.nonzero(row > 0.0)[0]}
        bad = [
            number
            for number, row in chosen.items()
            if any(not storable[i] and i not in makes for i in np.nonzero(row < 0.0)[0])
        ]
        for number in bad:
            del chosen[number]
        changed = bool(bad)
    if not chosen:
        return None
    plants = sorted(chosen)
    return Conversions(
        plant=np.array(plants), recipe=np.array([chosen[p] for p in plants])
    )


def make_problem(
    home: Home,
    world: World,
    *,
    agreement_offers: tuple[AgreementOffer, ...],
    project_offers: tuple[ProjectOffer, ...],
    budget_usd: float,
    instruments: tuple[str, ...],
    convert: bool = True,
    weights: Floats | None = None,
    reference: Floats | None = None,
) -> Problem:
    """Build the programme over simulated scenarios.

    Parameters
    ----------
    weights
        (S,) probabilities; None: all equal.
    reference
        (I, Y) tonnes for the release coefficients; None: largest releases.
    """
    conversions = find_conversions(home, world) if convert else None
    buyable = may_be_missing(home, world)
    if conversions is not None:
        links = [tuple(np.nonzero(r)[0].tolist()) for r in conversions.recipe]
        for members in split_groups(len(home.item), links):
            if len(members) > 1 and buyable & set(members):
                buyable |= set(members)
    buyable = {
        i
        for i in buyable
        if home.storable[i] and np.isfinite(home.price[i]) and home.reachable[i] > 0.0
    }
    first, columns = build_columns(
        home,
        world,
        agreement_offers=agreement_offers,
        project_offers=project_offers,
        buyable=buyable,
        budget_usd=budget_usd,
        instruments=instruments,
    )
    groups = build_groups(
        home, world, columns, conversions=conversions, reference=reference
    )
    count = len(world.scenarios)
    probability = np.full(count, 1.0 / count) if weights is None else weights
    loss = _base_loss(home, world)
    programme = Programme(
        first=first,
        groups=groups,
        base_loss=loss,
        probability=probability,
        risk_weight=home.study.settings.risk_weight,
        alpha=home.study.settings.alpha,
    )
    return Problem(home, world, columns, programme, conversions, instruments, weights)


def _base_loss(home: Home, world: World) -> Floats:
    """Compute the loss of each scenario without a plan, some at a time."""
    parts = [
        period_loss(home, world.short[place], world.wanted[place]).sum(axis=2)
        @ home.discount
        for start in range(0, len(world.scenarios), SCENARIOS_AT_ONCE)
        for place in (slice(start, start + SCENARIOS_AT_ONCE),)
    ]
    return np.concatenate(parts)


def with_reference(problem: Problem, reference: Floats) -> Problem:
    """Return the problem with release coefficients for a stock of this size."""
    groups = renew_releases(
        problem.home,
        problem.world,
        problem.columns,
        problem.programme.groups,
        reference,
    )
    return replace(problem, programme=replace(problem.programme, groups=groups))


def solve_problem(
    problem: Problem,
    *,
    gap: float = 1e-3,
    relaxed: bool = False,
    pool: CutPool | None = None,
    workers: int = 1,
    start: Floats | None = None,
    seeds: Sequence[Floats] = (),
    extensive_below: int = EXTENSIVE_BELOW,
    nodes: int = NODES,
    keep: Keep | None = None,
) -> Solution:
    """Solve by cuts from ten scenarios on, in extensive form below.

    Parameters
    ----------
    seeds
        Points of a like problem that give the first cuts.
    extensive_below
        Scenarios from which on cuts are used.
    nodes
        Most nodes of the branching on options.
    keep
        Where the state of a long solution is kept meanwhile.

    Raises
    ------
    InfeasibleError
        Naming the limits that contradict each other.
    """
    programme = problem.programme
    require_feasible(programme.first)
    count = len(programme.base_loss)
    nothing = not programme.groups or programme.first.budget <= 0.0
    x = np.zeros(len(programme.first.name))
    if nothing and programme.first.allows(x):
        objective, loss = evaluate(programme, x)
        return Solution(x, objective, objective, 0, 0, loss)
    if count < extensive_below:
        x, _, bound = solve_extensive(programme, relaxed=relaxed, gap=gap * 0.1)
        x = np.clip(x, 0.0, 1.0)
        objective, loss = evaluate(programme, x)
        return Solution(x, objective, min(bound, objective), 1, 0, loss)
    return solve_lshaped(
        programme,
        gap=gap,
        relaxed=relaxed,
        pool=pool,
        workers=workers,
        start=start,
        seeds=seeds,
        nodes=nodes,
        keep=keep,
    )
