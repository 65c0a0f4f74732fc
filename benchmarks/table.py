# SPDX-License-Identifier: Apache-2.0
"""Write measured benchmarks as a table between two marks of a page."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["BEGIN", "END", "write_table"]

BEGIN = "<!-- measured: begin (python -m benchmarks --table writes this) -->"
END = "<!-- measured: end -->"
HEADS = (
    "program", "phases, s", "total, s", "CPU, s", "peak, MB", "found", "beside ours",
)  # fmt: skip
PHASES = ("build_s", "solve_s", "simulate_s", "evaluate_s", "run_s", "seconds")


def write_table(path: Path, results: list[dict[str, Any]]) -> None:
    """Replace what stands between the marks of a page.

    Raises
    ------
    ValueError
        If the page lacks a mark.
    """
    page = path.read_text(encoding="utf-8")
    if BEGIN not in page or END not in page:
        message = f"{path} lacks the marks {BEGIN} and {END}"
        raise ValueError(message)
    before, after = page.partition(BEGIN)[0], page.partition(END)[2]
    body = "\n\n".join(_section(name, entries) for name, entries in _by_name(results))
    text = f"{before}{BEGIN}\n\n{body}\n\n{END}{after}"
    path.write_text(text, encoding="utf-8")


def _by_name(results: list[dict[str, Any]]) -> list[tuple[str, list[dict[str, Any]]]]:
    kept: dict[str, list[dict[str, Any]]] = {}
    for entry in results:
        kept.setdefault(entry["name"], []).append(entry)
    return list(kept.items())


def _section(name: str, entries: list[dict[str, Any]]) -> str:
    axis = entries[0]["axis"] or "size"
    lines = [
        f"### {name}",
        "",
        f"{entries[0]['about']}.",
        "",
        f"| {axis} | {' | '.join(HEADS)} |",
        "|---|---|---|---|---|---|---|---|",
    ]
    machines = []
    for entry in entries:
        rows = entry["runs"]
        ours = next(iter(rows.values()))
        for program, row in rows.items():
            cells = [entry["size"], program, *_cells(row, ours, entry["shows"])]
            lines.append("| " + " | ".join(cells) + " |")
        machine = f"{entry['date']}, {entry['machine']}, load {entry['load']:.1f}"
        if entry["repeat"] > 1:
            machine += f", medians of {entry['repeat']}"
        machines.append(machine)
    verdicts = [
        f"- {entry['size']}: {line}" for entry in entries for line in entry["verdict"]
    ]
    measured = "; ".join(dict.fromkeys(machines))
    return "\n".join([*lines, "", *verdicts, "", f"Measured: {measured}."])


def _cells(
    row: dict[str, Any], ours: dict[str, Any], shows: list[str]
) -> tuple[str, ...]:
    if row["state"] != "done":
        word = row["why"] if row["state"] == "not done" else f"{row['state']}: "
        why = "" if row["state"] == "not done" else row["why"].replace("|", "/")
        peak = f"{row['peak_mb']:,.0f}" if row["state"] == "not done" else ""
        return "", word + why, "", peak, "", ""
    parts = [f"{k[:-2]} {row[k]:.3g}" for k in PHASES if k in row and k.endswith("_s")]
    found = [f"{k.replace('_', ' ')} {_number(row[k])}" for k in shows if k in row]
    beside = ""
    if row is not ours and ours["state"] == "done" and ours["seconds"] > 0:
        parts_of = [("seconds", "time"), ("cpu", "CPU"), ("peak_mb", "memory")]
        beside = ", ".join(
            f"{row[key] / ours[key]:.1f} x {word}"
            for key, word in parts_of
            if key in row and ours.get(key)
        )
    return (
        ", ".join(parts),
        _seconds(row["seconds"]),
        _seconds(row["cpu"]) if "cpu" in row else "",
        f"{row['peak_mb']:,.0f}",
        "; ".join(found),
        beside,
    )


def _seconds(value: float) -> str:
    return f"{value:.3g}" if value < 1e3 else f"{value:,.0f}"


def _number(value: Any) -> str:
    if isinstance(value, float):
        big = abs(value) >= 1e4
        return f"{value:,.2f}" if big and abs(value) < 1e9 else f"{value:.4g}"
    return f"{value:,}" if isinstance(value, int) else str(value)
