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
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
from scipy import sparse

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
        (U, T, I, C) tonnes of release allowed, or supplied, per unit of column;
        kept sparse, a row per future, period and item.
    bought
        (U, I, C) tonnes in the reserve over the horizon per unit of column; sparse.
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
    release: Any
    supply: Any
    bought: Any
    room: Floats
    recipe: Floats

    def __post_init__(self) -> None:
        """Keep tables sparse, and the futures of one step side by side."""
        for name in ("release", "supply", "bought"):
            object.__setattr__(self, name, _sparse_rows(getattr(self, name)))
        object.__setattr__(self, "size", np.asfortranarray(self.size))

    @property
    def is_linked(self) -> bool:
        """Return whether home plants can turn one item into another."""
        return len(self.recipe) > 0

    def release_at(self, x: Floats) -> Floats:
        """(U, T, I) tonnes of release allowed at a first-stage point."""
        return self._rows(self.release @ x[self.columns])

    def supply_at(self, x: Floats) -> Floats:
        """(U, T, I) tonnes supplied at a first-stage point."""
        return self._rows(self.supply @ x[self.columns])

    def bought_at(self, x: Floats) -> Floats:
        """(U, I) tonnes in the reserve over the horizon at a first-stage point."""
        tonnes: Floats = self.bought @ x[self.columns]
        return tonnes.reshape(len(self.size), -1)

    def _rows(self, flat: Floats) -> Floats:
        return flat.reshape(len(self.size), len(self.discount), len(self.items))

    @cached_property
    def most(self) -> Floats:
        """(U,) largest possible gain: everything served, million USD."""
        spare = np.minimum(self.release_cost, 0.0)
        released = self._rows(np.asarray(self.release.sum(axis=1), dtype=float))
        total: Floats = (-spare[None] * released).sum(axis=(1, 2))
        for step, worth in enumerate(self.step_value):
            total = total + self.size[:, :, step] @ (self.discount * worth)
        return total


def _sparse_rows(table: Any) -> Any:
    """Turn (..., C) into a sparse table of rows; leave one as it is."""
    if sparse.issparse(table):
        return table
    flat = np.asarray(table, dtype=float)
    return sparse.csr_array(flat.reshape(-1, flat.shape[-1]))


@dataclass(frozen=True)
class Cut:
    """gain_u <= constant_u + slope_u . x[columns], and the gain at the point.

    Slopes are not stored: shadow prices are smaller, and what a master needs are
    their averages over many futures.

    Parameters
    ----------
    gain, constant
        (U,) million USD.
    beta, share
        (U, T, I) value of a tonne supplied, and of room to release one.
    mu
        (U, I) value of a tonne in the reserve.
    """

    group: Group
    gain: Floats
    constant: Floats
    beta: Floats
    share: Floats
    mu: Floats

    @property
    def slope(self) -> Floats:
        """(U, C) million USD per unit of column."""
        group, futures = self.group, len(self.gain)
        total = np.zeros((futures, len(group.columns)))
        for price, table in self._priced():
            rows = np.arange(table.shape[0])
            owner = rows // (table.shape[0] // futures)
            worth = sparse.csr_array(
                (price.ravel(), (owner, rows)), shape=(futures, len(rows))
            )
            total += (worth @ table).toarray()
        return total

    def averaged(self, weight: Floats) -> tuple[Floats, Floats]:
        """Average the cuts of all futures.

        Parameters
        ----------
        weight
            (K, U) weights, 0 or more.

        Returns
        -------
        tuple of ndarray
            (K,) constants and (K, C) slopes.
        """
        group = self.group
        slope = np.zeros((len(weight), len(group.columns)))
        for price, table in self._priced():
            flat = price.reshape(len(price), -1)
            rows = (weight[:, :, None] * flat[None]).reshape(len(weight), -1)
            slope += (table.T @ rows.T).T
        return weight @ self.constant, slope

    def _priced(self) -> list[tuple[Floats, Any]]:
        """List shadow prices with the tables that they price, zeros left out."""
        group = self.group
        pairs = (
            (self.share, group.release),
            (self.beta, group.supply),
            (self.mu, group.bought),
        )
        return [(p, table) for p, table in pairs if table.nnz and p.any()]


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
    at = _Amounts(group.release_at(x), group.supply_at(x), group.bought_at(x))
    if group.is_linked:
        from oreserve.planning._linked import linked_prices

        beta, mu = linked_prices(group, x, solver)
    else:
        beta, mu = _single_prices(group, at)
    return cut_from_prices(group, at, beta, mu)


@dataclass(frozen=True)
class _Amounts:
    """Tonnes at a first-stage point: (U, T, I), (U, T, I) and (U, I)."""

    release: Floats
    supply: Floats
    bought: Floats


def cut_from_prices(group: Group, at: _Amounts, beta: Floats, mu: Floats) -> Cut:
    """Turn shadow prices into a valid cut by weak duality.

    Parameters
    ----------
    at
        Tonnes at the point where the gain is wanted.
    beta
        (U, T, I) value of a tonne, million USD, 0 or more.
    mu
        (U, I) value of a tonne in the reserve, 0 or more.
    """
    constant = np.zeros(len(group.size))
    for step, (item, worth) in enumerate(
        zip(group.step_item, group.step_value, strict=True)
    ):
        surplus = np.maximum(group.discount * worth - beta[:, :, item], 0.0)
        constant += (surplus * group.size[:, :, step]).sum(axis=1)
    if group.is_linked:
        rent = np.maximum(beta @ group.recipe.T, 0.0)
        constant = constant + (rent * group.room).sum(axis=(1, 2))
    share = np.maximum(beta - group.release_cost[None] - mu[:, None, :], 0.0)
    gain = (
        constant
        + (share * at.release).sum(axis=(1, 2))
        + (beta * at.supply).sum(axis=(1, 2))
        + (mu * at.bought).sum(axis=1)
    )
    return Cut(group, gain, constant, beta, share, mu)


def single_item_gains(group: Group, x: Floats) -> Floats:
    """Compute the gains of a one-item group by filling the best steps first.

    Returns
    -------
    ndarray
        (U,) million USD: the primal value, to be compared with the cut's.
    """
    at = _Amounts(group.release_at(x), group.supply_at(x), group.bought_at(x))
    left, _, _, released = _fill(group, at)
    value = group.discount[:, None] * group.step_value[None, :]
    served = group.size - left
    cost = group.release_cost[None, :, 0] * released
    total: Floats = (served * value[None]).sum(axis=(1, 2)) - cost.sum(axis=1)
    return total


def _fill(group: Group, at: _Amounts) -> tuple[Floats, Floats, Floats, Floats]:
    """Serve unserved use: supply first, then the reserve by falling net value.

    Greedy is exact: the release bounds of periods within one bound on the sum
    are nested (a polymatroid), and within a period the steps fall in value.

    Returns
    -------
    tuple of ndarray
        unserved (U, T, V), release room left (U, T), reserve left (U,) and
        released (U, T).
    """
    room = np.asfortranarray(at.release[:, :, 0])
    reserve = at.bought[:, 0]
    left = group.size.copy(order="F")
    supply = np.asfortranarray(at.supply[:, :, 0])
    if supply.any():
        for step in range(left.shape[2]):
            taken = np.minimum(supply, left[:, :, step])
            left[:, :, step] -= taken
            supply -= taken
    room_left = room.copy(order="F")
    reserve_left = reserve.copy()
    can = np.minimum(room, reserve[:, None]) > 0.0
    periods = np.asarray(can.any(axis=0))
    if not periods.any():
        return left, room_left, reserve_left, room - room_left
    net = (
        group.discount[:, None] * group.step_value[None, :] - group.release_cost[:, :1]
    )
    steps = group.size.shape[2]
    for place in np.argsort(-net, axis=None, kind="stable"):
        period, step = divmod(int(place), steps)
        if net[period, step] <= 0.0:
            break
        if not periods[period]:
            continue
        take = np.minimum(left[:, period, step], room_left[:, period])
        np.minimum(take, reserve_left, out=take)
        left[:, period, step] -= take
        room_left[:, period] -= take
        reserve_left -= take
    return left, room_left, reserve_left, room - room_left


def _single_prices(group: Group, at: _Amounts) -> tuple[Floats, Floats]:
    """Find shadow prices that match the greedy solution of a one-item group."""
    left, room_left, reserve_left, released = _fill(group, at)
    room, reserve = at.release[:, :, 0], at.bought[:, 0]
    # Value of the next tonne: the best step not yet full, 0 if all are.
    nextup = np.zeros(room.shape)
    for step in range(left.shape[2] - 1, -1, -1):
        unserved = left[:, :, step] > SLACK * (1.0 + group.size[:, :, step])
        worth = group.discount * group.step_value[step]
        nextup = np.where(unserved, worth, nextup)
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
