# SPDX-License-Identifier: Apache-2.0
"""Effects on the world and the scenarios made of them.

One schema serves measures, driver effects and shock files, so that a ban means
the same thing wherever it is written.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date
from types import MappingProxyType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["Effect", "Scenario"]


@dataclass(frozen=True, order=True)
class Effect:
    """One change of the rules or of the means of trade and production.

    Parameters
    ----------
    kind
        ban, quota, licence, tariff, outage, demand, lane or stock.
    actor, target
        Country, bloc or ``*`` whose exports are limited, and to whom.
    minerals, items, stage
        What is touched; empty means everything that the other fields allow.
    country
        Country of the plant, demand or stock (outage, demand, stock).
    klass
        Demand class (`class` in files): defence, essential or other.
    factor
        What remains, 0 or more (outage, demand, stock, lane).
    cap_share
        Licence: allowed share of the base flows, 0-1.
    cap_t_per_year
        Quota: allowed tonnes a year.
    tariff_share
        Ad valorem tariff on the exporter's price.
    delay_days
        Days that a licence takes.
    start, until
        First day in force and first day no longer in force; None is open.
    label
        Name of the row or file that it comes from.
    """

    kind: str
    actor: str = ""
    target: str = ""
    minerals: tuple[str, ...] = ()
    items: tuple[str, ...] = ()
    stage: str = ""
    country: str = ""
    klass: str = ""
    factor: float = 1.0
    cap_share: float = 1.0
    cap_t_per_year: float = float("inf")
    tariff_share: float = 0.0
    delay_days: float = 0.0
    start: date = date.min
    until: date = date.max
    label: str = ""

    def share_in(self, start: date, end: date) -> float:
        """Return the part of the period from `start` to `end` that is in force.

        Examples
        --------
        >>> half = Effect("ban", start=date(2027, 7, 2), until=date(2028, 1, 1))
        >>> round(half.share_in(date(2027, 1, 1), date(2028, 1, 1)), 3)
        0.501
        """
        first = max(self.start, start)
        last = min(self.until, end)
        days = (last - first).days
        return max(0.0, days / (end - start).days)


@dataclass(frozen=True)
class Scenario:
    """One future: the effects of each period beside the measures by date.

    Parameters
    ----------
    number
        Names the scenario; its draws are keyed by it.
    effects
        Per period, the effects that hold for the whole of it.
    states
        Per period, one state per driver, drivers in sorted order.
    release_share
        Per period, the share of accessible stock that the reserve may give:
        1 / max(1, expected periods left in the present state); 1 when calm.
    draws
        Uniform numbers in (0, 1) keyed by project: a project stands if its
        number is below its chance of success.
    item_release_share
        Per item, the same share where only the drivers that touch the item
        count; `release_share` serves items without a row.
    """

    number: int
    effects: tuple[tuple[Effect, ...], ...]
    states: tuple[tuple[str, ...], ...] = ()
    release_share: tuple[float, ...] = ()
    draws: Mapping[str, float] = field(default_factory=lambda: MappingProxyType({}))
    item_release_share: Mapping[str, tuple[float, ...]] = field(
        default_factory=lambda: MappingProxyType({})
    )

    def release_for(self, item: str, period: int) -> float:
        """Return the share of an item's stock that may be given in a period."""
        shares = self.item_release_share.get(item, self.release_share)
        return shares[period] if period < len(shares) else 1.0
