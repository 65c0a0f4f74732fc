# SPDX-License-Identifier: Apache-2.0
"""Prices outside a band, split markets, thin quotes, and series that jump."""

from __future__ import annotations

import math
import statistics
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

import polars as pl

from oreserve.study import base_prices
from oreserve.study.prices import KIND_ORDER, THIN_SHARE, market_order
from oreserve.watch._alert import LEVELS, Alert, Evidence
from oreserve.watch._names import title

if TYPE_CHECKING:
    from collections.abc import Iterator

    from oreserve.study import Study
    from oreserve.watch._alert import Exposed
    from oreserve.watch._home import Home

__all__ = ["observation_alerts", "price_alerts"]

OLD_DAYS = 366  # a quote older than this says little about today


def price_alerts(
    study: Study,
    home: Home,
    *,
    on: date,
    within_days: int,
    band: tuple[float, float],
    alarm: float,
    split: float,
) -> Iterator[Alert]:
    """Yield alerts on the newest price of each item in home's markets.

    The newest price that is not thin is held against the base price of home. A
    thin quote (under 5 % of trade pays it) is told as such and never as the world
    price. Inside and outside are compared where both are quoted.
    """
    rows = _known(study, on)
    base = {
        row["item"]: row
        for row in base_prices(study)
        .filter(pl.col("country").is_in(list(home.countries)))
        .sort("item", "country")
        .unique("item", keep="first", maintain_order=True)
        .iter_rows(named=True)
    }
    outside = _outside(study, rows, home)
    inside = _newest(rows.filter(pl.col("kind") == "inside"))
    for item in sorted({*outside, *inside}):
        found = outside.get(item, {})
        firm, thin = found.get("firm"), found.get("thin")
        reference = base.get(item)
        common: dict[str, Any] = {"on": on, "within_days": within_days, "home": home}
        if firm is not None and reference is not None:
            ratio = firm["usd_per_t"] / reference["usd_per_t"]
            if reference["usd_per_t"] > 0 and not band[0] <= ratio <= band[1]:
                yield _price_alert(
                    item,
                    "outside_band",
                    "alarm" if ratio >= alarm else "warning",
                    f"{title(item)} costs {ratio:.1f} times the base price",
                    (_quote(firm), f"base: {_quote(reference)}",
                     f"band: {band[0]:g} to {band[1]:g} times the base"),
                    (firm, reference),
                    **common,
                )  # fmt: skip
        if thin is not None and reference is not None and reference["usd_per_t"] > 0:
            ratio = thin["usd_per_t"] / reference["usd_per_t"]
            if not band[0] <= ratio <= band[1]:
                yield _price_alert(
                    item,
                    "thin_quote",
                    "notice",
                    f"{title(item)}: a thin quote at {ratio:.1f} times the base price",
                    (_quote(thin), _thin_text(thin)),
                    (thin, reference),
                    **common,
                )  # fmt: skip
        within = inside.get(item)
        shown = firm or thin
        if within is not None and shown is not None and within["usd_per_t"] > 0:
            ratio = shown["usd_per_t"] / within["usd_per_t"]
            if ratio >= split:
                yield _price_alert(
                    item,
                    "split",
                    "notice" if firm is None else "warning",
                    f"{title(item)} costs {ratio:.1f} times as much outside as inside "
                    f"{within['market']}",
                    (f"outside: {_quote(shown)}", f"inside: {_quote(within)}",
                     *(["the outside quote is thin"] if firm is None else [])),
                    (shown, within),
                    **common,
                )  # fmt: skip


def _price_alert(
    item: str,
    event: str,
    level: str,
    what: str,
    why: tuple[str, ...],
    rows: tuple[dict[str, Any], ...],
    *,
    on: date,
    within_days: int,
    home: Home,
) -> Alert:
    day = period_start(rows[0]["period"])
    old = day is None or (on - day).days > OLD_DAYS + _length(rows[0]["period"])
    if old:
        level, why = "info", (*why, "the quote is more than a year old")
    stakes = home.stakes([item])
    level = _level_at_stake(level, stakes["exposed"][0])
    keys = ("item", "market", "period", "kind")
    return Alert(
        kind="price",
        subject=item,
        event=event,
        level=level,
        what=what,
        why=why,
        evidence=tuple(
            Evidence(
                "prices",
                "/".join(str(row[k]) for k in keys),
                row["source_id"],
                row["evidence"],
            )
            for row in rows
        ),
        day=day,
        valid_until=on + timedelta(days=within_days),
        first_seen=on,
        items=(item,),
        **stakes,
    )


def _level_at_stake(level: str, stake: Exposed) -> str:
    """Lower a level by one where home imports nothing, to info without any use."""
    if stake.at_stake_t_per_year != 0:
        return level
    if stake.use_t_per_year == 0:
        return LEVELS[0]
    return LEVELS[max(0, LEVELS.index(level) - 1)]


def period_start(period: str) -> date | None:
    """Return the first day of `2024` or `2024-06`; None if it is neither.

    Examples
    --------
    >>> period_start("2024-06"), period_start("2024")
    (datetime.date(2024, 6, 1), datetime.date(2024, 1, 1))
    """
    year, _, month = period.partition("-")
    try:
        return date(int(year), int(month or 1), 1)
    except ValueError:
        return None


def _length(period: str) -> int:
    return 31 if "-" in period else 366


def _known(study: Study, on: date) -> pl.DataFrame:
    """Return the prices known on a day.

    A year's mean counts from the first day on, as everywhere in a study; but on a
    day before as_of only once the year is over, lest the past knows the future.
    """
    prices = study.table("prices")
    today = on >= study.settings.as_of_date
    begun = [
        (start := period_start(period)) is not None
        and start <= on
        and (today or "-" in period or start.year < on.year)
        for period in prices["period"]
    ]
    return prices.filter(pl.Series(begun, dtype=pl.Boolean))


def _outside(
    study: Study, rows: pl.DataFrame, home: Home
) -> dict[str, dict[str, dict[str, Any]]]:
    """Return by item the newest firm and the newest thin price in home's markets."""
    day = study.settings.as_of_date
    code = study.settings.home
    markets = market_order(
        study.table("countries").filter(pl.col("country").is_in(list(home.countries))),
        study.table("memberships").filter(
            pl.col("country").is_in(list(home.countries))
        ),
        day,
        date.max,
    )
    ranked = markets.sort("_market_rank", descending=True)
    rank: dict[str, int] = dict(ranked.select("market", "_market_rank").iter_rows())
    rank[code] = -1
    found: dict[str, dict[str, dict[str, Any]]] = {}
    candidates = [
        row
        for row in rows.iter_rows(named=True)
        if row["kind"] in KIND_ORDER and row["market"] in rank
    ]
    # The newest first; of one period the nearest market, then the better kind.
    candidates.sort(
        key=lambda r: (
            -(period_start(r["period"]) or date.min).toordinal(),
            rank[r["market"]],
            r["market"],
            KIND_ORDER.index(r["kind"]),
        )
    )
    for row in candidates:
        share = row["volume_share"]
        label = "thin" if share is not None and share < THIN_SHARE else "firm"
        found.setdefault(row["item"], {}).setdefault(label, row)
    return found


def _newest(rows: pl.DataFrame) -> dict[str, dict[str, Any]]:
    return {
        row["item"]: row
        for row in rows.sort("item", "period", "market").iter_rows(named=True)
    }


def _quote(row: dict[str, Any]) -> str:
    price = f"{_number(row['usd_per_t'])} USD/t"
    return f"{price}, {row['market']}, {row['kind'].replace('_', ' ')}, {row['period']}"


def observation_alerts(
    study: Study,
    home: Home,
    *,
    on: date,
    within_days: int,
    sigmas: float,
    step: float,
    least_points: int,
    since: date | None = None,
) -> Iterator[Alert]:
    """Yield alerts on series: the newest value against those before it.

    With `least_points` earlier values or more, a value outside mean +- `sigmas`
    standard deviations of them; in any case a change of more than the share `step`
    from the value before. `since` limits it to values after that day.
    """
    items = set(study.table("items")["item"])
    rows = (
        study.table("observations")
        .filter((pl.col("date") <= on) & pl.col("value").is_not_null())
        .sort("series", "date")
    )
    for (name,), series in rows.group_by("series", maintain_order=True):
        *earlier, last = series.iter_rows(named=True)
        if not earlier or (since is not None and last["date"] <= since):
            continue
        before = earlier[-1]
        reasons = [
            *_beyond(
                last["value"], [r["value"] for r in earlier], sigmas, least_points
            ),
            *_step(before, last, step),
        ]
        if not reasons:
            continue
        touched = tuple(sorted(items & set(str(name).split("/"))))
        used = any(home.use_t.get(item) != 0 for item in touched)
        old = (on - last["date"]).days > OLD_DAYS
        yield Alert(
            kind="observation",
            subject=str(name),
            event="jump",
            level="info" if old else "warning" if used else "notice",
            what=f"{title(str(name))} stands at {_number(last['value'])}",
            why=tuple(reasons),
            evidence=tuple(
                Evidence(
                    "observations",
                    f"{name}/{row['date']}",
                    row["source_id"],
                    row["evidence"],
                )
                for row in (last, before)
            ),
            day=last["date"],
            valid_until=on + timedelta(days=within_days),
            first_seen=on,
            items=touched,
            **home.stakes(touched),
        )


def _beyond(
    value: float, earlier: list[float], sigmas: float, least_points: int
) -> Iterator[str]:
    if len(earlier) < max(least_points, 2):
        return
    mean, spread = statistics.fmean(earlier), statistics.stdev(earlier)
    if abs(value - mean) > sigmas * spread and not math.isclose(value, mean):
        yield (
            f"outside {mean:.6g} ± {sigmas:g} x {spread:.6g}, the mean and standard "
            f"deviation of {len(earlier)} earlier values"
        )


def _step(before: dict[str, Any], last: dict[str, Any], step: float) -> Iterator[str]:
    if before["value"] == 0:
        return
    change = last["value"] / before["value"] - 1
    if abs(change) > step:
        sign = "+" if change > 0 else "−"
        yield (
            f"{sign}{100 * abs(change):.0f} % against {_number(before['value'])} on "
            f"{before['date']}; the line is {100 * step:g} %"
        )


def _thin_text(row: dict[str, Any]) -> str:
    share = 100 * row["volume_share"]
    return f"only {share:.2g} % of trade pays it: not the world price"


def _number(value: float) -> str:
    """Write a number whole from 1,000 on, with thin spaces between the groups."""
    text = f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.6g}"
    return text.replace(",", "\u202f")
