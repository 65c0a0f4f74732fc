# SPDX-License-Identifier: Apache-2.0
"""What is left when the country whose owners hold most capacity is lost."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from oreserve.exposure._cells import PARTIAL_FROM, make_cells
from oreserve.exposure._figures import REST
from oreserve.exposure._rows import join_rows

if TYPE_CHECKING:
    from oreserve.exposure._cells import World
    from oreserve.indicators import Cell

__all__ = ["known_owners", "owner_cells"]

Floats = npt.NDArray[np.float64]
LEAST_KNOWN = 0.5  # of capacity: with fewer owners known there is no data


def known_owners(world: World) -> tuple[dict[str, float], ...]:
    """Return for each item: country of the owners -> capacity, t a year.

    A plant without an owner in the study is nobody's: it is left out, not counted to
    the country where it stands.
    """
    found: tuple[dict[str, float], ...] = tuple(
        defaultdict(float) for _ in world.figures.items
    )
    for plant in world.figures.plants:
        if plant.owner and plant.owner != REST:
            found[plant.item][plant.owner] += plant.capacity
    return tuple(dict(sorted(one.items())) for one in found)


def owner_cells(world: World) -> tuple[Cell, ...]:
    """Return (capacity - that of the largest owner's country) / world use.

    Low: all capacity without a known owner belongs to that country as well. Where
    owners of less than half of the capacity are known there is no data.
    """
    figures = world.figures
    total = figures.capacity.sum(axis=1)
    use = figures.use.sum(axis=1)
    owners = known_owners(world)
    held = np.array([sum(one.values()) for one in owners])
    most = np.array([max(one.values(), default=0.0) for one in owners])
    known = np.divide(held, total, out=np.zeros_like(total), where=total > 0)
    enough = (known >= LEAST_KNOWN) & (use > 0)
    divisor = np.where(enough, use, np.nan)
    value: Floats = (total - most) / divisor
    low = np.clip(total - most - np.clip(total - held, 0.0, None), 0.0, None) / divisor
    return make_cells(
        world, "n_minus_1_cover_owner", value, np.fmin(low, value), value,
        partial=known < 1.0 - PARTIAL_FROM,
        inputs={"capacity_t": total, "owner_known_share": known, "world_use_t": use},
        words={"largest": [
            max(one, key=lambda c: one[c]) if one and ok else None
            for one, ok in zip(owners, enough, strict=True)
        ]},
        rows=[join_rows(world.rows.supply(i)) for i in figures.items],
    )  # fmt: skip
