# SPDX-License-Identifier: Apache-2.0
"""Short ways to a qualified producer, a contract, an order and a delivery."""

from __future__ import annotations

import pytest

from oreserve.reserve import Refused

T = 1_000_000  # g per t
USD = 100  # cents


def by_two(desk, first, second, command, **arguments):
    """Give a command that takes two persons; return what the second one's did."""
    proposed = desk.do(first, command, **arguments)
    assert proposed["status"] == "proposed", proposed
    return desk.do(second, command, **arguments)


def refused(desk, rule, actor, command, **arguments):
    """Return the refusal of a command, after checking its rule."""
    with pytest.raises(Refused) as caught:
        desk.do(actor, command, **arguments)
    assert caught.value.rule == rule, caught.value.message
    return caught.value


def balance(desk, account):
    """Return the balance of a money account, cents."""
    rows = desk.rows("money_balances", account=account)
    return rows[0]["cents"] if rows else 0


def grams(desk, account, item="cobalt"):
    """Return the balance of a mass account, g."""
    rows = desk.rows("mass_balances", account=account, item=item)
    return rows[0]["grams"] if rows else 0


def vote(desk, cents, name="A1", **more):
    """Vote money."""
    desk.do("max", "appropriate", appropriation=name, title="Act", cents=cents, **more)


def qualify(desk, status="qualified", item="cobalt", **more):
    """Enter a finding on producer P1."""
    desk.do("ian", "qualify_producer", producer="P1", item=item, status=status, **more)


def contract(desk, name="C1", **terms):
    """Draft a contract for cobalt at its ceiling of 10 000 USD."""
    values = {
        "contract": name,
        "title": "Cobalt",
        "producer": "P1",
        "item": "cobalt",
        "owner": "industrial",
        "purpose": "purchase",
        "rung": "ceiling",
        "ceiling_cents": 10_000 * USD,
        "from_on": "2026-01-01",
        "until_on": "2026-12-31",
        "rule_kind": "collar",
        "floor_cents_per_t": 10 * USD,
        "ceiling_price_cents_per_t": 100 * USD,
    }
    desk.do("bea", "draft_contract", **{**values, **terms})
    return name


def draft(desk, *parts, price=40 * USD, name="C1", **more):
    """Draft an order with deliveries of (day, grams); return its receipt's result."""
    return desk.do(
        "bea",
        "draft_order",
        contract=name,
        grams=sum(g for _, g in parts),
        price_cents_per_t=price,
        schedule=[{"due_on": day, "grams": g} for day, g in parts],
        **more,
    )


def fund(desk, *parts, **more):
    """Draft, approve and fund an order; return its name and its deliveries."""
    made = draft(desk, *parts, **more)
    desk.do("ann", "approve_order", order_id=made["order_id"])
    desk.do("tom", "fund_order", order_id=made["order_id"])
    return made["order_id"], made["deliveries"]


def trade(desk, **terms):
    """Vote 1 000 000 USD, qualify the producer and draft a contract."""
    vote(desk, 1_000_000 * USD)
    qualify(desk)
    return contract(desk, **terms)


def accept(desk, delivery, accepted, rejected=0, actor="ian"):
    """Accept a delivery into depot D1."""
    return desk.do(
        actor,
        "accept_delivery",
        delivery=delivery,
        accepted_grams=accepted,
        rejected_grams=rejected,
        depot="D1",
    )
