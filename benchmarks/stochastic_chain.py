# SPDX-License-Identifier: Apache-2.0
"""The same two-stage supply chain by Oreserve's blocks and by PyPSA's scenarios.

Invented data: 6 countries, 4 items (concentrate, NdPr oxide, Dy oxide, magnet),
joint separation, magnets from two inputs, 120 lanes, 4 optional projects, 3 reserve
purchases and one budget; bans, outages and demand are random. Each program runs in
a process of its own and prints one line of JSON: objective, seconds, peak memory.

    python -m benchmarks.stochastic_chain ours --years 5 --scenarios 10
    python -m benchmarks.stochastic_chain pypsa --years 5 --scenarios 10
"""

from __future__ import annotations

import argparse
import itertools
import json
import resource
import time
from dataclasses import dataclass
from typing import Any

import numpy as np

COUNTRIES = ("AUS", "CHN", "JPN", "MYS", "USA", "VNM")
ITEMS = ("concentrate", "ndpr", "dysprosium", "magnet")
NDPR, DYSPROSIUM = 0.22, 0.01  # t per t of concentrate
NDPR_USE, DYSPROSIUM_USE = 0.33, 0.012  # t per t of magnets
PROJECTS = ("AUS", "JPN", "MYS", "USA")
RESERVES = (("ndpr", 90.0), ("dysprosium", 400.0), ("magnet", 60.0))
BUDGET = 4000.0
LOSS = 900.0
HOME = "USA"


@dataclass(frozen=True)
class Chain:
    """Data of one size: Y years, S scenarios; thousand t and million USD."""

    years: int
    scenarios: int
    mine_capacity: np.ndarray  # (6,)
    mine_cost: np.ndarray
    separation_capacity: np.ndarray
    separation_cost: np.ndarray
    magnet_capacity: np.ndarray
    magnet_cost: np.ndarray
    lane: tuple[tuple[str, str, str], ...]
    lane_cost: np.ndarray  # (120,)
    lane_capacity: np.ndarray
    mine_available: np.ndarray  # (S, Y, 6)
    lane_open: np.ndarray  # (S, Y, 120)
    demand: np.ndarray  # (S, Y, 6)
    project_cost: np.ndarray  # (4,) million USD per thousand t
    project_most: float


def make_chain(years: int, scenarios: int) -> Chain:
    """Draw the data; scenario s is the same whatever the number of scenarios."""
    rng = np.random.default_rng(11)
    lanes = tuple(
        (i, a, b) for i in ITEMS for a, b in itertools.permutations(COUNTRIES, 2)
    )
    weight = np.array([2.0, 12.0, 0.1, 1.0, 2.5, 1.2])
    base = np.array([0.5, 9.0, 3.0, 0.5, 4.0, 1.0])
    available = np.empty((scenarios, years, 6))
    opened = np.ones((scenarios, years, len(lanes)))
    demand = np.empty((scenarios, years, 6))
    chinese = np.array([a == "CHN" for _, a, _ in lanes])
    to_home = np.array([b == HOME for _, _, b in lanes])
    for s in range(scenarios):
        draw = np.random.default_rng([7, s])
        available[s] = np.where(draw.random((years, 6)) < 0.1, 0.4, 1.0)
        demand[s] = base * (1 + 0.04 * np.arange(years))[:, None]
        demand[s] *= draw.uniform(0.9, 1.1, (years, 6))
        state = draw.choice(3, size=years, p=[0.6, 0.3, 0.1])
        opened[s][np.ix_(state >= 1, chinese & to_home)] = 0.0
        opened[s][np.ix_(state == 2, chinese)] = 0.0
    return Chain(
        years=years,
        scenarios=scenarios,
        mine_capacity=10.0 * weight,
        mine_cost=rng.uniform(4, 8, 6),
        separation_capacity=10.0 * np.array([0.5, 15.0, 0.3, 2.0, 1.0, 0.4]),
        separation_cost=rng.uniform(2, 5, 6),
        magnet_capacity=np.array([0.0, 20.0, 2.0, 0.0, 0.5, 0.8]),
        magnet_cost=rng.uniform(8, 14, 6),
        lane=lanes,
        lane_cost=rng.uniform(0.1, 0.9, len(lanes)),
        lane_capacity=np.full(len(lanes), 60.0),
        mine_available=available,
        lane_open=opened,
        demand=demand,
        project_cost=np.array([150.0, 190.0, 140.0, 210.0]),
        project_most=8.0,
    )


def solve_ours(chain: Chain, *, build_only: bool = False) -> dict[str, Any]:
    """Write the extensive form as one block and solve it."""
    started = time.perf_counter()
    from oreserve.network import BlockBuilder, solve

    imported = time.perf_counter()
    block = BlockBuilder()
    project = block.add_columns(
        len(PROJECTS), cost=chain.project_cost, upper=chain.project_most
    )
    price = np.array([p for _, p in RESERVES])
    reserve = block.add_columns(len(RESERVES), cost=price)
    budget = block.add_rows(1, upper=BUDGET)
    block.add_entries(budget[0], project, chain.project_cost)
    block.add_entries(budget[0], reserve, price)
    spots, periods = len(COUNTRIES), chain.scenarios * chain.years
    weight = 1.0 / chain.scenarios
    # Every column comes as (period, member); rows as (period, item, country).
    row = block.add_rows(periods * 24, lower=0.0, upper=0.0).reshape(periods, 4, spots)

    def columns(cost: np.ndarray, upper: np.ndarray | float) -> np.ndarray:
        count = len(cost)
        most = np.broadcast_to(upper, (periods, count)).ravel()
        made = block.add_columns(
            periods * count, cost=np.tile(weight * cost, periods), upper=most
        )
        return made.reshape(periods, count)

    mine = columns(
        chain.mine_cost, chain.mine_available.reshape(periods, -1) * chain.mine_capacity
    )
    split = columns(chain.separation_cost, chain.separation_capacity)
    extra = columns(
        chain.separation_cost[[COUNTRIES.index(c) for c in PROJECTS]], np.inf
    )
    make = columns(chain.magnet_cost, chain.magnet_capacity)
    lane = columns(
        chain.lane_cost, chain.lane_open.reshape(periods, -1) * chain.lane_capacity
    )
    unserved = columns(np.full(spots, LOSS), np.inf)
    unsold = columns(np.zeros(4 * spots), np.inf)
    use = chain.demand.reshape(periods, -1)
    demand = block.add_columns(periods * spots, lower=use.ravel(), upper=use.ravel())
    block.add_entries(row[:, 0], mine, 1.0)
    at = [COUNTRIES.index(c) for c in PROJECTS]
    for activity, place in ((split, np.arange(spots)), (extra, np.array(at))):
        block.add_entries(row[:, 0][:, place], activity, -1.0)
        block.add_entries(row[:, 1][:, place], activity, NDPR)
        block.add_entries(row[:, 2][:, place], activity, DYSPROSIUM)
    block.add_entries(row[:, 1], make, -NDPR_USE)
    block.add_entries(row[:, 2], make, -DYSPROSIUM_USE)
    block.add_entries(row[:, 3], make, 1.0)
    item = np.array([ITEMS.index(i) for i, _, _ in chain.lane])
    source = np.array([COUNTRIES.index(a) for _, a, _ in chain.lane])
    sink = np.array([COUNTRIES.index(b) for _, _, b in chain.lane])
    block.add_entries(row[:, item, source], lane, -1.0)
    block.add_entries(row[:, item, sink], lane, 1.0)
    block.add_entries(row[:, 3], unserved, 1.0)
    block.add_entries(row.reshape(periods, -1), unsold, -1.0)
    block.add_entries(row[:, 3], demand.reshape(periods, spots), -1.0)
    built = block.add_rows(periods * len(PROJECTS), upper=0.0)
    block.add_entries(built.reshape(periods, -1), extra, 1.0)
    block.add_entries(built.reshape(periods, -1), project, -1.0)
    home = COUNTRIES.index(HOME)
    for k, (name, _) in enumerate(RESERVES):
        give = block.add_columns(periods).reshape(chain.scenarios, chain.years)
        place = row[:, ITEMS.index(name), home].reshape(give.shape)
        block.add_entries(place, give, 1.0)
        held = block.add_rows(chain.scenarios, upper=0.0)
        block.add_entries(held[:, None], give, 1.0)
        block.add_entries(held, reserve[k], -1.0)
    done = block.build()
    if build_only:
        done.to_highs()
        seconds = time.perf_counter() - imported
        return {"build_s": seconds, "rows": done.rows, "columns": done.columns}
    built_at = time.perf_counter()
    answer = solve(done)
    solved = time.perf_counter()
    return {
        "objective": answer.objective,
        "import_s": imported - started,
        "build_s": built_at - imported,
        "solve_s": solved - built_at,
        "rows": done.rows,
        "columns": done.columns,
    }


def solve_pypsa(chain: Chain) -> dict[str, Any]:
    """Write the chain as links and generators with PyPSA's own scenarios."""
    started = time.perf_counter()
    import logging
    import warnings

    warnings.simplefilter("ignore")
    import pandas as pd
    import pypsa

    logging.disable(logging.WARNING)
    imported = time.perf_counter()
    n = pypsa.Network()
    n.set_snapshots(range(chain.years))
    buses = [f"{i} {c}" for i in ITEMS for c in COUNTRIES]
    n.add("Bus", buses)
    n.add(
        "Generator",
        [f"mine {c}" for c in COUNTRIES],
        bus=[f"concentrate {c}" for c in COUNTRIES],
        p_nom=chain.mine_capacity,
        marginal_cost=chain.mine_cost,
    )
    n.add(
        "Generator",
        [f"unserved {c}" for c in COUNTRIES],
        bus=[f"magnet {c}" for c in COUNTRIES],
        p_nom=1e4,
        marginal_cost=LOSS,
    )
    n.add(
        "Generator",
        [f"unsold {b}" for b in buses],
        bus=buses,
        p_nom=1e4,
        sign=-1,
    )
    n.add(
        "Load",
        [f"use {c}" for c in COUNTRIES],
        bus=[f"magnet {c}" for c in COUNTRIES],
    )

    def separate(names: list[str], where: tuple[str, ...], **values: Any) -> None:
        n.add(
            "Link",
            names,
            bus0=[f"concentrate {c}" for c in where],
            bus1=[f"ndpr {c}" for c in where],
            bus2=[f"dysprosium {c}" for c in where],
            efficiency=NDPR,
            efficiency2=DYSPROSIUM,
            **values,
        )

    separate(
        [f"split {c}" for c in COUNTRIES],
        COUNTRIES,
        p_nom=chain.separation_capacity,
        marginal_cost=chain.separation_cost,
    )
    separate(
        [f"project {c}" for c in PROJECTS],
        PROJECTS,
        p_nom_extendable=True,
        p_nom_max=chain.project_most,
        capital_cost=chain.project_cost,
        marginal_cost=chain.separation_cost[[COUNTRIES.index(c) for c in PROJECTS]],
    )
    n.add(
        "Link",
        [f"make {c}" for c in COUNTRIES],
        bus0=[f"ndpr {c}" for c in COUNTRIES],
        bus1=[f"magnet {c}" for c in COUNTRIES],
        bus2=[f"dysprosium {c}" for c in COUNTRIES],
        efficiency=1 / NDPR_USE,
        efficiency2=-DYSPROSIUM_USE / NDPR_USE,
        p_nom=chain.magnet_capacity * NDPR_USE,
        marginal_cost=chain.magnet_cost / NDPR_USE,
    )
    lanes = [f"lane {i} {a} {b}" for i, a, b in chain.lane]
    n.add(
        "Link",
        lanes,
        bus0=[f"{i} {a}" for i, a, _ in chain.lane],
        bus1=[f"{i} {b}" for i, _, b in chain.lane],
        p_nom=chain.lane_capacity,
        marginal_cost=chain.lane_cost,
    )
    first = [1.0] + [0.0] * (chain.years - 1)
    for name, price in RESERVES:
        # Only capacities are first stage: buying is a link that must run at once.
        n.add("Bus", [f"shop {name}", f"held {name}"])
        n.add("Generator", f"shop {name}", bus=f"shop {name}", p_nom=1e4)
        n.add(
            "Link",
            f"buy {name}",
            bus0=f"shop {name}",
            bus1=f"held {name}",
            p_nom_extendable=True,
            capital_cost=price,
            p_min_pu=pd.Series(first, index=n.snapshots),
            p_max_pu=pd.Series(first, index=n.snapshots),
        )
        n.add("Store", f"held {name}", bus=f"held {name}", e_nom=1e4)
        n.add(
            "Link",
            f"give {name}",
            bus0=f"held {name}",
            bus1=f"{name} {HOME}",
            p_nom=1e4,
        )
    names = [f"s{k:04d}" for k in range(chain.scenarios)]
    n.set_scenarios(dict.fromkeys(names, 1.0 / chain.scenarios))

    def frame(values: np.ndarray, members: list[str]) -> Any:
        wide = values.transpose(1, 0, 2).reshape(chain.years, -1)
        index = pd.MultiIndex.from_product([names, members], names=["scenario", "name"])
        return pd.DataFrame(wide, index=n.snapshots, columns=index)

    n.generators_t.p_max_pu = frame(
        chain.mine_available, [f"mine {c}" for c in COUNTRIES]
    )
    kept = n.links_t.p_max_pu
    n.links_t.p_max_pu = pd.concat([kept, frame(chain.lane_open, lanes)], axis=1)
    n.loads_t.p_set = frame(chain.demand, [f"use {c}" for c in COUNTRIES])
    set_up = time.perf_counter()
    n.optimize.create_model()
    size = n.model.variables["Link-p_nom"]
    cost = {f"project {c}": chain.project_cost[k] for k, c in enumerate(PROJECTS)}
    cost |= {f"buy {name}": price for name, price in RESERVES}
    outlay = sum(size.sel(name=k) * v for k, v in cost.items())
    n.model.add_constraints(outlay <= BUDGET, name="budget")
    built = time.perf_counter()
    n.optimize.solve_model(solver_name="highs", log_to_console=False, threads=1)
    solved = time.perf_counter()
    return {
        "objective": float(n.objective + getattr(n, "objective_constant", 0.0)),
        "import_s": imported - started,
        "build_s": built - imported,
        "set_up_s": set_up - imported,
        "solve_s": solved - built,
    }


def solve_linopy(chain: Chain, *, build_only: bool = False) -> dict[str, Any]:
    """Write the chain as labelled arrays, scenarios as one more dimension."""
    started = time.perf_counter()
    import linopy
    import xarray as xr

    linopy.options["semantics"] = "v1"
    imported = time.perf_counter()
    s = np.arange(chain.scenarios)
    y = np.arange(chain.years)
    over = {"s": s, "y": y}
    lanes = np.arange(len(chain.lane))
    m = linopy.Model()

    def data(values: np.ndarray, **coords: Any) -> xr.DataArray:
        return xr.DataArray(values, coords=coords, dims=list(coords))

    def add(name: str, upper: Any, **coords: Any) -> Any:
        shape = tuple(len(v) for v in coords.values())
        most = np.broadcast_to(upper, shape)
        return m.add_variables(lower=0, upper=data(most, **coords), name=name)

    c = list(COUNTRIES)
    project = add("project", chain.project_most, p=list(PROJECTS))
    reserve = add("reserve", np.inf, r=[i for i, _ in RESERVES])
    mine = add("mine", chain.mine_available * chain.mine_capacity, **over, c=c)
    split = add("split", chain.separation_capacity, **over, c=c)
    extra = add("extra", np.inf, **over, p=list(PROJECTS))
    make = add("make", chain.magnet_capacity, **over, c=c)
    lane = add("lane", chain.lane_open * chain.lane_capacity, **over, lane=lanes)
    unserved = add("unserved", np.inf, **over, c=c)
    unsold = add("unsold", np.inf, **over, i=list(ITEMS), c=c)
    give = add("give", np.inf, **over, r=[i for i, _ in RESERVES])
    price = data(np.array([p for _, p in RESERVES]), r=[i for i, _ in RESERVES])
    capital = data(chain.project_cost, p=list(PROJECTS))
    m.add_constraints((project * capital).sum() + (reserve * price).sum() <= BUDGET)
    m.add_constraints(extra - project <= 0)
    m.add_constraints(give.sum("y") - reserve <= 0)
    source = [(i, a) for i, a, _ in chain.lane]
    sink = [(i, b) for i, _, b in chain.lane]
    for item in ITEMS:
        for country in COUNTRIES:
            terms = [-1 * unsold.sel(i=item, c=country)]
            out = [k for k, pair in enumerate(source) if pair == (item, country)]
            come = [k for k, pair in enumerate(sink) if pair == (item, country)]
            terms += [
                -1 * lane.sel(lane=out).sum("lane"),
                lane.sel(lane=come).sum("lane"),
            ]
            spot = {"c": country}
            if item == "concentrate":
                terms += [1 * mine.sel(spot), -1 * split.sel(spot)]
            else:
                out_of = {"ndpr": NDPR, "dysprosium": DYSPROSIUM}.get(item, 0.0)
                into = {"ndpr": NDPR_USE, "dysprosium": DYSPROSIUM_USE}.get(item, -1.0)
                if out_of:
                    terms.append(out_of * split.sel(spot))
                terms.append(-into * make.sel(spot))
            if country in PROJECTS and item != "magnet":
                share = {"concentrate": -1.0, "ndpr": NDPR, "dysprosium": DYSPROSIUM}
                terms.append(share[item] * extra.sel(p=country))
            if country == HOME and item != "concentrate":
                terms.append(1 * give.sel(r=item))
            use = 0.0
            if item == "magnet":
                terms.append(1 * unserved.sel(spot))
                use = data(chain.demand[:, :, c.index(country)], **over)
            # Coordinates of single picks differ; drop them before adding.
            terms = [
                t.drop_vars([k for k in t.coords if k not in t.dims]) for t in terms
            ]
            m.add_constraints(linopy.merge(terms) == use, name=f"{item} {country}")
    weight = 1.0 / chain.scenarios
    cost = lambda values, **coords: data(weight * values, **coords)  # noqa: E731
    at = [COUNTRIES.index(k) for k in PROJECTS]
    m.add_objective(
        (project * capital).sum()
        + (reserve * price).sum()
        + (mine * cost(chain.mine_cost, c=c)).sum()
        + (split * cost(chain.separation_cost, c=c)).sum()
        + (extra * cost(chain.separation_cost[at], p=list(PROJECTS))).sum()
        + (make * cost(chain.magnet_cost, c=c)).sum()
        + (lane * cost(chain.lane_cost, lane=lanes)).sum()
        + (weight * LOSS * unserved).sum()
    )
    if build_only:
        from linopy.io import to_highspy

        to_highspy(m)
        return {"build_s": time.perf_counter() - imported}
    built = time.perf_counter()
    m.solve(solver_name="highs", log_to_console=False)
    return {
        "objective": float(m.objective.value),
        "import_s": imported - started,
        "build_s": built - imported,
        "solve_s": time.perf_counter() - built,
    }


def main() -> None:
    """Run one program and print one line of JSON."""
    parser = argparse.ArgumentParser()
    parser.add_argument("program", choices=["ours", "pypsa", "linopy"])
    parser.add_argument("--years", type=int, default=5)
    parser.add_argument("--scenarios", type=int, default=10)
    parser.add_argument("--build-only", action="store_true")
    asked = parser.parse_args()
    chain = make_chain(asked.years, asked.scenarios)
    try:
        if asked.program == "pypsa":
            result = solve_pypsa(chain)
        else:
            run = solve_ours if asked.program == "ours" else solve_linopy
            result = run(chain, build_only=asked.build_only)
    except ModuleNotFoundError as lacking:
        if lacking.name not in {"linopy", "pandas", "pypsa", "xarray"}:
            raise
        print(json.dumps({"skipped": f"not installed: {lacking.name}"}))
        return
    result["peak_mb"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps({"program": asked.program, **result}))


if __name__ == "__main__":
    main()
