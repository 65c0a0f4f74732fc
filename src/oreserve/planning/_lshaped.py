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

from oreserve.network import run_highs, solve
from oreserve.planning._gains import Cut, Group, gains
from oreserve.planning._linked import LinkedSolver
from oreserve.planning._programme import first_stage_block

if TYPE_CHECKING:
    from oreserve.planning._programme import Programme

__all__ = ["CutPool", "Solution", "evaluate", "solve_lshaped"]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

INWARD = 0.5
"""Weight of the master's point against the best point so far."""

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
        if self._workers == 1:
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

    def __init__(self, programme: Programme, *, relaxed: bool) -> None:
        block = first_stage_block(programme.first, relaxed=relaxed)
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
        self._width = len(programme.first.name)
        offset = float(programme.probability @ programme.base_loss)
        self._block = block.build(offset=offset)
        self.model = self._block.to_highs(presolve="off" if relaxed else "on")

    def solve(self, *, gap: float | None = None, limit: float | None = None) -> float:
        """Solve and return the lower bound."""
        if gap is None:
            run_highs(self.model, "the master programme")
            return float(self.model.getInfo().objective_function_value)
        solve(self.model, what="the master programme", mip_rel_gap=gap,
              time_limit_s=limit)
        return float(self.model.getInfo().mip_dual_bound)

    def point(self) -> tuple[Floats, Floats]:
        """Return the first-stage point and all column values."""
        value = np.asarray(self.model.getSolution().col_value)
        return np.maximum(value[: self._width], 0.0), value

    def add(self, columns: list[Ints], slopes: list[Floats], upper: Floats) -> None:
        """Add rows theta - slope . x <= constant."""
        lengths = np.array([len(part) for part in columns])
        starts = np.concatenate([[0], np.cumsum(lengths)[:-1]]).astype(np.int32)
        self.model.addRows(
            len(upper),
            np.full(len(upper), -highspy.kHighsInf),
            upper,
            int(lengths.sum()),
            starts,
            np.concatenate(columns).astype(np.int32),
            np.concatenate(slopes),
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
    columns: list[Ints] = []
    slopes: list[Floats] = []
    upper: list[float] = []
    for place, (group, cut) in enumerate(zip(programme.groups, cuts, strict=True)):
        theta = master.theta[place]
        if value is None:
            chosen = np.arange(len(theta))
        else:
            at_point = cut.constant + cut.slope @ value[group.columns]
            chosen = np.nonzero(value[theta] > at_point + FEATHER * scale)[0]
        if pool is not None and len(chosen):
            pool.add(place, chosen, cut.constant[chosen], cut.slope[chosen])
        for future in chosen:
            slope = cut.slope[future]
            entries = np.nonzero(slope)[0]
            columns.append(np.append(group.columns[entries], theta[future]))
            slopes.append(np.append(-slope[entries], 1.0))
            upper.append(float(cut.constant[future]))
    if upper:
        master.add(columns, slopes, np.asarray(upper))
    return len(upper)


def _replay(master: Master, programme: Programme, pool: CutPool) -> None:
    """Give a new master all cuts of earlier solutions."""
    columns: list[Ints] = []
    slopes: list[Floats] = []
    upper: list[Floats] = []
    for place, theta, constant, slope in zip(
        pool.group, pool.theta, pool.constant, pool.slope, strict=True
    ):
        group = programme.groups[place]
        for row, future in enumerate(theta):
            entries = np.nonzero(slope[row])[0]
            columns.append(
                np.append(group.columns[entries], master.theta[place][future])
            )
            slopes.append(np.append(-slope[row][entries], 1.0))
        upper.append(constant)
    if columns:
        master.add(columns, slopes, np.concatenate(upper))


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
    """
    pool = CutPool() if pool is None else pool
    evaluator = Evaluator(programme, workers)
    master = Master(programme, relaxed=True)
    if len(pool):
        _replay(master, programme, pool)
    else:
        zero = np.zeros(len(programme.first.name))
        _add_cuts(master, programme, pool, evaluator(zero), None, 1.0)
    best = _Best(programme, evaluator)
    best.offer(np.zeros(len(programme.first.name)) if start is None else start)
    bound, rounds = _converge(
        master, programme, pool, evaluator, best, gap * 0.5, iterations
    )
    if relaxed or not programme.first.integer.any():
        return best.solution(bound, rounds, len(pool))
    return _whole_options(
        programme,
        pool,
        evaluator,
        relaxed_bound=bound,
        relaxed_rounds=rounds,
        gap=gap,
        time_limit_s=time_limit_s,
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
    evaluator: Evaluator,
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
    programme: Programme,
    pool: CutPool,
    evaluator: Evaluator,
    *,
    relaxed_bound: float,
    relaxed_rounds: int,
    gap: float,
    time_limit_s: float,
) -> Solution:
    """Masters with whole options on the kept cuts, the gap tightened stepwise.

    After each master its options are held and the rest is solved to the end, so
    that the next master sees cuts where they matter.
    """
    best = _Best(programme, evaluator)
    best.offer(np.zeros(len(programme.first.name)))
    master = Master(programme, relaxed=False)
    _replay(master, programme, pool)
    bound = relaxed_bound
    rounds = relaxed_rounds
    seen: set[tuple[int, ...]] = set()
    for step in range(8):
        loose = max(gap * 0.3, 1e-2 * 0.2**step)
        bound = max(bound, master.solve(gap=loose, limit=time_limit_s))
        x, value = master.point()
        chosen = tuple(np.nonzero(programme.first.integer & (x > 0.5))[0].tolist())
        before = len(pool)
        held = _hold(programme, chosen)
        inner = Master(held, relaxed=True)
        _replay(inner, held, pool)
        inner_best = _Best(held, evaluator)
        inner_best.offer(_snap(programme, x))
        _, more = _converge(inner, held, pool, evaluator, inner_best, gap * 0.2, 30)
        rounds += more
        if inner_best.objective < best.objective:
            best.objective, best.x = inner_best.objective, inner_best.x
            best.loss = inner_best.loss
        if best.objective - bound <= gap * max(1.0, abs(best.objective)):
            break
        if chosen in seen and len(pool) == before and loose <= gap * 0.3:
            break
        seen.add(chosen)
        master = Master(programme, relaxed=False)
        _replay(master, programme, pool)
        _start_from(master, best.x)
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


def _start_from(master: Master, x: Floats) -> None:
    """Offer a point to the solver as a first solution."""
    indices = np.arange(len(x), dtype=np.int32)
    master.model.setSolution(len(x), indices, x)
