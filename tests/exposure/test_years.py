# SPDX-License-Identifier: Apache-2.0
"""Several years: by hand, missing years and shares, folders of published files."""

from __future__ import annotations

import os
from pathlib import Path

import polars as pl
import pytest

from oreserve.cli import main
from oreserve.errors import InputError
from oreserve.exposure import (
    history,
    read_history_files,
    read_history_governance,
    read_history_trade,
    trade_history,
)
from oreserve.exposure._history import years_of
from oreserve.study import load_study

ROOT = Path(__file__).resolve().parents[2]
RAW = Path(os.environ.get("ORESERVE_RAW", ROOT.parent / "shared" / "data" / "raw"))
TRADE = [
    (2021, "260900", "PER", "DEU", 600.0, 60.0),
    (2021, "260900", "BOL", "FRA", 200.0, 20.0),
    (2021, "260900", "FRA", "DEU", 999.0, 99.0),  # within the bloc
    (2021, "260900", "DEU", "PER", 100.0, 10.0),  # exports of the bloc
    (2021, "260300", "PER", "DEU", 999.0, 99.0),  # another good
    (2022, "260900", "PER", "DEU", 900.0, None),  # value without tonnes
    (2022, "260900", "PER", "DEU", 400.0, 40.0),
]
MADE = [("tin", 2021, "PER", 80.0), ("tin", 2021, "FRA", 20.0),
        ("tin", 2022, "PER", 50.0)]  # fmt: skip
# g = (2.5 - x) / 5: 0.5, 0.25 and 0
RULED = [(2021, "PER", 0.0), (2021, "BOL", 1.25), (2021, "FRA", 2.5),
         (2021, "DEU", 1.0), (2021, "ITA", 0.5)]  # fmt: skip
BLOCS = {"BLOC": ["DEU", "FRA"], "ITA": ["ITA"]}


COLUMNS = {"good": pl.String, "year": pl.Int64, "country": pl.String, "t": pl.Float64}


def frames(trade=TRADE, ruled=RULED, made=MADE):
    return (
        pl.DataFrame(
            trade, orient="row",
            schema=["year", "hs6", "exporter", "importer", "kusd", "t"],
        ),
        pl.DataFrame(
            ruled, schema=["year", "country", "political_stability"], orient="row"
        ),
        pl.DataFrame(made, schema=COLUMNS, orient="row"),
    )  # fmt: skip


def run(**options):
    options = {"goods": {"tin": ["260900"]}, "countries": BLOCS, **options}
    return trade_history(*frames(), **options)


def row(found: pl.DataFrame, country: str, year: int, good: str = "tin") -> dict:
    rows = found.filter(good=good, country=country, year=year)
    assert rows.height == 1
    return rows.row(0, named=True)


def test_a_bloc_by_hand():
    one = row(run(), "BLOC", 2021)
    assert (one["output_t"], one["imports_t"], one["exports_t"]) == (20.0, 80.0, 10.0)
    assert one["hhi"] == pytest.approx(0.8**2 + 0.2**2)
    # 2 (2.5 - x): Peru 5, France 0.
    assert one["hhi_governance"] == pytest.approx(0.64 * 5)
    # Net imports 70 over 20 + 70.
    assert one["import_dependence"] == pytest.approx(70 / 90)
    assert one["import_hhi"] == pytest.approx(0.75**2 + 0.25**2)
    assert (one["top_partner"], one["top_partner_share"]) == ("PER", 0.75)
    # (0.5 x 60 + 0.25 x 20) / (80 + 20), times HHI 0.68.
    assert one["geopolrisk"] == pytest.approx(0.68 * 0.35)
    # 800 thousand USD over 80 t: 10 USD/kg.
    assert one["characterisation_factor"] == pytest.approx(2.38 / 0.409412948)
    assert (one["status"], one["missing"]) == ("ok", None)


def test_every_cell_returns_a_row_and_no_imports_is_no_score():
    found = run()
    assert found.height == 1 * 2 * 2
    nobody = row(found, "ITA", 2021)
    assert nobody["geopolrisk"] is None
    assert nobody["imports_t"] == 0.0
    assert nobody["status"] == "partial"  # concentration is known all the same
    assert nobody["missing"] == "imports"


def test_a_year_without_governance_is_not_filled_from_its_neighbour():
    later = row(run(), "BLOC", 2022)
    assert later["hhi"] == 1.0
    assert later["hhi_governance"] is None
    assert later["geopolrisk"] is None
    assert later["import_dependence"] == 1.0
    assert (later["status"], later["missing"]) == ("partial", "governance")


def test_value_without_tonnes_stays_out_of_quantity_and_price():
    trade = [*TRADE, (2021, "260900", "PER", "DEU", 1e9, None)]
    found = trade_history(
        *frames(trade), goods={"tin": ["260900"]}, countries=BLOCS, years=[2021]
    )
    assert found.equals(run(years=[2021]))


def test_a_code_that_nobody_trades_is_unknown_not_zero():
    found = run(goods={"tin": ["999999"]}, years=[2021])
    one = row(found, "BLOC", 2021)
    assert one["imports_t"] is None
    assert one["import_dependence"] is None
    assert one["hhi"] == pytest.approx(0.68)
    assert one["missing"] == "imports"


def test_unknown_production_has_no_world_figures():
    one = row(run(years=[2020, 2021], goods={"ore": ["260300"]}), "BLOC", 2021, "ore")
    assert one["hhi"] is None
    assert one["output_t"] is None
    assert one["status"] == "no_data"
    assert "production" in one["missing"]
    assert one["top_partner"] == "PER"


def test_a_withheld_amount_is_not_zero():
    made = [*MADE, ("tin", 2021, "DEU", None)]
    found = trade_history(
        *frames(made=made), goods={"tin": ["260900"]}, countries=BLOCS, years=[2021]
    )
    one = row(found, "BLOC", 2021)
    assert one["output_t"] is None
    assert one["geopolrisk"] is None
    assert one["import_dependence"] is None
    assert (one["status"], one["missing"]) == ("partial", "own output")
    assert one["hhi"] == pytest.approx(0.68)  # over those that are said


def test_content_share_scales_trade_to_the_basis_of_production():
    half = row(run(content={"tin": 0.5}), "BLOC", 2021)
    assert half["imports_t"] == 40.0
    assert half["geopolrisk"] == pytest.approx(0.68 * (15 + 2.5) / (20 + 40))
    # 10 USD per kg of ore are 20 per kg of content, for half of the tonnes.
    full = row(run(), "BLOC", 2021)
    ratio = half["characterisation_factor"] / half["geopolrisk"]
    assert ratio == pytest.approx(
        2 * full["characterisation_factor"] / full["geopolrisk"]
    )


def test_unknown_content_share_gives_bounds_that_hold_every_share():
    blank = row(run(content={"tin": None}), "BLOC", 2021)
    assert blank["geopolrisk"] is None
    assert blank["import_dependence"] is None
    assert blank["missing"] == "content share"
    for share in (0.01, 0.3, 1.0):
        known = row(run(content={"tin": share}), "BLOC", 2021)
        for name in ("geopolrisk", "import_dependence"):
            assert blank[f"{name}_low"] <= known[name] <= blank[f"{name}_high"]
    with pytest.raises(InputError, match="content of tin"):
        run(content={"tin": 40.0})


def test_a_partner_without_governance_is_partial_with_bounds():
    ruled = [r for r in RULED if r[1] != "BOL"]
    trade = [(y, k, e, i, v, t and (6.0 if e == "BOL" else t))
             for y, k, e, i, v, t in TRADE]  # fmt: skip
    found = trade_history(
        *frames(trade, ruled), goods={"tin": ["260900"]}, countries=BLOCS, years=[2021]
    )
    one = row(found, "BLOC", 2021)
    assert one["status"] == "partial"
    assert one["geopolrisk_low"] < one["geopolrisk"] < one["geopolrisk_high"]


def test_row_order_and_blocs_of_one_do_not_matter():
    trade, ruled, made = frames()
    turned = trade_history(
        trade.reverse(), ruled.reverse(), made.reverse(), goods={"tin": ["260900"]}
    )
    plain = trade_history(trade, ruled, made, goods={"tin": ["260900"]})
    assert turned.equals(plain)
    assert set(plain["country"]) == {"BOL", "DEU", "FRA", "PER"}


def test_the_mean_of_six_weights_concentration_where_it_is_known():
    trade, ruled, made = frames()
    six = ruled.with_columns(governance=pl.lit(1.5))
    found = trade_history(trade, six, made, goods={"tin": ["260900"]}, countries=BLOCS)
    assert row(found, "BLOC", 2021)["hhi_governance"] == pytest.approx(0.68 * 2)


def test_a_missing_column_is_named():
    trade, ruled, made = frames()
    with pytest.raises(InputError, match="trade: column 'kusd' is missing"):
        trade_history(trade.drop("kusd"), ruled, made, goods={"tin": ["260900"]})


@pytest.mark.parametrize(
    "text, years", [("2019-2021", (2019, 2020, 2021)), ("2020", (2020,)), (None, None)]
)
def test_years(text, years):
    assert years_of(text) == years


@pytest.mark.parametrize("text", ["2021-2019", "20x", "2019-", "-2019", "99999"])
def test_years_refused(text):
    with pytest.raises(InputError, match="--years"):
        years_of(text)


BGS_HEAD = (
    "country_trans,country_iso3_code,bgs_commodity_trans,bgs_sub_commodity_trans,"
    "units,year,quantity,bgs_statistic_type_trans\n"
)


@pytest.fixture
def folder(tmp_path):
    """Write a folder as publishers' files would fill it."""
    home = tmp_path / "published"
    home.mkdir()
    for year in (2021, 2022):
        (home / f"BACI_HS92_Y{year}_V202601.csv").write_text(
            "t,i,j,k,v,q\n"
            f"{year},710,842,260200,50.0,100.0\n"
            f"{year},266,842,260200,30.0,100.0\n"
            f"{year},604,842,260300,90.0,30.0\n",
            encoding="utf-8",
        )
    (home / "wgi_political_stability.csv").write_text(
        "country,code,year,estimate\n"
        "South Africa,ZAF,2021,0\nGabon,GAB,2021,0\nPeru,PER,2021,0\n"
        "South Africa,ZAF,2023,0\n",
        encoding="utf-8",
    )
    (home / "BGS_ores_production.csv").write_text(
        BGS_HEAD + "".join(
            f"{c},{iso},{good},,{unit},{y}-01-01 00:00:00,{t},Production\n"
            for y in (2021, 2022)
            for c, iso, good, unit, t in (
                ("South Africa", "ZAF", "manganese ore", "tonnes (metric)", 300),
                ("Gabon", "GAB", "manganese ore", "tonnes (metric)", 100),
                ("Peru", "PER", '"copper, mine"', "tonnes (metal content)", 40),
            )
        ),
        encoding="utf-8",
    )  # fmt: skip
    (home / "notes.txt").write_text("not data", encoding="utf-8")
    return home


def test_a_folder_of_published_files(folder):
    found = history(load_study("tiny"), folder)
    ore = row(found, "USA", 2021, "manganese_ore")
    assert (ore["mineral"], ore["stage"]) == ("manganese", "mine")
    assert ore["geopolrisk"] == pytest.approx((0.75**2 + 0.25**2) * 0.5)
    assert ore["import_dependence"] == 1.0
    assert ore["governance_vintage"] == "update of 2023 or before"
    # Copper is made in contained metal and traded in gross weight: bounds only.
    copper = row(found, "USA", 2021, "copper_ore")
    assert copper["geopolrisk"] is None
    assert copper["geopolrisk_high"] == pytest.approx(0.5)
    assert "content share" in copper["missing"]
    assert found["year"].unique().sort().to_list() == [2021, 2022]


def test_own_goods_state_a_content_share(folder):
    (folder / "goods.csv").write_text(
        "good,mineral,stage,basis,hs_codes,content_share\n"
        "copper_ore,copper,mine,Cu,260300,0.25\n",
        encoding="utf-8",
    )
    copper = row(history(load_study("tiny"), folder), "USA", 2021, "copper_ore")
    assert copper["geopolrisk"] == pytest.approx(0.5)
    assert copper["imports_t"] == 7.5


def test_command_writes_history_and_draws_it(folder, tmp_path, capsys):
    out = tmp_path / "out"
    command = ["assess", "tiny", "--history", str(folder), "--years", "2021"]
    assert main([*command, "--home", "usa", "--out", str(out), "--excel"]) == 0
    found = pl.read_csv(out / "history.csv", infer_schema_length=None)
    assert found["year"].unique().to_list() == [2021]
    assert {"USA", "ZAF", "PER"} <= set(found["country"])
    page = (out / "report.html").read_text(encoding="utf-8")
    assert page.count('id="years"') == 1
    assert "Manganese ore" in page
    assert 'aria-labelledby="history-t' in page
    number = found.with_row_index("n").filter(good="manganese_ore", country="USA")
    capsys.readouterr()
    place = f"{out / 'history.csv'}:{number['n'].item() + 1}:import_dependence"
    assert main(["explain", place]) == 0
    text = capsys.readouterr().out
    assert "import_dependence = 1" in text
    assert "production BGS-WMS, governance update of 2023 or before" in text
    assert "rows of the study" not in text


def test_command_without_a_folder_for_it_ends_with_one(folder, capsys):
    assert main(["assess", "tiny", "--history", str(folder)]) == 1
    assert "--history needs --out DIR" in capsys.readouterr().err
    assert main(["assess", "tiny", "--years", "2021"]) == 1
    assert "--years needs --history DIR" in capsys.readouterr().err


def test_a_bad_folder_leaves_no_result(tmp_path, capsys):
    out = tmp_path / "out"
    code = main(["assess", "tiny", "--history", str(tmp_path), "--out", str(out)])
    assert code == 1
    assert "holds no trade (BACI) and no production" in capsys.readouterr().err
    assert not out.exists()


def test_what_no_importer_reads_is_named(folder):
    assert read_history_files(folder).unused == ("notes.txt",)


def test_one_year_in_two_files_is_refused(folder):
    first = folder / "BACI_HS92_Y2021_V202601.csv"
    (folder / "BACI_HS92_Y2021_copy.csv").write_bytes(first.read_bytes())
    with pytest.raises(InputError, match="both hold trade of 2021"):
        history(load_study("tiny"), folder)


def test_a_folder_without_production_says_so(folder):
    (folder / "BGS_ores_production.csv").unlink()
    with pytest.raises(InputError, match="no production"):
        history(load_study("tiny"), folder)


def test_ranks_for_estimates_are_refused(tmp_path):
    file = tmp_path / "wgi_political_stability.csv"
    file.write_text("code,year,estimate\nPER,2021,55\n", encoding="utf-8")
    with pytest.raises(InputError, match="no governance estimate"):
        read_history_governance([file])


@pytest.fixture
def raw(tmp_path):
    """Link the raw files that a history needs into one folder."""
    if not (RAW / "cepii-baci").is_dir():
        pytest.skip(f"raw files are not at {RAW}")
    home = tmp_path / "raw"
    home.mkdir()
    wanted = [
        RAW / "cepii-baci" / "BACI_HS92_minerals_1995-2024.parquet",
        RAW / "worldbank-wgi" / "wgi_political_stability_1996-2024.csv",
        *sorted((RAW / "bgs-wms").glob("BGS_*.csv*")),
    ]
    for file in wanted:
        (home / file.name).symlink_to(file)
    return home


@pytest.mark.raw
def test_real_files(raw):
    found = history(
        load_study("us-2026"), raw, home="JPN", minerals=["cobalt", "graphite", "Nb"],
        years=range(2020, 2023),
    )  # fmt: skip
    assert sorted(found["good"].unique()) == [
        "cobalt_refined", "ferroniobium", "graphite_natural",
    ]  # fmt: skip
    niobium = row(found, "JPN", 2022, "ferroniobium")
    assert niobium["top_partner"] == "BRA"
    assert niobium["import_dependence"] == 1.0
    assert niobium["hhi"] > 0.7
    # The import side of cobalt as the authors' package has it (different code sets
    # and production sources move the score, not who sells).
    cobalt = row(found, "JPN", 2022, "cobalt_refined")
    assert cobalt["geopolrisk"] == pytest.approx(0.198, abs=0.08)


@pytest.mark.raw
def test_two_raw_files_of_one_year_are_not_added(raw):
    more = RAW / "cepii-baci" / "BACI_HS92_Y2022_minerals.csv"
    files = [raw / "BACI_HS92_minerals_1995-2024.parquet", more]
    with pytest.raises(InputError, match="count twice"):
        read_history_trade(files, years=[2022], codes=["260900"])
