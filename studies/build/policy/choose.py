# SPDX-License-Identifier: Apache-2.0
"""Choose what exists in the study: an effect may only name known things."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from studies.build.tables import Tables

__all__ = [
    "base_exports_t",
    "items_of",
    "known_minerals",
    "listed",
    "number",
]


def number(value: object) -> float:
    """Return a cell as a number; null is refused, not read as 0."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        return float(value)
    message = f"not a number: {value!r}"
    raise TypeError(message)


def items_of(
    tables: Tables,
    minerals: Iterable[str] = (),
    *,
    stages: Iterable[str] = (),
    names: Iterable[str] = (),
) -> tuple[str, ...]:
    """Return items of the minerals and stages (empty: any), plus named ones."""
    wanted, stage_set, extra = set(minerals), set(stages), set(names)
    found = {
        str(row["item"])
        for row in tables.rows("items")
        if (row["mineral"] in wanted and (not stage_set or row["stage"] in stage_set))
        or row["item"] in extra
    }
    return tuple(sorted(found))


def known_minerals(tables: Tables, minerals: Iterable[str]) -> tuple[str, ...]:
    """Return those of the minerals that have an item in the study, sorted."""
    present = {str(row["mineral"]) for row in tables.rows("items")}
    return tuple(sorted(present & set(minerals)))


def listed(names: Iterable[str]) -> str | None:
    """Write names as a list cell; no name is null."""
    return ";".join(sorted(set(names))) or None


def base_exports_t(tables: Tables, country: str, items: Iterable[str]) -> float:
    """Return what a country exports of the items in the base year, t."""
    chosen = set(items)
    return sum(
        number(row["base_t_per_year"])
        for row in tables.rows("lanes", exporter=country)
        if row["item"] in chosen and row.get("base_t_per_year") is not None
    )
