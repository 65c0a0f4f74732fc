# SPDX-License-Identifier: Apache-2.0
"""The strategic reserve's annual materials plan, its changes, and market limits.

A plan is drafted line by line (item, action, ceilings in grams and cents) and
approved by a second person. From then on only changes alter it:

- A change is significant if it adds a line, or moves a ceiling by more than
  `SIGNIFICANT_SHARE` of what was last laid before those who must be told: the
  approved plan, or the last significant change in effect. Small changes therefore
  add up, and the one that crosses the share is significant.
- A significant change is approved, then notified, and takes effect 45 days after
  the notice, not a day less. A lesser one takes effect with its approval.
"""

from __future__ import annotations

from datetime import date, timedelta
from fractions import Fraction
from typing import TYPE_CHECKING, Any, Final, Literal

from pydantic import Field

from oreserve.reserve._ceilings import (
    WAIT_DAYS,
    Action,
    check_ceiling,
    check_market,
    give_back_ceiling,
    line_in_force,
)
from oreserve.reserve._commands import command
from oreserve.reserve._contract_money import decimal_share
from oreserve.reserve._second_person import PROPOSED, is_seconded
from oreserve.reserve._values import (
    Arguments,
    Cents,
    Day,
    Grams,
    GramsOrNone,
    Note,
    ThingId,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from oreserve.reserve._book import Book

__all__ = [
    "SIGNIFICANT_SHARE",
    "WAIT_DAYS",
    "check_ceiling",
    "check_market",
    "give_back_ceiling",
    "is_significant",
    "line_in_force",
]

SIGNIFICANT_SHARE: Final = Fraction(1, 10)
"""Share of a ceiling above which a change must be notified and wait."""

YEAR_DAYS: Final = 365
"""Fewest days of a plan: shorter ones would have a year's ceilings again and again."""

Year = Field(ge=1900, le=9999, description="Year that names the plan")


class DraftMaterialsPlan(Arguments):
    """A new annual materials plan without lines."""

    year: int = Year
    from_on: Day | None = Field(
        default=None, description="First day; 1 January of the year if left out"
    )
    until_on: Day | None = Field(
        default=None, description="Last day; 31 December of the year if left out"
    )


@command("draft_materials_plan", subject=("materials_plan", "year"))
def draft_materials_plan(book: Book, given: DraftMaterialsPlan) -> dict[str, object]:
    """Open an annual materials plan for drafting."""
    first = given.from_on or date(given.year, 1, 1).isoformat()
    last = given.until_on or date(given.year, 12, 31).isoformat()
    if first > last:
        message = f"a plan from {first} until {last} has no day"
        book.refuse("plan_days", message)
    days = (date.fromisoformat(last) - date.fromisoformat(first)).days + 1
    named = int(first[:4]) <= given.year <= int(last[:4])
    if book.rules > 1 and not (days >= YEAR_DAYS and named):
        message = (
            f"a plan from {first} until {last} has {days} days: the annual plan"
            f" {given.year} has {YEAR_DAYS} or more, some of them in {given.year}, so"
            " that no year has its ceilings twice"
        )
        book.refuse("plan_days", message, {"days": YEAR_DAYS})
    for other in book.rows("materials_plans"):
        if other["from_on"] <= last and first <= other["until_on"]:
            message = (
                f"plan {other['year']} runs from {other['from_on']} until"
                f" {other['until_on']}: a day belongs to one plan only"
            )
            book.refuse("plan_days", message, {"plan": other["year"]})
    book.insert(
        "materials_plans",
        year=given.year,
        from_on=first,
        until_on=last,
        drafted_by=book.actor.user,
        status="draft",
    )
    return {"year": given.year, "from_on": first, "until_on": last}


class SetPlanLine(Arguments):
    """One line of a plan that is still a draft."""

    year: int = Year
    item: ThingId
    action: Action = Field(description="buy, sell or upgrade")
    ceiling_grams: GramsOrNone = Field(description="Most grams in the plan's days, g")
    ceiling_cents: Cents = Field(description="Most money in the plan's days, US cents")


@command("set_plan_line", subject=("materials_plan", "year"))
def set_plan_line(book: Book, given: SetPlanLine) -> dict[str, object]:
    """Write or replace one line of a plan that is still a draft."""
    plan = book.need("materials_plans", year=given.year)
    book.need("items", item=given.item)
    if plan["status"] != "draft":
        message = (
            f"plan {given.year} is {plan['status'].replace('_', ' ')}: alter it with"
            " draft_plan_change"
        )
        book.refuse("plan_status", message, {"commands": ["draft_plan_change"]})
    key = {"year": given.year, "item": given.item, "action": given.action}
    values = {
        "ceiling_grams": given.ceiling_grams,
        "ceiling_cents": given.ceiling_cents,
        "drafted_by": book.actor.user,
    }
    if book.find("plan_lines", **key):
        book.change("plan_lines", key, **values)
    else:
        book.insert("plan_lines", **key, **values, used_grams=0, used_cents=0)
    # The draft's own version rises, so an approver never approves what changed since.
    book.change("materials_plans", {"year": given.year}, status="draft")
    return dict(key)


class ApproveMaterialsPlan(Arguments):
    """A draft that another person puts in force."""

    year: int = Year


@command("approve_materials_plan", subject=("materials_plan", "year"))
def approve_materials_plan(
    book: Book, given: ApproveMaterialsPlan
) -> dict[str, object]:
    """Put a drafted plan in force; who drafted it or a line of it may not."""
    plan = book.need("materials_plans", year=given.year)
    lines = book.rows("plan_lines", year=given.year)
    if plan["status"] != "draft":
        message = f"plan {given.year} is {plan['status'].replace('_', ' ')}, no draft"
        book.refuse("plan_status", message, {"status": "draft"})
    if not lines:
        message = f"plan {given.year} has no line: there is nothing to approve"
        book.refuse("plan_empty", message, {"commands": ["set_plan_line"]})
    if any(line["drafted_by"] == book.actor.user for line in lines):
        message = (
            f"{book.actor.user} wrote lines of plan {given.year}: another person"
            " must approve it"
        )
        book.refuse("two_persons", message)
    book.approve(f"plan:{given.year}", "approve", drafter=plan["drafted_by"])
    book.change("materials_plans", {"year": given.year}, status="in_force")
    return {"year": given.year, "status": "in_force"}


class CloseMaterialsPlan(Arguments):
    """A plan whose days are over, or that is given up as a draft."""

    year: int = Year


@command("close_materials_plan", subject=("materials_plan", "year"))
def close_materials_plan(book: Book, given: CloseMaterialsPlan) -> dict[str, object]:
    """Close a plan after its last day, or give up a draft."""
    plan = book.need("materials_plans", year=given.year)
    if plan["status"] == "draft" and book.rules > 1:
        for line in book.rows("plan_lines", year=given.year):
            book.remove(
                "plan_lines",
                **{name: line[name] for name in ("year", "item", "action")},
            )
        book.remove("materials_plans", year=given.year)
        return {"year": given.year, "status": "given_up"}
    if plan["status"] != "in_force" or book.today.isoformat() <= plan["until_on"]:
        message = (
            f"plan {given.year} ({plan['status'].replace('_', ' ')}) runs until"
            f" {plan['until_on']}: a plan in force is closed after that day"
        )
        book.refuse("plan_status", message, {"after": plan["until_on"]})
    book.change("materials_plans", {"year": given.year}, status="closed")
    return {"year": given.year, "status": "closed"}


def is_significant(*, base_grams: int, base_cents: int, grams: int, cents: int) -> bool:
    """Whether a change of ceilings must be notified and wait.

    Parameters
    ----------
    base_grams, base_cents
        Ceilings as last notified, g and US cents; both 0 for a new line.
    grams, cents
        Ceilings wanted, g and US cents.

    Returns
    -------
    bool
        True if either ceiling moves, up or down, by more than `SIGNIFICANT_SHARE`
        of its base; any move away from a ceiling of 0 does.

    Examples
    --------
    >>> is_significant(base_grams=1_000, base_cents=500, grams=1_100, cents=500)
    False
    >>> is_significant(base_grams=1_000, base_cents=500, grams=1_101, cents=500)
    True
    """
    return (
        abs(grams - base_grams) > SIGNIFICANT_SHARE * base_grams
        or abs(cents - base_cents) > SIGNIFICANT_SHARE * base_cents
    )


class DraftPlanChange(Arguments):
    """New ceilings of a line of a plan in force, or a new line."""

    year: int = Year
    item: ThingId
    action: Action = Field(description="buy, sell or upgrade")
    ceiling_grams: GramsOrNone = Field(description="Ceiling wanted, g")
    ceiling_cents: Cents = Field(description="Ceiling wanted, US cents")


@command("draft_plan_change", subject=("materials_plan", "year"))
def draft_plan_change(book: Book, given: DraftPlanChange) -> dict[str, object]:
    """Draft other ceilings; says whether the change is significant."""
    plan = book.need("materials_plans", year=given.year)
    book.need("items", item=given.item)
    if plan["status"] != "in_force":
        message = (
            f"plan {given.year} is {plan['status'].replace('_', ' ')}: only a plan"
            " in force is changed"
        )
        book.refuse("plan_status", message, {"status": "in_force"})
    change = book.new_id("CHG")
    significant = _is_significant_now(book, given.model_dump())
    book.insert(
        "plan_changes",
        change=change,
        **given.model_dump(),
        significant=significant,
        notice=None,
        notified_on=None,
        effective_on=None,
        status="draft",
        drafted_by=book.actor.user,
    )
    return {"change": change, "significant": significant}


class ApprovePlanChange(Arguments):
    """A second person's word on a proposed change."""

    change: ThingId
    decision: Literal["approve", "refuse"] = Field(
        default="approve", description="approve or refuse"
    )


@command("approve_plan_change", subject=("plan_change", "change"))
def approve_plan_change(book: Book, given: ApprovePlanChange) -> dict[str, object]:
    """Approve or refuse a change; a lesser one takes effect at once."""
    row = _change_with(book, given.change, "draft")
    book.approve(
        f"plan_change:{given.change}", given.decision, drafter=row["drafted_by"]
    )
    key = {"change": given.change}
    if given.decision == "refuse":
        book.change("plan_changes", key, status="refused")
        return {**key, "status": "refused"}
    # Others may have taken effect since it was proposed: judge it against today's.
    significant = _is_significant_now(book, row)
    today = book.today.isoformat()
    status = "approved" if significant else "in_force"
    book.change(
        "plan_changes",
        key,
        significant=significant,
        status=status,
        effective_on=None if significant else today,
    )
    line = {name: row[name] for name in ("year", "item", "action")}
    if not book.find("plan_lines", **line):
        book.insert(
            "plan_lines",
            **line,
            ceiling_grams=0,
            ceiling_cents=0,
            used_grams=0,
            used_cents=0,
            drafted_by=row["drafted_by"],
        )
    return {**key, "status": status, "significant": significant}


class NotifyPlanChange(Arguments):
    """The notice of an approved significant change."""

    change: ThingId
    notice: Note = Field(
        min_length=1,
        description="Reference of the statement that was sent, and to whom",
    )


@command("notify_plan_change", subject=("plan_change", "change"))
def notify_plan_change(book: Book, given: NotifyPlanChange) -> dict[str, object]:
    """Record today's notice of a significant change: the 45 days start."""
    row = _change_with(book, given.change, "approved")
    # Notice is dated by the command itself; a back-dated one would shorten the wait.
    effective = (book.today + timedelta(days=WAIT_DAYS)).isoformat()
    book.change(
        "plan_changes",
        {"change": row["change"]},
        status="notified",
        notice=given.notice,
        notified_on=book.today.isoformat(),
        effective_on=effective,
    )
    return {"change": row["change"], "effective_on": effective}


class WithdrawPlanChange(Arguments):
    """A change that is not in effect and shall not be."""

    change: ThingId


@command("withdraw_plan_change", subject=("plan_change", "change"))
def withdraw_plan_change(book: Book, given: WithdrawPlanChange) -> dict[str, object]:
    """Withdraw a change that has not taken effect yet."""
    row = book.need("plan_changes", change=given.change)
    effective = row["effective_on"]
    if row["status"] in {"refused", "in_force"} or (
        effective is not None and effective <= book.today.isoformat()
    ):
        message = (
            f"change {given.change} is {'refused' if not effective else 'in effect'}:"
            " only one that has not taken effect is withdrawn"
        )
        book.refuse("change_status", message, {"status": ["draft", "notified"]})
    book.change("plan_changes", {"change": given.change}, status="refused")
    return {"change": given.change, "status": "refused"}


def _change_with(book: Book, change: str, status: str) -> dict[str, Any]:
    row = book.need("plan_changes", change=change)
    if row["status"] != status:
        message = (
            f"change {change} is {row['status'].replace('_', ' ')}; this step needs one"
            f" that is {'a draft' if status == 'draft' else status}"
        )
        book.refuse("change_status", message, {"status": status})
    return row


def _is_significant_now(book: Book, wanted: dict[str, Any]) -> bool:
    line = line_in_force(
        book,
        year=wanted["year"],
        item=wanted["item"],
        action=wanted["action"],
        day=book.today,
    )
    return line is None or is_significant(
        base_grams=line["base_grams"],
        base_cents=line["base_cents"],
        grams=wanted["ceiling_grams"],
        cents=wanted["ceiling_cents"],
    )


class SetMarketLimit(Arguments):
    """The market of an item, and the share of it that may be asked for in a year."""

    item: ThingId
    yearly_market_grams: Grams = Field(description="Size of the yearly market, g")
    max_share: float = Field(
        gt=0, le=1, description="Most of it to buy or sell in 365 days, share 0-1"
    )
    source: Note = Field(min_length=1, description="Where the size is from")


@command("set_market_limit", subject=("market_limit", "item"))
def set_market_limit(book: Book, given: SetMarketLimit) -> dict[str, object]:
    """State the yearly market of an item and the share that is no disruption.

    To let more through than is stated takes two persons, each with this command.
    """
    book.need("items", item=given.item)
    values = given.model_dump(exclude={"item"})
    before = book.find("market_limits", item=given.item)
    if before is not None:
        more = _market_share(values) > _market_share(before)
        if (
            more
            and book.rules > 1
            and not is_seconded(book, "set_market_limit", given, before)
        ):
            return {"item": given.item, **PROPOSED}
        book.change("market_limits", {"item": given.item}, **values)
    else:
        book.insert("market_limits", item=given.item, **values)
    return {"item": given.item}


def _market_share(row: Mapping[str, Any]) -> Fraction:
    """Return the grams of a year that a limit lets through, g."""
    return decimal_share(row["max_share"]) * int(row["yearly_market_grams"])


class DraftMarketOverride(Arguments):
    """Grams above the share, on recorded advice."""

    item: ThingId
    action: Literal["buy", "sell"] = Field(description="buy or sell")
    grams: Grams = Field(description="Grams on top of the share, g")
    advice: Note = Field(
        min_length=1, description="Who advised what on the market, with reference"
    )
    until_on: Day = Field(description="Last day on which it counts")


@command("draft_market_override", subject=("market_override", None))
def draft_market_override(book: Book, given: DraftMarketOverride) -> dict[str, object]:
    """Draft an override to go above the market share, on recorded advice."""
    book.need("items", item=given.item)
    override = book.new_id("OVR")
    book.insert(
        "market_overrides",
        override=override,
        **given.model_dump(),
        drafted_by=book.actor.user,
        status="draft",
    )
    return {"override": override}


class ApproveMarketOverride(Arguments):
    """A second person's word on an override."""

    override: ThingId
    decision: Literal["approve", "refuse"] = Field(
        default="approve", description="approve or refuse"
    )


@command("approve_market_override", subject=("market_override", "override"))
def approve_market_override(
    book: Book, given: ApproveMarketOverride
) -> dict[str, object]:
    """Approve or refuse an override of the market share."""
    row = book.need("market_overrides", override=given.override)
    if row["status"] != "draft":
        message = f"override {given.override} is {row['status']} already"
        book.refuse("override_status", message, {"status": "draft"})
    book.approve(
        f"market_override:{given.override}", given.decision, drafter=row["drafted_by"]
    )
    status = "approved" if given.decision == "approve" else "refused"
    book.change("market_overrides", {"override": given.override}, status=status)
    return {"override": given.override, "status": status}
