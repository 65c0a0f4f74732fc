# SPDX-License-Identifier: Apache-2.0
"""What executors cost and how they scale: start, null task, 64 kB, recourse.

    python -m benchmarks executors                  as one of the benchmarks
    python -m benchmarks.executors threads --workers 2
    python -m benchmarks.executors ray --workers 3 --nodes 3

`--nodes 3` makes a cluster of three nodes on this machine first, one CPU each. The
objective is the sum of all values: the same to the last bit wherever it was solved.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import secrets
import sys
import time
from importlib import import_module
from typing import Any

import numpy as np

from benchmarks.supply_chain import make_problem
from oreserve.stochastic import Recourse, executor

REPEATS = 3
NULLS, LARGE = 500, 200
"""Tasks that are timed: with no work, and with 64 kB that come back."""


def null(state: Any, task: int) -> None:
    del state, task


def kilobytes(state: Any, task: int) -> Any:
    """Return 64 kB."""
    del state
    return np.full(8192, float(task))


def solve(recourse: Recourse, task: Any) -> Any:
    numbers, x = task
    return recourse.solve(recourse.problem.source.draw(numbers), x).value


def busy(recourse: Recourse, task: Any) -> tuple[float, float]:
    """Solve and say how long it took, on the clock and on the processor."""
    began, used = time.perf_counter(), time.thread_time()
    solve(recourse, task)
    return time.perf_counter() - began, time.thread_time() - used


def clock(session: Any, function: Any, count: int) -> tuple[float, float]:
    """Return the best wall time and master's processor time per task, in us."""
    wall, processor = [], []
    for _ in range(REPEATS):
        began, used = time.perf_counter(), time.process_time()
        list(session.map(function, range(count)))
        wall.append(time.perf_counter() - began)
        processor.append(time.process_time() - used)
    return min(wall) / count * 1e6, min(processor) / count * 1e6


def measure(name: str, workers: int, problem: Any, work: list[Any]) -> dict[str, Any]:
    began = time.perf_counter()
    with executor(name, workers) as kept:
        session = kept.open(Recourse, problem)
        opened = time.perf_counter() - began
        with session:
            for function in (null, kilobytes):
                list(session.map(function, range(20)))
            small = clock(session, null, NULLS)
            large = clock(session, kilobytes, LARGE)
            value = np.concatenate(list(session.map(solve, work)))
            times, processor, master = [], [], []
            for _ in range(REPEATS):
                began, used = time.perf_counter(), time.process_time()
                took = list(session.map(busy, work))
                times.append(time.perf_counter() - began)
                master.append(time.process_time() - used)
                processor.append(sum(cpu for _, cpu in took))
    count = sum(len(numbers) for numbers, _ in work)
    return {
        "executor": name,
        "workers": workers,
        "open_s": opened,
        "null_us": small[0],
        "null_cpu_us": small[1],
        "kb64_us": large[0],
        "kb64_cpu_us": large[1],
        "solve_s": min(times),
        "objective": float(value.sum()),
        "lp_per_s": count / min(times),
        "lp_per_cpu_s": count / min(processor),
        # Of this program; with threads the work is in it too.
        "master_us_per_lp": min(master) / count * 1e6,
    }


def nodes_here(count: int) -> Any:
    """Start a cluster of nodes with one CPU each, all on this machine."""
    os.environ |= {
        "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0",
        "RAY_USAGE_STATS_ENABLED": "0",
        "RAY_AUTH_MODE": "token",
        "RAY_AUTH_TOKEN": secrets.token_hex(32),
        "PYTHONPATH": os.pathsep.join(filter(None, sys.path)),
    }
    from ray.cluster_utils import Cluster

    cluster = Cluster(
        initialize_head=True,
        head_node_args={"num_cpus": 1, "include_dashboard": False},
    )
    for _ in range(count - 1):
        cluster.add_node(num_cpus=1)
    os.environ["RAY_ADDRESS"] = cluster.address
    return cluster


def main() -> None:
    """Measure one executor and print one line of JSON."""
    parser = argparse.ArgumentParser()
    parser.add_argument("executor", choices=["serial", "threads", "processes", "ray"])
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--nodes", type=int, default=0, help="of a cluster made here")
    parser.add_argument("--years", type=int, default=1)
    parser.add_argument("--scale", type=float, default=1.0)
    parser.add_argument("--count", type=int, default=1600)
    parser.add_argument("--chunk", type=int, default=100)
    asked = parser.parse_args()
    if asked.executor == "ray" and importlib.util.find_spec("ray") is None:
        print(json.dumps({"skipped": "ray is not installed"}))
        return
    problem = make_problem(years=asked.years, scale=asked.scale)
    x = np.zeros(problem.first.columns)
    work = [
        (np.arange(k, min(k + asked.chunk, asked.count)), x)
        for k in range(0, asked.count, asked.chunk)
    ]
    cluster = nodes_here(asked.nodes) if asked.nodes else None
    found = measure(asked.executor, asked.workers, problem, work)
    if cluster is not None:
        cluster.shutdown()
    print(json.dumps(found))


if __name__ == "__main__":
    # Workers load functions from the module, never from the script that runs.
    import_module("benchmarks.executors").main()
