# SPDX-License-Identifier: Apache-2.0
"""Thirty-two clients that want the same grams at the same time."""

from __future__ import annotations

import json
import os
import re
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from oreserve import reserve as api
from oreserve.reserve import Receipt, Refused, Request

CLIENTS = 32
HELD = 1_000
WANTED = 70  # fourteen clients are served, twenty grams stay
SERVED, LEFT = divmod(HELD, WANTED)


def lot_of(desk, owner="custody", grams=HELD):
    return desk.do(
        "ian",
        "receive_lot",
        item="cobalt",
        depot="D1",
        owner=owner,
        grams=grams,
        received_on="2026-01-01",
        cost_cents=1_000,
    )["lot"]


def split(lot, client, grams=WANTED, version=None):
    """Return a request that takes grams out of a lot."""
    key = f"client {client}"
    given = {"lot": lot, "grams": grams}
    return Request("split_lot", given, "sue", "conflict", key, version)


def in_threads(desk, requests):
    """Execute each request in a thread, all at once; return outcomes in order."""
    gate = threading.Barrier(len(requests))

    def one(request):
        gate.wait()
        try:
            return desk.reserve.execute(
                request.command,
                request.arguments,
                actor=request.actor,
                reason=request.reason,
                key=request.key,
                expected_version=request.expected_version,
            )
        except Refused as refused:
            return refused

    with ThreadPoolExecutor(len(requests)) as pool:
        return list(pool.map(one, requests))


def in_processes(desk, requests, processes=8):
    """Execute requests by forked clients, each with a reserve of its own."""
    desk.reserve.close()  # no connection may cross a fork
    api.commands()
    ready, go = os.pipe()
    readers = []
    for place in range(processes):
        out, into = os.pipe()
        client = os.fork()
        if client == 0:
            try:
                os.close(go)
                os.read(ready, 1)  # ends when the parent lets all go
                lines = [told(desk.where, one) for one in requests[place::processes]]
                os.write(into, json.dumps(lines).encode())
            finally:
                os._exit(0)
        os.close(into)
        readers.append((client, out))
    os.close(ready)
    os.close(go)
    outcomes = []
    for client, out in readers:
        with os.fdopen(out, encoding="utf-8") as pipe:
            outcomes += json.loads(pipe.read())
        os.waitpid(client, 0)
    return outcomes


def told(where, request):
    """Execute one request in a client's process; return what it was told."""
    with api.open(where) as store:
        try:
            receipt = store.execute(
                request.command,
                request.arguments,
                actor=request.actor,
                reason=request.reason,
                key=request.key,
                expected_version=request.expected_version,
            )
        except Refused as refused:
            return [refused.rule, refused.message, refused.allowed, refused.status]
        return ["done", receipt.sequence, None, 200]


def check_sold(desk, lot, served):
    """Fail unless the lot lost exactly what was acknowledged."""
    assert desk.row("lots", lot=lot)["grams"] == HELD - served * WANTED
    children = [one for one in desk.rows("lots") if one["parents"]]
    assert sum(one["grams"] for one in children) == served * WANTED
    assert desk.reserve.verify().ok


def test_threads_never_take_more_than_a_lot_holds(desk):
    lot = lot_of(desk)
    outcomes = in_threads(desk, [split(lot, n) for n in range(CLIENTS)])
    done = [one for one in outcomes if isinstance(one, Receipt)]
    assert len(done) == SERVED
    for loser in (one for one in outcomes if isinstance(one, Refused)):
        assert (loser.rule, loser.status) == ("not_enough", 409)
        assert f"holds {LEFT} g" in loser.message
    check_sold(desk, lot, SERVED)


def test_processes_never_take_more_than_a_lot_holds(desk):
    lot = lot_of(desk)
    outcomes = in_processes(desk, [split(lot, n) for n in range(CLIENTS)])
    rules = sorted(one[0] for one in outcomes)
    assert rules == ["done"] * SERVED + ["not_enough"] * (CLIENTS - SERVED)
    left = {one[1] for one in outcomes if one[0] == "not_enough"}
    assert all(f"holds {LEFT} g" in message for message in left)
    assert len({one[1] for one in outcomes if one[0] == "done"}) == SERVED
    check_sold(desk, lot, SERVED)


def test_clients_that_saw_the_same_version_conflict_but_for_one(desk):
    lot = lot_of(desk)
    seen = desk.row("lots", lot=lot)["version"]
    outcomes = in_threads(
        desk, [split(lot, n, grams=1, version=seen) for n in range(CLIENTS)]
    )
    losers = [one for one in outcomes if isinstance(one, Refused)]
    assert len(losers) == CLIENTS - 1
    now = desk.row("lots", lot=lot)["version"]
    for loser in losers:
        assert (loser.rule, loser.status) == ("stale", 409)
        assert loser.allowed == {"version": now}


def test_one_key_sent_by_all_clients_does_a_thing_once(desk):
    lot = lot_of(desk)
    outcomes = in_threads(desk, [split(lot, "same") for _ in range(CLIENTS)])
    assert {one.sequence for one in outcomes} == {outcomes[0].sequence}
    assert sum(not one.repeated for one in outcomes) == 1
    check_sold(desk, lot, 1)


def test_a_group_of_conflicting_commands_serves_the_first(desk):
    lot = lot_of(desk)
    outcomes = desk.reserve.execute_many([split(lot, n) for n in range(CLIENTS)])
    assert [isinstance(one, Receipt) for one in outcomes] == [
        n < SERVED for n in range(CLIENTS)
    ]
    check_sold(desk, lot, SERVED)


@pytest.fixture
def members(desk):
    """Give a desk with four members, entitled to more than may be drawn at once."""
    desk.do(
        "max",
        "set_industrial_terms",
        item="cobalt",
        from_quarter="2025-Q1",
        entry_fee_share=0.0,
        interest_rate=0.0,
        normal_draw_share=1.0,
        replenish_days=30,
        storage_cents_per_t_year=0,
    )
    lot_of(desk, owner="industrial")
    for number in range(4):
        member = f"M{number}"
        desk.do("max", "admit_member", member=member, name=member, entry_fee_cents=0)
        user = f"user{number}"
        desk.do(
            "ada", "add_user", user=user, name=user, member=member, roles=["member"]
        )
        desk.do(
            "tom",
            "grant_entitlement",
            member=member,
            item="cobalt",
            grams=HELD // 4,
            inventory_price_cents_per_t=1,
        )
    return desk


def test_members_draw_no_more_than_they_are_entitled_to(members):
    def draw(client):
        member = client % 4
        given = {"member": f"M{member}", "item": "cobalt", "grams": 60}
        return Request("draw_entitlement", given, f"user{member}", "need", f"k{client}")

    outcomes = in_threads(members, [draw(n) for n in range(CLIENTS)])
    done = [one for one in outcomes if isinstance(one, Receipt)]
    assert len(done) == 4 * (250 // 60)
    for loser in (one for one in outcomes if isinstance(one, Refused)):
        assert loser.rule == "entitlements"
        assert loser.allowed == {"grams": 250 % 60}
        assert re.search(r"may draw 10 g", loser.message)
    drawn = sum(row["grams"] for row in members.rows("duties"))
    held = sum(row["grams"] for row in members.rows("lots"))
    assert drawn == 4 * 240
    assert held == HELD - drawn
    assert members.reserve.verify().ok


def test_approved_releases_do_not_promise_the_same_grams_twice(desk):
    lot_of(desk, owner="strategic")
    names = []
    for number in range(6):
        request = desk.do(
            "max",
            "request_release",
            reserve="strategic",
            item="cobalt",
            grams=300,
            ground="war",
            ground_reference=f"act {number}",
        )
        desk.do("max", "check_release", release_id=request["release_id"])
        names.append(request["release_id"])
    asks = [
        Request("approve_release", {"release_id": name}, user, "war", f"{user} {name}")
        for name in names
        for user in ("ann", "bob")
    ]
    outcomes = in_threads(desk, asks)
    assert sum(row["status"] == "approved" for row in desk.rows("releases")) == 3
    losers = [one for one in outcomes if isinstance(one, Refused)]
    assert len(losers) == 3
    for loser in losers:
        assert (loser.rule, loser.status) == ("conflict", 409)
        assert loser.allowed == {"grams": 100}
    assert desk.reserve.verify().ok
