# SPDX-License-Identifier: Apache-2.0
"""Pieces of rising cost: what demands, plants and lanes are cut into."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from oreserve.market._curves import Steps, demand_steps, stagger, supply_steps

if TYPE_CHECKING:
    from oreserve.market._layout import Focus, MarketRules, Part, Problem
    from oreserve.network.chain import Chain

__all__ = [
    "Groups",
    "Pieces",
    "demand_pieces",
    "group_demands",
    "lane_cost",
    "lane_pieces",
    "plant_limit",
    "plant_pieces",
    "spread",
]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

LANE_EDGES = (0.0, 0.5, 1.0, 1.2)  # of base flow; costs -2k, -k, +k, +2k


@dataclass(frozen=True)
class Groups:
    of: Ints
    node: Ints
    elasticity: Floats
    ceiling: Floats
    price: Floats


def group_demands(chain: Chain, *, quarterly: bool) -> Groups:
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
    return Groups(
        of=of,
        node=np.array([key[0] for key in order], dtype=np.int64),
        elasticity=np.array([key[1] for key in order]),
        ceiling=ceiling,
        price=group_price,
    )


Pieces = tuple[Ints, Floats, Floats, Floats]


def _pieces(steps: list[Steps], factor: Floats, unit: Floats) -> Pieces:
    """Turn steps by owner into piece arrays; prices times factor, widths times unit."""
    counts = [len(s.width) for s in steps]
    owner = np.repeat(np.arange(len(steps)), counts)
    none = np.zeros(0)
    width = np.concatenate([none, *(s.width for s in steps)]) * unit[owner]
    starts = [np.concatenate([[0.0], np.cumsum(s.width)[:-1]]) for s in steps]
    start = np.concatenate([none, *starts]) * unit[owner]
    price = np.concatenate([none, *(s.price for s in steps)]) * factor[owner]
    return owner, start, width, price


def _known_steps(part: Part, price: Floats) -> dict[int, Steps]:
    """Return the steps of each owner whose price is not 0."""
    ends = np.cumsum(np.bincount(part.owner, minlength=part.owners))
    starts = np.concatenate([[0], ends[:-1]])
    return {
        k: Steps(part.width[a:b], part.cost[a:b] / price[k])
        for k, (a, b) in enumerate(zip(starts.tolist(), ends.tolist(), strict=True))
        if price[k] != 0.0
    }


def demand_pieces(
    groups: Groups,
    rules: MarketRules,
    focus: Focus,
    calibrated: bool,  # noqa: FBT001
    coarse: Problem | None,
) -> Pieces:
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


def spread(number: int, width: float = 0.5) -> float:
    """Return a factor near 1 that differs by row.

    Calibrated costs make every used route equally good, so that flows have many
    optima; steps of slightly different height leave one.
    """
    return 1.0 + width * ((0.6180339887498949 * number) % 1.0 - 0.5)


def plant_limit(chain: Chain) -> Floats:
    """Return normal capacity: all but the idle part, and never below the base."""
    plants = chain.plants
    limit = np.maximum(plants.capacity - plants.idle, 0.0)
    if chain.calibrated:
        limit = np.maximum(limit, np.nan_to_num(plants.base))
    return limit


def plant_pieces(
    chain: Chain,
    rules: MarketRules,
    limit: Floats,
    project_plants: dict[int, float],
    focus: Focus,
    coarse: Problem | None,
) -> Pieces:
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
            wedge = rules.wedge * spread(f)
            # A negative net cost would turn the wedge around.
            turn = wedge if plants.cost[f] >= 0.0 else -wedge
            prices = np.array([1.0 - turn, 1.0 + turn])
            steps.append(Steps(np.array([base, np.inf]), prices))
        else:
            steps.append(Steps(np.array([np.inf]), np.ones(1)))
    owner, start, width, cost = _pieces(steps, plants.cost, unit)
    return owner, start, width, cost


def lane_cost(chain: Chain) -> Floats:
    """Return lane costs; a null cost is a share of the exporter's base price."""
    lanes, price = chain.lanes, chain.nodes.price
    at = np.where(
        np.isfinite(price[lanes.from_node]),
        price[lanes.from_node],
        price[lanes.to_node],
    )
    share = chain.lane_cost_share[chain.nodes.item[lanes.from_node]]
    return np.where(np.isfinite(lanes.cost), lanes.cost, share * at)


def lane_pieces(chain: Chain, rules: MarketRules, lane_cost: Floats) -> Pieces:
    lanes = chain.lanes
    steps = []
    unit = np.ones(len(lane_cost))
    # By-products that are thrown away are worth 0 at home: the importer's price.
    price = np.nan_to_num(chain.nodes.price)
    cost_step = rules.wedge * np.maximum(price[lanes.from_node], price[lanes.to_node])
    for k in range(len(lane_cost)):
        base, tau = float(lanes.base[k]), float(lane_cost[k])
        if chain.calibrated and base > 0.0:
            step = float(cost_step[k]) * spread(k)
            unit[k] = base
            prices = np.array([tau - 2 * step, tau - step, tau + step, tau + 2 * step])
            widths = np.append(np.diff(LANE_EDGES), np.inf)
            steps.append(Steps(widths, np.maximum(prices, 0.0)))
        else:
            steps.append(Steps(np.array([np.inf]), np.array([tau])))
    return _pieces(steps, np.ones(len(lane_cost)), unit)
