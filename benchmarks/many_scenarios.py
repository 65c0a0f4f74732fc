# SPDX-License-Identifier: Apache-2.0
"""Very many scenarios of the made-up supply chain, and the reserve's policy.

    python -m benchmarks.many_scenarios year-problems --kept 500 --count 3000
    python -m benchmarks.many_scenarios bounds --kept 4000 --count 20000
    python -m benchmarks.many_scenarios evaluate --years 8 --count 100000
    python -m benchmarks.many_scenarios sddp --stages 8 --openings 20 --items 12

Rates of one core are per second of processor time, so that other work on the machine
does not count. Scenarios that fill the cache are not those that are measured.
"""

from __future__ import annotations

import argparse
import json
import time
from typing import TYPE_CHECKING, Any

import numpy as np

from benchmarks.arrived import NotThereYetError, needs

if TYPE_CHECKING:
    from oreserve.stochastic import DualCache, Recourse, TwoStage

TRAIN_FROM = 5_000_000
CHECKED = 2000
EXACT = 2000
SAMPLE = 50


def _problem(years: int, scale: float) -> TwoStage:
    from benchmarks.supply_chain import make_problem

    return make_problem(years=years, scale=scale)


def _cache(
    problem: TwoStage, solver: Recourse, x: np.ndarray, kept: int
) -> tuple[DualCache, float]:
    """Fill a cache from scenarios of its own; return it and the seconds it took."""
    cache_of = needs("oreserve.stochastic", "DualCache")
    started = time.process_time()
    batch = problem.source.draw(np.arange(TRAIN_FROM, TRAIN_FROM + kept))
    solved = solver.solve(batch, x, want=("dual", "native"))
    cache = cache_of(problem, most=kept)
    cache.add(solved.dual, solved.basis)
    return cache, time.process_time() - started


def time_year_problems(problem: TwoStage, kept: int, count: int) -> dict[str, Any]:
    """Solve the same scenarios in three ways; the optima must be equal."""
    solver = needs("oreserve.stochastic", "Recourse")(problem)
    x = np.zeros(problem.first.columns)
    cache, train = _cache(problem, solver, x, kept)
    batch = problem.source.draw(np.arange(count))
    cold_count = min(count, 300)
    some = problem.source.draw(np.arange(cold_count))
    started = time.process_time()
    cold = solver.solve(some, x, start=[solver._free] * cold_count)
    cold_s = time.process_time() - started
    started = time.process_time()
    warm = solver.solve(batch, x)
    warm_s = time.process_time() - started
    started = time.process_time()
    picked = cache.bounds(batch, x).point
    found = solver.solve(batch, x, start=[cache.basis[k] for k in picked])
    picked_s = time.process_time() - started
    if not np.allclose(warm.value, found.value, rtol=1e-8):
        message = "optima from a picked basis are not those from the last basis"
        raise RuntimeError(message)
    if not np.allclose(cold.value, found.value[:cold_count], rtol=1e-8):
        message = "optima from a picked basis are not those from nothing"
        raise RuntimeError(message)
    return {
        "build_s": train,
        "solve_s": picked_s,
        "cold_per_s": cold_count / cold_s,
        "warm_per_s": count / warm_s,
        "picked_per_s": count / picked_s,
        "iterations": found.iterations / count,
    }


def time_bounds(problem: TwoStage, kept: int, count: int) -> dict[str, Any]:
    """Bound many scenarios and compare some bounds with the optimum."""
    solver = needs("oreserve.stochastic", "Recourse")(problem)
    x = np.zeros(problem.first.columns)
    cache, train = _cache(problem, solver, x, kept)
    batch = problem.source.draw(np.arange(count))
    cache.bounds(problem.source.draw(np.arange(1)), x)  # tables are made once
    started = time.process_time()
    chosen = cache.bounds(batch, x)
    seconds = time.process_time() - started
    checked = min(count, CHECKED)
    some = problem.source.draw(np.arange(checked))
    start = [cache.basis[k] for k in chosen.point[:checked]]
    exact = solver.solve(some, x, start=start).value
    missed = exact - chosen.bound[:checked]
    lowest = float((missed / np.abs(exact)).min())
    if lowest < -1e-9:
        message = f"an optimum lies {-lowest:.1e} below its bound"
        raise RuntimeError(message)
    return {
        "build_s": train,
        "evaluate_s": seconds,
        "bounds_per_s": count / seconds,
        "mean_gap": float(missed.mean() / exact.mean()),
        "lowest": lowest,
        "kept": len(cache),
    }


def time_evaluate(problem: TwoStage, count: int) -> dict[str, Any]:
    """Find a plan on a small sample, then judge it on scenarios it has not seen."""
    solve_two_stage = needs("oreserve.stochastic", "solve_two_stage")
    evaluate = needs("oreserve.stochastic", "evaluate")
    started = time.perf_counter()
    plan = solve_two_stage(problem, count=SAMPLE, gap=1e-3)
    solved = time.perf_counter()
    exact = min(EXACT, count // 2)
    found = evaluate(problem, plan.x, count=count, exact=exact, workers=2)
    seconds = time.perf_counter() - solved

    def width(figure: Any) -> float:
        return float(0.5 * (figure.high - figure.low) / figure.value)

    return {
        "solve_s": solved - started,
        "evaluate_s": seconds,
        "mean": float(found.mean.value),
        "mean_width": width(found.mean),
        "cvar": float(found.cvar.value),
        "cvar_width": width(found.cvar),
        "exact": int(found.exact),
    }


def time_sddp(stages: int, openings: int, items: int) -> dict[str, Any]:
    """Find a policy risk-neutrally until it is proven within 1 %."""
    needs("oreserve.stochastic", "solve_sddp")
    make_operation = needs("benchmarks.reserve_operation", "make_operation")
    solve_operation = needs("benchmarks.reserve_operation", "solve_operation")
    started = time.perf_counter()
    problem = make_operation(items=items, periods=stages, openings=openings)
    built = time.perf_counter()
    found = solve_operation(problem, workers=2).figures
    return {
        "build_s": built - started,
        "solve_s": time.perf_counter() - built,
        "bound": float(found.bound),
        "upper": float(found.upper + found.upper_halfwidth),
        "gap": float(found.gap),
        "iterations": int(found.iterations),
    }


def main() -> None:
    """Run one job and print one line of JSON."""
    parser = argparse.ArgumentParser()
    jobs = ["year-problems", "bounds", "evaluate", "sddp"]
    parser.add_argument("job", choices=jobs)
    parser.add_argument("--years", type=int, default=1)
    parser.add_argument("--scale", type=float, default=1.0)
    parser.add_argument("--count", type=int, default=1000)
    parser.add_argument("--kept", type=int, default=500)
    parser.add_argument("--stages", type=int, default=8)
    parser.add_argument("--openings", type=int, default=20)
    parser.add_argument("--items", type=int, default=12)
    asked = parser.parse_args()
    result: dict[str, Any]
    try:
        if asked.job == "sddp":
            result = time_sddp(asked.stages, asked.openings, asked.items)
        else:
            problem = _problem(asked.years, asked.scale)
            if asked.job == "year-problems":
                result = time_year_problems(problem, asked.kept, asked.count)
            elif asked.job == "bounds":
                result = time_bounds(problem, asked.kept, asked.count)
            else:
                result = time_evaluate(problem, asked.count)
    except NotThereYetError as lacking:
        result = {"not_there_yet": str(lacking)}
    print(json.dumps(result))


if __name__ == "__main__":
    main()
