# SPDX-License-Identifier: Apache-2.0
"""The benchmarks of the European Critical Raw Materials Act."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from oreserve.indicators._arrays import (
    Floats,
    Input,
    Values,
    as_floats,
    as_fractions,
    as_shares,
    check_range,
    plain,
)
from oreserve.indicators._estimate import NO_DATA

__all__ = ["CRMA_2030", "Benchmark", "CrmaBenchmarks", "crma_benchmarks"]

MET = "met"
MISSED = "missed"


@dataclass(frozen=True)
class CrmaBenchmarks:
    """Shares of yearly consumption, 0-1; the last is the most from one country."""

    extraction_share: float = 0.10
    processing_share: float = 0.40
    recycling_share: float = 0.25
    single_country_share: float = 0.65


# Regulation (EU) 2024/1252, Article 5.
CRMA_2030 = CrmaBenchmarks()


@dataclass(frozen=True)
class Benchmark:
    """One benchmark against what is: shares in 0-1.

    Parameters
    ----------
    name
        `extraction`, `processing`, `recycling` or `single_country`.
    value
        *(...)*, the share reached; NaN: no data.
    benchmark
        The share demanded (at least; for `single_country` at most).
    gap
        *(...)*, what is missing to the benchmark; 0 where it is met.
    status
        *(...)*, `met`, `missed` or `no_data`.
    """

    name: str
    value: Values
    benchmark: float
    gap: Values
    status: npt.NDArray[np.str_]


def crma_benchmarks(
    *,
    consumption: Input,
    extraction: Input = None,
    processing: Input = None,
    recycling: Input = None,
    third_country_shares: Input = None,
    benchmarks: CrmaBenchmarks = CRMA_2030,
) -> tuple[Benchmark, ...]:
    """Compare a strategic raw material with the four benchmarks for 2030.

    Extraction, processing and recycling in the Union over its consumption, and the
    largest share of one third country at any stage.

    Parameters
    ----------
    consumption
        *(...)*, tonnes per year used in the Union.
    extraction, processing, recycling
        *(...)*, tonnes per year in the Union, contained like the consumption.
    third_country_shares
        *(..., stage, country)* or *(..., country)*, 0-1 of consumption, members
        left out.
    benchmarks
        Other thresholds, to see what moves.

    Returns
    -------
    tuple of Benchmark
        Extraction, processing, recycling, single country.

    References
    ----------
    Regulation (EU) 2024/1252, Article 5(1).

    Examples
    --------
    >>> for line in crma_benchmarks(
    ...     consumption=1_000,
    ...     extraction=50,
    ...     processing=450,
    ...     third_country_shares=[0.7, 0.1],
    ... ):
    ...     print(line.name, round(line.value, 2), round(line.gap, 2), line.status)
    extraction 0.05 0.05 missed
    processing 0.45 0.0 met
    recycling nan nan no_data
    single_country 0.7 0.05 missed
    """
    used = as_floats(consumption, "consumption")
    check_range(used, "consumption", low=0.0, high=np.inf)
    lines = []
    for name, tonnes, least in (
        ("extraction", extraction, benchmarks.extraction_share),
        ("processing", processing, benchmarks.processing_share),
        ("recycling", recycling, benchmarks.recycling_share),
    ):
        array = as_floats(tonnes, name)
        check_range(array, name, low=0.0, high=np.inf)
        share = array / np.where(used > 0, used, np.nan)
        lines.append(_line(name, share, least, least - share))
    most = benchmarks.single_country_share
    as_fractions(most, "single_country_share")
    largest = _largest(third_country_shares, stages=used.ndim)
    lines.append(_line("single_country", largest, most, largest - most))
    return tuple(lines)


def _largest(shares: Input, *, stages: int) -> Floats:
    if shares is None:
        return np.asarray(np.nan)
    array = as_shares(shares, "third_country_shares")
    while array.ndim > stages:
        # Stages and countries alike: one missing share could be the largest.
        array = np.asarray(array.max(axis=-1))
    return array


def _line(name: str, value: Floats, benchmark: float, short: Floats) -> Benchmark:
    missing = np.isnan(value)
    gap = np.where(missing, np.nan, np.maximum(short, 0.0))
    # A share that equals its benchmark but for the last bit has met it.
    outcome = np.where(short > 1e-12, MISSED, MET)
    status = np.asarray(np.where(missing, NO_DATA, outcome))
    return Benchmark(name, plain(value), benchmark, plain(gap), status)
