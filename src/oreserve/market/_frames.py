# SPDX-License-Identifier: Apache-2.0
"""Frames of an outcome, in the columns that stay stable."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import polars as pl

from oreserve.market._after import loss_usd
from oreserve.market._effects import RESIDUAL
from oreserve.market._odd_prices import price_notes
from oreserve.market._run import PREMIUM_CAP
from oreserve.market._short import beyond_block, block_share, counts_as_short
from oreserve.network.sums import sum_by

if TYPE_CHECKING:
    from collections.abc import Sequence

    from oreserve.market._detail import Solved
    from oreserve.market._prepare import Base

__all__ = ["build_frames"]

Floats = npt.NDArray[np.float64]
Row = tuple[Any, ...]

DUST_SHARE = 1e-9  # of world output: less than this is no flow

_SCHEMAS: dict[str, dict[str, Any]] = {
    "prices": {
        "period": pl.String,
        "item": pl.String,
        "country": pl.String,
        "price_usd_per_t": pl.Float64,
        "price_low": pl.Float64,
        "price_high": pl.Float64,
    },
    "shortfall": {
        "period": pl.String,
        "demand": pl.String,
        "item": pl.String,
        "country": pl.String,
        "sector": pl.String,
        "class": pl.String,
        "wanted_t": pl.Float64,
        "served_t": pl.Float64,
        "initial_shortfall_t": pl.Float64,
        "shortfall_t": pl.Float64,
        "loss_usd": pl.Float64,
    },
    "activity": {
        "period": pl.String,
        "plant": pl.String,
        "item": pl.String,
        "activity_t": pl.Float64,
    },
    "flows": {
        "period": pl.String,
        "item": pl.String,
        "exporter": pl.String,
        "importer": pl.String,
        "flow_t": pl.Float64,
    },
    "stocks": {
        "period": pl.String,
        "stock": pl.String,
        "item": pl.String,
        "level_t": pl.Float64,
        "release_t": pl.Float64,
        "fill_t": pl.Float64,
    },
    "unsold": {
        "period": pl.String,
        "item": pl.String,
        "country": pl.String,
        "unsold_t": pl.Float64,
    },
    "binds": {
        "period": pl.String,
        "effect": pl.String,
        "kind": pl.String,
        "item": pl.String,
        "place": pl.String,
        "touches": pl.Int64,
        "binds": pl.Boolean,
        "worth_usd_per_t": pl.Float64,
    },
    "deliveries": {
        "period": pl.String,
        "agreement": pl.String,
        "item": pl.String,
        "delivered_t": pl.Float64,
        "taken_from_others_t": pl.Float64,
    },
}


def build_frames(
    base: Base, solved: Sequence[Solved]
) -> tuple[dict[str, pl.DataFrame], float | None, float, list[str]]:
    """Return the frames, home's loss, the import premium, and notes."""
    home = set(base.study.home_countries)
    rows: dict[str, list[Row]] = {name: [] for name in _SCHEMAS}
    losses: list[float] = []
    unknown: set[str] = set()
    premium = 0.0
    for one in solved:
        served, deliveries = _after_market(one, home)
        rows["prices"] += _prices(one)
        rows["activity"] += _activity(one)
        rows["flows"] += _flows(one)
        rows["unsold"] += _unsold(one)
        rows["stocks"] += [
            (one.period, s.stock, s.item, s.level, s.release, s.fill)
            for s in one.stocks
        ]
        rows["binds"] += [
            (
                one.period,
                active.effect.label or active.effect.kind,
                active.effect.kind,
                bind.item,
                bind.place,
                bind.touches,
                bind.binds,
                bind.worth_usd_per_t,
            )
            for active, bind in one.binds
        ]
        rows["deliveries"] += [(one.period, *line) for line in deliveries]
        block = dict(
            zip(
                one.market.chain.demands.name,
                block_share(one.market.problem).tolist(),
                strict=True,
            )
        )
        short_rows = _shortfall(one, served)
        rows["shortfall"] += short_rows
        for row in short_rows:
            if row[3] not in home:
                continue
            if row[10] is not None:
                losses.append(row[10])
            elif counts_as_short(row[9], row[6], block[row[1]]):
                unknown.add(row[1])
        premium += _premium(one, home)
    frames = {
        name: pl.DataFrame(rows[name], schema=schema, orient="row").sort(
            [c for c in schema if schema[c] == pl.String]
        )
        for name, schema in _SCHEMAS.items()
    }
    known = bool(losses) and not (unknown and not any(losses))
    notes = []
    if unknown:
        notes.append(
            f"{len(unknown)} home use{'s' if len(unknown) > 1 else ''} went short "
            f"without a known loss, not counted: {', '.join(sorted(unknown)[:8])}"
            + (" ..." if len(unknown) > 8 else "")
        )
    notes += price_notes(solved)
    return frames, (float(sum(losses)) if known else None), premium, notes


def _names(one: Solved) -> list[tuple[str, str]]:
    chain = one.market.chain
    nodes = chain.nodes
    return [
        (chain.items[i], chain.countries[c])
        for i, c in zip(nodes.item, nodes.country, strict=True)
    ]


def _number(value: float) -> float | None:
    return float(value) + 0.0 if np.isfinite(value) else None


def _prices(one: Solved) -> list[Row]:
    price = one.cleared.price
    return [
        (one.period, *at, _number(price[n]), _number(one.low[n]), _number(one.high[n]))
        for n, at in enumerate(_names(one))
    ]


def _activity(one: Solved) -> list[Row]:
    chain = one.market.chain
    return [
        (
            one.period,
            name,
            chain.items[chain.plants.main_item[f]],
            float(one.cleared.activity[f] * one.years),
        )
        for f, name in enumerate(chain.plants.name)
    ]


def _flows(one: Solved) -> list[Row]:
    """Return trade by pair: observed lanes, leaks, and the hub pro rata."""
    chain, problem, cleared = one.market.chain, one.market.problem, one.cleared
    names, lanes, hub = _names(one), chain.lanes, problem.hub
    flows: dict[tuple[str, str, str], float] = {}

    def add(tail: int, head: int, tonnes: float) -> None:
        item, exporter = names[tail]
        importer = names[head][1]
        if exporter != importer:
            key = (item, exporter, importer)
            flows[key] = flows.get(key, 0.0) + tonnes

    for lane, tonnes in enumerate(cleared.flow):
        add(int(lanes.from_node[lane]), int(lanes.to_node[lane]), float(tonnes))
    for k in np.flatnonzero(cleared.leak > 0.0):
        add(int(hub.leak_from[k]), int(hub.leak_to[k]), float(cleared.leak[k]))
    for m in np.flatnonzero(cleared.hub_in > 0.0):
        head = int(hub.in_node[m])
        same = chain.nodes.item[hub.out_node] == chain.nodes.item[head]
        sent = np.where(same, cleared.hub_out, 0.0)
        for e in np.flatnonzero(sent > 0.0):
            share = float(sent[e] / sent.sum())
            add(int(hub.out_node[e]), head, share * float(cleared.hub_in[m]))
    return [(one.period, *key, tonnes * one.years) for key, tonnes in flows.items()]


def _unsold(one: Solved) -> list[Row]:
    least = DUST_SHARE * one.market.problem.row_scale[: one.market.problem.node_rows]
    names = _names(one)
    unsold = one.cleared.unsold
    return [
        (one.period, *names[n], float(unsold[n] * one.years))
        for n in np.flatnonzero(unsold > least)
    ]


def _after_market(
    one: Solved, home: set[str]
) -> tuple[Floats, list[tuple[str, str, float, float]]]:
    """Return what each demand got in the end, t, and deliveries with their price.

    What an agreement brings home the seller's other buyers lose, pro rata to what
    they bought; only their final use of the item is followed.
    """
    served = one.cleared.served * one.years
    for row, tonnes in one.extra_served.items():
        served[row] += tonnes
    lines = []
    for name, item, tonnes, _ in one.deliveries:
        taken = 0.0
        if tonnes > 0.0:
            taken = _take_from_others(one, name, item, tonnes, home, served)
        lines.append((name, item, tonnes, taken))
    return served, lines


def _take_from_others(
    one: Solved, name: str, item: str, tonnes: float, home: set[str], served: Floats
) -> float:
    chain = one.market.chain
    names = _names(one)
    seller = one.sellers.get(name)
    lanes = chain.lanes
    bought: dict[int, float] = {}
    for k, flow in enumerate(one.cleared.flow):
        tail, head = int(lanes.from_node[k]), int(lanes.to_node[k])
        if names[tail] == (item, seller) and names[head][1] not in home:
            bought[head] = bought.get(head, 0.0) + float(flow)
    own = [
        n for n, at in enumerate(names) if at == (item, seller) and at[1] not in home
    ]
    for n in own:
        use = one.cleared.served[chain.demands.node == n].sum()
        bought[n] = bought.get(n, 0.0) + float(use)
    total = sum(bought.values())
    if total <= 0.0:
        return 0.0
    taken = 0.0
    for node, amount in sorted(bought.items()):
        rows = np.flatnonzero(chain.demands.node == node)
        here = float(served[rows].sum())
        if here <= 0.0:
            continue
        loses = min(tonnes * amount / total, here)
        served[rows] *= 1.0 - loses / here
        taken += loses
    return taken


def _shortfall(one: Solved, served: Floats) -> list[Row]:
    chain = one.market.chain
    demands, names = chain.demands, _names(one)
    wanted = one.terms.demand * one.years
    normal = one.normal.demand * one.years
    short = np.maximum(wanted - served, 0.0)
    # A rounding of the solver is no shortage.
    short = beyond_block(short, wanted, 0.0)
    loss = loss_usd(short, wanted, demands.loss)
    share = one.supply_share[demands.node]
    initial = np.maximum(wanted - share * normal, 0.0)
    initial = beyond_block(initial, wanted, 0.0)
    rows = []
    for d, name in enumerate(demands.name):
        if demands.klass[d] in RESIDUAL:
            continue
        known = np.isfinite(demands.loss[d])
        rows.append(
            (
                one.period,
                name,
                *names[demands.node[d]],
                demands.sector[d] or None,
                demands.klass[d],
                float(wanted[d]),
                float(served[d]),
                _number(initial[d]),
                float(short[d]),
                float(loss[d]) if known else None,
            )
        )
    return rows


def _premium(one: Solved, home: set[str]) -> float:
    """Return the import premium: dearer net imports, where the price is unique.

    `(p - p0)^+` at most 3 p0, on net imports; not where price_high exceeds twice
    price_low, nor where the loss of a use includes the price already.
    """
    chain, names = one.market.chain, _names(one)
    net = np.zeros(len(names))
    problem, lanes = one.market.problem, chain.lanes
    pairs = (
        (lanes.to_node, one.cleared.flow, 1.0),
        (lanes.from_node, one.cleared.flow, -1.0),
        (problem.hub.in_node, one.cleared.hub_in, 1.0),
        (problem.hub.out_node, one.cleared.hub_out, -1.0),
        (problem.hub.leak_to, one.cleared.leak, 1.0),
        (problem.hub.leak_from, one.cleared.leak, -1.0),
    )
    for nodes, tonnes, sign in pairs:
        net += sign * sum_by(nodes, tonnes, minlength=len(net))
    covered = np.zeros(len(names), dtype=bool)
    covered[chain.demands.node[chain.demands.loss_includes_price]] = True
    base, price = chain.nodes.price, one.cleared.price
    at_home = np.array([country in home for _, country in names], dtype=bool)
    with np.errstate(invalid="ignore"):
        dearer = np.clip(price - base, 0.0, PREMIUM_CAP * base)
        unique = one.high <= 2.0 * one.low
    counts = at_home & ~covered & unique & np.isfinite(dearer)
    return (
        float(np.sum(np.where(counts, dearer * np.maximum(net, 0.0), 0.0))) * one.years
    )
