# SPDX-License-Identifier: Apache-2.0
"""What a worker of the decomposition does: solve chunks, or bound them from duals.

A task is a fixed chunk of scenario numbers and says itself where each solve starts,
so its result does not depend on who runs it or on what ran before. Scenario data are
drawn again in each task and never stored.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from queue import SimpleQueue
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp

from oreserve.errors import InfeasibleError
from oreserve.stochastic._conflict import explain_recourse
from oreserve.stochastic._recourse import Recourse, packed

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from oreserve.stochastic._cache import DualCache
    from oreserve.stochastic._problem import Batch, TwoStage

__all__ = ["Bases", "Chunk", "ExactTask", "LocalThreads", "Worker"]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


class Bases:
    """Bases of a chunk, which are packed only when they leave the process.

    Packing costs a fifth of a solve from a good basis, so threads never do it.
    """

    __slots__ = ("kept",)

    def __init__(self, kept: Sequence[Any]) -> None:
        self.kept = tuple(kept)

    def __getstate__(self) -> tuple[bytes, ...]:
        """Pack what the solver made."""
        return tuple(packed(basis) for basis in self.kept)

    def __setstate__(self, state: tuple[bytes, ...]) -> None:
        """Keep the packed bases; the solver's are made where they are used."""
        self.kept = state


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
                batch, task.x, start=start, first=first, want=("dual", "native")
            )
        except InfeasibleError as error:
            raise explain_recourse(self.problem, batch, task.x) or error from None
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

    def shared(self, task: ExactTask) -> Chunk:
        """Bound a chunk at a point with duals of other scenarios: no solve."""
        if self.cache is None:
            message = "this worker has no cache of duals"
            raise ValueError(message)
        batch = self.problem.source.draw(task.number)
        chosen = self.cache.bounds(batch, task.x)
        return Chunk(
            value=chosen.bound,
            slope=self._slopes(batch, self.cache.pi[chosen.point]),
            floor=self._floor(batch),
            probability=_weights(batch),
            bases=None,
            dual=np.zeros((0, self.problem.recourse.rows)),
            iterations=0,
            cold=0,
        )

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


def run_shared(worker: Worker, task: ExactTask) -> Chunk:
    """Bound a chunk on a worker."""
    return worker.shared(task)


class LocalThreads:
    """Threads of this process: HiGHS lets go of the interpreter while it solves."""

    def __init__(self, workers: int) -> None:
        self.workers = max(1, workers)

    def open(self, factory: Callable[..., Any], *arguments: object) -> LocalSession:
        """Make one state per thread."""
        return LocalSession([factory(*arguments) for _ in range(self.workers)])


class LocalSession:
    """States of the threads, each lent to one task at a time."""

    def __init__(self, states: Sequence[Any]) -> None:
        self._pool = ThreadPoolExecutor(len(states))
        self._states: SimpleQueue[Any] = SimpleQueue()
        for state in states:
            self._states.put(state)

    def map(
        self, function: Callable[[Any, Any], Any], tasks: Sequence[Any]
    ) -> Iterator[Any]:
        """Run the function for each task; results in order of tasks."""

        def one(task: Any) -> Any:
            state = self._states.get()
            try:
                return function(state, task)
            finally:
                self._states.put(state)

        return self._pool.map(one, tasks)

    def close(self) -> None:
        """Let go of the threads; tasks that have not begun are dropped."""
        self._pool.shutdown(cancel_futures=True)
