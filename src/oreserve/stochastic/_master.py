# SPDX-License-Identifier: Apache-2.0
"""The first stage with estimates of what follows: columns x, theta_g, eta, tau_g.

    min  c'x + sum_g theta_g + w (eta + sum_g tau_g / (1 - alpha))

theta_g is the expected cost of a cluster and tau_g what it costs beyond eta, the
value at risk; cuts raise both. Cuts that have not bound for some rounds are dropped.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import highspy
import numpy as np
import numpy.typing as npt

from oreserve.errors import InfeasibleError, OreserveError
from oreserve.network import BlockBuilder, run_highs
from oreserve.stochastic._conflict import explain_first

if TYPE_CHECKING:
    from oreserve.stochastic._cuts import Cuts
    from oreserve.stochastic._problem import TwoStage

__all__ = ["IDLE_ROUNDS", "Master", "Point"]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

IDLE_ROUNDS = 6
"""A cut that was slack in so many solves in a row is dropped."""

SLACK = 1e-6
"""Relative distance from which a cut counts as slack."""


class Point:
    """A point of the master: x, eta, and the master's value or bound there."""

    def __init__(self, x: Floats, eta: float, bound: float) -> None:
        self.x, self.eta, self.bound = x, eta, bound


class Master:
    """A persistent model of the first stage and its cuts."""

    def __init__(
        self, problem: TwoStage, clusters: int, floor: Floats, mass: Floats
    ) -> None:
        first = problem.first
        self.problem, self.clusters = problem, clusters
        self.columns = first.columns
        self.weight = problem.risk_weight
        build = BlockBuilder()
        x = build.add_columns(
            first.columns, cost=first.cost, lower=first.lower, upper=first.upper
        )
        rows = build.add_rows(first.rows, lower=first.row_lower, upper=first.row_upper)
        build.add_entries(rows[first.entry_row], x[first.entry_column],
                          first.entry_value)  # fmt: skip
        self.theta = build.add_columns(clusters, cost=1.0, lower=floor)
        self.tail = np.zeros(0, dtype=np.int64)
        self.eta = -1
        if self.weight:
            cost = self.weight / (1.0 - problem.alpha)
            self.eta = int(build.add_columns(1, cost=self.weight, lower=-np.inf)[0])
            self.tail = build.add_columns(clusters, cost=cost, lower=0.0)
            # What a cluster costs beyond eta is at least its mean beyond eta;
            # without this eta falls without end before the tail has its cuts.
            tie = build.add_rows(clusters, lower=0.0)
            build.add_entries(tie, self.tail, 1.0)
            build.add_entries(tie, self.theta, -1.0)
            build.add_entries(tie, np.full(clusters, self.eta), mass)
        block = build.build(offset=first.offset)
        self.highs = block.to_highs(presolve="off")
        self.fixed_rows = block.rows
        self.idle = np.zeros(0, dtype=np.int64)
        self.solves = 0
        self.held = False

    @property
    def cuts(self) -> int:
        """Return how many cuts stand."""
        return len(self.idle)

    def add(self, cuts: Cuts, at: Point | None = None, least: float = 0.0) -> int:
        """Add the cuts that the present point violates; return how many.

        Parameters
        ----------
        cuts
            Of all clusters.
        at
            A solved point: cuts that hold there by `least` are left out. None: all.
        least
            Violation that counts, in the unit of the objective.
        """
        mean = cuts.mass is None
        columns = self.theta if mean else self.tail
        keep = np.arange(self.clusters)
        if at is not None:
            here = self._last[columns]
            need = cuts.constant + cuts.slope @ at.x
            if cuts.mass is not None:
                need = need - cuts.mass * at.eta
            scale = 1.0 if mean else self.weight / (1.0 - self.problem.alpha)
            keep = np.flatnonzero(scale * (need - here) > least)
        starts, index, value = [0], [], []
        for g in keep.tolist():
            used = np.flatnonzero(cuts.slope[g])
            at_g, of_g = [used, columns[g : g + 1]], [-cuts.slope[g][used], [1.0]]
            if cuts.mass is not None:
                at_g.append(np.array([self.eta]))
                of_g.append(cuts.mass[g : g + 1])
            index.append(np.concatenate(at_g))
            value.append(np.concatenate(of_g))
            starts.append(starts[-1] + len(index[-1]))
        if len(keep):
            self.append(
                cuts.constant[keep],
                np.array(starts[:-1], dtype=np.int32),
                np.concatenate(index).astype(np.int32),
                np.concatenate(value),
            )
        return len(keep)

    def append(
        self,
        lower: Floats,
        starts: npt.NDArray[np.int32],
        index: npt.NDArray[np.int32],
        value: Floats,
    ) -> None:
        """Add rows that bound from below, in compressed form."""
        self.highs.addRows(
            len(lower), lower, np.full(len(lower), highspy.kHighsInf), len(index),
            starts, index, value,
        )  # fmt: skip
        self.idle = np.concatenate([self.idle, np.zeros(len(lower), dtype=np.int64)])

    def rows(self) -> dict[str, Floats | Ints | npt.NDArray[np.int32]]:
        """Return the cuts in compressed form, as `append` takes them."""
        model = self.highs.getLp()
        matrix = model.a_matrix_
        from scipy.sparse import csc_matrix, csr_matrix

        shape = (model.num_row_, model.num_col_)
        parts = (
            np.array(matrix.value_), np.array(matrix.index_), np.array(matrix.start_)
        )  # fmt: skip
        by_column = matrix.format_ == highspy.MatrixFormat.kColwise
        whole = csc_matrix(parts, shape=shape) if by_column else csr_matrix(
            parts, shape=shape
        )  # fmt: skip
        cut = whole.tocsr()[self.fixed_rows :]
        return {
            "lower": np.array(model.row_lower_)[self.fixed_rows :],
            "starts": cut.indptr[:-1].astype(np.int32),
            "index": cut.indices.astype(np.int32),
            "value": cut.data.astype(float),
        }

    def solve(self, *, watched: bool = True) -> Point:
        """Solve the relaxation: a point and a lower bound of the whole problem.

        Parameters
        ----------
        watched
            Whether cuts that are slack here grow old.
        """
        try:
            run_highs(self.highs, "the first stage")
        except InfeasibleError as error:
            if self.held:
                raise
            raise explain_first(self.problem.first) or error from None
        except OreserveError as error:
            unbounded = highspy.HighsModelStatus.kUnbounded
            if self.highs.getModelStatus() == unbounded:
                message = (
                    "the first stage has no least cost: a column without an upper "
                    "bound lowers it without end; give the column a bound"
                )
                raise OreserveError(message) from error
            raise
        self.solves += 1
        found = self.highs.getSolution()
        value = np.array(found.col_value)
        self._last = value
        if watched:
            self._age(np.array(found.row_dual)[self.fixed_rows :])
        bound = float(self.highs.getInfo().objective_function_value)
        return self._point(value, bound)

    def _point(self, value: Floats, bound: float) -> Point:
        first = self.problem.first
        x = np.clip(value[: self.columns], first.lower, first.upper)
        return Point(x, float(value[self.eta]) if self.weight else 0.0, bound)

    def _age(self, dual: Floats) -> None:
        """Count rounds without a price."""
        self.idle = np.where(np.abs(dual) > 1e-12, 0, self.idle + 1)

    def drop(self, rounds: int = IDLE_ROUNDS) -> int:
        """Drop cuts that have been slack for so many solves; the basis stays."""
        gone = np.flatnonzero(self.idle >= rounds)
        basis = self.highs.getBasis()
        status = list(basis.row_status)
        basic = highspy.HighsBasisStatus.kBasic
        gone = np.array(
            [i for i in gone if status[self.fixed_rows + i] == basic], dtype=np.int64
        )
        if not len(gone):
            return 0
        self.highs.deleteRows(len(gone), (self.fixed_rows + gone).astype(np.int32))
        left = np.ones(len(status), dtype=bool)
        left[self.fixed_rows + gone] = False
        basis.row_status = [s for s, keep in zip(status, left, strict=True) if keep]
        self.idle = self.idle[left[self.fixed_rows :]]
        self.highs.setBasis(basis)
        return len(gone)

    def hold(self, columns: Ints, lower: Floats, upper: Floats) -> None:
        """Hold columns within bounds."""
        at = columns.astype(np.int32)
        self.highs.changeColsBounds(len(at), at, lower, upper)
        self.held = True

    def free(self, columns: Ints) -> None:
        """Give columns their own bounds back."""
        first, at = self.problem.first, columns.astype(np.int32)
        self.highs.changeColsBounds(
            len(at), at, first.lower[columns], first.upper[columns]
        )
        self.held = False
