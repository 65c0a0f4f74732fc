# SPDX-License-Identifier: Apache-2.0
"""Deliveries: recorded, inspected, accepted in whole or part, invoiced and paid.

What arrives waits on the account ``inspection``; the inspector divides it into what
is accepted, which becomes a lot, and what goes back to the supplier. Whatever is
missing afterwards (short or rejected) is due again on the same day, so its lateness
keeps counting unless another day is agreed.
"""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING, Any

from pydantic import Field

from oreserve.reserve._appropriations import hold_obligation
from oreserve.reserve._commands import command
from oreserve.reserve._contract_money import (
    decimal_share,
    money_text,
    tonnes_text,
    value_cents,
)
from oreserve.reserve._contracts import raise_rung
from oreserve.reserve._ledger import Mass, Money
from oreserve.reserve._lots import add_lot, check_fresh
from oreserve.reserve._orders import (
    accepted_sums,
    check_ceilings,
    count_plan,
    last_due_day,
    need_order,
    write_due,
)
from oreserve.reserve._qualifications import check_qualified
from oreserve.reserve._second_person import PROPOSED, is_seconded
from oreserve.reserve._values import (
    Arguments,
    Cents,
    Country,
    Day,
    Grams,
    GramsOrNone,
    Share,
    ThingId,
    Title,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from oreserve.reserve._book import Book

__all__ = [
    "AcceptDelivery",
    "PayDelivery",
    "RecordDelivery",
    "ScheduleDelivery",
    "keep_due",
]

INSPECTION = "inspection"
"""Account of grams that have arrived and are not yet accepted or sent back."""


class ScheduleDelivery(Arguments):
    """Another day for a delivery that is due."""

    delivery: ThingId = Field(description="Delivery")
    due_on: Day = Field(description="Last day without being late, YYYY-MM-DD")


class RecordDelivery(Arguments):
    """What arrived."""

    delivery: ThingId = Field(description="Delivery that is due")
    grams: Grams = Field(description="Mass that arrived, g")
    delivered_on: Day | None = Field(
        default=None, description="Day of arrival, YYYY-MM-DD; none: today"
    )


class AcceptDelivery(Arguments):
    """What the inspection found; what is not accepted goes back."""

    delivery: ThingId = Field(description="Delivery that arrived")
    accepted_grams: GramsOrNone = Field(description="Mass accepted, g")
    rejected_grams: GramsOrNone = Field(description="Mass that goes back, g")
    depot: ThingId = Field(description="Depot of the lot")
    form: Title | None = Field(default=None, description="Form of the material")
    purity: Share | None = Field(default=None, description="Mass share, 0-1")
    assay: Share | None = Field(
        default=None, description="Mass share of the mineral, 0-1"
    )
    origin_country: Country | None = Field(
        default=None, description="Country of origin; none: not known"
    )
    certificate: Title | None = Field(default=None, description="Certificate")
    certificate_expires_on: Day | None = Field(
        default=None, description="Last day of the certificate, YYYY-MM-DD"
    )


class PayDelivery(Arguments):
    """A payment, in full or in part."""

    delivery: ThingId = Field(description="Accepted delivery")
    cents: Cents = Field(gt=0, description="Payment, US cents")


@command("schedule_delivery", subject=("delivery", "delivery"))
def schedule_delivery(book: Book, given: ScheduleDelivery) -> dict[str, object]:
    """Agree on another day for a delivery that is due.

    What is late stays due on its day, so that its lateness counts. A later day than
    the one that was approved takes two persons, each with this command.
    """
    row = _need(book, given.delivery, "due")
    order = need_order(book, row["order_id"], "draft", "funded")
    if book.rules > 1:
        _check_day(book, order, row, given)
        later = given.due_on > row["due_on"] and _is_approved(book, order)
        if later and not is_seconded(book, "schedule_delivery", given, row):
            return {"delivery": given.delivery, **PROPOSED}
    if given.due_on < book.today.isoformat():
        book.refuse(
            "dates",
            f"delivery {given.delivery}: {given.due_on} has passed",
            allowed=f"{book.today.isoformat()} or later",
        )
    book.change("deliveries", {"delivery": given.delivery}, due_on=given.due_on)
    return {"delivery": given.delivery, "was": row["due_on"], "due_on": given.due_on}


@command("record_delivery", subject=("delivery", "delivery"))
def record_delivery(book: Book, given: RecordDelivery) -> dict[str, object]:
    """Record what arrived: less is due again, more only within the tolerance."""
    row = _need(book, given.delivery, "due")
    order = need_order(book, row["order_id"], "funded")
    contract = book.need("contracts", contract=order["contract"])
    day, today = given.delivered_on or book.today.isoformat(), book.today.isoformat()
    if not order["drafted_on"] <= day <= today:
        book.refuse(
            "dates",
            f"delivery {given.delivery} on {day}: the order is of "
            f"{order['drafted_on']}, today is {today}",
            allowed=f"{order['drafted_on']} to {today}",
        )
    _check_over(book, contract, order, row, grams=given.grams)
    late = (date.fromisoformat(day) - date.fromisoformat(row["due_on"])).days
    late_days = max(0, late - contract["grace_days"])
    book.change(
        "deliveries",
        {"delivery": given.delivery},
        status="delivered",
        delivered_on=day,
        delivered_grams=given.grams,
        late_days=late_days,
    )
    book.post(
        "record_delivery",
        mass=[
            Mass(
                f"supplier:{contract['producer']}", contract["item"], None, -given.grams
            ),
            Mass(INSPECTION, contract["item"], None, given.grams),
        ],
    )
    due = keep_due(book, order["order_id"], due_on=row["due_on"])
    raise_rung(book, order["contract"], "delivered", note=given.delivery)
    return {"delivery": given.delivery, "late_days": late_days, "due_again": due}


@command("accept_delivery", subject=("delivery", "delivery"))
def accept_delivery(book: Book, given: AcceptDelivery) -> dict[str, object]:
    """Accept what passes inspection as a lot; the rest goes back to the supplier.

    Invoice = accepted grams x price - penalty, to the cent. Penalty = value x share
    per day x days late beyond the grace days, at most the value.
    """
    row = _need(book, given.delivery, "delivered")
    order = need_order(book, row["order_id"], "funded")
    contract = book.need("contracts", contract=order["contract"])
    if given.accepted_grams or book.rules == 1:
        check_qualified(book, producer=contract["producer"], item=contract["item"])
    if given.accepted_grams and book.rules > 1:
        check_fresh(
            book, contract["item"], row["delivered_on"], given.certificate_expires_on
        )
    if given.accepted_grams + given.rejected_grams != row["delivered_grams"]:
        book.refuse(
            "mass",
            f"delivery {given.delivery} brought {row['delivered_grams']} g; accepted "
            f"and rejected sum to {given.accepted_grams + given.rejected_grams} g",
            allowed=f"parts that sum to {row['delivered_grams']} g",
        )
    gross = _gross_cents(book, order, given.accepted_grams)
    penalty = _penalty_cents(contract, gross=gross, late_days=row["late_days"])
    amount = gross - penalty
    lot = None
    if given.accepted_grams:
        lot = _write_lot(book, contract, given, on=row["delivered_on"], cost=amount)
    book.change(
        "deliveries",
        {"delivery": given.delivery},
        status=_accepted_status(given, amount),
        accepted_grams=given.accepted_grams,
        rejected_grams=given.rejected_grams,
        price_cents_per_t=order["price_cents_per_t"],
        gross_cents=gross,
        penalty_cents=penalty,
        amount_cents=amount,
        accepted_by=book.actor.user,
        lot=lot,
    )
    _post_acceptance(book, contract, given, lot=lot, amount=amount)
    _grow_order(book, contract, order)
    due = keep_due(book, order["order_id"], due_on=row["due_on"])
    hold_obligation(book, order["contract"], what=f"delivery {given.delivery}")
    if given.accepted_grams:
        raise_rung(book, order["contract"], "accepted", note=given.delivery)
    return {
        "delivery": given.delivery,
        "lot": lot,
        "gross_cents": gross,
        "penalty_cents": penalty,
        "amount_cents": amount,
        "due_again": due,
    }


@command("pay_delivery", subject=("delivery", "delivery"))
def pay_delivery(book: Book, given: PayDelivery) -> dict[str, object]:
    """Pay an accepted delivery, in full or in part.

    Neither who accepted it pays, nor who drafted its order.
    """
    row = _need(book, given.delivery, "accepted")
    if row["accepted_by"] == book.actor.user:
        book.refuse(
            "two_persons",
            f"{book.actor.user} accepted delivery {given.delivery}",
            allowed="another person with the role treasurer",
        )
    order = book.need("orders", order_id=row["order_id"])
    if order["drafted_by"] == book.actor.user and book.rules > 1:
        book.refuse(
            "two_persons",
            f"{book.actor.user} drafted order {row['order_id']}",
            allowed="another person with the role treasurer",
        )
    payable = row["amount_cents"] - row["paid_cents"]
    if given.cents > payable:
        book.refuse(
            "payable",
            f"delivery {given.delivery}: {money_text(given.cents)} is more than the "
            f"{money_text(payable)} that is payable",
            allowed={"cents": payable},
        )
    paid = row["paid_cents"] + given.cents
    is_paid = paid == row["amount_cents"]
    payment = book.new_id("PAY")
    book.insert(
        "payments",
        payment=payment,
        contract=order["contract"],
        delivery=given.delivery,
        quarter=None,
        cents=given.cents,
        paid_on=book.today.isoformat(),
        paid_by=book.actor.user,
    )
    book.change(
        "deliveries",
        {"delivery": given.delivery},
        paid_cents=paid,
        status="paid" if is_paid else "accepted",
    )
    book.post(
        "pay_delivery",
        money=[
            Money(f"payable:{order['contract']}", given.cents),
            Money("cash", -given.cents),
            Money(f"obligated:{order['contract']}", -given.cents),
            Money("budget", given.cents),
        ],
    )
    if is_paid:
        raise_rung(book, order["contract"], "paid", note=given.delivery)
    return {
        "delivery": given.delivery,
        "payment": payment,
        "payable_cents": payable - given.cents,
    }


def _check_day(
    book: Book,
    order: Mapping[str, Any],
    row: Mapping[str, Any],
    given: ScheduleDelivery,
) -> None:
    """Refuse another day for what is late, and a day beyond the contract."""
    if row["due_on"] < book.today.isoformat():
        book.refuse(
            "late",
            f"delivery {given.delivery} was due on {row['due_on']}: it is late, and "
            "its lateness counts from that day",
            allowed="record_delivery when it comes, or cancel_order",
        )
    contract = book.need("contracts", contract=order["contract"])
    last = last_due_day(contract["until_on"])
    if last is not None and given.due_on > last:
        book.refuse(
            "dates",
            f"delivery {given.delivery}: {given.due_on} lies beyond the contract",
            allowed=f"{book.today.isoformat()} to {last}",
        )


def _is_approved(book: Book, order: Mapping[str, Any]) -> bool:
    """Tell whether a second person has approved the order as it is."""
    return order["status"] == "funded" or bool(
        book.approvals(f"order:{order['order_id']}")
    )


def _need(book: Book, delivery: str, status: str) -> dict[str, Any]:
    """Return a delivery in a status; refuse any other."""
    row = book.need("deliveries", delivery=delivery)
    if row["status"] != status:
        book.refuse(
            "status",
            f"delivery {delivery} is {row['status']}",
            allowed=f"a delivery that is {status}",
        )
    return row


def _check_over(
    book: Book,
    contract: Mapping[str, Any],
    order: Mapping[str, Any],
    row: Mapping[str, Any],
    *,
    grams: int,
) -> None:
    """Refuse grams beyond the tolerance of this delivery and of the whole order."""
    more = 1 + decimal_share(contract["over_delivery_share"])
    here = int(row["grams"] * more)
    ordered = order["grams"] - order["cancelled_grams"]
    come = sum(
        one["delivered_grams"]
        if one["status"] == "delivered"
        else one["accepted_grams"]
        for one in book.rows("deliveries", order_id=order["order_id"])
        if one["status"] in {"delivered", "accepted", "paid", "rejected"}
    )
    most = min(here, int(ordered * more) - come)
    if grams > most:
        book.refuse(
            "over_delivery",
            f"delivery {row['delivery']}: {tonnes_text(grams)} arrived where "
            f"{tonnes_text(row['grams'])} were due; the tolerance "
            f"({contract['over_delivery_share']:g}) ends at {tonnes_text(most)}",
            allowed={"grams": max(0, most)},
        )


def keep_due(book: Book, order_id: str, *, due_on: str) -> str | None:
    """Make what is due equal what the order still misses.

    What is missing becomes a new delivery of the same day; what came in excess is
    taken from the deliveries that are due last.

    Returns
    -------
    str or None
        The new delivery, if one was needed.
    """
    order = book.need("orders", order_id=order_id)
    rows = book.rows("deliveries", order_id=order_id)
    come = sum(
        one["delivered_grams"]
        if one["status"] == "delivered"
        else one["accepted_grams"]
        for one in rows
        if one["status"] in {"delivered", "accepted", "paid", "rejected"}
    )
    due = [one for one in rows if one["status"] == "due"]
    missing = (
        order["grams"] - order["cancelled_grams"] - come - sum(d["grams"] for d in due)
    )
    if missing > 0:
        return write_due(book, order_id, due_on=due_on, grams=missing)
    for one in sorted(due, key=lambda d: (d["due_on"], d["delivery"]), reverse=True):
        less = min(-missing, one["grams"])
        key = {"delivery": one["delivery"]}
        if less == one["grams"]:
            book.change("deliveries", key, status="cancelled")
        elif less:
            book.change("deliveries", key, grams=one["grams"] - less)
        missing += less
    return None


def _gross_cents(book: Book, order: Mapping[str, Any], grams: int) -> int:
    """Return the value of accepted grams, cents.

    It is what the order's amount leaves after all that is accepted and the value of
    what is still open. So parts of any size sum to the amount, and none is negative.
    """
    gross, accepted = accepted_sums(book, order["order_id"])
    left = order["grams"] - order["cancelled_grams"] - accepted - grams
    price = order["price_cents_per_t"]
    if book.rules == 1 and left:
        return value_cents(grams, price)
    if not grams:
        return 0
    return max(0, int(order["amount_cents"]) - gross - value_cents(left, price))


def _penalty_cents(contract: Mapping[str, Any], *, gross: int, late_days: int) -> int:
    """Return the late penalty of a value, cents, at most the value."""
    share = decimal_share(contract["late_share_per_day"])
    return min(gross, round(gross * share * late_days))


def _accepted_status(given: AcceptDelivery, amount: int) -> str:
    """Return what a delivery is after inspection; nothing to pay is paid."""
    if not given.accepted_grams:
        return "rejected"
    return "accepted" if amount else "paid"


def _grow_order(
    book: Book, contract: Mapping[str, Any], order: Mapping[str, Any]
) -> None:
    """Let an order grow to what was accepted beyond it; ceilings hold still."""
    gross, accepted = accepted_sums(book, order["order_id"])
    ordered = order["grams"] - order["cancelled_grams"]
    if accepted <= ordered:
        return
    more_grams, more_cents = accepted - ordered, gross - order["amount_cents"]
    check_ceilings(
        book,
        contract,
        more_cents=more_cents,
        more_grams=more_grams,
        price=order["price_cents_per_t"],
    )
    count_plan(book, contract, order, grams=more_grams, cents=more_cents)
    book.change(
        "orders",
        {"order_id": order["order_id"]},
        grams=accepted + order["cancelled_grams"],
        amount_cents=gross,
    )


def _write_lot(
    book: Book,
    contract: Mapping[str, Any],
    given: AcceptDelivery,
    *,
    on: str,
    cost: int,
) -> str:
    """Make the lot of what was accepted; its grams are posted right after."""
    return add_lot(
        book,
        item=contract["item"],
        depot=given.depot,
        owner=contract["owner"],
        grams=given.accepted_grams,
        received_on=on,
        cost_cents=cost,
        contract=contract["contract"],
        producer=contract["producer"],
        form=given.form,
        purity=given.purity,
        assay=given.assay,
        origin_country=given.origin_country,
        certificate=given.certificate,
        certificate_expires_on=given.certificate_expires_on,
    )


def _post_acceptance(
    book: Book,
    contract: Mapping[str, Any],
    given: AcceptDelivery,
    *,
    lot: str | None,
    amount: int,
) -> None:
    """Move accepted grams to the depot, rejected ones back, and owe the invoice."""
    item, supplier = contract["item"], f"supplier:{contract['producer']}"
    whole = given.accepted_grams + given.rejected_grams
    mass = [
        Mass(INSPECTION, item, None, -whole),
        Mass(supplier, item, None, given.rejected_grams),
    ]
    if lot is not None:
        mass.append(Mass(f"depot:{given.depot}", item, lot, given.accepted_grams))
    book.post(
        "accept_delivery",
        mass=mass,
        money=[
            Money(f"inventory:{item}", amount),
            Money(f"payable:{contract['contract']}", -amount),
        ],
    )
