# SPDX-License-Identifier: Apache-2.0
"""Tables of a plan: what is bought, signed and built, and why."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import polars as pl

from oreserve.planning._columns import PRICE_STEPS
from oreserve.planning._gains import gains
from oreserve.planning._lshaped import Evaluator
from oreserve.planning._programme import tail_weight

if TYPE_CHECKING:
    from oreserve.planning._home import Home
    from oreserve.planning._problem import Problem
    from oreserve.planning._runs import Runs
    from oreserve.study.scenario import Scenario

__all__ = [
    "agreements_table",
    "comparison_table",
    "covered_states",
    "marginal_values",
    "projects_table",
    "reserve_table",
]

Floats = npt.NDArray[np.float64]

DUST = 1e-6
"""Share of its largest amount below which a decision counts as none."""

RESERVE = {
    "item": pl.String,
    "mineral": pl.String,
    "stage": pl.String,
    "year": pl.Int64,
    "tonnes": pl.Float64,
    "unit_price_usd_per_t": pl.Float64,
    "outlay_usd": pl.Float64,
    "robust_share": pl.Float64,
    "why": pl.String,
}
AGREEMENTS = {
    "agreement": pl.String,
    "seller": pl.String,
    "seller_country": pl.String,
    "item": pl.String,
    "mineral": pl.String,
    "rung": pl.String,
    "from": pl.Int64,
    "until": pl.Int64,
    "tonnes_per_year": pl.Float64,
    "outlay_usd": pl.Float64,
    "exposure_usd": pl.Float64,
    "expected_cost_usd": pl.Float64,
    "robust_share": pl.Float64,
    "why": pl.String,
}
PROJECTS = {
    "project": pl.String,
    "title": pl.String,
    "country": pl.String,
    "item": pl.String,
    "mineral": pl.String,
    "stage": pl.String,
    "option": pl.String,
    "start_year": pl.Int64,
    "capacity_t_per_year": pl.Float64,
    "success": pl.Float64,
    "success_alone": pl.Float64,
    "capex_usd": pl.Float64,
    "outlay_usd": pl.Float64,
    "exposure_usd": pl.Float64,
    "robust_share": pl.Float64,
    "why": pl.String,
}


def reserve_table(
    problem: Problem, x: Floats, *, robust: dict[str, float], why: dict[str, str]
) -> pl.DataFrame:
    """List purchases by item and year with the outlay along the price curve."""
    home = problem.home
    cash = problem.programme.first.cash
    rows: list[dict[str, Any]] = []
    for buy in problem.columns.buys:
        if x[buy.column] <= DUST:
            continue
        steps = slice(buy.column + 1, buy.column + 1 + PRICE_STEPS)
        outlay = float(cash[steps] @ x[steps]) * 1e6
        tonnes = float(x[buy.column] * buy.most_t)
        name = home.item[buy.item]
        rows.append(
            {
                "item": name,
                "mineral": home.mineral[buy.item],
                "stage": home.stage[buy.item],
                "year": home.years[buy.year],
                "tonnes": tonnes,
                "unit_price_usd_per_t": outlay / tonnes,
                "outlay_usd": outlay,
                "robust_share": robust.get(name),
                "why": why.get(name, ""),
            }
        )
    return pl.DataFrame(rows, schema=RESERVE).sort("item", "year")


def agreements_table(
    problem: Problem, x: Floats, *, robust: dict[str, float], why: dict[str, str]
) -> pl.DataFrame:
    """List the agreements to sign."""
    home = problem.home
    rows: list[dict[str, Any]] = []
    for column, place in problem.columns.agreements:
        offer = problem.columns.agreement_offers[place]
        if x[column] <= DUST:
            continue
        tonnes = float(x[column] * offer.most_t)
        rows.append(
            {
                "agreement": offer.name,
                "seller": None,
                "seller_country": offer.country,
                "item": offer.item,
                "mineral": home.mineral[home.item_index(offer.item)],
                "rung": offer.rung,
                "from": offer.first_year,
                "until": offer.last_year,
                "tonnes_per_year": tonnes,
                "outlay_usd": tonnes * offer.cash_usd,
                "exposure_usd": tonnes * offer.cash_usd,
                "expected_cost_usd": tonnes * offer.cost_usd,
                "robust_share": robust.get(f"agreement {offer.name}"),
                "why": why.get(offer.item, ""),
            }
        )
    return pl.DataFrame(rows, schema=AGREEMENTS).sort("item", "seller_country")


def projects_table(
    problem: Problem, x: Floats, *, robust: dict[str, float], why: dict[str, str]
) -> pl.DataFrame:
    """List the projects to support, one option each."""
    home = problem.home
    study = home.study
    main = dict(study.table("processes").select("process", "main_item").iter_rows())
    capex = dict(study.table("projects").select("project", "capex_usd").iter_rows())
    rows: list[dict[str, Any]] = []
    for column, place in problem.columns.options:
        offer = problem.columns.project_offers[place]
        if x[column] < 0.5:
            continue
        item = main.get(offer.process)
        at = home.item_index(item) if item else None
        rows.append(
            {
                "project": offer.project,
                "title": offer.project.replace("_", " "),
                "country": offer.country,
                "item": item,
                "mineral": None if at is None else home.mineral[at],
                "stage": None if at is None else home.stage[at],
                "option": offer.option,
                "start_year": offer.start_year,
                "capacity_t_per_year": offer.capacity_t,
                "success": offer.success,
                "success_alone": offer.success_alone,
                "capex_usd": capex.get(offer.project),
                "outlay_usd": offer.exposure_usd,
                "exposure_usd": offer.exposure_usd,
                "robust_share": robust.get(f"project {offer.project}"),
                "why": why.get(item or "", "new tonnes"),
            }
        )
    return pl.DataFrame(rows, schema=PROJECTS).sort("project")


def marginal_values(problem: Problem, x: Floats) -> pl.DataFrame:
    """Compute what one more tonne bought in the best year would be worth.

    The slope of the gains at the plan, weighted with probability and tail: USD of
    expected and tail loss saved per tonne, and per USD of purchase.
    """
    programme = problem.programme
    evaluator = Evaluator(programme)
    cuts = evaluator(x)
    loss = evaluator.scenario_loss(cuts)
    tail = tail_weight(loss, programme.probability, programme.alpha)
    weight = programme.probability + programme.risk_weight * tail
    worth: dict[int, float] = {}
    for group, cut in zip(programme.groups, cuts, strict=True):
        share = np.bincount(group.future, weights=weight, minlength=len(cut.gain))
        slope = cut.averaged(share[None].astype(float))[1][0]
        for place, column in enumerate(group.columns):
            worth[int(column)] = float(slope[place])
    home = problem.home
    rows = []
    for item in sorted({buy.item for buy in problem.columns.buys}):
        buys = problem.columns.buys_of(item)
        value = max(worth.get(b.column, 0.0) / b.most_t for b in buys) * 1e6
        price = float(home.price[item])
        rows.append(
            {
                "item": home.item[item],
                "usd_per_t": value,
                "purchase_usd_per_t": price,
                "value_per_usd": value / price if price > 0.0 else None,
            }
        )
    schema = {
        "item": pl.String,
        "usd_per_t": pl.Float64,
        "purchase_usd_per_t": pl.Float64,
        "value_per_usd": pl.Float64,
    }
    return pl.DataFrame(rows, schema=schema)


def comparison_table(problem: Problem, x: Floats) -> pl.DataFrame:
    """Compare each agreement with spot buying and reserve tonnes at equal money.

    The same money is spent on the item's reserve in the years in order, cheapest
    price steps first; what limits leave unspent is shown. Spot buying moves no
    tonnes to home: users pay the market's price and get what it gives.

    Returns
    -------
    polars.DataFrame
        Expected discounted loss removed by each alone, USD.
    """
    home, first = problem.home, problem.programme.first
    rows: list[dict[str, Any]] = []
    for column, place in problem.columns.agreements:
        if x[column] <= DUST:
            continue
        offer = problem.columns.agreement_offers[place]
        money = float(first.cash[column] * x[column])
        signed = np.zeros_like(x)
        signed[column] = x[column]
        held = np.zeros_like(x)
        left = money
        tonnes = 0.0
        for buy in problem.columns.buys_of(home.item_index(offer.item)):
            for step in range(buy.column + 1, buy.column + 1 + PRICE_STEPS):
                part = min(1.0, left / first.cash[step]) if first.cash[step] else 0.0
                held[step] = part
                held[buy.column] += part / PRICE_STEPS
                left -= part * float(first.cash[step])
            tonnes += float(held[buy.column] * buy.most_t)
        rows.append(
            {
                "agreement": offer.name,
                "item": offer.item,
                "money_usd": money * 1e6,
                "tonnes_per_year": float(x[column] * offer.most_t),
                "agreement_benefit_usd": _benefit(problem, signed),
                "reserve_tonnes": tonnes,
                "reserve_money_usd": (money - left) * 1e6,
                "reserve_benefit_usd": _benefit(problem, held),
                "spot_benefit_usd": 0.0,
            }
        )
    schema = {
        "agreement": pl.String,
        "item": pl.String,
        "money_usd": pl.Float64,
        "tonnes_per_year": pl.Float64,
        "agreement_benefit_usd": pl.Float64,
        "reserve_tonnes": pl.Float64,
        "reserve_money_usd": pl.Float64,
        "reserve_benefit_usd": pl.Float64,
        "spot_benefit_usd": pl.Float64,
    }
    return pl.DataFrame(rows, schema=schema).sort("item", "agreement")


def _benefit(problem: Problem, x: Floats) -> float:
    """Compute the expected loss that some decisions alone remove, USD."""
    touched = np.nonzero(x)[0]
    total = 0.0
    for group in problem.programme.groups:
        if np.isin(group.columns, touched).any():
            gain = gains(group, x).gain[group.future]
            total += float(problem.programme.probability @ gain)
    return total * 1e6


def covered_states(
    home: Home,
    scenarios: tuple[Scenario, ...],
    drivers: tuple[str, ...],
    shock_states: frozenset[tuple[str, str]],
    touching: dict[str, tuple[str, ...]],
    without: Runs,
    having: Runs,
) -> dict[str, str]:
    """Say per item in which driver states the plan serves what was short.

    Returns
    -------
    dict
        Item -> such as ``china_trade: ban (63 %), conflict: war (20 %)``: share of
        the tonnes served, in falling order, at most three.
    """
    saved = np.maximum(without.short - having.short, 0.0)
    found: dict[str, str] = {}
    for item, name in enumerate(home.item):
        rows = home.demand_item == item
        tonnes = saved[:, :, rows].sum(axis=2)
        total = float(tonnes.sum())
        if total <= DUST:
            continue
        by_state: dict[str, float] = defaultdict(float)
        for s, scenario in enumerate(scenarios):
            for t in np.nonzero(tonnes[s] > 0.0)[0]:
                for driver, state in zip(drivers, scenario.states[t], strict=True):
                    if (driver, state) in shock_states and driver in touching[name]:
                        by_state[f"{driver}: {state}"] += float(tonnes[s, t])
        best = sorted(by_state.items(), key=lambda pair: (-pair[1], pair[0]))[:3]
        found[name] = ", ".join(
            f"{state} ({100.0 * part / total:.0f} %)" for state, part in best
        )
    return found
