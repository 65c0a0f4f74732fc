# SPDX-License-Identifier: Apache-2.0
"""What a reserve can give, which lots give it, and who owes it back.

Stock is what held lots of a reserve's owners weigh. Releases that are approved and
not yet drawn keep their grams; what is left is available. Entitlements of the
industrial reserve are covered by its stock and by what members owe back.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final, Literal

from oreserve.reserve._ledger import Mass, Money, part_of

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import date

    from oreserve.reserve._book import Book

__all__ = [
    "EXPIRED_RULES",
    "LOT_RULES",
    "ExpiredRule",
    "LotRule",
    "Pick",
    "Reserve",
    "available_grams",
    "check_covered",
    "choose_lots",
    "cover_loss",
    "covered_grams",
    "entitled_grams",
    "is_expired",
    "open_duty",
    "open_duty_grams",
    "pick_or_refuse",
    "reserved_grams",
    "stock_grams",
    "take_lots",
]

Reserve = Literal["strategic", "industrial"]
LotRule = Literal["oldest", "certificate"]
ExpiredRule = Literal["skip", "last", "allow"]

LOT_RULES: Final[tuple[LotRule, ...]] = ("oldest", "certificate")
"""``oldest`` takes the lot received first, ``certificate`` the one whose certificate
expires first; lots without a date come last, ties go by date received and name."""

EXPIRED_RULES: Final[tuple[ExpiredRule, ...]] = ("skip", "last", "allow")
"""Lots whose certificate or shelf life has run out: not drawn (``skip``), drawn after
all others (``last``), or drawn in their place (``allow``)."""

RESERVES: Final[tuple[Reserve, ...]] = ("strategic", "industrial")

LATEST: Final = "9999-12-31"


@dataclass(frozen=True)
class Pick:
    """Grams that one lot gives, and their part of what the lot cost.

    Attributes
    ----------
    lot, item, depot
        The lot, what it is and where it lies.
    grams
        Mass taken, g.
    cost_cents
        Its part of the lot's cost, US cents.
    purity
        Purity of the lot, share 0-1; None if none is stated.
    """

    lot: str
    item: str
    depot: str
    grams: int
    cost_cents: int
    purity: float | None


def is_expired(lot: dict[str, Any], today: date) -> bool:
    """Whether a lot's certificate or shelf life ended before today."""
    ends = (lot["certificate_expires_on"], lot["expires_on"])
    return any(end is not None and end < today.isoformat() for end in ends)


def choose_lots(
    lots: Sequence[dict[str, Any]],
    *,
    grams: int,
    rule: LotRule,
    expired: ExpiredRule,
    today: date,
) -> tuple[Pick, ...]:
    """Choose the lots that give some grams.

    Parameters
    ----------
    lots
        Held lots of one item, any order.
    grams
        Mass wanted, g.
    rule, expired
        Order of the lots, see `LOT_RULES`, and what becomes of lots past their
        dates, see `EXPIRED_RULES`.
    today
        The day of the draw.

    Returns
    -------
    tuple of Pick
        In the order of drawing. They sum to `grams`, or to less if the lots do not
        hold as much: the caller says so.
    """

    def place(lot: dict[str, Any]) -> tuple[bool, str, str, str]:
        last = expired == "last" and is_expired(lot, today)
        first = lot["received_on"]
        if rule == "certificate":
            first = lot["certificate_expires_on"] or LATEST
        return (last, first, lot["received_on"], lot["lot"])

    fit = [lot for lot in lots if expired != "skip" or not is_expired(lot, today)]
    picks: list[Pick] = []
    left = grams
    for lot in sorted(fit, key=place):
        given = min(left, lot["grams"])
        if given:
            cost = part_of(lot["cost_cents"], given, lot["grams"])
            place_of = (lot["lot"], lot["item"], lot["depot"])
            picks.append(Pick(*place_of, given, cost, lot["purity"]))
            left -= given
    return tuple(picks)


def held_lots(book: Book, reserve: Reserve, item: str) -> list[dict[str, Any]]:
    """Return the held lots of an item that owners of a reserve own."""
    owners = [row["owner"] for row in book.rows("owners", kind=reserve)]
    return book.rows("lots", item=item, owner=owners, status="held")


def stock_grams(
    book: Book, reserve: Reserve, item: str, *, expired: ExpiredRule = "allow"
) -> int:
    """Return the grams of an item that a reserve holds, g.

    Parameters
    ----------
    book
        The unit of work.
    reserve, item
        Which reserve, which item.
    expired
        ``skip`` leaves out lots past their dates.
    """
    lots = held_lots(book, reserve, item)
    return sum(
        lot["grams"]
        for lot in lots
        if expired != "skip" or not is_expired(lot, book.today)
    )


def reserved_grams(book: Book, reserve: Reserve, item: str) -> int:
    """Return the grams that approved releases will still draw, g."""
    return book.total(
        "releases", "granted_grams", reserve=reserve, item=item, status="approved"
    )


def available_grams(
    book: Book, reserve: Reserve, item: str, *, expired: ExpiredRule = "allow"
) -> int:
    """Return the grams that a new release or draw may count on, g."""
    held = stock_grams(book, reserve, item, expired=expired)
    return max(held - reserved_grams(book, reserve, item), 0)


def entitled_grams(book: Book, item: str, member: str | None = None) -> int:
    """Return the entitlements to an item, of one member or of all, g."""
    who = {} if member is None else {"member": member}
    return book.total("entitlements", "grams", item=item, **who)


def open_duty_grams(book: Book, item: str, member: str | None = None) -> int:
    """Return what is owed back to the industrial reserve, by one member or all, g."""
    who = {} if member is None else {"member": member}
    return book.total(
        "duties", "open_grams", item=item, reserve="industrial", status="open", **who
    )


def covered_grams(book: Book, item: str) -> int:
    """Return what covers entitlements: industrial stock and open duties, g."""
    return stock_grams(book, "industrial", item) + open_duty_grams(book, item)


def check_covered(book: Book, item: str) -> None:
    """Refuse a command after which a promise of a reserve was not covered.

    Call it at the end of a command that takes grams out of stock.

    Raises
    ------
    Refused
        Rule ``entitlements``: sum of entitlements above industrial stock plus open
        duties; ``conflict``: approved releases above what their reserve holds. Says
        how many grams would be short.
    """
    entitled = entitled_grams(book, item)
    short = entitled - covered_grams(book, item) if entitled else 0
    if short > 0:
        message = (
            f"members are entitled to {entitled:,} g of {item}; industrial stock and"
            f" open duties would be {short:,} g short of it"
        )
        book.refuse("entitlements", message, {"short_grams": short})
    for reserve in RESERVES:
        kept = reserved_grams(book, reserve, item)
        short = kept - stock_grams(book, reserve, item) if kept else 0
        if short > 0:
            message = (
                f"approved releases keep {kept:,} g of {item} in the {reserve} reserve;"
                f" {short:,} g would be short"
            )
            book.refuse("conflict", message, {"short_grams": short})


def cover_loss(book: Book, item: str) -> str | None:
    """Open a duty of the reserve itself for entitled grams that were lost.

    A recount cannot be refused: the metal is gone. The reserve then owes it to its
    members, with the terms' time to replace it.

    Returns
    -------
    str or None
        The duty, or None if nothing is short.
    """
    entitled = entitled_grams(book, item)
    short = entitled - covered_grams(book, item) if entitled else 0
    if short <= 0:
        return None
    terms = book.rows("industrial_terms", item=item)
    days = terms[-1]["replenish_days"] if terms else 0
    return open_duty(book, "industrial", item, grams=short, days=days, why="loss")


def open_duty(
    book: Book,
    reserve: Reserve,
    item: str,
    *,
    grams: int,
    days: int,
    why: Literal["draw", "rotation", "loss"],
    cents: int = 0,
    purity: float | None = None,
    member: str | None = None,
    release: str | None = None,
) -> str:
    """Write a duty to bring grams back.

    Parameters
    ----------
    book
        The unit of work.
    reserve, item, grams
        Which reserve is owed how much of what, g.
    days
        Days from today until it is due.
    why
        ``draw`` of a member, ``rotation`` of old material, or ``loss`` in store.
    cents
        What the drawn grams cost the reserve, US cents.
    purity
        Least purity that may come back, share 0-1; None asks for none.
    member
        Who owes; None is the reserve itself.
    release
        The release that it comes from.

    Returns
    -------
    str
        Name of the duty.
    """
    duty = book.new_id("DUTY")
    book.insert(
        "duties",
        duty=duty,
        reserve=reserve,
        member=member,
        item=item,
        purity=purity,
        grams=grams,
        open_grams=grams,
        open_cents=cents,
        drawn_on=book.today.isoformat(),
        due_on=(book.today + timedelta(days=days)).isoformat(),
        why=why,
        release_id=release,
        status="open",
    )
    return duty


def take_lots(
    book: Book,
    kind: str,
    picks: Sequence[Pick],
    *,
    mass_to: str,
    money: Sequence[Money],
) -> str:
    """Post picked grams out of their depots, with their cost.

    Parameters
    ----------
    book
        The unit of work.
    kind
        Kind of the transaction.
    picks
        What to take; at least one.
    mass_to
        Account that gets the grams.
    money
        Where the cost goes: with the inventory's postings these sum to zero.

    Returns
    -------
    str
        The transaction.
    """
    item = picks[0].item
    grams = sum(pick.grams for pick in picks)
    cost = sum(pick.cost_cents for pick in picks)
    mass = [Mass(f"depot:{pick.depot}", item, pick.lot, -pick.grams) for pick in picks]
    txn = book.post(
        kind,
        mass=[*mass, Mass(mass_to, item, None, grams)],
        money=[Money(f"inventory:{item}", -cost), *money],
    )
    for pick in picks:
        lot = book.need("lots", lot=pick.lot)
        book.change(
            "lots", {"lot": pick.lot}, cost_cents=lot["cost_cents"] - pick.cost_cents
        )
    return txn


def pick_or_refuse(
    book: Book,
    reserve: Reserve,
    item: str,
    *,
    grams: int,
    rule: LotRule = "oldest",
    expired: ExpiredRule = "skip",
    reserved: int = 0,
) -> tuple[Pick, ...]:
    """Choose lots for grams, or say how many are left.

    Parameters
    ----------
    book
        The unit of work.
    reserve, item, grams
        What is wanted, g.
    rule, expired
        As of `choose_lots`.
    reserved
        Grams that approved releases keep for others, g.

    Returns
    -------
    tuple of Pick
        They sum to `grams`.

    Raises
    ------
    Refused
        ``conflict`` if fewer grams are there, ``expired`` if there are enough only
        with lots past their dates.
    """
    lots = held_lots(book, reserve, item)
    fit = [lot for lot in lots if expired != "skip" or not is_expired(lot, book.today)]
    held, usable = (sum(lot["grams"] for lot in rows) for rows in (lots, fit))
    left = max(usable - reserved, 0)
    if grams > left:
        kept = f", {reserved:,} g of them for approved releases" if reserved else ""
        message = (
            f"the {reserve} reserve holds {held:,} g of {item}{kept};"
            f" {left:,} g are left for this, asked for: {grams:,} g"
        )
        if usable < held and grams <= held - reserved:
            message += (
                f"; {held - usable:,} g lie in lots whose certificate or shelf life has"
                " run out: renew the certificate, or release with expired_rule last"
            )
            book.refuse("expired", message, {"grams": left})
        book.refuse("conflict", message, {"grams": left})
    return choose_lots(fit, grams=grams, rule=rule, expired=expired, today=book.today)
