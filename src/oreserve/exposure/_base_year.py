# SPDX-License-Identifier: Apache-2.0
"""The base year of a study as plain amounts, and what each item holds of a mineral."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from oreserve.tables import elements as element_names

if TYPE_CHECKING:
    from collections.abc import Mapping

    import polars as pl

    from oreserve.study import Study

__all__ = ["RANK", "STAGES", "Amounts", "BaseYear", "mineral_weights", "read_base_year"]

STAGES = ("mine", "concentrate", "refine", "metal", "alloy", "component")
RANK = {stage: rank for rank, stage in enumerate(STAGES)}

Amounts = dict[tuple[str, str], float]


@dataclass(frozen=True)
class BaseYear:
    """The base year of a study as dictionaries, t a year."""

    mineral: dict[str, str]
    stage: dict[str, str]
    recipes: dict[str, dict[str, float]]  # process -> item -> coefficient
    main_item: dict[str, str]
    activity: Amounts  # (process, country)
    output: Amounts  # (item, country)
    demand: Amounts  # (item, country)
    imports: dict[str, dict[tuple[str, str], float]]  # item -> (exporter, importer)
    elements: dict[str, dict[str, float]]  # item -> element -> mass share
    symbol: dict[str, str]
    world: dict[str, float] = field(default_factory=dict)  # process -> activity


def read_base_year(study: Study, used: Mapping[tuple[str, str], float]) -> BaseYear:
    """Collect the base year, with reconciled values where `used` holds them.

    Parameters
    ----------
    study
        The study.
    used
        (kind, key) -> t a year, kinds `plant`, `demand`, `lane`; the key of a lane is
        its item, exporter and importer with a space between.
    """
    items = study.table("items")
    mineral = dict(zip(items["item"], items["mineral"], strict=True))
    stage = dict(zip(items["item"], items["stage"], strict=True))
    recipes: dict[str, dict[str, float]] = defaultdict(dict)
    for row in study.table("recipes").iter_rows(named=True):
        recipes[row["process"]][row["item"]] = row["coefficient"]
    activity: Amounts = defaultdict(float)
    for row in study.table("plants").iter_rows(named=True):
        t = used.get(("plant", row["plant"]), row["base_activity_t_per_year"])
        activity[row["process"], row["country"]] += max(0.0, t or 0.0)
    output: Amounts = defaultdict(float)
    world: dict[str, float] = defaultdict(float)
    for (process, country), t in activity.items():
        world[process] += t
        for item, coefficient in recipes.get(process, {}).items():
            if coefficient > 0:
                output[item, country] += coefficient * t
    demand: Amounts = defaultdict(float)
    for row in study.table("demands").iter_rows(named=True):
        t = used.get(("demand", row["demand"]), row["quantity_t_per_year"])
        demand[row["item"], row["country"]] += max(0.0, t or 0.0)
    imports: dict[str, dict[tuple[str, str], float]] = defaultdict(dict)
    for row in study.table("lanes").iter_rows(named=True):
        key = f"{row['item']} {row['exporter']} {row['importer']}"
        t = used.get(("lane", key), row["base_t_per_year"])
        if t and t > 0:
            imports[row["item"]][row["exporter"], row["importer"]] = t
    for (kind, key), t in used.items():  # lanes that reconciliation had to assume
        item, _, pair = key.partition(" ")
        exporter, _, importer = pair.partition(" ")
        if kind == "lane" and t > 0:
            imports[item].setdefault((exporter, importer), t)
    processes = study.table("processes")
    elements, symbol = _contents(study.table("contents"), mineral, stage)
    return BaseYear(
        mineral=mineral,
        stage=stage,
        recipes=dict(recipes),
        main_item=dict(zip(processes["process"], processes["main_item"], strict=True)),
        activity=dict(activity),
        output=dict(output),
        demand=dict(demand),
        imports=dict(imports),
        elements=elements,
        symbol=symbol,
        world=dict(world),
    )


def _contents(
    contents: pl.DataFrame, mineral: dict[str, str], stage: dict[str, str]
) -> tuple[dict[str, dict[str, float]], dict[str, str]]:
    """Return the elements of each item and the element of each mineral."""
    elements: dict[str, dict[str, float]] = defaultdict(dict)
    best: dict[str, tuple[int, float, str]] = {}
    called = {name.lower(): symbol for symbol, name in element_names().items()}
    for row in contents.iter_rows(named=True):
        item = row["item"]
        elements[item][row["element"]] = row["mass_share"] or 0.0
        name = mineral.get(item)
        if name is None:
            continue
        # The element of that name, else the richest of the mineral's earliest item.
        rank = (RANK[stage[item]], -(row["mass_share"] or 0.0), row["element"])
        if called.get(name) == row["element"]:
            rank = (-1, 0.0, row["element"])
        best[name] = min(best.get(name, rank), rank)
    return dict(elements), {name: rank[2] for name, rank in best.items()}


def mineral_weights(base: BaseYear, mineral: str) -> dict[str, float]:
    """Return tonnes of the mineral per tonne of each item of its chain.

    Own items count what they contain, or themselves where contents are not given.
    """
    symbol = base.symbol.get(mineral, "")
    weight = {
        item: base.elements[item].get(symbol, 0.0) if base.elements.get(item) else 1.0
        for item, name in base.mineral.items()
        if name == mineral
    }
    weight = {item: w for item, w in weight.items() if w > 0}
    by_stage = sorted(base.mineral, key=lambda item: (-RANK[base.stage[item]], item))
    for item in by_stage:  # upstream, from late stages to early ones
        _add_upstream(base, mineral, item, weight)
    for item in reversed(by_stage):  # downstream, the other way
        if item not in weight and RANK[base.stage[item]] == RANK["component"]:
            _add_downstream(base, item, weight)
    return weight


def _add_upstream(
    base: BaseYear, mineral: str, item: str, weight: dict[str, float]
) -> None:
    if item in weight:
        return
    used = carried = 0.0
    for process, recipe in base.recipes.items():
        coefficient = recipe.get(item, 0.0)
        if coefficient >= 0 or not _belongs(base, mineral, item, recipe):
            continue
        gain = sum(
            c * weight[name]
            for name, c in recipe.items()
            if c > 0
            and name in weight
            and RANK[base.stage[name]] >= RANK[base.stage[item]]
        )
        t = base.world.get(process, 0.0)
        used += t * -coefficient
        carried += t * gain
    if carried > 0:
        weight[item] = carried / used


def _belongs(
    base: BaseYear, mineral: str, item: str, recipe: Mapping[str, float]
) -> bool:
    """Say whether an input can carry the mineral into a process."""
    inputs = [name for name, c in recipe.items() if c < 0]
    if len(inputs) == 1 or base.mineral[item] == mineral:
        return True
    return base.elements.get(item, {}).get(base.symbol.get(mineral, ""), 0.0) > 0


def _add_downstream(base: BaseYear, item: str, weight: dict[str, float]) -> None:
    made = took = 0.0
    for process, recipe in base.recipes.items():
        if recipe.get(item, 0.0) <= 0 or base.main_item.get(process) != item:
            continue
        t = base.world.get(process, 0.0)
        made += t * recipe[item]
        took += t * sum(
            -c * weight[n] for n, c in recipe.items() if c < 0 and n in weight
        )
    if made > 0 and took > 0:
        weight[item] = took / made
