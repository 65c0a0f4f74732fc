# SPDX-License-Identifier: Apache-2.0
"""Cuts and the best point of a long solution, kept while it runs."""

from __future__ import annotations

import hashlib
import time
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from oreserve.planning._programme import divided

if TYPE_CHECKING:
    from collections.abc import Callable

    from oreserve.planning._checkpoint import Checkpoint
    from oreserve.planning._programme import Programme
    from oreserve.planning._search import Best, Search

__all__ = ["Keep"]

Arrays = dict[str, npt.NDArray[np.generic]]


class Keep:
    """Writes the state of a solution now and then, and gives it back.

    Parameters
    ----------
    checkpoint
        Where stages lie.
    stage
        Name of this one.
    every_s
        Seconds between two writings; they change nothing but what is lost.
    """

    def __init__(
        self, checkpoint: Checkpoint, stage: str, *, every_s: float = 20.0
    ) -> None:
        self._checkpoint = checkpoint
        self._stage = stage
        self._every_s = every_s
        self._last = time.monotonic()
        self._mark = ""

    def take(self, programme: Programme) -> Arrays | None:
        """Return the state of the same programme, or None."""
        self._mark = fingerprint(programme)
        held = self._checkpoint.get(self._stage)
        if held is None or str(held.pop("mark", "")) != self._mark:
            return None
        return dict(held)

    def maybe(self, search: Search) -> None:
        """Write the state if the last writing is long ago."""
        if time.monotonic() - self._last < self._every_s or search.best is None:
            return
        self._write(search, search.best)

    def listen(self, whole: Search, relaxed: Best | None) -> Callable[[float], None]:
        """Return what the branching is to call after each node."""

        def told(bound: float) -> None:
            del bound
            if time.monotonic() - self._last >= self._every_s and relaxed is not None:
                self._write(whole, relaxed)

        return told

    def _write(self, search: Search, relaxed: Best) -> None:
        held: dict[str, Any] = {**search.master.to_arrays(), "x": relaxed.x}
        best = search.best
        if best is not None and not divided(search.programme.first, best.x):
            held["whole"] = best.x
        self._checkpoint.put(self._stage, {**held, "mark": np.array(self._mark)})
        self._last = time.monotonic()


def fingerprint(programme: Programme) -> str:
    """Return a hash of what cuts and points of a programme depend on."""
    first = programme.first
    parts = [
        programme.base_loss,
        programme.probability,
        np.array([programme.risk_weight, programme.alpha, first.budget]),
        first.cost, first.cash, first.lower, first.upper, first.matrix.data,
        first.row_lower, first.row_upper,
    ]  # fmt: skip
    for group in programme.groups:
        parts += [group.most, group.columns.astype(float)]
        parts += [
            np.asarray(table.sum(axis=0), dtype=float)
            for table in (group.release, group.supply, group.bought)
        ]
    whole = hashlib.sha256("\0".join(first.name).encode())
    for part in parts:
        whole.update(np.ascontiguousarray(part).tobytes())
    return whole.hexdigest()
