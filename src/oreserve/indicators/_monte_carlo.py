# SPDX-License-Identifier: Apache-2.0
"""Uncertainty where a source publishes standard errors."""

from __future__ import annotations

import numpy as np

from oreserve.errors import InputError
from oreserve.indicators._arrays import (
    Floats,
    Input,
    as_floats,
    as_fractions,
    check_range,
)
from oreserve.indicators._estimate import Estimate, estimate
from oreserve.indicators._governance import hhi_governance

__all__ = ["governance_draws", "hhi_governance_monte_carlo"]


def governance_draws(
    *,
    estimates: Input,
    standard_errors: Input,
    draws: int,
    seed: int,
    correlation: float = 1.0,
) -> Floats:
    """Draw governance estimates from their published standard errors.

    x = estimate + error (sqrt(r) z_c + sqrt(1 - r) z_cd), z standard normal, one
    z_c per country and one z_cd per dimension.

    Parameters
    ----------
    estimates, standard_errors
        *(..., country, dimension)*, World Bank units; NaN stays NaN.
    draws
        How many; at least 1.
    seed
        Same seed, same draws.
    correlation
        r in 0-1, between the errors of one country's dimensions. They share
        sources, and the World Bank publishes no value: 1 is the wide, safe end.

    Returns
    -------
    array
        *(draws, ..., country, dimension)*.

    References
    ----------
    Kaufmann, Kraay and Mastruzzi (2010), World Bank WPS 5430.

    Examples
    --------
    >>> found = governance_draws(
    ...     estimates=[[-0.4] * 6], standard_errors=[[0.2] * 6], draws=4, seed=7
    ... )
    >>> found.shape, bool((found[..., :1] == found).all())
    ((4, 1, 6), True)
    """
    middle = np.atleast_2d(as_floats(estimates, "estimates"))
    error = as_floats(standard_errors, "standard_errors")
    check_range(error, "standard_errors", low=0.0, high=np.inf)
    shared = float(as_fractions(correlation, "correlation"))
    if draws < 1:
        message = f"draws: {draws}; allowed is 1 or more"
        raise InputError(message)
    rng = np.random.Generator(np.random.Philox(seed))
    common = rng.standard_normal((draws, *middle.shape[:-1], 1))
    own = rng.standard_normal((draws, *middle.shape))
    normal = np.sqrt(shared) * common + np.sqrt(1.0 - shared) * own
    return np.asarray(middle + error * normal, dtype=np.float64)


def hhi_governance_monte_carlo(
    *,
    shares: Input,
    wgi: Input,
    standard_errors: Input,
    trade: Input = 1.0,
    draws: int = 1_000,
    seed: int = 0,
    level: float = 0.9,
    correlation: float = 1.0,
) -> Estimate:
    """Return `hhi_governance` with the interval that governance errors give.

    Countries are drawn independently; shares and trade stand still.

    Parameters
    ----------
    shares, wgi, trade
        As in `hhi_governance`, without scenario axis.
    standard_errors
        *(..., country, 6)*, as published.
    draws, seed, correlation
        As in `governance_draws`.
    level
        Probability of the interval, 0-1: 0.9 gives the 5 % and 95 % quantiles.

    Returns
    -------
    Estimate
        The value is that of the published estimates; low and high are quantiles.

    Examples
    --------
    >>> found = hhi_governance_monte_carlo(
    ...     shares=[1.0], wgi=[[-0.5] * 6], standard_errors=[[0.2] * 6]
    ... )
    >>> found.value
    6.0
    >>> found.low < 6.0 < found.high
    True
    """
    middle = np.atleast_2d(as_floats(wgi, "wgi"))
    inside = float(as_fractions(level, "level"))
    drawn = governance_draws(
        estimates=middle,
        standard_errors=standard_errors,
        draws=draws,
        seed=seed,
        correlation=correlation,
    )
    # 0-10 is the EU scale; a draw beyond an end of it means the end.
    scaled = np.clip(2.0 * (2.5 - drawn.mean(axis=-1)), 0.0, 10.0)
    value = as_floats(hhi_governance(shares, wgi=middle, trade=trade), "value")
    found = as_floats(hhi_governance(shares, governance=scaled, trade=trade), "draws")
    tail = (1.0 - inside) / 2.0
    low, high = np.quantile(found, [tail, 1.0 - tail], axis=0)
    return estimate(value, np.minimum(low, value), np.maximum(high, value))
