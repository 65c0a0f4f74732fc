# SPDX-License-Identifier: Apache-2.0
"""What is left when one supplier is lost."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeAlias

import numpy as np
import numpy.typing as npt

from oreserve.errors import InputError
from oreserve.indicators._arrays import (
    Floats,
    Input,
    Values,
    as_floats,
    as_fractions,
    as_vectors,
    check_range,
    ordered_sum,
    plain,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = [
    "LEVELS",
    "NMinusOne",
    "SinglePoints",
    "n_minus_1_cover",
    "single_points_of_failure",
]

Level: TypeAlias = Literal["plant", "owner", "country"]
LEVELS: tuple[Level, ...] = ("plant", "owner", "country")


@dataclass(frozen=True)
class NMinusOne:
    """Cover of demand without the largest supplier; shapes *(...)*.

    Parameters
    ----------
    cover
        Supply without the largest supplier over demand; 1 meets it. NaN: no data.
    cover_before
        The same with all suppliers.
    largest
        Name of the largest supplier (its position if no names were given), empty
        where there is no data. Of equals, the first by name.
    level
        What one supplier is.
    """

    cover: Values
    cover_before: Values
    largest: npt.NDArray[np.str_]
    level: Level


@dataclass(frozen=True)
class SinglePoints:
    """Suppliers that alone can break supply.

    Parameters
    ----------
    suppliers
        Names in sorted order (positions if no names were given).
    is_single_point
        *(..., supplier)*, in the order of `suppliers`; false where no data.
    cover_without
        *(..., supplier)*, share of what is served now that is left without each.
    level
        What one supplier is.
    """

    suppliers: tuple[str, ...]
    is_single_point: npt.NDArray[np.bool_]
    cover_without: Floats
    level: Level


def n_minus_1_cover(
    *,
    supply: Input,
    demand: Input,
    level: Level,
    suppliers: Sequence[str] | None = None,
) -> NMinusOne:
    """Return how much of demand is covered when the largest supplier is lost.

    Cover = (sum of supply - largest supplier) / demand.

    Parameters
    ----------
    supply
        *(..., supplier)*, tonnes per year; 0 for a supplier of other minerals.
    demand
        *(...)*, tonnes per year.
    level
        `plant`, `owner` or `country`: the answer differs, so it must be named.
    suppliers
        Name per element of the last axis; equal names are one supplier, so plants
        with their owners' names give the level `owner`.

    Returns
    -------
    NMinusOne
        Cover is not capped: 1.4 means room. NaN where a supply is missing, demand
        is missing or 0, or nothing is supplied.

    References
    ----------
    IEA, Global Critical Minerals Outlook (2025), after the N-1 rule of grids.

    Examples
    --------
    >>> found = n_minus_1_cover(
    ...     supply=[50, 30, 40], demand=100, level="owner", suppliers=["B", "A", "A"]
    ... )
    >>> found.cover, str(found.largest), found.cover_before
    (0.5, 'A', 1.2)
    """
    _check_level(level)
    tonnes, names = _by_supplier(supply, suppliers)
    needed = as_floats(demand, "demand")
    check_range(needed, "demand", low=0.0, high=np.inf)
    total = ordered_sum(tonnes)
    known = total > 0
    divisor = np.where(known & (needed > 0), needed, np.nan)
    most = tonnes.max(axis=-1, initial=0.0)
    cover = (total - most) / divisor
    # argmax takes the first of equals; the axis is sorted by name.
    first = np.nan_to_num(tonnes).argmax(axis=-1) if names else np.zeros(total.shape)
    labels = np.asarray([*names, ""], dtype=np.str_)
    largest = labels[np.where(np.isnan(cover), len(names), first).astype(np.intp)]
    return NMinusOne(
        cover=plain(cover),
        cover_before=plain(total / divisor),
        largest=np.asarray(largest),
        level=level,
    )


def single_points_of_failure(
    *,
    supply: Input,
    demand: Input,
    level: Level,
    suppliers: Sequence[str] | None = None,
    cover_needed: float = 0.5,
) -> SinglePoints:
    """Return the suppliers whose loss alone leaves too little.

    Served now is min(supply, demand). A supplier is a single point of failure if
    min(supply without it, demand) is below `cover_needed` of it. A sole supplier
    always is.

    Parameters
    ----------
    supply, demand, level, suppliers
        As in `n_minus_1_cover`.
    cover_needed
        Above 0 to 1. With 0.5, the one that carries more than half; with 1, any
        whose loss cannot be made good by room elsewhere.

    Returns
    -------
    SinglePoints
        `cover_without` is NaN where there is no data.

    References
    ----------
    USGS, OFR 2025-1047: a sole domestic producer is a single point of failure.

    Examples
    --------
    Demand 100: without A 60 are left, without B 80.

    >>> found = single_points_of_failure(
    ...     supply=[60, 40, 20],
    ...     demand=100,
    ...     level="country",
    ...     suppliers=["A", "B", "C"],
    ...     cover_needed=0.7,
    ... )
    >>> [n for n, is_one in zip(found.suppliers, found.is_single_point) if is_one]
    ['A']
    """
    _check_level(level)
    needed = float(as_fractions(cover_needed, "cover_needed"))
    if not needed > 0:
        message = f"cover_needed: {needed:g}; allowed is above 0 to 1"
        raise InputError(message)
    tonnes, names = _by_supplier(supply, suppliers)
    wanted = as_floats(demand, "demand")
    check_range(wanted, "demand", low=0.0, high=np.inf)
    total = ordered_sum(tonnes)
    served = np.minimum(total, wanted)
    without = np.minimum(total[..., None] - tonnes, np.expand_dims(wanted, -1))
    cover = without / np.where(served > 0, served, np.nan)[..., None]
    return SinglePoints(
        suppliers=names,
        is_single_point=(cover < needed - 1e-12) & (tonnes > 0),
        cover_without=cover,
        level=level,
    )


def _check_level(level: str) -> None:
    if level not in LEVELS:
        message = f"level: {level!r}; allowed are {', '.join(LEVELS)}"
        raise InputError(message)


def _by_supplier(
    supply: Input, suppliers: Sequence[str] | None
) -> tuple[Floats, tuple[str, ...]]:
    array = as_vectors(supply, "supply")
    check_range(array, "supply", low=0.0, high=np.inf)
    count = array.shape[-1]
    if suppliers is None:
        return array, tuple(str(i) for i in range(count))
    if len(suppliers) != count:
        message = f"suppliers: {len(suppliers)} names for {count} columns of supply"
        raise InputError(message)
    names = sorted(set(suppliers))
    columns = [
        ordered_sum(array[..., [i for i, own in enumerate(suppliers) if own == name]])
        for name in names
    ]
    stacked = np.stack(columns, axis=-1) if columns else array
    return stacked, tuple(names)
