# SPDX-License-Identifier: Apache-2.0
"""The benchmarks of exposure compute what they claim; no time is asserted."""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import polars as pl
import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def exposure(monkeypatch):
    """Import the benchmark; the root of the repository is not on the path."""
    monkeypatch.syspath_prepend(str(ROOT))
    import benchmarks.exposure

    return benchmarks.exposure


def test_score_of_a_bloc_by_hand(exposure):
    trade = pl.DataFrame(
        [
            (2022, "260900", "PER", "DEU", 600.0, 60.0),
            (2022, "260900", "BOL", "FRA", 200.0, 20.0),
            (2022, "260900", "FRA", "DEU", 999.0, 99.0),  # within the bloc
            (2022, "260300", "PER", "DEU", 999.0, 99.0),  # another good
        ],
        schema=["year", "hs6", "exporter", "importer", "kusd", "t"],
        orient="row",
    )
    made = {("Tin", 2022): {"PER": 80.0, "FRA": 20.0}}
    # g = (2.5 - x) / 5: 0.5 and 0.25
    stability = {(2022, "PER"): 0.0, (2022, "BOL"): 1.25, (2022, "FRA"): 2.5}
    found = exposure.score(
        trade, made, stability, goods={"Tin": ("260900",)},
        units={"BLOC": ["DEU", "FRA"], "USA": ["USA"]}, years=[2022],
    )  # fmt: skip
    # HHI 0.8^2 + 0.2^2; (0.5 x 60 + 0.25 x 20) / (60 + 20 + own 20)
    assert found["score"][0, 0, 0] == pytest.approx(0.68 * 0.35)
    assert np.isnan(found["score"][0, 0, 1])
    assert found["status"][0, 0].tolist() == ["ok", "no_data"]
    assert found["largest_share"][0, 0, 0] == pytest.approx(99 / 179)


def test_production_reads_names_units_and_missing(exposure, tmp_path):
    (tmp_path / "BGS_x_production.csv").write_text(
        "country_trans,bgs_commodity_trans,bgs_sub_commodity_trans,units,year,quantity\n"
        "Turkey,pgm,Platinum,kilograms (metal content),2022-01-01 00:00:00,5000\n"
        "Russia,pgm,Platinum,kilograms (metal content),2022-01-01 00:00:00,\n"
        "Canada,pgm,Palladium,kilograms (metal content),2022-01-01 00:00:00,7\n"
        "Canada,pgm,Platinum,kilograms (metal content),1999-01-01 00:00:00,7\n",
        encoding="utf-8",
    )
    made = {}
    wanted = ("x", "pgm", "Platinum")
    exposure._read_bgs(tmp_path, "Platinum", wanted, [2022], made)
    assert made == {("Platinum", 2022): {"TUR": 5.0}}


@pytest.mark.parametrize(
    "task, variable",
    [("cells", "ORESERVE_RAW"), ("peer", "ORESERVE_GEOPOLRISK_PYTHON")],
)
def test_skips_with_a_message(exposure, task, variable, monkeypatch, tmp_path):
    monkeypatch.setenv(variable, str(tmp_path / "none"))
    monkeypatch.setattr(sys, "argv", ["exposure", task])
    with pytest.raises(SystemExit, match=f"skipped: .*{variable}"):
        exposure.main()


def test_every_bench_names_a_module(exposure):
    from benchmarks.registry import BENCHES

    runs = [run for bench in BENCHES for run in bench.runs]
    assert all(importlib.util.find_spec(run.module) for run in runs)
    names = [bench.name for bench in BENCHES]
    assert len(set(names)) == len(names)


def test_stream_counts_its_rows():
    command = [sys.executable, "-m", "benchmarks.importers", "--rows", "3000"]
    done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=ROOT)
    assert json.loads(done.stdout)["rows"] == 3000
