# SPDX-License-Identifier: Apache-2.0
"""What a first stage costs on scenarios that it was not made for."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from oreserve.errors import InputError
from oreserve.stochastic._cuts import tail_value
from oreserve.stochastic._executors import executor as local
from oreserve.stochastic._run import chunk_size
from oreserve.stochastic._worker import (
    ExactTask,
    make_worker,
    run_values,
)

if TYPE_CHECKING:
    from oreserve.stochastic._cache import DualCache
    from oreserve.stochastic._executors import Executor
    from oreserve.stochastic._problem import TwoStage

__all__ = ["OutOfSample", "out_of_sample"]

Floats = npt.NDArray[np.float64]

FIRST = 1_000_000
"""Number of the first fresh scenario where none is given."""


@dataclass(frozen=True)
class OutOfSample:
    """An estimate of a first stage's cost on fresh scenarios.

    Parameters
    ----------
    objective, low, high
        First-stage cost, mean and tail term, with its Student interval.
    mean, mean_low, mean_high
        Recourse cost and its interval.
    tail
        Mean of the worst 1 - alpha.
    value
        (count,) recourse costs.
    """

    objective: float
    low: float
    high: float
    mean: float
    mean_low: float
    mean_high: float
    tail: float
    value: Floats = field(repr=False)


def out_of_sample(
    problem: TwoStage,
    x: Floats,
    *,
    count: int,
    first: int = FIRST,
    confidence: float = 0.95,
    workers: int = 2,
    executor: Executor | None = None,
    cache: DualCache | None = None,
) -> OutOfSample:
    """Solve fresh scenarios exactly at a point.

    Parameters
    ----------
    problem
        The problem; its scenarios have equal weights.
    x
        First stage.
    count
        Scenarios, >= 2.
    first
        Number of the first; take numbers that no sample has used.
    confidence
        Of the intervals. That of the objective treats the quantile as known, which
        is right for many scenarios beyond it and too narrow for few.
    workers, executor
        Where the scenarios are solved.
    cache
        Chooses the bases where the solves start.

    Returns
    -------
    OutOfSample
        The estimate.

    Examples
    --------
    >>> import numpy as np
    >>> from oreserve.stochastic import newsvendor
    >>> out_of_sample(newsvendor(), np.ones(1), count=3, first=0).mean
    10.0
    """
    from scipy.stats import t as student

    if count < 2:
        message = f"count is {count}; an interval needs at least 2 scenarios"
        raise InputError(message)
    size = chunk_size(count)
    tasks = [
        ExactTask(np.arange(k, min(k + size, first + count)), x, None, 0)
        for k in range(first, first + count, size)
    ]
    session = (executor or local("threads", workers)).open(make_worker, problem, cache)
    try:
        value = np.concatenate(list(session.map(run_values, tasks)))
    finally:
        session.close()
    factor = float(student.ppf(0.5 + confidence / 2.0, count - 1)) / np.sqrt(count)
    weight = np.full(count, 1.0 / count)
    quantile, tail = tail_value(value, weight, problem.alpha)
    over = np.maximum(value - quantile, 0.0) / (1.0 - problem.alpha)
    each = value + problem.risk_weight * (quantile + over)
    base = float(problem.first.cost @ x) + problem.first.offset
    total, half = float(each.mean()), factor * float(each.std(ddof=1))
    mean, wide = float(value.mean()), factor * float(value.std(ddof=1))
    return OutOfSample(
        objective=base + total,
        low=base + total - half,
        high=base + total + half,
        mean=mean,
        mean_low=mean - wide,
        mean_high=mean + wide,
        tail=tail,
        value=value,
    )
