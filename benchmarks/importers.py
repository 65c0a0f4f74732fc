# SPDX-License-Identifier: Apache-2.0
"""Stream a synthetic BACI year set in bounded memory; rows per second.

    python -m benchmarks.importers                       3 million rows
    python -m benchmarks.importers --rows 200000000      the size of all of BACI
    python -m benchmarks.importers --years 1995-2024

Files are written one year at a time, in the layout of the publisher (quantities
quoted and padded, some NA), read and removed again; nothing of them is real.
"""

from __future__ import annotations

import argparse
import json
import resource
import tempfile
import time
from pathlib import Path

import numpy as np
import polars as pl

CHUNK = 500_000
COUNTRIES = 230
CODES = 5_000


def write_year(path: Path, year: int, rows: int, rng: np.random.Generator) -> None:
    """Write one yearly file in chunks, so that writing is bounded too."""
    with path.open("wb") as out:
        out.write(b'"t","i","j","k","v","q"\n')
        for start in range(0, rows, CHUNK):
            n = min(CHUNK, rows - start)
            kusd = rng.lognormal(3, 2, n).round(3)
            tonnes = (kusd * rng.lognormal(0, 1, n)).round(3)
            frame = pl.DataFrame(
                {
                    "t": np.full(n, year),
                    "i": rng.integers(1, COUNTRIES, n) * 4,
                    "j": rng.integers(1, COUNTRIES, n) * 4,
                    "k": rng.integers(0, CODES, n) * 199 + 10_000,
                    "v": kusd,
                    "q": tonnes,
                }
            ).with_columns(
                pl.col("k").cast(pl.String).str.zfill(6),
                pl.when(pl.int_range(n) % 20 == 0)
                .then(pl.lit("NA"))
                .otherwise(pl.col("q").cast(pl.String).str.pad_start(13))
                .alias("q"),
            )
            frame.write_csv(out, include_header=False, quote_style="non_numeric")


def read_year(path: Path) -> pl.DataFrame:
    """Sum one year by code and pair, streamed; as the importer and indicators do."""
    from oreserve.importers.baci import scan_baci

    wanted = [f"{c * 199 + 10_000:06d}" for c in range(0, CODES, 80)]
    return (
        scan_baci([path])
        .filter(pl.col("hs6").is_in(wanted))
        .group_by("year", "hs6", "exporter", "importer")
        .agg(pl.col("t").sum(), pl.col("kusd").sum(), pl.len())
        .collect(engine="streaming")
    )


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--rows", type=int, default=3_000_000)
    parser.add_argument("--years", default="2022-2024")
    arguments = parser.parse_args()
    first, last = (int(y) for y in arguments.years.split("-"))
    years = range(first, last + 1)
    each = arguments.rows // len(years)
    rng = np.random.default_rng(0)
    seconds, kept = 0.0, 0
    with tempfile.TemporaryDirectory() as folder:
        for year in years:
            path = Path(folder) / f"BACI_HS92_Y{year}_V202601.csv"
            write_year(path, year, each, rng)
            start = time.perf_counter()
            kept += read_year(path).height
            seconds += time.perf_counter() - start
            path.unlink()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    rows = each * len(years)
    print(
        json.dumps(
            {
                "rows": rows,
                "seconds": round(seconds, 3),
                "rows_per_second": round(rows / seconds),
                "pairs": kept,
                "peak_mb": round(peak, 1),
            }
        )
    )


if __name__ == "__main__":
    main()
