# SPDX-License-Identifier: Apache-2.0
"""The L-shaped method: cuts per future and group, in-out, options last.

Van Slyke and Wets (1969); multi-cut: Birge and Louveaux (1988); the point between
the best and the master's point: Ben-Ameur and Neto (2007). Items are tied only
through the first stage, so each group of items has its own cuts, and futures that
are equal for a group share one. Options are relaxed first; their cuts are kept and
a few masters with whole options follow, never a rounded point.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import highspy
import numpy as np
import numpy.typing as npt

from oreserve.network import run_highs
from oreserve.planning._gains import Cut, Group, gains
from oreserve.planning._linked import LinkedSolver
from oreserve.planning._options import OptionMaster
from oreserve.planning._programme import first_stage_block

if TYPE_CHECKING:
    from oreserve.planning._programme import Programme

__all__ = ["CutPool", "Solution", "evaluate", "solve_lshaped"]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

INWARD = 0.5
"""Weight of the master's point against the best point so far."""

OPTION_ROUNDS = 25
"""Most masters with whole options."""

FEATHER = 1e-7
"""Violation, as a share of the objective, below which a cut is not added."""


@dataclass
class CutPool:
    """Cuts found so far: valid for every budget, bound and option."""

    theta: list[Ints] = field(default_factory=list)
    group: list[int] = field(default_factory=list)
    constant: list[Floats] = field(default_factory=list)
    slope: list[Floats] = field(default_factory=list)

    def add(self, group: int, theta: Ints, constant: Floats, slope: Floats) -> None:
        """Keep cuts of one group at one point."""
        self.theta.append(theta)
        self.group.append(group)
        self.constant.append(constant)
        self.slope.append(slope)

    def __len__(self) -> int:
        """Return the number of cuts."""
        return sum(len(part) for part in self.constant)


@dataclass(frozen=True)
class Solution:
    """Best point, its objective, a lower bound, and the way there."""

    x: Floats
    objective: float
    bound: float
    iterations: int
    cuts: int
    scenario_loss: Floats

    @property
    def gap(self) -> float:
        """Relative gap between the objective and its lower bound."""
        return max(0.0, self.objective - self.bound) / max(1e-9, abs(self.objective))


class Evaluator:
    """Evaluates gains of all groups at a point, with warm solvers and threads."""

    def __init__(self, programme: Programme, workers: int = 1) -> None:
        self._programme = programme
        self._workers = max(1, workers)
        self._solvers: dict[int, LinkedSolver] = {}

    def __call__(self, x: Floats) -> list[Cut]:
        """Return the cut of each group at a point."""
        groups = self._programme.groups
        # One-item groups are array work: threads would only wait for each other.
        if self._workers == 1 or not any(group.is_linked for group in groups):
            return [self._one(place, group, x) for place, group in enumerate(groups)]
        with ThreadPoolExecutor(self._workers) as pool:
            tasks = [
                pool.submit(self._one, place, group, x)
                for place, group in enumerate(groups)
            ]
            return [task.result() for task in tasks]

    def _one(self, place: int, group: Group, x: Floats) -> Cut:
        solver = None
        if group.is_linked:
            if place not in self._solvers:
                self._solvers[place] = LinkedSolver(group)
            solver = self._solvers[place]
        return gains(group, x, solver=solver)

    def scenario_loss(self, cuts: list[Cut]) -> Floats:
        """Compute the loss of each scenario, (S,) million USD."""
        loss = self._programme.base_loss.copy()
        for group, cut in zip(self._programme.groups, cuts, strict=True):
            loss -= cut.gain[group.future]
        return loss


def evaluate(programme: Programme, x: Floats) -> tuple[float, Floats]:
    """Compute the objective of a point and the loss of each scenario."""
    evaluator = Evaluator(programme)
    loss = evaluator.scenario_loss(evaluator(x))
    return programme.objective(x, loss), loss


class Master:
    """First stage plus one gain per group and future, limited by cuts."""

    def __init__(self, programme: Programme) -> None:
        block = first_stage_block(programme.first)
        count = len(programme.base_loss)
        tail = block.add_columns(
            count,
            cost=programme.risk_weight
            * programme.probability
            / (1.0 - programme.alpha),
        )
        level = block.add_columns(1, cost=programme.risk_weight, lower=-np.inf)
        rows = block.add_rows(count, lower=programme.base_loss)
        block.add_entries(rows, tail, 1.0)
        block.add_entries(rows, level[0], 1.0)
        self.theta: list[Ints] = []
        for group in programme.groups:
            weight = np.bincount(
                group.future,
                weights=programme.probability,
                minlength=len(group.size),
            )
            theta = block.add_columns(len(weight), cost=-weight, upper=group.most)
            block.add_entries(rows, theta[group.future], 1.0)
            self.theta.append(theta)
        self._columns = [group.columns for group in programme.groups]
        self._width = len(programme.first.name)
        offset = float(programme.probability @ programme.base_loss)
        self._block = block.build(offset=offset)
        self.model = self._block.to_highs(presolve="off")
        self._tail_rows = rows
        self._cuts: list[tuple[int, Ints, Floats, Floats]] = []

    def solve(self) -> float:
        """Solve and return the lower bound."""
        run_highs(self.model, "the master programme")
        return float(self.model.getInfo().objective_function_value)

    def point(self) -> tuple[Floats, Floats]:
        """Return the first-stage point and all column values."""
        value = np.asarray(self.model.getSolution().col_value)
        return np.maximum(value[: self._width], 0.0), value

    def averaged(
        self, programme: Programme
    ) -> tuple[Floats, list[float], list[Floats]]:
        """Average the cuts with their duals: weights and one cut per group."""
        dual = np.asarray(self.model.getSolution().row_dual)
        weight = programme.probability + np.maximum(dual[self._tail_rows], 0.0)
        first = self._block.rows
        constant = [0.0] * len(programme.groups)
        slope = [np.zeros(len(group.columns)) for group in programme.groups]
        missing = [
            np.bincount(g.future, weights=weight, minlength=len(g.size))
            for g in programme.groups
        ]
        for group, future, right, steep in self._cuts:
            share = np.maximum(-dual[first : first + len(future)], 0.0)
            first += len(future)
            constant[group] += float(share @ right)
            slope[group] += share @ steep
            np.subtract.at(missing[group], future, share)
        # What no cut pays for is the bound on the gain itself.
        for place, whole in enumerate(programme.groups):
            constant[place] += float(np.maximum(missing[place], 0.0) @ whole.most)
        return weight, constant, slope

    def add(self, cuts: list[tuple[int, Ints, Floats, Floats]]) -> None:
        """Add rows theta - slope . x <= constant.

        Parameters
        ----------
        cuts
            Group, (K,) futures, (K,) constants and (K, C) slopes.
        """
        cuts = [cut for cut in cuts if len(cut[1])]
        if not cuts:
            return
        self._cuts += cuts
        lengths, columns, values = [], [], []
        for group, future, _, slope in cuts:
            # The gain's own column comes first in each row.
            table = np.hstack([np.ones((len(future), 1)), -slope])
            row, place = np.nonzero(table)
            names = np.append(0, self._columns[group])[place]
            own = place == 0
            names[own] = self.theta[group][future[row[own]]]
            lengths.append(np.bincount(row, minlength=len(future)))
            columns.append(names)
            values.append(table[row, place])
        size = np.concatenate(lengths)
        upper = np.concatenate([cut[2] for cut in cuts])
        self.model.addRows(
            len(upper),
            np.full(len(upper), -highspy.kHighsInf),
            upper,
            int(size.sum()),
            np.concatenate([[0], np.cumsum(size)[:-1]]).astype(np.int32),
            np.concatenate(columns).astype(np.int32),
            np.concatenate(values),
        )


def _add_cuts(
    master: Master,
    programme: Programme,
    pool: CutPool | None,
    cuts: list[Cut],
    value: Floats | None,
    scale: float,
) -> int:
    """Give the master the cuts that its point violates; return how many."""
    new: list[tuple[int, Ints, Floats, Floats]] = []
    for place, (group, cut) in enumerate(zip(programme.groups, cuts, strict=True)):
        theta = master.theta[place]
        if value is None:
            chosen = np.arange(len(theta))
        else:
            at_point = cut.constant + cut.slope @ value[group.columns]
            chosen = np.nonzero(value[theta] > at_point + FEATHER * scale)[0]
        if len(chosen):
            new.append((place, chosen, cut.constant[chosen], cut.slope[chosen]))
            if pool is not None:
                pool.add(*new[-1])
    master.add(new)
    return sum(len(one[1]) for one in new)


def _replay(master: Master, pool: CutPool) -> None:
    """Give a new master all cuts of earlier solutions."""
    master.add(
        list(zip(pool.group, pool.theta, pool.constant, pool.slope, strict=True))
    )


def solve_lshaped(
    programme: Programme,
    *,
    gap: float = 1e-4,
    relaxed: bool = False,
    pool: CutPool | None = None,
    start: Floats | None = None,
    workers: int = 1,
    iterations: int = 60,
    time_limit_s: float = 30.0,
    option_rounds: int = OPTION_ROUNDS,
) -> Solution:
    """Solve the programme by cuts.

    Parameters
    ----------
    gap
        Relative gap at which the search ends.
    relaxed
        Leave the options divisible.
    pool
        Cuts of earlier solutions with the same groups; new ones are added.
    start
        A point within the limits to begin at.
    workers
        Threads; they change nothing but the time.
    iterations
        Most rounds of either phase.
    time_limit_s
        For one master with whole options.
    option_rounds
        Most masters with whole options.
    """
    pool = CutPool() if pool is None else pool
    evaluator = Evaluator(programme, workers)
    master = Master(programme)
    if len(pool):
        _replay(master, pool)
    else:
        zero = np.zeros(len(programme.first.name))
        _add_cuts(master, programme, pool, evaluator(zero), None, 1.0)
    best = _Best(programme, evaluator)
    best.offer(np.zeros(len(programme.first.name)) if start is None else start)
    bound, rounds = _converge(master, programme, pool, best, gap * 0.5, iterations)
    if relaxed or not programme.first.integer.any():
        return best.solution(bound, rounds, len(pool))
    return _whole_options(
        master,
        programme,
        pool,
        evaluator,
        best,
        bound=bound,
        rounds=rounds,
        gap=gap,
        time_limit_s=time_limit_s,
        option_rounds=option_rounds,
    )


class _Best:
    """The best point so far."""

    def __init__(self, programme: Programme, evaluator: Evaluator) -> None:
        self._programme = programme
        self._evaluator = evaluator
        self.objective = np.inf
        self.x = np.zeros(len(programme.first.name))
        self.loss = programme.base_loss

    def offer(self, x: Floats) -> list[Cut]:
        """Evaluate a point, keep it if it is better, return its cuts."""
        cuts = self._evaluator(x)
        loss = self._evaluator.scenario_loss(cuts)
        objective = self._programme.objective(x, loss)
        if objective < self.objective:
            self.objective, self.x, self.loss = objective, x, loss
        return cuts

    def solution(self, bound: float, rounds: int, cuts: int) -> Solution:
        """Freeze the result."""
        return Solution(
            x=self.x,
            objective=self.objective,
            bound=min(bound, self.objective),
            iterations=rounds,
            cuts=cuts,
            scenario_loss=self.loss,
        )


def _converge(
    master: Master,
    programme: Programme,
    pool: CutPool,
    best: _Best,
    gap: float,
    iterations: int,
) -> tuple[float, int]:
    """Add cuts to a continuous master until bound and objective meet."""
    bound = -np.inf
    rounds = 0
    for rounds in range(1, iterations + 1):
        bound = master.solve()
        x, value = master.point()
        scale = max(1.0, abs(best.objective))
        if best.objective - bound <= gap * scale:
            break
        inward = INWARD * x + (1.0 - INWARD) * best.x
        new = _add_cuts(master, programme, pool, best.offer(inward), value, scale)
        if new == 0 or rounds % 3 == 0:
            new += _add_cuts(master, programme, pool, best.offer(x), value, scale)
        if new == 0:
            break
    return bound, rounds


def _whole_options(
    master: Master,
    programme: Programme,
    pool: CutPool,
    evaluator: Evaluator,
    relaxed: _Best,
    *,
    bound: float,
    rounds: int,
    gap: float,
    time_limit_s: float,
    option_rounds: int,
) -> Solution:
    """Small masters with whole options; what they choose is solved to the end.

    Each choice of options is held while the rest is solved by cuts, so that the
    incumbent is an optimum of its options and not a rounded point.
    """
    best = _Best(programme, evaluator)
    options = OptionMaster(programme)
    options.start(*master.averaged(programme))
    for x in (np.zeros(len(relaxed.x)), relaxed.x):
        cuts = evaluator(x)
        options.learn(cuts, evaluator.scenario_loss(cuts))
    seen: set[tuple[int, ...]] = set()
    for step in range(option_rounds):
        tight = max(gap * 0.3, 1e-2 * 0.2**step)
        x, below = options.solve(gap=tight, time_limit_s=time_limit_s)
        bound = max(bound, below)
        x = _snap(programme, x)
        cuts = evaluator(x)
        options.learn(cuts, evaluator.scenario_loss(cuts))
        chosen = tuple(np.nonzero(programme.first.integer & (x > 0.5))[0].tolist())
        if chosen not in seen:
            held = _hold(programme, chosen)
            inner = Master(held)
            _replay(inner, pool)
            local = _Best(held, evaluator)
            local.offer(x)
            _, more = _converge(inner, held, pool, local, gap * 0.3, 30)
            rounds += more
            options.learn(evaluator(local.x), local.loss)
            if local.objective < best.objective:
                best.objective, best.x, best.loss = local.objective, local.x, local.loss
        if best.objective - bound <= gap * max(1.0, abs(best.objective)):
            break
        seen.add(chosen)
    return best.solution(bound, rounds, len(pool))


def _snap(programme: Programme, x: Floats) -> Floats:
    """Make the options of an integer solution exactly 0 or 1."""
    return np.where(programme.first.integer, np.round(x), x)


def _hold(programme: Programme, chosen: tuple[int, ...]) -> Programme:
    """Fix the options to the chosen ones."""
    lower, upper = programme.first.lower.copy(), programme.first.upper.copy()
    lower[programme.first.integer] = upper[programme.first.integer] = 0.0
    lower[list(chosen)] = upper[list(chosen)] = 1.0
    return programme.with_bounds(lower, upper)
