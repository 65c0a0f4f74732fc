# SPDX-License-Identifier: Apache-2.0
"""Warm models of the stages, one per stage and state, and the cuts on them."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from oreserve.errors import InfeasibleError
from oreserve.network.block import run_highs
from oreserve.stochastic._conflict import conflict

if TYPE_CHECKING:
    from collections.abc import Sequence

    from oreserve.stochastic._markov import MarkovProblem, Openings, Stage

__all__ = ["Cuts", "Node", "Step"]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]

SAME = 1e-9
"""Relative rise at its own point below which a cut says nothing new."""


@dataclass
class Cuts:
    """Lower bounds on the cost after a stage in a state: constant + slope . level.

    Parameters
    ----------
    constant, slope
        (C,), (C, N).
    active
        (C,) in the model; the others are dominated at every point seen.
    points
        (P, N) levels at which cuts were made.
    """

    constant: Floats
    slope: Floats
    active: Bools
    points: Floats

    @classmethod
    def none(cls, levels: int) -> Cuts:
        """Return no cuts."""
        wide = np.zeros((0, levels))
        return cls(np.zeros(0), wide, np.zeros(0, dtype=bool), wide.copy())

    def value(self, level: Floats, floor: float) -> tuple[float, Floats]:
        """Return the highest cut at a level and its slope; the first of equals."""
        if not len(self.constant):
            return floor, np.zeros(len(level))
        heights = self.constant + self.slope @ level
        best = int(np.argmax(heights))
        if heights[best] <= floor:
            return floor, np.zeros(len(level))
        return float(heights[best]), self.slope[best].copy()

    def chosen(self) -> Bools:
        """Return the cuts that are the highest at some point seen (level 1)."""
        keep = np.zeros(len(self.constant), dtype=bool)
        if len(self.points):
            for start in range(0, len(self.points), 256):
                block = self.points[start : start + 256]
                heights = block @ self.slope.T + self.constant
                keep[np.argmax(heights, axis=1)] = True
        return keep


@dataclass(frozen=True)
class Step:
    """One solved stage: its own cost, what follows by the cuts, and the levels."""

    cost: float
    future: float
    columns: Floats
    level: Floats

    @property
    def total(self) -> float:
        """Cost of the stage and of what follows (discounted to the stage)."""
        return self.cost + self.future


@dataclass
class Node:
    """The warm model of a stage in a state."""

    stage: Stage
    openings: Openings
    floor: float
    last: bool
    cuts: Cuts
    discount: float = 1.0
    _rows: list[int] = field(default_factory=list)  # cut of each row after the block's

    def __post_init__(self) -> None:
        """Build the model: the block and one column for what follows."""
        block, stage = self.stage.block, self.stage
        self._highs = block.to_highs(
            presolve="off", simplex_dual_edge_weight_strategy=1
        )
        self._theta = block.columns
        if not self.last:
            none = np.zeros(0, dtype=np.int32)
            self._highs.addCol(self.discount, self.floor, np.inf, 0, none, np.zeros(0))
        self._index = np.concatenate([stage.incoming, stage.vary_column]).astype(
            np.int32
        )
        self._row_index = stage.vary_row.astype(np.int32)
        self._low = block.lower[stage.outgoing]
        self._high = block.upper[stage.outgoing]

    # --- solving ---------------------------------------------------------------

    def _run(self, level: Floats, opening: int, name: str) -> float:
        highs, draws = self._highs, self.openings
        low = np.concatenate([level, draws.lower[opening]])
        high = np.concatenate([level, draws.upper[opening]])
        highs.changeColsBounds(len(self._index), self._index, low, high)
        if len(self._row_index):
            highs.changeRowsBounds(  # type: ignore[attr-defined]
                len(self._row_index),
                self._row_index,
                draws.row_lower[opening],
                draws.row_upper[opening],
            )
        try:
            run_highs(highs, name)
        except InfeasibleError as error:
            raise self._explained(name, low, high, opening) from error
        return float(highs.getInfo().objective_function_value)

    def _explained(
        self, name: str, low: Floats, high: Floats, opening: int
    ) -> InfeasibleError:
        """Name the rows of the block that contradict each other; cuts never do."""
        block = self.stage.block
        left, right = block.lower.copy(), block.upper.copy()
        left[self._index], right[self._index] = low, high
        row_low, row_high = block.row_lower.copy(), block.row_upper.copy()
        row_low[self._row_index] = self.openings.row_lower[opening]
        row_high[self._row_index] = self.openings.row_upper[opening]
        stage = replace(
            block, lower=left, upper=right, row_lower=row_low, row_upper=row_high
        )
        said = conflict(stage) or "none that can be named"
        return InfeasibleError(
            f"{name} has no solution at levels that the stages before hand on "
            f"(opening {opening}); these contradict each other: {said}. Give the stage "
            f"a column that may break them at a cost"
        )

    def step(self, level: Floats, opening: int, name: str = "a stage") -> Step:
        """Decide: solve at a level handed in and an opening."""
        total = self._run(level, opening, name)
        columns = np.asarray(self._highs.getSolution().col_value, dtype=float)
        future = 0.0 if self.last else self.discount * float(columns[self._theta])
        level = np.clip(columns[self.stage.outgoing], self._low, self._high)
        columns = columns[: self.stage.block.columns]
        return Step(total - future, future, columns, level)

    def values(
        self, points: Floats, name: str = "a stage", *, slopes: bool = True
    ) -> tuple[Floats, Floats]:
        """Solve every opening at every point.

        Returns
        -------
        tuple
            (P, K) costs and (P, K, N) their slopes in the level handed in.
        """
        count, size = len(points), len(self.openings)
        value = np.zeros((count, size))
        slope = np.zeros((count, size, points.shape[1]))
        incoming = self.stage.incoming
        for p in range(count):
            for k in range(size):
                value[p, k] = self._run(points[p], k, name)
                if slopes:
                    dual = self._highs.getSolution().col_dual
                    slope[p, k] = [dual[j] for j in incoming]
        return value, slope

    def forget(self) -> None:
        """Drop the basis, so that the next solve starts from nothing."""
        self._highs.clearSolver()

    def renew(self) -> None:
        """Build the model again: a solver remembers more than its basis."""
        rows, self._rows = self._rows, []
        self.__post_init__()
        self._append(rows)

    # --- cuts ------------------------------------------------------------------

    def add_cuts(self, points: Floats, constant: Floats, slope: Floats) -> int:
        """Add the cuts that rise above the present ones at their own points."""
        cuts = self.cuts
        fresh = []
        for p in range(len(points)):
            height = constant[p] + slope[p] @ points[p]
            now, _ = cuts.value(points[p], self.floor)
            if height > now + SAME * max(1.0, abs(now)):
                fresh.append(p)
                cuts = Cuts(
                    np.append(cuts.constant, constant[p]),
                    np.vstack([cuts.slope, slope[p]]),
                    np.append(cuts.active, True),
                    cuts.points,
                )
        cuts.points = np.vstack([cuts.points, points])
        self.cuts = cuts
        first = len(cuts.constant) - len(fresh)
        self._append(range(first, len(cuts.constant)))
        return len(fresh)

    def _append(self, numbers: Sequence[int]) -> None:
        """Put cuts into the model: theta - slope . level >= constant."""
        if not len(numbers):
            return
        which = list(numbers)
        levels = len(self.stage.outgoing)
        index = np.append(self.stage.outgoing, self._theta).astype(np.int32)
        values = np.hstack([-self.cuts.slope[which], np.ones((len(which), 1))])
        width = levels + 1
        self._highs.addRows(
            len(which),
            np.ascontiguousarray(self.cuts.constant[which]),
            np.full(len(which), np.inf),
            width * len(which),
            np.arange(len(which), dtype=np.int32) * width,
            np.tile(index, len(which)),
            np.ascontiguousarray(values.ravel()),
        )
        self._rows += which

    def select(self) -> None:
        """Keep in the model the cuts that are highest at some point seen."""
        keep = self.cuts.chosen()
        first = self.stage.block.rows
        gone = [r for r, number in enumerate(self._rows) if not keep[number]]
        if gone:
            self._highs.deleteRows(
                len(gone), np.array([first + r for r in gone], dtype=np.int32)
            )
            self._rows = [n for n in self._rows if keep[n]]
        held = set(self._rows)
        self._append([int(n) for n in np.flatnonzero(keep) if int(n) not in held])
        self.cuts.active = keep

    @property
    def order(self) -> Ints:
        """Cuts in the model, in the order of their rows."""
        return np.array(self._rows, dtype=np.int64)

    def load(self, cuts: Cuts, order: Ints | None = None) -> None:
        """Take over cuts of an earlier run; `order` is that of their rows there."""
        self.cuts = cuts
        which = np.flatnonzero(cuts.active) if order is None else order
        self._append([int(n) for n in which])


def make_nodes(problem: MarkovProblem) -> list[list[Node]]:
    """Make the models of a problem, by stage and state."""
    return [
        [
            Node(
                stage=problem.stage(t, m),
                openings=problem.openings[t][m],
                floor=problem.floor,
                last=t == problem.length - 1,
                cuts=Cuts.none(len(problem.initial)),
                discount=problem.discount,
            )
            for m in range(problem.count)
        ]
        for t in range(problem.length)
    ]
