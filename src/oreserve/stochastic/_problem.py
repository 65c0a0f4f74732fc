# SPDX-License-Identifier: Apache-2.0
"""Two-stage problems in block form: one recourse matrix, many scenarios.

    min   c'x + E[Q_s(x)] + w CVaR_alpha[Q_s(x)]
    s.t.  x in the first block (whole numbers where it says so)
    Q_s(x) = min q'y  s.t.  r_s <= T_s x + W y <= R_s,  l_s <= y <= u_s

W and q are the same in every scenario. What varies are named positions of the row
bounds, the column bounds and the entries of T; a scenario is drawn by its number,
so a million scenarios never stand in memory and results do not depend on how work
is split.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp

from oreserve.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from oreserve.network import Block

__all__ = ["Batch", "ScenarioSource", "StoredScenarios", "TwoStage"]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Batch:
    """Data of B scenarios at the varying positions of a problem.

    Parameters
    ----------
    number
        (B,) scenario numbers.
    row_lower, row_upper
        (B, len(vary_row)) bounds of the varying rows.
    lower, upper
        (B, len(vary_column)) bounds of the varying columns; finite.
    technology
        (B, len(vary_t)) values of the varying entries of T.
    probability
        (B,) weights that add up to 1 over the whole set; None: all the same.
    """

    number: Ints
    row_lower: Floats
    row_upper: Floats
    lower: Floats
    upper: Floats
    technology: Floats
    probability: Floats | None = None

    def __len__(self) -> int:
        """Return how many scenarios."""
        return len(self.number)


class ScenarioSource(Protocol):
    """Draws scenarios by number; equal numbers give equal scenarios, always."""

    def draw(self, numbers: Ints) -> Batch:
        """Return the scenarios with these numbers, in this order."""
        ...


@dataclass(frozen=True)
class StoredScenarios:
    """A given list of scenarios, numbered from 0."""

    batch: Batch

    def draw(self, numbers: Ints) -> Batch:
        """Return the scenarios with these numbers."""
        numbers = np.asarray(numbers, dtype=np.int64)
        if len(numbers) and (numbers.min() < 0 or numbers.max() >= len(self.batch)):
            message = (
                f"scenario {int(numbers.max())} is asked for; there are "
                f"{len(self.batch)}, numbered from 0"
            )
            raise InputError(message)
        kept = self.batch
        weight = kept.probability
        return Batch(
            numbers,
            kept.row_lower[numbers],
            kept.row_upper[numbers],
            kept.lower[numbers],
            kept.upper[numbers],
            kept.technology[numbers],
            None if weight is None else weight[numbers],
        )


@dataclass(frozen=True)
class TwoStage:
    """A two-stage problem; see the module for its form.

    Parameters
    ----------
    first
        Columns x with costs, bounds, whole-number marks and their own rows.
    recourse
        Columns y, rows and W; its bounds hold where nothing varies. `fixed_w` and
        `fixed_cost` must be true.
    t_row, t_column, t_value
        Entries of T: recourse row, first-stage column, value.
    vary_row, vary_column, vary_t
        Positions of rows, recourse columns and entries of T that scenarios give.
    source
        Where scenarios come from.
    alpha, risk_weight
        Of the CVaR term; a weight of 0 leaves it out.
    """

    first: Block
    recourse: Block
    t_row: Ints
    t_column: Ints
    t_value: Floats
    vary_row: Ints
    vary_column: Ints
    vary_t: Ints
    source: ScenarioSource
    alpha: float = 0.9
    risk_weight: float = 0.0

    def __post_init__(self) -> None:
        """Refuse what the methods that share duals cannot use."""
        problems = []
        if not self.recourse.fixed_w:
            problems.append("the recourse matrix varies over scenarios (fixed_w)")
        if not self.recourse.fixed_cost:
            problems.append("the recourse costs vary over scenarios (fixed_cost)")
        if self.recourse.integer.any():
            problems.append("the recourse has whole-number columns")
        if not 0.0 <= self.alpha < 1.0:
            problems.append(f"alpha is {self.alpha}; it must be in [0, 1)")
        if not self.risk_weight >= 0.0:
            problems.append(f"risk_weight is {self.risk_weight}; it must be >= 0")
        for what, at, most in (
            ("vary_row", self.vary_row, self.recourse.rows),
            ("vary_column", self.vary_column, self.recourse.columns),
            ("vary_t", self.vary_t, len(self.t_value)),
            ("t_row", self.t_row, self.recourse.rows),
            ("t_column", self.t_column, self.first.columns),
        ):
            if len(at) and (at.min() < 0 or at.max() >= most):
                problems.append(f"{what} names position {at.max()} of {most}")
        if problems:
            raise InputError("not a two-stage problem: " + "; ".join(problems))

    def with_source(self, source: ScenarioSource) -> TwoStage:
        """Return the problem with other scenarios."""
        return replace(self, source=source)

    def technology(self, values: Floats | None = None) -> sp.csr_matrix:
        """Return T, (recourse rows, first-stage columns), of one scenario.

        Parameters
        ----------
        values
            (len(vary_t),) of the scenario; None: as in `t_value`.
        """
        entry = self.t_value
        if values is not None and len(self.vary_t):
            entry = entry.copy()
            entry[self.vary_t] = values
        shape = (self.recourse.rows, self.first.columns)
        return sp.csr_matrix((entry, (self.t_row, self.t_column)), shape=shape)

    def shifts(self, batch: Batch, x: Floats) -> Floats:
        """Compute T_s x of each scenario, (B, recourse rows)."""
        fixed = np.ones(len(self.t_value), dtype=bool)
        fixed[self.vary_t] = False
        base: Floats = np.bincount(
            self.t_row[fixed],
            weights=self.t_value[fixed] * x[self.t_column[fixed]],
            minlength=self.recourse.rows,
        ).astype(float)
        out: Floats = np.repeat(base[None], len(batch), axis=0)
        if len(self.vary_t):
            # Several entries may share a row: a small sparse product adds them.
            spread = sp.csr_matrix(
                (
                    x[self.t_column[self.vary_t]],
                    (np.arange(len(self.vary_t)), self.t_row[self.vary_t]),
                ),
                shape=(len(self.vary_t), self.recourse.rows),
            )
            out = out + np.asarray(batch.technology @ spread, dtype=float)
        return out

    def fingerprint(self, numbers: Sequence[int] | Ints = (0,)) -> str:
        """Return a hash of all that a solution depends on; some scenarios are drawn.

        A checkpoint of another problem is refused by it.
        """
        whole = hashlib.sha256()
        batch = self.source.draw(np.asarray(numbers, dtype=np.int64))
        arrays: list[npt.NDArray[Any]] = []
        for block in (self.first, self.recourse):
            arrays += [
                block.cost, block.lower, block.upper, block.integer, block.row_lower,
                block.row_upper, block.entry_row, block.entry_column, block.entry_value,
            ]  # fmt: skip
        arrays += [
            self.t_row, self.t_column, self.t_value, self.vary_row, self.vary_column,
            self.vary_t, np.array([self.alpha, self.risk_weight]), batch.row_lower,
            batch.row_upper, batch.lower, batch.upper, batch.technology,
        ]  # fmt: skip
        for array in arrays:
            whole.update(np.ascontiguousarray(array).tobytes())
        return whole.hexdigest()
