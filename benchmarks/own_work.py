# SPDX-License-Identifier: Apache-2.0
"""Our own main jobs, each timed in a process of its own.

python -m benchmarks.own_work plan
python -m benchmarks.own_work solve --method lshaped --scenarios 100
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from typing import Any

from benchmarks.arrived import NotThereYetError

STUDY = "us-2026"
BUDGET = 12e9
GAP = 1e-3
SHOCK = "chinese_rare_earth_ban"
TINY_BUDGET = 50e6
TINY_SHOCK = {
    "name": "flood",
    "effects": [
        {
            "kind": "outage",
            "country": "AUS",
            "mineral": "neodymium",
            "stage": "mine",
            "factor": 0.3,
            "from": "2027-06",
            "until": "2028-01",
        }
    ],
}


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


def time_simulate(name: str) -> dict[str, Any]:
    """Time one stress simulation; the base is prepared before the clock starts."""
    from oreserve.market import prepare, simulate
    from oreserve.study import load_shock, load_study

    started = time.perf_counter()
    study = load_study(name)
    loaded = time.perf_counter()
    base = prepare(study)
    ready = time.perf_counter()
    shock = SHOCK if name == STUDY else TINY_SHOCK
    outcome = simulate(study, shock=load_shock(shock, study), base=base)
    return {
        "load_s": loaded - started,
        "prepare_s": ready - loaded,
        "simulate_s": time.perf_counter() - ready,
        "home_loss_usd": outcome.home_loss_usd,
    }


def time_market(name: str, scenarios: int) -> dict[str, Any]:
    """Time many scenarios of a study without a plan, nothing kept on disk."""
    from benchmarks.arrived import needs
    from oreserve.market import prepare
    from oreserve.study import load_study

    simulate_many = needs("oreserve.planning", "simulate_many")
    started = time.perf_counter()
    study = load_study(name)
    loaded = time.perf_counter()
    base = prepare(study)
    ready = time.perf_counter()
    found = simulate_many(study, count=scenarios, workers=2, base=base)
    seconds = time.perf_counter() - ready
    return {
        "load_s": loaded - started,
        "prepare_s": ready - loaded,
        "simulate_s": seconds,
        "scenarios_per_s": scenarios / seconds,
        "mean_loss_usd": float(found.scenarios["home_loss_usd"].mean()),
    }


def time_plan(name: str, scenarios: int, verify: int) -> dict[str, Any]:
    """Time the main job as `make plan` runs it, without writing the folder."""
    from oreserve.planning import plan
    from oreserve.study import load_study

    started = time.perf_counter()
    budget = BUDGET if name == STUDY else TINY_BUDGET
    result = plan(
        load_study(name), budget_usd=budget, scenarios=scenarios, verify=verify
    )
    figures = dict(result.figures)
    return {
        "run_s": time.perf_counter() - started,
        "gap": figures.get("gap"),
        "verified_benefit_usd": figures.get("verified_benefit_usd"),
    }


def time_solve(name: str, method: str, scenarios: int) -> dict[str, Any]:
    """Time the programme alone, by cuts or in one piece, on the same data."""
    from benchmarks.planning_problem import planning_programme
    from oreserve.planning._lshaped import solve_lshaped
    from oreserve.planning._programme import solve_extensive

    budget = BUDGET if name == STUDY else TINY_BUDGET
    programme = planning_programme(name, budget_usd=budget, scenarios=scenarios)
    started = time.perf_counter()
    if method == "lshaped":
        objective = solve_lshaped(programme, gap=GAP).objective
    else:
        _, objective, _ = solve_extensive(programme, gap=GAP)
    return {"solve_s": time.perf_counter() - started, "objective": float(objective)}


def main() -> None:
    """Run one job and print one line of JSON."""
    parser = argparse.ArgumentParser()
    jobs = ["import", "help", "simulate", "market", "plan", "solve"]
    parser.add_argument("job", choices=jobs)
    parser.add_argument("--study", default=STUDY)
    parser.add_argument("--method", choices=["lshaped", "extensive"], default="lshaped")
    parser.add_argument("--scenarios", type=int, default=100)
    parser.add_argument("--verify", type=int, default=300)
    asked = parser.parse_args()
    result: dict[str, Any]
    if asked.job == "solve":
        result = time_solve(asked.study, asked.method, asked.scenarios)
    elif asked.job == "plan":
        result = time_plan(asked.study, asked.scenarios, asked.verify)
    elif asked.job == "market":
        try:
            result = time_market(asked.study, asked.scenarios)
        except NotThereYetError as lacking:
            result = {"not_there_yet": str(lacking)}
    elif asked.job == "simulate":
        result = time_simulate(asked.study)
    else:
        result = time_import() if asked.job == "import" else time_help()
    print(json.dumps(result))


if __name__ == "__main__":
    main()
