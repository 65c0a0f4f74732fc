# SPDX-License-Identifier: Apache-2.0
"""Annual materials plans, what of them is used, and their changes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from oreserve.web._grids import decision_grid, grid
from oreserve.web._pages_stock import facts_of, list_grid
from oreserve.web._visit import Block, Entry, Visit
from oreserve.web._words import NO_DATA, date_text

if TYPE_CHECKING:
    from starlette.responses import Response

__all__ = ["plan_change_page", "plan_page", "plans_page"]


def plans_page(visit: Visit) -> Response:
    """Show the annual materials plans and limits of markets."""
    blocks = [
        Block(
            grid=grid(
                "Annual materials plans",
                visit.rows("materials_plans"),
                ("year", "from_on", "until_on", "status", "drafted_by"),
                links={"year": lambda p: f"/plans/{p['year']}"},
                empty="No plan yet.",
            ),
            offers=visit.offer("draft_materials_plan", "Draft a plan"),
        ),
        Block(
            "What markets take without undue disruption",
            grid=list_grid(
                visit,
                "market_limits",
                ("item", "yearly_market_grams", "max_share", "source"),
            ),
            offers=visit.offer("set_market_limit", "Set a limit"),
        ),
    ]
    return visit.page(
        "Materials plan", blocks, lead="Ceilings of a year to buy, sell and upgrade."
    )


def plan_page(visit: Visit, year: str) -> Response:
    """Show the lines of a year's plan, what is used, and changes on their way."""
    row = visit.one("materials_plans", year=year)
    # Who reads contracts sees the ceilings of today, others those of the plan.
    view = "plan_ceilings" if visit.reads("plan_ceilings") else "plan_lines"
    lines = visit.rows(view, year=year)
    changes = visit.rows("plan_changes", year=year)
    never = {
        "draft": {"close_materials_plan", "draft_plan_change"},
        "in_force": {"approve_materials_plan", "set_plan_line", "draft_materials_plan"},
    }
    stop = frozenset(never.get(row["status"], _PLAN_COMMANDS)) | {
        "draft_materials_plan"
    }
    blocks = [
        Block(
            key=[
                Entry("State", row["status"].replace("_", " ")),
                Entry(
                    "In force",
                    f"{date_text(row['from_on'])} to {date_text(row['until_on'])}",
                ),
                Entry("Drafted by", str(row.get("drafted_by") or NO_DATA)),
            ],
            offers=visit.offers("materials_plan", row, never=stop),
        ),
        Block(
            "Ceilings and what is used",
            grid=grid(
                f"Lines of the plan of {year}",
                lines,
                (
                    "item",
                    "action",
                    "ceiling_grams",
                    "used_grams",
                    "left_grams",
                    "ceiling_cents",
                    "used_cents",
                    "left_cents",
                    "waiting_on",
                    "waiting_grams",
                ),
                headings={
                    "waiting_on": "Next change on",
                    "waiting_grams": "Ceiling then",
                },
                empty="No lines yet.",
                csv=f"/api/v1/{view}",
                query=f"?year={year}",
            ),
        ),
    ]
    if visit.reads("plan_changes"):
        blocks.append(
            Block(
                "Changes",
                grid=grid(
                    "Changes of the plan",
                    changes,
                    (
                        "change",
                        "item",
                        "action",
                        "ceiling_grams",
                        "ceiling_cents",
                        "significant",
                        "notified_on",
                        "effective_on",
                        "status",
                        "drafted_by",
                    ),
                    links={"change": lambda c: f"/plan-changes/{c['change']}"},
                    empty="No changes.",
                ),
                note="A significant change takes effect 45 days after its notice.",
            )
        )
    return visit.page(
        f"Materials plan {year}", blocks, trail=[("Materials plan", "/plans")]
    )


_PLAN_COMMANDS = (
    "approve_materials_plan",
    "set_plan_line",
    "close_materials_plan",
    "draft_plan_change",
)


def plan_change_page(visit: Visit, change: str) -> Response:
    """Show one change of a plan with its decisions."""
    row = visit.one("plan_changes", change=change)
    approvals = visit.rows("approvals", subject=f"plan_change:{change}")
    blocks = [
        Block(facts=facts_of(row, skip={"change", "version"})),
        Block(
            "Decisions",
            grid=decision_grid(approvals),
            offers=visit.offers("plan_change", row, first=("approve_plan_change",)),
            note=f"{row['drafted_by']} drafted it and may not approve it.",
        ),
    ]
    trail = [("Materials plan", "/plans"), (str(row["year"]), f"/plans/{row['year']}")]
    return visit.page(f"Change {change}", blocks, trail=trail)
