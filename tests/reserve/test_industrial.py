# SPDX-License-Identifier: Apache-2.0
"""Members, entitlements, carry, draws, duties, buy-back, transfer and the switch."""

from __future__ import annotations

from contextlib import suppress
from datetime import date, timedelta
from fractions import Fraction

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from oreserve.reserve import Refused
from oreserve.reserve._carry import gram_days, round_lines

T = 1_000_000  # grams of a tonne
PRICE = 3_000_000  # 30,000 USD per t


def lot(desk, grams, *, cost=0, on="2025-06-01", owner="industrial", **more):
    """Receive a lot, of cobalt if not said otherwise; return its name."""
    return desk.do(
        "sue",
        "receive_lot",
        item=more.pop("item", "cobalt"),
        depot="D1",
        owner=owner,
        grams=grams,
        received_on=on,
        cost_cents=cost,
        **more,
    )["lot"]


def terms(desk, **more):
    """Set terms of cobalt: fee 2 %, interest 6 %, draw 25 %, 90 days, 50 USD."""
    given = {
        "item": "cobalt",
        "from_quarter": "2026-Q1",
        "entry_fee_share": 0.02,
        "interest_rate": 0.06,
        "normal_draw_share": 0.25,
        "replenish_days": 90,
        "storage_cents_per_t_year": 5_000,
    }
    return desk.do("max", "set_industrial_terms", **(given | more))


def club(desk, *, stock=100 * T, cost=200_000_000):
    """Two members, terms, and stock of the industrial reserve."""
    terms(desk)
    for member in ("M1", "M2"):
        desk.do("max", "admit_member", member=member, name=member, entry_fee_cents=0)
        desk.do(
            "ada",
            "add_user",
            user=f"u-{member}",
            name=member,
            member=member,
            roles=["member"],
        )
    return lot(desk, stock, cost=cost)


def grant(desk, grams, *, member="M1", price=PRICE, item="cobalt"):
    return desk.do(
        "max",
        "grant_entitlement",
        member=member,
        item=item,
        grams=grams,
        inventory_price_cents_per_t=price,
    )


def draw(desk, grams, *, member="M1", actor="max", item="cobalt", **more):
    return desk.do(
        actor, "draw_entitlement", member=member, item=item, grams=grams, **more
    )


def back(desk, duty, grams, actor="sue", **more):
    return desk.do(
        actor,
        "replenish",
        duty=duty,
        grams=grams,
        depot="D1",
        owner="industrial",
        **more,
    )


def balance(desk, account):
    rows = desk.rows("money_balances", account=account)
    return rows[0]["cents"] if rows else 0


def covered(desk, item="cobalt"):
    """Check the invariant and return entitlements, stock and open duties, g."""
    entitled = sum(row["grams"] for row in desk.rows("entitlements", item=item))
    lots = desk.rows("lots", item=item, owner="industrial")
    stock = sum(row["grams"] for row in lots)
    duties = desk.rows("duties", item=item, reserve="industrial")
    owed = sum(row["open_grams"] for row in duties)
    assert entitled <= stock + owed
    return entitled, stock, owed


def refusal(rule, work, *args, **kwargs):
    """Return the refusal, after checking its rule."""
    with pytest.raises(Refused) as caught:
        work(*args, **kwargs)
    assert caught.value.rule == rule, caught.value.message
    return caught.value


# --- Joining, granting, leaving --------------------------------------------------


def test_entry_fees_are_posted(desk):
    terms(desk)
    desk.do("max", "admit_member", member="M1", name="One", entry_fee_cents=500_000)
    lot(desk, 100 * T)
    # 10 t at 30,000 USD are 300,000 USD; 2 % of it are 6,000 USD.
    assert grant(desk, 10 * T)["entry_fee_cents"] == 6_000_00
    assert balance(desk, "cash") == 500_000 + 600_000
    assert balance(desk, "income:fees") == -1_100_000
    assert desk.row("members", member="M1")["entry_fee_cents"] == 1_100_000


def test_only_unencumbered_industrial_stock_is_granted(desk):
    club(desk, stock=100 * T)
    lot(desk, 50 * T, owner="strategic")
    grant(desk, 70 * T)
    refused = refusal("entitlements", grant, desk, 30 * T + 1, member="M2")
    assert refused.allowed == {"grams": 30 * T}
    grant(desk, 30 * T, member="M2")
    assert covered(desk) == (100 * T, 100 * T, 0)


def test_no_terms_no_grant(desk):
    desk.do("max", "admit_member", member="M1", name="One", entry_fee_cents=0)
    lot(desk, T)
    refusal("no_terms", grant, desk, T)
    terms(desk, from_quarter="2026-Q2")
    assert "begin in 2026-Q2" in refusal("no_terms", grant, desk, T).message


def test_suspended_member_gets_nothing_and_may_come_back(desk):
    club(desk)
    desk.do("max", "change_member", member="M1", status="suspended")
    refusal("member_status", grant, desk, T)
    desk.do("max", "change_member", member="M1", status="active")
    grant(desk, T)


def test_member_leaves_only_unbound_and_paid(desk):
    club(desk)
    desk.clock.set("2026-01-11")
    grant(desk, 4 * T)
    leave = {"member": "M1", "status": "left"}
    refusal("member_bound", desk.do, "max", "change_member", **leave)
    buy = {"member": "M1", "item": "cobalt", "inventory_price_cents_per_t": PRICE}
    desk.clock.set("2026-02-01")
    desk.do("tom", "buy_back", grams=4 * T, **buy)
    refused = refusal("carry_open", desk.do, "max", "change_member", **leave)
    assert refused.allowed == {"from_on": "2026-04-01"}
    desk.clock.set("2026-04-01")
    desk.do("tom", "charge_carry", quarter="2026-Q1")
    refused = refusal("carry_open", desk.do, "max", "change_member", **leave)
    desk.do("tom", "pay_carry", member="M1", item="cobalt", quarter="2026-Q1")
    assert desk.do("max", "change_member", **leave)["status"] == "left"
    refusal("member_status", desk.do, "max", "change_member", **leave)


# --- Carry -----------------------------------------------------------------------


def test_carry_of_one_quarter(desk):
    club(desk)
    desk.clock.set("2026-01-11")
    grant(desk, 10 * T)
    desk.clock.set("2026-03-31")
    refused = refusal("quarter_open", desk.do, "tom", "charge_carry", quarter="2026-Q1")
    assert refused.allowed == {"from_on": "2026-04-01"}
    desk.clock.set("2026-04-01")
    # 11 January to 31 March are 21 + 28 + 31 = 80 days of 10 t.
    # Interest: 10 t x 3,000,000 x 0.06 x 80 / 365 = 394,520.548 cents
    # Storage:  10 t x 5,000 x 80 / 365           =  10,958.904 cents
    # Together 405,479.452, rounded 405,479: 394,521 and what is left, 10,958.
    made = desk.do("tom", "charge_carry", quarter="2026-Q1")
    assert made == {"quarter": "2026-Q1", "lines": 1, "cents": 405_479}
    row = desk.row("carry_charges", member="M1", item="cobalt", quarter="2026-Q1")
    assert (row["interest_cents"], row["storage_cents"]) == (394_521, 10_958)
    assert row["gram_days"] == 800 * T
    assert balance(desk, "member:M1") == 405_479
    assert balance(desk, "income:carry") == -405_479


def test_a_quarter_is_charged_once(desk):
    club(desk)
    grant(desk, 10 * T)
    desk.clock.set("2026-04-01")
    desk.do("tom", "charge_carry", quarter="2026-Q1")
    refusal("billed", desk.do, "tom", "charge_carry", quarter="2026-Q1")
    refusal("billed", terms, desk, interest_rate=0.5)
    refusal("nothing_to_bill", desk.do, "tom", "charge_carry", quarter="2025-Q4")


def test_carry_is_paid_to_the_cent_and_no_further(desk):
    club(desk)
    desk.clock.set("2026-01-11")
    grant(desk, 10 * T)
    cash = balance(desk, "cash")
    desk.clock.set("2026-04-01")
    desk.do("tom", "charge_carry", quarter="2026-Q1")
    charge = {"member": "M1", "item": "cobalt", "quarter": "2026-Q1"}
    assert desk.do("tom", "pay_carry", cents=400_000, **charge)["left_cents"] == 5_479
    refused = refusal("overpaid", desk.do, "tom", "pay_carry", cents=5_480, **charge)
    assert refused.allowed == {"cents": 5_479}
    desk.do("tom", "pay_carry", **charge)
    assert balance(desk, "member:M1") == 0
    assert balance(desk, "cash") == cash + 405_479
    refusal("overpaid", desk.do, "tom", "pay_carry", **charge)


def test_new_terms_hold_from_their_quarter(desk):
    club(desk)
    terms(desk, from_quarter="2026-Q2", interest_rate=0.12, storage_cents_per_t_year=0)
    grant(desk, 10 * T)
    desk.clock.set("2026-07-01")
    desk.do("tom", "charge_carry", quarter="2026-Q2")
    row = desk.row("carry_charges", member="M1", item="cobalt", quarter="2026-Q2")
    # 91 days: 10 t x 3,000,000 x 0.12 x 91 / 365 = 897,534.247 cents
    assert (row["interest_cents"], row["storage_cents"]) == (897_534, 0)


def test_two_prices_carry_each_their_own(desk):
    club(desk)
    grant(desk, 10 * T)
    grant(desk, 10 * T, price=2 * PRICE)
    desk.clock.set("2026-07-01")
    desk.do("tom", "charge_carry", quarter="2026-Q2")
    row = desk.row("carry_charges", member="M1", item="cobalt", quarter="2026-Q2")
    # 91 days: (30,000,000 + 60,000,000) x 0.06 x 91 / 365 = 1,346,301.370 cents
    assert row["interest_cents"] == 1_346_301


# --- Draw and replenish ----------------------------------------------------------


def test_draw_opens_a_duty_with_its_date_and_moves_cost(desk):
    club(desk, stock=100 * T, cost=200_000_000)
    grant(desk, 80 * T)
    made = draw(desk, 20 * T, actor="u-M1")  # 25 % of 80 t, all of the year
    # 5 January + 90 days: 26 in January, 28, 31, 5 in April.
    assert made["due_on"] == "2026-04-05"
    assert covered(desk) == (80 * T, 80 * T, 20 * T)
    # A fifth of the lot takes a fifth of its cost.
    assert balance(desk, "inventory:cobalt") == 160_000_000
    assert balance(desk, f"duty:{made['duty']}") == 40_000_000
    (mass,) = desk.rows("mass_balances", account="member:M1", item="cobalt")
    assert mass["grams"] == 20 * T


def test_normal_draw_share_of_a_rolling_year(desk):
    club(desk)
    grant(desk, 80 * T)
    made = draw(desk, 15 * T)
    refused = refusal("draw_share", draw, desk, 5 * T + 1)
    assert refused.allowed == {"grams": 5 * T}
    # Bringing it back does not open the year's share again.
    back(desk, made["duty"], 15 * T)
    refusal("draw_share", draw, desk, 5 * T + 1)
    draw(desk, 5 * T)
    desk.clock.set("2027-01-05")  # 365 days later
    draw(desk, 20 * T)


def test_nobody_draws_what_it_owes_back_already(desk):
    club(desk)
    terms(desk, from_quarter="2026-Q1", normal_draw_share=1.0)
    grant(desk, 80 * T)
    draw(desk, 50 * T)
    refused = refusal("entitlements", draw, desk, 30 * T + 1)
    assert refused.allowed == {"grams": 30 * T}


def test_member_acts_for_itself_only(desk):
    club(desk)
    grant(desk, 80 * T)
    refusal("not_yours", draw, desk, T, actor="u-M2")


def test_replenish_same_item_same_or_better_purity(desk):
    terms(desk)
    desk.do("max", "admit_member", member="M1", name="One", entry_fee_cents=0)
    lot(desk, 5 * T, purity=0.998, on="2025-01-01")
    lot(desk, 95 * T, purity=0.995, on="2025-02-01")
    grant(desk, 80 * T)
    duty = draw(desk, 10 * T)["duty"]  # 5 t of each: the better one is owed
    assert desk.row("duties", duty=duty)["purity"] == 0.998
    refused = refusal("quality", back, desk, duty, T, purity=0.997)
    assert refused.allowed == {"purity": 0.998}
    refusal("quality", back, desk, duty, T)  # no data is not good enough
    refusal("quality", back, desk, duty, T, purity=0.999, item="ndpr_metal")
    refusal(
        "owner",
        desk.do,
        "sue",
        "replenish",
        duty=duty,
        grams=T,
        depot="D1",
        owner="strategic",
        purity=0.999,
    )
    made = back(desk, duty, 4 * T, purity=0.998)
    assert made["open_grams"] == 6 * T
    refused = refusal("duty", back, desk, duty, 6 * T + 1, purity=0.999)
    assert refused.allowed == {"grams": 6 * T}
    back(desk, duty, 6 * T, purity=0.999)
    row = desk.row("duties", duty=duty)
    assert (row["status"], row["open_grams"], row["open_cents"]) == ("done", 0, 0)
    assert covered(desk) == (80 * T, 100 * T, 0)


def test_cost_comes_back_with_the_metal_to_the_cent(desk):
    club(desk, stock=3 * T, cost=1_000)
    terms(desk, from_quarter="2026-Q1", normal_draw_share=1.0)
    grant(desk, 3 * T)
    duty = draw(desk, 3 * T)["duty"]
    # 1,000 cents over three equal parts: 333, then half of 667 (half-even 334), 333.
    for part, cents in ((T, 333), (T, 334), (T, 333)):
        made = back(desk, duty, part)
        assert desk.row("lots", lot=made["lot"])["cost_cents"] == cents
    assert balance(desk, "inventory:cobalt") == 1_000
    assert balance(desk, f"duty:{duty}") == 0


def test_expired_lots_are_skipped_unless_said_otherwise(desk):
    terms(desk)
    desk.do("max", "admit_member", member="M1", name="One", entry_fee_cents=0)
    old = lot(desk, 60 * T, certificate="C1", certificate_expires_on="2026-01-04")
    new = lot(desk, 20 * T, on="2025-07-01")
    grant(desk, 80 * T)
    terms(desk, normal_draw_share=1.0)
    refused = refusal("expired", draw, desk, 30 * T)
    assert refused.allowed == {"grams": 20 * T}
    assert "60,000,000 g lie in lots whose certificate" in refused.message
    made = draw(desk, 30 * T, expired_rule="last")
    assert made["lots"] == [
        {"lot": new, "grams": 20 * T},
        {"lot": old, "grams": 10 * T},
    ]


# --- Buying back and transferring ------------------------------------------------


def test_buy_back_at_the_same_price(desk):
    club(desk, stock=100 * T, cost=200_000_000)
    grant(desk, 80 * T)
    cash = balance(desk, "cash")
    give = {"member": "M1", "item": "cobalt", "inventory_price_cents_per_t": PRICE}
    made = desk.do("tom", "buy_back", grams=10 * T, **give)
    # 10 t at 3,000,000; they stood in the books for a tenth of 200,000,000.
    assert made["paid_cents"] == 30_000_000
    assert balance(desk, "cash") == cash + 30_000_000
    assert balance(desk, "income:buy_back") == -10_000_000
    assert covered(desk) == (70 * T, 90 * T, 0)
    other = give | {"inventory_price_cents_per_t": PRICE + 1}
    refused = refusal("no_entitlement", desk.do, "tom", "buy_back", grams=T, **other)
    assert refused.allowed == {"prices": [PRICE]}


def test_who_does_not_bring_it_back_buys_it(desk):
    club(desk, stock=100 * T, cost=200_000_000)
    grant(desk, 40 * T)
    duty = draw(desk, 10 * T)["duty"]
    give = {"member": "M1", "item": "cobalt", "inventory_price_cents_per_t": PRICE}
    refused = refusal("entitlements", desk.do, "tom", "buy_back", grams=40 * T, **give)
    assert refused.allowed == {"grams": 30 * T}
    desk.do("tom", "buy_back", grams=10 * T, duty=duty, **give)
    assert covered(desk) == (30 * T, 90 * T, 0)
    assert balance(desk, f"duty:{duty}") == 0


def test_transfer_takes_the_price_along_and_needs_the_other_side(desk):
    club(desk)
    grant(desk, 40 * T)
    given = {
        "from_member": "M1",
        "to_member": "M2",
        "item": "cobalt",
        "inventory_price_cents_per_t": PRICE,
    }
    made = desk.do("u-M1", "offer_transfer", grams=15 * T, **given)
    refusal("not_yours", desk.do, "u-M1", "accept_transfer", **made)
    desk.do("u-M2", "accept_transfer", **made)
    key = {"item": "cobalt", "inventory_price_cents_per_t": PRICE}
    assert desk.row("entitlements", member="M1", **key)["grams"] == 25 * T
    assert desk.row("entitlements", member="M2", **key)["grams"] == 15 * T
    refusal("transfer_status", desk.do, "u-M2", "accept_transfer", **made)
    made = desk.do("max", "offer_transfer", grams=T, **given)
    refusal("two_persons", desk.do, "max", "accept_transfer", **made)


def test_grams_on_duty_are_not_transferred(desk):
    club(desk)
    grant(desk, 40 * T)
    given = {
        "from_member": "M1",
        "to_member": "M2",
        "item": "cobalt",
        "inventory_price_cents_per_t": PRICE,
    }
    offer = desk.do("u-M1", "offer_transfer", grams=35 * T, **given)
    draw(desk, 10 * T)
    refused = refusal("entitlements", desk.do, "u-M2", "accept_transfer", **offer)
    assert refused.allowed == {"grams": 30 * T}
    desk.do("u-M2", "withdraw_transfer", **offer)
    refusal(
        "two_members",
        desk.do,
        "max",
        "offer_transfer",
        grams=T,
        **(given | {"to_member": "M1"}),
    )


def test_giver_carries_until_the_day_of_the_transfer(desk):
    club(desk)
    grant(desk, 40 * T)
    desk.clock.set("2026-05-01")
    made = desk.do(
        "u-M1",
        "offer_transfer",
        from_member="M1",
        to_member="M2",
        item="cobalt",
        inventory_price_cents_per_t=PRICE,
        grams=40 * T,
    )
    desk.do("u-M2", "accept_transfer", **made)
    desk.clock.set("2026-07-01")
    desk.do("tom", "charge_carry", quarter="2026-Q2")
    days = {
        row["member"]: row["gram_days"] // (40 * T)
        for row in desk.rows("carry_charges")
    }
    # April for the giver, May and June for the taker.
    assert days == {"M1": 30, "M2": 61}


# --- The switch ------------------------------------------------------------------


def test_switch_needs_two_persons_and_opens_full_access(desk):
    club(desk)
    grant(desk, 80 * T)
    refusal("draw_share", draw, desk, 80 * T)
    desk.do(
        "max",
        "propose_switch",
        is_on=True,
        ground="stop_of_exports",
        ground_reference="Notice 12",
    )
    refusal("two_persons", desk.do, "max", "approve_switch")
    refusal("draw_share", draw, desk, 80 * T)
    assert desk.do("ann", "approve_switch")["is_on"] is True
    draw(desk, 80 * T)
    assert covered(desk) == (80 * T, 20 * T, 80 * T)
    refusal(
        "switch",
        desk.do,
        "max",
        "propose_switch",
        is_on=True,
        ground="war",
        ground_reference="Notice 13",
    )
    refusal(
        "ground",
        desk.do,
        "max",
        "propose_switch",
        is_on=False,
        ground="war",
        ground_reference="Notice 14",
    )
    desk.do(
        "max", "propose_switch", is_on=False, ground="end", ground_reference="Notice 15"
    )
    # The approval of the first proposal is none of the second.
    assert desk.do("ann", "approve_switch")["is_on"] is False
    refusal("switch", desk.do, "ann", "approve_switch")


# --- Losses -------------------------------------------------------------------------


def test_the_reserve_owes_what_it_lost(desk):
    name = club(desk, stock=50 * T)
    grant(desk, 45 * T)
    for person in ("ian", "sue"):
        desk.do(person, "recount_lot", lot=name, counted_grams=40 * T)
    # 45 t are promised and 40 t are left: the reserve itself owes 5 t in 90 days.
    (duty,) = desk.rows("duties")
    assert (duty["member"], duty["why"], duty["open_grams"]) == (None, "loss", 5 * T)
    assert duty["due_on"] == "2026-04-05"
    assert covered(desk) == (45 * T, 40 * T, 5 * T)
    known = {"producer": "P1", "item": "cobalt"}
    desk.do("ian", "qualify_producer", status="qualified", **known)
    back(desk, duty["duty"], 5 * T, producer="P1")
    assert covered(desk) == (45 * T, 45 * T, 0)
    (mass,) = desk.rows("mass_balances", account="supplier:P1")
    assert mass["grams"] == -5 * T


# --- Properties ------------------------------------------------------------------


@given(
    st.lists(
        st.tuples(st.integers(0, 200), st.integers(1, 10**9)), min_size=1, max_size=8
    )
)
def test_gram_days_equal_a_count_day_by_day(steps):
    """The closed form agrees with adding up the holding of every day."""
    start = date(2026, 1, 1)
    rows = [
        {"on_day": (start + timedelta(days=day)).isoformat(), "grams": grams}
        for day, grams in steps
    ]
    first, after = date(2026, 4, 1), date(2026, 7, 1)
    counted = 0
    day = first
    while day < after:
        counted += sum(r["grams"] for r in rows if r["on_day"] <= day.isoformat())
        day += timedelta(days=1)
    assert gram_days(rows, first=first, after=after) == counted


@given(st.lists(st.fractions(0, 1_000), max_size=12))
def test_rounded_lines_sum_to_the_rounded_total(amounts):
    rounded = round_lines(amounts)
    assert sum(rounded) == round(sum(amounts, Fraction(0)))
    assert all(
        cents >= 0 and abs(cents - amount) <= 1
        for cents, amount in zip(rounded, amounts, strict=True)
    )


MOVES = st.lists(
    st.tuples(
        st.sampled_from(["grant", "draw", "back", "buy", "transfer", "recount"]),
        st.sampled_from(["M1", "M2"]),
        st.integers(1, 40),
    ),
    min_size=5,
    max_size=20,
)


@settings(
    max_examples=10,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(moves=MOVES)
def test_entitlements_stay_covered_whatever_happens(desk, moves):
    """Random commands on an item of their own: the invariant holds after each."""
    if not desk.rows("members"):
        club(desk)
    item = f"item-{len(desk.rows('items'))}"
    desk.do("max", "add_items", items=[{"item": item}])
    terms(desk, item=item, normal_draw_share=0.6)
    lot(desk, 60 * T, cost=7_777, item=item)
    for kind, member, tonnes in moves:
        with suppress(Refused):
            _move(desk, kind, member, tonnes * T, item)
        covered(desk, item)


def _move(desk, kind, member, grams, item):
    other = "M2" if member == "M1" else "M1"
    held = {"item": item, "inventory_price_cents_per_t": PRICE}
    duties = desk.rows("duties", member=member, item=item, status="open")
    if kind == "grant":
        grant(desk, grams, member=member, item=item)
    elif kind == "draw":
        draw(desk, grams, member=member, item=item)
    elif kind == "back" and duties:
        back(desk, duties[0]["duty"], min(grams, duties[0]["open_grams"]))
    elif kind == "buy":
        duty = duties[0]["duty"] if duties else None
        desk.do("tom", "buy_back", member=member, grams=grams, duty=duty, **held)
    elif kind == "transfer":
        parties = {"from_member": member, "to_member": other}
        made = desk.do(f"u-{member}", "offer_transfer", grams=grams, **parties, **held)
        desk.do(f"u-{other}", "accept_transfer", **made)
    elif kind == "recount":
        for row in desk.rows("lots", item=item, status="held")[:1]:
            counted = max(row["grams"] - grams, 0)
            for person in ("ian", "sue"):
                desk.do(person, "recount_lot", lot=row["lot"], counted_grams=counted)


def test_an_industrial_year_verifies(desk):
    club(desk)
    grant(desk, 40 * T)
    duty = draw(desk, 10 * T)["duty"]
    back(desk, duty, 4 * T)
    desk.clock.set("2026-04-01")
    desk.do("tom", "charge_carry", quarter="2026-Q1")
    desk.do("tom", "pay_carry", member="M1", item="cobalt", quarter="2026-Q1")
    assert covered(desk) == (40 * T, 94 * T, 6 * T)
    assert desk.reserve.verify().ok
