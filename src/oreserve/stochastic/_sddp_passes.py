# SPDX-License-Identifier: Apache-2.0
"""Passes of SDDP: forward along drawn paths, backward over all openings."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from oreserve.stochastic._markov import MarkovProblem, cvar_weights, draw_paths

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from oreserve.stochastic._sddp_nodes import Node, Step

__all__ = [
    "EVALUATE_FROM",
    "Measure",
    "Simulated",
    "backward",
    "first_bound",
    "forward",
    "lacking_on_paths",
    "pool",
    "sweep_levels",
]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

EVALUATE_FROM = 1 << 40
"""Numbers of the paths that judge a policy; training takes those from 0 on."""

ROUND = 12
"""Decimals at which levels count as one (levels are scaled by the caller)."""


@dataclass(frozen=True)
class Simulated:
    """Paths under a policy: S paths, T stages, N levels.

    Parameters
    ----------
    number
        (S,) numbers of the paths.
    state, opening
        (S, T).
    stage_cost
        (S, T) undiscounted.
    cost
        (S,) discounted.
    level
        (S, T, N) handed on.
    columns
        (S, T) arrays of column values, if asked for; else empty.
    """

    number: Ints
    state: Ints
    opening: Ints
    stage_cost: Floats
    cost: Floats
    level: Floats
    columns: tuple[tuple[Floats, ...], ...] = ()


@dataclass(frozen=True)
class Measure:
    """How nodes are weighed: alpha and weight of the nested CVaR."""

    alpha: float
    weight: float

    def collect(
        self, moves: Floats, problem: MarkovProblem, t: int, value: list[Floats | None]
    ) -> tuple[Floats, list[tuple[int, Floats]]]:
        """Weigh the costs of stage t over its states and openings.

        Parameters
        ----------
        moves
            (M,) probabilities of the states.
        value
            (M) of (P, K) costs; None where not solved.

        Returns
        -------
        tuple
            (P,) the measure, and for each state its (P, K) weights.
        """
        used = [int(m) for m in np.flatnonzero(moves)]
        costs, chances, spans = [], [], []
        at = 0
        for m in used:
            found = value[m]
            assert found is not None
            costs.append(found)
            chances.append(moves[m] * problem.openings[t][m].probability)
            spans.append(slice(at, at + found.shape[1]))
            at += found.shape[1]
        all_costs = np.hstack(costs)
        chance = np.concatenate(chances)
        weights = np.array(
            [cvar_weights(row, chance, self.alpha, self.weight) for row in all_costs]
        )
        measure = (weights * all_costs).sum(axis=1)
        return measure, [
            (m, weights[:, span]) for m, span in zip(used, spans, strict=True)
        ]


Runner = Any  # a function (function, items) -> list, here or in threads


class pool:  # noqa: N801  # a context, used like a function
    """Give a map that keeps the order of its items."""

    def __init__(self, workers: int) -> None:
        self._workers = workers
        self._threads: ThreadPoolExecutor | nullcontext[None] = (
            ThreadPoolExecutor(workers) if workers > 1 else nullcontext()
        )

    def __enter__(self) -> Runner:
        threads = self._threads.__enter__()
        if threads is None:
            return lambda function, items: [function(one) for one in items]
        return lambda function, items: list(threads.map(function, items))

    def __exit__(self, *stop: object) -> None:
        self._threads.__exit__(*stop)  # type: ignore[arg-type]


def forward(
    problem: MarkovProblem,
    nodes: list[list[Node]],
    seed: int,
    numbers: Sequence[int],
    run: Runner,
    *,
    columns: bool = False,
) -> Simulated:
    """Follow paths; each model solves its own paths in their order."""
    state, opening = draw_paths(problem, seed, numbers)
    count, length = state.shape
    level = np.zeros((count, length, len(problem.initial)))
    cost = np.zeros((count, length))
    kept: list[list[Floats]] = [[] for _ in numbers]
    before = np.tile(problem.initial, (count, 1))
    for t in range(length):
        solved = _steps(problem, nodes[t], t, state[:, t], opening[:, t], before, run)
        for s, step in enumerate(solved):
            cost[s, t] = step.cost
            level[s, t] = step.level
            if columns:
                kept[s].append(step.columns)
        before = level[:, t].copy()
    factor = problem.discount ** np.arange(length)
    return Simulated(
        number=np.array(numbers, dtype=np.int64),
        state=state,
        opening=opening,
        stage_cost=cost,
        cost=cost @ factor,
        level=level,
        columns=tuple(tuple(one) for one in kept) if columns else (),
    )


def _steps(
    problem: MarkovProblem,
    row: list[Node],
    t: int,
    state: Ints,
    opening: Ints,
    before: Floats,
    run: Runner,
) -> list[Step]:
    """Solve a stage for all paths; equal questions once."""
    asked: dict[int, dict[tuple[int, bytes], int]] = {}
    for s, m in enumerate(state):
        key = (int(opening[s]), np.round(before[s], ROUND).tobytes())
        asked.setdefault(int(m), {}).setdefault(key, s)

    def work(m: int) -> dict[tuple[int, bytes], Step]:
        row[m].forget()  # so that no result depends on what came before
        name = f"stage {t} in state {_name(problem, m)}"
        return {
            key: row[m].step(before[s], key[0], name) for key, s in asked[m].items()
        }

    places = sorted(asked)
    found = dict(zip(places, run(work, places), strict=True))
    return [
        found[int(m)][int(opening[s]), np.round(before[s], ROUND).tobytes()]
        for s, m in enumerate(state)
    ]


def _name(problem: MarkovProblem, m: int) -> str:
    return problem.states[m] if problem.states else str(m)


def _solve_states(
    problem: MarkovProblem,
    nodes: list[list[Node]],
    t: int,
    states: Iterable[int],
    points: Floats,
    run: Runner,
    *,
    slopes: bool = True,
) -> tuple[list[Floats | None], list[Floats | None]]:
    """Solve all openings of some states of a stage at all points."""
    places = sorted(states)

    def work(m: int) -> tuple[Floats, Floats]:
        name = f"stage {t} in state {_name(problem, m)}"
        return nodes[t][m].values(points, name, slopes=slopes)

    value: list[Floats | None] = [None] * problem.count
    slope: list[Floats | None] = [None] * problem.count
    for m, pair in zip(places, run(work, places), strict=True):
        value[m], slope[m] = pair
    return value, slope


def backward(
    problem: MarkovProblem,
    nodes: list[list[Node]],
    rule: Measure,
    path: Simulated,
    run: Runner,
    *,
    more: Sequence[Floats] | None = None,
) -> Floats:
    """Add cuts at the levels met; return what the old ones lacked on each path.

    Parameters
    ----------
    more
        (T - 1) further levels (P, N) at which to cut.
    """
    lacking = np.zeros(len(path.number))
    # States that no path can be in get cuts too: who asks for a value there,
    # because the world went where the chain does not, gets an answer.
    everything = range(problem.count)
    for t in range(problem.length - 1, 0, -1):
        points, place = _distinct(path.level[:, t - 1])
        if more is not None:
            points = np.vstack([points, more[t - 1]])
        value, slope = _solve_states(problem, nodes, t, everything, points, run)
        for m in everything:
            moves = problem.transition[t - 1][m]
            measure, weights = rule.collect(moves, problem, t, value)
            own = np.zeros_like(points)
            for after, weight in weights:
                tilt = slope[after]
                assert tilt is not None
                own += np.einsum("pk,pkn->pn", weight, tilt)
            node = nodes[t - 1][m]
            here = np.flatnonzero(path.state[:, t - 1] == m)
            for s in here:
                now, _ = node.cuts.value(points[place[s]], problem.floor)
                gain = max(0.0, float(measure[place[s]]) - now)
                lacking[s] += gain * problem.discount**t
            constant = measure - np.einsum("pn,pn->p", own, points)
            node.add_cuts(points, constant, own)
    return lacking


def _distinct(points: Floats) -> tuple[Floats, Ints]:
    """Return different points in order of appearance, and which each row is."""
    known: dict[bytes, int] = {}
    place = np.zeros(len(points), dtype=np.int64)
    first: list[int] = []
    for row, point in enumerate(points):
        key = np.round(point, ROUND).tobytes()
        if key not in known:
            known[key] = len(first)
            first.append(row)
        place[row] = known[key]
    return points[first], place


def sweep_levels(path: Simulated, axes: Sequence[Floats]) -> list[Floats]:
    """Return levels that vary one by one around the mean of the paths.

    Parameters
    ----------
    axes
        (N,) the levels of each.

    Returns
    -------
    list of ndarray
        (T - 1) of (P, N).
    """
    found = []
    for t in range(path.level.shape[1] - 1):
        mean = path.level[:, t].mean(axis=0)
        rows = []
        for n, levels in enumerate(axes):
            block = np.tile(mean, (len(levels), 1))
            block[:, n] = levels
            rows.append(block)
        found.append(np.vstack(rows))
    return found


def first_bound(
    problem: MarkovProblem, nodes: list[list[Node]], rule: Measure, run: Runner
) -> float:
    """Compute the measure of the first stage by the cuts."""
    states = [int(m) for m in np.flatnonzero(problem.start)]
    value, _ = _solve_states(
        problem, nodes, 0, states, problem.initial[None], run, slopes=False
    )
    measure, _ = rule.collect(problem.start, problem, 0, value)
    return float(measure[0])


def lacking_on_paths(
    problem: MarkovProblem,
    nodes: list[list[Node]],
    rule: Measure,
    seed: int,
    count: int,
    run: Runner,
    *,
    first: int = 0,
) -> Floats:
    """Measure what the cuts lack at the levels of fresh paths, cuts unchanged."""
    numbers = list(range(EVALUATE_FROM + first, EVALUATE_FROM + first + count))
    path = forward(problem, nodes, seed, numbers, run)
    lacking = np.zeros(count)
    for t in range(1, problem.length):
        points, place = _distinct(path.level[:, t - 1])
        states: set[int] = set()
        for m in np.unique(path.state[:, t - 1]):
            states |= {int(n) for n in np.flatnonzero(problem.transition[t - 1][m])}
        value, _ = _solve_states(problem, nodes, t, states, points, run, slopes=False)
        for m in np.unique(path.state[:, t - 1]):
            moves = problem.transition[t - 1][m]
            measure, _ = rule.collect(moves, problem, t, value)
            for s in np.flatnonzero(path.state[:, t - 1] == m):
                now, _ = nodes[t - 1][m].cuts.value(points[place[s]], problem.floor)
                gain = max(0.0, float(measure[place[s]]) - now)
                lacking[s] += gain * problem.discount**t
    return lacking
