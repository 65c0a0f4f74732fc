# SPDX-License-Identifier: Apache-2.0
"""A result cell: a number that says what it is and where it comes from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from oreserve.errors import InputError
from oreserve.indicators._arrays import Input, as_floats
from oreserve.indicators._estimate import Estimate, estimate

if TYPE_CHECKING:
    import polars as pl

__all__ = ["Cell", "cells", "cells_frame"]


@dataclass(frozen=True)
class Cell:
    """One result: value, bounds, status, and what it was made of.

    Parameters
    ----------
    indicator
        Name of the function, `hhi`.
    value, low, high
        In `unit`; `None` where there is no data.
    status
        `ok`, `partial` or `no_data`.
    unit
        `1` for a dimensionless number.
    stage
        `mine`, `refine` and so on; empty where the indicator spans stages.
    year
        `None` where inputs of several years meet.
    inputs
        Name to value of each input, for the explanation; `None` where missing.
    keys
        What the cell is about: `{"mineral": "cobalt", "country": "JPN"}`.
    """

    indicator: str
    value: float | None
    low: float | None
    high: float | None
    status: str
    unit: str
    stage: str
    year: int | None
    inputs: Mapping[str, float | str | None] = field(default_factory=dict)
    keys: Mapping[str, str] = field(default_factory=dict)


def cells(
    indicator: str,
    result: Estimate | Input,
    *,
    unit: str,
    stage: str | Sequence[str],
    year: int | Sequence[int | None] | None,
    keys: Mapping[str, str | Sequence[str]],
    inputs: Mapping[str, Input] | None = None,
) -> tuple[Cell, ...]:
    """Return one cell per element of a result; every element returns a cell.

    Parameters
    ----------
    indicator
        Name of the function.
    result
        *(n,)*, an `Estimate`, or numbers whose bounds are themselves.
    unit
        Unit of the value.
    stage, year, keys
        One for all, or *(n,)* each.
    inputs
        Name to one number for all, or *(n,)* numbers.

    Raises
    ------
    InputError
        If a length is neither 1 nor n.

    Examples
    --------
    >>> from oreserve.indicators import hhi
    >>> first, second = cells(
    ...     "hhi",
    ...     hhi([[0.5, 0.5], [1.0, None]]),
    ...     unit="1",
    ...     stage="mine",
    ...     year=2024,
    ...     keys={"mineral": ["cobalt", "gallium"]},
    ... )
    >>> first.value, first.status, second.value, second.status
    (0.5, 'ok', None, 'no_data')
    """
    found = result
    if not isinstance(found, Estimate):
        array = as_floats(found, indicator)
        found = estimate(array, array, array)
    values = np.atleast_1d(np.asarray(found.value))
    if values.ndim > 1:
        message = f"{indicator}: {values.ndim} axes; give one axis, ravelled"
        raise InputError(message)
    n = len(values)
    lows = np.atleast_1d(np.asarray(found.low))
    highs = np.atleast_1d(np.asarray(found.high))
    status = np.broadcast_to(found.status, (n,))
    stages = _each(stage, n, "stage")
    years = _each(year, n, "year")
    named = {k: _each(v, n, k) for k, v in sorted(keys.items())}
    numbers = {
        k: np.broadcast_to(as_floats(v, k), (n,))
        for k, v in sorted((inputs or {}).items())
    }
    return tuple(
        Cell(
            indicator=indicator,
            value=_number(values[i]),
            low=_number(lows[i]),
            high=_number(highs[i]),
            status=str(status[i]),
            unit=unit,
            stage=str(stages[i]),
            year=years[i],  # type: ignore[arg-type]
            inputs={k: _number(v[i]) for k, v in numbers.items()},
            keys={k: str(v[i]) for k, v in named.items()},
        )
        for i in range(n)
    )


def cells_frame(found: Sequence[Cell]) -> pl.DataFrame:
    """Return cells as a table: the keys, then one column per field.

    Returns
    -------
    DataFrame
        Keys (text), indicator, stage, year, value, low, high, status, unit, inputs
        (text `name=value; ...`); sorted by keys, indicator, stage, year.

    Examples
    --------
    >>> tin = cells("hhi", 0.5, unit="1", stage="mine", year=2024, keys={"of": "tin"})
    >>> cells_frame(tin)["status"].to_list()
    ['ok']
    """
    import polars as pl

    names = sorted({name for cell in found for name in cell.keys})
    order = [*names, "indicator", "stage", "year"]
    rows = [
        {
            **{name: cell.keys.get(name) for name in names},
            "indicator": cell.indicator,
            "stage": cell.stage,
            "year": cell.year,
            "value": cell.value,
            "low": cell.low,
            "high": cell.high,
            "status": cell.status,
            "unit": cell.unit,
            "inputs": "; ".join(
                f"{k}={'missing' if v is None else v}" for k, v in cell.inputs.items()
            ),
        }
        for cell in found
    ]
    numbers = dict.fromkeys(("value", "low", "high"), pl.Float64)
    texts = dict.fromkeys((*names, "indicator", "stage"), pl.String)
    schema = {
        **texts,
        "year": pl.Int64,
        **numbers,
        **dict.fromkeys(("status", "unit", "inputs"), pl.String),
    }
    return pl.DataFrame(rows, schema=schema).sort(order, nulls_last=True)


def _each(value: object, n: int, name: str) -> list[object]:
    if isinstance(value, str) or not isinstance(value, Sequence):
        return [value] * n
    if len(value) != n:
        message = f"{name}: {len(value)} values for {n} cells; give one or {n}"
        raise InputError(message)
    return list(value)


def _number(value: float) -> float | None:
    return None if np.isnan(value) else float(value)
