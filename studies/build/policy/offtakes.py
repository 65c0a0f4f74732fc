# SPDX-License-Identifier: Apache-2.0
"""Contracts that sell a project's whole output away from home, as rules on trade.

The market clears by lanes: it does not know who has signed for a mine's tonnes, and
sends them to whoever pays. So a contract that leaves nobody else a tonne is written as
a ban by the mine's country on the allies for as long as it lasts, and as a lane to the
buyer. A ban by a named country also shuts its way through third countries. Contracts
with an ally, and contracts on a part of the output, are left to `agreements`: they do
not take the tonnes out of reach.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from studies.build.policy.blocs import ALLIES
from studies.build.policy.choose import number
from studies.build.sources import assume

if TYPE_CHECKING:
    from studies.build.raw import Raw
    from studies.build.tables import Tables, Value

__all__ = ["add"]

BLOC = "ALLIES"


def add(tables: Tables, raw: Raw) -> None:  # noqa: ARG001  # one signature for all
    """Add a ban and a lane for every project sold whole to a country outside."""
    for project in tables.rows("projects", committed_share=1.0):
        buyer, country = str(project["committed_to"]), str(project["country"])
        if buyer == country or buyer in {*ALLIES, BLOC}:
            continue
        for contract in tables.rows(
            "agreements", seller=project["project"], buyer=buyer
        ):
            _add_rule(tables, project, contract)


def _add_rule(
    tables: Tables, project: dict[str, Value], contract: dict[str, Value]
) -> None:
    """Write one contract; another maker in the country would be shut in with it."""
    item, country = str(contract["item"]), str(project["country"])
    makers = {
        str(row["process"])
        for row in tables.rows("recipes", item=item)
        if number(row["coefficient"]) > 0
    }
    others = [
        row
        for table, key in (("plants", "plant"), ("projects", "project"))
        for row in tables.rows(table, country=country)
        if row["process"] in makers and row[key] != project["project"]
    ]
    if others:
        message = f"{project['project']}: {country} has other makers of {item}"
        raise ValueError(message)
    source = assume(
        tables,
        "ASSUMED-OFFTAKES",
        "A project's output sold whole to a country outside the allies is written as "
        "a ban on the allies and a lane to the buyer while the contract lasts: the "
        "market clears by lanes, not by contracts",
    )
    said = (
        "foreign offtake, no act of a government: an offtake written as a rule on "
        "trade, because the market clears by lanes: "
        f"{contract['agreement']} ({contract['source_id']})"
    )
    tables.row(
        "measures",
        measure=f"offtake_{contract['agreement']}",
        kind="ban",
        actor=country,
        target=BLOC,
        item=item,
        **{"from": str(contract["from"])},
        until=str(contract["until"]),
        status="in_force",
        source_id=source,
        evidence="assumed",
        note=f"{said}; also shuts the way through third countries",
    )
    tables.row(
        "lanes",
        item=item,
        exporter=country,
        importer=str(contract["buyer"]),
        capacity_t_per_year=number(contract["quantity_t_per_year"]),
        kind="observed",
        source_id=source,
        evidence="assumed",
        note=f"no flow in the base year; room for {contract['agreement']}",
    )
