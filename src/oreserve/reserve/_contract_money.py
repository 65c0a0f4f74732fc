# SPDX-License-Identifier: Apache-2.0
"""Shares, masses and money of contracts: exact for sums, plain for messages."""

from __future__ import annotations

from fractions import Fraction

from oreserve.reserve._ledger import GRAMS_PER_T

__all__ = [
    "GRAMS_PER_T",
    "decimal_share",
    "grams_for",
    "money_text",
    "tonnes_text",
    "value_cents",
]


def value_cents(grams: int, cents_per_t: int) -> int:
    """Return grams times a price, cents, rounded once half to even at any size.

    Examples
    --------
    >>> value_cents(500_000, 3), value_cents(1_500_000, 3)
    (2, 4)
    """
    return round(Fraction(grams * cents_per_t, GRAMS_PER_T))


def grams_for(cents: int, cents_per_t: int) -> int:
    """Return the most grams whose value stays within the money, 0 or more.

    Examples
    --------
    >>> grams_for(1_000_000, 3_000_000)
    333333
    """
    if cents <= 0 or cents_per_t <= 0:
        return 0
    return cents * GRAMS_PER_T // cents_per_t


def decimal_share(share: float) -> Fraction:
    """Return the decimal that a share was written as, not its nearest binary number.

    Examples
    --------
    >>> decimal_share(0.3)
    Fraction(3, 10)
    """
    return Fraction(repr(float(share)))


def money_text(cents: int) -> str:
    """Return cents as dollars for people: ``1,234.50 USD``."""
    sign = "-" if cents < 0 else ""
    dollars, rest = divmod(abs(cents), 100)
    return f"{sign}{dollars:,}.{rest:02d} USD"


def tonnes_text(grams: int) -> str:
    """Return grams as tonnes for people: ``1,234.5 t``."""
    sign = "-" if grams < 0 else ""
    tonnes, rest = divmod(abs(grams), GRAMS_PER_T)
    decimals = f".{rest:06d}".rstrip("0").rstrip(".")
    return f"{sign}{tonnes:,}{decimals} t"
