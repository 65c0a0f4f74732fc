# SPDX-License-Identifier: Apache-2.0
"""Numbers and names for people: the same rounding everywhere."""

from __future__ import annotations

import csv
import functools
import math
import re
from datetime import date
from importlib.resources import files

__all__ = [
    "NO_DATA",
    "country_name",
    "date_text",
    "item_name",
    "millions",
    "money",
    "number",
    "scale",
    "share",
    "tonnes",
]

NO_DATA = "no data"
THIN = "\u202f"  # narrow no-break space between groups of digits
SPACE = "\u00a0"  # no-break space: a number keeps its unit
_WORDS = {
    "ndfeb": "NdFeB", "ndpr": "NdPr", "smco": "SmCo", "ree": "REE", "tio2": "TiO₂",
    "usd": "USD", "cvar": "CVaR", "pgm": "PGM", "lce": "LCE", "hpq": "HPQ",
    "drc": "DRC", "usa": "USA", "africa": "Africa", "seg": "SEG",
}  # fmt: skip


def number(value: float | None, *, digits: int = 3) -> str:
    """Write a number with `digits` significant digits and thin group spaces.

    Examples
    --------
    >>> number(12345.6).replace(THIN, " "), number(0.04567), number(None)
    ('12 300', '0.0457', 'no data')
    """
    if value is None or not math.isfinite(value):
        return NO_DATA
    if value == 0:
        return "0"
    places = digits - 1 - math.floor(math.log10(abs(value)))
    rounded = round(value, places)
    text = f"{rounded:,.{max(places, 0)}f}"
    if "." in text:
        text = text.rstrip("0").rstrip(".")
    return text.replace(",", THIN).replace("-", "−")


def tonnes(value: float | None) -> str:
    """Write tonnes: `tonnes(1234.5)` is 1 230 t."""
    return NO_DATA if value is None else f"{number(value)}{SPACE}t"


def money(value: float | None) -> str:
    """Write an amount of USD in the unit that reads best.

    Examples
    --------
    >>> money(7.43e9).replace(SPACE, " "), money(41e6).replace(SPACE, " ")
    ('7.43 billion USD', '41 million USD')
    """
    if value is None or not math.isfinite(value):
        return NO_DATA
    for size, word in ((1e9, "billion"), (1e6, "million")):
        if abs(value) >= 0.9995 * size:
            return f"{number(value / size)}{SPACE}{word} USD"
    if 0 < abs(value) < 0.5:
        return f"0{SPACE}USD"
    return f"{number(value)}{SPACE}USD"


def scale(largest: float) -> tuple[float, str]:
    """Return the divisor and the word of the unit for a chart's axis.

    Examples
    --------
    >>> scale(3e9), scale(41e6)
    ((1000000000.0, 'billion USD'), (1000000.0, 'million USD'))
    """
    return (1e9, "billion USD") if abs(largest) >= 1e9 else (1e6, "million USD")


def millions(value: float | None) -> str:
    """Write USD as millions without the unit, for columns that name it."""
    if value is None:
        return NO_DATA
    return number(value / 1e6) if abs(value) >= 500 else "0"


def share(value: float | None) -> str:
    """Write a share of 0-1 as a percentage.

    Examples
    --------
    >>> share(0.874).replace(SPACE, " "), share(0.0042).replace(SPACE, " ")
    ('87 %', '0.4 %')
    """
    if value is None or not math.isfinite(value):
        return NO_DATA
    percent = 100 * value
    if percent == 0:
        return f"0{SPACE}%"
    if 0 < abs(percent) < 0.05:
        return f"<{SPACE}0.1{SPACE}%"
    digits = 0 if abs(percent) >= 10 else 1
    return f"{percent:.{digits}f}{SPACE}%".replace("-", "−")


def item_name(name: str | None) -> str:
    """Write an item, mineral or driver for a reader: `ndpr_oxide` is NdPr oxide.

    Examples
    --------
    >>> item_name("ndpr_oxide"), item_name("natural_graphite")
    ('NdPr oxide', 'Natural graphite')
    """
    if not name:
        return ""
    text = re.sub(r"[A-Za-z0-9]+", _proper, " ".join(name.replace("_", " ").split()))
    first = re.split(r"\W", text)[0]
    return text if first in _WORDS.values() else text[:1].upper() + text[1:]


def _proper(word: re.Match[str]) -> str:
    return _WORDS.get(word[0].lower()) or _place_words().get(word[0], word[0])


@functools.cache
def _place_words() -> dict[str, str]:
    """Names of countries that are one word: `japan` is Japan in a driver's name."""
    return {name.lower(): name for name in _names().values() if name.isalpha()}


@functools.cache
def _names() -> dict[str, str]:
    source = files("oreserve") / "tables" / "countries.csv"
    rows = csv.DictReader(source.read_text(encoding="utf-8").splitlines())
    return {row["iso3"]: row["name"] for row in rows} | {"ROW": "Rest of the world"}


def country_name(code: str | None) -> str:
    """Write a country code as its name; unknown codes and blocs stay as they are."""
    return "" if code is None else _names().get(code, code)


def date_text(value: str | None) -> str:
    """Write an ISO date as 22 November 2026; anything else stays as it is."""
    try:
        day = date.fromisoformat(str(value))
    except ValueError:
        return str(value or "")
    return f"{day.day} {day:%B %Y}"
