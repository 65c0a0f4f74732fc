# SPDX-License-Identifier: Apache-2.0
"""A made-up reserve to operate: items, periods, openings and Markov states by size.

Every number is drawn from a seed; none is a fact. Four states: calm, licences, a ban,
a war that follows more readily on a ban. Each item has four steps of unserved use,
worth 0.5 to 12 times its price, and four price steps of purchases out of one purse.

    python -m benchmarks.reserve_operation
"""

from __future__ import annotations

import argparse
import time
from typing import TYPE_CHECKING

import numpy as np

from oreserve.planning._policy_stage import Futures, Operation, markov_problem
from oreserve.stochastic import solve_sddp

if TYPE_CHECKING:
    from oreserve.stochastic import MarkovProblem, Policy

__all__ = ["make_operation", "solve_operation"]

STATES = ("calm", "licences", "ban", "war")
CHAIN = np.array(
    [
        [0.80, 0.15, 0.04, 0.01],
        [0.30, 0.50, 0.18, 0.02],
        [0.15, 0.35, 0.45, 0.05],
        [0.10, 0.20, 0.40, 0.30],
    ]
)
SEVERITY = np.array([0.0, 0.15, 0.5, 0.8])
STEP_VALUE = np.array([12.0, 4.0, 1.5, 0.5])
STEP_SHARE = np.array([0.1, 0.2, 0.3, 0.4])
BUY_STEPS = 4


def make_operation(
    *, items: int = 12, periods: int = 8, openings: int = 20, seed: int = 0
) -> MarkovProblem:
    """Draw an operation of a given size."""
    rng = np.random.default_rng(seed)
    use = np.exp(rng.normal(4.0, 2.0, items))
    price = np.exp(rng.normal(-2.0, 1.0, items))  # million USD per t
    rise = 1.0 + 0.12 * (np.arange(BUY_STEPS) + 0.5)
    size = len(STEP_VALUE)
    most = np.repeat(0.06 * use[:, None], BUY_STEPS, axis=1)
    operation = Operation(
        item=tuple(f"item {n}" for n in range(items)),
        opening=0.05 * use,
        purse=float(0.5 * (use * price).sum()),
        keep=np.full(items, 0.99),
        storage=0.01 * price,
        end_value=0.5 * price,
        accessible=np.ones(items),
        most=np.full(items, np.inf),
        step_item=np.repeat(np.arange(items), size),
        step_value=np.outer(price, STEP_VALUE).ravel(),
        buy_most=np.repeat(most[None], periods, axis=0),
        buy_price=price[:, None] * rise,
        bill=np.zeros((items, BUY_STEPS)),
        planned=np.zeros((periods, items)),
        discount=0.97,
    )
    futures = []
    for _ in range(periods):
        row = []
        for severity in SEVERITY:
            # A shortage takes the least valuable use first: steps from the right.
            short = severity * rng.uniform(0.2, 1.0, (openings, items)) * use
            edge = np.concatenate([[0.0], np.cumsum(STEP_SHARE[::-1])])[:-1]
            width = STEP_SHARE[::-1] * use[:, None]
            parts = np.clip(short[..., None] - edge * use[:, None], 0.0, width)
            row.append(
                Futures(
                    size=parts[..., ::-1].reshape(openings, -1),
                    allowed=np.full((openings, items), float(severity > 0.0)),
                    fillable=(short < 0.05 * use).astype(float),
                )
            )
        futures.append(row)
    problem, _ = markov_problem(
        operation,
        futures,
        start=np.eye(4)[0],
        transition=[CHAIN] * (periods - 1),
        states=STATES,
    )
    return problem


def solve_operation(
    problem: MarkovProblem, *, gap: float = 0.01, workers: int = 2
) -> Policy:
    """Solve to a gap, 1 % if not said."""
    return solve_sddp(problem, gap=gap, workers=workers, iterations=400, simulate=2000)


def loss_without(problem: MarkovProblem) -> float:
    """Compute the expected loss of a reserve that does nothing."""
    share, total = problem.start, 0.0
    for t in range(problem.length):
        # The last varying column is the loss at stake, fixed by the opening.
        mean = [float(one.lower[:, -1].mean()) for one in problem.openings[t]]
        total += problem.discount**t * float(share @ np.array(mean))
        share = share @ CHAIN
    return total


def main() -> None:
    """Print size, time and figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--items", type=int, default=12)
    parser.add_argument("--periods", type=int, default=8)
    parser.add_argument("--openings", type=int, default=20)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--gap", type=float, default=0.01)
    given = parser.parse_args()
    problem = make_operation(
        items=given.items, periods=given.periods, openings=given.openings
    )
    block = problem.stage(0, 0).block
    print(f"stage: {block.rows} rows, {block.columns} columns")
    started, busy = time.perf_counter(), time.process_time()
    policy = solve_operation(problem, gap=given.gap, workers=given.workers)
    figures = policy.figures
    print(
        f"{time.perf_counter() - started:.1f} s, CPU {time.process_time() - busy:.1f}"
    )
    print(
        f"bound {figures.bound:.2f}, upper {figures.upper:.2f} "
        f"+- {figures.upper_halfwidth:.2f}, gap {figures.gap:.2%}, simulated "
        f"{figures.mean:.2f} +- {figures.halfwidth:.2f}, {figures.iterations} "
        f"iterations, {figures.cuts} cuts"
    )
    idle = loss_without(problem)
    short = (figures.upper + figures.upper_halfwidth - figures.bound) / (
        idle - figures.upper
    )
    print(f"a reserve that does nothing: {idle:.2f}; gap in what it saves {short:.2%}")


if __name__ == "__main__":
    main()
