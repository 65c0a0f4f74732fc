# SPDX-License-Identifier: Apache-2.0
"""The annual materials plan, its changes, the 45 days and the market's share."""

from __future__ import annotations

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from oreserve.reserve import Refused
from oreserve.reserve._ceilings import check_ceiling, give_back_ceiling, line_in_force
from oreserve.reserve._strategic import is_significant

T = 1_000_000  # grams of a tonne


def plan(desk, *, grams=100 * T, cents=50_000_00, action="buy", market=1_000 * T):
    """Put a plan of one line for cobalt in force, with a market of 1,000 t."""
    desk.do("max", "draft_materials_plan", year=2026)
    desk.do(
        "max",
        "set_plan_line",
        year=2026,
        item="cobalt",
        action=action,
        ceiling_grams=grams,
        ceiling_cents=cents,
    )
    desk.do("ann", "approve_materials_plan", year=2026)
    if market:
        desk.do(
            "max",
            "set_market_limit",
            item="cobalt",
            yearly_market_grams=market,
            max_share=0.1,
            source="USGS, invented",
        )


def change(desk, *, grams, cents=50_000_00, item="cobalt", action="buy"):
    """Draft a change and let a second person approve it."""
    made = desk.do(
        "max",
        "draft_plan_change",
        year=2026,
        item=item,
        action=action,
        ceiling_grams=grams,
        ceiling_cents=cents,
    )
    return desk.do("ann", "approve_plan_change", change=made["change"])


def in_book(desk, work):
    """Run a function on the book of a command, as orders and releases do."""
    from oreserve.reserve._book import Actor, Book

    with desk.reserve.engine.begin() as connection:
        cursor = connection.connection.cursor()
        book = Book(
            connection,
            cursor,
            desk.reserve.sql,
            sequence=900_000 + len(desk.rows("market_moves")),
            now=desk.clock(),
            actor=Actor("max", frozenset({"manager"})),
        )
        return work(book)


def count(desk, grams, cents=0, *, item="cobalt", action="buy", subject="X"):
    return in_book(
        desk,
        lambda book: check_ceiling(book, item, action, grams, cents, subject=subject),
    )


def refusal(rule, work, *args, **kwargs):
    """Return the refusal, after checking its rule."""
    with pytest.raises(Refused) as caught:
        work(*args, **kwargs)
    assert caught.value.rule == rule, caught.value.message
    return caught.value


def test_plan_needs_a_second_person(desk):
    desk.do("max", "draft_materials_plan", year=2026)
    desk.do(
        "bea",
        "set_plan_line",
        year=2026,
        item="cobalt",
        action="buy",
        ceiling_grams=T,
        ceiling_cents=1,
    )
    refusal("two_persons", desk.do, "max", "approve_materials_plan", year=2026)
    refusal("no_plan", count, desk, T)
    assert desk.do("ann", "approve_materials_plan", year=2026)["status"] == "in_force"


def test_who_wrote_a_line_may_not_approve_the_plan(desk):
    desk.do("ada", "grant_role", user="bea", role="approver")
    desk.do("max", "draft_materials_plan", year=2026)
    line = {"item": "cobalt", "action": "buy", "ceiling_grams": T, "ceiling_cents": 1}
    desk.do("bea", "set_plan_line", year=2026, **line)
    refused = refusal(
        "two_persons", desk.do, "bea", "approve_materials_plan", year=2026
    )
    assert "bea wrote lines of plan 2026" in refused.message


def test_days_of_plans_do_not_overlap(desk):
    desk.do(
        "max",
        "draft_materials_plan",
        year=2026,
        from_on="2025-10-01",
        until_on="2026-09-30",
    )
    refused = refusal(
        "plan_days",
        desk.do,
        "max",
        "draft_materials_plan",
        year=2027,
        from_on="2026-09-30",
        until_on="2027-09-29",
    )
    assert refused.allowed == {"plan": 2026}
    desk.do(
        "max",
        "draft_materials_plan",
        year=2027,
        from_on="2026-10-01",
        until_on="2027-09-30",
    )


def test_ceiling_counts_grams_and_cents(desk):
    plan(desk, grams=100 * T, cents=50_000_00)
    # 60 t for 20,000 USD of 100 t and 50,000 USD leave 40 t and 30,000 USD.
    assert count(desk, 60 * T, 20_000_00) == {
        "year": 2026,
        "left_grams": 40 * T,
        "left_cents": 30_000_00,
    }
    refused = refusal("ceiling", count, desk, 40 * T + 1, 0)
    assert refused.allowed == {"grams": 40 * T, "cents": 30_000_00}
    assert "40,000,000 g and 3,000,000 cents are left" in refused.message
    refusal("ceiling", count, desk, 1, 30_000_01)
    count(desk, 40 * T, 30_000_00)
    line = desk.row("plan_lines", year=2026, item="cobalt", action="buy")
    assert (line["used_grams"], line["used_cents"]) == (100 * T, 50_000_00)


def test_what_was_called_off_can_be_used_again(desk):
    plan(desk)
    count(desk, 100 * T, 0, subject="ORD-1")
    refusal("ceiling", count, desk, 1)

    def back(book):
        give_back_ceiling(book, "cobalt", "buy", 100 * T, 0, year=2026, subject="ORD-1")

    in_book(desk, back)
    # 100 t are also all that the market takes (10 % of 1,000 t): both are free again.
    assert count(desk, 100 * T)["left_grams"] == 0


def test_a_ceiling_of_one_action_is_none_of_another(desk):
    plan(desk, action="buy")
    refused = refusal("no_ceiling", count, desk, T, action="sell")
    assert refused.allowed == []
    refused = refusal("no_ceiling", count, desk, T, item="ndpr_oxide")
    assert refused.allowed == ["cobalt"]
    desk.clock.set("2027-01-01")
    refusal("no_plan", count, desk, T)


def test_lesser_change_takes_effect_at_once(desk):
    plan(desk, grams=100 * T, market=10_000 * T)
    # 110 t is 10 % more than 100 t: not more than the share.
    assert change(desk, grams=110 * T)["status"] == "in_force"
    assert count(desk, 110 * T)["left_grams"] == 0


def test_lesser_changes_add_up_to_a_significant_one(desk):
    plan(desk, grams=100 * T)
    assert change(desk, grams=109 * T)["significant"] is False
    # 118 t is 8.3 % above 109 t, but 18 % above the 100 t that were approved.
    made = change(desk, grams=118 * T)
    assert made["significant"] is True
    assert made["status"] == "approved"


def test_significant_change_waits_45_days_and_not_a_day_less(desk):
    plan(desk, grams=100 * T, market=10_000 * T)
    desk.clock.set("2026-02-01")
    made = change(desk, grams=200 * T)
    assert made == {"change": made["change"], "status": "approved", "significant": True}
    refusal("ceiling", count, desk, 101 * T)  # approved, but nobody was told
    desk.clock.set("2026-02-10")
    told = desk.do(
        "max", "notify_plan_change", change=made["change"], notice="Letter 7"
    )
    # 10 February + 45 days: 18 days to 28 February, 27 more to 27 March.
    assert told["effective_on"] == "2026-03-27"
    desk.clock.set("2026-03-26")  # the 44th day
    refused = refusal("ceiling", count, desk, 101 * T)
    assert "takes effect on 2026-03-27" in refused.message
    desk.clock.set("2026-03-27")  # the 45th
    assert count(desk, 150 * T)["left_grams"] == 50 * T
    # From here on 200 t are the base: 210 t are a lesser change, 221 t are not.
    assert change(desk, grams=210 * T)["significant"] is False
    assert change(desk, grams=221 * T)["significant"] is True


def test_new_line_is_significant_and_starts_at_nothing(desk):
    plan(desk)
    limit = {"yearly_market_grams": 10_000 * T, "max_share": 0.1, "source": "invented"}
    desk.do("max", "set_market_limit", item="ndpr_oxide", **limit)
    made = change(desk, grams=1, cents=1, item="ndpr_oxide")
    assert made["significant"] is True
    refusal("ceiling", count, desk, 1, item="ndpr_oxide")
    desk.do("max", "notify_plan_change", change=made["change"], notice="Letter 8")
    desk.clock.set("2026-02-19")  # 5 January + 45 days: 26 in January, 19 in February
    assert count(desk, 1, item="ndpr_oxide")["left_grams"] == 0


def test_change_needs_a_second_person_and_its_own_order(desk):
    plan(desk)
    made = desk.do(
        "max",
        "draft_plan_change",
        year=2026,
        item="cobalt",
        action="buy",
        ceiling_grams=500 * T,
        ceiling_cents=1,
    )
    refusal("two_persons", desk.do, "max", "approve_plan_change", change=made["change"])
    refusal(
        "change_status",
        desk.do,
        "max",
        "notify_plan_change",
        change=made["change"],
        notice="too early",
    )
    desk.do("ann", "approve_plan_change", change=made["change"])
    refusal(
        "change_status", desk.do, "bob", "approve_plan_change", change=made["change"]
    )


def test_change_is_withdrawn_only_before_its_effect(desk):
    plan(desk)
    made = change(desk, grams=500 * T)
    desk.do("max", "notify_plan_change", change=made["change"], notice="Letter 9")
    desk.do("max", "withdraw_plan_change", change=made["change"])
    desk.clock.set("2026-06-01")
    refusal("ceiling", count, desk, 101 * T)
    lesser = change(desk, grams=105 * T)
    refusal(
        "change_status", desk.do, "max", "withdraw_plan_change", change=lesser["change"]
    )


def test_refused_change_changes_nothing(desk):
    plan(desk)
    made = desk.do(
        "max",
        "draft_plan_change",
        year=2026,
        item="cobalt",
        action="buy",
        ceiling_grams=105 * T,
        ceiling_cents=50_000_00,
    )
    desk.do("ann", "approve_plan_change", change=made["change"], decision="refuse")
    refusal("ceiling", count, desk, 101 * T)


def test_upgrade_counts_what_goes_in_until_it_is_taken_back(desk):
    lot = desk.do(
        "sue",
        "receive_lot",
        item="cobalt",
        depot="D1",
        owner="strategic",
        grams=10 * T,
        received_on="2025-06-01",
    )["lot"]
    work = {"item": "ndpr_metal", "grams": 3 * T, "cost_cents": 700}
    parts = {"parts": [{"lot": lot, "grams": 4 * T}]}
    desk.do("max", "appropriate", appropriation="A1", title="Act", cents=10_000)
    refusal("no_plan", desk.do, "sue", "upgrade_lots", **parts, **work)
    plan(desk, action="upgrade", grams=5 * T, cents=1_000, market=None)
    made = desk.do("sue", "upgrade_lots", **parts, **work)
    refused = refusal("ceiling", desk.do, "sue", "upgrade_lots", **parts, **work)
    assert refused.allowed == {"grams": T, "cents": 300}
    desk.do("max", "reverse", txn=made["txn"])
    line = desk.row("plan_lines", year=2026, item="cobalt", action="upgrade")
    assert (line["used_grams"], line["used_cents"]) == (0, 0)
    desk.do("sue", "upgrade_lots", **parts, **work)


def test_no_stated_market_is_a_refusal_not_a_zero(desk):
    plan(desk, market=None)
    refused = refusal("no_market", count, desk, 1)
    assert "no yearly market is stated for cobalt" in refused.message
    # An upgrade buys and sells nothing: no market is asked.
    change(desk, grams=T, action="upgrade")


def test_market_share_of_a_rolling_year(desk):
    plan(desk, grams=1_000 * T, market=1_000 * T)
    desk.clock.set("2026-03-01")
    count(desk, 70 * T)
    # 10 % of 1,000 t are 100 t in 365 days: 30 t are left.
    refused = refusal("market", count, desk, 30 * T + 1)
    assert refused.allowed == {"grams": 30 * T}
    count(desk, 30 * T)
    desk.do("max", "draft_materials_plan", year=2027)
    desk.do(
        "max",
        "set_plan_line",
        year=2027,
        item="cobalt",
        action="buy",
        ceiling_grams=1_000 * T,
        ceiling_cents=0,
    )
    desk.do("ann", "approve_materials_plan", year=2027)
    desk.clock.set("2027-02-28")  # day 365 of the year that began on 1 March 2026
    refusal("market", count, desk, 1)
    desk.clock.set("2027-03-01")
    count(desk, 100 * T)


def test_override_of_the_market_needs_advice_and_a_second_person(desk):
    plan(desk, grams=1_000 * T, market=None)
    given = {
        "item": "cobalt",
        "action": "buy",
        "grams": 5 * T,
        "until_on": "2026-06-30",
    }
    refusal("arguments", desk.do, "max", "draft_market_override", advice="", **given)
    made = desk.do("max", "draft_market_override", advice="Committee, no. 3", **given)
    refusal("no_market", count, desk, T)
    refusal("two_persons", desk.do, "max", "approve_market_override", **made)
    desk.do("bob", "approve_market_override", **made)
    count(desk, 5 * T)
    refusal("market", count, desk, 1)
    desk.clock.set("2026-07-01")
    refusal("no_market", count, desk, 1)  # the advice has run out


def test_line_in_force_names_the_change_that_set_it(desk):
    plan(desk, grams=100 * T)
    made = change(desk, grams=105 * T)

    def read(book):
        return line_in_force(
            book, year=2026, item="cobalt", action="buy", day=date(2026, 12, 31)
        )

    line = in_book(desk, read)
    assert line["change"] == made["change"]
    assert (line["base_grams"], line["ceiling_grams"]) == (100 * T, 105 * T)


@given(
    base=st.integers(0, 10**12),
    grams=st.integers(0, 10**12),
    cents=st.integers(0, 10**12),
)
def test_significance_is_symmetric_and_exact(base, grams, cents):
    """A change is significant if ten times its size is above the base, either way."""
    moved = is_significant(base_grams=base, base_cents=cents, grams=grams, cents=cents)
    assert moved == (10 * abs(grams - base) > base)
    assert not is_significant(
        base_grams=grams, base_cents=cents, grams=grams, cents=cents
    )


def test_a_plan_year_verifies(desk):
    plan(desk)
    made = change(desk, grams=500 * T)
    desk.do("max", "notify_plan_change", change=made["change"], notice="Letter 1")
    assert desk.row("plan_changes", change=made["change"])["status"] == "notified"
    assert desk.reserve.verify().ok
