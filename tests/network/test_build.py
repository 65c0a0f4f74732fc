# SPDX-License-Identifier: Apache-2.0
"""From a study to chains."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import polars as pl
import pytest

from oreserve.network.build import JOINT_SHARE, build_chains
from oreserve.study import load_study


@pytest.fixture(scope="module")
def tiny():
    return load_study("tiny")


def test_items_that_no_recipe_ties_are_separate_chains(tiny):
    chains = build_chains(tiny)
    assert [c.name for c in chains] == sorted(c.name for c in chains)
    found = [i for c in chains for i in c.items]
    assert sorted(found) == sorted(set(found))
    assert any(c.items == ("gallium",) for c in chains)


def test_every_row_finds_its_node(tiny):
    for chain in build_chains(tiny):
        plants = chain.plants
        country = chain.nodes.country[plants.recipe_node]
        assert np.array_equal(country, plants.country[plants.recipe_plant])
        lanes, item = chain.lanes, chain.nodes.item
        assert np.array_equal(item[lanes.from_node], item[lanes.to_node])


def test_projects_have_no_capacity_yet(tiny):
    names = set(tiny.table("projects")["project"])
    for chain in build_chains(tiny):
        for f, name in enumerate(chain.plants.name):
            if name in names:
                assert chain.plants.capacity[f] == 0.0
                assert chain.plants.base[f] == 0.0


def test_joint_products_have_a_use_of_two_percent_of_output(tiny):
    rows = {
        name: chain.demands.quantity[d]
        for chain in build_chains(tiny)
        for d, name in enumerate(chain.demands.name)
        if chain.demands.klass[d] == "joint"
    }
    assert rows
    recipes = tiny.table("recipes")
    joint = (
        recipes.filter(pl.col("coefficient") > 0)
        .group_by("process")
        .len()
        .filter(pl.col("len") > 2)["process"]
    )
    made = (
        tiny.table("plants")
        .filter(pl.col("process").is_in(joint.to_list()))
        .join(recipes.filter(pl.col("coefficient") > 0), on="process")
        .select(
            "item",
            "country",
            (pl.col("base_activity_t_per_year") * pl.col("coefficient")).alias("t"),
        )
        .group_by("item", "country")
        .agg(pl.col("t").sum())
    )
    for item, country, tonnes in made.iter_rows():
        if tonnes > 0.0:
            name = f"joint:{item}:{country}"
            assert rows[name] == pytest.approx(JOINT_SHARE * tonnes)


@pytest.mark.parametrize(
    "changes", [{"joint_product_elasticity": 0.0}, {"calibrate": False}]
)
def test_no_joint_use_where_settings_say_so(tiny, changes):
    for chain in build_chains(tiny.with_settings(**changes)):
        assert "joint" not in chain.demands.klass


def test_missing_base_activity_is_asked_for_by_name(tiny):
    plants = tiny.table("plants")
    first = plants["plant"][0]
    gap = plants.with_columns(
        pl.when(pl.col("plant") == first)
        .then(None)
        .otherwise(pl.col("base_activity_t_per_year"))
        .alias("base_activity_t_per_year")
    )
    with pytest.raises(ValueError, match=f"{first}: base_activity_t_per_year"):
        tiny.with_tables(plants=gap)
    unchecked = replace(tiny, tables={**tiny.tables, "plants": gap}, _filled={})
    with pytest.raises(ValueError, match=f"{first}: base_activity_t_per_year"):
        build_chains(unchecked)


def test_base_activity_may_be_missing_where_no_base_year_must_balance(tiny):
    gap = tiny.table("plants").with_columns(
        pl.lit(None, dtype=pl.Float64).alias("base_activity_t_per_year")
    )
    exact = tiny.with_settings(calibrate=False, reconcile=False)
    no_totals = exact.table("observations").clear()
    study = exact.with_tables(plants=gap, observations=no_totals)
    assert build_chains(study)
    with pytest.raises(ValueError, match="base_activity_t_per_year is missing"):
        study.with_settings(reconcile=True)


def test_row_order_does_not_matter(tiny):
    turned = tiny.with_tables(
        **{n: tiny.table(n).reverse() for n in ("plants", "demands", "lanes")}
    )
    for one, two in zip(build_chains(tiny), build_chains(turned), strict=True):
        assert one.plants.name == two.plants.name
        assert one.demands.name == two.demands.name
        np.testing.assert_array_equal(one.lanes.base, two.lanes.base)
