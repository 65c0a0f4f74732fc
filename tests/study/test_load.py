# SPDX-License-Identifier: Apache-2.0
"""Loading: names, folders, Parquet, units, overlays, derived cells."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from oreserve.errors import InputError
from oreserve.study import (
    Study,
    StudyError,
    check_study,
    find_home,
    load_study,
    studies,
)
from oreserve.tables import TABLES, spec


def test_bundled_study_loads_by_name_folder_and_descriptor(folder: Any) -> None:
    by_name = load_study("tiny")
    by_folder = load_study(folder.path)
    by_file = load_study(folder.path / "datapackage.json")
    assert by_name.hash == by_folder.hash == by_file.hash


def test_studies_lists_the_bundled_ones() -> None:
    listed = studies()
    assert listed.columns == ["name", "title", "path"]
    assert "tiny" in listed["name"].to_list()
    assert listed["name"].to_list() == sorted(listed["name"])


@pytest.mark.parametrize("table", TABLES)
def test_tiny_uses_every_table(tiny: Study, table: str) -> None:
    assert tiny.table(table).height


def test_tables_have_all_columns_and_sorted_keys(tiny: Study) -> None:
    for name in TABLES:
        frame = tiny.table(name)
        assert set(spec(name).names) <= set(frame.columns)
        key = list(spec(name).key)
        assert frame.equals(frame.sort(key))


def test_defaults_fill_what_files_leave_open_and_nothing_else(tiny: Study) -> None:
    item = tiny.table("items").row(
        by_predicate=pl.col("item") == "dy_oxide", named=True
    )
    assert item["lane_cost_share"] == 0.02
    assert item["entry_share"] == 0.1
    assert item["disposal_usd_per_t"] is None
    gallium = tiny.table("items").row(
        by_predicate=pl.col("item") == "gallium", named=True
    )
    assert gallium["leakage_share"] == 0.25
    raw = tiny.tables["items"].filter(pl.col("item") == "dy_oxide")
    assert raw["lane_cost_share"].to_list() == [None]


def test_main_item_stage_and_mineral_follow_from_other_cells(folder: Any) -> None:
    folder.set("processes", "metal_making", main_item="", stage="")
    folder.set("items", "gallium", mineral="")
    study = load_study(folder.path)
    process = study.table("processes").filter(pl.col("process") == "metal_making")
    assert process.select("main_item", "stage").row(0) == ("nd_metal", "metal")
    item = study.table("items").filter(pl.col("item") == "gallium")
    assert item["mineral"].to_list() == ["gallium"]


def test_base_data_of_tiny_balance_exactly(tiny: Study) -> None:
    made = (
        tiny.table("plants")
        .join(tiny.table("recipes"), on="process")
        .select(
            "item",
            "country",
            (pl.col("base_activity_t_per_year") * pl.col("coefficient")).alias("t"),
        )
    )
    lanes = tiny.table("lanes")
    out = lanes.select(
        "item",
        pl.col("exporter").alias("country"),
        (-pl.col("base_t_per_year")).alias("t"),
    )
    into = lanes.select(
        "item",
        pl.col("importer").alias("country"),
        pl.col("base_t_per_year").alias("t"),
    )
    used = tiny.table("demands").select(
        "item", "country", (-pl.col("quantity_t_per_year")).alias("t")
    )
    balance = pl.concat([made, out, into, used]).group_by("item", "country").sum()
    assert balance["t"].abs().max() == pytest.approx(0, abs=1e-9)


def test_prices_of_tiny_differ_by_lane_cost_only(tiny: Study) -> None:
    from oreserve.study import base_prices

    prices = base_prices(tiny).select("item", "country", "usd_per_t")
    lanes = tiny.table("lanes")
    for end in ("exporter", "importer"):
        lanes = lanes.join(
            prices.rename({"country": end, "usd_per_t": f"p_{end}"}), on=["item", end]
        )
    assert lanes.height == tiny.table("lanes").height
    gap = lanes["p_importer"] - lanes["p_exporter"] - lanes["cost_usd_per_t"]
    assert gap.abs().max() == 0


def test_plants_of_tiny_earn_their_cost_exactly(tiny: Study) -> None:
    from oreserve.study import base_prices

    prices = base_prices(tiny).select("item", "country", "usd_per_t")
    earned = (
        tiny.table("plants")
        .filter(pl.col("base_activity_t_per_year") > 0)
        .join(tiny.table("recipes"), on="process")
        .join(prices, on=["item", "country"])
        .group_by("plant", "cost_usd_per_t")
        .agg((pl.col("coefficient") * pl.col("usd_per_t")).sum().alias("net"))
    )
    assert (earned["net"] - earned["cost_usd_per_t"]).abs().max() < 1e-6


def test_parquet_tables_load_to_the_same_study(folder: Any, tiny: Study) -> None:
    for name in ("plants", "measures", "prices"):
        tiny.tables[name].write_parquet(folder.path / f"{name}.parquet")
        (folder.path / f"{name}.csv").unlink()
    names = {p.stem: p.name for p in folder.path.iterdir() if p.suffix != ".json"}
    names.pop("README", None)
    folder.descriptor(resources=[{"name": k, "path": v} for k, v in names.items()])
    assert load_study(folder.path).hash == tiny.hash


def test_parquet_may_hold_lists_and_times(folder: Any, tiny: Study) -> None:
    measures = tiny.tables["measures"].with_columns(
        pl.col("mineral").str.split(";"), pl.col("announced").cast(pl.Datetime)
    )
    study = tiny.with_tables(measures=measures)
    assert study.hash == tiny.hash
    odd = tiny.tables["measures"].with_columns(pl.struct("kind").alias("stage"))
    with pytest.raises(StudyError, match="a column of type Struct"):
        tiny.with_tables(measures=odd)


def test_corrupt_parquet_is_one_clear_error(folder: Any) -> None:
    (folder.path / "plants.csv").unlink()
    (folder.path / "plants.parquet").write_bytes(b"PAR1 half a file")
    folder.descriptor(resources=[])
    assert (
        "plants.parquet: the file cannot be read" in check_study(folder.path).summary()
    )


def test_unit_of_the_descriptor_is_converted(folder: Any, tiny: Study) -> None:
    _, rows = folder.read("contents")
    assert rows
    header, rows = folder.read("stocks")
    at = header.index("quantity_t")
    for row in rows:
        row[at] = str(float(row[at]) * 1000)
    folder.write("stocks", header, rows)
    field = {"name": "quantity_t", "unit": "kg"}
    names = [p.stem for p in sorted(folder.path.glob("*.csv"))]
    resources = [{"name": n, "path": f"{n}.csv"} for n in names]
    for one in resources:
        if one["name"] == "stocks":
            one["schema"] = {"fields": [field]}  # type: ignore[assignment]
    folder.descriptor(resources=resources)
    assert load_study(folder.path).hash == tiny.hash
    field["unit"] = "kgg"
    folder.descriptor(resources=resources)
    report = check_study(folder.path)
    assert report.problems.row(0, named=True)["nearest"] == "kg"


@pytest.mark.parametrize(
    "content,says",
    [
        ("{half", "cannot be read"),
        ("[]", "must be a JSON object"),
        ('{"resources": 3}', "resources must be a list"),
        ('{"resources": [3]}', "needs name and path"),
        ('{"resources": [{"name": "plnts", "path": "plants.csv"}]}', "no table"),
        (
            '{"resources": [{"name": "plants", "path": "../plants.csv"}]}',
            "in the folder",
        ),
        ('{"resources": [{"name": "plants", "path": "gone.csv"}]}', "file is missing"),
        ('{"extends": 3}', "extends must name"),
        ('{"extends": "tinny"}', "did you mean 'tiny'"),
    ],
)
def test_broken_descriptor_is_one_clear_error(
    folder: Any, content: str, says: str
) -> None:
    (folder.path / "datapackage.json").write_text(content)
    report = check_study(folder.path)
    assert not report.ok
    assert says in report.summary()


def test_stray_table_file_is_refused(folder: Any) -> None:
    (folder.path / "plnats.csv").write_text("plant\n")
    found = check_study(folder.path).problems.row(0, named=True)
    assert (found["problem"], found["nearest"]) == ("a file that is no table", "plants")


def test_table_in_two_files_is_refused(folder: Any, tiny: Study) -> None:
    tiny.tables["plants"].write_parquet(folder.path / "plants.parquet")
    assert "a second file for the table" in check_study(folder.path).summary()


def test_folder_without_descriptor_is_no_study(tmp_path: Path) -> None:
    with pytest.raises(StudyError, match=r"has no datapackage\.json"):
        load_study(tmp_path)


def test_study_vanishing_is_one_clear_error(folder: Any) -> None:
    import shutil

    shutil.rmtree(folder.path)
    with pytest.raises(StudyError, match="there is no study"):
        load_study(folder.path)


# Overlays


def test_overlay_replaces_and_adds_rows_by_key(
    make_overlay: Callable[..., Any], tiny: Study
) -> None:
    head = [
        "plant",
        "process",
        "country",
        "capacity_t_per_year",
        "base_activity_t_per_year",
        "source_id",
        "evidence",
    ]
    overlay = make_overlay(
        "mine",
        "tiny",
        plants=[
            head,
            ["usa_mine", "re_mining", "USA", 300, 200, "private", "read"],
            ["my_plant", "gallium_recovery", "USA", 1, 0, "private", "read"],
        ],
        sources=[["source_id", "title"], ["private", "Own books"]],
        settings=[["name", "value"], ["horizon_years", 3]],
    )
    study = load_study(overlay.path)
    plants = study.table("plants")
    assert plants.height == tiny.table("plants").height + 1
    mine = plants.row(by_predicate=pl.col("plant") == "usa_mine", named=True)
    assert mine["capacity_t_per_year"] == 300
    assert mine["cost_usd_per_t"] is None  # the whole row is replaced
    assert study.settings.horizon_years == 3
    assert study.settings.first_year == 2027
    assert study.hash != tiny.hash
    assert study.name == "mine"


def test_overlay_of_an_overlay_and_relative_folders(
    make_overlay: Callable[..., Any],
) -> None:
    make_overlay("one", "tiny", settings=[["name", "value"], ["alpha", 0.8]])
    two = make_overlay(
        "two", "../one", settings=[["name", "value"], ["risk_weight", 1]]
    )
    settings = load_study(two.path).settings
    assert (settings.alpha, settings.risk_weight, settings.home) == (0.8, 1.0, "USA")


def test_overlay_error_names_the_overlay_file_and_row(
    make_overlay: Callable[..., Any],
) -> None:
    overlay = make_overlay(
        "mine",
        "tiny",
        lanes=[
            ["item", "exporter", "importer", "source_id", "evidence"],
            ["gallium", "CHN", "AUX", "invented", "assumed"],
        ],
    )
    row = check_study(overlay.path).problems.row(0, named=True)
    assert row["file"].endswith("mine/lanes.csv")
    assert (row["row"], row["column"], row["nearest"]) == (2, "importer", "AUS")


def test_studies_that_extend_each_other_are_refused(
    make_overlay: Callable[..., Any],
) -> None:
    one = make_overlay("one", "../two")
    make_overlay("two", "../one")
    assert "in a circle" in check_study(one.path).summary()


# Home


def test_home_may_be_a_country_or_a_bloc(tiny: Study) -> None:
    assert load_study("tiny", home="JPN").home_countries == ("JPN",)
    assert load_study("tiny", home="PACT").home_countries == ("AUS", "JPN", "USA")
    assert tiny.members("*") == ("AUS", "CHN", "JPN", "USA")
    assert tiny.members("ISLANDS", on=date(2016, 1, 1)) == ("JPN",)


@pytest.mark.parametrize(
    "home,says",
    [
        ("Japann", r"did you mean JPN \(Japan\)"),
        ("PACTT", "did you mean PACT"),
        ("DEU", r"Germany \(DEU\) is not in study tiny; countries allowed: AUS"),
        ("EU", "EU is a bloc that study tiny does not have; .* BLOCK4, ISLANDS, PACT"),
        ("ROW", "rest of the world"),
        ("row", "rest of the world"),
        ("", "the value is missing"),
        ("ISLANDS", "has no members"),
    ],
)
def test_unknown_or_empty_home_is_refused(home: str, says: str) -> None:
    with pytest.raises(InputError, match=says):
        load_study("tiny", home=home)


@pytest.mark.parametrize(
    "home,code",
    [
        ("Japan", "JPN"), ("japan", "JPN"), ("JP", "JPN"), ("jpn", "JPN"),
        ("392", "JPN"), ("036", "AUS"), ("36", "AUS"), ("842", "USA"),
        (" united  states ", "USA"), ("pact", "PACT"),
    ],
)  # fmt: skip
def test_home_may_be_a_name_a_code_or_a_number(home: str, code: str) -> None:
    assert load_study("tiny", home=home).settings.home == code


@pytest.mark.parametrize(
    "home,code",
    [("de", "DEU"), ("Deutschland", "DEU"), ("European Union", "EU"), ("eu", "EU"),
     ("Türkiye", "TUR"), ("turkiye", "TUR")],
)  # fmt: skip
def test_home_of_the_real_study(home: str, code: str) -> None:
    assert find_home(load_study("us-2026"), home) == code


def test_part_of_a_country_is_refused_with_the_country() -> None:
    with pytest.raises(
        InputError, match=r"did you mean GBR \(United Kingdom\)\?"
    ) as no:
        find_home(load_study("us-2026"), "England")
    assert str(no.value).count(", ") < 20  # not a list of all codes


def test_bundled_names_are_read_in_any_case() -> None:
    assert load_study("TINY").name == "tiny"


def test_unknown_base_is_one_error(make_overlay: Callable[..., Any]) -> None:
    overlay = make_overlay("mine", "us-2025", settings=[["name", "value"]])
    problems = check_study(overlay.path).problems
    assert problems["column"].to_list() == ["extends"]
    assert "us-2026" in problems["problem"][0]


def test_check_of_an_overlay_leaves_out_warnings_of_its_base(
    folder: Any, make_overlay: Callable[..., Any]
) -> None:
    folder.set("stocks", "usa_strategic_dy", floor_t=5)  # warns
    overlay = make_overlay("mine", str(folder.path))
    report = check_study(overlay.path)
    assert check_study(folder.path).problems.height == report.base_warnings > 0
    assert report.problems.is_empty()
    assert f"`oreserve check {folder.path}` lists them" in report.summary()
    overlay.write("demands", ["demand", "item"], [["mine", "galium"]])
    broken = check_study(overlay.path)  # its own errors, still not those warnings
    assert not broken.ok
    assert set(broken.problems["severity"]) == {"error"}


# Settings and periods


def test_settings_accept_text_and_refuse_what_is_unknown(tiny: Study) -> None:
    study = tiny.with_settings(discount_rate="0.05", calibrate="false")
    assert (study.settings.discount_rate, study.settings.calibrate) == (0.05, False)
    assert tiny.settings.discount_rate == 0.03
    assert study.hash != tiny.hash
    with pytest.raises(InputError) as caught:
        tiny.with_settings(discount=1, alpha=2, base_year="x")
    text = str(caught.value)
    assert "did you mean 'discount_rate'" in text
    assert "setting 'alpha'" in text
    assert "setting 'base_year'" in text


@pytest.mark.parametrize(
    "period,expected",
    [
        (1, [date(2027, 1, 1), date(2028, 1, 1)]),
        ("1/4", [date(2027, 1, 1), date(2027, 4, 1)]),
        (1 / 12, [date(2027, 1, 1), date(2027, 2, 1)]),
        (0.0833, [date(2027, 1, 1), date(2027, 2, 1)]),
    ],
)
def test_periods_are_years_quarters_or_months(
    tiny: Study, period: Any, expected: list[date]
) -> None:
    study = tiny.with_settings(period_years=period)
    starts = study.period_starts()
    assert list(starts[:2]) == expected
    assert starts[-1].year == 2031
    assert study.period_starts(2) == tuple(expected)


@pytest.mark.parametrize("periods", [0, -1, 6])
def test_periods_outside_the_horizon_are_refused(tiny: Study, periods: int) -> None:
    with pytest.raises(InputError, match="allowed: 1 to 5"):
        tiny.period_starts(periods)


def test_settings_under_which_the_tables_fail_are_refused(tiny: Study) -> None:
    with pytest.raises(StudyError, match="no base price of dy_oxide in CHN"):
        tiny.with_settings(base_year=2023)
    with pytest.raises(StudyError, match="first_year lies before base_year"):
        tiny.with_settings(first_year=2020)


def test_home_that_would_outbid_is_refused_when_home_changes(folder: Any) -> None:
    folder.set("demands", "jpn_gallium", max_price_usd_per_t=9e7)
    assert load_study(folder.path).home_countries == ("USA",)
    with pytest.raises(StudyError, match="home would outbid"):
        load_study(folder.path, home="JPN")


def test_with_tables_checks_what_it_takes(tiny: Study) -> None:
    plants = tiny.table("plants").with_columns(
        pl.when(pl.col("plant") == "usa_mine")
        .then(pl.lit("Moon"))
        .otherwise("country")
        .alias("country")
    )
    with pytest.raises(StudyError, match="unknown name"):
        tiny.with_tables(plants=plants)
    with pytest.raises(StudyError, match="there is no such table"):
        tiny.with_tables(plnts=plants)
    doubled = tiny.table("stocks").with_columns(pl.col("quantity_t") * 2)
    study = tiny.with_tables(stocks=doubled)
    assert study.table("stocks")["quantity_t"].sum() == pytest.approx(42)
    assert study.hash != tiny.hash
    assert tiny.with_tables(stocks=tiny.tables["stocks"]).hash == tiny.hash


def test_summary_names_home_and_size(tiny: Study) -> None:
    text = tiny.summary()
    assert "home USA (United States)" in text
    assert "3 minerals, 8 items, 4 countries, 17 plants" in text
    assert json.dumps(text)
