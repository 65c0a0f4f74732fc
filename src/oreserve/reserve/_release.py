# SPDX-License-Identifier: Apache-2.0
"""Releases from request to approval.

A release names its reserve, item and a ground from a closed list with a reference.
Claims are filed on it. The check records the triggers and ranks and grants the
claims; two persons approve what was checked, neither of them the requester; with the
second approval the grams are kept for it. A new claim or check voids approvals.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, Literal

from pydantic import Field

from oreserve.reserve._audit import canonical
from oreserve.reserve._ceilings import (
    check_ceiling,
    check_market,
    give_back_ceiling,
    give_back_market,
)
from oreserve.reserve._claims import Claim, ClaimRule, grant_claims, rank_claims
from oreserve.reserve._commands import command, guard
from oreserve.reserve._drawing import (
    ExpiredRule,
    LotRule,
    Reserve,
    available_grams,
    pick_or_refuse,
    reserved_grams,
)
from oreserve.reserve._duties import check_drawable
from oreserve.reserve._ledger import part_of
from oreserve.reserve._members import (
    active_member,
    check_own,
    drawable_grams,
    free_grams,
    is_disrupted,
)
from oreserve.reserve._triggers import check_triggers
from oreserve.reserve._values import Arguments, Cents, Days, Grams, Note, ThingId, Title

if TYPE_CHECKING:
    from oreserve.reserve._book import Book

__all__ = [
    "BINDING",
    "GROUNDS",
    "claims_in_order",
    "proceeds_of",
    "ranked_claims",
    "release_with",
]

Ground = Literal[
    "presidential_order",
    "declared_emergency",
    "war",
    "authorised_disposal",
    "rotation",
    "normal_draw",
    "major_disruption",
]

GROUNDS: Final[dict[str, tuple[Ground, ...]]] = {
    "strategic": (
        "presidential_order",
        "declared_emergency",
        "war",
        "authorised_disposal",
        "rotation",
    ),
    "industrial": ("normal_draw", "major_disruption"),
}
"""Grounds of each reserve: an order of the President for national defence, an
emergency declared by a designated officer, war, a disposal that law authorises, and
rotation (50 USC 98e, 98f); draws of members, within their share or beyond."""

BINDING: Final = ("declared_emergency", "major_disruption")
"""Grounds on which a trigger must be met where triggers are written down. The others
carry an authority of their own: an order, an act, the terms of membership."""

APPROVALS: Final = 2

_CLAIMED: Final = ("requested", "checked")
"""States in which a release takes claims."""

ClaimClass = Literal["defence", "essential", "other"]


class NewClaim(Arguments):
    """What one claimant wants of a release."""

    claimant: ThingId = Field(description="Who claims; a member of the industrial one")
    claim_class: ClaimClass = Field(description="Class of the use")
    grams: Grams
    use_item: ThingId | None = Field(
        default=None,
        description="Item whose security value ranks the claim (what is made of the"
        " metal); the released item if left out",
    )


class RequestRelease(Arguments):
    """A release asked for."""

    reserve: Reserve = Field(description="strategic or industrial")
    item: ThingId
    grams: int | None = Field(
        default=None, gt=0, description="Most to release, g; all claims if left out"
    )
    claims: list[NewClaim] = Field(
        default_factory=list, max_length=1000, description="Claims; more may be filed"
    )
    ground: Ground = Field(description="Ground of the release, see the closed list")
    ground_reference: Note = Field(
        min_length=1, description="Order, declaration, law or terms it rests on"
    )
    proceeds_cents: Cents | None = Field(
        default=None, description="What an authorised disposal brings, US cents"
    )
    replace_days: Days | None = Field(
        default=None, description="Days until rotated metal is made good"
    )
    claim_rule: ClaimRule = Field(
        default="order", description="order, or pro_rata within each class"
    )
    lot_rule: LotRule = Field(
        default="oldest", description="oldest, or certificate (first to expire)"
    )
    expired_rule: ExpiredRule = Field(
        default="skip",
        description="Lots past certificate or shelf life: skip, last or allow",
    )


@command("request_release", subject=("release", None))
def request_release(book: Book, given: RequestRelease) -> dict[str, object]:
    """Ask for a release on a recorded ground."""
    book.need("items", item=given.item)
    _check_ground(book, given)
    grams = given.grams or sum(claim.grams for claim in given.claims)
    if not grams:
        message = "a release needs grams, or claims to add up"
        book.refuse("arguments", message, ["grams", "claims"])
    release = book.new_id("REL")
    book.insert(
        "releases",
        release_id=release,
        grams=grams,
        granted_grams=0,
        requested_by=book.actor.user,
        requested_at=book.at,
        checks=0,
        status="requested",
        triggers=None,
        plan_year=None,
        decided_because=None,
        **given.model_dump(exclude={"grams", "claims"}),
    )
    row = book.need("releases", release_id=release)
    names = [_insert_claim(book, row, claim) for claim in given.claims]
    return {"release_id": release, "grams": grams, "claims": names}


def _check_ground(book: Book, given: RequestRelease) -> None:
    allowed = GROUNDS[given.reserve]
    if given.ground not in allowed:
        message = (
            f"{given.ground} is no ground to release from the {given.reserve} reserve;"
            f" grounds: {', '.join(allowed)}"
        )
        book.refuse("ground", message, list(allowed))
    wants = {"proceeds_cents": "authorised_disposal", "replace_days": "rotation"}
    for name, ground in wants.items():
        stated = getattr(given, name) is not None
        if stated != (given.ground == ground):
            verb = "needs" if not stated else "takes no"
            message = f"a release on ground {given.ground} {verb} {name}"
            book.refuse("ground", message, {name: ground})


class FileClaim(NewClaim):
    """A claim on a release that is not approved yet."""

    release_id: ThingId


@command("file_claim", subject=("release", "release_id"))
def file_claim(book: Book, given: FileClaim) -> dict[str, object]:
    """File a claim; a release that was checked must be checked again."""
    row = release_with(book, given.release_id, *_CLAIMED)
    claim = _insert_claim(book, row, given)
    _void_check(book, row)
    return {"release_id": given.release_id, "claim": claim}


@guard("request_release")
def _guard_request(book: Book, given: RequestRelease) -> None:
    """Let a member's user ask for industrial metal and its own member only."""
    if book.is_bound and given.reserve != "industrial":
        message = f"{book.actor.user} acts for a member: only industrial releases"
        book.refuse("not_yours", message, ["industrial"])
    for claim in given.claims:
        check_own(book, claim.claimant)


@guard("file_claim")
def _guard_claim(book: Book, given: FileClaim) -> None:
    """Let a member's user claim for its member, where members may claim."""
    check_own(book, given.claimant)
    if not book.is_bound:
        return
    row = book.find("releases", release_id=given.release_id)
    if row is None or row["reserve"] != "industrial" or row["status"] not in _CLAIMED:
        message = (
            f"{given.release_id} is no industrial release on which"
            f" {given.claimant} may claim"
        )
        book.refuse("not_yours", message, {"reserve": "industrial"})


def _insert_claim(book: Book, release: dict[str, Any], given: NewClaim) -> str:
    """Write one claim and return its name."""
    release_id = release["release_id"]
    if release["reserve"] == "industrial":
        active_member(book, given.claimant)
    if given.use_item is not None:
        book.need("items", item=given.use_item)
    if book.rows("claims", release_id=release_id, claimant=given.claimant):
        message = f"{given.claimant} has a claim on {release_id} already"
        book.refuse("one_claim", message)
    claim = book.new_id("CLM")
    book.insert(
        "claims",
        release_id=release_id,
        claim=claim,
        claimant=given.claimant,
        use_item=given.use_item,
        wanted_grams=given.grams,
        granted_grams=0,
        eligible_grams=None,
        entitled_grams=None,
        security_value_cents_per_t=None,
        filed_by=book.actor.user,
        filed_at=book.at,
        rank=None,
        **{"class": given.claim_class},
    )
    return claim


def _void_check(book: Book, row: dict[str, Any]) -> None:
    """Put a release back to its request: what was approved is not what it is now."""
    release_id = row["release_id"]
    book.forget_approvals(f"release:{release_id}")
    book.change(
        "releases", {"release_id": release_id}, status="requested", granted_grams=0
    )


class NameRelease(Arguments):
    """One release."""

    release_id: ThingId


@command("check_release", subject=("release", "release_id"))
def check_release(book: Book, given: NameRelease) -> dict[str, object]:
    """Check the triggers, rank the claims and say what each is granted."""
    row = release_with(book, given.release_id, "requested", "checked")
    triggers = check_triggers(
        book, row["reserve"], row["item"], binding=row["ground"] in BINDING
    )
    if row["ground"] == "major_disruption" and not is_disrupted(book):
        message = (
            "ground major_disruption needs the switch for a major disruption, set by"
            " two persons"
        )
        book.refuse("switch", message, {"commands": ["propose_switch"]})
    claims = claims_in_order(book, row)
    if claims:
        granted = _grant(book, row, claims)
    elif row["reserve"] == "industrial":
        message = f"{given.release_id} has no claim: members claim industrial metal"
        book.refuse("no_claim", message, {"commands": ["file_claim"]})
    else:
        _pick(book, row, row["grams"])
        granted = row["grams"]
    book.forget_approvals(f"release:{given.release_id}")
    book.change(
        "releases",
        {"release_id": given.release_id},
        status="checked",
        checks=row["checks"] + 1,
        granted_grams=granted,
        triggers=canonical(triggers),
    )
    return {
        "release_id": given.release_id,
        "granted_grams": granted,
        "triggers": triggers,
        "claims": [
            {"claim": one["claim"], "granted_grams": one["granted_grams"]}
            for one in ranked_claims(book, given.release_id)
        ],
    }


def claims_in_order(book: Book, release: dict[str, Any]) -> list[Claim]:
    """Return the claims on a release as their order reads them, first served first."""
    industrial = release["reserve"] == "industrial"
    item = release["item"]
    values = {row["item"]: row["cents_per_t"] for row in book.rows("security_values")}
    claims = []
    for row in book.rows("claims", release_id=release["release_id"]):
        eligible, entitled = row["wanted_grams"], None
        if industrial:
            entitled = max(free_grams(book, row["claimant"], item), 0)
            eligible = min(eligible, drawable_grams(book, row["claimant"], item))
        claims.append(
            Claim(
                claim=row["claim"],
                claimant=row["claimant"],
                klass=row["class"],
                eligible_grams=eligible,
                entitled_grams=entitled,
                security_value_cents_per_t=values.get(row["use_item"] or item),
                filed_at=row["filed_at"],
            )
        )
    return list(rank_claims(claims))


def _grant(book: Book, row: dict[str, Any], claims: list[Claim]) -> int:
    """Write rank and grant of every claim; return the sum, g."""
    left = available_grams(
        book, row["reserve"], row["item"], expired=row["expired_rule"]
    )
    grants = grant_claims(claims, grams=min(row["grams"], left), rule=row["claim_rule"])
    total = sum(grants.values())
    if not total:
        may = sum(claim.eligible_grams for claim in claims)
        message = (
            f"nothing can be granted on {row['release_id']}: {left:,} g of"
            f" {row['item']} are left, and the claims may have {may:,} g"
        )
        book.refuse("conflict", message, {"grams": left})
    for rank, claim in enumerate(claims, start=1):
        book.change(
            "claims",
            {"release_id": row["release_id"], "claim": claim.claim},
            rank=rank,
            eligible_grams=claim.eligible_grams,
            entitled_grams=claim.entitled_grams,
            security_value_cents_per_t=claim.security_value_cents_per_t,
            granted_grams=grants[claim.claim],
        )
    return total


def _pick(book: Book, row: dict[str, Any], grams: int) -> None:
    """Refuse grams that are not left, by the release's own rule on lots."""
    pick_or_refuse(
        book,
        row["reserve"],
        row["item"],
        grams=grams,
        rule=row["lot_rule"],
        expired=row["expired_rule"],
        reserved=reserved_grams(book, row["reserve"], row["item"]),
    )


class DecideRelease(NameRelease):
    """One person's word on a release that was checked."""

    decision: Literal["approve", "refuse"] = Field(
        default="approve", description="approve or refuse"
    )


@command("approve_release", subject=("release", "release_id"))
def approve_release(book: Book, given: DecideRelease) -> dict[str, object]:
    """Approve or refuse a checked release; the second approval keeps its grams."""
    row = release_with(book, given.release_id, "checked")
    key = {"release_id": given.release_id}
    subject = f"release:{given.release_id}"
    filed = book.rows("claims", release_id=given.release_id)
    if book.rules > 1 and any(one["filed_by"] == book.actor.user for one in filed):
        message = f"{book.actor.user} filed a claim on {given.release_id}"
        book.refuse("two_persons", f"{message}: another person must decide on it")
    count = book.approve(subject, given.decision, drafter=row["requested_by"])
    if given.decision == "refuse":
        book.change("releases", key, status="refused")
        return {**key, "status": "refused", "approvals": count}
    if count < APPROVALS:
        book.change("releases", key, status="checked")
        return {**key, "status": "checked", "approvals": count}
    _pick(book, row, row["granted_grams"])
    if row["reserve"] == "industrial":
        _check_claims(book, row)
    year = _count_sale(book, row)
    book.change("releases", key, status="approved", plan_year=year)
    return {**key, "status": "approved", "approvals": count}


def _check_claims(book: Book, row: dict[str, Any]) -> None:
    """Refuse grants that members may no longer draw, other releases included."""
    for claim in ranked_claims(book, row["release_id"]):
        grams = claim["granted_grams"]
        if grams:
            check_drawable(book, claim["claimant"], row["item"], grams)


def _count_sale(book: Book, row: dict[str, Any]) -> int | None:
    """Count what goes to the market; return the year of the plan it counts in."""
    item, grams, subject = row["item"], row["granted_grams"], row["release_id"]
    if row["ground"] == "authorised_disposal":
        cents = proceeds_of(book, row)
        counted = check_ceiling(book, item, "sell", grams, cents, subject=subject)
        return int(counted["year"])
    if row["ground"] == "rotation":
        check_market(book, item, "sell", grams, subject=subject)
    return None


def proceeds_of(book: Book, row: dict[str, Any]) -> int:
    """Return what a disposal brings for what is granted of it, US cents."""
    cents = int(row["proceeds_cents"] or 0)
    if book.rules == 1:
        return cents
    return part_of(cents, row["granted_grams"], row["grams"])


class EndRelease(NameRelease):
    """A release that will not be drawn."""

    because: Title = Field(description="Why")


@command("refuse_release", subject=("release", "release_id"))
def refuse_release(book: Book, given: EndRelease) -> dict[str, object]:
    """Refuse a release that is not approved yet, with the reason."""
    row = release_with(book, given.release_id, "requested", "checked")
    return _end(book, row, "refused", given.because)


@command("cancel_release", subject=("release", "release_id"))
def cancel_release(book: Book, given: EndRelease) -> dict[str, object]:
    """Cancel a release that is not drawn; its grams and its ceiling are free again."""
    row = release_with(book, given.release_id, "requested", "checked", "approved")
    if row["plan_year"] is not None:
        give_back_ceiling(
            book,
            row["item"],
            "sell",
            row["granted_grams"],
            proceeds_of(book, row),
            year=row["plan_year"],
            subject=row["release_id"],
        )
    elif row["status"] == "approved" and row["ground"] == "rotation":
        give_back_market(
            book, row["item"], "sell", row["granted_grams"], subject=row["release_id"]
        )
    return _end(book, row, "cancelled", given.because)


@guard("cancel_release")
def _guard_cancel(book: Book, given: EndRelease) -> None:
    """Let a member's user cancel what that user requested, and learn of no other."""
    if not book.is_bound:
        return
    row = book.find("releases", release_id=given.release_id)
    if row is None or row["requested_by"] != book.actor.user:
        message = f"{given.release_id} is not a request of {book.actor.user}"
        book.refuse("not_yours", message)


def _end(
    book: Book, row: dict[str, Any], status: str, because: str
) -> dict[str, object]:
    key = {"release_id": row["release_id"]}
    book.change("releases", key, status=status, decided_because=because)
    return {**key, "status": status}


def release_with(book: Book, release_id: str, *status: str) -> dict[str, Any]:
    """Return a release that has one of the states, or refuse."""
    row = book.need("releases", release_id=release_id)
    if row["status"] not in status:
        message = (
            f"release {release_id} is {row['status']}; this step needs one that is"
            f" {' or '.join(status)}"
        )
        book.refuse("release_status", message, list(status))
    return row


def ranked_claims(book: Book, release_id: str) -> list[dict[str, Any]]:
    """Return the claims on a release, first served first."""
    rows = book.rows("claims", release_id=release_id)
    return sorted(rows, key=lambda row: (row["rank"] is None, row["rank"] or 0))
