# SPDX-License-Identifier: Apache-2.0
"""What must hold in a reserve after every command, asked in SQL of its tables."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from reserve._books import MEMBERS, PROMISED, Books

if TYPE_CHECKING:
    from sqlalchemy import Connection

CHEAP = {
    "grams of an item sum to zero": (
        "SELECT item, SUM(grams) FROM mass_balances GROUP BY item "
        "HAVING SUM(grams) <> 0"
    ),
    "conversion nets to zero": (
        "SELECT SUM(grams) FROM mass_balances WHERE account = 'conversion' "
        "HAVING SUM(grams) <> 0"
    ),
    "cents sum to zero": (
        "SELECT SUM(cents) FROM money_balances HAVING SUM(cents) <> 0"
    ),
    "budget accounts sum to zero": (
        "SELECT SUM(cents) FROM money_balances WHERE account IN "
        "('budget', 'unobligated') OR account LIKE 'obligated:%' "
        "HAVING SUM(cents) <> 0"
    ),
    "no lot is negative": "SELECT lot FROM lots WHERE grams < 0 OR cost_cents < 0",
    "a spent lot costs nothing": (
        "SELECT lot FROM lots WHERE grams = 0 AND cost_cents <> 0"
    ),
    "stock in depots is never negative": (
        "SELECT account, item FROM mass_balances "
        "WHERE grams < 0 AND (account LIKE 'depot:%' OR account IN "
        "('inspection', 'loss'))"
    ),
    "obligations stay within appropriations": (
        "SELECT account, cents FROM money_balances WHERE cents < 0 AND "
        "(account = 'unobligated' OR account LIKE 'obligated:%')"
    ),
    "inventory is what its lots cost": (
        "SELECT i.item, i.cost, b.cents FROM (SELECT item, SUM(cost_cents) AS cost "
        "FROM lots GROUP BY item) i LEFT JOIN money_balances b "
        "ON b.account = 'inventory:' || i.item WHERE i.cost <> COALESCE(b.cents, 0)"
    ),
    "entitlements are covered by stock and duties": (
        "SELECT e.item, e.grams FROM (SELECT item, SUM(grams) AS grams FROM "
        "entitlements GROUP BY item) e WHERE e.grams > COALESCE((SELECT SUM(l.grams) "
        "FROM lots l JOIN owners o ON o.owner = l.owner WHERE l.item = e.item AND "
        "o.kind = 'industrial'), 0) + COALESCE((SELECT SUM(d.open_grams) FROM duties d "
        "WHERE d.item = e.item AND d.reserve = 'industrial' AND d.status = 'open'), 0)"
    ),
    "inspection holds what waits for it": (
        "SELECT b.grams FROM (SELECT COALESCE(SUM(grams), 0) AS grams FROM "
        "mass_balances WHERE account = 'inspection') b, (SELECT "
        "COALESCE(SUM(delivered_grams), 0) AS grams FROM deliveries WHERE "
        "status = 'delivered') d WHERE b.grams <> d.grams"
    ),
    "a duty costs what its account holds": (
        "SELECT d.duty FROM duties d LEFT JOIN money_balances b "
        "ON b.account = 'duty:' || d.duty WHERE d.open_cents <> COALESCE(b.cents, 0)"
    ),
    "a member owes the carry that is billed and not paid": (
        "SELECT m.member FROM members m LEFT JOIN money_balances b "
        "ON b.account = 'member:' || m.member WHERE COALESCE(b.cents, 0) <> "
        "COALESCE((SELECT SUM(interest_cents + storage_cents - paid_cents) FROM "
        "carry_charges c WHERE c.member = m.member), 0)"
    ),
    "releases grant no more than is asked": (
        "SELECT release_id FROM releases WHERE granted_grams > grams"
    ),
}
"""Rows of these questions are violations; each table is small or summed once."""

THOROUGH = {
    "every transaction sums to zero, per item in grams": (
        "SELECT txn, item FROM mass_postings GROUP BY txn, item HAVING SUM(grams) <> 0"
    ),
    "every transaction sums to zero in cents": (
        "SELECT txn FROM money_postings GROUP BY txn HAVING SUM(cents) <> 0"
    ),
    "a conversion keeps its grams": (
        "SELECT txn FROM mass_postings WHERE account = 'conversion' GROUP BY txn "
        "HAVING SUM(grams) <> 0"
    ),
    "balances of mass are their postings": (
        "SELECT account, item FROM (SELECT account, item, grams FROM mass_postings "
        "UNION ALL SELECT account, item, -grams FROM mass_balances) a "
        "GROUP BY account, item HAVING SUM(grams) <> 0"
    ),
    "balances of money are their postings": (
        "SELECT account FROM (SELECT account, cents FROM money_postings "
        "UNION ALL SELECT account, -cents FROM money_balances) a "
        "GROUP BY account HAVING SUM(cents) <> 0"
    ),
    "a lot lies where its postings say, with their grams": (
        "SELECT l.lot FROM lots l LEFT JOIN (SELECT lot, account, SUM(grams) AS grams "
        "FROM mass_postings WHERE account LIKE 'depot:%' GROUP BY lot, account "
        "HAVING SUM(grams) <> 0) p ON p.lot = l.lot WHERE "
        "l.grams <> COALESCE(p.grams, 0) OR p.account <> 'depot:' || l.depot"
    ),
    "grams in depots belong to lots that are there": (
        "SELECT p.lot FROM mass_postings p LEFT JOIN lots l ON l.lot = p.lot WHERE "
        "p.account LIKE 'depot:%' AND (l.lot IS NULL OR l.item <> p.item)"
    ),
    "a transaction is taken back once at most": (
        "SELECT reverses FROM transactions WHERE reverses IS NOT NULL "
        "GROUP BY reverses HAVING COUNT(*) > 1"
    ),
    "a reversal mirrors what it takes back": (
        "SELECT t.txn FROM transactions t WHERE t.reverses IS NOT NULL AND ("
        "(SELECT COUNT(*) FROM mass_postings p JOIN mass_postings q ON q.line = p.line "
        "AND q.account = p.account AND q.item = p.item AND q.grams = -p.grams AND "
        "q.txn = t.txn WHERE p.txn = t.reverses) <> "
        "(SELECT COUNT(*) FROM mass_postings p WHERE p.txn = t.reverses) OR "
        "(SELECT COALESCE(SUM(grams * grams), 0) FROM mass_postings WHERE txn = t.txn) "
        "<> (SELECT COALESCE(SUM(grams * grams), 0) FROM mass_postings WHERE "
        "txn = t.reverses))"
    ),
    "an entitlement is what its steps come to": (
        "SELECT e.member FROM entitlements e WHERE e.grams <> COALESCE((SELECT "
        "SUM(s.grams) FROM entitlement_steps s WHERE s.member = e.member AND "
        "s.item = e.item AND s.inventory_price_cents_per_t = "
        "e.inventory_price_cents_per_t), 0)"
    ),
    "a payable is what is accepted and not paid": (
        "SELECT c.contract FROM contracts c LEFT JOIN money_balances b ON b.account = "
        "'payable:' || c.contract WHERE -COALESCE(b.cents, 0) <> COALESCE((SELECT "
        "SUM(COALESCE(d.amount_cents, 0) - d.paid_cents) FROM deliveries d JOIN orders "
        "o ON o.order_id = d.order_id WHERE o.contract = c.contract), 0)"
    ),
    "a promise is its orders and support, or its minimum, less what is paid": (
        "SELECT c.contract FROM contracts c LEFT JOIN money_balances b ON b.account = "
        "'obligated:' || c.contract WHERE COALESCE(b.cents, 0) <> "
        "-COALESCE((SELECT SUM(p.cents) FROM payments p WHERE p.contract = c.contract "
        "AND p.cents > 0), 0) + (SELECT MAX(x.cents) FROM (SELECT CASE WHEN "
        "c.ended_on IS NULL AND c.rung IN ('minimum_guarantee', 'funded_order', "
        "'delivered', 'accepted', 'paid') THEN COALESCE(c.minimum_cents, 0) ELSE 0 END "
        "AS cents UNION ALL SELECT COALESCE((SELECT SUM(o.amount_cents) FROM orders o "
        "WHERE o.contract = c.contract AND o.status <> 'draft'), 0) - COALESCE((SELECT "
        "SUM(d.penalty_cents) FROM deliveries d JOIN orders o ON o.order_id = "
        "d.order_id WHERE o.contract = c.contract), 0) + COALESCE((SELECT "
        "SUM(s.due_cents) FROM settlements s WHERE s.contract = c.contract AND "
        "s.status <> 'computed' AND s.due_cents > 0), 0)) x)"
    ),
    "ceilings of contracts hold": (
        "SELECT c.contract FROM contracts c WHERE c.ceiling_cents < (SELECT "
        "COALESCE(SUM(o.amount_cents), 0) FROM orders o WHERE o.contract = c.contract "
        "AND o.status <> 'draft')"
    ),
    "promised and spent money was appropriated": (
        "SELECT a.cents FROM (SELECT COALESCE(SUM(cents - COALESCE(lapsed_cents, 0)), "
        "0) AS cents FROM appropriations) a, (SELECT COALESCE(SUM(cents), 0) AS cents "
        "FROM money_balances WHERE account LIKE 'obligated:%') o, (SELECT "
        "COALESCE(SUM(cents), 0) AS cents FROM payments WHERE cents > 0) p "
        "WHERE o.cents + p.cents > a.cents"
    ),
}


def ask(connection: Connection, question: str) -> list[Any]:
    """Return all rows of a question; its percent signs stand for themselves."""
    cursor = connection.connection.cursor()
    rows: list[Any] = cursor.execute(question).fetchall()
    cursor.close()
    return rows


def check_state(connection: Connection, *, thorough: bool) -> None:
    """Fail on the first invariant that does not hold."""
    for name, question in {**CHEAP, **(THOROUGH if thorough else {})}.items():
        found = ask(connection, question)[:3]
        assert not found, f"not so: {name}: {[tuple(row) for row in found]}"


def check_books(connection: Connection, books: Books, *, thorough: bool) -> None:
    """Fail where the second set of books differs from the reserve's."""
    rows = ask(connection, "SELECT account, item, grams FROM mass_balances")
    _same({(a, i): g for a, i, g in rows}, books.mass, "grams")
    rows = ask(connection, "SELECT account, cents FROM money_balances")
    other = {
        account: cents
        for account, cents in rows
        if not account.startswith((*PROMISED, MEMBERS))
    }
    # What of an appropriation lapses is the reserve's to say; both accounts must agree.
    ((lapsed,),) = ask(connection, "SELECT SUM(lapsed_cents) FROM appropriations")
    other["cash"] = other.get("cash", 0) + int(lapsed or 0)
    other["treasury"] = other.get("treasury", 0) - int(lapsed or 0)
    _same(other, books.cents, "cents")
    rows = ask(
        connection,
        "SELECT member, item, inventory_price_cents_per_t, grams FROM entitlements",
    )
    _same({(m, i, p): g for m, i, p, g in rows}, books.entitlements, "entitled")
    rows = ask(connection, "SELECT duty, open_grams, open_cents FROM duties")
    found = {duty: [grams, cents] for duty, grams, cents in rows}
    assert found == books.duties, "duties differ"
    if thorough:
        rows = ask(
            connection, "SELECT lot, item, owner, depot, grams, cost_cents FROM lots"
        )
        assert {row[0]: tuple(row[1:]) for row in rows} == {
            name: (lot.item, lot.owner, lot.depot, lot.grams, lot.cost)
            for name, lot in books.lots.items()
        }, "lots differ"


def _same(found: dict[Any, int], expected: dict[Any, int], what: str) -> None:
    """Compare two sets of balances; an account at zero may be missing."""
    keys = sorted(set(found) | set(expected))
    wrong = [
        (key, found.get(key, 0), expected.get(key, 0))
        for key in keys
        if found.get(key, 0) != expected.get(key, 0)
    ]
    assert not wrong, f"{what} (account, reserve, second books): {wrong[:5]}"


def check_chain(connection: Connection, *, after: int = 0) -> int:
    """Fail unless the audit chain is whole from an entry on; return its last number."""
    names = (
        "sequence, at, actor, roles, command, subject, reason, key, arguments, "
        "result, effects, previous, hash"
    )
    rows = ask(
        connection,
        f"SELECT {names} FROM audit WHERE sequence >= {after:d} ORDER BY sequence",  # noqa: S608 - a number
    )
    before, number = ("0" * 64, 0) if after == 0 else (None, after - 1)
    for row in rows:
        content = dict(zip(names.split(", "), row, strict=True))
        seal = content.pop("hash")
        text = json.dumps(
            content, sort_keys=True, separators=(",", ":"), ensure_ascii=False
        )
        assert content["sequence"] == number + 1, f"entry {number + 1} is missing"
        assert before in {None, content["previous"]}, f"entry {number + 1}: chain"
        assert hashlib.sha256(text.encode()).hexdigest() == seal, f"entry {number + 1}"
        before, number = seal, content["sequence"]
    return number


def check_no_half(connection: Connection) -> None:
    """Fail if anything is there without the audit entry of its command."""
    lines = "WHERE NOT EXISTS (SELECT 1 FROM transactions t WHERE t.txn = p.txn)"
    for question in (
        (
            "SELECT txn FROM transactions t WHERE NOT EXISTS "
            "(SELECT 1 FROM audit a WHERE a.sequence = t.sequence)"
        ),
        f"SELECT txn FROM mass_postings p {lines}",  # noqa: S608 - our own text
        f"SELECT txn FROM money_postings p {lines}",  # noqa: S608 - our own text
    ):
        assert not ask(connection, question), question


def fingerprint(connection: Connection, tables: Iterable[str]) -> str:
    """Return a digest of all rows of some tables."""
    seen = hashlib.sha256()
    for table in sorted(tables):
        rows = ask(connection, f'SELECT * FROM "{table}"')  # noqa: S608 - from the schema
        for line in sorted(repr(tuple(row)) for row in rows):
            seen.update(line.encode())
    return seen.hexdigest()
