# SPDX-License-Identifier: Apache-2.0
"""Many scenarios: nothing depends on workers, order or what is cached."""

from __future__ import annotations

from datetime import date

import numpy as np
import polars as pl
import pytest

from oreserve.market import (
    Commitment,
    Order,
    ProjectSupport,
    Simulator,
    Standing,
    agreement_tonnes,
    allocate,
    claim_order,
    loss_usd,
    prepare,
    release_limit,
)
from oreserve.study import load_study
from oreserve.study.scenario import Effect, Scenario
from oreserve.threats import sample_scenarios

BAN = Effect("ban", actor="CHN", target="*", minerals=("gallium",))


@pytest.fixture(scope="module")
def base():
    return prepare(load_study("tiny"))


@pytest.fixture(scope="module")
def scenarios(base):
    return sample_scenarios(base.study, count=12, seed=1)


def same(one, two):
    for name in ("served", "loss_usd", "price", "inflow", "stock", "output", "fill"):
        np.testing.assert_array_equal(getattr(one, name), getattr(two, name))


def test_workers_and_order_do_not_matter(base, scenarios):
    serial = Simulator(base, workers=1).run(scenarios)
    threads = Simulator(base, workers=2).run(scenarios[::-1])
    by_number = {t.number: t for t in threads}
    for one in serial:
        same(one, by_number[one.number])


def test_a_scenario_is_the_same_alone_and_in_company(base, scenarios):
    together = Simulator(base).run(scenarios)
    alone = Simulator(base).run([scenarios[5]])
    same(together[5], alone[0])


def test_a_plan_without_anything_changes_nothing(base, scenarios):
    simulator = Simulator(base)
    without = simulator.run(scenarios)
    empty = simulator.run(scenarios, Standing())
    for one, two in zip(without, empty, strict=True):
        same(one, two)


def calm_then_ban(periods, first):
    effects = tuple((BAN,) if t >= first else () for t in range(periods))
    return Scenario(0, effects, release_share=(0.5,) * periods)


def test_an_order_fills_in_calm_and_is_released_in_the_shock(base):
    simulator = Simulator(base, periods=4)
    scenario = calm_then_ban(4, first=2)
    item = simulator.index.items.index("gallium")
    start = simulator.starts[0]
    price = base.price("gallium", "USA")
    order = Order("gallium", start, tonnes=2.0, bid_usd_per_t=3.0 * price)
    plain = simulator.run([scenario])[0]
    held = simulator.run([scenario], Standing(orders=(order,)))[0]
    assert held.fill[:, item].sum() == pytest.approx(2.0)
    assert held.fill[2:, item].sum() == 0.0
    assert held.release[:2, item].sum() == 0.0
    # Half of what is left each period: 1 t, then 0.5 t.
    more = held.release[2:, item] - plain.release[2:, item]
    assert more == pytest.approx([1.0, 0.5])
    assert held.loss_usd.sum() < plain.loss_usd.sum()
    gained = (held.served - plain.served)[2:].sum()
    assert gained == pytest.approx(1.5, abs=0.2)


def test_an_order_above_its_bid_waits(base):
    simulator = Simulator(base, periods=2)
    order = Order("gallium", simulator.starts[0], tonnes=2.0, bid_usd_per_t=1.0)
    run = simulator.run([calm_then_ban(2, first=9)], Standing(orders=(order,)))[0]
    assert run.fill.sum() == 0.0


def test_no_order_fills_while_home_is_short(base):
    simulator = Simulator(base, periods=2)
    order = Order("gallium", simulator.starts[0], tonnes=2.0, bid_usd_per_t=1e9)
    run = simulator.run([calm_then_ban(2, first=0)], Standing(orders=(order,)))[0]
    item = simulator.index.items.index("gallium")
    assert not run.fillable[:, item].any()
    assert run.fill.sum() == 0.0


def test_an_agreement_delivers_no_more_than_home_lacks(base):
    simulator = Simulator(base, periods=2)
    deal = Commitment("deal", "gallium", 1000.0, "JPN", seller="jpn_gallium")
    scenario = calm_then_ban(2, first=0)
    run = simulator.run([scenario], Standing(agreements=(deal,)))[0]
    short = np.maximum(run.wanted - run.served_market, 0.0)
    rows = [k for k, i in enumerate(simulator.index.demand_item) if i == "gallium"]
    assert run.agreement[:, -1].sum() > 0.0
    assert np.all(run.agreement.sum(axis=1) <= short.sum(axis=1) + 1e-9)
    assert np.all(run.served[:, rows] <= run.wanted[:, rows] + 1e-9)


def test_an_agreement_with_a_banned_seller_delivers_only_if_exempt(base):
    simulator = Simulator(base, periods=1)
    scenario = calm_then_ban(1, first=0)
    got = {}
    for exempt in (False, True):
        deal = Commitment("deal", "gallium", 1.0, "CHN", exempt=exempt)
        run = simulator.run([scenario], Standing(agreements=(deal,)))[0]
        got[exempt] = run.agreement[0, -1]
    assert got[False] == 0.0
    assert got[True] == pytest.approx(1.0)


def test_tonnes_promised_to_others_are_out_of_reach(base):
    study = base.study
    projects = study.table("projects")
    promised = study.with_tables(
        projects=projects.with_columns(
            pl.lit(1.0).alias("committed_share"), pl.lit("CHN").alias("committed_to")
        )
    )
    name = "aus_gallium_new"
    got = []
    for one in (study, promised):
        simulator = Simulator(prepare(one), periods=1)
        deal = Commitment("deal", "gallium", 1.0, "AUS", seller=name)
        plan = Standing(
            agreements=(deal,), projects={name: ProjectSupport(1.0, 2020.0)}
        )
        run = simulator.run([calm_then_ban(1, first=0)], plan)[0]
        got.append(run.agreement_limit[0, -1])
    assert got[0] > 0.0
    assert got[1] == 0.0


def test_a_project_stands_where_the_draw_is_below_its_success(base):
    simulator = Simulator(base, periods=2)
    name = next(p.name for m in simulator.markets for p in m.projects)
    plant = simulator.index.plants.index(name)
    plan = Standing(projects={name: ProjectSupport(0.5, 2020.0)})
    effects = ((BAN,), (BAN,))
    low, high = simulator.run(
        [
            Scenario(0, effects, release_share=(1.0, 1.0), draws={name: 0.4}),
            Scenario(1, effects, release_share=(1.0, 1.0), draws={name: 0.6}),
        ],
        plan,
    )
    assert low.output[:, plant].sum() > 0.0
    assert high.output[:, plant].sum() == 0.0


def test_inflow_less_exports_closes_the_home_balance(base, scenarios):
    simulator = Simulator(base)
    run = simulator.run(scenarios[:3])[2]
    index = simulator.index
    item = index.items.index("gallium")
    rows = [k for k, i in enumerate(index.demand_item) if i == "gallium"]
    made = sum(
        run.output[:, index.plants.index(p)]
        for p in index.home_plants
        if "gallium" in p
    )
    came = made + run.inflow[:, item].sum(axis=-1) + run.commercial[:, item]
    used = run.served_market[:, rows].sum(axis=1) + run.fill[:, item]
    assert came == pytest.approx(used, abs=1e-6)


# --- pure functions ------------------------------------------------------------------


def test_loss_rises_with_depth_and_is_whole_at_full_shortage():
    wanted = np.full(4, 100.0)
    short = np.array([0.0, 10.0, 50.0, 100.0])
    # Weights 0.3, 1, 1.5 over 10, 40, 50 %: 0.03 + 0.4 + 0.75 = 1.18.
    expected = np.array([0.0, 3.0, 43.0, 118.0]) / 1.18 * 7.0
    assert loss_usd(short, wanted, np.full(4, 7.0)) == pytest.approx(expected)


def test_defence_is_served_first_then_the_larger_loss():
    order = claim_order(["other", "defence", "other"], np.array([9.0, 1.0, 20.0]))
    assert order.tolist() == [1, 2, 0]
    given = allocate(np.array([7.0, 1.0]), np.array([[5.0, 4.0, 2.0]] * 2), order)
    assert given.tolist() == [[1.0, 4.0, 2.0], [0.0, 1.0, 0.0]]


def test_agreement_on_a_plant_that_home_buys_in_full_adds_nothing():
    tonnes = agreement_tonnes(
        50.0, kappa=1.0, availability=0.8, permission=1.0, home_share=1.0
    )
    assert float(tonnes) == 0.0
    half = agreement_tonnes(
        50.0, kappa=1.0, availability=0.8, permission=0.5, home_share=0.25
    )
    assert float(half) == pytest.approx(50.0 * 0.8 * 0.5 * 0.75)


def test_release_never_exceeds_share_access_or_rate():
    level = np.array([10.0, 10.0, -1.0])
    limit = release_limit(level, share=np.array([0.5, 1.0, 1.0]), accessible=0.8)
    assert limit == pytest.approx([4.0, 8.0, 0.0])
    assert float(release_limit(np.array(10.0), share=1.0, most=3.0)) == 3.0


def test_licence_that_takes_long_lets_less_through_at_first(base):
    simulator = Simulator(base, periods=3)
    slow = Effect(
        "licence", actor="CHN", target="*", minerals=("gallium",),
        cap_share=0.5, delay_days=182.5, start=date.min,
    )  # fmt: skip
    run = simulator.run([Scenario(0, ((), (slow,), (slow,)))])[0]
    item = simulator.index.items.index("gallium")
    china = simulator.index.origins.index("CHN")
    inflow = run.inflow[:, item, china]
    assert inflow[1] < inflow[2] < inflow[0]
