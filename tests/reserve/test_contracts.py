# SPDX-License-Identifier: Apache-2.0
"""Qualification, the commitment ladder, ceilings and voted money."""

from __future__ import annotations

import pytest

from oreserve.reserve import Actor
from reserve._trade import (
    USD,
    T,
    accept,
    balance,
    contract,
    draft,
    fund,
    qualify,
    refused,
    trade,
    vote,
)

AUDITOR = Actor("aud", frozenset({"auditor"}))


def line(desk, name="C1"):
    """Return the row of ceilings against money of a contract."""
    return desk.reserve.query.one("ceilings_against_money", AUDITOR, contract=name)


def total(desk):
    """Return the row of all ceilings against all money."""
    return desk.reserve.query.one("budget", AUDITOR, budget="all")


# --- Qualification ---------------------------------------------------------------

ORDER = {
    "contract": "C1",
    "grams": T,
    "price_cents_per_t": 40 * USD,
    "schedule": [{"due_on": "2026-03-01", "grams": T}],
}


@pytest.mark.parametrize("status", ["envelope", "plausible", "infeasible", "pending"])
def test_only_a_qualified_producer_gets_an_order(desk, status):
    vote(desk, 10**9)
    contract(desk)
    found = refused(desk, "qualification", "bea", "draft_order", **ORDER)
    assert "never examined; qualified: no producer at present" in found.message
    qualify(desk, status)
    found = refused(desk, "qualification", "bea", "draft_order", **ORDER)
    assert f"it is {status}" in found.message
    qualify(desk)
    draft(desk, ("2026-03-01", T))


def test_refusal_names_who_is_qualified(desk):
    vote(desk, 10**9)
    desk.do("bea", "add_producer", producer="P2", name="Second", country="CAN")
    qualify(desk)
    contract(desk, producer="P2")
    found = refused(desk, "qualification", "bea", "draft_order", **ORDER)
    assert found.allowed == ["P1"]
    assert "qualified: P1" in found.message


def test_qualification_ends_on_its_day(desk):
    trade(desk)
    qualify(desk, until_on="2026-02-01")
    desk.clock.set("2026-02-01")
    _, (delivery,) = fund(desk, ("2026-03-01", T))
    desk.do("sue", "record_delivery", delivery=delivery, grams=T)
    desk.clock.set("2026-02-02")
    found = refused(
        desk,
        "qualification",
        "ian",
        "accept_delivery",
        delivery=delivery,
        accepted_grams=T,
        rejected_grams=0,
        depot="D1",
    )
    assert "ended on 2026-02-01" in found.message
    qualify(desk)
    accept(desk, delivery, T)


# --- The ladder ------------------------------------------------------------------


def test_ladder_goes_up_by_dated_steps(desk):
    vote(desk, 10_000 * USD)
    contract(desk, rung="memorandum", at="2026-01-02", minimum_cents=4_000 * USD)
    # A memorandum is no ceiling: nothing is ordered under it, and it binds nothing.
    found = refused(desk, "ladder", "bea", "draft_order", **ORDER)
    assert "stands at 'memorandum'" in found.message
    assert line(desk)["minimum_cents"] == 0
    found = refused(
        desk, "ladder", "bea", "move_contract", contract="C1", rung="statement"
    )
    assert found.allowed[-1] == "terminate_contract"
    assert "statement" not in found.allowed
    refused(
        desk,
        "dates",
        "bea",
        "move_contract",
        contract="C1",
        rung="conditional",
        at="2026-01-01",
    )
    desk.do("bea", "move_contract", contract="C1", rung="ceiling", at="2026-01-03")
    refused(desk, "ladder", "bea", "move_contract", contract="C1", rung="funded_order")
    refused(desk, "ladder", "bea", "move_contract", contract="C1", rung="handshake")
    desk.do("ann", "guarantee_minimum", contract="C1")
    steps = desk.rows("contract_steps", contract="C1")
    assert [(s["rung"], s["at"]) for s in steps] == [
        ("memorandum", "2026-01-02"),
        ("ceiling", "2026-01-03"),
        ("minimum_guarantee", "2026-01-05"),
    ]


def test_ladder_figures_stand_apart(desk):
    trade(desk, minimum_cents=4_000 * USD, minimum_grams=50 * T)
    assert (line(desk)["minimum_cents"], line(desk)["counted_grams"]) == (0, 0)
    desk.do("ann", "guarantee_minimum", contract="C1")
    assert line(desk)["counted_grams"] == 50 * T
    # 150 t x 40 USD = 6 000 USD, in 100 t and 50 t
    order, (first, second) = fund(desk, ("2026-03-01", 100 * T), ("2026-04-01", 50 * T))
    desk.do("sue", "record_delivery", delivery=first, grams=100 * T)
    accept(desk, first, 90 * T, 10 * T)
    desk.do("sue", "record_delivery", delivery=second, grams=50 * T)
    desk.do("tom", "pay_delivery", delivery=first, cents=600 * USD)
    found = line(desk)
    assert found["ceiling_cents"] == 10_000 * USD
    assert found["minimum_cents"] == 4_000 * USD
    assert found["ordered_cents"] == 6_000 * USD
    assert found["delivered_cents"] == 5_600 * USD  # (90 accepted + 50 waiting) x 40
    assert found["accepted_cents"] == 3_600 * USD  # 90 x 40
    assert found["paid_cents"] == 600 * USD
    assert found["obligated_cents"] == 5_400 * USD  # 6 000 - 600
    assert found["delivered_grams"] == 140 * T
    assert found["accepted_grams"] == 90 * T
    assert found["counted_grams"] == 150 * T
    assert found["rung"] == "accepted"
    assert desk.rows("orders", order_id=order)[0]["status"] == "funded"


@pytest.mark.parametrize("rung", ["statement", "framework", "conditional", "ceiling"])
def test_nothing_below_the_minimum_counts_as_tonnes(desk, rung):
    vote(desk, 10**9)
    contract(desk, rung=rung, minimum_cents=USD, minimum_grams=T, ceiling_grams=9 * T)
    assert line(desk)["counted_grams"] == 0
    assert total(desk)["ceiling_cents"] == (10_000 * USD if rung == "ceiling" else 0)


def test_ceilings_stand_against_voted_money(desk):
    # The shape of the case in the sources: ceilings of 9.3 against 2.0 voted.
    vote(desk, 2_000 * USD)
    contract(desk, "C1", ceiling_cents=6_290 * USD)
    contract(desk, "C2", ceiling_cents=3_010 * USD, minimum_cents=150 * USD)
    contract(desk, "C3", ceiling_cents=999 * USD, rung="statement")
    desk.do("ann", "guarantee_minimum", contract="C2")
    found = total(desk)
    assert found["ceiling_cents"] == 9_300 * USD
    assert found["appropriated_cents"] == 2_000 * USD
    assert found["ceilings_per_appropriation_ratio"] == pytest.approx(4.65)
    assert found["minimum_cents"] == found["obligated_cents"] == 150 * USD
    assert found["unobligated_cents"] == 1_850 * USD
    assert found["ordered_cents"] == found["paid_cents"] == 0


def test_no_voted_money_has_no_ratio(desk):
    contract(desk)
    assert total(desk)["ceilings_per_appropriation_ratio"] is None


# --- The minimum is money --------------------------------------------------------


def test_minimum_needs_money_and_a_second_person(desk):
    vote(desk, 3_000 * USD)
    contract(desk, minimum_cents=4_000 * USD)
    desk.do("ada", "grant_role", user="bea", role="approver")
    refused(desk, "two_persons", "bea", "guarantee_minimum", contract="C1")
    found = refused(desk, "money", "ann", "guarantee_minimum", contract="C1")
    assert "needs 4,000.00 USD; unobligated are 3,000.00 USD" in found.message
    vote(desk, 1_000 * USD, "A2")
    desk.do("ann", "guarantee_minimum", contract="C1")
    assert balance(desk, "unobligated") == 0
    assert balance(desk, "obligated:C1") == 4_000 * USD


def test_orders_use_the_minimum_up_before_they_bind_more(desk):
    trade(desk, minimum_cents=4_000 * USD)
    desk.do("ann", "guarantee_minimum", contract="C1")
    fund(desk, ("2026-03-01", 75 * T))  # 75 x 40 = 3 000 lie within 4 000
    assert balance(desk, "obligated:C1") == 4_000 * USD
    order, _ = fund(desk, ("2026-03-01", 50 * T))  # 2 000 more: 5 000 in all
    assert balance(desk, "obligated:C1") == 5_000 * USD
    desk.do("bea", "cancel_order", order_id=order)
    assert balance(desk, "obligated:C1") == 4_000 * USD


def test_termination_names_its_ground_and_frees_the_minimum(desk):
    trade(desk, minimum_cents=4_000 * USD)
    desk.do("ann", "guarantee_minimum", contract="C1")
    order, _ = fund(desk, ("2026-03-01", T))
    found = refused(
        desk, "open_orders", "max", "terminate_contract", contract="C1", why="fraud"
    )
    assert order in found.message
    desk.do("bea", "cancel_order", order_id=order)
    refused(desk, "arguments", "max", "terminate_contract", contract="C1", why="")
    desk.do("max", "terminate_contract", contract="C1", why="producer insolvent")
    assert balance(desk, "obligated:C1") == 0
    assert balance(desk, "unobligated") == 1_000_000 * USD
    assert line(desk)["is_in_force"] is False
    found = refused(desk, "ended", "bea", "draft_order", **ORDER)
    assert "producer insolvent" in found.message
    refused(desk, "ended", "bea", "move_contract", contract="C1", rung="ceiling")


@pytest.mark.parametrize(
    "terms, rule",
    [
        ({"rule_kind": "floor", "ceiling_price_cents_per_t": 1}, "price_rule"),
        ({"rule_kind": "two_way", "ceiling_price_cents_per_t": None,
          "upside_share": 0.3}, "price_rule"),
        ({"floor_cents_per_t": 101 * USD}, "price_rule"),
        ({"minimum_cents": 10_001 * USD}, "minimum"),
        ({"minimum_grams": T}, "minimum"),
        ({"ceiling_cents": None}, "ceiling"),
        ({"until_on": "2025-12-31"}, "dates"),
        ({"at": "2026-01-06"}, "dates"),
        ({"rung": "paid"}, "ladder"),
        ({"producer": "P9"}, "not_found"),
        ({"series": "NONE"}, "not_found"),
    ],
)  # fmt: skip
def test_contract_that_contradicts_itself_is_refused(desk, terms, rule):
    from oreserve.reserve import Refused

    with pytest.raises(Refused) as found:
        contract(desk, **terms)
    assert found.value.rule == rule, found.value.message
    assert desk.rows("contracts") == []


def test_ceiling_moves_and_never_below_what_is_ordered(desk):
    trade(desk, ceiling_grams=200 * T)
    fund(desk, ("2026-03-01", 100 * T))  # 4 000 USD
    found = refused(
        desk,
        "ceiling",
        "bea",
        "change_contract",
        contract="C1",
        ceiling_cents=3_999 * USD,
    )
    assert found.allowed == f"{4_000 * USD} or more"
    refused(
        desk,
        "ceiling",
        "bea",
        "change_contract",
        contract="C1",
        ceiling_grams=99 * T,
    )
    desk.do("bea", "change_contract", contract="C1", ceiling_cents=4_000 * USD)
    refused(desk, "nothing", "bea", "change_contract", contract="C1")


# --- Voted money that ends --------------------------------------------------------


def test_ended_money_binds_nothing_more(desk):
    # 100 until March, 50 without end; 60 promised in time fall on the first.
    vote(desk, 100 * USD, "A1", until_on="2026-03-31")
    vote(desk, 50 * USD, "A2")
    qualify(desk)
    contract(desk)
    fund(desk, ("2026-03-01", T), price=60 * USD)
    desk.clock.set("2026-04-01")
    made = draft(desk, ("2026-05-01", T), price=50 * USD)
    desk.do("ann", "approve_order", order_id=made["order_id"])
    key = {"order_id": made["order_id"]}
    found = refused(desk, "money_lapsed", "tom", "fund_order", **key)
    assert "lapse_appropriation 'A1'" in found.allowed
    lapsed = desk.do("tom", "lapse_appropriation", appropriation="A1")
    assert lapsed["lapsed_cents"] == 40 * USD
    assert balance(desk, "unobligated") == 50 * USD
    desk.do("tom", "fund_order", **key)
    assert balance(desk, "unobligated") == 0
    # Cash covers what is promised: 60 + 50.
    assert balance(desk, "cash") == 110 * USD
    refused(desk, "done", "tom", "lapse_appropriation", appropriation="A1")
    refused(desk, "dates", "tom", "lapse_appropriation", appropriation="A2")
    assert total(desk)["lapsed_cents"] == 40 * USD
    assert desk.reserve.verify().ok


def test_appropriation_is_entered_once_and_in_time(desk):
    vote(desk, USD)
    refused(
        desk, "exists", "max", "appropriate", appropriation="A1", title="x", cents=1
    )
    refused(
        desk,
        "dates",
        "max",
        "appropriate",
        appropriation="A2",
        title="x",
        cents=1,
        until_on="2026-01-04",
    )
