# SPDX-License-Identifier: Apache-2.0
"""Where home's material really comes from: a walk upstream through trade and recipes.

Follow a tonne of a mineral backwards. In the pool of item i in country c it was
made there with the share output / supply, or came from the pool of country e with
the share lane / supply. What was made in c came out of the pools of the inputs, by
the mineral that each brought. These shares fill one sparse matrix Q of a mineral;
the expected visits of every pool, for every use at once, are one solve:
v = (I - Q^T)^-1 s. Recycling loops are part of it.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
from scipy import sparse
from scipy.sparse.linalg import splu

from oreserve.exposure._base_year import RANK, STAGES, mineral_weights
from oreserve.exposure._new_scrap import loop_inputs

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from oreserve.exposure._base_year import BaseYear

__all__ = ["ALL_USES", "Passage", "Trace", "passage", "trace"]

Floats = npt.NDArray[np.float64]
ALL_USES = "all final uses"
KEEPS = 1 - 1e-9  # share that stays in a closed trade cycle: keeps it solvable
# Words in the name of a process that lives on scrap or residue, not on ore: its way
# back ends, and where the scrap was once mined is not in the data.
SCRAP = ("recycling", "scrap", "residue")


@dataclass(frozen=True)
class Trace:
    """What lies behind home's uses of one mineral.

    Parameters
    ----------
    mineral
        The mineral that is followed.
    uses
        *(U,)*: items that home uses, and `ALL_USES` if it has final uses.
    use_t
        *(U,)*: t of the mineral a year in each.
    items
        *(J,)*: items of the chain, sorted by stage and name.
    countries
        *(C,)* of the figures.
    passes
        *(U, J, C)*: expected number of times that a tonne of the mineral in a use was
        made into item j in country c, other than of new scrap; mostly 0 to 1. Countries
        of home are one pool; their part is split by their output.
    made
        *(U, J, C)*: the same with what is made of new scrap (swarf).
    unknown
        *(U, J)*: part of a use whose way back breaks off, for want of data, where it
        could still have passed item j.
    flows
        (item, country, input, origin) -> t of the mineral a year made in `origin` as
        `input` and made in `country` into `item`, for all final uses.
    arrivals
        (item, origin) -> t of the mineral a year in home's final uses of an item, by
        the country that made it.
    pools, starts, reached
        The graph, *(U, N)* where each use starts in it and *(N,)* what it reaches.
    weight
        t of the mineral a t of each item.
    """

    mineral: str
    uses: tuple[str, ...]
    use_t: Floats
    items: tuple[str, ...]
    countries: tuple[str, ...]
    passes: Floats
    made: Floats
    unknown: Floats
    flows: Mapping[tuple[str, str, str, str], float]
    arrivals: Mapping[tuple[str, str], float]
    pools: Pools
    starts: Floats
    reached: npt.NDArray[np.bool_]
    weight: Mapping[str, float]


@dataclass(frozen=True)
class Passage:
    """What becomes of a tonne on its way back; arrays *(N,)*, a value per pool.

    Parameters
    ----------
    through
        Part that was made, at some stage, in one of the countries asked for.
    lost
        Part whose way breaks off for want of data before it was.
    scrap
        Part that ends in scrap or residue of unknown origin before it was.
    """

    through: Floats
    lost: Floats
    scrap: Floats


@dataclass(frozen=True)
class Pools:
    """Pools of a mineral's chain: N of them, and how they feed each other."""

    mineral: str
    items: tuple[str, ...]
    countries: tuple[str, ...]
    state: dict[tuple[int, int], int]  # (item, country) -> pool; one for home
    part: Floats  # (I, C) country's part of its pool's output; 1 but in a bloc
    again: Floats  # (N,) share of what is made there that is made of new scrap
    own: Floats  # (N,) share made in the country itself
    trade: sparse.csr_array  # (N, N) shares from other countries' pools
    made_of: sparse.csr_array  # (N, N) inputs of what is made, shares
    known: Floats  # (N,) 1 where the pool's supply is known, else 0
    scrap: Floats  # (N,) share of what is made there that comes from scrap


def trace(
    base: BaseYear, mineral: str, *, home: Sequence[str], countries: Sequence[str]
) -> Trace | None:
    """Follow a mineral in home's uses back to every stage and country.

    Parameters
    ----------
    base
        Amounts of the base year.
    mineral
        Mineral to follow.
    home
        Countries of home.
    countries
        All countries, in the order of the result.

    Returns
    -------
    Trace or None
        None if home uses nothing that holds the mineral.
    """
    weight = mineral_weights(base, mineral)
    pools = _pools(base, mineral, weight, countries, home)
    uses, amounts, starts = _starts(base, weight, pools, home)
    if not uses:
        return None
    step = pools.trade * KEEPS + sparse.diags_array(pools.own) @ pools.made_of
    system = (sparse.eye_array(len(pools.own)) - step.T).tocsc()
    visits = splu(system).solve(np.ascontiguousarray(starts.T))  # (N, U)
    visits = np.clip(visits, 0.0, None)
    passes = np.zeros((len(uses), len(pools.items), len(countries)))
    whole = np.zeros_like(passes)
    lost = np.zeros((len(uses), len(pools.items)))
    for (item, country), k in pools.state.items():
        own = visits[k] * pools.own[k] * pools.part[item, country]
        whole[:, item, country] = own
        passes[:, item, country] = own * (1.0 - pools.again[k])
    for k in sorted(set(pools.state.values())):
        lost[:, k // len(countries)] += visits[k] * (1.0 - pools.known[k])
    unknown = lost @ _reach(base, pools.items)
    flows, arrivals = _final_flows(pools, uses, amounts, visits, starts)
    return Trace(
        mineral=mineral,
        uses=uses,
        use_t=amounts,
        items=pools.items,
        countries=tuple(countries),
        passes=passes,
        made=whole,
        unknown=np.minimum(unknown, 1.0),
        flows=flows,
        arrivals=arrivals,
        pools=pools,
        starts=starts,
        reached=visits.max(axis=1) > 0,
        weight=weight,
    )


def passage(found: Trace, members: Sequence[str]) -> Passage:
    """Return how much of each pool was ever made in one of some countries.

    With S the countries, a tonne of pool k passed S with the probability
    h = own (1 if k lies in S, else M h) + T h, where M are the inputs of what is made
    there and T the pools that it was bought from: one sparse solve. A tonne counts
    once, however often it passes. With home's whole outside as S, h is what came
    from abroad at any stage; with one country, what its loss takes away.

    Parameters
    ----------
    found
        A trace; pools that its uses never reach are 0.
    members
        Countries, of `found.countries`.
    """
    pools = found.pools
    inside = np.isin(np.array(pools.countries), list(members))
    within = np.tile(inside, len(pools.items))
    kept = np.flatnonzero(found.reached)
    step = pools.trade * KEEPS + sparse.diags_array(pools.own * ~within) @ pools.made_of
    part = step.tocsr()[kept][:, kept]
    system = (sparse.eye_array(len(kept)) - part).tocsc()
    ends = np.stack(
        [pools.own * within, 1.0 - pools.known, pools.own * ~within * pools.scrap],
        axis=1,
    )[kept]
    solved = np.zeros((len(pools.own), 3))
    solved[kept] = np.clip(splu(system).solve(ends), 0.0, 1.0)
    return Passage(solved[:, 0], solved[:, 1], solved[:, 2])


def _pools(
    base: BaseYear,
    mineral: str,
    weight: Mapping[str, float],
    countries: Sequence[str],
    home: Sequence[str],
) -> Pools:
    items = tuple(sorted(weight, key=lambda i: (RANK[base.stage[i]], i)))
    column = {c: k for k, c in enumerate(countries)}
    row = {i: k for k, i in enumerate(items)}
    # Members of a bloc share one pool: what one makes serves the others first.
    pooled = {column[c]: column[home[0]] for c in home if c in column}
    state = {
        (i, c): i * len(countries) + pooled.get(c, c)
        for i in range(len(items))
        for c in range(len(countries))
    }
    size = len(state)
    made = np.zeros(size)
    for (item, country), t in base.output.items():
        if item in row:
            made[state[row[item], column[country]]] += t
    supply = made.copy()
    lanes: list[tuple[int, int, float]] = []
    for item in items:
        for (exporter, importer), t in sorted(base.imports.get(item, {}).items()):
            to = state[row[item], column[importer]]
            origin = state[row[item], column[exporter]]
            if to != origin:  # not trade inside a bloc that is home
                supply[to] += t
                lanes.append((to, origin, t))
    scrap = np.zeros(size)
    for (process, country), t in sorted(base.activity.items()):
        recipe = base.recipes.get(process, {})
        if any(c < 0 and i in row for i, c in recipe.items()):
            continue  # its inputs are followed
        for item, c in recipe.items():
            if c > 0 and item in row and any(word in process for word in SCRAP):
                scrap[state[row[item], column[country]]] += c * t
    again = np.zeros(size)
    for (process, item), _ in sorted(loop_inputs(base).items()):
        for country in countries if item in row else ():
            t = base.activity.get((process, country), 0.0)
            k = state[row[item], column[country]]
            again[k] += base.recipes[process][item] * t
    scale = np.divide(1.0, supply, out=np.zeros(size), where=supply > 0)
    rows = np.array([to for to, _, _ in lanes], dtype=np.intp)
    columns = np.array([origin for _, origin, _ in lanes], dtype=np.intp)
    values = np.array([t for _, _, t in lanes]) if lanes else np.zeros(0)
    trade = sparse.csr_array((values * scale[rows], (rows, columns)), (size, size))
    return Pools(
        mineral=mineral,
        items=items,
        countries=tuple(countries),
        state=state,
        part=_parts(base, items, countries, state, made),
        again=np.divide(again, made, out=np.zeros(size), where=made > 0),
        own=made * scale,
        trade=trade,
        made_of=_made_of(base, weight, row, column, state),
        known=(supply > 0).astype(np.float64),
        scrap=np.divide(scrap, made, out=np.zeros(size), where=made > 0),
    )


def _parts(
    base: BaseYear,
    items: Sequence[str],
    countries: Sequence[str],
    state: Mapping[tuple[int, int], int],
    made: Floats,
) -> Floats:
    """Return *(I, C)*: the country's part of what its pool makes."""
    part = np.zeros((len(items), len(countries)))
    for (i, c), k in state.items():
        t = base.output.get((items[i], countries[c]), 0.0)
        part[i, c] = t / made[k] if made[k] > 0 else 0.0
    return part


def _made_of(
    base: BaseYear,
    weight: Mapping[str, float],
    row: Mapping[str, int],
    column: Mapping[str, int],
    state: Mapping[tuple[int, int], int],
) -> sparse.csr_array:
    """Return of what is made in each pool's country: the shares of its inputs.

    A process gives each output the same mix of inputs, by the mineral they bring. A
    process without inputs that hold the mineral is where the way ends.
    """
    routes: dict[tuple[int, int], float] = defaultdict(float)
    total: dict[int, float] = defaultdict(float)
    for (process, country), t in sorted(base.activity.items()):
        recipe = base.recipes.get(process, {})
        brings = {i: -c * weight[i] for i, c in recipe.items() if c < 0 and i in weight}
        brought = sum(brings.values())
        for item, c in recipe.items():
            if c <= 0 or item not in row or t <= 0:
                continue
            here = state[row[item], column[country]]
            total[here] += c * t
            for name, part in brings.items():
                there = state[row[name], column[country]]
                routes[here, there] += c * t * part / brought
    rows = np.array([k for k, _ in routes], dtype=np.intp)
    columns = np.array([k for _, k in routes], dtype=np.intp)
    values = np.array([t / total[k] for (k, _), t in routes.items()], dtype=np.float64)
    return sparse.csr_array((values, (rows, columns)), (len(state), len(state)))


def _starts(
    base: BaseYear, weight: Mapping[str, float], pools: Pools, home: Sequence[str]
) -> tuple[tuple[str, ...], Floats, Floats]:
    """Return the uses of home, t of the mineral in each, and where each starts.

    Only items of the mineral and components that hold it are uses of it: a use of
    alumina is no use of gallium. An item's use is that of demands and of plants;
    `ALL_USES` holds demands only, because what plants use comes back in what they
    make.
    """
    column = {c: k for k, c in enumerate(pools.countries)}
    size = len(pools.own)
    final, whole = np.zeros(size), np.zeros(size)
    counted = {
        i
        for i in pools.items
        if base.mineral[i] == pools.mineral or base.stage[i] == STAGES[-1]
    }
    for place, item in enumerate(pools.items):
        for country in home if item in counted else ():
            k = pools.state[place, column[country]]
            final[k] += max(0.0, base.demand.get((item, country), 0.0)) * weight[item]
    whole += final
    for (process, country), t in sorted(base.activity.items()):
        if country not in home:
            continue
        for item, c in base.recipes.get(process, {}).items():
            if c < 0 and item in counted:
                k = pools.state[pools.items.index(item), column[country]]
                whole[k] += -c * t * weight[item]
    width = len(pools.countries)
    uses, amounts, starts = [], [], []
    for place, item in enumerate(pools.items):
        part = np.zeros(size)
        part[place * width : (place + 1) * width] = whole[
            place * width : (place + 1) * width
        ]
        if part.sum() > 0:
            uses.append(item)
            amounts.append(part.sum())
            starts.append(part / part.sum())
    if final.sum() > 0:
        uses.append(ALL_USES)
        amounts.append(final.sum())
        starts.append(final / final.sum())
    return tuple(uses), np.array(amounts), np.array(starts)


def _reach(base: BaseYear, items: Sequence[str]) -> Floats:
    """Return *(J, J)*: 1 where the way back from an item can pass another."""
    row = {i: k for k, i in enumerate(items)}
    reach = np.eye(len(items), dtype=bool)
    for recipe in base.recipes.values():
        outputs = [row[i] for i, c in recipe.items() if c > 0 and i in row]
        inputs = [row[i] for i, c in recipe.items() if c < 0 and i in row]
        for k in outputs:
            reach[k, inputs] = True
    for k in range(len(items)):  # Warshall: close the relation
        reach |= np.outer(reach[:, k], reach[k])
    return reach.astype(np.float64)


def _final_flows(
    pools: Pools,
    uses: Sequence[str],
    amounts: Floats,
    visits: Floats,
    starts: Floats,
) -> tuple[dict[tuple[str, str, str, str], float], dict[tuple[str, str], float]]:
    """Return the flows behind all final uses, from maker to maker."""
    if ALL_USES not in uses:
        return {}, {}
    u = uses.index(ALL_USES)
    width = len(pools.countries)
    origin = _Makers(pools)
    made = sparse.diags_array(visits[:, u] * pools.own * amounts[u]) @ pools.made_of
    flows: dict[tuple[str, str, str, str], float] = defaultdict(float)
    coo = made.tocoo()
    for here, pool, t in zip(coo.row, coo.col, coo.data, strict=True):
        if t <= 0:
            continue
        item, country = divmod(int(here), width)
        for maker, share in origin(int(pool)):
            key = (pools.items[item], pools.countries[country],
                   pools.items[int(pool) // width], pools.countries[maker])  # fmt: skip
            flows[key] += float(t) * share
    arrivals: dict[tuple[str, str], float] = defaultdict(float)
    for pool in np.flatnonzero(starts[u]):
        for maker, share in origin(int(pool)):
            key2 = (pools.items[int(pool) // width], pools.countries[maker])
            arrivals[key2] += float(starts[u, pool] * amounts[u]) * share
    return dict(flows), dict(arrivals)


class _Makers:
    """Who made what a pool holds, through all its traders; items solved once."""

    def __init__(self, pools: Pools) -> None:
        self._pools = pools
        self._mix: dict[int, Floats] = {}

    def __call__(self, pool: int) -> list[tuple[int, float]]:
        width = len(self._pools.countries)
        item, country = divmod(pool, width)
        if item not in self._mix:
            part = slice(item * width, (item + 1) * width)
            trade = self._pools.trade[part, part].toarray() * KEEPS
            own = np.diag(self._pools.own[part])
            mix = np.asarray(np.linalg.solve(np.eye(width) - trade, own), np.float64)
            self._mix[item] = mix
        shares = self._mix[item][country]
        return [(int(k), float(shares[k])) for k in np.flatnonzero(shares > 1e-9)]
