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

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["Raw", "iso3_of"]

# Names as the U.S. Geological Survey prints them; the rest is found by name in
# the ISO list.
USGS_NAMES = {
    "Bolivia": "BOL",
    "Brunei": "BRN",
    "Burma": "MMR",
    "China": "CHN",
    "Congo (Brazzaville)": "COG",
    "Congo (Kinshasa)": "COD",
    "Cote d'Ivoire": "CIV",
    "Cote d\u2019Ivoire": "CIV",
    "C\u00f4te d\u2019Ivoire": "CIV",
    "Czechia": "CZE",
    "Hong Kong": "HKG",
    "Iran": "IRN",
    "Korea, North": "PRK",
    "Korea, Republic of": "KOR",
    "Laos": "LAO",
    "Moldova": "MDA",
    "North Korea": "PRK",
    "Republic of Korea": "KOR",
    "Russia": "RUS",
    "South Korea": "KOR",
    "Syria": "SYR",
    "Taiwan": "TWN",
    "Tanzania": "TZA",
    "Turkey": "TUR",
    "United Kingdom": "GBR",
    "United States": "USA",
    "Venezuela": "VEN",
    "Vietnam": "VNM",
}
WORLD_BANK_CODES = {"ADO": "AND", "ROM": "ROU", "TMP": "TLS", "ZAR": "COD"}
PINK_SHEET = "CMO-Historical-Data-Monthly_2026-06-02.xlsx"


def _number(text: str | None) -> float | None:
    if text is None:
        return None
    try:
        return float(text.replace(",", "").strip())
    except ValueError:
        return 0.0 if text.strip() in {"\u2014", "\u2013", "-"} else None


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
    def iso3(self) -> dict[str, str]:
        """ISO 3166-1 alpha-3 code by country name."""
        path = self.folder / "geo" / "iso3166_all.csv"
        with path.open(encoding="utf-8", newline="") as lines:
            names = {r["name"]: r["alpha-3"] for r in csv.DictReader(lines)}
        return {**names, **USGS_NAMES}

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
        codes = [self.iso3.get(c.strip()) if c else None for c in frame["country"]]
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
        folder = self.folder / "cepii-baci"
        with (folder / "country_codes_V202401b.csv").open(
            encoding="utf-8", newline=""
        ) as lines:
            codes = {
                int(r["country_code"]): r["country_iso3"] for r in csv.DictReader(lines)
            }
        codes |= {
            842: "USA",
            251: "FRA",
            699: "IND",
            757: "CHE",
            490: "TWN",
            579: "NOR",
        }
        frame = pl.read_csv(
            folder / "BACI_HS92_Y2024_minerals.csv", schema_overrides={"k": pl.String}
        )
        names = pl.DataFrame(
            {"code": list(codes), "iso3": [codes[c] for c in codes]},
            schema={"code": pl.Int64, "iso3": pl.String},
        ).unique("code", keep="last", maintain_order=True)
        frame = frame.join(
            names.rename({"code": "i", "iso3": "exporter"}), on="i", how="left"
        ).join(names.rename({"code": "j", "iso3": "importer"}), on="j", how="left")
        return frame.select(
            "exporter",
            "importer",
            pl.col("k").str.zfill(6).alias("hs6"),
            pl.col("v").cast(pl.Float64, strict=False).alias("kusd"),
            pl.col("q").cast(pl.Float64, strict=False).alias("t"),
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
        """Political stability 2024 by ISO3 (WGI 2025 update, standard normal units)."""
        path = self.folder / "worldbank-wgi" / "wgi_political_stability_1996-2024.csv"
        frame = pl.read_csv(path, infer_schema=False).filter(pl.col("year") == "2024")
        found: dict[str, float] = {}
        for code, estimate in frame.select("code", "estimate").iter_rows():
            value = _number(estimate)
            if value is not None:
                found[WORLD_BANK_CODES.get(code, code)] = value
        return found

    @cached_property
    def pink_sheet(self) -> pl.DataFrame:
        """World Bank commodity prices: month (`2024-06`), name, unit, value."""
        import openpyxl  # only this reader needs a workbook

        path = self.folder / "worldbank-pinksheet" / PINK_SHEET
        book = openpyxl.load_workbook(path, read_only=True, data_only=True)
        rows = list(book["Monthly Prices"].iter_rows(values_only=True))
        names, units = rows[4], rows[5]
        found = [
            (
                f"{str(row[0])[:4]}-{str(row[0])[5:]}",
                str(name).strip(),
                str(unit),
                value,
            )
            for row in rows[6:]
            if row and row[0]
            for name, unit, value in zip(names[1:], units[1:], row[1:], strict=False)
            if name and isinstance(value, int | float)
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


def iso3_of(raw: Raw, name: str) -> str | None:
    """Return the ISO3 code of a country name as the raw files print it."""
    return raw.iso3.get(name.strip())
