# SPDX-License-Identifier: Apache-2.0
"""Pose the reconciliation of a chain: outlets, columns, standard errors."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
from scipy.sparse import coo_array, csr_array

from oreserve.market._reconcile_fit import Fit
from oreserve.market._reconcile_rows import (
    balance_gap,
    comes_and_goes,
    in_key_order,
    joined,
    node_order,
    throughput,
)

if TYPE_CHECKING:
    from oreserve.network.chain import Chain

__all__ = [
    "ASSUMED_SHARE",
    "SIGMA_FLOOR_SHARE",
    "STOCK_BUILD",
    "FitProblem",
    "pose",
    "with_outlets",
]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]

SIGMA_FLOOR_SHARE = 2e-4  # of world output: below it a zero would be rigid
STOCK_SIGMA_SHARE = 0.005  # of a node's throughput; 2 % leaves 2.5 % of value unsold
ABSORBER_RAW_SHARE = 0.3  # the largest assumed use takes what recipes cannot
ABSORBER_WORLD_SHARE = 0.06
OUTLET_SHARE = 0.2  # a node this far off balance needs an outlet or a source
ASSUMED_SHARE = 0.3  # standard error of a value that nobody published
UNSOLD_SIGMAS = 2.0  # a priced by-product is thrown away only past this misfit
STOCK_BUILD = "stock_build"  # class and sector of demands that stand for a build


def with_outlets(chain: Chain) -> tuple[Chain, frozenset[tuple[int, int]]]:
    """Give net producers and net users without a lane one assumed lane.

    A producer sells to the item's largest net user, a user buys from its largest
    net producer. Without such a lane the misfit would end in a stock change of
    many standard errors.

    Parameters
    ----------
    chain
        Raw rows in key order.

    Returns
    -------
    tuple[Chain, frozenset[tuple[int, int]]]
        The chain with the assumed lanes, and their pairs (from_node, to_node).
    """
    comes, goes = comes_and_goes(chain)
    through, gap = np.maximum(comes, goes), comes - goes
    rows = np.flatnonzero(np.nan_to_num(chain.lanes.base) > 0.0)
    tail, head = chain.lanes.from_node[rows], chain.lanes.to_node[rows]
    flow, count = chain.lanes.base[rows], through.size
    exports = np.bincount(tail, weights=flow, minlength=count)
    imports = np.bincount(head, weights=flow, minlength=count)
    surplus = gap + exports - imports  # what a country makes beyond its own use
    thrown_away = _may_stay_unsold(chain)
    order = node_order(chain)
    new: dict[tuple[int, int], float] = {}
    for item in range(len(chain.items)):
        nodes = order[chain.nodes.item[order] == item]
        buyer = int(nodes[np.argmin(surplus[nodes])])
        seller = int(nodes[np.argmax(surplus[nodes])])
        if surplus[buyer] >= 0.0 or surplus[seller] <= 0.0:
            continue  # nobody to trade with
        for node in nodes.tolist():
            if abs(gap[node]) <= OUTLET_SHARE * through[node]:
                continue
            outlet = node != buyer and exports[node] <= 0.0 and not thrown_away[node]
            source = node != seller and imports[node] <= 0.0
            if gap[node] > 0.0 and outlet:
                pair = (node, buyer)
            elif gap[node] < 0.0 and source:
                pair = (seller, node)
            else:
                continue
            # The outlet of the seller and the source of the buyer may be one lane.
            new[pair] = max(abs(float(gap[node])), new.get(pair, 0.0))
    return _with_lanes(chain, new), frozenset(new)


def _with_lanes(chain: Chain, new: dict[tuple[int, int], float]) -> Chain:
    lanes = chain.lanes
    pairs = zip(lanes.from_node.tolist(), lanes.to_node.tolist(), strict=True)
    known = {pair: k for k, pair in enumerate(pairs)}
    base, gross, sigma = (
        lanes.base.copy(),
        lanes.base_gross.copy(),
        lanes.base_sigma.copy(),
    )
    for pair, flow in new.items():
        if pair in known:  # a lane with a cost or a capacity, but no base flow
            row = known[pair]
            base[row], gross[row], sigma[row] = flow, flow, ASSUMED_SHARE * flow
    fresh = {pair: flow for pair, flow in new.items() if pair not in known}
    flows = list(fresh.values())
    lanes = joined(
        replace(lanes, base=base, base_gross=gross, base_sigma=sigma),
        {
            "from_node": [start for start, _ in fresh],
            "to_node": [end for _, end in fresh],
            "base": flows,
            "base_gross": flows,
            "base_sigma": [ASSUMED_SHARE * flow for flow in flows],
            "cost": [np.nan] * len(fresh),
            "capacity": [np.nan] * len(fresh),
            "evidence": ["assumed"] * len(fresh),
        },
    )
    return in_key_order(replace(chain, lanes=lanes))


@dataclass(frozen=True)
class FitProblem:
    """Columns of the fit: plants, demands, lanes, stock changes, unsold."""

    plants: Ints  # rows of Chain.plants that run
    demands: int  # number of demands; each has a column
    lanes: Ints  # rows of Chain.lanes with a base
    stock: Ints  # node of each stock change
    unsold: Ints  # node of each unsold term
    fit: Fit
    absorbers: frozenset[int]  # rows of Chain.demands

    @property
    def ends(self) -> list[int]:
        """Return where the five kinds of columns end."""
        sizes = [
            self.plants.size,
            self.demands,
            self.lanes.size,
            self.stock.size,
            self.unsold.size,
        ]
        return [sum(sizes[: k + 1]) for k in range(5)]

    def split(self, values: Floats) -> list[Floats]:
        """Split values into the five kinds."""
        return np.split(values, self.ends[:-1])


def pose(chain: Chain) -> FitProblem:
    """Set up columns, balances, raw values and standard errors.

    Parameters
    ----------
    chain
        Raw rows in key order, with outlets and a world output per item.
    """
    plants, demands, lanes = chain.plants, chain.demands, chain.lanes
    world = chain.world[chain.nodes.item]
    running = np.flatnonzero(plants.base > 0.0)
    flowing = np.flatnonzero(np.isfinite(lanes.base))
    nodes = node_order(chain)
    unsold = nodes[_may_stay_unsold(chain)[nodes]]
    absorbers = _absorbers(chain)
    use_sigma = _sigma(demands.quantity, demands.quantity_sigma, world[demands.node])
    misfit = _misfit(chain)
    for d in absorbers:
        node = demands.node[d]
        own = ABSORBER_RAW_SHARE * demands.quantity[d]
        share = ABSORBER_WORLD_SHARE * world[node]
        use_sigma[d] = max(use_sigma[d], own, share, misfit[chain.nodes.item[node]])
    plant_world = chain.world[plants.main_item[running]]
    lane_world = world[lanes.from_node[flowing]]
    through = throughput(chain)
    sigma = [
        _sigma(plants.base[running], plants.base_sigma[running], plant_world),
        use_sigma,
        _sigma(lanes.base[flowing], lanes.base_sigma[flowing], lane_world),
        np.maximum(STOCK_SIGMA_SHARE * through, SIGMA_FLOOR_SHARE * world)[nodes],
        world[unsold],
    ]
    balance = _balance(chain, running, flowing, nodes, unsold)
    raw = [
        plants.base[running],
        demands.quantity,
        lanes.base[flowing],
        np.zeros(nodes.size),
        _raw_unsold(chain, balance, sigma, unsold, nodes),
    ]
    signed = [np.full(part.size, k != 3) for k, part in enumerate(raw)]
    fit = Fit(
        balance, np.concatenate(raw), np.concatenate(sigma), np.concatenate(signed)
    )
    count = demands.quantity.size
    return FitProblem(running, count, flowing, nodes, unsold, fit, absorbers)


def _sigma(raw: Floats, given: Floats, world: Floats) -> Floats:
    known = np.where(np.isfinite(given), given, ASSUMED_SHARE * np.abs(raw))
    return np.maximum(known, SIGMA_FLOOR_SHARE * world)


def _may_stay_unsold(chain: Chain) -> Bools:
    """Tell where a joint output may be thrown away: no final use in the chain."""
    plants, demands = chain.plants, chain.demands
    final = np.zeros(len(chain.items), dtype=bool)
    real = np.array(
        [k not in {"joint", STOCK_BUILD} for k in demands.klass], dtype=bool
    )
    used = real & (demands.quantity > 0.0)
    final[chain.nodes.item[demands.node[used]]] = True
    item = chain.nodes.item[plants.recipe_node]
    by_product = (
        (plants.recipe_t_per_t > 0.0)
        & (item != plants.main_item[plants.recipe_plant])
        & (plants.base[plants.recipe_plant] > 0.0)
    )
    allowed = np.zeros(chain.nodes.item.size, dtype=bool)
    allowed[plants.recipe_node[by_product & ~final[item]]] = True
    if chain.unsold_base is not None:
        allowed |= chain.unsold_base > 0.0
    return allowed


def _absorbers(chain: Chain) -> frozenset[int]:
    """Pick the use per item that takes what fixed recipes cannot use.

    A standard error relative to a small value is poison: 140 t of terbium would
    cut a mine of 250,000 t. The largest assumed use gives way instead, as far as
    the item is off balance in the world.
    """
    demands = chain.demands
    rank = {"assumed": 0, "estimated": 1, "computed": 2}
    best: dict[int, tuple[bool, int, float, int]] = {}
    kinds = zip(demands.evidence, demands.klass, strict=True)
    for d, (evidence, klass) in enumerate(kinds):
        if evidence not in rank or klass == STOCK_BUILD:
            continue
        item = int(chain.nodes.item[demands.node[d]])
        order = (klass == "joint", rank[evidence], -float(demands.quantity[d]), d)
        if item not in best or order < best[item]:
            best[item] = order
    return frozenset(order[3] for order in best.values())


def _misfit(chain: Chain) -> Floats:
    """Return by how much raw output and raw use of each item differ, t a year."""
    net = np.bincount(
        chain.nodes.item, weights=balance_gap(chain), minlength=len(chain.items)
    )
    return np.abs(net)  # trade within the item cancels out


def _balance(
    chain: Chain, running: Ints, flowing: Ints, nodes: Ints, unsold: Ints
) -> csr_array:
    """Write ``output + in - out - use - stock change - unsold`` per node."""
    plants, demands, lanes = chain.plants, chain.demands, chain.lanes
    row_of = np.empty(nodes.size, dtype=np.int64)
    row_of[nodes] = np.arange(nodes.size)
    column_of = np.full(plants.base.size, -1, dtype=np.int64)
    column_of[running] = np.arange(running.size)
    recipe = np.flatnonzero(column_of[plants.recipe_plant] >= 0)
    sizes = [running.size, demands.node.size, flowing.size, nodes.size, unsold.size]
    first = np.concatenate([[0], np.cumsum(sizes)])
    at = [first[k] + np.arange(size) for k, size in enumerate(sizes)]
    parts = [
        (
            plants.recipe_node[recipe],
            column_of[plants.recipe_plant[recipe]],
            plants.recipe_t_per_t[recipe],
        ),
        (demands.node, at[1], -np.ones(sizes[1])),
        (lanes.from_node[flowing], at[2], -np.ones(sizes[2])),
        (lanes.to_node[flowing], at[2], np.ones(sizes[2])),
        (nodes, at[3], -np.ones(sizes[3])),
        (unsold, at[4], -np.ones(sizes[4])),
    ]
    rows = row_of[np.concatenate([node for node, _, _ in parts])]
    columns = np.concatenate([column for _, column, _ in parts])
    values = np.concatenate([value for _, _, value in parts])
    shape = (nodes.size, int(first[-1]))
    return csr_array(coo_array((values, (rows, columns)), shape=shape))


def _raw_unsold(
    chain: Chain, balance: csr_array, sigma: list[Floats], unsold: Ints, nodes: Ints
) -> Floats:
    """Set the raw value of unsold terms: nothing, or well below it if priced.

    What has no price may be thrown away freely. What has one is thrown away only
    when the rows at that node would move more than two standard errors: the linear
    cost ``2 / sigma`` is a shift of the raw value by ``-cost sigma_unsold^2``.
    """
    raw = np.zeros(unsold.size)
    if chain.unsold_base is not None:
        raw = chain.unsold_base[unsold].copy()
    priced = np.zeros(len(chain.items), dtype=bool)
    priced[chain.nodes.item[np.nan_to_num(chain.nodes.price) > 0.0]] = True
    certain = np.concatenate(sigma[:3])
    spread = np.sqrt(balance[:, : certain.size].power(2) @ certain**2)
    row_of = {node: row for row, node in enumerate(nodes.tolist())}
    for k, node in enumerate(unsold.tolist()):
        if priced[chain.nodes.item[node]] and raw[k] <= 0.0:
            raw[k] = -UNSOLD_SIGMAS / spread[row_of[node]] * sigma[4][k] ** 2
    return raw
