# SPDX-License-Identifier: Apache-2.0
# ruff: noqa: E501 - the checks stand as the database keeps them
"""Tables of the operated reserve and the triggers that guard its ledger."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from oreserve.reserve._guards import set_guards

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

# Byte order on every server; see the schema.
TEXT = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
SEQUENCE = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Make all tables of the first revision and their guards."""
    op.create_table(
        "appropriations",
        sa.Column("appropriation", TEXT, nullable=False),
        sa.Column("title", TEXT, nullable=False),
        sa.Column("cents", sa.BigInteger(), nullable=False),
        sa.Column("until_on", TEXT, nullable=True),
        sa.Column("lapsed_cents", sa.BigInteger(), nullable=True),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("cents >= 0", name=op.f("ck_appropriations_cents_sign")),
        sa.CheckConstraint(
            "lapsed_cents >= 0", name=op.f("ck_appropriations_lapsed_cents_sign")
        ),
        sa.PrimaryKeyConstraint("appropriation", name=op.f("pk_appropriations")),
        info={"part": "business"},
    )
    op.create_table(
        "attempts",
        sa.Column("scope", TEXT, nullable=False),
        sa.Column("subject", TEXT, nullable=False),
        sa.Column("failures", sa.BigInteger(), nullable=False),
        sa.Column("since", TEXT, nullable=False),
        sa.Column("locked_until", TEXT, nullable=True),
        sa.CheckConstraint(
            "scope IN ('user', 'address')", name=op.f("ck_attempts_scope")
        ),
        sa.PrimaryKeyConstraint("scope", "subject", name=op.f("pk_attempts")),
        info={"part": "access"},
    )
    op.create_table(
        "audit",
        sa.Column("sequence", SEQUENCE, autoincrement=False, nullable=False),
        sa.Column("at", TEXT, nullable=False),
        sa.Column("actor", TEXT, nullable=False),
        sa.Column("roles", TEXT, nullable=False),
        sa.Column("command", TEXT, nullable=False),
        sa.Column("subject", TEXT, nullable=True),
        sa.Column("reason", TEXT, nullable=False),
        sa.Column("key", TEXT, nullable=False),
        sa.Column("arguments", TEXT, nullable=False),
        sa.Column("result", TEXT, nullable=False),
        sa.Column("effects", TEXT, nullable=False),
        sa.Column("previous", TEXT, nullable=False),
        sa.Column("hash", TEXT, nullable=False),
        sa.PrimaryKeyConstraint("sequence", name=op.f("pk_audit")),
        sa.UniqueConstraint("actor", "key", name=op.f("uq_audit_actor_key")),
        info={"part": "journal"},
    )
    op.create_index(op.f("ix_audit_subject"), "audit", ["subject"], unique=False)
    op.create_table(
        "depots",
        sa.Column("depot", TEXT, nullable=False),
        sa.Column("name", TEXT, nullable=False),
        sa.Column("country", TEXT, nullable=False),
        sa.Column("capacity_g", sa.BigInteger(), nullable=True),
        sa.Column("active", sa.Boolean(), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("capacity_g >= 0", name=op.f("ck_depots_capacity_g_sign")),
        sa.PrimaryKeyConstraint("depot", name=op.f("pk_depots")),
        info={"part": "business"},
    )
    op.create_table(
        "index_series",
        sa.Column("series", TEXT, nullable=False),
        sa.Column("name", TEXT, nullable=False),
        sa.Column("market", TEXT, nullable=False),
        sa.Column("source", TEXT, nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("series", name=op.f("pk_index_series")),
        info={"part": "business"},
    )
    op.create_table(
        "items",
        sa.Column("item", TEXT, nullable=False),
        sa.Column("mineral", TEXT, nullable=True),
        sa.Column("stage", TEXT, nullable=True),
        sa.Column("form", TEXT, nullable=True),
        sa.Column("basis", TEXT, nullable=True),
        sa.Column("purity", TEXT, nullable=True),
        sa.Column("storage_cents_per_t_year", sa.BigInteger(), nullable=True),
        sa.Column("shelf_life_days", sa.BigInteger(), nullable=True),
        sa.Column("study", TEXT, nullable=True),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("item", name=op.f("pk_items")),
        info={"part": "business"},
    )
    op.create_table(
        "materials_plans",
        sa.Column("year", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("from_on", TEXT, nullable=False),
        sa.Column("until_on", TEXT, nullable=False),
        sa.Column("drafted_by", TEXT, nullable=False),
        sa.Column("status", TEXT, nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.CheckConstraint(
            "status IN ('draft', 'in_force', 'closed')",
            name=op.f("ck_materials_plans_status"),
        ),
        sa.CheckConstraint("from_on <= until_on", name=op.f("ck_materials_plans_days")),
        sa.PrimaryKeyConstraint("year", name=op.f("pk_materials_plans")),
        info={"part": "business"},
    )
    op.create_table(
        "members",
        sa.Column("member", TEXT, nullable=False),
        sa.Column("name", TEXT, nullable=False),
        sa.Column("status", TEXT, nullable=False),
        sa.Column("entry_fee_cents", sa.BigInteger(), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.CheckConstraint(
            "status IN ('active', 'suspended', 'left')", name=op.f("ck_members_status")
        ),
        sa.CheckConstraint(
            "entry_fee_cents >= 0", name=op.f("ck_members_entry_fee_cents_sign")
        ),
        sa.PrimaryKeyConstraint("member", name=op.f("pk_members")),
        info={"part": "business"},
    )
    op.create_table(
        "meta",
        sa.Column("name", TEXT, nullable=False),
        sa.Column("value", TEXT, nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_meta")),
        info={"part": "business"},
    )
    op.create_table(
        "owners",
        sa.Column("owner", TEXT, nullable=False),
        sa.Column("name", TEXT, nullable=False),
        sa.Column("kind", TEXT, nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.CheckConstraint(
            "kind IN ('strategic', 'industrial', 'custody')",
            name=op.f("ck_owners_kind"),
        ),
        sa.PrimaryKeyConstraint("owner", name=op.f("pk_owners")),
        info={"part": "business"},
    )
    op.create_table(
        "producers",
        sa.Column("producer", TEXT, nullable=False),
        sa.Column("name", TEXT, nullable=False),
        sa.Column("country", TEXT, nullable=False),
        sa.Column("note", TEXT, nullable=True),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("producer", name=op.f("pk_producers")),
        info={"part": "business"},
    )
    op.create_table(
        "switches",
        sa.Column("switch", TEXT, nullable=False),
        sa.Column("is_on", sa.Boolean(), nullable=False),
        sa.Column("ground", TEXT, nullable=True),
        sa.Column("ground_reference", TEXT, nullable=True),
        sa.Column("proposed", TEXT, nullable=True),
        sa.Column("proposed_by", TEXT, nullable=True),
        sa.Column("proposals", sa.BigInteger(), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.CheckConstraint(
            "proposed IS NULL OR proposed IN ('on', 'off')",
            name=op.f("ck_switches_proposed"),
        ),
        sa.PrimaryKeyConstraint("switch", name=op.f("pk_switches")),
        info={"part": "business"},
    )
    op.create_table(
        "transactions",
        sa.Column("txn", TEXT, nullable=False),
        sa.Column("sequence", sa.BigInteger(), nullable=False),
        sa.Column("at", TEXT, nullable=False),
        sa.Column("kind", TEXT, nullable=False),
        sa.Column("reverses", TEXT, nullable=True),
        sa.ForeignKeyConstraint(
            ["reverses"],
            ["transactions.txn"],
            name=op.f("fk_transactions_reverses_transactions"),
            initially="DEFERRED",
            deferrable=True,
        ),
        sa.PrimaryKeyConstraint("txn", name=op.f("pk_transactions")),
        sa.UniqueConstraint("reverses", name=op.f("uq_transactions_reverses")),
        info={"part": "business"},
    )
    op.create_index(
        op.f("ix_transactions_sequence"), "transactions", ["sequence"], unique=False
    )
    op.create_table(
        "carry_charges",
        sa.Column("member", TEXT, nullable=False),
        sa.Column("item", TEXT, nullable=False),
        sa.Column("quarter", TEXT, nullable=False),
        sa.Column("gram_days", sa.BigInteger(), nullable=False),
        sa.Column("interest_cents", sa.BigInteger(), nullable=False),
        sa.Column("storage_cents", sa.BigInteger(), nullable=False),
        sa.Column("paid_cents", sa.BigInteger(), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.CheckConstraint(
            "gram_days >= 0", name=op.f("ck_carry_charges_gram_days_sign")
        ),
        sa.CheckConstraint(
            "interest_cents >= 0", name=op.f("ck_carry_charges_interest_cents_sign")
        ),
        sa.CheckConstraint(
            "paid_cents <= interest_cents + storage_cents",
            name=op.f("ck_carry_charges_paid_within"),
        ),
        sa.CheckConstraint(
            "paid_cents >= 0", name=op.f("ck_carry_charges_paid_cents_sign")
        ),
        sa.CheckConstraint(
            "storage_cents >= 0", name=op.f("ck_carry_charges_storage_cents_sign")
        ),
        sa.ForeignKeyConstraint(
            ["item"], ["items.item"], name=op.f("fk_carry_charges_item_items")
        ),
        sa.ForeignKeyConstraint(
            ["member"], ["members.member"], name=op.f("fk_carry_charges_member_members")
        ),
        sa.PrimaryKeyConstraint(
            "member", "item", "quarter", name=op.f("pk_carry_charges")
        ),
        info={"part": "business"},
    )
    op.create_table(
        "contracts",
        sa.Column("contract", TEXT, nullable=False),
        sa.Column("title", TEXT, nullable=False),
        sa.Column("producer", TEXT, nullable=False),
        sa.Column("item", TEXT, nullable=False),
        sa.Column("owner", TEXT, nullable=False),
        sa.Column("purpose", TEXT, nullable=False),
        sa.Column("rung", TEXT, nullable=False),
        sa.Column("ceiling_cents", sa.BigInteger(), nullable=True),
        sa.Column("ceiling_grams", sa.BigInteger(), nullable=True),
        sa.Column("minimum_cents", sa.BigInteger(), nullable=True),
        sa.Column("minimum_grams", sa.BigInteger(), nullable=True),
        sa.Column("from_on", TEXT, nullable=False),
        sa.Column("until_on", TEXT, nullable=True),
        sa.Column("rule_kind", TEXT, nullable=False),
        sa.Column("floor_cents_per_t", sa.BigInteger(), nullable=True),
        sa.Column("ceiling_price_cents_per_t", sa.BigInteger(), nullable=True),
        sa.Column("fixed_cents_per_t", sa.BigInteger(), nullable=True),
        sa.Column("upside_share", sa.Double(), nullable=True),
        sa.Column("upside_from_cents_per_t", sa.BigInteger(), nullable=True),
        sa.Column("annual_cap_cents", sa.BigInteger(), nullable=True),
        sa.Column("series", TEXT, nullable=True),
        sa.Column("grace_days", sa.BigInteger(), nullable=False),
        sa.Column("late_share_per_day", sa.Double(), nullable=False),
        sa.Column("over_delivery_share", sa.Double(), nullable=False),
        sa.Column("drafted_by", TEXT, nullable=False),
        sa.Column("ended_on", TEXT, nullable=True),
        sa.Column("end_reason", TEXT, nullable=True),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.CheckConstraint(
            "purpose IN ('purchase', 'price_support')",
            name=op.f("ck_contracts_purpose"),
        ),
        sa.CheckConstraint(
            "rule_kind IN ('collar', 'fixed', 'floor', 'indexed', 'two_way')",
            name=op.f("ck_contracts_rule_kind"),
        ),
        sa.CheckConstraint(
            "rung IN ('statement', 'memorandum', 'framework', 'letter_of_intent', 'conditional', 'ceiling', 'minimum_guarantee', 'funded_order', 'delivered', 'accepted', 'paid')",
            name=op.f("ck_contracts_rung"),
        ),
        sa.CheckConstraint(
            "ceiling_cents >= 0", name=op.f("ck_contracts_ceiling_cents_sign")
        ),
        sa.CheckConstraint(
            "ceiling_grams >= 0", name=op.f("ck_contracts_ceiling_grams_sign")
        ),
        sa.CheckConstraint(
            "grace_days >= 0", name=op.f("ck_contracts_grace_days_sign")
        ),
        sa.CheckConstraint(
            "late_share_per_day >= 0", name=op.f("ck_contracts_late_share_per_day_sign")
        ),
        sa.CheckConstraint(
            "minimum_cents >= 0", name=op.f("ck_contracts_minimum_cents_sign")
        ),
        sa.CheckConstraint(
            "minimum_grams >= 0", name=op.f("ck_contracts_minimum_grams_sign")
        ),
        sa.CheckConstraint(
            "over_delivery_share >= 0",
            name=op.f("ck_contracts_over_delivery_share_sign"),
        ),
        sa.ForeignKeyConstraint(
            ["item"], ["items.item"], name=op.f("fk_contracts_item_items")
        ),
        sa.ForeignKeyConstraint(
            ["owner"], ["owners.owner"], name=op.f("fk_contracts_owner_owners")
        ),
        sa.ForeignKeyConstraint(
            ["producer"],
            ["producers.producer"],
            name=op.f("fk_contracts_producer_producers"),
        ),
        sa.ForeignKeyConstraint(
            ["series"],
            ["index_series.series"],
            name=op.f("fk_contracts_series_index_series"),
        ),
        sa.PrimaryKeyConstraint("contract", name=op.f("pk_contracts")),
        info={"part": "business"},
    )
    op.create_index(op.f("ix_contracts_item"), "contracts", ["item"], unique=False)
    op.create_index(
        op.f("ix_contracts_producer"), "contracts", ["producer"], unique=False
    )
    op.create_table(
        "entitlement_steps",
        sa.Column("step", TEXT, nullable=False),
        sa.Column("member", TEXT, nullable=False),
        sa.Column("item", TEXT, nullable=False),
        sa.Column("inventory_price_cents_per_t", sa.BigInteger(), nullable=False),
        sa.Column("on_day", TEXT, nullable=False),
        sa.Column("grams", sa.BigInteger(), nullable=False),
        sa.CheckConstraint(
            "grams <> 0", name=op.f("ck_entitlement_steps_grams_something")
        ),
        sa.ForeignKeyConstraint(
            ["item"], ["items.item"], name=op.f("fk_entitlement_steps_item_items")
        ),
        sa.ForeignKeyConstraint(
            ["member"],
            ["members.member"],
            name=op.f("fk_entitlement_steps_member_members"),
        ),
        sa.PrimaryKeyConstraint("step", name=op.f("pk_entitlement_steps")),
        info={"part": "business"},
    )
    op.create_index(
        op.f("ix_entitlement_steps_member_item"),
        "entitlement_steps",
        ["member", "item"],
        unique=False,
    )
    op.create_table(
        "entitlements",
        sa.Column("member", TEXT, nullable=False),
        sa.Column("item", TEXT, nullable=False),
        sa.Column(
            "inventory_price_cents_per_t",
            sa.BigInteger(),
            autoincrement=False,
            nullable=False,
        ),
        sa.Column("grams", sa.BigInteger(), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("grams >= 0", name=op.f("ck_entitlements_grams_sign")),
        sa.CheckConstraint(
            "inventory_price_cents_per_t >= 0",
            name=op.f("ck_entitlements_inventory_price_cents_per_t_sign"),
        ),
        sa.ForeignKeyConstraint(
            ["item"], ["items.item"], name=op.f("fk_entitlements_item_items")
        ),
        sa.ForeignKeyConstraint(
            ["member"], ["members.member"], name=op.f("fk_entitlements_member_members")
        ),
        sa.PrimaryKeyConstraint(
            "member",
            "item",
            "inventory_price_cents_per_t",
            name=op.f("pk_entitlements"),
        ),
        info={"part": "business"},
    )
    op.create_index(
        op.f("ix_entitlements_item"), "entitlements", ["item"], unique=False
    )
    op.create_table(
        "index_values",
        sa.Column("series", TEXT, nullable=False),
        sa.Column("quarter", TEXT, nullable=False),
        sa.Column("cents_per_t", sa.BigInteger(), nullable=False),
        sa.Column("source", TEXT, nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.CheckConstraint(
            "cents_per_t >= 0", name=op.f("ck_index_values_cents_per_t_sign")
        ),
        sa.ForeignKeyConstraint(
            ["series"],
            ["index_series.series"],
            name=op.f("fk_index_values_series_index_series"),
        ),
        sa.PrimaryKeyConstraint("series", "quarter", name=op.f("pk_index_values")),
        info={"part": "business"},
    )
    op.create_table(
        "industrial_terms",
        sa.Column("item", TEXT, nullable=False),
        sa.Column("from_quarter", TEXT, nullable=False),
        sa.Column("entry_fee_share", sa.Double(), nullable=False),
        sa.Column("interest_rate", sa.Double(), nullable=False),
        sa.Column("normal_draw_share", sa.Double(), nullable=False),
        sa.Column("replenish_days", sa.BigInteger(), nullable=False),
        sa.Column("storage_cents_per_t_year", sa.BigInteger(), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.CheckConstraint(
            "entry_fee_share >= 0",
            name=op.f("ck_industrial_terms_entry_fee_share_sign"),
        ),
        sa.CheckConstraint(
            "interest_rate >= 0", name=op.f("ck_industrial_terms_interest_rate_sign")
        ),
        sa.CheckConstraint(
            "normal_draw_share >= 0",
            name=op.f("ck_industrial_terms_normal_draw_share_sign"),
        ),
        sa.CheckConstraint(
            "replenish_days >= 0", name=op.f("ck_industrial_terms_replenish_days_sign")
        ),
        sa.CheckConstraint(
            "storage_cents_per_t_year >= 0",
            name=op.f("ck_industrial_terms_storage_cents_per_t_year_sign"),
        ),
        sa.ForeignKeyConstraint(
            ["item"], ["items.item"], name=op.f("fk_industrial_terms_item_items")
        ),
        sa.PrimaryKeyConstraint(
            "item", "from_quarter", name=op.f("pk_industrial_terms")
        ),
        info={"part": "business"},
    )
    op.create_table(
        "market_limits",
        sa.Column("item", TEXT, nullable=False),
        sa.Column("yearly_market_grams", sa.BigInteger(), nullable=False),
        sa.Column("max_share", sa.Double(), nullable=False),
        sa.Column("source", TEXT, nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.CheckConstraint(
            "max_share >= 0", name=op.f("ck_market_limits_max_share_sign")
        ),
        sa.CheckConstraint(
            "yearly_market_grams >= 0",
            name=op.f("ck_market_limits_yearly_market_grams_sign"),
        ),
        sa.ForeignKeyConstraint(
            ["item"], ["items.item"], name=op.f("fk_market_limits_item_items")
        ),
        sa.PrimaryKeyConstraint("item", name=op.f("pk_market_limits")),
        info={"part": "business"},
    )
    op.create_table(
        "market_moves",
        sa.Column("move", TEXT, nullable=False),
        sa.Column("item", TEXT, nullable=False),
        sa.Column("action", TEXT, nullable=False),
        sa.Column("grams", sa.BigInteger(), nullable=False),
        sa.Column("on_day", TEXT, nullable=False),
        sa.Column("subject", TEXT, nullable=False),
        sa.CheckConstraint(
            "action IN ('buy', 'sell')", name=op.f("ck_market_moves_action")
        ),
        sa.ForeignKeyConstraint(
            ["item"], ["items.item"], name=op.f("fk_market_moves_item_items")
        ),
        sa.PrimaryKeyConstraint("move", name=op.f("pk_market_moves")),
        info={"part": "business"},
    )
    op.create_index(
        op.f("ix_market_moves_item_action_on_day"),
        "market_moves",
        ["item", "action", "on_day"],
        unique=False,
    )
    op.create_table(
        "market_overrides",
        sa.Column("override", TEXT, nullable=False),
        sa.Column("item", TEXT, nullable=False),
        sa.Column("action", TEXT, nullable=False),
        sa.Column("grams", sa.BigInteger(), nullable=False),
        sa.Column("advice", TEXT, nullable=False),
        sa.Column("until_on", TEXT, nullable=False),
        sa.Column("drafted_by", TEXT, nullable=False),
        sa.Column("status", TEXT, nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.CheckConstraint(
            "action IN ('buy', 'sell')", name=op.f("ck_market_overrides_action")
        ),
        sa.CheckConstraint(
            "status IN ('draft', 'approved', 'refused')",
            name=op.f("ck_market_overrides_status"),
        ),
        sa.CheckConstraint("grams > 0", name=op.f("ck_market_overrides_grams_sign")),
        sa.ForeignKeyConstraint(
            ["item"], ["items.item"], name=op.f("fk_market_overrides_item_items")
        ),
        sa.PrimaryKeyConstraint("override", name=op.f("pk_market_overrides")),
        info={"part": "business"},
    )
    op.create_table(
        "money_postings",
        sa.Column("txn", TEXT, nullable=False),
        sa.Column("line", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("account", TEXT, nullable=False),
        sa.Column("cents", sa.BigInteger(), nullable=False),
        sa.CheckConstraint(
            "cents <> 0", name=op.f("ck_money_postings_cents_something")
        ),
        sa.ForeignKeyConstraint(
            ["txn"],
            ["transactions.txn"],
            name=op.f("fk_money_postings_txn_transactions"),
            initially="DEFERRED",
            deferrable=True,
        ),
        sa.PrimaryKeyConstraint("txn", "line", name=op.f("pk_money_postings")),
        info={"part": "business"},
    )
    op.create_index(
        op.f("ix_money_postings_account"), "money_postings", ["account"], unique=False
    )
    op.create_table(
        "plan_changes",
        sa.Column("change", TEXT, nullable=False),
        sa.Column("year", sa.BigInteger(), nullable=False),
        sa.Column("item", TEXT, nullable=False),
        sa.Column("action", TEXT, nullable=False),
        sa.Column("ceiling_grams", sa.BigInteger(), nullable=False),
        sa.Column("ceiling_cents", sa.BigInteger(), nullable=False),
        sa.Column("significant", sa.Boolean(), nullable=False),
        sa.Column("notice", TEXT, nullable=True),
        sa.Column("notified_on", TEXT, nullable=True),
        sa.Column("effective_on", TEXT, nullable=True),
        sa.Column("status", TEXT, nullable=False),
        sa.Column("drafted_by", TEXT, nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.CheckConstraint(
            "action IN ('buy', 'sell', 'upgrade')", name=op.f("ck_plan_changes_action")
        ),
        sa.CheckConstraint(
            "status IN ('draft', 'notified', 'approved', 'in_force', 'refused')",
            name=op.f("ck_plan_changes_status"),
        ),
        sa.CheckConstraint(
            "ceiling_cents >= 0", name=op.f("ck_plan_changes_ceiling_cents_sign")
        ),
        sa.CheckConstraint(
            "ceiling_grams >= 0", name=op.f("ck_plan_changes_ceiling_grams_sign")
        ),
        sa.ForeignKeyConstraint(
            ["item"], ["items.item"], name=op.f("fk_plan_changes_item_items")
        ),
        sa.PrimaryKeyConstraint("change", name=op.f("pk_plan_changes")),
        info={"part": "business"},
    )
    op.create_index(
        op.f("ix_plan_changes_year_item_action"),
        "plan_changes",
        ["year", "item", "action"],
        unique=False,
    )
    op.create_table(
        "plan_lines",
        sa.Column("year", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("item", TEXT, nullable=False),
        sa.Column("action", TEXT, nullable=False),
        sa.Column("ceiling_grams", sa.BigInteger(), nullable=False),
        sa.Column("ceiling_cents", sa.BigInteger(), nullable=False),
        sa.Column("used_grams", sa.BigInteger(), nullable=False),
        sa.Column("used_cents", sa.BigInteger(), nullable=False),
        sa.Column("drafted_by", TEXT, nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.CheckConstraint(
            "action IN ('buy', 'sell', 'upgrade')", name=op.f("ck_plan_lines_action")
        ),
        sa.CheckConstraint(
            "ceiling_cents >= 0", name=op.f("ck_plan_lines_ceiling_cents_sign")
        ),
        sa.CheckConstraint(
            "ceiling_grams >= 0", name=op.f("ck_plan_lines_ceiling_grams_sign")
        ),
        sa.CheckConstraint(
            "used_cents >= 0", name=op.f("ck_plan_lines_used_cents_sign")
        ),
        sa.CheckConstraint(
            "used_grams >= 0", name=op.f("ck_plan_lines_used_grams_sign")
        ),
        sa.ForeignKeyConstraint(
            ["item"], ["items.item"], name=op.f("fk_plan_lines_item_items")
        ),
        sa.ForeignKeyConstraint(
            ["year"],
            ["materials_plans.year"],
            name=op.f("fk_plan_lines_year_materials_plans"),
        ),
        sa.PrimaryKeyConstraint("year", "item", "action", name=op.f("pk_plan_lines")),
        info={"part": "business"},
    )
    op.create_table(
        "qualifications",
        sa.Column("producer", TEXT, nullable=False),
        sa.Column("item", TEXT, nullable=False),
        sa.Column("status", TEXT, nullable=False),
        sa.Column("until_on", TEXT, nullable=True),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.CheckConstraint(
            "status IN ('qualified', 'envelope', 'plausible', 'infeasible', 'pending')",
            name=op.f("ck_qualifications_status"),
        ),
        sa.ForeignKeyConstraint(
            ["item"], ["items.item"], name=op.f("fk_qualifications_item_items")
        ),
        sa.ForeignKeyConstraint(
            ["producer"],
            ["producers.producer"],
            name=op.f("fk_qualifications_producer_producers"),
        ),
        sa.PrimaryKeyConstraint("producer", "item", name=op.f("pk_qualifications")),
        info={"part": "business"},
    )
    op.create_table(
        "releases",
        sa.Column("release_id", TEXT, nullable=False),
        sa.Column("reserve", TEXT, nullable=False),
        sa.Column("item", TEXT, nullable=False),
        sa.Column("grams", sa.BigInteger(), nullable=False),
        sa.Column("granted_grams", sa.BigInteger(), nullable=False),
        sa.Column("proceeds_cents", sa.BigInteger(), nullable=True),
        sa.Column("replace_days", sa.BigInteger(), nullable=True),
        sa.Column("plan_year", sa.BigInteger(), nullable=True),
        sa.Column("ground", TEXT, nullable=False),
        sa.Column("ground_reference", TEXT, nullable=True),
        sa.Column("requested_by", TEXT, nullable=False),
        sa.Column("requested_at", TEXT, nullable=False),
        sa.Column("checks", sa.BigInteger(), nullable=False),
        sa.Column("status", TEXT, nullable=False),
        sa.Column("triggers", TEXT, nullable=True),
        sa.Column("claim_rule", TEXT, nullable=False),
        sa.Column("lot_rule", TEXT, nullable=False),
        sa.Column("expired_rule", TEXT, nullable=False),
        sa.Column("decided_because", TEXT, nullable=True),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.CheckConstraint(
            "claim_rule IN ('order', 'pro_rata')", name=op.f("ck_releases_claim_rule")
        ),
        sa.CheckConstraint(
            "expired_rule IN ('skip', 'last', 'allow')",
            name=op.f("ck_releases_expired_rule"),
        ),
        sa.CheckConstraint(
            "lot_rule IN ('oldest', 'certificate')", name=op.f("ck_releases_lot_rule")
        ),
        sa.CheckConstraint(
            "reserve IN ('strategic', 'industrial')", name=op.f("ck_releases_reserve")
        ),
        sa.CheckConstraint(
            "status IN ('requested', 'checked', 'approved', 'drawn', 'shipped', 'closed', 'refused', 'cancelled')",
            name=op.f("ck_releases_status"),
        ),
        sa.CheckConstraint("checks >= 0", name=op.f("ck_releases_checks_sign")),
        sa.CheckConstraint("grams > 0", name=op.f("ck_releases_grams_sign")),
        sa.CheckConstraint(
            "granted_grams <= grams", name=op.f("ck_releases_granted_within")
        ),
        sa.CheckConstraint(
            "granted_grams >= 0", name=op.f("ck_releases_granted_grams_sign")
        ),
        sa.CheckConstraint(
            "proceeds_cents >= 0", name=op.f("ck_releases_proceeds_cents_sign")
        ),
        sa.ForeignKeyConstraint(
            ["item"], ["items.item"], name=op.f("fk_releases_item_items")
        ),
        sa.PrimaryKeyConstraint("release_id", name=op.f("pk_releases")),
        info={"part": "business"},
    )
    op.create_index(
        op.f("ix_releases_reserve_item_status"),
        "releases",
        ["reserve", "item", "status"],
        unique=False,
    )
    op.create_table(
        "security_values",
        sa.Column("item", TEXT, nullable=False),
        sa.Column("cents_per_t", sa.BigInteger(), nullable=False),
        sa.Column("source", TEXT, nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.CheckConstraint(
            "cents_per_t >= 0", name=op.f("ck_security_values_cents_per_t_sign")
        ),
        sa.ForeignKeyConstraint(
            ["item"], ["items.item"], name=op.f("fk_security_values_item_items")
        ),
        sa.PrimaryKeyConstraint("item", name=op.f("pk_security_values")),
        info={"part": "business"},
    )
    op.create_table(
        "transfers",
        sa.Column("transfer", TEXT, nullable=False),
        sa.Column("from_member", TEXT, nullable=False),
        sa.Column("to_member", TEXT, nullable=False),
        sa.Column("item", TEXT, nullable=False),
        sa.Column("inventory_price_cents_per_t", sa.BigInteger(), nullable=False),
        sa.Column("grams", sa.BigInteger(), nullable=False),
        sa.Column("offered_by", TEXT, nullable=False),
        sa.Column("status", TEXT, nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.CheckConstraint(
            "status IN ('offered', 'accepted', 'withdrawn')",
            name=op.f("ck_transfers_status"),
        ),
        sa.CheckConstraint(
            "from_member <> to_member", name=op.f("ck_transfers_two_members")
        ),
        sa.CheckConstraint("grams > 0", name=op.f("ck_transfers_grams_sign")),
        sa.ForeignKeyConstraint(
            ["from_member"],
            ["members.member"],
            name=op.f("fk_transfers_from_member_members"),
        ),
        sa.ForeignKeyConstraint(
            ["item"], ["items.item"], name=op.f("fk_transfers_item_items")
        ),
        sa.ForeignKeyConstraint(
            ["to_member"],
            ["members.member"],
            name=op.f("fk_transfers_to_member_members"),
        ),
        sa.PrimaryKeyConstraint("transfer", name=op.f("pk_transfers")),
        info={"part": "business"},
    )
    op.create_table(
        "triggers",
        sa.Column("trigger", TEXT, nullable=False),
        sa.Column("reserve", TEXT, nullable=False),
        sa.Column("item", TEXT, nullable=True),
        sa.Column("kind", TEXT, nullable=False),
        sa.Column("threshold", sa.Double(), nullable=True),
        sa.Column("description", TEXT, nullable=False),
        sa.Column("is_met", sa.Boolean(), nullable=False),
        sa.Column("observed_on", TEXT, nullable=True),
        sa.Column("evidence", TEXT, nullable=True),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.CheckConstraint(
            "reserve IN ('strategic', 'industrial')", name=op.f("ck_triggers_reserve")
        ),
        sa.ForeignKeyConstraint(
            ["item"], ["items.item"], name=op.f("fk_triggers_item_items")
        ),
        sa.PrimaryKeyConstraint("trigger", name=op.f("pk_triggers")),
        info={"part": "business"},
    )
    op.create_table(
        "users",
        sa.Column("user", TEXT, nullable=False),
        sa.Column("name", TEXT, nullable=False),
        sa.Column("email", TEXT, nullable=True),
        sa.Column("member", TEXT, nullable=True),
        sa.Column("active", sa.Boolean(), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["member"], ["members.member"], name=op.f("fk_users_member_members")
        ),
        sa.PrimaryKeyConstraint("user", name=op.f("pk_users")),
        info={"part": "business"},
    )
    op.create_table(
        "approvals",
        sa.Column("subject", TEXT, nullable=False),
        sa.Column("person", TEXT, nullable=False),
        sa.Column("decision", TEXT, nullable=False),
        sa.Column("at", TEXT, nullable=False),
        sa.CheckConstraint(
            "decision IN ('approve', 'refuse')", name=op.f("ck_approvals_decision")
        ),
        sa.ForeignKeyConstraint(
            ["person"], ["users.user"], name=op.f("fk_approvals_person_users")
        ),
        sa.PrimaryKeyConstraint("subject", "person", name=op.f("pk_approvals")),
        info={"part": "business"},
    )
    op.create_table(
        "claims",
        sa.Column("release_id", TEXT, nullable=False),
        sa.Column("claim", TEXT, nullable=False),
        sa.Column("claimant", TEXT, nullable=False),
        sa.Column("class", TEXT, nullable=False),
        sa.Column("use_item", TEXT, nullable=True),
        sa.Column("wanted_grams", sa.BigInteger(), nullable=False),
        sa.Column("eligible_grams", sa.BigInteger(), nullable=True),
        sa.Column("granted_grams", sa.BigInteger(), nullable=False),
        sa.Column("entitled_grams", sa.BigInteger(), nullable=True),
        sa.Column("security_value_cents_per_t", sa.BigInteger(), nullable=True),
        sa.Column("filed_by", TEXT, nullable=False),
        sa.Column("filed_at", TEXT, nullable=False),
        sa.Column("rank", sa.BigInteger(), nullable=True),
        sa.CheckConstraint(
            "class IN ('defence', 'essential', 'other')", name=op.f("ck_claims_class")
        ),
        sa.CheckConstraint(
            "eligible_grams >= 0", name=op.f("ck_claims_eligible_grams_sign")
        ),
        sa.CheckConstraint(
            "entitled_grams >= 0", name=op.f("ck_claims_entitled_grams_sign")
        ),
        sa.CheckConstraint(
            "granted_grams <= wanted_grams", name=op.f("ck_claims_granted_within")
        ),
        sa.CheckConstraint(
            "granted_grams >= 0", name=op.f("ck_claims_granted_grams_sign")
        ),
        sa.CheckConstraint(
            "wanted_grams > 0", name=op.f("ck_claims_wanted_grams_sign")
        ),
        sa.ForeignKeyConstraint(
            ["release_id"],
            ["releases.release_id"],
            name=op.f("fk_claims_release_id_releases"),
        ),
        sa.ForeignKeyConstraint(
            ["use_item"], ["items.item"], name=op.f("fk_claims_use_item_items")
        ),
        sa.PrimaryKeyConstraint("release_id", "claim", name=op.f("pk_claims")),
        info={"part": "business"},
    )
    op.create_table(
        "contract_steps",
        sa.Column("contract", TEXT, nullable=False),
        sa.Column("line", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("rung", TEXT, nullable=False),
        sa.Column("at", TEXT, nullable=False),
        sa.Column("sequence", sa.BigInteger(), nullable=False),
        sa.Column("note", TEXT, nullable=True),
        sa.CheckConstraint(
            "rung IN ('statement', 'memorandum', 'framework', 'letter_of_intent', 'conditional', 'ceiling', 'minimum_guarantee', 'funded_order', 'delivered', 'accepted', 'paid')",
            name=op.f("ck_contract_steps_rung"),
        ),
        sa.ForeignKeyConstraint(
            ["contract"],
            ["contracts.contract"],
            name=op.f("fk_contract_steps_contract_contracts"),
        ),
        sa.PrimaryKeyConstraint("contract", "line", name=op.f("pk_contract_steps")),
        info={"part": "business"},
    )
    op.create_table(
        "credentials",
        sa.Column("user", TEXT, nullable=False),
        sa.Column("password_hash", TEXT, nullable=False),
        sa.Column("changed_at", TEXT, nullable=False),
        sa.ForeignKeyConstraint(
            ["user"], ["users.user"], name=op.f("fk_credentials_user_users")
        ),
        sa.PrimaryKeyConstraint("user", name=op.f("pk_credentials")),
        info={"part": "access"},
    )
    op.create_table(
        "duties",
        sa.Column("duty", TEXT, nullable=False),
        sa.Column("reserve", TEXT, nullable=False),
        sa.Column("member", TEXT, nullable=True),
        sa.Column("item", TEXT, nullable=False),
        sa.Column("purity", sa.Double(), nullable=True),
        sa.Column("grams", sa.BigInteger(), nullable=False),
        sa.Column("open_grams", sa.BigInteger(), nullable=False),
        sa.Column("open_cents", sa.BigInteger(), nullable=False),
        sa.Column("drawn_on", TEXT, nullable=False),
        sa.Column("due_on", TEXT, nullable=False),
        sa.Column("why", TEXT, nullable=False),
        sa.Column("release_id", TEXT, nullable=True),
        sa.Column("status", TEXT, nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.CheckConstraint(
            "(status = 'done') = (open_grams = 0)", name=op.f("ck_duties_done_is_empty")
        ),
        sa.CheckConstraint(
            "reserve IN ('strategic', 'industrial')", name=op.f("ck_duties_reserve")
        ),
        sa.CheckConstraint("status IN ('open', 'done')", name=op.f("ck_duties_status")),
        sa.CheckConstraint(
            "why IN ('draw', 'rotation', 'loss')", name=op.f("ck_duties_why")
        ),
        sa.CheckConstraint("grams > 0", name=op.f("ck_duties_grams_sign")),
        sa.CheckConstraint("open_cents >= 0", name=op.f("ck_duties_open_cents_sign")),
        sa.CheckConstraint("open_grams <= grams", name=op.f("ck_duties_open_within")),
        sa.CheckConstraint("open_grams >= 0", name=op.f("ck_duties_open_grams_sign")),
        sa.ForeignKeyConstraint(
            ["item"], ["items.item"], name=op.f("fk_duties_item_items")
        ),
        sa.ForeignKeyConstraint(
            ["member"], ["members.member"], name=op.f("fk_duties_member_members")
        ),
        sa.ForeignKeyConstraint(
            ["release_id"],
            ["releases.release_id"],
            name=op.f("fk_duties_release_id_releases"),
        ),
        sa.PrimaryKeyConstraint("duty", name=op.f("pk_duties")),
        info={"part": "business"},
    )
    op.create_index(
        op.f("ix_duties_item_status"), "duties", ["item", "status"], unique=False
    )
    op.create_index(
        op.f("ix_duties_member_item"), "duties", ["member", "item"], unique=False
    )
    op.create_table(
        "identities",
        sa.Column("issuer", TEXT, nullable=False),
        sa.Column("identity", TEXT, nullable=False),
        sa.Column("user", TEXT, nullable=False),
        sa.Column("linked_at", TEXT, nullable=False),
        sa.ForeignKeyConstraint(
            ["user"], ["users.user"], name=op.f("fk_identities_user_users")
        ),
        sa.PrimaryKeyConstraint("issuer", "identity", name=op.f("pk_identities")),
        info={"part": "access"},
    )
    op.create_table(
        "lots",
        sa.Column("lot", TEXT, nullable=False),
        sa.Column("item", TEXT, nullable=False),
        sa.Column("form", TEXT, nullable=True),
        sa.Column("purity", sa.Double(), nullable=True),
        sa.Column("assay", sa.Double(), nullable=True),
        sa.Column("origin_country", TEXT, nullable=True),
        sa.Column("producer", TEXT, nullable=True),
        sa.Column("certificate", TEXT, nullable=True),
        sa.Column("certificate_expires_on", TEXT, nullable=True),
        sa.Column("depot", TEXT, nullable=False),
        sa.Column("owner", TEXT, nullable=False),
        sa.Column("received_on", TEXT, nullable=False),
        sa.Column("expires_on", TEXT, nullable=True),
        sa.Column("grams", sa.BigInteger(), nullable=False),
        sa.Column("initial_grams", sa.BigInteger(), nullable=False),
        sa.Column("cost_cents", sa.BigInteger(), nullable=False),
        sa.Column("contract", TEXT, nullable=True),
        sa.Column("parents", TEXT, nullable=True),
        sa.Column("status", TEXT, nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.CheckConstraint(
            "(status = 'spent') = (grams = 0)", name=op.f("ck_lots_spent_is_empty")
        ),
        sa.CheckConstraint("status IN ('held', 'spent')", name=op.f("ck_lots_status")),
        sa.CheckConstraint("cost_cents >= 0", name=op.f("ck_lots_cost_cents_sign")),
        sa.CheckConstraint("grams >= 0", name=op.f("ck_lots_grams_sign")),
        sa.CheckConstraint(
            "initial_grams > 0", name=op.f("ck_lots_initial_grams_sign")
        ),
        sa.ForeignKeyConstraint(
            ["contract"],
            ["contracts.contract"],
            name=op.f("fk_lots_contract_contracts"),
        ),
        sa.ForeignKeyConstraint(
            ["depot"], ["depots.depot"], name=op.f("fk_lots_depot_depots")
        ),
        sa.ForeignKeyConstraint(
            ["item"], ["items.item"], name=op.f("fk_lots_item_items")
        ),
        sa.ForeignKeyConstraint(
            ["owner"], ["owners.owner"], name=op.f("fk_lots_owner_owners")
        ),
        sa.ForeignKeyConstraint(
            ["producer"],
            ["producers.producer"],
            name=op.f("fk_lots_producer_producers"),
        ),
        sa.PrimaryKeyConstraint("lot", name=op.f("pk_lots")),
        info={"part": "business"},
    )
    op.create_index(op.f("ix_lots_depot"), "lots", ["depot"], unique=False)
    op.create_index(op.f("ix_lots_item_owner"), "lots", ["item", "owner"], unique=False)
    op.create_table(
        "orders",
        sa.Column("order_id", TEXT, nullable=False),
        sa.Column("contract", TEXT, nullable=False),
        sa.Column("grams", sa.BigInteger(), nullable=False),
        sa.Column("cancelled_grams", sa.BigInteger(), nullable=False),
        sa.Column("price_cents_per_t", sa.BigInteger(), nullable=False),
        sa.Column("amount_cents", sa.BigInteger(), nullable=False),
        sa.Column("quarter", TEXT, nullable=True),
        sa.Column("plan_year", sa.BigInteger(), nullable=True),
        sa.Column("drafted_by", TEXT, nullable=False),
        sa.Column("drafted_on", TEXT, nullable=False),
        sa.Column("status", TEXT, nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.CheckConstraint(
            "status IN ('draft', 'funded', 'cancelled', 'closed')",
            name=op.f("ck_orders_status"),
        ),
        sa.CheckConstraint(
            "amount_cents >= 0", name=op.f("ck_orders_amount_cents_sign")
        ),
        sa.CheckConstraint(
            "cancelled_grams >= 0", name=op.f("ck_orders_cancelled_grams_sign")
        ),
        sa.CheckConstraint("grams > 0", name=op.f("ck_orders_grams_sign")),
        sa.CheckConstraint(
            "price_cents_per_t >= 0", name=op.f("ck_orders_price_cents_per_t_sign")
        ),
        sa.ForeignKeyConstraint(
            ["contract"],
            ["contracts.contract"],
            name=op.f("fk_orders_contract_contracts"),
        ),
        sa.PrimaryKeyConstraint("order_id", name=op.f("pk_orders")),
        info={"part": "business"},
    )
    op.create_index(op.f("ix_orders_contract"), "orders", ["contract"], unique=False)
    op.create_table(
        "sessions",
        sa.Column("session_hash", TEXT, nullable=False),
        sa.Column("user", TEXT, nullable=False),
        sa.Column("created_at", TEXT, nullable=False),
        sa.Column("last_seen_at", TEXT, nullable=False),
        sa.Column("expires_at", TEXT, nullable=False),
        sa.ForeignKeyConstraint(
            ["user"], ["users.user"], name=op.f("fk_sessions_user_users")
        ),
        sa.PrimaryKeyConstraint("session_hash", name=op.f("pk_sessions")),
        info={"part": "access"},
    )
    op.create_index(op.f("ix_sessions_user"), "sessions", ["user"], unique=False)
    op.create_table(
        "settlements",
        sa.Column("contract", TEXT, nullable=False),
        sa.Column("quarter", TEXT, nullable=False),
        sa.Column("grams", sa.BigInteger(), nullable=False),
        sa.Column("index_cents_per_t", sa.BigInteger(), nullable=True),
        sa.Column("due_cents", sa.BigInteger(), nullable=False),
        sa.Column("statement", TEXT, nullable=False),
        sa.Column("computed_by", TEXT, nullable=False),
        sa.Column("status", TEXT, nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.CheckConstraint(
            "status IN ('computed', 'approved', 'paid')",
            name=op.f("ck_settlements_status"),
        ),
        sa.CheckConstraint("grams >= 0", name=op.f("ck_settlements_grams_sign")),
        sa.ForeignKeyConstraint(
            ["contract"],
            ["contracts.contract"],
            name=op.f("fk_settlements_contract_contracts"),
        ),
        sa.PrimaryKeyConstraint("contract", "quarter", name=op.f("pk_settlements")),
        info={"part": "business"},
    )
    op.create_table(
        "shipments",
        sa.Column("shipment", TEXT, nullable=False),
        sa.Column("release_id", TEXT, nullable=False),
        sa.Column("claim", TEXT, nullable=True),
        sa.Column("shipped_on", TEXT, nullable=False),
        sa.Column("delivered_on", TEXT, nullable=True),
        sa.Column("carrier", TEXT, nullable=True),
        sa.Column("destination", TEXT, nullable=False),
        sa.Column("grams", sa.BigInteger(), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("grams > 0", name=op.f("ck_shipments_grams_sign")),
        sa.ForeignKeyConstraint(
            ["release_id"],
            ["releases.release_id"],
            name=op.f("fk_shipments_release_id_releases"),
        ),
        sa.PrimaryKeyConstraint("shipment", name=op.f("pk_shipments")),
        info={"part": "business"},
    )
    op.create_index(
        op.f("ix_shipments_release_id"), "shipments", ["release_id"], unique=False
    )
    op.create_table(
        "tokens",
        sa.Column("token", TEXT, nullable=False),
        sa.Column("user", TEXT, nullable=False),
        sa.Column("name", TEXT, nullable=False),
        sa.Column("token_hash", TEXT, nullable=False),
        sa.Column("scopes", TEXT, nullable=False),
        sa.Column("created_at", TEXT, nullable=False),
        sa.Column("expires_at", TEXT, nullable=False),
        sa.Column("last_used_at", TEXT, nullable=True),
        sa.Column("revoked_at", TEXT, nullable=True),
        sa.ForeignKeyConstraint(
            ["user"], ["users.user"], name=op.f("fk_tokens_user_users")
        ),
        sa.PrimaryKeyConstraint("token", name=op.f("pk_tokens")),
        sa.UniqueConstraint("token_hash", name=op.f("uq_tokens_token_hash")),
        info={"part": "access"},
    )
    op.create_index(op.f("ix_tokens_user"), "tokens", ["user"], unique=False)
    op.create_table(
        "user_roles",
        sa.Column("user", TEXT, nullable=False),
        sa.Column("role", TEXT, nullable=False),
        sa.ForeignKeyConstraint(
            ["user"], ["users.user"], name=op.f("fk_user_roles_user_users")
        ),
        sa.PrimaryKeyConstraint("user", "role", name=op.f("pk_user_roles")),
        info={"part": "business"},
    )
    op.create_table(
        "volumes",
        sa.Column("contract", TEXT, nullable=False),
        sa.Column("quarter", TEXT, nullable=False),
        sa.Column("designation", TEXT, nullable=False),
        sa.Column("grams", sa.BigInteger(), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("grams >= 0", name=op.f("ck_volumes_grams_sign")),
        sa.ForeignKeyConstraint(
            ["contract"],
            ["contracts.contract"],
            name=op.f("fk_volumes_contract_contracts"),
        ),
        sa.PrimaryKeyConstraint(
            "contract", "quarter", "designation", name=op.f("pk_volumes")
        ),
        info={"part": "business"},
    )
    op.create_table(
        "deliveries",
        sa.Column("delivery", TEXT, nullable=False),
        sa.Column("order_id", TEXT, nullable=False),
        sa.Column("due_on", TEXT, nullable=False),
        sa.Column("grams", sa.BigInteger(), nullable=False),
        sa.Column("status", TEXT, nullable=False),
        sa.Column("delivered_on", TEXT, nullable=True),
        sa.Column("delivered_grams", sa.BigInteger(), nullable=True),
        sa.Column("accepted_grams", sa.BigInteger(), nullable=True),
        sa.Column("rejected_grams", sa.BigInteger(), nullable=True),
        sa.Column("late_days", sa.BigInteger(), nullable=True),
        sa.Column("price_cents_per_t", sa.BigInteger(), nullable=True),
        sa.Column("gross_cents", sa.BigInteger(), nullable=True),
        sa.Column("penalty_cents", sa.BigInteger(), nullable=True),
        sa.Column("amount_cents", sa.BigInteger(), nullable=True),
        sa.Column("paid_cents", sa.BigInteger(), nullable=False),
        sa.Column("accepted_by", TEXT, nullable=True),
        sa.Column("lot", TEXT, nullable=True),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.CheckConstraint(
            "status IN ('due', 'delivered', 'accepted', 'rejected', 'paid', 'cancelled')",
            name=op.f("ck_deliveries_status"),
        ),
        sa.CheckConstraint(
            "accepted_grams >= 0", name=op.f("ck_deliveries_accepted_grams_sign")
        ),
        sa.CheckConstraint(
            "amount_cents >= 0", name=op.f("ck_deliveries_amount_cents_sign")
        ),
        sa.CheckConstraint(
            "delivered_grams >= 0", name=op.f("ck_deliveries_delivered_grams_sign")
        ),
        sa.CheckConstraint("grams > 0", name=op.f("ck_deliveries_grams_sign")),
        sa.CheckConstraint(
            "gross_cents >= 0", name=op.f("ck_deliveries_gross_cents_sign")
        ),
        sa.CheckConstraint("late_days >= 0", name=op.f("ck_deliveries_late_days_sign")),
        sa.CheckConstraint(
            "paid_cents <= coalesce(amount_cents, 0)",
            name=op.f("ck_deliveries_paid_at_most"),
        ),
        sa.CheckConstraint(
            "paid_cents >= 0", name=op.f("ck_deliveries_paid_cents_sign")
        ),
        sa.CheckConstraint(
            "penalty_cents >= 0", name=op.f("ck_deliveries_penalty_cents_sign")
        ),
        sa.CheckConstraint(
            "rejected_grams >= 0", name=op.f("ck_deliveries_rejected_grams_sign")
        ),
        sa.ForeignKeyConstraint(
            ["lot"], ["lots.lot"], name=op.f("fk_deliveries_lot_lots")
        ),
        sa.ForeignKeyConstraint(
            ["order_id"],
            ["orders.order_id"],
            name=op.f("fk_deliveries_order_id_orders"),
        ),
        sa.PrimaryKeyConstraint("delivery", name=op.f("pk_deliveries")),
        info={"part": "business"},
    )
    op.create_index(
        op.f("ix_deliveries_order_id"), "deliveries", ["order_id"], unique=False
    )
    op.create_index(
        op.f("ix_deliveries_status_due_on"),
        "deliveries",
        ["status", "due_on"],
        unique=False,
    )
    op.create_table(
        "draws",
        sa.Column("release_id", TEXT, nullable=False),
        sa.Column("line", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("lot", TEXT, nullable=False),
        sa.Column("grams", sa.BigInteger(), nullable=False),
        sa.Column("cost_cents", sa.BigInteger(), nullable=False),
        sa.Column("claim", TEXT, nullable=True),
        sa.CheckConstraint("cost_cents >= 0", name=op.f("ck_draws_cost_cents_sign")),
        sa.CheckConstraint("grams > 0", name=op.f("ck_draws_grams_sign")),
        sa.ForeignKeyConstraint(["lot"], ["lots.lot"], name=op.f("fk_draws_lot_lots")),
        sa.ForeignKeyConstraint(
            ["release_id"],
            ["releases.release_id"],
            name=op.f("fk_draws_release_id_releases"),
        ),
        sa.PrimaryKeyConstraint("release_id", "line", name=op.f("pk_draws")),
        info={"part": "business"},
    )
    op.create_index(op.f("ix_draws_lot"), "draws", ["lot"], unique=False)
    op.create_table(
        "mass_postings",
        sa.Column("txn", TEXT, nullable=False),
        sa.Column("line", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("account", TEXT, nullable=False),
        sa.Column("item", TEXT, nullable=False),
        sa.Column("lot", TEXT, nullable=True),
        sa.Column("grams", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("grams <> 0", name=op.f("ck_mass_postings_grams_something")),
        sa.ForeignKeyConstraint(
            ["item"], ["items.item"], name=op.f("fk_mass_postings_item_items")
        ),
        sa.ForeignKeyConstraint(
            ["lot"], ["lots.lot"], name=op.f("fk_mass_postings_lot_lots")
        ),
        sa.ForeignKeyConstraint(
            ["txn"],
            ["transactions.txn"],
            name=op.f("fk_mass_postings_txn_transactions"),
            initially="DEFERRED",
            deferrable=True,
        ),
        sa.PrimaryKeyConstraint("txn", "line", name=op.f("pk_mass_postings")),
        info={"part": "business"},
    )
    op.create_index(
        op.f("ix_mass_postings_account_item"),
        "mass_postings",
        ["account", "item"],
        unique=False,
    )
    op.create_index(
        op.f("ix_mass_postings_lot"), "mass_postings", ["lot"], unique=False
    )
    op.create_table(
        "price_adjustments",
        sa.Column("order_id", TEXT, nullable=False),
        sa.Column("line", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("adjusted_on", TEXT, nullable=False),
        sa.Column("from_quarter", TEXT, nullable=False),
        sa.Column("to_quarter", TEXT, nullable=False),
        sa.Column("from_index_cents_per_t", sa.BigInteger(), nullable=False),
        sa.Column("to_index_cents_per_t", sa.BigInteger(), nullable=False),
        sa.Column("agreed_cents_per_t", sa.BigInteger(), nullable=False),
        sa.Column("from_price_cents_per_t", sa.BigInteger(), nullable=False),
        sa.Column("to_price_cents_per_t", sa.BigInteger(), nullable=False),
        sa.Column("open_grams", sa.BigInteger(), nullable=False),
        sa.Column("difference_cents", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["order_id"],
            ["orders.order_id"],
            name=op.f("fk_price_adjustments_order_id_orders"),
        ),
        sa.PrimaryKeyConstraint("order_id", "line", name=op.f("pk_price_adjustments")),
        info={"part": "business"},
    )
    op.create_table(
        "payments",
        sa.Column("payment", TEXT, nullable=False),
        sa.Column("contract", TEXT, nullable=False),
        sa.Column("delivery", TEXT, nullable=True),
        sa.Column("quarter", TEXT, nullable=True),
        sa.Column("cents", sa.BigInteger(), nullable=False),
        sa.Column("paid_on", TEXT, nullable=False),
        sa.Column("paid_by", TEXT, nullable=False),
        sa.CheckConstraint("cents <> 0", name=op.f("ck_payments_cents_something")),
        sa.ForeignKeyConstraint(
            ["contract"],
            ["contracts.contract"],
            name=op.f("fk_payments_contract_contracts"),
        ),
        sa.ForeignKeyConstraint(
            ["delivery"],
            ["deliveries.delivery"],
            name=op.f("fk_payments_delivery_deliveries"),
        ),
        sa.PrimaryKeyConstraint("payment", name=op.f("pk_payments")),
        info={"part": "business"},
    )
    op.create_index(
        op.f("ix_payments_contract"), "payments", ["contract"], unique=False
    )
    set_guards(op.get_bind())
