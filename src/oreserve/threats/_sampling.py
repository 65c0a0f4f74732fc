# SPDX-License-Identifier: Apache-2.0
"""Draw scenarios: each is keyed by its number, never by its place in a batch."""

from __future__ import annotations

import hashlib
from types import MappingProxyType
from typing import TYPE_CHECKING

import numpy as np

from oreserve.study.scenario import Effect, Scenario
from oreserve.threats._drivers import Driver, read_drivers

if TYPE_CHECKING:
    import numpy.typing as npt

    from oreserve.study import Study

__all__ = ["parse_delay", "sample_scenarios", "touching_drivers", "uniform_draw"]

Touched = dict[str, tuple[int, ...]]
Delay = tuple[tuple[float, float], ...]


def uniform_draw(
    seed: int, scenario: int, name: str, count: int = 1
) -> npt.NDArray[np.float64]:
    """Draw uniform numbers that depend on nothing but their key.

    Parameters
    ----------
    seed, scenario, name
        The key: a run's seed, a scenario's number, a driver's or project's name.
    count
        How many numbers.

    Returns
    -------
    ndarray
        (count,) in [0, 1); the first k are the same for every count >= k.

    Notes
    -----
    The counter-based generator Philox (Salmon et al., 2011, Parallel random
    numbers: as easy as 1, 2, 3) keyed by SHA-256, which does not vary between
    runs as Python's own hash does.

    Examples
    --------
    >>> bool((uniform_draw(0, 7, "china_trade", 3)[:2]
    ...       == uniform_draw(0, 7, "china_trade", 2)).all())
    True
    """
    digest = hashlib.sha256(f"{seed}\x1f{scenario}\x1f{name}".encode()).digest()
    key = np.frombuffer(digest[:16], dtype=np.uint64)
    return np.random.Generator(np.random.Philox(key=key)).random(count)


def sample_scenarios(
    study: Study,
    *,
    count: int,
    seed: int,
    periods: int | None = None,
    start: int = 0,
) -> tuple[Scenario, ...]:
    """Draw the scenarios `start` to `start + count - 1` of a study.

    Parameters
    ----------
    study
        With tables `drivers`, `driver_states`, `driver_effects`, `projects`.
    count
        How many, 0 or more.
    seed
        With a scenario's number it settles every draw.
    periods
        How many periods; None: the horizon of the settings.
    start
        Number of the first scenario.

    Returns
    -------
    tuple of Scenario
        Scenario n is the same whatever the count and the start.

    Notes
    -----
    `draws` holds U of each project and, under ``delay NAME``, its years late.
    A driver's first state comes from `start_share`, the next ones from its
    matrix. Drivers are independent. The share that the reserve may give is
    1 / max(1, expected periods left in the present state), the longest one of the
    drivers in a shock that allows release, at most the horizon; it is 1 when all is
    calm and 0 where a shock is on and no state allows release.
    """
    drivers = read_drivers(study)
    length = len(study.period_starts(periods))
    touched = _touched_items(study, drivers)
    projects = {
        row["project"]: parse_delay(row["delay"])
        for row in study.table("projects").sort("project").iter_rows(named=True)
    }
    return tuple(
        _scenario(number, seed, length, drivers, touched, projects)
        for number in range(start, start + count)
    )


def touching_drivers(study: Study) -> dict[str, tuple[str, ...]]:
    """List per item the drivers that may touch it in any of their states."""
    drivers = read_drivers(study)
    return {
        item: tuple(drivers[number].name for number in numbers)
        for item, numbers in _touched_items(study, drivers).items()
    }


def _scenario(
    number: int,
    seed: int,
    length: int,
    drivers: tuple[Driver, ...],
    touched: Touched,
    projects: dict[str, Delay],
) -> Scenario:
    paths = [_path(driver, seed, number, length) for driver in drivers]
    effects = tuple(
        tuple(
            effect
            for driver, path in zip(drivers, paths, strict=True)
            for effect in driver.effects[path[period]]
        )
        for period in range(length)
    )
    states = tuple(
        tuple(d.states[path[t]] for d, path in zip(drivers, paths, strict=True))
        for t in range(length)
    )
    everything = tuple(range(len(drivers)))
    draws: dict[str, float] = {}
    for project, delay in projects.items():
        stands, late = uniform_draw(seed, number, f"project {project}", 2)
        draws[project] = float(stands)
        draws[f"delay {project}"] = _late(delay, float(late))
    return Scenario(
        number=number,
        effects=effects,
        states=states,
        release_share=_release_shares(drivers, paths, everything, length),
        draws=MappingProxyType(draws),
        item_release_share=MappingProxyType(
            {
                item: _release_shares(drivers, paths, who, length)
                for item, who in touched.items()
            }
        ),
    )


def parse_delay(text: str | None) -> Delay:
    """Read a delay such as ``0:0.5;1:0.3;2:0.2`` as (years, probability).

    Examples
    --------
    >>> parse_delay("0:0.5;2:0.5")
    ((0.0, 0.5), (2.0, 0.5))
    >>> parse_delay("1"), parse_delay(None)
    (((1.0, 1.0),), ((0.0, 1.0),))
    """
    pairs = []
    for part in (text or "0").split(";"):
        years, _, share = part.partition(":")
        pairs.append((float(years), float(share) if share else 1.0))
    return tuple(pairs)


def _late(delay: Delay, draw: float) -> float:
    """Return the years that a project is late, by inversion."""
    total = 0.0
    for years, share in delay:
        total += share
        if draw < total:
            return years
    return delay[-1][0]


def _path(driver: Driver, seed: int, number: int, length: int) -> list[int]:
    """Walk one driver through the periods by inversion."""
    draws = uniform_draw(seed, number, f"driver {driver.name}", length)
    last = len(driver.states) - 1
    cumulative = np.cumsum(driver.matrix, axis=1)
    state = min(int(np.searchsorted(np.cumsum(driver.start), draws[0], "right")), last)
    path = [state]
    for draw in draws[1:]:
        state = min(int(np.searchsorted(cumulative[state], draw, "right")), last)
        path.append(state)
    return path


def _release_shares(
    drivers: tuple[Driver, ...],
    paths: list[list[int]],
    who: tuple[int, ...],
    length: int,
) -> tuple[float, ...]:
    """Compute the share that may be given, period by period."""
    shares: list[float] = []
    for period in range(length):
        shocks = [
            (drivers[number], paths[number][period])
            for number in who
            if drivers[number].is_shock(paths[number][period])
        ]
        if not shocks:
            shares.append(1.0)
            continue
        open_shocks = [(d, state) for d, state in shocks if d.release[state]]
        if not open_shocks:
            shares.append(0.0)
            continue
        # The shock lasts as long as the longest of its drivers; an absorbing state
        # would freeze the reserve for good, so the horizon bounds it.
        left = max(float(driver.left[state]) for driver, state in open_shocks)
        shares.append(1.0 / max(1.0, min(left, float(length))))
    return tuple(shares)


def _touched_items(study: Study, drivers: tuple[Driver, ...]) -> Touched:
    """List the drivers that may touch each item in any of their states."""
    touched: Touched = {}
    for row in study.table("items").iter_rows(named=True):
        touched[row["item"]] = tuple(
            number
            for number, driver in enumerate(drivers)
            if any(
                _touches(effect, row["item"], row["mineral"], row["stage"])
                for effects in driver.effects
                for effect in effects
            )
        )
    return touched


def _touches(effect: Effect, item: str, mineral: str, stage: str) -> bool:
    """Return whether an effect names an item, its mineral or its stage.

    An outage upstream touches the whole mineral, whatever its stage.
    """
    open_to_all = not effect.items and not effect.minerals
    if not (open_to_all or item in effect.items or mineral in effect.minerals):
        return False
    return effect.kind == "outage" or not effect.stage or effect.stage == stage
