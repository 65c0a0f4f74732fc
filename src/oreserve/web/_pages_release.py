# SPDX-License-Identifier: Apache-2.0
"""The release desk: every release with its steps, and who still must decide."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from oreserve.web._grids import grid
from oreserve.web._pages_stock import facts_of, list_grid
from oreserve.web._visit import Block, Entry, Offer, Step, Visit
from oreserve.web._words import item_name, tonnes

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from starlette.responses import Response

__all__ = ["release_page", "releases_page"]

# Approvals by different persons, none of whom asked for the release.
APPROVALS_NEEDED = 2
_ORDER = ("requested", "checked", "approved", "drawn", "shipped", "closed")
# What may be done in each state.
_STATES = {
    "requested": {"check_release", "file_claim", "refuse_release", "cancel_release"},
    "checked": {
        "check_release",
        "file_claim",
        "approve_release",
        "refuse_release",
        "cancel_release",
    },
    "approved": {"draw_release", "refuse_release", "cancel_release"},
    "drawn": {"ship_release"},
}


def releases_page(visit: Visit) -> Response:
    """Show releases in progress, closed ones, triggers and switches."""
    rows = visit.rows("releases")
    columns = (
        "release_id",
        "reserve",
        "item",
        "grams",
        "granted_grams",
        "ground",
        "requested_by",
        "status",
    )
    done = {"closed", "refused", "cancelled"}
    blocks = [
        Block(
            "In progress",
            grid=grid(
                "Releases in progress",
                [row for row in rows if row["status"] not in done],
                columns,
                empty="No release is in progress.",
            ),
            offers=[
                *visit.offer("request_release", "Request a release"),
                *visit.offer("draw_entitlement", "Draw from an entitlement"),
            ],
        ),
        Block(
            "Ended",
            grid=grid(
                "Releases that have ended",
                [row for row in rows if row["status"] in done],
                columns,
                empty="None has ended yet.",
                csv="/api/v1/releases",
            ),
        ),
    ]
    if visit.reads("triggers"):
        blocks.append(
            Block(
                "Triggers",
                grid=list_grid(
                    visit,
                    "triggers",
                    (
                        "trigger",
                        "reserve",
                        "item",
                        "description",
                        "is_met",
                        "observed_on",
                    ),
                ),
                offers=[
                    *visit.offer("observe_trigger", "Record an observation"),
                    *visit.offer("set_trigger", "Write down a trigger"),
                ],
            )
        )
    if visit.reads("switches"):
        blocks.append(
            Block(
                "Switches",
                grid=list_grid(
                    visit,
                    "switches",
                    ("switch", "is_on", "ground", "proposed", "proposed_by"),
                ),
                offers=[
                    *visit.offer("propose_switch", "Propose to turn a switch"),
                    *visit.offer("approve_switch", "Decide on a switch"),
                ],
            )
        )
    return visit.page(
        "Releases", blocks, lead="Request, check, two approvals, draw, ship, replenish."
    )


def release_page(visit: Visit, release_id: str) -> Response:
    """Show one release: its steps, claims, decisions, draws and shipments."""
    row = visit.one("releases", release_id=release_id)
    claims = visit.rows("claims", release_id=release_id)
    decisions = visit.rows("approvals", subject=f"release:{release_id}")
    shipments = visit.rows("shipments", release_id=release_id)
    allowed = _STATES.get(row["status"], set())
    every = set().union(*_STATES.values())
    offers = visit.offers(
        "release",
        row,
        first=("check_release", "approve_release", "draw_release", "ship_release"),
        never=frozenset(every - allowed) | _own_decision(visit, row, decisions),
    )
    if row["status"] == "drawn" and claims:
        offers = _shipments_to_make(visit, row, claims, shipments)
    if "file_claim" in allowed and not any("file_claim" in o.href for o in offers):
        offers += visit.offer("file_claim", "File a claim", release_id=release_id)
    blocks = [
        Block(
            key=[
                Entry("State", row["status"]),
                Entry("Asked for", tonnes(row["grams"])),
                Entry("Granted", tonnes(row["granted_grams"])),
                Entry("Reserve", row["reserve"]),
            ],
            facts=facts_of(
                row, skip=_NOT_FACTS | {n for n in row if row[n] in _NO_FACT}
            ),
        ),
        Block(
            "Steps",
            steps=_steps(visit, row, decisions),
            offers=offers,
            note=_why_not(visit, row, decisions),
        ),
        Block(
            "Claims in their order",
            grid=grid(
                "Claims",
                sorted(
                    claims,
                    key=lambda c: (c["rank"] is None, c["rank"] or 0, c["claim"]),
                ),
                (
                    "rank",
                    "claimant",
                    "class",
                    "wanted_grams",
                    "eligible_grams",
                    "granted_grams",
                    "entitled_grams",
                    "security_value_cents_per_t",
                    "filed_at",
                ),
                empty="No claims yet.",
                headings={
                    "entitled_grams": "Entitlement",
                    "eligible_grams": "Eligible",
                },
            ),
        ),
        Block(
            "Decisions",
            grid=grid(
                "Decisions",
                decisions,
                ("person", "decision", "at"),
                empty="Nobody has decided yet.",
            ),
        ),
        Block(
            "Lots drawn",
            grid=list_grid(
                visit,
                "draws",
                ("line", "lot", "grams", "claim", "cost_cents"),
                csv=False,
                release_id=release_id,
            ),
        ),
        Block(
            "Shipments",
            grid=grid(
                "Shipments",
                shipments,
                (
                    "shipment",
                    "shipped_on",
                    "carrier",
                    "destination",
                    "grams",
                    "delivered_on",
                ),
            ),
            offers=[
                offer
                for one in shipments
                if one["delivered_on"] is None
                for offer in visit.offer(
                    "deliver_shipment",
                    f"Record the arrival of {one['shipment']}",
                    version=one["version"],
                    shipment=one["shipment"],
                )
            ],
        ),
    ]
    duties = visit.rows("duties", release_id=release_id)
    if duties:
        columns = ("duty", "member", "item", "grams", "open_grams", "due_on", "status")
        blocks.append(
            Block("Duties to replenish", grid=grid("Duties", duties, columns))
        )
    title = f"Release {release_id}: {item_name(row['item'])}"
    return visit.page(title, blocks, trail=[("Releases", "/releases")])


def _shipments_to_make(
    visit: Visit,
    row: Mapping[str, Any],
    claims: Sequence[Mapping[str, Any]],
    shipments: Sequence[Mapping[str, Any]],
) -> list[Offer]:
    """Return one offer per claim that is granted and not on its way yet."""
    gone = {one["claim"] for one in shipments}
    return [
        offer
        for claim in claims
        if claim["granted_grams"] and claim["claim"] not in gone
        for offer in visit.offer(
            "ship_release",
            f"Ship to {claim['claimant']}",
            version=row["version"],
            release_id=row["release_id"],
            claim=claim["claim"],
        )
    ]


_NO_FACT = (None, "[]")
_NOT_FACTS = frozenset(
    {
        "release_id",
        "version",
        "status",
        "grams",
        "granted_grams",
        "reserve",
        "item",
    }
)


def _own_decision(
    visit: Visit, row: Mapping[str, Any], decisions: Sequence[Mapping[str, Any]]
) -> frozenset[str]:
    """Return decisions that are another person's: the button is not there."""
    people = {one["person"] for one in decisions} | {row["requested_by"]}
    return frozenset({"approve_release"}) if visit.who.user in people else frozenset()


def _steps(
    visit: Visit, row: Mapping[str, Any], decisions: Sequence[Mapping[str, Any]]
) -> list[Step]:
    """Say which steps are done, which is next, and who takes each."""
    status = row["status"]
    at = _ORDER.index(status) if status in _ORDER else len(_ORDER)
    approving = [one["person"] for one in decisions if one["decision"] == "approve"]
    missing = APPROVALS_NEEDED - len(approving)
    approval = f"Approved by {', '.join(approving)}. " if approving else ""
    if status in {"requested", "checked"}:
        approval += (
            f"{missing} more approval{'s' * (missing != 1)} by different persons "
            f"({visit.who_may('approve_release')}), not by {row['requested_by']} "
            "who asked for it."
        )
    texts = (
        f"Requested by {row['requested_by']}.",
        f"Triggers checked and claims put in order ({visit.who_may('check_release')}).",
        approval,
        f"Lots drawn ({visit.who_may('draw_release')}).",
        f"Shipped ({visit.who_may('ship_release')}).",
        f"Arrived ({visit.who_may('deliver_shipment')}); then it is closed.",
    )
    if status in {"refused", "cancelled"}:
        because = row.get("decided_because") or "no reason recorded"
        return [
            Step("done", texts[0]),
            Step("done", f"{status.capitalize()}: {because}."),
        ]
    return [
        Step("done" if n <= at else "open" if n == at + 1 else "later", text)
        for n, text in enumerate(texts)
    ]


def _why_not(
    visit: Visit, row: Mapping[str, Any], decisions: Sequence[Mapping[str, Any]]
) -> str:
    """Say why the next button is not there, if it is not."""
    desk = visit.rows("release_desk", release_id=row["release_id"])
    if not desk:
        return ""
    step = str(desk[0]["next_step"])
    words = step.replace("_", " ")
    if not visit.may(step):
        return f"You may not {words}: that is for {visit.who_may(step)}."
    if step == "approve_release":
        if visit.who.user == row["requested_by"]:
            return "You asked for this release, so others must approve it."
        if any(one["person"] == visit.who.user for one in decisions):
            return "You have decided already; another person must decide as well."
    return ""
