# SPDX-License-Identifier: Apache-2.0
"""Missing in, no data out; a wrong scale is refused with the way to convert it."""

from __future__ import annotations

import math

import numpy as np
import pytest

from oreserve.errors import InputError
from oreserve.indicators import (
    cells,
    cells_frame,
    crma_benchmarks,
    eu_bottleneck,
    eu_economic_importance,
    eu_supply_risk,
    geopolrisk,
    governance_eu,
    hhi,
    hhi_bounds,
    hhi_governance,
    hhi_governance_bounds,
    hhi_normalised,
    less_than,
    n_minus_1_cover,
    net_import_reliance,
    net_import_reliance_bounds,
    propagate,
    rescale,
    single_points_of_failure,
    top_share,
    top_share_bounds,
    usgs_disruption_potential,
    usgs_economic_vulnerability,
    usgs_trade_exposure,
    usgs_weighted_effect,
    weighted_governance,
)

RISK = {
    "hhi_global": 2.0,
    "hhi_home": 1.0,
    "import_reliance": 0.5,
    "eol_recycling_input_rate": 0.1,
    "substitution": 0.9,
    "rule": "global+home",
}
TRADE = {
    "hhi": 0.4,
    "imports_by_partner": [60.0, 20.0],
    "governance_by_partner": [0.5, 0.25],
    "domestic_production": 20.0,
    "price_usd_per_kg": 10.0,
}


@pytest.mark.parametrize(
    "value",
    [
        hhi([]),
        hhi([0.5, None]),
        hhi([0.0, 0.0]),
        hhi(None),
        hhi_normalised([]),
        hhi_normalised([0.5, None]),
        hhi_normalised([0.0]),
        top_share([0.5, None]),
        top_share([]),
        hhi_bounds([0.0]).value,
        hhi_bounds([None]).value,
        hhi_governance([0.5, 0.5], governance=[5.0, None]),
        hhi_governance([0.5, None], governance=[5.0, 5.0]),
        hhi_governance([], governance=[]),
        hhi_governance_bounds([0.5, 0.5], governance=[5.0, None]).value,
        weighted_governance([0.5, 0.5], governance=[5.0, None]),
        weighted_governance([0.0], governance=[5.0]),
        governance_eu([0.1, 0.1, 0.1, 0.1, 0.1, None]),
        net_import_reliance(production=None, imports=1, exports=0),
        net_import_reliance(production=1, imports=1, exports=None),
        net_import_reliance(production=0, imports=0, exports=0),
        net_import_reliance(production=0, imports=1, exports=2),
        usgs_trade_exposure(
            primary_production=1, secondary_production=None, imports=1, exports=0
        ),
        eu_supply_risk(**{**RISK, "import_reliance": None}),
        eu_supply_risk(**{**RISK, "substitution": None}),
        eu_supply_risk(**{**RISK, "rule": "home", "hhi_home": None}),
        eu_economic_importance(
            shares=[0.5, 0.5],
            value_added=[1.0, None],
            substitution=1.0,
            largest_value_added=2.0,
        ),
        eu_economic_importance(
            shares=[], value_added=[], substitution=1.0, largest_value_added=2.0
        ),
        eu_bottleneck([None, None]).value,
        usgs_disruption_potential(shares=[], ability=[], willingness=[]),
        usgs_disruption_potential(
            shares=[0.5, 0.5], ability=[0.5, None], willingness=[0.5, 0.5]
        ),
        usgs_economic_vulnerability(
            value_added=[1], gdp=10, expenditure=[1], operating_profit=[-1]
        ),
        usgs_weighted_effect(probability=[], effect=[]),
        usgs_weighted_effect(probability=[0.1], effect=[None]),
        n_minus_1_cover(supply=[], demand=1, level="plant").cover,
        n_minus_1_cover(supply=[1, None], demand=1, level="plant").cover,
        n_minus_1_cover(supply=[1, 1], demand=0, level="plant").cover,
        geopolrisk(**{**TRADE, "hhi": None}).score,
        geopolrisk(**{**TRADE, "imports_by_partner": [60.0, None]}).score,
        geopolrisk(
            **{**TRADE, "imports_by_partner": [], "governance_by_partner": []}
        ).score,
        geopolrisk(**{**TRADE, "imports_by_partner": [0.0, 0.0]}).score,
        geopolrisk(**{**TRADE, "domestic_production": None}).score,
        geopolrisk(**{**TRADE, "price_usd_per_kg": 0.0}).characterisation_factor,
        geopolrisk(**{**TRADE, "exports": 200.0}).score,
    ],
)
def test_missing_never_becomes_zero(value):
    assert isinstance(value, float)
    assert math.isnan(value)


def test_only_inputs_that_count_can_be_missing():
    assert hhi_governance([1.0, 0.0], governance=[5.0, None]) == 5.0
    assert eu_supply_risk(
        **{**RISK, "rule": "global", "hhi_home": None, "import_reliance": None}
    ) == pytest.approx(2.0 * 0.9 * 0.9)
    assert eu_supply_risk(
        **{**RISK, "rule": "home", "hhi_global": None, "import_reliance": None}
    ) == pytest.approx(0.81)
    found = geopolrisk(
        **{
            **TRADE,
            "imports_by_partner": [60.0, 0.0],
            "governance_by_partner": [0.5, None],
        }
    )
    assert str(found.status) == "ok"
    assert net_import_reliance(production=5, imports=1, exports=6) == 0.0


def test_missing_cells_leave_their_neighbours_alone():
    assert hhi([[0.5, 0.5], [1.0, None]])[0] == 0.5
    found = geopolrisk(**{**TRADE, "hhi": [0.4, None]})
    assert found.status.tolist() == ["ok", "no_data"]
    assert found.score[0] == pytest.approx(0.14)


@pytest.mark.parametrize(
    "call, words",
    [
        (lambda: hhi([60, 40]), "percentage: divide by 100"),
        (lambda: hhi([-0.1, 1.0]), r"-0.1 at index 0; allowed is 0 to 1"),
        (lambda: hhi([0.7, 0.7]), "sum over the last axis is 1.4"),
        (lambda: hhi(["60 %"]), "allowed are numbers"),
        (lambda: hhi([math.inf]), "infinity"),
        (lambda: hhi([[1.0], [0.2], [1.2], [7.0]]), r"\(2, 0\) \(and 1 more\)"),
        (lambda: top_share([50, 50]), "divide by 100"),
        (lambda: top_share([1.0], n=0), "n: 0"),
        (lambda: hhi_bounds([0.5], largest_unlisted=20), "largest_unlisted"),
        (lambda: hhi_normalised([0.3]), "only 0.3 is listed"),
        (lambda: hhi_normalised([0.5, 0.5], n=1), "2 producers"),
        (lambda: hhi_governance([1.0]), "one of the two"),
        (lambda: hhi_governance([1.0], governance=[57.0]), "governance_eu"),
        (lambda: hhi_governance([1.0], governance=[5.0], trade=9), "0.8 to 1.5"),
        (lambda: hhi_governance([0.5, 0.5], governance=[1, 2, 3]), "do not match"),
        (lambda: governance_eu([50.0] * 6), "percentile ranks"),
        (lambda: governance_eu([0.5] * 5), "5 dimensions"),
        (
            lambda: net_import_reliance(production=-1, imports=0, exports=0),
            "production: -1",
        ),
        (lambda: eu_supply_risk(**{**RISK, "import_reliance": 64}), "divide by 100"),
        (lambda: eu_supply_risk(**{**RISK, "hhi_global": 5000}), "0 to 15"),
        (lambda: eu_supply_risk(**{**RISK, "rule": "GS+EU"}), r"global\+home, global"),
        (
            lambda: eu_economic_importance(
                shares=[1.0], value_added=[3], substitution=1, largest_value_added=2
            ),
            "one currency",
        ),
        (
            lambda: eu_economic_importance(
                shares=[1.0], value_added=[3], substitution=1, largest_value_added=0
            ),
            "not positive",
        ),
        (
            lambda: geopolrisk(**{**TRADE, "governance_by_partner": [-0.4, 1.7]}),
            "governance_unit",
        ),
        (lambda: geopolrisk(**{**TRADE, "governance_by_partner": [0.1] * 3}), "match"),
        (lambda: geopolrisk(**TRADE, exports=1.0, compatible=True), "no exports"),
        (
            lambda: geopolrisk(**TRADE, production_stage="refine", trade_stage="mine"),
            "Convert both to one stage",
        ),
        (
            lambda: n_minus_1_cover(supply=[1], demand=1, level="firm"),
            "plant, owner, country",
        ),
        (
            lambda: n_minus_1_cover(
                supply=[1], demand=1, level="owner", suppliers=["a", "b"]
            ),
            "2 names for 1 columns",
        ),
        (
            lambda: single_points_of_failure(
                supply=[1], demand=1, level="plant", cover_needed=0
            ),
            "above 0",
        ),
        (
            lambda: usgs_disruption_potential(
                shares=[1.0], ability=[70], willingness=[0.5]
            ),
            "ability",
        ),
        (
            lambda: usgs_economic_vulnerability(
                value_added=[5],
                gdp=10,
                expenditure=[1],
                operating_profit=[1],
                largest=0.1,
            ),
            "largest",
        ),
        (lambda: crma_benchmarks(consumption=-1), "consumption"),
        (
            lambda: crma_benchmarks(consumption=1, third_country_shares=[65, 5]),
            "divide by 100",
        ),
        (
            lambda: cells("hhi", [0.1], unit="1", stage=["a", "b"], year=1, keys={}),
            "2 values for 1 cells",
        ),
    ],
)
def test_wrong_input_is_refused_with_a_hint(call, words):
    with pytest.raises(InputError, match=words):
        call()


def test_geopolrisk_differs_from_the_peer_where_documented():
    germanium = {**TRADE, "imports_by_partner": [], "governance_by_partner": []}
    assert geopolrisk(**germanium, compatible=True).score == 0.0
    assert str(geopolrisk(**germanium).status) == "no_data"
    gap = {**TRADE, "governance_by_partner": [0.5, None]}
    # (60 x 0.5 + 20 x 0.5) / 100 in the peer; 75 % known is too little for ours.
    assert geopolrisk(**gap, compatible=True).import_risk == pytest.approx(0.4)
    assert str(geopolrisk(**gap).status) == "no_data"
    wide = geopolrisk(**gap, minimum_coverage=0.7)
    assert str(wide.status) == "partial"
    assert wide.score == pytest.approx(0.4 * 0.4)
    assert wide.score_low == pytest.approx(0.4 * 0.3)
    assert wide.score_high == pytest.approx(0.4 * 0.5)
    # A member's 20 t: the peer keeps them with g = 0, we leave them out.
    members = {**TRADE, "inside": [False, True]}
    assert geopolrisk(**members, compatible=True).import_risk == pytest.approx(0.3)
    assert geopolrisk(**members).import_risk == pytest.approx(30 / 80)
    # 10 of the own 20 t are sold: 35 over 90. 60 t sold: own gone, half through.
    assert geopolrisk(**TRADE, exports=10).import_risk == pytest.approx(35 / 90)
    assert geopolrisk(**TRADE, exports=60).import_risk == pytest.approx(35 / 80)
    mixed = {"production_stage": "refine", "trade_stage": "mine"}
    assert geopolrisk(**TRADE, **mixed, compatible=True).score == pytest.approx(0.14)


def test_bounds_of_the_unlisted_respect_the_largest_it_may_hold():
    # 0.25 unlisted in parts of at most 0.1: 0.01 + 0.01 + 0.0025.
    bounds = hhi_bounds([0.75], largest_unlisted=0.1)
    assert bounds.high - bounds.low == pytest.approx(0.0225)
    assert hhi_bounds([0.75], largest_unlisted=0.0).high == bounds.low
    assert str(hhi_bounds([0.6, 0.4]).status) == "ok"
    # A share that is not published belongs to the rest.
    assert hhi_bounds([0.75, None]).high == pytest.approx(0.5625 + 0.0625)


def test_a_censored_share_makes_the_result_partial():
    # 0.9^2 and one share below 0.001: at most 0.000001 more.
    found = propagate(
        lambda small: hhi(np.stack([np.asarray(0.9), np.asarray(small)], axis=-1)),
        small=less_than(0.001),
    )
    assert found.value == pytest.approx(0.81)
    assert found.high == pytest.approx(0.810001)
    assert str(found.status) == "partial"


def test_rescaling_keeps_missing_and_refuses_to_invent_a_spread():
    found = rescale([1.0, None, 3.0, 5.0])
    assert found[[0, 2, 3]].tolist() == [0.0, 0.5, 1.0]
    assert math.isnan(found[1])
    assert np.isnan(rescale([2.0, 2.0])).all()
    assert rescale(7.0, low=0.0, high=10.0) == pytest.approx(0.7)


def test_benchmarks_name_what_is_missing():
    found = crma_benchmarks(
        consumption=[100.0, 0.0],
        extraction=[10.0, 5.0],
        processing=40.0,
        third_country_shares=[[[0.6, 0.2], [0.1, 0.66]], [[0.65, 0.2], [0.1, 0.1]]],
    )
    by_name = {line.name: line for line in found}
    assert by_name["extraction"].status.tolist() == ["met", "no_data"]
    assert by_name["processing"].status.tolist() == ["met", "no_data"]
    assert by_name["recycling"].status.tolist() == ["no_data", "no_data"]
    assert by_name["single_country"].value.tolist() == [0.66, 0.65]
    assert by_name["single_country"].status.tolist() == ["missed", "met"]


def test_a_missing_stage_leaves_the_bottleneck_open_above():
    found = eu_bottleneck([[0.5, 1.2], [0.5, None]])
    assert found.value.tolist() == [1.2, 0.5]
    assert found.status.tolist() == ["ok", "partial"]
    assert found.high.tolist() == [1.2, 15.0]


def test_every_element_returns_a_cell_with_its_inputs():
    shares = [[1.0, 0.0], [0.5, None]]
    found = cells(
        "hhi",
        hhi(shares),
        unit="1",
        stage="mine",
        year=[2023, 2024],
        keys={"mineral": ["tin", "cobalt"]},
        inputs={"largest_share": [1.0, None]},
    )
    assert [cell.status for cell in found] == ["ok", "no_data"]
    assert found[1].value is None
    assert found[1].inputs == {"largest_share": None}
    table = cells_frame(found)
    assert table["mineral"].to_list() == ["cobalt", "tin"]
    assert table["value"].to_list() == [None, 1.0]
    assert table["inputs"].to_list() == [
        "largest_share=missing",
        "largest_share=1.0",
    ]


def test_import_reliance_counts_what_is_drawn_from_stocks():
    trade = {"production": 60.0, "imports": 50.0, "exports": 20.0}
    # 30 net, and 10 drawn: 40 of 100. 10 stored: 20 of 80.
    assert net_import_reliance(**trade, stock_change=10.0) == pytest.approx(0.4)
    assert net_import_reliance(**trade, stock_change=-10.0) == pytest.approx(0.25)
    # Old and new metal both serve at home: 20 + 40, 30 net.
    parts = {"primary_production": 20.0, "secondary_production": 40.0}
    exposure = usgs_trade_exposure(**parts, imports=50.0, exports=20.0)
    assert exposure == pytest.approx(1 / 3)


def test_more_sold_than_there_was_says_nothing():
    found = net_import_reliance_bounds(
        production=[10, 0, 5], imports=[5, 0, 1], exports=[40, 3, 6]
    )
    assert found.status.tolist() == ["partial", "no_data", "ok"]
    assert np.isnan(found.value[0])
    assert (found.low[0], found.high[0], found.value[2]) == (0.0, 1.0, 0.0)
    assert np.isnan(net_import_reliance(production=10, imports=5, exports=40))


def test_shares_that_sum_above_one_are_a_band():
    assert top_share([0.7, 0.34], n=2) == 1.0
    joint = top_share_bounds([0.7, 0.34], n=1)
    assert joint.value == 0.7
    assert joint.low == pytest.approx(0.7 / 1.04)
    assert str(joint.status) == "partial"
    assert str(top_share_bounds([0.7, 0.3], n=1).status) == "ok"
    index = hhi_bounds([0.7, 0.34])
    assert str(index.status) == "partial"
    assert index.low == pytest.approx((0.7**2 + 0.34**2) / 1.04**2)
    assert str(hhi_bounds([0.7, 0.305]).status) == "ok"


def test_thin_governance_keeps_its_bounds():
    found = hhi_governance_bounds([0.6, 0.4], governance=[5.0, None])
    assert np.isnan(found.value)
    assert (found.low, found.high) == pytest.approx((1.8, 3.4))
    assert str(found.status) == "partial"
    assert str(hhi_governance_bounds([0.6], governance=[None]).status) == "no_data"
