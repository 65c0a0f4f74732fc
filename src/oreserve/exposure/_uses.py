# SPDX-License-Identifier: Apache-2.0
"""Which minerals and items home uses at all: no use is no risk, and no zero either."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from oreserve.exposure._cells import DUST_T
from oreserve.exposure._trace import ALL_USES

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from oreserve.exposure._cells import World
    from oreserve.exposure._trace import Trace
    from oreserve.indicators import Cell

__all__ = ["NO_USE", "Uses", "read_uses"]

NO_USE = "no_use"


@dataclass(frozen=True)
class Uses:
    """What may carry the score of a mineral.

    Parameters
    ----------
    absent
        Minerals that home does not use -> the reason, in words.
    used
        Items that home's demands or plants use.
    feeds
        Items that are only a by-product of another mineral's plants and that nobody
        uses finally: liquor with gallium, residue with indium.
    """

    absent: Mapping[str, str]
    used: frozenset[str]
    feeds: frozenset[str]


def read_uses(world: World, minerals: Sequence[str], cells: Sequence[Cell]) -> Uses:
    """Return what home uses of each mineral.

    A mineral that is in none of home's final uses is not used where home's plants do
    not use it either, or run on home's own output of it alone: what they make goes
    abroad. Its reliance of 0 says nothing on home's exposure.
    """
    figures = world.figures
    at_home = figures.use[:, world.at_home].sum(axis=1)
    used = frozenset(
        item for item, t in zip(figures.items, at_home, strict=True) if t > DUST_T
    )
    foreign = {
        c.keys["item"]
        for c in cells
        if c.indicator == "net_import_reliance" and c.value is not None
        and c.value > 0 and c.keys["item"] in used
    }  # fmt: skip
    own: dict[str, list[str]] = {}
    for item, mineral in zip(figures.items, figures.minerals, strict=True):
        own.setdefault(mineral, []).append(item)
    absent: dict[str, str] = {}
    for mineral in minerals:
        found = world.traces.get(mineral)
        if mineral not in own or (found is not None and _final_t(found) > DUST_T):
            continue
        if not used & set(own[mineral]):
            absent[mineral] = "no use of it in the study"
        elif not foreign & set(own[mineral]):
            absent[mineral] = (
                "no final use of it in the study; home's plants run on its own output"
            )
    return Uses(absent, used, _feeds(world))


def _final_t(found: Trace) -> float:
    uses = found.uses
    if ALL_USES not in uses:
        return 0.0
    return float(found.use_t[uses.index(ALL_USES)])


def _feeds(world: World) -> frozenset[str]:
    base = world.figures.base
    demanded = {item for (item, _), t in base.demand.items() if t > DUST_T}
    makers: dict[str, list[str]] = {}
    for process, recipe in base.recipes.items():
        for item, c in recipe.items():
            if c > 0:
                makers.setdefault(item, []).append(process)
    return frozenset(
        item
        for item, processes in makers.items()
        if item not in demanded
        and all(
            base.main_item.get(p) not in {None, item}
            and base.mineral[base.main_item[p]] != base.mineral[item]
            for p in processes
        )
    )
