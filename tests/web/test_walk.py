# SPDX-License-Identifier: Apache-2.0
"""A purchase and a release, walked through in a browser by the people they need."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import sync_playwright

from web.conftest import PASSWORD
from web.test_pages import CHROMIUM, listening


class Person:
    """Somebody at a browser: signs in, presses buttons, fills in forms."""

    def __init__(self, browser, address, user):
        self.page = browser.new_context().new_page()
        self.address = address
        self.page.goto(f"{address}/sign-in")
        self.page.get_by_label("User").fill(user)
        self.page.get_by_label("Password").fill(PASSWORD)
        self.page.get_by_role("button", name="Sign in").click()
        assert self.page.get_by_role("heading", name="Overview").is_visible()

    def go(self, path):
        self.page.goto(self.address + path)
        return self

    def do(self, button, **typed):
        """Press a button of a page, fill in the form behind it and send it."""
        self.page.get_by_role("link", name=button, exact=True).first.click()
        for name, value in typed.items():
            field = self.page.locator(f'[id="f-{name.replace("__", "-")}"]')
            if field.evaluate("node => node.tagName") == "SELECT":
                field.select_option(value)
            else:
                field.fill(value)
        self.page.get_by_label("Reason").fill("walked through in a test")
        self.page.locator("form.sheet button[type=submit]:not([name])").click()
        refusal = self.page.locator("#refusal")
        assert refusal.count() == 0, refusal.inner_text()
        assert "Recorded as entry" in self.page.locator(".said").inner_text()
        return self

    def see(self, text):
        assert text in self.page.locator("main").inner_text(), text
        return self

    def first(self, pattern):
        """Return the first address of a link that looks like this."""
        for link in self.page.locator("main a").all():
            address = link.get_attribute("href") or ""
            if re.fullmatch(pattern, address):
                return address
        raise AssertionError(pattern)


@pytest.mark.page
@pytest.mark.slow
@pytest.mark.skipif(CHROMIUM is None, reason="no chromium here")
def test_a_purchase_and_a_release_by_the_people_they_need(house):
    with listening(house.app) as address, sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=CHROMIUM, args=["--no-sandbox"]
        )

        def at(user, path):
            return Person(browser, address, user).go(path)

        # A buyer orders; another person approves, the treasurer funds.
        bea = at("bea", "/contracts/demo_cobalt").do(
            "Draft an order",
            grams="30",
            price_cents_per_t="30000",
            schedule__0__due_on="2026-07-20",
            schedule__0__grams="30",
        )
        newest = house.browser("max").get("/api/v1/orders?status=draft").json()["rows"]
        order = max(row["order_id"] for row in newest)
        bea.go(f"/orders/{order}").see("bea drafted it and may not approve it")
        at("ann", f"/orders/{order}").do("Approve order", decision="approve")
        tom = at("tom", f"/orders/{order}").do("Fund order").see("funded")

        # It arrives, is inspected, becomes a lot and is paid.
        path = tom.first(r"/deliveries/DEL-[\d-]+")
        ian = at("ian", path)
        ian.do("Record delivery", grams="30", delivered_on="2026-07-01")
        ian.go(path).do(
            "Accept delivery",
            accepted_grams="29.5",
            rejected_grams="0.5",
            depot="demo_north",
            purity="0.998",
            certificate="walked 1",
            certificate_expires_on="2028-07-01",
        )
        tom.go(path).do("Pay delivery", cents="885000").see("paid")
        tom.first(r"/lots/LOT-[\d-]+")

        # A manager asks for a release; two others approve; it is drawn and arrives.
        max_ = at("max", "/releases").do(
            "Record an observation",
            trigger="demo_supply",
            is_met="true",
            evidence="a mine stands still (invented)",
        )
        max_.go("/releases").do(
            "Request a release",
            reserve="strategic",
            item="cobalt",
            ground="declared_emergency",
            ground_reference="order 9 (invented)",
            claims__0__claimant="works",
            claims__0__claim_class="defence",
            claims__0__grams="5",
        )
        path = "/" + max_.page.url.split("/", 3)[3].partition("?")[0]
        assert path.startswith("/releases/REL-")
        max_.do("Check release").see("You asked for this release")
        ann = at("ann", path).do("Approve release", decision="approve")
        ann.see("You have decided already").see("1 more approval by different persons")
        at("bob", path).do("Approve release", decision="approve").see("approved")
        sue = at("sue", path).do("Draw release").see("drawn")
        sue.do("Ship to works", carrier="rail", destination="works")
        arrive = sue.page.get_by_role("link", name=re.compile("Record the arrival"))
        sue.do(arrive.inner_text()).see("closed")

        # The auditor verifies and takes the trail along.
        aud = at("aud", "/audit").see("deliver_shipment")
        aud.page.get_by_role("link", name="Verify everything").click()
        aud.see("All agrees")
        aud.go("/audit")
        with aud.page.expect_download() as caught:
            aud.page.get_by_role("link", name="CSV").click()
        assert "request_release" in caught.value.path().read_text()
        browser.close()
