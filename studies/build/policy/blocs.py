# SPDX-License-Identifier: Apache-2.0
"""Blocs that rules and plans name: ALLIES and the strategy's PARTNERS."""

from __future__ import annotations

from typing import TYPE_CHECKING

from studies.build.countries import EU_ENTRY, ensure
from studies.build.sources import assume

if TYPE_CHECKING:
    from studies.build.raw import Raw
    from studies.build.tables import Tables

__all__ = ["ALLIES", "PARTNERS", "add"]

EU = tuple(sorted(c for names in EU_ENTRY.values() for c in names.split()))
ALLIES = (*EU, "AUS", "CAN", "GBR", "JPN", "KOR", "NOR", "NZL", "USA")
# Day of the agreement with the United States; without a day in the sources, the
# ministerial meeting of February 2026.
MEETING = "2026-02-04"
PARTNERS: dict[str, str] = {
    "AGO": MEETING,
    "ARG": MEETING,
    "AUS": "2025-10-20",
    "BRA": MEETING,
    "CAN": MEETING,
    "CHL": MEETING,
    "JPN": "2025-10-27",
    "KHM": "2025-10-26",
    "MWI": MEETING,
    "MYS": "2025-10-26",
    "PER": MEETING,
    "THA": "2025-10-26",
    "TZA": MEETING,
    "ZAF": MEETING,
}


def add(tables: Tables, raw: Raw) -> None:
    """Add members of both blocs."""
    allies = assume(
        tables,
        "ASSUMED-ALLIES",
        "ALLIES: the United States, the European Union, the United Kingdom, Canada, "
        "Australia, New Zealand, Norway, Japan and South Korea: those whom a "
        "targeted ban would name",
    )
    partners = assume(
        tables,
        "ASSUMED-PARTNERS",
        "PARTNERS: countries that the strategy names as sources (Australia, Canada, "
        "Japan, Malaysia, Thailand, Cambodia, Tanzania, Angola, Malawi, South Africa, "
        "South America); dates of signature where known (MCS 2026, table 5), else "
        "the ministerial meeting of 2026-02-04",
    )
    for country in sorted(set(ALLIES)):
        ensure(tables, raw, country)
        tables.row(
            "memberships",
            country=country,
            bloc="ALLIES",
            **{"from": "2024-01-01"},
            source_id=allies,
            evidence="assumed",
        )
    for country, start in sorted(PARTNERS.items()):
        ensure(tables, raw, country)
        tables.row(
            "memberships",
            country=country,
            bloc="PARTNERS",
            **{"from": start},
            source_id=partners,
            evidence="assumed",
        )
