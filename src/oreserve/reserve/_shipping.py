# SPDX-License-Identifier: Apache-2.0
"""Approved releases leave the depot: draw, shipment, delivery.

A draw takes all granted grams at once, claim after claim, from lots in the release's
order, and opens the duties: members owe what they were lent, the strategic reserve
owes itself what it rotated out. The grams stand on ``shipped:<release>``; what a
member is delivered goes on to ``member:<member>``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pydantic import Field

from oreserve.reserve._commands import command
from oreserve.reserve._drawing import (
    Pick,
    check_covered,
    open_duty,
    pick_or_refuse,
    reserved_grams,
    take_lots,
)
from oreserve.reserve._duties import check_drawable, lend_to_member
from oreserve.reserve._ledger import Mass, Money
from oreserve.reserve._release import (
    NameRelease,
    proceeds_of,
    ranked_claims,
    release_with,
)
from oreserve.reserve._values import Arguments, ThingId, Title

if TYPE_CHECKING:
    from collections.abc import Sequence

    from oreserve.reserve._book import Book

__all__: list[str] = []


@command("draw_release", subject=("release", "release_id"))
def draw_release(book: Book, given: NameRelease) -> dict[str, object]:
    """Draw the lots of an approved release, all of it or nothing.

    A disposal is delivered against payment: its proceeds are posted with the draw, the
    part of them that belongs to what was granted.
    """
    row = release_with(book, given.release_id, "approved")
    others = reserved_grams(book, row["reserve"], row["item"]) - row["granted_grams"]
    served: list[dict[str, Any] | None] = [
        one for one in ranked_claims(book, row["release_id"]) if one["granted_grams"]
    ]
    line, drawn, duties = 0, [], []
    for claim in served or [None]:
        picks = pick_or_refuse(
            book,
            row["reserve"],
            row["item"],
            grams=claim["granted_grams"] if claim else row["granted_grams"],
            rule=row["lot_rule"],
            expired=row["expired_rule"],
            reserved=others,
        )
        duty = _take(book, row, claim, picks)
        duties += [duty] if duty else []
        for pick in picks:
            line += 1
            book.insert(
                "draws",
                release_id=row["release_id"],
                line=line,
                lot=pick.lot,
                grams=pick.grams,
                cost_cents=pick.cost_cents,
                claim=claim["claim"] if claim else None,
            )
            drawn.append({"lot": pick.lot, "grams": pick.grams})
    cents = proceeds_of(book, row)
    if cents:
        money = [Money("cash", cents), Money("income:sales", -cents)]
        book.post("disposal", money=money)
    book.change("releases", {"release_id": row["release_id"]}, status="drawn")
    if row["reserve"] == "industrial":
        check_covered(book, row["item"])
    return {"release_id": row["release_id"], "draws": drawn, "duties": duties}


def _take(
    book: Book,
    row: dict[str, Any],
    claim: dict[str, Any] | None,
    picks: Sequence[Pick],
) -> str | None:
    """Post what one claim gets; return the duty that it opens, if any."""
    release, item = row["release_id"], row["item"]
    account = f"shipped:{release}"
    if row["reserve"] == "industrial":
        assert claim is not None
        grams = sum(pick.grams for pick in picks)
        check_drawable(book, claim["claimant"], item, grams, release=release)
        return lend_to_member(
            book, picks, claim["claimant"], mass_to=account, release=release
        )
    cost = sum(pick.cost_cents for pick in picks)
    if row["ground"] != "rotation":
        money = [Money("expense:release", cost)]
        take_lots(book, "release", picks, mass_to=account, money=money)
        return None
    known = [pick.purity for pick in picks if pick.purity is not None]
    duty = open_duty(
        book,
        "strategic",
        item,
        grams=sum(pick.grams for pick in picks),
        days=row["replace_days"],
        why="rotation",
        cents=cost,
        purity=max(known, default=None),
        release=release,
    )
    money = [Money(f"duty:{duty}", cost)]
    take_lots(book, "rotation_draw", picks, mass_to=account, money=money)
    return duty


class ShipRelease(NameRelease):
    """Grams of a drawn release that leave with a carrier."""

    carrier: Title = Field(description="Who carries them")
    destination: Title = Field(description="Where they go")
    grams: int | None = Field(
        default=None, gt=0, description="Mass, g; all that is not shipped if left out"
    )
    claim: ThingId | None = Field(
        default=None, description="Claim that they are for; needed if there are claims"
    )


@command("ship_release", subject=("release", "release_id"))
def ship_release(book: Book, given: ShipRelease) -> dict[str, object]:
    """Record a shipment of drawn grams; several may carry one release."""
    row = release_with(book, given.release_id, "drawn", "shipped")
    key = {"release_id": given.release_id}
    draws = book.rows("draws", **key)
    named = sorted({one["claim"] for one in draws if one["claim"] is not None})
    if (given.claim is None) == bool(named) or (named and given.claim not in named):
        told = ", ".join(named) or "none: ship it without naming one"
        message = f"{given.release_id} was drawn for claims: {told}"
        book.refuse("claim", message, named)
    for_claim = {} if given.claim is None else {"claim": given.claim}
    drawn = book.total("draws", "grams", **key, **for_claim)
    left = drawn - book.total("shipments", "grams", **key, **for_claim)
    grams = left if given.grams is None else given.grams
    if grams > left or not left:
        message = f"{left:,} g of {given.release_id} are not shipped yet"
        book.refuse("conflict", message, {"grams": left})
    shipment = book.new_id("SHP")
    book.insert(
        "shipments",
        shipment=shipment,
        **key,
        claim=given.claim,
        shipped_on=book.today.isoformat(),
        delivered_on=None,
        carrier=given.carrier,
        destination=given.destination,
        grams=grams,
    )
    unshipped = row["granted_grams"] - book.total("shipments", "grams", **key)
    status = "drawn" if unshipped else "shipped"
    book.change("releases", key, status=status)
    return {"shipment": shipment, **key, "unshipped_grams": unshipped}


class DeliverShipment(Arguments):
    """A shipment that arrived."""

    shipment: ThingId


@command("deliver_shipment", subject=("shipment", "shipment"))
def deliver_shipment(book: Book, given: DeliverShipment) -> dict[str, object]:
    """Record that a shipment arrived; the last one closes its release."""
    row = book.need("shipments", shipment=given.shipment)
    if row["delivered_on"] is not None:
        message = f"shipment {given.shipment} was delivered on {row['delivered_on']}"
        book.refuse("shipment_status", message)
    release = book.need("releases", release_id=row["release_id"])
    today = book.today.isoformat()
    book.change("shipments", {"shipment": given.shipment}, delivered_on=today)
    if release["reserve"] == "industrial":
        claim = book.need("claims", release_id=row["release_id"], claim=row["claim"])
        item, grams = release["item"], row["grams"]
        book.post(
            "delivery",
            mass=[
                Mass(f"shipped:{row['release_id']}", item, None, -grams),
                Mass(f"member:{claim['claimant']}", item, None, grams),
            ],
        )
    on_the_way = book.rows("shipments", release_id=row["release_id"], delivered_on=None)
    if release["status"] == "shipped" and not on_the_way:
        book.change("releases", {"release_id": row["release_id"]}, status="closed")
    status = book.need("releases", release_id=row["release_id"])["status"]
    return {"shipment": given.shipment, "release_status": status}
