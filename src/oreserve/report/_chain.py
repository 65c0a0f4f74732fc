# SPDX-License-Identifier: Apache-2.0
"""A mineral's chain from a study: what each country makes, and where it goes.

Items of one chain stand on different mass bases. Each is weighted with the tonnes
of the mineral that it yields (upstream) or took (downstream), so that stages can be
compared; flows are traced to the country of the stage before, through traders.
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Any

import numpy as np

from oreserve.exposure import (
    RANK,
    STAGES,
    BaseYear,
    mineral_weights,
    read_base_year,
)

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["BaseYear", "chain_rows", "read_base_year"]

KEEPS = 1 - 1e-9  # share that stays in a trade cycle: keeps the trace solvable
SIDE_STREAM = 0.1  # a stage with less than this of a later one is not drawn
MOSTLY = 0.5  # an item mostly made into another of its stage is not drawn


def chain_rows(base: BaseYear, mineral: str) -> list[dict[str, Any]]:
    """Return the rows of `chain.csv` for one mineral.

    Returns
    -------
    list of dict
        mineral, kind (`output`, `flow`), stage, item, country, to_stage, to_country,
        t (mineral-equivalent a year). Final uses have the stage `use`.
    """
    weight = mineral_weights(base, mineral)
    if not weight:
        return []
    hidden = _hidden(base, weight)
    order = _order(base, weight)
    mixes: dict[str, dict[str, dict[tuple[str, str], float]]] = {}
    output: dict[tuple[str, str, str], float] = defaultdict(float)
    flows: dict[tuple[str, str, str, str], float] = defaultdict(float)
    for item in order:
        made = _made(base, item, weight, hidden, mixes, flows)
        mixes[item] = _trace(base, item, made)
        stage = base.stage[item]
        for (name, country), t in base.output.items():
            if name == item and item not in hidden:
                output[stage, item, country] += t * weight[item]
        for (name, country), t in base.demand.items():
            if name != item or t <= 0:
                continue
            output["use", "use", country] += t * weight[item]
            for (origin, maker), part in mixes[item].get(country, {}).items():
                flows[origin, maker, "use", country] += part * t * weight[item]
    rows = [
        _row(mineral, "output", stage, item, country, "", "", t)
        for (stage, item, country), t in output.items()
    ] + [
        _row(mineral, "flow", stage, "", country, to_stage, to_country, t)
        for (stage, country, to_stage, to_country), t in flows.items()
    ]
    kept = [row for row in rows if row["t"] > 0]
    return sorted(
        kept,
        key=lambda r: (r["kind"], r["stage"], r["item"], r["country"], r["to_stage"],
                       r["to_country"]),
    )  # fmt: skip


def _row(*values: Any) -> dict[str, Any]:
    names = ("mineral", "kind", "stage", "item", "country", "to_stage", "to_country")
    return {
        **dict(zip(names, values[:-1], strict=True)),
        "t": float(f"{values[-1]:.6g}"),
    }


def _inputs(base: BaseYear, item: str, names: Iterable[str]) -> list[tuple[str, str]]:
    """Return (process, input) pairs through which chain items make an item."""
    chain = set(names)
    return [
        (process, name)
        for process, recipe in sorted(base.recipes.items())
        if recipe.get(item, 0.0) > 0
        for name, c in sorted(recipe.items())
        if c < 0 and name in chain and RANK[base.stage[name]] <= RANK[base.stage[item]]
    ]


def _hidden(base: BaseYear, weight: dict[str, float]) -> set[str]:
    """Return items that would mislead as a column of their own.

    Those that mostly go into another item of their stage, and those of a stage
    through which only a little of the mineral passes (a side stream).
    """
    totals = [0.0] * (len(STAGES) + 1)  # by rank; final uses come last
    for amounts, last in ((base.output, False), (base.demand, True)):
        for (name, _), t in amounts.items():
            if name in weight:
                rank = len(STAGES) if last else RANK[base.stage[name]]
                totals[rank] += t * weight[name]
    hidden = {
        item
        for item in weight
        if totals[(rank := RANK[base.stage[item]])]
        < SIDE_STREAM * max(totals[rank + 1 :])
    }
    for item in weight:
        total = sum(t for (name, _), t in base.output.items() if name == item)
        inner = sum(
            -recipe[item] * base.world.get(process, 0.0)
            for process, recipe in base.recipes.items()
            if recipe.get(item, 0.0) < 0
            and any(
                c > 0 and name in weight and base.stage[name] == base.stage[item]
                for name, c in recipe.items()
            )
        )
        if total > 0 and inner > MOSTLY * total:
            hidden.add(item)
    return hidden


def _order(base: BaseYear, weight: dict[str, float]) -> list[str]:
    """Order items so that inputs come first; cycles of one stage are cut."""
    done: list[str] = []
    seen: set[str] = set()

    def visit(item: str) -> None:
        if item in seen:
            return
        seen.add(item)
        for _, name in _inputs(base, item, weight):
            visit(name)
        done.append(item)

    for item in sorted(weight, key=lambda name: (RANK[base.stage[name]], name)):
        visit(item)
    return done


def _made(
    base: BaseYear,
    item: str,
    weight: dict[str, float],
    hidden: set[str],
    mixes: dict[str, dict[str, dict[tuple[str, str], float]]],
    flows: dict[tuple[str, str, str, str], float],
) -> dict[str, dict[tuple[str, str], float]]:
    """Label what each country makes of an item, and book the inputs' flows.

    A drawn item carries its own maker; a hidden one passes on its inputs' makers.
    """
    made: dict[str, dict[tuple[str, str], float]] = {}
    stage = base.stage[item]
    takes: dict[str, dict[tuple[str, str], float]] = defaultdict(
        lambda: defaultdict(float)
    )
    for process, name in _inputs(base, item, weight):
        recipe = base.recipes[process]
        # A process with several chain outputs splits its inputs by their weight.
        gain = sum(c * weight[n] for n, c in recipe.items() if c > 0 and n in weight)
        part = recipe[item] * weight[item] / gain
        for (other, country), t in base.activity.items():
            if other != process or t <= 0:
                continue
            amount = t * -recipe[name] * weight[name] * part
            for label, mix in mixes.get(name, {}).get(country, {}).items():
                takes[country][label] += amount * mix
    for (name, country), t in base.output.items():
        if name != item or t <= 0:
            continue
        if item not in hidden or not takes.get(country):
            made[country] = {(stage, country): t}
        else:
            total = sum(takes[country].values())
            made[country] = {k: t * v / total for k, v in takes[country].items()}
    if item not in hidden:
        for country, labels in takes.items():
            for (origin, maker), t in labels.items():
                if origin != stage:
                    flows[origin, maker, stage, country] += t
    return made


def _trace(
    base: BaseYear, item: str, made: dict[str, dict[tuple[str, str], float]]
) -> dict[str, dict[tuple[str, str], float]]:
    """Solve whose goods each country holds, through all its suppliers.

    With P what a country makes by label, M what it gets from others and D the sum:
    the mix F obeys F = (P + M F) / D.
    """
    lanes = base.imports.get(item, {})
    countries = sorted(set(made) | {c for lane in lanes for c in lane})
    labels = sorted({label for parts in made.values() for label in parts})
    if not countries or not labels:
        return {}
    place = {c: k for k, c in enumerate(countries)}
    column = {label: k for k, label in enumerate(labels)}
    own = np.zeros((len(countries), len(labels)))
    for country, parts in made.items():
        for label, t in parts.items():
            own[place[country], column[label]] += t
    trade = np.zeros((len(countries), len(countries)))
    for (exporter, importer), t in lanes.items():
        trade[place[importer], place[exporter]] += t
    total = own.sum(axis=1) + trade.sum(axis=1)
    scale = np.divide(1.0, total, out=np.zeros_like(total), where=total > 0)[:, None]
    system = np.eye(len(countries)) - KEEPS * scale * trade
    mix = np.linalg.solve(system, scale * own)
    return {
        country: {
            label: float(mix[k, j]) for label, j in column.items() if mix[k, j] > 1e-6
        }
        for country, k in place.items()
    }
