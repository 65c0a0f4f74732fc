# SPDX-License-Identifier: Apache-2.0
"""Stocks: what they hold, when traders fill and sell, and how levels move.

Commercial stocks aim at days of use: more of them once a measure is announced or a
shock is on. They buy at the bid, sell at the ask and keep a floor. What they may
buy or sell moves on a grid of 10 % of the target, so that equal years are solved
once; the levels themselves are exact.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

__all__ = [
    "DAYS_PER_YEAR",
    "CommercialStocks",
    "commercial_limits",
    "commercial_rows",
    "next_level",
]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

DAYS_PER_YEAR = 365.0
TARGET_DAYS, THREAT_DAYS, FLOOR_DAYS = 45.0, 90.0, 15.0  # assumed defaults
GRID_SHARE = 0.1  # of the normal target


@dataclass(frozen=True)
class CommercialStocks:
    """The commercial stocks of a chain: S rows, tonnes."""

    name: tuple[str, ...]
    node: Ints  # (S,)
    opening: Floats
    target: Floats  # in calm
    threat_target: Floats
    floor: Floats
    accessible: Floats  # share
    decay: Floats  # share a year
    most: Floats  # t a year

    @property
    def grid(self) -> Floats:
        """Return the step of the limits, t."""
        return np.maximum(GRID_SHARE * self.target, 1e-12)


def commercial_rows(
    rows: Sequence[Mapping[str, Any]],
    node_of: Mapping[tuple[str, str], int],
    use: Floats,
) -> CommercialStocks:
    """Read the commercial stocks of a chain.

    Parameters
    ----------
    rows
        Rows of table `stocks` whose kind is commercial, in key order.
    node_of
        Node of (item, country).
    use
        (N,) use of each node in the base year, t.
    """
    node = np.array([node_of[r["item"], r["country"]] for r in rows], dtype=np.int64)
    daily = use[node] / DAYS_PER_YEAR if len(node) else np.zeros(0)
    return CommercialStocks(
        name=tuple(str(r["stock"]) for r in rows),
        node=node,
        opening=_values(rows, "quantity_t", 0.0),
        target=_values(rows, "target_days", TARGET_DAYS) * daily,
        threat_target=_values(rows, "threat_days", THREAT_DAYS) * daily,
        floor=np.where(
            np.isnan(_values(rows, "floor_t", np.nan)),
            FLOOR_DAYS * daily,
            _values(rows, "floor_t", 0.0),
        ),
        accessible=_values(rows, "accessible_share", 1.0),
        decay=_values(rows, "loss_share_per_year", 0.0),
        most=_values(rows, "max_release_t_per_year", np.inf),
    )


def _values(rows: Sequence[Mapping[str, Any]], name: str, default: float) -> Floats:
    return np.array(
        [default if r[name] is None else float(r[name]) for r in rows], dtype=float
    )


def commercial_limits(
    stocks: CommercialStocks,
    level: Floats,
    *,
    threat: bool | npt.NDArray[np.bool_],
) -> tuple[Ints, Ints]:
    """Return what may be filled and drawn in a period, in steps of the grid.

    `level` is (S,), or (scenarios, S) with `threat` of shape (scenarios,).
    """
    alert = np.asarray(threat)[..., None]
    target = np.where(alert, stocks.threat_target, stocks.target)
    gap = np.maximum(target - level, 0.0)
    above = np.maximum(np.minimum(level - stocks.floor, stocks.accessible * level), 0.0)
    slack = 1e-9  # a level that is on the grid but for rounding counts as on it
    fill = np.floor(gap / stocks.grid + slack)
    draw = np.floor(above / stocks.grid + slack)
    return fill.astype(np.int64), draw.astype(np.int64)


def next_level(
    level: Floats, fill: Floats, release: Floats, *, decay: Floats, years: float
) -> Floats:
    """Return the level at the start of the next period: decay, then net fill."""
    kept = (level + fill - release) * (1.0 - decay) ** years
    return np.maximum(kept, 0.0)
