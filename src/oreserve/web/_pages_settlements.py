# SPDX-License-Identifier: Apache-2.0
"""Settlements of price support and the statement of each quarter."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from oreserve.web._grids import Grid, decision_grid, grid
from oreserve.web._pages_stock import facts_of, list_grid
from oreserve.web._visit import Block, Entry, Visit
from oreserve.web._words import heading, money, price, shown, tonnes

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from starlette.responses import Response

__all__ = ["settlement_grid", "settlement_page", "settlements_page"]


def settlement_grid(rows: Sequence[Mapping[str, Any]]) -> Grid:
    """Lay settlements out."""
    return grid(
        "Settlements",
        rows,
        ("quarter", "contract", "grams", "index_cents_per_t", "due_cents", "status"),
        headings={"due_cents": "Due to the producer", "index_cents_per_t": "Index"},
        links={"quarter": lambda s: f"/settlements/{s['contract']}/{s['quarter']}"},
        empty="No settlements yet.",
        csv="/api/v1/settlements",
    )


def settlements_page(visit: Visit) -> Response:
    """Show every settlement and the index values behind them."""
    blocks = [
        Block(
            grid=settlement_grid(visit.rows("settlements")),
            offers=[
                *visit.offer("record_volumes", "Record volumes"),
                *visit.offer("compute_settlement", "Compute a settlement"),
                *visit.offer("record_index_value", "Record an index value"),
            ],
        ),
        Block(
            "Index values",
            grid=list_grid(
                visit, "index_values", ("series", "quarter", "cents_per_t", "source")
            ),
        ),
    ]
    return visit.page("Settlements", blocks)


def settlement_page(visit: Visit, contract: str, quarter: str) -> Response:
    """Show the statement of a quarter line by line."""
    row = visit.one("settlements", contract=contract, quarter=quarter)
    terms = visit.one("contracts", contract=contract)
    statement = _statement(row.get("statement"))
    approvals = visit.rows("approvals", subject=f"settlement:{contract}/{quarter}")
    figures = [Entry("State", row["status"]), Entry("Mass", tonnes(row["grams"]))]
    if "due_cents" in row:
        due = row["due_cents"]
        who = "due to the producer" if due >= 0 else "due from the producer"
        figures = [
            Entry("Amount", money(abs(due)), who),
            *figures,
            Entry(
                "Index",
                price(row["index_cents_per_t"]),
                none=row["index_cents_per_t"] is None,
            ),
        ]
    never = {
        "computed": {"pay_settlement"},
        "approved": {"approve_settlement", "compute_settlement"},
    }
    stop = never.get(
        row["status"], {"pay_settlement", "approve_settlement", "compute_settlement"}
    )
    offers = visit.offers(
        "settlement", row, first=("approve_settlement",), never=frozenset(stop)
    )
    note = f"{row.get('computed_by') or 'Whoever computed it'} may not approve it."
    blocks = [
        Block(key=figures),
        Block(
            "Statement", facts=statement, grid=_statement_lines(row.get("statement"))
        ),
        Block(
            "Terms",
            facts=facts_of(
                terms, skip=set(terms) - _TERMS | {n for n in terms if terms[n] is None}
            ),
        ),
        Block("Decisions", grid=decision_grid(approvals), offers=offers, note=note),
    ]
    trail = [("Settlements", "/settlements"), (contract, f"/contracts/{contract}")]
    return visit.page(f"Settlement of {contract}, {quarter}", blocks, trail=trail)


_TERMS = frozenset(
    {
        "producer",
        "item",
        "rule_kind",
        "floor_cents_per_t",
        "ceiling_price_cents_per_t",
        "fixed_cents_per_t",
        "upside_share",
        "upside_from_cents_per_t",
        "annual_cap_cents",
        "series",
    }
)


def _statement(text: object) -> list[Entry]:
    """Return the figures of a statement, none where prices are not shown."""
    content = json.loads(str(text)) if text else {}
    return [
        Entry(heading(name), shown(name, value), none=value is None)
        for name, value in content.items()
        if not isinstance(value, list | dict)
    ]


def _statement_lines(text: object) -> Grid | None:
    content = json.loads(str(text)) if text else {}
    lines = content.get("lines")
    if not lines:
        return None
    return grid(
        "Lines of the statement",
        lines,
        ("designation", "grams", "index_cents_per_t", "formula", "amount_cents"),
        headings={"index_cents_per_t": "Index", "amount_cents": "Due to the producer"},
    )
