# SPDX-License-Identifier: Apache-2.0
"""The command line as a person meets it: messages, exit codes, whole folders."""

from __future__ import annotations

import errno
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from oreserve.cli import main
from oreserve.cli._folder import check_target, whole_folder
from oreserve.cli._guard import guarded
from oreserve.cli._options import parse_budget
from oreserve.errors import InfeasibleError, InputError

QUICK = ["--scenarios", "4", "--verify", "6", "--no-sensitivity", "--no-frontier",
         "--no-programmes"]  # fmt: skip


def run(capsys, *arguments: str) -> tuple[int, str, str]:
    code = main(arguments)
    printed = capsys.readouterr()
    assert "Traceback" not in printed.err + printed.out
    return code, printed.out, printed.err


# --- money ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text, usd",
    [("12e9", 12e9), ("0", 0.0), ("12_000_000_000", 12e9), (" 50e6 ", 50e6)],
)
def test_budget_reads_plain_numbers(text, usd):
    assert parse_budget(text) == usd


@pytest.mark.parametrize(
    "text, hint",
    [
        ("12bn", "did you mean 12e9?"),
        ("$12 billion", "did you mean 12e9?"),
        ("1.5m", "did you mean 1.5e6?"),
        ("12,000,000", "did you mean"),
        ("-5", "at least 0"),
        ("nan", "at least 0"),
        ("inf", "at least 0"),
        ("1e16", "at most 1e15"),
        ("", "at least 0"),
        ("twelve", "at least 0"),
    ],
)
def test_budget_refuses_the_rest_and_says_what_is_allowed(text, hint):
    with pytest.raises(InputError, match="12e9") as refused:
        parse_budget(text)
    assert hint in str(refused.value)


@pytest.mark.parametrize("budget", ["12bn", "-5"])
def test_bad_budget_is_exit_1_and_leaves_nothing(capsys, tmp_path, budget):
    out = tmp_path / "plan"
    code, stdout, err = run(
        capsys, "plan", "tiny", "--budget", budget, "--out", str(out)
    )
    assert (code, stdout) == (1, "")
    assert budget in err
    assert list(tmp_path.iterdir()) == []


# --- usage ---------------------------------------------------------------------------


def test_unknown_option_is_usage(capsys):
    code, _, err = run(capsys, "plan", "--bugdet", "5")
    assert code == 2
    assert "--budget" in err


def test_version(capsys):
    from oreserve import __version__

    assert run(capsys, "--version")[:2] == (0, f"oreserve {__version__}\n")


@pytest.mark.parametrize(
    "command", ["studies", "shocks", "check", "simulate", "plan", "report"]
)
def test_help_shows_an_example(capsys, command):
    code, out, _ = run(capsys, command, "--help")
    assert code == 0
    assert f"oreserve {command}" in out


def test_help_imports_nothing_heavy():
    code = (
        "import sys; from oreserve.cli import main; main(['--help']);"
        "heavy = {'numpy', 'polars', 'scipy', 'highspy', 'altair', 'pandas'};"
        "sys.exit(repr(sorted(heavy & set(sys.modules))) "
        "if heavy & set(sys.modules) else 0)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


def test_import_of_the_package_loads_nothing_heavy():
    code = "import sys, oreserve; sys.exit('polars' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_unknown_instrument_names_the_nearest(capsys):
    code, _, err = run(capsys, "plan", "tiny", "--instruments", "reserve,projcts")
    assert code == 1
    assert "did you mean projects?" in err


# --- errors become one message -------------------------------------------------------


@pytest.mark.parametrize(
    "error, code, words",
    [
        (InputError("no mineral 'galium'; did you mean gallium?"), 1, "gallium"),
        (InfeasibleError("limit max_t of gallium"), 3, "limit max_t"),
        (OSError(errno.ENOSPC, "No space left", "x.csv"), 1, "disk is full"),
        (FileNotFoundError(errno.ENOENT, "gone", "items.csv"), 1, "vanished"),
        (PermissionError(errno.EACCES, "no", "/data/x"), 1, "Not allowed"),
        (MemoryError(), 1, "--scenarios"),
        (ZeroDivisionError("division by zero"), 1, "report it"),
        (KeyboardInterrupt(), 130, "nothing was left half-written"),
    ],
)
def test_no_exception_shows_a_traceback(capsys, monkeypatch, error, code, words):
    import typer

    monkeypatch.delenv("ORESERVE_DEBUG", raising=False)

    @guarded
    def command() -> None:
        raise error

    with pytest.raises(typer.Exit) as stopped:
        command()
    err = capsys.readouterr().err
    assert stopped.value.exit_code == code
    assert words in err
    assert len(err.strip().splitlines()) == 1


# --- the output folder appears whole or not at all -----------------------------------


def test_folder_appears_only_at_the_end(tmp_path):
    target = tmp_path / "a" / "b"
    with whole_folder(target) as scratch:
        (scratch / "plan.json").write_text("{}")
        assert not target.exists()
    assert [p.name for p in target.iterdir()] == ["plan.json"]
    assert [p.name for p in target.parent.iterdir()] == ["b"]


def _fail_inside(target: Path) -> None:
    with whole_folder(target) as scratch:
        (scratch / "plan.json").write_text("{")
        raise OSError(errno.ENOSPC, "full")


def test_failure_leaves_no_folder_and_no_parents(tmp_path):
    with pytest.raises(InputError, match="full"):
        _fail_inside(tmp_path / "a" / "b")
    assert list(tmp_path.iterdir()) == []


def test_failure_keeps_the_earlier_result(tmp_path):
    target = tmp_path / "plan"
    target.mkdir()
    (target / "plan.json").write_text("old")
    with pytest.raises(InputError, match="full"):
        _fail_inside(target)
    assert (target / "plan.json").read_text() == "old"
    assert len(list(tmp_path.iterdir())) == 1


def test_earlier_result_is_replaced_whole(tmp_path):
    target = tmp_path / "plan"
    target.mkdir()
    (target / "plan.json").write_text("old")
    (target / "stale.csv").write_text("old")
    with whole_folder(target) as scratch:
        (scratch / "plan.json").write_text("new")
    assert [p.name for p in target.iterdir()] == ["plan.json"]
    assert len(list(tmp_path.iterdir())) == 1


@pytest.mark.parametrize("name", ["thesis.docx", "data.csv"])
def test_folder_of_somebody_else_is_refused(tmp_path, name):
    (tmp_path / name).write_text("mine")
    with pytest.raises(InputError, match=name):
        check_target(tmp_path)


def test_result_with_a_foreign_file_is_refused(tmp_path):
    (tmp_path / "plan.json").write_text("{}")
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(InputError, match=r"notes\.txt"):
        check_target(tmp_path)


def test_file_as_target_is_refused(tmp_path):
    (tmp_path / "plan").write_text("")
    with pytest.raises(InputError, match="not a folder"):
        check_target(tmp_path / "plan")


def test_result_of_another_command_is_not_replaced(capsys, tmp_path):
    out = tmp_path / "o"
    first = ("simulate", "tiny", "--periods", "1", "--out", str(out))
    assert run(capsys, *first)[0] == 0
    before = {p.name: p.read_bytes() for p in out.iterdir()}
    code, _, err = run(capsys, "assess", "tiny", "--out", str(out))
    assert code == 1
    assert "`oreserve simulate` on study tiny" in err
    assert {p.name: p.read_bytes() for p in out.iterdir()} == before
    assert run(capsys, *first)[0] == 0  # the same again replaces it


def test_result_of_another_study_is_not_replaced(capsys, tmp_path):
    out = tmp_path / "o"
    out.mkdir()
    (out / "outcome.json").write_text('{"study": "us-2026"}')
    code, _, err = run(capsys, "simulate", "tiny", "--periods", "1", "--out", str(out))
    assert code == 1
    assert "on study us-2026" in err
    assert "name another folder" in err
    (out / "outcome.json").write_text("{")
    code, _, err = run(capsys, "assess", "tiny", "--out", str(out))
    assert code == 1
    assert "unknown study" in err
    again = ("simulate", "tiny", "--periods", "1", "--out", str(out))
    assert run(capsys, *again)[0] == 0  # a broken head is mended by its command


@pytest.mark.parametrize(
    "command",
    [["plan", "tiny"], ["simulate", "tiny"], ["assess", "tiny"], ["report", "x"]],
    ids=lambda c: c[0],
)
def test_empty_out_is_refused(capsys, command):
    code, _, err = run(capsys, *command, "--out", "")
    assert code == 2
    assert "is empty" in err


def test_interrupt_of_what_cannot_resume_does_not_say_so(capsys, monkeypatch):
    import oreserve.study

    def stop(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(oreserve.study, "load_study", stop)
    code, _, err = run(capsys, "simulate", "tiny")
    assert code == 130
    assert "resume" not in err


def test_interrupt_of_a_policy_says_how_to_resume(capsys, monkeypatch, tmp_path):
    import oreserve.study

    def stop(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(oreserve.study, "load_study", stop)
    code, _, err = run(capsys, "policy", "tiny", "--out", str(tmp_path / "policy"))
    assert code == 130
    assert "resume" in err


def test_interrupt_of_many_scenarios_says_what_is_kept(capsys, monkeypatch, tmp_path):
    from oreserve.planning import _many

    simulated, out = _many.run_chains, tmp_path / "many"

    def stop(chains, scenarios, *args, **kwargs):
        if scenarios[0].number == 20:
            raise KeyboardInterrupt
        return simulated(chains, scenarios, *args, **kwargs)

    monkeypatch.setattr(_many, "run_chains", stop)
    many = ["simulate", "tiny", "--scenarios", "30", "--out", str(out)]
    code, _, err = run(capsys, *many)
    assert code == 130
    assert "20 of 30 scenarios are kept in" in err
    assert ".many.blocks" in err


def test_progress_without_a_terminal_says_how_far_and_how_long(capsys, monkeypatch):
    from oreserve.cli import _progress

    clock = iter([0.0, 4.0, 12.0, 15.0, 100.0, 130.0, 200.0])
    monkeypatch.setattr(_progress.time, "monotonic", lambda: next(clock))
    with _progress.Stages() as told:
        for done in (300, 350, 420, 450, 800, 900, 1000):
            told("simulate", done, 1000)
    assert capsys.readouterr().err.splitlines() == [
        "simulate ...",
        # 120 in 12 s, 580 to go: what was there before the start counts for nothing
        "simulate: 420 of 1,000, 12 s, about 58 s left",
        "simulate: 800 of 1,000, 100 s, about 40 s left",
        "simulate: 200 s",
    ]


@pytest.mark.parametrize(
    "option, wrong, right",
    [("--executor", "thread", "threads"), ("--step", "quarters", "quarter")],
)
def test_a_misspelt_choice_names_the_nearest(capsys, option, wrong, right):
    code, _, err = run(capsys, "simulate", "tiny", option, wrong)
    assert code == 2
    told = " ".join(err.replace("│", " ").split())
    assert f"did you mean '{right}'?" in told
    assert "Value error" not in told


# --- the commands on the tiny study --------------------------------------------------


def test_studies_lists_tiny(capsys):
    code, out, _ = run(capsys, "studies", "--json")
    assert code == 0
    assert "tiny" in {row["name"] for row in json.loads(out)}


def test_misspelt_study_names_the_nearest(capsys):
    code, _, err = run(capsys, "simulate", "tinny")
    assert code == 1
    assert "did you mean 'tiny'?" in err


@pytest.mark.parametrize("home", ["Japan", "jpn", "392"])
@pytest.mark.parametrize(
    "command",
    [
        ["check", "tiny"],
        ["simulate", "tiny", "--periods", "1"],
        ["plan", "tiny", "--budget", "0", *QUICK],
        ["watch", "tiny", "--on", "2026-11-22"],
        ["assess", "tiny"],
    ],
    ids=lambda c: c[0],
)
def test_every_command_reads_homes_alike(capsys, command, home):
    assert run(capsys, *command, "--home", home)[0] == 0


@pytest.mark.parametrize("command", ["check", "simulate", "plan", "assess"])
def test_plant_without_base_activity_is_named_early(capsys, tmp_path, command):
    study = tmp_path / "mine"
    study.mkdir()
    (study / "datapackage.json").write_text('{"name": "mine", "extends": "tiny"}')
    (study / "plants.csv").write_text(
        "plant,process,country,capacity_t_per_year,source_id,evidence\n"
        "my_mine,gallium_recovery,USA,1,invented,assumed\n"
    )
    code, out, err = run(capsys, command, str(study))
    assert code == 1
    assert "my_mine: base_activity_t_per_year is missing" in out + err
    assert "0 for a plant that did not run" in out + err


def test_check_tiny_is_clean(capsys):
    code, out, _ = run(capsys, "check", "tiny", "--json")
    assert code == 0
    assert json.loads(out)["ok"] is True


def test_simulate_prints_one_json_document(capsys):
    code, out, _ = run(capsys, "simulate", "tiny", "--periods", "1", "--json")
    assert code == 0
    figures = json.loads(out)
    assert {"status", "welfare_usd", "home_loss_usd", "seed", "study_hash",
            "versions"} <= set(figures)  # fmt: skip


def test_simulate_writes_the_tables_of_the_surface(capsys, tmp_path):
    out = tmp_path / "outcome"
    code, _, _ = run(capsys, "simulate", "tiny", "--periods", "2", "--out", str(out))
    assert code == 0
    assert {"outcome.json", "prices.csv", "shortfall.csv", "activity.csv", "flows.csv",
            "stocks.csv", "unsold.csv"} <= {p.name for p in out.iterdir()}  # fmt: skip


def test_missing_shock_file_is_input_error(capsys):
    code, _, err = run(capsys, "simulate", "tiny", "--shock", "no-such-shock.yaml")
    assert code == 1
    assert "no-such-shock" in err


def test_shock_outside_the_horizon_says_so(capsys, tmp_path):
    shock = tmp_path / "late.yaml"
    shock.write_text(
        "name: too late\neffects:\n"
        "  - {kind: demand, country: USA, factor: 1.5, from: 2090-01, until: 2091-01}\n"
    )
    code, _, err = run(capsys, "simulate", "tiny", "--shock", str(shock))
    assert code == 1
    assert "outside" in err


def test_plan_folder_holds_report_and_tables(capsys, tmp_path):
    out = tmp_path / "plan"
    code, stdout, _ = run(
        capsys, "plan", "tiny", "--budget", "5e6", *QUICK, "--out", str(out), "--excel"
    )
    assert code == 0
    assert "report.html" in stdout
    assert {"plan.json", "reserve.csv", "agreements.csv", "projects.csv",
            "coverage.csv", "marginal_value.csv", "reconciliation.csv", "report.html",
            "tables.xlsx"} <= {p.name for p in out.iterdir()}  # fmt: skip
    (out / "report.html").unlink()
    assert run(capsys, "report", str(out))[0] == 0
    assert (out / "report.html").is_file()


def test_plan_of_nothing_buys_nothing(capsys):
    code, out, _ = run(capsys, "plan", "tiny", "--budget", "0", *QUICK, "--json")
    assert code == 0
    assert json.loads(out)["outlays_usd"] == pytest.approx(0.0, abs=1e-6)


def test_report_on_a_foreign_folder_says_what_it_needs(capsys, tmp_path):
    code, _, err = run(capsys, "report", str(tmp_path))
    assert code == 1
    assert "plan.json" in err


def test_interrupt_leaves_nothing_behind(tmp_path):
    """Ctrl-C in a plan: exit 130, one line, only the stages to resume from."""
    out = tmp_path / "plan"
    process = subprocess.Popen(
        [sys.executable, "-m", "oreserve", "plan", "tiny", "--budget", "5e6",
         "--scenarios", "2000", "--verify", "2000", "--out", str(out)],
        stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
    )  # fmt: skip
    assert process.stderr is not None
    process.stderr.readline()  # the first stage has begun
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 130, err
    assert "Interrupted" in err
    assert "resume" in err  # a plan with a folder keeps its finished stages
    assert "Traceback" not in err
    assert {p.name for p in tmp_path.iterdir()} <= {".plan.resume"}
