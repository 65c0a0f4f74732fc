# SPDX-License-Identifier: Apache-2.0
"""The base year as arrays over item x country, with the rows behind each number."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import polars as pl

from oreserve.exposure._base_year import BaseYear, read_base_year

if TYPE_CHECKING:
    from oreserve.study import Study

__all__ = ["REST", "Figures", "Plant", "read_figures"]

Floats = npt.NDArray[np.float64]
REST = "ROW"  # what a table does not list: no supplier of its own


@dataclass(frozen=True)
class Plant:
    """One plant's output of one item, t a year; `owner` is its owner's country."""

    plant: str
    item: int
    country: int
    output: float
    capacity: float
    aggregate: bool
    owner: str | None
    evidence: str


@dataclass(frozen=True)
class Figures:
    """Tonnes a year of the base year on each item's basis.

    Parameters
    ----------
    items, minerals, stages
        *(I,)*, sorted by item.
    countries
        *(C,)*, sorted; `ROW` is what is not listed.
    output, capacity
        *(I, C)*: made, and made when everything runs.
    final_use, process_use
        *(I, C)*: by demands, and by plants.
    base
        The same as dictionaries, with lanes.
    unknown_lanes
        (item, exporter, importer) of lanes without a published flow.
    plants
        One per plant and output item, sorted.
    """

    items: tuple[str, ...]
    minerals: tuple[str, ...]
    stages: tuple[str, ...]
    countries: tuple[str, ...]
    output: Floats
    capacity: Floats
    final_use: Floats
    process_use: Floats
    base: BaseYear
    unknown_lanes: frozenset[tuple[str, str, str]]
    plants: tuple[Plant, ...]

    @cached_property
    def place(self) -> dict[str, int]:
        """Position of each country."""
        return {country: k for k, country in enumerate(self.countries)}

    @property
    def use(self) -> Floats:
        """Final use and the use of plants."""
        return self.final_use + self.process_use

    def trade(self, home: tuple[str, ...]) -> tuple[Floats, Floats]:
        """Return each item's imports by exporter and exports by importer.

        Lanes between countries of home do not count.

        Returns
        -------
        tuple of arrays
            *(I, C)* imports from, *(I, C)* exports to.
        """
        imports = np.zeros_like(self.output)
        exports = np.zeros_like(self.output)
        inside = set(home)
        for row, item in enumerate(self.items):
            lanes = sorted(self.base.imports.get(item, {}).items())
            for (exporter, importer), t in lanes:
                if importer in inside and exporter not in inside:
                    imports[row, self.place[exporter]] += t
                elif exporter in inside and importer not in inside:
                    exports[row, self.place[importer]] += t
        return imports, exports


def read_figures(study: Study, *, reconciled: bool = True) -> Figures:
    """Return the base year of a study.

    Parameters
    ----------
    study
        The study.
    reconciled
        Use the figures that the market uses, which add up; else the raw ones. A
        study whose settings switch reconciliation off has raw figures only.
    """
    base = read_base_year(study, _used(study) if reconciled else {})
    items = study.table("items").sort("item")
    names = tuple(items["item"])
    countries = tuple(sorted(study.tables["countries"]["country"]))
    row = {name: k for k, name in enumerate(names)}
    column = {name: k for k, name in enumerate(countries)}
    shape = (len(names), len(countries))
    output, final, process = np.zeros(shape), np.zeros(shape), np.zeros(shape)
    for amounts, array in ((base.output, output), (base.demand, final)):
        for (item, country), t in sorted(amounts.items()):
            array[row[item], column[country]] += t
    for (name, country), t in sorted(base.activity.items()):
        for item, coefficient in base.recipes.get(name, {}).items():
            if coefficient < 0:
                process[row[item], column[country]] -= coefficient * t
    plants, capacity = _plants(study, base, row, column)
    unknown = study.table("lanes").filter(pl.col("base_t_per_year").is_null())
    return Figures(
        items=names,
        minerals=tuple(items["mineral"]),
        stages=tuple(items["stage"]),
        countries=countries,
        output=output,
        capacity=np.maximum(capacity, output),
        final_use=final,
        process_use=process,
        base=base,
        unknown_lanes=frozenset(
            unknown.select("item", "exporter", "importer").iter_rows()
        ),
        plants=plants,
    )


def _plants(
    study: Study, base: BaseYear, row: dict[str, int], column: dict[str, int]
) -> tuple[tuple[Plant, ...], Floats]:
    """Return plants by output item; their activity is scaled to the used one."""
    table = study.table("plants").sort("plant")
    raw: dict[tuple[str, str], float] = defaultdict(float)
    for one in table.iter_rows(named=True):
        raw[one["process"], one["country"]] += one["base_activity_t_per_year"] or 0.0
    capacity = np.zeros((len(row), len(column)))
    found = []
    for one in table.iter_rows(named=True):
        key = (one["process"], one["country"])
        t = one["base_activity_t_per_year"] or 0.0
        scale = base.activity.get(key, 0.0) / raw[key] if raw[key] > 0 else 0.0
        most = max(0.0, one["capacity_t_per_year"] - (one["idle_t_per_year"] or 0.0))
        for item, coefficient in sorted(base.recipes.get(one["process"], {}).items()):
            if coefficient <= 0:
                continue
            made = Plant(
                one["plant"], row[item], column[one["country"]],
                coefficient * t * scale, coefficient * max(most, t * scale),
                bool(one["aggregate"]), one["owner_country"], one["evidence"],
            )  # fmt: skip
            capacity[made.item, made.country] += made.capacity
            found.append(made)
    return tuple(found), capacity


def _used(study: Study) -> dict[tuple[str, str], float]:
    """Return what reconciliation made of each row: (kind, key) -> t a year."""
    from oreserve.market import prepare

    if not study.settings.reconcile:
        return {}
    # Prices are not needed here, so calibration is left out.
    settings = replace(study.settings, calibrate=False)
    frame = prepare(replace(study, settings=settings, _filled={})).reconciliation
    kinds = {"plants": "plant", "demands": "demand", "lanes": "lane"}
    rows = frame.filter(pl.col("table").is_in(list(kinds))).drop_nulls("used")
    found: dict[tuple[str, str], float] = {}
    for table, key, t in rows.select("table", "key", "used").iter_rows():
        name = key
        if table == "lanes":
            item, _, pair = key.rpartition(":")
            name = " ".join((item, *pair.split(">")))
        found[kinds[table], name] = float(t)
    return found
