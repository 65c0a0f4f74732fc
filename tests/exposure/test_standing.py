# SPDX-License-Identifier: Apache-2.0
"""What a reliance stands on, what is no use, whose measures, and one pool of a bloc."""

from __future__ import annotations

import polars as pl
import pytest

from oreserve.errors import OreserveError
from oreserve.exposure import assess, explain, score_text
from oreserve.exposure._figures import read_figures
from oreserve.exposure._new_scrap import loop_inputs, new_scrap_output
from oreserve.exposure._ranking import WEIGHTS, rank
from oreserve.exposure._standing import read_standing
from oreserve.exposure._uses import Uses
from oreserve.indicators import Cell
from oreserve.study import load_study

MARKED = ("plants", "demands", "lanes")


@pytest.fixture(scope="module")
def tiny():
    return load_study("tiny")


def firm(study):
    """Return the study with every plant, demand and lane read from its source."""
    read = {
        name: study.table(name).with_columns(evidence=pl.lit("read")) for name in MARKED
    }
    return study.with_tables(**read)


def cell(result, item, indicator):
    return result.cells.filter(item=item, indicator=indicator).row(0, named=True)


def without_use(study, item):
    """Return the study with no demand at home for an item: 0.0 t, not null."""
    rows = study.table("demands").with_columns(
        quantity_t_per_year=pl.when(
            (pl.col("item") == item) & (pl.col("country") == "USA")
        )
        .then(0.0)
        .otherwise(pl.col("quantity_t_per_year"))
    )
    return study.with_tables(demands=rows)


def test_a_mineral_without_use_is_not_ranked(tiny):
    before = assess(tiny, reconciled=False)
    found = assess(without_use(tiny, "gallium"), reconciled=False)
    row = found.ranking.filter(mineral="gallium").row(0, named=True)
    assert (row["score"], row["rank"], row["class"]) == (None, None, "no_use")
    assert "no use of it" in row["reason"]
    assert "no use in the study: gallium" in found.summary()
    figures, old = found.figures(), before.figures()
    assert figures["not_used"] == old["not_used"] + 1
    assert figures["without_data"] == old["without_data"]
    ranked = found.ranking.drop_nulls("score").height
    assert ranked == before.ranking.drop_nulls("score").height - 1


def part(item, indicator, value):
    return Cell(
        indicator=indicator, value=value, low=value, high=value, status="ok", unit="1",
        stage="mine", year=2024, inputs={}, keys={"mineral": "m", "item": item},
    )  # fmt: skip


def parts_of(item, reliance, kind="import_reliance_indirect"):
    return [
        part(item, kind, reliance), part(item, "hhi", 0.5),
        part(item, "hhi_governance", 5.0), part(item, "n_minus_1_cover_country", 0.5),
    ]  # fmt: skip


def ranked(cells, *, used=(), feeds=()):
    uses = Uses({}, frozenset(used), frozenset(feeds))
    found = rank(cells, ["m"], weights=WEIGHTS, threshold=0.4, uses=uses)
    return found.minerals.row(0, named=True)


def test_a_used_item_without_data_takes_the_high_bound_to_one():
    cells = [*parts_of("a", 0.6), part("b", "hhi", None)]
    row = ranked(cells, used=["a", "b"])
    assert row["score"] == pytest.approx(0.3)
    assert (row["high"], row["status"]) == (1.0, "partial")
    assert ranked(cells, used=["a"])["high"] == pytest.approx(0.3)


def test_direct_reliance_alone_ranks_no_feed_and_no_unused_item():
    feed = parts_of("liquor", 0.2, "net_import_reliance")
    assert ranked(feed, used=["liquor"])["score"] == pytest.approx(0.1)
    assert ranked(feed, used=["liquor"], feeds=["liquor"])["score"] is None
    assert ranked(feed)["score"] is None
    assert ranked(parts_of("liquor", 0.2), feeds=["liquor"])["score"] is not None


def test_reliance_is_ok_only_on_firm_rows(tiny):
    sure = assess(firm(tiny), reconciled=False)
    assert cell(sure, "nd_oxide", "net_import_reliance")["status"] == "ok"
    assert cell(sure, "gallium", "import_reliance_indirect")["status"] == "ok"
    lanes = (
        firm(tiny)
        .table("lanes")
        .with_columns(
            evidence=pl.when(
                (pl.col("item") == "gallium") & (pl.col("importer") == "USA")
            )
            .then(pl.lit("assumed"))
            .otherwise(pl.col("evidence"))
        )
    )
    found = assess(firm(tiny).with_tables(lanes=lanes), reconciled=False)
    for name in ("net_import_reliance", "import_reliance_indirect",
                 "n_minus_1_cover_home"):  # fmt: skip
        row = cell(found, "gallium", name)
        assert row["status"] == "partial", name
        assert "assumed" in row["inputs"], name
    assert cell(found, "nd_oxide", "net_import_reliance")["status"] == "ok"


def with_rest(study, t):
    """Return the study with t tonnes of gallium made by nobody listed."""
    plants = study.table("plants").filter(
        ~((pl.col("country") == "USA") & pl.col("process").str.contains("gallium"))
    )
    china = plants.filter(pl.col("plant") == "chn_gallium")
    rest = china.with_columns(
        plant=pl.lit("rest_gallium"), country=pl.lit("ROW"),
        owner_country=pl.lit(None, pl.String), capacity_t_per_year=pl.lit(t),
        base_activity_t_per_year=pl.lit(t),
    )  # fmt: skip
    row = study.table("countries").head(1).with_columns(country=pl.lit("ROW"))
    countries = study.table("countries")
    if "ROW" not in set(countries["country"]):
        countries = pl.concat([countries, row])
    return study.with_tables(plants=pl.concat([plants, rest]), countries=countries)


def test_output_nobody_lists_may_be_of_home(tiny):
    found = assess(with_rest(firm(tiny), 4.0), reconciled=False)
    # Home buys 20 t and has no plant: up to 4 t unlisted may be its own, 20 / 24.
    row = cell(found, "gallium", "net_import_reliance")
    assert (row["value"], row["high"], row["status"]) == (1.0, 1.0, "partial")
    assert row["low"] == pytest.approx(20 / 24)
    assert "nobody lists" in row["inputs"]
    indirect = cell(found, "gallium", "import_reliance_indirect")
    assert indirect["low"] == pytest.approx(20 / 24)
    cover = cell(found, "gallium", "n_minus_1_cover_home")
    assert cover["high"] == pytest.approx(cover["value"] + 4 / 20)


def test_home_with_a_row_of_its_own_is_not_in_the_rest(tiny):
    study = with_rest(firm(tiny), 4.0)
    figures = read_figures(study, reconciled=False)
    n = figures.items.index("gallium")
    assert read_standing(study, figures, ("USA",)).unlisted[n] == 4.0
    assert read_standing(study, figures, ("JPN",)).unlisted[n] == 0.0
    little = with_rest(firm(tiny), 0.1)  # 0.1 % of the world
    assert read_standing(
        little, read_figures(little, reconciled=False), ("USA",)
    ).unlisted[n] == 0.0  # fmt: skip


def test_new_scrap_is_left_out_of_output_and_use(tiny):
    figures = read_figures(tiny, reconciled=False)
    loops = loop_inputs(figures.base)
    assert set(loops.values()) == {("swarf",)}
    assert "nd_metal" not in {item for _, item in loops}
    n = figures.items.index("nd_oxide")
    # 10 of the 60 t of oxide in Japan come from its own swarf.
    scrap = new_scrap_output(figures, ("JPN",))[n]
    assert scrap == pytest.approx(10.0)
    row = cell(assess(tiny, home="JPN", reconciled=False), "nd_oxide",
               "net_import_reliance")  # fmt: skip
    assert row["value"] == 1.0
    assert "new_scrap_t=10" in row["inputs"]


def test_trade_inside_a_bloc_moves_nothing(tiny):
    members = tiny.members("PACT")
    lanes = tiny.table("lanes")
    inside = pl.col("exporter").is_in(members) & pl.col("importer").is_in(members)
    assert lanes.filter(inside).height
    more = lanes.with_columns(
        base_t_per_year=pl.when(inside)
        .then(pl.col("base_t_per_year") * 0.5)
        .otherwise(pl.col("base_t_per_year"))
    )
    names = ("mineral", "item", "indicator", "value")
    wanted = ("import_reliance_indirect", "net_import_reliance")
    first, second = (
        assess(study, home="PACT", reconciled=False)
        .cells.filter(pl.col("indicator").is_in(wanted))
        .select(names)
        for study in (tiny, tiny.with_tables(lanes=more))
    )
    assert second["value"].to_list() == pytest.approx(
        first["value"].to_list(), nan_ok=True
    ) or second.equals(first)


def test_own_measures_are_not_aimed_at_home(tiny):
    rows = tiny.table("measures").with_columns(target=pl.lit("*"))
    study = tiny.with_tables(measures=rows)
    assert "CHN" not in set(assess(study, home="CHN", reconciled=False)
                            .measures["actor"])  # fmt: skip
    assert "CHN" in set(assess(study, home="JPN", reconciled=False)
                        .measures["actor"])  # fmt: skip


def test_a_suspension_that_ran_out_is_overdue(tiny):
    rows = tiny.table("measures").with_columns(
        announced=pl.when(pl.col("measure") == "chn_gallium_ban")
        .then(pl.lit("2024-01-01").str.to_date())
        .otherwise(pl.col("announced"))
    )
    found = assess(tiny.with_tables(measures=rows), reconciled=False)
    row = found.measures.filter(measure="chn_gallium_ban").row(0, named=True)
    assert (row["state"], str(row["suspended_until"])) == ("overdue", "2024-12-03")
    assert "overdue: chn_gallium_ban" in found.summary()
    # Home buys 18 of its 20 t from China; of Japan's 2 t, 22 / 32 are China's too.
    assert row["direct_share"] == pytest.approx(0.9)
    assert row["traced_share"] == pytest.approx(0.96875)


def test_a_price_is_inside_only_behind_a_measure(tiny):
    price = tiny.table("prices").filter(item="gallium").head(1)
    split = {}
    for market in ("CHN", "AUS"):
        inside = price.with_columns(
            market=pl.lit(market), kind=pl.lit("inside"), period=pl.lit("2024"),
            usd_per_t=pl.lit(100_000.0),
        )  # fmt: skip
        rest = tiny.table("prices").filter(
            (pl.col("item") != "gallium") | (pl.col("kind") != "inside")
        )
        study = tiny.with_tables(prices=pl.concat([rest, inside]))
        split[market] = cell(assess(study, reconciled=False), "gallium", "price_split")
    # China bans gallium; Australia has no measure on it.
    assert split["CHN"]["value"] is not None
    assert "inside_usd_per_t=100000.0" in split["CHN"]["inputs"]
    assert split["AUS"]["value"] is None


def test_explain_recomputes_a_score_and_says_that_a_study_moved(tiny, tmp_path):
    tiny.save(tmp_path / "mine")
    found = assess(load_study(tmp_path / "mine"), reconciled=False)
    folder = found.save(tmp_path / "out")
    scored = explain(f"{folder}/ranking.csv:1")
    assert float(scored.inputs["recomputed"]) == pytest.approx(scored.value)
    assert set(scored.inputs) >= {"r", "C", "G", "K"}
    assert scored.warnings == ()
    (tmp_path / "mine").rename(tmp_path / "moved")
    try:
        told = explain(f"{folder}/ranking.csv:1").warnings
    except OreserveError as error:  # pragma: no cover
        pytest.fail(str(error))
    assert "moved" in told[0]
    assert str(tmp_path / "mine") in told[0]


def test_a_score_near_the_threshold_shows_three_digits():
    assert score_text(0.39989, 0.4) == "0.3999"
    assert score_text(0.404, 0.4) == "0.404"
    assert score_text(0.42, 0.4) == "0.42"
