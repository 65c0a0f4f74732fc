# SPDX-License-Identifier: Apache-2.0
"""GeoPolRisk from raw files, whole process timed; the peer in its own environment.

    python -m benchmarks.exposure cells    20 minerals x 7 units x 3 years
    python -m benchmarks.exposure all      every good x country x 1995-2024
    python -m benchmarks.exposure peer     the cells by geopolrisk-py
    python -m benchmarks.exposure peer --minerals Cobalt Tin --years 2022

Raw files are looked for in `$ORESERVE_RAW`, else in ../shared/data/raw. The peer
runs as a program of its own, by the interpreter `$ORESERVE_GEOPOLRISK_PYTHON` of
an environment where geopolrisk-py is installed; nothing of it is imported here.

Production and trade are taken as published, without conversion to one stage: this
measures the work, the scores are none to quote.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

    import polars as pl

ROOT = Path(__file__).resolve().parents[1]
PEER = "ORESERVE_GEOPOLRISK_PYTHON"
CELL_YEARS = (2021, 2022, 2023)
ALL_YEARS = tuple(range(1995, 2025))
EU = [
    "AUT", "BEL", "BGR", "CYP", "CZE", "DEU", "DNK", "ESP", "EST", "FIN", "FRA", "GRC",
    "HRV", "HUN", "IRL", "ITA", "LTU", "LUX", "LVA", "MLT", "NLD", "POL", "PRT", "ROU",
    "SVK", "SVN", "SWE",
]  # fmt: skip
UNITS = {
    "USA": ["USA"], "EU": EU, "DEU": ["DEU"], "JPN": ["JPN"], "KOR": ["KOR"],
    "GBR": ["GBR"], "CAN": ["CAN"],
}  # fmt: skip
# As the peer calls the same units.
PEER_UNITS = (
    "USA", "EU", "Germany", "Japan", "Rep. of Korea",
    "United Kingdom", "Canada",
)  # fmt: skip
# Mineral: trade codes (HS 1992).
CODES = {
    "Antimony": ("261710",),
    "Beryllium": ("811211",),
    "Bismuth": ("810600",),
    "Cobalt": ("810510",),
    "Copper": ("260300",),
    "Fluorspar": ("252922",),
    "Germanium": ("811230",),
    "Graphite": ("250410", "250490"),
    "Lithium": ("282520", "283691"),
    "Manganese": ("260200",),
    "Nickel": ("260400",),
    "Niobium": ("720293",),
    "Platinum": ("711011",),
    "Rare earth": ("284610", "284690"),
    "Tantalum": ("810310",),
    "Tin": ("260900",),
    "Titanium": ("261400",),
    "Tungsten": ("261100",),
    "Vanadium": ("720292",),
    "Zinc": ("260800",),
}
# Mineral: group of files, commodity, and what a sub-commodity must contain.
BGS = {
    "Antimony": ("antimony", "antimony, mine", ""),
    "Cobalt": ("cobalt", "cobalt, refined", ""),
    "Copper": ("copper", "copper, mine", ""),
    "Germanium": ("germanium", "germanium metal", ""),
    "Graphite": ("graphite", "graphite", ""),
    "Lithium": ("lithium", "lithium minerals", "Li content"),
    "Manganese": ("manganese", "manganese ore", ""),
    "Nickel": ("nickel", "nickel, mine", ""),
    "Niobium": ("ferroalloys", "ferro-alloys", "Ferro-niobium"),
    "Platinum": ("platinum", "platinum group metals, mine", "Platinum"),
    "Rare earth": ("REs", "rare earth oxides", ""),
    "Tungsten": ("tungsten", "tungsten, mine", ""),
    "Vanadium": ("ferroalloys", "ferro-alloys", "Ferro-vanadium"),
}
# Mineral: commodity and how its row type begins; this file has 2023 only.
USGS = {
    "Beryllium": ("Beryllium", "mine production"),
    "Bismuth": ("Bismuth", "refinery production"),
    "Fluorspar": ("Fluorspar", "mine production"),
    "Tantalum": ("Tantalum", "mine production"),
    "Tin": ("Tin", "mine production"),
    "Titanium": ("Titanium Mineral Concentrates", "mine production"),
    "Zinc": ("Zinc", "mine production"),
}
USGS_YEAR = 2023
TONNES = {"metric tons": 1.0, "thousand metric tons": 1000.0}

Made = dict[tuple[str, int], dict[str, float]]


def raw_folder() -> Path:
    """Return the folder of raw files, or end with a message where there is none."""
    folder = Path(os.environ.get("ORESERVE_RAW", ROOT.parent / "shared/data/raw"))
    if not (folder / "cepii-baci").is_dir():
        message = "skipped: no raw files; set ORESERVE_RAW to their folder"
        raise SystemExit(message)
    return folder


def read_production(folder: Path, years: Sequence[int]) -> Made:
    """Read production by mineral and year: tonnes by country."""
    made: Made = {}
    for mineral, wanted in BGS.items():
        _read_bgs(folder / "bgs-wms", mineral, wanted, years, made)
    if USGS_YEAR in years:
        _read_usgs(folder / "usgs-mcs/2025/MCS2025_World_Data.csv", made)
    return made


def _read_bgs(
    folder: Path, mineral: str, wanted: tuple[str, str, str], years: Sequence[int],
    made: Made,
) -> None:  # fmt: skip
    import polars as pl

    group, commodity, part = wanted
    path = next(folder.glob(f"BGS_{group}_production.csv*"))
    year = pl.col("year").str.slice(0, 4).cast(pl.Int32)
    rows = (
        pl.read_csv(
            path,
            columns=[
                "country_trans", "bgs_commodity_trans", "bgs_sub_commodity_trans",
                "units", "year", "quantity",
            ],
            infer_schema=False,
        )
        .filter(
            pl.col("bgs_commodity_trans") == commodity,
            pl.col("bgs_sub_commodity_trans").fill_null("").str.contains(part),
            year.is_in(list(years)),
        )
        .select(
            year,
            "country_trans",
            pl.col("quantity").cast(pl.Float64, strict=False)
            * pl.when(pl.col("units").str.starts_with("kilo"))
            .then(0.001)
            .otherwise(1.0),
        )
        .drop_nulls()
    )  # fmt: skip
    for number, name, tonnes in rows.iter_rows():
        _add(made, (mineral, number), name, tonnes)


def _read_usgs(path: Path, made: Made) -> None:
    import polars as pl

    rows = pl.read_csv(path, infer_schema=False).select(
        pl.col("COMMODITY").str.strip_chars(),
        "COUNTRY",
        pl.col("TYPE").str.to_lowercase().fill_null(""),
        pl.col("UNIT_MEAS").fill_null("metric tons"),
        pl.col("PROD_2023").cast(pl.Float64, strict=False),
    )
    minerals = {wanted: mineral for mineral, wanted in USGS.items()}
    for commodity, name, kind, unit, quantity in rows.drop_nulls().iter_rows():
        for (goods, begins), mineral in minerals.items():
            if commodity == goods and kind.startswith(begins):
                _add(made, (mineral, USGS_YEAR), name, quantity * TONNES[unit])


def _add(made: Made, key: tuple[str, int], name: str, tonnes: float) -> None:
    from oreserve.importers import place

    where = place(name)
    if where.kind == "world":
        return
    cells = made.setdefault(key, {})
    code = where.code or name
    cells[code] = cells.get(code, 0.0) + tonnes


def compute(task: str) -> dict[str, Any]:
    """Load and score; what the timed process does."""
    import polars as pl

    from oreserve.exposure import (
        read_history_governance,
        read_history_trade,
        trade_history,
    )

    folder = raw_folder()
    years = CELL_YEARS if task == "cells" else ALL_YEARS
    wanted = [c for codes in CODES.values() for c in codes]
    trade = read_history_trade(
        sorted((folder / "cepii-baci").glob("BACI_HS92_*.parquet")),
        years=years, codes=wanted if task == "cells" else None,
    )  # fmt: skip
    goods: dict[str, Sequence[str]] = dict(CODES)
    units: dict[str, Sequence[str]] = dict(UNITS)
    if task == "all":
        others = sorted(set(trade["hs6"].unique().to_list()) - set(wanted))
        goods |= {code: (code,) for code in others}
        units = {c: [c] for c in sorted(trade["importer"].unique().to_list())}
    scores = sorted((folder / "worldbank-wgi").glob("wgi_political_stability_*.csv"))
    result = trade_history(
        trade,
        read_history_governance(scores, years=years),
        production_frame(read_production(folder, years)),
        goods=goods,
        countries=units,
        years=years,
    )
    scored = result.with_columns(
        status=pl.when(pl.col("geopolrisk").is_null())
        .then(pl.lit("no_data"))
        .when(pl.col("geopolrisk_low") < pl.col("geopolrisk_high"))
        .then(pl.lit("partial"))
        .otherwise(pl.lit("ok"))
    )
    return {
        "cells": result.height,
        "goods": len(goods),
        "units": len(units),
        "years": len(years),
        "flows": trade.height,
        "with_import_shares": result["import_hhi"].count(),
        **dict(scored.group_by("status").len().sort("status").iter_rows()),
    }


def production_frame(made: Made) -> pl.DataFrame:
    """Return production as the public function takes it."""
    import polars as pl

    return pl.DataFrame(
        [(g, y, c, t) for (g, y), cells in made.items() for c, t in cells.items()],
        schema={"good": pl.String, "year": pl.Int64, "country": pl.String,
                "t": pl.Float64},
        orient="row",
    )  # fmt: skip


def timed(command: list[str], **options: Any) -> tuple[str, dict[str, float]]:
    """Run a process; wall time from start to end and its peak memory."""
    start = time.perf_counter()
    done = subprocess.run(
        command, capture_output=True, text=True, check=False, **options
    )  # fmt: skip
    seconds = time.perf_counter() - start
    if done.returncode != 0:
        last = (done.stderr.strip().splitlines() or ["no message"])[-1]
        raise SystemExit(last)
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return done.stdout, {
        "run_s": round(seconds, 3),
        "cpu_s": round(used.ru_utime + used.ru_stime, 3),
        "peak_mb": round(used.ru_maxrss / 1024, 1),
    }


# One call of the peer's public function on what stands in the arguments; then the
# rows of the workbook it wrote, for it ends at the first name that it cannot use.
PEER_PROGRAM = """
import json, sys
import pandas
from geopolrisk.assessment.main import gprs_calc
gprs_calc(*json.loads(sys.argv[1]))
print(len(pandas.read_excel("Documents/geopolrisk/output/results.xlsx")))
"""


def run_peer(minerals: Sequence[str], years: Sequence[int]) -> dict[str, Any]:
    """Time the peer in its own environment; it writes into a home that is removed."""
    python = os.environ.get(PEER, "")
    if not Path(python).is_file():
        message = f"skipped: set {PEER} to the python of an environment with it"
        raise SystemExit(message)
    arguments = json.dumps([list(years), list(PEER_UNITS), list(minerals)])
    with tempfile.TemporaryDirectory() as home:
        (Path(home) / "Documents").mkdir()
        env = {"PATH": os.environ["PATH"], "HOME": home, "OMP_NUM_THREADS": "1"}
        command = [python, "-c", PEER_PROGRAM, arguments]
        text, used = timed(command, env=env, cwd=home)
    cells = int(text.strip().splitlines()[-1])
    asked = len(years) * len(PEER_UNITS) * len(minerals)
    if cells != asked:
        message = f"the peer answered {cells} of {asked} cells"
        raise SystemExit(message)
    return {**used, "cells": cells, "seconds_per_cell": used["run_s"] / cells}


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("task", choices=("cells", "all", "peer"))
    parser.add_argument("--inside", action="store_true", help="without a clock")
    parser.add_argument("--minerals", nargs="+", default=list(CODES))
    parser.add_argument("--years", nargs="+", type=int, default=list(CELL_YEARS))
    asked = parser.parse_args()
    if asked.task == "peer":
        print(json.dumps(run_peer(asked.minerals, asked.years)))
    elif asked.inside:
        print(json.dumps(compute(asked.task)))
    else:
        raw_folder()
        command = [sys.executable, "-m", "benchmarks.exposure", asked.task, "--inside"]
        text, used = timed(command)
        print(json.dumps({**json.loads(text.strip().splitlines()[-1]), **used}))


if __name__ == "__main__":
    main()
