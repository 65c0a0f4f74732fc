# SPDX-License-Identifier: Apache-2.0
"""A broken study never loads, and the report says where and what is allowed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import polars as pl
import pytest

from oreserve.study import StudyError, check_study, load_study
from study.breakages import CASES, Case, set_in


@pytest.mark.parametrize("case", CASES, ids=[case.name for case in CASES])
def test_each_breakage_is_an_error_with_its_place(folder: Any, case: Case) -> None:
    row = case.breaks(folder)
    report = check_study(folder.path)
    assert not report.ok
    found = report.problems.filter(
        (pl.col("severity") == "error")
        & (pl.col("table") == case.table)
        & (pl.col("column") == case.column)
        & pl.col("problem").str.contains(case.says, literal=True)
    )
    assert found.height >= 1, report.summary()
    one = found.row(0, named=True)
    if row is not None and case.same_row:
        assert row in found["row"].to_list(), one
    assert case.value in one["value"]
    if case.nearest:
        assert one["nearest"] == case.nearest
    assert case.allowed in one["allowed"]
    with pytest.raises(StudyError) as caught:
        load_study(folder.path)
    assert caught.value.exit_code == 1
    assert case.says in str(caught.value) or caught.value.problems.height > 40
    assert caught.value.problems.equals(report.problems)


def test_cases_are_many_and_named_once() -> None:
    assert len({case.name for case in CASES}) == len(CASES) > 60


def test_all_problems_are_reported_at_once(folder: Any) -> None:
    folder.set("plants", "usa_mine", country="Australia")
    folder.set("demands", "aus_magnet", quantity_t_per_year="many")
    folder.set("drivers", "weather|calm|flood", probability_per_year=0.2)
    tables = set(check_study(folder.path).problems["table"])
    assert {"plants", "demands", "drivers"} <= tables


def test_message_reads_like_a_sentence(folder: Any) -> None:
    row = folder.set("plants", "usa_mine", process="re_minning")
    text = check_study(folder.path).summary()
    assert f"plants.csv, row {row}, column process: unknown name" in text
    assert "(value 're_minning'); allowed: gallium_recovery, " in text
    assert "did you mean 're_mining'?" in text


@pytest.mark.parametrize(
    "breaks,table,says",
    [
        (set_in("driver_states", "china_trade|calm", start_share=0.8), "", ""),
        (
            set_in("countries", "AUS", country="QQA"),
            "countries",
            "not an ISO country code",
        ),
        (
            set_in("measures", "chn_dysprosium_licence", until="2026-01"),
            "measures",
            "it ended on",
        ),
        (set_in("stocks", "usa_strategic_dy", floor_t=5), "stocks", "floor lies above"),
        (set_in("items", "gallium", mineral="galliums"), "items", "no list names"),
    ],
)
def test_doubtful_things_warn(
    folder: Any, breaks: Callable[[Any], int | None], table: str, says: str
) -> None:
    breaks(folder)
    problems = check_study(folder.path).problems
    warned = problems.filter(pl.col("severity") == "warning")
    if table:
        assert any(says in text for text in warned["problem"])
    else:
        assert not warned.height


def test_mass_without_contents_warns(folder: Any) -> None:
    header, _ = folder.read("contents")
    folder.write("contents", header, [])
    folder.set("recipes", "metal_making|nd_oxide", coefficient=-0.9)
    report = check_study(folder.path)
    assert report.ok
    assert "metal_making makes 1 t out of 0.9 t" in report.summary()


def test_state_that_nothing_leads_to_warns(folder: Any) -> None:
    folder.set("drivers", "weather|calm|flood", probability_per_year=0)
    folder.set("drivers", "weather|calm|calm", probability_per_year=1)
    report = check_study(folder.path)
    assert report.ok
    assert "no path of positive probability" in report.summary()


def test_unbooked_iron_of_a_magnet_is_no_error() -> None:
    # 1 t of magnet comes out of 0.42 t of booked inputs; no input names iron
    assert check_study("tiny").problems.is_empty()


def test_one_step_demand_may_name_its_own_max_price(folder: Any) -> None:
    for name in ("usa_gallium_radar", "usa_gallium_chips"):
        folder.set("demands", name, price_elasticity=0, max_price_usd_per_t=2e7)
    report = check_study(folder.path)
    assert report.ok
    assert "differs from the max_price" in report.summary()


def test_without_calibration_one_step_demand_needs_no_price(folder: Any) -> None:
    folder.drop("prices", "dy_oxide|CHN|2024")
    folder.set(
        "demands", "chn_dy_oxide", price_elasticity=0, max_price_usd_per_t=400_000
    )
    assert not check_study(folder.path).ok
    folder.add("settings", name="calibrate", value="false")
    found = check_study(folder.path).problems.filter(pl.col("severity") == "error")
    assert not found.filter(pl.col("table") == "demands").height


def test_study_that_does_not_exist_names_the_nearest() -> None:
    report = check_study("tinny")
    assert not report.ok
    assert "did you mean 'tiny'?" in report.summary()
    with pytest.raises(StudyError, match="did you mean 'tiny'"):
        load_study("tinny")
