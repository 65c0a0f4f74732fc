# SPDX-License-Identifier: Apache-2.0
"""The real files of publishers, where they are present."""

from __future__ import annotations

import math
import os
import sys
from pathlib import Path

import polars as pl
import pytest

from importers.conftest import ROOT
from oreserve.importers import import_into
from oreserve.study import load_study

pytestmark = pytest.mark.raw


def output(found, mineral, stage, code, year):
    rows = found.flags.filter(
        (pl.col("statistic") == "production")
        & (pl.col("mineral") == mineral)
        & (pl.col("stage") == stage)
        & (pl.col("code") == code)
        & (pl.col("date") == str(year))
    )
    return rows["value"].to_list()


def test_mineral_commodity_summaries_2026(raw, read):
    found = read("usgs-mcs", raw("usgs-mcs/2026/MCS2026_Commodities_Data.csv"))
    assert found.rows_read == 8886
    assert output(found, "cobalt", "mine", "COD", 2024) == [226000]
    assert output(found, "rare earths", "mine", "CHN", 2024) == [270000]
    assert output(found, "gallium", "refine", "CHN", 2025) == [900]  # kg to t
    assert found.unmapped.filter(pl.col("what") == "series").height == 0
    assert set(found.unmapped.filter(pl.col("what") == "country")["name"]) <= {
        "China, Germany, and Russia", "The Bahamas", "United States and Canada",
        "Other", "Belgium and Luxembourg",
    } | set(found.unmapped.filter(pl.col("nearest").is_null())["name"])  # fmt: skip
    flags = dict(found.flags["flag"].value_counts().iter_rows())
    assert flags["withheld"] > 200


def test_mineral_commodity_summaries_2025_world_file(raw, read):
    found = read("usgs-world", raw("usgs-mcs/2025/MCS2025_World_Data.csv"))
    assert found.rows_read == 1250
    assert output(found, "cobalt", "mine", "COD", 2023) == [175000]
    # The file labels thousand tonnes of titanium minerals as tonnes.
    held = found.unmapped.filter(pl.col("what") == "series")
    assert held.height
    assert all("Titanium" in name for name in held["name"])


@pytest.mark.parametrize("edition", [2023, 2025])
def test_salient_files(raw, read, edition):
    folder = raw(f"usgs-mcs/{edition}/" + ("salient" if edition == 2025 else ""))
    found = read("usgs-salient", *sorted(folder.glob("*.csv")))
    assert found.sources["source_id"].to_list() == [f"USGS-MCS-{edition}"]
    assert found.rows_read == {2023: 30, 2025: 425}[edition]


def test_baci_2024(raw, read):
    found = read("baci", raw("cepii-baci/BACI_HS92_Y2024_minerals.csv"))
    everything = found.tables["lanes"].height
    assert found.rows_read == 33729
    assert everything > 3000
    graphite = read("baci", raw("cepii-baci/BACI_HS92_Y2023_minerals.csv"), year=2023,
                    as_base_year=True)  # fmt: skip
    rows = graphite.tables["lanes"].filter(
        (pl.col("item") == "graphite_natural") & (pl.col("importer") == "USA")
    )
    tonnes = dict(rows.select("exporter", "base_t_per_year").iter_rows())
    if tonnes:  # the code of natural graphite is the study's choice
        assert tonnes["MOZ"] == pytest.approx(18818, abs=1)


def by_item(study, table, column, items=None):
    frame = study.table(table)
    if table == "plants":
        frame = frame.join(
            study.table("processes").select("process", "main_item"), on="process"
        ).rename({"main_item": "item"})
    return dict(frame.group_by("item").agg(pl.col(column).sum()).iter_rows())


# A published zero beside nothing but a recycler; figures that the study takes from
# elsewhere and the source prints otherwise: none today.
SPLIT: dict[str, str] = {}


def test_the_own_source_of_the_study_changes_nothing(raw, tmp_path, study):
    path = raw("usgs-mcs/2026/MCS2026_Commodities_Data.csv")
    import_into("usgs-mcs", [path], tmp_path / "own")
    after = load_study(tmp_path / "own")
    for column in ("base_activity_t_per_year", "capacity_t_per_year"):
        ours, theirs = (by_item(s, "plants", column) for s in (study, after))
        moved = {
            item: (ours[item], theirs.get(item))
            for item in ours
            if item not in SPLIT
            and theirs.get(item) != pytest.approx(ours[item], rel=1e-4, abs=1.0)
        }
        assert moved == {}
        # By country: what was named keeps its figure; what is new left the rest.
        joined = study.table("plants").join(after.table("plants"), on="plant")
        differ = joined.filter(
            (pl.col("country") != "ROW")
            & ((pl.col(column) - pl.col(f"{column}_right")).abs()
               > 1e-4 * pl.col(column) + 1e-6)
        )  # fmt: skip
        assert differ["plant"].to_list() == []
    plants = after.table("plants")
    recyclers = plants.filter(
        pl.col("plant").is_in(["vanadium_recycling_USA", "bismuth_recycling_USA"])
    )
    assert recyclers["base_activity_t_per_year"].to_list() == [80, 6800]


def test_an_older_edition_is_kept_out_unless_asked(raw, read):
    path = raw("usgs-mcs/2025/MCS2025_World_Data.csv")
    found = read("usgs-world", path)
    older = found.unmapped.filter(pl.col("reason").str.contains("older edition"))
    assert older.height > 20
    written = found.tables.get("plants")
    assert written is None or written.height < 10
    assert read("usgs-world", path, allow_older=True).tables["plants"].height > 200


def test_trade_of_the_own_year_replaces_whole_items_only(raw, read):
    found = read("baci", raw("cepii-baci/BACI_HS92_Y2024_minerals.csv"))
    lanes = found.tables["lanes"]
    assert set(lanes["item"]) <= {"barite", "bauxite", "graphite_natural", "zircon"}
    part = found.unmapped.filter(pl.col("name") == "760110").row(0, named=True)
    assert "760120 is not usable here" in part["reason"]
    gone = lanes.filter(pl.col("base_t_per_year") == 0)
    assert ("ROW", "USA") in set(gone.select("exporter", "importer").iter_rows())


# Ratios to the nearest price of the mineral that are out of 0.2 to 5, and why.
EXPLAINED = {
    ("Chromium", "gross"): "ore by gross weight, the study prices chromium units",
    ("Rare Earths", "REO"): "a heavy oxide against mixed concentrates",
    ("Zirconium and Hafnium", "hafnium"): "hafnium metal against zircon sand",
    ("Zirconium and Hafnium", "sponge"): "zirconium sponge against zircon sand",
    ("Zirconium", "gross"): "zirconium sponge against zircon sand",
}


def test_every_published_price_is_near_the_study_or_explained(raw, read, study):
    files = {
        "usgs-salient 2025": sorted(raw("usgs-mcs/2025/salient").glob("*.csv")),
        "usgs-salient 2023": sorted(raw("usgs-mcs/2023").glob("*.csv")),
        "usgs-mcs 2026": [raw("usgs-mcs/2026/MCS2026_Commodities_Data.csv")],
    }
    prices = study.table("prices").join(
        study.table("items").select("item", "mineral"), on="item"
    )
    compared, far = 0, set()
    for name, paths in files.items():
        rows = read(name.split()[0], *paths).flags
        year = "2022" if "2023" in name else "2024"
        rows = rows.filter(
            (pl.col("statistic") == "us_price")
            & (pl.col("value") > 0) & (pl.col("date") == year)
        )  # fmt: skip
        for row in rows.iter_rows(named=True):
            if row["mineral"] is None:
                continue
            ours = prices.filter(pl.col("mineral") == row["mineral"])["usd_per_t"]
            ratios = [row["value"] / p for p in ours.drop_nulls()]
            if not ratios:
                continue
            compared += 1
            near = min(ratios, key=lambda r: abs(math.log(r)))
            sys.stdout.write(
                f"{name} {row['commodity']} {row['detail'][:40]}: {row['published']} "
                f"{row['published_unit']} = {row['value']:,.0f} {row['unit']} per "
                f"{row['basis']}, {near:.2f} of the study\n"
            )
            if not 0.2 <= near <= 5:
                far.add((row["commodity"], row["basis"]))
    assert compared > 120
    assert far <= set(EXPLAINED)


@pytest.mark.parametrize(
    "detail, usd_per_t",
    [
        ("Platinum", 950 * 32150.7466),
        ("WO3", 250 * 100 / 0.79298),
        ("V2O5", 5.45 * 2204.62262 / 0.56017),
        ("Zircon_imported", 2100),
        ("Hf_unwrought", 4_600_000),
    ],
)
def test_salient_prices_in_dollars_a_tonne(raw, read, detail, usd_per_t):
    found = read("usgs-salient", *sorted(raw("usgs-mcs/2025/salient").glob("*.csv")))
    rows = found.flags.filter(
        (pl.col("statistic") == "us_price") & (pl.col("detail") == detail)
        & (pl.col("date") == "2024")
    )  # fmt: skip
    assert rows["value"].to_list() == [pytest.approx(usd_per_t, rel=1e-6)]
    refused = found.unmapped.filter(pl.col("what") == "price")
    assert refused["name"].to_list() == ["Magnesium Metal Price_European_dlb"]


def test_baci_genuine_extract_has_padded_quantities(raw, read):
    name = "cepii-baci/BACI_HS92_Y2021_V202301_AFG-ZAF_example.csv.gz"
    found = read("baci", raw(name), year=2021)
    assert found.sources["source_id"].to_list() == ["BACI-HS92-202301"]
    assert found.rows_read > 10000


def test_governance_2023_update(raw, read):
    found = read("wgi", raw("worldbank-wgi/wgidataset_2023update.xlsx"))
    rows = {r["country"]: r for r in found.tables["countries"].iter_rows(named=True)}
    assert len(rows) > 200
    assert {"COD", "ROU", "TLS", "AND", "PSE"} <= set(rows)
    assert -2.5 < rows["COD"]["governance"] < -1
    assert set(found.unmapped["name"]) <= {"Kosovo", "NCL"}


GOLDEN = Path(os.environ.get("ORESERVE_SHARED", ROOT.parent / "shared")) / "golden"
DIMENSIONS = {
    "voice": "va", "stability": "pv", "effectiveness": "ge", "regulation": "rq",
    "rule_of_law": "rl", "corruption": "cc",
}  # fmt: skip


def six_dimensions():
    path = GOLDEN / "wgi2019_six_dimensions.csv"
    if not path.is_file():
        pytest.skip(f"golden file is not at {path}")
    return pl.read_csv(path, comment_prefix="#")


def test_governance_is_the_mean_of_the_six_that_others_computed(write, read):
    table = six_dimensions()
    lines = ["code,year,indicator,estimate"]
    for row in table.iter_rows(named=True):
        lines += [
            f"{row['iso3']},2019,{code},{row[name]}"
            for name, code in DIMENSIONS.items()
            if row[name] is not None
        ]
    found = read("wgi", write("wgi.csv", "\n".join(lines) + "\n"), year=2019)
    ours = dict(found.tables["countries"].select("country", "governance").iter_rows())
    compared = 0
    for row in table.iter_rows(named=True):
        six = all(row[name] is not None for name in DIMENSIONS)
        if row["iso3"] in ours:
            mean = ours[row["iso3"]]
            # A mean of five is another figure: five of six give none.
            assert mean == (
                pytest.approx(row["mean_of_six"], abs=1e-6) if six else None
            )
            compared += six
    assert compared > 190


def test_the_2023_update_is_near_the_estimates_of_2020(raw, read):
    path = raw("worldbank-wgi/wgidataset_2023update.xlsx")
    found = read("wgi", path, year=2019).tables["countries"]
    ours = dict(found.select("country", "governance").iter_rows())
    pairs = [
        (ours[code], mean)
        for code, mean in six_dimensions().select("iso3", "mean_of_six").iter_rows()
        if ours.get(code) is not None and mean is not None
    ]
    gaps = sorted(abs(a - b) for a, b in pairs)
    assert len(gaps) > 190
    assert gaps[len(gaps) // 2] < 0.05  # the update revised every year a little
    assert gaps[-1] < 0.5


def test_governance_long_file(raw, read):
    path = raw("worldbank-wgi/wgi_political_stability_1996-2024.csv")
    for year, vintage, score in ((2022, "2023", -0.441), (2023, "2025", -0.174)):
        found = read("wgi", path, year=year)
        china = found.tables["countries"].filter(pl.col("country") == "CHN")
        cells = china["political_stability_score"].to_list()
        assert cells == [pytest.approx(score, abs=0.001)]
        assert found.sources["source_id"].to_list() == [f"WGI-{vintage}-update"]


def test_pink_sheet(raw, read):
    name = "worldbank-pinksheet/CMO-Historical-Data-Monthly_2026-06-02.xlsx"
    frame = read("pink-sheet", raw(name)).tables["prices"]
    mean = frame.filter((pl.col("item") == "aluminum") & (pl.col("period") == "2024"))
    assert mean["usd_per_t"].to_list() == [pytest.approx(2419.017, abs=0.001)]


def test_bgs_cobalt(raw, read):
    found = read("bgs", raw("bgs-wms/BGS_cobalt_production.csv"))
    mine = found.flags.filter((pl.col("stage") == "mine") & (pl.col("date") == "2023"))
    assert mine["value"].sum() == pytest.approx(203130, abs=1)
    assert output(found, "cobalt", "mine", "COD", 2023) == [140121]
    assert "SUN" in found.flags["code"].to_list()


def test_every_bgs_file_maps_its_countries(raw, read):
    files = sorted(raw("bgs-wms").glob("BGS_*"))
    found = read("bgs", *files)
    assert found.rows_read == 27487
    assert found.unmapped.filter(pl.col("what") == "country").height == 0


def test_input_output_accounts_add_up_to_gross_domestic_product(raw, read):
    name = "bea-io/csv/Summary_Use_2023_PRO_BeforeRedef_17sch.csv"
    frame = read("bea", raw(name)).tables["industries"]
    assert frame.height == 71
    assert frame["value_added_usd"].sum() == pytest.approx(27_720_704e6, rel=1e-6)
    detail = read("bea", raw("bea-io/csv/Detail_Use_2017_PRO_BeforeRedef_17sch.csv.gz"))
    assert detail.tables["industries"].height == 402


def test_development_index(raw, read):
    name = "undp-hdr/HDR23-24_Composite_indices_complete_time_series.csv"
    found = read("hdi", raw(name))
    assert found.rows_read == 6798
    assert found.tables["countries"].height == 193
    groups = {"a group of countries", "the world"}
    assert set(found.unmapped["reason"]) <= groups


def test_mining_sites(raw, read):
    found = read("icmm", raw("icmm-global-mining/global-mining-dataset.xlsx"))
    assert found.rows_read == 8508
    assert found.unmapped.height == 0
    assert found.tables["observations"]["value"].sum() == 8508
