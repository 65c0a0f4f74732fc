# SPDX-License-Identifier: Apache-2.0
"""One scenario in full detail: every node, refined prices, intervals."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from oreserve.market._clear import Cleared, Terms, clear, open_terms
from oreserve.market._effects import ActiveEffect, apply_effects
from oreserve.market._home_view import HomeView, home_view
from oreserve.market._intervals import price_interval
from oreserve.market._outlook import Bind, binding, initial_supply_share
from oreserve.market._prepare import Base, open_markets
from oreserve.market._refine import refine
from oreserve.market._run import Run
from oreserve.market._simulator import Simulator
from oreserve.market._standing import Standing, project_support

if TYPE_CHECKING:
    from oreserve.market._chain_market import ChainMarket, Key
    from oreserve.market._problem import Problem
    from oreserve.market._standing import ReleaseRule
    from oreserve.study.scenario import Effect, Scenario

__all__ = ["Reserve", "Solved", "run_in_detail", "solve_base_year"]

Floats = npt.NDArray[np.float64]
Progress = Callable[[str, float, float | None], None]


@dataclass(frozen=True)
class Reserve:
    """One stock in one period, tonnes."""

    stock: str
    item: str
    level: float
    release: float
    fill: float


@dataclass(frozen=True)
class Solved:
    """One chain in one period, solved and read; rates are t a year."""

    period: str
    years: float
    chain_number: int
    market: ChainMarket
    terms: Terms
    normal: Terms  # without effects
    cleared: Cleared
    low: Floats
    high: Floats
    supply_share: Floats
    binds: tuple[tuple[ActiveEffect, Bind], ...]
    shock_touching: tuple[Effect, ...] = ()
    extra_served: dict[int, float] = field(default_factory=dict)  # t by demand row
    stocks: tuple[Reserve, ...] = ()
    deliveries: tuple[tuple[str, str, float, float], ...] = ()
    sellers: dict[str, str] = field(default_factory=dict)  # country by agreement

    @property
    def welfare_usd(self) -> float:
        """Return the market's objective in the period."""
        return self.cleared.welfare * self.years


def solve_base_year(base: Base) -> tuple[Solved, ...]:
    """Clear the base year of every chain.

    Measures of that year are in its data where the chain is calibrated; as read
    they are applied by date.
    """
    from oreserve.study import measure_effects

    year = base.study.settings.base_year
    start, end = date(year, 1, 1), date(year + 1, 1, 1)
    measures = [
        ActiveEffect(e, e.share_in(start, end)) for e in measure_effects(base.study)
    ]
    solved = []
    for number, market in enumerate(open_markets(base, (start,))):
        calibrated = market.chain.calibrated
        effects = 0 if calibrated else market.intern_effects(measures)
        normal = open_terms(market.problem)
        open_now = (market.chain.plants.first_year <= year) & (
            year < market.chain.plants.last_year + 1.0
        )
        normal.plant[~open_now] = 0.0
        terms = apply_effects(market.problem, market.effects(effects), normal)
        first = clear(market.problem, terms)
        fine = _refined(market, terms, first, effects)
        solved.append(
            _read(number, market, f"{start:%Y-%m}", 1.0, normal, fine, effects)
        )
    return tuple(solved)


@dataclass(frozen=True)
class _Fine:
    """A refined solution and the interval of its prices."""

    problem: Problem
    terms: Terms
    cleared: Cleared
    low: Floats
    high: Floats


def _refined(market: ChainMarket, terms: Terms, first: Cleared, effects: int) -> _Fine:
    """Refine prices where an effect is on, or where the chain is as read."""
    problem, cleared = market.problem, first
    if effects or not market.chain.calibrated:
        problem, cleared = refine(problem, terms, first, rebuild=market.rebuild)
    low, high = price_interval(problem, cleared, terms)
    cleared = replace(cleared, price=np.maximum(cleared.price, low))
    return _Fine(problem, terms, cleared, low, high)


def _read(
    number: int,
    market: ChainMarket,
    period: str,
    years: float,
    normal: Terms,
    fine: _Fine,
    effects: int,
) -> Solved:
    found = market.effects(effects)
    binds: list[tuple[ActiveEffect, Bind]] = []
    if found is not None:
        binds = [
            (found.touching[bind.effect], bind)
            for bind in binding(
                fine.problem, market.reader, found, fine.terms, fine.cleared
            )
        ]
    return Solved(
        period=period,
        years=years,
        chain_number=number,
        market=market,
        terms=fine.terms,
        normal=normal,
        cleared=fine.cleared,
        low=fine.low,
        high=fine.high,
        supply_share=initial_supply_share(fine.problem, fine.terms, found),
        binds=tuple(binds),
    )


class _DetailSimulator(Simulator):
    """A simulator whose solutions are refined and kept in full."""

    def __init__(self, base: Base, *, periods: int | None) -> None:
        # Without draws a project stands if its chance unsupported is above a half.
        support = project_support(base.study)
        self._standing = {name for name, own in support.items() if own.success > 0.5}
        super().__init__(base, periods=periods)
        self.fine: dict[tuple[int, Key], _Fine] = {}

    def may_stand(self, project: str) -> bool:
        """Return whether a project runs in a simulation of given effects."""
        return project in self._standing

    def _solve(self, chain: int, key: Key) -> tuple[Cleared, HomeView]:
        market = self.markets[chain]
        terms, first = market.solve(key)
        fine = _refined(market, terms, first, key.effects)
        self.fine[chain, key] = fine
        view = home_view(market, self.rows[chain], terms, fine.cleared)
        return fine.cleared, view


class _DetailRun(Run):
    """A run that keeps what each stock did."""

    def __init__(
        self,
        simulator: Simulator,
        scenarios: Sequence[Scenario],
        *,
        release: bool,
        policy: ReleaseRule | None = None,
    ) -> None:
        standing = Standing(release_rule=policy)
        super().__init__(simulator, scenarios, standing, release=release)
        self.stock_log: list[list[tuple[Reserve, ...]]] = []

    def step(self, period: int) -> None:
        """Take the period and write down the levels before and after."""
        super().step(period)
        self.stock_log.append(
            [
                (*self._traders(c, period), *self._reserves(c))
                for c in range(len(self.states))
            ]
        )

    def _traders(self, chain: int, period: int) -> list[Reserve]:
        market = self.simulator.markets[chain]
        cleared = market.cache[self.keys[period][chain][0]]
        after = self.states[chain].levels[0]
        nodes = market.chain.nodes
        return [
            Reserve(
                name,
                market.chain.items[nodes.item[market.stocks.node[s]]],
                float(after[s]),
                float(cleared.draw[s] * self.years),
                float(cleared.fill[s] * self.years),
            )
            for s, name in enumerate(market.stocks.name)
        ]

    def _reserves(self, chain: int) -> list[Reserve]:
        """Return home's reserve stocks, and those abroad, which are held."""
        reserves, market = self.simulator.reserves, self.simulator.markets[chain]
        rows = {name: r for r, name in enumerate(reserves.name)}
        made = []
        for row in market.reserves:
            name, item = row["stock"], row["item"]
            if name not in rows:
                made.append(Reserve(name, item, float(row["quantity_t"]), 0.0, 0.0))
                continue
            r = rows[name]
            given = float(self.released[0, r])
            made.append(Reserve(name, item, float(self.level[0, r]), given, 0.0))
        return made


def run_in_detail(
    base: Base,
    scenario: Scenario,
    shock: Sequence[Effect],
    *,
    periods: int | None,
    release: bool,
    progress: Progress | None,
    policy: ReleaseRule | None = None,
) -> tuple[Solved, ...]:
    """Simulate one scenario and read every chain and period in full."""
    simulator = _DetailSimulator(base, periods=periods)
    shares = _release_shares(simulator, scenario)
    run = _DetailRun(simulator, [shares], release=release, policy=policy)
    count = len(simulator.starts)
    for period in range(count):
        run.step(period)
        if progress is not None:
            progress("simulate", period + 1, count)
    wanted = frozenset(shock)
    return tuple(
        _detail(simulator, run, period, chain, wanted)
        for period in range(count)
        for chain in range(len(simulator.markets))
    )


def _detail(
    simulator: _DetailSimulator,
    run: _DetailRun,
    period: int,
    chain: int,
    shock: frozenset[Effect],
) -> Solved:
    market = simulator.markets[chain]
    key: Key = run.keys[period][chain][0]
    read = _read(
        chain,
        market,
        f"{simulator.starts[period]:%Y-%m}",
        simulator.years,
        market.normal_terms(key),
        simulator.fine[chain, key],
        key.effects,
    )
    # A ban on a country that may only enter one day touches nothing yet.
    touching = {active.effect for active, _ in read.binds}
    touching |= {e for e in _touching(market, key.effects) if e.kind == "stock"}
    place, rows = run.at[chain]["demand"], simulator.rows[chain]
    gained = (
        run.data["served"][0, period, place]
        - run.data["served_market"][0, period, place]
    )
    return replace(
        read,
        shock_touching=tuple(sorted(touching & shock)),
        extra_served={
            int(d): float(t)
            for d, t in zip(rows.demand, gained, strict=True)
            if t > 0.0
        },
        stocks=run.stock_log[period][chain],
        deliveries=_deliveries(run, period, chain),
        sellers={one.name: one.seller_country for one in run.deliveries},
    )


def _deliveries(
    run: Run, period: int, chain: int
) -> tuple[tuple[str, str, float, float], ...]:
    """Return agreement, item, tonnes delivered for the agreements of a chain."""
    items = run.simulator.markets[chain].chain.items
    return tuple(
        (one.name, one.item, float(run.data["agreement"][0, period, a]), 0.0)
        for a, one in enumerate(run.deliveries)
        if one.item in items
    )


def _release_shares(simulator: Simulator, scenario: Scenario) -> Scenario:
    """Spread a reserve over the periods that effects on its item still run.

    A shock states its dates, and so does a measure; an open end counts as the end
    of the horizon.
    """
    periods = len(simulator.starts)
    shares: dict[str, tuple[float, ...]] = {}
    for c, market in enumerate(simulator.markets):
        numbers = [simulator.effects_number(c, t, scenario) for t in range(periods)]
        on = [_touching(market, number) for number in numbers]
        left = []
        for t in range(periods):
            end = t
            while end < periods and on[end] & on[t]:
                end += 1
            left.append(1.0 / max(1, end - t))
        for item in market.chain.items:
            shares[item] = tuple(left)
    return replace(scenario, item_release_share=shares)


def _touching(market: ChainMarket, number: int) -> frozenset[Effect]:
    found = market.effects(number)
    return frozenset(() if found is None else (a.effect for a in found.touching))
