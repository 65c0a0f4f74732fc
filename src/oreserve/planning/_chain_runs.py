# SPDX-License-Identifier: Apache-2.0
"""One chain, many scenarios: what a plan reads, as compact arrays.

Chains share nothing in the market, so each has its own simulator with its own
store of solved sub-problems: a plan that touches three chains simulates three, and
two processes can share the work by chain.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from oreserve.market import Simulator, Standing, beyond_block, loss_usd
from oreserve.market._chain_market import Key
from oreserve.network.sums import sum_by

if TYPE_CHECKING:
    from collections.abc import Sequence

    from oreserve.market import Base, Commitment, Trajectory
    from oreserve.market._clear import Cleared
    from oreserve.market._home_view import HomeView
    from oreserve.study.scenario import Scenario

__all__ = ["ChainRuns", "ChainSpec", "chain_specs"]

Floats = npt.NDArray[np.float64]
Seller = tuple[str, str, str, bool]

UNREAD = (
    "served",
    "group_served",
    "restarted",
    "hub_in",
    "leak",
    "unsold",
    "bought",
    "sold",
    "price",
    "lane_rent",
    "plant_rent",
)
"""Parts of a solution that nobody asks for once home's view is taken."""

MOST_BYTES = 200_000_000
"""Solved keys of a chain beyond this are dropped where no scenario stands on them."""

KEPT_KEYS = 400
"""Solved keys whose trade is remembered: enough for a period of scenarios."""


@dataclass(frozen=True)
class ChainSpec:
    """What a process needs to simulate one chain.

    Parameters
    ----------
    base
        The prepared market with this chain only.
    periods
        How many.
    candidates
        Agreements on the chain's items whose shares are asked for.
    """

    base: Base
    periods: int
    candidates: tuple[Commitment, ...]

    @property
    def items(self) -> frozenset[str]:
        """Names of the chain's items."""
        return frozenset(self.base.chains[0].items)


def chain_specs(
    base: Base, periods: int, candidates: Sequence[Commitment]
) -> list[ChainSpec]:
    """Split a prepared market by chain, in its order."""
    import polars as pl

    # What was moved to prepare it is of no use to a simulation.
    light = replace(base, reconciliation=pl.DataFrame(), calibration=pl.DataFrame())
    return [
        ChainSpec(
            replace(light, chains=(chain,)),
            periods,
            tuple(one for one in candidates if one.item in chain.items),
        )
        for chain in base.chains
    ]


@dataclass(frozen=True)
class _Trade:
    """A chain's output and home's part of it, by item and country, t a year."""

    made: Floats  # (recipe lines,) outputs only
    national: Floats  # (items, countries)
    going_home: Floats  # (items, countries) 0-1


class ChainRuns(Simulator):
    """Simulator of one chain that gives arrays instead of trajectories."""

    def __init__(self, spec: ChainSpec) -> None:
        super().__init__(
            spec.base, workers=1, periods=spec.periods, candidates=spec.candidates
        )
        self.spec = spec
        self._trade: dict[Key, _Trade] = {}
        self._plant_limit: dict[Key, Floats] = {}
        self._allowed: dict[tuple[int, Seller], float] = {}
        self._most_bytes = MOST_BYTES

    def share(self, other: ChainRuns) -> None:
        """Resolve effects by date once for chains of one study.

        What is in force in a period does not depend on the chain.
        """
        if other.base.study is self.base.study and other.starts == self.starts:
            self.names = other.names

    @property
    def columns(self) -> int:
        """Size of the market programme."""
        return self.markets[0].problem.columns

    def arrays(
        self,
        scenarios: Sequence[Scenario],
        standing: Standing | None,
        *,
        release: bool,
    ) -> dict[str, Floats]:
        """Simulate and return arrays by name, scenarios and periods first."""
        found = self.run(scenarios, standing, release=release)
        self.names.forget()
        return trajectory_arrays(found, len(self.candidates))

    def totals(
        self,
        scenarios: Sequence[Scenario],
        standing: Standing | None,
        *,
        release: bool,
    ) -> dict[str, Floats]:
        """Simulate and return sums over all periods by scenario.

        Returns
        -------
        dict
            `wanted` and `short` in t and `loss` in USD, (S, D) by home's use;
            `premium` in USD, (S, I) by item. `short` counts periods in which a use
            is short beyond the market's base block; `loss` counts all that is
            missing but for the solver's noise.
        """
        from oreserve.market._run import Run

        run = Run(self, list(scenarios), standing or Standing(), release=release)
        shape = (len(run.scenarios), len(self.index.demands))
        wanted, short, loss = np.zeros(shape), np.zeros(shape), np.zeros(shape)
        missing = np.zeros(shape)
        premium = np.zeros((len(run.scenarios), len(self.index.items)))
        for period in range(len(self.starts)):
            run.step(period)
            use = run.data["wanted"][:, period]
            less = np.maximum(use - run.data["served"][:, period], 0.0)
            wanted += use
            short += beyond_block(less, use, self.index.demand_block)
            less = beyond_block(less, use, 0.0)
            missing += less
            loss += loss_usd(less, use, np.nan_to_num(self.index.demand_loss))
            premium += np.nan_to_num(run.premium)
        self.names.forget()
        # What is a rounding in one period may be less than one of the whole time.
        noise = beyond_block(missing, wanted, 0.0) <= 0.0
        short[noise], loss[noise] = 0.0, 0.0
        return {"wanted": wanted, "short": short, "loss": loss, "premium": premium}

    def served_at_base(self, scenarios: Sequence[Scenario]) -> Floats:
        """Compute what base supply would serve if nobody reacted: (S, T, D) tonnes.

        As `initial_shortfall_t` of a simulation: base activity and base trade go
        on as far as outages, bans and caps allow; prices change nothing.
        """
        market, rows = self.markets[0], self.rows[0]
        node = market.chain.demands.node[rows.demand]
        known: dict[tuple[int, int], Floats] = {}
        served = np.zeros((len(scenarios), len(self.starts), len(rows.demand)))
        for s, scenario in enumerate(scenarios):
            for t in range(len(self.starts)):
                name = (market.year_of[t], self.effects_number(0, t, scenario))
                if name not in known:
                    known[name] = self._base_supply(*name)[node]
                served[s, t] = known[name]
        demand = np.array(
            [
                market.normal_terms(Key(year, 0, market.base_lanes)).demand
                for year in market.year_of
            ]
        )
        quantity = demand[:, rows.demand] * self.years
        return served * quantity[None]

    def _base_supply(self, year: int, effects: int) -> Floats:
        """Return by node the share of base supply that arrives; 1 if unknown."""
        from oreserve.market._outlook import initial_supply_share

        market = self.markets[0]
        terms = market.terms(Key(year, effects, market.base_lanes))
        share = initial_supply_share(market.problem, terms, market.effects(effects))
        return np.where(np.isnan(share), 1.0, share)

    # --- what sellers deliver ---------------------------------------------------

    def agreement_share(
        self, chain: int, key: Key, one: Commitment, committed: float
    ) -> tuple[float, float]:
        """Return share and limit of an agreement in a solved key.

        As in the market, but flows are summed once per key for all sellers.
        """
        del chain
        seller = (one.item, one.seller_country, one.seller, one.exempt)
        share, output, factor = self._seller(key, one, seller)
        return share, max(output - committed, 0.0) * factor

    def _seller(
        self, key: Key, one: Commitment, seller: Seller
    ) -> tuple[float, float, float]:
        """Return share, output and what of a free tonne would be new at home."""
        market = self.markets[0]
        chain = market.chain
        if one.seller_country not in chain.countries:
            return 0.0, 0.0, 0.0
        trade = self._trade_of(key)
        item = chain.items.index(one.item)
        country = chain.countries.index(one.seller_country)
        output, availability = float(trade.national[item, country]), 1.0
        if output <= 0.0:
            return 0.0, 0.0, 0.0
        if one.seller:
            if one.seller not in chain.plants.name:
                return 0.0, 0.0, 0.0
            own = chain.plants.name.index(one.seller)
            lines = (chain.plants.recipe_plant == own) & (
                chain.nodes.item[chain.plants.recipe_node] == item
            )
            # A plant counts where it stands, as its country's output does.
            at_home = chain.plants.country[own] == country
            output = float(trade.made[lines].sum()) if at_home else 0.0
            limit = float(market.problem.plant_limit[own])
            if limit > 0.0:
                availability = min(1.0, float(self._plants(key)[own]) / limit)
        allowed = 1.0 if one.exempt else self._permission(key.effects, one, seller)
        factor = allowed * (1.0 - float(trade.going_home[item, country]))
        return availability * factor, output, factor

    def _trade_of(self, key: Key) -> _Trade:
        if key not in self._trade:
            if len(self._trade) >= KEPT_KEYS:
                self._trade.clear()
            self._trade[key] = self._sum_trade(self.markets[0].cache[key])
        return self._trade[key]

    def _sum_trade(self, cleared: Cleared) -> _Trade:
        """Sum output, and its part that goes home, by item and country."""
        market = self.markets[0]
        chain, hub = market.chain, market.problem.hub
        nodes, plants, lanes = chain.nodes, chain.plants, chain.lanes
        countries = len(chain.countries)
        size = len(chain.items) * countries
        made = np.maximum(plants.recipe_t_per_t, 0.0)
        made = made * cleared.activity[plants.recipe_plant]
        line = nodes.item[plants.recipe_node] * countries
        line = line + plants.country[plants.recipe_plant]
        national = sum_by(line, made, minlength=size)
        at_home = np.zeros(market.problem.node_rows, dtype=bool)
        at_home[market.problem.home_node] = True
        place = nodes.item * countries + nodes.country
        tail, to_home = place[lanes.from_node], at_home[lanes.to_node]
        arriving = sum_by(tail, cleared.flow * to_home, minlength=size)
        leaving = sum_by(tail, cleared.flow * ~to_home, minlength=size)
        leaving += sum_by(place[hub.out_node], cleared.hub_out, minlength=size)
        own = np.zeros(size, dtype=bool)
        own[place[at_home]] = True
        whole = np.where(national > 0.0, national, 1.0)
        going = np.where(own, 1.0 - leaving / whole, arriving / whole)
        shape = (len(chain.items), countries)
        return _Trade(
            made, national.reshape(shape), np.clip(going, 0.0, 1.0).reshape(shape)
        )

    def _plants(self, key: Key) -> Floats:
        """Return what plants may run, t a year."""
        if key not in self._plant_limit:
            self._plant_limit[key] = self.markets[0].terms(key).plant
        return self._plant_limit[key]

    def _permission(self, effects: int, one: Commitment, seller: Seller) -> float:
        from oreserve.market._home_view import _permission

        name = (effects, seller)
        if name not in self._allowed:
            self._allowed[name] = _permission(self.markets[0], one, effects)
        return self._allowed[name]

    def _solve(self, chain: int, key: Key) -> tuple[Cleared, HomeView]:
        from oreserve.market._home_view import home_view

        market = self.markets[chain]
        terms, cleared = market.solve(key)
        if self.candidates:
            self._plant_limit[key] = terms.plant
        view = home_view(market, self.rows[chain], terms, cleared)
        # Thousands of keys are kept: only what is read again stays.
        empty: dict[str, Any] = dict.fromkeys(UNREAD, np.zeros(0))
        return replace(cleared, **empty), view

    def _drop_all_but(self, asked: set[tuple[int, Key]]) -> None:
        """Drop what is remembered of keys together with them."""
        super()._drop_all_but(asked)
        held = self.markets[0].cache
        if len(self._plant_limit) > len(held):
            self._plant_limit = {
                k: v for k, v in self._plant_limit.items() if k in held
            }
            self._trade = {k: v for k, v in self._trade.items() if k in held}


def trajectory_arrays(found: list[Trajectory], candidates: int) -> dict[str, Floats]:
    """Stack trajectories: what a plan reads, scenarios and periods first."""

    def stack(name: str) -> Floats:
        return np.array([getattr(one, name) for one in found], dtype=float)

    share = stack("agreement_share")
    return {
        "wanted": stack("wanted"),
        "served_market": stack("served_market"),
        "served": stack("served"),
        "price": stack("price"),
        "release": stack("release"),
        "fill": stack("fill"),
        "stock": stack("stock"),
        "release_share": stack("release_share"),
        "fillable": stack("fillable"),
        "candidate_share": share[:, :, share.shape[2] - candidates :],
        "agreement": stack("agreement").sum(axis=2),
        "output": stack("output"),
        "room": stack("home_plant_room"),
        "premium": stack("premium_usd") / 1e6,
    }
