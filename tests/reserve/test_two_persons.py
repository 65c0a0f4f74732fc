# SPDX-License-Identifier: Apache-2.0
"""Two persons are two: not one who also holds the other's sign-in."""

from __future__ import annotations

from datetime import timedelta

import pytest

from oreserve.reserve import Refused

T = 1_000_000  # grams of a tonne


@pytest.fixture
def checked(desk):
    """A checked release; all users are older than a day."""
    desk.clock.now += timedelta(days=2)
    desk.do(
        "sue",
        "receive_lot",
        item="cobalt",
        depot="D1",
        owner="strategic",
        grams=100 * T,
        received_on="2025-06-01",
        cost_cents=0,
    )
    made = desk.do(
        "max",
        "request_release",
        reserve="strategic",
        item="cobalt",
        ground="war",
        ground_reference="Act 1",
        grams=T,
    )["release_id"]
    desk.do("max", "check_release", release_id=made)
    return made


def approve(desk, person, release):
    return desk.do(person, "approve_release", release_id=release)


def deny(desk, person, release):
    with pytest.raises(Refused) as caught:
        approve(desk, person, release)
    assert caught.value.rule == "two_persons"
    return caught.value.message


def let_in(desk, user, by, how="set_password"):
    more = {"name": "t", "scopes": ["write"], "expires_at": "2026-12-31"}
    desk.do(by, how, user=user, **(more if how == "issue_token" else {}))


@pytest.mark.parametrize("how", ["set_password", "issue_token"])
def test_administrator_is_no_second_person_beside_whom_they_let_in(desk, checked, how):
    desk.do("ada", "grant_role", user="ada", role="approver")
    let_in(desk, "bob", "ada", how)
    approve(desk, "ada", checked)
    assert "ada" in deny(desk, "bob", checked)
    desk.clock.now += timedelta(days=1, seconds=1)
    assert approve(desk, "bob", checked)["status"] == "approved"
    assert desk.reserve.verify().ok


def test_who_let_the_drafter_in_does_not_approve(desk, checked):
    desk.do("ada", "grant_role", user="ada", role="approver")
    let_in(desk, "max", "ada")
    assert "max" in deny(desk, "ada", checked)


def test_two_whom_one_hand_let_in_are_not_two_persons(desk, checked):
    let_in(desk, "ann", "ada")
    let_in(desk, "bob", "ada")
    approve(desk, "ann", checked)
    assert "both" in deny(desk, "bob", checked)


def test_own_password_and_new_users_are_no_obstacle(desk, checked):
    let_in(desk, "ann", "ann")
    let_in(desk, "bob", "bob")
    approve(desk, "ann", checked)
    for user in ("cid", "dot"):
        desk.do("ada", "add_user", user=user, name=user, roles=["approver"])
        let_in(desk, user, "ada")
    assert approve(desk, "cid", checked)["status"] == "approved"


@pytest.mark.parametrize("lost", ["activity", "role"])
def test_word_of_who_may_no_more_does_not_count(desk, checked, lost):
    approve(desk, "ann", checked)
    if lost == "role":
        desk.do("ada", "revoke_role", user="ann", role="approver")
    else:
        desk.do("ada", "change_user", user="ann", active=False)
    assert approve(desk, "bob", checked)["status"] == "checked"
    desk.do("ada", "grant_role", user="tom", role="approver")
    assert approve(desk, "tom", checked)["status"] == "approved"
    assert desk.reserve.verify().ok


def test_who_filed_a_claim_does_not_approve_the_release(desk, checked):
    desk.do("ada", "grant_role", user="ann", role="manager")
    claim = {"claimant": "navy", "claim_class": "defence", "grams": T}
    desk.do("ann", "file_claim", release_id=checked, **claim)
    desk.do("max", "check_release", release_id=checked)
    assert "claim" in deny(desk, "ann", checked)
    assert approve(desk, "bob", checked)["approvals"] == 1


def test_entries_of_the_first_edition_are_replayed_by_it(desk, checked, monkeypatch):
    monkeypatch.setattr("oreserve.reserve._unit.RULES", 1)
    desk.do("ada", "grant_role", user="lyn", role="member")  # refused by the second
    approve(desk, "ann", checked)
    desk.do("ada", "revoke_role", user="ann", role="approver")
    assert approve(desk, "bob", checked)["status"] == "approved"
    monkeypatch.undo()
    with pytest.raises(Refused, match="no member"):
        desk.do("ada", "grant_role", user="sue", role="member")
    found = desk.reserve.verify()
    assert found.ok, found.summary()
