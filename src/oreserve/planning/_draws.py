# SPDX-License-Identifier: Apache-2.0
"""Other assumptions about home: what the plan is worth, and what else to buy.

Losses, prices, class shares and how likely shocks are reuse the simulations. Every
draw starts at the points of the plan as it is: gains are evaluated there under the
draw's own data, which gives its first cuts and mostly its answer.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from oreserve.errors import InfeasibleError
from oreserve.planning._gains import gains
from oreserve.planning._lshaped import CutPool, evaluate
from oreserve.planning._passes import transfer
from oreserve.planning._problem import Problem, make_problem, solve_problem
from oreserve.threats import uniform_draw

if TYPE_CHECKING:
    from collections.abc import Callable

    from oreserve.planning._gains import Group
    from oreserve.planning._home import Home
    from oreserve.planning._world import World

__all__ = ["ONE_BY_ONE", "RELAXED_GAP", "Draw", "home_draws"]

Floats = npt.NDArray[np.float64]

RELAXED_GAP = 1e-2

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
    draws: list[Draw] = []
    seeds: list[Floats] = []
    for place, (name, level, value, change) in enumerate(changes):
        changed = _changed(problem, change, shock_share)
        try:
            draw, trail = _draw(changed, x, seeds, name, level, value, workers)
        except InfeasibleError:
            # At these prices the budget does not reach the least amounts asked for.
            continue
        seeds = seeds or trail
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
    changed: Problem,
    x: Floats,
    seeds: list[Floats],
    name: str,
    level: str,
    value: float,
    workers: int,
) -> tuple[Draw, list[Floats]]:
    """Value the plan in hand under a change and solve for the best one.

    Returns
    -------
    tuple
        The draw, and the last points of its search for the draws that follow.
    """
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
    pool = CutPool()
    solution = solve_problem(
        relaxed,
        gap=RELAXED_GAP,
        relaxed=True,
        workers=workers,
        pool=pool,
        seeds=[seed for seed in seeds if len(seed) == len(first.name)],
    )
    tonnes = changed.bought(solution.x).sum(axis=1)
    bought = {n: float(t) for n, t in zip(changed.home.item, tonnes, strict=True)}
    for column, place in changed.columns.agreements:
        offer = changed.columns.agreement_offers[place]
        bought[f"agreement {offer.name}"] = float(solution.x[column] * offer.most_t)
    return Draw(name, level, value, benefit, bought), [*pool.trail, solution.x]
