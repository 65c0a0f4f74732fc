# SPDX-License-Identifier: Apache-2.0
"""How an arrival, an acceptance and a payment of a delivery are taken back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from oreserve.reserve._appropriations import hold_obligation
from oreserve.reserve._commands import reverser
from oreserve.reserve._contract_money import tonnes_text
from oreserve.reserve._deliveries import keep_due
from oreserve.reserve._lots import undo_new_lots
from oreserve.reserve._orders import accepted_sums, need_order

if TYPE_CHECKING:
    from oreserve.reserve._book import Book

__all__: list[str] = []


@reverser("record_delivery")
def _take_back_arrival(book: Book, txn: dict[str, Any]) -> None:
    """Let a delivery be due again that was recorded wrongly."""
    row = _arrived_with(book, txn)
    order = need_order(book, row["order_id"], "funded")
    book.change(
        "deliveries",
        {"delivery": row["delivery"]},
        status="due",
        delivered_on=None,
        delivered_grams=None,
        late_days=None,
    )
    _drop_due_again(book, txn)
    keep_due(book, order["order_id"], due_on=row["due_on"])


def _arrived_with(book: Book, txn: dict[str, Any]) -> dict[str, Any]:
    """Return the delivery that a transaction recorded; it still waits."""
    out, into = book.rows("mass_postings", txn=txn["txn"])
    again = book.find("deliveries", delivery=f"DEL-{txn['sequence']:06d}")
    which = {} if again is None else {"order_id": again["order_id"]}
    found = [
        row
        for row in book.rows(
            "deliveries", status="delivered", delivered_grams=into["grams"], **which
        )
        if _comes_from(book, row, out["account"], out["item"])
    ]
    if len(found) != 1:
        # The ledger does not name it: of two equal ones it could be either.
        names = ", ".join(row["delivery"] for row in found) or "none"
        book.refuse(
            "conflict",
            f"{txn['txn']} brought {tonnes_text(into['grams'])}; deliveries of that "
            f"mass that wait for inspection: {names}",
            allowed="exactly one; or accept_delivery, with what is rejected",
        )
    return found[0]


def _comes_from(book: Book, row: dict[str, Any], account: str, item: str) -> bool:
    """Tell whether a delivery is of an item and from the account of a producer."""
    order = book.need("orders", order_id=row["order_id"])
    contract = book.need("contracts", contract=order["contract"])
    return (f"supplier:{contract['producer']}", contract["item"]) == (account, item)


def _drop_due_again(book: Book, txn: dict[str, Any]) -> None:
    """Call off the delivery that a transaction's command made due again."""
    again = book.find("deliveries", delivery=f"DEL-{txn['sequence']:06d}")
    if again is not None and again["status"] == "due":
        key = {"delivery": again["delivery"]}
        book.change("deliveries", key, status="cancelled")


@reverser("accept_delivery")
def _take_back_acceptance(book: Book, txn: dict[str, Any]) -> None:
    """Send a delivery back to inspection: nothing is paid, the lot is untouched."""
    moved = book.rows("mass_postings", txn=txn["txn"])
    lots = [one["lot"] for one in moved if one["lot"] is not None]
    rows = book.rows("deliveries", lot=lots) if lots else []
    if not rows:
        book.refuse(
            "conflict",
            f"{txn['txn']} sent everything back to the producer",
            allowed="the new delivery that is due for it",
        )
    row = rows[0]
    order = need_order(book, row["order_id"], "funded")
    if row["paid_cents"]:
        book.refuse(
            "conflict",
            f"delivery {row['delivery']} is paid in part",
            allowed="reverse the payment first",
        )
    contract = book.need("contracts", contract=order["contract"])
    _, accepted = accepted_sums(book, order["order_id"])
    if (
        contract["over_delivery_share"]
        and accepted == order["grams"] - order["cancelled_grams"]
    ):
        book.refuse(
            "conflict",
            f"order {order['order_id']} may have grown with {row['delivery']}: by how "
            "much is not kept",
            allowed="an order that is still open, or without over-delivery",
        )
    undo_new_lots(book, txn)
    found = (
        *("accepted_grams", "rejected_grams", "price_cents_per_t", "gross_cents"),
        *("penalty_cents", "amount_cents", "accepted_by", "lot"),
    )
    key = {"delivery": row["delivery"]}
    book.change("deliveries", key, status="delivered", **dict.fromkeys(found))
    _drop_due_again(book, txn)
    keep_due(book, order["order_id"], due_on=row["due_on"])
    hold_obligation(book, order["contract"], what=f"{row['delivery']} taken back")


@reverser("pay_delivery")
def _take_back_payment(book: Book, txn: dict[str, Any]) -> None:
    """Restore what was payable when a payment is reversed."""
    payment = f"PAY-{txn['sequence']:06d}"
    row = book.need("payments", payment=payment)
    delivery = book.need("deliveries", delivery=row["delivery"])
    order = need_order(book, delivery["order_id"], "funded", "cancelled", "closed")
    if order["status"] == "closed":
        # It was closed because all was paid, and that is not so.
        book.change("orders", {"order_id": order["order_id"]}, status="funded")
    book.change(
        "deliveries",
        {"delivery": row["delivery"]},
        paid_cents=delivery["paid_cents"] - row["cents"],
        status="accepted",
    )
    book.remove("payments", payment=payment)
