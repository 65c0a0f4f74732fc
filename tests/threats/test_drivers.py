# SPDX-License-Identifier: Apache-2.0
"""Drivers as Markov chains and the scenarios that they make."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from oreserve.errors import InputError
from oreserve.study import load_study
from oreserve.threats import (
    driver_matrix,
    expected_periods_left,
    parse_delay,
    period_matrix,
    read_drivers,
    sample_scenarios,
    stationary_shares,
    touching_drivers,
    uniform_draw,
)


@pytest.fixture(scope="module")
def tiny():
    return load_study("tiny")


def test_rows_of_every_matrix_sum_to_one(tiny) -> None:
    for driver in read_drivers(tiny):
        assert np.allclose(driver.matrix.sum(axis=1), 1.0)
        assert driver.start.sum() == pytest.approx(1.0)


@pytest.mark.parametrize("period", [0.25, 1.0 / 12.0])
def test_periods_of_a_year_make_the_year_again(period: float) -> None:
    yearly = np.array([[0.8, 0.15, 0.05], [0.3, 0.6, 0.1], [0.1, 0.2, 0.7]])
    root = period_matrix(yearly, period)
    again = np.linalg.matrix_power(root, round(1 / period))
    assert np.abs(again - yearly).max() < 0.01
    assert root.min() >= 0.0


def test_a_year_that_no_quarter_can_make_is_refused() -> None:
    # Leaving for sure after a year: no root has real, positive entries.
    with pytest.raises(InputError, match="no root"):
        period_matrix(np.array([[0.0, 1.0], [1.0, 0.0]]), 0.25)


def test_expected_time_left_is_that_of_a_geometric_law() -> None:
    # 1 + 0.75 + 0.75^2 + ... = 4
    assert expected_periods_left(np.array([[0.75, 0.25], [0.5, 0.5]])).tolist() == [
        4,
        2,
    ]


def test_long_paths_reach_the_stationary_shares(tiny) -> None:
    matrix = driver_matrix(tiny, "china_trade")
    expected = stationary_shares(matrix)
    assert expected == pytest.approx(expected @ matrix)
    last = sample_scenarios(tiny, count=3000, seed=5)
    start = next(d for d in read_drivers(tiny) if d.name == "china_trade").start
    after = start @ np.linalg.matrix_power(matrix, 4)
    seen = np.zeros(3)
    for scenario in last:
        seen[("ban", "calm", "licences").index(scenario.states[4][0])] += 1 / 3000
    # 4 standard errors of a share in 3,000 draws
    assert np.abs(seen - after).max() < 4 * 0.5 / np.sqrt(3000)


def test_a_scenario_does_not_depend_on_count_or_start(tiny) -> None:
    many = sample_scenarios(tiny, count=12, seed=3)
    alone = sample_scenarios(tiny, count=1, seed=3, start=7)
    assert many[7] == alone[0]
    assert many[7] != sample_scenarios(tiny, count=1, seed=4, start=7)[0]


def test_the_order_of_driver_rows_changes_nothing(tiny) -> None:
    shuffled = tiny.with_tables(
        drivers=tiny.table("drivers").sample(fraction=1.0, shuffle=True, seed=1),
        driver_states=tiny.table("driver_states").reverse(),
    )
    assert sample_scenarios(tiny, count=5, seed=0) == sample_scenarios(
        shuffled, count=5, seed=0
    )


def test_a_row_that_does_not_sum_to_one_is_named(tiny) -> None:
    rows = tiny.table("drivers").with_columns(
        probability_per_year=pl.col("probability_per_year") * 0.9
    )
    wrong = replace(tiny, tables={**tiny.tables, "drivers": rows}, _filled={})
    with pytest.raises(InputError) as told:
        read_drivers(wrong)
    assert "china_trade, state calm" in str(told.value)
    assert "weather" in str(told.value)  # all problems at once


def test_an_unknown_driver_names_the_nearest(tiny) -> None:
    with pytest.raises(InputError, match="china_trade"):
        driver_matrix(tiny, "china_trad")


def test_calm_releases_all_and_a_shock_the_share_of_its_time(tiny) -> None:
    for scenario in sample_scenarios(tiny, count=40, seed=0):
        for t, states in enumerate(scenario.states):
            share = scenario.release_for("gallium", t)
            if states[0] == "calm":
                assert share == 1.0
            else:  # both shock states last two years on average
                assert share == pytest.approx(0.5)


def test_a_driver_touches_only_the_items_that_it_names(tiny) -> None:
    touching = touching_drivers(tiny)
    assert touching["gallium"][0] == "china_trade"
    assert "weather" in touching["re_concentrate"]


def test_draws_do_not_depend_on_how_many_are_asked_for() -> None:
    assert (
        uniform_draw(1, 2, "a", 5)[:2].tolist() == uniform_draw(1, 2, "a", 2).tolist()
    )
    assert uniform_draw(1, 2, "a")[0] != uniform_draw(1, 2, "b")[0]
    # Pinned: another machine or version must draw the same.
    assert uniform_draw(0, 0, "china_trade")[0] == 0.4017638234310823


def test_delays_are_read_with_their_probabilities(tiny) -> None:
    assert parse_delay("0:0.7;1:0.3") == ((0.0, 0.7), (1.0, 0.3))
    late = [
        scenario.draws["delay aus_gallium_new"]
        for scenario in sample_scenarios(tiny, count=400, seed=0)
    ]
    assert np.mean(late) == pytest.approx(0.3, abs=0.1)


@pytest.mark.parametrize("years, step", [(0.25, "quarters"), (1.0 / 12.0, "months")])
def test_a_state_that_cannot_be_cut_is_named_in_words(tiny, years, step) -> None:
    with pytest.raises(InputError) as caught:
        read_drivers(tiny.with_settings(period_years=years))
    said = str(caught.value)
    assert "driver weather: flood always ends after exactly one year" in said
    assert f"cannot be cut into {step}" in said
    assert "china_trade" not in said
    assert "--step year" in said
    assert "many-scenarios.md" in said


def test_a_state_that_ends_soon_is_told_apart(tiny) -> None:
    rows = tiny.table("drivers").with_columns(
        probability_per_year=pl.when(pl.col("state") == "flood")
        .then(pl.when(pl.col("next_state") == "flood").then(0.05).otherwise(0.95))
        .otherwise("probability_per_year")
    )
    changed = tiny.with_tables(drivers=rows).with_settings(period_years=0.25)
    with pytest.raises(InputError, match=r"flood \(stays with 0.05\) ends too soon"):
        read_drivers(changed)


def test_states_that_follow_each_other_need_a_way_past(tiny) -> None:
    chain = [("calm", "flood"), ("flood", "mud"), ("mud", "calm")]
    rows = [("weather", a, a, 0.5) for a, _ in chain]
    rows += [("weather", a, b, 0.5) for a, b in chain]
    told = tiny.table("drivers").filter(pl.col("driver") != "weather")
    table = pl.DataFrame(rows, schema=told.columns[:4], orient="row")
    every = {**tiny.tables, "drivers": pl.concat([told, table], how="diagonal")}
    changed = replace(tiny, tables=every, _filled={}).with_settings(period_years=0.25)
    with pytest.raises(InputError, match="moves from year to year cannot be cut"):
        read_drivers(changed)


def test_the_overlay_of_the_docs_cuts_a_war_and_its_recovery(tmp_path) -> None:
    page = Path(__file__).parents[2] / "docs" / "howto" / "many-scenarios.md"
    text = page.read_text(encoding="utf-8")
    (rows,) = re.findall(
        r"file=war/drivers.csv\}\n(.*?)^```$", text, re.MULTILINE | re.DOTALL
    )
    (tmp_path / "drivers.csv").write_text(rows)
    package = {
        "name": "war",
        "title": "War",
        "extends": "us-2026",
        "resources": [{"name": "drivers", "path": "drivers.csv"}],
    }
    (tmp_path / "datapackage.json").write_text(json.dumps(package))
    with pytest.raises(InputError, match="recovery_3 and war always end after"):
        read_drivers(load_study("us-2026").with_settings(period_years=0.25))
    study = load_study(tmp_path)
    for years in (0.25, 1.0 / 12.0):
        drivers = read_drivers(study.with_settings(period_years=years))
        (war,) = [one for one in drivers if one.name == "wide_conflict"]
        again = np.linalg.matrix_power(war.matrix, round(1 / years))
        assert np.abs(again - war.yearly).max() < 0.01
