# SPDX-License-Identifier: Apache-2.0
"""What happens after the market: agreements deliver, then the reserve gives.

Pure functions over arrays whose last axis is the demand rows of one item at home;
leading axes (scenarios) are free. A plan uses the same functions, so that what it
promises is what a simulation does.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = [
    "CLASS_RANK",
    "DEPTH_WEIGHTS",
    "agreement_tonnes",
    "allocate",
    "claim_order",
    "loss_usd",
    "release_limit",
]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

CLASS_RANK = {"defence": 0, "essential": 1, "other": 2}

# A shortage hurts more the deeper it is: up to 10 % of use short, the next 40 %,
# the rest (assumed). Normalised so that a full shortage costs the stated loss.
DEPTH_EDGES = (0.0, 0.1, 0.5, 1.0)
DEPTH_WEIGHTS = (0.3, 1.0, 1.5)
_NORM = sum(
    w * (b - a)
    for w, a, b in zip(DEPTH_WEIGHTS, DEPTH_EDGES[:-1], DEPTH_EDGES[1:], strict=True)
)


def loss_usd(short: Floats, wanted: Floats, loss_usd_per_t: Floats) -> Floats:
    """Compute the loss of a shortage that rises with its depth.

    Parameters
    ----------
    short, wanted
        Tonnes, of one shape.
    loss_usd_per_t
        Loss per tonne of a full shortage, USD per t; nan: unknown.

    Returns
    -------
    ndarray
        USD; nan where the loss per tonne is unknown and something is short.

    Examples
    --------
    >>> import numpy as np
    >>> one = np.ones(1)
    >>> loss_usd(100 * one, 100 * one, 2 * one).round(6).tolist()
    [200.0]
    >>> loss_usd(10 * one, 100 * one, 2 * one).round(2).tolist()  # 0.3 / 1.18
    [5.08]
    """
    total = np.zeros(np.broadcast_shapes(short.shape, wanted.shape))
    for weight, low, high in zip(
        DEPTH_WEIGHTS, DEPTH_EDGES[:-1], DEPTH_EDGES[1:], strict=True
    ):
        part = np.clip(short - low * wanted, 0.0, (high - low) * wanted)
        total = total + weight / _NORM * part
    return np.where(total > 0.0, total * loss_usd_per_t, 0.0)


def claim_order(classes: Sequence[str], loss_usd_per_t: Floats) -> Ints:
    """Return demand rows in the order in which released tonnes go to them.

    Defence, essential, other; within a class the largest loss first, then rows in
    their given order. An unknown loss counts as the smallest.
    """
    loss = np.nan_to_num(np.asarray(loss_usd_per_t, dtype=float))
    rank = [CLASS_RANK.get(name, len(CLASS_RANK)) for name in classes]
    keys = [(rank[d], -loss[d], d) for d in range(len(rank))]
    return np.array([key[2] for key in sorted(keys)], dtype=np.int64)


def allocate(tonnes: Floats, short: Floats, order: Ints) -> Floats:
    """Give tonnes to short rows one after the other.

    Parameters
    ----------
    tonnes
        Shape (...,): what there is to give.
    short
        Shape (..., D).
    order
        (D,) rows in the order of their claims.

    Returns
    -------
    ndarray
        (..., D), never more than short; sums to min(tonnes, all that is short).

    Examples
    --------
    >>> import numpy as np
    >>> allocate(np.array(5.0), np.array([4.0, 3.0]), np.array([1, 0])).tolist()
    [2.0, 3.0]
    """
    sorted_short = short[..., order]
    before = np.cumsum(sorted_short, axis=-1) - sorted_short
    given = np.clip(tonnes[..., None] - before, 0.0, sorted_short)
    out = np.empty_like(given)
    out[..., order] = given
    return out


def release_limit(
    level: Floats,
    *,
    share: Floats | float,
    accessible: Floats | float = 1.0,
    most: float = np.inf,
) -> Floats:
    """Return the most that the reserve gives in a period, t.

    `share` of the accessible stock, share = 1 / max(1, expected periods left in the
    present state); never more than `most`.
    """
    return np.minimum(np.maximum(level, 0.0) * accessible * share, most)


def agreement_tonnes(
    quantity: Floats | float,
    *,
    kappa: Floats | float,
    availability: Floats | float,
    permission: Floats | float,
    home_share: Floats | float,
) -> Floats:
    """Return the tonnes that an agreement adds to what home would get anyway.

    ``q kappa availability permission (1 - home's share already)``: an agreement on
    a plant that home already buys in full adds nothing.
    """
    product = np.asarray(quantity, dtype=float) * kappa * availability * permission
    return np.maximum(product * (1.0 - np.asarray(home_share, dtype=float)), 0.0)
