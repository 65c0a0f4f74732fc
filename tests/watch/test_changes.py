# SPDX-License-Identifier: Apache-2.0
"""Two versions of a study, or one study since a day."""

from __future__ import annotations

from datetime import date

import polars as pl
import pytest

from oreserve.errors import InputError
from oreserve.study import load_study
from oreserve.watch import watch
from oreserve.watch._compare import check_comparable

DAY = "2026-11-22"
HEAD = (
    "measure,kind,actor,target,mineral,from,until,announced,status,source_id,evidence\n"
)


def test_same_study_has_no_changes(tiny):
    found = watch(tiny, on=DAY, since=tiny)
    assert found.changes.height == 0
    assert [a for a in found.alerts if a.kind == "change"] == []


def test_row_order_and_hash_seed_change_nothing(tiny):
    shuffled = tiny.with_tables(
        **{name: frame.reverse() for name, frame in tiny.tables.items()
           if name != "settings"}
    )  # fmt: skip
    assert (
        watch(shuffled, on=DAY, since=tiny).as_dict()
        == watch(tiny, on=DAY, since=tiny).as_dict()
    )


def test_changed_added_and_removed_rows(tiny, overlay):
    text = HEAD + (
        "chn_gallium_ban,ban,CHN,USA,gallium,2026-11-27,,2024-12-03,suspended,"
        "invented,read\n"
        "new_ban,ban,CHN,USA,dysprosium,2026-12-01,,2026-11-01,in_force,invented,read\n"
    )
    study = load_study(overlay("newer", measures=text))
    changes = watch(study, on=DAY, since="tiny").changes
    rows = {(r["key"], r["change"], r["column"]): r for r in changes.to_dicts()}
    assert ("new_ban", "added", None) in rows
    moved = rows["chn_gallium_ban", "changed", "from"]
    assert (moved["old"], moved["new"]) == ("2024-12-03", "2026-11-27")
    assert (moved["old_evidence"], moved["evidence"]) == ("assumed", "read")
    back = watch(load_study("tiny"), on=DAY, since=study).changes
    assert ("new_ban", "removed") in set(back.select("key", "change").iter_rows())
    alerts = {a.subject: a for a in watch(study, on=DAY, since="tiny").alerts
              if a.kind == "change"}  # fmt: skip
    assert alerts["measures new_ban"].level == "warning"
    assert alerts["measures new_ban"].evidence[0].evidence == "read"


def test_other_tables_share_one_alert(tiny):
    demands = tiny.table("demands").with_columns(pl.col("quantity_t_per_year") * 1.5)
    found = watch(tiny.with_tables(demands=demands), on=DAY, since=tiny)
    (alert,) = [a for a in found.alerts if a.kind == "change"]
    assert alert.subject == "demands"
    assert f"{demands.height} changed" in alert.what


def test_setting_that_differs_is_listed(tiny):
    found = watch(tiny.with_settings(alpha=0.8), on=DAY, since=tiny)
    assert found.changes.select("table", "key", "old", "new").rows() == [
        ("settings", "alpha", "0.9", "0.8")
    ]


@pytest.mark.parametrize("factor, changed", [(0.95, False), (0.3, True)])
def test_indicator_moves_by_more_than_its_noise(tiny, factor, changed):
    # China's gallium from 90 t: 0.95 of it is noise of an assumed row, 0.3 is not
    chinese = pl.col("plant") == "chn_gallium"
    plants = tiny.table("plants").with_columns(
        pl.when(chinese)
        .then(pl.col("base_activity_t_per_year") * factor)
        .otherwise(pl.col("base_activity_t_per_year"))
        .alias("base_activity_t_per_year")
    )
    observations = tiny.table("observations").filter(
        pl.col("series") != "world_output_t/gallium"
    )
    now = tiny.with_tables(plants=plants, observations=observations)
    then = tiny.with_tables(observations=observations)
    found = [
        a for a in watch(now, on=DAY, since=then).alerts
        if a.kind == "indicator" and a.event == "changed hhi" and a.subject == "gallium"
    ]  # fmt: skip
    assert bool(found) == changed
    if changed:
        assert "noise" in found[0].why[0]


def scaled(study, plant, factor, **cells):
    """Return the study with a plant's activity times a factor, and other cells."""
    here = pl.col("plant") == plant
    changed = {"base_activity_t_per_year": pl.col("base_activity_t_per_year") * factor}
    changed |= {name: pl.lit(value) for name, value in cells.items()}
    plants = study.table("plants").with_columns(
        *(pl.when(here).then(new).otherwise(pl.col(name)).alias(name)
          for name, new in changed.items())
    )  # fmt: skip
    return study.with_tables(plants=plants)


@pytest.mark.parametrize("evidence, told", [("read", True), ("assumed", False)])
def test_same_change_counts_if_the_rows_were_read(tiny, evidence, told):
    # 90 to 72 t in China: top share 0.9 to 0.878 of what is made; two standard
    # errors of read rows are 0.008, of assumed ones 0.12
    observations = tiny.table("observations").clear()
    plants = tiny.table("plants").with_columns(evidence=pl.lit(evidence))
    then = tiny.with_tables(plants=plants, observations=observations)
    now = scaled(then, "chn_gallium", 0.8)
    found = [
        a for a in watch(now, on=DAY, since=then).alerts
        if (a.kind, a.subject, a.event) == (
            "indicator", "gallium", "changed top_share")
    ]  # fmt: skip
    assert bool(found) == told


@pytest.mark.parametrize("evidence, told", [("read", True), ("assumed", False)])
def test_noise_of_trade_follows_its_lanes(tiny, evidence, told):
    # 20 to 26 t imported beside 20 t made: 0.5 to 0.565; the noise of both is 0.02
    # where the two lanes were read and 0.15 where they are assumed
    lanes = tiny.table("lanes").with_columns(evidence=pl.lit(evidence))
    plants = tiny.table("plants").with_columns(evidence=pl.lit("read"))
    then = tiny.with_tables(lanes=lanes, plants=plants)
    more = lanes.with_columns(
        pl.when((pl.col("item") == "nd_oxide") & (pl.col("importer") == "USA"))
        .then(pl.col("base_t_per_year") * 1.3)
        .otherwise(pl.col("base_t_per_year"))
        .alias("base_t_per_year")
    )
    found = [
        a for a in watch(then.with_tables(lanes=more), on=DAY, since=then).alerts
        if (a.subject, a.event) == ("nd_oxide", "changed import_reliance")
    ]  # fmt: skip
    assert bool(found) == told


@pytest.fixture(scope="module")
def unstated(tiny):
    """Return tiny without the world total that a plant alone may not leave."""
    return tiny.with_tables(observations=tiny.table("observations").clear())


def test_materiality_by_hand(unstated):
    tiny = unstated
    # gallium_recovery makes 90 + 10 + 0 t: 90 to 45 is half of 0.9 of it
    now = scaled(tiny, "chn_gallium", 0.5, note="a word")
    rows = {
        (r["key"], r["column"]): r
        for r in watch(now, on=DAY, since=tiny).changes.to_dicts()
    }
    quantity = rows["chn_gallium", "base_activity_t_per_year"]
    assert (quantity["old"], quantity["new"]) == ("90", "45")
    assert quantity["materiality"] == pytest.approx(0.45)
    assert rows["chn_gallium", "note"]["materiality"] == 0.0
    small = watch(scaled(tiny, "jpn_gallium", 0.5), on=DAY, since=tiny).changes
    assert small["materiality"].to_list() == pytest.approx([0.05])


def test_most_material_change_stands_first(unstated):
    tiny = unstated
    now = scaled(scaled(tiny, "jpn_gallium", 0.5), "chn_gallium", 0.5)
    changes = watch(now, on=DAY, since=tiny).changes
    assert changes["key"].to_list() == ["chn_gallium", "jpn_gallium"]
    (alert,) = [a for a in watch(now, on=DAY, since=tiny).alerts if a.kind == "change"]
    assert alert.level == "notice"
    assert alert.why[0] == "chn_gallium: base_activity_t_per_year: 90 → 45"


def test_missing_is_not_zero(tiny):
    def floor(value):
        here = pl.col("stock") == "usa_traders_gallium"
        cells = pl.when(here).then(pl.lit(value)).otherwise(pl.col("floor_t"))
        stocks = tiny.table("stocks").with_columns(floor_t=cells)
        return tiny.with_tables(stocks=stocks)

    zero, none = floor(0.0), floor(None)
    (row,) = watch(none, on=DAY, since=zero).changes.to_dicts()
    assert (row["old"], row["new"]) == ("0", None)
    (back,) = watch(zero, on=DAY, since=none).changes.to_dicts()
    assert (back["old"], back["new"]) == (None, "0")
    alerts = watch(zero, on=DAY, since=none).alerts
    (alert,) = [a for a in alerts if a.kind == "change"]
    assert alert.why[0].endswith("no data → 0")


def test_row_with_a_new_name_is_renamed_and_not_lost(tiny):
    named = pl.col("demand").replace({"usa_gallium_chips": "usa_gallium_wafers"})
    now = tiny.with_tables(demands=tiny.table("demands").with_columns(demand=named))
    (row,) = watch(now, on=DAY, since=tiny).changes.to_dicts()
    assert (row["change"], row["old"], row["new"]) == (
        "renamed", "usa_gallium_chips", "usa_gallium_wafers",
    )  # fmt: skip
    assert row["materiality"] == 0
    # with another quantity it is another row
    more = now.table("demands").with_columns(pl.col("quantity_t_per_year") + 1)
    found = watch(now.with_tables(demands=more), on=DAY, since=tiny).changes
    assert {"added", "removed"} <= set(found["change"])
    assert "renamed" not in set(found["change"])


def test_measure_that_is_gone_still_tells_what_it_touched(tiny):
    measures = tiny.table("measures").filter(pl.col("measure") != "chn_gallium_ban")
    found = watch(tiny.with_tables(measures=measures), on=DAY, since=tiny)
    (alert,) = [a for a in found.alerts if a.kind == "change"]
    assert (alert.event, alert.level, alert.items) == (
        "removed", "warning", ("gallium",),
    )  # fmt: skip
    assert alert.exposed[0].at_stake_t_per_year == 18


def test_agreement_that_changed_tells_its_item(tiny):
    agreements = tiny.table("agreements").with_columns(
        pl.when(pl.col("agreement") == "jpn_gallium_to_usa")
        .then(pl.lit("statement"))
        .otherwise(pl.col("rung"))
        .alias("rung")
    )
    found = watch(tiny.with_tables(agreements=agreements), on=DAY, since=tiny)
    (alert,) = [a for a in found.alerts if a.kind == "change"]
    assert (alert.level, alert.items) == ("notice", ("gallium",))
    assert alert.why == ("rung: funded_order → statement",)


def test_setting_that_differs_is_said(tiny):
    found = watch(tiny.with_settings(alpha=0.8), on=DAY, since=tiny)
    assert found.figures["warnings"] == ["setting alpha differs: 0.9 → 0.8"]


def test_earlier_study_for_another_home_is_read_for_ours(tiny):
    japan = tiny.with_settings(home="JPN")
    found = watch(tiny, on=DAY, since=japan)
    assert found.changes.height == 0
    assert (
        "is for JPN; here both versions are read for USA"
        in (found.figures["warnings"][0])
    )
    assert [a for a in found.alerts if a.event.startswith("changed ")] == []


def test_home_that_the_earlier_study_does_not_know_is_refused():
    with pytest.raises(InputError, match="cannot be read for EU"):
        watch(load_study("us-2026", home="EU"), on=DAY, since="tiny")


def test_studies_that_share_little_are_said_and_without_a_mineral_refused(tiny):
    found = watch(load_study("us-2026"), on=DAY, since=tiny)
    assert "may not be two versions of one study" in found.figures["warnings"][0]
    other = tiny.table("items").with_columns(mineral=pl.lit("unobtainium"))
    tables = {"items": other, "measures": tiny.table("measures").clear()}
    with pytest.raises(InputError, match="no mineral in common"):
        check_comparable(_Bare("other", tables), tiny)


class _Bare:
    """A study of a few tables, as a comparison reads them."""

    def __init__(self, name, tables):
        self.name, self._tables = name, tables

    def table(self, name):
        return self._tables[name]


def test_since_a_day_tells_what_has_happened(measure):
    study = measure(announced="2026-10-01", **{"from": "2026-11-01"})
    found = watch(study, on=DAY, since="2026-10-31")
    assert found.changes.select("change", "new").rows() == [("began", "2026-11-01")]
    (alert,) = [a for a in found.alerts if a.kind == "measure"]
    assert (alert.event, alert.day) == ("began", date(2026, 11, 1))
    # since is exclusive: what happened on that day was known
    assert watch(study, on=DAY, since="2026-11-01").changes.height == 0


def test_since_a_day_lists_observations(tiny):
    found = watch(tiny, on=DAY, since="2026-06-01")
    rows = found.changes.filter(pl.col("table") == "observations")
    assert rows.select("key", "new").rows() == [("price/gallium/USA/2026-07-01", None)]
