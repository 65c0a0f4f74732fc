# SPDX-License-Identifier: Apache-2.0
"""Cells, units and places as publishers print them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from oreserve.importers import figure, place
from oreserve.importers._commodities import Good, item_of
from oreserve.importers._units import nearest_unit, published_unit


@pytest.mark.parametrize(
    "text, value, flag, low, high",
    [
        ("1,520", 1520.0, "reported", None, None),
        ("\u2212", 0.0, "zero", None, None),
        ("\u22128", -8.0, "reported", None, None),
        ("\u2014", 0.0, "zero", None, None),
        ("W", None, "withheld", None, None),
        ("NA", None, "not_available", None, None),
        ("", None, "not_available", None, None),
        ("\u2026", None, "not_available", None, None),
        ("#N/A", None, "not_available", None, None),
        ("XX", None, "not_applicable", None, None),
        ("E", None, "net_exporter", None, None),
        ("s", None, "under_half_unit", 0.0, 0.5),
        ("Less than \u00bd unit.", None, "under_half_unit", 0.0, 0.5),
        (">75", None, "greater_than", 75.0, None),
        ("<1,000", None, "less_than", None, 1000.0),
        ("Less than 50,000\u00a0tons", None, "less_than", None, 50000.0),
        ("330 - 390", None, "range", 330.0, 390.0),
        ("500\u201317,000", None, "range", 500.0, 17000.0),
        ("Large", None, "words", None, None),
        ("Variable, depending on size, type, and quality", None, "words", None, None),
        ("?10", None, "unreadable", None, None),
    ],
)
def test_a_cell_is_a_number_or_says_why_not(text, value, flag, low, high):
    read = figure(text)
    assert (read.value, read.flag, read.low, read.high) == (value, flag, low, high)


@given(st.floats(min_value=0, max_value=1e12, allow_nan=False))
def test_every_printed_number_is_read_back(number):
    assert figure(f"{number:,.3f}").value == pytest.approx(number, abs=1e-3)


@given(st.text(max_size=20))
def test_no_text_crashes_the_reader(text):
    assert figure(text).flag
    assert place(text).kind


@pytest.mark.parametrize(
    "text, code, kind",
    [
        ("ZAR", "COD", "country"), ("ROM", "ROU", "country"),
        ("TMP", "TLS", "country"), ("ADO", "AND", "country"),
        ("842", "USA", "country"), ("251", "FRA", "country"),
        ("699", "IND", "country"), ("757", "CHE", "country"),
        ("490", "TWN", "country"), ("840", "USA", "country"),
        ("Burma", "MMR", "country"), ("Congo (Kinshasa)", "COD", "country"),
        ("Congo (Brazzaville)", "COG", "country"), ("Turkey", "TUR", "country"),
        ("T\u00fcrkiye", "TUR", "country"),
        ("C\u00f4te d\u2019Ivoire", "CIV", "country"),
        ("Cote d'Ivoire", "CIV", "country"), ("Korea, Republic of", "KOR", "country"),
        ("Korea, North", "PRK", "country"), ("United\u00a0States", "USA", "country"),
        ("Canada (shipments)", "CAN", "country"), ("Russia ", "RUS", "country"),
        ("S19", "TWN", "country"), ("SUN", "SUN", "historic"),
        ("SCG", "SCG", "historic"), ("CSK", "CSK", "historic"),
        ("ANT", "ANT", "historic"), ("Netherlands Antilles", "ANT", "historic"),
        ("Serbia and Montenegro", "SCG", "historic"), ("USSR", "SUN", "historic"),
        ("530", "ANT", "historic"), ("891", "SCG", "historic"),
        ("200", "CSK", "historic"), ("278", "DDR", "historic"),
        ("890", "YUG", "historic"), ("Germany, East", "DDR", "historic"),
        ("579", "NOR", "country"), ("WBG", "PSE", "country"),
        ("Turkiye", "TUR", "country"), ("Lao P.D.R.", "LAO", "country"),
        ("united states", "USA", "country"), ("usa", "USA", "country"),
        ("842.0", "USA", "country"), ("United States of America", "USA", "country"),
        ("USA, Puerto Rico and US Virgin Islands", "USA", "country"),
        ("Soviet Union", "SUN", "historic"), ("YUG", "YUG", "historic"),
        ("Czechoslovakia", "CSK", "historic"), ("DDR", "DDR", "historic"),
        ("810", "SUN", "historic"), ("280", "DEU-1990", "historic"),
        ("World total (rounded) 10", "WLD", "world"), ("W00", "WLD", "world"),
        ("Other countries (rounded)", "ROW", "other"), ("591", "PAN", "country"),
        ("United States and Canada", None, "group"), ("Areas, nes", None, "group"),
        ("Atlantis", None, "unknown"), ("Kosovo", "XKX", "unlisted"),
    ],
)  # fmt: skip
def test_a_place_is_what_its_publisher_means(text, code, kind):
    found = place(text)
    assert (found.code, found.kind) == (code, kind)


def test_historic_states_never_enter_the_tables_of_a_study():
    states = ("SUN", "YUG", "CSK", "DDR", "SCG", "ANT", "WLD")
    assert not any(place(t).fits_study for t in states)


def test_text_that_was_decoded_twice_is_no_country_but_names_its_nearest():
    twice = "T\u00fcrkiye".encode().decode("cp1252")
    assert (place(twice).code, place(twice).nearest) == (None, "TUR")


def test_a_misspelt_country_is_not_mapped_but_its_nearest_is_named():
    assert place("Zimbabwee").code is None
    assert place("Zimbabwee").nearest == "ZWE"


def test_units_come_from_a_closed_table():
    assert published_unit("thousand metric dry tons") == ("t", 1000.0)
    assert published_unit("kt") == ("t", 1000.0)  # never a knot
    assert published_unit("($/mt)") == ("USD/t", 1.0)
    # 1 cent per pound = 0.01 x 2204.6226 USD/t
    assert published_unit("cents per pound") == ("USD/t", pytest.approx(22.046226))
    assert published_unit("million carats") is None
    # A troy ounce is 31.1034768 g: a tonne of gold at 1 USD is 32,151 USD.
    assert published_unit("troy_oz") == ("t", pytest.approx(31.1034768e-6))
    assert published_unit("$/troy oz") == ("USD/t", pytest.approx(1e6 / 31.1034768))
    assert nearest_unit("kilogramms") == "kilograms"


def test_gross_weight_never_meets_a_contained_basis(study):
    match = item_of(study, Good("chromium", "mine", "gross"))
    assert match.item is None
    assert "basis gross against contained Cr" in match.reason
    assert item_of(study, Good("cobalt", "mine", "Co")).item == "cobalt_ore"


def test_a_stage_never_meets_another_stage(study):
    match = item_of(study, Good("copper", "smelt", "metal"))
    assert match.item is None
    assert match.reason.startswith("stage smelt")
    assert item_of(study, Good("copper", "refine", "metal")).item == "copper"
