# SPDX-License-Identifier: Apache-2.0
"""The made-up supply chain as a two-stage problem: by cuts, and in one piece.

    python -m benchmarks.two_stage ours --scenarios 50 --workers 2
    python -m benchmarks.two_stage extensive --scenarios 10
    python -m benchmarks.two_stage write --scenarios 10 --path problem.npz

`extensive` is plain HiGHS on the extensive form, written through our blocks: what a
careful user would do without a decomposition.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from benchmarks.two_stage_data import take_data

if TYPE_CHECKING:
    from oreserve.network import Block
    from oreserve.stochastic import TwoStage

GAP = 1e-4
ALPHA = 0.95


def extensive_form(problem: TwoStage, scenarios: int) -> Block:
    """Write all scenarios side by side, with the tail term if the problem has one."""
    from oreserve.network import BlockBuilder

    data = take_data(problem, problem.source.draw(np.arange(scenarios)))
    block, weight = BlockBuilder(), 1.0 / scenarios
    x = block.add_columns(
        len(data.cost), cost=data.cost, lower=data.lower, upper=data.upper,
        integer=data.integer,
    )  # fmt: skip
    rows = block.add_rows(
        len(data.row_lower), lower=data.row_lower, upper=data.row_upper
    )
    block.add_entries(rows[data.entry_row], x[data.entry_column], data.entry_value)
    y = block.add_columns(
        data.y_lower.size, cost=np.tile(weight * data.y_cost, scenarios),
        lower=data.y_lower.ravel(), upper=data.y_upper.ravel(),
    ).reshape(data.y_lower.shape)  # fmt: skip
    r = block.add_rows(
        data.r_lower.size, lower=data.r_lower.ravel(), upper=data.r_upper.ravel()
    ).reshape(data.r_lower.shape)
    block.add_entries(r[:, data.w_row], y[:, data.w_column], data.w_value)
    block.add_entries(r[:, data.t_row], x[data.t_column], data.t_value)
    if problem.risk_weight:
        eta = block.add_columns(1, cost=problem.risk_weight, lower=-np.inf)
        beyond = problem.risk_weight * weight / (1.0 - problem.alpha)
        tail = block.add_columns(scenarios, cost=beyond)
        over = block.add_rows(scenarios, lower=0.0)
        block.add_entries(over, tail, 1.0)
        block.add_entries(over, eta[0], 1.0)
        block.add_entries(over[:, None], y, -data.y_cost)
    return block.build()


def run_extensive(
    problem: TwoStage, scenarios: int, *, build_only: bool
) -> dict[str, Any]:
    from oreserve.network import solve

    started = time.perf_counter()
    block = extensive_form(problem, scenarios)
    size = {"rows": block.rows, "columns": block.columns}
    if build_only:
        block.to_highs()
        return {"build_s": time.perf_counter() - started, **size}
    built = time.perf_counter()
    answer = solve(block, mip_rel_gap=GAP) if block.integer.any() else solve(block)
    return {
        "objective": answer.objective,
        "build_s": built - started,
        "solve_s": time.perf_counter() - built,
        **size,
    }


def run_ours(problem: TwoStage, scenarios: int, workers: int) -> dict[str, Any]:
    from benchmarks.arrived import needs

    solve_two_stage = needs("oreserve.stochastic", "solve_two_stage")
    started = time.perf_counter()
    found = solve_two_stage(problem, count=scenarios, gap=GAP, workers=workers)
    return {
        "objective": float(found.objective),
        "bound": float(found.bound),
        "gap": float(found.gap),
        "iterations": int(found.iterations),
        "cuts": int(found.cuts),
        "solve_s": time.perf_counter() - started,
    }


def main() -> None:
    """Run one program and print one line of JSON."""
    from benchmarks.arrived import NotThereYetError

    parser = argparse.ArgumentParser()
    parser.add_argument("program", choices=["ours", "extensive", "write"])
    parser.add_argument("--scenarios", type=int, default=10)
    parser.add_argument("--years", type=int, default=8)
    parser.add_argument("--scale", type=float, default=1.0)
    parser.add_argument("--risk-weight", type=float, default=0.0)
    parser.add_argument("--binaries", action="store_true")
    parser.add_argument("--build-only", action="store_true")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--path", type=Path)
    asked = parser.parse_args()
    started = time.perf_counter()
    from benchmarks.supply_chain import make_problem

    imported = time.perf_counter()
    problem = make_problem(
        years=asked.years, scale=asked.scale, binaries=asked.binaries,
        risk_weight=asked.risk_weight, alpha=ALPHA,
    )  # fmt: skip
    made = time.perf_counter()
    if asked.program == "write":
        batch = problem.source.draw(np.arange(asked.scenarios))
        take_data(problem, batch).write(asked.path)
        print(json.dumps({"build_s": made - imported}))
        return
    result: dict[str, Any]
    if asked.program == "extensive":
        result = run_extensive(problem, asked.scenarios, build_only=asked.build_only)
    else:
        try:
            result = run_ours(problem, asked.scenarios, asked.workers)
        except NotThereYetError as lacking:
            print(json.dumps({"not_there_yet": str(lacking)}))
            return
        # Drawing the chain is no part of anybody's model: rivals get arrays too.
        # What ours builds, it builds while it solves.
        result["make_s"] = made - imported
    print(json.dumps({"import_s": imported - started, **result}))


if __name__ == "__main__":
    main()
