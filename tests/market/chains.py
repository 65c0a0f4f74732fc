# SPDX-License-Identifier: Apache-2.0
"""Small chains for tests, from short lists."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from oreserve.network.chain import Chain, Demands, Lanes, Nodes, Plants

NAN = float("nan")


def make_chain(
    plants: Sequence[dict[str, Any]] = (),
    demands: Sequence[dict[str, Any]] = (),
    lanes: Sequence[dict[str, Any]] = (),
    *,
    price: float | dict[Any, float] = 100.0,
    items: dict[str, Any] | None = None,
    calibrated: bool = False,
) -> Chain:
    """Build a chain; plants take `recipe` {item: coefficient} and `country`."""
    keys = set()
    for p in plants:
        keys |= {(i, p["country"]) for i in p["recipe"]}
    for d in demands:
        keys.add((d["item"], d["country"]))
    for lane in lanes:
        keys |= {(lane["item"], lane["exporter"]), (lane["item"], lane["importer"])}
    item_names = tuple(sorted({k[0] for k in keys}))
    countries = tuple(sorted({k[1] for k in keys}))
    order = sorted(keys)
    node = {key: n for n, key in enumerate(order)}
    settings = items or {}

    def column(rows: Sequence[dict[str, Any]], name: str, default: float) -> Any:
        return np.array([float(r.get(name, default)) for r in rows])

    plants = sorted(plants, key=lambda p: p["plant"])
    demands = sorted(demands, key=lambda d: d["demand"])
    lanes = sorted(lanes, key=lambda k: (k["item"], k["exporter"], k["importer"]))
    triplets = [
        (f, node[i, p["country"]], a)
        for f, p in enumerate(plants)
        for i, a in sorted(p["recipe"].items())
    ]
    prices = np.array(
        [price[k] if isinstance(price, dict) else price for k in order], dtype=float
    )
    world = np.zeros(len(item_names))
    for f, n, a in triplets:
        world[item_names.index(order[n][0])] += max(a, 0.0) * np.nan_to_num(
            plants[f].get("base", plants[f]["capacity"])
        )
    main = [
        item_names.index(
            p.get("main", next(i for i, a in p["recipe"].items() if a == 1))
        )
        for p in plants
    ]

    def per_item(name: str, default: float) -> Any:
        value = settings.get(name, default)
        if isinstance(value, dict):
            return np.array([value.get(i, default) for i in item_names], dtype=float)
        return np.full(len(item_names), float(value))

    return Chain(
        name=item_names[0],
        items=item_names,
        countries=countries,
        minerals=item_names,
        stages=tuple("mine" for _ in item_names),
        nodes=Nodes(
            item=np.array([item_names.index(k[0]) for k in order]),
            country=np.array([countries.index(k[1]) for k in order]),
            price=prices,
            price_sigma_share=np.full(len(order), 0.1),
            price_read=np.zeros(len(order), dtype=bool),
        ),
        plants=Plants(
            name=tuple(p["plant"] for p in plants),
            process=tuple(p.get("process", p["plant"]) for p in plants),
            main_item=np.array(main, dtype=np.int64),
            country=np.array(
                [countries.index(p["country"]) for p in plants], dtype=np.int64
            ),
            aggregate=np.zeros(len(plants), dtype=bool),
            capacity=column(plants, "capacity", NAN),
            base=column(plants, "base", NAN),
            base_sigma=column(plants, "sigma", 1.0),
            idle=column(plants, "idle", 0.0),
            restart_years=column(plants, "restart_years", 0.0),
            restart_usd_per_t=column(plants, "restart_usd_per_t", NAN),
            cost=column(plants, "cost", NAN),
            supply_elasticity=column(plants, "elasticity", NAN),
            first_year=column(plants, "first_year", -np.inf),
            last_year=column(plants, "last_year", np.inf),
            evidence=tuple("assumed" for _ in plants),
            recipe_plant=np.array([t[0] for t in triplets], dtype=np.int64),
            recipe_node=np.array([t[1] for t in triplets], dtype=np.int64),
            recipe_t_per_t=np.array([t[2] for t in triplets], dtype=float),
        ),
        demands=Demands(
            name=tuple(d["demand"] for d in demands),
            node=np.array(
                [node[d["item"], d["country"]] for d in demands], dtype=np.int64
            ),
            klass=tuple(d.get("class", "other") for d in demands),
            sector=tuple(d.get("sector", "") for d in demands),
            quantity=column(demands, "quantity", NAN),
            quantity_sigma=column(demands, "sigma", 1.0),
            growth=column(demands, "growth", 0.0),
            elasticity=column(demands, "elasticity", 0.0),
            elasticity_short=column(demands, "elasticity", 0.0) / 3.0,
            max_price=column(demands, "max_price", 3000.0),
            loss=column(demands, "loss", NAN),
            loss_includes_price=np.zeros(len(demands), dtype=bool),
            stock_days=column(demands, "stock_days", NAN),
            evidence=tuple("assumed" for _ in demands),
        ),
        lanes=Lanes(
            from_node=np.array(
                [node[k["item"], k["exporter"]] for k in lanes], dtype=np.int64
            ),
            to_node=np.array(
                [node[k["item"], k["importer"]] for k in lanes], dtype=np.int64
            ),
            base=column(lanes, "base", NAN),
            base_gross=column(lanes, "base", NAN),
            base_sigma=column(lanes, "sigma", 1.0),
            cost=column(lanes, "cost", NAN),
            capacity=column(lanes, "capacity", NAN),
            evidence=tuple("assumed" for _ in lanes),
        ),
        world=world,
        disposal=per_item("disposal", 0.0),
        lane_cost_share=per_item("lane_cost_share", 0.02),
        lane_growth=per_item("lane_growth", 0.5),
        entry_share=per_item("entry_share", 0.0),
        leakage_share=per_item("leakage_share", 0.0),
        leakage_cost_share=per_item("leakage_cost_share", 0.15),
        calibrated=calibrated,
    )
