# SPDX-License-Identifier: Apache-2.0
"""A mineral's chain: weights, traders, side streams."""

from __future__ import annotations

import pytest

from oreserve.report._chain import BaseYear, chain_rows


def base(**changes: object) -> BaseYear:
    """Ore of B is refined in A; C trades the metal on to D.

    2 t of ore make 1 t of metal: B mines 200, A refines 100, C gets 60 of it, uses 20
    and passes 40 on to D.
    """
    fields: dict = {
        "mineral": {"ore": "tin", "tin_metal": "tin"},
        "stage": {"ore": "mine", "tin_metal": "metal"},
        "recipes": {"mining": {"ore": 1.0},
                    "smelting": {"ore": -2.0, "tin_metal": 1.0}},
        "main_item": {"mining": "ore", "smelting": "tin_metal"},
        "activity": {("mining", "B"): 200.0, ("smelting", "A"): 100.0},
        "output": {("ore", "B"): 200.0, ("tin_metal", "A"): 100.0},
        "demand": {("tin_metal", "A"): 40.0, ("tin_metal", "C"): 20.0,
                   ("tin_metal", "D"): 40.0},
        "imports": {"ore": {("B", "A"): 200.0},
                    "tin_metal": {("A", "C"): 60.0, ("C", "D"): 40.0}},
        "elements": {"ore": {"Sn": 0.5}, "tin_metal": {"Sn": 1.0}},
        "symbol": {"tin": "Sn"},
        "world": {"mining": 200.0, "smelting": 100.0},
    }  # fmt: skip
    return BaseYear(**(fields | changes))


def amounts(rows: list[dict]) -> dict[tuple[str, str, str, str], float]:
    return {
        (r["stage"], r["country"], r["to_stage"], r["to_country"]): r["t"] for r in rows
    }


def test_flows_are_traced_through_traders_to_their_maker():
    found = amounts(chain_rows(base(), "tin"))
    # 200 t of ore hold 100 t of tin; D buys from C what A made.
    assert found["mine", "B", "", ""] == pytest.approx(100)
    assert found["mine", "B", "metal", "A"] == pytest.approx(100)
    assert found["metal", "A", "use", "D"] == pytest.approx(40)
    assert found["metal", "A", "use", "C"] == pytest.approx(20)
    assert not any(key[1] == "C" and key[2] for key in found)


def test_what_a_stage_makes_arrives_in_full():
    rows = chain_rows(base(), "tin")
    made = sum(r["t"] for r in rows if r["kind"] == "output" and r["stage"] == "metal")
    used = sum(r["t"] for r in rows if r["kind"] == "flow" and r["to_stage"] == "use")
    assert used == pytest.approx(made)


def test_host_upstream_is_weighted_by_what_it_yields():
    host = base(
        mineral={"bauxite": "aluminum", "gallium": "gallium"},
        stage={"bauxite": "mine", "gallium": "metal"},
        recipes={"mining": {"bauxite": 1.0},
                 "extraction": {"bauxite": -1000.0, "gallium": 1.0}},
        main_item={"mining": "bauxite", "extraction": "gallium"},
        activity={("mining", "B"): 2000.0, ("extraction", "A"): 1.0},
        output={("bauxite", "B"): 2000.0, ("gallium", "A"): 1.0},
        demand={("gallium", "A"): 1.0},
        imports={"bauxite": {("B", "A"): 1000.0}},
        elements={}, symbol={}, world={"mining": 2000.0, "extraction": 1.0},
    )  # fmt: skip
    found = amounts(chain_rows(host, "gallium"))
    # 2,000 t of bauxite could yield 2 t at one in a thousand; half of it goes there.
    assert found["mine", "B", "", ""] == pytest.approx(2.0)
    assert found["mine", "B", "metal", "A"] == pytest.approx(1.0)


def test_trade_cycle_without_a_maker_does_not_break_the_trace():
    cycle = base(
        imports={"ore": {("B", "A"): 200.0},
                 "tin_metal": {("C", "D"): 5.0, ("D", "C"): 5.0}},
        demand={("tin_metal", "A"): 100.0, ("tin_metal", "D"): 1.0},
    )  # fmt: skip
    found = amounts(chain_rows(cycle, "tin"))
    assert found["metal", "A", "use", "A"] == pytest.approx(100)
    assert not any(key[3] == "D" for key in found)


def test_input_without_the_mineral_stays_out_of_its_chain():
    magnet = base(
        mineral={"dy": "dysprosium", "nd": "neodymium", "magnet": "dysprosium"},
        stage={"dy": "metal", "nd": "metal", "magnet": "component"},
        recipes={"a": {"dy": 1.0}, "b": {"nd": 1.0},
                 "making": {"dy": -0.1, "nd": -0.3, "magnet": 1.0}},
        main_item={"a": "dy", "b": "nd", "making": "magnet"},
        activity={("a", "A"): 1.0, ("b", "A"): 3.0, ("making", "A"): 10.0},
        output={("dy", "A"): 1.0, ("nd", "A"): 3.0, ("magnet", "A"): 10.0},
        demand={("magnet", "A"): 10.0}, imports={},
        elements={"dy": {"Dy": 1.0}, "nd": {"Nd": 1.0}, "magnet": {"Dy": 0.1}},
        symbol={"dysprosium": "Dy"}, world={"a": 1.0, "b": 3.0, "making": 10.0},
    )  # fmt: skip
    rows = chain_rows(magnet, "dysprosium")
    assert {r["item"] for r in rows if r["kind"] == "output"} == {"dy", "magnet", "use"}


def test_side_stream_passes_its_makers_on():
    side = base(
        mineral={"ore": "tin", "slag": "tin", "tin_metal": "tin"},
        stage={"ore": "mine", "slag": "refine", "tin_metal": "metal"},
        recipes={"mining": {"ore": 1.0}, "washing": {"ore": -1.0, "slag": 1.0},
                 "smelting": {"ore": -2.0, "tin_metal": 1.0},
                 "slag_smelting": {"slag": -1.0, "tin_metal": 1.0}},
        main_item={"mining": "ore", "washing": "slag", "smelting": "tin_metal",
                   "slag_smelting": "tin_metal"},
        activity={("mining", "B"): 200.0, ("washing", "A"): 2.0,
                  ("smelting", "A"): 99.0, ("slag_smelting", "A"): 2.0},
        output={("ore", "B"): 200.0, ("slag", "A"): 2.0, ("tin_metal", "A"): 101.0},
        demand={("tin_metal", "A"): 101.0},
        world={"mining": 200.0, "washing": 2.0, "smelting": 99.0,
               "slag_smelting": 2.0},
        elements={},
    )  # fmt: skip
    rows = chain_rows(side, "tin")
    assert "refine" not in {r["stage"] for r in rows}
    assert {r["to_stage"] for r in rows if r["kind"] == "flow"} == {"metal", "use"}
