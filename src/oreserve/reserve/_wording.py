# SPDX-License-Identifier: Apache-2.0
"""What is wrong with an argument, in words: for terminal, API and pages alike.

Checks know patterns and limits; people are told what to write instead.
"""

from __future__ import annotations

import re
from datetime import date
from typing import TYPE_CHECKING, Any, Final

from oreserve.tables import nearest_country

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["problem_of"]

LONGEST_VALUE: Final = 40  # signs of a wrong value that are repeated
_EUROPEAN: Final = re.compile(r"(\d{1,2})[./](\d{1,2})[./](\d{4})")
_YEAR_FIRST: Final = re.compile(r"(\d{4})[./-]?(\d{1,2})[./-]?(\d{1,2})")
_QUARTER: Final = re.compile(r"(\d{4})\W*[Qq]?([1-4])|[Qq]([1-4])\W*(\d{4})")


def problem_of(error: Mapping[str, Any]) -> str:
    """Say what is wrong with an argument.

    Parameters
    ----------
    error
        One error of pydantic: `type`, `msg`, and where known `ctx` and `input`. A
        value that is not given is not repeated: it may be a secret.

    Examples
    --------
    >>> problem_of({"type": "greater_than", "msg": "", "ctx": {"gt": 0}})
    'must be above 0'
    """
    kind, limits = str(error.get("type", "")), error.get("ctx") or {}
    if kind == "string_pattern_mismatch":
        return _mismatch(str(limits.get("pattern", "")), error.get("input"))
    for name, words in _LIMITS.items():
        if kind == name:
            return words.format(**limits)
    text = str(error.get("msg", "is not allowed"))
    text = text.removeprefix("Value error, ").removeprefix("Assertion failed, ")
    return re.sub(r"^(Input|String|List|Tuple) should ", "must ", text)


_LIMITS: Final = {
    "greater_than": "must be above {gt}",
    "greater_than_equal": "must be {ge} or more",
    "less_than": "must be below {lt}",
    "less_than_equal": "must be {le} or less",
    "int_type": "must be a whole number",
    "int_parsing": "must be a whole number",
    "int_from_float": "must be a whole number",
    "float_type": "must be a number",
    "string_type": "must be a text",
    "bool_type": "must be true or false",
    "extra_forbidden": "there is no such argument",
    "string_too_long": "must have at most {max_length} signs",
    "string_too_short": "must have at least {min_length} signs",
}


def _mismatch(pattern: str, value: object) -> str:
    """Say what to write in place of a text that does not fit a pattern."""
    text = value if isinstance(value, str) else ""
    short = text if len(text) <= LONGEST_VALUE else f"{text[:LONGEST_VALUE]}…"
    start = f"{short!r} is " if text else ""
    if r"\d{2}-\d{2}" in pattern:
        return f"{start}no day; write {_day(text) or '2026-12-31'}"
    if "-Q" in pattern:
        return f"{start}no quarter; write {_quarter(text) or '2026-Q3'}"
    if pattern == "^[A-Z]{3}$":
        near = nearest_country(text) if text else None
        hint = f", nearest {near}" if near else ", such as USA"
        return f"{start}no country code: three letters of ISO 3166{hint}"
    signs = " ".join(sign for sign in "._@+-" if sign in pattern.partition("]")[2])
    return (
        f"{start}no name: letters, digits and {signs or '. _ -'}, "
        "starting with a letter or digit"
    )


def _day(text: str) -> str | None:
    """Return the day that somebody meant, if only one can be meant."""
    if match := _EUROPEAN.fullmatch(text.strip()):
        first, second, year = map(int, match.groups())
        if first <= 12 and second <= 12 and "/" in text and first != second:
            return None  # the 5th of April or the 4th of May
        day, month = (first, second) if second <= 12 else (second, first)
    elif match := _YEAR_FIRST.fullmatch(text.strip()):
        year, month, day = map(int, match.groups())
    else:
        return None
    try:
        return date(year, month, day).isoformat()
    except ValueError:
        return None


def _quarter(text: str) -> str | None:
    """Return the quarter that somebody meant."""
    match = _QUARTER.fullmatch(text.strip())
    if match is None:
        return None
    return f"{match[1] or match[4]}-Q{match[2] or match[3]}"
