# SPDX-License-Identifier: Apache-2.0
"""What a plan is worth under market rules: paired runs on fresh scenarios."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from oreserve.planning._programme import tail_weight

if TYPE_CHECKING:
    from oreserve.planning._home import Home

__all__ = [
    "Verification",
    "conditional_value_at_risk",
    "discounted_loss",
    "paired_difference",
    "spread_over",
    "student_factor",
    "student_halfwidth",
    "verify_losses",
    "weak_interval",
]

Floats = npt.NDArray[np.float64]

LEAST_VERIFIED = 100
"""Verified scenarios below which the interval of a benefit says little."""
LEAST_PAYING = 20
"""The same for scenarios in which the plan pays."""
PAYS = 0.01
"""Share of the largest gain above which a scenario counts as paying."""


@dataclass(frozen=True)
class Verification:
    """Losses of the same scenarios with and without the plan, million USD.

    `benefit` is the mean of the paired differences and `halfwidth` half of its
    95 % Student interval.
    """

    scenarios: int
    loss_without: float
    loss_with: float
    benefit: float
    halfwidth: float
    cvar_without: float
    cvar_with: float

    def ratio(self, planned: float) -> float | None:
        """Return verified over planned benefit; None where nothing is planned."""
        return self.benefit / planned if planned > 0.0 else None


def discounted_loss(home: Home, period_loss: Floats) -> Floats:
    """Sum (S, T) losses over periods, discounted: (S,) million USD."""
    total: Floats = period_loss @ home.discount
    return total


def student_halfwidth(values: Floats, *, level: float = 0.95) -> float:
    """Compute half of the Student interval of a mean.

    Examples
    --------
    >>> round(student_halfwidth(np.array([1.0, 2.0, 3.0])), 4)
    2.4841
    """
    count = len(values)
    if count < 2:
        return math.nan
    error = float(np.std(values, ddof=1)) / math.sqrt(count)
    return student_factor(count, level=level) * error


def student_factor(count: int, *, level: float = 0.95) -> float:
    """Compute how many standard errors of a mean its interval reaches to a side.

    Examples
    --------
    >>> round(student_factor(3), 4)
    4.3027
    """
    from scipy.stats import t

    return float(t.ppf(0.5 + level / 2.0, count - 1))


def paired_difference(without: Floats, having: Floats) -> tuple[float, float]:
    """Compute the mean of without - with and half of its 95 % interval."""
    difference = without - having
    return float(difference.mean()), student_halfwidth(difference)


def weak_interval(gains: Floats) -> str | None:
    """Say why the 95 % interval of a plan's benefit covers less than it says.

    A benefit that few futures pay is skewed: a sample may hold none of those that
    matter, and then its interval is narrow and wrong. Rule: fewer than 100 verified
    scenarios, or fewer than 20 that gain more than 1 % of the largest gain.

    Parameters
    ----------
    gains
        (S,) benefit of each verified scenario, in one unit.

    Examples
    --------
    >>> weak_interval(np.ones(300)) is None
    True
    """
    count, most = len(gains), float(np.abs(gains).max(initial=0.0))
    paying = int((np.abs(gains) > PAYS * most).sum()) if most > 0.0 else 0
    if count >= LEAST_VERIFIED and (paying >= LEAST_PAYING or most <= 0.0):
        return None
    reason = (
        f"only {count} scenarios verify the plan"
        if count < LEAST_VERIFIED
        else f"only {paying} of {count} verified scenarios pay"
    )
    return (
        f"{reason}: the 95 % interval of a benefit that few futures pay may cover far "
        f"less often than it says; take --verify {max(300, 3 * count)} or more"
    )


def spread_over(loss: Floats, count: int) -> list[int]:
    """Pick scenarios spread over the losses, so that few stand for many.

    Examples
    --------
    >>> spread_over(np.array([5.0, 1.0, 3.0, 2.0, 4.0, 6.0]), 3)
    [3, 4, 5]
    """
    count = min(count, len(loss))
    order = np.argsort(loss, kind="stable")
    # The middle of each of `count` slices of equal size.
    places = ((np.arange(count) + 0.5) * len(loss) / count).astype(int)
    return sorted(int(place) for place in order[places])


def conditional_value_at_risk(loss: Floats, alpha: float) -> float:
    """Compute the mean of the worst (1 - alpha) of equally likely losses."""
    weight = tail_weight(loss, np.full(len(loss), 1.0 / len(loss)), alpha)
    return float(weight @ loss)


def verify_losses(without: Floats, having: Floats, alpha: float) -> Verification:
    """Compare (S,) discounted losses of the same scenarios."""
    benefit, halfwidth = paired_difference(without, having)
    return Verification(
        scenarios=len(without),
        loss_without=float(without.mean()),
        loss_with=float(having.mean()),
        benefit=benefit,
        halfwidth=halfwidth,
        cvar_without=conditional_value_at_risk(without, alpha),
        cvar_with=conditional_value_at_risk(having, alpha),
    )
