# SPDX-License-Identifier: Apache-2.0
"""The shape of a chain's programme: its parts, columns and rows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from oreserve.network.sums import sum_by

if TYPE_CHECKING:
    from oreserve.network.chain import Chain

__all__ = ["Focus", "Hub", "MarketRules", "Part", "Problem"]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

# Centre and half width in log price, and number of steps, by owner of a curve.
Focus = dict[int, tuple[float, float, int]]


@dataclass(frozen=True)
class MarketRules:
    """Settings that shape the programme of every chain.

    `quarterly` takes the short elasticities; `bid` and `ask` are multiples of the
    base price at which commercial stocks buy and sell.
    """

    home: tuple[str, ...] = ("USA",)
    wedge: float = 0.002
    slice_ceiling: bool = True
    bid: float = 1.0
    ask: float = 1.25
    quarterly: bool = False


@dataclass(frozen=True)
class Part:
    """Owners of one kind and their pieces, contiguous among all columns.

    `start` and `width` are in tonnes a year (shares of the quantity for demands);
    `cost` in USD per tonne.
    """

    first: int  # first column
    owner: Ints  # (pieces,) index of the owner
    start: Floats  # (pieces,) where the piece begins
    width: Floats  # (pieces,)
    cost: Floats  # (pieces,) USD per t of the owner
    scale: Floats  # (owners,) t per unit of the column

    @property
    def columns(self) -> slice:
        """Return the columns of the part."""
        return slice(self.first, self.first + len(self.owner))

    @property
    def owners(self) -> int:
        """Return the number of owners."""
        return len(self.scale)

    def upper(self, limit: Floats) -> Floats:
        """Return upper bounds in column units for limits in tonnes a year."""
        room = limit[self.owner] - self.start
        return np.clip(room, 0.0, self.width) / self.scale[self.owner]

    def total(self, value: Floats) -> Floats:
        """Return tonnes a year by owner from column values."""
        values = value[self.columns] * self.scale[self.owner]
        return sum_by(self.owner, values, minlength=self.owners)


@dataclass(frozen=True)
class Hub:
    """Legs through the hub of an item, and leak lanes into home."""

    out_node: Ints  # (E,) exporters that may enter
    in_node: Ints  # (M,) importers
    in_share: Floats  # (M,) share of use that may enter in a year
    leak_from: Ints  # (K,) third country
    leak_to: Ints  # (K,) home node
    leak_row: Ints  # (K,) index into leak_home
    leak_home: Ints  # (Q,) home nodes with leak lanes


@dataclass(frozen=True)
class Problem:
    """The programme of one chain; built by `build_problem`."""

    chain: Chain
    rules: MarketRules
    group_of: Ints  # (D,) demand group of each demand row
    group_node: Ints  # (G,)
    group_elasticity: Floats  # (G,)
    group_ceiling: Floats  # (G,) max price over base price
    group_price: Floats  # (G,) base price of the curve
    demand: Part
    plant: Part
    idle: Part
    lane: Part
    hub_out: Part
    hub_in: Part
    leak: Part
    unsold: Part
    fill: Part
    draw: Part
    bid: Part  # purchases of the reserve, home nodes
    sale: Part  # tonnes sold by a reserve, home nodes
    hub: Hub
    home_node: Ints  # (H,) home nodes
    stock_node: Ints  # (S,) nodes with commercial stocks
    idle_plant: Ints  # plants with idle capacity
    plant_limit: Floats  # (F,) normal capacity, idle part left out
    lane_cost: Floats  # (L,) USD per t, tariff apart
    use: Floats  # (N,) base use: demands and what plants take, t a year
    row_scale: Floats  # (rows,) t per unit of the row
    node_rows: int
    money: float  # USD per unit of money
    cost: Floats  # (columns,) units of money per unit
    starts: npt.NDArray[np.int32]
    indices: npt.NDArray[np.int32]
    values: Floats

    @property
    def columns(self) -> int:
        """Return the number of columns."""
        return len(self.cost)

    @property
    def rows(self) -> int:
        """Return the number of rows: nodes, then hubs, then leak limits."""
        return len(self.row_scale)
