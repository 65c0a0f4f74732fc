# SPDX-License-Identifier: Apache-2.0
"""Branch on whole numbers over one warm relaxation that keeps what it learns.

A node holds bounds of the whole-number columns. Its relaxation is a few dual simplex
steps away from the node before. Where that is whole the point is evaluated truly and
cuts come of it, so that a point counts only with its true objective and never by
rounding. What to branch on is tried first and then known from what was seen
(reliability branching: Achterberg, Koch and Martin 2005); reduced costs hold what
cannot move.
"""

from __future__ import annotations

import heapq
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Held", "Relaxation", "branch"]

Floats = npt.NDArray[np.float64]

WHOLE = 1e-6
"""How far from a whole number a value may be and still count as one."""

NODE_ROUNDS = 50
"""Most evaluations in one node."""

PRUNED_PART = 0.9
"""Part of the gap within which a node cannot matter any more."""

TRIED = 8
"""Columns that are tried at a node, at most."""

TINY = 1e-9
"""Gain that keeps a product of gains from being nothing."""


@dataclass(frozen=True)
class Held:
    """The relaxation of a node.

    Parameters
    ----------
    bound
        Nothing within the node's bounds costs less.
    value
        (whole-number columns,) where it is.
    reduced
        (whole-number columns,) reduced costs there.
    """

    bound: float
    value: Floats
    reduced: Floats


class Relaxation(Protocol):
    """What is branched on: a relaxation that learns."""

    @property
    def objective(self) -> float:
        """The true objective of the best whole point so far; infinite without one."""
        ...

    def solve(self, lower: Floats, upper: Floats, cutoff: float) -> Held | None:
        """Solve within bounds, no further than past a cutoff; None: no point."""
        ...

    def try_out(self, lower: Floats, upper: Floats) -> float:
        """Return a bound within bounds, quickly; infinite where there is no point."""
        ...

    def visit(self) -> bool:
        """Evaluate the last point, which is whole; tell whether anything is new."""
        ...


@dataclass(order=True, frozen=True)
class _Node:
    bound: float
    number: int
    lower: Floats = field(compare=False)
    upper: Floats = field(compare=False)


class _Gains:
    """What a step of one took the bound up by, down and up, by column."""

    def __init__(self, columns: int) -> None:
        self.total = np.zeros((2, columns))
        self.times = np.zeros((2, columns), dtype=np.int64)

    def see(self, side: int, column: int, gain: float, step: float) -> None:
        """Take in one gain for a step."""
        if np.isfinite(gain):
            self.total[side, column] += max(0.0, gain) / max(step, WHOLE)
            self.times[side, column] += 1

    def known(self) -> npt.NDArray[np.bool_]:
        """Return which columns have been seen on both sides."""
        return np.asarray(self.times.min(axis=0) > 0)

    def score(self, step: Floats) -> Floats:
        """Score columns by expected gains, (columns,), from steps (2, columns)."""
        all_of = self.total.sum(axis=1) / np.maximum(1, self.times.sum(axis=1))
        mean = np.where(
            self.times > 0, self.total / np.maximum(1, self.times), all_of[:, None]
        )
        gain = np.maximum(mean * step, TINY)
        return np.asarray(gain[0] * gain[1])


def branch(
    relaxation: Relaxation,
    lower: Floats,
    upper: Floats,
    *,
    bound: float,
    gap: float,
    nodes: int,
    least: float = 0.0,
    told: Callable[[int, float], None] | None = None,
) -> float:
    """Find the best whole point; return the proven lower bound.

    The node with the lowest bound is next, so that no point is evaluated that a
    better one would have ruled out; before there is any whole point the nearer child
    is.

    Parameters
    ----------
    relaxation
        What is branched on; it remembers the best point.
    lower, upper
        (whole-number columns,) bounds.
    bound
        Of the relaxation.
    gap
        Relative gap at which the search ends.
    nodes
        Most nodes; what is left open then counts in the bound.
    least
        The gap is relative to the objective, or to this where that is smaller.
    told
        Called with the number of nodes and the bound.
    """
    return _Tree(relaxation, gap, least, len(lower)).search(
        _Node(bound, 0, np.ceil(lower - WHOLE), np.floor(upper + WHOLE)), nodes, told
    )


class _Tree:
    def __init__(
        self, relaxation: Relaxation, gap: float, least: float, columns: int
    ) -> None:
        self.relaxation, self.gap, self.least = relaxation, gap, least
        self.gains = _Gains(columns)
        self.settled = np.inf
        self.number = 0

    @property
    def cutoff(self) -> float:
        """From which bound on nothing matters."""
        objective = self.relaxation.objective
        if not np.isfinite(objective):
            return np.inf
        return objective - PRUNED_PART * self.gap * max(abs(objective), self.least)

    def search(
        self, root: _Node, nodes: int, told: Callable[[int, float], None] | None
    ) -> float:
        """Work nodes off; return the bound."""
        waiting = [root]
        done = 0
        while waiting and done < nodes:
            node = self._next(waiting)
            if self._out(node.bound):
                continue
            done += 1
            for child in self._work(node):
                heapq.heappush(waiting, child)
            if told and waiting:
                told(done, min(self.settled, waiting[0].bound))
        return float(min([self.settled, *(node.bound for node in waiting)]))

    def _next(self, waiting: list[_Node]) -> _Node:
        if np.isfinite(self.relaxation.objective):
            return heapq.heappop(waiting)
        # The youngest: the nearer child of the node before.
        at = max(range(len(waiting)), key=lambda k: waiting[k].number)
        node = waiting.pop(at)
        heapq.heapify(waiting)
        return node

    def _out(self, bound: float) -> bool:
        """Return whether a bound rules a node out, and remember it then."""
        if bound < self.cutoff:
            return False
        self.settled = min(self.settled, bound)
        return True

    def _work(self, node: _Node) -> list[_Node]:
        """Solve a node; return its children."""
        lower, upper = node.lower.copy(), node.upper.copy()
        for _ in range(NODE_ROUNDS):
            held = self.relaxation.solve(lower, upper, self.cutoff)
            if held is None:
                return []
            bound = max(node.bound, held.bound)
            if self._out(bound):
                return []
            if np.abs(held.value - np.round(held.value)).max(initial=0.0) > WHOLE:
                break
            if not self.relaxation.visit():
                self.settled = min(self.settled, bound)
                return []
        else:
            self.settled = min(self.settled, bound)
            return []
        self._hold(held, bound, lower, upper)
        return self._children(held, bound, lower, upper)

    def _hold(self, held: Held, bound: float, lower: Floats, upper: Floats) -> None:
        """Hold columns that cannot move by one within the cutoff, in place."""
        step = bound + np.abs(held.reduced)
        out = (step >= self.cutoff) & (lower < upper)
        down = out & (held.reduced > 0.0) & (held.value <= lower + WHOLE)
        up = out & (held.reduced < 0.0) & (held.value >= upper - WHOLE)
        upper[down] = lower[down]
        lower[up] = upper[up]
        self.settled = min(self.settled, step[down | up].min(initial=np.inf))

    def _children(
        self, held: Held, bound: float, lower: Floats, upper: Floats
    ) -> list[_Node]:
        """Choose a column and split on it."""
        part = held.value - np.floor(held.value)
        broken = np.minimum(part, 1.0 - part) > WHOLE
        steps = np.stack([part, 1.0 - part])
        sides: dict[int, tuple[float, float]] = {}
        score = np.where(broken, self.gains.score(steps), -np.inf)
        for j in np.argsort(-score, kind="stable")[: int(broken.sum())].tolist():
            if self.gains.known()[j] or len(sides) >= TRIED:
                continue
            tried = self._try(j, held, bound, lower, upper)
            sides[j] = tried
            for side in (0, 1):
                self.gains.see(side, j, tried[side] - bound, steps[side, j])
            if max(tried) >= self.cutoff:
                break
        score = np.where(broken, self.gains.score(steps), -np.inf)
        j = int(np.argmax(score))
        for k, tried in sides.items():
            if max(tried) >= self.cutoff:  # one side is out: no branching needed
                j = k
        both = sides.get(j, (bound, bound))
        children = []
        # The nearer child is made last, with the highest number.
        for side in (1, 0) if part[j] < 0.5 else (0, 1):
            if np.isposinf(both[side]) or self._out(max(bound, both[side])):
                continue
            low, high = lower.copy(), upper.copy()
            if side:
                low[j] = np.ceil(held.value[j])
            else:
                high[j] = np.floor(held.value[j])
            self.number += 1
            children.append(_Node(max(bound, both[side]), self.number, low, high))
        return children

    def _try(
        self, j: int, held: Held, bound: float, lower: Floats, upper: Floats
    ) -> tuple[float, float]:
        """Return the bounds of both sides of a column."""
        high, low = upper.copy(), lower.copy()
        high[j], low[j] = np.floor(held.value[j]), np.ceil(held.value[j])
        down = self.relaxation.try_out(lower, high)
        up = self.relaxation.try_out(low, upper)
        return max(bound, down), max(bound, up)
