# SPDX-License-Identifier: Apache-2.0
"""Evidence, noise, value, lists and groups beside the score."""

from __future__ import annotations

import polars as pl
import pytest

from oreserve.errors import InputError
from oreserve.exposure import assess
from oreserve.study import load_study


@pytest.fixture(scope="module")
def tiny():
    return load_study("tiny")


@pytest.fixture(scope="module")
def found(tiny):
    return assess(tiny, reconciled=False)


@pytest.fixture(scope="module")
def states():
    return assess(load_study("us-2026"))


def row(result, mineral: str) -> dict:
    return result.ranking.filter(mineral=mineral).row(0, named=True)


def marked(study, mark: str):
    """The same figures, known in another way."""
    frames = {
        name: study.table(name).with_columns(evidence=pl.lit(mark))
        for name in ("plants", "recipes", "lanes", "demands", "countries")
    }
    return study.with_tables(**frames)


def test_evidence_is_counted_by_row(tiny, found):
    # Plants 2 (the idle one makes nothing), recipe 1, governance of CHN and JPN,
    # lanes 2, demands 2.
    here = row(found, "gallium")
    assert here["evidence"] == "assumed 9"
    assert (here["firm_share"], here["assumed_share"]) == (0.0, 1.0)
    assert (here["firm_output_share"], here["weakest"]) == (0.0, "assumed")
    plants = tiny.table("plants").with_columns(
        evidence=pl.when(pl.col("plant") == "chn_gallium")
        .then(pl.lit("read"))
        .otherwise("evidence")
    )
    mixed = row(assess(tiny.with_tables(plants=plants), reconciled=False), "gallium")
    assert mixed["evidence"] == "read 1; assumed 8"
    assert mixed["firm_share"] == pytest.approx(1 / 9)
    assert mixed["firm_output_share"] == pytest.approx(0.9)
    assert mixed["weakest"] == "assumed"  # the recipe of the largest producer


def test_noise_widens_with_weaker_evidence_and_holds_the_score(tiny):
    firm = row(assess(marked(tiny, "read"), reconciled=False), "gallium")
    weak = row(assess(marked(tiny, "assumed"), reconciled=False), "gallium")
    for one in (firm, weak):
        assert one["noise_low"] <= one["score"] <= one["noise_high"]
    spread = [one["noise_high"] - one["noise_low"] for one in (firm, weak)]
    assert 0 < spread[0] < 0.25 * spread[1]
    assert firm["score"] == weak["score"]


def test_noise_is_the_same_twice_and_for_one_mineral(tiny, found):
    alone = row(assess(tiny, reconciled=False, minerals=["gallium"]), "gallium")
    assert alone["noise_low"] == row(found, "gallium")["noise_low"]


def test_value_and_loss_by_hand(found):
    # 20 t at 306000; 15 x 2.5 million and 5 x 4 million.
    here = row(found, "gallium")
    assert here["use_t"] == pytest.approx(20.0)
    assert here["use_usd"] == pytest.approx(20 * 306000)
    assert here["loss_usd"] == pytest.approx(15 * 2.5e6 + 5 * 4e6)
    assert (here["value_status"], here["loss_status"]) == ("ok", "ok")


def test_loss_that_is_not_stated_is_no_data_and_never_zero(tiny):
    def without(*demands: str) -> dict:
        lost = pl.col("demand").is_in(list(demands))
        table = tiny.table("demands").with_columns(
            pl.when(lost).then(None).otherwise(pl.col(c)).alias(c)
            for c in ("loss_usd_per_t", "loss_basis")
        )
        study = tiny.with_tables(demands=table)
        return row(assess(study, reconciled=False, minerals=["gallium"]), "gallium")

    half = without("usa_gallium_radar")
    assert (half["loss_usd"], half["loss_status"]) == (15 * 2.5e6, "partial")
    none = without("usa_gallium_radar", "usa_gallium_chips")
    assert (none["loss_usd"], none["loss_status"]) == (None, "no_data")


def test_sort_changes_the_order_and_not_the_ranks(tiny, found):
    by_loss = assess(tiny, reconciled=False, sort="loss")
    known = by_loss.ranking["loss_usd"].drop_nulls().to_list()
    assert known == sorted(known, reverse=True)
    same = by_loss.ranking.sort("mineral").select("mineral", "rank")
    assert same.equals(found.ranking.sort("mineral").select("mineral", "rank"))
    assert by_loss.ranking["mineral"].to_list() != found.ranking["mineral"].to_list()
    with pytest.raises(InputError, match="score, value, loss"):
        assess(tiny, sort="damage")


def test_lists_stand_beside_the_class(states):
    assert row(states, "gallium")["lists"] == "EU 2023; US 2025"
    assert row(states, "indium")["lists"] == "US 2025"


def test_a_group_of_minerals_has_no_rank_and_says_why(states):
    here = row(states, "rare earths")
    assert (here["rank"], here["score"], here["class"]) == (None, None, "group")
    assert "neodymium" in here["reason"]
    assert "rare earths" not in set(states.classes["mineral"])
    assert row(states, "neodymium")["class"] == "critical"


def test_neodymium_and_praseodymium_are_as_concentrated(states):
    held = states.elements.filter(stage="refine")
    nd, pr = (held.filter(mineral=m)["hhi"].item() for m in
              ("neodymium", "praseodymium"))  # fmt: skip
    assert abs(nd - pr) < 0.03
    for name in ("neodymium", "praseodymium"):
        scores = states.scores.filter(mineral=name, stage="refine")
        assert scores["concentration"].n_unique() == 1
    # Ores of several deposit types are one supply of the element.
    mine = states.elements.filter(mineral="neodymium", stage="mine")
    assert mine["items"].item().count(";") >= 5
    assert 0.3 < mine["hhi"].item() < 0.7


def test_element_shares_count_contents_and_what_leaves_the_stage(tiny):
    from oreserve.exposure._assess import _world
    from oreserve.exposure._contained import contained

    world = _world(tiny, ("USA",), ("neodymium", "dysprosium"), False, 0.5)
    held = {(c.mineral, c.stage): c for c in contained(world)}
    ore = held["neodymium", "mine"]
    # 2450 t of ore with 20 % neodymium; dysprosium 1 % of the same.
    assert ore.supply.sum() == pytest.approx(0.2 * 2450)
    assert held["dysprosium", "mine"].supply.sum() == pytest.approx(0.01 * 2450)
    assert ore.use == pytest.approx(0.2 * 2450)
    # The residue is an item of neodymium without neodymium in it.
    assert held["neodymium", "refine"].items == ("nd_oxide",)


def test_what_is_eaten_at_its_own_stage_does_not_count_twice(states):
    # All of the mixed concentrate is separated again at the same stage.
    held = states.elements.filter(mineral="dysprosium", stage="refine")
    assert held["items"].item() == "dysprosium_oxide"
    oxide = states.shares.filter(item="dysprosium_oxide")["output_t"].sum()
    assert held["world_t"].item() == pytest.approx(oxide * 0.8713, rel=1e-3)


def test_erbium_is_not_half_covered(states):
    cells = states.cells.filter(item="erbium_oxide")
    by = dict(cells.select("indicator", "value").iter_rows())
    assert by["n_minus_1_cover_home"] > 0.4
    assert by["n_minus_1_cover_home_origin"] == pytest.approx(0.0, abs=1e-6)


def test_gallium_of_the_united_states_has_no_primary_output(states):
    cells = states.cells.filter(item="gallium")
    by = dict(cells.select("indicator", "value").iter_rows())
    assert by["net_import_reliance"] == pytest.approx(11 / 18.7, abs=1e-3)
    assert by["net_import_reliance_primary"] == pytest.approx(1.0)


def test_japan_does_not_make_gallium_out_of_nothing():
    japan = assess(load_study("us-2026"), home="JPN", minerals=["gallium"])
    any_stage = japan.cells.filter(
        item="gallium", indicator="import_reliance_any_stage"
    ).row(0, named=True)
    # 85 of 145 t come from crude of China; the origin of the scrap is unknown.
    assert any_stage["value"] == pytest.approx(85 / 145, abs=0.03)
    assert (any_stage["high"], any_stage["status"]) == (pytest.approx(1.0), "partial")
    assert row(japan, "gallium")["origin"] == "CHN"


def test_what_home_does_not_use_has_no_direct_reliance(states):
    direct = states.cells.filter(indicator="net_import_reliance")
    unused = ("nickel_ore", "cobalt_ore", "lead_concentrate", "gallium_liquor")
    for name in unused:
        one = direct.filter(item=name).row(0, named=True)
        assert (one["value"], one["low"], one["status"]) == (None, None, "no_data")
    # What home uses and makes itself stays at nought.
    assert direct.filter(item="zinc_concentrate")["value"].item() == 0.0


def test_net_reliance_is_of_the_item_that_home_uses_most(states):
    for name, share in (("nickel", 0.43), ("cobalt", 0.74)):
        here = row(states, name)
        assert (here["item"], here["net_item"]) == (f"{name}_ore", name)
        assert here["net_import_reliance"] == pytest.approx(share, abs=0.005)


def test_cover_by_shipper_has_no_floor_where_all_trade_is_assumed(states):
    cell = states.cells.filter(item="erbium_oxide", indicator="n_minus_1_cover_home")
    assert cell["low"].item() == 0.0
    assert cell["high"].item() == pytest.approx(cell["value"].item())
