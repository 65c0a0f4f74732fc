# SPDX-License-Identifier: Apache-2.0
"""Pages in a browser: reachable by keyboard, heard as well as seen, nothing foreign."""

from __future__ import annotations

import re
import shutil
import socket
import threading
import time
from contextlib import contextmanager
from urllib.parse import quote

import pytest
import uvicorn
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import sync_playwright

CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")

# Everything that a person of these roles can look at, one page of each kind.
SEEN = (
    (None, "/sign-in"),
    ("max", "/"),
    ("max", "/stock"),
    ("max", "/stock/cobalt"),
    ("max", "/lots"),
    ("max", "/contracts"),
    ("max", "/contracts/demo_floor"),
    ("max", "/deliveries"),
    ("max", "/settlements"),
    ("max", "/plans"),
    ("max", "/releases"),
    ("max", "/members"),
    ("max", "/members/demo_alpha"),
    ("max", "/view/market_room"),
    ("max", "/do/request_release"),
    ("bea", "/do/draft_contract"),
    ("bea", "/upload"),
    ("ada", "/users"),
    ("ada", "/users/max"),
    ("aud", "/audit"),
    ("aud", "/audit/60"),
    ("aud", "/verify"),
    ("mia", "/"),
    ("mia", "/lots"),
)
FIRST_OF = (
    ("max", "/lots/{}", "lots", "lot"),
    ("max", "/orders/{}", "orders", "order_id"),
    ("max", "/deliveries/{}", "deliveries", "delivery"),
    ("max", "/releases/{}", "releases", "release_id"),
    ("max", "/plans/{}", "materials_plans", "year"),
    ("aud", "/ledger/{}", "transactions", "txn"),
)


def paths_of_things(calm):
    for user, path, view, column in FIRST_OF:
        (row,) = calm.browser(user).get(f"/api/v1/{view}?limit=1").json()["rows"]
        yield user, path.format(quote(str(row[column])))


def every_page(calm):
    return [*SEEN, *paths_of_things(calm)]


def test_every_page_answers_and_says_what_it_is(calm):
    clients = {}
    for user, path in every_page(calm):
        client = clients.setdefault(user, calm.browser(user))
        answer = client.get(path)
        expected = 403 if (user, path) == ("mia", "/lots") else 200
        assert answer.status_code == expected, (user, path, answer.text[:400])
        text = answer.text
        assert text.count("<h1>") == 1
        assert '<a class="skip" href="#main">' in text
        assert "<script" not in text
        assert " style=" not in text
        assert len(re.findall(r"<table", text)) == len(re.findall(r"<caption>", text))
        ids = re.findall(r'\sid="([^"]+)"', text)
        assert len(ids) == len(set(ids)), path
        for name in re.findall(r'<label for="([^"]+)"', text):
            assert name in ids
        assert "every lot, contract, member and amount here is invented" in text


def test_a_drawing_has_a_table_twin_with_the_same_figures(calm):
    text = calm.browser("max").get("/contracts").text
    assert "<svg" in text
    assert "The same as a table" in text
    drawn = re.search(r"<svg.*?</svg>", text, re.DOTALL)[0]
    assert "<title" in drawn
    assert "<desc" in drawn
    assert "demo_floor" in drawn


def test_what_is_not_known_is_no_data_and_not_zero(calm):
    # No study is attached: nobody knows for how long stock lasts.
    text = calm.browser("max").get("/stock").text
    assert "no data" in text
    assert "no study with demands is attached" in text


def test_the_desk_says_who_must_still_approve_and_why_there_is_no_button(calm):
    rows = calm.browser("max").get("/api/v1/releases?status=checked").json()["rows"]
    path = f"/releases/{rows[0]['release_id']}"
    asked = rows[0]["requested_by"]
    own = calm.browser(asked).get(path).text
    assert "2 more approvals by different persons" in own
    assert "You asked for this release, so others must approve it." in own
    assert f"/do/approve_release?release_id={rows[0]['release_id']}" not in own
    other = calm.browser("bob").get(path).text
    assert f"/do/approve_release?release_id={rows[0]['release_id']}" in other
    keeper = calm.browser("sue").get(path).text
    assert "You may not approve release: that is for manager or approver." in keeper


@contextmanager
def listening(app):
    """Serve an application that lives already on a free port of loopback."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    config = uvicorn.Config(
        app, host="127.0.0.1", port=port, log_config=None, lifespan="off"
    )
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.02)
    yield f"http://127.0.0.1:{port}"
    server.should_exit = True
    thread.join(10)


@pytest.fixture(scope="module")
def address(calm):
    with listening(calm.app) as found:
        yield found


@pytest.mark.page
@pytest.mark.slow
@pytest.mark.skipif(CHROMIUM is None, reason="no chromium here")
def test_axe_finds_nothing_and_nothing_comes_from_elsewhere(calm, address):
    found, foreign, complaints = [], [], []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=CHROMIUM, args=["--no-sandbox"]
        )
        pages = {}
        for user, path in every_page(calm):
            if user not in pages:
                context = browser.new_context()
                if user is not None:
                    secret = calm.store.access.begin_session(user).secret
                    context.add_cookies(
                        [{"name": "oreserve", "value": secret, "url": address}]
                    )
                pages[user] = context.new_page()
                pages[user].on("request", lambda r: foreign.append(r.url))
                pages[user].on("console", lambda m: complaints.append(m.text))
            page = pages[user]
            page.goto(address + path)
            for violation in Axe().run(page).response["violations"]:
                nodes = [node["html"] for node in violation["nodes"]]
                found.append((path, violation["id"], nodes[:2]))
        # The first key leads past the menu.
        page = pages["max"]
        page.goto(f"{address}/stock")
        page.keyboard.press("Tab")
        assert page.locator(":focus").inner_text() == "Skip to the content"
        page.keyboard.press("Enter")
        assert page.url.endswith("#main")
        browser.close()
    assert found == []
    assert [url for url in foreign if not url.startswith(address)] == []
    assert [text for text in complaints if "403" not in text] == []
