# SPDX-License-Identifier: Apache-2.0
"""Solve the recourse of many scenarios with one persistent model.

Only bounds change between scenarios, and they go to the solver as arrays. Where a
solve starts is the caller's choice (a basis, or that of the scenario before in the
same call), so that a result never depends on what the model has seen earlier.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import highspy
import numpy as np
import numpy.typing as npt

from oreserve.errors import OreserveError
from oreserve.network.block import run_highs

if TYPE_CHECKING:
    from collections.abc import Sequence

    import scipy.sparse as sp

    from oreserve.stochastic._problem import Batch, TwoStage

__all__ = ["Basis", "HotStartError", "Recourse", "Solved"]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Basis = bytes
"""A basis packed in one byte per column, then one per row."""

CERTIFICATE = 1e-6
"""Relative gap between primal and dual above which a hot start is not believed."""

_STATUS = {int(s): s for s in (
    highspy.HighsBasisStatus.kLower, highspy.HighsBasisStatus.kBasic,
    highspy.HighsBasisStatus.kUpper, highspy.HighsBasisStatus.kZero,
    highspy.HighsBasisStatus.kNonbasic,
)}  # fmt: skip


class HotStartError(OreserveError):
    """A solve from nothing does not meet its own certificate either."""


@dataclass(frozen=True)
class Solved:
    """Recourse of B scenarios at a point.

    Parameters
    ----------
    value
        (B,) optimal cost.
    dual
        (B, rows) duals of the rows; empty if they were not asked for.
    basis
        Optimal bases, packed (`basis`) or as the solver's own objects (`native`:
        nothing is copied, but only one process can read them); empty if they were
        not asked for.
    iterations
        Simplex iterations of all together.
    cold
        How many were solved again from nothing because their certificate failed.
    primal
        (B, columns asked for) values of columns; None if none were asked for.
    """

    value: Floats
    dual: Floats
    basis: tuple[Basis | highspy.HighsBasis, ...]
    iterations: int
    cold: int
    primal: Floats | None = None


class Recourse:
    """A persistent model of the recourse; one per thread.

    Parameters
    ----------
    problem
        The two-stage problem.
    check_every
        Every how many scenarios the certificate is computed; 0: never. It is
        always computed for the first.

    Examples
    --------
    >>> import numpy as np
    >>> from oreserve.stochastic import newsvendor
    >>> problem = newsvendor()
    >>> solved = Recourse(problem).solve(problem.source.draw(np.arange(3)), np.zeros(1))
    >>> solved.value.round(6).tolist()
    [10.0, 20.0, 30.0]
    """

    def __init__(self, problem: TwoStage, *, check_every: int = 50) -> None:
        block = problem.recourse
        self.problem = problem
        self._check_every = check_every
        # Devex: a start from a foreign basis has no steepest-edge weights, and
        # computing them costs more than the few iterations that follow.
        self._highs = block.to_highs(
            presolve="off", simplex_dual_edge_weight_strategy=1
        )
        self._w: sp.csc_matrix = block.to_csc()
        self._wt = self._w.T.tocsr()
        self._rows = np.unique(np.concatenate([problem.vary_row, problem.t_row]))
        self._row_at = np.searchsorted(self._rows, problem.vary_row).astype(np.int64)
        self._row_index = self._rows.astype(np.int32)
        self._column_index = problem.vary_column.astype(np.int32)
        self._free = _slack_basis(self._highs)
        vary = problem.vary_column
        self._bounds = block.lower[vary].copy(), block.upper[vary].copy()

    def solve(
        self,
        batch: Batch,
        x: Floats,
        *,
        start: Sequence[Basis | highspy.HighsBasis | None] | None = None,
        first: Basis | highspy.HighsBasis | None = None,
        want: tuple[str, ...] = (),
        columns: Ints | None = None,
    ) -> Solved:
        """Solve each scenario of a batch, in its order.

        Parameters
        ----------
        batch
            B scenarios.
        x
            First-stage point.
        start
            (B,) bases to start from; None there: the scenario before.
        first
            Where the first scenario starts if `start` does not say; None: slack.
        want
            Of `dual`, and `basis` or `native`.
        columns
            Positions of the columns whose values are wanted too.
        """
        problem, highs = self.problem, self._highs
        count = len(batch)
        shift = problem.shifts(batch, x)[:, self._rows]
        block = problem.recourse
        lower = np.repeat(block.row_lower[self._rows][None], count, axis=0)
        upper = np.repeat(block.row_upper[self._rows][None], count, axis=0)
        lower[:, self._row_at] = batch.row_lower
        upper[:, self._row_at] = batch.row_upper
        lower -= shift
        upper -= shift
        value = np.empty(count)
        dual = np.empty((count if "dual" in want else 0, block.rows))
        primal = None if columns is None else np.empty((count, len(columns)))
        bases: list[Basis | highspy.HighsBasis] = []
        iterations = cold = 0
        # What the model did before this call must not decide where it starts.
        highs.clearSolver()
        self._set(first if first is not None else self._free)
        for s in range(count):
            self._bound_columns(batch.lower[s], batch.upper[s])
            highs.changeRowsBounds(  # type: ignore[attr-defined]
                len(self._row_index), self._row_index, lower[s], upper[s]
            )
            if start is not None and start[s] is not None:
                self._set(start[s])
            run_highs(highs, f"the recourse of scenario {int(batch.number[s])}")
            info = highs.getInfo()
            iterations += max(0, int(info.simplex_iteration_count))
            value[s] = info.objective_function_value
            if self._check_every and s % self._check_every == 0:
                cold += self._certify(batch, s, lower[s], upper[s])
                value[s] = highs.getInfo().objective_function_value
            if "dual" in want:
                dual[s] = highs.getSolution().row_dual
            if primal is not None:
                primal[s] = np.asarray(highs.getSolution().col_value)[columns]
            if "basis" in want:
                bases.append(pack(highs.getBasis()))
            elif "native" in want:
                bases.append(highs.getBasis())
        return Solved(value, dual, tuple(bases), iterations, cold, primal)

    def _bound_columns(self, lower: Floats, upper: Floats) -> None:
        """Change the bounds that are others than the model's: most are not."""
        before, above = self._bounds
        at = np.flatnonzero((lower != before) | (upper != above))
        self._highs.changeColsBounds(
            len(at), self._column_index[at], lower[at], upper[at]
        )
        before[at], above[at] = lower[at], upper[at]

    def _set(self, basis: Basis | highspy.HighsBasis | None) -> None:
        if basis is None:
            return
        if isinstance(basis, bytes):
            basis = unpack(basis, self.problem.recourse.columns)
        self._highs.setBasis(basis)

    def _certify(self, batch: Batch, s: int, lower: Floats, upper: Floats) -> int:
        """Check primal and dual against each other; solve from nothing if not."""
        if self._gap(batch, s, lower, upper) <= CERTIFICATE:
            return 0
        self._highs.clearSolver()
        run_highs(self._highs, f"the recourse of scenario {int(batch.number[s])}")
        if self._gap(batch, s, lower, upper) > CERTIFICATE:
            message = (
                f"scenario {int(batch.number[s])}: the solver's optimum does not meet "
                f"its own duals, from nothing either"
            )
            raise HotStartError(message)
        return 1

    def _gap(self, batch: Batch, s: int, lower: Floats, upper: Floats) -> float:
        """Compute the largest relative breach of optimality of the present solution."""
        block = self.problem.recourse
        found = self._highs.getSolution()
        y = np.asarray(found.col_value)
        pi = np.asarray(found.row_dual)
        low, high = block.row_lower.copy(), block.row_upper.copy()
        low[self._rows], high[self._rows] = lower, upper
        left, right = block.lower.copy(), block.upper.copy()
        left[self._column_index] = batch.lower[s]
        right[self._column_index] = batch.upper[s]
        row = self._w @ y
        size = 1.0 + np.abs(y).max(initial=0.0)
        breach = max(
            np.max(low - row, initial=0.0), np.max(row - high, initial=0.0),
            np.max(left - y, initial=0.0), np.max(y - right, initial=0.0),
        ) / size  # fmt: skip
        reduced = block.cost - self._wt @ pi
        total = _side(pi, low, high) + _side(reduced, left, right)
        cost = float(block.cost @ y)
        return float(max(breach, abs(cost - total) / (1.0 + abs(cost))))


def _side(price: Floats, low: Floats, high: Floats) -> float:
    """Sum price x bound, each on the side that its sign asks for."""
    bound = np.where(price > 0.0, low, high)
    part = np.where(np.abs(price) > 1e-9, price * np.where(price == 0.0, 0.0, bound), 0)
    return float(part.sum())


def _slack_basis(highs: highspy.Highs) -> highspy.HighsBasis:
    basis = highspy.HighsBasis()
    kinds = highspy.HighsBasisStatus
    basis.col_status = [kinds.kLower] * highs.getNumCol()
    basis.row_status = [kinds.kBasic] * highs.getNumRow()
    basis.valid = True
    return basis


def pack(basis: Any) -> Basis:
    """Pack a solver's basis into bytes."""
    return bytes(map(int, basis.col_status)) + bytes(map(int, basis.row_status))


def packed(basis: Any) -> Basis:
    """Pack a basis that may be packed already."""
    return basis if isinstance(basis, bytes) else pack(basis)


def unpack(packed: Basis, columns: int) -> highspy.HighsBasis:
    """Make a solver's basis of packed bytes."""
    basis = highspy.HighsBasis()
    whole = [_STATUS[b] for b in packed]
    basis.col_status, basis.row_status = whole[:columns], whole[columns:]
    basis.valid = True
    return basis
