# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from oreserve.reserve import Refused
from oreserve.reserve._errors import NotFound
from reserve._trade import by_two, qualify, vote


def receive(desk, grams=1_000_000, **more):
    arguments = {
        "item": "ndpr_oxide",
        "depot": "D1",
        "owner": "strategic",
        "grams": grams,
        "received_on": "2026-01-02",
        "cost_cents": 10_000_001,
        **more,
    }
    return desk.do("sue", "receive_lot", **arguments)["lot"]


def state(desk):
    """Everything that a reversal must restore: what lots hold, what accounts hold."""
    lots = [
        {name: row[name] for name in row if name != "version"}
        for row in desk.rows("lots")
        if row["grams"]
    ]
    mass = [row for row in desk.rows("mass_balances") if row["grams"]]
    money = [row for row in desk.rows("money_balances") if row["cents"]]
    return lots, mass, money


def grams_on(desk, account, item="ndpr_oxide"):
    rows = desk.rows("mass_balances", account=account, item=item)
    return rows[0]["grams"] if rows else 0


def test_opening_stock_becomes_a_lot_with_its_postings(desk):
    lot = receive(desk)
    row = desk.row("lots", lot=lot)
    assert (row["grams"], row["cost_cents"], row["status"]) == (
        1_000_000,
        10_000_001,
        "held",
    )
    assert grams_on(desk, "depot:D1") == 1_000_000
    assert grams_on(desk, "opening") == -1_000_000
    cents = {row["account"]: row["cents"] for row in desk.rows("money_balances")}
    assert cents == {"inventory:ndpr_oxide": 10_000_001, "equity:opening": -10_000_001}


def test_shelf_life_of_the_item_dates_the_lot(desk):
    lot = receive(desk, item="cobalt", received_on="2025-03-01")
    # 3 650 days after 2025-03-01: ten years less the leap days 2028-02-29, 2032-02-29
    assert desk.row("lots", lot=lot)["expires_on"] == "2035-02-27"


def test_tonnes_are_taken_exactly_or_not_at_all(desk):
    base = {
        "item": "cobalt",
        "depot": "D1",
        "owner": "strategic",
        "received_on": "2026-01-02",
    }
    lot = desk.do("sue", "receive_lot", **base, tonnes="1.234567")["lot"]
    assert desk.row("lots", lot=lot)["grams"] == 1_234_567
    with pytest.raises(Refused, match="finer than"):
        desk.do("sue", "receive_lot", **base, tonnes="1.2345678")
    with pytest.raises(Refused, match="both given"):
        desk.do("sue", "receive_lot", **base, tonnes="1", grams=1)


def test_split_shares_the_cost_to_the_cent(desk):
    lot = receive(desk)
    # 250 000 of 1 000 000 g of 10 000 001 cents = 2 500 000.25 -> 2 500 000
    part = desk.do("sue", "split_lot", lot=lot, grams=250_000)["lot"]
    assert desk.row("lots", lot=part)["cost_cents"] == 2_500_000
    assert desk.row("lots", lot=part)["grams"] == 250_000
    assert desk.row("lots", lot=lot)["cost_cents"] == 7_500_001
    assert desk.row("lots", lot=lot)["grams"] == 750_000


def test_more_than_a_lot_holds_cannot_be_split_off(desk):
    lot = receive(desk)
    with pytest.raises(Refused) as caught:
        desk.do("sue", "split_lot", lot=lot, grams=1_000_000)
    assert (caught.value.rule, caught.value.status) == ("not_enough", 409)
    assert caught.value.allowed == {"grams": 999_999}


def test_blend_averages_what_is_known_and_keeps_the_cost(desk):
    one = receive(desk, 1_000, cost_cents=100, assay=0.99, origin_country="AUS")
    two = receive(
        desk,
        3_000,
        cost_cents=500,
        assay=0.95,
        origin_country="AUS",
        received_on="2025-06-01",
    )
    result = desk.do(
        "sue",
        "blend_lots",
        parts=[{"lot": one, "grams": 1_000}, {"lot": two, "grams": 1_000}],
        loss_grams=10,
    )
    row = desk.row("lots", lot=result["lot"])
    # 1000 + 1000 - 10 g; 100 + 500/3 = 166.67 -> 167 cents; (0.99 + 0.95) / 2 = 0.97
    assert (row["grams"], row["cost_cents"]) == (1_990, 267)
    assert row["assay"] == pytest.approx(0.97)
    assert row["purity"] is None
    assert (row["origin_country"], row["received_on"]) == ("AUS", "2025-06-01")
    assert json.loads(row["parents"]) == [
        {"lot": one, "grams": 1_000, "cost_cents": 100},
        {"lot": two, "grams": 1_000, "cost_cents": 167},
    ]
    assert desk.row("lots", lot=one)["status"] == "spent"
    assert desk.row("lots", lot=two)["grams"] == 2_000
    assert grams_on(desk, "loss") == 10


def test_only_lots_of_one_kind_are_blended(desk):
    one = receive(desk)
    for other, column in (
        (receive(desk, item="cobalt"), "item"),
        (receive(desk, owner="industrial"), "owner"),
        (receive(desk, depot="D2"), "depot"),
    ):
        with pytest.raises(Refused, match=f"differ in {column}"):
            desk.do(
                "sue",
                "blend_lots",
                parts=[{"lot": one, "grams": 1}, {"lot": other, "grams": 1}],
            )


def test_upgrade_books_loss_conversion_and_cost(desk):
    # The strategic reserve would need a plan that lets it upgrade.
    vote(desk, 1_000)
    lot = receive(desk, 1_000_000, cost_cents=9_000, owner="industrial")
    result = desk.do(
        "sue",
        "upgrade_lots",
        parts=[{"lot": lot, "grams": 500_000}],
        item="ndpr_metal",
        grams=410_000,
        cost_cents=700,
    )
    assert result["loss_grams"] == 90_000
    made = desk.row("lots", lot=result["lot"])
    assert (made["item"], made["grams"], made["cost_cents"]) == (
        "ndpr_metal",
        410_000,
        5_200,
    )
    assert grams_on(desk, "loss") == 90_000
    assert grams_on(desk, "conversion") == 410_000
    assert grams_on(desk, "conversion", "ndpr_metal") == -410_000
    cents = {row["account"]: row["cents"] for row in desk.rows("money_balances")}
    assert cents["inventory:ndpr_oxide"] == 4_500
    assert cents["inventory:ndpr_metal"] == 5_200
    assert (cents["cash"], cents["unobligated"]) == (300, 300)


def test_upgrade_never_makes_grams(desk):
    lot = receive(desk)
    with pytest.raises(Refused) as caught:
        desk.do(
            "sue",
            "upgrade_lots",
            parts=[{"lot": lot, "grams": 1_000}],
            item="ndpr_metal",
            grams=1_001,
        )
    assert caught.value.rule == "gain"


def test_rotation_gives_fresh_material_at_the_same_value(desk):
    vote(desk, 100)
    qualify(desk, item="ndpr_oxide")
    lot = receive(desk, received_on="2020-01-01")
    fresh = desk.do(
        "sue",
        "rotate_lot",
        lot=lot,
        producer="P1",
        received_on="2026-01-05",
        fee_cents=42,
    )["lot"]
    row = desk.row("lots", lot=fresh)
    assert (row["grams"], row["cost_cents"]) == (1_000_000, 10_000_001)
    assert row["received_on"] == "2026-01-05"
    assert desk.row("lots", lot=lot)["status"] == "spent"
    assert grams_on(desk, "depot:D1") == 1_000_000


def test_relocation_needs_room(desk):
    lot = receive(desk)
    desk.do("max", "change_depot", depot="D2", capacity_g=999_999)
    with pytest.raises(Refused) as caught:
        desk.do("sue", "relocate_lot", lot=lot, depot="D2")
    assert (caught.value.rule, caught.value.allowed) == ("no_room", {"grams": 999_999})
    desk.do("max", "change_depot", depot="D2", capacity_g=1_000_000)
    desk.do("sue", "relocate_lot", lot=lot, depot="D2")
    assert desk.row("lots", lot=lot)["depot"] == "D2"
    assert (grams_on(desk, "depot:D1"), grams_on(desk, "depot:D2")) == (0, 1_000_000)


def test_recount_writes_off_what_is_missing(desk):
    lot = receive(desk, 1_000, cost_cents=500)
    by_two(desk, "ian", "sue", "recount_lot", lot=lot, counted_grams=900)
    row = desk.row("lots", lot=lot)
    assert (row["grams"], row["cost_cents"]) == (900, 450)
    assert grams_on(desk, "adjustment") == 100
    by_two(desk, "ian", "sue", "recount_lot", lot=lot, counted_grams=950)
    row = desk.row("lots", lot=lot)
    assert (row["grams"], row["cost_cents"]) == (950, 450)


def test_every_working_of_lots_is_restored_by_its_reversal(desk):
    vote(desk, 1_000)
    qualify(desk, item="ndpr_oxide")
    one = receive(desk, 1_000, cost_cents=333, owner="industrial")
    two = receive(desk, 700, cost_cents=10, owner="industrial")
    parts = [{"lot": one, "grams": 300}, {"lot": two, "grams": 700}]
    works = [
        ("receive_lot", {"item": "cobalt", "depot": "D1", "owner": "strategic"}),
        ("split_lot", {"lot": one, "grams": 333}),
        ("blend_lots", {"parts": parts, "loss_grams": 7}),
        ("upgrade_lots", {"parts": parts, "item": "ndpr_metal", "grams": 900}),
        ("rotate_lot", {"lot": one, "producer": "P1", "fee_cents": 5}),
        ("relocate_lot", {"lot": one, "depot": "D2"}),
        ("recount_lot", {"lot": one, "counted_grams": 901}),
        ("recount_lot", {"lot": one, "counted_grams": 1_001}),
        ("recount_lot", {"lot": one, "counted_grams": 0}),
    ]
    dated = {"receive_lot", "rotate_lot"}
    for command, arguments in works:
        if command in dated:
            arguments["received_on"] = "2026-01-03"
        if command == "receive_lot":
            arguments["grams"] = 5
        before = state(desk)
        result = desk.do(
            "ian" if command == "recount_lot" else "sue", command, **arguments
        )
        if result.get("status") == "proposed":
            result = desk.do("sue", command, **arguments)
        txn = result["txn"]
        assert state(desk) != before
        desk.do("max", "reverse", txn=txn)
        assert state(desk) == before, command
    assert desk.reserve.verify().ok


def test_a_reversal_is_taken_once_and_never_itself(desk):
    lot = receive(desk)
    txn = desk.do("sue", "split_lot", lot=lot, grams=5)["txn"]
    reversal = desk.do("max", "reverse", txn=txn)["reversal"]
    with pytest.raises(Refused, match="taken back already"):
        desk.do("max", "reverse", txn=txn)
    with pytest.raises(Refused, match="takes back"):
        desk.do("max", "reverse", txn=reversal)


def test_a_lot_used_since_cannot_be_taken_back(desk):
    lot = receive(desk)
    split = desk.do("sue", "split_lot", lot=lot, grams=500)
    desk.do("sue", "split_lot", lot=split["lot"], grams=100)
    with pytest.raises(Refused) as caught:
        desk.do("max", "reverse", txn=split["txn"])
    assert caught.value.rule == "conflict"


def test_missing_lot_is_told_with_the_nearest(desk):
    lot = receive(desk)
    with pytest.raises(NotFound, match=lot) as caught:
        desk.do("sue", "split_lot", lot=lot[:-1] + "x", grams=1)
    assert caught.value.status == 404


def test_wrong_arguments_are_told_all_at_once(desk):
    with pytest.raises(Refused) as caught:
        desk.do("sue", "split_lot", lot="", grams=-1, much=2)
    told = {problem["argument"] for problem in caught.value.allowed}
    assert told == {"lot", "grams", "much"}


def test_text_that_a_database_cannot_keep_is_refused(desk):
    lot = receive(desk)
    for bad in ("a\x00b", "\ud800"):
        with pytest.raises(Refused) as caught:
            desk.do("ian", "renew_certificate", lot=lot, certificate=bad)
        assert caught.value.rule == "arguments"


PARTS = st.lists(st.integers(1, 10**9), min_size=2, max_size=4)


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
@settings(
    max_examples=25,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(grams=PARTS, costs=st.lists(st.integers(0, 10**12), min_size=4, max_size=4))
def test_grams_and_cents_survive_blending_and_upgrading(desk, grams, costs):
    before = grams_on(desk, "loss")
    lots = [
        receive(desk, each, cost_cents=cost, owner="industrial")
        for each, cost in zip(grams, costs, strict=False)
    ]
    used = [max(1, each // 2) for each in grams]
    parts = [{"lot": lot, "grams": g} for lot, g in zip(lots, used, strict=True)]
    loss = sum(used) // 10
    blend = desk.do("sue", "blend_lots", parts=parts, loss_grams=loss)["lot"]
    out = (sum(used) - loss) * 9 // 10 or 1
    made = desk.do(
        "sue",
        "upgrade_lots",
        parts=[{"lot": blend, "grams": sum(used) - loss}],
        item="ndpr_metal",
        grams=out,
    )["lot"]
    rows = [desk.row("lots", lot=lot) for lot in [*lots, blend, made]]
    lost = grams_on(desk, "loss") - before
    assert sum(row["grams"] for row in rows) + lost == sum(grams)
    spent = sum(costs[: len(grams)])
    assert sum(row["cost_cents"] for row in rows) == spent
