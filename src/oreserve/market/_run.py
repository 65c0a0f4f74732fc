# SPDX-License-Identifier: Apache-2.0
"""A batch of scenarios on its way through the periods.

Each period: the market of every chain; orders of the reserve where home is not
short (the market sees them); then, in this order, agreements deliver and the
reserve gives to home's unserved use.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from oreserve.market._after import (
    agreement_tonnes,
    allocate,
    claim_order,
    loss_usd,
    release_limit,
)
from oreserve.market._standing import Commitment, ProjectSupport, Standing
from oreserve.market._stocks import next_level
from oreserve.market._trajectory import Trajectory, TrajectoryIndex
from oreserve.network.sums import sum_by

if TYPE_CHECKING:
    from collections.abc import Sequence

    from oreserve.market._chain_market import Key
    from oreserve.market._simulator import EffectsName, Simulator
    from oreserve.study.scenario import Scenario

__all__ = ["PREMIUM_CAP", "SHORT_TOLERANCE", "Run"]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

SHORT_TOLERANCE = 0.05  # of use: with less short than this home counts as supplied
PREMIUM_CAP = 3.0  # times the base price
DUST = 1e-9  # tonnes


class Run:
    """Scenarios under one plan; `step` takes them through a period."""

    def __init__(
        self,
        simulator: Simulator,
        scenarios: Sequence[Scenario],
        plan: Standing,
        *,
        release: bool,
    ) -> None:
        self.simulator = simulator
        self.scenarios = list(scenarios)
        self.plan = plan
        self.release_on = release
        self.years = simulator.years
        own = [*simulator.commitments, *plan.agreements]
        self.deliveries = [a for a in own if not a.buyer]
        self.foreign = [a for a in own if a.buyer]
        self.reported = [*self.deliveries, *simulator.candidates]
        self.index: TrajectoryIndex = replace(
            simulator.index, agreements=tuple(a.name for a in self.reported)
        )
        size = len(self.scenarios)
        self.states = [m.opening(size) for m in simulator.markets]
        self.keys: list[list[list[Key]]] = []  # period, chain, scenario
        reserves = simulator.reserves
        self.level = np.tile(reserves.opening, (size, 1))
        self.orders = sorted(plan.orders)
        self.left = np.tile([o.tonnes for o in self.orders], (size, 1)).reshape(
            size, -1
        )
        self.support = {**simulator.support, **plan.projects}
        self._place()
        self.data = self._allocate(size)

    def _place(self) -> None:
        """Find where each chain's rows lie on the axes of the result."""
        simulator = self.simulator
        origin = {c: k for k, c in enumerate(self.index.origins)}
        self.at: list[dict[str, slice]] = []
        self.origins: list[Ints] = []
        demand = item = plant = home = 0
        for market, rows in zip(simulator.markets, simulator.rows, strict=True):
            count = len(market.chain.plants.name)
            self.at.append(
                {
                    "demand": slice(demand, demand + len(rows.demand)),
                    "item": slice(item, item + len(rows.item)),
                    "plant": slice(plant, plant + count),
                    "home": slice(home, home + len(rows.plant)),
                }
            )
            demand += len(rows.demand)
            item += len(rows.item)
            plant += count
            home += len(rows.plant)
            places = [origin[c] for c in market.chain.countries]
            self.origins.append(np.array(places, dtype=np.int64))
        self.item_at = {name: k for k, name in enumerate(self.index.items)}
        self.chain_of = {
            name: c
            for c, market in enumerate(simulator.markets)
            for name in market.chain.items
        }
        reserve_item = simulator.reserves.item
        self.reserve_rows = [
            np.flatnonzero([i == name for i in reserve_item])
            for name in self.index.items
        ]
        self.fill_row = [int(rows[-1]) for rows in self.reserve_rows]

    def _allocate(self, size: int) -> dict[str, npt.NDArray[np.float64]]:
        index, periods = self.index, len(self.simulator.starts)
        demands, items = len(index.demands), len(index.items)
        agreements = len(self.reported)
        shape = {
            "wanted": (demands,),
            "served_market": (demands,),
            "served": (demands,),
            "loss_usd": (),
            "premium_usd": (),
            "price": (items,),
            "inflow": (items, len(index.origins)),
            "commercial": (items,),
            "output": (len(index.plants),),
            "release": (items,),
            "fill": (items,),
            "stock": (items,),
            "release_share": (items,),
            "fillable": (items,),
            "agreement": (agreements,),
            "agreement_share": (agreements,),
            "agreement_limit": (agreements,),
            "home_plant_room": (len(index.home_plants),),
        }
        return {k: np.zeros((size, periods, *v)) for k, v in shape.items()}

    # --- one period ------------------------------------------------------------------

    def step(self, period: int) -> None:
        """Clear, buy, deliver, release, and move every state on."""
        self.released = np.zeros_like(self.level)
        names = [self.simulator.effects_name(period, s) for s in self.scenarios]
        keys = [
            self._keys(chain, period, names)
            for chain in range(len(self.simulator.markets))
        ]
        self._solve(keys)
        keys = self._with_orders(keys, period)
        keys = self._with_sales(keys, period)
        self.keys.append(keys)
        for chain in range(len(keys)):
            self._read(chain, period, keys[chain])
            self._agreements(chain, period, keys[chain])
            self._release(chain, period, keys[chain])
        self._close(period)
        self._move_on(keys)

    def _keys(self, chain: int, period: int, names: list[EffectsName]) -> list[Key]:
        simulator = self.simulator
        market = simulator.markets[chain]
        announced = simulator.threat(chain, period)
        projects = self._projects(chain, period)
        effects = [simulator.number_of(chain, name) for name in names]
        states, shock = self.states[chain], np.array(effects) > 0
        keys = market.keys(
            states, period, effects, threat=announced | shock, projects=projects
        )
        states.shocked = np.where(shock, states.shocked + 1, 0)
        return keys

    def _projects(self, chain: int, period: int) -> list[tuple[tuple[int, float], ...]]:
        """Return the projects of a chain that run, with their share of capacity."""
        market = self.simulator.markets[chain]
        start = self.simulator.starts[period]
        year = start.year + (start.month - 1) / 12.0
        found: list[list[tuple[int, float]]] = [[] for _ in self.scenarios]
        for k, project in enumerate(market.projects):
            support = self.support.get(project.name, ProjectSupport(0.0, np.inf))
            delay = f"delay {project.name}"
            for s, scenario in enumerate(self.scenarios):
                draws = scenario.draws
                if draws.get(project.name, 0.5) >= support.success:
                    continue
                late = draws.get(delay, 0.0)
                share = project.share(year - support.start_year - late + 1e-9)
                if share > 0.0:
                    found[s].append((k, share))
        return [tuple(one) for one in found]

    def _solve(self, keys: list[list[Key]]) -> None:
        wanted = [(c, k) for c, one in enumerate(keys) for k in dict.fromkeys(one)]
        self.simulator.solve_all(wanted)

    def _unique(self, keys: Sequence[Key]) -> tuple[list[Key], Ints]:
        """Return distinct keys and the position of each scenario's key."""
        place: dict[Key, int] = {}
        at = [place.setdefault(key, len(place)) for key in keys]
        return list(place), np.array(at, dtype=np.int64)

    # --- the reserve in the market ---------------------------------------------------

    def _with_orders(self, keys: list[list[Key]], period: int) -> list[list[Key]]:
        """Add the reserve's bids where home is not short, and clear again."""
        start = self.simulator.starts[period]
        due: dict[int, dict[int, list[int]]] = {}
        for k, order in enumerate(self.orders):
            if order.start <= start and order.item in self.item_at:
                chain = self.chain_of[order.item]
                item = self.item_at[order.item] - self.at[chain]["item"].start
                due.setdefault(chain, {}).setdefault(item, []).append(k)
        for chain in range(len(keys)):
            unique, at = self._unique(keys[chain])
            fillable = np.array([self._fillable(chain, key) for key in unique]).reshape(
                len(unique), -1
            )[at]
            self.data["fillable"][:, period, self.at[chain]["item"]] = fillable
        changed = False
        for chain, items in due.items():
            new = list(keys[chain])
            for s in range(len(self.scenarios)):
                bids = self._bids(chain, s, items, period)
                if bids:
                    new[s] = replace(new[s], bids=bids)
                    changed = True
            keys[chain] = new
        if changed:
            self._solve(keys)
            for chain, items in due.items():
                self._take(chain, items, keys[chain], period)
        return keys

    def _fillable(self, chain: int, key: Key) -> npt.NDArray[np.bool_]:
        """Return by item whether home is not short of it (5 % of use)."""
        view, rows = self.simulator.view(chain, key), self.simulator.rows[chain]
        count = len(rows.item)
        wanted = sum_by(rows.demand_item, view.wanted, minlength=count)
        short = np.maximum(view.wanted - view.served, 0.0)
        short = sum_by(rows.demand_item, short, minlength=count)
        return short <= SHORT_TOLERANCE * wanted

    def _bids(
        self, chain: int, s: int, items: dict[int, list[int]], period: int
    ) -> tuple[tuple[int, float, float], ...]:
        rows = self.simulator.rows[chain]
        at = self.at[chain]["item"].start
        bids = []
        for item in sorted(items):
            waiting = [k for k in items[item] if self.left[s, k] > DUST]
            if not waiting or not self.data["fillable"][s, period, at + item]:
                continue
            tonnes = float(f"{self.left[s, waiting].sum():.6g}")
            price = min(self.orders[k].bid_usd_per_t for k in waiting)
            bids.append((int(rows.buyer[item]), tonnes, price))
        return tuple(bids)

    def _take(
        self, chain: int, items: dict[int, list[int]], keys: list[Key], period: int
    ) -> None:
        """Book what was bought: the oldest orders first."""
        at = self.at[chain]["item"].start
        for s, key in enumerate(keys):
            if not key.bids:
                continue
            bought = self.simulator.view(chain, key).bought * self.years
            for item in sorted(items):
                tonnes = float(bought[item])
                self.data["fill"][s, period, at + item] = tonnes
                for k in items[item]:
                    taken = min(tonnes, self.left[s, k])
                    self.left[s, k] -= taken
                    tonnes -= taken

    def _with_sales(self, keys: list[list[Key]], period: int) -> list[list[Key]]:
        """Sell into the market what stocks with that rule may release."""
        reserves = self.simulator.reserves
        sellers = np.flatnonzero(reserves.market)
        if not self.release_on or not len(sellers):
            return keys
        changed = False
        for r in sellers:
            item = reserves.item[r]
            if item not in self.item_at:
                continue
            chain = self.chain_of[item]
            at = self.item_at[item] - self.at[chain]["item"].start
            rows = self.simulator.rows[chain]
            new = list(keys[chain])
            share = np.array(
                [
                    self._release_share(item, scenario, period, key)
                    for scenario, key in zip(self.scenarios, new, strict=True)
                ]
            )
            limits = self._limits(int(r), chain, new, share)
            for s in range(len(self.scenarios)):
                view = self.simulator.view(chain, new[s])
                hit = rows.demand_item == at
                short = np.maximum(view.wanted - view.served, 0.0)[hit].sum()
                tonnes = min(float(limits[s]), float(short) * self.years)
                if tonnes > DUST:
                    sale = (int(rows.buyer[at]), float(f"{tonnes:.6g}"))
                    new[s] = replace(new[s], sales=(*new[s].sales, sale))
                    self.data["release"][s, period, self.item_at[item]] += sale[1]
                    self.level[s, r] -= sale[1]
                    self.released[s, r] += sale[1]
                    changed = True
            keys[chain] = new
        if changed:
            self._solve(keys)
        return keys

    # --- after the market ------------------------------------------------------------

    def _read(self, chain: int, period: int, keys: list[Key]) -> None:
        simulator, data, years = self.simulator, self.data, self.years
        unique, at = self._unique(keys)
        views = [simulator.view(chain, key) for key in unique]
        place = self.at[chain]
        for name, attribute, unit, where in (
            ("wanted", "wanted", years, "demand"),
            ("served_market", "served", years, "demand"),
            ("price", "price", 1.0, "item"),
            ("commercial", "commercial", years, "item"),
            ("home_plant_room", "room", years, "home"),
        ):
            table = np.array([getattr(v, attribute) for v in views])
            if table.size:
                data[name][:, period, place[where]] = unit * table[at]
        cleared = [simulator.markets[chain].cache[key] for key in unique]
        output = np.array([c.activity for c in cleared]).reshape(len(unique), -1)
        data["output"][:, period, place["plant"]] = years * output[at]
        items = place["item"]
        if items.stop > items.start:
            inflow = years * np.array([v.inflow for v in views])[at]
            lines = np.arange(items.start, items.stop)
            target = data["inflow"][:, period]
            target[:, lines[:, None], self.origins[chain][None, :]] = inflow
        data["served"][:, period, place["demand"]] = data["served_market"][
            :, period, place["demand"]
        ]

    def _short(self, chain: int, period: int) -> Floats:
        """Return what home still lacks, tonnes by scenario and demand row."""
        place = self.at[chain]["demand"]
        wanted = self.data["wanted"][:, period, place]
        return np.maximum(wanted - self.data["served"][:, period, place], 0.0)

    def _serve(
        self,
        chain: int,
        period: int,
        item: int,
        tonnes: Floats,
        level: Floats | None = None,
    ) -> Floats:
        """Give tonnes to home's short uses of an item; return what was given.

        With a level (a release from stock) the plan's rule says what is worth it.
        """
        rows = self.simulator.rows[chain]
        hit = np.flatnonzero(rows.demand_item == item)
        if not len(hit):
            return np.zeros(len(self.scenarios))
        place = self.at[chain]["demand"].start + hit
        classes = [self.index.demand_class[d] for d in place]
        order = claim_order(classes, self.index.demand_loss[place])
        short = self._short(chain, period)[:, hit]
        rule = self.plan.release_rule
        if rule is not None and level is not None:
            short = rule.worth(
                self.index.demand_item[place[0]],
                self.simulator.starts[period],
                self.scenarios,
                period=period,
                level=level,
                short=short,
                wanted=self.data["wanted"][:, period, place],
                loss_usd_per_t=self.index.demand_loss[place],
            )
        given = allocate(tonnes, short, order)
        self.data["served"][:, period, place] += given
        return np.asarray(given.sum(axis=-1), dtype=float)

    def _agreements(self, chain: int, period: int, keys: list[Key]) -> None:
        market = self.simulator.markets[chain]
        items = market.chain.items
        unique, at = self._unique(keys)
        used: dict[tuple[str, str, str], Floats] = {}
        for a, one in enumerate(self.reported):
            if one.item not in items or one.item not in self.item_at:
                continue
            force = self._in_force(one, period)
            committed = self._committed(one, period)
            pairs = [
                self.simulator.agreement_share(chain, key, one, committed)
                for key in unique
            ]
            share, limit = np.array(pairs, dtype=float).reshape(-1, 2)[at].T
            self.data["agreement_share"][:, period, a] = share * one.kappa * force
            self.data["agreement_limit"][:, period, a] = limit * self.years
            if a >= len(self.deliveries) or force <= 0.0:
                continue
            seller = (one.seller_country, one.seller, one.item)
            taken = used.get(seller, np.zeros(len(self.scenarios)))
            ready = agreement_tonnes(
                one.t_per_year * self.years * force,
                kappa=one.kappa,
                availability=share,
                permission=1.0,
                home_share=0.0,
            )
            ready = np.minimum(ready, np.maximum(limit * self.years - taken, 0.0))
            item = self.item_at[one.item] - self.at[chain]["item"].start
            given = self._serve(chain, period, item, ready)
            used[seller] = taken + given
            self.data["agreement"][:, period, a] = given

    def _in_force(self, one: Commitment, period: int) -> float:
        start, end = self.simulator.starts[period], self.simulator.ends[period]
        first, last = max(one.start, start), min(one.until, end)
        return max(0.0, (last - first).days / (end - start).days)

    def _committed(self, one: Commitment, period: int) -> float:
        """Return tonnes a year that others have signed for with the same seller."""
        return sum(
            other.t_per_year * other.kappa * self._in_force(other, period)
            for other in self.foreign
            if other.item == one.item
            and other.seller_country == one.seller_country
            and other.seller == one.seller
        )

    def _release_share(
        self, item: str, scenario: Scenario, period: int, key: Key
    ) -> float:
        """Return the share that the rule lets go; nothing goes where all is calm."""
        if not self.release_on or key.effects == 0:
            return 0.0
        return scenario.release_for(item, period)

    def _limits(self, row: int, chain: int, keys: list[Key], share: Floats) -> Floats:
        """Return the most that each scenario may take from a reserve stock, t."""
        reserves, market = self.simulator.reserves, self.simulator.markets[chain]
        access = np.full(len(keys), reserves.accessible[row])
        at = reserves.row_in_chain[row]
        if at >= 0:
            number = np.array([key.effects for key in keys])
            for one in np.unique(number[number > 0]):
                effects = market.effects(int(one))
                if effects is not None:
                    access[number == one] *= effects.stock[at]
        return release_limit(
            self.level[:, row],
            share=share,
            accessible=access,
            most=float(reserves.most[row]),
        )

    def _release(self, chain: int, period: int, keys: list[Key]) -> None:
        """Directed release: to home's unserved use by class order, no resale."""
        items = self.at[chain]["item"]
        for k in range(items.start, items.stop):
            name = self.index.items[k]
            share = np.array(
                [
                    self._release_share(name, scenario, period, keys[s])
                    for s, scenario in enumerate(self.scenarios)
                ]
            )
            rule = self.plan.release_rule
            ruled = rule is not None and rule.covers(name)
            if ruled:
                # The policy weighs a tonne now against one kept: all may go.
                share = np.where(share > 0.0, 1.0, 0.0)
            self.data["release_share"][:, period, k] = share
            rows = self.reserve_rows[k]
            rows = rows[~self.simulator.reserves.market[rows]]
            if not np.any(self.level[:, rows] > 0.0) or not np.any(share > 0.0):
                continue
            limit = np.stack(
                [self._limits(int(r), chain, keys, share) for r in rows], axis=1
            )
            total = limit.sum(axis=1)
            level = self.level[:, rows].sum(axis=1) if ruled else None
            given = self._serve(chain, period, k - items.start, total, level)
            part = np.divide(given, total, out=np.zeros_like(total), where=total > 0.0)
            self.level[:, rows] -= limit * part[:, None]
            self.released[:, rows] += limit * part[:, None]
            self.data["release"][:, period, k] += given

    # --- closing a period ----------------------------------------------------------

    def _close(self, period: int) -> None:
        """Book losses, the import premium and the levels of the reserve."""
        data, index = self.data, self.index
        reserves = self.simulator.reserves
        wanted, served = data["wanted"][:, period], data["served"][:, period]
        short = np.maximum(wanted - served, 0.0)
        loss = loss_usd(short, wanted, np.nan_to_num(index.demand_loss))
        data["loss_usd"][:, period] = loss.sum(axis=-1)
        self.premium = self._premium(period)
        data["premium_usd"][:, period] = np.nansum(self.premium, axis=-1)
        for k, row in enumerate(self.fill_row):
            self.level[:, row] += data["fill"][:, period, k]
        self.level = next_level(
            self.level, np.zeros(1), np.zeros(1), decay=reserves.decay, years=self.years
        )
        for k, rows in enumerate(self.reserve_rows):
            data["stock"][:, period, k] = self.level[:, rows].sum(axis=1)

    def _premium(self, period: int) -> Floats:
        """Return the import premium by item: what dearer net imports cost, capped."""
        base = self.simulator.base_price
        price = self.data["price"][:, period]
        with np.errstate(invalid="ignore"):
            dearer = np.clip(price - base, 0.0, PREMIUM_CAP * base)
        net = np.maximum(self.data["inflow"][:, period].sum(axis=-1), 0.0)
        counted = np.where(self.simulator.premium_counts, dearer, 0.0)
        return np.asarray(counted * net, dtype=float)

    def _move_on(self, keys: list[list[Key]]) -> None:
        for chain, market in enumerate(self.simulator.markets):
            stocks, cache = market.stocks, market.cache
            states = self.states[chain]
            states.lanes = [market.lane_after[key] for key in keys[chain]]
            if len(stocks.name):
                unique, at = self._unique(keys[chain])
                fill, draw = (
                    np.array([getattr(cache[key], name) for key in unique])[at]
                    for name in ("fill", "draw")
                )
                states.levels = next_level(
                    states.levels,
                    fill * self.years,
                    draw * self.years,
                    decay=stocks.decay,
                    years=self.years,
                )

    def trajectories(self) -> list[Trajectory]:
        """Return what each scenario left behind, in the order they were given."""
        data = self.data
        made = []
        for s, scenario in enumerate(self.scenarios):
            arrays = {name: table[s] for name, table in data.items()}
            arrays["fillable"] = arrays["fillable"] > 0.5
            made.append(Trajectory(number=scenario.number, **arrays))
        return made
