# SPDX-License-Identifier: Apache-2.0
"""What home keeps without a country of origin, by hand on the tiny study."""

from __future__ import annotations

import polars as pl
import pytest

from oreserve.exposure import assess
from oreserve.study import load_study


@pytest.fixture(scope="module")
def tiny():
    return load_study("tiny")


@pytest.fixture(scope="module")
def found(tiny):
    return assess(tiny, reconciled=False)


def cell(result, item: str, indicator: str) -> dict:
    return result.cells.filter(item=item, indicator=indicator).row(0, named=True)


def test_origin_is_seen_behind_the_shipper(found):
    # USA: 18 t from CHN, 2 t from JPN, of which 22/32 came from CHN: without CHN as
    # shipper 2/20 are left, as origin 2/20 x 10/32.
    assert cell(found, "gallium", "n_minus_1_cover_home")["value"] == pytest.approx(0.1)
    kept = cell(found, "gallium", "n_minus_1_cover_home_origin")
    assert kept["value"] == pytest.approx(0.1 * 10 / 32)
    assert "largest=CHN" in kept["inputs"]
    # The idle plant must first be restarted: it is no spare.
    assert "spare_share=0.0" in kept["inputs"]


def test_idle_capacity_counts_as_far_as_it_does_not_feed_on_the_origin(tiny):
    plants = tiny.table("plants").with_columns(
        pl.when(pl.col("plant") == "usa_gallium_idle")
        .then(None)
        .otherwise(pl.col("idle_t_per_year"))
        .alias("idle_t_per_year")
    )
    result = assess(tiny.with_tables(plants=plants), reconciled=False)
    kept = cell(result, "gallium", "n_minus_1_cover_home_origin")
    # 4 t a year at home, made of nothing that the study follows: 4 / 20 more.
    assert kept["value"] == pytest.approx(0.1 * 10 / 32 + 0.2)
    assert kept["low"] == pytest.approx(0.1 * 10 / 32)


def test_spare_separation_that_lives_on_foreign_ore_is_no_spare(tiny):
    def lost(ore: str) -> float:
        recipes = tiny.table("recipes")
        lanes = tiny.table("lanes")
        plants = tiny.table("plants")
        if ore == "foreign":  # home's own mine stands still, its ore comes from CHN
            plants = plants.with_columns(
                pl.when(pl.col("plant") == "usa_mine")
                .then(0.0)
                .otherwise(pl.col("base_activity_t_per_year"))
                .alias("base_activity_t_per_year")
            )
            own = pl.col("exporter") == "USA"
            ours = (pl.col("item") == "re_concentrate") & own
            lanes = lanes.with_columns(
                exporter=pl.when(ours).then(pl.lit("CHN")).otherwise("exporter"),
                importer=pl.when(ours).then(pl.lit("USA")).otherwise("importer"),
            )
        study = tiny.with_tables(recipes=recipes, lanes=lanes, plants=plants)
        result = assess(study, reconciled=False, minerals=["neodymium"])
        kept = cell(result, "nd_oxide", "n_minus_1_cover_home_origin")
        pairs = dict(p.split("=") for p in kept["inputs"].split("; "))
        return float(pairs["spare_share"])

    # 25 t of capacity, 20 t made: 5 / 40 of the use of oxide. China sells 1800 t of
    # its own ore and 150 t of Australia's: only that part does not hang on China.
    assert lost("own") == pytest.approx(5 / 40)
    assert lost("foreign") == pytest.approx(5 / 40 * 150 / 1950)


def test_any_stage_and_primary_reliance_by_hand(found):
    # Oxide: 20 of 40 t come from abroad, all that is made at home is of home's ore.
    assert cell(found, "nd_oxide", "import_reliance_any_stage")["value"] == (
        pytest.approx(0.5)
    )
    primary = cell(found, "nd_oxide", "net_import_reliance_primary")
    assert primary["value"] == pytest.approx(0.5)


def test_scrap_of_unknown_origin_is_no_primary_supply(tiny):
    # Gallium from a process of scrap at home: 12 of 20 t, the rest from CHN.
    processes = tiny.table("processes")
    made = processes.filter(process="gallium_recovery").with_columns(
        process=pl.lit("gallium_recycling")
    )
    recipe = tiny.table("recipes").filter(process="gallium_recovery")
    recipe = recipe.with_columns(process=pl.lit("gallium_recycling"))
    plants = tiny.table("plants").with_columns(
        pl.when(pl.col("plant") == "usa_gallium_idle")
        .then(pl.lit("gallium_recycling"))
        .otherwise(pl.col("process"))
        .alias("process"),
        pl.when(pl.col("plant") == "usa_gallium_idle")
        .then(12.0)
        .otherwise(pl.col("base_activity_t_per_year"))
        .alias("base_activity_t_per_year"),
        pl.when(pl.col("plant") == "usa_gallium_idle")
        .then(12.0)
        .otherwise(pl.col("capacity_t_per_year"))
        .alias("capacity_t_per_year"),
        pl.when(pl.col("plant") == "usa_gallium_idle")
        .then(None)
        .otherwise(pl.col("idle_t_per_year"))
        .alias("idle_t_per_year"),
    )
    lanes = tiny.table("lanes").with_columns(
        pl.when((pl.col("item") == "gallium") & (pl.col("importer") == "USA"))
        .then(pl.col("base_t_per_year") * 0.4)
        .otherwise(pl.col("base_t_per_year"))
        .alias("base_t_per_year")
    )
    study = tiny.with_tables(
        processes=pl.concat([processes, made]),
        recipes=pl.concat([tiny.table("recipes"), recipe]),
        plants=plants,
        lanes=lanes,
        # The observed world total is that of the ore alone.
        observations=tiny.table("observations").filter(
            pl.col("series") != "world_output_t/gallium"
        ),
    )
    result = assess(study, reconciled=False, minerals=["gallium"])
    usual = cell(result, "gallium", "net_import_reliance")
    assert usual["value"] == pytest.approx(8 / 20)
    assert cell(result, "gallium", "net_import_reliance_primary")["value"] == (
        pytest.approx(1.0)
    )
    stages = cell(result, "gallium", "import_reliance_any_stage")
    assert (stages["value"], stages["high"]) == pytest.approx((0.4, 1.0))
    assert stages["status"] == "partial"
    kept = cell(result, "gallium", "n_minus_1_cover_home_origin")
    assert kept["low"] == pytest.approx(0.4 * 0.1 * 10 / 32)


def test_an_origin_is_a_single_point_of_failure_of_home(found):
    points = found.points.filter(item="gallium", level="home_origin")
    assert points.select("supplier", "cover_without").rows() == [
        ("CHN", pytest.approx(0.1 * 10 / 32))
    ]


def test_what_home_keeps_never_falls_when_a_lane_moves_to_another_origin(tiny):
    lanes = tiny.table("lanes").with_columns(
        pl.when((pl.col("item") == "gallium") & (pl.col("importer") == "JPN"))
        .then(0.0)
        .otherwise(pl.col("base_t_per_year"))
        .alias("base_t_per_year")
    )
    before = assess(tiny, reconciled=False, minerals=["gallium"])
    after = assess(
        tiny.with_tables(lanes=lanes), reconciled=False, minerals=["gallium"]
    )
    name = "n_minus_1_cover_home_origin"
    assert cell(after, "gallium", name)["value"] == pytest.approx(0.1)
    assert cell(before, "gallium", name)["value"] < 0.1


def test_owners_are_no_data_where_the_study_names_none(tiny, found):
    # The Australian mine is Japan's, 500 of 2720 t; the largest is CHN with 2000.
    owned = cell(found, "re_concentrate", "n_minus_1_cover_owner")
    use = cell(found, "re_concentrate", "n_minus_1_cover_country")["inputs"]
    use_t = float(dict(p.split("=") for p in use.split("; "))["world_use_t"])
    assert owned["value"] == pytest.approx(720 / use_t)
    nobody = tiny.table("plants").with_columns(
        owner_country=pl.lit(None, dtype=pl.String)
    )
    result = assess(tiny.with_tables(plants=nobody), reconciled=False)
    blank = cell(result, "re_concentrate", "n_minus_1_cover_owner")
    assert (blank["value"], blank["status"]) == (None, "no_data")
    assert "owner" not in set(result.points["level"])


def test_half_known_owners_are_partial_with_a_low_bound(tiny):
    # Without the owner of the US mine (220 of 2720 t) these may be CHN's as well.
    plants = tiny.table("plants").with_columns(
        pl.when(pl.col("plant") == "usa_mine")
        .then(None)
        .otherwise(pl.col("owner_country"))
        .alias("owner_country")
    )
    result = assess(tiny.with_tables(plants=plants), reconciled=False)
    owned = cell(result, "re_concentrate", "n_minus_1_cover_owner")
    assert owned["status"] == "partial"
    assert owned["low"] / owned["value"] == pytest.approx(500 / 720)
