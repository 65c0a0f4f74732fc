# SPDX-License-Identifier: Apache-2.0
"""Who counts as short: beyond the block that is worth the base price."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import polars as pl
import pytest
from polars.testing import assert_frame_equal

from oreserve.market import _frames, beyond_block, prepare, simulate
from oreserve.market._curves import BASE_BLOCK, demand_steps
from oreserve.market._layout import MarketRules
from oreserve.market._problem import build_problem
from oreserve.market._short import NOISE_SHARE, block_share, counts_as_short
from oreserve.study import load_study


@pytest.fixture(scope="module")
def study():
    return load_study("tiny")


@pytest.fixture(scope="module")
def base(study):
    return prepare(study)


def test_the_curve_has_the_block_that_is_counted() -> None:
    steps = demand_steps(-0.3, 30.0, base_block=True, slice_ceiling=True)
    at_base = np.flatnonzero(steps.price == 1.0)
    assert steps.width[at_base].tolist() == [2.0 * BASE_BLOCK]
    above = steps.width[: at_base[0]].sum()
    wanted = np.ones(2)
    # At the lower edge the price is still the base price: nobody is short.
    short = np.array([1.0 - above, 1.0 - above + 1e-4])
    assert counts_as_short(short, wanted, BASE_BLOCK).tolist() == [False, True]


def test_beyond_the_edge_the_whole_shortage_counts() -> None:
    short = np.array([0.1, 0.2, 0.21, 30.0])
    found = beyond_block(short, np.full(4, 100.0), BASE_BLOCK)
    assert found.tolist() == [0.0, 0.0, 0.21, 30.0]


def test_without_a_block_only_the_solvers_noise_is_nothing() -> None:
    short = np.array([0.5, 2.0]) * NOISE_SHARE
    assert beyond_block(short, np.ones(2), 0.0).tolist() == [0.0, 2 * NOISE_SHARE]


def test_rigid_uses_and_uncalibrated_markets_have_no_block(base) -> None:
    chain = base.chains[0]
    elasticity = chain.demands.elasticity.copy()
    elasticity[0] = 0.0
    demands = replace(chain.demands, elasticity=elasticity)
    rules = MarketRules(home=("USA",))
    problem = build_problem(replace(chain, demands=demands), rules)
    assert block_share(problem).tolist() == [0.0] + [BASE_BLOCK] * (len(elasticity) - 1)
    raw = build_problem(replace(chain, calibrated=False), rules)
    assert not block_share(raw).any()


def test_a_use_inside_its_block_is_not_named(study, monkeypatch) -> None:
    demands = study.table("demands").with_columns(
        loss_usd_per_t=pl.when(pl.col("demand") != "usa_re_residue").then(
            pl.col("loss_usd_per_t")
        )
    )
    silent = study.with_tables(demands=demands)
    ban = {
        "name": "ban",
        "effects": [{"kind": "ban", "actor": "CHN", "target": "USA"}],
    }
    base = prepare(silent)
    found = simulate(silent, shock=ban, periods=1, base=base)
    row = found.shortfall.row(by_predicate=pl.col("demand") == "usa_re_residue")
    short = row[9] / row[6]
    assert BASE_BLOCK < short < 0.5
    assert "1 home use went short" in found.warnings[0]
    monkeypatch.setattr(
        _frames, "block_share", lambda p: np.full(len(p.group_of), short)
    )
    wide = simulate(silent, shock=ban, periods=1, base=base)
    assert wide.warnings == ()
    # Tonnes and losses are not touched.
    assert_frame_equal(wide.shortfall, found.shortfall)
    assert wide.home_loss_usd == found.home_loss_usd
