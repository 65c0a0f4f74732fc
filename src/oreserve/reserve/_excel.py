# SPDX-License-Identifier: Apache-2.0
"""Take lots, contracts and deliveries in from a workbook: all of it or nothing.

A row becomes one command, with a key made of what it says: the same row again, in
the same file or another, is known and adds nothing. Two equal rows of one file are
two things. First every cell is read and every problem told at once, with sheet, row
and column; then all commands run together in one transaction, which a preview takes
back and an import keeps.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from dataclasses import asdict, dataclass
from datetime import date, timedelta
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import select

from oreserve.errors import InputError
from oreserve.reserve._audit import canonical
from oreserve.reserve._book import Actor
from oreserve.reserve._commands import lookup, parse
from oreserve.reserve._database import connect
from oreserve.reserve._errors import NotFound, Refused
from oreserve.reserve._read_workbook import read_workbook
from oreserve.reserve._roles import allows, roles_for
from oreserve.reserve._second_person import PROPOSED
from oreserve.reserve._sheets import Sheet, SheetColumn, sheets
from oreserve.reserve._template import known_names
from oreserve.reserve._unit import Receipt, Request
from oreserve.reserve._unpack import checked_bytes
from oreserve.reserve._views import source_of
from oreserve.tables import choices, nearest

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from oreserve.errors import OreserveError
    from oreserve.reserve._reserve import Reserve

__all__ = [
    "MOST_ROWS",
    "Imported",
    "Line",
    "Problem",
    "WorkbookError",
    "import_workbook",
]

MOST_ROWS: Final = 3_000  # of all sheets: nobody else writes meanwhile
SHOWN: Final = 20  # problems that a message lists
_IGNORED: Final = frozenset({"instructions", "lists"})  # sheets of the template
_TWO_PERSONS: Final = (
    "this takes two persons by now: two give the command {} outside a workbook"
)
_DIGITS: Final = 15  # that Excel keeps of a number
_EPOCH: Final = date(1899, 12, 30)  # day 0 of Excel


@dataclass(frozen=True)
class Problem:
    """What is wrong with a cell, a row, a column or a sheet.

    Parameters
    ----------
    sheet, row, column
        Where: the row as Excel numbers it, 0 for a whole sheet; column empty for a
        whole row.
    value
        What is there.
    problem
        What is wrong with it.
    allowed
        What would be allowed.
    nearest
        The nearest of it; empty: none is near.
    """

    sheet: str
    row: int
    column: str
    value: str
    problem: str
    allowed: str = ""
    nearest: str = ""

    def __str__(self) -> str:
        where = f"{self.sheet}" + (f", row {self.row}" if self.row else "")
        where += f", {self.column}" if self.column else ""
        value = f" {self.value!r}" if self.value else ""
        allowed = f"; allowed: {self.allowed}" if self.allowed else ""
        guess = f"; nearest: {self.nearest}" if self.nearest else ""
        return f"{where}:{value} {self.problem}{allowed}{guess}".replace(":  ", ": ")


class WorkbookError(Refused):
    """A workbook has problems; nothing of it was written.

    Parameters
    ----------
    problems
        All of them, in the order of the file.
    """

    def __init__(self, problems: list[Problem]) -> None:
        lines = [f"  {problem}" for problem in problems[:SHOWN]]
        if len(problems) > SHOWN:
            lines.append(f"  and {len(problems) - SHOWN} more")
        count = f"{len(problems)} problem{'s' * (len(problems) > 1)}"
        message = f"the workbook has {count}, nothing was written:\n" + "\n".join(lines)
        super().__init__("workbook", message, [asdict(one) for one in problems])
        self.problems = problems


@dataclass(frozen=True)
class Line:
    """One row of a workbook and what it does.

    Parameters
    ----------
    sheet, row
        Where it is.
    command, arguments
        What it commands.
    result
        What the command returns, such as the lot's name.
    is_known
        Whether the row was taken in before: nothing is written for it.
    """

    sheet: str
    row: int
    command: str
    arguments: dict[str, Any]
    result: dict[str, Any]
    is_known: bool


@dataclass(frozen=True)
class Imported:
    """What a workbook would write, or has written.

    Parameters
    ----------
    lines
        One per row that is filled, in the order of the file.
    is_written
        False: a preview.
    """

    lines: tuple[Line, ...]
    is_written: bool

    @property
    def new(self) -> int:
        """Number of rows that are new."""
        return sum(not line.is_known for line in self.lines)

    def summary(self) -> str:
        """Return what happens, one line per sheet and one for what follows."""
        told = []
        for sheet in sheets():
            rows = [line for line in self.lines if line.sheet == sheet]
            if rows:
                known = sum(line.is_known for line in rows)
                told.append(f"{sheet}: {len(rows) - known} new, {known} known already")
        if not told:
            told.append("no sheet has a filled row")
        if self.is_written:
            told.append(f"{self.new} rows written")
        else:
            told.append("Nothing was written: this was a preview")
        return "\n".join(told)


@dataclass(frozen=True)
class _Row:
    """A filled row: where it is and its cells as texts."""

    sheet: Sheet
    number: int
    cells: dict[str, str]


def import_workbook(
    reserve: Reserve,
    source: Path | str | bytes,
    *,
    actor: str,
    reason: str,
    write: bool = False,
) -> Imported:
    """Preview a workbook, or take it in.

    Parameters
    ----------
    reserve
        Where it goes.
    source
        A file of Excel, or its bytes.
    actor
        Who takes it in; the role table decides about each command.
    reason
        Why, for the audit trail.
    write
        False: run everything and take it back, to see what would be written.

    Raises
    ------
    WorkbookError
        If any row has a problem: all of them at once, and nothing is written.
    Refused
        If the actor may not take in workbooks.
    InputError
        If the file is none, is too large, or is no workbook.
    """
    roles = _checked_roles(reserve, actor)
    problems: list[Problem] = []
    rows = _filled_rows(checked_bytes(source), problems)
    # Names that the actor may not read are left to the command to judge: who may not
    # give it either learns nothing, not even which names there are.
    views = reserve.query.views(Actor(actor, roles, None))
    known = known_names(reserve.engine, readable={view.name for view in views})
    requests: list[tuple[_Row, Request]] = []
    seen: Counter[str] = Counter()
    for row in rows:
        arguments = _arguments(row, known, problems)
        if arguments is not None:
            key = _key(row, arguments, seen)
            request = Request(row.sheet.command, arguments, actor, reason, key)
            requests.append((row, request))
    problems += _taken_by_others(reserve, requests, actor)
    if problems:
        raise WorkbookError(_sorted(problems))
    asked = [request for _, request in requests]
    # A rehearsal first: a row that would only be proposed must not be written.
    outcomes = reserve.execute_all(asked, write=False)
    lines = []
    for (row, request), outcome in zip(requests, outcomes, strict=True):
        if isinstance(outcome, Receipt) and outcome.result == PROPOSED:
            problems.append(_refusal(row, _TWO_PERSONS.format(request.command)))
        elif isinstance(outcome, Receipt):
            lines.append(_line(row, request, outcome))
        else:
            problems.append(_refusal(row, _told(row, outcome, known)))
    if problems:
        raise WorkbookError(_sorted(problems))
    if write:
        lines = []
        written = reserve.execute_all(asked, write=True)
        for (row, request), outcome in zip(requests, written, strict=True):
            if not isinstance(outcome, Receipt):  # changed since the rehearsal
                raise WorkbookError([_refusal(row, _told(row, outcome, known))])
            lines.append(_line(row, request, outcome))
    return Imported(tuple(lines), is_written=write)


def _checked_roles(reserve: Reserve, actor: str) -> frozenset[str]:
    """Return the roles of who takes a workbook in; refuse who may not."""
    roles, users = source_of("user_roles", ""), source_of("users", "")
    query = select(roles.c.role).join(users, users.c.user == roles.c.user)
    query = query.where(users.c.user == actor, users.c.active)
    with connect(reserve.engine) as connection:
        held = set(connection.execute(query).scalars())
    if not allows(held, "import_excel"):
        may = roles_for("import_excel")
        message = f"{actor} may not take in a workbook: it needs {' or '.join(may)}"
        raise Refused(rule="role", message=message, allowed=list(may))
    return frozenset(held)


# --- Reading the file -------------------------------------------------------------


def _filled_rows(content: bytes, problems: list[Problem]) -> list[_Row]:
    """Return the rows that have a value, in the order of the sheets."""
    book = read_workbook(content, sheets())
    if book is None:
        message = (
            "this is no workbook that can be read, or it takes too much memory or "
            "time; save it as .xlsx"
        )
        raise InputError(message)
    rows: list[_Row] = []
    for read in book:
        name = read.name
        sheet = sheets().get(name.strip().lower())
        if sheet is None:
            if name.strip().lower() not in _IGNORED:
                problems.append(
                    Problem(
                        name, 0, "", "", "there is no such sheet", ", ".join(sheets()),
                        nearest(name.lower(), sheets()) or "",
                    )
                )  # fmt: skip
            continue
        if read.problem:
            problems.append(Problem(name, 0, "", "", f"cannot be read: {read.problem}"))
            continue
        rows += _rows_of(sheet, read.rows, problems)
    if len(rows) > MOST_ROWS:
        message = f"the workbook has {len(rows)} rows, at most {MOST_ROWS}: split it"
        raise InputError(message)
    return rows


def _rows_of(
    sheet: Sheet, table: list[list[str | None]], problems: list[Problem]
) -> Iterable[_Row]:
    """Return the filled rows of a sheet; check the names of its columns."""
    texts = [[(cell or "").strip() for cell in row] for row in table]
    start = next((k for k, row in enumerate(texts) if any(row)), None)
    if start is None:
        return []
    head = [name.lower() for name in texts[start]]
    filled = [(k + 1, row) for k, row in enumerate(texts) if k > start and any(row)]
    if not filled:
        return []
    known = [column.name for column in sheet.columns]
    for name, count in sorted(Counter(name for name in head if name).items()):
        if name not in known:
            problems.append(
                Problem(
                    sheet.name, start + 1, name, "", "there is no such column",
                    ", ".join(known), nearest(name, known) or "",
                )
            )  # fmt: skip
        elif count > 1:
            problems.append(Problem(sheet.name, start + 1, name, "", "is there twice"))
    missing = [c.name for c in sheet.columns if c.required and c.name not in head]
    problems.extend(
        Problem(sheet.name, start + 1, name, "", "this column is needed and missing")
        for name in missing
    )
    if missing:
        return []
    for number, row in filled:
        problems.extend(
            Problem(sheet.name, number, "", cell, "stands in a column without a name")
            for name, cell in zip(head, row, strict=True)
            if cell and not name
        )
    return [
        _Row(sheet, number, {n: c for n, c in zip(head, row, strict=True) if n and c})
        for number, row in filled
    ]


# --- From cells to commands -------------------------------------------------------


def _arguments(
    row: _Row, known: Mapping[str, tuple[str, ...]], problems: list[Problem]
) -> dict[str, Any] | None:
    """Return a row as arguments of its command; None if it has a problem."""
    before = len(problems)
    given: dict[str, Any] = {}
    for column in row.sheet.columns:
        cell = row.cells.get(column.name)
        if cell is None:
            if column.required:
                problems.append(_cell_problem(row, column, "", "a value is needed"))
            continue
        value = _value(row, column, cell, problems)
        if value is None:
            continue
        if column.table in known and value not in known[column.table]:
            problems.append(_unknown(row, column, cell, known[column.table]))
            continue
        given[column.argument] = value
    if len(problems) > before:
        return None
    try:
        parse(lookup(row.sheet.command), given)
    except Refused as refused:
        problems += _refused_arguments(row, refused)
        return None
    return given


def _value(
    row: _Row, column: SheetColumn, cell: str, problems: list[Problem]
) -> Any | None:
    """Return a cell in the type of its column; None if it has a problem."""
    if column.allowed:
        if cell in column.allowed:
            return cell
        problems.append(_unknown(row, column, cell, column.allowed))
        return None
    found = _read(column.kind, cell, column.argument)
    if isinstance(found, _Wrong):
        problems.append(
            _cell_problem(row, column, cell, found.problem, allowed=found.allowed)
        )
        return None
    return found


@dataclass(frozen=True)
class _Wrong:
    """Why a cell cannot be read."""

    problem: str
    allowed: str


def _read(kind: str, cell: str, argument: str) -> Any:
    """Read a cell; `_Wrong` if it is none of the kind."""
    if kind == "text":
        return cell
    if kind == "date":
        return _read_day(cell)
    if kind == "boolean":
        words = {"true": True, "yes": True, "1": True, "false": False, "no": False}
        words["0"] = False
        found = words.get(cell.lower())
        return _Wrong("is no yes or no", "true, false") if found is None else found
    number = _decimal(cell)
    if number is None:
        return _Wrong("is no number", "a number, such as 12.5")
    if kind == "number":
        return float(number)
    factor = 1
    if kind == "exact":
        factor = 1_000_000 if argument.endswith("grams") else 100
    exact = number * factor
    if exact != exact.to_integral_value():
        finest = {1: "a whole number", 100: "at most 2 decimals"}
        return _Wrong("is too fine", finest.get(factor, "at most 6 decimals: grams"))
    return int(exact)


def _decimal(cell: str) -> Decimal | None:
    """Read a number to the digits that Excel keeps; 0.1 + 0.2 is 0.3 there."""
    try:
        number = Decimal(cell)
    except InvalidOperation:
        return None
    if not number.is_finite() or abs(number.adjusted()) > 30:
        return None
    digits = len(number.as_tuple().digits)
    if digits <= _DIGITS:
        return number
    rounded = Decimal(f"{number:.{_DIGITS - 1}e}")
    # Long whole numbers are meant as they are; only fractions carry such dust.
    return number if number == number.to_integral_value() else rounded


def _read_day(cell: str) -> str | _Wrong:
    text = cell.removesuffix(" 00:00:00").removesuffix("T00:00:00")
    try:
        day = date.fromisoformat(text)
    except ValueError:
        hint = ""
        number = _decimal(cell)
        if number is not None and 20_000 <= number <= 80_000:
            hint = f" (day {number} of Excel is {_EPOCH + timedelta(days=int(number))})"
        allowed = f"a cell with a date, or a text such as 2026-03-31{hint}"
        return _Wrong("is no day", allowed)
    return day.isoformat()


def _key(row: _Row, arguments: dict[str, Any], seen: Counter[str]) -> str:
    """Return the key of a row: what it says, and the how-manieth such row it is."""
    said = canonical({"sheet": row.sheet.name, "arguments": arguments})
    digest = hashlib.sha256(said.encode()).hexdigest()[:40]
    seen[digest] += 1
    return f"workbook:{digest}:{seen[digest]}"


def _taken_by_others(
    reserve: Reserve, requests: list[tuple[_Row, Request]], actor: str
) -> list[Problem]:
    """Find rows that another user has taken in: keys are each user's own."""
    audit = source_of("audit", "")
    rows = {request.key: row for row, request in requests}
    keys = sorted(rows)
    found = []
    with connect(reserve.engine) as connection:
        for start in range(0, len(keys), 500):
            query = select(audit.c.key, audit.c.actor, audit.c.sequence).where(
                audit.c.key.in_(keys[start : start + 500]), audit.c.actor != actor
            )
            for key, other, sequence in connection.execute(query):
                told = f"{other} took this row in already (entry {sequence})"
                found.append(_refusal(rows[key], told))
    return found


# --- Telling ----------------------------------------------------------------------


def _line(row: _Row, request: Request, receipt: Receipt) -> Line:
    return Line(
        sheet=row.sheet.name,
        row=row.number,
        command=request.command,
        arguments=dict(request.arguments),
        result=receipt.result,
        is_known=receipt.repeated,
    )


def _cell_problem(
    row: _Row, column: SheetColumn, cell: str, problem: str, *, allowed: str = ""
) -> Problem:
    told = allowed or column.meaning
    return Problem(row.sheet.name, row.number, column.name, cell[:80], problem, told)


def _unknown(
    row: _Row, column: SheetColumn, cell: str, allowed: Iterable[str]
) -> Problem:
    names = list(allowed)
    what = column.table.replace("_", " ") or "the allowed words"
    return Problem(
        row.sheet.name,
        row.number,
        column.name,
        cell[:80],
        f"is none of {what}",
        choices(cell, names).removeprefix("allowed: "),
        nearest(cell, names) or "",
    )


def _refusal(row: _Row, told: str) -> Problem:
    return Problem(row.sheet.name, row.number, "", "", told)


def _told(
    row: _Row, refused: OreserveError, known: Mapping[str, tuple[str, ...]]
) -> str:
    """Say why a row was refused, but no names that the actor may not read."""
    hidden = [c.name for c in row.sheet.columns if c.table and c.table not in known]
    if hidden and isinstance(refused, NotFound):
        return f"names a thing that is not there: look at {', '.join(hidden)}"
    return str(refused)


def _refused_arguments(row: _Row, refused: Refused) -> list[Problem]:
    """Return the problems of arguments under the names of their columns."""
    columns = {column.argument: column for column in row.sheet.columns}
    found = []
    allowed = refused.allowed if isinstance(refused.allowed, list) else []
    for one in allowed:
        column = columns.get(str(one["argument"]).split(".")[0])
        if column is None:
            found.append(_refusal(row, str(one["problem"])))
            continue
        cell = row.cells.get(column.name, "")
        found.append(_cell_problem(row, column, cell, str(one["problem"])))
    return found or [_refusal(row, str(refused))]


def _sorted(problems: list[Problem]) -> list[Problem]:
    """Return problems in the order of the file."""
    order = {name: place for place, name in enumerate(sheets())}
    return sorted(problems, key=lambda p: (order.get(p.sheet, -1), p.row, p.column))
