# SPDX-License-Identifier: Apache-2.0
"""Numbers in, numbers out: the checks that every indicator makes of its inputs.

The country (or supplier, partner, sector) axis is always the last one. Missing
is NaN (`None` is read as missing) and stays missing; zero is a measurement.
"""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from oreserve.errors import InputError

__all__ = [
    "Floats",
    "Input",
    "Values",
    "as_floats",
    "as_fractions",
    "as_shares",
    "as_vectors",
    "check_range",
    "ordered_sum",
    "plain",
]

Floats = npt.NDArray[np.float64]
Input: TypeAlias = npt.ArrayLike | None
Values: TypeAlias = "float | Floats"

# Shares are published to a percent or a tenth of it: rounding alone lifts the sum
# of a complete table by up to a few hundredths.
SUM_TOLERANCE = 0.05


def as_floats(values: Input, name: str) -> Floats:
    """Return `values` as floats; `None` becomes NaN, text and infinity are refused."""
    try:
        array = np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError) as error:
        message = f"{name}: {error}; allowed are numbers and None for missing"
        raise InputError(message) from None
    if np.isinf(array).any():
        message = (
            f"{name}: {_where(np.isinf(array), array)}; infinity is no measurement"
        )
        raise InputError(message)
    return array


def as_vectors(values: Input, name: str) -> Floats:
    """Return `values` with at least one axis, the one that is summed over."""
    return np.atleast_1d(as_floats(values, name))


def check_range(
    array: Floats,
    name: str,
    *,
    low: float,
    high: float,
    hint: str = "",
) -> None:
    """Refuse values outside `low` to `high`; NaN passes."""
    # Sums of shares that a caller made may miss 1 by the last bits.
    wrong = (array < low - 1e-9) | (array > high + 1e-9)
    if wrong.any():
        upper = "" if np.isposinf(high) else f" to {high:g}"
        message = f"{name}: {_where(wrong, array)}; allowed is {low:g}{upper}"
        raise InputError(f"{message}. {hint}" if hint else message)


def as_fractions(values: Input, name: str) -> Floats:
    """Return rates in 0-1; percentages are refused with the way to convert them."""
    array = as_floats(values, name)
    hint = ""
    if (array > 1 + 1e-9).any():
        hint = "It looks like a percentage: divide by 100."
    check_range(array, name, low=0.0, high=1.0, hint=hint)
    return array


def as_shares(
    values: Input, name: str = "shares", *, tolerance: float = SUM_TOLERANCE
) -> Floats:
    """Return share vectors in 0-1 whose sums stay below 1 + `tolerance`.

    A sum below 1 is accepted: the rest is unlisted, and published tables are not
    renormalised.
    """
    array = np.atleast_1d(as_fractions(values, name))
    totals = np.nansum(array, axis=-1)
    above = totals > 1 + tolerance + 1e-9
    if above.any():
        message = (
            f"{name}: the sum over the last axis is {_where(above, totals)}; allowed "
            f"is at most {1 + tolerance:g}. Is a row of totals among the countries, "
            "or a country listed twice?"
        )
        raise InputError(message)
    return array


def ordered_sum(array: Floats) -> Floats:
    """Sum over the last axis in sorted order, so that row order cannot matter."""
    return np.asarray(np.sort(array, axis=-1).sum(axis=-1), dtype=np.float64)


def plain(array: npt.ArrayLike) -> Values:
    """Return a float for one number, an array for more."""
    floats = np.asarray(array, dtype=np.float64)
    return float(floats) if floats.ndim == 0 else floats


def _where(wrong: npt.NDArray[np.bool_], array: Floats) -> str:
    first = tuple(int(i) for i in np.argwhere(wrong)[0])
    place = f" at index {first if len(first) > 1 else first[0]}" if first else ""
    count = int(wrong.sum())
    more = f" (and {count - 1} more)" if count > 1 else ""
    return f"{float(array[first]):g}{place}{more}"
