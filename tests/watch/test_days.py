# SPDX-License-Identifier: Apache-2.0
"""Days at their edges: before as_of, far ahead, the last day that counts."""

from __future__ import annotations

import pytest

from oreserve.errors import InputError
from oreserve.watch import watch

DAY = "2026-11-22"


def events(found, *kinds):
    return [a.event for a in found.alerts if a.kind in kinds]


@pytest.mark.parametrize(
    "day, said",
    [(DAY, None), ("2026-11-21", "before the study's day"), ("2027-11-23", None),
     ("2027-11-24", "367 days before"), ("2199-12-31", "has happened since")],
)  # fmt: skip
def test_day_far_from_the_study_is_said(quiet, day, said):
    notes = watch(quiet, on=day).figures["warnings"]
    assert len(notes) == (said is not None)
    if said:
        assert said in notes[0]
        assert notes[0] in watch(quiet, on=day).summary()


@pytest.mark.parametrize(
    "day", ["0001-01-01", "1899-12-31", "2201-01-01", "9999-12-31", "2026-02-30",
            "26-11-22", "2026-11-31", "2026-00-10", "2026-1-1", "20261122"]
)  # fmt: skip
def test_day_that_is_none_or_out_of_reach_is_refused(tiny, day):
    with pytest.raises(InputError, match=r"on: '.*(allowed|days)"):
        watch(tiny, on=day)


@pytest.mark.parametrize("days", [-1, 36_501])
def test_days_ahead_have_bounds(tiny, days):
    with pytest.raises(InputError, match="allowed is 0 to 36500"):
        watch(tiny, on=DAY, within_days=days)
    assert watch(tiny, on="2200-12-31", within_days=36_500).alerts


@pytest.mark.parametrize(
    "cells, within, event",
    [
        # the last day that counts is `within` days ahead, today counts
        ({"from": "2026-12-02"}, 10, "begins"),
        ({"from": "2026-12-03"}, 10, None),
        ({"from": DAY}, 0, "begins"),
        ({"from": "2026-11-23"}, 0, None),
        ({"from": "2020-01-01", "until": "2026-12-02"}, 10, "expires"),
        ({"from": "2020-01-01", "until": "2026-12-03"}, 10, None),
        ({"status": "suspended", "from": "2026-12-02"}, 10, "returns"),
        ({"status": "suspended", "from": "2026-12-03"}, 10, None),
        ({"status": "suspended", "from": DAY}, 0, "returns"),
    ],
)
def test_last_day_that_counts(measure, cells, within, event):
    found = watch(measure(**cells), on=DAY, within_days=within)
    assert events(found, "measure") == ([event] if event else [])


@pytest.mark.parametrize(
    "until, within, event",
    [("2026-12-02", 10, "ends"), ("2026-12-03", 10, None), (DAY, 10, "ended"),
     ("2026-11-12", 10, "ended"), ("2026-11-11", 10, None), (DAY, 0, "ended")],
)  # fmt: skip
def test_last_day_of_an_agreement_that_counts(quiet, with_rows, until, within, event):
    study = with_rows(quiet, agreements=[
        {"agreement": "deal", "seller_country": "JPN", "buyer": "USA",
         "item": "gallium", "quantity_t_per_year": 1.0, "rung": "paid",
         "from": "2020-01-01", "until": until}
    ])  # fmt: skip
    found = watch(study, on=DAY, within_days=within)
    assert events(found, "agreement") == ([event] if event else [])


def test_measure_that_ends_on_the_day_it_begins_is_refused(measure):
    with pytest.raises(InputError, match="until is not after from"):
        measure(**{"from": "2026-12-01", "until": "2026-12-01"})


def test_measure_of_one_day(measure):
    study = measure(**{"from": "2026-12-01", "until": "2026-12-02"})
    states = {
        day: watch(study, on=day).measures["state"].to_list()
        for day in ("2026-11-30", "2026-12-01", "2026-12-02")
    }
    assert list(states.values()) == [["announced"], ["in_force"], ["past_until"]]
    assert events(watch(study, on="2026-11-30"), "measure") == ["begins", "expires"]
