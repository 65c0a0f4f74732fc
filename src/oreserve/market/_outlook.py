# SPDX-License-Identifier: Apache-2.0
"""Shortage before anybody reacts, and which effects bind where."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from oreserve.network.sums import sum_by

if TYPE_CHECKING:
    from collections.abc import Iterator

    from oreserve.market._clear import Cleared, Terms
    from oreserve.market._effects import ChainEffects, EffectReader
    from oreserve.market._problem import Problem

__all__ = ["Bind", "binding", "initial_supply_share"]

Floats = npt.NDArray[np.float64]

ROUNDS = 60
WORTH = 1e-6  # of the item's price: a smaller dual is no bite


def initial_supply_share(
    problem: Problem, terms: Terms, effects: ChainEffects | None
) -> Floats:
    """Compute which part of base supply reaches each node if nobody reacts.

    Base activity and base trade go on as far as outages, bans and caps allow; a
    plant runs by its scarcest input; prices, stocks, entry and thrift do nothing.

    Returns
    -------
    ndarray
        (N,) 0-1; nan where the study has no base supply.
    """
    chain = problem.chain
    plants, lanes = chain.plants, chain.lanes
    base = np.nan_to_num(plants.base)
    flow = np.nan_to_num(lanes.base)
    count = problem.node_rows
    makes = plants.recipe_t_per_t > 0.0
    output = np.where(makes, plants.recipe_t_per_t * base[plants.recipe_plant], 0.0)
    total = sum_by(plants.recipe_node, output, minlength=count)
    total += sum_by(lanes.to_node, flow, minlength=count)
    room = np.divide(terms.plant, base, out=np.ones_like(base), where=base > 0.0)
    allowed_plant = np.minimum(room, 1.0)
    allowed_lane = _lane_part(problem, terms, effects, flow)
    share = np.ones(count)
    takes = ~makes
    for _ in range(ROUNDS):
        run = allowed_plant.copy()
        np.minimum.at(run, plants.recipe_plant[takes], share[plants.recipe_node[takes]])
        got = sum_by(
            plants.recipe_node, output * run[plants.recipe_plant], minlength=count
        )
        arriving = flow * allowed_lane * share[lanes.from_node]
        got += sum_by(lanes.to_node, arriving, minlength=count)
        new = np.divide(got, total, out=np.ones(count), where=total > 0.0)
        if np.max(np.abs(new - share), initial=0.0) < 1e-9:
            break
        share = new
    return np.where(total > 0.0, share, np.nan)


def _lane_part(
    problem: Problem, terms: Terms, effects: ChainEffects | None, flow: Floats
) -> Floats:
    if effects is None:
        return np.ones(len(flow))
    part = effects.lane.copy()
    for cap in terms.caps:
        wanted = float(flow[cap.lanes].sum())
        if wanted > 0.0:
            part[cap.lanes] = np.minimum(part[cap.lanes], cap.limit / wanted)
    del problem
    return part


@dataclass(frozen=True)
class Bind:
    """One effect on one item: what it touches, whether and how hard it bites."""

    effect: int  # index into ChainEffects.touching
    item: str
    place: str
    touches: int
    binds: bool
    worth_usd_per_t: float


def binding(
    problem: Problem,
    reader: EffectReader,
    effects: ChainEffects,
    terms: Terms,
    cleared: Cleared,
) -> Iterator[Bind]:
    """Yield for each effect and item whether it binds: whether its dual is above 0.

    A ban or a lane effect binds where one more tonne of a closed lane would be
    worth something, a cap where it earns a rent, an outage where the lost capacity
    would run, a demand effect always, a tariff where a tariffed lane is used.
    """
    chain = problem.chain
    nodes, lanes, plants = chain.nodes, chain.lanes, chain.plants
    top = np.zeros(len(chain.items))
    np.maximum.at(top, nodes.item, np.nan_to_num(cleared.price))
    for number, active in enumerate(effects.touching):
        hit = reader.touched(active.effect)
        if hit is None:
            continue
        kind = active.effect.kind
        rows: list[tuple[int, str, float, bool]] = []
        if kind == "outage":
            rows = [
                (
                    int(plants.main_item[f]),
                    chain.countries[plants.country[f]],
                    float(cleared.plant_rent[f]),
                    False,
                )
                for f in hit.plants
            ]
        elif kind == "demand":
            rows = [
                (
                    int(nodes.item[chain.demands.node[d]]),
                    chain.countries[nodes.country[chain.demands.node[d]]],
                    0.0,
                    True,
                )
                for d in hit.demands
            ]
        elif kind != "stock":
            cap_worth = {
                int(k): float(dual)
                for cap, dual in zip(terms.caps, cleared.cap_dual, strict=True)
                if cap.effect == number
                for k in cap.lanes
            }
            for k in hit.lanes:
                worth = float(cleared.lane_rent[k])
                if kind in {"licence", "quota"}:
                    worth = cap_worth.get(int(k), 0.0)
                elif kind == "tariff":
                    worth = 0.0
                used = kind == "tariff" and cleared.flow[k] > 0.0
                exporter = chain.countries[nodes.country[lanes.from_node[k]]]
                item = int(nodes.item[lanes.from_node[k]])
                rows.append((item, exporter, worth, bool(used)))
        yield from _joined(number, rows, chain.items, top)


def _joined(
    number: int,
    rows: list[tuple[int, str, float, bool]],
    items: tuple[str, ...],
    top: Floats,
) -> Iterator[Bind]:
    """Join rows of one item and place: their number and the largest worth."""
    groups: dict[tuple[int, str], list[tuple[float, bool]]] = {}
    for item, place, worth, sure in rows:
        groups.setdefault((item, place), []).append((worth, sure))
    for (item, place), found in sorted(groups.items()):
        worth = max(w for w, _ in found)
        binds = worth > WORTH * max(top[item], 1e-9) or any(s for _, s in found)
        yield Bind(number, items[item], place, len(found), bool(binds), worth)
