# SPDX-License-Identifier: Apache-2.0
"""The part of an assessment's page on published methods and on several years."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import polars as pl

from oreserve.exposure import STAGES
from oreserve.report import _format as fmt
from oreserve.report._tables import Column, csv_link, make_table, number_column

if TYPE_CHECKING:
    from collections.abc import Mapping

    from oreserve.report._folder import ResultFolder

__all__ = ["published_part"]

MOST_CHARTS = 12  # goods drawn; the CSV has all
METHODS = {
    "eu_supply_risk": "EU supply risk, 2017 method",
    "geopolrisk": "GeoPolRisk",
    "usgs_disruption_potential": "USGS disruption potential",
    "usgs_trade_exposure": "USGS trade exposure",
    "usgs_economic_vulnerability": "USGS economic vulnerability",
}
LINES = {
    "hhi": "HHI of world output",
    "import_dependence": "Import dependence",
    "geopolrisk": "GeoPolRisk",
}


def published_part(result: ResultFolder) -> dict[str, Any]:
    """Return what `published.html.j2` lays out: scores by item, and years if any.

    Parameters
    ----------
    result
        A folder that `assess` wrote, with `published.csv` and perhaps `history.csv`.

    Returns
    -------
    dict
        `scores` (table), `bottlenecks` (table), `reasons` (text, cells), `links`, and
        `years` (None without a history).
    """
    rows = result.rows("published", "mineral", "item", "indicator", "value", "reason")
    links = {n: csv_link(result.tables[n], n) for n in ("published", "history")
             if n in result.tables}  # fmt: skip
    return {
        "scores": _scores(rows),
        "bottlenecks": _bottlenecks(rows),
        "reasons": _reasons(rows),
        "links": links,
        "years": _years(result) if "history" in result.tables else None,
    }


def _scores(rows: list[dict[str, Any]]) -> Any:
    """One row an item; text of a cell is its value, or its bounds, or no data."""
    found: dict[str, dict[str, Any]] = {}
    for row in rows:
        if row["item"] is None or row["indicator"].endswith("_bottleneck"):
            continue
        line = found.setdefault(
            row["item"],
            {"mineral": row["mineral"], "item": row["item"], "stage": row["stage"],
             "published": []},
        )  # fmt: skip
        line[row["indicator"]] = _text(row)
        if row["published_value"] is not None:
            label = METHODS.get(row["indicator"], row["indicator"])
            line["published"].append(f"{label} {fmt.number(row['published_value'])}")
    ordered = sorted(
        found.values(),
        key=lambda r: (r["mineral"], STAGES.index(r["stage"]), r["item"]),
    )
    for line in ordered:
        line["published"] = "; ".join(line["published"]) or None
    return make_table(
        "Published methods on the figures of this study",
        ordered,
        [
            Column("item", "Item", fmt.item_name),
            Column("stage", "Stage"),
            number_column("eu_import_reliance", "Import reliance, EU", str),
            number_column("eu_supply_risk_gross", "EU supply risk before recycling "
                          "and substitution", str),
            number_column("eu_supply_risk", "EU supply risk", str),
            number_column("geopolrisk", "GeoPolRisk", str),
            number_column("geopolrisk_characterisation_factor",
                          "GeoPolRisk factor, kg Cu-eq/kg", str),
            number_column("usgs_disruption_potential", "USGS disruption potential",
                          str),
            number_column("usgs_trade_exposure", "USGS trade exposure", str),
            number_column("usgs_economic_vulnerability", "USGS economic vulnerability",
                          str),
            Column("published", "Published, where the study holds it"),
        ],
    )  # fmt: skip


def _bottlenecks(rows: list[dict[str, Any]]) -> Any:
    """Return the largest stage of each mineral, highest first."""
    found: dict[str, dict[str, Any]] = {}
    for row in rows:
        if not row["indicator"].endswith("_bottleneck"):
            continue
        line = found.setdefault(row["mineral"], {"mineral": row["mineral"]})
        if "gross" in row["indicator"]:
            line |= {"item": row["item"], "stage": row["stage"], "gross": _text(row),
                     "rank": row["value"] if row["value"] is not None else -1.0,
                     "status": str(row["status"]).replace("_", " ")}  # fmt: skip
        else:
            line["net"] = _text(row)
            line["published"] = row["published_value"]
    ordered = sorted(found.values(), key=lambda r: (-r.get("rank", -1.0), r["mineral"]))
    return make_table(
        "EU supply risk: the stage with the highest",
        ordered,
        [
            Column("mineral", "Mineral", fmt.item_name),
            Column("item", "Bottleneck", fmt.item_name),
            Column("stage", "Stage"),
            number_column("gross", "Before recycling and substitution", str),
            number_column("net", "Supply risk", str),
            number_column("published", "Published", fmt.number),
            Column("status", "Data"),
        ],
    )


def _text(row: Mapping[str, Any]) -> str:
    """Write a value; where only bounds are known, these; an open value as no data."""
    if row["value"] is not None:
        return fmt.number(row["value"])
    if row["low"] is None or row["high"] is None:
        return fmt.NO_DATA
    return f"{fmt.number(row['low'])} to {fmt.number(row['high'])}"


def _reasons(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return per method what is missing and in how many cells, most first."""
    counts: dict[tuple[str, str], int] = {}
    for row in rows:
        label = METHODS.get(row["indicator"])
        for reason in str(row["reason"] or "").split("; ") if label else ():
            if reason:
                key = (str(label), reason)
                counts[key] = counts.get(key, 0) + 1
    ordered = sorted(counts.items(), key=lambda pair: (-pair[1], pair[0]))
    return [
        {"method": m, "reason": r.replace("_", " "), "cells": n}
        for (m, r), n in ordered
    ]


def _years(result: ResultFolder) -> dict[str, Any]:
    """Return the chart and the newest figures of home's goods."""
    home = str(result.figures["home"])
    frame = result.table("history", "good", "country", "year", *LINES).filter(
        pl.col("country") == home
    )
    known = frame.filter(pl.any_horizontal(pl.col(list(LINES)).is_not_null()))
    newest = (
        known.sort("good", "year")
        .group_by("good", maintain_order=True)
        .last()
        .sort("geopolrisk", "hhi", "good", descending=[True, True, False],
              nulls_last=True)
    )  # fmt: skip
    drawn = newest["good"].head(MOST_CHARTS).to_list()
    span = [known["year"].min(), known["year"].max()] if known.height else []
    return {
        "chart": _chart(known, drawn) if drawn else "",
        "span": span,
        "left_out": newest.height - len(drawn),
        "table": make_table(
            "Newest year with figures",
            newest.to_dicts(),
            [
                Column("good", "Good", fmt.item_name),
                Column("year", "Year"),
                number_column("hhi", "HHI", "{:.2f}".format),
                number_column("hhi_governance", "HHI, governance", "{:.2f}".format),
                number_column("import_dependence", "Import dependence", fmt.share),
                number_column("geopolrisk", "GeoPolRisk", "{:.3f}".format),
                number_column("geopolrisk_low", "Low", "{:.3f}".format),
                number_column("geopolrisk_high", "High", "{:.3f}".format),
                Column("top_partner", "Largest seller", fmt.country_name),
                number_column("top_partner_share", "Its share", fmt.share),
                Column("missing", "Missing"),
            ],
        ),
    }


def _chart(frame: pl.DataFrame, goods: list[str]) -> str:
    """Draw one small chart a good; a year without a figure breaks the line."""
    import altair as alt

    from oreserve.report._charts import ACCENT, GREY, _axis, _svg

    titles = {g: fmt.item_name(g) for g in goods}
    years = pl.DataFrame(
        {"year": range(frame["year"].min(), frame["year"].max() + 1)},  # type: ignore[arg-type, operator]
        schema={"year": frame.schema["year"]},
    )
    grid = pl.DataFrame({"good": goods}).join(years, how="cross")
    long = (
        grid.join(frame, on=["good", "year"], how="left")
        .unpivot(list(LINES), index=["good", "year"], variable_name="line")
        .with_columns(
            pl.col("good").replace_strict(titles, return_dtype=pl.String),
            pl.col("line").replace_strict(LINES, return_dtype=pl.String),
        )
        .sort("good", "line", "year")
    )
    order = list(LINES.values())
    chart = (
        alt.Chart(long)
        .mark_line(strokeWidth=1.6, point=alt.OverlayMarkDef(size=6))
        .encode(
            x=alt.X("year:Q", axis=_axis("", format="d", tickCount=4)),
            y=alt.Y("value:Q", axis=_axis("", tickCount=3),
                    scale=alt.Scale(domain=[0, 1])),
            color=alt.Color("line:N", sort=order, scale=alt.Scale(
                domain=order, range=[GREY, ACCENT, "#b5532a"])),
        )
        .properties(width=170, height=80)
        .facet(facet=alt.Facet("good:N", sort=list(titles.values()), title=None),
               columns=3, spacing=14)
    )  # fmt: skip
    words = ", ".join(titles.values())
    return _svg(
        chart, identity="history", title="Concentration and dependence by year",
        description=f"Lines from 0 to 1 by year for {words}; the table below has the "
        "newest figures and history.csv all.",
    )  # fmt: skip
