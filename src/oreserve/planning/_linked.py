# SPDX-License-Identifier: Apache-2.0
"""Recourse of items that home plants tie: one warm programme, many bounds."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from oreserve.network import BlockBuilder, run_highs

if TYPE_CHECKING:
    from oreserve.network import Block
    from oreserve.planning._gains import Group

__all__ = ["LinkedSolver", "linked_prices", "recourse_block", "recourse_upper"]

Floats = npt.NDArray[np.float64]


def recourse_block(group: Group) -> Block:
    """Write the recourse of a group: matrix and costs are those of every future.

    Columns in the order y (T, V), r (T, I), z (T, I), v (T, F), with upper bounds
    left at 0; rows: balance (T, I) <= 0, then reserve (I) <= 0.

    Returns
    -------
    Block
        With `fixed_w` and `fixed_cost`: futures differ in bounds and right sides.
    """
    periods, steps = group.size.shape[1:]
    items, plants = len(group.items), group.recipe.shape[0]
    value = group.discount[:, None] * group.step_value[None, :]
    block = BlockBuilder()
    served = block.add_columns(periods * steps, cost=-value.ravel(), upper=0.0)
    release = block.add_columns(
        periods * items, cost=group.release_cost.ravel(), upper=0.0
    )
    supply = block.add_columns(periods * items, upper=0.0)
    activity = block.add_columns(periods * plants, upper=0.0)
    balance = block.add_rows(periods * items, upper=0.0)
    reserve = block.add_rows(items, upper=0.0)
    period, step = np.divmod(np.arange(periods * steps), steps)
    block.add_entries(balance[period * items + group.step_item[step]], served, 1.0)
    block.add_entries(balance, release, -1.0)
    block.add_entries(balance, supply, -1.0)
    plant, item = np.nonzero(group.recipe)
    for number in range(periods):
        block.add_entries(
            balance[number * items + item],
            activity[number * plants + plant],
            -group.recipe[plant, item],
        )
    block.add_entries(reserve[np.arange(periods * items) % items], release, 1.0)
    return block.build()


def recourse_upper(group: Group, x: Floats) -> tuple[Floats, Floats]:
    """Compute the bounds of every future at a first-stage point.

    Returns
    -------
    tuple of ndarray
        (U, columns) upper bounds of the columns and (U, I) tonnes bought.
    """
    futures = group.size.shape[0]
    parts = (group.size, group.release_at(x), group.supply_at(x), group.room)
    upper = np.concatenate([part.reshape(futures, -1) for part in parts], axis=1)
    return np.maximum(upper, 0.0), np.maximum(group.bought_at(x), 0.0)


class LinkedSolver:
    """One persistent model of a group; only bounds change between futures."""

    def __init__(self, group: Group) -> None:
        block = recourse_block(group)
        self._model = block.to_highs(presolve="off")
        self._columns = np.arange(block.columns, dtype=np.int32)
        self._lower = np.zeros(block.columns)
        items = len(group.items)
        self._balance = block.rows - items
        self._reserve = np.arange(self._balance, block.rows, dtype=np.int32)
        self._below = np.full(items, -np.inf)
        self._name = group.name

    def prices(self, upper: Floats, bought: Floats) -> tuple[Floats, Floats]:
        """Solve one future; return beta (T x I, flat) and mu (I,)."""
        model = self._model
        model.changeColsBounds(len(upper), self._columns, self._lower, upper)
        for row, tonnes in zip(self._reserve, bought, strict=True):
            model.changeRowBounds(int(row), -np.inf, float(tonnes))
        run_highs(model, f"the recourse of {self._name}")
        dual = np.maximum(-np.asarray(model.getSolution().row_dual), 0.0)
        return dual[: self._balance], dual[self._balance :]


def linked_prices(
    group: Group, x: Floats, solver: LinkedSolver | None = None
) -> tuple[Floats, Floats]:
    """Find shadow prices of a linked group in every future.

    Returns
    -------
    tuple of ndarray
        beta (U, T, I) and mu (U, I), million USD per t, 0 or more.
    """
    solver = solver or LinkedSolver(group)
    futures, periods = group.size.shape[:2]
    items = len(group.items)
    upper, bought = recourse_upper(group, x)
    beta = np.empty((futures, periods, items))
    mu = np.empty((futures, items))
    for future in range(futures):
        flat, mu[future] = solver.prices(upper[future], bought[future])
        beta[future] = flat.reshape(periods, items)
    return beta, mu
