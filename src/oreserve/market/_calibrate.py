# SPDX-License-Identifier: Apache-2.0
"""Find prices and costs that make the reconciled base year an equilibrium.

Inverse optimisation: of all prices, net costs and lane costs that make base
activity, trade and use optimal, take those nearest to the raw ones (one linear
programme). Wedges in the market then make the base year *the* optimum. This proves
the code and not the data: the data are judged by what had to move.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import polars as pl

from oreserve.errors import InputError
from oreserve.market._calibrate_raw import plant_sums, raw_prices
from oreserve.market._reconcile_rows import node_names, node_order, throughput
from oreserve.network.block import BlockBuilder, solve

if TYPE_CHECKING:
    from oreserve.market._calibrate_raw import RawPrices
    from oreserve.network.chain import Chain, Plants

__all__ = ["calibrate"]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]

USED_SHARE = 1e-9  # of world output: a smaller base quantity is no quantity
FULL_SHARE = 0.98  # of capacity: a plant this full may earn a rent
COST_LEAST_SHARE = 0.02  # of revenue: no plant runs for nothing
LANE_LEAST_SHARE = 0.003  # of the item's price; hops of a trade must cost something
ENTRY_MARGIN_SHARE = 0.004  # of the item's price, above the calibrated spread
PRICE_LEAST_SHARE = 0.02  # of the raw price
MINE_RENT_SHARE = 0.3  # of revenue, assumed: a mine's cost where none is given
IDLE_MARKUP = 0.25  # what stood still lacks this share of its net revenue
MAX_PRICE_LEAST = 1.5  # ceiling of a demand, as a multiple of its base price
MAX_PRICE_DEFAULT = 30.0  # likewise, where a study has none
READ_MOVE_ALLOWED = 0.05  # of a price that was read
COST_WEIGHT = 0.3  # of the weight of the price of the plant's main item
LANE_WEIGHT = 0.5 / 0.3
RENT_WEIGHT = 0.1
REPAIR_WEIGHT = 1e4  # only where nothing else helps; then it is an error
NOTICEABLE = 1e-6  # relative to the price


def calibrate(
    chain: Chain, *, wedge: float, base_year: int | None = None
) -> tuple[Chain, pl.DataFrame]:
    """Calibrate a reconciled chain by inverse optimisation.

    ``min sum w |p - p_raw| + |c - c_raw| + |tau - tau_raw|`` (relative) subject to
    ``sum_i a_fi p_i = c_f + rent_f`` for plants that run (a rent only at capacity),
    ``p_j - p_i = tau`` on lanes that are used, ``p = -disposal`` where something is
    unsold, ``c >= 2 %`` of revenue and ``tau >= 0.3 %`` of the item's price.

    Parameters
    ----------
    chain
        Balanced by `reconcile`: no directed trade cycles; not changed.
    wedge
        Half width of the cost step at base quantities, as a share of the price
        (`calibration_wedge` of the settings, at least 0).
    base_year
        Plants that start later keep the cost that the study gives.

    Returns
    -------
    tuple[Chain, polars.DataFrame]
        The calibrated chain: prices and costs in USD per t, ceilings of demand at
        least 1.5 times the local price, entry costs above the base spreads. And one
        row per number: table, key, item, country, raw (null where the study gives
        none), used, moved_share, reason.

    Raises
    ------
    InputError
        If an item has no price and none follows from its recipes, or if a plant
        loses money whatever the prices.
    """
    base = _base_rows(chain)
    raw = raw_prices(chain, base.unsold)
    problem = _Inverse(chain, raw, base, _raw_costs(chain, raw), _raw_lanes(chain, raw))
    price, rent = _solve(problem)
    plants = _plant_costs(problem, price, rent, base_year)
    lane_cost = _lane_costs(problem, price, wedge)
    leg_in, leg_out = _entry_costs(chain, raw, price, wedge)
    calibrated = replace(
        chain,
        nodes=replace(chain.nodes, price=price),
        plants=plants,
        demands=replace(chain.demands, max_price=_ceilings(chain, raw, price)),
        lanes=replace(chain.lanes, cost=lane_cost),
        entry_cost=leg_in,
        entry_cost_out=leg_out,
        calibrated=True,
    )
    return calibrated, _moves(problem, calibrated, rent)


@dataclass(frozen=True)
class _BaseRows:
    """What happens in the base year."""

    plants: Ints
    lanes: Ints
    unsold: Bools  # (N,)
    full: Bools  # (F,) at capacity
    nodes: Ints  # nodes where something happens, by name


@dataclass(frozen=True)
class _Inverse:
    """Raw numbers of the inverse problem."""

    chain: Chain
    raw: RawPrices
    base: _BaseRows
    cost: Floats  # (F,) raw net cost, USD per t of activity
    lane_cost: Floats  # (L,) raw, USD per t


def _base_rows(chain: Chain) -> _BaseRows:
    plants, lanes, nodes = chain.plants, chain.lanes, chain.nodes
    least = USED_SHARE * chain.world
    running = np.flatnonzero(plants.base > least[plants.main_item])
    flow = np.nan_to_num(lanes.base)
    used = np.flatnonzero(flow > least[nodes.item[lanes.from_node]])
    unsold = np.zeros(nodes.item.size, dtype=bool)
    if chain.unsold_base is not None:
        unsold = chain.unsold_base > least[nodes.item]
    room = plants.capacity - plants.idle
    order = node_order(chain)
    return _BaseRows(
        plants=running,
        lanes=used,
        unsold=unsold,
        full=plants.base >= FULL_SHARE * room,
        nodes=order[(throughput(chain) > least[nodes.item])[order]],
    )


def _raw_costs(chain: Chain, raw: RawPrices) -> Floats:
    """Return the given net cost, else 70 % of a mine's revenue, else the margin."""
    plants = chain.plants
    gross, net = plant_sums(chain, raw.price)
    mine = np.ones(plants.base.size, dtype=bool)
    mine[plants.recipe_plant[plants.recipe_t_per_t < 0.0]] = False
    assumed = np.where(
        mine, (1.0 - MINE_RENT_SHARE) * gross, np.maximum(net, 0.05 * gross)
    )
    return np.where(np.isfinite(plants.cost), plants.cost, assumed)


def _raw_lanes(chain: Chain, raw: RawPrices) -> Floats:
    item = chain.nodes.item[chain.lanes.from_node]
    assumed = chain.lane_cost_share[item] * raw.reference[item]
    return np.where(np.isfinite(chain.lanes.cost), chain.lanes.cost, assumed)


# --- the inverse programme -------------------------------------------------------


def _solve(problem: _Inverse) -> tuple[Floats, Floats]:
    """Return prices of all nodes and rents of all plants, USD per t.

    Columns are prices in units of the raw price of their node; rows are scaled by
    revenue and by price, so that alumina and gallium share one programme.
    """
    chain, raw, base = problem.chain, problem.raw, problem.base
    if base.nodes.size == 0:  # projects only: nothing happens in the base year
        return raw.price.copy(), np.zeros(chain.plants.base.size)
    builder = BlockBuilder()
    names = node_names(chain)
    scale = raw.scale
    fixed = base.unsold[base.nodes]
    worth = -chain.disposal[chain.nodes.item[base.nodes]] / scale[base.nodes]
    least = np.where(raw.price > 0.0, PRICE_LEAST_SHARE * raw.price, -np.inf)
    least = np.maximum(least, -chain.disposal[chain.nodes.item]) / scale
    columns = builder.add_columns(
        [":".join(names[n]) for n in base.nodes.tolist()],
        lower=np.where(fixed, worth, least[base.nodes]),
        upper=np.where(fixed, worth, np.inf),
    )
    column_of = np.full(scale.size, -1, dtype=np.int64)
    column_of[base.nodes] = columns
    _near_raw_prices(builder, problem, column_of)
    rent, cost_repair = _plants_break_even(builder, problem, column_of)
    lane_repair = _lanes_break_even(builder, problem, column_of)
    solution = solve(builder.build(), what=f"calibration of chain {chain.name}")
    _refuse_repairs(problem, solution.value[cost_repair], solution.value[lane_repair])
    price = raw.price.copy()
    price[base.nodes] = solution.value[columns] * scale[base.nodes]
    price[base.unsold] = 0.0 - chain.disposal[chain.nodes.item[base.unsold]]
    rents = np.zeros(chain.plants.base.size)
    gross, _ = plant_sums(chain, np.abs(raw.scale))
    rents[rent[0]] = solution.value[rent[1]] * gross[rent[0]]
    return price, np.where(rents > NOTICEABLE * gross, rents, 0.0)


def _near_raw_prices(builder: BlockBuilder, problem: _Inverse, column_of: Ints) -> None:
    raw, base = problem.raw, problem.base
    nodes = base.nodes[~base.unsold[base.nodes]]
    target = raw.price[nodes] / raw.scale[nodes]
    rows = builder.add_rows(nodes.size, lower=target, upper=target)
    weight = 1.0 / raw.sigma_share[nodes]
    builder.add_entries(rows, column_of[nodes], 1.0)
    builder.add_entries(rows, builder.add_columns(nodes.size, cost=weight), -1.0)
    builder.add_entries(rows, builder.add_columns(nodes.size, cost=weight), 1.0)


def _plants_break_even(
    builder: BlockBuilder, problem: _Inverse, column_of: Ints
) -> tuple[tuple[Ints, Ints], Ints]:
    """Ask net revenue to be cost plus rent, in units of gross revenue.

    Deviations are shares of revenue and the weight is shared among the plants of a
    node: thin margins or many plants would else pull the price of a whole item.
    """
    chain, raw, base = problem.chain, problem.raw, problem.base
    plants = chain.plants
    gross, _ = plant_sums(chain, np.abs(raw.scale))
    unit = gross[base.plants]
    target = problem.cost[base.plants] / unit
    rows = builder.add_rows(base.plants.size, lower=target, upper=target)
    row_of = np.full(plants.base.size, -1, dtype=np.int64)
    row_of[base.plants] = rows
    recipe = np.flatnonzero(row_of[plants.recipe_plant] >= 0)
    owner, node = plants.recipe_plant[recipe], plants.recipe_node[recipe]
    share = plants.recipe_t_per_t[recipe] * raw.scale[node] / gross[owner]
    builder.add_entries(row_of[owner], column_of[node], share)
    weight = _cost_weights(problem)
    more, less = _deviation_bounds(target, COST_LEAST_SHARE)
    up = builder.add_columns(base.plants.size, cost=weight, lower=more)
    down = builder.add_columns(base.plants.size, cost=weight, upper=less)
    repair = builder.add_columns(base.plants.size, cost=REPAIR_WEIGHT)
    builder.add_entries(rows, up, -1.0)
    builder.add_entries(rows, down, 1.0)
    builder.add_entries(rows, repair, 1.0)
    full = base.plants[base.full[base.plants]]
    rent = builder.add_columns(full.size, cost=RENT_WEIGHT)
    builder.add_entries(row_of[full], rent, -1.0)
    return (full, rent), repair


def _cost_weights(problem: _Inverse) -> Floats:
    """Weigh costs by the price of the main item and the plant's share at its node."""
    chain, base = problem.chain, problem.base
    plants = chain.plants
    main = _main_nodes(plants, chain)[base.plants]
    activity = plants.base[base.plants]
    at_node = np.bincount(main, weights=activity, minlength=chain.nodes.item.size)
    weight = COST_WEIGHT / problem.raw.sigma_share[main] * activity / at_node[main]
    folded = np.array(
        [plants.process[f] == "unreported" for f in base.plants.tolist()], dtype=bool
    )
    return np.where(folded, 0.0, weight)


def _main_nodes(plants: Plants, chain: Chain) -> Ints:
    """Return the node of each plant's main item, shape (F,)."""
    item = chain.nodes.item[plants.recipe_node]
    is_main = (item == plants.main_item[plants.recipe_plant]) & (
        plants.recipe_t_per_t > 0.0
    )
    main = np.zeros(plants.base.size, dtype=np.int64)
    main[plants.recipe_plant[is_main]] = plants.recipe_node[is_main]
    return main


def _deviation_bounds(target: Floats, least: float) -> tuple[Floats, Floats]:
    """Bound deviations from a target so that the result is at least `least`."""
    return np.maximum(least - target, 0.0), np.maximum(target - least, 0.0)


def _lanes_break_even(
    builder: BlockBuilder, problem: _Inverse, column_of: Ints
) -> Ints:
    """Ask the spread along a used lane to be its cost, in units of the item's price.

    No rent: what a licence earned in the base year is part of the lane's cost.
    """
    chain, raw, lanes = problem.chain, problem.raw, problem.base.lanes
    start, end = chain.lanes.from_node[lanes], chain.lanes.to_node[lanes]
    unit = raw.reference_scale[chain.nodes.item[start]]
    target = problem.lane_cost[lanes] / unit
    rows = builder.add_rows(lanes.size, lower=target, upper=target)
    builder.add_entries(rows, column_of[end], raw.scale[end] / unit)
    builder.add_entries(rows, column_of[start], -raw.scale[start] / unit)
    more, less = _deviation_bounds(target, LANE_LEAST_SHARE)
    up = builder.add_columns(lanes.size, cost=LANE_WEIGHT, lower=more)
    down = builder.add_columns(lanes.size, cost=LANE_WEIGHT, upper=less)
    repair = builder.add_columns(lanes.size, cost=REPAIR_WEIGHT)
    builder.add_entries(rows, up, -1.0)
    builder.add_entries(rows, down, 1.0)
    builder.add_entries(rows, repair, 1.0)
    return repair


def _refuse_repairs(problem: _Inverse, costs: Floats, lanes: Floats) -> None:
    chain, base = problem.chain, problem.base
    names = node_names(chain)
    problems = [
        f"plant {chain.plants.name[f]} (process {chain.plants.process[f]}) loses "
        "money at any prices near those of the study"
        for f, repair in zip(base.plants.tolist(), costs.tolist(), strict=True)
        if repair > NOTICEABLE
    ]
    problems += [
        f"lane {':'.join(names[chain.lanes.from_node[k]])}>"
        f"{names[chain.lanes.to_node[k]][1]} carries the item to a lower price"
        for k, repair in zip(base.lanes.tolist(), lanes.tolist(), strict=True)
        if repair > NOTICEABLE
    ]
    if problems:
        message = (
            f"chain {chain.name} cannot be calibrated: {'; '.join(problems)}; "
            "check recipe coefficients, prices and their bases"
        )
        raise InputError(message)


# --- costs from prices -----------------------------------------------------------


def _plant_costs(
    problem: _Inverse, price: Floats, rent: Floats, base_year: int | None
) -> Plants:
    """Set net costs; a plant that earns a rent is full, so its room ends there.

    A plant that stood still lacks 25 % of its net revenue, or else it would have
    run. One that is still to be built keeps the cost that the study gives, else it
    would keep 30 % of its net revenue.
    """
    chain, base = problem.chain, problem.base
    plants = chain.plants
    gross, net = plant_sums(chain, price)
    running = np.zeros(plants.base.size, dtype=bool)
    running[base.plants] = True
    to_come = plants.capacity <= 0.0
    if base_year is not None:
        to_come |= plants.first_year > base_year
    least = COST_LEAST_SHARE * np.abs(gross)
    planned = np.maximum((1.0 - MINE_RENT_SHARE) * net, least)
    planned = np.where(np.isfinite(plants.cost), plants.cost, planned)
    lacking = net + IDLE_MARKUP * np.maximum(net, 0.2 * np.abs(gross))
    lacking = np.fmax(lacking, plants.cost)
    standing = np.where(to_come, planned, lacking)
    cost = np.where(running, net - rent, standing)
    capacity = np.where(rent > 0.0, plants.base + plants.idle, plants.capacity)
    return replace(plants, cost=cost, capacity=capacity)


def _lane_costs(problem: _Inverse, price: Floats, wedge: float) -> Floats:
    chain = problem.chain
    lanes = chain.lanes
    spread = price[lanes.to_node] - price[lanes.from_node]
    reference = problem.raw.reference[chain.nodes.item[lanes.from_node]]
    cost = np.maximum(problem.lane_cost, spread + _margin(wedge) * reference)
    cost[problem.base.lanes] = spread[problem.base.lanes]
    return cost


def _margin(wedge: float) -> float:
    """Return what an entry must cost above the spread: both legs may lose a wedge."""
    return max(ENTRY_MARGIN_SHARE, 2.0 * wedge)


def _entry_costs(
    chain: Chain, raw: RawPrices, price: Floats, wedge: float
) -> tuple[Floats, Floats]:
    """Return the legs from the hub and to the hub, USD per t, shape (N,).

    Together they exceed the spread of any two nodes, so that no entry opens in the
    base year: ``out_i = max(0, ref - p_i)``, ``in_j = max(share ref, p_j - ref)``
    with a margin.
    """
    item = chain.nodes.item
    reference = raw.reference[item]
    leg_out = np.maximum(reference - price, 0.0)
    leg_in = np.maximum(
        chain.lane_cost_share[item] * reference,
        price - reference + _margin(wedge) * reference,
    )
    return leg_in, leg_out


def _ceilings(chain: Chain, raw: RawPrices, price: Floats) -> Floats:
    """Keep ceilings equal within an item and at least 1.5 times every local price."""
    demands = chain.demands
    item = chain.nodes.item[demands.node]
    known = np.full(len(chain.items), np.nan)
    highest = np.zeros(len(chain.items))
    np.fmax.at(known, item, demands.max_price)
    np.maximum.at(highest, item, price[demands.node])
    default = MAX_PRICE_DEFAULT * raw.reference
    filled = np.where(np.isfinite(known), known, default)[item]
    ceiling = np.where(np.isfinite(demands.max_price), demands.max_price, filled)
    return np.maximum(ceiling, MAX_PRICE_LEAST * highest[item])


# --- the frame -------------------------------------------------------------------


def _moves(problem: _Inverse, calibrated: Chain, rent: Floats) -> pl.DataFrame:
    """List what moved: prices of active nodes, costs, lane costs, ceilings."""
    chain, base = problem.chain, problem.base
    running, used = set(base.plants.tolist()), set(base.lanes.tolist())
    names = node_names(chain)
    rows = [
        _price_row(problem, calibrated, names[node], node)
        for node in base.nodes.tolist()
    ]
    plants = chain.plants
    for f, name in enumerate(plants.name):
        item = chain.items[plants.main_item[f]]
        country = chain.countries[plants.country[f]]
        reason = "inverse optimum" if f in running else "stood still"
        if rent[f] > 0.0:
            reason += "; full, room ends at base activity"
        key = ("plants", name, item, country)
        cost = float(calibrated.plants.cost[f])
        rows.append((*key, float(plants.cost[f]), cost, reason))
    for k in range(chain.lanes.from_node.size):
        start, end = names[chain.lanes.from_node[k]], names[chain.lanes.to_node[k]]
        key = ("lanes", f"{start[0]}:{start[1]}>{end[1]}", end[0], end[1])
        reason = "inverse optimum" if k in used else "not used"
        cost = float(calibrated.lanes.cost[k])
        rows.append((*key, float(chain.lanes.cost[k]), cost, reason))
    for d, name in enumerate(chain.demands.name):
        before = float(chain.demands.max_price[d])
        after = float(calibrated.demands.max_price[d])
        if before != after:
            key = ("demands", name, *names[chain.demands.node[d]])
            rows.append((*key, before, after, "ceiling raised or set"))
    return _framed(rows)


def _price_row(
    problem: _Inverse, calibrated: Chain, name: tuple[str, str], node: int
) -> tuple[str, str, str, str, float, float, str]:
    raw = problem.raw
    before, after = float(raw.price[node]), float(calibrated.nodes.price[node])
    reason = "unsold: worth what throwing away costs"
    if not problem.base.unsold[node]:
        reason = raw.origin[node]
    moved = abs(after - before) > READ_MOVE_ALLOWED * abs(before)
    if problem.chain.nodes.price_read[node] and moved:
        reason += "; read, moved over 5 %"
    return ("prices", ":".join(name), *name, before, after, reason)


def _framed(rows: list[tuple[str, str, str, str, float, float, str]]) -> pl.DataFrame:
    schema = {
        "table": pl.String,
        "key": pl.String,
        "item": pl.String,
        "country": pl.String,
        "raw": pl.Float64,
        "used": pl.Float64,
        "reason": pl.String,
    }
    frame = pl.DataFrame(rows, schema=schema, orient="row")
    raw = pl.col("raw").fill_nan(None)
    moved = (pl.col("used") - raw) / pl.when(raw != 0.0).then(raw.abs())
    return frame.select(
        "table",
        "key",
        "item",
        "country",
        raw.alias("raw"),
        "used",
        moved.alias("moved_share"),
        "reason",
    ).sort("table", "key")
