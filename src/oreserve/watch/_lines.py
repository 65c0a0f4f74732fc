# SPDX-License-Identifier: Apache-2.0
"""The lines that an alert needs to cross."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass

from oreserve.errors import InputError

__all__ = ["Lines"]


@dataclass(frozen=True)
class Lines:
    """The lines that an alert needs to cross; all may be set.

    Parameters
    ----------
    hhi, top_share, import_reliance
        0-1: above it an item is over the line. 0.65 is the EU's benchmark for one
        country outside it (CRM Act, 2024).
    price_low, price_high
        Newest price / base price of home: the band.
    price_alarm
        The same ratio from which it is an alarm.
    price_split
        Outside / inside price from which the market is called split.
    sigmas, least_points
        A series outside mean +- sigmas standard deviations, given so many earlier
        values.
    step
        Change of a series from one value to the next, as a share of the first.
    score_days
        Age from which responsible-sourcing scores are out of date, days.
    """

    hhi: float = 0.4
    top_share: float = 0.65
    import_reliance: float = 0.65
    price_low: float = 0.5
    price_high: float = 2.0
    price_alarm: float = 3.0
    price_split: float = 2.0
    sigmas: float = 3.0
    least_points: int = 6
    step: float = 0.5
    score_days: int = 365

    def __post_init__(self) -> None:
        """Refuse lines that could never, or always, be crossed."""
        for name, value in asdict(self).items():
            if not math.isfinite(value):
                message = f"lines: {name} is {value}; allowed are finite numbers"
                raise InputError(message)
        for name in ("hhi", "top_share", "import_reliance"):
            value = getattr(self, name)
            if not 0 <= value <= 1:
                message = f"lines: {name} is {value:g}; allowed is 0 to 1"
                raise InputError(message)
        if not 0 <= self.price_low < self.price_high <= self.price_alarm:
            message = (
                f"lines: price_low {self.price_low:g}, price_high "
                f"{self.price_high:g}, price_alarm {self.price_alarm:g}; allowed is "
                "0 <= low < high <= alarm"
            )
            raise InputError(message)
        for name in ("price_split", "sigmas", "step", "score_days"):
            if not getattr(self, name) > 0:
                message = f"lines: {name} is {getattr(self, name):g}; allowed is over 0"
                raise InputError(message)
