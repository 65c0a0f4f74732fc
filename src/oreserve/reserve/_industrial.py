# SPDX-License-Identifier: Apache-2.0
"""Members of the industrial reserve, its terms, entitlements and their transfer.

A member pays an entry fee, is entitled to grams of an item at an inventory price,
carries their cost (interest and storage), may draw if it brings them back, and buys
the same grams back at the same price. Entitlements never exceed what covers them:
industrial stock and what members owe.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field

from oreserve.reserve._carry import check_carry_settled
from oreserve.reserve._commands import command, guard, reverser
from oreserve.reserve._contract_money import decimal_share, value_cents
from oreserve.reserve._drawing import (
    check_covered,
    cover_loss,
    covered_grams,
    entitled_grams,
)
from oreserve.reserve._ledger import Money
from oreserve.reserve._members import (
    active_member,
    check_own,
    free_grams,
    holding,
    move_entitlement,
    quarter_of,
    terms_on,
)
from oreserve.reserve._values import (
    Arguments,
    Cents,
    CentsPerTonne,
    Days,
    Grams,
    Quarter,
    Share,
    ThingId,
    Title,
)

if TYPE_CHECKING:
    from oreserve.reserve._book import Book

__all__ = ["check_covered", "cover_loss"]

Price = Field(description="Inventory price, US cents per t")


class AdmitMember(Arguments):
    """A company that joins the industrial reserve."""

    member: ThingId
    name: Title = Field(description="Full name")
    entry_fee_cents: Cents = Field(description="Fee paid on joining, US cents")


@command("admit_member", subject=("member", None))
def admit_member(book: Book, given: AdmitMember) -> dict[str, object]:
    """Take in a member; its entry fee is posted to cash."""
    book.insert(
        "members",
        member=given.member,
        name=given.name,
        status="active",
        entry_fee_cents=given.entry_fee_cents,
    )
    _post_fee(book, given.entry_fee_cents)
    return {"member": given.member, "entry_fee_cents": given.entry_fee_cents}


class ChangeMember(Arguments):
    """Suspend a member, take it back, or let it leave."""

    member: ThingId
    status: Literal["active", "suspended", "left"] = Field(
        description="A suspended member gets no grant, draw or transfer"
    )


@command("change_member", subject=("member", "member"))
def change_member(book: Book, given: ChangeMember) -> dict[str, object]:
    """Suspend a member, make it active again, or let it leave.

    It leaves without entitlement or open duty and with every quarter paid.
    """
    row = book.need("members", member=given.member)
    if row["status"] in {"left", given.status}:
        message = f"member {given.member} is {row['status']} already"
        book.refuse("member_status", message, {"status": row["status"]})
    if given.status == "left":
        _check_unbound(book, given.member)
    book.change("members", {"member": given.member}, status=given.status)
    return {"member": given.member, "status": given.status}


def _check_unbound(book: Book, member: str) -> None:
    """Refuse a member that is entitled, owes metal or owes money."""
    entitled = book.total("entitlements", "grams", member=member)
    owed = book.total("duties", "open_grams", member=member, status="open")
    if entitled or owed:
        message = (
            f"member {member} is still entitled to {entitled:,} g and owes"
            f" {owed:,} g: it buys back or transfers the first and replenishes the"
            " second before it leaves"
        )
        allowed = {"entitled_grams": entitled, "owed_grams": owed}
        book.refuse("member_bound", message, allowed)
    check_carry_settled(book, member)


class SetIndustrialTerms(Arguments):
    """Terms of one item from a quarter on."""

    item: ThingId
    from_quarter: Quarter = Field(description="First quarter in which they hold")
    entry_fee_share: Share = Field(
        description="Fee on the inventory value of a grant, share 0-1"
    )
    interest_rate: float = Field(
        ge=0, le=1, description="Interest on the inventory value, share per year"
    )
    normal_draw_share: Share = Field(
        description="Most of the entitlement to draw in 365 days, share 0-1"
    )
    replenish_days: Days = Field(description="Days to bring drawn grams back")
    storage_cents_per_t_year: CentsPerTonne = Field(
        description="Storage, US cents per t and year"
    )


@command("set_industrial_terms", subject=("terms", ("item", "from_quarter")))
def set_industrial_terms(book: Book, given: SetIndustrialTerms) -> dict[str, object]:
    """State the terms of an item; a quarter that is billed keeps its own."""
    book.need("items", item=given.item)
    charges = book.rows("carry_charges", item=given.item)
    billed = sorted({row["quarter"] for row in charges})
    if billed and billed[-1] >= given.from_quarter:
        message = (
            f"carry of {given.item} is billed up to {billed[-1]}: new terms hold from"
            " a later quarter on"
        )
        book.refuse("billed", message, {"after": billed[-1]})
    key = {"item": given.item, "from_quarter": given.from_quarter}
    values = given.model_dump(exclude=set(key))
    if book.find("industrial_terms", **key):
        book.change("industrial_terms", key, **values)
    else:
        book.insert("industrial_terms", **key, **values)
    return dict(key)


class GrantEntitlement(Arguments):
    """Grams of stock that a member is entitled to."""

    member: ThingId
    item: ThingId
    grams: Grams
    inventory_price_cents_per_t: CentsPerTonne = Price


@command(
    "grant_entitlement",
    subject=("entitlement", ("member", "item", "inventory_price_cents_per_t")),
)
def grant_entitlement(book: Book, given: GrantEntitlement) -> dict[str, object]:
    """Entitle a member to unencumbered stock; the terms' entry fee is posted."""
    active_member(book, given.member)
    book.need("items", item=given.item)
    terms = terms_on(book, given.item, quarter_of(book.today))
    free = covered_grams(book, given.item) - entitled_grams(book, given.item)
    if given.grams > free:
        message = (
            f"{max(free, 0):,} g of {given.item} in the industrial reserve are"
            f" unencumbered; {given.grams:,} g cannot be granted"
        )
        book.refuse("entitlements", message, {"grams": max(free, 0)})
    price = given.inventory_price_cents_per_t
    move_entitlement(book, given.member, given.item, price, grams=given.grams)
    value = value_cents(given.grams, price)
    fee = round(value * decimal_share(terms["entry_fee_share"]))
    member = book.need("members", member=given.member)
    book.change(
        "members",
        {"member": given.member},
        entry_fee_cents=member["entry_fee_cents"] + fee,
    )
    _post_fee(book, fee)
    return {"member": given.member, "item": given.item, "entry_fee_cents": fee}


def _post_fee(book: Book, cents: int) -> None:
    if cents:
        book.post(
            "entry_fee", money=[Money("cash", cents), Money("income:fees", -cents)]
        )


@reverser("entry_fee")
def _take_back_grant(book: Book, txn: dict[str, Any]) -> None:
    """Take a grant back with its fee, while its grams are neither out nor gone."""
    step = book.find("entitlement_steps", step=f"STEP-{txn['sequence']:06d}")
    if step is None:
        message = (
            f"{txn['txn']} is the fee of an admission: the ledger does not name the"
            " member"
        )
        book.refuse("not_reversible", message)
    member, item = step["member"], step["item"]
    price, grams = step["inventory_price_cents_per_t"], step["grams"]
    _check_transferable(book, member, item, price, grams=grams)
    move_entitlement(book, member, item, price, grams=-grams)
    fee = sum(
        row["cents"]
        for row in book.rows("money_postings", txn=txn["txn"], account="cash")
    )
    row = book.need("members", member=member)
    left = row["entry_fee_cents"] - fee
    book.change("members", {"member": member}, entry_fee_cents=left)


class OfferTransfer(Arguments):
    """Grams of an entitlement that one member offers another, at their price."""

    from_member: ThingId = Field(description="Member that gives")
    to_member: ThingId = Field(description="Member that would take")
    item: ThingId
    grams: Grams
    inventory_price_cents_per_t: CentsPerTonne = Price


@command("offer_transfer", subject=("transfer", None))
def offer_transfer(book: Book, given: OfferTransfer) -> dict[str, object]:
    """Offer an entitlement to another member; price and duties go with the grams."""
    if given.from_member == given.to_member:
        message = f"member {given.from_member} cannot transfer to itself"
        book.refuse("two_members", message)
    active_member(book, given.from_member)
    active_member(book, given.to_member)
    _check_transferable(
        book,
        given.from_member,
        given.item,
        given.inventory_price_cents_per_t,
        grams=given.grams,
    )
    transfer = book.new_id("TRF")
    book.insert(
        "transfers",
        transfer=transfer,
        **given.model_dump(),
        offered_by=book.actor.user,
        status="offered",
    )
    return {"transfer": transfer}


@guard("offer_transfer")
def _guard_offer(book: Book, given: OfferTransfer) -> None:
    check_own(book, given.from_member)


class AnswerTransfer(Arguments):
    """The answer to an offered transfer."""

    transfer: ThingId


@command("accept_transfer", subject=("transfer", "transfer"))
def accept_transfer(book: Book, given: AnswerTransfer) -> dict[str, object]:
    """Take an offered entitlement, with its inventory price, for the other member."""
    row = book.need("transfers", transfer=given.transfer)
    _check_offered(book, row)
    if row["offered_by"] == book.actor.user:
        message = (
            f"{book.actor.user} offered {given.transfer}: the taking member, or another"
            " person for it, accepts"
        )
        book.refuse("two_persons", message)
    giver = row["from_member"]
    people = {one["user"] for one in book.rows("users", member=giver)}
    if book.rules > 1 and row["offered_by"] not in people:
        message = (
            f"{row['offered_by']} offered {given.transfer} and acts not for {giver}:"
            " only a user of the giving member gives its entitlement away"
        )
        book.refuse("giver", message, sorted(people))
    active_member(book, row["from_member"])
    active_member(book, row["to_member"])
    item, price = row["item"], row["inventory_price_cents_per_t"]
    grams = row["grams"]
    _check_transferable(book, row["from_member"], item, price, grams=grams)
    move_entitlement(book, row["from_member"], item, price, grams=-grams)
    move_entitlement(book, row["to_member"], item, price, grams=grams)
    book.change("transfers", {"transfer": given.transfer}, status="accepted")
    return {"transfer": given.transfer, "status": "accepted"}


@command("withdraw_transfer", subject=("transfer", "transfer"))
def withdraw_transfer(book: Book, given: AnswerTransfer) -> dict[str, object]:
    """Withdraw or decline an offered transfer; either member may."""
    row = book.need("transfers", transfer=given.transfer)
    _check_offered(book, row)
    book.change("transfers", {"transfer": given.transfer}, status="withdrawn")
    return {"transfer": given.transfer, "status": "withdrawn"}


@guard("accept_transfer")
def _guard_accept(book: Book, given: AnswerTransfer) -> None:
    _check_party(book, given.transfer, "to_member")


@guard("withdraw_transfer")
def _guard_withdraw(book: Book, given: AnswerTransfer) -> None:
    _check_party(book, given.transfer, "from_member", "to_member")


def _check_party(book: Book, transfer: str, *sides: str) -> None:
    """Refuse a member's user a transfer that is not its own, there or not."""
    if not book.is_bound:
        return
    own, row = book.actor.member, book.find("transfers", transfer=transfer)
    if own is None or row is None or own not in {row[side] for side in sides}:
        message = f"{transfer} is no transfer that {own or 'no member'} may answer so"
        book.refuse("not_yours", message, {"member": own})


def _check_offered(book: Book, row: dict[str, object]) -> None:
    if row["status"] != "offered":
        message = f"transfer {row['transfer']} is {row['status']} already"
        book.refuse("transfer_status", message, {"status": "offered"})


def _check_transferable(
    book: Book, member: str, item: str, price: int, *, grams: int
) -> None:
    """Refuse grams that the member has not at this price, or that are out on duty."""
    row = holding(book, member, item, price)
    most = max(min(row["grams"], free_grams(book, member, item)), 0)
    if grams > most:
        message = (
            f"member {member} may give {most:,} g of {item} at {price:,} cents per t;"
            " what is out on a replenishment duty stays with it"
        )
        book.refuse("entitlements", message, {"grams": most})
