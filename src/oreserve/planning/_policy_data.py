# SPDX-License-Identifier: Apache-2.0
"""What an operating policy is made of: items, simulated shortages, prices, a plan."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import polars as pl

from oreserve.errors import InputError
from oreserve.market import Commitment, Order, ProjectSupport, Standing
from oreserve.planning._columns import _market_share_limits
from oreserve.planning._groups import TERMINAL_SHARE
from oreserve.planning._home import DEPTH_VALUES, USE_SHARE_LIMIT
from oreserve.planning._offers import project_offers
from oreserve.planning._policy_stage import Futures, Operation
from oreserve.planning._verify import spread_over
from oreserve.planning._world import period_loss, split_by_depth

if TYPE_CHECKING:
    from collections.abc import Sequence

    from oreserve.planning._home import Home
    from oreserve.planning._market import HomeMarket
    from oreserve.planning._runs import Runs
    from oreserve.planning.result import Plan
    from oreserve.study import Study
    from oreserve.study.scenario import Scenario

__all__ = [
    "Given",
    "choose_items",
    "futures_of",
    "item_loss",
    "operation_of",
    "read_plan",
]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

MOST_STEPS = 9
"""Steps of unserved use per item; uses of like loss share one."""

PRICE_STEPS = 4


@dataclass(frozen=True)
class Given:
    """A plan that an operating policy is for: purchases by item and year, contracts.

    Parameters
    ----------
    reserve
        Item, year, tonnes, outlay_usd.
    standing
        All of the plan as the market sees it.
    """

    reserve: pl.DataFrame
    standing: Standing

    @property
    def contracts(self) -> Standing:
        """Return the plan without its purchases."""
        return replace(self.standing, orders=())


def read_plan(plan: Plan | str | Path, home: Home, market: HomeMarket) -> Given:
    """Read a plan, or the folder that it was saved to.

    Raises
    ------
    InputError
        If the folder is no plan of this study.
    """
    if not isinstance(plan, str | Path):
        return Given(plan.frames["reserve"], plan.standing)
    folder = Path(plan)
    if not (folder / "reserve.csv").is_file():
        message = f"{folder} is no folder of a plan: reserve.csv is missing"
        raise InputError(message)
    reserve = pl.read_csv(folder / "reserve.csv", infer_schema_length=None)
    unknown = sorted(set(reserve["item"].to_list()) - set(home.item))
    if unknown:
        message = (
            f"{folder / 'reserve.csv'}: the study has no item {', '.join(unknown)}: "
            f"the plan is of another study"
        )
        raise InputError(message)
    orders = []
    for row in reserve.iter_rows(named=True):
        if row["year"] not in home.years:
            continue
        start = home.starts[int(home.first_period[home.years.index(row["year"])])]
        bid = float(market.bid[home.item_index(row["item"])])
        orders.append(Order(row["item"], start, float(row["tonnes"]), bid))
    agreements = [
        Commitment(
            name=f"plan: {row['agreement']}",
            item=row["item"],
            t_per_year=float(row["tonnes_per_year"]),
            seller_country=row["seller_country"],
            start=date(int(row["from"]), 1, 1),
            until=date(int(row["until"]) + 1, 1, 1),
        )
        for row in _rows(folder / "agreements.csv")
        if row["agreement"]
    ]
    projects: dict[str, ProjectSupport] = {}
    offers = {(o.project, o.option): o for o in project_offers(home)}
    for row in _rows(folder / "projects.csv"):
        offer = offers.get((row["project"], row["option"]))
        if offer is None:
            continue
        start_year = float(offer.start_year)
        projects[offer.project] = ProjectSupport(offer.success, start_year)
        agreements += [
            Commitment(
                name=f"plan: {offer.project} {item}",
                item=item,
                t_per_year=tonnes * offer.open_share,
                seller_country=offer.country,
                seller=offer.project,
                start=date(offer.start_year, 1, 1),
            )
            for item, tonnes in sorted(offer.output.items())
            if offer.open_share > 0.0
        ]
    standing = Standing(tuple(sorted(orders)), tuple(sorted(agreements)), projects)
    return Given(reserve, standing)


def _rows(path: Path) -> list[dict[str, Any]]:
    if not path.is_file():
        return []
    return pl.read_csv(path, infer_schema_length=None).to_dicts()


def item_loss(home: Home, runs: Runs, items: Sequence[int]) -> Floats:
    """Compute (S, T, N) discounted loss on items, million USD."""
    loss = period_loss(home, runs.short, runs.wanted) * home.discount[None, :, None]
    return np.stack(
        [loss[:, :, home.demand_item == i].sum(axis=2) for i in items], axis=2
    ).reshape(*loss.shape[:2], len(items))


def choose_items(
    home: Home, given: Given | None, loss: Floats, count: int, *, buys: bool
) -> list[int]:
    """Return the items with the largest outlay; then those with the largest loss.

    Parameters
    ----------
    loss
        (I,) expected loss of each item without a reserve.
    """
    outlay = np.zeros(len(home.item))
    if given is not None and given.reserve.height:
        sums = given.reserve.group_by("item").agg(pl.col("outlay_usd").sum())
        for name, usd in sums.iter_rows():
            outlay[home.item_index(name)] = usd
    stocks = _stocks(home.study)
    order = sorted(
        range(len(home.item)), key=lambda i: (-outlay[i], -loss[i], home.item[i])
    )
    useful = [
        i
        for i in order
        if home.storable[i]
        and loss[i] > 0.0
        and (
            home.item[i] in stocks
            or outlay[i] > 0.0
            or (buys and np.isfinite(home.price[i]) and home.reachable[i] > 0.0)
        )
    ]
    return sorted(useful[:count])


def _stocks(study: Study) -> dict[str, list[dict[str, Any]]]:
    """List home's stocks with directed release by item."""
    home = set(study.home_countries)
    found: dict[str, list[dict[str, Any]]] = {}
    for row in study.table("stocks").sort("stock").iter_rows(named=True):
        if row["kind"] == "commercial" or row["country"] not in home:
            continue
        if row["release_rule"] != "market":
            found.setdefault(row["item"], []).append(row)
    return found


def operation_of(
    home: Home,
    items: Sequence[int],
    *,
    given: Given | None,
    budget_usd: float,
    buys: bool,
    runs: Runs,
) -> tuple[Operation, list[tuple[Ints, Ints]]]:
    """Collect the numbers of the operation, and how uses fall into steps.

    Returns
    -------
    tuple
        The operation, and for each item (its uses times depth) the step of each.
    """
    settings = home.study.settings
    periods, count = len(home.starts), len(items)
    length = settings.period_years
    stocks = [_stocks(home.study).get(home.item[i], []) for i in items]
    opening = np.array([sum(float(r["quantity_t"]) for r in rows) for rows in stocks])
    price = np.nan_to_num(home.price[list(items)]) / 1e6
    planned = np.zeros((periods, count))
    if given is not None and not buys:
        for row in given.reserve.iter_rows(named=True):
            names = [home.item[i] for i in items]
            if row["item"] in names and row["year"] in home.years:
                t = int(home.first_period[home.years.index(row["year"])])
                planned[t, names.index(row["item"])] += float(row["tonnes"])
    most, unit, bill = _price_steps(home, items, buys=buys)
    steps, where = _use_steps(home, items, runs)
    return (
        Operation(
            item=tuple(home.item[i] for i in items),
            opening=opening,
            purse=budget_usd / 1e6 if buys else 0.0,
            keep=np.array([(1.0 - _lost(rows)) ** length for rows in stocks]),
            storage=home.storage[list(items)] * length / 1e6,
            end_value=TERMINAL_SHARE * price,
            accessible=np.array([_accessible(rows) for rows in stocks]),
            most=np.full(count, np.inf),
            step_item=np.array(
                [n for n, values in enumerate(steps) for _ in values], dtype=np.int64
            ),
            step_value=np.concatenate(steps),
            buy_most=most,
            buy_price=unit,
            bill=bill,
            planned=planned,
            discount=float((1.0 + settings.discount_rate) ** -length),
        ),
        where,
    )


def _lost(rows: Sequence[dict[str, Any]]) -> float:
    shares = [row["loss_share_per_year"] or 0.0 for row in rows]
    return max(shares, default=0.0)


def _accessible(rows: Sequence[dict[str, Any]]) -> float:
    """Return the accessible share; what is bought later is all accessible."""
    total = sum(float(row["quantity_t"]) for row in rows)
    if total <= 0.0:
        return 1.0
    shares = [
        float(row["quantity_t"]) * (1.0 if row["accessible_share"] is None
                                    else float(row["accessible_share"]))
        for row in rows
    ]  # fmt: skip
    return sum(shares) / total


def _price_steps(
    home: Home, items: Sequence[int], *, buys: bool
) -> tuple[Floats, Floats, Floats]:
    """Cut the outlay q p(q) into convex steps: (T, N, B) t, (N, B) prices, bills."""
    periods, count = len(home.starts), len(items)
    length = home.study.settings.period_years
    share = _market_share_limits(home)
    most = np.zeros((periods, count, PRICE_STEPS))
    unit = np.zeros((count, PRICE_STEPS))
    bill = np.zeros((count, PRICE_STEPS))
    for n, i in enumerate(items):
        reach = home.reachable[i] * length
        if not (buys and reach > 0.0 and np.isfinite(home.price[i])):
            continue
        use = home.use[i].max() * length
        top = min(share[i] * reach, USE_SHARE_LIMIT * use)
        edge = np.linspace(0.0, top, PRICE_STEPS + 1)
        price = home.unit_price(i, edge / reach)
        width = top / PRICE_STEPS
        unit[n] = np.diff(edge * price) / max(width, 1e-12) / 1e6
        rise = np.diff(price) * home.net_imports[i] * length
        bill[n] = rise.mean() / max(width, 1e-12) / 1e6
        most[:, n] = width
    return most, unit, bill


def _use_steps(
    home: Home, items: Sequence[int], runs: Runs
) -> tuple[list[Floats], list[tuple[Ints, Ints]]]:
    """Group uses and depths of like loss: values by step, and the step of each."""
    values: list[Floats] = []
    where: list[tuple[Ints, Ints]] = []
    first = 0
    for i in items:
        uses = np.flatnonzero(home.demand_item == i)
        own = (home.loss[uses][:, None] * DEPTH_VALUES[None, :]).ravel()
        size = split_by_depth(runs.short[:, :, uses], runs.wanted[:, :, uses])
        size = size.sum(axis=(0, 1)).ravel() + 1e-12
        order = np.argsort(-own, kind="stable")
        parts = np.array_split(order, min(MOST_STEPS, len(order)))
        step = np.zeros(len(own), dtype=np.int64)
        found = []
        for number, part in enumerate(parts):
            step[part] = first + number
            found.append(float(own[part] @ size[part] / size[part].sum()))
        values.append(np.array(found))
        where.append((uses, step))
        first += len(parts)
    return values, where


def futures_of(
    home: Home,
    runs: Runs,
    scenarios: Sequence[Scenario],
    *,
    items: Sequence[int],
    where: Sequence[tuple[Ints, Ints]],
    steps: int,
    state: Ints,
    fillable: Floats,
    count: int,
    loss: Floats,
) -> list[list[Futures]]:
    """Pick the futures of each period and state from the simulations.

    Those of the same period come first; where they are fewer than asked, those of
    the next nearest periods are added. Of more than asked, some are taken that are
    spread over their losses.

    Parameters
    ----------
    state
        (S, T) merged state.
    loss
        (S, T) on all items, for the spread.
    """
    total, periods = state.shape
    size = np.zeros((total, periods, steps))
    for uses, step in where:
        parts = split_by_depth(runs.short[:, :, uses], runs.wanted[:, :, uses])
        parts = parts.reshape(total, periods, -1)
        for column, place in enumerate(step):
            size[:, :, int(place)] += parts[:, :, column]
    allowed = np.array(
        [
            [[one.release_for(home.item[i], t) > 0.0 for i in items]
             for t in range(periods)]
            for one in scenarios
        ],
        dtype=float,
    )  # fmt: skip
    made = []
    for t in range(periods):
        row = []
        for m in range(int(state.max()) + 1):
            picked = _picked(state, t, m, count, loss)
            s, at = picked[:, 0], picked[:, 1]
            row.append(
                Futures(
                    size=size[s, at],
                    allowed=allowed[s, at],
                    fillable=fillable[s, at][:, list(items)],
                )
            )
        made.append(row)
    return made


def _picked(state: Ints, t: int, m: int, count: int, loss: Floats) -> Ints:
    """Return (K, 2) scenarios and periods for a period and state."""
    periods = state.shape[1]
    found: list[tuple[int, int]] = []
    for away in range(periods):
        near = [p for p in {t - away, t + away} if 0 <= p < periods]
        for p in sorted(near):
            found += [(int(s), p) for s in np.flatnonzero(state[:, p] == m)]
        if len(found) >= count:
            break
    pairs = np.array(found, dtype=np.int64).reshape(-1, 2)
    if len(pairs) > count:
        pairs = pairs[spread_over(loss[pairs[:, 0], pairs[:, 1]], count)]
    return pairs
