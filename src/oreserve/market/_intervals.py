# SPDX-License-Identifier: Apache-2.0
"""The lowest and highest price that an optimum allows."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from oreserve.market._clear import TOLERANCE, balance_price, cap_columns
from oreserve.network.sums import sum_by

if TYPE_CHECKING:
    from oreserve.market._clear import Cleared, Terms
    from oreserve.market._problem import Problem

__all__ = ["price_interval"]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]


def price_interval(
    problem: Problem, result: Cleared, terms: Terms
) -> tuple[Floats, Floats]:
    """Return the lowest and highest price of each node that the optimum allows.

    Complementary slackness bounds every dual: a step half served fixes it, a full
    step bounds it from above, an empty one from below, lanes and recipes carry the
    bounds on. Bounds are tightened along columns until they rest, so the interval
    holds every optimal dual; low = high means that the price is unique. The low end
    is the worth of one more tonne, the high end the cost of one tonne less.
    """
    columns, rows, values = _all_entries(problem, terms)
    upper, value = result.upper, result.value
    lower = np.zeros(problem.columns)
    lower[problem.sale.columns] = upper[problem.sale.columns]
    cost = problem.cost.copy()
    if np.any(terms.tariff > 0.0):
        lane, price = problem.lane, np.maximum(balance_price(problem, result), 0.0)
        extra = terms.tariff * price[problem.chain.lanes.from_node]
        cost[lane.columns] += extra[lane.owner] * lane.scale[lane.owner] / problem.money
    if terms.bid is not None and terms.bid_price is not None:
        cost[problem.bid.columns] = -terms.bid_price * problem.bid.scale / problem.money
    free = upper - lower <= TOLERANCE
    low_end = (value <= lower + TOLERANCE) & ~free
    high_end = (value >= upper - TOLERANCE) & ~free
    inside = ~(low_end | high_end | free)
    count = problem.rows + len(terms.caps)
    low, high = np.full(count, -np.inf), np.full(count, np.inf)
    limits = np.arange(problem.node_rows, count)
    limits = limits[limits >= problem.rows - len(problem.hub.leak_home)]
    # Duals of limits are at most 0, and 0 where there is room left.
    high[limits] = 0.0
    dual = result.row_dual
    low[limits[np.abs(dual[limits]) <= 1e-12]] = 0.0
    at_most = (low_end | inside)[columns]
    at_least = (high_end | inside)[columns]
    for _ in range(80):
        before = low.copy(), high.copy()
        _tighten(low, high, columns, rows, values, cost, at_most, sign=1.0)
        _tighten(low, high, columns, rows, values, cost, at_least, sign=-1.0)
        # The dual in hand is one of those that are looked for. Without it, bounds
        # that cross by a rounding error drive each other apart along recipes.
        np.minimum(low, dual, out=low)
        np.maximum(high, dual, out=high)
        if _rests(before[0], low) and _rests(before[1], high):
            break
    nodes = slice(0, problem.node_rows)
    unit = problem.money / problem.row_scale[nodes]
    low, high = low[nodes] * unit, high[nodes] * unit
    price = result.price
    # Where nothing arrives the reported price is its own highest unmet step; a tonne
    # may be worth more than that further along its lanes and recipes.
    bare = np.isfinite(low) & (price < low * (1.0 - 1e-9))
    price = np.where(bare, low, price)
    low, high = np.minimum(low, price), np.maximum(high, price)
    low = np.where(np.isfinite(low), low, price)
    high = np.where(np.isfinite(high), high, price)
    gone = np.isnan(price)
    return np.where(gone, np.nan, low), np.where(gone, np.nan, high)


def _rests(before: Floats, after: Floats) -> bool:
    known = np.isfinite(before) & np.isfinite(after)
    gap = np.abs(np.where(known, after, 0.0) - np.where(known, before, 0.0))
    rests = gap <= 1e-10 * (1.0 + np.abs(np.where(known, after, 0.0)))
    return bool(np.all((before == after) | (known & rests)))


def _all_entries(problem: Problem, terms: Terms) -> tuple[Ints, Ints, Floats]:
    """Return column, row and value of all entries, rows of caps included."""
    columns = np.repeat(np.arange(problem.columns), np.diff(problem.starts))
    rows, values = problem.indices.astype(np.int64), problem.values
    for k, cap in enumerate(terms.caps):
        more = cap_columns(problem, cap)
        columns = np.concatenate([columns, more])
        rows = np.concatenate([rows, np.full(len(more), problem.rows + k)])
        values = np.concatenate([values, np.ones(len(more))])
    return columns, rows, values


def _tighten(
    low: Floats,
    high: Floats,
    columns: Ints,
    rows: Ints,
    values: Floats,
    cost: Floats,
    active: Bools,
    *,
    sign: float,
) -> None:
    """Tighten dual bounds by `sign * (sum a pi - cost) <= 0` on active entries."""
    column, row = columns[active], rows[active]
    value = sign * values[active]
    least = np.where(value > 0.0, value * low[row], value * high[row])
    open_end = ~np.isfinite(least)
    count = len(cost)
    total = sum_by(column, np.where(open_end, 0.0, least), minlength=count)
    ends = sum_by(column, open_end, minlength=count)
    alone = open_end & (ends[column] == 1)
    known = ends[column] == 0
    rest = total[column] - np.where(known, least, 0.0)
    bound = (sign * cost[column] - rest) / value
    # A bound beyond any price says nothing, and would overflow further on.
    usable = (known | alone) & (np.abs(bound) < 1e12)
    up, down = usable & (value > 0.0), usable & (value < 0.0)
    np.minimum.at(high, row[up], bound[up])
    np.maximum.at(low, row[down], bound[down])
