# SPDX-License-Identifier: Apache-2.0
"""The declared facts: column specs, settings, units, countries."""

from __future__ import annotations

from dataclasses import fields

import polars as pl
import pytest

from oreserve.study import Settings
from oreserve.tables import (
    TABLES,
    country_code,
    country_names,
    elements,
    empty,
    nearest,
    nearest_country,
    setting_specs,
    spec,
    units,
)


@pytest.mark.parametrize("table", TABLES)
def test_every_table_has_a_needed_key_and_described_columns(table: str) -> None:
    table_spec = spec(table)
    assert table_spec.key
    assert all(c.required for c in table_spec.columns if c.key)
    assert all(c.description for c in table_spec.columns)
    assert len(set(table_spec.names)) == len(table_spec.names)


@pytest.mark.parametrize("table", sorted(set(TABLES) - {"settings", "sources"}))
def test_every_row_of_fact_names_source_and_evidence(table: str) -> None:
    source = spec(table).column("source_id")
    evidence = spec(table).column("evidence")
    assert source is not None
    assert source.required
    assert source.references == ("sources.source_id",)
    assert evidence is not None
    assert evidence.allowed == (
        "read",
        "secondary",
        "computed",
        "estimated",
        "assumed",
    )


@pytest.mark.parametrize("table", TABLES)
def test_references_name_columns_that_exist(table: str) -> None:
    for column in spec(table).columns:
        for reference in column.references:
            other, dot, name = reference.partition(".")
            if dot:
                assert spec(other).column(name) is not None, reference


@pytest.mark.parametrize("table", TABLES)
def test_units_of_columns_are_canonical(table: str) -> None:
    canonical = {to for to, _ in units().values()}
    for column in spec(table).columns:
        assert not column.unit or column.unit in canonical, column.name


def test_canonical_units_have_factor_one() -> None:
    for canonical in {to for to, _ in units().values()}:
        assert units()[canonical] == (canonical, 1.0)


def test_a_pound_price_converts_as_its_mass_does() -> None:
    # 1 USD/lb = 1 / 0.00045359237 USD/t
    assert units()["USD/lb"][1] * units()["lb"][1] == pytest.approx(1, abs=1e-12)
    assert units()["USD/troy_oz"][1] * units()["troy_oz"][1] == pytest.approx(1)


def test_required_tables_are_those_of_the_design() -> None:
    required = {name for name in TABLES if spec(name).required}
    assert required == {
        "settings",
        "countries",
        "items",
        "processes",
        "recipes",
        "plants",
        "demands",
        "sources",
    }


def test_settings_file_and_class_agree_on_names_and_defaults() -> None:
    assert list(setting_specs()) == [f.name for f in fields(Settings)]
    defaults = {name: one.default for name, one in setting_specs().items()}
    assert Settings().changed(**defaults) == Settings()


def test_empty_table_has_the_types_of_the_spec() -> None:
    frame = empty("lanes")
    assert frame.height == 0
    assert frame.schema["base_t_per_year"] == pl.Float64
    assert empty("measures").schema["from"] == pl.Date
    assert empty("plants").schema["first_year"] == pl.Int64


def test_unknown_table_names_the_nearest() -> None:
    with pytest.raises(KeyError, match="plants"):
        spec("plnats")


def test_score_columns_are_a_family() -> None:
    column = spec("projects").column("water_score")
    assert column is not None
    assert (column.minimum, column.maximum) == (0, 1)
    assert spec("projects").column("_score") is None


@pytest.mark.parametrize(
    "name,allowed,expected",
    [
        ("galium", ["gallium", "germanium"], "gallium"),
        ("Capacity t per year", ["capacity_t_per_year"], "capacity_t_per_year"),
        ("zzz", ["gallium"], None),
        ("abc", [], None),
    ],
)
def test_nearest(name: str, allowed: list[str], expected: str | None) -> None:
    assert nearest(name, allowed) == expected


def test_nearest_does_not_depend_on_the_order_of_names() -> None:
    names = ["aaab", "aaac", "aaad"]
    assert nearest("aaa", names) == nearest("aaa", reversed(names))


@pytest.mark.parametrize(
    "name,code",
    [("DRC", "COD"), ("south korea", "KOR"), ("Burma", "MMR"), ("UK", "GBR")],
)
def test_aliases_lead_to_codes(name: str, code: str) -> None:
    assert country_code(name) == code


def test_misspelt_country_leads_to_its_code() -> None:
    assert nearest_country("Austrlia") == "AUS"
    assert nearest_country("Germny") == "DEU"


def test_countries_are_iso_codes_and_row() -> None:
    codes = country_names()
    assert "ROW" in codes
    assert len(codes) > 240
    assert all(len(code) == 3 and code.isupper() for code in codes)


def test_elements_hold_the_lanthanides() -> None:
    assert elements()["Dy"] == "dysprosium"
    assert len(elements()) == 92
