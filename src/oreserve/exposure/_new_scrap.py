# SPDX-License-Identifier: Apache-2.0
"""Output made of new scrap: swarf and residue of what the item itself went into.

Magnet makers turn a quarter of their alloy into swarf, and plants make oxide of it
again. That oxide is no further supply: it is what was bought before. As in the
statistics of the U.S. Geological Survey it counts neither as production nor as use.
Old scrap, which comes back from worn goods, is supply.
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from oreserve.exposure._base_year import RANK

if TYPE_CHECKING:
    from oreserve.exposure._base_year import BaseYear
    from oreserve.exposure._figures import Figures

__all__ = ["loop_inputs", "new_scrap_output"]


def loop_inputs(base: BaseYear) -> dict[tuple[str, str], tuple[str, ...]]:
    """Return (process, output) -> its inputs that were themselves made of the output.

    Whether one was is read from the recipes: swarf is a by-product of magnets, a later
    stage, and these were made of alloy, of metal, of the oxide that it gives back.
    """
    beside = _by_products(base)
    above: dict[str, set[str]] = defaultdict(set)
    for recipe in base.recipes.values():
        feeds = {i for i, c in recipe.items() if c < 0}
        for item, c in recipe.items():
            if c > 0:
                above[item] |= feeds
    whole = {item: _all_above(item, above) for item in sorted(above)}
    found = {}
    for process, recipe in sorted(base.recipes.items()):
        feeds = {i for i, c in recipe.items() if c < 0}
        for item, c in recipe.items():
            loops = sorted(
                i
                for i in feeds
                if item in whole.get(i, ())
                and beside.get(i, -1) > RANK[base.stage[item]]
            )
            if c > 0 and loops:
                found[process, item] = tuple(loops)
    return found


def _by_products(base: BaseYear) -> dict[str, int]:
    """Return the earliest stage beside whose product each by-product is made."""
    found: dict[str, int] = {}
    for process, recipe in base.recipes.items():
        main = base.main_item.get(process)
        for item, c in recipe.items():
            if c > 0:
                rank = -1 if main in {None, item} else RANK[base.stage[str(main)]]
                found[item] = min(found.get(item, rank), rank)
    return found


def _all_above(item: str, above: dict[str, set[str]]) -> set[str]:
    seen: set[str] = set()
    ahead = list(above.get(item, ()))
    while ahead:
        one = ahead.pop()
        if one not in seen:
            seen.add(one)
            ahead += above.get(one, ())
    return seen


def new_scrap_output(
    figures: Figures, home: tuple[str, ...]
) -> npt.NDArray[np.float64]:
    """Return *(I,)* t a year that home makes of its own new scrap.

    Of imported swarf nothing is left out: what is made of it is as new to home as
    what is made of imported ore.
    """
    base = figures.base
    found = np.zeros(len(figures.items))
    row = {item: n for n, item in enumerate(figures.items)}
    bought = figures.trade(home)[0].sum(axis=1)
    at_home = [figures.place[c] for c in home]
    made = figures.output[:, at_home].sum(axis=1)
    for (process, item), feeds in loop_inputs(base).items():
        t = sum(base.activity.get((process, c), 0.0) for c in home)
        places = [row[i] for i in feeds]
        total = float(made[places].sum() + bought[places].sum())
        if t > 0 and total > 0:
            own = float(made[places].sum()) / total
            found[row[item]] += base.recipes[process][item] * t * own
    return found
