# SPDX-License-Identifier: Apache-2.0
"""The decomposition with whole numbers: its master is what is branched on."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from oreserve.errors import InfeasibleError
from oreserve.stochastic._branch import Held

if TYPE_CHECKING:
    from oreserve.stochastic._master import Point
    from oreserve.stochastic._run import Best, Run

__all__ = ["WholeSearch"]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

INWARD = 0.5
"""Share of the way to the master's point where the best has the same whole numbers."""

STANDING = 20
"""A cut that was slack in so many solves in a row is dropped."""


class WholeSearch:
    """What is branched on: the master of a run, with the model of all its pieces.

    Parameters
    ----------
    run
        Converged without whole numbers, more or less. Its best point, if any, has
        whole numbers.
    whole
        Positions of the whole-number columns.
    gap
        Relative, of the search.
    scale
        About the objective.
    """

    def __init__(self, run: Run, whole: Ints, gap: float, scale: float) -> None:
        self.run, self.whole = run, whole
        self.gap, self.scale = gap, abs(scale)
        self.solves = self.tries = 0
        self._point: Point
        self._seen: dict[bytes, Best] = {}
        self._share = 1.0
        if run.best is not None:
            self._seen[run.best.x[whole].tobytes()] = run.best

    @property
    def objective(self) -> float:
        """The best true objective so far."""
        best = self.run.best
        return np.inf if best is None else best.objective

    def solve(self, lower: Floats, upper: Floats, cutoff: float) -> Held | None:
        """Solve the model of all pieces within bounds."""
        self.solves += 1
        master = self.run.master
        master.hold(self.whole, lower, upper)
        try:
            self._point = self.run.model(
                0.1 * self.gap * self.scale, cutoff=cutoff, kept=STANDING
            )
        except InfeasibleError:
            return None
        reduced = np.asarray(master.highs.getSolution().col_dual)[self.whole]
        return Held(self._point.bound, self._point.x[self.whole], reduced)

    def try_out(self, lower: Floats, upper: Floats) -> float:
        """Solve the master as it is within bounds."""
        self.tries += 1
        self.run.master.hold(self.whole, lower, upper)
        try:
            return self.run.master.solve(watched=False).bound
        except InfeasibleError:
            return np.inf

    def visit(self) -> bool:
        """Solve all scenarios at the last point, or on the way to it.

        Where these whole numbers have been seen, the way is from their best point:
        the rest is a convex problem, for which points between are better ones.
        """
        run, x = self.run, self._point.x.copy()
        x[self.whole] = np.round(x[self.whole])
        key = x[self.whole].tobytes()
        before = self._seen.get(key)
        share = 1.0
        if before is not None:
            promised = before.objective - self._point.bound
            share = self._share
            x = before.x + share * (x - before.x)
        found = run.exact(x, self._point.eta)
        if before is not None:
            gain = before.objective - found.objective
            # A point between that says nothing new must not come twice.
            self._share = 1.0 if gain < 0.5 * share * promised else INWARD
        if before is None or found.objective < before.objective:
            self._seen[key] = found
        return True
