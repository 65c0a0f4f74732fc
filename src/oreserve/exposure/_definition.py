# SPDX-License-Identifier: Apache-2.0
"""Formulas of indicators and of the columns of results."""

from __future__ import annotations

import csv
from functools import cache
from importlib import resources
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    from oreserve.indicators import Definition

__all__ = ["column_of", "definition", "definition_of", "name_of"]

# What a row of a table is asked for where no column is named.
MAIN = {
    "activity": "activity_t", "agreements": "tonnes_per_year",
    "alerts": "largest_share_of_use", "binds": "worth_usd_per_t",
    "build_up": "stock_t", "chain": "t", "changes": "materiality",
    "classes": "critical_share", "comparison": "agreement_benefit_usd",
    "coverage": "expected_loss_with_usd", "deliveries": "delivered_t",
    "draws": "tonnes", "elements": "hhi", "exposure": "share_of_use", "flows": "flow_t",
    "frontier": "expected_loss_usd", "marginal_value": "usd_per_t",
    "measures": "traced_share", "minerals": "items",
    "partners": "share", "prices": "price_usd_per_t", "programmes":
    "verified_benefit_usd", "projects": "outlay_usd", "reconciliation": "used",
    "requirements": "reserve_needed_t", "reserve": "tonnes",
    "origins": "share", "points": "cover_without", "ranking": "score",
    "scores": "score", "shares": "share",
    "sensitivity": "benefit_base_usd", "shortfall": "shortfall_t",
    "states": "probability", "stocks": "level_t", "unsold": "unsold_t",
    "verification": "verified_usd", "worst_scenarios": "loss_with_usd",
}  # fmt: skip
SPECIAL = {"shares": "supply_share", "origins": "origin_share",
           "ranking": "exposure_score", "scores": "exposure_score",
           "points": "single_points_of_failure"}  # fmt: skip
PARTS = {"concentration": "hhi",
         "governance": "hhi_governance", "cover": "n_minus_1_cover",
         "reliance": "import_reliance_indirect"}  # fmt: skip


@cache
def _own_definitions() -> tuple[Definition, ...]:
    from oreserve.indicators import Definition

    rows: list[dict[str, str]] = []
    for name in ("definitions.csv", "results.csv"):
        path = resources.files("oreserve.exposure") / name
        rows += csv.DictReader(path.read_text(encoding="utf-8").splitlines())
    return tuple(
        Definition(
            name=row["name"],
            unit=row["unit"],
            low=float(row["low"]) if row["low"] else None,
            high=float(row["high"]) if row["high"] else None,
            higher_is=row["higher_is"],
            formula=row["formula"],
            source=row["source"],
        )
        for row in rows
    )


def definition(name: str) -> Definition | None:
    """Return the definition of an indicator or result column.

    `n_minus_1_cover_country` is found under `n_minus_1_cover`.

    Examples
    --------
    >>> definition("n_minus_1_cover_home").formula
    '(sum of supply - largest supplier) / demand'
    """
    from oreserve.indicators import definitions

    known = {d.name: d for d in (*definitions(), *_own_definitions())}
    while name:
        if name in known:
            return known[name]
        name, _, _ = name.rpartition("_")
    return None


def definition_of(table: str, column: str | None, name: str) -> Definition | None:
    """Return the definition of a column of a result table, else that of a name.

    Examples
    --------
    >>> definition_of("projects", "outlay_usd", "outlay_usd").source
    'docs/methods/contracts.md'
    """
    place = f"{table}.{column}"
    for known in _own_definitions():
        if known.name == place:
            return known
    return definition(name)


def column_of(table: str, row: Mapping[str, Any]) -> str | None:
    """Return the column that a row is asked for where none is named."""
    for column in (MAIN.get(table), "value"):
        if column in row:
            return column
    return None


def name_of(table: str, row: Mapping[str, Any], column: str | None) -> str:
    """Return the name under which a column of a table is defined."""
    if row.get("indicator"):
        return str(row["indicator"])
    if column is None or column in {"share", "score", "low", "high", "cover_without"}:
        return SPECIAL.get(table, column or table)
    return PARTS.get(column, column)
