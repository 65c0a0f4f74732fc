# SPDX-License-Identifier: Apache-2.0
"""Orders and deliveries, each amount computed by hand."""

from __future__ import annotations

import pytest

from oreserve.reserve import Actor
from reserve._trade import (
    USD,
    T,
    accept,
    balance,
    by_two,
    contract,
    draft,
    fund,
    grams,
    qualify,
    refused,
    trade,
    vote,
)

AUDITOR = Actor("aud", frozenset({"auditor"}))


def deliver(desk, delivery, mass, on=None):
    more = {} if on is None else {"delivered_on": on}
    return desk.do("sue", "record_delivery", delivery=delivery, grams=mass, **more)


def due(desk, order):
    """Return what an order still waits for: (day, grams)."""
    rows = desk.rows("deliveries", order_id=order, status="due")
    return [(row["due_on"], row["grams"]) for row in rows]


# --- From draft to payment --------------------------------------------------------


def test_order_is_delivered_accepted_and_paid(desk):
    trade(desk)
    # 3 t x 40.01 USD = 120.03 USD
    order, (delivery,) = fund(desk, ("2026-03-01", 3 * T), price=4_001)
    assert balance(desk, "obligated:C1") == 12_003
    assert balance(desk, "unobligated") == 1_000_000 * USD - 12_003
    deliver(desk, delivery, 3 * T)
    assert grams(desk, "inspection") == 3 * T
    lot = accept(desk, delivery, 3 * T)["lot"]
    row = desk.row("lots", lot=lot)
    assert (row["grams"], row["cost_cents"]) == (3 * T, 12_003)
    assert (row["contract"], row["producer"], row["owner"]) == (
        "C1",
        "P1",
        "industrial",
    )
    assert grams(desk, "inspection") == 0
    assert grams(desk, "depot:D1") == 3 * T
    assert grams(desk, "supplier:P1") == -3 * T
    assert balance(desk, "inventory:cobalt") == 12_003
    assert balance(desk, "payable:C1") == -12_003
    desk.do("tom", "pay_delivery", delivery=delivery, cents=12_003)
    assert balance(desk, "payable:C1") == 0
    assert balance(desk, "obligated:C1") == 0
    assert balance(desk, "cash") == 1_000_000 * USD - 12_003
    desk.do("bea", "close_order", order_id=order)
    rungs = [s["rung"] for s in desk.rows("contract_steps", contract="C1")]
    assert rungs == ["ceiling", "funded_order", "delivered", "accepted", "paid"]
    assert desk.reserve.verify().ok


def test_order_needs_a_second_person(desk):
    trade(desk)
    order = draft(desk, ("2026-03-01", T))["order_id"]
    found = refused(desk, "two_persons", "tom", "fund_order", order_id=order)
    assert "nobody else has approved it" in found.message
    desk.do("ada", "grant_role", user="bea", role="approver")
    refused(desk, "two_persons", "bea", "approve_order", order_id=order)
    refused(desk, "role", "tom", "approve_order", order_id=order)
    desk.do("ann", "approve_order", order_id=order)
    desk.do("tom", "fund_order", order_id=order)
    refused(desk, "status", "tom", "fund_order", order_id=order)


def test_refused_draft_is_at_its_end(desk):
    trade(desk)
    order = draft(desk, ("2026-03-01", T))["order_id"]
    desk.do("ann", "approve_order", order_id=order, decision="refuse")
    refused(desk, "status", "tom", "fund_order", order_id=order)
    assert due(desk, order) == []


def test_draft_binds_nothing(desk):
    trade(desk)
    order = draft(desk, ("2026-03-01", T))["order_id"]
    assert balance(desk, "obligated:C1") == 0
    row = desk.reserve.query.one("ceilings_against_money", AUDITOR, contract="C1")
    assert (row["ordered_cents"], row["ordered_grams"]) == (0, 0)
    (delivery,) = desk.rows("deliveries", order_id=order)
    refused(
        desk,
        "status",
        "sue",
        "record_delivery",
        delivery=delivery["delivery"],
        grams=T,
    )


def test_money_runs_out(desk):
    vote(desk, 100 * USD)
    qualify(desk)
    contract(desk)
    fund(desk, ("2026-03-01", 2 * T))  # 80 of 100 USD
    order = draft(desk, ("2026-03-01", T))["order_id"]
    desk.do("ann", "approve_order", order_id=order)
    found = refused(desk, "money", "tom", "fund_order", order_id=order)
    assert "needs 40.00 USD; unobligated are 20.00 USD" in found.message
    assert desk.row("orders", order_id=order)["status"] == "draft"


def test_ceilings_bound_orders_in_money_and_in_grams(desk):
    trade(desk, ceiling_cents=100 * USD, ceiling_grams=3 * T)
    fund(desk, ("2026-03-01", 2 * T))  # 80 of 100 USD, 2 of 3 t
    order = draft(desk, ("2026-03-01", 2 * T), price=10 * USD)["order_id"]
    desk.do("ann", "approve_order", order_id=order)
    found = refused(desk, "ceiling", "tom", "fund_order", order_id=order)
    assert found.allowed == {"grams": T}  # 1 t by mass; by money 20 / 10 = 2 t
    order = draft(desk, ("2026-03-01", T))["order_id"]
    desk.do("ann", "approve_order", order_id=order)
    found = refused(desk, "ceiling", "tom", "fund_order", order_id=order)
    assert found.allowed == {"grams": T // 2}  # 20 USD at 40 USD/t
    assert "by 20.00 USD" in found.message


@pytest.mark.parametrize(
    "change, rule",
    [
        ({"grams": 2 * T}, "schedule"),
        ({"price_cents_per_t": 9 * USD}, "price_rule"),
        ({"price_cents_per_t": 101 * USD}, "price_rule"),
        ({"schedule": [{"due_on": "2026-01-04", "grams": T}]}, "dates"),
        ({"schedule": [{"due_on": "2028-01-03", "grams": T}]}, "dates"),
        ({"contract": "C9"}, "not_found"),
        ({"schedule": []}, "arguments"),
    ],
)
def test_order_that_contradicts_its_contract_is_refused(desk, change, rule):
    trade(desk)
    values = {
        "contract": "C1",
        "grams": T,
        "price_cents_per_t": 40 * USD,
        "schedule": [{"due_on": "2026-03-01", "grams": T}],
    }
    refused(desk, rule, "bea", "draft_order", **{**values, **change})
    assert desk.rows("orders") == []


def test_fixed_price_is_the_contract_price(desk):
    trade(
        desk,
        rule_kind="fixed",
        floor_cents_per_t=None,
        ceiling_price_cents_per_t=None,
        fixed_cents_per_t=40 * USD,
    )
    draft(desk, ("2026-03-01", T), price=40 * USD)
    found = refused(
        desk,
        "price_rule",
        "bea",
        "draft_order",
        contract="C1",
        grams=T,
        price_cents_per_t=40 * USD + 1,
        schedule=[{"due_on": "2026-03-01", "grams": T}],
    )
    assert found.allowed == "4000 cents per t"


# --- Short, late, over, rejected --------------------------------------------------


def test_late_delivery_costs_a_penalty_after_the_grace_days(desk):
    trade(desk, grace_days=5, late_share_per_day=0.001)
    _, (first, second) = fund(desk, ("2026-02-01", 10 * T), ("2026-02-01", 10 * T))
    desk.clock.set("2026-02-20")
    assert deliver(desk, first, 10 * T, on="2026-02-06")["late_days"] == 0
    # 12 days late less 5 of grace = 7 days; 10 t x 40 USD x 0.001 x 7 = 2.80 USD
    assert deliver(desk, second, 10 * T, on="2026-02-13")["late_days"] == 7
    assert accept(desk, first, 10 * T)["amount_cents"] == 400 * USD
    found = accept(desk, second, 10 * T)
    assert (found["gross_cents"], found["penalty_cents"]) == (400 * USD, 280)
    assert found["amount_cents"] == 39_720
    # What the penalty saves is free again: 800 - 2.80
    assert balance(desk, "obligated:C1") == 79_720
    assert balance(desk, "payable:C1") == -79_720
    assert balance(desk, "inventory:cobalt") == 79_720


def test_penalty_rounds_half_to_even(desk):
    trade(desk, late_share_per_day=0.005)
    _, (delivery,) = fund(desk, ("2026-02-01", T), price=4_100)
    desk.clock.set("2026-02-20")
    deliver(desk, delivery, T, on="2026-02-02")
    # 4 100 cents x 0.005 x 1 day = 20.5 cents -> 20
    assert accept(desk, delivery, T)["penalty_cents"] == 20


def test_penalty_never_exceeds_the_value(desk):
    trade(desk, late_share_per_day=1.0)
    order, (delivery,) = fund(desk, ("2026-02-01", T))
    desk.clock.set("2026-03-01")
    deliver(desk, delivery, T)
    found = accept(desk, delivery, T)
    assert (found["penalty_cents"], found["amount_cents"]) == (40 * USD, 0)
    # Nothing to pay is paid: the order can be closed.
    desk.do("bea", "close_order", order_id=order)


def test_short_delivery_is_due_again_and_keeps_its_day(desk):
    trade(desk, late_share_per_day=0.01)
    order, (delivery,) = fund(desk, ("2026-02-01", 10 * T))
    again = deliver(desk, delivery, 6 * T)["due_again"]
    assert due(desk, order) == [("2026-02-01", 4 * T)]
    accept(desk, delivery, 6 * T)
    desk.clock.set("2026-02-03")
    deliver(desk, again, 4 * T)
    # 4 t x 40 USD x 0.01 x 2 days = 3.20 USD
    found = accept(desk, again, 4 * T)
    assert (found["penalty_cents"], found["amount_cents"]) == (320, 15_680)
    assert due(desk, order) == []


def test_agreed_day_is_no_longer_late(desk):
    trade(desk, late_share_per_day=0.01)
    _, (delivery,) = fund(desk, ("2026-02-01", T))
    by_two(
        desk, "bea", "max", "schedule_delivery", delivery=delivery, due_on="2026-03-01"
    )
    desk.clock.set("2026-02-20")
    assert deliver(desk, delivery, T)["late_days"] == 0
    refused(
        desk,
        "status",
        "bea",
        "schedule_delivery",
        delivery=delivery,
        due_on="2026-03-02",
    )


def test_over_delivery_within_the_tolerance_binds_more(desk):
    trade(desk, over_delivery_share=0.05)
    order, (delivery,) = fund(desk, ("2026-02-01", 100 * T))
    found = refused(
        desk,
        "over_delivery",
        "sue",
        "record_delivery",
        delivery=delivery,
        grams=105 * T + 1,
    )
    assert found.allowed == {"grams": 105 * T}
    deliver(desk, delivery, 105 * T)
    assert balance(desk, "obligated:C1") == 4_000 * USD
    assert accept(desk, delivery, 105 * T)["amount_cents"] == 4_200 * USD
    assert balance(desk, "obligated:C1") == 4_200 * USD
    assert desk.row("orders", order_id=order)["grams"] == 105 * T


def test_over_delivery_is_taken_from_what_is_due_last(desk):
    trade(desk, over_delivery_share=0.1)
    parts = [("2026-02-01", 100 * T), ("2026-03-01", 5 * T), ("2026-04-01", 8 * T)]
    order, (first, _, _) = fund(desk, *parts)
    deliver(desk, first, 110 * T)
    # 10 t too many: the 8 t of April and 2 of the 5 t of March
    assert due(desk, order) == [("2026-03-01", 3 * T)]
    accept(desk, first, 100 * T, 10 * T)
    # 10 t went back: they are due again on the day of the delivery
    assert sorted(due(desk, order)) == [("2026-02-01", 10 * T), ("2026-03-01", 3 * T)]
    assert balance(desk, "obligated:C1") == 4_520 * USD  # 113 t x 40, as ordered


def test_over_delivery_stops_at_ceiling_and_money(desk):
    trade(desk, over_delivery_share=0.05, ceiling_cents=4_100 * USD)
    _, (delivery,) = fund(desk, ("2026-02-01", 100 * T))
    deliver(desk, delivery, 105 * T)
    values = {"delivery": delivery, "depot": "D1"}
    refused(
        desk,
        "ceiling",
        "ian",
        "accept_delivery",
        **values,
        accepted_grams=105 * T,
        rejected_grams=0,
    )
    # 4 100 / 40 = 102.5 t fit; the rest goes back
    accept(desk, delivery, 102_500_000, 2_500_000)
    assert balance(desk, "obligated:C1") == 4_100 * USD


def test_rejected_grams_go_back_and_are_due_again(desk):
    trade(desk)
    order, (delivery,) = fund(desk, ("2026-02-01", 10 * T))
    deliver(desk, delivery, 10 * T)
    found = refused(
        desk,
        "mass",
        "ian",
        "accept_delivery",
        delivery=delivery,
        accepted_grams=7 * T,
        rejected_grams=2 * T,
        depot="D1",
    )
    assert "brought 10000000 g" in found.message
    assert accept(desk, delivery, 7 * T, 3 * T)["amount_cents"] == 280 * USD
    assert grams(desk, "supplier:P1") == -7 * T
    assert grams(desk, "depot:D1") == 7 * T
    assert grams(desk, "inspection") == 0
    assert due(desk, order) == [("2026-02-01", 3 * T)]


def test_wholly_rejected_delivery_owes_nothing(desk):
    trade(desk)
    order, (delivery,) = fund(desk, ("2026-02-01", T))
    deliver(desk, delivery, T)
    found = accept(desk, delivery, 0, T)
    assert (found["lot"], found["amount_cents"]) == (None, 0)
    assert desk.row("deliveries", delivery=delivery)["status"] == "rejected"
    assert desk.rows("lots") == []
    assert grams(desk, "supplier:P1") == 0
    assert due(desk, order) == [("2026-02-01", T)]
    assert desk.reserve.verify().ok


def test_parts_sum_to_the_order_to_the_cent(desk):
    trade(desk)
    third = 333_333
    # 1 t at 10.01 USD in three thirds: 1 001 - 667.33 -> 334, then 667 - 333.67 -> 333
    # and what is left, 334
    order, parts = fund(
        desk,
        ("2026-02-01", third),
        ("2026-02-02", third),
        ("2026-02-03", T - 2 * third),
        price=1_001,
    )
    amounts = []
    for delivery, mass in zip(parts, (third, third, T - 2 * third), strict=True):
        deliver(desk, delivery, mass)
        amounts.append(accept(desk, delivery, mass)["amount_cents"])
    assert amounts == [334, 333, 334]
    assert sum(amounts) == desk.row("orders", order_id=order)["amount_cents"] == 1_001


# --- Payment ----------------------------------------------------------------------


def ready_to_pay(desk):
    """Bring 1 t to acceptance: 40 USD payable."""
    trade(desk)
    order, (delivery,) = fund(desk, ("2026-02-01", T))
    deliver(desk, delivery, T)
    accept(desk, delivery, T)
    return order, delivery


def test_payment_in_parts_never_exceeds_what_is_payable(desk):
    order, delivery = ready_to_pay(desk)
    pay = {"delivery": delivery}
    desk.do("tom", "pay_delivery", **pay, cents=1_500)
    assert desk.row("deliveries", delivery=delivery)["status"] == "accepted"
    found = refused(desk, "payable", "tom", "pay_delivery", **pay, cents=2_501)
    assert found.allowed == {"cents": 2_500}
    refused(desk, "open_deliveries", "bea", "close_order", order_id=order)
    desk.do("tom", "pay_delivery", **pay, cents=2_500)
    assert desk.row("deliveries", delivery=delivery)["status"] == "paid"
    refused(desk, "status", "tom", "pay_delivery", **pay, cents=1)
    assert [row["cents"] for row in desk.rows("payments")] == [1_500, 2_500]
    statement = desk.reserve.query.rows("contract_statement", AUDITOR)
    (row,) = statement
    assert (row["amount_cents"], row["paid_cents"], row["open_cents"]) == (
        4_000,
        4_000,
        0,
    )


def test_who_accepts_does_not_pay(desk):
    _, delivery = ready_to_pay(desk)
    desk.do("ada", "grant_role", user="ian", role="treasurer")
    found = refused(
        desk, "two_persons", "ian", "pay_delivery", delivery=delivery, cents=1
    )
    assert "ian accepted delivery" in found.message
    desk.do("tom", "pay_delivery", delivery=delivery, cents=1)


def test_payment_is_taken_back(desk):
    _, delivery = ready_to_pay(desk)
    desk.do("tom", "pay_delivery", delivery=delivery, cents=4_000)
    (txn,) = desk.rows("transactions", kind="pay_delivery")
    desk.do("max", "reverse", txn=txn["txn"])
    row = desk.row("deliveries", delivery=delivery)
    assert (row["status"], row["paid_cents"]) == ("accepted", 0)
    assert balance(desk, "payable:C1") == -4_000
    assert balance(desk, "obligated:C1") == 4_000
    desk.do("tom", "pay_delivery", delivery=delivery, cents=4_000)
    assert balance(desk, "cash") == 1_000_000 * USD - 4_000
    assert desk.reserve.verify().ok


# --- Calling off and closing ------------------------------------------------------


def test_calling_off_frees_the_rest(desk):
    trade(desk)
    order, (first, _) = fund(desk, ("2026-02-01", 2 * T), ("2026-03-01", 3 * T))
    deliver(desk, first, 2 * T)
    found = refused(desk, "open_deliveries", "bea", "cancel_order", order_id=order)
    assert first in found.message
    accept(desk, first, 2 * T)
    done = desk.do("bea", "cancel_order", order_id=order)
    assert done["cancelled_grams"] == 3 * T
    assert done["released_cents"] == 120 * USD
    assert balance(desk, "obligated:C1") == 80 * USD
    assert due(desk, order) == []
    # What was accepted is still paid.
    desk.do("tom", "pay_delivery", delivery=first, cents=80 * USD)
    assert balance(desk, "obligated:C1") == 0
    assert balance(desk, "unobligated") == 1_000_000 * USD - 80 * USD


# --- Economic price adjustment ----------------------------------------------------


def indexed(desk, money=1_000_000 * USD, **terms):
    """Draft a contract whose price follows a series; index of 2025-Q4 is 50 USD."""
    vote(desk, money)
    qualify(desk)
    desk.do(
        "bea",
        "add_index_series",
        series="CO",
        name="Cobalt metal, USD/t",
        market="Rotterdam, spot",
        source="Price service",
    )
    publish(desk, "2025-Q4", 50 * USD)
    contract(desk, series="CO", **terms)


def publish(desk, quarter, cents):
    desk.do(
        "tom",
        "record_index_value",
        series="CO",
        quarter=quarter,
        cents_per_t=cents,
        source="Bulletin",
    )


def test_price_follows_the_index_for_what_is_open(desk):
    indexed(desk)
    order, (first, second) = fund(
        desk, ("2026-02-01", 10 * T), ("2026-05-01", 10 * T), quarter="2025-Q4"
    )
    deliver(desk, first, 10 * T)
    accept(desk, first, 10 * T)  # 10 t x 40 USD = 400
    desk.clock.set("2026-04-02")
    publish(desk, "2026-Q1", 60 * USD)
    asked = {"order_id": order, "quarter": "2026-Q1"}
    moved = by_two(desk, "bea", "tom", "adjust_order_price", **asked)
    # 40 x 60 / 50 = 48 USD/t; 10 t open: 480 instead of 400
    assert moved["price_cents_per_t"] == 48 * USD
    assert moved["difference_cents"] == 80 * USD
    assert balance(desk, "obligated:C1") == 880 * USD
    deliver(desk, second, 10 * T)
    assert accept(desk, second, 10 * T)["amount_cents"] == 480 * USD
    (row,) = desk.rows("price_adjustments")
    assert (row["from_quarter"], row["to_quarter"]) == ("2025-Q4", "2026-Q1")
    assert (row["from_index_cents_per_t"], row["to_index_cents_per_t"]) == (
        5_000,
        6_000,
    )
    assert (row["open_grams"], row["difference_cents"]) == (10 * T, 80 * USD)
    assert desk.reserve.verify().ok


def test_second_adjustment_starts_from_the_agreed_price(desk):
    indexed(desk)
    order, _ = fund(desk, ("2026-12-01", T), price=2_001, quarter="2025-Q4")
    desk.clock.set("2026-07-02")
    publish(desk, "2026-Q1", 2_500)
    publish(desk, "2026-Q2", 5_000)
    key = {"order_id": order}
    # 2 001 x 2 500 / 5 000 = 1 000.5 -> 1 000
    first = desk.do("bea", "adjust_order_price", **key, quarter="2026-Q1")
    assert first["price_cents_per_t"] == 1_000
    # at the agreed index the agreed price again, not 1 000 x 2 = 2 000
    second = desk.do("bea", "adjust_order_price", **key, quarter="2026-Q2")
    assert second["price_cents_per_t"] == 2_001
    assert balance(desk, "obligated:C1") == 2_001
    refused(desk, "dates", "bea", "adjust_order_price", **key, quarter="2026-Q1")


def test_nothing_open_has_no_price_to_adjust(desk):
    indexed(desk)
    order, (delivery,) = fund(desk, ("2026-02-01", T), quarter="2025-Q4")
    deliver(desk, delivery, T)
    desk.clock.set("2026-04-02")
    publish(desk, "2026-Q1", 60 * USD)
    key = {"order_id": order, "quarter": "2026-Q1"}
    refused(desk, "open_deliveries", "bea", "adjust_order_price", **key)
    accept(desk, delivery, T)
    refused(desk, "nothing", "bea", "adjust_order_price", **key)


def test_adjusted_price_stays_within_the_collar(desk):
    indexed(desk, ceiling_price_cents_per_t=45 * USD)
    order, _ = fund(desk, ("2026-12-01", T), quarter="2025-Q4")
    desk.clock.set("2026-04-02")
    publish(desk, "2026-Q1", 60 * USD)  # 48 USD/t without the collar
    moved = desk.do("bea", "adjust_order_price", order_id=order, quarter="2026-Q1")
    assert moved["price_cents_per_t"] == 45 * USD


def test_adjustment_stops_at_money_ceiling_and_gap(desk):
    indexed(desk, money=450 * USD, ceiling_cents=470 * USD)
    order, _ = fund(desk, ("2026-12-01", 10 * T), quarter="2025-Q4")  # 400 USD
    desk.clock.set("2026-07-02")
    publish(desk, "2026-Q2", 57_50)  # 40 x 57.5 / 50 = 46 USD/t: 460 USD
    key = {"order_id": order}
    found = refused(
        desk, "index_missing", "bea", "adjust_order_price", **key, quarter="2026-Q1"
    )
    assert "'CO' has no value for 2026-Q1" in found.message
    asked = {**key, "quarter": "2026-Q2"}
    desk.do("bea", "adjust_order_price", **asked)  # 15 % more: it takes two
    found = refused(desk, "money", "tom", "adjust_order_price", **asked)
    assert "needs 60.00 USD; unobligated are 50.00 USD" in found.message
    publish(desk, "2026-Q1", 60 * USD)  # 48 USD/t: 480 USD
    asked = {**key, "quarter": "2026-Q1"}
    desk.do("bea", "adjust_order_price", **asked)
    refused(desk, "ceiling", "tom", "adjust_order_price", **asked)
    assert desk.rows("price_adjustments") == []


def test_falling_index_frees_money(desk):
    indexed(desk)
    order, _ = fund(desk, ("2026-12-01", 10 * T), quarter="2025-Q4")
    desk.clock.set("2026-04-02")
    publish(desk, "2026-Q1", 25 * USD)  # 20 USD/t
    desk.do("bea", "adjust_order_price", order_id=order, quarter="2026-Q1")
    assert balance(desk, "obligated:C1") == 200 * USD
    found = refused(
        desk,
        "index_used",
        "tom",
        "correct_index_value",
        series="CO",
        quarter="2026-Q1",
        cents_per_t=26 * USD,
        source="Revision",
    )
    assert order in found.message


def test_order_without_a_quarter_keeps_its_price(desk):
    indexed(desk)
    order, _ = fund(desk, ("2026-12-01", T))
    desk.clock.set("2026-04-02")
    publish(desk, "2026-Q1", 60 * USD)
    refused(
        desk,
        "price_rule",
        "bea",
        "adjust_order_price",
        order_id=order,
        quarter="2026-Q1",
    )


def test_indexed_order_is_priced_by_its_quarter(desk):
    terms = {"floor_cents_per_t": None, "ceiling_price_cents_per_t": None}
    indexed(desk, rule_kind="indexed", **terms)
    draft(desk, ("2026-02-01", T), price=50 * USD, quarter="2025-Q4")
    order = {
        "contract": "C1",
        "grams": T,
        "price_cents_per_t": 51 * USD,
        "schedule": [{"due_on": "2026-02-01", "grams": T}],
    }
    refused(desk, "price_rule", "bea", "draft_order", **order, quarter="2025-Q4")
    refused(desk, "price_rule", "bea", "draft_order", **order)
    refused(desk, "index_missing", "bea", "draft_order", **order, quarter="2025-Q3")


# --- The annual plan of the strategic reserve -------------------------------------


def plan(desk, *, mass, cents):
    desk.do("max", "draft_materials_plan", year=2026)
    desk.do(
        "max",
        "set_plan_line",
        year=2026,
        item="cobalt",
        action="buy",
        ceiling_grams=mass,
        ceiling_cents=cents,
    )
    desk.do("ann", "approve_materials_plan", year=2026)
    desk.do(
        "max",
        "set_market_limit",
        item="cobalt",
        yearly_market_grams=1_000 * T,
        max_share=0.5,
        source="invented",
    )


def used(desk):
    row = desk.row("plan_lines", item="cobalt")
    return row["used_grams"], row["used_cents"]


def test_strategic_order_counts_against_the_annual_plan(desk):
    trade(desk, owner="strategic")
    order = draft(desk, ("2026-02-01", 3 * T))["order_id"]
    desk.do("ann", "approve_order", order_id=order)
    refused(desk, "no_plan", "tom", "fund_order", order_id=order)
    plan(desk, mass=4 * T, cents=1_000 * USD)
    desk.do("tom", "fund_order", order_id=order)
    assert used(desk) == (3 * T, 120 * USD)
    other = draft(desk, ("2026-02-01", 2 * T))["order_id"]
    desk.do("ann", "approve_order", order_id=other)
    refused(desk, "ceiling", "tom", "fund_order", order_id=other)
    desk.do("bea", "cancel_order", order_id=order)
    assert used(desk) == (0, 0)
    desk.do("tom", "fund_order", order_id=other)
    assert used(desk) == (2 * T, 80 * USD)


def test_adjusted_price_counts_against_the_annual_plan(desk):
    indexed(desk, owner="strategic")
    plan(desk, mass=20 * T, cents=450 * USD)
    order, _ = fund(desk, ("2026-12-01", 10 * T), quarter="2025-Q4")
    desk.clock.set("2026-07-02")
    publish(desk, "2026-Q1", 55 * USD)  # 44 USD/t: 440 USD
    publish(desk, "2026-Q2", 25 * USD)  # 20 USD/t: 200 USD
    key = {"order_id": order}
    desk.do("bea", "adjust_order_price", **key, quarter="2026-Q1")
    assert used(desk) == (10 * T, 440 * USD)
    desk.do("bea", "adjust_order_price", **key, quarter="2026-Q2")
    assert used(desk) == (10 * T, 200 * USD)
    desk.do("bea", "cancel_order", **key)
    assert used(desk) == (0, 0)
