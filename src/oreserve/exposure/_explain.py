# SPDX-License-Identifier: Apache-2.0
"""From a number back to its formula, inputs, rows and sources."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl

from oreserve.errors import InputError
from oreserve.exposure._behind import DIRECT, cell_beside, rows_behind
from oreserve.exposure._definition import (
    column_of,
    definition,
    definition_of,
    name_of,
)
from oreserve.exposure._evidence import (
    evidence_counts,
    evidence_frame,
    evidence_marks,
)
from oreserve.exposure._lookup import Lookup, SourceRow
from oreserve.exposure._ranking import score_inputs
from oreserve.tables import TABLES, nearest, spec

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from oreserve.indicators import Definition
    from oreserve.study import Study

__all__ = [
    "Explanation",
    "SourceRow",
    "definition",
    "evidence_counts",
    "evidence_frame",
    "evidence_marks",
    "explain",
]

HEADS = ("assess.json", "plan.json", "outcome.json", "watch.json")
WHOLE = frozenset({"frontier", "programmes", "sensitivity", "verification"})
"""Tables of a plan whose numbers are of the plan as a whole."""
SCORED = frozenset({"ranking", "scores"})
FORMS = (
    "DIR/FILE.csv:ROW[:COLUMN] (row 1 is the first below the heading), such as "
    "out/us/cells.csv:12, DIR/FILE.json:NAME, such as out/plan/plan.json:gap, or "
    "STUDY:TABLE:KEY, such as us-2026:plants:mountain_pass"
)


@dataclass(frozen=True)
class Explanation:
    """The chain from a number to its sources.

    `value` is the number asked for, or None where a whole row was named; `row` the
    row of the result; `inputs` what the formula took; `left_out` how many further
    rows of the study the result does not name.
    """

    place: str
    name: str
    value: Any
    row: Mapping[str, Any]
    definition: Definition | None
    inputs: Mapping[str, str]
    rows: tuple[SourceRow, ...]
    warnings: tuple[str, ...] = field(default=())
    left_out: int = 0

    def figures(self) -> dict[str, Any]:
        """Return the explanation as one JSON document."""
        formula = self.definition
        return {
            "place": self.place,
            "name": self.name,
            "value": self.value,
            "row": dict(self.row),
            "formula": formula.formula if formula else None,
            "unit": formula.unit if formula else None,
            "formula_source": formula.source if formula else None,
            "inputs": dict(self.inputs),
            "rows": [vars(row) for row in self.rows],
            "rows_left_out": self.left_out,
            "warnings": list(self.warnings),
        }


def explain(value: str) -> Explanation:
    """Explain a value of a result folder or a row of a study.

    Parameters
    ----------
    value
        `DIR/FILE.csv:ROW[:COLUMN]` or `DIR/FILE.json:NAME` of a folder that assess,
        simulate, plan or watch wrote, or `STUDY:TABLE:KEY`; the parts of a key are
        joined by `/`.

    Raises
    ------
    InputError
        If there is no such file, row, column, table or key.

    Examples
    --------
    >>> found = explain("tiny:plants:usa_mine")
    >>> found.rows[0].evidence, found.rows[0].source_id
    ('assumed', 'invented')
    """
    match = re.fullmatch(r"(.+\.csv):(\d+)(?::(\w+))?", value.strip())
    if match:
        return _of_result(Path(match[1]), int(match[2]), match[3])
    match = re.fullmatch(r"(.+\.json):(\w+)", value.strip())
    if match:
        return _of_figure(Path(match[1]), match[2])
    parts = value.strip().split(":", 2)
    if len(parts) == 3 and ".csv" not in value:
        return _of_study(*parts)
    message = f"{value!r} names no value; write {FORMS}"
    raise InputError(message)


def _of_study(study_name: str, table: str, key: str) -> Explanation:
    from oreserve.study import load_study

    study = load_study(study_name)
    if table not in TABLES:
        guess = nearest(table, TABLES)
        hint = f"; did you mean {guess}?" if guess else ""
        message = f"there is no table {table!r}; allowed are {', '.join(TABLES)}{hint}"
        raise InputError(message)
    rows = Lookup(study).find(table, key)
    if not rows:
        keys = Lookup(study).keys(table)
        guess = nearest(key, keys)
        hint = f"; did you mean {guess}?" if guess else ""
        form = "/".join(spec(table).key)
        message = (
            f"study {study.name} has no row {key!r} in {table}; its keys are written "
            f"{form}{hint}"
        )
        raise InputError(message)
    return Explanation(
        place=f"{study_name}:{table}:{key}",
        name=f"{table}/{key}",
        value=None,
        row=rows[0].values,
        definition=None,
        inputs={},
        rows=tuple(rows),
    )


def _of_result(file: Path, number: int, column: str | None) -> Explanation:
    frame = _read(file)
    if not 1 <= number <= frame.height:
        held = f"rows 1 to {frame.height}" if frame.height else "no rows at all"
        message = f"{file} has {held}; {number} is none of them"
        raise InputError(message)
    if column is not None and column not in frame.columns:
        raise InputError(_unknown(file, "column", column, frame.columns))
    row = frame.row(number - 1, named=True)
    figures = _head_of(file.parent)
    study, warnings = _study_of(figures)
    asked = column or column_of(file.stem, row)
    name = name_of(file.stem, row, None if asked == "value" else asked)
    formula = definition_of(file.stem, asked, name)
    if file.stem == "evidence" and row.get("table") and row.get("key"):
        name = f"{row['table']}/{row['key']}"
    inputs = _read_inputs(row) or _named_inputs(formula, asked, row, figures)
    if file.stem in SCORED and asked == "score":
        inputs = score_inputs(row, figures.get("weights"))
    if file.stem == "ranking" and asked in DIRECT and row.get("net_item"):
        cell = cell_beside(file, str(row["net_item"]), str(asked))
        inputs = {"item": str(row["net_item"]), **_read_inputs(cell)}
    rows, left_out = rows_behind(
        file, row, study, asked, figures.get("home_countries")
    )  # fmt: skip
    warnings += _notes(file, asked if formula is None else None, row, rows)
    return Explanation(
        place=f"{file}:{number}" + (f":{column}" if column else ""),
        name=name,
        value=row[asked] if asked else None,
        row=row,
        definition=formula,
        inputs=inputs,
        rows=tuple(rows),
        warnings=tuple(warnings),
        left_out=left_out,
    )


def _of_figure(file: Path, name: str) -> Explanation:
    """Explain a figure of the head of a result: `out/plan/plan.json:gap`."""
    if file.name not in HEADS:
        message = f"{file} is none of {', '.join(HEADS)}"
        raise InputError(message)
    figures = _head_of(file.parent)
    known = [k for k, v in figures.items() if not isinstance(v, dict | list)]
    if name not in known:
        raise InputError(_unknown(file, "figure", name, known))
    _, warnings = _study_of(figures)
    formula = definition_of(file.stem, name, name)
    return Explanation(
        place=f"{file}:{name}",
        name=name,
        value=figures[name],
        row={k: figures[k] for k in known},
        definition=formula,
        inputs=_named_inputs(formula, name, figures, figures),
        rows=(),
        warnings=tuple(warnings),
    )


def _unknown(file: Path, what: str, name: str, known: Sequence[str]) -> str:
    guess = nearest(name, known)
    hint = f"; did you mean {guess}?" if guess else ""
    return f"{file} has no {what} {name!r}; allowed are {', '.join(known)}{hint}"


def _read(file: Path) -> pl.DataFrame:
    if not file.is_file():
        near = nearest(file.stem, sorted(f.stem for f in file.parent.glob("*.csv")))
        hint = f"; did you mean {file.with_name(near + '.csv')}?" if near else ""
        message = f"{file} does not exist{hint}"
        raise InputError(message)
    try:
        return pl.read_csv(file, infer_schema_length=None)
    except (pl.exceptions.PolarsError, UnicodeDecodeError) as error:
        first = str(error).splitlines()[0]
        message = f"{file} cannot be read as a table ({first})"
        raise InputError(message) from error


def _head_of(folder: Path) -> dict[str, Any]:
    """Read the head of a result: which study made it."""
    head = next((folder / h for h in HEADS if (folder / h).is_file()), None)
    if head is None:
        message = (
            f"{folder} holds none of {', '.join(HEADS)}; give a table of a folder "
            "that assess, plan, simulate or watch wrote"
        )
        raise InputError(message)
    try:
        figures = json.loads(head.read_text(encoding="utf-8"))
    except (UnicodeDecodeError, json.JSONDecodeError) as error:
        message = f"{head} is not whole JSON ({error}); run the command again"
        raise InputError(message) from error
    if not isinstance(figures, dict):
        message = f"{head} is not the head of a result; run the command again"
        raise InputError(message)
    return figures


def _study_of(figures: Mapping[str, Any]) -> tuple[Study | None, list[str]]:
    """Load the study that a result names; say so where it is another by now."""
    from oreserve.study import load_study

    folder = figures.get("study_folder")
    name = str(folder or figures.get("study"))
    if folder and not Path(str(folder)).is_dir():
        where = "" if Path(str(folder)).is_absolute() else f" (from {Path.cwd()})"
        gone = (
            f"the study folder {folder} is not there{where}: moved, renamed or deleted "
            "since; put it back, or run the command again from where it is now; its "
            "rows and sources stay unread"
        )
        return None, [gone]
    try:
        study = load_study(name)
        hashes = {study.hash}
        if figures.get("home") and figures["home"] != study.settings.home:
            hashes.add(study.with_settings(home=figures["home"]).hash)
    except InputError:
        return None, [f"study {name} is not here: its rows and sources stay unread"]
    if figures.get("study_hash") not in hashes:
        return study, [f"study {name} has changed since the result was made"]
    return study, []


def _read_inputs(row: Mapping[str, Any]) -> dict[str, str]:
    text = row.get("inputs")
    if not text:
        return {}
    pairs = (part.partition("=") for part in str(text).split("; "))
    return {name: value for name, _, value in pairs}


def _named_inputs(
    formula: Definition | None,
    column: str | None,
    row: Mapping[str, Any],
    figures: Mapping[str, Any],
) -> dict[str, str]:
    """Return what a formula names that the row, or the head of the result, holds."""
    if formula is None:
        return {}
    words = dict.fromkeys(re.findall(r"[a-z]\w+", formula.formula))
    found = {word: row.get(word, figures.get(word)) for word in words if word != column}
    return {w: str(v) for w, v in found.items() if isinstance(v, int | float)}


def _notes(
    file: Path,
    column: str | None,
    row: Mapping[str, Any],
    rows: Sequence[SourceRow],
) -> Iterator[str]:
    """Say why a column has no formula, or a row no rows of the study behind it."""
    if column is not None:
        copied = next((r for r in rows if column in r.values), None)
        if row.get("table") and row.get("key") and rows:
            yield f"{column} tells of {row['table']}/{row['key']} as it stands"
        elif copied is not None:
            yield f"{column} stands in {copied.table}/{copied.key} as it is"
        else:
            yield f"{column} names or describes the row; no formula makes it"
    if file.stem == "history":
        yield (
            "made of the files given with --history, not of the study: production "
            f"{row.get('production_source') or 'unknown'}, governance "
            f"{row.get('governance_vintage') or 'unknown'}"
        )
    if file.stem in WHOLE and not rows:
        yield (
            "made of the whole study: assumptions.csv and reconciliation.csv beside "
            "it list the rows"
        )
    if row.get("effect") and not any(r.table == "measures" for r in rows):
        yield f"{row['effect']} is no measure of the study: it comes from the shock"
