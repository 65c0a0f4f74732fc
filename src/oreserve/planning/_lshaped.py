# SPDX-License-Identifier: Apache-2.0
"""The L-shaped method: averaged cuts per group of items, in-out, options last.

Van Slyke and Wets (1969); the point between the best and the master's point:
Ben-Ameur and Neto (2007); CVaR by its weights: Rockafellar and Uryasev (2002).
Items are tied only through the first stage, so each group has its own cuts.
Options are relaxed first; then they are branched on with all cuts kept.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from oreserve.errors import InfeasibleError
from oreserve.planning._branch import branch
from oreserve.planning._master import Master
from oreserve.planning._programme import divided
from oreserve.planning._search import Best, Evaluator, Search, Solution, evaluate

if TYPE_CHECKING:
    from collections.abc import Sequence

    from oreserve.planning._keep import Keep
    from oreserve.planning._programme import FirstStage, Programme

__all__ = ["NODES", "CutPool", "Evaluator", "Solution", "evaluate", "solve_lshaped"]

Floats = npt.NDArray[np.float64]

INWARD = 0.5
"""Weight of the master's point against the best point so far."""

RELAXED_PART = 0.3
"""Part of the gap to which the relaxation is solved before options are branched."""

NODES = 5000
"""Most nodes of the branching on options."""

KNOWN_POINTS = 40


@dataclass
class CutPool:
    """A warm master and the points found with it: for every budget and bound.

    Cuts and views hold whatever the budget and the bounds are, and what a point is
    worth does not depend on them: only whether it is allowed.
    """

    master: Master | None = None
    evaluator: Evaluator | None = None
    points: list[Best] = field(default_factory=list)
    trail: list[Floats] = field(default_factory=list)

    def enter(
        self, programme: Programme, *, workers: int, clusters: int
    ) -> tuple[Master, Evaluator]:
        """Return the warm master under a programme's budget and bounds."""
        held = None if self.master is None else self.master.programme
        same = (
            held is not None
            and held.groups is programme.groups
            and held.probability is programme.probability
        )
        if same and self.master is not None and self.evaluator is not None:
            self.master.set_first(programme.first)
            return self.master, self.evaluator
        self.master = Master(programme, clusters)
        self.evaluator = Evaluator(programme, workers)
        self.points = []
        return self.master, self.evaluator

    def best(self, first: FirstStage, *, whole: bool) -> Best | None:
        """Return the best known point that a first stage allows."""
        found = [
            point
            for point in self.points
            if first.allows(point.x) and not (whole and divided(first, point.x))
        ]
        return min(found, key=lambda point: point.objective, default=None)

    def remember(self, point: Best) -> None:
        """Keep a point; the worst one goes when there are many."""
        self.points = sorted([*self.points, point], key=lambda one: one.objective)
        del self.points[KNOWN_POINTS:]

    def __len__(self) -> int:
        """Return the number of cuts and views in the master."""
        return 0 if self.master is None else self.master.rows


def solve_lshaped(
    programme: Programme,
    *,
    gap: float = 1e-4,
    relaxed: bool = False,
    pool: CutPool | None = None,
    start: Floats | None = None,
    seeds: Sequence[Floats] = (),
    workers: int = 1,
    iterations: int = 100,
    nodes: int = NODES,
    clusters: int = 1,
    keep: Keep | None = None,
) -> Solution:
    """Solve the programme by cuts.

    Parameters
    ----------
    gap
        Relative gap at which the search ends.
    relaxed
        Leave the options divisible.
    pool
        Master and points of earlier solutions with the same groups; it is kept.
    start
        A point within the limits to begin at.
    seeds
        Points of a like programme, allowed or not, that give the first cuts.
    workers
        Threads; they change nothing but the time.
    iterations
        Most rounds of the relaxation.
    nodes
        Most nodes of the branching on options.
    clusters
        Clusters of futures per group, each with its own mean gain.
    keep
        Where cuts and the best point are kept meanwhile, and taken from.
    """
    pool = CutPool() if pool is None else pool
    master, evaluator = pool.enter(programme, workers=workers, clusters=clusters)
    first = programme.first
    search = Search(programme, master, evaluator, pool.best(first, whole=False))
    incumbent = pool.best(first, whole=True)
    held = None if keep is None else keep.take(programme)
    if held is not None:
        master.take_arrays(held)
        search.offer(np.asarray(held["x"], dtype=float), None)
        if "whole" in held:
            start = np.asarray(held["whole"], dtype=float)
    elif not len(pool) or search.best is None:
        nothing = np.clip(0.0, first.lower, first.upper)
        search.offer(nothing, None, allowed=first.allows(nothing))
    for seed in seeds:
        search.offer(seed, None, allowed=first.allows(seed))
    if start is not None:
        search.offer(start, None)
        best = search.best
        if best is not None and best.x is start and not divided(first, start):
            incumbent = best
    bound = _converge(search, gap=gap * RELAXED_PART, iterations=iterations, keep=keep)
    pool.trail = search.trail
    if search.best is not None:
        pool.remember(search.best)
    if relaxed or not first.integer.any():
        return _solution(search, bound, pool)
    whole = Search(programme, master, evaluator, incumbent)
    whole.rounds = search.rounds
    told = None if keep is None else keep.listen(whole, search.best)
    proven = branch(whole, bound, gap=gap, nodes=nodes, told=told)
    if whole.best is not None:
        pool.remember(whole.best)
    return _solution(whole, proven, pool)


def _solution(search: Search, bound: float, pool: CutPool) -> Solution:
    """Freeze the result."""
    best = search.best
    if best is None:
        message = (
            "the limits leave no plan in which every option is taken whole or not at "
            "all; lower a least amount (min_usd, min_t) of limits.csv"
        )
        raise InfeasibleError(message)
    return Solution(
        x=best.x,
        objective=best.objective,
        bound=min(bound, best.objective),
        iterations=search.rounds,
        cuts=len(pool),
        scenario_loss=best.loss,
    )


def _converge(
    search: Search, *, gap: float, iterations: int, keep: Keep | None
) -> float:
    """Add cuts to the continuous master until bound and objective meet."""
    bound = -np.inf
    for rounds in range(1, iterations + 1):
        point = search.master.solve(drop=True)
        if point is None:
            break
        search.rounds += 1
        bound = max(bound, point.bound)
        if search.objective - bound <= gap * search.scale:
            break
        new = 0
        if search.best is not None:
            inward = INWARD * point.x + (1.0 - INWARD) * search.best.x
            new = search.offer(inward, point)[1]
        if new == 0 or rounds % 3 == 0:
            new += search.offer(point.x, point)[1]
        if new == 0:
            break
        if keep is not None:
            keep.maybe(search)
    return bound
