# SPDX-License-Identifier: Apache-2.0
"""The market of one chain as columns and rows that every period shares.

The matrix is built once. A period changes upper bounds (quantities, capacities,
lanes) and a few costs (tariffs, bids). Columns are scaled by the world output of
their item and money by its dearest item, so that alumina and gallium fit one programme.

Most things are cut in pieces of rising cost: the pieces of a lane, a plant or a
demand belong to one *owner* whose limit fills them from the cheapest on.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from oreserve.errors import InputError
from oreserve.market._curves import Steps, demand_steps, stagger, supply_steps
from oreserve.network.sums import sum_by

if TYPE_CHECKING:
    from oreserve.network.chain import Chain

__all__ = ["Hub", "MarketRules", "Part", "Problem", "build_problem"]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

LANE_EDGES = (0.0, 0.5, 1.0, 1.2)  # of base flow; costs -2k, -k, +k, +2k
IDLE_MARKUP = 1.25  # cost of restarted capacity as a multiple of base revenue
TIE_SHARE = 2e-4  # of the price: what tells equal routes apart, on average
Focus = dict[int, tuple[float, float, int]]


@dataclass(frozen=True)
class MarketRules:
    """Settings that shape the programme of every chain.

    `quarterly` takes the short elasticities; `bid` and `ask` are multiples of the
    base price at which commercial stocks buy and sell.
    """

    home: tuple[str, ...] = ("USA",)
    wedge: float = 0.002
    slice_ceiling: bool = True
    bid: float = 1.0
    ask: float = 1.25
    quarterly: bool = False


@dataclass(frozen=True)
class Part:
    """Owners of one kind and their pieces, contiguous among all columns.

    `start` and `width` are in tonnes a year (shares of the quantity for demands);
    `cost` in USD per tonne.
    """

    first: int  # first column
    owner: Ints  # (pieces,) index of the owner
    start: Floats  # (pieces,) where the piece begins
    width: Floats  # (pieces,)
    cost: Floats  # (pieces,) USD per t of the owner
    scale: Floats  # (owners,) t per unit of the column

    @property
    def columns(self) -> slice:
        """Return the columns of the part."""
        return slice(self.first, self.first + len(self.owner))

    @property
    def owners(self) -> int:
        """Return the number of owners."""
        return len(self.scale)

    def upper(self, limit: Floats) -> Floats:
        """Return upper bounds in column units for limits in tonnes a year."""
        room = limit[self.owner] - self.start
        return np.clip(room, 0.0, self.width) / self.scale[self.owner]

    def total(self, value: Floats) -> Floats:
        """Return tonnes a year by owner from column values."""
        values = value[self.columns] * self.scale[self.owner]
        return sum_by(self.owner, values, minlength=self.owners)


@dataclass(frozen=True)
class Hub:
    """Legs through the hub of an item, and leak lanes into home."""

    out_node: Ints  # (E,) exporters that may enter
    in_node: Ints  # (M,) importers
    in_share: Floats  # (M,) share of use that may enter in a year
    leak_from: Ints  # (K,) third country
    leak_to: Ints  # (K,) home node
    leak_row: Ints  # (K,) index into leak_home
    leak_home: Ints  # (Q,) home nodes with leak lanes


@dataclass(frozen=True)
class Problem:
    """The programme of one chain; see `build_problem`."""

    chain: Chain
    rules: MarketRules
    group_of: Ints  # (D,) demand group of each demand row
    group_node: Ints  # (G,)
    group_elasticity: Floats  # (G,)
    group_ceiling: Floats  # (G,) max price over base price
    group_price: Floats  # (G,) base price of the curve
    demand: Part
    plant: Part
    idle: Part
    lane: Part
    hub_out: Part
    hub_in: Part
    leak: Part
    unsold: Part
    fill: Part
    draw: Part
    bid: Part  # purchases of the reserve, home nodes
    sale: Part  # tonnes sold by a reserve, home nodes
    hub: Hub
    home_node: Ints  # (H,) home nodes
    stock_node: Ints  # (S,) nodes with commercial stocks
    idle_plant: Ints  # plants with idle capacity
    plant_limit: Floats  # (F,) normal capacity, idle part left out
    lane_cost: Floats  # (L,) USD per t, tariff apart
    use: Floats  # (N,) base use: demands and what plants take, t a year
    row_scale: Floats  # (rows,) t per unit of the row
    node_rows: int
    money: float  # USD per unit of money
    cost: Floats  # (columns,) units of money per unit
    starts: npt.NDArray[np.int32]
    indices: npt.NDArray[np.int32]
    values: Floats

    @property
    def columns(self) -> int:
        """Return the number of columns."""
        return len(self.cost)

    @property
    def rows(self) -> int:
        """Return the number of rows: nodes, then hubs, then leak limits."""
        return len(self.row_scale)


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
    scale = _item_scale(chain)
    node_scale = scale[chain.nodes.item]
    if coarse is None:
        _check_numbers(chain)
    groups = _group_demands(chain, quarterly=rules.quarterly)
    hub = coarse.hub if coarse else _build_hub(chain, rules, project_plants)
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
        *_demand_pieces(groups, rules, focus, chain.calibrated, coarse),
        scale=node_scale[groups.node],
        entries=[(groups.node, -1.0)],
    )
    limit = _plant_limit(chain)
    owner, start, width, cost = _plant_pieces(
        chain, rules, limit, project_plants, focus, coarse
    )
    main_scale = scale[chain.plants.main_item]
    plant = assembly.add(owner, start, width, cost, scale=main_scale)
    assembly.recipe(plant, chain, np.arange(len(main_scale)))
    idle_plant = np.flatnonzero(chain.plants.idle > 0.0)
    idle = assembly.add_single(_idle_cost(chain, idle_plant), main_scale[idle_plant])
    assembly.recipe(idle, chain, idle_plant)
    lanes = chain.lanes
    lane_cost = _lane_cost(chain)
    if coarse is None:
        owner, start, width, cost = _lane_pieces(chain, rules, lane_cost)
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
        _entry_cost(chain, hub.out_node, importer=False),
        node_scale[hub.out_node],
        entries=[(hub.out_node, -1.0), (out_row, 1.0)],
    )
    hub_in = assembly.add_single(
        _entry_cost(chain, hub.in_node, importer=True),
        node_scale[hub.in_node],
        entries=[(hub.in_node, 1.0), (in_row, -1.0)],
    )
    leak = assembly.add_single(
        _leak_cost(chain, hub),
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
        lane_cost=lane_cost,
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


def _item_scale(chain: Chain) -> Floats:
    """Return tonnes per unit: world output, else the largest quantity known."""
    count = len(chain.items)
    scale = np.where(np.isfinite(chain.world), chain.world, 0.0)
    largest = np.zeros(count)
    for item, quantity in (
        (chain.nodes.item[chain.demands.node], chain.demands.quantity),
        (chain.plants.main_item, chain.plants.capacity),
    ):
        known = np.where(np.isfinite(quantity), quantity, 0.0)
        np.maximum.at(largest, item, known)
    scale = np.where(scale > 0.0, scale, largest)
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


def base_use(chain: Chain) -> Floats:
    """Return what each node uses in the base year: demands and inputs of plants."""
    plants = chain.plants
    use = sum_by(
        chain.demands.node, chain.demands.quantity, minlength=len(chain.nodes.item)
    )
    base = np.nan_to_num(plants.base[plants.recipe_plant])
    taken = np.where(plants.recipe_t_per_t < 0.0, -plants.recipe_t_per_t * base, 0.0)
    return use + sum_by(plants.recipe_node, taken, minlength=len(use))


@dataclass(frozen=True)
class _Groups:
    of: Ints
    node: Ints
    elasticity: Floats
    ceiling: Floats
    price: Floats


def _group_demands(chain: Chain, *, quarterly: bool) -> _Groups:
    """Join the demands of a node that have the same curve."""
    rows = chain.demands
    elasticity = rows.elasticity_short if quarterly else rows.elasticity
    price = chain.nodes.price[rows.node]
    # One step at the ceiling needs no base price: its curve hangs on the ceiling.
    price = np.where((elasticity == 0.0) & ~np.isfinite(price), rows.max_price, price)
    keys = [
        (int(rows.node[d]), float(elasticity[d]), float(rows.max_price[d]))
        for d in range(len(rows.node))
    ]
    order = {key: g for g, key in enumerate(sorted(set(keys)))}
    of = np.array([order[key] for key in keys], dtype=np.int64)
    group_price = np.ones(len(order))
    group_price[of] = price
    ceiling = np.array([key[2] for key in order]) / group_price
    return _Groups(
        of=of,
        node=np.array([key[0] for key in order], dtype=np.int64),
        elasticity=np.array([key[1] for key in order]),
        ceiling=ceiling,
        price=group_price,
    )


_Pieces = tuple[Ints, Floats, Floats, Floats]


def _pieces(steps: list[Steps], factor: Floats, unit: Floats) -> _Pieces:
    """Turn steps by owner into piece arrays; prices times factor, widths times unit."""
    counts = [len(s.width) for s in steps]
    owner = np.repeat(np.arange(len(steps)), counts)
    none = np.zeros(0)
    width = np.concatenate([none, *(s.width for s in steps)]) * unit[owner]
    starts = [np.concatenate([[0.0], np.cumsum(s.width)[:-1]]) for s in steps]
    start = np.concatenate([none, *starts]) * unit[owner]
    price = np.concatenate([none, *(s.price for s in steps)]) * factor[owner]
    return owner, start, width, price


def _demand_pieces(
    groups: _Groups,
    rules: MarketRules,
    focus: Focus,
    calibrated: bool,  # noqa: FBT001
    coarse: Problem | None,
) -> _Pieces:
    known = {} if coarse is None else _known_steps(coarse.demand, -groups.price)
    steps = [
        known[g]
        if g in known and g not in focus
        else demand_steps(
            float(groups.elasticity[g]),
            float(groups.ceiling[g]),
            base_block=calibrated,
            slice_ceiling=rules.slice_ceiling,
            shift=stagger(g),
            focus=focus.get(g),
        )
        for g in range(len(groups.node))
    ]
    owner, start, width, price = _pieces(steps, groups.price, np.ones(len(groups.node)))
    return owner, start, width, -price


def _known_steps(part: Part, price: Floats) -> dict[int, Steps]:
    """Return the steps of each owner whose price is not 0."""
    ends = np.cumsum(np.bincount(part.owner, minlength=part.owners))
    starts = np.concatenate([[0], ends[:-1]])
    return {
        k: Steps(part.width[a:b], part.cost[a:b] / price[k])
        for k, (a, b) in enumerate(zip(starts.tolist(), ends.tolist(), strict=True))
        if price[k] != 0.0
    }


def _spread(number: int, width: float = 0.5) -> float:
    """Return a factor near 1 that differs by row.

    Calibrated costs make every used route equally good, so that flows have many
    optima; steps of slightly different height leave one.
    """
    return 1.0 + width * ((0.6180339887498949 * number) % 1.0 - 0.5)


def _plant_limit(chain: Chain) -> Floats:
    """Return normal capacity: all but the idle part, and never below the base."""
    plants = chain.plants
    limit = np.maximum(plants.capacity - plants.idle, 0.0)
    if chain.calibrated:
        limit = np.maximum(limit, np.nan_to_num(plants.base))
    return limit


def _plant_pieces(
    chain: Chain,
    rules: MarketRules,
    limit: Floats,
    project_plants: dict[int, float],
    focus: Focus,
    coarse: Problem | None,
) -> _Pieces:
    plants = chain.plants
    if coarse is not None and not any(k < 0 for k in focus):
        known = coarse.plant
        return known.owner, known.start, known.width, known.cost
    before = {} if coarse is None else _known_steps(coarse.plant, plants.cost)
    steps = []
    unit = np.ones(len(plants.name))
    for f in range(len(plants.name)):
        if f in before and -1 - f not in focus:
            steps.append(before[f])
            continue
        room = max(float(limit[f]), project_plants.get(f, 0.0))
        base = float(np.nan_to_num(plants.base[f]))
        elasticity = float(plants.supply_elasticity[f])
        if elasticity > 0.0 and base > 0.0 and plants.cost[f] > 0.0 and room > 0.0:
            unit[f] = base
            steps.append(supply_steps(elasticity, room / base, focus=focus.get(-1 - f)))
        elif chain.calibrated and base > 0.0:
            wedge = rules.wedge * _spread(f)
            # A negative net cost would turn the wedge around.
            turn = wedge if plants.cost[f] >= 0.0 else -wedge
            prices = np.array([1.0 - turn, 1.0 + turn])
            steps.append(Steps(np.array([base, np.inf]), prices))
        else:
            steps.append(Steps(np.array([np.inf]), np.ones(1)))
    owner, start, width, cost = _pieces(steps, plants.cost, unit)
    return owner, start, width, cost


def _revenue(chain: Chain) -> Floats:
    """Return net revenue per tonne of activity at base prices."""
    plants = chain.plants
    value = plants.recipe_t_per_t * np.nan_to_num(chain.nodes.price[plants.recipe_node])
    return sum_by(plants.recipe_plant, value, minlength=len(plants.name))


def _idle_cost(chain: Chain, idle_plant: Ints) -> Floats:
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


def _lane_cost(chain: Chain) -> Floats:
    """Return lane costs; a null cost is a share of the exporter's base price."""
    lanes, price = chain.lanes, chain.nodes.price
    at = np.where(
        np.isfinite(price[lanes.from_node]),
        price[lanes.from_node],
        price[lanes.to_node],
    )
    share = chain.lane_cost_share[chain.nodes.item[lanes.from_node]]
    return np.where(np.isfinite(lanes.cost), lanes.cost, share * at)


def _lane_pieces(chain: Chain, rules: MarketRules, lane_cost: Floats) -> _Pieces:
    lanes = chain.lanes
    steps = []
    unit = np.ones(len(lane_cost))
    # By-products that are thrown away are worth 0 at home: the importer's price.
    price = np.nan_to_num(chain.nodes.price)
    cost_step = rules.wedge * np.maximum(price[lanes.from_node], price[lanes.to_node])
    for k in range(len(lane_cost)):
        base, tau = float(lanes.base[k]), float(lane_cost[k])
        if chain.calibrated and base > 0.0:
            step = float(cost_step[k]) * _spread(k)
            unit[k] = base
            prices = np.array([tau - 2 * step, tau - step, tau + step, tau + 2 * step])
            widths = np.append(np.diff(LANE_EDGES), np.inf)
            steps.append(Steps(widths, np.maximum(prices, 0.0)))
        else:
            steps.append(Steps(np.array([np.inf]), np.array([tau])))
    return _pieces(steps, np.ones(len(lane_cost)), unit)


def _entry_cost(chain: Chain, nodes: Ints, *, importer: bool) -> Floats:
    """Return the cost of a hub leg: calibrated, else all on the importer's leg."""
    set_cost = chain.entry_cost if importer else chain.entry_cost_out
    if set_cost is not None:
        # Never below the calibrated cost: an entry must not start at the base.
        more = np.array([_spread(int(n), 2.0) for n in nodes]) * TIE_SHARE
        top = np.nan_to_num(chain.nodes.price[nodes])
        return np.nan_to_num(set_cost[nodes]) + more * top
    if not importer:
        return np.zeros(len(nodes))
    share = chain.lane_cost_share[chain.nodes.item[nodes]]
    return share * np.nan_to_num(chain.nodes.price[nodes])


def _leak_cost(chain: Chain, hub: Hub) -> Floats:
    """Return the cost of leak lanes, above the calibrated spread in the base year."""
    price = np.nan_to_num(chain.nodes.price)
    at = price[hub.leak_to]
    cost = chain.leakage_cost_share[chain.nodes.item[hub.leak_to]] * at
    if chain.calibrated:
        spread = at - price[hub.leak_from]
        cost = np.maximum(cost, spread + 0.004 * at)
        cost = cost + TIE_SHARE * at * np.array(
            [_spread(int(n), 2.0) for n in hub.leak_from]
        )
    return cost


def _build_hub(
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
    for k in np.flatnonzero(~np.isfinite(_lane_cost(chain))):
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
