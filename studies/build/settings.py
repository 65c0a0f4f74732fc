# SPDX-License-Identifier: Apache-2.0
"""Settings of the study: the United States in 2026, quantities of 2024."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from studies.build.raw import Raw
    from studies.build.tables import Tables

__all__ = ["add"]

# 2024 is the last year before export controls moved prices and trade; measures
# are those of `as_of`.
VALUES: dict[str, str | int] = {
    "home": "USA",
    "as_of": "2026-11-22",
    "base_year": 2024,
    "price_year": 2024,
    "first_year": 2027,
    "horizon_years": 10,
    "period_years": 1,
}


def add(tables: Tables, raw: Raw) -> None:  # noqa: ARG001  # one signature for all
    """Add the settings; names left out keep their default."""
    for name, value in VALUES.items():
        tables.row("settings", name=name, value=value)
