# SPDX-License-Identifier: Apache-2.0
"""The benchmarks of exposure compute what they claim; no time is asserted."""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
from pathlib import Path

import polars as pl
import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def exposure(monkeypatch):
    """Import the benchmark; the root of the repository is not on the path."""
    monkeypatch.syspath_prepend(str(ROOT))
    import benchmarks.exposure

    return benchmarks.exposure


def test_cells_from_files_by_hand(exposure, tmp_path, monkeypatch):
    baci, wgi = tmp_path / "cepii-baci", tmp_path / "worldbank-wgi"
    baci.mkdir()
    wgi.mkdir()
    pl.DataFrame(
        [
            (2022, 604, 276, "260900", 600.0, 60.0),
            (2022, 68, 276, "260900", 200.0, 20.0),
        ],
        schema=["t", "i", "j", "k", "v", "q"],
        orient="row",
    ).write_parquet(baci / "BACI_HS92_x.parquet")
    (wgi / "wgi_political_stability_x.csv").write_text(
        "country,code,year,estimate\nPeru,PER,2022,0\nBolivia,BOL,2022,1.25\n",
        encoding="utf-8",
    )
    monkeypatch.setenv("ORESERVE_RAW", str(tmp_path))
    made = {("Tin", 2022): {"PER": 80.0, "DEU": 20.0}}
    monkeypatch.setattr(exposure, "read_production", lambda *_: made)
    found = exposure.compute("cells")
    assert found["cells"] == 420
    # Germany alone and the EU; nobody else imports, no other good is made.
    assert (found["ok"], found["no_data"]) == (2, 418)
    assert found["with_import_shares"] == 2


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
