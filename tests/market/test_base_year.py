# SPDX-License-Identifier: Apache-2.0
"""With no shock the market gives the base year back, every item within 1 %.

The promise is about rows above 0.1 % of the world output of their item, against
reconciled values. It proves the code and not the data; see `reconciliation`.
"""

from __future__ import annotations

from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import polars as pl
import pytest

from oreserve.market._calibrate import calibrate
from oreserve.market._clear import clear, open_terms
from oreserve.market._prepare import base_year_check, market_rules, prepare
from oreserve.market._problem import build_problem
from oreserve.market._reconcile import reconcile
from oreserve.network.build import build_chains
from oreserve.study import load_study

if TYPE_CHECKING:
    from oreserve.market._prepare import Base
    from oreserve.network.chain import Chain
    from oreserve.study import Study

WITHIN = 0.01
ROW_SHARE = 1e-3  # of world output: smaller rows have no meaningful relative error


def bundled() -> list[str]:
    spec = find_spec("oreserve")
    assert spec is not None
    assert spec.submodule_search_locations is not None
    studies = Path(next(iter(spec.submodule_search_locations))) / "studies"
    names = ["tiny", "us-2026"]
    return [n for n in names if (studies / n / "datapackage.json").exists()]


@pytest.fixture(scope="module", params=bundled())
def study(request: pytest.FixtureRequest) -> Study:
    return load_study(request.param)


@pytest.fixture(scope="module")
def base(study: Study) -> Base:
    return prepare(study)


def with_cost_curve(chain: Chain, elasticity: float) -> Chain:
    """Give every plant that the base year knows the same supply elasticity."""
    plants = chain.plants
    curve = np.where(plants.base > 0.0, elasticity, plants.supply_elasticity)
    return replace(chain, plants=replace(plants, supply_elasticity=curve))


def worst(chain: Chain, base: Base, *, lane_cap: float) -> dict[str, float]:
    """Clear a chain without effects; return the largest deviation by kind."""
    problem = build_problem(chain, market_rules(base.study))
    limit = lane_cap * np.nan_to_num(chain.lanes.base)
    result = clear(problem, replace(open_terms(problem), lane=limit))
    nodes, plants, lanes = chain.nodes, chain.plants, chain.lanes
    world = chain.world[nodes.item]

    def gap(got: np.ndarray, was: np.ndarray, least: np.ndarray) -> float:
        size = np.maximum(was, ROW_SHARE * least)
        return float(np.max(np.abs(got - was) / size, initial=0.0))

    made = np.maximum(plants.recipe_t_per_t, 0.0) * plants.base[plants.recipe_plant]
    comes = np.bincount(plants.recipe_node, made, minlength=nodes.item.size)
    comes += np.bincount(lanes.to_node, np.nan_to_num(lanes.base), nodes.item.size)
    busy = (comes >= ROW_SHARE * world) & np.isfinite(result.price)
    # A worthless by-product has price 0: its error is a share of the dearest item.
    reference = np.zeros(len(chain.items))
    np.maximum.at(reference, nodes.item, np.abs(nodes.price))
    size = np.maximum(np.abs(nodes.price), 0.01 * reference[nodes.item])
    size = np.maximum(size, 1e-6 * reference.max())
    return {
        "activity": gap(result.activity, plants.base, chain.world[plants.main_item]),
        "use": gap(result.served, chain.demands.quantity, world[chain.demands.node]),
        "flow": gap(result.flow, np.nan_to_num(lanes.base), world[lanes.from_node]),
        "price": float(
            np.max((np.abs(result.price - nodes.price) / size)[busy], initial=0.0)
        ),
    }


@pytest.mark.parametrize("lane_cap", [1.2, 3.4])
@pytest.mark.parametrize("elasticity", [None, np.nan, 0.5])
def test_base_year_returns_within_one_percent(
    base: Base, lane_cap: float, elasticity: float | None
) -> None:
    # None: the cost curves of the study; nan: constant costs; 0.5: isoelastic.
    found = {}
    for chain in base.chains:
        curved = chain if elasticity is None else with_cost_curve(chain, elasticity)
        found[chain.name] = worst(curved, base, lane_cap=lane_cap)
    over = {
        name: {kind: round(v, 4) for kind, v in kinds.items() if not v <= WITHIN}
        for name, kinds in found.items()
        if not all(v <= WITHIN for v in kinds.values())
    }
    assert over == {}


def test_the_study_s_own_check_agrees(base: Base) -> None:
    frame = base_year_check(base)
    assert set(frame["kind"].unique()) == {"plant", "demand", "lane", "price"}
    assert frame.filter(~(pl.col("deviation") <= WITHIN)).is_empty()


def test_every_item_with_output_or_use_is_checked(study: Study, base: Base) -> None:
    seen = {item for chain in base.chains for item in chain.items}
    asked = set(study.table("demands")["item"].unique())
    assert asked <= seen
    checked = set(base_year_check(base).filter(pl.col("kind") == "price")["item"])
    used = set(study.table("demands").filter(pl.col("quantity_t_per_year") > 0)["item"])
    assert used <= checked


def test_folded_stock_is_small(base: Base) -> None:
    for chain in base.chains:
        price = np.nan_to_num(chain.nodes.price)
        made = np.maximum(chain.plants.recipe_t_per_t, 0.0)
        made = made * chain.plants.base[chain.plants.recipe_plant]
        value = float(made @ price[chain.plants.recipe_node])
        build = np.array([k == "stock_build" for k in chain.demands.klass])
        worth = float((chain.demands.quantity * price[chain.demands.node])[build].sum())
        draw = np.array([p == "unreported" for p in chain.plants.process])
        lines = draw[chain.plants.recipe_plant]
        worth += float((made * price[chain.plants.recipe_node])[lines].sum())
        assert worth <= 0.01 * value, chain.name


def test_read_prices_stay_within_five_percent(base: Base) -> None:
    moved = base.calibration.filter(pl.col("reason").str.contains("moved over 5 %"))
    assert moved.is_empty(), moved


def test_read_rows_move_less_than_three_sigma(base: Base) -> None:
    moved = base.reconciliation.filter(pl.col("reason").str.contains("read, moved"))
    assert moved.is_empty(), moved


def disturbed(chain: Chain, rng: np.random.Generator) -> Chain:
    """Move raw values by up to 30 %, lanes by up to 50 %; drop every tenth lane."""
    plants, demands, lanes = chain.plants, chain.demands, chain.lanes
    activity = plants.base * rng.uniform(0.7, 1.3, plants.base.size)
    quantity = demands.quantity * rng.uniform(0.7, 1.3, demands.node.size)
    flow = lanes.base * rng.uniform(0.5, 1.5, lanes.base.size)
    flow *= rng.random(lanes.base.size) > 0.1
    return replace(
        chain,
        plants=replace(plants, base=activity),
        demands=replace(demands, quantity=quantity),
        lanes=replace(lanes, base=flow),
    )


def test_disturbed_data_return_as_well(study: Study, base: Base) -> None:
    # Shipped tables balance nearly; the market must return whatever is calibrated.
    rng = np.random.default_rng(2)
    for chain in build_chains(study):
        ready, _ = calibrate(reconcile(disturbed(chain, rng))[0], wedge=0.002)
        for cap in (1.2, 3.4):
            found = worst(ready, base, lane_cap=cap)
            assert all(v <= WITHIN for v in found.values()), (chain.name, found)
