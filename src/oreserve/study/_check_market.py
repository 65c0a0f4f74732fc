# SPDX-License-Identifier: Apache-2.0
"""Checks of what the market reads: prices, plants, demands, lanes, stocks, totals."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from oreserve.study._read import FILE, ROW
from oreserve.study._rules import Frames, home_members, report
from oreserve.study.prices import base_price_frame
from oreserve.tables import nearest

if TYPE_CHECKING:
    from oreserve.study._problems import Problems
    from oreserve.study._settings import Settings

_SLACK = 1e-9
_WORLD_SHARE = 0.05  # a world total that country rows may miss
WORLD_SERIES = "world_output_t/"


def check_market(frames: Frames, settings: Settings, problems: Problems) -> None:
    """Check prices, plants, demands, lanes, stocks, uses and world totals."""
    _check_prices(frames, problems)
    for table in ("plants", "projects"):
        _check_plants(frames, table, problems)
    _check_base_activity(frames["plants"], settings, problems)
    _check_demands(frames, settings, problems)
    _check_home_and_foreign(frames, settings, problems)
    _check_unpriced(frames, problems)
    _check_lanes(frames["lanes"], problems)
    _check_stocks(frames["stocks"], problems)
    _check_uses(frames, problems)
    _check_world_totals(frames, settings, problems)


def _check_prices(frames: Frames, problems: Problems) -> None:
    prices = frames["prices"]
    report(
        problems,
        prices.filter(~pl.col("period").str.contains(r"^\d{4}(-(0[1-9]|1[0-2]))?$")),
        "prices",
        "period",
        "not a year or month",
        allowed="YYYY or YYYY-MM",
    )
    report(
        problems,
        prices.filter(pl.col("usd_per_t") == 0),
        "prices",
        "usd_per_t",
        "a price of 0; a price that is not known is left out",
        allowed="above 0",
    )
    bases = frames["items"].select("item", pl.col("basis").alias("item_basis"))
    joined = prices.join(bases.unique("item"), on="item", how="left")
    report(
        problems,
        joined.filter(pl.col("basis") != pl.col("item_basis")),
        "prices",
        "basis",
        "the price is on another mass basis than the tonnes of {item}",
        allowed="{item_basis}: convert usd_per_t by the content of the quoted form",
    )


def _check_plants(frames: Frames, table: str, problems: Problems) -> None:
    rows = frames[table]
    _check_input_basis(frames, table, problems)
    base, capacity = pl.col("base_activity_t_per_year"), pl.col("capacity_t_per_year")
    idle = pl.col("idle_t_per_year")
    report(
        problems,
        rows.filter(base > capacity * (1 + _SLACK)),
        table,
        "base_activity_t_per_year",
        "more activity than capacity",
        allowed="at most {capacity_t_per_year}",
    )
    report(
        problems,
        rows.filter(idle > capacity * (1 + _SLACK)),
        table,
        "idle_t_per_year",
        "more idle than capacity: idle is a part of it",
        allowed="at most {capacity_t_per_year}",
    )
    report(
        problems,
        rows.filter((base + idle > capacity * (1 + 1e-6)) & (idle <= capacity)),
        table,
        "idle_t_per_year",
        "activity and idle part together exceed capacity",
        allowed="at most {capacity_t_per_year} together",
        severity="warning",
    )
    report(
        problems,
        rows.filter(pl.col("supply_elasticity") == 0),
        table,
        "supply_elasticity",
        "an elasticity of 0 has no supply curve",
        allowed="above 0, or empty for constant cost",
    )
    report(
        problems,
        rows.filter(pl.col("first_year") > pl.col("last_year")),
        table,
        "last_year",
        "last_year lies before first_year",
        allowed="{first_year} or later",
    )


def _check_base_activity(
    plants: pl.DataFrame, settings: Settings, problems: Problems
) -> None:
    """Report plants of which a base year that must balance knows no activity."""
    if not (settings.calibrate or settings.reconcile):
        return
    report(
        problems,
        plants.filter(pl.col("base_activity_t_per_year").is_null()),
        "plants",
        "base_activity_t_per_year",
        "{plant}: base_activity_t_per_year is missing; reconciliation and calibration "
        "need it",
        allowed=f"t in {settings.base_year}, 0 for a plant that did not run; what is "
        "not built yet belongs into projects",
    )


def _check_input_basis(frames: Frames, table: str, problems: Problems) -> None:
    recipes = frames["recipes"].filter(pl.col("coefficient") < 0)
    feeds = recipes.group_by("process").agg(
        pl.col("item").sort().str.join(" + ").alias("feed"),
        (-pl.col("coefficient").sum()).alias("feed_t"),
    )
    rows = (
        frames[table]
        .filter(pl.col("basis") == "input")
        .join(feeds, on="process", how="left")
        .with_columns(
            pl.when(pl.col("feed_t") > 0)
            .then(1 / pl.col("feed_t"))
            .round(6)
            .cast(pl.String)
            .fill_null("the output coefficient per t of input")
            .alias("factor"),
            pl.col("feed").fill_null("its input"),
        )
    )
    report(
        problems,
        rows,
        table,
        "basis",
        "the capacity is given on the input side",
        allowed="output: multiply capacity_t_per_year by {factor} (t of main item "
        "per t of {feed}) and write output",
    )


def _check_demands(frames: Frames, settings: Settings, problems: Problems) -> None:
    base = base_price_frame(
        frames["prices"], frames["countries"], frames["memberships"], settings
    ).select("item", "country", pl.col("usd_per_t").alias("base_price"))
    demands = frames["demands"].join(base, on=["item", "country"], how="left")
    maximum = pl.col("max_price_usd_per_t")
    report(
        problems,
        demands.filter(maximum < pl.col("base_price")),
        "demands",
        "max_price_usd_per_t",
        "below the base price: the use could not pay for itself",
        allowed="above {base_price}",
    )
    report(
        problems,
        demands.filter(maximum == 0),
        "demands",
        "max_price_usd_per_t",
        "a highest price of 0",
        allowed="above 0",
    )
    needs_price = demands["base_price"].is_null()
    if not settings.calibrate:
        one_step = pl.col("price_elasticity") == 0
        free = demands.select(one_step.fill_null(value=False) & maximum.is_not_null())
        needs_price = needs_price & ~free.to_series()
    report(
        problems,
        demands.filter(needs_price),
        "demands",
        "item",
        "no base price of {item} in {country}: its demand has no curve",
        allowed=f"a row in prices: market {{country}}, its bloc or world, period "
        f"{settings.base_year}, kind outside, contract or import_unit_value",
    )


def _check_home_and_foreign(
    frames: Frames, settings: Settings, problems: Problems
) -> None:
    """Refuse demands of home that outbid the same item's other users."""
    home = list(home_members(frames, settings))
    demands = frames["demands"].drop_nulls(["item", "country"])
    ours = demands.filter(pl.col("country").is_in(home))
    theirs = demands.filter(~pl.col("country").is_in(home))
    priced = ours.drop_nulls("max_price_usd_per_t").select("item").unique()
    report(
        problems,
        theirs.join(priced, on="item", how="semi").filter(
            pl.col("max_price_usd_per_t").is_null()
        ),
        "demands",
        "max_price_usd_per_t",
        "empty while home has one for {item}: home would outbid the others",
        allowed="the same max_price for all users of {item}, or none",
    )
    foreign = theirs.group_by("item").agg(
        pl.col("max_price_usd_per_t").max().alias("foreign_max"),
        pl.col("price_elasticity").fill_null(settings.default_elasticity).alias("_es"),
    )
    joined = ours.join(foreign, on="item", how="inner")
    higher = pl.col("max_price_usd_per_t") > pl.col("foreign_max") * (1 + _SLACK)
    lower = pl.col("max_price_usd_per_t") < pl.col("foreign_max") * (1 - _SLACK)
    curve = (pl.col("price_elasticity") != 0).fill_null(value=True)
    refused = higher & curve & pl.lit(settings.calibrate)
    text = "differs from the max_price of the other users of {item}"
    report(
        problems,
        joined.filter(refused),
        "demands",
        "max_price_usd_per_t",
        "home would outbid the other users of {item} and never be short; what home "
        "loses belongs in loss_usd_per_t",
        allowed="at most {foreign_max}",
    )
    report(
        problems,
        joined.filter((higher & ~refused) | lower),
        "demands",
        "max_price_usd_per_t",
        text,
        allowed="{foreign_max}",
        severity="warning",
    )
    own = pl.col("price_elasticity").fill_null(settings.default_elasticity)
    differs = joined.with_columns(own.alias("_own")).filter(
        ~pl.col("_es").list.contains(pl.col("_own"))
    )
    report(
        problems,
        differs,
        "demands",
        "price_elasticity",
        "differs from the elasticity of all other users of {item}",
        allowed="the same elasticity in all countries, unless a source says more",
        severity="warning",
    )


def _check_unpriced(frames: Frames, problems: Problems) -> None:
    """Warn of items that are made or used and have no price anywhere."""
    made = (
        frames["plants"]
        .select("process")
        .join(frames["recipes"], on="process", how="inner")
        .filter(pl.col("coefficient") > 0)
        .select("item")
    )
    moved = pl.concat([made, frames["demands"].select("item")]).unique()
    rows = (
        frames["items"]
        .join(moved, on="item", how="semi")
        .join(frames["prices"].select("item").unique(), on="item", how="anti")
    )
    report(
        problems,
        rows,
        "items",
        "item",
        "made or used, but without any price",
        allowed="a row in prices",
        severity="warning",
    )


def _check_lanes(lanes: pl.DataFrame, problems: Problems) -> None:
    report(
        problems,
        lanes.filter(pl.col("exporter") == pl.col("importer")),
        "lanes",
        "importer",
        "a country needs no lane to itself",
        allowed="another country than {exporter}",
    )
    report(
        problems,
        lanes.filter(
            pl.col("base_t_per_year") > pl.col("capacity_t_per_year") * (1 + _SLACK)
        ),
        "lanes",
        "base_t_per_year",
        "more flow than capacity",
        allowed="at most {capacity_t_per_year}",
    )


def _check_stocks(stocks: pl.DataFrame, problems: Problems) -> None:
    report(
        problems,
        stocks.filter(pl.col("floor_t") > pl.col("quantity_t")),
        "stocks",
        "floor_t",
        "the floor lies above the stock: nothing can be released",
        allowed="at most {quantity_t}",
        severity="warning",
    )
    report(
        problems,
        stocks.filter(pl.col("threat_days") < pl.col("target_days")),
        "stocks",
        "threat_days",
        "a smaller target under threat than in calm",
        allowed="{target_days} or more",
        severity="warning",
    )


def _check_uses(frames: Frames, problems: Problems) -> None:
    known = frames["industries"].select("industry", "country")
    names = known.select("industry").unique()
    rows = frames["uses"].drop_nulls(["industry", "country"])
    report(
        problems,
        rows.join(names, on="industry", how="semi").join(
            known, on=["industry", "country"], how="anti"
        ),
        "uses",
        "industry",
        "industries has no row for {industry} in {country}",
        allowed="an industry of {country}",
    )


def _check_world_totals(frames: Frames, settings: Settings, problems: Problems) -> None:
    """Compare stated world outputs with the sum of the plants' base activity."""
    stated = frames["observations"].filter(
        pl.col("series").str.starts_with(WORLD_SERIES)
    )
    stated = stated.with_columns(
        pl.col("series").str.strip_prefix(WORLD_SERIES).alias("item")
    )
    items = set(frames["items"]["item"].drop_nulls())
    for row in stated.filter(~pl.col("item").is_in(sorted(items))).iter_rows(
        named=True
    ):
        problems.error(
            "observations",
            "a world total of an unknown item",
            row=row[ROW],
            column="series",
            value=row["series"],
            allowed=f"{WORLD_SERIES}ITEM",
            nearest=nearest(row["item"], items),
            file=row[FILE],
        )
    made = (
        frames["plants"]
        .join(frames["recipes"], on="process", how="inner", suffix="_recipe")
        .filter(pl.col("coefficient") > 0)
        .group_by("item")
        .agg(
            (pl.col("base_activity_t_per_year") * pl.col("coefficient"))
            .sum()
            .round(3)
            .alias("made")
        )
    )
    missed = (
        stated.filter(pl.col("date").dt.year() == settings.base_year)
        .join(made, on="item", how="left")
        .filter(
            (pl.col("made").fill_null(0.0) - pl.col("value")).abs()
            > _WORLD_SHARE * pl.col("value")
        )
        .with_columns(pl.col("made").fill_null(0.0))
    )
    report(
        problems,
        missed,
        "observations",
        "value",
        "the countries make {made} t of {item}, which misses the world total",
        allowed=f"within {_WORLD_SHARE:.0%} of the sum over plants",
    )
