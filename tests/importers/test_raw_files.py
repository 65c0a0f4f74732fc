# SPDX-License-Identifier: Apache-2.0
"""The real files of publishers, where they are present."""

from __future__ import annotations

import os
from pathlib import Path

import polars as pl
import pytest

from importers.conftest import ROOT

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
    assert everything > 5000
    graphite = read("baci", raw("cepii-baci/BACI_HS92_Y2023_minerals.csv"), year=2023)
    rows = graphite.tables["lanes"].filter(
        (pl.col("item") == "graphite_natural") & (pl.col("importer") == "USA")
    )
    tonnes = dict(rows.select("exporter", "base_t_per_year").iter_rows())
    if tonnes:  # the code of natural graphite is the study's choice
        assert tonnes["MOZ"] == pytest.approx(18818, abs=1)


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
