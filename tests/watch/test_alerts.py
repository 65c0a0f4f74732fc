# SPDX-License-Identifier: Apache-2.0
"""Which alerts a day gives: dates at the edges, lines, lateness, exposure."""

from __future__ import annotations

from datetime import date

import pytest

import oreserve as ors
from oreserve.errors import InputError
from oreserve.watch import LEVELS, Alert, Lines, watch

DAY = "2026-11-22"


def of(found, kind, subject=None):
    return [
        a for a in found.alerts
        if a.kind == kind and subject in {None, a.subject}
    ]  # fmt: skip


def only(found, kind, subject=None) -> Alert:
    (alert,) = of(found, kind, subject)
    return alert


# --- the bundled study ---------------------------------------------------------------


@pytest.fixture(scope="module")
def bundled():
    return watch(ors.load_study("us-2026"), on=DAY)


def test_first_alarm_of_the_bundled_study_is_the_chinese_suspension(bundled):
    first = bundled.alerts[0]
    assert (first.level, first.subject, first.state) == (
        "alarm", "china_ban_to_usa", "suspended",
    )  # fmt: skip
    assert first.day == first.suspended_until == date(2026, 11, 27)
    assert first.effective is None
    assert first.announced == date(2024, 12, 3)
    assert first.valid_until == date(2026, 11, 27)
    assert {"gallium", "germanium", "antimony"} <= set(first.items)
    stakes = {e.item: e for e in first.exposed}
    for item in ("gallium", "germanium", "antimony"):
        assert stakes[item].at_stake_t_per_year > 0
        assert 0 < stakes[item].share_of_use < 1
        assert stakes[item].cover_days > 0


def test_passed_suspensions_are_to_be_looked_at_again(bundled):
    alert = only(bundled, "measure", "china_holmium_erbium_licences")
    assert (alert.level, alert.event) == ("warning", "look_again")
    assert any("look again" in reason for reason in alert.why)


def test_thin_european_quote_is_told_but_never_an_alarm(bundled):
    alerts = {a.event: a for a in of(bundled, "price", "dysprosium_oxide")}
    assert alerts["thin_quote"].level == "notice"
    assert "not the world price" in alerts["thin_quote"].why[1]
    assert "outside_band" not in alerts  # the firm price is 239,000 of 257,000


def test_every_alert_names_a_row_that_is_there(bundled):
    study = ors.load_study("us-2026")
    for alert in bundled.alerts:
        for evidence in alert.evidence:
            rows = study.table(evidence.table)
            assert evidence.source_id in set(rows["source_id"])
            assert evidence.evidence
    named = set(bundled.sources["source_id"])
    assert {p for a in bundled.alerts for e in a.evidence
            for p in e.source_id.split(";")} <= named  # fmt: skip


# --- measures ------------------------------------------------------------------------


@pytest.mark.parametrize(
    "cells, state, event",
    [
        # in force from 22 November, the day itself
        ({"from": DAY}, "in_force", "begins"),
        ({"from": "2026-11-23"}, "announced", "begins"),
        ({"from": "2027-02-20"}, "announced", "begins"),  # 90 days
        ({"from": "2027-02-21"}, "announced", None),  # 91 days
        ({"from": "2020-01-01", "until": "2026-11-23"}, "in_force", "expires"),
        # until is exclusive: on that day it no longer applies
        ({"from": "2020-01-01", "until": DAY}, "past_until", "past_until"),
        ({"from": "2020-01-01", "until": "2026-01-01"}, "past_until", "past_until"),
        ({"from": "2020-01-01", "until": "2027-02-21"}, "in_force", None),
        ({"status": "suspended", "from": DAY}, "suspended", "returns"),
        ({"status": "suspended", "from": "2026-11-21"}, "suspended", "look_again"),
        ({"status": "suspended", "from": "2027-06-01"}, "suspended", None),
        ({"status": "suspended"}, "suspended", "look_again"),
        ({"status": "ended", "from": "2020-01-01", "until": "2021-01-01"},
         "ended", None),
    ],
)  # fmt: skip
def test_states_and_events_at_the_edges(measure, cells, state, event):
    found = watch(measure(**cells), on=DAY)
    assert found.measures["state"].to_list() == [state]
    assert [a.event for a in of(found, "measure")] == ([event] if event else [])


@pytest.mark.parametrize("kind, level", [("ban", "alarm"), ("tariff", "warning")])
def test_ban_that_may_be_back_stays_an_alarm(measure, kind, level):
    cells = {"tariff_share": 0.1} if kind == "tariff" else {}
    study = measure(
        kind=kind, status="suspended", announced="2024-12-03", **cells,
        **{"from": "2026-11-27"},
    )  # fmt: skip
    for day in ("2026-11-28", "2027-06-01"):
        alert = only(watch(study, on=day), "measure")
        assert (alert.event, alert.level) == ("look_again", level)


def test_suspended_since_its_announcement_is_not_told_to_have_come_back(measure):
    study = measure(
        status="suspended", announced="2024-12-03", **{"from": "2024-12-03"}
    )
    alert = only(watch(study, on=DAY), "measure")
    assert alert.suspended_until is None
    assert alert.effective == date(2024, 12, 3)
    assert "no day is known" in alert.what


def test_leap_day_counts(measure):
    study = measure(**{"from": "2028-02-29"})
    assert only(watch(study, on="2028-02-28", within_days=1), "measure").day == date(
        2028, 2, 29
    )
    assert of(watch(study, on="2028-03-01", within_days=1), "measure") == []


def test_rule_that_is_announced_later_is_not_known_yet(measure):
    study = measure(announced="2026-11-23", **{"from": "2026-12-01"})
    assert watch(study, on=DAY).measures.height == 0


def test_ended_rule_was_in_force_on_an_earlier_day(measure):
    study = measure(status="ended", **{"from": "2024-12-03", "until": "2025-11-09"})
    assert watch(study, on="2025-01-01").measures["state"].to_list() == ["in_force"]


def test_rule_against_others_puts_nothing_of_home_at_stake(measure):
    aimed = only(watch(measure(**{"from": "2026-12-01"}), on=DAY), "measure")
    other = only(
        watch(measure(target="JPN", **{"from": "2026-12-01"}), on=DAY), "measure"
    )
    assert (aimed.level, aimed.exposed[0].at_stake_t_per_year) == ("alarm", 18)
    assert (other.level, other.exposed[0].at_stake_t_per_year) == ("info", 0)


def test_exposure_by_hand(measure):
    # use 15 + 5 t; 18 t from China and 2 t from Japan; stock 2.5 - 0.5 t
    alert = only(watch(measure(**{"from": "2026-12-01"}), on=DAY), "measure")
    (gallium,) = alert.exposed
    assert gallium.use_t_per_year == 20
    assert gallium.imports_t_per_year == 20
    assert gallium.share_of_use == pytest.approx(0.9)
    assert gallium.cover_days == pytest.approx(365 * 2 / 20)
    assert gallium.status == "ok"


def test_unknown_exposure_is_no_data_and_not_zero(measure):
    study = measure(item="swarf", **{"from": "2026-12-01"})
    study = study.with_tables(stocks=study.table("stocks").clear())
    (swarf,) = only(watch(study, on=DAY), "measure").exposed
    assert swarf.at_stake_t_per_year is None  # no lane of swarf anywhere
    assert swarf.cover_days is None
    assert swarf.status == "no data"


def test_home_may_be_another_country(measure):
    study = measure(target="*", **{"from": "2026-12-01"}).with_settings(home="JPN")
    (gallium,) = only(watch(study, on=DAY), "measure").exposed
    assert gallium.at_stake_t_per_year == 22


# --- order and identity --------------------------------------------------------------


def test_order_is_level_then_date(bundled):
    ranks = [LEVELS.index(a.level) for a in bundled.alerts]
    assert ranks == sorted(ranks, reverse=True)
    ahead = [a.day for a in bundled.alerts if a.level == "warning" and a.day
             and a.day >= date(2026, 11, 22)]  # fmt: skip
    assert ahead == sorted(ahead)


def test_ids_are_unique_and_do_not_move_with_the_day(bundled):
    later = watch(ors.load_study("us-2026"), on="2026-11-25")
    assert len({a.id for a in bundled.alerts}) == len(bundled.alerts)
    assert bundled.alerts[0].id == later.alerts[0].id == "5dda580018c5"


def test_first_seen_comes_from_the_earlier_watch(measure):
    study = measure(**{"from": "2026-12-01"})
    first = only(watch(study, on="2026-11-20"), "measure")
    again = watch(study, on=DAY, seen={first.id: first.first_seen})
    assert only(again, "measure").first_seen == date(2026, 11, 20)


def test_alert_without_evidence_is_refused():
    with pytest.raises(ValueError, match="no evidence"):
        Alert("measure", "rule", "begins", "info", "what", (), (), None,
              date(2026, 1, 1), date(2026, 1, 1))  # fmt: skip


# --- prices and series ---------------------------------------------------------------


def price(item="gallium", **cells):
    return {"item": item, "market": "USA", "period": "2024", "kind": "outside",
            "basis": "contained"} | cells  # fmt: skip


@pytest.mark.parametrize(
    "now, level",
    [(200.0, None), (200.1, "warning"), (300.0, "alarm"), (50.0, None),
     (49.9, "warning")],
)  # fmt: skip
def test_price_band(quiet, now, level):
    prices = quiet.table("prices").filter(quiet.table("prices")["item"] != "gallium")
    rows = [price(usd_per_t=100.0), price(usd_per_t=now, period="2026-06")]
    rows += [price(market=m, usd_per_t=100.0) for m in ("CHN", "JPN", "AUS")]
    study = _with_prices(quiet, prices, rows)
    found = [a for a in of(watch(study, on=DAY), "price", "gallium")
             if a.event == "outside_band"]  # fmt: skip
    assert [a.level for a in found] == ([level] if level else [])


@pytest.mark.parametrize("use, level", [(True, "warning"), (False, "info")])
def test_price_of_what_home_does_not_import_is_less_pressing(quiet, use, level):
    prices = quiet.table("prices").filter(quiet.table("prices")["item"] != "gallium")
    rows = [price(usd_per_t=100.0), price(usd_per_t=300.0, period="2026-06")]
    rows += [price(market=m, usd_per_t=100.0) for m in ("CHN", "JPN", "AUS")]
    study = _with_prices(quiet, prices, rows)
    lanes, demands = study.table("lanes"), study.table("demands")
    abroad = (lanes["importer"] != "USA") | (lanes["item"] != "gallium")
    study = study.with_tables(lanes=lanes.filter(abroad))
    if not use:
        kept = (demands["country"] != "USA") | (demands["item"] != "gallium")
        none = study.table("requirements").clear()
        study = study.with_tables(demands=demands.filter(kept), requirements=none)
    alert = only(watch(study, on=DAY), "price", "gallium")
    assert (alert.event, alert.level) == ("outside_band", level)


def test_past_day_knows_no_mean_of_its_own_year(quiet):
    prices = quiet.table("prices").filter(quiet.table("prices")["item"] != "gallium")
    rows = [price(market=m, usd_per_t=100.0) for m in ("USA", "CHN", "JPN", "AUS")]
    rows.append(price(usd_per_t=900.0, period="2025"))
    study = _with_prices(quiet, prices, rows)
    assert of(watch(study, on="2025-12-31"), "price", "gallium") == []
    assert of(watch(study, on="2026-01-01"), "price", "gallium")


def test_old_quote_is_information_only(quiet):
    prices = quiet.table("prices").filter(quiet.table("prices")["item"] != "gallium")
    rows = [price(market=m, usd_per_t=100.0) for m in ("USA", "CHN", "JPN", "AUS")]
    rows.append(price(usd_per_t=900.0, period="2025-01"))
    alert = only(watch(_with_prices(quiet, prices, rows), on=DAY), "price", "gallium")
    assert alert.level == "info"
    assert "more than a year old" in alert.why[-1]


def _with_prices(study, kept, rows):
    import polars as pl

    extra = pl.DataFrame(
        [r | {"source_id": "invented", "evidence": "assumed"} for r in rows],
        infer_schema_length=None,
    )
    return study.with_tables(prices=pl.concat([kept, extra], how="diagonal_relaxed"))


def series(values, name="price/gallium/USA"):
    return [
        {"series": name, "date": f"2026-{month:02}-01", "value": float(value)}
        for month, value in enumerate(values, start=1)
    ]


@pytest.mark.parametrize(
    "values, jumps",
    [
        ([100, 150], False),  # exactly the step of 50 %
        ([100, 151], True),
        ([100, 49], True),
        ([0, 10], False),  # no share of nothing
        # mean 100, sd 2 (sum of squares 20 over 5): 106 is on the line, 107 is over
        ([98, 102, 98, 102, 98, 102, 107], True),
        ([98, 102, 98, 102, 98, 102, 106], False),
        ([98, 102, 107], False),  # too few to know a spread
        ([100] * 7, False),
    ],
)
def test_series_beyond_step_or_sigma(quiet, with_rows, values, jumps):
    found = watch(with_rows(quiet, observations=series(values)), on=DAY)
    assert bool(of(found, "observation")) == jumps


def test_observation_after_the_day_is_not_known(quiet, with_rows):
    study = with_rows(quiet, observations=series([100, 200]))
    assert of(watch(study, on="2026-01-31"), "observation") == []


# --- projects, agreements, scores ----------------------------------------------------


@pytest.mark.parametrize(
    "day, event, level",
    [
        ("2026-10-02", None, None),  # 91 days before the year is over
        ("2026-10-03", "start of building", "info"),
        ("2027-01-01", "start of building", "notice"),
        ("2027-12-31", "start of building", "notice"),
        ("2028-01-01", "first output", "notice"),  # 2026 + 1 is over
    ],
)
def test_late_project_in_australia(tiny, day, event, level):
    found = of(watch(tiny, on=day), "project", "aus_gallium_new")
    assert [(a.event, a.level) for a in found] == ([(event, level)] if event else [])


def test_building_project_is_late_only_with_its_output(tiny):
    # usa_magnets_new: under construction, 2026 + 2 years
    assert of(watch(tiny, on="2028-09-01"), "project", "usa_magnets_new") == []
    late = only(watch(tiny, on="2029-01-01"), "project", "usa_magnets_new")
    assert (late.event, late.level) == ("first output", "warning")


def test_agreements_begin_and_end(tiny):
    begins = only(watch(tiny, on=DAY), "agreement", "jpn_magnets_to_usa")
    assert begins.event == "begins"
    assert "no promise of tonnes" in begins.why[2]
    ends = only(watch(tiny, on="2028-12-31"), "agreement", "chn_gallium_to_usa")
    assert (ends.event, ends.level) == ("ends", "warning")
    over = only(watch(tiny, on="2029-01-01"), "agreement", "chn_gallium_to_usa")
    assert (over.event, over.level) == ("ended", "notice")


def test_scores_grow_old_after_a_year(tiny):
    # usa_separation_new was scored in 2025-11
    for day, level in (("2025-11-02", None), ("2026-10-31", "info"),
                       ("2026-11-01", "notice")):  # fmt: skip
        found = of(watch(tiny, on=day), "score", "usa_separation_new")
        assert [a.level for a in found] == ([level] if level else [])


# --- indicators ----------------------------------------------------------------------


def test_indicators_by_hand(tiny):
    rows = {
        r["indicator"]: r
        for r in watch(tiny, on=DAY).indicators.to_dicts()
        if r["item"] == "gallium"
    }
    # 90 t in China and 10 t in Japan of a stated 100 t; home makes none
    assert rows["hhi"]["value"] == pytest.approx(0.82)
    assert rows["top_share"]["value"] == pytest.approx(0.9)
    assert rows["top_share"]["top_country"] == "CHN"
    assert rows["import_reliance"]["value"] == 1
    # assumed rows: 30 % each. d top = s(1-s) relative, both errors: 0.3 * 0.09 * 2^.5
    noise = 2 * 0.3 * 0.09 * 2**0.5
    assert rows["top_share"]["low"] == pytest.approx(0.9 - noise)


def test_thresholds_are_arguments(tiny):
    strict = watch(tiny, on=DAY, lines=Lines(hhi=1, top_share=1, import_reliance=1))
    assert of(strict, "indicator") == []
    assert of(watch(tiny, on=DAY), "indicator", "gallium")


@pytest.mark.parametrize(
    "wrong",
    [
        {"hhi": 1.2},
        {"price_low": 3.0},
        {"price_alarm": 1.0},
        {"sigmas": 0.0},
        {"step": float("nan")},
    ],
)
def test_lines_that_say_nothing_are_refused(wrong):
    with pytest.raises(InputError, match=r"allowed (is|are)"):
        Lines(**wrong)


# --- arguments -----------------------------------------------------------------------


@pytest.mark.parametrize(
    "day, hint",
    [("22.11.2026", "YYYY-MM-DD"), ("2026-02-29", "28 days"), ("2026-13-01", "YYYY"),
     ("", "YYYY"), ("tomorrow", "YYYY"), ("2026-11-22T00:00", "YYYY")],
)  # fmt: skip
def test_wrong_day_is_refused(tiny, day, hint):
    with pytest.raises(InputError, match=hint):
        watch(tiny, on=day)


@pytest.mark.parametrize(
    "since, hint",
    [("2026-11-23", "after on"), ("no-such-study", "neither a date"),
     ("2026/01/01", "since"), ("2026-02-30", "28 days")],
)  # fmt: skip
def test_wrong_since_is_refused(tiny, since, hint):
    with pytest.raises(InputError, match=hint):
        watch(tiny, on=DAY, since=since)


def test_negative_days_are_refused(tiny):
    with pytest.raises(InputError, match="within_days"):
        watch(tiny, on=DAY, within_days=-1)


def test_plan_says_what_it_does(measure, plan_folder):
    study = measure(**{"from": "2026-12-01"})
    alert = only(watch(study, on=DAY, plan=plan_folder), "measure")
    assert alert.plan == (
        "buy 3 t of Gallium, 2027 to 2028, 61 days of what is at stake",
        "sign JPN gallium more for 3 t a year of Gallium from 2027",
        "support AUS gallium new with floor low, output from 2029",
    )
    other = only(watch(measure(item="magnet", **{"from": "2026-12-01"}), on=DAY,
                       plan=plan_folder), "measure")  # fmt: skip
    assert other.plan == ("nothing for it",)
    assert only(watch(study, on=DAY), "measure").plan is None


def test_folder_without_a_plan_is_refused(tiny, tmp_path):
    with pytest.raises(InputError, match=r"no plan\.json"):
        watch(tiny, on=DAY, plan=tmp_path)


def test_package_and_verb_share_a_name(tiny):
    import oreserve.watch as package

    assert callable(package)
    assert package(tiny, on=DAY).figures == ors.watch(tiny, on=DAY).figures
