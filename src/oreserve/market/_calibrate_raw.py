# SPDX-License-Identifier: Apache-2.0
"""Raw prices for calibration: local, else the item's, else from its recipes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from oreserve.errors import InputError
from oreserve.market._reconcile_rows import throughput

if TYPE_CHECKING:
    from oreserve.network.chain import Chain

__all__ = ["RawPrices", "plant_sums", "raw_prices"]

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]

FILLED_SIGMA_SHARE = 0.3  # standard error of a price taken from elsewhere
DERIVED_SIGMA_SHARE = 0.5  # of a price that follows from a recipe
SIGMA_LEAST_SHARE = 0.01
PROCESSING_SHARE = 0.2  # of revenue: what a step costs when its price is derived


@dataclass(frozen=True)
class RawPrices:
    """Prices before calibration.

    `scale` stands in for a price that is 0 (by-products that are thrown away), so
    that a programme is scaled even there.
    """

    price: Floats  # (N,) USD per t
    sigma_share: Floats  # (N,) standard error as a share
    origin: tuple[str, ...]  # (N,) where the price comes from
    reference: Floats  # (I,) the item's world price, USD per t, at least 0
    scale: Floats  # (N,) above 0
    reference_scale: Floats  # (I,) above 0


def plant_sums(chain: Chain, price: Floats) -> tuple[Floats, Floats]:
    """Return revenue and revenue less inputs per t of activity, shape (F,) each.

    Parameters
    ----------
    chain
        Recipes of its plants are used.
    price
        USD per t at each node, shape (N,).
    """
    plants = chain.plants
    count = plants.base.size
    value = plants.recipe_t_per_t * price[plants.recipe_node]
    output = np.where(plants.recipe_t_per_t > 0.0, value, 0.0)
    gross = np.bincount(plants.recipe_plant, weights=output, minlength=count)
    net = np.bincount(plants.recipe_plant, weights=value, minlength=count)
    return gross.astype(np.float64), net.astype(np.float64)


def raw_prices(chain: Chain, unsold: Bools) -> RawPrices:
    """Complete the raw prices of a chain.

    Parameters
    ----------
    chain
        `nodes.price` is nan where the study has no price.
    unsold
        Where something is unsold in the base year, shape (N,): it is worth what
        throwing it away costs, whatever the study says.

    Returns
    -------
    RawPrices
        A price for every node: its own, else the reference of the item (the
        median over nodes with a price, weighted by throughput), else from recipes.

    Raises
    ------
    InputError
        If an item has no price anywhere and none follows from its recipes.
    """
    nodes = chain.nodes
    reference, derived = _references(chain)
    given = np.isfinite(nodes.price)
    price = np.where(given, nodes.price, reference[nodes.item])
    price = np.where(unsold, 0.0 - chain.disposal[nodes.item], price)
    sigma = np.where(given, nodes.price_sigma_share, FILLED_SIGMA_SHARE)
    sigma = np.where(np.isfinite(sigma), sigma, FILLED_SIGMA_SHARE)
    sigma = np.where(derived[nodes.item] & ~given, DERIVED_SIGMA_SHARE, sigma)
    origin = tuple(
        "own price"
        if known
        else ("derived from the recipe" if derived[item] else "the item's world price")
        for known, item in zip(given.tolist(), nodes.item.tolist(), strict=True)
    )
    reference_scale = _scales(chain, reference)
    positive = price > 1e-3 * reference_scale[nodes.item]
    return RawPrices(
        price=price,
        sigma_share=np.maximum(sigma, SIGMA_LEAST_SHARE),
        origin=origin,
        reference=np.maximum(reference, 0.0),
        scale=np.where(positive, price, reference_scale[nodes.item]),
        reference_scale=reference_scale,
    )


def _references(chain: Chain) -> tuple[Floats, Bools]:
    """Return one price per item, and which of them were derived from recipes."""
    through = throughput(chain)
    reference = np.full(len(chain.items), np.nan)
    for item in range(len(chain.items)):
        rows = np.flatnonzero(
            (chain.nodes.item == item) & np.isfinite(chain.nodes.price)
        )
        if rows.size:
            reference[item] = _weighted_median(chain.nodes.price[rows], through[rows])
    missing = ~np.isfinite(reference)
    derived = missing.copy()
    found = bool(missing.any())
    while found:
        found = False
        for item in np.flatnonzero(~np.isfinite(reference)).tolist():
            value = _derived_price(chain, item, reference)
            if value is not None:
                reference[item], found = value, True
    for item in np.flatnonzero(~np.isfinite(reference)).tolist():
        if _is_worthless(chain, item, through):
            reference[item] = -chain.disposal[item]
    if not np.all(np.isfinite(reference)):
        names = [chain.items[i] for i in np.flatnonzero(~np.isfinite(reference))]
        message = (
            f"table prices: no price for {', '.join(names)} (chain {chain.name}), and "
            "none follows from a recipe; add a row with the base year's price, or a "
            "cost_usd_per_t of the plants that make it"
        )
        raise InputError(message)
    return reference, derived


def _weighted_median(values: Floats, weights: Floats) -> float:
    order = np.lexsort((weights, values))
    total = np.cumsum(weights[order] + 1e-12 * weights.sum() + 1e-300)
    return float(values[order][np.searchsorted(total, 0.5 * total[-1])])


def _is_worthless(chain: Chain, item: int, through: Floats) -> bool:
    """Tell whether an item is thrown away somewhere, or never made nor used."""
    rows = chain.nodes.item == item
    unsold = 0.0 if chain.unsold_base is None else chain.unsold_base[rows].sum()
    return bool(unsold > 0.0 or through[rows].sum() <= 0.0)


def _derived_price(chain: Chain, item: int, reference: Floats) -> float | None:
    """Derive a price from what the item becomes, else from what it is made of.

    A step that uses it pays what its other prices leave after 20 % of revenue; a
    step that makes it asks for its inputs and its cost.
    """
    plants = chain.plants
    node_item = chain.nodes.item[plants.recipe_node]
    price = np.where(np.isfinite(reference), reference, 0.0)[node_item]
    known = np.isfinite(reference)[node_item] | (node_item == item)
    mine = node_item == item
    count = plants.base.size

    def total(weights: Floats) -> Floats:
        summed = np.bincount(plants.recipe_plant, weights=weights, minlength=count)
        return summed.astype(np.float64)

    value = plants.recipe_t_per_t * price
    outputs = total(np.where(~mine & (value > 0.0), value, 0.0))
    inputs = total(np.where(~mine & (value < 0.0), -value, 0.0))
    coefficient = total(np.where(mine, plants.recipe_t_per_t, 0.0))
    complete = total(np.where(known, 0.0, 1.0)) == 0.0
    cost = plants.cost
    spent = np.where(np.isfinite(cost), cost, PROCESSING_SHARE * outputs)
    uses = complete & (coefficient < 0.0)
    worth = (outputs - inputs - spent)[uses] / -coefficient[uses]
    if np.any(worth > 0.0):
        return float(np.median(worth[worth > 0.0]))
    makes = complete & (coefficient > 0.0)
    asked = np.where(
        np.isfinite(cost), inputs + cost, inputs / (1.0 - PROCESSING_SHARE)
    )
    worth = (asked - outputs)[makes] / coefficient[makes]
    if np.any(worth > 0.0):
        return float(np.median(worth[worth > 0.0]))
    return None


def _scales(chain: Chain, reference: Floats) -> Floats:
    """Return a positive number per item: its price, or a tenth of the dearest."""
    largest = max(float(np.abs(reference).max(initial=0.0)), 1.0)
    small = reference <= 1e-9 * largest
    return np.where(small, np.maximum(np.abs(chain.disposal), 1.0), reference)
