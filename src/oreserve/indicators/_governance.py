# SPDX-License-Identifier: Apache-2.0
"""Concentration weighted with the governance of the producers."""

from __future__ import annotations

import numpy as np

from oreserve.errors import InputError
from oreserve.indicators._arrays import (
    Floats,
    Input,
    Values,
    as_floats,
    as_fractions,
    as_shares,
    as_vectors,
    check_range,
    ordered_sum,
    plain,
)
from oreserve.indicators._estimate import PARTIAL, Estimate, estimate

__all__ = [
    "governance_eu",
    "governance_unit",
    "hhi_governance",
    "hhi_governance_bounds",
    "weighted_governance",
]

DIMENSIONS = 6
# EU trade variable: 0.8 for members and trade agreements to 1.5 for a prohibition.
TRADE_HIGHEST = 1.5


def governance_eu(wgi: Input, *, minimum_dimensions: int = DIMENSIONS) -> Values:
    """Return the EU scaling of the six governance dimensions: 0 good, 10 bad.

    WGI' = 2 (2.5 - mean of the six estimates).

    Parameters
    ----------
    wgi
        *(..., 6)*: voice, stability, effectiveness, regulation, rule of law,
        corruption; World Bank estimates, about -2.5 to 2.5, higher is better.
    minimum_dimensions
        With fewer published dimensions there is no data; the mean is over those
        published.

    Returns
    -------
    float or array
        *(...)*, about 0-10, dimensionless.

    References
    ----------
    European Commission (2017), Methodology for establishing the EU list of
    critical raw materials, doi 10.2873/769526.

    Examples
    --------
    DR Congo 2019, mean -1.606: 2 (2.5 + 1.606) = 8.212.

    >>> round(governance_eu([-1.606] * 6), 3)
    8.212
    """
    array = as_vectors(wgi, "wgi")
    if array.shape[-1] != DIMENSIONS:
        message = (
            f"wgi: {array.shape[-1]} dimensions on the last axis; the six are voice, "
            "stability, effectiveness, regulation, rule of law, corruption"
        )
        raise InputError(message)
    _check_wgi(array)
    if not 1 <= minimum_dimensions <= DIMENSIONS:
        message = f"minimum_dimensions: {minimum_dimensions}; allowed is 1 to 6"
        raise InputError(message)
    known = ~np.isnan(array)
    count = known.sum(axis=-1)
    total = ordered_sum(np.where(known, array, 0.0))
    mean = total / np.maximum(count, 1)
    return plain(np.where(count >= minimum_dimensions, 2.0 * (2.5 - mean), np.nan))


def governance_unit(estimate_wgi: Input) -> Values:
    """Return one governance estimate on 0-1, higher is worse, as GeoPolRisk uses it.

    g = (2.5 - x) / 5, kept within 0-1.

    Parameters
    ----------
    estimate_wgi
        World Bank estimate (political stability for GeoPolRisk), -2.5 to 2.5.

    Examples
    --------
    >>> round(governance_unit(-0.44), 3)
    0.588
    """
    array = as_floats(estimate_wgi, "estimate_wgi")
    _check_wgi(array)
    return plain(np.clip((2.5 - array) / 5.0, 0.0, 1.0))


def hhi_governance(
    shares: Input, *, governance: Input = None, wgi: Input = None, trade: Input = 1.0
) -> Values:
    """Return the concentration of supply weighted with governance and trade barriers.

    (HHI_WGI-t) = sum over c of s_c^2 WGI'_c t_c. Shares are not renormalised and
    censored shares add 0, as in the EU studies.

    Parameters
    ----------
    shares
        *(..., country)*, 0-1.
    governance
        *(..., country)*, 0-10, higher is worse (`governance_eu` or another scaling
        of your choice); or instead
    wgi
        *(..., country, 6)*, the six World Bank estimates, scaled by
        `governance_eu`.
    trade
        *(..., country)*, EU trade variable: 0.8 member or trade agreement, 1
        neutral, 1.1-1.4 export tax, quota or licence, 1.5 prohibition.

    Returns
    -------
    float or array
        *(...)*, 0-15, dimensionless. NaN where a share, or the governance of a
        country with a share, is missing.

    References
    ----------
    European Commission (2017), doi 10.2873/769526.

    Examples
    --------
    Tantalum for the EU 2017: 81 % from Nigeria with 6.92: 0.81^2 x 6.92 = 4.54.

    >>> round(hhi_governance(0.81, governance=6.92), 2)
    4.54
    """
    array, weight, barrier = _weighted_inputs(shares, governance, wgi, trade)
    product = array**2 * weight * barrier
    known = np.where(array == 0, 0.0, product)
    listed = (array > 0).any(axis=-1) | np.isnan(array).any(axis=-1)
    return plain(np.where(listed, ordered_sum(known), np.nan))


def hhi_governance_bounds(
    shares: Input,
    *,
    governance: Input = None,
    wgi: Input = None,
    trade: Input = 1.0,
    minimum_coverage: float = 0.9,
) -> Estimate:
    """Return `hhi_governance` with bounds for missing governance and unlisted shares.

    Low: what is missing adds 0. High: countries without governance have 10, and one
    country with governance 10 and an export prohibition (t = 1.5) has the residual.

    Parameters
    ----------
    shares, governance, wgi, trade
        As in `hhi_governance`; a NaN share belongs to the residual.
    minimum_coverage
        Share of listed supply, 0-1, whose governance must be known for a value: below
        it the value is NaN, and the bounds alone remain (`partial`). Nothing known at
        all is no data.

    Returns
    -------
    Estimate
        Value with the missing at 0; `partial` if anything is missing.

    Examples
    --------
    60 % with 5.7, 35 % with 2.7, 5 % without governance; nothing unlisted:

    >>> found = hhi_governance_bounds([0.6, 0.35, 0.05], governance=[5.7, 2.7, None])
    >>> round(found.value, 5), round(found.high, 5), str(found.status)
    (2.38275, 2.40775, 'partial')
    """
    array, weight, barrier = _weighted_inputs(shares, governance, wgi, trade)
    least = as_fractions(minimum_coverage, "minimum_coverage")
    listed = np.nan_to_num(array)
    known = ~np.isnan(weight * barrier)
    low = ordered_sum(np.where(known, listed**2 * weight * barrier, 0.0))
    worst = 10.0 * np.where(np.isnan(barrier), TRADE_HIGHEST, barrier)
    unknown = ordered_sum(np.where(known, 0.0, listed**2 * worst))
    residual = np.clip(1.0 - ordered_sum(listed), 0.0, 1.0)
    high = low + unknown + residual**2 * 10.0 * TRADE_HIGHEST
    covered = ordered_sum(np.where(known, listed, 0.0))
    enough = (covered >= least * ordered_sum(listed) - 1e-9) & (covered > 0)
    without = (~known & (listed > 0)).any(axis=-1)
    value = np.where(enough, low, np.nan)
    partial = without | (residual > 0.005)
    found = estimate(value, low, high, partial=partial)
    if np.all(enough | ~(covered > 0)):
        return found
    # Known in part only: bounds without a value.
    thin = ~enough & (covered > 0)
    return Estimate(
        found.value,
        plain(np.where(thin, low, found.low)),
        plain(np.where(thin, high, found.high)),
        np.asarray(np.where(thin, PARTIAL, found.status)),
    )


def weighted_governance(shares: Input, *, governance: Input) -> Values:
    """Return the mean governance of supply, each country weighted with its share.

    G = sum of s_c g_c / sum of s_c, over the listed countries.

    Parameters
    ----------
    shares
        *(..., country)*, 0-1.
    governance
        *(..., country)*, any scale (percentile rank 0-100 in the table of Deutsche
        Welle 2021, higher is better); the result is on the same.

    Returns
    -------
    float or array
        NaN where a share, or the governance of a country with one, is missing.

    Examples
    --------
    >>> weighted_governance([0.75, 0.25], governance=[40.0, 80.0])
    50.0
    """
    array = as_shares(shares)
    score = as_vectors(governance, "governance")
    product = np.where(array == 0, 0.0, array * score)
    total = ordered_sum(array)
    return plain(ordered_sum(product) / np.where(total > 0, total, np.nan))


def _check_wgi(array: Floats) -> None:
    check_range(
        array,
        "wgi",
        low=-4.0,
        high=4.0,
        hint="World Bank estimates lie within about -2.5 to 2.5; percentile ranks "
        "(0-100) are another column.",
    )


def _weighted_inputs(
    shares: Input, governance: Input, wgi: Input, trade: Input
) -> tuple[Floats, Floats, Floats]:
    array = as_shares(shares)
    if (governance is None) == (wgi is None):
        message = (
            "hhi_governance: give governance (0-10, higher is worse) or wgi (six "
            "estimates per country), one of the two"
        )
        raise InputError(message)
    if governance is None:
        weight = np.atleast_1d(as_floats(governance_eu(wgi), "wgi"))
    else:
        weight = as_vectors(governance, "governance")
    check_range(
        weight,
        "governance",
        low=0.0,
        high=10.0,
        hint="Governance is scaled to 0-10, higher is worse: see governance_eu.",
    )
    barrier = as_vectors(trade, "trade")
    check_range(barrier, "trade", low=0.5, high=2.0, hint="EU values are 0.8 to 1.5.")
    try:
        found = np.broadcast_arrays(array, weight, barrier)
    except ValueError:
        message = (
            f"shares {array.shape}, governance {weight.shape} and trade "
            f"{barrier.shape} do not match; the last axis is the country"
        )
        raise InputError(message) from None
    return found[0], found[1], found[2]
