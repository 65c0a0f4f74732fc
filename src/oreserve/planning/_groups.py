# SPDX-License-Identifier: Apache-2.0
"""From simulated scenarios to groups: coefficients of every decision."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from oreserve.planning._gains import Group, split_groups
from oreserve.planning._home import DEPTH_VALUES
from oreserve.planning._world import split_by_depth

if TYPE_CHECKING:
    from oreserve.planning._columns import ColumnMap
    from oreserve.planning._home import Home
    from oreserve.planning._world import World

__all__ = [
    "Conversions",
    "build_groups",
    "delivery_periods",
    "release_coefficients",
    "renew_releases",
]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

TERMINAL_SHARE = 0.7
"""Value of a tonne left at the end as a share of its purchase price."""

NEGLIGIBLE = 1e-9
"""Tonnes below which nothing is short."""


@dataclass(frozen=True)
class Conversions:
    """Home plants that may turn released items into others.

    Parameters
    ----------
    plant
        (F,) columns of `World.room`.
    recipe
        (F, I) tonnes per tonne of activity.
    """

    plant: Ints
    recipe: Floats


def delivery_periods(home: Home, world: World) -> Ints:
    """Find the period in which an order of each year is filled.

    Returns
    -------
    ndarray
        (S, I, Y) period, or T if it is never filled in the horizon.
    """
    count, periods, items = world.fillable.shape
    found = np.full((count, items, len(home.years)), periods, dtype=np.int64)
    for number, first in enumerate(home.first_period):
        window = world.fillable[:, first:, :]
        filled = window.any(axis=1)
        found[:, :, number] = np.where(filled, window.argmax(axis=1) + first, periods)
    return found


def release_coefficients(
    *,
    share: Floats,
    short: Floats,
    delivered: Ints,
    reference: Floats | None,
    loss_share: float = 0.0,
) -> Floats:
    """Compute tonnes that the rule may release per tonne bought.

    The rule gives min(share x stock, shortage). With what earlier releases have
    taken it is a coefficient on purchases, so that the recourse matrix stays the
    same in all scenarios. Earlier releases are the largest possible ones without
    a reference, and those of a stock of the reference purchases with one.

    Parameters
    ----------
    share, short
        (S, T) share that may go; tonnes that could be used.
    delivered
        (S, Y) period in which each year's order is filled.
    reference
        (Y,) tonnes bought, or None.
    loss_share
        Part of the stock lost per period.

    Returns
    -------
    ndarray
        (S, T, Y) tonnes per tonne, 0-1.

    Examples
    --------
    Half of the stock may go in each of two short periods: 0.5, then 0.25.

    >>> release_coefficients(
    ...     share=np.full((1, 3), 0.5),
    ...     short=np.array([[0.0, 9.0, 9.0]]),
    ...     delivered=np.array([[0]]),
    ...     reference=None,
    ... )[0, :, 0].tolist()
    [0.0, 0.5, 0.25]
    """
    count, periods = share.shape
    left = np.zeros(delivered.shape)
    found = np.zeros((count, periods, delivered.shape[1]))
    for period in range(periods):
        can_use = short[:, period] > NEGLIGIBLE
        now = np.where(can_use, share[:, period], 0.0)
        found[:, period, :] = now[:, None] * left
        taken = now
        if reference is not None:
            level = left @ reference
            room = short[:, period] / np.maximum(level, 1e-12)
            taken = np.where(level > 1e-12, np.minimum(now, room), now)
        left = left * (1.0 - taken)[:, None] * (1.0 - loss_share)
        left[delivered == period] = 1.0
    return found


def build_groups(
    home: Home,
    world: World,
    columns: ColumnMap,
    *,
    conversions: Conversions | None = None,
    reference: Floats | None = None,
) -> tuple[Group, ...]:
    """Build one group per set of tied items that are short in some scenario.

    Parameters
    ----------
    reference
        (I, Y) tonnes of an earlier solution, for the release coefficients.
    """
    delivered = delivery_periods(home, world)
    links: list[tuple[int, ...]] = []
    if conversions is not None:
        links = [tuple(np.nonzero(row)[0].tolist()) for row in conversions.recipe]
    worth = home.loss > 0.0
    groups: list[Group] = []
    for members in split_groups(len(home.item), links):
        uses = np.nonzero(np.isin(home.demand_item, members) & worth)[0]
        if not len(uses) or world.short[:, :, uses].max(initial=0.0) <= NEGLIGIBLE:
            continue
        touched = columns.of_items(members)
        if len(touched):
            groups.append(
                _group(
                    home,
                    world,
                    columns,
                    members,
                    uses,
                    touched,
                    delivered,
                    conversions,
                    reference,
                )
            )
    return tuple(groups)


def renew_releases(
    home: Home,
    world: World,
    columns: ColumnMap,
    groups: tuple[Group, ...],
    reference: Floats,
) -> tuple[Group, ...]:
    """Return the groups with release coefficients for a stock of this size.

    Futures that were equal stay so: coefficients follow from what is short and what
    may go, which both are the same in them. Linked groups know no reference.

    Parameters
    ----------
    reference
        (I, Y) tonnes.
    """
    delivered = delivery_periods(home, world)
    renewed: list[Group] = []
    for group in groups:
        if group.is_linked:
            renewed.append(group)
            continue
        item = home.item_index(group.name)
        one_of = np.unique(group.future, return_index=True)[1]
        uses = np.nonzero((home.demand_item == item) & (home.loss > 0.0))[0]
        coefficient = release_coefficients(
            share=world.release_share[:, :, item][one_of],
            short=world.short[:, :, uses].sum(axis=2)[one_of],
            delivered=delivered[:, item, :][one_of],
            reference=reference[item],
        )
        through = 1.0 if world.pass_through is None else world.pass_through[item]
        release = np.zeros((*coefficient.shape[:2], 1, len(group.columns)))
        for buy in columns.buys_of(item):
            at = int(np.searchsorted(group.columns, buy.column))
            most = buy.most_t * through
            release[:, :, 0, at] = coefficient[:, :, buy.year] * most
        renewed.append(replace(group, release=release))
    return tuple(renewed)


def _group(
    home: Home,
    world: World,
    columns: ColumnMap,
    members: list[int],
    uses: Ints,
    touched: Ints,
    delivered: Ints,
    conversions: Conversions | None,
    reference: Floats | None,
) -> Group:
    local = {item: number for number, item in enumerate(members)}
    step_item, step_value, size = _steps(home, world, uses, local)
    useful = size.sum(axis=2) > NEGLIGIBLE
    place = {int(column): number for number, column in enumerate(touched)}
    scenarios, periods = useful.shape
    release = np.zeros((scenarios, periods, len(members), len(touched)))
    supply = np.zeros_like(release)
    bought = np.zeros((scenarios, len(members), len(touched)))
    for item in members:
        buys = columns.buys_of(item)
        if buys:
            own = np.isin(home.demand_item[uses], [item])
            short = world.short[:, :, uses[own]].sum(axis=2)
            linked = conversions is not None and len(members) > 1
            short = np.where(useful, 1e12, 0.0) if linked else short
            coefficient = release_coefficients(
                share=world.release_share[:, :, item],
                short=short,
                delivered=delivered[:, item, :],
                reference=None if reference is None or linked else reference[item],
            )
            for buy in buys:
                at = place[buy.column]
                release[:, :, local[item], at] = (
                    coefficient[:, :, buy.year] * buy.most_t
                )
                ever = delivered[:, item, buy.year] < periods
                bought[:, local[item], at] = ever * buy.most_t
        for column, tonnes in columns.supply_of(home, world, item):
            supply[:, :, local[item], place[column]] += tonnes
    if world.pass_through is not None:
        through = world.pass_through[members]
        release *= through[None, None, :, None]
        supply *= through[None, None, :, None]
    supply *= useful[:, :, None, None]
    bought *= useful.any(axis=1)[:, None, None]
    recipe, room = _conversion_part(world, conversions, members, useful)
    parts = (size, release, supply, bought, room)
    future, keep = _distinct(parts)
    return Group(
        name=home.item[members[0]],
        items=tuple(home.item[item] for item in members),
        future=future,
        step_item=step_item,
        step_value=step_value,
        discount=home.discount,
        size=size[keep],
        release_cost=_release_cost(home, members),
        columns=touched,
        release=release[keep],
        supply=supply[keep],
        bought=bought[keep],
        room=room[keep],
        recipe=recipe,
    )


def _steps(
    home: Home, world: World, uses: Ints, local: dict[int, int]
) -> tuple[Ints, Floats, Floats]:
    """Cut unserved use into steps, in falling value within each item."""
    size = split_by_depth(world.short[:, :, uses], world.wanted[:, :, uses])
    value = home.loss[uses][:, None] * DEPTH_VALUES[None, :]
    item = np.array([local[int(i)] for i in home.demand_item[uses]])
    flat_item = np.repeat(item, len(DEPTH_VALUES))
    order = np.lexsort((-value.ravel(), flat_item))
    flat = size.reshape(*size.shape[:2], -1)
    return flat_item[order], value.ravel()[order], flat[:, :, order]


def _conversion_part(
    world: World,
    conversions: Conversions | None,
    members: list[int],
    useful: npt.NDArray[np.bool_],
) -> tuple[Floats, Floats]:
    """Pick the plants of a group with their recipes and spare room."""
    scenarios, periods = useful.shape
    if conversions is None or len(members) < 2:
        return np.zeros((0, len(members))), np.zeros((scenarios, periods, 0))
    inside = np.isin(np.arange(conversions.recipe.shape[1]), members)
    uses = (conversions.recipe != 0.0).any(axis=1)
    only = ~(conversions.recipe[:, ~inside] != 0.0).any(axis=1)
    chosen = np.nonzero(uses & only)[0]
    recipe = conversions.recipe[chosen][:, members]
    room = world.room[:, :, conversions.plant[chosen]] * useful[:, :, None]
    return recipe, room


def _release_cost(home: Home, members: list[int]) -> Floats:
    """Compute what a released tonne costs: value at the end less storage saved."""
    length = home.study.settings.period_years
    later = np.cumsum(home.discount[::-1])[::-1] - home.discount
    price = np.nan_to_num(home.price[members], nan=0.0)
    end = TERMINAL_SHARE * price * home.horizon_discount
    saved = later[:, None] * home.storage[members][None, :] * length
    cost: Floats = (end[None, :] - saved) / 1e6
    return cost


def _distinct(parts: tuple[Floats, ...]) -> tuple[Ints, Ints]:
    """Find scenarios that are equal for a group.

    Returns
    -------
    tuple of ndarray
        (S,) future of each scenario, (U,) one scenario of each future.
    """
    table = np.hstack([part.reshape(len(part), -1) for part in parts])
    seen: dict[bytes, int] = {}
    future: list[int] = []
    keep: list[int] = []
    for scenario, row in enumerate(table):
        key = row.tobytes()
        if key not in seen:
            seen[key] = len(keep)
            keep.append(scenario)
        future.append(seen[key])
    return np.array(future), np.array(keep)
