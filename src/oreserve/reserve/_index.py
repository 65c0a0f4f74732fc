# SPDX-License-Identifier: Apache-2.0
"""Index series: the published prices that settle a rule or adjust an order.

A contract settles on the value that was published first. A later revision of the
series does not reopen what it settled: such a correction is refused and says what
used the value. What nothing has used may be corrected.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import Field

from oreserve.reserve._commands import command
from oreserve.reserve._values import (
    Arguments,
    CentsPerTonne,
    Quarter,
    ThingId,
    Title,
)

if TYPE_CHECKING:
    from typing import Any

    from oreserve.reserve._book import Book

__all__ = [
    "AddIndexSeries",
    "CorrectIndexValue",
    "RecordIndexValue",
    "need_index",
    "quarter_days",
    "quarter_of",
]


class AddIndexSeries(Arguments):
    """A published price series."""

    series: ThingId = Field(description="Short name, once")
    name: Title = Field(description="What is quoted, in which unit and on which basis")
    market: Title = Field(
        description="Market and kind of price, such as spot, ex works"
    )
    source: Title = Field(description="Who publishes it")


class RecordIndexValue(Arguments):
    """The value of a series for one quarter."""

    series: ThingId = Field(description="Index series")
    quarter: Quarter
    cents_per_t: CentsPerTonne = Field(description="Quarterly value, US cents per t")
    source: Title = Field(description="Publication and its date")


class CorrectIndexValue(RecordIndexValue):
    """A new value for a quarter that nothing has used."""


@command("add_index_series", subject=("series", "series"))
def add_index_series(book: Book, given: AddIndexSeries) -> dict[str, object]:
    """Enter an index series that contracts may name."""
    book.insert("index_series", **given.model_dump())
    return {"series": given.series}


@command("record_index_value", subject=("index_value", ("series", "quarter")))
def record_index_value(book: Book, given: RecordIndexValue) -> dict[str, object]:
    """Enter the published value of a quarter that is over."""
    book.need("index_series", series=given.series)
    if given.quarter >= quarter_of(book.today.isoformat()):
        book.refuse(
            "dates",
            f"{given.quarter} is not over on {book.today.isoformat()}",
            allowed=f"a quarter before {quarter_of(book.today.isoformat())}",
        )
    book.insert("index_values", **given.model_dump())
    return {"series": given.series, "quarter": given.quarter}


@command("correct_index_value", subject=("index_value", ("series", "quarter")))
def correct_index_value(book: Book, given: CorrectIndexValue) -> dict[str, object]:
    """Correct a value that has settled nothing and adjusted no price."""
    key = {"series": given.series, "quarter": given.quarter}
    before = book.need("index_values", **key)
    used = _uses(book, given.series, given.quarter)
    if used:
        book.refuse(
            "index_used",
            f"index {given.series!r} of {given.quarter} has been used: "
            f"{', '.join(used)}; what is settled stays settled on the value first "
            "published",
            allowed="a quarter that nothing has used",
        )
    book.change("index_values", key, cents_per_t=given.cents_per_t, source=given.source)
    return {**key, "was_cents_per_t": before["cents_per_t"]}


def need_index(book: Book, series: str, quarter: str) -> int:
    """Return the index of a quarter, cents per t; nothing stands in for a gap."""
    row = book.find("index_values", series=series, quarter=quarter)
    if row is None:
        known = [one["quarter"] for one in book.rows("index_values", series=series)]
        book.refuse(
            "index_missing",
            f"index {series!r} has no value for {quarter}; no neighbour is taken "
            f"instead; it has {', '.join(known) or 'no quarter at all'}",
            allowed=f"record_index_value {series!r} {quarter} as published",
        )
    assert row is not None
    return int(row["cents_per_t"])


def quarter_of(day: str) -> str:
    """Return the quarter of a day.

    Examples
    --------
    >>> quarter_of("2026-04-01")
    '2026-Q2'
    """
    return f"{day[:4]}-Q{(int(day[5:7]) + 2) // 3}"


def quarter_days(quarter: str) -> tuple[str, str]:
    """Return the first and the last day of a quarter.

    Examples
    --------
    >>> quarter_days("2026-Q1")
    ('2026-01-01', '2026-03-31')
    """
    year, number = quarter[:4], int(quarter[-1])
    last = ("03-31", "06-30", "09-30", "12-31")[number - 1]
    return f"{year}-{3 * number - 2:02d}-01", f"{year}-{last}"


def _uses(book: Book, series: str, quarter: str) -> list[str]:
    """Return what a value has settled, adjusted or priced."""
    used: list[str] = []
    for contract in book.rows("contracts", series=series):
        key: str = contract["contract"]
        row: dict[str, Any] | None = book.find(
            "settlements", contract=key, quarter=quarter
        )
        if row is not None and row["status"] != "computed":
            used.append(f"settlement {key} {quarter}")
        for order in book.rows("orders", contract=key):
            if order["status"] == "draft":
                continue
            moves = book.rows("price_adjustments", order_id=order["order_id"])
            quarters = {order["quarter"]} | {
                one[name] for one in moves for name in ("from_quarter", "to_quarter")
            }
            if quarter in quarters:
                used.append(f"order {order['order_id']}")
    return used
