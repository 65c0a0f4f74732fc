# SPDX-License-Identifier: Apache-2.0
"""Who is exposed by how much, what comes then, and what a plan would do."""

from __future__ import annotations

from dataclasses import replace

import polars as pl
import pytest

import oreserve as ors
from oreserve.watch import Lines, watch
from oreserve.watch._home import home_of
from oreserve.watch._result import largest_stake

DAY = "2026-11-22"
ELSE = "go to stocks or to a use that the study does not hold"


def only(found, kind, subject=None):
    (alert,) = [
        a for a in found.alerts if a.kind == kind and subject in {None, a.subject}
    ]
    return alert


def with_lanes(study, extra):
    """Return the study with other lanes of gallium: (exporter, importer, t)."""
    rows = pl.DataFrame(
        [{"item": "gallium", "exporter": a, "importer": b, "base_t_per_year": float(t),
          "source_id": "invented", "evidence": "assumed"} for a, b, t in extra]
    )  # fmt: skip
    kept = study.table("lanes").filter(pl.col("item") != "gallium")
    return study.with_tables(lanes=pl.concat([kept, rows], how="diagonal_relaxed"))


# --- shares --------------------------------------------------------------------------


@pytest.mark.parametrize(
    "extra, share, flow, told",
    [
        ([("CHN", "USA", 18)], 0.9, 0.9, None),
        ([("CHN", "USA", 20)], 1.0, 1.0, None),
        ([("CHN", "USA", 20 + 1e-9)], 1.0, 1.0, None),
        ([("CHN", "USA", 30), ("USA", "AUS", 10)], 1.0, 1.5,
         "imports are 150 % of use: 10 t a year leave again as exports"),
        ([("CHN", "USA", 30), ("USA", "AUS", 4)], 1.0, 1.5,
         "imports are 150 % of use: 4 t a year leave again as exports and 6 t a year "
         + ELSE),
        ([("CHN", "USA", 30)], 1.0, 1.5,
         "imports are 150 % of use: 10 t a year " + ELSE),
    ],
)  # fmt: skip
def test_no_more_than_all_of_the_use_is_at_stake(measure, extra, share, flow, told):
    study = with_lanes(measure(**{"from": "2026-12-01"}), extra)
    alert = only(watch(study, on=DAY), "measure")
    (gallium,) = alert.exposed
    assert gallium.share_of_use == pytest.approx(share)
    assert gallium.flow_over_use == pytest.approx(flow)
    assert gallium.note == told
    assert ("%" in (told or "")) == ("(imports" in largest_stake(alert))


def test_no_share_of_the_bundled_study_is_over_all_of_the_use():
    for home in ("USA", "EU", "JPN"):
        study = ors.load_study("us-2026", home=home)
        frame = watch(study, on=DAY).exposure
        assert frame["share_of_use"].max() <= 1.0
        over = frame.filter(pl.col("flow_over_use") > 1.001)
        assert over["note"].null_count() == 0


def test_worth_is_tonnes_at_the_base_price_of_the_home(measure):
    alert = only(watch(measure(**{"from": "2026-12-01"}), on=DAY), "measure")
    (gallium,) = alert.exposed
    assert gallium.at_stake_usd_per_year == 18 * 306_000


def test_worth_without_a_price_is_no_data_and_not_zero(tiny):
    (row,) = replace(home_of(tiny), base_usd_per_t={}).exposed(["gallium"])
    assert row.at_stake_t_per_year == 20
    assert row.at_stake_usd_per_year is None


def test_other_homes_are_told_too(measure):
    everyone = measure(target="*", **{"from": "2026-12-01"})
    (japan,) = only(watch(everyone, on=DAY), "measure").elsewhere
    assert (japan.home, japan.at_stake_t_per_year) == ("JPN", 22)
    assert japan.at_stake_usd_per_year == 22 * 303_000
    aimed = measure(**{"from": "2026-12-01"})
    (japan,) = only(watch(aimed, on=DAY), "measure").elsewhere
    assert japan.at_stake_t_per_year == 0
    frame = watch(everyone, on=DAY).exposure
    assert set(frame["home"]) == {"USA", "JPN"}


# --- what an alert carries -----------------------------------------------------------


@pytest.fixture(scope="module")
def chinese():
    return watch(ors.load_study("us-2026"), on=DAY).alerts[0]


def test_first_alarm_says_what_comes_then(chinese):
    assert chinese.afterwards.startswith(
        "the ban returns on 27 November 2026 unless the suspension is prolonged"
    )
    assert chinese.actors == ("CHN",)
    assert dict(chinese.hs_codes)["antimony_ore"] == ("261710",)
    assert "National Defense Stockpile" in chinese.users
    (row,) = chinese.evidence
    assert row.url.startswith("https://")
    assert row.title
    antimony = next(e for e in chinese.exposed if e.item == "antimony")
    assert antimony.at_stake_usd_per_year > 1e8


def test_measure_to_come_says_from_when_and_until_when_it_applies(measure):
    open_end = measure(**{"from": "2026-12-01"})
    ends = measure(**{"from": "2026-12-01", "until": "2028-01-01"})
    assert only(watch(open_end, on=DAY), "measure").afterwards == (
        "the ban applies from that day; no day is known on which it ends"
    )
    assert only(watch(ends, on=DAY), "measure").afterwards == (
        "the ban applies from that day; it ends on 1 January 2028"
    )


def test_passed_suspension_says_that_the_ban_may_be_back(measure):
    study = measure(status="suspended", announced="2024-12-03", **{"from": DAY})
    alert = only(watch(study, on="2026-11-23"), "measure")
    assert "has applied again since 22 November 2026" in alert.afterwards


def test_link_that_is_no_web_page_is_left_out(measure):
    study = measure(**{"from": "2026-12-01"})
    sources = study.table("sources").with_columns(url=pl.lit("javascript:alert(1)"))
    found = watch(study.with_tables(sources=sources), on=DAY)
    assert only(found, "measure").evidence[0].url is None
    from oreserve.watch._page import render_page

    assert "javascript:" not in render_page(found).split("data:text/csv")[0]


def test_owner_of_a_plant_or_project_is_named(tiny):
    found = watch(tiny, on="2027-01-01")
    row = tiny.table("projects").filter(pl.col("project") == "aus_gallium_new")
    alert = only(found, "project", "aus_gallium_new")
    assert alert.owner_country == row["owner_country"][0] is not None
    seller = [a for a in found.alerts if a.subject == "jpn_gallium_to_usa"]
    assert {a.owner_country for a in seller} == {"JPN"}
    assert any("Example Chips" in a.users for a in found.alerts)


# --- plan ----------------------------------------------------------------------------


def test_what_stands_under_the_measure_is_no_answer(measure, plan_folder):
    head = "agreement,seller_country,item,tonnes_per_year,from\n"
    (plan_folder / "agreements.csv").write_text(
        head + "jpn_more,JPN,gallium,3,2027\nchn_more,CHN,gallium,5,2027\n"
        "chn_gallium_to_usa,CHN,gallium,2,2027\n"
    )
    study = measure(**{"from": "2026-12-01"})
    lines = only(watch(study, on=DAY, plan=plan_folder), "measure").plan
    told = {line.split(" for ")[0]: "no answer" in line for line in lines}
    assert told["sign JPN more"] is False
    assert told["sign CHN more"] is True
    # that one is exempt from the measures of the seller's state
    assert told["sign CHN gallium to USA"] is not ("chn_gallium_to_usa" in set(
        study.table("agreements").filter(pl.col("exempt_from_measures"))["agreement"]
    ))  # fmt: skip


def test_exempt_agreement_is_an_answer(tiny, plan_folder):
    head = "agreement,seller_country,item,tonnes_per_year,from\n"
    (plan_folder / "agreements.csv").write_text(
        head + "chn_gallium_to_usa,CHN,gallium,2,2027\n"
    )
    measures = tiny.table("measures").with_columns(
        pl.when(pl.col("measure") == "chn_gallium_ban")
        .then(pl.date(2026, 12, 1))
        .otherwise(pl.col("from"))
        .alias("from")
    )
    found = watch(tiny.with_tables(measures=measures), on=DAY, plan=plan_folder)
    lines = only(found, "measure", "chn_gallium_ban").plan
    assert "sign CHN gallium to USA for 2 t a year of Gallium from 2027" in lines


# --- what grows old ------------------------------------------------------------------


def test_scores_grow_old_after_the_days_that_are_asked(tiny):
    # usa_separation_new was scored on 2025-11-01
    for days, level in ((386, "notice"), (387, "info"), (476, "info"), (477, None)):
        found = watch(tiny, on=DAY, lines=Lines(score_days=days))
        wanted = ("score", "usa_separation_new")
        levels = [a.level for a in found.alerts if (a.kind, a.subject) == wanted]
        assert levels == ([level] if level else [])


def test_agreement_that_runs_without_a_firm_rung_is_told(tiny):
    def events(day):
        return [a.event for a in watch(tiny, on=day).alerts
                if a.subject == "jpn_magnets_to_usa"]  # fmt: skip

    assert events(DAY) == ["begins"]
    assert events("2027-01-01") == ["begins"]
    assert events("2027-01-02") == ["not_firm"]
    assert "not_firm" not in events("2030-01-01")
    firm = [a for a in watch(tiny, on="2027-06-01").alerts
            if a.subject == "jpn_gallium_to_usa"]  # fmt: skip
    assert firm == []
