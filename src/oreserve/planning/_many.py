# SPDX-License-Identifier: Apache-2.0
"""Many sampled futures of a study without a plan: how bad, and how often."""

from __future__ import annotations

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
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from oreserve.market import Base
    from oreserve.study import Study
    from oreserve.study.scenario import Scenario

    Progress = Callable[[str, float, float | None], None]

__all__ = ["simulate_many"]

Floats = npt.NDArray[np.float64]

SCENARIO_PERIODS = 5_000
"""Scenarios x periods of a block: what is in memory at a time."""
MOST_IN_BLOCK = 500


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
        shocks = _shocks(study)
        parts = [
            _block(
                chains, pool, blocks, block, progress, count, shocks, release=release
            )
            for block in _drawn(study, count, seed, len(starts))
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
    study: Study, count: int, seed: int, periods: int
) -> Iterator[tuple[Scenario, ...]]:
    """Yield the scenarios block by block: a block is a range of numbers."""
    from oreserve.threats import sample_scenarios

    size = max(1, min(MOST_IN_BLOCK, SCENARIO_PERIODS // periods))
    for start in range(0, count, size):
        yield sample_scenarios(
            study,
            count=min(size, count - start),
            seed=seed,
            periods=periods,
            start=start,
        )


def _block(
    chains: Sequence[ChainRuns],
    pool: LazyPool,
    blocks: Blocks,
    scenarios: tuple[Scenario, ...],
    progress: Progress | None,
    count: int,
    shocks: Sequence[tuple[str, frozenset[str]]],
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
        held["states"] = np.array(
            [describe(one, shocks, chains[0].index.periods) for one in scenarios]
        )
        blocks.put(start, size, held)
    if progress is not None:
        progress("simulate", start + size, count)
    return held


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
    return {**named, "study": study.name, "study's content": study.hash[:16]}
