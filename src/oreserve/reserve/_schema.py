# SPDX-License-Identifier: Apache-2.0
"""Tables of the operated reserve, one definition for both databases.

Masses are integer grams, money integer US cents, prices integer cents per tonne,
dates ``YYYY-MM-DD``, times RFC 3339 in UTC with microseconds: text and integers
have the same bytes on SQLite and PostgreSQL, so an entry hashes alike on both.
Only shares and purities are floating numbers.

A table's ``info["part"]`` says how it is treated: ``business`` tables are written
by commands alone and replayed by verify, ``journal`` is the audit chain, and
``access`` tables (passwords, sessions, tokens) stay outside audit and replay.
"""

from __future__ import annotations

from typing import Any, Final

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Double,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    Table,
    Text,
    UniqueConstraint,
)

from oreserve.contracts import KINDS, RUNGS

__all__ = [
    "ACCESS",
    "APPEND_ONLY",
    "BUSINESS",
    "CLASSES",
    "OWNER_KINDS",
    "SEALED",
    "metadata",
]

metadata: Final = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
        "pk": "pk_%(table_name)s",
    }
)

OWNER_KINDS: Final = ("strategic", "industrial", "custody")
"""Whose metal a lot is: the strategic reserve's, the industrial one's, a keeper's."""

CLASSES: Final = ("defence", "essential", "other")
"""Classes of claimants in their order of release, as in a study's demands."""

# Byte order, as SQLite and Python sort: no result may depend on a server's locale.
TEXT: Final = Text().with_variant(Text(collation="C"), "postgresql")

# On SQLite the sequence is the row's own address, elsewhere an eight-byte integer.
SEQUENCE: Final = BigInteger().with_variant(Integer(), "sqlite")


def _key(name: str, references: str | None = None, **more: Any) -> Column[Any]:
    """Return a text column of the primary key."""
    return _text(name, references, primary_key=True, **more)


def _text(
    name: str, references: str | None = None, *, null: bool = False, **more: Any
) -> Column[Any]:
    """Return a text column, filled unless said otherwise."""
    links = [ForeignKey(references)] if references else []
    return Column(name, TEXT, *links, nullable=null, **more)


def _whole(name: str, *, null: bool = False, **more: Any) -> Column[Any]:
    """Return an eight-byte integer: grams, cents, cents per tonne, days, ranks."""
    return Column(name, BigInteger, nullable=null, **more)


def _share(name: str, *, null: bool = True) -> Column[Any]:
    """Return a floating column for a share or an assay."""
    return Column(name, Double, nullable=null)


def _flag(name: str) -> Column[Any]:
    """Return a yes-or-no column."""
    return Column(name, Boolean, nullable=False)


def _version() -> Column[Any]:
    """Return the column that rises by one with every change of the row."""
    return Column("version", BigInteger, nullable=False)


def _one_of(column: str, *allowed: str, null: bool = False) -> CheckConstraint:
    """Return a check that a column holds one of the allowed words."""
    words = ", ".join(f"'{word}'" for word in allowed)
    empty = f"{column} IS NULL OR " if null else ""
    return CheckConstraint(f"{empty}{column} IN ({words})", name=column)


def _not_negative(*columns: str) -> list[CheckConstraint]:
    """Return checks that columns never fall below zero."""
    return [CheckConstraint(f"{name} >= 0", name=f"{name}_sign") for name in columns]


def _business(name: str, *parts: Any) -> Table:
    """Return a table that commands write and verify replays."""
    return Table(name, metadata, *parts, info={"part": "business"})


def _access(name: str, *parts: Any) -> Table:
    """Return a table of sign-in, kept outside audit and replay."""
    return Table(name, metadata, *parts, info={"part": "access"})


# --- The journal and who may write it -------------------------------------------

_business("meta", _key("name"), _text("value"))
Table(
    "audit",
    metadata,
    Column("sequence", SEQUENCE, primary_key=True, autoincrement=False),
    _text("at"),
    _text("actor"),
    _text("roles"),
    _text("command"),
    _text("subject", null=True),
    _text("reason"),
    _text("key"),
    _text("arguments"),
    _text("result"),
    _text("effects"),
    _text("previous"),
    _text("hash"),
    UniqueConstraint("actor", "key"),
    Index(None, "subject"),
    info={"part": "journal"},
)
_business(
    "users",
    _key("user"),
    _text("name"),
    _text("email", null=True),
    _text("member", "members.member", null=True),
    _flag("active"),
    _version(),
)
_business("user_roles", _key("user", "users.user"), _key("role"))

_access(
    "credentials",
    _key("user", "users.user"),
    _text("password_hash"),
    _text("changed_at"),
)
_access(
    "sessions",
    _key("session_hash"),
    _text("user", "users.user"),
    _text("created_at"),
    _text("last_seen_at"),
    _text("expires_at"),
    Index(None, "user"),
)
_access(
    "tokens",
    _key("token"),
    _text("user", "users.user"),
    _text("name"),
    _text("token_hash"),
    _text("scopes"),
    _text("created_at"),
    _text("expires_at"),
    _text("last_used_at", null=True),
    _text("revoked_at", null=True),
    UniqueConstraint("token_hash"),
    Index(None, "user"),
)
_access(
    "attempts",
    _key("scope"),
    _key("subject"),
    _whole("failures"),
    _text("since"),
    _text("locked_until", null=True),
    _one_of("scope", "user", "address"),
)
_access(
    "identities",
    _key("issuer"),
    _key("identity"),
    _text("user", "users.user"),
    _text("linked_at"),
)

# --- The ledger -----------------------------------------------------------------
# Postings come first and their transaction last: its insertion seals them, and a
# trigger refuses the seal unless they balance. Hence the references are deferred.


def _txn(name: str = "txn") -> Column[Any]:
    """Return a posting's reference to the transaction that will seal it."""
    link = ForeignKey("transactions.txn", deferrable=True, initially="DEFERRED")
    return Column(name, TEXT, link, primary_key=True, nullable=False)


_business(
    "transactions",
    _key("txn"),
    _whole("sequence"),
    _text("at"),
    _text("kind"),
    Column(
        "reverses",
        TEXT,
        ForeignKey("transactions.txn", deferrable=True, initially="DEFERRED"),
        nullable=True,
    ),
    UniqueConstraint("reverses"),
    Index(None, "sequence"),
)
_business(
    "mass_postings",
    _txn(),
    Column("line", BigInteger, primary_key=True, autoincrement=False),
    _text("account"),
    _text("item", "items.item"),
    _text("lot", "lots.lot", null=True),
    _whole("grams"),
    CheckConstraint("grams <> 0", name="grams_something"),
    Index(None, "account", "item"),
    Index(None, "lot"),
)
_business(
    "money_postings",
    _txn(),
    Column("line", BigInteger, primary_key=True, autoincrement=False),
    _text("account"),
    _whole("cents"),
    CheckConstraint("cents <> 0", name="cents_something"),
    Index(None, "account"),
)

_business(
    "mass_balances",
    _key("account"),
    _key("item", "items.item"),
    _whole("grams"),
)
_business("money_balances", _key("account"), _whole("cents"))

# --- Things ---------------------------------------------------------------------

_business(
    "items",
    _key("item"),
    _text("mineral", null=True),
    _text("stage", null=True),
    _text("form", null=True),
    _text("basis", null=True),
    _text("purity", null=True),
    _whole("storage_cents_per_t_year", null=True),
    _whole("shelf_life_days", null=True),
    _text("study", null=True),
    _version(),
)
_business(
    "depots",
    _key("depot"),
    _text("name"),
    _text("country"),
    _whole("capacity_g", null=True),
    _flag("active"),
    _version(),
    *_not_negative("capacity_g"),
)
_business(
    "owners",
    _key("owner"),
    _text("name"),
    _text("kind"),
    _version(),
    _one_of("kind", *OWNER_KINDS),
)
_business(
    "producers",
    _key("producer"),
    _text("name"),
    _text("country"),
    _text("note", null=True),
    _version(),
)
_business(
    "lots",
    _key("lot"),
    _text("item", "items.item"),
    _text("form", null=True),
    _share("purity"),
    _share("assay"),
    _text("origin_country", null=True),
    _text("producer", "producers.producer", null=True),
    _text("certificate", null=True),
    _text("certificate_expires_on", null=True),
    _text("depot", "depots.depot"),
    _text("owner", "owners.owner"),
    _text("received_on"),
    _text("expires_on", null=True),
    _whole("grams"),
    _whole("initial_grams"),
    _whole("cost_cents"),
    _text("contract", "contracts.contract", null=True),
    _text("parents", null=True),
    _text("status"),
    _version(),
    *_not_negative("grams", "cost_cents"),
    CheckConstraint("initial_grams > 0", name="initial_grams_sign"),
    _one_of("status", "held", "spent"),
    CheckConstraint("(status = 'spent') = (grams = 0)", name="spent_is_empty"),
    Index(None, "item", "owner"),
    Index(None, "depot"),
)

# --- Contracts ------------------------------------------------------------------

_business(
    "qualifications",
    _key("producer", "producers.producer"),
    _key("item", "items.item"),
    _text("status"),
    _text("until_on", null=True),
    _version(),
    _one_of("status", "qualified", "envelope", "plausible", "infeasible", "pending"),
)
_business(
    "index_series",
    _key("series"),
    _text("name"),
    _text("market"),
    _text("source"),
    _version(),
)
_business(
    "index_values",
    _key("series", "index_series.series"),
    _key("quarter"),
    _whole("cents_per_t"),
    _text("source"),
    _version(),
    *_not_negative("cents_per_t"),
)
_business(
    "contracts",
    _key("contract"),
    _text("title"),
    _text("producer", "producers.producer"),
    _text("item", "items.item"),
    _text("owner", "owners.owner"),
    _text("purpose"),
    _text("rung"),
    _whole("ceiling_cents", null=True),
    _whole("ceiling_grams", null=True),
    _whole("minimum_cents", null=True),
    _whole("minimum_grams", null=True),
    _text("from_on"),
    _text("until_on", null=True),
    _text("rule_kind"),
    _whole("floor_cents_per_t", null=True),
    _whole("ceiling_price_cents_per_t", null=True),
    _whole("fixed_cents_per_t", null=True),
    _share("upside_share"),
    _whole("upside_from_cents_per_t", null=True),
    _whole("annual_cap_cents", null=True),
    _text("series", "index_series.series", null=True),
    _whole("grace_days"),
    _share("late_share_per_day", null=False),
    _share("over_delivery_share", null=False),
    _text("drafted_by"),
    _text("ended_on", null=True),
    _text("end_reason", null=True),
    _version(),
    _one_of("purpose", "purchase", "price_support"),
    _one_of("rung", *RUNGS),
    _one_of("rule_kind", *KINDS),
    *_not_negative("ceiling_cents", "ceiling_grams", "minimum_cents", "minimum_grams"),
    *_not_negative("grace_days", "late_share_per_day", "over_delivery_share"),
    Index(None, "item"),
    Index(None, "producer"),
)
_business(
    "contract_steps",
    _key("contract", "contracts.contract"),
    Column("line", BigInteger, primary_key=True, autoincrement=False),
    _text("rung"),
    _text("at"),
    _whole("sequence"),
    _text("note", null=True),
    _one_of("rung", *RUNGS),
)
_business(
    "orders",
    _key("order_id"),
    _text("contract", "contracts.contract"),
    _whole("grams"),
    _whole("cancelled_grams"),
    _whole("price_cents_per_t"),
    _whole("amount_cents"),
    _text("quarter", null=True),
    _whole("plan_year", null=True),
    _text("drafted_by"),
    _text("drafted_on"),
    _text("status"),
    _version(),
    CheckConstraint("grams > 0", name="grams_sign"),
    *_not_negative("cancelled_grams", "price_cents_per_t", "amount_cents"),
    _one_of("status", "draft", "funded", "cancelled", "closed"),
    Index(None, "contract"),
)
_business(
    "price_adjustments",
    _key("order_id", "orders.order_id"),
    Column("line", BigInteger, primary_key=True, autoincrement=False),
    _text("adjusted_on"),
    _text("from_quarter"),
    _text("to_quarter"),
    _whole("from_index_cents_per_t"),
    _whole("to_index_cents_per_t"),
    _whole("agreed_cents_per_t"),
    _whole("from_price_cents_per_t"),
    _whole("to_price_cents_per_t"),
    _whole("open_grams"),
    _whole("difference_cents"),
)
_business(
    "deliveries",
    _key("delivery"),
    _text("order_id", "orders.order_id"),
    _text("due_on"),
    _whole("grams"),
    _text("status"),
    _text("delivered_on", null=True),
    _whole("delivered_grams", null=True),
    _whole("accepted_grams", null=True),
    _whole("rejected_grams", null=True),
    _whole("late_days", null=True),
    _whole("price_cents_per_t", null=True),
    _whole("gross_cents", null=True),
    _whole("penalty_cents", null=True),
    _whole("amount_cents", null=True),
    _whole("paid_cents"),
    _text("accepted_by", null=True),
    _text("lot", "lots.lot", null=True),
    _version(),
    CheckConstraint("grams > 0", name="grams_sign"),
    *_not_negative("delivered_grams", "accepted_grams", "rejected_grams", "late_days"),
    *_not_negative("gross_cents", "penalty_cents", "amount_cents", "paid_cents"),
    CheckConstraint("paid_cents <= coalesce(amount_cents, 0)", name="paid_at_most"),
    _one_of("status", "due", "delivered", "accepted", "rejected", "paid", "cancelled"),
    Index(None, "order_id"),
    Index(None, "status", "due_on"),
)
_business(
    "volumes",
    _key("contract", "contracts.contract"),
    _key("quarter"),
    _key("designation"),
    _whole("grams"),
    _version(),
    *_not_negative("grams"),
)
_business(
    "settlements",
    _key("contract", "contracts.contract"),
    _key("quarter"),
    _whole("grams"),
    _whole("index_cents_per_t", null=True),
    _whole("due_cents"),
    _text("statement"),
    _text("computed_by"),
    _text("status"),
    _version(),
    *_not_negative("grams"),
    _one_of("status", "computed", "approved", "paid"),
)
_business(
    "appropriations",
    _key("appropriation"),
    _text("title"),
    _whole("cents"),
    _text("until_on", null=True),
    _whole("lapsed_cents", null=True),
    _version(),
    *_not_negative("cents", "lapsed_cents"),
)
_business(
    "payments",
    _key("payment"),
    _text("contract", "contracts.contract"),
    _text("delivery", "deliveries.delivery", null=True),
    _text("quarter", null=True),
    _whole("cents"),
    _text("paid_on"),
    _text("paid_by"),
    CheckConstraint("cents <> 0", name="cents_something"),
    Index(None, "contract"),
)

# --- The strategic reserve ------------------------------------------------------

_ACTIONS: Final = ("buy", "sell", "upgrade")

_business(
    "materials_plans",
    Column("year", BigInteger, primary_key=True, autoincrement=False),
    _text("from_on"),
    _text("until_on"),
    _text("drafted_by"),
    _text("status"),
    _version(),
    CheckConstraint("from_on <= until_on", name="days"),
    _one_of("status", "draft", "in_force", "closed"),
)
_business(
    "plan_lines",
    Column(
        "year",
        BigInteger,
        ForeignKey("materials_plans.year"),
        primary_key=True,
        autoincrement=False,
    ),
    _key("item", "items.item"),
    _key("action"),
    _whole("ceiling_grams"),
    _whole("ceiling_cents"),
    _whole("used_grams"),
    _whole("used_cents"),
    _text("drafted_by"),
    _version(),
    _one_of("action", *_ACTIONS),
    *_not_negative("ceiling_grams", "ceiling_cents", "used_grams", "used_cents"),
)
_business(
    "plan_changes",
    _key("change"),
    _whole("year"),
    _text("item", "items.item"),
    _text("action"),
    _whole("ceiling_grams"),
    _whole("ceiling_cents"),
    _flag("significant"),
    _text("notice", null=True),
    _text("notified_on", null=True),
    _text("effective_on", null=True),
    _text("status"),
    _text("drafted_by"),
    _version(),
    _one_of("action", *_ACTIONS),
    _one_of("status", "draft", "notified", "approved", "in_force", "refused"),
    *_not_negative("ceiling_grams", "ceiling_cents"),
    Index(None, "year", "item", "action"),
)
_business(
    "market_limits",
    _key("item", "items.item"),
    _whole("yearly_market_grams"),
    _share("max_share", null=False),
    _text("source"),
    _version(),
    *_not_negative("yearly_market_grams", "max_share"),
)
_business(
    "market_moves",
    _key("move"),
    _text("item", "items.item"),
    _text("action"),
    _whole("grams"),
    _text("on_day"),
    _text("subject"),
    _one_of("action", "buy", "sell"),
    Index(None, "item", "action", "on_day"),
)
_business(
    "market_overrides",
    _key("override"),
    _text("item", "items.item"),
    _text("action"),
    _whole("grams"),
    _text("advice"),
    _text("until_on"),
    _text("drafted_by"),
    _text("status"),
    _version(),
    CheckConstraint("grams > 0", name="grams_sign"),
    _one_of("action", "buy", "sell"),
    _one_of("status", "draft", "approved", "refused"),
)

# --- The industrial reserve -----------------------------------------------------

_business(
    "members",
    _key("member"),
    _text("name"),
    _text("status"),
    _whole("entry_fee_cents"),
    _version(),
    *_not_negative("entry_fee_cents"),
    _one_of("status", "active", "suspended", "left"),
)
_business(
    "industrial_terms",
    _key("item", "items.item"),
    _key("from_quarter"),
    _share("entry_fee_share", null=False),
    _share("interest_rate", null=False),
    _share("normal_draw_share", null=False),
    _whole("replenish_days"),
    _whole("storage_cents_per_t_year"),
    _version(),
    *_not_negative("entry_fee_share", "interest_rate", "normal_draw_share"),
    *_not_negative("replenish_days", "storage_cents_per_t_year"),
)
_business(
    "entitlements",
    _key("member", "members.member"),
    _key("item", "items.item"),
    Column(
        "inventory_price_cents_per_t",
        BigInteger,
        primary_key=True,
        autoincrement=False,
    ),
    _whole("grams"),
    _version(),
    *_not_negative("grams", "inventory_price_cents_per_t"),
    Index(None, "item"),
)
# How entitlements came to be, day by day: carry is charged on grams times days.
_business(
    "entitlement_steps",
    _key("step"),
    _text("member", "members.member"),
    _text("item", "items.item"),
    _whole("inventory_price_cents_per_t"),
    _text("on_day"),
    _whole("grams"),
    CheckConstraint("grams <> 0", name="grams_something"),
    Index(None, "member", "item"),
)
_business(
    "transfers",
    _key("transfer"),
    _text("from_member", "members.member"),
    _text("to_member", "members.member"),
    _text("item", "items.item"),
    _whole("inventory_price_cents_per_t"),
    _whole("grams"),
    _text("offered_by"),
    _text("status"),
    _version(),
    CheckConstraint("grams > 0", name="grams_sign"),
    CheckConstraint("from_member <> to_member", name="two_members"),
    _one_of("status", "offered", "accepted", "withdrawn"),
)
_business(
    "releases",
    _key("release_id"),
    _text("reserve"),
    _text("item", "items.item"),
    _whole("grams"),
    _whole("granted_grams"),
    _whole("proceeds_cents", null=True),
    _whole("replace_days", null=True),
    _whole("plan_year", null=True),
    _text("ground"),
    _text("ground_reference", null=True),
    _text("requested_by"),
    _text("requested_at"),
    _whole("checks"),
    _text("status"),
    _text("triggers", null=True),
    _text("claim_rule"),
    _text("lot_rule"),
    _text("expired_rule"),
    _text("decided_because", null=True),
    _version(),
    CheckConstraint("grams > 0", name="grams_sign"),
    *_not_negative("granted_grams", "proceeds_cents", "checks"),
    CheckConstraint("granted_grams <= grams", name="granted_within"),
    _one_of("reserve", "strategic", "industrial"),
    _one_of("claim_rule", "order", "pro_rata"),
    _one_of(
        "status",
        "requested",
        "checked",
        "approved",
        "drawn",
        "shipped",
        "closed",
        "refused",
        "cancelled",
    ),
    _one_of("lot_rule", "oldest", "certificate"),
    _one_of("expired_rule", "skip", "last", "allow"),
    Index(None, "reserve", "item", "status"),
)
_business(
    "duties",
    _key("duty"),
    _text("reserve"),
    _text("member", "members.member", null=True),
    _text("item", "items.item"),
    _share("purity"),
    _whole("grams"),
    _whole("open_grams"),
    _whole("open_cents"),
    _text("drawn_on"),
    _text("due_on"),
    _text("why"),
    _text("release_id", "releases.release_id", null=True),
    _text("status"),
    _version(),
    CheckConstraint("grams > 0", name="grams_sign"),
    *_not_negative("open_grams", "open_cents"),
    CheckConstraint("open_grams <= grams", name="open_within"),
    CheckConstraint("(status = 'done') = (open_grams = 0)", name="done_is_empty"),
    _one_of("reserve", "strategic", "industrial"),
    _one_of("why", "draw", "rotation", "loss"),
    _one_of("status", "open", "done"),
    Index(None, "member", "item"),
    Index(None, "item", "status"),
)
_business(
    "carry_charges",
    _key("member", "members.member"),
    _key("item", "items.item"),
    _key("quarter"),
    _whole("gram_days"),
    _whole("interest_cents"),
    _whole("storage_cents"),
    _whole("paid_cents"),
    _version(),
    *_not_negative("gram_days", "interest_cents", "storage_cents", "paid_cents"),
    CheckConstraint("paid_cents <= interest_cents + storage_cents", name="paid_within"),
)
_business(
    "switches",
    _key("switch"),
    _flag("is_on"),
    _text("ground", null=True),
    _text("ground_reference", null=True),
    _text("proposed", null=True),
    _text("proposed_by", null=True),
    _whole("proposals"),
    _version(),
    _one_of("proposed", "on", "off", null=True),
)

# --- Release --------------------------------------------------------------------

_business(
    "approvals",
    _key("subject"),
    _key("person", "users.user"),
    _text("decision"),
    _text("at"),
    _one_of("decision", "approve", "refuse"),
)
_business(
    "security_values",
    _key("item", "items.item"),
    _whole("cents_per_t"),
    _text("source"),
    _version(),
    *_not_negative("cents_per_t"),
)
_business(
    "triggers",
    _key("trigger"),
    _text("reserve"),
    _text("item", "items.item", null=True),
    _text("kind"),
    _share("threshold"),
    _text("description"),
    _flag("is_met"),
    _text("observed_on", null=True),
    _text("evidence", null=True),
    _version(),
    _one_of("reserve", "strategic", "industrial"),
)
_business(
    "claims",
    _key("release_id", "releases.release_id"),
    _key("claim"),
    _text("claimant"),
    _text("class"),
    _text("use_item", "items.item", null=True),
    _whole("wanted_grams"),
    _whole("eligible_grams", null=True),
    _whole("granted_grams"),
    _whole("entitled_grams", null=True),
    _whole("security_value_cents_per_t", null=True),
    _text("filed_by"),
    _text("filed_at"),
    _whole("rank", null=True),
    CheckConstraint("wanted_grams > 0", name="wanted_grams_sign"),
    *_not_negative("granted_grams", "eligible_grams", "entitled_grams"),
    CheckConstraint("granted_grams <= wanted_grams", name="granted_within"),
    CheckConstraint("class IN ('defence', 'essential', 'other')", name="class"),
)
_business(
    "draws",
    _key("release_id", "releases.release_id"),
    Column("line", BigInteger, primary_key=True, autoincrement=False),
    _text("lot", "lots.lot"),
    _whole("grams"),
    _whole("cost_cents"),
    _text("claim", null=True),
    CheckConstraint("grams > 0", name="grams_sign"),
    *_not_negative("cost_cents"),
    Index(None, "lot"),
)
_business(
    "shipments",
    _key("shipment"),
    _text("release_id", "releases.release_id"),
    _text("claim", null=True),
    _text("shipped_on"),
    _text("delivered_on", null=True),
    _text("carrier", null=True),
    _text("destination"),
    _whole("grams"),
    _version(),
    CheckConstraint("grams > 0", name="grams_sign"),
    Index(None, "release_id"),
)

BUSINESS: Final[tuple[Table, ...]] = tuple(
    table for table in metadata.sorted_tables if table.info["part"] == "business"
)
"""Tables that commands write, parents before children."""

ACCESS: Final[tuple[Table, ...]] = tuple(
    table for table in metadata.sorted_tables if table.info["part"] == "access"
)
"""Tables of sign-in; never audited, exported or replayed."""

APPEND_ONLY: Final = ("audit", "transactions", "mass_postings", "money_postings")
"""Tables whose rows no statement may change or delete: triggers refuse it."""

SEALED: Final = ("mass_postings", "money_postings")
"""Tables whose rows are closed by the transaction they belong to."""
