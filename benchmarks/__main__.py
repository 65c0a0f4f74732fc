# SPDX-License-Identifier: Apache-2.0
"""Run the benchmarks: each program in its own process, rivals in the same run.

    python -m benchmarks                 all of them, once
    python -m benchmarks stress plan     some of them
    python -m benchmarks --repeat 3      medians of three

Times on a busy machine mean little; ratios within one run mean more.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
from pathlib import Path
from typing import Any

from benchmarks.registry import BENCHES, Bench, Run

TARGET = Path("out/benchmarks.json")
LIMIT_SECONDS = 1800


def measure(run: Run, repeat: int) -> list[dict[str, Any]]:
    """Run a program `repeat` times; each result is its last line of JSON."""
    env = os.environ | {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    results = []
    for _ in range(repeat):
        command = [sys.executable, "-m", run.module, *run.arguments]
        done = subprocess.run(
            command, capture_output=True, text=True, env=env, timeout=LIMIT_SECONDS,
            check=False,
        )  # fmt: skip
        if done.returncode != 0:
            last = (done.stderr.strip().splitlines() or ["no message"])[-1]
            results.append({"error": last})
            break
        results.append(json.loads(done.stdout.strip().splitlines()[-1]))
    return results


def summarise(bench: Bench, repeat: int) -> dict[str, Any]:
    """Measure a bench and say what it reached."""
    rows: dict[str, dict[str, Any]] = {}
    for run in bench.runs:
        results = measure(run, repeat)
        if "error" in results[-1]:
            rows[run.name] = results[-1]
            continue
        times = [sum(r[k] for k in bench.seconds) for r in results]
        rows[run.name] = {
            "seconds": statistics.median(times),
            "peak_mb": statistics.median(r["peak_mb"] for r in results),
            **{k: v for k, v in results[-1].items() if k != "peak_mb"},
        }
    return {"name": bench.name, "about": bench.about, "runs": rows,
            "verdict": verdict(bench, rows)}  # fmt: skip


def verdict(bench: Bench, rows: dict[str, dict[str, Any]]) -> list[str]:
    """Compare ours with the rivals and with the absolute limits."""
    ours = rows[bench.runs[0].name]
    if "error" in ours:
        return [f"ours failed: {ours['error']}"]
    lines = []
    for limit, key, unit in (
        (bench.most_seconds, "seconds", "s"),
        (bench.most_mb, "peak_mb", "MB"),
    ):
        if limit:
            word = "reached" if ours[key] <= limit else "MISSED"
            lines.append(f"{ours[key]:.3g} {unit} of at most {limit:g}: {word}")
    for run in bench.runs[1:]:
        rival = rows[run.name]
        if "error" in rival:
            lines.append(f"{run.name} failed: {rival['error']}")
            continue
        for least, key, adjective in (
            (bench.faster, "seconds", "faster"),
            (bench.leaner, "peak_mb", "leaner"),
        ):
            ratio = rival[key] / ours[key]
            reach = ""
            if least:
                word = "reached" if ratio >= least else "MISSED"
                reach = f" (at least {least:g}: {word})"
            lines.append(f"{ratio:.1f} times {adjective} than {run.name}{reach}")
        if "objective" in ours and "objective" in rival:
            apart = abs(ours["objective"] - rival["objective"])
            share = apart / max(1.0, abs(rival["objective"]))
            lines.append(f"objectives {share:.1e} apart")
    return lines


def main() -> int:
    """Run what was asked for, print it, and keep it as JSON."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks")
    parser.add_argument("names", nargs="*", metavar="NAME")
    parser.add_argument("--repeat", type=int, default=1)
    asked = parser.parse_args()
    known = [bench.name for bench in BENCHES]
    unknown = sorted(set(asked.names) - set(known))
    if unknown:
        sys.stderr.write(f"unknown: {', '.join(unknown)}; there are {known}\n")
        return 2
    machine = f"{platform.machine()}, {os.cpu_count()} cores, {platform.platform()}"
    print(f"{machine}; load {os.getloadavg()[0]:.1f}")
    results = []
    for bench in BENCHES:
        if asked.names and bench.name not in asked.names:
            continue
        result = summarise(bench, max(1, asked.repeat))
        results.append(result)
        print(f"\n{bench.name}: {bench.about}")
        for name, row in result["runs"].items():
            if "error" not in row:
                print(f"  {name:10} {row['seconds']:8.3f} s {row['peak_mb']:8.0f} MB")
        for line in result["verdict"]:
            print(f"  {line}")
    TARGET.parent.mkdir(parents=True, exist_ok=True)
    text = json.dumps({"machine": machine, "results": results}, indent=2)
    TARGET.write_text(text + "\n", encoding="utf-8")
    print(f"\n{TARGET}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
