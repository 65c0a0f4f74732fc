# SPDX-License-Identifier: Apache-2.0
"""The market of one chain as columns and rows that every period shares.

The matrix is built once. A period changes upper bounds (quantities, capacities,
lanes) and a few costs (tariffs, bids). Columns are scaled by the world output of
their item and money by its dearest item, so that alumina and gallium fit one programme.

Most things are cut in pieces of rising cost: the pieces of a lane, a plant or a
demand belong to one *owner* whose limit fills them from the cheapest on.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from oreserve.errors import InputError
from oreserve.market._hub import (
    TIE_SHARE,
    base_use,
    build_hub,
    entry_cost,
    idle_cost,
    leak_cost,
)
from oreserve.market._layout import Focus, Hub, MarketRules, Part, Problem
from oreserve.market._pieces import (
    demand_pieces,
    group_demands,
    lane_cost,
    lane_pieces,
    plant_limit,
    plant_pieces,
)

if TYPE_CHECKING:
    from oreserve.network.chain import Chain

__all__ = [
    "Focus",
    "Hub",
    "MarketRules",
    "Part",
    "Problem",
    "base_use",
    "build_problem",
]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

LEAST_SCALE = 0.01  # of the largest quantity known of an item


def build_problem(
    chain: Chain,
    rules: MarketRules,
    *,
    stock_nodes: Ints | None = None,
    project_plants: dict[int, float] | None = None,
    focus: Focus | None = None,
    coarse: Problem | None = None,
) -> Problem:
    """Build the programme of a chain.

    Parameters
    ----------
    chain
        Reconciled and calibrated, or as read.
    rules
        Home, wedge, bid and ask.
    stock_nodes
        Nodes that hold commercial stocks.
    project_plants
        Capacity in t a year of plants that a plan may add, by plant index.
    focus
        By demand group and (as -1 - plant) by plant: where the step grid is refined.
    coarse
        The same programme without focus: what does not change is taken from it.

    Raises
    ------
    InputError
        If a cost, a price or a base activity that the market needs is missing.
    """
    project_plants = project_plants or {}
    focus = focus or {}
    scale = _item_scale(chain, project_plants)
    node_scale = scale[chain.nodes.item]
    if coarse is None:
        _check_numbers(chain)
    groups = group_demands(chain, quarterly=rules.quarterly)
    hub = coarse.hub if coarse else build_hub(chain, rules, project_plants)
    home_node = np.flatnonzero(
        np.isin(
            chain.nodes.country,
            [k for k, c in enumerate(chain.countries) if c in rules.home],
        )
    )
    stock_node = np.zeros(0, np.int64) if stock_nodes is None else stock_nodes
    money = _money_unit(chain, scale)
    assembly = _Assembly(money)
    rows = len(node_scale)
    hub_items = np.unique(chain.nodes.item[np.concatenate([hub.out_node, hub.in_node])])
    hub_row = np.full(len(chain.items), -1)
    hub_row[hub_items] = rows + np.arange(len(hub_items))
    leak_first = rows + len(hub_items)

    demand = assembly.add(
        *demand_pieces(groups, rules, focus, chain.calibrated, coarse),
        scale=node_scale[groups.node],
        entries=[(groups.node, -1.0)],
    )
    limit = plant_limit(chain)
    owner, start, width, cost = plant_pieces(
        chain, rules, limit, project_plants, focus, coarse
    )
    main_scale = scale[chain.plants.main_item]
    plant = assembly.add(owner, start, width, cost, scale=main_scale)
    assembly.recipe(plant, chain, np.arange(len(main_scale)))
    idle_plant = np.flatnonzero(chain.plants.idle > 0.0)
    idle = assembly.add_single(idle_cost(chain, idle_plant), main_scale[idle_plant])
    assembly.recipe(idle, chain, idle_plant)
    lanes = chain.lanes
    lane_usd = lane_cost(chain)
    if coarse is None:
        owner, start, width, cost = lane_pieces(chain, rules, lane_usd)
    else:
        known = coarse.lane
        owner, start, width, cost = known.owner, known.start, known.width, known.cost
    lane = assembly.add(
        owner,
        start,
        width,
        cost,
        scale=node_scale[lanes.from_node],
        entries=[(lanes.from_node, -1.0), (lanes.to_node, 1.0)],
    )
    out_row, in_row = (
        hub_row[chain.nodes.item[n]] for n in (hub.out_node, hub.in_node)
    )
    hub_out = assembly.add_single(
        entry_cost(chain, hub.out_node, importer=False),
        node_scale[hub.out_node],
        entries=[(hub.out_node, -1.0), (out_row, 1.0)],
    )
    hub_in = assembly.add_single(
        entry_cost(chain, hub.in_node, importer=True),
        node_scale[hub.in_node],
        entries=[(hub.in_node, 1.0), (in_row, -1.0)],
    )
    leak = assembly.add_single(
        leak_cost(chain, hub),
        node_scale[hub.leak_from],
        entries=[
            (hub.leak_from, -1.0),
            (hub.leak_to, 1.0),
            (leak_first + hub.leak_row, 1.0),
        ],
    )
    nodes = np.arange(rows)
    price = np.nan_to_num(chain.nodes.price)
    unsold = assembly.add_single(
        chain.disposal[chain.nodes.item], node_scale, entries=[(nodes, -1.0)]
    )
    # Traders buy after users who pay the base price: a tie would have many optima.
    bid_price = (rules.bid - 5.0 * TIE_SHARE) * price[stock_node]
    fill = assembly.add_single(-bid_price, node_scale[stock_node], [(stock_node, -1.0)])
    draw = assembly.add_single(
        rules.ask * price[stock_node], node_scale[stock_node], [(stock_node, 1.0)]
    )
    free = np.zeros(len(home_node))
    bid = assembly.add_single(free, node_scale[home_node], [(home_node, -1.0)])
    sale = assembly.add_single(free, node_scale[home_node], [(home_node, 1.0)])
    row_scale = np.concatenate(
        [node_scale, scale[hub_items], node_scale[hub.leak_home]]
    )
    starts, indices, values = assembly.matrix(row_scale)
    return Problem(
        chain=chain,
        rules=rules,
        group_of=groups.of,
        group_node=groups.node,
        group_elasticity=groups.elasticity,
        group_ceiling=groups.ceiling,
        group_price=groups.price,
        demand=demand,
        plant=plant,
        idle=idle,
        lane=lane,
        hub_out=hub_out,
        hub_in=hub_in,
        leak=leak,
        unsold=unsold,
        fill=fill,
        draw=draw,
        bid=bid,
        sale=sale,
        hub=hub,
        home_node=home_node,
        stock_node=stock_node,
        idle_plant=idle_plant,
        plant_limit=limit,
        lane_cost=lane_usd,
        use=base_use(chain),
        row_scale=row_scale,
        node_rows=rows,
        money=money,
        cost=assembly.cost(),
        starts=starts,
        indices=indices,
        values=values,
    )


class _Assembly:
    """Collect parts in column order and their matrix entries."""

    def __init__(self, money: float) -> None:
        self.money = money
        self.columns = 0
        self.costs: list[Floats] = []
        self.scales: list[Floats] = []
        self.entries: list[tuple[Ints, Ints, Floats]] = []

    def add(
        self,
        owner: Ints,
        start: Floats,
        width: Floats,
        cost: Floats,
        *,
        scale: Floats,
        entries: list[tuple[Ints, float]] | None = None,
    ) -> Part:
        """Add pieces; `entries` are (row of each owner, tonnes per tonne)."""
        part = Part(self.columns, owner, start, width, cost, scale)
        columns = np.arange(self.columns, self.columns + len(owner))
        self.columns += len(owner)
        self.costs.append(cost * scale[owner] / self.money)
        self.scales.append(scale[owner])
        for row, value in entries or []:
            self.entries.append((row[owner], columns, np.full(len(owner), value)))
        return part

    def add_single(
        self,
        cost: Floats,
        scale: Floats,
        entries: list[tuple[Ints, float]] | None = None,
    ) -> Part:
        """Add owners of one piece without a width of its own."""
        owner = np.arange(len(cost))
        zero, wide = np.zeros(len(cost)), np.full(len(cost), np.inf)
        return self.add(owner, zero, wide, cost, scale=scale, entries=entries)

    def recipe(self, part: Part, chain: Chain, plants: Ints) -> None:
        """Enter the recipes of the plants that own the pieces of a part."""
        recipe = chain.plants
        for k, plant in enumerate(plants):
            lines = np.flatnonzero(recipe.recipe_plant == plant)
            columns = part.first + np.flatnonzero(part.owner == k)
            self.entries.append(
                (
                    np.tile(recipe.recipe_node[lines], len(columns)),
                    np.repeat(columns, len(lines)),
                    np.tile(recipe.recipe_t_per_t[lines], len(columns)),
                )
            )

    def cost(self) -> Floats:
        """Return costs in units of money per unit of each column."""
        return np.concatenate(self.costs)

    def matrix(
        self, row_scale: Floats
    ) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.int32], Floats]:
        """Return the scaled matrix by columns, rows in order within a column."""
        row = np.concatenate([e[0] for e in self.entries])
        column = np.concatenate([e[1] for e in self.entries])
        value = np.concatenate([e[2] for e in self.entries])
        value = value * np.concatenate(self.scales)[column] / row_scale[row]
        order = np.lexsort((row, column))
        counts = np.bincount(column, minlength=self.columns)
        starts = np.concatenate([[0], np.cumsum(counts)]).astype(np.int32)
        return starts, row[order].astype(np.int32), value[order]


def _item_scale(chain: Chain, project_plants: dict[int, float]) -> Floats:
    """Return tonnes per unit: world output, else the largest quantity known.

    An item that only projects make has a world output of next to nothing: in such a
    unit a plant's cost would lie below the solver's tolerance.
    """
    count = len(chain.items)
    scale = np.where(np.isfinite(chain.world), chain.world, 0.0)
    largest = np.zeros(count)
    for item, quantity in (
        (chain.nodes.item[chain.demands.node], chain.demands.quantity),
        (chain.plants.main_item, chain.plants.capacity),
    ):
        known = np.where(np.isfinite(quantity), quantity, 0.0)
        np.maximum.at(largest, item, known)
    for plant, capacity in project_plants.items():
        made = int(chain.plants.main_item[plant])
        largest[made] = max(largest[made], capacity)
    scale = np.where(scale > LEAST_SCALE * largest, scale, largest)
    return np.where(scale > 0.0, scale, 1.0)


def _money_unit(chain: Chain, scale: Floats) -> float:
    """Return the USD that make one unit: the dearest item's world output is 10,000.

    The solver's tolerances are absolute, so money is scaled like tonnes are.
    """
    price = np.nan_to_num(chain.nodes.price) * scale[chain.nodes.item]
    rows = chain.demands
    ceiling = np.nan_to_num(rows.max_price) * scale[chain.nodes.item[rows.node]]
    plants = chain.plants
    cost = np.abs(np.nan_to_num(plants.cost)) * scale[plants.main_item]
    for worth in (price, ceiling, cost):
        if len(worth) and worth.max() > 0.0:
            return float(worth.max()) / 1e4
    return 1.0


def _check_numbers(chain: Chain) -> None:
    """Refuse a market with missing costs, prices or base activities."""
    problems = []
    plants, nodes = chain.plants, chain.nodes
    for f, name in enumerate(plants.name):
        if not np.isfinite(plants.cost[f]):
            problems.append(f"plants: {name}: cost_usd_per_t is missing")
        if not np.isfinite(plants.capacity[f]):
            problems.append(f"plants: {name}: capacity_t_per_year is missing")
        if plants.supply_elasticity[f] > 0.0 and not np.isfinite(plants.base[f]):
            problems.append(
                f"plants: {name}: a supply_elasticity needs base_activity_t_per_year"
            )
    for d, name in enumerate(chain.demands.name):
        node = chain.demands.node[d]
        where = (
            f"{chain.items[nodes.item[node]]} in {chain.countries[nodes.country[node]]}"
        )
        if not np.isfinite(chain.demands.max_price[d]):
            problems.append(f"demands: {name}: no max_price and no price of {where}")
        elif chain.demands.elasticity[d] != 0.0 and not nodes.price[node] > 0.0:
            problems.append(f"demands: {name}: no base price of {where}")
    for k in np.flatnonzero(~np.isfinite(lane_cost(chain))):
        item = chain.items[nodes.item[chain.lanes.from_node[k]]]
        exporter = chain.countries[nodes.country[chain.lanes.from_node[k]]]
        importer = chain.countries[nodes.country[chain.lanes.to_node[k]]]
        problems.append(
            f"lanes: {item} {exporter} to {importer}: no cost and no base price"
        )
    if problems:
        raise InputError(
            "the market needs numbers that are missing:\n" + "\n".join(problems)
        )
