# SPDX-License-Identifier: Apache-2.0
"""The master of the L-shaped method: decisions, averaged gains, views of the tail.

The objective is the largest over weights q of the worst (1 - alpha) of

    cost . x + p . loss(x) + risk_weight q . loss(x),

so any set of such weights (views) bounds it from below. A group of items has one
gain per cluster of its futures under p, and one per view under q, each below the
cuts averaged with those weights. The number of rows hardly grows with the number
of scenarios, and groups stay apart: their cuts combine.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import highspy
import numpy as np
import numpy.typing as npt

from oreserve.errors import InfeasibleError
from oreserve.network import run_highs
from oreserve.planning._programme import first_stage_block

if TYPE_CHECKING:
    from oreserve.planning._gains import Cut
    from oreserve.planning._programme import FirstStage, Programme

__all__ = ["Master", "Point"]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]

MOST_VIEWS = 60
"""Views of the tail that are kept; the bound stays valid without more."""

UNUSED_ROUNDS = 6
"""Rounds that a cut may be slack before it is dropped."""

DROP_AT_ONCE = 50
"""Slack cuts from which dropping them is worth the work."""

SAME_WEIGHTS = 1e-9


@dataclass(frozen=True)
class Point:
    """An optimum of the master: first-stage point, all values, lower bound."""

    x: Floats
    value: Floats
    bound: float


class Master:
    """First stage under averaged cuts; warm between rounds, budgets and options.

    Parameters
    ----------
    programme
        Its groups, probabilities and tail; budget and bounds may change later.
    clusters
        Clusters of futures per group, by falling loss at stake.
    """

    def __init__(self, programme: Programme, clusters: int = 1) -> None:
        block = first_stage_block(programme.first)
        self.programme = programme
        self._mean: list[Floats] = []
        self._theta: list[Ints] = []
        for group in programme.groups:
            weight = _by_future(programme, len(self._mean), programme.probability)
            number = min(clusters, len(weight))
            order = np.argsort(-group.most, kind="stable")
            member = np.empty(len(order), dtype=np.int64)
            member[order] = np.arange(len(order)) * number // len(order)
            spread = np.zeros((number, len(weight)))
            spread[member, np.arange(len(weight))] = weight
            self._mean.append(spread)
            self._theta.append(
                block.add_columns(number, cost=-1.0, upper=spread @ group.most)
            )
        level = block.add_columns(1, cost=programme.risk_weight, lower=-np.inf)
        self._level = int(level[0])
        built = block.build(offset=float(programme.probability @ programme.base_loss))
        self.model = built.to_highs(presolve="off")
        self._fixed_rows, self._columns = built.rows, built.columns
        self._views: list[Floats] = []
        self._tail: list[list[Floats]] = []
        self._phi: list[Ints] = []
        self._unused = np.zeros(0, dtype=np.int64)
        self._is_view = np.zeros(0, dtype=bool)
        self.integer: Ints = np.flatnonzero(programme.first.integer)

    @property
    def rows(self) -> int:
        """Number of cuts and views in the master now."""
        return len(self._unused)

    def set_first(self, first: FirstStage) -> None:
        """Take another budget and other bounds; cuts hold for all of them."""
        self.model.changeRowBounds(0, -highspy.kHighsInf, float(first.budget))
        self._change(np.arange(len(first.name)), first.lower, first.upper)
        self.programme = replace(self.programme, first=first)

    def set_options(self, lower: Floats, upper: Floats) -> None:
        """Bound the options, in the order of `integer`."""
        self._change(self.integer, lower, upper)

    def _change(self, columns: Ints, lower: Floats, upper: Floats) -> None:
        self.model.changeColsBounds(
            len(columns),
            columns.astype(np.int32),
            np.asarray(lower, dtype=float),
            np.asarray(upper, dtype=float),
        )

    def solve(self, *, drop: bool = False) -> Point | None:
        """Solve from the last basis; None if the bounds leave no point."""
        try:
            run_highs(self.model, "the master programme")
        except InfeasibleError:
            return None
        bound = float(self.model.getInfo().objective_function_value)
        solution = self.model.getSolution()
        value = np.asarray(solution.col_value, dtype=float)
        if drop:
            self._drop(np.asarray(solution.row_dual)[self._fixed_rows :])
        x = np.maximum(value[: len(self.programme.first.name)], 0.0)
        return Point(x, value, bound)

    def reduced_costs(self) -> Floats:
        """(N,) reduced costs of the decisions at the last optimum."""
        dual = np.asarray(self.model.getSolution().col_dual, dtype=float)
        return dual[: len(self.programme.first.name)]

    def add(self, cuts: list[Cut], point: Point | None, *, feather: float = 0.0) -> int:
        """Add the averaged cuts that a point violates (None: all); count them."""
        groups = self.programme.groups
        rows: list[_Row] = []
        for place, (group, cut) in enumerate(zip(groups, cuts, strict=True)):
            weight = np.vstack([self._mean[place], *(t[place] for t in self._tail)])
            tails = np.array([phi[place] for phi in self._phi], dtype=np.int64)
            column = np.concatenate([self._theta[place], tails])
            constant, slope = cut.averaged(weight)
            chosen = np.arange(len(column))
            if point is not None:
                above = constant + slope @ point.x[group.columns]
                # A view that is younger than the point has no value there yet.
                seen = column < len(point.value)
                value = np.full(len(column), np.inf)
                value[seen] = point.value[column[seen]]
                chosen = np.flatnonzero(value > above + feather)
            rows += [
                _cut_row(int(column[k]), constant[k], slope[k], group.columns)
                for k in chosen
            ]
        self._add_rows(rows)
        return len(rows)

    def look(self, weight: Floats, recent: list[list[Cut]]) -> bool:
        """Add a view of the tail with the cuts of recent points, if it is new.

        Parameters
        ----------
        weight
            (S,) at most p / (1 - alpha), with sum 1.
        """
        programme = self.programme
        known = any(np.abs(weight - v).sum() < SAME_WEIGHTS for v in self._views)
        if known or len(self._views) >= MOST_VIEWS or not programme.risk_weight:
            return False
        count = len(programme.groups)
        tail = [_by_future(programme, g, weight)[None] for g in range(count)]
        phi = np.arange(self._columns, self._columns + count)
        upper = [
            float(w[0] @ g.most) for w, g in zip(tail, programme.groups, strict=True)
        ]
        self.model.addCols(
            count, np.zeros(count), np.zeros(count), np.array(upper), 0,
            np.zeros(count, dtype=np.int32), np.zeros(0, dtype=np.int32), np.zeros(0),
        )  # fmt: skip
        self._columns += count
        least = float(weight @ programme.base_loss)
        names = np.append(phi, self._level)
        rows = [_Row(least, highspy.kHighsInf, names, np.ones(count + 1), view=True)]
        for cuts in recent:
            for place, cut in enumerate(cuts):
                constant, slope = cut.averaged(tail[place])
                columns = programme.groups[place].columns
                rows.append(_cut_row(int(phi[place]), constant[0], slope[0], columns))
        self._add_rows(rows)
        self._views.append(weight)
        self._tail.append(tail)
        self._phi.append(phi)
        return True

    def _add_rows(self, rows: list[_Row]) -> None:
        if not rows:
            return
        size = np.array([len(row.columns) for row in rows])
        self.model.addRows(
            len(rows),
            np.array([row.lower for row in rows]),
            np.array([row.upper for row in rows]),
            int(size.sum()),
            np.concatenate([[0], np.cumsum(size)[:-1]]).astype(np.int32),
            np.concatenate([row.columns for row in rows]).astype(np.int32),
            np.concatenate([row.values for row in rows]),
        )
        self._unused = np.append(self._unused, np.zeros(len(rows), dtype=np.int64))
        self._is_view = np.append(self._is_view, [row.view for row in rows])

    def _drop(self, dual: Floats) -> None:
        """Drop cuts that were slack for some rounds."""
        self._unused = np.where(np.abs(dual) > 0.0, 0, self._unused + 1)
        bad = np.flatnonzero((self._unused > UNUSED_ROUNDS) & ~self._is_view)
        if len(bad) < DROP_AT_ONCE:
            return
        places = (bad + self._fixed_rows).astype(np.int32)
        self.model.deleteRows(len(bad), places)
        self._unused = np.delete(self._unused, bad)
        self._is_view = np.delete(self._is_view, bad)

    def to_arrays(self) -> dict[str, npt.NDArray[np.generic]]:
        """Write cuts, views and basis as arrays, for a checkpoint."""
        rows = np.arange(self._fixed_rows, self._fixed_rows + self.rows, dtype=np.int32)
        found = self.model.getRows(len(rows), rows)
        entries = self.model.getRowsEntries(len(rows), rows)
        basis = self.model.getBasis()
        return {
            "row_lower": np.asarray(found[2]),
            "row_upper": np.asarray(found[3]),
            "row_start": np.asarray(entries[1]),
            "row_column": np.asarray(entries[2]),
            "row_value": np.asarray(entries[3]),
            "is_view": self._is_view,
            "unused": self._unused,
            "views": np.array(self._views).reshape(len(self._views), -1),
            "column_status": np.array([int(s) for s in basis.col_status]),
            "row_status": np.array([int(s) for s in basis.row_status]),
        }

    def take_arrays(self, held: dict[str, npt.NDArray[np.generic]]) -> None:
        """Take cuts, views and basis of a checkpoint into a new master."""
        for weight in held["views"]:
            self.look(np.asarray(weight, dtype=float), [])
        drop = np.arange(self._fixed_rows, self._fixed_rows + self.rows)
        if len(drop):
            self.model.deleteRows(len(drop), drop.astype(np.int32))
        count = len(held["row_lower"])
        self.model.addRows(
            count,
            np.asarray(held["row_lower"], dtype=float),
            np.asarray(held["row_upper"], dtype=float),
            len(held["row_value"]),
            np.asarray(held["row_start"], dtype=np.int32)[:count],
            np.asarray(held["row_column"], dtype=np.int32),
            np.asarray(held["row_value"], dtype=float),
        )
        self._unused = np.asarray(held["unused"], dtype=np.int64)
        self._is_view = np.asarray(held["is_view"], dtype=bool)
        basis = highspy.HighsBasis()
        basis.col_status = _statuses(held["column_status"])
        basis.row_status = _statuses(held["row_status"])
        basis.valid = True
        self.model.setBasis(basis)


def _statuses(numbers: npt.NDArray[np.generic]) -> list[highspy.HighsBasisStatus]:
    return [highspy.HighsBasisStatus(int(number)) for number in numbers]


@dataclass(frozen=True)
class _Row:
    lower: float
    upper: float
    columns: Ints
    values: Floats
    view: bool = False


def _cut_row(gain: int, constant: float, slope: Floats, columns: Ints) -> _Row:
    """Write gain - slope . x <= constant."""
    used = np.flatnonzero(slope)
    return _Row(
        -highspy.kHighsInf,
        float(constant),
        np.append(columns[used], gain),
        np.append(-slope[used], 1.0),
    )


def _by_future(programme: Programme, group: int, weight: Floats) -> Floats:
    """Sum weights of scenarios by future of a group, (U,)."""
    one = programme.groups[group]
    total: Floats = np.bincount(
        one.future, weights=weight, minlength=len(one.size)
    ).astype(float)
    return total
