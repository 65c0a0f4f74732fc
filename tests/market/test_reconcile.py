# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from dataclasses import fields, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse import csr_array

from market.base_chains import base_chain
from oreserve.errors import InputError, OreserveError
from oreserve.market import _reconcile
from oreserve.market._reconcile import reconcile
from oreserve.market._reconcile_cycles import cancel_cycles, sinks_first
from oreserve.market._reconcile_fit import Fit, SingularFitError, fit_balanced
from oreserve.market._reconcile_problem import pose
from oreserve.market._reconcile_rows import (
    balance_gap,
    in_key_order,
    node_names,
    throughput,
)

if TYPE_CHECKING:
    from oreserve.network.chain import Chain

COBALT = {"mine": {"ore": 1.0}, "refine": {"metal": 1.0, "ore": -1.1}}


def cobalt(**changes: Any) -> Chain:
    parts: dict[str, Any] = {
        "processes": COBALT,
        "plants": [
            ("mine", "COD", 170.0, "read"),
            ("mine", "AUS", 10.0, "read"),
            ("refine", "CHN", 150.0, "computed"),
            ("refine", "FIN", 12.0, "read"),
        ],
        "demands": [
            ("metal", "CHN", 90.0, "assumed"),
            ("metal", "USA", 30.0, "read"),
            ("metal", "DEU", 35.0, "assumed"),
        ],
        "lanes": [
            ("ore", "COD", "CHN", 165.0, "estimated"),
            ("ore", "COD", "FIN", 13.0, "estimated"),
            ("ore", "AUS", "CHN", 10.0, "estimated"),
            ("metal", "CHN", "USA", 25.0, "estimated"),
            ("metal", "USA", "CHN", 3.0, "estimated"),
            ("metal", "CHN", "DEU", 25.0, "estimated"),
            ("metal", "FIN", "DEU", 10.0, "estimated"),
        ],
        "prices": {"ore": 20_000.0, "metal": 30_000.0},
    }
    return base_chain(**{**parts, **changes})


def largest_gap(chain: Chain) -> float:
    """Return the worst imbalance, t per t of throughput."""
    return float(np.max(np.abs(balance_gap(chain)) / throughput(chain)))


def used(frame: pl.DataFrame, key: str) -> float:
    return float(frame.row(by_predicate=pl.col("key") == key, named=True)["used"])


def row(frame: pl.DataFrame, key: str) -> dict[str, Any]:
    return frame.row(by_predicate=pl.col("key") == key, named=True)


def net_positions(chain: Chain, flow: np.ndarray) -> np.ndarray:
    lanes = chain.lanes
    count = chain.nodes.item.size
    return np.bincount(lanes.to_node, flow, count) - np.bincount(
        lanes.from_node, flow, count
    )


def test_every_item_balances_in_every_country() -> None:
    assert largest_gap(cobalt()) > 0.01
    final, _ = reconcile(cobalt())
    assert largest_gap(final) < 1e-9


def test_inputs_are_left_alone() -> None:
    chain = cobalt()
    before = [chain.plants.base.copy(), chain.demands.quantity.copy()]
    before.append(chain.lanes.base.copy())
    reconcile(chain)
    after = [chain.plants.base, chain.demands.quantity, chain.lanes.base]
    for was, now in zip(before, after, strict=True):
        np.testing.assert_array_equal(was, now)


def test_one_misfit_is_shared_by_squared_standard_error() -> None:
    # 100 t made (2 % = 2 t), 90 t used (30 % = 27 t), nothing else. The 10 t of
    # misfit go to the two rows as 4 : 729, but for the stock term: it is 0.5 % of
    # 100 t, its square 0.25, its share 10 * 0.25 / 733.25 = 0.0034 t: dust, so none.
    chain = base_chain(
        processes={"mine": {"ore": 1.0}},
        plants=[("mine", "AUS", 100.0, "read")],
        demands=[("ore", "AUS", 90.0, "assumed")],
    )
    _, frame = reconcile(chain)
    moved = 10.0 * 4.0 / 733.0
    assert used(frame, "mine_AUS") == pytest.approx(100.0 - moved, abs=1e-9)
    assert used(frame, "ore_AUS_other") == pytest.approx(100.0 - moved, abs=1e-9)


def test_read_rows_move_least() -> None:
    # Three mines of 100 t beside each other: they share the misfit as 2^2 : 10^2 :
    # 30^2, the squares of their standard errors.
    kinds = ["read", "computed", "assumed"]
    chain = base_chain(
        processes={"mine": {"ore": 1.0}},
        plants=[("mine", "AUS", 100.0, kind, {"name": kind}) for kind in kinds],
        demands=[("ore", "AUS", 330.0, "read")],
    )
    _, frame = reconcile(chain)
    read, computed, assumed = (used(frame, kind) - 100.0 for kind in kinds)
    assert 0.0 < read < 0.2
    assert computed / read == pytest.approx(25.0, rel=1e-6)
    assert assumed / read == pytest.approx(225.0, rel=1e-6)


def test_small_element_never_wrecks_a_big_mine() -> None:
    # 250,000 t of ore carry 150 t of terbium, whose only use is 15 t, assumed
    # within 30 %. Unguarded, least squares cut the mine by more than half.
    chain = base_chain(
        processes={"mine": {"ndpr": 1.0, "tb": 0.003}},
        plants=[("mine", "CHN", 50_000.0, "read")],
        demands=[
            ("ndpr", "CHN", 50_000.0, "assumed"),
            ("tb", "CHN", 15.0, "assumed"),
        ],
        prices={"ndpr": 60_000.0, "tb": 900_000.0},
    )
    final, frame = reconcile(chain)
    assert used(frame, "mine_CHN") == pytest.approx(50_000.0, rel=0.01)
    assert used(frame, "tb_CHN_other") == pytest.approx(150.0, rel=0.02)
    assert "absorber" in row(frame, "tb_CHN_other")["reason"]
    assert largest_gap(final) < 1e-9


def test_two_way_trade_becomes_net_trade_and_keeps_the_gross() -> None:
    final, frame = reconcile(cobalt())
    back = row(frame, "metal:USA>CHN")
    there = row(frame, "metal:CHN>USA")
    assert back["net"] == 0.0
    assert back["gross"] > 2.0
    assert there["net"] == pytest.approx(there["gross"] - back["gross"], rel=1e-9)
    assert back["reason"] == "cycle cancelled"
    assert back["z"] is None
    kept = frame.filter(~pl.col("reason").str.contains("cycle cancelled"))
    assert kept.height > 0
    assert kept["z"].null_count() == 0
    gross, net = final.lanes.base_gross, final.lanes.base
    np.testing.assert_allclose(
        net_positions(final, net), net_positions(final, gross), atol=1e-9
    )


def test_hub_without_a_cycle_survives() -> None:
    lanes = [("ore", "MMR", "THA", 9.0, "read"), ("ore", "THA", "CHN", 12.0, "read")]
    chain = base_chain(
        processes={"mine": {"ore": 1.0}},
        plants=[("mine", "MMR", 9.0, "read"), ("mine", "THA", 3.0, "read")],
        demands=[("ore", "CHN", 12.0, "assumed")],
        lanes=lanes,
    )
    _, frame = reconcile(chain)
    assert used(frame, "ore:MMR>THA") == pytest.approx(9.0, rel=1e-9)
    assert used(frame, "ore:THA>CHN") == pytest.approx(12.0, rel=1e-9)


@given(
    edges=st.lists(
        st.tuples(st.integers(0, 5), st.integers(0, 5), st.floats(0.01, 100.0)),
        max_size=24,
        unique_by=lambda edge: edge[:2],
    )
)
@settings(max_examples=80, deadline=None)
def test_cancelled_flow_is_acyclic_and_keeps_net_positions(
    edges: list[tuple[int, int, float]],
) -> None:
    edges = [edge for edge in edges if edge[0] != edge[1]]
    tail = np.array([e[0] for e in edges], dtype=np.int64)
    head = np.array([e[1] for e in edges], dtype=np.int64)
    flow = np.array([e[2] for e in edges])
    net = cancel_cycles(tail, head, flow, nodes=6)
    assert np.all((net >= 0.0) & (net <= flow))
    for end in (tail, head):
        assert end.shape == net.shape
    position = [
        np.bincount(head, f, minlength=6) - np.bincount(tail, f, minlength=6)
        for f in (flow, net)
    ]
    np.testing.assert_allclose(position[0], position[1], atol=1e-9)
    left = net > 0.0
    assert sinks_first(tail[left], head[left], nodes=6).size == 6


def test_producer_and_user_without_a_lane_get_one() -> None:
    chain = cobalt(
        plants=[
            ("mine", "COD", 170.0, "read"),
            ("mine", "CUB", 5.0, "read"),
            ("refine", "CHN", 150.0, "computed"),
        ],
        demands=[
            ("metal", "CHN", 90.0, "assumed"),
            ("metal", "USA", 30.0, "read"),
            ("metal", "KOR", 12.0, "read"),
        ],
        lanes=[
            ("ore", "COD", "CHN", 165.0, "estimated"),
            ("metal", "CHN", "USA", 25.0, "estimated"),
        ],
    )
    final, frame = reconcile(chain)
    outlet, source = row(frame, "ore:CUB>CHN"), row(frame, "metal:CHN>KOR")
    assert outlet["raw"] == pytest.approx(5.0)
    assert source["raw"] == pytest.approx(12.0)
    assert "hub lane" in outlet["reason"]
    assert "hub lane" in source["reason"]
    assert used(frame, "mine_CUB") == pytest.approx(5.0, rel=0.01)
    assert largest_gap(final) < 1e-9


def mine_and_use(made: float, wanted: float) -> Chain:
    """Return one mine and one use, both read: only a stock takes what is left."""
    return base_chain(
        processes={"mine": {"ore": 1.0}},
        plants=[("mine", "AUS", made, "read")],
        demands=[
            ("ore", "AUS", wanted, "read", {"elasticity": -0.4, "max_price": 9e3})
        ],
    )


def test_stock_build_becomes_a_demand() -> None:
    # 100 t made (sigma 2), 60 t used (1.2), stock 0.5: the stock gets
    # 40 * 0.25 / (4 + 1.44 + 0.25) = 1.757 t.
    final, frame = reconcile(mine_and_use(100.0, 60.0))
    build = row(frame, "stock_build:ore:AUS")
    assert build["used"] == pytest.approx(40.0 * 0.25 / 5.69, rel=1e-9)
    d = final.demands.name.index("stock_build:ore:AUS")
    assert final.demands.klass[d] == "stock_build"
    assert final.demands.elasticity[d] == -0.4
    assert final.demands.quantity[d] == build["used"]
    assert largest_gap(final) < 1e-9


def test_stock_draw_becomes_an_unreported_plant() -> None:
    final, frame = reconcile(mine_and_use(60.0, 100.0))
    draw = row(frame, "unreported:ore:AUS")
    assert draw["used"] == pytest.approx(-40.0 * 0.25 / 5.69, rel=1e-9)
    f = final.plants.name.index("unreported:ore:AUS")
    assert final.plants.process[f] == "unreported"
    assert final.plants.base[f] == -draw["used"]
    assert final.plants.capacity[f] >= final.plants.base[f]
    assert largest_gap(final) < 1e-9


def test_no_stock_is_built_where_something_is_thrown_away() -> None:
    # Swarf has a price, so little is thrown away and a stock takes some as well; a
    # demand for a stock of what is worth nothing would have no price.
    chain = base_chain(
        processes={
            "magnet": {"magnet": 1.0, "swarf": 0.3},
            "recycle": {"oxide": 1.0, "swarf": -2.0},
        },
        plants=[("magnet", "VNM", 500.0, "read"), ("recycle", "VNM", 10.0, "read")],
        demands=[("magnet", "VNM", 500.0, "read"), ("oxide", "VNM", 10.0, "read")],
        prices={"magnet": 60_000.0, "oxide": 50_000.0, "swarf": 9_000.0},
    )
    final, frame = reconcile(chain)
    assert used(frame, "swarf:VNM") > 100.0
    assert "stock_build:swarf:VNM" not in final.demands.name
    assert largest_gap(final) < 1e-9


def test_small_misfits_need_no_stock_row() -> None:
    _, frame = reconcile(cobalt())
    assert frame.filter(pl.col("table") == "stock_change").is_empty()


def test_liquor_of_a_host_stays_unsold() -> None:
    # 1e-4 t of gallium in liquor per t of alumina: ten times what is recovered.
    final, frame = reconcile(gallium())
    assert used(frame, "alumina_AUS") == pytest.approx(17e6, rel=0.01)
    assert used(frame, "alumina_CHN") == pytest.approx(80e6, rel=0.01)
    unsold = frame.filter(pl.col("table") == "unsold")
    assert unsold["country"].to_list() == ["AUS", "CHN"]
    assert used(frame, "liquor:AUS") == pytest.approx(1_700.0, rel=0.01)
    assert used(frame, "liquor:CHN") == pytest.approx(8_000.0 - 780.0, rel=0.01)
    assert frame.filter(pl.col("table") == "stock_change").is_empty()
    assert largest_gap(final) < 1e-9


def gallium() -> Chain:
    return base_chain(
        processes={
            "alumina": {"alumina": 1.0, "liquor": 1e-4},
            "gallium": {"gallium": 1.0, "liquor": -1.0},
        },
        plants=[
            ("alumina", "CHN", 80e6, "read"),
            ("alumina", "AUS", 17e6, "read"),
            ("gallium", "CHN", 750.0, "read"),
        ],
        demands=[
            ("alumina", "CHN", 82e6, "assumed"),
            ("alumina", "AUS", 15e6, "assumed"),
            ("gallium", "CHN", 600.0, "assumed"),
            ("gallium", "USA", 160.0, "computed"),
        ],
        lanes=[
            ("gallium", "CHN", "USA", 170.0, "read"),
            ("alumina", "AUS", "CHN", 2e6, "read"),
        ],
        prices={"alumina": 450.0, "gallium": (245_000.0, "read")},
    )


def test_by_product_with_a_use_is_sold_not_thrown_away() -> None:
    chain = base_chain(
        processes={"mine": {"copper": 1.0, "moly": 0.01}},
        plants=[("mine", "CHL", 1_000.0, "read")],
        demands=[("copper", "CHL", 990.0, "assumed"), ("moly", "CHL", 2.0, "assumed")],
        prices={"copper": 9_000.0, "moly": 40_000.0},
    )
    final, frame = reconcile(chain)
    assert frame.filter(pl.col("table") == "unsold").is_empty()
    assert final.unsold_base is not None
    assert used(frame, "moly_CHL_other") == pytest.approx(10.0, rel=0.01)


def test_nothing_is_shipped_to_be_thrown_away() -> None:
    chain = base_chain(
        processes={
            "magnet": {"magnet": 1.0, "swarf": 0.3},
            "recycle": {"oxide": 1.0, "swarf": -2.0},
        },
        plants=[
            ("magnet", "JPN", 100.0, "read"),
            ("magnet", "CHN", 500.0, "read"),
            ("recycle", "CHN", 10.0, "read"),
        ],
        demands=[
            ("magnet", "JPN", 100.0, "read"),
            ("magnet", "CHN", 500.0, "read"),
            ("oxide", "CHN", 10.0, "read"),
        ],
        lanes=[("swarf", "JPN", "CHN", 25.0, "read")],
        prices={"magnet": 60_000.0, "oxide": 50_000.0},
    )
    final, frame = reconcile(chain)
    assert used(frame, "swarf:JPN>CHN") == 0.0
    assert used(frame, "swarf:JPN") == pytest.approx(30.0, rel=0.01)
    assert used(frame, "swarf:CHN") == pytest.approx(130.0, rel=0.02)
    assert largest_gap(final) < 1e-9


def test_capacity_covers_what_ran() -> None:
    options = {"capacity": 120.0, "idle": 60.0}
    chain = base_chain(
        processes={"mine": {"ore": 1.0}},
        plants=[
            ("mine", "AUS", 100.0, "read", {"capacity": 90.0}),
            ("mine", "CHL", 100.0, "read", options),
        ],
        demands=[("ore", "AUS", 100.0, "read"), ("ore", "CHL", 100.0, "read")],
    )
    final, frame = reconcile(chain)
    room = final.plants.capacity - final.plants.idle
    assert np.all(room >= final.plants.base)
    assert final.plants.capacity[0] == pytest.approx(100.0 / 0.98, rel=1e-6)
    assert final.plants.capacity[1] == 120.0
    assert "capacity raised" in row(frame, "mine_AUS")["reason"]
    assert "idle capacity ran" in row(frame, "mine_CHL")["reason"]


def test_plant_that_stood_still_keeps_still() -> None:
    chain = base_chain(
        processes={"mine": {"ore": 1.0}},
        plants=[
            ("mine", "AUS", 100.0, "read"),
            ("mine", "CHL", 0.0, "read", {"capacity": 50.0}),
        ],
        demands=[("ore", "AUS", 100.0, "read"), ("ore", "CHL", 30.0, "assumed")],
    )
    final, frame = reconcile(chain)
    assert final.plants.base[1] == 0.0
    assert row(frame, "mine_CHL")["reason"] == "stood still"


def test_second_reconciliation_moves_nothing() -> None:
    once, _ = reconcile(cobalt())
    twice, frame = reconcile(once)
    np.testing.assert_allclose(twice.plants.base, once.plants.base, rtol=1e-9)
    np.testing.assert_allclose(twice.demands.quantity, once.demands.quantity, rtol=1e-9)
    assert frame["z"].abs().max() < 1e-6  # type: ignore[operator]


def test_read_row_moved_far_says_so() -> None:
    chain = base_chain(
        processes={"mine": {"ore": 1.0}},
        plants=[("mine", "AUS", 100.0, "read")],
        demands=[("ore", "AUS", 40.0, "read")],
    )
    _, frame = reconcile(chain)
    assert "read, moved over 3 sigma" in row(frame, "ore_AUS_other")["reason"]


def test_use_without_any_source_is_pointed_out() -> None:
    chain = base_chain(
        processes={"mine": {"ore": 1.0}},
        demands=[("ore", "USA", 5.0, "assumed")],
        world={"ore": 0.0},
    )
    _, frame = reconcile(chain)
    lost = row(frame, "ore_USA_other")
    assert lost["used"] < 0.1
    assert "moved by more than half" in lost["reason"]


def shuffled(chain: Chain, rng: np.random.Generator) -> Chain:
    """Put the rows of plants, demands, lanes and triplets into another order."""
    parts: dict[str, Any] = {}
    for name in ("plants", "demands", "lanes"):
        table = getattr(chain, name)
        keys = [f.name for f in fields(table) if not f.name.startswith("recipe_")]
        order = rng.permutation(len(getattr(table, keys[0])))
        changes: dict[str, Any] = {}
        for key in keys:
            column = getattr(table, key)
            changes[key] = (
                tuple(column[i] for i in order)
                if isinstance(column, tuple)
                else column[order]
            )
        if name == "plants":
            place = np.argsort(order)
            turn = rng.permutation(table.recipe_plant.size)
            changes["recipe_plant"] = place[table.recipe_plant][turn]
            changes["recipe_node"] = table.recipe_node[turn]
            changes["recipe_t_per_t"] = table.recipe_t_per_t[turn]
        parts[name] = replace(table, **changes)
    return replace(chain, **parts)


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_order_of_rows_does_not_matter(seed: int) -> None:
    rng = np.random.default_rng(seed)
    expected, first = reconcile(cobalt())
    got, second = reconcile(shuffled(cobalt(), rng))
    assert first.equals(second)
    assert got.plants.name == expected.plants.name
    np.testing.assert_array_equal(got.lanes.base, expected.lanes.base)


def test_thousandfold_units_scale_every_number() -> None:
    one, _ = reconcile(cobalt())
    thousand, _ = reconcile(cobalt(scale=1000.0))
    np.testing.assert_allclose(
        thousand.plants.base, 1000.0 * one.plants.base, rtol=1e-9
    )
    np.testing.assert_allclose(thousand.lanes.base, 1000.0 * one.lanes.base, rtol=1e-9)


@st.composite
def disturbed_chains(draw: st.DrawFn) -> Chain:
    """Draw a three-stage chain whose numbers do not add up."""
    countries = ["AAA", "BBB", "CCC", "DDD"]
    size = st.floats(0.0, 1e5) | st.floats(0.01, 10.0)
    evidence = st.sampled_from(["read", "computed", "assumed"])
    plants = [
        (process, country, draw(size), draw(evidence))
        for process in ("mine", "refine", "make")
        for country in countries
        if draw(st.booleans())
    ]
    demands = [
        (item, country, draw(size), draw(evidence))
        for item in ("metal", "part", "side")
        for country in countries
        if draw(st.booleans())
    ]
    pairs = [(a, b) for a in countries for b in countries if a != b]
    lanes = [
        (item, a, b, draw(size), draw(evidence))
        for item in ("ore", "metal", "part")
        for a, b in pairs
        if draw(st.booleans())
    ]
    return base_chain(
        processes={
            "mine": {"ore": 1.0, "side": 0.003},
            "refine": {"metal": 1.0, "ore": -1.2, "liquor": 0.01},
            "make": {"part": 1.0, "metal": -0.4, "scrap": 0.1},
        },
        plants=[*plants, ("mine", "AAA", 500.0, "read")],
        demands=[*demands, ("ore", "AAA", 400.0, "assumed")],
        lanes=lanes,
        prices={"ore": 10.0, "metal": 100.0, "part": 500.0, "side": 1e4, "scrap": 5.0},
    )


@given(chain=disturbed_chains())
@settings(max_examples=60, deadline=None)
def test_any_disturbed_chain_is_balanced(chain: Chain) -> None:
    final, frame = reconcile(chain)
    gap = np.abs(balance_gap(final))
    largest = final.world.copy()
    np.maximum.at(largest, final.nodes.item, throughput(chain))
    scale = np.maximum(throughput(final), 1e-3 * largest[final.nodes.item])
    assert np.all(gap <= 1e-6 * scale)
    assert np.all(final.plants.base >= 0.0)
    assert np.all(final.demands.quantity >= 0.0)
    assert np.all(final.lanes.base >= 0.0)
    used_lanes = final.lanes.base > 0.0
    order = sinks_first(
        final.lanes.from_node[used_lanes],
        final.lanes.to_node[used_lanes],
        nodes=final.nodes.item.size,
    )
    assert order.size == final.nodes.item.size
    assert frame["used"].is_finite().all()


def test_imbalance_is_never_passed_on(monkeypatch: pytest.MonkeyPatch) -> None:
    def spoil(chain: Chain, *_: object) -> Chain:
        quantity = chain.demands.quantity * 1.01
        return replace(chain, demands=replace(chain.demands, quantity=quantity))

    monkeypatch.setattr(_reconcile, "_fold_stock", spoil)
    with pytest.raises(OreserveError, match="off balance"):
        reconcile(cobalt())


def test_names_of_nodes_follow_items_and_countries() -> None:
    assert ("ore", "COD") in node_names(cobalt())


def test_plant_without_base_activity_is_named() -> None:
    chain = cobalt()
    base = chain.plants.base.copy()
    base[0] = np.nan
    broken = replace(chain, plants=replace(chain.plants, base=base))
    with pytest.raises(InputError, match=f"plants: {chain.plants.name[0]}: base"):
        reconcile(broken)


def test_values_that_are_no_numbers_name_their_balances() -> None:
    chain = cobalt()
    world = np.full(len(chain.items), np.nan)
    problem = pose(replace(in_key_order(chain), world=world))
    with pytest.raises(SingularFitError) as refused:
        fit_balanced(problem.fit)
    assert refused.value.rows


def test_singular_balances_are_no_raw_error() -> None:
    twice = csr_array(np.array([[1.0, -1.0], [1.0, -1.0]]))
    fit = Fit(twice, np.array([3.0, 1.0]), np.ones(2), np.zeros(2, dtype=bool))
    with pytest.raises(SingularFitError, match="no unique solution"):
        fit_balanced(fit)


def test_singular_chain_names_the_place(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_: Fit) -> None:
        raise SingularFitError((0,))

    monkeypatch.setattr(_reconcile, "fit_balanced", refuse)
    with pytest.raises(OreserveError, match=r"cannot be reconciled at \w+ in [A-Z]{3}"):
        reconcile(cobalt())
