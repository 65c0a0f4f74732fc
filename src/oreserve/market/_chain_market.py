# SPDX-License-Identifier: Apache-2.0
"""One chain through time: limits of each period, and equal ones solved once.

A sub-problem is named by all that shapes it: the year's quantities, the effects
that touch the chain, the state of its lanes, the steps of its commercial stocks,
restarted plants, projects that stand and what the reserve buys. The simplex starts
from the basis of the same effects in the first period, without projects or with
those that are likely: a solution depends on its name alone and not on the order of
work.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from oreserve.market._clear import (
    Cleared,
    Terms,
    clear,
    hub_out_limit,
    lane_limits,
    open_terms,
)
from oreserve.market._effects import (
    ActiveEffect,
    ChainEffects,
    EffectReader,
    apply_effects,
)
from oreserve.market._problem import Focus, MarketRules, Problem, build_problem
from oreserve.market._stocks import CommercialStocks, commercial_limits
from oreserve.network.sums import sum_by

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import date

    from oreserve.network.chain import Chain

__all__ = ["ChainMarket", "Key", "Project", "States"]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Start = tuple[int, bool]  # effects, and whether the likely projects stand

LANE_GRID = 1.1  # calibrated lanes: last flow over base in steps of about 10 %
LANE_TOUCH = 1e-3  # part of a step within which a flow counts as on the grid
LANE_SLACK = 0.01  # a flow this little above its base counts as the base


@dataclass(frozen=True)
class Project:
    """A project as the market runs it."""

    name: str
    plant: int
    capacity: float
    ramp: tuple[float, ...]
    likely: bool = False  # stands more often than not: only says where to start

    def share(self, years_running: float) -> float:
        """Return the part of capacity that runs after some years; 0 before."""
        if years_running < 0.0:
            return 0.0
        return self.ramp[min(int(years_running), len(self.ramp) - 1)]


@dataclass(frozen=True)
class Key:
    """The name of a sub-problem; numbers index the chain's interned parts."""

    year: int
    effects: int
    lanes: int
    fill: tuple[int, ...] = ()
    draw: tuple[int, ...] = ()
    restarted: tuple[int, ...] = ()
    projects: tuple[tuple[int, float], ...] = ()
    bids: tuple[tuple[int, float, float], ...] = ()
    sales: tuple[tuple[int, float], ...] = ()
    _hash: int = field(init=False, repr=False, compare=False, default=0)

    def __post_init__(self) -> None:
        """Keep the hash: a key is looked up many times in every period."""
        parts = (
            self.year,
            self.effects,
            self.lanes,
            self.fill,
            self.draw,
            self.restarted,
            self.projects,
            self.bids,
            self.sales,
        )
        object.__setattr__(self, "_hash", hash(parts))

    def __hash__(self) -> int:
        """Return the hash of the parts."""
        return self._hash


@dataclass
class States:
    """Where scenarios stand in a chain at the start of a period."""

    lanes: list[int]  # (S,) number of the lane state
    levels: Floats  # (S, stocks) t
    shocked: Ints  # (S,) periods in a row with an effect


class ChainMarket:
    """A chain ready to be cleared period after period.

    Parameters
    ----------
    chain
        Prepared.
    rules
        Settings that shape the programme.
    reader_options
        Arguments of `EffectReader`: members, stages, period.
    starts
        First day of each period.
    period_years
        Length of a period.
    base_year
        Year of the quantities.
    stock_rows
        Commercial stocks of the chain.
    projects
        Projects of the chain, in order of name.
    reserves
        Rows of strategic and industrial stocks of the chain, in key order.
    """

    def __init__(
        self,
        chain: Chain,
        rules: MarketRules,
        *,
        reader_options: Mapping[str, Any],
        starts: Sequence[date],
        period_years: float,
        base_year: int,
        stocks: CommercialStocks,
        projects: Sequence[Project] = (),
        reserves: Sequence[Mapping[str, Any]] = (),
    ) -> None:
        self.chain = chain
        self.rules = rules
        self.stocks = stocks
        self.projects = tuple(projects)
        self.reserves = tuple(reserves)
        self.period_years = period_years
        self.problem: Problem = self.rebuild(None)
        item_names, places = chain.items, chain.countries
        at = [
            (item_names[chain.nodes.item[n]], places[chain.nodes.country[n]])
            for n in stocks.node
        ]
        at += [(row["item"], row["country"]) for row in reserves]
        self.reader = EffectReader(
            self.problem,
            stock_item=[item for item, _ in at],
            stock_country=[country for _, country in at],
            period_days=365.25 * period_years,
            **reader_options,
        )
        self._years: list[Terms] = []
        self._year_index: dict[bytes, int] = {}
        self.year_of = [
            self._intern_year(d.year + (d.month - 1) / 12.0, base_year) for d in starts
        ]
        self._effects: list[ChainEffects | None] = [None]
        self._effects_index: dict[tuple[ActiveEffect, ...], int] = {(): 0}
        lanes = chain.lanes
        self._lane_grows = np.isfinite(lanes.base) & ~np.isfinite(lanes.capacity)
        self._lanes: list[bytes] = []
        self._lane_index: dict[bytes, int] = {}
        self._lane_grid = _lane_grid(self.problem, period_years)
        self.base_lanes = self._intern_lanes(np.zeros(self.problem.lane.owners))
        self.cache: dict[Key, Cleared] = {}
        self.lane_after: dict[Key, int] = {}
        self._bases: dict[Start, Any] = {}
        self._likely = tuple((k, 1.0) for k, one in enumerate(projects) if one.likely)
        self._base_basis: Any = None
        self._home_at = {int(n): h for h, n in enumerate(self.problem.home_node)}
        hub_in_at = {int(n): m for m, n in enumerate(self.problem.hub.in_node)}
        recipe = chain.plants
        self._feeds = [  # by project: leg into the hub, t per t of activity
            [
                (hub_in_at[int(node)], float(-tonnes))
                for node, tonnes in zip(
                    recipe.recipe_node[recipe.recipe_plant == project.plant],
                    recipe.recipe_t_per_t[recipe.recipe_plant == project.plant],
                    strict=True,
                )
                if tonnes < 0.0 and int(node) in hub_in_at
            ]
            for project in self.projects
        ]

    # --- parts that keys name ------------------------------------------------------

    def _intern_year(self, year: float, base_year: int) -> int:
        problem, chain = self.problem, self.chain
        plants = chain.plants
        open_now = (plants.first_year <= year) & (year < plants.last_year + 1.0)
        demand = chain.demands.quantity * (1.0 + chain.demands.growth) ** (
            year - base_year
        )
        more = sum_by(
            chain.demands.node,
            demand - chain.demands.quantity,
            minlength=problem.node_rows,
        )
        use = np.maximum(problem.use + more, 0.0)
        hub_in = problem.hub.in_share * use[problem.hub.in_node]
        terms = replace(
            open_terms(problem),
            demand=demand,
            plant=np.where(open_now, problem.plant_limit, 0.0),
            idle=np.where(open_now, plants.idle, 0.0)[problem.idle_plant],
            hub_in=hub_in,
            hub_out=hub_out_limit(problem, hub_in),
        )
        name = b"".join(a.tobytes() for a in (terms.demand, terms.plant, terms.idle))
        if name not in self._year_index:
            self._year_index[name] = len(self._years)
            self._years.append(terms)
        return self._year_index[name]

    def intern_effects(self, active: Sequence[ActiveEffect]) -> int:
        """Return the number of the effects that touch the chain; 0: none."""
        relevant = self.reader.relevant(active)
        if relevant not in self._effects_index:
            self._effects_index[relevant] = len(self._effects)
            self._effects.append(self.reader.compile(relevant))
        return self._effects_index[relevant]

    def effects(self, number: int) -> ChainEffects | None:
        """Return the effects of a number; None if nothing touches the chain."""
        return self._effects[number]

    def _intern_lanes(self, flow: Floats) -> int:
        """Return the number of a lane state for the flows of the period before.

        Exact where the chain is as read; in steps of about 10 % where it is
        calibrated, so that histories meet again. A period's growth is a whole number
        of steps (see `_lane_grid`), so a lane that stays at its limit grows by the
        rule, whatever the period. What is kept is small: there are as many states as
        histories.
        """
        lanes = self.chain.lanes
        base = lanes.base
        grows = self._lane_grows
        above = np.where(grows & (flow > base), flow, base)
        held: npt.NDArray[np.generic] = np.where(grows, above, 0.0)
        if self.chain.calibrated:
            ratio = np.divide(
                above, base, out=np.ones_like(base), where=grows & (base > 0.0)
            )
            step = np.ceil(np.log(ratio) / np.log(self._lane_grid) - LANE_TOUCH)
            held = np.where(ratio <= 1.0 + LANE_SLACK, 0.0, step).astype(np.int16)
        name = held.tobytes()
        if name not in self._lane_index:
            self._lane_index[name] = len(self._lanes)
            self._lanes.append(name)
        return self._lane_index[name]

    def lane_limit(self, number: int) -> Floats:
        """Return the lane capacities of a lane state."""
        base, name = self.chain.lanes.base, self._lanes[number]
        if self.chain.calibrated:
            above = base * self._lane_grid ** np.frombuffer(name, np.int16)
        else:
            above = np.where(self._lane_grows, np.frombuffer(name), base)
        return lane_limits(self.problem, above, self.period_years)

    # --- keys and solutions -----------------------------------------------------

    def opening(self, count: int) -> States:
        """Return the states of scenarios before the first period."""
        return States(
            [self.base_lanes] * count,
            np.tile(self.stocks.opening, (count, 1)),
            np.zeros(count, dtype=np.int64),
        )

    def keys(
        self,
        states: States,
        period: int,
        effects: Sequence[int],
        *,
        threat: npt.NDArray[np.bool_],
        projects: Sequence[tuple[tuple[int, float], ...]],
    ) -> list[Key]:
        """Return the name of the sub-problem that each scenario meets."""
        count = len(effects)
        fill: list[tuple[int, ...]] = [()] * count
        draw = fill
        if len(self.stocks.name):
            steps = commercial_limits(self.stocks, states.levels, threat=threat)
            fill, draw = ([tuple(row) for row in one.tolist()] for one in steps)
        restarted = [self._restarted(n) for n in states.shocked.tolist()]
        year = self.year_of[period]
        known: dict[tuple[object, ...], Key] = {}
        keys = []
        for parts in zip(
            effects, states.lanes, fill, draw, restarted, projects, strict=True
        ):
            if parts not in known:
                known[parts] = Key(year, *parts)
            keys.append(known[parts])
        return keys

    def _restarted(self, shocked: int) -> tuple[int, ...]:
        """Return the idle plants that run after periods in a row with an effect."""
        if not shocked or not len(self.problem.idle_plant):
            return ()
        ready = self.chain.plants.restart_years[self.problem.idle_plant]
        waited = shocked * self.period_years
        return tuple(np.flatnonzero(ready <= waited + 1e-9).tolist())

    def rebuild(self, focus: Focus | None) -> Problem:
        """Return the programme with the step grid refined where `focus` says."""
        return build_problem(
            self.chain,
            self.rules,
            stock_nodes=self.stocks.node,
            project_plants={p.plant: p.capacity for p in self.projects},
            focus=focus,
            coarse=None if focus is None else self.problem,
        )

    def terms(self, key: Key) -> Terms:
        """Return the limits that a key names."""
        terms = self.normal_terms(key)
        return apply_effects(self.problem, self._effects[key.effects], terms)

    def normal_terms(self, key: Key) -> Terms:
        """Return the limits that a key names, without its effects on trade."""
        problem, years = self.problem, self.period_years
        terms = self._years[key.year]
        idle = np.zeros(problem.idle.owners)
        idle[list(key.restarted)] = terms.idle[list(key.restarted)]
        terms = replace(terms, lane=self.lane_limit(key.lanes), idle=idle)
        if key.projects:
            terms = self._with_projects(terms, key.projects)
        if key.fill:
            grid = self.stocks.grid
            draw = np.array(key.draw) * grid / years
            access = self._effects[key.effects]
            if access is not None:
                draw = draw * access.stock[: len(key.draw)]
            terms = replace(
                terms,
                fill=np.array(key.fill) * grid / years,
                draw=np.minimum(draw, self.stocks.most),
            )
        if key.bids:
            bid, price = np.zeros(problem.bid.owners), np.zeros(problem.bid.owners)
            for node, tonnes, usd in key.bids:
                bid[self._home_at[node]] = tonnes / years
                price[self._home_at[node]] = usd
            terms = replace(terms, bid=bid, bid_price=price)
        if key.sales:
            sale = np.zeros(problem.sale.owners)
            for node, tonnes in key.sales:
                sale[self._home_at[node]] = tonnes / years
            terms = replace(terms, sale=sale)
        return terms

    def _with_projects(
        self, terms: Terms, projects: tuple[tuple[int, float], ...]
    ) -> Terms:
        """Add standing projects; their feed lanes are open for what they need."""
        plant, hub_in = terms.plant.copy(), terms.hub_in.copy()
        for index, share in projects:
            project = self.projects[index]
            capacity = project.capacity * share
            plant[project.plant] = capacity
            for at, tonnes in self._feeds[index]:
                hub_in[at] += tonnes * capacity
        hub_out = hub_out_limit(self.problem, hub_in)
        return replace(terms, plant=plant, hub_in=hub_in, hub_out=hub_out)

    def prepare_base(self) -> None:
        """Solve the base year, from which all bases come."""
        if self._base_basis is None:
            base = clear(self.problem, open_terms(self.problem), keep_basis=True)
            self._base_basis = base.basis

    def start_of(self, key: Key) -> Start:
        """Return the name of the basis that a key starts from.

        Closing projects costs the simplex few iterations and opening them many, so
        that a key with any project starts where the likely ones stand.
        """
        return key.effects, bool(key.projects and self._likely)

    def prepare_basis(self, key: Key) -> None:
        """Find where the simplex starts for keys with the same start."""
        self.prepare_base()
        start = self.start_of(key)
        if start not in self._bases:
            first = Key(
                self.year_of[0],
                key.effects,
                self.base_lanes,
                projects=self._likely if start[1] else (),
            )
            found = clear(
                self.problem, self.terms(first), basis=self._base_basis, keep_basis=True
            )
            self._bases[start] = found.basis

    def solve(self, key: Key) -> tuple[Terms, Cleared]:
        """Clear the sub-problem of a key; needs `prepare_basis` before."""
        terms = self.terms(key)
        return terms, clear(self.problem, terms, basis=self._bases[self.start_of(key)])

    def store(self, key: Key, cleared: Cleared) -> None:
        """Keep a solution, without the columns that nobody reads again."""
        none = np.zeros(0)
        self.cache[key] = replace(cleared, value=none, row_dual=none, upper=none)
        self.lane_after[key] = self._intern_lanes(cleared.flow)

    def keep_only(self, keys: Sequence[Key]) -> None:
        """Forget all solutions but some."""
        self.cache = {key: self.cache[key] for key in keys}
        self.lane_after = {key: self.lane_after[key] for key in keys}


def _lane_grid(problem: Problem, period_years: float) -> Floats:
    """Return the ratio of one step to the next for each lane.

    The one nearest to `LANE_GRID` of which a whole number makes the growth of a
    period: rounding a lane at its limit up to the grid then adds nothing, however
    many periods a year has.

    Returns
    -------
    array
        (lanes,) above 1.
    """
    chain = problem.chain
    growth = chain.lane_growth[chain.nodes.item[chain.lanes.from_node]]
    whole = period_years * np.log1p(np.maximum(growth, 0.0))
    steps = np.maximum(1.0, np.round(whole / np.log(LANE_GRID)))
    grid: Floats = np.where(whole > 0.0, np.exp(whole / steps), LANE_GRID)
    return grid
