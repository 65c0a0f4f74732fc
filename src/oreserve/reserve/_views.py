# SPDX-License-Identifier: Apache-2.0
"""What a reserve can be asked: its tables and what is computed from them.

A *view* is a table of the reserve or a select over its tables. The file
``tables/reserve_views.csv`` names each view with its key and with the action of
``reserve_roles.csv`` that it takes to read it.
"""

from __future__ import annotations

import csv
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import BigInteger, Text, case, cast, func, literal, select
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import FunctionElement

from oreserve.reserve._contract_queries import (
    budget,
    ceilings_against_money,
    contract_statement,
)
from oreserve.reserve._reserve_queries import (
    duties_open,
    entitlement_cover,
    market_room,
    member_positions,
    plan_ceilings,
    release_desk,
)
from oreserve.reserve._roles import allows
from oreserve.reserve._schema import OWNER_KINDS, metadata

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from sqlalchemy import ColumnElement, FromClause, Select, Subquery

__all__ = [
    "COLUMN_UNITS",
    "Column",
    "View",
    "column_unit",
    "described",
    "is_price",
    "kind_of",
    "no_prices",
    "ordered",
    "outstanding",
    "source_of",
    "views",
]

COLUMN_UNITS: Final = (
    ("cents_per_t_year", "US cents per t and year"),
    ("cents_per_t", "US cents per t"),
    ("cents", "US cents"),
    ("grams", "g"),
    ("capacity_g", "g"),
    ("_days", "days"),
    ("_share_per_day", "share per day"),
    ("_share", "share, 0-1"),
    ("_rate", "share per year"),
    ("purity", "mass share, 0-1"),
    ("assay", "mass share, 0-1"),
    ("_on", "date"),
    ("_at", "time, UTC"),
)
"""Endings of column names and the unit that they stand for, the first that fits."""


_PRICES_INSIDE: Final = frozenset(
    {
        *("arguments", "effects", "parents", "statement"),
        *("upside_share", "ceilings_per_appropriation_ratio"),
    }
)
"""Columns of JSON that hold amounts, and ratios that tell how amounts compare."""


@dataclass(frozen=True)
class View:
    """One thing that can be read.

    Parameters
    ----------
    name
        Name in addresses and files.
    key
        Columns that name a row and order the rows.
    action
        Action of ``reserve_roles.csv`` that it takes to read all rows.
    own_rows
        How a member's own rows are found: columns that hold the member, separated
        by ``|``, `claims` for the draws of its claims, ``*`` for all rows; empty:
        members see none.
    description
        One line for a reader.
    """

    name: str
    key: tuple[str, ...]
    action: str
    own_rows: str
    description: str


@dataclass(frozen=True)
class Column:
    """A column of a page: its name, its type and its unit."""

    name: str
    type: str
    unit: str


def source_of(view: str, today: str) -> FromClause:
    """Return the table of a view, or the select that computes it for a day."""
    computed = _COMPUTED.get(view)
    return metadata.tables[view] if computed is None else computed(today)


@cache
def views() -> dict[str, View]:
    """Return every view by name, sorted."""
    path = resources.files("oreserve.tables") / "reserve_views.csv"
    rows = csv.DictReader(path.read_text(encoding="utf-8").splitlines())
    found = [
        View(
            name=row["view"],
            key=tuple(row["key"].split("|")),
            action=row["action"],
            own_rows=row["own_rows"],
            description=row["description"],
        )
        for row in rows
    ]
    return {view.name: view for view in sorted(found, key=lambda one: one.name)}


def is_price(column: str) -> bool:
    """Return whether a column tells money or a price, in its name or inside a text."""
    return "cents" in column.split("_") or column in _PRICES_INSIDE


def no_prices(result: Any, roles: Iterable[str]) -> Any:
    """Return a command's result as persons with these roles may see it.

    Without ``read_prices`` every member that tells money is left out, however deep.

    Examples
    --------
    >>> no_prices({"lot": "L", "parts": [{"cost_cents": 5, "grams": 1}]}, {"inspector"})
    {'lot': 'L', 'parts': [{'grams': 1}]}
    """
    return result if allows(roles, "read_prices") else _priceless(result)


def _priceless(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {
            name: _priceless(inner)
            for name, inner in value.items()
            if not is_price(str(name))
        }
    if isinstance(value, list | tuple):
        return [_priceless(inner) for inner in value]
    return value


def column_unit(column: str, kind: str = "number") -> str:
    """Return the unit that a column's name stands for; empty: none.

    A text has one only where it is a date or a time.
    """
    for ending, unit in COLUMN_UNITS:
        if kind == "text" and not ending.startswith(("_on", "_at")):
            continue
        if column == ending.lstrip("_") or column.endswith(ending):
            return unit
    return ""


def described(column: Any) -> Column:
    """Return the name, type and unit of a column of the database."""
    kind = kind_of(column)
    return Column(column.name, kind, column_unit(column.name, kind))


def kind_of(column: Any) -> str:
    """Return text, integer, number or boolean."""
    kind = column.type.python_type
    names = {bool: "boolean", int: "integer", float: "number", str: "text"}
    return names[kind]


class _Bytewise(FunctionElement[str]):
    """A text in the order of its bytes, which both databases share."""

    name = "bytewise"
    type = Text()
    inherit_cache = True


@compiles(_Bytewise)
def _plain(element: _Bytewise, compiler: Any, **more: Any) -> str:
    return str(compiler.process(element.clauses, **more))  # SQLite: bytes already


@compiles(_Bytewise, "postgresql")
def _collated(element: _Bytewise, compiler: Any, **more: Any) -> str:
    return f'({compiler.process(element.clauses, **more)}) COLLATE "C"'


def ordered(column: Any) -> ColumnElement[Any]:
    """Return what a column is ordered and compared by."""
    return _Bytewise(column) if kind_of(column) == "text" else column


# --- Computed views ---------------------------------------------------------------


def _sum(column: ColumnElement[Any], name: str) -> Any:
    """Return a sum as a whole number, 0 where nothing is summed."""
    return cast(func.coalesce(func.sum(column), 0), BigInteger).label(name)


def _stock(_today: str) -> Subquery:
    """Compute stock by item: whose it is, what is owed and what is on order."""
    items, lots, owners = (metadata.tables[n] for n in ("items", "lots", "owners"))
    held = (
        select(
            lots.c.item,
            *(
                _sum(case((owners.c.kind == kind, lots.c.grams), else_=0), f"{kind}")
                for kind in OWNER_KINDS
            ),
            cast(func.count(), BigInteger).label("lots"),
        )
        .join(owners, owners.c.owner == lots.c.owner)
        .where(lots.c.status == "held")
        .group_by(lots.c.item)
        .subquery()
    )
    entitlements, duties = metadata.tables["entitlements"], metadata.tables["duties"]
    entitled = _by_item(entitlements.c.item, entitlements.c.grams)
    owed = _by_item(duties.c.item, duties.c.open_grams, duties.c.status == "open")
    expected = outstanding("due", "delivered").subquery()
    coming = _by_item(expected.c.item, expected.c.grams)
    money = metadata.tables["money_postings"]
    worth = (
        select(cast(func.coalesce(func.sum(money.c.cents), 0), BigInteger))
        .where(money.c.account == literal("inventory:") + items.c.item)
        .scalar_subquery()
    )
    zero = literal(0, BigInteger)
    return (
        select(
            items.c.item,
            items.c.mineral,
            items.c.form,
            items.c.basis,
            *(
                func.coalesce(held.c[kind], zero).label(f"{kind}_grams")
                for kind in OWNER_KINDS
            ),
            func.coalesce(held.c.lots, zero).label("lots"),
            func.coalesce(entitled.c.grams, zero).label("entitled_grams"),
            func.coalesce(owed.c.grams, zero).label("open_duty_grams"),
            func.coalesce(coming.c.grams, zero).label("on_order_grams"),
            worth.label("inventory_cents"),
        )
        .select_from(
            items.outerjoin(held, held.c.item == items.c.item)
            .outerjoin(entitled, entitled.c.item == items.c.item)
            .outerjoin(owed, owed.c.item == items.c.item)
            .outerjoin(coming, coming.c.item == items.c.item)
        )
        .subquery()
    )


def _by_item(item: Any, grams: Any, *conditions: ColumnElement[bool]) -> Subquery:
    query = select(item.label("item"), _sum(grams, "grams")).where(*conditions)
    return query.group_by(item).subquery()


def outstanding(*statuses: str) -> Select[Any]:
    """Select deliveries of funded orders that are no lots yet.

    What has been delivered and waits for inspection counts with what arrived.
    """
    deliveries, orders, contracts, producers, owners = (
        metadata.tables[n]
        for n in ("deliveries", "orders", "contracts", "producers", "owners")
    )
    return (
        select(
            deliveries.c.due_on,
            deliveries.c.delivery,
            orders.c.order_id,
            contracts.c.contract,
            contracts.c.title,
            contracts.c.producer,
            producers.c.country,
            contracts.c.item,
            contracts.c.owner,
            owners.c.kind.label("owner_kind"),
            deliveries.c.status,
            func.coalesce(deliveries.c.delivered_grams, deliveries.c.grams).label(
                "grams"
            ),
        )
        .join(orders, orders.c.order_id == deliveries.c.order_id)
        .join(contracts, contracts.c.contract == orders.c.contract)
        .join(producers, producers.c.producer == contracts.c.producer)
        .join(owners, owners.c.owner == contracts.c.owner)
        .where(deliveries.c.status.in_(statuses), orders.c.status == "funded")
    )


def _deliveries_due(today: str) -> Subquery:
    """Compute the deliveries to come, and whether their day has passed."""
    due = outstanding("due").subquery()
    late = case((due.c.due_on < today, True), else_=False).label("is_late")
    return select(*due.c, late).subquery()


_COMPUTED: Final[dict[str, Callable[[str], Subquery]]] = {
    "budget": budget,
    "ceilings_against_money": ceilings_against_money,
    "contract_statement": contract_statement,
    "deliveries_due": _deliveries_due,
    "duties_open": duties_open,
    "entitlement_cover": entitlement_cover,
    "market_room": market_room,
    "member_positions": member_positions,
    "plan_ceilings": plan_ceilings,
    "release_desk": release_desk,
    "stock": _stock,
}
"""Views that are computed: the day to the select."""
