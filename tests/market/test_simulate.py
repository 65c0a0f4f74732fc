# SPDX-License-Identifier: Apache-2.0
"""Simulation over time: what must hold whatever the data."""

from __future__ import annotations

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from market.small_studies import write_study
from oreserve.market import base_year_check, prepare, simulate
from oreserve.study import load_study

BAN = {"kind": "ban", "actor": "CHN", "target": "*", "mineral": ["gallium"]}


@pytest.fixture(scope="module")
def tiny():
    return load_study("tiny")


@pytest.fixture(scope="module")
def base(tiny):
    return prepare(tiny)


def shock(*effects, **more):
    return {"name": "shock", "effects": [{**e, **more} for e in effects]}


def two_buyers(folder, *, growth=0.0, leak=0.0, entry=0.0, usa_price="", **settings):
    """China sells one item to the USA and Japan, Australia a little to Japan."""
    items = {
        "ore": {
            "lane_growth_per_year": growth,
            "leakage_share": leak,
            "entry_share": entry,
        }
    }
    plants = [
        {
            "plant": "china",
            "process": "mining",
            "country": "CHN",
            "capacity_t_per_year": 200.0,
            "cost_usd_per_t": 50.0,
        },
        {
            "plant": "australia",
            "process": "mining",
            "country": "AUS",
            "capacity_t_per_year": 100.0,
            "cost_usd_per_t": 60.0,
        },
    ]
    demands = [
        {
            "demand": f"use_{c}",
            "item": "ore",
            "country": c,
            "loss_usd_per_t": 1000.0,
            "quantity_t_per_year": 60.0,
            "price_elasticity": -0.3,
            "max_price_usd_per_t": usa_price if c == "USA" else "",
        }
        for c in ("USA", "JPN")
    ]
    lanes = [
        {"item": "ore", "exporter": a, "importer": b, "base_t_per_year": t,
         "cost_usd_per_t": 1.0}
        for a, b, t in (("CHN", "USA", 50.0), ("CHN", "JPN", 40.0),
                        ("AUS", "JPN", 20.0), ("AUS", "USA", 10.0))
    ]  # fmt: skip
    return write_study(
        folder, plants=plants, demands=demands, lanes=lanes, items=items,
        recipes={"mining": {"ore": 1.0}}, prices={"ore": 100.0},
        settings={k: str(v) for k, v in settings.items()},
    )  # fmt: skip


def served(outcome, demand, period=0):
    rows = outcome.shortfall.filter(pl.col("demand") == demand).sort("period")
    return rows["served_t"][period]


# --- the base year ---------------------------------------------------------------


def test_base_year_comes_back(base):
    check = base_year_check(base)
    assert check["deviation"].max() < 0.01
    assert set(check["kind"]) == {"plant", "demand", "lane", "price"}


# --- bans, lanes, leaks (G2, G3) --------------------------------------------------


@pytest.mark.parametrize("growth", [0.0, 0.2, 1.0, 100.0])
def test_a_ban_on_one_buyer_fades_with_lane_growth(tmp_path, growth):
    study = two_buyers(tmp_path, growth=growth)
    ban = {"kind": "ban", "actor": "CHN", "target": "USA"}
    outcome = simulate(study, shock=shock(ban), periods=1)
    # Australia's lane to the USA is 10 (1 + growth); it has 100 t for both.
    limit = 10.0 * (1.0 + growth)
    assert served(outcome, "use_USA") == pytest.approx(min(limit, 60.0), rel=0.25)
    if growth < 5.0:
        assert served(outcome, "use_USA") == pytest.approx(limit, rel=1e-9)
        assert not outcome.binds.filter(pl.col("binds")).is_empty()


def test_service_under_a_ban_rises_with_lane_growth(tmp_path):
    ban = {"kind": "ban", "actor": "CHN", "target": "USA"}
    got = [
        served(
            simulate(
                two_buyers(tmp_path / str(g), growth=g), shock=shock(ban), periods=1
            ),
            "use_USA",
        )
        for g in (0.0, 0.5, 2.0, 10.0)
    ]
    assert got == sorted(got)


def test_a_ceiling_at_home_alone_is_refused(tmp_path):
    # A home that pays ten times more would never be short (G3).
    with pytest.raises(ValueError, match="max_price"):
        two_buyers(tmp_path, usa_price=30000.0)


def test_leak_lets_part_of_a_targeted_ban_through(tmp_path):
    ban = {"kind": "ban", "actor": "CHN", "target": "USA"}
    without = simulate(two_buyers(tmp_path / "a"), shock=shock(ban), periods=1)
    leaking = simulate(
        two_buyers(tmp_path / "b", leak=0.3), shock=shock(ban), periods=1
    )
    more = served(leaking, "use_USA") - served(without, "use_USA")
    assert more == pytest.approx(0.3 * 50.0, rel=1e-9)


def test_full_ban_closes_hub_and_leak(tmp_path):
    ban = {"kind": "ban", "actor": "CHN", "target": "*"}
    study = two_buyers(tmp_path, leak=0.3, entry=0.1)
    outcome = simulate(study, shock=shock(ban), periods=1)
    sent = outcome.flows.filter(pl.col("exporter") == "CHN")["flow_t"].sum()
    assert sent == pytest.approx(0.0, abs=1e-9)
    # Australia: its lane of 10 t and 10 % of the use through the hub.
    assert served(outcome, "use_USA") == pytest.approx(16.0, rel=1e-9)


def test_licence_caps_lanes_and_hub_together(tmp_path):
    licence = {"kind": "licence", "actor": "CHN", "target": "*", "cap_share": 0.4}
    study = two_buyers(tmp_path, growth=1.0, entry=0.1)
    outcome = simulate(study, shock=shock(licence), periods=1)
    sent = outcome.flows.filter(pl.col("exporter") == "CHN")["flow_t"].sum()
    assert sent == pytest.approx(0.4 * 90.0, rel=1e-9)
    row = outcome.binds.row(0, named=True)
    assert row["binds"]
    assert row["worth_usd_per_t"] > 0.0


def test_quota_in_force_for_half_the_year_leaves_the_other_half_open(tmp_path):
    quota = {
        "kind": "quota", "actor": "CHN", "target": "*", "cap_t_per_year": 10.0,
        "from": "2027-01-01", "until": "2027-07-02",
    }  # fmt: skip
    outcome = simulate(two_buyers(tmp_path), shock=shock(quota), periods=1)
    share = 182.0 / 365.0
    sent = outcome.flows.filter(pl.col("exporter") == "CHN")["flow_t"].sum()
    assert sent == pytest.approx(share * 10.0 + (1.0 - share) * 90.0, rel=1e-9)


def test_ban_on_nobody_changes_nothing(tiny, base):
    # Australia neither makes nor trades gallium, so its ban stops nothing.
    calm = simulate(tiny, base=base, periods=2)
    nobody = simulate(
        tiny,
        base=base,
        periods=2,
        shock=shock({**BAN, "actor": "AUS"}),
    )
    assert nobody.status == "shock touches nothing"
    assert_frame_equal(nobody.shortfall, calm.shortfall)
    assert_frame_equal(nobody.prices, calm.prices)
    assert any("touches nothing" in note for note in nobody.warnings)


def test_shock_outside_the_horizon_says_so(tiny, base):
    late = shock(BAN, **{"from": "2060-01", "until": "2061-01"})
    outcome = simulate(tiny, base=base, shock=late, periods=1)
    assert outcome.status == "shock outside the horizon"
    assert any("outside" in note for note in outcome.warnings)


def test_tariff_is_paid_on_the_exporters_price(tmp_path):
    tariff = {"kind": "tariff", "actor": "CHN", "target": "USA", "tariff_share": 0.1}
    outcome = simulate(two_buyers(tmp_path, growth=9.0), shock=shock(tariff), periods=1)
    price = {c: p for _, _, c, p, _, _ in outcome.prices.iter_rows()}
    flows = {(a, b): t for _, _, a, b, t in outcome.flows.iter_rows()}
    assert flows["CHN", "USA"] > 0.0
    assert price["USA"] == pytest.approx(price["CHN"] * 1.1 + 1.0, rel=1e-3)


# --- conservation -------------------------------------------------------------------


def test_every_node_balances(tiny, base):
    outcome = simulate(tiny, base=base, shock=shock(BAN), periods=3, release=False)
    chain_of = {p: c for c in base.chains for p in c.plants.name}
    coefficient = {
        (c.plants.name[f], c.items[c.nodes.item[n]]): a
        for c in base.chains
        for f, n, a in zip(
            c.plants.recipe_plant,
            c.plants.recipe_node,
            c.plants.recipe_t_per_t,
            strict=True,
        )
    }
    balance: dict[tuple[str, str, str], float] = {}
    size: dict[tuple[str, str, str], float] = {}

    def book(period, item, country, tonnes):
        key = (period, item, country)
        balance[key] = balance.get(key, 0.0) + tonnes
        size[key] = size.get(key, 0.0) + abs(tonnes)

    for period, plant, _, activity in outcome.activity.iter_rows():
        chain = chain_of[plant]
        country = chain.countries[chain.plants.country[chain.plants.name.index(plant)]]
        for (name, item), a in coefficient.items():
            if name == plant:
                book(period, item, country, a * activity)
    for period, item, exporter, importer, flow in outcome.flows.iter_rows():
        book(period, item, exporter, -flow)
        book(period, item, importer, flow)
    for row in outcome.unsold.iter_rows(named=True):
        book(row["period"], row["item"], row["country"], -row["unsold_t"])
    place = dict(tiny.table("stocks").select("stock", pl.col("country")).iter_rows())
    for row in outcome.stocks.iter_rows(named=True):
        where = (row["period"], row["item"], place[row["stock"]])
        book(*where, row["release_t"] - row["fill_t"])
    uses = {}
    for row in outcome.shortfall.iter_rows(named=True):
        key = (row["period"], row["item"], row["country"])
        uses[key] = uses.get(key, 0.0) + row["served_t"]
    delivered = {}
    for row in outcome.deliveries.iter_rows(named=True):
        key = (row["period"], row["item"], "USA")
        delivered[key] = delivered.get(key, 0.0) + row["delivered_t"]
    # What agreements bring home is taken from others' use after the market, and
    # residual uses of joint products have no row: leave those items out.
    joint = {
        c.items[c.nodes.item[n]]
        for c in base.chains
        for n, k in zip(c.demands.node, c.demands.klass, strict=True)
        if k in {"joint", "stock_build"}
    }
    moved = {(p, i) for p, i, _ in delivered if delivered[p, i, "USA"] > 0.0}
    checked = 0
    for key, value in balance.items():
        if key[1] in joint or (key[0], key[1]) in moved:
            continue
        checked += 1
        assert value == pytest.approx(uses.get(key, 0.0), abs=1e-6 * size[key] + 1e-9)
    assert checked > 10


def test_stocks_never_fall_below_zero_and_move_by_what_is_booked(tiny, base):
    outcome = simulate(tiny, base=base, shock=shock(BAN))
    assert outcome.stocks["level_t"].min() >= 0.0
    decay = dict(
        tiny.table("stocks").select("stock", "loss_share_per_year").iter_rows()
    )
    opening = dict(tiny.table("stocks").select("stock", "quantity_t").iter_rows())
    for (name,), rows in outcome.stocks.sort("period").group_by(
        "stock", maintain_order=True
    ):
        level = opening[name]
        for row in rows.iter_rows(named=True):
            level += row["fill_t"] - row["release_t"]
            level *= 1.0 - (decay[name] or 0.0)
            assert row["level_t"] == pytest.approx(level, abs=1e-6)


def test_doubled_world_doubles_tonnes_and_keeps_prices(tmp_path):
    cut = {"kind": "outage", "country": "CHN", "factor": 0.4}
    single = two_buyers(tmp_path / "a", growth=0.5)
    frames = {
        name: single.table(name).with_columns(pl.col(columns) * 2.0)
        for name, columns in (
            ("plants", ["capacity_t_per_year"]),
            ("demands", ["quantity_t_per_year"]),
            ("lanes", ["base_t_per_year"]),
        )
    }
    double = single.with_tables(**frames)
    one = simulate(single, shock=shock(cut), periods=2)
    two = simulate(double, shock=shock(cut), periods=2)
    assert two.welfare_usd == pytest.approx(2.0 * one.welfare_usd, rel=1e-6)
    ratio = two.shortfall["served_t"] / one.shortfall["served_t"]
    assert ratio.to_list() == pytest.approx([2.0] * len(ratio), rel=1e-6)
    assert two.prices["price_usd_per_t"].to_list() == pytest.approx(
        one.prices["price_usd_per_t"].to_list(), rel=1e-5
    )


def test_row_order_does_not_matter(tiny):
    shuffled = tiny.with_tables(
        **{
            name: tiny.table(name).sample(fraction=1.0, shuffle=True, seed=3)
            for name in ("plants", "demands", "lanes", "recipes", "stocks")
        }
    )
    one = simulate(tiny, shock=shock(BAN), periods=2)
    two = simulate(shuffled, shock=shock(BAN), periods=2)
    assert_frame_equal(one.shortfall, two.shortfall)
    assert_frame_equal(one.prices, two.prices)


# --- the surface --------------------------------------------------------------------


def test_outcome_has_the_stable_files(tiny, base, tmp_path):
    outcome = simulate(tiny, base=base)
    folder = outcome.save(tmp_path / "out")
    headers = {
        "prices": "period,item,country,price_usd_per_t,price_low,price_high",
        "shortfall": "period,demand,item,country,sector,class,wanted_t,served_t,"
        "initial_shortfall_t,shortfall_t,loss_usd",
        "activity": "period,plant,item,activity_t",
        "flows": "period,item,exporter,importer,flow_t",
        "stocks": "period,stock,item,level_t,release_t,fill_t",
    }
    for name, header in headers.items():
        text = (folder / f"{name}.csv").read_text()
        assert text.splitlines()[0] == header
    assert outcome.periods == ("2024-01",)
    assert "status solved" in outcome.summary()


def test_release_goes_to_home_and_can_be_switched_off(tiny, base):
    effect = {**BAN, "mineral": ["dysprosium"]}
    given = simulate(tiny, base=base, shock=shock(effect), periods=1)
    kept = simulate(tiny, base=base, shock=shock(effect), periods=1, release=False)
    tonnes = given.stocks.filter(pl.col("stock") == "usa_strategic_dy")["release_t"]
    assert tonnes[0] > 0.0
    rows = [
        o.shortfall.filter(pl.col("demand") == "usa_dy_oxide") for o in (given, kept)
    ]
    gained = rows[0]["served_t"][0] - rows[1]["served_t"][0]
    assert gained == pytest.approx(tonnes[0], rel=1e-9)
    assert given.home_loss_usd < kept.home_loss_usd
