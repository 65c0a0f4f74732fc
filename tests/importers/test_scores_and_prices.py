# SPDX-License-Identifier: Apache-2.0
"""Governance, development, prices: one vintage, one unit."""

from __future__ import annotations

import polars as pl
import pytest

from oreserve.errors import InputError

SHEETS = [
    "VoiceandAccountability", "Political StabilityNoViolence",
    "GovernmentEffectiveness", "RegulatoryQuality", "RuleofLaw", "ControlofCorruption",
]  # fmt: skip


def wgi_book(book, name="wgi.xlsx", *, update="2023 Update", value=1.0):
    rows = [
        ["title"],
        ["Country/Territory", "Code", "Estimate", "StdErr"],  # a sheet repeats it
        [None, None, 2021, 2021, 2022, 2022],
        ["Country/Territory", "Code", "Estimate", "StdErr", "Estimate", "StdErr"],
        ["Congo, Dem. Rep.", "ZAR", -1.6, 0.2, -value, 0.25],
        ["Andorra", "ADO", "#N/A", "#N/A", 1.2, 0.3],
        ["Kosovo", "XKX", 0.1, 0.2, 0.1, 0.2],
    ]
    intro = [[f"The Worldwide Governance Indicators, {update}"]]
    return book(name, {"Introduction": intro, **dict.fromkeys(SHEETS, rows)})


def test_workbook_fills_six_scores_and_their_mean(book, read):
    found = read("wgi", wgi_book(book))
    rows = {r["country"]: r for r in found.tables["countries"].iter_rows(named=True)}
    assert rows["COD"]["governance"] == pytest.approx(-1.0)
    assert rows["COD"]["rule_of_law_score"] == -1.0
    assert rows["AND"]["political_stability_score"] == 1.2
    assert rows["COD"]["source_id"] == "WGI-2023-update"
    errors = found.tables["observations"].filter(pl.col("series").str.contains("/COD"))
    assert errors["value"].unique().to_list() == [0.25]
    assert "XKX" not in rows
    assert "ISO lists no such country" in found.unmapped["reason"].to_list()


def test_scores_of_another_vintage_are_emptied_not_mixed(book, read):
    found = read("wgi", wgi_book(book))
    rows = {r["country"]: r for r in found.tables["countries"].iter_rows(named=True)}
    assert rows["CHN"]["governance"] is None  # the file does not cover it
    assert rows["CHN"]["source_id"]


def test_two_vintages_in_one_import_are_refused(book, read):
    a = wgi_book(book, "a.xlsx")
    b = wgi_book(book, "b.xlsx", update="2024 Update")
    with pytest.raises(InputError, match="vintages 2023 update, 2024 update"):
        read("wgi", a, b)


LONG = "country,code,year,estimate,stderr,numsrc,rank,lower,upper\n"


def test_a_long_file_over_the_break_takes_one_year_of_one_vintage(write, read):
    name = "wgi_political_stability.csv"
    rows = "China,CHN,2022,-0.44,0.2,8,28,20,36\nChina,CHN,2024,-0.17,0.2,8,63,55,70\n"
    path = write(name, LONG + rows)
    new = read("wgi", path)
    old = read("wgi", path, year=2022)
    assert new.sources["source_id"].to_list() == ["WGI-2025-update"]
    assert old.sources["source_id"].to_list() == ["WGI-2023-update"]
    column = "political_stability_score"
    china = pl.col("country") == "CHN"
    assert new.tables["countries"].filter(china)[column].to_list() == [-0.17]
    assert "governance" not in new.tables["countries"].columns  # the mean of six


def test_two_figures_of_one_country_are_both_left_out(write, read):
    rows = "Guyana,GUY,2024,0.1,0.2,3,,,\nGuyana,GUY,2024,0.3,0.2,3,,,\n"
    path = write(
        "wgi_political_stability.csv", LONG + rows + "Peru,PER,2024,0,0.2,3,,,"
    )
    found = read("wgi", path)
    codes = found.tables["countries"].drop_nulls("political_stability_score")
    assert codes["country"].to_list() == ["PER"]
    assert "neither is taken" in found.unmapped["reason"][0]


def test_many_such_countries_are_two_vintages(write, read):
    codes = ["PER", "CHL", "ARG", "BOL"]
    rows = "".join(f"x,{c},2024,{v},0.2,3,,,\n" for v in (0.1, 0.2) for c in codes)
    path = write("wgi_political_stability.csv", LONG + rows)
    with pytest.raises(InputError, match="two vintages in one import"):
        read("wgi", path)


def test_ranks_are_no_estimates(write, read):
    path = write("wgi_political_stability.csv", LONG + "China,CHN,2024,63,0.2,8,,,\n")
    with pytest.raises(InputError, match="row 2, column political_stability_score: 63"):
        read("wgi", path)


def test_development_index_wide_and_long(write, read):
    wide = write(
        "wide.csv",
        "iso3,country,hdicode,region,hdi_2021,hdi_2022\n"
        "TUR,T\u00fcrkiye,Very High,ECA,0.85,0.855\n"
        "ZZA.VHHD,Very high human development,,,0.9,0.902\n",
        "cp1252",
    )
    found = read("hdi", wide)
    assert found.tables["countries"].select("country", "hdi_score").rows() == [
        ("TUR", 0.855)
    ]
    assert found.unmapped["reason"].to_list() == ["a group of countries"]
    long = write("long.csv", "country,year,hdi\nBolivia (Plurinational State of),2022,"
                 "0.698\n")  # fmt: skip
    assert read("hdi", long).tables["countries"]["country"].to_list() == ["BOL"]
    percent = write("bad.csv", "country,year,hdi\nPeru,2022,76.2\n")
    with pytest.raises(InputError, match=r"row 2, column hdi: 76.2 is no index"):
        read("hdi", percent)


def pink(book, unit="($/mt)", months=12):
    rows = [["World Bank Commodity Price Data (The Pink Sheet)"], [], []]
    rows += [["Updated on June 02, 2026"]]
    rows += [[None, "Copper", "Platinum", "Potassium chloride **", "Cocoa"]]
    rows += [[None, unit, "($/troy oz)", "($/mt)", "($/kg)"]]
    rows += [["2023M12", 8000, 900, 300, 4]]
    rows += [
        [f"2024M{m:02d}", 9000 + m, 1000, "\u2026", 5] for m in range(1, months + 1)
    ]
    return book("pink.xlsx", {"Monthly Prices": rows})


def test_prices_become_usd_per_tonne_with_full_year_means(book, read):
    found = read("pink-sheet", pink(book))
    prices = {
        (r["item"], r["period"]): r["usd_per_t"]
        for r in found.tables["prices"].iter_rows(named=True)
    }
    assert prices["copper", "2024"] == pytest.approx(9006.5)  # mean of 9001 to 9012
    assert prices["copper", "2024-03"] == 9003
    # 1000 USD per troy ounce is 32,150,747 USD/t
    assert prices["platinum", "2024-01"] == pytest.approx(32150746.57)
    assert ("copper", "2023-12") not in prices
    left = dict(found.unmapped.select("name", "reason").iter_rows())
    assert "basis KCl against contained K2O" in left["Potassium chloride"]
    assert "2023-12 to 2023-12" in left


def test_no_mean_of_a_year_that_is_not_over(book, read):
    found = read("pink-sheet", pink(book, months=5))
    assert "2024" not in found.tables["prices"]["period"].to_list()


def test_a_price_in_a_unit_that_is_none_is_refused(book, read):
    with pytest.raises(InputError, match="row 6, column Copper"):
        read("pink-sheet", pink(book, unit="(2010=100)"))
