# SPDX-License-Identifier: Apache-2.0
"""What measures, driver states and shocks do to the limits of one chain.

Several effects on one thing multiply (factors) or the tightest holds (caps). An
effect that is in force for a part of a period counts in proportion.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cache, cached_property
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from oreserve.market._clear import FlowCap, Terms
from oreserve.network.sums import sum_by

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from oreserve.market._problem import Problem
    from oreserve.study.scenario import Effect

__all__ = ["ActiveEffect", "ChainEffects", "EffectReader", "apply_effects"]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

EVERYBODY = "*"
RESIDUAL = ("joint", "stock_build")  # classes that are no use of anybody


@dataclass(frozen=True, order=True)
class ActiveEffect:
    """An effect in one period: its share of the period, and whether it is new."""

    effect: Effect
    share: float = 1.0
    is_new: bool = False


@dataclass(frozen=True)
class Touched:
    """What an effect touches in a chain: indices into its rows."""

    plants: Ints
    demands: Ints
    stocks: Ints
    lanes: Ints
    hub_out: Ints
    hub_in: Ints
    class_share: Floats  # (lanes,) part of a flow that a class-bound ban stops

    @cached_property
    def count(self) -> int:
        """Return how many rows are touched."""
        parts = (self.plants, self.demands, self.stocks, self.lanes)
        return sum(len(p) for p in parts) + len(self.hub_out) + len(self.hub_in)


@dataclass(frozen=True)
class ChainEffects:
    """All effects of a period on a chain, as factors and caps."""

    plant: Floats  # (F,) availability
    demand: Floats  # (D,) factor
    stock: Floats  # (S,) accessible part
    lane: Floats  # (L,) open part
    hub_out: Floats  # (E,)
    hub_in: Floats  # (M,)
    tariff: Floats  # (L,)
    leak_t: Floats  # (Q,) tonnes a year that leak to each home node
    leak_open: npt.NDArray[np.bool_]  # (K,)
    caps: tuple[_Cap, ...] = ()
    touching: tuple[ActiveEffect, ...] = field(default=())


@dataclass(frozen=True)
class _Cap:
    lanes: Ints
    hub_out: Ints
    hub_in: Ints
    limit: float
    share: float
    effect: int  # index into ChainEffects.touching
    pieces: Ints  # of the lanes, counted from the first lane column


class EffectReader:
    """Resolve the names of effects against one chain.

    Parameters
    ----------
    problem
        The chain's programme.
    members
        From a country, bloc or ``*`` to countries.
    plant_stage
        Stage of the process of each plant.
    stock_item, stock_country
        Node data of stock rows, as item and country names.
    period_days
        Days of a period: a licence's delay is measured by it.
    never_run
        Plants that no period runs: projects that do not stand.
    """

    def __init__(
        self,
        problem: Problem,
        *,
        members: Callable[[str], Sequence[str]],
        plant_stage: Sequence[str],
        stock_item: Sequence[str] = (),
        stock_country: Sequence[str] = (),
        period_days: float = 365.25,
        never_run: Sequence[int] = (),
    ) -> None:
        self._problem = problem
        self._members = cache(members)
        self._plant_stage = np.array(plant_stage, dtype=object)
        self._stock_item = tuple(stock_item)
        self._stock_country = np.array(stock_country, dtype=object)
        self._period_days = period_days
        self._touched: dict[Effect, Touched | None] = {}
        self._by_identity: dict[int, Touched | None] = {}
        self._kept: list[Effect] = []
        chain = problem.chain
        country = np.array(chain.countries, dtype=object)
        self._node_country = country[chain.nodes.country]
        self._plant_country = country[chain.plants.country]
        self._items = {item: k for k, item in enumerate(chain.items)}
        # A country that makes nothing trades nothing that a ban could stop, and its
        # ban must not put a whole chain on alert. A project counts as a maker where
        # it may stand: once it does, the ban holds.
        plants = chain.plants
        makes = plants.recipe_t_per_t > 0.0
        makes &= ~np.isin(plants.recipe_plant, list(never_run))
        standing = np.unique(plants.recipe_node[makes])
        self._standing_leg = np.isin(problem.hub.out_node, standing)

    def touched(self, effect: Effect) -> Touched | None:
        """Return what an effect touches; None if nothing in this chain."""
        if id(effect) in self._by_identity:
            return self._by_identity[id(effect)]
        if effect not in self._touched:
            found = self._find(effect)
            legs = self._standing_leg[found.hub_out]
            rows = found.count - len(found.hub_out) + int(legs.sum())
            self._touched[effect] = found if rows else None
        # Kept alive, so that no other effect gets the same identity.
        self._kept.append(effect)
        self._by_identity[id(effect)] = self._touched[effect]
        return self._touched[effect]

    def relevant(self, active: Iterable[ActiveEffect]) -> tuple[ActiveEffect, ...]:
        """Return the effects that touch the chain, sorted: the key of a period."""
        known = self._by_identity
        found = set()
        for one in active:
            name = id(one.effect)
            if name not in known:
                self.touched(one.effect)
            if known[name] is not None and one.share > 0.0:
                found.add(one)
        return tuple(sorted(found))

    def selects(self, effect: Effect, item: int, exporter: str) -> bool:
        """Return whether a measure on trade stops an item on its way home."""
        home = set(self._problem.rules.home)
        actors = self._members(effect.actor or EVERYBODY)
        targets = self._members(effect.target or EVERYBODY)
        chosen = bool(self._selected_items(effect)[item]) and not effect.klass
        return chosen and exporter in actors and bool(home & set(targets))

    # --- selection ---------------------------------------------------------------

    def _selected_items(self, effect: Effect) -> npt.NDArray[np.bool_]:
        chain = self._problem.chain
        return np.array(
            [
                (not effect.minerals or chain.minerals[k] in effect.minerals)
                and (not effect.items or item in effect.items)
                and (not effect.stage or chain.stages[k] == effect.stage)
                for k, item in enumerate(chain.items)
            ],
            dtype=bool,
        )

    def _find(self, effect: Effect) -> Touched:
        none = np.zeros(0, dtype=np.int64)
        parts = {"plants": none, "demands": none, "stocks": none}
        parts |= {"lanes": none, "hub_out": none, "hub_in": none}
        share = np.zeros(0)
        if effect.kind == "outage":
            parts["plants"] = self._find_plants(effect)
        elif effect.kind == "demand":
            parts["demands"] = self._find_demands(effect)
        elif effect.kind == "stock":
            parts["stocks"] = self._find_stocks(effect)
        else:
            lanes, hub_out, hub_in = self._find_flows(effect)
            parts |= {"lanes": lanes, "hub_out": hub_out, "hub_in": hub_in}
            share = self._class_share(effect, lanes)
            if effect.klass:
                # A flow stopped for one class still reaches the others.
                parts["hub_out"] = parts["hub_in"] = none
                parts["lanes"], share = lanes[share > 0.0], share[share > 0.0]
        return Touched(**parts, class_share=share)

    def _find_plants(self, effect: Effect) -> Ints:
        chain = self._problem.chain
        main = chain.plants.main_item
        chosen = np.array(
            [
                (not effect.minerals or chain.minerals[k] in effect.minerals)
                and (not effect.items or chain.items[k] in effect.items)
                for k in main
            ],
            dtype=bool,
        )
        if effect.stage:
            chosen &= self._plant_stage == effect.stage
        if effect.country:
            chosen &= np.isin(self._plant_country, self._members(effect.country))
        return np.flatnonzero(chosen)

    def _find_demands(self, effect: Effect) -> Ints:
        rows = self._problem.chain.demands
        nodes = self._problem.chain.nodes
        chosen = self._selected_items(effect)[nodes.item[rows.node]]
        chosen &= np.array([k not in RESIDUAL for k in rows.klass], dtype=bool)
        if effect.country:
            allowed = self._members(effect.country)
            chosen &= np.isin(self._node_country[rows.node], allowed)
        if effect.klass:
            chosen &= np.array([k == effect.klass for k in rows.klass], dtype=bool)
        return np.flatnonzero(chosen)

    def _find_stocks(self, effect: Effect) -> Ints:
        items = self._selected_items(effect)
        chosen = np.array(
            [bool(items[self._items[item]]) for item in self._stock_item], dtype=bool
        )
        if effect.country and len(chosen):
            chosen &= np.isin(self._stock_country, self._members(effect.country))
        return np.flatnonzero(chosen)

    def _find_flows(self, effect: Effect) -> tuple[Ints, Ints, Ints]:
        """Return lanes from actor to target and the hub legs that would go around.

        Trade inside the actor (a bloc) is not touched. An actor's leg to the hub is;
        where everybody is the actor, the targets' legs from the hub are instead.
        """
        chain, hub = self._problem.chain, self._problem.hub
        items = self._selected_items(effect)
        none = np.zeros(0, dtype=np.int64)
        if not items.any():
            return none, none, none
        actors = set(self._members(effect.actor or EVERYBODY))
        targets = set(self._members(effect.target or EVERYBODY))
        everybody = not effect.actor or effect.actor == EVERYBODY
        from_country = self._node_country[chain.lanes.from_node]
        to_country = self._node_country[chain.lanes.to_node]
        chosen = items[chain.nodes.item[chain.lanes.from_node]]
        chosen &= np.isin(from_country, list(actors))
        chosen &= np.isin(to_country, list(targets))
        if not everybody and len(actors) > 1:
            chosen &= ~np.isin(to_country, list(actors))
        lanes = np.flatnonzero(chosen)
        if everybody:
            legs = items[chain.nodes.item[hub.in_node]]
            legs &= np.isin(self._node_country[hub.in_node], list(targets))
            return lanes, none, np.flatnonzero(legs)
        if effect.kind == "lane" and effect.target not in {"", EVERYBODY}:
            return lanes, none, none
        legs = items[chain.nodes.item[hub.out_node]]
        legs &= np.isin(self._node_country[hub.out_node], list(actors))
        return lanes, np.flatnonzero(legs), none

    def _class_share(self, effect: Effect, lanes: Ints) -> Floats:
        """Return the part of each flow that a class-bound measure stops.

        The class's part of the final use at the importer; where an importer has no
        final use of the item, its part of the importer's use in the whole chain.
        """
        if not effect.klass:
            return np.ones(len(lanes))
        chain = self._problem.chain
        rows = chain.demands
        real = np.array([k not in RESIDUAL for k in rows.klass], dtype=bool)
        hit = np.array([k == effect.klass for k in rows.klass], dtype=bool)
        count = len(chain.nodes.item)
        total = sum_by(rows.node[real], rows.quantity[real], minlength=count)
        part = sum_by(rows.node[hit], rows.quantity[hit], minlength=count)
        country = chain.nodes.country
        worth = np.nan_to_num(chain.nodes.price)
        total_c = sum_by(country, total * worth)
        part_c = sum_by(country, part * worth)
        to_node = chain.lanes.to_node[lanes]
        wide = np.divide(
            part_c, total_c, out=np.zeros_like(part_c), where=total_c > 0.0
        )[country[to_node]]
        local = np.divide(part, total, out=np.full(count, np.nan), where=total > 0.0)[
            to_node
        ]
        return np.where(np.isnan(local), wide, local)

    # --- factors and caps --------------------------------------------------------

    def compile(self, active: Sequence[ActiveEffect]) -> ChainEffects:
        """Join the effects of a period into factors and caps of the chain."""
        problem, chain = self._problem, self._problem.chain
        plant, demand = (
            np.ones(len(chain.plants.name)),
            np.ones(len(chain.demands.name)),
        )
        stock, lane = np.ones(len(self._stock_item)), np.ones(problem.lane.owners)
        hub_out, hub_in = (
            np.ones(problem.hub_out.owners),
            np.ones(problem.hub_in.owners),
        )
        tariff = np.zeros(problem.lane.owners)
        leak_t = np.zeros(len(problem.hub.leak_home))
        leak_open = np.zeros(problem.leak.owners, dtype=bool)
        caps: list[_Cap] = []
        for index, one in enumerate(active):
            effect, share = one.effect, one.share
            hit = self.touched(effect)
            if hit is None:
                continue
            rest = 1.0 - share * (1.0 - effect.factor)
            if effect.kind == "outage":
                plant[hit.plants] *= rest
            elif effect.kind == "demand":
                demand[hit.demands] *= rest
            elif effect.kind == "stock":
                stock[hit.stocks] *= rest
            elif effect.kind == "lane":
                lane[hit.lanes] *= rest
                hub_out[hit.hub_out] *= rest
                hub_in[hit.hub_in] *= rest
            elif effect.kind == "tariff":
                tariff[hit.lanes] += share * effect.tariff_share
            elif effect.kind == "ban":
                lane[hit.lanes] *= 1.0 - share * hit.class_share
                hub_out[hit.hub_out] *= 1.0 - share
                hub_in[hit.hub_in] *= 1.0 - share
                self._leak(one, hit, leak_t, leak_open)
            else:
                caps += self._caps(one, hit, index)
        return ChainEffects(
            plant=plant,
            demand=demand,
            stock=stock,
            lane=lane,
            hub_out=hub_out,
            hub_in=hub_in,
            tariff=tariff,
            leak_t=leak_t,
            leak_open=leak_open,
            caps=tuple(caps),
            touching=tuple(active),
        )

    def _leak(
        self,
        one: ActiveEffect,
        hit: Touched,
        leak_t: Floats,
        leak_open: npt.NDArray[np.bool_],
    ) -> None:
        """Open leak lanes under a ban that is aimed at somebody, home among them."""
        if one.effect.target in {"", EVERYBODY}:
            return
        chain, hub = self._problem.chain, self._problem.hub
        lanes = chain.lanes
        base = np.nan_to_num(lanes.base)
        stopped = set(self._members(one.effect.target))
        actors = set(self._members(one.effect.actor or EVERYBODY))
        share = chain.leakage_share[chain.nodes.item[hub.leak_home]]
        for lane, part in zip(hit.lanes, hit.class_share, strict=True):
            at = np.flatnonzero(hub.leak_home == lanes.to_node[lane])
            if not len(at) or base[lane] <= 0.0:
                continue
            leak_t[at] += one.share * part * share[at] * base[lane]
            sibling = (lanes.from_node == lanes.from_node[lane]) & (base > 0.0)
            third = [
                node
                for node in lanes.to_node[sibling]
                if self._node_country[node] not in stopped
                and self._node_country[node] not in actors
            ]
            leak_open |= (hub.leak_row == at[0]) & np.isin(hub.leak_from, third)

    def _caps(self, one: ActiveEffect, hit: Touched, index: int) -> list[_Cap]:
        """Return one row per item: actor to targets, hub legs included."""
        chain, hub = self._problem.chain, self._problem.hub
        effect = one.effect
        item = chain.nodes.item
        base = np.nan_to_num(chain.lanes.base)
        delay = max(0.0, 1.0 - effect.delay_days / self._period_days)
        kept = delay if one.is_new else 1.0
        lane_item = item[chain.lanes.from_node[hit.lanes]]
        out_item, in_item = (
            item[hub.out_node[hit.hub_out]],
            item[hub.in_node[hit.hub_in]],
        )
        caps = []
        for k in np.unique(np.concatenate([lane_item, out_item, in_item])):
            chosen = lane_item == k
            lanes = hit.lanes[chosen]
            if effect.kind == "licence":
                part = hit.class_share[chosen] * (1.0 - effect.cap_share * kept)
                limit = float(np.sum(base[lanes] * (1.0 - part)))
            else:
                limit = effect.cap_t_per_year * kept
            legs_out, legs_in = hit.hub_out[out_item == k], hit.hub_in[in_item == k]
            pieces = np.flatnonzero(np.isin(self._problem.lane.owner, lanes))
            caps.append(_Cap(lanes, legs_out, legs_in, limit, one.share, index, pieces))
        return caps


def apply_effects(
    problem: Problem,
    effects: ChainEffects | None,
    terms: Terms,
) -> Terms:
    """Return the terms of a period with the effects on them.

    A lane without a limit stays without one unless it is closed. A cap in force for
    a part of the period leaves the rest of it to the lanes' own limits.
    """
    if effects is None:
        return terms
    lane = _scaled(terms.lane, effects.lane)
    hub_out = terms.hub_out * effects.hub_out
    hub_in = terms.hub_in * effects.hub_in
    caps = []
    for cap in effects.caps:
        rest = 0.0
        if cap.share < 1.0:
            free = float(
                lane[cap.lanes].sum()
                + hub_out[cap.hub_out].sum()
                + hub_in[cap.hub_in].sum()
            )
            rest = (1.0 - cap.share) * free
        limit = cap.share * cap.limit + rest
        if np.isfinite(limit):
            caps.append(
                FlowCap(
                    cap.lanes, cap.hub_out, cap.hub_in, limit, cap.effect, cap.pieces
                )
            )
    leak_home = effects.leak_t.copy()
    rows = problem.hub.leak_row
    leak = np.where(effects.leak_open, leak_home[rows], 0.0)
    return Terms(
        demand=terms.demand * effects.demand,
        plant=terms.plant * effects.plant,
        idle=terms.idle * effects.plant[problem.idle_plant],
        lane=lane,
        hub_out=hub_out,
        hub_in=hub_in,
        leak=leak,
        leak_home=leak_home,
        fill=terms.fill,
        draw=terms.draw,
        tariff=effects.tariff,
        caps=tuple(caps),
        bid=terms.bid,
        bid_price=terms.bid_price,
        sale=terms.sale,
    )


def _scaled(limit: Floats, factor: Floats) -> Floats:
    """Scale limits; a lane without a limit has none unless it is closed."""
    scaled = np.where(np.isfinite(limit), limit, 0.0) * factor
    return np.where(np.isfinite(limit) | (factor == 0.0), scaled, np.inf)
