# SPDX-License-Identifier: Apache-2.0
"""Each benchmark runs at toy size and programs agree; no time is asserted."""

from __future__ import annotations

import importlib
import json
import os
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))
from benchmarks.registry import BENCHES, Bench, Run, Size  # noqa: E402

sys.path.remove(str(ROOT))


@pytest.fixture
def part(monkeypatch):
    """Import modules of the benchmarks; the repository's root is not on the path."""
    monkeypatch.syspath_prepend(str(ROOT))
    return lambda name: importlib.import_module(f"benchmarks.{name}")


@pytest.fixture
def run_code(part):
    """Run python code as a benchmark's program."""

    def run(code: str, limit_s: float = 60.0):
        measure = part("measure")
        return measure.run_program([sys.executable, "-c", code], limit_s=limit_s)

    return run


@pytest.mark.parametrize("bench", BENCHES, ids=lambda bench: bench.name)
def test_every_bench_runs_at_toy_size(part, bench, tmp_path, monkeypatch):
    # Raw files are not everywhere; the cells have a test with files of their own.
    monkeypatch.setenv("ORESERVE_RAW", str(tmp_path))
    rivals = os.environ.get("ORESERVE_RIVALS", sys.executable)
    entry = part("compare").summarise(
        bench, bench.toy, rivals=rivals, limit_s=120, targets=False
    )
    assert entry["runs"].keys() == {run.name for run in bench.runs}
    for name, row in entry["runs"].items():
        lacking = {"skipped", "not there yet"}
        assert row["state"] in {"done", *lacking}, f"{name}: {row['why']}"
        assert row["state"] == "done" or row["why"]
    ours = entry["runs"]["ours"]
    assert ours["state"] == "done" or "raw" in ours["why"].lower()
    if ours["state"] == "done":
        assert ours["seconds"] >= 0
        assert ours["peak_mb"] > 1
        assert all(key in ours for key in bench.shows if key == "objective")


def test_sizes_and_names_are_told_apart():
    names = [bench.name for bench in BENCHES]
    assert len(set(names)) == len(names)
    for bench in BENCHES:
        labels = [size.label for size in bench.sizes]
        assert labels
        assert len(set(labels)) == len(labels)
        assert bench.runs[0].name == "ours"
        assert set(bench.faster) | set(bench.leaner) <= {r.name for r in bench.runs}


def test_a_missing_function_is_named_and_no_crash(part):
    arrived = part("arrived")
    with pytest.raises(arrived.NotThereYetError, match=r"oreserve\.no_such\.thing"):
        arrived.needs("oreserve.no_such", "thing")
    with pytest.raises(arrived.NotThereYetError, match=r"stochastic\.no_such"):
        arrived.needs("oreserve.stochastic", "no_such")
    assert arrived.needs("math", "pi") > 3


def test_states_of_a_program(run_code):
    assert run_code("print('talk'); print('{\"solve_s\": 1}')").result == {"solve_s": 1}
    lacking = run_code('print(\'{"skipped": "not installed: x"}\')')
    assert (lacking.state, lacking.why) == ("skipped", "not installed: x")
    late = run_code('print(\'{"not_there_yet": "a.b"}\')')
    assert (late.state, late.why) == ("not there yet", "a.b")
    broken = run_code("raise ValueError('so it is')")
    assert (broken.state, broken.why) == ("failed", "ValueError: so it is")
    assert run_code("raise SystemExit('skipped: no files')").why == "no files"
    assert run_code("print('no JSON')").state == "failed"


def test_a_run_without_end_is_not_done(run_code):
    asleep = run_code("import time; time.sleep(600)", limit_s=0.2)
    assert asleep.state == "not done"
    busy = run_code("while True: pass", limit_s=1)
    assert (busy.state, busy.why[:12]) == ("not done", "not done in ")
    assert busy.cpu_s >= 1


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="needs /proc")
def test_memory_of_children_counts(run_code):
    child = "import time; kept = bytearray(b'1') * 60_000_000; time.sleep(1.5)"
    code = (
        "import subprocess, sys\n"
        f"two = [subprocess.Popen([sys.executable, '-c', {child!r}]) for _ in 'ab']\n"
        "[one.wait() for one in two]\nprint('{}')"
    )
    # The largest single process has 70 MB; only a sum reaches 120.
    assert run_code(code).peak_mb > 120


@pytest.mark.skipif(not hasattr(os, "wait4"), reason="needs wait4")
def test_processor_time_of_children_counts(run_code):
    code = "import time\nwhile time.process_time() < 0.5: pass\nprint('{}')"
    outer = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {code!r}])"
    assert run_code(f"{outer}\nprint('{{}}')").cpu_s > 0.5


def bench_of(*lines: dict[str, object], **more: object) -> tuple[Bench, list]:
    names = ["ours", *(f"rival {k}" for k in range(1, len(lines)))]
    runs = tuple(Run(name, "json.tool") for name in names)
    return Bench("b", "about", runs, **more), list(lines)


@pytest.fixture
def compare_lines(part, monkeypatch):
    """Summarise a bench whose programs say what is given."""

    def run(bench, lines, size=None, **more):
        compare, measure = part("compare"), part("measure")
        left = iter(lines)
        monkeypatch.setattr(
            compare, "run_program", lambda *_, **__: measure.Finished(*next(left))
        )
        size = size or Size("10")
        return compare.summarise(bench, size, rivals="python", limit_s=1, **more)

    return run


def done(**result: float) -> tuple:
    return ("done", "", result, 9.0, 100.0, 8.0)


def test_another_optimum_fails_the_entry(compare_lines):
    bench, lines = bench_of(
        done(objective=100.0), done(objective=100.009), done(objective=100.02),
        agree=1e-4,
    )  # fmt: skip
    rows = compare_lines(bench, lines)["runs"]
    assert [row["state"] for row in rows.values()] == ["done", "done", "failed"]
    assert rows["rival 2"]["why"] == "objective 100.02, not 100"


def test_the_reference_may_be_a_rival(compare_lines):
    bench, lines = bench_of(
        done(objective=101.0), done(objective=100.0), agree=1e-4, reference="rival 1"
    )
    rows = compare_lines(bench, lines)["runs"]
    assert [row["state"] for row in rows.values()] == ["failed", "done"]


def test_without_the_reference_the_first_optimum_counts(part, compare_lines):
    late = ("not done", "not done in 1 s", {}, 1.0, 5.0)
    bench, lines = bench_of(
        done(objective=100.0), late, done(objective=102.0),
        agree=1e-4, reference="rival 1",
    )  # fmt: skip
    rows = compare_lines(bench, lines)["runs"]
    assert [row["state"] for row in rows.values()] == ["done", "not done", "failed"]


def test_medians_and_targets(compare_lines):
    bench, lines = bench_of(
        done(solve_s=3.0), done(solve_s=1.0), done(solve_s=2.0),
        done(solve_s=9.0), done(solve_s=11.0), done(solve_s=10.0),
    )  # fmt: skip
    bench = replace(
        bench, runs=bench.runs[:2], seconds=("solve_s",), faster={"rival 1": 6}
    )
    entry = compare_lines(bench, lines, Size("10", {}, 2.5), repeat=3)
    assert entry["runs"]["ours"]["seconds"] == 2
    assert entry["runs"]["rival 1"]["seconds"] == 10
    assert entry["verdict"] == [
        "2 s of at most 2.5: reached",
        "5.0 times faster than rival 1 (at least 6: MISSED)",
    ]


def test_figures_that_should_be_large_or_small(compare_lines):
    bench, lines = bench_of(
        done(rate=5.0, gap=0.1, other=1.0),
        at_least={"rate": 4, "absent": 1}, at_most={"gap": 0.01, "other": 2},
    )  # fmt: skip
    assert compare_lines(bench, lines)["verdict"] == [
        "rate 5 of at least 4: reached",
        "gap 0.1 of at most 0.01: MISSED",
        "other 1 of at most 2: reached",
    ]


def test_a_program_that_ran_out_of_time_is_not_tried_at_a_larger_size(compare_lines):
    late = ("not done", "not done in 1 s", {}, 1.0, 5.0)
    bench, lines = bench_of(done(), late)
    given_up: dict[str, str] = {}
    compare_lines(bench, lines, Size("5"), given_up=given_up)
    rows = compare_lines(bench, [done()], Size("10"), given_up=given_up)["runs"]
    assert rows["rival 1"]["why"] == "not tried: not done in 1 s at 5"


def test_the_table_is_written_between_its_marks(part, compare_lines, tmp_path):
    table = part("table")
    late = ("not done", "not done in 1 s", {}, 1.0, 5.0)
    bench, lines = bench_of(
        done(solve_s=2.0, objective=12345.678), done(solve_s=4.0), late,
        ("skipped", "not installed: x", {}, 0.0, 0.0),
        ("failed", "a | b", {}, 0.0, 0.0),
        seconds=("solve_s",), shows=("objective",), axis="scenarios",
    )  # fmt: skip
    entry = compare_lines(bench, lines) | {
        "date": "2026-11-24", "machine": "2 cores", "load": 0.5
    }  # fmt: skip
    page = tmp_path / "page.md"
    page.write_text(f"before\n{table.BEGIN}\nold\n{table.END}\nafter\n")
    table.write_table(page, [entry])
    text = page.read_text(encoding="utf-8")
    assert text.startswith("before\n")
    assert text.endswith("\nafter\n")
    assert "old" not in text
    rows = [line for line in text.splitlines() if line.startswith("| 10 ")]
    beside = "2.0 x time, 1.0 x CPU, 1.0 x memory"
    assert rows == [
        "| 10 | ours | solve 2 | 2 | 8 | 100 | objective 12,345.68 |  |",
        f"| 10 | rival 1 | solve 4 | 4 | 8 | 100 |  | {beside} |",
        "| 10 | rival 2 |  | not done in 1 s |  | 5 |  |  |",
        "| 10 | rival 3 |  | skipped: not installed: x |  |  |  |  |",
        "| 10 | rival 4 |  | failed: a / b |  |  |  |  |",
    ]
    page.write_text("no marks", encoding="utf-8")
    with pytest.raises(ValueError, match="lacks the marks"):
        table.write_table(page, [entry])


def test_newer_results_replace_older_ones(part):
    main = part("__main__")
    bench = next(b for b in BENCHES if len(b.sizes) > 1)
    first, second = (size.label for size in bench.sizes[:2])
    old = [
        {"name": bench.name, "size": second, "at": 1, "runs": {}},
        {"name": bench.name, "size": first, "at": 1, "runs": {}},
        {"name": "gone", "size": "1", "at": 1, "runs": {}},
    ]
    new = [{"name": bench.name, "size": second, "at": 2, "runs": {}}]
    merged = main.merge(old, new)
    assert [(e["size"], e["at"]) for e in merged] == [(first, 1), (second, 2)]


def test_extensive_form_is_the_problem(part, tmp_path):
    from oreserve.network import solve
    from oreserve.stochastic import newsvendor

    two_stage, data = part("two_stage"), part("two_stage_data")
    # Demand 1, 2 or 3; buying at 4 pays while 10 x P(short) > 4: buy 2.
    # 2 x 4 + 10 x (1 / 3) = 34 / 3.
    block = two_stage.extensive_form(newsvendor(), 3)
    assert solve(block).objective == pytest.approx(34 / 3)
    # All weight 1 on the worst third: 4 x + E + CVaR; short at 3 costs 10 (3 - x),
    # so buying 3 costs 12 and nothing beats it.
    block = two_stage.extensive_form(newsvendor(risk_weight=1.0, alpha=2 / 3), 3)
    assert solve(block).objective == pytest.approx(12)
    problem = newsvendor()
    written = data.take_data(problem, problem.source.draw(np.arange(3)))
    written.write(tmp_path / "p.npz")
    read = data.read_data(tmp_path / "p.npz")
    assert read.scenarios == 3
    np.testing.assert_array_equal(read.r_lower, written.r_lower)


def test_toy_run_of_the_command(part, tmp_path, monkeypatch, capsys):
    main = part("__main__")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["benchmarks", "magnet-chain"])
    assert main.main() == 0
    kept = json.loads((tmp_path / "out/benchmarks.json").read_text("utf-8"))
    assert kept["results"][0]["runs"]["ours"]["columns"] == 1140
    assert "magnet-chain" in capsys.readouterr().out
    monkeypatch.setattr(sys, "argv", ["benchmarks", "no-such"])
    assert main.main() == 2
