# SPDX-License-Identifier: Apache-2.0
"""Published methods inside an assessment: by hand, bounds, reasons, rows."""

from __future__ import annotations

import csv
import zipfile
from datetime import date

import polars as pl
import pytest

from oreserve.cli import main
from oreserve.errors import InputError
from oreserve.exposure import assess, definition, explain
from oreserve.exposure._rows import split_rows
from oreserve.study import load_study


@pytest.fixture(scope="module")
def tiny():
    return load_study("tiny")


@pytest.fixture(scope="module")
def found(tiny):
    return assess(tiny, reconciled=False)


def row(result, indicator: str, item: str | None = "gallium") -> dict:
    rows = result.published.filter(
        pl.col("item").eq_missing(item), pl.col("indicator") == indicator
    )
    assert rows.height == 1
    return rows.row(0, named=True)


def stating(study, **values: float):
    """Add observations; two underscores stand for a slash."""
    table = study.table("observations")
    rows = [
        {"series": name.replace("__", "/"), "date": date(2024, 1, 1), "value": value,
         "source_id": "invented", "evidence": "assumed"}
        for name, value in values.items()
    ]  # fmt: skip
    return study.with_tables(
        observations=pl.concat([table, pl.DataFrame(rows)], how="diagonal")
    )


def test_eu_bracket_by_hand(found):
    # World: 90 and 10 of 100, governance 2 (2.5 + 0.4) and 2 (2.5 - 1.3).
    world = 0.81 * 5.8 + 0.01 * 2.4
    # Home: 18 t from China and 2 t from Japan, nothing made.
    home = 0.9**2 * 5.8 + 0.1**2 * 2.4
    assert row(found, "eu_import_reliance")["value"] == 1.0
    gross = row(found, "eu_supply_risk_gross")
    assert gross["value"] == pytest.approx(world / 2 + home / 2)
    assert gross["status"] == "ok"
    assert "rule=global+home" in gross["inputs"]


def test_eu_half_reliance_by_hand(found):
    # Oxide: 20 made at home, 20 imported: IR 1/2, so the world counts a quarter.
    gross = row(found, "eu_supply_risk_gross", "nd_oxide")
    inputs = dict(p.split("=", 1) for p in gross["inputs"].split("; "))
    world, home = float(inputs["hhi_global"]), float(inputs["hhi_home"])
    assert gross["value"] == pytest.approx(0.25 * world + 0.75 * home, rel=1e-5)


def test_unstated_recycling_is_bounds_and_no_value(found):
    risk = row(found, "eu_supply_risk")
    gross = row(found, "eu_supply_risk_gross")
    assert risk["value"] is None
    assert (risk["low"], risk["high"]) == (0.0, pytest.approx(gross["value"]))
    assert risk["status"] == "partial"
    assert "not in the study" in risk["reason"]


def test_stated_recycling_and_substitution_give_a_value(tiny):
    stated = stating(
        tiny,
        eol_recycling_input_rate__gallium=0.25,
        eu_substitution_supply_risk__gallium=0.9,
    )
    result = assess(stated, reconciled=False, minerals=["gallium"])
    gross = row(result, "eu_supply_risk_gross")["value"]
    risk = row(result, "eu_supply_risk")
    assert risk["value"] == pytest.approx(gross * 0.75 * 0.9)
    assert risk["low"] == risk["high"] == pytest.approx(risk["value"])
    assert risk["status"] == "ok"
    assert "eol_recycling_input_rate/gallium/2024-01-01" in risk["rows"]


def test_only_recycling_stated_leaves_substitution_open(tiny):
    stated = stating(tiny, eol_recycling_input_rate__gallium=0.25)
    risk = row(assess(stated, reconciled=False), "eu_supply_risk")
    gross = row(assess(stated, reconciled=False), "eu_supply_risk_gross")["value"]
    assert risk["value"] is None
    assert risk["high"] == pytest.approx(0.75 * gross)
    assert risk["low"] == 0.0


def test_only_substitution_stated_leaves_recycling_open(tiny):
    stated = stating(tiny, eu_substitution_supply_risk__gallium=0.8)
    result = assess(stated, reconciled=False)
    risk = row(result, "eu_supply_risk")
    gross = row(result, "eu_supply_risk_gross")["value"]
    # All of it may come from scrap, or none.
    assert (risk["low"], risk["high"]) == (0.0, pytest.approx(0.8 * gross))


def test_a_percentage_is_refused(tiny):
    stated = stating(tiny, eol_recycling_input_rate__gallium=25.0)
    with pytest.raises(InputError, match="eol_recycling_input_rate"):
        assess(stated, reconciled=False)


def test_bottleneck_is_the_largest_stage_without_components(found):
    stages = found.published.filter(
        pl.col("mineral") == "neodymium",
        pl.col("indicator") == "eu_supply_risk_gross",
        pl.col("stage") != "component",
    )
    whole = found.published.filter(
        mineral="neodymium", indicator="eu_supply_risk_gross_bottleneck"
    ).row(0, named=True)
    assert whole["value"] == stages["value"].max()
    assert whole["item"] == stages.sort("value")["item"][-1]
    assert "magnet" not in whole["inputs"]


def test_geopolrisk_by_hand(found):
    # HHI 0.82; g = (2.5 + 0.4) / 5 and (2.5 - 1.3) / 5 on 18 and 2 of 20 t.
    score = row(found, "geopolrisk")
    assert score["value"] == pytest.approx(0.82 * (0.58 * 18 + 0.24 * 2) / 20)
    # The study has no political stability: another scaling, and said so.
    assert score["status"] == "partial"
    assert "political_stability_score" in score["reason"]


def test_geopolrisk_takes_political_stability_where_the_study_has_it(tiny):
    countries = tiny.table("countries").with_columns(
        pl.lit(0.0).alias("political_stability_score")
    )
    result = assess(tiny.with_tables(countries=countries), reconciled=False)
    score = row(result, "geopolrisk")
    assert score["value"] == pytest.approx(0.82 * 0.5)
    assert score["status"] == "ok"
    assert score["reason"] is None


def test_no_imports_is_no_data_not_no_risk(tiny):
    result = assess(tiny, home="CHN", reconciled=False)
    score = row(result, "geopolrisk")
    assert score["value"] is None
    assert score["status"] == "no_data"
    assert "no proof of no risk" in score["reason"]


def test_disruption_potential_has_the_bounds_of_unknown_willingness(found):
    risk = row(found, "usgs_disruption_potential")
    assert risk["value"] is None
    assert risk["low"] == 0.0
    # 0.9^2 x 0.58 + 0.1^2 x 0.24
    assert risk["high"] == pytest.approx(0.4722)


def test_disruption_potential_with_stated_scores(tiny):
    countries = tiny.table("countries").with_columns(
        pl.lit(0.5).alias("willingness_score"),
        pl.lit(80.0).alias("policy_perception_score"),
    )
    result = assess(tiny.with_tables(countries=countries), reconciled=False)
    risk = row(result, "usgs_disruption_potential")
    assert risk["value"] == pytest.approx(0.82 * 0.2 * 0.5)
    assert risk["status"] == "ok"


def test_vulnerability_needs_profit_and_says_so(tiny, found):
    blank = row(found, "usgs_economic_vulnerability")
    assert blank["status"] == "no_data"
    assert "operating_profit_usd" in blank["reason"]
    stated = stating(tiny, gdp_usd__USA=1e9, operating_profit_usd__chips__USA=2e7)
    full = row(assess(stated, reconciled=False), "usgs_economic_vulnerability")
    inputs = dict(p.split("=", 1) for p in full["inputs"].split("; "))
    spent = float(inputs["expenditure_usd"])
    assert full["value"] == pytest.approx(5e7 / 1e9 * spent / 2e7, rel=1e-5)


def test_published_value_stands_beside_only_if_the_study_holds_it(tiny, found):
    assert found.published["published_value"].null_count() == found.published.height
    stated = stating(tiny, published__eu_supply_risk__gallium=3.3)
    beside = row(assess(stated, reconciled=False), "eu_supply_risk")
    assert beside["published_value"] == 3.3
    assert beside["published_source"] == "invented"
    # Ours does not move.
    assert beside["high"] == row(found, "eu_supply_risk")["high"]


def test_every_row_has_status_reason_and_rows_that_exist(found, tiny):
    for one in found.published.iter_rows(named=True):
        assert one["status"] in {"ok", "partial", "no_data"}
        assert (one["low"] is None) == (one["status"] == "no_data")
        if one["status"] == "no_data":
            assert one["reason"]
        assert definition(one["indicator"]) is not None
    countries = set(tiny.table("countries")["country"])
    for text in found.published["rows"]:
        for table, key in split_rows(text):
            assert table != "countries" or key in countries


def test_explain_opens_a_published_row(tiny, tmp_path):
    assess(tiny, minerals=["gallium"], reconciled=False).save(tmp_path / "out")
    file = tmp_path / "out" / "published.csv"
    with file.open(encoding="utf-8") as lines:
        names = [r["indicator"] for r in csv.DictReader(lines)]
    number = names.index("geopolrisk") + 1
    told = explain(f"{file}:{number}")
    assert told.name == "geopolrisk"
    assert told.definition is not None
    assert {r.table for r in told.rows} >= {"lanes", "plants", "countries"}
    assert told.value == pytest.approx(0.44772)


def test_unknown_countries_widen_the_bounds(tiny):
    countries = tiny.table("countries").with_columns(
        governance=pl.when(pl.col("country") == "JPN")
        .then(None)
        .otherwise(pl.col("governance"))
    )
    result = assess(tiny.with_tables(countries=countries), reconciled=False)
    gross = row(result, "eu_supply_risk_gross")
    assert gross["status"] == "partial"
    assert gross["low"] < gross["high"]


def test_page_and_workbook_show_published_methods(tmp_path):
    out = tmp_path / "out"
    assert main(["assess", "tiny", "--out", str(out), "--excel"]) == 0
    page = (out / "report.html").read_text(encoding="utf-8")
    part = page[page.index('<section id="published"') :]
    part = part[: part.index("</section>")]
    # Gallium: 4.722 before recycling, 0 to that after; no history, no years.
    assert "4.72" in part
    assert "0 to 4.72" in part
    assert "no data" in part
    assert 'id="years"' not in part
    with zipfile.ZipFile(out / "tables.xlsx") as book:
        assert 'name="published"' in book.read("xl/workbook.xml").decode()


def test_command_explain_reads_published(tmp_path, capsys):
    out = tmp_path / "out"
    assert main(["assess", "tiny", "-m", "Ga", "--out", str(out)]) == 0
    capsys.readouterr()
    assert main(["explain", f"{out / 'published.csv'}:1"]) == 0
    text = capsys.readouterr().out
    assert "eu_import_reliance" in text
    assert "European Commission (2017)" in text
    assert "plants/" in text
    assert "lanes/" in text
    # Only bounds are known: they are printed, with the reason.
    assert main(["explain", f"{out / 'published.csv'}:2"]) == 0
    text = capsys.readouterr().out
    assert "eu_supply_risk\n" in text
    assert "from 0.0 to 4.7" in text
    assert "because eol_recycling_input_rate" in text
