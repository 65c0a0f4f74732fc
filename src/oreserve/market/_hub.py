# SPDX-License-Identifier: Apache-2.0
"""Costs and pairs of idle capacity, the hub and leak lanes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from oreserve.market._layout import Hub
from oreserve.market._pieces import spread
from oreserve.network.sums import sum_by

if TYPE_CHECKING:
    from oreserve.market._layout import MarketRules
    from oreserve.network.chain import Chain

__all__ = ["TIE_SHARE", "base_use", "build_hub", "entry_cost", "idle_cost", "leak_cost"]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

IDLE_MARKUP = 1.25  # cost of restarted capacity as a multiple of base revenue
TIE_SHARE = 2e-4  # of the price: what tells equal routes apart, on average


def base_use(chain: Chain) -> Floats:
    """Return what each node uses in the base year: demands and inputs of plants."""
    plants = chain.plants
    use = sum_by(
        chain.demands.node, chain.demands.quantity, minlength=len(chain.nodes.item)
    )
    base = np.nan_to_num(plants.base[plants.recipe_plant])
    taken = np.where(plants.recipe_t_per_t < 0.0, -plants.recipe_t_per_t * base, 0.0)
    return use + sum_by(plants.recipe_node, taken, minlength=len(use))


def _revenue(chain: Chain) -> Floats:
    """Return net revenue per tonne of activity at base prices."""
    plants = chain.plants
    value = plants.recipe_t_per_t * np.nan_to_num(chain.nodes.price[plants.recipe_node])
    return sum_by(plants.recipe_plant, value, minlength=len(plants.name))


def idle_cost(chain: Chain, idle_plant: Ints) -> Floats:
    """Return the cost of restarted capacity.

    Calibrated: cost plus restart cost where that is given, never below the base
    revenue, else 1.25 times the revenue. As read: cost plus restart cost.
    """
    cost = chain.plants.cost[idle_plant]
    restart = chain.plants.restart_usd_per_t[idle_plant]
    if not chain.calibrated:
        return cost + np.nan_to_num(restart)
    revenue = _revenue(chain)[idle_plant]
    given = np.maximum(cost + np.nan_to_num(restart), 1.004 * revenue)
    return np.where(
        np.isfinite(restart), given, IDLE_MARKUP * np.maximum(revenue, cost)
    )


def entry_cost(chain: Chain, nodes: Ints, *, importer: bool) -> Floats:
    """Return the cost of a hub leg: calibrated, else all on the importer's leg."""
    set_cost = chain.entry_cost if importer else chain.entry_cost_out
    if set_cost is not None:
        # Never below the calibrated cost: an entry must not start at the base.
        more = np.array([spread(int(n), 2.0) for n in nodes]) * TIE_SHARE
        top = np.nan_to_num(chain.nodes.price[nodes])
        return np.nan_to_num(set_cost[nodes]) + more * top
    if not importer:
        return np.zeros(len(nodes))
    share = chain.lane_cost_share[chain.nodes.item[nodes]]
    return share * np.nan_to_num(chain.nodes.price[nodes])


def leak_cost(chain: Chain, hub: Hub) -> Floats:
    """Return the cost of leak lanes, above the calibrated spread in the base year."""
    price = np.nan_to_num(chain.nodes.price)
    at = price[hub.leak_to]
    cost = chain.leakage_cost_share[chain.nodes.item[hub.leak_to]] * at
    if chain.calibrated:
        gap = at - price[hub.leak_from]
        cost = np.maximum(cost, gap + 0.004 * at)
        cost = cost + TIE_SHARE * at * np.array(
            [spread(int(n), 2.0) for n in hub.leak_from]
        )
    return cost


def build_hub(
    chain: Chain, rules: MarketRules, project_plants: dict[int, float]
) -> Hub:
    """Find who may use the hub of each item and which leak lanes reach home."""
    plants, nodes = chain.plants, chain.nodes
    makes = plants.recipe_t_per_t > 0.0
    producer = np.unique(plants.recipe_node[makes])
    user = base_use(chain) > 0.0
    fed = np.isin(plants.recipe_plant, list(project_plants)) & ~makes
    user[plants.recipe_node[fed]] = True
    open_item = chain.entry_share > 0.0
    open_item[nodes.item[plants.recipe_node[fed]]] = True
    in_node = np.flatnonzero(user & open_item[nodes.item])
    out_node = producer[open_item[nodes.item[producer]]]
    both = np.intersect1d(nodes.item[in_node], nodes.item[out_node])
    in_node = in_node[np.isin(nodes.item[in_node], both)]
    out_node = out_node[np.isin(nodes.item[out_node], both)]
    home = [k for k, c in enumerate(chain.countries) if c in rules.home]
    lanes = chain.lanes
    supplied = np.zeros(len(nodes.item), dtype=bool)
    supplied[lanes.to_node[np.nan_to_num(lanes.base) > 0.0]] = True
    at_home = np.isin(nodes.country, home)
    targets = np.flatnonzero(
        at_home & supplied & (chain.leakage_share[nodes.item] > 0.0)
    )
    pairs = [
        (int(third), int(target), q)
        for q, target in enumerate(targets)
        for third in np.flatnonzero(
            supplied & ~at_home & (nodes.item == nodes.item[target])
        )
    ]
    table = np.array(pairs, dtype=np.int64).reshape(-1, 3)
    return Hub(
        out_node=out_node,
        in_node=in_node,
        in_share=chain.entry_share[nodes.item[in_node]],
        leak_from=table[:, 0],
        leak_to=table[:, 1],
        leak_row=table[:, 2],
        leak_home=targets,
    )
