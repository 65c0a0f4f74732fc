# SPDX-License-Identifier: Apache-2.0
"""The audit trail with its hashes, the ledger behind it, and whether both agree."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from oreserve.reserve._queries import views, write_cursor
from oreserve.web._forms import Field, Option
from oreserve.web._grids import grid
from oreserve.web._pages_stock import facts_of
from oreserve.web._registry import open_commands
from oreserve.web._visit import Block, Entry, Visit
from oreserve.web._words import time_text

if TYPE_CHECKING:
    from collections.abc import Mapping

    from starlette.responses import Response

__all__ = ["audit_page", "entry_page", "txn_page"]

PAGE_ROWS = 100
_NUMBER = re.compile(r"[0-9]{1,18}")


def audit_page(visit: Visit) -> Response:
    """Show the trail, newest first; with a condition from its first entry."""
    asked = visit.request.query_params
    where = {n: asked[n] for n in ("actor", "command", "subject") if asked.get(n)}
    head = visit.state.reserve.head()
    if where or asked.get("after"):
        rows, more = _forwards(visit, where, asked.get("after") or None)
        further = "Further entries"
    else:
        text = asked.get("upto", "")
        upto = int(text) if _NUMBER.fullmatch(text) else head.sequence
        rows, more = _backwards(visit, min(upto, head.sequence))
        further = "Older entries"
    names = tuple(Option(name, name) for name in open_commands())
    filters = [
        Field(
            "command",
            "f-command",
            "Command",
            "select",
            where.get("command", ""),
            required=True,
            options=(Option("", "any"), *names),
        ),
        Field("actor", "f-actor", "Person", "text", where.get("actor", "")),
        Field(
            "subject",
            "f-subject",
            "About, such as lot:LOT-000012",
            "text",
            where.get("subject", ""),
        ),
    ]
    blocks = [
        Block(
            facts=[Entry("Newest entry", str(head))],
            offers=visit.offer_page("verify", "Verify everything", "/verify"),
            note="Write the newest entry down elsewhere: it shows later that no tail "
            "was cut off.",
        ),
        Block(
            filters=filters,
            grid=grid(
                "Audit trail",
                rows,
                ("sequence", "at", "actor", "command", "subject", "reason", "hash"),
                headings={"sequence": "Entry", "actor": "Person", "subject": "About"},
                csv="/api/v1/audit",
                query=f"?{urlencode(where)}" if where else "",
                more=more,
                further=further,
            ),
        ),
    ]
    return visit.page("Audit trail", blocks)


def _forwards(
    visit: Visit, where: Mapping[str, str], after: str | None
) -> tuple[list[dict[str, Any]], str]:
    query = visit.state.reserve.query
    page = query.page("audit", visit.who, where=where, after=after, limit=PAGE_ROWS)
    if page.next is None:
        return page.rows, ""
    return page.rows, f"/audit?{urlencode({**where, 'after': page.next})}"


def _backwards(visit: Visit, upto: int) -> tuple[list[dict[str, Any]], str]:
    """Return the entries that end with a number, newest first."""
    first = max(upto - PAGE_ROWS, 0)
    after = write_cursor({"sequence": first}, views()["audit"]) if first else None
    query = visit.state.reserve.query
    page = query.page("audit", visit.who, after=after, limit=PAGE_ROWS)
    rows = [row for row in page.rows if row["sequence"] <= upto]
    return rows[::-1], f"/audit?upto={first}" if first else ""


def entry_page(visit: Visit, sequence: str) -> Response:
    """Show one entry: who did what and why, and what it wrote."""
    row = visit.one("audit", sequence=sequence)
    facts = [
        Entry("Time", time_text(row["at"])),
        Entry("Person", row["actor"]),
        Entry("Roles then", row["roles"]),
        Entry("Command", row["command"]),
        Entry("About", str(row["subject"] or "")),
        Entry("Reason", row["reason"]),
        Entry("Idempotency key", row["key"]),
    ]
    seals = [
        Entry("Hash", row["hash"]),
        Entry("Hash of the entry before", row["previous"]),
    ]
    blocks = [
        Block(facts=facts),
        Block("Sealed by", facts=seals),
        Block("Arguments", pre=_pretty(row["arguments"])),
        Block("Result", pre=_pretty(row["result"])),
        Block("What it wrote", pre=_pretty(row["effects"])),
    ]
    txns = visit.rows("transactions", sequence=sequence)
    if txns:
        links = {"txn": lambda line: f"/ledger/{line['txn']}"}
        table = grid("Transactions", txns, ("txn", "kind", "reverses"), links=links)
        blocks.append(Block("Transactions", grid=table))
    return visit.page(f"Entry {sequence}", blocks, trail=[("Audit trail", "/audit")])


def txn_page(visit: Visit, txn: str) -> Response:
    """Show one transaction of the ledger with its postings in both measures."""
    row = visit.one("transactions", txn=txn)
    mass = visit.rows("mass_postings", txn=txn)
    cents = visit.rows("money_postings", txn=txn)
    blocks = [
        Block(facts=facts_of(row, skip={"txn"})),
        Block(
            "Mass",
            grid=grid(
                "Postings of mass",
                mass,
                ("line", "account", "item", "lot", "grams"),
                empty="No mass moved.",
            ),
        ),
        Block(
            "Money",
            grid=grid(
                "Postings of money",
                cents,
                ("line", "account", "cents"),
                empty="No money moved.",
            ),
            offers=visit.offer("reverse", "Take it back by a reversal", txn=txn),
        ),
    ]
    trail = [("All else", "/views"), ("Transactions", "/view/transactions")]
    return visit.page(f"Transaction {txn}", blocks, trail=trail)


def _pretty(text: str) -> str:
    return json.dumps(json.loads(text), indent=2, ensure_ascii=False)
