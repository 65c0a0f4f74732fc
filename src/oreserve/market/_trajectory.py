# SPDX-License-Identifier: Apache-2.0
"""What a simulated scenario leaves behind for a plan."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

__all__ = ["Trajectory", "TrajectoryIndex"]

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class TrajectoryIndex:
    """Names of the axes of a trajectory.

    Parameters
    ----------
    periods
        (T,) start of each period, `YYYY-MM`.
    demands, demand_item, demand_class, demand_loss
        (D,) home's uses in sorted order; loss in USD per t, nan if unknown.
    demand_block
        (D,) share of use up to which a use counts as served: see `beyond_block`.
    items
        (I,) items that home uses, makes, trades or holds.
    origins
        (O,) countries, home's among them: its exports are negative inflow.
    plants, home_plants
        (P,) all plants and projects; (F,) those at home.
    agreements
        (A,) agreements of the study and of the plan, then candidates.
    reserves, reserve_item
        (R,) reserve stocks: those of the study, then one `plan:ITEM` per item.
    """

    periods: tuple[str, ...]
    demands: tuple[str, ...]
    demand_item: tuple[str, ...]
    demand_class: tuple[str, ...]
    demand_loss: Floats
    demand_block: Floats
    items: tuple[str, ...]
    origins: tuple[str, ...]
    plants: tuple[str, ...]
    home_plants: tuple[str, ...]
    agreements: tuple[str, ...]
    reserves: tuple[str, ...]
    reserve_item: tuple[str, ...]


@dataclass(frozen=True)
class Trajectory:
    """One scenario at home, tonnes per period (not per year) and USD per tonne.

    Parameters
    ----------
    number
        Of the scenario.
    wanted, served_market, served
        (T, D) at base prices; by the market; with agreements and release.
    loss_usd
        (T,) undiscounted; uses without a known loss count nothing.
    premium_usd
        (T,) import premium at market prices, capped at 3 times the base price.
    price
        (T, I) nan where home neither uses nor trades the item.
    inflow
        (T, I, O) by origin; home's own exports negative.
    commercial
        (T, I) what home's traders sold less what they bought.
    output
        (T, P) activity of all plants.
    release, fill, stock
        (T, I) the reserve: given, bought, level at the end.
    release_share
        (T, I) share of the accessible stock that the rule lets go in the period.
    fillable
        (T, I) whether home is not short of the item, so that an order may fill.
    agreement
        (T, A) tonnes that reached home's users; 0 for candidates.
    agreement_share
        (T, A) tonnes delivered per tonne signed, were home short.
    agreement_limit
        (T, A) most tonnes that the seller could add.
    home_plant_room
        (T, F) activity that limits allow above what ran.
    """

    number: int
    wanted: Floats
    served_market: Floats
    served: Floats
    loss_usd: Floats
    premium_usd: Floats
    price: Floats
    inflow: Floats
    commercial: Floats
    output: Floats
    release: Floats
    fill: Floats
    stock: Floats
    release_share: Floats
    fillable: Bools
    agreement: Floats
    agreement_share: Floats
    agreement_limit: Floats
    home_plant_room: Floats
