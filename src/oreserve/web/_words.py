# SPDX-License-Identifier: Apache-2.0
"""Grams, cents and codes as people read them, to the last digit.

A ledger is not rounded: 1 234 567 g is 1.234567 t, and what is written here can be
typed into a form and comes back as the same integer.
"""

from __future__ import annotations

import re
from decimal import Decimal, InvalidOperation

from oreserve.report._format import (
    NO_DATA,
    SPACE,
    THIN,
    country_name,
    date_text,
    item_name,
)

__all__ = [
    "NOT_YET",
    "NO_DATA",
    "cents_from",
    "country_name",
    "date_text",
    "grams_from",
    "heading",
    "item_name",
    "money",
    "plain",
    "price",
    "share",
    "shown",
    "time_text",
    "tonnes",
    "unit_of",
]

NOT_YET = "not yet"  # of a step that is still to come; NO_DATA is of one that is past

GRAMS_PER_TONNE = 1_000_000
CENTS_PER_USD = 100

# Words of columns that do not read well when only their underscores go.
_HEADINGS = {
    "g": "mass", "order_id": "order", "release_id": "release", "from_on": "from",
    "until_on": "until", "due_on": "due", "is_on": "on", "is_met": "met",
    "txn": "transaction", "at": "time", "rule_kind": "price rule",
    "late_share_per_day": "late charge per day", "txn_kind": "kind",
}  # fmt: skip
# Columns that hold words of a closed list.
_CODES = frozenset(
    {"action", "claim_rule", "class", "decision", "expired_rule", "ground", "kind"}
    | {"lot_rule", "payer", "proposed", "purpose", "reserve", "rule_kind", "rung"}
    | {"status", "why"}
)
_UNITS = {
    "cents_per_t_year": "USD per t and year",
    "cents_per_t": "USD per t",
    "cents": "USD",
    "grams": "t",
    "g": "t",
}


def _exact(value: int, unit: int, *, least: int = 0) -> str:
    """Write an integer of small units in large ones, without losing a digit."""
    sign = "−" if value < 0 else ""
    whole, rest = divmod(abs(value), unit)
    places = len(str(unit)) - 1
    fraction = f"{rest:0{places}d}".rstrip("0").ljust(least, "0")
    digits = f"{whole:,}".replace(",", THIN)
    return f"{sign}{digits}.{fraction}" if fraction else f"{sign}{digits}"


def tonnes(grams: int | None) -> str:
    """Write grams as tonnes.

    Examples
    --------
    >>> tonnes(1_234_567).replace(SPACE, " "), tonnes(None)
    ('1.234567 t', 'no data')
    """
    return NO_DATA if grams is None else f"{_exact(grams, GRAMS_PER_TONNE)}{SPACE}t"


def money(cents: int | None) -> str:
    """Write cents as USD: whole dollars, or with both digits of the cents.

    Examples
    --------
    >>> money(1_234_50).replace(THIN, " ").replace(SPACE, " ")
    '1 234.50 USD'
    """
    if cents is None:
        return NO_DATA
    least = 2 if cents % CENTS_PER_USD else 0
    return f"{_exact(cents, CENTS_PER_USD, least=least)}{SPACE}USD"


def price(cents_per_t: int | None) -> str:
    """Write a price in USD per tonne."""
    return NO_DATA if cents_per_t is None else f"{money(cents_per_t)}/t"


def share(value: float | None) -> str:
    """Write a share of 0-1 in percent with the digits it has.

    Examples
    --------
    >>> share(0.005).replace(SPACE, " "), share(0.9995).replace(SPACE, " ")
    ('0.5 %', '99.95 %')
    """
    return NO_DATA if value is None else f"{100 * value:.6g}{SPACE}%"


def time_text(at: str | None) -> str:
    """Write a time of the ledger to the second, in UTC.

    Examples
    --------
    >>> time_text("2026-11-24T12:08:04.123456Z").replace(SPACE, " ")
    '2026-11-24 12:08:04 UTC'
    """
    if not at:
        return ""
    if len(at) <= len("YYYY-MM-DD"):
        return at
    return f"{at[:10]}{SPACE}{at[11:19]}{SPACE}UTC"


def unit_of(name: str) -> str:
    """Return the unit that people read for a column or argument; empty if none.

    Examples
    --------
    >>> unit_of("ceiling_grams"), unit_of("floor_cents_per_t"), unit_of("title")
    ('t', 'USD per t', '')
    """
    for ending, unit in _UNITS.items():
        if name == ending or name.endswith("_" + ending):
            return unit
    return ""


def heading(name: str) -> str:
    """Write a column's name for people: `received_on` is Received on.

    Examples
    --------
    >>> heading("ceiling_grams"), heading("order_id"), heading("amount_cents")
    ('Ceiling', 'Order', 'Amount')
    """
    unit = unit_of(name)
    if unit and name not in _HEADINGS:
        name = re.sub(r"_?(cents_per_t_year|cents_per_t|cents|grams|g)$", "", name)
        name = name or {"t": "mass", "USD": "amount"}.get(unit, "price")
    words = _HEADINGS.get(name, name.replace("_", " "))
    return words[:1].upper() + words[1:]


def shown(name: str, value: object) -> str:
    """Write a value of a column: masses in t, money in USD, the rest as it is."""
    if value is None:
        return NO_DATA
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        unit = unit_of(name)
        if unit == "t":
            return tonnes(value)
        if unit == "USD":
            return money(value)
        if unit:
            return f"{money(value)}/t" + ("/year" if "year" in unit else "")
        return str(value)
    if isinstance(value, float):
        return share(value) if "share" in name else f"{value:.6g}"
    if name == "at" or name.endswith("_at"):
        return time_text(str(value))
    if name == "item":
        return item_name(str(value))
    if name in {"country", "origin_country"}:
        return country_name(str(value))
    if name in _CODES:
        return str(value).replace("_", " ")
    return str(value)


def plain(name: str, value: object) -> str:
    """Write a value for a form's field: in the unit that is typed, no thin spaces."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    unit = unit_of(name)
    if isinstance(value, int) and unit:
        size = GRAMS_PER_TONNE if unit == "t" else CENTS_PER_USD
        return _exact(value, size).replace(THIN, "").replace("−", "-")
    return str(value)


def grams_from(text: str) -> int:
    """Read tonnes as a person types them; exact to the gram or refused.

    Raises
    ------
    ValueError
        If it is no number or has parts of a gram.
    """
    return _from(text, GRAMS_PER_TONNE, "t", "a gram")


def cents_from(text: str) -> int:
    """Read USD as a person types them; exact to the cent or refused.

    Raises
    ------
    ValueError
        If it is no number or has parts of a cent.
    """
    return _from(text, CENTS_PER_USD, "USD", "a cent")


def _from(text: str, size: int, unit: str, least: str) -> int:
    bare = re.sub(r"[\s_]", "", text.replace("−", "-"))
    if "," in bare:
        message = f"write a decimal point and no commas, as in 1234.5 ({unit})"
        raise ValueError(message)
    try:
        value = Decimal(bare) * size
    except InvalidOperation:
        message = f"{text[:40]!r} is no number of {unit}"
        raise ValueError(message) from None
    if not value.is_finite() or abs(value) >= 1 << 63:
        message = f"{text[:40]!r} is too large"
        raise ValueError(message)
    if value != value.to_integral_value():
        message = f"{text[:40]!r} {unit} has parts of {least}"
        raise ValueError(message)
    return int(value)
