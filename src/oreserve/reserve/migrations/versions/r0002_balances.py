# SPDX-License-Identifier: Apache-2.0
"""Balances of accounts, so that no command has to add up all postings."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

TEXT = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    """Add the balances and fill them from what was posted so far."""
    op.create_table(
        "mass_balances",
        sa.Column("account", TEXT, nullable=False),
        sa.Column("item", TEXT, nullable=False),
        sa.Column("grams", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["item"], ["items.item"], name=op.f("fk_mass_balances_item_items")
        ),
        sa.PrimaryKeyConstraint("account", "item", name=op.f("pk_mass_balances")),
    )
    op.create_table(
        "money_balances",
        sa.Column("account", TEXT, nullable=False),
        sa.Column("cents", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("account", name=op.f("pk_money_balances")),
    )
    op.execute(
        "INSERT INTO mass_balances (account, item, grams) "
        "SELECT account, item, SUM(grams) FROM mass_postings GROUP BY account, item"
    )
    op.execute(
        "INSERT INTO money_balances (account, cents) "
        "SELECT account, SUM(cents) FROM money_postings GROUP BY account"
    )
