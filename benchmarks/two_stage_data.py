# SPDX-License-Identifier: Apache-2.0
"""A two-stage problem as plain arrays in a file, the same for every program.

Rivals run in an environment of their own, where Oreserve need not be installed, so
this module imports numpy only. Quantities: x of the first stage, y of the recourse,

    min c'x + sum_s p q'y_s   with   r_s <= T_s x + W y_s <= R_s,  l_s <= y_s <= u_s
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from pathlib import Path

    from oreserve.stochastic import Batch, TwoStage

__all__ = ["TwoStageData", "read_data", "take_data"]


@dataclass(frozen=True)
class TwoStageData:
    """Arrays of a problem with S scenarios; entries are row, column, value."""

    cost: np.ndarray  # (n,)
    lower: np.ndarray
    upper: np.ndarray
    integer: np.ndarray
    row_lower: np.ndarray  # (m,) rows of the first stage
    row_upper: np.ndarray
    entry_row: np.ndarray
    entry_column: np.ndarray
    entry_value: np.ndarray
    y_cost: np.ndarray  # (N,)
    w_row: np.ndarray
    w_column: np.ndarray
    w_value: np.ndarray
    t_row: np.ndarray
    t_column: np.ndarray
    t_value: np.ndarray  # (S, entries of T)
    y_lower: np.ndarray  # (S, N)
    y_upper: np.ndarray
    r_lower: np.ndarray  # (S, M) rows of the recourse
    r_upper: np.ndarray

    @property
    def scenarios(self) -> int:
        """Return S."""
        return len(self.r_lower)

    def write(self, path: Path) -> None:
        """Write the arrays."""
        arrays: dict[str, Any] = {f.name: getattr(self, f.name) for f in fields(self)}
        with path.open("wb") as out:
            np.savez(out, **arrays)


def read_data(path: Path) -> TwoStageData:
    """Read what `write` wrote."""
    with np.load(path, allow_pickle=False) as kept:
        return TwoStageData(**{f.name: kept[f.name] for f in fields(TwoStageData)})


def take_data(problem: TwoStage, batch: Batch) -> TwoStageData:
    """Spell out the arrays of each scenario of a batch; all weigh the same."""
    first, recourse, count = problem.first, problem.recourse, len(batch)

    def spread(base: np.ndarray, at: np.ndarray, values: np.ndarray) -> np.ndarray:
        whole = np.repeat(base[None], count, axis=0)
        whole[:, at] = values
        return whole

    row, column = problem.vary_row, problem.vary_column
    return TwoStageData(
        cost=first.cost,
        lower=first.lower,
        upper=first.upper,
        integer=first.integer,
        row_lower=first.row_lower,
        row_upper=first.row_upper,
        entry_row=first.entry_row,
        entry_column=first.entry_column,
        entry_value=first.entry_value,
        y_cost=recourse.cost,
        w_row=recourse.entry_row,
        w_column=recourse.entry_column,
        w_value=recourse.entry_value,
        t_row=problem.t_row,
        t_column=problem.t_column,
        t_value=spread(problem.t_value, problem.vary_t, batch.technology),
        y_lower=spread(recourse.lower, column, batch.lower),
        y_upper=spread(recourse.upper, column, batch.upper),
        r_lower=spread(recourse.row_lower, row, batch.row_lower),
        r_upper=spread(recourse.row_upper, row, batch.row_upper),
    )
