# SPDX-License-Identifier: Apache-2.0
"""The commands `oreserve assess` and `oreserve explain`."""

from __future__ import annotations

import json
import sys
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
        float, typer.Option(help="Score from which a mineral is called critical.")
    ] = 0.4,
    raw: Annotated[
        bool, typer.Option("--raw", help="Use raw figures, which may not add up.")
    ] = False,
    excel: Annotated[
        bool, typer.Option("--excel", help="Write tables.xlsx as well.")
    ] = False,
    out: OutOption = None,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Say how exposed a country or bloc is, by mineral, stage and supplier.

    For example:

      oreserve assess --home JPN --out out/japan

      oreserve assess --mineral gallium --mineral Ge --json
    """
    from oreserve.exposure import assess
    from oreserve.report import write_assessment, write_excel
    from oreserve.study import load_study

    weights = dict(_weight(text) for text in weight or [])
    if out is not None:
        check_target(out)
    found = assess(
        load_study(study),
        home=home,
        minerals=mineral,
        weights=weights,
        threshold=threshold,
        reconciled=not raw,
    )
    if out is not None:
        with whole_folder(out) as folder:
            found.save(folder)
            write_assessment(folder, folder / "report.html")
            if excel:
                write_excel(folder, folder / "tables.xlsx")
    if as_json:
        _print_json(found.figures())
    else:
        _print_ranking(found)
        if out is not None:
            typer.echo(f"Report: {out / 'report.html'}")
    for one in found.unknown:
        typer.secho(f"Input error: {one.message}", err=True)
    if found.unknown:
        raise typer.Exit(1)


def _weight(text: str) -> tuple[str, float]:
    from oreserve.errors import InputError

    name, _, number = text.partition("=")
    try:
        return name.strip(), float(number)
    except ValueError:
        message = f"--weight {text!r}: write NAME=NUMBER, such as cover=0.5"
        raise InputError(message) from None


def _print_ranking(found: Assessment) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table(title=f"Exposure of {found.home}, base year {found.year}")
    for heading in ("", "mineral", "score", "if data miss", "most exposed", "abroad",
                    "HHI", "class", "moves"):  # fmt: skip
        right = heading in {"", "score", "abroad", "HHI", "moves"}
        table.add_column(heading, justify="right" if right else "left")
    for row in found.ranking.iter_rows(named=True):
        if row["score"] is None:
            table.add_row("", row["mineral"], NO_DATA, "", "", "", "", NO_DATA, "")
            continue
        hhi = row["concentration"]
        table.add_row(
            str(row["rank"]),
            row["mineral"],
            f"{row['score']:.2f}",
            f"{row['low']:.2f}-{row['high']:.2f}",
            f"{row['item']} ({row['stage']})",
            f"{row['reliance']:.0%}",
            NO_DATA if hhi is None else f"{hhi:.2f}",
            str(row["class"]).replace("_", " "),
            str(row["changes"]),
        )
    width = None if sys.stdout.isatty() else 110
    Console(width=width).print(table)
    last = [line for line in found.summary().splitlines() if line.startswith("next")]
    for line in last:
        typer.echo(line)


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
    number = "" if found.value is None else f" = {found.value}"
    lines = [f"{found.name}{number}", f"  at {found.place}", f"  {', '.join(keys)}"]
    if found.row.get("low") is not None and found.value is not None:
        lines.append(f"  from {found.row['low']} to {found.row['high']}")
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
