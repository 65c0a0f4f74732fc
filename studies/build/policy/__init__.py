# SPDX-License-Identifier: Apache-2.0
"""What governments, companies and fate do: rules, threats, losses, stocks, projects.

Runs after every item, plant, demand and lane is there, because an effect may only
name what the study knows.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from studies.build.policy import (
    agreements,
    blocs,
    losses,
    measures,
    offtakes,
    projects,
    stocks,
    threats,
)

if TYPE_CHECKING:
    from studies.build.raw import Raw
    from studies.build.tables import Tables

__all__ = ["add"]


def add(tables: Tables, raw: Raw) -> None:
    """Add the policy side of the study, in an order where each sees the earlier."""
    for module in (
        blocs,
        losses,
        stocks,
        projects,
        agreements,
        measures,
        offtakes,
        threats,
    ):
        module.add(tables, raw)
