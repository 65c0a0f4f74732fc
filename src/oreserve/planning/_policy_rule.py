# SPDX-License-Identifier: Apache-2.0
"""Release by security value: a tonne goes where it saves more than kept it would."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from oreserve.planning._home import DEPTH_VALUES
from oreserve.planning._world import split_by_depth

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import date

    from oreserve.study.scenario import Scenario

__all__ = ["PolicyRule"]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class PolicyRule:
    """Security values as the market asks for them; small, and it pickles.

    Parameters
    ----------
    item
        (N,) names.
    starts
        (T,) first days of the periods.
    driver_at
        Places of the drivers inside among all drivers.
    state_of
        Merged state of each joint state of them.
    level
        (N, G) rising stock levels, t.
    value
        (T, M, N, G) USD per t of a tonne kept at the end of a period, when the stock
        is at a level; it falls with the level.
    short
        (T, M, N) mean tonnes unserved: names the state of a shock that no driver has.
    """

    item: tuple[str, ...]
    starts: tuple[date, ...]
    driver_at: tuple[int, ...]
    state_of: Mapping[tuple[str, ...], int]
    level: Floats
    value: Floats
    short: Floats

    def covers(self, item: str) -> bool:
        """Return whether the policy has a value for an item."""
        return item in self.item

    def worth(
        self,
        item: str,
        start: date,
        scenarios: Sequence[Scenario],
        *,
        period: int,
        level: Floats,
        short: Floats,
        wanted: Floats,
        loss_usd_per_t: Floats,
    ) -> Floats:
        """Return the tonnes of each short use that are worth a release.

        The deepest part of a shortage saves most and comes first; a part is served
        while it saves more than the security value at the level that is left. A use
        without a known loss saves nothing.
        """
        n = self.item.index(item)
        t = max(0, sum(one <= start for one in self.starts) - 1)
        state = self._states(scenarios, period, short.sum(axis=1), t, n)
        size = split_by_depth(short, wanted)  # (S, D, 3)
        saves = np.nan_to_num(loss_usd_per_t)[:, None] * DEPTH_VALUES[None, :]
        flat = saves.ravel()
        given = np.zeros((len(level), flat.size))
        total = np.zeros(len(level))
        amounts = size.reshape(len(level), -1)
        for step in np.argsort(-flat, kind="stable"):
            keep = self._keep(t, n, float(flat[step]))[state]
            room = np.maximum(level - keep - total, 0.0)
            given[:, step] = np.minimum(amounts[:, step], room)
            total += given[:, step]
        return np.asarray(given.reshape(size.shape).sum(axis=2), dtype=float)

    def _keep(self, t: int, n: int, saves: float) -> Floats:
        """Return by state the least stock at which a tonne kept is worth less."""
        value = self.value[t, :, n]  # (M, G)
        below = value < saves
        first = np.where(below.any(axis=1), below.argmax(axis=1), -1)
        levels = self.level[n]
        kept = np.where(first < 0, np.inf, levels[np.maximum(first, 0)])
        return np.asarray(kept, dtype=float)

    def _states(
        self,
        scenarios: Sequence[Scenario],
        period: int,
        short: Floats,
        t: int,
        n: int,
    ) -> Ints:
        """Return each scenario's state; without drivers that of the nearest mean."""
        found = np.zeros(len(scenarios), dtype=np.int64)
        for s, one in enumerate(scenarios):
            if period < len(one.states):
                key = tuple(one.states[period][k] for k in self.driver_at)
                found[s] = self.state_of[key]
            else:
                found[s] = int(np.argmin(np.abs(self.short[t, :, n] - short[s])))
        return found
