# SPDX-License-Identifier: Apache-2.0
"""Measure one size of a bench: ours and the rivals, and what follows from it."""

from __future__ import annotations

import statistics
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.measure import run_program

if TYPE_CHECKING:
    from benchmarks.registry import Bench, Run, Size

__all__ = ["summarise", "verdict"]


def summarise(
    bench: Bench,
    size: Size,
    *,
    rivals: str,
    limit_s: float,
    repeat: int = 1,
    given_up: dict[str, str] | None = None,
    only: set[str] | None = None,
    targets: bool = True,
) -> dict[str, Any]:
    """Run every program of a bench at one size.

    Parameters
    ----------
    rivals
        Interpreter of the programs that are not ours.
    limit_s
        Longest processor time of one run.
    repeat
        Runs of which medians are taken; found values are of the last.
    given_up
        Programs that ran out of time at a smaller size, and what they said; they
        are not tried again. It is added to.
    only
        Names of programs; None: all.
    targets
        Whether what should be reached is said; at toy size it means nothing.
    """
    given_up = {} if given_up is None else given_up
    rows: dict[str, dict[str, Any]] = {}
    with tempfile.TemporaryDirectory() as folder:
        values = size.values | {"path": str(Path(folder) / "problem.npz")}
        failure = _prepare(bench, values, limit_s)
        for run in bench.runs:
            if only and run.name not in only:
                continue
            if failure and run.uses("path"):
                rows[run.name] = _row("failed", failure)
            elif run.name in given_up:
                rows[run.name] = _row("not done", given_up[run.name])
            elif run.most is not None and size.number > run.most:
                why = f"not tried above {run.most:g}"
                rows[run.name] = _row("not done", why)
            else:
                known = _objective(bench, rows)
                values["optimum"] = "nan" if known is None else repr(known)
                rows[run.name] = _measure(bench, run, values, rivals, limit_s, repeat)
                if rows[run.name]["state"] == "not done":
                    why = f"not tried: {rows[run.name]['why']} at {size.label}"
                    given_up[run.name] = why
    _check_objectives(bench, rows)
    return {
        "name": bench.name,
        "about": bench.about,
        "axis": bench.axis,
        "size": size.label,
        "shows": list(bench.shows),
        "repeat": repeat,
        "runs": rows,
        "verdict": verdict(bench, size, rows) if targets else [],
    }


def _objective(bench: Bench, rows: dict[str, dict[str, Any]]) -> float | None:
    """Return the objective of the reference, else of the first that has one."""
    first = rows.get(bench.reference, {})
    found = [row.get("objective") for row in (first, *rows.values())]
    return next((value for value in found if value is not None), None)


def _row(state: str, why: str, peak_mb: float = 0.0) -> dict[str, Any]:
    return {"state": state, "why": why, "peak_mb": peak_mb}


def _prepare(bench: Bench, values: dict[str, str], limit_s: float) -> str:
    """Write what all programs read; return what went wrong, if anything."""
    if bench.before is None:
        return ""
    command = [sys.executable, "-m", *bench.before.command(values)]
    done = run_program(command, limit_s=limit_s)
    return "" if done.state == "done" else f"no problem was written: {done.why}"


def _measure(
    bench: Bench,
    run: Run,
    values: dict[str, str],
    rivals: str,
    limit_s: float,
    repeat: int,
) -> dict[str, Any]:
    python = rivals if run.rival else sys.executable
    command = [python, "-m", *run.command(values)]
    finished = []
    for _ in range(repeat):
        finished.append(run_program(command, limit_s=limit_s))
        if finished[-1].state != "done":
            return _row(finished[-1].state, finished[-1].why, finished[-1].peak_mb)
    row = {k: v for k, v in finished[-1].result.items() if k != "peak_mb"}
    for key in row:
        if key.endswith("_s"):
            row[key] = statistics.median(done.result[key] for done in finished)
    wall = statistics.median(done.wall_s for done in finished)
    parts = [sum(d.result.get(k, 0.0) for k in bench.seconds) for d in finished]
    return row | {
        "state": "done",
        "seconds": statistics.median(parts) if bench.seconds else wall,
        "wall": wall,
        "cpu": statistics.median(done.cpu_s for done in finished),
        "peak_mb": statistics.median(done.peak_mb for done in finished),
    }


def _check_objectives(bench: Bench, rows: dict[str, dict[str, Any]]) -> None:
    """Fail each program whose optimum is not that of the reference."""
    done = {
        name: row
        for name, row in rows.items()
        if row["state"] == "done" and row.get("objective") is not None
    }
    if len(done) < 2 or not bench.agree:
        return
    base = _objective(bench, done)
    assert base is not None
    for name, row in done.items():
        apart = abs(row["objective"] - base) / max(1.0, abs(base))
        # Both may be off by the gap that was asked for, on different sides.
        if apart > bench.agree * (1 + 1e-6):
            why = f"objective {row['objective']:.10g}, not {base:.10g}"
            rows[name] = _row("failed", why, row["peak_mb"])


def verdict(bench: Bench, size: Size, rows: dict[str, dict[str, Any]]) -> list[str]:
    """Compare ours with the rivals and with the limits of the size."""
    first = bench.runs[0].name
    ours = rows.get(first)
    if ours is None:
        return []
    if ours["state"] != "done":
        return [f"ours: {ours['state']}: {ours['why']}"]
    lines = []
    for limit, key, unit in (
        (size.most_seconds, "seconds", "s"),
        (size.most_mb, "peak_mb", "MB"),
    ):
        if limit:
            word = "reached" if ours[key] <= limit else "MISSED"
            lines.append(f"{ours[key]:.3g} {unit} of at most {limit:g}: {word}")
    for key, value in (*bench.at_least.items(), *bench.at_most.items()):
        if key not in ours:
            continue
        least = key in bench.at_least
        word = "reached" if (ours[key] >= value) == least else "MISSED"
        side = "least" if least else "most"
        name = key.replace("_", " ")
        lines.append(f"{name} {ours[key]:.3g} of at {side} {value:g}: {word}")
    for name, row in rows.items():
        if name == first or row["state"] != "done":
            continue
        for target, key, adjective in (
            (bench.faster.get(name), "seconds", "faster"),
            (bench.leaner.get(name), "peak_mb", "leaner"),
        ):
            if not target:
                continue
            ratio = row[key] / ours[key]
            word = "reached" if ratio >= target else "MISSED"
            lines.append(
                f"{ratio:.1f} times {adjective} than {name} "
                f"(at least {target:g}: {word})"
            )
    return lines
