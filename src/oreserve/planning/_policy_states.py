# SPDX-License-Identifier: Apache-2.0
"""Markov states of an operating policy: few states of the shared drivers.

The product of all drivers is far too large. Drivers that explain next to nothing of
the loss on the chosen items stay outside: what they do is in the openings, as if they
were drawn anew in each period. Joint states of the others are merged where their
effects on the items are equal, then by the smallest loss of detail (Ward, 1963) until
few are left. What was merged is said in the result.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from oreserve.threats import read_drivers

if TYPE_CHECKING:
    from collections.abc import Sequence

    from oreserve.study import Study
    from oreserve.study.scenario import Effect, Scenario
    from oreserve.threats import Driver

__all__ = ["MarkovStates", "choose_states"]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

LEAST_EXPLAINED = 0.01
"""Share of the variance of the loss below which a driver stays outside."""

LARGEST_PRODUCT = 60
"""Joint states above which no further driver comes in."""

SLACK = 1e-12


@dataclass(frozen=True)
class MarkovStates:
    """Merged states: J joint states of the drivers inside, M merged ones.

    Parameters
    ----------
    drivers, outside
        Names of the drivers inside, and of those whose effect is in the openings.
    driver_at
        Place of each driver inside among all drivers, sorted by name.
    joint
        (J,) states of the drivers inside.
    merged
        (J,) merged state of each.
    names
        (M,) what is in each merged state.
    start
        (M,) probabilities in the first period.
    transition
        (T - 1) matrices (M, M).
    share
        (T, M) probability of each merged state.
    explained
        Share of the variance of the loss that each driver inside explains.
    """

    drivers: tuple[str, ...]
    outside: tuple[str, ...]
    driver_at: tuple[int, ...]
    joint: tuple[tuple[str, ...], ...]
    merged: Ints
    names: tuple[str, ...]
    start: Floats
    transition: tuple[Floats, ...]
    share: Floats
    explained: tuple[float, ...]

    def of(self, states: Sequence[str]) -> int:
        """Return the merged state of a state of all drivers, sorted by name."""
        return int(self.merged[self.joint.index(self._inside(states))])

    def _inside(self, states: Sequence[str]) -> tuple[str, ...]:
        return tuple(states[k] for k in self.driver_at)

    def along(self, scenarios: Sequence[Scenario], periods: int) -> Ints:
        """Return (S, T) merged states of scenarios."""
        known = {one: int(m) for one, m in zip(self.joint, self.merged, strict=True)}
        return np.array(
            [
                [known[self._inside(one.states[t])] for t in range(periods)]
                for one in scenarios
            ],
            dtype=np.int64,
        ).reshape(len(scenarios), periods)


def choose_states(
    study: Study,
    scenarios: Sequence[Scenario],
    loss: Floats,
    items: Sequence[tuple[str, str, str]],
    *,
    most: int,
) -> MarkovStates:
    """Choose the drivers that matter and merge their joint states.

    Parameters
    ----------
    scenarios, loss
        (S,) and (S, T, N): simulated loss by item, million USD.
    items
        Item, mineral and stage of all items in the chains of the chosen items.
    most
        Merged states at most.
    """
    drivers = read_drivers(study)
    periods = loss.shape[1]
    chosen, explained = _inside(drivers, scenarios, loss.sum(axis=2))
    inside = [drivers[k] for k in chosen]
    joint = list(product(*(d.states for d in inside)))
    start: Floats = np.ones(1)
    matrix: Floats = np.ones((1, 1))
    for one in inside:
        start = np.asarray(np.kron(start, one.start), dtype=float)
        matrix = np.asarray(np.kron(matrix, one.matrix), dtype=float)
    share = [start]
    for _ in range(periods - 1):
        share.append(share[-1] @ matrix)
    weight = np.array(share)
    mean, seen = _mean_loss(chosen, joint, scenarios, loss)
    merged = _merge(
        joint,
        [_touching(inside, one, items) for one in joint],
        mean=mean,
        seen=seen,
        weight=weight.mean(axis=0),
        most=most,
    )
    count = int(merged.max()) + 1
    groups = np.eye(count)[merged]  # (J, M)
    transition = []
    for t in range(periods - 1):
        flow = groups.T @ (weight[t][:, None] * matrix) @ groups
        total = flow.sum(axis=1, keepdims=True)
        average = groups.T @ (weight.mean(axis=0)[:, None] * matrix) @ groups
        usual = average / np.maximum(average.sum(axis=1, keepdims=True), SLACK)
        found = np.where(total > SLACK, flow / np.maximum(total, SLACK), usual)
        transition.append(found / found.sum(axis=1, keepdims=True))
    return MarkovStates(
        drivers=tuple(d.name for d in inside),
        outside=tuple(d.name for k, d in enumerate(drivers) if k not in chosen),
        driver_at=tuple(chosen),
        joint=tuple(joint),
        merged=merged,
        names=_names([d.name for d in inside], joint, merged, weight.mean(axis=0)),
        start=start @ groups,
        transition=tuple(transition),
        share=weight @ groups,
        explained=tuple(explained),
    )


def _inside(
    drivers: Sequence[Driver], scenarios: Sequence[Scenario], loss: Floats
) -> tuple[list[int], list[float]]:
    """Pick drivers by the share of the variance of the loss that they explain."""
    flat = loss.ravel()
    total = float(flat.var())
    found = []
    for k, driver in enumerate(drivers):
        state = np.array(
            [
                driver.states.index(one.states[t][k])
                for one in scenarios
                for t in range(loss.shape[1])
            ]
        )
        between = 0.0
        for value in range(len(driver.states)):
            rows = state == value
            if rows.any():
                away = flat[rows].mean() - flat.mean()
                between += float(rows.mean()) * float(away) ** 2
        found.append(between / total if total > 0.0 else 0.0)
    order = sorted(range(len(drivers)), key=lambda k: (-found[k], k))
    chosen: list[int] = []
    size = 1
    for k in order:
        wider = size * len(drivers[k].states)
        if found[k] < LEAST_EXPLAINED or (chosen and wider > LARGEST_PRODUCT):
            continue
        chosen.append(k)
        size = wider
    if not chosen and drivers:
        chosen = order[:1]
    chosen.sort()
    return chosen, [found[k] for k in chosen]


def _mean_loss(
    chosen: Sequence[int],
    joint: Sequence[tuple[str, ...]],
    scenarios: Sequence[Scenario],
    loss: Floats,
) -> tuple[Floats, Ints]:
    """Return (J, N) mean loss by joint state, and how often each was seen."""
    place = {one: j for j, one in enumerate(joint)}
    mean = np.zeros((len(joint), loss.shape[2]))
    seen = np.zeros(len(joint), dtype=np.int64)
    for s, one in enumerate(scenarios):
        for t in range(loss.shape[1]):
            j = place[tuple(one.states[t][k] for k in chosen)]
            mean[j] += loss[s, t]
            seen[j] += 1
    return mean / np.maximum(seen, 1)[:, None], seen


def _touching(
    inside: Sequence[Driver],
    states: Sequence[str],
    items: Sequence[tuple[str, str, str]],
) -> frozenset[Effect]:
    """List the effects of a joint state that touch any of the items."""
    return frozenset(
        effect
        for driver, state in zip(inside, states, strict=True)
        for effect in driver.effects[driver.states.index(state)]
        if any(_touches(effect, *item) for item in items)
    )


def _touches(effect: Effect, item: str, mineral: str, stage: str) -> bool:
    named = not effect.items and not effect.minerals
    if not (named or item in effect.items or mineral in effect.minerals):
        return False
    return effect.kind == "outage" or not effect.stage or effect.stage == stage


def _merge(
    joint: Sequence[tuple[str, ...]],
    effects: Sequence[frozenset[Effect]],
    *,
    mean: Floats,
    seen: Ints,
    weight: Floats,
    most: int,
) -> Ints:
    """Merge joint states: equal effects first, then the least loss of detail."""
    place: dict[frozenset[Effect], int] = {}
    group = np.array([place.setdefault(one, len(place)) for one in effects])
    count = len(place)
    heavy = np.maximum(np.bincount(group, weights=weight, minlength=count), 1e-9)
    often = np.bincount(group, weights=seen, minlength=count)
    centre = np.zeros((count, mean.shape[1]))
    for g in range(count):
        rows = group == g
        total = max(1.0, float(seen[rows].sum()))
        centre[g] = (mean[rows] * seen[rows][:, None]).sum(axis=0) / total
    # A state that no simulation met goes where it differs in the fewest drivers.
    parent = list(range(count))
    for g in map(int, np.flatnonzero(often == 0)):
        own = [joint[int(j)] for j in np.flatnonzero(group == g)]
        known = [j for j in range(len(joint)) if often[group[j]] > 0]
        near = min(
            known,
            key=lambda j: (
                min(
                    sum(a != b for a, b in zip(one, joint[j], strict=True))
                    for one in own
                ),
                -seen[j],
                j,
            ),
        )
        parent[g] = int(group[near])
    members = {g: [g] for g in range(count) if often[g] > 0}
    for g in map(int, np.flatnonzero(often == 0)):
        members[parent[g]].append(g)
    while len(members) > most:
        pairs = [(a, b) for a in sorted(members) for b in sorted(members) if a < b]
        a, b = min(
            pairs,
            key=lambda pair: (
                heavy[pair[0]]
                * heavy[pair[1]]
                / (heavy[pair[0]] + heavy[pair[1]])
                * float(((centre[pair[0]] - centre[pair[1]]) ** 2).sum()),
                pair,
            ),
        )
        share = heavy[a] / (heavy[a] + heavy[b])
        centre[a] = share * centre[a] + (1.0 - share) * centre[b]
        heavy[a] += heavy[b]
        members[a] += members.pop(b)
    # Numbered by rising loss: calm comes first.
    order = sorted(members, key=lambda g: (float(centre[g].sum()), g))
    final = np.zeros(count, dtype=np.int64)
    for number, first in enumerate(order):
        final[members[first]] = number
    return np.asarray(final[group], dtype=np.int64)


def _names(
    drivers: Sequence[str],
    joint: Sequence[tuple[str, ...]],
    merged: Ints,
    weight: Floats,
) -> tuple[str, ...]:
    """Name each merged state by its most likely member, driver by driver."""
    made = []
    for m in range(int(merged.max()) + 1):
        rows = np.flatnonzero(merged == m)
        best = rows[int(np.argmax(weight[rows]))]
        more = f" and {len(rows) - 1} more" if len(rows) > 1 else ""
        pairs = zip(drivers, joint[best], strict=True)
        made.append("+".join(f"{driver}={state}" for driver, state in pairs) + more)
    return tuple(made)
