# SPDX-License-Identifier: Apache-2.0
"""Industries, scenarios, sites and any CSV with a map."""

from __future__ import annotations

import polars as pl
import pytest

from oreserve.errors import InputError

USE = """code,111CA,212,Total Intermediate,F010
111CA,100,0,100,5
V001,{a},1000000,,
V002,10,-5,,
V003,20,30,,
Total Industry Output,900,2000000,,
"""


def test_use_table_gives_value_added_and_output_in_usd(write, read):
    path = write("Summary_Use_2023_PRO.csv", USE.format(a=2000000))
    found = read("bea", path)
    rows = {r["industry"]: r for r in found.tables["industries"].iter_rows(named=True)}
    assert rows["111CA"]["value_added_usd"] == (2000000 + 10 + 20) * 1e6
    assert rows["212"]["output_usd"] == 2e12
    assert found.sources["source_id"].to_list() == ["BEA-IO-summary-2023"]
    with pytest.raises(
        InputError, match="a table of 2023, not of 2020; allowed: --year 2023"
    ):
        read("bea", path, year=2020)


def test_a_use_table_in_another_unit_is_refused(write, read):
    path = write("Summary_Use_2023_PRO.csv", USE.format(a=2).replace("1000000", "1"))
    with pytest.raises(InputError, match="not in million USD"):
        read("bea", path)


def test_levels_are_never_mixed(write, read):
    summary = write("Summary_Use_2023_PRO.csv", USE.format(a=2000000))
    text = USE.format(a=2000000).replace("111CA", "1111A0")
    detail = write("Detail_Use_2017_PRO.csv", text)
    with pytest.raises(InputError, match="one level and one year"):
        read("bea", summary, detail)


def test_matrices_that_no_table_holds_are_listed(write, read):
    use = write("Summary_Use_2023_PRO.csv", USE.format(a=2000000))
    make = write("Summary_Make_2023_.csv", "code,111CA,Total\n111CA,5,5\n")
    found = read("bea", use, make)
    assert found.unmapped["what"].to_list() == ["table"]


def iea(book, unit="kt"):
    rows = [
        ["Total demand for key minerals"], [f"Unit: {unit}"], [],
        [None, None, "Stated policies", None, "Net zero"],
        ["Mineral", 2022, 2030, 2040, 2030],
        ["Cobalt"], ["Electric vehicles", 60, 120, 180, 200],
    ]  # fmt: skip
    return book("iea.xlsx", {"1 Total demand": rows, "Notes": [["x"]]})


def test_scenarios_stay_apart_in_the_series(book, read):
    frame = read("iea", iea(book)).tables["observations"]
    cells = {(r["series"], r["date"]): r["value"] for r in frame.iter_rows(named=True)}
    base = "iea/1_total_demand/cobalt/electric_vehicles"
    assert cells[f"{base}/history", "2022-01-01"] == 60000
    assert cells[f"{base}/stated_policies", "2030-01-01"] == 120000
    assert cells[f"{base}/net_zero", "2030-01-01"] == 200000


def test_mining_and_refining_side_by_side_stay_apart(book, read):
    # The sheet of supply as users of the editions of 2024 to 2026 describe it: two
    # tables beside an empty column, a share under each, notes at the end.
    rows = [
        ["Total supply for key minerals"], ["Unit: kt"], [],
        ["(kt)", None, None, None, None, None, None],
        [None, 2024, 2030, None, None, 2024, 2030],
        ["Cobalt - Mining", None, None, None, "Cobalt - Refining", None, None],
        ["Indonesia", 30, 60, None, "China", 160, 170],
        [],
        ["Rest of world", 40, 50, None, "Rest of world", 40, 45],
        ["Top 3 share", 0.8, 0.7, None, "Top 3 share", 0.9, 0.85],
        ["Notes: see the site", 1, 2, None, None, None, None],
    ]  # fmt: skip
    path = book("iea.xlsx", {"2 Total supply for key minerals": rows})
    found = read("iea", path)
    frame = found.tables["observations"]
    cells = {(r["series"], r["date"]): r["value"] for r in frame.iter_rows(named=True)}
    base = "iea/2_total_supply_for_key_minerals"
    assert cells[f"{base}/cobalt_mining/indonesia/history", "2024-01-01"] == 30000
    assert cells[f"{base}/cobalt_refining/china/history", "2024-01-01"] == 160000
    assert cells[f"{base}/cobalt_refining/china/base_case", "2030-01-01"] == 170000
    assert len(cells) == 8  # no share is a tonnage, no note a country
    assert found.unmapped["name"].to_list() == ["Top 3 share"]
    evidence = dict(frame.select("series", "evidence").iter_rows())
    assert evidence[f"{base}/cobalt_mining/indonesia/base_case"] == "estimated"


def test_a_scenario_sheet_without_unit_is_refused(book, read):
    with pytest.raises(InputError, match="no unit is stated"):
        read("iea", iea(book, unit="none"))


def test_sites_are_counted_because_they_have_no_capacity(book, read):
    header = [
        "ICMMID", "Confidence Factor", "Mine Name ", "Group Names", "Latitude",
        "Longitude", "Asset Type", "Country", "Primary Commodity",
    ]  # fmt: skip
    rows = [
        header,
        ["1", "High", "a", None, 1, 1, "Mine", "Democratic Republic of the Congo",
         "cobalt"],
        ["2", "High", "b", None, 1, 1, "Mine", "Congo (Kinshasa)", "cobalt"],
        ["3", "High", "c", None, 1, 1, "Mine", "Atlantis", "cobalt"],
    ]  # fmt: skip
    about = [["ICMM Global Mining Dataset, September 2025 (V1)"]]
    found = read("icmm", book("icmm.xlsx", {"About": about, "External": rows}))
    row = found.tables["observations"].row(0, named=True)
    assert row["series"] == "icmm/sites/cobalt/mine/COD"
    assert (row["value"], row["date"]) == (2.0, "2025-09-01")
    assert found.unmapped["name"].to_list() == ["Atlantis"]


MAP = {
    "table": "plants",
    "columns": {
        "country": "Land",
        "plant": "Name",
        "capacity_t_per_year": {"column": "Capacity", "unit": "kt/year"},
    },
    "constants": {"process": "cobalt_mining", "aggregate": False},
    "source": {"source_id": "OWN", "title": "Own list"},
}


def test_a_map_turns_any_csv_into_rows(write, read):
    path = write("m.csv", "Name;Land;Capacity\nnew_mine;Burma;1,5\n".replace(",", "."))
    found = read("csv", path, mapping={**MAP, "delimiter": ";"})
    row = found.tables["plants"].row(0, named=True)
    assert (row["plant"], row["country"]) == ("new_mine", "MMR")
    assert row["capacity_t_per_year"] == 1500


def test_rows_that_the_study_cannot_hold_are_listed(write, read):
    path = write("m.csv", "Name,Land,Capacity\na,Atlantis,7\nb,Peru,W\n")
    found = read("csv", path, mapping=MAP)
    assert not found.tables
    left = {r["what"]: r for r in found.unmapped.iter_rows(named=True)}
    assert left["country"]["tonnes"] == 7000
    assert "withheld" in left["row"]["reason"]


@pytest.mark.parametrize(
    "change, message",
    [
        ({"table": "plant"}, "did you mean 'plants'"),
        ({"columns": {"land": "Land"}}, "plants has no column 'land'"),
        ({"columns": {"capacity_t_per_year": "Capacity"}}, "states no unit"),
        (
            {"columns": {"capacity_t_per_year": {"column": "Capacity", "unit": "lbs"}}},
            "cannot become t/year",
        ),
        ({"columns": {"country": "Lnd"}}, "did you mean 'Land'"),
        ({"source": {}}, "the source is not stated"),
        ({"year_column": "Land"}, "no figures of 2024"),
    ],
)
def test_a_wrong_map_says_what_is_allowed(write, read, change, message):
    path = write("m.csv", "Name,Land,Capacity\na,Peru,7\n")
    with pytest.raises(InputError) as error:
        read("csv", path, mapping={**MAP, **change})
    assert message in str(error.value)


def test_a_map_of_another_stage_or_basis_is_refused(write, read):
    path = write("l.csv", "item,from,to,t\ncopper_concentrate,CHL,CHN,5\n")
    mapping = {
        "table": "lanes",
        "columns": {
            "item": "item", "exporter": "from", "importer": "to",
            "base_t_per_year": {"column": "t", "unit": "t/year"},
        },
        "source": {"source_id": "OWN", "title": "Own list"},
    }  # fmt: skip
    assert read("csv", path, mapping=mapping).tables["lanes"].height == 1
    with pytest.raises(InputError, match="counted on basis contained Cu, the file on"):
        read("csv", path, mapping={**mapping, "basis": "gross"})
    with pytest.raises(InputError, match="at stage mine, the file at metal"):
        read("csv", path, mapping={**mapping, "stage": "metal"})


def test_a_value_map_renames_items(write, read):
    path = write("l.csv", "item,from,to,t\nKupfer,CHL,CHN,5\n")
    mapping = {
        "table": "lanes",
        "columns": {
            "item": "item", "exporter": "from", "importer": "to",
            "base_t_per_year": {"column": "t", "unit": "kt"},
        },
        "values": {"item": {"Kupfer": "copper"}},
        "source": {"source_id": "OWN", "title": "Own list"},
    }  # fmt: skip
    frame = read("csv", path, mapping=mapping).tables["lanes"]
    assert frame.select(pl.col("item", "base_t_per_year")).row(0) == ("copper", 5000)


NAMES = {
    "table": "lanes",
    "columns": {
        "item": "item", "exporter": "from", "importer": "to",
        "base_t_per_year": {"column": "t", "unit": "t"},
    },
    "source": {"source_id": "OWN", "title": "Own list"},
}  # fmt: skip


@pytest.mark.parametrize(
    "home", ["United States", "united states", "USA", "usa", "840", "842", "842.0"]
)
@pytest.mark.parametrize("item", ["copper", "Copper", "COPPER "])
def test_one_country_has_many_names_and_capitals_do_not_matter(write, read, home, item):
    path = write("l.csv", f"item,from,to,t\n{item},CHL,{home},5\n")
    frame = read("csv", path, mapping=NAMES).tables["lanes"]
    assert frame.select("item", "exporter", "importer").row(0) == (
        "copper", "CHL", "USA",
    )  # fmt: skip


def test_one_bad_name_never_drops_the_others(write, read):
    rows = [
        "copper,CHL,USA,5", "coper,CHL,USA,7", "unobtainium,CHL,USA,11",
        "copper,CHL,Untied States,13", "copper,Atlantis,USA,17", "copper,ZMB,CHN,19",
    ]  # fmt: skip
    path = write("l.csv", "item,from,to,t\n" + "\n".join(rows) + "\n")
    found = read("csv", path, mapping=NAMES)
    assert found.tables["lanes"]["base_t_per_year"].to_list() == [5, 19]
    left = {r["name"]: r for r in found.unmapped.iter_rows(named=True)}
    assert {n: r["tonnes"] for n, r in left.items()} == {
        "coper": 7, "unobtainium": 11, "Untied States": 13, "Atlantis": 17,
    }  # fmt: skip
    assert left["coper"]["nearest"] == "copper"
    assert left["Untied States"]["nearest"] == "USA"
    assert [left["coper"]["row"], left["coper"]["column"]] == [3, "item"]


@pytest.mark.parametrize(
    "change, message",
    [
        ({"hs_codes": {"283691": "Lithum"}}, "did you mean 'lithium'"),
        ({"content_shares": {"760119": 0.5}}, "a code that no item names"),
        ({"content_shares": {"760119": 0.5}}, "did you mean '760110'"),
    ],
)
def test_a_code_of_the_map_must_lead_to_an_item(write, read, change, message):
    text = "t,i,j,k,v,q\n2024,643,842,760110,24000,10000\n"
    path = write("BACI_HS92_Y2024_V202601.csv", text)
    with pytest.raises(InputError, match="--map, row 1, column") as error:
        read("baci", path, mapping=change)
    assert message in str(error.value)
