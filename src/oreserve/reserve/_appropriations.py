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
from oreserve.reserve._commands import command, reverser
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
    "spend_postings",
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
        book.post("lapse_appropriation", money=_lapse_postings(lapsed))
    return {"appropriation": given.appropriation, "lapsed_cents": lapsed}


@reverser("appropriate")
def _take_back_appropriation(book: Book, txn: dict[str, Any]) -> None:
    """Strike out a vote that was entered wrongly, while nothing of it is used."""
    cents = -book.need("money_postings", txn=txn["txn"], line=2)["cents"]
    rows = book.rows("appropriations", cents=cents, lapsed_cents=None)
    names = [row["appropriation"] for row in rows]
    if len(names) != 1:
        # The ledger does not name it: of two equal ones it could be either.
        book.refuse(
            "conflict",
            f"{txn['txn']} voted {money_text(cents)}; appropriations of that amount"
            f" that have not lapsed: {', '.join(names) or 'none'}",
            allowed="exactly one of that amount",
        )
    if cents > _free(book):
        book.refuse(
            "conflict",
            f"appropriation {names[0]!r} voted {money_text(cents)}; only"
            f" {money_text(_free(book))} are not promised",
            allowed="cancel what was promised out of it first",
        )
    book.remove("appropriations", appropriation=names[0])


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
    if more < 0 and book.rules > 1:
        _lapse_freed(book, contract, -more)
    return more


def spend_postings(book: Book, cents: int, *, what: str) -> list[Money]:
    """Return the postings that pay a cost at once, out of what is not promised.

    Parameters
    ----------
    book
        The unit of work.
    cents
        The cost, US cents.
    what
        The act, as it reads in a refusal.

    Returns
    -------
    list of Money
        Cash and budget lowered alike; the caller posts what was bought.

    Raises
    ------
    Refused
        ``money`` above what is appropriated and not promised, ``money_lapsed``.
    """
    if not cents:
        return []
    paid = [Money("cash", -cents)]
    if book.rules == 1:
        return paid
    _check_money(book, cents, what=what)
    return [*paid, Money("unobligated", -cents), Money("budget", cents)]


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


def _lapse_freed(book: Book, contract: str, freed: int) -> None:
    """Give back what a promise frees that an appropriation made which has lapsed.

    A contract's promises that stood when the last appropriation ended are paid and
    freed first, so that no lapsed money is ever promised anew. Payments of all
    contracts count on the appropriation that ended first.
    """
    lapsed = [row for row in _by_end(book) if row["lapsed_cents"] is not None]
    kept = sum(row["cents"] - row["lapsed_cents"] for row in lapsed)
    if not kept:
        return
    voted = book.total("appropriations", "cents")
    given_back = book.total("appropriations", "lapsed_cents")
    spent = voted - given_back + book.balance_cents("budget")
    left = min(
        freed, kept - spent, _old_promise(book, contract, lapsed[-1]["until_on"])
    )
    if left <= 0:
        return
    book.post("lapse_freed", money=_lapse_postings(left))
    for row in reversed(lapsed):
        part = min(left, row["cents"] - row["lapsed_cents"])
        if part:
            key = {"appropriation": row["appropriation"]}
            book.change("appropriations", key, lapsed_cents=row["lapsed_cents"] + part)
        left -= part


def _old_promise(book: Book, contract: str, day: str) -> int:
    """Return what is left of a contract's promises of a day just before it was freed.

    Payments and earlier releases since then are taken off it.
    """
    left = 0
    for posting in book.rows("money_postings", account=f"obligated:{contract}"):
        txn = book.need("transactions", txn=posting["txn"])
        is_old = txn["at"][:10] <= day
        if is_old or (posting["cents"] < 0 and txn["sequence"] != book.sequence):
            left += posting["cents"]
    return max(0, left)


def _lapse_postings(cents: int) -> list[Money]:
    """Return the postings that give voted money back."""
    return [
        Money("unobligated", -cents),
        Money("budget", cents),
        Money("cash", -cents),
        Money("treasury", cents),
    ]


def _by_end(book: Book) -> list[dict[str, Any]]:
    """Return all appropriations, first ended first; without an end last."""
    rows = book.rows("appropriations")
    return sorted(
        rows, key=lambda row: (row["until_on"] or "9999", row["appropriation"])
    )


def _free(book: Book) -> int:
    """Return cents that are voted and not promised."""
    return book.balance_cents("unobligated")


def _ended(book: Book) -> list[dict[str, Any]]:
    """Return appropriations past their last day that have not lapsed, first first."""
    today = book.today.isoformat()
    return [
        row
        for row in _by_end(book)
        if row["lapsed_cents"] is None and (row["until_on"] or "9999") < today
    ]


def _promised_of_open(book: Book) -> int:
    """Return promises, paid or not, that fall on appropriations not yet lapsed."""
    rows = book.rows("appropriations")
    voted = sum(row["cents"] for row in rows if row["lapsed_cents"] is None)
    return max(0, int(voted) - _free(book))
