# SPDX-License-Identifier: Apache-2.0
"""Signing in and out, and what an attacker tries there."""

# ruff: noqa: S106  # passwords that are tried, not kept

from __future__ import annotations

import logging
from datetime import timedelta

import pytest
from starlette.requests import HTTPConnection

from oreserve.web import Settings
from oreserve.web._doorman import Doorman
from web.conftest import PASSWORD, csrf_of_page, hidden, served


def sign_in(client, user="max", password=PASSWORD, **more):
    form = {
        "_csrf": csrf_of_page(client.get("/sign-in").text),
        "user": user,
        "password": password,
    }
    return client.post("/sign-in", data={**form, **more})


def test_a_password_opens_a_session_with_a_safe_cookie(house):
    client = house.browser()
    answer = sign_in(client, _next="/stock")
    assert (answer.status_code, answer.headers["location"]) == (303, "/stock")
    cookie = next(
        c for c in answer.headers.get_list("set-cookie") if c.startswith("oreserve=")
    )
    assert "HttpOnly" in cookie
    assert "SameSite=lax" in cookie
    assert client.get("/stock").status_code == 200


def test_over_https_the_cookie_is_secure_and_bound_to_the_host(told_file, tmp_path):
    with served(told_file, tmp_path / "s.db", Settings(secure=True)) as house:
        client = house.browser()
        client.base_url = "https://reserve.test"
        answer = sign_in(client)
        (cookie,) = (
            c
            for c in answer.headers.get_list("set-cookie")
            if c.startswith("__Host-oreserve=")
        )
        assert "Secure" in cookie
        assert "Path=/" in cookie
        assert "strict-transport-security" in answer.headers


def test_a_planted_session_is_worth_nothing_after_signing_in(house):
    attacker = house.browser("mia")
    planted = attacker.cookies["oreserve"]
    victim = house.browser()
    victim.cookies.set("oreserve", planted)
    answer = sign_in(victim)
    assert answer.status_code == 303
    assert f"oreserve={planted}" not in str(answer.headers)
    house.clock.now += timedelta(seconds=5)
    # The planted session has ended, it did not become the victim's.
    assert attacker.get("/api/v1/me").status_code in {200, 401}
    fresh = house.browser()
    fresh.cookies.set("oreserve", planted)
    assert fresh.get("/api/v1/me").status_code == 401


def test_a_wrong_password_says_the_same_as_an_unknown_user(house):
    known = sign_in(house.browser(), password="something else")
    unknown = sign_in(house.browser(), user="nobody")
    assert known.status_code == unknown.status_code == 401
    assert "The user or the password is wrong." in known.text
    assert "The user or the password is wrong." in unknown.text


def test_guessing_is_slowed_per_user_with_a_time_to_wait(house):
    statuses = []
    client = house.browser()
    for _ in range(7):
        answer = sign_in(client, password="wrong password")
        statuses.append(answer.status_code)
    assert statuses[0] == 401
    assert statuses[-1] == 429
    assert int(answer.headers["retry-after"]) > 0
    # The right password does not get in either, until the time has passed.
    assert sign_in(client).status_code == 429
    house.clock.now += timedelta(minutes=20)
    assert sign_in(client).status_code == 303


@pytest.mark.parametrize(
    "proxies,told,expected",
    [
        ((), "6.6.6.6", "10.0.0.1"),
        (("10.0.0.1",), "6.6.6.6, 7.7.7.7", "7.7.7.7"),
        (("10.0.0.1", "10.0.0.2"), "7.7.7.7, 10.0.0.2", "7.7.7.7"),
        (("10.0.0.1",), "", "10.0.0.1"),
    ],
)
def test_an_address_is_believed_from_our_own_proxy_only(calm, proxies, told, expected):
    doorman = Doorman(calm.store, Settings(trusted_proxies=frozenset(proxies)))
    headers = [(b"x-forwarded-for", told.encode())] if told else []
    scope = {"type": "http", "client": ("10.0.0.1", 5), "headers": headers}
    assert doorman.address(HTTPConnection(scope)) == expected


def test_the_form_needs_the_token_of_its_browser(house):
    client = house.browser()
    client.get("/sign-in")
    form = {"user": "max", "password": PASSWORD}
    assert client.post("/sign-in", data=form).status_code == 403
    other = csrf_of_page(house.browser().get("/sign-in").text)
    assert client.post("/sign-in", data={**form, "_csrf": other}).status_code == 403


@pytest.mark.parametrize(
    "target",
    [
        "https://evil.example/",
        "//evil.example",
        "/\\evil.example",
        "javascript:alert(1)",
    ],
)
def test_signing_in_leads_to_this_server_only(house, target):
    answer = sign_in(house.browser(), _next=target)
    assert answer.headers["location"] == "/"


def test_signing_out_ends_the_session_here_and_at_once(house):
    client = house.browser("max")
    kept = client.cookies["oreserve"]
    csrf = csrf_of_page(client.get("/").text)
    assert client.post("/sign-out", data={"_csrf": "x"}).status_code == 403
    assert client.post("/sign-out", data={"_csrf": csrf}).status_code == 303
    again = house.browser()
    again.cookies.set("oreserve", kept)
    assert again.get("/api/v1/me").status_code == 401
    assert again.get("/stock").status_code == 303


def test_an_idle_session_ends(house):
    client = house.browser("max")
    house.clock.now += timedelta(hours=3)
    fresh = house.browser()
    fresh.cookies.set("oreserve", client.cookies["oreserve"])
    house.app._app.state.oreserve.doorman.forget_all()
    assert fresh.get("/api/v1/me").status_code == 401


def test_a_page_sends_a_stranger_to_sign_in_and_back(house):
    answer = house.browser().get("/lots?status=any")
    assert answer.status_code == 303
    assert answer.headers["location"] == "/sign-in?next=%2Flots%3Fstatus%3Dany"


def test_a_form_from_elsewhere_changes_nothing(house):
    client = house.browser("max")
    before = house.store.head()
    page = client.get("/do/add_depot").text
    form = {
        "_key": hidden(page, "_key"),
        "depot": "D9",
        "name": "Nine",
        "country": "USA",
        "_reason": "r",
    }
    assert client.post("/do/add_depot", data=form).status_code == 403
    csrf = csrf_of_page(page)
    cross = {"sec-fetch-site": "cross-site"}
    answer = client.post("/do/add_depot", data={**form, "_csrf": csrf}, headers=cross)
    assert answer.status_code == 403
    del client.headers["x-csrf-token"]
    assert house.give(client, "add_depot").json()["rule"] == "csrf"
    assert house.store.head() == before


def test_a_new_password_ends_every_session_and_leaves_no_trace(house, caplog):
    client = house.browser("max")
    page = client.get("/account").text
    form = {
        "_csrf": csrf_of_page(page),
        "_user": "max",
        "_what": "password",
        "_key": "pw-1",
        "current": PASSWORD,
        "password": "a brand new secret",
        "again": "a brand new secret",
    }
    with caplog.at_level(logging.DEBUG):
        wrong = client.post("/access", data={**form, "current": "not it at all"})
        assert wrong.status_code == 401
        assert client.post("/access", data=form).status_code == 303
        assert client.get("/api/v1/me").status_code == 401
        assert (
            sign_in(house.browser(), password="a brand new secret").status_code == 303
        )
        assert house.browser().get("/?password=typed-into-the-bar").status_code == 303
    said = [r.getMessage() for r in caplog.records if r.name.startswith("oreserve")]
    assert len(said) > 5
    for secret in ("a brand new secret", PASSWORD, "typed-into-the-bar"):
        assert secret not in str(said)
        assert secret.encode() not in house.file.read_bytes()
    audit = house.browser("aud").get("/api/v1/audit.csv").text
    assert "set_password" in audit
    assert "brand new" not in audit


def test_only_an_administrator_changes_another_users_access(house):
    client = house.browser("max")
    form = {
        "_csrf": csrf_of_page(client.get("/account").text),
        "_user": "ann",
        "_what": "password",
        "password": "taken over now",
        "again": "taken over now",
    }
    assert client.post("/access", data=form).status_code == 403


def issue(house, user="max", scopes="read", days="1"):
    client = house.browser(user)
    page = client.get("/account").text
    form = {
        "_csrf": csrf_of_page(page),
        "_user": user,
        "_what": "token",
        "_key": house.key(),
        "name": "robot",
        "scopes": scopes,
        "days": days,
    }
    text = client.post("/access", data=form).text
    return text[text.index("<code>") + 6 : text.index("</code>")]


def test_a_token_is_held_to_its_scopes_and_its_days(house, caplog):
    with caplog.at_level(logging.DEBUG):
        token = issue(house, scopes="read")
        robot = house.browser()
        robot.headers["authorization"] = f"Bearer {token}"
        assert robot.get("/api/v1/stock").status_code == 200
        assert house.give(robot, "add_depot").json()["rule"] == "scope"
        narrow = house.browser()
        narrow.headers["authorization"] = f"Bearer {issue(house, scopes='add_depot')}"
        assert narrow.get("/api/v1/stock").status_code == 403
        given = {"depot": "D9", "name": "Nine", "country": "USA"}
        assert house.give(narrow, "add_depot", **given).status_code == 200
        assert house.give(narrow, "change_depot", depot="D9").json()["rule"] == "scope"
        # Pages are for people: a token has none.
        assert robot.get("/stock").status_code == 303
        house.clock.now += timedelta(days=2)
        house.app._app.state.oreserve.doorman.forget_all()
        late = robot.get("/api/v1/stock")
        assert (late.status_code, late.json()["rule"]) == (401, "sign_in")
        assert "Bearer" in late.headers["www-authenticate"]
    assert caplog.records
    assert token not in caplog.text
    assert token.encode() not in house.file.read_bytes()


def test_a_role_that_is_taken_away_is_gone_at_once(house):
    client = house.browser("max")
    assert client.get("/api/v1/contracts").status_code == 200
    house.give("ada", "revoke_role", user="max", role="manager")
    assert client.get("/api/v1/contracts").status_code == 403
    house.give("ada", "change_user", user="max", active=False)
    assert client.get("/api/v1/me").status_code == 401
