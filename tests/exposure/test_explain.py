# SPDX-License-Identifier: Apache-2.0
"""From a number to its sources."""

from __future__ import annotations

import pytest

from oreserve.errors import InputError
from oreserve.exposure import assess, explain
from oreserve.market import simulate
from oreserve.study import load_study


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    target = tmp_path_factory.mktemp("explain") / "out"
    return assess(load_study("tiny")).save(target)


def test_a_cell_leads_to_formula_inputs_rows_and_source(folder):
    import polars as pl

    cells = pl.read_csv(folder / "cells.csv", infer_schema_length=None)
    place = next(
        n
        for n, row in enumerate(cells.iter_rows(named=True), start=1)
        if (row["item"], row["indicator"]) == ("gallium", "hhi")
    )
    found = explain(f"{folder}/cells.csv:{place}")
    assert found.value == pytest.approx(0.82)
    assert found.definition.formula == "sum of s_c^2"
    assert found.inputs["producers"] == "2.0"
    assert {r.table for r in found.rows} == {"plants", "recipes"}
    first = next(r for r in found.rows if r.key == "chn_gallium")
    assert first.values["base_activity_t_per_year"] == 90.0
    assert (first.evidence, first.source_id) == ("assumed", "invented")
    assert first.url.startswith("https://")
    assert found.warnings == ()


@pytest.mark.parametrize(
    "place, name",
    [
        ("ranking.csv:1:score", "exposure_score"),
        ("shares.csv:1:share", "supply_share"),
        ("origins.csv:1:share", "origin_share"),
        ("points.csv:1", "single_points_of_failure"),
        ("measures.csv:1", "measures"),
    ],
)
def test_rows_of_all_tables_are_explained(folder, place, name):
    found = explain(f"{folder}/{place}")
    assert found.name == name
    assert found.rows or place.startswith("origins")
    if name != "measures":
        assert found.definition is not None


def test_a_row_of_a_simulation(tmp_path):
    simulate(load_study("tiny"), periods=1).save(tmp_path / "calm")
    found = explain(f"{tmp_path}/calm/activity.csv:1:activity_t")
    assert found.definition.unit == "t"
    # The first row is a project, which the result calls a plant.
    assert [r.table for r in found.rows] == ["projects", "items"]
    lane = explain(f"{tmp_path}/calm/flows.csv:1")
    assert "lanes" in {r.table for r in lane.rows}


def test_a_row_of_a_study():
    row = explain("tiny:lanes:gallium/CHN/USA").rows[0]
    assert row.values["base_t_per_year"] == 18.0
    assert explain("tiny:lanes:gallium CHN USA").rows[0].values == row.values


@pytest.mark.parametrize(
    "value, hint",
    [
        ("nonsense", "DIR/FILE.csv:ROW"),
        ("tiny:plant:usa_mine", "did you mean plants"),
        ("tiny:plants:usa_mines", "did you mean usa_mine"),
        ("nowhere/cells.csv:1", "does not exist"),
    ],
)
def test_a_wrong_place_is_refused_with_the_nearest(value, hint):
    with pytest.raises(InputError, match=hint):
        explain(value)


def test_wrong_rows_columns_and_files_of_a_result(folder, tmp_path):
    with pytest.raises(InputError, match="rows 1 to"):
        explain(f"{folder}/cells.csv:0")
    with pytest.raises(InputError, match="did you mean value"):
        explain(f"{folder}/cells.csv:1:valu")
    with pytest.raises(InputError, match=r"cells\.csv"):
        explain(f"{folder}/cell.csv:1")
    (tmp_path / "x.csv").write_text("a\n1\n")
    with pytest.raises(InputError, match="holds none of"):
        explain(f"{tmp_path}/x.csv:1")


def test_a_study_that_changed_is_said(folder):
    import json

    head = folder / "assess.json"
    text = head.read_text()
    document = json.loads(text)
    document["study_hash"] = "0" * 64
    head.write_text(json.dumps(document))
    try:
        assert "has changed" in explain(f"{folder}/cells.csv:1").warnings[0]
    finally:
        head.write_text(text)
