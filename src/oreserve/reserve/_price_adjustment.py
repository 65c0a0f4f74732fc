# SPDX-License-Identifier: Apache-2.0
"""Economic price adjustment: the price of an order's open rest follows an index."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING, Any, Final

from pydantic import Field

from oreserve.reserve._appropriations import hold_obligation
from oreserve.reserve._commands import command
from oreserve.reserve._contract_money import value_cents
from oreserve.reserve._contracts import check_open
from oreserve.reserve._index import need_index
from oreserve.reserve._orders import (
    accepted_sums,
    check_ceilings,
    check_nothing_waits,
    count_plan,
    need_order,
)
from oreserve.reserve._second_person import PROPOSED, is_seconded
from oreserve.reserve._values import Arguments, Quarter, ThingId

if TYPE_CHECKING:
    from collections.abc import Mapping

    from oreserve.reserve._book import Book

__all__ = ["AdjustOrderPrice"]


FREE_RISE: Final = Fraction(1, 10)
"""Share above the agreed price up to which an index alone raises an order's."""


class AdjustOrderPrice(Arguments):
    """The economic price adjustment of what is still open of an order."""

    order_id: ThingId = Field(description="Order")
    quarter: Quarter = Field(description="Quarter whose index sets the new price")


@command("adjust_order_price", subject=("order", "order_id"))
def adjust_order_price(book: Book, given: AdjustOrderPrice) -> dict[str, object]:
    """Move the price of what is open by the ratio of two index values.

    New price = agreed price x index(quarter) / index(agreed quarter), rounded half
    to even to the cent per t, within the floor and the ceiling price of the rule.
    What is accepted keeps its price. A price more than 10 % above the agreed one was
    approved by nobody: it takes two persons, each with this command.
    """
    order = need_order(book, given.order_id, "funded")
    contract = check_open(book, order["contract"], purpose="purchase")
    _check_adjustable(book, contract, order, quarter=given.quarter)
    check_nothing_waits(book, given.order_id)
    gross, accepted = accepted_sums(book, given.order_id)
    open_grams = order["grams"] - order["cancelled_grams"] - accepted
    if open_grams <= 0:
        book.refuse(
            "nothing",
            f"order {given.order_id}: everything is accepted at its price",
            allowed="an order with an open rest",
        )
    origin = _origin(book, contract, order)
    price = _adjusted_price(book, contract, origin, given.quarter)
    amount = gross + value_cents(open_grams, price)
    difference = amount - order["amount_cents"]
    dearer = price > origin["agreed_cents_per_t"] * (1 + FREE_RISE)
    if (
        dearer
        and difference > 0
        and book.rules > 1
        and not is_seconded(book, "adjust_order_price", given, order)
    ):
        return {"order_id": given.order_id, "price_cents_per_t": price, **PROPOSED}
    check_ceilings(book, contract, more_cents=difference, more_grams=0, price=price)
    count_plan(book, contract, order, grams=0, cents=difference)
    book.insert(
        "price_adjustments",
        order_id=given.order_id,
        line=len(book.rows("price_adjustments", order_id=given.order_id)) + 1,
        adjusted_on=book.today.isoformat(),
        to_quarter=given.quarter,
        to_index_cents_per_t=need_index(book, contract["series"], given.quarter),
        from_price_cents_per_t=order["price_cents_per_t"],
        to_price_cents_per_t=price,
        open_grams=open_grams,
        difference_cents=difference,
        **origin,
    )
    book.change(
        "orders",
        {"order_id": given.order_id},
        price_cents_per_t=price,
        amount_cents=amount,
        quarter=given.quarter,
    )
    hold_obligation(
        book, order["contract"], what=f"the new price of order {given.order_id}"
    )
    return {
        "order_id": given.order_id,
        "price_cents_per_t": price,
        "difference_cents": difference,
    }


def _check_adjustable(
    book: Book, contract: Mapping[str, Any], order: Mapping[str, Any], *, quarter: str
) -> None:
    """Refuse an order whose price follows no index, or a quarter out of turn."""
    name, series, agreed = order["order_id"], contract["series"], order["quarter"]
    if contract["rule_kind"] == "fixed" or series is None or agreed is None:
        book.refuse(
            "price_rule",
            f"order {name}: its contract has a {contract['rule_kind']} price, index "
            f"series {series or 'none'}, agreed quarter {agreed or 'none'}",
            allowed="an order with a quarter under a contract that follows a series",
        )
    if quarter <= agreed:
        book.refuse(
            "dates",
            f"order {name} stands at the index of {agreed}",
            allowed="a later quarter",
        )


def _origin(
    book: Book, contract: Mapping[str, Any], order: Mapping[str, Any]
) -> dict[str, Any]:
    """Return the agreed quarter, its index and the agreed price of an order.

    All adjustments start from there, so that rounding does not add up.
    """
    earlier = book.rows("price_adjustments", order_id=order["order_id"])
    if earlier:
        names = ("from_quarter", "from_index_cents_per_t", "agreed_cents_per_t")
        return {name: earlier[0][name] for name in names}
    index = need_index(book, contract["series"], order["quarter"])
    if index == 0:
        book.refuse(
            "index",
            f"index {contract['series']!r} of {order['quarter']} is 0: no ratio to it "
            "exists",
            allowed="an order whose agreed quarter has an index above 0",
        )
    return {
        "from_quarter": order["quarter"],
        "from_index_cents_per_t": index,
        "agreed_cents_per_t": order["price_cents_per_t"],
    }


def _adjusted_price(
    book: Book, contract: Mapping[str, Any], origin: Mapping[str, Any], quarter: str
) -> int:
    """Return the new price, cents per t, within the bounds of the rule."""
    index = need_index(book, contract["series"], quarter)
    base = origin["from_index_cents_per_t"]
    price = round(Fraction(origin["agreed_cents_per_t"] * index, base))
    low, high = contract["floor_cents_per_t"], contract["ceiling_price_cents_per_t"]
    if low is not None:
        price = max(price, low)
    return price if high is None else min(price, high)
