# SPDX-License-Identifier: Apache-2.0
"""Certified bounds for any number of scenarios from duals found for a few.

W and the costs are the same in all scenarios, so a dual point that is feasible for
one is feasible for all: with reduced costs d = q - W'pi,

    Q_s(x) >= sum_i (pi_i^+ r_si + pi_i^- R_si) - pi'T_s x
              + sum_j (d_j^+ l_sj + d_j^- u_sj)

for each kept pi, whatever the scenario. The best of K such bounds is one matrix
product. Duals are repaired to be feasible to the last digit before they count, so
that the bound is one and not nearly one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from oreserve.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Sequence

    import highspy
    import polars as pl

    from oreserve.stochastic._problem import Batch, TwoStage
    from oreserve.stochastic._recourse import Basis

__all__ = ["ChosenBounds", "DualCache"]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

MARGIN = 1e-12
"""Reduced costs are kept this far, relative to their cost, above 0 after a repair."""

CHUNK = 256
"""Scenarios of one product: fixed, since a product's rounding depends on its shape."""


class DualCache:
    """Keep dual points of a recourse and bound scenarios with them.

    Parameters
    ----------
    problem
        The two-stage problem; a recourse whose matrix or costs vary is refused.
    most
        How many points are kept; later ones are not taken.

    Examples
    --------
    >>> import numpy as np
    >>> from oreserve.stochastic import DualCache, Recourse, newsvendor
    >>> problem = newsvendor()
    >>> some = problem.source.draw(np.arange(2))
    >>> found = Recourse(problem).solve(some, np.zeros(1), want=("dual", "basis"))
    >>> cache = DualCache(problem)
    >>> cache.add(found.dual, found.basis)
    1
    >>> batch = problem.source.draw(np.arange(3))
    >>> cache.bounds(batch, np.zeros(1)).bound.round(6).tolist()
    [10.0, 20.0, 30.0]
    """

    def __init__(self, problem: TwoStage, *, most: int = 2000) -> None:
        block = problem.recourse
        if not (block.fixed_w and block.fixed_cost):
            message = (
                "a cache of duals needs one recourse matrix and one cost vector in "
                "all scenarios; this recourse says that "
                + ("its costs vary" if block.fixed_w else "its matrix varies")
            )
            raise InputError(message)
        self.problem = problem
        self.most = most
        self._wt = block.to_csc().T.tocsr()
        fixed_row = np.ones(block.rows, dtype=bool)
        fixed_row[problem.vary_row] = False
        fixed_column = np.ones(block.columns, dtype=bool)
        fixed_column[problem.vary_column] = False
        self._fixed_row, self._fixed_column = fixed_row, fixed_column
        fixed_t = np.ones(len(problem.t_value), dtype=bool)
        fixed_t[problem.vary_t] = False
        self._fixed_t = np.flatnonzero(fixed_t)
        # A side that is open in the block may still be closed in each scenario.
        self._open_low = np.isneginf(block.row_lower)
        self._open_high = np.isposinf(block.row_upper)
        self._open_low[problem.vary_row] = False
        self._open_high[problem.vary_row] = False
        self._ever_open = problem.source.draw(np.zeros(1, dtype=np.int64))
        self._open_low[problem.vary_row] = np.isneginf(self._ever_open.row_lower[0])
        self._open_high[problem.vary_row] = np.isposinf(self._ever_open.row_upper[0])
        self.pi: Floats = np.zeros((0, block.rows))
        self.constant: Floats = np.zeros(0)
        self.basis: list[Basis | highspy.HighsBasis | None] = []
        self._seen: set[bytes] = set()
        self._tables: tuple[Floats, ...] | None = None
        self._at: tuple[bytes, Features, npt.NDArray[np.float32]] | None = None

    def __len__(self) -> int:
        """Return how many points are kept."""
        return len(self.pi)

    def add(
        self,
        dual: Floats,
        basis: Sequence[Basis | highspy.HighsBasis | None] = (),
    ) -> int:
        """Keep the points that are new; return how many.

        Parameters
        ----------
        dual
            (B, rows) row duals of solved scenarios, in the solver's sign: positive
            where the lower side binds.
        basis
            (B,) bases that belong to them, packed or the solver's; may be empty.
        """
        kept: list[Floats] = []
        names: list[Basis | highspy.HighsBasis | None] = []
        for k, point in enumerate(dual):
            if len(self) + len(kept) >= self.most:
                break
            key = np.round(point, 9).tobytes()
            if key in self._seen:
                continue
            fixed = self.repair(point)
            if fixed is None:
                continue
            self._seen.add(key)
            kept.append(fixed)
            names.append(basis[k] if len(basis) else None)
        if kept:
            self.pi = np.concatenate([self.pi, np.array(kept)])
            self.basis += names
            self._tables = self._at = None
        return len(kept)

    def __getstate__(self) -> dict[str, object]:
        """Pack the bases: the solver's objects cannot travel."""
        from oreserve.stochastic._recourse import packed

        state = self.__dict__.copy()
        state["basis"] = [None if b is None else packed(b) for b in self.basis]
        state["_tables"] = state["_at"] = None
        return state

    def repair(self, pi: Floats) -> Floats | None:
        """Make a dual point feasible to the last digit; None if that fails.

        Prices of open sides go to 0. A reduced cost below 0 where the column has no
        upper bound asks for smaller prices: with no prices at all the reduced costs
        are the costs, so a step towards 0 mends it where the costs are positive.
        """
        block = self.problem.recourse
        pi = np.where(self._open_low & (pi > 0.0), 0.0, pi)
        pi = np.where(self._open_high & (pi < 0.0), 0.0, pi)
        wide = self._fixed_column & np.isposinf(block.upper)
        deep = self._fixed_column & np.isneginf(block.lower)
        for _ in range(4):
            reduced = block.cost - self._wt @ pi
            floor = MARGIN * (1.0 + np.abs(block.cost))
            low = wide & (reduced < floor)
            high = deep & (reduced > -floor)
            # Exactly 0 prices a basic column; what is left is rounding.
            worst = max(
                float(np.max(np.where(low, floor - reduced, 0.0), initial=0.0)),
                float(np.max(np.where(high, reduced + floor, 0.0), initial=0.0)),
            )
            if worst <= 0.0:
                return pi
            if worst > 1e-3 * (1.0 + np.abs(block.cost).max(initial=0.0)):
                return None
            gain = np.where(low, block.cost - reduced, reduced - block.cost)
            at = (low | high) & (gain > 0.0)
            if not at.all() and not at.any():
                return None
            need = np.where(low, floor - reduced, reduced + floor)
            step = float(np.max(np.where(at, need / np.where(at, gain, 1.0), 0.0)))
            if not 0.0 < step < 1e-2:
                return None
            pi = pi * (1.0 - 2.0 * step)
        return None

    def reduced(self) -> Floats:
        """Return reduced costs of the kept points, (K, columns)."""
        cost = self.problem.recourse.cost[None]
        return np.asarray(cost - (self._wt @ self.pi.T).T, dtype=float)

    def _prepare(self) -> tuple[Floats, ...]:
        """Return constants and coefficients of the varying positions."""
        if self._tables is None:
            block, problem = self.problem.recourse, self.problem
            d = self.reduced()
            up, down = np.maximum(self.pi, 0.0), np.minimum(self.pi, 0.0)
            above, below = np.maximum(d, 0.0), np.minimum(d, 0.0)
            row, column = self._fixed_row, self._fixed_column
            constant = _product(up[:, row], block.row_lower[row])
            constant += _product(down[:, row], block.row_upper[row])
            constant += _product(above[:, column], block.lower[column])
            constant += _product(below[:, column], block.upper[column])
            self._tables = (
                constant, up[:, problem.vary_row], down[:, problem.vary_row],
                above[:, problem.vary_column], below[:, problem.vary_column],
            )  # fmt: skip
        return self._tables

    def bounds(self, batch: Batch, x: Floats) -> ChosenBounds:
        """Bound each scenario's cost from below.

        The point is chosen in single precision, where speed is; the bound that is
        returned is computed in double precision from the chosen point.

        Parameters
        ----------
        batch
            B scenarios.
        x
            First-stage point.

        Returns
        -------
        ChosenBounds
            (B,) bounds and (B,) positions of the points they come from.

        Raises
        ------
        InputError
            If nothing is kept yet.
        """
        if not len(self):
            message = "no dual point is kept yet: solve some scenarios first"
            raise InputError(message)
        bound, best = np.empty(len(batch)), np.empty(len(batch), dtype=np.int64)
        table, narrow = self._features_at(x)
        for first in range(0, len(batch), CHUNK):
            here = slice(first, first + CHUNK)
            data = table.data(batch, here)
            padded = np.zeros((CHUNK, data.shape[1]), dtype=np.float32)
            padded[: len(data)] = data
            guess = padded @ narrow + table.constant.astype(np.float32)
            best[here] = guess[: len(data)].argmax(axis=1)
            bound[here] = table.value(data, best[here])
        return ChosenBounds(bound, best)

    def _features_at(self, x: Floats) -> tuple[Features, npt.NDArray[np.float32]]:
        """Return the coefficients at a point; those of the last are kept."""
        key, last = x.tobytes(), self._at
        if last is None or last[0] != key:
            table = self.features(x)
            # One assignment: threads that share the cache see all of it or none.
            last = (key, table, table.matrix.astype(np.float32).T.copy())
            self._at = last
        return last[1], last[2]

    def features(self, x: Floats) -> Features:
        """Return the bound's coefficients at a point, without columns of zeros."""
        problem = self.problem
        constant, up, down, above, below = self._prepare()
        price = self.pi[:, problem.t_row]
        spend = problem.t_value * x[problem.t_column]
        fixed, varying = self._fixed_t, problem.vary_t
        constant = constant - price[:, fixed] @ spend[fixed]
        move = -price[:, varying] * x[problem.t_column[varying]]
        parts = (up, down, above, below, move)
        used = tuple(np.flatnonzero(np.any(part != 0.0, axis=0)) for part in parts)
        matrix = np.concatenate(
            [part[:, at] for part, at in zip(parts, used, strict=True)], axis=1
        )
        return Features(np.ascontiguousarray(matrix), constant, used)

    def certificate(self) -> pl.DataFrame:
        """Return the kept points as a table from which a bound can be recomputed.

        One row per point and row or column with a price: `point`, `kind` (row or
        column), `name`, `price` (pi or d) and `side` (lower or upper).
        """
        import polars as pl

        block, d = self.problem.recourse, self.reduced()
        frames = []
        for kind, price, name in (
            ("row", self.pi, block.row_name), ("column", d, block.column_name),
        ):  # fmt: skip
            point, at = np.nonzero(price)
            frames.append(
                pl.DataFrame({
                    "point": point, "kind": kind, "position": at,
                    "name": [name(int(j)) for j in at], "price": price[point, at],
                    "side": np.where(price[point, at] > 0.0, "lower", "upper"),
                })
            )  # fmt: skip
        return pl.concat(frames)


class ChosenBounds:
    """Bounds of B scenarios and the kept points they come from."""

    def __init__(self, bound: Floats, point: Ints) -> None:
        self.bound = bound
        self.point = point


class Features:
    """Coefficients of the bound at a point of the first stage."""

    def __init__(
        self, matrix: Floats, constant: Floats, used: tuple[Ints, ...]
    ) -> None:
        self.matrix, self.constant, self.used = matrix, constant, used

    def data(self, batch: Batch, here: slice) -> Floats:
        """Return what scenarios have at the positions that count, (B, F)."""
        parts = (
            batch.row_lower, batch.row_upper, batch.lower, batch.upper,
            batch.technology,
        )  # fmt: skip
        return np.concatenate(
            [part[here][:, at] for part, at in zip(parts, self.used, strict=True)],
            axis=1,
        )

    def value(self, data: Floats, point: Ints) -> Floats:
        """Return the bound of each scenario from the point given for it."""
        out: Floats = np.einsum("bf,bf->b", data, self.matrix[point])
        return out + self.constant[point]


def _product(price: Floats, bound: Floats) -> Floats:
    """Multiply prices and bounds; an open bound has no price by construction."""
    finite = np.isfinite(bound)
    out: Floats = price[:, finite] @ bound[finite]
    return out
