# SPDX-License-Identifier: Apache-2.0
"""What extra tonnes save in one scenario: the recourse of home's programme.

The programme is written in differences to the market without a plan. For a group
of items and a scenario, extra supply z (agreements, projects) and release r
(reserve) serve use that the market left short:

    max  sum_tv value_tv y_tv - sum_ti release_cost_ti r_ti
    s.t. sum_v y_tv <= r_ti + z_ti + sum_f a_fi v_tf      for each period, item
         sum_t r_ti <= bought_i                           for each item
         y <= size, r <= release . x, z <= supply . x, v <= room

Only bounds and right-hand sides carry scenario data, so the matrix and the costs
are the same for all scenarios. Any beta >= 0 (value of a tonne of an item in a
period) and mu >= 0 (value of a tonne in the reserve) give, by weak duality, an
upper bound on the gain that is linear in the first-stage decisions x: a cut.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from collections.abc import Sequence

    from oreserve.planning._linked import LinkedSolver

__all__ = ["Cut", "Group", "gains", "single_item_gains", "split_groups"]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

SLACK = 1e-9
"""Share of a bound below which what is left of it counts as nothing."""


@dataclass(frozen=True)
class Group:
    """Items tied by home's spare plants (mostly one item) over all scenarios.

    U are distinct futures of the group, T periods, I items, V steps of unserved
    use, C first-stage columns, F plants with spare room. Money in million USD.

    Parameters
    ----------
    name
        First item, for messages.
    items
        Names of the items.
    future
        (S,) which future a scenario has.
    step_item, step_value
        (V,) item of each step and its value, million USD per t, undiscounted,
        in falling order within each item.
    discount
        (T,) factor on the value of a period.
    size
        (U, T, V) tonnes that the market leaves unserved.
    release_cost
        (T, I) million USD per t released: value at the end less storage saved.
    columns
        (C,) first-stage columns that touch the group.
    release, supply
        (U, T, I, C) tonnes of release allowed, or supplied, per unit of column.
    bought
        (U, I, C) tonnes in the reserve over the horizon per unit of column.
    room
        (U, T, F) spare activity of home plants, t.
    recipe
        (F, I) tonnes per tonne of activity, inputs negative.
    """

    name: str
    items: tuple[str, ...]
    future: Ints
    step_item: Ints
    step_value: Floats
    discount: Floats
    size: Floats
    release_cost: Floats
    columns: Ints
    release: Floats
    supply: Floats
    bought: Floats
    room: Floats
    recipe: Floats

    @property
    def is_linked(self) -> bool:
        """Return whether home plants can turn one item into another."""
        return len(self.recipe) > 0

    @property
    def most(self) -> Floats:
        """(U,) largest possible gain: everything served, million USD."""
        value = self.discount[:, None] * self.step_value[None, :]
        spare = np.minimum(self.release_cost, 0.0)
        saved = (-spare[None] * self.release.sum(axis=3)).sum(axis=(1, 2))
        total: Floats = (self.size * value[None]).sum(axis=(1, 2)) + saved
        return total


@dataclass(frozen=True)
class Cut:
    """gain_u <= constant_u + slope_u . x[columns], and the gain at the point.

    Parameters
    ----------
    gain, constant
        (U,) million USD.
    slope
        (U, C) million USD per unit of column.
    """

    gain: Floats
    constant: Floats
    slope: Floats


def gains(group: Group, x: Floats, *, solver: LinkedSolver | None = None) -> Cut:
    """Compute the gain of a group in every future and the cut it gives.

    Parameters
    ----------
    group
        The group of items.
    x
        First-stage point, all columns.
    solver
        Warm solver of a linked group; made afresh if None.
    """
    if group.is_linked:
        from oreserve.planning._linked import linked_prices

        beta, mu = linked_prices(group, x, solver)
    else:
        beta, mu = _single_prices(group, x)
    return cut_from_prices(group, x, beta, mu)


def cut_from_prices(group: Group, x: Floats, beta: Floats, mu: Floats) -> Cut:
    """Turn shadow prices into a valid cut by weak duality.

    Parameters
    ----------
    beta
        (U, T, I) value of a tonne, million USD, 0 or more.
    mu
        (U, I) value of a tonne in the reserve, 0 or more.
    """
    value = group.discount[:, None] * group.step_value[None, :]
    surplus = np.maximum(value[None] - beta[:, :, group.step_item], 0.0)
    constant = (surplus * group.size).sum(axis=(1, 2))
    if group.is_linked:
        rent = np.maximum(beta @ group.recipe.T, 0.0)
        constant = constant + (rent * group.room).sum(axis=(1, 2))
    share = np.maximum(beta - group.release_cost[None] - mu[:, None, :], 0.0)
    slope = (
        np.einsum("uti,utic->uc", share, group.release, optimize=True)
        + np.einsum("uti,utic->uc", beta, group.supply, optimize=True)
        + np.einsum("ui,uic->uc", mu, group.bought, optimize=True)
    )
    gain = constant + slope @ x[group.columns]
    return Cut(gain=gain, constant=constant, slope=slope)


def single_item_gains(group: Group, x: Floats) -> Floats:
    """Compute the gains of a one-item group by filling the best steps first.

    Returns
    -------
    ndarray
        (U,) million USD: the primal value, to be compared with the cut's.
    """
    left, _, _, supplied, released = _fill(group, x)
    value = group.discount[:, None] * group.step_value[None, :]
    served = group.size - left
    cost = group.release_cost[None, :, 0] * released
    del supplied
    total: Floats = (served * value[None]).sum(axis=(1, 2)) - cost.sum(axis=1)
    return total


def _fill(group: Group, x: Floats) -> tuple[Floats, Floats, Floats, Floats, Floats]:
    """Serve unserved use: supply first, then the reserve by falling net value.

    Greedy is exact: the release bounds of periods within one bound on the sum
    are nested (a polymatroid), and within a period the steps fall in value.

    Returns
    -------
    tuple of ndarray
        unserved (U, T, V), release room left (U, T), reserve left (U,),
        supply (U, T), released (U, T).
    """
    point = x[group.columns]
    supply = group.supply[:, :, 0] @ point
    room = group.release[:, :, 0] @ point
    reserve = group.bought[:, 0] @ point
    before = np.cumsum(group.size, axis=2) - group.size
    taken = np.clip(supply[:, :, None] - before, 0.0, group.size)
    left = group.size - taken
    room_left = room.copy()
    reserve_left = reserve.copy()
    net = (
        group.discount[:, None] * group.step_value[None, :] - group.release_cost[:, :1]
    )
    order = np.argsort(-net, axis=None, kind="stable")
    steps = group.size.shape[2]
    # Most steps are served, or nothing may be released for them, in every future.
    useful = (left > 0.0) & (np.minimum(room, reserve[:, None]) > 0.0)[:, :, None]
    order = order[useful.any(axis=0).ravel()[order]]
    for place in order:
        period, step = divmod(int(place), steps)
        if net[period, step] <= 0.0:
            break
        take = np.minimum(left[:, period, step], room_left[:, period])
        take = np.minimum(take, reserve_left)
        left[:, period, step] -= take
        room_left[:, period] -= take
        reserve_left -= take
    return left, room_left, reserve_left, supply, room - room_left


def _single_prices(group: Group, x: Floats) -> tuple[Floats, Floats]:
    """Find shadow prices that match the greedy solution of a one-item group."""
    left, room_left, reserve_left, _, released = _fill(group, x)
    point = x[group.columns]
    room = group.release[:, :, 0] @ point
    reserve = group.bought[:, 0] @ point
    value = group.discount[:, None] * group.step_value[None, :]
    unserved = left > SLACK * (1.0 + group.size)
    # Value of the next tonne: the best step not yet full, 0 if all are.
    nextup = np.where(unserved, value[None], 0.0).max(axis=2, initial=0.0)
    cost = group.release_cost[None, :, 0]
    has_room = room_left > SLACK * (1.0 + room)
    exhausted = reserve_left <= SLACK * (1.0 + reserve)
    wanting = np.where(has_room, np.maximum(nextup - cost, 0.0), 0.0)
    mu = np.where(exhausted, wanting.max(axis=1, initial=0.0), 0.0)
    gives = released > SLACK * (1.0 + room)
    inside = np.where(gives, np.maximum(nextup, cost + mu[:, None]), nextup)
    return np.maximum(inside, 0.0)[:, :, None], mu[:, None]


def split_groups(count: int, links: Sequence[tuple[int, ...]]) -> list[list[int]]:
    """Join items that a plant ties, and return the groups in order.

    Examples
    --------
    >>> split_groups(4, [(0, 2)])
    [[0, 2], [1], [3]]
    """
    root = list(range(count))

    def find(place: int) -> int:
        while root[place] != place:
            place = root[place]
        return place

    for tied in links:
        first = min(find(item) for item in tied)
        for item in tied:
            root[find(item)] = first
    groups: dict[int, list[int]] = {}
    for item in range(count):
        groups.setdefault(find(item), []).append(item)
    return [groups[key] for key in sorted(groups)]
