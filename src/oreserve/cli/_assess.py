# SPDX-License-Identifier: Apache-2.0
"""The commands `oreserve assess` and `oreserve explain`."""

from __future__ import annotations

import json
import sys
from pathlib import Path  # noqa: TC003  # typer reads annotations at run time
from typing import TYPE_CHECKING, Annotated, Any

import typer

from oreserve.cli._folder import check_target, whole_folder
from oreserve.cli._guard import guarded
from oreserve.cli._options import (  # typer reads annotations at run time
    HomeOption,  # noqa: TC001
    JsonOption,  # noqa: TC001
    OutOption,  # noqa: TC001
    StudyArgument,  # noqa: TC001
)

if TYPE_CHECKING:
    from oreserve.exposure import Assessment, Explanation

__all__ = ["assess_study", "explain_value"]

NO_DATA = "no data"


@guarded
def assess_study(
    study: StudyArgument = "us-2026",
    *,
    mineral: Annotated[
        list[str] | None,
        typer.Option(
            "--mineral",
            "-m",
            help="Only this mineral; may be given several times.",
            metavar="NAME",
        ),
    ] = None,
    weight: Annotated[
        list[str] | None,
        typer.Option(
            help="Weight in the score, NAME=NUMBER: reliance, concentration, "
            "governance, cover; 1 each. May be given several times.",
            metavar="NAME=NUMBER",
        ),
    ] = None,
    threshold: Annotated[
        float,
        typer.Option(
            help="Score from which a mineral is called critical; three digits are "
            "shown within 0.01 of it."
        ),
    ] = 0.4,
    sort: Annotated[
        str,
        typer.Option(
            help="Order of the table: score, value (yearly use in USD) or loss (a year "
            "in which nothing is served).",
            metavar="score|value|loss",
        ),
    ] = "score",
    raw: Annotated[
        bool, typer.Option("--raw", help="Use raw figures, which may not add up.")
    ] = False,
    history: Annotated[
        Path | None,
        typer.Option(
            help="Folder of published files (BACI, WGI, BGS or USGS) of several years: "
            "writes history.csv for every country, and charts. Needs --out.",
            metavar="DIR",
        ),
    ] = None,
    years: Annotated[
        str | None,
        typer.Option(help="Years of --history; all by default.", metavar="2015-2024"),
    ] = None,
    excel: Annotated[
        bool, typer.Option("--excel", help="Write tables.xlsx as well; needs --out.")
    ] = False,
    out: OutOption = None,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Say how exposed a country or bloc is, by mineral, stage and supplier.

    For example:

      oreserve assess --home JPN --out out/japan

      oreserve assess --mineral gallium --mineral Ge --json

      oreserve assess --history files --years 2015-2024 --out out/us

    The score is an order of exposure, not of damage: sort by loss for that.
    From abroad, indirect: the part of all that stands behind home's final use of the
    mineral that was made abroad at this stage; direct: by trade, where that is not
    known. On the page, "if data miss" is the span when what is missing counts 0 and
    1, and a class "moves" where another threshold, weighting or scale changes it.
    A mineral that home does not use is not ranked ("no use").
    """
    from oreserve.exposure import UnknownMineralsError, assess
    from oreserve.report import write_assessment, write_excel
    from oreserve.study import load_study

    weights = dict(_weight(text) for text in weight or [])
    if excel and out is None:
        from oreserve.errors import InputError

        message = "--excel needs --out DIR beside it: the workbook is written there"
        raise InputError(message)
    if history is not None or years is not None:
        _check_history(history, out)
    if out is not None:
        check_target(out)
    loaded = load_study(study)
    try:
        found = assess(
            loaded, home=home, minerals=mineral, weights=weights,
            threshold=threshold, reconciled=not raw, sort=sort,
        )  # fmt: skip
    except UnknownMineralsError as error:
        if as_json:
            _print_json(error.figures(loaded.name))
        raise
    if out is not None:
        with whole_folder(out) as folder:
            found.save(folder)
            if history is not None:
                from oreserve.exposure import write_history

                write_history(loaded, history, folder, home=home, minerals=mineral,
                              years=years)  # fmt: skip
            write_assessment(folder, folder / "report.html")
            if excel:
                write_excel(folder, folder / "tables.xlsx")
    if as_json:
        _print_json(found.figures())
    else:
        _print_ranking(found)
        if out is not None:
            typer.echo(f"Report: {out / 'report.html'}")
            if history is not None:
                typer.echo(_history_line(out / "history.csv"))
    for one in found.unknown:
        typer.secho(f"Input error: {one.message}", err=True)
    if found.unknown:
        raise typer.Exit(1)


def _history_line(file: Path) -> str:
    """Say which years a history has, and which of them without any trade."""
    import polars as pl

    found = pl.read_csv(file, infer_schema_length=None)
    if not found.height:
        return f"History: {file}, no rows"
    known = pl.col("imports_t").cast(pl.Float64).fill_nan(None)
    traded = found.filter(known.is_not_null())["year"].unique()
    years = found["year"].unique().sort()
    lacking = [str(y) for y in years if y not in traded]
    none = f"; no trade in the files for {', '.join(lacking)}" if lacking else ""
    return f"History: {file}, {years[0]} to {years[-1]}{none}"


def _check_history(history: Path | None, out: Path | None) -> None:
    from oreserve.errors import InputError

    if history is None or out is None:
        missing = "--history DIR" if history is None else "--out DIR"
        given = "--years" if history is None else "--history"
        message = f"{given} needs {missing} beside it"
        raise InputError(message)


def _weight(text: str) -> tuple[str, float]:
    from oreserve.errors import InputError

    name, _, number = text.partition("=")
    try:
        return name.strip(), float(number)
    except ValueError:
        message = f"--weight {text!r}: write NAME=NUMBER, such as cover=0.5"
        raise InputError(message) from None


COLUMNS = (  # heading, side, also in a narrow terminal
    ("", "right", True), ("mineral", "left", True), ("score", "right", True),
    ("by noise", "left", False), ("most exposed", "left", True),
    ("from abroad", "left", True), ("HHI", "right", False),
    ("home keeps", "left", True), ("firm", "right", False),
    ("net", "left", False),
    ("use, t", "right", False), ("use, $m", "right", False),
    ("loss, $m", "right", False),
    ("class", "left", True), ("lists", "left", True),
)  # fmt: skip
BOUNDED = frozenset({"value", "score", "share", "hhi"})  # what low and high are of
WIDE = 196  # characters from which all columns fit; files and pipes get more
NOTES = (
    (
        "score: an order of exposure, not of damage. by noise: 5 to 95 % of 400 draws "
        "of the evidence's noise."
    ),
    (
        "from abroad: indirect through every stage behind home's use, direct by trade "
        "where that is unknown."
    ),
    (
        "home keeps: part of home's use left without (w/o) the country of origin whose "
        "loss takes most."
    ),
    (
        "firm: rows read or from a secondary source. use, loss: t and million USD a "
        "year at base prices, and if none of it is served."
    ),
    (
        "net: net import reliance of the item that home uses most, named where it is "
        "not the most exposed; as the USGS counts it (new scrap left out)."
    ),
    "class: our score and threshold, no legal list; those are under lists.",
)


def _print_ranking(found: Assessment) -> None:
    from rich.console import Console
    from rich.table import Table

    console = Console(width=None if sys.stdout.isatty() else 200)
    shown = [n for n, (*_, always) in enumerate(COLUMNS)
             if always or console.width >= WIDE]  # fmt: skip
    table = Table(
        title=f"Exposure of {found.home}, base year {found.year}, as of {found.as_of}"
    )
    for n in shown:
        heading, side, _ = COLUMNS[n]
        table.add_column(
            heading, justify="right" if side == "right" else "left",
            no_wrap=heading != "most exposed",
        )  # fmt: skip
    for row in found.ranking.iter_rows(named=True):
        cells = _ranking_cells(row, found.threshold)
        table.add_row(*(cells[n] for n in shown))
    console.print(table)
    for line in NOTES:
        typer.echo(line)
    for row in found.ranking.iter_rows(named=True):
        if row["class"] == "group":
            typer.echo(f"{row['mineral']}: {row['reason']}")
    unused = [r["mineral"] for r in found.ranking.iter_rows(named=True)
              if r["class"] == "no_use"]  # fmt: skip
    if unused:
        typer.echo(f"no use: home uses none of it in the study: {', '.join(unused)}")
    last = [line for line in found.summary().splitlines()
            if line.startswith(("next", "overdue"))]  # fmt: skip
    for line in last:
        typer.echo(line)


def _ranking_cells(row: dict[str, Any], threshold: float) -> tuple[str, ...]:
    """Return the cells of one mineral; lists also where there is no score."""
    # The page and the files give the year of each list.
    lists = ", ".join(name.split()[0] for name in (row["lists"] or "").split("; ")
                      if name)  # fmt: skip
    if row["score"] is None:
        word = {"group": "group", "no_use": "no use"}.get(row["class"], NO_DATA)
        return ("", row["mineral"], word, *[""] * (len(COLUMNS) - 5), word, lists)
    hhi, kept = row["concentration"], row["home_kept"]
    without = f" w/o {row['origin']}" if row["origin"] else ""
    return (
        str(row["rank"]),
        row["mineral"],
        _score_text(row["score"], threshold),
        f"{row['noise_low']:.2f}-{row['noise_high']:.2f}",
        row["item"],
        f"{row['reliance']:.0%} {row['reliance_kind']}",
        NO_DATA if hhi is None else f"{hhi:.2f}",
        NO_DATA if kept is None else f"{kept:.0%}{without}",
        NO_DATA if row["firm_share"] is None else f"{row['firm_share']:.0%}",
        _net(row),
        NO_DATA
        if row["use_t"] is None
        else f"{row['use_t']:,.3g}"
        if row["use_t"] < 1000
        else f"{row['use_t']:,.0f}",
        _millions(row["use_usd"]),
        _millions(row["loss_usd"]),
        str(row["class"]).replace("_", " "),
        lists,
    )


def _score_text(score: float, threshold: float) -> str:
    from oreserve.exposure import score_text

    return score_text(score, threshold)


def _net(row: dict[str, Any]) -> str:
    """Write the net reliance, with its item where that is not the most exposed."""
    share = _share(row["net_import_reliance"])
    other = row["net_item"] not in {None, row["item"]}
    return f"{share} {row['net_item']}" if other else share


def _share(value: float | None) -> str:
    return NO_DATA if value is None else f"{value:.0%}"


def _millions(value: float | None) -> str:
    """Write USD in millions with three digits, whole ones from 100 on."""
    if value is None:
        return NO_DATA
    millions = value / 1e6
    return f"{millions:,.0f}" if millions >= 100 else f"{millions:.3g}"


@guarded
def explain_value(
    value: Annotated[
        str,
        typer.Argument(
            metavar="VALUE",
            help="DIR/FILE.csv:ROW[:COLUMN] of a result (row 1 is the first below the "
            "heading), or STUDY:TABLE:KEY.",
        ),
    ],
    *,
    rows: Annotated[
        int, typer.Option(help="Rows of the study to print; 0: all.", min=0)
    ] = 20,
    as_json: JsonOption = False,
) -> None:
    """Lead a number back to its formula, inputs, rows and sources.

    For example:

      oreserve explain out/japan/cells.csv:12

      oreserve explain us-2026:lanes:gallium/CAN/USA
    """
    from oreserve.exposure import explain

    found = explain(value)
    if as_json:
        _print_json(found.figures())
        return
    for line in _lines(found, rows):
        typer.echo(line)


def _lines(found: Explanation, most: int) -> list[str]:
    keys = [f"{k}={found.row[k]}" for k in ("mineral", "item", "stage", "country",
            "year", "period", "status") if found.row.get(k) is not None]  # fmt: skip
    column = found.place.rpartition(":")[2]
    number = "" if found.value is None else f" = {found.value}"
    if found.value is None and found.row.get("status") in {"no_data", "no_use"}:
        number = f" = {str(found.row['status']).replace('_', ' ')}"
    lines = [f"{found.name}{number}", f"  at {found.place}", f"  {', '.join(keys)}"]
    is_bounded = column.isdigit() or column in BOUNDED
    if found.row.get("low") is not None and is_bounded:
        lines.append(f"  from {found.row['low']} to {found.row['high']}")
    if found.row.get("reason"):
        lines.append(f"  because {found.row['reason']}")
    formula = found.definition
    if formula is not None:
        lines += [f"formula: {formula.formula} (unit {formula.unit})",
                  f"  after {formula.source}"]  # fmt: skip
    if found.inputs:
        lines.append("inputs:")
        lines += [f"  {k} = {v}" for k, v in found.inputs.items()]
    lines += [f"warning: {text}" for text in found.warnings]
    shown = found.rows if most == 0 else found.rows[:most]
    if shown:
        lines.append("rows of the study:")
    for row in shown:
        values = ", ".join(f"{k} {v}" for k, v in row.values.items())
        lines.append(f"  {row.table}/{row.key} [{row.evidence or 'no mark'}]: {values}")
        if row.source_id:
            about = ", ".join(filter(None, (row.title, row.publisher, row.date)))
            lines.append(f"    source {row.source_id}: {about or 'not in sources'}")
        if row.url:
            lines.append(f"    {row.url}")
        if row.note:
            lines.append(f"    note: {row.note}")
    hidden = len(found.rows) - len(shown) + found.left_out
    if hidden:
        lines.append(f"  and {hidden} more rows; --rows 0 shows all that are named")
    return lines


def _print_json(document: Any) -> None:
    json.dump(document, sys.stdout, indent=2, ensure_ascii=False, default=str)
    sys.stdout.write("\n")
