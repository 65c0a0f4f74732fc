# SPDX-License-Identifier: Apache-2.0
"""Make the base year of a chain balance, with the least harm to good data.

Published mine output, refining, trade and use never add up. Every value moves by
its standard error: what was read moves little, what was assumed moves much. Rules
that keep a fit honest are steps of `reconcile`, each with its reason in the frame.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from oreserve.errors import InputError, OreserveError
from oreserve.market._reconcile_cycles import cancel_cycles, sinks_first
from oreserve.market._reconcile_fit import SingularFitError, fit_balanced
from oreserve.market._reconcile_moves import list_moves
from oreserve.market._reconcile_problem import (
    ASSUMED_SHARE,
    STOCK_BUILD,
    pose,
    with_outlets,
)
from oreserve.market._reconcile_rows import (
    balance_gap,
    in_key_order,
    joined,
    node_names,
    node_order,
    taken,
    throughput,
    world_output,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    import polars as pl

    from oreserve.market._reconcile_problem import FitProblem
    from oreserve.network.chain import Chain

__all__ = ["reconcile"]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

STOCK_DUST_SHARE = 1e-3  # of throughput: stock terms that need no row of their own
STOCK_STIFFNESS = 1e-4  # standard error of such terms in the second fit, relative
FULL_SHARE = 0.98  # a plant whose base exceeds its capacity ran this full
GAP_ALLOWED = 1e-6  # t per t of throughput
UNREPORTED = "unreported"  # process of plants that stand for a permanent draw


def reconcile(chain: Chain) -> tuple[Chain, pl.DataFrame]:
    """Balance the base year of a chain by weighted least squares.

    ``min sum ((v - raw) / sigma)^2`` over activity, use, trade, stock changes and
    unsold by-products, so that every item balances in every country; then directed
    trade cycles are cancelled and stock changes become permanent rows: a build a
    demand of class `stock_build`, a draw a plant of process `unreported`.

    Parameters
    ----------
    chain
        Raw base-year values with standard errors, t a year; not changed.

    Returns
    -------
    tuple[Chain, polars.DataFrame]
        The balanced chain (rows in key order, assumed lanes and folded rows added,
        `unsold_base` set), and one row per value: table, key, item, country, raw,
        used, gross, net (t a year), sigma, z, evidence, reason. `used` is what the
        market takes; for lanes this is `net`.

    Raises
    ------
    InputError
        If a plant has no base activity or a demand no quantity.
    OreserveError
        If the result does not balance to 1e-6 of what flows through a node, or the
        balances have no unique solution.

    Notes
    -----
    A plant that stands still in the base year keeps still: a fit never starts it.
    Joint outputs may stay unsold only where nobody uses them in the end
    (by-product liquors, swarf); what has a price finds a use instead.
    """
    _require_numbers(chain)
    chain = in_key_order(chain)
    chain = replace(chain, world=world_output(chain))
    chain, outlets = with_outlets(chain)
    problem = pose(chain)
    try:
        values = _solve(chain, problem)
    except SingularFitError as error:
        raise OreserveError(_where(chain, problem, error.rows)) from None
    fitted = with_values(chain, problem, values)
    netted = _without_cycles(fitted)
    settled = _settle_unsold(netted)
    folded = _fold_stock(settled, chain, problem, values)
    final = in_key_order(_with_room(folded))
    _require_balance(final, chain)
    frame = list_moves(chain, problem, netted=netted, final=final, outlets=outlets)
    return final, frame


def _require_numbers(chain: Chain) -> None:
    """Name plants and demands whose base-year value is no number."""
    plants, demands = chain.plants, chain.demands
    gaps = [
        f"plants: {plants.name[k]}: base_activity_t_per_year is missing; "
        "reconciliation needs it (0 for a plant that stood still)"
        for k in np.flatnonzero(~np.isfinite(plants.base)).tolist()
    ]
    gaps += [
        f"demands: {demands.name[k]}: quantity_t_per_year is missing"
        for k in np.flatnonzero(~np.isfinite(demands.quantity)).tolist()
    ]
    if gaps:
        raise InputError("\n".join(gaps))


def _where(chain: Chain, problem: FitProblem, rows: Sequence[int]) -> str:
    """Return the message for balances without a unique solution."""
    names = node_names(chain)
    places = [" in ".join(names[node]) for node in problem.stock[list(rows)].tolist()]
    return (
        f"chain {chain.name}: the base year cannot be reconciled at "
        f"{', '.join(places) or 'any balance'}: look for plants, demands and lanes "
        "there whose values or standard errors are missing, zero or huge"
    )


def _solve(chain: Chain, problem: FitProblem) -> Floats:
    """Fit, then again with stock changes that matter only.

    Every node has a stock change for the fit's sake; those below 0.1 % of
    throughput are stiffened away instead of becoming hundreds of rows. A last fit
    starts at the solution, where rounding is small beside every node's own flows.
    """
    values, _ = fit_balanced(problem.fit)
    stock = problem.split(values)[3]
    through = throughput(with_values(chain, problem, values))[problem.stock]
    dust = np.abs(stock) <= STOCK_DUST_SHARE * through
    sigma = problem.fit.sigma.copy()
    start, end = problem.ends[2], problem.ends[3]
    sigma[start:end] = np.where(dust, STOCK_STIFFNESS, 1.0) * sigma[start:end]
    if dust.any():
        values, _ = fit_balanced(replace(problem.fit, sigma=sigma))
    values, _ = fit_balanced(replace(problem.fit, sigma=sigma, raw=values))
    return values


def with_values(chain: Chain, problem: FitProblem, values: Floats) -> Chain:
    """Write fitted values into the chain; stock changes are left to `_fold_stock`."""
    activity, use, flow, _, unsold = problem.split(values)
    base = chain.plants.base.copy()
    base[problem.plants] = activity
    lane_base = chain.lanes.base.copy()
    lane_base[problem.lanes] = flow
    thrown = np.zeros(chain.nodes.item.size)
    thrown[problem.unsold] = unsold
    return replace(
        chain,
        plants=replace(chain.plants, base=base),
        demands=replace(chain.demands, quantity=use),
        lanes=replace(chain.lanes, base=lane_base, base_gross=lane_base.copy()),
        unsold_base=thrown,
    )


def _without_cycles(chain: Chain) -> Chain:
    lanes = chain.lanes
    net = lanes.base.copy()
    order = node_order(chain)
    rank = np.empty_like(order)
    rank[order] = np.arange(order.size)
    for item in range(len(chain.items)):
        rows = np.flatnonzero(
            (chain.nodes.item[lanes.from_node] == item) & np.isfinite(net)
        )
        if rows.size:
            net[rows] = cancel_cycles(
                rank[lanes.from_node[rows]],
                rank[lanes.to_node[rows]],
                net[rows],
                nodes=order.size,
            )
    return replace(chain, lanes=replace(lanes, base=net))


def _settle_unsold(chain: Chain) -> Chain:
    """Throw away at the source: ship nothing to be unsold, sell none below price.

    An importer with unsold stock would hold the exporter's price below the cost of
    throwing away. A residual joint-product use has no price at such a node: its
    row goes.
    """
    assert chain.unsold_base is not None
    unsold = chain.unsold_base.copy()
    lanes, demands = chain.lanes, chain.demands
    flow = lanes.base.copy()
    used = np.flatnonzero(np.nan_to_num(flow) > 0.0)
    tail, head = lanes.from_node[used], lanes.to_node[used]
    for node in sinks_first(tail, head, nodes=unsold.size).tolist():
        for lane in used[head == node].tolist():
            if unsold[node] <= 0.0:
                break
            less = min(flow[lane], unsold[node])
            flow[lane] -= less
            unsold[node] -= less
            unsold[lanes.from_node[lane]] += less
    worthless = [
        klass == "joint" and unsold[demands.node[d]] > 0.0
        for d, klass in enumerate(demands.klass)
    ]
    kept = np.flatnonzero(~np.array(worthless, dtype=bool))
    for d in np.flatnonzero(worthless).tolist():
        unsold[demands.node[d]] += demands.quantity[d]
    return replace(
        chain,
        unsold_base=unsold,
        lanes=replace(lanes, base=flow),
        demands=taken(demands, kept),
    )


def _fold_stock(chain: Chain, raw: Chain, problem: FitProblem, values: Floats) -> Chain:
    """Turn stock changes into rows that stay: a demand, or an unreported plant.

    Where something is unsold, a build is more of that and a draw less: a demand
    would have no price there.
    """
    assert chain.unsold_base is not None
    change = np.zeros(chain.nodes.item.size)
    change[problem.stock] = problem.split(values)[3]
    change[np.abs(change) <= _dust(chain, raw)] = 0.0
    unsold = chain.unsold_base.copy()
    taken_up = np.where(unsold > 0.0, np.maximum(change, -unsold), 0.0)
    chain = replace(chain, unsold_base=unsold + taken_up)
    change -= taken_up
    nodes = problem.stock.tolist()
    builds = [(n, float(change[n])) for n in nodes if change[n] > 0.0]
    draws = [(n, -float(change[n])) for n in nodes if change[n] < 0.0]
    return _with_draws(_with_builds(chain, builds), draws)


def _with_builds(chain: Chain, builds: list[tuple[int, float]]) -> Chain:
    demands = chain.demands
    names = node_names(chain)
    curves = [_curve_of(chain, int(chain.nodes.item[node])) for node, _ in builds]
    count = len(builds)
    new: dict[str, Sequence[Any]] = {
        "name": [f"{STOCK_BUILD}:{names[n][0]}:{names[n][1]}" for n, _ in builds],
        "node": [n for n, _ in builds],
        "klass": [STOCK_BUILD] * count,
        "sector": [STOCK_BUILD] * count,
        "quantity": [q for _, q in builds],
        "quantity_sigma": [ASSUMED_SHARE * q for _, q in builds],
        "growth": [0.0] * count,
        "elasticity": [curve[0] for curve in curves],
        "elasticity_short": [curve[1] for curve in curves],
        "max_price": [curve[2] for curve in curves],
        "loss": [np.nan] * count,
        "loss_includes_price": [False] * count,
        "stock_days": [0.0] * count,
        "evidence": ["computed"] * count,
    }
    return replace(chain, demands=joined(demands, new))


def _curve_of(chain: Chain, item: int) -> tuple[float, float, float]:
    """Return elasticities and ceiling of the item's largest use that has a curve."""
    demands = chain.demands
    rows = np.flatnonzero(
        (chain.nodes.item[demands.node] == item) & (demands.elasticity < 0.0)
    )
    if rows.size == 0:
        return -0.3, -0.1, np.nan  # the default of the settings; ceiling to come
    row = rows[np.argmax(demands.quantity[rows])]
    return (
        float(demands.elasticity[row]),
        float(demands.elasticity_short[row]),
        float(demands.max_price[row]),
    )


def _with_draws(chain: Chain, draws: list[tuple[int, float]]) -> Chain:
    plants = chain.plants
    names = node_names(chain)
    first = len(plants.name)
    count = len(draws)
    quantity = [q for _, q in draws]
    nodes = [n for n, _ in draws]
    new: dict[str, Sequence[Any]] = {
        "name": [f"{UNREPORTED}:{names[n][0]}:{names[n][1]}" for n in nodes],
        "process": [UNREPORTED] * count,
        "main_item": [int(chain.nodes.item[n]) for n in nodes],
        "country": [int(chain.nodes.country[n]) for n in nodes],
        "aggregate": [True] * count,
        "capacity": [q / FULL_SHARE for q in quantity],
        "base": quantity,
        "base_sigma": [ASSUMED_SHARE * q for q in quantity],
        "idle": [0.0] * count,
        "restart_years": [0.0] * count,
        "restart_usd_per_t": [0.0] * count,
        "cost": [np.nan] * count,
        "supply_elasticity": [np.nan] * count,
        "first_year": [-np.inf] * count,
        "last_year": [np.inf] * count,
        "evidence": ["computed"] * count,
        "recipe_plant": [first + k for k in range(count)],
        "recipe_node": nodes,
        "recipe_t_per_t": [1.0] * count,
    }
    return replace(chain, plants=joined(plants, new))


def _with_room(chain: Chain) -> Chain:
    """Raise capacities below what ran; what ran was not idle."""
    plants, lanes = chain.plants, chain.lanes
    needed = plants.base / FULL_SHARE
    capacity = np.where(plants.base > plants.capacity, needed, plants.capacity)
    short = plants.base > capacity - plants.idle
    idle = np.where(short, np.maximum(capacity - needed, 0.0), plants.idle)
    with np.errstate(invalid="ignore"):
        room = np.where(lanes.base > lanes.capacity, lanes.base, lanes.capacity)
    return replace(
        chain,
        plants=replace(plants, capacity=capacity, idle=np.minimum(idle, plants.idle)),
        lanes=replace(lanes, capacity=room),
    )


def _dust(chain: Chain, raw: Chain) -> Floats:
    """Return what is nothing at a node, t a year, shape (N,)."""
    largest = raw.world.copy()
    np.maximum.at(largest, raw.nodes.item, throughput(raw))
    return 1e-9 * np.maximum(throughput(chain), 1e-3 * largest[chain.nodes.item])


def _require_balance(chain: Chain, raw: Chain) -> None:
    gap = np.abs(balance_gap(chain))
    worst = int(np.argmax(gap / np.maximum(throughput(chain), 1e-300)))
    allowed = GAP_ALLOWED * throughput(chain)
    if np.any(gap > np.maximum(allowed, 10.0 * _dust(chain, raw))):
        item, country = node_names(chain)[worst]
        message = (
            f"chain {chain.name}: {item} in {country} is {gap[worst]:.6g} t off "
            "balance after reconciliation; at most 1e-6 t per t is allowed"
        )
        raise OreserveError(message)
