# SPDX-License-Identifier: Apache-2.0
"""Where the tonnes of projects that are sold or fed by contract go."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING

import polars as pl
import pytest

from oreserve.market import simulate
from oreserve.study import load_study

if TYPE_CHECKING:
    from oreserve.market import Outcome
    from oreserve.study import Study

ITEM = "monazite_concentrate"


@pytest.fixture(scope="module")
def study() -> Study:
    return load_study("us-2026")


@pytest.fixture(scope="module")
def outcome(study: Study) -> Outcome:
    return simulate(study, periods=4)


def flows(outcome: Outcome, period: str, exporter: str) -> dict[str, float]:
    rows = outcome.flows.filter(
        (pl.col("period") == period)
        & (pl.col("item") == ITEM)
        & (pl.col("exporter") == exporter)
    )
    return dict(rows.select("importer", "flow_t").iter_rows())


def test_whole_output_sold_outside_is_a_rule_for_its_years(study: Study) -> None:
    row = study.table("measures").row(
        by_predicate=pl.col("measure") == "offtake_ngualla_shenghe", named=True
    )
    assert (row["kind"], row["actor"], row["item"]) == ("ban", "TZA", ITEM)
    assert (row["from"], row["until"]) == (date(2028, 1, 1), date(2035, 1, 1))
    assert row["evidence"] == "assumed"
    assert "offtake written as a rule on trade" in row["note"]


def test_only_contracts_with_outsiders_are_rules(study: Study) -> None:
    # Lofdal (Japan), Monte Alto (France) and 10X (home) stay within the allies.
    names = study.table("measures")["measure"].to_list()
    assert [n for n in names if n.startswith("offtake_")] == ["offtake_ngualla_shenghe"]


@pytest.mark.parametrize("period", ["2029-01", "2030-01"])
def test_ngualla_goes_to_china_alone(outcome: Outcome, period: str) -> None:
    sent = flows(outcome, period, "TZA")
    assert set(sent) == {"CHN"}
    assert sent["CHN"] > 12_000


def test_eneabba_is_fed_from_its_own_heap(study: Study, outcome: Outcome) -> None:
    heap = study.table("projects").row(
        by_predicate=pl.col("project") == "eneabba_stockpile", named=True
    )
    # 15,100 t of oxides over the recovery, less Kangankunde's 3,300 t.
    assert heap["capacity_t_per_year"] == pytest.approx(13_621, abs=1)
    assert (heap["process"], heap["evidence"]) == ("monazite_mining", "assumed")
    made = outcome.activity.filter(
        (pl.col("plant") == "eneabba") & (pl.col("period") == "2030-01")
    )["activity_t"].item()
    assert made > 0.9 * 3_300
