# SPDX-License-Identifier: Apache-2.0
"""Draws against entitlements, the duty to bring the grams back, and buying them.

A draw leaves the entitlement as it is: the metal is lent, and a duty with a date
stands in for it. Replenishing brings the same item of the same or better purity. Who
buys back pays the inventory price: out of stock, or for grams that it drew and does
not bring back.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field

from oreserve.reserve._commands import command, guard
from oreserve.reserve._contract_money import value_cents
from oreserve.reserve._drawing import (
    ExpiredRule,
    LotRule,
    Pick,
    check_covered,
    open_duty,
    pick_or_refuse,
    reserved_grams,
    take_lots,
)
from oreserve.reserve._ledger import Mass, Money, part_of
from oreserve.reserve._lots import add_lot, check_fresh
from oreserve.reserve._members import (
    MAJOR_DISRUPTION,
    active_member,
    check_own,
    drawable_grams,
    free_grams,
    holding,
    is_disrupted,
    move_entitlement,
    quarter_of,
    terms_on,
)
from oreserve.reserve._qualifications import check_qualified
from oreserve.reserve._values import (
    Arguments,
    CentsPerTonne,
    Country,
    Day,
    Grams,
    Note,
    Share,
    ThingId,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from oreserve.reserve._book import Book

__all__ = ["check_drawable", "lend_to_member", "settle_duty"]


class DrawEntitlement(Arguments):
    """Grams of its entitlement that a member takes and will bring back."""

    member: ThingId
    item: ThingId
    grams: Grams
    lot_rule: LotRule = Field(default="oldest", description="Order of the lots")
    expired_rule: ExpiredRule = Field(
        default="skip", description="Lots past certificate or shelf life"
    )


@command("draw_entitlement", subject=("member", "member"))
def draw_entitlement(book: Book, given: DrawEntitlement) -> dict[str, object]:
    """Draw on an entitlement; opens the duty to replenish with its date."""
    active_member(book, given.member)
    check_drawable(book, given.member, given.item, given.grams)
    picks = pick_or_refuse(
        book,
        "industrial",
        given.item,
        grams=given.grams,
        rule=given.lot_rule,
        expired=given.expired_rule,
        reserved=reserved_grams(book, "industrial", given.item),
    )
    duty = lend_to_member(book, picks, given.member, mass_to=f"member:{given.member}")
    row = book.need("duties", duty=duty)
    return {
        "duty": duty,
        "due_on": row["due_on"],
        "lots": [{"lot": pick.lot, "grams": pick.grams} for pick in picks],
    }


@guard("draw_entitlement")
def _guard_draw(book: Book, given: DrawEntitlement) -> None:
    check_own(book, given.member)


def check_drawable(
    book: Book, member: str, item: str, grams: int, *, release: str | None = None
) -> None:
    """Refuse a draw above what a member may draw today.

    Parameters
    ----------
    book
        The unit of work.
    member, item, grams
        Who wants how much of what, g.
    release
        The release that is being drawn, which is no longer to be kept room for.

    Raises
    ------
    Refused
        ``entitlements`` above the entitlement that is neither out on duty nor
        promised, ``draw_share`` above the normal draw share while no major disruption
        is declared.
    """
    free = max(free_grams(book, member, item, release=release), 0)
    if grams > free:
        message = (
            f"member {member} may draw {free:,} g of {item}: its entitlement less what"
            f" it owes back or is promised; asked for: {grams:,} g"
        )
        book.refuse("entitlements", message, {"grams": free})
    most = drawable_grams(book, member, item, release=release)
    if grams > most:
        message = (
            f"the normal draw share leaves member {member} {most:,} g of {item} in"
            f" these 365 days, asked for: {grams:,} g; more needs the switch for a"
            " major disruption"
        )
        book.refuse("draw_share", message, {"grams": most})


def lend_to_member(
    book: Book,
    picks: Sequence[Pick],
    member: str,
    *,
    mass_to: str,
    release: str | None = None,
) -> str:
    """Take picked grams out for a member and open its duty.

    Parameters
    ----------
    book
        The unit of work.
    picks
        What is taken; at least one.
    member
        Who gets it and owes it.
    mass_to
        Account that gets the grams.
    release
        The release that it belongs to.

    Returns
    -------
    str
        Name of the duty. It asks for the highest purity among the drawn lots: the
        same or better than anything that was taken.
    """
    item = picks[0].item
    terms = terms_on(book, item, quarter_of(book.today))
    cost = sum(pick.cost_cents for pick in picks)
    known = [pick.purity for pick in picks if pick.purity is not None]
    duty = open_duty(
        book,
        "industrial",
        item,
        grams=sum(pick.grams for pick in picks),
        days=terms["replenish_days"],
        why="draw",
        cents=cost,
        purity=max(known, default=None),
        member=member,
        release=release,
    )
    take_lots(book, "lend", picks, mass_to=mass_to, money=[Money(f"duty:{duty}", cost)])
    return duty


class Replenish(Arguments):
    """Metal that comes back on a duty, as a new lot."""

    duty: ThingId
    grams: Grams
    depot: ThingId = Field(description="Depot that takes it in")
    owner: ThingId = Field(description="Owner of the reserve that is owed")
    item: ThingId | None = Field(
        default=None, description="What comes back; must be the item that is owed"
    )
    purity: Share | None = Field(default=None, description="Purity, share 0-1")
    form: str | None = Field(default=None, description="Form, such as ingot")
    assay: Share | None = Field(default=None, description="Assay, share 0-1")
    origin_country: Country | None = Field(default=None, description="Origin")
    producer: ThingId | None = Field(default=None, description="Who made it")
    certificate: str | None = Field(default=None, description="Its certificate")
    certificate_expires_on: Day | None = Field(
        default=None, description="Last day of the certificate"
    )
    expires_on: Day | None = Field(default=None, description="Last day of shelf life")


@command("replenish", subject=("duty", "duty"))
def replenish(book: Book, given: Replenish) -> dict[str, object]:
    """Take in metal that is owed: same item, same or better purity.

    Its certificate and shelf life hold, and a producer that is named is qualified.
    """
    duty = book.need("duties", duty=given.duty)
    _check_quality(book, duty, given)
    if book.rules > 1:
        today = book.today.isoformat()
        ends = (given.certificate_expires_on, given.expires_on)
        check_fresh(book, duty["item"], today, *ends)
        if given.producer is not None:
            check_qualified(book, producer=given.producer, item=duty["item"])
    owner = book.need("owners", owner=given.owner)
    if owner["kind"] != duty["reserve"]:
        message = (
            f"duty {given.duty} is owed to the {duty['reserve']} reserve; owner"
            f" {given.owner} is {owner['kind']}"
        )
        book.refuse("owner", message, {"kind": duty["reserve"]})
    cost = settle_duty(book, duty, given.grams)
    lot = add_lot(
        book,
        item=duty["item"],
        received_on=book.today.isoformat(),
        cost_cents=cost,
        **given.model_dump(exclude={"duty", "item"}),
    )
    source = "adjustment"
    if duty["member"] is not None:
        source = f"member:{duty['member']}"
    elif given.producer is not None:
        source = f"supplier:{given.producer}"
    book.post(
        "replenish",
        mass=[
            Mass(f"depot:{given.depot}", duty["item"], lot, given.grams),
            Mass(source, duty["item"], None, -given.grams),
        ],
        money=[
            Money(f"inventory:{duty['item']}", cost),
            Money(f"duty:{given.duty}", -cost),
        ],
    )
    return {
        "duty": given.duty,
        "lot": lot,
        "open_grams": duty["open_grams"] - given.grams,
    }


def _check_quality(book: Book, duty: dict[str, Any], given: Replenish) -> None:
    """Refuse another item, or a purity below or unlike the one that is owed."""
    if given.item is not None and given.item != duty["item"]:
        message = f"duty {duty['duty']} owes {duty['item']}, not {given.item}"
        book.refuse("quality", message, {"item": duty["item"]})
    least = duty["purity"]
    if least is not None and (given.purity is None or given.purity < least):
        told = "no stated purity" if given.purity is None else f"{given.purity}"
        message = (
            f"duty {duty['duty']} owes {duty['item']} of purity {least} or better;"
            f" this lot has {told}"
        )
        book.refuse("quality", message, {"purity": least})


def settle_duty(book: Book, duty: dict[str, Any], grams: int) -> int:
    """Take grams off a duty and return their part of what was lent, US cents.

    Raises
    ------
    Refused
        ``duty`` if less is open.
    """
    left = duty["open_grams"]
    if grams > left:
        message = (
            f"duty {duty['duty']} has {left:,} g open, {grams:,} g cannot be settled"
        )
        book.refuse("duty", message, {"grams": left})
    cents = part_of(duty["open_cents"], grams, left)
    book.change(
        "duties",
        {"duty": duty["duty"]},
        open_grams=left - grams,
        open_cents=duty["open_cents"] - cents,
        status="open" if grams < left else "done",
    )
    return cents


class BuyBack(Arguments):
    """Grams that a member buys at their inventory price."""

    member: ThingId
    item: ThingId
    grams: Grams
    inventory_price_cents_per_t: CentsPerTonne = Field(
        description="Inventory price of the entitlement, US cents per t"
    )
    duty: ThingId | None = Field(
        default=None, description="Duty whose grams it buys instead of bringing back"
    )


@command("buy_back", subject=("member", "member"))
def buy_back(book: Book, given: BuyBack) -> dict[str, object]:
    """Sell a member its entitled grams at the inventory price, paid in cash."""
    check_own(book, given.member)
    price = given.inventory_price_cents_per_t
    row = holding(book, given.member, given.item, price)
    most = row["grams"]
    if given.duty is None:
        most = max(min(most, free_grams(book, given.member, given.item)), 0)
    if given.grams > most:
        message = (
            f"member {given.member} may buy back {most:,} g of {given.item} at"
            f" {price:,} cents per t; grams on a duty are bought by naming the duty"
        )
        book.refuse("entitlements", message, {"grams": most})
    paid = value_cents(given.grams, price)
    if given.duty is None:
        cost = _sell_stock(book, given, paid)
    else:
        cost = _sell_lent(book, given, paid)
    move_entitlement(book, given.member, given.item, price, grams=-given.grams)
    check_covered(book, given.item)
    return {"member": given.member, "paid_cents": paid, "cost_cents": cost}


def _sell_stock(book: Book, given: BuyBack, paid: int) -> int:
    """Post a sale out of stock and return what the metal had cost, US cents."""
    picks = pick_or_refuse(
        book,
        "industrial",
        given.item,
        grams=given.grams,
        reserved=reserved_grams(book, "industrial", given.item),
    )
    cost = sum(pick.cost_cents for pick in picks)
    gain = Money("income:buy_back", cost - paid)
    account = f"member:{given.member}"
    take_lots(
        book, "buy_back", picks, mass_to=account, money=[Money("cash", paid), gain]
    )
    return cost


def _sell_lent(book: Book, given: BuyBack, paid: int) -> int:
    """Post a sale of grams that are out already; return what they had cost."""
    duty = book.need("duties", duty=given.duty)
    if duty["member"] != given.member or duty["item"] != given.item:
        message = f"duty {given.duty} is not one of {given.member} for {given.item}"
        book.refuse("duty", message)
    cost = settle_duty(book, duty, given.grams)
    money = [Money("cash", paid), Money(f"duty:{given.duty}", -cost)]
    if paid or cost:
        gain = Money("income:buy_back", cost - paid)
        book.post("buy_back", money=[*money, gain])
    return cost


class ProposeSwitch(Arguments):
    """A major disruption declared, or declared over."""

    is_on: bool = Field(description="True opens full access, false closes it again")
    ground: Literal["stop_of_exports", "war", "blockade", "disaster", "end"] = Field(
        description="Why; `end` closes the access again"
    )
    ground_reference: Note = Field(min_length=1, description="The act that says so")


@command("propose_switch", subject=("switch", None))
def propose_switch(book: Book, given: ProposeSwitch) -> dict[str, object]:
    """Propose to open full access for members, or to close it again."""
    if given.is_on == is_disrupted(book):
        state = "on" if given.is_on else "off"
        message = f"the switch for a major disruption is {state} already"
        book.refuse("switch", message, {"is_on": given.is_on})
    if given.is_on == (given.ground == "end"):
        message = "ground `end` closes full access, any other ground opens it"
        book.refuse("ground", message)
    key = {"switch": MAJOR_DISRUPTION}
    before = book.find("switches", **key)
    values = {
        "ground": given.ground,
        "ground_reference": given.ground_reference,
        "proposed": "on" if given.is_on else "off",
        "proposed_by": book.actor.user,
    }
    if before is None:
        book.insert("switches", **key, **values, is_on=False, proposals=1)
    else:
        book.change("switches", key, **values, proposals=before["proposals"] + 1)
    return {**key, "proposed": values["proposed"]}


class ApproveSwitch(Arguments):
    """A second person's word on the proposed switch."""

    decision: Literal["approve", "refuse"] = Field(
        default="approve", description="approve or refuse"
    )


@command("approve_switch", subject=("switch", None))
def approve_switch(book: Book, given: ApproveSwitch) -> dict[str, object]:
    """Confirm or refuse the proposed switch; needs another person."""
    key = {"switch": MAJOR_DISRUPTION}
    row = book.find("switches", **key)
    if row is None or row["proposed"] is None:
        message = "no change of the switch for a major disruption is proposed"
        book.refuse("switch", message, {"commands": ["propose_switch"]})
    subject = f"switch:{MAJOR_DISRUPTION}:{row['proposals']}"
    book.approve(subject, given.decision, drafter=row["proposed_by"])
    is_on = row["is_on"]
    if given.decision == "approve":
        is_on = row["proposed"] == "on"
    book.change("switches", key, is_on=is_on, proposed=None, proposed_by=None)
    return {**key, "is_on": is_on}
