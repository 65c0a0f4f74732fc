# SPDX-License-Identifier: Apache-2.0
"""Quarterly settlement of a price rule over a stated index."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from oreserve.contracts._rules import PriceRule, settlement_usd
from oreserve.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

__all__ = ["QuarterSettlement", "settle_quarters"]

QUARTER = re.compile(r"(\d{4})-Q([1-4])")


@dataclass(frozen=True)
class QuarterSettlement:
    """One quarter's account.

    Parameters
    ----------
    quarter
        Such as ``2026-Q1``.
    index_usd_per_t
        Index price that settled it, USD per t.
    quantity_t
        Tonnes settled, t.
    paid_usd
        From guarantor to producer, USD; negative: the producer pays back.
    returned_this_year_usd
        Paid back in the calendar year up to and with this quarter, USD.
    by_designation_usd
        `paid_usd` split by designation of volumes, pro rata to tonnes, sorted.
    """

    quarter: str
    index_usd_per_t: float
    quantity_t: float
    paid_usd: float
    returned_this_year_usd: float
    by_designation_usd: tuple[tuple[str, float], ...]


def settle_quarters(
    rule: PriceRule,
    *,
    index_usd_per_t: Mapping[str, float | None],
    quantity_t: Mapping[str, Mapping[str, float]],
) -> tuple[QuarterSettlement, ...]:
    """Settle a rule quarter by quarter and keep the yearly cap.

    Parameters
    ----------
    rule
        The price rule.
    index_usd_per_t
        Index price per quarter (``2026-Q1``), USD per t.
    quantity_t
        Per quarter, tonnes by designation (stockpile, affiliate, third party...).

    Returns
    -------
    tuple of QuarterSettlement
        One per quarter of `quantity_t`, in time order.

    Raises
    ------
    InputError
        If a quarter with tonnes has no index: settlement stops there and says so,
        no neighbour's price is taken instead. Also if a quarter is misnamed.

    Examples
    --------
    >>> rule = PriceRule("floor", floor_usd_per_t=110_000, index="NdPr oxide")
    >>> rows = settle_quarters(
    ...     rule,
    ...     index_usd_per_t={"2026-Q1": 90_000, "2026-Q2": 120_000},
    ...     quantity_t={
    ...         "2026-Q1": {"third party": 500, "stockpile": 300},
    ...         "2026-Q2": {"third party": 900},
    ...     },
    ... )
    >>> [(row.quarter, row.paid_usd) for row in rows]
    [('2026-Q1', 16000000.0), ('2026-Q2', 0.0)]
    """
    for name in [*index_usd_per_t, *quantity_t]:
        if not QUARTER.fullmatch(name):
            message = f"quarter {name!r}: write a year and a quarter, such as 2026-Q1"
            raise InputError(message)
    rows: list[QuarterSettlement] = []
    returned: dict[str, float] = {}
    for quarter in sorted(quantity_t):
        parts = quantity_t[quarter]
        tonnes = math.fsum(parts[name] for name in sorted(parts))
        index = index_usd_per_t.get(quarter)
        if index is None or not math.isfinite(index):
            raise InputError(
                _no_index(rule, quarter, settled=[r.quarter for r in rows])
            )
        year = quarter[:4]
        paid = settlement_usd(
            rule,
            index_usd_per_t=index,
            quantity_t=tonnes,
            returned_this_year_usd=returned.get(year, 0.0),
        )
        returned[year] = returned.get(year, 0.0) + max(0.0, -paid)
        split = tuple(
            (name, paid * parts[name] / tonnes if tonnes else 0.0)
            for name in sorted(parts)
        )
        rows.append(
            QuarterSettlement(quarter, index, tonnes, paid, returned[year], split)
        )
    return tuple(rows)


def _no_index(rule: PriceRule, quarter: str, *, settled: Sequence[str]) -> str:
    """Say which quarter of which index is missing and how far it got."""
    name = f"index {rule.index!r}" if rule.index else "the index"
    until = f"settled up to {settled[-1]}" if settled else "nothing is settled"
    return (
        f"{name} has no price for {quarter}: {until}; "
        "give the published price or end the series before it"
    )
