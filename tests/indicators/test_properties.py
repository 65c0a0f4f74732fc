# SPDX-License-Identifier: Apache-2.0
"""What must hold for any numbers."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from oreserve.indicators import (
    eu_supply_risk,
    geopolrisk,
    hhi,
    hhi_bounds,
    hhi_governance,
    hhi_governance_bounds,
    hhi_normalised,
    n_minus_1_cover,
    net_import_reliance,
    propagate,
    rounded,
    single_points_of_failure,
    top_share,
    usgs_disruption_potential,
    usgs_supply_risk,
)

tonnes = st.floats(min_value=1e-3, max_value=1e6)
amounts = st.lists(tonnes, min_size=1, max_size=12)
unit = st.floats(min_value=0.0, max_value=1.0)


def shares_of(values):
    array = np.array(values)
    return array / array.sum()


@given(amounts, st.randoms())
def test_row_order_changes_no_bit(values, random):
    shares = shares_of(values)
    order = list(range(len(values)))
    random.shuffle(order)
    governance = np.linspace(0, 10, len(values))
    assert hhi(shares) == hhi(shares[order])
    assert top_share(shares) == top_share(shares[order])
    assert hhi_normalised(shares) == hhi_normalised(shares[order])
    assert hhi_governance(shares, governance=governance) == hhi_governance(
        shares[order], governance=governance[order]
    )


@given(amounts, st.randoms(), st.data())
def test_partner_order_changes_no_bit(values, random, data):
    governance = data.draw(
        st.lists(unit, min_size=len(values), max_size=len(values)), label="governance"
    )
    order = list(range(len(values)))
    random.shuffle(order)

    def score(rows):
        return geopolrisk(
            hhi=0.3,
            imports_by_partner=[values[i] for i in rows],
            governance_by_partner=[governance[i] for i in rows],
            domestic_production=5.0,
            price_usd_per_kg=1.0,
        ).score

    assert score(range(len(values))) == score(order)


@given(amounts)
def test_concentration_lies_between_equal_shares_and_one_supplier(values):
    shares = shares_of(values)
    index = hhi(shares)
    assert 1 / len(values) - 1e-12 <= index <= 1 + 1e-12
    assert 0 <= hhi_normalised(shares) <= 1 + 1e-12
    assert index <= top_share(shares, n=1) + 1e-12


@given(st.lists(tonnes, min_size=2, max_size=12), st.data())
def test_merging_two_countries_never_lowers_concentration(values, data):
    shares = shares_of(values)
    pairs = st.lists(
        st.integers(0, len(values) - 1), min_size=2, max_size=2, unique=True
    )
    first, second = data.draw(pairs)
    merged = np.delete(shares, second)
    merged[first - (second < first)] += shares[second]
    assert hhi(merged) >= hhi(shares)
    bounds = hhi_bounds(np.delete(shares, second))
    assert bounds.low - 1e-12 <= hhi(shares) <= bounds.high + 1e-12


@given(tonnes, tonnes, tonnes, st.floats(0, 1e6), st.floats(-100, 100))
def test_more_domestic_output_never_raises_import_reliance(p, i, e, more, stock):
    def reliance(output):
        return net_import_reliance(
            production=output, imports=i, exports=e, stock_change=stock
        )

    before, after = reliance(p), reliance(p + more)
    if np.isnan(before):  # more sold than there was: nothing is said
        assert e > p + i
        return
    assert 0 <= after <= before <= 1


@given(tonnes, tonnes, tonnes, st.floats(1e-3, 1e3), amounts)
def test_units_of_tonnes_and_money_cancel(p, i, e, factor, values):
    assert net_import_reliance(
        production=p * factor, imports=i * factor, exports=e * factor
    ) == pytest.approx(
        net_import_reliance(production=p, imports=i, exports=e), abs=1e-9, nan_ok=True
    )
    cover = n_minus_1_cover(supply=values, demand=i, level="plant").cover
    scaled = np.array(values) * factor
    other = n_minus_1_cover(supply=scaled, demand=i * factor, level="plant").cover
    assert other == pytest.approx(cover, rel=1e-9, abs=1e-9)

    def risk(scale):
        return geopolrisk(
            hhi=0.5,
            imports_by_partner=np.array(values) * scale,
            governance_by_partner=np.linspace(0, 1, len(values)),
            domestic_production=p * scale,
            price_usd_per_kg=2.0,
        ).score

    assert risk(factor) == pytest.approx(risk(1.0), rel=1e-9, abs=1e-12)


@given(unit, amounts, st.floats(0, 1e6), st.floats(0, 1e6), st.data())
def test_geopolrisk_is_bounded_and_falls_with_own_output(index, values, p, more, data):
    governance = data.draw(
        st.lists(unit | st.none(), min_size=len(values), max_size=len(values))
    )

    def found(output):
        return geopolrisk(
            hhi=index,
            imports_by_partner=values,
            governance_by_partner=governance,
            domestic_production=output,
            price_usd_per_kg=1.0,
            minimum_coverage=0.0,
        )

    first, second = found(p), found(p + more)
    if all(g is None for g in governance):
        assert math.isnan(first.score)
        return
    assert 0 <= first.score_low <= first.score + 1e-12
    assert first.score <= first.score_high + 1e-12 <= index + 2e-12
    assert second.score <= first.score + 1e-12


scores = st.floats(0, 10)


@given(scores, scores, unit, unit, unit)
def test_supply_risk_lies_between_its_two_sources(world, home, reliance, rate, index):
    def risk(rule):
        return eu_supply_risk(
            hhi_global=world,
            hhi_home=home,
            import_reliance=reliance,
            eol_recycling_input_rate=rate,
            substitution=index,
            rule=rule,
        )

    ends = sorted([risk("global"), risk("home")])
    assert ends[0] - 1e-9 <= risk("global+home") <= ends[1] + 1e-9


@given(scores, scores, unit, unit, unit, st.data())
def test_the_interval_holds_what_rounds_to_the_inputs(
    world, home, reliance, rate, index, data
):
    exact = (world, home, rate, index)
    inputs = {
        "hhi_global": rounded(round(world, 1), step=0.1, low=0.0),
        "hhi_home": rounded(round(home, 1), step=0.1, low=0.0),
        "eol_recycling_input_rate": rounded(round(rate, 2), step=0.01, low=0, high=1),
        "substitution": rounded(round(index, 1), step=0.1, low=0, high=1),
    }

    def formula(**known):
        return eu_supply_risk(rule="global+home", import_reliance=reliance, **known)

    risk = propagate(formula, **inputs)
    truth = formula(**dict(zip(inputs, exact, strict=True)))
    assert risk.low - 1e-9 <= truth <= risk.high + 1e-9
    assert risk.low <= risk.value <= risk.high


@given(st.lists(tonnes, min_size=1, max_size=8), tonnes)
def test_losing_an_owner_is_never_better_than_losing_a_plant(values, demand):
    owners = ["first", "second"] * len(values)
    plants = n_minus_1_cover(supply=values, demand=demand, level="plant")
    joint = n_minus_1_cover(
        supply=values,
        demand=demand,
        level="owner",
        suppliers=owners[: len(values)],
    )
    assert joint.cover <= plants.cover + 1e-9
    assert plants.cover <= plants.cover_before


@given(st.lists(tonnes, min_size=1, max_size=8), tonnes, st.floats(0.01, 1))
def test_a_single_point_is_one_whose_loss_breaks_the_limit(values, demand, needed):
    found = single_points_of_failure(
        supply=values, demand=demand, level="plant", cover_needed=needed
    )
    served = min(sum(values), demand)
    for i, own in enumerate(values):
        left = min(sum(values) - own, demand) / served
        if abs(left - needed) > 1e-6:
            assert bool(found.is_single_point[i]) == (left < needed)


@given(amounts, st.data())
def test_disruption_potential_is_bounded_by_concentration(values, data):
    shares = shares_of(values)
    lists = st.lists(unit, min_size=len(values), max_size=len(values))
    potential = usgs_disruption_potential(
        shares=shares, ability=data.draw(lists), willingness=data.draw(lists)
    )
    assert 0 <= potential <= hhi(shares) + 1e-12
    risk = usgs_supply_risk(
        disruption_potential=potential, trade_exposure=1.0, economic_vulnerability=1.0
    )
    assert risk == pytest.approx(potential ** (1 / 3))


@given(amounts, st.floats(0.6, 1.0), st.data())
def test_bounds_of_weighted_concentration_hold_any_completion(values, listed, data):
    shares = shares_of(values) * listed
    lists = st.lists(scores | st.none(), min_size=len(values), max_size=len(values))
    governance = data.draw(lists)
    bounds = hhi_governance_bounds(shares, governance=governance, minimum_coverage=0)
    if math.isnan(bounds.value):
        return
    filled = [data.draw(scores) if g is None else g for g in governance]
    rest = data.draw(scores)
    complete = hhi_governance([*shares, 1 - shares.sum()], governance=[*filled, rest])
    assert bounds.low - 1e-9 <= complete <= bounds.high + 1e-9


def test_arrays_give_the_same_numbers_as_one_cell_at_a_time():
    rng = np.random.default_rng(5)
    shares = rng.dirichlet(np.ones(6), size=(3, 2, 4))
    whole = hhi(shares)
    assert whole.shape == (3, 2, 4)
    assert whole[1, 1, 2] == hhi(shares[1, 1, 2])
    governance = rng.uniform(0, 10, size=6)
    weighted = hhi_governance(shares, governance=governance)
    assert weighted[2, 0, 3] == hhi_governance(shares[2, 0, 3], governance=governance)
    reliance = net_import_reliance(
        production=np.arange(3.0)[:, None], imports=np.ones(4), exports=0.0
    )
    assert reliance.shape == (3, 4)
    assert reliance[2, 3] == pytest.approx(1 / 3)
    rules = np.array(["global+home", "global", "home"])
    risk = eu_supply_risk(
        hhi_global=2.0,
        hhi_home=1.0,
        import_reliance=1.0,
        eol_recycling_input_rate=0.0,
        substitution=1.0,
        rule=rules,
    )
    assert risk.tolist() == [1.5, 2.0, 1.0]
