# SPDX-License-Identifier: Apache-2.0
"""The operation of a reserve as stages of linear programmes.

A stage sees how much of each use the market leaves unserved, then buys, keeps and
releases:

    min  loss - sum_v value_v y_v + sum_b (price_b + bill_b) q_b + storage . out
    s.t. in + sum_b q_b + planned - r = out / keep     for each item
         r = sum_v y_v <= accessible in
         purse in - sum_b price_b q_b = purse out
         y <= size, r <= most where release is allowed, q <= steps where home can buy

The last stage is paid for what it leaves. Levels are counted in units of the largest
stock that may come together, money in million USD, the purse in units of itself.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from oreserve.network import BlockBuilder
from oreserve.stochastic import MarkovProblem, Openings, Stage

if TYPE_CHECKING:
    from collections.abc import Sequence

    from oreserve.network import Block

__all__ = ["Futures", "Operation", "StageColumns", "markov_problem"]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Futures:
    """K equally likely futures of a period in a state.

    Parameters
    ----------
    size
        (K, V) tonnes unserved by step.
    allowed, fillable
        (K, N) whether the reserve may release, and whether home may buy.
    """

    size: Floats
    allowed: Floats
    fillable: Floats

    def __len__(self) -> int:
        """Return the number of futures."""
        return len(self.size)


@dataclass(frozen=True, eq=False)
class Operation:
    """Numbers of the operation: N items, V steps of use, B price steps, T periods.

    Parameters
    ----------
    item
        (N,) names.
    opening
        (N,) t in stock.
    purse
        Million USD to spend over all periods.
    keep
        (N,) share of a stock that is there a period later.
    storage, end_value
        (N,) million USD per t: per period, and at the end.
    accessible, most
        (N,) share of the stock, and t a period, that may be released.
    step_item, step_value
        (V,) item and value, million USD per t, of each step of unserved use.
    buy_most
        (T, N, B) t of each price step.
    buy_price, bill
        (N, B) million USD per t: paid from the purse; home users' higher bill.
    planned
        (T, N) t that arrive anyway.
    discount
        Factor from one period to the next.
    """

    item: tuple[str, ...]
    opening: Floats
    purse: float
    keep: Floats
    storage: Floats
    end_value: Floats
    accessible: Floats
    most: Floats
    step_item: Ints
    step_value: Floats
    buy_most: Floats
    buy_price: Floats
    bill: Floats
    planned: Floats
    discount: float

    @property
    def unit(self) -> Floats:
        """(N,) t of a level of 1: the largest stock that may come together."""
        total = self.opening + self.planned.sum(axis=0)
        total = total + self.buy_most.sum(axis=(0, 2))
        return np.asarray(np.maximum(total, 1e-9), dtype=float)

    @property
    def purse_unit(self) -> float:
        """Million USD of a purse of 1."""
        return max(self.purse, 1e-9)

    @property
    def periods(self) -> int:
        """Number of periods."""
        return len(self.planned)

    def level(self, tonnes: Floats, purse: float) -> Floats:
        """Return (N + 1,) levels of stocks and purse."""
        return np.append(tonnes / self.unit, purse / self.purse_unit)


@dataclass(frozen=True)
class StageColumns:
    """Where things lie in a stage's block."""

    stock: Ints
    buy: Ints  # (N, B)
    give: Ints  # (V,)
    release: Ints  # (N,)
    loss: int
    out: Ints


def markov_problem(
    operation: Operation,
    futures: Sequence[Sequence[Futures]],
    *,
    start: Floats,
    transition: Sequence[Floats],
    states: tuple[str, ...],
) -> tuple[MarkovProblem, StageColumns]:
    """Write the operation as a problem for SDDP, and say where its columns lie."""
    periods = operation.periods
    stages, columns = [], None
    for t in range(periods):
        block, columns = _block(operation, t)
        vary = np.concatenate(
            [columns.give, columns.release, columns.buy.ravel(), [columns.loss]]
        )
        stages.append(
            Stage(block, columns.stock, columns.out, vary_column=vary.astype(np.int64))
        )
    assert columns is not None
    most = operation.unit * operation.end_value
    problem = MarkovProblem(
        stages=stages,
        openings=[[_openings(operation, t, one) for one in futures[t]]
                  for t in range(periods)],
        start=start,
        transition=transition,
        initial=operation.level(operation.opening, operation.purse),
        discount=operation.discount,
        floor=-float(most.sum()) - 1.0,
        states=states,
    )  # fmt: skip
    return problem, columns


def _block(operation: Operation, t: int) -> tuple[Block, StageColumns]:
    """Write the block of a period."""
    count, steps = operation.buy_price.shape
    unit, money = operation.unit, operation.purse_unit
    last = t == operation.periods - 1
    names = [*operation.item, "purse"]
    block = BlockBuilder()
    stock = block.add_columns([f"{name} in" for name in names])
    each = np.repeat(unit, steps)
    price = operation.buy_price.ravel() * each
    buy = block.add_columns(
        count * steps, cost=price + operation.bill.ravel() * each, upper=0.0
    )
    of = operation.step_item
    give = block.add_columns(len(of), cost=-operation.step_value * unit[of], upper=0.0)
    release = block.add_columns(count, upper=0.0)
    loss = block.add_columns(["loss"], cost=1.0)
    worth = operation.end_value if last else 0.0
    out = block.add_columns(
        [f"{name} out" for name in names],
        cost=np.append((operation.storage - worth) * unit, 0.0),
    )
    item = np.arange(count)
    planned = operation.planned[t] / unit
    balance = block.add_rows(count, lower=-planned, upper=-planned)
    block.add_entries(balance, stock[:-1], 1.0)
    block.add_entries(balance[np.repeat(item, steps)], buy, 1.0)
    block.add_entries(balance, release, -1.0)
    block.add_entries(balance, out[:-1], -1.0 / np.maximum(operation.keep, 1e-6))
    given = block.add_rows(count, lower=0.0, upper=0.0)
    block.add_entries(given, release, 1.0)
    block.add_entries(given[of], give, -1.0)
    held = block.add_rows(count, upper=0.0)
    block.add_entries(held, release, 1.0)
    block.add_entries(held, stock[:-1], -operation.accessible)
    purse = block.add_rows(["purse"], lower=0.0, upper=0.0)
    block.add_entries(purse[0], [stock[-1], out[-1]], [1.0, -1.0])
    block.add_entries(purse[0], buy, -price / money)
    where = StageColumns(
        stock, buy.reshape(count, steps), give, release, int(loss[0]), out
    )
    return block.build(), where


def _openings(operation: Operation, t: int, futures: Futures) -> Openings:
    """Turn futures into bounds of the varying columns."""
    unit, count = operation.unit, len(futures)
    size = futures.size / unit[operation.step_item]
    most = np.minimum(operation.most / unit, 1e3)  # no stock is that large
    steps = operation.buy_most[t] / unit[:, None]
    buy = futures.fillable[:, :, None] * steps[None]
    loss = futures.size @ operation.step_value
    upper = np.hstack(
        [size, futures.allowed * most, buy.reshape(count, -1), loss[:, None]]
    )
    lower = np.zeros_like(upper)
    lower[:, -1] = loss
    none = np.zeros((count, 0))
    return Openings(np.full(count, 1.0 / count), none, none, lower, upper)
