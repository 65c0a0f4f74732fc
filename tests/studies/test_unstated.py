# SPDX-License-Identifier: Apache-2.0
"""What publishers cannot state stays visible, and rows say who pays what."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl
import pytest

from oreserve.study import load_study

if TYPE_CHECKING:
    from oreserve.study import Study


@pytest.fixture(scope="module")
def study() -> Study:
    return load_study("us-2026")


def output(study: Study, item: str) -> dict[str, float]:
    """Return what plants make of an item, t by country."""
    makers = study.table("recipes").filter(
        (pl.col("item") == item) & (pl.col("coefficient") > 0)
    )["process"]
    rows = (
        study.table("plants")
        .filter(pl.col("process").is_in(makers.to_list()))
        .group_by("country")
        .agg(pl.col("base_activity_t_per_year").sum())
    )
    return dict(rows.iter_rows())


@pytest.mark.parametrize("item", ["tellurium", "rhenium", "tin", "zinc", "lead"])
def test_output_without_a_figure_is_a_stated_residual(study: Study, item: str) -> None:
    made = output(study, item)
    assert made["ROW"] / sum(made.values()) > 0.005  # from here on HHI is partial


@pytest.mark.parametrize(
    "plant, word",
    [("tellurium_refining_ROW", "0 to 177 t"), ("rhenium_mining_ROW", "0 to 3 t")],
)
def test_residual_gives_its_interval(study: Study, plant: str, word: str) -> None:
    row = study.table("plants").row(by_predicate=pl.col("plant") == plant, named=True)
    assert row["evidence"] == "assumed"
    assert word in row["note"]


@pytest.mark.parametrize(
    "item, world, country, tonnes",
    [
        ("zinc", 13.73e6 / 1.018, "CAN", 640_718),
        ("lead", 13.27e6 / 1.019, "CAN", 277e3 * 13.27e6 / 1.019 / 11.32e6),
        ("tin", 370_100, "CHN", 177_000),
    ],
)
def test_refined_metal_is_as_published(
    study: Study, item: str, world: float, country: str, tonnes: float
) -> None:
    made = output(study, item)
    assert sum(made.values()) == pytest.approx(world, rel=1e-4)
    assert made[country] == pytest.approx(tonnes, rel=1e-4)


def test_mined_metal_is_not_called_refined(study: Study) -> None:
    stages = dict(study.table("items").select("item", "stage").iter_rows())
    assert stages["tin_ore"] == stages["silver"] == "mine"
    assert stages["tin"] == "metal"


def test_nobody_sends_more_tin_ore_than_he_mines_and_gets(study: Study) -> None:
    lanes = study.table("lanes").filter(pl.col("item") == "tin_ore")
    sent = dict(lanes.group_by("exporter").agg(pl.col("base_t_per_year").sum()).rows())
    got = dict(lanes.group_by("importer").agg(pl.col("base_t_per_year").sum()).rows())
    mined = output(study, "tin_ore")
    for country, tonnes in sent.items():
        assert tonnes <= 1.01 * (mined.get(country, 0) + got.get(country, 0))


def test_inside_price_is_of_a_country_that_restricts_the_item(study: Study) -> None:
    inside = study.table("prices").filter(pl.col("kind") == "inside")
    measures = study.table("measures")
    assert inside.height
    for row in inside.iter_rows(named=True):
        rules = measures.filter(
            (pl.col("actor") == row["market"])
            & pl.col("item").str.split(";").list.contains(row["item"])
        )
        assert rules.height, row


def test_controlled_metals_carry_customs_codes(study: Study) -> None:
    codes = dict(study.table("items").select("item", "hs_codes").iter_rows())
    for item in ("gallium", "germanium", "antimony"):
        assert codes[item]
