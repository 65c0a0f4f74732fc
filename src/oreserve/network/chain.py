# SPDX-License-Identifier: Apache-2.0
"""A chain: items tied by processes, as plain arrays.

Items that no process ties are separate problems, so a study falls apart into
chains; each is reconciled, calibrated and cleared alone. Everything is in tonnes
a year on the item's basis and USD per tonne. Rows are in sorted key order.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

__all__ = ["Chain", "Demands", "Lanes", "Nodes", "Plants"]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Nodes:
    """Item x country pairs with a plant, a demand, a lane or a stock: N of them.

    `price` is the local base price: raw from the study, then calibrated.
    `price_sigma_share` is its standard error as a share, by evidence.
    """

    item: Ints  # (N,) index into Chain.items
    country: Ints  # (N,) index into Chain.countries
    price: Floats  # (N,) USD per t; nan where the study has none
    price_sigma_share: Floats  # (N,)
    price_read: Bools  # (N,) True where the price row is evidence `read`


@dataclass(frozen=True)
class Plants:
    """Processes at places: F of them, with their recipes as triplets."""

    name: tuple[str, ...]
    process: tuple[str, ...]
    main_item: Ints  # (F,)
    country: Ints  # (F,)
    aggregate: Bools  # (F,)
    capacity: Floats  # (F,) t of activity a year, upper bound when everything runs
    base: Floats  # (F,) activity in the base year (reconciled once prepared)
    base_sigma: Floats  # (F,) standard error of base, t a year
    idle: Floats  # (F,) capacity that starts after restart_years
    restart_years: Floats  # (F,)
    restart_usd_per_t: Floats  # (F,)
    cost: Floats  # (F,) net cost, USD per t of activity; nan if not given
    supply_elasticity: Floats  # (F,) nan: constant cost
    first_year: Floats  # (F,) -inf if open
    last_year: Floats  # (F,) inf if open
    evidence: tuple[str, ...]
    recipe_plant: Ints  # (R,) triplets: plant f, node n, coefficient (outputs > 0)
    recipe_node: Ints  # (R,)
    recipe_t_per_t: Floats  # (R,)


@dataclass(frozen=True)
class Demands:
    """Uses: D of them, one row per study row, plus the joint-product rows."""

    name: tuple[str, ...]
    node: Ints  # (D,)
    klass: tuple[str, ...]  # defence, essential, other; "joint" or "stock_build"
    sector: tuple[str, ...]
    quantity: Floats  # (D,) t a year at the base price
    quantity_sigma: Floats  # (D,)
    growth: Floats  # (D,) a year
    elasticity: Floats  # (D,) <= 0, a year; 0: one step at max_price
    elasticity_short: Floats  # (D,) one quarter
    max_price: Floats  # (D,) USD per t
    loss: Floats  # (D,) USD per t short; nan where the study has none
    loss_includes_price: Bools  # (D,)
    stock_days: Floats  # (D,)
    evidence: tuple[str, ...]


@dataclass(frozen=True)
class Lanes:
    """Observed lanes: L of them; own-country lanes do not exist."""

    from_node: Ints  # (L,)
    to_node: Ints  # (L,)
    base: Floats  # (L,) net flow that serves the market, t a year; nan if no base
    base_gross: Floats  # (L,) as published, before directed cycles are cancelled
    base_sigma: Floats  # (L,)
    cost: Floats  # (L,) USD per t; nan if not given
    capacity: Floats  # (L,) t a year; nan: from base, or no limit
    evidence: tuple[str, ...]


@dataclass(frozen=True)
class Chain:
    """One connected set of items."""

    name: str  # the first item in sorted order
    items: tuple[str, ...]
    countries: tuple[str, ...]
    minerals: tuple[str, ...]  # (I,) mineral of each item
    stages: tuple[str, ...]  # (I,) stage of each item
    nodes: Nodes
    plants: Plants
    demands: Demands
    lanes: Lanes
    world: Floats  # (I,) world output of each item in the base year, t
    disposal: Floats  # (I,) USD per t unsold
    lane_cost_share: Floats  # (I,)
    lane_growth: Floats  # (I,) a year
    entry_share: Floats  # (I,)
    leakage_share: Floats  # (I,)
    leakage_cost_share: Floats  # (I,)
    entry_cost: Floats | None = None  # (N,) importer leg; set by calibration
    entry_cost_out: Floats | None = None  # (N,) exporter leg; set by calibration
    unsold_base: Floats | None = None  # (N,) t a year unsold in the base year
    calibrated: bool = False  # wedges and base blocks are used when True
