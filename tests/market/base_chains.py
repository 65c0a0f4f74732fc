# SPDX-License-Identifier: Apache-2.0
"""Chains with raw base data, for reconciliation and calibration tests."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from oreserve.network.chain import Chain, Demands, Lanes, Nodes, Plants

SIGMA = {"read": 0.02, "estimated": 0.1, "computed": 0.1, "assumed": 0.3}
Place = Mapping[tuple[str, str], int]


def base_chain(
    *,
    processes: Mapping[str, Mapping[str, float]],
    plants: Sequence[tuple[Any, ...]] = (),
    demands: Sequence[tuple[Any, ...]] = (),
    lanes: Sequence[tuple[Any, ...]] = (),
    prices: Mapping[Any, Any] | None = None,
    world: Mapping[str, float] | None = None,
    disposal: Mapping[str, float] | None = None,
    scale: float = 1.0,
) -> Chain:
    """Build a chain.

    Parameters
    ----------
    processes
        Process -> item -> coefficient; the main item comes first.
    plants
        (process, country, base, evidence, {capacity, cost, supply_elasticity, ...})
    demands
        (item, country, quantity, evidence, {klass, elasticity, max_price, ...})
    lanes
        (item, exporter, importer, base, evidence, {cost, capacity})
    prices
        item or (item, country) -> USD per t, or (USD per t, evidence)
    scale
        Factor on every quantity.
    """
    plants = [_padded(row, 4) for row in plants]
    demands = [_padded(row, 4) for row in demands]
    lanes = [_padded(row, 5) for row in lanes]
    pairs = {(row[0], row[1]) for row in demands}
    pairs |= {(row[0], row[1]) for row in lanes} | {(row[0], row[2]) for row in lanes}
    pairs |= {(item, row[1]) for row in plants for item in processes[row[0]]}
    items = tuple(sorted({item for item, _ in pairs}))
    countries = tuple(sorted({country for _, country in pairs}))
    nodes = sorted(pairs)
    place = {pair: n for n, pair in enumerate(nodes)}

    def per_item(default: float, given: Mapping[str, float] | None = None) -> Any:
        return np.array([(given or {}).get(item, default) for item in items])

    chain = Chain(
        name=items[0],
        items=items,
        countries=countries,
        minerals=items,
        stages=("refine",) * len(items),
        nodes=_nodes(nodes, items, countries, prices or {}),
        plants=_plants(plants, processes, place, items, countries, scale),
        demands=_demands(demands, place, scale),
        lanes=_lanes(lanes, place, scale),
        world=scale * per_item(np.nan, world),
        disposal=per_item(0.0, disposal),
        lane_cost_share=per_item(0.02),
        lane_growth=per_item(0.5),
        entry_share=per_item(0.1),
        leakage_share=per_item(0.3),
        leakage_cost_share=per_item(0.15),
    )
    return chain if world is not None else replace(chain, world=_made(chain))


def _made(chain: Chain) -> Any:
    made = np.zeros(len(chain.items))
    output = chain.plants.recipe_t_per_t * chain.plants.base[chain.plants.recipe_plant]
    item = chain.nodes.item[chain.plants.recipe_node]
    np.add.at(made, item, np.maximum(output, 0.0))
    return made


def _padded(row: tuple[Any, ...], size: int) -> tuple[Any, ...]:
    """Append the options of a row when it has none."""
    return row if len(row) > size else (*row, {})


def _numbers(rows: Sequence[tuple[Any, ...]], key: str, default: float) -> Any:
    return np.array([row[-1].get(key, default) for row in rows], dtype=float)


def _sigma(rows: Sequence[tuple[Any, ...]], at: int, scale: float) -> tuple[Any, Any]:
    """Return quantities and standard errors; the evidence follows the quantity."""
    quantity = np.array([scale * row[at] for row in rows], dtype=float)
    share = np.array([SIGMA[row[at + 1]] for row in rows], dtype=float)
    return quantity, quantity * share


def _nodes(
    nodes: list[tuple[str, str]],
    items: tuple[str, ...],
    countries: tuple[str, ...],
    prices: Mapping[Any, Any],
) -> Nodes:
    price, evidence = [], []
    for item, country in nodes:
        found = prices.get((item, country), prices.get(item, np.nan))
        value, kind = found if isinstance(found, tuple) else (found, "assumed")
        price.append(value)
        evidence.append(kind)
    return Nodes(
        item=np.array([items.index(i) for i, _ in nodes], dtype=np.int64),
        country=np.array([countries.index(c) for _, c in nodes], dtype=np.int64),
        price=np.array(price, dtype=float),
        price_sigma_share=np.array([SIGMA[kind] for kind in evidence]),
        price_read=np.array([kind == "read" for kind in evidence], dtype=bool),
    )


def _plants(
    rows: Sequence[tuple[Any, ...]],
    processes: Mapping[str, Mapping[str, float]],
    place: Place,
    items: tuple[str, ...],
    countries: tuple[str, ...],
    scale: float,
) -> Plants:
    rows = sorted(rows, key=lambda row: row[-1].get("name", f"{row[0]}_{row[1]}"))
    base, sigma = _sigma(rows, 2, scale)
    capacity = [scale * row[-1].get("capacity", row[2] / 0.9) for row in rows]
    main = [items.index(next(iter(processes[row[0]]))) for row in rows]
    triplets = [
        (f, place[item, row[1]], coefficient)
        for f, row in enumerate(rows)
        for item, coefficient in sorted(processes[row[0]].items())
    ]
    return Plants(
        name=tuple(row[-1].get("name", f"{row[0]}_{row[1]}") for row in rows),
        process=tuple(row[0] for row in rows),
        main_item=np.array(main, dtype=np.int64),
        country=np.array([countries.index(row[1]) for row in rows], dtype=np.int64),
        aggregate=np.ones(len(rows), dtype=bool),
        capacity=np.array(capacity, dtype=float),
        base=base,
        base_sigma=sigma,
        idle=scale * _numbers(rows, "idle", 0.0),
        restart_years=_numbers(rows, "restart_years", 1.0),
        restart_usd_per_t=_numbers(rows, "restart_usd_per_t", 0.0),
        cost=_numbers(rows, "cost", np.nan),
        supply_elasticity=_numbers(rows, "supply_elasticity", np.nan),
        first_year=_numbers(rows, "first_year", -np.inf),
        last_year=_numbers(rows, "last_year", np.inf),
        evidence=tuple(row[3] for row in rows),
        recipe_plant=np.array([t[0] for t in triplets], dtype=np.int64),
        recipe_node=np.array([t[1] for t in triplets], dtype=np.int64),
        recipe_t_per_t=np.array([t[2] for t in triplets], dtype=float),
    )


def _demands(rows: Sequence[tuple[Any, ...]], place: Place, scale: float) -> Demands:
    named = {
        row[-1].get("name", f"{row[0]}_{row[1]}_{row[-1].get('klass', 'other')}"): row
        for row in rows
    }
    assert len(named) == len(rows)
    rows = [named[name] for name in sorted(named)]
    quantity, sigma = _sigma(rows, 2, scale)
    return Demands(
        name=tuple(sorted(named)),
        node=np.array([place[row[0], row[1]] for row in rows], dtype=np.int64),
        klass=tuple(row[-1].get("klass", "other") for row in rows),
        sector=tuple(row[-1].get("sector", "all") for row in rows),
        quantity=quantity,
        quantity_sigma=sigma,
        growth=_numbers(rows, "growth", 0.0),
        elasticity=_numbers(rows, "elasticity", -0.3),
        elasticity_short=_numbers(rows, "elasticity_short", -0.1),
        max_price=_numbers(rows, "max_price", np.nan),
        loss=_numbers(rows, "loss", np.nan),
        loss_includes_price=np.zeros(len(rows), dtype=bool),
        stock_days=_numbers(rows, "stock_days", 0.0),
        evidence=tuple(row[3] for row in rows),
    )


def _lanes(rows: Sequence[tuple[Any, ...]], place: Place, scale: float) -> Lanes:
    rows = sorted(rows, key=lambda row: row[:3])
    base, sigma = _sigma(rows, 3, scale)
    return Lanes(
        from_node=np.array([place[row[0], row[1]] for row in rows], dtype=np.int64),
        to_node=np.array([place[row[0], row[2]] for row in rows], dtype=np.int64),
        base=base,
        base_gross=base.copy(),
        base_sigma=sigma,
        cost=_numbers(rows, "cost", np.nan),
        capacity=scale * _numbers(rows, "capacity", np.nan),
        evidence=tuple(row[4] for row in rows),
    )
