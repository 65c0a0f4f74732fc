# SPDX-License-Identifier: Apache-2.0
"""Certified bounds for very many scenarios at one point of the first stage.

Most of a scenario's numbers are the same in most scenarios: a lane is open, a plant
runs. Positions that seldom move enter the bound as a few differences to their usual
value (a sparse product), the others as numbers (a dense one). That is exact for any
scenario, only the time depends on how seldom they move.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp

from oreserve.errors import InputError

if TYPE_CHECKING:
    from oreserve.stochastic._cache import DualCache
    from oreserve.stochastic._problem import Batch

__all__ = ["CHUNK", "Sweep"]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]

CHUNK = 256
"""Scenarios of one product: fixed, since a product's rounding depends on its shape."""

SELDOM = 0.15
"""Share of scenarios in which a position may move and still count as seldom."""


class _Part:
    """One of the five arrays of a batch: its usual values and coefficients."""

    def __init__(self, usual: Floats, seen: Floats, at: Ints, coef: Floats) -> None:
        # usual: (P,); seen: (n, P); at: (F,) positions that count; coef: (K, F)
        moves = (seen[:, at] != usual[at]).mean(axis=0) > SELDOM
        self.usual = usual
        self.dense = at[moves]
        self.weight = coef[:, moves].T
        rare = at[~moves]
        self.rare: Bools = np.zeros(len(usual), dtype=bool)
        self.rare[rare] = True
        self.row = np.zeros(len(usual), dtype=np.int64)
        self.row[rare] = np.arange(len(rare))
        self.table = np.ascontiguousarray(coef[:, ~moves].T)
        self.constant = coef[:, ~moves] @ usual[rare]

    def moved(self, values: Floats) -> sp.csr_matrix:
        """Return differences to the usual values, (B, rare positions)."""
        mask = values != self.usual
        mask &= self.rare
        count, width = mask.shape
        flat = np.flatnonzero(mask)
        scenario = flat // width
        position = flat - scenario * width
        change = values[scenario, position] - self.usual[position]
        if not np.isfinite(change).all():
            message = (
                "a bound that has a price is open in one scenario and closed in "
                "another: bounds of duals need the same sides in all scenarios"
            )
            raise InputError(message)
        start = np.searchsorted(scenario, np.arange(count + 1))
        return sp.csr_matrix(
            (change, self.row[position], start), shape=(count, len(self.table))
        )


class Sweep:
    """Bounds at a point, prepared once and used for any number of scenarios.

    Parameters
    ----------
    cache
        Points that are feasible for all scenarios.
    x
        First-stage point.
    sample
        Some scenarios, from which it is learnt what seldom moves.

    Examples
    --------
    >>> from oreserve.stochastic import DualCache, Recourse, newsvendor
    >>> problem, x = newsvendor(), np.zeros(1)
    >>> batch = problem.source.draw(np.arange(3))
    >>> cache = DualCache(problem)
    >>> cache.add(Recourse(problem).solve(batch, x, want=("dual",)).dual)
    1
    >>> Sweep(cache, x, batch).bounds(batch)[0].round(6).tolist()
    [10.0, 20.0, 30.0]
    """

    def __init__(self, cache: DualCache, x: Floats, sample: Batch) -> None:
        if not len(cache):
            message = "no dual point is kept yet: solve some scenarios first"
            raise InputError(message)
        features = cache.features(x)
        ends = np.cumsum([len(at) for at in features.used])[:-1]
        self._parts = [
            _Part(_usual(seen, at), seen, at, coef)
            for seen, at, coef in zip(
                _arrays(sample),
                features.used,
                np.split(features.matrix, ends, axis=1),
                strict=True,
            )
        ]
        self._weight = np.ascontiguousarray(
            np.concatenate([part.weight for part in self._parts])
        )
        self._constant = features.constant + sum(p.constant for p in self._parts)

    def bounds(self, batch: Batch) -> tuple[Floats, Ints]:
        """Bound up to `CHUNK` scenarios from below.

        Returns
        -------
        tuple of ndarray
            (B,) bounds and (B,) the points of the cache that they come from.
        """
        count = len(batch)
        data = np.zeros((CHUNK, len(self._weight)))
        total = np.repeat(self._constant[None], count, axis=0)
        place = 0
        for part, values in zip(self._parts, _arrays(batch), strict=True):
            if len(part.dense):
                data[:count, place : place + len(part.dense)] = values[:, part.dense]
                place += len(part.dense)
            if len(part.table):
                moved = part.moved(values)
                if moved.nnz:
                    total += moved @ part.table
        total += (data @ self._weight)[:count]
        best = total.argmax(axis=1)
        return total[np.arange(count), best], best


def _arrays(batch: Batch) -> tuple[Floats, ...]:
    return (
        batch.row_lower, batch.row_upper, batch.lower, batch.upper, batch.technology,
    )  # fmt: skip


def _usual(seen: Floats, at: Ints) -> Floats:
    """Return the usual value of each position; 0 where it does not count."""
    usual = np.zeros(seen.shape[1])
    if len(at):
        # The middle one of the sorted values, never a mean of two.
        usual[at] = np.sort(seen[:, at], axis=0)[len(seen) // 2]
    if not np.isfinite(usual).all():
        message = "a bound that has a price is open in some scenarios"
        raise InputError(message)
    return usual
