# SPDX-License-Identifier: Apache-2.0
"""What the commands of the industrial reserve ask about members and terms."""

from __future__ import annotations

from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

from oreserve.reserve._contract_money import decimal_share
from oreserve.reserve._drawing import entitled_grams, open_duty_grams

if TYPE_CHECKING:
    from oreserve.reserve._book import Book

__all__ = [
    "active_member",
    "check_own",
    "drawable_grams",
    "drawn_grams",
    "free_grams",
    "holding",
    "is_disrupted",
    "move_entitlement",
    "promised_grams",
    "quarter_bounds",
    "quarter_of",
    "terms_on",
]

MAJOR_DISRUPTION = "major_disruption"
"""Name of the switch that opens full access."""

YEAR_DAYS = 365
"""Days of the rolling year over which draws count."""


def quarter_of(day: date) -> str:
    """Return the quarter of a day.

    Examples
    --------
    >>> quarter_of(date(2026, 4, 1))
    '2026-Q2'
    """
    return f"{day.year}-Q{(day.month + 2) // 3}"


def quarter_bounds(quarter: str) -> tuple[date, date]:
    """Return the first day of a quarter and of the next one.

    Examples
    --------
    >>> quarter_bounds("2026-Q4")
    (datetime.date(2026, 10, 1), datetime.date(2027, 1, 1))
    """
    year, number = int(quarter[:4]), int(quarter[-1])
    first = date(year, 3 * number - 2, 1)
    after = date(year + 1, 1, 1) if number == 4 else date(year, 3 * number + 1, 1)
    return first, after


def active_member(book: Book, member: str) -> dict[str, Any]:
    """Return a member that is active, or refuse."""
    row = book.need("members", member=member)
    if row["status"] != "active":
        message = (
            f"member {member} is {row['status']}; only an active member may do this"
        )
        book.refuse("member_status", message, {"status": "active"})
    return row


def check_own(book: Book, member: str) -> None:
    """Refuse a member's user who acts for another member, there or not."""
    own = book.actor.member
    if book.is_bound and own != member:
        message = f"{book.actor.user} acts for {own or 'no member'}"
        allowed = {"member": own}
        book.refuse("not_yours", f"{message}, not for another member", allowed)


def terms_on(book: Book, item: str, quarter: str) -> dict[str, Any]:
    """Return the terms of an item that hold in a quarter, or refuse."""
    rows = book.rows("industrial_terms", item=item)
    held = [row for row in rows if row["from_quarter"] <= quarter]
    if not held:
        message = f"the industrial reserve has no terms for {item} in {quarter}"
        first = rows[0]["from_quarter"] if rows else None
        if first:
            message += f"; they begin in {first}"
        book.refuse("no_terms", message, {"commands": ["set_industrial_terms"]})
    return held[-1]


def is_disrupted(book: Book) -> bool:
    """Whether the switch for a major disruption is on."""
    switch = book.find("switches", switch=MAJOR_DISRUPTION)
    return switch is not None and switch["is_on"]


def promised_grams(
    book: Book, member: str, item: str, *, release: str | None = None
) -> int:
    """Return what approved releases will still lend a member, g.

    Parameters
    ----------
    book
        The unit of work.
    member, item
        Whose, and of what.
    release
        A release that is left out: the one that is being drawn.
    """
    approved = book.rows("releases", reserve="industrial", item=item, status="approved")
    names = [one["release_id"] for one in approved if one["release_id"] != release]
    if not names:
        return 0
    return book.total("claims", "granted_grams", release_id=names, claimant=member)


def free_grams(
    book: Book, member: str, item: str, *, release: str | None = None
) -> int:
    """Return a member's entitlement that is neither out on duty nor promised, g."""
    entitled = entitled_grams(book, item, member)
    owed = open_duty_grams(book, item, member)
    return entitled - owed - promised_grams(book, member, item, release=release)


def drawn_grams(book: Book, member: str, item: str) -> int:
    """Return what a member drew in the rolling year that ends today, g."""
    first = (book.today - timedelta(days=YEAR_DAYS - 1)).isoformat()
    duties = book.rows("duties", member=member, item=item, why="draw")
    return sum(row["grams"] for row in duties if row["drawn_on"] >= first)


def drawable_grams(
    book: Book, member: str, item: str, *, release: str | None = None
) -> int:
    """Return what a member may draw today, g.

    The entitlement that is neither out on duty nor promised; outside a major
    disruption also at most the normal draw share of the entitlement less what was
    drawn in 365 days or is promised.
    """
    free = max(free_grams(book, member, item, release=release), 0)
    if is_disrupted(book):
        return free
    terms = terms_on(book, item, quarter_of(book.today))
    share = decimal_share(terms["normal_draw_share"])
    yearly = int(entitled_grams(book, item, member) * share)
    left = yearly - drawn_grams(book, member, item)
    left -= promised_grams(book, member, item, release=release)
    return max(min(free, left), 0)


def holding(book: Book, member: str, item: str, price: int) -> dict[str, Any]:
    """Return a member's entitlement at one inventory price, or refuse."""
    key = {"member": member, "item": item, "inventory_price_cents_per_t": price}
    row = book.find("entitlements", **key)
    if row is None or not row["grams"]:
        rows = book.rows("entitlements", member=member, item=item)
        prices = [r["inventory_price_cents_per_t"] for r in rows if r["grams"]]
        told = ", ".join(f"{one:,}" for one in prices) or "none"
        message = (
            f"member {member} has no entitlement to {item} at {price:,} cents per t;"
            f" it has them at: {told}"
        )
        book.refuse("no_entitlement", message, {"prices": prices})
    return row


def move_entitlement(
    book: Book, member: str, item: str, price: int, *, grams: int
) -> None:
    """Add grams to an entitlement, or take them away, and note the day.

    Parameters
    ----------
    book
        The unit of work.
    member, item, price
        Key of the entitlement; the price in US cents per t.
    grams
        Change, g, either sign; never below zero in total.
    """
    key = {"member": member, "item": item, "inventory_price_cents_per_t": price}
    row = book.find("entitlements", **key)
    if row is None:
        book.insert("entitlements", **key, grams=grams)
    else:
        book.change("entitlements", key, grams=row["grams"] + grams)
    book.insert(
        "entitlement_steps",
        step=book.new_id("STEP"),
        **key,
        on_day=book.today.isoformat(),
        grams=grams,
    )
