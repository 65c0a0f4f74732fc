# SPDX-License-Identifier: Apache-2.0
"""What members carry: interest on the inventory value and storage, by quarter.

A day counts with the entitlement at its end, so a grant counts from its own day and
a transfer leaves the giver on its day. Per quarter, member and item:

    interest = sum over prices of gram-days x price / 10^6 x rate / 365
    storage  = gram-days / 10^6 x storage per t and year / 365

with actual days over 365, in leap years too. Grams that are out on a replenishment
duty stay entitled and are carried. Each amount is rounded so that a member's lines
add up to its exact total, rounded once half to even: what rounding leaves goes on to
the next line and so ends in the last.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from fractions import Fraction
from typing import TYPE_CHECKING, Any

from pydantic import Field

from oreserve.reserve._commands import command, reverser
from oreserve.reserve._contract_money import GRAMS_PER_T, decimal_share
from oreserve.reserve._ledger import Money
from oreserve.reserve._members import (
    check_own,
    quarter_bounds,
    quarter_of,
    terms_on,
)
from oreserve.reserve._values import Arguments, Quarter, ThingId

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from oreserve.reserve._book import Book

__all__ = [
    "CarryLine",
    "carry_lines",
    "check_carry_settled",
    "gram_days",
    "round_lines",
]

_FIRST_QUARTER = "1900-Q1"
"""Before it no reserve was; the calendar of the program begins with year 1."""

YEAR_DAYS = 365
"""Days over which a yearly rate is spread."""


@dataclass(frozen=True)
class CarryLine:
    """What a member carries for one item in one quarter.

    Attributes
    ----------
    member, item
        Who and what.
    gram_days
        Grams times days, g d.
    interest, storage
        Exact amounts, US cents.
    """

    member: str
    item: str
    gram_days: int
    interest: Fraction
    storage: Fraction


def gram_days(steps: Iterable[dict[str, Any]], *, first: date, after: date) -> int:
    """Return grams times days of an entitlement in a span of days.

    Parameters
    ----------
    steps
        Changes, each with ``on_day`` and ``grams`` (g, either sign).
    first, after
        First day of the span, and the day after its last.

    Returns
    -------
    int
        Gram-days, g d.

    Examples
    --------
    >>> steps = [{"on_day": "2026-01-11", "grams": 2}]
    >>> gram_days(steps, first=date(2026, 1, 1), after=date(2026, 2, 1))
    42
    """
    total = 0
    for step in steps:
        start = max(date.fromisoformat(step["on_day"]), first)
        total += step["grams"] * max((after - start).days, 0)
    return total


def carry_lines(book: Book, quarter: str) -> list[CarryLine]:
    """Return what all members carry in a quarter, by member and item."""
    first, after = quarter_bounds(quarter)
    grouped: dict[tuple[str, str], dict[int, list[dict[str, Any]]]] = {}
    for step in book.rows("entitlement_steps"):
        prices = grouped.setdefault((step["member"], step["item"]), {})
        prices.setdefault(step["inventory_price_cents_per_t"], []).append(step)
    lines = []
    for (member, item), prices in sorted(grouped.items()):
        days = {
            price: gram_days(steps, first=first, after=after)
            for price, steps in sorted(prices.items())
        }
        whole = sum(days.values())
        if not whole:
            continue
        terms = terms_on(book, item, quarter)
        value_days = sum(price * count for price, count in days.items())
        rate = decimal_share(terms["interest_rate"])
        storage = terms["storage_cents_per_t_year"]
        over = GRAMS_PER_T * YEAR_DAYS
        lines.append(
            CarryLine(
                member,
                item,
                whole,
                value_days * rate / over,
                Fraction(whole * storage, over),
            )
        )
    return lines


def round_lines(amounts: Sequence[Fraction]) -> list[int]:
    """Round amounts to whole cents so that they sum to their rounded total.

    Parameters
    ----------
    amounts
        Exact amounts, US cents, none below zero.

    Returns
    -------
    list of int
        One per amount, none below zero. What rounding leaves goes on to the next
        one, so that the last makes the sum exact.

    Examples
    --------
    >>> round_lines([Fraction(1, 3), Fraction(1, 3), Fraction(1, 3)])
    [0, 1, 0]
    """
    rounded: list[int] = []
    exact = Fraction(0)
    for amount in amounts:
        before = round(exact)
        exact += amount
        rounded.append(round(exact) - before)
    return rounded


class ChargeCarry(Arguments):
    """A quarter that is over."""

    quarter: Quarter


@command("charge_carry", subject=("carry", None))
def charge_carry(book: Book, given: ChargeCarry) -> dict[str, object]:
    """Charge every member its interest and storage of a quarter, once."""
    now = quarter_of(book.today)
    if not _FIRST_QUARTER <= given.quarter <= now:
        message = f"{given.quarter} cannot be billed: today is in {now}"
        book.refuse("quarter_open", message, {"until": now})
    _, after = quarter_bounds(given.quarter)
    if book.today < after:
        message = f"{given.quarter} is not over: its carry is billed from {after} on"
        book.refuse("quarter_open", message, {"from_on": after.isoformat()})
    if book.rows("carry_charges", quarter=given.quarter):
        message = f"carry of {given.quarter} is billed already"
        book.refuse("billed", message, {"quarter": given.quarter})
    lines = carry_lines(book, given.quarter)
    if not lines:
        message = f"nobody was entitled to anything in {given.quarter}"
        book.refuse("nothing_to_bill", message)
    total = 0
    for member in sorted({line.member for line in lines}):
        own = [line for line in lines if line.member == member]
        # Interest and storage of all items in one sequence: one rounded total.
        amounts = [part for line in own for part in (line.interest, line.storage)]
        rounded = round_lines(amounts)
        for place, line in enumerate(own):
            book.insert(
                "carry_charges",
                member=member,
                item=line.item,
                quarter=given.quarter,
                gram_days=line.gram_days,
                interest_cents=rounded[2 * place],
                storage_cents=rounded[2 * place + 1],
                paid_cents=0,
            )
        _post(book, "carry_charge", member, sum(rounded), other="income:carry")
        total += sum(rounded)
    return {"quarter": given.quarter, "lines": len(lines), "cents": total}


class PayCarry(Arguments):
    """A payment of a member's carry of one item and quarter."""

    member: ThingId
    item: ThingId
    quarter: Quarter
    cents: int | None = Field(
        default=None,
        gt=0,
        description="Amount paid, US cents; all that is open if left",
    )


@command("pay_carry", subject=("carry", ("member", "item", "quarter")))
def pay_carry(book: Book, given: PayCarry) -> dict[str, object]:
    """Enter what a member paid of its carry."""
    check_own(book, given.member)
    key = {"member": given.member, "item": given.item, "quarter": given.quarter}
    row = book.need("carry_charges", **key)
    left = row["interest_cents"] + row["storage_cents"] - row["paid_cents"]
    cents = left if given.cents is None else given.cents
    if cents > left or not left:
        message = (
            f"member {given.member} owes {left:,} cents of carry for {given.item} in"
            f" {given.quarter}; {cents:,} cents are not owed"
        )
        book.refuse("overpaid", message, {"cents": left})
    book.change("carry_charges", key, paid_cents=row["paid_cents"] + cents)
    _post(book, "carry_payment", given.member, -cents, other="cash")
    return {**key, "paid_cents": cents, "left_cents": left - cents}


@reverser("carry_payment")
def _take_back_payment(book: Book, txn: dict[str, Any]) -> None:
    """Let carry be owed again: of the newest quarter on which as much was paid."""
    (posting,) = (
        row
        for row in book.rows("money_postings", txn=txn["txn"])
        if row["account"].startswith("member:")
    )
    cents = -posting["cents"]
    member = posting["account"].removeprefix("member:")
    paid = [
        row
        for row in book.rows("carry_charges", member=member)
        if row["paid_cents"] >= cents
    ]
    if not paid:
        message = f"member {member} has paid {cents:,} cents for no quarter at once"
        book.refuse("conflict", message)
    row = max(paid, key=lambda row: (row["quarter"], row["item"]))
    key = {name: row[name] for name in ("member", "item", "quarter")}
    book.change("carry_charges", key, paid_cents=row["paid_cents"] - cents)


def _post(book: Book, kind: str, member: str, cents: int, *, other: str) -> None:
    if cents:
        money = [Money(f"member:{member}", cents), Money(other, -cents)]
        book.post(kind, money=money)


def check_carry_settled(book: Book, member: str) -> None:
    """Refuse a member whose carry is not all billed and paid.

    Raises
    ------
    Refused
        ``carry_open``: names the first quarter, and what is owed or from which day
        on it can be billed.
    """
    charges = book.rows("carry_charges", member=member)
    for row in sorted(charges, key=lambda row: (row["quarter"], row["item"])):
        left = row["interest_cents"] + row["storage_cents"] - row["paid_cents"]
        if left:
            message = (
                f"member {member} owes {left:,} cents of carry for {row['item']} in"
                f" {row['quarter']}"
            )
            book.refuse("carry_open", message, {"cents": left})
    billed = {(row["item"], row["quarter"]) for row in charges}
    steps = book.rows("entitlement_steps", member=member)
    for item in sorted({step["item"] for step in steps}):
        own = [step for step in steps if step["item"] == item]
        first = date.fromisoformat(min(step["on_day"] for step in own))
        for quarter in _quarters(first, book.today):
            start, after = quarter_bounds(quarter)
            if (
                gram_days(own, first=start, after=after)
                and (item, quarter) not in billed
            ):
                message = (
                    f"carry of member {member} for {item} in {quarter} is not billed:"
                    f" it can be from {after} on"
                )
                book.refuse("carry_open", message, {"from_on": after.isoformat()})


def _quarters(first: date, last: date) -> list[str]:
    named = []
    day = first
    while day <= last:
        named.append(quarter_of(day))
        day = quarter_bounds(named[-1])[1]
    return named
