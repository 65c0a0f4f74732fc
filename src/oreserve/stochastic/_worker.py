# SPDX-License-Identifier: Apache-2.0
"""What a worker of the decomposition does: solve chunks, or bound them from duals.

A task is a fixed chunk of scenario numbers and says itself where each solve starts,
so its result does not depend on who runs it or on what ran before. Scenario data are
drawn again in each task and never stored.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp

from oreserve.errors import InfeasibleError
from oreserve.stochastic._conflict import explain_recourse
from oreserve.stochastic._recourse import Recourse, packed

if TYPE_CHECKING:
    from collections.abc import Sequence

    from oreserve.stochastic._cache import DualCache
    from oreserve.stochastic._problem import Batch, TwoStage
    from oreserve.stochastic._recourse import Solved

__all__ = [
    "Bases",
    "Chunk",
    "ExactTask",
    "Worker",
    "make_worker",
    "run_exact",
    "run_values",
]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


class Bases:
    """Bases of a chunk, which are packed only when they leave the process.

    Packing costs a fifth of a solve from a good basis, so threads never do it.
    """

    __slots__ = ("kept",)

    def __init__(self, kept: Sequence[Any]) -> None:
        self.kept = tuple(kept)

    def __reduce__(self) -> tuple[type[Bases], tuple[tuple[bytes, ...]]]:
        """Pack what the solver made; its objects are made again where they serve."""
        return Bases, (tuple(packed(basis) for basis in self.kept),)


@dataclass(frozen=True)
class ExactTask:
    """Solve the scenarios of a chunk at a point.

    Parameters
    ----------
    number
        (B,) scenario numbers.
    x
        First-stage point.
    bases
        Where each starts; a single one: where the first does, and the others from
        the one before; None: chosen from the cache, or as if one were given.
    keep
        Of how many the duals come back.
    """

    number: Ints
    x: Floats
    bases: Bases | None
    keep: int


@dataclass(frozen=True)
class Chunk:
    """Values and slopes of a chunk: Q_s(z) >= value + slope (z - x).

    Parameters
    ----------
    value, floor, probability
        (B,) cost at the point, a bound at any point, weight (1 where none is given).
    slope
        (B, first-stage columns).
    bases, dual
        Optimal bases; duals of the first `keep`.
    iterations, cold
        Simplex iterations, and hot starts that were not believed.
    """

    value: Floats
    slope: Floats
    floor: Floats
    probability: Floats
    bases: Bases | None
    dual: Floats
    iterations: int
    cold: int


class Worker:
    """State of a worker: one persistent model, and the cache it may choose from."""

    def __init__(self, problem: TwoStage, cache: DualCache | None) -> None:
        self.problem, self.cache = problem, cache
        self._recourse = Recourse(problem)
        entries = np.arange(len(problem.t_value))
        self._to_column = sp.csr_matrix(
            (np.ones(len(entries)), (entries, problem.t_column)),
            shape=(len(entries), problem.first.columns),
        )

    def exact(self, task: ExactTask) -> Chunk:
        """Solve a chunk."""
        batch, found = self._solved(task, ("dual", "native"))
        return Chunk(
            value=found.value,
            slope=self._slopes(batch, found.dual),
            floor=self._floor(batch),
            probability=_weights(batch),
            bases=Bases(found.basis),
            dual=found.dual[: task.keep],
            iterations=found.iterations,
            cold=found.cold,
        )

    def values(self, task: ExactTask) -> Floats:
        """Solve a chunk for its costs alone."""
        return self._solved(task, ())[1].value

    def _solved(self, task: ExactTask, want: tuple[str, ...]) -> tuple[Batch, Solved]:
        batch = self.problem.source.draw(task.number)
        start: Sequence[Any] | None = None if task.bases is None else task.bases.kept
        first = None
        if start is not None and len(start) != len(batch):
            first, start = start[0], None
        elif start is None and self.cache is not None and len(self.cache):
            chosen = self.cache.bounds(batch, task.x).point
            start = tuple(self.cache.basis[k] for k in chosen)
        try:
            found = self._recourse.solve(
                batch, task.x, start=start, first=first, want=want
            )
        except InfeasibleError as error:
            raise explain_recourse(self.problem, batch, task.x) or error from None
        return batch, found

    def _slopes(self, batch: Batch, dual: Floats) -> Floats:
        """Compute -T_s' pi_s of each scenario."""
        problem = self.problem
        entry = np.repeat(problem.t_value[None], len(batch), axis=0)
        if len(problem.vary_t):
            entry[:, problem.vary_t] = batch.technology
        return np.asarray(-(dual[:, problem.t_row] * entry) @ self._to_column)

    def _floor(self, batch: Batch) -> Floats:
        """Bound the cost at any point by costs and bounds of columns alone."""
        block, vary = self.problem.recourse, self.problem.vary_column
        fixed = np.ones(block.columns, dtype=bool)
        fixed[vary] = False
        least = _cheapest(block.cost[fixed], block.lower[fixed], block.upper[fixed])
        moved = _cheapest(block.cost[vary][None], batch.lower, batch.upper)
        return np.asarray(least.sum() + moved.sum(axis=1), dtype=float)


def _cheapest(cost: Floats, lower: Floats, upper: Floats) -> Floats:
    """Return the least cost of each column; -inf where nothing bounds it."""
    at = np.where(cost > 0.0, lower, upper)
    with np.errstate(invalid="ignore"):
        return np.where(cost == 0.0, 0.0, cost * at)


def _weights(batch: Batch) -> Floats:
    return np.ones(len(batch)) if batch.probability is None else batch.probability


def make_worker(problem: TwoStage, cache: DualCache | None) -> Worker:
    """Make a worker's state (a function of the module, so that it pickles)."""
    return Worker(problem, cache)


def run_exact(worker: Worker, task: ExactTask) -> Chunk:
    """Solve a chunk on a worker."""
    return worker.exact(task)


def run_values(worker: Worker, task: ExactTask) -> Floats:
    """Solve a chunk on a worker for its costs alone."""
    return worker.values(task)
