# SPDX-License-Identifier: Apache-2.0
"""Effects of measures and drivers, in the one schema that shock files share."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING, Any

import polars as pl

from oreserve.study._study import EVERYBODY, Study
from oreserve.study.scenario import Effect

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

__all__ = ["driver_state_effects", "measure_effects"]

IN_FORCE = "in_force"


def measure_effects(study: Study) -> tuple[Effect, ...]:
    """Return the effects of the measures in force, sorted by measure.

    Suspended and ended measures do not apply. Each effect keeps its dates.
    """
    rows = study.table("measures").filter(pl.col("status") == IN_FORCE)
    made: list[Effect] = []
    for row in rows.iter_rows(named=True):
        made.extend(effects_of_row(study, row, label=row["measure"]))
    return tuple(made)


def driver_state_effects(study: Study) -> dict[tuple[str, str], tuple[Effect, ...]]:
    """Return by (driver, state) the effects that hold while the state lasts.

    Every state of `driver_states` and `drivers` is there; calm ones have none.
    """
    made: dict[tuple[str, str], list[Effect]] = {}
    for table in ("drivers", "driver_states"):
        for key in study.table(table).select("driver", "state").iter_rows():
            made.setdefault(key, [])
    for row in study.table("driver_effects").iter_rows(named=True):
        key = (row["driver"], row["state"])
        label = f"{row['driver']}/{row['state']}/{row['row']}"
        made.setdefault(key, []).extend(effects_of_row(study, row, label=label))
    return {key: tuple(made[key]) for key in sorted(made)}


def effects_of_row(
    study: Study, row: Mapping[str, Any], *, label: str
) -> Iterator[Effect]:
    """Yield the effects of one checked row: one, or one per member of a bloc.

    `actor` and `target` stay as written. A bloc or ``*`` in `country` becomes one
    effect per country, so that readers compare countries only.
    """
    countries: tuple[str, ...] = ("",)
    if row.get("country") not in {None, EVERYBODY}:
        countries = study.members(row["country"])
    for country in countries:
        yield Effect(
            kind=row["kind"],
            actor=row.get("actor") or "",
            target=row.get("target") or "",
            minerals=split_names(row.get("mineral")),
            items=split_names(row.get("item")),
            stage=row.get("stage") or "",
            country=country,
            klass=row.get("class") or "",
            factor=_value(row, "factor", 1.0),
            cap_share=_value(row, "cap_share", 1.0),
            cap_t_per_year=_value(row, "cap_t_per_year", float("inf")),
            tariff_share=_value(row, "tariff_share", 0.0),
            delay_days=_value(row, "delay_days", 0.0),
            start=row.get("from") or date.min,
            until=row.get("until") or date.max,
            label=label,
        )


def split_names(cell: str | None) -> tuple[str, ...]:
    """Return the sorted names of a list cell, each once."""
    if not cell:
        return ()
    return tuple(sorted({name.strip() for name in cell.split(";") if name.strip()}))


def _value(row: Mapping[str, Any], name: str, default: float) -> float:
    value = row.get(name)
    return default if value is None else float(value)
