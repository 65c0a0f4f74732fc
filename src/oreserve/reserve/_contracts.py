# SPDX-License-Identifier: Apache-2.0
"""Contracts on the commitment ladder, with their ceilings and price rule.

A contract moves up the ladder by dated steps and down only by its termination.
Steps up to a ceiling are words; a minimum guarantee binds money, so a second
person takes it; from a funded order on the rung follows from what happened.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, Literal

from pydantic import Field

from oreserve.contracts import RUNGS, PriceRule
from oreserve.errors import InputError
from oreserve.reserve._appropriations import hold_obligation
from oreserve.reserve._commands import command
from oreserve.reserve._contract_money import money_text, tonnes_text
from oreserve.reserve._contract_sums import contract_sums
from oreserve.reserve._second_person import PROPOSED, is_seconded
from oreserve.reserve._values import (
    Arguments,
    Cents,
    CentsPerTonne,
    Day,
    Days,
    Grams,
    Note,
    Share,
    ThingId,
    Title,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from oreserve.reserve._book import Book

__all__ = [
    "ChangeContract",
    "DraftContract",
    "GuaranteeMinimum",
    "MoveContract",
    "TerminateContract",
    "check_open",
    "price_rule",
    "raise_rung",
]

BY_WORD: Final = RUNGS[: RUNGS.index("minimum_guarantee")]
"""Rungs that a person may step a contract to; the others bind money."""


class Terms(Arguments):
    """Price rule and delivery terms of a contract."""

    rule_kind: Literal["fixed", "indexed", "floor", "collar", "two_way"] = Field(
        description="Kind of price rule"
    )
    fixed_cents_per_t: CentsPerTonne | None = Field(
        default=None, description="Fixed price, US cents per t"
    )
    floor_cents_per_t: CentsPerTonne | None = Field(
        default=None, description="Floor price, US cents per t"
    )
    ceiling_price_cents_per_t: CentsPerTonne | None = Field(
        default=None, description="Ceiling price of a collar, US cents per t"
    )
    upside_share: Share | None = Field(
        default=None, description="Share returned above a price, 0-1"
    )
    upside_from_cents_per_t: CentsPerTonne | None = Field(
        default=None, description="Price above which it is returned, cents per t"
    )
    annual_cap_cents: Cents | None = Field(
        default=None, description="Most returned in a calendar year, US cents"
    )
    series: ThingId | None = Field(
        default=None, description="Index series that settles the rule"
    )
    grace_days: Days = Field(default=0, description="Days late without penalty")
    late_share_per_day: Share = Field(
        default=0.0, description="Penalty per day after grace, share of value"
    )
    over_delivery_share: Share = Field(
        default=0.0, description="Tolerated over-delivery, share of grams"
    )


class DraftContract(Terms):
    """A contract with a producer for one item."""

    contract: ThingId = Field(description="Number of the contract, once")
    title: Title = Field(description="What it is about")
    producer: ThingId = Field(description="Producer")
    item: ThingId = Field(description="Item")
    owner: ThingId = Field(description="Owner of what is delivered")
    purpose: Literal["purchase", "price_support"] = Field(
        description="purchase: the reserve gets material; price_support: money only"
    )
    rung: str = Field(
        default="statement", description="Rung of the ladder at which it starts"
    )
    at: Day | None = Field(
        default=None, description="Day of that rung, YYYY-MM-DD; none: today"
    )
    ceiling_cents: Cents | None = Field(
        default=None, gt=0, description="Ceiling in money, US cents"
    )
    ceiling_grams: Grams | None = Field(default=None, description="Ceiling in mass, g")
    minimum_cents: Cents | None = Field(
        default=None, gt=0, description="Minimum guarantee in money, US cents"
    )
    minimum_grams: Grams | None = Field(
        default=None, description="Mass that the minimum guarantee buys, g"
    )
    from_on: Day = Field(description="First day, YYYY-MM-DD")
    until_on: Day | None = Field(default=None, description="Last day, YYYY-MM-DD")


class ChangeContract(Arguments):
    """New bounds of a contract; what is left out stays."""

    contract: ThingId = Field(description="Contract")
    ceiling_cents: Cents | None = Field(
        default=None, gt=0, description="New ceiling in money, US cents"
    )
    ceiling_grams: Grams | None = Field(
        default=None, description="New ceiling in mass, g"
    )
    until_on: Day | None = Field(default=None, description="New last day, YYYY-MM-DD")


class MoveContract(Arguments):
    """A step up the ladder that binds no money."""

    contract: ThingId = Field(description="Contract")
    rung: str = Field(description=f"One of {', '.join(BY_WORD)}")
    at: Day | None = Field(default=None, description="Day of the step; none: today")
    note: Note | None = Field(default=None, description="Document that shows it")


class GuaranteeMinimum(Arguments):
    """The step that binds the minimum guarantee."""

    contract: ThingId = Field(description="Contract")
    at: Day | None = Field(default=None, description="Day of the step; none: today")
    note: Note | None = Field(default=None, description="Document that shows it")


class TerminateContract(Arguments):
    """The end of a contract before its time: the only way down the ladder."""

    contract: ThingId = Field(description="Contract")
    why: Note = Field(min_length=1, description="Ground for the termination")


@command("draft_contract", subject=("contract", "contract"))
def draft_contract(book: Book, given: DraftContract) -> dict[str, object]:
    """Enter a contract with its ceilings, minimum and price rule."""
    book.need("producers", producer=given.producer)
    book.need("items", item=given.item)
    book.need("owners", owner=given.owner)
    if given.series is not None:
        book.need("index_series", series=given.series)
    at = given.at or book.today.isoformat()
    if at > book.today.isoformat():
        book.refuse(
            "dates",
            f"the rung of contract {given.contract!r} is dated {at}, which is to come",
            allowed=f"{book.today.isoformat()} or earlier",
        )
    check_dates(book, from_on=given.from_on, until_on=given.until_on)
    values = given.model_dump(exclude={"at"})
    _check_rule(book, values)
    _check_rung(book, given.rung)
    _check_bounds(book, values)
    book.insert(
        "contracts",
        **values,
        drafted_by=book.actor.user,
        ended_on=None,
        end_reason=None,
    )
    _write_step(book, given.contract, rung=given.rung, at=at, note=None)
    return {"contract": given.contract, "rung": given.rung}


@command("change_contract", subject=("contract", "contract"))
def change_contract(book: Book, given: ChangeContract) -> dict[str, object]:
    """Move the ceilings or the last day; never below what is already ordered.

    A higher ceiling takes two persons, each with this command: orders and support are
    approved under the ceiling that there was.
    """
    contract = _standing(book, given.contract)
    changes = given.model_dump(exclude={"contract"}, exclude_none=True)
    if not changes:
        book.refuse(
            "nothing",
            f"contract {given.contract!r}: nothing is amended",
            allowed="ceiling_cents, ceiling_grams or until_on",
        )
    after = {**contract, **changes}
    check_dates(book, from_on=after["from_on"], until_on=after["until_on"])
    _check_bounds(book, after)
    sums = contract_sums(book, given.contract)
    least = {
        "ceiling_cents": sums.ordered_cents + sums.support_cents,
        "ceiling_grams": sums.ordered_grams
        + book.total("volumes", "grams", contract=given.contract),
    }
    for name, value in least.items():
        if after[name] is not None and after[name] < value:
            book.refuse(
                "ceiling",
                f"contract {given.contract!r}: {name} {after[name]} lies below the "
                f"{value} already ordered or settled",
                allowed=f"{value} or more",
            )
    if (
        book.rules > 1
        and _is_raised(contract, after)
        and not is_seconded(book, "change_contract", given, contract)
    ):
        return {"contract": given.contract, **PROPOSED}
    book.change("contracts", {"contract": given.contract}, **changes)
    return {"contract": given.contract, "changed": sorted(changes)}


def _is_raised(before: Mapping[str, Any], after: Mapping[str, Any]) -> bool:
    """Tell whether a ceiling rises; a first one bounds what had no bound."""
    names = ("ceiling_cents", "ceiling_grams")
    return any(
        before[name] is not None and after[name] > before[name] for name in names
    )


@command("move_contract", subject=("contract", "contract"))
def move_contract(book: Book, given: MoveContract) -> dict[str, object]:
    """Move a contract up the ladder, to a ceiling at most."""
    contract = _standing(book, given.contract)
    _check_rung(book, given.rung)
    _check_step(book, contract, rung=given.rung, at=given.at)
    after = {**contract, "rung": given.rung}
    _check_bounds(book, after)
    book.change("contracts", {"contract": given.contract}, rung=given.rung)
    at = given.at or book.today.isoformat()
    _write_step(book, given.contract, rung=given.rung, at=at, note=given.note)
    return {"contract": given.contract, "rung": given.rung}


@command("guarantee_minimum", subject=("contract", "contract"))
def guarantee_minimum(book: Book, given: GuaranteeMinimum) -> dict[str, object]:
    """Bind the minimum guarantee: the money is set aside at once."""
    contract = _standing(book, given.contract)
    _check_step(book, contract, rung="minimum_guarantee", at=given.at)
    if contract["drafted_by"] == book.actor.user:
        book.refuse(
            "two_persons",
            f"contract {given.contract!r} was entered by {book.actor.user!r}",
            allowed="another person with the role approver",
        )
    after = {**contract, "rung": "minimum_guarantee"}
    _check_bounds(book, after)
    book.change("contracts", {"contract": given.contract}, rung="minimum_guarantee")
    at = given.at or book.today.isoformat()
    _write_step(book, given.contract, rung="minimum_guarantee", at=at, note=given.note)
    cents = hold_obligation(
        book,
        given.contract,
        what=f"the minimum guarantee of contract {given.contract!r}",
    )
    return {
        "contract": given.contract,
        "rung": "minimum_guarantee",
        "obligated_cents": cents,
    }


@command("terminate_contract", subject=("contract", "contract"))
def terminate_contract(book: Book, given: TerminateContract) -> dict[str, object]:
    """End a contract with its ground; releases what its minimum still binds."""
    contract = _standing(book, given.contract)
    open_orders = [
        order["order_id"]
        for order in book.rows("orders", contract=given.contract)
        if order["status"] in {"draft", "funded"}
    ]
    if open_orders:
        book.refuse(
            "open_orders",
            f"contract {given.contract!r} has open orders: {', '.join(open_orders)}",
            allowed="cancel_order or close_order each of them first",
        )
    book.change(
        "contracts",
        {"contract": given.contract},
        ended_on=book.today.isoformat(),
        end_reason=given.why,
    )
    _write_step(
        book,
        given.contract,
        rung=contract["rung"],
        at=book.today.isoformat(),
        note=f"terminated: {given.why}",
    )
    released = hold_obligation(
        book, given.contract, what=f"the termination of contract {given.contract!r}"
    )
    return {"contract": given.contract, "released_cents": -released}


def check_dates(book: Book, *, from_on: str, until_on: str | None) -> None:
    """Refuse a last day that lies before the first."""
    if until_on is not None and until_on < from_on:
        book.refuse(
            "dates",
            f"the last day {until_on} lies before the first, {from_on}",
            allowed=f"{from_on} or later",
        )


def check_open(book: Book, contract: str, *, purpose: str) -> dict[str, Any]:
    """Return a contract under which one may act today; refuse any other."""
    row = _standing(book, contract)
    today = book.today.isoformat()
    if row["purpose"] != purpose:
        book.refuse(
            "purpose",
            f"contract {contract!r} is for {row['purpose']}",
            allowed=f"a contract for {purpose}",
        )
    if today < row["from_on"] or today > (row["until_on"] or "9999"):
        book.refuse(
            "dates",
            f"contract {contract!r} runs from {row['from_on']} until "
            f"{row['until_on'] or 'further notice'}; today is {today}",
            allowed="a day within it",
        )
    if RUNGS.index(row["rung"]) < RUNGS.index("ceiling"):
        book.refuse(
            "ladder",
            f"contract {contract!r} stands at {row['rung']!r}",
            allowed="a contract at 'ceiling' or above: move_contract first",
        )
    return row


def price_rule(contract: Mapping[str, Any]) -> PriceRule:
    """Return the rule of a contract, in USD per t, as `oreserve.contracts` has it."""

    def usd(name: str) -> float | None:
        cents = contract[name]
        return None if cents is None else cents / 100

    return PriceRule(
        contract["rule_kind"],
        floor_usd_per_t=usd("floor_cents_per_t"),
        ceiling_usd_per_t=usd("ceiling_price_cents_per_t"),
        fixed_usd_per_t=usd("fixed_cents_per_t"),
        upside_share=contract["upside_share"],
        upside_from_usd_per_t=usd("upside_from_cents_per_t"),
        annual_cap_usd=usd("annual_cap_cents"),
        index=contract["series"],
    )


def raise_rung(book: Book, contract: str, rung: str, *, note: str) -> None:
    """Move a contract up to a rung that happened; leave it if it stands higher."""
    row = book.need("contracts", contract=contract)
    if RUNGS.index(row["rung"]) >= RUNGS.index(rung):
        return
    book.change("contracts", {"contract": contract}, rung=rung)
    _write_step(book, contract, rung=rung, at=book.today.isoformat(), note=note)


def _standing(book: Book, contract: str) -> dict[str, Any]:
    """Return a contract that has not been terminated."""
    row = book.need("contracts", contract=contract)
    if row["ended_on"] is not None:
        book.refuse(
            "ended",
            f"contract {contract!r} was terminated on {row['ended_on']}: "
            f"{row['end_reason']}",
            allowed="a contract in force",
        )
    return row


def _check_rule(book: Book, values: Mapping[str, Any]) -> None:
    """Refuse a price rule that contradicts itself or that the purpose cannot use."""
    try:
        rule = price_rule(values)
    except InputError as error:
        book.refuse(
            "price_rule", str(error), allowed="the fields of its kind, no other"
        )
    if values["purpose"] == "price_support" and values["series"] is None:
        book.refuse(
            "price_rule",
            f"a {rule.kind} rule for price support names no index series",
            allowed="an index series: a contract names the index that settles it",
        )
    if values["purpose"] == "purchase" and rule.kind == "two_way":
        book.refuse(
            "price_rule",
            "a two_way rule settles a difference; an order needs a price",
            allowed="fixed, indexed, floor or collar for a purchase",
        )


def _check_rung(book: Book, rung: str) -> None:
    """Refuse a rung that is off the ladder or that words alone do not reach."""
    if rung in BY_WORD:
        return
    if rung not in RUNGS:
        book.refuse(
            "ladder",
            f"rung {rung!r} is not on the ladder",
            allowed=list(BY_WORD),
        )
    way = "guarantee_minimum" if rung == "minimum_guarantee" else "fund_order"
    book.refuse(
        "ladder",
        f"rung {rung!r} binds money or follows from what happened: use {way}",
        allowed=list(BY_WORD),
    )


def _check_step(
    book: Book, contract: Mapping[str, Any], *, rung: str, at: str | None
) -> None:
    """Refuse a step that does not go up or that is dated out of turn."""
    place = RUNGS.index(contract["rung"])
    if RUNGS.index(rung) <= place:
        higher = [one for one in BY_WORD if RUNGS.index(one) > place]
        book.refuse(
            "ladder",
            f"contract {contract['contract']!r} stands at {contract['rung']!r}; "
            f"{rung!r} is no step up",
            allowed=[*higher, "terminate_contract"],
        )
    day, today = at or book.today.isoformat(), book.today.isoformat()
    last = book.rows("contract_steps", contract=contract["contract"])[-1]["at"]
    if not last <= day <= today:
        book.refuse(
            "dates",
            f"a step on {day} of contract {contract['contract']!r}: the last step is "
            f"of {last}, today is {today}",
            allowed=f"{last} to {today}",
        )


def _check_bounds(book: Book, contract: Mapping[str, Any]) -> None:
    """Refuse ceilings and minima that contradict each other or the rung."""
    name, place = contract["contract"], RUNGS.index(contract["rung"])
    ceiling, minimum = contract["ceiling_cents"], contract["minimum_cents"]
    if place >= RUNGS.index("ceiling") and ceiling is None:
        book.refuse(
            "ceiling",
            f"contract {name!r} at {contract['rung']!r} has no ceiling in money",
            allowed="ceiling_cents",
        )
    if contract["rung"] == "minimum_guarantee" and minimum is None:
        book.refuse(
            "minimum",
            f"contract {name!r} names no minimum guarantee",
            allowed="minimum_cents",
        )
    if None not in {ceiling, minimum} and minimum > ceiling:
        book.refuse(
            "minimum",
            f"contract {name!r}: the minimum {money_text(minimum)} lies above the "
            f"ceiling {money_text(ceiling)}",
            allowed=f"at most {ceiling} cents",
        )
    most, least = contract["ceiling_grams"], contract["minimum_grams"]
    if least is not None and minimum is None:
        book.refuse(
            "minimum",
            f"contract {name!r} guarantees {tonnes_text(least)} and no money",
            allowed="minimum_cents beside minimum_grams",
        )
    if None not in {most, least} and least > most:
        book.refuse(
            "minimum",
            f"contract {name!r}: the minimum {tonnes_text(least)} lies above the "
            f"ceiling {tonnes_text(most)}",
            allowed=f"at most {most} g",
        )


def _write_step(
    book: Book, contract: str, *, rung: str, at: str, note: Note | None
) -> None:
    """Add the next line to the history of a contract."""
    line = len(book.rows("contract_steps", contract=contract)) + 1
    book.insert(
        "contract_steps",
        contract=contract,
        line=line,
        rung=rung,
        at=at,
        sequence=book.sequence,
        note=note,
    )
