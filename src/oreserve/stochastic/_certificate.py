# SPDX-License-Identifier: Apache-2.0
"""Duals as a table, and bounds computed again from the table alone."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from collections.abc import Sequence

    import polars as pl

    from oreserve.stochastic._cache import DualCache
    from oreserve.stochastic._problem import Batch, TwoStage

__all__ = ["certificate_table", "recompute", "worst_breach"]

Floats = npt.NDArray[np.float64]


def certificate_table(
    cache: DualCache, sample: Batch, points: Sequence[int] | None = None
) -> pl.DataFrame:
    """Write duals and reduced costs with the check that they are feasible.

    Parameters
    ----------
    cache
        The kept points.
    sample
        Scenarios whose open sides tell which prices are allowed.
    points
        Which points; None: all.

    Returns
    -------
    polars.DataFrame
        One row per point and row or column with a price: `point`, `kind` (row or
        column), `position`, `name`, `price`, `side` (lower or upper) and `breach`:
        by how much the price is on a side that is open in some scenario; 0 where
        it is allowed. A point without a breach bounds every scenario.
    """
    import polars as pl

    block = cache.problem.recourse
    chosen = np.arange(len(cache)) if points is None else np.asarray(points)
    pi = cache.pi[chosen]
    sides = _open_sides(cache.problem, sample)
    frames = []
    for kind, price, name, count in (
        ("row", pi, block.row_name, block.rows),
        ("column", _reduced(cache.problem, pi), block.column_name, block.columns),
    ):
        names = np.array([name(j) for j in range(count)], dtype=object)
        open_low, open_high = sides[kind]
        point, at = np.nonzero(price)
        value = price[point, at]
        wrong = np.where(value > 0.0, open_low[at], open_high[at])
        frames.append(
            pl.DataFrame(
                {
                    "point": chosen[point],
                    "kind": [kind] * len(at),
                    "position": at,
                    "name": names[at].astype(str),
                    "price": value,
                    "side": np.where(value > 0.0, "lower", "upper"),
                    "breach": np.where(wrong, np.abs(value), 0.0),
                }
            )
        )
    return pl.concat(frames)


def recompute(
    table: pl.DataFrame, problem: TwoStage, batch: Batch, x: Floats, point: int
) -> Floats:
    """Compute the bound of each scenario from one point of a certificate.

    Prices come from the table, bounds and T x from the problem; nothing else.

    Returns
    -------
    ndarray
        (B,) bounds.

    Examples
    --------
    >>> from oreserve.stochastic import DualCache, Recourse, newsvendor
    >>> problem, x = newsvendor(), np.zeros(1)
    >>> batch = problem.source.draw(np.arange(3))
    >>> cache = DualCache(problem)
    >>> cache.add(Recourse(problem).solve(batch, x, want=("dual",)).dual)
    1
    >>> table = certificate_table(cache, batch)
    >>> recompute(table, problem, batch, x, 0).round(6).tolist()
    [10.0, 20.0, 30.0]
    """
    import polars as pl

    block, count = problem.recourse, len(batch)
    low = np.repeat(block.row_lower[None], count, axis=0)
    high = np.repeat(block.row_upper[None], count, axis=0)
    low[:, problem.vary_row], high[:, problem.vary_row] = (
        batch.row_lower, batch.row_upper,
    )  # fmt: skip
    shift = problem.shifts(batch, x)
    left = np.repeat(block.lower[None], count, axis=0)
    right = np.repeat(block.upper[None], count, axis=0)
    left[:, problem.vary_column], right[:, problem.vary_column] = (
        batch.lower, batch.upper,
    )  # fmt: skip
    total = np.zeros(count)
    mine = table.filter(pl.col("point") == point)
    for (kind, side), part in mine.group_by(["kind", "side"], maintain_order=True):
        at = part["position"].to_numpy()
        price = part["price"].to_numpy()
        if kind == "row":
            bound = (low if side == "lower" else high)[:, at] - shift[:, at]
        else:
            bound = (left if side == "lower" else right)[:, at]
        total += bound @ price
    return total


def worst_breach(cache: DualCache, sample: Batch) -> Floats:
    """Compute how far each point is from being feasible, (K,); 0: it is."""
    problem = cache.problem
    sides = _open_sides(problem, sample)
    worst = np.zeros(len(cache))
    for k, pi in enumerate(cache.pi):
        for kind, price in (("row", pi), ("column", _reduced(problem, pi[None])[0])):
            open_low, open_high = sides[kind]
            up = np.max(price[open_low], initial=0.0)
            down = np.max(-price[open_high], initial=0.0)
            worst[k] = max(worst[k], up, down)
    return worst


def _reduced(problem: TwoStage, pi: Floats) -> Floats:
    """Compute q - W'pi of each point from the block itself, (K, columns)."""
    block = problem.recourse
    return np.asarray(block.cost[None] - (block.to_csc().T @ pi.T).T, dtype=float)


def _open_sides(
    problem: TwoStage, sample: Batch
) -> dict[str, tuple[npt.NDArray[np.bool_], npt.NDArray[np.bool_]]]:
    """Return which rows and columns have no lower or no upper side somewhere."""
    block = problem.recourse
    row_low, row_high = np.isneginf(block.row_lower), np.isposinf(block.row_upper)
    row_low[problem.vary_row] = np.isneginf(sample.row_lower).any(axis=0)
    row_high[problem.vary_row] = np.isposinf(sample.row_upper).any(axis=0)
    low, high = np.isneginf(block.lower), np.isposinf(block.upper)
    low[problem.vary_column] = np.isneginf(sample.lower).any(axis=0)
    high[problem.vary_column] = np.isposinf(sample.upper).any(axis=0)
    return {"row": (row_low, row_high), "column": (low, high)}
