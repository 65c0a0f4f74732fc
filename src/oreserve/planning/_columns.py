# SPDX-License-Identifier: Apache-2.0
"""The first stage: one column per purchase, agreement and project option."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
from scipy import sparse

from oreserve.planning._groups import TERMINAL_SHARE, delivery_periods
from oreserve.planning._home import MARKET_SHARE_LIMIT, USE_SHARE_LIMIT
from oreserve.planning._programme import FirstStage

if TYPE_CHECKING:
    from collections.abc import Iterator

    from oreserve.planning._home import Home
    from oreserve.planning._offers import AgreementOffer, ProjectOffer
    from oreserve.planning._world import World

__all__ = ["Buy", "ColumnMap", "build_columns"]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

PRICE_STEPS = 8
"""Segments of the outlay of one purchase."""


@dataclass(frozen=True)
class Buy:
    """A purchase of an item in a year, up to `most_t` tonnes."""

    column: int
    item: int
    year: int
    most_t: float


@dataclass(frozen=True)
class ColumnMap:
    """Which column is which decision."""

    buys: tuple[Buy, ...]
    agreements: tuple[tuple[int, int], ...]  # column, place in `agreement_offers`
    options: tuple[tuple[int, int], ...]  # column, place in `project_offers`
    agreement_offers: tuple[AgreementOffer, ...]
    project_offers: tuple[ProjectOffer, ...]
    item_names: tuple[str, ...]
    _buys_of: dict[int, list[Buy]] = field(default_factory=dict, repr=False)

    def buys_of(self, item: int) -> list[Buy]:
        """Return the purchases of an item."""
        if not self._buys_of:
            for buy in self.buys:
                self._buys_of.setdefault(buy.item, []).append(buy)
        return self._buys_of.get(item, [])

    def of_items(self, members: list[int]) -> Ints:
        """Return the columns that bring tonnes of any of the items, sorted."""
        names = {self.item_names[item] for item in members}
        found = {buy.column for buy in self.buys if buy.item in set(members)}
        for column, place in self.agreements:
            if self.agreement_offers[place].item in names:
                found.add(column)
        for column, place in self.options:
            if names & set(self.project_offers[place].output):
                found.add(column)
        return np.array(sorted(found), dtype=np.int64)

    def supply_of(
        self, home: Home, world: World, item: int
    ) -> Iterator[tuple[int, Floats]]:
        """Yield columns that supply an item and (S, T) tonnes at column value 1."""
        name = self.item_names[item]
        length = home.study.settings.period_years
        year = np.array([start.year for start in home.starts])
        for column, place in self.agreements:
            offer = self.agreement_offers[place]
            if offer.item == name:
                inside = (year >= offer.first_year) & (year <= offer.last_year)
                factor = world.agreement_share[:, :, place] * inside
                yield column, factor * offer.most_t * length
        draws, late = world.draws, world.late
        for column, place in self.options:
            project = self.project_offers[place]
            tonnes = project.output.get(name, 0.0)
            if tonnes <= 0.0:
                continue
            number = world.project.index(project.project)
            draw = draws[:, number]
            stands = (draw < project.success) & (draw >= project.success_alone)
            ramp = project.ramp_in(year, late[:, number])
            pair = world.project_item.index((project.project, name))
            share = world.project_share[:, :, pair] * ramp * stands[:, None]
            yield column, share * tonnes * length


def build_columns(
    home: Home,
    world: World,
    *,
    agreement_offers: tuple[AgreementOffer, ...],
    project_offers: tuple[ProjectOffer, ...],
    buyable: set[int],
    budget_usd: float,
    instruments: tuple[str, ...] = ("reserve", "agreements", "projects"),
) -> tuple[FirstStage, ColumnMap]:
    """Write all decisions with their costs, and the limits on them."""
    sheet = _Sheet()
    buys = _add_buys(sheet, home, world, buyable) if "reserve" in instruments else []
    agreements = []
    if "agreements" in instruments:
        for place, offer in enumerate(agreement_offers):
            column = sheet.column(
                f"agreement {offer.name}",
                "agreement",
                amount=offer.most_t,
                cost=offer.cost_usd * offer.most_t / 1e6,
                cash=offer.cash_usd * offer.most_t / 1e6,
            )
            agreements.append((column, place))
    options: list[tuple[int, int]] = []
    if "projects" in instruments:
        by_project: dict[str, list[int]] = {}
        for place, project in enumerate(project_offers):
            if project.option == "none" or project.success <= project.success_alone:
                continue
            column = sheet.column(
                f"project {project.project} option {project.option}",
                "option",
                cost=project.cost_usd / 1e6,
                cash=project.exposure_usd / 1e6,
                integer=True,
            )
            options.append((column, place))
            by_project.setdefault(project.project, []).append(column)
        for name, members in sorted(by_project.items()):
            sheet.row(dict.fromkeys(members, 1.0), f"one option of {name}", upper=1.0)
    found = ColumnMap(
        buys=tuple(buys),
        agreements=tuple(agreements),
        options=tuple(options),
        agreement_offers=agreement_offers,
        project_offers=project_offers,
        item_names=home.item,
    )
    _add_limits(sheet, home, found)
    return sheet.first_stage(budget_usd / 1e6), found


class _Sheet:
    """Columns and rows while they are collected."""

    def __init__(self) -> None:
        self.columns: list[tuple[str, str, float, float, float, bool]] = []
        self.rows: list[tuple[dict[int, float], str, float, float, float]] = []

    def column(
        self,
        name: str,
        kind: str,
        *,
        amount: float = 1.0,
        cost: float = 0.0,
        cash: float = 0.0,
        integer: bool = False,
    ) -> int:
        self.columns.append((name, kind, amount, cost, cash, integer))
        return len(self.columns) - 1

    def row(
        self,
        entries: dict[int, float],
        name: str,
        *,
        lower: float = -np.inf,
        upper: float = np.inf,
        size: float = 1.0,
    ) -> None:
        self.rows.append((entries, name, lower, upper, size))

    def first_stage(self, budget: float) -> FirstStage:
        name, kind, amount, cost, cash, integer = (
            (list(part) for part in zip(*self.columns, strict=True))
            if self.columns
            else ([], [], [], [], [], [])
        )
        row, column, value = [], [], []
        for number, (entries, *_) in enumerate(self.rows):
            for place, entry in sorted(entries.items()):
                row.append(number)
                column.append(place)
                value.append(entry)
        shape = (len(self.rows), len(name))
        return FirstStage(
            name=tuple(name),
            kind=tuple(kind),
            amount=np.array(amount, dtype=float),
            lower=np.zeros(len(name)),
            upper=np.ones(len(name)),
            cost=np.array(cost, dtype=float),
            cash=np.array(cash, dtype=float),
            integer=np.array(integer, dtype=bool),
            matrix=sparse.csr_array((value, (row, column)), shape=shape, dtype=float),
            row_lower=np.array([r[2] for r in self.rows], dtype=float),
            row_upper=np.array([r[3] for r in self.rows], dtype=float),
            row_name=tuple(r[1] for r in self.rows),
            budget=budget,
            row_size=np.array([r[4] for r in self.rows], dtype=float),
        )


def _add_buys(sheet: _Sheet, home: Home, world: World, buyable: set[int]) -> list[Buy]:
    """Add purchases with their price steps; an order is paid when it is filled."""
    delivered = delivery_periods(home, world)
    periods = len(home.starts)
    discount = np.append(home.discount, 0.0)
    length = home.study.settings.period_years
    later = np.append(np.cumsum(home.discount[::-1])[::-1] - home.discount, 0.0)
    share_limit = _market_share_limits(home)
    buys: list[Buy] = []
    for item in sorted(buyable):
        reach, price = home.reachable[item], home.price[item]
        for year in range(len(home.years)):
            most = min(
                share_limit[item] * reach, USE_SHARE_LIMIT * home.use[item, year]
            )
            if not most > 0.0 or not np.isfinite(price):
                continue
            when = delivered[:, item, year]
            ever = when < periods
            paid = float(discount[when].mean())
            end = TERMINAL_SHARE * price * home.horizon_discount
            held = float((later[when] * ever).mean()) * home.storage[item] * length
            parent = sheet.column(
                f"buy {home.item[item]} {home.years[year]}",
                "buy",
                amount=most,
                cost=most * (held - end * float(ever.mean())) / 1e6,
            )
            edge = np.linspace(0.0, most, PRICE_STEPS + 1)
            unit = home.unit_price(item, edge / reach)
            outlay = np.diff(edge * unit)
            rise = np.diff(unit) * home.net_imports[item]
            # A concave bill would break the order of the steps: take its chord.
            if (np.diff(rise) < 0.0).any():
                rise = np.full(PRICE_STEPS, rise.mean())
            at_order = float(home.discount[home.first_period[year]])
            entries = {parent: 1.0}
            for step in range(PRICE_STEPS):
                column = sheet.column(
                    f"step {step} of {home.item[item]} {home.years[year]}",
                    "step",
                    cost=(outlay[step] * paid + rise[step] * at_order) / 1e6,
                    cash=outlay[step] / 1e6,
                )
                entries[column] = -1.0 / PRICE_STEPS
            sheet.row(
                entries,
                f"steps of {home.item[item]} {home.years[year]}",
                lower=0.0,
                upper=0.0,
            )
            buys.append(Buy(parent, item, year, float(most)))
    return buys


def _market_share_limits(home: Home) -> Floats:
    """Read the largest share of reachable supply per item: limits, else 10 %."""
    share = np.full(len(home.item), MARKET_SHARE_LIMIT)
    for row in home.study.table("limits").iter_rows(named=True):
        if row["max_market_share"] is None or row["instrument"] not in {
            None,
            "reserve",
        }:
            continue
        for item in range(len(home.item)):
            if _names_item(home, row, item):
                share[item] = row["max_market_share"]
    return share


def _names_item(home: Home, row: dict[str, Any], item: int) -> bool:
    """Return whether a limit names an item, its mineral, or neither."""
    if row["item"] is not None:
        return bool(row["item"] == home.item[item])
    return bool(row["mineral"] is None or row["mineral"] == home.mineral[item])


def _add_limits(sheet: _Sheet, home: Home, found: ColumnMap) -> None:
    """Add a row per limit on money or tonnes of the plan, most or least."""
    for row in home.study.table("limits").sort("limit").iter_rows(named=True):
        for field_name, part, unit in (
            ("max_usd", _CASH, 1e6),
            ("max_t", _AMOUNT, 1.0),
            ("min_usd", _CASH, 1e6),
            ("min_t", _AMOUNT, 1.0),
        ):
            if row[field_name] is None:
                continue
            entries: dict[int, float] = {}
            if row["instrument"] in {None, "reserve"} and row["country"] is None:
                entries |= _limited_buys(sheet, home, found, row, part)
            if row["instrument"] in {None, "agreements", "projects"}:
                entries |= _limited_contracts(sheet, home, found, row, part)
            bound = row[field_name] / unit
            least = field_name.startswith("min")
            # A least amount of what nothing can bring contradicts itself: say so.
            if entries or (least and bound > 0.0):
                scale = max(entries.values(), default=1.0) or 1.0
                sheet.row(
                    {c: v / scale for c, v in entries.items()},
                    f"{row['limit']} ({field_name})",
                    lower=bound / scale if least else -np.inf,
                    upper=np.inf if least else bound / scale,
                    size=scale * unit,
                )


_AMOUNT, _CASH = 2, 4
"""Places in a row of `_Sheet.columns`."""


def _size(sheet: _Sheet, column: int, part: int) -> float:
    row = sheet.columns[column]
    return row[2] if part == _AMOUNT else row[4]


def _limited_buys(
    sheet: _Sheet, home: Home, found: ColumnMap, row: dict[str, Any], part: int
) -> dict[int, float]:
    """Collect the purchases that a limit names."""
    entries: dict[int, float] = {}
    for buy in found.buys:
        named = _names_item(home, row, buy.item)
        if not named or row["year"] not in {None, home.years[buy.year]}:
            continue
        columns = (
            [buy.column]
            if part == _AMOUNT
            else range(buy.column + 1, buy.column + 1 + PRICE_STEPS)
        )
        entries |= {column: _size(sheet, column, part) for column in columns}
    return entries


def _limited_contracts(
    sheet: _Sheet, home: Home, found: ColumnMap, row: dict[str, Any], part: int
) -> dict[int, float]:
    """Collect the agreements and the money for projects that a limit names."""
    where = None if row["country"] is None else home.study.members(row["country"])
    entries: dict[int, float] = {}
    if row["instrument"] != "projects":
        for column, place in found.agreements:
            offer = found.agreement_offers[place]
            here = where is None or offer.country in where
            if here and _names_item(home, row, home.item_index(offer.item)):
                entries[column] = _size(sheet, column, part)
    if row["instrument"] != "agreements" and part == _CASH:
        for column, place in found.options:
            project = found.project_offers[place]
            here = where is None or project.country in where
            items = [home.item_index(item) for item in project.output]
            if here and any(_names_item(home, row, item) for item in items):
                entries[column] = _size(sheet, column, part)
    return entries
