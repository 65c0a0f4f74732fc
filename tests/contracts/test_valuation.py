# SPDX-License-Identifier: Apache-2.0
"""Price paths, floors seen from both sides, and options on projects."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from oreserve.contracts import (
    OPTIONS,
    PriceRule,
    ProjectCash,
    ProjectOption,
    break_even_usd_per_t,
    log_volatility,
    price_paths,
    project_option_value,
    standard_options,
    tail_mean,
    value_floor,
)
from oreserve.errors import InputError

PATHS = price_paths(start_usd_per_t=100, long_run_usd_per_t=100, years=15, paths=800)
PROJECT = ProjectCash(1_000, 200_000, 60.0)


def test_paths_have_the_moments_of_the_closed_form() -> None:
    # After t years: mean of ln p is m + (ln p0 - m) e^(-kt) and its variance
    # s^2 (1 - e^(-2kt)) / 2k, with k = ln 2 / 2.
    paths = price_paths(
        start_usd_per_t=300,
        long_run_usd_per_t=100,
        years=3,
        paths=20_000,
        volatility=0.4,
        seed=7,
    )
    speed = math.log(2) / 2
    level = math.log(100) - 0.4**2 / (4 * speed)
    keep = math.exp(-3 * speed)
    mean = level + (math.log(300) - level) * keep
    deviation = math.sqrt(0.4**2 * (1 - keep**2) / (2 * speed))
    logs = np.log(paths[:, -1])
    assert logs.mean() == pytest.approx(mean, abs=4 * deviation / math.sqrt(20_000))
    assert logs.std() == pytest.approx(deviation, rel=0.03)


def test_long_run_price_is_the_mean_not_the_median() -> None:
    paths = price_paths(
        start_usd_per_t=100, long_run_usd_per_t=100, years=30, paths=20_000, seed=3
    )
    assert paths[:, -1].mean() == pytest.approx(100, rel=0.02)
    assert np.median(paths[:, -1]) < 95


def test_more_paths_keep_the_first_ones() -> None:
    few = price_paths(start_usd_per_t=1, long_run_usd_per_t=2, years=2, paths=5)
    many = price_paths(start_usd_per_t=1, long_run_usd_per_t=2, years=2, paths=50)
    np.testing.assert_array_equal(few, many[:5])


def test_seed_and_stream_change_the_draw() -> None:
    def first(seed: int, stream: str) -> float:
        paths = price_paths(
            start_usd_per_t=1,
            long_run_usd_per_t=1,
            years=1,
            paths=1,
            seed=seed,
            stream=stream,
        )
        return float(paths[0, 0])

    assert len({first(0, ""), first(1, ""), first(0, "gallium")}) == 3
    assert first(1, "gallium") == first(1, "gallium")


def test_bad_path_input_is_refused_at_once() -> None:
    with pytest.raises(InputError) as caught:
        price_paths(start_usd_per_t=0, long_run_usd_per_t=1, years=0, volatility=-1)
    for said in ("start_usd_per_t", "years", "volatility"):
        assert said in str(caught.value)


def test_volatility_is_at_least_the_assumed_one() -> None:
    assert log_volatility([100.0, 100.0]) == 0.35
    # changes ln 2, -ln 2, ln 2: mean ln 2 / 3, deviation 2 ln 2 / sqrt 3
    assert log_volatility([1, 2, 1, 2]) == pytest.approx(2 * math.log(2) / math.sqrt(3))
    with pytest.raises(InputError, match="above 0"):
        log_volatility([1, 0, 2])


@given(
    values=st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=40),
    alpha=st.floats(0, 0.99),
)
def test_tail_mean_lies_between_mean_and_maximum(
    values: list[float], alpha: float
) -> None:
    tail = tail_mean(np.array(values), alpha=alpha)
    room = 1e-6 * (1 + max(map(abs, values)))
    assert np.mean(values) - room <= tail <= max(values) + room


def test_floor_moves_money_and_makes_none() -> None:
    rule = PriceRule("two_way", floor_usd_per_t=90, upside_share=0.4)
    value = value_floor(rule, paths_usd_per_t=PATHS, quantity_t_per_year=10)
    gain = value.revenue_usd - value.market_revenue_usd
    assert value.cost_usd == pytest.approx(gain)
    assert value.cost_usd == pytest.approx(value.support_usd - value.returned_usd)
    assert value.exposure_usd > value.cost_usd
    assert value.low_revenue_usd > value.low_market_revenue_usd


@given(low=st.floats(0, 200), more=st.floats(0, 100))
@settings(max_examples=25, deadline=None)
def test_higher_floor_costs_more(low: float, more: float) -> None:
    def cost(floor: float) -> float:
        rule = PriceRule("floor", floor_usd_per_t=floor)
        value = value_floor(rule, paths_usd_per_t=PATHS, quantity_t_per_year=1)
        return value.cost_usd

    assert cost(low + more) >= cost(low) - 1e-9


def test_annual_cap_holds_on_every_path_and_year() -> None:
    rule = PriceRule("two_way", floor_usd_per_t=50, upside_share=1, annual_cap_usd=100)
    flat = np.full((3, 8), 150.0)
    value = value_floor(
        rule, paths_usd_per_t=flat, quantity_t_per_year=10, discount_rate=0.0
    )
    # 10 t x 100 USD/t = 1,000 a year without the cap; 100 with it, two years
    assert value.returned_usd == 200


def test_steps_must_make_whole_years() -> None:
    with pytest.raises(InputError, match="whole number of years"):
        value_floor(
            PriceRule("indexed"),
            paths_usd_per_t=np.ones((1, 5)),
            quantity_t_per_year=1,
        )


def test_floor_above_all_paths_means_survival_and_pays_the_differences() -> None:
    project = ProjectCash(10, 0, 90, life_years=3, debt_years=1)
    paths = np.full((40, 12), 60.0)
    paths[::2] = 80.0
    rule = PriceRule("floor", floor_usd_per_t=100)
    value = project_option_value(
        project,
        ProjectOption("floor", rules=((rule, 1.0),)),
        paths_usd_per_t=paths,
        discount_rate=0.0,
    )
    assert value.success == 1
    # half the paths pay 3 x 10 x 40, the others 3 x 10 x 20
    assert value.cost_usd == pytest.approx((1_200 + 600) / 2)
    assert value.exposure_usd == pytest.approx(1_200)


def test_project_below_its_cash_cost_never_stands() -> None:
    value = project_option_value(
        ProjectCash(10, 0, 90, life_years=2, debt_years=1),
        ProjectOption("none"),
        paths_usd_per_t=np.full((5, 8), 60.0),
    )
    assert (value.success, value.cost_usd, value.exposure_usd) == (0, 0, 0)


def test_feed_that_follows_the_price_narrows_the_margin() -> None:
    # keeps 0.4 of 100 = 40 a tonne against 30 of cost; at 70 it is 28
    project = ProjectCash(1, 0, 30, net_share=0.4, life_years=1, debt_years=1)
    assert break_even_usd_per_t(project) == pytest.approx(75)
    lives = [
        project_option_value(
            project, ProjectOption("none"), paths_usd_per_t=np.full((1, 4), price)
        ).success
        for price in (100.0, 70.0)
    ]
    assert lives == [1, 0]


def test_debt_is_looked_at_only_in_debt_years() -> None:
    # 100 USD of debt over one year at no interest needs 120 of cash flow once;
    # afterwards 1 USD a year is enough.
    project = ProjectCash(
        1, 100, 10, life_years=2, debt_share=1, debt_rate=0, debt_years=1
    )

    def success(first: float, second: float) -> float:
        paths = np.array([[first] * 4 + [second] * 4])
        option = ProjectOption("none")
        return project_option_value(project, option, paths_usd_per_t=paths).success

    assert success(130, 11) == 1
    assert success(129, 11) == 0
    assert success(130, 9) == 0


def test_payments_stop_with_the_year_of_failure() -> None:
    project = ProjectCash(1, 0, 100, life_years=3, debt_years=1)
    rule = PriceRule("floor", floor_usd_per_t=90)
    value = project_option_value(
        project,
        ProjectOption("floor", rules=((rule, 1.0),)),
        paths_usd_per_t=np.full((4, 12), 60.0),
        discount_rate=0.0,
    )
    assert value.success == 0
    assert value.cost_usd == 30


def test_floor_at_break_even_carries_the_debt_years() -> None:
    even = break_even_usd_per_t(PROJECT)
    rule = PriceRule("floor", floor_usd_per_t=even)
    value = project_option_value(
        PROJECT,
        ProjectOption("floor", rules=((rule, 1.0),), support_years=15),
        paths_usd_per_t=PATHS,
    )
    assert value.success == 1


def test_standard_options_help_and_cost() -> None:
    options = standard_options(PROJECT, long_run_usd_per_t=100)
    assert tuple(option.name for option in options) == OPTIONS
    value = {
        option.name: project_option_value(PROJECT, option, paths_usd_per_t=PATHS)
        for option in options
    }
    none = value.pop("none")
    assert none.cost_usd == none.exposure_usd == 0
    for name, other in value.items():
        assert other.success >= none.success, name
        assert other.exposure_usd > 0, name
    floors = [value[name].success for name in ("floor_low", "floor_mid", "floor_high")]
    assert floors == sorted(floors)


def test_loan_comes_back_but_is_cash_for_the_budget() -> None:
    option = ProjectOption("loan", loan_share=0.5)
    rich = np.full((10, 60), 1_000.0)
    value = project_option_value(PROJECT, option, paths_usd_per_t=rich)
    assert value.exposure_usd == 100_000
    # lent at 4 %, discounted at 3 %: more comes back than went out
    assert value.cost_usd < 0


@pytest.mark.parametrize(
    "fields, said",
    [
        ({"quantity_t_per_year": 0}, "above 0"),
        ({"capex_usd": -1}, "0 or more"),
        ({"debt_share": 2}, "0-1"),
        ({"net_share": 0}, "above 0"),
        ({"debt_years": 20}, "life_years"),
        ({"cash_cost_usd_per_t": math.nan}, "a number"),
    ],
)
def test_impossible_project_is_refused(fields: dict[str, float], said: str) -> None:
    base = {"quantity_t_per_year": 1, "capex_usd": 1, "cash_cost_usd_per_t": 1}
    with pytest.raises(InputError, match=said):
        ProjectCash(**{**base, **fields})  # type: ignore[arg-type]


def test_paths_shorter_than_the_life_are_refused() -> None:
    with pytest.raises(InputError, match="15 years needs 60"):
        project_option_value(
            PROJECT, ProjectOption("none"), paths_usd_per_t=np.ones((1, 8))
        )
