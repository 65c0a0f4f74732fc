# SPDX-License-Identifier: Apache-2.0
"""Simulation by chain: the same numbers as the market's own simulator."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace
from datetime import date
from pathlib import Path

import numpy as np
import polars as pl
import pytest

import oreserve
from oreserve.errors import OreserveError
from oreserve.market import (
    Commitment,
    Order,
    ProjectSupport,
    Simulator,
    Standing,
    prepare,
    simulate,
)
from oreserve.planning import _chain_workers
from oreserve.planning._chain_runs import trajectory_arrays
from oreserve.planning._home import read_home
from oreserve.planning._market import HomeMarket
from oreserve.planning._offers import agreement_offers, project_offers
from oreserve.planning._pool import LazyPool
from oreserve.study import load_shock, load_study
from oreserve.study.scenario import Scenario
from oreserve.threats import sample_scenarios

COUNT = 6

BAN = {"kind": "ban", "actor": "CHN", "target": "*", "from": "2027-01"}
SHOCK = {
    "name": "no gallium, half of the magnets, more demand",
    "effects": [
        {**BAN, "mineral": "gallium", "until": "2028-07"},
        {**BAN, "kind": "licence", "item": "magnet", "cap_share": 0.5},
        {"kind": "demand", "country": "USA", "factor": 1.2, "from": "2028-01"},
    ],
}


@pytest.fixture(scope="module")
def study():
    return load_study("tiny")


@pytest.fixture(scope="module")
def base(study):
    return prepare(study)


@pytest.fixture(scope="module")
def scenarios(study):
    return sample_scenarios(study, count=COUNT, seed=3)


def make(study, base, pool=None) -> HomeMarket:
    home = read_home(study)
    used = {int(i) for i, x in zip(home.demand_item, home.loss, strict=True) if x > 0}
    return HomeMarket(
        home,
        base,
        agreement_offers=agreement_offers(home, used),
        project_offers=project_offers(home),
        pool=pool,
    )


@pytest.fixture(scope="module")
def market(study, base):
    return make(study, base)


@pytest.fixture(scope="module")
def without(market, scenarios):
    return market.run(scenarios)


def standings(market) -> dict[str, Standing]:
    home = market.home
    offer = market.agreement_offers[0]
    start = home.starts[0]
    bought = home.item_index(offer.item)
    order = Order(offer.item, start, 0.1 * home.reachable[bought], market.bid[bought])
    signed = Commitment(
        name="signed",
        item=offer.item,
        t_per_year=offer.most_t,
        seller_country=offer.country,
        start=date(start.year, 1, 1),
    )
    name = market.projects[0]
    built = ProjectSupport(1.1, float(market.offer_of[name].start_year))
    return {
        "order": Standing(orders=(order,)),
        "agreement": Standing(agreements=(signed,)),
        "project": Standing(projects={name: built}),
        "all": Standing((order,), (signed,), {name: built}),
    }


def same(left, right) -> None:
    for name, table in left.to_arrays().items():
        other = right.to_arrays()[name]
        np.testing.assert_allclose(table, other, rtol=1e-9, atol=1e-9, err_msg=name)


@pytest.mark.parametrize("kind", ["none", "order", "agreement", "project", "all"])
def test_chains_alone_give_what_the_whole_market_gives(
    market, base, scenarios, kind
) -> None:
    standing = None if kind == "none" else standings(market)[kind]
    simulator = Simulator(
        base, periods=len(market.home.starts), candidates=market.candidates
    )
    found = simulator.run(scenarios, standing)
    whole = trajectory_arrays(found, len(market.candidates))
    ours = market.run(scenarios, standing).to_arrays()
    assert simulator.index.home_plants == market.room_plant
    index, home = simulator.index, market.home
    order = {
        "wanted": [index.demands.index(name) for name in home.demand],
        "price": [index.items.index(name) for name in home.item],
        "output": [index.plants.index(name) for name in market.projects],
    }
    for name in ("wanted", "served_market", "served"):
        np.testing.assert_allclose(
            ours[name], whole[name][:, :, order["wanted"]], rtol=1e-9, atol=1e-9
        )
    for name in ("price", "release", "fill", "stock", "release_share", "fillable"):
        np.testing.assert_allclose(
            ours[name], whole[name][:, :, order["price"]], rtol=1e-9, atol=1e-9
        )
    np.testing.assert_allclose(
        ours["output"], whole["output"][:, :, order["output"]], rtol=1e-9, atol=1e-9
    )
    for name in ("candidate_share", "room"):
        np.testing.assert_allclose(ours[name], whole[name], rtol=1e-9, atol=1e-9)
    for name in ("agreement", "premium"):
        np.testing.assert_allclose(
            ours[name].sum(axis=2), whole[name], rtol=1e-9, atol=1e-9
        )


@pytest.mark.parametrize("kind", ["order", "agreement", "project", "all"])
def test_reuse_gives_what_a_full_simulation_gives(
    study, base, market, scenarios, without, kind
) -> None:
    standing = standings(market)[kind]
    reused = market.run(scenarios, standing, without=without)
    afresh = make(study, base).run(scenarios, standing)
    same(reused, afresh)
    assert np.abs(reused.served - without.served).max() > 0.0 or kind == "order"
    assert 0 < len(market.touched(standing)) < len(base.chains)


def test_a_plan_of_nothing_touches_nothing(market, scenarios, without) -> None:
    assert market.touched(Standing()) == []
    same(market.run(scenarios, Standing(), without=without), without)


def test_processes_give_what_one_process_gives(
    study, base, market, scenarios, without, monkeypatch
) -> None:
    monkeypatch.setattr("oreserve.planning._pool.WORTH_IT", 1)
    monkeypatch.setattr("oreserve.planning._runs.LARGE_SHARE", 0.1)
    pool = LazyPool(2)
    try:
        apart = make(study, base, pool)
        same(apart.run(scenarios), without)
        standing = standings(market)["all"]
        theirs = apart.run(scenarios, standing, without=without)
        same(theirs, market.run(scenarios, standing, without=without))
        backwards = apart.run(list(reversed(scenarios)), standing)
        same(backwards.pick(range(COUNT)[::-1]), theirs)
        apart.close()
        same(apart.run(scenarios), without)
    finally:
        pool.close()


def test_an_error_in_a_process_comes_back_as_itself(
    study, base, scenarios, monkeypatch
) -> None:
    monkeypatch.setattr("oreserve.planning._pool.WORTH_IT", 1)
    pool = LazyPool(2)
    try:
        market = make(study, base, pool)
        broken = [replace(one, effects=(("none",),)) for one in scenarios]
        with pytest.raises(AttributeError):
            market.run(broken)
    finally:
        pool.close()


def test_a_process_that_dies_is_told(study, base, scenarios, monkeypatch) -> None:
    monkeypatch.setattr("oreserve.planning._pool.WORTH_IT", 1)
    kept = _chain_workers._Process.ask

    def dies(self, message, studies):
        if message[0] == "run":
            self._process.kill()
        return kept(self, message, studies)

    monkeypatch.setattr(_chain_workers._Process, "ask", dies)
    pool = LazyPool(2)
    try:
        market = make(study, base, pool)
        with pytest.raises(OreserveError, match="ended before it was done"):
            market.run(scenarios)
    finally:
        pool.close()


def test_a_process_that_died_is_replaced(
    study, base, market, scenarios, without, monkeypatch
) -> None:
    monkeypatch.setattr("oreserve.planning._pool.WORTH_IT", 1)
    standing = standings(market)["all"]
    pool = LazyPool(2)
    try:
        apart = make(study, base, pool)
        same(apart.run(scenarios), without)
        for worker in pool.get(10)._workers:
            worker.link._process.kill()
        theirs = apart.run(scenarios, standing, without=without)
        same(theirs, market.run(scenarios, standing, without=without))
    finally:
        pool.close()


def test_initial_shortfall_is_that_of_a_simulation(study, base, market) -> None:
    shock = load_shock(SHOCK, study)
    found = simulate(study, shock=shock, base=base)
    effects = tuple(
        tuple(e for e in shock.effects if e.share_in(start, end) > 0.0)
        for start, end in zip(
            market.chains[0].starts, market.chains[0].ends, strict=True
        )
    )
    scenario = Scenario(0, effects)
    ours = market.served_at_base([scenario])[0]
    wanted = market.run([scenario]).wanted[0]
    table = found.shortfall.filter(pl.col("demand").is_in(market.home.demand))
    seen = 0
    periods = [f"{start:%Y-%m}" for start in market.home.starts]
    for row in table.iter_rows(named=True):
        if row["initial_shortfall_t"] is None:
            continue
        t, d = periods.index(row["period"]), market.home.demand.index(row["demand"])
        short = max(0.0, wanted[t, d] - ours[t, d])
        assert short == pytest.approx(row["initial_shortfall_t"], rel=1e-9, abs=1e-9)
        seen += row["initial_shortfall_t"] > 0.0
    assert seen


LOSS = """
from oreserve.planning import plan
from oreserve.study import load_study

if __name__ == "__main__":
    made = plan(
        load_study("tiny"),
        budget_usd=20e6,
        scenarios=10,
        verify=10,
        frontier=False,
        sensitivity=False,
        programmes=False,
    )
    print(repr(made.figures["expected_loss_without_usd"]))
    print(repr(made.figures["verified_loss_with_usd"]))
"""


def test_the_hash_seed_changes_no_loss(tmp_path) -> None:
    script = tmp_path / "losses.py"
    script.write_text(LOSS)
    src = str(Path(oreserve.__file__).parent.parent)
    found = []
    for seed in ("1", "2"):
        environment = {**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": src}
        done = subprocess.run(
            [sys.executable, str(script)],
            env=environment,
            capture_output=True,
            text=True,
            check=True,
        )
        found.append([float(line) for line in done.stdout.split()])
    assert found[0] == pytest.approx(found[1], rel=1e-3)
    assert found[0][0] > 0.0
