# SPDX-License-Identifier: Apache-2.0
"""Whole options: branch on them, on one warm master that keeps all cuts.

A node holds some options at 0 or 1. Its bound is that of the master, a few dual
simplex steps away from the node before. Where the master's options are whole the
point is evaluated in every scenario and its cuts are added, so that a point counts
only with its true objective and never by rounding.
"""

from __future__ import annotations

import heapq
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable

    from oreserve.planning._master import Point
    from oreserve.planning._search import Search

__all__ = ["branch"]

WHOLE = 1e-6
"""How far from 0 or 1 an option may be and still count as whole."""

NODE_ROUNDS = 20
"""Most rounds of cuts in one node."""

PRUNED_PART = 0.9
"""Part of the gap within which a node cannot matter any more."""

SETTLED_PART = 0.3
"""Part of the gap to which a node with whole options is solved."""


@dataclass(order=True, frozen=True)
class _Node:
    bound: float
    number: int
    zero: frozenset[int] = field(compare=False)
    one: frozenset[int] = field(compare=False)


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
    open_nodes = [_Node(bound, 0, frozenset(), frozenset())]
    dive: list[_Node] = []
    settled = np.inf
    number = 0
    for _ in range(nodes):
        if not dive and not open_nodes:
            break
        node = dive.pop() if dive else heapq.heappop(open_nodes)
        if _hopeless(search, node.bound, gap):
            settled = min(settled, node.bound)
            continue
        point = _solve_node(search, node, gap)
        if point is None:
            continue
        part = point.x[search.master.integer]
        apart = np.minimum(part, 1.0 - part)
        if _hopeless(search, point.bound, gap) or apart.max(initial=0.0) <= WHOLE:
            settled = min(settled, point.bound)
            continue
        option = int(np.argmax(apart))
        number += 2
        zero = _Node(point.bound, number - 1, node.zero | {option}, node.one)
        one = _Node(point.bound, number, node.zero, node.one | {option})
        near, far = (one, zero) if part[option] >= 0.5 else (zero, one)
        dive.append(near)
        heapq.heappush(open_nodes, far)
        if told is not None:
            told(min([settled, near.bound, open_nodes[0].bound]))
    first = search.programme.first
    integer = search.master.integer
    search.master.set_options(first.lower[integer], first.upper[integer])
    return float(min([settled, *(node.bound for node in (*dive, *open_nodes))]))


def _hopeless(search: Search, bound: float, gap: float) -> bool:
    """Return whether nothing below a bound would matter."""
    return bound >= search.objective - PRUNED_PART * gap * search.scale


def _solve_node(search: Search, node: _Node, gap: float) -> Point | None:
    """Solve a node; where its options are whole, to the end by cuts."""
    first, master = search.programme.first, search.master
    lower = first.lower[master.integer].copy()
    upper = first.upper[master.integer].copy()
    lower[list(node.one)] = 1.0
    upper[list(node.zero)] = 0.0
    if (lower > upper).any():
        return None
    master.set_options(lower, upper)
    point = master.solve()
    for _ in range(NODE_ROUNDS):
        if point is None or _hopeless(search, point.bound, gap):
            break
        part = point.x[master.integer]
        if np.minimum(part, 1.0 - part).max(initial=0.0) > WHOLE:
            break
        x = point.x.copy()
        x[master.integer] = np.round(part)
        objective, new = search.offer(x, point)
        search.rounds += 1
        scale = max(1.0, abs(objective))
        if objective - point.bound <= SETTLED_PART * gap * scale or not new:
            break
        point = master.solve()
    return point
