# SPDX-License-Identifier: Apache-2.0
"""The commitment ladder: which promises count as tonnes."""

from __future__ import annotations

from difflib import get_close_matches
from typing import Final

from oreserve.errors import InputError

__all__ = ["RUNGS", "commitment_share"]

RUNGS: Final = (
    "statement",
    "memorandum",
    "framework",
    "letter_of_intent",
    "conditional",
    "ceiling",
    "minimum_guarantee",
    "funded_order",
    "delivered",
    "accepted",
    "paid",
)
"""Rungs from the weakest promise to the settled delivery."""


def commitment_share(rung: str) -> float:
    """Return the share of an agreement's tonnes that a plan may count (kappa).

    A statement, a memorandum, a framework, a letter of intent, a condition or a
    ceiling binds nobody to deliver: 0. From a minimum guarantee on: 1.

    Parameters
    ----------
    rung
        One of `RUNGS`.

    Returns
    -------
    float
        0.0 or 1.0, a share.

    Raises
    ------
    InputError
        If the rung is not on the ladder.

    Examples
    --------
    >>> commitment_share("ceiling"), commitment_share("minimum_guarantee")
    (0.0, 1.0)
    """
    if rung not in RUNGS:
        near = get_close_matches(rung, RUNGS, n=1)
        hint = f"; nearest: {near[0]!r}" if near else ""
        message = f"rung {rung!r} is not on the ladder: {', '.join(RUNGS)}{hint}"
        raise InputError(message)
    return float(RUNGS.index(rung) >= RUNGS.index("minimum_guarantee"))
