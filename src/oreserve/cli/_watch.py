# SPDX-License-Identifier: Apache-2.0
"""The command `oreserve watch`."""

from __future__ import annotations

import json
import sys
from datetime import date
from pathlib import Path  # noqa: TC003  # typer reads annotations at run time
from typing import TYPE_CHECKING, Annotated, Any

import typer

from oreserve.cli._folder import check_target, whole_folder
from oreserve.cli._guard import guarded
from oreserve.cli._options import (  # noqa: TC001  # typer reads them at run time
    HomeOption,
    JsonOption,
    OutOption,
    StudyArgument,
)

if TYPE_CHECKING:
    from oreserve.watch import Lines

__all__ = ["AT_OR_OVER", "watch_study"]

AT_OR_OVER = 10
"""Exit code: the watch was done and found alerts at or over --fail-on."""


@guarded
def watch_study(
    study: StudyArgument = "us-2026",
    *,
    on: Annotated[
        str, typer.Option(help="The day of the watch.", metavar="YYYY-MM-DD")
    ],
    since: Annotated[
        str | None,
        typer.Option(
            help="An earlier version of the study, or a day: what changed since.",
            metavar="STUDY|DATE",
        ),
    ] = None,
    within: Annotated[
        int,
        typer.Option(help="How many days ahead dates count; the last one too.", min=0),
    ] = 90,
    plan: Annotated[
        Path | None,
        typer.Option(help="Folder of a plan: what it does about each alert."),
    ] = None,
    line: Annotated[
        list[str] | None,
        typer.Option(
            help="A line to cross, such as hhi=0.5, top_share, import_reliance, "
            "price_high, price_alarm, price_split, sigmas, step or score_days; may be "
            "repeated.",
            metavar="NAME=VALUE",
        ),
    ] = None,
    fail_on: Annotated[
        str | None,
        typer.Option(
            help="Exit code 10 if an alert is at or over this level: info, notice, "
            "warning or alarm.",
            metavar="LEVEL",
        ),
    ] = None,
    out: OutOption = None,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Tell what takes effect, expires, jumped, is late or changed.

    For example:

      oreserve watch --on 2026-11-22 --out out/watch

      oreserve watch my-study --on 2026-11-22 --since us-2026 --fail-on alarm --json
    """
    if out is not None:
        check_target(out)

    from oreserve.study import load_study
    from oreserve.watch import LEVELS, watch
    from oreserve.watch._alert import at_or_over

    if fail_on is not None:
        at_or_over(LEVELS[0], fail_on)  # an unknown level is refused before the work
    found = watch(
        load_study(study, home=home),
        on=on,
        since=since,
        within_days=within,
        lines=_lines(line or []),
        plan=plan,
        seen=_seen(out),
    )
    if out is not None:
        with whole_folder(out) as folder:
            found.save(folder)
    if as_json:
        json.dump(found.as_dict(), sys.stdout, indent=2, ensure_ascii=False)
        sys.stdout.write("\n")
    else:
        typer.echo(found.summary())
        if out is not None:
            typer.echo(f"Page: {out / 'watch.html'}; dates: {out / 'calendar.ics'}")
    if fail_on is not None and found.at_or_over(fail_on):
        raise typer.Exit(AT_OR_OVER)


def _lines(words: list[str]) -> Lines:
    """Read the lines to cross; unknown names and values are refused."""
    from dataclasses import fields

    from oreserve.errors import InputError
    from oreserve.tables import nearest
    from oreserve.watch import Lines

    known = {field.name: field.type for field in fields(Lines)}
    values: dict[str, Any] = {}
    for word in words:
        name, _, text = word.partition("=")
        name = name.strip()
        if name not in known:
            guess = nearest(name, tuple(known))
            hint = f"; did you mean {guess}?" if guess else ""
            message = f"--line {word!r}: allowed are {', '.join(known)}{hint}"
            raise InputError(message)
        try:
            values[name] = int(text) if known[name] == "int" else float(text)
        except ValueError:
            message = f"--line {word!r}: {text!r} is no number; write {name}=0.5"
            raise InputError(message) from None
    return Lines(**values)


def _seen(out: Path | None) -> dict[str, date]:
    """Return when the watch that `out` already holds first had each alert."""
    if out is None or not (out / "watch.json").is_file():
        return {}
    try:
        document = json.loads((out / "watch.json").read_text(encoding="utf-8"))
        return {
            alert["id"]: date.fromisoformat(alert["first_seen"])
            for alert in document["alerts"]
        }
    except (ValueError, KeyError, TypeError):
        return {}  # not whole: it is replaced, and first seen starts anew
