# SPDX-License-Identifier: Apache-2.0
"""BACI and Comtrade: gross weight, missing quantities, special country codes."""

from __future__ import annotations

import gzip
import zipfile

import polars as pl
import pytest

from oreserve.errors import InputError
from oreserve.importers.baci import scan_baci

HEAD = "t,i,j,k,v,q\n"
NAME = "BACI_HS92_Y2024_V202601.csv"
# 261510 zircon: an item on its own weight; 260300 copper ore: contained Cu.
ROWS = '2024,643,842,261510,24000,10000\n2024,251,699,261510,240,"       100.000"\n'


def lanes(found):
    frame = found.tables["lanes"]
    return {
        (r["item"], r["exporter"], r["importer"]): r["base_t_per_year"]
        for r in frame.iter_rows(named=True)
        if r["base_t_per_year"]  # those that the file lists no more are 0
    }


def test_codes_of_trade_statistics_become_countries(write, read):
    rows = ROWS + "2024,490,757,261510,300,100\n"
    found = read("baci", write(NAME, HEAD + rows))
    assert lanes(found) == {
        ("zircon", "RUS", "USA"): 10000,
        ("zircon", "FRA", "IND"): 100,
        ("zircon", "TWN", "CHE"): 100,
    }
    assert found.sources["source_id"].to_list() == ["BACI-HS92-202601"]


def test_gross_ore_needs_a_content_share(write, read):
    path = write(NAME, HEAD + "2024,152,156,260300,2000000,1000000\n" + ROWS)
    found = read("baci", path)
    left = found.unmapped.filter(pl.col("name") == "260300").row(0, named=True)
    assert "gross weight against contained Cu" in left["reason"]
    assert left["tonnes"] == 1000000
    found = read("baci", path, mapping={"content_shares": {"260300": 0.25}})
    assert lanes(found)["copper_concentrate", "CHL", "CHN"] == 250000
    with pytest.raises(InputError, match="content share of 260300 is 25"):
        read("baci", path, mapping={"content_shares": {"260300": 25}})


def test_a_missing_quantity_is_never_zero(write, read):
    rows = ROWS + "2024,36,842,261510,500,NA\n2024,36,392,261510,500,\n"
    found = read("baci", write(NAME, HEAD + rows))
    assert ("zircon", "AUS", "USA") not in lanes(found)
    left = found.unmapped.filter(pl.col("reason").str.contains("value only"))
    assert (left["rows"][0], left["tonnes"][0]) == (2, None)


def test_baskets_and_shared_codes_are_listed_not_split(write, read):
    rows = ROWS + "2024,156,842,811291,900,10\n2024,156,842,284690,900,77\n"
    mapping = {"hs_codes": {"811299": "gallium"}}
    found = read("baci", write(NAME, HEAD + rows), mapping=mapping)
    reasons = dict(found.unmapped.select("name", "reason").iter_rows())
    assert "one code, several items" in reasons["284690"]
    assert dict(found.unmapped.select("name", "tonnes").iter_rows())["284690"] == 77
    basket = found.unmapped.filter(pl.col("name") == "811291").row(0, named=True)
    assert basket["tonnes"] == 10
    assert "basket code: gallium" in basket["reason"]


def test_historic_states_are_listed_with_their_tonnes(write, read):
    rows = ROWS + "2024,810,842,261510,900,55\n"
    found = read("baci", write(NAME, HEAD + rows))
    left = found.unmapped.filter(pl.col("what") == "country").row(0, named=True)
    assert "SUN: never given to a successor" in left["reason"]
    assert left["tonnes"] == 55


def test_a_zip_gives_the_year_and_its_dictionary(tmp_path, read):
    path = tmp_path / "BACI_HS92_V202601.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(NAME, HEAD + ROWS)
        archive.writestr(NAME.replace("2024", "2023"), HEAD + "broken\n")
        archive.writestr(
            "country_codes_V202601.csv",
            "country_code,country_name,country_iso2,country_iso3\n842,USA,US,USA\n",
        )
    found = read("baci", path)
    assert lanes(found)["zircon", "RUS", "USA"] == 10000  # 2023 is not opened


def test_a_zip_without_the_year_lists_its_years(tmp_path, read):
    path = tmp_path / "BACI_HS92_V202601.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(NAME, HEAD + ROWS)
    with pytest.raises(InputError, match="no file of 2020; allowed: --year 2024"):
        read("baci", path, year=2020)


def test_parquet_streams_like_csv(tmp_path, write):
    csv = write(NAME, HEAD + ROWS)
    parquet = tmp_path / "b.parquet"
    pl.read_csv(csv, schema_overrides={"k": pl.String}).with_columns(
        pl.col("q").str.strip_chars().cast(pl.Float64)
        if pl.read_csv(csv)["q"].dtype == pl.String
        else pl.col("q")
    ).write_parquet(parquet)
    assert scan_baci([parquet]).collect().equals(scan_baci([csv]).collect())


@pytest.mark.parametrize(
    "text, message",
    [
        ("", "the file is empty"),
        (HEAD, "a header but no rows"),
        ("t,i,j,k,value,q\n" + ROWS, "column 'v' is missing"),
        (HEAD + ROWS.replace("2024", "2023"), "holds figures of 2023, not of 2024"),
        (HEAD + ROWS + "2024,643,842,261510,x,1\n", "row 4, column t, i, j"),
        (HEAD + ROWS + "2024,643,842", "row 4"),
        # value and quantity swapped: 10,000 kUSD for 24 t of aluminium at 2,400
        (HEAD + "2024,643,842,261510,10000,24\n", "value and quantity swapped"),
        # kilograms under the tonne column
        (HEAD + "2024,643,842,261510,24000,10000000\n", "another unit"),
    ],
)
def test_a_broken_year_is_refused_with_its_place(write, read, text, message):
    with pytest.raises(InputError) as error:
        read("baci", write(NAME, text))
    assert message in str(error.value)
    assert NAME in str(error.value)


def test_a_year_that_is_not_there_is_refused(write, read):
    with pytest.raises(InputError, match="no file of 2019; allowed: --year 2024"):
        read("baci", write(NAME, HEAD + ROWS), year=2019)


def test_streaming_reads_padded_quoted_and_gzipped_numbers(tmp_path):
    path = tmp_path / "BACI_HS92_Y2021_V202301.csv.gz"
    text = '"t","i","j","k","v","q"\n2021,4,24,10110,52.051,"       13.235"\n'
    path.write_bytes(gzip.compress((text + '2021,4,24,010121,1,"NA"\n').encode()))
    frame = scan_baci([path]).collect().sort("hs6")
    assert frame["hs6"].to_list() == ["010110", "010121"]
    assert frame["t"].to_list() == [13.235, None]


COMTRADE = (
    "typeCode,freqCode,refPeriodId,refYear,refMonth,period,reporterCode,reporterISO,"
    "reporterDesc,flowCode,flowDesc,partnerCode,partnerISO,partnerDesc,partner2Code,"
    "cmdCode,customsCode,motCode,netWgt,isNetWgtEstimated,primaryValue"
)


def comtrade_row(reporter, flow, partner, kg, usd, *, code="261510", second="0"):
    return (
        f"C,A,20240101,2024,52,2024,1,{reporter},x,{flow},x,1,{partner},x,{second},"
        f"{code},C00,0,{kg},FALSE,{usd}"
    )


def test_comtrade_takes_imports_and_fills_with_exports(write, read):
    rows = [
        comtrade_row("USA", "M", "CAN", 5_000_000, 12_500_000),
        comtrade_row("CAN", "X", "USA", 9_000_000, 22_000_000),
        comtrade_row("CAN", "X", "MEX", 1_000_000, 2_500_000),
        comtrade_row("USA", "M", "W00", 6_000_000, 15_000_000),
        comtrade_row("USA", "M", "CAN", 2_000_000, 5_000_000, second="36"),
        comtrade_row("USA", "M", "_X", 4_000, 10_000),
        comtrade_row("USA", "M", "S19", 0, 10_000),
    ]
    found = read("comtrade", write("c.csv", "\n".join([COMTRADE, *rows])))
    assert lanes(found) == {
        ("zircon", "CAN", "USA"): 5000,  # the importer's own figure, kg to t
        ("zircon", "CAN", "MEX"): 1000,
    }
    left = {r["name"]: r for r in found.unmapped.iter_rows(named=True)}
    assert left["_X"]["tonnes"] == 4  # areas not elsewhere specified
    assert left["261510"]["reason"].startswith("the quantity is missing")


def test_comtrade_header_shifted_by_one_place_is_set_right(write, read):
    row = comtrade_row("USA", "M", "CAN", 5_000_000, 12_500_000)
    shifted = row.removeprefix("C,") + ","
    found = read("comtrade", write("c.csv", f"{COMTRADE}\n{shifted}\n"))
    assert lanes(found) == {("zircon", "CAN", "USA"): 5000}


def test_comtrade_without_descriptions_is_read_by_its_numbers(write, read):
    # As the programming interface gives it: ISO columns empty, blanks in cells.
    start = "C,A,20240101,2024,52,2024"
    rows = [
        f"{start},842,,,M,,124,,,0,261510,C00,0 ,5000000,False,12500000.0",
        f"{start},842,,,M,,0,,,0,261510,C00,0 ,9000000,False,22500000.0",
        f"{start},842,,,M,,124,,,124,261510,C00,0,1,False,2.0",
        f"{start},699,,,M,,490,,,0,261510,C00,0,7000,True,17500.0",
    ]
    found = read("comtrade", write("c.csv", "\n".join([COMTRADE, *rows])))
    assert lanes(found) == {
        ("zircon", "CAN", "USA"): 5000,
        ("zircon", "TWN", "IND"): 7,
    }


def test_comtrade_of_the_site_quotes_cells_and_ends_rows_with_a_comma(write, read):
    row = comtrade_row("USA", "M", "CAN", 5_000_000, 12_500_000)
    quoted = ",".join(f'"{cell}"' for cell in row.split(",")) + ","
    found = read("comtrade", write("c.csv", f"{COMTRADE}\n{quoted}\n"))
    assert lanes(found) == {("zircon", "CAN", "USA"): 5000}


def test_comtrade_refuses_a_pair_that_comes_twice(write, read):
    row = comtrade_row("USA", "M", "CAN", 5_000_000, 12_500_000)
    path = write("c.csv", f"{COMTRADE}\n{row}\n{row}")
    with pytest.raises(InputError, match="row 3, column cmdCode: a second row"):
        read("comtrade", path)
