# SPDX-License-Identifier: Apache-2.0
"""Read a published figure: the number, or why there is none."""

from __future__ import annotations

import re
from dataclasses import dataclass

__all__ = ["FLAGS", "Figure", "figure"]

FLAGS = {
    "reported": "a number as printed",
    "zero": "a dash, a true zero",
    "withheld": "W: withheld by the publisher",
    "not_available": "NA, empty, .. : nobody says",
    "not_applicable": "XX: has no meaning here",
    "less_than": "below a bound",
    "greater_than": "above a bound",
    "range": "between two bounds",
    "under_half_unit": "s: less than half a unit",
    "net_exporter": "E: exports exceed imports",
    "words": "Large, Small, Variable",
    "suspect": "cannot be right against the rest of the file",
    "unreadable": "no rule reads it",
}
_WORDS = {
    "w": "withheld",
    "na": "not_available",
    "n/a": "not_available",
    "#n/a": "not_available",
    "n.a": "not_available",
    "..": "not_available",
    "\u2026": "not_available",
    "...": "not_available",
    "": "not_available",
    "xx": "not_applicable",
    "e": "net_exporter",
    "s": "under_half_unit",
    "less than 1/2 unit": "under_half_unit",
    "less than \u00bd unit": "under_half_unit",
}
_DASHES = {"\u2014", "\u2013", "-", "--"}
_NUMBER = r"(-?[\d,]*\.?\d+(?:[eE][+-]?\d+)?)"
_PLAIN = re.compile(_NUMBER)
_BOUND = re.compile(r"([<>\u2264\u2265])\s*" + _NUMBER)
_RANGE = re.compile(r"([\d,]*\.?\d+)\s*[\u2013\u2014-]\s*([\d,]*\.?\d+)")
_VAGUE = re.compile(r"[A-Za-z][A-Za-z ,()-]*\.?")


_SAID = re.compile(r"(?i)^(less|more|greater) than\s*|\s*(metric )?tons$")


def _sign(found: re.Match[str]) -> str:
    """Turn "less than" into a sign and drop a unit that is said again."""
    return {"less": "<", "more": ">", "greater": ">"}.get((found[1] or "").lower(), "")


@dataclass(frozen=True)
class Figure:
    """A published cell: `value` only where a single number is printed."""

    value: float | None
    flag: str
    low: float | None = None
    high: float | None = None

    def times(self, factor: float) -> Figure:
        """Return the figure in another unit."""

        def scaled(number: float | None) -> float | None:
            return None if number is None else number * factor

        return Figure(
            scaled(self.value), self.flag, scaled(self.low), scaled(self.high)
        )


def _float(text: str) -> float:
    return float(text.replace(",", ""))


def figure(text: str | None) -> Figure:
    """Read one cell; never guesses a number where a letter or a bound is printed.

    Examples
    --------
    >>> figure("1,520").value, figure("W").flag, figure(">75").low
    (1520.0, 'withheld', 75.0)
    >>> figure("330 - 390")
    Figure(value=None, flag='range', low=330.0, high=390.0)
    """
    plain = (text or "").replace("\u00a0", " ").strip()
    plain = plain.replace("\u2212", "-")
    if plain in _DASHES:
        return Figure(0.0, "zero")
    word = plain.lower().rstrip(".") if plain.strip(".") else plain
    if word in _WORDS:
        flag = _WORDS[word]
        return Figure(None, flag, *((0.0, 0.5) if flag == "under_half_unit" else ()))
    if _PLAIN.fullmatch(plain):
        return Figure(_float(plain), "reported")
    bound = _BOUND.fullmatch(_SAID.sub(_sign, plain).strip())
    if bound:
        number = _float(bound[2])
        if bound[1] in "<\u2264":
            return Figure(None, "less_than", None, number)
        return Figure(None, "greater_than", number, None)
    between = _RANGE.fullmatch(plain)
    if between:
        return Figure(None, "range", _float(between[1]), _float(between[2]))
    if _VAGUE.fullmatch(plain):
        return Figure(None, "words")
    return Figure(None, "unreadable")
