# SPDX-License-Identifier: Apache-2.0
"""How concentrated supply is."""

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
    ordered_sum,
    plain,
)
from oreserve.indicators._estimate import Estimate, estimate

__all__ = ["hhi", "hhi_bounds", "hhi_normalised", "top_share", "top_share_bounds"]

# Below half of the market, the listed producers say little about the rest.
LISTED_LEAST = 0.5
UNLISTED = 0.005
OVERSUM = 1.01  # more than rounding of whole percentages explains


def hhi(shares: Input) -> Values:
    """Return the Herfindahl-Hirschman index of supply shares.

    One supplier has 1, n equal suppliers have 1/n. HHI = sum over c of s_c^2.

    Parameters
    ----------
    shares
        *(..., country)*, 0-1. A sum below 1 is accepted: the rest counts as many
        small suppliers and adds 0 (`hhi_bounds` gives the other extreme).

    Returns
    -------
    float or array
        *(...)*, 0-1; times 10 000 for the antitrust scale. NaN (no data) where a
        share is missing or all shares are 0.

    Raises
    ------
    InputError
        If a share is negative or above 1 (a percentage), or a sum exceeds 1.05.

    References
    ----------
    O. C. Herfindahl (1950), Concentration in the steel industry.

    Examples
    --------
    0.5^2 + 0.3^2 + 0.2^2 = 0.25 + 0.09 + 0.04:

    >>> round(hhi([0.5, 0.3, 0.2]), 10)
    0.38
    """
    return plain(_hhi(as_shares(shares)))


def hhi_bounds(shares: Input, *, largest_unlisted: Input = 1.0) -> Estimate:
    """Return the HHI with bounds for what a table does not list.

    The residual r = 1 - sum of listed shares is spread over very many suppliers
    (low: adds 0) or is held by as few as `largest_unlisted` m allows (high: adds
    k m^2 + (r - k m)^2 with k = floor(r / m)).

    Parameters
    ----------
    shares
        *(..., country)*, 0-1; NaN is a country whose share is not published and
        belongs to the residual.
    largest_unlisted
        *(...)*, 0-1: no unlisted supplier is larger. The smallest listed share if
        the table lists the largest producers; 0.001 if all rest is "<0.1 %".

    Returns
    -------
    Estimate
        0-1; the value is the lower bound, as in the EU studies. `partial` where
        more than 0.5 % is unlisted, and where the shares sum to more than 1.01: then
        they contradict each other, and low is of the shares divided by their sum.

    Examples
    --------
    China 60 %, Chile 20 %, nothing on the other 20 %: 0.36 + 0.04, and 0.2^2 more
    if one country has it all.

    >>> bounds = hhi_bounds([0.6, 0.2])
    >>> round(bounds.low, 6), round(bounds.high, 6), str(bounds.status)
    (0.4, 0.44, 'partial')
    """
    array = as_shares(shares)
    largest = as_fractions(largest_unlisted, "largest_unlisted")
    listed = np.nan_to_num(array)
    low = _hhi(listed)
    total = ordered_sum(listed)
    residual = np.clip(1.0 - total, 0.0, 1.0)
    whole, rest = np.zeros_like(residual), residual
    positive = largest > 0
    safe = np.where(positive, largest, 1.0)
    whole = np.floor(residual / safe + 1e-12)
    rest = np.clip(residual - whole * safe, 0.0, None)
    added = np.where(positive, whole * safe**2 + rest**2, 0.0)
    # Shares that sum to more than 1 contradict each other: divided by their sum, the
    # index is as much smaller as their square.
    over = np.maximum(total, 1.0) ** 2
    contradict = total > OVERSUM
    return estimate(
        low,
        np.where(contradict, low / over, low),
        np.minimum(low + added, np.maximum(1.0, low)),
        partial=(residual > UNLISTED) | contradict,
    )


def hhi_normalised(shares: Input, n: Input = None) -> Values:
    """Return the HHI stretched so that equal shares give 0.

    HHI* = (H - 1/n) / (1 - 1/n). H is taken over the *listed* producers: their
    shares are divided by their sum, because with a sum below 1 the index would
    leave 0-1.

    Parameters
    ----------
    shares
        *(..., country)*, 0-1.
    n
        Number of producers; by default those with a share above 0, else fixed (10
        for a table of the ten largest). A single producer with n = 1 has 1.

    Returns
    -------
    float or array
        *(...)*, 0-1. NaN where a share is missing or nothing is listed.

    Raises
    ------
    InputError
        As `hhi`; also if less than half is listed, or n is below the number of
        producers with a share.

    References
    ----------
    Deutsche Welle data desk (2021): n fixed at ten.

    Examples
    --------
    Beryllium, EU study of 2020: 88, 8, 2, 1 % of 99 % listed, n = 10.

    >>> round(hhi_normalised([0.88, 0.08, 0.02, 0.01], n=10), 6)
    0.774626
    """
    array = as_shares(shares)
    total = ordered_sum(array)
    thin = (total > 0) & (total < LISTED_LEAST)
    if thin.any():
        message = (
            f"shares: only {float(total[thin].min()):g} is listed; a normalised index "
            f"needs {LISTED_LEAST:g}. Use hhi_bounds for what is not listed."
        )
        raise InputError(message)
    listed = array / np.where(total > 0, total, np.nan)[..., None]
    producers = (array > 0).sum(axis=-1)
    count = producers.astype(np.float64) if n is None else as_floats(n, "n")
    if (count < producers).any():
        message = (
            f"n: {float(count.min()):g}, but {int(producers.max())} producers have a "
            "share; allowed is at least that number"
        )
        raise InputError(message)
    index = _hhi(listed)
    even = 1.0 / np.where(count > 1, count, 2.0)
    stretched = np.clip((index - even) / (1.0 - even), 0.0, 1.0)
    return plain(np.where(count > 1, stretched, index))


def top_share(shares: Input, *, n: int = 3) -> Values:
    """Return the joint share of the n largest suppliers.

    Parameters
    ----------
    shares
        *(..., country)*, 0-1.
    n
        How many; at least 1.

    Returns
    -------
    float or array
        *(...)*, 0-1; NaN where a share is missing or all are 0. Shares whose rounding
        sums to more than 1 give 1 (`top_share_bounds` says so).

    Examples
    --------
    >>> round(top_share([0.1, 0.4, 0.2, 0.3], n=3), 10)
    0.9
    """
    if n < 1:
        message = f"n: {n}; allowed is 1 or more"
        raise InputError(message)
    array = as_shares(shares)
    largest = np.sort(array, axis=-1)[..., ::-1][..., :n]
    missing = np.isnan(array).any(axis=-1) | ~(array > 0).any(axis=-1)
    joint = np.minimum(ordered_sum(largest), 1.0)
    return plain(np.where(missing, np.nan, joint))


def top_share_bounds(shares: Input, *, n: int = 3) -> Estimate:
    """Return the joint share of the n largest with bounds for sums that are not 1.

    Where less than 1 is listed, the rest may be of one more supplier (high). Where
    the shares sum to more than 1.005 they contradict each other: low divides them by
    their sum, and the status is `partial`.

    Examples
    --------
    >>> found = top_share_bounds([0.7, 0.34], n=2)
    >>> found.value, round(found.low, 3), str(found.status)
    (1.0, 1.0, 'partial')
    """
    array = as_shares(shares)
    listed = np.nan_to_num(array)
    total = ordered_sum(listed)
    value = as_floats(top_share(listed, n=n), "shares")
    over = np.maximum(total, 1.0)
    low = as_floats(top_share(listed / over[..., None], n=n), "shares")
    rest = np.clip(1.0 - total, 0.0, 1.0)
    largest = np.sort(np.concatenate([listed, rest[..., None]], axis=-1), axis=-1)
    high = np.minimum(ordered_sum(largest[..., ::-1][..., :n]), 1.0)
    partial = (rest > UNLISTED) | (total > 1.0 + UNLISTED)
    return estimate(value, low, np.maximum(high, value), partial=partial)


def _hhi(array: Floats) -> Floats:
    # All zero means that no supplier is known, not that supply is spread thin.
    known = (array > 0).any(axis=-1) | np.isnan(array).any(axis=-1)
    return np.where(known, ordered_sum(array**2), np.nan)
