# SPDX-License-Identifier: Apache-2.0
"""Read the security values that an operating policy wrote, for one state of affairs."""

from __future__ import annotations

import csv
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

from oreserve.errors import InputError
from oreserve.tables import nearest

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["read_security_values"]

_COLUMNS = ("item", "period", "state", "stock_t", "usd_per_t")


def read_security_values(
    path: str | Path, *, period: str, state: str, stock_grams: Mapping[str, int]
) -> list[dict[str, object]]:
    """Read ``security_value.csv`` of a policy as values of `load_security_values`.

    Parameters
    ----------
    path
        The file, or the policy's folder.
    period
        Start of the period, ``YYYY-MM``.
    state
        State of the world, as the policy names it.
    stock_grams
        What the reserve holds by item, g: the row whose stock is nearest counts, the
        lower one of two as near. Items that are not named are left out.

    Returns
    -------
    list of dict
        ``item`` and ``cents_per_t`` (US cents per t, half-even to the cent), sorted.

    Raises
    ------
    InputError
        If the file is not one of a policy, or has not this period or state.
    """
    file = Path(path)
    file = file / "security_value.csv" if file.is_dir() else file
    with file.open(encoding="utf-8", newline="") as lines:
        reader = csv.DictReader(lines)
        missing = sorted(set(_COLUMNS) - set(reader.fieldnames or ()))
        if missing:
            message = f"{file}: no column {', '.join(missing)}; is it of a policy?"
            raise InputError(message)
        rows = list(reader)
    for name, wanted in (("period", period), ("state", state)):
        known = sorted({row[name] for row in rows})
        if wanted not in known:
            near = nearest(wanted, known)
            hint = f"; nearest: {near}" if near else ""
            message = (
                f"{file}: no {name} {wanted!r}{hint}; there are {', '.join(known)}"
            )
            raise InputError(message)
    best: dict[str, tuple[Fraction, Fraction, int]] = {}
    for row in rows:
        item = row["item"]
        fits = row["period"] == period and row["state"] == state and item in stock_grams
        if not fits or not row["usd_per_t"]:
            continue
        level = Fraction(row["stock_t"])
        away = abs(level - Fraction(stock_grams[item], 1_000_000))
        # A tonne is worth nothing at worst: solvers leave values a hair below zero.
        cents = max(round(Fraction(row["usd_per_t"]) * 100), 0)
        if item not in best or (away, level) < best[item][:2]:
            best[item] = (away, level, cents)
    return [
        {"item": item, "cents_per_t": value[2]} for item, value in sorted(best.items())
    ]
