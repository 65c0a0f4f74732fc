# SPDX-License-Identifier: Apache-2.0
"""What a solved chain means at home: use, prices, inflow by origin, plants."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from oreserve.market._effects import RESIDUAL
from oreserve.network.sums import sum_by

if TYPE_CHECKING:
    from oreserve.market._chain_market import ChainMarket
    from oreserve.market._clear import Cleared, Terms
    from oreserve.market._standing import Commitment

__all__ = ["HomeRows", "HomeView", "home_rows", "home_view", "seller_share"]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


@dataclass(frozen=True)
class HomeRows:
    """Which rows of a chain are home's: demands, items, plants; and all origins."""

    demand: Ints  # (D,) demand rows: real uses in home countries
    demand_item: Ints  # (D,) position in `item`
    item: Ints  # (I,) items with a home node
    node_item: Ints  # (H,) position in `item` of each home node
    plant: Ints  # (F,) home plants, projects included
    buyer: Ints  # (I,) home node where the reserve buys: the largest use


@dataclass(frozen=True)
class HomeView:
    """Tonnes a year and USD per tonne at home in one solved sub-problem.

    `inflow` is by country of origin of the chain; home's own exports stand as
    negative tonnes under the exporting home country, so that a sum over origins is
    the net inflow. Tonnes through the hub come from the exporters that used it.
    """

    wanted: Floats  # (D,)
    served: Floats  # (D,)
    price: Floats  # (I,)
    inflow: Floats  # (I, countries of the chain)
    commercial: Floats  # (I,) drawn less filled
    bought: Floats  # (I,)
    sold: Floats  # (I,)
    unsold: Floats  # (I,)
    activity: Floats  # (F,)
    room: Floats  # (F,) activity that limits allow above it


def home_rows(market: ChainMarket) -> HomeRows:
    """Find home's rows in a chain."""
    chain, problem = market.chain, market.problem
    home_node = problem.home_node
    item = np.unique(chain.nodes.item[home_node])
    place = {int(k): n for n, k in enumerate(item)}
    node_item = np.array([place[int(chain.nodes.item[n])] for n in home_node], np.int64)
    at_home = np.zeros(problem.node_rows, dtype=bool)
    at_home[home_node] = True
    rows = chain.demands
    real = np.array([k not in RESIDUAL for k in rows.klass], dtype=bool)
    demand = np.flatnonzero(at_home[rows.node] & real)
    home = [k for k, c in enumerate(chain.countries) if c in market.rules.home]
    use = problem.use[home_node]
    buyer = np.array(
        [
            home_node[node_item == n][np.argmax(use[node_item == n])]
            for n in range(len(item))
        ],
        dtype=np.int64,
    )
    return HomeRows(
        demand=demand,
        demand_item=np.array(
            [place[int(chain.nodes.item[n])] for n in rows.node[demand]], np.int64
        ),
        item=item,
        node_item=node_item,
        plant=np.flatnonzero(np.isin(chain.plants.country, home)),
        buyer=buyer,
    )


def home_view(
    market: ChainMarket, rows: HomeRows, terms: Terms, cleared: Cleared
) -> HomeView:
    """Read home's part of a solution."""
    problem = market.problem
    items = len(rows.item)
    position = np.full(problem.node_rows, -1)
    position[problem.home_node] = rows.node_item

    def by_item(nodes: Ints, tonnes: Floats) -> Floats:
        here = position[nodes] >= 0
        return sum_by(position[nodes[here]], tonnes[here], minlength=items)

    stock = by_item(problem.stock_node, cleared.draw - cleared.fill)
    return HomeView(
        wanted=terms.demand[rows.demand],
        served=cleared.served[rows.demand],
        price=_home_price(market, rows, cleared),
        inflow=_inflow(market, position, items, cleared),
        commercial=stock,
        bought=by_item(problem.home_node, cleared.bought),
        sold=by_item(problem.home_node, cleared.sold),
        unsold=by_item(np.arange(problem.node_rows), cleared.unsold),
        activity=cleared.activity[rows.plant],
        room=np.maximum(
            terms.plant[rows.plant]
            + _idle_limit(market, terms)[rows.plant]
            - cleared.activity[rows.plant],
            0.0,
        ),
    )


def _idle_limit(market: ChainMarket, terms: Terms) -> Floats:
    limit = np.zeros(len(market.chain.plants.name))
    limit[market.problem.idle_plant] = terms.idle
    return limit


def _home_price(market: ChainMarket, rows: HomeRows, cleared: Cleared) -> Floats:
    """Return home's price of each item: over home countries by their base use."""
    problem = market.problem
    price = cleared.price[problem.home_node]
    weight = np.where(np.isfinite(price), problem.use[problem.home_node] + 1e-12, 0.0)
    count = len(rows.item)
    total = sum_by(rows.node_item, weight, minlength=count)
    worth = sum_by(rows.node_item, weight * np.nan_to_num(price), minlength=count)
    price = np.full(count, np.nan)
    np.divide(worth, total, out=price, where=total > 0.0)
    return price


def _inflow(
    market: ChainMarket, position: Ints, items: int, cleared: Cleared
) -> Floats:
    problem, nodes = market.problem, market.chain.nodes
    hub, lanes = problem.hub, market.chain.lanes
    inflow = np.zeros((items, len(market.chain.countries)))
    pairs = (
        (lanes.from_node, lanes.to_node, cleared.flow),
        (hub.leak_from, hub.leak_to, cleared.leak),
    )
    for tail, head, tonnes in pairs:
        to_home, from_home = position[head] >= 0, position[tail] >= 0
        arrives, leaves = to_home & ~from_home, from_home & ~to_home
        np.add.at(
            inflow,
            (position[head[arrives]], nodes.country[tail[arrives]]),
            tonnes[arrives],
        )
        np.add.at(
            inflow,
            (position[tail[leaves]], nodes.country[tail[leaves]]),
            -tonnes[leaves],
        )
    used = np.flatnonzero((position[hub.in_node] >= 0) & (cleared.hub_in > 0.0))
    for leg in used:
        node = hub.in_node[leg]
        same = nodes.item[hub.out_node] == nodes.item[node]
        sent = np.where(same, cleared.hub_out, 0.0)
        if sent.sum() > 0.0:
            share = sent / sent.sum() * cleared.hub_in[leg]
            np.add.at(inflow[position[node]], nodes.country[hub.out_node], share)
    leaving = np.flatnonzero((position[hub.out_node] >= 0) & (cleared.hub_out > 0.0))
    for leg in leaving:
        node = hub.out_node[leg]
        inflow[position[node], nodes.country[node]] -= cleared.hub_out[leg]
    return inflow


def seller_share(
    market: ChainMarket,
    one: Commitment,
    *,
    terms: Terms,
    cleared: Cleared,
    effects: int,
    committed: float,
) -> tuple[float, float]:
    """Return what an agreement adds per tonne signed, and the most that it adds.

    Parameters
    ----------
    market
        The chain of the item.
    one
        The agreement.
    terms, cleared
        The solved sub-problem.
    effects
        Number of the effects in force.
    committed
        Tonnes a year of this seller that others have signed for.

    Returns
    -------
    tuple
        Share in 0-1: availability x permission x (1 - home's share already); and
        tonnes a year that the seller makes and nobody else has signed for.
    """
    chain, problem = market.chain, market.problem
    item = chain.items.index(one.item)
    if one.seller_country not in chain.countries:
        return 0.0, 0.0
    country = chain.countries.index(one.seller_country)
    plants = chain.plants
    makes = (
        (chain.nodes.item[plants.recipe_node] == item)
        & (plants.country[plants.recipe_plant] == country)
        & (plants.recipe_t_per_t > 0.0)
    )
    made = plants.recipe_t_per_t * cleared.activity[plants.recipe_plant]
    national = float(made[makes].sum())
    if national <= 0.0:
        return 0.0, 0.0
    output, availability = national, 1.0
    if one.seller:
        if one.seller not in plants.name:
            return 0.0, 0.0
        own = plants.name.index(one.seller)
        output = float(made[makes & (plants.recipe_plant == own)].sum())
        limit = problem.plant_limit[own]
        if limit > 0.0:
            availability = min(1.0, float(terms.plant[own]) / float(limit))
    share_home = _share_going_home(market, item, country, national, cleared)
    permission = 1.0 if one.exempt else _permission(market, one, effects)
    share = availability * permission * (1.0 - share_home)
    return share, max(output - committed, 0.0) * permission * (1.0 - share_home)


def _share_going_home(
    market: ChainMarket, item: int, country: int, national: float, cleared: Cleared
) -> float:
    """Return home's part of a country's output of an item."""
    chain, problem = market.chain, market.problem
    nodes = chain.nodes
    at_home = np.isin(np.arange(problem.node_rows), problem.home_node)
    lanes, hub = chain.lanes, problem.hub
    here = (nodes.item == item) & (nodes.country == country)
    out = here[lanes.from_node]
    if at_home[here].any():
        leaving = float(cleared.flow[out & ~at_home[lanes.to_node]].sum())
        leaving += float(cleared.hub_out[here[hub.out_node]].sum())
        return min(max(1.0 - leaving / national, 0.0), 1.0)
    arriving = float(cleared.flow[out & at_home[lanes.to_node]].sum())
    return min(max(arriving / national, 0.0), 1.0)


def _permission(market: ChainMarket, one: Commitment, effects: int) -> float:
    """Return what measures of the seller's state leave of a sale to home."""
    found = market.effects(effects)
    if found is None or one.seller_country in market.rules.home:
        return 1.0
    chain = market.chain
    item = chain.items.index(one.item)
    allowed = 1.0
    for active in found.touching:
        effect = active.effect
        if effect.kind not in {"ban", "licence"}:
            continue
        if not market.reader.selects(effect, item, one.seller_country):
            continue
        left = 0.0 if effect.kind == "ban" else effect.cap_share
        allowed *= 1.0 - active.share * (1.0 - left)
    return allowed
