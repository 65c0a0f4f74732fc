# SPDX-License-Identifier: Apache-2.0
"""The command `oreserve import`."""

from __future__ import annotations

import json
import sys
from pathlib import Path  # noqa: TC003  # typer reads annotations at run time
from typing import TYPE_CHECKING, Annotated, Any

import typer

from oreserve.cli._guard import guarded
from oreserve.cli._options import JsonOption  # noqa: TC001  # read at run time

if TYPE_CHECKING:
    from oreserve.importers import Imported

__all__ = ["import_files"]


@guarded
def import_files(
    format: Annotated[  # noqa: A002  # the word of the command line
        str,
        typer.Argument(
            metavar="FORMAT",
            help="usgs-mcs, usgs-world, usgs-salient, baci, comtrade, wgi, pink-sheet, "
            "bgs, bea, wmd, iea, hdi, icmm or csv.",
        ),
    ],
    files: Annotated[
        list[Path], typer.Argument(metavar="FILE...", help="Files of that format.")
    ],
    *,
    into: Annotated[
        Path,
        typer.Option(
            metavar="STUDY",
            help="Folder of a study; if absent, a new overlay is made there.",
        ),
    ],
    extends: Annotated[
        str, typer.Option(help="Study that a new overlay extends.", metavar="STUDY")
    ] = "us-2026",
    map_file: Annotated[
        Path | None,
        typer.Option("--map", help="YAML: columns of a csv, content shares of trade."),
    ] = None,
    year: Annotated[
        int | None,
        typer.Option(help="Year for plants, lanes and scores; default base year."),
    ] = None,
    vintage: Annotated[
        str | None, typer.Option(help="Edition, where the file does not say it.")
    ] = None,
    as_base_year: Annotated[
        bool,
        typer.Option("--as-base-year", help="Let --year stand for the base year."),
    ] = False,
    allow_older: Annotated[
        bool,
        typer.Option("--allow-older", help="Let an older edition replace a newer."),
    ] = False,
    partial: Annotated[
        bool,
        typer.Option("--partial", help="Write trade of only some codes of an item."),
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what would change; write nothing.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Bring published files into a study; all of it or nothing is written.

    For example:

      oreserve import usgs-mcs MCS2026_Commodities_Data.csv --into my-study

      oreserve import csv mines.csv --map mines.yaml --into my-study
    """
    from oreserve.importers import Options, import_into

    options = Options(
        year=year, vintage=vintage, mapping=_read_map(map_file),
        as_base_year=as_base_year, allow_older=allow_older, partial=partial,
    )  # fmt: skip
    twice = len(files) - len({f.resolve() for f in files})
    if twice:
        typer.echo(f"{twice} of the files given twice: read once", err=True)
    found = import_into(
        format, files, into, options=options, extends=extends, dry_run=dry_run
    )
    if as_json:
        json.dump(_document(found, into), sys.stdout, indent=2, ensure_ascii=False)
        sys.stdout.write("\n")
        return
    typer.echo(found.summary())
    if partial:
        typer.echo("Warning: --partial: some items have only a part of their codes")
    if dry_run:
        typer.echo(f"Nothing was written to {into}: this was a preview.")
        return
    listed = into / "imports" / f"{format}-unmapped.csv"
    typer.echo(f"Study: {into}; complete list of what was left out: {listed}")


def _document(found: Imported, into: Path) -> dict[str, Any]:
    from oreserve.importers import OTHER_TRADE

    return {
        "study": str(into),
        "rows_read": found.rows_read,
        "changes": [] if found.changes is None else _counts(found),
        "tables": {name: t.height for name, t in sorted(found.tables.items())},
        "flags": {}
        if "flag" not in found.flags.columns
        else dict(sorted(found.flags["flag"].value_counts().iter_rows())),
        "unmapped": [r for r in found.unmapped.to_dicts() if r["what"] != OTHER_TRADE],
        "other_trade": found.other_trade(),
        "sources": found.sources["source_id"].to_list(),
    }


def _counts(found: Imported) -> list[dict[str, Any]]:
    assert found.changes is not None
    counts = found.changes.group_by("table", "what").len("rows")
    return counts.sort("table", "what").to_dicts()


def _read_map(path: Path | None) -> dict[str, Any]:
    if path is None:
        return {}
    import yaml

    from oreserve.errors import InputError

    if not path.is_file():
        message = f"{path}: there is no such map (--map); allowed: a YAML file"
        raise InputError(message)
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        message = f"{path}: is no YAML that can be read: {error}"
        raise InputError(message) from None
    if not isinstance(content, dict):
        message = f"{path}: a map is needed, such as `table: plants`"
        raise InputError(message)
    return content
