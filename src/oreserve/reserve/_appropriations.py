# SPDX-License-Identifier: Apache-2.0
"""Money that was voted, what of it is promised, and what has lapsed.

Three balances tell all: `unobligated` is what may still be promised,
``obligated:<contract>`` what is promised and not yet paid, and their contra
`budget` is minus both. A payment lowers the promise and the cash alike. Money that
producers pay back is cash and no budget: it may be promised again only when it is
appropriated again.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import Field

from oreserve.contracts import commitment_share
from oreserve.reserve._commands import command
from oreserve.reserve._contract_money import money_text
from oreserve.reserve._contract_sums import contract_sums
from oreserve.reserve._ledger import Money
from oreserve.reserve._values import Arguments, Cents, Day, ThingId, Title

if TYPE_CHECKING:
    from typing import Any

    from oreserve.reserve._book import Book

__all__ = [
    "Appropriate",
    "LapseAppropriation",
    "bound_minimum_cents",
    "hold_obligation",
    "needed_cents",
]


class Appropriate(Arguments):
    """Money that was voted for purchases and support."""

    appropriation: ThingId = Field(description="Name of the appropriation, once")
    title: Title = Field(description="Law or decision that votes the money")
    cents: Cents = Field(gt=0, description="Money, US cents")
    until_on: Day | None = Field(
        default=None, description="Last day on which it may be obligated, YYYY-MM-DD"
    )


class LapseAppropriation(Arguments):
    """An appropriation whose last day has passed."""

    appropriation: ThingId = Field(description="Name of the appropriation")


@command("appropriate", subject=("appropriation", "appropriation"))
def appropriate(book: Book, given: Appropriate) -> dict[str, object]:
    """Enter money that was voted: cash to pay with and a budget to promise from."""
    if given.until_on is not None and given.until_on < book.today.isoformat():
        book.refuse(
            "dates",
            f"appropriation {given.appropriation!r} ended on {given.until_on}",
            allowed=f"a last day of {book.today.isoformat()} or later",
        )
    book.insert(
        "appropriations",
        appropriation=given.appropriation,
        title=given.title,
        cents=given.cents,
        until_on=given.until_on,
        lapsed_cents=None,
    )
    book.post(
        "appropriate",
        money=[
            Money("cash", given.cents),
            Money("treasury", -given.cents),
            Money("unobligated", given.cents),
            Money("budget", -given.cents),
        ],
    )
    return {"appropriation": given.appropriation, "unobligated_cents": _free(book)}


@command("lapse_appropriation", subject=("appropriation", "appropriation"))
def lapse_appropriation(book: Book, given: LapseAppropriation) -> dict[str, object]:
    """Give back what an ended appropriation left unpromised.

    Promises are taken from the appropriation that ends first. No promise is made
    between the last day and the lapse, so what is free now was free then.
    """
    row = book.need("appropriations", appropriation=given.appropriation)
    if row["lapsed_cents"] is not None:
        book.refuse(
            "done",
            f"appropriation {given.appropriation!r} has already lapsed",
            allowed="an appropriation that is in force",
        )
    if row["until_on"] is None or row["until_on"] >= book.today.isoformat():
        book.refuse(
            "dates",
            f"appropriation {given.appropriation!r} may be obligated until "
            f"{row['until_on'] or 'further notice'}",
            allowed="the day after its last day, or later",
        )
    waiting = _ended(book)
    if waiting[0]["appropriation"] != given.appropriation:
        book.refuse(
            "sequence",
            f"appropriation {waiting[0]['appropriation']!r} ended before it",
            allowed=f"lapse_appropriation {waiting[0]['appropriation']!r}",
        )
    lapsed = row["cents"] - min(row["cents"], _promised_of_open(book))
    book.change(
        "appropriations", {"appropriation": given.appropriation}, lapsed_cents=lapsed
    )
    if lapsed:
        book.post(
            "lapse_appropriation",
            money=[
                Money("unobligated", -lapsed),
                Money("budget", lapsed),
                Money("cash", -lapsed),
                Money("treasury", lapsed),
            ],
        )
    return {"appropriation": given.appropriation, "lapsed_cents": lapsed}


def bound_minimum_cents(contract: dict[str, Any]) -> int:
    """Return the guaranteed minimum once the contract stands on that rung."""
    if contract["ended_on"] is not None or not is_bound(contract["rung"]):
        return 0
    return int(contract["minimum_cents"] or 0)


def is_bound(rung: str) -> bool:
    """Tell whether a rung binds money and so counts as tonnes."""
    return commitment_share(rung) > 0


def needed_cents(book: Book, contract: dict[str, Any]) -> int:
    """Return what must lie in ``obligated:<contract>``.

    The larger of the bound minimum and what orders and approved support come to,
    less what has been paid: an order uses the guarantee up before it binds more.
    """
    sums = contract_sums(book, contract["contract"])
    bound = sums.ordered_cents - sums.penalty_cents + sums.support_cents
    return max(bound_minimum_cents(contract), bound) - sums.paid_cents


def hold_obligation(book: Book, contract: str, *, what: str) -> int:
    """Bring ``obligated:<contract>`` to what it must be; refuse beyond the money.

    Parameters
    ----------
    book
        The unit of work; rows must already say what is promised.
    contract
        Contract whose promise changed.
    what
        The act, as it reads in a refusal.

    Returns
    -------
    int
        Cents newly promised; negative when a promise was released.
    """
    account = f"obligated:{contract}"
    need = needed_cents(book, book.need("contracts", contract=contract))
    more = need - book.balance_cents(account)
    if more > 0:
        _check_money(book, more, what=what)
    if more:
        book.post(
            "obligate" if more > 0 else "deobligate",
            money=[Money("unobligated", -more), Money(account, more)],
        )
    return more


def _check_money(book: Book, more: int, *, what: str) -> None:
    """Refuse a promise that no appropriation in force covers."""
    free, ended = _free(book), _ended(book)
    if ended:
        names = ", ".join(repr(row["appropriation"]) for row in ended)
        book.refuse(
            "money_lapsed",
            f"{what}: appropriation {names} has ended and what it left is not yet "
            "given back",
            allowed=f"lapse_appropriation {ended[0]['appropriation']!r} first",
        )
    if more > free:
        book.refuse(
            "money",
            f"{what} needs {money_text(more)}; unobligated are {money_text(free)}",
            allowed=f"at most {money_text(max(0, free))} ({max(0, free)} cents)",
        )


def _free(book: Book) -> int:
    """Return cents that are voted and not promised."""
    return book.balance_cents("unobligated")


def _ended(book: Book) -> list[dict[str, Any]]:
    """Return appropriations past their last day that have not lapsed, first first."""
    today = book.today.isoformat()
    rows = [
        row
        for row in book.rows("appropriations")
        if row["lapsed_cents"] is None and (row["until_on"] or "9999") < today
    ]
    return sorted(rows, key=lambda row: (row["until_on"], row["appropriation"]))


def _promised_of_open(book: Book) -> int:
    """Return promises, paid or not, that fall on appropriations not yet lapsed."""
    rows = book.rows("appropriations")
    voted = sum(row["cents"] for row in rows if row["lapsed_cents"] is None)
    return max(0, int(voted) - _free(book))
