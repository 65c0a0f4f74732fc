# SPDX-License-Identifier: Apache-2.0
"""Small study folders for tests, from short rows."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from oreserve.study import Study, load_study

EXACT = {
    "calibrate": "false",
    "reconcile": "false",
    "joint_product_elasticity": "0",
    "horizon_years": "3",
}


def write_study(
    folder: Path,
    *,
    plants: Iterable[Mapping[str, Any]],
    demands: Iterable[Mapping[str, Any]],
    lanes: Iterable[Mapping[str, Any]] = (),
    recipes: Mapping[str, Mapping[str, float]],
    prices: Mapping[str, float],
    items: Mapping[str, Mapping[str, Any]] | None = None,
    settings: Mapping[str, str] | None = None,
    **more: Iterable[Mapping[str, Any]],
) -> Study:
    """Write and load a study: `recipes` process -> item -> coefficient."""
    folder.mkdir(parents=True, exist_ok=True)
    plants, demands, lanes = list(plants), list(demands), list(lanes)
    names = sorted(
        {i for r in recipes.values() for i in r} | {d["item"] for d in demands}
    )
    places = {p["country"] for p in plants} | {d["country"] for d in demands}
    places |= {c for k in lanes for c in (k["exporter"], k["importer"])}
    for table in more.values():
        places |= {r["country"] for r in table if r.get("country")}
    rows: dict[str, list[dict[str, Any]]] = {
        "settings": [
            {"name": k, "value": v} for k, v in {**EXACT, **(settings or {})}.items()
        ],
        "sources": [
            {
                "source_id": "test",
                "title": "test",
                "publisher": "test",
                "url": "",
                "licence": "",
                "date": "2026-01",
            }
        ],
        "countries": [{"country": c, "name": c} for c in sorted(places)],
        "items": [
            {
                "item": i,
                "mineral": i,
                "stage": "mine",
                "basis": "contained",
                "entry_share": 0,
                "leakage_share": 0,
                **(items or {}).get(i, {}),
            }
            for i in names
        ],
        "processes": [
            {"process": p, "main_item": next(i for i, a in r.items() if a == 1)}
            for p, r in recipes.items()
        ],
        "recipes": [
            {"process": p, "item": i, "coefficient": a}
            for p, r in recipes.items()
            for i, a in r.items()
        ],
        "plants": plants,
        "demands": [{"class": "other", **d} for d in demands],
        "lanes": lanes,
        "prices": [
            {
                "item": i,
                "market": "world",
                "period": "2024",
                "kind": "outside",
                "usd_per_t": p,
                "basis": "contained",
            }
            for i, p in prices.items()
        ],
        **{name: list(table) for name, table in more.items()},
    }
    (folder / "datapackage.json").write_text(json.dumps({"name": "test"}))
    marks = {"source_id": "test", "evidence": "assumed"}
    for name, plain in rows.items():
        if not plain:
            continue
        marked = name not in {"settings", "sources"}
        table = [{**row, **marks} for row in plain] if marked else plain
        columns = list(dict.fromkeys(c for row in table for c in row))
        with (folder / f"{name}.csv").open("w", newline="") as file:
            writer = csv.DictWriter(file, columns)
            writer.writeheader()
            writer.writerows(table)
    return load_study(folder)
