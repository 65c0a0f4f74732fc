# SPDX-License-Identifier: Apache-2.0
"""Cells of projects that hold a small list: ramp, delay, option."""

from __future__ import annotations

import itertools
import math

__all__ = ["OPTION_WORDS", "option_words", "parse_delay", "parse_ramp"]

OPTION_WORDS = ("none", "offtake", "floor", "grant", "loan")
_PROBABILITY = 1e-6


def parse_ramp(text: str | None) -> tuple[float, ...]:
    """Return the share of capacity in the first, second ... year; the last stays.

    Raises
    ------
    ValueError
        If a share is no number in 0-1, or the ramp goes down.

    Examples
    --------
    >>> parse_ramp("0.3;0.7;1"), parse_ramp(None)
    ((0.3, 0.7, 1.0), (1.0,))
    """
    if text is None:
        return (1.0,)
    shares = tuple(_number(part, "ramp") for part in text.split(";"))
    if any(not 0 <= share <= 1 for share in shares):
        message = "a share of the ramp is not in 0-1"
        raise ValueError(message)
    if any(b < a for a, b in itertools.pairwise(shares)):
        message = "the ramp goes down"
        raise ValueError(message)
    return shares


def parse_delay(text: str | None) -> tuple[tuple[float, float], ...]:
    """Return years late with their probabilities, sorted by years.

    Raises
    ------
    ValueError
        If a part is no ``years:probability``, or probabilities do not sum to 1.

    Examples
    --------
    >>> parse_delay("0:0.5;1:0.5"), parse_delay("2"), parse_delay(None)
    (((0.0, 0.5), (1.0, 0.5)), ((2.0, 1.0),), ((0.0, 1.0),))
    """
    if text is None:
        return ((0.0, 1.0),)
    pairs: dict[float, float] = {}
    for part in text.split(";"):
        years, colon, probability = part.partition(":")
        late = _number(years, "delay")
        chance = _number(probability, "delay") if colon else 1.0
        if late < 0 or not 0 <= chance <= 1 or late in pairs:
            message = f"{part.strip()!r} is no years:probability"
            raise ValueError(message)
        pairs[late] = chance
    if abs(sum(pairs.values()) - 1) > _PROBABILITY:
        message = "the probabilities of the delay do not sum to 1"
        raise ValueError(message)
    return tuple(sorted(pairs.items()))


def option_words(option: str) -> tuple[str, ...]:
    """Return what an option is made of, without its level.

    Examples
    --------
    >>> option_words("floor_low+offtake")
    ('floor', 'offtake')
    """
    return tuple(part.strip().split("_")[0] for part in option.split("+"))


def _number(text: str, column: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        message = f"{text.strip()!r} in {column} is not a number"
        raise ValueError(message)
    return value
