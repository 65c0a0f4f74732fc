# SPDX-License-Identifier: Apache-2.0
"""Price paths by mean reversion of the logarithm."""

from __future__ import annotations

import hashlib
import math
from typing import TYPE_CHECKING, Final

import numpy as np
import numpy.typing as npt

from oreserve.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["HALF_LIFE_YEARS", "LEAST_VOLATILITY", "log_volatility", "price_paths"]

Floats = npt.NDArray[np.float64]

HALF_LIFE_YEARS: Final = 2.0
"""Assumed: half of a price deviation is gone after two years."""

LEAST_VOLATILITY: Final = 0.35
"""Assumed floor of yearly log volatility: published annual averages have five or
six points and smooth away what a quarter sees."""


def log_volatility(
    prices_usd_per_t: Sequence[float],
    *,
    step_years: float = 1.0,
    least: float = LEAST_VOLATILITY,
) -> float:
    """Return yearly volatility of log prices: max(sample, `least`).

    The sample figure is the standard deviation of log changes (n - 1) over the
    root of the step; with fewer than three prices `least` is all there is.

    Parameters
    ----------
    prices_usd_per_t
        Prices in time order, evenly spaced, above 0, USD per t.
    step_years
        Years between two prices.
    least
        Least volatility, per root year.

    Returns
    -------
    float
        Per root year, at least `least`.

    Examples
    --------
    >>> log_volatility([100, 101, 99])
    0.35
    >>> round(log_volatility([100, 200, 100, 200]), 3)
    0.8
    """
    prices = np.asarray(prices_usd_per_t, dtype=np.float64)
    if not np.isfinite(prices).all() or (prices <= 0).any():
        message = "prices for a volatility must be numbers above 0"
        raise InputError(message)
    if prices.size < 3:
        return least
    sample = float(np.std(np.diff(np.log(prices)), ddof=1)) / math.sqrt(step_years)
    return max(sample, least)


def price_paths(
    *,
    start_usd_per_t: float,
    long_run_usd_per_t: float,
    years: int,
    paths: int = 5_000,
    steps_per_year: int = 4,
    volatility: float = LEAST_VOLATILITY,
    half_life_years: float = HALF_LIFE_YEARS,
    seed: int = 0,
    stream: str = "",
) -> Floats:
    r"""Draw price paths whose logarithm returns to a long-run level.

    Exact steps of d ln p = k (m - ln p) dt + s dW with k = ln 2 / half life and
    m = ln(long run) - s^2 / (4 k), so that the stationary mean of p, not its
    median, is the long-run price.

    Parameters
    ----------
    start_usd_per_t, long_run_usd_per_t
        Price today and the mean it returns to, USD per t, above 0.
    years, steps_per_year, paths
        Length, steps in a year, and number of paths, 1 or more.
    volatility
        s, per root year; see `log_volatility`. 0 gives the path without chance.
    half_life_years
        Years after which half of a log deviation is gone, above 0.
    seed, stream
        Key of the counter-based generator. The same key gives the same path
        number n however many paths are asked for.

    Returns
    -------
    array, (paths, years * steps_per_year)
        USD per t at the end of each step.

    Raises
    ------
    InputError
        If a price is not above 0 or a count is below 1.

    Examples
    --------
    >>> calm = price_paths(
    ...     start_usd_per_t=200, long_run_usd_per_t=100, years=4, paths=1,
    ...     steps_per_year=1, volatility=0.0,
    ... )
    >>> [round(float(price), 1) for price in calm[0]]
    [163.3, 141.4, 127.8, 118.9]
    """
    positive = {
        "start_usd_per_t": start_usd_per_t,
        "long_run_usd_per_t": long_run_usd_per_t,
        "half_life_years": half_life_years,
        "years": years,
        "paths": paths,
        "steps_per_year": steps_per_year,
    }
    problems = [
        f"{name} {value!r} must be a number above 0"
        for name, value in positive.items()
        if not math.isfinite(value) or value <= 0
    ]
    if not math.isfinite(volatility) or volatility < 0:
        problems.append(f"volatility {volatility!r} must be a number of 0 or more")
    if problems:
        message = "price paths: " + "; ".join(problems)
        raise InputError(message)
    steps = years * steps_per_year
    speed = math.log(2.0) / half_life_years
    keep = math.exp(-speed / steps_per_year)
    spread = volatility * math.sqrt((1.0 - keep**2) / (2.0 * speed))
    level = math.log(long_run_usd_per_t) - volatility**2 / (4.0 * speed)
    noise = _generator(seed, stream).standard_normal((paths, steps)) * spread
    logs = np.empty((paths, steps))
    last = np.full(paths, math.log(start_usd_per_t))
    for step in range(steps):
        last = level + keep * (last - level) + noise[:, step]
        logs[:, step] = last
    return np.exp(logs)


def _generator(seed: int, stream: str) -> np.random.Generator:
    """Return a generator keyed by seed and stream name, on any machine."""
    digest = hashlib.sha256(f"{seed}:{stream}".encode()).digest()
    return np.random.Generator(np.random.Philox(key=int.from_bytes(digest[:16])))
