# SPDX-License-Identifier: Apache-2.0
"""Releases: grounds, triggers, claims in order, approvals, draws, shipments."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from oreserve.errors import InputError
from oreserve.reserve import Refused
from oreserve.reserve._claims import Claim, grant_claims, rank_claims
from oreserve.reserve._drawing import choose_lots
from oreserve.reserve._security_values import read_security_values

T = 1_000_000  # grams of a tonne


def lot(desk, grams, *, on="2025-06-01", owner="strategic", cost=0, **more):
    return desk.do(
        "sue",
        "receive_lot",
        item="cobalt",
        depot="D1",
        owner=owner,
        grams=grams,
        received_on=on,
        cost_cents=cost,
        **more,
    )["lot"]


def request(desk, *, actor="max", ground="war", **more):
    """Request a strategic release of cobalt; return its name."""
    given = {"reserve": "strategic", "item": "cobalt", "ground": ground}
    reference = {"ground_reference": "Act 1"}
    made = desk.do(actor, "request_release", **(given | reference | more))
    return made["release_id"]


def approve(desk, release):
    """Check a release and approve it twice."""
    checked = desk.do("max", "check_release", release_id=release)
    desk.do("ann", "approve_release", release_id=release)
    done = desk.do("bob", "approve_release", release_id=release)
    assert done["status"] == "approved"
    return checked


def released(desk, **more):
    release = request(desk, **more)
    approve(desk, release)
    return release


def claim(claimant, grams, kind="essential", **more):
    return {"claimant": claimant, "claim_class": kind, "grams": grams, **more}


def refusal(rule, work, *args, **kwargs):
    """Return the refusal, after checking its rule."""
    with pytest.raises(Refused) as caught:
        work(*args, **kwargs)
    assert caught.value.rule == rule, caught.value.message
    return caught.value


def balance(desk, account):
    rows = desk.rows("money_balances", account=account)
    return rows[0]["cents"] if rows else 0


# --- Ground and triggers ---------------------------------------------------------


def test_release_only_on_a_ground_of_the_list_with_a_reference(desk):
    lot(desk, 10 * T)
    refusal("arguments", request, desk, ground="prices_are_high", grams=T)
    refusal("arguments", request, desk, ground_reference="", grams=T)
    refused = refusal("ground", request, desk, ground="normal_draw", grams=T)
    assert refused.allowed[0] == "presidential_order"
    assert "strategic reserve" in refused.message
    refusal("ground", request, desk, ground="authorised_disposal", grams=T)
    refusal("ground", request, desk, ground="war", grams=T, proceeds_cents=1)
    refusal("arguments", request, desk)


def test_declared_emergency_needs_a_trigger_where_triggers_are_agreed(desk):
    lot(desk, 10 * T)
    release = request(desk, ground="declared_emergency", grams=T)
    desk.do("max", "check_release", release_id=release)  # none is written down
    kind = {"reserve": "strategic", "kind": "lost supply", "threshold": 0.3}
    words = {"description": "30 % of imports are lost for a month"}
    desk.do("max", "set_trigger", trigger="T1", item="cobalt", **kind, **words)
    desk.do("max", "set_trigger", trigger="T2", item="ndpr_oxide", **kind, **words)
    desk.do("max", "observe_trigger", trigger="T2", is_met=True, evidence="other item")
    refused = refusal("triggers", desk.do, "max", "check_release", release_id=release)
    assert refused.allowed == ["T1"]
    assert "T1 is not known" in refused.message
    desk.do("max", "observe_trigger", trigger="T1", is_met=False, evidence="10 %")
    refused = refusal("triggers", desk.do, "max", "check_release", release_id=release)
    assert "T1 is not met" in refused.message
    # War and an order of the President carry their own authority.
    desk.do("max", "check_release", release_id=request(desk, ground="war", grams=T))
    desk.do("max", "observe_trigger", trigger="T1", is_met=True, evidence="35 %")
    seen = desk.do("max", "check_release", release_id=release)["triggers"]
    assert [(row["trigger"], row["state"]) for row in seen] == [("T1", "met")]
    # 90 days count: 5 January and 90 days is 5 April.
    desk.clock.set("2026-04-05")
    desk.do("max", "check_release", release_id=release)
    desk.clock.set("2026-04-06")
    refused = refusal("triggers", desk.do, "max", "check_release", release_id=release)
    assert "T1 is not known" in refused.message
    refusal(
        "future",
        desk.do,
        "max",
        "observe_trigger",
        trigger="T1",
        is_met=True,
        evidence="x",
        observed_on="2026-04-07",
    )


# --- Claims ----------------------------------------------------------------------


def test_claims_go_by_class_then_value_and_no_value_comes_last(desk):
    lot(desk, 70 * T)
    desk.do(
        "max",
        "load_security_values",
        source="plan 1",
        values=[
            {"item": "ndpr_oxide", "usd_per_t": "500"},
            {"item": "ndpr_metal", "usd_per_t": "900.25"},
        ],
    )
    release = request(
        desk,
        claims=[
            claim("A", 10 * T, "other", use_item="ndpr_metal"),
            claim("E", 20 * T),
            claim("C", 20 * T, use_item="ndpr_oxide"),
            claim("D", 20 * T, use_item="ndpr_metal"),
            claim("B", 30 * T, "defence"),
        ],
    )
    made = desk.do("max", "check_release", release_id=release)
    # Defence 30, then essential by value: D 20 (900.25), C 20 (500): 70 t are gone.
    assert made["granted_grams"] == 70 * T
    rows = {row["claimant"]: row for row in desk.rows("claims", release_id=release)}
    order = sorted(rows, key=lambda name: rows[name]["rank"])
    assert order == ["B", "D", "C", "E", "A"]
    assert [rows[name]["granted_grams"] // T for name in order] == [30, 20, 20, 0, 0]
    assert rows["D"]["security_value_cents_per_t"] == 90_025
    assert rows["E"]["security_value_cents_per_t"] is None


def test_larger_entitlement_then_known_value_then_filing_decide():
    def one(name, entitled, value, filed="2026-01-02"):
        return Claim(name, name, "other", 1, entitled, value, filed)

    claims = [
        one("A", 5, 900),
        one("B", 9, None),  # no value: behind a value of nothing
        one("C", 9, 0),
        one("D", 9, 0, "2026-01-01"),
        one("E", 9, 7),
    ]
    assert [each.claim for each in rank_claims(claims)] == ["E", "D", "C", "B", "A"]


def test_pro_rata_shares_within_the_class_that_runs_short(desk):
    lot(desk, 70 * T)
    release = request(
        desk,
        claim_rule="pro_rata",
        claims=[
            claim("A", 10 * T, "other"),
            claim("B", 40 * T, "defence"),
            claim("C", 60 * T),
            claim("D", 30 * T),
        ],
    )
    desk.do("max", "check_release", release_id=release)
    # 40 t of 70 go to defence; the 30 left are shared 60 : 30, so 20 and 10.
    rows = {r["claimant"]: r["granted_grams"] // T for r in desk.rows("claims")}
    assert rows == {"A": 0, "B": 40, "C": 20, "D": 10}


def test_the_stated_grams_are_the_most(desk):
    lot(desk, 70 * T)
    release = request(desk, grams=50 * T, claims=[claim("C", 60 * T)])
    made = desk.do("max", "check_release", release_id=release)
    assert made["granted_grams"] == 50 * T
    refusal(
        "one_claim", desk.do, "max", "file_claim", release_id=release, **claim("C", T)
    )


def test_new_values_replace_those_of_the_last_plan(desk):
    load = {"source": "plan 1", "values": [{"item": "cobalt", "usd_per_t": "1"}]}
    desk.do("max", "load_security_values", **load)
    load = {"source": "plan 2", "values": [{"item": "ndpr_oxide", "usd_per_t": "2"}]}
    desk.do("max", "load_security_values", **load)
    assert [row["item"] for row in desk.rows("security_values")] == ["ndpr_oxide"]
    load["values"] *= 2
    refusal("twice", desk.do, "max", "load_security_values", **load)


def test_values_of_a_policy_are_read_at_the_stock_that_is_there(tmp_path):
    text = """item,period,state,stock_t,usd_per_t
cobalt,2026-01,calm,0,900.126
cobalt,2026-01,calm,100,500
cobalt,2026-01,calm,200,-0.001
cobalt,2026-01,war,0,9000
cobalt,2026-02,calm,0,1
ndpr_oxide,2026-01,calm,0,
"""
    (tmp_path / "security_value.csv").write_text(text)

    def read(grams, **more):
        given = {"period": "2026-01", "state": "calm"} | more
        return read_security_values(
            tmp_path, stock_grams={"cobalt": grams, "ndpr_oxide": 0}, **given
        )

    # Without a value ndpr_oxide has none; 50 t lie as near to 0 t as to 100 t.
    assert read(0) == [{"item": "cobalt", "cents_per_t": 90_013}]
    assert read(50 * T) == read(0)
    assert read(51 * T) == [{"item": "cobalt", "cents_per_t": 50_000}]
    assert read(900 * T) == [{"item": "cobalt", "cents_per_t": 0}]
    assert read(0, state="war") == [{"item": "cobalt", "cents_per_t": 900_000}]
    with pytest.raises(InputError, match="no state 'clam'; nearest: calm"):
        read(0, state="clam")
    (tmp_path / "security_value.csv").write_text("item,usd_per_t\n")
    with pytest.raises(InputError, match="no column period, state, stock_t"):
        read(0)


# --- Approval --------------------------------------------------------------------


def test_two_persons_approve_and_neither_is_the_requester(desk):
    lot(desk, 10 * T)
    desk.do("ada", "grant_role", user="max", role="approver")
    release = request(desk, grams=T)
    refusal("release_status", desk.do, "ann", "approve_release", release_id=release)
    desk.do("max", "check_release", release_id=release)
    refusal("two_persons", desk.do, "max", "approve_release", release_id=release)
    assert desk.do("ann", "approve_release", release_id=release)["status"] == "checked"
    refusal("two_persons", desk.do, "ann", "approve_release", release_id=release)
    refusal("release_status", desk.do, "sue", "draw_release", release_id=release)
    done = desk.do("bob", "approve_release", release_id=release)
    assert (done["status"], done["approvals"]) == ("approved", 2)


def test_a_new_claim_voids_what_was_approved(desk):
    lot(desk, 10 * T)
    release = request(desk, claims=[claim("C", T)])
    desk.do("max", "check_release", release_id=release)
    desk.do("ann", "approve_release", release_id=release)
    desk.do("max", "file_claim", release_id=release, **claim("B", T, "defence"))
    assert desk.rows("approvals", subject=f"release:{release}") == []
    refusal("release_status", desk.do, "bob", "approve_release", release_id=release)
    desk.do("max", "check_release", release_id=release)
    assert desk.do("bob", "approve_release", release_id=release)["approvals"] == 1


def test_one_refusal_ends_it(desk):
    lot(desk, 10 * T)
    release = request(desk, grams=T)
    desk.do("max", "check_release", release_id=release)
    desk.do("ann", "approve_release", release_id=release, decision="refuse")
    refusal("release_status", desk.do, "bob", "approve_release", release_id=release)
    other = request(desk, grams=T)
    desk.do("max", "refuse_release", release_id=other, because="not urgent")
    assert desk.row("releases", release_id=other)["decided_because"] == "not urgent"


def test_grams_are_kept_at_approval_and_the_loser_is_told_what_is_left(desk):
    lot(desk, 100 * T)
    first, second = request(desk, grams=70 * T), request(desk, grams=50 * T)
    for release in (first, second):
        desk.do("max", "check_release", release_id=release)
        desk.do("ann", "approve_release", release_id=release)
    desk.do("bob", "approve_release", release_id=first)
    refused = refusal("conflict", desk.do, "bob", "approve_release", release_id=second)
    assert refused.status == 409
    assert refused.allowed == {"grams": 30 * T}
    assert "30,000,000 g are left for this" in refused.message
    desk.do("max", "cancel_release", release_id=first, because="over")
    assert desk.do("bob", "approve_release", release_id=second)["status"] == "approved"


def test_draw_of_more_than_is_left_is_refused_whole(desk):
    name = lot(desk, 100 * T)
    release = released(desk, grams=70 * T)
    for person in ("ian", "sue"):
        desk.do(person, "recount_lot", lot=name, counted_grams=60 * T)
    refused = refusal("conflict", desk.do, "sue", "draw_release", release_id=release)
    assert refused.allowed == {"grams": 60 * T}
    assert desk.rows("draws") == []
    assert desk.row("lots", lot=name)["grams"] == 60 * T


def test_kept_grams_are_not_upgraded_away(desk):
    club(desk)
    (row,) = desk.rows("lots", owner="industrial")
    given = {"reserve": "industrial", "ground": "normal_draw"}
    work = {"item": "ndpr_metal", "grams": T}
    release = released(desk, **given, claims=[claim("M1", 15 * T)])
    desk.do(
        "sue",
        "draw_release",
        release_id=released(desk, **given, claims=[claim("M2", 7 * T)]),
    )
    # 93 t in store and 7 t owed cover 90 t: 10 t are free to be upgraded.
    parts = [{"lot": row["lot"], "grams": 10 * T + 1}]
    refused = refusal(
        "entitlements", desk.do, "sue", "upgrade_lots", parts=parts, **work
    )
    assert refused.allowed == {"short_grams": 1}
    desk.do("sue", "draw_release", release_id=release)


def test_kept_grams_of_the_strategic_reserve_stay(desk):
    name = lot(desk, 100 * T)
    sale_plan(desk, 100 * T, action="upgrade")
    released(desk, grams=70 * T)
    work = {"item": "ndpr_metal", "grams": T}
    parts = [{"lot": name, "grams": 30 * T + 1}]
    refused = refusal("conflict", desk.do, "sue", "upgrade_lots", parts=parts, **work)
    assert refused.allowed == {"short_grams": 1}
    parts = [{"lot": name, "grams": 30 * T}]
    desk.do("sue", "upgrade_lots", parts=parts, **work)


def test_after_a_loss_people_decide_which_release_goes_without(desk):
    name = lot(desk, 100 * T)
    first, second = released(desk, grams=40 * T), released(desk, grams=50 * T)
    for person in ("ian", "sue"):
        desk.do(person, "recount_lot", lot=name, counted_grams=60 * T)
    # 60 t less the 50 t, or the 40 t, that the other one was promised.
    refused = refusal("conflict", desk.do, "sue", "draw_release", release_id=first)
    assert refused.allowed == {"grams": 10 * T}
    refused = refusal("conflict", desk.do, "sue", "draw_release", release_id=second)
    assert refused.allowed == {"grams": 20 * T}
    desk.do("max", "cancel_release", release_id=second, because="first one is urgent")
    desk.do("sue", "draw_release", release_id=first)


# --- Drawing ---------------------------------------------------------------------


def test_draw_across_three_lots_oldest_first(desk):
    third = lot(desk, 30 * T, on="2025-03-01", cost=3_000)
    first = lot(desk, 10 * T, on="2024-01-01", cost=1_000)
    second = lot(desk, 20 * T, on="2024-06-01", cost=5_000)
    release = released(desk, grams=35 * T)
    made = desk.do("sue", "draw_release", release_id=release)
    # 10 t and 20 t empty the two oldest, 5 t of 30 t are a sixth of the third's cost.
    assert made["draws"] == [
        {"lot": first, "grams": 10 * T},
        {"lot": second, "grams": 20 * T},
        {"lot": third, "grams": 5 * T},
    ]
    costs = [row["cost_cents"] for row in desk.rows("draws", release_id=release)]
    assert costs == [1_000, 5_000, 500]
    assert balance(desk, "expense:release") == 6_500
    assert balance(desk, "inventory:cobalt") == 2_500
    assert desk.row("lots", lot=third)["cost_cents"] == 2_500
    assert desk.row("lots", lot=first)["status"] == "spent"
    (mass,) = desk.rows("mass_balances", account=f"shipped:{release}")
    assert mass["grams"] == 35 * T
    refusal("release_status", desk.do, "sue", "draw_release", release_id=release)


def test_draw_by_certificate_takes_the_first_to_expire(desk):
    late = lot(desk, 10 * T, on="2024-01-01", certificate_expires_on="2027-01-01")
    none = lot(desk, 10 * T, on="2023-01-01")
    soon = lot(desk, 10 * T, on="2025-01-01", certificate_expires_on="2026-01-05")
    # Today is 5 January: the last day of a certificate still counts.
    past = lot(desk, 10 * T, on="2022-01-01", certificate_expires_on="2026-01-04")
    release = released(desk, grams=25 * T, lot_rule="certificate")
    draws = desk.do("sue", "draw_release", release_id=release)["draws"]
    assert [row["lot"] for row in draws] == [soon, late, none]
    assert draws[-1]["grams"] == 5 * T
    refused = refusal("expired", released, desk, grams=6 * T)
    assert refused.allowed == {"grams": 5 * T}
    release = released(desk, grams=6 * T, expired_rule="last")
    draws = desk.do("sue", "draw_release", release_id=release)["draws"]
    assert [row["lot"] for row in draws] == [none, past]


def test_the_reserves_do_not_lend_each_other(desk):
    lot(desk, 10 * T, owner="industrial")
    release = request(desk, grams=T)
    refused = refusal("conflict", desk.do, "max", "check_release", release_id=release)
    assert refused.allowed == {"grams": 0}


def test_shipments_close_a_release(desk):
    lot(desk, 10 * T)
    release = released(desk, claims=[claim("B", 4 * T, "defence"), claim("C", 2 * T)])
    desk.do("sue", "draw_release", release_id=release)
    b, c = (row["claim"] for row in desk.rows("claims", release_id=release))
    ship = {"release_id": release, "carrier": "Rail", "destination": "Plant"}
    refused = refusal("claim", desk.do, "sue", "ship_release", **ship)
    assert refused.allowed == [b, c]
    first = desk.do("sue", "ship_release", claim=b, grams=3 * T, **ship)
    assert first["unshipped_grams"] == 3 * T
    refused = refusal(
        "conflict", desk.do, "sue", "ship_release", claim=b, grams=2 * T, **ship
    )
    assert refused.allowed == {"grams": T}
    names = [first["shipment"]]
    names += [
        desk.do("sue", "ship_release", claim=one, **ship)["shipment"] for one in (b, c)
    ]
    states = [
        desk.do("sue", "deliver_shipment", shipment=name)["release_status"]
        for name in names
    ]
    assert states == ["shipped", "shipped", "closed"]
    refusal("shipment_status", desk.do, "sue", "deliver_shipment", shipment=names[0])


# --- Disposal and rotation -------------------------------------------------------


def sale_plan(desk, grams, action="sell"):
    desk.do("max", "draft_materials_plan", year=2026)
    desk.do(
        "max",
        "set_plan_line",
        year=2026,
        item="cobalt",
        action=action,
        ceiling_grams=grams,
        ceiling_cents=10_000_000,
    )
    desk.do("ann", "approve_materials_plan", year=2026)


def test_disposal_stays_below_the_plan_and_its_market(desk):
    lot(desk, 100 * T, cost=1_000)
    sold = {"ground": "authorised_disposal", "grams": 20 * T, "proceeds_cents": 900}
    refusal("no_plan", released, desk, **sold)
    sale_plan(desk, 30 * T)
    refusal("no_market", released, desk, **sold)
    desk.do(
        "max",
        "set_market_limit",
        item="cobalt",
        yearly_market_grams=200 * T,
        max_share=0.1,
        source="invented",
    )
    release = released(desk, **sold)
    refused = refusal("ceiling", released, desk, **sold)
    assert refused.allowed == {"grams": 10 * T, "cents": 9_999_100}
    refusal("market", released, desk, **(sold | {"grams": T}))
    # Called off, it may be sold again.
    desk.do("max", "cancel_release", release_id=release, because="no buyer")
    release = released(desk, **sold)
    desk.do("sue", "draw_release", release_id=release)
    # A fifth of the lot had cost 200 cents; 900 come in.
    assert balance(desk, "cash") == 900
    assert balance(desk, "income:sales") == -900
    assert balance(desk, "expense:release") == 200
    refusal(
        "release_status",
        desk.do,
        "max",
        "cancel_release",
        release_id=release,
        because="too late",
    )


def test_rotation_owes_the_same_or_better_back(desk):
    lot(desk, 100 * T, cost=1_000, purity=0.998)
    desk.do(
        "max",
        "set_market_limit",
        item="cobalt",
        yearly_market_grams=200 * T,
        max_share=0.1,
        source="invented",
    )
    given = {"ground": "rotation", "grams": 20 * T, "replace_days": 30}
    release = released(desk, **given)
    (duty,) = desk.do("sue", "draw_release", release_id=release)["duties"]
    row = desk.row("duties", duty=duty)
    # 5 January + 30 days is 4 February.
    assert (row["due_on"], row["reserve"], row["member"]) == (
        "2026-02-04",
        "strategic",
        None,
    )
    back = {"duty": duty, "grams": 20 * T, "depot": "D1", "owner": "strategic"}
    refusal("quality", desk.do, "sue", "replenish", purity=0.99, **back)
    fresh = {"purity": 0.998, "producer": "P1", **back}
    refusal("qualification", desk.do, "sue", "replenish", **fresh)
    known = {"producer": "P1", "item": "cobalt"}
    desk.do("ian", "qualify_producer", status="qualified", **known)
    desk.do("sue", "replenish", **fresh)
    assert balance(desk, "inventory:cobalt") == 1_000
    refusal("market", released, desk, **(given | {"grams": T}))


# --- Industrial releases ---------------------------------------------------------


def club(desk):
    """Terms and two members entitled to 60 t and 30 t of 100 t, draw share 25 %."""
    lot(desk, 100 * T, owner="industrial", cost=1_000)
    desk.do(
        "max",
        "set_industrial_terms",
        item="cobalt",
        from_quarter="2026-Q1",
        entry_fee_share=0.0,
        interest_rate=0.06,
        normal_draw_share=0.25,
        replenish_days=60,
        storage_cents_per_t_year=0,
    )
    for member, grams in (("M1", 60 * T), ("M2", 30 * T)):
        desk.do("max", "admit_member", member=member, name=member, entry_fee_cents=0)
        desk.do(
            "ada",
            "add_user",
            user=f"u-{member}",
            name=member,
            member=member,
            roles=["member"],
        )
        desk.do(
            "max",
            "grant_entitlement",
            member=member,
            item="cobalt",
            grams=grams,
            inventory_price_cents_per_t=100,
        )


def switch_on(desk):
    desk.do(
        "max",
        "propose_switch",
        is_on=True,
        ground="blockade",
        ground_reference="Notice",
    )
    desk.do("ann", "approve_switch")


def test_major_disruption_needs_the_switch_and_opens_duties(desk):
    club(desk)
    given = {"reserve": "industrial", "ground": "major_disruption"}
    release = request(desk, **given, claims=[claim("M2", 30 * T), claim("M1", 50 * T)])
    refusal("switch", desk.do, "max", "check_release", release_id=release)
    switch_on(desk)
    approve(desk, release)
    # Within a class the larger entitlement comes first.
    rows = desk.rows("claims", release_id=release)
    assert {r["claimant"]: r["rank"] for r in rows} == {"M1": 1, "M2": 2}
    duties = desk.do("sue", "draw_release", release_id=release)["duties"]
    owed = {r["member"]: (r["open_grams"], r["due_on"]) for r in desk.rows("duties")}
    # 5 January + 60 days: 26 in January, 28, 6 in March.
    assert owed == {"M1": (50 * T, "2026-03-06"), "M2": (30 * T, "2026-03-06")}
    assert len(duties) == 2
    one = desk.do(
        "sue",
        "ship_release",
        release_id=release,
        claim=rows[1]["claim"],
        carrier="Road",
        destination="M1",
    )
    desk.do("sue", "deliver_shipment", shipment=one["shipment"])
    (mass,) = desk.rows("mass_balances", account="member:M1", item="cobalt")
    assert mass["grams"] == 50 * T


def test_normal_draws_are_granted_within_the_share(desk):
    club(desk)
    given = {"reserve": "industrial", "ground": "normal_draw"}
    release = request(desk, **given, claims=[claim("M1", 50 * T)])
    # 25 % of 60 t.
    assert approve(desk, release)["granted_grams"] == 15 * T
    # Approved and not yet drawn, it counts against the next one and against draws.
    other = request(desk, **given, claims=[claim("M1", T)])
    refused = refusal("conflict", approve, desk, other)
    assert "the claims may have 0 g" in refused.message
    draw = {"member": "M1", "item": "cobalt", "grams": T}
    assert refusal(
        "draw_share", desk.do, "max", "draw_entitlement", **draw
    ).allowed == {"grams": 0}
    desk.do("sue", "draw_release", release_id=release)


def test_a_member_is_not_promised_its_share_twice(desk):
    club(desk)
    given = {"reserve": "industrial", "ground": "normal_draw"}
    first, second = (
        request(desk, **given, claims=[claim("M1", 10 * T)]) for _ in range(2)
    )
    for release in (first, second):
        desk.do("max", "check_release", release_id=release)
        desk.do("ann", "approve_release", release_id=release)
    desk.do("bob", "approve_release", release_id=first)
    # 25 % of 60 t are 15 t: 5 t are left of the 10 t that the check had granted.
    refused = refusal(
        "draw_share", desk.do, "bob", "approve_release", release_id=second
    )
    assert refused.allowed == {"grams": 5 * T}


def test_member_files_its_own_claim_on_industrial_metal_only(desk):
    club(desk)
    given = {"reserve": "industrial", "ground": "normal_draw"}
    refusal("not_yours", request, desk, actor="u-M1", grams=T)
    refusal("not_yours", request, desk, actor="u-M1", claims=[claim("M2", T)], **given)
    release = request(desk, actor="u-M1", claims=[claim("M1", T)], **given)
    desk.do("u-M2", "file_claim", release_id=release, **claim("M2", T))
    refusal(
        "not_yours", desk.do, "u-M2", "cancel_release", release_id=release, because="x"
    )
    desk.do("u-M1", "cancel_release", release_id=release, because="not needed")
    empty = request(desk, grams=T, **given)
    refusal("no_claim", desk.do, "max", "check_release", release_id=empty)
    refusal(
        "not_found",
        desk.do,
        "max",
        "file_claim",
        release_id=empty,
        **claim("nobody", T),
    )


def test_normal_draws_leave_approved_releases_their_grams(desk):
    club(desk)
    switch_on(desk)
    given = {"reserve": "industrial", "ground": "major_disruption"}
    release = released(desk, **given, claims=[claim("M1", 60 * T), claim("M2", 30 * T)])
    desk.do(
        "max",
        "grant_entitlement",
        member="M2",
        item="cobalt",
        grams=10 * T,
        inventory_price_cents_per_t=200,
    )
    # 40 t less the 30 t that are promised already.
    draw = {"actor": "max", "command": "draw_entitlement", "member": "M2"}
    draw |= {"item": "cobalt"}
    refused = refusal("entitlements", desk.do, grams=11 * T, **draw)
    assert refused.allowed == {"grams": 10 * T}
    desk.do(grams=10 * T, **draw)
    desk.do("sue", "draw_release", release_id=release)


# --- Properties ------------------------------------------------------------------

CLAIMS = st.lists(
    st.builds(
        Claim,
        claim=st.uuids().map(str),
        claimant=st.sampled_from("ABC"),
        klass=st.sampled_from(["defence", "essential", "other"]),
        eligible_grams=st.integers(0, 1_000),
        entitled_grams=st.none() | st.integers(0, 5),
        security_value_cents_per_t=st.none() | st.integers(0, 5),
        filed_at=st.sampled_from(["2026-01-01", "2026-01-02"]),
    ),
    max_size=8,
    unique_by=lambda one: one.claim,
)


@given(claims=CLAIMS, grams=st.integers(0, 5_000), data=st.data())
def test_grants_share_out_exactly_and_do_not_depend_on_the_order_given(
    claims, grams, data
):
    mixed = data.draw(st.permutations(claims))
    most = sum(one.eligible_grams for one in claims)
    for rule in ("order", "pro_rata"):
        granted = grant_claims(claims, grams=grams, rule=rule)
        assert granted == grant_claims(mixed, grams=grams, rule=rule)
        assert sum(granted.values()) == min(grams, most)
        assert all(0 <= granted[one.claim] <= one.eligible_grams for one in claims)
        # A class gets something only once the class before it has all it may have.
        short = [one.klass for one in claims if granted[one.claim] < one.eligible_grams]
        served = [one.klass for one in claims if granted[one.claim]]
        classes = ["defence", "essential", "other"]
        if short and served:
            first = min(map(classes.index, short))
            assert first >= max(map(classes.index, served))
    assert rank_claims(claims) == rank_claims(mixed)


LOTS = st.lists(
    st.fixed_dictionaries(
        {
            "grams": st.integers(1, 1_000),
            "cost_cents": st.integers(0, 1_000),
            "received_on": st.sampled_from(["2024-01-01", "2025-01-01"]),
            "certificate_expires_on": st.sampled_from(
                [None, "2025-12-31", "2026-12-31"]
            ),
            "expires_on": st.sampled_from([None, "2025-12-31", "2027-12-31"]),
        }
    ),
    max_size=6,
)


@given(
    lots=LOTS,
    grams=st.integers(0, 5_000),
    rule=st.sampled_from(["oldest", "certificate"]),
    expired=st.sampled_from(["skip", "last", "allow"]),
)
def test_choice_of_lots_takes_what_is_there_and_empties_one_before_the_next(
    lots, grams, rule, expired
):
    today = date(2026, 1, 1)
    lots = [
        {"lot": f"L{n}", "item": "x", "depot": "D", "purity": None, **one}
        for n, one in enumerate(lots)
    ]
    past = {
        one["lot"]
        for one in lots
        if (one["certificate_expires_on"] or "9") < "2026-01-01"
        or (one["expires_on"] or "9") < "2026-01-01"
    }
    held = {one["lot"]: one["grams"] for one in lots}
    most = sum(g for name, g in held.items() if expired != "skip" or name not in past)
    picks = choose_lots(lots, grams=grams, rule=rule, expired=expired, today=today)
    assert sum(pick.grams for pick in picks) == min(grams, most)
    assert all(pick.grams == held[pick.lot] for pick in picks[:-1])
    if expired == "skip":
        assert past.isdisjoint(pick.lot for pick in picks)
    if expired == "last":
        seen = [pick.lot in past for pick in picks]
        assert seen == sorted(seen)


def test_a_year_of_releases_verifies(desk):
    lot(desk, 40 * T, cost=77, on="2024-02-29")
    lot(desk, 40 * T, cost=78)
    release = released(desk, claims=[claim("B", 50 * T, "defence")])
    desk.do("sue", "draw_release", release_id=release)
    (one,) = desk.rows("claims", release_id=release)
    made = desk.do(
        "sue",
        "ship_release",
        release_id=release,
        claim=one["claim"],
        carrier="Rail",
        destination="Arsenal",
    )
    desk.do("sue", "deliver_shipment", shipment=made["shipment"])
    assert desk.row("releases", release_id=release)["status"] == "closed"
    assert desk.reserve.verify().ok


def view(desk, name, *, day=None):
    """Read a view as the auditor."""
    from oreserve.reserve._book import Actor

    if day is not None:
        desk.clock.set(day)
    return list(desk.reserve.query.rows(name, Actor("aud", frozenset({"auditor"}))))


def test_desk_of_releases_names_the_next_step(desk):
    lot(desk, 10 * T)
    release = request(desk, claims=[claim("B", 2 * T)])
    steps = []
    for actor, command in (
        ("max", "check_release"),
        ("ann", "approve_release"),
        ("bob", "approve_release"),
        ("sue", "draw_release"),
    ):
        (row,) = view(desk, "release_desk")
        steps.append((row["next_step"], row["approvals"], row["claims"]))
        desk.do(actor, command, release_id=release)
    assert steps == [
        ("check_release", 0, 1),
        ("approve_release", 0, 1),
        ("approve_release", 1, 1),
        ("draw_release", 2, 1),
    ]


def test_cover_positions_and_duties_are_seen(desk):
    club(desk)
    given = {"reserve": "industrial", "ground": "normal_draw"}
    release = released(desk, **given, claims=[claim("M1", 10 * T)])
    (row,) = view(desk, "entitlement_cover")
    # 100 t less 60 t and 30 t: 10 t may be granted; 10 t are kept for the release.
    assert row["unencumbered_grams"] == row["reserved_grams"] == 10 * T
    (row, _) = view(desk, "member_positions")
    assert (row["promised_grams"], row["free_grams"]) == (10 * T, 50 * T)
    desk.do("sue", "draw_release", release_id=release)
    (row,) = view(desk, "entitlement_cover")
    assert (row["stock_grams"], row["owed_grams"]) == (90 * T, 10 * T)
    rows = {row["member"]: row for row in view(desk, "member_positions")}
    assert (rows["M1"]["owed_grams"], rows["M1"]["free_grams"]) == (10 * T, 50 * T)
    assert (rows["M2"]["owed_grams"], rows["M2"]["free_grams"]) == (0, 30 * T)
    # Due on 6 March: overdue from the 7th on.
    (row,) = view(desk, "duties_open", day="2026-03-06")
    assert row["is_overdue"] is False
    (row,) = view(desk, "duties_open", day="2026-03-07")
    assert row["is_overdue"] is True


def test_ceilings_in_force_and_waiting_are_seen(desk):
    lot(desk, 100 * T)
    sale_plan(desk, 30 * T)
    desk.do(
        "max",
        "set_market_limit",
        item="cobalt",
        yearly_market_grams=500 * T,
        max_share=0.1,
        source="invented",
    )
    released(desk, ground="authorised_disposal", grams=20 * T, proceeds_cents=900)
    made = desk.do(
        "max",
        "draft_plan_change",
        year=2026,
        item="cobalt",
        action="sell",
        ceiling_grams=60 * T,
        ceiling_cents=10_000_000,
    )
    desk.do("ann", "approve_plan_change", change=made["change"])
    desk.do("max", "notify_plan_change", change=made["change"], notice="Letter")
    (row,) = view(desk, "plan_ceilings", day="2026-02-18")
    assert (row["ceiling_grams"], row["left_grams"]) == (30 * T, 10 * T)
    assert (row["waiting_grams"], row["waiting_on"]) == (60 * T, "2026-02-19")
    (row,) = view(desk, "plan_ceilings", day="2026-02-19")
    assert (row["ceiling_grams"], row["left_grams"]) == (60 * T, 40 * T)
    assert row["waiting_on"] is None
    (row,) = view(desk, "market_room")
    assert (row["bought_grams"], row["sold_grams"]) == (0, 20 * T)


def test_approvals_at_once_never_keep_more_than_is_there(desk):
    lot(desk, 100 * T)
    names = [request(desk, grams=30 * T) for _ in range(8)]
    for name in names:
        desk.do("max", "check_release", release_id=name)
        desk.do("ann", "approve_release", release_id=name)

    def decide(name):
        try:
            desk.reserve.execute(
                "approve_release",
                {"release_id": name},
                actor="bob",
                reason="at once",
                key=f"decide-{name}",
            )
        except Refused as refused:
            return refused.rule, refused.allowed
        return "approved", None

    # Three times 30 t of 100 t; whoever comes later is told of the 10 t left.
    with ThreadPoolExecutor(8) as threads:
        told = list(threads.map(decide, names))
    assert told.count(("approved", None)) == 3
    assert told.count(("conflict", {"grams": 10 * T})) == 5
