# SPDX-License-Identifier: Apache-2.0
"""The commands. Heavy imports stay inside them: `--help` must be instant."""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
from pathlib import Path  # noqa: TC003  # typer reads annotations at run time
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer

from oreserve.cli._assess import assess_study, explain_value
from oreserve.cli._folder import check_target, whole_folder
from oreserve.cli._guard import INTERRUPTED, guarded
from oreserve.cli._import import import_files
from oreserve.cli._opening import OpeningOption, opening_of, record_opening
from oreserve.cli._options import (
    Executor,
    ExecutorOption,
    HomeOption,
    JsonOption,
    OutOption,
    SeedOption,
    Step,
    StudyArgument,
    WorkersOption,
    out_path,
    parse_budget,
    read_step,
)
from oreserve.cli._policy import policy_of_study
from oreserve.cli._progress import Stages
from oreserve.cli._reserve_access import reserve_app
from oreserve.cli._serve import serve_reserve
from oreserve.cli._watch import watch_study
from oreserve.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Sequence

    import polars as pl

    from oreserve.study import Shock, Study

__all__ = ["app", "main"]

DEFAULT_STUDY = "us-2026"
INSTRUMENTS = ("reserve", "agreements", "projects")
FRONTIER_BUDGETS = 9

app = typer.Typer(
    name="oreserve",
    help="Critical-minerals supply security: what happens if, and what to do.\n\n"
    "Start with: oreserve plan --budget 12e9 --out out/plan",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"]},
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code."""
    signal.signal(signal.SIGTERM, _terminate)
    try:
        app(args=None if arguments is None else list(arguments))
    except SystemExit as stop:
        code = stop.code if isinstance(stop.code, int) else int(stop.code is not None)
        if code == INTERRUPTED:
            _leave_now()
        return code
    return 0


def _leave_now() -> None:
    """End the process although worker threads still have work before them.

    The command has cleaned up and said its line; Python would otherwise wait for
    every queued simulation.
    """
    if threading.active_count() > 1:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(INTERRUPTED)


def _terminate(_number: int, _frame: object) -> NoReturn:
    """Leave through the usual clean-up when the system asks us to stop."""
    raise KeyboardInterrupt


def _version(*, wanted: bool) -> None:
    if wanted:
        from oreserve import __version__

        typer.echo(f"oreserve {__version__}")
        raise typer.Exit


@app.callback()
def common(
    *,
    version: Annotated[
        bool,
        typer.Option(
            "--version",
            help="Print the version.",
            is_eager=True,
            callback=lambda value: _version(wanted=value),
        ),
    ] = False,
) -> None:
    """Hold the options of `oreserve` itself."""


@app.command()
@guarded
def studies(*, as_json: JsonOption = False) -> None:
    """List the bundled studies.

    For example:

      oreserve studies
    """
    from oreserve.study import studies as list_studies

    table = list_studies()
    if as_json:
        _print_json(table.to_dicts())
        return
    for row in table.iter_rows(named=True):
        typer.echo(f"{row['name']:<12} {row['title']}")


@app.command()
@guarded
def shocks(*, as_json: JsonOption = False) -> None:
    """List the bundled shocks, to be named in `simulate --shock`.

    For example:

      oreserve shocks
    """
    from oreserve.study import shocks as list_shocks

    rows = list_shocks().to_dicts()
    if as_json:
        _print_json(rows)
        return
    width = max((len(row["shock"]) for row in rows), default=0)
    for row in rows:
        typer.echo(f"{row['shock']:<{width}}  {row['name']}")


@app.command()
@guarded
def check(
    study: StudyArgument = DEFAULT_STUDY,
    *,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Report every problem of a study at once; exit code 1 if it cannot load.

    For example:

      oreserve check my-study

      oreserve check my-study --home Japan
    """
    from oreserve.study import check_study, load_study

    report = check_study(study)
    if report.ok and home is not None:
        load_study(study, home=home)  # raises if the study does not hold from there
    if as_json:
        _print_json({"ok": report.ok, "problems": _rows(report.problems)})
    else:
        typer.echo(report.summary())
    if not report.ok:
        raise typer.Exit(1)


@app.command()
@guarded
def simulate(
    study: StudyArgument = DEFAULT_STUDY,
    *,
    shock: Annotated[
        str | None,
        typer.Option(
            help="A bundled shock (see `oreserve shocks`) or a YAML file. Without "
            "one, --periods N runs the measures of the study alone; with neither "
            "--shock nor --periods the base year runs.",
            metavar="NAME|FILE",
        ),
    ] = None,
    periods: Annotated[
        int | None,
        typer.Option(help="Number of periods; default the study's horizon.", min=1),
    ] = None,
    step: Annotated[
        Step | None,
        typer.Option(
            help="Length of a period; default as the study says.",
            metavar="month|quarter|year",
            parser=read_step,
        ),
    ] = None,
    scenarios: Annotated[
        int | None,
        typer.Option(
            help="Draw this many futures from the drivers of the study instead, and "
            "write how loss and shortages are spread. A killed run goes on where it "
            "was if --out is the same.",
            min=1,
        ),
    ] = None,
    executor: ExecutorOption = None,
    workers: WorkersOption = 2,
    policy: Annotated[
        Path | None,
        typer.Option(
            help="Folder of `oreserve policy`: the reserve releases by its security "
            "values instead of the linear rule. Not with --scenarios.",
        ),
    ] = None,
    out: OutOption = None,
    home: HomeOption = None,
    seed: SeedOption = 0,
    as_json: JsonOption = False,
) -> None:
    """Run the market under a shock: shortages, prices, who goes short, the loss.

    For example:

      oreserve simulate --shock chinese_rare_earth_ban --out out/ban

      oreserve simulate tiny --shock my-shock.yaml --periods 3 --json

      oreserve simulate --shock chinese_rare_earth_ban --step month --out out/months

      oreserve simulate --scenarios 1000 --seed 7 --out out/many
    """
    from oreserve.market import simulate as run
    from oreserve.study import load_shock, load_study

    if out is not None:
        check_target(out)
    loaded = load_study(study, home=home)
    rule = None
    if policy is not None:
        from oreserve.planning import load_operating_policy

        rule = load_operating_policy(policy, loaded)
        if scenarios is not None:
            message = "--policy serves one future; it does not go with --scenarios"
            raise InputError(message)
    if step is not None:
        loaded = loaded.with_settings(period_years=step.years)
    if scenarios is not None:
        if shock is not None:
            message = (
                "--shock runs one future and --scenarios draws many; give one of them"
            )
            raise InputError(message)
        _simulate_many(
            loaded,
            count=scenarios,
            seed=seed,
            periods=periods,
            workers=workers,
            executor=executor,
            out=out,
            as_json=as_json,
        )
        return
    if executor is not None:
        message = "--executor serves --scenarios; one future runs in this program"
        raise InputError(message)
    effects = None if shock is None else load_shock(shock, loaded)
    if effects is not None:
        _refuse_outside(effects, loaded, periods)
    with Stages(quiet=as_json) as progress, whole_folder(out) as folder:
        outcome = run(
            loaded,
            shock=effects,
            periods=periods,
            seed=seed,
            progress=progress,
            policy=rule,
        )
        outcome.save(folder)
        figures = _read_json(folder / "outcome.json")
    if as_json:
        _print_json(figures)
        return
    typer.echo(outcome.summary())
    if out is not None:
        typer.echo(f"Tables: {out}")


def _simulate_many(
    study: Study,
    *,
    count: int,
    seed: int,
    periods: int | None,
    workers: int,
    executor: str | None,
    out: Path | None,
    as_json: bool,
) -> None:
    """Draw many futures and write how they are spread."""
    from oreserve.planning import simulate_many

    with Stages(quiet=as_json) as progress, whole_folder(out) as folder:
        found = simulate_many(
            study,
            count=count,
            seed=seed,
            periods=periods,
            workers=workers,
            executor=executor,
            out=out,
            progress=progress,
        )
        found.save(folder)
        figures = _read_json(folder / "outcome.json")
    found.forget_blocks()
    if as_json:
        _print_json(figures)
        return
    typer.echo(found.summary())
    if out is not None:
        typer.echo(f"Tables: {out}")


@app.command()
@guarded
def plan(
    study: StudyArgument = DEFAULT_STUDY,
    *,
    budget: Annotated[
        str, typer.Option(help="USD, for example 12e9.", metavar="USD")
    ] = "12e9",
    scenarios: Annotated[
        int, typer.Option(help="Scenarios that the plan is made for.", min=1)
    ] = 100,
    verify: Annotated[
        int, typer.Option(help="Fresh scenarios that judge the plan.", min=2)
    ] = 300,
    instruments: Annotated[
        str, typer.Option(help="What may be used, separated by commas.")
    ] = ",".join(INSTRUMENTS),
    frontier: Annotated[
        bool, typer.Option(help="Solve for other budgets as well.")
    ] = True,
    sensitivity: Annotated[
        bool, typer.Option(help="Repeat with other assumptions; finds robust buys.")
    ] = True,
    draws: Annotated[
        int,
        typer.Option(
            help="How many random sets of assumptions about home are tried (a count).",
            min=0,
        ),
    ] = 12,
    budgets: Annotated[
        int,
        typer.Option(
            help="How many budgets the frontier has (a count, not USD).", min=4
        ),
    ] = FRONTIER_BUDGETS,
    programmes: Annotated[
        bool, typer.Option(help="Compare reserve only, contracts only and all.")
    ] = True,
    single_shocks: Annotated[
        bool, typer.Option(help="Run each bundled shock as well, for the report.")
    ] = False,
    policy: Annotated[
        Path | None,
        typer.Option(
            help="Folder of `oreserve policy`: verify the plan with it as release rule "
            "as well, beside the linear rule.",
        ),
    ] = None,
    executor: ExecutorOption = None,
    workers: WorkersOption = 2,
    excel: Annotated[
        bool, typer.Option("--excel", help="Write tables.xlsx as well.")
    ] = False,
    reserve: OpeningOption = None,
    out: OutOption = None,
    home: HomeOption = None,
    seed: SeedOption = 0,
    as_json: JsonOption = False,
) -> None:
    """Find what a budget should buy, sign and build, and verify what it is worth.

    For example:

      oreserve plan --budget 12e9 --out out/plan

      oreserve plan tiny --budget 50e6 --scenarios 20 --verify 50

      oreserve plan --home EU --budget 10e9 --no-sensitivity --out out/eu

      oreserve plan --reserve reserve.db --budget 2e9 --out out/next
    """
    budget_usd = parse_budget(budget)
    if out is not None:
        check_target(out)

    from oreserve.planning import plan as run
    from oreserve.report import write_excel, write_report, write_shocks
    from oreserve.study import load_study

    chosen = _parse_instruments(instruments)
    loaded = load_study(study, home=home)
    opening = None if reserve is None else opening_of(loaded, reserve)
    if opening is not None:
        loaded = opening.study
        typer.echo(opening.summary(), err=True)  # before the hours of a long run
    with Stages(quiet=as_json) as progress, whole_folder(out) as folder:
        result = run(
            loaded,
            budget_usd=budget_usd,
            scenarios=scenarios,
            verify=verify,
            seed=seed,
            workers=workers,
            executor=executor,
            out=out,
            progress=progress,
            frontier=frontier,
            sensitivity=sensitivity,
            draws=draws,
            # Nine is the frontier's own choice of shares, not evenly spaced.
            budgets=None if budgets == FRONTIER_BUDGETS else budgets,
            programmes=programmes,
            instruments=chosen,
            policy=policy,
        )
        result.save(folder)
        if opening is not None:
            record_opening(folder, opening)
        figures = _read_json(folder / "plan.json")
        if out is not None:
            if single_shocks:
                write_shocks(
                    loaded,
                    folder,
                    workers=1 if executor is Executor.SERIAL else workers,
                    progress=progress,
                )
            write_report(folder, folder / "report.html", study=loaded)
            if excel:
                write_excel(folder, folder / "tables.xlsx")
    if as_json:
        _print_json(figures)
        return
    typer.echo(result.summary())
    if opening is not None:
        typer.echo(opening.summary())
    if out is not None:
        typer.echo(f"Report: {out / 'report.html'}")


@app.command()
@guarded
def report(
    folder: Annotated[
        Path, typer.Argument(help="A folder that plan or simulate wrote.")
    ],
    *,
    excel: Annotated[
        bool, typer.Option("--excel", help="Write tables.xlsx as well.")
    ] = False,
    out: Annotated[
        Path | None,
        typer.Option(
            help="HTML file to write; default report.html in the folder.",
            metavar="FILE",
            parser=out_path,
        ),
    ] = None,
) -> None:
    """Write the report of a finished plan again, as one HTML file.

    For example:

      oreserve report out/plan --excel
    """
    from oreserve.report import write_excel, write_report

    target = out or folder / "report.html"
    if (folder / "plan.json").is_file() or not excel:
        write_report(folder, target)
        typer.echo(f"Report: {target}")
    if excel:
        tables = target.with_name("tables.xlsx")
        write_excel(folder, tables)
        typer.echo(f"Tables: {tables}")


app.command("assess")(assess_study)
app.command("explain")(explain_value)
app.command("import")(import_files)
app.command("policy")(policy_of_study)
app.command("watch")(watch_study)
app.add_typer(reserve_app)
app.command("serve")(serve_reserve)


def _parse_instruments(text: str) -> tuple[str, ...]:
    """Read the list of instruments; unknown words are refused."""
    from oreserve.tables import nearest

    words = [word.strip() for word in text.split(",") if word.strip()]
    for word in words:
        if word not in INSTRUMENTS:
            guess = nearest(word, INSTRUMENTS)
            hint = f"; did you mean {guess}?" if guess else ""
            message = (
                f"--instruments: {word!r} is unknown, allowed are "
                f"{', '.join(INSTRUMENTS)}{hint}"
            )
            raise InputError(message)
    if not words:
        message = f"--instruments is empty; allowed are {', '.join(INSTRUMENTS)}"
        raise InputError(message)
    return tuple(word for word in INSTRUMENTS if word in words)


def _refuse_outside(shock: Shock, study: Study, periods: int | None) -> None:
    """Refuse a shock none of whose effects falls into the simulated periods."""
    from datetime import timedelta

    starts = study.period_starts(periods)
    days = 365.25 * study.settings.period_years
    end = starts[-1] + timedelta(days=round(days))
    if any(effect.share_in(starts[0], end) > 0 for effect in shock.effects):
        return
    message = (
        f"shock {shock.name!r} lies outside the simulated time: no effect is in force "
        f"between {starts[0]} and {end}; change its dates or --periods"
    )
    raise InputError(message)


def _rows(table: pl.DataFrame) -> list[dict[str, Any]]:
    return table.to_dicts()


def _read_json(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8"))


def _print_json(document: Any) -> None:
    json.dump(document, sys.stdout, indent=2, ensure_ascii=False, default=str)
    sys.stdout.write("\n")
