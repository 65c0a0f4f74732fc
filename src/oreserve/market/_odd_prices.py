# SPDX-License-Identifier: Apache-2.0
"""Prices that no quote would bear out: signals of scarcity, and said to be so."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from collections.abc import Sequence

    from oreserve.market._detail import Solved
    from oreserve.network.chain import Chain

__all__ = ["CEILING_MULTIPLE", "LOW_MULTIPLE", "ceiling_multiple", "price_notes"]

Floats = npt.NDArray[np.float64]

CEILING_MULTIPLE = 30.0
"""Ceiling of an item that nobody uses as it is, in base prices."""
LOW_MULTIPLE = 0.1
NAMED = 3
SLACK = 1e-6


def ceiling_multiple(chain: Chain) -> Floats:
    """Return the ceiling of each place's item over the place's base price.

    Returns
    -------
    ndarray
        (N,) of the item's uses; `CEILING_MULTIPLE` where it has none with a ceiling.
    """
    item = chain.nodes.item
    ceiling = np.full(len(chain.items), -np.inf)
    np.fmax.at(ceiling, item[chain.demands.node], chain.demands.max_price)
    price = chain.nodes.price
    multiple = np.full(len(price), CEILING_MULTIPLE)
    known = np.isfinite(ceiling[item]) & (price > 0.0)
    np.divide(ceiling[item], price, out=multiple, where=known)
    return multiple


def price_notes(solved: Sequence[Solved]) -> list[str]:
    """Count prices beyond the ceiling of their item or below a tenth of their base.

    An intermediate has no use whose ceiling holds it: its price is derived from what
    is made of it, over lanes that are limited. A place counts once, by its worst
    period.
    """
    high: dict[tuple[str, str], tuple[float, float, str]] = {}
    low: dict[tuple[str, str], tuple[float, float, str]] = {}
    for one in solved:
        chain, price = one.market.chain, one.cleared.price
        base = chain.nodes.price
        ratio = np.full(len(price), np.nan)
        with np.errstate(invalid="ignore"):
            fits = np.isfinite(price) & (base > 0.0)
        np.divide(price, base, out=ratio, where=fits)
        top = ceiling_multiple(chain) * (1.0 + SLACK)
        for found, odd, sign in (
            (high, ratio > top, -1.0),
            (low, ratio < LOW_MULTIPLE * (1.0 - SLACK), 1.0),
        ):
            for n in np.flatnonzero(odd):
                key = (
                    chain.items[chain.nodes.item[n]],
                    chain.countries[chain.nodes.country[n]],
                )
                # The sign sorts the worst first: the dearest, or the cheapest.
                new = (sign * float(ratio[n]), float(price[n]), one.period)
                found[key] = min(found.get(key, new), new)
    return [
        _note(found, beyond)
        for found, beyond in (
            (high, "beyond the ceiling of their item"),
            (low, "below a tenth of their base"),
        )
        if found
    ]


def _note(found: dict[tuple[str, str], tuple[float, float, str]], beyond: str) -> str:
    worst = sorted(found.items(), key=lambda pair: (pair[1], pair[0]))[:NAMED]
    names = "; ".join(
        f"{item} {country} {price:,.0f} USD/t, {abs(ratio):.3g} times its base "
        f"({period})"
        for (item, country), (ratio, price, period) in worst
    )
    places = "1 price" if len(found) == 1 else f"{len(found)} prices"
    return (
        f"{places} (item and country) {'lies' if len(found) == 1 else 'lie'} {beyond}, "
        f"a signal of scarcity or glut behind limited lanes and no forecast; worst: "
        f"{names}"
    )
