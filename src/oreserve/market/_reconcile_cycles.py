# SPDX-License-Identifier: Apache-2.0
"""Take circulations out of one item's trade.

With A selling to B and B to A, lane costs that support both flows sum to zero,
and any reallocation is then free. Only the net position of a country serves the
market; what went round in circles is kept as gross trade for indicators.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from oreserve.network.block import BlockBuilder, solve

__all__ = ["cancel_cycles", "sinks_first"]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

DUST_SHARE = 1e-12  # of the largest flow: what rounding leaves of a cancelled lane


def cancel_cycles(tail: Ints, head: Ints, flow: Floats, *, nodes: int) -> Floats:
    """Remove the largest circulation from a flow.

    ``min sum y  s.t.  same net position of every node, 0 <= y <= flow``. The
    linear programme picks what to remove; the removal itself subtracts simple
    cycles, so that net positions are kept to the last digit.

    Parameters
    ----------
    tail, head
        Node indices of each lane, shape (L,).
    flow
        Tonnes a year, shape (L,), not negative.
    nodes
        Number of nodes.

    Returns
    -------
    Floats
        Flow without directed cycles, shape (L,), tonnes a year.
    """
    net = flow.copy()
    # A lane of dust (a share of the largest) could close a cycle of nothing.
    used = np.flatnonzero(net > DUST_SHARE * net.max(initial=0.0))
    graph = coo_array(
        (np.ones(used.size), (tail[used], head[used])), shape=(nodes, nodes)
    )
    _, part = connected_components(graph, connection="strong")
    inside = used[part[tail[used]] == part[head[used]]]
    if inside.size:
        scale = net[inside].max()
        removable = np.zeros_like(net)
        removable[inside] = scale * _largest_circulation(
            tail[inside], head[inside], net[inside] / scale, nodes=nodes
        )
        _peel(tail, head, removable, net)
        # What the solver's tolerance left over still must not circulate.
        _peel(tail, head, net.copy(), net)
    net[net <= DUST_SHARE * flow.max(initial=0.0)] = 0.0
    return net


def sinks_first(tail: Ints, head: Ints, *, nodes: int) -> Ints:
    """Order the nodes of an acyclic graph so that importers precede exporters."""
    out_degree = np.bincount(tail, minlength=nodes)
    incoming: list[list[int]] = [[] for _ in range(nodes)]
    for start, end in zip(tail.tolist(), head.tolist(), strict=True):
        incoming[end].append(start)
    ready = [n for n in range(nodes) if out_degree[n] == 0]
    order: list[int] = []
    while ready:
        node = ready.pop()
        order.append(node)
        for start in incoming[node]:
            out_degree[start] -= 1
            if out_degree[start] == 0:
                ready.append(start)
    return np.array(order, dtype=np.int64)


def _largest_circulation(tail: Ints, head: Ints, flow: Floats, *, nodes: int) -> Floats:
    touched = np.unique(np.concatenate([tail, head]))
    builder = BlockBuilder()
    lanes = builder.add_columns(tail.size, cost=-1.0, upper=flow)
    rows = builder.add_rows(touched.size, lower=0.0, upper=0.0)
    builder.add_entries(rows[np.searchsorted(touched, tail)], lanes, -1.0)
    builder.add_entries(rows[np.searchsorted(touched, head)], lanes, 1.0)
    solution = solve(builder.build(), what=f"trade cycles among {nodes} nodes")
    return np.clip(solution.value, 0.0, flow)


def _peel(tail: Ints, head: Ints, removable: Floats, net: Floats) -> None:
    """Subtract simple cycles of `removable` from it and from `net`, in place."""
    floor = DUST_SHARE * net.max(initial=0.0)
    while True:
        cycle = _find_cycle(tail, head, np.flatnonzero(removable > floor))
        if cycle is None:
            return
        amount = removable[cycle].min()
        removable[cycle] -= amount
        net[cycle] = np.maximum(net[cycle] - amount, 0.0)


def _find_cycle(tail: Ints, head: Ints, lanes: Ints) -> list[int] | None:
    """Find the lanes of one directed cycle, or None."""
    leaving: dict[int, list[int]] = {}
    for lane in lanes.tolist():
        leaving.setdefault(int(tail[lane]), []).append(lane)
    done: set[int] = set()
    for root in sorted(leaving):
        path: list[int] = []  # lanes walked from root
        place = {root: 0}  # node on the path -> how many lanes lead to it
        walk = [iter(leaving[root])] if root not in done else []
        while walk:
            lane = next(walk[-1], None)
            if lane is None:
                walk.pop()
                node = int(head[path[-1]]) if path else root
                done.add(node)
                place.pop(node)
                if path:
                    path.pop()
                continue
            node = int(head[lane])
            if node in place:
                return [*path[place[node] :], lane]
            if node in done or node not in leaving:
                continue
            path.append(lane)
            place[node] = len(path)
            walk.append(iter(leaving[node]))
    return None
