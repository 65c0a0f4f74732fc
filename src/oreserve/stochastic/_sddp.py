# SPDX-License-Identifier: Apache-2.0
"""Stochastic dual dynamic programming over Markov states (Pereira, Pinto, 1991).

Forward passes follow drawn paths; backward passes solve every opening of every
state at the levels met, and turn costs and duals into cuts, one pool per stage and
state. A pass at a level gives a cut to every state of the stage before, because the
problems of the next stage are the same and only their weights differ.

Risk-neutral, the cuts give a lower bound for certain. What the policy really costs is
measured in two ways: the mean of drawn paths, and the bound plus the mean of what
the cuts lack at the levels met on drawn paths. Both estimate the same number; the
second one has the chance events taken out (a martingale control variate), so that
its interval closes with the gap.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from oreserve.errors import InputError
from oreserve.stochastic._sddp_keep import SELECT_EVERY, SddpCheckpoint
from oreserve.stochastic._sddp_nodes import Node, Step, make_nodes
from oreserve.stochastic._sddp_passes import (
    EVALUATE_FROM,
    Measure,
    Simulated,
    backward,
    first_bound,
    forward,
    lacking_on_paths,
    pool,
    sweep_levels,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from oreserve.stochastic._markov import MarkovProblem

__all__ = ["Policy", "PolicyFigures", "Simulated", "solve_sddp"]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


@dataclass(frozen=True)
class PolicyFigures:
    """How good a policy is, and how it was found.

    Parameters
    ----------
    bound
        Lower bound, for certain up to the tolerance of the solver; with a risk
        weight the nested measure of the policy is not below it.
    mean, halfwidth
        Cost of `paths` drawn paths, and half of its 95 % Student interval.
    upper, upper_halfwidth
        Risk-neutral: the bound plus what the cuts lack on `gap_paths` paths; nan
        with a risk weight.
    gap
        (upper + upper_halfwidth - bound) / |upper|; None with a risk weight.
    """

    bound: float
    mean: float
    halfwidth: float
    paths: int
    upper: float
    upper_halfwidth: float
    gap_paths: int
    gap: float | None
    iterations: int
    cuts: int
    seed: int
    alpha: float
    weight: float
    history: tuple[float, ...]


class Policy:
    """Cuts of a problem, with which it can be asked and simulated.

    Examples
    --------
    A unit may be bought at 1 now or at 3 when it is needed:

    >>> import numpy as np
    >>> from oreserve.network import BlockBuilder
    >>> def stage(price, need):
    ...     b = BlockBuilder()
    ...     x = b.add_columns(["in", "buy", "out"], cost=[0.0, price, 0.0])
    ...     r = b.add_rows(["balance"], lower=need, upper=need)
    ...     b.add_entries(r[0], x, [1.0, 1.0, -1.0])
    ...     return Stage(b.build(), x[:1], x[2:])
    >>> from oreserve.stochastic import MarkovProblem, Openings, Stage
    >>> one = [Openings(np.ones(1))]
    >>> problem = MarkovProblem([stage(1.0, 0.0), stage(3.0, 2.0)], [one, one],
    ...     np.ones(1), [np.ones((1, 1))], np.zeros(1))
    >>> policy = solve_sddp(problem, paths=4)
    >>> round(policy.figures.bound, 6)
    2.0
    >>> policy.value(0, 0, np.zeros(1))[1].tolist()
    [-3.0]
    """

    def __init__(
        self,
        problem: MarkovProblem,
        nodes: list[list[Node]],
        figures: PolicyFigures,
    ) -> None:
        self.problem = problem
        self.nodes = nodes
        self.figures = figures

    def value(self, stage: int, state: int, level: Floats) -> tuple[float, Floats]:
        """Return what follows a stage, by the cuts.

        Parameters
        ----------
        stage, state
            The stage that is over, and the Markov state in it.
        level
            (N,) what it hands on.

        Returns
        -------
        tuple
            Expected cost of all later stages (with a risk weight its nested
            measure), as of the next stage, and its slope in each level. Where two
            cuts meet the slope is that of the first. After the last stage both are
            0: what is left is worth what the last stage's own block says.
        """
        node = self.nodes[stage][state]
        if node.last:
            return 0.0, np.zeros(len(level))
        return node.cuts.value(np.asarray(level, dtype=float), self.problem.floor)

    def decide(self, stage: int, state: int, level: Floats, opening: int = 0) -> Step:
        """Return what the policy does at a level handed in, in an opening.

        The answer does not depend on what was asked before.
        """
        node = self.nodes[stage][state]
        node.forget()
        return node.step(np.asarray(level, dtype=float), opening)

    def simulate(
        self,
        count: int,
        *,
        seed: int | None = None,
        first: int = 0,
        columns: bool = False,
        workers: int = 1,
    ) -> Simulated:
        """Follow paths `first` to `first + count - 1`, apart from those of training."""
        own = self.figures.seed if seed is None else seed
        numbers = range(EVALUATE_FROM + first, EVALUATE_FROM + first + count)
        with pool(workers) as run:
            return forward(
                self.problem, self.nodes, own, list(numbers), run, columns=columns
            )

    def save(self, folder: Any) -> Any:
        """Write the policy to a folder; see `load_policy`."""
        from oreserve.stochastic._sddp_file import save_policy

        return save_policy(self, folder)


def solve_sddp(
    problem: MarkovProblem,
    *,
    seed: int = 0,
    paths: int = 8,
    iterations: int = 200,
    gap: float = 0.01,
    alpha: float = 0.9,
    weight: float = 0.0,
    check_paths: int = 40,
    sweep: Sequence[Floats] | None = None,
    simulate: int = 1000,
    workers: int = 1,
    checkpoint: str | Path | None = None,
    progress: Callable[[str, float, float | None], None] | None = None,
) -> Policy:
    """Find a policy; risk-neutral until its gap is small enough.

    Parameters
    ----------
    problem
        The stages, their openings and the chain. Every level that a stage hands on
        must leave the next one a solution: there are no feasibility cuts.
    seed
        With the number of a path it settles the path.
    paths
        Paths of a forward pass.
    iterations
        Most forward and backward passes.
    gap
        Risk-neutral: stop once (upper + its halfwidth - bound) / |upper| is this.
        The figures are then measured on other paths, so that they may miss it by
        a little.
    alpha, weight
        Nested measure (1 - weight) E + weight CVaR_alpha in each stage. With a
        weight there is no gap: all iterations are done.
    check_paths
        Paths on which the gap is measured.
    sweep
        (N,) levels of each axis: after the last iteration cuts are made there too,
        one axis at a time with the others at the mean of drawn paths. Values are
        then good where no path went.
    simulate
        Paths of the plain simulation at the end.
    workers
        Threads; the result does not depend on it.
    checkpoint
        File that holds the cuts after every ten iterations: a run that was killed
        goes on from there, to the same bits. It stays; delete it when it is of no
        use.
    progress
        Called with (stage, done, total).

    Raises
    ------
    InputError
        If a count or a weight is not allowed, or the checkpoint is of another
        problem, seed or version.
    InfeasibleError
        If a stage has no solution at a level met; its name and the rows that
        contradict each other are in the message.
    """
    _check(paths, iterations, alpha, weight, check_paths)
    nodes = make_nodes(problem)
    rule = Measure(alpha, weight)
    history: list[float] = []
    last_check = -1
    gaps: Floats = np.zeros(0)
    kept = SddpCheckpoint(
        checkpoint, problem, seed=seed, paths=paths, gap=gap, alpha=alpha,
        weight=weight, check_paths=check_paths,
    )  # fmt: skip
    held = kept.load(nodes)
    if held is not None:
        history, last_check, gaps = held
    with pool(workers) as run:
        bound = history[-1] if history else first_bound(problem, nodes, rule, run)
        for number in range(len(history), iterations):
            first = number * paths
            path = forward(problem, nodes, seed, range(first, first + paths), run)
            lacking = backward(problem, nodes, rule, path, run)
            old, bound = bound, first_bound(problem, nodes, rule, run)
            history.append(bound)
            if (number + 1) % SELECT_EVERY == 0:
                for row in nodes[:-1]:
                    for node in row:
                        node.select()
                # As in a run that goes on from here.
                for row in nodes:
                    for node in row:
                        node.renew()
            if progress is not None:
                progress("Iterate", number + 1, iterations)
            if weight > 0.0:
                kept.save(nodes, history, last_check, gaps)
                continue
            # What the cuts lacked before this pass, on few paths: worth a check?
            promising = lacking.mean() + old <= bound + 1.5 * gap * abs(bound)
            if (promising and number - last_check >= 3) or number == iterations - 1:
                last_check = number
                gaps = lacking_on_paths(problem, nodes, rule, seed, check_paths, run)
                if _relative(bound, gaps) <= gap:
                    break
            kept.save(nodes, history, last_check, gaps)
        if sweep is not None:
            number = len(history) * paths
            path = forward(problem, nodes, seed, range(number, number + 50), run)
            more = sweep_levels(path, sweep)
            backward(problem, nodes, rule, path, run, more=more)
            bound = first_bound(problem, nodes, rule, run)
            history.append(bound)
        if weight <= 0.0:
            # Fresh paths: those of the checks have decided when to stop.
            gaps = lacking_on_paths(
                problem, nodes, rule, seed, check_paths, run, first=check_paths
            )
        policy = Policy(problem, nodes, _figures(bound, gaps, history, seed, rule))
    return _simulated(policy, nodes, simulate, workers)


def _check(
    paths: int, iterations: int, alpha: float, weight: float, check_paths: int
) -> None:
    problems = []
    if paths < 1 or iterations < 1 or check_paths < 2:
        problems.append("paths, iterations (1 or more) and check_paths (2 or more)")
    if not 0.0 <= alpha < 1.0:
        problems.append(f"alpha is {alpha}; it must be in 0-1, below 1")
    if not 0.0 <= weight <= 1.0:
        problems.append(f"weight is {weight}; it must be in 0-1")
    if problems:
        raise InputError("\n".join(problems))


def _figures(
    bound: float, gaps: Floats, history: Sequence[float], seed: int, rule: Measure
) -> PolicyFigures:
    neutral = rule.weight <= 0.0
    upper, half = _upper(bound, gaps) if neutral else (math.nan, math.nan)
    return PolicyFigures(
        bound=bound,
        mean=math.nan,
        halfwidth=math.nan,
        paths=0,
        upper=upper,
        upper_halfwidth=half,
        gap_paths=len(gaps),
        gap=_relative(bound, gaps) if neutral else None,
        iterations=len(history),
        cuts=0,
        seed=seed,
        alpha=rule.alpha,
        weight=rule.weight,
        history=tuple(history),
    )


def _simulated(
    policy: Policy, nodes: list[list[Node]], count: int, workers: int
) -> Policy:
    """Add the plain simulation to the figures."""
    cuts = sum(int(node.cuts.active.sum()) for row in nodes for node in row)
    figures = replace(policy.figures, cuts=cuts)
    if count > 1:
        found = policy.simulate(
            count, workers=workers, first=2 * policy.figures.gap_paths
        )
        half = _halfwidth(found.cost)
        figures = replace(
            figures, mean=float(found.cost.mean()), halfwidth=half, paths=count
        )
    policy.figures = figures
    return policy


def _halfwidth(values: Floats) -> float:
    from scipy.stats import t

    error = float(np.std(values, ddof=1)) / math.sqrt(len(values))
    return float(t.ppf(0.975, len(values) - 1)) * error


def _upper(bound: float, gaps: Floats) -> tuple[float, float]:
    return bound + float(gaps.mean()), _halfwidth(gaps)


def _relative(bound: float, gaps: Floats) -> float:
    upper, half = _upper(bound, gaps)
    return (upper + half - bound) / max(abs(upper), 1e-12)
