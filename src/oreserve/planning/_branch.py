# SPDX-License-Identifier: Apache-2.0
"""Whole options: branch on them, on one warm master that keeps all cuts.

The search is that of `oreserve.stochastic`. Where the master's options are whole the
point is evaluated in every scenario and its cuts are added.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from oreserve.stochastic._branch import Held
from oreserve.stochastic._branch import branch as search_tree

if TYPE_CHECKING:
    from collections.abc import Callable

    from oreserve.planning._master import Point
    from oreserve.planning._search import Search

__all__ = ["branch"]

Floats = npt.NDArray[np.float64]


def branch(
    search: Search,
    bound: float,
    *,
    gap: float,
    nodes: int,
    told: Callable[[float], None] | None = None,
) -> float:
    """Find the best point with whole options; return the proven lower bound.

    Parameters
    ----------
    search
        Its best point, if any, has whole options.
    bound
        Of the relaxation.
    gap
        Relative gap at which the search ends.
    nodes
        Most nodes; what is left open then counts in the bound.
    told
        Called with the bound after each node.
    """
    first, integer = search.programme.first, search.master.integer
    lower, upper = first.lower[integer], first.upper[integer]
    proven = search_tree(
        _Options(search), lower, upper, bound=bound, gap=gap, nodes=nodes, least=1.0,
        told=None if told is None else lambda _, seen: told(seen),
    )  # fmt: skip
    search.master.set_options(lower, upper)
    return proven


class _Options:
    """The master within bounds of its options."""

    def __init__(self, search: Search) -> None:
        self._search = search
        self._point: Point

    @property
    def objective(self) -> float:
        """The best objective so far."""
        return self._search.objective

    def solve(
        self,
        lower: Floats,
        upper: Floats,
        cutoff: float,  # noqa: ARG002 - the master is solved in one go
    ) -> Held | None:
        """Solve the master as it is."""
        master = self._search.master
        master.set_options(lower, upper)
        point = master.solve()
        if point is None:
            return None
        self._point = point
        at = master.integer
        return Held(point.bound, point.x[at], master.reduced_costs()[at])

    def try_out(self, lower: Floats, upper: Floats) -> float:
        """Return the master's bound."""
        self._search.master.set_options(lower, upper)
        point = self._search.master.solve()
        return np.inf if point is None else point.bound

    def visit(self) -> bool:
        """Evaluate the last point with its options whole; tell if that cut it off."""
        search, at = self._search, self._search.master.integer
        x = self._point.x.copy()
        x[at] = np.round(x[at])
        search.rounds += 1
        return bool(search.offer(x, self._point)[1])
