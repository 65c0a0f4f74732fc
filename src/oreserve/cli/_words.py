# SPDX-License-Identifier: Apache-2.0
"""What a refusal would allow, in words: tonnes for grams and USD for cents."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

__all__ = ["allowed_text"]

# A count of small units inside a sentence that another module wrote.
_COUNT: Final = re.compile(r"(?<![\w.-])(-?\d+) (g|cents)(?: per t)?\b")
_BESIDE: Final = re.compile(r" \(-?\d+ (?:g|cents)\)")


def allowed_text(allowed: object) -> str:
    """Return what is allowed as people read it.

    Parameters
    ----------
    allowed
        As a refusal has it: a text, a list of words, or amounts by name.

    Examples
    --------
    >>> allowed_text({"grams": 2_500_000}), allowed_text("at most 1250 cents")
    ('up to 2.5 t', 'at most 12.50 USD')
    >>> allowed_text(["buyer", "manager"])
    'buyer or manager'
    """
    if isinstance(allowed, Mapping):
        return ", ".join(_named(str(name), value) for name, value in allowed.items())
    if isinstance(allowed, list | tuple | set | frozenset):
        return " or ".join(allowed_text(one) for one in allowed)
    return _COUNT.sub(_larger, _BESIDE.sub("", str(allowed)))


def _named(name: str, value: object) -> str:
    """Return one amount with its name; a bare amount is the most there can be."""
    words = name.split("_")
    whole = isinstance(value, int) and not isinstance(value, bool)
    if whole and words[-1] in {"grams", "cents"}:
        text = _amount(int(str(value)), words.pop())
        return f"{' '.join(words)} {text}" if words else f"up to {text}"
    if whole and words[-3:] == ["cents", "per", "t"]:
        text = f"{_amount(int(str(value)), 'cents')} per t"
        return f"{' '.join(words[:-3]) or 'price'} {text}"
    return f"{' '.join(words)} {allowed_text(value)}"


def _larger(match: re.Match[str]) -> str:
    per = " per t" if match[0].endswith("per t") else ""
    return _amount(int(match[1]), match[2]) + per


def _amount(value: int, unit: str) -> str:
    """Return grams as tonnes or cents as USD, exactly."""
    places = 2 if unit == "cents" else 6
    sign = "-" if value < 0 else ""
    whole, part = divmod(abs(value), 10**places)
    rest = f".{part:0{places}d}"
    if places > 2:
        rest = rest.rstrip("0").rstrip(".")
    return f"{sign}{whole:,}{rest} {'USD' if places == 2 else 't'}"
