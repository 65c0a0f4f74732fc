# SPDX-License-Identifier: Apache-2.0
"""Which price row serves an item in a country: base price and purchase price."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING

import polars as pl

from oreserve.study._dates import parse_date

if TYPE_CHECKING:
    from oreserve.study._settings import Settings
    from oreserve.study._study import Study

__all__ = ["BasePrice", "base_price", "base_prices", "purchase_price"]

WORLD = "world"
KIND_ORDER = ("outside", "contract", "import_unit_value")

THIN_SHARE = 0.05
"""A quote at which less than this part of the trade is priced sets no purchase."""


@dataclass(frozen=True)
class BasePrice:
    """A price and the row of `prices` that it comes from."""

    usd_per_t: float
    market: str
    period: str
    kind: str
    source_id: str
    evidence: str


def base_prices(study: Study) -> pl.DataFrame:
    """Return the base price of every item in every country that has one.

    The row of the country's own market counts first, then of a bloc of the
    country (membership in the base year, blocs in sorted order), then of the
    world; period base_year; kind outside, else contract, else import_unit_value.

    Returns
    -------
    polars.DataFrame
        item, country, usd_per_t (USD per t), market, period, kind, source_id,
        evidence; sorted by item, country; no row where there is no price.
    """
    return base_price_frame(
        study.table("prices"),
        study.table("countries"),
        study.table("memberships"),
        study.settings,
    )


def base_price_frame(
    prices: pl.DataFrame,
    countries: pl.DataFrame,
    memberships: pl.DataFrame,
    settings: Settings,
) -> pl.DataFrame:
    """Return `base_prices` of tables that may not form a study yet."""
    first = date(settings.base_year, 1, 1)
    after = date(settings.base_year + 1, 1, 1)
    markets = market_order(countries, memberships, first, after)
    ranked = prices.filter(
        (pl.col("period") == str(settings.base_year))
        & pl.col("kind").is_in(list(KIND_ORDER))
    ).with_columns(_kind_rank())
    return (
        ranked.join(markets, on="market", how="inner")
        .sort("item", "country", "_market_rank", "market", "_kind_rank")
        .unique(["item", "country"], keep="first", maintain_order=True)
        .select(
            "item",
            "country",
            "usd_per_t",
            "market",
            "period",
            "kind",
            "source_id",
            "evidence",
        )
    )


def _kind_rank() -> pl.Expr:
    order = {kind: rank for rank, kind in enumerate(KIND_ORDER)}
    return (
        pl.col("kind")
        .replace_strict(order, default=None, return_dtype=pl.Int64)
        .alias("_kind_rank")
    )


def market_order(
    countries: pl.DataFrame, memberships: pl.DataFrame, first: date, after: date
) -> pl.DataFrame:
    """Return country, market, _market_rank: itself 0, its blocs 1, the world 2."""
    codes = countries.select("country").drop_nulls()
    own = codes.select(
        "country", pl.col("country").alias("market"), pl.lit(0).alias("_market_rank")
    )
    blocs = (
        memberships.filter(
            (pl.col("from") < after)
            & (pl.col("until").is_null() | (pl.col("until") > first))
        )
        .select(
            "country", pl.col("bloc").alias("market"), pl.lit(1).alias("_market_rank")
        )
        .unique()
    )
    world = codes.select(
        "country", pl.lit(WORLD).alias("market"), pl.lit(2).alias("_market_rank")
    )
    return pl.concat([own, blocs, world])


def base_price(study: Study, item: str, country: str) -> BasePrice | None:
    """Return the base price of an item in a country; None if there is none."""
    row = base_prices(study).filter(
        (pl.col("item") == item) & (pl.col("country") == country)
    )
    return _first(row)


def purchase_price(
    study: Study, item: str, country: str | None = None
) -> BasePrice | None:
    """Return what a plan pays: the newest price up to as_of; None if there is none.

    Markets and kinds count in the order of the base price: an outside price, if
    there is one, beats a newer contract price. `country` is home by default (the
    first of its countries if home is a bloc).
    """
    day = study.settings.as_of_date
    home = study.settings.home
    buyer = country or (study.home_countries[0] if study.home_countries else home)
    markets = market_order(
        study.table("countries").filter(pl.col("country") == buyer),
        study.table("memberships").filter(pl.col("country") == buyer),
        day,
        date.max,
    )
    if country is None and home != buyer:  # the bloc's own market counts first
        own = pl.DataFrame({"country": [buyer], "market": [home], "_market_rank": [-1]})
        markets = pl.concat([own.cast({"_market_rank": pl.Int32}), markets])
    rows = study.table("prices").filter(
        (pl.col("item") == item) & pl.col("kind").is_in(list(KIND_ORDER))
    )
    rows = rows.filter(
        pl.Series(
            [_starts_by(period, day) for period in rows["period"]], dtype=pl.Boolean
        )
    )
    thin = pl.col("volume_share").fill_null(1.0) < THIN_SHARE
    best = (
        rows.with_columns(_kind_rank(), thin.alias("_thin"))
        .join(markets, on="market", how="inner")
        .sort(
            ["_thin", "_market_rank", "market", "_kind_rank", "period"],
            descending=[False, False, False, False, True],
        )
        .head(1)
    )
    return _first(best)


def _starts_by(period: str, day: date) -> bool:
    start = parse_date(period if "-" in period else f"{period}-01")
    return start is not None and start <= day


def _first(rows: pl.DataFrame) -> BasePrice | None:
    if not rows.height:
        return None
    row = rows.row(0, named=True)
    return BasePrice(
        usd_per_t=row["usd_per_t"],
        market=row["market"],
        period=row["period"],
        kind=row["kind"],
        source_id=row["source_id"],
        evidence=row["evidence"],
    )
