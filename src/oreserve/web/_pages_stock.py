# SPDX-License-Identifier: Apache-2.0
"""Overview, stock by item with its cover, lots and their history."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from oreserve.web._forms import Field, Option
from oreserve.web._grids import Grid, grid
from oreserve.web._visit import Block, Entry, Visit
from oreserve.web._words import NO_DATA, heading, item_name, money, shown, tonnes

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from starlette.responses import Response

__all__ = [
    "facts_of",
    "item_page",
    "list_grid",
    "lot_page",
    "lots_page",
    "overview",
    "stock_page",
]

DAYS_PER_YEAR = 365.25
GRAMS_PER_TONNE = 1_000_000
LATE_SHOWN = 8


def overview(visit: Visit) -> Response:
    """Say what is held, what is late, and what waits for whom."""
    stock = visit.rows("stock")
    due = visit.rows("deliveries_due")
    late = [row for row in due if row.get("is_late")]
    releases = visit.rows("release_desk")
    figures: list[Entry] = []
    if visit.reads("stock"):
        held = [row for row in stock if _held(row)]
        lots = sum(int(row["lots"]) for row in stock)
        figures.append(Entry("Items held", str(len(held)), f"in {lots} lots", "/stock"))
    figures += _money_figures(visit)
    if visit.reads("deliveries_due"):
        note = f"{len(late)} of them late" if late else "none late"
        figures.append(Entry("Deliveries to come", str(len(due)), note, "/deliveries"))
    if visit.reads("release_desk"):
        figures.append(
            Entry("Releases in progress", str(len(releases)), "", "/releases")
        )
    blocks = [Block(key=figures)]
    waiting = _waiting(visit)
    if waiting is not None:
        blocks.append(Block("What waits", grid=waiting))
    if late:
        columns = ("delivery", "due_on", "contract", "item", "grams")
        blocks.append(
            Block(
                "Late deliveries",
                grid=grid("Late deliveries", late[:LATE_SHOWN], columns),
            )
        )
    if visit.who.member is not None:
        from oreserve.web._pages_members import own_blocks

        blocks += own_blocks(visit, visit.who.member)
    if stock:
        blocks.append(
            Block("Stock", grid=_stock_grid(visit, [r for r in stock if _held(r)]))
        )
    return visit.page("Overview", blocks)


def _held(row: Mapping[str, Any]) -> int:
    return sum(
        int(row.get(f"{k}_grams") or 0) for k in ("strategic", "industrial", "custody")
    )


def _money_figures(visit: Visit) -> list[Entry]:
    rows = visit.rows("budget")
    if not rows or "ceiling_cents" not in rows[0]:
        return []
    row = rows[0]
    return [
        Entry(
            "Appropriated",
            money(row["appropriated_cents"] - row["lapsed_cents"]),
            f"{money(row['unobligated_cents'])} not yet obligated",
            "/contracts",
        ),
        Entry(
            "Ceilings in force",
            money(row["ceiling_cents"]),
            f"{money(row['ordered_cents'])} of funded orders",
            "/contracts",
        ),
    ]


def _waiting(visit: Visit) -> Grid | None:
    """List what a person of this role is asked to decide or do."""
    found: list[dict[str, object]] = []

    def add(what: str, name: object, href: str, who: str, since: object = None) -> None:
        found.append(
            {"what": what, "name": str(name), "_href": href, "who": who, "since": since}
        )

    for row in visit.rows("orders", status="draft"):
        order = row["order_id"]
        decided = visit.rows("approvals", subject=f"order:{order}")
        step = "fund_order" if decided else "approve_order"
        add(
            "Order to fund" if decided else "Order to approve",
            order,
            f"/orders/{order}",
            visit.who_may(step),
            row.get("drafted_on"),
        )
    for row in visit.rows("deliveries", status="delivered"):
        add(
            "Delivery to inspect",
            row["delivery"],
            f"/deliveries/{row['delivery']}",
            visit.who_may("accept_delivery"),
            row.get("delivered_on"),
        )
    for row in visit.rows("deliveries", status="accepted"):
        add(
            "Delivery to pay",
            row["delivery"],
            f"/deliveries/{row['delivery']}",
            visit.who_may("pay_delivery"),
            row.get("delivered_on"),
        )
    for row in visit.rows("settlements", status="computed"):
        add(
            "Settlement to approve",
            f"{row['contract']} {row['quarter']}",
            f"/settlements/{row['contract']}/{row['quarter']}",
            visit.who_may("approve_settlement"),
        )
    for release in visit.rows("release_desk"):
        step = str(release["next_step"])
        add(
            f"Release to {step.partition('_')[0]}",
            release["release_id"],
            f"/releases/{release['release_id']}",
            visit.who_may(step),
            str(release["requested_at"])[:10],
        )
    for duty in visit.rows("duties_open", is_overdue=True):
        add(
            "Duty overdue",
            duty["duty"],
            f"/view/duties/{duty['duty']}",
            str(duty["member"] or visit.who_may("replenish")),
            duty["due_on"],
        )
    if not found and not visit.reads("orders", "release_desk"):
        return None
    return grid(
        "What waits, and for whom",
        found,
        ("name", "what", "who", "since"),
        headings={"name": "Which", "what": "What", "who": "For"},
        links={"name": lambda row: str(row["_href"])},
        empty="Nothing waits.",
    )


def stock_page(visit: Visit) -> Response:
    """Show stock by item and for how long it would last."""
    rows = visit.rows("stock")
    everything = visit.request.query_params.get("all") == "yes"
    shown_rows = (
        rows
        if everything
        else [
            r
            for r in rows
            if _held(r) or r.get("on_order_grams") or r.get("open_duty_grams")
        ]
    )
    hidden = len(rows) - len(shown_rows)
    note = "Cover is stock over the yearly demand of the attached study."
    if not visit.state.settings.demand_t_per_year:
        note = "Cover is no data: no study with demands is attached."
    blocks = [
        Block(
            filters=[
                Field(
                    "all",
                    "f-all",
                    "Items",
                    "select",
                    "yes" if everything else "",
                    required=True,
                    options=(
                        Option("", "held, on order or owed"),
                        Option("yes", "all"),
                    ),
                )
            ],
            grid=_stock_grid(visit, shown_rows, csv=True),
            note=note
            + (f" {hidden} items without stock are not listed." if hidden else ""),
            offers=[
                *visit.offer("receive_lot", "Receive a lot"),
                *visit.offer("add_items", "Add items"),
            ],
        )
    ]
    return visit.page("Stock", blocks, lead="What is held, by item and by whose it is.")


def _stock_grid(
    visit: Visit, rows: Sequence[Mapping[str, Any]], *, csv: bool = False
) -> Grid:
    demand = visit.state.settings.demand_t_per_year
    lines: list[Mapping[str, Any]] = []
    for row in rows:
        line: dict[str, Any] = dict(row)
        line["cover_days"] = _cover_days(row, demand.get(str(row["item"])))
        lines.append(line)
    return grid(
        "Stock by item",
        lines,
        (
            "item",
            "basis",
            "strategic_grams",
            "industrial_grams",
            "custody_grams",
            "on_order_grams",
            "entitled_grams",
            "open_duty_grams",
            "cover_days",
            "inventory_cents",
        ),
        headings={
            "cover_days": "Cover, days",
            "entitled_grams": "Entitled",
            "open_duty_grams": "Owed by members",
            "inventory_cents": "At cost",
        },
        empty="No stock yet.",
        csv="/api/v1/stock" if csv else "",
    )


def _cover_days(row: Mapping[str, Any], demand_t: float | None) -> int | None:
    """Return the days that stock lasts at the study's demand; None is no data."""
    if not demand_t or demand_t <= 0:
        return None
    return round(_held(row) / GRAMS_PER_TONNE / demand_t * DAYS_PER_YEAR)


def item_page(visit: Visit, item: str) -> Response:
    """Show one item: its stock, lots, what is on order and who is entitled."""
    row = visit.one("items", item=item)
    stock: dict[str, Any] = {}
    if visit.reads("stock"):
        stock = visit.one("stock", item=item)
    demand = visit.state.settings.demand_t_per_year.get(item)
    days = _cover_days(stock, demand) if stock else None
    figures = [
        Entry("Strategic", tonnes(stock.get("strategic_grams"))),
        Entry("Industrial", tonnes(stock.get("industrial_grams"))),
        Entry("In custody for others", tonnes(stock.get("custody_grams"))),
        Entry("On order", tonnes(stock.get("on_order_grams"))),
        Entry(
            "Cover",
            f"{days} days" if days is not None else NO_DATA,
            "" if demand is None else f"at {demand:,.0f} t a year",
            none=days is None,
        ),
    ]
    blocks = [
        Block(
            key=figures if stock else (), facts=facts_of(row, skip={"item", "version"})
        ),
        Block(
            "Lots",
            grid=list_grid(visit, "lots", _LOT_COLUMNS, item=item),
            offers=visit.offer("receive_lot", "Receive a lot", item=item),
        ),
    ]
    for title, view, columns in (
        ("Contracts", "contracts", ("contract", "title", "producer", "rung")),
        (
            "Entitlements",
            "entitlements",
            ("member", "grams", "inventory_price_cents_per_t"),
        ),
        (
            "Duties to replenish",
            "duties",
            ("duty", "member", "open_grams", "due_on", "status"),
        ),
        ("Releases", "releases", ("release_id", "grams", "ground", "status")),
    ):
        if visit.reads(view):
            table = list_grid(visit, view, columns, item=item)
            if table.rows:
                blocks.append(Block(title, grid=table))
    blocks.append(Block(offers=visit.offers("item", row)))
    return visit.page(item_name(item), blocks, trail=[("Stock", "/stock")])


_LOT_COLUMNS = (
    "lot",
    "item",
    "grams",
    "purity",
    "origin_country",
    "producer",
    "certificate",
    "certificate_expires_on",
    "depot",
    "owner",
    "received_on",
    "status",
)


def list_grid(
    visit: Visit,
    view: str,
    columns: Sequence[str],
    *,
    csv: bool = True,
    **where: object,
) -> Grid:
    """Lay out the rows of a view that this person may see."""
    return _rows_grid(visit, view, columns, where, csv=csv)


def _rows_grid(
    visit: Visit,
    view: str,
    columns: Sequence[str],
    where: Mapping[str, object],
    *,
    csv: bool = True,
) -> Grid:
    rows = visit.rows(view, **where)
    query = "&".join(f"{name}={value}" for name, value in where.items())
    return grid(
        heading(view),
        rows,
        columns,
        csv=f"/api/v1/{view}" if csv else "",
        query=f"?{query}" if query else "",
    )


def facts_of(
    row: Mapping[str, Any], *, skip: set[str] | frozenset[str] = frozenset()
) -> list[Entry]:
    """Return the columns of one row as facts."""
    from oreserve.web._grids import link_to

    return [
        Entry(
            heading(name),
            shown(name, value),
            href=link_to(name, value),
            none=value is None,
        )
        for name, value in row.items()
        if name not in skip
    ]


def lots_page(visit: Visit) -> Response:
    """Show lots, filtered by the address."""
    asked = visit.request.query_params
    where = {n: asked[n] for n in ("item", "depot", "owner", "status") if asked.get(n)}
    where.setdefault("status", "held")
    if where["status"] == "any":
        del where["status"]
    filters = [
        _choice(visit, "item", "items", where),
        _choice(visit, "depot", "depots", where),
        _choice(visit, "owner", "owners", where),
        Field(
            "status",
            "f-status",
            "State",
            "select",
            asked.get("status", "held"),
            required=True,
            options=(
                Option("held", "held"),
                Option("spent", "spent"),
                Option("any", "any"),
            ),
        ),
    ]
    blocks = [
        Block(
            filters=filters,
            grid=_rows_grid(visit, "lots", _LOT_COLUMNS, where),
            offers=[
                *visit.offer("receive_lot", "Receive a lot"),
                *visit.offer("blend_lots", "Blend lots"),
                *visit.offer("upgrade_lots", "Upgrade lots"),
            ],
        )
    ]
    return visit.page("Lots", blocks)


def _choice(visit: Visit, name: str, view: str, where: Mapping[str, str]) -> Field:
    options = tuple(
        Option(str(row[name]), shown(name, row[name])) for row in visit.rows(view)
    )
    return Field(
        name,
        f"f-{name}",
        heading(name),
        "select",
        where.get(name, ""),
        options=(Option("", "any"), *options),
        required=True,
    )


def lot_page(visit: Visit, lot: str) -> Response:
    """Show one lot with every posting that ever moved it."""
    row = visit.one("lots", lot=lot)
    figures = [
        Entry("Held now", tonnes(row["grams"])),
        Entry("At first", tonnes(row["initial_grams"])),
        Entry("State", row["status"]),
    ]
    if "cost_cents" in row:
        figures.insert(2, Entry("Cost", money(row["cost_cents"])))
    skip = {"lot", "grams", "initial_grams", "status", "version", "cost_cents"}
    blocks = [Block(key=figures, facts=facts_of(row, skip=skip))]
    if visit.reads("mass_postings", "transactions"):
        blocks.append(Block("History by the ledger", grid=_history(visit, lot)))
    else:
        blocks.append(
            Block(
                "History", note=f"Postings are shown to {visit.who_may('read_ledger')}."
            )
        )
    never = frozenset() if row["status"] == "held" else frozenset(_ONLY_HELD)
    blocks.append(Block(offers=visit.offers("lot", row, never=never)))
    return visit.page(f"Lot {lot}", blocks, trail=[("Lots", "/lots")])


_ONLY_HELD = (
    "split_lot",
    "rotate_lot",
    "relocate_lot",
    "recount_lot",
    "renew_certificate",
    "assay_lot",
)


def _history(visit: Visit, lot: str) -> Grid:
    postings = visit.rows("mass_postings", lot=lot)
    times = {}
    for txn in {row["txn"] for row in postings}:
        found = visit.one("transactions", txn=txn)
        times[txn] = (found["sequence"], found["at"], found["kind"], found["reverses"])
    lines = sorted(
        (
            {
                "sequence": times[row["txn"]][0],
                "at": times[row["txn"]][1],
                "kind": times[row["txn"]][2],
                "account": row["account"],
                "grams": row["grams"],
                "txn": row["txn"],
                "reverses": times[row["txn"]][3] or "",
            }
            for row in postings
        ),
        key=lambda line: (int(str(line["sequence"])), str(line["txn"])),
    )
    return grid(
        "Postings of the lot",
        lines,
        ("at", "kind", "account", "grams", "txn", "reverses", "sequence"),
        headings={"sequence": "Entry"},
        csv="/api/v1/mass_postings",
        query=f"?lot={lot}",
        hide=frozenset() if visit.reads("audit") else frozenset({"sequence"}),
        links={"txn": lambda row: f"/ledger/{row['txn']}"},
    )
