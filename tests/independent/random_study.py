# SPDX-License-Identifier: Apache-2.0
"""Random studies in the table form, and the market of section 4 solved apart.

Nothing here imports Oreserve: the tables are written as a user would write them
and the linear programme is set up anew from those files with scipy.
"""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import numpy as np
import scipy.optimize
import scipy.sparse

COUNTRIES = ("AUS", "CHN", "JPN", "USA")
ITEMS = ("ore", "oxide", "metal", "side")
PROCESSES = {
    "mining": {"ore": 1.0},
    "refining": {"oxide": 1.0, "ore": -1.25, "side": 0.1},
    "smelting": {"metal": 1.0, "oxide": -1.1},
}
STAGES = {"ore": "mine", "oxide": "refine", "metal": "metal", "side": "refine"}
MARK = {"source_id": "INVENTED", "evidence": "assumed"}


def write_table(folder: Path, name: str, rows: list[dict[str, Any]]) -> None:
    """Write rows as one CSV; None is an empty cell."""
    columns = list(rows[0])
    with (folder / f"{name}.csv").open("w", newline="", encoding="utf-8") as out:
        writer = csv.DictWriter(out, columns)
        writer.writeheader()
        writer.writerows(rows)


def write_study(
    folder: Path, seed: int, *, measures: list[dict[str, Any]] | None = None
) -> Path:
    """Write a random study whose market is exactly the programme of section 4."""
    rng = np.random.default_rng(seed)
    folder.mkdir(parents=True, exist_ok=True)
    settings = {
        "home": "USA",
        "as_of": "2026-11-22",
        "base_year": 2024,
        "price_year": 2024,
        "first_year": 2027,
        "horizon_years": 1,
        "period_years": 1,
        "calibrate": "false",
        "reconcile": "false",
        "joint_product_elasticity": 0,
    }
    tables: dict[str, list[dict[str, Any]]] = {
        "settings": [{"name": k, "value": v} for k, v in settings.items()],
        "countries": [{"country": c, "name": c, **MARK} for c in COUNTRIES],
        "sources": [
            {
                "source_id": "INVENTED",
                "title": "Invented for a test",
                "publisher": "Oreserve",
                "url": "",
                "licence": "Apache-2.0",
                "date": "2026-11-22",
            }
        ],
        "items": [
            {
                "item": i,
                "mineral": "testium",
                "stage": STAGES[i],
                "form": i,
                "basis": "gross",
                "disposal_usd_per_t": round(float(rng.uniform(0, 5)), 3),
                "entry_share": 0,
                "leakage_share": 0,
                **MARK,
            }
            for i in ITEMS
        ],
        "prices": [
            {
                "item": i,
                "market": "world",
                "period": 2024,
                "kind": "outside",
                "usd_per_t": p,
                "basis": "gross",
                **MARK,
            }
            for i, p in zip(ITEMS, (100, 300, 600, 50), strict=True)
        ],
        "processes": [
            {
                "process": p,
                "stage": STAGES[next(iter(r))],
                "main_item": next(iter(r)),
                **MARK,
            }
            for p, r in PROCESSES.items()
        ],
        "recipes": [
            {"process": p, "item": i, "coefficient": a, **MARK}
            for p, r in PROCESSES.items()
            for i, a in r.items()
        ],
    }
    tables["plants"] = [
        {
            "plant": f"{p}_{c}",
            "process": p,
            "country": c,
            "aggregate": "true",
            "capacity_t_per_year": round(float(rng.uniform(20, 200)), 2),
            "basis": "output",
            "cost_usd_per_t": round(float(rng.uniform(10, 120)), 2),
            **MARK,
        }
        for p in PROCESSES
        for c in COUNTRIES
        if rng.random() < 0.7 or c == "CHN"
    ]
    tables["demands"] = [
        {
            "demand": f"use_{i}_{c}_{k}",
            "item": i,
            "country": c,
            "sector": "all",
            "class": k,
            "quantity_t_per_year": round(float(rng.uniform(10, 80)), 2),
            "price_elasticity": 0,
            "max_price_usd_per_t": base * 30,
            "loss_usd_per_t": 1000,
            **MARK,
        }
        for i, base in (("oxide", 300), ("metal", 600))
        for c in COUNTRIES
        for k in (("defence", "other") if c == "USA" else ("other",))
    ]
    tables["lanes"] = [
        {
            "item": i,
            "exporter": a,
            "importer": b,
            "cost_usd_per_t": round(float(rng.uniform(1, 20)), 2),
            "capacity_t_per_year": round(float(rng.uniform(5, 90)), 2),
            "kind": "observed",
            **MARK,
        }
        for i in ITEMS
        for a in COUNTRIES
        for b in COUNTRIES
        if a != b and rng.random() < 0.6
    ]
    if measures:
        tables["measures"] = [{**m, **MARK} for m in measures]
    for name, rows in tables.items():
        write_table(folder, name, rows)
    package = {
        "$schema": "https://datapackage.org/profiles/2.0/datapackage.json",
        "name": f"random-{seed}",
        "title": "Random study",
        "resources": [{"name": n, "path": f"{n}.csv"} for n in tables],
    }
    (folder / "datapackage.json").write_text(json.dumps(package), encoding="utf-8")
    return folder


def read(folder: Path, name: str) -> list[dict[str, str]]:
    """Return the rows of one table."""
    with (folder / f"{name}.csv").open(encoding="utf-8") as handle:
        return list(csv.DictReader(handle))


def solve(
    folder: Path, *, banned: set[tuple[str, str, str]] | None = None
) -> dict[str, Any]:
    """Solve section 4 of the design for one year, straight from the tables.

    Returns
    -------
    dict
        welfare_usd, served (demand -> t), price (item, country -> USD per t).
    """
    items = [r["item"] for r in read(folder, "items")]
    disposal = {
        r["item"]: float(r["disposal_usd_per_t"]) for r in read(folder, "items")
    }
    nodes = {
        (i, c): n for n, (i, c) in enumerate((i, c) for i in items for c in COUNTRIES)
    }
    recipe: dict[str, dict[str, float]] = {}
    for row in read(folder, "recipes"):
        recipe.setdefault(row["process"], {})[row["item"]] = float(row["coefficient"])
    cost: list[float] = []
    upper: list[float] = []
    entries: list[tuple[int, int, float]] = []

    def column(c: float, u: float, coefs: dict[tuple[str, str], float]) -> int:
        j = len(cost)
        cost.append(c)
        upper.append(u)
        entries.extend((nodes[k], j, a) for k, a in coefs.items())
        return j

    for row in read(folder, "plants"):
        column(
            float(row["cost_usd_per_t"]),
            float(row["capacity_t_per_year"]),
            {(i, row["country"]): a for i, a in recipe[row["process"]].items()},
        )
    uses = {}
    for row in read(folder, "demands"):
        uses[row["demand"]] = column(
            -float(row["max_price_usd_per_t"]),
            float(row["quantity_t_per_year"]),
            {(row["item"], row["country"]): -1.0},
        )
    for row in read(folder, "lanes"):
        key = (row["item"], row["exporter"], row["importer"])
        column(
            float(row["cost_usd_per_t"]),
            0.0 if banned and key in banned else float(row["capacity_t_per_year"]),
            {(key[0], key[1]): -1.0, (key[0], key[2]): 1.0},
        )
    for i, c in nodes:
        column(disposal[i], np.inf, {(i, c): -1.0})
    row_of, column_of, value = zip(*entries, strict=True)
    matrix = scipy.sparse.csr_matrix(
        (value, (row_of, column_of)), shape=(len(nodes), len(cost))
    )
    answer = scipy.optimize.linprog(
        cost,
        A_eq=matrix,
        b_eq=np.zeros(len(nodes)),
        bounds=list(zip(np.zeros(len(cost)), upper, strict=True)),
        method="highs-ds",
    )
    if answer.status != 0:
        raise RuntimeError(answer.message)
    return {
        "welfare_usd": -float(answer.fun),
        "served": {d: float(answer.x[j]) for d, j in uses.items()},
        "price": {k: float(answer.eqlin.marginals[n]) for k, n in nodes.items()},
    }
