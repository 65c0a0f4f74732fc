# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from datetime import timedelta

import pytest

from oreserve.reserve import Refused

PASSWORD = "correct horse battery"  # noqa: S105


def set_password(desk, user="bea", password=PASSWORD, by="ada", key="p1"):
    desk.reserve.access.set_password(user, password, by=by, key=key)


def test_right_password_begins_a_session_with_the_roles_of_now(desk):
    set_password(desk)
    signed = desk.reserve.access.sign_in("bea", PASSWORD, address="10.0.0.1")
    session = desk.reserve.access.session(signed.secret)
    assert session.actor.user == "bea"
    assert session.actor.roles == {"buyer"}
    desk.do("ada", "grant_role", user="bea", role="inspector")
    again = desk.reserve.access.session(signed.secret)
    assert again.actor.roles == {"buyer", "inspector"}


def test_wrong_password_and_unknown_user_are_told_alike(desk):
    set_password(desk)
    told = []
    for user in ("bea", "nobody"):
        with pytest.raises(Refused) as caught:
            desk.reserve.access.sign_in(user, "wrong password!", address="x")
        told.append((caught.value.rule, caught.value.status, str(caught.value)))
    assert told[0] == told[1]
    assert told[0][:2] == ("sign_in", 401)


def test_sixth_guess_must_wait_and_the_right_password_too(desk):
    set_password(desk)
    for _ in range(5):
        with pytest.raises(Refused, match="do not match"):
            desk.reserve.access.sign_in("bea", "wrong password!", address="x")
    with pytest.raises(Refused) as caught:
        desk.reserve.access.sign_in("bea", PASSWORD, address="y")
    assert (caught.value.rule, caught.value.status) == ("locked", 429)
    desk.clock.now += timedelta(seconds=31)
    assert desk.reserve.access.sign_in("bea", PASSWORD, address="y").user == "bea"


def test_an_address_that_tries_many_users_must_wait(desk):
    for number in range(30):
        with pytest.raises(Refused, match="do not match"):
            desk.reserve.access.sign_in(f"u{number}", "wrong", address="bad")
    with pytest.raises(Refused) as caught:
        desk.reserve.access.sign_in("another", "wrong", address="bad")
    assert caught.value.rule == "locked"


def test_failures_are_forgotten_an_hour_after_the_last(desk):
    for number in range(4):
        with pytest.raises(Refused):
            desk.reserve.access.sign_in(f"u{number}", "wrong", address="x")
    assert len(desk.rows("attempts")) == 5
    desk.clock.now += timedelta(hours=1, seconds=1)
    with pytest.raises(Refused):
        desk.reserve.access.sign_in("u9", "wrong", address="x")
    assert [(r["subject"], r["failures"]) for r in desk.rows("attempts")] == [
        ("x", 1),
        ("u9", 1),
    ]


@pytest.mark.parametrize("user", ["", "a\x00b", "\ud800", "x" * 5000, "' OR 1=1 --"])
@pytest.mark.parametrize("password", ["wrong", "\ud800", "x" * 100_000, "\x00"])
def test_odd_names_and_passwords_are_only_wrong(desk, user, password):
    with pytest.raises(Refused) as caught:
        desk.reserve.access.sign_in(user, password, address="x")
    assert caught.value.rule == "sign_in"
    assert desk.reserve.access.session(user) is None
    assert desk.reserve.access.token("ores_" + user) is None
    assert desk.reserve.access.actor(user) is None


def test_session_ends_by_sign_out_time_idleness_and_new_password(desk):
    access = desk.reserve.access
    set_password(desk)
    out, late, changed = (access.sign_in("bea", PASSWORD) for _ in range(3))
    access.sign_out(out.secret)
    assert access.session(out.secret) is None
    desk.clock.now += timedelta(hours=1, minutes=59)
    assert access.session(changed.secret) is not None
    desk.clock.now += timedelta(minutes=2)
    assert access.session(late.secret) is None, "idle for more than two hours"
    assert access.session(changed.secret) is not None
    set_password(desk, password=PASSWORD + "2", by="bea", key="p2")
    assert access.session(changed.secret) is None


def test_user_who_is_no_longer_active_has_no_session_and_no_token(desk):
    access = desk.reserve.access
    set_password(desk)
    signed = access.sign_in("bea", PASSWORD)
    token = access.issue_token(
        "bea", name="t", scopes=["read"], days=1, by="bea", key="t"
    )
    desk.do("ada", "change_user", user="bea", active=False)
    assert access.session(signed.secret) is None
    assert access.token(token) is None
    with pytest.raises(Refused, match="do not match"):
        access.sign_in("bea", PASSWORD)


def test_token_has_scopes_expires_and_can_be_revoked(desk):
    access = desk.reserve.access
    token = access.issue_token(
        "bea", name="t", scopes=["read", "draft_order"], days=2, by="bea", key="t"
    )
    use = access.token(token)
    assert (use.actor.user, use.scopes) == ("bea", {"read", "draft_order"})
    assert access.token(token + "x") is None
    desk.clock.now += timedelta(days=2)
    assert access.token(token) is None
    second = access.issue_token(
        "bea", name="t", scopes=["read"], days=2, by="bea", key="t2"
    )
    access.revoke_token(access.token(second).token, by="bea", key="t3")
    assert access.token(second) is None


def test_another_persons_password_needs_an_administrator(desk):
    with pytest.raises(Refused) as caught:
        set_password(desk, by="max")
    assert caught.value.rule == "role"
    assert desk.rows("credentials") == []


def test_weak_password_is_refused(desk):
    for password in ("short", "x" * 257, "beabeabeabea"[:3] * 1):
        with pytest.raises(Refused) as caught:
            set_password(desk, password=password)
        assert caught.value.rule == "password"


def test_no_secret_is_stored_or_audited(desk):
    access = desk.reserve.access
    set_password(desk)
    signed = access.sign_in("bea", PASSWORD)
    token = access.issue_token(
        "bea", name="t", scopes=["read"], days=1, by="bea", key="t"
    )
    stored = "".join(
        str(desk.rows(table))
        for table in ("audit", "credentials", "sessions", "tokens", "attempts")
    )
    for secret in (PASSWORD, signed.secret, token, token.partition("_")[2]):
        assert secret not in stored
    assert desk.row("credentials", user="bea")["password_hash"].startswith("$argon2id$")
    assert desk.reserve.verify().ok


def test_identity_is_linked_by_an_administrator(desk):
    access = desk.reserve.access
    access.link_identity(
        "bea", issuer="https://id.example", identity="42", by="ada", key="l"
    )
    assert access.user_of_identity("https://id.example", "42") == "bea"
    assert access.user_of_identity("https://other.example", "42") is None
    with pytest.raises(Refused):
        access.link_identity("bea", issuer="i", identity="1", by="bea", key="m")


def test_deactivation_ends_sessions_and_tokens_for_good(desk):
    access = desk.reserve.access
    set_password(desk)
    signed = access.sign_in("bea", PASSWORD)
    token = access.issue_token(
        "bea", name="t", scopes=["read"], days=1, by="bea", key="t"
    )
    desk.do("ada", "change_user", user="bea", name="Bea B")
    assert access.session(signed.secret) is not None
    desk.do("ada", "change_user", user="bea", active=False)
    desk.do("ada", "change_user", user="bea", active=True)
    assert access.session(signed.secret) is None
    assert access.token(token) is None
    assert access.sign_in("bea", PASSWORD).user == "bea"
    assert desk.reserve.verify().ok


def test_new_password_revokes_tokens(desk):
    access = desk.reserve.access
    token, other = (
        access.issue_token(user, name="t", scopes=["read"], days=9, by=user, key="t")
        for user in ("bea", "max")
    )
    set_password(desk, by="bea")
    assert access.token(token) is None
    assert access.token(other) is not None
    assert access.tokens("bea")[0]["revoked_at"] is not None


def test_texts_that_are_no_names_are_counted_and_stopped_too(desk):
    def guess(number):
        desk.reserve.access.sign_in(f"a{number}\x02", "wrong", address="bad")

    for number in range(5):
        with pytest.raises(Refused, match="do not match"):
            guess(number)
    with pytest.raises(Refused) as caught:
        guess(9)
    assert caught.value.rule == "locked"
