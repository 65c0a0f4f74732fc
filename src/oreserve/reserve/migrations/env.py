# SPDX-License-Identifier: Apache-2.0
"""What Alembic runs: revisions on the connection that the caller opened."""

from __future__ import annotations

from alembic import context

from oreserve.reserve._schema import metadata


def run() -> None:
    """Run the revisions that are asked for."""
    context.configure(
        connection=context.config.attributes["connection"],
        target_metadata=metadata,
        transactional_ddl=False,  # the caller's transaction holds all revisions
    )
    context.run_migrations()


# Alembic executes this module; whoever only imports it has no context.
if hasattr(context, "config"):
    run()
