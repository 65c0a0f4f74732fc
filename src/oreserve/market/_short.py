# SPDX-License-Identifier: Apache-2.0
"""Who is short: beyond the block of the curve that is worth the base price.

A block of demand around the base quantity is worth exactly the base price, so that
the base year comes back. A use that the market leaves at the lower edge of that
block pays what it always paid: it is not short in any meaning. Tonnes and losses
stay what they are (wanted less served); only who counts as short is decided here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from oreserve.market._curves import BASE_BLOCK

if TYPE_CHECKING:
    from oreserve.market._layout import Problem

__all__ = ["NOISE_SHARE", "beyond_block", "block_share", "counts_as_short"]

Floats = npt.NDArray[np.float64]

NOISE_SHARE = 1e-9
"""Share of a use below which a figure is a rounding of the solver, and 0."""

EDGE_SLACK = 1e-3
"""The edge is met to this share of the block: a use at it lies inside."""


def block_share(problem: Problem) -> Floats:
    """Return the half width of each demand's block, as a share of what it wants.

    Returns
    -------
    ndarray
        (D,) `BASE_BLOCK` where the market is calibrated and the use answers to
        prices, else 0: a use of elasticity 0 has no block.
    """
    elastic = problem.group_elasticity[problem.group_of] != 0.0
    return np.where(elastic & problem.chain.calibrated, BASE_BLOCK, 0.0)


def beyond_block(short: Floats, wanted: Floats, block: Floats | float) -> Floats:
    """Keep a shortage that goes beyond the block's edge, whole; else 0.

    Parameters
    ----------
    short, wanted
        Tonnes, of one shape whose last axis is the uses.
    block
        Share of use, by use or for all; see `block_share`.

    Returns
    -------
    ndarray
        Tonnes short of uses that count as short.

    Examples
    --------
    >>> import numpy as np
    >>> beyond_block(np.array([0.2, 0.3]), np.array([100.0, 100.0]), 0.002).tolist()
    [0.0, 0.3]
    """
    return np.where(counts_as_short(short, wanted, block), short, 0.0)


def counts_as_short(
    short: Floats | float, wanted: Floats | float, block: Floats | float
) -> npt.NDArray[np.bool_]:
    """Tell which uses are short beyond the edge of their block."""
    edge = np.maximum(np.asarray(block) * (1.0 + EDGE_SLACK), NOISE_SHARE)
    return np.asarray(short > edge * wanted)
