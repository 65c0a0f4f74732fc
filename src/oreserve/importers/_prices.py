# SPDX-License-Identifier: Apache-2.0
"""What a published price counts: unit and basis where the column does not say it."""

from __future__ import annotations

import csv
import re
from dataclasses import dataclass
from functools import cache
from importlib import resources

__all__ = ["Terms", "price_terms"]


@dataclass(frozen=True)
class Terms:
    """How to read one column of prices.

    Parameters
    ----------
    unit
        Unit as the publisher means it; empty: as stated.
    content
        Tonnes of the element in a tonne of what the price is for; the price is
        divided by it. None: no conversion.
    basis
        Basis of the price if it is not that of the commodity.
    refused
        Why the figure cannot be used; empty: it can.
    note
        What was done, for the note of the row.
    """

    unit: str = ""
    content: float | None = None
    basis: str = ""
    refused: str = ""
    note: str = ""


@cache
def _rules() -> tuple[tuple[str, re.Pattern[str], Terms], ...]:
    path = resources.files(__package__) / "price_terms.csv"
    return tuple(
        (
            row["commodity"],
            re.compile(row["pattern"], re.IGNORECASE),
            Terms(
                row["unit"],
                float(row["content"]) if row["content"] else None,
                row["basis"],
                row["refused"],
                row["note"],
            ),
        )
        for row in csv.DictReader(path.read_text(encoding="utf-8").splitlines())
    )


def price_terms(commodity: str, text: str) -> Terms:
    """Return how a column (or detail) of prices is to be read.

    Examples
    --------
    >>> price_terms("Lithium", "Price_dt").content
    0.18788
    """
    plain = " ".join(commodity.lower().split())
    for name, pattern, terms in _rules():
        if plain.startswith(name) and pattern.search(text):
            return terms
    return Terms()
