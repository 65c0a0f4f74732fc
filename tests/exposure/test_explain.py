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
        ("chain.csv:1", "t"),
        ("elements.csv:1", "hhi"),
        ("classes.csv:1", "critical_share"),
        ("published.csv:1", "eu_import_reliance"),
        ("points.csv:1", "single_points_of_failure"),
        ("measures.csv:1", "traced_share"),
    ],
)
def test_rows_of_all_tables_are_explained(folder, place, name):
    found = explain(f"{folder}/{place}")
    assert found.name == name
    assert found.rows
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


@pytest.fixture(scope="module")
def watched(tmp_path_factory):
    from oreserve.watch import watch

    target = tmp_path_factory.mktemp("explain") / "watch"
    return watch(load_study("tiny"), on="2026-11-22", since="2026-01-01").save(target)


def row_of(file, **cells):
    import polars as pl

    rows = pl.read_csv(file, infer_schema_length=None).iter_rows(named=True)
    return next(
        n for n, row in enumerate(rows, start=1)
        if all(row[k] == v for k, v in cells.items())
    )  # fmt: skip


@pytest.mark.parametrize(
    "table, cells, name, rows",
    [
        ("alerts", {"subject": "jpn_magnets_to_usa"}, "largest_share_of_use",
         {"agreements/jpn_magnets_to_usa"}),
        ("exposure", {"item": "gallium", "home": "USA"}, "share_of_use",
         {"lanes/gallium/CHN/USA", "prices/gallium/USA/2026/outside"}),
        ("changes", {"table": "observations"}, "materiality", set()),
        ("dates", {"subject": "aus_gallium_new", "kind": "score"}, "dates",
         {"projects/aus_gallium_new"}),
        ("indicators", {"item": "gallium", "indicator": "hhi"}, "hhi",
         {"plants/chn_gallium", "plants/jpn_gallium"}),
        ("measures", {"measure": "chn_gallium_ban"}, "measures",
         {"measures/chn_gallium_ban"}),
    ],
)  # fmt: skip
def test_rows_of_a_watch_lead_to_the_study(watched, table, cells, name, rows):
    file = watched / f"{table}.csv"
    found = explain(f"{file}:{row_of(file, **cells)}")
    assert found.name == name
    assert found.rows
    assert rows <= {f"{r.table}/{r.key}" for r in found.rows}
    assert all(r.source_id == "invented" and r.url for r in found.rows)
    assert found.warnings == ()


def test_share_of_use_names_its_inputs_by_hand(watched):
    file = watched / "exposure.csv"
    found = explain(f"{file}:{row_of(file, item='gallium', home='USA')}:share_of_use")
    at_stake, use = (float(v) for v in found.inputs.values())
    assert found.value == min(1.0, at_stake / use)


PLAN = {
    "reserve": "item,year,tonnes,outlay_usd\ngallium,2027,2,960000\n",
    "agreements": "agreement,seller,item,tonnes_per_year,outlay_usd\n"
    "chn_gallium_to_usa,chn_gallium,gallium,3,0\n",
    "projects": "project,item,option,outlay_usd\n"
    "aus_gallium_new,gallium,floor,2500000\n",
    "frontier": "budget_usd,outlays_usd,expected_loss_usd\n0,0,7216218\n",
    "marginal_value": "item,usd_per_t,purchase_usd_per_t,value_per_usd\n"
    "gallium,1000,480000,0.002\n",
}


@pytest.fixture
def planned(tmp_path):
    import json

    study = load_study("tiny")
    head = {"study": "tiny", "study_hash": study.hash, "home": "USA",
            "expected_loss_without_usd": 60.0, "verified_loss_with_usd": 40.0,
            "verified_benefit_usd": 20.0, "scenarios": 4}  # fmt: skip
    (tmp_path / "plan.json").write_text(json.dumps(head))
    for name, text in PLAN.items():
        (tmp_path / f"{name}.csv").write_text(text)
    return tmp_path


@pytest.mark.parametrize(
    "place, value, source, tables",
    [
        ("reserve.csv:1", 2, "docs/methods/plan.md", {"items", "demands", "prices"}),
        ("agreements.csv:1", 3, "docs/methods/plan.md",
         {"agreements", "plants", "items"}),
        ("agreements.csv:1:outlay_usd", 0, "docs/methods/contracts.md", {"agreements"}),
        ("projects.csv:1", 2_500_000, "docs/methods/contracts.md",
         {"projects", "project_options"}),
        ("marginal_value.csv:1:value_per_usd", 0.002, "docs/methods/plan.md",
         {"prices", "stocks"}),
    ],
)  # fmt: skip
def test_rows_of_a_plan_lead_to_the_study(planned, place, value, source, tables):
    found = explain(f"{planned}/{place}")
    assert found.value == value
    assert found.definition.source == source
    assert tables <= {r.table for r in found.rows}


def test_a_number_of_the_whole_plan_says_so(planned):
    found = explain(f"{planned}/frontier.csv:1")
    assert found.rows == ()
    assert "made of the whole study" in found.warnings[0]


def test_a_figure_of_the_head_is_explained(planned):
    found = explain(f"{planned}/plan.json:verified_benefit_usd")
    assert found.value == 20.0
    assert found.inputs == {
        "expected_loss_without_usd": "60.0", "verified_loss_with_usd": "40.0",
    }  # fmt: skip
    with pytest.raises(InputError, match="did you mean verified_benefit_usd"):
        explain(f"{planned}/plan.json:verified_benefits_usd")
    (planned / "other.json").write_text("{}")
    with pytest.raises(InputError, match="is none of"):
        explain(f"{planned}/other.json:gap")


def test_a_column_without_formula_says_where_it_comes_from(folder, planned):
    found = explain(f"{folder}/measures.csv:1:cap_share")
    assert "stands in measures/" in found.warnings[0]
    (planned / "reserve.csv").write_text("item,year,tonnes\n")
    with pytest.raises(InputError, match="no rows at all"):
        explain(f"{planned}/reserve.csv:1")


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


@pytest.fixture(scope="module")
def states(tmp_path_factory):
    folder = tmp_path_factory.mktemp("us") / "out"
    names = ["nickel", "gallium", "erbium"]
    assess(load_study("us-2026"), minerals=names).save(folder)
    return folder


def number_of(file, word: str) -> int:
    lines = file.read_text(encoding="utf-8").splitlines()
    return next(n for n, line in enumerate(lines) if word in line)


def test_use_in_usd_names_its_price_and_demands(states):
    row = number_of(states / "ranking.csv", ",nickel,")
    found = explain(f"{states}/ranking.csv:{row}:use_usd")
    assert {r.table for r in found.rows} == {"prices", "demands"}
    assert found.rows[0].key == "nickel/world/2024/outside"
    usd = sum(r.values["quantity_t_per_year"] for r in found.rows[1:])
    assert found.value == pytest.approx(usd * found.rows[0].values["usd_per_t"],
                                        rel=1e-4)  # fmt: skip


def test_net_reliance_shows_its_terms_and_only_rows_that_enter(states):
    row = number_of(states / "ranking.csv", ",nickel,")
    found = explain(f"{states}/ranking.csv:{row}:net_import_reliance")
    assert found.inputs["item"] == "nickel"
    i, e, p = (float(found.inputs[f"{n}_t"]) for n in
               ("imports", "exports", "production"))  # fmt: skip
    assert found.value == pytest.approx((i - e) / (p + i - e))
    assert "S" not in found.definition.formula.replace("USGS", "")
    for one in found.rows:
        assert one.table in {"lanes", "plants", "recipes"}
        if one.table == "lanes":
            assert "USA" in one.key.split("/")
        if one.table == "plants":
            assert one.values["country"] == "USA"


def test_a_measure_names_lanes_and_plants_behind_its_shares(states):
    row = number_of(states / "measures.csv", ",erbium,")
    keys = {(r.table, r.key) for r in explain(f"{states}/measures.csv:{row}").rows}
    assert ("lanes", "erbium_oxide/CHN/USA") in keys
    assert ("plants", "monazite_separation_CHN") in keys
    assert any(table == "measures" for table, _ in keys)
