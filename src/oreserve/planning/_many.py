# SPDX-License-Identifier: Apache-2.0
"""Many sampled futures of a study without a plan: how bad, and how often."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from oreserve.errors import InputError
from oreserve.planning._blocks import Blocks, blocks_folder
from oreserve.planning._chain_runs import ChainRuns, chain_specs
from oreserve.planning._distribution import Distribution, Uses
from oreserve.planning._pool import LazyPool
from oreserve.planning._runs import run_chains

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from datetime import date
    from pathlib import Path

    from oreserve.market import Base, ProjectSupport
    from oreserve.study import Study
    from oreserve.study.scenario import Scenario

    Progress = Callable[[str, float, float | None], None]

__all__ = ["simulate_many"]

Floats = npt.NDArray[np.float64]

SCENARIO_PERIODS = 2_000
"""Scenarios x periods of a block at most: what is in memory and lost by a kill."""
MOST_IN_BLOCK = 500
LEAST_IN_BLOCK = 20
"""Blocks of 20 cost 7 % more than one of 60 on us-2026, blocks of 10 18 %."""
BLOCKS = 10
"""How many blocks a run should have, between those sizes."""
LAYOUT = "3"
"""Of the arrays in a block; another one is refused."""


def simulate_many(
    study: Study,
    *,
    count: int,
    seed: int = 0,
    periods: int | None = None,
    workers: int = 2,
    executor: str | None = None,
    out: Path | None = None,
    progress: Progress | None = None,
    base: Base | None = None,
    release: bool = True,
) -> Distribution:
    """Draw scenarios from the drivers of a study and run the market in each.

    Parameters
    ----------
    study
        With drivers.
    count
        How many scenarios.
    seed
        With a scenario's number it settles every draw.
    periods
        How many periods; default: the horizon.
    workers
        How many run side by side; the result does not depend on it.
    executor
        Where: `serial`, `threads`, `processes`, `ray`; None: processes once there is
        enough to do. The result does not depend on it.
    out
        Where the result will be saved: finished blocks of scenarios are kept beside
        it, and a second call with the same arguments goes on from them. None:
        nothing is kept.
    progress
        Called with (stage, scenarios done, scenarios).
    base
        From `prepare`; made here if not given.
    release
        Whether the reserve may release.

    Returns
    -------
    Distribution
        Shortfall, loss and import premium: mean, quantiles and tail.

    Raises
    ------
    InputError
        If `count` or `workers` is below 1, or blocks of another study, seed or
        version lie beside `out`, or there is no such executor.
    OreserveError
        If a block cannot be written, because the disk is full for example; the
        blocks before it stay.

    Notes
    -----
    Scenario n is the same whatever `count` is, and so are its numbers. Memory is
    bounded: a block of scenarios is in memory at a time, and solved markets are
    forgotten when they take too much.

    Examples
    --------
    >>> from oreserve.study import load_study
    >>> found = simulate_many(load_study("tiny"), count=3, workers=1)
    >>> found.scenarios["number"].to_list()
    [0, 1, 2]
    """
    from oreserve.market import prepare
    from oreserve.threats import read_drivers

    for name, value in (("count", count), ("workers", workers)):
        if value < 1:
            message = f"{name} is {value}; at least 1 is needed"
            raise InputError(message)
    # What cannot be is refused before the market is reconciled, which takes longer.
    read_drivers(study)
    starts = study.period_starts(periods)
    pool = LazyPool(workers, executor)
    blocks = Blocks(
        None if out is None else blocks_folder(out),
        _made_from(study, seed=seed, periods=len(starts), release=release),
    )
    ready = base or prepare(study, progress=progress)
    try:
        chains = [ChainRuns(spec) for spec in chain_specs(ready, len(starts), ())]
        for chain in chains[1:]:
            chain.share(chains[0])
        told = _Told.of(study, chains[0].index.periods, starts[-1])
        parts = [
            _block(chains, pool, blocks, block, progress, count, told, release=release)
            for block in _drawn(study, count, seed, len(starts), blocks)
        ]
    finally:
        pool.close()
    return Distribution.build(
        study,
        Uses.of(chains),
        {name: np.concatenate([part[name] for part in parts]) for name in parts[0]},
        seed=seed,
        periods=tuple(f"{start:%Y-%m}" for start in starts),
        blocks=blocks,
    )


def _drawn(
    study: Study, count: int, seed: int, periods: int, blocks: Blocks
) -> Iterator[tuple[Scenario, ...]]:
    """Yield the scenarios block by block: a block is a range of numbers.

    Blocks that are kept set the pace: a run of another count made other ones.
    """
    from oreserve.threats import sample_scenarios

    size = max(LEAST_IN_BLOCK, -(-count // BLOCKS))
    size = max(1, min(size, MOST_IN_BLOCK, SCENARIO_PERIODS // periods))
    start = 0
    while start < count:
        here = blocks.kept(start, count - start) or min(size, count - start)
        yield sample_scenarios(
            study, count=here, seed=seed, periods=periods, start=start
        )
        start += here


def _block(
    chains: Sequence[ChainRuns],
    pool: LazyPool,
    blocks: Blocks,
    scenarios: tuple[Scenario, ...],
    progress: Progress | None,
    count: int,
    told: _Told,
    *,
    release: bool,
) -> dict[str, npt.NDArray[np.generic]]:
    """Simulate a block, or take it from where an earlier run left it."""
    start, size = scenarios[0].number, len(scenarios)
    held = blocks.get(start, size)
    if held is None:

        def report(done: float, total: float | None) -> None:
            if progress is not None and total:
                progress("simulate", start + size * done // total, count)

        # Blocks are small, and what pays for processes is all that is left to do.
        pool.get(sum(c.columns for c in chains) * (count - start) * told.count)
        parts = run_chains(
            chains,
            scenarios,
            None,
            release=release,
            pool=pool,
            progress=report,
            totals=True,
        )
        pool.forget_scenarios()
        chains[0].names.forget()
        held = {
            name: np.concatenate([part[name] for part in parts], axis=1)
            for name in parts[0]
        }
        held["states"] = np.array([told.states(one) for one in scenarios])
        held["projects"] = np.array([told.stand(one) for one in scenarios])
        blocks.put(start, size, held)
    elif start + size < count:
        return held  # what was kept says nothing of the time that is left
    if progress is not None:
        progress("simulate", start + size, count)
    return held


@dataclass(frozen=True)
class _Told:
    """What `scenarios.csv` says of a scenario in words.

    Parameters
    ----------
    shocks
        Name and states with effects of each driver, in the order of its states.
    support
        Projects that may stand without a plan.
    periods
        (T,) names of the periods.
    last
        Start of the last period, as a year.
    """

    shocks: Sequence[tuple[str, frozenset[str]]]
    support: Mapping[str, ProjectSupport]
    periods: Sequence[str]
    last: float

    @classmethod
    def of(cls, study: Study, periods: Sequence[str], last: date) -> _Told:
        """Read the drivers and projects of a study."""
        from oreserve.market import project_support

        year = last.year + (last.month - 1) / 12.0
        return cls(_shocks(study), project_support(study), periods, year)

    @property
    def count(self) -> int:
        """Number of periods."""
        return len(self.periods)

    def states(self, scenario: Scenario) -> str:
        """Say which drivers are in a shock, and when."""
        return describe(scenario, self.shocks, self.periods)

    def stand(self, scenario: Scenario) -> str:
        """Name the projects that start to run in time, with the years late."""
        found = []
        for project, support in sorted(self.support.items()):
            late = scenario.draws.get(f"delay {project}", 0.0)
            comes = support.start_year + late <= self.last
            if comes and scenario.draws.get(project, 0.5) < support.success:
                found.append(f"{project} +{late:g}" if late else project)
        return "; ".join(found)


def describe(
    scenario: Scenario,
    shocks: Sequence[tuple[str, frozenset[str]]],
    periods: Sequence[str],
) -> str:
    """Say which drivers leave their calm state, and when.

    Parameters
    ----------
    scenario
        Sampled.
    shocks
        Name and states with effects of each driver, in the order of its states.
    periods
        (T,) names of the periods.
    """
    found = []
    for number, (driver, states) in enumerate(shocks):
        path = [one[number] for one in scenario.states]
        begin = 0
        for t in range(1, len(path) + 1):
            if t < len(path) and path[t] == path[begin]:
                continue
            if path[begin] in states:
                when = periods[begin]
                if t - begin > 1:
                    when += f"..{periods[t - 1]}"
                found.append(f"{driver} {path[begin]} {when}")
            begin = t
    return "; ".join(found)


def _shocks(study: Study) -> list[tuple[str, frozenset[str]]]:
    """Return the drivers in order of name, with the states that have effects."""
    from oreserve.study import driver_state_effects

    effects = driver_state_effects(study)
    return [
        (
            driver,
            frozenset(s for d, s in effects if d == driver and effects[d, s]),
        )
        for driver in study.table("drivers")["driver"].unique().sort()
    ]


def _made_from(study: Study, **options: object) -> dict[str, str]:
    """Name all that the numbers of a block depend on."""
    from oreserve.market.outcome import versions

    named = {f"setting {k}": v for k, v in study.settings.as_texts().items()}
    named |= {f"version of {name}": number for name, number in versions().items()}
    named |= {name: str(value) for name, value in options.items()}
    named["layout of the blocks"] = LAYOUT
    return {**named, "study": study.name, "study's content": study.hash[:16]}
