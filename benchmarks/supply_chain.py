# SPDX-License-Identifier: Apache-2.0
"""A made-up supply chain of stated size: two stages, years in a row, many futures.

Sizes and structure follow the problem on which methods were compared when this
package was designed; every number is drawn, none is a fact. At scale 1 a year has
569 rows and 1,201 columns: 361 nodes (item and country), 160 plants in 20
processes (three separate a basket into several products), 817 lanes, 80 demands
and 48 stocks. First stage: purchases for 16 stocks and expansions of 44 plants in
each year, under one budget. Random: availability of plants, closed lanes, demand.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from oreserve.network import Block, BlockBuilder, solve
from oreserve.stochastic import Batch, TwoStage

__all__ = ["Chain", "Futures", "make_chain", "make_problem"]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

STAGES = (3, 3, 5, 3, 2, 2, 2)
STAGE_ITEMS = sum(STAGES)
LEAD = 2
BUDGET = 12_000.0
SPARE, LANE_SPARE, FLOOR = 1.05, 1.5, 0.25
SPREAD = 12
SHORT = (2.0, 5.0)
OUT, HALF, CUT, BAN = 0.005, 0.01, 0.002, 0.1


@dataclass(frozen=True)
class Chain:
    """Places, plants and lanes of one year; quantities in units, money per unit."""

    node_item: Ints
    node_country: Ints
    plant_nodes: tuple[Ints, ...]
    plant_rates: tuple[Floats, ...]
    plant_cost: Floats
    capacity: Floats
    lane_from: Ints
    lane_to: Ints
    lane_cost: Floats
    lane_cap: Floats
    demand_node: Ints
    demand: Floats
    short_cost: Floats
    stock_node: Ints
    stock_level: Floats
    price: Floats  # by node
    countries: int


def _processes(rng: np.random.Generator, items: Ints) -> list[tuple[Ints, Floats]]:
    """Return 20 processes: items and rates (inputs negative)."""
    at = [np.flatnonzero(items == s) for s in range(len(STAGES))]
    made = [(np.array([item]), np.array([1.0])) for item in at[0]]

    def convert(item: int, source: int, rate: float) -> None:
        made.append((np.array([item, source]), np.array([1.0, -rate])))

    for item, source in zip(at[1], at[0], strict=True):
        convert(item, source, 1.1)
    for k in range(3):  # separation of a basket: 3 to 5 products
        products = np.sort(rng.permutation(at[2])[: 3 + k])
        rates = rng.dirichlet(np.full(len(products), 2.0))
        made.append((np.append(products, at[1][k]), np.append(rates, -1.1)))
    for stage in range(3, len(STAGES)):
        for k, item in enumerate(at[stage]):
            convert(item, at[stage - 1][k % len(at[stage - 1])], 1.1)
    for k in range(20 - len(made)):  # scrap comes back
        convert(at[2][-1 - k], at[-1][k], 2.0)
    return made


def make_chain(seed: int = 0, scale: float = 1.0) -> Chain:
    """Draw a chain; `scale` shrinks the counts for tests."""
    rng = np.random.Generator(np.random.Philox(key=[seed, 2**40]))
    countries = max(4, round(40 * scale))
    plants_wanted = max(20, round(160 * scale))
    nodes_wanted = max(40, round(361 * scale))
    lanes_wanted = max(60, round(817 * scale))
    demands_wanted = max(8, round(80 * scale))
    stocks_wanted = max(4, round(48 * scale))
    items = np.repeat(np.arange(len(STAGES)), STAGES)
    processes = _processes(rng, items)
    per = -(-plants_wanted // len(processes))
    places = [
        (p, int(c))
        for p in range(len(processes))
        for c in rng.permutation(countries)[:per]
    ][:plants_wanted]
    pairs = {(int(i), c) for p, c in places for i in processes[p][0]}
    finals = np.flatnonzero(items >= len(STAGES) - 3)
    wish = [(int(i), int(c)) for i in finals for c in range(countries)]
    wish += [(int(i), int(c)) for i in range(len(items)) for c in range(countries)]
    users = [wish[k] for k in rng.permutation(len(finals) * countries)]
    users = users[:demands_wanted]
    pairs |= set(users)
    for one in (wish[k] for k in rng.permutation(len(wish))):
        if len(pairs) >= nodes_wanted:
            break
        pairs.add(one)
    nodes = sorted(pairs)
    at = {one: k for k, one in enumerate(nodes)}
    makes: dict[int, set[int]] = {}
    takes: dict[int, set[int]] = {}
    for p, c in places:
        for item, rate in zip(*processes[p], strict=True):
            side = makes if rate > 0 else takes
            side.setdefault(int(item), set()).add(c)
    for item, c in users:
        takes.setdefault(item, set()).add(c)
    lanes: list[tuple[int, int]] = []
    for item in range(len(items)):
        sellers = sorted(makes.get(item, set()))
        for buyer in sorted(takes.get(item, set())):
            lanes += [(at[item, s], at[item, buyer]) for s in sellers if s != buyer]
    others = [
        (a, b)
        for a in range(len(nodes))
        for b in range(len(nodes))
        if a != b and nodes[a][0] == nodes[b][0]
    ]
    seen = set(lanes)
    others = [one for one in others if one not in seen]
    # Each buyer keeps its first sellers before anybody gets one more.
    turn: dict[int, int] = {}
    ranked = []
    for k in rng.permutation(len(lanes)):
        buyer = lanes[k][1]
        ranked.append((turn.get(buyer, 0), len(ranked), lanes[k]))
        turn[buyer] = turn.get(buyer, 0) + 1
    order = [one for _, _, one in sorted(ranked)]
    order += [others[k] for k in rng.permutation(len(others))]
    lanes = sorted(order[:lanes_wanted])
    plants = len(places)
    price = np.array([10.0 * 1.6 ** items[i] for i, _ in nodes])
    price *= rng.uniform(0.8, 1.25, len(nodes))
    demand = rng.lognormal(2.5, 0.6, len(users))
    capacity = rng.lognormal(3.6, 0.5, plants)
    # Upstream has to feed what is lost on the way and in baskets.
    depth = np.array([items[processes[p][0][0]] for p, _ in places])
    capacity *= 1.1 ** (6 - depth) * np.where(depth <= 2, 3.5, 1.2)
    stock_places = rng.permutation(len(users))[:stocks_wanted]
    drawn = Chain(
        node_item=np.array([i for i, _ in nodes]),
        node_country=np.array([c for _, c in nodes]),
        plant_nodes=tuple(
            np.array([at[int(i), c] for i in processes[p][0]]) for p, c in places
        ),
        plant_rates=tuple(processes[p][1] for p, _ in places),
        plant_cost=rng.uniform(2.0, 6.0, plants),
        capacity=capacity,
        lane_from=np.array([a for a, _ in lanes]),
        lane_to=np.array([b for _, b in lanes]),
        lane_cost=rng.uniform(0.2, 2.0, len(lanes)),
        lane_cap=rng.lognormal(2.0, 0.7, len(lanes)),
        demand_node=np.array([at[one] for one in users]),
        demand=demand,
        short_cost=price[[at[one] for one in users]] * rng.uniform(*SHORT, len(users)),
        stock_node=np.array([at[users[k]] for k in stock_places]),
        stock_level=0.1 * demand[stock_places],
        price=price,
        countries=countries,
    )
    return _sized(drawn, rng)


def _sized(chain: Chain, rng: np.random.Generator) -> Chain:
    """Give plants and lanes what a calm year needs and something to spare."""
    plants, lanes = len(chain.capacity), len(chain.lane_from)
    total = float(chain.demand.sum())
    # Steps of rising cost would spread the work; a wide cap on each does it here.
    wide = replace(
        chain,
        capacity=np.full(plants, total / 3.0),
        lane_cap=np.full(lanes, total / 6.0),
    )
    # One optimum leans on few suppliers; the mean of several does not.
    run, flow = np.zeros(plants), np.zeros(lanes)
    for _ in range(SPREAD):
        costs = replace(
            wide,
            plant_cost=wide.plant_cost * rng.lognormal(0.0, 0.6, plants),
            lane_cost=wide.lane_cost * rng.lognormal(0.0, 0.6, lanes),
        )
        calm = solve(_recourse(costs, 1, 1.0)).value
        run += calm[:plants] / SPREAD
        flow += calm[plants : plants + lanes] / SPREAD
    return replace(
        chain,
        capacity=np.maximum(SPARE * run, FLOOR * chain.capacity),
        lane_cap=np.maximum(LANE_SPARE * flow, FLOOR * chain.lane_cap),
    )


def _year_layout(chain: Chain) -> tuple[int, int]:
    rows = len(chain.node_item) + len(chain.capacity) + len(chain.stock_node)
    columns = len(chain.capacity) + len(chain.lane_from) + len(chain.demand)
    return rows, columns + 3 * len(chain.stock_node)


def _recourse(chain: Chain, years: int, rate: float) -> Block:
    """Build W, costs and bounds: years side by side, tied by the stock levels."""
    _, columns = _year_layout(chain)
    nodes, plants = len(chain.node_item), len(chain.capacity)
    lanes, demands = len(chain.lane_from), len(chain.demand)
    stocks = len(chain.stock_node)
    builder = BlockBuilder()
    for t in range(years):
        factor = rate**t
        x = builder.add_columns(plants, cost=factor * chain.plant_cost)
        y = builder.add_columns(
            lanes, cost=factor * chain.lane_cost, upper=chain.lane_cap
        )
        u = builder.add_columns(
            demands, cost=factor * chain.short_cost, upper=chain.demand
        )
        put = builder.add_columns(stocks, cost=factor * 0.1)
        take = builder.add_columns(stocks, cost=factor * 0.1)
        level = builder.add_columns(stocks, cost=factor * 0.05)
        need = np.zeros(nodes)
        np.add.at(need, chain.demand_node, chain.demand)
        r = builder.add_rows(nodes, lower=need)
        c = builder.add_rows(plants, upper=chain.capacity)
        k = builder.add_rows(stocks, lower=0.0, upper=0.0)
        for f in range(plants):
            builder.add_entries(r[chain.plant_nodes[f]], x[f], chain.plant_rates[f])
        builder.add_entries(r[chain.lane_from], y, -1.0)
        builder.add_entries(r[chain.lane_to], y, 1.0)
        builder.add_entries(r[chain.demand_node], u, 1.0)
        builder.add_entries(r[chain.stock_node], take, 1.0)
        builder.add_entries(r[chain.stock_node], put, -1.0)
        builder.add_entries(c, x, 1.0)
        builder.add_entries(k, level, 1.0)
        builder.add_entries(k, put, -1.0)
        builder.add_entries(k, take, 1.0)
        if t:
            builder.add_entries(k, level - columns, -0.99)
    return builder.build()


@dataclass(frozen=True)
class Futures:
    """Draws years of availability, closed lanes and demand by scenario number."""

    chain: Chain
    years: int
    seed: int
    expandable: Ints

    def draw(self, numbers: Ints) -> Batch:
        """Return scenarios; a number gives the same one in any batch."""
        chain, years = self.chain, self.years
        plants, lanes = len(chain.capacity), len(chain.lane_from)
        demands, nodes = len(chain.demand), len(chain.node_item)
        count = len(numbers)
        exporter = chain.node_country[chain.lane_from]
        item = chain.node_item[chain.lane_from]
        used = chain.node_item[chain.demand_node]
        # What comes out of the generators is kept in this order: a number's scenario
        # is the same whether it is drawn alone or among thousands.
        out = np.empty((count, years, plants))
        ban = np.empty((count, years, 3))
        who = np.empty((count, years, 3), dtype=np.int64)
        what = np.empty((count, years, 3), dtype=np.int64)
        cut = np.empty((count, years, lanes))
        steps = np.empty((count, years))
        noise = np.empty((count, years, STAGE_ITEMS))
        bits = np.random.Philox(key=[self.seed, 0])
        rng, fresh = np.random.Generator(bits), bits.state
        for b, number in enumerate(np.asarray(numbers).tolist()):
            # As a new generator with this key, at a tenth of the time.
            fresh["state"]["key"][1] = number
            bits.state = fresh
            rng.random(out=out[b])
            rng.random(out=ban[b])
            who[b] = rng.integers(0, chain.countries, (years, 3))
            what[b] = rng.integers(0, STAGE_ITEMS, (years, 3))
            rng.random(out=cut[b])
            rng.standard_normal(out=steps[b])
            rng.standard_normal(out=noise[b])
        # Outages are whole states: half of a plant or all of it.
        share = 0.5 * (out >= OUT) + 0.5 * (out >= HALF)
        upper = np.empty((count, years, lanes + demands))
        cap, demand = upper[:, :, :lanes], upper[:, :, lanes:]
        np.multiply(chain.lane_cap, cut >= CUT, out=cap)
        b, t, k = np.nonzero(ban < BAN)
        everything = ban[b, t, k, None] < 0.1
        closed = exporter == who[b, t, k, None]
        closed &= (item == what[b, t, k, None]) | everything
        event, lane = np.nonzero(closed)
        cap[b[event], t[event], lane] = 0.0
        growth = np.exp(np.cumsum(0.02 * steps + 0.01, axis=1))
        np.multiply(chain.demand, growth[:, :, None], out=demand)
        demand *= np.exp(0.05 * noise)[:, :, used]
        need = np.zeros((count, years, nodes))
        for d, node in enumerate(chain.demand_node.tolist()):
            need[:, :, node] += demand[:, :, d]
        users = np.unique(chain.demand_node)
        met = years * len(users)
        row_lower = np.full((count, met + years * plants), -np.inf)
        row_lower[:, :met] = need[:, :, users].reshape(count, -1)
        row_upper = np.full((count, met + years * plants), np.inf)
        row_upper[:, met:] = (chain.capacity * share).reshape(count, -1)
        upper = upper.reshape(count, -1)
        # An expansion runs at the plant's availability: -T is the share.
        mine = share[:, :, self.expandable].reshape(count, -1)
        return Batch(
            number=np.asarray(numbers, dtype=np.int64),
            row_lower=row_lower,
            row_upper=row_upper,
            lower=np.broadcast_to(0.0, upper.shape),
            upper=upper,
            technology=-mine[:, self._entries()],
        )

    def _entries(self) -> Ints:
        """Return which (year, plant) share each entry of T takes."""
        size = len(self.expandable)
        return np.array([
            t * size + e
            for e in range(size)
            for made in range(self.years)
            for t in range(made + LEAD, self.years)
        ], dtype=np.int64)  # fmt: skip


def make_problem(
    *,
    years: int = 8,
    seed: int = 0,
    binaries: bool = False,
    scale: float = 1.0,
    risk_weight: float = 0.0,
    alpha: float = 0.95,
) -> TwoStage:
    """Make the problem; scenarios are drawn by number without end."""
    chain = make_chain(seed, scale)
    rate = 1.0 / 1.05
    recourse = _recourse(chain, years, rate)
    rows, _ = _year_layout(chain)
    nodes, plants = len(chain.node_item), len(chain.capacity)
    lanes, demands = len(chain.lane_from), len(chain.demand)
    columns = _year_layout(chain)[1]
    rng = np.random.Generator(np.random.Philox(key=[seed, 2**41]))
    bought = np.arange(max(2, round(16 * scale)))
    expandable = np.sort(rng.permutation(plants)[: max(3, round(44 * scale))])
    first = BlockBuilder()
    price = chain.price[chain.stock_node[bought]]
    pay = np.array([rate**t for t in range(years)])
    buy = first.add_columns(
        len(bought) * years, cost=np.outer(price, pay).ravel(), upper=200.0
    )
    capex = 10.0 * chain.plant_cost[expandable]
    most = 0.5 * chain.capacity[expandable]
    grow = first.add_columns(
        len(expandable) * years,
        cost=np.outer(capex, pay).ravel(),
        upper=np.repeat(most, years),
    )
    budget = first.add_rows(["budget"], upper=[BUDGET * scale])
    money = np.concatenate([np.outer(price, pay).ravel(), np.outer(capex, pay).ravel()])
    first.add_entries(budget[0], np.concatenate([buy, grow]), money)
    if binaries:
        fixed = 0.3 * capex * most
        build = first.add_columns(len(expandable), cost=fixed, upper=1.0, integer=True)
        first.add_entries(budget[0], build, fixed)
        # One row a year: tighter by far than one for all years.
        tie = first.add_rows(len(grow), upper=0.0)
        first.add_entries(tie, grow, 1.0)
        first.add_entries(tie, np.repeat(build, years), -np.repeat(most, years))
    t_row: list[int] = []
    t_column: list[int] = []
    t_value: list[float] = []
    for k in range(len(bought)):
        for t in range(years):
            t_row.append(t * rows + nodes + plants + int(bought[k]))
            t_column.append(int(buy[k * years + t]))
            t_value.append(-1.0)
    sure = len(t_row)
    for e, f in enumerate(expandable.tolist()):
        for made in range(years):
            for t in range(made + LEAD, years):
                t_row.append(t * rows + nodes + f)
                t_column.append(int(grow[e * years + made]))
                t_value.append(-1.0)
    users = np.unique(chain.demand_node)
    base = np.arange(years)[:, None] * rows
    vary_row = np.concatenate(
        [(base + users).ravel(), (base + nodes + np.arange(plants)).ravel()]
    )
    start = np.arange(years)[:, None] * columns + plants
    vary_column = (start + np.arange(lanes + demands)).ravel()
    return TwoStage(
        first=first.build(),
        recourse=recourse,
        t_row=np.array(t_row, dtype=np.int64),
        t_column=np.array(t_column, dtype=np.int64),
        t_value=np.array(t_value),
        vary_row=vary_row,
        vary_column=vary_column,
        vary_t=np.arange(sure, len(t_row)),
        source=Futures(chain, years, seed, expandable),
        alpha=alpha,
        risk_weight=risk_weight,
    )
