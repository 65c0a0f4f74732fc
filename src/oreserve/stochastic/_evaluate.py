# SPDX-License-Identifier: Apache-2.0
"""What a first-stage point is worth on very many scenarios it has never seen.

All scenarios are bounded from below by duals (certain), a stratified random sample
and the largest bounds are solved (exact), and mean, CVaR and probabilities follow
from the difference (an interval with a confidence).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from oreserve.errors import InputError, OreserveError
from oreserve.stochastic._certificate import certificate_table, worst_breach
from oreserve.stochastic._estimate import (
    Estimate,
    Strata,
    estimate_mean,
    estimate_share,
    estimate_tail,
)
from oreserve.stochastic._evaluate_run import Kept, Run
from oreserve.stochastic._evaluate_tasks import Examiner
from oreserve.stochastic._executors import executor as executor_of
from oreserve.stochastic._sweep import Sweep
from oreserve.stochastic._worker import Bases

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    import polars as pl

    from oreserve.stochastic._cache import DualCache
    from oreserve.stochastic._executors import Executor
    from oreserve.stochastic._problem import Batch, TwoStage

__all__ = ["BoundError", "Evaluation", "evaluate"]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

SAMPLE = 256
"""Scenarios from which it is learnt what seldom moves."""

BELOW = 1e-6
"""Relative distance of an exact value below its bound that is no rounding."""

WORST = 20


class BoundError(OreserveError):
    """An exact value lies below its certified bound: one of the two is wrong."""


@dataclass(frozen=True)
class Evaluation:
    """Figures of a point on many scenarios, each with its interval.

    Parameters
    ----------
    count, first, exact
        Scenarios, number of the first, and how many were solved.
    confidence, alpha
        Of the intervals; of the CVaR.
    mean, cvar
        Of the recourse cost, without the cost of the first stage.
    shortage
        Probability that something is short, by name.
    gap
        Mean of what the bounds miss, relative to the mean.
    below
        Largest relative distance of an exact value below its bound; 0: never.
    strata
        `stratum`, `scenarios`, `solved`, `bound_low`, `bound_high`, `bound_mean`,
        `exact_mean`, `missed_mean`, `missed_sd`.
    points
        Of the kept duals: `point`, `breach` of dual feasibility (0: feasible) and
        `scenarios` that have their bound from it.
    worst
        The dearest scenarios that were solved: `number`, `bound`, `exact`.
    bound, point
        (count,) bound of each scenario, and the dual point that gives it.
    number, value
        (exact,) numbers and costs of those that were solved.
    cache, sample
        The duals, and some scenarios that tell which sides are open.
    """

    count: int
    first: int
    exact: int
    confidence: float
    alpha: float
    mean: Estimate
    cvar: Estimate
    shortage: Mapping[str, Estimate]
    gap: float
    below: float
    strata: pl.DataFrame
    points: pl.DataFrame
    worst: pl.DataFrame
    bound: Floats
    point: Ints
    number: Ints
    value: Floats
    cache: DualCache
    sample: Batch

    @property
    def table(self) -> pl.DataFrame:
        """Figures with both intervals and what is certain, one row each."""
        import polars as pl

        figures = {"mean": self.mean, f"cvar_{self.alpha:g}": self.cvar}
        figures |= {f"short: {name}": one for name, one in self.shortage.items()}
        rows = [
            {
                "figure": name,
                "value": one.value,
                "low": one.low,
                "high": one.high,
                "all_low": one.all_low,
                "all_high": one.all_high,
                "certain_low": one.certain,
                "confidence": self.confidence,
            }
            for name, one in figures.items()
        ]
        return pl.DataFrame(rows, infer_schema_length=None)

    def certificate(self, points: Sequence[int] | None = None) -> pl.DataFrame:
        """Return duals from which a reader recomputes the bounds.

        See `certificate_table`; the bound of scenario `first + s` is `bound[s]`, from
        `point[s]`.
        """
        return certificate_table(self.cache, self.sample, points)


def evaluate(
    problem: TwoStage,
    x: Floats,
    *,
    count: int,
    first: int = 1_000_000,
    cache: DualCache | None = None,
    train: int = 500,
    exact: int = 2000,
    workers: int = 2,
    executor: Executor | None = None,
    shortage: Mapping[str, Ints] | None = None,
    checkpoint: str | Path | None = None,
    progress: Callable[[str, float, float | None], None] | None = None,
    confidence: float = 0.95,
    seed: int = 0,
) -> Evaluation:
    """Evaluate a first-stage point on scenarios `first` to `first + count - 1`.

    Parameters
    ----------
    problem
        The two-stage problem; its matrix and costs do not vary, and its scenarios
        are equally likely.
    x
        First-stage point.
    count, first
        How many scenarios, and the number of the first.
    cache
        Duals to use as they are; None: `train` scenarios beyond the last are solved.
    train
        Scenarios solved for their duals.
    exact
        Scenarios solved for the estimates, 30 or more or all.
    workers
        Threads, where no executor is given; they change nothing but the time.
    executor
        Where scenarios are bounded and solved; it changes nothing but the time.
    shortage
        By name, positions of recourse columns; one above 0 means that it is short.
    checkpoint
        A file to which bounds and values go as they come; the same call resumes.
    progress
        Called with (stage, done, total).
    confidence
        Of the intervals.
    seed
        Of the choice of the scenarios that are solved.

    Returns
    -------
    Evaluation
        Estimates, strata, duals and their check.

    Raises
    ------
    InputError
        If costs vary, a count is not allowed, or the checkpoint is of another run.
    BoundError
        If an exact value lies below its bound.

    Examples
    --------
    >>> from oreserve.stochastic import newsvendor
    >>> problem, x = newsvendor(np.arange(100.0)), np.array([90.0])
    >>> found = evaluate(problem, x, count=100, first=0, exact=100)
    >>> round(found.mean.value, 9), round(found.cvar.value, 9)
    (4.5, 45.0)
    """
    columns = {name: np.asarray(at) for name, at in (shortage or {}).items()}
    _check(problem, x, count, exact, confidence, columns)
    place = executor or executor_of("threads", workers)
    with place:
        return _evaluated(
            Run(problem, np.asarray(x, dtype=float), place, progress),
            first + np.arange(count),
            columns,
            cache,
            train,
            exact,
            checkpoint,
            confidence,
            seed,
        )


def _evaluated(
    run: Run,
    number: Ints,
    columns: Mapping[str, Ints],
    cache: DualCache | None,
    train: int,
    exact: int,
    checkpoint: str | Path | None,
    confidence: float,
    seed: int,
) -> Evaluation:
    problem, first, count = run.problem, int(number[0]), len(number)
    if cache is None:
        cache = run.train(_training(problem, first, count, train))
    elif cache.problem is not problem:
        _same_recourse(cache.problem, problem)
    sample = problem.source.draw(number[: min(count, SAMPLE)])
    kept = Kept(checkpoint, _identity(problem, run.x, cache, first, count))
    sweep, starts = Sweep(cache, run.x, sample), Bases(cache.basis)
    with run.executor.open(
        Examiner, problem, run.x, sweep, starts, *_positions(columns), len(columns)
    ) as session:
        bound, point = run.bounds(session, number, kept)
        strata = Strata.make(bound, 1.0 - problem.alpha, exact, seed)
        chosen = strata.chosen
        value, short = run.solve(
            session, number[chosen], point[chosen], len(columns), kept
        )
    below = float(np.max((bound[chosen] - value) / (1.0 + np.abs(value)), initial=0.0))
    if below > BELOW:
        worst = int(np.argmax((bound[chosen] - value) / (1.0 + np.abs(value))))
        message = (
            f"scenario {number[chosen][worst]}: exact value {value[worst]!r} is below "
            f"its bound {bound[chosen][worst]!r}"
        )
        raise BoundError(message)
    mean = estimate_mean(strata, bound, value, confidence)
    guess = _guess(cache, columns)
    return Evaluation(
        count=count,
        first=first,
        exact=len(chosen),
        confidence=confidence,
        alpha=problem.alpha,
        mean=mean,
        cvar=estimate_tail(strata, bound, value, problem.alpha, confidence),
        shortage={
            name: estimate_share(
                strata,
                guess[point[chosen], place],
                short[:, place],
                strata.whole(guess[point, place]),
                confidence,
            )
            for place, name in enumerate(columns)
        },
        gap=(mean.value - float(bound.mean())) / abs(mean.value) if mean.value else 0.0,
        below=below,
        strata=_strata_table(strata, bound, value),
        points=_points_table(cache, sample, point),
        worst=_worst_table(number[chosen], bound[chosen], value),
        bound=bound,
        point=point,
        number=number[chosen],
        value=value,
        cache=cache,
        sample=sample,
    )


def _check(
    problem: TwoStage,
    x: Floats,
    count: int,
    exact: int,
    confidence: float,
    columns: Mapping[str, Ints],
) -> None:
    """Refuse what cannot be meant."""
    block, problems = problem.recourse, []
    if not block.fixed_cost or not block.fixed_w:
        problems.append(
            "the recourse costs or its matrix vary over scenarios: a dual of one "
            "scenario bounds no other"
        )
    if len(x) != problem.first.columns:
        problems.append(f"x has {len(x)} values for {problem.first.columns} columns")
    if count < 1:
        problems.append(f"count is {count}; at least 1 is needed")
    if exact < min(count, 30):
        problems.append(f"exact is {exact}; an interval needs at least 30, or all")
    if not 0.0 < confidence < 1.0:
        problems.append(f"confidence is {confidence}; it must be between 0 and 1")
    for name, at in columns.items():
        if len(at) and (at.min() < 0 or at.max() >= block.columns):
            problems.append(
                f"shortage {name!r} names column {int(at.max())} of {block.columns}"
            )
    if problems:
        raise InputError("cannot evaluate: " + "; ".join(problems))
    if problem.source.draw(np.zeros(1, dtype=np.int64)).probability is not None:
        message = "cannot evaluate: the scenarios have weights; all must weigh the same"
        raise InputError(message)


def _same_recourse(one: TwoStage, other: TwoStage) -> None:
    """Insist that duals of one problem bound the other."""
    pairs = [
        (getattr(one.recourse, name), getattr(other.recourse, name))
        for name in ("cost", "row_lower", "row_upper", "lower", "upper")
    ]
    pairs += [
        (getattr(one, name), getattr(other, name))
        for name in ("t_row", "t_column", "t_value", "vary_row", "vary_column")
    ]
    w, v = (p.recourse.to_csr() for p in (one, other))
    pairs += [(w.indptr, v.indptr), (w.indices, v.indices), (w.data, v.data)]
    same = all(np.array_equal(a, b) for a, b in pairs)
    if not same:
        message = "the cache holds duals of another problem"
        raise InputError(message)


def _identity(
    problem: TwoStage, x: Floats, cache: DualCache, first: int, count: int
) -> dict[str, Any]:
    import hashlib

    def digest(array: npt.NDArray[Any]) -> str:
        return hashlib.sha256(np.ascontiguousarray(array).tobytes()).hexdigest()[:16]

    return {
        "kind": "evaluation 1",
        "problem": problem.fingerprint([first])[:16],
        "x": digest(x),
        "duals": digest(cache.pi),
        "first": int(first),
        "count": int(count),
    }


def _training(problem: TwoStage, first: int, count: int, train: int) -> Ints:
    """Return numbers to train on: beyond the evaluated ones where there are such.

    A short list of scenarios has none beyond. Its own do as well: the duals then
    depend on scenarios, but not on which are chosen to be solved.
    """
    train = max(1, train)
    beyond = first + count + np.arange(train)
    try:
        problem.source.draw(beyond[-1:])
    except InputError:
        return first + np.linspace(0, count - 1, min(train, count)).astype(np.int64)
    return beyond


def _positions(columns: Mapping[str, Ints]) -> tuple[Ints, Ints]:
    """Return all columns that may be short, and the place of the name of each."""
    wanted = [np.asarray(at, dtype=np.int64) for at in columns.values()]
    if not wanted:
        return np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.int64)
    place = np.repeat(np.arange(len(wanted)), [len(at) for at in wanted])
    return np.concatenate(wanted), place


def _guess(cache: DualCache, columns: Mapping[str, Ints]) -> Floats:
    """Guess from reduced costs what is short at each point, (K, names).

    A column with a reduced cost above 0 stays at its lower bound of 0.
    """
    cost = cache.problem.recourse.cost
    reduced = cache.reduced() <= 1e-9 * (1.0 + np.abs(cost))
    guess = [reduced[:, at].any(axis=1) for at in columns.values()]
    return np.array(guess, dtype=float).reshape(len(guess), len(cache)).T


def _strata_table(strata: Strata, bound: Floats, value: Floats) -> pl.DataFrame:
    import polars as pl

    count = len(strata.size)
    low, high = np.full(count, np.inf), np.full(count, -np.inf)
    np.minimum.at(low, strata.member, bound)
    np.maximum.at(high, strata.member, bound)
    missed = value - bound[strata.chosen]
    return pl.DataFrame(
        {
            "stratum": np.arange(count),
            "scenarios": strata.size,
            "solved": strata.solved,
            "bound_low": low,
            "bound_high": high,
            "bound_mean": strata.whole(bound),
            "exact_mean": strata.average(value),
            "missed_mean": strata.average(missed),
            "missed_sd": np.sqrt(strata.spread(missed)),
        }
    )


def _points_table(cache: DualCache, sample: Batch, point: Ints) -> pl.DataFrame:
    import polars as pl

    return pl.DataFrame(
        {
            "point": np.arange(len(cache)),
            "breach": worst_breach(cache, sample),
            "scenarios": np.bincount(point, minlength=len(cache)),
        }
    )


def _worst_table(number: Ints, bound: Floats, value: Floats) -> pl.DataFrame:
    import polars as pl

    order = np.argsort(-value, kind="stable")[:WORST]
    return pl.DataFrame(
        {"number": number[order], "bound": bound[order], "exact": value[order]}
    )
