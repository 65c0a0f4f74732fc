# SPDX-License-Identifier: Apache-2.0
"""The L-shaped method for any number of scenarios, with a tail term and whole numbers.

Van Slyke and Wets (1969); several cuts per round: Birge and Louveaux (1988); points
between the master's and the best: Ben-Ameur and Neto (2007). A small sample is solved
first: its optimum is where the large one starts, and its duals choose the bases.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from oreserve.errors import InfeasibleError, InputError
from oreserve.network import solve
from oreserve.stochastic._branch import branch
from oreserve.stochastic._conflict import explain_first
from oreserve.stochastic._cuts import tail_value
from oreserve.stochastic._executors import executor as local
from oreserve.stochastic._recourse import packed
from oreserve.stochastic._run import Best, Run, Step, relative_gap
from oreserve.stochastic._saved import load_checkpoint, save_checkpoint
from oreserve.stochastic._whole import WholeSearch
from oreserve.stochastic._worker import Bases

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from oreserve.stochastic._cache import DualCache
    from oreserve.stochastic._executors import Executor
    from oreserve.stochastic._problem import TwoStage

__all__ = ["TwoStageResult", "solve_two_stage"]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

SAMPLES = (50, 500)
"""Sizes that are solved before a larger one, each at least four times smaller."""

SMALL_GAP = 1e-3
"""Gap of a smaller sample: finer than that, it is off by more than it gains."""

CLUSTERS = 100
"""Estimates in the master where none are asked for."""

SAVED_BYTES = 1e8
"""Size of the pieces in a checkpoint: the newest that fit."""

WHOLE_CLUSTERS = 20
"""Estimates in a master with whole numbers."""

RELAXED_TIMES = 5.0
"""Of the gap: how far the relaxation is solved before branching."""

WHOLE_NODES = 100_000
"""Nodes of the search for whole numbers, at most."""


@dataclass(frozen=True)
class TwoStageResult:
    """The best first stage found, and how far from the optimum it can be at most.

    Parameters
    ----------
    x
        (first-stage columns,) the decision.
    objective
        Its exact cost over the sample, tail term included.
    bound
        No first stage costs less over the sample.
    gap
        (objective - bound) / |objective|.
    value
        (S,) recourse cost of each scenario at x.
    mean, value_at_risk, tail
        Of those costs: mean, quantile at alpha, mean of the worst 1 - alpha.
    iterations
        Exact passes over the sample.
    cuts
        That stand in the master at the end.
    history
        One step per exact pass, of the smaller samples too.
    cache
        Duals and bases of the last pass, for evaluation and for a next start.
    """

    x: Floats
    objective: float
    bound: float
    gap: float
    value: Floats = field(repr=False)
    mean: float
    value_at_risk: float
    tail: float
    iterations: int
    cuts: int
    history: tuple[Step, ...] = field(repr=False)
    cache: DualCache = field(repr=False)


def solve_two_stage(
    problem: TwoStage,
    *,
    count: int,
    gap: float = 1e-4,
    workers: int = 2,
    executor: Executor | None = None,
    clusters: int | None = None,
    relaxed: bool = False,
    start: Floats | TwoStageResult | None = None,
    checkpoint: str | Path | None = None,
    progress: Callable[[str, float, float | None], None] | None = None,
) -> TwoStageResult:
    """Minimise cost over scenarios 0 to count - 1.

    Parameters
    ----------
    problem
        The problem. Every first stage that its block allows must have a recourse.
    count
        Scenarios of the sample.
    gap
        Relative distance between objective and bound at which to stop.
    workers
        Threads, where no executor is given.
    executor
        Where the scenarios are solved.
    clusters
        Estimates in the master; None: 100, or one per scenario below that.
    relaxed
        Leave out that columns are whole numbers.
    start
        A point to start from, or the result of a problem with the same recourse.
    checkpoint
        A file that is written after each pass, and read if it is there.
    progress
        Called with a stage, what is done and what there is.

    Returns
    -------
    TwoStageResult
        The same to the last bit whatever the executor and the number of workers.

    Raises
    ------
    InfeasibleError
        If no first stage meets its limits, or a scenario has no recourse; the rows
        that contradict each other are named.
    InputError
        If the checkpoint is of another problem or run.

    Examples
    --------
    >>> from oreserve.stochastic import newsvendor
    >>> found = solve_two_stage(newsvendor(), count=3)
    >>> round(float(found.x[0]), 6), round(found.objective, 6)
    (2.0, 11.333333)
    """
    if count < 1:
        message = f"count is {count}; at least one scenario is needed"
        raise InputError(message)
    if not 0.0 < gap < 1.0:
        message = f"gap is {gap}; it must be between 0 and 1"
        raise InputError(message)
    return _Solver(
        problem, count, gap, executor or local("threads", workers),
        clusters or CLUSTERS, relaxed, checkpoint, progress,
    ).solve(start)  # fmt: skip


class _Solver:
    """One call of `solve_two_stage`."""

    def __init__(
        self,
        problem: TwoStage,
        count: int,
        gap: float,
        executor: Executor,
        clusters: int,
        relaxed: bool,  # noqa: FBT001
        checkpoint: str | Path | None,
        progress: Callable[[str, float, float | None], None] | None,
    ) -> None:
        self.problem, self.count, self.gap = problem, count, gap
        self.executor, self.clusters = executor, clusters
        self.whole = (
            np.zeros(0, dtype=np.int64)
            if relaxed
            else np.flatnonzero(problem.first.integer)
        )
        self.checkpoint, self.progress = checkpoint, progress
        self.history: list[Step] = []
        self.best: Best | None = None
        self.bound = -np.inf
        self.branching = False

    def solve(self, start: Floats | TwoStageResult | None) -> TwoStageResult:
        """Solve smaller samples, then the whole, then with whole numbers."""
        saved = None
        if self.checkpoint is not None:
            saved = load_checkpoint(self.checkpoint, self._identity())
        points, cache = self._start(start)
        if saved is None:
            for size in SAMPLES:
                if 4 * size <= self.count:
                    points, cache = self._small(size, points, cache)
        run = self._run(self.count, cache)
        try:
            self._all(run, points, saved)
            return self._result(run)
        finally:
            run.close()

    def _identity(self) -> dict[str, Any]:
        from oreserve import __version__

        return {
            "problem": self.problem.fingerprint([0, self.count - 1]),
            "scenarios": self.count,
            "clusters": self.clusters,
            "whole numbers": bool(len(self.whole)),
            "version": __version__,
        }

    def _start(
        self, start: Floats | TwoStageResult | None
    ) -> tuple[list[Floats], DualCache | None]:
        if isinstance(start, TwoStageResult):
            return [self._allowed(start.x)], start.cache
        if start is not None:
            return [self._allowed(np.asarray(start, dtype=float))], None
        return [self._allowed(None)], None

    def _allowed(self, x: Floats | None) -> Floats:
        """Return the allowed point that costs least, or the one nearest to x."""
        from dataclasses import replace

        first = self.problem.first
        block = replace(first, integer=np.zeros(first.columns, dtype=bool))
        if x is not None:
            if len(x) != first.columns:
                message = f"start has {len(x)} columns; the first stage {first.columns}"
                raise InputError(message)
            row = first.to_csr() @ x
            slack = 1e-7 * (1.0 + np.abs(row))
            if (
                (x >= first.lower - 1e-9).all()
                and (x <= first.upper + 1e-9).all()
                and (row >= first.row_lower - slack).all()
                and (row <= first.row_upper + slack).all()
            ):
                return np.clip(x, first.lower, first.upper)
        try:
            return solve(block, what="the first stage").value
        except InfeasibleError as error:
            raise explain_first(block) or error from None

    def _run(self, count: int, cache: DualCache | None) -> Run:
        return Run(
            self.problem, count, clusters=self.clusters, executor=self.executor,
            cache=cache, progress=self.progress,
        )  # fmt: skip

    def _small(
        self, count: int, points: list[Floats], cache: DualCache | None
    ) -> tuple[list[Floats], DualCache]:
        """Solve a smaller sample; return its optima and what it learnt.

        The first optimum has whole numbers if there are any, the second has not.
        """
        run = self._run(count, cache)
        try:
            found = [run.exact(x, None) for x in points]
            easy = self._close(run, found[0], max(self.gap, SMALL_GAP), resumed=False)
        finally:
            run.close()
        self.history += run.steps
        best = run.best
        points = [easy.x] if best is None or best is easy else [best.x, easy.x]
        return points, run.learned()

    def _all(
        self, run: Run, points: list[Floats], saved: dict[str, Any] | None
    ) -> None:
        """Solve the whole sample."""
        resumed = False
        if saved is not None:
            points, resumed = [saved["x"]], bool(saved["branching"])
            run.bases = [Bases([bytes(b)]) for b in saved["bases"]]
            for constant, slope in zip(saved["constant"], saved["slope"], strict=True):
                run.pieces.add(constant, slope)
        if self.checkpoint is not None:
            run.after = lambda: self._save(run)
        self.branching = resumed
        found = [run.exact(x, None) for x in points]
        if saved is not None:
            if resumed:
                run.group(WHOLE_CLUSTERS)
            run.master.append(
                saved["lower"], saved["starts"], saved["index"], saved["value"]
            )
        self._close(run, found[0], self.gap, resumed=resumed)
        self.best, self.bound = run.best, run.bound

    def _close(self, run: Run, start: Best, gap: float, *, resumed: bool) -> Best:
        """Close the gap of a sample, whose first points have been solved.

        Parameters
        ----------
        run
            The sample.
        start
            Its first point.
        gap
            Relative gap to close.
        resumed
            Whether the relaxation was done before.

        Returns
        -------
        Best
            The best point without whole numbers.
        """
        whole = self.whole
        if not len(whole):
            run.converge(gap)
            return run.known()
        if not resumed:
            run.converge(RELAXED_TIMES * gap)
            run.group(WHOLE_CLUSTERS)
        part = start.x[whole]
        easy = run.known()
        scale = easy.objective
        run.best = start if (part == np.round(part)).all() else None
        self.branching = True
        first = self.problem.first
        search = WholeSearch(run, whole, gap, scale)

        def told(nodes: int, bound: float) -> None:
            run.bound = max(run.bound, bound)
            if self.progress:
                self.progress("nodes of the search for whole numbers", nodes, None)

        run.bound = branch(
            search, first.lower[whole], first.upper[whole], bound=run.bound, gap=gap,
            nodes=WHOLE_NODES, told=told,
        )  # fmt: skip
        run.master.free(whole)
        self.branching = False
        return easy

    def _save(self, run: Run) -> None:
        """Write cuts, the newest pieces, the best point and a basis per chunk."""
        if run.best is None:
            return
        first = [packed(bases.kept[0]) for bases in run.bases if bases is not None]
        newest = max(1, int(SAVED_BYTES // run.pieces.slope[-1].nbytes))
        save_checkpoint(
            self.checkpoint or "",
            self._identity(),
            {
                "constant": np.array(run.pieces.constant[-newest:]),
                "slope": np.array(run.pieces.slope[-newest:]),
                "x": run.best.x,
                "branching": np.array(self.branching),
                "bases": np.array([np.frombuffer(b, dtype=np.uint8) for b in first]),
                **run.master.rows(),
            },
        )

    def _result(self, run: Run) -> TwoStageResult:
        best = self.best
        if best is None:
            message = "no first stage with whole numbers meets its limits"
            raise InfeasibleError(message)
        quantile, tail = tail_value(best.value, best.probability, self.problem.alpha)
        return TwoStageResult(
            x=best.x,
            objective=best.objective,
            bound=min(self.bound, best.objective),
            gap=relative_gap(best.objective, self.bound),
            value=best.value,
            mean=float(np.sum(best.probability * best.value)),
            value_at_risk=quantile,
            tail=tail,
            iterations=len(run.steps),
            cuts=run.master.cuts,
            history=(*self.history, *run.steps),
            cache=run.learned(),
        )
