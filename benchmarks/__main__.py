# SPDX-License-Identifier: Apache-2.0
"""Run the benchmarks: each program in its own process, rivals in the same run.

    python -m benchmarks                          all of them, once
    python -m benchmarks stress plan              some of them
    python -m benchmarks two-stage --sizes 2,10   some sizes
    python -m benchmarks --repeat 3               medians of three
    python -m benchmarks --toy                    as the tests do, in a minute or two
    python -m benchmarks --list                   names and sizes
    python -m benchmarks --table docs/benchmarks.md --keep    only write the table

Rivals run by the interpreter given with `--rivals`, else by `$ORESERVE_RIVALS`,
else by the one that runs this. Results are kept in out/benchmarks.json, newest of
each size; the table is written from there. Times on a busy machine mean little;
ratios within one run mean more.
"""

from __future__ import annotations

import argparse
import datetime as dt
import json
import os
import platform
import sys
from pathlib import Path
from typing import Any

from benchmarks.compare import summarise, verdict
from benchmarks.registry import BENCHES
from benchmarks.table import write_table

TARGET = Path("out/benchmarks.json")
LIMIT_S = 600.0
RIVALS = "ORESERVE_RIVALS"


def machine() -> str:
    """Say what the figures were measured on."""
    model = platform.machine()
    info = Path("/proc/cpuinfo")
    if info.exists():
        for line in info.read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                model = line.partition(":")[2].strip()
                break
    return f"{os.cpu_count()} cores of {model}, Python {platform.python_version()}"


def kept_results(path: Path) -> list[dict[str, Any]]:
    """Read what was measured before; nothing if there is none."""
    if not path.exists():
        return []
    found: list[dict[str, Any]] = json.loads(path.read_text("utf-8"))["results"]
    return found


def merge(old: list[dict[str, Any]], new: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Let newer results replace older ones of the same size, in registry order."""
    order = {
        (bench.name, size.label): (k, s)
        for k, bench in enumerate(BENCHES)
        for s, size in enumerate(bench.sizes)
    }
    entries = {(entry["name"], entry["size"]): entry for entry in [*old, *new]}
    kept = []
    for key in sorted(entries.keys() & order.keys(), key=order.__getitem__):
        bench = BENCHES[order[key][0]]
        # Targets and words may have changed since it was measured.
        said = verdict(bench, bench.sizes[order[key][1]], entries[key]["runs"])
        kept.append(
            entries[key] | {
                "about": bench.about, "shows": list(bench.shows), "verdict": said
            }
        )  # fmt: skip
    return kept


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks")
    parser.add_argument("names", nargs="*", metavar="NAME")
    parser.add_argument("--sizes", help="labels as 2,10,10000; default: all")
    parser.add_argument("--only", help="programs, with commas; default: all")
    parser.add_argument("--repeat", type=int, default=1)
    parser.add_argument(
        "--limit", type=float, default=LIMIT_S, help="processor seconds of a run"
    )
    parser.add_argument("--rivals", default=os.environ.get(RIVALS, sys.executable))
    parser.add_argument("--out", type=Path, default=TARGET)
    parser.add_argument("--table", type=Path, help="page whose table is written")
    parser.add_argument("--keep", action="store_true", help="measure nothing")
    parser.add_argument("--toy", action="store_true", help="smallest sizes, not kept")
    parser.add_argument("--list", action="store_true")
    return parser.parse_args()


def main() -> int:
    """Run what was asked for, print it, and keep it as JSON."""
    asked = parse()
    known = [bench.name for bench in BENCHES]
    unknown = sorted(set(asked.names) - set(known))
    if unknown:
        sys.stderr.write(f"unknown: {', '.join(unknown)}; there are {known}\n")
        return 2
    if asked.list:
        for bench in BENCHES:
            sizes = ", ".join(size.label for size in bench.sizes)
            print(f"{bench.name:18} {bench.about} [{bench.axis}: {sizes}]")
        return 0
    results: list[dict[str, Any]] = []
    if not asked.keep:
        print(f"{machine()}; load {os.getloadavg()[0]:.1f}")
        results = measure(asked)
    failed = any(
        row["state"] == "failed" for r in results for row in r["runs"].values()
    )
    if asked.toy:
        return int(failed)
    asked.out.parent.mkdir(parents=True, exist_ok=True)
    results = merge(kept_results(asked.out), results)
    text = json.dumps({"results": results}, indent=1)
    asked.out.write_text(text + "\n", encoding="utf-8")
    print(f"\n{asked.out}")
    if asked.table:
        write_table(asked.table, results)
        print(asked.table)
    return int(failed)


def measure(asked: argparse.Namespace) -> list[dict[str, Any]]:
    """Run the benches that were asked for, size by size, and print them."""
    results = []
    wanted = set(asked.sizes.split(",")) if asked.sizes else None
    only = set(asked.only.split(",")) if asked.only else None
    for bench in BENCHES:
        if asked.names and bench.name not in asked.names:
            continue
        print(f"\n{bench.name}: {bench.about}")
        given_up: dict[str, str] = {}
        for size in (bench.toy,) if asked.toy else bench.sizes:
            if wanted and size.label.replace(",", "") not in wanted:
                continue
            load = os.getloadavg()[0]
            entry = summarise(
                bench, size, rivals=asked.rivals, limit_s=asked.limit,
                repeat=max(1, asked.repeat), given_up=given_up, only=only,
                targets=not asked.toy,
            )  # fmt: skip
            now = dt.datetime.now(tz=dt.UTC)
            entry |= {"machine": machine(), "date": f"{now:%Y-%m-%d}", "load": load}
            results.append(entry)
            show(entry)
    return results


def show(entry: dict[str, Any]) -> None:
    """Print a size's runs and what follows from them."""
    print(f"  {entry['axis']} {entry['size']}".rstrip())
    for name, row in entry["runs"].items():
        if row["state"] == "done":
            found = ", ".join(f"{k} {row[k]}" for k in entry["shows"] if k in row)
            figures = f"{row['seconds']:9.3f} s {row['peak_mb']:7.0f} MB  {found}"
        else:
            figures = f"{row['state']}: {row['why']}"
        print(f"    {name:16} {figures}", flush=True)
    for line in entry["verdict"]:
        print(f"    {line}", flush=True)


if __name__ == "__main__":
    raise SystemExit(main())
