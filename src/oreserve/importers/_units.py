# SPDX-License-Identifier: Apache-2.0
"""Published unit texts in terms of the closed unit table; an unknown one is None."""

from __future__ import annotations

import csv
from functools import cache
from importlib import resources

from oreserve.tables import nearest, units

__all__ = ["nearest_unit", "published_unit"]


@cache
def _published() -> dict[str, tuple[str, float]]:
    path = resources.files(__package__) / "published_units.csv"
    found: dict[str, tuple[str, float]] = {}
    for row in csv.DictReader(path.read_text(encoding="utf-8").splitlines()):
        canonical, factor = units()[row["unit"]]
        found[row["published"]] = (canonical, factor * float(row["multiple"]))
    for unit, pair in units().items():
        found.setdefault(unit.lower(), pair)
    return found


def published_unit(text: str) -> tuple[str, float] | None:
    """Return the canonical unit and the factor to it; None if the unit is unknown.

    Nothing is guessed: `kt` is a thousand tonnes here and never a knot.

    Examples
    --------
    >>> published_unit("thousand metric tons"), published_unit("cents per carat")
    (('t', 1000.0), None)
    """
    plain = " ".join(text.strip().strip("()").lower().split())
    found = _published()
    return found.get(" ".join(text.strip().lower().split())) or found.get(plain)


def nearest_unit(text: str) -> str | None:
    """Return the known unit text that is most like an unknown one."""
    return nearest(text, _published())
