# SPDX-License-Identifier: Apache-2.0
"""Statistics of output: USGS in three layouts, BGS, World Mining Data."""

from __future__ import annotations

import polars as pl
import pytest

from importers.layouts import LONG_HEAD, WORLD_HEAD, long_row
from oreserve.errors import InputError


def plant(found, name):
    rows = found.tables["plants"].filter(pl.col("plant") == name)
    return rows.row(0, named=True)


def test_long_file_in_cp1252_fills_plants_and_keeps_flags(write, read):
    text = LONG_HEAD + "".join(
        [
            long_row("Congo (Kinshasa)", "226,000"),
            long_row("Burma", "W"),
            long_row("Turkey", "<1,000", notes="Estimated."),
            long_row("C\u00f4te d\u2019Ivoire", "\u2014"),
            long_row("World total", "302,000", detail="Mine production: rounded"),
        ]
    )
    found = read("usgs-mcs", write("MCS2026_Commodities_Data.csv", text, "cp1252"))
    row = plant(found, "cobalt_mining_COD")
    assert row["base_activity_t_per_year"] == 226000
    assert row["source_id"] == "USGS-MCS-2026"
    assert row["evidence"] == "read"
    assert "published '226,000' metric tons" in row["note"]
    flags = dict(found.flags.select("code", "flag").iter_rows())
    assert flags["MMR"] == "withheld"
    assert flags["TUR"] == "less_than"
    assert flags["CIV"] == "zero"
    held = found.tables["observations"].filter(pl.col("series").str.ends_with("/MMR"))
    assert held["value"].to_list() == [None]  # withheld is null, never 0


def test_utf8_with_bom_reads_the_same(write, read):
    text = LONG_HEAD + long_row("T\u00fcrkiye", "12,000")
    found = read("usgs-mcs", write("a.csv", text, "utf-8-sig"))
    assert found.flags["code"].to_list() == ["TUR"]


def test_a_fused_footnote_digit_is_caught_and_held_out(write, read):
    # 13,000 with footnote 1 read as 113,000: 268,000 + 113,000 against 281,000
    rows = [long_row("Congo (Kinshasa)", "268000"), long_row("Australia", "113000")]
    rows.append(long_row("World total", "281000"))
    found = read("usgs-mcs", write("a.csv", LONG_HEAD + "".join(rows)))
    assert "plants" not in found.tables
    series = found.unmapped.filter(pl.col("what") == "series").row(0, named=True)
    assert "fused to 113000 of Australia (13,000 would fit)" in series["reason"]
    assert series["tonnes"] == 381000
    assert set(found.flags["flag"]) == {"suspect"}


def test_kilograms_under_a_tonne_label_are_caught(write, read):
    places = ["Chile", "Poland", "United States", "Uzbekistan", "China"]
    rows = [long_row(p, "20000", commodity="Rhenium") for p in places]
    found = read("usgs-mcs", write("a.csv", LONG_HEAD + "".join(rows)))
    reasons = " ".join(found.unmapped["reason"])
    assert "kilograms or kilotonnes under a wrong label" in reasons
    assert "plants" not in found.tables


def test_kilograms_with_their_label_become_tonnes_once(write, read):
    row = long_row("Chile", "30,000", commodity="Rhenium", unit="kilograms")
    found = read("usgs-mcs", write("a.csv", LONG_HEAD + row))
    assert found.flags["value"].to_list() == [30.0]
    assert found.flags["published_unit"].to_list() == ["kilograms"]


def test_gross_weight_is_not_put_on_a_contained_basis(write, read):
    text = LONG_HEAD + long_row("South Africa", "20000", commodity="Chromium")
    found = read("usgs-mcs", write("a.csv", text))
    assert "plants" not in found.tables
    left = found.unmapped.filter(pl.col("what") == "item").row(0, named=True)
    assert "never added without a content share" in left["reason"]
    assert left["tonnes"] == 20000


def test_manganese_price_is_per_metric_ton_unit(write, read):
    row = long_row(
        "United States", "5.27", commodity="Manganese", statistic="Price",
        detail="Price, average, manganese content, dollars per metric ton unit",
        unit="dollars per metric ton", section="Salient Statistics\u2014United States",
    )  # fmt: skip
    found = read("usgs-mcs", write("a.csv", LONG_HEAD + row))
    # 5.27 USD for 10 kg of manganese is 527 USD/t
    assert found.flags["value"].to_list() == [pytest.approx(527)]


def test_what_no_rule_knows_is_listed_with_tonnes_and_nearest(write, read):
    rows = long_row("Peru", "7", commodity="Cobalte") + long_row("Perru", "9")
    found = read("usgs-mcs", write("a.csv", LONG_HEAD + rows))
    left = {r["what"]: r for r in found.unmapped.iter_rows(named=True)}
    assert (left["commodity"]["nearest"], left["commodity"]["tonnes"]) == ("cobalt", 7)
    assert (left["country"]["nearest"], left["country"]["tonnes"]) == ("PER", 9)


def test_world_file_reads_year_columns_of_any_edition(write, read):
    rows = (
        "MCS2025,Gemanium ,China,Primary and secondary refinery production,kilograms,"
        "W,40000,,,,,,\n"
        'MCS2025,Cobalt,United\u00a0States,"Mine production, cobalt content, '
        'estimated",metric tons,500,300,,,,,70000,\n'
    )
    found = read("usgs-world", write("w.csv", WORLD_HEAD + rows, "utf-8-sig"))
    values = {
        (r["code"], r["statistic"], r["date"]): r["value"]
        for r in found.flags.iter_rows(named=True)
    }
    assert values["CHN", "production", "2024"] == 40.0  # kg to t
    assert values["USA", "production", "2023"] == 500
    assert values["USA", "reserves", "2024"] == 70000
    older = WORLD_HEAD.replace("PROD_2023,PROD_EST_ 2024", "PROD_2021,PROD_EST_2022")
    found = read("usgs-world", write("o.csv", older + rows.replace("2025", "2023")))
    assert "2022" in found.flags["date"].to_list()


def test_world_file_says_withheld_in_a_note_beside_an_empty_cell(write, read):
    rows = (
        'MCS2025,Lithium ,United States,"Mine production, lithium content",metric '
        "tons,,,W for 23-24,,,,1800000,\n"
        'MCS2025,Lithium ,Chile,"Mine production, lithium content",metric '
        "tons,40000,49000,,,,,,\n"
    )
    found = read("usgs-world", write("w.csv", WORLD_HEAD + rows, "utf-8-sig"))
    withheld = found.flags.filter(code="USA", statistic="production").sort("date")
    assert withheld["date"].to_list() == ["2023", "2024"]
    assert withheld["value"].to_list() == [None, None]
    assert set(withheld["flag"]) == {"withheld"}


def test_salient_files_read_units_from_names_and_know_the_wrong_ones(write, read):
    gallium = write(
        "mcs2025-galli_salient.csv",
        "DataSource,Commodity,Year,USprod_Primary_kg,Imports_Metal_kg,Imports_GaAs_kg,"
        "Price_Low-purity_dkg,NIR_pct\nMCS2025,Gallium,2024,0,19000,120000,450,100\n",
    )
    rare = write(
        "mcs2025-rareee_salient.csv",
        "DataSource,Commodity,Year,USprod_Concentrate_t,NIR_Compounds-Metals_t,"
        "NIR_Concentrate_t\nMCS2025,Rare Earths,2024,45000,80,E\n",
    )
    found = read("usgs-salient", gallium, rare)
    seen = {
        (r["statistic"], r["detail"]): (r["value"], r["unit"])
        for r in found.flags.iter_rows(named=True)
    }
    assert seen["us_import", "Metal"] == (19.0, "t")
    assert seen["us_import", "GaAs"] == (120.0, "t")  # wafers: never added to metal
    assert seen["us_price", "Low-purity"] == (450000.0, "USD/t")
    assert seen["us_net_import_reliance", "Compounds-Metals"] == (0.8, "share")


def test_editions_are_never_mixed(write, read):
    head = "DataSource,Commodity,Year,USprod_t\n"
    a = write("a.csv", head + "MCS2025,Tin,2022,1\n")
    b = write("b.csv", head + "MCS2023,Tin,2022,2\n")
    with pytest.raises(InputError, match="editions 2023, 2025 in one import"):
        read("usgs-salient", a, b)


BGS_HEAD = (
    "country_trans,country_iso3_code,bgs_commodity_trans,bgs_sub_commodity_trans,"
    "units,year,quantity,bgs_statistic_type_trans,sdmx_code\n"
)


def test_bgs_keeps_historic_states_and_trusts_names_over_codes(write, read):
    rows = [
        'Soviet Union,SUN,"cobalt, mine",,tonnes (metal content),1971-01-01,900,',
        'Congo,COD,"copper, mine",,tonnes (metal content),2023-01-01,8400,',
        'Zaire,ZAR,"cobalt, refined",,tonnes (metric),1990-01-01,10000,',
        'Norway,NOR,"cobalt, refined",,tonnes (metric),2023-01-01,,',
    ]
    marks = ["A", "A", "A", "O"]  # O: missing
    lines = [f"{r}Production,{m}\n" for r, m in zip(rows, marks, strict=True)]
    found = read("bgs", write("BGS.csv", BGS_HEAD + "".join(lines)))
    codes = dict(found.flags.select("place", "code").iter_rows())
    assert codes["Soviet Union"] == "SUN"
    assert codes["Congo"] == "COG"  # the file codes both Congos COD
    assert codes["Zaire"] == "COD"
    stages = dict(found.flags.select("place", "stage").iter_rows())
    assert (stages["Soviet Union"], stages["Zaire"]) == ("mine", "refine")
    flags = dict(found.flags.select("place", "flag").iter_rows())
    assert flags["Norway"] == "not_available"
    series = found.tables["observations"]["series"].to_list()
    assert any(s.endswith("/SUN") for s in series)


def test_bgs_year_becomes_plants_when_asked(write, read):
    row = (
        'Zambia,ZMB,"cobalt, mine",,tonnes (metal content),2023-01-01,900,'
        "Production,A\n"
    )
    path = write("BGS.csv", BGS_HEAD + row)
    assert "plants" not in read("bgs", path).tables
    kept = read("bgs", path, year=2023)
    assert "plants" not in kept.tables
    assert "--as-base-year" in kept.unmapped["reason"][0]
    found = read("bgs", path, year=2023, as_base_year=True)
    assert found.tables["plants"]["base_activity_t_per_year"].to_list() == [900]


def test_world_mining_data_reads_the_unit_of_each_sheet(book, read):
    path = book(
        "wmd.xlsx",
        {
            "Rhenium": [
                ["Rhenium"],
                ["Country", "unit", 2023, 2024, "data source"],
                ["Chile", "kg", 30000, 31000, "r"],
                ["Poland", "kg", 9000, 9500, "e"],
                ["Total", "kg", 39000, 40500],
            ],
            "About": [["text"]],
        },
    )
    found = read("wmd", path)
    values = {
        (r["code"], r["date"]): (r["value"], r["estimated"])
        for r in found.flags.iter_rows(named=True)
    }
    assert values["CHL", "2024"] == (31.0, False)
    assert values["POL", "2024"] == (9.5, True)
    assert found.unmapped["what"].to_list() == ["sheet"]


def test_world_mining_data_refuses_two_units_on_a_sheet(book, read):
    rows = [["Country", "unit", 2024], ["Chile", "kg", 1], ["Peru", "metr. t", 1]]
    with pytest.raises(InputError, match=r"row 3, column unit: units"):
        read("wmd", book("wmd.xlsx", {"Rhenium": rows}))
