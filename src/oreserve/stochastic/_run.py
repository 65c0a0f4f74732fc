# SPDX-License-Identifier: Apache-2.0
"""Rounds of the decomposition on one sample: exact passes, cuts, points between."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from oreserve.stochastic._cache import DualCache
from oreserve.stochastic._cuts import Cuts, Pieces, Sample, tail_value
from oreserve.stochastic._master import IDLE_ROUNDS, Master, Point
from oreserve.stochastic._worker import (
    Bases,
    Chunk,
    ExactTask,
    make_worker,
    run_exact,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from oreserve.stochastic._executors import Executor
    from oreserve.stochastic._problem import TwoStage

__all__ = ["Best", "Run", "Step", "chunk_size"]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

INWARD = 0.5
"""Share of the way from the best point to the master's at which is solved."""

BELIEVED = 0.5
"""Part of the promised gain from which the next point is the master's own."""

MODEL_ROUNDS = 30
"""Solves of the master between two exact passes, at most."""

MODEL_SHARE = 0.1
"""Part of the present gap that the master may be off from the model of all pieces."""

KEPT = 500
"""Most duals and bases that go into the cache."""


def chunk_size(count: int) -> int:
    """Return how many scenarios a task has: depends on the count alone."""
    return min(100, max(5, -(-count // 8)))


@dataclass(frozen=True)
class Step:
    """One exact pass.

    Parameters
    ----------
    scenarios
        Of the sample.
    bound, objective
        Lower bound before the pass, and the best objective after it.
    cuts
        That stand in the master.
    solves
        Of the master so far.
    iterations
        Simplex iterations per scenario of the pass.
    cold
        Hot starts that were not believed and solved from nothing.
    seconds
        Since the sample was begun.
    """

    scenarios: int
    bound: float
    objective: float
    cuts: int
    solves: int
    iterations: float
    cold: int
    seconds: float

    @property
    def gap(self) -> float:
        """Return the relative gap."""
        return relative_gap(self.objective, self.bound)


@dataclass(frozen=True)
class Best:
    """The best point so far, with the cost of each scenario there."""

    x: Floats
    objective: float
    value: Floats
    probability: Floats


def relative_gap(objective: float, bound: float) -> float:
    """Return (objective - bound) / |objective|, not below 0."""
    if not np.isfinite(objective) or not np.isfinite(bound):
        return float("inf")
    return max(0.0, objective - bound) / max(abs(objective), 1e-9)


class Run:
    """The decomposition of a sample: scenarios 0 to count - 1."""

    def __init__(
        self,
        problem: TwoStage,
        count: int,
        *,
        clusters: int,
        executor: Executor,
        cache: DualCache | None,
        progress: Callable[[str, float, float | None], None] | None,
    ) -> None:
        self.problem, self.count = problem, count
        self.clusters = min(count, clusters)
        size = chunk_size(count)
        self.chunks = [
            np.arange(k, min(k + size, count)) for k in range(0, count, size)
        ]
        self.bases: list[Bases | None] = [None] * len(self.chunks)
        self.keep = min(size, -(-KEPT // len(self.chunks)))
        self.session = executor.open(make_worker, problem, cache)
        self._recent: list[tuple[Floats, list[Any]]] = []
        self.pieces = Pieces()
        self.best: Best | None = None
        self.bound = -np.inf
        self.steps: list[Step] = []
        self.began = time.perf_counter()
        self._progress = progress
        self.after: Callable[[], None] | None = None
        self.visited: list[tuple[Floats, list[float]]] = []
        self.sample: Sample
        self.master: Master

    def close(self) -> None:
        """Let go of the workers."""
        self.session.close()

    # Passes over the scenarios.

    def _gather(self, function: Callable[[Any, Any], Chunk], x: Floats) -> list[Chunk]:
        tasks = [
            ExactTask(number, x, bases, self.keep)
            for number, bases in zip(self.chunks, self.bases, strict=True)
        ]
        done, found = 0, []
        for chunk in self.session.map(function, tasks):
            found.append(chunk)
            done += len(chunk.value)
            if self._progress:
                self._progress("scenarios solved", done, self.count)
        return found

    def exact(self, x: Floats, eta: float | None) -> Best:
        """Solve all scenarios at a point, keep pieces and bases, add cuts."""
        found = self._gather(run_exact, x)
        self.bases = [chunk.bases for chunk in found]
        value = np.concatenate([chunk.value for chunk in found])
        slope = np.concatenate([chunk.slope for chunk in found])
        if not hasattr(self, "sample"):
            self._set_up(found)
        self._learn(found)
        problem, weight = self.problem, self.sample.probability
        self.pieces.add(value - np.einsum("sn,n->s", slope, x), slope)
        quantile, tail = tail_value(value, weight, problem.alpha)
        objective = float(problem.first.cost @ x) + problem.first.offset
        objective += float(np.sum(weight * value))
        if problem.risk_weight:
            objective += problem.risk_weight * tail
        here = Best(x, objective, value, weight)
        if self.best is None or objective < self.best.objective:
            self.best = here
        newest = np.full(self.count, len(self.pieces.slope) - 1)
        etas = [quantile] if eta is None else [eta, quantile]
        self.visited.append((x, etas))
        self.cut(value, newest, etas, None)
        self.steps.append(
            Step(
                self.count, self.bound, self.best.objective, self.master.cuts,
                self.master.solves, sum(c.iterations for c in found) / self.count,
                sum(c.cold for c in found), time.perf_counter() - self.began,
            )
        )  # fmt: skip
        if self.after:
            self.after()
        return here

    def _learn(self, found: list[Chunk]) -> None:
        """Remember duals and bases of the last passes, the newest first."""
        dual = np.concatenate([chunk.dual for chunk in found])
        bases = [
            basis
            for chunk in found
            if chunk.bases is not None
            for basis in chunk.bases.kept[: len(chunk.dual)]
        ]
        self._recent.insert(0, (dual, bases))
        while len(self._recent) > 1 and sum(len(d) for d, _ in self._recent) > KEPT:
            self._recent.pop()

    def learned(self) -> DualCache:
        """Return the duals and bases of the last passes as a cache."""
        cache = DualCache(self.problem, most=KEPT)
        for dual, bases in self._recent[:2]:
            cache.add(dual, bases)
        return cache

    def _set_up(self, found: list[Chunk]) -> None:
        weight = np.concatenate([chunk.probability for chunk in found])
        floor = np.concatenate([chunk.floor for chunk in found])
        self._weight = weight / weight.sum()
        # A weight of 0 must not meet an open floor.
        self._floor = np.zeros(self.count)
        some = weight > 0.0
        self._floor[some] = self._weight[some] * floor[some]
        self.group(self.clusters)

    def group(self, clusters: int) -> None:
        """Begin a master with this many clusters, and cuts at all points seen."""
        self.clusters = min(self.count, clusters)
        group = np.arange(self.count) % self.clusters
        self.sample = Sample(self._weight, group, self.clusters)
        low = np.zeros(self.clusters)
        np.add.at(low, group, self._floor)
        mass: Floats = np.bincount(
            group, weights=self._weight, minlength=self.clusters
        ).astype(float)
        self.master = Master(self.problem, self.clusters, low, mass)
        for x, etas in self.visited:
            value, which = self.pieces.value(x)
            self.cut(value, which, etas, None)

    # Cuts and the model.

    def cut(
        self, value: Floats, which: Ints, etas: list[float], at: Point | None,
        least: float = 0.0,
    ) -> int:  # fmt: skip
        """Add cuts of all clusters from one piece per scenario; return how many."""
        weight = self.sample.probability
        added = self.master.add(self.pieces.cuts(self.sample, which, weight), at, least)
        if self.problem.risk_weight:
            for eta in dict.fromkeys(etas):
                over = np.where(value > eta, weight, 0.0)
                tail = self.pieces.cuts(self.sample, which, over)
                mass: Floats = np.bincount(
                    self.sample.group, weights=over, minlength=self.clusters
                ).astype(float)
                whole = Cuts(tail.constant, tail.slope, mass)
                added += self.master.add(whole, at, least)
        return added

    def model(
        self, allowed: float, *, cutoff: float = np.inf, kept: int = IDLE_ROUNDS
    ) -> Point:
        """Solve the model of all pieces: masters until one is exact enough.

        Parameters
        ----------
        allowed
            How far the master may be off from the model.
        cutoff
            Bound past which nobody needs it to be exact.
        kept
            Solves in a row after which a slack cut is dropped.
        """
        problem, weight = self.problem, self.sample.probability
        for _ in range(MODEL_ROUNDS):
            point = self.master.solve()
            if point.bound >= cutoff:
                break
            value, which = self.pieces.value(point.x)
            true = float(problem.first.cost @ point.x) + problem.first.offset
            true += float(np.sum(weight * value))
            if problem.risk_weight:
                over = float(np.sum(weight * np.maximum(value - point.eta, 0.0)))
                true += problem.risk_weight * (point.eta + over / (1.0 - problem.alpha))
            missing = true - point.bound
            gap = max(0.0, self.best.objective - point.bound) if self.best else np.inf
            if missing <= max(allowed, MODEL_SHARE * gap):
                break
            least = 0.1 * missing / (2 * self.clusters)
            if not self.cut(value, which, [point.eta], point, least):
                break
        self.master.drop(kept)
        return point

    def known(self) -> Best:
        """Return the best point; one has to be solved first."""
        if self.best is None:
            message = "solve a point first"
            raise ValueError(message)
        return self.best

    def converge(
        self, gap: float, *, rounds: int = 200, cutoff: float = np.inf
    ) -> None:
        """Go on until the gap is closed, for some rounds, or past a cutoff.

        The best point must be known. `self.bound` then holds for the problem that
        the master has (with columns held, if some are).
        """
        share = INWARD
        for _ in range(rounds):
            best = self.known()
            point = self.model(0.1 * gap * abs(best.objective))
            self.bound = point.bound
            if relative_gap(best.objective, self.bound) <= gap or point.bound > cutoff:
                return
            self.exact(best.x + share * (point.x - best.x), point.eta)
            gain = best.objective - self.known().objective
            kept = gain / max(share * (best.objective - self.bound), 1e-300)
            share = 1.0 if kept >= BELIEVED else INWARD
