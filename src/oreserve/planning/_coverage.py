# SPDX-License-Identifier: Apache-2.0
"""What is covered, what is not and why, and what could not be modelled."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import polars as pl

from oreserve.market import BASE_BLOCK, beyond_block
from oreserve.planning._world import period_loss

if TYPE_CHECKING:
    from oreserve.planning._home import Home
    from oreserve.planning._problem import Problem
    from oreserve.planning._runs import Runs

__all__ = [
    "build_up_table",
    "coverage_table",
    "requirements_table",
    "worst_places",
    "worst_scenarios",
]

Floats = npt.NDArray[np.float64]

COVERED = 0.9
"""Share of expected loss removed from which an item counts as covered."""

SLIGHT = 0.02
"""Change of an expected loss, as a share, that is nothing to speak of."""

SERVED = f"home is served in every scenario, to within {100 * BASE_BLOCK:g} % of use"

HOME_LIST = "US 2025"

COVERAGE = {
    "mineral": pl.String,
    "item": pl.String,
    "stage": pl.String,
    "modelled": pl.Boolean,
    "status": pl.String,
    "reason": pl.String,
    "expected_loss_without_usd": pl.Float64,
    "expected_loss_with_usd": pl.Float64,
    "covered_share": pl.Float64,
    "wanted_t": pl.Float64,
    "shortfall_without_t": pl.Float64,
    "shortfall_with_t": pl.Float64,
    "states": pl.String,
}


def coverage_table(
    problem: Problem, x: Floats, without: Runs, having: Runs, states: dict[str, str]
) -> pl.DataFrame:
    """List every item of home with its loss and shortage, with and without.

    Losses are discounted means over the verification scenarios; tonnes are means
    over the horizon. Items that are not covered carry the reason; minerals of the
    list without an item close the table as not modelled.
    """
    home = problem.home
    loss_without = _by_item(home, period_loss(home, without.short, without.wanted))
    loss_with = _by_item(home, period_loss(home, having.short, having.wanted))
    tonnes = {
        "wanted_t": _tonnes(home, without.wanted),
        "shortfall_without_t": _tonnes(home, without.short),
        "shortfall_with_t": _tonnes(home, having.short),
    }
    # Who is short: beyond the block that is worth the base price.
    counted = _tonnes(home, beyond_block(without.short, without.wanted, home.block))
    bought = problem.bought(x).sum(axis=1)
    rows: list[dict[str, Any]] = []
    for item, name in enumerate(home.item):
        before, after = float(loss_without[item]), float(loss_with[item])
        share = 1.0 - after / before if before > 0.0 else None
        status, reason = _status(problem, x, item, bought[item], share, counted[item])
        rows.append(
            {
                "mineral": home.mineral[item],
                "item": name,
                "stage": home.stage[item],
                "modelled": True,
                "status": status,
                "reason": reason,
                "expected_loss_without_usd": before * 1e6,
                "expected_loss_with_usd": after * 1e6,
                "covered_share": share,
                "states": states.get(name, ""),
                **{key: float(value[item]) for key, value in tonnes.items()},
            }
        )
    rows += unmodelled_rows(home)
    frame = pl.DataFrame(rows, schema=COVERAGE)
    return frame.sort("modelled", "mineral", "item", descending=[True, False, False])


def unmodelled_rows(home: Home) -> list[dict[str, Any]]:
    """List minerals of the study's lists that have no item."""
    modelled = set(home.mineral)
    lists = home.study.table("lists")
    names = lists["list"].unique().to_list()
    chosen = [HOME_LIST] if HOME_LIST in names else sorted(names)
    rows: list[dict[str, Any]] = []
    seen: set[str] = set()
    for row in lists.sort("mineral", "list").iter_rows(named=True):
        mineral = row["mineral"]
        if row["list"] not in chosen or mineral in modelled or mineral in seen:
            continue
        seen.add(mineral)
        rows.append(
            dict.fromkeys(COVERAGE)
            | {
                "mineral": mineral,
                "modelled": False,
                "status": "not modelled",
                "reason": row["unmodelled_reason"] or "the study has no item for it",
            }
        )
    return rows


def _by_item(home: Home, loss: Floats) -> Floats:
    """Sum (S, T, D) to the discounted mean per item."""
    mean = np.einsum("std,t->d", loss, home.discount) / len(loss)
    total = np.bincount(home.demand_item, weights=mean, minlength=len(home.item))
    return np.asarray(total, dtype=float)


def _tonnes(home: Home, table: Floats) -> Floats:
    """Sum (S, T, D) tonnes over the horizon, mean over scenarios, per item."""
    mean = table.sum(axis=1).mean(axis=0)
    total = np.bincount(home.demand_item, weights=mean, minlength=len(home.item))
    return np.asarray(total, dtype=float)


def _status(
    problem: Problem,
    x: Floats,
    item: int,
    bought: float,
    share: float | None,
    short: float,
) -> tuple[str, str]:
    """Say whether an item is covered, and if not, why."""
    home = problem.home
    uses = home.demand_item == item
    if not uses.any():
        return "not used at home", _upstream_reason(problem, item)
    if short <= 0.0:
        return "never short", SERVED
    if not home.loss_known[uses].any():
        return "not valued", "the study has no loss per tonne for it"
    if share is not None and share >= COVERED:
        return "covered", ""
    if share is not None and share < -SLIGHT:
        return "not covered", "projects that the plan supports take some of it"
    reason = _why_not(problem, x, item, bought)
    return ("partly covered" if share and share > 0.05 else "not covered"), reason


def _why_not(problem: Problem, x: Floats, item: int, bought: float) -> str:
    """Give the first rule that keeps an item from being bought, or bought more."""
    home = problem.home
    if not home.storable[item]:
        return "cannot be stored"
    if not np.isfinite(home.price[item]):
        return "no price in the study: it cannot be bought"
    if home.reachable[item] <= 0.0:
        return (
            "no supply without a measure on home: whoever makes it lives on "
            "controlled feed"
        )
    most = sum(buy.most_t for buy in problem.columns.buys_of(item))
    loss = float(home.loss[home.demand_item == item].max(initial=0.0)) * 1e6
    if bought <= 0.0 and loss < home.price[item]:
        return f"a tonne short costs home {loss:,.0f} USD, less than its price"
    if most > 0.0 and bought >= 0.95 * most:
        return "bought up to the limit on market share or use"
    if problem.budget_binds(x):
        return "other decisions save more per USD of the budget"
    # With money left, price is the reason, unless nothing can come in time.
    if bought <= 0.0 and _late_project(problem, x, item):
        return "it comes too late: the project that makes it starts after the horizon"
    return "more of it would save less than it costs"


def _late_project(problem: Problem, x: Floats, item: int) -> bool:
    """Return whether a supported project makes an item only after the horizon."""
    last = problem.home.starts[-1].year
    return any(
        x[column] > 0.5
        and problem.home.item[item] in problem.columns.project_offers[place].output
        and problem.columns.project_offers[place].start_year > last
        for column, place in problem.columns.options
    )


def _upstream_reason(problem: Problem, item: int) -> str:
    """Say why an item that home does not use itself is not held."""
    home = problem.home
    study = home.study
    makers = study.table("recipes").filter(
        (pl.col("item") == home.item[item]) & (pl.col("coefficient") < 0.0)
    )["process"]
    own = study.table("plants").filter(
        pl.col("country").is_in(home.study.home_countries)
    )["process"]
    if makers.is_in(own.to_list()).any():
        return "home plants use it; a release goes to home's unserved uses only"
    if len(makers):
        return f"{home.item[item]} held, but no home plant can turn it into anything"
    return "home has no use for it"


def worst_scenarios(
    home: Home,
    scenarios: tuple[Any, ...],
    without: Runs,
    having: Runs,
    base_price: Floats,
    *,
    drivers: tuple[str, ...],
    shock_states: frozenset[tuple[str, str]],
    count: int = 5,
) -> pl.DataFrame:
    """List items, period by period, in the scenarios with the largest loss."""
    before = period_loss(home, without.short, without.wanted)
    after = period_loss(home, having.short, having.wanted)
    total = before.sum(axis=2) @ home.discount
    rows: list[dict[str, Any]] = []
    order = np.argsort(-total, kind="stable")[:count]
    matter = _matter(home, before[order])
    for rank, s in enumerate(order, start=1):
        for t, start in enumerate(home.starts):
            states = "; ".join(
                f"{driver}: {state}"
                for driver, state in zip(drivers, scenarios[s].states[t], strict=True)
                if (driver, state) in shock_states
            )
            for item in matter:
                uses = home.demand_item == item
                price = float(without.price[s, t, item])
                rows.append(
                    {
                        "scenario": scenarios[s].number,
                        "rank": rank,
                        "period": f"{start:%Y-%m}",
                        "states": states or "calm",
                        "item": home.item[item],
                        "mineral": home.mineral[item],
                        "wanted_t": float(without.wanted[s, t, uses].sum()),
                        "served_without_t": float(without.served[s, t, uses].sum()),
                        "served_with_t": float(having.served[s, t, uses].sum()),
                        "price_usd_per_t": price if np.isfinite(price) else None,
                        "price_base_usd_per_t": (
                            float(base_price[item])
                            if np.isfinite(base_price[item])
                            else None
                        ),
                        "loss_without_usd": float(before[s, t, uses].sum()) * 1e6,
                        "loss_with_usd": float(after[s, t, uses].sum()) * 1e6,
                    }
                )
    return pl.DataFrame(rows, infer_schema_length=None)


def _matter(home: Home, loss: Floats, most: int = 12) -> list[int]:
    """Pick the items that lose most in some scenarios."""
    by_use = loss.sum(axis=(0, 1))
    by_item = np.bincount(home.demand_item, weights=by_use, minlength=len(home.item))
    order = np.argsort(-by_item, kind="stable")[:most]
    return sorted(int(i) for i in order if by_item[i] > 0.0)


def build_up_table(home: Home, having: Runs, x_bought: Floats) -> pl.DataFrame:
    """List the reserve's level by item and year: median over scenarios.

    `target_t` is everything ordered up to that year.
    """
    rows: list[dict[str, Any]] = []
    for item, name in enumerate(home.item):
        if x_bought[item].sum() <= 0.0:
            continue
        ordered = np.cumsum(x_bought[item])
        for number, year in enumerate(home.years):
            last = max(t for t, s in enumerate(home.starts) if s.year == year)
            rows.append(
                {
                    "item": name,
                    "mineral": home.mineral[item],
                    "year": year,
                    "stock_t": float(np.median(having.stock[:, last, item])),
                    "target_t": float(ordered[number]),
                }
            )
    schema = {
        "item": pl.String,
        "mineral": pl.String,
        "year": pl.Int64,
        "stock_t": pl.Float64,
        "target_t": pl.Float64,
    }
    return pl.DataFrame(rows, schema=schema)


def worst_places(home: Home, without: Runs, alpha: float) -> list[int]:
    """List the worst (1 - alpha) of scenarios by discounted loss, worst first."""
    loss = period_loss(home, without.short, without.wanted).sum(axis=2)
    total = loss @ home.discount
    count = max(1, round(len(total) * (1.0 - alpha)))
    return [int(place) for place in np.argsort(-total, kind="stable")[:count]]


def requirements_table(
    home: Home, without: Runs, served_at_base: Floats, alpha: float
) -> pl.DataFrame:
    """Compare need and supply in the worst scenarios by class, year and item.

    The need is the row of `requirements` (its case) where there is one, else the
    use at base prices. `initial_shortfall_t` is what is missing before anybody
    reacts to prices, in the mean of the scenarios; `net_shortfall_t` what is left
    after the market, standing agreements and the stocks held today, of uses that are
    short beyond their base block; the reserve needed equals it.

    Parameters
    ----------
    without
        (S, T, D) the worst scenarios without a plan.
    served_at_base
        (S, T, D) tonnes that base supply would serve there.
    """
    need_of = {
        (row["demand"], row["year"]): (row["quantity_t"], row["case"])
        for row in home.study.table("requirements").iter_rows(named=True)
    }
    length = home.study.settings.period_years
    held: dict[tuple[str, int, int, str], list[float]] = {}
    for use, demand in enumerate(home.demand):
        for t, start in enumerate(home.starts):
            wanted = float(without.wanted[:, t, use].mean())
            known = need_of.get((demand, start.year))
            need = wanted if known is None else known[0] * length
            case = f"worst {100 * (1 - alpha):.0f} %" if known is None else known[1]
            market = min(wanted, float(served_at_base[:, t, use].mean()))
            short = beyond_block(
                without.short[:, t, use], without.wanted[:, t, use], home.block[use]
            )
            served = wanted - float(short.mean())
            cell = held.setdefault(
                (
                    home.demand_class[use],
                    start.year,
                    int(home.demand_item[use]),
                    case,
                ),
                [0.0, 0.0, 0.0],
            )
            cell[0] += need
            cell[1] += max(0.0, need - market)
            cell[2] += max(0.0, need - served)
    rows = []
    for (klass, year, item, case), (need, initial, net) in sorted(held.items()):
        if max(initial, net) <= 1e-6 * need:
            continue
        price = float(home.price[item])
        rows.append(
            {
                "class": klass,
                "year": year,
                "mineral": home.mineral[item],
                "item": home.item[item],
                "case": case,
                "need_t": need,
                "initial_shortfall_t": initial,
                "net_shortfall_t": net,
                "reserve_needed_t": net,
                "reserve_needed_usd": net * price if np.isfinite(price) else None,
            }
        )
    schema = {
        "class": pl.String,
        "year": pl.Int64,
        "mineral": pl.String,
        "item": pl.String,
        "case": pl.String,
        "need_t": pl.Float64,
        "initial_shortfall_t": pl.Float64,
        "net_shortfall_t": pl.Float64,
        "reserve_needed_t": pl.Float64,
        "reserve_needed_usd": pl.Float64,
    }
    return pl.DataFrame(rows, schema=schema)
