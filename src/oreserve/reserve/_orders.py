# SPDX-License-Identifier: Apache-2.0
"""Orders under a contract: drafted, approved by another person, funded, ended.

Only a funded order is money: it must fit the appropriations, both ceilings of its
contract and, for the strategic reserve, the annual materials plan.
"""

from __future__ import annotations

from datetime import date, timedelta
from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field

from oreserve.reserve._appropriations import hold_obligation
from oreserve.reserve._ceilings import check_ceiling, give_back_ceiling, plan_on
from oreserve.reserve._commands import command
from oreserve.reserve._contract_money import (
    grams_for,
    money_text,
    tonnes_text,
    value_cents,
)
from oreserve.reserve._contract_sums import contract_sums
from oreserve.reserve._contracts import (
    check_open,
    raise_rung,
)
from oreserve.reserve._index import need_index
from oreserve.reserve._qualifications import check_qualified
from oreserve.reserve._roles import allows
from oreserve.reserve._values import (
    Arguments,
    CentsPerTonne,
    Day,
    Grams,
    Quarter,
    ThingId,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from oreserve.reserve._book import Book

__all__ = [
    "ApproveOrder",
    "CancelOrder",
    "CloseOrder",
    "DraftOrder",
    "FundOrder",
    "ScheduleLine",
    "accepted_sums",
    "check_ceilings",
    "check_nothing_waits",
    "count_plan",
    "last_due_day",
    "need_order",
]


_LAST_YEAR = "9998"
"""From this year on the calendar ends before a contract's material must be there."""

_MOST_CENTS = 2**62
"""Amount that no column of money holds any more, with room for sums, US cents."""


class ScheduleLine(Arguments):
    """One delivery that is agreed."""

    due_on: Day = Field(description="Last day without being late, YYYY-MM-DD")
    grams: Grams = Field(description="Mass due, g")


class DraftOrder(Arguments):
    """An order that binds nobody yet."""

    contract: ThingId = Field(description="Contract")
    grams: Grams = Field(description="Mass ordered, g")
    price_cents_per_t: CentsPerTonne = Field(description="Price, US cents per t")
    quarter: Quarter | None = Field(
        default=None,
        description="Quarter whose index the price stands for; an adjustment needs it",
    )
    schedule: list[ScheduleLine] = Field(
        min_length=1, max_length=1000, description="Deliveries; they sum to the order"
    )


class ApproveOrder(Arguments):
    """Another person's decision on a drafted order."""

    order_id: ThingId = Field(description="Order")
    decision: Literal["approve", "refuse"] = Field(
        default="approve", description="Decision"
    )


class FundOrder(Arguments):
    """An approved order that is to bind money."""

    order_id: ThingId = Field(description="Order")


class CancelOrder(Arguments):
    """An order whose open rest is called off."""

    order_id: ThingId = Field(description="Order")


class CloseOrder(Arguments):
    """An order of which everything is delivered, inspected and paid."""

    order_id: ThingId = Field(description="Order")


@command("draft_order", subject=("order", None))
def draft_order(book: Book, given: DraftOrder) -> dict[str, object]:
    """Draft an order with its delivery schedule; nothing is bound."""
    contract = check_open(book, given.contract, purpose="purchase")
    check_qualified(book, producer=contract["producer"], item=contract["item"])
    _check_schedule(book, given, until_on=contract["until_on"])
    _check_price(book, contract, price=given.price_cents_per_t, quarter=given.quarter)
    order_id = book.new_id("ORD")
    amount = value_cents(given.grams, given.price_cents_per_t)
    if amount >= _MOST_CENTS:
        book.refuse(
            "amount",
            f"{tonnes_text(given.grams)} at that price come to more cents than the "
            "books can hold",
            allowed={"cents": _MOST_CENTS - 1},
        )
    book.insert(
        "orders",
        order_id=order_id,
        contract=given.contract,
        grams=given.grams,
        cancelled_grams=0,
        price_cents_per_t=given.price_cents_per_t,
        amount_cents=amount,
        quarter=given.quarter,
        plan_year=None,
        drafted_by=book.actor.user,
        drafted_on=book.today.isoformat(),
        status="draft",
    )
    deliveries = [
        write_due(book, order_id, due_on=line.due_on, grams=line.grams)
        for line in given.schedule
    ]
    return {"order_id": order_id, "amount_cents": amount, "deliveries": deliveries}


@command("approve_order", subject=("order", "order_id"))
def approve_order(book: Book, given: ApproveOrder) -> dict[str, object]:
    """Approve or refuse a drafted order; never by the person who drafted it."""
    order = need_order(book, given.order_id, "draft")
    count = book.approve(
        f"order:{given.order_id}", given.decision, drafter=order["drafted_by"]
    )
    if given.decision == "refuse":
        _cancel_draft(book, order)
    return {"order_id": given.order_id, "approvals": count}


@command("fund_order", subject=("order", "order_id"))
def fund_order(book: Book, given: FundOrder) -> dict[str, object]:
    """Bind the money of an approved order."""
    order = need_order(book, given.order_id, "draft")
    decisions = book.approvals(f"order:{given.order_id}")
    if not any(
        one["decision"] == "approve" and _may_approve(book, one["person"])
        for one in decisions
    ):
        book.refuse(
            "two_persons",
            f"order {given.order_id} was drafted by {order['drafted_by']!r} and nobody "
            "else has approved it who may",
            allowed="approve_order by another person with the role approver",
        )
    contract = check_open(book, order["contract"], purpose="purchase")
    check_qualified(book, producer=contract["producer"], item=contract["item"])
    check_ceilings(
        book,
        contract,
        more_cents=order["amount_cents"],
        more_grams=order["grams"],
        price=order["price_cents_per_t"],
    )
    year = count_plan(
        book, contract, order, grams=order["grams"], cents=order["amount_cents"]
    )
    book.change("orders", {"order_id": given.order_id}, status="funded", plan_year=year)
    # First the rung: it binds what is left of a minimum that was never taken up.
    raise_rung(book, order["contract"], "funded_order", note=given.order_id)
    obligated = hold_obligation(book, order["contract"], what=f"order {given.order_id}")
    return {"order_id": given.order_id, "obligated_cents": obligated}


def _may_approve(book: Book, person: str) -> bool:
    """Tell whether who approved is active and still has a role that allows it."""
    if book.rules == 1:
        return True
    user = book.need("users", user=person)
    roles = [row["role"] for row in book.rows("user_roles", user=person)]
    return bool(user["active"]) and allows(roles, "approve_order")


@command("cancel_order", subject=("order", "order_id"))
def cancel_order(book: Book, given: CancelOrder) -> dict[str, object]:
    """Call off a draft, or what is still open of a funded order."""
    order = need_order(book, given.order_id, "draft", "funded")
    if order["status"] == "draft":
        _cancel_draft(book, order)
        return {"order_id": given.order_id, "released_cents": 0}
    check_nothing_waits(book, given.order_id)
    gross, accepted = accepted_sums(book, given.order_id)
    rest = order["grams"] - accepted
    _cancel_due(book, given.order_id)
    book.change(
        "orders",
        {"order_id": given.order_id},
        status="cancelled",
        cancelled_grams=rest,
        amount_cents=gross,
    )
    contract = book.need("contracts", contract=order["contract"])
    count_plan(book, contract, order, grams=-rest, cents=gross - order["amount_cents"])
    released = hold_obligation(
        book, order["contract"], what=f"calling off order {given.order_id}"
    )
    return {
        "order_id": given.order_id,
        "cancelled_grams": rest,
        "released_cents": -released,
    }


@command("close_order", subject=("order", "order_id"))
def close_order(book: Book, given: CloseOrder) -> dict[str, object]:
    """Close an order once all of it is delivered, inspected and paid."""
    order = need_order(book, given.order_id, "funded")
    deliveries = book.rows("deliveries", order_id=given.order_id)
    waiting = [
        f"{one['delivery']} ({one['status']})"
        for one in deliveries
        if one["status"] in {"due", "delivered", "accepted"}
    ]
    if waiting:
        book.refuse(
            "open_deliveries",
            f"order {given.order_id} is not at its end: {', '.join(waiting)}",
            allowed="deliver, accept and pay them, or cancel_order",
        )
    book.change("orders", {"order_id": given.order_id}, status="closed")
    released = hold_obligation(
        book, order["contract"], what=f"closing order {given.order_id}"
    )
    return {"order_id": given.order_id, "released_cents": -released}


def need_order(book: Book, order_id: str, *statuses: str) -> dict[str, Any]:
    """Return an order in one of the statuses; refuse any other."""
    order = book.need("orders", order_id=order_id)
    if order["status"] not in statuses:
        book.refuse(
            "status",
            f"order {order_id} is {order['status']}",
            allowed=f"an order that is {' or '.join(statuses)}",
        )
    return order


def accepted_sums(book: Book, order_id: str) -> tuple[int, int]:
    """Return what is accepted of an order: value before penalties and grams."""
    rows = book.rows("deliveries", order_id=order_id)
    return (
        sum(one["gross_cents"] or 0 for one in rows),
        sum(one["accepted_grams"] or 0 for one in rows),
    )


def check_ceilings(
    book: Book,
    contract: Mapping[str, Any],
    *,
    more_cents: int,
    more_grams: int,
    price: int,
) -> None:
    """Refuse what goes beyond the ceilings of a contract in money or in grams."""
    sums = contract_sums(book, contract["contract"])
    cents, grams = sums.ordered_cents, sums.ordered_grams
    problems: list[str] = []
    fitting: list[int] = []
    ceiling, most = contract["ceiling_cents"], contract["ceiling_grams"]
    if more_cents > 0 and ceiling is not None and cents + more_cents > ceiling:
        left = max(0, ceiling - cents)
        fitting.append(grams_for(left, price))
        problems.append(
            f"{money_text(more_cents)} on top of {money_text(cents)} exceed its "
            f"ceiling of {money_text(ceiling)} by "
            f"{money_text(cents + more_cents - ceiling)}"
        )
    if more_grams > 0 and most is not None and grams + more_grams > most:
        fitting.append(max(0, most - grams))
        beyond = tonnes_text(grams + more_grams - most)
        problems.append(
            f"{tonnes_text(more_grams)} on top of {tonnes_text(grams)} exceed its "
            f"ceiling of {tonnes_text(most)} by {beyond}"
        )
    if problems:
        book.refuse(
            "ceiling",
            f"contract {contract['contract']!r}: {'; '.join(problems)}",
            allowed={"grams": min(fitting)},
        )


def count_plan(
    book: Book,
    contract: Mapping[str, Any],
    order: Mapping[str, Any],
    *,
    grams: int,
    cents: int,
) -> int | None:
    """Count a purchase against the annual materials plan of the strategic reserve.

    Returns
    -------
    int or None
        Year of the plan; None for an owner that buys under no plan.
    """
    owner = book.need("owners", owner=contract["owner"])
    if owner["kind"] != "strategic":
        return None
    item, subject = contract["item"], f"order:{order['order_id']}"
    if grams > 0 or cents > 0:
        counted = check_ceiling(
            book, item, "buy", max(0, grams), max(0, cents), subject=subject
        )
        return int(counted["year"])
    if order["plan_year"] is not None and (grams < 0 or cents < 0):
        back = -cents
        for year, added in _added_later(book, order):
            part = min(back, added)
            if part > 0:
                give_back_ceiling(book, item, "buy", 0, part, year=year, subject="")
                back -= part
        give_back_ceiling(
            book, item, "buy", -grams, back, year=order["plan_year"], subject=subject
        )
    return None


def _added_later(book: Book, order: Mapping[str, Any]) -> list[tuple[int, int]]:
    """Return cents that price adjustments count in other years, newest first.

    Each is a year of the materials plan other than the order's and what of it is
    still counted there; what an adjustment took off was taken off the newest.
    """
    if book.rules == 1:
        return []
    counted: list[tuple[int, int]] = []
    for row in book.rows("price_adjustments", order_id=order["order_id"]):
        plan = plan_on(book, date.fromisoformat(row["adjusted_on"]), closed=True)
        more = row["difference_cents"]
        if more > 0:
            if plan is not None and plan["year"] != order["plan_year"]:
                counted.append((plan["year"], more))
            continue
        while more < 0 and counted:
            year, cents = counted.pop()
            if cents + more > 0:
                counted.append((year, cents + more))
            more = min(0, cents + more)
    return counted[::-1]


def write_due(book: Book, order_id: str, *, due_on: str, grams: int) -> str:
    """Add a delivery that is due to an order and return its name."""
    delivery = book.new_id("DEL")
    empty = (
        "delivered_on",
        "delivered_grams",
        "accepted_grams",
        "rejected_grams",
        "late_days",
        "price_cents_per_t",
        "gross_cents",
        "penalty_cents",
        "amount_cents",
        "accepted_by",
        "lot",
    )
    book.insert(
        "deliveries",
        delivery=delivery,
        order_id=order_id,
        due_on=due_on,
        grams=grams,
        status="due",
        paid_cents=0,
        **dict.fromkeys(empty),
    )
    return delivery


def _check_schedule(book: Book, given: DraftOrder, *, until_on: str | None) -> None:
    """Refuse a schedule that does not sum to the order or lies outside the contract."""
    total = sum(line.grams for line in given.schedule)
    if total != given.grams:
        book.refuse(
            "schedule",
            f"the deliveries sum to {total} g, the order is of {given.grams} g",
            allowed=f"deliveries of {given.grams} g in all",
        )
    last = last_due_day(until_on)
    today = book.today.isoformat()
    bad = [
        line.due_on
        for line in given.schedule
        if line.due_on < today or (last is not None and line.due_on > last)
    ]
    if bad:
        book.refuse(
            "dates",
            f"deliveries due on {', '.join(bad)} "
            + (
                "lie before today"
                if all(day < today for day in bad)
                else "lie before today or after the contract's last day for deliveries"
                if any(day < today for day in bad)
                else "lie after the contract's last day for deliveries"
            ),
            allowed=f"{today} to {last or 'any later day'}",
        )


def last_due_day(until_on: str | None) -> str | None:
    """Return the last day on which an order under a contract may be due.

    Material ordered on the contract's last day still has a year to arrive.
    """
    if until_on is None or until_on >= _LAST_YEAR:
        return None
    return (date.fromisoformat(until_on) + timedelta(days=366)).isoformat()


def _check_price(
    book: Book, contract: Mapping[str, Any], *, price: int, quarter: str | None
) -> None:
    """Refuse a price that the contract's rule does not give."""
    kind = contract["rule_kind"]
    if kind == "indexed" and (contract["series"] is None or quarter is None):
        book.refuse(
            "price_rule",
            f"contract {contract['contract']!r} has an indexed price: the order names "
            "no quarter or the contract no series",
            allowed="a quarter of the contract's index series",
        )
    least: int | None
    most: int | None
    if kind == "fixed":
        least = most = contract["fixed_cents_per_t"]
    elif kind == "indexed":
        least = most = need_index(book, contract["series"], str(quarter))
    else:
        least = contract["floor_cents_per_t"]
        most = contract["ceiling_price_cents_per_t"]
    if (least is not None and price < least) or (most is not None and price > most):
        span = f"{least}" if least == most else f"{least or 0} to {most or 'any'}"
        book.refuse(
            "price_rule",
            f"a price of {price} cents per t is not what the {kind} rule of contract "
            f"{contract['contract']!r} gives",
            allowed=f"{span} cents per t",
        )


def check_nothing_waits(book: Book, order_id: str) -> None:
    """Refuse while something lies delivered and not inspected."""
    rows = book.rows("deliveries", order_id=order_id, status="delivered")
    if rows:
        names = ", ".join(one["delivery"] for one in rows)
        book.refuse(
            "open_deliveries",
            f"order {order_id}: {names} is delivered and not inspected",
            allowed="accept_delivery first, with what is rejected",
        )


def _cancel_draft(book: Book, order: Mapping[str, Any]) -> None:
    """End a draft: it never bound anything."""
    _cancel_due(book, order["order_id"])
    book.change(
        "orders",
        {"order_id": order["order_id"]},
        status="cancelled",
        cancelled_grams=order["grams"],
        amount_cents=0,
    )


def _cancel_due(book: Book, order_id: str) -> None:
    """Call off all deliveries that have not arrived."""
    for one in book.rows("deliveries", order_id=order_id, status="due"):
        book.change("deliveries", {"delivery": one["delivery"]}, status="cancelled")
