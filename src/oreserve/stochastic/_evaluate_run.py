# SPDX-License-Identifier: Apache-2.0
"""The three passes of an evaluation over its scenarios, and what is kept of them.

Tasks are fixed ranges of scenarios and come back in their order: neither workers
nor an interruption change a result.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
import numpy.typing as npt

from oreserve.stochastic._cache import DualCache
from oreserve.stochastic._evaluate_tasks import (
    Trainer,
    bound_chunk,
    solve_chunk,
    split,
    train_chunk,
)
from oreserve.stochastic._recourse import Recourse
from oreserve.stochastic._saved import load_checkpoint, save_checkpoint
from oreserve.stochastic._sweep import CHUNK
from oreserve.stochastic._worker import Bases

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from oreserve.stochastic._executors import Executor, Session
    from oreserve.stochastic._problem import TwoStage

__all__ = ["Kept", "Run"]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
A = TypeVar("A")
R = TypeVar("R")

SOLVE_CHUNK = 50
"""Scenarios of one task of exact solves."""

BOUND_CHUNKS = 20
"""Chunks of one task of bounds."""

SAVE_EVERY = 40
"""Tasks between two checkpoints."""


class Run:
    """An executor's workers on one point."""

    def __init__(
        self,
        problem: TwoStage,
        x: Floats,
        executor: Executor,
        progress: Callable[[str, float, float | None], None] | None,
    ) -> None:
        self.problem, self.x = problem, x
        self.executor, self.progress = executor, progress

    def map(
        self,
        session: Session[Any],
        stage: str,
        function: Callable[[Any, A], R],
        tasks: Sequence[A],
        sizes: Ints,
    ) -> Iterator[R]:
        """Run tasks on workers; results in their order."""
        total, done = int(sizes.sum()), 0
        if self.progress:
            self.progress(stage, done, total)
        results = session.map(function, tasks)
        for size, result in zip(sizes, results, strict=True):
            yield result
            done += int(size)
            if self.progress:
                self.progress(stage, done, total)

    def train(self, numbers: Ints) -> DualCache:
        """Solve scenarios for their duals and bases."""
        cache = DualCache(self.problem, most=len(numbers))
        first = self.problem.source.draw(numbers[:1])
        # One basis for all tasks: where a task starts must not depend on the others.
        start = Recourse(self.problem).solve(first, self.x, want=("native",)).basis
        tasks = split(numbers, SOLVE_CHUNK)
        sizes = np.array([len(part) for part in tasks])
        with self.executor.open(Trainer, self.problem, self.x, Bases(start)) as session:
            results = self.map(session, "Train bounds", train_chunk, tasks, sizes)
            for dual, bases in results:
                cache.add(dual, bases.kept)
        return cache

    def bounds(
        self, session: Session[Any], numbers: Ints, kept: Kept
    ) -> tuple[Floats, Ints]:
        """Bound all scenarios."""
        bound, point = kept.bounds(len(numbers))
        tasks = split(np.arange(len(numbers)), CHUNK * BOUND_CHUNKS)
        tasks = [task for task in tasks if np.isnan(bound[task]).any()]
        sizes = np.array([len(task) for task in tasks], dtype=np.int64)
        results = self.map(
            session,
            "Bound scenarios",
            bound_chunk,
            [numbers[task] for task in tasks],
            sizes,
        )
        for step, (task, (values, points)) in enumerate(
            zip(tasks, results, strict=True), start=1
        ):
            bound[task], point[task] = values, points
            if step % SAVE_EVERY == 0 or step == len(tasks):
                kept.save()
        return bound, point

    def solve(
        self,
        session: Session[Any],
        numbers: Ints,
        point: Ints,
        names: int,
        kept: Kept,
    ) -> tuple[Floats, Floats]:
        """Solve scenarios, each from the basis of the point that bounds it."""
        value, short = kept.values(numbers, names)
        tasks = split(np.arange(len(numbers)), SOLVE_CHUNK)
        tasks = [task for task in tasks if np.isnan(value[task]).any()]
        sizes = np.array([len(task) for task in tasks], dtype=np.int64)
        results = self.map(
            session,
            "Solve scenarios",
            solve_chunk,
            [(numbers[task], point[task]) for task in tasks],
            sizes,
        )
        for step, (task, (values, missing)) in enumerate(
            zip(tasks, results, strict=True), start=1
        ):
            value[task], short[task] = values, missing
            if step % SAVE_EVERY == 0 or step == len(tasks):
                kept.save()
        return value, short


class Kept:
    """Bounds and values as they come, in a file if there is one."""

    def __init__(self, path: str | Path | None, identity: dict[str, Any]) -> None:
        self._path, self._identity = path, identity
        found = None if path is None else load_checkpoint(path, identity)
        self._arrays: dict[str, npt.NDArray[Any]] = found or {}

    def bounds(self, count: int) -> tuple[Floats, Ints]:
        """Return arrays to fill; nan where a bound is missing."""
        if "bound" not in self._arrays:
            self._arrays["bound"] = np.full(count, np.nan)
            self._arrays["point"] = np.zeros(count, dtype=np.int64)
        return self._arrays["bound"], self._arrays["point"]

    def values(self, numbers: Ints, names: int) -> tuple[Floats, Floats]:
        """Return arrays to fill; nan where a value is missing."""
        held = self._arrays.get("number")
        shape = (len(numbers), names)
        same = held is not None and np.array_equal(held, numbers)
        if not same or self._arrays["short"].shape != shape:
            self._arrays["number"] = numbers
            self._arrays["value"] = np.full(len(numbers), np.nan)
            self._arrays["short"] = np.zeros(shape)
        return self._arrays["value"], self._arrays["short"]

    def save(self) -> None:
        """Write what there is."""
        if self._path is not None:
            save_checkpoint(self._path, self._identity, self._arrays)
