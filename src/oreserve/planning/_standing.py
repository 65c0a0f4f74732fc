# SPDX-License-Identifier: Apache-2.0
"""A first-stage point as the market sees it: orders, agreements, projects."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from oreserve.market import Commitment, Order, ProjectSupport, Standing

if TYPE_CHECKING:
    from oreserve.planning._columns import ColumnMap
    from oreserve.planning._home import Home
    from oreserve.planning._market import HomeMarket

__all__ = ["standing_of"]

Floats = npt.NDArray[np.float64]

LEAST_BUY_T = 1e-6
"""Orders below this share of their largest amount are not placed."""


def standing_of(
    home: Home, market: HomeMarket, columns: ColumnMap, x: Floats
) -> Standing:
    """Put a first-stage point into the world: orders, agreements, projects.

    Money for a project comes with an offtake for home on what is not promised to
    others.
    """
    orders = []
    for buy in columns.buys:
        if x[buy.column] > LEAST_BUY_T:
            start = home.starts[int(home.first_period[buy.year])]
            orders.append(
                Order(
                    item=home.item[buy.item],
                    start=start,
                    tonnes=float(x[buy.column] * buy.most_t),
                    bid_usd_per_t=float(market.bid[buy.item]),
                )
            )
    agreements = []
    for column, place in columns.agreements:
        offer = columns.agreement_offers[place]
        if x[column] > LEAST_BUY_T:
            agreements.append(
                Commitment(
                    name=f"plan: {offer.name}",
                    item=offer.item,
                    t_per_year=float(x[column] * offer.most_t),
                    seller_country=offer.country,
                    start=date(offer.first_year, 1, 1),
                    until=date(offer.last_year + 1, 1, 1),
                )
            )
    projects: dict[str, ProjectSupport] = {}
    for column, place in columns.options:
        project = columns.project_offers[place]
        if x[column] < 0.5:
            continue
        projects[project.project] = ProjectSupport(
            project.success, float(project.start_year)
        )
        for item, tonnes in sorted(project.output.items()):
            if project.open_share > 0.0:
                agreements.append(
                    Commitment(
                        name=f"plan: {project.project} {item}",
                        item=item,
                        t_per_year=tonnes * project.open_share,
                        seller_country=project.country,
                        seller=project.project,
                        start=date(project.start_year, 1, 1),
                    )
                )
    return Standing(
        orders=tuple(sorted(orders)),
        agreements=tuple(sorted(agreements)),
        projects=projects,
    )
