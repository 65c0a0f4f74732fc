# SPDX-License-Identifier: Apache-2.0
"""Name the rows that contradict each other.

The elastic filter (Chinneck and Dravnieks, 1991): let every row give way at a cost,
hold those that had to, and go on until nothing can give way; what is held then
contradicts itself. Rows without which the contradiction stays are struck off.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from oreserve.errors import InfeasibleError, OreserveError
from oreserve.network import BlockBuilder, solve

if TYPE_CHECKING:
    from oreserve.network import Block
    from oreserve.stochastic._problem import Batch, TwoStage

__all__ = ["conflict", "conflicting_rows", "explain_first", "explain_recourse"]

Ints = npt.NDArray[np.int64]

SHOWN = 12
TOLERANCE = 1e-7


def conflicting_rows(block: Block) -> list[int]:
    """Return rows that with the column bounds contradict each other; [] if none."""
    held = np.zeros(block.rows, dtype=bool)
    for _ in range(block.rows + 1):
        try:
            slack = _give_way(block, ~held, np.ones(block.rows, dtype=bool))
        except InfeasibleError:
            break
        bent = (slack > TOLERANCE) & ~held
        if not bent.any():
            return []
        held |= bent
    rows = np.flatnonzero(held)
    if len(rows) <= 4 * SHOWN:
        rows = _without_idle(block, held)
    return [int(i) for i in rows]


def _without_idle(block: Block, held: npt.NDArray[np.bool_]) -> Ints:
    """Strike off rows without which the rest still contradicts itself."""
    kept = held.copy()
    none = np.zeros(block.rows, dtype=bool)
    for i in np.flatnonzero(held):
        kept[i] = False
        try:
            _give_way(block, none, kept)
        except InfeasibleError:
            continue
        kept[i] = True
    return np.flatnonzero(kept)


def _give_way(
    block: Block, elastic: npt.NDArray[np.bool_], used: npt.NDArray[np.bool_]
) -> npt.NDArray[np.float64]:
    """Return by how much each elastic row gives way at the least total."""
    build = BlockBuilder()
    x = build.add_columns(
        block.columns, lower=block.lower, upper=block.upper, integer=block.integer
    )
    size = np.maximum(1.0, np.abs(np.where(np.isfinite(block.row_lower),
        block.row_lower, np.where(np.isfinite(block.row_upper), block.row_upper, 1.0)
    )))  # fmt: skip
    at = np.flatnonzero(elastic & used)
    more = build.add_columns(len(at), cost=1.0 / size[at])
    less = build.add_columns(len(at), cost=1.0 / size[at])
    row = build.add_rows(
        block.rows,
        lower=np.where(used, block.row_lower, -np.inf),
        upper=np.where(used, block.row_upper, np.inf),
    )
    build.add_entries(row[block.entry_row], x[block.entry_column], block.entry_value)
    build.add_entries(row[at], more, 1.0)
    build.add_entries(row[at], less, -1.0)
    value = solve(build.build(), what="the elastic form").value
    out = np.zeros(block.rows)
    out[at] = (value[more] + value[less]) / size[at]
    return out


def _named(block: Block, rows: list[int]) -> str:
    shown = [f"{block.row_name(i)} ({_side(block, i)})" for i in rows[:SHOWN]]
    more = f" and {len(rows) - SHOWN} more" if len(rows) > SHOWN else ""
    return ", ".join(shown) + more


def _side(block: Block, row: int) -> str:
    low, high = block.row_lower[row], block.row_upper[row]
    if low == high:
        return f"= {low:g}"
    parts = [f">= {low:g}"] if np.isfinite(low) else []
    parts += [f"<= {high:g}"] if np.isfinite(high) else []
    return " and ".join(parts) or "open"


def _crossed(block: Block) -> str | None:
    """Name columns and rows whose own two sides contradict each other."""
    columns = np.flatnonzero(block.lower > block.upper)
    rows = np.flatnonzero(block.row_lower > block.row_upper)
    names = [
        f"{block.column_name(int(j))} (>= {block.lower[j]:g} and <= {block.upper[j]:g})"
        for j in columns[:SHOWN]
    ]
    names += [f"{block.row_name(int(i))} ({_side(block, int(i))})"
              for i in rows[:SHOWN]]  # fmt: skip
    return ", ".join(names) or None


def conflict(block: Block) -> str | None:
    """Name what in a block contradicts itself; None if nothing does."""
    said = _crossed(block)
    if said is None:
        rows = conflicting_rows(block)
        said = _named(block, rows) if rows else None
    return said


def explain_first(block: Block) -> InfeasibleError | None:
    """Return the error that names what no first stage can meet; None if one can."""
    said = conflict(block)
    if said is None:
        return None
    return InfeasibleError(
        f"no first stage meets these limits together: {said}; loosen one of them"
    )


def explain_recourse(
    problem: TwoStage, batch: Batch, x: npt.NDArray[np.float64]
) -> InfeasibleError | None:
    """Return the error that names the first scenario without an answer to a point."""
    shift = problem.shifts(batch, x)
    for s in range(len(batch)):
        block = scenario_block(problem, batch, s, shift[s])
        said = _crossed(block)
        if said is None:
            try:
                solve(replace(block, cost=np.zeros(block.columns)))
                continue
            except OreserveError:
                said = _named(block, conflicting_rows(block))
        return InfeasibleError(
            f"scenario {int(batch.number[s])} has no recourse at a first stage that "
            f"the limits allow; these rows contradict each other: {said}. Give the "
            f"recourse a column that may break them at a cost"
        )
    return None


def scenario_block(
    problem: TwoStage, batch: Batch, s: int, shift: npt.NDArray[np.float64]
) -> Block:
    """Return the recourse of one scenario as a block; `shift` is T x."""
    block = problem.recourse
    low, high = block.row_lower.copy(), block.row_upper.copy()
    low[problem.vary_row] = batch.row_lower[s]
    high[problem.vary_row] = batch.row_upper[s]
    left, right = block.lower.copy(), block.upper.copy()
    left[problem.vary_column] = batch.lower[s]
    right[problem.vary_column] = batch.upper[s]
    return replace(
        block, row_lower=low - shift, row_upper=high - shift, lower=left, upper=right
    )
