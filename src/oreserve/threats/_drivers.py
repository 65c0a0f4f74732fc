# SPDX-License-Identifier: Apache-2.0
"""Drivers as Markov chains: matrices of a year, of a period, and what follows.

A driver is what moves together: China's trade policy, power in South Africa, one
plant that may stop. Drivers are independent of each other; everything under one
driver is joint. Random plant outages are drivers too, with discrete states, so
that equal years can be solved once.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from oreserve.errors import InputError

if TYPE_CHECKING:
    from oreserve.study import Study
    from oreserve.study.scenario import Effect

__all__ = [
    "Driver",
    "driver_matrix",
    "expected_periods_left",
    "period_matrix",
    "read_drivers",
    "stationary_shares",
]

Floats = npt.NDArray[np.float64]

ROW_SUM_TOLERANCE = 1e-6
"""Largest difference from 1 of a row of probabilities; smaller is scaled away."""

SOON_LEFT = 0.3
"""Yearly probability to stay from which a matrix has a root in practice."""

QUARTER = 0.25

CLIP_TOLERANCE = 0.01
"""Largest probability below 0 that a matrix root may need clipped."""


@dataclass(frozen=True)
class Driver:
    """One driver: its states in sorted order and how it moves in a period.

    Parameters
    ----------
    name, states
        As in tables `drivers` and `driver_states`.
    yearly, matrix
        (K, K) probabilities of a year and of a period; rows sum to 1.
    start
        (K,) probabilities of the first period's state.
    left
        (K,) expected periods in the state, this one included; inf if absorbing.
    effects
        (K,) what holds in each state.
    release
        (K,) whether the reserve may be released in the state.
    """

    name: str
    states: tuple[str, ...]
    yearly: Floats
    matrix: Floats
    start: Floats
    left: Floats
    effects: tuple[tuple[Effect, ...], ...]
    release: tuple[bool, ...]

    def is_shock(self, state: int) -> bool:
        """Return whether anything is out of the ordinary in a state."""
        return bool(self.effects[state])


def period_matrix(yearly: Floats, period_years: float) -> Floats:
    """Compute the matrix of a period, M^period_years.

    Parameters
    ----------
    yearly
        (K, K) probabilities of a year, rows sum to 1.
    period_years
        Length of a period: 1, 1/4, 1/12.

    Returns
    -------
    ndarray
        (K, K) probabilities of a period, 0-1, rows sum to 1.

    Raises
    ------
    InputError
        If the root has a probability below -0.01: no chain by quarters or months
        gives this yearly matrix (a state that is left for sure after a year).

    Examples
    --------
    >>> import numpy as np
    >>> quarter = period_matrix(np.array([[0.9, 0.1], [0.5, 0.5]]), 0.25)
    >>> np.linalg.matrix_power(quarter, 4).round(6).tolist()
    [[0.9, 0.1], [0.5, 0.5]]
    """
    if period_years == 1.0:
        return yearly
    if period_years > 1.0 and float(period_years).is_integer():
        return np.linalg.matrix_power(yearly, int(period_years))
    from scipy.linalg import fractional_matrix_power

    root = np.asarray(fractional_matrix_power(yearly, period_years))
    worst = max(float(-root.real.min()), float(np.abs(root.imag).max()))
    if not np.isfinite(worst) or worst > CLIP_TOLERANCE:
        message = (
            f"the yearly probabilities have no root for periods of "
            f"{period_years:g} years (a probability of {-worst:.3f} would be "
            f"needed; at least {-CLIP_TOLERANCE} is allowed)"
        )
        raise InputError(message)
    clipped = np.clip(root.real, 0.0, None)
    return np.asarray(clipped / clipped.sum(axis=1, keepdims=True), dtype=np.float64)


def expected_periods_left(matrix: Floats) -> Floats:
    """Compute the expected periods in each state, 1 / (1 - stay).

    Parameters
    ----------
    matrix
        (K, K) probabilities of a period.

    Returns
    -------
    ndarray
        (K,) periods, this one included, 1 or more; inf for an absorbing state.

    Examples
    --------
    >>> import numpy as np
    >>> expected_periods_left(np.array([[0.75, 0.25], [0.0, 1.0]])).tolist()
    [4.0, inf]
    """
    leave = 1.0 - np.diag(matrix)
    return np.where(leave > 1e-12, 1.0 / np.maximum(leave, 1e-12), np.inf)


def stationary_shares(matrix: Floats) -> Floats:
    """Compute the share of time that a chain spends in each state.

    Parameters
    ----------
    matrix
        (K, K) probabilities of a period, with one recurrent class.

    Returns
    -------
    ndarray
        (K,) shares that sum to 1.

    Examples
    --------
    >>> import numpy as np
    >>> stationary_shares(np.array([[0.9, 0.1], [0.3, 0.7]])).round(4).tolist()
    [0.75, 0.25]
    """
    count = len(matrix)
    system = np.vstack([matrix.T - np.eye(count), np.ones(count)])
    right = np.append(np.zeros(count), 1.0)
    shares = np.linalg.lstsq(system, right, rcond=None)[0]
    return np.asarray(np.clip(shares, 0.0, None), dtype=np.float64)


def read_drivers(study: Study) -> tuple[Driver, ...]:
    """Read all drivers of a study, sorted by name.

    Raises
    ------
    InputError
        With every problem of the drivers' tables at once.
    """
    from oreserve.study import driver_state_effects

    moves: dict[str, dict[tuple[str, str], float]] = {}
    for row in study.table("drivers").iter_rows(named=True):
        pair = (row["state"], row["next_state"])
        moves.setdefault(row["driver"], {})[pair] = row["probability_per_year"]
    described: dict[str, dict[str, tuple[float | None, bool]]] = {}
    for row in study.table("driver_states").iter_rows(named=True):
        release = row.get("release_allowed")
        described.setdefault(row["driver"], {})[row["state"]] = (
            row["start_share"],
            True if release is None else bool(release),
        )
    effects = driver_state_effects(study)
    problems: list[str] = []
    drivers: list[Driver] = []
    for name in sorted(moves):
        names = {state for pair in moves[name] for state in pair}
        states = tuple(sorted(names | set(described.get(name, {}))))
        before = len(problems)
        yearly = _yearly(name, states, moves[name], problems)
        start = _start(name, states, described.get(name, {}), problems)
        if problems[before:]:
            continue
        try:
            matrix = period_matrix(yearly, study.settings.period_years)
        except InputError:
            problems.append(_cannot_be_cut(name, states, yearly, study))
            continue
        about = described.get(name, {})
        drivers.append(
            Driver(
                name=name,
                states=states,
                yearly=yearly,
                matrix=matrix,
                start=start,
                left=expected_periods_left(matrix),
                effects=tuple(effects.get((name, state), ()) for state in states),
                release=tuple(about.get(s, (None, True))[1] for s in states),
            )
        )
    if problems:
        raise InputError("\n".join(problems))
    return tuple(drivers)


def _cannot_be_cut(
    name: str, states: tuple[str, ...], yearly: Floats, study: Study
) -> str:
    """Say in words which states of a driver have no chain of shorter periods."""
    step = "quarters" if study.settings.period_years == QUARTER else "months"
    stays = dict(zip(states, np.diag(yearly), strict=True))
    always = [state for state, stay in stays.items() if stay == 0.0]
    soon = [
        f"{state} (stays with {stay:g})"
        for state, stay in stays.items()
        if 0.0 < stay < SOON_LEFT
    ]
    if always:
        verb = "always ends" if len(always) == 1 else "always end"
        what = (
            f"{_listed(always)} {verb} after exactly one year and cannot be cut "
            f"into {step}"
        )
    elif soon:
        verb = "ends" if len(soon) == 1 else "end"
        what = f"{_listed(soon)} {verb} too soon to be cut into {step}"
    else:
        what = (
            f"its moves from year to year cannot be cut into {step}: states that "
            f"follow each other cannot be passed within a year"
        )
    return (
        f"drivers: driver {name}: {what}. Use years (--step year, setting "
        f"period_years), or an overlay of drivers.csv in which such a state may stay "
        f"(next_state the state itself, {SOON_LEFT} and more) and states that follow "
        f"each other may also be passed within a year; docs/howto/many-scenarios.md "
        f"shows both. A shock with dates runs at any step"
    )


def _listed(names: list[str]) -> str:
    """Join names as a sentence does."""
    *first, last = names
    return f"{', '.join(first)} and {last}" if first else last


def driver_matrix(study: Study, driver: str) -> Floats:
    """Compute the probabilities of one driver from one period to the next.

    Returns
    -------
    ndarray
        (K, K) over the driver's states in sorted order.

    Raises
    ------
    InputError
        If the study has no such driver.
    """
    drivers = read_drivers(study)
    for candidate in drivers:
        if candidate.name == driver:
            return candidate.matrix
    from oreserve.tables import nearest

    names = [candidate.name for candidate in drivers]
    message = (
        f"drivers: no driver {driver!r}; the study has {', '.join(names) or 'none'}"
        f"; nearest: {nearest(driver, names)}"
    )
    raise InputError(message)


def _yearly(
    name: str,
    states: tuple[str, ...],
    moves: dict[tuple[str, str], float],
    problems: list[str],
) -> Floats:
    """Fill the yearly matrix; a state without rows stays where it is."""
    place = {state: number for number, state in enumerate(states)}
    matrix = np.zeros((len(states), len(states)))
    for (state, following), probability in moves.items():
        if not 0.0 <= probability <= 1.0:
            problems.append(
                f"drivers: driver {name}, state {state}, next_state {following}: "
                f"probability_per_year is {probability}; it must be in 0-1"
            )
            continue
        matrix[place[state], place[following]] = probability
    for state, row in place.items():
        if not any(pair[0] == state for pair in moves):
            matrix[row, row] = 1.0
        total = matrix[row].sum()
        if abs(total - 1.0) > ROW_SUM_TOLERANCE:
            problems.append(
                f"drivers: driver {name}, state {state}: probability_per_year sums "
                f"to {total:.6g} over next_state; it must sum to 1"
            )
        elif total > 0.0:
            matrix[row] /= total
    return matrix


def _start(
    name: str,
    states: tuple[str, ...],
    described: dict[str, tuple[float | None, bool]],
    problems: list[str],
) -> Floats:
    """Read the first state's probabilities; all null means the first state."""
    shares = [described.get(state, (None, True))[0] for state in states]
    if all(share is None for share in shares):
        problems.append(
            f"driver_states: driver {name}: no start_share; say how likely each of "
            f"{', '.join(states)} is in the first period"
        )
        return np.zeros(len(states))
    start = np.array([0.0 if share is None else share for share in shares])
    total = start.sum()
    if start.min() < 0.0 or abs(total - 1.0) > ROW_SUM_TOLERANCE:
        problems.append(
            f"driver_states: driver {name}: start_share sums to {total:.6g}; "
            f"the shares must be 0 or more and sum to 1"
        )
        return start
    return np.asarray(start / total, dtype=np.float64)
