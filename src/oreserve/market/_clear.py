# SPDX-License-Identifier: Apache-2.0
"""Clear the market of one chain in one period.

The optimum of the programme is the competitive equilibrium (Samuelson 1952;
Takayama and Judge 1964) and the duals of the node balances are the prices.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from oreserve.network.block import SolverError, new_highs, pass_model, run_highs
from oreserve.network.sums import sum_by

if TYPE_CHECKING:
    from collections.abc import Sequence

    import highspy

    from oreserve.market._problem import Part, Problem

__all__ = ["Basis", "Cleared", "FlowCap", "Terms", "clear", "open_terms"]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]

TOLERANCE = 1e-7  # of world output: closer to a bound than this is at the bound


@dataclass(frozen=True)
class FlowCap:
    """A licence or quota: lanes and hub legs of one actor and item, and tonnes."""

    lanes: Ints
    hub_out: Ints
    hub_in: Ints
    limit: float
    effect: int = -1
    pieces: Ints | None = None  # of the lanes, counted from the first lane column


@dataclass(frozen=True)
class Terms:
    """Limits of one period in tonnes a year: everything that is not the matrix."""

    demand: Floats  # (D,) wanted at the base price
    plant: Floats  # (F,)
    idle: Floats  # (idle plants,)
    lane: Floats  # (L,)
    hub_out: Floats  # (E,)
    hub_in: Floats  # (M,)
    leak: Floats  # (K,) 0 or open
    leak_home: Floats  # (Q,)
    fill: Floats  # (S,)
    draw: Floats  # (S,)
    tariff: Floats  # (L,) share of the exporter's price
    caps: tuple[FlowCap, ...] = ()
    bid: Floats | None = None  # (H,) tonnes a year that the reserve would buy
    bid_price: Floats | None = None  # (H,)
    sale: Floats | None = None  # (H,) tonnes a year that a reserve sells


@dataclass(frozen=True)
class Basis:
    """A simplex basis and the number of rows that it is for."""

    rows: int
    highs: Any = field(repr=False)


@dataclass(frozen=True)
class Cleared:
    """An equilibrium in tonnes a year and USD per tonne."""

    served: Floats  # (D,) by demand row
    group_served: Floats  # (G,)
    activity: Floats  # (F,) normal and restarted
    restarted: Floats  # (F,)
    flow: Floats  # (L,)
    hub_out: Floats  # (E,)
    hub_in: Floats  # (M,)
    leak: Floats  # (K,)
    unsold: Floats  # (N,)
    fill: Floats  # (S,)
    draw: Floats  # (S,)
    bought: Floats  # (H,)
    sold: Floats  # (H,)
    price: Floats  # (N,) nan where the country neither uses nor trades the item
    welfare: float  # USD a year: the objective of the design, section 4
    cap_dual: Floats  # (caps,) quota rent, USD per t
    lane_rent: Floats  # (L,) worth of one more tonne of lane
    plant_rent: Floats  # (F,) worth of one more tonne of capacity
    value: Floats  # columns, unit of the programme
    row_dual: Floats  # rows, money per unit
    upper: Floats
    basis: Basis | None = field(repr=False, default=None)


EXACT = 1e-9
"""What a balance or a limit may be missed by, in units of an item's world output."""

_local = threading.local()


def _highs() -> highspy.Highs:
    """Return this thread's solver; every model is passed to it whole."""
    if not hasattr(_local, "highs"):
        # Rows and columns are scaled here; a second scaling costs iterations.
        _local.highs = new_highs(presolve="off", simplex_scale_strategy=0)
    solver: highspy.Highs = _local.highs
    return solver


def open_terms(problem: Problem) -> Terms:
    """Return the terms of the base year: base quantities and lanes, no effect.

    A lane with a stated capacity has that; else it has its base flow (1.2 times it
    when the chain is calibrated, so that prices have an anchor above), else no limit.
    """
    chain = problem.chain
    hub_in = problem.hub.in_share * problem.use[problem.hub.in_node]
    return Terms(
        demand=chain.demands.quantity.copy(),
        plant=problem.plant_limit.copy(),
        idle=np.zeros(problem.idle.owners),
        lane=lane_limits(problem, None, 0.0),
        hub_out=hub_out_limit(problem, hub_in),
        hub_in=hub_in,
        leak=np.zeros(problem.leak.owners),
        leak_home=np.zeros(len(problem.hub.leak_home)),
        fill=np.zeros(problem.fill.owners),
        draw=np.zeros(problem.draw.owners),
        tariff=np.zeros(problem.lane.owners),
    )


def hub_out_limit(problem: Problem, hub_in: Floats) -> Floats:
    """Return what one exporter may send through the hub: all that may arrive."""
    item = problem.chain.nodes.item
    total = sum_by(
        item[problem.hub.in_node], hub_in, minlength=len(problem.chain.items)
    )
    return total[item[problem.hub.out_node]]


def lane_limits(problem: Problem, last_flow: Floats | None, years: float) -> Floats:
    """Return lane capacities by the rule of the design, section 12."""
    lanes = problem.chain.lanes
    base = lanes.base
    if last_flow is None:
        grown = base * (1.2 if problem.chain.calibrated else 1.0)
    else:
        growth = problem.chain.lane_growth[problem.chain.nodes.item[lanes.from_node]]
        grown = np.maximum(base, last_flow) * (1.0 + growth) ** years
    limit = np.where(np.isfinite(lanes.capacity), lanes.capacity, grown)
    return np.where(np.isfinite(limit), limit, np.inf)


def clear(
    problem: Problem,
    terms: Terms,
    *,
    basis: Basis | None = None,
    keep_basis: bool = False,
) -> Cleared:
    """Solve one period; a tariff is met by a damped fixed point on prices.

    Parameters
    ----------
    problem
        The chain's programme.
    terms
        Limits of the period.
    basis
        Where the simplex starts; it must not depend on the order of work.
    keep_basis
        Whether the result carries its basis.
    """
    if not np.any(terms.tariff > 0.0):
        return _solve(problem, terms, None, basis, keep_basis=keep_basis)
    tariffed = np.flatnonzero(terms.tariff > 0.0)
    exporter = problem.chain.lanes.from_node[tariffed]
    level = np.nan_to_num(problem.chain.nodes.price[exporter])
    result = None
    for turn in range(60):
        extra = np.zeros(problem.lane.owners)
        extra[tariffed] = terms.tariff[tariffed] * level
        result = _solve(problem, terms, extra, basis, keep_basis=keep_basis)
        found = balance_price(problem, result)[exporter]
        found = np.maximum(found, 0.0)
        change = np.abs(found - level) > 1e-4 * np.maximum(np.abs(level), 1e-9)
        if turn and not change.any():
            break
        damping = 1.0 if turn == 0 else max(0.5 * 0.9 ** (turn // 4), 0.1)
        level = level + damping * (found - level)
    assert result is not None
    return result


def balance_price(problem: Problem, result: Cleared) -> Floats:
    """Return duals of the node balances in USD per tonne."""
    rows = problem.node_rows
    return result.row_dual[:rows] * problem.money / problem.row_scale[:rows]


def column_upper(problem: Problem, terms: Terms) -> Floats:
    """Return upper bounds of all columns for the terms of a period."""
    upper = np.zeros(problem.columns)
    group_quantity = sum_by(
        problem.group_of, terms.demand, minlength=problem.demand.owners
    )
    demand = problem.demand
    upper[demand.columns] = (
        demand.width * group_quantity[demand.owner] / demand.scale[demand.owner]
    )
    home = np.zeros(problem.bid.owners)
    limits: list[tuple[Part, Floats]] = [
        (problem.plant, terms.plant),
        (problem.idle, terms.idle),
        (problem.lane, terms.lane),
        (problem.hub_out, terms.hub_out),
        (problem.hub_in, terms.hub_in),
        (problem.leak, terms.leak),
        (problem.unsold, np.full(problem.unsold.owners, np.inf)),
        (problem.fill, terms.fill),
        (problem.draw, terms.draw),
        (problem.bid, home if terms.bid is None else terms.bid),
        (problem.sale, home if terms.sale is None else terms.sale),
    ]
    for part, limit in limits:
        upper[part.columns] = part.upper(limit)
    return upper


def _solve(
    problem: Problem,
    terms: Terms,
    extra_lane_cost: Floats | None,
    basis: Basis | None,
    *,
    keep_basis: bool,
) -> Cleared:
    upper = column_upper(problem, terms)
    lower = np.zeros(problem.columns)
    cost = problem.cost
    if extra_lane_cost is not None or terms.bid is not None:
        cost = cost.copy()
    if extra_lane_cost is not None:
        lane = problem.lane
        extra = extra_lane_cost[lane.owner] * lane.scale[lane.owner] / problem.money
        cost[lane.columns] += extra
    if terms.bid is not None and terms.bid_price is not None:
        cost[problem.bid.columns] = -terms.bid_price * problem.bid.scale / problem.money
    if terms.sale is not None:
        lower[problem.sale.columns] = upper[problem.sale.columns]
    row_lower = np.zeros(problem.rows)
    row_upper = np.zeros(problem.rows)
    leaks = len(problem.hub.leak_home)
    if leaks:
        row_lower[-leaks:] = -np.inf
        row_upper[-leaks:] = terms.leak_home / problem.row_scale[-leaks:]
    highs = _highs()
    pass_model(
        highs,
        cost=cost,
        lower=lower,
        upper=upper,
        row_lower=row_lower,
        row_upper=row_upper,
        starts=problem.starts,
        indices=problem.indices,
        values=problem.values,
    )
    highs.setOptionValue("simplex_iteration_limit", 2000 + 10 * problem.rows)
    # A basis without rows for these caps gets them as basic rows, else it has them.
    with_caps = basis is not None and basis.rows == problem.rows + len(terms.caps)
    if basis is not None and basis.rows == problem.rows and not with_caps:
        highs.setBasis(basis.highs)
    _add_caps(highs, problem, terms.caps)
    if basis is not None and with_caps:
        highs.setBasis(basis.highs)
    run_highs(highs, f"the market of {problem.chain.name}")
    if highs.getInfo().max_primal_infeasibility > EXACT:
        _finish_exactly(highs, problem)
    solution = highs.getSolution()
    return _read(
        problem,
        terms,
        value=np.array(solution.col_value),
        dual=np.array(solution.row_dual),
        reduced=np.array(solution.col_dual),
        upper=upper,
        basis=(
            Basis(problem.rows + len(terms.caps), highs.getBasis())
            if keep_basis
            else None
        ),
    )


def _finish_exactly(highs: highspy.Highs, problem: Problem) -> None:
    """Go on until balances hold: a tonne out of nothing is worth what it replaces.

    By its own tolerance the simplex may stop with 1e-7 of an item's trade missing;
    which of several starts it had then shows in welfare and in who is served.
    """
    usual = highs.getOptionValue("primal_feasibility_tolerance")[1]
    highs.setOptionValue("primal_feasibility_tolerance", EXACT)
    what = f"the market of {problem.chain.name}"
    try:
        run_highs(highs, what)
    except SolverError:
        highs.setOptionValue("primal_feasibility_tolerance", usual)
        run_highs(highs, what)
    finally:
        highs.setOptionValue("primal_feasibility_tolerance", usual)


def cap_columns(problem: Problem, cap: FlowCap) -> Ints:
    """Return the columns of the lanes and hub legs under a cap."""
    lane, pieces = problem.lane, cap.pieces
    if pieces is None:
        pieces = np.flatnonzero(np.isin(lane.owner, cap.lanes))
    return np.concatenate(
        [
            lane.first + pieces,
            problem.hub_out.first + cap.hub_out,
            problem.hub_in.first + cap.hub_in,
        ]
    )


def _cap_scale(problem: Problem, cap: FlowCap) -> float:
    """Return tonnes per unit of the item under a cap (one item per cap)."""
    if len(cap.lanes):
        return float(problem.lane.scale[cap.lanes[0]])
    if len(cap.hub_out):
        return float(problem.hub_out.scale[cap.hub_out[0]])
    return float(problem.hub_in.scale[cap.hub_in[0]])


def _add_caps(highs: highspy.Highs, problem: Problem, caps: Sequence[FlowCap]) -> None:
    if not caps:
        return
    columns = [cap_columns(problem, cap) for cap in caps]
    limits = np.array([c.limit / _cap_scale(problem, c) for c in caps])
    starts = np.concatenate([[0], np.cumsum([len(c) for c in columns])[:-1]])
    indices = np.concatenate(columns)
    highs.addRows(
        len(caps),
        np.full(len(caps), -np.inf),
        limits,
        len(indices),
        starts.astype(np.int32),
        indices.astype(np.int32),
        np.ones(len(indices)),
    )


def _read(
    problem: Problem,
    terms: Terms,
    *,
    value: Floats,
    dual: Floats,
    reduced: Floats,
    upper: Floats,
    basis: Basis | None,
) -> Cleared:
    """Turn a solution of the programme into tonnes and dollars."""
    value = np.clip(value, 0.0, None)
    rows, caps = problem.node_rows, len(terms.caps)
    restarted = np.zeros(problem.plant.owners)
    restarted[problem.idle_plant] = problem.idle.total(value)
    group = problem.demand.total(value)
    wanted = sum_by(problem.group_of, terms.demand, minlength=len(group))
    share = np.divide(group, wanted, out=np.zeros_like(group), where=wanted > 0.0)
    cap_scale = np.array([_cap_scale(problem, cap) for cap in terms.caps])
    worth = problem.cost * value
    traded = (problem.fill, problem.draw, problem.bid, problem.sale)
    for part in traded:
        worth[part.columns] = 0.0
    rent = np.minimum(reduced, 0.0)
    result = Cleared(
        served=share[problem.group_of] * terms.demand,
        group_served=group,
        activity=problem.plant.total(value) + restarted,
        restarted=restarted,
        flow=problem.lane.total(value),
        hub_out=problem.hub_out.total(value),
        hub_in=problem.hub_in.total(value),
        leak=problem.leak.total(value),
        unsold=problem.unsold.total(value),
        fill=problem.fill.total(value),
        draw=problem.draw.total(value),
        bought=problem.bid.total(value),
        sold=problem.sale.total(value),
        price=np.zeros(rows),
        welfare=-float(worth.sum()) * problem.money,
        cap_dual=-dual[len(dual) - caps :] * problem.money / cap_scale
        if caps
        else np.zeros(0),
        lane_rent=_limit_rent(problem.lane, rent, terms.lane, problem.money),
        plant_rent=_limit_rent(problem.plant, rent, terms.plant, problem.money),
        value=value,
        row_dual=dual,
        upper=upper,
        basis=basis,
    )
    result.price[:] = _reported_price(problem, result)
    return result


def _limit_rent(part: Part, rent: Floats, limit: Floats, money: float) -> Floats:
    """Return what one more tonne of an owner's limit is worth, USD per tonne.

    Only the piece that the limit cuts counts: inner pieces are full because the
    next one costs more, not because the owner is at its limit.
    """
    pieces = rent[part.columns] * money / part.scale[part.owner]
    end = part.start + part.width
    cut = (part.start <= limit[part.owner]) & (limit[part.owner] < end)
    out = np.zeros(part.owners)
    np.maximum.at(out, part.owner, np.where(cut, -pieces, 0.0))
    return out


def _reported_price(problem: Problem, result: Cleared) -> Floats:
    """Return prices; nan where a country neither uses nor trades nor makes."""
    price = balance_price(problem, result)
    busy = result_wanted(problem, result) > 0.0
    chain = problem.chain
    plants = chain.plants
    running = result.activity[plants.recipe_plant] > 0.0
    busy[plants.recipe_node[running]] = True
    for nodes, flow in (
        (chain.lanes.from_node, result.flow),
        (chain.lanes.to_node, result.flow),
        (problem.hub.out_node, result.hub_out),
        (problem.hub.in_node, result.hub_in),
        (problem.hub.leak_from, result.leak),
        (problem.hub.leak_to, result.leak),
    ):
        busy[nodes[flow > 0.0]] = True
    return np.where(busy, _capped_price(problem, result, price), np.nan)


def result_wanted(problem: Problem, result: Cleared) -> Floats:
    """Return what each node would use at base prices, from the demand bounds."""
    demand = problem.demand
    room = result.upper[demand.columns] * demand.scale[demand.owner]
    nodes = problem.group_node[demand.owner]
    return sum_by(nodes, room, minlength=problem.node_rows)


def node_supply(problem: Problem, result: Cleared) -> Floats:
    """Return what reaches each node, t a year: local output and all inflows."""
    chain = problem.chain
    plants = chain.plants
    made = plants.recipe_t_per_t * result.activity[plants.recipe_plant]
    supply = sum_by(
        plants.recipe_node, np.maximum(made, 0.0), minlength=problem.node_rows
    )
    for nodes, tonnes in (
        (chain.lanes.to_node, result.flow),
        (problem.hub.in_node, result.hub_in),
        (problem.hub.leak_to, result.leak),
        (problem.stock_node, result.draw),
        (problem.home_node, result.sold),
    ):
        supply += sum_by(nodes, tonnes, minlength=problem.node_rows)
    return supply


def _capped_price(problem: Problem, result: Cleared, price: Floats) -> Floats:
    """Bring a price down to the highest unmet step where nothing can be supplied.

    There any dual above that step is optimal; the step is the one that means
    something.
    """
    demand = problem.demand
    nodes = problem.group_node[demand.owner]
    room = result.upper[demand.columns] > 0.0
    best = np.full(len(price), -np.inf)
    np.maximum.at(best, nodes[room], -demand.cost[room])
    tolerance = TOLERANCE * problem.row_scale[: problem.node_rows]
    bare = (node_supply(problem, result) <= tolerance) & np.isfinite(best)
    return np.where(bare, np.minimum(price, best), price)
