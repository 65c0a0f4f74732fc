# SPDX-License-Identifier: Apache-2.0
"""Two versions of a study, or one study since a day."""

from __future__ import annotations

from datetime import date

import polars as pl
import pytest

from oreserve.study import load_study
from oreserve.watch import watch

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
