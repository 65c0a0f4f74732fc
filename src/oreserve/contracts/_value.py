# SPDX-License-Identifier: Apache-2.0
"""What a price rule is worth before it is signed, for both sides."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from oreserve.contracts._rules import PriceRule, support_and_return_usd
from oreserve.errors import InputError

__all__ = ["SupportValue", "tail_mean", "value_floor", "yearly_payments_usd"]

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class SupportValue:
    """A price rule seen from both sides, present values in USD.

    Parameters
    ----------
    support_usd
        Expected payments of the guarantor.
    returned_usd
        Expected payments back by the producer.
    cost_usd
        `support_usd - returned_usd`: expected net outlay of the guarantor.
    exposure_usd
        Mean net outlay of the worst tenth of paths (90 % CVaR), never below 0.
    market_revenue_usd, revenue_usd
        Producer's expected revenue without and with the rule.
    low_market_revenue_usd, low_revenue_usd
        Mean revenue of its own worst tenth of paths without and with the rule.
    years_paid_share
        Share of path-years in which the guarantor pays.
    """

    support_usd: float
    returned_usd: float
    cost_usd: float
    exposure_usd: float
    market_revenue_usd: float
    revenue_usd: float
    low_market_revenue_usd: float
    low_revenue_usd: float
    years_paid_share: float


def tail_mean(values: Floats, *, alpha: float = 0.9) -> float:
    """Return the mean of the largest (1 - alpha) of equally likely values.

    The value on the boundary counts with the part of its weight that is needed
    (Rockafellar and Uryasev, 2002), so that the result moves smoothly with alpha.

    Examples
    --------
    >>> import numpy as np
    >>> tail_mean(np.arange(1.0, 11.0), alpha=0.75)
    9.2
    """
    ordered = np.sort(np.asarray(values, dtype=np.float64))[::-1]
    if not ordered.size or not 0 <= alpha < 1:
        message = f"a tail mean needs values and 0 <= alpha < 1, not alpha {alpha!r}"
        raise InputError(message)
    # Rounded because 0.1 * 5000 is 499.9999999999999 in binary.
    weight = round((1.0 - alpha) * ordered.size, 9)
    whole = math.floor(weight)
    total = float(ordered[:whole].sum())
    if whole < ordered.size:
        total += (weight - whole) * float(ordered[whole])
    return total / weight


def value_floor(
    rule: PriceRule,
    *,
    paths_usd_per_t: Floats,
    quantity_t_per_year: float,
    steps_per_year: int = 4,
    discount_rate: float = 0.03,
    alpha: float = 0.9,
) -> SupportValue:
    """Value a floor, or any price rule, over index paths for both sides.

    Parameters
    ----------
    rule
        The price rule; its annual cap is kept path by path.
    paths_usd_per_t
        Index prices, shape (paths, years * steps_per_year), from `price_paths`.
    quantity_t_per_year
        Tonnes under the rule, spread evenly over the steps.
    steps_per_year
        Settlements a year; 4 is quarterly.
    discount_rate
        Yearly rate; a payment of year y (first: 1) is worth 1 / (1 + rate)^y.
    alpha
        Level of the tail: 0.9 is the worst tenth.

    Returns
    -------
    SupportValue
        Expected and tail figures, USD.

    Examples
    --------
    A floor of 100 over an index that stays at 60, two years of 10 t, no discount:

    >>> import numpy as np
    >>> flat = np.full((1, 8), 60.0)
    >>> rule = PriceRule("floor", floor_usd_per_t=100)
    >>> value = value_floor(
    ...     rule, paths_usd_per_t=flat, quantity_t_per_year=10, discount_rate=0.0
    ... )
    >>> value.cost_usd, value.exposure_usd, value.revenue_usd
    (800.0, 800.0, 2000.0)
    """
    support, returned = yearly_payments_usd(
        rule,
        paths_usd_per_t=paths_usd_per_t,
        quantity_t_per_year=quantity_t_per_year,
        steps_per_year=steps_per_year,
    )
    years = support.shape[1]
    factor = (1.0 + discount_rate) ** -np.arange(1, years + 1)
    market = paths_usd_per_t.reshape(-1, years, steps_per_year).mean(axis=2)
    market_revenue = (market * quantity_t_per_year) @ factor
    outlay = (support - returned) @ factor
    revenue = market_revenue + outlay
    return SupportValue(
        support_usd=float((support @ factor).mean()),
        returned_usd=float((returned @ factor).mean()),
        cost_usd=float(outlay.mean()),
        exposure_usd=max(0.0, tail_mean(outlay, alpha=alpha)),
        market_revenue_usd=float(market_revenue.mean()),
        revenue_usd=float(revenue.mean()),
        low_market_revenue_usd=-tail_mean(-market_revenue, alpha=alpha),
        low_revenue_usd=-tail_mean(-revenue, alpha=alpha),
        years_paid_share=float((support > 0).mean()),
    )


def yearly_payments_usd(
    rule: PriceRule,
    *,
    paths_usd_per_t: Floats,
    quantity_t_per_year: float,
    steps_per_year: int,
) -> tuple[Floats, Floats]:
    """Return support paid and money returned per path and year, USD.

    Returns
    -------
    support, returned
        Arrays of shape (paths, years); the annual cap holds on `returned`.
    """
    count, steps = paths_usd_per_t.shape
    if steps % steps_per_year:
        message = (
            f"{steps} steps are no whole number of years of {steps_per_year} steps"
        )
        raise InputError(message)
    support, returned = support_and_return_usd(
        rule,
        index_usd_per_t=paths_usd_per_t,
        quantity_t=np.asarray(quantity_t_per_year / steps_per_year),
    )
    shape = (count, steps // steps_per_year, steps_per_year)
    back = returned.reshape(shape).sum(axis=2)
    if rule.annual_cap_usd is not None:
        back = np.minimum(back, rule.annual_cap_usd)
    return support.reshape(shape).sum(axis=2), back
