# SPDX-License-Identifier: Apache-2.0
"""What each indicator is: declared once, in definitions.csv."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from functools import cache
from importlib import resources

__all__ = ["Definition", "definitions"]


@dataclass(frozen=True)
class Definition:
    """Formula, unit, range, direction and source of an indicator.

    Parameters
    ----------
    name
        Name of the function.
    unit
        `1` for a dimensionless number.
    low, high
        Range in that unit; `None` where open.
    higher_is
        `worse`, `better`, or empty where it depends.
    formula, source
        For the explanation of a value.
    """

    name: str
    unit: str
    low: float | None
    high: float | None
    higher_is: str
    formula: str
    source: str


@cache
def definitions() -> tuple[Definition, ...]:
    """Return the definitions, sorted by name.

    Examples
    --------
    >>> [d.formula for d in definitions() if d.name == "hhi"]
    ['sum of s_c^2']
    """
    path = resources.files("oreserve.indicators") / "definitions.csv"
    rows = csv.DictReader(path.read_text(encoding="utf-8").splitlines())
    found = [
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
    ]
    return tuple(sorted(found, key=lambda d: d.name))
