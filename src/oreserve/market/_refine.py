# SPDX-License-Identifier: Apache-2.0
"""Refine the step grid around a solution until the price stops moving.

A coarse grid finds the neighbourhood; each round puts 14 steps where the price of
the round before lay. Two rounds bring prices under shocks to about 1 %; chains as
read go on until prices rest, so that closed-form cases come out to 1e-6.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from oreserve.market._clear import Cleared, Terms, clear
from oreserve.network.sums import sum_by

if TYPE_CHECKING:
    from collections.abc import Callable

    from oreserve.market._problem import Focus, Problem

__all__ = ["refine"]

Floats = npt.NDArray[np.float64]

FIRST_WIDTH = 0.3  # half width of the first window, log price
SHRINK = 6.0
EXACT_SHRINK = 2.5  # slower: the true price is within two steps of the one found
STEPS = 14
CALIBRATED_ROUNDS = 2
EXACT_ROUNDS = 24
AT_BASE = 0.01  # log price: nearer than this the base block says what there is
REST = 3e-6  # widest window, in log price, at which an exact refinement stops


def refine(
    problem: Problem,
    terms: Terms,
    first: Cleared,
    *,
    rebuild: Callable[[Focus], Problem],
) -> tuple[Problem, Cleared]:
    """Solve again with finer steps around the prices of `first`.

    A window shrinks where the new price stayed inside it and widens where not.

    Returns
    -------
    tuple
        The problem of the last round and its solution; the given ones where no
        curve has slopes to refine.
    """
    owners = _curved(problem)
    if not len(owners):
        return problem, first
    calibrated = problem.chain.calibrated
    rounds = CALIBRATED_ROUNDS if calibrated else EXACT_ROUNDS
    shrink = SHRINK if calibrated else EXACT_SHRINK
    width = np.full(len(owners), FIRST_WIDTH)
    centre = _levels(problem, first, owners)
    result = first
    for _ in range(rounds):
        focus: Focus = {
            int(owner): (float(z), float(w), STEPS)
            for owner, z, w in zip(owners, centre, width, strict=True)
            if np.isfinite(z) and (not calibrated or abs(z) > AT_BASE)
        }
        if not focus:
            break
        problem = rebuild(focus)
        result = clear(problem, terms)
        found = _levels(problem, result, owners)
        moved = np.abs(found - centre)
        width = np.where(moved <= width, width / shrink, 2.0 * moved)
        centre = found
        if float(width.max()) < REST:
            break
    return problem, result


def _curved(problem: Problem) -> npt.NDArray[np.int64]:
    """Return demand groups with an elasticity and, as -1 - f, isoelastic plants."""
    plants = problem.chain.plants
    groups = np.flatnonzero(problem.group_elasticity != 0.0)
    pieces = np.bincount(problem.plant.owner, minlength=problem.plant.owners)
    sloped = np.flatnonzero((plants.supply_elasticity > 0.0) & (pieces > 2))
    return np.concatenate([groups, -1 - sloped])


def _levels(problem: Problem, result: Cleared, owners: npt.NDArray[np.int64]) -> Floats:
    """Return the log of price over base price (of revenue over cost for plants)."""
    rows = problem.node_rows
    price = result.row_dual[:rows] * problem.money / problem.row_scale[:rows]
    plants = problem.chain.plants
    revenue = sum_by(
        plants.recipe_plant,
        plants.recipe_t_per_t * price[plants.recipe_node],
        minlength=len(plants.name),
    )
    level = np.empty(len(owners))
    for k, owner in enumerate(owners):
        if owner >= 0:
            level[k] = price[problem.group_node[owner]] / problem.group_price[owner]
        else:
            level[k] = revenue[-1 - owner] / plants.cost[-1 - owner]
    return np.log(np.maximum(level, 1e-12))
