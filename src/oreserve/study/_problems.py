# SPDX-License-Identifier: Apache-2.0
"""What is wrong with a study, as rows, and the error that carries them."""

from __future__ import annotations

from dataclasses import astuple, dataclass, field, fields
from typing import Literal

import polars as pl

from oreserve.errors import InputError

Severity = Literal["error", "warning"]
_SHOWN = 40


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong, with its place; `row` counts the header as 1."""

    severity: Severity
    table: str
    row: int | None
    column: str
    value: str
    problem: str
    allowed: str = ""
    nearest: str = ""
    file: str = ""

    @property
    def text(self) -> str:
        """One line for a user: where, what, what is allowed, nearest match."""
        place = [self.file or self.table]
        if self.row is not None:
            place.append(f"row {self.row}")
        if self.column:
            place.append(f"column {self.column}")
        line = f"{self.severity}: {', '.join(place)}: {self.problem}"
        if self.value:
            line += f" (value {self.value!r})"
        if self.allowed:
            line += f"; allowed: {self.allowed}"
        if self.nearest:
            line += f"; did you mean {self.nearest!r}?"
        return line


_SCHEMA: dict[str, pl.DataType] = {
    f.name: pl.Int64() if f.name == "row" else pl.String() for f in fields(Problem)
}


@dataclass
class Problems:
    """A growing list of problems; checks append, nobody reads until the end."""

    rows: list[Problem] = field(default_factory=list)

    def add(self, problem: Problem) -> None:
        """Append one problem."""
        self.rows.append(problem)

    def error(self, table: str, problem: str, **place: object) -> None:
        """Append an error; `place` may give row, column, value, allowed, nearest."""
        self.add(_make("error", table, problem, place))

    def warn(self, table: str, problem: str, **place: object) -> None:
        """Append a warning."""
        self.add(_make("warning", table, problem, place))

    @property
    def has_errors(self) -> bool:
        """Whether any of them is an error."""
        return any(p.severity == "error" for p in self.rows)

    def frame(self) -> pl.DataFrame:
        """Return the problems as a frame, errors first, then by table and row."""
        ordered = sorted(
            set(self.rows),
            key=lambda p: (
                p.severity,
                p.table,
                p.row or 0,
                p.column,
                p.problem,
                p.value,
                p.file,
            ),
        )
        return pl.DataFrame([astuple(p) for p in ordered], schema=_SCHEMA, orient="row")


def _make(
    severity: Severity, table: str, problem: str, place: dict[str, object]
) -> Problem:
    row = place.get("row")

    def text(name: str) -> str:
        value = place.get(name)
        return "" if value is None else str(value)

    return Problem(
        severity=severity,
        table=table,
        row=int(str(row)) if row is not None else None,
        column=text("column"),
        value=text("value"),
        problem=problem,
        allowed=text("allowed"),
        nearest=text("nearest"),
        file=text("file"),
    )


def lines(frame: pl.DataFrame) -> list[str]:
    """Return one line per problem of a frame made by `Problems.frame`."""
    return [Problem(**row).text for row in frame.iter_rows(named=True)]


class StudyError(InputError):
    """A study cannot be used; `problems` lists everything that is wrong with it."""

    def __init__(self, message: str, problems: pl.DataFrame | None = None) -> None:
        super().__init__(message)
        self.problems = Problems().frame() if problems is None else problems


def study_error(name: str, problems: pl.DataFrame) -> StudyError:
    """Return the error that lists the errors of a study."""
    errors = problems.filter(pl.col("severity") == "error")
    count = errors.height
    head = f"study {name}: {count} error{'s' if count != 1 else ''}"
    shown = lines(errors.head(_SHOWN))
    if count > _SHOWN:
        shown.append(f"... and {count - _SHOWN} more; `oreserve check` lists all")
    return StudyError("\n".join([head, *shown]), problems)


@dataclass(frozen=True)
class CheckReport:
    """Everything that is wrong with a study; `ok` if nothing keeps it from loading.

    `problems` has severity, table, row, column, value, problem, allowed, nearest
    and file. Of an overlay it leaves out the warnings that `base`, the study that
    it extends, has without it; `base_warnings` is their number.
    """

    name: str
    problems: pl.DataFrame
    base: str | None = None
    base_warnings: int = 0

    @property
    def ok(self) -> bool:
        """Whether the study loads: there may be warnings, but no error."""
        return not (self.problems["severity"] == "error").any()

    def summary(self) -> str:
        """Return the verdict and one line per problem."""
        errors = self.problems.filter(pl.col("severity") == "error").height
        warnings = self.problems.height - errors
        verdict = "loads" if self.ok else "does not load"
        head = f"{self.name}: {verdict}; {errors} errors, {warnings} warnings"
        left_out = []
        if self.base_warnings:
            left_out.append(
                f"left out: {self.base_warnings} warnings of the study that it "
                f"extends; `oreserve check {self.base}` lists them"
            )
        return "\n".join([head, *lines(self.problems), *left_out])
