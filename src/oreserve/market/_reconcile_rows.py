# SPDX-License-Identifier: Apache-2.0
"""Rows of a chain: taken, joined, sorted by key, and summed at nodes."""

from __future__ import annotations

from dataclasses import fields, replace
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from oreserve.network.chain import Chain, Demands, Lanes, Plants

__all__ = [
    "balance_gap",
    "comes_and_goes",
    "in_key_order",
    "joined",
    "node_names",
    "node_order",
    "taken",
    "throughput",
    "world_output",
]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Rows = TypeVar("Rows", "Plants", "Demands", "Lanes")


def throughput(chain: Chain) -> Floats:
    """Compute what flows through each node, t a year, shape (N,).

    The larger of all that comes (output and imports) and all that goes (inputs,
    use, exports and what stays unsold).
    """
    comes, goes = comes_and_goes(chain)
    return np.maximum(comes, goes)


def balance_gap(chain: Chain) -> Floats:
    """Compute what comes less what goes at each node, t a year, shape (N,)."""
    comes, goes = comes_and_goes(chain)
    return comes - goes


def comes_and_goes(chain: Chain) -> tuple[Floats, Floats]:
    """Sum what comes to each node and what goes, t a year, shape (N,) each."""
    count = chain.nodes.item.size
    plants, lanes = chain.plants, chain.lanes
    made = plants.recipe_t_per_t * plants.base[plants.recipe_plant]
    flow = np.nan_to_num(lanes.base)

    def at(node: Ints, weight: Floats) -> Floats:
        total = np.bincount(node, weights=weight, minlength=count)
        return np.asarray(total, dtype=np.float64)

    comes = at(plants.recipe_node, np.maximum(made, 0.0)) + at(lanes.to_node, flow)
    goes = at(plants.recipe_node, np.maximum(-made, 0.0)) + at(lanes.from_node, flow)
    goes = goes + at(chain.demands.node, chain.demands.quantity)
    if chain.unsold_base is not None:
        goes = goes + chain.unsold_base
    return comes, goes


def taken(rows: Rows, order: Ints) -> Rows:
    """Take rows of a table of the chain; recipes of plants follow their plant."""
    changes: dict[str, Any] = {}
    for field in fields(rows):
        if field.name.startswith("recipe_"):
            continue
        column = getattr(rows, field.name)
        changes[field.name] = (
            tuple(column[i] for i in order.tolist())
            if isinstance(column, tuple)
            else column[order]
        )
    return replace(rows, **changes)


def joined(rows: Rows, new: Mapping[str, Sequence[Any]]) -> Rows:
    """Add rows; recipes in `new` already carry the final plant numbers."""
    changes: dict[str, Any] = {}
    for field in fields(rows):
        column = getattr(rows, field.name)
        more = new[field.name]
        changes[field.name] = (
            column + tuple(more)
            if isinstance(column, tuple)
            else np.concatenate([column, np.asarray(more, dtype=column.dtype)])
        )
    return replace(rows, **changes)


def node_names(chain: Chain) -> list[tuple[str, str]]:
    return [
        (chain.items[i], chain.countries[c])
        for i, c in zip(
            chain.nodes.item.tolist(), chain.nodes.country.tolist(), strict=True
        )
    ]


def in_key_order(chain: Chain) -> Chain:
    """Sort rows by key, so that no result depends on the order they came in."""
    names = node_names(chain)
    plants, demands, lanes = chain.plants, chain.demands, chain.lanes
    by_name = np.array(
        sorted(range(len(plants.name)), key=plants.name.__getitem__), dtype=np.int64
    )
    place = np.empty_like(by_name)
    place[by_name] = np.arange(by_name.size)
    owner = place[plants.recipe_plant]
    triplets = np.array(
        sorted(
            range(owner.size),
            key=lambda r: (owner[r], names[plants.recipe_node[r]]),
        ),
        dtype=np.int64,
    )
    plants = replace(
        taken(plants, by_name),
        recipe_plant=owner[triplets],
        recipe_node=plants.recipe_node[triplets],
        recipe_t_per_t=plants.recipe_t_per_t[triplets],
    )
    by_demand = sorted(range(len(demands.name)), key=demands.name.__getitem__)
    by_lane = sorted(
        range(lanes.from_node.size),
        key=lambda k: (names[lanes.from_node[k]], names[lanes.to_node[k]]),
    )
    return replace(
        chain,
        plants=plants,
        demands=taken(demands, np.array(by_demand, dtype=np.int64)),
        lanes=taken(lanes, np.array(by_lane, dtype=np.int64)),
    )


def node_order(chain: Chain) -> Ints:
    """Order nodes by the names of item and country."""
    names = node_names(chain)
    return np.array(sorted(range(len(names)), key=names.__getitem__), dtype=np.int64)


def world_output(chain: Chain) -> Floats:
    """Return world output per item; where the study has none, what flows instead.

    At least a gram: below that nothing is weighed, and squares would underflow.
    """
    total = np.bincount(
        chain.nodes.item, weights=throughput(chain), minlength=len(chain.items)
    )
    known = np.isfinite(chain.world) & (chain.world > 0.0)
    return np.maximum(np.where(known, chain.world, total), 1e-6)
