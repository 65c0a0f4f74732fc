# SPDX-License-Identifier: Apache-2.0
"""Contracts with ceilings against money, their orders and deliveries."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from oreserve.web._charts import MoneyBar, money_bars
from oreserve.web._deliveries import (
    absent_text,
    delivery_stage,
    open_grams,
    order_stage,
    staged,
)
from oreserve.web._forms import Field, Option
from oreserve.web._grids import Grid, decision_grid, grid
from oreserve.web._pages_settlements import settlement_grid
from oreserve.web._pages_stock import facts_of, list_grid
from oreserve.web._visit import Block, Entry, Visit
from oreserve.web._words import (
    date_text,
    item_name,
    money,
    price,
    tonnes,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from markupsafe import Markup
    from starlette.responses import Response


__all__ = [
    "contract_page",
    "contracts_page",
    "deliveries_page",
    "delivery_page",
    "order_page",
]


def contracts_page(visit: Visit) -> Response:
    """Show every contract, and ceilings against money."""
    contracts = _with_open(visit, visit.rows("contracts"))
    lines = visit.rows("ceilings_against_money")
    blocks = _budget(visit)
    drawing, legend = _drawing(lines)
    if drawing:
        blocks.append(
            Block(
                "Ceilings against money",
                svg=drawing,
                legend=legend,
                twin=_money_grid(lines, "Ceilings against money"),
            )
        )
    blocks.append(
        Block(
            "Contracts",
            grid=grid(
                "Contracts",
                contracts,
                (
                    "contract",
                    "title",
                    "producer",
                    "item",
                    "rung",
                    "open_grams",
                    "purpose",
                    "rule_kind",
                    "from_on",
                    "until_on",
                    "ceiling_cents",
                    "ceiling_grams",
                ),
                headings={"rung": "Highest step", "open_grams": "Open deliveries"},
                csv="/api/v1/contracts",
                empty="No contracts yet.",
            ),
            offers=[
                *visit.offer("draft_contract", "Draft a contract"),
                *visit.offer("appropriate", "Appropriate money"),
                *visit.offer("add_producer", "Add a producer"),
            ],
        )
    )
    if visit.reads("appropriations"):
        blocks.append(
            Block(
                "Appropriations",
                grid=list_grid(
                    visit,
                    "appropriations",
                    ("appropriation", "title", "cents", "until_on"),
                ),
            )
        )
    return visit.page(
        "Contracts",
        blocks,
        lead="A ceiling is not money; ordered, accepted and paid stand inside it.",
    )


def _with_open(
    visit: Visit, contracts: Sequence[Mapping[str, Any]]
) -> list[dict[str, Any]]:
    """Return contracts with what their funded orders still have to bring, g."""
    if not visit.reads("deliveries", "orders"):
        return [dict(row) for row in contracts]
    of = {
        order["order_id"]: order["contract"]
        for order in visit.rows("orders", status="funded")
    }
    waiting = [
        row
        for status in ("due", "delivered")
        for row in visit.rows("deliveries", status=status)
    ]
    found: dict[str, int] = {}
    for row in waiting:
        if row["order_id"] in of:
            name = of[row["order_id"]]
            found[name] = found.get(name, 0) + row["grams"]
    return [{**row, "open_grams": found.get(row["contract"], 0)} for row in contracts]


def _budget(visit: Visit) -> list[Block]:
    """Return all ceilings against all money, in one row of figures."""
    rows = visit.rows("budget")
    if not rows or "ceiling_cents" not in rows[0]:
        return []
    row = rows[0]
    ratio = row["ceilings_per_appropriation_ratio"]
    times = "no money voted" if ratio is None else f"{ratio:.3g} times the money voted"
    figures = [
        Entry("Ceilings in force", money(row["ceiling_cents"]), times),
        Entry("Appropriated", money(row["appropriated_cents"] - row["lapsed_cents"])),
        Entry("Not yet obligated", money(row["unobligated_cents"])),
        Entry("Funded orders", money(row["ordered_cents"])),
        Entry("Accepted", money(row["accepted_cents"])),
        Entry("Paid", money(row["paid_cents"])),
    ]
    return [Block(key=figures)]


def _drawing(lines: Sequence[Mapping[str, Any]]) -> tuple[Markup | str, str]:
    priced = [line for line in lines if "ceiling_cents" in line and line["is_in_force"]]
    priced.sort(key=lambda line: (-(line["ceiling_cents"] or 0), line["contract"]))
    bars = [
        MoneyBar(
            f"{line['contract']} {item_name(line['item'])}",
            line["ceiling_cents"],
            line["ordered_cents"],
            line["accepted_cents"],
            line["paid_cents"],
        )
        for line in priced
    ]
    text = (
        "Contracts in force: the outline is the ceiling; inside it what is ordered and "
        "funded, accepted, and paid."
    )
    return money_bars(bars, title="Ceilings against money", description=text), text


_MONEY_COLUMNS = (
    "contract",
    "title",
    "rung",
    "ceiling_cents",
    "minimum_cents",
    "obligated_cents",
    "ordered_cents",
    "delivered_cents",
    "accepted_cents",
    "paid_cents",
)
_MONEY_WORDS = {
    "rung": "Highest step",
    "minimum_cents": "Bound minimum",
    "ordered_cents": "Funded orders",
}


def _money_grid(lines: Sequence[Mapping[str, Any]], caption: str) -> Grid:
    return grid(
        caption,
        lines,
        _MONEY_COLUMNS,
        headings=_MONEY_WORDS,
        empty="No contracts yet.",
        csv="/api/v1/ceilings_against_money",
    )


def contract_page(visit: Visit, contract: str) -> Response:
    """Show one contract: terms, orders, schedule, settlements, how it went up."""
    row = visit.one("contracts", contract=contract)
    (line,) = visit.rows("ceilings_against_money", contract=contract)
    figures = [
        Entry("Highest step", row["rung"].replace("_", " ")),
        Entry("Item", item_name(row["item"])),
    ]
    if "ceiling_cents" in line:
        ceiling = line["ceiling_cents"]
        figures += [
            Entry("Ceiling", money(ceiling), none=ceiling is None),
            Entry("Funded orders", money(line["ordered_cents"])),
            Entry("Accepted", money(line["accepted_cents"])),
            Entry("Paid", money(line["paid_cents"])),
        ]
    orders = visit.rows("orders", contract=contract)
    deliveries = [
        delivery
        for order in orders
        for delivery in visit.rows("deliveries", order_id=order["order_id"])
    ]
    deliveries.sort(key=lambda one: (one["due_on"], one["delivery"]))
    if visit.reads("deliveries"):
        funded = frozenset(o["order_id"] for o in orders if o["status"] == "funded")
        figures.insert(
            1, Entry("Open deliveries", tonnes(open_grams(deliveries, funded)))
        )
    states = {order["order_id"]: order["status"] for order in orders}
    deliveries = staged(deliveries, states, _today(visit))
    orders = [{**one, "status": order_stage(visit, one)[0]} for one in orders]
    settles = (row["purpose"], row["rule_kind"]) != ("purchase", "fixed")
    skip = {"contract", "title", "version", "rung"}
    empty = {name for name, value in row.items() if value is None}
    blocks = [
        Block(
            key=figures,
            facts=facts_of(row, skip=skip | empty),
            offers=[
                *visit.offer("draft_order", "Draft an order", contract=contract),
                *visit.offers(
                    "contract",
                    row,
                    first=("move_contract", "record_volumes"),
                    never=_NEVER if settles else _NEVER | {"record_volumes"},
                ),
                *(
                    visit.offer(
                        "compute_settlement", "Compute a settlement", contract=contract
                    )
                    if settles
                    else ()
                ),
            ],
        ),
        Block(
            "Orders",
            grid=grid(
                "Orders",
                orders,
                (
                    "order_id",
                    "grams",
                    "cancelled_grams",
                    "price_cents_per_t",
                    "amount_cents",
                    "quarter",
                    "drafted_by",
                    "drafted_on",
                    "status",
                ),
                links={"order_id": lambda o: f"/orders/{o['order_id']}"},
                empty="No orders yet.",
                csv="/api/v1/orders",
                query=f"?contract={contract}",
            ),
        ),
        Block("Schedule of deliveries", grid=_delivery_grid(deliveries)),
    ]
    statement = visit.rows("contract_statement", contract=contract)
    if statement:
        blocks.append(
            Block(
                "Statement",
                grid=grid(
                    "What was invoiced and settled, and what is open",
                    statement,
                    (
                        "line",
                        "kind",
                        "grams",
                        "gross_cents",
                        "penalty_cents",
                        "amount_cents",
                        "paid_cents",
                        "open_cents",
                        "status",
                    ),
                    csv="/api/v1/contract_statement",
                    query=f"?contract={contract}",
                ),
            )
        )
    settlements = visit.rows("settlements", contract=contract)
    volumes = visit.rows("volumes", contract=contract)
    if settlements or volumes:
        blocks.append(Block("Settlements", grid=settlement_grid(settlements)))
        blocks.append(
            Block(
                "Volumes",
                grid=grid(
                    "Designated volumes", volumes, ("quarter", "designation", "grams")
                ),
            )
        )
    blocks.append(
        Block(
            "Steps on the ladder",
            grid=list_grid(
                visit,
                "contract_steps",
                ("line", "rung", "at", "note"),
                csv=False,
                contract=contract,
            ),
        )
    )
    return visit.page(
        f"{contract}: {row['title']}", blocks, trail=[("Contracts", "/contracts")]
    )


_NEVER = frozenset({"draft_contract"})


def order_page(visit: Visit, order_id: str) -> Response:
    """Show one order: who approved it, its deliveries, and what can be done."""
    row = visit.one("orders", order_id=order_id)
    contract = visit.one("contracts", contract=row["contract"])
    approvals = visit.rows("approvals", subject=f"order:{order_id}")
    stage, decided = order_stage(visit, row)
    figures = [
        Entry("State", stage),
        Entry("Mass", tonnes(row["grams"])),
    ]
    if "amount_cents" in row:
        figures += [
            Entry("Price", price(row["price_cents_per_t"])),
            Entry("Amount", money(row["amount_cents"])),
        ]
    deliveries = visit.rows("deliveries", order_id=order_id)
    deliveries = staged(deliveries, {order_id: row["status"]}, _today(visit))
    allowed = _ORDER_STATES.get(row["status"], frozenset())
    if visit.who.user in decided:
        allowed -= {"approve_order"}
    never = frozenset(n for n in _ORDER_COMMANDS if n not in allowed)
    offers = visit.offers(
        "order", row, first=("approve_order", "fund_order", "close_order"), never=never
    )
    note = f"{row['drafted_by']} drafted it and may not approve it."
    if not offers:
        waiting = " or ".join(visit.who_may(name) for name in sorted(allowed))
        note += f" What comes next is for {waiting or 'nobody'}."
    blocks = [
        Block(
            key=figures,
            facts=facts_of(
                row,
                skip={
                    "order_id",
                    "version",
                    "grams",
                    "price_cents_per_t",
                    "amount_cents",
                    "status",
                },
            ),
        ),
        Block("Decisions", grid=decision_grid(approvals), offers=offers, note=note),
        Block(
            "Deliveries",
            grid=_delivery_grid(deliveries),
        ),
    ]
    trail = [
        ("Contracts", "/contracts"),
        (contract["contract"], f"/contracts/{contract['contract']}"),
    ]
    return visit.page(f"Order {order_id}", blocks, trail=trail)


_ORDER_COMMANDS = (
    "approve_order",
    "fund_order",
    "adjust_order_price",
    "cancel_order",
    "close_order",
)
_ORDER_STATES = {
    "draft": frozenset({"approve_order", "fund_order", "cancel_order"}),
    "funded": frozenset({"adjust_order_price", "cancel_order", "close_order"}),
}


def _delivery_grid(rows: Sequence[Mapping[str, Any]]) -> Grid:
    return grid(
        "Deliveries",
        rows,
        (
            "delivery",
            "due_on",
            "order_id",
            "grams",
            "status",
            "delivered_on",
            "delivered_grams",
            "accepted_grams",
            "late_days",
            "penalty_cents",
            "amount_cents",
            "paid_cents",
            "lot",
        ),
        headings={"paid_cents": "Paid", "late_days": "Days late"},
        links={
            "delivery": lambda d: f"/deliveries/{d['delivery']}",
            "order_id": lambda d: f"/orders/{d['order_id']}",
        },
        empty="No deliveries scheduled.",
        absent=absent_text,
    )


def _today(visit: Visit) -> str:
    """Return the day of the reserve's clock."""
    return visit.state.reserve.clock().date().isoformat()


def deliveries_page(visit: Visit) -> Response:
    """Show deliveries due first, then those in any state that is asked for."""
    asked = visit.request.query_params.get("status", "")
    states = ("due", "delivered", "accepted", "rejected", "paid", "cancelled")
    where = {"status": asked} if asked in states else {}
    due = visit.rows("deliveries_due")
    orders = {one["order_id"]: one["status"] for one in visit.rows("orders")}
    blocks = [
        Block(
            "Due",
            grid=grid(
                "Deliveries due",
                due,
                (
                    "due_on",
                    "delivery",
                    "contract",
                    "producer",
                    "item",
                    "grams",
                    "late_days",
                    "is_late",
                ),
                headings={"is_late": "Late"},
                links={"delivery": lambda d: f"/deliveries/{d['delivery']}"},
                empty="No delivery is due.",
                csv="/api/v1/deliveries_due",
            ),
        ),
        Block(
            "All deliveries",
            filters=[
                Field(
                    "status",
                    "f-status",
                    "State",
                    "select",
                    asked,
                    required=True,
                    options=(Option("", "any"), *(Option(s, s) for s in states)),
                )
            ],
            grid=_delivery_grid(
                staged(visit.rows("deliveries", **where), orders, _today(visit))
            ),
        ),
    ]
    return visit.page("Deliveries", blocks)


def delivery_page(visit: Visit, delivery: str) -> Response:
    """Show one delivery and the next step."""
    row = visit.one("deliveries", delivery=delivery)
    order = visit.one("orders", order_id=row["order_id"])
    allowed = _DELIVERY_STATES.get(row["status"], frozenset())
    every = frozenset().union(*_DELIVERY_STATES.values())
    offers = visit.offers("delivery", row, never=every - allowed)
    note = ""
    if allowed and not offers:
        who = " or ".join(visit.who_may(name) for name in sorted(allowed))
        note = f"What comes next is for {who}."
    blocks = [
        Block(
            key=[
                Entry("State", delivery_stage(row, order["status"], _today(visit))),
                Entry("Due", date_text(row["due_on"])),
                Entry("Scheduled", tonnes(row["grams"])),
                Entry(
                    "Accepted",
                    absent_text(row, "accepted_grams")
                    if row["accepted_grams"] is None
                    else tonnes(row["accepted_grams"]),
                    none=row["accepted_grams"] is None,
                ),
            ],
            facts=[
                replace(fact, value=absent_text(row, name)) if fact.none else fact
                for name in row
                if name not in _SHOWN_ABOVE
                for fact in facts_of({name: row[name]})
            ],
            offers=offers,
            note=note,
        )
    ]
    trail = [
        ("Contracts", "/contracts"),
        (order["contract"], f"/contracts/{order['contract']}"),
        (row["order_id"], f"/orders/{row['order_id']}"),
    ]
    return visit.page(f"Delivery {delivery}", blocks, trail=trail)


_SHOWN_ABOVE = frozenset(
    {"delivery", "version", "status", "due_on", "grams", "accepted_grams"}
)
_DELIVERY_STATES = {
    "due": frozenset({"record_delivery", "schedule_delivery"}),
    "delivered": frozenset({"accept_delivery"}),
    "accepted": frozenset({"pay_delivery"}),
}
