# SPDX-License-Identifier: Apache-2.0
"""Simulated scenarios as arrays, and chains simulated side by side."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from oreserve.market import Standing
    from oreserve.planning._chain_runs import ChainRuns
    from oreserve.planning._pool import LazyPool
    from oreserve.study.scenario import Scenario

__all__ = ["AXES", "Runs", "run_chains"]

Floats = npt.NDArray[np.float64]

AXES = {
    "wanted": "use",
    "served_market": "use",
    "served": "use",
    "price": "item",
    "release": "item",
    "fill": "item",
    "stock": "item",
    "release_share": "item",
    "fillable": "item",
    "candidate_share": "candidate",
    "agreement": "chain",
    "output": "project",
    "room": "room",
    "premium": "chain",
}
"""What each array runs over beside scenarios and periods."""

LARGE_SHARE = 0.25
"""A chain with more than this part of a worker's share is split by scenario."""


@dataclass(frozen=True)
class Runs:
    """Simulated scenarios at home, tonnes per period.

    Parameters
    ----------
    wanted, served_market, served
        (S, T, D).
    price
        (S, T, I) USD per t, nan where there is none.
    release, fill, stock, release_share, fillable
        (S, T, I).
    candidate_share
        (S, T, A) of the agreements that a plan may sign, then project offtakes.
    agreement
        (S, T, C) tonnes that agreements brought, all items of a chain.
    output
        (S, T, J) activity of projects.
    room
        (S, T, F) spare activity of home plants.
    premium
        (S, T, C) import premium of a chain, million USD.
    """

    wanted: Floats
    served_market: Floats
    served: Floats
    price: Floats
    release: Floats
    fill: Floats
    stock: Floats
    release_share: Floats
    fillable: Floats
    candidate_share: Floats
    agreement: Floats
    output: Floats
    room: Floats
    premium: Floats

    @property
    def short(self) -> Floats:
        """(S, T, D) tonnes not served."""
        return np.maximum(self.wanted - self.served, 0.0)

    def copied(self) -> dict[str, Floats]:
        """Return copies of the arrays by name."""
        return {name: table.copy() for name, table in self.to_arrays().items()}

    def first(self, count: int) -> Runs:
        """Return the first scenarios."""
        return Runs(**{name: table[:count] for name, table in self.to_arrays().items()})

    def pick(self, chosen: Sequence[int]) -> Runs:
        """Return some scenarios, in the order given."""
        rows = list(chosen)
        return Runs(**{name: table[rows] for name, table in self.to_arrays().items()})

    def to_arrays(self) -> dict[str, Floats]:
        """Return the arrays by name."""
        return {f.name: getattr(self, f.name) for f in fields(self)}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, Floats]) -> Runs:
        """Rebuild from `to_arrays`."""
        return cls(**{f.name: arrays[f.name] for f in fields(cls)})


def run_chains(
    chains: Sequence[ChainRuns],
    scenarios: Sequence[Scenario],
    standing: Standing | None,
    *,
    release: bool = True,
    pool: LazyPool | None = None,
    progress: Callable[[float, float | None], None] | None = None,
    totals: bool = False,
) -> list[dict[str, Floats]]:
    """Simulate chains on all scenarios, here or in processes.

    With `totals` only sums over the periods come back.

    Returns
    -------
    list of dict
        Arrays of each chain.
    """
    total = sum(chain.columns for chain in chains)
    periods = len(chains[0].starts) if chains else 0
    workers = None
    if pool is not None:
        workers = pool.get(total * len(scenarios) * periods)
    everything = tuple(range(len(scenarios)))
    work: list[tuple[int, tuple[int, ...], int | None]] = []
    order = range(len(chains))
    if workers is None:
        work = [(place, everything, None) for place in order]
    else:
        # The largest first: they decide when the work is done.
        for place in sorted(order, key=lambda n: (-chains[n].columns, n)):
            if chains[place].columns < LARGE_SHARE * total / workers.size:
                work.append((place, everything, None))
                continue
            for worker in range(workers.size):
                mine = [
                    s
                    for s in everything
                    if scenarios[s].number % workers.size == worker
                ]
                if mine:
                    work.append((place, tuple(mine), worker))
    finished = 0

    def done() -> None:
        nonlocal finished
        finished += 1
        if progress is not None:
            progress(finished, len(work))

    if progress is not None:
        progress(0, len(work))
    if workers is not None:
        tasks = [(chains[place], some, worker) for place, some, worker in work]
        found = workers.run(
            tasks, scenarios, standing, release=release, done=done, totals=totals
        )
        return [_joined(place, work, found, len(scenarios)) for place in order]
    parts = []
    for place, _, _ in work:
        chain = chains[place]
        simulate = chain.totals if totals else chain.arrays
        parts.append(simulate(scenarios, standing, release=release))
        done()
    return parts


def _joined(
    chain: int,
    work: list[tuple[int, tuple[int, ...], int | None]],
    found: list[dict[str, Floats]],
    count: int,
) -> dict[str, Floats]:
    """Put the scenarios of a chain together again."""
    places = [place for place, one in enumerate(work) if one[0] == chain]
    if len(places) == 1:
        return found[places[0]]
    held: dict[str, Floats] = {}
    for place in places:
        rows = list(work[place][1])
        for name, table in found[place].items():
            if name not in held:
                held[name] = np.zeros((count, *table.shape[1:]))
            held[name][rows] = table
    return held
