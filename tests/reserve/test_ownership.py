# SPDX-License-Identifier: Apache-2.0
"""A member's user acts for its own member, and a refusal tells nothing of others."""

from __future__ import annotations

import pytest

from oreserve.reserve import Refused

T = 1_000_000  # grams of a tonne
PRICE = 3_000_000


@pytest.fixture
def club(desk):
    """Two members with a user each, terms, stock, and an entitlement of M1."""
    desk.do(
        "max",
        "set_industrial_terms",
        item="cobalt",
        from_quarter="2026-Q1",
        entry_fee_share=0.0,
        interest_rate=0.0,
        normal_draw_share=1.0,
        replenish_days=90,
        storage_cents_per_t_year=0,
    )
    for owner in ("industrial", "strategic"):
        desk.do(
            "sue",
            "receive_lot",
            item="cobalt",
            depot="D1",
            owner=owner,
            grams=100 * T,
            received_on="2025-06-01",
            cost_cents=0,
        )
    for member in ("M1", "M2"):
        desk.do("max", "admit_member", member=member, name=member, entry_fee_cents=0)
        user = {"user": f"u-{member}", "name": member, "member": member}
        desk.do("ada", "add_user", **user, roles=["member"])
    desk.do(
        "max",
        "grant_entitlement",
        member="M1",
        item="cobalt",
        grams=20 * T,
        inventory_price_cents_per_t=PRICE,
    )
    return desk


def told(desk, actor, command, *, version=None, **arguments):
    """Return rule, message and allowed of a refusal."""
    with pytest.raises(Refused) as caught:
        desk.reserve.execute(
            command,
            arguments,
            actor=actor,
            reason="test",
            key=f"told {desk.clock.now}",
            expected_version=version,
        )
    return caught.value.rule, caught.value.message, caught.value.allowed


def release(desk, actor="max", reserve="strategic", **more):
    ground = "war" if reserve == "strategic" else "normal_draw"
    return desk.do(
        actor,
        "request_release",
        reserve=reserve,
        item="cobalt",
        ground=ground,
        ground_reference="Act 1",
        **more,
    )["release_id"]


def test_role_of_member_is_given_only_to_who_acts_for_a_member(club):
    refused = told(club, "ada", "grant_role", user="bea", role="member")
    assert refused[0] == "no_member"
    new = {"user": "eve", "name": "Eve", "roles": ["member"]}
    assert told(club, "ada", "add_user", **new)[0] == "no_member"


def test_role_of_member_without_a_member_acts_for_nobody(club):
    # As an older release let it be.
    with club.reserve.engine.begin() as connection:
        connection.exec_driver_sql("INSERT INTO user_roles VALUES ('lyn', 'member')")
    draw = {"member": "M1", "item": "cobalt", "grams": T}
    assert told(club, "lyn", "draw_entitlement", **draw)[0] == "not_yours"
    offer = {"from_member": "M1", "to_member": "M2", "item": "cobalt", "grams": T}
    price = {"inventory_price_cents_per_t": PRICE}
    assert told(club, "lyn", "offer_transfer", **offer, **price)[0] == "not_yours"
    claim = {"claimant": "M1", "claim_class": "other", "grams": T}
    made = release(club, reserve="industrial", claims=[claim])
    assert told(club, "lyn", "cancel_release", release_id=made, because="x")[0] == (
        "not_yours"
    )
    claim = {"release_id": made, "claimant": "M2", "claim_class": "other", "grams": T}
    assert told(club, "lyn", "file_claim", **claim)[0] == "not_yours"
    # A role that acts for the reserve lets it act for any member.
    club.do("ada", "grant_role", user="lyn", role="manager")
    assert club.do("lyn", "draw_entitlement", **draw)["duty"]


@pytest.mark.parametrize("version", [None, 999])
def test_draw_for_another_member_is_refused_alike_whether_there_or_not(club, version):
    draw = {"item": "cobalt", "grams": T}
    there, missing = (
        told(club, "u-M2", "draw_entitlement", version=version, member=name, **draw)
        for name in ("M1", "nobody")
    )
    assert there == missing
    assert there[0] == "not_yours"


@pytest.mark.parametrize("version", [None, 999])
def test_release_of_others_is_refused_alike_in_any_state(club, version):
    open_, closed = release(club, grams=T), release(club, grams=T)
    club.do("max", "refuse_release", release_id=closed, because="x")
    seen = [
        told(
            club,
            "u-M1",
            "cancel_release",
            version=version,
            release_id=name,
            because="x",
        )
        for name in (open_, closed, "REL-999999")
    ]
    plain = [(r, m.partition(" ")[2], a) for r, m, a in seen]
    assert plain[0] == plain[1] == plain[2]
    assert plain[0][0] == "not_yours"


@pytest.mark.parametrize("version", [None, 999])
@pytest.mark.parametrize("command", ["accept_transfer", "withdraw_transfer"])
def test_transfer_of_others_is_refused_alike(club, command, version):
    member = {"member": "M3", "name": "M3", "entry_fee_cents": 0}
    club.do("max", "admit_member", **member)
    offer = {"from_member": "M1", "to_member": "M3", "item": "cobalt", "grams": T}
    made = club.do("u-M1", "offer_transfer", **offer, inventory_price_cents_per_t=PRICE)
    there, missing = (
        told(club, "u-M2", command, version=version, transfer=name)
        for name in (made["transfer"], "TRF-999999")
    )
    assert there[0] == missing[0] == "not_yours"
    assert there[1].partition(" ")[2] == missing[1].partition(" ")[2]


@pytest.mark.parametrize("version", [None, 999])
def test_member_claims_no_strategic_metal_and_voids_no_approval(club, version):
    made = release(club, grams=T)
    club.do("max", "check_release", release_id=made)
    claim = {"claim_class": "defence", "grams": T}
    for claimant in ("navy", "M1"):
        seen = [
            told(
                club,
                "u-M1",
                "file_claim",
                version=version,
                release_id=name,
                claimant=claimant,
                **claim,
            )
            for name in (made, "REL-999999")
        ]
        assert seen[0][0] == seen[1][0] == "not_yours"
        assert seen[0][1].replace(made, "REL-999999") == seen[1][1]
    assert club.row("releases", release_id=made)["status"] == "checked"
    assert club.rows("claims") == []


@pytest.mark.parametrize("command", ["set_password", "issue_token", "revoke_token"])
def test_sign_in_of_others_is_refused_alike(club, command):
    more = {
        "issue_token": {"name": "t", "scopes": ["read"], "expires_at": "2026-02-01"},
        "revoke_token": {"token": "TOK-1"},
    }.get(command, {})
    there, missing = (
        told(club, "u-M1", command, version=999, user=name, **more)
        for name in ("bea", "nobody")
    )
    assert there[0] == missing[0] == "role"
    assert there[1].replace("bea", "nobody") == missing[1]
