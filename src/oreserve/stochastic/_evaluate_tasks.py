# SPDX-License-Identifier: Apache-2.0
"""What a worker of an evaluation does: bound chunks of scenarios, or solve them.

A task names its scenarios and where each solve starts, so its result does not
depend on who runs it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from oreserve.stochastic._recourse import Recourse, unpack
from oreserve.stochastic._sweep import CHUNK
from oreserve.stochastic._worker import Bases

if TYPE_CHECKING:
    import highspy

    from oreserve.stochastic._problem import TwoStage
    from oreserve.stochastic._sweep import Sweep

__all__ = ["Examiner", "Trainer", "bound_chunk", "solve_chunk", "split", "train_chunk"]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

SHORT = 1e-6
"""Value of a column, relative to its largest bound seen, from which it is short."""


def split(numbers: Ints, size: int) -> list[Ints]:
    """Cut into pieces of a size; the last one may be smaller."""
    return [numbers[k : k + size] for k in range(0, len(numbers), size)]


class Trainer:
    """A model at a point, and the basis from which each task starts."""

    def __init__(self, problem: TwoStage, x: Floats, start: Bases) -> None:
        self.problem, self.x, self.start = problem, x, start.kept[0]
        self.model = Recourse(problem)


def train_chunk(worker: Trainer, numbers: Ints) -> tuple[Floats, Bases]:
    """Solve scenarios for their duals and bases."""
    found = worker.model.solve(
        worker.problem.source.draw(numbers),
        worker.x,
        first=worker.start,
        want=("dual", "native"),
    )
    return found.dual, Bases(found.basis)


class Examiner:
    """Bounds and a model at a point.

    Parameters
    ----------
    problem, x
        The problem and the point.
    sweep
        The bounds, which all threads share.
    starts
        A basis for each kept dual.
    columns, place
        Columns that may be short, and which name each belongs to.
    names
        How many names.
    """

    def __init__(
        self,
        problem: TwoStage,
        x: Floats,
        sweep: Sweep,
        starts: Bases,
        columns: Ints,
        place: Ints,
        names: int,
    ) -> None:
        self.problem, self.x, self.sweep = problem, x, sweep
        self.columns, self.place, self.names = columns, place, names
        upper = problem.recourse.upper[columns]
        scale = np.where(np.isfinite(upper), np.maximum(upper, 1.0), 1.0)
        self.short = SHORT * scale
        self._starts = list(starts.kept)
        self._model: Recourse | None = None

    @property
    def model(self) -> Recourse:
        """The model; it is made when the first scenario is solved."""
        if self._model is None:
            self._model = Recourse(self.problem)
        return self._model

    def start(self, k: int) -> highspy.HighsBasis | None:
        """Return a basis as the solver's object, unpacked once."""
        if isinstance(self._starts[k], bytes):
            self._starts[k] = unpack(self._starts[k], self.problem.recourse.columns)
        basis: highspy.HighsBasis | None = self._starts[k]
        return basis


def bound_chunk(worker: Examiner, numbers: Ints) -> tuple[Floats, Ints]:
    """Bound scenarios, in products of a fixed shape."""
    found = [
        worker.sweep.bounds(worker.problem.source.draw(part))
        for part in split(numbers, CHUNK)
    ]
    bounds, points = zip(*found, strict=True)
    return np.concatenate(bounds), np.concatenate(points)


def solve_chunk(worker: Examiner, task: tuple[Ints, Ints]) -> tuple[Floats, Floats]:
    """Solve scenarios, each from the basis of the point that bounds it.

    Returns
    -------
    tuple of ndarray
        (B,) costs, and (B, names) 1 where something of that name is short.
    """
    numbers, point = task
    found = worker.model.solve(
        worker.problem.source.draw(numbers),
        worker.x,
        start=[worker.start(int(k)) for k in point],
        columns=worker.columns if len(worker.columns) else None,
    )
    missing = np.zeros((len(numbers), worker.names))
    if found.primal is not None:
        for k in range(worker.names):
            here = worker.place == k
            missing[:, k] = (found.primal[:, here] > worker.short[here]).any(axis=1)
    return found.value, missing
