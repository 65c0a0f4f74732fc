# SPDX-License-Identifier: Apache-2.0
"""A plan starts from the stock that is really there, and says which state it was."""

from __future__ import annotations

import json
from datetime import date

import pytest

from oreserve import load_study
from oreserve.errors import InputError
from oreserve.market import study_commitments
from oreserve.reserve._opening import _year_later, open_study


@pytest.fixture(scope="module")
def tiny():
    return load_study("tiny")


@pytest.fixture
def stocked(desk):
    """Give a desk with items of the tiny study in all kinds of places."""
    desk.do(
        *("max", "add_items"),
        items=[{"item": "dy_oxide"}, {"item": "magnet"}, {"item": "gallium"}],
    )
    desk.do("max", "add_depot", depot="J1", name="Abroad", country="JPN")
    return desk


def receive(desk, item, owner, grams, depot="D1", **more):
    desk.do(
        *("ian", "receive_lot"),
        item=item,
        owner=owner,
        depot=depot,
        grams=grams,
        received_on="2025-01-05",
        **more,
    )


def stocks(study) -> dict[str, tuple]:
    rows = study.table("stocks").iter_rows(named=True)
    return {
        row["stock"]: (row["item"], row["kind"], row["quantity_t"])
        for row in rows
        if row["kind"] != "commercial"
    }


def test_stock_of_the_study_gives_way_to_lots_by_item_and_kind(stocked, tiny):
    receive(stocked, "dy_oxide", "strategic", 1_500_000)
    receive(stocked, "dy_oxide", "strategic", 250_000, depot="D2")
    receive(stocked, "magnet", "industrial", 4_000_000)
    found = open_study(tiny, stocked.reserve)
    assert stocks(found.study) == {
        "reserve_strategic_dy_oxide_USA": ("dy_oxide", "strategic", 1.75),
        "reserve_industrial_magnet_USA": ("magnet", "industrial", 4.0),
    }
    assert found.stock_t == {"dy_oxide": 1.75, "magnet": 4.0}
    assert found.replaced_t == {"dy_oxide": 1.0, "magnet": 10.0}
    assert found.study.hash != tiny.hash
    assert found.study.table("sources").height == tiny.table("sources").height + 1


def test_the_summary_names_what_was_replaced_and_warns_of_an_empty_reserve(
    stocked, tiny
):
    empty = open_study(tiny, stocked.reserve).summary()
    assert "replaces the study's" in empty
    assert "dy_oxide 1.000 t, magnet 10.000 t" in empty
    assert "Warning: the reserve holds nothing" in empty
    receive(stocked, "dy_oxide", "strategic", 1_500_000)
    held = open_study(tiny, stocked.reserve).summary()
    assert "dy_oxide 1.000 t, magnet 10.000 t" in held
    assert "Warning" not in held


def test_traders_stocks_and_stocks_abroad_stay(stocked, tiny):
    found = open_study(tiny, stocked.reserve)

    def others(study):
        table = study.table("stocks")
        return table.filter(
            (table["kind"] == "commercial") | (table["country"] != "USA")
        )

    assert others(found.study).equals(others(tiny))
    assert stocks(found.study) == {}  # the reserve is empty, so there is no stock


def test_expired_lots_lots_abroad_and_custody_do_not_count(stocked, tiny):
    receive(stocked, "dy_oxide", "strategic", 100_000)
    receive(stocked, "dy_oxide", "strategic", 20_000, expires_on="2026-01-05")
    receive(stocked, "dy_oxide", "strategic", 3_000, depot="J1")
    receive(stocked, "dy_oxide", "custody", 999)
    found = open_study(tiny, stocked.reserve)
    assert found.stock_t == {"dy_oxide": 0.1}
    assert found.left_out_t == {"dy_oxide": 0.023}
    assert "0.023 t left out" in found.summary()


def test_how_a_stock_is_held_stays_what_the_study_says(stocked, tiny):
    table = tiny.table("stocks")
    import polars as pl

    changed = tiny.with_tables(
        stocks=table.with_columns(
            pl.when(pl.col("stock") == "usa_strategic_dy")
            .then(0.25)
            .otherwise(pl.col("accessible_share"))
            .alias("accessible_share")
        )
    )
    receive(stocked, "dy_oxide", "strategic", 100_000)
    found = open_study(changed, stocked.reserve)
    rows = found.study.table("stocks").filter(pl.col("item") == "dy_oxide")
    ours = rows.filter(pl.col("stock").str.starts_with("reserve_"))
    assert ours["accessible_share"].to_list() == [0.25]


def order(desk, schedule, *, contract="c1", producer="P1"):
    """Fund an order of gallium with deliveries (day, grams)."""
    desk.do("ian", "qualify_producer", producer=producer, item="gallium",
            status="qualified")  # fmt: skip
    desk.do("max", "appropriate", appropriation=contract, title="t", cents=10**9)
    desk.do("max", "set_market_limit", item="gallium", yearly_market_grams=10**9,
            max_share=1.0, source="test")  # fmt: skip
    desk.do("bea", "draft_materials_plan", year=2026)
    desk.do(
        *("bea", "set_plan_line"),
        year=2026,
        item="gallium",
        action="buy",
        ceiling_grams=10**9,
        ceiling_cents=10**9,
    )
    desk.do("ann", "approve_materials_plan", year=2026)
    desk.do(
        *("bea", "draft_contract"),
        contract=contract,
        title="t",
        producer=producer,
        item="gallium",
        owner="strategic",
        purpose="purchase",
        rung="ceiling",
        rule_kind="fixed",
        fixed_cents_per_t=100,
        ceiling_cents=10**9,
        from_on="2026-01-01",
    )
    made = desk.do(
        *("bea", "draft_order"),
        contract=contract,
        grams=sum(grams for _, grams in schedule),
        price_cents_per_t=100,
        schedule=[{"due_on": day, "grams": grams} for day, grams in schedule],
    )
    desk.do("ann", "approve_order", order_id=made["order_id"])
    if contract == "c1":
        desk.do("tom", "fund_order", order_id=made["order_id"])
    return made["deliveries"]


def test_deliveries_before_the_horizon_are_stock_and_later_ones_agreements(
    stocked, tiny
):
    assert tiny.period_starts(1)[0] == date(2027, 1, 1)
    order(
        stocked,
        [("2026-03-01", 1_000_000), ("2026-12-31", 2_000_000),
         ("2027-01-01", 4_000_000), ("2028-02-29", 8_000_000)],
    )  # fmt: skip
    stocked.clock.set("2026-06-01")  # the first is overdue by now
    found = open_study(tiny, stocked.reserve)
    assert found.arriving_t == {"gallium": 2.0}
    assert found.agreed_t == {"gallium": 13.0}
    assert stocks(found.study)["reserve_strategic_gallium_USA"][2] == 2.0
    rows = {
        row["agreement"]: row
        for row in found.study.table("agreements").iter_rows(named=True)
        if row["agreement"].startswith("reserve_")
    }
    # Overdue and due on the first day of the horizon: one agreement from that day.
    assert {name: row["quantity_t_per_year"] for name, row in rows.items()} == {
        "reserve_c1_2027-01-01": 5.0,
        "reserve_c1_2028-02-29": 8.0,
    }
    last = rows["reserve_c1_2028-02-29"]
    assert (last["from"], last["until"]) == (date(2028, 2, 29), date(2029, 3, 1))
    assert (last["seller_country"], last["buyer"]) == ("AUS", "USA")
    # The market counts them as what delivers: rung of a funded order.
    counted = {c.name: c for c in study_commitments(found.study)}
    assert counted["reserve_c1_2028-02-29"].t_per_year == 8.0
    assert counted["reserve_c1_2028-02-29"].kappa == 1.0


def test_an_order_that_is_not_funded_counts_for_nothing(stocked, tiny):
    order(stocked, [("2026-12-31", 2_000_000)], contract="c2")
    found = open_study(tiny, stocked.reserve)
    assert found.arriving_t == {}
    assert found.agreed_t == {}


def test_what_waits_for_inspection_is_in_the_stock_with_what_arrived(stocked, tiny):
    (delivery, _) = order(stocked, [("2026-12-31", 2_000_000), ("2028-01-01", 10**6)])
    stocked.do("sue", "record_delivery", delivery=delivery, grams=1_900_000)
    found = open_study(tiny, stocked.reserve)
    # 1.9 t arrived; the missing 0.1 t is due again on the same day.
    assert found.arriving_t == {"gallium": 2.0}


def test_items_that_the_study_lacks_are_all_named_with_the_nearest(stocked, tiny):
    stocked.do("max", "add_items", items=[{"item": "dy_oxid"}, {"item": "unobtainium"}])
    receive(stocked, "dy_oxid", "strategic", 1)
    receive(stocked, "unobtainium", "strategic", 1)
    with pytest.raises(InputError) as caught:
        open_study(tiny, stocked.reserve)
    assert "dy_oxid is no item of study tiny; nearest: dy_oxide" in str(caught.value)
    assert "unobtainium is no item" in str(caught.value)


def test_tonnes_on_another_basis_are_refused(desk, tiny):
    basis = dict(tiny.table("items").select("item", "basis").iter_rows())["dy_oxide"]
    desk.do("max", "add_items", items=[{"item": "dy_oxide", "basis": "another"}])
    receive(desk, "dy_oxide", "strategic", 1)
    with pytest.raises(InputError, match=f"as another in the reserve and as {basis}"):
        open_study(tiny, desk.reserve)


def test_the_head_is_that_of_the_reserve_and_nothing_is_written(stocked, tiny):
    receive(stocked, "dy_oxide", "strategic", 1)
    head = stocked.reserve.head()
    found = open_study(tiny, stocked.reserve)
    assert (found.sequence, found.hash) == (head.sequence, head.hash)
    assert stocked.reserve.head() == head
    assert json.loads(json.dumps(found.as_dict()))["sequence"] == head.sequence


def test_a_year_later_than_a_leap_day():
    assert _year_later(date(2028, 2, 29)) == date(2029, 3, 1)
    assert _year_later(date(2027, 6, 30)) == date(2028, 6, 30)


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_a_plan_starts_there_and_records_it(stocked, tmp_path, capsys):
    """The planner honours it: 50 t of gallium in stock leave nothing to lose."""
    from oreserve.cli import main

    receive(stocked, "gallium", "strategic", 500_000_000)
    head = stocked.reserve.head()
    losses = {}
    for name, more in (("with", ["--reserve", stocked.where]), ("without", [])):
        words = [
            *("plan", "tiny", "--budget", "0", "--scenarios", "8", "--verify", "8"),
            *("--no-frontier", "--no-sensitivity", "--no-programmes"),
            *("--workers", "1", "--executor", "serial"),
            *("--out", str(tmp_path / name), *more),
        ]
        assert main(words) == 0
        figures = json.loads((tmp_path / name / "plan.json").read_text("utf-8"))
        losses[name] = figures["expected_loss_without_usd"]
        if name == "with":
            assert figures["opening"]["sequence"] == head.sequence
            assert figures["opening"]["hash"] == head.hash
            assert figures["opening"]["stock_t"] == {"gallium": 500.0}
        else:
            assert "opening" not in figures
    assert losses["with"] < losses["without"]
    assert "Opening stock from Test" in capsys.readouterr().out
