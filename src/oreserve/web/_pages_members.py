# SPDX-License-Identifier: Apache-2.0
"""Members of the industrial reserve: a list for the staff, one's own page for each."""

from __future__ import annotations

from typing import TYPE_CHECKING

from oreserve.web._grids import grid
from oreserve.web._pages_stock import list_grid
from oreserve.web._visit import Block, Entry, Offer, Visit
from oreserve.web._words import money

if TYPE_CHECKING:
    from starlette.responses import Response

__all__ = ["member_page", "members_page", "own_blocks"]


def members_page(visit: Visit) -> Response:
    """Show the members that this person may see, and the terms."""
    rows = visit.rows("members")
    blocks = [
        Block(
            grid=grid(
                "Members",
                rows,
                ("member", "name", "status", "entry_fee_cents"),
                headings={"entry_fee_cents": "Entry fees"},
                empty="No members yet.",
                csv="/api/v1/members",
            ),
            offers=visit.offer("admit_member", "Admit a member"),
        ),
        Block(
            "Terms by item",
            grid=list_grid(
                visit,
                "industrial_terms",
                (
                    "item",
                    "from_quarter",
                    "entry_fee_share",
                    "interest_rate",
                    "normal_draw_share",
                    "replenish_days",
                    "storage_cents_per_t_year",
                ),
            ),
            offers=visit.offer("set_industrial_terms", "Set terms"),
        ),
    ]
    return visit.page("Members", blocks)


def member_page(visit: Visit, member: str) -> Response:
    """Show one member's entitlements, duties, charges and claims."""
    row = visit.one("members", member=member)
    figures = [Entry("State", row["status"])]
    if "entry_fee_cents" in row:
        figures.append(Entry("Entry fees paid", money(row["entry_fee_cents"])))
    blocks = [
        Block(
            key=figures, offers=visit.offers("member", row, first=("change_member",))
        ),
        *own_blocks(visit, member),
    ]
    return visit.page(
        f"{row['name']} ({member})", blocks, trail=[("Members", "/members")]
    )


def own_blocks(visit: Visit, member: str) -> list[Block]:
    """Return what belongs to a member; each table only if it may be seen."""
    parts: tuple[tuple[str, str, str, tuple[str, ...], list[Offer]], ...] = (
        (
            "Entitlements",
            "entitlements",
            "member",
            ("item", "grams", "inventory_price_cents_per_t"),
            [
                *visit.offer("draw_entitlement", "Draw", member=member),
                *visit.offer("offer_transfer", "Offer a transfer", from_member=member),
            ],
        ),
        (
            "Duties to replenish",
            "duties",
            "member",
            (
                "duty",
                "item",
                "grams",
                "open_grams",
                "drawn_on",
                "due_on",
                "why",
                "status",
            ),
            [],
        ),
        (
            "Charges",
            "carry_charges",
            "member",
            ("quarter", "item", "interest_cents", "storage_cents", "paid_cents"),
            [],
        ),
        (
            "Claims",
            "claims",
            "claimant",
            ("release_id", "class", "wanted_grams", "granted_grams", "rank"),
            visit.offer("file_claim", "File a claim", claimant=member),
        ),
        (
            "Transfers from this member",
            "transfers",
            "from_member",
            ("transfer", "to_member", "item", "grams", "status"),
            [],
        ),
        (
            "Transfers to this member",
            "transfers",
            "to_member",
            ("transfer", "from_member", "item", "grams", "status"),
            [],
        ),
    )
    blocks = []
    for title, view, column, columns, offers in parts:
        if not visit.reads(view):
            continue
        rows = visit.rows(view, **{column: member})
        if not rows and view == "transfers":
            continue
        links = {"transfer": lambda row: f"/view/transfers/{row['transfer']}"}
        hide = frozenset() if visit.reads("releases") else frozenset({"release_id"})
        table = grid(
            title,
            rows,
            columns,
            links=links,
            hide=hide,
            csv=f"/api/v1/{view}",
            query=f"?{column}={member}",
            empty="None.",
        )
        blocks.append(Block(title, grid=table, offers=offers))
    return blocks
