# SPDX-License-Identifier: Apache-2.0
"""Price rules and their settlement, against published contracts."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from oreserve.contracts import (
    RUNGS,
    PriceRule,
    commitment_share,
    settle_quarters,
    settlement_usd,
)
from oreserve.errors import InputError

PRICES = st.floats(0, 1e7)
TONNES = st.floats(0, 1e6)


def two_way(**changes: float) -> PriceRule:
    """Return the rule of the Japanese purchase agreement of March 2026."""
    fields = {
        "floor_usd_per_t": 110_000.0,
        "upside_share": 0.3,
        "upside_from_usd_per_t": 150_000.0,
        "annual_cap_usd": 10e6,
    }
    return PriceRule("two_way", **{**fields, **changes})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "rule, index, tonnes, expected",
    [
        # (110 - 60) USD/kg x 1,000,000 kg
        (PriceRule("floor", floor_usd_per_t=110_000), 60_000, 1_000, 50.0e6),
        # 30 % of 30 USD/kg x 1,000,000 kg comes back
        (
            PriceRule("two_way", floor_usd_per_t=110_000, upside_share=0.3),
            140_000,
            1_000,
            -9.0e6,
        ),
        # 30 % x 10 USD/kg x 5,000,000 kg = 15 million, capped at 10
        (two_way(), 160_000, 5_000, -10.0e6),
        # cobalt, cost 25 and market 20 USD/lb: 5 USD/lb
        (PriceRule("floor", floor_usd_per_t=25), 20, 1, 5.0),
        (PriceRule("fixed", fixed_usd_per_t=100), 120, 10, -200.0),
        (PriceRule("fixed", fixed_usd_per_t=100), 90, 10, 100.0),
        (PriceRule("indexed"), 90, 10, 0.0),
        (PriceRule("collar", floor_usd_per_t=80, ceiling_usd_per_t=100), 70, 2, 20.0),
        (PriceRule("collar", floor_usd_per_t=80, ceiling_usd_per_t=100), 130, 2, -60.0),
        (PriceRule("collar", floor_usd_per_t=80, ceiling_usd_per_t=100), 90, 2, 0.0),
    ],
)
def test_settlement_matches_the_contract(
    rule: PriceRule, index: float, tonnes: float, expected: float
) -> None:
    paid = settlement_usd(rule, index_usd_per_t=index, quantity_t=tonnes)
    assert paid == pytest.approx(expected, abs=1e-6)


def test_cap_counts_what_was_returned_earlier_in_the_year() -> None:
    arguments = {"index_usd_per_t": 160_000.0, "quantity_t": 5_000.0}
    assert settlement_usd(two_way(), **arguments, returned_this_year_usd=4e6) == -6e6
    assert settlement_usd(two_way(), **arguments, returned_this_year_usd=12e6) == 0


@pytest.mark.parametrize(
    "fields, said",
    [
        ({"kind": "flor", "floor_usd_per_t": 1}, "nearest: 'floor'"),
        ({"kind": "floor"}, "floor_usd_per_t is needed"),
        ({"kind": "collar", "floor_usd_per_t": 1}, "ceiling_usd_per_t is needed"),
        ({"kind": "two_way", "upside_share": 0.3}, "floor_usd_per_t or upside_from"),
        ({"kind": "two_way", "floor_usd_per_t": 1, "upside_share": 30}, "not percent"),
        ({"kind": "floor", "floor_usd_per_t": 1, "ceiling_usd_per_t": 2}, "not read"),
        ({"kind": "indexed", "fixed_usd_per_t": 1}, "no price field"),
        ({"kind": "floor", "floor_usd_per_t": math.nan}, "must be a number"),
        ({"kind": "floor", "floor_usd_per_t": -1}, "must be a number of 0 or more"),
        ({"kind": "floor", "floor_usd_per_t": True}, "must be a number"),
        (
            {"kind": "collar", "floor_usd_per_t": 3, "ceiling_usd_per_t": 2},
            "lies below floor",
        ),
        (
            {
                "kind": "two_way",
                "floor_usd_per_t": 3,
                "upside_share": 0.1,
                "upside_from_usd_per_t": 2,
            },
            "lies below floor",
        ),
    ],
)
def test_wrong_rule_is_refused_with_what_is_allowed(
    fields: dict[str, object], said: str
) -> None:
    with pytest.raises(InputError, match=said):
        PriceRule(**fields)  # type: ignore[arg-type]


def test_all_problems_of_a_rule_come_at_once() -> None:
    with pytest.raises(InputError) as caught:
        PriceRule("collar", floor_usd_per_t=-1, upside_share=2)
    for said in ("ceiling_usd_per_t is needed", "floor_usd_per_t -1", "upside_share"):
        assert said in str(caught.value)


@pytest.mark.parametrize("index", [math.nan, math.inf, -1.0, None])
def test_missing_index_stops_the_settlement(index: float) -> None:
    rule = PriceRule("floor", floor_usd_per_t=1)
    with pytest.raises(InputError, match="index_usd_per_t"):
        settlement_usd(rule, index_usd_per_t=index, quantity_t=1)


@given(index=PRICES, tonnes=TONNES, floor=PRICES)
def test_floor_never_costs_the_producer(
    index: float, tonnes: float, floor: float
) -> None:
    rule = PriceRule("floor", floor_usd_per_t=floor)
    paid = settlement_usd(rule, index_usd_per_t=index, quantity_t=tonnes)
    assert paid >= 0
    assert paid + index * tonnes >= floor * tonnes * (1 - 1e-12)


@given(
    index=PRICES,
    tonnes=TONNES,
    floor=PRICES,
    room=PRICES,
    share=st.floats(0, 1),
    cap=st.floats(0, 1e9),
    before=st.floats(0, 1e9),
)
def test_returns_of_a_year_stay_within_the_cap(
    index: float,
    tonnes: float,
    floor: float,
    room: float,
    share: float,
    cap: float,
    before: float,
) -> None:
    rule = PriceRule(
        "two_way",
        floor_usd_per_t=floor,
        upside_share=share,
        upside_from_usd_per_t=floor + room,
        annual_cap_usd=cap,
    )
    paid = settlement_usd(
        rule,
        index_usd_per_t=index,
        quantity_t=tonnes,
        returned_this_year_usd=before,
    )
    assert before - min(paid, 0.0) <= max(cap, before) * (1 + 1e-12)


@given(index=PRICES, tonnes=TONNES, floor=PRICES)
def test_collar_without_width_is_a_fixed_price(
    index: float, tonnes: float, floor: float
) -> None:
    collar = PriceRule("collar", floor_usd_per_t=floor, ceiling_usd_per_t=floor)
    fixed = PriceRule("fixed", fixed_usd_per_t=floor)
    arguments = {"index_usd_per_t": index, "quantity_t": tonnes}
    assert settlement_usd(collar, **arguments) == settlement_usd(fixed, **arguments)


def test_quarters_share_the_yearly_cap_and_split_by_designation() -> None:
    tonnes = {"third party": 2_000.0, "stockpile": 500.0}
    quarters = {"2026-Q3": tonnes, "2026-Q4": tonnes, "2027-Q1": tonnes}
    rows = settle_quarters(
        two_way(),
        index_usd_per_t=dict.fromkeys(quarters, 160_000.0),
        quantity_t=quarters,
    )
    # 30 % x 10,000 USD/t x 2,500 t = 7.5 million a quarter, 10 million a year
    assert [row.paid_usd for row in rows] == [-7.5e6, -2.5e6, -7.5e6]
    assert [row.returned_this_year_usd for row in rows] == [7.5e6, 10e6, 7.5e6]
    assert rows[0].by_designation_usd == (("stockpile", -1.5e6), ("third party", -6e6))


def test_quarter_without_index_is_named() -> None:
    rule = PriceRule("floor", floor_usd_per_t=110_000, index="NdPr oxide")
    with pytest.raises(InputError, match=r"NdPr oxide.*2026-Q2.*settled up to 2026-Q1"):
        settle_quarters(
            rule,
            index_usd_per_t={"2026-Q1": 90_000, "2026-Q2": None},
            quantity_t={"2026-Q1": {"all": 1}, "2026-Q2": {"all": 1}},
        )


def test_misnamed_quarter_is_refused() -> None:
    with pytest.raises(InputError, match="2026-Q1"):
        settle_quarters(
            PriceRule("indexed"), index_usd_per_t={}, quantity_t={"Q1 2026": {"all": 1}}
        )


def test_ladder_counts_from_the_minimum_guarantee() -> None:
    counted = [rung for rung in RUNGS if commitment_share(rung) == 1]
    assert counted == [
        "minimum_guarantee",
        "funded_order",
        "delivered",
        "accepted",
        "paid",
    ]
    with pytest.raises(InputError, match="nearest: 'ceiling'"):
        commitment_share("cieling")
