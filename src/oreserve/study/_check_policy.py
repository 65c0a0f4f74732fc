# SPDX-License-Identifier: Apache-2.0
"""Checks of measures, drivers, projects, agreements and limits."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import polars as pl

from oreserve.study._effect_rules import effect_problems
from oreserve.study._read import FILE, ROW
from oreserve.study._rules import Frames, check_dates, listed, report
from oreserve.study.projects import OPTION_WORDS, option_words, parse_delay, parse_ramp
from oreserve.tables import nearest

if TYPE_CHECKING:
    from oreserve.study._problems import Problems
    from oreserve.study._settings import Settings

_PROBABILITY = 1e-6
_RULE_NEEDS = {
    "fixed": ("fixed_usd_per_t",),
    "floor": ("floor_usd_per_t",),
    "collar": ("floor_usd_per_t", "ceiling_usd_per_t"),
    "two_way": ("floor_usd_per_t", "upside_share"),
}


def check_policy(frames: Frames, settings: Settings, problems: Problems) -> None:
    """Check measures, drivers, projects, agreements and limits."""
    _check_measures(frames["measures"], settings, problems)
    _check_drivers(frames, problems)
    _check_projects(frames, problems)
    _check_options(frames["project_options"], problems)
    _check_agreements(frames, problems)
    _check_limits(frames["limits"], problems)


def _check_measures(
    measures: pl.DataFrame, settings: Settings, problems: Problems
) -> None:
    _check_effects(measures, "measures", problems)
    report(
        problems,
        measures.filter(
            (pl.col("status") == "in_force") & (pl.col("until") <= settings.as_of_date)
        ),
        "measures",
        "status",
        f"in_force, but it ended on {{until}}, before as_of {settings.as_of}",
        allowed="ended",
        severity="warning",
    )


def _check_effects(rows: pl.DataFrame, table: str, problems: Problems) -> None:
    for row in rows.iter_rows(named=True):
        for column, value, problem, allowed in effect_problems(row):
            problems.error(
                table,
                problem,
                row=row[ROW],
                column=column,
                value=value,
                allowed=allowed,
                file=row[FILE],
            )


def _check_drivers(frames: Frames, problems: Problems) -> None:
    drivers = frames["drivers"].drop_nulls(["driver", "state"])
    states = frames["driver_states"].drop_nulls(["driver", "state"])
    effects = frames["driver_effects"].drop_nulls(["driver", "state"])
    key = ["driver", "state"]
    from_states = drivers.select(key).unique()
    sums = drivers.with_columns(
        pl.col("probability_per_year").sum().over(key).round(9).alias("sum")
    ).filter((pl.col("sum") - 1).abs() > _PROBABILITY)
    report(
        problems,
        sums.unique(key, keep="first", maintain_order=True),
        "drivers",
        "probability_per_year",
        "the probabilities of state {state} of {driver} sum to {sum}",
        allowed="1",
    )
    _unknown_states(drivers, "drivers", "next_state", from_states, problems)
    _unknown_states(states, "driver_states", "state", from_states, problems)
    _unknown_states(effects, "driver_effects", "state", from_states, problems)
    missing = drivers.join(states.select(key), on=key, how="anti")
    report(
        problems,
        missing.unique(key, keep="first", maintain_order=True),
        "drivers",
        "state",
        "driver_states has no row for state {state} of {driver}",
        allowed="one row per state",
    )
    starts = states.with_columns(
        pl.col("start_share").fill_null(0.0).sum().over("driver").alias("sum")
    ).filter((pl.col("sum") - 1).abs() > _PROBABILITY)
    report(
        problems,
        starts.unique("driver", keep="first", maintain_order=True),
        "driver_states",
        "start_share",
        "the start shares of {driver} sum to {sum}",
        allowed="1",
    )
    report(
        problems,
        _unreachable(drivers, states),
        "driver_states",
        "state",
        "no path of positive probability leads to this state",
        allowed="a start_share or a transition into it",
        severity="warning",
    )
    _check_effects(effects, "driver_effects", problems)
    for column in ("from", "until"):
        report(
            problems,
            effects.filter(pl.col(column).is_not_null()),
            "driver_effects",
            column,
            "an effect of a driver has no dates: it holds while the state lasts",
            allowed="empty",
        )


def _unknown_states(
    rows: pl.DataFrame,
    table: str,
    column: str,
    known: pl.DataFrame,
    problems: Problems,
) -> None:
    renamed = known.rename({"state": column})
    drivers = known.select("driver").unique()
    bad = rows.drop_nulls(column).join(renamed, on=["driver", column], how="anti")
    bad = bad.join(drivers, on="driver", how="semi")  # others are unknown names
    for row in bad.iter_rows(named=True):
        names = set(known.filter(pl.col("driver") == row["driver"])["state"])
        problems.error(
            table,
            f"driver {row['driver']} has no rows for this state in drivers",
            row=row[ROW],
            column=column,
            value=row[column],
            allowed=listed(names),
            nearest=nearest(row[column], names),
            file=row[FILE],
        )


def _unreachable(drivers: pl.DataFrame, states: pl.DataFrame) -> pl.DataFrame:
    links = drivers.filter(pl.col("probability_per_year") > 0)
    reached = set(
        states.filter(pl.col("start_share") > 0).select("driver", "state").iter_rows()
    )
    while True:
        more = {
            (driver, after)
            for driver, before, after in links.select(
                "driver", "state", "next_state"
            ).iter_rows()
            if (driver, before) in reached
        }
        if more <= reached:
            break
        reached |= more
    keep = [key not in reached for key in states.select("driver", "state").iter_rows()]
    return states.filter(pl.Series(keep, dtype=pl.Boolean))


def _check_projects(frames: Frames, problems: Problems) -> None:
    projects = frames["projects"]
    plants = set(frames["plants"]["plant"].drop_nulls())
    report(
        problems,
        projects.filter(pl.col("project").is_in(sorted(plants))),
        "projects",
        "project",
        "a plant has the same name",
        allowed="a name that no plant has",
    )
    inputs = frames["recipes"].filter(pl.col("coefficient") < 0)
    feeds = inputs.select("process", pl.col("item").alias("feed_item"))
    report(
        problems,
        projects.drop_nulls("feed_item").join(
            feeds, on=["process", "feed_item"], how="anti"
        ),
        "projects",
        "feed_item",
        "not an input of {process}",
        allowed="an input of {process}",
    )
    report(
        problems,
        projects.filter(
            (pl.col("committed_share") > 0) & pl.col("committed_to").is_null()
        ),
        "projects",
        "committed_to",
        "output is promised to nobody",
        allowed="a country or bloc",
        severity="warning",
    )
    for column, parse in (("ramp", parse_ramp), ("delay", parse_delay)):
        for row in projects.drop_nulls(column).iter_rows(named=True):
            try:
                parse(row[column])
            except ValueError as error:
                problems.error(
                    "projects",
                    str(error),
                    row=row[ROW],
                    column=column,
                    value=row[column],
                    allowed="0.3;0.7;1" if column == "ramp" else "0:0.5;1:0.5",
                    file=row[FILE],
                )


def _check_options(options: pl.DataFrame, problems: Problems) -> None:
    for row in options.drop_nulls("option").iter_rows(named=True):
        unknown = [w for w in option_words(row["option"]) if w not in OPTION_WORDS]
        for word in unknown:
            problems.error(
                "project_options",
                f"{word!r} is nothing that a programme may offer",
                row=row[ROW],
                column="option",
                value=row["option"],
                allowed=", ".join(OPTION_WORDS) + ", joined by +; a level after _",
                nearest=nearest(word, OPTION_WORDS),
                file=row[FILE],
            )
        if "floor" in option_words(row["option"]) and row["strike"] is None:
            problems.error(
                "project_options",
                "a floor without its strike",
                row=row[ROW],
                column="strike",
                allowed="USD per t of index_item",
                file=row[FILE],
            )
    for column in ("index_item", "index_market"):
        report(
            problems,
            options.filter(pl.col("strike").is_not_null() & pl.col(column).is_null()),
            "project_options",
            column,
            "a strike without its index",
            allowed="index_item and index_market: a contract names its index",
        )


def _check_agreements(frames: Frames, problems: Problems) -> None:
    rows = frames["agreements"]
    check_dates(rows, "agreements", problems)
    report(
        problems,
        rows.filter(pl.col("seller").is_null() & pl.col("seller_country").is_null()),
        "agreements",
        "seller",
        "nobody sells",
        allowed="a plant or project, or seller_country",
    )
    sellers = pl.concat(
        [
            frames["plants"].select(
                pl.col("plant").alias("seller"), "process", "country"
            ),
            frames["projects"].select(
                pl.col("project").alias("seller"), "process", "country"
            ),
        ]
    ).unique("seller", keep="first", maintain_order=True)
    joined = rows.join(sellers, on="seller", how="left")
    report(
        problems,
        joined.filter(pl.col("seller_country") != pl.col("country")),
        "agreements",
        "seller_country",
        "{seller} stands in {country}",
        allowed="{country}",
    )
    outputs = frames["recipes"].filter(pl.col("coefficient") > 0)
    report(
        problems,
        joined.drop_nulls(["process", "item"]).join(
            outputs.select("process", "item"), on=["process", "item"], how="anti"
        ),
        "agreements",
        "item",
        "{seller} does not make {item}",
        allowed="an output of {process}",
    )
    report(
        problems,
        rows.filter(pl.col("min_t") > pl.col("ceiling_t")),
        "agreements",
        "ceiling_t",
        "the ceiling lies below the guaranteed minimum",
        allowed="{min_t} or more",
    )
    for row in rows.iter_rows(named=True):
        _check_price_rule(row, problems)


def _check_price_rule(row: dict[str, Any], problems: Problems) -> None:
    place = {"row": row[ROW], "file": row[FILE]}
    for column in _RULE_NEEDS.get(row["kind"], ()):
        if row[column] is None:
            problems.error(
                "agreements",
                f"a {row['kind']} price rule needs {column}",
                column=column,
                allowed="a number",
                **place,
            )
    floor, ceiling = row["floor_usd_per_t"], row["ceiling_usd_per_t"]
    if floor is not None and ceiling is not None and ceiling < floor:
        problems.error(
            "agreements",
            "the price ceiling lies below the floor",
            column="ceiling_usd_per_t",
            value=ceiling,
            allowed=f"{floor} or more",
            **place,
        )
    if row["kind"] in _RULE_NEEDS and row["index_market"] is None:
        problems.warn(
            "agreements",
            "the contract does not name the market of its index",
            column="index_market",
            allowed="a country, bloc or world",
            **place,
        )


def _check_limits(limits: pl.DataFrame, problems: Problems) -> None:
    bounds = ("max_usd", "max_t", "min_usd", "min_t", "max_market_share", "min_score")
    report(
        problems,
        limits.filter(pl.all_horizontal(pl.col(b).is_null() for b in bounds)),
        "limits",
        "limit",
        "the limit {limit} limits nothing",
        allowed=f"one of {', '.join(bounds)}",
    )
    report(
        problems,
        limits.filter(
            pl.col("min_score").is_not_null()
            & (pl.col("instrument") != "projects").fill_null(value=False)
        ),
        "limits",
        "min_score",
        "only projects have scores",
        allowed="instrument projects, or empty",
    )
