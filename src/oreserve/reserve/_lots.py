# SPDX-License-Identifier: Apache-2.0
"""Commands about lots: receive, split, relocate, recount, certificates, reversal.

A lot's grams follow the ledger; its cost is what it stands for in ``inventory`` and
leaves with the grams, half-even to the cent, the last grams taking all that is left.
"""

from __future__ import annotations

import json
from datetime import date, timedelta
from fractions import Fraction
from typing import TYPE_CHECKING, Any, Final

from pydantic import Field

from oreserve.reserve._commands import command, reverser, reversers
from oreserve.reserve._drawing import check_covered, cover_loss
from oreserve.reserve._ledger import Mass, Money, part_of
from oreserve.reserve._second_person import PROPOSED, is_seconded
from oreserve.reserve._values import (
    Arguments,
    Cents,
    Country,
    Day,
    Grams,
    GramsOrNone,
    Note,
    Share,
    ThingId,
    Title,
)

if TYPE_CHECKING:
    from oreserve.reserve._book import Book

__all__ = ["add_lot", "check_fresh", "check_room", "take_cost", "undo_new_lots"]


FREE_DIFFERENCE: Final = Fraction(5, 1000)
"""Share of a lot up to which one person alone records another mass than the books'."""

OPENING_DAYS: Final = 548
"""Days after the founding (a year and a half) in which one person alone enters
opening stock: depots are taken over one after another."""


class ReceiveLot(Arguments):
    """Stock that is there when the books are opened."""

    item: ThingId
    depot: ThingId
    owner: ThingId
    grams: Grams
    received_on: Day = Field(description="Day since which it is held, YYYY-MM-DD")
    cost_cents: Cents = Field(0, description="What it stands for in the books, cents")
    form: Title | None = None
    purity: Share | None = None
    assay: Share | None = Field(None, description="Assayed content, share 0-1")
    origin_country: Country | None = None
    producer: ThingId | None = None
    certificate: Title | None = None
    certificate_expires_on: Day | None = None
    expires_on: Day | None = Field(
        None, description="End of shelf life; null: from the item's shelf life"
    )


class SplitLot(Arguments):
    """A lot, and how much of it becomes a lot of its own."""

    lot: ThingId
    grams: Grams


class RelocateLot(Arguments):
    """A lot and where it goes."""

    lot: ThingId
    depot: ThingId


class RecountLot(Arguments):
    """A lot and what was found."""

    lot: ThingId
    counted_grams: GramsOrNone = Field(description="Mass found, g; 0: nothing")
    note: Note | None = None


class RenewCertificate(Arguments):
    """A lot's new certificate."""

    lot: ThingId
    certificate: Title
    certificate_expires_on: Day | None = None


class AssayLot(Arguments):
    """A lot's new assay."""

    lot: ThingId
    assay: Share
    purity: Share | None = None


class Reverse(Arguments):
    """The transaction to take back."""

    txn: ThingId


def check_room(book: Book, depot: str, grams: int) -> None:
    """Refuse a depot that is closed or has no room for more grams."""
    row = book.need("depots", depot=depot)
    if not row["active"]:
        book.refuse("closed", f"depot {depot} is closed")
    if row["capacity_g"] is None or grams <= 0:
        return
    held = book.total("mass_balances", "grams", account=f"depot:{depot}")
    if held + grams > row["capacity_g"]:
        free = row["capacity_g"] - held
        book.refuse(
            "no_room",
            f"depot {depot} has room for {free} g more, not for {grams} g",
            {"grams": free},
        )


def add_lot(
    book: Book,
    *,
    item: str,
    depot: str,
    owner: str,
    grams: int,
    received_on: str,
    cost_cents: int = 0,
    parents: list[dict[str, Any]] | None = None,
    expires_on: str | None = None,
    making: int = 0,
    **more: Any,
) -> str:
    """Write a new lot and return its name; the caller posts its grams right after.

    Parameters
    ----------
    item, depot, owner, grams, received_on, cost_cents
        Columns of the lot; grams in g.
    parents
        Lots that it was made of: lot, grams, cost_cents each.
    expires_on
        End of shelf life; None: received_on and the item's shelf life, if it has one.
    making
        Grams in the same depot that it is made of and that leave with it, g.
    more
        form, purity, assay, origin_country, producer, certificate,
        certificate_expires_on, contract; None where left out.
    """
    kept = book.need("items", item=item)
    book.need("owners", owner=owner)
    check_room(book, depot, grams - making)
    if received_on > book.today.isoformat():
        book.refuse("date", f"received on {received_on}: that day is still to come")
    if expires_on is None:
        expires_on = _end_of_life(kept, received_on)
    if more.get("producer") is not None:
        book.need("producers", producer=more["producer"])
    lot = book.new_id("LOT")
    blank = dict.fromkeys(
        (
            "form",
            "purity",
            "assay",
            "origin_country",
            "producer",
            "certificate",
            "certificate_expires_on",
            "contract",
        )
    )
    book.insert(
        "lots",
        lot=lot,
        item=item,
        depot=depot,
        owner=owner,
        grams=grams,
        initial_grams=grams,
        cost_cents=cost_cents,
        received_on=received_on,
        expires_on=expires_on,
        status="held",
        parents=None if parents is None else json.dumps(parents, sort_keys=True),
        **{**blank, **more},
    )
    return lot


def _end_of_life(item: dict[str, Any], received_on: str) -> str | None:
    """Return the last day of an item's shelf life; None without one."""
    if item["shelf_life_days"] is None:
        return None
    life = timedelta(days=item["shelf_life_days"])
    return (date.fromisoformat(received_on) + life).isoformat()


def check_fresh(
    book: Book,
    item: str,
    received_on: str,
    certificate_expires_on: str | None,
    expires_on: str | None = None,
) -> None:
    """Refuse material whose certificate or shelf life ended before today.

    Parameters
    ----------
    book
        The unit of work.
    item
        The item, whose shelf life counts where no end is stated.
    received_on
        First day of its shelf life.
    certificate_expires_on, expires_on
        Last days as stated; None: none is.
    """
    life = expires_on or _end_of_life(book.need("items", item=item), received_on)
    ends = {"certificate": certificate_expires_on, "shelf life": life}
    for name, end in ends.items():
        if end is not None and end < book.today.isoformat():
            book.refuse(
                "expired",
                f"the {name} of this {item} ended on {end}: it could not be drawn",
                {"from_on": book.today.isoformat()},
            )


def held_lot(book: Book, lot: str) -> dict[str, Any]:
    """Return a lot that holds something, or refuse."""
    row: dict[str, Any] = book.need("lots", lot=lot)
    if row["status"] == "spent":
        book.refuse("spent", f"lot {lot} is spent: there is nothing in it")
    return row


def take_cost(book: Book, lot: dict[str, Any], grams: int) -> int:
    """Take the cost of grams out of a lot's row, before they are posted out.

    Parameters
    ----------
    lot
        The lot's row as read just now.
    grams
        What will be taken, g.

    Returns
    -------
    int
        Cost that leaves with them, cents.

    Raises
    ------
    Refused
        Rule ``not_enough`` if the lot holds less.
    """
    if grams > lot["grams"]:
        book.refuse(
            "not_enough",
            f"lot {lot['lot']} holds {lot['grams']} g: {grams} g cannot be taken",
            {"grams": lot["grams"]},
        )
    cents = part_of(lot["cost_cents"], grams, lot["grams"])
    if cents:
        book.change("lots", {"lot": lot["lot"]}, cost_cents=lot["cost_cents"] - cents)
    return cents


@command("receive_lot", subject=("lot", None))
def receive_lot(book: Book, given: ReceiveLot) -> dict[str, object]:
    """Take opening stock into a depot as a lot.

    After the first year of the books it takes two persons, each with this command.
    """
    if (
        book.rules > 1
        and book.today > _end_of_opening(book)
        and not is_seconded(book, "receive_lot", given)
    ):
        return dict(PROPOSED)
    lot = add_lot(book, **given.model_dump())
    account = f"depot:{given.depot}"
    txn = book.post(
        "opening",
        mass=[
            Mass("opening", given.item, None, -given.grams),
            Mass(account, given.item, lot, given.grams),
        ],
        money=[
            Money(f"inventory:{given.item}", given.cost_cents),
            Money("equity:opening", -given.cost_cents),
        ],
    )
    return {"lot": lot, "txn": txn}


def _end_of_opening(book: Book) -> date:
    """Return the last day on which one person enters opening stock."""
    founded = date.fromisoformat(book.need("meta", name="founded_at")["value"][:10])
    return founded + timedelta(days=OPENING_DAYS)


@command("split_lot", subject=("lot", "lot"))
def split_lot(book: Book, given: SplitLot) -> dict[str, object]:
    """Split a part of a lot off into a lot of its own."""
    row = held_lot(book, given.lot)
    if given.grams >= row["grams"]:
        book.refuse(
            "not_enough",
            f"lot {given.lot} holds {row['grams']} g: less than that can be split off",
            {"grams": row["grams"] - 1},
        )
    cents = take_cost(book, row, given.grams)
    part = {"lot": given.lot, "grams": given.grams, "cost_cents": cents}
    copied = ("item", "depot", "owner", "form", "purity", "assay", "origin_country")
    dated = ("producer", "certificate", "certificate_expires_on", "contract")
    account = f"depot:{row['depot']}"
    child = add_lot(
        book,
        grams=given.grams,
        cost_cents=cents,
        parents=[part],
        making=given.grams,
        **{name: row[name] for name in (*copied, *dated, "received_on", "expires_on")},
    )
    txn = book.post(
        "split",
        mass=[
            Mass(account, row["item"], given.lot, -given.grams),
            Mass(account, row["item"], child, given.grams),
        ],
    )
    return {"lot": child, "txn": txn}


@command("relocate_lot", subject=("lot", "lot"))
def relocate_lot(book: Book, given: RelocateLot) -> dict[str, object]:
    """Move a whole lot to another depot."""
    row = held_lot(book, given.lot)
    if row["depot"] == given.depot:
        book.refuse("same_depot", f"lot {given.lot} lies in {given.depot} already")
    check_room(book, given.depot, row["grams"])
    txn = book.post(
        "relocation",
        mass=[
            Mass(f"depot:{row['depot']}", row["item"], given.lot, -row["grams"]),
            Mass(f"depot:{given.depot}", row["item"], given.lot, row["grams"]),
        ],
    )
    book.change("lots", {"lot": given.lot}, depot=given.depot)
    return {"lot": given.lot, "depot": given.depot, "txn": txn}


@command("recount_lot", subject=("lot", "lot"))
def recount_lot(book: Book, given: RecountLot) -> dict[str, object]:
    """Record a recount; a difference is booked, and what is missing is written off.

    A difference of more than 0.5 % takes two persons, each with this command.
    """
    row = held_lot(book, given.lot)
    found = given.counted_grams - row["grams"]
    if found == 0:
        return {"lot": given.lot, "grams": 0}
    if (
        book.rules > 1
        and abs(found) > row["grams"] * FREE_DIFFERENCE
        and not is_seconded(book, "recount_lot", given, row)
    ):
        return {"lot": given.lot, "difference_grams": found, **PROPOSED}
    cents = 0
    if found < 0:
        cents = take_cost(book, row, -found)
    else:
        check_room(book, row["depot"], found)
    txn = book.post(
        "recount",
        mass=[
            Mass(f"depot:{row['depot']}", row["item"], given.lot, found),
            Mass("adjustment", row["item"], given.lot, -found),
        ],
        money=[
            Money(f"inventory:{row['item']}", -cents),
            Money("expense:adjustment", cents),
        ],
    )
    # The metal is gone whoever was entitled to it: the reserve itself owes it now.
    duty = cover_loss(book, row["item"]) if found < 0 else None
    return {"lot": given.lot, "grams": found, "txn": txn, "duty": duty}


@command("renew_certificate", subject=("lot", "lot"))
def renew_certificate(book: Book, given: RenewCertificate) -> dict[str, object]:
    """Record a lot's new certificate and its expiry."""
    held_lot(book, given.lot)
    book.change(
        "lots",
        {"lot": given.lot},
        certificate=given.certificate,
        certificate_expires_on=given.certificate_expires_on,
    )
    return {"lot": given.lot}


@command("assay_lot", subject=("lot", "lot"))
def assay_lot(book: Book, given: AssayLot) -> dict[str, object]:
    """Record a lot's new assay."""
    row = held_lot(book, given.lot)
    purity = row["purity"] if given.purity is None else given.purity
    book.change("lots", {"lot": given.lot}, assay=given.assay, purity=purity)
    return {"lot": given.lot}


@command("reverse", subject=("txn", "txn"))
def reverse(book: Book, given: Reverse) -> dict[str, object]:
    """Take back a transaction by a reversal that names it; both stay in the ledger."""
    row = book.need("transactions", txn=given.txn)
    if row["reverses"] is not None:
        book.refuse(
            "reversal", f"{given.txn} takes back {row['reverses']}: do that one again"
        )
    taken = book.rows("transactions", reverses=given.txn)
    if taken:
        message = f"{given.txn} was taken back already by {taken[0]['txn']}"
        book.refuse("reversed", message)
    restore = reversers().get(row["kind"])
    if restore is None:
        kinds = sorted(reversers())
        message = (
            f"{given.txn} is a {row['kind']}: only {', '.join(kinds)} can be taken "
            "back; for others there is a command that follows the goods"
        )
        book.refuse("not_reversible", message, kinds)
    restore(book, row)
    postings = book.rows("mass_postings", txn=given.txn)
    txn = book.post(
        row["kind"],
        mass=[Mass(p["account"], p["item"], p["lot"], -p["grams"]) for p in postings],
        money=[
            Money(p["account"], -p["cents"])
            for p in book.rows("money_postings", txn=given.txn)
        ],
        reverses=given.txn,
    )
    for item in sorted({p["item"] for p in postings}):
        check_covered(book, item)
    return {"txn": given.txn, "reversal": txn}


@reverser("opening")
@reverser("split")
def undo_new_lots(book: Book, txn: dict[str, Any]) -> None:
    """Empty the lots that a transaction made and give costs back to their parents."""
    posted = {
        posting["account"]: posting["cents"]
        for posting in book.rows("money_postings", txn=txn["txn"])
    }
    for posting in book.rows("mass_postings", txn=txn["txn"]):
        if not posting["account"].startswith("depot:"):
            continue
        lot = book.need("lots", lot=posting["lot"])
        if posting["account"] != f"depot:{lot['depot']}":
            message = f"lot {lot['lot']} was relocated since {txn['txn']}"
            book.refuse("conflict", f"{message}: take that back first")
        if posting["grams"] < 0:
            continue
        parents = json.loads(lot["parents"] or "[]")
        # Parents' cost within one item stays in its inventory: nothing is posted.
        cost = posted.get(f"inventory:{lot['item']}", 0)
        cost = cost or sum(parent["cost_cents"] for parent in parents)
        if (lot["grams"], lot["cost_cents"]) != (lot["initial_grams"], cost):
            message = (
                f"lot {lot['lot']} has changed since {txn['txn']}: take back what was "
                "done with it first"
            )
            book.refuse("conflict", message)
        for parent in parents:
            before = book.need("lots", lot=parent["lot"])
            book.change(
                "lots",
                {"lot": parent["lot"]},
                cost_cents=before["cost_cents"] + parent["cost_cents"],
            )
        book.change("lots", {"lot": lot["lot"]}, cost_cents=0)


@reverser("relocation")
def _undo_relocation(book: Book, txn: dict[str, Any]) -> None:
    """Move a lot back to where it came from."""
    out, into = book.rows("mass_postings", txn=txn["txn"])
    lot = book.need("lots", lot=into["lot"])
    here = f"depot:{lot['depot']}" == into["account"]
    if not here or lot["grams"] != into["grams"]:
        message = f"lot {lot['lot']} has changed since {txn['txn']}"
        book.refuse("conflict", f"{message}: relocate it anew")
    depot = out["account"].removeprefix("depot:")
    check_room(book, depot, lot["grams"])
    book.change("lots", {"lot": lot["lot"]}, depot=depot)


@reverser("recount")
def _undo_recount(book: Book, txn: dict[str, Any]) -> None:
    """Give a lot back the cost that was written off."""
    found = book.rows("mass_postings", txn=txn["txn"])[0]
    lot = book.need("lots", lot=found["lot"])
    if f"depot:{lot['depot']}" != found["account"]:
        message = f"lot {lot['lot']} was relocated since {txn['txn']}"
        book.refuse("conflict", f"{message}: recount it anew")
    written_off = sum(
        posting["cents"]
        for posting in book.rows("money_postings", txn=txn["txn"])
        if posting["account"] == "expense:adjustment"
    )
    book.change("lots", {"lot": lot["lot"]}, cost_cents=lot["cost_cents"] + written_off)
    duty = book.find("duties", duty=f"DUTY-{txn['sequence']:06d}")
    if duty is None:
        return
    if duty["open_grams"] != duty["grams"]:
        message = f"{duty['duty']} of that loss is replenished in part"
        book.refuse("conflict", f"{message}: recount it anew")
    book.change("duties", {"duty": duty["duty"]}, open_grams=0, status="done")
