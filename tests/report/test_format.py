# SPDX-License-Identifier: Apache-2.0
"""Numbers and names as a reader sees them."""

from __future__ import annotations

import math

import pytest

from oreserve.report import _format as fmt


def plain(text: str) -> str:
    return text.replace(fmt.THIN, " ").replace(fmt.SPACE, " ")


@pytest.mark.parametrize(
    "value, text",
    [
        (12e9, "12 billion USD"),
        (999.96e6, "1 billion USD"),  # rounds up, so it takes the larger unit
        (7.432e9, "7.43 billion USD"),
        (41e6, "41 million USD"),
        (1234.0, "1 230 USD"),
        (0.0, "0 USD"),
        (0.2, "0 USD"),
        (-2.5e9, "−2.5 billion USD"),
        (None, "no data"),
        (math.nan, "no data"),
    ],
)
def test_money_takes_the_unit_that_reads_best(value, text):
    assert plain(fmt.money(value)) == text


@pytest.mark.parametrize(
    "value, text",
    [(1.0, "100 %"), (0.874, "87 %"), (0.0504, "5.0 %"), (0.0004, "< 0.1 %"),
     (0.0, "0 %"), (None, "no data")],
)  # fmt: skip
def test_share_never_rounds_a_trace_to_nothing(value, text):
    assert plain(fmt.share(value)) == text


@pytest.mark.parametrize(
    "name, text",
    [("ndpr_oxide", "NdPr oxide"), ("natural_graphite", "Natural graphite"),
     ("ndfeb_magnet", "NdFeB magnet"), ("", ""), (None, "")],
)  # fmt: skip
def test_item_names_are_for_people(name, text):
    assert fmt.item_name(name) == text


def test_unknown_country_keeps_its_code():
    assert fmt.country_name("CHN") == "China"
    assert fmt.country_name("XYZ") == "XYZ"


def test_dates_are_written_out():
    assert fmt.date_text("2026-11-22") == "22 November 2026"
    assert fmt.date_text("soon") == "soon"
