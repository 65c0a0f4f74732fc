# SPDX-License-Identifier: Apache-2.0
"""Whole options after the relaxation: small masters with grouped cuts.

For weights w in the risk envelope (w_s = p_s + risk_weight q_s), the objective is
at least w . loss(x) + cost . x. So one column per group of items, limited by its
cuts averaged with w, gives a lower bound with a few hundred rows instead of one
per scenario. The duals of the relaxed master give the first weights and cuts:
the small master starts at the relaxation's bound.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from oreserve.network import solve
from oreserve.planning._programme import first_stage_block, tail_weight

if TYPE_CHECKING:
    from oreserve.planning._gains import Cut
    from oreserve.planning._programme import Programme

__all__ = ["OptionMaster"]

Floats = npt.NDArray[np.float64]

KEPT_POINTS = 12
KEPT_WEIGHTS = 6
SAME_WEIGHT = 1e-6


@dataclass
class _View:
    """Cuts of every group averaged with one set of weights."""

    weight: Floats
    constant: list[list[float]]
    slope: list[list[Floats]]


@dataclass
class OptionMaster:
    """First stage with whole options under grouped cuts."""

    programme: Programme
    views: list[_View] = field(default_factory=list)
    points: list[list[Cut]] = field(default_factory=list)

    def start(self, weight: Floats, constant: list[float], slope: list[Floats]) -> None:
        """Take the weights and the averaged cuts of the relaxed optimum."""
        view = _View(weight, [[c] for c in constant], [[s] for s in slope])
        self.views.append(view)

    def learn(self, cuts: list[Cut], loss: Floats) -> None:
        """Add the cuts of an evaluated point, and its tail if it is new."""
        self.points = [*self.points, cuts][-KEPT_POINTS:]
        for view in self.views:
            self._average(view, cuts)
        programme = self.programme
        tail = tail_weight(loss, programme.probability, programme.alpha)
        weight = programme.probability + programme.risk_weight * tail
        known = any(
            np.abs(view.weight - weight).sum() < SAME_WEIGHT for view in self.views
        )
        if known or len(self.views) >= KEPT_WEIGHTS:
            return
        groups = len(programme.groups)
        view = _View(weight, [[] for _ in range(groups)], [[] for _ in range(groups)])
        for held in self.points:
            self._average(view, held)
        self.views.append(view)

    def _average(self, view: _View, cuts: list[Cut]) -> None:
        for place, (group, cut) in enumerate(
            zip(self.programme.groups, cuts, strict=True)
        ):
            share = np.bincount(
                group.future, weights=view.weight, minlength=len(cut.constant)
            )
            view.constant[place].append(float(share @ cut.constant))
            view.slope[place].append(share @ cut.slope)

    def solve(self, *, gap: float, time_limit_s: float) -> tuple[Floats, float]:
        """Solve; return the first-stage point and the lower bound."""
        programme = self.programme
        block = first_stage_block(programme.first, relaxed=False)
        level = block.add_columns(1, cost=1.0, lower=-np.inf)
        for view in self.views:
            most = [
                float(
                    np.bincount(
                        group.future, weights=view.weight, minlength=len(group.size)
                    )
                    @ group.most
                )
                for group in programme.groups
            ]
            theta = block.add_columns(len(most), upper=np.array(most))
            row = block.add_rows(1, lower=float(view.weight @ programme.base_loss))
            block.add_entries(row[0], theta, 1.0)
            block.add_entries(row[0], level[0], 1.0)
            for place, group in enumerate(programme.groups):
                rows = block.add_rows(
                    len(view.constant[place]), upper=np.array(view.constant[place])
                )
                block.add_entries(rows, theta[place], 1.0)
                slope = np.array(view.slope[place])
                cut, column = np.nonzero(slope)
                block.add_entries(rows[cut], group.columns[column], -slope[cut, column])
        answer = solve(
            block.build(),
            what="the master programme with whole options",
            mip_rel_gap=gap,
            time_limit_s=time_limit_s,
        )
        width = len(programme.first.name)
        return np.maximum(answer.value[:width], 0.0), answer.bound
