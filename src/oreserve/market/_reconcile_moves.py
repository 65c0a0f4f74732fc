# SPDX-License-Identifier: Apache-2.0
"""List what reconciliation did to every value, and why."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import polars as pl

from oreserve.market._reconcile_rows import node_names

if TYPE_CHECKING:
    from oreserve.market._reconcile_problem import FitProblem
    from oreserve.network.chain import Chain

__all__ = ["RECONCILIATION", "list_moves"]

Floats = npt.NDArray[np.float64]
Row = dict[str, Any]

LARGE_MOVE = 3.0  # standard errors
CYCLE_CANCELLED = "cycle cancelled"
RECONCILIATION = {
    "table": pl.String,
    "key": pl.String,
    "item": pl.String,
    "country": pl.String,
    "raw": pl.Float64,
    "used": pl.Float64,
    "gross": pl.Float64,
    "net": pl.Float64,
    "sigma": pl.Float64,
    "z": pl.Float64,
    "evidence": pl.String,
    "reason": pl.String,
}


def list_moves(
    chain: Chain,
    problem: FitProblem,
    *,
    netted: Chain,
    final: Chain,
    outlets: frozenset[tuple[int, int]],
) -> pl.DataFrame:
    """List raw and used values of every row, with the reason of each move.

    Parameters
    ----------
    chain
        Raw values, with the assumed lanes.
    problem
        What was fitted.
    netted
        After trade cycles were cancelled, before by-products were settled.
    final
        The balanced chain.
    outlets
        Pairs (from_node, to_node) of the assumed lanes.

    Returns
    -------
    polars.DataFrame
        One row per value, sorted by table and key; columns as in `RECONCILIATION`.
    """
    sigma = problem.split(problem.fit.sigma)
    rows = [
        *_plant_rows(chain, problem, final, sigma[0]),
        *_demand_rows(chain, problem, final, sigma[1]),
        *_lane_rows(chain, problem, netted, final, sigma[2], outlets),
        *_stock_rows(chain, problem, final, sigma[3]),
        *_unsold_rows(final),
    ]
    return pl.DataFrame(rows, schema=RECONCILIATION).sort("table", "key")


def _row(
    table: str,
    key: str,
    place: tuple[str, str],
    *,
    raw: float,
    used: float,
    sigma: float | None,
    evidence: str,
    reasons: list[str],
    gross: float | None = None,
) -> Row:
    """Fill one row; for lanes z is about the gross flow, which was fitted.

    A lane whose cycle was cancelled has no z: what is used is net, and neither the
    gross flow nor its distance from the raw one is anything that the market sees.
    """
    fitted = used if gross is None else gross
    z: float | None = (fitted - raw) / sigma if sigma else 0.0
    if CYCLE_CANCELLED in reasons:
        z = None
    elif z is not None and abs(z) > LARGE_MOVE:
        read = "read, " if evidence == "read" else ""
        reasons = [*reasons, f"{read}moved over 3 sigma"]
    if raw > 0.0 and abs(fitted - raw) > 0.5 * raw:
        reasons = [*reasons, "moved by more than half"]
    return {
        "table": table,
        "key": key,
        "item": place[0],
        "country": place[1],
        "raw": raw,
        "used": used,
        "gross": gross,
        "net": None if gross is None else used,
        "sigma": sigma,
        "z": z,
        "evidence": evidence,
        "reason": "; ".join(reasons) or "weighted fit",
    }


def _plant_rows(
    chain: Chain, problem: FitProblem, final: Chain, sigma: Floats
) -> list[Row]:
    plants = chain.plants
    now = {name: f for f, name in enumerate(final.plants.name)}
    spread = dict(zip(problem.plants.tolist(), sigma.tolist(), strict=True))
    rows = []
    for f, name in enumerate(plants.name):
        g = now[name]
        reasons = [] if f in spread else ["stood still"]
        if final.plants.capacity[g] > plants.capacity[f]:
            reasons.append("capacity raised to base / 0.98")
        if final.plants.idle[g] < plants.idle[f]:
            reasons.append("idle capacity ran")
        item = chain.items[plants.main_item[f]]
        row = _row(
            "plants",
            name,
            (item, chain.countries[plants.country[f]]),
            raw=float(plants.base[f]),
            used=float(final.plants.base[g]),
            sigma=spread.get(f),
            evidence=plants.evidence[f],
            reasons=reasons,
        )
        rows.append(row)
    return rows


def _demand_rows(
    chain: Chain, problem: FitProblem, final: Chain, sigma: Floats
) -> list[Row]:
    demands = chain.demands
    now = {name: d for d, name in enumerate(final.demands.name)}
    names = node_names(chain)
    rows = []
    for d, name in enumerate(demands.name):
        reasons = ["absorber"] if d in problem.absorbers else []
        if name not in now:
            reasons.append("residual use dropped: unsold here")
        row = _row(
            "demands",
            name,
            names[demands.node[d]],
            raw=float(demands.quantity[d]),
            used=float(final.demands.quantity[now[name]]) if name in now else 0.0,
            sigma=float(sigma[d]),
            evidence=demands.evidence[d],
            reasons=reasons,
        )
        rows.append(row)
    return rows


def _lane_rows(
    chain: Chain,
    problem: FitProblem,
    netted: Chain,
    final: Chain,
    sigma: Floats,
    outlets: frozenset[tuple[int, int]],
) -> list[Row]:
    lanes = chain.lanes
    names = node_names(chain)
    rows = []
    for k, lane in enumerate(problem.lanes.tolist()):
        start, end = int(lanes.from_node[lane]), int(lanes.to_node[lane])
        gross, net = netted.lanes.base_gross[lane], netted.lanes.base[lane]
        reasons = ["hub lane"] if (start, end) in outlets else []
        if net < gross:
            reasons.append(CYCLE_CANCELLED)
        if final.lanes.base[lane] < net:
            reasons.append("nothing shipped to be thrown away")
        if final.lanes.capacity[lane] > lanes.capacity[lane]:
            reasons.append("capacity raised to base")
        row = _row(
            "lanes",
            f"{names[start][0]}:{names[start][1]}>{names[end][1]}",
            names[end],
            raw=float(lanes.base[lane]),
            used=float(final.lanes.base[lane]),
            sigma=float(sigma[k]),
            evidence=lanes.evidence[lane],
            reasons=reasons,
            gross=float(gross),
        )
        rows.append(row)
    return rows


def _stock_rows(
    chain: Chain, problem: FitProblem, final: Chain, sigma: Floats
) -> list[Row]:
    """List folded stock changes; a draw is negative."""
    names = node_names(chain)
    spread = dict(zip(problem.stock.tolist(), sigma.tolist(), strict=True))
    demands, plants = final.demands, final.plants
    had = {*chain.demands.name, *chain.plants.name}
    folded = [
        (int(demands.node[d]), name, float(demands.quantity[d]))
        for d, name in enumerate(demands.name)
        if name not in had
    ]
    node_of = dict(
        zip(plants.recipe_plant.tolist(), plants.recipe_node.tolist(), strict=True)
    )
    folded += [
        (node_of[f], name, -float(plants.base[f]))
        for f, name in enumerate(plants.name)
        if name not in had
    ]
    return [
        _row(
            "stock_change",
            name,
            names[node],
            raw=0.0,
            used=change,
            sigma=spread[node],
            evidence="computed",
            reasons=["folded stock"],
        )
        for node, name, change in folded
    ]


def _unsold_rows(final: Chain) -> list[Row]:
    assert final.unsold_base is not None
    names = node_names(final)
    return [
        _row(
            "unsold",
            ":".join(names[node]),
            names[node],
            raw=0.0,
            used=float(final.unsold_base[node]),
            sigma=None,
            evidence="computed",
            reasons=["unsold by-product"],
        )
        for node in np.flatnonzero(final.unsold_base > 0.0).tolist()
    ]
