# SPDX-License-Identifier: Apache-2.0
"""Points of the first stage: what they are worth, and the best one so far."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from oreserve.planning._gains import Cut, Group, gains
from oreserve.planning._linked import LinkedSolver
from oreserve.planning._programme import tail_weight

if TYPE_CHECKING:
    from oreserve.planning._master import Master, Point
    from oreserve.planning._programme import Programme

__all__ = ["Best", "Evaluator", "Search", "Solution", "evaluate"]

Floats = npt.NDArray[np.float64]

RECENT_POINTS = 4
"""Points whose cuts a new view of the tail takes over."""

TRAIL_POINTS = 6
"""Last points of a search, at which a like programme takes its first cuts."""

THREADS_FROM = 20_000
"""Futures over all groups from which threads do not only wait for each other."""

FEATHER = 1e-8
"""Violation, as a share of the objective, below which a cut is not added."""


@dataclass(frozen=True)
class Solution:
    """Best point, its objective, a lower bound, and the way there."""

    x: Floats
    objective: float
    bound: float
    iterations: int
    cuts: int
    scenario_loss: Floats

    @property
    def gap(self) -> float:
        """Relative gap between the objective and its lower bound."""
        return max(0.0, self.objective - self.bound) / max(1e-9, abs(self.objective))


@dataclass(frozen=True)
class Best:
    """A point with its objective and the loss of each scenario."""

    x: Floats
    objective: float
    loss: Floats


class Evaluator:
    """Evaluates gains of all groups at a point, with warm solvers and threads."""

    def __init__(self, programme: Programme, workers: int = 1) -> None:
        self._programme = programme
        self._workers = max(1, workers)
        self._solvers: dict[int, LinkedSolver] = {}

    def __call__(self, x: Floats) -> list[Cut]:
        """Return the cut of each group at a point."""
        groups = self._programme.groups
        large = sum(len(group.size) for group in groups) >= THREADS_FROM
        useful = large or any(group.is_linked for group in groups)
        if self._workers == 1 or not useful:
            return [self._one(place, group, x) for place, group in enumerate(groups)]
        with ThreadPoolExecutor(self._workers) as pool:
            tasks = [
                pool.submit(self._one, place, group, x)
                for place, group in enumerate(groups)
            ]
            return [task.result() for task in tasks]

    def _one(self, place: int, group: Group, x: Floats) -> Cut:
        solver = None
        if group.is_linked:
            if place not in self._solvers:
                self._solvers[place] = LinkedSolver(group)
            solver = self._solvers[place]
        return gains(group, x, solver=solver)

    def scenario_loss(self, cuts: list[Cut]) -> Floats:
        """Compute the loss of each scenario, (S,) million USD."""
        loss = self._programme.base_loss.copy()
        for group, cut in zip(self._programme.groups, cuts, strict=True):
            loss -= cut.gain[group.future]
        return loss


def evaluate(programme: Programme, x: Floats) -> tuple[float, Floats]:
    """Compute the objective of a point and the loss of each scenario."""
    evaluator = Evaluator(programme)
    loss = evaluator.scenario_loss(evaluator(x))
    return programme.objective(x, loss), loss


class Search:
    """A master, and the points that were evaluated for it.

    Parameters
    ----------
    best
        A point within the limits to begin with, or None.
    """

    def __init__(
        self,
        programme: Programme,
        master: Master,
        evaluator: Evaluator,
        best: Best | None = None,
    ) -> None:
        self.programme = programme
        self.master = master
        self.best = best
        self.rounds = 0
        self._evaluator = evaluator
        self.trail: list[Floats] = []
        self._recent: list[list[Cut]] = []

    @property
    def objective(self) -> float:
        """The best objective so far; infinite without a point."""
        return np.inf if self.best is None else self.best.objective

    @property
    def scale(self) -> float:
        """What gaps are relative to."""
        return 1.0 if self.best is None else max(1.0, abs(self.best.objective))

    def offer(
        self, x: Floats, point: Point | None, *, allowed: bool = True
    ) -> tuple[float, int]:
        """Evaluate a point, learn its cuts, keep it if it is better.

        Parameters
        ----------
        point
            The master's point: only cuts that it violates are added; None: all.
        allowed
            Whether the point keeps to the limits; if not, only its cuts count.

        Returns
        -------
        tuple
            The objective at `x`, and how many cuts and views are new.
        """
        programme = self.programme
        cuts = self._evaluator(x)
        loss = self._evaluator.scenario_loss(cuts)
        objective = programme.objective(x, loss)
        if allowed and objective < self.objective:
            self.best = Best(x, objective, loss)
        self.trail = [*self.trail, x][-TRAIL_POINTS:]
        self._recent = [*self._recent, cuts][-RECENT_POINTS:]
        new = self.master.add(cuts, point, feather=FEATHER * max(1.0, abs(objective)))
        tail = tail_weight(loss, programme.probability, programme.alpha)
        return objective, new + self.master.look(tail, self._recent)
