# SPDX-License-Identifier: Apache-2.0
"""The tables drawn from the study: they use what reconciliation made of it."""

from __future__ import annotations

from pathlib import Path

import polars as pl

from oreserve.report._study_tables import _used, write_study_tables
from oreserve.study import load_study

SAMPLE = Path(__file__).parent / "sample"


def test_reconciled_rows_get_the_keys_of_the_base_year():
    assert _used(SAMPLE) == {
        ("plant", "chn_separation"): 2310.0,
        ("lane", "dysprosium_oxide CHN USA"): 140.0,
    }


def test_folder_without_reconciliation_leaves_raw_values(tmp_path):
    assert _used(tmp_path) == {}


def test_a_chain_is_drawn_with_reconciled_values(tmp_path):
    study = load_study("tiny")
    plants = study.table("plants").filter(pl.col("base_activity_t_per_year") > 0)
    folders = {}
    for factor in (1.0, 3.0):
        folder = folders[factor] = tmp_path / str(factor)
        folder.mkdir()
        plants.select(
            table=pl.lit("plants"),
            key="plant",
            used=factor * pl.col("base_activity_t_per_year"),
        ).write_csv(folder / "reconciliation.csv")
        write_study_tables(study, folder)
    output = {
        factor: pl.read_csv(folder / "chain.csv")
        .filter((pl.col("kind") == "output") & (pl.col("stage") == "mine"))["t"]
        .sum()
        for factor, folder in folders.items()
    }
    assert output[1.0] > 0
    assert abs(output[3.0] / output[1.0] - 3) < 1e-4
