# SPDX-License-Identifier: Apache-2.0
"""Read the raw files as published, once each, as polars frames of text and numbers.

Nothing is replaced silently: `value` is null where the publisher prints W, NA, a
range or a bound, and `flag` says which.
"""

from __future__ import annotations

import csv
import gzip
import io
from functools import cached_property
from typing import TYPE_CHECKING

import polars as pl

from oreserve.importers import Options, figure, importer, place, place_of_number
from oreserve.importers._files import open_sheet
from oreserve.importers.baci import scan_baci

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["Raw"]

PINK_SHEET = "CMO-Historical-Data-Monthly_2026-06-02.xlsx"


def _number(text: str | None) -> float | None:
    """Return a printed number; a bound, a range or a letter is none."""
    return None if text is None else figure(text).value


def _country(name: str | None) -> str | None:
    """Return the ISO3 code of a printed name; null for totals, groups and `other`."""
    found = None if name is None else place(name)
    return found.code if found is not None and found.kind == "country" else None


class Raw:
    """The raw and facts folders of a release, read lazily."""

    def __init__(self, raw: Path, facts: Path) -> None:
        """Point at the two folders."""
        self.folder = raw
        self.facts_folder = facts

    def facts(self, name: str) -> pl.DataFrame:
        """Read one CSV of compiled facts, all columns as text."""
        return pl.read_csv(self.facts_folder / f"{name}.csv", infer_schema=False)

    @cached_property
    def country_names(self) -> dict[str, str]:
        """Country name by ISO 3166-1 alpha-3 code."""
        path = self.folder / "geo" / "iso3166_all.csv"
        with path.open(encoding="utf-8", newline="") as lines:
            return {r["alpha-3"]: r["name"] for r in csv.DictReader(lines)}

    @cached_property
    def mcs(self) -> pl.DataFrame:
        """Mineral Commodity Summaries 2026, long.

        Columns chapter, section, commodity, country, statistic, detail, unit, year,
        value_raw, value, notes, iso3 (null for totals and `other`), estimated.
        """
        path = self.folder / "usgs-mcs" / "2026" / "MCS2026_Commodities_Data.csv"
        text = path.read_bytes().decode("cp1252")
        frame = pl.read_csv(io.StringIO(text), infer_schema=False)
        frame = frame.rename(
            {
                "MCS chapter": "chapter",
                "Section": "section",
                "Commodity": "commodity",
                "Country": "country",
                "Statistics": "statistic",
                "Statistics_detail": "detail",
                "Unit": "unit",
                "Year": "year",
                "Value": "value_raw",
                "Notes": "notes",
                "Other notes": "other_notes",
            }
        )
        values = [_number(v) for v in frame["value_raw"]]
        codes = [_country(c) for c in frame["country"]]
        notes = frame["notes"].fill_null("").str.to_lowercase()
        return frame.with_columns(
            pl.Series("value", values, dtype=pl.Float64),
            pl.Series("iso3", codes, dtype=pl.String),
            notes.str.contains("estimated").alias("estimated"),
        )

    @cached_property
    def production(self) -> pl.DataFrame:
        """Compiled production and capacity by country, numbers in t where stated.

        World Mining Data rows are left out: their licence is unclear, and two of
        their series are kilograms under a t label.
        """
        frame = self.facts("production_by_country")
        frame = frame.filter(~pl.col("source").str.contains("World Mining Data"))
        return frame.with_columns(
            pl.col("year").cast(pl.Int64, strict=False),
            pl.col("quantity").cast(pl.Float64, strict=False),
            pl.col("quantity_t").cast(pl.Float64, strict=False),
        )

    @cached_property
    def salient(self) -> pl.DataFrame:
        """United States salient statistics, long: `value` null where withheld."""
        frame = self.facts("us_salient_long")
        return frame.with_columns(
            pl.col("year").cast(pl.Int64, strict=False),
            pl.col("value").cast(pl.Float64, strict=False),
        )

    @cached_property
    def baci(self) -> pl.DataFrame:
        """BACI 2024: exporter, importer (ISO3), hs6, usd (thousand), t (gross)."""
        path = self.folder / "cepii-baci" / "BACI_HS92_Y2024_minerals.csv"
        frame = scan_baci([path]).collect()
        numbers = sorted({*frame["exporter"], *frame["importer"]})
        codes = {n: place_of_number(n).code for n in numbers}
        return frame.select(
            pl.col("exporter", "importer").replace_strict(
                codes, return_dtype=pl.String
            ),
            "hs6",
            "kusd",
            "t",
        ).sort("hs6", "exporter", "importer")

    @cached_property
    def import_sources(self) -> pl.DataFrame:
        """United States import sources 2021-24 of the MCS 2026 long file."""
        frame = self.mcs.filter(pl.col("section") == "Import Sources")
        return frame.select(
            "chapter", "commodity", "country", "iso3", "detail", "value", "notes"
        )

    def bgs(self, group: str) -> pl.DataFrame:
        """World Mineral Statistics of one group, 2018 on: iso3, item, units, year."""
        folder = self.folder / "bgs-wms"
        path = folder / f"BGS_{group}_production.csv"
        if path.exists():
            content = path.read_bytes()
        else:
            content = gzip.decompress((folder / f"{path.name}.gz").read_bytes())
        frame = pl.read_csv(io.BytesIO(content), infer_schema=False)
        return frame.select(
            pl.col("country_iso3_code").alias("iso3"),
            pl.col("country_trans").alias("country"),
            pl.col("bgs_commodity_trans").alias("commodity"),
            pl.col("bgs_sub_commodity_trans").alias("form"),
            "units",
            pl.col("year").str.slice(0, 4).cast(pl.Int64).alias("year"),
            pl.col("quantity").cast(pl.Float64, strict=False).alias("value"),
        ).filter(pl.col("year") >= 2018)

    @cached_property
    def governance(self) -> dict[str, float]:
        """Mean of the six WGI estimates of 2022 (2023 update) by ISO3.

        The update of 2025 is on another scale, and only one of its six is among the
        raw files: vintages are never mixed.
        """
        path = self.folder / "worldbank-wgi" / "wgidataset_2023update.xlsx"
        found = importer("wgi").read([path], Options(year=2022)).tables["countries"]
        scores = found.select("country", "governance").drop_nulls()
        return {str(code): float(mean) for code, mean in scores.iter_rows()}

    @cached_property
    def pink_sheet(self) -> pl.DataFrame:
        """World Bank commodity prices: month (`2024-06`), name, unit, value."""
        path = self.folder / "worldbank-pinksheet" / PINK_SHEET
        rows = open_sheet(path, "Monthly Prices")
        names, units = rows[4], rows[5]
        found = [
            (f"{row[0][:4]}-{row[0][5:]}", name, str(unit), figure(cell).value)
            for row in rows[6:]
            if row and row[0]
            for name, unit, cell in zip(names[1:], units[1:], row[1:], strict=False)
            if name and figure(cell).value is not None
        ]
        return pl.DataFrame(
            found,
            schema={
                "month": pl.String,
                "name": pl.String,
                "unit": pl.String,
                "value": pl.Float64,
            },
            orient="row",
        )
