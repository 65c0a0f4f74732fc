# SPDX-License-Identifier: Apache-2.0
"""What executors cost and how they scale: start, null task, 64 kB, recourse.

Run it with `python -c "from benchmarks.executors import main; main()"`: workers load
the functions from this module, not from a script. `main(3)` makes a cluster of three
nodes on this machine first, one CPU each.
"""

from __future__ import annotations

import os
import secrets
import sys
import time
from typing import Any

import numpy as np

from benchmarks.supply_chain import make_problem
from oreserve.stochastic import Recourse, executor

YEARS, SCALE, COUNT, CHUNK = 1, 1.0, 1600, 100
REPEATS = 3


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
            small = clock(session, null, 500)
            large = clock(session, kilobytes, 200)
            list(session.map(solve, work[:workers]))
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


def main(nodes: int = 0) -> None:
    """Print a line for each executor, or for a cluster of nodes."""
    problem = make_problem(years=YEARS, scale=SCALE)
    x = np.zeros(problem.first.columns)
    work = [(np.arange(k, k + CHUNK), x) for k in range(0, COUNT, CHUNK)]
    cases = [
        ("serial", 1), ("threads", 1), ("threads", 2), ("processes", 1),
        ("processes", 2), ("ray", 1), ("ray", 2),
    ]  # fmt: skip
    cluster = nodes_here(nodes) if nodes else None
    for name, workers in [("ray", nodes)] if nodes else cases:
        began = time.perf_counter()
        found = measure(name, workers, problem, work)
        found["whole_s"] = time.perf_counter() - began
        print(
            " ".join(
                f"{k}={v if isinstance(v, str | int) else round(v, 3)}"
                for k, v in found.items()
            ),
            flush=True,
        )
    if cluster is not None:
        cluster.shutdown()
