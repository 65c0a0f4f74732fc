# SPDX-License-Identifier: Apache-2.0
"""Licence caps agree with what the United States imported in 2025."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl
import pytest

sys.path.append(str(Path(__file__).parents[2]))

from studies.build.policy.licence_caps import NOT_SHORT_SHARE, OBSERVED

from oreserve.market import simulate
from oreserve.study import load_study

if TYPE_CHECKING:
    from oreserve.study import Study

ITEMS = {
    "china_antimony_licences": "antimony",
    "china_bismuth_licences": "bismuth",
    "china_indium_tellurium_molybdenum_licences": "indium",
    "china_rare_earth_licences": "lutetium_oxide",
    "china_tungsten_licences": "tungsten",
    "china_yttrium_licences": "yttrium_oxide",
    "south_africa_chromite_licences": "chromium",
}


@pytest.fixture(scope="module")
def study() -> Study:
    return load_study("us-2026")


@pytest.fixture(scope="module")
def short(study: Study) -> dict[str, float]:
    """Return the part of American use that goes short in two calm years."""
    rows = simulate(study, periods=2).shortfall.filter(pl.col("country") == "USA")
    sums = rows.group_by("item").agg(pl.col("wanted_t", "shortfall_t").sum())
    return {
        row["item"]: row["shortfall_t"] / row["wanted_t"] for row in sums.to_dicts()
    }


def test_every_observed_licence_has_a_measure_and_its_figures(study: Study) -> None:
    assert set(ITEMS) == set(OBSERVED)
    for name, seen in OBSERVED.items():
        row = study.table("measures").row(
            by_predicate=pl.col("measure") == name, named=True
        )
        assert row["cap_share"] == seen.cap_share
        assert (row["evidence"], row["source_id"]) == ("computed", "MCS26")
        assert "in 2024 and" in row["note"]


def test_yttrium_falls_as_imports_did(short: dict[str, float]) -> None:
    # MCS 2026: 457 t in 2024, 300 t in 2025.
    assert short["yttrium_oxide"] == pytest.approx(1 - 300 / 457, abs=0.02)


@pytest.mark.parametrize("name", sorted(n for n, s in OBSERVED.items() if not s.falls))
def test_no_calm_shortage_where_imports_did_not_fall(
    short: dict[str, float], name: str
) -> None:
    assert short[ITEMS[name]] < NOT_SHORT_SHARE


def test_an_untraced_cap_stays_assumed(study: Study) -> None:
    magnets = study.table("measures").row(
        by_predicate=pl.col("measure") == "china_magnet_licences", named=True
    )
    assert magnets["evidence"] == "assumed"
