# SPDX-License-Identifier: Apache-2.0
"""Ceilings of the annual materials plan, and how much a market takes.

A ceiling is the most that may be bought, sold or upgraded in the plan's days. It is
no plan to do so and no money. Buying and selling must not disrupt the usual markets
either: within a rolling year each stays below a stated share of a stated market.
"""

from __future__ import annotations

from datetime import date, timedelta
from typing import TYPE_CHECKING, Any, Final, Literal

from oreserve.reserve._contract_money import decimal_share

if TYPE_CHECKING:
    from oreserve.reserve._book import Book

__all__ = [
    "ACTIONS",
    "WAIT_DAYS",
    "Action",
    "check_ceiling",
    "check_market",
    "count_upgrade",
    "give_back_ceiling",
    "give_back_market",
    "give_back_upgrade",
    "line_in_force",
    "market_grams",
    "plan_on",
]

Action = Literal["buy", "sell", "upgrade"]

ACTIONS: Final[tuple[Action, ...]] = ("buy", "sell", "upgrade")

WAIT_DAYS: Final = 45
"""Days between notice of a significant change and its effect, 50 USC 98d(a)(2)."""

YEAR_DAYS: Final = 365
"""Days of the rolling year over which a market is asked to take grams."""


def plan_on(book: Book, day: date, *, closed: bool = False) -> dict[str, Any] | None:
    """Return the plan in force on a day, or None; also one closed since if asked."""
    states = ["in_force", "closed"] if closed else ["in_force"]
    for plan in book.rows("materials_plans", status=states):
        if plan["from_on"] <= day.isoformat() <= plan["until_on"]:
            return plan
    return None


def line_in_force(
    book: Book, *, year: int, item: str, action: str, day: date
) -> dict[str, Any] | None:
    """Return one line of a plan with the ceilings that hold on a day.

    Parameters
    ----------
    book
        The unit of work.
    year, item, action
        Key of the line.
    day
        The day; a change counts from its own ``effective_on``.

    Returns
    -------
    dict or None
        The line's columns with ``ceiling_grams`` (g) and ``ceiling_cents`` (US
        cents) in force, ``base_grams`` and ``base_cents`` as last laid before those
        who must be told (the approved plan or the last significant change), and
        ``change``, the change that set the ceilings. None without such a line.
    """
    line = book.find("plan_lines", year=year, item=item, action=action)
    if line is None:
        return None
    changes = book.rows(
        "plan_changes",
        year=year,
        item=item,
        action=action,
        status=["in_force", "notified"],
    )
    held = sorted(
        (row for row in changes if row["effective_on"] <= day.isoformat()),
        key=lambda row: (row["effective_on"], row["change"]),
    )
    told = [row for row in held if row["significant"]]
    base, now = (told or [line])[-1], (held or [line])[-1]
    return {
        **line,
        "base_grams": base["ceiling_grams"],
        "base_cents": base["ceiling_cents"],
        "ceiling_grams": now["ceiling_grams"],
        "ceiling_cents": now["ceiling_cents"],
        "change": held[-1]["change"] if held else None,
    }


def check_ceiling(
    book: Book, item: str, action: Action, grams: int, cents: int, *, subject: str = ""
) -> dict[str, Any]:
    """Count grams and cents against the plan's ceiling and the market, or refuse.

    Used by orders (at funding), releases that are disposals, sales and upgrades of
    the strategic reserve. What is counted stays counted until `give_back_ceiling`.

    Parameters
    ----------
    book
        The unit of work.
    item
        The item.
    action
        ``buy``, ``sell`` or ``upgrade``.
    grams
        Mass, g; 0 if only money is added.
    cents
        Money spent or got, US cents; what an upgrade costs.
    subject
        What is counted, for the record: an order, a release.

    Returns
    -------
    dict
        ``year``, ``left_grams`` and ``left_cents`` after the count.

    Raises
    ------
    Refused
        ``no_plan`` without a plan in force today, ``no_ceiling`` without a line,
        ``ceiling`` above it, and the rules of `check_market` for buying and selling.
    """
    line = _line_today(book, item, action)
    left_grams = line["ceiling_grams"] - line["used_grams"]
    left_cents = line["ceiling_cents"] - line["used_cents"]
    if grams > left_grams or cents > left_cents:
        message = (
            f"the materials plan {line['year']} lets {action} {item} up to"
            f" {line['ceiling_grams']:,} g and {line['ceiling_cents']:,} cents;"
            f" {max(left_grams, 0):,} g and {max(left_cents, 0):,} cents are left,"
            f" asked for: {grams:,} g and {cents:,} cents"
        )
        waiting = _waiting(book, line)
        allowed = {"grams": max(left_grams, 0), "cents": max(left_cents, 0)}
        book.refuse("ceiling", message + waiting, allowed)
    if action != "upgrade" and grams:  # a dearer order takes nothing more off it
        check_market(book, item, action, grams, subject=subject)
    book.change(
        "plan_lines",
        {"year": line["year"], "item": item, "action": action},
        used_grams=line["used_grams"] + grams,
        used_cents=line["used_cents"] + cents,
    )
    return {
        "year": line["year"],
        "left_grams": left_grams - grams,
        "left_cents": left_cents - cents,
    }


def give_back_ceiling(
    book: Book,
    item: str,
    action: Action,
    grams: int,
    cents: int,
    *,
    year: int,
    subject: str,
) -> None:
    """Take back what `check_ceiling` counted for a thing that was called off.

    Parameters
    ----------
    book
        The unit of work.
    item, action, grams, cents, subject
        As they were counted.
    year
        The plan that it was counted in, from the result of `check_ceiling`.
    """
    line = book.need("plan_lines", year=year, item=item, action=action)
    book.change(
        "plan_lines",
        {"year": year, "item": item, "action": action},
        used_grams=line["used_grams"] - grams,
        used_cents=line["used_cents"] - cents,
    )
    give_back_market(book, item, action, grams, subject=subject)


def give_back_market(
    book: Book, item: str, action: Action, grams: int, *, subject: str
) -> None:
    """Take back what `check_market` counted for a thing that was called off.

    Parameters
    ----------
    book
        The unit of work.
    item, action, grams, subject
        As they were counted.
    """
    left = grams
    for move in book.rows("market_moves", item=item, action=action, subject=subject):
        back = min(left, move["grams"])
        if back:
            book.change(
                "market_moves", {"move": move["move"]}, grams=move["grams"] - back
            )
            left -= back


def count_upgrade(book: Book, owner: str, item: str, grams: int, cents: int) -> None:
    """Count an upgrade of the strategic reserve against its plan, or refuse.

    Parameters
    ----------
    book
        The unit of work.
    owner
        Whose lots are upgraded; only the strategic reserve upgrades under a plan.
    item
        The item that goes in.
    grams, cents
        Mass that goes in, g, and what the work costs, US cents.
    """
    if book.need("owners", owner=owner)["kind"] == "strategic":
        check_ceiling(book, item, "upgrade", grams, cents, subject="upgrade")


def give_back_upgrade(book: Book, txn: dict[str, Any]) -> None:
    """Take back what `count_upgrade` counted for an upgrade that is reversed."""
    drawn = [
        row
        for row in book.rows("mass_postings", txn=txn["txn"])
        if row["account"].startswith("depot:") and row["grams"] < 0
    ]
    owner = book.need("lots", lot=drawn[0]["lot"])["owner"]
    plan = plan_on(book, date.fromisoformat(txn["at"][:10]), closed=True)
    if book.need("owners", owner=owner)["kind"] != "strategic" or plan is None:
        return
    paid = [
        -row["cents"]
        for row in book.rows("money_postings", txn=txn["txn"])
        if row["account"] == "cash"
    ]
    give_back_ceiling(
        book,
        drawn[0]["item"],
        "upgrade",
        -sum(row["grams"] for row in drawn),
        sum(paid),
        year=plan["year"],
        subject="upgrade",
    )


def check_market(
    book: Book, item: str, action: Action, grams: int, *, subject: str = ""
) -> int:
    """Count grams against what the market takes in a rolling year, or refuse.

    The rule: grams bought (or sold) in the last 365 days, these included, are at
    most ``max_share`` of the stated yearly market. Approved overrides that still
    run add their grams. Without a stated market nothing is known, and no data is
    never zero: only an override lets it pass.

    Parameters
    ----------
    book
        The unit of work.
    item
        The item.
    action
        ``buy`` or ``sell``; each is counted on its own.
    grams
        Mass, g, above zero.
    subject
        What is counted, for the record.

    Returns
    -------
    int
        Grams that the market still takes today after these.

    Raises
    ------
    Refused
        ``no_market`` without a stated market or override, ``market`` above the
        share; both say what would be allowed.
    """
    limit = book.find("market_limits", item=item)
    extra = sum(
        row["grams"]
        for row in book.rows(
            "market_overrides", item=item, action=action, status="approved"
        )
        if row["until_on"] >= book.today.isoformat()
    )
    if limit is None and not extra:
        message = (
            f"no yearly market is stated for {item}: nobody can say whether"
            f" {grams:,} g disrupt it; state it with set_market_limit, or record"
            " advice with draft_market_override and let a second person approve it"
        )
        book.refuse("no_market", message, {"commands": ["set_market_limit"]})
    taken = market_grams(book, item, action)
    most = extra
    if limit is not None:
        share = decimal_share(limit["max_share"])
        most += int(limit["yearly_market_grams"] * share)
    if taken + grams > most:
        message = (
            f"{action} {item}: {grams:,} g on top of {taken:,} g of the last"
            f" {YEAR_DAYS} days would be more than {most:,} g that the market takes;"
            f" {max(most - taken, 0):,} g are left, or an override with recorded"
            " advice and a second person"
        )
        book.refuse("market", message, {"grams": max(most - taken, 0)})
    book.insert(
        "market_moves",
        move=book.new_id("MOVE"),
        item=item,
        action=action,
        grams=grams,
        on_day=book.today.isoformat(),
        subject=subject,
    )
    return int(most - taken - grams)


def market_grams(book: Book, item: str, action: str) -> int:
    """Return grams bought or sold in the rolling year that ends today, g."""
    first = (book.today - timedelta(days=YEAR_DAYS - 1)).isoformat()
    moves = book.rows("market_moves", item=item, action=action)
    return sum(row["grams"] for row in moves if row["on_day"] >= first)


def _line_today(book: Book, item: str, action: str) -> dict[str, Any]:
    plan = plan_on(book, book.today)
    if plan is None:
        message = (
            f"no annual materials plan is in force on {book.today.isoformat()}:"
            " draft one and let a second person approve it"
        )
        book.refuse("no_plan", message, {"commands": ["draft_materials_plan"]})
    year = plan["year"]
    line = line_in_force(book, year=year, item=item, action=action, day=book.today)
    if line is None:
        lines = book.rows("plan_lines", year=year, action=action)
        others = ", ".join(row["item"] for row in lines) or "nothing"
        message = (
            f"the materials plan {year} has no line to {action} {item};"
            f" it lets {action}: {others}"
        )
        book.refuse("no_ceiling", message, [row["item"] for row in lines])
    return line


def _waiting(book: Book, line: dict[str, Any]) -> str:
    """Say which change of a line is notified and not yet in effect."""
    changes = book.rows(
        "plan_changes",
        year=line["year"],
        item=line["item"],
        action=line["action"],
        status="notified",
    )
    later = [row for row in changes if row["effective_on"] > book.today.isoformat()]
    return "".join(
        f"; change {row['change']} to {row['ceiling_grams']:,} g and"
        f" {row['ceiling_cents']:,} cents takes effect on {row['effective_on']}"
        for row in later
    )
