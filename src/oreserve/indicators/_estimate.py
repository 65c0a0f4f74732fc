# SPDX-License-Identifier: Apache-2.0
"""Numbers known only within bounds, and what a formula makes of them."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from oreserve.errors import InputError
from oreserve.indicators._arrays import (
    Floats,
    Input,
    Values,
    as_floats,
    check_range,
    plain,
)

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = [
    "NO_DATA",
    "OK",
    "PARTIAL",
    "Estimate",
    "between",
    "estimate",
    "less_than",
    "propagate",
    "rounded",
    "status_of",
]

OK = "ok"
PARTIAL = "partial"
NO_DATA = "no_data"

# 2^k corners are evaluated; ten uncertain inputs are a thousand evaluations.
MAXIMUM_UNCERTAIN = 10


@dataclass(frozen=True)
class Estimate:
    """Value with its bounds; equal shapes, unit of the value.

    Parameters
    ----------
    value
        Best value; NaN where there is no data.
    low, high
        Bounds that contain the value; NaN where there is no data.
    status
        `ok`, `partial` (part of the inputs is missing, censored or a range) or
        `no_data`, per element.
    """

    value: Values
    low: Values
    high: Values
    status: npt.NDArray[np.str_]


def status_of(value: Input, *, partial: npt.ArrayLike = False) -> npt.NDArray[np.str_]:
    """Return `no_data` where the value is NaN, else `partial` or `ok`.

    Examples
    --------
    >>> status_of([0.4, None, 0.0], partial=[False, False, True]).tolist()
    ['ok', 'no_data', 'partial']
    """
    missing = np.isnan(as_floats(value, "value"))
    known = np.where(np.asarray(partial, dtype=np.bool_), PARTIAL, OK)
    return np.asarray(np.where(missing, NO_DATA, known))


def estimate(
    value: Input, low: Input, high: Input, *, partial: npt.ArrayLike = False
) -> Estimate:
    """Return an `Estimate`; where the value is NaN there are no bounds."""
    middle, lower, upper = (
        np.array(as_floats(part, name))
        for part, name in ((value, "value"), (low, "low"), (high, "high"))
    )
    middle, lower, upper = (
        np.array(a) for a in np.broadcast_arrays(middle, lower, upper)
    )
    missing = np.isnan(middle)
    lower[missing] = np.nan
    upper[missing] = np.nan
    status = status_of(middle, partial=partial)
    return Estimate(plain(middle), plain(lower), plain(upper), status)


def rounded(
    values: Input,
    *,
    step: float,
    low: float = -np.inf,
    high: float = np.inf,
) -> Estimate:
    """Return the numbers that round to `values`: value - step/2 to value + step/2.

    Parameters
    ----------
    values
        Published numbers, any shape and unit.
    step
        Last published digit in the same unit: 0.1 for one decimal, 0.01 for whole
        percent of a share in 0-1.
    low, high
        Bounds that hold anyway: a share stays in 0-1.

    Examples
    --------
    >>> share = rounded(1.0, step=0.1, high=1.0)
    >>> share.low, share.high
    (0.95, 1.0)
    """
    if not step > 0:
        message = f"step: {step!r}; allowed is a positive number, such as 0.1"
        raise InputError(message)
    array = as_floats(values, "values")
    check_range(array, "values", low=low, high=high)
    return estimate(
        array,
        np.clip(array - step / 2, low, high),
        np.clip(array + step / 2, low, high),
    )


def less_than(bounds: Input, *, value: Input = 0.0) -> Estimate:
    """Return 0 to the bound, for censored numbers such as "<0.1 %".

    The value is 0 unless given: the convention of the EU studies, where a censored
    share adds nothing. The status is `partial`.

    Examples
    --------
    >>> less_than(0.001).high
    0.001
    """
    array = as_floats(bounds, "bounds")
    check_range(array, "bounds", low=0.0, high=np.inf)
    middle = as_floats(value, "value") + 0.0 * array
    return estimate(middle, 0.0 * array, array, partial=True)


def between(low: Input, high: Input) -> Estimate:
    """Return a published range with its middle as value; the status is `partial`.

    Examples
    --------
    >>> between(1.7, 9.0).value
    5.35
    """
    lower, upper = as_floats(low, "low"), as_floats(high, "high")
    if (lower > upper).any():
        message = "low: above high somewhere; a range runs from low to high"
        raise InputError(message)
    return estimate((lower + upper) / 2, lower, upper, partial=True)


def propagate(function: Callable[..., Values], **inputs: Input | Estimate) -> Estimate:
    """Carry the bounds of inputs through a formula by its corners.

    The formula is evaluated with every uncertain input at its low and its high
    end. For a formula that moves one way in each input (all elements of a named
    input together) while the others stand still, the result is exact; this holds
    for all indicators of this package in each scalar input. It assumes nothing on
    dependence, so it is the widest interval, not a probability.

    Parameters
    ----------
    function
        Takes the inputs as keywords and returns values; NaN in gives NaN out.
    inputs
        Numbers held fixed, or `Estimate`.

    Returns
    -------
    Estimate
        `partial` where the value depends on an input that is partial.

    Raises
    ------
    InputError
        With more than ten uncertain inputs.

    Examples
    --------
    Antimony in the EU study of 2017 (published 4.3):

    >>> from oreserve.indicators import eu_supply_risk
    >>> risk = propagate(
    ...     lambda **known: eu_supply_risk(rule="global+home", **known),
    ...     hhi_global=rounded(7.1, step=0.1),
    ...     hhi_home=rounded(5.7, step=0.1),
    ...     import_reliance=1.0,
    ...     eol_recycling_input_rate=rounded(0.28, step=0.01),
    ...     substitution=rounded(0.9, step=0.1, high=1.0),
    ... )
    >>> round(risk.value, 2), round(risk.low, 2), round(risk.high, 2)
    (4.15, 3.86, 4.44)
    """
    fixed = {k: v for k, v in inputs.items() if not isinstance(v, Estimate)}
    uncertain = {k: v for k, v in inputs.items() if isinstance(v, Estimate)}
    if len(uncertain) > MAXIMUM_UNCERTAIN:
        message = (
            f"inputs: {len(uncertain)} uncertain ones; allowed are "
            f"{MAXIMUM_UNCERTAIN}. Hold the well-known ones fixed."
        )
        raise InputError(message)
    values = {k: v.value for k, v in uncertain.items()}
    middle: Floats = as_floats(function(**fixed, **values), "value")
    lower, upper = np.array(middle), np.array(middle)
    for ends in itertools.product(("low", "high"), repeat=len(uncertain)):
        corner = {
            name: getattr(known, end)
            for (name, known), end in zip(uncertain.items(), ends, strict=True)
        }
        found = as_floats(function(**fixed, **corner), "value")
        lower, upper = np.fmin(lower, found), np.fmax(upper, found)
    # What turns NaN when the partial inputs are struck out depends on them.
    struck = {
        name: np.where(known.status == PARTIAL, np.nan, as_floats(known.value, name))
        for name, known in uncertain.items()
    }
    partial: npt.NDArray[np.bool_] = np.zeros(middle.shape, dtype=np.bool_)
    if any((known.status == PARTIAL).any() for known in uncertain.values()):
        partial = np.isnan(as_floats(function(**fixed, **struck), "value"))
    return estimate(middle, lower, upper, partial=partial)
