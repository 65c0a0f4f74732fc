# SPDX-License-Identifier: Apache-2.0
"""What stage an order or a delivery is at, in the words of people."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING, Any

from oreserve.web._words import NO_DATA, NOT_YET

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from oreserve.web._visit import Visit

__all__ = ["absent_text", "delivery_stage", "open_grams", "order_stage", "staged"]

_OVER = frozenset({"accepted", "rejected", "paid", "cancelled"})
_AFTER_ACCEPTANCE = frozenset({"paid_cents"})


def delivery_stage(row: Mapping[str, Any], order_status: str | None, today: str) -> str:
    """Return the state of a delivery: planned, late by its days, or as stored.

    Examples
    --------
    >>> due = {"status": "due", "due_on": "2026-01-05"}
    >>> delivery_stage(due, "draft", "2026-01-07")
    'planned'
    >>> delivery_stage(due, "funded", "2026-01-07")
    'late by 2 days'
    """
    status = str(row["status"])
    if status != "due":
        return status
    if order_status == "draft":
        return "planned"
    late = (date.fromisoformat(today) - date.fromisoformat(row["due_on"])).days
    return f"late by {late} day{'s' if late > 1 else ''}" if late > 0 else status


def staged(
    rows: Sequence[Mapping[str, Any]], orders: Mapping[str, str], today: str
) -> list[dict[str, Any]]:
    """Return deliveries with the stage in place of the stored state.

    Parameters
    ----------
    rows
        Deliveries.
    orders
        State of an order by its name.
    today
        The day, YYYY-MM-DD.
    """
    return [
        {**row, "status": delivery_stage(row, orders.get(row["order_id"]), today)}
        for row in rows
    ]


def absent_text(row: Mapping[str, object], name: str) -> str:
    """Say of a missing value whether its step is still to come."""
    status = str(row.get("status", ""))
    coming = status not in _OVER or (status == "accepted" and name in _AFTER_ACCEPTANCE)
    return NOT_YET if coming else NO_DATA


def open_grams(deliveries: Sequence[Mapping[str, Any]], funded: frozenset[str]) -> int:
    """Sum what funded orders still have to bring in or to have inspected, g."""
    return sum(
        row["grams"]
        for row in deliveries
        if row["status"] in {"due", "delivered"} and row["order_id"] in funded
    )


def order_stage(visit: Visit, order: Mapping[str, Any]) -> tuple[str, frozenset[str]]:
    """Return the state of an order in words, and who has decided on it."""
    if order["status"] != "draft":
        return str(order["status"]), frozenset()
    given = visit.rows("approvals", subject=f"order:{order['order_id']}")
    persons = frozenset(one["person"] for one in given if "person" in one)
    if any(one["decision"] == "approve" for one in given):
        return f"approved, to be funded by {visit.who_may('fund_order')}", persons
    return "draft", persons
