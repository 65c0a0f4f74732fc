# SPDX-License-Identifier: Apache-2.0
"""Write a reserve as a Data Package, as much of it as a reader may see.

Three levels. `full`: every table but those of sign-in. `partner`: stock, lots,
contracts and deliveries without prices, persons, members or depots. `public`: tonnes
by item, rounded, where at least three different things of at least three different
suppliers stand behind them: rows are not counted, for one contract may have many. The
file
``tables/reserve_redaction.csv`` says for each column of each table what happens to
it below `full`: ``keep``, ``drop``, ``round`` (two significant digits) or
``aggregate`` (summed over rows that agree in the kept columns). **A column that the
file does not name is dropped**, so a new column is never published by mistake.

The folder appears whole or not at all, and shows one state of the reserve: its head
(number and hash of the newest audit entry) is in ``export.json``.
"""

from __future__ import annotations

import csv
import hashlib
import json
import re
from collections import defaultdict
from dataclasses import dataclass
from functools import cache
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal, get_args

from sqlalchemy import select

from oreserve.reserve._audit import time_text
from oreserve.reserve._cells import csv_line
from oreserve.reserve._database import connect
from oreserve.reserve._errors import Refused
from oreserve.reserve._views import Column, described, ordered, source_of, views
from oreserve.study import whole_folder
from oreserve.tables import choices, nearest

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from datetime import datetime

    from sqlalchemy import Connection, Engine, FromClause

__all__ = ["LEVELS", "Exported", "redaction", "round_two_digits", "write_export"]

Level = Literal["full", "partner", "public"]
Treatment = Literal["keep", "drop", "round", "aggregate"]

LEVELS: Final[tuple[str, ...]] = get_args(Level)
MARKER: Final = "export.json"  # an older export, and nothing else, is replaced
FEWEST: Final = 3  # things, and suppliers, behind a sum; fewer would tell a single one
_BEHIND: Final = {
    "contracts": ("contract", "producer"),
    "deliveries_due": ("contract", "producer"),
    "releases": ("release_id",),
}
"""Columns of which each must hold that many different values behind a sum."""
_TYPES: Final = {"text": "string"}


@dataclass(frozen=True)
class Exported:
    """What an export wrote.

    Parameters
    ----------
    folder
        Where.
    level
        How much of it.
    head
        ``sequence:hash`` of the newest audit entry that it shows.
    rows
        Rows by table; a table that a level leaves out is not there.
    """

    folder: Path
    level: str
    head: str
    rows: dict[str, int]


@cache
def redaction() -> dict[tuple[str, str, str], Treatment]:
    """Return what happens to (table, column, level), for levels below full.

    Raises
    ------
    ValueError
        If the file is damaged: an unknown word or a repeated row.
    """
    path = resources.files("oreserve.tables") / "reserve_redaction.csv"
    found: dict[tuple[str, str, str], Treatment] = {}
    reader = csv.DictReader(path.read_text(encoding="utf-8").splitlines())
    for row in reader:
        for level in ("partner", "public"):
            key, word = (row["table"], row["column"], level), row[level]
            if key in found or word not in get_args(Treatment):
                message = f"reserve_redaction.csv: {key} repeated, or {word!r} unknown"
                raise ValueError(message)
            found[key] = word  # type: ignore[assignment]  # checked just above
    return found


def round_two_digits(number: int) -> int:
    """Round a whole number to two significant digits, half to even.

    Examples
    --------
    >>> round_two_digits(1_234_567), round_two_digits(85_500), round_two_digits(7)
    (1200000, 86000, 7)
    """
    return round(number, 2 - len(str(abs(number))))


def write_export(
    engine: Engine, folder: Path | str, *, level: str, now: datetime
) -> Exported:
    """Write a Data Package of a reserve.

    Parameters
    ----------
    engine
        The reserve's database.
    folder
        A new or empty folder, or an earlier export, which is replaced.
    level
        full, partner or public.
    now
        Time of the export, UTC.

    Raises
    ------
    Refused
        If there is no such level.
    InputError
        If the folder holds other files or cannot be written; nothing is left.
    """
    if level not in LEVELS:
        guess = nearest(level, LEVELS)
        hint = f"; did you mean {guess}?" if guess else ""
        message = f"--level {level!r} is unknown; {choices(level, LEVELS)}{hint}"
        raise Refused(rule="level", message=message, allowed=list(LEVELS))
    target = Path(folder)
    with whole_folder(target, marker=MARKER) as made, connect(engine) as connection:
        head, name = _head(connection), _name(connection)
        resources_ = [
            one
            for table in sorted(views())
            if (one := _write_table(connection, made, table, level, now)) is not None
        ]
        about = {
            "level": level,
            "reserve": name,
            "head": head,
            "created": time_text(now),
            "rows": {one["name"]: one["rows"] for one in resources_},
        }
        package = {
            "$schema": "https://datapackage.org/profiles/2.0/datapackage.json",
            "name": _slug(name, level),
            "title": f"{name}, {level} export",
            "created": time_text(now),
            "head": head,
            "resources": resources_,
        }
        _write_json(made / MARKER, about)
        _write_json(made / "datapackage.json", package)
        text = _readme(name, level, head, time_text(now), resources_)
        (made / "README.md").write_text(text, encoding="utf-8")
    rows = {one["name"]: one["rows"] for one in resources_}
    return Exported(target, level, head, rows)


# --- One table --------------------------------------------------------------------


def _write_table(
    connection: Connection, made: Path, table: str, level: str, now: datetime
) -> dict[str, Any] | None:
    """Write a table as CSV; return what the Data Package says of it."""
    source = source_of(table, now.date().isoformat())
    treatments = {c.name: _treatment(table, c.name, level) for c in source.c}
    shown = [described(c) for c in source.c if treatments[c.name] != "drop"]
    if not shown:
        return None
    if "aggregate" in treatments.values():
        behind = _BEHIND[table]
        rows = _read(connection, table, source, [*behind, *(c.name for c in shown)])
        shown, rows = _summed(shown, rows, treatments, behind=len(behind))
    else:
        rows = _read(connection, table, source, [c.name for c in shown])
        if table == "stock" and "round" in treatments.values():
            rows = _many_behind(connection, shown, rows)
    path = made / f"{table}.csv"
    digest, count = hashlib.sha256(), 0
    with path.open("w", encoding="utf-8", newline="") as file:
        for number, cells in enumerate(_with_head(shown, rows, treatments)):
            line = csv_line(cells)
            file.write(line)
            digest.update(line.encode())
            count = number
    return {
        "name": table,
        "type": "table",
        "path": path.name,
        "format": "csv",
        "mediatype": "text/csv",
        "encoding": "utf-8",
        "description": views()[table].description,
        "bytes": path.stat().st_size,
        "hash": f"sha256:{digest.hexdigest()}",
        "rows": count,
        "schema": {"fields": [_field(c, treatments) for c in shown]},
    }


def _treatment(table: str, column: str, level: str) -> Treatment:
    """Return what happens to a column; one that nobody decided on is dropped."""
    return (
        "keep" if level == "full" else redaction().get((table, column, level), "drop")
    )


def _read(
    connection: Connection, table: str, source: FromClause, names: Iterable[str]
) -> Iterator[tuple[Any, ...]]:
    """Yield the named columns of all rows in the order of the key."""
    query = select(*(source.c[name] for name in names)).order_by(
        *(ordered(source.c[name]) for name in views()[table].key)
    )
    streamed = connection.execution_options(yield_per=1000).execute(query)
    for row in streamed:
        yield tuple(row)


def _summed(
    shown: list[Column],
    rows: Iterable[tuple[Any, ...]],
    treatments: dict[str, Treatment],
    *,
    behind: int,
) -> tuple[list[Column], Iterator[tuple[Any, ...]]]:
    """Sum rows that agree in the kept columns; a sum over few things is left out.

    The first `behind` values of a row are what its things are told apart by.
    """
    kept = [k for k, c in enumerate(shown) if treatments[c.name] != "aggregate"]
    added = [k for k, c in enumerate(shown) if treatments[c.name] == "aggregate"]
    groups: dict[tuple[Any, ...], list[tuple[Any, ...]]] = defaultdict(list)
    for row in rows:
        groups[tuple(row[k + behind] for k in kept)].append(row)
    columns = [shown[k] for k in kept] + [Column("rows", "integer", "")]
    columns += [shown[k] for k in added]

    def lines() -> Iterator[tuple[Any, ...]]:
        for group in sorted(groups, key=lambda one: [str(value) for value in one]):
            members = groups[group]
            fewest = min(len({row[k] for row in members}) for k in range(behind))
            sums: list[int | None] = [
                round_two_digits(sum(row[k + behind] or 0 for row in members))
                for k in added
            ]
            if fewest < FEWEST:
                yield (*group, None, *(None for _ in added))
            else:
                yield (*group, len(members), *sums)

    return columns, lines()


def _many_behind(
    connection: Connection, shown: list[Column], rows: Iterable[tuple[Any, ...]]
) -> Iterator[tuple[Any, ...]]:
    """Yield rows of stock; a mass of few lots, or from few suppliers, is left empty.

    Lots of no known producer count as those of one for each owner. No lot at all is
    few: that there is nothing would tell when the last one left.
    """
    lots, owners = source_of("lots", ""), source_of("owners", "")
    query = (
        select(lots.c.item, owners.c.kind, lots.c.lot, lots.c.owner, lots.c.producer)
        .join(owners, owners.c.owner == lots.c.owner)
        .where(lots.c.status == "held", lots.c.grams > 0)
    )
    things, sources = defaultdict(set), defaultdict(set)
    for item, kind, lot, owner, producer in connection.execute(query):
        things[item, kind].add(lot)
        sources[item, kind].add(producer or ("no producer", owner))
    names = [column.name for column in shown]
    at = names.index("item")
    kinds = [name.removesuffix("_grams") for name in names]
    for row in rows:
        few = [
            name.endswith("_grams")
            and min(len(things[row[at], kind]), len(sources[row[at], kind])) < FEWEST
            for name, kind in zip(names, kinds, strict=True)
        ]
        yield tuple(None if no else v for v, no in zip(row, few, strict=True))


def _with_head(
    shown: list[Column],
    rows: Iterable[tuple[Any, ...]],
    treatments: dict[str, Treatment],
) -> Iterator[tuple[Any, ...]]:
    """Yield the names, then the rows with what is rounded rounded."""
    yield tuple(column.name for column in shown)
    rounded = [treatments.get(column.name) == "round" for column in shown]
    for row in rows:
        yield tuple(
            round_two_digits(value) if cut and value is not None else value
            for value, cut in zip(row, rounded, strict=True)
        )


def _field(column: Column, treatments: dict[str, Treatment]) -> dict[str, str]:
    field = {"name": column.name, "type": _TYPES.get(column.type, column.type)}
    if column.unit:
        field["unit"] = column.unit
    notes = {
        "round": "rounded to two significant digits",
        "aggregate": (
            f"sum, two significant digits; empty with fewer than {FEWEST} things or "
            "suppliers behind it"
        ),
    }
    note = notes.get(treatments.get(column.name, "keep"))
    if note:
        field["description"] = note
    return field


# --- What goes beside the tables --------------------------------------------------


def _head(connection: Connection) -> str:
    """Return ``sequence:hash`` of the newest entry."""
    audit = source_of("audit", "")
    query = select(audit.c.sequence, audit.c.hash).order_by(audit.c.sequence.desc())
    row = connection.execute(query.limit(1)).first()
    return f"{row[0]}:{row[1]}" if row else f"0:{'0' * 64}"


def _name(connection: Connection) -> str:
    meta = source_of("meta", "")
    query = select(meta.c.value).where(meta.c.name == "name")
    return str(connection.execute(query).scalar() or "reserve")


def _slug(name: str, level: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", f"{name} {level}".lower()).strip("-")


def _write_json(path: Path, content: object) -> None:
    text = json.dumps(content, indent=2, ensure_ascii=False)
    path.write_text(text + "\n", encoding="utf-8")


_SHOWS: Final = {
    "full": "Everything but passwords, sessions and tokens. Not for publication.",
    "partner": "No prices, no money, no persons, no members, no depots.",
    "public": (
        "Tonnes by item, rounded to two significant digits, with at least "
        f"{FEWEST} lots or contracts of {FEWEST} suppliers behind them, or {FEWEST} "
        "releases; fewer are left empty. Ceilings of the materials plan and market "
        "limits are shown. No lot, depot, person, price or member."
    ),
}


def _readme(
    name: str, level: str, head: str, created: str, written: list[dict[str, Any]]
) -> str:
    tables = "\n".join(
        f"| {one['path']} | {one['rows']} | {one['description']} |" for one in written
    )
    return f"""# {name}

Export at level **{level}**, made {created}. {_SHOWS[level]}

State of the reserve: audit entry {head}. `oreserve reserve verify --head` checks
whether a database holds it.

| file | rows | what |
|---|---|---|
{tables}

Masses are grams, money is US cents, dates are `YYYY-MM-DD`, times UTC. An empty cell
is not known or not shown; it is never 0. A text that a spreadsheet would run as a
formula has an apostrophe in front. `datapackage.json` has the types, units and
sha256 of every file.
"""
