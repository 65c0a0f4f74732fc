# SPDX-License-Identifier: Apache-2.0
"""A magnet chain of the size class of BLEECAM's Nd/Dy case, with data of our own.

Only the counts are theirs: 17 processes, 12 materials, 9 places, 5 periods, about a
thousand columns that are free to move. BLEECAM is AGPL, so nothing of it is copied
or run here; places, recipes, costs and capacities below are drawn. Processes have
yields, some a second product; lanes carry materials between places; finished magnets
may be stocked; demand that is not met costs more than anything.
"""

from __future__ import annotations

import json
import time

import numpy as np

PERIODS, PLACES = 5, 9
MATERIALS = 12
HOME = 0
# Process: inputs and outputs as (material, t per t of the first input). 0 and 1 are
# ores, 2 and 3 concentrates, 4 mixed carbonate, 5 NdPr oxide, 6 Dy oxide, 7 NdPr
# metal, 8 DyFe alloy, 9 strip, 10 magnets, 11 scrap.
PROCESSES: tuple[tuple[tuple[int, float], ...], ...] = (
    ((0, 1.0),), ((1, 1.0),),
    ((0, -1.0), (2, 0.06)), ((1, -1.0), (3, 0.03)),
    ((2, -1.0), (4, 0.55)), ((3, -1.0), (4, 0.35)),
    ((4, -1.0), (5, 0.20), (6, 0.004)), ((4, -1.0), (5, 0.17), (6, 0.009)),
    ((5, -1.0), (7, 0.85)), ((5, -1.0), (7, 0.80)),
    ((6, -1.0), (8, 1.00)), ((6, -1.0), (8, 0.95)),
    ((7, -1.0), (8, -0.05), (9, 3.0)), ((7, -1.0), (8, -0.04), (9, 2.9)),
    ((9, -1.0), (10, 0.75), (11, 0.20)), ((9, -1.0), (10, 0.70), (11, 0.25)),
    ((11, -1.0), (5, 0.25), (6, 0.01)),
)  # fmt: skip
PLANTS, LANES = 80, 128
MAGNETS = 10
SHORT = 2_000.0


def main() -> None:
    """Build and solve it and print one line of JSON."""
    started = time.perf_counter()
    from oreserve.network import BlockBuilder, solve

    imported = time.perf_counter()
    rng = np.random.default_rng(5)
    # Every place has about half of the processes; lanes tie makers and users.
    every = [(p, c) for p in range(len(PROCESSES)) for c in range(PLACES)]
    plants = sorted(every[k] for k in rng.permutation(len(every))[:PLANTS])
    makes = {(m, c) for p, c in plants for m, rate in PROCESSES[p] if rate > 0}
    takes = {(m, c) for p, c in plants for m, rate in PROCESSES[p] if rate < 0}
    takes.add((MAGNETS, HOME))
    pairs = [
        (m, a, b) for m, a in sorted(makes) for n, b in sorted(takes)
        if m == n and a != b
    ]  # fmt: skip
    lanes = sorted(pairs[k] for k in rng.permutation(len(pairs))[:LANES])
    run_cost = rng.uniform(2.0, 9.0, len(plants))
    capacity = rng.lognormal(6.0, 0.5, len(plants))
    lane_cost = rng.uniform(0.1, 1.5, len(lanes))
    lane_cap = rng.lognormal(4.0, 0.5, len(lanes))
    demand = 40.0 * 1.06 ** np.arange(PERIODS)
    block = BlockBuilder()
    held = None
    for t in range(PERIODS):
        node = block.add_rows(MATERIALS * PLACES, lower=0.0)
        use = block.add_rows(1, lower=demand[t])
        make = block.add_columns(len(plants), cost=run_cost)
        ship = block.add_columns(len(lanes), cost=lane_cost, upper=lane_cap)
        lost = block.add_columns(PLACES, cost=0.01)
        sold = block.add_columns(1)
        unmet = block.add_columns(1, cost=SHORT)
        stock = block.add_columns(PLACES, cost=0.5, upper=60.0)
        block.add_entries(block.add_rows(len(plants), upper=capacity), make, 1.0)
        for k, (process, place) in enumerate(plants):
            for material, rate in PROCESSES[process]:
                # Ores come for nothing where they are mined.
                block.add_entries(node[material * PLACES + place], make[k], rate)
        for k, (material, a, b) in enumerate(lanes):
            block.add_entries(node[material * PLACES + a], ship[k], -1.0)
            block.add_entries(node[material * PLACES + b], ship[k], 1.0)
        magnets = node[MAGNETS * PLACES : (MAGNETS + 1) * PLACES]
        block.add_entries(magnets, lost, -1.0)
        block.add_entries(magnets, stock, -1.0)
        if held is not None:
            block.add_entries(magnets, held, 1.0)
        block.add_entries(magnets[HOME], sold, -1.0)
        block.add_entries(use[0], [sold[0], unmet[0]], 1.0)
        held = stock
    done = block.build()
    built = time.perf_counter()
    answer = solve(done)
    print(
        json.dumps(
            {
                "columns": done.columns,
                "rows": done.rows,
                "objective": answer.objective,
                "unmet": float(answer.value[unmet[0]]),
                "import_s": imported - started,
                "build_s": built - imported,
                "solve_s": time.perf_counter() - built,
            }
        )
    )


if __name__ == "__main__":
    main()
