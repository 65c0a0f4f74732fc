# SPDX-License-Identifier: Apache-2.0
"""Our own main jobs, each timed in a process of its own.

python -m benchmarks.own_work plan
python -m benchmarks.own_work solve --method lshaped --scenarios 100
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import time
from typing import Any

STUDY = "us-2026"
BUDGET = 12e9
GAP = 1e-3
SHOCK = "chinese_rare_earth_ban"


def time_import() -> dict[str, Any]:
    """Time `import oreserve` in a fresh interpreter, best of five."""
    return {"run_s": _best([sys.executable, "-c", "import oreserve"])}


def time_help() -> dict[str, Any]:
    """Time `oreserve --help`, best of five."""
    return {"run_s": _best([sys.executable, "-m", "oreserve", "--help"])}


def _best(command: list[str]) -> float:
    times = []
    for _ in range(5):
        started = time.perf_counter()
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        times.append(time.perf_counter() - started)
    return min(times)


def time_simulate() -> dict[str, Any]:
    """Time one stress simulation; the base is prepared before the clock starts."""
    from oreserve.market import prepare, simulate
    from oreserve.study import load_shock, load_study

    started = time.perf_counter()
    study = load_study(STUDY)
    loaded = time.perf_counter()
    base = prepare(study)
    ready = time.perf_counter()
    outcome = simulate(study, shock=load_shock(SHOCK, study), base=base)
    return {
        "load_s": loaded - started,
        "prepare_s": ready - loaded,
        "run_s": time.perf_counter() - ready,
        "home_loss_usd": outcome.home_loss_usd,
    }


def time_plan(scenarios: int) -> dict[str, Any]:
    """Time the main job as `make plan` runs it, without writing the folder."""
    from oreserve.planning import plan
    from oreserve.study import load_study

    started = time.perf_counter()
    result = plan(load_study(STUDY), budget_usd=BUDGET, scenarios=scenarios)
    figures = dict(result.figures)
    return {
        "run_s": time.perf_counter() - started,
        "gap": figures.get("gap"),
        "verified_benefit_usd": figures.get("verified_benefit_usd"),
    }


def time_solve(method: str, scenarios: int) -> dict[str, Any]:
    """Time the programme alone, by cuts or in one piece, on the same data."""
    from benchmarks.planning_problem import planning_programme
    from oreserve.planning._lshaped import solve_lshaped
    from oreserve.planning._programme import solve_extensive

    programme = planning_programme(STUDY, budget_usd=BUDGET, scenarios=scenarios)
    started = time.perf_counter()
    if method == "lshaped":
        objective = solve_lshaped(programme, gap=GAP).objective
    else:
        _, objective, _ = solve_extensive(programme, gap=GAP)
    return {"solve_s": time.perf_counter() - started, "objective": float(objective)}


def main() -> None:
    """Run one job and print one line of JSON."""
    parser = argparse.ArgumentParser()
    parser.add_argument("job", choices=["import", "help", "simulate", "plan", "solve"])
    parser.add_argument("--method", choices=["lshaped", "extensive"], default="lshaped")
    parser.add_argument("--scenarios", type=int, default=100)
    asked = parser.parse_args()
    if asked.job == "solve":
        result = time_solve(asked.method, asked.scenarios)
    elif asked.job == "plan":
        result = time_plan(asked.scenarios)
    else:
        jobs = {"import": time_import, "help": time_help, "simulate": time_simulate}
        result = jobs[asked.job]()
    result["peak_mb"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps(result))


if __name__ == "__main__":
    main()
