# SPDX-License-Identifier: Apache-2.0
"""Money, quality and second persons: what one person alone cannot do."""

from __future__ import annotations

from datetime import timedelta

import pytest

from oreserve.reserve import Refused
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

KNOWN = {"item": "cobalt", "depot": "D1", "received_on": "2026-01-01"}
PLAN = {"item": "cobalt", "action": "buy", "ceiling_grams": 1_000 * T}


def lot(desk, mass=1_000, owner="industrial", **more):
    """Take in opening stock."""
    given = {**KNOWN, "owner": owner, "grams": mass, **more}
    return desk.do("sue", "receive_lot", **given)["lot"]


def plan(desk, year, cents=10_000 * USD, action="buy"):
    """Put a plan of a whole year in force."""
    desk.do("max", "draft_materials_plan", year=year)
    line = {**PLAN, "action": action, "ceiling_cents": cents}
    desk.do("max", "set_plan_line", year=year, **line)
    desk.do("ann", "approve_materials_plan", year=year)


def deliver(desk, delivery, mass):
    return desk.do("sue", "record_delivery", delivery=delivery, grams=mass)


# --- Money ------------------------------------------------------------------------


def test_fee_and_work_are_paid_out_of_appropriated_money(desk):
    qualify(desk)
    one = lot(desk)
    swap = {"lot": one, "producer": "P1", "received_on": "2026-01-05"}
    refused(desk, "money", "sue", "rotate_lot", fee_cents=5, **swap)
    vote(desk, 100)
    txn = desk.do("sue", "rotate_lot", fee_cents=5, **swap)["txn"]
    assert [balance(desk, a) for a in ("cash", "unobligated", "budget")] == [
        95,
        95,
        -95,
    ]
    desk.do("max", "reverse", txn=txn)
    assert balance(desk, "unobligated") == 100
    work = {"parts": [{"lot": one, "grams": 9}], "item": "ndpr_metal", "grams": 9}
    refused(desk, "money", "sue", "upgrade_lots", cost_cents=101, **work)
    assert desk.reserve.verify().ok


def test_parts_of_odd_cents_sum_to_the_order(desk):
    trade(desk, rule_kind="floor", ceiling_price_cents_per_t=None)
    days = [(f"2026-02-{day:02d}", 1) for day in range(1, 11)]
    order, parts = fund(desk, *days, price=600_000)  # 10 g: 6 cents
    amounts = []
    for delivery in parts:
        deliver(desk, delivery, 1)
        amounts.append(accept(desk, delivery, 1)["amount_cents"])
    assert sum(amounts) == desk.row("orders", order_id=order)["amount_cents"] == 6
    assert set(amounts) == {0, 1}


def test_dearer_order_gives_back_to_the_years_that_counted_it(desk):
    vote(desk, 10_000 * USD)
    qualify(desk)
    limit = {"yearly_market_grams": 1_000 * T, "max_share": 1.0, "source": "test"}
    desk.do("max", "set_market_limit", item="cobalt", **limit)
    plan(desk, 2026)
    name = {"series": "CO", "name": "Cobalt", "market": "spot", "source": "test"}
    desk.do("bea", "add_index_series", **name)
    for quarter, value in (("2025-Q4", 5_000), ("2026-Q4", 5_400)):
        if quarter == "2026-Q4":
            desk.clock.set("2027-01-10")
            plan(desk, 2027)
        desk.do(
            *("bea", "record_index_value"),
            series="CO",
            quarter=quarter,
            cents_per_t=value,
            source="x",
        )
        if quarter == "2025-Q4":
            contract(desk, owner="strategic", series="CO", until_on="2027-12-31")
            order, _ = fund(desk, ("2027-06-01", 10 * T), quarter="2025-Q4")
    desk.do("bea", "adjust_order_price", order_id=order, quarter="2026-Q4")
    used = {row["year"]: row["used_cents"] for row in desk.rows("plan_lines")}
    assert used == {2026: 400 * USD, 2027: 32 * USD}
    desk.do("bea", "cancel_order", order_id=order)
    used = {row["year"]: row["used_cents"] for row in desk.rows("plan_lines")}
    assert used == {2026: 0, 2027: 0}
    assert desk.reserve.verify().ok


def test_money_freed_after_its_appropriation_lapsed_lapses_too(desk):
    vote(desk, 100 * USD, until_on="2026-01-31")
    qualify(desk)
    contract(desk)
    order, _ = fund(desk, ("2026-06-01", 2 * T))  # 80 USD
    desk.clock.set("2026-02-01")
    lapsed = desk.do("tom", "lapse_appropriation", appropriation="A1")
    assert lapsed["lapsed_cents"] == 20 * USD
    vote(desk, 50 * USD, name="A2")
    contract(desk, "C2")
    new, _ = fund(desk, ("2026-06-01", T), name="C2")  # 40 USD of A2
    desk.do("bea", "cancel_order", order_id=new)
    assert balance(desk, "unobligated") == 50 * USD
    desk.do("bea", "cancel_order", order_id=order)
    assert balance(desk, "unobligated") == 50 * USD
    row = desk.row("appropriations", appropriation="A1")
    assert row["lapsed_cents"] == 100 * USD
    assert balance(desk, "cash") == 50 * USD
    assert desk.reserve.verify().ok


def test_disposal_brings_the_part_that_is_granted(desk):
    limit = {"yearly_market_grams": 1_000 * T, "max_share": 1.0, "source": "test"}
    desk.do("max", "set_market_limit", item="cobalt", **limit)
    plan(desk, 2026, action="sell")
    lot(desk, 10 * T, owner="strategic")
    release = desk.do(
        *("max", "request_release"),
        reserve="strategic",
        item="cobalt",
        grams=10 * T,
        ground="authorised_disposal",
        ground_reference="Act",
        proceeds_cents=10_001,
        claims=[{"claimant": "mill", "claim_class": "other", "grams": 3 * T}],
    )["release_id"]
    desk.do("max", "check_release", release_id=release)
    for person in ("ann", "bob"):
        desk.do(person, "approve_release", release_id=release)
    assert desk.row("plan_lines")["used_cents"] == 3_000
    desk.do("sue", "draw_release", release_id=release)
    assert balance(desk, "cash") == 3_000


# --- Quality ----------------------------------------------------------------------


def test_blend_ends_with_the_first_certificate(desk):
    dated = {"certificate": "C", "certificate_expires_on": "2026-01-02"}
    parts = [{"lot": lot(desk, **dated), "grams": 5}, {"lot": lot(desk), "grams": 5}]
    blend = desk.do("sue", "blend_lots", parts=parts)["lot"]
    assert desk.row("lots", lot=blend)["certificate_expires_on"] == "2026-01-02"
    part = {"parts": [{"lot": blend, "grams": 10}], "item": "ndpr_metal", "grams": 10}
    made = desk.do("sue", "upgrade_lots", **part)["lot"]
    assert desk.row("lots", lot=made)["certificate_expires_on"] == "2026-01-02"


def test_rotation_brings_what_a_delivery_could(desk):
    one = lot(desk, purity=0.99)
    swap = {"lot": one, "producer": "P1", "received_on": "2026-01-05"}
    refused(desk, "qualification", "sue", "rotate_lot", purity=0.99, **swap)
    qualify(desk)
    refused(desk, "quality", "sue", "rotate_lot", purity=0.1, **swap)
    refused(desk, "quality", "sue", "rotate_lot", **swap)
    old = {"certificate": "C", "certificate_expires_on": "2026-01-04"}
    refused(desk, "expired", "sue", "rotate_lot", purity=0.99, **old, **swap)
    desk.do("sue", "rotate_lot", purity=0.99, **swap)


def test_what_is_rejected_whole_needs_no_qualification(desk):
    trade(desk)
    _, (delivery,) = fund(desk, ("2026-02-01", T))
    deliver(desk, delivery, T)
    qualify(desk, "infeasible")
    with pytest.raises(Refused, match="not qualified"):
        accept(desk, delivery, T)
    accept(desk, delivery, 0, T)
    assert grams(desk, "inspection") == 0


# --- Second persons ---------------------------------------------------------------


def test_higher_ceiling_takes_another_person(desk):
    trade(desk)
    more = {"contract": "C1", "ceiling_cents": 20_000 * USD}
    assert desk.do("bea", "change_contract", **more)["status"] == "proposed"
    assert desk.row("contracts")["ceiling_cents"] == 10_000 * USD
    refused(desk, "two_persons", "bea", "change_contract", **more)
    desk.do("max", "change_contract", **more)
    assert desk.row("contracts")["ceiling_cents"] == 20_000 * USD
    assert desk.rows("approvals") == []
    desk.do("bea", "change_contract", contract="C1", ceiling_cents=9_000 * USD)
    assert desk.reserve.verify().ok


def test_proposal_ends_when_the_thing_changes(desk):
    trade(desk)
    more = {"contract": "C1", "ceiling_cents": 20_000 * USD}
    desk.do("bea", "change_contract", **more)
    desk.do("bea", "change_contract", contract="C1", ceiling_cents=5_000 * USD)
    assert desk.do("max", "change_contract", **more)["status"] == "proposed"


def test_more_of_a_market_takes_another_person(desk):
    limit = {"item": "cobalt", "yearly_market_grams": 100 * T, "source": "test"}
    desk.do("max", "set_market_limit", max_share=0.1, **limit)
    by_two(desk, "max", "tom", "set_market_limit", max_share=1.0, **limit)
    desk.do("tom", "set_market_limit", max_share=0.5, **limit)


def test_write_off_takes_another_person(desk):
    one = lot(desk, 1_000)
    desk.do("ian", "recount_lot", lot=one, counted_grams=995)
    desk.do("ian", "recount_lot", lot=one, counted_grams=0)
    assert desk.row("lots", lot=one)["grams"] == 995
    refused(desk, "two_persons", "ian", "recount_lot", lot=one, counted_grams=0)
    desk.do("sue", "recount_lot", lot=one, counted_grams=0)
    assert desk.row("lots", lot=one)["status"] == "spent"


def test_opening_stock_after_a_year_and_a_half_takes_another_person(desk):
    desk.clock.set("2027-07-07")  # 548 days after the founding
    lot(desk)
    desk.clock.set("2027-07-08")
    made = by_two(desk, "sue", "ian", "receive_lot", **KNOWN, owner="custody", grams=1)
    assert desk.row("lots", lot=made["lot"])["grams"] == 1


def test_late_delivery_keeps_its_day(desk):
    trade(desk, late_share_per_day=0.01)
    _, (delivery,) = fund(desk, ("2026-02-01", T))
    put = {"delivery": delivery, "due_on": "2099-01-01"}
    refused(desk, "dates", "bea", "schedule_delivery", **put)
    desk.do("bea", "schedule_delivery", delivery=delivery, due_on="2026-01-20")
    desk.clock.set("2026-01-21")
    refused(
        *(desk, "late", "bea", "schedule_delivery"),
        delivery=delivery,
        due_on="2026-03-01",
    )


def test_who_drafted_an_order_does_not_pay_it(desk):
    desk.do("ada", "grant_role", user="bea", role="treasurer")
    trade(desk)
    order, (delivery,) = fund(desk, ("2026-02-01", T))
    deliver(desk, delivery, T)
    accept(desk, delivery, T)
    paid = {"delivery": delivery, "cents": 40 * USD}
    refused(desk, "two_persons", "bea", "pay_delivery", **paid)
    desk.do("tom", "pay_delivery", **paid)
    desk.do("bea", "close_order", order_id=order)
    (txn,) = desk.rows("transactions", kind="pay_delivery")
    desk.do("max", "reverse", txn=txn["txn"])
    assert desk.row("orders")["status"] == "funded"
    assert desk.reserve.verify().ok


def test_plan_covers_a_year_and_a_draft_is_given_up(desk):
    span = {"from_on": "2026-01-01", "until_on": "2026-01-31"}
    found = refused(desk, "plan_days", "max", "draft_materials_plan", year=2026, **span)
    assert found.allowed == {"days": 365}
    desk.do("max", "draft_materials_plan", year=2026)
    line = {**PLAN, "ceiling_cents": 1}
    desk.do("max", "set_plan_line", year=2026, **line)
    gone = desk.do("max", "close_materials_plan", year=2026)
    assert gone["status"] == "given_up"
    desk.do("max", "draft_materials_plan", year=2026)
    assert desk.rows("plan_lines") == []
    assert desk.reserve.verify().ok


# --- What is taken back -----------------------------------------------------------


def last(desk, kind):
    """Return the newest transaction of a kind."""
    return desk.rows("transactions", kind=kind)[-1]["txn"]


def test_vote_is_taken_back_while_it_is_free(desk):
    trade(desk)
    vote(desk, 7, name="A2")
    desk.do("max", "reverse", txn=last(desk, "appropriate"))
    assert [row["appropriation"] for row in desk.rows("appropriations")] == ["A1"]
    fund(desk, ("2026-02-01", T))
    (txn,) = (
        row["txn"]
        for row in desk.rows("transactions", kind="appropriate", reverses=None)
        if not desk.rows("transactions", reverses=row["txn"])
    )
    refused(desk, "conflict", "max", "reverse", txn=txn)
    assert desk.reserve.verify().ok


def test_arrival_and_acceptance_are_taken_back(desk):
    trade(desk)
    order, (delivery,) = fund(desk, ("2026-02-01", 10 * T))
    deliver(desk, delivery, 6 * T)
    desk.do("max", "reverse", txn=last(desk, "record_delivery"))
    assert grams(desk, "inspection") == 0
    due = [d["grams"] for d in desk.rows("deliveries", status="due")]
    assert due == [10 * T]
    deliver(desk, delivery, 10 * T)
    accept(desk, delivery, 4 * T, 6 * T)
    desk.do("max", "reverse", txn=last(desk, "accept_delivery"))
    assert grams(desk, "inspection") == 10 * T
    assert balance(desk, "payable:C1") == 0
    assert desk.rows("deliveries", status="due") == []
    assert desk.row("deliveries", delivery=delivery)["status"] == "delivered"
    assert accept(desk, delivery, 10 * T)["amount_cents"] == 400 * USD
    assert balance(desk, "obligated:C1") == 400 * USD
    pay = {"delivery": delivery, "cents": 1}
    desk.do("tom", "pay_delivery", **pay)
    refused(desk, "conflict", "max", "reverse", txn=last(desk, "accept_delivery"))
    assert desk.row("orders", order_id=order)["grams"] == 10 * T
    assert desk.reserve.verify().ok


def test_grant_and_carry_are_taken_back(desk):
    lot(desk, 10 * T)
    desk.do(
        *("max", "set_industrial_terms"),
        item="cobalt",
        from_quarter="2026-Q1",
        entry_fee_share=0.5,
        interest_rate=0.1,
        normal_draw_share=1.0,
        replenish_days=9,
        storage_cents_per_t_year=0,
    )
    for name in ("M1", "M2"):
        desk.do("max", "admit_member", member=name, name=name, entry_fee_cents=0)
    held = {"item": "cobalt", "grams": T, "inventory_price_cents_per_t": 1_000}
    desk.do("tom", "grant_entitlement", member="M1", **held)
    desk.do("max", "reverse", txn=last(desk, "entry_fee"))
    assert desk.row("entitlements")["grams"] == 0
    assert balance(desk, "cash") == 0
    desk.do("tom", "grant_entitlement", member="M1", **held)
    desk.clock.set("2026-04-01")
    desk.do("tom", "charge_carry", quarter="2026-Q1")
    owed = balance(desk, "member:M1")
    desk.do("tom", "pay_carry", member="M1", item="cobalt", quarter="2026-Q1")
    desk.do("max", "reverse", txn=last(desk, "carry_payment"))
    assert desk.row("carry_charges")["paid_cents"] == 0
    assert balance(desk, "member:M1") == owed > 0
    # Nobody but the giving member's own people gives its entitlement away.
    desk.do("ada", "add_user", user="moe", name="Moe", roles=["manager"])
    sides = {"from_member": "M1", "to_member": "M2"}
    offer = desk.do("max", "offer_transfer", **sides, **held)
    refused(desk, "giver", "moe", "accept_transfer", **offer)
    assert desk.reserve.verify().ok


def test_amounts_and_days_beyond_the_books_are_refused_in_words(desk):
    trade(desk, ceiling_price_cents_per_t=None, rule_kind="floor")
    with pytest.raises(Refused) as caught:
        draft(desk, ("2026-02-01", 10**15), price=10**13)
    assert caught.value.rule == "amount"
    contract(desk, "C2", until_on="9999-12-31")
    draft(desk, ("2026-02-01", T), name="C2")


@pytest.mark.parametrize("quarter", ["9999-Q4", "0000-Q1"])
def test_quarters_beyond_the_calendar_are_refused_in_words(desk, quarter):
    refused(desk, "quarter_open", "tom", "charge_carry", quarter=quarter)


def test_time_does_not_run_backwards(desk):
    desk.clock.set("2026-03-01")
    lot(desk)
    newest = desk.rows("audit")[-1]["at"]
    desk.clock.now -= timedelta(minutes=2)
    lot(desk)
    assert desk.rows("audit")[-1]["at"] == newest
    desk.clock.set("2026-02-28")
    with pytest.raises(Refused, match="set the clock right") as caught:
        lot(desk)
    assert caught.value.rule == "clock"
    assert desk.reserve.verify().ok


def test_approval_counts_while_its_person_may_give_it(desk):
    trade(desk)
    order = draft(desk, ("2026-02-01", T))["order_id"]
    desk.do("ann", "approve_order", order_id=order)
    desk.do("ada", "revoke_role", user="ann", role="approver")
    refused(desk, "two_persons", "tom", "fund_order", order_id=order)
    desk.do("bob", "approve_order", order_id=order)
    desk.do("tom", "fund_order", order_id=order)
