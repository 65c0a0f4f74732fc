# SPDX-License-Identifier: Apache-2.0
"""Step curves: how an isoelastic curve becomes columns of a linear programme.

A curve is a list of steps, each a share of the base quantity and a price as a
multiple of the base price. Steps lie between edges in log price; each is worth the
mean of the curve over its width, so areas under the curve are exact at every edge.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt

__all__ = ["BASE_BLOCK", "Steps", "demand_steps", "stagger", "supply_steps"]

Floats = npt.NDArray[np.float64]

BASE_BLOCK = 0.002  # half width of the block around the base quantity, as a share
STEPS_ABOVE = 12
STEPS_BELOW = 8
CEILING_SLICES = 10
CEILING_TOP = 1.5  # worth of the first slice at the ceiling, as a multiple of it
FLOOR_RATIO = 1.0 / 50.0  # lowest price of the grid, as a multiple of the base
STAGGER = 0.01  # largest shift of a step's price between demands, as a share
GRADED = 0.3  # log price: from here on the grid is coarse
SUPPLY_STEP = 0.12  # widest step of a supply curve in log cost
SUPPLY_STEPS_MAX = 12
CURVES_KEPT = 20_000  # curves of a study; a refinement changes few of them


@dataclass(frozen=True)
class Steps:
    """Widths as shares of the base quantity, prices as multiples of the base price.

    Demand steps fall in price, supply steps rise. Curves are kept and shared, so
    nobody writes into them.
    """

    width: Floats
    price: Floats

    def __post_init__(self) -> None:
        """Lock the arrays."""
        self.width.flags.writeable = False
        self.price.flags.writeable = False


def stagger(number: int) -> float:
    """Return the shift of the steps of one demand in log price, within 0.5 %.

    Equal steps in several countries have many optima; a fixed shift by the rank
    of the demand in sorted order leaves one. The golden ratio spreads the shifts.
    """
    return STAGGER * ((0.6180339887498949 * number) % 1.0 - 0.5)


@lru_cache(maxsize=CURVES_KEPT)
def demand_steps(
    elasticity: float,
    ceiling: float,
    *,
    base_block: bool,
    slice_ceiling: bool,
    shift: float = 0.0,
    focus: tuple[float, float, int] | None = None,
) -> Steps:
    """Return the steps of `min(ceiling, q**(1/elasticity))`.

    Parameters
    ----------
    elasticity
        Price elasticity, at most 0; at 0 the curve is one step at the ceiling.
    ceiling
        Highest price as a multiple of the base price.
    base_block
        Whether a block of +-0.2 % around the base quantity is worth exactly the
        base price (calibrated markets).
    slice_ceiling
        Whether the block at the ceiling falls from 1.5 times it to it in ten
        slices, so that a shortage is shared and not all or nothing.
    shift
        Shift of the edges in log price; see `stagger`.
    focus
        Centre and half width in log price, and a number of steps that replace the
        grid in between: a refinement around a solution.
    """
    if elasticity == 0.0:
        return Steps(np.ones(1), np.array([ceiling]))
    top = math.log(ceiling)
    block_top = block_bottom = 0.0
    if base_block:
        block_top = math.log1p(-BASE_BLOCK) / elasticity
        block_bottom = math.log1p(BASE_BLOCK) / elasticity
    bottom = math.log(FLOOR_RATIO)
    above = np.linspace(top, block_top, STEPS_ABOVE + 1) if top > block_top else _NONE
    below = np.linspace(block_bottom, bottom, STEPS_BELOW + 1)
    if len(above) > 1:
        above[1:-1] += _bounded(shift, above)
    below[1:-1] += _bounded(shift, below)
    if focus is not None:
        above = _refined(above, focus, shift)
        below = _refined(below, focus, shift)
    parts = []
    if len(above) > 1:
        parts.append(_steps_between(above, elasticity))
    if base_block:
        parts.append(Steps(np.array([2.0 * BASE_BLOCK]), np.ones(1)))
    parts.append(_steps_between(below, elasticity))
    first = math.exp(elasticity * top) if top > block_top else 1.0 - BASE_BLOCK
    parts.insert(0, _ceiling_steps(first, ceiling, shift, slice_ceiling=slice_ceiling))
    return Steps(
        np.concatenate([p.width for p in parts]),
        np.concatenate([p.price for p in parts]),
    )


_NONE = np.zeros(0)


def _bounded(shift: float, edges: Floats) -> float:
    """Keep a shift well inside the distance between edges."""
    room = 0.25 * float(np.min(np.abs(np.diff(edges))))
    return math.copysign(min(abs(shift), room), shift)


def _ceiling_steps(
    share: float, ceiling: float, shift: float, *, slice_ceiling: bool
) -> Steps:
    if not slice_ceiling:
        return Steps(np.array([share]), np.array([ceiling]))
    worth = ceiling * np.linspace(CEILING_TOP, 1.0, CEILING_SLICES)
    worth[:-1] *= 1.0 + shift
    return Steps(np.full(CEILING_SLICES, share / CEILING_SLICES), worth)


def _refined(edges: Floats, focus: tuple[float, float, int], shift: float) -> Floats:
    """Replace falling edges inside the focus by finer ones, ends kept."""
    centre, half, count = focus
    if len(edges) < 2:
        return edges
    if centre + GRADED <= edges[-1] or centre - GRADED >= edges[0]:
        return edges
    step = 2.0 * half / count
    inner = centre + half - step * np.arange(count + 1)
    # Steps that double towards the coarse grid: a price that leaves the window
    # lands in a step as wide as the miss, not in a coarse one.
    reach = half * 2.0 ** np.arange(1, max(math.ceil(math.log2(GRADED / half)), 1))
    inner = np.concatenate([centre + reach[::-1], inner, centre - reach])
    inner = inner + math.copysign(min(abs(shift), 0.25 * step), shift)
    inner = inner[(inner < edges[0] - 1e-12) & (inner > edges[-1] + 1e-12)]
    span = max(half, float(reach[-1]) if len(reach) else 0.0)
    outer = edges[(edges > centre + span) | (edges < centre - span)]
    ends = edges[[0, -1]]
    return np.unique(np.concatenate([inner, outer, ends]))[::-1]


def _steps_between(edges: Floats, elasticity: float) -> Steps:
    """Return steps worth the mean of the curve between falling log-price edges."""
    quantity = np.exp(elasticity * edges)
    price = np.exp(edges)
    width = np.diff(quantity)
    if abs(elasticity + 1.0) < 1e-9:
        area = np.diff(np.log(quantity))
    else:
        area = np.diff(price * quantity) * elasticity / (1.0 + elasticity)
    # A mean of a narrow step loses digits to cancellation; its middle does not.
    middle = np.sqrt(price[:-1] * price[1:])
    narrow = np.abs(np.diff(edges)) < 1e-4
    mean = np.where(narrow, middle, area / np.where(width > 0.0, width, 1.0))
    return Steps(width, mean)


@lru_cache(maxsize=CURVES_KEPT)
def supply_steps(
    elasticity: float,
    limit: float,
    *,
    focus: tuple[float, float, int] | None = None,
) -> Steps:
    """Return the steps of cost `x**(1/elasticity)` up to `limit`.

    Parameters
    ----------
    elasticity
        Supply elasticity, above 0.
    limit
        Capacity as a multiple of base activity.
    focus
        Centre and half width in log cost, and a number of steps in between.

    Notes
    -----
    Edges lie at 0.998, 1 and 1.002 of base activity, so that a calibrated base year
    is a corner and not a flat piece of the optimum.
    """
    bottom = math.log(FLOOR_RATIO)
    near = np.log(np.array([1.0 - BASE_BLOCK, 1.0, 1.0 + BASE_BLOCK])) / elasticity
    top = math.log(limit) / elasticity
    below = np.linspace(bottom, near[0], STEPS_BELOW + 1)
    reach = max(top - near[2], 0.0)
    count = min(max(math.ceil(reach / SUPPLY_STEP), 1), SUPPLY_STEPS_MAX)
    above = near[2] + np.linspace(0.0, min(reach, math.log(200.0)), count + 1)
    edges = np.unique(np.concatenate([below, near, above, [max(top, near[2])]]))
    if focus is not None:
        edges = -_refined(-edges, (-focus[0], focus[1], focus[2]), 0.0)
        edges = np.unique(np.concatenate([edges, near]))
    edges = np.unique(np.append(edges[edges < top], top))
    quantity = np.exp(elasticity * edges)
    cost = np.exp(edges)
    area = cost * quantity * elasticity / (1.0 + elasticity)
    width = np.diff(quantity, prepend=0.0)
    mean = np.diff(area, prepend=0.0) / np.where(width > 0.0, width, 1.0)
    narrow = np.diff(edges, prepend=edges[0] - 1.0) < 1e-4
    middle = np.sqrt(cost * np.concatenate([cost[:1], cost[:-1]]))
    return Steps(width, np.where(narrow, middle, mean))
