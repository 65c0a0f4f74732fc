# SPDX-License-Identifier: Apache-2.0
"""Supply risk and weighted effects of the United States Geological Survey."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

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
from oreserve.indicators._reliance import net_import_reliance

__all__ = [
    "rescale",
    "usgs_disruption_potential",
    "usgs_economic_vulnerability",
    "usgs_supply_risk",
    "usgs_trade_exposure",
    "usgs_weighted_effect",
]


def usgs_disruption_potential(
    *,
    shares: Input,
    ability: Input,
    willingness: Input,
    home: npt.ArrayLike = False,
) -> Values:
    """Return the disruption potential DP of foreign supply.

    DP = sum over foreign c of PS_c^2 ASI_c WSI_c.

    Parameters
    ----------
    shares
        *(..., country)*, 0-1: shares PS of world production, home included.
    ability
        *(..., country)*, 0-1, higher is less able to supply: ASI = (100 - policy
        perception index) / 100, or scaled governance where it is absent.
    willingness
        *(..., country)*, 0-1, higher is less willing: WSI = (trade ties + shared
        values) / 2, each scaled with `rescale`.
    home
        *(..., country)*, true for the home country: no foreign supply.

    Returns
    -------
    float or array
        *(...)*, 0-1. NaN where a share, or an index of a foreign country with a
        share, is missing, or no country has a share.

    References
    ----------
    Nassar et al. (2020), Science Advances 6, eaay8647.

    Notes
    -----
    The published rule that lowers WSI for military cooperation is not public in
    detail; lower the index before the call.

    Examples
    --------
    0.6^2 x 0.5 x 0.8 + 0.3^2 x 0.2 x 0.1 = 0.144 + 0.0018; home has the rest.

    >>> round(
    ...     usgs_disruption_potential(
    ...         shares=[0.6, 0.3, 0.1],
    ...         ability=[0.5, 0.2, 0.0],
    ...         willingness=[0.8, 0.1, 0.0],
    ...         home=[False, False, True],
    ...     ),
    ...     6,
    ... )
    0.1458
    """
    array = as_shares(shares)
    able = np.atleast_1d(as_fractions(ability, "ability"))
    willing = np.atleast_1d(as_fractions(willingness, "willingness"))
    own = np.atleast_1d(np.asarray(home, dtype=np.bool_))
    missing = np.isnan(array).any(axis=-1) | ~(array > 0).any(axis=-1)
    counted = np.where(own | (array == 0), 0.0, array**2 * able * willing)
    return plain(np.where(missing, np.nan, ordered_sum(counted)))


def usgs_trade_exposure(
    *,
    primary_production: Input,
    secondary_production: Input,
    imports: Input,
    exports: Input,
    stock_change: Input = 0.0,
) -> Values:
    """Return the trade exposure TE: net import reliance over primary plus secondary.

    TE = (I - E + S) / (PP + SP + I - E + S), kept within 0-1.

    Parameters
    ----------
    primary_production, secondary_production
        *(...)*, tonnes per year at home.
    imports, exports, stock_change
        As in `net_import_reliance`.

    References
    ----------
    Nassar et al. (2020), Science Advances 6, eaay8647.

    Examples
    --------
    >>> usgs_trade_exposure(
    ...     primary_production=10, secondary_production=15, imports=80, exports=5
    ... )
    0.75
    """
    primary = as_floats(primary_production, "primary_production")
    secondary = as_floats(secondary_production, "secondary_production")
    check_range(primary, "primary_production", low=0.0, high=np.inf)
    check_range(secondary, "secondary_production", low=0.0, high=np.inf)
    return net_import_reliance(
        production=primary + secondary,
        imports=imports,
        exports=exports,
        stock_change=stock_change,
    )


def usgs_economic_vulnerability(
    *,
    value_added: Input,
    gdp: Input,
    expenditure: Input,
    operating_profit: Input,
    largest: Input = None,
) -> Values:
    """Return the economic vulnerability EV of the consuming industries.

    EV = sum over industries j of (VA_j / GDP) (EXP_j / OP_j), divided by `largest`.

    Parameters
    ----------
    value_added, expenditure, operating_profit
        *(..., industry)*, one currency and year: value added, spending on the
        mineral, profit before it is missing. A profit of 0 or less gives no data.
    gdp
        *(...)*, same currency.
    largest
        Value at which EV is 1, usually the largest of the set of minerals; by
        default nothing is divided. The published normalisation is over 52 minerals.

    Returns
    -------
    float or array
        *(...)*, dimensionless, 0-1 with `largest`.

    References
    ----------
    Nassar et al. (2020), Science Advances 6, eaay8647.

    Examples
    --------
    2 / 100 x 1 / 4 + 10 / 100 x 0.5 / 5 = 0.005 + 0.01:

    >>> round(
    ...     usgs_economic_vulnerability(
    ...         value_added=[2, 10],
    ...         gdp=100,
    ...         expenditure=[1, 0.5],
    ...         operating_profit=[4, 5],
    ...     ),
    ...     6,
    ... )
    0.015
    """
    added = as_vectors(value_added, "value_added")
    spent = as_vectors(expenditure, "expenditure")
    profit = as_vectors(operating_profit, "operating_profit")
    product = as_floats(gdp, "gdp")
    check_range(spent, "expenditure", low=0.0, high=np.inf)
    positive = np.where(profit > 0, profit, np.nan)
    terms = np.where(spent == 0, 0.0, added * spent / positive)
    total = ordered_sum(terms) / np.where(product > 0, product, np.nan)
    if terms.shape[-1] == 0:
        total = np.full(total.shape, np.nan)
    if largest is None:
        return plain(total)
    top = as_floats(largest, "largest")
    if (total > top * (1 + 1e-9)).any():
        message = f"largest: {float(np.min(top)):g} is below a value of the set"
        raise InputError(message)
    return plain(total / np.where(top > 0, top, np.nan))


def usgs_supply_risk(
    *,
    disruption_potential: Input,
    trade_exposure: Input,
    economic_vulnerability: Input,
) -> Values:
    """Return the supply risk SR = (DP TE EV)^(1/3).

    Parameters
    ----------
    disruption_potential, trade_exposure, economic_vulnerability
        *(...)*, 0-1, each scaled over the same set of minerals (`rescale`).

    Returns
    -------
    float or array
        *(...)*, 0-1; NaN where one is missing.

    References
    ----------
    Nassar et al. (2020), Science Advances 6, eaay8647; list of 2021: OFR 2021-1045.

    Examples
    --------
    >>> round(
    ...     usgs_supply_risk(
    ...         disruption_potential=0.4,
    ...         trade_exposure=1.0,
    ...         economic_vulnerability=0.16,
    ...     ),
    ...     6,
    ... )
    0.4
    """
    potential = as_fractions(disruption_potential, "disruption_potential")
    exposure = as_fractions(trade_exposure, "trade_exposure")
    vulnerability = as_fractions(economic_vulnerability, "economic_vulnerability")
    return plain(np.cbrt(potential * exposure * vulnerability))


def usgs_weighted_effect(*, probability: Input, effect: Input) -> Values:
    """Return the expected effect over disruption scenarios: R = sum of p_s dGDP_s.

    Parameters
    ----------
    probability
        *(..., scenario)*, 0-1 per year. They need not sum to 1: scenarios of
        different countries do not exclude each other.
    effect
        *(..., scenario)*, net decrease of GDP, any currency; negative is a gain.

    Returns
    -------
    float or array
        *(...)*, in the currency of `effect`; NaN where a probability or an effect
        is missing, or without scenarios.

    References
    ----------
    Nassar, Pineault et al. (2025), OFR 2025-1047, doi 10.3133/ofr20251047.

    Examples
    --------
    Rhodium: the largest scenario of 64 340 million USD at an implied 0.0428
    (published 2 752).

    >>> round(usgs_weighted_effect(probability=0.0428, effect=64_340))
    2754
    """
    chance = np.atleast_1d(as_fractions(probability, "probability"))
    loss = as_vectors(effect, "effect")
    product = chance * loss
    total = ordered_sum(product)
    return plain(total if product.shape[-1] else np.full(total.shape, np.nan))


def rescale(
    values: Input,
    *,
    low: Input = None,
    high: Input = None,
    invert: bool = False,
) -> Values:
    """Map values to 0-1 over the last axis, or between given ends.

    Parameters
    ----------
    values
        *(..., item)*, any unit.
    low, high
        Values that become 0 and 1 (beyond them the result is kept within 0-1); by
        default the smallest and largest present.
    invert
        High becomes 0: for ties, where weak is risky.

    Returns
    -------
    float or array
        NaN where missing, or where all values are equal.

    Examples
    --------
    >>> rescale([10.0, 20.0, 30.0], invert=True).tolist()
    [1.0, 0.5, 0.0]
    """
    array = as_floats(values, "values")
    known = array[~np.isnan(array)]
    if not known.size:
        return plain(array)
    lower = _end(low, np.fmin, np.inf, array, "low")
    upper = _end(high, np.fmax, -np.inf, array, "high")
    span = np.where(upper > lower, upper - lower, np.nan)
    scaled = np.clip((array - lower) / span, 0.0, 1.0)
    return plain(1.0 - scaled if invert else scaled)


def _end(
    given: Input, reduce: np.ufunc, start: float, array: Floats, name: str
) -> Floats:
    if given is not None:
        return as_floats(given, name)
    vector = np.atleast_1d(array)
    found = reduce.reduce(vector, axis=-1, initial=start, keepdims=True)
    return np.asarray(found if array.ndim else found[0], dtype=np.float64)
