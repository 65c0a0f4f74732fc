# SPDX-License-Identifier: Apache-2.0
"""Pages say at what stage a contract, an order or a delivery is."""

from __future__ import annotations

import re


def draft_of(house) -> dict:
    rows = house.browser("max").get("/api/v1/orders?status=draft").json()["rows"]
    return rows[0]


def test_a_contract_names_its_highest_step_beside_what_is_open(calm):
    text = calm.browser("max").get("/contracts/demo_cobalt").text
    assert "Highest step" in text
    assert "Open deliveries" in text
    assert "not yet" in text  # of deliveries that are still to come
    assert "Highest step" in calm.browser("max").get("/contracts").text


def test_nothing_is_settled_under_a_fixed_price(calm):
    fixed = calm.browser("bea").get("/contracts/demo_cobalt").text
    assert "/do/move_contract" in fixed
    assert "/do/record_volumes" not in fixed
    assert "/do/compute_settlement" not in fixed
    floor = calm.browser("tom").get("/contracts/demo_floor").text
    assert "/do/record_volumes" in floor or "/do/compute_settlement" in floor


def test_a_person_steps_a_contract_up_to_a_ceiling_only(calm):
    text = calm.browser("bea").get("/do/draft_contract").text
    offered = re.findall(r'<option value="([a-z_]+)"', text)
    assert "ceiling" in offered
    assert "funded_order" not in offered


def test_an_approved_order_says_so_and_offers_no_second_approval(house):
    order = draft_of(house)["order_id"]
    before = house.browser("ann").get(f"/orders/{order}").text
    assert f"/do/approve_order?order_id={order}" in before
    assert "planned" in before
    house.store.execute(
        *("approve_order", {"order_id": order}),
        actor="ann",
        reason="a second person agrees",
        key="approve once",
    )
    after = house.browser("ann").get(f"/orders/{order}").text
    assert "approved, to be funded by treasurer" in after
    assert f"/do/approve_order?order_id={order}" not in after
